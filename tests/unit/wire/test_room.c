/* SPDX-License-Identifier: BSD-3-Clause */
/* Messages of many sessions that come into one pool: who is stored, who waits, who is late. */
#include "dataplane/wire/receiver.h"
#include "tests/unit/wire/testing.h"

#include <stdlib.h>

#define BLOCKS    1024u
#define RECEIVERS 8u
#define SECOND    UINT64_C(1000000)
#define LARGE     60000u
#define PART      8u /* granules of a packet */

static struct tw_block_pool pool;
static struct tw_receiver receivers[RECEIVERS];
static void *memory;
static uint64_t now_us;
static uint8_t body[TW_PLAINTEXT_MAX];
static struct tw_writer writer;

static void start(void)
{
    memory = aligned_alloc(64, (tw_block_pool_footprint(BLOCKS) + 63u) / 64u * 64u);
    assert_non_null(memory);
    tw_block_pool_init(&pool, memory, BLOCKS);
    tw_block_pool_promise(&pool, 100);
    now_us = 50 * SECOND;
    for (uint32_t i = 0; i < RECEIVERS; i++) {
        static const struct tw_receiver_numbers numbers;
        tw_receiver_init(&receivers[i], &pool);
        tw_receiver_resume(&receivers[i], &numbers, now_us);
    }
    writer = tw_writer_make(body, sizeof(body));
}

/* Nothing stays behind, in whatever state it was. */
static void stop(void)
{
    for (uint32_t i = 0; i < RECEIVERS; i++)
        tw_receiver_fini(&receivers[i]);
    assert_int_equal(pool.free_count, pool.capacity);
    assert_int_equal(pool.incoming + pool.claimed + pool.loose, 0);
    assert_null(pool.line_first);
    assert_null(pool.line_last);
    free(memory);
}

/* One more entry of the packet that is being made. */
static void put(struct tw_entry entry)
{
    memset(tw_entry_write(&writer, &entry), (int)entry.number + 1, entry.length);
}

static void put_whole(uint8_t channel, uint16_t number, uint32_t size)
{
    put((struct tw_entry){.channel = channel,
                          .kind = TW_ENTRY_WHOLE,
                          .number = number,
                          .size = size,
                          .length = size});
}

static void put_part(uint8_t channel, uint16_t number, uint32_t first, uint32_t granules)
{
    uint32_t left = LARGE - first * TW_GRANULE_BYTES, bytes = granules * TW_GRANULE_BYTES;
    put((struct tw_entry){.channel = channel,
                          .kind = TW_ENTRY_PART,
                          .number = number,
                          .first = (uint16_t)first,
                          .size = LARGE,
                          .length = bytes < left ? bytes : left});
}

static enum tw_receiver_result give(uint32_t i)
{
    size_t size = (size_t)(writer.next - body);
    assert_false(writer.failed);
    writer = tw_writer_make(body, sizeof(body));
    tw_receiver_heard(&receivers[i], now_us);
    return tw_receiver_frame(&receivers[i], body, size, now_us);
}

static enum tw_receiver_result give_part(uint32_t i, uint8_t channel, uint32_t first)
{
    put_part(channel, 0, first, PART);
    return give(i);
}

static uint32_t take_all(uint32_t i)
{
    struct tw_message *message;
    uint32_t count = 0;
    for (; (message = tw_receiver_take(&receivers[i])) != NULL; count++)
        tw_message_free(&pool, message);
    return count;
}

/* Eight send 60 KB each, by turns, into room for three of them: each comes through, and nobody is
 * to blame for having waited. */
