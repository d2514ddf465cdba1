/* SPDX-License-Identifier: BSD-3-Clause */
/* Compressed messages: back to what they were, and nothing else of those that lie or are damaged.
 */
#include "dataplane/wire/compression.h"

#include "dataplane/wire/blocks.h"
#include "tests/unit/wire/testing.h"

#include <stdlib.h>

#define BLOCKS 200u
/* Behind what a message may fill. */
#define GUARD 64u

static struct tw_block_pool pool;
static struct tw_compressor compressor;
static uint8_t scratch[TW_MESSAGE_MAX], bytes[TW_MESSAGE_MAX], out[TW_MESSAGE_MAX + GUARD];

static int setup(void **state)
{
    (void)state;
    void *memory = aligned_alloc(64, (tw_block_pool_footprint(BLOCKS) + 63u) / 64u * 64u);
    assert_non_null(memory);
    tw_block_pool_init(&pool, memory, BLOCKS);
    tw_compressor_init(&compressor);
    return 0;
}

/* A message as it is when all of it has come. */
static struct tw_message *arrived(const uint8_t *from, uint32_t size, uint8_t flags)
{
    struct tw_message *message = tw_message_make(&pool);
    assert_non_null(message);
    for (uint32_t at = 0; at < size; at += TW_BLOCK_BYTES) {
        struct tw_block *block = tw_message_block(&pool, message, at / TW_BLOCK_BYTES);
        assert_non_null(block);
        memcpy(block->bytes, from + at, size - at < TW_BLOCK_BYTES ? size - at : TW_BLOCK_BYTES);
    }
    message->size = size;
    message->flags = flags;
    return message;
}

/* What came of it; 0: it is refused. Nothing is written beyond what it said. */
static uint32_t restore(const uint8_t *from, uint32_t size)
{
    struct tw_message *message = arrived(from, size, TW_ENTRY_COMPRESSED);
    uint32_t full = tw_message_full_size(message, pool.blocks);
    assert_true(full <= TW_MESSAGE_MAX);
    memset(out, 0xa5, sizeof(out));
    bool whole = tw_message_restore(message, pool.blocks, scratch, out);
    for (uint32_t i = full; i < sizeof(out) && i < full + GUARD; i++)
        assert_int_equal(out[i], 0xa5);
    tw_message_free(&pool, message);
    assert_int_equal(pool.free_count, BLOCKS);
    return whole ? full : 0;
}

enum { ZEROS, PATTERN, WORDS, NOISE, KINDS };

static void fill(uint32_t kind, uint32_t size, uint64_t *seed)
{
    static const char words[] = "tree rock wall door chest gate well road ";
    for (uint32_t i = 0; i < size; i++) {
        uint64_t random = testing_random(seed);
        uint8_t choices[KINDS] = {0, (uint8_t)(i * 7u + (i >> 8)),
                                  (uint8_t)words[i % 8u == 0 ? random % 8u * 5u : i % 5u],
                                  (uint8_t)random};
        bytes[i] = choices[kind];
    }
}

static void test_what_was_compressed_comes_back(void **state)
{
    (void)state;
    static const uint32_t sizes[] = {1025, 4096, 10240, 65535, 65536};
    uint64_t seed = 7;
    for (uint32_t kind = 0; kind < KINDS; kind++) {
        for (uint32_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
            fill(kind, sizes[i], &seed);
            tw_compress(&compressor, bytes, sizes[i]);
            uint32_t size = compressor.compressed_size;
            assert_int_equal(size == 0, kind == NOISE);
            assert_true(tw_compressor_remembers(&compressor, bytes, sizes[i]));
            if (size == 0)
                continue;
            assert_in_range(size, 1, sizes[i] - (sizes[i] + 7u) / 8u);
            assert_int_equal(restore(compressor.compressed, size), sizes[i]);
            assert_memory_equal(out, bytes, sizes[i]);
            bytes[sizes[i] / 2u] ^= 1;
            assert_false(tw_compressor_remembers(&compressor, bytes, sizes[i]));
        }
    }
    assert_false(tw_compressor_remembers(&compressor, bytes, 65535));
}

/* Every size up to a few hundred bytes: never larger, and exact where it helps. */
static void test_small_sizes(void **state)
{
    (void)state;
    uint64_t seed = 8;
    uint32_t helped = 0;
    for (uint32_t size = 1; size < 300; size++) {
        fill(size % KINDS, size, &seed);
        tw_compress(&compressor, bytes, size);
        if (compressor.compressed_size == 0)
            continue;
        helped++;
        assert_true(compressor.compressed_size <= size - (size + 7u) / 8u);
        assert_int_equal(restore(compressor.compressed, compressor.compressed_size), size);
        assert_memory_equal(out, bytes, size);
    }
    assert_in_range(helped, 100, 225);
}

