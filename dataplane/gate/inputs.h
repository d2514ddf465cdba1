/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Deduplication of inputs: each tick's input of a session reaches the shard once, although
 * packets repeat it. A bitmap over the newest 64 ticks. Pure; one window per session.
 */
#ifndef TICKWIRE_DATAPLANE_GATE_INPUTS_H
#define TICKWIRE_DATAPLANE_GATE_INPUTS_H

#include "tickwire/drop_reasons.h"

#include <stdbool.h>
#include <stdint.h>

#define TW_INPUT_WINDOW 64u
/* Further ahead than this is a broken clock: one second at 60 Hz. */
#define TW_INPUT_AHEAD_MAX 60u

struct tw_input_window {
    uint64_t bitmap; /* bit i = tick newest-i was routed */
    uint32_t newest;
};

/* ROUTED (not yet marked), DUPLICATE, OLD or AHEAD. */
enum tw_input_outcome tw_input_window_test(const struct tw_input_window *window, uint32_t tick,
                                           uint32_t current_tick);

/* Marks a tick that was called ROUTED. */
void tw_input_window_mark(struct tw_input_window *window, uint32_t tick);

#endif
