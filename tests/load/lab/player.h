/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Plays a plan through a port: packets are sealed a little ahead of their time (or all of them
 * before, or not at all), sent when they are due, and replies are taken in between.
 *
 *   prepare (stamp, seal in bursts) → queue of buffers with due times → send → timing
 *   receive → ARP answered, sealed packets opened in bursts → replies
 *
 * One thread polls for all of it; nothing is allocated once it runs.
 */
#ifndef TICKWIRE_TESTS_LOAD_LAB_PLAYER_H
#define TICKWIRE_TESTS_LOAD_LAB_PLAYER_H

#include "tests/load/lab/flooder.h"
#include "tests/load/lab/plan.h"
#include "tests/load/lab/replay_options.h"
#include "tests/load/lab/replay_port.h"
#include "tests/load/lab/replies.h"
#include "tests/load/lab/timing.h"

#include <signal.h>

/* Sealed ahead: some 100 µs of work, enough for a burst, and inputs still know the time. */
#define TW_PLAYER_QUEUE 256u
#define TW_PLAYER_BURST 32u

struct tw_player_queued {
    struct rte_mbuf *mbuf;
    uint64_t due_ns; /* from the start */
    uint64_t sequence;
    uint32_t session;
};

struct tw_player {
    uint16_t next_queue; /* to receive from */
    const struct tw_replay_options *options;
    const struct tw_aead_backend *aead;
    const struct tw_plan *plan;
    struct tw_replay_port *port;
    struct tw_replies *replies;
    struct tw_flooder *flooder; /* NULL: nobody floods */
    bool flood_first;           /* in the next turn: it goes by turns */
    struct tw_timing timing;
    uint64_t start_ns, end_ns; /* first and last packet */
    uint64_t loop, packet;     /* next to be prepared */
    struct tw_player_queued queue[TW_PLAYER_QUEUE];
    uint32_t queue_first, queue_count;
    uint8_t *ahead; /* all frames in order, or NULL */
    size_t ahead_at, ahead_size;
    double ahead_seconds;
    /* counted */
    uint64_t sent, sent_bytes;
    uint64_t lost;      /* for lack of room, where that is wanted */
    uint64_t port_full; /* bursts that the port did not take whole */
    uint64_t no_buffer; /* turns that found no buffer to fill */
    uint64_t received, opened, foreign, forged, repeated, malformed;
    uint64_t foreign_bytes; /* whole frames: answers to strangers are among them */
};

/* Seals ahead if that is wanted. False: a message was printed. */
bool tw_player_init(struct tw_player *player) __attribute__((warn_unused_result));
void tw_player_fini(struct tw_player *player);

/* Until the last packet was sent and `drain_ms` passed, or *stop. True: every packet was sent. */
bool tw_player_run(struct tw_player *player, const volatile sig_atomic_t *stop);

#endif
