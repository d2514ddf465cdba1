/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * 16 or 32 ChaCha20 blocks of any packets at once: one vector register per word of the state, one
 * block per 32-bit lane. Needs AVX-512 F, BW, VL.
 *
 *            lane 0   lane 1   lane 2         lane 15
 *           +--------+--------+--------+ ... +--------+
 *     v[0]  | const  | const  | const  |     | const  |
 *     v[4]  | A key0 | A key0 | B key0 |     | F key0 |   packet A has its blocks 0 and 1 here,
 *     ...   |        |        |        |     |        |   packet B its block 4, ...
 *     v[12] | 0      | 1      | 4      |     | 2      |   counter
 *     v[13] | A iv0  | A iv0  | B iv0  |     | F iv0  |   nonce
 *     ...   |        |        |        |     |        |
 *     v[15] | A iv2  | A iv2  | B iv2  |     | F iv2  |
 *           +--------+--------+--------+ ... +--------+
 *
 * Keys come in and keystream goes out as rows (one packet's bytes side by side); both are turned
 * in registers, first 4x4 words inside the four 16-byte quarters, then the quarters.
 */
#include "dataplane/crypto/lanes.h"

#include <immintrin.h>

#define LANES 16u

/* Each quarter q of a, b, c, d: 4 rows of 4 words become 4 columns. */
static inline void turn_words(__m512i v[4])
{
    __m512i low01 = _mm512_unpacklo_epi32(v[0], v[1]);
    __m512i high01 = _mm512_unpackhi_epi32(v[0], v[1]);
    __m512i low23 = _mm512_unpacklo_epi32(v[2], v[3]);
    __m512i high23 = _mm512_unpackhi_epi32(v[2], v[3]);
    v[0] = _mm512_unpacklo_epi64(low01, low23);
    v[1] = _mm512_unpackhi_epi64(low01, low23);
    v[2] = _mm512_unpacklo_epi64(high01, high23);
    v[3] = _mm512_unpackhi_epi64(high01, high23);
}

static inline __m512i two_keys(const uint8_t *low, const uint8_t *high)
{
    __m256i first = _mm256_loadu_si256((const __m256i *)low);
    __m256i second = _mm256_loadu_si256((const __m256i *)high);
    return _mm512_inserti64x4(_mm512_castsi256_si512(first), second, 1);
}

static inline __m128i input_of(const struct tw_lanes_block *block)
{
    return _mm_loadu_si128((const __m128i *)block->input);
}

/* at[lane] is the block of each lane; v[4..15] are filled. */
static inline void load_lanes(__m512i v[16], const struct tw_lanes_block *const at[LANES])
{
    __m512i low[4], high[4];
    for (unsigned i = 0; i < 4; i++) {
        low[i] = two_keys(at[i]->key, at[4 + i]->key);
        high[i] = two_keys(at[8 + i]->key, at[12 + i]->key);
    }
    turn_words(low);
    turn_words(high);
    for (unsigned i = 0; i < 4; i++) {
        v[4 + i] = _mm512_shuffle_i32x4(low[i], high[i], _MM_SHUFFLE(2, 0, 2, 0));
        v[8 + i] = _mm512_shuffle_i32x4(low[i], high[i], _MM_SHUFFLE(3, 1, 3, 1));
    }
    for (unsigned i = 0; i < 4; i++) {
        __m512i row = _mm512_castsi128_si512(input_of(at[i]));
        row = _mm512_inserti32x4(row, input_of(at[4 + i]), 1);
        row = _mm512_inserti32x4(row, input_of(at[8 + i]), 2);
        v[12 + i] = _mm512_inserti32x4(row, input_of(at[12 + i]), 3);
    }
    turn_words(v + 12);
}

#define QUARTER_ROUND(a, b, c, d)                                                                  \
    do {                                                                                           \
        a = _mm512_add_epi32(a, b);                                                                \
        d = _mm512_rol_epi32(_mm512_xor_si512(d, a), 16);                                          \
        c = _mm512_add_epi32(c, d);                                                                \
        b = _mm512_rol_epi32(_mm512_xor_si512(b, c), 12);                                          \
        a = _mm512_add_epi32(a, b);                                                                \
        d = _mm512_rol_epi32(_mm512_xor_si512(d, a), 8);                                           \
        c = _mm512_add_epi32(c, d);                                                                \
        b = _mm512_rol_epi32(_mm512_xor_si512(b, c), 7);                                           \
    } while (0)

static inline void column_round(__m512i v[16])
{
    QUARTER_ROUND(v[0], v[4], v[8], v[12]);
    QUARTER_ROUND(v[1], v[5], v[9], v[13]);
    QUARTER_ROUND(v[2], v[6], v[10], v[14]);
    QUARTER_ROUND(v[3], v[7], v[11], v[15]);
}

static inline void diagonal_round(__m512i v[16])
{
    QUARTER_ROUND(v[0], v[5], v[10], v[15]);
    QUARTER_ROUND(v[1], v[6], v[11], v[12]);
    QUARTER_ROUND(v[2], v[7], v[8], v[13]);
    QUARTER_ROUND(v[3], v[4], v[9], v[14]);
}

/* v[word] by lane becomes v[lane] by word. */
static inline void turn_lanes(__m512i v[16])
{
    for (unsigned i = 0; i < 16; i += 4)
        turn_words(v + i);
    /* Now quarter k of v[4 g + j] holds words 4 g .. 4 g + 3 of lane 4 k + j. */
    __m512i lanes[16];
    for (unsigned j = 0; j < 4; j++) {
        __m512i low01 = _mm512_shuffle_i32x4(v[j], v[4 + j], _MM_SHUFFLE(1, 0, 1, 0));
        __m512i high01 = _mm512_shuffle_i32x4(v[j], v[4 + j], _MM_SHUFFLE(3, 2, 3, 2));
        __m512i low23 = _mm512_shuffle_i32x4(v[8 + j], v[12 + j], _MM_SHUFFLE(1, 0, 1, 0));
        __m512i high23 = _mm512_shuffle_i32x4(v[8 + j], v[12 + j], _MM_SHUFFLE(3, 2, 3, 2));
        lanes[j] = _mm512_shuffle_i32x4(low01, low23, _MM_SHUFFLE(2, 0, 2, 0));
        lanes[4 + j] = _mm512_shuffle_i32x4(low01, low23, _MM_SHUFFLE(3, 1, 3, 1));
        lanes[8 + j] = _mm512_shuffle_i32x4(high01, high23, _MM_SHUFFLE(2, 0, 2, 0));
        lanes[12 + j] = _mm512_shuffle_i32x4(high01, high23, _MM_SHUFFLE(3, 1, 3, 1));
    }
    for (unsigned i = 0; i < 16; i++)
        v[i] = lanes[i];
}

static inline void apply(const struct tw_lanes_block *block, __m512i keystream)
{
    __mmask64 bytes = UINT64_MAX >> (TW_LANES_BLOCK_SIZE - block->size);
    __m512i text = _mm512_maskz_loadu_epi8(bytes, block->from);
    _mm512_mask_storeu_epi8(block->to, bytes, _mm512_xor_si512(text, keystream));
}

static inline void begin(__m512i v[16], const struct tw_lanes_block *blocks, uint32_t count)
{
    const struct tw_lanes_block *at[LANES];
    for (unsigned i = 0; i < LANES; i++)
        at[i] = &blocks[i < count ? i : 0];
    v[0] = _mm512_set1_epi32(0x61707865);
    v[1] = _mm512_set1_epi32(0x3320646e);
    v[2] = _mm512_set1_epi32(0x79622d32);
    v[3] = _mm512_set1_epi32(0x6b206574);
    load_lanes(v, at);
}

static inline void end(__m512i v[16], const __m512i start[16], const struct tw_lanes_block *blocks,
                       uint32_t count)
{
    for (unsigned i = 0; i < 16; i++)
        v[i] = _mm512_add_epi32(v[i], start[i]);
    turn_lanes(v);
    for (unsigned i = 0; i < LANES; i++)
        if (i < count)
            apply(&blocks[i], v[i]);
}

static void blocks_16(const struct tw_lanes_block *blocks, uint32_t count)
{
    __m512i v[16], start[16];
    begin(start, blocks, count);
    for (unsigned i = 0; i < 16; i++)
        v[i] = start[i];
    for (unsigned i = 0; i < 10; i++) {
        column_round(v);
        diagonal_round(v);
    }
    end(v, start, blocks, count);
}

/* Two times 16: one alone waits for its own results. All 32 registers are the two states. */
static void blocks_32(const struct tw_lanes_block *blocks, uint32_t count)
{
    __m512i v[16], w[16], start[2][16];
    begin(start[0], blocks, LANES);
    begin(start[1], blocks + LANES, count - LANES);
    for (unsigned i = 0; i < 16; i++) {
        v[i] = start[0][i];
        w[i] = start[1][i];
    }
    for (unsigned i = 0; i < 10; i++) {
        column_round(v);
        column_round(w);
        diagonal_round(v);
        diagonal_round(w);
    }
    end(v, start[0], blocks, LANES);
    end(w, start[1], blocks + LANES, count - LANES);
}

void tw_lanes_blocks_avx512(const struct tw_lanes_block *blocks, uint32_t count)
{
    if (count > LANES)
        blocks_32(blocks, count);
    else
        blocks_16(blocks, count);
}
