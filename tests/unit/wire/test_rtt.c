/* SPDX-License-Identifier: BSD-3-Clause */
/* What is told about a path from samples of uneven round trips. */
#include "dataplane/wire/rtt.h"

#include "tests/unit/wire/testing.h"

#define SECOND UINT64_C(1000000)
#define START  (20 * SECOND)

/* The baseline is the median of the first 30, whatever comes after or stands out. */
static void test_baseline(void **state)
{
    (void)state;
    struct tw_rtt rtt;
    tw_rtt_init(&rtt);
    for (uint32_t i = 0; i < TW_RTT_BASELINE_SAMPLES; i++) {
        assert_int_equal(rtt.baseline_us, 0);
        /* 10, 27, 44, … ms in an order of its own: 0 to 29 once each. */
        tw_rtt_sample(&rtt, 10000u + i * 17u % 30u * 1000u, 0, START);
    }
    assert_int_equal(rtt.baseline_us, 25000);
    tw_rtt_sample(&rtt, 500000, 0, START);
    assert_int_equal(rtt.baseline_us, 25000);

    tw_rtt_init(&rtt);
    for (uint32_t i = 0; i < TW_RTT_BASELINE_SAMPLES; i++)
        tw_rtt_sample(&rtt, i == 3 || i == 29 ? 900000 : 20000, 0, START);
    assert_int_equal(rtt.baseline_us, 20000);
}

/* Changes of 4, 8, 12, 16 and 20 ms, one a second. */
static void sample_five_seconds(struct tw_rtt *rtt)
{
    uint32_t at_us = 50000;
    tw_rtt_init(rtt);
    tw_rtt_sample(rtt, at_us, 0, START);
    for (uint32_t i = 0; i < 5; i++)
        tw_rtt_sample(rtt, at_us += 4000u * (i + 1u), 0, START + i * SECOND);
}

static void test_jitter_is_of_five_seconds(void **state)
{
    (void)state;
    struct tw_rtt rtt;
    sample_five_seconds(&rtt);
    uint64_t last_us = START + 4 * SECOND;
    static const uint32_t newest_means_us[] = {20000, 18000, 16000, 14000, 12000};
    for (uint32_t seconds = 1; seconds <= 5; seconds++)
        assert_int_equal(tw_rtt_jitter_us(&rtt, seconds, last_us), newest_means_us[seconds - 1u]);
    /* Without new samples the oldest leave one by one. */
    static const uint32_t later_means_us[] = {14000, 16000, 18000, 20000, 0};
    for (uint32_t i = 0; i < 5; i++)
        assert_int_equal(tw_rtt_jitter_us(&rtt, TW_RTT_JITTER_SECONDS, last_us + (i + 1u) * SECOND),
                         later_means_us[i]);
    /* A change 5 s later takes the place of one that is as old. */
    uint32_t again_us = rtt.latest_us + 40000u;
    tw_rtt_sample(&rtt, again_us, 0, START + 5 * SECOND);
    assert_int_equal(tw_rtt_jitter_us(&rtt, TW_RTT_JITTER_SECONDS, START + 5 * SECOND),
                     (8000 + 12000 + 16000 + 20000 + 40000) / 5);
    /* And after a silence nothing of before counts. */
    tw_rtt_sample(&rtt, again_us + 6000u, 0, START + 60 * SECOND);
    assert_int_equal(tw_rtt_jitter_us(&rtt, TW_RTT_JITTER_SECONDS, START + 60 * SECOND), 6000);
}

/* The least is of 10 to 20 s: a longer route becomes the measure. */
static void test_minimum_of_a_changed_route(void **state)
{
    (void)state;
    struct tw_rtt rtt;
    tw_rtt_init(&rtt);
    tw_rtt_sample(&rtt, 30000, 0, START);
    for (uint32_t second = 1; second < 20; second++) {
        tw_rtt_sample(&rtt, 80000, 0, START + second * SECOND);
        assert_int_equal(tw_rtt_min_us(&rtt), 30000);
    }
    assert_int_equal(tw_rtt_queue_us(&rtt), 50000);
    tw_rtt_sample(&rtt, 80000, 0, START + 20 * SECOND);
    assert_int_equal(tw_rtt_min_us(&rtt), 80000);
    assert_int_equal(tw_rtt_queue_us(&rtt), 0);
    /* A pause that skips an epoch forgets both. */
    tw_rtt_sample(&rtt, 95000, 0, START + 60 * SECOND);
    assert_int_equal(tw_rtt_min_us(&rtt), 95000);
}

/* The peer's delay is taken off as far as the least allows: nobody makes a path look shorter. */
static void test_delay_of_the_peer(void **state)
{
    (void)state;
    struct tw_rtt rtt;
    tw_rtt_init(&rtt);
    tw_rtt_sample(&rtt, 40000, 39000, START); /* the first: nothing to compare with */
    assert_int_equal(rtt.latest_us, 40000);
    tw_rtt_sample(&rtt, 52000, 10000, START);
    assert_int_equal(rtt.latest_us, 42000);
    tw_rtt_sample(&rtt, 50000, 10001, START);
    assert_int_equal(rtt.latest_us, 50000);
    tw_rtt_sample(&rtt, TW_RTT_MAX_US + UINT64_C(1), 0, START);
    assert_int_equal(rtt.latest_us, 50000);
    tw_rtt_sample(&rtt, 0, 0, START);
    assert_int_equal(rtt.latest_us, 1);
}

/* One slow packet is noise; four in a row are a queue. */
static void test_queue_is_the_least_of_four(void **state)
{
    (void)state;
    struct tw_rtt rtt;
    tw_rtt_init(&rtt);
    for (uint32_t i = 0; i < 8; i++)
        tw_rtt_sample(&rtt, 30000, 0, START);
    for (uint32_t i = 0; i < 3; i++) {
        tw_rtt_sample(&rtt, 130000u + i, 0, START);
        assert_int_equal(tw_rtt_queue_us(&rtt), 0);
    }
    tw_rtt_sample(&rtt, 150000, 0, START);
    assert_int_equal(tw_rtt_queue_us(&rtt), 100000);
}

/* RFC 6298, section 2: by hand for two samples. */
static void test_probe_time(void **state)
{
    (void)state;
    struct tw_rtt rtt;
    tw_rtt_init(&rtt);
    assert_int_equal(tw_rtt_probe_us(&rtt), 400000);
    tw_rtt_sample(&rtt, 80000, 0, START);
    assert_int_equal(rtt.smoothed_us, 80000);
    assert_int_equal(rtt.variance_us, 40000);
    assert_int_equal(tw_rtt_probe_us(&rtt), 80000 + 4 * 40000 + 25000);
    tw_rtt_sample(&rtt, 96000, 0, START);
    assert_int_equal(rtt.variance_us, 30000 + 4000);
    assert_int_equal(rtt.smoothed_us, 70000 + 12000);
    assert_int_equal(tw_rtt_probe_us(&rtt), 82000 + 4 * 34000 + 25000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_baseline),
        cmocka_unit_test(test_jitter_is_of_five_seconds),
        cmocka_unit_test(test_minimum_of_a_changed_route),
        cmocka_unit_test(test_delay_of_the_peer),
        cmocka_unit_test(test_queue_is_the_least_of_four),
        cmocka_unit_test(test_probe_time),
    };
    return cmocka_run_group_tests(tests, testing_setup, NULL);
}
