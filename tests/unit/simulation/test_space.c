/* SPDX-License-Identifier: BSD-3-Clause */
/* Every answer the index has for arguments that make no sense, and for running full. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "simulation/space/internal.h"
#include "tests/unit/simulation/space_model.h"

#define METRE 1024

static const struct tw_space_config small = {
    .size = {1000 * METRE, 1000 * METRE, 50 * METRE}, .entities_max = 64, .large_max = 2};

static struct tw_space_body body_at(int32_t x, int32_t y, int32_t z)
{
    return (struct tw_space_body){.at = {x, y, z}, .radius = 512, .type = 1, .faction = 2};
}

static void start(struct space_model *model, const struct tw_space_config *config)
{
    space_model_start(model, config, SPACE_UNIFORM, 1);
}

static void test_configurations(void **state)
{
    (void)state;
    assert_true(tw_space_footprint(&small) > 0);
    struct tw_space_config bad[12];
    for (size_t i = 0; i < 12; i++)
        bad[i] = small;
    bad[0].size.x = 0;
    bad[1].size.y = -1;
    bad[2].size.z = -1;
    bad[3].size.x = TW_SPACE_SIZE_MAX + 1;
    bad[4].entities_max = 0;
    bad[5].entities_max = (1u << TW_ENTITY_INDEX_BITS) + 1u;
    bad[6].large_max = TW_SPACE_LARGE_LIMIT + 1u;
    bad[7].cell_shift = 29;
    bad[8].cell_shift_min = 30;
    bad[9].split_above = 1;
    bad[10].merge_below = 17;
    bad[11].kind = (enum tw_space_kind)7;
    for (size_t i = 0; i < 12; i++)
        assert_int_equal(tw_space_footprint(&bad[i]), 0);
    struct tw_space_config deep = small;
    deep.cell_shift = 20;
    deep.cell_shift_min = 7;
    assert_int_equal(tw_space_footprint(&deep), 0);
    /* The widest worlds there are. */
    struct tw_space_config widest = {
        .size = {TW_SPACE_SIZE_MAX, TW_SPACE_SIZE_MAX, TW_SPACE_SIZE_MAX}, .entities_max = 1000};
    assert_true(tw_space_footprint(&widest) > 0);
    widest.kind = TW_SPACE_OCTREE;
    assert_true(tw_space_footprint(&widest) > 0);
}

static void test_handles(void **state)
{
    (void)state;
    struct space_model model;
    struct tw_space_body body = body_at(5, 6, 7);
    struct tw_space_body got;
    start(&model, &small);
    struct tw_space *space = model.space;
    tw_entity entity = tw_entity_make(3, 9);
    tw_entity stale = tw_entity_make(3, 8);
    tw_entity beyond = tw_entity_make(64, 1);
    tw_entity none = {0};
    assert_int_equal(tw_space_move(space, entity, body.at), TW_SPACE_ABSENT);
    assert_int_equal(tw_space_remove(space, entity), TW_SPACE_ABSENT);
    assert_int_equal(tw_space_get(space, entity, &got), TW_SPACE_ABSENT);
    assert_int_equal(tw_space_change(space, entity, &body), TW_SPACE_ABSENT);
    assert_int_equal(tw_space_insert(space, none, &body), TW_SPACE_NO_ENTITY);
    assert_int_equal(tw_space_insert(space, beyond, &body), TW_SPACE_NO_ENTITY);
    assert_int_equal(tw_space_move(space, beyond, body.at), TW_SPACE_NO_ENTITY);
    assert_int_equal(tw_space_insert(space, entity, &body), TW_SPACE_OK);
    assert_int_equal(tw_space_insert(space, entity, &body), TW_SPACE_PRESENT);
    assert_int_equal(tw_space_insert(space, stale, &body), TW_SPACE_PRESENT);
    assert_int_equal(tw_space_move(space, stale, body.at), TW_SPACE_ABSENT);
    assert_int_equal(tw_space_remove(space, stale), TW_SPACE_ABSENT);
    assert_int_equal(tw_space_get(space, entity, &got), TW_SPACE_OK);
    assert_int_equal(got.at.z, 7);
    assert_int_equal(got.faction, 2);
    assert_int_equal(tw_space_population(space), 1);
    assert_int_equal(tw_space_remove(space, entity), TW_SPACE_OK);
    assert_int_equal(tw_space_remove(space, entity), TW_SPACE_ABSENT);
    assert_int_equal(tw_space_population(space), 0);
    space_model_end(&model);
}

