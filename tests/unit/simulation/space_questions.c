/* SPDX-License-Identifier: BSD-3-Clause */
/* Random questions of space_model.h. */
#include "simulation/core/fixed.h"
#include "tests/unit/simulation/space_model.h"

#define METRE 1024

static int32_t between(struct space_model *model, int32_t low, int32_t high)
{
    return low + (int32_t)tw_rng_below(&model->rng, (uint32_t)(high - low) + 1u);
}

/* On an entity, near one, anywhere, on the edge, outside of the world. */
struct tw_space_point space_model_somewhere(struct space_model *model)
{
    const struct tw_space_point *size = &model->config.size;
    struct tw_space_point at = space_model_place(model);
    uint32_t choice = tw_rng_below(&model->rng, 8);
    if (choice < 5 && model->count > 0)
        at = model->bodies[model->live[tw_rng_below(&model->rng, model->count)]].at;
    if (choice > 1 && choice < 6) {
        at.x += between(model, -60 * METRE, 60 * METRE);
        at.y += between(model, -60 * METRE, 60 * METRE);
        at.z += size->z ? between(model, -5 * METRE, 5 * METRE) : 0;
    }
    if (choice == 7) {
        at.x = between(model, -size->x / 2, size->x + size->x / 2);
        at.y = between(model, -size->y / 2, size->y + size->y / 2);
    }
    return at;
}

struct tw_space_filter space_model_filter(struct space_model *model)
{
    struct tw_space_filter filter = {0};
    if (tw_rng_below(&model->rng, 2))
        return filter;
    filter.types = tw_rng_below(&model->rng, 64);
    filter.faction = (uint8_t)tw_rng_below(&model->rng, 3);
    filter.faction_rule = (enum tw_space_faction_rule)tw_rng_below(&model->rng, 3);
    filter.alive = tw_rng_below(&model->rng, 2);
    if (model->count > 0) {
        uint32_t index = model->live[tw_rng_below(&model->rng, model->count)];
        filter.except[tw_rng_below(&model->rng, 2)] = model->handles[index];
    }
    return filter;
}

static int32_t reach(struct space_model *model)
{
    static const int32_t reaches[] = {0, 1, METRE, 5 * METRE, 30 * METRE, 100 * METRE, 900 * METRE};
    uint32_t choice = tw_rng_below(&model->rng, 64);
    if (choice == 0)
        return INT32_MAX;
    if (choice == 1)
        return -1;
    return between(model, 0, reaches[choice % 7u]);
}

static struct tw_space_point direction(struct space_model *model)
{
    uint16_t yaw = (uint16_t)tw_rng_next(&model->rng);
    if (model->config.size.z == 0 || tw_rng_below(&model->rng, 2))
        return (struct tw_space_point){tw_fixed_cos(yaw), tw_fixed_sin(yaw), 0};
    uint16_t pitch = (uint16_t)tw_rng_next(&model->rng);
    return (struct tw_space_point){
        (int32_t)((int64_t)tw_fixed_cos(yaw) * tw_fixed_cos(pitch) / 65536),
        (int32_t)((int64_t)tw_fixed_sin(yaw) * tw_fixed_cos(pitch) / 65536), tw_fixed_sin(pitch)};
}

static struct tw_space_point cross(struct tw_space_point a, struct tw_space_point b)
{
    return (struct tw_space_point){(int32_t)(((int64_t)a.y * b.z - (int64_t)a.z * b.y) / 65536),
                                   (int32_t)(((int64_t)a.z * b.x - (int64_t)a.x * b.z) / 65536),
                                   (int32_t)(((int64_t)a.x * b.y - (int64_t)a.y * b.x) / 65536)};
}

/* At right angles to `forward`, by way of the axis least along it. */
static struct tw_space_point upwards(struct tw_space_point forward)
{
    bool steep = forward.z > 40000 || forward.z < -40000;
    struct tw_space_point other = {steep ? 65536 : 0, 0, steep ? 0 : 65536};
    struct tw_space_point side = cross(forward, other);
    int64_t length = tw_fixed_sqrt(
        (uint64_t)((int64_t)side.x * side.x + (int64_t)side.y * side.y + (int64_t)side.z * side.z));
    side.x = (int32_t)((int64_t)side.x * 65536 / length);
    side.y = (int32_t)((int64_t)side.y * 65536 / length);
    side.z = (int32_t)((int64_t)side.z * 65536 / length);
    return cross(side, forward);
}

