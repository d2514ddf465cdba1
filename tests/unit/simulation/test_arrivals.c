/* SPDX-License-Identifier: BSD-3-Clause */
/* What a player's client is told about how early its inputs arrive. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "simulation/shard/arrivals.h"

#define MS INT64_C(1000000)

static uint32_t write(struct tw_arrivals *arrivals, uint64_t tick, uint8_t *frame)
{
    return tw_arrivals_write(arrivals, tick, 60, frame, TW_ARRIVALS_FRAME_SIZE);
}

static int16_t signed_at(const uint8_t *frame, size_t offset)
{
    return (int16_t)tw_load_u16(frame + TW_FRAME_HEADER_SIZE + offset);
}

static void test_report(void **state)
{
    (void)state;
    struct tw_arrivals arrivals = {0};
    uint8_t frame[TW_ARRIVALS_FRAME_SIZE];
    assert_int_equal(write(&arrivals, 100, frame), 0); /* nothing to tell */
    assert_int_equal(tw_arrivals_room(&arrivals, 100), 0);
    tw_arrivals_note(&arrivals, 101, 17 * MS, false);
    tw_arrivals_note(&arrivals, 103, -2 * MS, true);
    tw_arrivals_note(&arrivals, 102, -16 * MS, true);
    assert_int_equal(tw_arrivals_write(&arrivals, 104, 60, frame, TW_ARRIVALS_FRAME_SIZE - 1u), 0);
    assert_int_equal(tw_arrivals_room(&arrivals, 104), TW_ARRIVALS_FRAME_SIZE);
    assert_int_equal(write(&arrivals, 104, frame), TW_ARRIVALS_FRAME_SIZE);
    assert_int_equal(frame[0], TW_FRAME_ARRIVALS);
    assert_int_equal(tw_load_u16(frame + 1), TW_ARRIVALS_SIZE);
    assert_int_equal(tw_load_u32(frame + 3), 103);
    assert_int_equal(signed_at(frame, TW_ARRIVALS_MEAN), -4); /* -1 ms / 3, down */
    assert_int_equal(signed_at(frame, TW_ARRIVALS_LOWEST), -160);
    assert_int_equal(frame[3 + TW_ARRIVALS_COUNT], 3);
    assert_int_equal(frame[3 + TW_ARRIVALS_LATE], 2);
    /* The next one a fifth of a second later, of what came since. */
    tw_arrivals_note(&arrivals, 104, 5 * MS, false);
    assert_int_equal(write(&arrivals, 115, frame), 0);
    assert_int_equal(tw_arrivals_room(&arrivals, 115), 0);
    assert_int_equal(write(&arrivals, 116, frame), TW_ARRIVALS_FRAME_SIZE);
    assert_int_equal(signed_at(frame, TW_ARRIVALS_LOWEST), 50);
    assert_int_equal(frame[3 + TW_ARRIVALS_COUNT], 1);
}

/* Margins in µs; what is told is in units of 100 µs. */
static void test_rounds_down_once(void **state)
{
    (void)state;
    static const struct {
        int32_t margins[3];
        int16_t mean, lowest;
    } rows[] = {
        {{199, 199, 199}, 1, 1},      {{200, 200, 200}, 2, 2},      {{1, 1, 1}, 0, 0},
        {{-100, -100, -100}, -1, -1}, {{-101, -101, -101}, -2, -2}, {{-199, -99, 48}, -1, -2},
        {{190, 190, 220}, 2, 1}, /* 200: each by itself would be 1, 1, 2, and 1 together */
        {{-60, -60, -20}, -1, -1},    {{-40, 0, 40}, 0, -1},        {{-1, -1, -1}, -1, -1},
    };
    for (uint32_t row = 0; row < sizeof(rows) / sizeof(rows[0]); row++) {
        struct tw_arrivals arrivals = {0};
        uint8_t frame[TW_ARRIVALS_FRAME_SIZE];
        for (uint32_t i = 0; i < 3; i++)
            tw_arrivals_note(&arrivals, 101u + i, rows[row].margins[i] * MS / 1000, false);
        assert_int_equal(write(&arrivals, 104, frame), TW_ARRIVALS_FRAME_SIZE);
        assert_int_equal(signed_at(frame, TW_ARRIVALS_MEAN), rows[row].mean);
        assert_int_equal(signed_at(frame, TW_ARRIVALS_LOWEST), rows[row].lowest);
    }
}

static void test_bounds(void **state)
{
    (void)state;
    struct tw_arrivals arrivals = {0};
    uint8_t frame[TW_ARRIVALS_FRAME_SIZE];
    for (uint32_t i = 0; i < 1000; i++)
        tw_arrivals_note(&arrivals, UINT32_MAX - i, i % 2u ? INT64_MAX : INT64_MIN, i % 2u == 0);
    assert_int_equal(write(&arrivals, UINT32_MAX, frame), TW_ARRIVALS_FRAME_SIZE);
    assert_int_equal(signed_at(frame, TW_ARRIVALS_LOWEST), -TW_ARRIVALS_UNITS_MAX);
    assert_in_range(signed_at(frame, TW_ARRIVALS_MEAN) + 100, 0, 100);
    assert_int_equal(frame[3 + TW_ARRIVALS_COUNT], 255);
    assert_int_equal(frame[3 + TW_ARRIVALS_LATE], 128);
}

static void test_depth(void **state)
{
    (void)state;
    struct tw_arrivals arrivals = {.newest_tick = 50};
    assert_int_equal(tw_arrivals_depth(&arrivals, 49), 1);
    assert_int_equal(tw_arrivals_depth(&arrivals, 50), 0);
    assert_int_equal(tw_arrivals_depth(&arrivals, 51), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_report),
        cmocka_unit_test(test_rounds_down_once),
        cmocka_unit_test(test_bounds),
        cmocka_unit_test(test_depth),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
