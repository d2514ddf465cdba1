/* SPDX-License-Identifier: BSD-3-Clause */
#include "dataplane/wire/congestion.h"

#include "tickwire/wire.h"

#include <string.h>

#define SECOND_US UINT64_C(1000000)
/* A sample weighs 1/64: one lost packet does not make a state, two in 64 do. */
#define LOSS_WEIGHT          64u
#define LOSS_FORGET_US       (2u * SECOND_US)
#define ROUND_LOSS_PERCENT   2u
#define RADIO_LOSS_PERCENT   10u
#define JITTER_STILL_SECONDS 2u
#define RATE_EPOCH_US        SECOND_US
#define STANDING_TARGETS     4u
#define GROW_PARTS           8u
#define LONG_TARGETS         2u
/* Half of the window is gone and the queue is not, give or take a quarter: it was none of ours. */
#define LONGER_ROUNDS 3u
#define STEADY_PARTS  4u
/* Once in each 10 s of the minimum. The first round trip empties the queue, the second measures. */
#define DRAIN_EVERY_MS 8000u
#define DRAIN_ROUNDS   2u
#define TICK_PARTS     8u
/* Twice the least: what a path of 90 kbit/s needs 45 ms for, three times the target. */
#define TICK_LARGE_BYTES (2u * TW_TICK_BYTES_MIN)
/* What may leave at once: a timer of 1 ms is never late by more than a few. */
#define BURST_US        4000u
#define BURST_MIN_BYTES (2u * TW_DATAGRAM_BASE)
#define BURST_MAX_BYTES (8u * TW_DATAGRAM_BASE) /* what one ack lets go at least */
#define PACE_MIN_BYTES  (10u * TW_DATAGRAM_BASE)
/* What may pass the window at once, above a quarter of the pace: 40 ms of 1 Mbit/s. */
#define PASS_BURST_BYTES (4u * TW_DATAGRAM_BASE)
#define PASS_PARTS       4u

const struct tw_congestion_thresholds tw_congestion_defaults = {
    .calm_loss_q16 = TW_LOSS_PERCENT(1u),
    .calm_delay_us = 10000,
    .calm_us = 1000000,
    .conservative_loss_q16 = TW_LOSS_PERCENT(2u),
    .conservative_delay_us = 20000,
    .conservative_jitter_percent = 200,
    .conservative_jitter_us = 10000,
    .emergency_loss_q16 = TW_LOSS_PERCENT(5u),
    /* A queue that stands for a tenth of a second is as bad for a game as losing packets. */
    .emergency_queue_us = 100000,
};

void tw_congestion_init(struct tw_congestion *congestion, uint64_t now_us)
{
    memset(congestion, 0, sizeof(*congestion));
    tw_congestion_reset_path(congestion, now_us);
}

void tw_congestion_reset_path(struct tw_congestion *congestion, uint64_t now_us)
{
    uint32_t delivered_bytes = congestion->delivered_bytes;
    memset(congestion, 0, sizeof(*congestion));
    tw_rtt_init(&congestion->rtt);
    congestion->delivered_bytes = delivered_bytes;
    congestion->delivered_at_us = now_us;
    congestion->window_bytes = TW_WINDOW_INITIAL_BYTES;
    congestion->tick_bytes = TW_TICK_BYTES_MAX;
    congestion->slow_start = true;
    congestion->tokens_bytes = BURST_MIN_BYTES;
    congestion->pass_quarter_bytes = PASS_BURST_BYTES * PASS_PARTS;
    congestion->tokens_at_us = now_us;
    congestion->round_began_us = now_us;
    congestion->round_delivered_bytes = delivered_bytes;
}

static uint32_t smoothed_us(const struct tw_congestion *congestion)
{
    uint32_t smoothed = congestion->rtt.smoothed_us;
    return smoothed != 0 ? smoothed : TW_RTT_INITIAL_US;
}

