/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Messages coming in: parts put together, copies dropped, order kept where it was promised.
 *
 * A messages frame is checked whole, against what is here and the memory it would need, before any
 * of it is stored. Bounds per channel: TW_MESSAGE_WINDOW numbers; the lowest unfinished message may
 * grow to its full size, all others together to TW_MESSAGE_SPARE blocks, so the one that everything
 * waits for always finds room. Finished messages wait in one of two lists until they are taken,
 * bulk apart from all others, so that it holds up none of them; while TW_RECEIVER_READY_BLOCKS or
 * more wait in one, nothing new is let in for it. Pure, one owner; time in µs.
 */
#ifndef TICKWIRE_DATAPLANE_WIRE_RECEIVER_H
#define TICKWIRE_DATAPLANE_WIRE_RECEIVER_H

#include "dataplane/wire/blocks.h"
#include "dataplane/wire/entry.h"

/* The largest message and a window of small ones. */
#define TW_RECEIVER_READY_BLOCKS 128u

struct tw_receiver_channel {
    uint64_t done;      /* bit number % 64: finished, numbers from base on */
    uint64_t here;      /* the same: whose message, whole or in part, stands in the window */
    uint64_t moved_us;  /* when base moved last: what is above it had to wait until then */
    uint16_t base;      /* lowest number not finished, or not passed on yet */
    uint16_t base_held; /* blocks of the message at base */
    uint32_t held;      /* blocks of all messages in the window */
};

/* Finished messages that wait to be taken. */
struct tw_receiver_ready {
    struct tw_message_list list;
    uint32_t blocks;
    uint64_t full_us; /* so many were not taken that what came was refused */
};

struct tw_receiver {
    uint64_t heard_us;
    uint64_t resumed_us;                        /* first packet after a silence */
    struct tw_receiver_ready ready, ready_bulk; /* of channels 0 to 2; of channel 3 */
    uint32_t unfinished;                        /* messages of which something is here */
    struct tw_block_pool *pool;
    uint16_t latest_number; /* of channel 0 */
    bool latest_seen;
    struct tw_receiver_channel channels[TW_CHANNEL_COUNT];
    /* counted */
    uint64_t messages, duplicate_bytes, no_room, abandoned, superseded;
    /* Message index by number % 64, where `here` has its bit; others were never written. */
    uint16_t windows[TW_CHANNEL_COUNT][TW_MESSAGE_WINDOW];
};

/* What goes on when everything was taken: of each channel, the window's place and bits. */
struct tw_receiver_numbers {
    uint64_t done[TW_CHANNEL_COUNT];
    uint16_t base[TW_CHANNEL_COUNT];
    uint16_t latest; /* of channel 0 */
    bool latest_seen;
};

enum tw_receiver_result {
    TW_RECEIVER_STORED,
    TW_RECEIVER_NO_ROOM,   /* nothing was stored: the packet must not be acknowledged */
    TW_RECEIVER_MALFORMED, /* nothing was stored */
    TW_RECEIVER_RANGE,     /* nothing was stored */
};

void tw_receiver_init(struct tw_receiver *receiver, struct tw_block_pool *pool);
/* Gives all blocks back. */
void tw_receiver_fini(struct tw_receiver *receiver);
/* Numbers to go on with after another init: right after that. */
void tw_receiver_resume(struct tw_receiver *receiver, const struct tw_receiver_numbers *numbers,
                        uint64_t now_us);
struct tw_receiver_numbers tw_receiver_pause(const struct tw_receiver *receiver);
/* The other end is another process: what it had not finished never comes. Messages that wait to be
 * taken stay. */
void tw_receiver_begin_again(struct tw_receiver *receiver, uint64_t now_us);
/* No message is here, whole or in part. */
bool tw_receiver_empty(const struct tw_receiver *receiver);

/* body[size]: a messages frame. */
enum tw_receiver_result tw_receiver_frame(struct tw_receiver *receiver, const uint8_t *body,
                                          size_t size, uint64_t now_us);
/* The next finished message, bulk after all others, or NULL; it stays where it is. */
const struct tw_message *tw_receiver_peek(const struct tw_receiver *receiver);
/* The same of bulk alone, or of all others. */
const struct tw_message *tw_receiver_peek_of(const struct tw_receiver *receiver, bool bulk);
/* What peek would tell, now the caller's. */
struct tw_message *tw_receiver_take(struct tw_receiver *receiver);
struct tw_message *tw_receiver_take_of(struct tw_receiver *receiver, bool bulk);
/* A packet of the session came. */
void tw_receiver_heard(struct tw_receiver *receiver, uint64_t now_us);
/* Channels whose lowest unfinished message made no progress for TW_MESSAGE_STALLED_US, although
 * packets came, and none was refused because finished ones wait to be taken: bit i of channel i. */
uint32_t tw_receiver_stalled(const struct tw_receiver *receiver, uint64_t now_us);

#endif
