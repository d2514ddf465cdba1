/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What crosses between a worker and a shard: 64-byte records inward, packet buffers outward.
 *
 *   worker --(records ring, SP/SC, one per worker-shard pair)--> shard
 *   worker --(empty buffers ring)--> shard --(full buffers ring)--> worker
 *   worker --(message buffers ring)--> shard --(the same full ring)--> worker
 *   worker --(message in a record)--> shard --(returned ring)--> worker
 *
 * Everything about a session travels through its worker's one ring, so FIFO orders it: join,
 * inputs, acks, leave. Values only; the bytes of a buffer belong to whoever took it off a ring.
 * A player is addressed by (worker, slot); route_epoch tells installs of one slot apart: a record
 * or buffer of an older epoch is counted and ignored.
 */
#ifndef TICKWIRE_SHARD_H
#define TICKWIRE_SHARD_H

#include "tickwire/message.h"
#include "tickwire/wire.h"

#include <assert.h>
#include <stdint.h>

enum tw_record_type {
    TW_RECORD_JOIN = 1,
    TW_RECORD_LEAVE = 2,
    TW_RECORD_INPUT = 3,
    TW_RECORD_SNAPSHOT_ACK = 4, /* of a packet that brought no new input */
    /* A session goes to another worker. MOVE is the last of the old slot and names the new one;
     * ARRIVE is the first of the new slot. They travel in different rings: either may come first.
     */
    TW_RECORD_MOVE = 5,
    TW_RECORD_ARRIVE = 6,
    TW_RECORD_MESSAGE = 7,
    TW_RECORD_LINK = 8,
    TW_RECORD_PRESENCE = 9, /* the session fell silent, or is heard again */
    TW_RECORD_CHECK = 10,   /* what the client's view came to */
    TW_RECORD_HOLD = 11,    /* nothing more is to be written for the slot, until it moved */
};

/* Where a player is whose session is silent; see docs/decisions/0017-connection-life.md. */
enum tw_presence {
    TW_PRESENT = 0,
    TW_AWAY = 1,   /* in the world, can be hit, does nothing, gets no snapshots */
    TW_PARKED = 2, /* not in the world; what it was waits */
    TW_PRESENCES = 3,
};

struct tw_input {
    int8_t move_x; /* -127..127; the length of (x, y) is capped to 127 by the simulation */
    int8_t move_y;
    uint16_t facing; /* full turn = 65,536, 0 = +x, counter-clockwise */
    uint16_t buttons;
};

struct tw_record {
    uint16_t type; /* enum tw_record_type */
    uint16_t worker;
    uint32_t slot;
    uint32_t route_epoch;
    uint32_t world;
    uint64_t received_ns; /* monotonic, stamped once per burst */
    union {
        struct {
            uint64_t account;
            uint64_t installed_ns; /* its welcome, monotonic: of an account's the newest plays */
        } join;                    /* and ARRIVE */
        struct {
            uint32_t reason; /* enum tw_close_reason */
        } leave;
        struct {
            uint32_t tick; /* tick the input is meant for */
            struct tw_input input;
            uint8_t newer; /* inputs of later ticks in the same packet */
            /* What the packet acknowledged, as in snapshot_ack: most packets bring one of each, and
             * a record is a cache line that goes from core to core. Newest 0: nothing. */
            uint32_t acked_newest, acked_bitmap;
        } input;
        struct {
            uint32_t number; /* of the snapshot after which */
            uint32_t sum;
            uint8_t bits, group;
        } check;
        struct {
            uint32_t newest; /* snapshot number */
            uint32_t bitmap; /* bit i = newest-1-i arrived */
        } snapshot_ack;
        struct {
            uint32_t worker;
            uint32_t slot;
            uint32_t route_epoch;
            uint32_t fresh; /* 1: whoever drives the new slot has nothing of the world yet */
        } move;
        /* Lent until everybody who hears it was written to: tw_shard_returned then tells. */
        struct {
            struct tw_message *message;
            const struct tw_block *blocks;
        } message;
        struct {
            uint32_t state;    /* 0 normal, 1 conservative, 2 emergency: how much to send */
            uint32_t capacity; /* bytes of a packet that a snapshot may fill */
        } link;
        struct {
            uint32_t presence; /* enum tw_presence */
        } presence;
        struct {
            uint32_t on; /* 0: it stays; what waited may be written */
        } hold;
        uint8_t bytes[40];
    };
};
static_assert(sizeof(struct tw_record) == 64, "one cache line per record");

/* Bytes of a packet that a snapshot may fill on every path: with 48 for frames of the worker's.
 * More only where a record says so. */
#define TW_SHARD_BASE_CAPACITY (TW_PLAINTEXT_BASE - 48u)
/* No record says less: the player itself, and a few of those near it. */
#define TW_SHARD_LEAST_CAPACITY 160u

enum tw_out_kind {
    TW_OUT_UNUSED = 0,   /* empty buffer */
    TW_OUT_SNAPSHOT = 1, /* bytes hold frames to seal and send */
    TW_OUT_CLOSE = 2,    /* the world ends the session: reason */
    TW_OUT_MESSAGE = 3,  /* bytes hold a part of a message; its parts follow each other. Behind the
                            last one: who else of this worker's sessions gets the message */
    TW_OUT_HELD = 4,     /* the slot's last, after HOLD or after MOVE: what it was to get before
                            lies in front */
};

/* A packet buffer on its way: empty to the shard, filled back to the worker that owns it. */
struct tw_out_buffer {
    uint8_t *bytes; /* frames go here, plaintext; room in front for the header is the worker's */
    void *owner;    /* the worker's own reference (an mbuf); opaque to the shard */
    uint32_t slot;
    uint32_t route_epoch;
    uint16_t capacity;
    uint16_t length;
    uint16_t kind; /* enum tw_out_kind */
    union {
        uint16_t reason;  /* CLOSE: enum tw_close_reason */
        uint16_t channel; /* MESSAGE: enum tw_channel */
        uint16_t
            instead; /* UNUSED: of a message's that is done with, 1 + its channel; 0: of none */
    };
    union {
        uint64_t tick_ns; /* when the tick that wrote it was due, monotonic */
        struct {
            uint32_t size;   /* MESSAGE: of the whole */
            uint16_t offset; /* of this part */
            uint16_t more;   /* receivers behind the part, each u32 slot, u32 route epoch */
        } message;
    };
};
static_assert(sizeof(struct tw_out_buffer) == 40, "ring elements are multiples of 4 bytes");

/* Bytes of a receiver behind a part. */
#define TW_OUT_RECEIVER_SIZE 8u
static_assert(TW_MESSAGE_MAX - 1u <= UINT16_MAX, "offsets fit");

/* Buffers of messages between a worker and a shard, wherever they are. Snapshots cannot use them
 * up, and a worker that has no room for messages keeps them: then the shard has none, and waits. Of
 * one channel it has none then, and of no other: see lines.h. */
#define TW_OUT_MESSAGE_BUFFERS 256u

/* Buffers of one worker during one tick. The engine fills both arrays with empty ones before the
 * tick; the shard uses them from the front and advances the `used`. What is in `messages` leaves
 * in front of what is in `buffers`: the worker spreads snapshots over a part of the tick. */
struct tw_outbox {
    struct tw_out_buffer *buffers;
    uint32_t count;
    uint32_t used;
    struct tw_out_buffer *messages;
    uint32_t message_count;
    uint32_t messages_used;
    /* Of each channel, those that are on their way to the worker, or there. The shard counts what
     * it uses. */
    uint32_t messages_out[TW_CHANNEL_COUNT];
};

#endif
