/* SPDX-License-Identifier: BSD-3-Clause */
#include "simulation/space/simd/x86.h"

#include <immintrin.h>

/* Squared differences of eight coordinates from one. */
static inline __m512i square(const int32_t *coordinates, int32_t at)
{
    __m256i difference =
        _mm256_sub_epi32(_mm256_load_si256((const void *)coordinates), _mm256_set1_epi32(at));
    __m512i wide = _mm512_cvtepi32_epi64(difference);
    return _mm512_mul_epi32(wide, wide);
}

static uint32_t near(const struct tw_space_block *block, struct tw_space_point at, uint64_t limit,
                     uint64_t squared[TW_SPACE_LANES])
{
    __m512i sum = _mm512_add_epi64(_mm512_add_epi64(square(block->x, at.x), square(block->y, at.y)),
                                   square(block->z, at.z));
    _mm512_storeu_si512(squared, sum);
    return _mm512_cmple_epu64_mask(sum, _mm512_set1_epi64((int64_t)limit));
}

struct coarse {
    __m512i middle[3];
    __m512i ab[TW_SPACE_PLANES], c[TW_SPACE_PLANES], d[TW_SPACE_PLANES];
    __m512i error;
    __m512i radius_max;
    __m128i shift, radius_left, radius_right;
};

static void prepare(struct coarse *coarse, const struct tw_space_frustum *frustum)
{
    uint32_t shift = frustum->shift;
    uint32_t log = TW_SPACE_COARSE_RADIUS_LOG + shift;
    coarse->middle[0] = _mm512_set1_epi32(frustum->middle.x);
    coarse->middle[1] = _mm512_set1_epi32(frustum->middle.y);
    coarse->middle[2] = _mm512_set1_epi32(frustum->middle.z);
    for (uint32_t i = 0; i < TW_SPACE_PLANES; i++) {
        const struct tw_space_plane *plane = &frustum->planes[i];
        uint32_t ab = ((uint32_t)plane->a & 0xffffu) | (uint32_t)plane->b << 16;
        coarse->ab[i] = _mm512_set1_epi32((int32_t)ab);
        coarse->c[i] = _mm512_set1_epi32(plane->c & 0xffff);
        coarse->d[i] = _mm512_set1_epi32(frustum->coarse_d[i]);
    }
    coarse->error = _mm512_set1_epi32(-frustum->coarse_error);
    coarse->radius_max = _mm512_set1_epi32(log < 31u ? INT32_C(1) << log : INT32_MAX);
    coarse->shift = _mm_cvtsi32_si128((int32_t)shift);
    /* 16,384 r / 2^shift, by one shift or the other. */
    uint32_t unit = TW_SPACE_NORMAL_LOG;
    coarse->radius_left = _mm_cvtsi32_si128((int32_t)(shift < unit ? unit - shift : 0u));
    coarse->radius_right = _mm_cvtsi32_si128((int32_t)(shift > unit ? shift - unit : 0u));
}

struct verdict {
    __mmask16 inside, open; /* lanes; the others are outside */
};

static inline struct verdict judge(const struct coarse *coarse,
                                   const struct tw_space_spheres *spheres, uint32_t at)
{
    const __m512i half = _mm512_set1_epi32(32768);
    __m512i x = _mm512_load_si512(spheres->x + at);
    __m512i y = _mm512_load_si512(spheres->y + at);
    __m512i z = _mm512_load_si512(spheres->z + at);
    __m512i radius = _mm512_load_si512(spheres->radius + at);
    x = _mm512_sra_epi32(_mm512_sub_epi32(x, coarse->middle[0]), coarse->shift);
    y = _mm512_sra_epi32(_mm512_sub_epi32(y, coarse->middle[1]), coarse->shift);
    z = _mm512_sra_epi32(_mm512_sub_epi32(z, coarse->middle[2]), coarse->shift);
    /* What does not fit 16 bits has bits above them after half the range is added. */
    __m512i above =
        _mm512_or_si512(_mm512_or_si512(_mm512_add_epi32(x, half), _mm512_add_epi32(y, half)),
                        _mm512_add_epi32(z, half));
    __mmask16 known = _mm512_cmple_epu32_mask(above, _mm512_set1_epi32(0xffff)) &
                      _mm512_cmple_epi32_mask(radius, coarse->radius_max);
    radius = _mm512_srl_epi32(_mm512_sll_epi32(radius, coarse->radius_left), coarse->radius_right);
    __m512i xy = _mm512_mask_blend_epi16(0xaaaaaaaau, x, _mm512_slli_epi32(y, 16));
    __m512i lowest = _mm512_set1_epi32(INT32_MAX);
    for (uint32_t i = 0; i < TW_SPACE_PLANES; i++) {
        /* c's upper half is 0, so that of z does not count. */
        __m512i distance = _mm512_add_epi32(_mm512_madd_epi16(xy, coarse->ab[i]),
                                            _mm512_madd_epi16(z, coarse->c[i]));
        lowest = _mm512_min_epi32(lowest, _mm512_add_epi32(distance, coarse->d[i]));
    }
    lowest = _mm512_add_epi32(lowest, radius);
    __mmask16 inside = _mm512_cmpge_epi32_mask(lowest, _mm512_setzero_si512()) & known;
    __mmask16 outside = _mm512_cmplt_epi32_mask(lowest, coarse->error) & known;
    return (struct verdict){.inside = inside, .open = (__mmask16) ~(inside | outside)};
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
        for (; i + 16u <= end; i += 16u) {
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

const struct tw_space_kernels tw_space_kernels_avx512 = {
    .name = "avx512", .near = near, .cull = cull};