/* A message that nobody compressed is what it is. */
static void test_plain_messages(void **state)
{
    (void)state;
    uint64_t seed = 9;
    fill(NOISE, 5000, &seed);
    struct tw_message *message = arrived(bytes, 5000, 0);
    assert_int_equal(tw_message_full_size(message, pool.blocks), 5000);
    assert_true(tw_message_restore(message, pool.blocks, scratch, out));
    assert_memory_equal(out, bytes, 5000);
    tw_message_free(&pool, message);
}

/* By the description of the format alone: four literals, 15 + 255 + 21 + 4 bytes from four before,
 * five literals. */
static const uint8_t by_hand[] = {0xb0, 0x02, 0x4f, 'a', 'b', 'c', 'd', 4,  0,
                                  255,  21,   0x50, 'e', 'f', 'g', 'h', 'i'};

static void test_a_block_made_by_hand(void **state)
{
    (void)state;
    assert_int_equal(restore(by_hand, sizeof(by_hand)), 304);
    for (uint32_t i = 0; i < 299; i++)
        assert_int_equal(out[i], "abcd"[i % 4u]);
    assert_memory_equal(out + 299, "efghi", 5);
}

static void test_sizes_that_lie(void **state)
{
    (void)state;
    uint8_t lie[sizeof(by_hand) + 4];
    /* One more or less than it holds. */
    memcpy(lie, by_hand, sizeof(by_hand));
    lie[0] = 0xb1;
    assert_int_equal(restore(lie, sizeof(by_hand)), 0);
    lie[0] = 0xaf;
    assert_int_equal(restore(lie, sizeof(by_hand)), 0);
    /* More than a message may; far more; as much as it takes itself; nothing; no number. */
    static const uint8_t heads[][5] = {
        {0x81, 0x80, 0x04, 0, 0},           {0xff, 0xff, 0xff, 0xff, 0x0f},
        {sizeof(by_hand) + 4u, 0, 0, 0, 0}, {0, 0, 0, 0, 0},
        {0x80, 0x80, 0x80, 0x80, 0x80},     {0xb0, 0x80, 0x00, 0, 0}};
    for (uint32_t i = 0; i < sizeof(heads) / sizeof(heads[0]); i++) {
        memcpy(lie, heads[i], 5);
        memcpy(lie + 5, by_hand + 2, sizeof(by_hand) - 2u);
        struct tw_message *message = arrived(lie, sizeof(lie), TW_ENTRY_COMPRESSED);
        assert_int_equal(tw_message_full_size(message, pool.blocks), 0);
        tw_message_free(&pool, message);
        assert_int_equal(restore(lie, sizeof(lie)), 0);
    }
    /* A number cut off, and one with nothing behind it. */
    assert_int_equal(restore((const uint8_t[]){0xb0}, 1), 0);
    assert_int_equal(restore((const uint8_t[]){0xb0, 0x02}, 2), 0);
}

/* 257 bytes that would be 64 KB and more. */
static void test_a_bomb_ends_at_the_size_of_a_message(void **state)
{
    (void)state;
    uint8_t bomb[300];
    memset(bomb, 255, sizeof(bomb));
    memcpy(bomb, (const uint8_t[]){0x80, 0x80, 0x04, 0x1f, 'x', 1, 0}, 7);
    assert_int_equal(restore(bomb, sizeof(bomb)), 0);
    memset(bytes, 'x', TW_MESSAGE_MAX);
    tw_compress(&compressor, bytes, TW_MESSAGE_MAX);
    assert_in_range(compressor.compressed_size, 250, 300);
    assert_int_equal(restore(compressor.compressed, compressor.compressed_size), TW_MESSAGE_MAX);
}

static void test_damage_is_refused_or_stays_within_bounds(void **state)
{
    (void)state;
    uint64_t seed = 10;
    uint32_t refused = 0;
    fill(WORDS, 3000, &seed);
    tw_compress(&compressor, bytes, 3000);
    uint32_t size = compressor.compressed_size;
    for (uint32_t at = 0; at < size; at++) {
        static uint8_t damaged[TW_COMPRESSED_MAX];
        memcpy(damaged, compressor.compressed, size);
        damaged[at] ^= (uint8_t)(1u << (at % 8u));
        uint32_t full = restore(damaged, size);
        refused += full == 0;
        /* Cut off anywhere it never is whole. */
        if (at > 0)
            assert_int_equal(restore(compressor.compressed, at), 0);
    }
    assert_true(refused > size / 4u);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_what_was_compressed_comes_back),
        cmocka_unit_test(test_small_sizes),
        cmocka_unit_test(test_plain_messages),
        cmocka_unit_test(test_a_block_made_by_hand),
        cmocka_unit_test(test_sizes_that_lie),
        cmocka_unit_test(test_a_bomb_ends_at_the_size_of_a_message),
        cmocka_unit_test(test_damage_is_refused_or_stays_within_bounds),
    };
    return cmocka_run_group_tests(tests, setup, NULL);
}
