/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Runs of messages on their way: what each open packet carries, and what the path held when it
 * left.
 *
 * A ring of notes by packet number beside the log of sent packets, and a ring of runs in the order
 * in which they left. Runs are given back when all packets before are settled. Pure, one owner.
 */
#ifndef TICKWIRE_DATAPLANE_WIRE_FLIGHT_H
#define TICKWIRE_DATAPLANE_WIRE_FLIGHT_H

#include "dataplane/wire/sender.h"
#include "dataplane/wire/sent.h"

/* A packet of messages carries two runs on the average: what is large, and what is left of another.
 */
#define TW_FLIGHT_RUNS 256u
/* Places of the log that packets of messages leave to all others. */
#define TW_FLIGHT_SPARE (TW_SENT_PACKETS / 16u)

/* Of a packet with runs; of times, the low 32 bits. */
struct tw_flight_packet {
    uint32_t delivered_at_us; /* for the delivery rate: see congestion.h */
    uint32_t delivered_bytes;
    uint16_t runs_first; /* ever counted, modulo 65,536 */
    bool limited;
    bool asks; /* of a channel that was refused: what becomes of it is not the path's doing */
};

struct tw_flight {
    uint32_t packets;                /* open ones with runs */
    uint32_t bytes;                  /* of these */
    uint16_t runs_next, runs_oldest; /* ever, modulo 65,536 */
    uint32_t first;                  /* packet that could be the first with runs */
    struct tw_flight_packet notes[TW_SENT_PACKETS];
    struct tw_run runs[TW_FLIGHT_RUNS];
};

/* `first`: number of the next packet. */
void tw_flight_init(struct tw_flight *flight, uint32_t first);

static inline struct tw_flight_packet *tw_flight_at(struct tw_flight *flight, uint32_t number)
{
    return &flight->notes[number % TW_SENT_PACKETS];
}

static inline const struct tw_run *tw_flight_run(const struct tw_flight *flight, uint32_t at)
{
    return &flight->runs[at % TW_FLIGHT_RUNS];
}

/* Room for runs of packets to come. */
static inline uint32_t tw_flight_runs_left(const struct tw_flight *flight)
{
    return TW_FLIGHT_RUNS - (uint16_t)(flight->runs_next - flight->runs_oldest);
}

/* Packets that are not full fill the log before they fill a window. Whatever is then given up for
 * the next counts as lost, and was only not acknowledged yet: messages wait instead. Not where
 * others fill the log, on a path of seconds: there they would wait for ever. */
static inline bool tw_flight_has_place(const struct tw_flight *flight, const struct tw_sent *sent)
{
    return sent->next - sent->oldest < TW_SENT_PACKETS - TW_FLIGHT_SPARE ||
           flight->packets < TW_SENT_PACKETS / 2u;
}

/* No packet is known to have carried runs. */
static inline bool tw_flight_empty(const struct tw_flight *flight)
{
    return flight->runs_next == flight->runs_oldest;
}

/* What packet `number` carried, of the newest TW_SENT_PACKETS, is still there. */
static inline bool tw_flight_remembers(const struct tw_flight *flight, uint32_t number)
{
    uint16_t since = flight->notes[number % TW_SENT_PACKETS].runs_first;
    return number >= flight->first && (uint16_t)(flight->runs_next - since) <= TW_FLIGHT_RUNS;
}

/* Packet `number` leaves with `runs`; runs_left has room for them. */
void tw_flight_record(struct tw_flight *flight, uint32_t number,
                      const struct tw_sent_packet *packet, const struct tw_run *runs);
/* It is settled. */
void tw_flight_settle(struct tw_flight *flight, const struct tw_sent_packet *packet);
/* It is settled, and all before it. */
void tw_flight_forget(struct tw_flight *flight, uint32_t number,
                      const struct tw_sent_packet *packet);

#endif
