/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * One tick of movement: the server decides speed, turning, walls and collisions.
 *
 * First all are found that could be in somebody's way (candidates.h). Then
 * entities move one after the other in index order; each sees where the ones before it went. A
 * circle in the way cuts off the part of the step that leads into it, so a step never gets longer,
 * bodies slide along each other, and circles that did not overlap never do; who walks straight at
 * one slips off to a side. What stands still is never pushed. Owner: the shard's thread.
 */
#ifndef TICKWIRE_SIMULATION_SHARD_MOVEMENT_H
#define TICKWIRE_SIMULATION_SHARD_MOVEMENT_H

#include "simulation/shard/world.h"

#include <stdint.h>

#define TW_SPEED_MAX        5120u   /* 5 m/s */
#define TW_WANDER_SPEED_MIN 3072u   /* 3 m/s */
#define TW_TURN_RATE        131072u /* 720 degrees/s in angle units per second */
#define TW_ACTION_TICKS     30u     /* how long others see the main action */
#define TW_BUTTON_ACTION    0x0001u

/* What a player wants from this tick on. */
void tw_movement_steer(struct tw_world *world, uint32_t entity_index,
                       const struct tw_waiting_input *input);
void tw_movement_act(struct tw_world *world, uint32_t entity_index, uint32_t tick);

/* Moves every player and wanderer by one tick. */
void tw_movement_step(struct tw_world *world, uint32_t tick);

#endif
