/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Long lives of an index: many borders crossed, crowds, pools that run short. Nothing is lost,
 * nothing doubled, nothing allocated: the linker sends this program's allocations through the
 * functions below, which refuse once a test has sealed itself.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "simulation/core/fixed.h"
#include "simulation/space/internal.h"
#include "simulation/space/validate.h"
#include "tests/unit/simulation/space_model.h"

#define METRE 1024

static bool sealed;

void *__real_malloc(size_t size);
void *__real_calloc(size_t count, size_t size);
void *__real_realloc(void *memory, size_t size);
void *__real_aligned_alloc(size_t alignment, size_t size);
void *__wrap_malloc(size_t size);
void *__wrap_calloc(size_t count, size_t size);
void *__wrap_realloc(void *memory, size_t size);
void *__wrap_aligned_alloc(size_t alignment, size_t size);

void *__wrap_malloc(size_t size)
{
    return sealed ? (abort(), NULL) : __real_malloc(size);
}

void *__wrap_calloc(size_t count, size_t size)
{
    return sealed ? (abort(), NULL) : __real_calloc(count, size);
}

void *__wrap_realloc(void *memory, size_t size)
{
    return sealed ? (abort(), NULL) : __real_realloc(memory, size);
}

void *__wrap_aligned_alloc(size_t alignment, size_t size)
{
    return sealed ? (abort(), NULL) : __real_aligned_alloc(alignment, size);
}

static const enum tw_space_kind kinds[] = {TW_SPACE_GRID, TW_SPACE_OCTREE};

static void start(struct space_model *model, struct tw_space_config config, enum tw_space_kind kind)
{
    config.kind = kind;
    space_model_start(model, &config, SPACE_UNIFORM, 7);
    sealed = true;
}

static void end(struct space_model *model)
{
    sealed = false;
    space_model_end(model);
}

struct mover {
    struct tw_space_point at;
    int32_t dx, dy;
};

/* 100 m/s: 1,706 units a tick, back at the edges. */
static void step_mover(struct space_model *model, uint32_t index, struct mover *mover)
{
    const struct tw_space_point *size = &model->config.size;
    mover->at.x += mover->dx;
    mover->at.y += mover->dy;
    if (mover->at.x < 0 || mover->at.x > size->x)
        mover->dx = -mover->dx;
    if (mover->at.y < 0 || mover->at.y > size->y)
        mover->dy = -mover->dy;
    space_model_move(model, index, mover->at);
    mover->at = model->bodies[index].at;
}

static void run_crossings(enum tw_space_kind kind)
{
    static struct mover movers[1000];
    struct space_model model;
    struct tw_space_config config = {.size = {2000 * METRE, 2000 * METRE, 0}, .entities_max = 1000};
    start(&model, config, kind);
    for (uint32_t i = 0; i < 1000; i++) {
        struct tw_space_body body = {.at = space_model_place(&model), .radius = 512};
        uint16_t angle = (uint16_t)tw_rng_next(&model.rng);
        movers[i] = (struct mover){body.at, tw_fixed_cos(angle) * 1706 / 65536,
                                   tw_fixed_sin(angle) * 1706 / 65536};
        space_model_insert(&model, i, &body);
    }
    for (uint32_t tick = 0; tick < 10000; tick++) {
        for (uint32_t i = 0; i < 1000; i++)
            step_mover(&model, i, &movers[i]);
        if (tick % 100u == 0)
            space_model_check_valid(&model);
        if (tick % 1000u == 0)
            space_model_check_query(&model);
    }
    space_model_check_valid(&model);
    assert_int_equal(tw_space_population(model.space), 1000);
    assert_true(tw_space_changes(model.space)->moves_crossing > 50000);
    end(&model);
}

static void test_crossing_borders(void **state)
{
    (void)state;
    for (uint32_t i = 0; i < 2; i++)
        run_crossings(kinds[i]);
}

