/* SPDX-License-Identifier: BSD-3-Clause */
#include "dataplane/gate/worker_state.h"

#include "tickwire/assert.h"
#include "tickwire/prefetch.h"

#include <rte_ring.h>
#include <rte_ring_elem.h>
#include <rte_ring_peek_zc.h>

/* A ring is larger than any cache: a cell was read by the shard's core a second ago. The one that
 * is written this many records later is asked for with each: a burst's worth. */
#define CELLS_AHEAD TW_BURST_MAX

/* ---- records -----------------------------------------------------------------------------------
 */

/* What was written is the shard's; cells that were not go back. */
static void flush_batch(struct tw_worker *worker, uint32_t shard)
{
    struct tw_record_batch *batch = &worker->records[shard];
    if (batch->reserved == 0)
        return;
    rte_ring_enqueue_zc_elem_finish(worker->config.shard_rings[shard].records, batch->count);
    batch->reserved = 0;
    batch->count = 0;
}

/* Reserves cells of the ring; false if it is full. */
static bool begin_batch(struct tw_worker *worker, uint32_t shard)
{
    struct tw_record_batch *batch = &worker->records[shard];
    struct rte_ring_zc_data cells;
    flush_batch(worker, shard);
    batch->count = 0;
    batch->reserved = rte_ring_enqueue_zc_burst_elem_start(
        worker->config.shard_rings[shard].records, sizeof(struct tw_record), TW_RECORD_BATCH,
        &cells, NULL);
    if (batch->reserved == 0)
        return false;
    batch->first = cells.ptr1;
    batch->first_count = cells.n1;
    batch->second = cells.ptr2;
    return true;
}

static struct tw_record *cell(const struct tw_record_batch *batch, uint32_t number)
{
    return number < batch->first_count ? &batch->first[number]
                                       : &batch->second[number - batch->first_count];
}

void tw_route_flush(struct tw_worker *worker)
{
    for (uint32_t shard = 0; shard < worker->config.shards; shard++)
        flush_batch(worker, shard);
}

/* The next cell of a batch that has one, the record's head filled in. */
static inline struct tw_record *write_head(struct tw_worker *worker, uint32_t slot,
                                           enum tw_record_type type)
{
    const struct tw_session *session = &worker->sessions.hot[slot];
    struct tw_record_batch *batch = &worker->records[session->shard];
    if (batch->count + CELLS_AHEAD < batch->reserved)
        tw_prefetch_to_write(cell(batch, batch->count + CELLS_AHEAD));
    struct tw_record *record = cell(batch, batch->count++);
    *record = (struct tw_record){
        .type = (uint16_t)type,
        .worker = (uint16_t)worker->config.index,
        .slot = slot,
        .route_epoch = session->route_epoch,
        .world = worker->sessions.bodies[slot].world,
        .received_ns = worker->now_ns,
    };
    return record;
}

/* Apart, for it is called once a burst: the other records then need no register saved. */
static __attribute__((noinline)) struct tw_record *take_of_new_batch(struct tw_worker *worker,
                                                                     uint32_t slot,
                                                                     enum tw_record_type type)
{
    if (!begin_batch(worker, worker->sessions.hot[slot].shard))
        return NULL;
    return write_head(worker, slot, type);
}

