/* SPDX-License-Identifier: BSD-3-Clause */
/* Shapes made of nonsense, of the largest numbers there are, and at their exact borders. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "simulation/core/fixed.h"
#include "simulation/space/order.h"
#include "tests/unit/simulation/space_model.h"

#define METRE 1024
#define REACH TW_SPACE_REACH
#define UNIT  TW_SPACE_UNIT

static const struct tw_space_point origin = {0, 0, 0};
static const struct tw_space_point beyond = {REACH + 1, 0, 0};
static const struct tw_space_bounds world = {{0, 0, 0}, {1000 * METRE, 1000 * METRE, 0}};

static bool holds(const struct tw_space_shape *shape, int32_t x, int32_t y, int32_t z)
{
    uint64_t key;
    return tw_space_shape_test(shape, (struct tw_space_point){x, y, z}, 0, &key);
}

static void test_out_of_range(void **state)
{
    (void)state;
    struct tw_space_shape shape;
    const struct tw_space_point axes[3] = {{UNIT, 0, 0}, {0, UNIT, 0}, {0, 0, UNIT}};
    const struct tw_space_point skew[3] = {{UNIT, 0, 0}, {UNIT, 0, 0}, {0, 0, UNIT}};
    const struct tw_space_point tiny[3] = {{1, 0, 0}, {0, UNIT, 0}, {0, 0, UNIT}};
    const struct tw_space_point huge[3] = {{INT32_MIN, 0, 0}, {0, UNIT, 0}, {0, 0, UNIT}};
    const int32_t half[3] = {5, 5, 5};
    assert_false(tw_space_shape_sphere(&shape, beyond, 1));
    assert_false(holds(&shape, 0, 0, 0));
    assert_false(tw_space_shape_box(&shape, (struct tw_space_bounds){origin, beyond}));
    assert_false(tw_space_shape_sweep(&shape, beyond, origin, 1));
    assert_false(tw_space_shape_sweep(&shape, origin, beyond, 1));
    assert_false(tw_space_shape_oriented_box(&shape, beyond, axes, half));
    assert_false(tw_space_shape_oriented_box(&shape, origin, skew, half));
    assert_false(tw_space_shape_oriented_box(&shape, origin, tiny, half));
    assert_false(tw_space_shape_oriented_box(&shape, origin, huge, half));
    assert_false(tw_space_shape_cone(&shape, beyond, axes[0], 5, 0));
    assert_false(tw_space_shape_cone(&shape, origin, origin, 5, 0));
    assert_false(tw_space_shape_cone(&shape, origin, axes[0], 5, UNIT + 1));
    assert_false(tw_space_shape_cone(&shape, origin, axes[0], 5, INT32_MIN));
    assert_false(holds(&shape, 0, 0, 0));
}

static void test_empty(void **state)
{
    (void)state;
    struct tw_space_shape shape;
    const struct tw_space_point axis = {UNIT, 0, 0};
    const int32_t half[3] = {5, -1, 5};
    assert_true(tw_space_shape_sphere(&shape, origin, -1));
    assert_false(holds(&shape, 0, 0, 0));
    assert_true(tw_space_shape_sphere(&shape, origin, INT32_MIN));
    assert_false(holds(&shape, 0, 0, 0));
    assert_true(tw_space_shape_box(&shape, (struct tw_space_bounds){{1, 0, 0}, {0, 0, 0}}));
    assert_false(holds(&shape, 0, 0, 0));
    assert_true(tw_space_shape_sweep(&shape, origin, origin, -1));
    assert_false(holds(&shape, 0, 0, 0));
    assert_true(tw_space_shape_cone(&shape, origin, axis, -1, 0));
    assert_false(holds(&shape, 0, 0, 0));
    assert_true(tw_space_shape_yawed_box(&shape, origin, 77, half));
    assert_false(holds(&shape, 0, 0, 0));
}

static void test_points(void **state)
{
    (void)state;
    struct tw_space_shape shape;
    assert_true(tw_space_shape_sphere(&shape, origin, 0));
    assert_true(holds(&shape, 0, 0, 0));
    assert_false(holds(&shape, 1, 0, 0));
    assert_true(tw_space_shape_sweep(&shape, origin, origin, 0));
    assert_true(holds(&shape, 0, 0, 0));
    assert_false(holds(&shape, 0, 1, 0));
    assert_true(tw_space_shape_box(&shape, (struct tw_space_bounds){origin, origin}));
    assert_true(holds(&shape, 0, 0, 0));
    assert_false(holds(&shape, 0, 0, 1));
    assert_true(tw_space_shape_cone(&shape, origin, (struct tw_space_point){0, UNIT, 0}, 0, UNIT));
    assert_true(holds(&shape, 0, 0, 0));
    assert_false(holds(&shape, 0, 1, 0));
}

/* Opposite corners of all that can be asked, against opposite corners of all that can be stored. */
static void test_largest(void **state)
{
    (void)state;
    const struct tw_space_point low = {-REACH, -REACH, -REACH};
    const struct tw_space_point high = {REACH, REACH, REACH};
    const int32_t size = TW_SPACE_SIZE_MAX;
    struct tw_space_shape shape;
    uint64_t key;
    assert_true(tw_space_shape_sphere(&shape, low, INT32_MAX));
    assert_true(holds(&shape, size, size, size));
    assert_false(tw_space_shape_sphere(&shape, (struct tw_space_point){INT32_MIN, 0, 0}, 1));
    assert_true(tw_space_shape_sweep(&shape, low, high, 0));
    assert_true(tw_space_shape_test(&shape, (struct tw_space_point){size, size, size}, 0, &key));
    assert_int_equal(key, 36865); /* (1 + 1/8) / 2 of the way, and a little */
    assert_false(holds(&shape, size, size, size - 1));
    assert_true(tw_space_shape_test(&shape, (struct tw_space_point){size, size, 0}, size, &key));
    assert_true(tw_space_shape_sweep(&shape, high, low, INT32_MAX));
    assert_true(tw_space_shape_test(&shape, origin, size, &key));
    assert_int_equal(key, 0);
}

