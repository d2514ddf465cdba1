/* SPDX-License-Identifier: BSD-3-Clause */
/* The broad phase against all pairs; batches against single questions. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "simulation/space/batch.h"
#include "simulation/space/pairs.h"
#include "tests/unit/simulation/space_model.h"

#define METRE    1024
#define ENTITIES 600u
#define QUERIES  300u

static struct tw_space_config config_of(uint32_t variant)
{
    struct tw_space_config config = {
        .size = {1500 * METRE, 1200 * METRE, 20 * METRE}, .entities_max = ENTITIES, .large_max = 8};
    config.kind = variant == 1 ? TW_SPACE_OCTREE : TW_SPACE_GRID;
    config.wraps = variant == 2;
    return config;
}

static void fill(struct space_model *model, enum space_spread spread, uint32_t variant)
{
    struct tw_space_config config = config_of(variant);
    space_model_start(model, &config, spread, 40u + spread);
    for (uint32_t i = 0; i < 8u * ENTITIES; i++)
        space_model_step(model, ENTITIES - 50u);
}

static int64_t gap(int64_t difference, int64_t size, bool wraps)
{
    difference = difference < 0 ? -difference : difference;
    return wraps && difference > size / 2 ? size - difference : difference;
}

static bool are_close(const struct space_model *model, uint32_t a, uint32_t b, int64_t margin)
{
    const struct tw_space_body *one = &model->bodies[a];
    const struct tw_space_body *two = &model->bodies[b];
    const struct tw_space_config *config = &model->config;
    int64_t x = gap((int64_t)one->at.x - two->at.x, config->size.x, config->wraps);
    int64_t y = gap((int64_t)one->at.y - two->at.y, config->size.y, config->wraps);
    int64_t z = (int64_t)one->at.z - two->at.z;
    int64_t reach = (int64_t)one->radius + two->radius + margin;
    return x * x + y * y + z * z <= reach * reach;
}

static bool are_wanted(const struct space_model *model, const struct tw_space_pairs *query,
                       uint32_t a, uint32_t b)
{
    const struct tw_space_body *one = &model->bodies[a];
    const struct tw_space_body *two = &model->bodies[b];
    uint32_t first = model->handles[a];
    uint32_t second = model->handles[b];
    return (space_model_passes(query->movers, one, first) &&
            space_model_passes(query->others, two, second)) ||
           (space_model_passes(query->movers, two, second) &&
            space_model_passes(query->others, one, first));
}

static int by_key(const void *a, const void *b)
{
    const struct tw_space_hit *one = a;
    const struct tw_space_hit *two = b;
    return one->key < two->key ? -1 : one->key > two->key;
}

static uint32_t brute_pairs(const struct space_model *model, const struct tw_space_pairs *query,
                            struct tw_space_hit *pairs)
{
    uint32_t count = 0;
    for (uint32_t i = 0; i < model->count; i++) {
        for (uint32_t j = 0; j < model->count; j++) {
            uint32_t a = model->live[i];
            uint32_t b = model->live[j];
            if (model->handles[a] < model->handles[b] && are_close(model, a, b, query->margin) &&
                are_wanted(model, query, a, b))
                pairs[count++].key = (uint64_t)model->handles[a] << 32 | model->handles[b];
        }
    }
    qsort(pairs, count, sizeof(*pairs), by_key);
    return count;
}

static void check_pairs(struct space_model *model, const struct tw_space_pairs *query)
{
    static struct tw_space_hit wanted[ENTITIES * ENTITIES];
    static struct tw_space_hit got[ENTITIES * ENTITIES];
    uint32_t count = brute_pairs(model, query, wanted);
    uint32_t capacities[] = {ENTITIES * ENTITIES, count / 2u, 0};
    for (uint32_t i = 0; i < 3; i++) {
        uint32_t found = tw_space_pairs_find(&model->reader, query, got, capacities[i]);
        if (found == TW_SPACE_TOO_WIDE && model->config.wraps)
            return;
        uint32_t kept = count < capacities[i] ? count : capacities[i];
        if (found != count)
            space_model_fail(model, "pairs: not all");
        for (uint32_t pair = 0; pair < kept; pair++) {
            if (got[pair].key != wanted[pair].key)
                space_model_fail(model, "pairs: others");
        }
    }
}

static void test_pairs(void **state)
{
    (void)state;
    for (uint32_t variant = 0; variant < 3; variant++) {
        for (uint32_t spread = 0; spread < SPACE_SPREADS; spread++) {
            struct space_model model;
            struct tw_space_filter movers = {.types = 7};
            struct tw_space_filter living = {.alive = true};
            fill(&model, (enum space_spread)spread, variant);
            check_pairs(&model, &(struct tw_space_pairs){0});
            check_pairs(&model, &(struct tw_space_pairs){3 * METRE, &movers, NULL});
            check_pairs(&model, &(struct tw_space_pairs){METRE, &movers, &living});
            space_model_end(&model);
        }
    }
}

static void test_odd_margins(void **state)
{
    (void)state;
    struct space_model model;
    struct tw_space_hit pair;
    fill(&model, SPACE_POINT, 0);
    struct tw_space_pairs query = {.margin = -1};
    assert_int_equal(tw_space_pairs_find(&model.reader, &query, &pair, 1), 0);
    query.margin = INT32_MAX;
    assert_int_equal(tw_space_pairs_find(&model.reader, &query, &pair, 1), 0);
    query.margin = INT32_C(1) << 24;
    assert_int_equal(tw_space_pairs_find(&model.reader, &query, &pair, 1),
                     model.count * (model.count - 1u) / 2u);
    space_model_end(&model);
}

struct sums {
    uint64_t hash[QUERIES];
    uint32_t count[QUERIES];
    uint32_t now;
};

static void add(struct sums *sums, uint32_t number, const struct tw_space_item *item)
{
    sums->hash[number] += (item->key ^ item->handle * UINT64_C(0x9e3779b97f4a7c15)) +
                          (uint64_t)item->radius * 31u + (uint32_t)item->at.x;
    sums->count[number]++;
}

static void add_batched(void *context, uint32_t number, const struct tw_space_item *item)
{
    add(context, number, item);
}

static bool add_single(void *context, const struct tw_space_item *item)
{
    struct sums *sums = context;
    add(sums, sums->now, item);
    return true;
}

static void check_spheres(struct space_model *model, struct tw_space_batch *batch)
{
    static struct tw_space_ball balls[QUERIES];
    static struct sums batched;
    static struct sums single;
    struct tw_space_filter filter = space_model_filter(model);
    struct tw_space_taker taker = {&filter, add_batched, &batched};
    memset(&batched, 0, sizeof(batched));
    memset(&single, 0, sizeof(single));
    for (uint32_t i = 0; i < QUERIES; i++) {
        balls[i].centre = space_model_somewhere(model);
        balls[i].radius = (int32_t)tw_rng_below(&model->rng, 60 * METRE) - METRE;
    }
    balls[7].centre.x = INT32_MAX;
    assert_true(tw_space_batch_visit(batch, balls, QUERIES, &taker));
    assert_false(tw_space_batch_visit(batch, balls, QUERIES + 1u, &taker));
    for (uint32_t i = 0; i < QUERIES; i++) {
        struct tw_space_shape shape;
        single.now = i;
        tw_space_shape_sphere(&shape, balls[i].centre, balls[i].radius);
        tw_space_visit(&model->reader, &shape, &filter, add_single, &single);
        if (single.count[i] != batched.count[i] || single.hash[i] != batched.hash[i])
            space_model_fail(model, "batch: not what single questions find");
    }
}

static void check_nearest(struct space_model *model, struct tw_space_batch *batch, uint32_t k)
{
    static struct tw_space_nearest queries[QUERIES];
    static struct tw_space_hit hits[QUERIES * 64u];
    static uint32_t counts[QUERIES];
    struct tw_space_hit single[64];
    struct tw_space_filter filters[2] = {space_model_filter(model), {0}};
    for (uint32_t i = 0; i < QUERIES; i++) {
        queries[i] = (struct tw_space_nearest){.at = space_model_somewhere(model),
                                               .k = k,
                                               .distance_max = TW_SPACE_ANY_DISTANCE,
                                               .filter = &filters[1]};
        if (tw_rng_below(&model->rng, 8) == 0)
            queries[i].k = tw_rng_below(&model->rng, k + 1u);
        if (tw_rng_below(&model->rng, 8) == 0)
            queries[i].distance_max = (int32_t)tw_rng_below(&model->rng, 50 * METRE) - METRE;
        if (tw_rng_below(&model->rng, 8) == 0)
            queries[i].filter = &filters[0];
    }
    queries[3].at.y = INT32_MIN;
    assert_true(tw_space_batch_nearest(batch, queries, QUERIES, 64, hits, counts));
    assert_false(tw_space_batch_nearest(batch, queries, QUERIES + 1u, 64, hits, counts));
    for (uint32_t i = 0; i < QUERIES; i++) {
        uint32_t count = tw_space_nearest(&model->reader, &queries[i], single);
        bool same = count == counts[i];
        for (uint32_t hit = 0; same && hit < count; hit++)
            same = single[hit].key == hits[i * 64u + hit].key &&
                   single[hit].handle == hits[i * 64u + hit].handle;
        if (!same)
            space_model_fail(model, "batch: not the nearest that single questions find");
    }
}

static void test_batches(void **state)
{
    (void)state;
    for (uint32_t variant = 0; variant < 3; variant++) {
        for (uint32_t spread = 0; spread < SPACE_SPREADS; spread++) {
            struct space_model model;
            struct tw_space_batch batch;
            struct tw_space_config config = config_of(variant);
            struct tw_arena arena = {0};
            tw_space_batch_carve(&batch, &arena, &config, QUERIES);
            arena = (struct tw_arena){.base = aligned_alloc(64, arena.used)};
            assert_non_null(arena.base);
            void *memory = arena.base;
            tw_space_batch_carve(&batch, &arena, &config, QUERIES);
            fill(&model, (enum space_spread)spread, variant);
            tw_space_batch_init(&batch, &model.reader);
            for (uint32_t round = 0; round < 4; round++) {
                check_spheres(&model, &batch);
                check_nearest(&model, &batch, 10);
                check_nearest(&model, &batch, 60);
            }
            space_model_end(&model);
            free(memory);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_pairs),
                                       cmocka_unit_test(test_odd_margins),
                                       cmocka_unit_test(test_batches)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
