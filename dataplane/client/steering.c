/* SPDX-License-Identifier: BSD-3-Clause */
#include "dataplane/client/steering.h"

#include "tickwire/assert.h"

#include <string.h>

#define PPM INT64_C(1000000)
/* Half a round trip, and so many ticks, until the server tells better. */
#define GUESS_TICKS 2
/* Room in front of the longest delays: a server that drains its rings a little early or late. */
#define ROOM_OF_TICK 2
/* A lead that is longer than it has to be by less than this part of a tick is left alone. */
#define LEAVE_OF_TICK 8

void tw_client_steering_init(struct tw_client_steering *steering, uint32_t tick_hz, uint64_t now_us)
{
    TW_ASSERT(tick_hz > 0);
    memset(steering, 0, sizeof(*steering));
    steering->tick_us = PPM / tick_hz;
    steering->anchor_us = now_us;
    steering->lead_us = steering->goal_us = GUESS_TICKS * steering->tick_us;
}

static int64_t most_us(const struct tw_client_steering *steering)
{
    int64_t ahead_us = TW_CLIENT_STEERING_AHEAD_MAX * steering->tick_us + steering->way_us;
    return ahead_us < TW_CLIENT_STEERING_LEAD_MAX_US ? ahead_us : TW_CLIENT_STEERING_LEAD_MAX_US;
}

int64_t tw_client_steering_lead_us(const struct tw_client_steering *steering, uint64_t now_us)
{
    int64_t error_us = steering->goal_us - steering->lead_us;
    int64_t elapsed_us = now_us > steering->anchor_us ? (int64_t)(now_us - steering->anchor_us) : 0;
    int64_t size_us = error_us < 0 ? -error_us : error_us;
    int64_t limit_ppm =
        error_us < 0 ? TW_CLIENT_STEERING_SLOWER_PPM : TW_CLIENT_STEERING_FASTER_PPM;
    int64_t rate_ppm = size_us * PPM / TW_CLIENT_STEERING_REACH_US;
    if (rate_ppm > limit_ppm)
        rate_ppm = limit_ppm;
    if (elapsed_us > 60 * PPM)
        elapsed_us = 60 * PPM; /* by then it is there */
    int64_t moved_us = elapsed_us * rate_ppm / PPM;
    if (moved_us > size_us)
        moved_us = size_us;
    int64_t lead_us = steering->lead_us + (error_us < 0 ? -moved_us : moved_us);
    return lead_us < most_us(steering) ? lead_us : most_us(steering);
}

static void aim(struct tw_client_steering *steering, int64_t goal_us, bool jump, uint64_t now_us)
{
    int64_t lead_us = tw_client_steering_lead_us(steering, now_us);
    if (goal_us > most_us(steering))
        goal_us = most_us(steering);
    if (goal_us < 0)
        goal_us = 0;
    int64_t more_us = lead_us - goal_us;
    steering->jumped |= jump;
    steering->anchor_us = now_us;
    steering->lead_us = jump ? goal_us : lead_us;
    steering->goal_us =
        more_us > 0 && more_us < steering->tick_us / LEAVE_OF_TICK && !jump ? lead_us : goal_us;
}

void tw_client_steering_guess(struct tw_client_steering *steering, uint64_t rtt_us,
                              uint64_t rtt_min_us, uint64_t now_us)
{
    steering->way_us = (int64_t)(rtt_min_us / 2u);
    if (steering->reported)
        return;
    /* With the first pong the clock below it jumps, too. */
    aim(steering, (int64_t)(rtt_us / 2u) + GUESS_TICKS * steering->tick_us, !steering->guessed,
        now_us);
    steering->guessed = true;
}

void tw_client_steering_made(struct tw_client_steering *steering, uint32_t tick, uint32_t count,
                             uint64_t now_us)
{
    int32_t lead_us = (int32_t)tw_client_steering_lead_us(steering, now_us);
    if (steering->jumped)
        steering->since_jump = tick;
    steering->jumped = false;
    if (count > TW_CLIENT_STEERING_MADE)
        count = TW_CLIENT_STEERING_MADE;
    for (uint32_t i = 0; i < count; i++) {
        steering->made[(tick - i) % TW_CLIENT_STEERING_MADE].tick = tick - i;
        steering->made[(tick - i) % TW_CLIENT_STEERING_MADE].lead_us = lead_us;
    }
}

static void forget_before(struct tw_client_steering *steering, uint32_t first)
{
    steering->window_count -= first;
    memmove(steering->windows, steering->windows + first,
            steering->window_count * sizeof(steering->windows[0]));
}

static void keep_window(struct tw_client_steering *steering,
                        const struct tw_client_steering_window *window)
{
    uint32_t old = 0;
    while (old < steering->window_count &&
           window->at_us - steering->windows[old].at_us > TW_CLIENT_STEERING_MEMORY_US)
        old++;
    if (old == 0 && steering->window_count == TW_CLIENT_STEERING_REPORTS)
        old = 1;
    forget_before(steering, old);
    steering->windows[steering->window_count++] = *window;
}

