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

static inline bool tw_address_equal(const struct tw_address *a, const struct tw_address *b)
{
    return a->port == b->port && memcmp(a->ip, b->ip, sizeof(a->ip)) == 0;
}

#endif
