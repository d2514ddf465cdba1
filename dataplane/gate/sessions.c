/* SPDX-License-Identifier: BSD-3-Clause */
#include "dataplane/gate/sessions.h"

#include "tickwire/assert.h"

#include <assert.h>
#include <sodium.h>
#include <string.h>

size_t tw_sessions_footprint(uint32_t capacity)
{
    if (capacity == 0 || capacity > TW_SESSIONS_PER_WORKER)
        return 0;
    return capacity *
           (sizeof(struct tw_session) + sizeof(struct tw_session_body) + sizeof(uint32_t));
}

/* A keyed hash of a counter: nobody outside can tell the next value. */
static uint64_t next_random(struct tw_sessions *sessions)
{
    uint64_t value;
    static_assert(sizeof(sessions->random_key) == crypto_shorthash_KEYBYTES, "SipHash key");
    crypto_shorthash((unsigned char *)&value, (const unsigned char *)&sessions->random_next,
                     sizeof(sessions->random_next), sessions->random_key);
    sessions->random_next++;
    return value;
}

static void put_free(struct tw_sessions *sessions, uint32_t slot)
{
    uint32_t place = (uint32_t)(next_random(sessions) % (sessions->free_count + 1u));
    sessions->free_slots[sessions->free_count] = sessions->free_slots[place];
    sessions->free_slots[place] = slot;
    sessions->free_count++;
}

void tw_sessions_init(struct tw_sessions *sessions, void *memory, uint32_t capacity,
                      uint32_t worker, uint64_t seed)
{
    TW_ASSERT(tw_sessions_footprint(capacity) != 0 && worker < TW_WORKERS_MAX);
    memset(sessions, 0, sizeof(*sessions));
    sessions->bodies = memory;
    sessions->hot = (struct tw_session *)(void *)(sessions->bodies + capacity);
    sessions->free_slots = (uint32_t *)(void *)(sessions->hot + capacity);
    sessions->capacity = capacity;
    sessions->worker = worker;
    memcpy(sessions->random_key, &seed, sizeof(seed));
    memcpy(sessions->random_key + sizeof(seed), &worker, sizeof(worker));
    for (uint32_t slot = 0; slot < capacity; slot++)
        put_free(sessions, slot);
    sessions->counts[TW_SESSION_FREE] = capacity;
}

static uint16_t next_generation(struct tw_sessions *sessions, uint16_t previous)
{
    uint16_t generation;
    do {
        generation = (uint16_t)(next_random(sessions) & ((1u << TW_GENERATION_BITS) - 1u));
    } while (generation == 0 || generation == previous);
    return generation;
}

static void begin(struct tw_sessions *sessions, uint32_t slot, uint16_t generation)
{
    struct tw_session *session = &sessions->hot[slot];
    uint32_t route_epoch = session->route_epoch + 1u;
    *session = (struct tw_session){
        .generation = generation,
        .route_epoch = route_epoch == 0 ? 1 : route_epoch,
    };
    struct tw_session_body *body = &sessions->bodies[slot];
    memset(body, 0, sizeof(*body));
    body->first_id = tw_sessions_id(sessions, slot);
    body->sent_id = body->first_id;
    tw_sessions_set_state(sessions, slot, TW_SESSION_PENDING);
}

uint32_t tw_sessions_take(struct tw_sessions *sessions)
{
    if (sessions->free_count == 0)
        return TW_SESSION_NONE;
    uint32_t slot = sessions->free_slots[--sessions->free_count];
    begin(sessions, slot, next_generation(sessions, sessions->hot[slot].generation));
    return slot;
}

bool tw_sessions_take_id(struct tw_sessions *sessions, uint32_t connection_id)
{
    uint32_t slot = tw_connection_slot(connection_id);
    TW_ASSERT(tw_connection_worker(connection_id) == sessions->worker);
    if (slot >= sessions->capacity || sessions->hot[slot].state != TW_SESSION_FREE)
        return false;
    uint32_t place = 0;
    while (sessions->free_slots[place] != slot)
        place++;
    TW_ASSERT(place < sessions->free_count);
    sessions->free_slots[place] = sessions->free_slots[--sessions->free_count];
    begin(sessions, slot, (uint16_t)tw_connection_generation(connection_id));
    return true;
}

void tw_sessions_set_state(struct tw_sessions *sessions, uint32_t slot, enum tw_session_state state)
{
    struct tw_session *session = &sessions->hot[slot];
    sessions->counts[session->state]--;
    sessions->counts[state]++;
    session->state = (uint8_t)state;
}

void tw_sessions_release(struct tw_sessions *sessions, uint32_t slot)
{
    TW_ASSERT(sessions->hot[slot].state != TW_SESSION_FREE);
    sodium_memzero(&sessions->bodies[slot], sizeof(sessions->bodies[slot]));
    tw_sessions_set_state(sessions, slot, TW_SESSION_FREE);
    sessions->hot[slot].due = 0;
    put_free(sessions, slot);
}

uint32_t tw_sessions_id(const struct tw_sessions *sessions, uint32_t slot)
{
    return tw_connection_id(sessions->worker, slot, sessions->hot[slot].generation);
}
