/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Points and boxes of the spatial index, in units of 1/1024 m, and why nothing overflows.
 *
 * A stored position lies in 0..2^27 on each axis (131 km), a coordinate of a query within 2^30 of
 * 0. A difference of two therefore fits 32 bits, its square 2^61, and the sum of three squares 63
 * bits: no query can overflow, whatever is asked. Pure values, any thread.
 */
#ifndef TICKWIRE_SIMULATION_SPACE_POINT_H
#define TICKWIRE_SIMULATION_SPACE_POINT_H

#include <stdbool.h>
#include <stdint.h>

#define TW_SPACE_SIZE_MAX (INT32_C(1) << 27)
#define TW_SPACE_REACH    ((INT32_C(1) << 30) - 1)

struct tw_space_point {
    int32_t x, y, z;
};

/* All of low..high, both included. */
struct tw_space_bounds {
    struct tw_space_point low, high;
};

static inline uint64_t tw_space_squared(struct tw_space_point a, struct tw_space_point b)
{
    int64_t dx = (int64_t)a.x - b.x;
    int64_t dy = (int64_t)a.y - b.y;
    int64_t dz = (int64_t)a.z - b.z;
    return (uint64_t)(dx * dx) + (uint64_t)(dy * dy) + (uint64_t)(dz * dz);
}

static inline int32_t tw_space_clamp(int64_t value, int32_t low, int32_t high)
{
    if (value < low)
        return low;
    return value > high ? high : (int32_t)value;
}

/* From a point to the nearest of low..high on one axis. */
static inline int64_t tw_space_axis_gap(int32_t at, int32_t low, int32_t high)
{
    if (at < low)
        return (int64_t)low - at;
    return at > high ? (int64_t)at - high : 0;
}

static inline uint64_t tw_space_bounds_squared(const struct tw_space_bounds *bounds,
                                               struct tw_space_point at)
{
    int64_t dx = tw_space_axis_gap(at.x, bounds->low.x, bounds->high.x);
    int64_t dy = tw_space_axis_gap(at.y, bounds->low.y, bounds->high.y);
    int64_t dz = tw_space_axis_gap(at.z, bounds->low.z, bounds->high.z);
    return (uint64_t)(dx * dx) + (uint64_t)(dy * dy) + (uint64_t)(dz * dz);
}

static inline bool tw_space_bounds_meet(const struct tw_space_bounds *a,
                                        const struct tw_space_bounds *b)
{
    return a->low.x <= b->high.x && b->low.x <= a->high.x && a->low.y <= b->high.y &&
           b->low.y <= a->high.y && a->low.z <= b->high.z && b->low.z <= a->high.z;
}

static inline bool tw_space_bounds_hold(const struct tw_space_bounds *bounds,
                                        struct tw_space_point at)
{
    return at.x >= bounds->low.x && at.x <= bounds->high.x && at.y >= bounds->low.y &&
           at.y <= bounds->high.y && at.z >= bounds->low.z && at.z <= bounds->high.z;
}

/* Grown so far that they hold a point. */
static inline void tw_space_bounds_include(struct tw_space_bounds *bounds, struct tw_space_point at)
{
    bounds->low.x = at.x < bounds->low.x ? at.x : bounds->low.x;
    bounds->low.y = at.y < bounds->low.y ? at.y : bounds->low.y;
    bounds->low.z = at.z < bounds->low.z ? at.z : bounds->low.z;
    bounds->high.x = at.x > bounds->high.x ? at.x : bounds->high.x;
    bounds->high.y = at.y > bounds->high.y ? at.y : bounds->high.y;
    bounds->high.z = at.z > bounds->high.z ? at.z : bounds->high.z;
}

/* Bounds moved outwards by `margin` >= 0 on all sides, within the reach of queries. */
static inline struct tw_space_bounds tw_space_bounds_grow(struct tw_space_bounds bounds,
                                                          int64_t margin)
{
    const int32_t reach = TW_SPACE_REACH;
    bounds.low.x = tw_space_clamp(bounds.low.x - margin, -reach, reach);
    bounds.low.y = tw_space_clamp(bounds.low.y - margin, -reach, reach);
    bounds.low.z = tw_space_clamp(bounds.low.z - margin, -reach, reach);
    bounds.high.x = tw_space_clamp(bounds.high.x + margin, -reach, reach);
    bounds.high.y = tw_space_clamp(bounds.high.y + margin, -reach, reach);
    bounds.high.z = tw_space_clamp(bounds.high.z + margin, -reach, reach);
    return bounds;
}

static inline bool tw_space_point_in_reach(struct tw_space_point at)
{
    return at.x >= -TW_SPACE_REACH && at.x <= TW_SPACE_REACH && at.y >= -TW_SPACE_REACH &&
           at.y <= TW_SPACE_REACH && at.z >= -TW_SPACE_REACH && at.z <= TW_SPACE_REACH;
}

#endif
