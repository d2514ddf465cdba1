/* SPDX-License-Identifier: BSD-3-Clause */
#include "simulation/shard/shard.h"

#include "simulation/interest/snapshot.h"
#include "simulation/shard/internal.h"
#include "simulation/shard/movement.h"
#include "tickwire/assert.h"
#include "tickwire/ids.h"
#include "tickwire/wire.h"

/* Limits of a configuration; see docs/operations.md for what is sensible. */
#define SIZE_MIN_M     16u       /* the largest obstacle and a place beside it */
#define SIZE_MAX_M     65536u    /* what the index, and cells on the wire, count to */
#define ENTITIES_LIMIT 16777215u /* u24 indexes */
#define AOI_MAX_M      1000u     /* squared distances of interest fit 40 bits */
#define VIEW_LIMIT     4096u     /* a view's entries are scanned for each snapshot */
#define TICK_HZ_MIN    10u       /* a step stays shorter than a body */
#define TICK_HZ_MAX    240u
#define STARVED_MAX_S  3600u /* a count of ticks stays far from wrapping */

#define NS_PER_S UINT64_C(1000000000)

/* Clients count the width in cells, and nobody is in sight twice. */
static bool edges_are_valid(const struct tw_shard_config *config)
{
    return !config->wraps ||
           (config->size_m % TW_CELL_M == 0 && config->size_m > 2u * config->aoi_exit_m);
}

static bool config_is_valid(const struct tw_shard_config *config)
{
    const struct tw_index_config index = tw_world_index_config(config);
    return config->size_m >= SIZE_MIN_M && config->size_m <= SIZE_MAX_M &&
           config->entities_max >= 1u && config->entities_max <= ENTITIES_LIMIT &&
           config->players_max >= 1u && config->players_max <= config->entities_max &&
           (uint64_t)config->npcs + config->obstacles <= config->entities_max &&
           config->npcs_moving_percent <= 100u && config->aoi_enter_m >= 1u &&
           config->aoi_enter_m <= config->aoi_exit_m && config->aoi_exit_m <= AOI_MAX_M &&
           config->view_max >= 1u && config->view_max <= VIEW_LIMIT &&
           config->tick_hz >= TICK_HZ_MIN && config->tick_hz <= TICK_HZ_MAX &&
           config->snapshot_hz >= 1u && config->snapshot_hz <= config->tick_hz &&
           config->parking_max <= config->players_max && config->spawn_radius_m <= config->size_m &&
           config->workers >= 1u && config->workers <= TW_WORKERS_MAX &&
           config->slots_per_worker >= 1u && config->slots_per_worker <= TW_SESSIONS_PER_WORKER &&
           config->starved_s <= STARVED_MAX_S && edges_are_valid(config) &&
           tw_index_config_is_valid(&index);
}

/* One code path for counting and for carving, so that the two cannot differ. */
static void carve(struct tw_shard *shard, struct tw_arena *arena)
{
    const struct tw_shard_config *config = &shard->config;
    struct tw_interest_config interest = {.players_max = config->players_max,
                                          .entities_max = config->entities_max,
                                          .view_max = config->view_max,
                                          .plane = tw_world_plane(config),
                                          .enter = config->aoi_enter_m * TW_UNITS_PER_METRE,
                                          .exit = config->aoi_exit_m * TW_UNITS_PER_METRE};
    tw_arena_take(arena, 1, sizeof(*shard));
    tw_world_carve(&shard->world, arena, config);
    tw_shard_sessions_carve(&shard->sessions, arena, config);
    tw_interest_carve(&shard->interest, arena, &interest);
    tw_relay_carve(&shard->relay, arena, config->workers);
    shard->arrivals = tw_arena_take(arena, config->players_max, sizeof(*shard->arrivals));
    shard->starvation = tw_arena_take(arena, config->players_max, sizeof(*shard->starvation));
    shard->link_states = tw_arena_take(arena, config->players_max, 1);
    shard->capacities = tw_arena_take(arena, config->players_max, sizeof(*shard->capacities));
}

