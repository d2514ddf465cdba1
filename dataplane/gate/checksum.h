/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The Internet checksum (RFC 1071), and its pseudo header for UDP over IPv4 (RFC 768).
 *
 * Sums are of 16-bit words in memory order: the result is stored and compared as it lies in
 * memory, whatever the machine's byte order. Pure, any thread.
 */
#ifndef TICKWIRE_DATAPLANE_GATE_CHECKSUM_H
#define TICKWIRE_DATAPLANE_GATE_CHECKSUM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Adds bytes[length]; all but the last call of one sum need an even length. */
uint64_t tw_checksum_add(uint64_t sum, const uint8_t *bytes, size_t length);

/* Folded and complemented; 0 over data that holds its own right checksum. */
uint16_t tw_checksum_finish(uint64_t sum);

/* Stores a finished checksum into bytes[2]. */
void tw_checksum_store(uint8_t *bytes, uint16_t checksum);

/* Sum of the pseudo header of the datagram in `ipv4`, whose UDP part has `udp_length` bytes. */
uint64_t tw_checksum_pseudo_header(const uint8_t *ipv4, uint16_t udp_length);

#endif
