/* SPDX-License-Identifier: BSD-3-Clause */
#include "dataplane/gate/icmp.h"

#include "dataplane/gate/checksum.h"
#include "dataplane/gate/network_bytes.h"

#include <string.h>

uint32_t tw_icmp_reply(struct tw_packet *packet, const struct tw_parse_rules *rules,
                       const uint8_t mac[6])
{
    memcpy(packet->frame + TW_ETHERNET_DESTINATION, mac, 6);
    memcpy(packet->frame + TW_ETHERNET_SOURCE, rules->mac, 6);

    uint8_t *ipv4 = packet->frame + packet->network_offset;
    memcpy(ipv4 + TW_IPV4_DESTINATION, ipv4 + TW_IPV4_SOURCE, 4);
    tw_store_be32(ipv4 + TW_IPV4_SOURCE, rules->address);
    ipv4[TW_IPV4_TIME_TO_LIVE] = 64;
    memset(ipv4 + TW_IPV4_CHECKSUM, 0, 2);
    tw_checksum_store(ipv4 + TW_IPV4_CHECKSUM, tw_checksum_finish(tw_checksum_ipv4_header(ipv4)));

    uint8_t *icmp = ipv4 + TW_IPV4_SIZE;
    size_t length = packet->network_length - TW_IPV4_SIZE;
    icmp[0] = TW_ICMP_ECHO_REPLY;
    memset(icmp + TW_ICMP_CHECKSUM, 0, 2);
    tw_checksum_store(icmp + TW_ICMP_CHECKSUM,
                      tw_checksum_finish(tw_checksum_add(0, icmp, length)));
    return (uint32_t)packet->network_offset + packet->network_length;
}
