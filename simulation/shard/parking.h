/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Players whose sessions have been silent for long: out of the world, kept by value.
 *
 * A place holds all that the world knew of the entity, so that nothing of it has to stay in the
 * world's arrays but its handle, which nobody else gets meanwhile. As many places as configured;
 * when all are taken the caller is told. Part of the deterministic state: places are taken and
 * given back in the order of players, lowest first. Owner: the shard's thread.
 */
#ifndef TICKWIRE_SIMULATION_SHARD_PARKING_H
#define TICKWIRE_SIMULATION_SHARD_PARKING_H

#include "simulation/core/arena.h"
#include "simulation/core/schema.h"

#include <assert.h>
#include <stdint.h>

#define TW_PARKING_NONE UINT32_MAX

/* Units as in the entity store. */
struct tw_parked {
    uint64_t account;
    uint32_t handle; /* 0: the place is free */
    uint32_t since_tick;
    int32_t x, y;
    uint16_t heading, facing;
    uint16_t radius;
    uint16_t cold[TW_COLD_FIELDS];
};
static_assert(sizeof(struct tw_parked) == 40u, "no padding: it is hashed");

struct tw_parking_state {
    uint32_t taken;
    uint32_t zero;
};

struct tw_parking {
    struct tw_parking_state *state;
    struct tw_parked *places;
    uint32_t *free; /* stack of places, capacity - taken of them */
    uint32_t capacity;
};

void tw_parking_carve(struct tw_parking *parking, struct tw_arena *arena, uint32_t capacity);
/* After carving zeroed memory. */
void tw_parking_init(struct tw_parking *parking);

/* The place it was put in, or TW_PARKING_NONE. */
uint32_t tw_parking_put(struct tw_parking *parking, const struct tw_parked *parked);
const struct tw_parked *tw_parking_at(const struct tw_parking *parking, uint32_t place);
void tw_parking_free(struct tw_parking *parking, uint32_t place);

#endif
