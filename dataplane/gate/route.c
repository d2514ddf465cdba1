/* SPDX-License-Identifier: BSD-3-Clause */
#include "dataplane/gate/worker_state.h"

#include "tickwire/assert.h"

#include <rte_ring.h>
#include <rte_ring_elem.h>
#include <rte_ring_peek_zc.h>

static_assert(TW_CELLS_RESERVED >= TW_CELLS_OF_PACKET, "a packet's records fit");

/* ---- records -----------------------------------------------------------------------------------
 */

/* What was written is the shard's; cells that were not go back. */
static void give_cells(struct tw_worker *worker, uint32_t shard)
{
    struct tw_cells *cells = &worker->cells[shard];
    if (cells->reserved == 0)
        return;
    rte_ring_enqueue_zc_elem_finish(worker->config.shard_rings[shard].records, cells->count);
    cells->reserved = 0;
    cells->count = 0;
}

/* Reserves cells of the ring, as far as there are. Apart, for it is called once a burst: a packet
 * then needs no register saved. */
static __attribute__((noinline)) void reserve_cells(struct tw_worker *worker, uint32_t shard)
{
    struct tw_cells *cells = &worker->cells[shard];
    struct rte_ring_zc_data places;
    give_cells(worker, shard);
    cells->reserved = rte_ring_enqueue_zc_burst_elem_start(
        worker->config.shard_rings[shard].records, sizeof(struct tw_record), TW_CELLS_RESERVED,
        &places, NULL);
    if (cells->reserved == 0)
        return;
    cells->first = places.ptr1;
    cells->first_count = places.n1;
    cells->second = places.ptr2;
}

void tw_route_flush(struct tw_worker *worker)
{
    for (uint32_t shard = 0; shard < worker->config.shards; shard++)
        give_cells(worker, shard);
}

/* For `wanted` records of the session, as far as its shard's ring has room. */
static inline struct tw_cells_use use_cells(struct tw_worker *worker, uint32_t slot,
                                            uint32_t wanted)
{
    uint32_t shard = worker->sessions.hot[slot].shard;
    if (tw_cells_left(&worker->cells[shard]) < wanted)
        reserve_cells(worker, shard);
    return (struct tw_cells_use){.writer = &worker->cells_writer,
                                 .cells = &worker->cells[shard],
                                 .slot = slot,
                                 .tick = worker->tick,
                                 .now_ns = worker->now_ns};
}

/* The session's next record; NULL if the shard's ring is full. */
static struct tw_record *take_record(struct tw_worker *worker, uint32_t slot,
                                     enum tw_record_type type)
{
    struct tw_cells_use use = use_cells(worker, slot, 1);
    return tw_cells_take(&use, type);
}

bool tw_route_join(struct tw_worker *worker, uint32_t slot)
{
    const struct tw_session_body *body = &worker->sessions.bodies[slot];
    bool moved = body->landing.moves > 0 || body->resumes_id != 0;
    struct tw_record *record = take_record(worker, slot, moved ? TW_RECORD_ARRIVE : TW_RECORD_JOIN);
    if (!record)
        return false;
    record->join.account = body->account;
    record->join.installed_ns = body->installed_ns;
    return true;
}

bool tw_route_leave(struct tw_worker *worker, uint32_t slot)
{
    struct tw_record *record = take_record(worker, slot, TW_RECORD_LEAVE);
    if (record)
        record->leave.reason = worker->sessions.hot[slot].close_reason;
    return record != NULL;
}

bool tw_route_move(struct tw_worker *worker, uint32_t slot, bool fresh)
{
    const struct tw_landing *landing = &worker->sessions.bodies[slot].landing;
    struct tw_record *record = take_record(worker, slot, TW_RECORD_MOVE);
    if (!record)
        return false;
    record->move.worker = tw_connection_worker(landing->target_id);
    record->move.slot = tw_connection_slot(landing->target_id);
    record->move.route_epoch = landing->target_epoch;
    record->move.fresh = fresh;
    return true;
}

