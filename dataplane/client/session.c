/* SPDX-License-Identifier: BSD-3-Clause */
#include "dataplane/client/session.h"

#include "dataplane/client/farewell.h"
#include "dataplane/wire/header.h"

#include <sodium.h>

#define MICROSECONDS        UINT64_C(1000000)
#define MICROSECONDS_PER_MS 1000u

bool tw_client_session_init(struct tw_client_session *session,
                            const struct tw_client_session_config *config, uint64_t now_us)
{
    const struct tw_welcome *welcome = config->welcome;
    if (welcome->tick_hz == 0 || welcome->connection_id == 0)
        return false;
    sodium_memzero(session, sizeof(*session));
    tw_client_link_init(&session->link, config->backend, config->secrets,
                        (enum tw_suite)welcome->suite, TW_CLIENT_LINK_CLIENT);
    tw_client_link_name(&session->link, welcome->connection_id);
    tw_client_clock_init(&session->clock, welcome->tick_hz, welcome->server_time_us, now_us);
    tw_client_steering_init(&session->steering, welcome->tick_hz, now_us);
    tw_client_inputs_init(&session->inputs);
    session->inputs.current = config->input;
    session->datagram_max = welcome->mtu > TW_DATAGRAM_BASE ? welcome->mtu : 0;
    struct tw_transport_config transport = {.channels = config->channels,
                                            .first_sequence = session->link.next_sequence,
                                            .datagram_max = session->datagram_max};
    tw_transport_init(&session->transport, &transport, now_us);
    session->view = config->view;
    session->events = config->events;
    session->statistics = config->statistics;
    session->tick_us = MICROSECONDS / welcome->tick_hz;
    session->begun_us = now_us;
    session->heard_us = now_us;
    session->next_ping_us = now_us;
    session->times = config->times;
    session->resume = config->resume;
    return true;
}

void tw_client_session_wipe(struct tw_client_session *session)
{
    tw_transport_fini(&session->transport);
    sodium_memzero(session, sizeof(*session));
}

static void report_entities(struct tw_client_session *session, enum tw_client_event_type type,
                            const uint32_t *handles, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++)
        tw_client_events_push(session->events,
                              &(struct tw_client_event){.type = type, .entity = handles[i]});
}

/* The server hears once a second what our view came to, and three times that it is wrong: unless we
 * had no room for all of it, which no repair would mend. */
static void note_check(struct tw_client_session *session, const struct tw_view_changes *changes,
                       uint64_t now_us)
{
    bool told = session->check_repeats == 0 && session->checked_us != 0 &&
                now_us - session->checked_us < TW_CLIENT_CHECK_INTERVAL_US;
    if (!changes->hash_checked || session->view_full || (told && !changes->hash_wrong))
        return;
    const struct tw_check *check = &changes->check;
    session->check = (struct tw_frame_check){
        .number = check->number, .sum = check->sum, .bits = check->bits, .group = check->group};
    session->check_repeats = changes->hash_wrong ? TW_CLIENT_CHECK_REPEATS : 1u;
}

static void apply_baseline(struct tw_client_session *session)
{
    session->check_repeats = 0;
    session->view_full = false;
    session->statistics->views_repaired++;
    tw_client_events_push(session->events,
                          &(struct tw_client_event){.type = TW_CLIENT_EVENT_REPAIRED});
}

static void apply_snapshot(struct tw_client_session *session, const struct tw_view_changes *changes,
                           uint64_t now_us)
{
    struct tw_client_statistics *statistics = session->statistics;
    statistics->snapshots++;
    statistics->snapshots_lost += changes->missed;
    statistics->snapshots_incomplete += changes->incomplete;
    statistics->hashes_checked += changes->hash_checked;
    statistics->hashes_wrong += changes->hash_wrong;
    tw_client_inputs_applied(&session->inputs, changes->last_input_tick);
    session->snapshot_tick = changes->tick;
    tw_client_playout_snapshot(&session->playout,
                               tw_client_clock_due_us(&session->clock, changes->tick),
                               tw_client_clock_time_us(&session->clock, now_us));
    report_entities(session, TW_CLIENT_EVENT_EXIT, changes->exited, changes->exited_count);
    if (changes->baseline)
        apply_baseline(session);
    note_check(session, changes, now_us);
    report_entities(session, TW_CLIENT_EVENT_ENTER, changes->entered, changes->entered_count);
    if (changes->hash_wrong)
        tw_client_events_push(session->events, &(struct tw_client_event){
                                                   .type = TW_CLIENT_EVENT_DESYNC,
                                                   .code = changes->tick,
                                               });
}

