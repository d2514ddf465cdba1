/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Ethernet, IPv4 or IPv6, and UDP headers in front of a finished payload. Pure, any thread.
 *
 * Checksums are made here, or left to a port that finishes them; which of the two is chosen once,
 * at the start, and the bytes on the wire are the same. Fragmentation is forbidden and
 * the identification zero (RFC 6864): our datagrams fit every path, and with 1,248 bytes the least
 * that IPv6 demands of a link (1,280).
 */
#ifndef TICKWIRE_DATAPLANE_GATE_UDP_FRAME_H
#define TICKWIRE_DATAPLANE_GATE_UDP_FRAME_H

#include "dataplane/gate/network_bytes.h"
#include "dataplane/gate/parse.h"

struct tw_udp_target {
    uint32_t address; /* host byte order */
    uint16_t port;
    uint8_t mac[6]; /* of the next hop */
};

/* frame[42 + payload_length]: the payload stands at its place; we send from rules' address. */
void tw_udp_frame_write(uint8_t *frame, const struct tw_parse_rules *rules,
                        const struct tw_udp_target *target, uint16_t payload_length);

/* The same for a port that finishes checksums: the IPv4 one is zero, the UDP one holds the pseudo
 * header's sum, as DPDK wants it (RTE_MBUF_F_TX_UDP_CKSUM). */
void tw_udp_frame_write_unfinished(uint8_t *frame, const struct tw_parse_rules *rules,
                                   const struct tw_udp_target *target, uint16_t payload_length);

struct tw_udp6_target {
    uint8_t ip[16];
    uint16_t port;
    uint8_t mac[6]; /* of the next hop */
};

/* The same two for IPv6, whose header has no checksum: frame[62 + payload_length]. */
void tw_udp6_frame_write(uint8_t *frame, const struct tw_parse_rules *rules,
                         const struct tw_udp6_target *target, uint16_t payload_length);
void tw_udp6_frame_write_unfinished(uint8_t *frame, const struct tw_parse_rules *rules,
                                    const struct tw_udp6_target *target, uint16_t payload_length);

#endif
