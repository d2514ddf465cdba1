/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A whole server in memory: one shard, N clients' views, and a seeded bad network between them.
 *
 * Every snapshot is sent along with what an independent look at the world says the client should
 * see; when it is applied, the harness compares. A failure prints the seed.
 */
#ifndef TICKWIRE_TESTS_SIM_HARNESS_H
#define TICKWIRE_TESTS_SIM_HARNESS_H

#include "simulation/client/view.h"
#include "simulation/core/rng.h"
#include "simulation/shard/internal.h"

#include <stdbool.h>
#include <stdint.h>

#define SIM_CLIENTS_MAX   256u
#define SIM_PACKETS_MAX   16384u
#define SIM_ENTITIES_MAX  16384u
#define SIM_VIEW_CAPACITY 4096u

enum sim_behaviour {
    SIM_STAND,
    SIM_WALK, /* a new direction every half second, the main action now and then */
};

struct sim_network {
    uint32_t down_loss_permille;
    uint32_t ack_loss_permille;
    uint32_t delay_min_ticks;
    uint32_t delay_jitter_ticks; /* more than a snapshot interval: reordering */
};

struct sim_packet {
    uint8_t bytes[1200];
    uint64_t due_tick;
    uint64_t expected_hash;
    uint32_t expected_count;
    uint32_t client;
    uint32_t epoch;
    uint16_t length; /* 0 = free */
    bool complete;
};

struct sim_ack {
    uint64_t due_tick; /* 0 = free */
    struct tw_record record;
};

struct sim_client {
    struct tw_view *view;
    bool joined;
    bool silent; /* nothing goes through, either way */
    uint32_t epoch;
    uint32_t move_direction;
    bool should_see[SIM_ENTITIES_MAX]; /* by index, of the generation below */
    uint8_t generation[SIM_ENTITIES_MAX];
    /* what happened */
    uint32_t applied, old, complete, hashes, closes;
    uint32_t newest_body_size;
    bool newest_complete, newest_had_hash;
    uint64_t body_bytes;
};

struct sim {
    struct tw_shard_config config;
    struct tw_shard *shard;
    struct tw_shard_counters counters;
    struct sim_network network;
    enum sim_behaviour behaviour;
    uint64_t seed;
    struct tw_rng rng;
    uint64_t tick;
    uint32_t capacity;    /* of each packet buffer */
    uint32_t buffers_max; /* per worker and tick */
    bool view_overfull;   /* the brute-force set does not apply: only hashes are compared */
    uint32_t clients_max;
    struct sim_client *clients;
    struct sim_packet *packets;
    struct sim_ack *acks;
    uint32_t packets_end, acks_end; /* all from there on are free */
    struct tw_out_buffer *buffers;
    uint8_t *buffer_bytes;
};

struct tw_shard_config sim_config_default(void);
struct sim *sim_create(const struct tw_shard_config *config, uint32_t clients, uint64_t seed);
void sim_destroy(struct sim *sim);

struct tw_record sim_record(const struct sim *sim, uint32_t client, enum tw_record_type type);
void sim_join(struct sim *sim, uint32_t client);
void sim_leave(struct sim *sim, uint32_t client);
void sim_join_all(struct sim *sim);

/* One tick: inputs and acks in, tick, snapshots out, deliveries due. */
void sim_tick(struct sim *sim);
void sim_run(struct sim *sim, uint32_t ticks);

uint32_t sim_player_index(const struct sim *sim, uint32_t client);

#define SIM_CHECK(sim, condition)                                                                  \
    do {                                                                                           \
        if (!(condition)) {                                                                        \
            fprintf(stderr, "%s:%d: %s; seed %llu tick %llu\n", __FILE__, __LINE__, #condition,    \
                    (unsigned long long)(sim)->seed, (unsigned long long)(sim)->tick);             \
            abort();                                                                               \
        }                                                                                          \
    } while (0)

#endif
