/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Messages coming in: parts put together, copies dropped, order kept where it was promised.
 *
 * A messages frame is checked whole, against what is here, before any of it is stored; then each
 * entry is stored for which there is room. Where one found none the packet is not acknowledged: all
 * of it comes again, and what is here by then has not stood still.
 *
 * Bounds per channel: TW_MESSAGE_WINDOW numbers; the lowest unfinished message may grow to its full
 * size, all others together to TW_MESSAGE_SPARE blocks. Of a shared pool the former is promised
 * room for all of it when it begins, or waits in line for that: see holder.h. Finished messages
 * wait in a list of their channel until they are taken, so that none holds up another channel's;
 * while TW_RECEIVER_READY_BLOCKS or more wait in one, nothing is begun for it.
 *
 * A channel is late when what it holds has to wait for its lowest message for too long: it has
 * TW_RECEIVER_BEGIN_US from the first one on, a granule of the lowest gives TW_RECEIVER_GRANULE_US
 * more, and a message that is done with TW_RECEIVER_MESSAGE_US; up to TW_RECEIVER_AHEAD_US from now
 * on. Pure, one owner; time in µs.
 */
#ifndef TICKWIRE_DATAPLANE_WIRE_RECEIVER_H
#define TICKWIRE_DATAPLANE_WIRE_RECEIVER_H

#include "dataplane/wire/blocks.h"
#include "dataplane/wire/entry.h"
#include "dataplane/wire/holder.h"

/* The largest message and a window of small ones. */
#define TW_RECEIVER_READY_BLOCKS 128u

/* As long as a message may stand still whoever waits or does not; and twice that for who went on
 * faster before: an outage of three seconds, with what is sent again after it, is no reason. */
#define TW_RECEIVER_BEGIN_US TW_MESSAGE_STALLED_US
#define TW_RECEIVER_AHEAD_US (2u * TW_MESSAGE_STALLED_US)
/* 512 bytes a second: an eighth of a path of 100 kbit/s, as bulk has it beside everything else, is
 * twice that. */
#define TW_RECEIVER_GRANULE_US 250000u
#define TW_RECEIVER_MESSAGE_US 1000000u

struct tw_receiver_channel {
    uint64_t done;       /* bit number % 64: finished, numbers from base on */
    uint64_t here;       /* the same: whose message, whole or in part, stands in the window */
    uint64_t moved_us;   /* when base moved last: what is above it had to wait until then */
    uint64_t no_room_us; /* when its lowest message last found no room: it had to wait, too */
    uint64_t late_us;    /* then it is, while something is here */
    uint16_t base;       /* lowest number not finished, or not passed on yet */
    uint16_t base_held;  /* blocks of the message at base */
    uint32_t held;       /* blocks of all messages in the window */
};

/* Finished messages that wait to be taken. */
struct tw_receiver_ready {
    struct tw_message_list list;
    uint32_t blocks;
    uint64_t full_us; /* so many were not taken that what came was refused */
};

struct tw_receiver {
    uint64_t heard_us;
    uint64_t resumed_us;  /* first packet after a silence */
    uint64_t answered_us; /* the sender was told again what is missing, after a time without */
    struct tw_receiver_ready ready[TW_CHANNEL_COUNT];
    uint32_t unfinished; /* messages of which something is here */
    struct tw_block_pool *pool;
    struct tw_holder holder;
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
    TW_RECEIVER_NO_ROOM,   /* not all was stored: the packet must not be acknowledged */
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
/* No message is here, whole or in part, and none waits for room. */
bool tw_receiver_empty(const struct tw_receiver *receiver);

/* body[size]: a messages frame. */
enum tw_receiver_result tw_receiver_frame(struct tw_receiver *receiver, const uint8_t *body,
                                          size_t size, uint64_t now_us);
/* The next finished message, of the first channel that has one, or NULL; it stays where it is. */
const struct tw_message *tw_receiver_peek(const struct tw_receiver *receiver);
/* The same of one channel. */
const struct tw_message *tw_receiver_peek_of(const struct tw_receiver *receiver, uint32_t channel);
/* What peek would tell, now the caller's. */
struct tw_message *tw_receiver_take(struct tw_receiver *receiver);
struct tw_message *tw_receiver_take_of(struct tw_receiver *receiver, uint32_t channel);
/* A packet of the session came. */
void tw_receiver_heard(struct tw_receiver *receiver, uint64_t now_us);
/* The sender hears us again, and so knows what is missing. */
void tw_receiver_answered(struct tw_receiver *receiver, uint64_t now_us);
/* Channels whose lowest unfinished message made no progress for TW_MESSAGE_STALLED_US, although
 * packets came, and none was refused because finished ones wait to be taken: bit i of channel i.
 * Time in which its sender hears nothing of us (`unheard`) is no fault of its; but whatever it
 * hears now and then, TW_MESSAGE_STALLED_UNHEARD_US is the end. */
uint32_t tw_receiver_stalled(const struct tw_receiver *receiver, bool unheard, uint64_t now_us);
/* A channel is late, whether packets come or not. Who shares a pool closes it for that, while
 * others wait for room. */
bool tw_receiver_late(const struct tw_receiver *receiver, uint64_t now_us);
/* Blocks that it keeps from others, taken or promised. */
static inline uint32_t tw_receiver_holds(const struct tw_receiver *receiver)
{
    return receiver->holder.loose + receiver->holder.sure;
}
/* Who asks no more for room does not wait for it. */
static inline void tw_receiver_update(struct tw_receiver *receiver, uint64_t now_us)
{
    tw_holder_update(&receiver->holder, receiver->pool, now_us);
}
/* Others may read it now, and go on with a copy. */
static inline void tw_receiver_leave_line(struct tw_receiver *receiver)
{
    tw_holder_leave_line(&receiver->holder, receiver->pool);
}

#endif
