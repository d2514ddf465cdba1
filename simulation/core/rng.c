/* SPDX-License-Identifier: BSD-3-Clause */
#include "simulation/core/rng.h"

static inline uint64_t rotate_left(uint64_t value, uint32_t bits)
{
    return value << bits | value >> (64u - bits);
}

void tw_rng_seed(struct tw_rng *rng, uint64_t seed)
{
    for (uint32_t i = 0; i < 4; i++) {
        seed += UINT64_C(0x9E3779B97F4A7C15);
        uint64_t z = seed;
        z = (z ^ (z >> 30)) * UINT64_C(0xBF58476D1CE4E5B9);
        z = (z ^ (z >> 27)) * UINT64_C(0x94D049BB133111EB);
        rng->state[i] = z ^ (z >> 31);
    }
}

uint64_t tw_rng_next(struct tw_rng *rng)
{
    uint64_t *s = rng->state;
    uint64_t result = rotate_left(s[1] * 5u, 7) * 9u;
    uint64_t shifted = s[1] << 17;
    s[2] ^= s[0];
    s[3] ^= s[1];
    s[1] ^= s[2];
    s[0] ^= s[3];
    s[2] ^= shifted;
    s[3] = rotate_left(s[3], 45);
    return result;
}

uint32_t tw_rng_below(struct tw_rng *rng, uint32_t bound)
{
    /* Multiply and shift, rejecting the few low products that would favour some results. */
    uint32_t reject_below = (0u - bound) % bound;
    for (;;) {
        uint64_t product = (tw_rng_next(rng) >> 32) * bound;
        if ((uint32_t)product >= reject_below)
            return (uint32_t)(product >> 32);
    }
}
