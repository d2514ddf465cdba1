/* SPDX-License-Identifier: BSD-3-Clause */
#include "tests/bench/space_scene.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define CROWD 10000u

static void *take(size_t count, size_t size)
{
    size_t bytes = (count * size + 63u) / 64u * 64u;
    void *memory = aligned_alloc(64, bytes);
    if (!memory) {
        perror("space: memory");
        exit(1);
    }
    memset(memory, 0, bytes);
    return memory;
}

static struct tw_space_point in_square(struct scene *scene, int32_t side)
{
    int32_t low = (scene->plan.side - side) / 2;
    return (struct tw_space_point){low + (int32_t)tw_rng_below(&scene->rng, (uint32_t)side + 1u),
                                   low + (int32_t)tw_rng_below(&scene->rng, (uint32_t)side + 1u),
                                   0};
}

static struct tw_space_point entity_place(struct scene *scene, uint32_t i)
{
    uint32_t crowd = CROWD < scene->plan.entities ? CROWD : scene->plan.entities;
    switch (scene->plan.spread) {
    case SCENE_TOWN:
        return in_square(scene, i % 5u == 0 ? 1000 * SCENE_METRE : scene->plan.side);
    case SCENE_HOTSPOT:
        return in_square(scene, i < crowd ? 100 * SCENE_METRE : scene->plan.side);
    case SCENE_POINT:
        return in_square(scene, i < crowd ? 0 : scene->plan.side);
    default:
        return in_square(scene, scene->plan.side);
    }
}

static struct tw_space_point asking_place(struct scene *scene, uint32_t i)
{
    switch (scene->plan.spread) {
    case SCENE_TOWN:
        return in_square(scene, i % 2u == 0 ? 1000 * SCENE_METRE : scene->plan.side);
    case SCENE_HOTSPOT:
        return in_square(scene, 100 * SCENE_METRE);
    case SCENE_POINT:
        return in_square(scene, 0);
    default:
        return in_square(scene, scene->plan.side);
    }
}

static void make_bodies(struct scene *scene)
{
    uint32_t count = scene->plan.entities;
    for (uint32_t i = 0; i < count; i++) {
        scene->bodies[i] = (struct tw_space_body){
            .at = entity_place(scene, i), .radius = 512, .type = (uint8_t)(1u + i % 3u)};
    }
    /* The order of memory must not be that of places. */
    for (uint32_t i = count; i > 1; i--) {
        uint32_t other = tw_rng_below(&scene->rng, i);
        struct tw_space_body kept = scene->bodies[i - 1u];
        scene->bodies[i - 1u] = scene->bodies[other];
        scene->bodies[other] = kept;
    }
    for (uint32_t i = 0; i < count; i++) {
        scene->x[i] = scene->bodies[i].at.x;
        scene->y[i] = scene->bodies[i].at.y;
        scene->z[i] = scene->bodies[i].at.z;
        scene->radius[i] = scene->bodies[i].radius;
    }
    for (uint32_t i = 0; i < SCENE_PLACES; i++)
        scene->places[i] = asking_place(scene, i);
}

void scene_insert_all(struct scene *scene)
{
    for (uint32_t i = 0; i < scene->plan.entities; i++)
        tw_space_insert(scene->space, scene_entity(i), &scene->bodies[i]);
}

void scene_start(struct scene *scene, const struct scene_plan *plan)
{
    struct tw_space_config config = {.kind = plan->kind,
                                     .size = {plan->side, plan->side, 0},
                                     .wraps = plan->wraps,
                                     .entities_max = plan->entities,
                                     .large_max = 256};
    struct tw_arena arena = {0};
    *scene = (struct scene){.plan = *plan, .index_bytes = tw_space_footprint(&config)};
    tw_rng_seed(&scene->rng, 1 + plan->spread);
    scene->bodies = take(plan->entities, sizeof(*scene->bodies));
    scene->x = take(plan->entities, sizeof(*scene->x));
    scene->y = take(plan->entities, sizeof(*scene->y));
    scene->z = take(plan->entities, sizeof(*scene->z));
    scene->radius = take(plan->entities, sizeof(*scene->radius));
    scene->places = take(SCENE_PLACES, sizeof(*scene->places));
    scene->hits = take(plan->entities + SCENE_PLACES * 64u, sizeof(*scene->hits));
    make_bodies(scene);
    for (uint32_t pass = 0; pass < 2; pass++) {
        scene->space = tw_space_carve(&arena, &config);
        tw_space_reader_carve(&scene->reader, &arena, SCENE_NEAREST_MAX);
        tw_space_batch_carve(&scene->batch, &arena, &config, SCENE_PLACES);
        if (pass == 0) {
            scene->memory = take(arena.used, 1);
            arena = (struct tw_arena){.base = scene->memory};
        }
    }
    tw_space_reader_init(&scene->reader, scene->space, plan->kernels);
    tw_space_batch_init(&scene->batch, &scene->reader);
    scene_insert_all(scene);
}

void scene_end(struct scene *scene)
{
    free(scene->bodies);
    free(scene->x);
    free(scene->y);
    free(scene->z);
    free(scene->radius);
    free(scene->places);
    free(scene->hits);
    free(scene->memory);
}
