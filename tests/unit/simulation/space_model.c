/* SPDX-License-Identifier: BSD-3-Clause */
#include "tests/unit/simulation/space_model.h"

#include "simulation/space/validate.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define METRE 1024

const char *const space_spread_names[SPACE_SPREADS] = {"uniform", "clustered", "line",     "point",
                                                       "edges",   "storeys",   "migrating"};

void space_model_fail(const struct space_model *model, const char *what)
{
    fprintf(stderr, "%s: spread %s, seed %llu, step %llu, %u in\n", what,
            space_spread_names[model->spread], (unsigned long long)model->seed,
            (unsigned long long)model->steps, model->count);
    abort();
}

static void *take(size_t count, size_t size)
{
    void *memory = calloc(count, size);
    if (!memory)
        abort();
    return memory;
}

void space_model_start(struct space_model *model, const struct tw_space_config *config,
                       enum space_spread spread, uint64_t seed)
{
    *model = (struct space_model){.config = *config, .spread = spread, .seed = seed};
    tw_rng_seed(&model->rng, seed);
    model->capacity = config->entities_max;
    model->bodies = take(model->capacity, sizeof(*model->bodies));
    model->handles = take(model->capacity, sizeof(*model->handles));
    model->generations = take(model->capacity, 1);
    model->live = take(model->capacity, sizeof(*model->live));
    model->live_at = take(model->capacity, sizeof(*model->live_at));
    model->hits = take(model->capacity, sizeof(*model->hits));
    struct tw_arena arena = {0};
    tw_space_carve(&arena, config);
    tw_space_reader_carve(&model->reader, &arena, SPACE_MODEL_NEAREST_MAX);
    model->memory = aligned_alloc(64, arena.used);
    if (!model->memory)
        abort();
    memset(model->memory, 0, arena.used);
    arena = (struct tw_arena){.base = model->memory};
    model->space = tw_space_carve(&arena, config);
    tw_space_reader_carve(&model->reader, &arena, SPACE_MODEL_NEAREST_MAX);
    tw_space_reader_init(&model->reader, model->space, NULL);
}

void space_model_end(struct space_model *model)
{
    free(model->bodies);
    free(model->handles);
    free(model->generations);
    free(model->live);
    free(model->live_at);
    free(model->hits);
    free(model->memory);
}

static int32_t below(struct space_model *model, int32_t bound)
{
    return (int32_t)tw_rng_below(&model->rng, (uint32_t)bound + 1u);
}

/* One of sixteen towns; most stand within 40 m of its middle, the others within 400 m. */
static struct tw_space_point clustered(struct space_model *model)
{
    struct tw_rng towns;
    const struct tw_space_point *size = &model->config.size;
    tw_rng_seed(&towns, tw_rng_below(&model->rng, 16));
    int32_t radius = tw_rng_below(&model->rng, 4) ? 40 * METRE : 400 * METRE;
    return (struct tw_space_point){
        (int32_t)tw_rng_below(&towns, (uint32_t)size->x) + below(model, 2 * radius) - radius,
        (int32_t)tw_rng_below(&towns, (uint32_t)size->y) + below(model, 2 * radius) - radius,
        below(model, size->z)};
}

/* On the world's edges and on the borders of cells, give or take one. */
static int32_t edge(struct space_model *model, int32_t size)
{
    int32_t cell = INT32_C(1) << (10u + tw_rng_below(&model->rng, 8));
    int32_t border = below(model, size / cell) * cell;
    switch (tw_rng_below(&model->rng, 4)) {
    case 0:
        return below(model, 1);
    case 1:
        return size - below(model, 1);
    default:
        return border + below(model, 2) - 1;
    }
}

struct tw_space_point space_model_place(struct space_model *model)
{
    const struct tw_space_point *size = &model->config.size;
    struct tw_space_point at = {below(model, size->x), below(model, size->y),
                                below(model, size->z)};
    switch (model->spread) {
    case SPACE_CLUSTERED:
        at = clustered(model);
        break;
    case SPACE_LINE:
        at.y = at.x / 2;
        at.z = 0;
        break;
    case SPACE_POINT:
        at = (struct tw_space_point){size->x / 3, size->y / 3, size->z / 3};
        break;
    case SPACE_EDGES:
        at = (struct tw_space_point){edge(model, size->x), edge(model, size->y),
                                     size->z ? edge(model, size->z) : 0};
        break;
    case SPACE_STOREYS:
        /* A tower of 200 x 200 m, floors of 4 m. */
        at.x = size->x / 2 + at.x % (200 * METRE);
        at.y = size->y / 2 + at.y % (200 * METRE);
        at.z -= at.z % (4 * METRE);
        break;
    case SPACE_MIGRATING:
        /* A crowd of 100 x 100 m whose middle crosses the map. */
        at.x = (int32_t)(model->steps * 37u % (uint64_t)size->x) + at.x % (100 * METRE);
        at.y = (int32_t)(model->steps * 23u % (uint64_t)size->y) + at.y % (100 * METRE);
        break;
    default:
        break;
    }
    return at;
}

