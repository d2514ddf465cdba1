/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A worker's session table: direct index by slot, shuffled free list, random generations.
 *
 * Connection ids cannot be enumerated and there is no hash to attack. Taking and releasing are
 * O(1). Lives in caller memory; one thread. Running out is TW_SESSION_NONE.
 */
#ifndef TICKWIRE_DATAPLANE_GATE_SESSIONS_H
#define TICKWIRE_DATAPLANE_GATE_SESSIONS_H

#include "dataplane/gate/session.h"
#include "tickwire/ids.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define TW_SESSION_NONE UINT32_MAX

struct tw_sessions {
    struct tw_session *hot;
    struct tw_session_body *bodies;
    uint32_t *free_slots;
    uint32_t free_count;
    uint32_t capacity;
    uint32_t worker;
    uint32_t counts[TW_SESSION_STATES]; /* by state */
    uint8_t random_key[16];
    uint64_t random_next;
};

/* Bytes of zeroed, 64-aligned memory for `capacity` sessions; 0 if it is 0 or above 65,536. */
size_t tw_sessions_footprint(uint32_t capacity);

void tw_sessions_init(struct tw_sessions *sessions, void *memory, uint32_t capacity,
                      uint32_t worker, uint64_t seed);

/* A slot in state PENDING with a new generation and route epoch, its body zeroed, or
 * TW_SESSION_NONE. */
uint32_t tw_sessions_take(struct tw_sessions *sessions);

/* The same with exactly this id, whose worker part is ours: for the sessions of a lab, which were
 * numbered when their capture was made. False: the slot is taken or beyond the table. Looks through
 * the free list: some 10 µs with 65,536 slots. */
bool tw_sessions_take_id(struct tw_sessions *sessions, uint32_t connection_id);

void tw_sessions_set_state(struct tw_sessions *sessions, uint32_t slot,
                           enum tw_session_state state);

/* Wipes the body; the slot becomes free. */
void tw_sessions_release(struct tw_sessions *sessions, uint32_t slot);

/* Connection id of the current install. */
uint32_t tw_sessions_id(const struct tw_sessions *sessions, uint32_t slot);

enum tw_sessions_found {
    TW_SESSIONS_FOUND,   /* any state but free */
    TW_SESSIONS_STALE,   /* the slot's earlier install, or another one than the current */
    TW_SESSIONS_UNKNOWN, /* never existed */
};

/* The id's worker part must be this worker's. */
static inline enum tw_sessions_found tw_sessions_find(const struct tw_sessions *sessions,
                                                      uint32_t connection_id, uint32_t *slot)
{
    *slot = tw_connection_slot(connection_id);
    if (*slot >= sessions->capacity)
        return TW_SESSIONS_UNKNOWN;
    const struct tw_session *session = &sessions->hot[*slot];
    bool same = session->generation == tw_connection_generation(connection_id);
    if (session->state == TW_SESSION_FREE)
        return same ? TW_SESSIONS_STALE : TW_SESSIONS_UNKNOWN;
    return same ? TW_SESSIONS_FOUND : TW_SESSIONS_STALE;
}

#endif
