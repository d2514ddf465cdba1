/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Round trips of one path: smoothed, variance, minimum, baseline, jitter.
 *
 * Smoothed and variance are RFC 6298; the minimum is of the last 10 to 20 s, so that a changed
 * route is noticed; the baseline is the median of the first 30 samples, and of 30 others once the
 * path has become another one; jitter is the mean change from one sample to the next over 5 s. µs
 * in 32 bits: a round trip above 60 s is no sample. Pure.
 */
#ifndef TICKWIRE_DATAPLANE_WIRE_RTT_H
#define TICKWIRE_DATAPLANE_WIRE_RTT_H

#include <stdbool.h>
#include <stdint.h>

#define TW_RTT_BASELINE_SAMPLES 30u
#define TW_RTT_JITTER_SECONDS   5u
#define TW_RTT_MAX_US           60000000u
/* Before the first sample: what a far but ordinary path takes. */
#define TW_RTT_INITIAL_US 200000u

/* What a sample touches stands first. */
struct tw_rtt {
    uint32_t latest_us;
    uint32_t smoothed_us; /* 0: no sample yet */
    uint32_t variance_us;
    uint32_t min_now_us, min_before_us; /* of this and the previous 10 s */
    uint32_t baseline_us;               /* 0: not enough samples */
    uint32_t baseline_jitter_us;
    uint32_t recent[4];                            /* for the delay of now, less its noise */
    uint32_t change_sum_us[TW_RTT_JITTER_SECONDS]; /* by second; those up to `second` */
    uint16_t change_count[TW_RTT_JITTER_SECONDS];
    uint8_t recent_at;
    uint8_t sample_count;    /* stops at the baseline, and begins again for another */
    uint32_t min_epoch;      /* now / 10 s */
    uint32_t second;         /* the newest with a change */
    uint32_t quiet_since_ms; /* of tw_rtt_follow; 0: not now */
    uint32_t samples[TW_RTT_BASELINE_SAMPLES];
};

void tw_rtt_init(struct tw_rtt *rtt);
/* `delay_us`: what the peer says it waited before it answered; believed as far as the minimum
 * allows. */
void tw_rtt_sample(struct tw_rtt *rtt, uint64_t rtt_us, uint32_t delay_us, uint64_t now_us);
uint32_t tw_rtt_min_us(const struct tw_rtt *rtt);
/* Mean change between samples of the last 1 to TW_RTT_JITTER_SECONDS seconds, this one included. */
uint32_t tw_rtt_jitter_us(const struct tw_rtt *rtt, uint32_t seconds, uint64_t now_us);
/* What queues add now: the least of the newest samples above the minimum. */
uint32_t tw_rtt_queue_us(const struct tw_rtt *rtt);
/* Once per update: `quiet` while the path takes all it is asked to, without loss or queue. After 20
 * s of that a round trip that differs from the baseline by `apart_us` is measured as the new one.
 */
void tw_rtt_follow(struct tw_rtt *rtt, bool quiet, uint32_t apart_us, uint64_t now_us);
/* Without any sign of life this long, what was sent is sent again. */
uint32_t tw_rtt_probe_us(const struct tw_rtt *rtt);

#endif
