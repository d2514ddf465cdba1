/* SPDX-License-Identifier: BSD-3-Clause */
/* What a tick hands to workers in their buffers: notices of slots, then snapshots that are due. */
#include "simulation/shard/internal.h"

#include "simulation/interest/snapshot.h"
#include "tickwire/wire.h"

#define CAPACITY_MIN (TW_SNAPSHOT_CAPACITY_MIN + TW_ARRIVALS_FRAME_SIZE)
static_assert(TW_SHARD_LEAST_CAPACITY >= CAPACITY_MIN, "on any path a report fits, too");

/* NULL when none is left; one that is too small for anything stays where it is. */
static struct tw_out_buffer *take_buffer(struct tw_outbox *outbox, uint32_t capacity_min)
{
    if (outbox->used == outbox->count || outbox->buffers[outbox->used].capacity < capacity_min)
        return NULL;
    return &outbox->buffers[outbox->used++];
}

/* Of one of its slots: its session is to end, or, without a reason, gets nothing until it is let
 * go. False: no buffer. */
static bool tell_worker(const struct tw_shard_sessions *sessions, uint32_t at,
                        enum tw_close_reason reason, const struct tw_shard_sending *sending)
{
    struct tw_out_buffer *buffer =
        take_buffer(&sending->outboxes[at / sessions->slots_per_worker], 0);
    if (!buffer)
        return false;
    buffer->slot = at % sessions->slots_per_worker;
    buffer->route_epoch = sessions->routes[at].epoch;
    buffer->length = 0;
    buffer->kind = reason == TW_CLOSE_NONE ? TW_OUT_HELD : TW_OUT_CLOSE;
    buffer->reason = (uint16_t)reason;
    buffer->tick_ns = sending->due_ns;
    return true;
}

/* False: no buffer. */
static bool send_notice(struct tw_shard *shard, uint32_t at, const struct tw_shard_sending *sending)
{
    struct tw_shard_sessions *sessions = &shard->sessions;
    struct tw_route *route = &sessions->routes[at];
    bool closes = route->state == TW_ROUTE_CLOSING;
    bool over = closes || route->state == TW_ROUTE_NONE;
    enum tw_close_reason reason = closes ? (enum tw_close_reason)route->reason : TW_CLOSE_NONE;
    if (!tell_worker(sessions, at, reason, sending))
        return false;
    if (closes)
        route->state = TW_ROUTE_NONE;
    tw_shard_sessions_set_hold(sessions, route, over ? TW_HOLD_NONE : TW_HOLD_HELD);
    return true;
}

void tw_shard_send_notices(struct tw_shard *shard, const struct tw_shard_sending *sending)
{
    struct tw_shard_sessions *sessions = &shard->sessions;
    uint32_t kept = 0;
    for (uint32_t i = 0; i < sessions->notice_count; i++) {
        uint32_t at = sessions->notices[i];
        struct tw_route *route = &sessions->routes[at];
        bool due = route->state == TW_ROUTE_CLOSING || route->hold == TW_HOLD_ASKED;
        /* Until its old slot's word is read it is there that it gets what it gets. */
        bool arriving = route->state == TW_ROUTE_ARRIVING || route->state == TW_ROUTE_PASSING;
        if (due && (arriving || !send_notice(shard, at, sending)))
            sessions->notices[kept++] = at;
        else
            route->notice_listed = false;
    }
    sessions->notice_count = kept;
}

static void count_snapshot(struct tw_shard *shard, const struct tw_snapshot_result *result)
{
    struct tw_shard_counters *counters = shard->counters;
    tw_counter_add(&counters->snapshots, 1);
    tw_counter_add(&counters->snapshot_bytes, result->size);
    tw_counter_add(&counters->snapshots_incomplete, result->incomplete);
    tw_counter_add(&counters->checks_sent, result->checked);
    tw_counter_add(&counters->shed_middle_bytes, result->shed_bytes[TW_TIER_MIDDLE]);
    tw_counter_add(&counters->shed_far_bytes, result->shed_bytes[TW_TIER_FAR]);
}

/* On a strained path, too, one snapshot a second holds nothing back: that is the least rate of
 * whatever is far, and it leaves room for the hash. */
static uint32_t state_of(const struct tw_shard *shard, uint32_t player, uint64_t step)
{
    uint32_t snapshot_hz = shard->config.snapshot_hz;
    return step % snapshot_hz == player % snapshot_hz ? 0 : shard->link_states[player];
}

