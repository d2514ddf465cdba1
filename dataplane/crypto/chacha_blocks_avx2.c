/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * 8 ChaCha20 blocks of any packets at once with AVX2: the layout of chacha_blocks_avx512.c with
 * 8 lanes and two 16-byte halves per register.
 *
 *            lane 0   lane 1   lane 2         lane 7
 *           +--------+--------+--------+ ... +--------+
 *     v[0]  | const  | const  | const  |     | const  |
 *     v[4]  | A key0 | A key0 | B key0 |     | D key0 |   packet A has its blocks 0 and 1 here
 *     v[12] | 0      | 1      | 4      |     | 2      |   counter
 *     v[13] | A iv0  | A iv0  | B iv0  |     | D iv0  |   nonce
 *           +--------+--------+--------+ ... +--------+
 */
#include "dataplane/crypto/lanes.h"

#include <immintrin.h>
#include <string.h>

#define LANES 8u

/* In each half: 4 rows of 4 words become 4 columns. */
static inline void turn_words(__m256i v[4])
{
    __m256i low01 = _mm256_unpacklo_epi32(v[0], v[1]);
    __m256i high01 = _mm256_unpackhi_epi32(v[0], v[1]);
    __m256i low23 = _mm256_unpacklo_epi32(v[2], v[3]);
    __m256i high23 = _mm256_unpackhi_epi32(v[2], v[3]);
    v[0] = _mm256_unpacklo_epi64(low01, low23);
    v[1] = _mm256_unpackhi_epi64(low01, low23);
    v[2] = _mm256_unpacklo_epi64(high01, high23);
    v[3] = _mm256_unpackhi_epi64(high01, high23);
}

static inline __m256i key_of(const struct tw_lanes_block *block)
{
    return _mm256_loadu_si256((const __m256i *)block->key);
}

static inline __m128i input_of(const struct tw_lanes_block *block)
{
    return _mm_loadu_si128((const __m128i *)block->input);
}

/* at[lane] is the block of each lane; v[4..15] are filled. */
static inline void load_lanes(__m256i v[16], const struct tw_lanes_block *const at[LANES])
{
    __m256i low[4], high[4];
    for (unsigned i = 0; i < 4; i++) {
        low[i] = key_of(at[i]);
        high[i] = key_of(at[4 + i]);
    }
    turn_words(low);
    turn_words(high);
    for (unsigned i = 0; i < 4; i++) {
        v[4 + i] = _mm256_permute2x128_si256(low[i], high[i], 0x20);
        v[8 + i] = _mm256_permute2x128_si256(low[i], high[i], 0x31);
    }
    for (unsigned i = 0; i < 4; i++) {
        __m256i row = _mm256_castsi128_si256(input_of(at[i]));
        v[12 + i] = _mm256_inserti128_si256(row, input_of(at[4 + i]), 1);
    }
    turn_words(v + 12);
}

#define ROTATE(value, bits)                                                                        \
    _mm256_or_si256(_mm256_slli_epi32(value, bits), _mm256_srli_epi32(value, 32 - (bits)))
#define QUARTER_ROUND(a, b, c, d)                                                                  \
    do {                                                                                           \
        a = _mm256_add_epi32(a, b);                                                                \
        d = _mm256_shuffle_epi8(_mm256_xor_si256(d, a), by16);                                     \
        c = _mm256_add_epi32(c, d);                                                                \
        b = _mm256_xor_si256(b, c);                                                                \
        b = ROTATE(b, 12);                                                                         \
        a = _mm256_add_epi32(a, b);                                                                \
        d = _mm256_shuffle_epi8(_mm256_xor_si256(d, a), by8);                                      \
        c = _mm256_add_epi32(c, d);                                                                \
        b = _mm256_xor_si256(b, c);                                                                \
        b = ROTATE(b, 7);                                                                          \
    } while (0)

