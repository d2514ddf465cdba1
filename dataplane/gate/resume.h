/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A client whose process was lost goes on with its session in a new process: resume tokens, and the
 * session that takes over from another.
 *
 *   control plane ──resume token, beside the keys──► worker: kept ──client asks──► frame RESUME
 *
 *   hello 2 with that token ─► control plane: whose session, where is it? ─► reply, resumes_id
 *     at the session's own worker:  pending ──first packet──► takes over ─► live
 *     at another one:               the reply goes there by the ring of moves (move.h)
 *
 * Taking over: the shard is told that the player is the new slot's and that it has nothing; the
 * messages that the old one still had, and its conduct (conduct.h), go along; the old slot is
 * fenced: closed, its packets dropped as those of a closing, then of an earlier session. So there
 * are never two sessions of a player, and until the new one has proven that it holds its keys the
 * old one goes on.
 *
 * Owned by the worker's lcore. See docs/decisions/0017-connection-life.md.
 */
#ifndef TICKWIRE_DATAPLANE_GATE_RESUME_H
#define TICKWIRE_DATAPLANE_GATE_RESUME_H

#include "tickwire/address.h"
#include "tickwire/agent.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct tw_worker;
struct tw_pending_entry;

/* A client that asks in every packet is not answered more often. */
#define TW_RESUME_ANSWER_NS UINT64_C(200000000)

struct tw_resume_grant {
    uint64_t expires_unix_s; /* 0: there is none */
    uint64_t sent_ns;
    uint8_t token[TW_TOKEN_SIZE];
};

/* A reply on its way to the worker of the session that is to be resumed. Holds secrets. */
struct tw_resume_request {
    struct tw_address source;
    uint8_t interface;
    uint8_t ephemeral[TW_KEY_SIZE]; /* the client's */
    struct tw_agent_handshake_reply reply;
};

/* Bytes of zeroed, 64-aligned memory. */
size_t tw_resume_footprint(uint32_t sessions);

/* The session's token; forgotten with the session. */
void tw_resume_keep(struct tw_worker *worker, uint32_t slot,
                    const struct tw_agent_handshake_reply *reply);
void tw_resume_forget(struct tw_worker *worker, uint32_t slot);
/* Its client asks for it. */
void tw_resume_answer(struct tw_worker *worker, uint32_t slot);

/* The session to be resumed is another worker's: that one installs. False: no room in its ring. */
bool tw_resume_forward(struct tw_worker *worker, const struct tw_pending_entry *entry,
                       const struct tw_agent_handshake_reply *reply);

/* The first packet of a pending session that resumes another authenticated. True: it is live. Else
 * nothing changed and the next packet tries again, or there is nothing to resume any more and it is
 * closing. */
bool tw_resume_take_over(struct tw_worker *worker, uint32_t slot);

#endif
