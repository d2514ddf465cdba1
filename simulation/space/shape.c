/* SPDX-License-Identifier: BSD-3-Clause */
#include "simulation/space/shape.h"

#include "simulation/core/fixed.h"

/* Products of two 64-bit sums: lengths squared times lengths squared, below 2^127 (point.h). */
__extension__ typedef __int128 wide;

#define TOLERANCE 4096

static int64_t dot(struct tw_space_point a, struct tw_space_point b)
{
    return (int64_t)a.x * b.x + (int64_t)a.y * b.y + (int64_t)a.z * b.z;
}

static struct tw_space_point minus(struct tw_space_point a, struct tw_space_point b)
{
    return (struct tw_space_point){a.x - b.x, a.y - b.y, a.z - b.z};
}

static int32_t least(int32_t a, int32_t b)
{
    return a < b ? a : b;
}

static int32_t most(int32_t a, int32_t b)
{
    return a > b ? a : b;
}

static bool nothing(struct tw_space_shape *shape)
{
    *shape = (struct tw_space_shape){.kind = TW_SPACE_NOTHING, .bounds = {{1, 1, 1}, {0, 0, 0}}};
    return false;
}

static bool empty(struct tw_space_shape *shape)
{
    nothing(shape);
    return true;
}

bool tw_space_shape_sphere(struct tw_space_shape *shape, struct tw_space_point centre,
                           int32_t radius)
{
    if (!tw_space_point_in_reach(centre))
        return nothing(shape);
    if (radius < 0)
        return empty(shape);
    *shape = (struct tw_space_shape){
        .kind = TW_SPACE_SPHERE,
        .origin = centre,
        .bounds = tw_space_bounds_grow((struct tw_space_bounds){centre, centre}, radius),
        .radius = radius};
    return true;
}

bool tw_space_shape_box(struct tw_space_shape *shape, struct tw_space_bounds box)
{
    if (!tw_space_point_in_reach(box.low) || !tw_space_point_in_reach(box.high))
        return nothing(shape);
    if (box.low.x > box.high.x || box.low.y > box.high.y || box.low.z > box.high.z)
        return empty(shape);
    *shape = (struct tw_space_shape){.kind = TW_SPACE_BOX,
                                     .origin = {(box.low.x + box.high.x) >> 1,
                                                (box.low.y + box.high.y) >> 1,
                                                (box.low.z + box.high.z) >> 1},
                                     .bounds = box};
    return true;
}

bool tw_space_shape_sweep(struct tw_space_shape *shape, struct tw_space_point from,
                          struct tw_space_point to, int32_t radius)
{
    if (!tw_space_point_in_reach(from) || !tw_space_point_in_reach(to))
        return nothing(shape);
    if (radius < 0)
        return empty(shape);
    struct tw_space_bounds way = {{least(from.x, to.x), least(from.y, to.y), least(from.z, to.z)},
                                  {most(from.x, to.x), most(from.y, to.y), most(from.z, to.z)}};
    *shape = (struct tw_space_shape){.kind = TW_SPACE_SWEEP,
                                     .origin = from,
                                     .bounds = tw_space_bounds_grow(way, radius),
                                     .radius = radius,
                                     .end = to};
    return true;
}

static bool at_right_angles(struct tw_space_point a, struct tw_space_point b)
{
    int64_t product = dot(a, b);
    int64_t limit = (int64_t)TW_SPACE_UNIT * TW_SPACE_UNIT / TOLERANCE;
    return product <= limit && product >= -limit;
}

static int64_t length_of(int32_t value)
{
    return value < 0 ? -(int64_t)value : value;
}

/* How far the box reaches along an axis of the world, rounded up. */
static int64_t extent(int32_t a, int32_t b, int32_t c, const int32_t half[3])
{
    /* Axes that are not quite of length 1 and at right angles: 1/1,024 of all of it. */
    int64_t slack = ((int64_t)half[0] + half[1] + half[2]) >> 10;
    return ((length_of(a) * half[0] + length_of(b) * half[1] + length_of(c) * half[2]) >> 16) +
           slack + 2;
}

