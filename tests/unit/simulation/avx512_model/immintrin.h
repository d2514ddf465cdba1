/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The instructions that kernels_avx512.c uses, in plain C after their description in the Intel
 * intrinsics guide: found in place of the compiler's header by one test program, it runs the logic
 * of those kernels on processors without AVX-512. What the compiler makes of the real ones is
 * tested where a processor has them.
 */
#ifndef TICKWIRE_TESTS_UNIT_SIMULATION_AVX512_MODEL_IMMINTRIN_H
#define TICKWIRE_TESTS_UNIT_SIMULATION_AVX512_MODEL_IMMINTRIN_H

#include <stdint.h>
#include <string.h>

typedef struct {
    uint32_t v[4];
} __m128i;
typedef struct {
    uint32_t v[8];
} __m256i;
typedef struct {
    uint32_t v[16];
} __m512i;
typedef uint8_t __mmask8;
typedef uint16_t __mmask16;
typedef uint32_t __mmask32;

#define MODEL static inline __attribute__((unused))
#define LANES16(result)                                                                            \
    __m512i out;                                                                                   \
    for (uint32_t i = 0; i < 16; i++)                                                              \
        out.v[i] = (uint32_t)(result);                                                             \
    return out
#define MASK16(condition)                                                                          \
    uint32_t out = 0;                                                                              \
    for (uint32_t i = 0; i < 16; i++)                                                              \
        out |= (uint32_t)(condition) << i;                                                         \
    return (__mmask16)out

MODEL int32_t model_signed(uint32_t lane)
{
    return (int32_t)lane;
}

MODEL int64_t model_low_half(uint32_t lane)
{
    return (int16_t)(lane & 0xffffu);
}

MODEL int64_t model_high_half(uint32_t lane)
{
    return (int16_t)(lane >> 16);
}

MODEL uint64_t model_wide(__m512i a, uint32_t lane)
{
    return a.v[2 * lane] | (uint64_t)a.v[2 * lane + 1] << 32;
}

MODEL __m512i model_from_wide(const uint64_t *lanes)
{
    __m512i out;
    for (uint32_t i = 0; i < 8; i++) {
        out.v[2 * i] = (uint32_t)lanes[i];
        out.v[2 * i + 1] = (uint32_t)(lanes[i] >> 32);
    }
    return out;
}

MODEL __m128i _mm_cvtsi32_si128(int a)
{
    return (__m128i){{(uint32_t)a, 0, 0, 0}};
}

MODEL __m256i _mm256_load_si256(const void *memory)
{
    __m256i out;
    memcpy(&out, memory, sizeof(out));
    return out;
}

MODEL __m256i _mm256_set1_epi32(int a)
{
    __m256i out;
    for (uint32_t i = 0; i < 8; i++)
        out.v[i] = (uint32_t)a;
    return out;
}

MODEL __m256i _mm256_sub_epi32(__m256i a, __m256i b)
{
    for (uint32_t i = 0; i < 8; i++)
        a.v[i] -= b.v[i];
    return a;
}

MODEL __m512i _mm512_cvtepi32_epi64(__m256i a)
{
    uint64_t lanes[8];
    for (uint32_t i = 0; i < 8; i++)
        lanes[i] = (uint64_t)(int64_t)model_signed(a.v[i]);
    return model_from_wide(lanes);
}

/* Of the low halves of each 64-bit lane. */
MODEL __m512i _mm512_mul_epi32(__m512i a, __m512i b)
{
    uint64_t lanes[8];
    for (uint32_t i = 0; i < 8; i++)
        lanes[i] = (uint64_t)((int64_t)model_signed(a.v[2 * i]) * model_signed(b.v[2 * i]));
    return model_from_wide(lanes);
}

MODEL __m512i _mm512_add_epi64(__m512i a, __m512i b)
{
    uint64_t lanes[8];
    for (uint32_t i = 0; i < 8; i++)
        lanes[i] = model_wide(a, i) + model_wide(b, i);
    return model_from_wide(lanes);
}

