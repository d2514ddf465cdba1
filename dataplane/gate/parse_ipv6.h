/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * From an IPv6 packet to a UDP payload, neighbour discovery or an ICMPv6 echo request.
 *
 * One address of ours is served, and of the groups a host belongs to (RFC 4291 section 2.8) those
 * that neighbour discovery needs: all nodes, and the solicited-node group of our address. There is
 * no link-local address of ours, no stateless configuration, no multicast listener report: a
 * switch that snoops has to let the groups through. Extension headers are never walked: whatever
 * has one is dropped. Router messages are ignored, the gateway is configured.
 *
 * Pure, any thread. Sources: RFC 8200, RFC 4443, RFC 4861 (nd.h), RFC 2464.
 */
#ifndef TICKWIRE_DATAPLANE_GATE_PARSE_IPV6_H
#define TICKWIRE_DATAPLANE_GATE_PARSE_IPV6_H

#include "dataplane/gate/packet.h"
#include "dataplane/gate/parse.h"

#include <stdbool.h>
#include <stdint.h>

/* ff02::1 and its Ethernet address. */
extern const uint8_t tw_ipv6_all_nodes[16];
extern const uint8_t tw_ipv6_all_nodes_mac[6];

/* ff02::1:ffXX:XXXX of an address, and its Ethernet address. */
void tw_ipv6_solicited_node(uint8_t group[16], uint8_t mac[6], const uint8_t ip[16]);

/* True for the Ethernet address of a group of ours; false when the port has no IPv6 address. */
bool tw_ipv6_group_mac_is_ours(const uint8_t mac[6], const struct tw_parse_rules *rules);

/* True for another host's address on our link: link-local, or of our prefix. */
bool tw_ipv6_is_neighbour(const struct tw_parse_rules *rules, const uint8_t ip[16]);

/* Needs network_offset; sets network_length, source, and what belongs to the kind. Returns the
 * outcome, or open with a kind. */
uint16_t tw_ipv6_parse(struct tw_packet *packet, const struct tw_parse_rules *rules,
                       enum tw_checksum_hint udp_hint);

/* Of the datagram udp[its length] in this packet, by what the card said or by its bytes. */
bool tw_ipv6_udp_checksum_is_right(const uint8_t *ipv6, const uint8_t *udp,
                                   enum tw_checksum_hint hint);

#endif
