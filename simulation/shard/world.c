/* SPDX-License-Identifier: BSD-3-Clause */
#include "simulation/shard/world.h"

#include "simulation/core/fixed.h"
#include "simulation/core/hash.h"
#include "tickwire/assert.h"
#include "tickwire/wire.h"

/* A place is looked for this often before its circle grows (players) or it is given up (others):
 * half-full areas take two tries on average. */
#define PLACE_TRIES 24u
/* Players look through the whole world so many times more: a refusal should mean "full". */
#define SPAWN_ROUNDS_ANYWHERE 16u
/* Nothing starts in contact: 1/16 m of air. */
#define PLACE_MARGIN 64u
/* Between obstacles, and from them to the walls, a body passes: they make no traps. */
#define PASSAGE (2u * TW_BODY_RADIUS + PLACE_MARGIN)

/* Around the place that a parked player left: rings of bodies side by side, 18 m across. */
#define NEAR_RINGS 8
#define NEAR_PITCH ((int32_t)(2u * TW_BODY_RADIUS + PLACE_MARGIN))

#define HEALTH_FULL 100u
#define TEAMS       2u

struct tw_index_config tw_world_index_config(const struct tw_shard_config *config)
{
    return (struct tw_index_config){.size_m = config->size_m,
                                    .wraps = config->wraps,
                                    .entities_max = config->entities_max,
                                    .octree = config->octree,
                                    .split_above = config->split_above,
                                    .merge_below = config->merge_below,
                                    .kernels = config->kernels};
}

void tw_world_carve(struct tw_world *world, struct tw_arena *arena,
                    const struct tw_shard_config *config)
{
    size_t start = arena->used;
    world->config = config;
    world->plane = tw_world_plane(config);
    world->state = tw_arena_take(arena, 1, sizeof(*world->state));
    tw_entities_carve(&world->entities, arena, config->entities_max);
    world->players = tw_arena_take(arena, config->players_max, sizeof(*world->players));
    world->players_free = tw_arena_take(arena, config->players_max, sizeof(*world->players_free));
    tw_parking_carve(&world->parking, arena, config->parking_max);
    world->state_bytes = arena->base ? arena->base + start : NULL;
    world->state_size = arena->used - start;
    struct tw_index_config index_choices = tw_world_index_config(config);
    tw_index_carve(&world->index, arena, &index_choices);
    tw_candidates_carve(&world->candidates, arena, config->entities_max);
}

struct place {
    int32_t x, y;
};

/* A circle to be placed, with so much air around it. */
struct footing {
    uint32_t radius, air;
};

static struct place place_at(const struct tw_world *world, int32_t x, int32_t y)
{
    return (struct place){tw_plane_place(world->plane, x), tw_plane_place(world->plane, y)};
}

static const struct footing body_footing = {TW_BODY_RADIUS, PLACE_MARGIN};

static bool is_free(struct tw_world *world, struct place place, struct footing footing)
{
    uint32_t reach = footing.radius + TW_OBSTACLE_RADIUS_MAX + footing.air;
    uint32_t count = tw_index_near(&world->index, place.x, place.y, reach);
    for (uint32_t i = 0; i < count; i++) {
        uint32_t other = world->index.nearby[i];
        uint64_t apart = (uint64_t)footing.radius + world->entities.radius[other] + footing.air;
        if (tw_plane_distance_squared(world->plane, place.x, place.y, world->entities.x[other],
                                      world->entities.y[other]) < apart * apart)
            return false;
    }
    return true;
}

/* A free place for a circle, in the square of half-width `within` around the centre of the world
 * and no further from the centre than that unless `within` is the whole world. */
