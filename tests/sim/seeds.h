/* SPDX-License-Identifier: BSD-3-Clause */
/* The seeds of a simulator test, as its command line says: --long, --seeds N, --seed S (that one
 * alone), --only NAME (of a test; * and ? stand for others). One thread. */
#ifndef TICKWIRE_TESTS_SIM_SEEDS_H
#define TICKWIRE_TESTS_SIM_SEEDS_H

#include "tests/sim/seeds_most.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

/* *first stays as it is when nothing is said; so does *count, up to that bound. True: *count was
 * changed. */
static inline bool sim_seeds_parse(int argc, char **argv, uint32_t count_long, uint64_t *first,
                                   uint32_t *count)
{
    uint32_t before = *count;
    *count = sim_seeds_most(*count);
    for (int i = 1; i < argc; i++) {
        bool has_value = i + 1 < argc;
        if (strcmp(argv[i], "--long") == 0)
            *count = sim_seeds_most(count_long);
        else if (strcmp(argv[i], "--seeds") == 0 && has_value)
            *count = (uint32_t)strtoul(argv[++i], NULL, 10);
        else if (strcmp(argv[i], "--seed") == 0 && has_value)
            *first = strtoull(argv[++i], NULL, 10), *count = 1;
        else if (strcmp(argv[i], "--only") == 0 && has_value)
            cmocka_set_test_filter(argv[++i]);
    }
    return *count != before;
}

#endif
