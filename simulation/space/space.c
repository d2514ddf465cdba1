/* SPDX-License-Identifier: BSD-3-Clause */
#include "simulation/space/space.h"

#include "simulation/space/internal.h"
#include "tickwire/assert.h"

#include <string.h>

#define ENTITIES_LIMIT (1u << TW_ENTITY_INDEX_BITS)
/* 1 m: a body; finer cells would hold one entity each. */
#define CELL_SHIFT_MIN 10u
/* A root holds 8 entities on average when the index is full and they stand evenly: between the
 * bounds for splitting and merging, so an even world has no second level. */
#define ROOT_ENTITIES 8u
/* Small indexes may have more roots than that: 64 take 4 KB. */
#define ROOTS_MIN   64u
#define SPLIT_ABOVE 32u
#define MERGE_BELOW 8u
#define SPLIT_LIMIT 4096u
/* Leaves that split just now hold 8 on a plain, 4 in open space; cells of all ages hold 15 and 10
 * on average. One node per six entities, inner ones included, leaves most splits possible; cells
 * that split earlier are more. */
#define ENTITIES_PER_NODE 6u
/* At least so many cells below roots for the smallest of indexes. */
#define NODES_SPARE 64u
/* Percent of a cell that an entity may stand outside of it. */
#define MARGIN_PERCENT 15u

static uint64_t cells_along(int32_t size, uint32_t shift)
{
    return ((uint64_t)(uint32_t)size >> shift) + 1u;
}

static uint64_t roots_in(const struct tw_space_point *size, uint32_t shift)
{
    return cells_along(size->x, shift) * cells_along(size->y, shift) * cells_along(size->z, shift);
}

static uint32_t choose_cell_shift(const struct tw_space_config *config)
{
    uint32_t shift = CELL_SHIFT_MIN;
    uint64_t wanted = config->entities_max / ROOT_ENTITIES;
    if (config->kind == TW_SPACE_OCTREE)
        wanted = 1;
    else if (wanted < ROOTS_MIN)
        wanted = ROOTS_MIN;
    while (roots_in(&config->size, shift) > wanted)
        shift++;
    return shift;
}

/* Replaces zeros; false if a value is out of range. */
static bool complete(struct tw_space_config *config)
{
    const struct tw_space_point *size = &config->size;
    if (size->x < 1 || size->x > TW_SPACE_SIZE_MAX || size->y < 1 || size->y > TW_SPACE_SIZE_MAX ||
        size->z < 0 || size->z > TW_SPACE_SIZE_MAX || config->entities_max < 1u ||
        config->entities_max > ENTITIES_LIMIT || config->large_max > TW_SPACE_LARGE_LIMIT ||
        (config->kind != TW_SPACE_GRID && config->kind != TW_SPACE_OCTREE))
        return false;
    if (config->kind == TW_SPACE_OCTREE || config->cell_shift == 0)
        config->cell_shift = choose_cell_shift(config);
    if (config->cell_shift_min == 0) {
        uint32_t least = config->cell_shift < CELL_SHIFT_MIN ? config->cell_shift : CELL_SHIFT_MIN;
        bool deep = config->cell_shift > least + TW_SPACE_DEPTH_LIMIT;
        config->cell_shift_min = deep ? config->cell_shift - TW_SPACE_DEPTH_LIMIT : least;
    }
    if (config->split_above == 0)
        config->split_above = SPLIT_ABOVE;
    if (config->merge_below == 0)
        config->merge_below =
            MERGE_BELOW < config->split_above / 2u ? MERGE_BELOW : config->split_above / 2u;
    return config->cell_shift <= 28u && config->cell_shift_min >= 1u &&
           config->cell_shift_min <= config->cell_shift &&
           config->cell_shift - config->cell_shift_min <= TW_SPACE_DEPTH_LIMIT &&
           config->split_above >= 2u && config->split_above <= SPLIT_LIMIT &&
           config->merge_below >= 1u && config->merge_below <= config->split_above / 2u;
}

static uint32_t smaller(uint64_t a, uint64_t b)
{
    return (uint32_t)(a < b ? a : b);
}

static uint32_t nodes_for_splits(const struct tw_space_config *config)
{
    uint32_t entities_per_node = ENTITIES_PER_NODE;
    if (config->split_above < SPLIT_ABOVE)
        entities_per_node = ENTITIES_PER_NODE * config->split_above / SPLIT_ABOVE;
    return config->entities_max / (entities_per_node > 0 ? entities_per_node : 1u);
}