static void test_who_begins_at_once_has_its_turn(void **state)
{
    (void)state;
    uint32_t next[RECEIVERS] = {0}, done = 0;
    start();
    for (uint32_t round = 0; round < 2000 && done < RECEIVERS; round++) {
        now_us += SECOND / 50u;
        for (uint32_t i = 0; i < RECEIVERS; i++) {
            if (next[i] * TW_GRANULE_BYTES >= LARGE)
                continue;
            if (give_part(i, TW_CHANNEL_BULK, next[i]) == TW_RECEIVER_STORED)
                next[i] += PART;
            else
                assert_int_equal(next[i], 0); /* once begun it finds room */
            done += take_all(i);
            assert_int_equal(tw_receiver_stalled(&receivers[i], false, now_us), 0);
            assert_false(tw_receiver_late(&receivers[i], now_us));
        }
    }
    assert_int_equal(done, RECEIVERS);
    stop();
}

/* What finds room is stored, and what does not comes again: with it comes what is here. */
static void test_what_finds_room_is_stored(void **state)
{
    (void)state;
    start();
    for (uint32_t i = 1; i < 4; i++)
        assert_int_equal(give_part(i, TW_CHANNEL_BULK, 0), TW_RECEIVER_STORED);
    for (uint32_t again = 0; again < 2; again++) {
        put_part(TW_CHANNEL_BULK, 0, 0, PART);
        put_whole(TW_CHANNEL_ORDERED, 0, 20);
        assert_int_equal(give(0), TW_RECEIVER_NO_ROOM);
        assert_int_equal(take_all(0), again == 0);
    }
    assert_int_equal(receivers[0].channels[TW_CHANNEL_BULK].here, 0);
    assert_int_equal(receivers[0].no_room, 2);
    /* A packet that is out of range is stored in no part, as ever. */
    put_whole(TW_CHANNEL_ORDERED, 1, 20);
    put_whole(TW_CHANNEL_ORDERED, 1 + TW_MESSAGE_WINDOW, 20);
    assert_int_equal(give(0), TW_RECEIVER_RANGE);
    assert_int_equal(take_all(0), 0);
    stop();
}

/* What comes ahead takes room only where others leave some; what is lowest and begun has its own,
 * even if so many wait to be taken that nothing is begun. */
static void test_what_has_begun_is_never_refused(void **state)
{
    (void)state;
    start();
    assert_int_equal(give_part(0, TW_CHANNEL_UNORDERED, 0), TW_RECEIVER_STORED);
    for (uint16_t i = 1; i < TW_MESSAGE_WINDOW; i++) {
        put_whole(TW_CHANNEL_UNORDERED, i, 900);
        (void)give(0);
    }
    for (uint16_t i = 0; i < 200; i++) {
        put_whole(TW_CHANNEL_ORDERED, i, 20);
        if (give(0) != TW_RECEIVER_STORED)
            break;
    }
    assert_true(receivers[0].ready[TW_CHANNEL_ORDERED].blocks +
                    receivers[0].ready[TW_CHANNEL_UNORDERED].blocks >
                60);
    for (uint32_t i = 1; i < RECEIVERS; i++) { /* nothing is left for anybody */
        (void)give_part(i, TW_CHANNEL_BULK, 0);
        for (uint16_t number = 0; number < TW_RECEIVER_READY_BLOCKS; number++) {
            put_whole(TW_CHANNEL_UNORDERED, number, 20);
            (void)give(i);
        }
    }
    for (uint32_t first = PART; first * TW_GRANULE_BYTES < LARGE; first += PART)
        assert_int_equal(give_part(0, TW_CHANNEL_UNORDERED, first), TW_RECEIVER_STORED);
    assert_true(take_all(0) > 60);
    stop();
}

/* ---- late ------------------------------------------------------------------------------------ */

