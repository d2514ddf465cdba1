/* SPDX-License-Identifier: BSD-3-Clause */
/* A link's state changes at exactly the thresholds it is judged by, whatever they are; and what
 * window, rate and loss become of what is told about packets. */
#include "dataplane/wire/congestion.h"

#include "tickwire/wire.h"

#include "tests/unit/wire/testing.h"

#define SECOND_US     UINT64_C(1000000)
#define NOW_US        (10 * SECOND_US)
#define BASELINE_US   50000u
#define BASE_JITTER   4000u
#define JITTER_SECOND (uint32_t)(NOW_US / 1000000u)

static const struct tw_congestion_thresholds others = {
    .calm_loss_q16 = TW_LOSS_PERCENT(4u),
    .calm_delay_us = 33000,
    .calm_us = 250000,
    .conservative_loss_q16 = TW_LOSS_PERCENT(7u),
    .conservative_delay_us = 44000,
    .conservative_jitter_percent = 150,
    .conservative_jitter_us = 3000,
    .emergency_loss_q16 = TW_LOSS_PERCENT(20u),
    .emergency_queue_us = 222000,
};
static const struct tw_congestion_thresholds *const tables[] = {&tw_congestion_defaults, &others};

/* A path at its baseline, in that state. */
static struct tw_congestion path(enum tw_link_state state)
{
    struct tw_congestion congestion;
    tw_congestion_init(&congestion, NOW_US);
    congestion.state = (uint8_t)state;
    congestion.lost_at_us = NOW_US; /* so that losses are not forgotten */
    struct tw_rtt *rtt = &congestion.rtt;
    rtt->smoothed_us = rtt->baseline_us = rtt->latest_us = rtt->min_now_us = BASELINE_US;
    for (uint32_t i = 0; i < 4; i++)
        rtt->recent[i] = BASELINE_US;
    rtt->baseline_jitter_us = BASE_JITTER;
    rtt->sample_count = TW_RTT_BASELINE_SAMPLES;
    rtt->second = JITTER_SECOND;
    return congestion;
}

static void assert_becomes(struct tw_congestion congestion,
                           const struct tw_congestion_thresholds *thresholds,
                           enum tw_link_state expected)
{
    tw_congestion_update(&congestion, thresholds, NOW_US);
    assert_int_equal(congestion.state, expected);
}

static void test_losses(void **state)
{
    (void)state;
    for (uint32_t i = 0; i < 2; i++) {
        struct tw_congestion congestion = path(TW_LINK_NORMAL);
        congestion.loss_q16 = tables[i]->conservative_loss_q16;
        assert_becomes(congestion, tables[i], TW_LINK_NORMAL);
        congestion.loss_q16++;
        assert_becomes(congestion, tables[i], TW_LINK_CONSERVATIVE);
        congestion.loss_q16 = tables[i]->emergency_loss_q16;
        assert_becomes(congestion, tables[i], TW_LINK_CONSERVATIVE);
        congestion.loss_q16++;
        assert_becomes(congestion, tables[i], TW_LINK_EMERGENCY);
    }
}

static void test_delay_and_queue(void **state)
{
    (void)state;
    for (uint32_t i = 0; i < 2; i++) {
        struct tw_congestion congestion = path(TW_LINK_NORMAL);
        congestion.rtt.smoothed_us = BASELINE_US + tables[i]->conservative_delay_us;
        assert_becomes(congestion, tables[i], TW_LINK_NORMAL);
        congestion.rtt.smoothed_us++;
        assert_becomes(congestion, tables[i], TW_LINK_CONSERVATIVE);
        for (uint32_t k = 0; k < 4; k++)
            congestion.rtt.recent[k] = BASELINE_US + tables[i]->emergency_queue_us;
        assert_becomes(congestion, tables[i], TW_LINK_CONSERVATIVE);
        for (uint32_t k = 0; k < 4; k++)
            congestion.rtt.recent[k]++;
        assert_becomes(congestion, tables[i], TW_LINK_EMERGENCY);
    }
}