size_t tw_shard_footprint(const struct tw_shard_config *config)
{
    if (!config_is_valid(config))
        return 0;
    struct tw_shard shard = {.config = *config};
    struct tw_arena arena = {0};
    carve(&shard, &arena);
    return arena.used;
}

struct tw_shard *tw_shard_init(void *memory, const struct tw_shard_config *config,
                               struct tw_shard_counters *counters)
{
    size_t footprint = tw_shard_footprint(config);
    TW_ASSERT(footprint != 0 && (uintptr_t)memory % TW_ARENA_ALIGN == 0);
    memset(memory, 0, footprint);
    struct tw_shard *shard = memory;
    struct tw_arena arena = {.base = memory};
    shard->config = *config;
    shard->counters = counters;
    carve(shard, &arena);
    shard->starvation_limits =
        tw_starvation_limits_of(config->starved_s, config->tick_hz, config->snapshot_hz);
    shard->interest.entities = &shard->world.entities;
    shard->interest.index = &shard->world.index;
    tw_world_init(&shard->world);
    tw_records_refresh(&shard->interest.records, &shard->world.entities, 0);
    tw_counter_set(&counters->entities, shard->world.entities.state->live);
    tw_counter_set(&counters->state_hash, tw_world_hash(&shard->world));
    return shard;
}

static void count_inputs(struct tw_shard *shard, const struct tw_input_tally *tally)
{
    tw_counter *inputs = shard->counters->inputs;
    tw_counter_add(&inputs[TW_SHARD_INPUT_APPLIED], tally->applied);
    tw_counter_add(&inputs[TW_SHARD_INPUT_LATE], tally->late);
    tw_counter_add(&inputs[TW_SHARD_INPUT_SKIPPED], tally->skipped);
}

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
    count_inputs(shard, &tally);
}

/* Whoever drives the player now has nothing of the world. The first hash is due a second from now
 * at the latest; spread, so that not all fall together. */
static void forget_view(struct tw_shard *shard, uint32_t player, uint64_t tick)
{
    tw_observer_reset(&shard->interest, player, tick + player % shard->config.tick_hz);
    shard->interest.observers[player].due_step = UINT64_MAX;
    shard->starvation[player] = (struct tw_starvation){0};
    shard->link_states[player] = 0;
    shard->capacities[player] = TW_SHARD_BASE_CAPACITY;
}

static bool move_session(struct tw_shard *shard, struct tw_route *route,
                         const struct tw_record *record)
{
    uint32_t index;
    if (!tw_shard_sessions_move(&shard->sessions, route, record, &index))
        return false;
    const struct tw_record to = {.worker = (uint16_t)record->move.worker,
                                 .slot = record->move.slot};
    const struct tw_route *routes = shard->sessions.routes;
    tw_relay_follow(&shard->relay, (uint32_t)(route - routes),
                    (uint32_t)(tw_shard_sessions_find(&shard->sessions, &to) - routes), record);
    if (index != TW_PLAYER_NONE) {
        struct tw_player *player = &shard->world.players[index];
        player->worker = record->move.worker;
        player->slot = record->move.slot;
        player->route_epoch = record->move.route_epoch;
        if (record->move.fresh != 0)
            forget_view(shard, index, shard->world.state->tick + 1u);
    }
    return true;
}

