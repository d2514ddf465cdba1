/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Network-order (big-endian) loads and stores, and the layouts of the headers below UDP.
 *
 * The caller checks bounds. Pure, any thread. Sources: IEEE 802.3, 802.1Q, RFC 826, RFC 791,
 * RFC 768, RFC 792; for IPv6: RFC 8200, RFC 4443, RFC 4861, RFC 2464.
 */
#ifndef TICKWIRE_DATAPLANE_GATE_NETWORK_BYTES_H
#define TICKWIRE_DATAPLANE_GATE_NETWORK_BYTES_H

#include <assert.h>
#include <stdint.h>
#include <string.h>

#define TW_ETHERNET_SIZE        14u
#define TW_ETHERNET_DESTINATION 0u
#define TW_ETHERNET_SOURCE      6u
#define TW_ETHERNET_TYPE        12u
#define TW_VLAN_SIZE            4u
#define TW_VLAN_ID_MASK         0x0fffu /* of the tag's second half (IEEE 802.1Q) */
#define TW_ETHERTYPE_IPV4       0x0800u
#define TW_ETHERTYPE_ARP        0x0806u
#define TW_ETHERTYPE_VLAN       0x8100u
#define TW_ETHERTYPE_IPV6       0x86ddu

#define TW_ARP_SIZE            28u
#define TW_ARP_OPERATION       6u
#define TW_ARP_SENDER_MAC      8u
#define TW_ARP_SENDER_ADDRESS  14u
#define TW_ARP_TARGET_MAC      18u
#define TW_ARP_TARGET_ADDRESS  24u
#define TW_ARP_REQUEST         1u
#define TW_ARP_REPLY           2u
#define TW_ARP_ETHERNET_IPV4_0 0x00010800u /* hardware type 1, protocol type IPv4 */
#define TW_ARP_ETHERNET_IPV4_4 0x0604u     /* address lengths 6 and 4 */

#define TW_IPV4_SIZE           20u
#define TW_IPV4_TOTAL_LENGTH   2u
#define TW_IPV4_IDENTIFICATION 4u
#define TW_IPV4_FRAGMENT       6u
#define TW_IPV4_TIME_TO_LIVE   8u
#define TW_IPV4_PROTOCOL       9u
#define TW_IPV4_CHECKSUM       10u
#define TW_IPV4_SOURCE         12u
#define TW_IPV4_DESTINATION    16u
#define TW_IPV4_DONT_FRAGMENT  0x4000u
/* More-fragments flag and fragment offset: any of them set means a fragment. */
#define TW_IPV4_FRAGMENT_MASK 0x3fffu
#define TW_PROTOCOL_ICMP      1u
#define TW_PROTOCOL_UDP       17u

#define TW_IPV6_SIZE           40u
#define TW_IPV6_PAYLOAD_LENGTH 4u
#define TW_IPV6_NEXT_HEADER    6u
#define TW_IPV6_HOP_LIMIT      7u
#define TW_IPV6_SOURCE         8u
#define TW_IPV6_DESTINATION    24u
#define TW_PROTOCOL_ICMPV6     58u
#define TW_PROTOCOL_FRAGMENT   44u

#define TW_UDP_SIZE             8u
#define TW_UDP_SOURCE_PORT      0u
#define TW_UDP_DESTINATION_PORT 2u
#define TW_UDP_LENGTH           4u
#define TW_UDP_CHECKSUM         6u

#define TW_ICMP_SIZE         8u
#define TW_ICMP_CHECKSUM     2u
#define TW_ICMP_ECHO_REQUEST 8u
#define TW_ICMP_ECHO_REPLY   0u

#define TW_ICMPV6_ECHO_REQUEST  128u
#define TW_ICMPV6_ECHO_REPLY    129u
#define TW_ICMPV6_ROUTER_ASK    133u
#define TW_ICMPV6_ROUTER        134u
#define TW_ICMPV6_NEIGHBOUR_ASK 135u
#define TW_ICMPV6_NEIGHBOUR     136u
#define TW_ICMPV6_REDIRECT      137u

/* What stands in front of the UDP payload of every frame we send. */
#define TW_FRAME_HEADERS_SIZE (TW_ETHERNET_SIZE + TW_IPV4_SIZE + TW_UDP_SIZE)
static_assert(TW_FRAME_HEADERS_SIZE == 42, "untagged Ethernet, IPv4 without options, UDP");

#define TW_FRAME6_HEADERS_SIZE (TW_ETHERNET_SIZE + TW_IPV6_SIZE + TW_UDP_SIZE)
static_assert(TW_FRAME6_HEADERS_SIZE == 62, "the same over IPv6");

static inline uint16_t tw_load_be16(const uint8_t *bytes)
{
    return (uint16_t)(bytes[0] << 8 | bytes[1]);
}

static inline uint32_t tw_load_be32(const uint8_t *bytes)
{
    return (uint32_t)bytes[0] << 24 | (uint32_t)bytes[1] << 16 | (uint32_t)bytes[2] << 8 | bytes[3];
}

static inline void tw_store_be16(uint8_t *bytes, uint16_t value)
{
    bytes[0] = (uint8_t)(value >> 8);
    bytes[1] = (uint8_t)value;
}

static inline void tw_store_be32(uint8_t *bytes, uint32_t value)
{
    bytes[0] = (uint8_t)(value >> 24);
    bytes[1] = (uint8_t)(value >> 16);
    bytes[2] = (uint8_t)(value >> 8);
    bytes[3] = (uint8_t)value;
}

#endif
