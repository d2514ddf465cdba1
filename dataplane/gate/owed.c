/* SPDX-License-Identifier: BSD-3-Clause */
#include "dataplane/gate/worker_state.h"

#include "tickwire/assert.h"

#include <rte_ring.h>
#include <rte_ring_elem.h>

#define DELIVERIES                                                                                 \
    (TW_DUE_CONFIRMED | TW_DUE_MOVED | TW_DUE_JOIN | TW_DUE_LEAVE | TW_DUE_CLOSED | TW_DUE_LIFE)

/* No answer is larger than what asked for it. */
#define CLOSE_PACKET (TW_PACKET_MIN + TW_FRAME_HEADER_SIZE + TW_CLOSE_SIZE)

/* ---- events --------------------------------------------------------------------------------- */

bool tw_owed_nothing(const struct tw_worker *worker, uint32_t slot)
{
    return (worker->sessions.hot[slot].due & (DELIVERIES | TW_DUE_LISTED)) == 0 &&
           __atomic_load_n(&worker->config.events->cons.tail, __ATOMIC_ACQUIRE) ==
               worker->config.events->prod.tail;
}

bool tw_owed_event(struct tw_worker *worker, enum tw_event_type type)
{
    worker->event.type = (uint16_t)type;
    worker->event.worker = (uint16_t)worker->config.index;
    return rte_ring_sp_enqueue_elem(worker->config.events, &worker->event, sizeof(worker->event)) ==
           0;
}

bool tw_owed_session_event(struct tw_worker *worker, enum tw_event_type type, uint32_t slot)
{
    const struct tw_session *session = &worker->sessions.hot[slot];
    const struct tw_session_body *body = &worker->sessions.bodies[slot];
    struct tw_agent_session *out = &worker->event.session;
    uint64_t query = worker->event.query;
    memset(&worker->event, 0, sizeof(worker->event));
    worker->event.found = 1;
    worker->event.query = type == TW_EVENT_SESSION ? query : 0;
    out->connection_id = tw_sessions_id(&worker->sessions, slot);
    out->world = body->world;
    out->account = body->account;
    memcpy(out->token_id, body->token_id, sizeof(out->token_id));
    out->address = session->address;
    out->reason = session->close_reason;
    out->installed_ns = body->installed_ns;
    out->first_id = body->first_id;
    out->moves = body->landing.moves;
    out->age_s = (uint32_t)((worker->now_ns - body->installed_ns) / 1000000000u);
    out->received_packets = body->received_packets;
    out->sent_packets = body->sent_packets;
    out->conduct_stage = body->conduct.stage;
    out->conduct_score = tw_conduct_score(&body->conduct, &worker->conduct, worker->now_ns);
    out->conduct_charge = body->conduct.kind;
    out->conduct_since = body->conduct.since;
    out->told_ns = worker->now_ns;
    out->link = worker->talk.transports[slot].congestion.state;
    out->life = (uint32_t)tw_life_state((enum tw_life_tier)worker->lives.sessions[slot].tier,
                                        out->link != TW_LINK_NORMAL);
    out->silent_ms = (uint32_t)((worker->now_ns - session->heard_ns) / 1000000u);
    return tw_owed_event(worker, type);
}

/* ---- the list ------------------------------------------------------------------------------- */

static void list_session(struct tw_worker *worker, uint32_t slot)
{
    struct tw_slot_queue *queue = &worker->owed;
    struct tw_session *session = &worker->sessions.hot[slot];
    if ((session->due & TW_DUE_LISTED) != 0)
        return;
    TW_ASSERT(queue->count < worker->sessions.capacity);
    session->due |= TW_DUE_LISTED;
    queue->slots[(queue->first + queue->count) % worker->sessions.capacity] = slot;
    queue->count++;
}

static uint32_t unlist_oldest(struct tw_worker *worker)
{
    struct tw_slot_queue *queue = &worker->owed;
    uint32_t slot = queue->slots[queue->first];
    queue->first = (queue->first + 1u) % worker->sessions.capacity;
    queue->count--;
    worker->sessions.hot[slot].due &= (uint8_t)~TW_DUE_LISTED;
    return slot;
}

/* ---- deliveries and closing ----------------------------------------------------------------- */