/* False: stale. */
static bool consume_message(struct tw_shard *shard, const struct tw_route *route,
                            const struct tw_record *record)
{
    bool early = route->state == TW_ROUTE_ARRIVING;
    if ((route->state != TW_ROUTE_PLAYING && route->state != TW_ROUTE_JOINING && !early) ||
        route->epoch != record->route_epoch)
        return false;
    tw_relay_keep(&shard->relay, (uint32_t)(route - shard->sessions.routes), early, record);
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

static void apply_leaves(struct tw_shard *shard)
{
    struct tw_shard_sessions *sessions = &shard->sessions;
    struct tw_world *world = &shard->world;
    struct tw_input_tally tally = {0};
    for (uint32_t player = 0; sessions->leave_count > 0; player++) {
        TW_ASSERT(player < world->state->players_end);
        if (!sessions->leaving[player])
            continue;
        tally.skipped += tw_inputs_waiting(&world->players[player].inputs);
        shard->presences[world->players[player].presence]--;
        tw_world_leave(world, player);
        tw_accounts_remove(&sessions->accounts, player);
        tw_shard_sessions_presence_done(sessions, player);
        sessions->leaving[player] = 0;
        sessions->leave_count--;
    }
    count_inputs(shard, &tally);
}

/* A session of an account that is in: of the two the newer one has the player, as it is; the other
 * is told that it was replaced. What the older one said goes on. */
static void take_over(struct tw_shard *shard, uint32_t at, uint32_t index, uint64_t tick)
{
    struct tw_shard_sessions *sessions = &shard->sessions;
    struct tw_player *player = &shard->world.players[index];
    uint32_t old_at = player->worker * sessions->slots_per_worker + player->slot;
    struct tw_route *route = &sessions->routes[at], *old = &sessions->routes[old_at];
    /* Else it has left already, for that reason. */
    bool plays = old->state == TW_ROUTE_PLAYING && old->epoch == player->route_epoch;
    if (plays && (old->installed_ns > route->installed_ns ||
                  (old->installed_ns == route->installed_ns && old_at > at))) {
        tw_shard_sessions_close(sessions, at, TW_CLOSE_REPLACED);
        return;
    }
    struct tw_record moved = {.route_epoch = player->route_epoch, .move.route_epoch = route->epoch};
    tw_relay_follow(&shard->relay, old_at, at, &moved);
    if (plays)
        tw_shard_sessions_close(sessions, old_at, TW_CLOSE_REPLACED);
    player->worker = at / sessions->slots_per_worker;
    player->slot = at % sessions->slots_per_worker;
    player->route_epoch = route->epoch;
    tw_shard_sessions_play(route, index);
    tw_shard_sessions_present(sessions, index);
    forget_view(shard, index, tick);
    shard->arrivals[index] = (struct tw_arrivals){0};
    tw_counter_add(&shard->counters->joins_replacing, 1);
}

static void apply_joins(struct tw_shard *shard, uint64_t tick)
{
    struct tw_shard_sessions *sessions = &shard->sessions;
    tw_shard_sessions_sort_joins(sessions);
    for (uint32_t i = 0; i < sessions->join_count; i++) {
        uint32_t at = sessions->joins[i];
        struct tw_route *route = &sessions->routes[at];
        uint32_t own = tw_accounts_find(&sessions->accounts, route->account);
        if (own != TW_ACCOUNTS_NONE) {
            take_over(shard, at, own, tick);
            continue;
        }
        struct tw_join join = {.account = route->account,
                               .worker = at / sessions->slots_per_worker,
                               .slot = at % sessions->slots_per_worker,
                               .route_epoch = route->epoch};
        uint32_t player = tw_world_join(&shard->world, &join, (uint32_t)tick);
        if (player == TW_PLAYER_NONE) {
            tw_shard_sessions_close(sessions, at, TW_CLOSE_REFUSED);
            tw_counter_add(&shard->counters->joins_refused, 1);
            continue;
        }
        tw_shard_sessions_play(route, player);
        tw_accounts_put(&sessions->accounts, player, route->account);
        shard->presences[TW_PRESENT]++;
        forget_view(shard, player, tick);
        shard->arrivals[player] = (struct tw_arrivals){0};
    }
    sessions->join_count = 0;
}

/* In the order of players. Who finds no place in the world to come back to is tried again. */
static void apply_presence(struct tw_shard *shard, uint32_t tick)
{
    struct tw_shard_sessions *sessions = &shard->sessions;
    struct tw_world *world = &shard->world;
    uint32_t left = sessions->presence_count;
    for (uint32_t player = 0; left > 0; player++) {
        TW_ASSERT(player < world->state->players_end);
        if (sessions->presence[player] == 0)
            continue;
        left--;
        enum tw_presence wanted = (enum tw_presence)(sessions->presence[player] - 1u);
        shard->presences[world->players[player].presence]--;
        bool done = tw_world_set_presence(world, player, wanted, tick);
        shard->presences[world->players[player].presence]++;
        if (!done && wanted == TW_PARKED)
            tw_counter_add(&shard->counters->parking_full, 1);
        if (done || wanted == TW_PARKED)
            tw_shard_sessions_presence_done(sessions, player);
    }
}

/* Inputs that arrived between a join and its tick. */
static void apply_early_inputs(struct tw_shard *shard, uint64_t tick)
{
    struct tw_shard_sessions *sessions = &shard->sessions;
    struct tw_input_tally tally = {0};
    uint32_t kept = 0;
    for (uint32_t i = 0; i < sessions->early_count; i++) {
        const struct tw_early_input *early = &sessions->early[i];
        struct tw_route *route = &sessions->routes[early->route];
        /* The word of its old slot is in a ring already, and is read before the next tick. */
        if (route->state == TW_ROUTE_ARRIVING && route->epoch == early->epoch) {
            sessions->early[kept++] = *early;
            continue;
        }
        route->early_count = 0;
        if (route->state != TW_ROUTE_PLAYING || route->epoch != early->epoch) {
            tally.skipped++;
            continue;
        }
        tw_inputs_offer(&shard->world.players[route->player].inputs, (uint32_t)tick - 1u,
                        early->tick, &early->input, &tally);
    }
    sessions->early_count = kept;
    count_inputs(shard, &tally);
}

static void apply_inputs(struct tw_shard *shard, uint64_t before, uint64_t tick)
{
    struct tw_world *world = &shard->world;
    struct tw_input_tally tally = {0};
    for (uint32_t i = 0; i < world->state->players_end; i++) {
        struct tw_player *player = &world->players[i];
        if (player->entity == 0 || player->presence == TW_PARKED)
            continue;
        uint32_t index = tw_entity_index((tw_entity){.bits = player->entity});
        uint16_t buttons =
            tw_inputs_apply(&player->inputs, (uint32_t)before, (uint32_t)tick, &tally);
        tw_movement_steer(world, index, &player->inputs.last);
        if (buttons & TW_BUTTON_ACTION)
            tw_movement_act(world, index, (uint32_t)tick);
    }
    count_inputs(shard, &tally);
}

struct sending {
    uint64_t tick;
    uint64_t due_ns;
    struct tw_outbox *outboxes;
};

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
                        enum tw_close_reason reason, const struct sending *sending)
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
static bool send_notice(struct tw_shard *shard, uint32_t at, const struct sending *sending)
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

