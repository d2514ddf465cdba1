/* SPDX-License-Identifier: BSD-3-Clause */
#include "simulation/interest/records.h"

#include "simulation/core/fixed.h"

void tw_records_carve(struct tw_records *records, struct tw_arena *arena, uint32_t capacity)
{
    records->hot = tw_arena_take(arena, capacity, sizeof(*records->hot));
    records->cold = tw_arena_take(arena, capacity, sizeof(*records->cold));
}

static void encode_hot(struct tw_hot_record *record, const struct tw_entities *entities,
                       uint32_t index, uint32_t tick)
{
    uint32_t x = (uint32_t)entities->x[index];
    uint32_t y = (uint32_t)entities->y[index];
    struct tw_hot_record fresh = {
        .tick = record->tick,
        .cell = {(uint16_t)(x >> TW_CELL_SHIFT), (uint16_t)(y >> TW_CELL_SHIFT)}};
    tw_store_u16(fresh.bytes + TW_HOT_X, (uint16_t)x);
    tw_store_u16(fresh.bytes + TW_HOT_Y, (uint16_t)y);
    fresh.bytes[TW_HOT_HEADING] = tw_fixed_direction(entities->heading[index]);
    fresh.bytes[TW_HOT_SPEED] = entities->speed[index];
    fresh.bytes[TW_HOT_ACTION] = entities->action[index];
    if (memcmp(&fresh, record, sizeof(fresh)) == 0)
        return;
    fresh.tick = tick;
    *record = fresh;
}

static void encode_cold(struct tw_cold_record *record, const struct tw_entities *entities,
                        uint32_t index)
{
    uint16_t values[TW_COLD_FIELDS];
    for (uint32_t field = 0; field < TW_COLD_FIELDS; field++)
        values[field] = entities->cold[field][index];
    tw_schema_encode_cold(record->bytes, TW_COLD_KNOWN, values);
}

void tw_records_refresh(struct tw_records *records, const struct tw_entities *entities,
                        uint32_t tick)
{
    uint32_t end = entities->state->end;
    for (uint32_t index = 0; index < end; index++) {
        if (!entities->live[index])
            continue;
        if (entities->changed_tick[index] == tick)
            encode_hot(&records->hot[index], entities, index, tick);
        if (entities->cold_newest[index] == tick)
            encode_cold(&records->cold[index], entities, index);
    }
}
