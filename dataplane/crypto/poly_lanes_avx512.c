/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Poly1305 of 8 or 16 packets at once: one packet per 64-bit lane, numbers of 130 bits as three
 * limbs of 44, 44 and 42 bits, multiplied by AVX-512 IFMA (52 x 52 bits). Needs F, BW, VL, IFMA.
 *
 *                 lane 0      lane 1            lane 7
 *               +-----------+-----------+ ... +-----------+
 *     h0, r0    | packet A  | packet B  |     | packet H  |  bits   0.. 43
 *     h1, r1    |           |           |     |           |  bits  44.. 87
 *     h2, r2    |           |           |     |           |  bits  88..129
 *               +-----------+-----------+ ... +-----------+
 *     s1 = 20 r1, s2 = 20 r2: what goes beyond 2^132 returns times 4 * 5 (2^130 = 5 mod p)
 *
 * All lanes take the header first, then as many 16-byte pieces of ciphertext as the longest packet
 * has (a lane whose packet has ended keeps its h), then the lengths. The AEAD pads everything to
 * whole pieces, so every piece counts as full. Two octets of packets go side by side, since one
 * alone waits for the multiplier most of the time.
 */
#include "dataplane/crypto/lanes.h"

#include <immintrin.h>
#include <string.h>

#define OCTET      8u
#define LIMB_44    UINT64_C(0xfffffffffff)
#define LIMB_42    UINT64_C(0x3ffffffffff)
#define CHUNK_SIZE 64u /* one load per lane: 4 pieces */

struct octet {
    __m512i h0, h1, h2;
    __m512i r0, r1, r2, s1, s2;
    __m512i pieces; /* of ciphertext, per lane */
};

/* 16 bytes of 8 packets: little-endian halves. */
struct piece {
    __m512i low, high;
};

static inline __m512i splat(uint64_t value)
{
    return _mm512_set1_epi64((long long)value);
}

static inline __m512i select_and(__m512i value, uint64_t mask)
{
    return _mm512_and_si512(value, splat(mask));
}

static inline __m512i times_5(__m512i value)
{
    return _mm512_add_epi64(value, _mm512_slli_epi64(value, 2));
}

static inline __m512i middle_limb(struct piece piece)
{
    __m512i both =
        _mm512_or_si512(_mm512_srli_epi64(piece.low, 44), _mm512_slli_epi64(piece.high, 20));
    return select_and(both, LIMB_44);
}

/*
 * h = (h + piece) * r. Carries go one limb on only. Sizes that hold before and after, with r
 * clamped (r0, r1 < 2^44, r2 < 2^36, s1 < 2^48.4, s2 < 2^40.4):
 *   h0 < 2^50.6, h1 < 2^44.1, h2 < 2^42.1; h + piece: a0 < 2^51, a1 < 2^45.1, a2 < 2^42.7
 *   low sums < 3 * 2^52; high0, high1 < 2^43.2, high2 < 2^37.9, so nothing passes 64 bits and no
 *   factor 52; the last carry: 5 (2^12 + 2^37.9 * 2^10) < 2^50.5.
 */
static inline void absorb(struct octet *o, struct piece piece)
{
    const __m512i zero = _mm512_setzero_si512();
    __m512i a0 = _mm512_add_epi64(o->h0, select_and(piece.low, LIMB_44));
    __m512i a1 = _mm512_add_epi64(o->h1, middle_limb(piece));
    __m512i top = _mm512_or_si512(_mm512_srli_epi64(piece.high, 24), splat(UINT64_C(1) << 40));
    __m512i a2 = _mm512_add_epi64(o->h2, top);

    __m512i low0 = _mm512_madd52lo_epu64(zero, a0, o->r0);
    __m512i low1 = _mm512_madd52lo_epu64(zero, a0, o->r1);
    __m512i low2 = _mm512_madd52lo_epu64(zero, a0, o->r2);
    __m512i high0 = _mm512_madd52hi_epu64(zero, a0, o->r0);
    __m512i high1 = _mm512_madd52hi_epu64(zero, a0, o->r1);
    __m512i high2 = _mm512_madd52hi_epu64(zero, a0, o->r2);
    low0 = _mm512_madd52lo_epu64(low0, a1, o->s2);
    low1 = _mm512_madd52lo_epu64(low1, a1, o->r0);
    low2 = _mm512_madd52lo_epu64(low2, a1, o->r1);
    high0 = _mm512_madd52hi_epu64(high0, a1, o->s2);
    high1 = _mm512_madd52hi_epu64(high1, a1, o->r0);
    high2 = _mm512_madd52hi_epu64(high2, a1, o->r1);
    low0 = _mm512_madd52lo_epu64(low0, a2, o->s1);
    low1 = _mm512_madd52lo_epu64(low1, a2, o->s2);
    low2 = _mm512_madd52lo_epu64(low2, a2, o->r0);
    high0 = _mm512_madd52hi_epu64(high0, a2, o->s1);
    high1 = _mm512_madd52hi_epu64(high1, a2, o->s2);
    high2 = _mm512_madd52hi_epu64(high2, a2, o->r0);

    /* A high half weighs 2^52: 2^8 in the next limb, and above the last 2^10 times 2^130. */
    low1 = _mm512_add_epi64(low1, _mm512_slli_epi64(high0, 8));
    low2 = _mm512_add_epi64(low2, _mm512_slli_epi64(high1, 8));
    __m512i over = _mm512_add_epi64(_mm512_srli_epi64(low2, 42), _mm512_slli_epi64(high2, 10));
    o->h0 = _mm512_add_epi64(select_and(low0, LIMB_44), times_5(over));
    o->h1 = _mm512_add_epi64(select_and(low1, LIMB_44), _mm512_srli_epi64(low0, 44));
    o->h2 = _mm512_add_epi64(select_and(low2, LIMB_42), _mm512_srli_epi64(low1, 44));
}