/* What workers are told of their slots: before anything else of this tick, so that no lack of
 * buffers keeps it back for long. Of what is held nothing else is written. */
static void send_notices(struct tw_shard *shard, const struct sending *sending)
{
    struct tw_shard_sessions *sessions = &shard->sessions;
    uint32_t kept = 0;
    for (uint32_t i = 0; i < sessions->notice_count; i++) {
        uint32_t at = sessions->notices[i];
        struct tw_route *route = &sessions->routes[at];
        bool due = route->state == TW_ROUTE_CLOSING || route->hold == TW_HOLD_ASKED;
        /* Until its old slot's word is read it is there that it gets what it gets. */
        bool arriving = route->state == TW_ROUTE_ARRIVING;
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
                          const struct sending *sending)
{
    const struct tw_player *player = &shard->world.players[index];
    struct tw_snapshot_info info = {.tick = sending->tick,
                                    .tick_hz = shard->config.tick_hz,
                                    .last_input = player->inputs.newest_applied,
                                    .own_index =
                                        tw_entity_index((tw_entity){.bits = player->entity}),
                                    .link_state = state_of(shard, index, step)};
    struct tw_out_buffer *buffer =
        take_buffer(&sending->outboxes[player->worker], TW_SNAPSHOT_CAPACITY_MIN);
    if (!buffer) {
        tw_counter_add(&shard->counters->snapshots_no_buffer, 1);
        return false;
    }
    tw_counter_add(&shard->counters->view_full,
                   tw_observer_look(&shard->interest, index, info.own_index));
    size_t capacity = capacity_of(shard, index, buffer);
    struct tw_snapshot_result result =
        tw_snapshot_write(&shard->interest, index, &info, buffer->bytes, capacity);
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
static void close_starved(struct tw_shard *shard, uint32_t index, const struct sending *sending)
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

static void send_snapshots(struct tw_shard *shard, const struct sending *sending)
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

/* What costs a walk over all players, once a second. */
static void count_links(struct tw_shard *shard)
{
    uint64_t counts[TW_SHED_STATES] = {0};
    for (uint32_t i = 0; i < shard->world.state->players_end; i++)
        counts[shard->link_states[i]] += shard->world.players[i].entity != 0;
    tw_counter_set(&shard->counters->links_conservative, counts[1]);
    tw_counter_set(&shard->counters->links_emergency, counts[2]);
}

void tw_shard_tick(struct tw_shard *shard, uint64_t tick, uint64_t due_ns,
                   struct tw_outbox *outboxes)
{
    struct tw_world_state *state = shard->world.state;
    uint64_t before = state->tick;
    TW_ASSERT(tick > before);
    struct sending sending = {.tick = tick, .due_ns = due_ns, .outboxes = outboxes};
    state->tick = tick;
    shard->due_ns = due_ns;
    tw_shard_sessions_spare(&shard->sessions);
    apply_leaves(shard);
    apply_presence(shard, (uint32_t)tick);
    apply_joins(shard, tick);
    apply_early_inputs(shard, tick);
    apply_inputs(shard, before, tick);
    tw_movement_step(&shard->world, (uint32_t)tick);
    tw_candidates_publish(&shard->world.candidates, shard->counters->space);
    tw_index_tend(&shard->world.index, &shard->world.entities, shard->counters->space);
    tw_records_refresh(&shard->interest.records, &shard->world.entities, (uint32_t)tick);
    send_notices(shard, &sending);
    send_snapshots(shard, &sending);
    struct tw_relay_tick relay = {.world = &shard->world,
                                  .sessions = &shard->sessions,
                                  .outboxes = outboxes,
                                  .hearing =
                                      (uint64_t)shard->config.aoi_enter_m * TW_UNITS_PER_METRE};
    struct tw_relay_sent sent = tw_relay_send(&shard->relay, &relay);
    tw_counter_add(&shard->counters->messages, sent.messages);
    tw_counter_add(&shard->counters->messages_dropped, sent.gone);
    tw_counter_add(&shard->counters->ticks, 1);
    if (before != 0)
        tw_counter_add(&shard->counters->ticks_skipped, tick - before - 1u);
    tw_counter_set(&shard->counters->players, state->players_live);
    tw_counter_set(&shard->counters->players_away, shard->presences[TW_AWAY]);
    tw_counter_set(&shard->counters->players_parked, shard->presences[TW_PARKED]);
    tw_counter_set(&shard->counters->entities, shard->world.entities.state->live);
    if (tick % shard->config.tick_hz == 0) {
        count_links(shard);
        tw_counter_set(&shard->counters->state_hash, tw_world_hash(&shard->world));
        tw_counter_set(&shard->counters->state_hash_tick, tick);
    }
}

uint64_t tw_shard_state_hash(const struct tw_shard *shard)
{
    return tw_world_hash(&shard->world);
}