bool tw_space_shape_oriented_box(struct tw_space_shape *shape, struct tw_space_point centre,
                                 const struct tw_space_point axes[3], const int32_t half[3])
{
    if (!tw_space_point_in_reach(centre))
        return nothing(shape);
    for (uint32_t i = 0; i < 3; i++) {
        if (!tw_space_is_unit(axes[i], TW_SPACE_UNIT, TOLERANCE) ||
            !at_right_angles(axes[i], axes[(i + 1u) % 3u]))
            return nothing(shape);
    }
    if (half[0] < 0 || half[1] < 0 || half[2] < 0)
        return empty(shape);
    struct tw_space_point grown = {
        tw_space_clamp(extent(axes[0].x, axes[1].x, axes[2].x, half), 0, TW_SPACE_REACH),
        tw_space_clamp(extent(axes[0].y, axes[1].y, axes[2].y, half), 0, TW_SPACE_REACH),
        tw_space_clamp(extent(axes[0].z, axes[1].z, axes[2].z, half), 0, TW_SPACE_REACH)};
    const int32_t reach = TW_SPACE_REACH;
    *shape = (struct tw_space_shape){
        .kind = TW_SPACE_ORIENTED_BOX,
        .origin = centre,
        .bounds = {{most(centre.x - grown.x, -reach), most(centre.y - grown.y, -reach),
                    most(centre.z - grown.z, -reach)},
                   {tw_space_clamp((int64_t)centre.x + grown.x, -reach, reach),
                    tw_space_clamp((int64_t)centre.y + grown.y, -reach, reach),
                    tw_space_clamp((int64_t)centre.z + grown.z, -reach, reach)}}};
    for (uint32_t i = 0; i < 3; i++) {
        shape->box.axes[i] = axes[i];
        shape->box.half[i] = half[i];
    }
    return true;
}

bool tw_space_shape_yawed_box(struct tw_space_shape *shape, struct tw_space_point centre,
                              uint16_t yaw, const int32_t half[3])
{
    int32_t sine = tw_fixed_sin(yaw);
    int32_t cosine = tw_fixed_cos(yaw);
    struct tw_space_point axes[3] = {{cosine, sine, 0}, {-sine, cosine, 0}, {0, 0, TW_SPACE_UNIT}};
    return tw_space_shape_oriented_box(shape, centre, axes, half);
}

/* The cosine of the smallest angle that a direction of the cone makes with an axis, of which the
 * cone's middle has the cosine `along`: 1 if the axis lies within the cone. */
static int64_t nearest_cosine(int64_t along, int64_t cosine)
{
    const int64_t one = (int64_t)TW_SPACE_UNIT * TW_SPACE_UNIT;
    if (along >= cosine)
        return TW_SPACE_UNIT;
    int64_t rest = one - along * along;
    int64_t sine = tw_fixed_sqrt(rest > 0 ? (uint64_t)rest : 0u);
    int64_t half_sine = tw_fixed_sqrt((uint64_t)(one - cosine * cosine));
    return (along * cosine + sine * half_sine) >> 16;
}

/* Reach of the cone along +axis from its apex; its spherical end included, never negative. */
static int64_t cone_reach(int32_t along, int32_t cosine, int32_t length)
{
    int64_t nearest = nearest_cosine(along, cosine);
    int64_t reach = nearest > 0 ? length * nearest >> 16 : 0;
    /* Directions are known to 1/4,096, roots and shifts round down. */
    reach += (length >> 6) + 2;
    return reach < length ? reach : length;
}

