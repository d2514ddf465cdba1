/* SPDX-License-Identifier: BSD-3-Clause */
#include "dataplane/wire/rtt.h"

#include <string.h>

#define MIN_EPOCH_US 10000000u
/* The peer's timer (10 ms) and a turn of its loop, and room for a machine that is busy. */
#define ACK_DELAY_MAX_US 25000u
#define GRANULARITY_US   1000u
#define RECENT           4u
/* With the minimum, which is of 10 s at least: not one packet of half a minute was faster. */
#define QUIET_MS 20000u

void tw_rtt_init(struct tw_rtt *rtt)
{
    memset(rtt, 0, sizeof(*rtt));
}

static uint32_t lesser(uint32_t a, uint32_t b)
{
    return a < b ? a : b;
}

static uint32_t difference(uint32_t a, uint32_t b)
{
    return a > b ? a - b : b - a;
}

uint32_t tw_rtt_min_us(const struct tw_rtt *rtt)
{
    if (rtt->min_before_us == 0)
        return rtt->min_now_us;
    return lesser(rtt->min_now_us, rtt->min_before_us);
}

static void note_min(struct tw_rtt *rtt, uint32_t rtt_us, uint64_t now_us)
{
    uint32_t epoch = (uint32_t)(now_us / MIN_EPOCH_US);
    if (rtt->min_now_us == 0) {
        rtt->min_epoch = epoch;
        rtt->min_now_us = rtt_us;
        return;
    }
    if (epoch != rtt->min_epoch) {
        rtt->min_before_us = epoch == rtt->min_epoch + 1u ? rtt->min_now_us : 0;
        rtt->min_epoch = epoch;
        rtt->min_now_us = rtt_us;
    }
    rtt->min_now_us = lesser(rtt->min_now_us, rtt_us);
}

/* Seconds that passed without a change are empty, not those of five seconds ago. */
static void move_to_second(struct tw_rtt *rtt, uint32_t second)
{
    uint32_t passed = second - rtt->second;
    if (passed > TW_RTT_JITTER_SECONDS)
        passed = TW_RTT_JITTER_SECONDS;
    for (uint32_t i = 0; i < passed; i++) {
        rtt->change_sum_us[(second - i) % TW_RTT_JITTER_SECONDS] = 0;
        rtt->change_count[(second - i) % TW_RTT_JITTER_SECONDS] = 0;
    }
    rtt->second = second;
}

static void note_change(struct tw_rtt *rtt, uint32_t change_us, uint64_t now_us)
{
    uint32_t second = (uint32_t)(now_us / 1000000u);
    uint32_t at = second % TW_RTT_JITTER_SECONDS;
    if (second != rtt->second)
        move_to_second(rtt, second);
    /* A sum of 60 s changes would not fit; nobody takes 70 such in a second. */
    if (rtt->change_sum_us[at] <= UINT32_MAX - change_us && rtt->change_count[at] < UINT16_MAX) {
        rtt->change_sum_us[at] += change_us;
        rtt->change_count[at]++;
    }
}

uint32_t tw_rtt_jitter_us(const struct tw_rtt *rtt, uint32_t seconds, uint64_t now_us)
{
    uint32_t passed = (uint32_t)(now_us / 1000000u) - rtt->second;
    uint64_t sum = 0;
    uint32_t count = 0;
    for (uint32_t back = 0; back + passed < seconds && back <= rtt->second; back++) {
        uint32_t at = (rtt->second - back) % TW_RTT_JITTER_SECONDS;
        sum += rtt->change_sum_us[at];
        count += rtt->change_count[at];
    }
    return count == 0 ? 0 : (uint32_t)(sum / count);
}

static void set_baseline(struct tw_rtt *rtt, uint64_t now_us)
{
    uint32_t sorted[TW_RTT_BASELINE_SAMPLES];
    for (uint32_t i = 0; i < TW_RTT_BASELINE_SAMPLES; i++) {
        uint32_t at = i;
        for (; at > 0 && sorted[at - 1u] > rtt->samples[i]; at--)
            sorted[at] = sorted[at - 1u];
        sorted[at] = rtt->samples[i];
    }
    rtt->baseline_us = sorted[TW_RTT_BASELINE_SAMPLES / 2u];
    rtt->baseline_jitter_us = tw_rtt_jitter_us(rtt, TW_RTT_JITTER_SECONDS, now_us);
}

void tw_rtt_sample(struct tw_rtt *rtt, uint64_t rtt_us, uint32_t delay_us, uint64_t now_us)
{
    if (rtt_us > TW_RTT_MAX_US)
        return;
    /* 0 stands for "no sample". */
    uint32_t sample = rtt_us == 0 ? 1u : (uint32_t)rtt_us;
    if (rtt->smoothed_us != 0 && sample >= tw_rtt_min_us(rtt) + delay_us)
        sample -= delay_us;
    note_min(rtt, sample, now_us);
    if (rtt->smoothed_us == 0) {
        rtt->smoothed_us = sample;
        rtt->variance_us = sample / 2u;
        for (uint32_t i = 0; i < RECENT; i++)
            rtt->recent[i] = sample;
    } else {
        uint32_t error = difference(rtt->smoothed_us, sample);
        rtt->variance_us = rtt->variance_us - rtt->variance_us / 4u + error / 4u;
        rtt->smoothed_us = rtt->smoothed_us - rtt->smoothed_us / 8u + sample / 8u;
        note_change(rtt, difference(rtt->latest_us, sample), now_us);
    }
    if (rtt->smoothed_us == 0)
        rtt->smoothed_us = 1;
    rtt->latest_us = sample;
    rtt->recent[rtt->recent_at++ % RECENT] = sample;
    if (rtt->sample_count < TW_RTT_BASELINE_SAMPLES) {
        rtt->samples[rtt->sample_count++] = sample;
        if (rtt->sample_count == TW_RTT_BASELINE_SAMPLES)
            set_baseline(rtt, now_us);
    }
}

uint32_t tw_rtt_queue_us(const struct tw_rtt *rtt)
{
    uint32_t least = rtt->recent[0];
    for (uint32_t i = 1; i < RECENT; i++)
        least = lesser(least, rtt->recent[i]);
    uint32_t min = tw_rtt_min_us(rtt);
    return least > min ? least - min : 0;
}

void tw_rtt_follow(struct tw_rtt *rtt, bool quiet, uint32_t apart_us, uint64_t now_us)
{
    uint32_t now_ms = (uint32_t)(now_us / 1000u);
    if (rtt->baseline_us == 0)
        return;
    if (!quiet || difference(rtt->smoothed_us, rtt->baseline_us) < apart_us) {
        rtt->quiet_since_ms = 0;
        rtt->sample_count = TW_RTT_BASELINE_SAMPLES;
    } else if (rtt->quiet_since_ms == 0) {
        rtt->quiet_since_ms = now_ms != 0 ? now_ms : 1u;
    } else if (now_ms - rtt->quiet_since_ms >= QUIET_MS) {
        rtt->quiet_since_ms = now_ms != 0 ? now_ms : 1u;
        rtt->sample_count = 0;
    }
}

uint32_t tw_rtt_probe_us(const struct tw_rtt *rtt)
{
    if (rtt->smoothed_us == 0)
        return 2u * TW_RTT_INITIAL_US;
    uint32_t spread = 4u * rtt->variance_us;
    return rtt->smoothed_us + (spread > GRANULARITY_US ? spread : GRANULARITY_US) +
           ACK_DELAY_MAX_US;
}
