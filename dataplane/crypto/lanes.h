/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What one instruction set has to offer for ChaCha20-Poly1305 across packets: ChaCha20 blocks of
 * any packets side by side, and Poly1305 of several packets side by side. Internal to
 * dataplane/crypto; chacha_lanes.c cuts bursts of packets into this work.
 *
 * Pure: caller's memory, any thread, no state. Sizes in bytes. No branch and no address depends on
 * key, keystream, text or tag; all depend on sizes. Sources: RFC 8439 sections 2.3 to 2.5.
 */
#ifndef TICKWIRE_DATAPLANE_CRYPTO_LANES_H
#define TICKWIRE_DATAPLANE_CRYPTO_LANES_H

#include "tickwire/wire.h"

#define TW_LANES_BLOCK_SIZE 64u /* of ChaCha20 */
#define TW_LANES_PIECE_SIZE 16u /* of Poly1305 */
#define TW_LANES_MAX        32u /* blocks that one call may take, of any path */

/* One ChaCha20 block: to[size] = from[size] XOR keystream. from and to may be the same. */
struct tw_lanes_block {
    const uint8_t *key; /* TW_KEY_SIZE */
    const uint8_t *from;
    uint8_t *to;
    uint32_t size;     /* 1..TW_LANES_BLOCK_SIZE */
    uint32_t input[4]; /* counter, nonce: the last row of the ChaCha20 state */
};

/* One Poly1305 tag of a packet whose associated data is its header. */
struct tw_lanes_mac {
    const uint8_t *packet; /* header ‖ ciphertext ‖ TW_TAG_SIZE bytes that may be read */
    const uint8_t *key;    /* r ‖ s: the first 32 bytes of the packet's block 0 */
    uint32_t size;         /* of the ciphertext */
    uint32_t index;        /* the caller's */
    uint8_t tag[TW_TAG_SIZE];
};

struct tw_lanes_path {
    uint32_t block_lanes; /* blocks that cost as much as one */
    uint32_t blocks_max;  /* of a call; a multiple of block_lanes, at most TW_LANES_MAX */
    uint32_t mac_lanes;   /* tags that are made side by side */
    uint32_t mac_step;    /* tags that cost as much as one */
    uint32_t stack_bytes; /* more than its functions use: what compilers spill there is wiped */
    /* A packet that comes alone and is longer than this is faster in libsodium, as measured. */
    uint32_t lone_max;
    /* count 1..blocks_max */
    void (*blocks)(const struct tw_lanes_block *blocks, uint32_t count);
    /* Fills in the tags. Lanes stay full where macs are sorted by size. */
    void (*tags)(struct tw_lanes_mac *macs, uint32_t count);
};

void tw_lanes_blocks_avx512(const struct tw_lanes_block *blocks, uint32_t count);
void tw_lanes_tags_avx512(struct tw_lanes_mac *macs, uint32_t count);
void tw_lanes_blocks_avx2(const struct tw_lanes_block *blocks, uint32_t count);
void tw_lanes_tags_avx2(struct tw_lanes_mac *macs, uint32_t count);

#endif