static void deliver(struct tw_worker *worker, uint32_t slot)
{
    struct tw_session *session = &worker->sessions.hot[slot];
    unsigned int left = session->due & DELIVERIES;
    if ((left & TW_DUE_CONFIRMED) != 0 && tw_owed_session_event(worker, TW_EVENT_CONFIRMED, slot))
        left &= ~(unsigned int)TW_DUE_CONFIRMED;
    if ((left & TW_DUE_MOVED) != 0 && tw_owed_session_event(worker, TW_EVENT_MOVED, slot))
        left &= ~(unsigned int)TW_DUE_MOVED;
    if ((left & TW_DUE_LIFE) != 0 && (left & (TW_DUE_CONFIRMED | TW_DUE_MOVED)) == 0 &&
        tw_owed_session_event(worker, TW_EVENT_LIFE, slot))
        left &= ~(unsigned int)TW_DUE_LIFE;
    if ((left & TW_DUE_JOIN) != 0 && tw_route_join(worker, slot))
        left &= ~(unsigned int)TW_DUE_JOIN;
    if ((left & TW_DUE_LEAVE) != 0 && (left & TW_DUE_JOIN) == 0 && tw_route_leave(worker, slot))
        left &= ~(unsigned int)TW_DUE_LEAVE;
    /* The control plane hears of a session's end after its beginning. */
    if ((left & TW_DUE_CLOSED) != 0 && (left & (TW_DUE_CONFIRMED | TW_DUE_MOVED)) == 0 &&
        tw_owed_session_event(worker, TW_EVENT_CLOSED, slot))
        left &= ~(unsigned int)TW_DUE_CLOSED;
    bool refused = (left & (TW_DUE_JOIN | TW_DUE_LEAVE)) != 0;
    if (refused && (session->due & TW_DUE_LISTED) == 0)
        tw_counter_add(&worker->config.counters->records_ring_full, 1);
    session->due = (uint8_t)((session->due & ~(unsigned int)DELIVERIES) | left);
}

void tw_owed_settle(struct tw_worker *worker, uint32_t slot)
{
    const struct tw_session *session = &worker->sessions.hot[slot];
    deliver(worker, slot);
    if ((session->due & DELIVERIES) != 0 || session->state == TW_SESSION_CLOSING)
        list_session(worker, slot);
}

/* What of the session's end others have to hear stands in its `due`. */
static void begin_closing(struct tw_worker *worker, uint32_t slot, uint16_t reason, bool tell)
{
    struct tw_session *session = &worker->sessions.hot[slot];
    session->due &= (uint8_t) ~(TW_DUE_PONG | TW_DUE_LIFE);
    tw_life_end(worker, slot);
    session->close_reason = reason;
    session->closes_left = tell ? TW_SESSION_CLOSES + TW_SESSION_ANSWERS : 0;
    session->timer_ns = worker->now_ns + (tell ? 0 : TW_SESSION_LINGER_NS);
    tw_sessions_set_state(&worker->sessions, slot, TW_SESSION_CLOSING);
    tw_owed_settle(worker, slot);
}

void tw_owed_fence(struct tw_worker *worker, uint32_t slot, uint32_t new_id)
{
    struct tw_session *session = &worker->sessions.hot[slot];
    TW_ASSERT(session->state == TW_SESSION_LIVE && (session->due & TW_DUE_JOIN) == 0);
    session->due |= TW_DUE_CLOSED;
    session->moved_to = new_id;
    session->roam |= TW_ROAM_FENCED;
    begin_closing(worker, slot, TW_CLOSE_RESUMED, true);
}

void tw_owed_close(struct tw_worker *worker, uint32_t slot, uint16_t reason, bool tell)
{
    struct tw_session *session = &worker->sessions.hot[slot];
    TW_ASSERT(session->state != TW_SESSION_FREE);
    if (session->state == TW_SESSION_CLOSING)
        return;
    if (session->state == TW_SESSION_LIVE) {
        /* A join that never left needs no leave; whoever came from another worker is in. */
        const struct tw_session_body *body = &worker->sessions.bodies[slot];
        bool is_in =
            body->landing.moves > 0 || body->resumes_id != 0 || (session->due & TW_DUE_JOIN) == 0;
        unsigned int kept = session->due & ~(is_in ? 0u : (unsigned int)TW_DUE_JOIN);
        session->due = (uint8_t)(kept | TW_DUE_CLOSED | (is_in ? TW_DUE_LEAVE : 0u));
    }
    begin_closing(worker, slot, reason, tell);
}

