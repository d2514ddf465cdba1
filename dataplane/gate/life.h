/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Sessions from which nothing is heard: what they become, step by step, until they are closed.
 *
 *   heard ─► silent ──► paused ──────► parked ──────► over: closed (timeout)
 *             │          shard: away    shard: parked
 *             └─ any packet that authenticates, at any time before: heard again, same keys
 *
 * Of one that is silent so much may wait that it is lost (backlog.h, relief.h). Others are closed
 * for that; it lapses, because its entity would vanish with it, and whoever falls silent in a fight
 * must not win by it. A lapsed session holds nothing and is told nothing, and goes through the same
 * steps to the same end. Its client cannot go on with it, and hears so, by a close, when it sends
 * again; nothing else of what it sends counts, so the steps go on. A login of its account takes the
 * entity over.
 *
 * The walk over all sessions (commands.c) notices silences; the first packet after one ends it. A
 * session that is heard costs nothing here: one bit of its first line says whether there is
 * anything to end. Owned by the worker's lcore. See docs/decisions/0017-connection-life.md.
 */
#ifndef TICKWIRE_DATAPLANE_GATE_LIFE_H
#define TICKWIRE_DATAPLANE_GATE_LIFE_H

#include "dataplane/wire/life.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct tw_client_frames;
struct tw_packet;
struct tw_worker;

struct tw_life_session {
    uint8_t tier;     /* enum tw_life_tier, as acted on */
    uint8_t state;    /* enum tw_life_state, as counted */
    uint8_t presence; /* enum tw_presence that the shard was told */
    bool path_suffers;
    bool begun;
};

struct tw_lives {
    struct tw_life_times times;
    struct tw_life_session *sessions;
    uint32_t counts[TW_LIFE_STATES]; /* live sessions by state */
};

/* Bytes of zeroed, 64-aligned memory. */
size_t tw_life_footprint(uint32_t sessions);
void tw_life_init(struct tw_lives *lives, void *memory, const struct tw_life_times *times);

/* The session is live here from now on, or not any more; twice is allowed. */
void tw_life_begin(struct tw_worker *worker, uint32_t slot);
void tw_life_end(struct tw_worker *worker, uint32_t slot);

/* It begins where another one is, whatever that one's silence had come to. */
void tw_life_inherit(struct tw_worker *worker, uint32_t slot, const struct tw_life_session *other);

/* A live session that was not heard for so long, at least times.degraded_ms. */
void tw_life_silent(struct tw_worker *worker, uint32_t slot, uint64_t silent_ms);
/* A packet of a session with TW_ROAM_SILENT authenticated, and was not applied yet. */
void tw_life_heard(struct tw_worker *worker, uint32_t slot);
/* The path is another than normal, or normal again: enum tw_link_state. */
void tw_life_path(struct tw_worker *worker, uint32_t slot, uint8_t link_state);

/* The control plane hears how a live session does, and how its conduct is taken, when there is
 * room. */
void tw_life_tell(struct tw_worker *worker, uint32_t slot);

/* What a live session had under way is lost, so it cannot go on: it is closed for this reason, or,
 * if it is silent, lapses. What it holds is others' at once. */
void tw_life_give_up(struct tw_worker *worker, uint32_t slot, uint16_t reason);
/* A packet of one that has lapsed authenticated. Decides it. */
void tw_life_answer_lapsed(struct tw_worker *worker, struct tw_packet *packet,
                           const struct tw_client_frames *frames);
bool tw_life_has_lapsed(const struct tw_worker *worker, uint32_t slot);

/* Nothing is sent to it. Asked for sessions with TW_ROAM_SILENT alone. */
bool tw_life_is_paused(const struct tw_worker *worker, uint32_t slot);

#endif
