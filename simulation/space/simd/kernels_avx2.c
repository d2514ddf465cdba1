/* SPDX-License-Identifier: BSD-3-Clause */
#include "simulation/space/simd/x86.h"

#include <immintrin.h>

/* Squares of the even 32-bit lanes. */
static inline __m256i square_even(__m256i v)
{
    return _mm256_mul_epi32(v, v);
}

/* Squares of the odd ones. */
static inline __m256i square_odd(__m256i v)
{
    return square_even(_mm256_srli_epi64(v, 32));
}

static inline uint32_t mask64(__m256i v)
{
    return (uint32_t)_mm256_movemask_pd(_mm256_castsi256_pd(v));
}

static uint32_t near(const struct tw_space_block *block, struct tw_space_point at, uint64_t limit,
                     uint64_t squared[TW_SPACE_LANES])
{
    __m256i x =
        _mm256_sub_epi32(_mm256_load_si256((const void *)block->x), _mm256_set1_epi32(at.x));
    __m256i y =
        _mm256_sub_epi32(_mm256_load_si256((const void *)block->y), _mm256_set1_epi32(at.y));
    __m256i z =
        _mm256_sub_epi32(_mm256_load_si256((const void *)block->z), _mm256_set1_epi32(at.z));
    __m256i even =
        _mm256_add_epi64(_mm256_add_epi64(square_even(x), square_even(y)), square_even(z));
    __m256i odd = _mm256_add_epi64(_mm256_add_epi64(square_odd(x), square_odd(y)), square_odd(z));
    /* Distances are below 2^63, so signed comparison serves. */
    uint64_t most = limit < INT64_MAX ? limit : INT64_MAX;
    __m256i bound = _mm256_set1_epi64x((int64_t)most);
    /* 0 2 4 6 and 1 3 5 7 to 0 1 4 5 and 2 3 6 7, to the order of lanes. */
    __m256i low = _mm256_unpacklo_epi64(even, odd);
    __m256i high = _mm256_unpackhi_epi64(even, odd);
    __m256i first = _mm256_permute2x128_si256(low, high, 0x20);
    __m256i second = _mm256_permute2x128_si256(low, high, 0x31);
    _mm256_storeu_si256((void *)squared, first);
    _mm256_storeu_si256((void *)(squared + 4), second);
    uint32_t beyond =
        mask64(_mm256_cmpgt_epi64(first, bound)) | mask64(_mm256_cmpgt_epi64(second, bound)) << 4;
    return ~beyond & 0xffu;
}

struct coarse {
    __m256i middle[3];
    __m256i ab[TW_SPACE_PLANES], c[TW_SPACE_PLANES], d[TW_SPACE_PLANES];
    __m256i error;
    __m256i radius_max;
    __m128i shift, radius_left, radius_right;
};

static void prepare(struct coarse *coarse, const struct tw_space_frustum *frustum)
{
    uint32_t shift = frustum->shift;
    uint32_t log = TW_SPACE_COARSE_RADIUS_LOG + shift;
    coarse->middle[0] = _mm256_set1_epi32(frustum->middle.x);
    coarse->middle[1] = _mm256_set1_epi32(frustum->middle.y);
    coarse->middle[2] = _mm256_set1_epi32(frustum->middle.z);
    for (uint32_t i = 0; i < TW_SPACE_PLANES; i++) {
        const struct tw_space_plane *plane = &frustum->planes[i];
        uint32_t ab = ((uint32_t)plane->a & 0xffffu) | (uint32_t)plane->b << 16;
        coarse->ab[i] = _mm256_set1_epi32((int32_t)ab);
        coarse->c[i] = _mm256_set1_epi32(plane->c & 0xffff);
        coarse->d[i] = _mm256_set1_epi32(frustum->coarse_d[i]);
    }
    coarse->error = _mm256_set1_epi32(-frustum->coarse_error);
    coarse->radius_max = _mm256_set1_epi32(log < 31u ? INT32_C(1) << log : INT32_MAX);
    coarse->shift = _mm_cvtsi32_si128((int32_t)shift);
    /* 16,384 r / 2^shift, by one shift or the other. */
    uint32_t unit = TW_SPACE_NORMAL_LOG;
    coarse->radius_left = _mm_cvtsi32_si128((int32_t)(shift < unit ? unit - shift : 0u));
    coarse->radius_right = _mm_cvtsi32_si128((int32_t)(shift > unit ? shift - unit : 0u));
}