void tw_owed_release(struct tw_worker *worker, uint32_t slot)
{
    if (worker->sessions.hot[slot].handshake != TW_PENDING_NONE)
        tw_pending_end(&worker->pending, worker->sessions.hot[slot].handshake);
    tw_transmit_settle(worker, slot);
    tw_talk_end(worker, slot);
    tw_resume_forget(worker, slot);
    tw_sessions_release(&worker->sessions, slot);
}

static void send_close(struct tw_worker *worker, uint32_t slot)
{
    tw_outward_close_frame(worker, slot);
    worker->sessions.hot[slot].closes_left--;
    worker->sessions.hot[slot].heard_ns = worker->now_ns;
}

/* What the shard has written for it until it read of its end goes on with another. */
static bool is_settled(const struct tw_session *session)
{
    return (session->due & DELIVERIES) == 0 && (session->roam & TW_ROAM_FENCED) == 0;
}

/* All that is left is to tell it again, should it still send. */
static bool is_lingering(const struct tw_session *session)
{
    return session->state == TW_SESSION_CLOSING && session->closes_left <= TW_SESSION_ANSWERS &&
           is_settled(session);
}

/* Whoever was told and sends nothing any more has heard it. */
static bool has_heard(const struct tw_worker *worker, const struct tw_session *session)
{
    uint64_t quiet_ns = worker->closing_all ? TW_SESSION_QUIET_STOP_NS : TW_SESSION_QUIET_NS;
    return session->closes_left > 0 && worker->now_ns - session->heard_ns >= quiet_ns;
}

/* True once the session is released. */
static bool advance_closing(struct tw_worker *worker, uint32_t slot)
{
    struct tw_session *session = &worker->sessions.hot[slot];
    bool due = session->timer_ns <= worker->now_ns;
    if (session->closes_left > TW_SESSION_ANSWERS) {
        if (!due)
            return false;
        send_close(worker, slot);
        bool last = session->closes_left == TW_SESSION_ANSWERS;
        session->timer_ns = worker->now_ns + (last ? TW_SESSION_CLOSING_NS : TW_SESSION_CLOSE_NS);
        return false;
    }
    if (!is_settled(session))
        return false;
    tw_talk_end(worker, slot);
    if (!due && !has_heard(worker, session))
        return false;
    tw_owed_release(worker, slot);
    return true;
}

/* From the session's own address, and so not opened: whoever forges it makes no more of it. */
void tw_owed_answer(struct tw_worker *worker, const struct tw_packet *packet)
{
    const struct tw_session *session = &worker->sessions.hot[packet->slot];
    bool asked = packet->path == TW_PATH_CURRENT && packet->payload_length >= CLOSE_PACKET;
    if (asked && session->closes_left > 0 && session->closes_left <= TW_SESSION_ANSWERS &&
        worker->now_ns - session->heard_ns >= TW_SESSION_ANSWER_NS)
        send_close(worker, packet->slot);
}

uint32_t tw_owed_take_slot(struct tw_worker *worker)
{
    uint32_t slot = tw_sessions_take(&worker->sessions);
    uint32_t count = worker->owed.count;
    for (uint32_t i = 0; i < count && i < TW_SESSIONS_PER_TURN && slot == TW_SESSION_NONE; i++) {
        uint32_t listed = unlist_oldest(worker);
        if (is_lingering(&worker->sessions.hot[listed])) {
            tw_owed_release(worker, listed);
            slot = tw_sessions_take(&worker->sessions);
        } else {
            list_session(worker, listed);
        }
    }
    return slot;
}

void tw_owed_turn(struct tw_worker *worker)
{
    uint32_t count = worker->owed.count;
    if (count > TW_SESSIONS_PER_TURN)
        count = TW_SESSIONS_PER_TURN;
    for (uint32_t i = 0; i < count; i++) {
        uint32_t slot = unlist_oldest(worker);
        const struct tw_session *session = &worker->sessions.hot[slot];
        /* It was counted when it was listed first. */
        worker->sessions.hot[slot].due |= TW_DUE_LISTED;
        deliver(worker, slot);
        worker->sessions.hot[slot].due &= (uint8_t)~TW_DUE_LISTED;
        if (session->state == TW_SESSION_CLOSING && advance_closing(worker, slot))
            continue;
        if ((session->due & DELIVERIES) != 0 || session->state == TW_SESSION_CLOSING)
            list_session(worker, slot);
    }
}