bool tw_space_shape_cone(struct tw_space_shape *shape, struct tw_space_point apex,
                         struct tw_space_point direction, int32_t length, int32_t cosine)
{
    if (!tw_space_point_in_reach(apex) || cosine > TW_SPACE_UNIT || cosine < -TW_SPACE_UNIT ||
        !tw_space_is_unit(direction, TW_SPACE_UNIT, TOLERANCE))
        return nothing(shape);
    if (length < 0)
        return empty(shape);
    const int32_t reach = TW_SPACE_REACH;
    *shape = (struct tw_space_shape){
        .kind = TW_SPACE_CONE,
        .origin = apex,
        .bounds =
            {{tw_space_clamp(apex.x - cone_reach(-direction.x, cosine, length), -reach, reach),
              tw_space_clamp(apex.y - cone_reach(-direction.y, cosine, length), -reach, reach),
              tw_space_clamp(apex.z - cone_reach(-direction.z, cosine, length), -reach, reach)},
             {tw_space_clamp(apex.x + cone_reach(direction.x, cosine, length), -reach, reach),
              tw_space_clamp(apex.y + cone_reach(direction.y, cosine, length), -reach, reach),
              tw_space_clamp(apex.z + cone_reach(direction.z, cosine, length), -reach, reach)}},
        .radius = length,
        .cone = {direction, cosine}};
    return true;
}

bool tw_space_shape_frustum(struct tw_space_shape *shape, const struct tw_space_frustum *frustum,
                            struct tw_space_point origin)
{
    if (!tw_space_point_in_reach(origin))
        return nothing(shape);
    *shape = (struct tw_space_shape){
        .kind = TW_SPACE_FRUSTUM, .origin = origin, .bounds = frustum->bounds, .frustum = *frustum};
    return true;
}

/* Whether a sphere that grew to `reach` touches (at) by part `part` of the way. */
static bool touches_by(const struct tw_space_shape *shape, struct tw_space_point at, int64_t reach,
                       uint32_t part)
{
    struct tw_space_point way = minus(shape->end, shape->origin);
    struct tw_space_point to = minus(at, shape->origin);
    int64_t along = dot(to, way);
    /* A way is up to 2^31 on each axis: its square fits 64 bits, but not with a sign. */
    uint64_t squared = tw_space_squared(at, shape->origin);
    uint64_t reach_squared = (uint64_t)(reach * reach);
    uint64_t way_squared = tw_space_squared(shape->end, shape->origin);
    if (squared <= reach_squared)
        return true;
    if (along <= 0)
        return false;
    if ((wide)along * TW_SPACE_UNIT < (wide)way_squared * part)
        return (wide)squared * (wide)way_squared - (wide)along * along <=
               (wide)reach_squared * (wide)way_squared;
    /* Nearest at the end: everything times 65,536. */
    int64_t x = (int64_t)to.x * TW_SPACE_UNIT - (int64_t)way.x * part;
    int64_t y = (int64_t)to.y * TW_SPACE_UNIT - (int64_t)way.y * part;
    int64_t z = (int64_t)to.z * TW_SPACE_UNIT - (int64_t)way.z * part;
    return (wide)x * x + (wide)y * y + (wide)z * z <=
           (wide)reach_squared * ((wide)TW_SPACE_UNIT * TW_SPACE_UNIT);
}

static bool test_sweep(const struct tw_space_shape *shape, struct tw_space_point at, int64_t reach,
                       uint64_t *key)
{
    if (!touches_by(shape, at, reach, TW_SPACE_UNIT))
        return false;
    uint32_t low = 0;
    uint32_t high = TW_SPACE_UNIT;
    while (low < high) {
        uint32_t middle = (low + high) / 2u;
        if (touches_by(shape, at, reach, middle))
            high = middle;
        else
            low = middle + 1u;
    }
    *key = low;
    return true;
}

static bool test_oriented_box(const struct tw_space_shape *shape, struct tw_space_point at,
                              int32_t radius)
{
    struct tw_space_point to = minus(at, shape->origin);
    int64_t reach = (int64_t)radius * TW_SPACE_UNIT;
    wide squared = 0;
    for (uint32_t i = 0; i < 3; i++) {
        int64_t along = dot(to, shape->box.axes[i]);
        int64_t beyond = (along < 0 ? -along : along) - (int64_t)shape->box.half[i] * TW_SPACE_UNIT;
        if (beyond > reach)
            return false;
        if (beyond > 0)
            squared += (wide)beyond * beyond;
    }
    return squared <= (wide)reach * reach;
}

