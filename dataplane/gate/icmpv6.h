/* SPDX-License-Identifier: BSD-3-Clause */
/* ICMPv6 echo (RFC 4443): the reply to a request. Pure, any thread. */
#ifndef TICKWIRE_DATAPLANE_GATE_ICMPV6_H
#define TICKWIRE_DATAPLANE_GATE_ICMPV6_H

#include "dataplane/gate/packet.h"
#include "dataplane/gate/parse.h"

/* Turns the echo request (kind TW_PACKET_ICMPV6) into its reply in place, to the next hop `mac`.
 * Returns the length of the frame to send. */
uint32_t tw_icmpv6_reply(struct tw_packet *packet, const struct tw_parse_rules *rules,
                         const uint8_t mac[6]);

#endif