static void note_loss(struct tw_congestion *congestion, bool lost)
{
    congestion->loss_q16 -= congestion->loss_q16 / LOSS_WEIGHT;
    if (lost)
        congestion->loss_q16 += TW_LOSS_ALL / LOSS_WEIGHT;
}

static void note_rate(struct tw_congestion *congestion, const struct tw_delivery *delivery,
                      uint64_t now_us)
{
    uint64_t elapsed_us = now_us - delivery->delivered_at_us;
    if (elapsed_us < 1000u)
        return; /* acks bunched up: says nothing about the path */
    uint32_t bytes = congestion->delivered_bytes - delivery->delivered_bytes;
    uint64_t rate = (uint64_t)bytes * SECOND_US / elapsed_us;
    uint64_t epoch = now_us / RATE_EPOCH_US;
    if (epoch != congestion->rate_epoch) {
        congestion->rate_bytes_s[1] =
            epoch == congestion->rate_epoch + 1u ? congestion->rate_bytes_s[0] : 0;
        congestion->rate_bytes_s[0] = 0;
        congestion->rate_epoch = epoch;
    }
    if (rate > congestion->rate_bytes_s[0])
        congestion->rate_bytes_s[0] = rate;
}

uint64_t tw_congestion_rate(const struct tw_congestion *congestion)
{
    const uint64_t *rate = congestion->rate_bytes_s;
    return rate[0] > rate[1] ? rate[0] : rate[1];
}

static uint64_t path_us(const struct tw_congestion *congestion)
{
    return (uint64_t)tw_rtt_min_us(&congestion->rtt) + congestion->longer_us;
}

/* What our own bytes may have to do with. */
static uint32_t own_queue_us(const struct tw_congestion *congestion)
{
    uint32_t queue = tw_rtt_queue_us(&congestion->rtt);
    return queue > congestion->longer_us ? queue - congestion->longer_us : 0;
}

/* Bytes on a path without queue. */
static uint32_t product(const struct tw_congestion *congestion)
{
    uint64_t bytes = tw_congestion_rate(congestion) * path_us(congestion) / SECOND_US;
    return bytes > TW_WINDOW_MAX_BYTES ? TW_WINDOW_MAX_BYTES : (uint32_t)bytes;
}

static void set_window(struct tw_congestion *congestion, uint64_t bytes)
{
    if (bytes < TW_WINDOW_MIN_BYTES)
        bytes = TW_WINDOW_MIN_BYTES;
    if (bytes > TW_WINDOW_MAX_BYTES)
        bytes = TW_WINDOW_MAX_BYTES;
    congestion->window_bytes = (uint32_t)bytes;
}

/* What a path adds by its nature is no queue of ours. */
static uint32_t target_us(const struct tw_congestion *congestion, uint64_t now_us)
{
    return TW_QUEUE_TARGET_US + tw_rtt_jitter_us(&congestion->rtt, TW_RTT_JITTER_SECONDS, now_us);
}

static void grow(struct tw_congestion *congestion, uint32_t bytes, uint64_t now_us)
{
    int64_t target = target_us(congestion, now_us);
    int64_t queue = own_queue_us(congestion);
    uint64_t window = congestion->window_bytes;
    if (congestion->slow_start && queue < target) {
        set_window(congestion, window + bytes);
        return;
    }
    congestion->slow_start = false;
    int64_t off = queue < 2 * target ? target - queue : -target;
    /* Two packets a round trip at most, either way; a quarter of a window that is small. */
    uint64_t step = window / GROW_PARTS < TW_DATAGRAM_BASE ? window / GROW_PARTS : TW_DATAGRAM_BASE;
    int64_t change = 2 * off * (int64_t)bytes / target * (int64_t)step / (int64_t)window;
    set_window(congestion, (uint64_t)((int64_t)window + change));
}

void tw_congestion_acked(struct tw_congestion *congestion, const struct tw_delivery *delivery,
                         uint64_t now_us)
{
    note_loss(congestion, false);
    congestion->round_acked++;
    congestion->delivered_bytes += delivery->bytes;
    congestion->delivered_at_us = now_us;
    if (delivery->delivered_at_us != 0)
        note_rate(congestion, delivery, now_us);
    congestion->round_limited |= delivery->limited;
    if (delivery->limited && congestion->drain_rounds == 0)
        grow(congestion, delivery->bytes, now_us);
}

