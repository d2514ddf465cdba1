/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The public-key half of the handshake: a hello 2 in, secrets or a refusal out.
 *
 *   token and binder (symmetric) → token history → ban → Diffie-Hellman → secrets → token claimed
 *
 * A welcomed session gets a resume token beside it: sealed here, opened here, bound to account and
 * session by what stands in it, to its holder by a psk that only both ends of the session know, and
 * to one use by the token history and by its session, which ends when it is resumed.
 *
 * The caller has a store transaction open and sends nothing before it is committed, so a token
 * whose welcome went out is never forgotten. Owned by the daemon's thread.
 */
#ifndef TICKWIRE_CONTROL_DAEMON_HANDSHAKE_SERVICE_H
#define TICKWIRE_CONTROL_DAEMON_HANDSHAKE_SERVICE_H

#include "control/keys/keys.h"
#include "control/store/store.h"
#include "tickwire/agent.h"

struct tw_handshake_service {
    struct tw_store *store;
    const struct tw_keys *keys;
    /* Connection id of the account's live session that used this token; 0: there is none. */
    uint32_t (*resumable)(void *context, uint64_t account,
                          const uint8_t token_id[TW_TOKEN_ID_SIZE]);
    void *context;
    uint8_t audience[TW_AUDIENCE_SIZE];
    uint8_t suites;
    uint32_t world;
    bool lab;                            /* engine.lab: nobody is welcome */
    uint64_t verdicts[TW_VERDICT_COUNT]; /* given here */
};

/* Fills *reply whole. False: the store failed; *reply is then empty and must not be sent. */
bool tw_handshake_service_answer(struct tw_handshake_service *service,
                                 const struct tw_agent_handshake_request *request,
                                 uint64_t now_unix_ms, struct tw_agent_handshake_reply *reply)
    __attribute__((warn_unused_result));

/* What tells one attempt of a client from another: version, suites, ephemeral key and token. The
 * cookie is left out: it changes when a client starts over after "try again". */
void tw_handshake_attempt_hash(uint8_t out[TW_HASH_SIZE], const uint8_t hello2[TW_HELLO2_SIZE]);

#endif
