/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Identifiers that cross module borders: connection ids and entity handles.
 *
 * A connection id names (worker, slot, generation) directly, so a packet's session is found by
 * index: there is no hash an attacker could load. Slots come from a shuffled free list and the
 * generation is random per install, so ids cannot be enumerated. Generation 0 is never used:
 * id 0 means "handshake".
 *
 *   31          20 19    16 15             0
 *   [ generation ][ worker ][ slot          ]
 *
 * Pure values, any thread.
 */
#ifndef TICKWIRE_IDS_H
#define TICKWIRE_IDS_H

#include <stdint.h>

#define TW_SLOT_BITS           16u
#define TW_WORKER_BITS         4u
#define TW_GENERATION_BITS     12u
#define TW_SESSIONS_PER_WORKER (1u << TW_SLOT_BITS)
/* 16 poll cores feed far more than the shards of one host can consume. */
#define TW_WORKERS_MAX (1u << TW_WORKER_BITS)
/* As many shards as workers: rings are worker x shard, 256 of them at most. */
#define TW_SHARDS_MAX 16u

static inline uint32_t tw_connection_id(uint32_t worker, uint32_t slot, uint32_t generation)
{
    return generation << (TW_SLOT_BITS + TW_WORKER_BITS) | worker << TW_SLOT_BITS | slot;
}

static inline uint32_t tw_connection_slot(uint32_t connection_id)
{
    return connection_id & (TW_SESSIONS_PER_WORKER - 1u);
}

static inline uint32_t tw_connection_worker(uint32_t connection_id)
{
    return connection_id >> TW_SLOT_BITS & (TW_WORKERS_MAX - 1u);
}

static inline uint32_t tw_connection_generation(uint32_t connection_id)
{
    return connection_id >> (TW_SLOT_BITS + TW_WORKER_BITS);
}

/* Entity handle: u24 index | u8 generation in bits 24..31. Generation 0 is never live, so the
 * zero handle is "none". The same 32 bits travel on the wire. */
typedef struct {
    uint32_t bits;
} tw_entity;

#define TW_ENTITY_INDEX_BITS 24u
#define TW_ENTITY_INDEX_MASK ((1u << TW_ENTITY_INDEX_BITS) - 1u)

static inline tw_entity tw_entity_make(uint32_t index, uint32_t generation)
{
    return (tw_entity){.bits = generation << TW_ENTITY_INDEX_BITS | index};
}

static inline uint32_t tw_entity_index(tw_entity entity)
{
    return entity.bits & TW_ENTITY_INDEX_MASK;
}

static inline uint32_t tw_entity_generation(tw_entity entity)
{
    return entity.bits >> TW_ENTITY_INDEX_BITS;
}

#endif
