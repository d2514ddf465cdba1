/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Neighbour discovery (RFC 4861): the solicitation for our address and its answer, advertisements
 * of our neighbours, and solicitations of our own. Pure, any thread.
 *
 * Probes for duplicate addresses (RFC 4862) are answered: whoever wants our address learns that it
 * is taken. We make none ourselves: the address is configured, and the operator answers for it.
 */
#ifndef TICKWIRE_DATAPLANE_GATE_ND_H
#define TICKWIRE_DATAPLANE_GATE_ND_H

#include "dataplane/gate/packet.h"
#include "dataplane/gate/parse.h"

/* Ethernet, IPv6, 24 bytes of ICMPv6, one option of 8. */
#define TW_ND_FRAME_SIZE 86u

/* The packet is ICMPv6 of type 135 or 136 with a right checksum, from a usable source or from
 * nowhere. Returns the outcome, or open with kind TW_PACKET_ND. */
uint16_t tw_nd_parse(struct tw_packet *packet, const struct tw_parse_rules *rules);

/* What a packet of kind TW_PACKET_ND tells. */
struct tw_nd_message {
    bool is_solicitation; /* of our address; else an advertisement */
    const uint8_t *ip;    /* the neighbour; NULL: a probe, from nowhere */
    const uint8_t *mac;   /* its MAC address; NULL: not told */
    bool keeps_known;     /* does not replace another MAC address that is known */
};

/* Points into the packet. */
struct tw_nd_message tw_nd_read(const struct tw_packet *packet);

/* The answer to a solicitation by `ip` at `mac`, or to a probe (both NULL). */
void tw_nd_advertisement_write(uint8_t frame[TW_ND_FRAME_SIZE], const struct tw_parse_rules *rules,
                               const uint8_t *ip, const uint8_t *mac);

/* A question for `ip`, to its solicited-node group. */
void tw_nd_solicitation_write(uint8_t frame[TW_ND_FRAME_SIZE], const struct tw_parse_rules *rules,
                              const uint8_t ip[16]);

#endif
