/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Players as they are: client sessions of the shipped library, each with a clock of its own, behind
 * a bad network, and one shard. Between them a worker in small: opens packets, decodes frames,
 * drops repeated inputs, answers pings, seals snapshots.
 *
 * Virtual time in steps of half a millisecond, everything from one seed. A client is updated at its
 * own frame rate, at a phase of its own, as a game would.
 */
#ifndef TICKWIRE_TESTS_SIM_FIELD_H
#define TICKWIRE_TESTS_SIM_FIELD_H

#include "dataplane/client/session.h"
#include "dataplane/gate/conduct.h"
#include "dataplane/gate/inputs.h"
#include "simulation/shard/internal.h"
#include "tests/sim/network.h"
#include "tests/sim/server_link.h"

#include <stdio.h>
#include <stdlib.h>

#define FIELD_MAX     64u
#define FIELD_STEP_US 500u
#define FIELD_RECORDS 8192u
#define FIELD_EVENTS  1024u
/* The low 32 bits of times wrap 5 s later. */
#define FIELD_START_US UINT64_C(4290000000)

/* Messages of one session: nobody here sends any. */
struct field_channels {
    struct tw_block_pool blocks;
    struct tw_channels_pool pool;
    void *blocks_memory, *pool_memory;
};

struct player {
    /* the device */
    struct tw_client_session session;
    struct tw_view *view;
    struct field_channels channels;
    struct tw_client_events events;
    struct tw_client_event event_queue[FIELD_EVENTS];
    struct tw_client_statistics statistics;
    uint64_t clock_origin_us;
    int32_t drift_ppm; /* of its clock against the server's: positive is fast */
    uint64_t frame_us; /* between two updates */
    uint64_t next_update_us;
    bool walks;
    uint32_t buttons_per_mille; /* chance, at each frame, of changing what is pressed */
    /* the server's end */
    struct server_link link;
    struct tw_transport transport;
    struct field_channels server_channels;
    struct tw_input_window inputs;
    struct tw_conduct conduct;
    uint32_t charged[TW_CONDUCT_COUNT];
    uint64_t closes;  /* verdicts that the session is to end */
    uint64_t starved; /* the same, by the shard */
    bool joined, pong_due;
    struct tw_frame_pong pong;
    uint32_t link_state;
    uint16_t capacity;
    uint64_t rejected; /* datagrams that the server's end refused */
};

struct field {
    struct tw_shard_config config;
    uint16_t capacity; /* of a snapshot; TW_SHARD_BASE_CAPACITY unless a test changes it */
    struct tw_shard *shard;
    struct tw_shard_counters counters;
    struct tw_conduct_rules conduct; /* of the default configuration */
    struct net *net;
    struct tw_rng rng;
    uint64_t seed;
    uint64_t now_us; /* the server's clock; tick 0 was at FIELD_START_US */
    uint64_t tick;
    uint64_t hitch_until_us; /* the shard runs no tick before, and skips those it missed */
    uint32_t count;
    struct player *players;
    struct tw_record *records; /* in the ring to the shard */
    uint32_t record_count;
    struct tw_out_buffer buffers[FIELD_MAX];
    uint8_t bytes[FIELD_MAX][TW_DATAGRAM_MAX];
};

struct tw_shard_config field_config_default(void);
struct field *field_create(const struct tw_shard_config *config, uint32_t count,
                           const struct impair_profile *profile, uint64_t seed);
void field_destroy(struct field *field);

void field_run(struct field *field, uint64_t us);

/* What a player's own clock shows. */
uint64_t player_local_us(const struct field *field, const struct player *player);
/* Server time, µs since tick 0. */
uint64_t field_server_us(const struct field *field);

#define FIELD_CHECK(field, condition)                                                              \
    do {                                                                                           \
        if (!(condition)) {                                                                        \
            fprintf(stderr, "%s:%d: %s; seed %llu, %llu us\n", __FILE__, __LINE__, #condition,     \
                    (unsigned long long)(field)->seed, (unsigned long long)(field)->now_us);       \
            abort();                                                                               \
        }                                                                                          \
    } while (0)

#endif
