/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A world's spatial index: what movement, placing and interest ask it, its upkeep, and what it
 * tells of itself. No part of the world's state: it follows from the entities (tw_index_rebuild),
 * and nothing that is asked here depends on the history of its cells. Owner: the shard's thread.
 */
#ifndef TICKWIRE_SIMULATION_SPACE_INDEX_H
#define TICKWIRE_SIMULATION_SPACE_INDEX_H

#include "simulation/core/entities.h"
#include "simulation/space/pairs.h"
#include "simulation/space/reader.h"
#include "simulation/space/validate.h"
#include "tickwire/counters.h"

#include <stdbool.h>
#include <stdint.h>

struct tw_index_config {
    uint32_t size_m; /* of the square world */
    bool wraps;      /* the world has no edges: core/plane.h */
    uint32_t entities_max;
    bool octree;
    uint32_t split_above, merge_below;      /* entities of a cell; 0: as space.h says */
    const struct tw_space_kernels *kernels; /* NULL: scalar */
};

struct tw_index {
    struct tw_space *space;
    struct tw_space_reader reader;
    struct tw_space_audit audit;
    uint32_t *nearby;            /* answers: room for all entities */
    struct tw_space_pairs pairs; /* room for all entities as movers */
};

bool tw_index_config_is_valid(const struct tw_index_config *config);

void tw_index_carve(struct tw_index *index, struct tw_arena *arena,
                    const struct tw_index_config *config);
/* After carving zeroed memory. */
void tw_index_init(struct tw_index *index, const struct tw_index_config *config);

/* Entity `entity` stands where the store says; new, moved, or about to be destroyed. */
void tw_index_insert(struct tw_index *index, const struct tw_entities *entities, uint32_t entity);
void tw_index_move(struct tw_index *index, const struct tw_entities *entities, uint32_t entity);
void tw_index_remove(struct tw_index *index, const struct tw_entities *entities, uint32_t entity);
/* All of them, after the store was replaced. */
void tw_index_rebuild(struct tw_index *index, const struct tw_entities *entities);

/* Indexes of all entities whose centre is at most `radius` from a place, into index->nearby, in the
 * order of cells: what depends on order must sort them. Returns their number. In a world that wraps
 * the radius is below half its width. */
uint32_t tw_index_near(struct tw_index *index, int32_t x, int32_t y, uint32_t radius);

/* Once a tick, after all moves: cells that became worth splitting, a part of the audit's round,
 * figures. Builds for debugging check the whole index against the store, and assert. */
void tw_index_tend(struct tw_index *index, const struct tw_entities *entities,
                   tw_counter figures[TW_SPACE_FIGURE_COUNT]);

#endif
