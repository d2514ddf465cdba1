/* SPDX-License-Identifier: BSD-3-Clause */
/* Clock, steering and playout on their own: what they must never do, whatever they are told. */
#include "dataplane/client/clock.h"
#include "dataplane/client/playout.h"
#include "dataplane/client/steering.h"
#include "simulation/core/rng.h"
#include "tests/unit/client/testing.h"

#define SECOND UINT64_C(1000000)

/* A server whose clock is `ahead_us` ahead and drifts; a path each way. */
struct path {
    int64_t ahead_us;
    int64_t drift_ppb;
    uint64_t out_us, back_us;
};

static uint64_t server_time(const struct path *path, uint64_t now_us)
{
    return now_us + (uint64_t)(path->ahead_us + (int64_t)now_us * path->drift_ppb / 1000000000);
}

static void ping(struct tw_client_clock *clock, const struct path *path, uint64_t sent_us)
{
    uint64_t there_us = server_time(path, sent_us + path->out_us);
    struct tw_frame_pong pong = {.echo_us = sent_us, .received_us = there_us, .sent_us = there_us};
    assert_true(tw_client_clock_pong(clock, &pong, sent_us + path->out_us + path->back_us));
}

static int64_t off_us(const struct tw_client_clock *clock, const struct path *path, uint64_t now_us)
{
    return (int64_t)(tw_client_clock_time_us(clock, now_us) - server_time(path, now_us));
}

static void test_offset_by_the_quickest_pong(void **state)
{
    (void)state;
    struct tw_client_clock clock;
    struct path path = {.ahead_us = 5000000, .out_us = 10000, .back_us = 10000};
    tw_client_clock_init(&clock, 60, 0, SECOND);
    ping(&clock, &path, SECOND);
    assert_int_equal(off_us(&clock, &path, SECOND + 20000), 0);
    /* A queue one way, for longer than the first pongs: the good one still counts. */
    path.out_us = 90000;
    for (uint64_t i = 1; i < 8; i++)
        ping(&clock, &path, SECOND + i * SECOND / 2);
    assert_in_range(off_us(&clock, &path, 5 * SECOND), 0, 1000);
    assert_int_equal(clock.rtt_us, 100000);
    assert_int_equal(clock.rtt_min_us, 20000);
}

static void test_drift(void **state)
{
    (void)state;
    static const int64_t drifts_ppb[] = {0, 200000, -200000, 30000};
    for (size_t i = 0; i < sizeof(drifts_ppb) / sizeof(drifts_ppb[0]); i++) {
        struct tw_client_clock clock;
        struct path path = {
            .ahead_us = -12345, .drift_ppb = drifts_ppb[i], .out_us = 15000, .back_us = 15000};
        tw_client_clock_init(&clock, 60, 0, 0);
        for (uint64_t k = 1; k <= 140; k++)
            ping(&clock, &path, k * SECOND / 2);
        int64_t wrong_ppb = clock.drift_ppb - drifts_ppb[i];
        assert_true(wrong_ppb > -1000 && wrong_ppb < 1000);
        /* A minute without a pong: 200 ppm would make 12 ms. */
        int64_t off = off_us(&clock, &path, 130 * SECOND);
        assert_true(off > -200 && off < 200);
    }
}

static void test_clock_steps_after_a_sleep_and_never_back(void **state)
{
    (void)state;
    struct tw_client_clock clock;
    struct path path = {.ahead_us = 0, .out_us = 5000, .back_us = 5000};
    tw_client_clock_init(&clock, 60, 0, 0);
    for (uint64_t k = 1; k <= 20; k++)
        ping(&clock, &path, k * SECOND);
    path.ahead_us = 60000000; /* our clock stood still for a minute */
    ping(&clock, &path, 21 * SECOND);
    assert_int_equal(off_us(&clock, &path, 21 * SECOND + 10000), 0);
    uint64_t shown_us = tw_client_clock_time_us(&clock, 22 * SECOND);
    path.ahead_us = 0; /* and back: it waits rather than turn */
    ping(&clock, &path, 22 * SECOND);
    assert_true(tw_client_clock_time_us(&clock, 23 * SECOND) >= shown_us);
    assert_int_equal(off_us(&clock, &path, 90 * SECOND), 0);
}

