/* SPDX-License-Identifier: BSD-3-Clause */
#include "tests/bench/space_movers.h"

#include "simulation/shard/movement.h"
#include "tests/bench/measure.h"
#include "tests/bench/output.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define ENTITIES  100000u
#define OBSTACLES 1000u
#define TICK_HZ   60u
/* Until those who started apart have met. */
#define TICKS_BEFORE 60u
/* What movement looks around with: a step, and what it adds for gaps and rounding. */
#define REACH (TW_SPEED_MAX / TICK_HZ + 5u)

static const struct {
    const char *name;
    const char *setup;
    uint32_t size_m, moving_percent;
} scenes[] = {
    {"sparse", "100,000 entities in 10 x 10 km, a tenth of them move", 10000, 10},
    {"busy", "100,000 entities in 10 x 10 km, all but obstacles move", 10000, 100},
};

/* Two worlds in step: `asking` has no broad phase. */
struct pair {
    struct tw_shard_config config;
    struct tw_world found, asking;
    void *memory[2];
    uint32_t tick;
};

static void *start(struct tw_world *world, const struct tw_shard_config *config)
{
    struct tw_arena arena = {0};
    tw_world_carve(world, &arena, config);
    void *memory = aligned_alloc(64, arena.used);
    if (!memory)
        abort();
    memset(memory, 0, arena.used);
    arena = (struct tw_arena){.base = memory};
    tw_world_carve(world, &arena, config);
    tw_world_init(world);
    return memory;
}

static double step(struct tw_world *world, uint32_t tick)
{
    static tw_counter figures[TW_SPACE_FIGURE_COUNT];
    uint64_t from = measure_now_ns();
    tw_movement_step(world, tick);
    double took = (double)(measure_now_ns() - from) / 1e6;
    tw_index_tend(&world->index, &world->entities, figures);
    return took;
}

static double find(struct tw_candidates *candidates, int32_t margin)
{
    uint64_t from = measure_now_ns();
    tw_space_pairs_find(&candidates->index->pairs, candidates->movers, candidates->count, margin);
    return (double)(measure_now_ns() - from) / 1e6;
}

/* The questions movement would ask, of the same movers where they stand. */
static double ask(struct tw_world *world)
{
    const struct tw_entities *entities = &world->entities;
    const struct tw_candidates *candidates = &world->candidates;
    uint64_t sum = 0;
    uint64_t from = measure_now_ns();
    for (uint32_t i = 0; i < candidates->count; i++) {
        uint32_t index = tw_entity_index((tw_entity){.bits = candidates->movers[i]});
        sum += tw_index_near(&world->index, entities->x[index], entities->y[index],
                             entities->radius[index] + TW_OBSTACLE_RADIUS_MAX + REACH);
    }
    double took = (double)(measure_now_ns() - from) / 1e6;
    __asm__ volatile("" : : "r"(sum));
    return took;
}

/* A row, the same without broad phase, and how many times longer that takes. */
static void told(const char *scene, const char *what, double times[2][256], uint32_t count,
                 const char *text)
{
    char metric[96];
    double found = measure_median(times[0], count);
    double asking = measure_median(times[1], count);
    snprintf(metric, sizeof(metric), "space.%s.%s", what, scene);
    tw_bench_print(metric, found, "ms", text);
    snprintf(metric, sizeof(metric), "space.%s.%s.asking", what, scene);
    tw_bench_print(metric, asking, "ms", "each mover asks the index");
    snprintf(metric, sizeof(metric), "space.%s.%s.ratio", what, scene);
    tw_bench_print(metric, asking / found, "x", "the two in turns, medians");
}

static void measure(uint32_t at, const struct tw_space_kernels *kernels, uint32_t repetitions)
{
    struct pair pair = {.config = {.seed = 5,
                                   .size_m = scenes[at].size_m,
                                   .players_max = 1,
                                   .entities_max = ENTITIES,
                                   .npcs = ENTITIES - OBSTACLES,
                                   .npcs_moving_percent = scenes[at].moving_percent,
                                   .obstacles = OBSTACLES,
                                   .tick_hz = TICK_HZ,
                                   .kernels = kernels}};
    double pairs[2][256];
    double steps[2][256];
    char text[256];
    pair.memory[0] = start(&pair.found, &pair.config);
    pair.memory[1] = start(&pair.asking, &pair.config);
    pair.asking.candidates.movers_max = 0;
    for (uint32_t i = 0; i < TICKS_BEFORE + repetitions; i++) {
        uint32_t round = i < TICKS_BEFORE ? 0 : i - TICKS_BEFORE;
        pair.tick++;
        steps[0][round] = step(&pair.found, pair.tick);
        steps[1][round] = step(&pair.asking, pair.tick);
    }
    if (tw_world_hash(&pair.found) != tw_world_hash(&pair.asking))
        abort();
    for (uint32_t round = 0; round < repetitions; round++) {
        pairs[0][round] = find(&pair.found.candidates, 2 * (int32_t)REACH);
        pairs[1][round] = ask(&pair.found);
    }
    snprintf(text, sizeof(text), "%s; %u movers, %u found close to them", scenes[at].setup,
             pair.found.candidates.count, pair.found.index.pairs.found);
    told(scenes[at].name, "pairs", pairs, repetitions, text);
    told(scenes[at].name, "movement", steps, repetitions, scenes[at].setup);
    free(pair.memory[0]);
    free(pair.memory[1]);
}

void space_measure_movers(const struct tw_space_kernels *kernels, uint32_t repetitions)
{
    for (uint32_t at = 0; at < sizeof(scenes) / sizeof(scenes[0]); at++)
        measure(at, kernels, repetitions);
}