/* Only lanes that have a piece of this number. */
static inline void absorb_where(struct octet *o, struct piece piece, uint32_t number)
{
    __mmask8 has = _mm512_cmpgt_epi64_mask(o->pieces, splat(number));
    __m512i h0 = o->h0, h1 = o->h1, h2 = o->h2;
    absorb(o, piece);
    o->h0 = _mm512_mask_mov_epi64(h0, has, o->h0);
    o->h1 = _mm512_mask_mov_epi64(h1, has, o->h1);
    o->h2 = _mm512_mask_mov_epi64(h2, has, o->h2);
}

/* pairs[i] holds halves of lanes 2 i and 2 i + 1, piece k in quarter k; out[k] piece k. */
static inline void turn_quarters(__m512i out[4], const __m512i pairs[4])
{
    __m512i low01 = _mm512_shuffle_i32x4(pairs[0], pairs[1], _MM_SHUFFLE(1, 0, 1, 0));
    __m512i high01 = _mm512_shuffle_i32x4(pairs[0], pairs[1], _MM_SHUFFLE(3, 2, 3, 2));
    __m512i low23 = _mm512_shuffle_i32x4(pairs[2], pairs[3], _MM_SHUFFLE(1, 0, 1, 0));
    __m512i high23 = _mm512_shuffle_i32x4(pairs[2], pairs[3], _MM_SHUFFLE(3, 2, 3, 2));
    out[0] = _mm512_shuffle_i32x4(low01, low23, _MM_SHUFFLE(2, 0, 2, 0));
    out[1] = _mm512_shuffle_i32x4(low01, low23, _MM_SHUFFLE(3, 1, 3, 1));
    out[2] = _mm512_shuffle_i32x4(high01, high23, _MM_SHUFFLE(2, 0, 2, 0));
    out[3] = _mm512_shuffle_i32x4(high01, high23, _MM_SHUFFLE(3, 1, 3, 1));
}

static inline void turn_rows(struct piece out[4], const __m512i rows[OCTET])
{
    __m512i low[4], high[4], lows[4], highs[4];
    for (unsigned i = 0; i < 4; i++) {
        low[i] = _mm512_unpacklo_epi64(rows[2 * i], rows[2 * i + 1]);
        high[i] = _mm512_unpackhi_epi64(rows[2 * i], rows[2 * i + 1]);
    }
    turn_quarters(lows, low);
    turn_quarters(highs, high);
    for (unsigned i = 0; i < 4; i++)
        out[i] = (struct piece){lows[i], highs[i]};
}

static inline void load_chunk(struct piece out[4], const struct tw_lanes_mac *const at[OCTET],
                              uint32_t chunk)
{
    __m512i rows[OCTET];
    for (unsigned i = 0; i < OCTET; i++)
        rows[i] = _mm512_loadu_si512(at[i]->packet + TW_HEADER_SIZE + (size_t)chunk * CHUNK_SIZE);
    turn_rows(out, rows);
}