static bool test_cone(const struct tw_space_shape *shape, struct tw_space_point at,
                      uint64_t squared)
{
    if (squared > (uint64_t)((int64_t)shape->radius * shape->radius))
        return false;
    int64_t along = dot(minus(at, shape->origin), shape->cone.direction);
    int64_t cosine = shape->cone.cosine;
    wide side = (wide)along * along;
    wide limit = (wide)squared * (cosine * cosine);
    if (cosine >= 0)
        return along >= 0 && side >= limit;
    return along >= 0 || side <= limit;
}

bool tw_space_shape_test(const struct tw_space_shape *shape, struct tw_space_point at,
                         int32_t radius, uint64_t *key)
{
    uint64_t squared = tw_space_squared(at, shape->origin);
    int64_t reach = (int64_t)shape->radius + radius;
    struct tw_space_bounds around = {at, at};
    *key = squared;
    switch (shape->kind) {
    case TW_SPACE_SPHERE:
        return squared <= (uint64_t)(reach * reach);
    case TW_SPACE_BOX:
        return tw_space_bounds_squared(&shape->bounds, at) <= (uint64_t)((int64_t)radius * radius);
    case TW_SPACE_SWEEP:
        return test_sweep(shape, at, reach, key);
    case TW_SPACE_ORIENTED_BOX:
        return test_oriented_box(shape, at, radius);
    case TW_SPACE_CONE:
        return test_cone(shape, at, squared);
    case TW_SPACE_FRUSTUM:
        around = tw_space_bounds_grow(around, radius);
        return tw_space_bounds_meet(&around, &shape->bounds) &&
               tw_space_frustum_sees(&shape->frustum, at, radius);
    default:
        return false;
    }
}

/* The corner of the box that is farthest from `at`. */
static uint64_t farthest_squared(const struct tw_space_bounds *box, struct tw_space_point at)
{
    int64_t x = most(most(box->high.x - at.x, at.x - box->low.x), 0);
    int64_t y = most(most(box->high.y - at.y, at.y - box->low.y), 0);
    int64_t z = most(most(box->high.z - at.z, at.z - box->low.z), 0);
    return (uint64_t)(x * x) + (uint64_t)(y * y) + (uint64_t)(z * z);
}

static enum tw_space_fit fit_sphere(const struct tw_space_shape *shape,
                                    const struct tw_space_bounds *box)
{
    uint64_t limit = (uint64_t)((int64_t)shape->radius * shape->radius);
    if (tw_space_bounds_squared(box, shape->origin) > limit)
        return TW_SPACE_OUTSIDE;
    if (shape->kind == TW_SPACE_SPHERE && farthest_squared(box, shape->origin) <= limit)
        return TW_SPACE_INSIDE;
    return TW_SPACE_PARTLY;
}

/* Separated along an axis at right angles to the way and to one of the world's? Twice the distance
 * of the box's middle from the line through the way, against what box and radius reach. */
static bool separated(int64_t middle_u, int64_t middle_v, int64_t way_u, int64_t way_v,
                      const int64_t half[2])
{
    wide distance = (wide)middle_u * way_v - (wide)middle_v * way_u;
    int64_t u = way_u < 0 ? -way_u : way_u;
    int64_t v = way_v < 0 ? -way_v : way_v;
    wide reach = (wide)half[0] * v + (wide)half[1] * u;
    return distance > reach || -distance > reach;
}

