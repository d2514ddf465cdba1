/* SPDX-License-Identifier: BSD-3-Clause */
#include "dataplane/engine/tick_schedule.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#define SECOND_NS UINT64_C(1000000000)

/* Source of truth: 128-bit arithmetic. */
static uint64_t exact_due(uint64_t epoch_ns, uint32_t hz, uint64_t tick)
{
    return epoch_ns + (uint64_t)((unsigned __int128)tick * SECOND_NS / hz);
}

static const uint32_t rates[] = {1, 7, 20, 30, 59, 60, 64, 120, 128, 240};

static void test_due_is_exact_over_days(void **state)
{
    (void)state;
    const uint64_t epoch_ns = UINT64_C(123456789012345);
    for (size_t r = 0; r < sizeof(rates) / sizeof(rates[0]); r++) {
        uint32_t hz = rates[r];
        /* Every tick of the first minute, then steps over 30 days. */
        for (uint64_t tick = 0; tick < hz * 60u; tick++)
            assert_int_equal(tw_tick_due_ns(epoch_ns, hz, tick), exact_due(epoch_ns, hz, tick));
        for (uint64_t tick = 0; tick < (uint64_t)hz * 86400 * 30; tick += 99991)
            assert_int_equal(tw_tick_due_ns(epoch_ns, hz, tick), exact_due(epoch_ns, hz, tick));
        /* A whole number of seconds lands on the nanosecond. */
        assert_int_equal(tw_tick_due_ns(epoch_ns, hz, (uint64_t)hz * 86400 * 365),
                         epoch_ns + SECOND_NS * 86400 * 365);
    }
}

static void test_tick_at_is_the_inverse(void **state)
{
    (void)state;
    const uint64_t epoch_ns = 5000;
    for (size_t r = 0; r < sizeof(rates) / sizeof(rates[0]); r++) {
        uint32_t hz = rates[r];
        for (uint64_t tick = 1; tick < (uint64_t)hz * 86400 * 30; tick = tick * 3 + 1) {
            uint64_t due_ns = tw_tick_due_ns(epoch_ns, hz, tick);
            assert_int_equal(tw_tick_at_ns(epoch_ns, hz, due_ns), tick);
            assert_int_equal(tw_tick_at_ns(epoch_ns, hz, due_ns - 1), tick - 1);
        }
    }
    assert_int_equal(tw_tick_at_ns(epoch_ns, 60, 0), 0);
    assert_int_equal(tw_tick_at_ns(epoch_ns, 60, epoch_ns), 0);
}

static void test_late_ticks_are_made_up(void **state)
{
    (void)state;
    struct tw_tick_schedule schedule = {.epoch_ns = 0, .hz = 60, .next = 100};
    uint64_t now_ns = tw_tick_due_ns(0, 60, 100 + TW_TICK_BEHIND_MAX);
    assert_int_equal(tw_tick_schedule_catch_up(&schedule, now_ns), 0);
    assert_int_equal(schedule.next, 100);
}

static void test_a_long_stall_is_skipped(void **state)
{
    (void)state;
    struct tw_tick_schedule schedule = {.epoch_ns = 0, .hz = 60, .next = 100};
    uint64_t now_ns = tw_tick_due_ns(0, 60, 101 + TW_TICK_BEHIND_MAX);
    assert_int_equal(tw_tick_schedule_catch_up(&schedule, now_ns), 1 + TW_TICK_BEHIND_MAX);
    assert_int_equal(schedule.next, 101 + TW_TICK_BEHIND_MAX);
    /* Due now, and the next one is not. */
    assert_true(tw_tick_schedule_due_ns(&schedule) <= now_ns);
    schedule.next++;
    assert_true(tw_tick_schedule_due_ns(&schedule) > now_ns);
}

static void test_before_the_epoch_nothing_is_due(void **state)
{
    (void)state;
    struct tw_tick_schedule schedule = {.epoch_ns = SECOND_NS, .hz = 60, .next = 1};
    assert_int_equal(tw_tick_schedule_catch_up(&schedule, 0), 0);
    assert_true(tw_tick_schedule_due_ns(&schedule) > SECOND_NS);
}

static void test_the_end_is_seen_a_minute_ahead(void **state)
{
    (void)state;
    assert_false(tw_tick_is_near_the_last(TW_TICK_LAST - 3601u, 60));
    assert_true(tw_tick_is_near_the_last(TW_TICK_LAST - 3600u, 60));
    assert_true(tw_tick_is_near_the_last(TW_TICK_LAST, 60));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_due_is_exact_over_days),
        cmocka_unit_test(test_tick_at_is_the_inverse),
        cmocka_unit_test(test_late_ticks_are_made_up),
        cmocka_unit_test(test_a_long_stall_is_skipped),
        cmocka_unit_test(test_before_the_epoch_nothing_is_due),
        cmocka_unit_test(test_the_end_is_seen_a_minute_ahead),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