/* The same at and after the end of some lanes' ciphertext: zeros from there on. */
static inline void load_last_chunk(struct piece out[4], const struct tw_lanes_mac *const at[OCTET],
                                   uint32_t chunk)
{
    __m512i rows[OCTET];
    for (unsigned i = 0; i < OCTET; i++) {
        uint64_t size = at[i]->size, begin = (uint64_t)chunk * CHUNK_SIZE;
        begin = begin < size ? begin : size;
        uint64_t left = size - begin;
        __mmask64 bytes = left < CHUNK_SIZE ? (UINT64_C(1) << left) - 1 : UINT64_MAX;
        rows[i] = _mm512_maskz_loadu_epi8(bytes, at[i]->packet + TW_HEADER_SIZE + begin);
    }
    turn_rows(out, rows);
}

static inline __m512i two_rows(const uint8_t *low, const uint8_t *high)
{
    __m256i first = _mm256_loadu_si256((const __m256i *)low);
    __m256i second = _mm256_loadu_si256((const __m256i *)high);
    return _mm512_inserti64x4(_mm512_castsi256_si512(first), second, 1);
}

/* The keys of 8 lanes: out[0] = r, out[1] = s. */
static inline void load_keys(struct piece out[2], const struct tw_lanes_mac *const at[OCTET])
{
    __m512i row0 = two_rows(at[0]->key, at[2]->key);
    __m512i row1 = two_rows(at[1]->key, at[3]->key);
    __m512i row4 = two_rows(at[4]->key, at[6]->key);
    __m512i row5 = two_rows(at[5]->key, at[7]->key);
    __m512i low = _mm512_unpacklo_epi64(row0, row1), low4 = _mm512_unpacklo_epi64(row4, row5);
    __m512i high = _mm512_unpackhi_epi64(row0, row1), high4 = _mm512_unpackhi_epi64(row4, row5);
    out[0].low = _mm512_shuffle_i32x4(low, low4, _MM_SHUFFLE(2, 0, 2, 0));
    out[0].high = _mm512_shuffle_i32x4(high, high4, _MM_SHUFFLE(2, 0, 2, 0));
    out[1].low = _mm512_shuffle_i32x4(low, low4, _MM_SHUFFLE(3, 1, 3, 1));
    out[1].high = _mm512_shuffle_i32x4(high, high4, _MM_SHUFFLE(3, 1, 3, 1));
}

static inline struct piece load_headers(const struct tw_lanes_mac *const at[OCTET])
{
    uint64_t low[OCTET], high[OCTET];
    for (unsigned i = 0; i < OCTET; i++) {
        memcpy(&low[i], at[i]->packet, 8);
        memcpy(&high[i], at[i]->packet + TW_HEADER_SIZE - 8, 8);
    }
    return (struct piece){_mm512_loadu_si512(low), _mm512_srli_epi64(_mm512_loadu_si512(high), 16)};
}

static inline void start(struct octet *o, const struct tw_lanes_mac *const at[OCTET])
{
    struct piece keys[2];
    load_keys(keys, at);
    keys[0].low = select_and(keys[0].low, UINT64_C(0x0ffffffc0fffffff));
    keys[0].high = select_and(keys[0].high, UINT64_C(0x0ffffffc0ffffffc));
    o->r0 = select_and(keys[0].low, LIMB_44);
    o->r1 = middle_limb(keys[0]);
    o->r2 = _mm512_srli_epi64(keys[0].high, 24);
    o->s1 = _mm512_slli_epi64(times_5(o->r1), 2);
    o->s2 = _mm512_slli_epi64(times_5(o->r2), 2);
    o->h0 = o->h1 = o->h2 = _mm512_setzero_si512();
    uint64_t pieces[OCTET];
    for (unsigned i = 0; i < OCTET; i++)
        pieces[i] = ((uint64_t)at[i]->size + TW_LANES_PIECE_SIZE - 1) / TW_LANES_PIECE_SIZE;
    o->pieces = _mm512_loadu_si512(pieces);
    absorb(o, load_headers(at));
}

/* Moves what a limb has above its bits to the next one. */
#define CARRY(from, to, bits, mask)                                                                \
    do {                                                                                           \
        to = _mm512_add_epi64(to, _mm512_srli_epi64(from, bits));                                  \
        from = select_and(from, mask);                                                             \
    } while (0)
#define CARRY_AROUND(h0, h2)                                                                       \
    do {                                                                                           \
        h0 = _mm512_add_epi64(h0, times_5(_mm512_srli_epi64(h2, 42)));                             \
        h2 = select_and(h2, LIMB_42);                                                              \
    } while (0)

