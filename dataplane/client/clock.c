/* SPDX-License-Identifier: BSD-3-Clause */
#include "dataplane/client/clock.h"

#include "tickwire/assert.h"

#include <string.h>

#define MICROSECONDS UINT64_C(1000000)
#define PPM          INT64_C(1000000)
#define PPB          INT64_C(1000000000)
/* Products with parts per billion stay within 63 bits: 115 days without a pong. */
#define ELAPSED_MAX_US UINT64_C(10000000000000)
/* A stretch counts for the drift if its best pong is not much slower than the best of all. */
#define STRETCH_SLACK_US 3000u
#define STRETCHES_MIN    4u
/* Slopes over less are mostly noise; from this on the estimate is believed in full. */
#define SLOPE_MIN_US 8000000u
#define SPAN_FULL_US 32000000u
#define PAIRS_MAX    (TW_CLIENT_CLOCK_STRETCHES * (TW_CLIENT_CLOCK_STRETCHES - 1u) / 2u)

void tw_client_clock_init(struct tw_client_clock *clock, uint32_t tick_hz, uint64_t server_time_us,
                          uint64_t now_us)
{
    TW_ASSERT(tick_hz > 0);
    memset(clock, 0, sizeof(*clock));
    clock->tick_hz = tick_hz;
    clock->anchor_us = now_us;
    clock->offset_us = (int64_t)(server_time_us - now_us);
    clock->stretch_end_us = now_us + TW_CLIENT_CLOCK_STRETCH_US;
}

static uint64_t since(uint64_t then_us, uint64_t now_us)
{
    uint64_t elapsed_us = (int64_t)(now_us - then_us) > 0 ? now_us - then_us : 0;
    return elapsed_us < ELAPSED_MAX_US ? elapsed_us : ELAPSED_MAX_US;
}

static int64_t drifted_us(const struct tw_client_clock *clock, uint64_t elapsed_us)
{
    return (int64_t)elapsed_us * clock->drift_ppb / PPB;
}

static int64_t smooth_offset(const struct tw_client_clock *clock, uint64_t now_us)
{
    uint64_t elapsed_us = since(clock->anchor_us, now_us);
    int64_t limit_us = (int64_t)elapsed_us * TW_CLIENT_CLOCK_SLEW_PPM / PPM;
    int64_t worked_off_us = clock->correction_us;
    if (worked_off_us > limit_us)
        worked_off_us = limit_us;
    if (worked_off_us < -limit_us)
        worked_off_us = -limit_us;
    return (int64_t)((uint64_t)clock->offset_us + (uint64_t)worked_off_us +
                     (uint64_t)drifted_us(clock, elapsed_us));
}

/* ---- drift ---------------------------------------------------------------------------------- */

static void insert_sorted(int64_t *list, uint32_t count, int64_t value)
{
    uint32_t at = count;
    for (; at > 0 && list[at - 1u] > value; at--)
        list[at] = list[at - 1u];
    list[at] = value;
}

/* The stretches fit to be compared, oldest first. */
static uint32_t fit_stretches(const struct tw_client_clock *clock,
                              struct tw_client_clock_sample *fit)
{
    uint32_t held = clock->stretch_count < TW_CLIENT_CLOCK_STRETCHES ? clock->stretch_count
                                                                     : TW_CLIENT_CLOCK_STRETCHES;
    uint64_t best_us = UINT64_MAX;
    for (uint32_t i = 0; i < held; i++)
        best_us = clock->stretches[i].rtt_us < best_us ? clock->stretches[i].rtt_us : best_us;
    uint32_t count = 0;
    for (uint32_t i = clock->stretch_count - held; i < clock->stretch_count; i++) {
        const struct tw_client_clock_sample *stretch =
            &clock->stretches[i % TW_CLIENT_CLOCK_STRETCHES];
        if (stretch->rtt_us <= best_us + best_us / 8u + STRETCH_SLACK_US)
            fit[count++] = *stretch;
    }
    return count;
}

