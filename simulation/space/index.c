/* SPDX-License-Identifier: BSD-3-Clause */
#include "simulation/space/index.h"

#include "simulation/space/internal.h"
#include "simulation/space/query.h"
#include "tickwire/assert.h"
#include "tickwire/wire.h"

static_assert(TW_SPACE_FIGURE_HOLD_MORE - TW_SPACE_FIGURE_HOLD_8 + 1 == TW_SPACE_OCCUPANCIES,
              "one figure per class of the histogram");

/* Nobody asks for the nearest here; sorting large answers takes so much scratch. */
#define NEAREST_MAX 1024u
/* Room for those who are close, per entity: 7 bodies that keep apart fit around another within two
 * steps at 60 Hz. At 10 Hz 18 do, but the room is shared: a crowd takes what others leave. */
#define PAIRS_PER_ENTITY 8u
/* The audit has been through everything, and every cell has been tended, once in so many ticks: 4 s
 * at 60 Hz, 20 microseconds a tick with 100,000 entities. */
#define ROUND_TICKS 240u

static struct tw_space_config space_config(const struct tw_index_config *config)
{
    int32_t size = (int32_t)(config->size_m * TW_UNITS_PER_METRE);
    return (struct tw_space_config){.kind = config->octree ? TW_SPACE_OCTREE : TW_SPACE_GRID,
                                    .size = {size, size, 0},
                                    .wraps = config->wraps,
                                    .entities_max = config->entities_max,
                                    .split_above = config->split_above,
                                    .merge_below = config->merge_below};
}

bool tw_index_config_is_valid(const struct tw_index_config *config)
{
    struct tw_space_config space = space_config(config);
    return tw_space_footprint(&space) != 0;
}

void tw_index_carve(struct tw_index *index, struct tw_arena *arena,
                    const struct tw_index_config *config)
{
    struct tw_space_config space = space_config(config);
    index->space = tw_space_carve(arena, &space);
    tw_space_reader_carve(&index->reader, arena, NEAREST_MAX);
    index->nearby = tw_arena_take(arena, config->entities_max, sizeof(*index->nearby));
    tw_space_pairs_carve(&index->pairs, arena, &space, config->entities_max,
                         PAIRS_PER_ENTITY * config->entities_max);
}

void tw_index_init(struct tw_index *index, const struct tw_index_config *config)
{
    tw_space_reader_init(&index->reader, index->space, config->kernels);
    tw_space_pairs_init(&index->pairs, &index->reader);
    index->audit = (struct tw_space_audit){0};
}

static struct tw_space_point place_of(const struct tw_entities *entities, uint32_t entity)
{
    return (struct tw_space_point){entities->x[entity], entities->y[entity], 0};
}

/* The store and the index agree about who is in: anything else is our mistake. */
void tw_index_insert(struct tw_index *index, const struct tw_entities *entities, uint32_t entity)
{
    struct tw_space_body body = {.at = place_of(entities, entity),
                                 .radius = entities->radius[entity],
                                 .type = (uint8_t)entities->cold[TW_FIELD_TYPE][entity]};
    enum tw_space_status status =
        tw_space_insert(index->space, tw_entities_handle(entities, entity), &body);
    TW_ASSERT(status == TW_SPACE_OK);
}

void tw_index_move(struct tw_index *index, const struct tw_entities *entities, uint32_t entity)
{
    enum tw_space_status status = tw_space_move(index->space, tw_entities_handle(entities, entity),
                                                place_of(entities, entity));
    TW_ASSERT(status == TW_SPACE_OK);
}

void tw_index_remove(struct tw_index *index, const struct tw_entities *entities, uint32_t entity)
{
    enum tw_space_status status =
        tw_space_remove(index->space, tw_entities_handle(entities, entity));
    TW_ASSERT(status == TW_SPACE_OK);
}

void tw_index_rebuild(struct tw_index *index, const struct tw_entities *entities)
{
    tw_space_clear(index->space);
    index->audit = (struct tw_space_audit){0};
    for (uint32_t entity = 0; entity < entities->state->end; entity++) {
        if (entities->live[entity])
            tw_index_insert(index, entities, entity);
    }
}

static bool note(void *context, const struct tw_space_item *item)
{
    uint32_t **end = context;
    *(*end)++ = tw_entity_index((tw_entity){.bits = item->handle});
    return true;
}

uint32_t tw_index_near(struct tw_index *index, int32_t x, int32_t y, uint32_t radius)
{
    struct tw_space_shape sphere;
    uint32_t *end = index->nearby;
    int32_t limit = radius < INT32_MAX ? (int32_t)radius : INT32_MAX;
    tw_space_shape_sphere(&sphere, (struct tw_space_point){x, y, 0}, limit);
    uint32_t found = tw_space_visit(&index->reader, &sphere, NULL, note, &end);
    TW_ASSERT(found != TW_SPACE_TOO_WIDE);
    return found;
}

