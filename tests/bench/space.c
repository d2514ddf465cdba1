/* SPDX-License-Identifier: BSD-3-Clause */
#include "tests/bench/space.h"

#include "simulation/space/simd/select.h"
#include "tests/bench/measure.h"
#include "tests/bench/output.h"
#include "tests/bench/space_movers.h"
#include "tests/bench/space_rows.h"
#include "tests/bench/space_wrap.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define METRE    SCENE_METRE
#define SIDE     (10000 * METRE)
#define ENTITIES 100000u
#define CALLS    2000u
#define SPHERES  10000u

struct suite {
    const struct tw_space_options *options;
    const struct tw_space_kernels *kernels;
    uint32_t missed;
};

static const struct {
    enum scene_spread spread;
    const char *name;
    const char *setup;
} spreads[] = {
    {SCENE_UNIFORM, "", "100,000 entities uniform in 10 x 10 km"},
    {SCENE_TOWN, ".town", "100,000 entities, 20 % of them and half of the questions in 1 x 1 km"},
};

static const double no_target = -1.0;

struct figure {
    double value;
    const char *unit;
    double target; /* at most; or no_target */
};

static void told(struct suite *suite, const char *metric, struct figure figure, const char *setup)
{
    struct tw_bench_target at_most = {figure.target, TW_BENCH_AT_MOST};
    if (figure.target < 0)
        tw_bench_print(metric, figure.value, figure.unit, setup);
    else
        suite->missed += !tw_bench_print_target(metric, figure.value, figure.unit, at_most, setup);
}

static void told_at_least(struct suite *suite, const char *metric, double value, double target,
                          const char *setup)
{
    struct tw_bench_target at_least = {target, TW_BENCH_AT_LEAST};
    suite->missed += !tw_bench_print_target(metric, value, "x", at_least, setup);
}

/* Microseconds. */
static double target_of(uint32_t row, enum tw_space_kind kind)
{
    if (kind != TW_SPACE_GRID)
        return no_target;
    switch (row) {
    case ROW_NEAREST_10:
        return 2.0;
    case ROW_NEAREST_50:
        return 6.0;
    case ROW_NEAREST_1000:
        return 100.0;
    default:
        return no_target;
    }
}

/* One question and how many times longer brute force takes for it. Microseconds. */
static double measure_row(struct suite *suite, struct scene *scene, uint32_t row, const char *name,
                          const char *setup)
{
    char metric[96];
    char ratio[112];
    uint32_t repetitions = suite->options->repetitions;
    double us = space_time_ns(scene, rows[row].ask, CALLS, repetitions) / 1e3;
    double brute_us = space_time_ns(scene, rows[row].brute, 4, repetitions) / 1e3;
    snprintf(metric, sizeof(metric), "space.%s%s", rows[row].name, name);
    snprintf(ratio, sizeof(ratio), "%s.ratio", metric);
    told(suite, metric, (struct figure){us, "us", target_of(row, scene->plan.kind)}, setup);
    tw_bench_print(ratio, brute_us / us, "x", "brute force over the same entities");
    return us;
}

static void start(struct suite *suite, struct scene *scene, enum scene_spread spread,
                  enum tw_space_kind kind)
{
    struct scene_plan plan = {.spread = spread,
                              .kind = kind,
                              .entities = ENTITIES,
                              .side = SIDE,
                              .kernels = suite->kernels};
    scene_start(scene, &plan);
}

static void measure_insert(struct suite *suite, struct scene *scene, const char *name,
                           const char *setup)
{
    double times[256];
    char metric[64];
    for (uint32_t i = 0; i <= suite->options->repetitions; i++) {
        tw_space_clear(scene->space);
        uint64_t from = measure_now_ns();
        scene_insert_all(scene);
        times[i] = (double)(measure_now_ns() - from) / 1e6;
    }
    snprintf(metric, sizeof(metric), "space.insert_100k%s", name);
    double target = scene->plan.kind == TW_SPACE_GRID ? 10.0 : no_target;
    double ms = measure_median(times + 1, suite->options->repetitions);
    told(suite, metric, (struct figure){ms, "ms", target}, setup);
}