static bool find_place(struct tw_world *world, struct footing footing, uint32_t within,
                       struct place *place)
{
    uint32_t half = world->config->size_m * TW_UNITS_PER_METRE / 2u;
    bool anywhere = within >= half;
    uint32_t reach = anywhere ? half - footing.radius - footing.air : within - footing.radius;
    if (anywhere && world->config->wraps)
        reach = half; /* no walls */
    for (uint32_t i = 0; i < PLACE_TRIES; i++) {
        int32_t dx = (int32_t)tw_rng_below(&world->state->rng, 2u * reach + 1u) - (int32_t)reach;
        int32_t dy = (int32_t)tw_rng_below(&world->state->rng, 2u * reach + 1u) - (int32_t)reach;
        if (!anywhere && tw_fixed_distance_squared(dx, dy, 0, 0) > (uint64_t)reach * reach)
            continue;
        *place = place_at(world, (int32_t)half + dx, (int32_t)half + dy);
        if (is_free(world, *place, footing))
            return true;
    }
    return false;
}

static tw_entity create_at(struct tw_world *world, enum tw_entity_type type, struct place place,
                           uint32_t radius, uint32_t tick)
{
    struct tw_entities *entities = &world->entities;
    tw_entity entity = tw_entities_create(entities);
    if (entity.bits == 0)
        return entity;
    uint32_t index = tw_entity_index(entity);
    entities->x[index] = place.x;
    entities->y[index] = place.y;
    entities->radius[index] = (uint16_t)radius;
    entities->changed_tick[index] = tick;
    tw_entities_set_cold(entities, index, TW_FIELD_TYPE, (uint16_t)type, tick);
    tw_index_insert(&world->index, entities, index);
    return entity;
}

static void set_body(struct tw_world *world, uint32_t index, uint32_t tick)
{
    struct tw_entities *entities = &world->entities;
    uint16_t heading = (uint16_t)tw_rng_next(&world->state->rng);
    entities->heading[index] = heading;
    entities->facing[index] = heading;
    tw_entities_set_cold(entities, index, TW_FIELD_APPEARANCE,
                         (uint16_t)tw_rng_next(&world->state->rng), tick);
    tw_entities_set_cold(entities, index, TW_FIELD_HEALTH, HEALTH_FULL, tick);
    tw_entities_set_cold(entities, index, TW_FIELD_HEALTH_MAX, HEALTH_FULL, tick);
}

void tw_world_init(struct tw_world *world)
{
    const struct tw_shard_config *config = world->config;
    struct tw_rng *rng = &world->state->rng;
    uint32_t whole = config->size_m * TW_UNITS_PER_METRE;
    struct place place;
    tw_rng_seed(rng, config->seed);
    struct tw_index_config index_choices = tw_world_index_config(config);
    tw_entities_init(&world->entities);
    tw_parking_init(&world->parking);
    tw_index_init(&world->index, &index_choices);
    tw_candidates_init(&world->candidates, &world->index);
    for (uint32_t i = 0; i < config->players_max; i++)
        world->players_free[i] = i;
    world->state->free_count = config->players_max;
    /* A crowded world gets fewer than asked for. */
    for (uint32_t i = 0; i < config->obstacles; i++) {
        uint32_t radius = tw_rng_between(rng, TW_OBSTACLE_RADIUS_MIN, TW_OBSTACLE_RADIUS_MAX);
        if (find_place(world, (struct footing){radius, PASSAGE}, whole, &place))
            create_at(world, TW_ENTITY_OBSTACLE, place, radius, 0);
    }
    for (uint32_t i = 0; i < config->npcs; i++) {
        if (!find_place(world, body_footing, whole, &place))
            continue;
        tw_entity entity = create_at(world, TW_ENTITY_WANDERER, place, TW_BODY_RADIUS, 0);
        uint32_t index = tw_entity_index(entity);
        set_body(world, index, 0);
        /* Spread evenly over the list, so that the share is exact. */
        uint64_t before = (uint64_t)i * config->npcs_moving_percent / 100u;
        uint64_t after = (uint64_t)(i + 1u) * config->npcs_moving_percent / 100u;
        world->entities.wanders[index] = after > before;
    }
}

