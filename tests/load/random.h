/* SPDX-License-Identifier: BSD-3-Clause */
/* A small seeded generator (splitmix64, Steele, Lea, Flood 2014). One owner each. */
#ifndef TICKWIRE_TESTS_LOAD_RANDOM_H
#define TICKWIRE_TESTS_LOAD_RANDOM_H

#include <stdint.h>

static inline uint64_t tw_load_random(uint64_t *state)
{
    uint64_t value = *state += UINT64_C(0x9E3779B97F4A7C15);
    value = (value ^ value >> 30) * UINT64_C(0xBF58476D1CE4E5B9);
    value = (value ^ value >> 27) * UINT64_C(0x94D049BB133111EB);
    return value ^ value >> 31;
}

/* 0 <= result < limit; the bias of the product is below 2^-32. */
static inline uint32_t tw_load_random_below(uint64_t *state, uint32_t limit)
{
    return (uint32_t)((tw_load_random(state) >> 32) * limit >> 32);
}

#endif
