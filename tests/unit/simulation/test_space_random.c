/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The index against brute force: test_space_random SPREAD [grid|octree|far|wrap].
 *
 * By default 1,000,000 random changes and 100,000 random questions with 2,000 entities, and 1,000
 * questions with 100,000; ten times that with TICKWIRE_LONG set, a tenth under a sanitizer, where
 * each costs eight times as much. `far`: a grid of 64 m cells over 131 km, whose hash is chained;
 * `wrap`: a world without edges.
 */
#include "tests/unit/simulation/space_model.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define METRE 1024

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define SHARE 10u
#else
#define SHARE 1u
#endif

#define CHANGES         1000000u
#define QUESTIONS       100000u
#define FEW             2000u
#define QUESTIONS_LARGE 1000u
#define MANY            100000u
#define VALID_EVERY     20000u

static struct tw_space_config config_for(const char *kind, uint32_t entities)
{
    struct tw_space_config config = {.size = {10000 * METRE, 10000 * METRE, 60 * METRE},
                                     .entities_max = entities,
                                     .large_max = 64};
    if (strcmp(kind, "octree") == 0) {
        config.kind = TW_SPACE_OCTREE;
    } else if (strcmp(kind, "far") == 0) {
        config.size = (struct tw_space_point){TW_SPACE_SIZE_MAX, TW_SPACE_SIZE_MAX, 60 * METRE};
        config.cell_shift = 16;
    } else if (strcmp(kind, "wrap") == 0) {
        config.size = (struct tw_space_point){2001 * METRE + 7, 1500 * METRE, 60 * METRE};
        config.wraps = true;
    } else if (strcmp(kind, "grid") != 0) {
        fprintf(stderr, "no such kind: %s\n", kind);
        exit(2);
    }
    return config;
}

static void run_few(const char *kind, enum space_spread spread, uint32_t times, uint64_t seed)
{
    struct space_model model;
    struct tw_space_config config = config_for(kind, FEW + FEW / 2u);
    uint32_t changes = CHANGES / SHARE * times;
    uint32_t questions = QUESTIONS / SHARE * times;
    uint32_t asked = 0;
    space_model_start(&model, &config, spread, seed);
    for (uint32_t i = 0; i < changes; i++) {
        space_model_step(&model, FEW);
        if (i % VALID_EVERY == 0)
            space_model_check_valid(&model);
        for (; (uint64_t)asked * changes < (uint64_t)i * questions; asked++)
            space_model_check_query(&model);
    }
    space_model_check_valid(&model);
    while (model.count > 0)
        space_model_remove(&model, model.live[model.count - 1u]);
    space_model_check_valid(&model);
    space_model_end(&model);
}

static void run_many(const char *kind, enum space_spread spread, uint32_t times, uint64_t seed)
{
    struct space_model model;
    struct tw_space_config config = config_for(kind, MANY);
    uint32_t questions = QUESTIONS_LARGE / SHARE * times;
    space_model_start(&model, &config, spread, seed);
    for (uint32_t i = 0; i < MANY; i++) {
        struct tw_space_body body = space_model_body(&model);
        model.steps++;
        space_model_insert(&model, i, &body);
    }
    space_model_check_valid(&model);
    for (uint32_t asked = 0; asked < questions; asked++) {
        for (uint32_t i = 0; i < 100u; i++)
            space_model_step(&model, MANY);
        space_model_check_query(&model);
    }
    space_model_check_valid(&model);
    space_model_end(&model);
}

int main(int argc, char **argv)
{
    const char *kind = argc > 2 ? argv[2] : "grid";
    uint32_t times = getenv("TICKWIRE_LONG") ? 10u : 1u;
    for (uint32_t spread = 0; argc > 1 && spread < SPACE_SPREADS; spread++) {
        if (strcmp(argv[1], space_spread_names[spread]) != 0)
            continue;
        uint64_t seed = spread + 1u;
        run_few(kind, (enum space_spread)spread, times, seed);
        run_many(kind, (enum space_spread)spread, times, seed);
        return 0;
    }
    fprintf(stderr, "usage: test_space_random SPREAD [grid|octree|far|wrap]\n");
    return 2;
}