static void apply_pong(struct tw_client_session *session, const struct tw_frame_pong *pong,
                       uint64_t now_us)
{
    if (!tw_client_clock_pong(&session->clock, pong, now_us))
        return;
    session->pings_missed = 0;
    if (session->clock.rtt_smooth_us == 0)
        return; /* the answer to a ping by an earlier path */
    session->statistics->rtt_us = session->clock.rtt_us;
    session->statistics->rtt_min_us = session->clock.rtt_min_us;
    session->statistics->rtt_samples++;
    tw_client_steering_guess(&session->steering, session->clock.rtt_smooth_us,
                             session->clock.rtt_min_us, now_us);
}

/* A server asks whether we are where our packets come from, and may give us another name. */
static void apply_path(struct tw_client_session *session, const struct tw_server_frames *frames,
                       uint64_t sequence)
{
    if (frames->has_challenge) {
        session->response_due = true;
        memcpy(session->challenge, frames->challenge, sizeof(session->challenge));
    }
    if (frames->has_rename)
        tw_client_link_rename(&session->link, frames->connection_id, sequence);
}

static void apply_resume(struct tw_client_session *session, const uint8_t *frame)
{
    if (!session->resume || session->resume->expires_unix_s != 0)
        return;
    session->resume->expires_unix_s = tw_load_u64(frame + TW_RESUME_EXPIRES);
    memcpy(session->resume->token, frame + TW_RESUME_TOKEN, TW_TOKEN_SIZE);
    tw_client_events_push(session->events,
                          &(struct tw_client_event){.type = TW_CLIENT_EVENT_RESUMABLE});
}

/* False: acknowledges what was never sent, or messages contradict themselves. */
static bool receive_messages(struct tw_client_session *session,
                             const struct tw_server_frames *frames, uint64_t sequence,
                             uint64_t now_us)
{
    struct tw_transport_packet packet = {
        .sequence = sequence,
        .ack = frames->has_ack ? &frames->ack : NULL,
        .messages = frames->has_messages ? frames->messages : NULL,
        .messages_size = frames->messages_size,
    };
    enum tw_transport_result result = tw_transport_receive(&session->transport, &packet, now_us);
    /* Without room the packet is not acknowledged, but all else in it counts. */
    return result == TW_TRANSPORT_OK || result == TW_TRANSPORT_NO_ROOM;
}

static void take_snapshot(struct tw_client_session *session, const struct tw_server_frames *frames,
                          uint64_t now_us)
{
    struct tw_view_changes changes = {0};
    switch (tw_view_apply(session->view, frames->snapshot, frames->snapshot_size, &changes)) {
    case TW_VIEW_FULL:
        session->view_full = true;
        apply_snapshot(session, &changes, now_us);
        break;
    case TW_VIEW_APPLIED:
        apply_snapshot(session, &changes, now_us);
        break;
    case TW_VIEW_OLD:
    case TW_VIEW_MALFORMED: /* was seen to be none */
        break;
    }
}

static_assert((uint32_t)TW_CLIENT_CHARGE_ACTIONS + 1u == TW_NOTICE_KINDS, "every kind has a name");

static void apply_frames(struct tw_client_session *session, const struct tw_server_frames *frames,
                         uint64_t now_us)
{
    if (frames->has_snapshot)
        take_snapshot(session, frames, now_us);
    if (frames->has_pong)
        apply_pong(session, &frames->pong, now_us);
    if (frames->has_notice)
        tw_client_events_push(
            session->events, &(struct tw_client_event){.type = TW_CLIENT_EVENT_WARNED,
                                                       .code = frames->notice.stage |
                                                               (uint32_t)frames->notice.kind << 8});
    if (frames->has_arrivals)
        tw_client_steering_report(&session->steering, &frames->arrivals, now_us);
    if (frames->has_resume)
        apply_resume(session, frames->resume);
    if (frames->has_close) {
        session->closed = true;
        session->close_reason = frames->close_reason;
    }
}

