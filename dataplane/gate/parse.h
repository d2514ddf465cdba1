/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * First stage: from a raw frame to an ARP packet, an ICMP echo request or a UDP payload. What
 * stands in an IPv6 packet is parse_ipv6.h's.
 *
 * Every malformed class ends in its own outcome of drop_reasons.h. A priority tag of a switch (one
 * that names VLAN 0) is skipped; frames we send are untagged, so whoever is on a VLAN would not see
 * them, and what is tagged for one is dropped. Pure, any thread. Sources: network_bytes.h;
 * source addresses a host may not use: RFC 1122 section 3.2.1.3.
 */
#ifndef TICKWIRE_DATAPLANE_GATE_PARSE_H
#define TICKWIRE_DATAPLANE_GATE_PARSE_H

#include "dataplane/gate/packet.h"

#include <stdint.h>

/* What the network card said about a checksum. */
enum tw_checksum_hint {
    TW_CHECKSUM_UNKNOWN, /* checked here */
    TW_CHECKSUM_GOOD,
    TW_CHECKSUM_BAD,
    TW_CHECKSUM_LATER, /* of UDP: by tw_packet_check_udp, if the packet gets that far */
};

struct tw_parse_rules {
    uint8_t mac[6];
    uint8_t prefix_length;
    uint16_t udp_port;
    uint32_t address; /* IPv4, host byte order */
    /* Behind what every IPv4 packet needs. */
    bool has_ipv6;
    uint8_t prefix_length6;
    uint8_t address6[16];
};

struct tw_checksum_hints {
    enum tw_checksum_hint ipv4;
    enum tw_checksum_hint udp;
};

/* True for another host's address on our own prefix (not its network or broadcast address). */
bool tw_parse_is_neighbour(const struct tw_parse_rules *rules, uint32_t address);

/* Needs packet->frame and frame_length; sets everything else. */
void tw_packet_parse(struct tw_packet *packet, const struct tw_parse_rules *rules,
                     struct tw_checksum_hints hints);

/* The UDP checksum of a packet that is owed one: open, or wrong. */
uint16_t tw_packet_check_udp(struct tw_packet *packet);

#endif