void tw_congestion_lost(struct tw_congestion *congestion, uint64_t now_us)
{
    note_loss(congestion, true);
    congestion->lost_at_us = now_us;
    congestion->round_lost++;
}

void tw_congestion_late(struct tw_congestion *congestion)
{
    uint32_t share = TW_LOSS_ALL / LOSS_WEIGHT;
    congestion->loss_q16 -= congestion->loss_q16 < share ? congestion->loss_q16 : share;
    if (congestion->round_lost > 0)
        congestion->round_lost--;
}

void tw_congestion_collapse(struct tw_congestion *congestion)
{
    if (congestion->window_bytes > TW_WINDOW_COLLAPSED)
        set_window(congestion, TW_WINDOW_COLLAPSED);
    congestion->drain_rounds = 0;
    congestion->slow_start = true;
}

/* Loss with a queue, or more of it than radio links have, is a limit that was passed. */
static bool round_was_too_much(const struct tw_congestion *congestion, uint64_t now_us)
{
    uint32_t lost = congestion->round_lost;
    uint32_t packets = congestion->round_acked + lost;
    bool queue = own_queue_us(congestion) > target_us(congestion, now_us) / 2u;
    return lost > 1u && lost * 100u > packets * (queue ? ROUND_LOSS_PERCENT : RADIO_LOSS_PERCENT);
}

/* The same by what this round delivered: what the path carried before says nothing any more. */
static uint32_t round_product(const struct tw_congestion *congestion, uint64_t now_us)
{
    uint64_t bytes = congestion->delivered_bytes - congestion->round_delivered_bytes;
    bytes = bytes * path_us(congestion) / (now_us - congestion->round_began_us);
    return bytes > TW_WINDOW_MAX_BYTES ? TW_WINDOW_MAX_BYTES : (uint32_t)bytes;
}

/* What ticks send is fresh or worthless, so no window holds it back. It becomes smaller instead: as
 * small as can be while a queue stands, so that it is gone soon, then a little more or less each
 * round trip. All at once would be the next queue; and the least of a few round trips tells late
 * that one begins, the newest at once: then nothing grows, and what is large shrinks. */
static void fit_ticks(struct tw_congestion *congestion, bool round_ends)
{
    uint32_t bytes = congestion->tick_bytes;
    /* What the path's delays swing by now may be our own doing. */
    uint32_t target = TW_QUEUE_TARGET_US + congestion->rtt.baseline_jitter_us;
    uint32_t queue = own_queue_us(congestion);
    bool begins = congestion->rtt.latest_us > path_us(congestion) + LONG_TARGETS * target;
    uint32_t most = begins && bytes > TICK_LARGE_BYTES ? target : LONG_TARGETS * target;
    if (congestion->state == TW_LINK_NORMAL && bytes == TW_TICK_BYTES_MAX)
        return;
    if (queue > STANDING_TARGETS * target)
        bytes = TW_TICK_BYTES_MIN;
    else if (round_ends && queue > most)
        bytes -= bytes / TICK_PARTS;
    else if (round_ends && queue < target && !begins)
        bytes += bytes / (congestion->state == TW_LINK_NORMAL ? TICK_PARTS : 2u * TICK_PARTS);
    if (bytes < TW_TICK_BYTES_MIN)
        bytes = TW_TICK_BYTES_MIN;
    congestion->tick_bytes = (uint16_t)(bytes < TW_TICK_BYTES_MAX ? bytes : TW_TICK_BYTES_MAX);
}

/* A path that became longer looks like a queue until the minimum forgets it, 10 to 20 s. But a
 * queue of ours shrinks with the window. Nothing may be lost meanwhile: what stays the same and
 * overflows is a full buffer. */
