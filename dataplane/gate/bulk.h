/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Large messages of a worker: compressed on their way out, restored on their way in.
 *
 *   shard → whole message → tw_bulk_compress → transport
 *   transport → tw_bulk_restore → a place of its own, lent to the shard → tw_bulk_give_back
 *
 * A worker has packets to serve: both ways have a budget of bytes, so that they take a few percent
 * of its time, and never longer at once than the largest message does. What finds no budget leaves
 * as it is, or waits. What goes to all who are near is compressed once. Restored messages live in
 * places that hold nothing else: whatever fills the blocks, what came compressed can be passed on.
 * Owned by the worker's lcore; shards read what they were lent.
 */
#ifndef TICKWIRE_DATAPLANE_GATE_BULK_H
#define TICKWIRE_DATAPLANE_GATE_BULK_H

#include "dataplane/gate/budget.h"
#include "dataplane/wire/compression.h"
#include "dataplane/wire/sender.h"
#include "tickwire/counters.h"

/* Lent at once. A shard gives back within a tick: of the largest, 60 MB/s. */
#define TW_BULK_PLACES 16u

struct tw_bulk_place {
    struct tw_block blocks[TW_MESSAGE_BLOCKS_MAX];
};

struct tw_bulk {
    uint32_t above_bytes; /* larger ones are compressed; as large as a message: none is */
    uint32_t lent;        /* bit of each place */
    struct tw_budget_rate compress_rate, restore_rate; /* of blocks */
    struct tw_budget compress_budget, restore_budget;
    struct tw_message messages[TW_BULK_PLACES];
    struct tw_block none; /* block 0, which no message has; places follow */
    struct tw_bulk_place places[TW_BULK_PLACES];
    uint8_t scratch[TW_MESSAGE_MAX];
    struct tw_compressor compressor;
};

/* In zeroed memory. */
void tw_bulk_init(struct tw_bulk *bulk, uint32_t above_bytes);

/* Makes a message that is worth it a compressed one, whose bytes then stay here until the next
 * call. */
void tw_bulk_compress(struct tw_bulk *bulk, struct tw_outgoing *message, uint64_t now_ns,
                      struct tw_worker_counters *counters);

enum tw_bulk_result {
    TW_BULK_RESTORED,
    TW_BULK_LATER,   /* no place, or no budget, now */
    TW_BULK_DAMAGED, /* it is not what it says */
};
/* A compressed message, whole, of a pool's blocks, into one that may be lent. */
enum tw_bulk_result tw_bulk_restore(struct tw_bulk *bulk, const struct tw_message *message,
                                    const struct tw_block *blocks, uint64_t now_ns,
                                    struct tw_message **restored);
/* Blocks that the messages of tw_bulk_restore are in. */
static inline const struct tw_block *tw_bulk_blocks(const struct tw_bulk *bulk)
{
    return &bulk->none;
}
/* False: it is none of ours. */
bool tw_bulk_give_back(struct tw_bulk *bulk, const struct tw_message *message);

#endif
