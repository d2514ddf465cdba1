/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Broad phase: all pairs of bodies that are close, found in one go over the cells, for once per
 * tick. Each pair once, ordered by (first, second), first < second by handle, whatever the history
 * of the cells. Owner: the reader's thread.
 */
#ifndef TICKWIRE_SIMULATION_SPACE_PAIRS_H
#define TICKWIRE_SIMULATION_SPACE_PAIRS_H

#include "simulation/space/reader.h"

#include <stdint.h>

struct tw_space_pairs {
    /* Close: no farther apart than both radii and this, 0..2^24. */
    int32_t margin;
    /* One of the two passes the one filter, the other the other: what moves against everything.
     * NULL: everybody. */
    const struct tw_space_filter *movers;
    const struct tw_space_filter *others;
};

/* Writes the first `capacity` pairs in order as hits whose key is first << 32 | second; returns how
 * many there are in all, or TW_SPACE_TOO_WIDE (query.h) in a world that wraps and is not wider than
 * twice the farthest that two can be close. */
uint32_t tw_space_pairs_find(struct tw_space_reader *reader, const struct tw_space_pairs *query,
                             struct tw_space_hit *pairs, uint32_t capacity);

static inline uint32_t tw_space_pair_first(const struct tw_space_hit *pair)
{
    return (uint32_t)(pair->key >> 32);
}

static inline uint32_t tw_space_pair_second(const struct tw_space_hit *pair)
{
    return (uint32_t)pair->key;
}

#endif
