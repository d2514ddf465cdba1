/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The inner loops of the spatial index, once for every set of vector instructions. All give the
 * same results, bit for bit. Which one runs is chosen at start by whoever builds the index, and
 * handed in; scalar code is always there. Pure, any thread.
 */
#ifndef TICKWIRE_SIMULATION_SPACE_KERNELS_H
#define TICKWIRE_SIMULATION_SPACE_KERNELS_H

#include "simulation/space/block.h"
#include "simulation/space/frustum.h"

#include <stdint.h>

/* Spheres beside each other; arrays aligned to 64 bytes. */
struct tw_space_spheres {
    const int32_t *x, *y, *z;
    const int32_t *radius; /* 0..2^27 */
    uint32_t count;
};

struct tw_space_kernels {
    const char *name;
    /* Squared distances of all eight lanes from `at`, which must be within TW_SPACE_REACH; bit i of
     * the result: lane i is no farther than `limit`. Lanes not in use count as well. */
    uint32_t (*near)(const struct tw_space_block *block, struct tw_space_point at, uint64_t limit,
                     uint64_t squared[TW_SPACE_LANES]);
    /* Bit i % 64 of visible[i / 64]: the frustum sees sphere i; the last word is filled up with
     * zeros. Returns how many it sees. Centres must be within TW_SPACE_REACH. */
    uint32_t (*cull)(const struct tw_space_frustum *frustum, const struct tw_space_spheres *spheres,
                     uint64_t *visible);
};

extern const struct tw_space_kernels tw_space_kernels_scalar;

#endif
