/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What a snapshot leaves out for the sake of a strained path: the least important first.
 *
 * Three tiers by distance. Near entities, entering and leaving, and the player itself are never
 * held back, nor is a snapshot as such: one that says nothing costs almost nothing. Of the others,
 * changes go into fewer snapshots, in turns, so that an entity waits for two or three snapshots and
 * not longer; and in a crowd the last part of the packet belongs to the near ones. What is left out
 * is still owed, and once a second everything goes. Pure.
 */
#ifndef TICKWIRE_SIMULATION_INTEREST_SHED_H
#define TICKWIRE_SIMULATION_INTEREST_SHED_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum tw_tier {
    TW_TIER_NEAR = 0,   /* up to a quarter of the radius of interest */
    TW_TIER_MIDDLE = 1, /* up to half of it */
    TW_TIER_FAR = 2,
    TW_TIER_COUNT = 3,
};

/* As the worker's transport sees the path: normal, conservative, emergency. */
#define TW_SHED_STATES 3u

enum tw_tier tw_shed_tier(uint32_t distance_m, uint32_t radius_m);
/* Does this snapshot leave out what changed of the entity? */
bool tw_shed_holds(uint32_t state, enum tw_tier tier, uint32_t snapshot, uint32_t entity);
/* Bytes of a packet of `capacity` that only near entities may fill. */
size_t tw_shed_reserve(uint32_t state, size_t capacity);

#endif