/* There and back again, so that every round starts from the same index. */
static void measure_move(struct suite *suite, struct scene *scene, const char *name,
                         const char *setup)
{
    static struct tw_space_point there[ENTITIES];
    double times[256];
    char metric[64];
    char text[256];
    uint32_t rounds = suite->options->repetitions;
    int32_t side = INT32_C(1) << tw_space_config(scene->space)->cell_shift;
    for (uint32_t i = 0; i < ENTITIES; i++) {
        struct tw_space_point at = scene->bodies[i].at;
        int32_t step = i % 5u == 0 ? side + side / 3 : 100;
        at.x += at.x + step > SIDE ? -step : step;
        there[i] = at;
    }
    struct tw_space_changes before = *tw_space_changes(scene->space);
    for (uint32_t round = 0; round <= rounds; round++) {
        uint64_t from = measure_now_ns();
        for (uint32_t i = 0; i < ENTITIES; i++)
            tw_space_move(scene->space, scene_entity(i),
                          round % 2u ? scene->bodies[i].at : there[i]);
        times[round] = (double)(measure_now_ns() - from) / ENTITIES;
    }
    struct tw_space_changes after = *tw_space_changes(scene->space);
    double crossing = 100.0 * (double)(after.moves_crossing - before.moves_crossing) /
                      (double)(after.moves - before.moves);
    snprintf(metric, sizeof(metric), "space.move%s", name);
    snprintf(text, sizeof(text), "%s; %.1f %% of the moves cross into another cell", setup,
             crossing);
    /* The target is for a fifth of crossings: in a town's small cells there are more. */
    bool plain = scene->plan.kind == TW_SPACE_GRID && scene->plan.spread == SCENE_UNIFORM;
    double ns = measure_median(times + 1, rounds);
    told(suite, metric, (struct figure){ns, "ns", plain ? 40.0 : no_target}, text);
}

static void take(void *context, uint32_t number, const struct tw_space_item *item)
{
    (void)number;
    *(uint64_t *)context += item->handle;
}

static void measure_batches(struct suite *suite, struct scene *scene, const char *name,
                            const char *setup)
{
    static struct tw_space_ball balls[SCENE_PLACES];
    static struct tw_space_nearest queries[SCENE_PLACES];
    static uint32_t counts[SCENE_PLACES];
    double spheres[256];
    double nearest[256];
    uint64_t sum = 0;
    char metric[96];
    struct tw_space_taker taker = {.take = take, .context = &sum};
    struct tw_space_nearest_job job = {queries, SCENE_PLACES, 10, scene->hits, counts};
    for (uint32_t i = 0; i < SCENE_PLACES; i++) {
        balls[i] = (struct tw_space_ball){scene->places[i], 100 * METRE};
        queries[i] = (struct tw_space_nearest){
            .at = scene->places[i], .k = 10, .distance_max = TW_SPACE_ANY_DISTANCE};
    }
    for (uint32_t i = 0; i <= suite->options->repetitions; i++) {
        uint64_t from = measure_now_ns();
        tw_space_batch_visit(&scene->batch, balls, SCENE_PLACES, &taker);
        spheres[i] = (double)(measure_now_ns() - from) / 1e3 / SCENE_PLACES;
        from = measure_now_ns();
        tw_space_batch_nearest(&scene->batch, &job);
        nearest[i] = (double)(measure_now_ns() - from) / 1e3 / SCENE_PLACES;
    }
    snprintf(metric, sizeof(metric), "space.batch_radius_100m%s", name);
    tw_bench_print(metric, measure_median(spheres + 1, suite->options->repetitions), "us", setup);
    snprintf(metric, sizeof(metric), "space.batch_knn_10%s", name);
    tw_bench_print(metric, measure_median(nearest + 1, suite->options->repetitions), "us", setup);
}

