/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * One received frame on its way through the stages: a view of bytes and what is known about them.
 *
 * The stages fill it from left to right; the first one that decides writes `outcome`, the others
 * skip it. Points into the frame, so it lives as long as the frame's buffer. Owned by the worker
 * that received the frame (after a hand-over: by the one that took it).
 */
#ifndef TICKWIRE_DATAPLANE_GATE_PACKET_H
#define TICKWIRE_DATAPLANE_GATE_PACKET_H

#include "dataplane/wire/header.h"
#include "tickwire/address.h"
#include "tickwire/drop_reasons.h"

#include <assert.h>
#include <stdbool.h>
#include <stdint.h>

/* `outcome` of a packet that no stage has decided yet. */
#define TW_OUTCOME_OPEN ((uint16_t)TW_OUTCOME_COUNT)
/* Its session is another worker's now: to be passed on there, which is no end either. */
#define TW_OUTCOME_ELSEWHERE ((uint16_t)(TW_OUTCOME_COUNT + 1))

enum tw_packet_kind {
    TW_PACKET_NONE = 0,
    TW_PACKET_ARP,  /* well-formed and about us */
    TW_PACKET_ICMP, /* well-formed echo request to us */
    TW_PACKET_UDP,  /* payload and header are valid */
    TW_PACKET_ND,   /* well-formed neighbour solicitation for us, or advertisement of a neighbour */
    TW_PACKET_ICMPV6, /* well-formed echo request to us */
};

enum tw_passing {
    TW_PASSING_NOT,    /* or not asked yet */
    TW_PASSING_SHARED, /* within what all share that are not known for a session's */
    TW_PASSING_OWN,    /* within its session's own */
};

/* Two cache lines, so that a packet of a burst is found by a shift. */
struct tw_packet {
    /* Zero when parsing begins. */
    struct tw_header header;
    uint8_t *payload;
    struct tw_address source; /* all zero until the IP header was found good */
    uint16_t network_length;  /* of the IP packet, Ethernet padding cut off */
    uint16_t payload_length;  /* of the UDP payload */
    uint16_t limit;           /* as the filter left it, which admitted the packet; else 0 */
    uint32_t source_ipv4;     /* host byte order; 0 over IPv6 */
    uint8_t kind;             /* enum tw_packet_kind */
    uint8_t network_offset;   /* of the ARP or IP header in the frame: 14 or 18 */
    bool checksum_owed;       /* of UDP: not looked at yet */
    uint8_t passing;          /* enum tw_passing: to the worker that it names */
    /* The rest. */
    uint8_t *frame;
    uint32_t frame_length;
    uint32_t passed_id; /* connection id that a tombstone put beside it; 0: none */
    uint32_t slot;      /* of the session, once it is found */
    uint32_t metered;   /* as `limit` */
    uint16_t outcome;   /* enum tw_outcome or TW_OUTCOME_OPEN */
    uint16_t suspect;   /* as `limit` */
    uint8_t path;       /* enum tw_path_kind, once the session is found */
    uint8_t interface;  /* that received it, of the worker's */
    uint8_t arrived_at; /* worker that passed it to this one, or this one */
} __attribute__((aligned(64)));
static_assert(sizeof(struct tw_packet) == 128, "two cache lines");

/* The connection id that finds its session here. */
static inline uint32_t tw_packet_session_id(const struct tw_packet *packet)
{
    return packet->passed_id != 0 ? packet->passed_id : packet->header.connection_id;
}

#endif