/* Near the centre if wanted, further out as it fills up. */
static bool find_spawn(struct tw_world *world, struct place *place)
{
    uint32_t whole = world->config->size_m * TW_UNITS_PER_METRE;
    uint32_t within = world->config->spawn_radius_m * TW_UNITS_PER_METRE;
    if (within == 0)
        within = whole;
    if (within < 2u * TW_BODY_RADIUS)
        within = 2u * TW_BODY_RADIUS;
    for (; within < whole; within += within / 4u + TW_UNITS_PER_METRE) {
        if (find_place(world, body_footing, within, place))
            return true;
    }
    for (uint32_t round = 0; round < SPAWN_ROUNDS_ANYWHERE; round++) {
        if (find_place(world, body_footing, whole, place))
            return true;
    }
    return false;
}

uint32_t tw_world_join(struct tw_world *world, const struct tw_join *join, uint32_t tick)
{
    struct tw_world_state *state = world->state;
    struct place place;
    if (state->free_count == 0 || world->entities.state->free_count == 0 ||
        !find_spawn(world, &place))
        return TW_PLAYER_NONE;
    uint32_t index = world->players_free[state->free_first];
    state->free_first = (state->free_first + 1u) % world->config->players_max;
    state->free_count--;
    state->players_live++;
    if (index >= state->players_end)
        state->players_end = index + 1u;
    tw_entity entity = create_at(world, TW_ENTITY_PLAYER, place, TW_BODY_RADIUS, tick);
    set_body(world, tw_entity_index(entity), tick);
    tw_entities_set_cold(&world->entities, tw_entity_index(entity), TW_FIELD_TEAM,
                         (uint16_t)(1u + index % TEAMS), tick);
    world->players[index] = (struct tw_player){.account = join->account,
                                               .entity = entity.bits,
                                               .worker = join->worker,
                                               .slot = join->slot,
                                               .route_epoch = join->route_epoch};
    world->players[index].inputs.last.facing = world->entities.facing[tw_entity_index(entity)];
    return index;
}

void tw_world_leave(struct tw_world *world, uint32_t player)
{
    struct tw_world_state *state = world->state;
    struct tw_player *leaving = &world->players[player];
    TW_ASSERT(leaving->entity != 0);
    tw_entity entity = {.bits = leaving->entity};
    if (leaving->presence == TW_PARKED) {
        tw_parking_free(&world->parking, leaving->place);
        tw_entities_give_up(&world->entities, entity);
    } else {
        tw_index_remove(&world->index, &world->entities, tw_entity_index(entity));
        tw_entities_destroy(&world->entities, entity);
    }
    *leaving = (struct tw_player){0};
    world->players_free[(state->free_first + state->free_count) % world->config->players_max] =
        player;
    state->free_count++;
    state->players_live--;
}

/* ---- presence ------------------------------------------------------------------------------- */

/* Inputs that wait were meant for a moment that is over. */
static void show_away(struct tw_world *world, uint32_t player, bool away, uint32_t tick)
{
    struct tw_entities *entities = &world->entities;
    struct tw_player_inputs *inputs = &world->players[player].inputs;
    uint32_t index = tw_entity_index((tw_entity){.bits = world->players[player].entity});
    inputs->last.move_x = 0;
    inputs->last.move_y = 0;
    inputs->last.buttons = 0;
    entities->velocity_x[index] = 0;
    entities->velocity_y[index] = 0;
    entities->action[index] = away ? TW_ACTION_AWAY : TW_ACTION_NONE;
    entities->action_ticks_left[index] = 0;
    entities->changed_tick[index] = tick;
}