static void test_jitter(void **state)
{
    (void)state;
    static const uint32_t limits_us[] = {2 * BASE_JITTER + 10000, BASE_JITTER * 3 / 2 + 3000};
    for (uint32_t i = 0; i < 2; i++) {
        struct tw_congestion congestion = path(TW_LINK_NORMAL);
        uint32_t at = JITTER_SECOND % TW_RTT_JITTER_SECONDS;
        congestion.rtt.change_count[at] = 1;
        congestion.rtt.change_sum_us[at] = limits_us[i];
        assert_becomes(congestion, tables[i], TW_LINK_NORMAL);
        congestion.rtt.change_sum_us[at]++;
        assert_becomes(congestion, tables[i], TW_LINK_CONSERVATIVE);
    }
}

/* What it is after it was like this from now on. */
static enum tw_link_state after(struct tw_congestion congestion,
                                const struct tw_congestion_thresholds *thresholds, uint64_t wait_us)
{
    uint32_t loss_q16 = congestion.loss_q16;
    tw_congestion_update(&congestion, thresholds, NOW_US);
    congestion.lost_at_us = NOW_US + wait_us;
    congestion.loss_q16 = loss_q16;
    tw_congestion_update(&congestion, thresholds, NOW_US + wait_us);
    return (enum tw_link_state)congestion.state;
}

static void test_calm(void **state)
{
    (void)state;
    for (uint32_t i = 0; i < 2; i++) {
        const struct tw_congestion_thresholds *table = tables[i];
        struct tw_congestion congestion = path(TW_LINK_CONSERVATIVE);
        congestion.loss_q16 = table->calm_loss_q16 - 1u;
        congestion.rtt.smoothed_us = BASELINE_US + table->calm_delay_us - 1u;
        assert_int_equal(after(congestion, table, table->calm_us - 1u), TW_LINK_CONSERVATIVE);
        assert_int_equal(after(congestion, table, table->calm_us), TW_LINK_NORMAL);
        congestion.loss_q16++;
        assert_int_equal(after(congestion, table, table->calm_us), TW_LINK_CONSERVATIVE);
        congestion.loss_q16--;
        congestion.rtt.smoothed_us++;
        assert_int_equal(after(congestion, table, table->calm_us), TW_LINK_CONSERVATIVE);
        /* Better, if not calm: one state after the same time. */
        congestion.state = TW_LINK_EMERGENCY;
        assert_int_equal(after(congestion, table, table->calm_us - 1u), TW_LINK_EMERGENCY);
        assert_int_equal(after(congestion, table, table->calm_us), TW_LINK_CONSERVATIVE);
    }
}

/* `bytes` more arrive, told `elapsed_us` after the last delivery before they left. */
static void deliver(struct tw_congestion *congestion, uint32_t bytes, uint64_t elapsed_us,
                    uint64_t now_us)
{
    struct tw_delivery delivery = {.bytes = bytes,
                                   .delivered_bytes = congestion->delivered_bytes,
                                   .delivered_at_us = now_us - elapsed_us};
    tw_congestion_acked(congestion, &delivery, now_us);
}

/* The greatest of this second and the one before. */
static void test_rate(void **state)
{
    (void)state;
    struct tw_congestion congestion = path(TW_LINK_NORMAL);
    assert_int_equal(tw_congestion_rate(&congestion), 0);
    deliver(&congestion, 1000, 10000, NOW_US);
    assert_int_equal(tw_congestion_rate(&congestion), 100000);
    deliver(&congestion, 3000, 999, NOW_US); /* bunched up: no sample */
    deliver(&congestion, 500, 10000, NOW_US + 100000);
    assert_int_equal(tw_congestion_rate(&congestion), 100000);
    deliver(&congestion, 400, 10000, NOW_US + 1000000);
    assert_int_equal(tw_congestion_rate(&congestion), 100000);
    deliver(&congestion, 300, 10000, NOW_US + 2000000);
    assert_int_equal(tw_congestion_rate(&congestion), 40000);
    deliver(&congestion, 200, 10000, NOW_US + 9000000);
    assert_int_equal(tw_congestion_rate(&congestion), 20000);
}

