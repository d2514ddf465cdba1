/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What players say to each other: a message goes, with its sender's handle in front, to every
 * player who is near enough to see the sender, the sender included.
 *
 * Messages are copied when their record is consumed and leave after the snapshots of a tick, with
 * the buffers those left over; what finds none goes on next tick, in order. Where a receiver is
 * held, that message and those after it go as far as to that player, and on when it is not any
 * more. Nothing of this is world state. A queue that is full drops new messages, counted. Owned by
 * the shard's thread.
 */
#ifndef TICKWIRE_SIMULATION_SHARD_RELAY_H
#define TICKWIRE_SIMULATION_SHARD_RELAY_H

#include "simulation/core/arena.h"
#include "simulation/shard/sessions.h"
#include "simulation/shard/world.h"

/* A tick's worth for a thousand talkers; large messages fill the bytes first. */
#define TW_RELAY_MESSAGES 256u
#define TW_RELAY_BYTES    (16u * TW_MESSAGE_MAX)
/* Each looks at all players: so many in a tick of 16 ms cost less than 1 ms with 10,000. */
#define TW_RELAY_PER_TICK 32u
/* u32 handle in front of what the sender wrote. */
#define TW_RELAY_HEAD TW_HANDLE_SIZE

struct tw_relay_entry {
    uint32_t route; /* of the sender */
    uint32_t epoch;
    uint32_t at; /* of its bytes */
    uint32_t size;
    uint32_t channel;
    uint32_t next_player; /* to be looked at */
    uint32_t offset;      /* of the part to be written for next_player; then also: */
    uint32_t to_slot, to_epoch, to_worker; /* who has the parts before it */
    bool early;     /* its sender's session had not arrived yet when it came */
    bool following; /* from the slot that its sender's session left: before the early ones */
    bool done;      /* sent out of its turn */
    bool waits;     /* for a receiver that is held; in this tick */
};

struct tw_relay {
    struct tw_relay_entry *entries; /* ring */
    uint32_t first, count;
    uint8_t *bytes; /* ring of contiguous messages */
    uint32_t bytes_next;
};

void tw_relay_carve(struct tw_relay *relay, struct tw_arena *arena);

/* Copies the message of a record. False: no room, or too long with its sender's handle. `early`: of
 * a session that is still to arrive; all wait for that. */
bool tw_relay_keep(struct tw_relay *relay, uint32_t route, bool early,
                   const struct tw_record *record);

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
/* Writes as much as there are buffers for; returns how many messages were written. */
uint32_t tw_relay_send(struct tw_relay *relay, const struct tw_relay_tick *tick);

#endif