/* h mod 2^130 - 5, plus s, mod 2^128. */
static inline struct piece finish(struct octet *o, struct piece s)
{
    __m512i h0 = o->h0, h1 = o->h1, h2 = o->h2;
    for (unsigned i = 0; i < 2; i++) {
        CARRY(h0, h1, 44, LIMB_44);
        CARRY(h1, h2, 44, LIMB_44);
        CARRY_AROUND(h0, h2);
    }
    CARRY(h0, h1, 44, LIMB_44);
    CARRY(h1, h2, 44, LIMB_44);
    /* h + 5 reaches 2^130 exactly where h >= p: then its lower bits are h - p. */
    __m512i g0 = _mm512_add_epi64(h0, splat(5)), g1 = h1, g2 = h2;
    CARRY(g0, g1, 44, LIMB_44);
    CARRY(g1, g2, 44, LIMB_44);
    __mmask8 reduced = _mm512_cmpgt_epu64_mask(g2, splat(LIMB_42));
    h0 = _mm512_mask_mov_epi64(h0, reduced, g0);
    h1 = _mm512_mask_mov_epi64(h1, reduced, g1);
    h2 = _mm512_mask_mov_epi64(h2, reduced, g2);

    __m512i low = _mm512_or_si512(h0, _mm512_slli_epi64(h1, 44));
    __m512i high = _mm512_or_si512(_mm512_srli_epi64(h1, 20), _mm512_slli_epi64(h2, 24));
    low = _mm512_add_epi64(low, s.low);
    __mmask8 carry = _mm512_cmplt_epu64_mask(low, s.low);
    high = _mm512_add_epi64(high, s.high);
    high = _mm512_mask_add_epi64(high, carry, high, splat(1));
    return (struct piece){low, high};
}

static inline void put_tags(struct tw_lanes_mac *macs, uint32_t count, struct piece tags)
{
    uint64_t low[OCTET], high[OCTET];
    _mm512_storeu_si512(low, tags.low);
    _mm512_storeu_si512(high, tags.high);
    for (unsigned i = 0; i < OCTET && i < count; i++) {
        memcpy(macs[i].tag, &low[i], 8);
        memcpy(macs[i].tag + 8, &high[i], 8);
    }
}

/* Up to `octets` * 8 macs; octets (1 or 2) is a constant where this is inlined. */
static inline __attribute__((always_inline)) void tags_of(struct tw_lanes_mac *macs, uint32_t count,
                                                          unsigned octets)
{
    const struct tw_lanes_mac *at[2][OCTET];
    uint32_t shortest = UINT32_MAX, longest = 0;
    for (unsigned i = 0; i < octets * OCTET; i++) {
        const struct tw_lanes_mac *mac = &macs[i < count ? i : 0];
        at[i / OCTET][i % OCTET] = mac;
        shortest = mac->size < shortest ? mac->size : shortest;
        longest = mac->size > longest ? mac->size : longest;
    }
    struct octet o[2];
    struct piece piece[2][4];
    for (unsigned k = 0; k < octets; k++)
        start(&o[k], at[k]);
    uint32_t chunk = 0;
    for (; chunk < shortest / CHUNK_SIZE; chunk++) {
        for (unsigned k = 0; k < octets; k++)
            load_chunk(piece[k], at[k], chunk);
        for (unsigned i = 0; i < 4; i++)
            for (unsigned k = 0; k < octets; k++)
                absorb(&o[k], piece[k][i]);
    }
    uint32_t pieces = longest / TW_LANES_PIECE_SIZE + (longest % TW_LANES_PIECE_SIZE != 0);
    for (uint32_t number = chunk * 4; number < pieces; number++) {
        if (number % 4 == 0)
            for (unsigned k = 0; k < octets; k++)
                load_last_chunk(piece[k], at[k], number / 4);
        for (unsigned k = 0; k < octets; k++)
            absorb_where(&o[k], piece[k][number % 4], number);
    }
    for (unsigned k = 0; k < octets; k++) {
        uint64_t sizes[OCTET];
        for (unsigned i = 0; i < OCTET; i++)
            sizes[i] = at[k][i]->size;
        absorb(&o[k], (struct piece){splat(TW_HEADER_SIZE), _mm512_loadu_si512(sizes)});
        if (k * OCTET < count) {
            struct piece keys[2];
            load_keys(keys, at[k]);
            put_tags(macs + k * OCTET, count - k * OCTET, finish(&o[k], keys[1]));
        }
    }
}

void tw_lanes_tags_avx512(struct tw_lanes_mac *macs, uint32_t count)
{
    while (count > OCTET) {
        uint32_t part = count < 2 * OCTET ? count : 2 * OCTET;
        tags_of(macs, part, 2);
        macs += part;
        count -= part;
    }
    if (count > 0)
        tags_of(macs, count, 1);
}