static void note_longer(struct tw_congestion *congestion, uint64_t now_us)
{
    uint32_t queue = tw_rtt_queue_us(&congestion->rtt);
    if (congestion->longer_us > queue)
        congestion->longer_us = queue;
    uint32_t own = queue - congestion->longer_us;
    uint32_t round_trip = tw_rtt_min_us(&congestion->rtt) + queue;
    uint32_t then = congestion->standing_us;
    uint32_t moved = round_trip > then ? round_trip - then : then - round_trip;
    if (own <= target_us(congestion, now_us) || congestion->round_lost > 0) {
        congestion->standing_rounds = 0;
        return;
    }
    bool begins = congestion->standing_rounds == 0;
    if (begins || moved > own / STEADY_PARTS) {
        /* One that still grows is not followed by the window yet; one that shrinks is. */
        if (begins || round_trip < then)
            congestion->standing_window_bytes = congestion->window_bytes;
        congestion->standing_rounds = 1;
        congestion->standing_us = round_trip;
    } else if (congestion->window_bytes <= congestion->standing_window_bytes / 2u &&
               congestion->standing_rounds++ >= LONGER_ROUNDS) {
        /* Rounds before half was gone show nothing: their queue was still of the whole window.
         * What was under way on the shorter path is less of a burden on this one. */
        set_window(congestion, congestion->standing_window_bytes);
        congestion->slow_start = true;
        congestion->longer_us = queue;
        congestion->standing_rounds = 0;
    }
}

static bool is_standing(const struct tw_congestion *congestion, uint64_t now_us)
{
    return own_queue_us(congestion) > STANDING_TARGETS * target_us(congestion, now_us);
}

/* A queue that is kept up becomes the minimum after 20 s, and the next one stands on top of it. So
 * now and then half a window lets it go, and the path is seen as it is (after LEDBAT++). */
static bool drain(struct tw_congestion *congestion, uint64_t now_us)
{
    uint32_t now_ms = (uint32_t)(now_us / 1000u);
    uint32_t half = product(congestion) / 2u;
    if (congestion->drain_rounds > 0) {
        /* A queue that stands all the same is of now: the path takes less than it did. */
        if (--congestion->drain_rounds == 0 && !is_standing(congestion, now_us))
            set_window(congestion, congestion->drain_window_bytes);
        return true;
    }
    if (!congestion->round_limited || congestion->slow_start) {
        congestion->drained_ms = now_ms;
        return false;
    }
    if (now_ms - congestion->drained_ms < DRAIN_EVERY_MS || half >= congestion->window_bytes)
        return false;
    congestion->drained_ms = now_ms;
    congestion->drain_window_bytes = congestion->window_bytes;
    congestion->drain_rounds = DRAIN_ROUNDS;
    set_window(congestion, half);
    return true;
}

static void fit_window(struct tw_congestion *congestion, uint64_t now_us)
{
    note_longer(congestion, now_us);
    uint32_t window = congestion->window_bytes;
    if (is_standing(congestion, now_us)) {
        /* The path is full, so what it delivers now is all that it can: no more than that. */
        uint32_t carried = round_product(congestion, now_us);
        set_window(congestion, carried < window ? carried : window);
        congestion->slow_start = false;
    } else if (round_was_too_much(congestion, now_us)) {
        uint32_t less = window - window / 8u;
        uint32_t floor = product(congestion);
        if (floor < TW_WINDOW_INITIAL_BYTES)
            floor = TW_WINDOW_INITIAL_BYTES;
        if (less < floor)
            less = floor;
        set_window(congestion, less < window ? less : window);
        congestion->slow_start = false;
    }
}

static void end_round(struct tw_congestion *congestion, uint64_t now_us)
{
    if (!drain(congestion, now_us))
        fit_window(congestion, now_us);
    congestion->round_limited = false;
    congestion->round_acked = 0;
    congestion->round_lost = 0;
    congestion->round_began_us = now_us;
    congestion->round_delivered_bytes = congestion->delivered_bytes;
}

