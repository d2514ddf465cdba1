/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A block: eight entities of one cell, each property beside its like, so that one vector holds an
 * axis of all eight. Three cache lines; a move touches two of them, a search those with the places
 * and, where something is found, the third. Lanes from `count` on hold leftovers. Pure data.
 *
 * Tags: what a filter looks at, in one word.
 *
 *   31            16 15      8   7      6      5     4      0
 *   [ radius        ][ faction ][ 0 ][ large ][ dead ][ type ]   radius: of a large body its number
 */
#ifndef TICKWIRE_SIMULATION_SPACE_BLOCK_H
#define TICKWIRE_SIMULATION_SPACE_BLOCK_H

#include "simulation/space/point.h"

#include <assert.h>
#include <stddef.h>

#define TW_SPACE_LANES 8u

struct tw_space_block {
    struct tw_space_point low; /* of its cell */
    uint32_t node;             /* its cell, index + 1 */
    uint32_t next;             /* block index + 1; 0 = none */
    uint8_t shift;             /* of its cell */
    uint8_t count;             /* lanes in use */
    uint16_t unused[5];
    int32_t x[TW_SPACE_LANES];
    int32_t y[TW_SPACE_LANES];
    int32_t z[TW_SPACE_LANES];
    uint32_t handles[TW_SPACE_LANES];
    uint32_t tags[TW_SPACE_LANES];
} __attribute__((aligned(64)));
static_assert(sizeof(struct tw_space_block) == 192u, "three cache lines");
static_assert(offsetof(struct tw_space_block, x) == 32u, "axes are aligned to vectors");

#define TW_SPACE_TAG_TYPE         0x1fu
#define TW_SPACE_TAG_DEAD         0x20u
#define TW_SPACE_TAG_LARGE        0x40u
#define TW_SPACE_TAG_FACTION      0xff00u
#define TW_SPACE_TAG_FACTION_BIT  8u
#define TW_SPACE_TAG_RADIUS_SHIFT 16u

static inline struct tw_space_point tw_space_block_point(const struct tw_space_block *block,
                                                         uint32_t lane)
{
    return (struct tw_space_point){block->x[lane], block->y[lane], block->z[lane]};
}

#endif
