/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Messages on their way from shards to the sessions of a worker.
 *
 *   full ring ─► line of its shard and channel ─► parts put together ─► to each session named
 *                     └─ no room: this one and what comes after it in its line stay, in order
 *
 * What came in a turn is passed on behind the snapshots that left in it, channel after channel;
 * a line that stands still holds up no other one.
 * What waits keeps its buffers. There are TW_OUT_MESSAGE_BUFFERS of them between a worker and a
 * shard, of which each channel has its part (lines.h), so a line without room stops its channel at
 * the shard, which keeps the messages it was lent, which stops what workers take of that channel
 * from clients. Snapshots have other buffers and pass. The word that a slot has nothing more to
 * come waits behind the messages in front of it, of all lines. Owned by the worker's lcore. See
 * docs/decisions/0031-messages-wait.md.
 */
#ifndef TICKWIRE_DATAPLANE_GATE_DELIVERY_H
#define TICKWIRE_DATAPLANE_GATE_DELIVERY_H

#include "tickwire/ids.h"
#include "tickwire/shard.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct tw_worker;

#define TW_DELIVERY_NONE UINT16_MAX

/* A message of several parts that a shard is handing over on one channel. */
struct tw_delivery_assembly {
    uint32_t slot;
    uint32_t route_epoch;
    uint32_t filled;
    uint8_t bytes[TW_MESSAGE_MAX];
};

struct tw_delivery_waiting {
    struct tw_out_buffer buffer;
    uint32_t number;    /* among all that came, low bits */
    uint32_t receivers; /* who have it */
    uint16_t next;      /* in its line, or of those that are unused */
    bool put;           /* its part is in the assembly */
};

/* Of one shard, on one channel. */
struct tw_delivery_line {
    uint16_t first, last; /* waiting; first TW_DELIVERY_NONE: none is */
    uint32_t count;
    uint32_t fresh;                        /* of these, the last ones: not counted as waiting yet */
    struct tw_delivery_assembly *assembly; /* NULL: on its channel all come whole */
};

/* A slot's last, which goes on when all that came before it were taken. */
struct tw_delivery_held {
    uint32_t slot;
    uint32_t route_epoch;
    uint32_t behind; /* the number of what came next */
};

struct tw_deliveries {
    struct tw_delivery_line lines[TW_CHANNEL_COUNT][TW_SHARDS_MAX];
    struct tw_delivery_waiting *waiting; /* [shards * TW_OUT_MESSAGE_BUFFERS] */
    uint16_t unused;
    uint32_t shards;
    uint32_t count; /* of those in all lines */
    uint32_t came;  /* ever; low bits */
    /* Ring: a slot's hold, and its last after a move. When it is full those who ended go. */
    struct tw_delivery_held *held;
    uint32_t held_max, held_first, held_count;
    uint32_t buffers[TW_SHARDS_MAX]; /* of messages that are at a shard, on the way or here */
    /* Of those that are not: what their channels were, which the shard is not told yet. */
    uint32_t back[TW_SHARDS_MAX][TW_CHANNEL_COUNT];
};

/* Bytes of zeroed, 64-aligned memory. */
size_t tw_delivery_footprint(uint32_t sessions, uint32_t shards);
void tw_delivery_init(struct tw_deliveries *delivery, void *memory, uint32_t sessions,
                      uint32_t shards);

/* The buffer of a message, which is the delivery's now; its turn passes it on. */
void tw_delivery_take(struct tw_worker *worker, uint32_t shard, const struct tw_out_buffer *buffer);
/* Nothing more comes for the slot. */
void tw_delivery_held(struct tw_worker *worker, const struct tw_out_buffer *buffer);
/* What came, and what waits, goes on if there is room by now. */
void tw_delivery_turn(struct tw_worker *worker);
/* How many more buffers the shard may get for messages, … */
uint32_t tw_delivery_missing(const struct tw_worker *worker, uint32_t shard);
/* … and instead of which it gets the next of them: see tw_out_buffer. */
uint16_t tw_delivery_give(struct tw_deliveries *delivery, uint32_t shard);
/* When the worker ends. */
void tw_delivery_drop(struct tw_worker *worker);

#endif
