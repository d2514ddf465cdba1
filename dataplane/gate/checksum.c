/* SPDX-License-Identifier: BSD-3-Clause */
#include "dataplane/gate/checksum.h"

/* 32-bit words fold to the same result as 16-bit ones; 2^32 of them fit a sum of 64 bits. */

/* Two 64-bit sums side by side: one vector register of any machine. */
typedef uint64_t sums __attribute__((vector_size(16)));

/* The 32-bit words of bytes[count * 16]. */
static uint64_t add_wide(const uint8_t *bytes, size_t count)
{
    sums low = {0}, high = {0};
    for (size_t i = 0; i < count; i++) {
        sums words;
        memcpy(&words, bytes + i * sizeof(words), sizeof(words));
        low += words & UINT32_MAX;
        high += words >> 32;
    }
    low += high;
    return low[0] + low[1];
}

uint64_t tw_checksum_add_portable(uint64_t sum, const uint8_t *bytes, size_t length)
{
    size_t wide = length / sizeof(sums);
    sum += add_wide(bytes, wide);
    bytes += wide * sizeof(sums);
    length -= wide * sizeof(sums);
    while (length >= 4) {
        uint32_t word;
        memcpy(&word, bytes, sizeof(word));
        sum += word;
        bytes += 4;
        length -= 4;
    }
    if (length >= 2) {
        uint16_t half;
        memcpy(&half, bytes, sizeof(half));
        sum += half;
        bytes += 2;
        length -= 2;
    }
    if (length > 0)
        sum += bytes[0];
    return sum;
}

#if defined(__x86_64__)
#include <immintrin.h>

#define AVX512 __attribute__((target("avx512f,avx512bw")))

AVX512 static inline __m512i add_words(__m512i sum, __m512i words)
{
    const __m512i low = _mm512_set1_epi64(UINT32_MAX);
    sum = _mm512_add_epi64(sum, _mm512_and_si512(words, low));
    return _mm512_add_epi64(sum, _mm512_srli_epi64(words, 32));
}

/* 64 bytes at a time, two sums in turn; the tail is loaded under a mask, and reads nothing beyond.
 */
AVX512 static uint64_t add_avx512(uint64_t sum, const uint8_t *bytes, size_t length)
{
    __m512i first = _mm512_setzero_si512(), second = first;
    for (; length >= 128; length -= 128, bytes += 128) {
        first = add_words(first, _mm512_loadu_si512(bytes));
        second = add_words(second, _mm512_loadu_si512(bytes + 64));
    }
    if (length >= 64) {
        first = add_words(first, _mm512_loadu_si512(bytes));
        length -= 64;
        bytes += 64;
    }
    __mmask64 tail = (UINT64_C(1) << length) - 1u;
    second = add_words(second, _mm512_maskz_loadu_epi8(tail, bytes));
    return sum + (uint64_t)_mm512_reduce_add_epi64(_mm512_add_epi64(first, second));
}

/* A look at a word that never changes: cheaper than any pointer. */
uint64_t tw_checksum_add(uint64_t sum, const uint8_t *bytes, size_t length)
{
    if (__builtin_cpu_supports("avx512bw"))
        return add_avx512(sum, bytes, length);
    return tw_checksum_add_portable(sum, bytes, length);
}
#else
uint64_t tw_checksum_add(uint64_t sum, const uint8_t *bytes, size_t length)
{
    return tw_checksum_add_portable(sum, bytes, length);
}
#endif
