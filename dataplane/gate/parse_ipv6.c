/* SPDX-License-Identifier: BSD-3-Clause */
#include "dataplane/gate/parse_ipv6.h"

#include "dataplane/gate/checksum.h"
#include "dataplane/gate/nd.h"
#include "dataplane/gate/network_bytes.h"
#include "dataplane/gate/parse_udp.h"

#include <string.h>

const uint8_t tw_ipv6_all_nodes[16] = {0xff, 0x02, [15] = 1};
const uint8_t tw_ipv6_all_nodes_mac[6] = {0x33, 0x33, 0, 0, 0, 1};

void tw_ipv6_solicited_node(uint8_t group[16], uint8_t mac[6], const uint8_t ip[16])
{
    static const uint8_t start[13] = {0xff, 0x02, [11] = 1, [12] = 0xff};
    memcpy(group, start, sizeof(start));
    memcpy(group + 13, ip + 13, 3);
    mac[0] = 0x33;
    mac[1] = 0x33;
    memcpy(mac + 2, group + 12, 4);
}

bool tw_ipv6_group_mac_is_ours(const uint8_t mac[6], const struct tw_parse_rules *rules)
{
    static const uint8_t solicited[3] = {0x33, 0x33, 0xff};
    if (!rules->has_ipv6)
        return false;
    return memcmp(mac, tw_ipv6_all_nodes_mac, 6) == 0 ||
           (memcmp(mac, solicited, 3) == 0 && memcmp(mac + 3, rules->address6 + 13, 3) == 0);
}

bool tw_ipv6_is_neighbour(const struct tw_parse_rules *rules, const uint8_t ip[16])
{
    if (memcmp(ip, rules->address6, 16) == 0)
        return false;
    return tw_ip_is_link_local(ip) || tw_ip_same_prefix(ip, rules->address6, rules->prefix_length6);
}

static bool group_is_ours(const struct tw_parse_rules *rules, const uint8_t ip[16])
{
    uint8_t group[16], mac[6];
    tw_ipv6_solicited_node(group, mac, rules->address6);
    return memcmp(ip, group, 16) == 0 || memcmp(ip, tw_ipv6_all_nodes, 16) == 0;
}

/* Loopback, unspecified and IPv4-compatible addresses are all zero at first; a v4-mapped source
 * would pass for an IPv4 host's session. */
static bool source_is_usable(const struct tw_parse_rules *rules, const uint8_t ip[16])
{
    static const uint8_t zero[12];
    return ip[0] != 0xff && memcmp(ip, zero, sizeof(zero)) != 0 && !tw_ip_is_ipv4(ip) &&
           memcmp(ip, rules->address6, 16) != 0;
}

static uint16_t check_next_header(uint8_t next_header)
{
    switch (next_header) {
    case TW_PROTOCOL_UDP:
    case TW_PROTOCOL_ICMPV6:
        return TW_OUTCOME_OPEN;
    case TW_PROTOCOL_FRAGMENT:
        return TW_OUTCOME_IPV6_FRAGMENT;
    case 0:   /* hop by hop */
    case 43:  /* routing */
    case 50:  /* ESP */
    case 51:  /* AH */
    case 60:  /* destination options */
    case 135: /* mobility */
    case 139: /* HIP */
    case 140: /* shim6 */
        return TW_OUTCOME_IPV6_EXTENSION;
    default:
        return TW_OUTCOME_IPV6_PROTOCOL;
    }
}

static uint16_t check_header(struct tw_packet *packet, const struct tw_parse_rules *rules,
                             const uint8_t *ipv6)
{
    uint32_t available = packet->frame_length - packet->network_offset;
    if (available < TW_IPV6_SIZE)
        return TW_OUTCOME_IPV6_TRUNCATED;
    if (ipv6[0] >> 4 != 6)
        return TW_OUTCOME_IPV6_VERSION;
    uint32_t length = TW_IPV6_SIZE + (uint32_t)tw_load_be16(ipv6 + TW_IPV6_PAYLOAD_LENGTH);
    if (length == TW_IPV6_SIZE)
        return TW_OUTCOME_IPV6_JUMBO;
    if (length > available)
        return TW_OUTCOME_IPV6_TRUNCATED;
    packet->network_length = (uint16_t)length;
    bool unicast = memcmp(ipv6 + TW_IPV6_DESTINATION, rules->address6, 16) == 0;
    if (!unicast && !group_is_ours(rules, ipv6 + TW_IPV6_DESTINATION))
        return TW_OUTCOME_IPV6_FOREIGN;
    uint16_t outcome = check_next_header(ipv6[TW_IPV6_NEXT_HEADER]);
    if (outcome != TW_OUTCOME_OPEN)
        return outcome;
    return unicast || ipv6[TW_IPV6_NEXT_HEADER] == TW_PROTOCOL_ICMPV6 ? TW_OUTCOME_OPEN
                                                                      : TW_OUTCOME_IPV6_FOREIGN;
}

