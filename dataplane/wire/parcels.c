/* SPDX-License-Identifier: BSD-3-Clause */
#include "dataplane/wire/parcels.h"

#include "tickwire/assert.h"

#include <stddef.h>

#define ALIGNMENT 8u

/* In front of the parcels of a block. */
struct head {
    uint32_t end;  /* where the next one goes */
    uint32_t live; /* parcels in it */
};
static_assert(sizeof(struct head) % ALIGNMENT == 0, "parcels are aligned");
static_assert(offsetof(struct tw_parcel, maps) % ALIGNMENT == 0, "and so are their maps");

struct layout {
    uint32_t bytes; /* of the record */
    uint8_t words;
    uint8_t blocks; /* of its own */
};

static uint32_t aligned(uint32_t size)
{
    return (size + ALIGNMENT - 1u) / ALIGNMENT * ALIGNMENT;
}

static struct layout layout_of(uint32_t size)
{
    struct layout layout = {.words = (uint8_t)((tw_message_granules(size) + 63u) / 64u)};
    uint32_t notes = (uint32_t)offsetof(struct tw_parcel, maps) + layout.words * 16u;
    layout.bytes = notes + aligned(size);
    if (layout.bytes <= TW_BLOCK_BYTES - sizeof(struct head))
        return layout;
    layout.blocks = (uint8_t)tw_message_blocks(size);
    layout.bytes = notes + aligned(layout.blocks * (uint32_t)sizeof(uint16_t));
    return layout;
}

static struct head *head_of(const struct tw_parcels *parcels, uint16_t block)
{
    return (struct head *)(void *)parcels->pool->blocks[block].bytes;
}

static uint8_t *tail(const struct tw_parcel *parcel)
{
    return (uint8_t *)(uintptr_t)(parcel->maps + 2u * parcel->words);
}

static uint16_t own_block(const struct tw_parcel *parcel, uint32_t position)
{
    uint16_t block;
    memcpy(&block, tail(parcel) + position * sizeof(block), sizeof(block));
    return block;
}

void tw_parcels_init(struct tw_parcels *parcels, struct tw_block_pool *pool, uint32_t blocks_max)
{
    *parcels = (struct tw_parcels){.pool = pool, .blocks_max = blocks_max};
}

static bool fits_open(const struct tw_parcels *parcels, const struct layout *layout)
{
    return parcels->open != 0 &&
           head_of(parcels, parcels->open)->end + layout->bytes <= TW_BLOCK_BYTES;
}

enum tw_parcels_room tw_parcels_room(const struct tw_parcels *parcels, uint32_t size,
                                     uint32_t leaves)
{
    const struct tw_block_pool *pool = parcels->pool;
    struct layout layout = layout_of(size);
    uint32_t needed = layout.blocks + (fits_open(parcels, &layout) ? 0u : 1u);
    uint32_t promised = pool->share > parcels->blocks ? pool->share - parcels->blocks : 0;
    if (needed == 0)
        return TW_PARCELS_ROOM;
    uint32_t most = parcels->blocks_max - parcels->blocks_max * leaves / TW_PARCELS_PARTS;
    if (tw_block_pool_common(pool) > pool->ample)
        most += parcels->blocks_max * TW_PARCELS_AMPLE / TW_PARCELS_PARTS;
    if (parcels->blocks > 0 && parcels->blocks + needed > most)
        return TW_PARCELS_FULL;
    if (needed > promised && needed - promised > tw_block_pool_common(pool))
        return TW_PARCELS_NO_POOL;
    return TW_PARCELS_ROOM;
}

static uint16_t take_block(struct tw_parcels *parcels)
{
    uint16_t block = tw_block_take(parcels->pool);
    TW_ASSERT(block != 0); /* there is room */
    if (parcels->blocks < parcels->pool->share)
        parcels->pool->promised--;
    parcels->blocks++;
    return block;
}

static void give_block(struct tw_parcels *parcels, uint16_t block)
{
    parcels->blocks--;
    if (parcels->blocks < parcels->pool->share)
        parcels->pool->promised++;
    tw_block_give(parcels->pool, block);
}

static struct tw_parcel *place(struct tw_parcels *parcels, const struct layout *layout)
{
    if (!fits_open(parcels, layout)) {
        parcels->open = take_block(parcels);
        *head_of(parcels, parcels->open) = (struct head){.end = sizeof(struct head)};
    }
    struct head *head = head_of(parcels, parcels->open);
    uint32_t at = (uint32_t)parcels->open << 16 | head->end;
    head->end += layout->bytes;
    head->live++;
    struct tw_parcel *parcel = tw_parcel_at(parcels, at);
    memset(parcel, 0, layout->bytes);
    parcel->at = at;
    parcel->words = layout->words;
    parcel->blocks = layout->blocks;
    return parcel;
}