/* What both the buffer and the player's path take. */
static size_t capacity_of(const struct tw_shard *shard, uint32_t player,
                          const struct tw_out_buffer *buffer)
{
    size_t capacity = shard->capacities[player];
    return capacity < buffer->capacity ? capacity : buffer->capacity;
}

/* How many inputs wait, of players that send any. */
static void sample_depth(struct tw_shard *shard, uint32_t index, uint64_t tick)
{
    const struct tw_arrivals *arrivals = &shard->arrivals[index];
    if (arrivals->newest_tick + TW_INPUTS_RING < tick)
        return;
    tw_counter_add(&shard->counters->input_depths, 1);
    tw_counter_add(&shard->counters->input_depth_sum, tw_arrivals_depth(arrivals, tick));
}

/* False: no buffer. */
static bool send_snapshot(struct tw_shard *shard, uint32_t index, uint64_t step,
                          const struct tw_shard_sending *sending)
{
    const struct tw_player *player = &shard->world.players[index];
    struct tw_snapshot_info info = {.tick = sending->tick,
                                    .tick_hz = shard->config.tick_hz,
                                    .last_input = player->inputs.newest_applied,
                                    .own_index =
                                        tw_entity_index((tw_entity){.bits = player->entity}),
                                    .link_state = state_of(shard, index, step)};
    struct tw_out_buffer *buffer = take_buffer(&sending->outboxes[player->worker], CAPACITY_MIN);
    if (!buffer) {
        tw_counter_add(&shard->counters->snapshots_no_buffer, 1);
        return false;
    }
    tw_counter_add(&shard->counters->view_full,
                   tw_observer_look(&shard->interest, index, info.own_index));
    size_t capacity = capacity_of(shard, index, buffer);
    /* On a strained path snapshots fill all that there is, and there the client needs it most. */
    uint32_t room = tw_arrivals_room(&shard->arrivals[index], sending->tick);
    struct tw_snapshot_result result =
        tw_snapshot_write(&shard->interest, index, &info, buffer->bytes, capacity - room);
    uint32_t told = tw_arrivals_write(&shard->arrivals[index], sending->tick, shard->config.tick_hz,
                                      buffer->bytes + result.size, capacity - result.size);
    buffer->slot = player->slot;
    buffer->route_epoch = player->route_epoch;
    buffer->length = (uint16_t)(result.size + told);
    buffer->kind = TW_OUT_SNAPSHOT;
    buffer->reason = TW_CLOSE_NONE;
    buffer->tick_ns = sending->due_ns;
    tw_starvation_sent(&shard->starvation[index]);
    count_snapshot(shard, &result);
    sample_depth(shard, index, sending->tick);
    return true;
}

/* How many snapshots a player was due by `tick`; players take turns over the ticks between. */
static uint64_t due_step(const struct tw_shard *shard, uint32_t player, uint64_t tick)
{
    uint32_t interval = shard->config.tick_hz / shard->config.snapshot_hz;
    return (tick + player % interval) * shard->config.snapshot_hz / shard->config.tick_hz;
}

/* It stays in the world until its worker says that it left. */
static void close_starved(struct tw_shard *shard, uint32_t index,
                          const struct tw_shard_sending *sending)
{
    struct tw_starvation *starvation = &shard->starvation[index];
    const struct tw_player *player = &shard->world.players[index];
    uint32_t at = player->worker * shard->sessions.slots_per_worker + player->slot;
    if (!tw_starvation_is_over(starvation, &shard->starvation_limits) ||
        !tell_worker(&shard->sessions, at, TW_CLOSE_STARVED, sending))
        return;
    starvation->closed = true;
    tw_counter_add(&shard->counters->players_starved, 1);
}

void tw_shard_send_snapshots(struct tw_shard *shard, const struct tw_shard_sending *sending)
{
    uint32_t end = shard->world.state->players_end;
    uint32_t first = shard->send_first < end ? shard->send_first : 0;
    bool all = true;
    for (uint32_t i = 0; i < end; i++) {
        uint32_t index = first + i < end ? first + i : first + i - end;
        struct tw_observer *observer = &shard->interest.observers[index];
        uint64_t step = due_step(shard, index, sending->tick);
        const struct tw_player *player = &shard->world.players[index];
        if (player->entity == 0 || step == observer->due_step || player->presence != TW_PRESENT ||
            tw_shard_sessions_is_held(&shard->sessions, player))
            continue;
        close_starved(shard, index, sending);
        if (send_snapshot(shard, index, step, sending)) {
            observer->due_step = step;
        } else if (all) {
            /* Whoever went without is first in line next time. */
            shard->send_first = index;
            all = false;
        }
    }
}