bool tw_route_hold(struct tw_worker *worker, uint32_t slot, bool on)
{
    struct tw_record *record = take_record(worker, slot, TW_RECORD_HOLD);
    if (record)
        record->hold.on = on;
    return record != NULL;
}

bool tw_route_message(struct tw_worker *worker, uint32_t slot, struct tw_message *message,
                      const struct tw_block *blocks)
{
    struct tw_record *record = take_record(worker, slot, TW_RECORD_MESSAGE);
    if (!record)
        return false;
    record->message.message = message;
    record->message.blocks = blocks;
    return true;
}

bool tw_route_link(struct tw_worker *worker, uint32_t slot, uint32_t state)
{
    struct tw_record *record = take_record(worker, slot, TW_RECORD_LINK);
    if (record)
        record->link.state = state;
    if (record)
        record->link.capacity = tw_talk_shard_capacity(&worker->talk, slot);
    return record != NULL;
}

bool tw_route_presence(struct tw_worker *worker, uint32_t slot, enum tw_presence presence)
{
    struct tw_record *record = take_record(worker, slot, TW_RECORD_PRESENCE);
    if (record)
        record->presence.presence = (uint32_t)presence;
    return record != NULL;
}

/* ---- frames ------------------------------------------------------------------------------------
 */

static void note_ping(struct tw_worker *worker, uint32_t slot, uint64_t time_us)
{
    struct tw_session_body *body = &worker->sessions.bodies[slot];
    body->ping_time_us = time_us;
    body->ping_received_us = tw_worker_server_time_us(worker);
    if ((worker->sessions.hot[slot].due & TW_DUE_PONG) == 0)
        tw_outward_owe_pong(worker, slot);
}

void tw_route_make_live(struct tw_worker *worker, uint32_t slot)
{
    struct tw_session *session = &worker->sessions.hot[slot];
    tw_sessions_set_state(&worker->sessions, slot, TW_SESSION_LIVE);
    session->heard_ns = worker->now_ns;
    session->due |= TW_DUE_CONFIRMED | TW_DUE_JOIN;
    tw_talk_begin(worker, slot);
    tw_life_begin(worker, slot);
    tw_owed_settle(worker, slot);
}

static void route_frames(struct tw_worker *worker, uint32_t slot,
                         const struct tw_client_frames *frames)
{
    struct tw_session *session = &worker->sessions.hot[slot];
    worker->sessions.bodies[slot].received_packets++;
    session->heard_ns = worker->now_ns;
    struct tw_cells_use use = use_cells(worker, slot, TW_CELLS_OF_PACKET);
    tw_cells_write_frames(&use, frames);
    if (frames->has_ping)
        note_ping(worker, slot, frames->ping_time_us);
    if (frames->has_resume_wanted)
        tw_resume_answer(worker, slot);
    if (frames->has_close)
        tw_owed_close(worker, slot, TW_CLOSE_BY_CLIENT, false);
}

/* The first packet of a pending session. False: it is not live; the packet counts for nothing. */
static bool confirm(struct tw_worker *worker, uint32_t slot)
{
    if (worker->sessions.bodies[slot].resumes_id != 0)
        return tw_resume_take_over(worker, slot);
    tw_route_make_live(worker, slot);
    return true;
}

/* Its inputs are accounted for as well. */
static void count_refused(struct tw_worker *worker, const struct tw_client_frames *frames)
{
    if (frames->has_inputs)
        tw_counter_add(&worker->config.counters->inputs[TW_INPUT_CONDUCT], frames->input_count);
}

