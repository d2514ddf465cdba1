/* SPDX-License-Identifier: BSD-3-Clause */
#include "dataplane/gate/arp.h"

#include "dataplane/gate/network_bytes.h"

#include <string.h>

static_assert(TW_ARP_FRAME_SIZE == TW_ETHERNET_SIZE + TW_ARP_SIZE, "ARP in an Ethernet frame");

bool tw_arp_is_request(const struct tw_packet *packet)
{
    return tw_load_be16(packet->frame + packet->network_offset + TW_ARP_OPERATION) ==
           TW_ARP_REQUEST;
}

const uint8_t *tw_arp_sender_mac(const struct tw_packet *packet)
{
    return packet->frame + packet->network_offset + TW_ARP_SENDER_MAC;
}

uint32_t tw_arp_reply(struct tw_packet *packet, const struct tw_parse_rules *rules)
{
    uint8_t *arp = packet->frame + packet->network_offset;
    memcpy(arp + TW_ARP_TARGET_MAC, arp + TW_ARP_SENDER_MAC, 6);
    memcpy(arp + TW_ARP_TARGET_ADDRESS, arp + TW_ARP_SENDER_ADDRESS, 4);
    memcpy(arp + TW_ARP_SENDER_MAC, rules->mac, 6);
    tw_store_be32(arp + TW_ARP_SENDER_ADDRESS, rules->address);
    tw_store_be16(arp + TW_ARP_OPERATION, TW_ARP_REPLY);
    memcpy(packet->frame + TW_ETHERNET_DESTINATION, arp + TW_ARP_TARGET_MAC, 6);
    memcpy(packet->frame + TW_ETHERNET_SOURCE, rules->mac, 6);
    return packet->network_offset + TW_ARP_SIZE;
}

void tw_arp_request_write(uint8_t frame[TW_ARP_FRAME_SIZE], const struct tw_parse_rules *rules,
                          uint32_t address)
{
    memset(frame, 0xff, 6);
    memcpy(frame + TW_ETHERNET_SOURCE, rules->mac, 6);
    tw_store_be16(frame + TW_ETHERNET_TYPE, TW_ETHERTYPE_ARP);
    uint8_t *arp = frame + TW_ETHERNET_SIZE;
    tw_store_be32(arp, TW_ARP_ETHERNET_IPV4_0);
    tw_store_be16(arp + 4, TW_ARP_ETHERNET_IPV4_4);
    tw_store_be16(arp + TW_ARP_OPERATION, TW_ARP_REQUEST);
    memcpy(arp + TW_ARP_SENDER_MAC, rules->mac, 6);
    tw_store_be32(arp + TW_ARP_SENDER_ADDRESS, rules->address);
    memset(arp + TW_ARP_TARGET_MAC, 0, 6);
    tw_store_be32(arp + TW_ARP_TARGET_ADDRESS, address);
}
