/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Which session drives which player: joins, leaves and refusals between ticks.
 *
 * Records arrive in any order between sessions, so joins and leaves only wait here; a tick takes
 * them in an order that does not depend on arrival: leaves by player, joins by (account, worker,
 * slot). Inputs of a session whose join still waits are kept (bounded) and offered right after it.
 * No part of the world's hash. Owner: the shard's thread.
 *
 *   NONE --JOIN--> JOINING --tick--> PLAYING --LEAVE--> NONE
 *   NONE --ARRIVE--> ARRIVING --MOVE of the old slot--> as the old slot was, which is NONE then
 *                      \--its own MOVE is first--> PASSING --MOVE of the old slot--> NONE
 *                      \----refused--> CLOSING --close handed over--> NONE
 *
 * An account has one player. A join of an account that is in takes its player over: the same
 * entity, wherever and however it is; the older session is told that it was replaced. Its leave for
 * that reason may be read before the tick that takes the join: then, too.
 *
 * A session that resumes another one of its worker waits for no word of ours. It may do so before
 * the word of the slot that the other one came from is read, which then goes on with it. Until then
 * the slot between them is told nothing, so its worker does not give it to anybody else.
 *
 * A worker that is about to give a session away asks to hold it first: its player gets nothing
 * until the session moved, or stays after all. That it is held is told behind whatever was written
 * for the slot before, so the worker knows when it has taken all of it.
 */
#ifndef TICKWIRE_SIMULATION_SHARD_SESSIONS_H
#define TICKWIRE_SIMULATION_SHARD_SESSIONS_H

#include "simulation/core/arena.h"
#include "simulation/shard/accounts.h"
#include "simulation/shard/world.h"
#include "tickwire/shard.h"

#include <stdbool.h>
#include <stdint.h>

enum tw_route_state {
    TW_ROUTE_NONE,
    TW_ROUTE_JOINING,
    TW_ROUTE_PLAYING,
    TW_ROUTE_CLOSING,  /* its close waits for a buffer */
    TW_ROUTE_ARRIVING, /* told by its new worker, not yet by the old one */
    TW_ROUTE_PASSING,  /* so, and by its new worker that another slot of its goes on with it */
};

enum tw_route_hold {
    TW_HOLD_NONE,
    TW_HOLD_ASKED, /* the worker is to be told that it is held, or has nothing more to come */
    TW_HOLD_HELD,
};

enum tw_route_leave {
    TW_LEAVE_NONE,
    TW_LEAVE_OVER,
    TW_LEAVE_REPLACED, /* by a session of the same account */
};

struct tw_route {
    uint64_t account;
    union {
        uint64_t installed_ns; /* as its join told */
        struct {
            uint32_t index; /* of the route that goes on with it */
            uint32_t epoch;
        } onward; /* PASSING */
    };
    uint32_t epoch;
    uint32_t player;     /* PLAYING */
    uint8_t state;       /* enum tw_route_state */
    uint8_t hold;        /* enum tw_route_hold */
    uint8_t early_count; /* inputs kept since the last tick */
    uint8_t reason;      /* CLOSING: enum tw_close_reason */
    bool used;           /* epoch is one that was seen */
    bool join_listed, notice_listed;
    uint8_t left; /* ARRIVING: the leave came before the move: enum tw_route_leave */
};

struct tw_early_input {
    uint32_t route;
    uint32_t epoch;
    uint32_t tick;
    struct tw_input input;
};

struct tw_shard_sessions {
    uint32_t workers, slots_per_worker, players_max;
    struct tw_route *routes; /* worker * slots_per_worker + slot */
    uint32_t *joins;         /* routes, each at most once */
    uint32_t join_count;
    uint32_t *notices; /* routes whose worker is to be told something, each at most once */
    uint32_t notice_count;
    uint32_t hold_count;         /* routes with a hold */
    struct tw_accounts accounts; /* of all players */
    uint8_t *leaving;            /* by player */
    uint32_t leave_count;
    uint8_t *presence; /* by player: enum tw_presence that it shall have, + 1; 0: as it is */
    uint32_t presence_count;
    struct tw_early_input *early;
    uint32_t early_count;
};

void tw_shard_sessions_carve(struct tw_shard_sessions *sessions, struct tw_arena *arena,
                             const struct tw_shard_config *config);

/* NULL if the record names no slot of this shard. */
struct tw_route *tw_shard_sessions_find(const struct tw_shard_sessions *sessions,
                                        const struct tw_record *record);

/* False: the record is stale. */
bool tw_shard_sessions_join(struct tw_shard_sessions *sessions, struct tw_route *route,
                            const struct tw_record *record);
/* A session came from another slot: its inputs wait for the word of the old one. */
bool tw_shard_sessions_arrive(struct tw_shard_sessions *sessions, struct tw_route *route,
                              const struct tw_record *record);
/* Everything of `route` is its new slot's from now on; *player is whose, or TW_PLAYER_NONE. Where
 * the session went on from that slot before, the record names the last one then. */
bool tw_shard_sessions_move(struct tw_shard_sessions *sessions, struct tw_route *route,
                            struct tw_record *record, uint32_t *player);
bool tw_shard_sessions_leave(struct tw_shard_sessions *sessions, struct tw_route *route,
                             const struct tw_record *record);

/* Nothing, or something again, may be written for the slot. */
bool tw_shard_sessions_hold(struct tw_shard_sessions *sessions, struct tw_route *route,
                            const struct tw_record *record);
void tw_shard_sessions_set_hold(struct tw_shard_sessions *sessions, struct tw_route *route,
                                enum tw_route_hold hold);
static inline bool tw_shard_sessions_is_held(const struct tw_shard_sessions *sessions,
                                             const struct tw_player *player)
{
    return sessions->hold_count > 0 &&
           sessions->routes[player->worker * sessions->slots_per_worker + player->slot].hold !=
               TW_HOLD_NONE;
}

/* What the player's presence is to become at the next tick. */
bool tw_shard_sessions_presence(struct tw_shard_sessions *sessions, const struct tw_route *route,
                                const struct tw_record *record);
/* Nothing is to become of the player's presence any more. */
void tw_shard_sessions_presence_done(struct tw_shard_sessions *sessions, uint32_t player);

/* Keeps an input of a JOINING session; false when it has sent too many. */
bool tw_shard_sessions_keep_input(struct tw_shard_sessions *sessions, struct tw_route *route,
                                  const struct tw_record *record);

/* Orders sessions->joins for a tick and drops those cancelled meanwhile. */
void tw_shard_sessions_sort_joins(struct tw_shard_sessions *sessions);
void tw_shard_sessions_close(struct tw_shard_sessions *sessions, uint32_t route_index,
                             enum tw_close_reason reason);

/* The player is this route's now. */
static inline void tw_shard_sessions_play(struct tw_route *route, uint32_t player)
{
    route->state = TW_ROUTE_PLAYING;
    route->player = player;
}
/* Players that were replaced by sessions whose joins wait do not leave. */
void tw_shard_sessions_spare(struct tw_shard_sessions *sessions);
/* Whoever drives it is heard, whatever was to become of its presence. */
void tw_shard_sessions_present(struct tw_shard_sessions *sessions, uint32_t player);

#endif
