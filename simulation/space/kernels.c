/* SPDX-License-Identifier: BSD-3-Clause */
#include "simulation/space/kernels.h"

static uint32_t near(const struct tw_space_block *block, struct tw_space_point at, uint64_t limit,
                     uint64_t squared[TW_SPACE_LANES])
{
    uint32_t lanes = 0;
    for (uint32_t i = 0; i < TW_SPACE_LANES; i++) {
        squared[i] = tw_space_squared(tw_space_block_point(block, i), at);
        lanes |= (uint32_t)(squared[i] <= limit) << i;
    }
    return lanes;
}

static uint32_t cull(const struct tw_space_frustum *frustum, const struct tw_space_spheres *spheres,
                     uint64_t *visible)
{
    uint32_t seen = 0;
    for (uint32_t first = 0; first < spheres->count; first += 64u) {
        uint64_t word = 0;
        for (uint32_t i = 0; i < 64u && first + i < spheres->count; i++) {
            struct tw_space_point at = {spheres->x[first + i], spheres->y[first + i],
                                        spheres->z[first + i]};
            word |= (uint64_t)tw_space_frustum_sees(frustum, at, spheres->radius[first + i]) << i;
        }
        visible[first / 64u] = word;
        seen += (uint32_t)__builtin_popcountll(word);
    }
    return seen;
}

const struct tw_space_kernels tw_space_kernels_scalar = {
    .name = "scalar", .near = near, .cull = cull};
