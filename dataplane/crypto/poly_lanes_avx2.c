/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Poly1305 of 4 packets at once with AVX2: one packet per 64-bit lane, numbers of 130 bits as
 * five limbs of 26 bits, multiplied 32 x 32 bits.
 *
 *                 lane 0      lane 1      lane 2      lane 3
 *               +-----------+-----------+-----------+-----------+
 *     h[0] r[0] | packet A  | packet B  | packet C  | packet D  |  bits   0.. 25
 *     h[1] r[1] |           |           |           |           |  bits  26.. 51
 *     ...       |           |           |           |           |
 *     h[4] r[4] |           |           |           |           |  bits 104..129
 *               +-----------+-----------+-----------+-----------+
 *     s[i] = 5 r[i]: what goes beyond 2^130 returns times 5
 *
 * Order of the work and treatment of packets that end early: see poly_lanes_avx512.c.
 */
#include "dataplane/crypto/lanes.h"

#include <immintrin.h>
#include <string.h>

#define QUAD       4u
#define LIMBS      5u
#define LIMB_MASK  UINT64_C(0x3ffffff)
#define CHUNK_SIZE 32u /* one load per lane: 2 pieces */

struct quad {
    __m256i h[LIMBS], r[LIMBS], s[LIMBS];
    __m256i pieces; /* of ciphertext, per lane */
};

/* 16 bytes of 4 packets: little-endian halves. */
struct piece {
    __m256i low, high;
};

static inline __m256i splat(uint64_t value)
{
    return _mm256_set1_epi64x((long long)value);
}

static inline __m256i limb_of(__m256i value)
{
    return _mm256_and_si256(value, splat(LIMB_MASK));
}

static inline __m256i times_5(__m256i value)
{
    return _mm256_add_epi64(value, _mm256_slli_epi64(value, 2));
}

/* 128 bits as limbs. */
static inline void split(__m256i limbs[LIMBS], struct piece piece)
{
    __m256i middle =
        _mm256_or_si256(_mm256_srli_epi64(piece.low, 52), _mm256_slli_epi64(piece.high, 12));
    limbs[0] = limb_of(piece.low);
    limbs[1] = limb_of(_mm256_srli_epi64(piece.low, 26));
    limbs[2] = limb_of(middle);
    limbs[3] = limb_of(_mm256_srli_epi64(piece.high, 14));
    limbs[4] = _mm256_srli_epi64(piece.high, 40);
}

/* Moves what a limb has above its bits to the next one. */
static inline void carry(__m256i *from, __m256i *to)
{
    *to = _mm256_add_epi64(*to, _mm256_srli_epi64(*from, 26));
    *from = limb_of(*from);
}

static inline void carry_around(__m256i h[LIMBS])
{
    h[0] = _mm256_add_epi64(h[0], times_5(_mm256_srli_epi64(h[4], 26)));
    h[4] = limb_of(h[4]);
}

/*
 * h = (h + piece) * r. Before and after, every limb of h is below 2^26 + 2^10; with the piece
 * below 2^27.1. r < 2^26 and s < 2^28.4 are factors of 32 bits; five products are below 2^58, and
 * their carries times 5 below 2^35.
 */
static inline void absorb(struct quad *q, struct piece piece)
{
    __m256i a[LIMBS], d[LIMBS];
    split(a, piece);
    a[4] = _mm256_or_si256(a[4], splat(UINT64_C(1) << 24));
    for (unsigned i = 0; i < LIMBS; i++)
        a[i] = _mm256_add_epi64(a[i], q->h[i]);
    for (unsigned k = 0; k < LIMBS; k++) {
        d[k] = _mm256_mul_epu32(a[0], q->r[k]);
        for (unsigned i = 1; i < LIMBS; i++) {
            __m256i factor = i <= k ? q->r[k - i] : q->s[k + LIMBS - i];
            d[k] = _mm256_add_epi64(d[k], _mm256_mul_epu32(a[i], factor));
        }
    }
    /* Two chains of carries beside each other: 0 1 2 3 4 and 3 4 0 1. */
    carry(&d[0], &d[1]);
    carry(&d[3], &d[4]);
    carry(&d[1], &d[2]);
    carry_around(d);
    carry(&d[2], &d[3]);
    carry(&d[0], &d[1]);
    carry(&d[3], &d[4]);
    for (unsigned i = 0; i < LIMBS; i++)
        q->h[i] = d[i];
}

/* Only lanes that have a piece of this number. */
static inline void absorb_where(struct quad *q, struct piece piece, uint32_t number)
{
    __m256i has = _mm256_cmpgt_epi64(q->pieces, splat(number)), before[LIMBS];
    for (unsigned i = 0; i < LIMBS; i++)
        before[i] = q->h[i];
    absorb(q, piece);
    for (unsigned i = 0; i < LIMBS; i++)
        q->h[i] = _mm256_blendv_epi8(before[i], q->h[i], has);
}

