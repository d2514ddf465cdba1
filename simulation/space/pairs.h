/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Broad phase: everybody who is close to one of many movers, found in one go, for once per tick.
 *
 *   movers   [ 7 | 9 | 12 | 40 ]         the caller's list
 *   rows     [ . | . |  . |  . ]         where each one's part of `others` is
 *              |   |
 *   others   [ 9 15 | 7 | ... ]          handles, ascending within a row
 *
 * Two movers that are close stand in both rows. What a row holds depends only on what is in the
 * index, never on the history of its cells. The cost follows the movers, not the world: those of
 * one cell share a walk through the cells around it, and cells are visited along a curve that fills
 * the plane, so that what one of them needs from memory was needed by its neighbour just before.
 * Owner: the reader's thread.
 */
#ifndef TICKWIRE_SIMULATION_SPACE_PAIRS_H
#define TICKWIRE_SIMULATION_SPACE_PAIRS_H

#include "simulation/space/reader.h"

#include <stdint.h>

/* Bodies that keep apart never come near it, unless a large one has a crowd along its side: a row
 * that would be longer is left out, which bounds what a crowd on one spot costs. */
#define TW_SPACE_ROW_MAX 64u
/* Instead of a count: left out, for want of room or for being longer. Who needs it asks the index.
 */
#define TW_SPACE_ROW_NONE UINT32_MAX

struct tw_space_row {
    uint32_t first, count;
};

struct tw_space_near_leaf;

struct tw_space_pairs {
    struct tw_space_reader *reader;
    uint32_t movers_max, others_max;
    struct tw_space_row *rows;         /* movers_max */
    uint32_t *others;                  /* others_max */
    struct tw_space_hit *order;        /* movers_max: scratch */
    struct tw_space_hit *sorting;      /* movers_max: scratch, in the place of others */
    struct tw_space_near_leaf *leaves; /* scratch */
    uint32_t found;                    /* in others */
    uint32_t left_out;                 /* rows */
};

void tw_space_pairs_carve(struct tw_space_pairs *pairs, struct tw_arena *arena,
                          const struct tw_space_config *config, uint32_t movers_max,
                          uint32_t others_max);
static inline void tw_space_pairs_init(struct tw_space_pairs *pairs, struct tw_space_reader *reader)
{
    pairs->reader = reader;
}

/* For each of `count` <= movers_max handles, which must be in: all others no farther from it than
 * both radii and `margin`, 0..2^24. Overwrites what was found before. */
void tw_space_pairs_find(struct tw_space_pairs *pairs, const uint32_t *movers, uint32_t count,
                         int32_t margin);

#endif
