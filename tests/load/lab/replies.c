/* SPDX-License-Identifier: BSD-3-Clause */
#include "tests/load/lab/replies.h"

#include "tickwire/bytes.h"

#include <stdlib.h>
#include <string.h>

#define NS_PER_US 1000u
#define NS_PER_S  UINT64_C(1000000000)

bool tw_replies_init(struct tw_replies *replies, uint32_t sessions)
{
    memset(replies, 0, sizeof(*replies));
    replies->count = sessions;
    replies->sessions = calloc(sessions > 0 ? sessions : 1u, sizeof(*replies->sessions));
    for (uint32_t i = 0; replies->sessions && i < sessions; i++)
        tw_replay_init(&replies->sessions[i].received);
    return replies->sessions != NULL;
}

void tw_replies_free(struct tw_replies *replies)
{
    free(replies->sessions);
    replies->sessions = NULL;
}

static bool is_acked(const struct tw_reply_session *session, uint64_t sequence)
{
    uint64_t place = sequence % TW_REPLIES_REMEMBERED;
    return (session->acked[place / 64u] >> place % 64u & 1u) != 0;
}

static bool is_remembered(const struct tw_reply_session *session, uint64_t sequence)
{
    return sequence != 0 && sequence <= session->newest &&
           session->newest - sequence < TW_REPLIES_REMEMBERED &&
           session->sent_ns[sequence % TW_REPLIES_REMEMBERED] != 0;
}

/* Makes room for a number: what stood there was sent 128 numbers before. */
static void forget(struct tw_replies *replies, struct tw_reply_session *session, uint64_t sequence)
{
    uint64_t place = sequence % TW_REPLIES_REMEMBERED;
    if (session->sent_ns[place] != 0 && !is_acked(session, sequence))
        replies->forgotten++;
    session->sent_ns[place] = 0;
    session->acked[place / 64u] &= ~(UINT64_C(1) << place % 64u);
}

void tw_replies_sent(struct tw_replies *replies, uint32_t session, uint64_t sequence,
                     uint64_t now_ns)
{
    struct tw_reply_session *who = &replies->sessions[session];
    uint64_t skipped = sequence - who->newest;
    if (skipped > TW_REPLIES_REMEMBERED)
        skipped = TW_REPLIES_REMEMBERED;
    /* Numbers that were not captured leave holes. */
    for (uint64_t i = 0; i < skipped; i++)
        forget(replies, who, sequence - i);
    who->newest = sequence;
    who->sent_ns[sequence % TW_REPLIES_REMEMBERED] = now_ns;
    replies->sent++;
}

static void acknowledge(struct tw_replies *replies, struct tw_reply_session *session,
                        uint64_t sequence, uint64_t now_ns)
{
    uint64_t place = sequence % TW_REPLIES_REMEMBERED;
    if (!is_remembered(session, sequence) || is_acked(session, sequence))
        return;
    session->acked[place / 64u] |= UINT64_C(1) << place % 64u;
    replies->acked++;
    tw_histogram_record(&replies->ack_ns, now_ns - session->sent_ns[place]);
}

static void take_ack(struct tw_replies *replies, struct tw_reply_session *session,
                     const struct tw_frame_ack *ack, uint64_t now_ns)
{
    acknowledge(replies, session, ack->largest, now_ns);
    for (uint64_t i = 0; i < 64 && i + 1 < ack->largest; i++) {
        if ((ack->bitmap >> i & 1) != 0)
            acknowledge(replies, session, ack->largest - 1u - i, now_ns);
    }
}

static void take_pong(struct tw_replies *replies, const struct tw_reply_session *session,
                      const struct tw_frame_pong *pong, uint64_t now_ns)
{
    if (!is_remembered(session, pong->echo_us))
        return;
    uint64_t sent_ns = session->sent_ns[pong->echo_us % TW_REPLIES_REMEMBERED];
    uint64_t trip_ns = now_ns - sent_ns;
    replies->pongs++;
    tw_histogram_record(&replies->pong_ns, trip_ns);
    /* Queues only add: the shortest trip tells best. */
    if (replies->clock_known && trip_ns > replies->clock_trip_ns)
        return;
    replies->clock_known = true;
    replies->clock_trip_ns = trip_ns;
    replies->clock_offset_ns = (int64_t)(pong->received_us * NS_PER_US - (sent_ns + trip_ns / 2u));
}

static void take_snapshot(struct tw_replies *replies, struct tw_reply_session *session,
                          const struct tw_server_frames *frames)
{
    if (frames->snapshot_size < TW_SNAPSHOT_FIXED_SIZE)
        return;
    uint32_t number = tw_load_u32(frames->snapshot + TW_SNAPSHOT_NUMBER);
    replies->snapshots++;
    if (number <= session->snapshot_newest)
        return; /* overtaken: latest wins */
    uint32_t step = number - session->snapshot_newest;
    uint64_t bitmap = (uint64_t)session->snapshot_bitmap << 1 | (session->snapshot_newest != 0);
    session->snapshot_bitmap = step > 32u ? 0 : (uint32_t)(bitmap << (step - 1u));
    session->snapshot_newest = number;
}

void tw_replies_received(struct tw_replies *replies, uint32_t session,
                         const struct tw_server_frames *frames, uint64_t now_ns)
{
    struct tw_reply_session *who = &replies->sessions[session];
    if (frames->has_ack)
        take_ack(replies, who, &frames->ack, now_ns);
    if (frames->has_pong)
        take_pong(replies, who, &frames->pong, now_ns);
    if (frames->has_snapshot)
        take_snapshot(replies, who, frames);
    if (frames->has_close && !who->closed) {
        who->closed = true;
        replies->closes++;
    }
}

uint64_t tw_replies_tick(const struct tw_replies *replies, uint64_t at_ns, uint32_t tick_hz)
{
    int64_t server_ns = (int64_t)at_ns + replies->clock_offset_ns;
    if (!replies->clock_known || server_ns <= 0)
        return 0;
    uint64_t whole_s = (uint64_t)server_ns / NS_PER_S;
    return whole_s * tick_hz + (uint64_t)server_ns % NS_PER_S * tick_hz / NS_PER_S;
}