/* A round trip on that path, of which so many packets were lost; what the window is then. */
static uint32_t window_after_round(struct tw_congestion congestion, uint32_t acked, uint32_t lost)
{
    congestion.window_bytes = 80000;
    congestion.round_began_us = NOW_US - 60000;
    congestion.round_acked = (uint16_t)acked;
    congestion.round_lost = (uint16_t)lost;
    tw_congestion_update(&congestion, &tw_congestion_defaults, NOW_US);
    assert_int_equal(congestion.round_lost, 0);
    return congestion.window_bytes;
}

/* Beyond 2 % with a queue, beyond 10 % without, and never a single packet. */
static void test_loss_of_a_round(void **state)
{
    (void)state;
    struct tw_congestion congestion = path(TW_LINK_NORMAL);
    assert_int_equal(window_after_round(congestion, 90, 10), 80000);
    assert_int_equal(window_after_round(congestion, 89, 11), 70000);
    assert_int_equal(window_after_round(congestion, 2, 2), 70000);
    assert_int_equal(window_after_round(congestion, 0, 1), 80000);
    for (uint32_t i = 0; i < 4; i++)
        congestion.rtt.recent[i] = BASELINE_US + 10000; /* more than half of what is aimed at */
    assert_int_equal(window_after_round(congestion, 98, 2), 80000);
    assert_int_equal(window_after_round(congestion, 97, 3), 70000);
    /* Not below what the path is known to carry: 1.5 MB/s for 50 ms. */
    congestion.rate_bytes_s[0] = 1500000;
    assert_int_equal(window_after_round(congestion, 97, 3), 75000);
    congestion.rate_bytes_s[0] = 4000000;
    assert_int_equal(window_after_round(congestion, 97, 3), 80000);
}

/* A queue that stands for four targets: no more than what this round delivered. */
static void test_standing_queue(void **state)
{
    (void)state;
    struct tw_congestion congestion = path(TW_LINK_NORMAL);
    congestion.rate_bytes_s[0] = 4000000; /* of before: not believed */
    congestion.delivered_bytes = 24000;   /* in the 60 ms of the round */
    for (uint32_t i = 0; i < 4; i++)
        congestion.rtt.recent[i] = BASELINE_US + 4 * TW_QUEUE_TARGET_US + 1;
    assert_int_equal(window_after_round(congestion, 20, 0), 20000);
}

static void test_late_is_not_lost(void **state)
{
    (void)state;
    struct tw_congestion congestion = path(TW_LINK_NORMAL);
    for (uint32_t i = 0; i < 5; i++)
        tw_congestion_lost(&congestion, NOW_US);
    uint32_t loss_q16 = congestion.loss_q16;
    assert_int_equal(congestion.round_lost, 5);
    tw_congestion_late(&congestion);
    assert_int_equal(congestion.round_lost, 4);
    assert_int_equal(congestion.loss_q16, loss_q16 - TW_LOSS_ALL / 64u);
    for (uint32_t i = 0; i < 8; i++)
        tw_congestion_late(&congestion);
    assert_int_equal(congestion.round_lost, 0);
    assert_int_equal(congestion.loss_q16, 0);
}

/* Less than two packets is never made more by an outage. */
static void test_collapse(void **state)
{
    (void)state;
    struct tw_congestion congestion = path(TW_LINK_NORMAL);
    congestion.slow_start = false;
    tw_congestion_collapse(&congestion);
    assert_int_equal(congestion.window_bytes, TW_WINDOW_COLLAPSED);
    assert_true(congestion.slow_start);
    congestion.window_bytes = TW_WINDOW_MIN_BYTES;
    tw_congestion_collapse(&congestion);
    assert_int_equal(congestion.window_bytes, TW_WINDOW_MIN_BYTES);
}

