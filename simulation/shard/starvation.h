/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Clients that play without seeing: their inputs come, and no snapshot ever reaches them.
 *
 * Only time in which inputs keep coming counts: whoever is silent, or tries again now and then, is
 * another rule's, and no outage of both ways counts. A world that sends nothing starves nobody.
 * What is not acknowledged may have arrived: a client that never says so is treated the same, for
 * everything would be sent to it for ever. One per player, zeroed when somebody new drives it; the
 * shard's.
 */
#ifndef TICKWIRE_SIMULATION_SHARD_STARVATION_H
#define TICKWIRE_SIMULATION_SHARD_STARVATION_H

#include <stdbool.h>
#include <stdint.h>

struct tw_starvation {
    uint32_t acked;      /* newest snapshot that was acknowledged */
    uint32_t input_tick; /* when the newest input came */
    uint32_t ticks;      /* since then, in which inputs kept coming */
    uint32_t snapshots;  /* that were sent since */
    bool closed;         /* its worker was told to close it */
};

struct tw_starvation_limits {
    uint32_t ticks; /* 0: nobody starves */
    uint32_t snapshots;
    uint32_t gap; /* ticks between inputs of somebody who plays, at most */
};

/* Half of the snapshots will do: buffers may have been short. */
static inline struct tw_starvation_limits tw_starvation_limits_of(uint32_t seconds,
                                                                  uint32_t tick_hz,
                                                                  uint32_t snapshot_hz)
{
    return (struct tw_starvation_limits){
        .ticks = seconds * tick_hz, .snapshots = seconds * snapshot_hz / 2u, .gap = tick_hz / 8u};
}

static inline void tw_starvation_input(struct tw_starvation *starvation,
                                       const struct tw_starvation_limits *limits, uint32_t tick)
{
    uint32_t gap = tick - starvation->input_tick;
    if (gap <= limits->gap)
        starvation->ticks += gap;
    starvation->input_tick = tick;
}

static inline void tw_starvation_sent(struct tw_starvation *starvation)
{
    starvation->snapshots++;
}

/* `newest` was sent. */
static inline void tw_starvation_acked(struct tw_starvation *starvation, uint32_t newest)
{
    if (newest <= starvation->acked)
        return;
    starvation->acked = newest;
    starvation->ticks = 0;
    starvation->snapshots = 0;
}

static inline bool tw_starvation_is_over(const struct tw_starvation *starvation,
                                         const struct tw_starvation_limits *limits)
{
    return limits->ticks > 0 && starvation->ticks >= limits->ticks &&
           starvation->snapshots >= limits->snapshots && !starvation->closed;
}

#endif
