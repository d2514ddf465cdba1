/* SPDX-License-Identifier: BSD-3-Clause */
/* Square root, sine, planes, hash, random numbers, entity store, schema. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "simulation/core/entities.h"
#include "simulation/core/fixed.h"
#include "simulation/core/hash.h"
#include "simulation/core/plane.h"
#include "simulation/core/rng.h"
#include "simulation/core/schema.h"

static void check_root(uint64_t value)
{
    __extension__ typedef unsigned __int128 u128;
    uint64_t root = tw_fixed_sqrt(value);
    assert_true((u128)root * root <= value);
    assert_true((u128)(root + 1u) * (root + 1u) > value);
}

static void test_square_root(void **state)
{
    (void)state;
    struct tw_rng rng;
    tw_rng_seed(&rng, 1);
    for (uint64_t value = 0; value < 70000; value++)
        check_root(value);
    for (uint64_t root = 1; root < UINT32_MAX - 65536u; root += 65521u) {
        check_root(root * root - 1u);
        check_root(root * root);
        check_root(root * root + 1u);
    }
    for (uint32_t i = 0; i < 20000; i++)
        check_root(tw_rng_next(&rng) >> (i % 64u));
    check_root(UINT64_MAX);
    check_root((uint64_t)UINT32_MAX * UINT32_MAX);
    check_root((uint64_t)UINT32_MAX * UINT32_MAX - 1u);
}

/* An oracle of another kind: the Taylor series in 2^-40 fixed point. */
static int64_t series_sine(uint32_t angle)
{
    const int64_t one = INT64_C(1) << 40;
    const __int128 half_turn = ((__int128)3454217652358) / 1; /* pi * 2^40, rounded */
    int64_t x =
        (int64_t)(half_turn * (angle <= 32768u ? (int64_t)angle : (int64_t)angle - 65536) / 32768);
    int64_t term = x;
    int64_t sum = x;
    for (int64_t k = 2; k < 40; k += 2) {
        term = (int64_t)(-(__int128)term * x / one * x / one / (k * (k + 1)));
        sum += term;
    }
    return (sum + (sum >= 0 ? 1 : -1) * (one >> 17)) / (one >> 16);
}

static void test_sine_of_every_angle(void **state)
{
    (void)state;
    for (uint32_t angle = 0; angle < 65536u; angle++) {
        int64_t difference = tw_fixed_sin((uint16_t)angle) - series_sine(angle);
        assert_in_range(difference + 1, 0, 2);
        assert_int_equal(tw_fixed_cos((uint16_t)angle), tw_fixed_sin((uint16_t)(angle + 16384u)));
    }
    assert_int_equal(tw_fixed_sin(0), 0);
    assert_int_equal(tw_fixed_sin(16384), TW_FIXED_ONE);
    assert_int_equal(tw_fixed_sin(32768), 0);
    assert_int_equal(tw_fixed_sin(49152), -TW_FIXED_ONE);
    assert_int_equal(tw_fixed_cos(32768), -TW_FIXED_ONE);
}

/* Every angle against all 256 directions: none is nearer, and of two as near it is the one further
 * on. */
static void test_the_nearest_direction_of_every_angle(void **state)
{
    (void)state;
    for (uint32_t angle = 0; angle < 65536u; angle++) {
        uint32_t nearest = 0, least = UINT32_MAX;
        for (uint32_t direction = 0; direction < 256u; direction++) {
            int32_t way = (int16_t)(uint16_t)(direction * 256u - angle);
            uint32_t distance = 2u * (uint32_t)abs(way) - (way > 0);
            if (distance < least) {
                least = distance;
                nearest = direction;
            }
        }
        assert_int_equal(tw_fixed_direction((uint16_t)angle), nearest);
    }
    assert_int_equal(tw_fixed_direction(127), 0);
    assert_int_equal(tw_fixed_direction(128), 1);
    assert_int_equal(tw_fixed_direction(65407), 255);
    assert_int_equal(tw_fixed_direction(65408), 0); /* 255.5: round the circle */
    assert_int_equal(tw_fixed_direction(UINT16_MAX), 0);
}

