/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Which vector instructions the spatial index uses: asked once, at start. The only place of the
 * simulation that looks at the processor, and its folder the only one with code for one kind of it.
 */
#ifndef TICKWIRE_SIMULATION_SPACE_SIMD_SELECT_H
#define TICKWIRE_SIMULATION_SPACE_SIMD_SELECT_H

#include "simulation/space/kernels.h"

enum tw_space_simd {
    TW_SPACE_SIMD_AUTO, /* the best the processor has */
    TW_SPACE_SIMD_SCALAR,
    TW_SPACE_SIMD_AVX2,
    TW_SPACE_SIMD_AVX512,
};

/* NULL when this processor, or this build, has no such instructions; never for auto and scalar. */
const struct tw_space_kernels *tw_space_simd_select(enum tw_space_simd simd);

#endif
