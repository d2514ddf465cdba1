/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The world's random numbers: xoshiro256** (Blackman and Vigna, 2018), seeded by splitmix64.
 * The state is part of the world. Not for secrets.
 */
#ifndef TICKWIRE_SIMULATION_CORE_RNG_H
#define TICKWIRE_SIMULATION_CORE_RNG_H

#include <stdint.h>

struct tw_rng {
    uint64_t state[4];
};

void tw_rng_seed(struct tw_rng *rng, uint64_t seed);
uint64_t tw_rng_next(struct tw_rng *rng);

/* Uniform in 0..bound-1; bound > 0. */
uint32_t tw_rng_below(struct tw_rng *rng, uint32_t bound);

/* Uniform in low..high, both included; low <= high. */
static inline uint32_t tw_rng_between(struct tw_rng *rng, uint32_t low, uint32_t high)
{
    return low + tw_rng_below(rng, high - low + 1u);
}

#endif
