/* SPDX-License-Identifier: BSD-3-Clause */
#include "tests/bench/space_rows.h"

#include "simulation/space/order.h"

#include "tests/bench/measure.h"

#define METRE SCENE_METRE
#define UNIT  TW_SPACE_UNIT

double space_time_ns(struct scene *scene, uint64_t (*ask)(struct scene *, struct tw_space_point),
                     uint32_t count, uint32_t repetitions)
{

    double times[256];
    uint32_t at = 0;
    if (repetitions > 255)
        repetitions = 255;
    /* The first one warms up, and does not count. */
    for (uint32_t i = 0; i <= repetitions; i++) {
        uint64_t sum = 0;
        uint64_t start = measure_now_ns();
        for (uint32_t call = 0; call < count; call++)
            sum += ask(scene, scene->places[at++ % SCENE_PLACES]);
        times[i] = (double)(measure_now_ns() - start) / count;
        __asm__ volatile("" : : "r"(sum));
    }
    return measure_median(times + 1, repetitions);
}

static uint64_t nearest(struct scene *scene, struct tw_space_point at, uint32_t k,
                        const struct tw_space_filter *filter)
{
    struct tw_space_nearest query = {
        .at = at, .k = k, .distance_max = TW_SPACE_ANY_DISTANCE, .filter = filter};
    uint32_t found = tw_space_nearest(&scene->reader, &query, scene->hits);
    return scene->hits[found - 1u].key;
}

/* Everybody's distance, and a heap of the best k. */
static uint64_t brute_nearest(struct scene *scene, struct tw_space_point at, uint32_t k,
                              uint32_t type)
{
    struct tw_space_hit *hits = scene->hits;
    uint32_t found = 0;
    for (uint32_t i = 0; i < scene->plan.entities; i++) {
        struct tw_space_point place = {scene->x[i], scene->y[i], scene->z[i]};
        struct tw_space_hit hit = {.key = tw_space_squared(place, at),
                                   .handle = scene_entity(i).bits};
        if (type != 0 && scene->bodies[i].type != type)
            continue;
        if (found < k) {
            hits[found++] = hit;
            if (found == k)
                tw_space_heap_build(hits, k);
        } else if (tw_space_hit_before(&hit, &hits[0])) {
            tw_space_heap_replace(hits, k, hit);
        }
    }
    tw_space_sort(hits, found);
    return hits[found - 1u].key;
}

static uint64_t brute_shape(struct scene *scene, const struct tw_space_shape *shape)
{
    uint64_t found = 0;
    for (uint32_t i = 0; i < scene->plan.entities; i++) {
        struct tw_space_point place = {scene->x[i], scene->y[i], scene->z[i]};
        uint64_t key;
        found += tw_space_shape_test(shape, place, shape->bodies ? scene->radius[i] : 0, &key);
    }
    return found;
}

static uint64_t find(struct scene *scene, const struct tw_space_shape *shape)
{
    return tw_space_find(&scene->reader, shape, NULL, scene->hits, scene->plan.entities);
}

static const struct tw_space_filter one_type = {.types = 1u << 2};

static uint64_t nearest_10(struct scene *scene, struct tw_space_point at)
{
    return nearest(scene, at, 10, NULL);
}

static uint64_t nearest_50(struct scene *scene, struct tw_space_point at)
{
    return nearest(scene, at, 50, NULL);
}

static uint64_t nearest_1000(struct scene *scene, struct tw_space_point at)
{
    return nearest(scene, at, 1000, NULL);
}

static uint64_t nearest_10_filtered(struct scene *scene, struct tw_space_point at)
{
    return nearest(scene, at, 10, &one_type);
}

static uint64_t brute_10(struct scene *scene, struct tw_space_point at)
{
    return brute_nearest(scene, at, 10, 0);
}

static uint64_t brute_50(struct scene *scene, struct tw_space_point at)
{
    return brute_nearest(scene, at, 50, 0);
}

static uint64_t brute_1000(struct scene *scene, struct tw_space_point at)
{
    return brute_nearest(scene, at, 1000, 0);
}

static uint64_t brute_10_filtered(struct scene *scene, struct tw_space_point at)
{
    return brute_nearest(scene, at, 10, 2);
}

/* Shapes by place: what a game asks around a figure. */
static struct tw_space_shape sphere_at(struct tw_space_point at, int32_t metres)
{
    struct tw_space_shape shape;
    tw_space_shape_sphere(&shape, at, metres * METRE);
    return shape;
}

static struct tw_space_shape box_at(struct tw_space_point at)
{
    struct tw_space_shape shape;
    struct tw_space_bounds point = {at, at};
    tw_space_shape_box(&shape, tw_space_bounds_grow(point, 50 * METRE));
    return shape;
}

static struct tw_space_shape oriented_box_at(struct tw_space_point at)
{
    struct tw_space_shape shape;
    const int32_t half[3] = {50 * METRE, 25 * METRE, 2 * METRE};
    tw_space_shape_yawed_box(&shape, at, (uint16_t)at.x, half);
    return shape;
}

