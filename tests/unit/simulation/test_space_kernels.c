/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Scalar, AVX2 and AVX-512 kernels forced one after the other: the same bits. What this processor
 * cannot run is skipped by name; built with TW_MODELLED, the AVX-512 kernels are those compiled
 * with the instructions modelled in C (avx512_model/).
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "simulation/core/fixed.h"
#include "simulation/space/simd/select.h"
#include "simulation/space/simd/x86.h"
#include "tests/unit/simulation/space_model.h"

#define METRE   1024
#define SPHERES 1037u /* no multiple of any vector */
#define ROOM    1088u /* one of all */

#ifndef TW_MODELLED
static const struct tw_space_kernels *require(enum tw_space_simd simd)
{
    const struct tw_space_kernels *kernels = tw_space_simd_select(simd);
    if (!kernels) {
        printf("skipped: this processor or build has no %s\n",
               simd == TW_SPACE_SIMD_AVX2 ? "AVX2" : "AVX-512 (F, BW, DQ, VL)");
        skip();
    }
    return kernels;
}
#endif

static void check_near(const struct tw_space_kernels *kernels)
{
    struct tw_space_block block;
    struct tw_rng rng;
    tw_rng_seed(&rng, 11);
    static const int32_t ends[] = {0, 1, TW_SPACE_SIZE_MAX - 1, TW_SPACE_SIZE_MAX};
    static const int32_t places[] = {-TW_SPACE_REACH, TW_SPACE_REACH, 0, TW_SPACE_SIZE_MAX};
    memset(&block, 0, sizeof(block));
    for (uint32_t round = 0; round < 20000; round++) {
        uint64_t wanted[TW_SPACE_LANES];
        uint64_t got[TW_SPACE_LANES];
        int32_t *axes[] = {block.x, block.y, block.z};
        int32_t place[3];
        for (uint32_t axis = 0; axis < 3; axis++) {
            for (uint32_t lane = 0; lane < TW_SPACE_LANES; lane++)
                axes[axis][lane] = tw_rng_below(&rng, 4)
                                       ? (int32_t)tw_rng_below(&rng, TW_SPACE_SIZE_MAX)
                                       : ends[tw_rng_below(&rng, 4)];
            place[axis] = tw_rng_below(&rng, 4) ? axes[axis][0] + (int32_t)tw_rng_below(&rng, 99)
                                                : places[tw_rng_below(&rng, 4)];
        }
        struct tw_space_point at = {place[0], place[1], place[2]};
        at.x = tw_space_clamp(at.x, -TW_SPACE_REACH, TW_SPACE_REACH);
        uint32_t exact = tw_rng_below(&rng, TW_SPACE_LANES);
        uint64_t limits[] = {tw_space_squared(tw_space_block_point(&block, exact), at), 0,
                             UINT64_MAX, INT64_MAX, tw_rng_next(&rng) >> tw_rng_below(&rng, 60)};
        for (uint32_t i = 0; i < 5; i++) {
            uint32_t lanes = tw_space_kernels_scalar.near(&block, at, limits[i], wanted);
            assert_int_equal(kernels->near(&block, at, limits[i], got), lanes);
            assert_memory_equal(got, wanted, sizeof(got));
        }
    }
}

struct scene {
    int32_t x[ROOM], y[ROOM], z[ROOM], radius[ROOM];
} __attribute__((aligned(64)));

static int32_t anywhere(struct tw_rng *rng, int32_t size)
{
    /* Now and then beyond the world: the coarse test does not know what to do. */
    int32_t beyond = tw_rng_below(rng, 64) == 0 ? 5 * size : 0;
    return (int32_t)tw_rng_below(rng, (uint32_t)size) + beyond;
}

static void fill_scene(struct scene *scene, struct tw_rng *rng, int32_t size)
{
    for (uint32_t i = 0; i < SPHERES; i++) {
        scene->x[i] = anywhere(rng, size);
        scene->y[i] = anywhere(rng, size);
        scene->z[i] = anywhere(rng, size / 8 + 1);
        scene->radius[i] = (int32_t)tw_rng_below(rng, tw_rng_below(rng, 8) ? 4096u : 200000000u) %
                           (TW_SPACE_SIZE_MAX + 1);
    }
}