static void test_clock_is_smooth(void **state)
{
    (void)state;
    struct tw_rng rng;
    tw_rng_seed(&rng, 11);
    for (uint32_t round = 0; round < 50; round++) {
        struct tw_client_clock clock;
        struct path path = {.drift_ppb = (int64_t)tw_rng_below(&rng, 400001) - 200000};
        uint64_t shown_us = 0;
        tw_client_clock_init(&clock, 60, 0, 0);
        for (uint64_t k = 1; k <= 200; k++) {
            path.out_us = 1000 + tw_rng_below(&rng, 200000);
            path.back_us = 1000 + tw_rng_below(&rng, 200000);
            ping(&clock, &path, k * SECOND / 2);
            for (uint64_t at = 0; at < 20; at++) {
                uint64_t now_us = k * SECOND / 2 + path.out_us + path.back_us + at * 1000u;
                uint64_t time_us = tw_client_clock_time_us(&clock, now_us);
                assert_true(time_us >= shown_us);
                /* 1 ms of ours is 1 ms of the server's, but for what may be worked off. */
                if (k > TW_CLIENT_CLOCK_FIRST && at > 0)
                    assert_in_range(time_us - shown_us, 993, 1007);
                shown_us = time_us;
            }
        }
    }
}

/* ---- steering ------------------------------------------------------------------------------- */

#define TICK_US 16666

struct steered {
    struct tw_client_steering steering;
    uint32_t tick;
    uint64_t now_us;
    uint8_t late; /* inputs of the reports to come */
    uint8_t more; /* inputs that these are about, from before the last 12 */
};

/* One report about inputs that took `mean_us` on their way, the slowest `high_us`; 200 ms pass. */
static void report(struct steered *steered, int64_t mean_us, int64_t high_us)
{
    steered->tick += 12;
    steered->now_us += 200000;
    tw_client_steering_made(&steered->steering, steered->tick, 12, steered->now_us);
    int64_t lead_us = tw_client_steering_lead_us(&steered->steering, steered->now_us);
    struct tw_frame_arrivals arrivals = {.newest = steered->tick,
                                         .mean = (int16_t)((lead_us - mean_us) / 100),
                                         .lowest = (int16_t)((lead_us - high_us) / 100),
                                         .count = (uint8_t)(12u + steered->more),
                                         .late = steered->late};
    tw_client_steering_report(&steered->steering, &arrivals, steered->now_us);
}

static void test_lead_is_one_tick_on_a_steady_path(void **state)
{
    (void)state;
    struct steered steered = {.now_us = SECOND};
    tw_client_steering_init(&steered.steering, 60, steered.now_us);
    assert_int_equal(tw_client_steering_lead_us(&steered.steering, SECOND), 2 * TICK_US);
    tw_client_steering_guess(&steered.steering, 40000, 40000, SECOND);
    assert_int_equal(tw_client_steering_lead_us(&steered.steering, SECOND), 20000 + 2 * TICK_US);
    report(&steered, 90000, 91000); /* some of its inputs were made before the clock was set */
    assert_false(steered.steering.reported);
    report(&steered, 30000, 31000); /* the first one makes it jump, with room for what is unknown */
    int64_t lead_us = tw_client_steering_lead_us(&steered.steering, steered.now_us);
    assert_in_range(lead_us, 31000 + TICK_US - 200, 31000 + TICK_US + 200);
    /* The newest round trip has no say any more. */
    tw_client_steering_guess(&steered.steering, 400000, 40000, steered.now_us);
    for (uint32_t i = 0; i < 30; i++)
        report(&steered, 30000, 31000);
    lead_us = tw_client_steering_lead_us(&steered.steering, steered.now_us);
    assert_in_range(lead_us, 30000 + TICK_US - 400, 30000 + TICK_US + TICK_US / 8 + 400);
}