/* The session's next record; NULL if the shard's ring is full. */
static struct tw_record *take_record(struct tw_worker *worker, uint32_t slot,
                                     enum tw_record_type type)
{
    const struct tw_record_batch *batch = &worker->records[worker->sessions.hot[slot].shard];
    return batch->count < batch->reserved ? write_head(worker, slot, type)
                                          : take_of_new_batch(worker, slot, type);
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

/* Entry `newer` of the list: as many belong to later ticks. Sets *routed to its record, if it got
 * one. */
static enum tw_input_outcome route_input(struct tw_worker *worker, uint32_t slot,
                                         const struct tw_client_frames *frames, uint32_t newer,
                                         struct tw_record **routed)
{
    uint32_t tick = frames->newest_tick - newer;
    struct tw_session_body *body = &worker->sessions.bodies[slot];
    enum tw_input_outcome outcome = tw_input_window_test(&body->inputs, tick, worker->tick);
    if (outcome != TW_INPUT_ROUTED)
        return outcome;
    if (!tw_budget_take(&body->input_budget, worker->budgets.input_rate, worker->now_ns))
        return TW_INPUT_RATE;
    /* Nothing of a session may overtake its join. */
    if ((worker->sessions.hot[slot].due & TW_DUE_JOIN) != 0)
        return TW_INPUT_RING_FULL;
    struct tw_record *record = take_record(worker, slot, TW_RECORD_INPUT);
    if (!record)
        return TW_INPUT_RING_FULL;
    tw_input_window_mark(&body->inputs, tick);
    record->input.tick = tick;
    record->input.input = frames->inputs[newer];
    record->input.newer = (uint8_t)newer;
    *routed = record;
    return TW_INPUT_ROUTED;
}

/* Oldest first, so that the shard sees ticks in order. No entry is older than tick 0. Returns the
 * newest one's record, which is not flushed yet; NULL if none was routed. */
static struct tw_record *route_inputs(struct tw_worker *worker, uint32_t slot,
                                      const struct tw_client_frames *frames)
{
    struct tw_record *newest = NULL;
    tw_counter *counters = worker->config.counters->inputs;
    uint64_t repeats = tw_input_window_repeats(&worker->sessions.bodies[slot].inputs,
                                               frames->newest_tick, frames->input_count);
    tw_counter_add(&counters[TW_INPUT_DUPLICATE], (uint64_t)__builtin_popcountll(repeats));
    uint64_t fresh = ~repeats & UINT64_MAX >> (TW_INPUT_WINDOW - frames->input_count);
    while (fresh != 0) {
        uint32_t i = 63u - (uint32_t)__builtin_clzll(fresh);
        fresh ^= UINT64_C(1) << i;
        enum tw_input_outcome outcome = route_input(worker, slot, frames, i, &newest);
        tw_counter_add(&counters[outcome], 1);
    }
    return newest;
}

/* With the input of the same packet, or alone. */
static void route_snapshot_ack(struct tw_worker *worker, uint32_t slot,
                               const struct tw_client_frames *frames, struct tw_record *input)
{
    if (input) {
        input->input.acked_newest = frames->snapshot_newest;
        input->input.acked_bitmap = frames->snapshot_bitmap;
        return;
    }
    bool join_waits = (worker->sessions.hot[slot].due & TW_DUE_JOIN) != 0;
    struct tw_record *record =
        join_waits ? NULL : take_record(worker, slot, TW_RECORD_SNAPSHOT_ACK);
    if (!record) {
        tw_counter_add(&worker->config.counters->records_ring_full, 1);
        return;
    }
    record->snapshot_ack.newest = frames->snapshot_newest;
    record->snapshot_ack.bitmap = frames->snapshot_bitmap;
}

static void route_check(struct tw_worker *worker, uint32_t slot, const struct tw_frame_check *check)
{
    bool join_waits = (worker->sessions.hot[slot].due & TW_DUE_JOIN) != 0;
    struct tw_record *record = join_waits ? NULL : take_record(worker, slot, TW_RECORD_CHECK);
    if (!record) {
        tw_counter_add(&worker->config.counters->records_ring_full, 1);
        return;
    }
    record->check.number = check->number;
    record->check.sum = check->sum;
    record->check.bits = check->bits;
    record->check.group = check->group;
}

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
    struct tw_record *input = frames->has_inputs ? route_inputs(worker, slot, frames) : NULL;
    if (frames->has_snapshot_ack)
        route_snapshot_ack(worker, slot, frames, input);
    if (frames->has_check)
        route_check(worker, slot, &frames->check);
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

/* False: the session is closed for it. */
static bool obey_verdict(struct tw_worker *worker, uint32_t slot,
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
    return !verdict->close;
}

/* The same. */
static bool judge(struct tw_worker *worker, const struct tw_packet *packet,
                  struct tw_client_frames *frames)
{
    struct tw_conduct_verdict verdict = {0};
    struct tw_conduct_packet judged = {
        .sequence = packet->header.sequence, .now_ns = worker->now_ns, .now_tick = worker->tick};
    bool act = tw_conduct_judge(&worker->sessions.bodies[packet->slot].conduct, &worker->conduct,
                                &judged, frames, &verdict);
    return !act || obey_verdict(worker, packet->slot, &verdict);
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
