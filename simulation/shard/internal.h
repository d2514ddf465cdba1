/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The shard's parts, shared by the files that make up its work, and by tests that look inside.
 *
 *   intake.c   records between ticks         shard.c    create; the tick and its phases
 *   sending.c  notices and snapshots of a tick
 *
 * Owner: the shard's thread.
 */
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

/* Where a tick writes what leaves. */
struct tw_shard_sending {
    uint64_t tick;
    uint64_t due_ns;
    struct tw_outbox *outboxes; /* [workers] */
};

/* ---- shard.c ------------------------------------------------------------------------------- */

void tw_shard_count_inputs(struct tw_shard *shard, const struct tw_input_tally *tally);
/* Whoever drives the player now has nothing of the world. The first hash is due a second from
 * `tick` at the latest; spread, so that not all fall together. */
void tw_shard_forget_view(struct tw_shard *shard, uint32_t player, uint64_t tick);

/* ---- sending.c ----------------------------------------------------------------------------- */

/* What workers are told of their slots: before anything else of this tick, so that no lack of
 * buffers keeps it back for long. Of what is held nothing else is written. */
void tw_shard_send_notices(struct tw_shard *shard, const struct tw_shard_sending *sending);
/* What finds no buffer stays due, and whoever went without is first in line next time. */
void tw_shard_send_snapshots(struct tw_shard *shard, const struct tw_shard_sending *sending);

#endif