/* False: every place is taken. */
static bool park(struct tw_world *world, uint32_t player, uint32_t tick)
{
    struct tw_entities *entities = &world->entities;
    struct tw_player *parking = &world->players[player];
    tw_entity entity = {.bits = parking->entity};
    uint32_t index = tw_entity_index(entity);
    struct tw_parked parked = {.account = parking->account,
                               .handle = entity.bits,
                               .since_tick = tick,
                               .x = entities->x[index],
                               .y = entities->y[index],
                               .heading = entities->heading[index],
                               .facing = entities->facing[index],
                               .radius = entities->radius[index]};
    for (uint32_t field = 0; field < TW_COLD_FIELDS; field++)
        parked.cold[field] = entities->cold[field][index];
    uint32_t at = tw_parking_put(&world->parking, &parked);
    if (at == TW_PARKING_NONE)
        return false;
    parking->place = at;
    tw_index_remove(&world->index, entities, index);
    tw_entities_set_aside(entities, entity);
    return true;
}

static bool is_inside(const struct tw_world *world, struct place place)
{
    if (world->config->wraps)
        return true;
    int32_t least = (int32_t)(TW_BODY_RADIUS + PLACE_MARGIN);
    int32_t most = (int32_t)(world->config->size_m * TW_UNITS_PER_METRE) - least;
    return place.x >= least && place.y >= least && place.x <= most && place.y <= most;
}

/* The nearest free place of a few around the old one; else as for somebody who joins. */
static bool find_old_place(struct tw_world *world, const struct tw_parked *parked,
                           struct place *place)
{
    for (int32_t ring = 0; ring <= NEAR_RINGS; ring++) {
        for (int32_t dy = -ring; dy <= ring; dy++) {
            /* Only the edge of the square: what lies within was looked at before. */
            int32_t step = dy == -ring || dy == ring || ring == 0 ? 1 : 2 * ring;
            for (int32_t dx = -ring; dx <= ring; dx += step) {
                *place = place_at(world, parked->x + dx * NEAR_PITCH, parked->y + dy * NEAR_PITCH);
                if ((ring == 0 || is_inside(world, *place)) && is_free(world, *place, body_footing))
                    return true;
            }
        }
    }
    return find_spawn(world, place);
}

/* False: there is no room anywhere. */
static bool unpark(struct tw_world *world, uint32_t player, uint32_t tick)
{
    struct tw_entities *entities = &world->entities;
    const struct tw_parked *parked = tw_parking_at(&world->parking, world->players[player].place);
    tw_entity entity = {.bits = parked->handle};
    uint32_t index = tw_entity_index(entity);
    struct place place;
    if (!find_old_place(world, parked, &place))
        return false;
    tw_entities_bring_back(entities, entity);
    entities->x[index] = place.x;
    entities->y[index] = place.y;
    entities->heading[index] = parked->heading;
    entities->facing[index] = parked->facing;
    entities->radius[index] = parked->radius;
    for (uint32_t field = 0; field < TW_COLD_FIELDS; field++) {
        entities->cold[field][index] = parked->cold[field];
        entities->cold_tick[field][index] = tick;
    }
    entities->cold_newest[index] = tick;
    tw_index_insert(&world->index, entities, index);
    tw_parking_free(&world->parking, world->players[player].place);
    world->players[player].place = 0;
    return true;
}

bool tw_world_set_presence(struct tw_world *world, uint32_t player, enum tw_presence presence,
                           uint32_t tick)
{
    struct tw_player *changing = &world->players[player];
    TW_ASSERT(changing->entity != 0);
    if (changing->presence == presence)
        return true;
    bool done = presence != TW_PARKED || park(world, player, tick);
    if (!done)
        presence = TW_AWAY;
    else if (changing->presence == TW_PARKED && !unpark(world, player, tick))
        return false;
    if (presence != TW_PARKED)
        show_away(world, player, presence == TW_AWAY, tick);
    changing->presence = presence;
    return done;
}

uint64_t tw_world_hash(const struct tw_world *world)
{
    return tw_hash64_wide(world->state_bytes, world->state_size);
}
