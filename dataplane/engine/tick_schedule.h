/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * When ticks are due: tick n at epoch + n * 10^9 / hz, by integer division from the epoch, so
 * that nothing drifts, however long the engine runs.
 *
 * An overrun is bounded: late ticks run at once, one after the other, until the schedule is more
 * than TW_TICK_BEHIND_MAX behind; then all but the newest due tick are skipped. Pure.
 */
#ifndef TICKWIRE_DATAPLANE_ENGINE_TICK_SCHEDULE_H
#define TICKWIRE_DATAPLANE_ENGINE_TICK_SCHEDULE_H

#include "tickwire/wire.h"

#include <stdbool.h>
#include <stdint.h>

/* 83 ms at 60 Hz: players notice, but ticks of a few ms make it up in as many. */
#define TW_TICK_BEHIND_MAX 5u

struct tw_tick_schedule {
    uint64_t epoch_ns; /* tick 0 */
    uint32_t hz;
    uint64_t next; /* the tick to run next */
};

/* Monotonic ns at which `tick` is due. */
static inline uint64_t tw_tick_due_ns(uint64_t epoch_ns, uint32_t hz, uint64_t tick)
{
    /* Whole seconds apart, so that tick * 10^9 cannot overflow within 2^34 seconds. */
    return epoch_ns + tick / hz * UINT64_C(1000000000) + tick % hz * UINT64_C(1000000000) / hz;
}

/* The newest tick due at now_ns (0 before the epoch). */
static inline uint64_t tw_tick_at_ns(uint64_t epoch_ns, uint32_t hz, uint64_t now_ns)
{
    if (now_ns <= epoch_ns)
        return 0;
    uint64_t elapsed_ns = now_ns - epoch_ns;
    uint64_t second = elapsed_ns / UINT64_C(1000000000);
    uint64_t rest_ns = elapsed_ns % UINT64_C(1000000000);
    /* Due times are rounded down: the tick after the quotient may be due already. */
    uint64_t tick = second * hz + rest_ns * hz / UINT64_C(1000000000);
    return tw_tick_due_ns(epoch_ns, hz, tick + 1) <= now_ns ? tick + 1 : tick;
}

static inline uint64_t tw_tick_schedule_due_ns(const struct tw_tick_schedule *schedule)
{
    return tw_tick_due_ns(schedule->epoch_ns, schedule->hz, schedule->next);
}

/* True when ticks are used up in less than a minute: time to tell everybody. */
static inline bool tw_tick_is_near_the_last(uint64_t tick, uint32_t hz)
{
    return tick + hz * UINT64_C(60) >= TW_TICK_LAST;
}

/* Moves on from an overrun of more than TW_TICK_BEHIND_MAX ticks; returns how many it skipped. */
static inline uint64_t tw_tick_schedule_catch_up(struct tw_tick_schedule *schedule, uint64_t now_ns)
{
    uint64_t newest = tw_tick_at_ns(schedule->epoch_ns, schedule->hz, now_ns);
    if (newest <= schedule->next + TW_TICK_BEHIND_MAX)
        return 0;
    uint64_t skipped = newest - schedule->next;
    schedule->next = newest;
    return skipped;
}

#endif