static void test_lead_covers_long_delays_but_not_one(void **state)
{
    (void)state;
    struct steered steered = {.now_us = SECOND};
    tw_client_steering_init(&steered.steering, 60, steered.now_us);
    for (uint32_t i = 0; i < 10; i++)
        report(&steered, 30000, 32000);
    report(&steered, 34000, 90000);
    assert_true(steered.steering.goal_us < 60000);
    report(&steered, 34000, 80000);
    assert_in_range(steered.steering.goal_us, 79800 + TICK_US / 2, 80200 + TICK_US / 2);
}

static void test_a_shorter_path_is_believed(void **state)
{
    (void)state;
    struct steered steered = {.now_us = SECOND};
    tw_client_steering_init(&steered.steering, 60, steered.now_us);
    for (uint32_t i = 0; i < 25; i++)
        report(&steered, 250000, 260000);
    for (uint32_t i = 0; i < TW_CLIENT_STEERING_RECENT; i++)
        report(&steered, 30000, 40000);
    assert_true(steered.steering.goal_us < 60000);
}

/* Most inputs late: the lead goes there at once. A late packet alone does not make it, and what was
 * made before the jump has no say after it. */
static void test_a_longer_path_is_jumped_to(void **state)
{
    (void)state;
    struct steered steered = {.now_us = SECOND};
    tw_client_steering_init(&steered.steering, 60, steered.now_us);
    for (uint32_t i = 0; i < 10; i++)
        report(&steered, 30000, 31000);
    steered.late = TW_CLIENT_STEERING_LATE_MIN - 1u;
    report(&steered, 110000, 111000);
    int64_t lead_us = tw_client_steering_lead_us(&steered.steering, steered.now_us);
    assert_in_range(lead_us, 30000, 31000 + 2 * TICK_US);
    steered.late = 0;
    for (uint32_t i = 0; i < TW_CLIENT_STEERING_REPORTS; i++)
        report(&steered, 30000, 31000);
    steered.late = 7;
    report(&steered, 110000, 111000);
    lead_us = tw_client_steering_lead_us(&steered.steering, steered.now_us);
    assert_in_range(lead_us, 111000 + TICK_US - 200, 111000 + TICK_US + 200);
    report(&steered, 190000, 191000);
    assert_int_equal(tw_client_steering_lead_us(&steered.steering, steered.now_us), lead_us);
    steered.late = 0;
    report(&steered, 110000, 111000);
    assert_int_equal(steered.steering.settled, 2);
    /* One that was held up, and is about inputs from before the jump as well. */
    steered.more = 37;
    report(&steered, 110000, 500000);
    assert_int_equal(steered.steering.settled, 2);
    lead_us = tw_client_steering_lead_us(&steered.steering, steered.now_us);
    assert_in_range(lead_us, 111000 + TICK_US - 200, 111000 + TICK_US + 200);
    steered.more = 0;
    report(&steered, 110000, 111000);
    assert_int_equal(steered.steering.settled, 3);
}

/* It is known at once, where 5 s of reports would have to pass; until the first one of it the lead
 * stays, and reports of inputs made before say nothing. */
static void test_another_path_is_measured_anew(void **state)
{
    (void)state;
    struct steered steered = {.now_us = SECOND};
    tw_client_steering_init(&steered.steering, 60, steered.now_us);
    for (uint32_t i = 0; i < 25; i++)
        report(&steered, 250000, 260000);
    int64_t lead_us = tw_client_steering_lead_us(&steered.steering, steered.now_us);
    tw_client_steering_path_changed(&steered.steering);
    report(&steered, 900000, 990000);
    assert_int_equal(steered.steering.window_count, 0);
    assert_in_range(tw_client_steering_lead_us(&steered.steering, steered.now_us), lead_us - 3000,
                    lead_us + 3000);
    report(&steered, 30000, 31000);
    lead_us = tw_client_steering_lead_us(&steered.steering, steered.now_us);
    assert_in_range(lead_us, 31000 + TICK_US - 200, 31000 + TICK_US + 200);
}