/* Over the window of 5 s, and still: what was so 5 s ago does not keep a link from recovering. */
static bool is_jittery(const struct tw_rtt *rtt, const struct tw_congestion_thresholds *thresholds,
                       uint64_t now_us)
{
    uint64_t limit_us =
        (uint64_t)rtt->baseline_jitter_us * thresholds->conservative_jitter_percent / 100u +
        thresholds->conservative_jitter_us;
    return tw_rtt_jitter_us(rtt, TW_RTT_JITTER_SECONDS, now_us) > limit_us &&
           tw_rtt_jitter_us(rtt, JITTER_STILL_SECONDS, now_us) > limit_us;
}

static enum tw_link_state measure(const struct tw_congestion *congestion,
                                  const struct tw_congestion_thresholds *thresholds,
                                  uint64_t now_us, bool *calm)
{
    const struct tw_rtt *rtt = &congestion->rtt;
    uint32_t delay_us = 0;
    bool jittery = false;
    if (rtt->baseline_us != 0) {
        delay_us = rtt->smoothed_us > rtt->baseline_us ? rtt->smoothed_us - rtt->baseline_us : 0;
        jittery = is_jittery(rtt, thresholds, now_us);
    }
    *calm = congestion->loss_q16 < thresholds->calm_loss_q16 &&
            delay_us < thresholds->calm_delay_us && !jittery;
    if (congestion->loss_q16 > thresholds->emergency_loss_q16 ||
        tw_rtt_queue_us(rtt) > thresholds->emergency_queue_us)
        return TW_LINK_EMERGENCY;
    bool conservative = congestion->loss_q16 > thresholds->conservative_loss_q16 ||
                        delay_us > thresholds->conservative_delay_us || jittery;
    return conservative ? TW_LINK_CONSERVATIVE : TW_LINK_NORMAL;
}

/* Worse at once; better step by step, when nothing is wrong any more. */
static void update_state(struct tw_congestion *congestion,
                         const struct tw_congestion_thresholds *thresholds, uint64_t now_us)
{
    bool calm;
    enum tw_link_state state = measure(congestion, thresholds, now_us, &calm);
    if (state > congestion->state) {
        congestion->state = (uint8_t)state;
        congestion->calm_since_us = 0;
    } else if (congestion->state == TW_LINK_NORMAL || (!calm && state == congestion->state)) {
        congestion->calm_since_us = 0;
    } else if (congestion->calm_since_us == 0) {
        congestion->calm_since_us = now_us;
    } else if (now_us - congestion->calm_since_us >= thresholds->calm_us) {
        congestion->state = (uint8_t)(calm                      ? TW_LINK_NORMAL
                                      : state == TW_LINK_NORMAL ? TW_LINK_CONSERVATIVE
                                                                : state);
        congestion->calm_since_us = 0;
    }
}

/* Another route has another baseline. A queue of ours would show: while messages want more than the
 * path takes there is one by design, and ticks are smaller. */
static void follow_route(struct tw_congestion *congestion,
                         const struct tw_congestion_thresholds *thresholds, uint64_t now_us)
{
    struct tw_rtt *rtt = &congestion->rtt;
    uint32_t jitter_us = tw_rtt_jitter_us(rtt, TW_RTT_JITTER_SECONDS, now_us);
    bool quiet = congestion->loss_q16 == 0 && congestion->tick_bytes == TW_TICK_BYTES_MAX &&
                 tw_rtt_queue_us(rtt) < TW_QUEUE_TARGET_US / 2u + jitter_us;
    tw_rtt_follow(rtt, quiet, thresholds->calm_delay_us, now_us);
}

void tw_congestion_update(struct tw_congestion *congestion,
                          const struct tw_congestion_thresholds *thresholds, uint64_t now_us)
{
    /* A share of packets forgets slowly on a link that carries few of them. */
    if (now_us - congestion->lost_at_us >= LOSS_FORGET_US)
        congestion->loss_q16 = 0;
    bool round_ends = now_us >= congestion->round_began_us + smoothed_us(congestion);
    if (round_ends)
        end_round(congestion, now_us);
    update_state(congestion, thresholds, now_us);
    fit_ticks(congestion, round_ends);
    follow_route(congestion, thresholds, now_us);
}

