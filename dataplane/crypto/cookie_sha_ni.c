/* SPDX-License-Identifier: BSD-3-Clause */
#include "dataplane/crypto/cookie_sha_ni.h"

#if defined(__x86_64__)
#include <cpuid.h>
#include <immintrin.h>
#include <sodium.h>
#include <string.h>

#define BLOCK_SIZE 64u
#define SHA_NI     __attribute__((target("sha,sse4.1,ssse3")))

/* Hash words in the order of the instructions' lanes, lowest first. */
struct state {
    uint32_t feba[4];
    uint32_t hgdc[4];
} __attribute__((aligned(16)));

/* What is kept of a key: the state after its inner and after its outer pad. */
struct prepared {
    struct state inner, outer;
};
static_assert(sizeof(struct prepared) <= TW_COOKIE_PREPARED_SIZE, "fits");

static const struct state initial = {
    .feba = {0x9b05688c, 0x510e527f, 0xbb67ae85, 0x6a09e667},
    .hgdc = {0x5be0cd19, 0x1f83d9ab, 0xa54ff53a, 0x3c6ef372},
};

static const uint32_t round_constants[64] __attribute__((aligned(16))) = {
    0x428a2f98, 0x71374491, 0xb5c0fbcf, 0xe9b5dba5, 0x3956c25b, 0x59f111f1, 0x923f82a4, 0xab1c5ed5,
    0xd807aa98, 0x12835b01, 0x243185be, 0x550c7dc3, 0x72be5d74, 0x80deb1fe, 0x9bdc06a7, 0xc19bf174,
    0xe49b69c1, 0xefbe4786, 0x0fc19dc6, 0x240ca1cc, 0x2de92c6f, 0x4a7484aa, 0x5cb0a9dc, 0x76f988da,
    0x983e5152, 0xa831c66d, 0xb00327c8, 0xbf597fc7, 0xc6e00bf3, 0xd5a79147, 0x06ca6351, 0x14292967,
    0x27b70a85, 0x2e1b2138, 0x4d2c6dfc, 0x53380d13, 0x650a7354, 0x766a0abb, 0x81c2c92e, 0x92722c85,
    0xa2bfe8a1, 0xa81a664b, 0xc24b8b70, 0xc76c51a3, 0xd192e819, 0xd6990624, 0xf40e3585, 0x106aa070,
    0x19a4c116, 0x1e376c08, 0x2748774c, 0x34b0bcb5, 0x391c0cb3, 0x4ed8aa4a, 0x5b9cca4f, 0x682e6ff3,
    0x748f82ee, 0x78a5636f, 0x84c87814, 0x8cc70208, 0x90befffa, 0xa4506ceb, 0xbef9a3f7, 0xc67178f2,
};

SHA_NI static inline __m128i load(const void *from)
{
    return _mm_load_si128(from);
}

/* Swaps the bytes of each 32-bit word: SHA-256 reads big-endian. */
SHA_NI static inline __m128i swap_words(__m128i words)
{
    return _mm_shuffle_epi8(words, _mm_set_epi64x(0x0c0d0e0f08090a0b, 0x0405060700010203));
}

/* The four schedule words that follow sixteen others. */
SHA_NI static inline __m128i next_words(const __m128i words[4])
{
    __m128i seven_back = _mm_alignr_epi8(words[3], words[2], 4);
    __m128i sum = _mm_add_epi32(_mm_sha256msg1_epu32(words[0], words[1]), seven_back);
    return _mm_sha256msg2_epu32(sum, words[3]);
}

struct running {
    __m128i feba, hgdc, words[4];
};

SHA_NI static inline void begin_block(struct running *run, const struct state *state,
                                      const uint8_t block[BLOCK_SIZE])
{
    run->feba = load(state->feba);
    run->hgdc = load(state->hgdc);
    for (int i = 0; i < 4; i++)
        run->words[i] = swap_words(_mm_loadu_si128((const void *)(block + 16 * i)));
}

SHA_NI static inline void four_rounds(struct running *run, __m128i constants)
{
    __m128i sum = _mm_add_epi32(run->words[0], constants);
    run->hgdc = _mm_sha256rnds2_epu32(run->hgdc, run->feba, sum);
    run->feba = _mm_sha256rnds2_epu32(run->feba, run->hgdc, _mm_shuffle_epi32(sum, 0x0e));
    __m128i next = next_words(run->words);
    run->words[0] = run->words[1];
    run->words[1] = run->words[2];
    run->words[2] = run->words[3];
    run->words[3] = next;
}

SHA_NI static inline struct state end_block(const struct running *run, const struct state *before)
{
    struct state after;
    _mm_store_si128((void *)after.feba, _mm_add_epi32(run->feba, load(before->feba)));
    _mm_store_si128((void *)after.hgdc, _mm_add_epi32(run->hgdc, load(before->hgdc)));
    return after;
}

SHA_NI static struct state compress(const struct state *state, const uint8_t block[BLOCK_SIZE])
{
    struct running run;
    begin_block(&run, state, block);
#pragma GCC unroll 16
    for (int i = 0; i < 16; i++)
        four_rounds(&run, load(round_constants + 4 * i));
    return end_block(&run, state);
}

