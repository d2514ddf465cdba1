/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The way through the cells that every query over a shape takes: roots in the shape's bounds, then
 * down as far as the shape reaches. Inside simulation/space only. Owner: the reader's thread.
 */
#ifndef TICKWIRE_SIMULATION_SPACE_WALK_H
#define TICKWIRE_SIMULATION_SPACE_WALK_H

#include "simulation/space/internal.h"
#include "simulation/space/reader.h"
#include "simulation/space/shape.h"

struct tw_space_walk {
    struct tw_space_reader *reader;
    struct tw_space_shape shape; /* cells are held against it; may shrink on the way */
    int32_t grown;               /* small bodies reach so much further than their centres */
    /* Cells that are inside as a whole are given to this instead of their leaves; may be NULL. */
    void (*whole)(struct tw_space_walk *walk, const struct tw_space_node *cell);
    /* False ends the walk. */
    bool (*leaf)(struct tw_space_walk *walk, const struct tw_space_node *leaf, bool inside);
    void *context;
};

/* False if a leaf ended it. Edges are edges here, in a world that wraps as well. */
bool tw_space_walk_cells(struct tw_space_walk *walk);

/* Calls `ask` for each of the places that a shape which fits has in a world that wraps, where none
 * but those on this side of the edge find anything; once in others. False if `ask` returned it. */
bool tw_space_walk_images(const struct tw_space *space, const struct tw_space_shape *shape,
                          bool (*ask)(void *context, const struct tw_space_shape *image),
                          void *context);
/* Not too wide for a world that wraps: no entity is in two of its places at once. */
bool tw_space_walk_fits(const struct tw_space *space, const struct tw_space_shape *shape);

#endif
