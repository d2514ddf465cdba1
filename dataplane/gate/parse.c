/* SPDX-License-Identifier: BSD-3-Clause */
#include "dataplane/gate/parse.h"

#include "dataplane/gate/checksum.h"
#include "dataplane/gate/network_bytes.h"
#include "dataplane/gate/parse_ipv6.h"
#include "dataplane/gate/parse_udp.h"

#include <string.h>

static uint32_t prefix_mask(uint8_t prefix_length)
{
    return prefix_length == 0 ? 0 : UINT32_MAX << (32u - prefix_length);
}

bool tw_parse_is_neighbour(const struct tw_parse_rules *rules, uint32_t address)
{
    uint32_t mask = prefix_mask(rules->prefix_length);
    if (address == rules->address || ((address ^ rules->address) & mask) != 0)
        return false;
    /* Prefixes of 31 and 32 bits have no network and broadcast address (RFC 3021). */
    return rules->prefix_length >= 31 || ((address & ~mask) != 0 && (address | mask) != UINT32_MAX);
}

static bool source_is_usable(const struct tw_parse_rules *rules, uint32_t source)
{
    uint32_t top = source >> 24;
    if (top == 0 || top == 127 || top >= 224)
        return false;
    /* Of 64 bits, so that even a prefix of none shifts all away. Our own address is on it. */
    uint64_t differs = source ^ rules->address;
    bool on_link = differs >> (32u - rules->prefix_length) == 0;
    return !on_link || tw_parse_is_neighbour(rules, source);
}

static bool destination_is_ours(const uint8_t *frame, const struct tw_parse_rules *rules)
{
    static const uint8_t broadcast[6] = {0xff, 0xff, 0xff, 0xff, 0xff, 0xff};
    return memcmp(frame, rules->mac, 6) == 0 || memcmp(frame, broadcast, 6) == 0 ||
           tw_ipv6_group_mac_is_ours(frame, rules);
}

static uint16_t parse_arp(struct tw_packet *packet, const struct tw_parse_rules *rules)
{
    if (packet->frame_length - packet->network_offset < TW_ARP_SIZE)
        return TW_OUTCOME_ARP_MALFORMED;
    const uint8_t *arp = packet->frame + packet->network_offset;
    uint16_t operation = tw_load_be16(arp + TW_ARP_OPERATION);
    const uint8_t *mac = arp + TW_ARP_SENDER_MAC;
    static const uint8_t zero[6];
    if (tw_load_be32(arp) != TW_ARP_ETHERNET_IPV4_0 ||
        tw_load_be16(arp + 4) != TW_ARP_ETHERNET_IPV4_4 ||
        (operation != TW_ARP_REQUEST && operation != TW_ARP_REPLY) || (mac[0] & 1) != 0 ||
        memcmp(mac, zero, sizeof(zero)) == 0)
        return TW_OUTCOME_ARP_MALFORMED;
    packet->source_ipv4 = tw_load_be32(arp + TW_ARP_SENDER_ADDRESS);
    /* A probe (RFC 5227) asks from address zero; it is answered, but teaches no neighbour. */
    bool probe = packet->source_ipv4 == 0 && operation == TW_ARP_REQUEST;
    if (tw_load_be32(arp + TW_ARP_TARGET_ADDRESS) != rules->address ||
        (!probe && !tw_parse_is_neighbour(rules, packet->source_ipv4)))
        return TW_OUTCOME_ARP_FOREIGN;
    packet->kind = TW_PACKET_ARP;
    return TW_OUTCOME_OPEN;
}

static uint16_t parse_icmp(struct tw_packet *packet, const uint8_t *icmp, uint16_t length)
{
    if (length < TW_ICMP_SIZE || icmp[0] != TW_ICMP_ECHO_REQUEST || icmp[1] != 0 ||
        tw_checksum_finish(tw_checksum_add(0, icmp, length)) != 0)
        return TW_OUTCOME_ICMP_IGNORED;
    packet->kind = TW_PACKET_ICMP;
    return TW_OUTCOME_OPEN;
}

static bool udp_checksum_is_right(const uint8_t *ipv4, const uint8_t *udp,
                                  enum tw_checksum_hint hint)
{
    if (hint != TW_CHECKSUM_UNKNOWN)
        return hint == TW_CHECKSUM_GOOD;
    /* RFC 768: zero means that the sender made none. */
    if (tw_load_be16(udp + TW_UDP_CHECKSUM) == 0)
        return true;
    uint16_t length = tw_load_be16(udp + TW_UDP_LENGTH);
    uint64_t sum = tw_checksum_pseudo_header(ipv4, length);
    return tw_checksum_finish(tw_checksum_add(sum, udp, length)) == 0;
}

static uint16_t parse_udp(struct tw_packet *packet, const struct tw_parse_rules *rules,
                          uint8_t *udp, enum tw_checksum_hint hint)
{
    uint32_t room = packet->network_length - TW_IPV4_SIZE;
    uint16_t outcome = tw_udp_header_check(udp, room, rules->udp_port);
    if (outcome != TW_OUTCOME_OPEN)
        return outcome;
    packet->source.port = tw_load_be16(udp + TW_UDP_SOURCE_PORT);
    outcome = tw_udp_payload_take(packet, udp);
    packet->checksum_owed = hint == TW_CHECKSUM_LATER;
    if (outcome != TW_OUTCOME_OPEN || packet->checksum_owed)
        return outcome;
    if (udp_checksum_is_right(packet->frame + packet->network_offset, udp, hint))
        return TW_OUTCOME_OPEN;
    packet->kind = TW_PACKET_NONE;
    return TW_OUTCOME_UDP_CHECKSUM;
}

