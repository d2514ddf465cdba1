/* SPDX-License-Identifier: BSD-3-Clause */
/* How long one may make others wait, and what speaking costs meanwhile. */
#include "dataplane/gate/patience.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#define MS     UINT64_C(1000)
#define SECOND UINT64_C(1000000)
#define LOOK   (250u * 1000u)

static bool look(struct tw_patience *patience, enum tw_patience_state state, uint32_t left,
                 uint64_t now_us)
{
    struct tw_patience_sight sight = {.state = state, .left = left, .longest_us = 2u * LOOK};
    return tw_patience_look(patience, &sight, now_us);
}

/* Looks every `every_us` until its time is up, or for `us`: how long that took. */
static uint64_t wait_for(struct tw_patience *patience, uint64_t *now_us, uint64_t every_us,
                         uint64_t us)
{
    uint64_t from_us = *now_us;
    while (*now_us - from_us < us) {
        if (!look(patience, TW_PATIENCE_BEHIND, 40000, *now_us))
            break;
        *now_us += every_us;
    }
    return *now_us - from_us;
}

/* A twentieth is forgiven while it is used, and one look may come too late. */
static void expect_end(uint64_t took_us)
{
    assert_in_range(took_us, TW_PATIENCE_US, TW_PATIENCE_US * 11u / 10u + LOOK);
}

static void be_good(struct tw_patience *patience, uint64_t *now_us, uint64_t us)
{
    for (uint64_t end_us = *now_us + us; *now_us < end_us; *now_us += LOOK)
        assert_true(look(patience, TW_PATIENCE_KEEPS_UP, 40000, *now_us));
}

static void patience_ends_after_five_seconds_of_being_behind(void **state)
{
    (void)state;
    static const uint64_t everies_us[] = {1, 333, 10 * MS, LOOK};
    for (uint32_t i = 0; i < sizeof(everies_us) / sizeof(everies_us[0]); i++) {
        struct tw_patience patience = {0};
        uint64_t now_us = UINT64_C(4294967296) - SECOND;
        uint64_t took_us = wait_for(&patience, &now_us, everies_us[i], 60 * SECOND);
        expect_end(took_us);
    }
}

static void moments_add_up(void **state)
{
    (void)state;
    struct tw_patience patience = {0};
    uint64_t now_us = SECOND, behind_us = 0;
    /* One second of two: never five in a row. */
    for (uint32_t i = 0; i < 20; i++) {
        uint64_t took_us = wait_for(&patience, &now_us, 10 * MS, SECOND);
        behind_us += took_us;
        if (took_us < SECOND)
            break;
        be_good(&patience, &now_us, SECOND);
    }
    assert_in_range(behind_us, 5 * SECOND, 6 * SECOND);
}

static void a_twentieth_of_the_time_is_forgiven(void **state)
{
    (void)state;
    struct tw_patience patience = {0};
    uint64_t now_us = SECOND;
    for (uint32_t minute = 0; minute < 60; minute++) {
        assert_int_equal(wait_for(&patience, &now_us, 10 * MS, 2 * SECOND), 2 * SECOND);
        be_good(&patience, &now_us, 40 * SECOND);
    }
    /* All of it is there again after a hundred seconds. */
    (void)wait_for(&patience, &now_us, 10 * MS, 60 * SECOND);
    be_good(&patience, &now_us, 110 * SECOND);
    assert_int_equal(wait_for(&patience, &now_us, 10 * MS, 4 * SECOND), 4 * SECOND);
}

/* Whoever looks has stood still meanwhile. */
static void time_that_nobody_looked_at_does_not_count(void **state)
{
    (void)state;
    struct tw_patience patience = {0};
    assert_true(look(&patience, TW_PATIENCE_BEHIND, 40000, SECOND));
    assert_true(look(&patience, TW_PATIENCE_BEHIND, 40000, 60 * SECOND));
    assert_int_equal(patience.used_us, 2u * LOOK);
}

static void get_less(struct tw_patience *patience, uint64_t *now_us, uint32_t left, uint32_t to)
{
    for (; left > to; left -= 5u, *now_us += LOOK)
        assert_true(look(patience, TW_PATIENCE_BEHIND, left, *now_us));
}

