/* SPDX-License-Identifier: BSD-3-Clause */
#include "dataplane/wire/holder.h"

#include "tickwire/assert.h"

static uint32_t less(uint32_t from, uint32_t by)
{
    return from > by ? from - by : 0;
}

/* What is left for what is brief, whatever is promised or loose. */
static uint32_t kept_for_brief(const struct tw_block_pool *pool)
{
    return pool->incoming_max / 8u;
}

/* And what is left of the rest for the line: a quarter of all, and one of the largest at least. */
static uint32_t loose_max(const struct tw_block_pool *pool)
{
    uint32_t line = pool->incoming_max / 4u;
    uint32_t least = TW_MESSAGE_BLOCKS_MAX + kept_for_brief(pool);
    if (line < least)
        line = least;
    return less(pool->incoming_max, line);
}

bool tw_holder_may_take(const struct tw_holder *holder, const struct tw_block_pool *pool,
                        uint32_t blocks, bool brief)
{
    uint32_t free_count = tw_block_pool_incoming(pool);
    if (!pool->shared)
        return blocks <= free_count;
    uint32_t left = less(loose_max(pool), pool->loose);
    if (left > free_count)
        left = free_count;
    if (!brief)
        left = less(left, kept_for_brief(pool));
    return holder->loose + 2u * blocks <= left;
}

void tw_holder_count_loose(struct tw_holder *holder, struct tw_block_pool *pool, int32_t change)
{
    holder->loose += (uint32_t)change;
    pool->loose += (uint32_t)change;
}

/* ---- line ------------------------------------------------------------------------------------ */

void tw_holder_leave_line(struct tw_holder *holder, struct tw_block_pool *pool)
{
    if (holder->wants == 0)
        return;
    if (holder->before)
        holder->before->behind = holder->behind;
    else
        pool->line_first = holder->behind;
    if (holder->behind)
        holder->behind->before = holder->before;
    else
        pool->line_last = holder->before;
    holder->wants = 0;
    holder->before = holder->behind = NULL;
}

void tw_holder_update(struct tw_holder *holder, struct tw_block_pool *pool, uint64_t now_us)
{
    if (holder->wants > 0 && now_us - holder->asked_us > TW_HOLDER_ASKS_US)
        tw_holder_leave_line(holder, pool);
}

static void join_line(struct tw_holder *holder, struct tw_block_pool *pool, uint32_t wants,
                      uint64_t now_us)
{
    bool stands = holder->wants > 0;
    holder->wants = wants;
    holder->asked_us = now_us;
    if (stands)
        return;
    holder->since_us = now_us;
    holder->before = pool->line_last;
    holder->behind = NULL;
    if (pool->line_last)
        pool->line_last->behind = holder;
    else
        pool->line_first = holder;
    pool->line_last = holder;
}

static uint32_t room_of_line(const struct tw_block_pool *pool)
{
    return less(tw_block_pool_incoming(pool), kept_for_brief(pool));
}

/* Is there room for `wants` beside what those before it want? Who asks no more has no place. */
static bool is_its_turn(const struct tw_holder *holder, struct tw_block_pool *pool, uint32_t wants,
                        uint64_t now_us)
{
    uint32_t room = room_of_line(pool), looks = 0;
    struct tw_holder *next;
    for (struct tw_holder *at = pool->line_first; at && at != holder; at = next) {
        next = at->behind;
        tw_holder_update(at, pool, now_us);
        wants += at->wants;
        if (wants > room || ++looks > TW_HOLDER_LOOK_MAX)
            return false;
    }
    return wants <= room;
}

bool tw_holder_promise(struct tw_holder *holder, struct tw_block_pool *pool,
                       const struct tw_holder_want *want, uint64_t now_us)
{
    TW_ASSERT(pool->shared && want->taken < want->blocks);
    uint32_t wants = want->blocks - want->taken;
    bool ample = less(tw_block_pool_incoming(pool), wants) >= pool->incoming_max / 2u;
    uint32_t own = want->bulk ? holder->sure : holder->sure - holder->whole;
    if (!ample && own + want->blocks > TW_HOLDER_SURE_MAX)
        return false;
    if (!is_its_turn(holder, pool, wants, now_us)) {
        join_line(holder, pool, wants, now_us);
        return false;
    }
    tw_holder_leave_line(holder, pool);
    tw_holder_count_loose(holder, pool, -(int32_t)want->taken);
    holder->sure += want->blocks;
    pool->claimed += wants;
    return true;
}

void tw_holder_count_taken(struct tw_block_pool *pool, uint32_t blocks)
{
    TW_ASSERT(pool->claimed >= blocks);
    pool->claimed -= blocks;
}

void tw_holder_release(struct tw_holder *holder, struct tw_block_pool *pool, uint32_t blocks,
                       uint32_t left)
{
    TW_ASSERT(holder->sure >= blocks && pool->claimed >= left);
    holder->sure -= blocks;
    pool->claimed -= left;
}

bool tw_holder_is_short(struct tw_block_pool *pool, uint64_t now_us)
{
    struct tw_holder *first = pool->line_first;
    for (; first; first = pool->line_first) {
        tw_holder_update(first, pool, now_us);
        if (first->wants > 0)
            break;
    }
    return first && now_us - first->since_us >= TW_HOLDER_SHORT_US &&
           first->wants > room_of_line(pool);
}
