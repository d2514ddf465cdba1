/* SPDX-License-Identifier: BSD-3-Clause */
#include "simulation/core/entities.h"

#include "tickwire/assert.h"

void tw_entities_carve(struct tw_entities *entities, struct tw_arena *arena, uint32_t capacity)
{
#define TAKE(array) entities->array = tw_arena_take(arena, capacity, sizeof(*entities->array))
    entities->capacity = capacity;
    entities->state = tw_arena_take(arena, 1, sizeof(*entities->state));
    TAKE(free_queue);
    TAKE(generation);
    TAKE(live);
    TAKE(x);
    TAKE(y);
    TAKE(velocity_x);
    TAKE(velocity_y);
    TAKE(heading);
    TAKE(facing);
    TAKE(radius);
    TAKE(speed);
    TAKE(told_x);
    TAKE(told_y);
    TAKE(cold_newest);
    TAKE(action);
    TAKE(action_ticks_left);
    TAKE(changed_tick);
    TAKE(wanders);
    TAKE(wander_ticks_left);
    for (uint32_t field = 0; field < TW_COLD_FIELDS; field++) {
        TAKE(cold[field]);
        TAKE(cold_tick[field]);
    }
#undef TAKE
}

void tw_entities_init(struct tw_entities *entities)
{
    for (uint32_t i = 0; i < entities->capacity; i++) {
        entities->free_queue[i] = i;
        entities->generation[i] = 1;
    }
    entities->state->free_count = entities->capacity;
}

static void clear_fields(struct tw_entities *entities, uint32_t index)
{
    entities->x[index] = 0;
    entities->y[index] = 0;
    entities->velocity_x[index] = 0;
    entities->velocity_y[index] = 0;
    entities->heading[index] = 0;
    entities->facing[index] = 0;
    entities->radius[index] = 0;
    entities->speed[index] = 0;
    entities->told_x[index] = 0;
    entities->told_y[index] = 0;
    entities->cold_newest[index] = 0;
    entities->action[index] = 0;
    entities->action_ticks_left[index] = 0;
    entities->changed_tick[index] = 0;
    entities->wanders[index] = 0;
    entities->wander_ticks_left[index] = 0;
    for (uint32_t field = 0; field < TW_COLD_FIELDS; field++) {
        entities->cold[field][index] = 0;
        entities->cold_tick[field][index] = 0;
    }
}

tw_entity tw_entities_create(struct tw_entities *entities)
{
    struct tw_entities_state *state = entities->state;
    if (state->free_count == 0)
        return (tw_entity){0};
    uint32_t index = entities->free_queue[state->free_first];
    state->free_first = (state->free_first + 1u) % entities->capacity;
    state->free_count--;
    state->live++;
    if (index >= state->end)
        state->end = index + 1u;
    clear_fields(entities, index);
    entities->live[index] = 1;
    return tw_entities_handle(entities, index);
}

static bool is_set_aside(const struct tw_entities *entities, tw_entity entity)
{
    uint32_t index = tw_entity_index(entity);
    return index < entities->capacity && !entities->live[index] &&
           entities->generation[index] == tw_entity_generation(entity);
}

void tw_entities_set_aside(struct tw_entities *entities, tw_entity entity)
{
    TW_ASSERT(tw_entities_alive(entities, entity));
    clear_fields(entities, tw_entity_index(entity));
    entities->live[tw_entity_index(entity)] = 0;
    entities->state->live--;
}

void tw_entities_bring_back(struct tw_entities *entities, tw_entity entity)
{
    TW_ASSERT(is_set_aside(entities, entity));
    entities->live[tw_entity_index(entity)] = 1;
    entities->state->live++;
}

void tw_entities_give_up(struct tw_entities *entities, tw_entity entity)
{
    TW_ASSERT(is_set_aside(entities, entity));
    struct tw_entities_state *state = entities->state;
    uint32_t index = tw_entity_index(entity);
    uint8_t next = (uint8_t)(entities->generation[index] + 1u);
    entities->generation[index] = next ? next : 1u;
    entities->free_queue[(state->free_first + state->free_count) % entities->capacity] = index;
    state->free_count++;
}

void tw_entities_destroy(struct tw_entities *entities, tw_entity entity)
{
    tw_entities_set_aside(entities, entity);
    tw_entities_give_up(entities, entity);
}

void tw_entities_set_cold(struct tw_entities *entities, uint32_t index, enum tw_cold_field field,
                          uint16_t value, uint32_t tick)
{
    if (entities->cold[field][index] == value)
        return;
    entities->cold[field][index] = value;
    entities->cold_tick[field][index] = tick;
    entities->cold_newest[index] = tick;
}
