/* SPDX-License-Identifier: BSD-3-Clause */
#include "dataplane/gate/bulk.h"

#include "tickwire/assert.h"

#include <stddef.h>

/* Blocks of 1 KB a second. At the 0.9 µs a block measured to compress, and 0.2 µs to restore, 3 %
 * and 1.2 % of a worker's time. */
#define COMPRESS_BLOCKS_PER_S 32768u
#define RESTORE_BLOCKS_PER_S  65536u

static_assert(offsetof(struct tw_bulk, places) ==
                  offsetof(struct tw_bulk, none) + sizeof(struct tw_block),
              "the places' blocks are numbered from 1");
static_assert(TW_BULK_PLACES < 32u, "a bit for each");

void tw_bulk_init(struct tw_bulk *bulk, uint32_t above_bytes)
{
    bulk->above_bytes = above_bytes;
    bulk->compress_rate = tw_budget_rate_make(COMPRESS_BLOCKS_PER_S, TW_MESSAGE_BLOCKS_MAX);
    bulk->restore_rate = tw_budget_rate_make(RESTORE_BLOCKS_PER_S, TW_MESSAGE_BLOCKS_MAX);
    tw_compressor_init(&bulk->compressor);
    for (uint32_t place = 0; place < TW_BULK_PLACES; place++) {
        for (uint32_t i = 0; i < TW_MESSAGE_BLOCKS_MAX; i++)
            bulk->messages[place].blocks[i] = (uint16_t)(place * TW_MESSAGE_BLOCKS_MAX + i + 1u);
    }
}

static bool take(struct tw_budget *budget, struct tw_budget_rate rate, uint32_t size,
                 uint64_t now_ns)
{
    return tw_budget_take(budget, tw_budget_rate_times(rate, tw_message_blocks(size)), now_ns);
}

void tw_bulk_compress(struct tw_bulk *bulk, struct tw_outgoing *message, uint64_t now_ns,
                      struct tw_worker_counters *counters)
{
    struct tw_compressor *compressor = &bulk->compressor;
    if (message->channel != TW_CHANNEL_BULK || message->size <= bulk->above_bytes)
        return;
    if (!tw_compressor_remembers(compressor, message->bytes, message->size)) {
        if (!take(&bulk->compress_budget, bulk->compress_rate, message->size, now_ns)) {
            tw_counter_add(&counters->messages_compress_busy, 1);
            return;
        }
        tw_compress(compressor, message->bytes, message->size);
    }
    if (compressor->compressed_size == 0) {
        tw_counter_add(&counters->messages_incompressible, 1);
        return;
    }
    tw_counter_add(&counters->messages_compressed, 1);
    tw_counter_add(&counters->compressed_from_bytes, message->size);
    tw_counter_add(&counters->compressed_to_bytes, compressor->compressed_size);
    message->flags = TW_ENTRY_COMPRESSED;
    message->bytes = compressor->compressed;
    message->size = compressor->compressed_size;
}

enum tw_bulk_result tw_bulk_restore(struct tw_bulk *bulk, const struct tw_message *message,
                                    const struct tw_block *blocks, uint64_t now_ns,
                                    struct tw_message **restored)
{
    uint32_t size = tw_message_full_size(message, blocks);
    uint32_t unused = ~bulk->lent & ((1u << TW_BULK_PLACES) - 1u);
    if (size == 0)
        return TW_BULK_DAMAGED;
    if (unused == 0 || !take(&bulk->restore_budget, bulk->restore_rate, size, now_ns))
        return TW_BULK_LATER;
    uint32_t place = (uint32_t)__builtin_ctz(unused);
    if (!tw_message_restore(message, blocks, bulk->scratch, (uint8_t *)bulk->places[place].blocks))
        return TW_BULK_DAMAGED;
    struct tw_message *whole = &bulk->messages[place];
    whole->size = size;
    whole->channel = message->channel;
    bulk->lent |= 1u << place;
    *restored = whole;
    return TW_BULK_RESTORED;
}

bool tw_bulk_give_back(struct tw_bulk *bulk, const struct tw_message *message)
{
    if (message < bulk->messages || message >= bulk->messages + TW_BULK_PLACES)
        return false;
    uint32_t bit = 1u << (message - bulk->messages);
    TW_ASSERT((bulk->lent & bit) != 0);
    bulk->lent &= ~bit;
    return true;
}