/* Everything but the arrays; the configuration is complete. */
static void plan(struct tw_space *space)
{
    const struct tw_space_config *config = &space->config;
    uint32_t entities = config->entities_max;
    uint64_t roots = roots_in(&config->size, config->cell_shift);
    space->roots_x = (uint32_t)cells_along(config->size.x, config->cell_shift);
    space->roots_y = (uint32_t)cells_along(config->size.y, config->cell_shift);
    space->roots_z = (uint32_t)cells_along(config->size.z, config->cell_shift);
    space->roots_limit = smaller(roots, entities);
    uint32_t table = 1;
    while (table < smaller(roots, 2u * (uint64_t)entities))
        table *= 2u;
    space->roots_mask = table - 1u;
    uint32_t nodes = space->roots_limit + entities / (2u * ROOT_ENTITIES);
    if (nodes < nodes_for_splits(config))
        nodes = nodes_for_splits(config);
    space->nodes_max = nodes + NODES_SPARE;
    /* Full ones, one that is not full per leaf, and one while a leaf is poured into others. */
    space->blocks_max = entities / TW_SPACE_LANES + space->nodes_max + 1u;
    for (uint32_t shift = 0; shift < TW_SPACE_SHIFTS; shift++)
        space->margins[shift] = (int32_t)((UINT64_C(1) << shift) * MARGIN_PERCENT / 100u);
}

static struct tw_space *carve(struct tw_arena *arena, struct tw_space *planned)
{
    struct tw_space *space = tw_arena_take(arena, 1, sizeof(*space));
    uint32_t entities = planned->config.entities_max;
    planned->nodes = tw_arena_take(arena, planned->nodes_max, sizeof(*planned->nodes));
    planned->blocks = tw_arena_take(arena, planned->blocks_max, sizeof(*planned->blocks));
    planned->roots =
        tw_arena_take(arena, (size_t)planned->roots_mask + 1u, sizeof(*planned->roots));
    planned->places = tw_arena_take(arena, entities, sizeof(*planned->places));
    planned->generations = tw_arena_take(arena, entities, sizeof(*planned->generations));
    tw_space_large_carve(&planned->large, arena, planned->config.large_max);
    if (space)
        *space = *planned;
    return space;
}

size_t tw_space_footprint(const struct tw_space_config *config)
{
    struct tw_space planned = {.config = *config};
    struct tw_arena arena = {0};
    if (!complete(&planned.config))
        return 0;
    plan(&planned);
    carve(&arena, &planned);
    return arena.used;
}

uint32_t tw_space_nodes_limit(const struct tw_space_config *config)
{
    struct tw_space planned = {.config = *config};
    if (!complete(&planned.config))
        return 0;
    plan(&planned);
    return planned.nodes_max;
}

struct tw_space *tw_space_carve(struct tw_arena *arena, const struct tw_space_config *config)
{
    struct tw_space planned = {.config = *config};
    bool valid = complete(&planned.config);
    TW_ASSERT(valid);
    plan(&planned);
    return carve(arena, &planned);
}

static int32_t place_on_axis(struct tw_space *space, int32_t value, int32_t size, bool wraps)
{
    if (wraps) {
        int32_t rest = value % size;
        return rest < 0 ? rest + size : rest;
    }
    if (value >= 0 && value <= size)
        return value;
    space->changes.clamped++;
    return value < 0 ? 0 : size;
}

static struct tw_space_point place(struct tw_space *space, struct tw_space_point at)
{
    const struct tw_space_config *config = &space->config;
    at.x = place_on_axis(space, at.x, config->size.x, config->wraps);
    at.y = place_on_axis(space, at.y, config->size.y, config->wraps);
    at.z = place_on_axis(space, at.z, config->size.z, false);
    return at;
}

static enum tw_space_status check_entity(const struct tw_space *space, tw_entity entity)
{
    uint32_t index = tw_entity_index(entity);
    uint32_t generation = tw_entity_generation(entity);
    if (index >= space->config.entities_max || generation == 0)
        return TW_SPACE_NO_ENTITY;
    return space->generations[index] == generation ? TW_SPACE_OK : TW_SPACE_ABSENT;
}

static bool is_valid(const struct tw_space_body *body)
{
    return body->radius >= 0 && body->radius <= TW_SPACE_SIZE_MAX && body->type < TW_SPACE_TYPES;
}

static bool is_large(const struct tw_space_body *body)
{
    return body->radius > TW_SPACE_SMALL_RADIUS;
}

static uint32_t tags_of(const struct tw_space_body *body)
{
    return (uint32_t)body->type | (body->dead ? TW_SPACE_TAG_DEAD : 0u) |
           (uint32_t)body->faction << TW_SPACE_TAG_FACTION_BIT;
}