/* By 2.5 KB/s, for minutes, and something large comes in between. */
static void who_gets_less_is_not_hurried(void **state)
{
    (void)state;
    struct tw_patience patience = {0};
    uint64_t now_us = SECOND;
    get_less(&patience, &now_us, 3000, 1500);
    get_less(&patience, &now_us, 1900, 100);
    assert_true(now_us > 160 * SECOND);
}

static void who_gets_less_too_slowly_is_behind(void **state)
{
    (void)state;
    struct tw_patience patience = {0};
    uint64_t now_us = SECOND, from_us = now_us;
    for (uint32_t left = 3000; look(&patience, TW_PATIENCE_BEHIND, left, now_us); left -= 3u)
        now_us += LOOK;
    expect_end(now_us - from_us);
}

/* What is taken and said again in turns is no less. */
static void who_stays_where_it_was_is_behind(void **state)
{
    (void)state;
    struct tw_patience patience = {0};
    uint64_t now_us = SECOND, from_us = now_us;
    for (uint32_t i = 0; look(&patience, TW_PATIENCE_BEHIND, 3000u - i % 2u * 31u, now_us); i++)
        now_us += LOOK;
    expect_end(now_us - from_us);
}

/* However fast it takes what is there. */
static void who_is_waited_for_is_hurried(void **state)
{
    (void)state;
    struct tw_patience patience = {0};
    uint64_t now_us = SECOND, from_us = now_us;
    for (uint32_t left = 30000; look(&patience, TW_PATIENCE_WAITED_FOR, left, now_us); left -= 50u)
        now_us += LOOK;
    expect_end(now_us - from_us);
}

static void speech_gets_dearest_at_once(void **state)
{
    (void)state;
    struct tw_dearness dearness = {0};
    tw_dearness_leap(&dearness, SECOND);
    assert_int_equal(tw_dearness_now(&dearness, SECOND), TW_DEARNESS_MAX);
    assert_int_equal(tw_dearness_now(&dearness, SECOND + TW_DEARNESS_BACK_US), TW_DEARNESS_MAX / 2);
}

static void speech_gets_dear_and_cheap_again(void **state)
{
    (void)state;
    struct tw_dearness dearness = {0};
    uint64_t now_us = UINT64_C(4294967296) - SECOND;
    static const uint32_t steps[] = {2, 4, 8, TW_DEARNESS_MAX, TW_DEARNESS_MAX};
    assert_int_equal(tw_dearness_now(&dearness, now_us), 1);
    for (uint32_t i = 0; i < sizeof(steps) / sizeof(steps[0]); i++) {
        for (uint32_t ms = 0; ms < 100; ms++, now_us += MS) {
            tw_dearness_press(&dearness, now_us);
            assert_int_equal(tw_dearness_now(&dearness, now_us), steps[i]);
        }
    }
    now_us -= MS; /* the last time */
    assert_int_equal(tw_dearness_now(&dearness, now_us + TW_DEARNESS_BACK_US - 1u),
                     TW_DEARNESS_MAX);
    static const uint32_t back[] = {6, 3, 1, 1};
    for (uint32_t i = 0; i < sizeof(back) / sizeof(back[0]); i++)
        assert_int_equal(tw_dearness_now(&dearness, now_us + (i + 1u) * TW_DEARNESS_BACK_US),
                         back[i]);
    assert_int_equal(tw_dearness_now(&dearness, now_us + 100 * SECOND), 1);
    /* Asked for seldom it is the same. */
    tw_dearness_press(&dearness, now_us + 200 * SECOND);
    assert_int_equal(tw_dearness_now(&dearness, now_us + 200 * SECOND), 2);
    assert_int_equal(tw_dearness_now(&dearness, now_us + 300 * SECOND), 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(patience_ends_after_five_seconds_of_being_behind),
        cmocka_unit_test(moments_add_up),
        cmocka_unit_test(a_twentieth_of_the_time_is_forgiven),
        cmocka_unit_test(time_that_nobody_looked_at_does_not_count),
        cmocka_unit_test(who_gets_less_is_not_hurried),
        cmocka_unit_test(who_gets_less_too_slowly_is_behind),
        cmocka_unit_test(who_stays_where_it_was_is_behind),
        cmocka_unit_test(who_is_waited_for_is_hurried),
        cmocka_unit_test(speech_gets_dearest_at_once),
        cmocka_unit_test(speech_gets_dear_and_cheap_again),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
