/* SPDX-License-Identifier: BSD-3-Clause */
/* Sessions from worker to worker; what happens in which order is told in move.h. */
#include "dataplane/gate/ring.h"
#include "dataplane/gate/worker_state.h"

#include "tickwire/assert.h"

#include <rte_mbuf.h>
#include <rte_ring.h>
#include <rte_ring_elem.h>
#include <rte_ring_peek_zc.h>
#include <sodium.h>

static void count(struct tw_worker *worker, enum tw_roaming event)
{
    tw_counter_add(&worker->config.counters->roaming[event], 1);
}

static uint32_t worker_of(uint32_t connection_id)
{
    return tw_connection_worker(connection_id);
}

/* ---- rings -------------------------------------------------------------------------------------
 */

/* A place in the ring to a worker, all zero, to be filled in and ended; NULL: no room. */
static struct tw_move *begin_send(struct tw_worker *worker, uint32_t to, enum tw_move_type type)
{
    struct rte_ring_zc_data place;
    struct rte_ring *ring = worker->config.move_out[to];
    if (!ring ||
        rte_ring_enqueue_zc_bulk_elem_start(ring, sizeof(struct tw_move), 1, &place, NULL) != 1)
        return NULL;
    struct tw_move *move = place.ptr1;
    memset(move, 0, offsetof(struct tw_move, session));
    move->type = type;
    return move;
}

static void end_send(struct tw_worker *worker, uint32_t to)
{
    rte_ring_enqueue_zc_elem_finish(worker->config.move_out[to], 1);
}

/* Room for what must always find some is kept, and for `others` more. */
static bool has_room(const struct tw_worker *worker, uint32_t to, uint32_t others)
{
    uint32_t used = tw_ring_used(worker->config.move_out[to]);
    return used + others < TW_MOVE_RING_DEPTH - 1u - TW_MOVE_RING_KEPT;
}

static bool send_small(struct tw_worker *worker, uint32_t to, const struct tw_move *small)
{
    struct tw_move *move = begin_send(worker, to, small->type);
    if (!move)
        return false;
    memcpy(move, small, offsetof(struct tw_move, session));
    end_send(worker, to);
    return true;
}

/* ---- the owner: asking -------------------------------------------------------------------------
 */

/* Only a session that is settled where it is goes on. */
static bool may_ask(const struct tw_worker *worker, uint32_t slot)
{
    const struct tw_session *session = &worker->sessions.hot[slot];
    const struct tw_session_body *body = &worker->sessions.bodies[slot];
    return session->state == TW_SESSION_LIVE && !worker->closing_all && body->landing.asked == 0 &&
           (session->roam & (TW_ROAM_CANDIDATE | TW_ROAM_RENAMED)) == 0 &&
           worker->moves_asked[body->landing.worker] < TW_MOVES_UNDER_WAY;
}

static void ask(struct tw_worker *worker, uint32_t slot)
{
    struct tw_landing *landing = &worker->sessions.bodies[slot].landing;
    struct tw_move move = {.type = TW_MOVE_ASK, .old_id = tw_sessions_id(&worker->sessions, slot)};
    if (!send_small(worker, landing->worker, &move))
        return;
    landing->asked = 1;
    worker->moves_asked[landing->worker]++;
    count(worker, TW_ROAMING_ASKED);
}

/* An authentic packet came by another worker: those that follow it are no strangers there. Tried
 * again with the next one if there is no room. */
static void tell_where_it_lands(struct tw_worker *worker, const struct tw_packet *packet)
{
    struct tw_session_body *body = &worker->sessions.bodies[packet->slot];
    uint32_t at = packet->arrived_at;
    uint8_t unit = (uint8_t)tw_guest_unit(worker->now_ns);
    bool told = body->guest_at == at + 1u && body->guest_unit == unit;
    if (at == worker->config.index || told || !has_room(worker, at, TW_MOVE_RING_GUESTS_KEEP))
        return;
    struct tw_move move = {.type = TW_MOVE_GUEST,
                           .old_id = tw_sessions_id(&worker->sessions, packet->slot)};
    if (!send_small(worker, at, &move))
        return;
    body->guest_at = (uint8_t)(at + 1u);
    body->guest_unit = unit;
}

