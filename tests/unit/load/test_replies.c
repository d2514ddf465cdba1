/* SPDX-License-Identifier: BSD-3-Clause */
/* Acknowledgements, pongs, snapshots and the server's clock; and how well times were kept. */
#include "tests/load/lab/replies.h"
#include "tests/load/lab/timing.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define MS UINT64_C(1000000)

static struct tw_replies *replies;

static int setup(void **state)
{
    (void)state;
    replies = calloc(1, sizeof(*replies));
    return replies && tw_replies_init(replies, 2) ? 0 : -1;
}

static int teardown(void **state)
{
    (void)state;
    tw_replies_free(replies);
    free(replies);
    return 0;
}

static void take_ack(uint64_t largest, uint64_t bitmap, uint64_t now_ns)
{
    struct tw_server_frames frames = {.has_ack = true,
                                      .ack = {.largest = largest, .bitmap = bitmap}};
    tw_replies_received(replies, 0, &frames, now_ns);
}

static void first_ack_counts(void **state)
{
    (void)state;
    for (uint64_t n = 1; n <= 5; n++)
        tw_replies_sent(replies, 0, n, n * MS);
    take_ack(3, 0x2, 10 * MS); /* 3 and 1 */
    assert_int_equal(replies->acked, 2);
    take_ack(3, 0x3, 11 * MS); /* 2, and again the others */
    assert_int_equal(replies->acked, 3);
    take_ack(9, 0, 12 * MS); /* a number never sent */
    take_ack(9, UINT64_MAX, 13 * MS);
    assert_int_equal(replies->acked, 5);
    assert_int_equal(replies->sent, 5);
    /* 3 after 7 ms, 1 after 9, 2 after 9, 4 after 9, 5 after 8 */
    assert_in_range(tw_timing_permille(&replies->ack_ns, 1), 6700000, 7000000);
    assert_in_range(tw_timing_permille(&replies->ack_ns, 990), 8700000, 9000000);
}

static void old_packets_are_forgotten(void **state)
{
    (void)state;
    for (uint64_t n = 1; n <= TW_REPLIES_REMEMBERED + 10; n++)
        tw_replies_sent(replies, 0, n, n);
    assert_int_equal(replies->forgotten, 10);
    take_ack(5, 0, 1000);
    assert_int_equal(replies->acked, 0);
    take_ack(11, 0, 1000);
    assert_int_equal(replies->acked, 1);
    /* A jump over numbers that were not captured forgets what it passes, once. */
    tw_replies_sent(replies, 0, 1000, 1000);
    assert_int_equal(replies->forgotten, 10 + TW_REPLIES_REMEMBERED - 1);
    assert_int_equal(replies->sent, TW_REPLIES_REMEMBERED + 11);
    take_ack(999, 0, 2000);
    assert_int_equal(replies->acked, 1);
    take_ack(1000, 0, 2000);
    assert_int_equal(replies->acked, 2);
}

static void pongs_tell_trip_and_clock(void **state)
{
    (void)state;
    assert_int_equal(tw_replies_tick(replies, 5 * MS, 60), 0);
    tw_replies_sent(replies, 0, 7, 100 * MS);
    /* The server's clock is 2 s ahead; there after 3 ms, back after 6. */
    struct tw_server_frames frames = {
        .has_pong = true, .pong = {.echo_us = 7, .received_us = 2103000, .sent_us = 2103000}};
    tw_replies_received(replies, 0, &frames, 106 * MS);
    assert_int_equal(replies->pongs, 1);
    assert_in_range(tw_timing_permille(&replies->pong_ns, 500), 5800000, 6000000);
    assert_int_equal(tw_replies_tick(replies, 1000 * MS, 60), 180);
    /* A slower trip is not believed, a faster one is. */
    tw_replies_sent(replies, 0, 8, 200 * MS);
    frames.pong = (struct tw_frame_pong){.echo_us = 8, .received_us = 9000000};
    tw_replies_received(replies, 0, &frames, 290 * MS);
    assert_int_equal(tw_replies_tick(replies, 1000 * MS, 60), 180);
    tw_replies_sent(replies, 0, 9, 300 * MS);
    frames.pong = (struct tw_frame_pong){.echo_us = 9, .received_us = 3301000};
    tw_replies_received(replies, 0, &frames, 302 * MS);
    assert_int_equal(tw_replies_tick(replies, 1000 * MS, 60), 240);
    /* An echo of a number that was not sent says nothing. */
    frames.pong.echo_us = 77;
    tw_replies_received(replies, 0, &frames, 303 * MS);
    assert_int_equal(replies->pongs, 3);
}

static void take_snapshot(uint32_t number)
{
    uint8_t body[TW_SNAPSHOT_FIXED_SIZE] = {0};
    struct tw_server_frames frames = {
        .has_snapshot = true, .snapshot = body, .snapshot_size = sizeof(body)};
    tw_store_u32(body + TW_SNAPSHOT_NUMBER, number);
    tw_replies_received(replies, 1, &frames, 1);
}

static void snapshots_are_acknowledged(void **state)
{
    (void)state;
    const struct tw_reply_session *session = &replies->sessions[1];
    take_snapshot(1);
    assert_int_equal(session->snapshot_newest, 1);
    assert_int_equal(session->snapshot_bitmap, 0);
    take_snapshot(2);
    assert_int_equal(session->snapshot_bitmap, 0x1);
    take_snapshot(5);
    assert_int_equal(session->snapshot_bitmap, 0xc);
    take_snapshot(4); /* overtaken */
    assert_int_equal(session->snapshot_newest, 5);
    assert_int_equal(session->snapshot_bitmap, 0xc);
    take_snapshot(37); /* 32 on: 5 is bit 31 */
    assert_int_equal(session->snapshot_bitmap, 0x80000000u);
    take_snapshot(103); /* 66 on: none of the 32 before it came */
    assert_int_equal(session->snapshot_bitmap, 0);
    assert_int_equal(replies->snapshots, 6);
}

static void a_session_closes_once(void **state)
{
    (void)state;
    struct tw_server_frames frames = {.has_close = true, .close_reason = TW_CLOSE_TIMEOUT};
    for (int i = 0; i < 3; i++)
        tw_replies_received(replies, 1, &frames, 1);
    assert_int_equal(replies->closes, 1);
}

static void gaps_and_lateness(void **state)
{
    (void)state;
    struct tw_timing *timing = calloc(1, sizeof(*timing));
    assert_non_null(timing);
    /* Always 5 µs late: no gap is wrong. */
    for (uint64_t i = 0; i < 100; i++)
        tw_timing_note(timing, i * MS, i * MS + 5000);
    assert_int_equal(tw_timing_permille(&timing->gap_error_ns, 999), 0);
    assert_in_range(tw_timing_permille(&timing->late_ns, 500), 4800, 5000);
    assert_int_equal(timing->late_max_ns, 5000);
    /* One that is 1 ms late spoils the gap before and the one after. */
    tw_timing_note(timing, 100 * MS, 101 * MS + 5000);
    tw_timing_note(timing, 101 * MS, 101 * MS + 6000);
    assert_int_equal(timing->gap_error_max_ns, MS);
    assert_int_equal(timing->late_max_ns, MS + 5000);
    assert_in_range(tw_timing_permille(&timing->gap_error_ns, 990), 960000, 1000000);
    assert_int_equal(timing->packets, 102);
    free(timing);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(first_ack_counts),          TEST(old_packets_are_forgotten),
        TEST(pongs_tell_trip_and_clock), TEST(snapshots_are_acknowledged),
        TEST(a_session_closes_once),     cmocka_unit_test(gaps_and_lateness),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