uint64_t tw_congestion_pace(const struct tw_congestion *congestion)
{
    /* A quarter above the window's own rate: the window is the limit, this only spreads. */
    uint64_t pace =
        (uint64_t)congestion->window_bytes * 5u / 4u * SECOND_US / smoothed_us(congestion);
    return pace < PACE_MIN_BYTES ? PACE_MIN_BYTES : pace;
}

static int32_t earn(int32_t bytes, uint64_t earned, uint64_t most)
{
    int64_t sum = bytes + (int64_t)earned;
    return (int32_t)(sum < (int64_t)most ? sum : (int64_t)most);
}

bool tw_congestion_may_send(struct tw_congestion *congestion, uint64_t now_us)
{
    uint64_t pace = tw_congestion_pace(congestion);
    uint64_t elapsed_us = now_us - congestion->tokens_at_us;
    if (elapsed_us > SECOND_US)
        elapsed_us = SECOND_US;
    uint64_t earned = pace * elapsed_us / SECOND_US;
    if (earned > 0) {
        uint64_t burst = pace * BURST_US / SECOND_US;
        if (burst < BURST_MIN_BYTES)
            burst = BURST_MIN_BYTES;
        if (burst > BURST_MAX_BYTES)
            burst = BURST_MAX_BYTES;
        congestion->tokens_bytes = earn(congestion->tokens_bytes, earned, burst);
        congestion->pass_quarter_bytes =
            earn(congestion->pass_quarter_bytes, earned, PASS_BURST_BYTES * PASS_PARTS);
        congestion->tokens_at_us = now_us;
    }
    return congestion->tokens_bytes > 0;
}

/* When so much more than `bytes` has been earned that it is above 0. */
static uint64_t earned_us(const struct tw_congestion *congestion, int32_t bytes, uint64_t now_us)
{
    if (bytes > 0)
        return now_us;
    uint64_t missing = (uint64_t)(1 - (int64_t)bytes);
    uint64_t pace = tw_congestion_pace(congestion);
    uint64_t at = congestion->tokens_at_us + (missing * SECOND_US + pace - 1u) / pace;
    return at > now_us ? at : now_us;
}

uint64_t tw_congestion_next_us(const struct tw_congestion *congestion, uint64_t now_us)
{
    return earned_us(congestion, congestion->tokens_bytes, now_us);
}

uint64_t tw_congestion_pass_us(const struct tw_congestion *congestion, uint64_t now_us)
{
    return earned_us(congestion, congestion->pass_quarter_bytes, now_us);
}

void tw_congestion_spend(struct tw_congestion *congestion, uint32_t bytes)
{
    congestion->tokens_bytes -= (int32_t)bytes;
}

bool tw_congestion_may_pass(const struct tw_congestion *congestion)
{
    return congestion->pass_quarter_bytes > 0;
}

void tw_congestion_passed(struct tw_congestion *congestion, uint32_t bytes)
{
    congestion->pass_quarter_bytes -= (int32_t)(bytes * PASS_PARTS);
}

uint32_t tw_congestion_share(const struct tw_congestion *congestion, uint32_t channel)
{
    /* In quarters, by state: unordered, bulk. What is ordered keeps the whole window. */
    static const uint8_t unordered[] = {4, 3, 2};
    static const uint8_t bulk[] = {4, 2, 1};
    uint32_t quarters = 4;
    if (channel == TW_CHANNEL_UNORDERED)
        quarters = unordered[congestion->state];
    else if (channel == TW_CHANNEL_BULK)
        quarters = bulk[congestion->state];
    /* Less than a packet: what can wait leaves the path to the rest. */
    if (channel == TW_CHANNEL_BULK && congestion->state != TW_LINK_NORMAL &&
        congestion->window_bytes < TW_DATAGRAM_BASE)
        quarters = 0;
    return congestion->window_bytes / 4u * quarters;
}
