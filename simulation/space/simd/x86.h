/* SPDX-License-Identifier: BSD-3-Clause */
/* The kernels for x86-64, of kernels_avx2.c and kernels_avx512.c; see select.h for who may run
 * them. */
#ifndef TICKWIRE_SIMULATION_SPACE_SIMD_X86_H
#define TICKWIRE_SIMULATION_SPACE_SIMD_X86_H

#include "simulation/space/kernels.h"

extern const struct tw_space_kernels tw_space_kernels_avx2;
extern const struct tw_space_kernels tw_space_kernels_avx512;

/* Radii above 2^13 units of the coarse test could overflow its sum (frustum.c keeps distances
 * below 2^30, coordinates of 16 bits add less than 2^30): such spheres are computed in full. */
#define TW_SPACE_COARSE_RADIUS_LOG 13u

/* Those of the spheres first..first + 63 that the coarse test left open, in full. */
static inline uint64_t tw_space_cull_open(const struct tw_space_frustum *frustum,
                                          const struct tw_space_spheres *spheres, uint32_t first,
                                          uint64_t open)
{
    uint64_t seen = 0;
    while (open != 0) {
        uint32_t lane = (uint32_t)__builtin_ctzll(open);
        uint32_t i = first + lane;
        struct tw_space_point at = {spheres->x[i], spheres->y[i], spheres->z[i]};
        seen |= (uint64_t)tw_space_frustum_sees(frustum, at, spheres->radius[i]) << lane;
        open &= open - 1u;
    }
    return seen;
}

#endif