static struct tw_space_shape cone_at(struct tw_space_point at)
{
    struct tw_space_shape shape;
    tw_space_shape_cone(&shape, at, (struct tw_space_point){UNIT, 0, 0}, 50 * METRE, 46341);
    return shape;
}

static struct tw_space_shape frustum_at(const struct scene *scene, struct tw_space_point at)
{
    struct tw_space_shape shape;
    struct tw_space_frustum frustum;
    struct tw_space_bounds world = {{0, 0, 0}, {scene->plan.side, scene->plan.side, 0}};
    struct tw_space_camera camera = {.at = at,
                                     .forward = {UNIT, 0, 0},
                                     .up = {0, 0, UNIT},
                                     .near = METRE / 10,
                                     .far = 200 * METRE,
                                     .half_width = UNIT,
                                     .half_height = 36864};
    tw_space_frustum_from_camera(&frustum, &camera, &world);
    tw_space_shape_frustum(&shape, &frustum, at);
    shape.bodies = true;
    return shape;
}

static struct tw_space_shape sweep_at(struct tw_space_point at, int32_t metres, int32_t radius)
{
    struct tw_space_shape shape;
    struct tw_space_point end = {at.x + metres * METRE * 4 / 5, at.y + metres * METRE * 3 / 5, 0};
    tw_space_shape_sweep(&shape, at, end, radius);
    shape.bodies = true;
    return shape;
}

#define SHAPE_ROW(name, made)                                                                      \
    static uint64_t name(struct scene *scene, struct tw_space_point at)                            \
    {                                                                                              \
        struct tw_space_shape shape = made;                                                        \
        return find(scene, &shape);                                                                \
    }                                                                                              \
    static uint64_t brute_##name(struct scene *scene, struct tw_space_point at)                    \
    {                                                                                              \
        struct tw_space_shape shape = made;                                                        \
        return brute_shape(scene, &shape);                                                         \
    }

SHAPE_ROW(radius_100, sphere_at(at, 100))
SHAPE_ROW(box_100, box_at(at))
SHAPE_ROW(oriented_box, oriented_box_at(at))
SHAPE_ROW(cone, cone_at(at))
SHAPE_ROW(frustum, frustum_at(scene, at))
SHAPE_ROW(segment, sweep_at(at, 100, 0))
SHAPE_ROW(sweep, sweep_at(at, 20, METRE))

static bool add_handle(void *context, const struct tw_space_item *item)
{
    *(uint64_t *)context += item->handle;
    return true;
}

static uint64_t radius_100_visit(struct scene *scene, struct tw_space_point at)
{
    uint64_t sum = 0;
    struct tw_space_shape shape = sphere_at(at, 100);
    tw_space_visit(&scene->reader, &shape, NULL, add_handle, &sum);
    return sum;
}

static uint64_t count_500(struct scene *scene, struct tw_space_point at)
{
    struct tw_space_shape shape = sphere_at(at, 500);
    return tw_space_count(&scene->reader, &shape, NULL);
}

static uint64_t brute_count_500(struct scene *scene, struct tw_space_point at)
{
    struct tw_space_shape shape = sphere_at(at, 500);
    return brute_shape(scene, &shape);
}

static uint64_t sight(struct scene *scene, struct tw_space_point at)
{
    struct tw_space_point end = {at.x + 80 * METRE, at.y + 60 * METRE, 0};
    return tw_space_is_clear(&scene->reader, at, end, &one_type);
}

const struct row rows[ROW_COUNT] = {
    [ROW_NEAREST_10] = {"knn_10", nearest_10, brute_10},
    [ROW_NEAREST_50] = {"knn_50", nearest_50, brute_50},
    [ROW_NEAREST_1000] = {"knn_1000", nearest_1000, brute_1000},
    [ROW_NEAREST_10_FILTERED] = {"knn_10_filtered", nearest_10_filtered, brute_10_filtered},
    [ROW_RADIUS_100] = {"radius_100m", radius_100, brute_radius_100},
    [ROW_RADIUS_100_VISIT] = {"radius_100m_visit", radius_100_visit, brute_radius_100},
    [ROW_COUNT_500] = {"count_500m", count_500, brute_count_500},
    [ROW_BOX_100] = {"box_100m", box_100, brute_box_100},
    [ROW_ORIENTED_BOX] = {"oriented_box_100x50m", oriented_box, brute_oriented_box},
    [ROW_CONE] = {"cone_50m", cone, brute_cone},
    [ROW_FRUSTUM] = {"frustum_200m", frustum, brute_frustum},
    [ROW_SEGMENT] = {"segment_100m", segment, brute_segment},
    [ROW_SWEEP] = {"sweep_20m", sweep, brute_sweep},
    [ROW_SIGHT] = {"line_of_sight_100m", sight, brute_segment},
};