MODEL __m512i _mm512_set1_epi64(long long a)
{
    uint64_t lanes[8];
    for (uint32_t i = 0; i < 8; i++)
        lanes[i] = (uint64_t)a;
    return model_from_wide(lanes);
}

MODEL __mmask8 _mm512_cmple_epu64_mask(__m512i a, __m512i b)
{
    uint32_t out = 0;
    for (uint32_t i = 0; i < 8; i++)
        out |= (uint32_t)(model_wide(a, i) <= model_wide(b, i)) << i;
    return (__mmask8)out;
}

MODEL __m512i _mm512_load_si512(const void *memory)
{
    __m512i out;
    memcpy(&out, memory, sizeof(out));
    return out;
}

MODEL void _mm512_storeu_si512(void *memory, __m512i a)
{
    memcpy(memory, &a, sizeof(a));
}

MODEL __m512i _mm512_set1_epi32(int a)
{
    LANES16(a);
}

MODEL __m512i _mm512_setzero_si512(void)
{
    LANES16(0);
}

MODEL __m512i _mm512_add_epi32(__m512i a, __m512i b)
{
    LANES16(a.v[i] + b.v[i]);
}

MODEL __m512i _mm512_sub_epi32(__m512i a, __m512i b)
{
    LANES16(a.v[i] - b.v[i]);
}

MODEL __m512i _mm512_or_si512(__m512i a, __m512i b)
{
    LANES16(a.v[i] | b.v[i]);
}

MODEL __m512i _mm512_min_epi32(__m512i a, __m512i b)
{
    LANES16(model_signed(a.v[i]) < model_signed(b.v[i]) ? a.v[i] : b.v[i]);
}

MODEL __m512i _mm512_slli_epi32(__m512i a, unsigned count)
{
    LANES16(count > 31 ? 0u : a.v[i] << count);
}

MODEL __m512i _mm512_sll_epi32(__m512i a, __m128i count)
{
    LANES16(count.v[0] > 31 ? 0u : a.v[i] << count.v[0]);
}

MODEL __m512i _mm512_srl_epi32(__m512i a, __m128i count)
{
    LANES16(count.v[0] > 31 ? 0u : a.v[i] >> count.v[0]);
}

MODEL __m512i _mm512_sra_epi32(__m512i a, __m128i count)
{
    LANES16(model_signed(a.v[i]) >> (count.v[0] > 31 ? 31 : count.v[0]));
}

/* Sums of two products of signed 16-bit halves. */
MODEL __m512i _mm512_madd_epi16(__m512i a, __m512i b)
{
    LANES16(model_low_half(a.v[i]) * model_low_half(b.v[i]) +
            model_high_half(a.v[i]) * model_high_half(b.v[i]));
}

MODEL __m512i _mm512_mask_blend_epi16(__mmask32 mask, __m512i a, __m512i b)
{
    LANES16(((mask >> 2 * i & 1u ? b.v[i] : a.v[i]) & 0xffffu) |
            ((mask >> (2 * i + 1) & 1u ? b.v[i] : a.v[i]) & 0xffff0000u));
}

MODEL __mmask16 _mm512_cmple_epu32_mask(__m512i a, __m512i b)
{
    MASK16(a.v[i] <= b.v[i]);
}

MODEL __mmask16 _mm512_cmple_epi32_mask(__m512i a, __m512i b)
{
    MASK16(model_signed(a.v[i]) <= model_signed(b.v[i]));
}

MODEL __mmask16 _mm512_cmpge_epi32_mask(__m512i a, __m512i b)
{
    MASK16(model_signed(a.v[i]) >= model_signed(b.v[i]));
}

MODEL __mmask16 _mm512_cmplt_epi32_mask(__m512i a, __m512i b)
{
    MASK16(model_signed(a.v[i]) < model_signed(b.v[i]));
}

#undef LANES16
#undef MASK16
#undef MODEL

#endif
