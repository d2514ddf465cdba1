/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What a query asks for: everything inside a shape. A shape asks for centres, or for bodies
 * (spheres that touch it). All tests are exact in integers, borders included; which of two entities
 * comes first is told by the key: for a sweep the part of the way, for others the squared distance
 * from the shape's origin.
 *
 * Makers return false, and make a shape that holds nothing, when a coordinate lies outside
 * TW_SPACE_REACH or an argument is out of the range told; a negative radius, length or extent and
 * a box turned inside out are empty as well, but no error. Pure values, any thread.
 */
#ifndef TICKWIRE_SIMULATION_SPACE_SHAPE_H
#define TICKWIRE_SIMULATION_SPACE_SHAPE_H

#include "simulation/space/frustum.h"
#include "simulation/space/point.h"

#include <stdbool.h>
#include <stdint.h>

/* Directions are unit vectors in 1/65,536, parts of a sweep's way as well. */
#define TW_SPACE_UNIT 65536

enum tw_space_shape_kind {
    TW_SPACE_NOTHING,
    TW_SPACE_SPHERE,
    TW_SPACE_BOX,
    TW_SPACE_SWEEP,
    TW_SPACE_ORIENTED_BOX,
    TW_SPACE_CONE,
    TW_SPACE_FRUSTUM,
};

struct tw_space_shape {
    enum tw_space_shape_kind kind;
    bool bodies;                   /* ask for bodies; set by the caller, makers leave it false */
    struct tw_space_point origin;  /* sphere, box: centre; cone: apex; sweep: start */
    struct tw_space_bounds bounds; /* nothing outside of it is inside the shape */
    int32_t radius;                /* sphere, sweep; cone: length */
    union {
        struct tw_space_point end; /* sweep */
        struct {
            struct tw_space_point axes[3];
            int32_t half[3];
        } box; /* oriented */
        struct {
            struct tw_space_point direction;
            int32_t cosine;
        } cone;
        struct tw_space_frustum frustum;
    };
};

bool tw_space_shape_sphere(struct tw_space_shape *shape, struct tw_space_point centre,
                           int32_t radius);
bool tw_space_shape_box(struct tw_space_shape *shape, struct tw_space_bounds box);
/* A sphere on its way from `from` to `to`: everything it touches, by the first of 65,536 parts of
 * the way. Radius 0: a segment. Equal ends: a sphere. Never misses, however long the way is. */
bool tw_space_shape_sweep(struct tw_space_shape *shape, struct tw_space_point from,
                          struct tw_space_point to, int32_t radius);
/* Axes: unit vectors, at right angles, to 1/4,096; half extents along them. */
bool tw_space_shape_oriented_box(struct tw_space_shape *shape, struct tw_space_point centre,
                                 const struct tw_space_point axes[3], const int32_t half[3]);
/* Turned by `yaw` (65,536 per turn) about the z axis. */
bool tw_space_shape_yawed_box(struct tw_space_shape *shape, struct tw_space_point centre,
                              uint16_t yaw, const int32_t half[3]);
/* Centres no farther than `length` from the apex and no further off the direction than the angle
 * with this cosine (in 1/65,536; 0 = a half space, negative = all but a cone). Asks for centres. */
bool tw_space_shape_cone(struct tw_space_shape *shape, struct tw_space_point apex,
                         struct tw_space_point direction, int32_t length, int32_t cosine);
/* Keys are distances from `origin`. */
bool tw_space_shape_frustum(struct tw_space_shape *shape, const struct tw_space_frustum *frustum,
                            struct tw_space_point origin);

enum tw_space_fit {
    TW_SPACE_OUTSIDE,
    TW_SPACE_PARTLY,
    TW_SPACE_INSIDE,
};

/* Where a box stands; may say PARTLY when one of the others is true. */
enum tw_space_fit tw_space_shape_fit(const struct tw_space_shape *shape,
                                     const struct tw_space_bounds *box);
/* Whether a sphere of this radius touches the shape (radius 0: whether a point is inside), and its
 * key. */
bool tw_space_shape_test(const struct tw_space_shape *shape, struct tw_space_point at,
                         int32_t radius, uint64_t *key);
/* Moved as a whole. The caller sees to it that it stays within TW_SPACE_REACH. */
void tw_space_shape_shift(struct tw_space_shape *shape, int32_t dx, int32_t dy);

#endif
