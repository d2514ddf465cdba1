/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Sessions the engine has now, as its messages tell: found by connection id (direct index of
 * worker and slot) or by account (chains of slots). Pure memory; owned by the daemon's thread.
 */
#ifndef TICKWIRE_CONTROL_DAEMON_LIVE_H
#define TICKWIRE_CONTROL_DAEMON_LIVE_H

#include "tickwire/agent.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct tw_live_session {
    uint32_t connection_id; /* 0 = free */
    uint32_t world;
    uint64_t account;
    uint64_t started_unix_s;
    uint8_t token_id[TW_TOKEN_ID_SIZE];
    struct tw_address address;
    uint64_t installed_ns; /* the engine's clock: the larger, the newer */
    uint32_t first_id;     /* connection id that used the token */
    uint32_t moves;        /* of the message that told it: a smaller one is old news */
    uint8_t life;          /* enum tw_life_state, as told last */
    uint8_t conduct_stage; /* enum tw_conduct_stage, the same */
    bool seen;             /* reported since the newest resync began */
    bool condemned;        /* a kick is on its way */
    uint32_t account_next; /* index + 1 of the next slot in this account's chain */
};

struct tw_live {
    struct tw_live_session *slots; /* workers << TW_SLOT_BITS; pages are touched when used */
    uint32_t *account_heads;       /* index + 1 */
    uint32_t capacity;
    uint32_t count;
};

bool tw_live_init(struct tw_live *live, uint32_t workers) __attribute__((warn_unused_result));
void tw_live_fini(struct tw_live *live);

/* NULL: no live session has this id. */
struct tw_live_session *tw_live_find(struct tw_live *live, uint32_t connection_id);
/* Newest session of an account that is not condemned, other than `except`, or NULL. */
struct tw_live_session *tw_live_find_account(struct tw_live *live, uint64_t account,
                                             uint32_t except);
/* The session that used this token as `first_id`, whatever its connection id is now, or NULL. */
struct tw_live_session *tw_live_find_token(struct tw_live *live, uint64_t account,
                                           const uint8_t token_id[TW_TOKEN_ID_SIZE],
                                           uint32_t first_id);
/* The account's session that used this token and is not condemned, or NULL. */
struct tw_live_session *tw_live_find_resumable(struct tw_live *live, uint64_t account,
                                               const uint8_t token_id[TW_TOKEN_ID_SIZE]);
/* Which of two sessions was begun later: all that are told apart have different ids. */
bool tw_live_is_newer(const struct tw_live_session *session, const struct tw_live_session *than);

/* Takes the place of whatever the slot held; said again of the same session, it keeps the time it
 * started. NULL: the id names no worker of this engine. */
struct tw_live_session *tw_live_put(struct tw_live *live, const struct tw_agent_session *session,
                                    uint64_t now_unix_s);
void tw_live_remove(struct tw_live *live, uint32_t connection_id);

/* Sessions in the order of worker and slot: NULL starts, NULL ends. */
struct tw_live_session *tw_live_next(struct tw_live *live, const struct tw_live_session *previous);

void tw_live_resync_begin(struct tw_live *live);
/* Removes what was not reported; returns how many. */
uint32_t tw_live_resync_end(struct tw_live *live);

#endif
