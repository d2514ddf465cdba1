/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Entity store: structure of arrays, found by handles (u24 index, u8 generation).
 *
 * A destroyed index waits in a first-in, first-out queue before it is used again, with the next
 * generation (never 0): a handle value returns only after 255 lives of its index. All arrays lie
 * in the world's deterministic memory. Units: positions 1/1024 m, velocities 1/1024 m/s, angles
 * 65,536 per turn. Owner: the shard's thread.
 */
#ifndef TICKWIRE_SIMULATION_CORE_ENTITIES_H
#define TICKWIRE_SIMULATION_CORE_ENTITIES_H

#include "simulation/core/arena.h"
#include "simulation/core/schema.h"
#include "tickwire/ids.h"

#include <stdbool.h>
#include <stdint.h>

/* Scalars of the store; in deterministic memory beside the arrays. */
struct tw_entities_state {
    uint32_t live;
    uint32_t end; /* indexes >= end were never used */
    uint32_t free_first;
    uint32_t free_count;
};

struct tw_entities {
    struct tw_entities_state *state;
    uint32_t *free_queue;
    uint32_t capacity;
    uint8_t *generation;
    uint8_t *live; /* 0 or 1 */
    /* motion */
    int32_t *x, *y;
    int32_t *velocity_x, *velocity_y;
    uint16_t *heading, *facing; /* facing: where heading turns to */
    uint16_t *radius;
    uint8_t *speed;           /* hot form of the velocity's length */
    int32_t *told_x, *told_y; /* velocity at the end of the tick before */
    uint8_t *action, *action_ticks_left;
    uint32_t *changed_tick; /* newest change of any of position, velocity, heading, action */
    /* wanderers that walk */
    uint8_t *wanders;
    uint16_t *wander_ticks_left;
    /* cold fields and the tick each was changed at, [field][index] */
    uint16_t *cold[TW_COLD_FIELDS];
    uint32_t *cold_tick[TW_COLD_FIELDS];
    uint32_t *cold_newest; /* the newest of them */
};

void tw_entities_carve(struct tw_entities *entities, struct tw_arena *arena, uint32_t capacity);
/* After carving zeroed memory. */
void tw_entities_init(struct tw_entities *entities);

/* All fields zero but the generation; the zero handle when the store is full. */
tw_entity tw_entities_create(struct tw_entities *entities);
void tw_entities_destroy(struct tw_entities *entities, tw_entity entity);

/* Takes a live entity out of the world and keeps its handle for it: nobody else gets the index
 * until it is brought back (all fields zero again) or given up. Not alive meanwhile. */
void tw_entities_set_aside(struct tw_entities *entities, tw_entity entity);
void tw_entities_bring_back(struct tw_entities *entities, tw_entity entity);
void tw_entities_give_up(struct tw_entities *entities, tw_entity entity);

static inline bool tw_entities_alive(const struct tw_entities *entities, tw_entity entity)
{
    uint32_t index = tw_entity_index(entity);
    return index < entities->capacity && entities->live[index] &&
           entities->generation[index] == tw_entity_generation(entity);
}

static inline tw_entity tw_entities_handle(const struct tw_entities *entities, uint32_t index)
{
    return tw_entity_make(index, entities->generation[index]);
}

/* Sets a cold field during tick `tick`; its change tick moves only when the value does. */
void tw_entities_set_cold(struct tw_entities *entities, uint32_t index, enum tw_cold_field field,
                          uint16_t value, uint32_t tick);

#endif