/* Theil and Sen: the median slope shrugs off stretches that met a queue one way only. */
static void estimate_drift(struct tw_client_clock *clock)
{
    struct tw_client_clock_sample fit[TW_CLIENT_CLOCK_STRETCHES];
    int64_t slopes[PAIRS_MAX];
    uint32_t slope_count = 0;
    uint32_t count = fit_stretches(clock, fit);
    for (uint32_t i = 0; i < count; i++) {
        for (uint32_t j = i + 1u; j < count; j++) {
            uint64_t apart_us = since(fit[i].at_us, fit[j].at_us);
            if (apart_us < SLOPE_MIN_US)
                continue;
            int64_t change_us = fit[j].offset_us - fit[i].offset_us;
            insert_sorted(slopes, slope_count++, change_us * (PPB / PPM) * PPM / (int64_t)apart_us);
        }
    }
    if (count < STRETCHES_MIN || slope_count == 0)
        return;
    int64_t drift_ppb = slopes[slope_count / 2u];
    uint64_t span_us = since(fit[0].at_us, fit[count - 1u].at_us);
    if (span_us < SPAN_FULL_US)
        drift_ppb = drift_ppb * (int64_t)span_us / (int64_t)SPAN_FULL_US;
    if (drift_ppb > TW_CLIENT_CLOCK_DRIFT_MAX_PPB)
        drift_ppb = TW_CLIENT_CLOCK_DRIFT_MAX_PPB;
    if (drift_ppb < -TW_CLIENT_CLOCK_DRIFT_MAX_PPB)
        drift_ppb = -TW_CLIENT_CLOCK_DRIFT_MAX_PPB;
    clock->drift_ppb = (int32_t)drift_ppb;
}

static void note_stretch(struct tw_client_clock *clock, const struct tw_client_clock_sample *sample)
{
    if ((int64_t)(sample->at_us - clock->stretch_end_us) >= 0) {
        if (clock->stretch.rtt_us != 0) {
            clock->stretches[clock->stretch_count++ % TW_CLIENT_CLOCK_STRETCHES] = clock->stretch;
            estimate_drift(clock);
        }
        clock->stretch = (struct tw_client_clock_sample){0};
        clock->stretch_end_us = sample->at_us + TW_CLIENT_CLOCK_STRETCH_US;
    }
    if (clock->stretch.rtt_us == 0 || sample->rtt_us < clock->stretch.rtt_us)
        clock->stretch = *sample;
}

/* ---- offset --------------------------------------------------------------------------------- */

static uint64_t error_of(const struct tw_client_clock_sample *sample, uint64_t now_us)
{
    return sample->rtt_us / 2u +
           since(sample->at_us, now_us) * TW_CLIENT_CLOCK_AGING_PPM / MICROSECONDS;
}

/* Where the clock should be now, by the sample that can be off by least. */
static int64_t best_offset(struct tw_client_clock *clock, uint64_t now_us)
{
    uint64_t held = clock->sample_count < TW_CLIENT_CLOCK_SAMPLES ? clock->sample_count
                                                                  : TW_CLIENT_CLOCK_SAMPLES;
    const struct tw_client_clock_sample *best =
        &clock->samples[(clock->sample_count - 1u) % TW_CLIENT_CLOCK_SAMPLES];
    for (uint64_t i = 0; i < held; i++) {
        if (error_of(&clock->samples[i], now_us) < error_of(best, now_us))
            best = &clock->samples[i];
    }
    clock->error_us = error_of(best, now_us);
    return (int64_t)((uint64_t)best->offset_us +
                     (uint64_t)drifted_us(clock, since(best->at_us, now_us)));
}

/* Nothing measured before counts any more. */
static void step(struct tw_client_clock *clock, uint64_t shown_us)
{
    clock->offset_us = (int64_t)((uint64_t)clock->offset_us + (uint64_t)clock->correction_us);
    clock->floor_us = shown_us;
    clock->has_floor = true;
    clock->correction_us = 0;
}