static enum tw_space_fit fit_sweep(const struct tw_space_shape *shape,
                                   const struct tw_space_bounds *box)
{
    struct tw_space_point way = minus(shape->end, shape->origin);
    /* Twice all lengths, so that the box's middle is a whole number. The radius widens the box to
     * a larger box: a little too much, so nothing is missed. */
    int64_t grown = 2 * (int64_t)shape->radius;
    int64_t x = (int64_t)box->low.x + box->high.x - 2 * (int64_t)shape->origin.x;
    int64_t y = (int64_t)box->low.y + box->high.y - 2 * (int64_t)shape->origin.y;
    int64_t z = (int64_t)box->low.z + box->high.z - 2 * (int64_t)shape->origin.z;
    int64_t half_x = (int64_t)box->high.x - box->low.x + grown;
    int64_t half_y = (int64_t)box->high.y - box->low.y + grown;
    int64_t half_z = (int64_t)box->high.z - box->low.z + grown;
    if (separated(x, y, way.x, way.y, (const int64_t[2]){half_x, half_y}) ||
        separated(y, z, way.y, way.z, (const int64_t[2]){half_y, half_z}) ||
        separated(z, x, way.z, way.x, (const int64_t[2]){half_z, half_x}))
        return TW_SPACE_OUTSIDE;
    return TW_SPACE_PARTLY;
}

static enum tw_space_fit fit_frustum(const struct tw_space_frustum *frustum,
                                     const struct tw_space_bounds *box)
{
    bool inside = box->low.x >= frustum->bounds.low.x && box->high.x <= frustum->bounds.high.x &&
                  box->low.y >= frustum->bounds.low.y && box->high.y <= frustum->bounds.high.y &&
                  box->low.z >= frustum->bounds.low.z && box->high.z <= frustum->bounds.high.z;
    for (uint32_t i = 0; i < TW_SPACE_PLANES; i++) {
        const struct tw_space_plane *plane = &frustum->planes[i];
        struct tw_space_point far = {plane->a >= 0 ? box->high.x : box->low.x,
                                     plane->b >= 0 ? box->high.y : box->low.y,
                                     plane->c >= 0 ? box->high.z : box->low.z};
        struct tw_space_point near = {plane->a >= 0 ? box->low.x : box->high.x,
                                      plane->b >= 0 ? box->low.y : box->high.y,
                                      plane->c >= 0 ? box->low.z : box->high.z};
        if (tw_space_plane_distance(plane, far) < 0)
            return TW_SPACE_OUTSIDE;
        inside = inside && tw_space_plane_distance(plane, near) >= 0;
    }
    return inside ? TW_SPACE_INSIDE : TW_SPACE_PARTLY;
}

enum tw_space_fit tw_space_shape_fit(const struct tw_space_shape *shape,
                                     const struct tw_space_bounds *box)
{
    if (!tw_space_bounds_meet(&shape->bounds, box))
        return TW_SPACE_OUTSIDE;
    switch (shape->kind) {
    case TW_SPACE_SPHERE:
    case TW_SPACE_CONE:
        return fit_sphere(shape, box);
    case TW_SPACE_BOX:
        return tw_space_bounds_hold(&shape->bounds, box->low) &&
                       tw_space_bounds_hold(&shape->bounds, box->high)
                   ? TW_SPACE_INSIDE
                   : TW_SPACE_PARTLY;
    case TW_SPACE_SWEEP:
        return fit_sweep(shape, box);
    case TW_SPACE_FRUSTUM:
        return fit_frustum(&shape->frustum, box);
    case TW_SPACE_ORIENTED_BOX:
        return TW_SPACE_PARTLY;
    default:
        return TW_SPACE_OUTSIDE;
    }
}

static void shift_point(struct tw_space_point *point, int32_t dx, int32_t dy)
{
    point->x += dx;
    point->y += dy;
}

void tw_space_shape_shift(struct tw_space_shape *shape, int32_t dx, int32_t dy)
{
    shift_point(&shape->origin, dx, dy);
    shift_point(&shape->bounds.low, dx, dy);
    shift_point(&shape->bounds.high, dx, dy);
    if (shape->kind == TW_SPACE_SWEEP)
        shift_point(&shape->end, dx, dy);
    if (shape->kind == TW_SPACE_FRUSTUM)
        tw_space_frustum_shift(&shape->frustum, dx, dy);
}