/* 5 m of way, 1 m beside it. */
static void test_sweep_borders(void **state)
{
    (void)state;
    struct tw_space_shape shape;
    struct tw_space_point to = {5 * METRE, 0, 0};
    uint64_t key;
    assert_true(tw_space_shape_sweep(&shape, origin, to, METRE));
    assert_true(holds(&shape, 2 * METRE, METRE, 0));
    assert_false(holds(&shape, 2 * METRE, METRE + 1, 0));
    assert_true(holds(&shape, 6 * METRE, 0, 0));
    assert_false(holds(&shape, 6 * METRE + 1, 0, 0));
    assert_true(holds(&shape, -METRE, 0, 0));
    assert_false(holds(&shape, -METRE - 1, 0, 0));
    /* Touched when the sphere's edge is there: 2 m on, at 4 m. */
    struct tw_space_point at = {4 * METRE, 0, 0};
    assert_true(tw_space_shape_test(&shape, at, METRE, &key));
    assert_int_equal(key, (2 * UNIT + 4) / 5);
    /* 100 km/tick past a post of 0.1 m: no tunnel. */
    to.x = 100000 * METRE;
    assert_true(tw_space_shape_sweep(&shape, origin, to, 0));
    assert_true(
        tw_space_shape_test(&shape, (struct tw_space_point){77777 * METRE, 100, 0}, 102, &key));
    assert_false(
        tw_space_shape_test(&shape, (struct tw_space_point){77777 * METRE, 103, 0}, 102, &key));
}

static void test_odd_frusta(void **state)
{
    (void)state;
    struct tw_space_frustum frustum;
    const struct tw_space_camera good = {.at = {500 * METRE, 500 * METRE, 0},
                                         .forward = {UNIT, 0, 0},
                                         .up = {0, 0, UNIT},
                                         .near = 0,
                                         .far = 100 * METRE,
                                         .half_width = UNIT,
                                         .half_height = UNIT};
    assert_true(tw_space_frustum_from_camera(&frustum, &good, &world));
    struct tw_space_camera bad[9];
    for (size_t i = 0; i < 9; i++)
        bad[i] = good;
    bad[0].near = -1;
    bad[1].near = bad[1].far;
    bad[2].far = INT32_MAX;
    bad[3].half_width = 0;
    bad[4].half_height = INT32_MAX;
    bad[5].up = bad[5].forward;
    bad[6].forward.x = INT32_MIN;
    bad[7].at.y = INT32_MIN;
    bad[8].forward = origin;
    for (size_t i = 0; i < 9; i++)
        assert_false(tw_space_frustum_from_camera(&frustum, &bad[i], &world));
    struct tw_space_bounds inverted = {{1, 0, 0}, {0, 0, 0}};
    assert_false(tw_space_frustum_from_camera(&frustum, &good, &inverted));
    assert_true(tw_space_frustum_from_camera(&frustum, &good, &world));
    struct tw_space_plane planes[TW_SPACE_PLANES];
    for (uint32_t i = 0; i < TW_SPACE_PLANES; i++)
        planes[i] = frustum.planes[i];
    planes[3].d = INT64_MAX;
    assert_false(tw_space_frustum_from_planes(&frustum, planes, &world));
    planes[3].d = 0;
    planes[3].a *= 2;
    assert_false(tw_space_frustum_from_planes(&frustum, planes, &world));
}