static void note_landing(struct tw_worker *worker, const struct tw_packet *packet)
{
    struct tw_session *session = &worker->sessions.hot[packet->slot];
    struct tw_landing *landing = &worker->sessions.bodies[packet->slot].landing;
    if (packet->arrived_at == worker->config.index) {
        session->roam &= (uint8_t)~TW_ROAM_LANDING;
        landing->packets = 0;
        return;
    }
    if (landing->worker != packet->arrived_at)
        landing->packets = 0;
    session->roam |= TW_ROAM_LANDING;
    landing->worker = packet->arrived_at;
    if (landing->packets < TW_MOVE_AFTER)
        landing->packets++;
    if (landing->packets == TW_MOVE_AFTER && may_ask(worker, packet->slot))
        ask(worker, packet->slot);
}

/* ---- the new owner: another name ---------------------------------------------------------------
 */

static void send_rename(struct tw_worker *worker, uint32_t slot)
{
    struct tw_landing *landing = &worker->sessions.bodies[slot].landing;
    if (landing->renamed_ns != 0 && worker->now_ns - landing->renamed_ns < TW_MOVE_RENAME_NS)
        return;
    landing->renamed_ns = worker->now_ns;
    struct rte_mbuf *mbuf = tw_transmit_buffer(worker);
    if (!mbuf)
        return;
    struct tw_writer writer = tw_writer_make(rte_pktmbuf_mtod(mbuf, uint8_t *), TW_PLAINTEXT_MAX);
    tw_frame_write_rename(&writer, tw_sessions_id(&worker->sessions, slot));
    mbuf->data_len = (uint16_t)(writer.next - rte_pktmbuf_mtod(mbuf, uint8_t *));
    mbuf->pkt_len = mbuf->data_len;
    (void)tw_transmit_sealed(worker, slot, mbuf);
}

void tw_move_look(struct tw_worker *worker, const struct tw_packet *packet)
{
    struct tw_session *session = &worker->sessions.hot[packet->slot];
    if (session->state != TW_SESSION_LIVE)
        return;
    if (packet->passed_id != 0) {
        if ((session->roam & TW_ROAM_RENAMED) != 0 && tw_outward_numbers_left(worker, packet->slot))
            send_rename(worker, packet->slot);
        return; /* it came round by the tombstone: where it arrived first is not known */
    }
    tell_where_it_lands(worker, packet);
    if ((session->roam & TW_ROAM_RENAMED) != 0) {
        session->roam &= (uint8_t)~TW_ROAM_RENAMED;
        worker->sessions.bodies[packet->slot].sent_id = packet->header.connection_id;
        count(worker, TW_ROAMING_RENAMED);
    }
    if (packet->path == TW_PATH_CURRENT)
        note_landing(worker, packet);
}

/* ---- the owner: giving -------------------------------------------------------------------------
 */

/* Nothing of the session is left here but its address to be. */
static void bury(struct tw_worker *worker, uint32_t slot)
{
    struct tw_session *session = &worker->sessions.hot[slot];
    uint32_t moved_to = worker->sessions.bodies[slot].landing.target_id;
    if (session->handshake != TW_PENDING_NONE)
        tw_pending_end(&worker->pending, session->handshake);
    sodium_memzero(&worker->sessions.bodies[slot], sizeof(struct tw_session_body));
    session->handshake = TW_PENDING_NONE;
    session->moved_to = moved_to;
    session->due = 0;
    session->roam = 0;
    session->close_reason = TW_CLOSE_NONE;
    session->budget = (struct tw_budget){0};
    session->timer_ns = worker->now_ns + TW_MOVE_TOMBSTONE_NS;
    tw_sessions_set_state(&worker->sessions, slot, TW_SESSION_MOVED);
}

void tw_move_held(struct tw_worker *worker, uint32_t slot)
{
    struct tw_landing *landing = &worker->sessions.bodies[slot].landing;
    worker->sessions.hot[slot].roam &= (uint8_t)~TW_ROAM_FENCED;
    if (landing->hold == TW_LANDING_HOLDING)
        landing->hold = TW_LANDING_HELD;
}

/* True: nothing is owed, no message is to come from the shard, and none is under way, unless a
 * pause was waited for long enough. A message that came meanwhile goes its way first, and the next
 * pause is waited for. */
