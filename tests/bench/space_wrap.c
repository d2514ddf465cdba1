/* SPDX-License-Identifier: BSD-3-Clause */
#include "tests/bench/space_wrap.h"

#include "tests/bench/measure.h"
#include "tests/bench/output.h"
#include "tests/bench/space_rows.h"

#include <stdio.h>

/* Whole cells of 64 m, as a world without edges must have. */
#define SIDE     (156 * 64 * SCENE_METRE)
#define ENTITIES 100000u
#define CALLS    2000u
/* Nothing that is asked here reaches further. */
#define REACH (100 * SCENE_METRE)

enum { WITH_EDGES, WRAPS, WORLDS };

enum place {
    MIDDLE, /* no question comes near an edge */
    EDGE,   /* all questions reach across one of the four: in a world with edges, into nothing */
    PLACES,
};

static const struct {
    const char *name;
    const char *setup;
} places[PLACES] = {
    {"middle", "100,000 entities uniform in 9,984 x 9,984 m, asked away from the edges, one core"},
    {"edge", "the same crowd, asked within 20 m of an edge"},
};

static void ask_from(struct scene *scene, enum place place)
{
    struct tw_rng rng;
    tw_rng_seed(&rng, 7);
    for (uint32_t i = 0; i < SCENE_PLACES; i++) {
        uint32_t inner = (uint32_t)(SIDE - 4 * REACH);
        struct tw_space_point at = {2 * REACH + (int32_t)tw_rng_below(&rng, inner),
                                    2 * REACH + (int32_t)tw_rng_below(&rng, inner), 0};
        int32_t *axis = i % 2u == 0 ? &at.x : &at.y;
        int32_t off = (int32_t)tw_rng_below(&rng, 20u * SCENE_METRE);
        if (place == EDGE)
            *axis = i / 2u % 2u == 0 ? off : SIDE - 1 - off;
        scene->places[i] = at;
    }
}

/* In turns, so that both have the same neighbours on the machine. */
static void measure_row(struct scene scenes[WORLDS], enum place place, const struct row *row,
                        uint32_t repetitions)
{
    double times[WORLDS][256];
    double us[WORLDS];
    char metric[96];
    if (repetitions > 255)
        repetitions = 255;
    for (uint32_t i = 0; i < repetitions; i++) {
        for (uint32_t world = 0; world < WORLDS; world++)
            times[world][i] = space_time_ns(&scenes[world], row->ask, CALLS, 1);
    }
    for (uint32_t world = 0; world < WORLDS; world++) {
        us[world] = measure_median(times[world], repetitions) / 1e3;
        snprintf(metric, sizeof(metric), "space.%s.%s%s", row->name, places[place].name,
                 world == WRAPS ? ".wraps" : "");
        tw_bench_print(metric, us[world], "us", places[place].setup);
    }
    snprintf(metric, sizeof(metric), "space.%s.%s.wraps.ratio", row->name, places[place].name);
    tw_bench_print(metric, us[WRAPS] / us[WITH_EDGES], "x",
                   place == MIDDLE ? "against the same world with edges, in turns"
                                   : "the same; the world with edges has half as much to find");
}

void space_measure_wrap(const struct tw_space_kernels *kernels, uint32_t repetitions)
{
    static const uint32_t asked[] = {ROW_NEAREST_10, ROW_RADIUS_100, ROW_RADIUS_100_VISIT,
                                     ROW_BOX_100,    ROW_SWEEP,      ROW_SIGHT};
    static struct scene scenes[WORLDS];
    for (uint32_t world = 0; world < WORLDS; world++) {
        struct scene_plan plan = {.spread = SCENE_UNIFORM,
                                  .kind = TW_SPACE_GRID,
                                  .wraps = world == WRAPS,
                                  .entities = ENTITIES,
                                  .side = SIDE,
                                  .kernels = kernels};
        scene_start(&scenes[world], &plan);
    }
    for (uint32_t place = 0; place < PLACES; place++) {
        for (uint32_t world = 0; world < WORLDS; world++)
            ask_from(&scenes[world], (enum place)place);
        for (uint32_t i = 0; i < sizeof(asked) / sizeof(asked[0]); i++)
            measure_row(scenes, (enum place)place, &rows[asked[i]], repetitions);
    }
    for (uint32_t world = 0; world < WORLDS; world++)
        scene_end(&scenes[world]);
}
