/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Inputs of one player, waiting for their ticks. Part of the deterministic state.
 *
 * An input waits in the ring for its own tick. One whose tick is over is late: the newest late
 * one is applied at the next tick unless something newer was applied before, with the buttons of
 * all that came late for that tick. When a tick finds
 * nothing, movement goes on with the last input for TW_INPUTS_HOLD_TICKS, then stops.
 * Owner: the shard's thread.
 */
#ifndef TICKWIRE_SIMULATION_SHARD_INPUTS_H
#define TICKWIRE_SIMULATION_SHARD_INPUTS_H

#include "tickwire/shard.h"

#include <assert.h>
#include <stdbool.h>
#include <stdint.h>

/* Workers let inputs through up to 60 ticks ahead. */
#define TW_INPUTS_RING 64u
/* A quarter of a second at 60 Hz: bridges lost packets, does not run a lost player off a cliff. */
#define TW_INPUTS_HOLD_TICKS 15u

struct tw_waiting_input {
    uint32_t tick; /* 0 = empty */
    int8_t move_x, move_y;
    uint16_t facing;
    uint16_t buttons;
    uint16_t zero;
};
static_assert(sizeof(struct tw_waiting_input) == 12u, "no padding");

struct tw_player_inputs {
    uint32_t newest_applied; /* input tick; 0 = none yet */
    uint32_t ticks_without;  /* since the last input was applied */
    struct tw_waiting_input late;
    struct tw_waiting_input last; /* the one in force */
    struct tw_waiting_input ring[TW_INPUTS_RING];
};

/* Numbers of inputs that met each end; added to by the calls below. */
struct tw_input_tally {
    uint32_t applied, late, skipped;
};

/* Takes an input for `tick`; `now` is the newest simulated tick. */
void tw_inputs_offer(struct tw_player_inputs *inputs, uint32_t now, uint32_t tick,
                     const struct tw_input *input, struct tw_input_tally *tally);

/* Applies what is due at tick `to` (the tick simulated before was `from`); inputs->last is then the
 * one in force. Returns the buttons pressed in all inputs applied. */
uint16_t tw_inputs_apply(struct tw_player_inputs *inputs, uint32_t from, uint32_t to,
                         struct tw_input_tally *tally);

/* Inputs that would never be applied: the player leaves. */
uint32_t tw_inputs_waiting(const struct tw_player_inputs *inputs);

#endif