static bool is_settled(struct tw_worker *worker, const struct tw_move_granted *granted)
{
    uint32_t slot = granted->slot;
    struct tw_landing *landing = &worker->sessions.bodies[slot].landing;
    bool held = landing->hold == TW_LANDING_HELD;
    bool patient = worker->now_ns - granted->since_ns < TW_MOVE_PATIENCE_NS;
    /* The shard's word would wait behind what stands still here, and everybody who speaks to this
     * player for that word. */
    bool flows = held || worker->talk.delivery.count == 0;
    bool settled =
        flows && tw_owed_nothing(worker, slot) && (tw_talk_is_pause(worker, slot) || !patient);
    if (settled == held)
        return settled;
    /* A hold is short: others wait for this player's messages to be written. */
    if (tw_route_hold(worker, slot, settled))
        landing->hold = settled ? TW_LANDING_HOLDING : TW_LANDING_FREE;
    return false;
}

enum gift {
    GIFT_NOT_YET,
    GIFT_GIVEN,
    GIFT_LENT, /* its channels until they were copied */
};

static enum gift give(struct tw_worker *worker, const struct tw_move_granted *granted)
{
    uint32_t slot = granted->slot;
    uint32_t target = worker_of(granted->new_id);
    if (!is_settled(worker, granted) || !tw_route_move(worker, slot, false))
        return GIFT_NOT_YET;
    /* In this order: what was sealed here lies in its ring before the keys leave, and the session
     * lies in its ring before the shard can read of it, and write for its new slot. */
    tw_transmit_flush(worker);
    struct tw_move *move = begin_send(worker, target, TW_MOVE_SESSION);
    TW_ASSERT(move != NULL); /* no more than eight are under way */
    move->old_id = tw_sessions_id(&worker->sessions, slot);
    move->new_id = granted->new_id;
    memcpy(&move->session, &worker->sessions.hot[slot], sizeof(move->session));
    memcpy(&move->body, &worker->sessions.bodies[slot], sizeof(move->body));
    move->sent_ns = worker->now_ns;
    move->account = worker->talk.sessions[slot].account;
    move->channels = tw_talk_leave(worker, slot, &move->transport);
    enum gift gift = move->channels != 0 ? GIFT_LENT : GIFT_GIVEN;
    move->life = worker->lives.sessions[slot];
    tw_life_end(worker, slot);
    move->grant = worker->grants[slot];
    tw_resume_forget(worker, slot);
    bury(worker, slot);
    end_send(worker, target);
    tw_route_flush(worker);
    count(worker, TW_ROAMING_GIVEN);
    if (gift == GIFT_LENT)
        count(worker, TW_ROAMING_GIVEN_TALKING);
    return gift;
}

static void cancel(struct tw_worker *worker, uint32_t new_id)
{
    struct tw_move move = {.type = TW_MOVE_CANCEL, .new_id = new_id};
    bool sent = send_small(worker, worker_of(new_id), &move);
    TW_ASSERT(sent); /* in the place of the session */
    count(worker, TW_ROAMING_CANCELLED);
}

/* True once the granted move is over, one way or the other, here. */
static bool settle_granted(struct tw_worker *worker, const struct tw_move_granted *granted)
{
    uint32_t slot = granted->slot;
    enum gift gift = GIFT_GIVEN;
    struct tw_landing *landing = &worker->sessions.bodies[slot].landing;
    bool lives = worker->sessions.hot[slot].state == TW_SESSION_LIVE &&
                 landing->target_id == granted->new_id;
    if (lives && landing->hold == TW_LANDING_HOLDING)
        return false; /* at most a tick */
    if (lives && !worker->closing_all) {
        gift = give(worker, granted);
    } else {
        if (lives)
            landing->asked = 0;
        cancel(worker, granted->new_id);
    }
    worker->moves_asked[worker_of(granted->new_id)] -= gift == GIFT_GIVEN;
    return gift != GIFT_NOT_YET;
}

void tw_move_give_turn(struct tw_worker *worker)
{
    uint32_t kept = 0;
    for (uint32_t i = 0; i < worker->moves_granted_count; i++) {
        struct tw_move_granted granted = worker->moves_granted[i];
        if (!settle_granted(worker, &granted))
            worker->moves_granted[kept++] = granted;
    }
    worker->moves_granted_count = kept;
}

/* The session that asked, unless it ended and its slot is free or another's. */
static uint32_t find_asking(const struct tw_worker *worker, uint32_t old_id)
{
    uint32_t slot;
    bool found = tw_sessions_find(&worker->sessions, old_id, &slot) == TW_SESSIONS_FOUND &&
                 worker->sessions.hot[slot].state == TW_SESSION_LIVE;
    return found ? slot : TW_SESSION_NONE;
}