/* All delays of the newest windows lie below the means of all before: another path. */
static void forget_longer_path(struct tw_client_steering *steering)
{
    if (steering->window_count <= TW_CLIENT_STEERING_RECENT)
        return;
    uint32_t recent = steering->window_count - TW_CLIENT_STEERING_RECENT;
    int64_t high_us = INT64_MIN;
    int64_t before_us = INT64_MAX;
    for (uint32_t i = 0; i < recent; i++)
        before_us =
            steering->windows[i].mean_us < before_us ? steering->windows[i].mean_us : before_us;
    for (uint32_t i = recent; i < steering->window_count; i++)
        high_us = steering->windows[i].high_us > high_us ? steering->windows[i].high_us : high_us;
    if (high_us < before_us)
        forget_before(steering, recent);
}

static int64_t mean_delay(const struct tw_client_steering *steering)
{
    uint32_t count = steering->window_count < TW_CLIENT_STEERING_RECENT ? steering->window_count
                                                                        : TW_CLIENT_STEERING_RECENT;
    int64_t sum_us = 0;
    for (uint32_t i = steering->window_count - count; i < steering->window_count; i++)
        sum_us += steering->windows[i].mean_us;
    return sum_us / (int64_t)count;
}

/* The same path, longer: how far it swings is still known. By how much it is longer the slowest
 * inputs tell, for some of the report may be from before. */
static void shift_windows(struct tw_client_steering *steering, int64_t high_us)
{
    int64_t sum_us = 0;
    for (uint32_t i = 0; i < steering->window_count; i++)
        sum_us += steering->windows[i].high_us;
    int64_t more_us = high_us - sum_us / (int64_t)steering->window_count;
    for (uint32_t i = 0; i < steering->window_count; i++) {
        steering->windows[i].mean_us += more_us;
        steering->windows[i].high_us += more_us;
    }
}

/* The second longest of all, the longest as long as there are few. */
static int64_t long_delay(const struct tw_client_steering *steering)
{
    int64_t first_us = INT64_MIN;
    int64_t second_us = INT64_MIN;
    for (uint32_t i = 0; i < steering->window_count; i++) {
        int64_t high_us = steering->windows[i].high_us;
        if (high_us > first_us) {
            second_us = first_us;
            first_us = high_us;
        } else if (high_us > second_us) {
            second_us = high_us;
        }
    }
    return steering->window_count < TW_CLIENT_STEERING_RECENT ? first_us : second_us;
}

static int64_t goal_of(const struct tw_client_steering *steering)
{
    int64_t mean_us = mean_delay(steering);
    int64_t goal_us = mean_us + steering->tick_us;
    /* Of a few reports since a jump, how long the way is is hardly known. */
    int64_t room_us = steering->settled < TW_CLIENT_STEERING_RECENT
                          ? steering->tick_us
                          : steering->tick_us / ROOM_OF_TICK;
    int64_t safe_us = long_delay(steering) + room_us;
    int64_t most_us = mean_us + TW_CLIENT_STEERING_TICKS_MAX * steering->tick_us;
    if (safe_us > goal_us)
        goal_us = safe_us;
    return goal_us < most_us ? goal_us : most_us;
}

/* Some of its inputs were made before the lead, or the clock below it, jumped. A report that comes
 * late is about more than others. */
static bool reaches_before_jump(const struct tw_client_steering *steering,
                                const struct tw_frame_arrivals *report)
{
    int64_t span = TW_CLIENT_STEERING_SPAN_US / steering->tick_us;
    if (span < report->count)
        span = report->count;
    return steering->jumped || (int64_t)report->newest - steering->since_jump < span;
}

void tw_client_steering_path_changed(struct tw_client_steering *steering)
{
    steering->window_count = 0;
    steering->way_us = 0;
    steering->reported = false;
    steering->jumped = true; /* as if: what was made before has no say */
}

void tw_client_steering_report(struct tw_client_steering *steering,
                               const struct tw_frame_arrivals *report, uint64_t now_us)
{
    /* The lead under which these inputs were made; one that nobody remembers says nothing. */
    uint32_t at = report->newest % TW_CLIENT_STEERING_MADE;
    if (steering->made[at].tick != report->newest)
        return;
    int64_t lead_us = steering->made[at].lead_us;
    steering->margin_us = report->mean * (int32_t)TW_ARRIVALS_UNIT_US;
    steering->margin_lowest_us = report->lowest * (int32_t)TW_ARRIVALS_UNIT_US;
    steering->inputs += report->count;
    steering->inputs_late += report->late;
    bool silent = now_us - steering->reported_us > TW_CLIENT_STEERING_SILENCE_US;
    bool longer = report->late >= TW_CLIENT_STEERING_LATE_MIN && report->late > report->count / 2u;
    bool jump = !steering->reported || silent || longer;
    steering->reported_us = now_us;
    if (reaches_before_jump(steering, report))
        return;
    struct tw_client_steering_window window = {.at_us = now_us,
                                               .mean_us = lead_us - steering->margin_us,
                                               .high_us = lead_us - steering->margin_lowest_us};
    if (longer && !silent && steering->reported)
        shift_windows(steering, window.high_us);
    else if (jump)
        steering->window_count = 0;
    steering->settled = jump ? 1u : steering->settled + 1u;
    keep_window(steering, &window);
    forget_longer_path(steering);
    steering->reported = true;
    aim(steering, goal_of(steering), jump, now_us);
}
