/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Records between ticks: what workers say of sessions. What changes the world only waits here, so
 * that the order in which records arrive decides nothing; the tick takes it up.
 */
#include "simulation/shard/internal.h"

#include "simulation/interest/shed.h"
#include "tickwire/wire.h"

#define NS_PER_S UINT64_C(1000000000)

/* Before the shard takes it: whether it is late is known by the tick that ran last. */
static void note_arrival(struct tw_shard *shard, uint32_t player, const struct tw_record *record)
{
    struct tw_arrivals *arrivals = &shard->arrivals[player];
    uint32_t tick = record->input.tick;
    int64_t ahead = (int64_t)tick - (int64_t)shard->world.state->tick;
    if (ahead > TW_INPUTS_RING || ahead < -(int64_t)TW_INPUTS_RING)
        return;
    if (tick > arrivals->newest_tick)
        arrivals->newest_tick = tick;
    if (record->input.newer > TW_ARRIVALS_NEWER_MAX)
        return;
    int64_t due_ns = (int64_t)shard->due_ns + ahead * (int64_t)(NS_PER_S / shard->config.tick_hz);
    tw_arrivals_note(arrivals, tick, due_ns - (int64_t)record->received_ns, ahead <= 0);
}

static void acknowledge(struct tw_shard *shard, uint32_t player, uint32_t newest, uint32_t bitmap)
{
    struct tw_observer *observer = &shard->interest.observers[player];
    if (newest <= observer->number)
        tw_starvation_acked(&shard->starvation[player], newest);
    tw_observer_acknowledge(observer, newest, bitmap);
}

static void consume_input(struct tw_shard *shard, struct tw_route *route,
                          const struct tw_record *record)
{
    struct tw_input_tally tally = {0};
    if (!route || route->state == TW_ROUTE_NONE || route->epoch != record->route_epoch) {
        tw_counter_add(&shard->counters->inputs[TW_SHARD_INPUT_STALE], 1);
        return;
    }
    if (route->state == TW_ROUTE_PLAYING) {
        if (record->input.acked_newest != 0)
            acknowledge(shard, route->player, record->input.acked_newest,
                        record->input.acked_bitmap);
        note_arrival(shard, route->player, record);
        tw_starvation_input(&shard->starvation[route->player], &shard->starvation_limits,
                            (uint32_t)shard->world.state->tick);
        tw_inputs_offer(&shard->world.players[route->player].inputs,
                        (uint32_t)shard->world.state->tick, record->input.tick,
                        &record->input.input, &tally);
    } else if (route->state == TW_ROUTE_CLOSING ||
               !tw_shard_sessions_keep_input(&shard->sessions, route, record)) {
        tally.skipped++;
    }
    tw_shard_count_inputs(shard, &tally);
}

static bool move_session(struct tw_shard *shard, struct tw_route *route,
                         const struct tw_record *record)
{
    uint32_t index;
    struct tw_record moved = *record;
    if (!tw_shard_sessions_move(&shard->sessions, route, &moved, &index))
        return false;
    const struct tw_record to = {.worker = (uint16_t)moved.move.worker, .slot = moved.move.slot};
    const struct tw_route *routes = shard->sessions.routes;
    tw_relay_follow(&shard->relay, (uint32_t)(route - routes),
                    (uint32_t)(tw_shard_sessions_find(&shard->sessions, &to) - routes), &moved);
    if (index != TW_PLAYER_NONE) {
        struct tw_player *player = &shard->world.players[index];
        player->worker = moved.move.worker;
        player->slot = moved.move.slot;
        player->route_epoch = moved.move.route_epoch;
        if (moved.move.fresh != 0)
            tw_shard_forget_view(shard, index, shard->world.state->tick + 1u);
    }
    return true;
}

/* False: stale. */
static bool consume_message(struct tw_shard *shard, const struct tw_route *route,
                            const struct tw_record *record)
{
    if ((route->state != TW_ROUTE_PLAYING && route->state != TW_ROUTE_JOINING &&
         route->state != TW_ROUTE_ARRIVING) ||
        route->epoch != record->route_epoch)
        return false;
    tw_relay_keep(&shard->relay, (uint32_t)(route - shard->sessions.routes), record);
    return true;
}

