/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Frames of a lab: untagged Ethernet, IPv4 without options or IPv6 without extension headers, and
 * UDP. Which of the two families it is follows from the addresses: v4-mapped ones make IPv4. Pure,
 * any thread.
 */
#ifndef TICKWIRE_TESTS_LOAD_LAB_DATAGRAM_H
#define TICKWIRE_TESTS_LOAD_LAB_DATAGRAM_H

#include "dataplane/gate/network_bytes.h"
#include "tickwire/address.h"

#include <stdint.h>

/* In front of a payload, at most. */
#define TW_LAB_HEADERS_MAX TW_FRAME6_HEADERS_SIZE

struct tw_lab_ends {
    struct tw_address from, to; /* of one family */
    uint8_t from_mac[6], to_mac[6];
};

/* Where the payload between two such ends begins. */
static inline uint32_t tw_lab_headers_size(const struct tw_lab_ends *ends)
{
    return tw_ip_is_ipv4(ends->to.ip) ? TW_FRAME_HEADERS_SIZE : TW_FRAME6_HEADERS_SIZE;
}

/* Headers in front of a payload that stands at its place; the length of the whole frame. */
uint32_t tw_lab_datagram_write(uint8_t *frame, const struct tw_lab_ends *ends,
                               uint32_t payload_length);

/* Where the payload of frame[length] begins; 0 if it is no such frame, or not whole. Checksums are
 * not looked at. */
uint32_t tw_lab_datagram_read(const uint8_t *frame, uint32_t length);

/* Of a frame that was read. */
struct tw_lab_ends tw_lab_datagram_ends(const uint8_t *frame);

/* The UDP checksum of a frame that was read, after its payload has changed. */
void tw_lab_datagram_finish(uint8_t *frame, uint32_t length);

#endif
