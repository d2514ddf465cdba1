/* SPDX-License-Identifier: BSD-3-Clause */
#include "dataplane/wire/channels.h"

#include "tickwire/assert.h"

#define ALIGNMENT 64u

static size_t aligned(size_t size)
{
    return (size + ALIGNMENT - 1u) / ALIGNMENT * ALIGNMENT;
}

size_t tw_channels_pool_footprint(uint32_t capacity)
{
    if (capacity == 0 || capacity > UINT16_MAX)
        return 0;
    return aligned(capacity * sizeof(struct tw_channels)) + aligned(capacity * sizeof(uint16_t));
}

void tw_channels_pool_init(struct tw_channels_pool *pool, const struct tw_channels_config *config,
                           void *memory, uint32_t capacity)
{
    TW_ASSERT(tw_channels_pool_footprint(capacity) != 0 && (uintptr_t)memory % ALIGNMENT == 0);
    uint8_t *at = memory;
    pool->config = *config;
    pool->all = (void *)at;
    at += aligned(capacity * sizeof(struct tw_channels));
    pool->free = (void *)at;
    pool->free_count = capacity;
    pool->capacity = capacity;
    pool->sent_bytes = 0;
    pool->again_bytes = 0;
    for (uint32_t i = 0; i < capacity; i++)
        pool->free[i] = (uint16_t)(capacity - 1u - i);
}

struct tw_channels *tw_channels_take(struct tw_channels_pool *pool,
                                     const struct tw_channel_numbers *numbers, uint64_t now_us)
{
    if (pool->free_count == 0)
        return NULL;
    struct tw_channels *channels = &pool->all[pool->free[--pool->free_count]];
    /* What flight.h keeps is written before it is read. */
    memset(channels, 0, offsetof(struct tw_channels, flight));
    tw_sender_init(&channels->sender, pool->config.blocks, pool->config.send_blocks_max);
    tw_sender_resume(&channels->sender, &numbers->sender);
    tw_receiver_init(&channels->receiver, pool->config.blocks);
    tw_receiver_resume(&channels->receiver, &numbers->receiver, now_us);
    tw_flight_init(&channels->flight);
    return channels;
}

bool tw_channels_idle(const struct tw_channels *channels)
{
    return tw_sender_empty(&channels->sender) && tw_receiver_empty(&channels->receiver) &&
           channels->run_count == 0;
}

void tw_channels_give(struct tw_channels_pool *pool, struct tw_channels *channels,
                      struct tw_channel_numbers *numbers)
{
    TW_ASSERT(pool->free_count < pool->capacity);
    pool->sent_bytes += channels->sender.sent_bytes;
    pool->again_bytes += channels->sender.again_bytes;
    tw_sender_fini(&channels->sender);
    tw_receiver_fini(&channels->receiver);
    numbers->sender = tw_sender_pause(&channels->sender);
    numbers->receiver = tw_receiver_pause(&channels->receiver);
    pool->free[pool->free_count++] = (uint16_t)(channels - pool->all);
}
