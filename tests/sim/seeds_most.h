/* SPDX-License-Identifier: BSD-3-Clause */
/* A bound on seeds from the environment, for sanitizers: with them a seed takes five times as long.
 */
#ifndef TICKWIRE_TESTS_SIM_SEEDS_MOST_H
#define TICKWIRE_TESTS_SIM_SEEDS_MOST_H

#include <stdint.h>
#include <stdlib.h>

/* `count`, or TICKWIRE_SEEDS_MAX if that is less. */
static inline uint32_t sim_seeds_most(uint32_t count)
{
    const char *text = getenv("TICKWIRE_SEEDS_MAX");
    uint32_t most = text ? (uint32_t)strtoul(text, NULL, 10) : 0;
    return most > 0 && most < count ? most : count;
}

#endif
