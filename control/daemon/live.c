/* SPDX-License-Identifier: BSD-3-Clause */
#include "control/daemon/live.h"

#include <stdlib.h>
#include <string.h>

#define ACCOUNT_HEADS 65536u

bool tw_live_init(struct tw_live *live, uint32_t workers)
{
    memset(live, 0, sizeof(*live));
    live->capacity = workers << TW_SLOT_BITS;
    live->slots = calloc(live->capacity, sizeof(live->slots[0]));
    live->account_heads = calloc(ACCOUNT_HEADS, sizeof(live->account_heads[0]));
    return live->slots && live->account_heads;
}

void tw_live_fini(struct tw_live *live)
{
    free(live->slots);
    free(live->account_heads);
    memset(live, 0, sizeof(*live));
}

static uint32_t index_of(uint32_t connection_id)
{
    return tw_connection_worker(connection_id) << TW_SLOT_BITS | tw_connection_slot(connection_id);
}

/* Account ids are consecutive: their low bits spread evenly. */
static uint32_t *head_of(struct tw_live *live, uint64_t account)
{
    return &live->account_heads[account % ACCOUNT_HEADS];
}

struct tw_live_session *tw_live_find(struct tw_live *live, uint32_t connection_id)
{
    uint32_t index = index_of(connection_id);
    if (connection_id == 0 || index >= live->capacity)
        return NULL;
    struct tw_live_session *slot = &live->slots[index];
    return slot->connection_id == connection_id ? slot : NULL;
}

struct tw_live_session *tw_live_find_account(struct tw_live *live, uint64_t account,
                                             uint32_t except)
{
    struct tw_live_session *newest = NULL;
    for (uint32_t at = *head_of(live, account); at; at = live->slots[at - 1].account_next) {
        struct tw_live_session *slot = &live->slots[at - 1];
        if (slot->account == account && slot->connection_id != except && !slot->condemned &&
            (!newest || tw_live_is_newer(slot, newest)))
            newest = slot;
    }
    return newest;
}

struct tw_live_session *tw_live_find_token(struct tw_live *live, uint64_t account,
                                           const uint8_t token_id[TW_TOKEN_ID_SIZE],
                                           uint32_t first_id)
{
    for (uint32_t at = *head_of(live, account); at; at = live->slots[at - 1].account_next) {
        struct tw_live_session *slot = &live->slots[at - 1];
        if (slot->account == account && slot->first_id == first_id &&
            memcmp(slot->token_id, token_id, TW_TOKEN_ID_SIZE) == 0)
            return slot;
    }
    return NULL;
}

struct tw_live_session *tw_live_find_resumable(struct tw_live *live, uint64_t account,
                                               const uint8_t token_id[TW_TOKEN_ID_SIZE])
{
    for (uint32_t at = *head_of(live, account); at; at = live->slots[at - 1].account_next) {
        struct tw_live_session *slot = &live->slots[at - 1];
        if (slot->account == account && !slot->condemned &&
            memcmp(slot->token_id, token_id, TW_TOKEN_ID_SIZE) == 0)
            return slot;
    }
    return NULL;
}

bool tw_live_is_newer(const struct tw_live_session *session, const struct tw_live_session *than)
{
    if (session->installed_ns != than->installed_ns)
        return session->installed_ns > than->installed_ns;
    return session->connection_id > than->connection_id;
}

static void unlink_slot(struct tw_live *live, struct tw_live_session *slot)
{
    uint32_t wanted = (uint32_t)(slot - live->slots) + 1;
    uint32_t *link = head_of(live, slot->account);
    while (*link != wanted)
        link = &live->slots[*link - 1].account_next;
    *link = slot->account_next;
    memset(slot, 0, sizeof(*slot));
    live->count--;
}

struct tw_live_session *tw_live_put(struct tw_live *live, const struct tw_agent_session *session,
                                    uint64_t now_unix_s)
{
    uint32_t index = index_of(session->connection_id);
    if (index >= live->capacity)
        return NULL;
    struct tw_live_session *slot = &live->slots[index];
    uint64_t started_unix_s = now_unix_s - session->age_s;
    /* An event that waited for the link tells the age of its making. */
    if (slot->connection_id == session->connection_id && slot->started_unix_s < started_unix_s &&
        memcmp(slot->token_id, session->token_id, TW_TOKEN_ID_SIZE) == 0)
        started_unix_s = slot->started_unix_s;
    if (slot->connection_id)
        unlink_slot(live, slot);
    slot->connection_id = session->connection_id;
    slot->world = session->world;
    slot->account = session->account;
    slot->started_unix_s = started_unix_s;
    slot->installed_ns = session->installed_ns;
    slot->first_id = session->first_id;
    slot->moves = session->moves;
    memcpy(slot->token_id, session->token_id, TW_TOKEN_ID_SIZE);
    slot->address = session->address;
    slot->life = (uint8_t)session->life;
    slot->conduct_stage = (uint8_t)session->conduct_stage;
    slot->seen = true;
    uint32_t *head = head_of(live, slot->account);
    slot->account_next = *head;
    *head = index + 1;
    live->count++;
    return slot;
}

void tw_live_remove(struct tw_live *live, uint32_t connection_id)
{
    struct tw_live_session *slot = tw_live_find(live, connection_id);
    if (slot)
        unlink_slot(live, slot);
}

struct tw_live_session *tw_live_next(struct tw_live *live, const struct tw_live_session *previous)
{
    uint32_t index = previous ? (uint32_t)(previous - live->slots) + 1 : 0;
    for (; index < live->capacity && live->count > 0; index++) {
        if (live->slots[index].connection_id)
            return &live->slots[index];
    }
    return NULL;
}

void tw_live_resync_begin(struct tw_live *live)
{
    struct tw_live_session *slot = NULL;
    while ((slot = tw_live_next(live, slot)) != NULL)
        slot->seen = false;
}

uint32_t tw_live_resync_end(struct tw_live *live)
{
    uint32_t removed = 0;
    for (uint32_t index = 0; index < live->capacity && live->count > 0; index++) {
        struct tw_live_session *slot = &live->slots[index];
        if (slot->connection_id && !slot->seen) {
            unlink_slot(live, slot);
            removed++;
        }
    }
    return removed;
}