struct tw_parcel *tw_parcel_make(struct tw_parcels *parcels, const uint8_t *bytes, uint32_t size)
{
    struct layout layout = layout_of(size);
    struct tw_parcel *parcel = place(parcels, &layout);
    parcel->size = size;
    parcel->room = (uint16_t)(layout.blocks == 0 ? size : 0);
    if (layout.blocks == 0)
        memcpy(tail(parcel), bytes, size);
    for (uint32_t i = 0; i < layout.blocks; i++) {
        uint16_t block = take_block(parcels);
        uint32_t from = i * TW_BLOCK_BYTES, left = size - from;
        memcpy(tail(parcel) + i * sizeof(block), &block, sizeof(block));
        memcpy(parcels->pool->blocks[block].bytes, bytes + from,
               left < TW_BLOCK_BYTES ? left : TW_BLOCK_BYTES);
    }
    return parcel;
}

void tw_parcel_free(struct tw_parcels *parcels, struct tw_parcel *parcel)
{
    uint16_t block = (uint16_t)(parcel->at >> 16);
    struct head *head = head_of(parcels, block);
    TW_ASSERT(head->live > 0 && parcel->at != 0);
    for (uint32_t i = 0; i < parcel->blocks; i++)
        give_block(parcels, own_block(parcel, i));
    parcel->at = 0;
    if (--head->live > 0)
        return;
    if (parcels->open == block)
        parcels->open = 0;
    give_block(parcels, block);
}

static struct layout layout_as(const struct tw_parcel *parcel)
{
    uint32_t notes = (uint32_t)offsetof(struct tw_parcel, maps) + parcel->words * 16u;
    uint32_t rest = parcel->blocks > 0 ? parcel->blocks * (uint32_t)sizeof(uint16_t) : parcel->room;
    return (struct layout){
        .bytes = notes + aligned(rest), .words = parcel->words, .blocks = parcel->blocks};
}

void tw_parcels_plan(struct tw_parcels_plan *plan, const struct tw_parcel *parcel)
{
    struct layout layout = layout_as(parcel);
    if (plan->end == 0 || plan->end + layout.bytes > TW_BLOCK_BYTES) {
        plan->blocks++;
        plan->end = sizeof(struct head);
    }
    plan->end += layout.bytes;
    plan->blocks += layout.blocks;
}

bool tw_parcels_plan_fits(const struct tw_parcels_plan *plan, const struct tw_block_pool *pool)
{
    return plan->blocks <= pool->share || plan->blocks - pool->share <= tw_block_pool_common(pool);
}

struct tw_parcel *tw_parcel_clone(struct tw_parcels *parcels, const struct tw_parcels *from,
                                  const struct tw_parcel *parcel)
{
    struct layout layout = layout_as(parcel);
    struct tw_parcel *clone = place(parcels, &layout);
    uint32_t at = clone->at;
    memcpy(clone, parcel, layout.bytes);
    clone->at = at;
    clone->next = 0;
    for (uint32_t i = 0; i < layout.blocks; i++) {
        uint16_t block = take_block(parcels);
        parcels->pool->blocks[block] = from->pool->blocks[own_block(parcel, i)];
        memcpy(tail(clone) + i * sizeof(block), &block, sizeof(block));
    }
    return clone;
}

void tw_parcel_copy(const struct tw_parcels *parcels, const struct tw_parcel *parcel, uint32_t from,
                    uint8_t *out, uint32_t length)
{
    if (parcel->blocks == 0) {
        memcpy(out, tail(parcel) + from, length);
        return;
    }
    for (uint32_t done = 0; done < length;) {
        uint32_t at = from + done;
        uint32_t in_block = TW_BLOCK_BYTES - at % TW_BLOCK_BYTES;
        uint32_t part = in_block < length - done ? in_block : length - done;
        const struct tw_block *block =
            &parcels->pool->blocks[own_block(parcel, at / TW_BLOCK_BYTES)];
        memcpy(out + done, block->bytes + at % TW_BLOCK_BYTES, part);
        done += part;
    }
}

void tw_parcel_list_append(struct tw_parcel_list *list, const struct tw_parcels *parcels,
                           struct tw_parcel *parcel)
{
    parcel->next = 0;
    if (list->count == 0)
        list->first = parcel->at;
    else
        tw_parcel_at(parcels, list->last)->next = parcel->at;
    list->last = parcel->at;
    list->count++;
}

struct tw_parcel *tw_parcel_list_take(struct tw_parcel_list *list, const struct tw_parcels *parcels)
{
    if (list->count == 0)
        return NULL;
    struct tw_parcel *parcel = tw_parcel_at(parcels, list->first);
    list->first = parcel->next;
    list->count--;
    return parcel;
}
