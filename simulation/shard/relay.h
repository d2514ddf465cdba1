/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What players say to each other: a message goes, with its sender's handle in front, to every
 * player who is near enough to see the sender, the sender included.
 *
 *   record, the message lent ─► entry in the line of its channel
 *                                 ├─ buffers of each worker with somebody who hears it
 *                                 └─ written to all: returned to the worker that lent it
 *
 * Nothing is copied and nothing dropped for lack of room: what finds no buffer goes on next tick,
 * in order, and its worker lends no more than there are entries for. Of buffers and looks each
 * channel has its part, so what goes on next tick holds up its own line alone. A worker gets a
 * message once for as many of its sessions as one buffer has room to name. Where a receiver is
 * held, that message and those after it in its line go as far as to that player, and on when it is
 * not any more. Nothing of this is world state. Owned by the shard's thread.
 */
#ifndef TICKWIRE_SIMULATION_SHARD_RELAY_H
#define TICKWIRE_SIMULATION_SHARD_RELAY_H

#include "simulation/core/arena.h"
#include "simulation/shard/sessions.h"
#include "simulation/shard/world.h"

/* As many as a worker lends, and one. */
#define TW_RELAY_LENT_MAX 256u
/* Players looked at in a tick: 32 messages among 10,000 cost less than 1 ms of 16. An eighth of
 * that is left to each channel by those before it. */
#define TW_RELAY_LOOKS_PER_TICK 320000u
#define TW_RELAY_LOOKS_LEFT     (TW_RELAY_LOOKS_PER_TICK / 8u)
/* u32 handle in front of what the sender wrote. */
#define TW_RELAY_HEAD TW_HANDLE_SIZE
static_assert(TW_SAID_MAX + TW_RELAY_HEAD == TW_MESSAGE_MAX, "what is said fits with it");
static_assert(TW_SAID_UNRELIABLE_MAX + TW_RELAY_HEAD == TW_UNRELIABLE_MAX, "on channel 0, too");

struct tw_relay_entry {
    struct tw_message *message;
    const struct tw_block *blocks;
    uint32_t route; /* of the sender */
    uint32_t epoch;
    uint32_t next_player; /* to be looked at */
    uint32_t offset;      /* of the part to be written for next_player; then also: */
    uint32_t to_slot, to_epoch, to_worker; /* who has the parts before it */
    uint32_t handle;                       /* of the sender, in front of the message */
    uint16_t lender;                       /* worker */
    uint16_t before, next;                 /* in its line; 0: none is */
};
static_assert(TW_WORKERS_MAX * TW_RELAY_LENT_MAX < UINT16_MAX, "places are 16 bits, from 1");

struct tw_relay_line {
    uint16_t first, last; /* entries, oldest first; 0: none is */
    /* What a worker got parts of last: only that one's may go on, for it puts them together in one
     * place. */
    const struct tw_relay_entry *open[TW_WORKERS_MAX];
};

struct tw_relay {
    struct tw_relay_entry *entries; /* [capacity + 1] */
    uint32_t capacity;
    uint16_t unused; /* by `next` */
    struct tw_relay_line lines[TW_CHANNEL_COUNT];
    struct tw_message **returned; /* [workers][TW_RELAY_LENT_MAX], waiting to be taken */
    uint32_t *returned_counts;    /* [workers] */
};

void tw_relay_carve(struct tw_relay *relay, struct tw_arena *arena, uint32_t workers);
/* Once carved, in zeroed memory. */
void tw_relay_init(struct tw_relay *relay);

/* Keeps the message of a record. Of a session that is still to arrive: all wait for that. */
void tw_relay_keep(struct tw_relay *relay, uint32_t route, const struct tw_record *record);
/* A message that nobody hears goes back. */
void tw_relay_return(struct tw_relay *relay, uint32_t worker, struct tw_message *message);
/* Messages that `worker` lent and gets back; at most `max`. */
uint32_t tw_relay_take_returned(struct tw_relay *relay, uint32_t worker,
                                struct tw_message **messages, uint32_t max);

/* A sender's session is another slot's now: its messages go on under that name, and what came by
 * the old slot before what the new one brought. */
void tw_relay_follow(struct tw_relay *relay, uint32_t from, uint32_t to,
                     const struct tw_record *record);

struct tw_relay_tick {
    const struct tw_world *world;
    const struct tw_shard_sessions *sessions;
    struct tw_outbox *outboxes; /* by worker */
    uint64_t hearing;           /* units */
};
struct tw_relay_sent {
    uint32_t messages; /* written to all who hear them */
    uint32_t gone;     /* their senders are not in the world any more */
};
/* Writes as much as there are buffers for. */
struct tw_relay_sent tw_relay_send(struct tw_relay *relay, const struct tw_relay_tick *tick);

#endif
