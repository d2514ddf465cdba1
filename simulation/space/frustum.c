/* SPDX-License-Identifier: BSD-3-Clause */
#include "simulation/space/frustum.h"

#include "simulation/core/fixed.h"

#define UNIT      65536
#define FAR_MAX   (INT32_C(1) << 24)
#define VIEW_MIN  (UNIT / 64)
#define VIEW_MAX  (UNIT * 16)
#define TOLERANCE 4096
/* Planes reach 2^47: any distance within the reach of queries, and no sum of four overflows. */
#define D_MAX (INT64_C(1) << 50)
/* Beyond it a coarse distance has the sign of this part, whatever the rest is. */
#define COARSE_D_MAX (INT64_C(1) << 30)

struct vector {
    int64_t x, y, z;
};

static struct vector vector_of(struct tw_space_point p)
{
    return (struct vector){p.x, p.y, p.z};
}

static int64_t dot(struct vector a, struct vector b)
{
    return a.x * b.x + a.y * b.y + a.z * b.z;
}

/* a * weight / 65,536 + b */
static struct vector blend(struct vector a, int64_t weight, struct vector b)
{
    return (struct vector){(a.x * weight >> 16) + b.x, (a.y * weight >> 16) + b.y,
                           (a.z * weight >> 16) + b.z};
}

static struct vector negative(struct vector a)
{
    return (struct vector){-a.x, -a.y, -a.z};
}

