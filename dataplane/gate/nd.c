/* SPDX-License-Identifier: BSD-3-Clause */
#include "dataplane/gate/nd.h"

#include "dataplane/gate/checksum.h"
#include "dataplane/gate/network_bytes.h"
#include "dataplane/gate/parse_ipv6.h"

#include <string.h>

#define ND_SIZE           24u /* without options */
#define ND_FLAGS          4u
#define ND_TARGET         8u
#define OPTION_SIZE       8u /* of the two that we know, with an Ethernet address */
#define OPTION_SOURCE_MAC 1u
#define OPTION_TARGET_MAC 2u
#define FLAG_SOLICITED    0x40u
#define FLAG_OVERRIDE     0x20u
/* Only our own link can send it: a router would have taken one off. */
#define HOP_LIMIT 255u

static_assert(TW_ND_FRAME_SIZE == TW_ETHERNET_SIZE + TW_IPV6_SIZE + ND_SIZE + OPTION_SIZE,
              "one option");

static bool mac_is_usable(const uint8_t *mac)
{
    static const uint8_t zero[6];
    return (mac[0] & 1) == 0 && memcmp(mac, zero, sizeof(zero)) != 0;
}

/* False: malformed. Else *mac is that of the option of this type, or NULL. */
static bool read_options(const uint8_t *options, uint32_t length, uint8_t type, const uint8_t **mac)
{
    *mac = NULL;
    while (length > 0) {
        uint32_t size = length >= 2 ? options[1] * 8u : 0;
        if (size == 0 || size > length)
            return false;
        if (options[0] == type) {
            if (size != OPTION_SIZE || !mac_is_usable(options + 2))
                return false;
            *mac = options + 2;
        }
        options += size;
        length -= size;
    }
    return true;
}

static uint16_t check_solicitation(const struct tw_packet *packet,
                                   const struct tw_parse_rules *rules, const uint8_t *ipv6,
                                   const uint8_t *mac)
{
    bool probe = tw_ip_is_zero(packet->source.ip);
    /* RFC 4861 section 7.1.1: a probe goes to the group and tells no address. */
    bool to_group = ipv6[TW_IPV6_DESTINATION] == 0xff && ipv6[TW_IPV6_DESTINATION + 12] == 0xff;
    if (probe && (!to_group || mac))
        return TW_OUTCOME_ND_MALFORMED;
    if (memcmp(ipv6 + TW_IPV6_SIZE + ND_TARGET, rules->address6, 16) != 0 ||
        (!probe && !tw_ipv6_is_neighbour(rules, packet->source.ip)))
        return TW_OUTCOME_ND_FOREIGN;
    return TW_OUTCOME_OPEN;
}

static uint16_t check_advertisement(const struct tw_packet *packet,
                                    const struct tw_parse_rules *rules, const uint8_t *ipv6)
{
    /* RFC 4861 section 7.1.2: what goes to a group was not asked for. */
    bool solicited = (ipv6[TW_IPV6_SIZE + ND_FLAGS] & FLAG_SOLICITED) != 0;
    if (tw_ip_is_zero(packet->source.ip) || (ipv6[TW_IPV6_DESTINATION] == 0xff && solicited))
        return TW_OUTCOME_ND_MALFORMED;
    return tw_ipv6_is_neighbour(rules, ipv6 + TW_IPV6_SIZE + ND_TARGET) ? TW_OUTCOME_OPEN
                                                                        : TW_OUTCOME_ND_FOREIGN;
}

uint16_t tw_nd_parse(struct tw_packet *packet, const struct tw_parse_rules *rules)
{
    const uint8_t *ipv6 = packet->frame + packet->network_offset;
    const uint8_t *icmp = ipv6 + TW_IPV6_SIZE;
    uint32_t length = packet->network_length - TW_IPV6_SIZE;
    bool asks = icmp[0] == TW_ICMPV6_NEIGHBOUR_ASK;
    const uint8_t *mac;
    if (length < ND_SIZE || icmp[1] != 0 || ipv6[TW_IPV6_HOP_LIMIT] != HOP_LIMIT ||
        icmp[ND_TARGET] == 0xff ||
        !read_options(icmp + ND_SIZE, length - ND_SIZE,
                      asks ? OPTION_SOURCE_MAC : OPTION_TARGET_MAC, &mac))
        return TW_OUTCOME_ND_MALFORMED;
    uint16_t outcome = asks ? check_solicitation(packet, rules, ipv6, mac)
                            : check_advertisement(packet, rules, ipv6);
    if (outcome == TW_OUTCOME_OPEN)
        packet->kind = TW_PACKET_ND;
    return outcome;
}