/* By one granule every three seconds: it is not stalled, and late after its five seconds. */
static void test_a_trickle_is_late(void **state)
{
    (void)state;
    uint64_t late_us = 0;
    start();
    put_part(TW_CHANNEL_BULK, 0, 0, 1);
    assert_int_equal(give(0), TW_RECEIVER_STORED);
    uint64_t begun_us = now_us;
    for (uint32_t ms = 100; ms <= 30000; ms += 100) {
        now_us = begun_us + ms * UINT64_C(1000);
        if (ms % 3000u == 0) {
            put_part(TW_CHANNEL_BULK, 0, ms / 3000u, 1);
            assert_int_equal(give(0), TW_RECEIVER_STORED);
        }
        put_whole(TW_CHANNEL_UNORDERED, (uint16_t)(ms / 100u - 1u), 20);
        assert_int_equal(give(0), TW_RECEIVER_STORED);
        take_all(0);
        assert_int_equal(tw_receiver_stalled(&receivers[0], false, now_us), 0);
        if (late_us == 0 && tw_receiver_late(&receivers[0], now_us))
            late_us = now_us;
    }
    assert_in_range(late_us - begun_us, 5 * SECOND, 6 * SECOND);
    assert_true(tw_receiver_late(&receivers[0], now_us));
    /* It catches up: what it was late by is ten seconds at most. */
    uint32_t first = 20;
    for (; tw_receiver_late(&receivers[0], now_us); first++) {
        put_part(TW_CHANNEL_BULK, 0, first, 1);
        assert_int_equal(give(0), TW_RECEIVER_STORED);
    }
    assert_in_range(first - 20u, 36, 41);
    stop();
}

/* 600 bytes a second are enough, for as long as it takes. */
static void test_who_is_slow_is_not_late(void **state)
{
    (void)state;
    uint32_t done = 0;
    start();
    for (uint32_t first = 0; first * TW_GRANULE_BYTES < LARGE; first++) {
        put_part(TW_CHANNEL_BULK, 0, first, 1);
        assert_int_equal(give(0), TW_RECEIVER_STORED);
        done += take_all(0);
        now_us += 213333;
        assert_false(tw_receiver_late(&receivers[0], now_us));
    }
    assert_int_equal(done, 1);
    stop();
}

/* Numbers from..to-1 of channel 1, 20 bytes each. */
static void give_ordered(uint32_t i, uint16_t from, uint16_t to)
{
    for (uint16_t number = from; number < to; number++) {
        put_whole(TW_CHANNEL_ORDERED, number, 20);
        assert_int_equal(give(i), TW_RECEIVER_STORED);
    }
}

/* One was left out, and those after it came, whole: they are not stalled, and late. */
static void test_who_leaves_one_out_is_late(void **state)
{
    (void)state;
    start();
    give_ordered(0, 1, 20);
    now_us += TW_RECEIVER_BEGIN_US - 1u;
    give_ordered(0, 20, 30); /* more of them are no progress */
    assert_false(tw_receiver_late(&receivers[0], now_us));
    now_us += 1;
    assert_true(tw_receiver_late(&receivers[0], now_us));
    assert_int_equal(tw_receiver_stalled(&receivers[0], false, now_us), 0);
    give_ordered(0, 0, 1);
    assert_int_equal(take_all(0), 30);
    assert_false(tw_receiver_late(&receivers[0], now_us));
    stop();
}

/* Holes that are filled one after the other: a second for each, and not five anew. */
static void test_holes_one_after_the_other_are_late(void **state)
{
    (void)state;
    uint16_t filled = 0;
    start();
    for (uint16_t number = 1; number < TW_MESSAGE_WINDOW; number += 2)
        give_ordered(0, number, (uint16_t)(number + 1u));
    uint64_t begun_us = now_us;
    for (; !tw_receiver_late(&receivers[0], now_us) && filled < 40; filled += 2) {
        now_us += 4 * SECOND;
        give_ordered(0, filled, (uint16_t)(filled + 1u));
        take_all(0);
    }
    assert_true(now_us - begun_us < 20 * SECOND);
    stop();
}

