/* SPDX-License-Identifier: BSD-3-Clause */
#include "tests/load/lab/datagram.h"

#include "dataplane/gate/checksum.h"
#include "dataplane/gate/udp_frame.h"

uint32_t tw_lab_datagram_write(uint8_t *frame, const struct tw_lab_ends *ends,
                               uint32_t payload_length)
{
    struct tw_parse_rules from = {.udp_port = ends->from.port};
    memcpy(from.mac, ends->from_mac, sizeof(from.mac));
    if (tw_ip_is_ipv4(ends->to.ip)) {
        struct tw_udp_target to = {.address = tw_ip_ipv4(ends->to.ip), .port = ends->to.port};
        memcpy(to.mac, ends->to_mac, sizeof(to.mac));
        from.address = tw_ip_ipv4(ends->from.ip);
        tw_udp_frame_write(frame, &from, &to, (uint16_t)payload_length);
    } else {
        struct tw_udp6_target to = {.port = ends->to.port};
        memcpy(to.ip, ends->to.ip, sizeof(to.ip));
        memcpy(to.mac, ends->to_mac, sizeof(to.mac));
        memcpy(from.address6, ends->from.ip, sizeof(from.address6));
        tw_udp6_frame_write(frame, &from, &to, (uint16_t)payload_length);
    }
    return tw_lab_headers_size(ends) + payload_length;
}

/* The IP header's size. */
static uint32_t ip_size(const uint8_t *frame)
{
    return tw_load_be16(frame + TW_ETHERNET_TYPE) == TW_ETHERTYPE_IPV4 ? TW_IPV4_SIZE
                                                                       : TW_IPV6_SIZE;
}

uint32_t tw_lab_datagram_read(const uint8_t *frame, uint32_t length)
{
    const uint8_t *ip = frame + TW_ETHERNET_SIZE;
    if (length < TW_FRAME_HEADERS_SIZE)
        return 0;
    uint16_t type = tw_load_be16(frame + TW_ETHERNET_TYPE);
    uint32_t udp_at = TW_ETHERNET_SIZE + ip_size(frame);
    if (type == TW_ETHERTYPE_IPV4) {
        if (ip[0] != 0x45 || ip[TW_IPV4_PROTOCOL] != TW_PROTOCOL_UDP ||
            tw_load_be16(ip + TW_IPV4_TOTAL_LENGTH) != length - TW_ETHERNET_SIZE)
            return 0;
    } else if (type != TW_ETHERTYPE_IPV6 || length < TW_FRAME6_HEADERS_SIZE || ip[0] >> 4 != 6 ||
               ip[TW_IPV6_NEXT_HEADER] != TW_PROTOCOL_UDP ||
               tw_load_be16(ip + TW_IPV6_PAYLOAD_LENGTH) != length - udp_at) {
        return 0;
    }
    return tw_load_be16(frame + udp_at + TW_UDP_LENGTH) == length - udp_at ? udp_at + TW_UDP_SIZE
                                                                           : 0;
}

struct tw_lab_ends tw_lab_datagram_ends(const uint8_t *frame)
{
    struct tw_lab_ends ends;
    const uint8_t *ip = frame + TW_ETHERNET_SIZE;
    uint32_t size = ip_size(frame);
    uint16_t from_port = tw_load_be16(ip + size + TW_UDP_SOURCE_PORT);
    uint16_t to_port = tw_load_be16(ip + size + TW_UDP_DESTINATION_PORT);
    memcpy(ends.to_mac, frame + TW_ETHERNET_DESTINATION, sizeof(ends.to_mac));
    memcpy(ends.from_mac, frame + TW_ETHERNET_SOURCE, sizeof(ends.from_mac));
    if (size == TW_IPV4_SIZE) {
        ends.from = tw_address_from_ipv4(tw_load_be32(ip + TW_IPV4_SOURCE), from_port);
        ends.to = tw_address_from_ipv4(tw_load_be32(ip + TW_IPV4_DESTINATION), to_port);
    } else {
        ends.from = tw_address_from_ipv6(ip + TW_IPV6_SOURCE, from_port);
        ends.to = tw_address_from_ipv6(ip + TW_IPV6_DESTINATION, to_port);
    }
    return ends;
}

void tw_lab_datagram_finish(uint8_t *frame, uint32_t length)
{
    uint8_t *ip = frame + TW_ETHERNET_SIZE;
    uint32_t size = ip_size(frame);
    uint8_t *udp = ip + size;
    uint16_t udp_length = (uint16_t)(length - TW_ETHERNET_SIZE - size);
    tw_store_be16(udp + TW_UDP_CHECKSUM, 0);
    uint64_t sum = size == TW_IPV4_SIZE
                       ? tw_checksum_pseudo_header(ip, udp_length)
                       : tw_checksum_pseudo_header6(ip, TW_PROTOCOL_UDP, udp_length);
    uint16_t checksum = tw_checksum_finish(tw_checksum_add(sum, udp, udp_length));
    /* Zero would mean "none" (RFC 768), and is refused over IPv6 (RFC 8200). */
    tw_checksum_store(udp + TW_UDP_CHECKSUM, checksum == 0 ? 0xffff : checksum);
}