static void test_floor_division(void **state)
{
    (void)state;
    for (int64_t value = -200; value <= 200; value++) {
        for (int64_t divisor = 1; divisor < 20; divisor++) {
            int64_t quotient = tw_fixed_floor_div(value, divisor);
            assert_true(quotient * divisor <= value && (quotient + 1) * divisor > value);
        }
    }
}

/* H of docs/protocol.md, byte by byte and word by word as the text has it. */
static uint64_t plain_hash(const uint8_t *bytes, size_t length)
{
    uint64_t h = length * UINT64_C(0xC2B2AE3D27D4EB4F);
    for (size_t at = 0; at < length; at += 8) {
        uint64_t w = 0;
        for (size_t i = 0; i < 8 && at + i < length; i++)
            w |= (uint64_t)bytes[at + i] << 8u * i;
        h ^= w * UINT64_C(0x9E3779B185EBCA87);
        h = (h << 29 | h >> 35) * UINT64_C(0xC2B2AE3D27D4EB4F);
    }
    h ^= h >> 32;
    h *= UINT64_C(0x165667B19E3779F9);
    return h ^ h >> 29;
}

/* Every two places of a small plane: the shortest of all ways there are, round in both directions.
 */
static void test_plane_without_edges(void **state)
{
    (void)state;
    const struct tw_plane plane = {64};
    for (int32_t from = 0; from < 64; from++) {
        for (int32_t to = 0; to < 64; to++) {
            int32_t difference = tw_plane_difference(plane, from, to);
            assert_int_equal(tw_plane_place(plane, from + difference), to);
            assert_int_equal(tw_plane_difference(plane, to, from), -difference);
            int32_t shortest = 64;
            for (int32_t round = -1; round <= 1; round++)
                shortest =
                    abs(to - from + 64 * round) < shortest ? abs(to - from + 64 * round) : shortest;
            assert_int_equal(abs(difference), shortest);
            assert_int_equal(tw_plane_distance_squared(plane, from, to, to, from),
                             2 * shortest * shortest);
        }
    }
    assert_int_equal(tw_plane_place(plane, -1), 63);
    assert_int_equal(tw_plane_place(plane, 64), 0);
    assert_int_equal(tw_plane_place(plane, INT64_C(64000000001)), 1);
    assert_int_equal(tw_plane_place(plane, INT64_C(-64000000001)), 63);
}

static void test_plane_with_edges(void **state)
{
    (void)state;
    const struct tw_plane plane = {0};
    const int32_t far = 1 << 27;
    assert_int_equal(tw_plane_place(plane, -5), -5);
    assert_int_equal(tw_plane_difference(plane, far, 0), -far);
    assert_int_equal(tw_plane_difference(plane, 0, far), far);
    assert_true(tw_plane_distance_squared(plane, far, 0, 0, far) ==
                tw_fixed_distance_squared(far, 0, 0, far));
}

static void test_hash(void **state)
{
    (void)state;
    uint8_t bytes[300];
    struct tw_rng rng;
    tw_rng_seed(&rng, 2);
    for (size_t i = 0; i < sizeof(bytes); i++)
        bytes[i] = (uint8_t)tw_rng_next(&rng);
    for (size_t length = 0; length <= sizeof(bytes); length++) {
        uint64_t hash = tw_hash64(bytes, length);
        uint64_t wide = tw_hash64_wide(bytes, length);
        assert_int_equal(hash, plain_hash(bytes, length));
        for (size_t i = 0; i < length; i++) {
            bytes[i] ^= 0x10;
            assert_int_not_equal(tw_hash64(bytes, length), hash);
            assert_int_not_equal(tw_hash64_wide(bytes, length), wide);
            bytes[i] ^= 0x10;
        }
    }
    /* The entity record is the 23 bytes that the protocol lists, in its order. */
    static const uint8_t record[23] = {4,  3,  2,  1,  6,  5,  8,  7,  11, 12, 13, 14,
                                       15, 16, 17, 21, 22, 23, 24, 25, 26, 27, 28};
    static const uint16_t cell[2] = {0x0506, 0x0708};
    assert_int_equal(tw_hash64_entity(0x01020304, cell, record + 8, record + 15),
                     plain_hash(record, sizeof(record)));
}