struct tw_nd_message tw_nd_read(const struct tw_packet *packet)
{
    const uint8_t *icmp = packet->frame + packet->network_offset + TW_IPV6_SIZE;
    uint32_t length = packet->network_length - TW_IPV6_SIZE - ND_SIZE;
    struct tw_nd_message message = {.is_solicitation = icmp[0] == TW_ICMPV6_NEIGHBOUR_ASK};
    if (message.is_solicitation) {
        message.ip = tw_ip_is_zero(packet->source.ip) ? NULL : packet->source.ip;
        (void)read_options(icmp + ND_SIZE, length, OPTION_SOURCE_MAC, &message.mac);
    } else {
        message.ip = icmp + ND_TARGET;
        message.keeps_known = (icmp[ND_FLAGS] & FLAG_OVERRIDE) == 0;
        (void)read_options(icmp + ND_SIZE, length, OPTION_TARGET_MAC, &message.mac);
    }
    return message;
}

struct nd_frame {
    uint8_t type, flags, option;
    const uint8_t *destination, *destination_mac, *target;
};

static void write_frame(uint8_t frame[TW_ND_FRAME_SIZE], const struct tw_parse_rules *rules,
                        const struct nd_frame *wanted)
{
    memset(frame, 0, TW_ND_FRAME_SIZE);
    memcpy(frame + TW_ETHERNET_DESTINATION, wanted->destination_mac, 6);
    memcpy(frame + TW_ETHERNET_SOURCE, rules->mac, 6);
    tw_store_be16(frame + TW_ETHERNET_TYPE, TW_ETHERTYPE_IPV6);
    uint8_t *ipv6 = frame + TW_ETHERNET_SIZE;
    ipv6[0] = 0x60;
    tw_store_be16(ipv6 + TW_IPV6_PAYLOAD_LENGTH, ND_SIZE + OPTION_SIZE);
    ipv6[TW_IPV6_NEXT_HEADER] = TW_PROTOCOL_ICMPV6;
    ipv6[TW_IPV6_HOP_LIMIT] = HOP_LIMIT;
    memcpy(ipv6 + TW_IPV6_SOURCE, rules->address6, 16);
    memcpy(ipv6 + TW_IPV6_DESTINATION, wanted->destination, 16);
    uint8_t *icmp = ipv6 + TW_IPV6_SIZE;
    icmp[0] = wanted->type;
    icmp[ND_FLAGS] = wanted->flags;
    memcpy(icmp + ND_TARGET, wanted->target, 16);
    icmp[ND_SIZE] = wanted->option;
    icmp[ND_SIZE + 1] = OPTION_SIZE / 8u;
    memcpy(icmp + ND_SIZE + 2, rules->mac, 6);
    uint64_t sum = tw_checksum_pseudo_header6(ipv6, TW_PROTOCOL_ICMPV6, ND_SIZE + OPTION_SIZE);
    tw_checksum_store(icmp + TW_ICMP_CHECKSUM,
                      tw_checksum_finish(tw_checksum_add(sum, icmp, ND_SIZE + OPTION_SIZE)));
}

void tw_nd_advertisement_write(uint8_t frame[TW_ND_FRAME_SIZE], const struct tw_parse_rules *rules,
                               const uint8_t *ip, const uint8_t *mac)
{
    struct nd_frame wanted = {
        .type = TW_ICMPV6_NEIGHBOUR,
        .flags = ip ? FLAG_SOLICITED | FLAG_OVERRIDE : FLAG_OVERRIDE,
        .option = OPTION_TARGET_MAC,
        .destination = ip ? ip : tw_ipv6_all_nodes,
        .destination_mac = ip ? mac : tw_ipv6_all_nodes_mac,
        .target = rules->address6,
    };
    write_frame(frame, rules, &wanted);
}

void tw_nd_solicitation_write(uint8_t frame[TW_ND_FRAME_SIZE], const struct tw_parse_rules *rules,
                              const uint8_t ip[16])
{
    uint8_t group[16], mac[6];
    tw_ipv6_solicited_node(group, mac, ip);
    struct nd_frame wanted = {
        .type = TW_ICMPV6_NEIGHBOUR_ASK,
        .option = OPTION_SOURCE_MAC,
        .destination = group,
        .destination_mac = mac,
        .target = ip,
    };
    write_frame(frame, rules, &wanted);
}