enum tw_space_status tw_space_insert(struct tw_space *space, tw_entity entity,
                                     const struct tw_space_body *body)
{
    enum tw_space_status status = check_entity(space, entity);
    uint32_t index = tw_entity_index(entity);
    if (status == TW_SPACE_NO_ENTITY)
        return status;
    /* Another generation of the same index is in the way as well. */
    if (space->generations[index] != 0)
        return TW_SPACE_PRESENT;
    if (!is_valid(body))
        return TW_SPACE_BAD_BODY;
    if (is_large(body) && tw_space_large_is_full(&space->large))
        return TW_SPACE_FULL;
    struct tw_space_entry entry = {
        .at = place(space, body->at), .handle = entity.bits, .tags = tags_of(body)};
    if (is_large(body)) {
        struct tw_space_large_body large = {
            .at = entry.at, .radius = body->radius, .handle = entry.handle, .tags = entry.tags};
        entry.tags |= TW_SPACE_TAG_LARGE | tw_space_large_insert(&space->large, &large)
                                               << TW_SPACE_TAG_RADIUS_SHIFT;
    } else {
        entry.tags |= (uint32_t)body->radius << TW_SPACE_TAG_RADIUS_SHIFT;
        if (space->small_radius < body->radius)
            space->small_radius = body->radius;
    }
    tw_space_cells_insert(space, &entry);
    space->generations[index] = (uint8_t)tw_entity_generation(entity);
    space->population++;
    space->changes.inserts++;
    return TW_SPACE_OK;
}

static uint32_t tags_at(const struct tw_space *space, uint32_t index)
{
    uint32_t at = space->places[index];
    return space->blocks[at / TW_SPACE_LANES].tags[at % TW_SPACE_LANES];
}

enum tw_space_status tw_space_move(struct tw_space *space, tw_entity entity,
                                   struct tw_space_point to)
{
    enum tw_space_status status = check_entity(space, entity);
    if (status != TW_SPACE_OK)
        return status;
    uint32_t index = tw_entity_index(entity);
    to = place(space, to);
    if (space->large.used > 0) {
        uint32_t tags = tags_at(space, index);
        if (tags & TW_SPACE_TAG_LARGE)
            tw_space_large_move(&space->large, tags >> TW_SPACE_TAG_RADIUS_SHIFT, to);
    }
    tw_space_cells_move(space, index, to);
    space->changes.moves++;
    return TW_SPACE_OK;
}

enum tw_space_status tw_space_remove(struct tw_space *space, tw_entity entity)
{
    enum tw_space_status status = check_entity(space, entity);
    if (status != TW_SPACE_OK)
        return status;
    uint32_t index = tw_entity_index(entity);
    uint32_t tags = tags_at(space, index);
    if (tags & TW_SPACE_TAG_LARGE)
        tw_space_large_remove(&space->large, tags >> TW_SPACE_TAG_RADIUS_SHIFT);
    tw_space_cells_remove(space, index);
    space->generations[index] = 0;
    space->population--;
    space->changes.removes++;
    return TW_SPACE_OK;
}

enum tw_space_status tw_space_change(struct tw_space *space, tw_entity entity,
                                     const struct tw_space_body *body)
{
    enum tw_space_status status = check_entity(space, entity);
    if (status != TW_SPACE_OK)
        return status;
    if (!is_valid(body))
        return TW_SPACE_BAD_BODY;
    bool was_large = tags_at(space, tw_entity_index(entity)) & TW_SPACE_TAG_LARGE;
    if (is_large(body) && !was_large && tw_space_large_is_full(&space->large))
        return TW_SPACE_FULL;
    /* Room is certain: neither of the two can fail. */
    tw_space_remove(space, entity);
    return tw_space_insert(space, entity, body);
}

void tw_space_tend(struct tw_space *space, uint32_t nodes)
{
    uint32_t end = space->nodes_end;
    for (uint32_t i = 0; i < nodes && i < end; i++) {
        space->tended = space->tended < space->nodes_end ? space->tended + 1u : 1u;
        tw_space_cells_tend(space, space->tended);
    }
}

void tw_space_clear(struct tw_space *space)
{
    struct tw_space_config config = space->config;
    struct tw_arena arena = {.base = (uint8_t *)space};
    memset(space, 0, tw_space_footprint(&config));
    tw_space_carve(&arena, &config);
}

enum tw_space_status tw_space_get(const struct tw_space *space, tw_entity entity,
                                  struct tw_space_body *body)
{
    enum tw_space_status status = check_entity(space, entity);
    if (status != TW_SPACE_OK)
        return status;
    uint32_t at = space->places[tw_entity_index(entity)];
    const struct tw_space_block *block = &space->blocks[at / TW_SPACE_LANES];
    uint32_t tags = block->tags[at % TW_SPACE_LANES];
    *body = (struct tw_space_body){.at = tw_space_block_point(block, at % TW_SPACE_LANES),
                                   .radius = tw_space_radius_at(space, block, at % TW_SPACE_LANES),
                                   .type = (uint8_t)(tags & TW_SPACE_TAG_TYPE),
                                   .faction = (uint8_t)(tags >> TW_SPACE_TAG_FACTION_BIT),
                                   .dead = tags & TW_SPACE_TAG_DEAD};
    return TW_SPACE_OK;
}

uint32_t tw_space_population(const struct tw_space *space)
{
    return space->population;
}

const struct tw_space_changes *tw_space_changes(const struct tw_space *space)
{
    return &space->changes;
}

const struct tw_space_config *tw_space_config(const struct tw_space *space)
{
    return &space->config;
}
