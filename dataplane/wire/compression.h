/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Bulk messages in fewer bytes: an LZ4 block, with the size of what it holds in front.
 *
 *   message ─► tw_compress ─► varint size ‖ LZ4 block, TW_ENTRY_COMPRESSED ─► granules …
 *   … granules ─► whole message ─► tw_message_full_size ─► tw_message_restore ─► message
 *
 * Only what becomes an eighth smaller leaves so: less is not worth the other end's work. The
 * announced size is checked before anything is written, and nothing is written beyond it. LZ4 never
 * allocates here: its state and all scratch are taken once. Pure, one owner of a compressor. Blocks
 * are those of LZ4's "Block Format Description" of 2022.
 */
#ifndef TICKWIRE_DATAPLANE_WIRE_COMPRESSION_H
#define TICKWIRE_DATAPLANE_WIRE_COMPRESSION_H

#include "tickwire/bytes.h"
#include "tickwire/message.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* LZ4's state is 16,416 bytes in 1.9; later versions may need more. */
#define TW_COMPRESS_STATE_BYTES 20480u
/* The largest message less an eighth of it. */
#define TW_COMPRESSED_MAX (TW_MESSAGE_MAX - TW_MESSAGE_MAX / 8u)

/* 140 KB. */
struct tw_compressor {
    uint64_t state[TW_COMPRESS_STATE_BYTES / sizeof(uint64_t)];
    uint32_t size;            /* of the newest message; 0: none yet */
    uint32_t compressed_size; /* of what it became; 0: not an eighth smaller */
    uint8_t bytes[TW_MESSAGE_MAX];
    uint8_t compressed[TW_COMPRESSED_MAX];
};

void tw_compressor_init(struct tw_compressor *compressor);
/* Compresses bytes[size], 1..TW_MESSAGE_MAX: compressed[compressed_size], unless that is 0. */
void tw_compress(struct tw_compressor *compressor, const uint8_t *bytes, uint32_t size);
/* Is it the message that was compressed last? What goes to many comes again and again. */
bool tw_compressor_remembers(const struct tw_compressor *compressor, const uint8_t *bytes,
                             uint32_t size);

/* Size of a whole message as it was before it was compressed, if it was. 0: a compressed one that
 * says it holds nothing, no more than it takes itself, or more than a message may. */
uint32_t tw_message_full_size(const struct tw_message *message, const struct tw_block *blocks);
/* Writes it, as it was, to out[tw_message_full_size]. scratch[TW_MESSAGE_MAX]. False: the block is
 * damaged, or does not hold what it says; `out` has then any bytes. */
bool tw_message_restore(const struct tw_message *message, const struct tw_block *blocks,
                        uint8_t *scratch, uint8_t *out) __attribute__((warn_unused_result));

#endif
