/* SPDX-License-Identifier: BSD-3-Clause */
/* The shard's parts, for shard.c and for tests that look inside. Owner: the shard's thread. */
#ifndef TICKWIRE_SIMULATION_SHARD_INTERNAL_H
#define TICKWIRE_SIMULATION_SHARD_INTERNAL_H

#include "simulation/interest/observer.h"
#include "simulation/shard/arrivals.h"
#include "simulation/shard/relay.h"
#include "simulation/shard/sessions.h"
#include "simulation/shard/shard.h"
#include "simulation/shard/starvation.h"
#include "simulation/shard/world.h"

struct tw_shard {
    struct tw_shard_config config;
    struct tw_shard_counters *counters;
    struct tw_world world;
    struct tw_shard_sessions sessions;
    struct tw_interest interest;
    struct tw_relay relay;
    struct tw_arrivals *arrivals;     /* by player */
    struct tw_starvation *starvation; /* by player */
    struct tw_starvation_limits starvation_limits;
    uint64_t due_ns;                  /* of the newest tick */
    uint8_t *link_states;             /* by player: 0 normal, 1 conservative, 2 emergency */
    uint16_t *capacities;             /* by player: bytes of a packet that a snapshot may fill */
    uint32_t presences[TW_PRESENCES]; /* players by enum tw_presence */
    uint32_t send_first; /* player whose snapshot is served first when buffers are short */
};

#endif