struct tw_space_body space_model_body(struct space_model *model)
{
    struct tw_space_body body = {.at = space_model_place(model),
                                 .type = (uint8_t)tw_rng_below(&model->rng, 6),
                                 .faction = (uint8_t)tw_rng_below(&model->rng, 3),
                                 .dead = tw_rng_below(&model->rng, 8) == 0};
    switch (tw_rng_below(&model->rng, 16)) {
    case 0:
        body.radius = TW_SPACE_SMALL_RADIUS;
        break;
    case 1:
        if (!model->bodies_small && model->large < model->config.large_max)
            body.radius = TW_SPACE_SMALL_RADIUS + 1 + below(model, 300 * METRE);
        break;
    case 2:
        break;
    default:
        body.radius = 512 + below(model, 2 * METRE);
    }
    return body;
}

static int32_t into_axis(int32_t value, int32_t size, bool wraps)
{
    if (wraps) {
        while (value < 0)
            value += size;
        while (value >= size)
            value -= size;
        return value;
    }
    if (value < 0)
        return 0;
    return value > size ? size : value;
}

static struct tw_space_point into_world(const struct space_model *model, struct tw_space_point at)
{
    const struct tw_space_config *config = &model->config;
    return (struct tw_space_point){into_axis(at.x, config->size.x, config->wraps),
                                   into_axis(at.y, config->size.y, config->wraps),
                                   into_axis(at.z, config->size.z, false)};
}

static bool is_large(const struct tw_space_body *body)
{
    return body->radius > TW_SPACE_SMALL_RADIUS;
}

void space_model_insert(struct space_model *model, uint32_t index, const struct tw_space_body *body)
{
    uint8_t generation = (uint8_t)(model->generations[index] + 1u);
    model->generations[index] = generation ? generation : 1u;
    tw_entity entity = tw_entity_make(index, model->generations[index]);
    if (tw_space_insert(model->space, entity, body) != TW_SPACE_OK)
        space_model_fail(model, "insert refused");
    model->handles[index] = entity.bits;
    model->bodies[index] = *body;
    model->bodies[index].at = into_world(model, body->at);
    model->live_at[index] = model->count;
    model->live[model->count++] = index;
    model->large += is_large(body);
}

void space_model_remove(struct space_model *model, uint32_t index)
{
    if (tw_space_remove(model->space, (tw_entity){model->handles[index]}) != TW_SPACE_OK)
        space_model_fail(model, "remove refused");
    uint32_t last = model->live[--model->count];
    model->live[model->live_at[index]] = last;
    model->live_at[last] = model->live_at[index];
    model->handles[index] = 0;
    model->large -= is_large(&model->bodies[index]);
}

void space_model_move(struct space_model *model, uint32_t index, struct tw_space_point to)
{
    if (tw_space_move(model->space, (tw_entity){model->handles[index]}, to) != TW_SPACE_OK)
        space_model_fail(model, "move refused");
    model->bodies[index].at = into_world(model, to);
}

static void change(struct space_model *model, uint32_t index)
{
    struct tw_space_body body = space_model_body(model);
    if (tw_space_change(model->space, (tw_entity){model->handles[index]}, &body) != TW_SPACE_OK)
        space_model_fail(model, "change refused");
    model->large -= is_large(&model->bodies[index]);
    model->large += is_large(&body);
    body.at = into_world(model, body.at);
    model->bodies[index] = body;
}

void space_model_step(struct space_model *model, uint32_t wanted)
{
    uint32_t index = tw_rng_below(&model->rng, model->capacity);
    uint32_t choice = tw_rng_below(&model->rng, 16);
    model->steps++;
    if (model->handles[index] == 0) {
        struct tw_space_body body = space_model_body(model);
        if (choice < 8 || model->count < wanted)
            space_model_insert(model, index, &body);
        return;
    }
    struct tw_space_point to = model->bodies[index].at;
    if (choice < 2 || (choice < 5 && model->count > wanted)) {
        space_model_remove(model, index);
    } else if (choice < 6) {
        change(model, index);
    } else if (choice < 9) {
        space_model_move(model, index, space_model_place(model));
    } else {
        /* A step of up to 8 m. */
        to.x += below(model, 16 * METRE) - 8 * METRE;
        to.y += below(model, 16 * METRE) - 8 * METRE;
        to.z += model->config.size.z ? below(model, 2 * METRE) - METRE : 0;
        space_model_move(model, index, to);
    }
    if (model->steps % 64u == 0)
        tw_space_tend(model->space, 16);
}

void space_model_check_valid(struct space_model *model)
{
    struct tw_space_figures figures;
    struct tw_space_verdict verdict = tw_space_validate(model->space, &figures);
    if (verdict.faults != 0) {
        fprintf(stderr, "%s (%u)\n", tw_space_fault_text(verdict.first), verdict.subject);
        space_model_fail(model, "index not consistent");
    }
    if (figures.entities != model->count || figures.large != model->large)
        space_model_fail(model, "entities lost or doubled");
    for (uint32_t i = 0; i < model->count; i++) {
        uint32_t index = model->live[i];
        struct tw_space_body body;
        const struct tw_space_body *wanted = &model->bodies[index];
        if (tw_space_get(model->space, (tw_entity){model->handles[index]}, &body) != TW_SPACE_OK ||
            tw_space_squared(body.at, wanted->at) != 0 || body.radius != wanted->radius ||
            body.type != wanted->type || body.faction != wanted->faction ||
            body.dead != wanted->dead)
            space_model_fail(model, "an entity is not what it was made");
    }
}
