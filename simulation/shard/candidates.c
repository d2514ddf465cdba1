/* SPDX-License-Identifier: BSD-3-Clause */
#include "simulation/shard/candidates.h"

#include "simulation/shard/world.h"
#include "tickwire/wire.h"

void tw_candidates_carve(struct tw_candidates *candidates, struct tw_arena *arena,
                         uint32_t movers_max)
{
    candidates->movers_max = movers_max;
    candidates->movers = tw_arena_take(arena, movers_max, sizeof(*candidates->movers));
}

void tw_candidates_init(struct tw_candidates *candidates, struct tw_index *index)
{
    candidates->index = index;
    candidates->count = 0;
    candidates->asked = 0;
}

/* Velocities of players are set before movement, those of wanderers within it. */
static bool may_move(const struct tw_entities *entities, uint32_t entity)
{
    uint16_t type = entities->cold[TW_FIELD_TYPE][entity];
    return (type == TW_ENTITY_PLAYER || type == TW_ENTITY_WANDERER) &&
           (entities->wanders[entity] || entities->velocity_x[entity] != 0 ||
            entities->velocity_y[entity] != 0);
}

static uint32_t index_of(uint32_t handle)
{
    return tw_entity_index((tw_entity){.bits = handle});
}

void tw_candidates_find(struct tw_candidates *candidates, const struct tw_entities *entities,
                        uint32_t step_max)
{
    struct tw_space_pairs *pairs = &candidates->index->pairs;
    uint32_t end = entities->state->end;
    candidates->count = 0;
    candidates->next = 0;
    candidates->step_max = step_max;
    candidates->outrun = false;
    for (uint32_t i = 0; i < end && candidates->count < candidates->movers_max; i++) {
        if (may_move(entities, i))
            candidates->movers[candidates->count++] = tw_entities_handle(entities, i).bits;
    }
    tw_space_pairs_find(pairs, candidates->movers, candidates->count, (int32_t)(2u * step_max));
    for (uint32_t i = 0; i < pairs->found; i++)
        pairs->others[i] = index_of(pairs->others[i]);
}

/* NULL: none was found for it. */
static const struct tw_space_row *row_of(struct tw_candidates *candidates, uint32_t entity)
{
    while (candidates->next < candidates->count &&
           index_of(candidates->movers[candidates->next]) < entity)
        candidates->next++;
    if (candidates->next == candidates->count ||
        index_of(candidates->movers[candidates->next]) != entity)
        return NULL;
    const struct tw_space_row *row = &candidates->index->pairs.rows[candidates->next];
    return row->count == TW_SPACE_ROW_NONE ? NULL : row;
}

struct tw_candidate_list tw_candidates_of(struct tw_candidates *candidates,
                                          const struct tw_entities *entities, uint32_t entity,
                                          uint32_t reach)
{
    struct tw_index *index = candidates->index;
    const struct tw_space_row *row = row_of(candidates, entity);
    if (row && !candidates->outrun && reach <= candidates->step_max)
        return (struct tw_candidate_list){&index->pairs.others[row->first], row->count};
    candidates->asked++;
    uint32_t count = tw_index_near(index, entities->x[entity], entities->y[entity],
                                   entities->radius[entity] + TW_OBSTACLE_RADIUS_MAX + reach);
    return (struct tw_candidate_list){index->nearby, count};
}

void tw_candidates_note_step(struct tw_candidates *candidates, uint64_t squared)
{
    if (squared > (uint64_t)candidates->step_max * candidates->step_max)
        candidates->outrun = true;
}

void tw_candidates_publish(const struct tw_candidates *candidates,
                           tw_counter figures[TW_SPACE_FIGURE_COUNT])
{
    tw_counter_set(&figures[TW_SPACE_FIGURE_MOVERS], candidates->count);
    tw_counter_set(&figures[TW_SPACE_FIGURE_CANDIDATES], candidates->index->pairs.found);
    tw_counter_set(&figures[TW_SPACE_FIGURE_MOVERS_ASKED], candidates->asked);
}
