/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * One input per tick, and which of the newest are sent again.
 *
 * The list on the wire has one entry for each tick down from the newest, so the history is a run of
 * consecutive ticks. Pure, single-threaded.
 */
#ifndef TICKWIRE_DATAPLANE_CLIENT_INPUTS_H
#define TICKWIRE_DATAPLANE_CLIENT_INPUTS_H

#include "tickwire/shard.h"
#include "tickwire/wire.h"

#include <stdint.h>

struct tw_client_inputs {
    struct tw_input current;
    struct tw_input history[TW_INPUTS_MAX]; /* by tick modulo TW_INPUTS_MAX */
    uint64_t newest_tick;                   /* 0: none made yet */
    uint32_t run;                           /* consecutive ticks in history, up to newest_tick */
    uint32_t applied_tick;                  /* newest the server has applied */
};

void tw_client_inputs_init(struct tw_client_inputs *inputs);

/* Makes the inputs of all ticks up to `tick` that have none, of which the last TW_INPUTS_MAX are
 * kept: older ones could not be sent any more. Returns how many were made. */
uint32_t tw_client_inputs_advance(struct tw_client_inputs *inputs, uint64_t tick);

/* The server's `last input`. */
void tw_client_inputs_applied(struct tw_client_inputs *inputs, uint32_t tick);

/* The inputs to send, newest first, for ticks down from newest_tick; returns how many, 0 if the
 * server has applied them all. */
uint8_t tw_client_inputs_list(const struct tw_client_inputs *inputs,
                              struct tw_input list[TW_INPUTS_MAX]);

#endif