bool tw_route_verdict(struct tw_worker *worker, uint32_t slot,
                      const struct tw_conduct_verdict *verdict)
{
    struct tw_worker_counters *counters = worker->config.counters;
    tw_counter_add(&counters->inputs[TW_INPUT_CONDUCT], verdict->inputs_dropped);
    for (uint32_t i = 0; i < TW_CONDUCT_COUNT; i++) {
        if (verdict->charged[i] != 0)
            tw_counter_add(&counters->conduct[i], verdict->charged[i]);
    }
    if (verdict->notice)
        tw_outward_notice(worker, slot);
    if (verdict->close)
        tw_owed_close(worker, slot, TW_CLOSE_MISBEHAVED, true);
    else if (verdict->is_staged)
        tw_life_tell(worker, slot);
    return !verdict->close;
}

/* False: the session is closed for it. */
static bool judge(struct tw_worker *worker, const struct tw_packet *packet,
                  struct tw_client_frames *frames)
{
    struct tw_conduct_verdict verdict = {0};
    struct tw_conduct_packet judged = {
        .sequence = packet->header.sequence, .now_ns = worker->now_ns, .now_tick = worker->tick};
    bool act = tw_conduct_judge(&worker->sessions.bodies[packet->slot].conduct, &worker->conduct,
                                &judged, frames, &verdict);
    return !act || tw_route_verdict(worker, packet->slot, &verdict);
}

/* Not inlined: in the loop it has too few registers, and makes each address anew. */
static __attribute__((noinline)) void accept(struct tw_worker *worker, struct tw_packet *packet,
                                             struct tw_client_frames *frames)
{
    uint32_t slot = packet->slot;
    struct tw_session *session = &worker->sessions.hot[slot];
    if (session->state == TW_SESSION_PENDING && !confirm(worker, slot)) {
        count_refused(worker, frames);
        return;
    }
    if ((session->roam & TW_ROAM_LAPSED) != 0) {
        tw_life_answer_lapsed(worker, packet, frames);
        return;
    }
    if (!tw_talk_receive(worker, slot, packet->header.sequence, frames)) {
        packet->outcome = TW_OUTCOME_FRAME_RANGE;
        session->malformed++;
        return;
    }
    if ((session->roam & TW_ROAM_SILENT) != 0)
        tw_life_heard(worker, slot);
    if (!judge(worker, packet, frames)) {
        count_refused(worker, frames);
        return;
    }
    route_frames(worker, slot, frames);
    if (packet->path != TW_PATH_CURRENT)
        tw_roam_packet(worker, packet, frames);
    if (packet->arrived_at != worker->config.index || session->roam != 0)
        tw_move_look(worker, packet);
}

static void ask_for_messages(const struct tw_worker *worker, const struct tw_burst *burst)
{
    for (uint32_t n = 0; n < burst->going_count; n++) {
        uint8_t i = burst->going[n];
        if (burst->packets[i].outcome == TW_OUTCOME_ACCEPTED && burst->frames[i].has_messages)
            tw_talk_prefetch_messages(&worker->talk, burst->packets[i].slot);
    }
}

void tw_route_burst(struct tw_worker *worker, struct tw_burst *burst)
{
    uint32_t malformed_max = worker->config.config->limits.malformed_max;
    if (burst->talking > 0)
        ask_for_messages(worker, burst);
    for (uint32_t n = 0; n < burst->going_count; n++) {
        struct tw_packet *packet = &burst->packets[burst->going[n]];
        const struct tw_session *session = &worker->sessions.hot[packet->slot];
        /* An earlier packet of the same burst may have closed it. */
        if (session->state == TW_SESSION_CLOSING)
            packet->outcome = TW_OUTCOME_SESSION_CLOSING;
        else if (packet->outcome == TW_OUTCOME_ACCEPTED)
            accept(worker, packet, &burst->frames[burst->going[n]]);
        if (session->malformed > malformed_max && session->state != TW_SESSION_CLOSING)
            tw_owed_close(worker, packet->slot, TW_CLOSE_MISBEHAVED, true);
    }
    tw_route_flush(worker);
}
