/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The Internet checksum (RFC 1071), and its pseudo headers for IPv4 (RFC 768) and IPv6.
 *
 * Sums are of 16-bit words in memory order: the result is stored and compared as it lies in
 * memory, whatever the machine's byte order. Pure, any thread.
 */
#ifndef TICKWIRE_DATAPLANE_GATE_CHECKSUM_H
#define TICKWIRE_DATAPLANE_GATE_CHECKSUM_H

#include "dataplane/gate/network_bytes.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

/* Adds bytes[length]; all but the last call of one sum need an even length. With AVX-512 where the
 * CPU has it: sums may differ between the two, what they finish to does not. */
uint64_t tw_checksum_add(uint64_t sum, const uint8_t *bytes, size_t length);
uint64_t tw_checksum_add_portable(uint64_t sum, const uint8_t *bytes, size_t length);

/* Folded and complemented; 0 over data that holds its own right checksum. */
static inline uint16_t tw_checksum_finish(uint64_t sum)
{
    /* A half plus the other, turned around: the upper half gets the carry of the lower one. */
    sum += sum << 32 | sum >> 32;
    uint32_t words = (uint32_t)(sum >> 32);
    words += words << 16 | words >> 16;
    return (uint16_t)(~words >> 16);
}

/* Stores a finished checksum into bytes[2]. */
static inline void tw_checksum_store(uint8_t *bytes, uint16_t checksum)
{
    memcpy(bytes, &checksum, sizeof(checksum));
}

/* Sum of so many 32-bit words: for headers, whose size is known. */
static inline uint64_t tw_checksum_words(const uint8_t *bytes, uint32_t count)
{
    uint64_t sum = 0;
    for (uint32_t i = 0; i < count; i++) {
        uint32_t word;
        memcpy(&word, bytes + i * sizeof(word), sizeof(word));
        sum += word;
    }
    return sum;
}

/* Sum of an IPv4 header without options. */
static inline uint64_t tw_checksum_ipv4_header(const uint8_t *ipv4)
{
    return tw_checksum_words(ipv4, TW_IPV4_SIZE / 4u);
}

/* Sum of the pseudo header of the datagram in `ipv4`, whose UDP part has `udp_length` bytes. */
static inline uint64_t tw_checksum_pseudo_header(const uint8_t *ipv4, uint16_t udp_length)
{
    /* Zero, protocol, length, as they would lie in memory. */
    uint32_t tail = TW_PROTOCOL_UDP << 8 | (uint32_t)__builtin_bswap16(udp_length) << 16;
    return tw_checksum_words(ipv4 + TW_IPV4_SOURCE, 2) + tail;
}

/* The same for the `length` bytes of `protocol` behind the IPv6 header (RFC 8200 section 8.1). */
static inline uint64_t tw_checksum_pseudo_header6(const uint8_t *ipv6, uint8_t protocol,
                                                  uint16_t length)
{
    uint32_t tail = (uint32_t)protocol << 8 | (uint32_t)__builtin_bswap16(length) << 16;
    return tw_checksum_words(ipv6 + TW_IPV6_SOURCE, 8) + tail;
}

#endif