/* 5 minutes of ticks at 60 per second. */
static void test_crowd_in_ten_metres(void **state)
{
    (void)state;
    for (uint32_t kind = 0; kind < 2; kind++) {
        struct space_model model;
        struct tw_space_config config = {.size = {10000 * METRE, 10000 * METRE, 0},
                                         .entities_max = 20000};
        struct tw_space_figures figures;
        start(&model, config, kinds[kind]);
        for (uint32_t i = 0; i < 500; i++) {
            struct tw_space_body body = {.at = {5000 * METRE, 5000 * METRE, 0}, .radius = 512};
            space_model_insert(&model, i, &body);
        }
        for (uint32_t tick = 0; tick < 18000; tick++) {
            for (uint32_t i = 0; i < 500; i++) {
                struct tw_space_point to = model.bodies[i].at;
                to.x = tw_space_clamp(to.x + (int32_t)tw_rng_below(&model.rng, 171) - 85,
                                      5000 * METRE - 5 * METRE, 5000 * METRE + 5 * METRE);
                to.y = tw_space_clamp(to.y + (int32_t)tw_rng_below(&model.rng, 171) - 85,
                                      5000 * METRE - 5 * METRE, 5000 * METRE + 5 * METRE);
                space_model_move(&model, i, to);
            }
            tw_space_tend(model.space, 8);
            if (tick % 600u == 0) {
                space_model_check_valid(&model);
                space_model_check_query(&model);
            }
        }
        space_model_check_valid(&model);
        tw_space_validate(model.space, &figures);
        /* 500 in 100 square metres cannot be told apart beyond cells of 1 m; 4 m in the octree,
         * whose root is 16 km wide and 12 levels high. */
        assert_true(figures.fullest <= (kind == 0 ? 32u : 160u));
        assert_true(figures.depth_max <= TW_SPACE_DEPTH_LIMIT);
        end(&model);
    }
}

/* All on one spot are one flat list; when they have spread, tending makes cells of it though nobody
 * has left the cell. */
static void test_spot_that_spreads(void **state)
{
    (void)state;
    struct space_model model;
    struct tw_space_config config = {.size = {10000 * METRE, 10000 * METRE, 0},
                                     .entities_max = 10000};
    struct tw_space_figures figures;
    start(&model, config, TW_SPACE_GRID);
    int32_t side = INT32_C(1) << tw_space_config(model.space)->cell_shift;
    for (uint32_t i = 0; i < 2000; i++) {
        struct tw_space_body body = {.at = {side + side / 2, side + side / 2, 0}, .radius = 512};
        space_model_insert(&model, i, &body);
    }
    tw_space_validate(model.space, &figures);
    assert_int_equal(figures.leaves, 1);
    assert_int_equal(tw_space_changes(model.space)->splits, 0);
    for (uint32_t i = 0; i < 2000; i++) {
        struct tw_space_point to = {side + (int32_t)(i % 45u) * side / 45,
                                    side + (int32_t)(i / 45u) * side / 45, 0};
        space_model_move(&model, i, to);
    }
    tw_space_validate(model.space, &figures);
    assert_int_equal(figures.leaves, 1);
    tw_space_tend(model.space, 1);
    tw_space_validate(model.space, &figures);
    assert_true(figures.leaves > 60 && figures.fullest <= 32);
    space_model_check_valid(&model);
    space_model_check_query(&model);
    end(&model);
}