/* All frames are judged before one of them is applied. */
bool tw_client_session_receive(struct tw_client_session *session, uint8_t *packet, size_t length,
                               uint64_t now_us)
{
    if (tw_client_link_open(&session->link, packet, length, now_us) != TW_CLIENT_LINK_OK)
        return false;
    session->heard_us = now_us;
    session->statistics->key_phase = session->link.keys.number;

    struct tw_server_frames frames;
    if (tw_server_frames_decode(&frames, packet + TW_HEADER_SIZE, length - TW_PACKET_MIN) !=
        TW_FRAMES_OK)
        return false;
    if (frames.has_snapshot && !tw_view_is_valid(frames.snapshot, frames.snapshot_size))
        return false;
    if (!receive_messages(session, &frames, tw_header_read(packet).sequence, now_us))
        return false;
    apply_frames(session, &frames, now_us);
    apply_path(session, &frames, tw_header_read(packet).sequence);
    return true;
}

static void write_ping(struct tw_client_session *session, struct tw_writer *writer, uint64_t now_us)
{
    if (now_us < session->next_ping_us)
        return;
    tw_frame_write_ping(writer, now_us);
    if (session->resume && session->resume->expires_unix_s == 0)
        tw_frame_write_resume_wanted(writer);
    session->pings++;
    session->pings_missed++;
    session->next_ping_us =
        now_us + (session->pings < TW_CLIENT_PING_FIRST_COUNT ? TW_CLIENT_PING_FIRST_US
                                                              : TW_CLIENT_PING_INTERVAL_US);
}

/* What each tick says. */
static void write_tick(struct tw_client_session *session, struct tw_writer *writer, uint64_t now_us)
{
    struct tw_input list[TW_INPUTS_MAX];
    uint8_t count = tw_client_inputs_list(&session->inputs, list);
    if (count > 0)
        tw_frame_write_inputs(writer, (uint32_t)session->inputs.newest_tick, list, count);

    uint32_t newest = 0;
    uint32_t bitmap = 0;
    tw_view_acknowledgement(session->view, &newest, &bitmap);
    if (newest > 0)
        tw_frame_write_snapshot_ack(writer, newest, bitmap);
    if (session->check_repeats > 0) {
        tw_frame_write_check(writer, &session->check);
        session->check_repeats--;
        session->checked_us = now_us;
        session->statistics->checks_reported++;
    }
    write_ping(session, writer, now_us);
    if (session->response_due)
        tw_frame_write_response(writer, session->challenge);
    session->response_due = false;
}

static size_t seal(struct tw_client_session *session, uint8_t *out, size_t plaintext_size,
                   uint64_t now_us)
{
    size_t size = tw_client_link_seal(&session->link, out, plaintext_size);
    tw_transport_sent(&session->transport, (uint32_t)size, now_us);
    return size;
}

enum tw_life_state tw_client_session_health(struct tw_client_session *session, uint64_t now_us)
{
    enum tw_life_tier tier =
        tw_life_tier(&session->times, (now_us - session->heard_us) / MICROSECONDS_PER_MS);
    enum tw_life_state health =
        tw_life_state(tier, tw_transport_state(&session->transport) != TW_LINK_NORMAL);
    if (health == session->health || health == TW_LIFE_DISCONNECTED)
        return health;
    session->health = (uint8_t)health;
    tw_client_events_push(session->events, &(struct tw_client_event){.type = TW_CLIENT_EVENT_HEALTH,
                                                                     .code = (uint32_t)health});
    return health;
}

