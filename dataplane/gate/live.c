/* SPDX-License-Identifier: BSD-3-Clause */
#include "dataplane/gate/live.h"

#include "tickwire/assert.h"

/* What the replay test, the cipher's first look and all that follows it touch. The rest of a key is
 * the back end's to load: it knows how far ahead. */
static void prefetch_body(const struct tw_session_body *body, const struct tw_header *header)
{
    tw_prefetch_to_write(body);
    tw_prefetch(&body->receive_keys[header->flags]);
}

/* The body is not looked at, so not loaded, once the budget is used up. */
static uint16_t try_heard(struct tw_path_tries *tries, struct tw_session_body *body,
                          const struct tw_packet *packet, uint64_t now_ns)
{
    if (!tw_budget_has(&tries->heard, tries->heard_rate, now_ns) ||
        packet->header.sequence <= body->replay.newest || !tw_path_try(&body->path, now_ns))
        return TW_OUTCOME_PATH_UNKNOWN;
    (void)tw_budget_take(&tries->heard, tries->heard_rate, now_ns);
    return TW_OUTCOME_OPEN;
}

/* The same; and whoever is drawn takes of it only what the cipher is to be spent on. */
static uint16_t try_silent(struct tw_path_tries *tries, const struct tw_session_body *body,
                           const struct tw_packet *packet, uint64_t now_ns)
{
    if (!tw_path_draw(tries, now_ns))
        return TW_OUTCOME_PATH_BUDGET;
    if (packet->header.sequence <= body->replay.newest || !tw_path_may_open(&body->path, now_ns))
        return TW_OUTCOME_PATH_UNKNOWN;
    return tw_path_take(tries, packet->payload_length, now_ns) ? TW_OUTCOME_OPEN
                                                               : TW_OUTCOME_PATH_BUDGET;
}

/* From another address than the session's. */
static __attribute__((noinline)) uint16_t check_path(const struct tw_live *live,
                                                     struct tw_packet *packet, uint64_t now_ns)
{
    const struct tw_session *session = &live->sessions->hot[packet->slot];
    struct tw_session_body *body = &live->sessions->bodies[packet->slot];
    struct tw_path_end source = {packet->source, packet->interface};
    if ((session->roam & TW_ROAM_CANDIDATE) != 0 &&
        tw_path_is_candidate(&body->path, &source, now_ns)) {
        packet->path = TW_PATH_CANDIDATE;
        return TW_OUTCOME_OPEN;
    }
    if (session->state == TW_SESSION_CLOSING)
        return TW_OUTCOME_PATH_UNKNOWN;
    packet->path = TW_PATH_FRESH;
    return tw_path_is_silent(session->heard_ns, now_ns)
               ? try_silent(live->path_tries, body, packet, now_ns)
               : try_heard(live->path_tries, body, packet, now_ns);
}

static uint16_t check_session(const struct tw_live *live, struct tw_packet *packet, uint64_t now_ns)
{
    switch (tw_sessions_find(live->sessions, tw_packet_session_id(packet), &packet->slot)) {
    case TW_SESSIONS_UNKNOWN:
        return TW_OUTCOME_CONNECTION_UNKNOWN;
    case TW_SESSIONS_STALE:
        return TW_OUTCOME_GENERATION_STALE;
    case TW_SESSIONS_FOUND:
        break;
    }
    const struct tw_session *session = &live->sessions->hot[packet->slot];
    if (session->state >= TW_SESSION_RESERVED)
        return session->state == TW_SESSION_MOVED ? TW_OUTCOME_ELSEWHERE
                                                  : TW_OUTCOME_CONNECTION_UNKNOWN;
    packet->path = TW_PATH_CURRENT;
    if (!tw_live_is_on_path(session, packet)) {
        uint16_t outcome = check_path(live, packet, now_ns);
        if (outcome != TW_OUTCOME_OPEN)
            return outcome;
    }
    return session->state == TW_SESSION_CLOSING ? TW_OUTCOME_SESSION_CLOSING : TW_OUTCOME_OPEN;
}

