/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Everything inside a shape: in order, counted, or one after the other as the cells come. What is
 * found is exact (shape.h); space.h says which order holds. In a world that wraps, a shape is asked
 * across the edge as well; it must be narrower than the world, radii included, or finds nothing and
 * returns TW_SPACE_TOO_WIDE. Owner: the reader's thread.
 */
#ifndef TICKWIRE_SIMULATION_SPACE_QUERY_H
#define TICKWIRE_SIMULATION_SPACE_QUERY_H

#include "simulation/space/reader.h"
#include "simulation/space/shape.h"

#include <stdbool.h>
#include <stdint.h>

#define TW_SPACE_TOO_WIDE UINT32_MAX

/* Writes the first `capacity` in order and returns how many there are in all. */
uint32_t tw_space_find(struct tw_space_reader *reader, const struct tw_space_shape *shape,
                       const struct tw_space_filter *filter, struct tw_space_hit *hits,
                       uint32_t capacity);
uint32_t tw_space_count(struct tw_space_reader *reader, const struct tw_space_shape *shape,
                        const struct tw_space_filter *filter);

struct tw_space_item {
    struct tw_space_point at;
    uint64_t key;
    uint32_t handle;
    int32_t radius;
};

/* Calls `visit` for each, in the order of cells, until it returns false. Returns how many it was
 * called for. It must not change the index, and may ask it with another reader only. */
typedef bool (*tw_space_visitor)(void *context, const struct tw_space_item *item);
uint32_t tw_space_visit(struct tw_space_reader *reader, const struct tw_space_shape *shape,
                        const struct tw_space_filter *filter, tw_space_visitor visit,
                        void *context);

/* The first body touched on the way of a sphere (radius 0: a ray) from `from` to `to`: the one with
 * the lowest (part of the way, handle). False if there is none. */
bool tw_space_first_on_way(struct tw_space_reader *reader, const struct tw_space_shape *sweep,
                           const struct tw_space_filter *filter, struct tw_space_hit *hit);
/* Whether no body that passes the filter touches the segment: line of sight, the filter saying what
 * stands in the way and leaving out (except) the two who look at each other. Points outside
 * TW_SPACE_REACH see nothing. */
bool tw_space_is_clear(struct tw_space_reader *reader, struct tw_space_point from,
                       struct tw_space_point to, const struct tw_space_filter *occluders);

#endif