/* Each round waits for the one before it: two hashes side by side fill the time. */
SHA_NI static void compress_pair(struct state after[2], const struct state before[2],
                                 const uint8_t blocks[2][BLOCK_SIZE])
{
    struct running first, second;
    begin_block(&first, &before[0], blocks[0]);
    begin_block(&second, &before[1], blocks[1]);
#pragma GCC unroll 16
    for (int i = 0; i < 16; i++) {
        __m128i constants = load(round_constants + 4 * i);
        four_rounds(&first, constants);
        four_rounds(&second, constants);
    }
    after[0] = end_block(&first, &before[0]);
    after[1] = end_block(&second, &before[1]);
}

SHA_NI static void write_hash(uint8_t hash[TW_HASH_SIZE], const struct state *state)
{
    __m128i feba = load(state->feba), hgdc = load(state->hgdc);
    __m128i abef = _mm_shuffle_epi32(feba, 0x1b), cdgh = _mm_shuffle_epi32(hgdc, 0x1b);
    _mm_storeu_si128((void *)hash, swap_words(_mm_unpacklo_epi64(abef, cdgh)));
    _mm_storeu_si128((void *)(hash + 16), swap_words(_mm_unpackhi_epi64(abef, cdgh)));
}

/* `size` bytes stand in the block, after one full block: ends the message. */
static void pad(uint8_t block[BLOCK_SIZE], uint32_t size)
{
    uint32_t bits = (BLOCK_SIZE + size) * 8u;
    memset(block + size, 0, BLOCK_SIZE - size);
    block[size] = 0x80;
    block[BLOCK_SIZE - 2] = (uint8_t)(bits >> 8);
    block[BLOCK_SIZE - 1] = (uint8_t)bits;
}

static struct state pad_state(const uint8_t key[TW_KEY_SIZE], uint8_t byte)
{
    uint8_t block[BLOCK_SIZE];
    memset(block, byte, sizeof(block));
    for (uint32_t i = 0; i < TW_KEY_SIZE; i++)
        block[i] ^= key[i];
    struct state state = compress(&initial, block);
    sodium_memzero(block, sizeof(block));
    return state;
}

static void prepare(uint8_t prepared[TW_COOKIE_PREPARED_SIZE], const uint8_t key[TW_KEY_SIZE])
{
    struct prepared made = {.inner = pad_state(key, 0x36), .outer = pad_state(key, 0x5c)};
    memcpy(prepared, &made, sizeof(made));
    sodium_memzero(&made, sizeof(made));
}

static void mac(uint8_t out[TW_HASH_SIZE], const uint8_t prepared[TW_COOKIE_PREPARED_SIZE],
                const uint8_t input[TW_COOKIE_INPUT])
{
    const struct prepared *key = (const void *)prepared;
    uint8_t block[BLOCK_SIZE];
    memcpy(block, input, TW_COOKIE_INPUT);
    pad(block, TW_COOKIE_INPUT);
    struct state state = compress(&key->inner, block);
    write_hash(block, &state);
    pad(block, TW_HASH_SIZE);
    state = compress(&key->outer, block);
    write_hash(out, &state);
}

static void mac_pair(uint8_t out[2][TW_HASH_SIZE], const uint8_t prepared[TW_COOKIE_PREPARED_SIZE],
                     const uint8_t inputs[2][TW_COOKIE_INPUT])
{
    const struct prepared *key = (const void *)prepared;
    uint8_t blocks[2][BLOCK_SIZE];
    struct state before[2] = {key->inner, key->inner}, after[2];
    for (int i = 0; i < 2; i++) {
        memcpy(blocks[i], inputs[i], TW_COOKIE_INPUT);
        pad(blocks[i], TW_COOKIE_INPUT);
    }
    compress_pair(after, before, (const uint8_t(*)[BLOCK_SIZE])blocks);
    for (int i = 0; i < 2; i++) {
        write_hash(blocks[i], &after[i]);
        pad(blocks[i], TW_HASH_SIZE);
        before[i] = key->outer;
    }
    compress_pair(after, before, (const uint8_t(*)[BLOCK_SIZE])blocks);
    for (int i = 0; i < 2; i++)
        write_hash(out[i], &after[i]);
}

static const struct tw_cookie_hash sha_ni = {
    .name = "sha-ni", .prepare = prepare, .mac = mac, .mac_pair = mac_pair};

static bool cpu_can(void)
{
    unsigned int a, b, c, d;
    /* gcc 12's __builtin_cpu_supports does not know SHA: leaf 7, EBX bit 29. */
    return __builtin_cpu_supports("sse4.1") && __get_cpuid_count(7, 0, &a, &b, &c, &d) &&
           (b >> 29 & 1) != 0;
}

const struct tw_cookie_hash *tw_cookie_hash_sha_ni(void)
{
    return cpu_can() ? &sha_ni : NULL;
}
#else
const struct tw_cookie_hash *tw_cookie_hash_sha_ni(void)
{
    return NULL;
}
#endif