/* rows[lane] of two pieces each. */
static inline void turn_rows(struct piece out[2], const __m256i rows[QUAD])
{
    __m256i low01 = _mm256_unpacklo_epi64(rows[0], rows[1]);
    __m256i low23 = _mm256_unpacklo_epi64(rows[2], rows[3]);
    __m256i high01 = _mm256_unpackhi_epi64(rows[0], rows[1]);
    __m256i high23 = _mm256_unpackhi_epi64(rows[2], rows[3]);
    out[0].low = _mm256_permute2x128_si256(low01, low23, 0x20);
    out[0].high = _mm256_permute2x128_si256(high01, high23, 0x20);
    out[1].low = _mm256_permute2x128_si256(low01, low23, 0x31);
    out[1].high = _mm256_permute2x128_si256(high01, high23, 0x31);
}

static inline void load_chunk(struct piece out[2], const struct tw_lanes_mac *const at[QUAD],
                              uint32_t chunk)
{
    __m256i rows[QUAD];
    for (unsigned i = 0; i < QUAD; i++) {
        const uint8_t *text = at[i]->packet + TW_HEADER_SIZE + (size_t)chunk * CHUNK_SIZE;
        rows[i] = _mm256_loadu_si256((const __m256i *)text);
    }
    turn_rows(out, rows);
}

/* 16 bytes from here + 16 - n keep the first n of a piece. */
static const uint8_t keep[2 * TW_LANES_PIECE_SIZE] = {
    0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
};

/* One piece where some lanes' ciphertext has ended: zeros from there on. Reads into the tag. */
static inline struct piece load_last_piece(const struct tw_lanes_mac *const at[QUAD],
                                           uint32_t number)
{
    __m128i row[QUAD];
    for (unsigned i = 0; i < QUAD; i++) {
        uint64_t size = at[i]->size, begin = (uint64_t)number * TW_LANES_PIECE_SIZE;
        begin = begin < size ? begin : size;
        uint64_t left = size - begin;
        left = left < TW_LANES_PIECE_SIZE ? left : TW_LANES_PIECE_SIZE;
        const uint8_t *text = at[i]->packet + TW_HEADER_SIZE + begin;
        __m128i mask = _mm_loadu_si128((const __m128i *)(keep + TW_LANES_PIECE_SIZE - left));
        row[i] = _mm_and_si128(_mm_loadu_si128((const __m128i *)text), mask);
    }
    __m256i even = _mm256_inserti128_si256(_mm256_castsi128_si256(row[0]), row[2], 1);
    __m256i odd = _mm256_inserti128_si256(_mm256_castsi128_si256(row[1]), row[3], 1);
    return (struct piece){_mm256_unpacklo_epi64(even, odd), _mm256_unpackhi_epi64(even, odd)};
}

static inline struct piece load_headers(const struct tw_lanes_mac *const at[QUAD])
{
    uint64_t low[QUAD], high[QUAD];
    for (unsigned i = 0; i < QUAD; i++) {
        memcpy(&low[i], at[i]->packet, 8);
        memcpy(&high[i], at[i]->packet + TW_HEADER_SIZE - 8, 8);
    }
    return (struct piece){
        _mm256_loadu_si256((const __m256i *)low),
        _mm256_srli_epi64(_mm256_loadu_si256((const __m256i *)high), 16),
    };
}

/* The keys of 4 lanes: out[0] = r, out[1] = s. */
static inline void load_keys(struct piece out[2], const struct tw_lanes_mac *const at[QUAD])
{
    __m256i rows[QUAD];
    for (unsigned i = 0; i < QUAD; i++)
        rows[i] = _mm256_loadu_si256((const __m256i *)at[i]->key);
    turn_rows(out, rows);
}

static inline void start(struct quad *q, const struct tw_lanes_mac *const at[QUAD])
{
    struct piece keys[2];
    load_keys(keys, at);
    keys[0].low = _mm256_and_si256(keys[0].low, splat(UINT64_C(0x0ffffffc0fffffff)));
    keys[0].high = _mm256_and_si256(keys[0].high, splat(UINT64_C(0x0ffffffc0ffffffc)));
    split(q->r, keys[0]);
    for (unsigned i = 0; i < LIMBS; i++) {
        q->s[i] = times_5(q->r[i]);
        q->h[i] = _mm256_setzero_si256();
    }
    uint64_t pieces[QUAD];
    for (unsigned i = 0; i < QUAD; i++)
        pieces[i] = ((uint64_t)at[i]->size + TW_LANES_PIECE_SIZE - 1) / TW_LANES_PIECE_SIZE;
    q->pieces = _mm256_loadu_si256((const __m256i *)pieces);
    absorb(q, load_headers(at));
}