struct verdict {
    uint32_t inside, open; /* lanes; the others are outside */
};

static inline uint32_t mask32(__m256i v)
{
    return (uint32_t)_mm256_movemask_ps(_mm256_castsi256_ps(v));
}

static inline struct verdict judge(const struct coarse *coarse,
                                   const struct tw_space_spheres *spheres, uint32_t at)
{
    const __m256i zero = _mm256_setzero_si256();
    const __m256i half = _mm256_set1_epi32(32768);
    __m256i x = _mm256_load_si256((const void *)(spheres->x + at));
    __m256i y = _mm256_load_si256((const void *)(spheres->y + at));
    __m256i z = _mm256_load_si256((const void *)(spheres->z + at));
    __m256i radius = _mm256_load_si256((const void *)(spheres->radius + at));
    x = _mm256_sra_epi32(_mm256_sub_epi32(x, coarse->middle[0]), coarse->shift);
    y = _mm256_sra_epi32(_mm256_sub_epi32(y, coarse->middle[1]), coarse->shift);
    z = _mm256_sra_epi32(_mm256_sub_epi32(z, coarse->middle[2]), coarse->shift);
    /* What does not fit 16 bits has bits above them after half the range is added. */
    __m256i above =
        _mm256_or_si256(_mm256_or_si256(_mm256_add_epi32(x, half), _mm256_add_epi32(y, half)),
                        _mm256_add_epi32(z, half));
    __m256i fits = _mm256_cmpeq_epi32(_mm256_srli_epi32(above, 16), zero);
    fits = _mm256_andnot_si256(_mm256_cmpgt_epi32(radius, coarse->radius_max), fits);
    radius = _mm256_srl_epi32(_mm256_sll_epi32(radius, coarse->radius_left), coarse->radius_right);
    __m256i xy = _mm256_blend_epi16(x, _mm256_slli_epi32(y, 16), 0xaa);
    __m256i lowest = _mm256_set1_epi32(INT32_MAX);
    for (uint32_t i = 0; i < TW_SPACE_PLANES; i++) {
        /* c's upper half is 0, so that of z does not count. */
        __m256i distance = _mm256_add_epi32(_mm256_madd_epi16(xy, coarse->ab[i]),
                                            _mm256_madd_epi16(z, coarse->c[i]));
        lowest = _mm256_min_epi32(lowest, _mm256_add_epi32(distance, coarse->d[i]));
    }
    lowest = _mm256_add_epi32(lowest, radius);
    uint32_t inside = ~mask32(lowest);
    uint32_t outside = mask32(_mm256_cmpgt_epi32(coarse->error, lowest));
    uint32_t known = mask32(fits);
    return (struct verdict){.inside = inside & known & 0xffu,
                            .open = ~((inside | outside) & known) & 0xffu};
}

static uint32_t cull(const struct tw_space_frustum *frustum, const struct tw_space_spheres *spheres,
                     uint64_t *visible)
{
    struct coarse coarse;
    uint32_t seen = 0;
    prepare(&coarse, frustum);
    for (uint32_t first = 0; first < spheres->count; first += 64u) {
        uint64_t word = 0;
        uint64_t open = 0;
        uint32_t end = spheres->count - first < 64u ? spheres->count - first : 64u;
        uint32_t i = 0;
        for (; i + 8u <= end; i += 8u) {
            struct verdict verdict = judge(&coarse, spheres, first + i);
            word |= (uint64_t)verdict.inside << i;
            open |= (uint64_t)verdict.open << i;
        }
        if (i < end)
            open |= ((UINT64_C(1) << (end - i)) - 1u) << i;
        if (__builtin_expect(open != 0, 0))
            word |= tw_space_cull_open(frustum, spheres, first, open);
        visible[first / 64u] = word;
        seen += (uint32_t)__builtin_popcountll(word);
    }
    return seen;
}

const struct tw_space_kernels tw_space_kernels_avx2 = {.name = "avx2", .near = near, .cull = cull};
