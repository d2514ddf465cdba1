/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * How a connection does, by how long nothing was heard from the other end, and by its path.
 *
 *   connected ◄─► degraded ◄─► reconnecting ──► disconnected
 *               silent, or a     nothing is      the session is over
 *               path that loses  sent to it
 *
 * The same rules at both ends. What counts as heard is a packet that authenticates: a client sends
 * one each tick, a ping among them twice a second; a server answers. See
 * docs/decisions/0017-connection-life.md. Pure, any thread; times in ms.
 */
#ifndef TICKWIRE_DATAPLANE_WIRE_LIFE_H
#define TICKWIRE_DATAPLANE_WIRE_LIFE_H

#include <stdbool.h>
#include <stdint.h>

enum tw_life_state {
    TW_LIFE_CONNECTED = 0,
    TW_LIFE_DEGRADED = 1,
    TW_LIFE_RECONNECTING = 2,
    TW_LIFE_DISCONNECTED = 3,
    TW_LIFE_STATES = 4,
};

/* Silences, each no shorter than the one before. */
struct tw_life_times {
    uint32_t degraded_ms;
    uint32_t pause_ms;
    uint32_t park_ms;
    uint32_t grace_ms;
};

/* What a silence has led to; a path's own trouble is never more than degraded. */
enum tw_life_tier {
    TW_TIER_HEARD = 0,
    TW_TIER_SILENT = 1, /* the world goes on with the last intent */
    TW_TIER_PAUSED = 2,
    TW_TIER_PARKED = 3,
    TW_TIER_OVER = 4,
};

enum tw_life_tier tw_life_tier(const struct tw_life_times *times, uint64_t silent_ms);
enum tw_life_state tw_life_state(enum tw_life_tier tier, bool path_suffers);

/* connected, degraded, reconnecting, disconnected */
extern const char *const tw_life_state_names[TW_LIFE_STATES];

#endif