/* Trembling within the margin costs a store; only who leaves it crosses. */
static void test_trembling_on_a_border(void **state)
{
    (void)state;
    struct space_model model;
    struct tw_space_config config = {.size = {10000 * METRE, 10000 * METRE, 0},
                                     .entities_max = 1000};
    start(&model, config, TW_SPACE_GRID);
    int32_t side = INT32_C(1) << tw_space_config(model.space)->cell_shift;
    int32_t margin = side * 15 / 100;
    struct tw_space_body body = {.at = {3 * side - 1, side / 2, 0}, .radius = 512};
    space_model_insert(&model, 0, &body);
    const struct tw_space_changes *changes = tw_space_changes(model.space);
    for (int32_t i = 0; i < 1000; i++) {
        body.at.x = 3 * side - 1 + (i % 2) * margin;
        space_model_move(&model, 0, body.at);
    }
    assert_int_equal(changes->moves, 1000);
    assert_int_equal(changes->moves_crossing, 0);
    space_model_check_valid(&model);
    body.at.x = 3 * side + margin;
    space_model_move(&model, 0, body.at);
    assert_int_equal(changes->moves_crossing, 1);
    /* And back the same way: not before the other margin is left. */
    for (int32_t i = 0; i < 1000; i++) {
        body.at.x = 3 * side - (i % 2) * margin;
        space_model_move(&model, 0, body.at);
    }
    assert_int_equal(changes->moves_crossing, 1);
    body.at.x = 3 * side - margin - 1;
    space_model_move(&model, 0, body.at);
    assert_int_equal(changes->moves_crossing, 2);
    space_model_check_valid(&model);
    end(&model);
}

/* Splits above 32, merges below 8, and in between neither. */
static void test_split_and_merge(void **state)
{
    (void)state;
    struct space_model model;
    struct tw_space_config config = {.size = {10000 * METRE, 10000 * METRE, 0},
                                     .entities_max = 1000};
    start(&model, config, TW_SPACE_GRID);
    const struct tw_space_changes *changes = tw_space_changes(model.space);
    int32_t side = INT32_C(1) << tw_space_config(model.space)->cell_shift;
    for (uint32_t i = 0; i < 32; i++) {
        struct tw_space_body body = {.at = {(int32_t)i * side / 33, side / 3, 0}};
        space_model_insert(&model, i, &body);
    }
    assert_int_equal(changes->splits, 0);
    for (uint32_t round = 0; round < 100; round++) {
        struct tw_space_body body = {.at = {side - 1, side / 3, 0}};
        space_model_insert(&model, 32, &body);
        space_model_remove(&model, 32);
    }
    assert_int_equal(changes->splits, 1);
    assert_int_equal(changes->merges, 0);
    for (uint32_t i = 31; i >= 8; i--)
        space_model_remove(&model, i);
    assert_int_equal(changes->merges, 0);
    space_model_remove(&model, 7);
    assert_int_equal(changes->merges, 1);
    space_model_check_valid(&model);
    end(&model);
}

/* Threes that stand together far from others, each a deep tower of cells: more than there are nodes
 * for. Cells stay coarser, nobody is refused or lost. */
static void test_short_of_nodes(void **state)
{
    (void)state;
    for (uint32_t kind = 0; kind < 2; kind++) {
        struct space_model model;
        struct tw_space_config config = {.size = {4000 * METRE, 4000 * METRE, 4000 * METRE},
                                         .entities_max = 4000,
                                         .split_above = 2,
                                         .merge_below = 1};
        start(&model, config, kinds[kind]);
        struct tw_space_body body = {.radius = 512};
        for (uint32_t i = 0; i < 4000; i++) {
            if (i % 3u == 0)
                body.at = space_model_place(&model);
            else
                body.at.x += body.at.x < 2000 * METRE ? METRE : -METRE;
            space_model_insert(&model, i, &body);
        }
        assert_true(tw_space_changes(model.space)->splits_refused > 0);
        space_model_check_valid(&model);
        for (uint32_t i = 0; i < 40000; i++) {
            space_model_move(&model, tw_rng_below(&model.rng, 4000), space_model_place(&model));
            if (i % 64u == 0)
                tw_space_tend(model.space, 4);
            if (i % 2000u == 0) {
                space_model_check_valid(&model);
                space_model_check_query(&model);
            }
        }
        space_model_check_valid(&model);
        end(&model);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_crossing_borders),  cmocka_unit_test(test_crowd_in_ten_metres),
        cmocka_unit_test(test_spot_that_spreads), cmocka_unit_test(test_trembling_on_a_border),
        cmocka_unit_test(test_split_and_merge),   cmocka_unit_test(test_short_of_nodes)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