static uint16_t check_header(const struct tw_header *header)
{
    /* The other channels come with a later version: nobody may send them now. */
    if ((header->flags & ~TW_FLAGS_KNOWN) != 0 || header->channel != TW_CHANNEL_STATE)
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

void tw_live_find(const struct tw_live *live, struct tw_burst *burst, uint64_t now_ns)
{
    uint32_t kept = 0;
    burst->elsewhere = burst->closing = 0;
    for (uint32_t n = 0; n < burst->going_count; n++) {
        uint8_t i = burst->going[n];
        struct tw_packet *packet = &burst->packets[i];
        uint16_t outcome = check_session(live, packet, now_ns);
        if (outcome == TW_OUTCOME_OPEN)
            outcome = check_header(&packet->header);
        if (outcome == TW_OUTCOME_OPEN)
            prefetch_body(&live->sessions->bodies[packet->slot], &packet->header);
        burst->elsewhere += outcome == TW_OUTCOME_ELSEWHERE;
        burst->closing += outcome == TW_OUTCOME_SESSION_CLOSING;
        packet->outcome = outcome;
        kept = tw_burst_pass(burst, kept, i);
    }
    burst->going_count = kept;
}

static uint16_t test_packet(const struct tw_live *live, const struct tw_packet *packet,
                            uint64_t now_ns)
{
    const struct tw_session_body *body = &live->sessions->bodies[packet->slot];
    uint64_t sequence = packet->header.sequence;
    uint16_t outcome = outcome_of_replay(tw_replay_test(&body->replay, sequence));
    if (outcome != TW_OUTCOME_OPEN)
        return outcome;
    if (packet->header.flags != body->receive_flag &&
        !tw_phase_server_has_key(&body->phase, body->replay.newest, sequence))
        return TW_OUTCOME_PHASE_UNKNOWN;
    if (packet->path != TW_PATH_FRESH &&
        !tw_budget_take(&live->sessions->hot[packet->slot].budget, live->session_rate, now_ns))
        return TW_OUTCOME_SESSION_BUDGET;
    return TW_OUTCOME_OPEN;
}

void tw_live_test(const struct tw_live *live, struct tw_burst *burst, uint64_t now_ns)
{
    uint32_t kept = 0;
    for (uint32_t n = 0; n < burst->going_count; n++) {
        uint8_t i = burst->going[n];
        struct tw_packet *packet = &burst->packets[i];
        packet->outcome = test_packet(live, packet, now_ns);
        /* The cipher asks for the others' keys itself, a few packets ahead: all of them at once
         * would make the first packet wait for the last one's. */
        if (packet->outcome == TW_OUTCOME_OPEN && kept < TW_AEAD_AHEAD)
            tw_aead_prefetch(
                live->aead,
                &live->sessions->bodies[packet->slot].receive_keys[packet->header.flags],
                packet->payload_length);
        kept = tw_burst_pass(burst, kept, i);
    }
    burst->going_count = kept;
}

static void reject_forged(const struct tw_live *live, struct tw_packet *packet)
{
    struct tw_session_body *body = &live->sessions->bodies[packet->slot];
    packet->outcome = TW_OUTCOME_TAG_WRONG;
    if (packet->header.flags == body->receive_flag)
        body->forged++;
    else
        body->forged_other++;
    if (packet->path != TW_PATH_FRESH)
        tw_budget_return(&live->sessions->hot[packet->slot].budget, live->session_rate);
}

void tw_live_open(const struct tw_live *live, struct tw_burst *burst)
{
    struct tw_aead_job jobs[TW_BURST_MAX];
    uint32_t count = burst->going_count, kept = 0;
    TW_ASSERT(count <= TW_BURST_MAX);
    if (count == 0)
        return;
    for (uint32_t n = 0; n < count; n++) {
        const struct tw_packet *packet = &burst->packets[burst->going[n]];
        jobs[n] = (struct tw_aead_job){
            .key = &live->sessions->bodies[packet->slot].receive_keys[packet->header.flags],
            .packet = packet->payload,
            .length = packet->payload_length,
        };
    }
    live->aead->open(jobs, count);
    for (uint32_t n = 0; n < count; n++) {
        uint8_t i = burst->going[n];
        if (!jobs[n].ok)
            reject_forged(live, &burst->packets[i]);
        kept = tw_burst_pass(burst, kept, i);
    }
    burst->going_count = kept;
}

/* Of a session whose packet has another phase bit than those before. */
static bool follow_phase(struct tw_session_body *body, uint64_t sequence, uint64_t now_ns)
{
    if (!tw_phase_server_follow(&body->phase, sequence, now_ns))
        return false;
    uint64_t forged = body->forged;
    body->forged = body->forged_other;
    body->forged_other = forged;
    body->receive_flag = tw_phase_server_receive_flag(&body->phase);
    return true;
}

/* Two copies in one burst both pass the test: the second one fails here, and must not cost the
 * client whose packet somebody copied. */
void tw_live_commit(const struct tw_live *live, struct tw_burst *burst, uint64_t now_ns)
{
    uint32_t kept = 0, followed = 0;
    for (uint32_t n = 0; n < burst->going_count; n++) {
        uint8_t i = burst->going[n];
        struct tw_packet *packet = &burst->packets[i];
        struct tw_session_body *body = &live->sessions->bodies[packet->slot];
        uint64_t sequence = packet->header.sequence;
        uint16_t outcome;
        tw_prefetch_to_write(&body->conduct); /* the route's */
        if (packet->path == TW_PATH_FRESH && sequence <= body->replay.newest)
            outcome = TW_OUTCOME_PATH_UNKNOWN; /* overtaken within the burst */
        else
            outcome = outcome_of_replay(tw_replay_commit(&body->replay, sequence));
        if (outcome == TW_OUTCOME_REPLAY_DUPLICATE && packet->path != TW_PATH_FRESH)
            tw_budget_return(&live->sessions->hot[packet->slot].budget, live->session_rate);
        if (outcome == TW_OUTCOME_OPEN && packet->header.flags != body->receive_flag)
            followed += follow_phase(body, sequence, now_ns);
        packet->outcome = outcome;
        kept = tw_burst_pass(burst, kept, i);
    }
    burst->going_count = kept;
    burst->followed = followed;
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

void tw_live_validate(const struct tw_live *live, struct tw_burst *burst)
{
    uint32_t talking = 0;
    for (uint32_t n = 0; n < burst->going_count; n++) {
        uint8_t i = burst->going[n];
        struct tw_packet *packet = &burst->packets[i];
        struct tw_client_frames *frames = &burst->frames[i];
        uint16_t outcome = outcome_of_frames(
            tw_client_frames_decode(frames, packet->payload + TW_HEADER_SIZE,
                                    (size_t)packet->payload_length - TW_PACKET_MIN));
        packet->outcome = outcome;
        if (outcome != TW_OUTCOME_ACCEPTED)
            live->sessions->hot[packet->slot].malformed++;
        else
            talking += frames->has_messages;
    }
    burst->talking = talking;
}