/* A sphere that only just touches a plane, give or take one: where rounding would show. */
static void touch_planes(struct scene *scene, const struct tw_space_frustum *frustum,
                         struct tw_rng *rng)
{
    for (uint32_t i = 0; i < SPHERES; i += 3u) {
        const struct tw_space_plane *plane = &frustum->planes[tw_rng_below(rng, 6)];
        struct tw_space_point at = {scene->x[i], scene->y[i], scene->z[i]};
        int64_t distance = tw_space_plane_distance(plane, at);
        if (distance >= 0 || distance / -TW_SPACE_NORMAL > TW_SPACE_SIZE_MAX - 2)
            continue;
        scene->radius[i] = (int32_t)(-distance / TW_SPACE_NORMAL) + (int32_t)tw_rng_below(rng, 2);
    }
}

static void check_cull(const struct tw_space_kernels *kernels)
{
    static struct scene scene;
    static const int32_t sizes[] = {300 * METRE, 10000 * METRE, 100000 * METRE};
    struct tw_rng rng;
    tw_rng_seed(&rng, 12);
    for (uint32_t round = 0; round < 600; round++) {
        uint64_t wanted[SPHERES / 64u + 1u];
        uint64_t got[SPHERES / 64u + 1u];
        int32_t size = sizes[round % 3u];
        uint16_t yaw = (uint16_t)tw_rng_next(&rng);
        struct tw_space_bounds world = {{0, 0, 0}, {size, size, size / 8}};
        struct tw_space_camera camera = {
            .at = {anywhere(&rng, size), anywhere(&rng, size), anywhere(&rng, size / 8)},
            .forward = {tw_fixed_cos(yaw), tw_fixed_sin(yaw), 0},
            .up = {0, 0, 65536},
            .near = (int32_t)tw_rng_below(&rng, METRE),
            .far = 2 * METRE + (int32_t)tw_rng_below(&rng, 2000 * METRE),
            .half_width = 1024 + (int32_t)tw_rng_below(&rng, 200000),
            .half_height = 1024 + (int32_t)tw_rng_below(&rng, 200000)};
        struct tw_space_frustum frustum;
        struct tw_space_spheres spheres = {scene.x, scene.y, scene.z, scene.radius,
                                           SPHERES - round % 70u};
        assert_true(tw_space_frustum_from_camera(&frustum, &camera, &world));
        fill_scene(&scene, &rng, size);
        touch_planes(&scene, &frustum, &rng);
        uint32_t seen = tw_space_kernels_scalar.cull(&frustum, &spheres, wanted);
        assert_int_equal(kernels->cull(&frustum, &spheres, got), seen);
        assert_memory_equal(got, wanted, (spheres.count + 63u) / 64u * sizeof(got[0]));
    }
}

/* Whole questions: reader against reader. */
static void check_questions(const struct tw_space_kernels *kernels)
{
    struct space_model model;
    struct tw_space_config config = {
        .size = {3000 * METRE, 3000 * METRE, 40 * METRE}, .entities_max = 3000, .large_max = 8};
    space_model_start(&model, &config, SPACE_CLUSTERED, 5);
    tw_space_reader_init(&model.reader, model.space, kernels);
    for (uint32_t i = 0; i < 20000; i++) {
        space_model_step(&model, 2000);
        if (i % 10u == 0)
            space_model_check_query(&model);
    }
    space_model_end(&model);
}

#ifdef TW_MODELLED
static void test_modelled(void **state)
{
    (void)state;
    check_near(&tw_space_kernels_avx512);
    check_cull(&tw_space_kernels_avx512);
    check_questions(&tw_space_kernels_avx512);
}
#else

static void check_all(const struct tw_space_kernels *kernels)
{
    check_near(kernels);
    check_cull(kernels);
    check_questions(kernels);
}

static void test_avx2(void **state)
{
    (void)state;
    check_all(require(TW_SPACE_SIMD_AVX2));
}

static void test_avx512(void **state)
{
    (void)state;
    check_all(require(TW_SPACE_SIMD_AVX512));
}

static void test_selection(void **state)
{
    (void)state;
    assert_ptr_equal(tw_space_simd_select(TW_SPACE_SIMD_SCALAR), &tw_space_kernels_scalar);
    const struct tw_space_kernels *best = tw_space_simd_select(TW_SPACE_SIMD_AUTO);
    assert_non_null(best);
    const struct tw_space_kernels *avx2 = tw_space_simd_select(TW_SPACE_SIMD_AVX2);
    const struct tw_space_kernels *avx512 = tw_space_simd_select(TW_SPACE_SIMD_AVX512);
    assert_ptr_equal(best, avx512 ? avx512 : avx2 ? avx2 : &tw_space_kernels_scalar);
}

#endif

int main(void)
{
#ifdef TW_MODELLED
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_modelled)};
#else
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_selection),
                                       cmocka_unit_test(test_avx2), cmocka_unit_test(test_avx512)};
#endif
    return cmocka_run_group_tests(tests, NULL, NULL);
}