static void test_round_trips_of_another_path(void **state)
{
    (void)state;
    struct tw_client_clock clock;
    tw_client_clock_init(&clock, 60, 0, SECOND);
    struct tw_frame_pong pong = {.echo_us = SECOND, .received_us = 5000, .sent_us = 5000};
    assert_true(tw_client_clock_pong(&clock, &pong, SECOND + 10000));
    assert_int_equal(clock.rtt_min_us, 10000);
    pong.echo_us = SECOND + 20000; /* on its way when the path changes */
    tw_client_clock_path_changed(&clock, SECOND + 25000);
    uint64_t before_us = tw_client_clock_time_us(&clock, SECOND + 25000);
    pong.received_us = pong.sent_us = 25000;
    assert_true(tw_client_clock_pong(&clock, &pong, SECOND + 30000));
    assert_int_equal(clock.rtt_min_us, 0);
    assert_int_equal(clock.rtt_smooth_us, 0);
    pong =
        (struct tw_frame_pong){.echo_us = SECOND + 40000, .received_us = 90000, .sent_us = 90000};
    assert_true(tw_client_clock_pong(&clock, &pong, SECOND + 140000));
    assert_int_equal(clock.rtt_min_us, 100000);
    assert_int_equal(clock.rtt_smooth_us, 100000);
    /* The server's clock goes on from what is known of it. */
    assert_in_range(tw_client_clock_time_us(&clock, SECOND + 140000), before_us + 114000,
                    before_us + 116000);
}

static void test_unknown_and_absurd_reports(void **state)
{
    (void)state;
    struct steered steered = {.now_us = SECOND};
    tw_client_steering_init(&steered.steering, 60, steered.now_us);
    struct tw_frame_arrivals arrivals = {.newest = 99, .count = 1, .mean = 10000, .lowest = 0};
    tw_client_steering_report(&steered.steering, &arrivals, steered.now_us);
    assert_false(steered.steering.reported); /* nobody made that input */
    for (uint32_t i = 0; i < 60; i++) {
        report(&steered, 900000, 999000);
        int64_t lead_us = tw_client_steering_lead_us(&steered.steering, steered.now_us);
        assert_in_range(lead_us, 0, TW_CLIENT_STEERING_LEAD_MAX_US);
    }
    for (uint32_t i = 0; i < 60; i++)
        report(&steered, -900000, -800000);
    assert_in_range(tw_client_steering_lead_us(&steered.steering, steered.now_us + 60 * SECOND), 0,
                    TICK_US / 8);
}

/* A queue makes a lead, and vanishes from one packet to the next: whatever it was, an input that
 * takes the shortest way then is not further ahead than a server takes. */
static void test_lead_is_within_what_servers_take(void **state)
{
    (void)state;
    static const int64_t ways_us[] = {0, 20000, 300000};
    for (uint32_t i = 0; i < 3; i++) {
        struct steered steered = {.now_us = SECOND};
        int64_t most_us = 56 * TICK_US + ways_us[i];
        tw_client_steering_init(&steered.steering, 60, steered.now_us);
        tw_client_steering_guess(&steered.steering, 1900000, (uint64_t)ways_us[i] * 2u, SECOND);
        for (uint32_t k = 0; k < 60; k++) {
            report(&steered, 1500000, 1600000);
            int64_t lead_us = tw_client_steering_lead_us(&steered.steering, steered.now_us);
            assert_in_range(lead_us, 0, most_us);
        }
        assert_int_equal(tw_client_steering_lead_us(&steered.steering, steered.now_us), most_us);
        /* Another path, of which nothing is known yet. */
        tw_client_steering_path_changed(&steered.steering);
        assert_in_range(tw_client_steering_lead_us(&steered.steering, steered.now_us), 0,
                        56 * TICK_US);
    }
}

/* Whatever the reports say, as long as inputs are not late, the lead moves at its bounded rate once
 * the first was heard. */
