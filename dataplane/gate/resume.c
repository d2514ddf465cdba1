/* SPDX-License-Identifier: BSD-3-Clause */
#include "dataplane/gate/resume.h"

#include "dataplane/gate/worker_state.h"

#include <rte_mbuf.h>
#include <sodium.h>

static void count(struct tw_worker *worker, enum tw_life_event event)
{
    tw_counter_add(&worker->config.counters->life[event], 1);
}

/* ---- tokens --------------------------------------------------------------------------------- */

size_t tw_resume_footprint(uint32_t sessions)
{
    return (size_t)sessions * sizeof(struct tw_resume_grant);
}

void tw_resume_keep(struct tw_worker *worker, uint32_t slot,
                    const struct tw_agent_handshake_reply *reply)
{
    struct tw_resume_grant *grant = &worker->grants[slot];
    *grant = (struct tw_resume_grant){.expires_unix_s = reply->resume_expires_unix_s};
    memcpy(grant->token, reply->resume_token, sizeof(grant->token));
}

void tw_resume_forget(struct tw_worker *worker, uint32_t slot)
{
    worker->grants[slot] = (struct tw_resume_grant){0};
}

void tw_resume_answer(struct tw_worker *worker, uint32_t slot)
{
    struct tw_resume_grant *grant = &worker->grants[slot];
    bool soon = grant->sent_ns != 0 && worker->now_ns - grant->sent_ns < TW_RESUME_ANSWER_NS;
    if (grant->expires_unix_s == 0 || soon || !tw_outward_numbers_left(worker, slot))
        return;
    struct rte_mbuf *mbuf = tw_transmit_buffer(worker);
    if (!mbuf)
        return; /* it asks again */
    grant->sent_ns = worker->now_ns;
    struct tw_writer writer = tw_writer_make(rte_pktmbuf_mtod(mbuf, uint8_t *), TW_PLAINTEXT_MAX);
    tw_frame_write_resume(&writer, grant->expires_unix_s, grant->token);
    mbuf->data_len = (uint16_t)(writer.next - rte_pktmbuf_mtod(mbuf, uint8_t *));
    mbuf->pkt_len = mbuf->data_len;
    if (tw_transmit_sealed(worker, slot, mbuf))
        count(worker, TW_LIFE_EVENT_TOKEN_SENT);
}

bool tw_resume_forward(struct tw_worker *worker, const struct tw_pending_entry *entry,
                       const struct tw_agent_handshake_reply *reply)
{
    uint32_t to = tw_connection_worker(reply->resumes_id);
    struct tw_resume_request request = {.source = entry->source, .interface = entry->interface};
    if (to >= worker->config.workers)
        return false;
    memcpy(request.ephemeral, entry->ephemeral, sizeof(request.ephemeral));
    request.reply = *reply;
    bool sent = tw_move_resume(worker, to, &request);
    sodium_memzero(&request, sizeof(request));
    return sent;
}

/* ---- taking over ---------------------------------------------------------------------------- */

/* The session to be resumed, or TW_SESSION_NONE: it ended, lapsed, went to another worker at this
 * very moment, or is not what the control plane took it for. */
static uint32_t find_old(const struct tw_worker *worker, uint32_t slot)
{
    const struct tw_session_body *body = &worker->sessions.bodies[slot];
    uint32_t old;
    if (tw_connection_worker(body->resumes_id) != worker->config.index ||
        tw_sessions_find(&worker->sessions, body->resumes_id, &old) != TW_SESSIONS_FOUND ||
        worker->sessions.hot[old].state != TW_SESSION_LIVE || tw_life_has_lapsed(worker, old))
        return TW_SESSION_NONE;
    const struct tw_session_body *other = &worker->sessions.bodies[old];
    return other->account == body->account && other->world == body->world ? old : TW_SESSION_NONE;
}

/* False: the old session is not told to the shard yet, or its ring is full. */
static bool move_player(struct tw_worker *worker, uint32_t old, uint32_t slot)
{
    struct tw_landing *landing = &worker->sessions.bodies[old].landing;
    /* What was granted to it elsewhere is cancelled when it is found closing. */
    struct tw_landing before = *landing;
    if ((worker->sessions.hot[old].due & TW_DUE_JOIN) != 0)
        return false;
    landing->target_id = tw_sessions_id(&worker->sessions, slot);
    landing->target_epoch = worker->sessions.hot[slot].route_epoch;
    bool told = tw_route_move(worker, old, true);
    *landing = before;
    return told;
}

/* What the player did and what it has used up is no clean slate for whoever asked for a token in
 * time. Before the old one is fenced: its count lies where a closing one keeps something else. */
static void inherit_conduct(struct tw_worker *worker, uint32_t old, uint32_t slot)
{
    struct tw_session *session = &worker->sessions.hot[slot];
    const struct tw_session *before = &worker->sessions.hot[old];
    struct tw_session_body *body = &worker->sessions.bodies[slot];
    const struct tw_session_body *other = &worker->sessions.bodies[old];
    tw_conduct_inherit(&body->conduct, &other->conduct);
    body->input_budget = other->input_budget;
    session->malformed += before->malformed;
    /* Its handshake cost it something, too. */
    if (before->budget.full_at_ns > session->budget.full_at_ns)
        session->budget = before->budget;
    if (body->conduct.stage != TW_CONDUCT_GOOD)
        tw_outward_notice(worker, slot);
}

bool tw_resume_take_over(struct tw_worker *worker, uint32_t slot)
{
    struct tw_session *session = &worker->sessions.hot[slot];
    uint32_t old = find_old(worker, slot);
    if (old == TW_SESSION_NONE) {
        count(worker, TW_LIFE_EVENT_RESUME_GONE);
        tw_owed_close(worker, slot, TW_CLOSE_GONE, true);
        return false;
    }
    if (!move_player(worker, old, slot)) {
        tw_counter_add(&worker->config.counters->records_ring_full, 1);
        return false;
    }
    session->shard = worker->sessions.hot[old].shard;
    tw_sessions_set_state(&worker->sessions, slot, TW_SESSION_LIVE);
    session->heard_ns = worker->now_ns;
    session->due |= TW_DUE_CONFIRMED | TW_DUE_JOIN;
    tw_talk_begin(worker, slot);
    tw_talk_inherit(worker, slot, old);
    tw_life_inherit(worker, slot, &worker->lives.sessions[old]);
    inherit_conduct(worker, old, slot);
    tw_owed_fence(worker, old, tw_sessions_id(&worker->sessions, slot));
    tw_owed_settle(worker, slot);
    count(worker, TW_LIFE_EVENT_RESUMED);
    return true;
}
