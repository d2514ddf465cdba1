/* SPDX-License-Identifier: BSD-3-Clause */
#include "dataplane/gate/udp_frame.h"

#include "dataplane/gate/checksum.h"

#define TIME_TO_LIVE        64u
#define VERSION_AND_SERVICE 0x4500u /* no options, no class of service */
#define LIFE_AND_PROTOCOL   (TIME_TO_LIVE << 8 | TW_PROTOCOL_UDP)

/* Fields side by side are stored together. Returns where the UDP header is. */
static uint8_t *write_headers(uint8_t *frame, const struct tw_parse_rules *rules,
                              const struct tw_udp_target *target, uint16_t udp_length,
                              uint16_t checksum)
{
    memcpy(frame + TW_ETHERNET_DESTINATION, target->mac, 6);
    memcpy(frame + TW_ETHERNET_SOURCE, rules->mac, 6);
    tw_store_be16(frame + TW_ETHERNET_TYPE, TW_ETHERTYPE_IPV4);

    uint8_t *ipv4 = frame + TW_ETHERNET_SIZE;
    tw_store_be32(ipv4, VERSION_AND_SERVICE << 16 | (TW_IPV4_SIZE + udp_length));
    tw_store_be32(ipv4 + TW_IPV4_IDENTIFICATION, TW_IPV4_DONT_FRAGMENT);
    tw_store_be32(ipv4 + TW_IPV4_TIME_TO_LIVE, LIFE_AND_PROTOCOL << 16 | checksum);
    tw_store_be32(ipv4 + TW_IPV4_SOURCE, rules->address);
    tw_store_be32(ipv4 + TW_IPV4_DESTINATION, target->address);

    uint8_t *udp = ipv4 + TW_IPV4_SIZE;
    tw_store_be32(udp, (uint32_t)rules->udp_port << 16 | target->port);
    tw_store_be16(udp + TW_UDP_LENGTH, udp_length);
    return udp;
}

/* Sums of headers are made of the values, not of the bytes: those were stored a moment ago in other
 * widths than a sum would read them, and would have to be waited for. An address counts as much as
 * its two halves. */
static uint64_t sum_of_addresses(const struct tw_parse_rules *rules,
                                 const struct tw_udp_target *target)
{
    return (uint64_t)rules->address + target->address;
}

static uint16_t fold(uint64_t sum)
{
    return (uint16_t)~tw_checksum_finish(sum);
}

/* Of addresses, protocol and length: what both checksums of UDP begin with. */
static uint64_t sum_of_pseudo_header(uint64_t addresses, uint16_t udp_length)
{
    return addresses + TW_PROTOCOL_UDP + udp_length;
}

void tw_udp_frame_write(uint8_t *frame, const struct tw_parse_rules *rules,
                        const struct tw_udp_target *target, uint16_t payload_length)
{
    uint16_t udp_length = (uint16_t)(TW_UDP_SIZE + payload_length);
    uint64_t addresses = sum_of_addresses(rules, target);
    uint64_t header = addresses + VERSION_AND_SERVICE + TW_IPV4_SIZE + udp_length +
                      TW_IPV4_DONT_FRAGMENT + LIFE_AND_PROTOCOL;
    uint8_t *udp = write_headers(frame, rules, target, udp_length, tw_checksum_finish(header));
    uint64_t before =
        sum_of_pseudo_header(addresses, udp_length) + rules->udp_port + target->port + udp_length;
    /* Sums of bytes are of words as they lie in memory. */
    uint64_t sum = __builtin_bswap16(fold(before));
    uint16_t checksum = tw_checksum_finish(tw_checksum_add(sum, udp + TW_UDP_SIZE, payload_length));
    /* Zero would mean "none" (RFC 768). */
    tw_checksum_store(udp + TW_UDP_CHECKSUM, checksum == 0 ? 0xffff : checksum);
}

void tw_udp_frame_write_unfinished(uint8_t *frame, const struct tw_parse_rules *rules,
                                   const struct tw_udp_target *target, uint16_t payload_length)
{
    uint16_t udp_length = (uint16_t)(TW_UDP_SIZE + payload_length);
    uint8_t *udp = write_headers(frame, rules, target, udp_length, 0);
    uint64_t addresses = sum_of_addresses(rules, target);
    tw_store_be16(udp + TW_UDP_CHECKSUM, fold(sum_of_pseudo_header(addresses, udp_length)));
}

/* All but the checksum, which is left zero. Returns where the IPv6 header is. */
static uint8_t *write_headers6(uint8_t *frame, const struct tw_parse_rules *rules,
                               const struct tw_udp6_target *target, uint16_t udp_length)
{
    memcpy(frame + TW_ETHERNET_DESTINATION, target->mac, 6);
    memcpy(frame + TW_ETHERNET_SOURCE, rules->mac, 6);
    tw_store_be16(frame + TW_ETHERNET_TYPE, TW_ETHERTYPE_IPV6);

    uint8_t *ipv6 = frame + TW_ETHERNET_SIZE;
    tw_store_be32(ipv6, UINT32_C(6) << 28); /* traffic class and flow label zero */
    tw_store_be16(ipv6 + TW_IPV6_PAYLOAD_LENGTH, udp_length);
    ipv6[TW_IPV6_NEXT_HEADER] = TW_PROTOCOL_UDP;
    ipv6[TW_IPV6_HOP_LIMIT] = TIME_TO_LIVE;
    memcpy(ipv6 + TW_IPV6_SOURCE, rules->address6, 16);
    memcpy(ipv6 + TW_IPV6_DESTINATION, target->ip, 16);

    uint8_t *udp = ipv6 + TW_IPV6_SIZE;
    tw_store_be16(udp + TW_UDP_SOURCE_PORT, rules->udp_port);
    tw_store_be16(udp + TW_UDP_DESTINATION_PORT, target->port);
    tw_store_be16(udp + TW_UDP_LENGTH, udp_length);
    tw_store_be16(udp + TW_UDP_CHECKSUM, 0);
    return ipv6;
}

void tw_udp6_frame_write(uint8_t *frame, const struct tw_parse_rules *rules,
                         const struct tw_udp6_target *target, uint16_t payload_length)
{
    uint16_t udp_length = (uint16_t)(TW_UDP_SIZE + payload_length);
    uint8_t *ipv6 = write_headers6(frame, rules, target, udp_length);
    uint8_t *udp = ipv6 + TW_IPV6_SIZE;
    uint64_t sum = tw_checksum_pseudo_header6(ipv6, TW_PROTOCOL_UDP, udp_length);
    uint16_t checksum = tw_checksum_finish(tw_checksum_add(sum, udp, udp_length));
    tw_checksum_store(udp + TW_UDP_CHECKSUM, checksum == 0 ? 0xffff : checksum);
}

void tw_udp6_frame_write_unfinished(uint8_t *frame, const struct tw_parse_rules *rules,
                                    const struct tw_udp6_target *target, uint16_t payload_length)
{
    uint16_t udp_length = (uint16_t)(TW_UDP_SIZE + payload_length);
    uint8_t *ipv6 = write_headers6(frame, rules, target, udp_length);
    uint64_t sum = tw_checksum_pseudo_header6(ipv6, TW_PROTOCOL_UDP, udp_length);
    tw_checksum_store(ipv6 + TW_IPV6_SIZE + TW_UDP_CHECKSUM, (uint16_t)~tw_checksum_finish(sum));
}