static void test_random_numbers(void **state)
{
    (void)state;
    /* The generator's published first outputs for state 1, 2, 3, 4. */
    struct tw_rng rng = {.state = {1, 2, 3, 4}};
    assert_int_equal(tw_rng_next(&rng), 11520);
    assert_int_equal(tw_rng_next(&rng), 0);
    assert_int_equal(tw_rng_next(&rng), 1509978240);
    assert_int_equal(tw_rng_next(&rng), UINT64_C(1215971899390074240));
    /* splitmix64's first outputs for seed 0. */
    tw_rng_seed(&rng, 0);
    assert_int_equal(rng.state[0], UINT64_C(0xe220a8397b1dcdaf));
    assert_int_equal(rng.state[1], UINT64_C(0x6e789e6aa1b965f4));
    uint32_t seen[10] = {0};
    for (uint32_t i = 0; i < 100000; i++)
        seen[tw_rng_below(&rng, 10)]++;
    for (uint32_t i = 0; i < 10; i++)
        assert_in_range(seen[i], 9600, 10400);
    for (uint32_t i = 0; i < 1000; i++) {
        assert_int_equal(tw_rng_below(&rng, 1), 0);
        assert_in_range(tw_rng_between(&rng, 7, 9), 7, 9);
    }
}

#define STORE_CAPACITY 50u

static void *make_store(struct tw_entities *entities)
{
    struct tw_arena arena = {0};
    tw_entities_carve(entities, &arena, STORE_CAPACITY);
    void *memory = aligned_alloc(64, arena.used);
    assert_non_null(memory);
    memset(memory, 0, arena.used);
    size_t size = arena.used;
    arena = (struct tw_arena){.base = memory};
    tw_entities_carve(entities, &arena, STORE_CAPACITY);
    assert_int_equal(arena.used, size);
    tw_entities_init(entities);
    return memory;
}

static void test_entities_are_found_by_handle(void **state)
{
    (void)state;
    struct tw_entities entities;
    void *memory = make_store(&entities);
    tw_entity all[STORE_CAPACITY];
    for (uint32_t i = 0; i < STORE_CAPACITY; i++) {
        all[i] = tw_entities_create(&entities);
        assert_int_equal(tw_entity_index(all[i]), i);
        assert_int_equal(tw_entity_generation(all[i]), 1);
    }
    assert_int_equal(tw_entities_create(&entities).bits, 0);
    assert_int_equal(entities.state->live, STORE_CAPACITY);
    entities.x[7] = 5;
    tw_entities_set_cold(&entities, 7, TW_FIELD_HEALTH, 3, 9);
    tw_entities_destroy(&entities, all[7]);
    tw_entities_destroy(&entities, all[3]);
    assert_false(tw_entities_alive(&entities, all[7]));
    assert_false(tw_entities_alive(&entities, (tw_entity){0}));
    assert_false(tw_entities_alive(&entities, tw_entity_make(STORE_CAPACITY, 1)));
    tw_entity again = tw_entities_create(&entities);
    assert_int_equal(tw_entity_index(again), 7); /* first out is first in */
    assert_int_equal(tw_entity_generation(again), 2);
    assert_int_equal(entities.x[7], 0);
    assert_int_equal(entities.cold[TW_FIELD_HEALTH][7], 0);
    assert_false(tw_entities_alive(&entities, all[7]));
    assert_true(tw_entities_alive(&entities, again));
    free(memory);
}

