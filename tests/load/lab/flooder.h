/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Sends a flood through the port of a replay, beside its honest packets: bursts of both in turn,
 * neither before the other, and what the port does not take at once is offered again. So nothing is
 * lost at the sender; a port that is full makes both wait, and the replay's `late_ns` tells how
 * long. With `overflow` it is lost instead, as in the queue of a network card, and counted.
 *
 * It begins some time after the first honest packet, so that replies without and with it can be
 * compared, and ends after its last packet or with the last honest one. Main thread; nothing is
 * allocated but packet buffers. Times in ns of tw_clock_now_ns.
 */
#ifndef TICKWIRE_TESTS_LOAD_LAB_FLOODER_H
#define TICKWIRE_TESTS_LOAD_LAB_FLOODER_H

#include "tests/load/lab/flood.h"
#include "tests/load/lab/replay_options.h"
#include "tests/load/lab/replay_port.h"
#include "tests/load/lab/replies.h"
#include "tickwire/counters.h"

#include <stdbool.h>
#include <stdint.h>

#define TW_FLOODER_BURST 32u

struct tw_flooder_pending {
    struct rte_mbuf *mbuf;
    uint32_t length;
    enum tw_flood_kind kind;
};

/* Round trips up to a moment. */
struct tw_flooder_trips {
    struct tw_histogram pong_ns, ack_ns;
};

struct tw_flooder {
    struct tw_flood flood;
    const struct tw_replay_options *options;
    struct tw_replay_port *port;
    uint64_t from_ns; /* not before */
    uint64_t made;
    struct tw_flooder_pending pending[TW_FLOODER_BURST]; /* in order, not yet taken */
    uint32_t pending_count;
    struct tw_flooder_pending spare[TW_FLOODER_BURST]; /* lost ones, for others to come */
    uint32_t spare_count;
    bool begun, ended;
    uint64_t begun_ns, ended_ns;
    struct tw_flooder_trips at_begin, at_end;
    /* counted */
    uint64_t sent[TW_FLOOD_KIND_COUNT], bytes[TW_FLOOD_KIND_COUNT];
    uint64_t lost[TW_FLOOD_KIND_COUNT]; /* for lack of room */
    uint64_t port_full;                 /* bursts that the port did not take whole */
};

void tw_flooder_init(struct tw_flooder *flooder, const struct tw_replay_options *options,
                     const struct tw_plan *plan, const struct tw_replies *replies,
                     struct tw_replay_port *port);

/* The first honest packet is due at start_ns. */
void tw_flooder_start(struct tw_flooder *flooder, uint64_t start_ns);
/* Sends what is due: a burst at most. */
void tw_flooder_turn(struct tw_flooder *flooder, uint64_t now_ns);
/* When the next turn has something to do; UINT64_MAX: never. */
uint64_t tw_flooder_due_ns(const struct tw_flooder *flooder);
/* The last honest packet was sent. */
void tw_flooder_stop(struct tw_flooder *flooder, uint64_t now_ns);

uint64_t tw_flooder_sent(const struct tw_flooder *flooder);
uint64_t tw_flooder_lost(const struct tw_flooder *flooder);
uint64_t tw_flooder_bytes(const struct tw_flooder *flooder);

#endif
