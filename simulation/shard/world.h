/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The world: everything that decides what happens next, in one stretch of memory without
 * pointers. A copy of that stretch is a snapshot of the world, its hash the state hash.
 *
 *   [ scalars | entity arrays | players | parking ]   state .. state + state_size
 *
 * Depends on nothing but configuration, seed, records and tick numbers. Owner: the shard's thread.
 */
#ifndef TICKWIRE_SIMULATION_SHARD_WORLD_H
#define TICKWIRE_SIMULATION_SHARD_WORLD_H

#include "simulation/core/entities.h"
#include "simulation/core/plane.h"
#include "simulation/core/rng.h"
#include "simulation/shard/candidates.h"
#include "simulation/shard/inputs.h"
#include "simulation/shard/parking.h"
#include "simulation/shard/shard.h"
#include "simulation/space/index.h"

#include <assert.h>
#include <stdbool.h>
#include <stdint.h>

/* Units: 1/1024 m. */
#define TW_BODY_RADIUS         512u  /* players and wanderers: 0.5 m */
#define TW_OBSTACLE_RADIUS_MIN 1024u /* 1 m */
#define TW_OBSTACLE_RADIUS_MAX 3072u /* 3 m: collision queries reach that much further */

/* One player of the world; which session drives it is told by (worker, slot, route_epoch). */
struct tw_player {
    uint64_t account;
    uint32_t entity; /* handle bits; 0 = this player index is free */
    uint32_t worker;
    uint32_t slot;
    uint32_t route_epoch;
    uint32_t presence; /* enum tw_presence */
    uint32_t place;    /* PARKED: in the parking table */
    struct tw_player_inputs inputs;
};
static_assert(sizeof(struct tw_player) == 32u + sizeof(struct tw_player_inputs), "no padding");

/* Scalars in deterministic memory. */
struct tw_world_state {
    uint64_t tick; /* newest simulated */
    struct tw_rng rng;
    uint32_t players_live;
    uint32_t players_end; /* indexes >= players_end were never used */
    uint32_t free_first;
    uint32_t free_count;
};
static_assert(sizeof(struct tw_world_state) == 56u, "no padding");

struct tw_world {
    uint8_t *state_bytes;
    size_t state_size;
    struct tw_world_state *state;
    struct tw_entities entities;
    struct tw_player *players;
    uint32_t *players_free; /* first in, first out */
    struct tw_parking parking;
    struct tw_index index;           /* follows from the entities: outside the state */
    struct tw_candidates candidates; /* outside, too */
    struct tw_plane plane;           /* follows from the configuration */
    const struct tw_shard_config *config;
};

static inline struct tw_plane tw_world_plane(const struct tw_shard_config *config)
{
    return (struct tw_plane){config->wraps ? (int32_t)(config->size_m * TW_UNITS_PER_METRE) : 0};
}

struct tw_index_config tw_world_index_config(const struct tw_shard_config *config);

void tw_world_carve(struct tw_world *world, struct tw_arena *arena,
                    const struct tw_shard_config *config);
/* After carving zeroed memory: seeds the rng, places obstacles and wanderers. */
void tw_world_init(struct tw_world *world);

struct tw_join {
    uint64_t account;
    uint32_t worker, slot, route_epoch;
};

#define TW_PLAYER_NONE UINT32_MAX

/* Adds a player with an entity; TW_PLAYER_NONE when players, entities or places have run out. */
uint32_t tw_world_join(struct tw_world *world, const struct tw_join *join, uint32_t tick);
void tw_world_leave(struct tw_world *world, uint32_t player);

/* What a silent player's presence becomes. AWAY: it stands, and shows it. PARKED: its entity leaves
 * the world, its handle is kept; false when no place is free: it stays away then. PRESENT, after
 * PARKED: the same entity as it was left, as near to its place as there is room; false when there
 * is none: it stays parked, to be tried again. */
bool tw_world_set_presence(struct tw_world *world, uint32_t player, enum tw_presence presence,
                           uint32_t tick) __attribute__((warn_unused_result));

uint64_t tw_world_hash(const struct tw_world *world);

#endif
