/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Who asks the index: scratch memory, the choice of kernels, and what the questions cost. Every
 * thread that asks has a reader of its own; see space.h for the phases in which it may.
 */
#ifndef TICKWIRE_SIMULATION_SPACE_READER_H
#define TICKWIRE_SIMULATION_SPACE_READER_H

#include "simulation/core/arena.h"
#include "simulation/space/kernels.h"
#include "simulation/space/space.h"

#include <stdbool.h>
#include <stdint.h>

enum tw_space_faction_rule {
    TW_SPACE_ANY_FACTION,
    TW_SPACE_ONLY_FACTION,
    TW_SPACE_OTHER_FACTIONS,
};

/* Whom a query is about. All zero: everybody. */
struct tw_space_filter {
    uint32_t types; /* a bit per type; 0 = all */
    enum tw_space_faction_rule faction_rule;
    uint8_t faction;
    bool alive;         /* leave out the dead */
    uint32_t except[2]; /* handles left out: who asks, whom the question is about; 0 = none */
};

/* One result. */
struct tw_space_hit {
    uint64_t key; /* squared distance; sweep: part of the way in 1/65,536 */
    uint32_t handle;
    uint32_t reserved; /* 0 */
};

/* Sums over all queries of a reader. */
struct tw_space_cost {
    uint64_t queries;
    uint64_t cells;    /* nodes and empty roots looked at */
    uint64_t entities; /* of the blocks looked at */
    uint64_t hits;
};

struct tw_space_reader {
    const struct tw_space *space;
    const struct tw_space_kernels *kernels;
    struct tw_space_hit *scratch; /* nearest_max * 2 */
    uint32_t nearest_max;
    struct tw_space_cost cost;
};

/* For k-NN up to k = nearest_max; `kernels` NULL: scalar. */
void tw_space_reader_carve(struct tw_space_reader *reader, struct tw_arena *arena,
                           uint32_t nearest_max);
void tw_space_reader_init(struct tw_space_reader *reader, const struct tw_space *space,
                          const struct tw_space_kernels *kernels);

static inline bool tw_space_filter_passes(const struct tw_space_filter *filter, uint32_t tags,
                                          uint32_t handle)
{
    uint32_t faction = (tags & TW_SPACE_TAG_FACTION) >> TW_SPACE_TAG_FACTION_BIT;
    if (filter->types != 0 && (filter->types >> (tags & TW_SPACE_TAG_TYPE) & 1u) == 0)
        return false;
    if (filter->alive && (tags & TW_SPACE_TAG_DEAD) != 0)
        return false;
    if (filter->faction_rule != TW_SPACE_ANY_FACTION &&
        (faction == filter->faction) != (filter->faction_rule == TW_SPACE_ONLY_FACTION))
        return false;
    return handle != filter->except[0] && handle != filter->except[1];
}

static inline bool tw_space_hit_before(const struct tw_space_hit *a, const struct tw_space_hit *b)
{
    return a->key != b->key ? a->key < b->key : a->handle < b->handle;
}

#endif