#ifdef TW_CHECK_SPACE
static void check(const struct tw_index *index, const struct tw_entities *entities)
{
    struct tw_space_figures figures;
    struct tw_space_verdict verdict = tw_space_validate(index->space, &figures);
    TW_ASSERT(verdict.faults == 0);
    TW_ASSERT(figures.entities == entities->state->live);
    for (uint32_t entity = 0; entity < entities->state->end; entity++) {
        struct tw_space_body body;
        if (!entities->live[entity])
            continue;
        TW_ASSERT(tw_space_get(index->space, tw_entities_handle(entities, entity), &body) ==
                  TW_SPACE_OK);
        TW_ASSERT(body.at.x == entities->x[entity] && body.at.y == entities->y[entity]);
    }
}
#else
static void check(const struct tw_index *index, const struct tw_entities *entities)
{
    (void)index;
    (void)entities;
}
#endif

static void publish_figures(const struct tw_space_audit *audit, tw_counter *out)
{
    const struct tw_space_figures *figures = &audit->figures;
    tw_counter_set(&out[TW_SPACE_FIGURE_LARGE], figures->large);
    tw_counter_set(&out[TW_SPACE_FIGURE_ROOTS], figures->roots);
    tw_counter_set(&out[TW_SPACE_FIGURE_INNER], figures->inner);
    tw_counter_set(&out[TW_SPACE_FIGURE_LEAVES], figures->leaves);
    tw_counter_set(&out[TW_SPACE_FIGURE_BLOCKS], figures->blocks);
    tw_counter_set(&out[TW_SPACE_FIGURE_BLOCKS_MAX], figures->blocks_max);
    tw_counter_set(&out[TW_SPACE_FIGURE_DEPTH_MAX], figures->depth_max);
    tw_counter_set(&out[TW_SPACE_FIGURE_FULLEST], figures->fullest);
    tw_counter_set(&out[TW_SPACE_FIGURE_FULLEST_X],
                   (uint32_t)figures->fullest_at.x / TW_UNITS_PER_METRE);
    tw_counter_set(&out[TW_SPACE_FIGURE_FULLEST_Y],
                   (uint32_t)figures->fullest_at.y / TW_UNITS_PER_METRE);
    for (uint32_t i = 0; i < TW_SPACE_OCCUPANCIES; i++)
        tw_counter_set(&out[TW_SPACE_FIGURE_HOLD_8 + i], figures->occupancy[i]);
    tw_counter_set(&out[TW_SPACE_FIGURE_AUDIT_ROUNDS], audit->rounds);
    tw_counter_set(&out[TW_SPACE_FIGURE_FAULTS], audit->verdict.faults);
    tw_counter_set(&out[TW_SPACE_FIGURE_FIRST_FAULT], audit->verdict.first);
    tw_counter_set(&out[TW_SPACE_FIGURE_FIRST_SUBJECT], audit->verdict.subject);
}

static void publish_costs(const struct tw_index *index, tw_counter *out)
{
    const struct tw_space_changes *changes = tw_space_changes(index->space);
    const struct tw_space_cost *cost = &index->reader.cost;
    tw_counter_set(&out[TW_SPACE_FIGURE_ENTITIES], tw_space_population(index->space));
    tw_counter_set(&out[TW_SPACE_FIGURE_INSERTS], changes->inserts);
    tw_counter_set(&out[TW_SPACE_FIGURE_REMOVES], changes->removes);
    tw_counter_set(&out[TW_SPACE_FIGURE_MOVES], changes->moves);
    tw_counter_set(&out[TW_SPACE_FIGURE_CROSSINGS], changes->moves_crossing);
    tw_counter_set(&out[TW_SPACE_FIGURE_CLAMPED], changes->clamped);
    tw_counter_set(&out[TW_SPACE_FIGURE_SPLITS], changes->splits);
    tw_counter_set(&out[TW_SPACE_FIGURE_MERGES], changes->merges);
    tw_counter_set(&out[TW_SPACE_FIGURE_SPLITS_REFUSED], changes->splits_refused);
    tw_counter_set(&out[TW_SPACE_FIGURE_QUERIES], cost->queries);
    tw_counter_set(&out[TW_SPACE_FIGURE_QUERY_CELLS], cost->cells);
    tw_counter_set(&out[TW_SPACE_FIGURE_QUERY_ENTITIES], cost->entities);
    tw_counter_set(&out[TW_SPACE_FIGURE_QUERY_HITS], cost->hits);
}

/* What it was made with, zeros replaced by what they stand for. */
static void publish_config(const struct tw_space_config *config, tw_counter *out)
{
    tw_counter_set(&out[TW_SPACE_FIGURE_WRAPS], config->wraps);
    tw_counter_set(&out[TW_SPACE_FIGURE_SIZE], (uint32_t)config->size.x / TW_UNITS_PER_METRE);
    tw_counter_set(&out[TW_SPACE_FIGURE_SPLIT_ABOVE], config->split_above);
    tw_counter_set(&out[TW_SPACE_FIGURE_MERGE_BELOW], config->merge_below);
}

void tw_index_tend(struct tw_index *index, const struct tw_entities *entities,
                   tw_counter figures[TW_SPACE_FIGURE_COUNT])
{
    uint32_t nodes = index->space->nodes_end / ROUND_TICKS + 1u;
    uint32_t some = entities->capacity / ROUND_TICKS + 1u;
    tw_space_tend(index->space, nodes);
    tw_space_audit_step(&index->audit, index->space, nodes, some);
    publish_config(&index->space->config, figures);
    publish_figures(&index->audit, figures);
    publish_costs(index, figures);
    check(index, entities);
}
