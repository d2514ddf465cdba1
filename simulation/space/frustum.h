/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A view frustum: six planes that look inwards.
 *
 * A plane is (a, b, c, d): normal in 1/16,384, of length 1 to 1/1,024; distance d in the same unit.
 * A sphere is seen when a x + b y + c z + d + 16,384 r >= 0 for all six. Six planes see spheres
 * beyond a sharp corner as well; a query of the index leaves out those whose box does not meet the
 * frustum's bounds.
 *
 * The test is exact in 64 bits on every path (kernels.h). The vector paths first compute all six
 * distances in 32 bits, with coordinates in units of 2^shift, so that 16 bits hold them: the error
 * of that is known, it decides all spheres but those near a plane, and these are computed in full.
 * Pure values, any thread.
 */
#ifndef TICKWIRE_SIMULATION_SPACE_FRUSTUM_H
#define TICKWIRE_SIMULATION_SPACE_FRUSTUM_H

#include "simulation/space/point.h"

#include <stdbool.h>
#include <stdint.h>

#define TW_SPACE_PLANES     6u
#define TW_SPACE_NORMAL     16384
#define TW_SPACE_NORMAL_LOG 14u

struct tw_space_plane {
    int32_t a, b, c;
    int64_t d;
};

struct tw_space_frustum {
    struct tw_space_plane planes[TW_SPACE_PLANES];
    struct tw_space_bounds bounds; /* of everything inside */
    /* The coarse test: coordinates less `middle`, divided by 2^shift, fit 16 bits. */
    struct tw_space_point middle;
    uint32_t shift;
    int32_t coarse_d[TW_SPACE_PLANES];
    int32_t coarse_error; /* a coarse distance is at most so much too low, and never too high */
};

struct tw_space_camera {
    struct tw_space_point at;
    struct tw_space_point forward, up; /* unit vectors in 1/65,536, at right angles to 1/4,096 */
    int32_t near, far;                 /* 0 <= near < far <= 2^24 (16 km) */
    /* Half width and height of the view at distance 1, in 1/65,536: 1/64 .. 16 (a field of view of
     * 1.8 to 173 degrees). */
    int32_t half_width, half_height;
};

/* `world`: where the spheres' centres are; others cost more time. False for values out of range. */
bool tw_space_frustum_from_camera(struct tw_space_frustum *frustum,
                                  const struct tw_space_camera *camera,
                                  const struct tw_space_bounds *world);
/* The bounds are the world's. */
bool tw_space_frustum_from_planes(struct tw_space_frustum *frustum,
                                  const struct tw_space_plane planes[TW_SPACE_PLANES],
                                  const struct tw_space_bounds *world);

/* Moved as a whole. */
void tw_space_frustum_shift(struct tw_space_frustum *frustum, int32_t dx, int32_t dy);

static inline int64_t tw_space_plane_distance(const struct tw_space_plane *plane,
                                              struct tw_space_point at)
{
    return (int64_t)plane->a * at.x + (int64_t)plane->b * at.y + (int64_t)plane->c * at.z +
           plane->d;
}

/* The exact test. */
static inline bool tw_space_frustum_sees(const struct tw_space_frustum *frustum,
                                         struct tw_space_point at, int32_t radius)
{
    for (uint32_t i = 0; i < TW_SPACE_PLANES; i++) {
        if (tw_space_plane_distance(&frustum->planes[i], at) + (int64_t)radius * TW_SPACE_NORMAL <
            0)
            return false;
    }
    return true;
}

/* Length 1 in units of `unit`, to 1 part of `tolerance`. */
static inline bool tw_space_is_unit(struct tw_space_point v, int64_t unit, int64_t tolerance)
{
    if (v.x > 2 * unit || v.x < -2 * unit || v.y > 2 * unit || v.y < -2 * unit || v.z > 2 * unit ||
        v.z < -2 * unit)
        return false;
    int64_t squared = (int64_t)v.x * v.x + (int64_t)v.y * v.y + (int64_t)v.z * v.z;
    int64_t error = squared - unit * unit;
    return error <= 2 * unit * unit / tolerance && error >= -2 * unit * unit / tolerance;
}

#endif