static void take_grant(struct tw_worker *worker, const struct tw_move *move)
{
    uint32_t slot = find_asking(worker, move->old_id);
    if (slot == TW_SESSION_NONE) {
        worker->moves_asked[worker_of(move->new_id)]--;
        cancel(worker, move->new_id);
        return;
    }
    struct tw_landing *landing = &worker->sessions.bodies[slot].landing;
    landing->target_id = move->new_id;
    landing->target_epoch = move->route_epoch;
    worker->moves_granted[worker->moves_granted_count++] =
        (struct tw_move_granted){.slot = slot, .new_id = move->new_id, .since_ns = worker->now_ns};
}

static void take_refusal(struct tw_worker *worker, uint32_t from, const struct tw_move *move)
{
    uint32_t slot = find_asking(worker, move->old_id);
    worker->moves_asked[from]--;
    count(worker, TW_ROAMING_REFUSED);
    if (slot == TW_SESSION_NONE)
        return;
    /* Asked again after as many packets more. */
    worker->sessions.bodies[slot].landing.asked = 0;
    worker->sessions.bodies[slot].landing.packets = 0;
}

/* ---- the new owner: taking ---------------------------------------------------------------------
 */

static void answer_ask(struct tw_worker *worker, uint32_t from, const struct tw_move *asked)
{
    struct tw_move move = {.type = TW_MOVE_REFUSE, .old_id = asked->old_id};
    uint32_t slot = worker->closing_all ? TW_SESSION_NONE : tw_owed_take_slot(worker);
    if (slot != TW_SESSION_NONE) {
        tw_sessions_set_state(&worker->sessions, slot, TW_SESSION_RESERVED);
        worker->sessions.hot[slot].handshake = TW_PENDING_NONE;
        move.type = TW_MOVE_GRANT;
        move.new_id = tw_sessions_id(&worker->sessions, slot);
        move.route_epoch = worker->sessions.hot[slot].route_epoch;
    }
    bool sent = send_small(worker, from, &move);
    TW_ASSERT(sent); /* no more than eight wait for an answer */
}

static uint32_t find_reserved(const struct tw_worker *worker, uint32_t id)
{
    uint32_t slot;
    enum tw_sessions_found found = tw_sessions_find(&worker->sessions, id, &slot);
    TW_ASSERT(found == TW_SESSIONS_FOUND &&
              worker->sessions.hot[slot].state == TW_SESSION_RESERVED);
    return slot;
}

static void answer_copied(struct tw_worker *worker, const struct tw_move *session)
{
    struct tw_move move = {.type = TW_MOVE_COPIED, .channels = session->channels};
    bool sent = send_small(worker, worker_of(session->old_id), &move);
    TW_ASSERT(sent); /* in the place of the grant */
}

static void take_copied(struct tw_worker *worker, uint32_t from, const struct tw_move *move)
{
    tw_talk_copied(worker, move->channels);
    worker->moves_asked[from]--;
}

static void take_session(struct tw_worker *worker, const struct tw_move *move)
{
    /* Nothing that it has heard or sent is of a time to come. */
    if (worker->now_ns < move->sent_ns)
        tw_worker_set_now(worker, move->sent_ns);
    uint32_t slot = find_reserved(worker, move->new_id);
    struct tw_session *session = &worker->sessions.hot[slot];
    struct tw_session_body *body = &worker->sessions.bodies[slot];
    uint16_t generation = session->generation;
    uint32_t route_epoch = session->route_epoch;
    memcpy(session, &move->session, sizeof(*session));
    memcpy(body, &move->body, sizeof(*body));
    session->generation = generation;
    session->route_epoch = route_epoch;
    session->handshake = TW_PENDING_NONE;
    session->roam = TW_ROAM_RENAMED | (session->roam & TW_ROAM_LAPSED);
    session->state = TW_SESSION_RESERVED; /* as it is counted */
    tw_sessions_set_state(&worker->sessions, slot, TW_SESSION_LIVE);
    bool complete = tw_talk_arrive(worker, slot, &move->transport);
    worker->talk.sessions[slot].account = move->account;
    if (move->channels != 0)
        answer_copied(worker, move);
    tw_life_inherit(worker, slot, &move->life);
    worker->grants[slot] = move->grant;
    body->path = (struct tw_path){0};
    body->landing = (struct tw_landing){.moves = body->landing.moves + 1u};
    if ((session->due & TW_DUE_PONG) != 0)
        tw_outward_owe_pong(worker, slot);
    session->due |= TW_DUE_MOVED | TW_DUE_JOIN;
    count(worker, TW_ROAMING_TAKEN);
    tw_owed_settle(worker, slot);
    if (worker->closing_all)
        tw_owed_close(worker, slot, worker->close_walk.reason, true);
    else if (!complete)
        tw_life_give_up(worker, slot, TW_CLOSE_BACKLOG);
    if (session->state == TW_SESSION_LIVE)
        send_rename(worker, slot);
}

