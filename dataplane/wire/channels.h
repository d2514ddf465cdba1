/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What a session needs while messages are under way, and a pool of it.
 *
 * Most packets carry no message: a session takes its channels when the first message comes or is to
 * go, and gives them back when nothing is under way any more; then their numbers, which go on, are
 * all that stays. Taking clears half a kilobyte: docs/decisions/0032-talkers.md. The pool's memory
 * is the caller's, taken once, for as many sessions as talk at the same moment. Owned by one
 * thread. Taking from an empty pool is NULL.
 */
#ifndef TICKWIRE_DATAPLANE_WIRE_CHANNELS_H
#define TICKWIRE_DATAPLANE_WIRE_CHANNELS_H

#include "dataplane/wire/flight.h"
#include "dataplane/wire/receiver.h"
#include "dataplane/wire/sender.h"
#include "dataplane/wire/turns.h"

#include <stddef.h>

/* Runs in one packet: so many small messages that more would not be worth a packet's work. */
#define TW_CHANNELS_RUNS_PER_PACKET 48u

struct tw_channels {
    struct tw_turns turns;
    uint32_t probes;                          /* packets that may leave beyond the window */
    uint32_t probe_backoff;                   /* probe time-outs in a row */
    uint64_t flight_at_us;                    /* newest packet with runs, or newest ack of one */
    uint64_t channel_at_us[TW_CHANNEL_COUNT]; /* when it last had a place in a packet */
    uint16_t run_count;                       /* of the packet being made */
    uint16_t run_bytes;
    struct tw_sender sender;
    struct tw_receiver receiver;
    struct tw_run runs[TW_CHANNELS_RUNS_PER_PACKET];
    struct tw_flight flight;
};

/* Seven time-outs' time without an answer: the path may not be what it was. */
static inline bool tw_channels_unanswered(const struct tw_channels *channels)
{
    return channels->probe_backoff >= 3u;
}

/* What stays of channels that were given back: 64 bytes. */
struct tw_channel_numbers {
    struct tw_sender_numbers sender;
    struct tw_receiver_numbers receiver;
};

struct tw_channels_config {
    struct tw_block_pool *blocks;
    uint32_t send_blocks_max; /* of one session's messages, queued and under way */
    bool kept;                /* once taken, until the session ends: its counts stay readable */
};

struct tw_channels_pool {
    struct tw_channels_config config;
    struct tw_channels *all;
    uint16_t *free; /* stack */
    uint32_t free_count;
    uint32_t capacity;
    uint64_t sent_bytes, again_bytes; /* of messages, by channels that were given back */
};

/* Bytes for the channels of so many sessions, 1..65,535; 0 if that is out of range. Aligned to 64.
 */
size_t tw_channels_pool_footprint(uint32_t capacity);
void tw_channels_pool_init(struct tw_channels_pool *pool, const struct tw_channels_config *config,
                           void *memory, uint32_t capacity);

/* NULL if none is free. Goes on with these numbers; its flight is the taker's to begin. */
struct tw_channels *tw_channels_take(struct tw_channels_pool *pool,
                                     const struct tw_channel_numbers *numbers, uint64_t now_us);
/* No message is held in either direction, and no packet is being made. */
bool tw_channels_idle(const struct tw_channels *channels);
/* Whatever was under way is dropped; taken messages are the taker's. */
void tw_channels_give(struct tw_channels_pool *pool, struct tw_channels *channels,
                      struct tw_channel_numbers *numbers);

/* The same, messages and all, in another owner's pool; NULL if that has no room for it. `from` and
 * its pool, which are another thread's, are only read, and stay as they are meanwhile. */
struct tw_channels *tw_channels_copy(struct tw_channels_pool *pool, const struct tw_channels *from);
/* Gives channels back that go on as a copy elsewhere. */
void tw_channels_give_copied(struct tw_channels_pool *pool, struct tw_channels *channels);

#endif