/* Whatever is inside the planes is inside the bounds. */
static void test_frustum_bounds(void **state)
{
    (void)state;
    struct tw_rng rng;
    tw_rng_seed(&rng, 4);
    for (uint32_t round = 0; round < 2000; round++) {
        struct tw_space_frustum frustum;
        uint16_t yaw = (uint16_t)tw_rng_next(&rng);
        struct tw_space_camera camera = {.at = {500 * METRE, 500 * METRE, 0},
                                         .forward = {tw_fixed_cos(yaw), tw_fixed_sin(yaw), 0},
                                         .up = {0, 0, UNIT},
                                         .far = 1 + (int32_t)tw_rng_below(&rng, 300 * METRE),
                                         .half_width = (int32_t)tw_rng_between(&rng, 1024, 1048576),
                                         .half_height =
                                             (int32_t)tw_rng_between(&rng, 1024, 1048576)};
        assert_true(tw_space_frustum_from_camera(&frustum, &camera, &world));
        const struct tw_space_bounds *bounds = &frustum.bounds;
        struct tw_space_bounds around = tw_space_bounds_grow(*bounds, bounds->high.x / 8);
        for (uint32_t i = 0; i < 200; i++) {
            struct tw_space_point at = {
                (int32_t)((int64_t)around.low.x +
                          (int64_t)tw_rng_below(&rng, (uint32_t)(around.high.x - around.low.x))),
                (int32_t)((int64_t)around.low.y +
                          (int64_t)tw_rng_below(&rng, (uint32_t)(around.high.y - around.low.y))),
                (int32_t)((int64_t)around.low.z +
                          (int64_t)tw_rng_below(&rng, (uint32_t)(around.high.z - around.low.z)))};
            assert_true(!tw_space_frustum_sees(&frustum, at, 0) ||
                        tw_space_bounds_hold(bounds, at));
        }
    }
}

/* Lists that are bad for quick sorts. */
static void test_order(void **state)
{
    (void)state;
    static struct tw_space_hit hits[5000];
    static struct tw_space_hit room[5000];
    struct tw_rng rng;
    tw_rng_seed(&rng, 6);
    for (uint32_t round = 0; round < 200; round++) {
        uint32_t count = tw_rng_below(&rng, round % 20u ? 300u : 5000u);
        for (uint32_t i = 0; i < count; i++) {
            uint64_t keys[] = {i, count - i, 7, tw_rng_next(&rng), i % 3u, UINT64_MAX - i * i};
            hits[i] =
                (struct tw_space_hit){.key = keys[round % 6u], .handle = (i * 7919u) % 10007u};
        }
        if (count > 0) {
            uint32_t wanted = 1u + tw_rng_below(&rng, count);
            uint64_t largest = tw_space_select(hits, count, wanted);
            for (uint32_t i = wanted; i < count; i++)
                assert_true(hits[i].key >= largest);
        }
        if (round % 2u)
            tw_space_sort(hits, count);
        else
            tw_space_sort_spread(hits, count, room);
        for (uint32_t i = 1; i < count; i++)
            assert_true(tw_space_hit_before(&hits[i - 1u], &hits[i]));
    }
}

/* Two large bodies around the start of a way, on either side of a border between cells: of those
 * touched at once the first by handle wins, though the way is cut to nothing when the other is met
 * before it. */
static void test_first_of_two_at_once(void **state)
{
    (void)state;
    struct space_model model;
    const struct tw_space_config config = {
        .size = {10000 * METRE, 10000 * METRE, 60 * METRE}, .entities_max = 64, .large_max = 64};
    const int32_t border = 7 << 17;
    const struct tw_space_point from = {border + 1000, 500000, 0};
    space_model_start(&model, &config, SPACE_UNIFORM, 1);
    space_model_insert(&model, 0,
                       &(struct tw_space_body){.at = {border + 53500, 500000, 0}, .radius = 53000});
    space_model_insert(&model, 1, &(struct tw_space_body){.at = from, .radius = 53000});
    for (int32_t i = 2; i < 60; i++) /* enough that cells are walked, not the bodies */
        space_model_insert(
            &model, (uint32_t)i,
            &(struct tw_space_body){.at = {5000000 + i, 5000000, 0}, .radius = 53000});
    for (int32_t z = -1; z <= 1; z++) {
        for (int32_t y = -1; y <= 1; y++) {
            for (int32_t x = -1; x <= 1; x++) {
                struct tw_space_point to = {from.x + 2000 * x, from.y + 2000 * y,
                                            from.z + 2000 * z};
                struct tw_space_shape way;
                assert_true(tw_space_shape_sweep(&way, from, to, 0));
                way.bodies = true;
                space_model_check_shape(&model, &way, NULL);
            }
        }
    }
    space_model_end(&model);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_out_of_range),   cmocka_unit_test(test_empty),
        cmocka_unit_test(test_points),         cmocka_unit_test(test_largest),
        cmocka_unit_test(test_sweep_borders),  cmocka_unit_test(test_odd_frusta),
        cmocka_unit_test(test_frustum_bounds), cmocka_unit_test(test_first_of_two_at_once),
        cmocka_unit_test(test_order)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
