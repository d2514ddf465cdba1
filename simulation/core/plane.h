/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The plane that a world lies on: it has edges, or x and y are counted modulo its width and it has
 * none. All that asks how far it is from one place to another, and which way, asks here; nobody
 * else subtracts coordinates of two places.
 *
 *   0                         width = 0
 *   |  A                    B  |  A       from A to B it is -5, not +21: the shorter way round
 *   |--.--------------------.--|--.--
 *
 * Places are in 1/1024 m, in 0..width - 1 where the plane goes round. Pure values, any thread.
 */
#ifndef TICKWIRE_SIMULATION_CORE_PLANE_H
#define TICKWIRE_SIMULATION_CORE_PLANE_H

#include <stdint.h>

struct tw_plane {
    int32_t width; /* on both axes, even; 0: the plane has edges, which are its user's business */
};

/* The place that is meant by a coordinate anywhere. */
static inline int32_t tw_plane_place(struct tw_plane plane, int64_t at)
{
    if (plane.width == 0 || (at >= 0 && at < plane.width))
        return (int32_t)at;
    int64_t rest = at % plane.width;
    return (int32_t)(rest < 0 ? rest + plane.width : rest);
}

/* From one place to another along an axis, the shorter way. Half the width is as far one way as the
 * other: then it is the way that does not cross the seam. */
static inline int32_t tw_plane_difference(struct tw_plane plane, int32_t from, int32_t to)
{
    int32_t difference = to - from;
    if (difference > plane.width / 2)
        return difference - plane.width;
    return difference < -plane.width / 2 ? difference + plane.width : difference;
}

static inline uint64_t tw_plane_distance_squared(struct tw_plane plane, int32_t ax, int32_t ay,
                                                 int32_t bx, int32_t by)
{
    int64_t dx = tw_plane_difference(plane, bx, ax);
    int64_t dy = tw_plane_difference(plane, by, ay);
    return (uint64_t)(dx * dx + dy * dy);
}

#endif
