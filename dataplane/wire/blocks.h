/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A pool of blocks that messages are kept in: those that come in as include/tickwire/message.h has
 * it, those that go out as parcels.h does.
 *
 * What is whose, of one pool:
 *
 *   a quarter │ never used for what goes out: two full ends do not wait for each other; where
 *             │ sessions share the pool, holder.h says who has how much of it
 *   shares    │ `share` blocks for each session's parcels, whether it has any or not
 *   the rest  │ for whoever has more than its share; while half of it is there, for a while also
 *             │ for whoever has more than it may
 *
 * Memory is the caller's, taken once. A block is taken for bytes that exist, not for a size that
 * somebody claimed. Owned by one thread; others may hold messages and give them back through it.
 */
#ifndef TICKWIRE_DATAPLANE_WIRE_BLOCKS_H
#define TICKWIRE_DATAPLANE_WIRE_BLOCKS_H

#include "tickwire/message.h"

#include <stddef.h>

/* Indexes are 16 bits and 0 is none. */
#define TW_BLOCKS_MAX 65535u

struct tw_holder;

struct tw_block_pool {
    struct tw_block *blocks;     /* [capacity + 1] */
    struct tw_message *messages; /* notes of the message whose first block is this one */
    uint16_t *free;              /* stack */
    uint32_t free_count;
    uint32_t capacity;
    uint32_t free_min;     /* ever */
    uint32_t incoming;     /* blocks of messages that come in */
    uint32_t incoming_max; /* as many as there are, unless shares were promised */
    bool shared;           /* they were: what comes in is of many sessions; see holder.h */
    uint32_t claimed;      /* of what comes in: promised to messages that have begun, not taken */
    uint32_t loose;        /* taken without a promise */
    struct tw_holder *line_first, *line_last; /* who waits for room */
    uint32_t share;    /* of each session, going out; 0: none is promised anything */
    uint32_t promised; /* of all shares, what is not taken */
    uint32_t ample; /* with more than that left for all, a session may hold more than its bound */
};

/* Bytes for `capacity` blocks, 1..TW_BLOCKS_MAX; 0 if that is out of range. Aligned to 64. */
size_t tw_block_pool_footprint(uint32_t capacity);
void tw_block_pool_init(struct tw_block_pool *pool, void *memory, uint32_t capacity);
/* Half of the pool is shared out among so many sessions, right after init; what comes in then has
 * its quarter and no more. With fewer than two blocks a session the share is 0. */
void tw_block_pool_promise(struct tw_block_pool *pool, uint32_t sessions);

/* One block; 0 if none is free. */
uint16_t tw_block_take(struct tw_block_pool *pool);
void tw_block_give(struct tw_block_pool *pool, uint16_t index);

/* Blocks that are left for what comes in, and promised to none of it. */
static inline uint32_t tw_block_pool_incoming(const struct tw_block_pool *pool)
{
    uint32_t free_count = pool->free_count - pool->promised;
    uint32_t left = pool->incoming_max - pool->incoming;
    if (left > free_count)
        left = free_count;
    return left > pool->claimed ? left - pool->claimed : 0;
}

/* For parcels, beyond what is promised. */
static inline uint32_t tw_block_pool_common(const struct tw_block_pool *pool)
{
    uint32_t outgoing = pool->capacity - pool->free_count - pool->incoming;
    uint32_t left = pool->capacity - pool->capacity / 4u;
    left = left > outgoing ? left - outgoing : 0;
    if (left > pool->free_count)
        left = pool->free_count;
    return left > pool->promised ? left - pool->promised : 0;
}

/* A message with one block and no bytes; NULL if no block is free. */
struct tw_message *tw_message_make(struct tw_block_pool *pool);
/* Block at `position`, taken if it is not there yet; NULL if none is free. */
struct tw_block *tw_message_block(struct tw_block_pool *pool, struct tw_message *message,
                                  uint32_t position);
void tw_message_free(struct tw_block_pool *pool, struct tw_message *message);
/* Blocks that it keeps from others. */
static inline uint32_t tw_message_taken(const struct tw_message *message)
{
    return message->held > 0 ? message->held : 1u;
}
/* The same in another pool, which has as many blocks; in no list. The pool `from` and the message
 * stay as they are. */
struct tw_message *tw_message_clone(struct tw_block_pool *pool, const struct tw_block_pool *from,
                                    const struct tw_message *message);

static inline struct tw_message *tw_message_at(const struct tw_block_pool *pool, uint16_t index)
{
    return &pool->messages[index];
}

/* A list of messages by their `next`. */
struct tw_message_list {
    uint16_t first;
    uint16_t last;
    uint32_t count;
};

void tw_message_list_append(struct tw_message_list *list, const struct tw_block_pool *pool,
                            struct tw_message *message);
/* The first one, taken off; NULL if the list is empty. */
struct tw_message *tw_message_list_take(struct tw_message_list *list,
                                        const struct tw_block_pool *pool);

/* Runs of bits in the granule maps. */
static inline bool tw_granule_test(const uint64_t *map, uint32_t at)
{
    return (map[at / 64u] >> (at % 64u) & 1u) != 0;
}

static inline void tw_granule_set(uint64_t *map, uint32_t at)
{
    map[at / 64u] |= UINT64_C(1) << (at % 64u);
}

static inline void tw_granule_clear(uint64_t *map, uint32_t at)
{
    map[at / 64u] &= ~(UINT64_C(1) << (at % 64u));
}

#endif
