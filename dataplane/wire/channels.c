/* SPDX-License-Identifier: BSD-3-Clause */
#include "dataplane/wire/channels.h"

#include "tickwire/align.h"
#include "tickwire/assert.h"

size_t tw_channels_pool_footprint(uint32_t capacity)
{
    if (capacity == 0 || capacity > UINT16_MAX)
        return 0;
    return tw_align_line(capacity * sizeof(struct tw_channels)) +
           tw_align_line(capacity * sizeof(uint16_t));
}

void tw_channels_pool_init(struct tw_channels_pool *pool, const struct tw_channels_config *config,
                           void *memory, uint32_t capacity)
{
    TW_ASSERT(tw_channels_pool_footprint(capacity) != 0 && (uintptr_t)memory % TW_CACHE_LINE == 0);
    uint8_t *at = memory;
    pool->config = *config;
    pool->all = (void *)at;
    at += tw_align_line(capacity * sizeof(struct tw_channels));
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
    /* Of 6 KB less than one is cleared: windows, runs and notes are written before they are read.
     */
    memset(channels, 0, offsetof(struct tw_channels, sender));
    tw_sender_init(&channels->sender, pool->config.blocks, pool->config.send_blocks_max);
    tw_sender_resume(&channels->sender, &numbers->sender);
    tw_receiver_init(&channels->receiver, pool->config.blocks);
    tw_receiver_resume(&channels->receiver, &numbers->receiver, now_us);
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

/* ---- to another pool ------------------------------------------------------------------------ */

struct copying {
    const struct tw_channels *from;
    struct tw_channels *to;      /* NULL: what is needed is counted, nothing is changed */
    uint32_t needed;             /* blocks of messages that came */
    struct tw_parcels_plan plan; /* of those that go out */
};

static void copy_message(struct copying *copying, uint16_t *index)
{
    const struct tw_block_pool *from = copying->from->receiver.pool;
    const struct tw_message *message = tw_message_at(from, *index);
    copying->needed += tw_message_taken(message);
    if (!copying->to)
        return;
    struct tw_message *clone = tw_message_clone(copying->to->receiver.pool, from, message);
    clone->sure = 0; /* what was promised was of the other pool */
    *index = clone->index;
}

static void copy_parcel(struct copying *copying, uint32_t *at)
{
    const struct tw_parcels *from = &copying->from->sender.parcels;
    const struct tw_parcel *parcel = tw_parcel_at(from, *at);
    if (!parcel)
        return;
    tw_parcels_plan(&copying->plan, parcel);
    if (copying->to)
        *at = tw_parcel_clone(&copying->to->sender.parcels, from, parcel)->at;
}

static void copy_parcels(struct copying *copying, struct tw_parcel_list *list)
{
    const struct tw_parcels *from = &copying->from->sender.parcels;
    struct tw_parcel_list copy = {0};
    uint32_t next = list->first;
    for (uint32_t i = 0; i < list->count; i++) {
        uint32_t at = next;
        next = tw_parcel_at(from, at)->next;
        copy_parcel(copying, &at);
        if (copying->to)
            tw_parcel_list_append(&copy, &copying->to->sender.parcels,
                                  tw_parcel_at(&copying->to->sender.parcels, at));
    }
    if (copying->to)
        *list = copy;
}

static void copy_list(struct copying *copying, struct tw_message_list *list)
{
    const struct tw_block_pool *from = copying->from->receiver.pool;
    struct tw_message_list copy = {0};
    uint16_t at = list->first;
    for (uint32_t i = 0; i < list->count; i++) {
        uint16_t index = at;
        at = tw_message_at(from, at)->next;
        copy_message(copying, &index);
        if (copying->to)
            tw_message_list_append(&copy, copying->to->receiver.pool,
                                   tw_message_at(copying->to->receiver.pool, index));
    }
    if (copying->to)
        *list = copy;
}

static void copy_windows(struct copying *copying, struct tw_channels *channels, uint32_t channel)
{
    const struct tw_sender_channel *from = &channels->sender.channels[channel];
    for (uint16_t number = from->base; number != from->next; number++)
        copy_parcel(copying,
                    &channels->sender.windows[channel].parcels[number % TW_MESSAGE_WINDOW]);
    for (uint64_t here = channels->receiver.channels[channel].here; here != 0; here &= here - 1u)
        copy_message(copying, &channels->receiver.windows[channel][__builtin_ctzll(here)]);
}

/* Every place where channels keep a message. */
static void copy_messages(struct copying *copying, struct tw_channels *channels)
{
    copy_parcel(copying, &channels->sender.latest);
    for (uint32_t channel = 0; channel < TW_CHANNEL_COUNT; channel++) {
        copy_list(copying, &channels->receiver.ready[channel].list);
        copy_parcels(copying, &channels->sender.channels[channel].waiting);
        copy_windows(copying, channels, channel);
    }
}

struct tw_channels *tw_channels_copy(struct tw_channels_pool *pool, const struct tw_channels *from)
{
    struct copying copying = {.from = from};
    struct tw_block_pool *blocks = pool->config.blocks;
    TW_ASSERT(from->run_count == 0 && blocks != from->receiver.pool);
    if (pool->free_count == 0)
        return NULL;
    struct tw_channels *channels = &pool->all[pool->free[pool->free_count - 1u]];
    *channels = *from;
    copy_messages(&copying, channels);
    if (copying.needed > tw_block_pool_incoming(blocks) ||
        !tw_parcels_plan_fits(&copying.plan, blocks))
        return NULL;
    pool->free_count--;
    copying.to = channels;
    channels->receiver.pool = blocks;
    channels->receiver.holder = (struct tw_holder){0};
    tw_holder_count_loose(&channels->receiver.holder, blocks, (int32_t)copying.needed);
    tw_parcels_init(&channels->sender.parcels, blocks, pool->config.send_blocks_max);
    copy_messages(&copying, channels);
    return channels;
}

void tw_channels_give_copied(struct tw_channels_pool *pool, struct tw_channels *channels)
{
    struct tw_channel_numbers numbers;
    channels->sender.sent_bytes = 0; /* the copy's */
    channels->sender.again_bytes = 0;
    tw_channels_give(pool, channels, &numbers);
}
