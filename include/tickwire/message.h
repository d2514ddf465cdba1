/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A message that came, in memory: notes and up to 64 blocks of a pool, handed over as a whole.
 *
 * Whoever holds a message may read it and must give it back to the pool's owner, once. Of the
 * fields, `size`, `channel` and the bytes are for readers; the rest is the transport's own. Plain
 * memory: no locks, one holder at a time.
 */
#ifndef TICKWIRE_MESSAGE_H
#define TICKWIRE_MESSAGE_H

#include "tickwire/wire.h"

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

/* One block holds the packet-sized message that most are. */
#define TW_BLOCK_BYTES        1024u
#define TW_MESSAGE_BLOCKS_MAX (TW_MESSAGE_MAX / TW_BLOCK_BYTES)
#define TW_GRANULES_MAX       (TW_MESSAGE_MAX / TW_GRANULE_BYTES)
#define TW_GRANULE_WORDS      (TW_GRANULES_MAX / 64u)
static_assert(TW_BLOCK_BYTES % TW_GRANULE_BYTES == 0, "granules do not cross blocks");
static_assert(TW_GRANULES_MAX % 64u == 0, "whole words of bits");

struct tw_block {
    uint8_t bytes[TW_BLOCK_BYTES];
};

struct tw_message {
    uint32_t size; /* bytes */
    uint8_t channel;
    uint8_t flags;                          /* TW_ENTRY_COMPRESSED */
    uint16_t index;                         /* its own place in the pool */
    uint16_t blocks[TW_MESSAGE_BLOCKS_MAX]; /* by position; 0: not there (yet) */
    /* ---- the transport's own */
    uint16_t next;                   /* in a list of messages; 0: last */
    uint16_t number;                 /* in its channel */
    uint16_t missing;                /* granules that have not arrived yet */
    uint8_t held;                    /* blocks */
    uint8_t sure;                    /* room for all of it was promised */
    uint64_t time_us;                /* of the newest granule */
    uint64_t done[TW_GRANULE_WORDS]; /* granules that arrived */
};

static inline uint32_t tw_message_granules(uint32_t size)
{
    return (size + TW_GRANULE_BYTES - 1u) / TW_GRANULE_BYTES;
}

static inline uint32_t tw_message_blocks(uint32_t size)
{
    return (size + TW_BLOCK_BYTES - 1u) / TW_BLOCK_BYTES;
}

/* Copies a whole message; blocks is the pool's. */
static inline void tw_message_copy(const struct tw_message *message, const struct tw_block *blocks,
                                   uint8_t *out)
{
    for (uint32_t at = 0; at < message->size; at += TW_BLOCK_BYTES) {
        uint32_t left = message->size - at;
        memcpy(out + at, blocks[message->blocks[at / TW_BLOCK_BYTES]].bytes,
               left < TW_BLOCK_BYTES ? left : TW_BLOCK_BYTES);
    }
}

#endif
