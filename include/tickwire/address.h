/* SPDX-License-Identifier: BSD-3-Clause */
/* A transport address as the protocol sees it: always 16 bytes of IPv6 or v4-mapped IPv6. Pure
 * value. */
#ifndef TICKWIRE_ADDRESS_H
#define TICKWIRE_ADDRESS_H

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

struct tw_address {
    uint8_t ip[16]; /* network byte order */
    uint16_t port;  /* host byte order */
};

/* ::ffff:a.b.c.d from a host-order IPv4 address. */
static inline struct tw_address tw_address_from_ipv4(uint32_t ipv4, uint16_t port)
{
    /* Two whole words: a load of all 16 bytes soon after would wait for anything narrower. */
    uint64_t words[2] = {0, UINT64_C(0xffff0000) | (uint64_t)__builtin_bswap32(ipv4) << 32};
    struct tw_address address = {.port = port};
    memcpy(address.ip, words, sizeof(words));
    return address;
}

static inline struct tw_address tw_address_from_ipv6(const uint8_t ip[16], uint16_t port)
{
    struct tw_address address = {.port = port};
    memcpy(address.ip, ip, sizeof(address.ip));
    return address;
}

static inline bool tw_ip_is_ipv4(const uint8_t ip[16])
{
    static const uint8_t mapped[12] = {[10] = 0xff, [11] = 0xff};
    return memcmp(ip, mapped, sizeof(mapped)) == 0;
}

/* Of a v4-mapped address: host byte order. */
static inline uint32_t tw_ip_ipv4(const uint8_t ip[16])
{
    return (uint32_t)ip[12] << 24 | (uint32_t)ip[13] << 16 | (uint32_t)ip[14] << 8 | ip[15];
}

/* fe80::/10 */
static inline bool tw_ip_is_link_local(const uint8_t ip[16])
{
    return ip[0] == 0xfe && (ip[1] & 0xc0) == 0x80;
}

/* True for all zero: "none" in a configuration, "unspecified" in a packet. */
static inline bool tw_ip_is_zero(const uint8_t ip[16])
{
    static const uint8_t zero[16];
    return memcmp(ip, zero, sizeof(zero)) == 0;
}

/* True if the first `bits` bits are the same. */
static inline bool tw_ip_same_prefix(const uint8_t a[16], const uint8_t b[16], uint8_t bits)
{
    uint8_t bytes = bits / 8u;
    uint8_t rest = (uint8_t)(0xff00u >> (bits % 8u));
    return memcmp(a, b, bytes) == 0 && (bytes == 16 || ((a[bytes] ^ b[bytes]) & rest) == 0);
}

static inline bool tw_address_equal(const struct tw_address *a, const struct tw_address *b)
{
    return a->port == b->port && memcmp(a->ip, b->ip, sizeof(a->ip)) == 0;
}

#endif
