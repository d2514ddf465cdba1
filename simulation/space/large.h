/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Bodies too large to be found by widening a search: a grid of several levels. A body of radius r
 * belongs to the level whose cells are at least 2 r wide and stands in every cell there that its
 * box touches: two per axis, eight at most. A search looks at the cells its bounds touch on each
 * level in use, or at all bodies if those are fewer, and meets each body once: in the first cell
 * that both have.
 *
 * Part of struct tw_space, same owner and phases (space.h).
 */
#ifndef TICKWIRE_SIMULATION_SPACE_LARGE_H
#define TICKWIRE_SIMULATION_SPACE_LARGE_H

#include "simulation/core/arena.h"
#include "simulation/space/point.h"

#define TW_SPACE_LARGE_CELLS  8u
#define TW_SPACE_LARGE_SHIFTS 32u

struct tw_space_large_body {
    struct tw_space_point at;
    int32_t radius; /* 0 = not in use */
    uint32_t handle;
    uint32_t tags;
    uint32_t shift; /* of its level's cells */
    uint32_t next;  /* free list, number + 1 */
};

/* One cell of one body; number = body * 8 + which. */
struct tw_space_large_link {
    int32_t x, y, z;
    uint32_t shift; /* 0 = not in use */
    uint32_t next, previous;
};

struct tw_space_large {
    struct tw_space_large_body *bodies;
    struct tw_space_large_link *links;
    uint32_t *heads; /* by hash of the cell; link + 1 */
    uint32_t heads_mask;
    uint32_t max, used, end, free;
    uint32_t on_level[TW_SPACE_LARGE_SHIFTS];
};

void tw_space_large_carve(struct tw_space_large *large, struct tw_arena *arena, uint32_t max);

static inline bool tw_space_large_is_full(const struct tw_space_large *large)
{
    return large->used == large->max;
}

/* Its number; not when full. */
uint32_t tw_space_large_insert(struct tw_space_large *large,
                               const struct tw_space_large_body *body);
void tw_space_large_move(struct tw_space_large *large, uint32_t number, struct tw_space_point to);
void tw_space_large_remove(struct tw_space_large *large, uint32_t number);

static inline struct tw_space_bounds tw_space_large_bounds(const struct tw_space_large_body *body)
{
    return tw_space_bounds_grow((struct tw_space_bounds){body->at, body->at}, body->radius);
}

/* Calls `visit` once for each body whose box meets `bounds`, until it returns false; false then. */
typedef bool (*tw_space_large_visitor)(void *context, const struct tw_space_large_body *body);
bool tw_space_large_visit(const struct tw_space_large *large, const struct tw_space_bounds *bounds,
                          tw_space_large_visitor visit, void *context);

#endif