static void queue_up(struct tw_congestion *congestion, uint32_t queue_us)
{
    for (uint32_t i = 0; i < 4; i++)
        congestion->rtt.recent[i] = BASELINE_US + queue_us;
}

/* One round trip later. */
static uint32_t next_round(struct tw_congestion *congestion, uint64_t *now_us)
{
    *now_us += BASELINE_US;
    congestion->lost_at_us = *now_us;
    tw_congestion_update(congestion, &tw_congestion_defaults, *now_us);
    return congestion->tick_bytes;
}

/* As small as can be at once where a queue stands; less bit by bit while there is one; more bit by
 * bit where there is none, in twice as many steps as long as the path is strained. */
static void test_ticks_fit_the_path(void **state)
{
    (void)state;
    uint64_t now_us = NOW_US;
    uint32_t target_us = TW_QUEUE_TARGET_US + BASE_JITTER;
    struct tw_congestion congestion = path(TW_LINK_NORMAL);
    queue_up(&congestion, 5 * target_us);
    congestion.rtt.smoothed_us = BASELINE_US; /* not strained: whose queue it is is not known */
    assert_int_equal(next_round(&congestion, &now_us), TW_TICK_BYTES_MAX);
    congestion.state = TW_LINK_CONSERVATIVE;
    queue_up(&congestion, 4 * target_us);
    assert_int_equal(next_round(&congestion, &now_us), TW_TICK_BYTES_MAX * 7 / 8);
    queue_up(&congestion, 4 * target_us + 1);
    tw_congestion_update(&congestion, &tw_congestion_defaults, now_us + 1);
    assert_int_equal(congestion.tick_bytes, TW_TICK_BYTES_MIN);
    queue_up(&congestion, target_us);
    assert_int_equal(next_round(&congestion, &now_us), TW_TICK_BYTES_MIN);
    queue_up(&congestion, target_us - 1);
    congestion.rtt.latest_us = BASELINE_US + 2 * target_us + 1; /* the next one begins */
    assert_int_equal(next_round(&congestion, &now_us), TW_TICK_BYTES_MIN);
    congestion.rtt.latest_us = BASELINE_US + 2 * target_us;
    assert_int_equal(next_round(&congestion, &now_us), TW_TICK_BYTES_MIN * 17 / 16);
    tw_congestion_update(&congestion, &tw_congestion_defaults, now_us + 1);
    assert_int_equal(congestion.tick_bytes, TW_TICK_BYTES_MIN * 17 / 16);
    congestion.state = TW_LINK_NORMAL;
    assert_int_equal(next_round(&congestion, &now_us), TW_TICK_BYTES_MIN * 17 / 16 * 9 / 8);
    /* What had to become smaller does so again, whatever the state. */
    queue_up(&congestion, 4 * target_us + 1);
    assert_int_equal(next_round(&congestion, &now_us), TW_TICK_BYTES_MIN);
    queue_up(&congestion, 0);
    for (uint32_t i = 0; i < 16; i++)
        next_round(&congestion, &now_us);
    assert_int_equal(congestion.tick_bytes, TW_TICK_BYTES_MAX);
    congestion.tick_bytes = TW_TICK_BYTES_MIN;
    tw_congestion_reset_path(&congestion, now_us);
    assert_int_equal(congestion.tick_bytes, TW_TICK_BYTES_MAX);
}

/* The newest round trip says that a queue begins, the least of four not yet: what is more than
 * twice the least becomes less, what is not stays. */
