/* SPDX-License-Identifier: BSD-3-Clause */
#include "dataplane/gate/worker_state.h"

#include <rte_ring.h>
#include <rte_ring_elem.h>

static struct tw_record make_record(const struct tw_worker *worker, uint32_t slot,
                                    enum tw_record_type type)
{
    return (struct tw_record){
        .type = (uint16_t)type,
        .worker = (uint16_t)worker->config.index,
        .slot = slot,
        .route_epoch = worker->sessions.hot[slot].route_epoch,
        .world = worker->sessions.bodies[slot].world,
        .received_ns = worker->now_ns,
    };
}

static struct rte_ring *ring_of(const struct tw_worker *worker, uint32_t slot)
{
    return worker->config.shard_rings[worker->sessions.hot[slot].shard].records;
}

static bool put_record(const struct tw_worker *worker, uint32_t slot,
                       const struct tw_record *record)
{
    return rte_ring_sp_enqueue_elem(ring_of(worker, slot), (void *)(uintptr_t)record,
                                    sizeof(*record)) == 0;
}

bool tw_route_join(struct tw_worker *worker, uint32_t slot)
{
    struct tw_record record = make_record(worker, slot, TW_RECORD_JOIN);
    record.join.account = worker->sessions.bodies[slot].account;
    return put_record(worker, slot, &record);
}

bool tw_route_leave(struct tw_worker *worker, uint32_t slot)
{
    struct tw_record record = make_record(worker, slot, TW_RECORD_LEAVE);
    record.leave.reason = worker->sessions.hot[slot].close_reason;
    return put_record(worker, slot, &record);
}

static enum tw_input_outcome route_input(struct tw_worker *worker, uint32_t slot, uint32_t tick,
                                         const struct tw_input *input)
{
    struct tw_session_body *body = &worker->sessions.bodies[slot];
    enum tw_input_outcome outcome =
        tw_input_window_test(&body->inputs, tick, (uint32_t)tw_worker_tick(worker));
    if (outcome != TW_INPUT_ROUTED)
        return outcome;
    if (!tw_budget_take(&body->input_budget, worker->budgets.input_rate, worker->now_ns))
        return TW_INPUT_RATE;
    /* Nothing of a session may overtake its join. */
    if ((worker->sessions.hot[slot].due & TW_DUE_JOIN) != 0)
        return TW_INPUT_RING_FULL;
    struct tw_record record = make_record(worker, slot, TW_RECORD_INPUT);
    record.input.tick = tick;
    record.input.input = *input;
    if (!put_record(worker, slot, &record))
        return TW_INPUT_RING_FULL;
    tw_input_window_mark(&body->inputs, tick);
    return TW_INPUT_ROUTED;
}

/* Oldest first, so that the shard sees ticks in order. */
static void route_inputs(struct tw_worker *worker, uint32_t slot,
                         const struct tw_client_frames *frames)
{
    for (uint32_t i = frames->input_count; i-- > 0;) {
        enum tw_input_outcome outcome =
            frames->newest_tick < i
                ? TW_INPUT_OLD
                : route_input(worker, slot, frames->newest_tick - i, &frames->inputs[i]);
        tw_counter_add(&worker->config.counters->inputs[outcome], 1);
    }
}

static void route_snapshot_ack(struct tw_worker *worker, uint32_t slot,
                               const struct tw_client_frames *frames)
{
    struct tw_record record = make_record(worker, slot, TW_RECORD_SNAPSHOT_ACK);
    record.snapshot_ack.newest = frames->snapshot_newest;
    record.snapshot_ack.bitmap = frames->snapshot_bitmap;
    bool join_waits = (worker->sessions.hot[slot].due & TW_DUE_JOIN) != 0;
    if (join_waits || !put_record(worker, slot, &record))
        tw_counter_add(&worker->config.counters->records_ring_full, 1);
}

static void note_ping(struct tw_worker *worker, uint32_t slot, uint64_t time_us)
{
    struct tw_session *session = &worker->sessions.hot[slot];
    struct tw_session_body *body = &worker->sessions.bodies[slot];
    body->ping_time_us = time_us;
    body->ping_received_us = tw_worker_server_time_us(worker);
    if ((session->due & TW_DUE_PONG) == 0) {
        session->due |= TW_DUE_PONG;
        worker->pongs[worker->pong_count++] = slot;
    }
}

static void make_live(struct tw_worker *worker, uint32_t slot)
{
    struct tw_session *session = &worker->sessions.hot[slot];
    tw_sessions_set_state(&worker->sessions, slot, TW_SESSION_LIVE);
    session->heard_ns = worker->now_ns;
    session->due |= TW_DUE_CONFIRMED | TW_DUE_JOIN;
    tw_owed_settle(worker, slot);
}

void tw_route_frames(struct tw_worker *worker, uint32_t slot)
{
    const struct tw_client_frames *frames = &worker->frames;
    if (worker->sessions.hot[slot].state == TW_SESSION_PENDING)
        make_live(worker, slot);
    if (frames->has_inputs)
        route_inputs(worker, slot, frames);
    if (frames->has_snapshot_ack)
        route_snapshot_ack(worker, slot, frames);
    if (frames->has_ping)
        note_ping(worker, slot, frames->ping_time_us);
    /* frames->has_ack: nothing is sent again in this version, so nothing hangs on it. */
    if (frames->has_close)
        tw_owed_close(worker, slot, TW_CLOSE_BY_CLIENT, false);
}
