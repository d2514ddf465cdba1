/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Writes one client's snapshot frame (docs/protocol.md section 5) into one packet buffer.
 *
 *   look (observer.h)  →  plan (plan.h): what is owed, most urgent first until the buffer is full
 *   →  write
 *
 * Urgency is weight x (1 + snapshots waited in a row); weights fall with distance and put enters
 * and exits before changes. Whatever waits gains every time, so nothing waits for ever.
 * Owner: the shard's thread.
 */
#ifndef TICKWIRE_SIMULATION_INTEREST_SNAPSHOT_H
#define TICKWIRE_SIMULATION_INTEREST_SNAPSHOT_H

#include "simulation/interest/observer.h"
#include "simulation/interest/shed.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Frame header, fixed part, four empty counts. */
#define TW_SNAPSHOT_FRAME_MIN (TW_FRAME_HEADER_SIZE + TW_SNAPSHOT_FIXED_SIZE + 4u)

/* A baseline's number has to fit as well. */
#define TW_SNAPSHOT_CAPACITY_MIN (TW_SNAPSHOT_FRAME_MIN + TW_BASELINE_SIZE)

struct tw_snapshot_info {
    uint64_t tick;
    uint32_t tick_hz;
    uint32_t last_input;
    uint32_t own_index;
    uint32_t link_state; /* how strained the path is: see shed.h */
};

struct tw_snapshot_result {
    uint32_t size; /* whole frame */
    bool incomplete;
    bool checked; /* it tells what the client's view, or a class of it, has to come to */
    uint32_t shed_bytes[TW_TIER_COUNT]; /* of changes held back for the sake of the path */
};

/* After tw_observer_look in the same tick. capacity >= TW_SNAPSHOT_CAPACITY_MIN. */
struct tw_snapshot_result tw_snapshot_write(struct tw_interest *interest, uint32_t player,
                                            const struct tw_snapshot_info *info, uint8_t *bytes,
                                            size_t capacity);

#endif