static void test_bodies(void **state)
{
    (void)state;
    struct space_model model;
    start(&model, &small);
    struct tw_space_body body = body_at(1, 1, 1);
    tw_entity entity = tw_entity_make(1, 1);
    body.radius = -1;
    assert_int_equal(tw_space_insert(model.space, entity, &body), TW_SPACE_BAD_BODY);
    body.radius = TW_SPACE_SIZE_MAX + 1;
    assert_int_equal(tw_space_insert(model.space, entity, &body), TW_SPACE_BAD_BODY);
    body.radius = 0;
    body.type = TW_SPACE_TYPES;
    assert_int_equal(tw_space_insert(model.space, entity, &body), TW_SPACE_BAD_BODY);
    assert_int_equal(tw_space_population(model.space), 0);
    body.type = 0;
    assert_int_equal(tw_space_insert(model.space, entity, &body), TW_SPACE_OK);
    body.radius = -5;
    assert_int_equal(tw_space_change(model.space, entity, &body), TW_SPACE_BAD_BODY);
    assert_int_equal(tw_space_get(model.space, entity, &body), TW_SPACE_OK);
    assert_int_equal(body.radius, 0);
    space_model_end(&model);
}

/* Outside is the edge, or the other side. */
static void test_edges_of_the_world(void **state)
{
    (void)state;
    static const struct tw_space_point far[] = {{INT32_MIN, INT32_MIN, INT32_MIN},
                                                {INT32_MAX, INT32_MAX, INT32_MAX},
                                                {-1, 1000 * METRE + 1, 50 * METRE + 1}};
    for (uint32_t wraps = 0; wraps < 2; wraps++) {
        struct space_model model;
        struct tw_space_config config = small;
        config.wraps = wraps;
        start(&model, &config);
        tw_entity entity = tw_entity_make(1, 1);
        struct tw_space_body body = body_at(1, 1, 1);
        assert_int_equal(tw_space_insert(model.space, entity, &body), TW_SPACE_OK);
        for (uint32_t i = 0; i < 3; i++) {
            assert_int_equal(tw_space_move(model.space, entity, far[i]), TW_SPACE_OK);
            assert_int_equal(tw_space_get(model.space, entity, &body), TW_SPACE_OK);
            int64_t size = config.size.x;
            int64_t want = far[i].x < 0 ? 0 : size;
            if (wraps)
                want = ((int64_t)far[i].x % size + size) % size;
            assert_int_equal(body.at.x, want);
            assert_int_equal(body.at.z, far[i].z < 0 ? 0 : config.size.z);
        }
        assert_int_equal(tw_space_changes(model.space)->clamped, wraps ? 3 : 9);
        space_model_end(&model);
    }
}

static void test_capacity(void **state)
{
    (void)state;
    struct space_model model;
    start(&model, &small);
    struct tw_space_body body = body_at(1, 1, 1);
    /* All entities there can be are in: only indexes beyond are left. */
    for (uint32_t i = 0; i < small.entities_max; i++) {
        body.at.x = (int32_t)i * 16 * METRE;
        assert_int_equal(tw_space_insert(model.space, tw_entity_make(i, 1), &body), TW_SPACE_OK);
    }
    assert_int_equal(tw_space_insert(model.space, tw_entity_make(64, 1), &body),
                     TW_SPACE_NO_ENTITY);
    /* Large bodies have a limit of their own. */
    body.radius = 20 * METRE;
    assert_int_equal(tw_space_change(model.space, tw_entity_make(1, 1), &body), TW_SPACE_OK);
    assert_int_equal(tw_space_change(model.space, tw_entity_make(2, 1), &body), TW_SPACE_OK);
    struct tw_space_changes before = *tw_space_changes(model.space);
    assert_int_equal(tw_space_change(model.space, tw_entity_make(3, 1), &body), TW_SPACE_FULL);
    assert_int_equal(tw_space_remove(model.space, tw_entity_make(3, 1)), TW_SPACE_OK);
    assert_int_equal(tw_space_insert(model.space, tw_entity_make(3, 1), &body), TW_SPACE_FULL);
    assert_int_equal(tw_space_changes(model.space)->inserts, before.inserts);
    assert_int_equal(tw_space_population(model.space), 63);
    assert_int_equal(tw_space_change(model.space, tw_entity_make(2, 1), &body), TW_SPACE_OK);
    body.radius = 0;
    assert_int_equal(tw_space_change(model.space, tw_entity_make(2, 1), &body), TW_SPACE_OK);
    body.radius = 30 * METRE;
    assert_int_equal(tw_space_insert(model.space, tw_entity_make(3, 1), &body), TW_SPACE_OK);
    tw_space_clear(model.space);
    assert_int_equal(tw_space_population(model.space), 0);
    assert_int_equal(tw_space_insert(model.space, tw_entity_make(3, 1), &body), TW_SPACE_OK);
    space_model_end(&model);
}

