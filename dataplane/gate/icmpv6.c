/* SPDX-License-Identifier: BSD-3-Clause */
#include "dataplane/gate/icmpv6.h"

#include "dataplane/gate/checksum.h"
#include "dataplane/gate/network_bytes.h"

#include <string.h>

uint32_t tw_icmpv6_reply(struct tw_packet *packet, const struct tw_parse_rules *rules,
                         const uint8_t mac[6])
{
    memcpy(packet->frame + TW_ETHERNET_DESTINATION, mac, 6);
    memcpy(packet->frame + TW_ETHERNET_SOURCE, rules->mac, 6);

    uint8_t *ipv6 = packet->frame + packet->network_offset;
    memcpy(ipv6 + TW_IPV6_DESTINATION, ipv6 + TW_IPV6_SOURCE, 16);
    memcpy(ipv6 + TW_IPV6_SOURCE, rules->address6, 16);
    ipv6[TW_IPV6_HOP_LIMIT] = 64;

    uint8_t *icmp = ipv6 + TW_IPV6_SIZE;
    uint16_t length = (uint16_t)(packet->network_length - TW_IPV6_SIZE);
    icmp[0] = TW_ICMPV6_ECHO_REPLY;
    memset(icmp + TW_ICMP_CHECKSUM, 0, 2);
    uint64_t sum = tw_checksum_pseudo_header6(ipv6, TW_PROTOCOL_ICMPV6, length);
    tw_checksum_store(icmp + TW_ICMP_CHECKSUM,
                      tw_checksum_finish(tw_checksum_add(sum, icmp, length)));
    return (uint32_t)packet->network_offset + packet->network_length;
}
