/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What an engine answers to replayed sessions: which packets it acknowledged and after how long,
 * pongs, snapshots, its clock. Each session remembers when its newest 128 packets were sent.
 *
 * Time is an argument, in ns of one clock. Memory is taken in tw_replies_init; one owner.
 */
#ifndef TICKWIRE_TESTS_LOAD_LAB_REPLIES_H
#define TICKWIRE_TESTS_LOAD_LAB_REPLIES_H

#include "dataplane/wire/frames.h"
#include "dataplane/wire/replay.h"
#include "tickwire/counters.h"

#include <stdbool.h>
#include <stdint.h>

#define TW_REPLIES_REMEMBERED 128u /* an ack reaches back 64 */

struct tw_reply_session {
    uint64_t newest;                            /* packet number sent; 0: none */
    uint64_t sent_ns[TW_REPLIES_REMEMBERED];    /* by number modulo; 0: not sent by us */
    uint64_t acked[TW_REPLIES_REMEMBERED / 64]; /* bits as above */
    struct tw_replay received;
    uint32_t snapshot_newest, snapshot_bitmap;
    bool closed;
};

struct tw_replies {
    struct tw_reply_session *sessions;
    uint32_t count;
    uint64_t sent, acked, pongs, snapshots, closes;
    uint64_t forgotten; /* sent so long before any ack that none could tell any more */
    struct tw_histogram ack_ns, pong_ns;
    bool clock_known;
    int64_t clock_offset_ns; /* server's time - ours */
    uint64_t clock_trip_ns;  /* of the pong that told it */
};

bool tw_replies_init(struct tw_replies *replies, uint32_t sessions)
    __attribute__((warn_unused_result));
void tw_replies_free(struct tw_replies *replies);

void tw_replies_sent(struct tw_replies *replies, uint32_t session, uint64_t sequence,
                     uint64_t now_ns);
/* Frames of an authenticated packet that was not seen before. A pong echoes a packet's number. */
void tw_replies_received(struct tw_replies *replies, uint32_t session,
                         const struct tw_server_frames *frames, uint64_t now_ns);

/* The server's tick at our time; 0 while its clock is not known. */
uint64_t tw_replies_tick(const struct tw_replies *replies, uint64_t at_ns, uint32_t tick_hz);

#endif