static void test_odd_nearest(void **state)
{
    (void)state;
    struct space_model model;
    struct tw_space_hit hits[TW_SPACE_LANES * 4];
    start(&model, &small);
    for (uint32_t i = 0; i < 20; i++) {
        struct tw_space_body body = body_at((int32_t)i * METRE, 0, 0);
        space_model_insert(&model, i, &body);
    }
    struct tw_space_nearest query = {.at = {0, 0, 0}, .distance_max = TW_SPACE_ANY_DISTANCE};
    assert_int_equal(tw_space_nearest(&model.reader, &query, hits), 0);
    query.k = 25;
    assert_int_equal(tw_space_nearest(&model.reader, &query, hits), 20);
    assert_int_equal(hits[19].key, UINT64_C(19) * METRE * 19 * METRE);
    query.k = UINT32_MAX;
    query.distance_max = 0;
    assert_int_equal(tw_space_nearest(&model.reader, &query, hits), 1);
    query.distance_max = -1;
    assert_int_equal(tw_space_nearest(&model.reader, &query, hits), 0);
    query.distance_max = INT32_MIN;
    assert_int_equal(tw_space_nearest(&model.reader, &query, hits), 0);
    query.distance_max = METRE;
    assert_int_equal(tw_space_nearest(&model.reader, &query, hits), 2);
    query.distance_max = TW_SPACE_ANY_DISTANCE;
    query.k = 1;
    query.at = (struct tw_space_point){TW_SPACE_REACH, -TW_SPACE_REACH, TW_SPACE_REACH};
    assert_int_equal(tw_space_nearest(&model.reader, &query, hits), 1);
    assert_int_equal(hits[0].handle, model.handles[19]);
    query.at.x = TW_SPACE_REACH + 1;
    assert_int_equal(tw_space_nearest(&model.reader, &query, hits), 0);
    query.at.x = INT32_MIN;
    assert_int_equal(tw_space_nearest(&model.reader, &query, hits), 0);
    space_model_end(&model);
}

static void test_nothing_in(void **state)
{
    (void)state;
    struct space_model model;
    struct tw_space_hit hit;
    struct tw_space_shape shape;
    start(&model, &small);
    struct tw_space_nearest query = {.k = 5, .distance_max = TW_SPACE_ANY_DISTANCE};
    assert_int_equal(tw_space_nearest(&model.reader, &query, &hit), 0);
    assert_true(tw_space_shape_sphere(&shape, query.at, INT32_MAX));
    assert_int_equal(tw_space_find(&model.reader, &shape, NULL, &hit, 1), 0);
    assert_int_equal(tw_space_count(&model.reader, &shape, NULL), 0);
    assert_true(tw_space_is_clear(&model.reader, query.at, query.at, NULL));
    space_model_end(&model);
}

/* As wide as the world is too wide where the world wraps: one body could be met twice. */
static void test_too_wide(void **state)
{
    (void)state;
    struct space_model model;
    struct tw_space_config config = small;
    struct tw_space_hit hit;
    struct tw_space_shape shape;
    config.wraps = true;
    start(&model, &config);
    struct tw_space_body body = body_at(1, 1, 1);
    space_model_insert(&model, 1, &body);
    tw_space_shape_sphere(&shape, (struct tw_space_point){0, 0, 0}, 500 * METRE);
    assert_int_equal(tw_space_find(&model.reader, &shape, NULL, &hit, 1), TW_SPACE_TOO_WIDE);
    assert_int_equal(tw_space_count(&model.reader, &shape, NULL), TW_SPACE_TOO_WIDE);
    tw_space_shape_sphere(&shape, (struct tw_space_point){0, 0, 0}, 500 * METRE - 1);
    assert_int_equal(tw_space_count(&model.reader, &shape, NULL), 1);
    shape.bodies = true;
    assert_int_equal(tw_space_count(&model.reader, &shape, NULL), TW_SPACE_TOO_WIDE);
    space_model_end(&model);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_configurations), cmocka_unit_test(test_handles),
        cmocka_unit_test(test_bodies),         cmocka_unit_test(test_edges_of_the_world),
        cmocka_unit_test(test_capacity),       cmocka_unit_test(test_odd_nearest),
        cmocka_unit_test(test_nothing_in),     cmocka_unit_test(test_too_wide)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
