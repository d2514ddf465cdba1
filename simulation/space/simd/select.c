/* SPDX-License-Identifier: BSD-3-Clause */
#include "simulation/space/simd/select.h"

#include "simulation/space/simd/x86.h"

#include <stdbool.h>
#include <stddef.h>

#if defined(__x86_64__)

static bool has_avx2(void)
{
    return __builtin_cpu_supports("avx2");
}

static bool has_avx512(void)
{
    return __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
           __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl");
}

const struct tw_space_kernels *tw_space_simd_select(enum tw_space_simd simd)
{
    bool any = simd == TW_SPACE_SIMD_AUTO;
    if ((any || simd == TW_SPACE_SIMD_AVX512) && has_avx512())
        return &tw_space_kernels_avx512;
    if ((any || simd == TW_SPACE_SIMD_AVX2) && has_avx2())
        return &tw_space_kernels_avx2;
    return any || simd == TW_SPACE_SIMD_SCALAR ? &tw_space_kernels_scalar : NULL;
}

#else

const struct tw_space_kernels *tw_space_simd_select(enum tw_space_simd simd)
{
    bool scalar = simd == TW_SPACE_SIMD_AUTO || simd == TW_SPACE_SIMD_SCALAR;
    return scalar ? &tw_space_kernels_scalar : NULL;
}

#endif
