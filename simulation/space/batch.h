/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Many questions at once: those asked from the same cell share one walk through the cells around
 * it. Results are those of the single forms, to the bit. A batch needs scratch of its own beside
 * the reader's. Owner: the reader's thread.
 */
#ifndef TICKWIRE_SIMULATION_SPACE_BATCH_H
#define TICKWIRE_SIMULATION_SPACE_BATCH_H

#include "simulation/space/nearest.h"
#include "simulation/space/query.h"

#include <stdint.h>

struct tw_space_near_leaf;

struct tw_space_batch {
    struct tw_space_reader *reader;
    uint32_t queries_max;
    uint32_t leaves_max;
    struct tw_space_hit *order; /* 2 * queries_max */
    struct tw_space_near_leaf *leaves;
};

void tw_space_batch_carve(struct tw_space_batch *batch, struct tw_arena *arena,
                          const struct tw_space_config *config, uint32_t queries_max);
static inline void tw_space_batch_init(struct tw_space_batch *batch, struct tw_space_reader *reader)
{
    batch->reader = reader;
}

struct tw_space_ball {
    struct tw_space_point centre;
    int32_t radius;
};

/* Where the results go. */
struct tw_space_taker {
    const struct tw_space_filter *filter; /* NULL: everybody */
    void (*take)(void *context, uint32_t sphere, const struct tw_space_item *item);
    void *context;
};

/* Centres within spheres: `take` is called with the number of the sphere for what tw_space_visit
 * would find; spheres of one cell beside each other. False, and nothing is asked, for more than
 * queries_max. In a world that wraps each sphere is asked by itself, and one that is too wide finds
 * nothing. */
bool tw_space_batch_visit(struct tw_space_batch *batch, const struct tw_space_ball *spheres,
                          uint32_t count, const struct tw_space_taker *taker);

/* k-NN for each query: hits[i * stride ...] and counts[i]; every k at most `stride`. */
struct tw_space_nearest_job {
    const struct tw_space_nearest *queries; /* count */
    uint32_t count;
    uint32_t stride;
    struct tw_space_hit *hits; /* count * stride */
    uint32_t *counts;          /* count */
};

/* False, and nothing is asked, for more than queries_max. */
bool tw_space_batch_nearest(struct tw_space_batch *batch, const struct tw_space_nearest_job *job);

#endif
