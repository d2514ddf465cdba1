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
    config.wraps = variant >= 2;
    return config;
}

static void fill(struct space_model *model, enum space_spread spread, uint32_t variant)
{
    struct tw_space_config config = config_of(variant);
    space_model_start(model, &config, spread, 40u + spread);
    model->bodies_small = variant == 2;
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

/* A pairs of its own beside the model's reader. */
static void *start_pairs(struct tw_space_pairs *pairs, struct space_model *model,
                         uint32_t others_max)
{
    struct tw_arena arena = {0};
    tw_space_pairs_carve(pairs, &arena, &model->config, ENTITIES, others_max);
    void *memory = aligned_alloc(64, arena.used);
    assert_non_null(memory);
    arena = (struct tw_arena){.base = memory};
    tw_space_pairs_carve(pairs, &arena, &model->config, ENTITIES, others_max);
    tw_space_pairs_init(pairs, &model->reader);
    return memory;
}

static int by_value(const void *a, const void *b)
{
    uint32_t one = *(const uint32_t *)a;
    uint32_t two = *(const uint32_t *)b;
    return one < two ? -1 : one > two;
}

/* Everybody close to one, by handle. */
static uint32_t brute_row(const struct space_model *model, uint32_t mover, int64_t margin,
                          uint32_t row[ENTITIES])
{
    uint32_t count = 0;
    uint32_t index = tw_entity_index((tw_entity){.bits = mover});
    for (uint32_t i = 0; i < model->count; i++) {
        uint32_t other = model->live[i];
        if (other != index && are_close(model, index, other, margin))
            row[count++] = model->handles[other];
    }
    qsort(row, count, sizeof(*row), by_value);
    return count;
}

/* Some of those that are in, in any order. */
static uint32_t choose_movers(struct space_model *model, uint32_t one_in, uint32_t movers[ENTITIES])
{
    uint32_t count = 0;
    for (uint32_t i = 0; i < model->count; i++) {
        if (tw_rng_below(&model->rng, one_in) == 0)
            movers[count++] = model->handles[model->live[i]];
    }
    for (uint32_t i = count; i > 1; i--) {
        uint32_t other = tw_rng_below(&model->rng, i);
        uint32_t kept = movers[i - 1u];
        movers[i - 1u] = movers[other];
        movers[other] = kept;
    }
    return count;
}

struct tally {
    uint32_t rows, others, left_out;
};

/* Rows are complete, in order and beside each other, or left out for a reason. */
static void check_pairs(struct space_model *model, struct tw_space_pairs *pairs, uint32_t one_in,
                        int32_t margin, struct tally *tally)
{
    static uint32_t movers[ENTITIES];
    static uint32_t wanted[ENTITIES];
    uint32_t count = choose_movers(model, one_in, movers);
    uint32_t found = 0;
    uint32_t left_out = 0;
    /* Large bodies are too wide for worlds that wrap, when they come to the edge. */
    bool excused = model->config.wraps && !model->bodies_small;
    tw_space_pairs_find(pairs, movers, count, margin);
    for (uint32_t i = 0; i < count; i++) {
        const struct tw_space_row *row = &pairs->rows[i];
        uint32_t close = brute_row(model, movers[i], margin, wanted);
        if (row->count == TW_SPACE_ROW_NONE) {
            left_out++;
            if (close <= TW_SPACE_ROW_MAX && close <= pairs->others_max - pairs->found && !excused)
                space_model_fail(model, "pairs: a row left out that has room");
            continue;
        }
        if (row->count != close || close > TW_SPACE_ROW_MAX)
            space_model_fail(model, "pairs: not all of a row");
        if (memcmp(&pairs->others[row->first], wanted, close * sizeof(*wanted)) != 0)
            space_model_fail(model, "pairs: others, or not in order");
        found += close;
    }
    assert_int_equal(pairs->found, found);
    assert_int_equal(pairs->left_out, left_out);
    tally->rows += count - left_out;
    tally->others += found;
    tally->left_out += left_out;
}

static void test_pairs(void **state)
{
    (void)state;
    struct tally tally = {0};
    for (uint32_t variant = 0; variant < 4; variant++) {
        for (uint32_t spread = 0; spread < SPACE_SPREADS; spread++) {
            struct space_model model;
            struct tw_space_pairs pairs;
            struct tw_space_pairs tight;
            fill(&model, (enum space_spread)spread, variant);
            void *memory = start_pairs(&pairs, &model, ENTITIES * TW_SPACE_ROW_MAX);
            void *little = start_pairs(&tight, &model, ENTITIES / 4u);
            for (int32_t margin = 0; margin <= 9 * METRE; margin += 3 * METRE) {
                check_pairs(&model, &pairs, 1, margin, &tally);
                check_pairs(&model, &pairs, 10, margin, &tally);
                check_pairs(&model, &tight, 2, margin, &(struct tally){0});
            }
            free(memory);
            free(little);
            space_model_end(&model);
        }
    }
    assert_true(tally.rows > 10000 && tally.others > 10000 && tally.left_out > 1000);
}

/* All of a dense crowd on one spot are each other's: no row, but no time either. */
static void test_odd_pairs(void **state)
{
    (void)state;
    struct space_model model;
    struct tw_space_pairs pairs;
    fill(&model, SPACE_UNIFORM, 0);
    void *memory = start_pairs(&pairs, &model, ENTITIES * TW_SPACE_ROW_MAX);
    tw_space_pairs_find(&pairs, NULL, 0, 0);
    assert_int_equal(pairs.found, 0);
    struct tally tally = {0};
    check_pairs(&model, &pairs, 1, INT32_C(1) << 24, &tally);
    assert_int_equal(tally.left_out, model.count);
    free(memory);
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
    struct tw_space_nearest_job job = {queries, QUERIES, 64, hits, counts};
    assert_true(tw_space_batch_nearest(batch, &job));
    job.count = QUERIES + 1u;
    assert_false(tw_space_batch_nearest(batch, &job));
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
                                       cmocka_unit_test(test_odd_pairs),
                                       cmocka_unit_test(test_batches)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
