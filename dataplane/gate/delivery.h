/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Messages on their way from shards to the sessions of a worker.
 *
 *   full ring ─► in line ─► parts put together ─► to each session named ─► tw_talk_say
 *                                  └─ no room: this one and what comes after it stay, in order
 *
 * What came in a turn is passed on behind the snapshots that left in it.
 * What waits keeps its buffers. There are TW_OUT_MESSAGE_BUFFERS of them between a worker and a
 * shard, so a worker without room stops the shard, which keeps the messages it was lent, which
 * stops what workers take from clients. Snapshots have other buffers and pass. The word that a slot
 * has nothing more to come waits behind the messages in front of it. Owned by the worker's lcore.
 * See docs/decisions/0031-messages-wait.md.
 */
#ifndef TICKWIRE_DATAPLANE_GATE_DELIVERY_H
#define TICKWIRE_DATAPLANE_GATE_DELIVERY_H

#include "tickwire/ids.h"
#include "tickwire/shard.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct tw_worker;

#define TW_DELIVERY_WAITING_MAX (TW_SHARDS_MAX * TW_OUT_MESSAGE_BUFFERS)

/* A message that a shard is handing over, part by part. */
struct tw_delivery_assembly {
    uint32_t slot;
    uint32_t route_epoch;
    uint32_t filled;
    uint8_t bytes[TW_MESSAGE_MAX];
};

struct tw_delivery_waiting {
    struct tw_out_buffer buffer;
    uint32_t shard;
    uint32_t receivers; /* who have it */
    bool put;           /* its part is in the assembly */
};

/* A slot's last, which goes on when as many of those that wait were taken. */
struct tw_delivery_held {
    uint32_t slot;
    uint32_t route_epoch;
    uint32_t behind;
};

struct tw_deliveries {
    struct tw_delivery_assembly assemblies[TW_SHARDS_MAX];
    struct tw_delivery_waiting waiting[TW_DELIVERY_WAITING_MAX]; /* ring */
    uint32_t begun, ended;         /* of those in line, ever; low bits */
    uint32_t counted;              /* as many were begun when it was counted how many wait */
    struct tw_delivery_held *held; /* ring: a slot's hold, and its last after a move */
    uint32_t held_max, held_first, held_count;
    uint32_t buffers[TW_SHARDS_MAX]; /* of messages that are at a shard, on the way or here */
};

/* The buffer of a message, which is the delivery's now; its turn passes it on. */
void tw_delivery_take(struct tw_worker *worker, uint32_t shard, const struct tw_out_buffer *buffer);
/* Nothing more comes for the slot. */
void tw_delivery_held(struct tw_worker *worker, const struct tw_out_buffer *buffer);
/* What came, and what waits, goes on if there is room by now. */
void tw_delivery_turn(struct tw_worker *worker);
/* How many more buffers the shard may get for messages; whoever gives them counts them. */
uint32_t tw_delivery_missing(const struct tw_worker *worker, uint32_t shard);
/* When the worker ends. */
void tw_delivery_drop(struct tw_worker *worker);

#endif