static double time_cull(const struct tw_space_kernels *kernels, const struct scene *scene,
                        uint32_t repetitions)
{
    static uint64_t visible[SPHERES / 64u + 1u];
    double times[256];
    struct tw_space_frustum frustum;
    struct tw_space_bounds world = {{0, 0, 0}, {SIDE, SIDE, 0}};
    struct tw_space_camera camera = {.at = {SIDE / 2, SIDE / 2, 0},
                                     .forward = {46341, 46341, 0},
                                     .up = {0, 0, 65536},
                                     .near = METRE,
                                     .far = 4000 * METRE,
                                     .half_width = 65536,
                                     .half_height = 65536};
    struct tw_space_spheres spheres = {scene->x, scene->y, scene->z, scene->radius, SPHERES};
    tw_space_frustum_from_camera(&frustum, &camera, &world);
    for (uint32_t i = 0; i <= repetitions; i++) {
        uint64_t from = measure_now_ns();
        for (uint32_t call = 0; call < 50u; call++)
            kernels->cull(&frustum, &spheres, visible);
        times[i] = (double)(measure_now_ns() - from) / 50e3;
    }
    return measure_median(times + 1, repetitions);
}

static void measure_cull(struct suite *suite, const struct scene *scene)
{
    uint32_t repetitions = suite->options->repetitions;
    const char *setup = "10,000 spheres uniform in 10 x 10 km, a view of 90 degrees and 4 km";
    double scalar = time_cull(&tw_space_kernels_scalar, scene, repetitions);
    tw_bench_print("space.cull_10k.scalar", scalar, "us", setup);
    for (int simd = TW_SPACE_SIMD_AVX2; simd <= TW_SPACE_SIMD_AVX512; simd++) {
        const struct tw_space_kernels *kernels = tw_space_simd_select((enum tw_space_simd)simd);
        char metric[64];
        if (!kernels)
            continue;
        double us = time_cull(kernels, scene, repetitions);
        snprintf(metric, sizeof(metric), "space.cull_10k.%s", kernels->name);
        told(suite, metric, (struct figure){us, "us", 8.0}, setup);
        snprintf(metric, sizeof(metric), "space.cull_10k.%s.ratio", kernels->name);
        told_at_least(suite, metric, scalar / us, 4.0, "scalar code on the same spheres");
    }
}

static void measure_spread(struct suite *suite, uint32_t at, enum tw_space_kind kind,
                           double us[ROW_COUNT])
{
    struct scene scene;
    char name[32];
    char setup[160];
    snprintf(name, sizeof(name), "%s%s", spreads[at].name, kind == TW_SPACE_GRID ? "" : ".octree");
    snprintf(setup, sizeof(setup), "%s, one core, %s", spreads[at].setup, suite->kernels->name);
    start(suite, &scene, spreads[at].spread, kind);
    measure_insert(suite, &scene, name, setup);
    for (uint32_t row = 0; row < ROW_COUNT; row++)
        us[row] = measure_row(suite, &scene, row, name, setup);
    measure_batches(suite, &scene, name, setup);
    measure_move(suite, &scene, name, setup);
    if (at == 0 && kind == TW_SPACE_GRID) {
        told(suite, "space.memory_100k",
             (struct figure){(double)scene.index_bytes / 1e6, "MB", 8.0},
             "the whole index as taken at start, for 100,000 entities and 256 large bodies");
        measure_cull(suite, &scene);
    }
    scene_end(&scene);
}