static uint16_t check_ipv4_header(struct tw_packet *packet, const struct tw_parse_rules *rules,
                                  const uint8_t *ipv4, enum tw_checksum_hint hint)
{
    uint32_t available = packet->frame_length - packet->network_offset;
    if (available < TW_IPV4_SIZE)
        return TW_OUTCOME_IPV4_TRUNCATED;
    packet->network_length = tw_load_be16(ipv4 + TW_IPV4_TOTAL_LENGTH);
    if (ipv4[0] != 0x45 || packet->network_length < TW_IPV4_SIZE)
        return TW_OUTCOME_IPV4_HEADER;
    if (packet->network_length > available)
        return TW_OUTCOME_IPV4_TRUNCATED;
    if (hint == TW_CHECKSUM_BAD ||
        (hint == TW_CHECKSUM_UNKNOWN && tw_checksum_finish(tw_checksum_ipv4_header(ipv4)) != 0))
        return TW_OUTCOME_IPV4_CHECKSUM;
    if ((tw_load_be16(ipv4 + TW_IPV4_FRAGMENT) & TW_IPV4_FRAGMENT_MASK) != 0)
        return TW_OUTCOME_IPV4_FRAGMENT;
    if (tw_load_be32(ipv4 + TW_IPV4_DESTINATION) != rules->address)
        return TW_OUTCOME_IPV4_FOREIGN;
    packet->source_ipv4 = tw_load_be32(ipv4 + TW_IPV4_SOURCE);
    if (!source_is_usable(rules, packet->source_ipv4))
        return TW_OUTCOME_IPV4_SOURCE;
    packet->source = tw_address_from_ipv4(packet->source_ipv4, 0);
    return TW_OUTCOME_OPEN;
}

static uint16_t parse_ipv4(struct tw_packet *packet, const struct tw_parse_rules *rules,
                           struct tw_checksum_hints hints)
{
    uint8_t *ipv4 = packet->frame + packet->network_offset;
    uint16_t outcome = check_ipv4_header(packet, rules, ipv4, hints.ipv4);
    if (outcome != TW_OUTCOME_OPEN)
        return outcome;
    uint8_t *body = ipv4 + TW_IPV4_SIZE;
    if (ipv4[TW_IPV4_PROTOCOL] == TW_PROTOCOL_UDP)
        return parse_udp(packet, rules, body, hints.udp);
    if (ipv4[TW_IPV4_PROTOCOL] == TW_PROTOCOL_ICMP)
        return parse_icmp(packet, body, (uint16_t)(packet->network_length - TW_IPV4_SIZE));
    return TW_OUTCOME_IPV4_PROTOCOL;
}

static uint16_t parse_ethernet(struct tw_packet *packet, const struct tw_parse_rules *rules,
                               struct tw_checksum_hints hints)
{
    if (packet->frame_length < TW_ETHERNET_SIZE)
        return TW_OUTCOME_ETHERNET_TRUNCATED;
    if (!destination_is_ours(packet->frame, rules))
        return TW_OUTCOME_ETHERNET_FOREIGN;
    uint16_t type = tw_load_be16(packet->frame + TW_ETHERNET_TYPE);
    packet->network_offset = TW_ETHERNET_SIZE;
    if (type == TW_ETHERTYPE_VLAN) {
        if (packet->frame_length < TW_ETHERNET_SIZE + TW_VLAN_SIZE)
            return TW_OUTCOME_ETHERNET_TRUNCATED;
        if ((tw_load_be16(packet->frame + TW_ETHERNET_SIZE) & TW_VLAN_ID_MASK) != 0)
            return TW_OUTCOME_VLAN_FOREIGN;
        packet->network_offset = TW_ETHERNET_SIZE + TW_VLAN_SIZE;
        type = tw_load_be16(packet->frame + TW_ETHERNET_TYPE + TW_VLAN_SIZE);
    }
    switch (type) {
    case TW_ETHERTYPE_IPV4:
        return parse_ipv4(packet, rules, hints);
    case TW_ETHERTYPE_ARP:
        return parse_arp(packet, rules);
    case TW_ETHERTYPE_IPV6:
        return tw_ipv6_parse(packet, rules, hints.udp);
    default:
        return TW_OUTCOME_ETHERTYPE_UNKNOWN;
    }
}

void tw_packet_parse(struct tw_packet *packet, const struct tw_parse_rules *rules,
                     struct tw_checksum_hints hints)
{
    memset(packet, 0, offsetof(struct tw_packet, frame));
    packet->slot = UINT32_MAX;
    packet->outcome = parse_ethernet(packet, rules, hints);
}

uint16_t tw_packet_check_udp(struct tw_packet *packet)
{
    const uint8_t *network = packet->frame + packet->network_offset;
    const uint8_t *udp = packet->payload - TW_UDP_SIZE;
    bool right = tw_ip_is_ipv4(packet->source.ip)
                     ? udp_checksum_is_right(network, udp, TW_CHECKSUM_UNKNOWN)
                     : tw_ipv6_udp_checksum_is_right(network, udp, TW_CHECKSUM_UNKNOWN);
    packet->checksum_owed = false;
    return right ? TW_OUTCOME_OPEN : TW_OUTCOME_UDP_CHECKSUM;
}