static bool make_oriented_box(struct space_model *model, struct tw_space_shape *shape)
{
    int32_t half[3] = {reach(model) / 2, reach(model) / 2, reach(model) / 2};
    struct tw_space_point axes[3];
    if (tw_rng_below(&model->rng, 2))
        return tw_space_shape_yawed_box(shape, space_model_somewhere(model),
                                        (uint16_t)tw_rng_next(&model->rng), half);
    axes[0] = direction(model);
    axes[1] = upwards(axes[0]);
    axes[2] = cross(axes[0], axes[1]);
    return tw_space_shape_oriented_box(shape, space_model_somewhere(model), axes, half);
}

static bool make_frustum(struct space_model *model, struct tw_space_shape *shape)
{
    struct tw_space_frustum frustum;
    const struct tw_space_point *size = &model->config.size;
    struct tw_space_bounds world = {{0, 0, 0}, *size};
    struct tw_space_camera camera = {.at = space_model_somewhere(model),
                                     .forward = direction(model),
                                     .near = between(model, 0, 2 * METRE),
                                     .half_width = between(model, 1024, 200000),
                                     .half_height = between(model, 1024, 200000)};
    int32_t away = between(model, 0, 500 * METRE);
    camera.far = camera.near + 1 + (tw_rng_below(&model->rng, 4) ? away / 10 : away);
    camera.up = upwards(camera.forward);
    if (!tw_space_frustum_from_camera(&frustum, &camera, &world))
        space_model_fail(model, "camera refused");
    if (tw_rng_below(&model->rng, 4) == 0 && !model->config.wraps) {
        struct tw_space_plane planes[TW_SPACE_PLANES];
        for (uint32_t i = 0; i < TW_SPACE_PLANES; i++)
            planes[i] = frustum.planes[i];
        if (!tw_space_frustum_from_planes(&frustum, planes, &world))
            space_model_fail(model, "planes refused");
    }
    return tw_space_shape_frustum(shape, &frustum, camera.at);
}

static bool make_sweep(struct space_model *model, struct tw_space_shape *shape)
{
    struct tw_space_point from = space_model_somewhere(model);
    struct tw_space_point to = space_model_somewhere(model);
    if (tw_rng_below(&model->rng, 2)) {
        struct tw_space_point way = direction(model);
        int32_t length = between(model, 0, 120 * METRE);
        to.x = from.x + (int32_t)((int64_t)way.x * length / 65536);
        to.y = from.y + (int32_t)((int64_t)way.y * length / 65536);
        to.z = from.z + (int32_t)((int64_t)way.z * length / 65536);
    }
    int32_t radius = tw_rng_below(&model->rng, 2) ? 0 : between(model, 0, 4 * METRE);
    return tw_space_shape_sweep(shape, from, to, radius);
}

static bool make_box(struct space_model *model, struct tw_space_shape *shape)
{
    struct tw_space_point low = space_model_somewhere(model);
    struct tw_space_bounds box = {low, low};
    box.high.x += reach(model) / 4;
    box.high.y += reach(model) / 4;
    box.high.z += reach(model) / 4;
    return tw_space_shape_box(shape, box);
}

void space_model_shape(struct space_model *model, struct tw_space_shape *shape)
{
    uint32_t choice = tw_rng_below(&model->rng, 6);
    bool made = true;
    if (choice == 0)
        made = tw_space_shape_sphere(shape, space_model_somewhere(model), reach(model));
    else if (choice == 1)
        made = make_box(model, shape);
    else if (choice == 2)
        made = make_sweep(model, shape);
    else if (choice == 3)
        made = make_oriented_box(model, shape);
    else if (choice == 4)
        made = tw_space_shape_cone(shape, space_model_somewhere(model), direction(model),
                                   reach(model) / 8, between(model, -65536, 65536));
    else
        made = make_frustum(model, shape);
    if (!made)
        space_model_fail(model, "a shape was refused");
    shape->bodies = tw_rng_below(&model->rng, 2);
}

void space_model_check_query(struct space_model *model)
{
    static const uint32_t counts[] = {1, 2, 10, 17, 50, 300, 1000, SPACE_MODEL_NEAREST_MAX};
    struct tw_space_filter filter = space_model_filter(model);
    if (tw_rng_below(&model->rng, 3) == 0) {
        struct tw_space_nearest query = {.at = space_model_somewhere(model),
                                         .k = counts[tw_rng_below(&model->rng, 8)],
                                         .distance_max = TW_SPACE_ANY_DISTANCE,
                                         .filter = &filter};
        if (tw_rng_below(&model->rng, 3) == 0)
            query.distance_max = between(model, 0, 300 * METRE);
        space_model_check_nearest(model, &query);
        return;
    }
    struct tw_space_shape shape;
    space_model_shape(model, &shape);
    space_model_check_shape(model, &shape, tw_rng_below(&model->rng, 2) ? &filter : NULL);
}
