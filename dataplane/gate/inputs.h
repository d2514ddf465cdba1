/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Deduplication of inputs: each tick's input of a session reaches the shard once, although
 * packets repeat it. A bitmap over the newest 64 ticks. Pure; one window per session.
 */
#ifndef TICKWIRE_DATAPLANE_GATE_INPUTS_H
#define TICKWIRE_DATAPLANE_GATE_INPUTS_H

#include "tickwire/drop_reasons.h"
#include "tickwire/wire.h"

#include <stdbool.h>
#include <stdint.h>

#define TW_INPUT_WINDOW 64u

struct tw_input_window {
    uint64_t bitmap; /* bit i = tick newest-i was routed */
    uint32_t newest;
};

/* ROUTED (not yet marked), DUPLICATE, OLD or AHEAD. */
static inline enum tw_input_outcome tw_input_window_test(const struct tw_input_window *window,
                                                         uint32_t tick, uint32_t current_tick)
{
    if (tick > current_tick && tick - current_tick > TW_INPUT_AHEAD_MAX)
        return TW_INPUT_AHEAD;
    if (tick > window->newest)
        return TW_INPUT_ROUTED;
    uint32_t age = window->newest - tick;
    if (age >= TW_INPUT_WINDOW)
        return TW_INPUT_OLD;
    return (window->bitmap >> age & 1) != 0 ? TW_INPUT_DUPLICATE : TW_INPUT_ROUTED;
}

/* Which of the ticks newest, newest-1 … newest-(count-1) were routed before: bit i = newest-i;
 * count 1..64. Most entries of most packets are repeats. */
static inline uint64_t tw_input_window_repeats(const struct tw_input_window *window,
                                               uint32_t newest, uint32_t count)
{
    uint64_t routed;
    if (newest >= window->newest)
        routed = newest - window->newest < TW_INPUT_WINDOW
                     ? window->bitmap << (newest - window->newest)
                     : 0;
    else
        routed = window->newest - newest < TW_INPUT_WINDOW
                     ? window->bitmap >> (window->newest - newest)
                     : 0;
    return routed & UINT64_MAX >> (TW_INPUT_WINDOW - count);
}

/* Marks a tick that was called ROUTED. */
static inline void tw_input_window_mark(struct tw_input_window *window, uint32_t tick)
{
    if (tick > window->newest) {
        uint32_t shift = tick - window->newest;
        window->bitmap = shift >= TW_INPUT_WINDOW ? 0 : window->bitmap << shift;
        window->newest = tick;
    }
    window->bitmap |= UINT64_C(1) << (window->newest - tick);
}

#endif
