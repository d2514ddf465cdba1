/* SPDX-License-Identifier: BSD-3-Clause */
/* What parsing a UDP packet has in common over IPv4 and IPv6. Pure, any thread. */
#ifndef TICKWIRE_DATAPLANE_GATE_PARSE_UDP_H
#define TICKWIRE_DATAPLANE_GATE_PARSE_UDP_H

#include "dataplane/gate/network_bytes.h"
#include "dataplane/gate/packet.h"

#include <stdint.h>

/* Open, or why not. The IP packet has udp[room]. */
static inline uint16_t tw_udp_header_check(const uint8_t *udp, uint32_t room, uint16_t served_port)
{
    if (room < TW_UDP_SIZE)
        return TW_OUTCOME_UDP_TRUNCATED;
    uint16_t length = tw_load_be16(udp + TW_UDP_LENGTH);
    if (length < TW_UDP_SIZE || length > room)
        return TW_OUTCOME_UDP_TRUNCATED;
    if (tw_load_be16(udp + TW_UDP_DESTINATION_PORT) != served_port ||
        tw_load_be16(udp + TW_UDP_SOURCE_PORT) == 0)
        return TW_OUTCOME_UDP_PORT;
    return TW_OUTCOME_OPEN;
}

/* The payload behind a UDP header that was checked. */
static inline uint16_t tw_udp_payload_take(struct tw_packet *packet, uint8_t *udp)
{
    packet->payload = udp + TW_UDP_SIZE;
    packet->payload_length = (uint16_t)(tw_load_be16(udp + TW_UDP_LENGTH) - TW_UDP_SIZE);
    if (packet->payload_length < TW_PACKET_MIN)
        return TW_OUTCOME_PAYLOAD_SMALL;
    if (packet->payload_length > TW_DATAGRAM_MAX)
        return TW_OUTCOME_PAYLOAD_OVERSIZED;
    packet->header = tw_header_read(packet->payload);
    packet->kind = TW_PACKET_UDP;
    return TW_OUTCOME_OPEN;
}

#endif