/* RFC 8200 section 8.1: there is no UDP over IPv6 without a checksum. */
bool tw_ipv6_udp_checksum_is_right(const uint8_t *ipv6, const uint8_t *udp,
                                   enum tw_checksum_hint hint)
{
    if (tw_load_be16(udp + TW_UDP_CHECKSUM) == 0)
        return false;
    if (hint != TW_CHECKSUM_UNKNOWN)
        return hint == TW_CHECKSUM_GOOD;
    uint16_t length = tw_load_be16(udp + TW_UDP_LENGTH);
    uint64_t sum = tw_checksum_pseudo_header6(ipv6, TW_PROTOCOL_UDP, length);
    return tw_checksum_finish(tw_checksum_add(sum, udp, length)) == 0;
}

static uint16_t parse_udp(struct tw_packet *packet, const struct tw_parse_rules *rules,
                          uint8_t *udp, enum tw_checksum_hint hint)
{
    uint32_t room = packet->network_length - TW_IPV6_SIZE;
    uint16_t outcome = tw_udp_header_check(udp, room, rules->udp_port);
    if (outcome != TW_OUTCOME_OPEN)
        return outcome;
    packet->source.port = tw_load_be16(udp + TW_UDP_SOURCE_PORT);
    outcome = tw_udp_payload_take(packet, udp);
    packet->checksum_owed = hint == TW_CHECKSUM_LATER;
    if (outcome != TW_OUTCOME_OPEN || packet->checksum_owed)
        return outcome;
    if (tw_ipv6_udp_checksum_is_right(packet->frame + packet->network_offset, udp, hint))
        return TW_OUTCOME_OPEN;
    packet->kind = TW_PACKET_NONE;
    return TW_OUTCOME_UDP_CHECKSUM;
}

static bool icmp_checksum_is_right(const uint8_t *ipv6, uint16_t length)
{
    uint64_t sum = tw_checksum_pseudo_header6(ipv6, TW_PROTOCOL_ICMPV6, length);
    return tw_checksum_finish(tw_checksum_add(sum, ipv6 + TW_IPV6_SIZE, length)) == 0;
}

static uint16_t parse_echo(struct tw_packet *packet, const struct tw_parse_rules *rules,
                           const uint8_t *ipv6, uint16_t length)
{
    const uint8_t *icmp = ipv6 + TW_IPV6_SIZE;
    if (tw_ip_is_zero(packet->source.ip))
        return TW_OUTCOME_IPV6_SOURCE;
    if (length < TW_ICMP_SIZE || icmp[0] != TW_ICMPV6_ECHO_REQUEST || icmp[1] != 0 ||
        memcmp(ipv6 + TW_IPV6_DESTINATION, rules->address6, 16) != 0 ||
        !icmp_checksum_is_right(ipv6, length))
        return TW_OUTCOME_ICMPV6_IGNORED;
    packet->kind = TW_PACKET_ICMPV6;
    return TW_OUTCOME_OPEN;
}

static uint16_t parse_icmp(struct tw_packet *packet, const struct tw_parse_rules *rules,
                           const uint8_t *ipv6)
{
    uint16_t length = (uint16_t)(packet->network_length - TW_IPV6_SIZE);
    switch (ipv6[TW_IPV6_SIZE]) {
    case TW_ICMPV6_ROUTER_ASK:
    case TW_ICMPV6_ROUTER:
    case TW_ICMPV6_REDIRECT:
        return TW_OUTCOME_ROUTER_IGNORED;
    case TW_ICMPV6_NEIGHBOUR_ASK:
    case TW_ICMPV6_NEIGHBOUR:
        break;
    default:
        return parse_echo(packet, rules, ipv6, length);
    }
    /* A solicitation may come from nowhere: its sender asks whether an address is free. */
    if (!icmp_checksum_is_right(ipv6, length))
        return TW_OUTCOME_ND_MALFORMED;
    return tw_nd_parse(packet, rules);
}

uint16_t tw_ipv6_parse(struct tw_packet *packet, const struct tw_parse_rules *rules,
                       enum tw_checksum_hint udp_hint)
{
    if (!rules->has_ipv6)
        return TW_OUTCOME_IPV6_UNSERVED;
    uint8_t *ipv6 = packet->frame + packet->network_offset;
    uint16_t outcome = check_header(packet, rules, ipv6);
    if (outcome != TW_OUTCOME_OPEN)
        return outcome;
    const uint8_t *source = ipv6 + TW_IPV6_SOURCE;
    bool nowhere = tw_ip_is_zero(source);
    if (!nowhere && !source_is_usable(rules, source))
        return TW_OUTCOME_IPV6_SOURCE;
    packet->source = tw_address_from_ipv6(source, 0);
    if (ipv6[TW_IPV6_NEXT_HEADER] == TW_PROTOCOL_ICMPV6)
        return parse_icmp(packet, rules, ipv6);
    return nowhere ? TW_OUTCOME_IPV6_SOURCE
                   : parse_udp(packet, rules, ipv6 + TW_IPV6_SIZE, udp_hint);
}
