/* SPDX-License-Identifier: BSD-3-Clause */
#include "tests/sim/server/scenario.h"

#include "tests/sim/seeds_most.h"
#include "tests/sim/server/server.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define SEED_DISTANCE 7919u
#define AGAIN_SIZE    160u

static bool is_long;
/* How what runs now is seen again: written between runs, read by the handler alone. */
static char again[AGAIN_SIZE];
static size_t again_size;

bool scenario_is_long(void)
{
    return is_long;
}

static double cpu_seconds(void)
{
    return (double)clock() / CLOCKS_PER_SEC;
}

/* ---- whatever ends it ------------------------------------------------------------------------ */

static void tell_again(int signal_number)
{
    ssize_t written = write(STDERR_FILENO, again, again_size);
    (void)written;
    (void)signal(signal_number, SIG_DFL);
    (void)raise(signal_number); /* once this returns */
}

/* Checks and asserts abort, whatever file they stand in; a runner whose patience is over
 * terminates. A sanitizer that has a handler of its own keeps it, and aborts later. */
static void watch_for_the_end(void)
{
    static const int ends[] = {SIGABRT, SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGTERM};
    for (uint32_t i = 0; i < sizeof(ends) / sizeof(ends[0]); i++) {
        struct sigaction before;
        const struct sigaction tell = {.sa_handler = tell_again};
        if (sigaction(ends[i], NULL, &before) == 0 && before.sa_handler == SIG_DFL)
            (void)sigaction(ends[i], &tell, NULL);
    }
}

/* The first seed of `seeds`. */
static void set_again(const char *name, uint64_t seed, uint32_t seeds)
{
    char many[32] = "";
    if (seeds > 1)
        snprintf(many, sizeof(many), " --seeds %u", seeds);
    again_size = 0;
    int length = snprintf(again, sizeof(again), "again:%s --only %s --seed %llu%s\n",
                          is_long ? " --long" : "", name, (unsigned long long)seed, many);
    again_size = (size_t)length;
}

/* ---- runs ------------------------------------------------------------------------------------ */

static void run(const struct scenario *scenario, uint64_t first_seed, uint32_t seeds)
{
    double begun = cpu_seconds();
    for (uint32_t i = 0; i < seeds; i++) {
        uint64_t seed = first_seed + (uint64_t)i * SEED_DISTANCE;
        set_again(scenario->name, seed, 1);
        scenario->run(scenario->name, seed);
    }
    set_again(scenario->name, first_seed, seeds); /* what is wrong now is so of all together */
    if (scenario->report)
        scenario->report(scenario->name);
    again_size = 0;
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
    watch_for_the_end();
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