void tw_client_session_path_changed(struct tw_client_session *session, uint64_t now_us)
{
    tw_transport_path_changed(&session->transport, session->datagram_max, now_us);
    tw_client_clock_path_changed(&session->clock, now_us);
    tw_client_steering_path_changed(&session->steering);
    tw_client_playout_path_changed(&session->playout);
    session->statistics->rtt_us = 0;
    session->statistics->rtt_min_us = 0;
    /* Something leaves at once, even where nothing got through before, and measures. */
    session->sent_us = 0;
    session->pings = 0;
    session->pings_missed = 0;
    session->next_ping_us = now_us;
}

uint64_t tw_client_session_input_tick(const struct tw_client_session *session, uint64_t now_us)
{
    uint64_t server_us = tw_client_clock_time_us(&session->clock, now_us);
    int64_t lead_us = tw_client_steering_lead_us(&session->steering, now_us);
    return tw_client_clock_tick_at(&session->clock, server_us + (uint64_t)lead_us);
}

/* Inputs of all ticks that have come within the lead; how many. */
static uint32_t make_inputs(struct tw_client_session *session, uint64_t now_us)
{
    uint64_t tick = tw_client_session_input_tick(session, now_us);
    uint32_t made = tw_client_inputs_advance(&session->inputs, tick);
    if (made > 0)
        tw_client_steering_made(&session->steering, (uint32_t)session->inputs.newest_tick, made,
                                now_us);
    return made;
}

static size_t write_probe(struct tw_client_session *session, uint8_t *out, uint64_t now_us)
{
    struct tw_writer writer = tw_writer_make(out + TW_HEADER_SIZE, TW_PLAINTEXT_MAX);
    if (!tw_transport_write_probe(&session->transport, &writer, now_us))
        return 0;
    return seal(session, out, TW_PLAINTEXT_MAX - tw_writer_left(&writer), now_us);
}

/* Once of each stall: what went on meanwhile may stall anew. */
static void tell_stalls(struct tw_client_session *session, uint64_t now_us)
{
    uint32_t stalled = tw_transport_stalled(&session->transport, now_us);
    uint32_t news = stalled & ~(uint32_t)session->stalled;
    for (uint32_t channel = 0; news >> channel != 0; channel++) {
        if ((news >> channel & 1u) != 0)
            tw_client_events_push(
                session->events,
                &(struct tw_client_event){.type = TW_CLIENT_EVENT_STALLED, .code = channel});
    }
    session->stalled = (uint8_t)stalled;
}

size_t tw_client_session_write(struct tw_client_session *session, uint8_t *out, uint64_t now_us)
{
    if (tw_client_session_exhausted(session))
        return 0;
    tell_stalls(session, now_us);
    tw_phase_client_age(&session->link.keys, now_us);
    if (session->health == TW_LIFE_RECONNECTING && now_us - session->sent_us < TW_CLIENT_RETRY_US &&
        !session->response_due)
        return 0;
    if (now_us >= tw_transport_due_us(&session->transport, now_us))
        tw_transport_update(&session->transport, now_us);
    uint32_t made = make_inputs(session, now_us);
    /* No new tick for longer than one lasts: the clock was set back. Go on repeating. */
    bool idle = now_us - session->sent_us >= session->tick_us + session->tick_us / 2u;
    bool tick = made > 0 || idle || session->response_due;
    if (!tick && !tw_transport_wants_packet(&session->transport, now_us))
        return write_probe(session, out, now_us);

    uint32_t limit = tw_transport_plaintext_max(&session->transport);
    struct tw_writer writer = tw_writer_make(out + TW_HEADER_SIZE, limit);
    if (tick)
        write_tick(session, &writer, now_us);
    tw_transport_write(&session->transport, &writer, now_us);
    size_t plaintext_size = limit - tw_writer_left(&writer);
    if (plaintext_size == 0)
        return 0;
    if (tick)
        session->sent_us = now_us;
    session->statistics->inputs_sent += made;
    return seal(session, out, plaintext_size, now_us);
}

bool tw_client_session_exhausted(const struct tw_client_session *session)
{
    return tw_client_link_left(&session->link) <=
               TW_CLIENT_FAREWELL_FIRST + TW_CLIENT_FAREWELL_LATER ||
           tw_client_link_exhausted(&session->link);
}
