/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The k nearest, exactly, in the order of (squared distance between centres, handle): what sorting
 * everybody would give. Cells are looked at in rings of roots around the place, the nearest octants
 * first, until all that is left is farther away than the k-th of those found. In a world that wraps
 * distances are those of the shorter way round. Owner: the reader's thread.
 */
#ifndef TICKWIRE_SIMULATION_SPACE_NEAREST_H
#define TICKWIRE_SIMULATION_SPACE_NEAREST_H

#include "simulation/space/reader.h"

#include <stdint.h>

struct tw_space_nearest {
    struct tw_space_point at; /* within TW_SPACE_REACH, else nobody is near */
    uint32_t k;               /* 0: nobody; above the reader's nearest_max: as many as that */
    /* Only those at most so far away; negative: nobody. TW_SPACE_ANY_DISTANCE: no limit. */
    int32_t distance_max;
    const struct tw_space_filter *filter; /* NULL: everybody */
};

#define TW_SPACE_ANY_DISTANCE INT32_MAX

/* Writes up to k hits and returns their number: fewer than k only if there are no more. */
uint32_t tw_space_nearest(struct tw_space_reader *reader, const struct tw_space_nearest *query,
                          struct tw_space_hit *hits);

/* For batches: the same when nobody who counts is farther away than the root of `bound`, or in
 * another leaf. Not in a world that wraps. */
struct tw_space_near_leaf;
struct tw_space_leaves {
    const struct tw_space_near_leaf *list;
    uint32_t count;
    uint64_t bound;
};
uint32_t tw_space_nearest_among(struct tw_space_reader *reader,
                                const struct tw_space_nearest *query,
                                const struct tw_space_leaves *leaves, struct tw_space_hit *hits);

#endif