static inline void twenty_rounds(__m256i v[16])
{
    const __m256i by16 = _mm256_setr_epi8(2, 3, 0, 1, 6, 7, 4, 5, 10, 11, 8, 9, 14, 15, 12, 13, 2,
                                          3, 0, 1, 6, 7, 4, 5, 10, 11, 8, 9, 14, 15, 12, 13);
    const __m256i by8 = _mm256_setr_epi8(3, 0, 1, 2, 7, 4, 5, 6, 11, 8, 9, 10, 15, 12, 13, 14, 3, 0,
                                         1, 2, 7, 4, 5, 6, 11, 8, 9, 10, 15, 12, 13, 14);
    for (unsigned i = 0; i < 10; i++) {
        QUARTER_ROUND(v[0], v[4], v[8], v[12]);
        QUARTER_ROUND(v[1], v[5], v[9], v[13]);
        QUARTER_ROUND(v[2], v[6], v[10], v[14]);
        QUARTER_ROUND(v[3], v[7], v[11], v[15]);
        QUARTER_ROUND(v[0], v[5], v[10], v[15]);
        QUARTER_ROUND(v[1], v[6], v[11], v[12]);
        QUARTER_ROUND(v[2], v[7], v[8], v[13]);
        QUARTER_ROUND(v[3], v[4], v[9], v[14]);
    }
}

/* Half `half` of these is one lane's 64 bytes in two registers. */
static inline void apply(const struct tw_lanes_block *block, __m256i low, __m256i high)
{
    if (block->size == TW_LANES_BLOCK_SIZE) {
        const __m256i *from = (const __m256i *)block->from;
        __m256i text_low = _mm256_loadu_si256(from), text_high = _mm256_loadu_si256(from + 1);
        _mm256_storeu_si256((__m256i *)block->to, _mm256_xor_si256(text_low, low));
        _mm256_storeu_si256((__m256i *)block->to + 1, _mm256_xor_si256(text_high, high));
        return;
    }
    uint8_t bytes[TW_LANES_BLOCK_SIZE];
    memcpy(bytes, block->from, block->size);
    __m256i *both = (__m256i *)bytes;
    _mm256_storeu_si256(both, _mm256_xor_si256(_mm256_loadu_si256(both), low));
    _mm256_storeu_si256(both + 1, _mm256_xor_si256(_mm256_loadu_si256(both + 1), high));
    memcpy(block->to, bytes, block->size);
}

void tw_lanes_blocks_avx2(const struct tw_lanes_block *blocks, uint32_t count)
{
    const struct tw_lanes_block *at[LANES];
    for (unsigned i = 0; i < LANES; i++)
        at[i] = &blocks[i < count ? i : 0];
    __m256i v[16], start[16];
    start[0] = _mm256_set1_epi32(0x61707865);
    start[1] = _mm256_set1_epi32(0x3320646e);
    start[2] = _mm256_set1_epi32(0x79622d32);
    start[3] = _mm256_set1_epi32(0x6b206574);
    load_lanes(start, at);
    for (unsigned i = 0; i < 16; i++)
        v[i] = start[i];
    twenty_rounds(v);
    for (unsigned i = 0; i < 16; i++)
        v[i] = _mm256_add_epi32(v[i], start[i]);
    for (unsigned i = 0; i < 16; i += 4)
        turn_words(v + i);
    /* Now half k of v[4 g + j] holds words 4 g .. 4 g + 3 of lane 4 k + j. */
    for (unsigned j = 0; j < 4; j++) {
        if (j < count)
            apply(&blocks[j], _mm256_permute2x128_si256(v[j], v[4 + j], 0x20),
                  _mm256_permute2x128_si256(v[8 + j], v[12 + j], 0x20));
        if (4 + j < count)
            apply(&blocks[4 + j], _mm256_permute2x128_si256(v[j], v[4 + j], 0x31),
                  _mm256_permute2x128_si256(v[8 + j], v[12 + j], 0x31));
    }
}
