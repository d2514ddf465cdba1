/* SPDX-License-Identifier: BSD-3-Clause */
#include "tests/sim/server/scenario.h"

#include "tests/sim/seeds_most.h"
#include "tests/sim/server/server.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define SEED_DISTANCE 7919u

static bool is_long;

bool scenario_is_long(void)
{
    return is_long;
}

static double cpu_seconds(void)
{
    return (double)clock() / CLOCKS_PER_SEC;
}

static void run(const struct scenario *scenario, uint64_t first_seed, uint32_t seeds)
{
    double begun = cpu_seconds();
    for (uint32_t i = 0; i < seeds; i++)
        scenario->run(scenario->name, first_seed + (uint64_t)i * SEED_DISTANCE);
    if (scenario->report)
        scenario->report(scenario->name);
    printf("ok: %s, %u seeds, %.1f s\n", scenario->name, seeds, cpu_seconds() - begun);
}

int scenario_main(int argc, char **argv, const struct scenario *scenarios, uint32_t count)
{
    const char *only = NULL;
    uint64_t first_seed = 1;
    uint32_t seeds = 0, ran = 0;
    for (int i = 1; i < argc; i++) {
        bool has_value = i + 1 < argc;
        if (strcmp(argv[i], "--long") == 0)
            is_long = true;
        else if (strcmp(argv[i], "--seeds") == 0 && has_value)
            seeds = (uint32_t)strtoul(argv[++i], NULL, 10);
        else if (strcmp(argv[i], "--seed") == 0 && has_value)
            first_seed = strtoull(argv[++i], NULL, 10), seeds = 1;
        else if (strcmp(argv[i], "--only") == 0 && has_value)
            only = argv[++i];
        else
            return fprintf(stderr, "usage: %s [--long] [--seeds N] [--seed N] [--only NAME]\n",
                           argv[0]),
                   2;
    }
    /* What was found is read even if the next scenario aborts. */
    (void)setvbuf(stdout, NULL, _IOLBF, 0);
    if (!sim_server_init(argv[0]))
        return 1;
    for (uint32_t i = 0; i < count; i++) {
        const struct scenario *scenario = &scenarios[i];
        uint32_t wanted = sim_seeds_most(is_long ? scenario->seeds_long : scenario->seeds);
        if (only ? strcmp(only, scenario->name) != 0 : wanted == 0)
            continue;
        run(scenario, first_seed, seeds ? seeds : wanted ? wanted : 1u);
        ran++;
    }
    return ran > 0 ? 0 : 2;
}
