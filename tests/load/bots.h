/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Many clients in one thread: connect, play, account, close.
 *
 * All memory is taken in tw_load_bots_create. One thread; time is µs, CLOCK_MONOTONIC.
 */
#ifndef TICKWIRE_TESTS_LOAD_BOTS_H
#define TICKWIRE_TESTS_LOAD_BOTS_H

#include "tests/load/agreement.h"
#include "tests/load/options.h"
#include "tests/load/port.h"
#include "tests/load/talk.h"
#include "tests/load/walk.h"
#include "tickwire/client.h"
#include "tickwire/counters.h"

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

struct tw_load_bot {
    struct tw_client *client;
    uint8_t token[TW_CONNECT_SIZE];
    struct tw_load_port *port;
    uint32_t index_in_port;
    uint64_t start_at_us;
    bool started;
    bool resuming; /* it connects by what an earlier process kept */
    bool connected_ever;
    bool walks;
    enum tw_client_end end; /* when closed */
    uint32_t end_code;
    struct tw_load_walk walk;
    struct tw_client_self seen; /* own entity when last looked at */
    double moved_m;
    uint32_t entity_changes;   /* times that the own entity became another */
    uint32_t first_input_tick; /* first one known to be applied; 0: none yet */
    uint32_t last_input_tick;
    uint64_t rtt_samples;
    uint32_t datagram_bytes; /* so large are those it sends, when last looked at */
    struct tw_load_agreement agreement;
    struct tw_client_timing timing; /* when last looked at */
    struct tw_load_talk talk;
};

struct tw_load_round_trips {
    uint32_t counts[TW_HISTOGRAM_BUCKETS]; /* µs */
};

struct tw_load_bots {
    const struct tw_load_options *options;
    struct tw_load_bot *bots;
    uint32_t count;
    struct tw_load_port *ports;
    uint32_t port_count;
    struct tw_load_inbox inbox;
    struct tw_load_traffic traffic;
    struct tw_load_loss loss;
    struct tw_load_round_trips interval, total;
    uint64_t rtt_max_us;
    uint64_t try_again;
    uint64_t warnings;       /* that bots misbehave */
    uint64_t seam_crossings; /* in a world without edges */
    uint32_t resumed;        /* bots that went on with a session of an earlier process */
    uint64_t started_us;
    uint64_t next_pass_us;
    uint32_t passes;
    uint64_t rebind_at_us; /* next */
    uint32_t rebinds;      /* of ports, ever */
    int epoll;
    FILE *key_log;    /* NULL: none */
    bool leaving;     /* we close, not they */
    bool interrupted; /* by a signal */
};

/* tokens[count] of TW_CONNECT_SIZE bytes. NULL: a message was printed. */
struct tw_load_bots *tw_load_bots_create(const struct tw_load_options *options,
                                         const uint8_t (*tokens)[TW_CONNECT_SIZE], uint32_t count);
void tw_load_bots_destroy(struct tw_load_bots *bots);

/* One turn of the loop: waits up to 1 ms for datagrams, takes them, lets bots act. */
void tw_load_bots_turn(struct tw_load_bots *bots);

/* Closes all, and takes what is still under way for a moment. */
void tw_load_bots_leave(struct tw_load_bots *bots);

/* True when no bot is waiting, connecting or connected. */
bool tw_load_bots_all_ended(const struct tw_load_bots *bots);

/* A bot whose end is none: it left with us, or the server's stop was expected. */
bool tw_load_bot_ended_well(const struct tw_load_bots *bots, const struct tw_load_bot *bot);

/* Inputs of this bot that the server has applied, as far as snapshots told. */
uint64_t tw_load_bot_inputs_applied(const struct tw_load_bot *bot);

uint64_t tw_load_now_us(void);

#endif