/* What a client reports is compared here as well, and repaired: it may be ours to be wrong. */
static void consume_check(struct tw_shard *shard, uint32_t player, const struct tw_record *record)
{
    struct tw_shard_counters *counters = shard->counters;
    const struct tw_check check = {.number = record->check.number,
                                   .sum = record->check.sum,
                                   .bits = record->check.bits,
                                   .group = record->check.group};
    switch (tw_observer_compare(&shard->interest.observers[player], &check)) {
    case TW_CHECK_UNKNOWN:
        tw_counter_add(&counters->checks_unknown, 1);
        break;
    case TW_CHECK_AGREED:
        tw_counter_add(&counters->checks_agreed, 1);
        break;
    case TW_CHECK_DIFFERED:
        tw_counter_add(&counters->checks_differed, 1);
        tw_counter_add(&counters->baselines,
                       tw_observer_rebase(&shard->interest, player, shard->world.state->tick,
                                          shard->config.tick_hz));
        break;
    }
}

static uint16_t snapshot_capacity(const struct tw_record *record)
{
    uint32_t capacity = record->link.capacity;
    if (capacity < TW_SHARD_LEAST_CAPACITY)
        return TW_SHARD_LEAST_CAPACITY;
    return capacity < TW_PLAINTEXT_MAX ? (uint16_t)capacity : TW_PLAINTEXT_MAX;
}

/* False: stale. */
static bool consume_other(struct tw_shard *shard, struct tw_route *route,
                          const struct tw_record *record)
{
    if (!route)
        return false;
    switch (record->type) {
    case TW_RECORD_JOIN:
        return tw_shard_sessions_join(&shard->sessions, route, record);
    case TW_RECORD_LEAVE:
        return tw_shard_sessions_leave(&shard->sessions, route, record);
    case TW_RECORD_ARRIVE:
        return tw_shard_sessions_arrive(&shard->sessions, route, record);
    case TW_RECORD_HOLD:
        return tw_shard_sessions_hold(&shard->sessions, route, record);
    case TW_RECORD_MOVE:
        return move_session(shard, route, record);
    case TW_RECORD_SNAPSHOT_ACK:
        if (route->state == TW_ROUTE_NONE || route->epoch != record->route_epoch)
            return false;
        if (route->state == TW_ROUTE_PLAYING)
            acknowledge(shard, route->player, record->snapshot_ack.newest,
                        record->snapshot_ack.bitmap);
        return true;
    case TW_RECORD_PRESENCE:
        return tw_shard_sessions_presence(&shard->sessions, route, record);
    case TW_RECORD_CHECK:
        if (route->state == TW_ROUTE_NONE || route->epoch != record->route_epoch)
            return false;
        if (route->state == TW_ROUTE_PLAYING)
            consume_check(shard, route->player, record);
        return true;
    case TW_RECORD_MESSAGE:
        return consume_message(shard, route, record);
    case TW_RECORD_LINK:
        if (route->state != TW_ROUTE_PLAYING || route->epoch != record->route_epoch)
            return false;
        shard->link_states[route->player] =
            (uint8_t)(record->link.state < TW_SHED_STATES ? record->link.state : 0);
        shard->capacities[route->player] = snapshot_capacity(record);
        return true;
    default:
        return false;
    }
}

static void refuse(struct tw_shard *shard, const struct tw_record *record)
{
    tw_counter_add(&shard->counters->records_stale, 1);
    if (record->type == TW_RECORD_MESSAGE)
        tw_relay_return(&shard->relay, record->worker, record->message.message);
}

void tw_shard_consume(struct tw_shard *shard, const struct tw_record *records, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        const struct tw_record *record = &records[i];
        struct tw_route *route = record->world == shard->config.world_id
                                     ? tw_shard_sessions_find(&shard->sessions, record)
                                     : NULL;
        if (record->type == TW_RECORD_INPUT)
            consume_input(shard, route, record);
        else if (!consume_other(shard, route, record))
            refuse(shard, record);
    }
}

uint32_t tw_shard_returned(struct tw_shard *shard, uint32_t worker, struct tw_message **messages,
                           uint32_t max)
{
    return tw_relay_take_returned(&shard->relay, worker, messages, max);
}