static int64_t low_end(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

static int64_t high_end(int64_t a, int64_t b)
{
    return a > b ? a : b;
}

/* The plane with this normal (any length) that is `offset` away from `at`. */
static struct tw_space_plane plane_at(struct vector normal, struct tw_space_point at,
                                      int64_t offset)
{
    int64_t length = (int64_t)tw_fixed_sqrt((uint64_t)dot(normal, normal));
    struct tw_space_plane plane = {.a = (int32_t)(normal.x * TW_SPACE_NORMAL / length),
                                   .b = (int32_t)(normal.y * TW_SPACE_NORMAL / length),
                                   .c = (int32_t)(normal.z * TW_SPACE_NORMAL / length)};
    plane.d = -tw_space_plane_distance(&plane, at) - offset * TW_SPACE_NORMAL;
    return plane;
}

static uint32_t shift_for(const struct tw_space_bounds *world)
{
    uint32_t shift = 0;
    int64_t width = high_end(
        (int64_t)world->high.x - world->low.x,
        high_end((int64_t)world->high.y - world->low.y, (int64_t)world->high.z - world->low.z));
    /* Half a width to each side of the middle. */
    while (width >> shift >= UNIT - 2)
        shift++;
    return shift;
}

static int32_t middle_of(int32_t low, int32_t high)
{
    return (int32_t)(((int64_t)low + high) >> 1);
}

/* Each coordinate is rounded down by less than 2^shift: a normal's negative part makes a distance
 * lower by that, its positive part higher. Too low is taken off, too high is the error. */
static void prepare(struct tw_space_frustum *frustum, const struct tw_space_bounds *world)
{
    frustum->shift = shift_for(world);
    frustum->middle = (struct tw_space_point){middle_of(world->low.x, world->high.x),
                                              middle_of(world->low.y, world->high.y),
                                              middle_of(world->low.z, world->high.z)};
    frustum->coarse_error = 0;
    for (uint32_t i = 0; i < TW_SPACE_PLANES; i++) {
        const struct tw_space_plane *plane = &frustum->planes[i];
        int64_t axes[3] = {plane->a, plane->b, plane->c};
        int64_t below = 0;
        int64_t sum = 0;
        for (uint32_t axis = 0; axis < 3; axis++) {
            below += axes[axis] < 0 ? -axes[axis] : 0;
            sum += axes[axis] < 0 ? -axes[axis] : axes[axis];
        }
        int64_t rest = (INT64_C(1) << frustum->shift) - 1;
        int64_t d = tw_space_plane_distance(plane, frustum->middle) - below * rest;
        d = tw_fixed_floor_div(d, INT64_C(1) << frustum->shift);
        frustum->coarse_d[i] = (int32_t)low_end(high_end(d, -COARSE_D_MAX), COARSE_D_MAX);
        /* One for each of the two roundings down, of d and of the radius. */
        frustum->coarse_error = (int32_t)high_end(frustum->coarse_error, sum + 2);
    }
}

static int32_t within_reach(int64_t value)
{
    return (int32_t)low_end(high_end(value, -TW_SPACE_REACH), TW_SPACE_REACH);
}

static void bound_view(struct tw_space_frustum *frustum, const struct tw_space_camera *camera,
                       struct vector right)
{
    struct vector forward = vector_of(camera->forward);
    struct vector up = vector_of(camera->up);
    struct vector low = {INT64_MAX, INT64_MAX, INT64_MAX};
    struct vector high = {INT64_MIN, INT64_MIN, INT64_MIN};
    for (uint32_t corner = 0; corner < 8u; corner++) {
        int64_t depth = corner & 1u ? camera->far : camera->near;
        struct vector way =
            blend(right, corner & 2u ? camera->half_width : -camera->half_width, forward);
        way = blend(up, corner & 4u ? camera->half_height : -camera->half_height, way);
        struct vector at = {camera->at.x + (way.x * depth >> 16),
                            camera->at.y + (way.y * depth >> 16),
                            camera->at.z + (way.z * depth >> 16)};
        low = (struct vector){low_end(low.x, at.x), low_end(low.y, at.y), low_end(low.z, at.z)};
        high =
            (struct vector){high_end(high.x, at.x), high_end(high.y, at.y), high_end(high.z, at.z)};
    }
    /* What rounded normals and axes at not quite right angles move, at the far end. */
    int64_t width = (int64_t)camera->half_width * camera->half_width >> 32;
    int64_t height = (int64_t)camera->half_height * camera->half_height >> 32;
    int64_t margin = (camera->far >> 10) * (4 + width + height) + 8;
    frustum->bounds = (struct tw_space_bounds){
        {within_reach(low.x - margin), within_reach(low.y - margin), within_reach(low.z - margin)},
        {within_reach(high.x + margin), within_reach(high.y + margin),
         within_reach(high.z + margin)}};
}

static bool world_is_valid(const struct tw_space_bounds *world)
{
    return world->low.x <= world->high.x && world->low.y <= world->high.y &&
           world->low.z <= world->high.z && tw_space_point_in_reach(world->low) &&
           tw_space_point_in_reach(world->high);
}

bool tw_space_frustum_from_camera(struct tw_space_frustum *frustum,
                                  const struct tw_space_camera *camera,
                                  const struct tw_space_bounds *world)
{
    struct vector forward = vector_of(camera->forward);
    struct vector up = vector_of(camera->up);
    if (!world_is_valid(world) || !tw_space_point_in_reach(camera->at) || camera->near < 0 ||
        camera->near >= camera->far || camera->far > FAR_MAX || camera->half_width < VIEW_MIN ||
        camera->half_width > VIEW_MAX || camera->half_height < VIEW_MIN ||
        camera->half_height > VIEW_MAX || !tw_space_is_unit(camera->forward, UNIT, TOLERANCE) ||
        !tw_space_is_unit(camera->up, UNIT, TOLERANCE) ||
        dot(forward, up) > (INT64_C(1) << 32) / TOLERANCE ||
        dot(forward, up) < -(INT64_C(1) << 32) / TOLERANCE)
        return false;
    struct vector right = {(forward.y * up.z - forward.z * up.y) >> 16,
                           (forward.z * up.x - forward.x * up.z) >> 16,
                           (forward.x * up.y - forward.y * up.x) >> 16};
    struct tw_space_plane *planes = frustum->planes;
    planes[0] = plane_at(forward, camera->at, camera->near);
    planes[1] = plane_at(negative(forward), camera->at, -(int64_t)camera->far);
    planes[2] = plane_at(blend(forward, camera->half_width, right), camera->at, 0);
    planes[3] = plane_at(blend(forward, camera->half_width, negative(right)), camera->at, 0);
    planes[4] = plane_at(blend(forward, camera->half_height, up), camera->at, 0);
    planes[5] = plane_at(blend(forward, camera->half_height, negative(up)), camera->at, 0);
    bound_view(frustum, camera, right);
    prepare(frustum, world);
    return true;
}

bool tw_space_frustum_from_planes(struct tw_space_frustum *frustum,
                                  const struct tw_space_plane planes[TW_SPACE_PLANES],
                                  const struct tw_space_bounds *world)
{
    if (!world_is_valid(world))
        return false;
    for (uint32_t i = 0; i < TW_SPACE_PLANES; i++) {
        struct tw_space_point normal = {planes[i].a, planes[i].b, planes[i].c};
        if (!tw_space_is_unit(normal, TW_SPACE_NORMAL, 1024) || planes[i].d > D_MAX ||
            planes[i].d < -D_MAX)
            return false;
        frustum->planes[i] = planes[i];
    }
    frustum->bounds = *world;
    prepare(frustum, world);
    return true;
}

void tw_space_frustum_shift(struct tw_space_frustum *frustum, int32_t dx, int32_t dy)
{
    struct tw_space_bounds world = frustum->bounds;
    for (uint32_t i = 0; i < TW_SPACE_PLANES; i++) {
        struct tw_space_plane *plane = &frustum->planes[i];
        plane->d -= (int64_t)plane->a * dx + (int64_t)plane->b * dy;
    }
    world.low.x += dx;
    world.high.x += dx;
    world.low.y += dy;
    world.high.y += dy;
    frustum->bounds = world;
    prepare(frustum, &world);
}
