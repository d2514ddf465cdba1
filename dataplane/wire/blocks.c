/* SPDX-License-Identifier: BSD-3-Clause */
#include "dataplane/wire/blocks.h"

#include "tickwire/align.h"
#include "tickwire/assert.h"

size_t tw_block_pool_footprint(uint32_t capacity)
{
    if (capacity == 0 || capacity > TW_BLOCKS_MAX)
        return 0;
    size_t count = (size_t)capacity + 1u;
    return tw_align_line(count * sizeof(struct tw_block)) +
           tw_align_line(count * sizeof(struct tw_message)) +
           tw_align_line(count * sizeof(uint16_t));
}

void tw_block_pool_init(struct tw_block_pool *pool, void *memory, uint32_t capacity)
{
    TW_ASSERT(tw_block_pool_footprint(capacity) != 0 && (uintptr_t)memory % TW_CACHE_LINE == 0);
    size_t count = (size_t)capacity + 1u;
    uint8_t *at = memory;
    pool->blocks = (void *)at;
    at += tw_align_line(count * sizeof(struct tw_block));
    pool->messages = (void *)at;
    at += tw_align_line(count * sizeof(struct tw_message));
    pool->free = (void *)at;
    pool->capacity = capacity;
    pool->free_count = capacity;
    pool->free_min = capacity;
    pool->incoming = 0;
    pool->incoming_max = capacity;
    pool->shared = false;
    pool->claimed = 0;
    pool->loose = 0;
    pool->line_first = pool->line_last = NULL;
    pool->share = 0;
    pool->promised = 0;
    pool->ample = UINT32_MAX;
    for (uint32_t i = 0; i < capacity; i++)
        pool->free[i] = (uint16_t)(capacity - i);
}

void tw_block_pool_promise(struct tw_block_pool *pool, uint32_t sessions)
{
    pool->share = pool->capacity / 2u / sessions;
    pool->promised = pool->share * sessions;
    pool->incoming_max = pool->capacity / 4u;
    pool->shared = true;
    pool->ample = pool->capacity / 8u;
}

uint16_t tw_block_take(struct tw_block_pool *pool)
{
    if (pool->free_count == 0)
        return 0;
    pool->free_count--;
    if (pool->free_count < pool->free_min)
        pool->free_min = pool->free_count;
    return pool->free[pool->free_count];
}

void tw_block_give(struct tw_block_pool *pool, uint16_t index)
{
    TW_ASSERT(index != 0 && pool->free_count < pool->capacity);
    pool->free[pool->free_count++] = index;
}

static uint16_t take_incoming(struct tw_block_pool *pool)
{
    uint16_t index = tw_block_take(pool);
    pool->incoming += index != 0;
    return index;
}

static void give_incoming(struct tw_block_pool *pool, uint16_t index)
{
    tw_block_give(pool, index);
    pool->incoming--;
}

struct tw_message *tw_message_make(struct tw_block_pool *pool)
{
    uint16_t index = take_incoming(pool);
    if (index == 0)
        return NULL;
    struct tw_message *message = &pool->messages[index];
    memset(message, 0, sizeof(*message));
    message->index = index;
    return message;
}

struct tw_block *tw_message_block(struct tw_block_pool *pool, struct tw_message *message,
                                  uint32_t position)
{
    TW_ASSERT(position < TW_MESSAGE_BLOCKS_MAX);
    if (message->blocks[position] == 0) {
        /* The first bytes, wherever they belong, go into the block that came with the notes. */
        uint16_t index = message->held == 0 ? message->index : take_incoming(pool);
        if (index == 0)
            return NULL;
        message->blocks[position] = index;
        message->held++;
    }
    return &pool->blocks[message->blocks[position]];
}

void tw_message_free(struct tw_block_pool *pool, struct tw_message *message)
{
    if (message->held == 0)
        give_incoming(pool, message->index);
    for (uint32_t i = 0; message->held > 0; i++) {
        TW_ASSERT(i < TW_MESSAGE_BLOCKS_MAX);
        if (message->blocks[i] == 0)
            continue;
        give_incoming(pool, message->blocks[i]);
        message->blocks[i] = 0;
        message->held--;
    }
}

struct tw_message *tw_message_clone(struct tw_block_pool *pool, const struct tw_block_pool *from,
                                    const struct tw_message *message)
{
    struct tw_message *clone = tw_message_make(pool);
    TW_ASSERT(clone);
    for (uint32_t i = 0; i < TW_MESSAGE_BLOCKS_MAX; i++) {
        if (message->blocks[i] == 0)
            continue;
        struct tw_block *block = tw_message_block(pool, clone, i);
        TW_ASSERT(block);
        *block = from->blocks[message->blocks[i]];
    }
    struct tw_message made = *message;
    made.index = clone->index;
    made.next = 0;
    memcpy(made.blocks, clone->blocks, sizeof(made.blocks));
    *clone = made;
    return clone;
}

void tw_message_list_append(struct tw_message_list *list, const struct tw_block_pool *pool,
                            struct tw_message *message)
{
    message->next = 0;
    if (list->count == 0)
        list->first = message->index;
    else
        tw_message_at(pool, list->last)->next = message->index;
    list->last = message->index;
    list->count++;
}

struct tw_message *tw_message_list_take(struct tw_message_list *list,
                                        const struct tw_block_pool *pool)
{
    if (list->count == 0)
        return NULL;
    struct tw_message *message = tw_message_at(pool, list->first);
    list->first = message->next;
    list->count--;
    return message;
}