/* Unsigned a < b, both below 2^64: all ones or zero. */
static inline __m256i below(__m256i a, __m256i b)
{
    __m256i sign = splat(UINT64_C(1) << 63);
    return _mm256_cmpgt_epi64(_mm256_xor_si256(b, sign), _mm256_xor_si256(a, sign));
}

/* h mod 2^130 - 5, plus s, mod 2^128. */
static inline struct piece finish(const struct quad *q, struct piece s)
{
    __m256i h[LIMBS], g[LIMBS];
    for (unsigned i = 0; i < LIMBS; i++)
        h[i] = q->h[i];
    for (unsigned pass = 0; pass < 2; pass++) {
        for (unsigned i = 0; i + 1 < LIMBS; i++)
            carry(&h[i], &h[i + 1]);
        carry_around(h);
    }
    for (unsigned i = 0; i + 1 < LIMBS; i++)
        carry(&h[i], &h[i + 1]);
    /* h + 5 reaches 2^130 exactly where h >= p: then its lower bits are h - p. */
    for (unsigned i = 0; i < LIMBS; i++)
        g[i] = h[i];
    g[0] = _mm256_add_epi64(g[0], splat(5));
    for (unsigned i = 0; i + 1 < LIMBS; i++)
        carry(&g[i], &g[i + 1]);
    __m256i reduced = _mm256_cmpgt_epi64(g[4], splat(LIMB_MASK));
    for (unsigned i = 0; i < LIMBS; i++)
        h[i] = _mm256_blendv_epi8(h[i], g[i], reduced);

    __m256i low = _mm256_or_si256(h[0], _mm256_slli_epi64(h[1], 26));
    low = _mm256_or_si256(low, _mm256_slli_epi64(h[2], 52));
    __m256i high = _mm256_or_si256(_mm256_srli_epi64(h[2], 12), _mm256_slli_epi64(h[3], 14));
    high = _mm256_or_si256(high, _mm256_slli_epi64(h[4], 40));
    low = _mm256_add_epi64(low, s.low);
    high = _mm256_add_epi64(high, s.high);
    high = _mm256_sub_epi64(high, below(low, s.low)); /* the carry is -1 there */
    return (struct piece){low, high};
}

static inline void put_tags(struct tw_lanes_mac *macs, uint32_t count, struct piece tags)
{
    uint64_t low[QUAD], high[QUAD];
    _mm256_storeu_si256((__m256i *)low, tags.low);
    _mm256_storeu_si256((__m256i *)high, tags.high);
    for (unsigned i = 0; i < QUAD && i < count; i++) {
        memcpy(macs[i].tag, &low[i], 8);
        memcpy(macs[i].tag + 8, &high[i], 8);
    }
}

/* Up to 4 macs. */
static void tags_of(struct tw_lanes_mac *macs, uint32_t count)
{
    const struct tw_lanes_mac *at[QUAD];
    uint32_t shortest = UINT32_MAX, longest = 0;
    for (unsigned i = 0; i < QUAD; i++) {
        at[i] = &macs[i < count ? i : 0];
        shortest = at[i]->size < shortest ? at[i]->size : shortest;
        longest = at[i]->size > longest ? at[i]->size : longest;
    }
    struct quad q;
    struct piece piece[2];
    start(&q, at);
    uint32_t chunk = 0;
    for (; chunk < shortest / CHUNK_SIZE; chunk++) {
        load_chunk(piece, at, chunk);
        absorb(&q, piece[0]);
        absorb(&q, piece[1]);
    }
    uint32_t pieces = longest / TW_LANES_PIECE_SIZE + (longest % TW_LANES_PIECE_SIZE != 0);
    for (uint32_t number = chunk * 2; number < pieces; number++)
        absorb_where(&q, load_last_piece(at, number), number);
    uint64_t sizes[QUAD];
    for (unsigned i = 0; i < QUAD; i++)
        sizes[i] = at[i]->size;
    absorb(&q, (struct piece){splat(TW_HEADER_SIZE), _mm256_loadu_si256((const __m256i *)sizes)});
    struct piece keys[2];
    load_keys(keys, at);
    put_tags(macs, count, finish(&q, keys[1]));
}

void tw_lanes_tags_avx2(struct tw_lanes_mac *macs, uint32_t count)
{
    for (uint32_t i = 0; i < count; i += QUAD)
        tags_of(macs + i, count - i < QUAD ? count - i : QUAD);
}