static void steer(struct tw_client_clock *clock, const struct tw_client_clock_sample *sample)
{
    uint64_t now_us = sample->at_us;
    uint64_t shown_us = tw_client_clock_time_us(clock, now_us);
    int64_t shown_offset_us = smooth_offset(clock, now_us);
    /* The newest against the clock as it is: a pong that cannot be that wrong tells of a jump. */
    int64_t off_us = (int64_t)((uint64_t)sample->offset_us - (uint64_t)shown_offset_us);
    uint64_t off_by_us = off_us < 0 ? 0u - (uint64_t)off_us : (uint64_t)off_us;
    if (clock->sample_count > TW_CLIENT_CLOCK_FIRST &&
        off_by_us > TW_CLIENT_CLOCK_STEP_US + sample->rtt_us / 2u) {
        clock->samples[0] = *sample;
        clock->sample_count = 1;
        clock->stretch_count = 0;
        clock->stretch = *sample;
    }
    note_stretch(clock, sample);
    clock->anchor_us = now_us;
    clock->offset_us = shown_offset_us;
    clock->correction_us =
        (int64_t)((uint64_t)best_offset(clock, now_us) - (uint64_t)shown_offset_us);
    if (clock->sample_count <= TW_CLIENT_CLOCK_FIRST)
        step(clock, shown_us);
}

static void note_round_trip(struct tw_client_clock *clock, uint64_t rtt_us)
{
    clock->rtt_smooth_us = clock->rtt_smooth_us == 0
                               ? rtt_us
                               : clock->rtt_smooth_us - clock->rtt_smooth_us / 8u + rtt_us / 8u;
    clock->rtt_us = rtt_us;
    if (clock->rtt_min_us == 0 || rtt_us < clock->rtt_min_us)
        clock->rtt_min_us = rtt_us;
}

bool tw_client_clock_pong(struct tw_client_clock *clock, const struct tw_frame_pong *pong,
                          uint64_t now_us)
{
    uint64_t away_us = now_us - pong->echo_us;
    uint64_t held_us = pong->sent_us - pong->received_us;
    if (pong->echo_us > now_us || away_us > TW_CLIENT_CLOCK_PONG_AGE_MAX_US ||
        pong->sent_us < pong->received_us || held_us > away_us)
        return false;

    struct tw_client_clock_sample sample = {
        .at_us = now_us,
        .rtt_us = away_us - held_us > 0 ? away_us - held_us : 1u, /* 0 means none */
    };
    /* The server's clock in the middle of its stay minus ours in the middle of the trip; by
     * differences that are short, and modulo 2^64, because its origin may be anywhere. */
    sample.offset_us = (int64_t)(pong->received_us - pong->echo_us - (away_us - held_us) / 2u);

    clock->samples[clock->sample_count % TW_CLIENT_CLOCK_SAMPLES] = sample;
    clock->sample_count++;
    if (pong->echo_us >= clock->path_since_us)
        note_round_trip(clock, sample.rtt_us);
    steer(clock, &sample);
    return true;
}

void tw_client_clock_path_changed(struct tw_client_clock *clock, uint64_t now_us)
{
    clock->path_since_us = now_us;
    clock->rtt_us = 0;
    clock->rtt_min_us = 0;
    clock->rtt_smooth_us = 0;
}

/* ---- reading -------------------------------------------------------------------------------- */

uint64_t tw_client_clock_time_us(const struct tw_client_clock *clock, uint64_t now_us)
{
    uint64_t time_us = now_us + (uint64_t)smooth_offset(clock, now_us);
    if (clock->has_floor && (int64_t)(time_us - clock->floor_us) < 0)
        return clock->floor_us;
    return time_us;
}

uint64_t tw_client_clock_tick_at(const struct tw_client_clock *clock, uint64_t server_time_us)
{
    if ((int64_t)server_time_us <= 0)
        return 0;
    /* Tick n is due at n * 1,000,000 / hz rounded down: the largest n due by now is the largest
     * with n * 1,000,000 < (now + 1) * hz. Whole seconds apart, so that nothing overflows. */
    uint64_t whole_s = server_time_us / MICROSECONDS;
    uint64_t rest_us = server_time_us % MICROSECONDS;
    return whole_s * clock->tick_hz + ((rest_us + 1u) * clock->tick_hz - 1u) / MICROSECONDS;
}

uint64_t tw_client_clock_due_us(const struct tw_client_clock *clock, uint64_t tick)
{
    return tick / clock->tick_hz * MICROSECONDS +
           tick % clock->tick_hz * MICROSECONDS / clock->tick_hz;
}

uint64_t tw_client_clock_tick(const struct tw_client_clock *clock, uint64_t now_us)
{
    return tw_client_clock_tick_at(clock, tw_client_clock_time_us(clock, now_us));
}
