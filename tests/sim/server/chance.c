/* SPDX-License-Identifier: BSD-3-Clause */
#include "tests/sim/server/chance.h"

#include "simulation/core/rng.h"

#include <sodium.h>
#include <string.h>

static struct tw_rng rng;

static const char *name(void)
{
    return "seeded";
}

static uint32_t next(void)
{
    return (uint32_t)(tw_rng_next(&rng) >> 32);
}

static void fill(void *const bytes, const size_t size)
{
    uint8_t *out = bytes;
    for (size_t i = 0; i < size; i += sizeof(uint64_t)) {
        uint64_t word = tw_rng_next(&rng);
        memcpy(out + i, &word, size - i < sizeof(word) ? size - i : sizeof(word));
    }
}

/* libsodium computes `uniform` from `random` when there is none, and needs neither of the rest. */
static randombytes_implementation seeded = {
    .implementation_name = name, .random = next, .buf = fill};

void sim_chance_seed(uint64_t seed)
{
    tw_rng_seed(&rng, seed);
    (void)randombytes_set_implementation(&seeded);
}
