/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Uniform grid over a square world: who is near a point.
 *
 * Cells are 16 m: four by four make one replication cell of 64 m; small enough that a collision
 * query in a dense crowd meets tens of entities, large enough that an interest query of 100 m
 * walks fewer than 200 list heads, and a world of 65 km takes 64 MB.
 *
 * Each cell is a linked list through the nodes of its entities; a node keeps the position, so a
 * query touches one cache line per entity. Order within a cell is newest first: it depends only
 * on the history of calls, so the grid's memory belongs to the world's deterministic state.
 * Owner: the shard's thread.
 */
#ifndef TICKWIRE_SIMULATION_SPACE_GRID_H
#define TICKWIRE_SIMULATION_SPACE_GRID_H

#include "simulation/core/arena.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define TW_GRID_SHIFT 14 /* 2^14 units of 1/1024 m = 16 m */

struct tw_grid_node {
    int32_t x, y;
    uint32_t next, previous; /* index + 1; 0 = none */
};

struct tw_grid {
    struct tw_grid_node *nodes; /* by entity index */
    uint32_t *heads;            /* index + 1, by cell */
    uint32_t width;             /* cells per side */
    uint32_t capacity;
};

/* World 0..size_m on both axes (both ends included), entity indexes 0..capacity-1. */
void tw_grid_carve(struct tw_grid *grid, struct tw_arena *arena, uint32_t size_m,
                   uint32_t capacity);

/* Positions must be inside the world; insert only what is not in, move and remove only what is. */
void tw_grid_insert(struct tw_grid *grid, uint32_t index, int32_t x, int32_t y);
void tw_grid_move(struct tw_grid *grid, uint32_t index, int32_t x, int32_t y);
void tw_grid_remove(struct tw_grid *grid, uint32_t index);

/* Indexes of all entities whose position is at most `radius` from (x, y), row of cells by row, in a
 * deterministic order; out has room for `capacity` of them (the grid's capacity always suffices).
 * Returns their number. */
uint32_t tw_grid_query(const struct tw_grid *grid, int32_t x, int32_t y, uint32_t radius,
                       uint32_t *out);

static inline uint64_t tw_grid_distance_squared(int32_t ax, int32_t ay, int32_t bx, int32_t by)
{
    int64_t dx = (int64_t)ax - bx;
    int64_t dy = (int64_t)ay - by;
    return (uint64_t)(dx * dx + dy * dy);
}

#endif