static double measure_crowd(struct suite *suite, enum scene_spread spread, const char *metric,
                            double target, const char *setup)
{
    struct scene scene;
    char ratio[64];
    start(suite, &scene, spread, TW_SPACE_GRID);
    uint32_t repetitions = suite->options->repetitions;
    double us = space_time_ns(&scene, rows[ROW_NEAREST_10].ask, CALLS, repetitions) / 1e3;
    double brute = space_time_ns(&scene, rows[ROW_NEAREST_10].brute, 4, repetitions) / 1e3;
    told(suite, metric, (struct figure){us, "us", target}, setup);
    snprintf(ratio, sizeof(ratio), "%s.ratio", metric);
    tw_bench_print(ratio, brute / us, "x", "brute force over the same entities");
    scene_end(&scene);
    return us;
}

/* The density of 100,000 in 10 x 10 km, from 1,000 to 1,000,000: what grows is the world. */
static void measure_growth(struct suite *suite)
{
    static const uint32_t counts[] = {1000, 3000, 10000, 30000, 100000, 300000, 1000000};
    for (uint32_t i = 0; i < sizeof(counts) / sizeof(counts[0]); i++) {
        struct scene scene;
        int32_t side = (int32_t)(sqrt((double)counts[i] * 1000.0) * METRE);
        struct scene_plan plan = {.spread = SCENE_UNIFORM,
                                  .kind = TW_SPACE_GRID,
                                  .entities = counts[i],
                                  .side = side,
                                  .kernels = suite->kernels};
        scene_start(&scene, &plan);
        for (uint32_t row = 0; row < ROW_COUNT; row++) {
            char metric[96];
            if (row == ROW_NEAREST_1000 && counts[i] == 1000)
                continue; /* k-NN of everybody is another question */
            snprintf(metric, sizeof(metric), "space.growth.%s.%u", rows[row].name, counts[i]);
            double ns = space_time_ns(&scene, rows[row].ask, CALLS, suite->options->repetitions);
            tw_bench_print(metric, ns / 1e3, "us", "one entity per 1,000 square metres");
        }
        double brute = space_time_ns(&scene, rows[ROW_NEAREST_10].brute, 2, 5);
        char metric[96];
        snprintf(metric, sizeof(metric), "space.growth.knn_10_brute.%u", counts[i]);
        tw_bench_print(metric, brute / 1e3, "us", "every entity looked at");
        scene_end(&scene);
    }
}

int tw_space_run(const struct tw_space_options *options)
{
    struct suite suite = {options, tw_space_simd_select(TW_SPACE_SIMD_AUTO), 0};
    double uniform[ROW_COUNT];
    double town[ROW_COUNT];
    double octree[ROW_COUNT];
    measure_spread(&suite, 0, TW_SPACE_GRID, uniform);
    measure_spread(&suite, 1, TW_SPACE_GRID, town);
    double hotspot =
        measure_crowd(&suite, SCENE_HOTSPOT, "space.hotspot_knn_10", 5.0,
                      "10,000 of 100,000 entities in 100 x 100 m, asked from there, one core");
    /* k-NN costs what it finds; a fixed grid costs what the cell holds. */
    const char *setup = "against the same question on the uniform world";
    for (uint32_t row = ROW_NEAREST_10; row <= ROW_NEAREST_1000; row++) {
        char metric[64];
        snprintf(metric, sizeof(metric), "space.%s.town.vs_uniform", rows[row].name);
        told(&suite, metric, (struct figure){town[row] / uniform[row], "x", 3.0}, setup);
    }
    told(&suite, "space.hotspot_knn_10.vs_uniform",
         (struct figure){hotspot / uniform[ROW_NEAREST_10], "x", 3.0}, setup);
    measure_crowd(&suite, SCENE_POINT, "space.point_knn_10", no_target,
                  "10,000 of 100,000 entities on one point: a flat list, one core");
    measure_spread(&suite, 0, TW_SPACE_OCTREE, octree);
    space_measure_wrap(suite.kernels, options->repetitions);
    space_measure_movers(suite.kernels, options->repetitions);
    if (options->growth)
        measure_growth(&suite);
    return options->check && suite.missed > 0 ? 1 : 0;
}