static void test_generations_skip_zero_and_return_late(void **state)
{
    (void)state;
    struct tw_entities entities;
    void *memory = make_store(&entities);
    uint32_t lives = 0;
    uint32_t last_generation = 0;
    for (uint32_t i = 0; i < 600u * STORE_CAPACITY; i++) {
        tw_entity entity = tw_entities_create(&entities);
        assert_int_equal(tw_entity_index(entity), i % STORE_CAPACITY);
        if (i % STORE_CAPACITY == 0) {
            uint32_t expected = last_generation == 255u ? 1u : last_generation + 1u;
            last_generation = tw_entity_generation(entity);
            assert_int_equal(last_generation, expected);
            lives++;
        }
        tw_entities_destroy(&entities, entity);
    }
    assert_int_equal(lives, 600);
    free(memory);
}

static void test_cold_ticks_move_with_values_only(void **state)
{
    (void)state;
    struct tw_entities entities;
    void *memory = make_store(&entities);
    uint32_t index = tw_entity_index(tw_entities_create(&entities));
    tw_entities_set_cold(&entities, index, TW_FIELD_TEAM, 4, 10);
    tw_entities_set_cold(&entities, index, TW_FIELD_TEAM, 4, 11);
    assert_int_equal(entities.cold_tick[TW_FIELD_TEAM][index], 10);
    assert_int_equal(entities.cold_newest[index], 10);
    tw_entities_set_cold(&entities, index, TW_FIELD_TYPE, 1, 12);
    assert_int_equal(entities.cold_tick[TW_FIELD_TEAM][index], 10);
    assert_int_equal(entities.cold_newest[index], 12);
    free(memory);
}

static void test_schema_encodes_every_mask(void **state)
{
    (void)state;
    static const uint16_t values[TW_COLD_FIELDS] = {0x01, 0x02, 0x0304, 0x0506, 0x0708};
    static const uint8_t all[TW_COLD_SIZE_MAX] = {1, 2, 4, 3, 6, 5, 8, 7};
    uint8_t record[TW_COLD_SIZE_MAX];
    assert_int_equal(tw_schema_encode_cold(record, TW_COLD_KNOWN, values), TW_COLD_SIZE_MAX);
    assert_memory_equal(record, all, sizeof(all));
    for (uint32_t mask = 0; mask <= TW_COLD_KNOWN; mask++) {
        uint8_t encoded[TW_COLD_SIZE_MAX] = {0};
        uint8_t picked[TW_COLD_SIZE_MAX] = {0};
        uint16_t decoded[TW_COLD_FIELDS] = {9, 9, 9, 9, 9};
        size_t size = tw_schema_encode_cold(encoded, (uint8_t)mask, values);
        assert_int_equal(size, tw_schema_cold_size((uint8_t)mask));
        assert_int_equal(tw_schema_pick_cold(picked, (uint8_t)mask, record), size);
        assert_memory_equal(encoded, picked, sizeof(encoded));
        tw_schema_decode_cold(encoded, (uint8_t)mask, decoded);
        for (uint32_t field = 0; field < TW_COLD_FIELDS; field++)
            assert_int_equal(decoded[field], mask >> field & 1u ? values[field] : 9);
    }
    uint32_t bits[2] = {0, 0};
    for (uint32_t row = 0; row < TW_SCHEMA_ROWS; row++)
        bits[tw_schema[row].kind] += tw_schema[row].bits;
    assert_int_equal(bits[TW_FIELD_HOT], 8u * TW_HOT_SIZE);
    assert_int_equal(bits[TW_FIELD_COLD], 8u * TW_COLD_SIZE_MAX);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_square_root),
        cmocka_unit_test(test_sine_of_every_angle),
        cmocka_unit_test(test_floor_division),
        cmocka_unit_test(test_the_nearest_direction_of_every_angle),
        cmocka_unit_test(test_plane_without_edges),
        cmocka_unit_test(test_plane_with_edges),
        cmocka_unit_test(test_hash),
        cmocka_unit_test(test_random_numbers),
        cmocka_unit_test(test_entities_are_found_by_handle),
        cmocka_unit_test(test_generations_skip_zero_and_return_late),
        cmocka_unit_test(test_cold_ticks_move_with_values_only),
        cmocka_unit_test(test_schema_encodes_every_mask),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