/* Without packets time goes on; whoever comes back after ten seconds has five. */
static void test_silence_is_no_excuse_and_no_end(void **state)
{
    (void)state;
    start();
    assert_int_equal(give_part(0, TW_CHANNEL_BULK, 0), TW_RECEIVER_STORED);
    now_us += TW_RECEIVER_AHEAD_US + SECOND;
    assert_true(tw_receiver_late(&receivers[0], now_us));
    tw_receiver_heard(&receivers[0], now_us);
    assert_false(tw_receiver_late(&receivers[0], now_us));
    now_us += TW_RECEIVER_BEGIN_US;
    tw_receiver_heard(&receivers[0], now_us); /* silent for five seconds: not again */
    assert_true(tw_receiver_late(&receivers[0], now_us));
    stop();
}

/* What waits in line is not late, nor is it stalled, as long as it asks. */
static void test_who_waits_for_room_is_not_late(void **state)
{
    (void)state;
    start();
    put_part(TW_CHANNEL_BULK, 1, 0, PART); /* a part of the second one, before there is any room */
    assert_int_equal(give(0), TW_RECEIVER_STORED);
    for (uint32_t i = 1; i < 4; i++)
        assert_int_equal(give_part(i, TW_CHANNEL_BULK, 0), TW_RECEIVER_STORED);
    for (uint32_t i = 0; i < 200; i++) {
        now_us += SECOND / 10u;
        assert_int_equal(give_part(0, TW_CHANNEL_BULK, 0), TW_RECEIVER_NO_ROOM);
        assert_false(tw_receiver_late(&receivers[0], now_us));
        assert_int_equal(tw_receiver_stalled(&receivers[0], false, now_us), 0);
    }
    assert_true(tw_holder_is_short(&pool, now_us));
    assert_true(tw_receiver_late(&receivers[1], now_us));
    tw_receiver_fini(&receivers[1]);
    assert_int_equal(give_part(0, TW_CHANNEL_BULK, 0), TW_RECEIVER_STORED);
    assert_false(tw_holder_is_short(&pool, now_us));
    now_us += TW_RECEIVER_AHEAD_US;
    assert_true(tw_receiver_late(&receivers[0], now_us));
    stop();
}

/* Another process goes on: what was promised to the one before is free. */
static void test_to_begin_again_gives_all_back(void **state)
{
    (void)state;
    start();
    for (uint32_t i = 0; i < 4; i++)
        (void)give_part(i, TW_CHANNEL_BULK, 0);
    assert_true(pool.claimed > 100 && pool.line_first == &receivers[3].holder);
    for (uint32_t i = 0; i < 4; i++)
        tw_receiver_begin_again(&receivers[i], now_us);
    assert_int_equal(pool.incoming + pool.claimed + pool.loose, 0);
    assert_null(pool.line_first);
    /* Given up by its sender: the same. */
    assert_int_equal(give_part(0, TW_CHANNEL_BULK, 0), TW_RECEIVER_STORED);
    put((struct tw_entry){.channel = TW_CHANNEL_BULK, .kind = TW_ENTRY_ABANDONED});
    assert_int_equal(give(0), TW_RECEIVER_STORED);
    assert_int_equal(pool.incoming + pool.claimed + pool.loose, 0);
    stop();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_who_begins_at_once_has_its_turn),
        cmocka_unit_test(test_what_finds_room_is_stored),
        cmocka_unit_test(test_what_has_begun_is_never_refused),
        cmocka_unit_test(test_a_trickle_is_late),
        cmocka_unit_test(test_who_is_slow_is_not_late),
        cmocka_unit_test(test_who_leaves_one_out_is_late),
        cmocka_unit_test(test_holes_one_after_the_other_are_late),
        cmocka_unit_test(test_silence_is_no_excuse_and_no_end),
        cmocka_unit_test(test_who_waits_for_room_is_not_late),
        cmocka_unit_test(test_to_begin_again_gives_all_back),
    };
    return cmocka_run_group_tests(tests, testing_setup, NULL);
}
