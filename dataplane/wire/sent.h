/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The log of sent packets: which are on their way, and what messages they carry.
 *
 * A ring by packet number and a ring of runs. Numbers are consecutive; a packet is on its way until
 * it is acknowledged or lost. When the ring is full the oldest must be given up first. Pure, one
 * owner.
 */
#ifndef TICKWIRE_DATAPLANE_WIRE_SENT_H
#define TICKWIRE_DATAPLANE_WIRE_SENT_H

#include "dataplane/wire/sender.h"

/* 2 s of a session that sends 60 packets a second; 20 Mbit/s of messages over 60 ms. */
#define TW_SENT_PACKETS 128u
/* A packet of messages carries two runs on the average: what is large, and what is left of another.
 */
#define TW_SENT_RUNS 256u

enum tw_sent_state {
    TW_SENT_NONE = 0,
    TW_SENT_OPEN = 1,
    TW_SENT_ACKED = 2,
    TW_SENT_LOST = 3,
    TW_SENT_LATE = 4, /* called lost, then acknowledged */
};

struct tw_sent_packet {
    uint64_t at_us;
    uint64_t delivered_at_us; /* for the delivery rate: see congestion.h */
    uint32_t delivered_bytes;
    uint32_t runs_first; /* ever counted */
    uint16_t runs;
    uint16_t size;
    uint8_t state;
    bool limited;
};

static_assert(sizeof(struct tw_sent_packet) == 32u, "none crosses a line");

struct tw_sent {
    uint64_t next;   /* number of the next packet */
    uint64_t oldest; /* all numbers below are settled */
    uint64_t largest_acked;
    uint32_t runs_next;      /* ever */
    uint32_t flight_packets; /* open ones with runs */
    uint32_t flight_bytes;
    struct tw_sent_packet packets[TW_SENT_PACKETS] __attribute__((aligned(64))); /* two a line */
    struct tw_run runs[TW_SENT_RUNS];
};

/* `next`: number of the first packet. */
void tw_sent_init(struct tw_sent *sent, uint64_t next);
static inline struct tw_sent_packet *tw_sent_at(struct tw_sent *sent, uint64_t sequence)
{
    return &sent->packets[sequence % TW_SENT_PACKETS];
}
static inline const struct tw_run *tw_sent_run(const struct tw_sent *sent, uint32_t at)
{
    return &sent->runs[at % TW_SENT_RUNS];
}
static inline bool tw_sent_full(const struct tw_sent *sent)
{
    return sent->next - sent->oldest >= TW_SENT_PACKETS;
}
/* Room for runs of packets to come. */
uint32_t tw_sent_runs_left(const struct tw_sent *sent);
/* Records packet number `next`; not full, and runs_left for its runs. */
void tw_sent_record(struct tw_sent *sent, const struct tw_sent_packet *packet,
                    const struct tw_run *runs);
/* An open packet is settled. */
void tw_sent_settle(struct tw_sent *sent, uint64_t sequence, enum tw_sent_state state);

#endif