static void test_large_ticks_shrink_early(void **state)
{
    (void)state;
    uint64_t now_us = NOW_US;
    uint32_t target_us = TW_QUEUE_TARGET_US + BASE_JITTER;
    struct tw_congestion congestion = path(TW_LINK_CONSERVATIVE);
    congestion.tick_bytes = 4 * TW_TICK_BYTES_MIN;
    queue_up(&congestion, 2 * target_us);
    congestion.rtt.latest_us = BASELINE_US + 2 * target_us;
    assert_int_equal(next_round(&congestion, &now_us), 4 * TW_TICK_BYTES_MIN);
    congestion.rtt.latest_us++;
    assert_int_equal(next_round(&congestion, &now_us), 4 * TW_TICK_BYTES_MIN * 7 / 8);
    queue_up(&congestion, target_us);
    assert_int_equal(next_round(&congestion, &now_us), 4 * TW_TICK_BYTES_MIN * 7 / 8);
    queue_up(&congestion, target_us + 1);
    congestion.tick_bytes = 2 * TW_TICK_BYTES_MIN;
    assert_int_equal(next_round(&congestion, &now_us), 2 * TW_TICK_BYTES_MIN);
    congestion.tick_bytes++;
    assert_int_equal(next_round(&congestion, &now_us), 2 * TW_TICK_BYTES_MIN * 7 / 8 + 1);
}

/* docs/decisions/0015-transport.md: quarters of the window: by state, then channel. */
static void test_shares(void **state)
{
    (void)state;
    static const uint8_t quarters[3][TW_CHANNEL_COUNT] = {{4, 4, 4, 4}, {4, 4, 3, 2}, {4, 4, 2, 1}};
    for (uint32_t link = TW_LINK_NORMAL; link <= TW_LINK_EMERGENCY; link++) {
        struct tw_congestion congestion = path((enum tw_link_state)link);
        for (uint32_t channel = 0; channel < TW_CHANNEL_COUNT; channel++) {
            congestion.window_bytes = 40000;
            assert_int_equal(tw_congestion_share(&congestion, channel),
                             10000u * quarters[link][channel]);
            /* Bulk leaves less than a packet to the others. */
            congestion.window_bytes = TW_DATAGRAM_BASE - 1u;
            bool none = channel == TW_CHANNEL_BULK && link != TW_LINK_NORMAL;
            assert_int_equal(tw_congestion_share(&congestion, channel),
                             none ? 0 : (TW_DATAGRAM_BASE - 1u) / 4u * quarters[link][channel]);
        }
    }
}

/* A share of packets forgets slowly where there are few: two seconds without a loss end it. */
static void test_losses_are_forgotten(void **state)
{
    (void)state;
    struct tw_congestion congestion = path(TW_LINK_EMERGENCY);
    congestion.loss_q16 = TW_LOSS_PERCENT(10u);
    tw_congestion_update(&congestion, &tw_congestion_defaults, NOW_US + 1999999u);
    assert_int_equal(congestion.loss_q16, TW_LOSS_PERCENT(10u));
    tw_congestion_update(&congestion, &tw_congestion_defaults, NOW_US + 2000000u);
    assert_int_equal(congestion.loss_q16, 0);
}

/* Four round trips with a queue, the last three of them with that window. */
static struct tw_congestion four_rounds(uint32_t window_bytes, uint32_t lost, uint32_t queue_us)
{
    uint64_t now_us = NOW_US;
    struct tw_congestion congestion = path(TW_LINK_CONSERVATIVE);
    congestion.window_bytes = 80000;
    queue_up(&congestion, 50000);
    next_round(&congestion, &now_us);
    congestion.window_bytes = window_bytes;
    for (uint32_t i = 0; i < 3; i++) {
        assert_int_equal(congestion.window_bytes, window_bytes);
        assert_int_equal(congestion.longer_us, 0);
        congestion.round_lost = (uint16_t)(i == 1 ? lost : 0);
        queue_up(&congestion, i == 1 ? queue_us : 50000);
        next_round(&congestion, &now_us);
    }
    return congestion;
}

