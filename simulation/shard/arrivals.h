/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * How early a player's inputs arrive before their ticks are due, gathered for the client, which
 * steers its clock by it: one frame five times a second, beside a snapshot.
 *
 * Pure: margins come in, frames go out. Follows from the time of arrival, so it is no part of the
 * world's state. One per player; owner: the shard's thread.
 */
#ifndef TICKWIRE_SIMULATION_SHARD_ARRIVALS_H
#define TICKWIRE_SIMULATION_SHARD_ARRIVALS_H

#include "tickwire/bytes.h"
#include "tickwire/wire.h"

#include <stdbool.h>
#include <stdint.h>

/* Reports a second: often enough to notice a longer path within two of them, and 65 bytes/s. */
#define TW_ARRIVALS_PER_S      5u
#define TW_ARRIVALS_FRAME_SIZE (TW_FRAME_HEADER_SIZE + TW_ARRIVALS_SIZE)

struct tw_arrivals {
    uint64_t due_tick;    /* of the next report */
    uint32_t newest_tick; /* of all inputs ever; 0: none yet */
    /* since the last report */
    uint32_t reported_tick; /* newest */
    int64_t sum_ns;
    int32_t lowest_ns;
    uint8_t count, late;
};

/* An input for `tick` arrived `margin_ns` before that was due; late: its tick was over. */
void tw_arrivals_note(struct tw_arrivals *arrivals, uint32_t tick, int64_t margin_ns, bool late);

/* Inputs that wait for ticks after `tick`, if none is missing between. */
static inline uint32_t tw_arrivals_depth(const struct tw_arrivals *arrivals, uint64_t tick)
{
    return arrivals->newest_tick > tick ? arrivals->newest_tick - (uint32_t)tick : 0;
}

/* The room that a report needs beside the next snapshot; 0: none is due, or nothing is to tell. */
uint32_t tw_arrivals_room(const struct tw_arrivals *arrivals, uint64_t tick);

/* Appends a frame if one is due, there is something to tell and it fits whole. Returns its size. */
uint32_t tw_arrivals_write(struct tw_arrivals *arrivals, uint64_t tick, uint32_t tick_hz,
                           uint8_t *bytes, size_t capacity);

#endif