static void test_lead_never_jumps(void **state)
{
    (void)state;
    struct tw_rng rng;
    tw_rng_seed(&rng, 5);
    for (uint32_t round = 0; round < 100; round++) {
        struct steered steered = {.now_us = SECOND};
        tw_client_steering_init(&steered.steering, 60, steered.now_us);
        report(&steered, 50000, 60000);
        for (uint32_t i = 0; i < 100; i++) {
            int64_t mean_us = tw_rng_below(&rng, 500000);
            int64_t before_us = tw_client_steering_lead_us(&steered.steering, steered.now_us);
            report(&steered, mean_us, mean_us + tw_rng_below(&rng, 300000));
            int64_t after_us = tw_client_steering_lead_us(&steered.steering, steered.now_us);
            assert_true(after_us - before_us <= 200000 / 5 + 1);
            assert_true(before_us - after_us <= 200000 / 10 + 1);
        }
        /* After a silence it may. */
        steered.now_us += 2 * SECOND;
        report(&steered, 400000, 400000);
        assert_in_range(tw_client_steering_lead_us(&steered.steering, steered.now_us),
                        400000 + TICK_US - 200, 400000 + TICK_US + 200);
    }
}

/* ---- playout -------------------------------------------------------------------------------- */

static void test_playout_of_steady_snapshots(void **state)
{
    (void)state;
    struct tw_client_playout playout = {0};
    assert_int_equal(tw_client_playout_delay_us(&playout, SECOND), 0);
    for (uint64_t k = 1; k <= 100; k++)
        tw_client_playout_snapshot(&playout, k * 50000, k * 50000 + 30000);
    /* 30 ms on the way, and the next one 50 ms later. */
    assert_int_equal(tw_client_playout_delay_us(&playout, 100 * 50000 + 30000), 80000);
    /* One that is late moves nothing, a path that is longer does, at its rate. */
    tw_client_playout_snapshot(&playout, 101 * 50000, 101 * 50000 + 200000);
    assert_int_equal(playout.goal_us, 80000);
    int64_t before_us = tw_client_playout_delay_us(&playout, 101 * 50000 + 200000);
    for (uint64_t k = 102; k <= 160; k++) {
        uint64_t at_us = k * 50000 + 200000;
        tw_client_playout_snapshot(&playout, k * 50000, at_us);
        int64_t delay_us = tw_client_playout_delay_us(&playout, at_us);
        assert_true(delay_us >= before_us && delay_us - before_us <= 5001);
        before_us = delay_us;
    }
    assert_int_equal(before_us, 250000);
}

static void test_playout_is_bounded(void **state)
{
    (void)state;
    struct tw_rng rng;
    struct tw_client_playout playout = {0};
    tw_rng_seed(&rng, 3);
    uint64_t now_us = SECOND;
    for (uint32_t i = 0; i < 10000; i++) {
        now_us += tw_rng_below(&rng, 3000000);
        uint64_t due_us = now_us + tw_rng_below(&rng, 6000000) - 3000000;
        tw_client_playout_snapshot(&playout, due_us, now_us);
        assert_in_range(tw_client_playout_delay_us(&playout, now_us), 0, TW_CLIENT_PLAYOUT_MAX_US);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_offset_by_the_quickest_pong),
        cmocka_unit_test(test_drift),
        cmocka_unit_test(test_clock_steps_after_a_sleep_and_never_back),
        cmocka_unit_test(test_clock_is_smooth),
        cmocka_unit_test(test_lead_is_one_tick_on_a_steady_path),
        cmocka_unit_test(test_lead_covers_long_delays_but_not_one),
        cmocka_unit_test(test_a_shorter_path_is_believed),
        cmocka_unit_test(test_a_longer_path_is_jumped_to),
        cmocka_unit_test(test_another_path_is_measured_anew),
        cmocka_unit_test(test_round_trips_of_another_path),
        cmocka_unit_test(test_unknown_and_absurd_reports),
        cmocka_unit_test(test_lead_never_jumps),
        cmocka_unit_test(test_lead_is_within_what_servers_take),
        cmocka_unit_test(test_playout_of_steady_snapshots),
        cmocka_unit_test(test_playout_is_bounded),
    };
    return cmocka_run_group_tests(tests, testing_setup, NULL);
}