static void take_close(struct tw_worker *worker, const struct tw_move *move)
{
    uint32_t slot;
    if (tw_sessions_find(&worker->sessions, move->new_id, &slot) != TW_SESSIONS_FOUND)
        return;
    if (worker->sessions.hot[slot].state == TW_SESSION_MOVED)
        tw_move_close(worker, slot, (uint16_t)move->reason);
    else
        tw_owed_close(worker, slot, (uint16_t)move->reason, true);
}

bool tw_move_resume(struct tw_worker *worker, uint32_t to, const struct tw_resume_request *request)
{
    struct rte_ring *ring = worker->config.move_out[to];
    if (!ring || !has_room(worker, to, 0))
        return false;
    struct tw_move *move = begin_send(worker, to, TW_MOVE_RESUME);
    TW_ASSERT(move != NULL);
    memcpy(&move->resume, request, sizeof(move->resume));
    end_send(worker, to);
    return true;
}

static void take_resume(struct tw_worker *worker, const struct tw_move *move)
{
    /* The client repeats its hello 2, and is relayed again. */
    if (!tw_handshake_install(worker, &move->resume))
        tw_counter_add(&worker->config.counters->life[TW_LIFE_EVENT_RESUME_FULL], 1);
}

static void take(struct tw_worker *worker, uint32_t from, const struct tw_move *move)
{
    switch ((enum tw_move_type)move->type) {
    case TW_MOVE_ASK:
        answer_ask(worker, from, move);
        break;
    case TW_MOVE_GRANT:
        take_grant(worker, move);
        break;
    case TW_MOVE_REFUSE:
        take_refusal(worker, from, move);
        break;
    case TW_MOVE_SESSION:
        take_session(worker, move);
        break;
    case TW_MOVE_CANCEL:
        tw_sessions_release(&worker->sessions, find_reserved(worker, move->new_id));
        break;
    case TW_MOVE_CLOSE:
        take_close(worker, move);
        break;
    case TW_MOVE_COPIED:
        take_copied(worker, from, move);
        break;
    case TW_MOVE_RESUME:
        take_resume(worker, move);
        break;
    case TW_MOVE_GUEST:
        tw_guests_note(&worker->guests, move->old_id, worker->now_ns);
        break;
    }
}

void tw_move_take_turn(struct tw_worker *worker)
{
    for (uint32_t from = 0; from < worker->config.workers; from++) {
        struct rte_ring *ring = worker->config.move_in[from];
        struct rte_ring_zc_data place;
        while (ring && rte_ring_dequeue_zc_bulk_elem_start(ring, sizeof(struct tw_move), 1, &place,
                                                           NULL) == 1) {
            take(worker, from, place.ptr1);
            sodium_memzero(place.ptr1, sizeof(struct tw_move));
            rte_ring_dequeue_zc_elem_finish(ring, 1);
        }
    }
}

/* ---- tombstones --------------------------------------------------------------------------------
 */

void tw_move_close(struct tw_worker *worker, uint32_t slot, uint16_t reason)
{
    struct tw_session *session = &worker->sessions.hot[slot];
    uint32_t to = worker_of(session->moved_to);
    struct tw_move move = {.type = TW_MOVE_CLOSE, .new_id = session->moved_to, .reason = reason};
    bool sent = has_room(worker, to, 0) && send_small(worker, to, &move);
    /* Told again when the tombstone is looked at next. */
    session->close_reason = sent ? TW_CLOSE_NONE : reason;
}

void tw_move_check_tombstone(struct tw_worker *worker, uint32_t slot)
{
    const struct tw_session *session = &worker->sessions.hot[slot];
    if (session->close_reason != TW_CLOSE_NONE)
        tw_move_close(worker, slot, session->close_reason);
    else if (worker->now_ns >= session->timer_ns)
        tw_owed_release(worker, slot);
}
