/* SPDX-License-Identifier: BSD-3-Clause */
#include "simulation/shard/shard.h"

#include "simulation/interest/shed.h"
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
    tw_relay_init(&shard->relay);
    tw_records_refresh(&shard->interest.records, &shard->world.entities, 0);
    tw_counter_set(&counters->entities, shard->world.entities.state->live);
    tw_counter_set(&counters->state_hash, tw_world_hash(&shard->world));
    return shard;
}

void tw_shard_count_inputs(struct tw_shard *shard, const struct tw_input_tally *tally)
{
    tw_counter *inputs = shard->counters->inputs;
    tw_counter_add(&inputs[TW_SHARD_INPUT_APPLIED], tally->applied);
    tw_counter_add(&inputs[TW_SHARD_INPUT_LATE], tally->late);
    tw_counter_add(&inputs[TW_SHARD_INPUT_SKIPPED], tally->skipped);
}

void tw_shard_forget_view(struct tw_shard *shard, uint32_t player, uint64_t tick)
{
    tw_observer_reset(&shard->interest, player, tick + player % shard->config.tick_hz);
    shard->interest.observers[player].due_step = UINT64_MAX;
    shard->starvation[player] = (struct tw_starvation){0};
    shard->link_states[player] = 0;
    shard->capacities[player] = TW_SHARD_BASE_CAPACITY;
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
    tw_shard_count_inputs(shard, &tally);
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
    tw_shard_forget_view(shard, index, tick);
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
        tw_shard_forget_view(shard, player, tick);
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
    tw_shard_count_inputs(shard, &tally);
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
    tw_shard_count_inputs(shard, &tally);
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

static void send_messages(struct tw_shard *shard, struct tw_outbox *outboxes)
{
    struct tw_relay_tick relay = {.world = &shard->world,
                                  .sessions = &shard->sessions,
                                  .outboxes = outboxes,
                                  .hearing =
                                      (uint64_t)shard->config.aoi_enter_m * TW_UNITS_PER_METRE};
    struct tw_relay_sent sent = tw_relay_send(&shard->relay, &relay);
    tw_counter_add(&shard->counters->messages, sent.messages);
    tw_counter_add(&shard->counters->messages_dropped, sent.gone);
}

/* `before`: the tick before this one. */
static void publish_counters(struct tw_shard *shard, uint64_t before)
{
    const struct tw_world_state *state = shard->world.state;
    struct tw_shard_counters *counters = shard->counters;
    tw_counter_add(&counters->ticks, 1);
    if (before != 0)
        tw_counter_add(&counters->ticks_skipped, state->tick - before - 1u);
    tw_counter_set(&counters->players, state->players_live);
    tw_counter_set(&counters->players_away, shard->presences[TW_AWAY]);
    tw_counter_set(&counters->players_parked, shard->presences[TW_PARKED]);
    tw_counter_set(&counters->entities, shard->world.entities.state->live);
    if (state->tick % shard->config.tick_hz != 0)
        return;
    count_links(shard);
    tw_counter_set(&counters->state_hash, tw_world_hash(&shard->world));
    tw_counter_set(&counters->state_hash_tick, state->tick);
}

void tw_shard_tick(struct tw_shard *shard, uint64_t tick, uint64_t due_ns,
                   struct tw_outbox *outboxes)
{
    struct tw_world *world = &shard->world;
    uint64_t before = world->state->tick;
    TW_ASSERT(tick > before);
    world->state->tick = tick;
    shard->due_ns = due_ns;
    tw_shard_sessions_spare(&shard->sessions);
    apply_leaves(shard);
    apply_presence(shard, (uint32_t)tick);
    apply_joins(shard, tick);
    apply_early_inputs(shard, tick);
    apply_inputs(shard, before, tick);
    tw_movement_step(world, (uint32_t)tick);
    tw_candidates_publish(&world->candidates, shard->counters->space);
    tw_index_tend(&world->index, &world->entities, shard->counters->space);
    tw_records_refresh(&shard->interest.records, &world->entities, (uint32_t)tick);
    struct tw_shard_sending sending = {.tick = tick, .due_ns = due_ns, .outboxes = outboxes};
    tw_shard_send_notices(shard, &sending);
    tw_shard_send_snapshots(shard, &sending);
    send_messages(shard, outboxes);
    publish_counters(shard, before);
}

uint64_t tw_shard_state_hash(const struct tw_shard *shard)
{
    return tw_world_hash(&shard->world);
}
