/* SPDX-License-Identifier: BSD-3-Clause */
#include "dataplane/gate/live.h"

#include "tickwire/assert.h"

void tw_live_prefetch(const struct tw_live *live, const struct tw_packet *packet)
{
    uint32_t slot = tw_connection_slot(packet->header.connection_id);
    if (slot < live->sessions->capacity)
        __builtin_prefetch(&live->sessions->hot[slot], 1);
}

/* What the replay test and the cipher touch first. */
static void prefetch_body(const struct tw_session_body *body)
{
    __builtin_prefetch(&body->replay);
    tw_aead_key_prefetch(&body->receive_key);
}

static uint16_t check_session(const struct tw_live *live, struct tw_packet *packet)
{
    switch (tw_sessions_find(live->sessions, packet->header.connection_id, &packet->slot)) {
    case TW_SESSIONS_UNKNOWN:
        return TW_OUTCOME_CONNECTION_UNKNOWN;
    case TW_SESSIONS_STALE:
        return TW_OUTCOME_GENERATION_STALE;
    case TW_SESSIONS_FOUND:
        break;
    }
    const struct tw_session *session = &live->sessions->hot[packet->slot];
    if (!tw_address_equal(&session->address, &packet->source))
        return TW_OUTCOME_PATH_UNKNOWN;
    return session->state == TW_SESSION_CLOSING ? TW_OUTCOME_SESSION_CLOSING : TW_OUTCOME_OPEN;
}

static uint16_t check_header(const struct tw_header *header)
{
    /* Key phases and the other channels come with a later version: nobody may send them now. */
    if (header->flags != 0 || header->channel != TW_CHANNEL_STATE)
        return TW_OUTCOME_HEADER_FLAGS;
    if (header->sequence < TW_SEQUENCE_FIRST || header->sequence > TW_SEALED_MAX)
        return TW_OUTCOME_SEQUENCE_INVALID;
    return TW_OUTCOME_OPEN;
}

static uint16_t outcome_of_replay(enum tw_replay_result result)
{
    switch (result) {
    case TW_REPLAY_DUPLICATE:
        return TW_OUTCOME_REPLAY_DUPLICATE;
    case TW_REPLAY_OLD:
        return TW_OUTCOME_REPLAY_OLD;
    case TW_REPLAY_FRESH:
        break;
    }
    return TW_OUTCOME_OPEN;
}

void tw_live_admit(const struct tw_live *live, struct tw_packet *packet, uint64_t now_ns)
{
    packet->outcome = check_session(live, packet);
    if (packet->outcome != TW_OUTCOME_OPEN)
        return;
    packet->outcome = check_header(&packet->header);
    if (packet->outcome != TW_OUTCOME_OPEN)
        return;
    struct tw_session_body *body = &live->sessions->bodies[packet->slot];
    packet->outcome = outcome_of_replay(tw_replay_test(&body->replay, packet->header.sequence));
    if (packet->outcome != TW_OUTCOME_OPEN)
        return;
    struct tw_budget *budget = &live->sessions->hot[packet->slot].budget;
    if (tw_budget_take(budget, live->session_rate, now_ns))
        prefetch_body(body);
    else
        packet->outcome = TW_OUTCOME_SESSION_BUDGET;
}

static void reject_forged(const struct tw_live *live, struct tw_packet *packet, uint64_t now_ns)
{
    packet->outcome = TW_OUTCOME_TAG_WRONG;
    if (tw_budget_take(live->forged_budget, live->forged_rate, now_ns))
        tw_budget_return(&live->sessions->hot[packet->slot].budget, live->session_rate);
}

void tw_live_open(const struct tw_live *live, struct tw_packet *packets, uint32_t count,
                  uint64_t now_ns)
{
    struct tw_aead_job jobs[TW_BURST_MAX];
    uint32_t packet_of_job[TW_BURST_MAX];
    uint32_t job_count = 0;
    TW_ASSERT(count <= TW_BURST_MAX);
    for (uint32_t i = 0; i < count; i++) {
        if (packets[i].outcome != TW_OUTCOME_OPEN || packets[i].kind != TW_PACKET_UDP)
            continue;
        packet_of_job[job_count] = i;
        jobs[job_count++] = (struct tw_aead_job){
            .key = &live->sessions->bodies[packets[i].slot].receive_key,
            .packet = packets[i].payload,
            .length = packets[i].payload_length,
        };
    }
    if (job_count > 0)
        live->aead->open(jobs, job_count);
    for (uint32_t job = 0; job < job_count; job++) {
        if (!jobs[job].ok)
            reject_forged(live, &packets[packet_of_job[job]], now_ns);
    }
}

static uint16_t outcome_of_frames(enum tw_frames_result result)
{
    switch (result) {
    case TW_FRAMES_MALFORMED:
        return TW_OUTCOME_FRAME_MALFORMED;
    case TW_FRAMES_RANGE:
        return TW_OUTCOME_FRAME_RANGE;
    case TW_FRAMES_OK:
        break;
    }
    return TW_OUTCOME_ACCEPTED;
}

void tw_live_accept(const struct tw_live *live, struct tw_packet *packet,
                    struct tw_client_frames *frames, uint64_t now_ns)
{
    struct tw_session *session = &live->sessions->hot[packet->slot];
    struct tw_session_body *body = &live->sessions->bodies[packet->slot];
    /* An earlier packet of the same burst may have closed the session or been a copy of this. */
    if (session->state == TW_SESSION_CLOSING) {
        packet->outcome = TW_OUTCOME_SESSION_CLOSING;
        return;
    }
    uint64_t newest = body->replay.newest;
    packet->outcome = outcome_of_replay(tw_replay_commit(&body->replay, packet->header.sequence));
    if (packet->outcome != TW_OUTCOME_OPEN)
        return;
    if (body->replay.newest != newest)
        body->newest_at_ns = now_ns;
    session->due |= TW_DUE_ACK;
    packet->outcome = outcome_of_frames(
        tw_client_frames_decode(frames, packet->payload + TW_HEADER_SIZE,
                                (size_t)packet->payload_length - TW_HEADER_SIZE - TW_TAG_SIZE));
    if (packet->outcome != TW_OUTCOME_ACCEPTED) {
        session->malformed++;
        return;
    }
    if (session->state == TW_SESSION_LIVE)
        session->heard_ns = now_ns;
    body->received_packets++;
}