/* What half of the window does not change is the path's, if nothing is lost. */
static void test_longer_path(void **state)
{
    (void)state;
    uint64_t now_us = NOW_US + SECOND_US;
    struct tw_congestion congestion = four_rounds(40000, 0, 50000);
    assert_int_equal(congestion.longer_us, 50000);
    assert_int_equal(congestion.window_bytes, 80000);
    assert_true(congestion.slow_start);
    assert_int_equal(four_rounds(40001, 0, 50000).longer_us, 0);
    assert_int_equal(four_rounds(40000, 1, 50000).longer_us, 0);
    assert_int_equal(four_rounds(40000, 0, 40000).longer_us, 50000); /* that is noise */
    assert_int_equal(four_rounds(40000, 0, 39999).longer_us, 0);
    /* What comes on top is a queue as ever; what goes was no path. */
    congestion.delivered_bytes += 12000;
    queue_up(&congestion, 50000 + 4 * TW_QUEUE_TARGET_US + 1);
    congestion.round_began_us = now_us - 100000u;
    congestion.round_delivered_bytes = congestion.delivered_bytes - 12000u;
    tw_congestion_update(&congestion, &tw_congestion_defaults, now_us);
    assert_int_equal(congestion.window_bytes, 12000); /* in 100 ms, which the path takes now */
    queue_up(&congestion, 20000);
    next_round(&congestion, &now_us);
    assert_int_equal(congestion.longer_us, 20000);
}

/* However long a queue of the whole window stood: only what it does without half of that counts. */
static void test_whole_window_shows_nothing(void **state)
{
    (void)state;
    uint64_t now_us = NOW_US;
    struct tw_congestion congestion = path(TW_LINK_CONSERVATIVE);
    congestion.window_bytes = 80000;
    queue_up(&congestion, 50000);
    for (uint32_t i = 0; i < 10; i++)
        next_round(&congestion, &now_us);
    congestion.window_bytes = 40000;
    for (uint32_t i = 0; i < 3; i++) {
        assert_int_equal(congestion.longer_us, 0);
        assert_int_equal(congestion.window_bytes, 40000);
        next_round(&congestion, &now_us);
    }
    assert_int_equal(congestion.longer_us, 50000);
    assert_int_equal(congestion.window_bytes, 80000);
}

/* Ends a round, in which the window held something back or not. */
static uint32_t window_after(struct tw_congestion *congestion, bool limited, uint64_t now_us)
{
    congestion->round_limited = limited;
    congestion->round_began_us = now_us - BASELINE_US;
    congestion->rate_bytes_s[0] = 1000000; /* 50,000 bytes on the path */
    congestion->lost_at_us = now_us;
    tw_congestion_update(congestion, &tw_congestion_defaults, now_us);
    return congestion->window_bytes;
}

/* While the window is in use, every 8 s two round trips of half of what the path holds. */
static void test_drains(void **state)
{
    (void)state;
    const uint64_t every_us = 8 * SECOND_US;
    uint64_t now_us = NOW_US;
    struct tw_congestion congestion = path(TW_LINK_NORMAL);
    congestion.slow_start = false;
    congestion.window_bytes = 60000;
    assert_int_equal(window_after(&congestion, false, now_us), 60000);
    assert_int_equal(window_after(&congestion, true, now_us + every_us - 1000u), 60000);
    now_us += every_us;
    assert_int_equal(window_after(&congestion, true, now_us), 25000);
    struct tw_delivery delivery = {.bytes = 1200, .limited = true};
    tw_congestion_acked(&congestion, &delivery, now_us);
    assert_int_equal(window_after(&congestion, true, now_us + 50000u), 25000);
    struct tw_congestion standing = congestion;
    assert_int_equal(window_after(&congestion, true, now_us + 100000u), 60000);
    /* The path takes less than it did, meanwhile. */
    queue_up(&standing, 4 * TW_QUEUE_TARGET_US + 1);
    assert_int_equal(window_after(&standing, true, now_us + 100000u), 25000);
    /* Not again at once; and what is not used needs no pause. */
    assert_int_equal(window_after(&congestion, true, now_us + every_us - 1000u), 60000);
    assert_int_equal(window_after(&congestion, false, now_us + every_us), 60000);
    assert_int_equal(window_after(&congestion, true, now_us + every_us + 1000u), 60000);
    /* An outage ends it. */
    now_us += 3u * every_us;
    assert_int_equal(window_after(&congestion, true, now_us), 25000);
    tw_congestion_collapse(&congestion);
    assert_int_equal(window_after(&congestion, true, now_us + 50000u), TW_WINDOW_COLLAPSED);
    assert_int_equal(window_after(&congestion, true, now_us + 100000u), TW_WINDOW_COLLAPSED);
}

