/* SPDX-License-Identifier: BSD-3-Clause */
/* ARP (RFC 826): the reply to a request, and requests of our own. Pure, any thread. */
#ifndef TICKWIRE_DATAPLANE_GATE_ARP_H
#define TICKWIRE_DATAPLANE_GATE_ARP_H

#include "dataplane/gate/packet.h"
#include "dataplane/gate/parse.h"

#define TW_ARP_FRAME_SIZE 42u /* without padding */

/* True for a request (as opposed to a reply) in a packet of kind TW_PACKET_ARP. */
bool tw_arp_is_request(const struct tw_packet *packet);

/* The sender's MAC address in a packet of kind TW_PACKET_ARP. */
const uint8_t *tw_arp_sender_mac(const struct tw_packet *packet);

/* Turns the request into its reply in place, to the asker named in the ARP body. Returns the
 * length of the frame to send. */
uint32_t tw_arp_reply(struct tw_packet *packet, const struct tw_parse_rules *rules);

/* A broadcast question for `address`. */
void tw_arp_request_write(uint8_t frame[TW_ARP_FRAME_SIZE], const struct tw_parse_rules *rules,
                          uint32_t address);

#endif