/* 40 ms above the baseline for so long, with one look at something else after half of it. */
static uint32_t baseline_after(uint64_t quiet_us, uint32_t lost, uint16_t tick_bytes,
                               uint32_t queue_us)
{
    struct tw_congestion congestion = path(TW_LINK_CONSERVATIVE);
    struct tw_rtt *rtt = &congestion.rtt;
    rtt->smoothed_us = rtt->latest_us = rtt->min_now_us = BASELINE_US + 40000;
    congestion.lost_at_us = 0;
    for (uint64_t us = 0; us <= quiet_us; us += 100000u) {
        bool other = us == quiet_us / 2u;
        queue_up(&congestion, 40000u + (other ? queue_us : 0));
        congestion.loss_q16 = 0;
        congestion.lost_at_us = other && lost > 0 ? NOW_US + us : 0;
        congestion.loss_q16 = other ? lost : 0;
        congestion.tick_bytes = other ? tick_bytes : TW_TICK_BYTES_MAX;
        congestion.round_began_us = NOW_US + us; /* no round ends */
        tw_congestion_update(&congestion, &tw_congestion_defaults, NOW_US + us);
    }
    for (uint32_t i = 0; i < TW_RTT_BASELINE_SAMPLES; i++)
        tw_rtt_sample(rtt, BASELINE_US + 40000, 0, NOW_US + quiet_us);
    return rtt->baseline_us;
}

/* Half a minute without loss or queue, and nothing of ours that could be one: another route. */
static void test_another_route(void **state)
{
    (void)state;
    const uint64_t quiet_us = 20 * SECOND_US;
    const uint16_t all = TW_TICK_BYTES_MAX;
    assert_int_equal(baseline_after(quiet_us - 200000u, 0, all, 0), BASELINE_US);
    assert_int_equal(baseline_after(quiet_us, 0, all, 0), BASELINE_US + 40000);
    assert_int_equal(baseline_after(quiet_us, 0, all, TW_QUEUE_TARGET_US / 2u - 1u),
                     BASELINE_US + 40000);
    assert_int_equal(baseline_after(quiet_us, 0, all, TW_QUEUE_TARGET_US / 2u), BASELINE_US);
    assert_int_equal(baseline_after(quiet_us, 1, all, 0), BASELINE_US);
    assert_int_equal(baseline_after(quiet_us, 0, all - 1u, 0), BASELINE_US);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_losses),
        cmocka_unit_test(test_delay_and_queue),
        cmocka_unit_test(test_jitter),
        cmocka_unit_test(test_calm),
        cmocka_unit_test(test_rate),
        cmocka_unit_test(test_loss_of_a_round),
        cmocka_unit_test(test_standing_queue),
        cmocka_unit_test(test_late_is_not_lost),
        cmocka_unit_test(test_collapse),
        cmocka_unit_test(test_ticks_fit_the_path),
        cmocka_unit_test(test_large_ticks_shrink_early),
        cmocka_unit_test(test_shares),
        cmocka_unit_test(test_drains),
        cmocka_unit_test(test_losses_are_forgotten),
        cmocka_unit_test(test_longer_path),
        cmocka_unit_test(test_whole_window_shows_nothing),
        cmocka_unit_test(test_another_route),
    };
    return cmocka_run_group_tests(tests, testing_setup, NULL);
}
