/* SPDX-License-Identifier: BSD-3-Clause */
#include "simulation/core/schema.h"

#define HOT(name, member, bits, unit) {#member, unit, bits, TW_FIELD_HOT, 0},
#define COLD(name, member, bits, unit)                                                             \
    {#member, unit, bits, TW_FIELD_COLD, (uint8_t)(1u << TW_FIELD_##name)},

const struct tw_field tw_schema[TW_SCHEMA_ROWS] = {TW_SCHEMA_HOT(HOT) TW_SCHEMA_COLD(COLD)};

/* clang-format off */
#define SIZE(name, member, bits, unit) (bits) / 8u,
/* clang-format on */
static const uint8_t cold_size[TW_COLD_FIELDS] = {TW_SCHEMA_COLD(SIZE)};

static bool has_field(uint32_t mask, uint32_t field)
{
    return (mask & 1u << field) != 0;
}

size_t tw_schema_cold_size(uint8_t mask)
{
    size_t size = 0;
    for (uint32_t field = 0; field < TW_COLD_FIELDS; field++)
        size += has_field(mask, field) ? cold_size[field] : 0u;
    return size;
}

size_t tw_schema_encode_cold(uint8_t *bytes, uint8_t mask, const uint16_t values[TW_COLD_FIELDS])
{
    uint8_t *next = bytes;
    for (uint32_t field = 0; field < TW_COLD_FIELDS; field++) {
        if (!has_field(mask, field))
            continue;
        if (cold_size[field] == 1u)
            *next = (uint8_t)values[field];
        else
            tw_store_u16(next, values[field]);
        next += cold_size[field];
    }
    return (size_t)(next - bytes);
}

size_t tw_schema_pick_cold(uint8_t *bytes, uint8_t mask, const uint8_t *record)
{
    uint8_t *next = bytes;
    for (uint32_t field = 0; field < TW_COLD_FIELDS; field++) {
        if (has_field(mask, field)) {
            memcpy(next, record, cold_size[field]);
            next += cold_size[field];
        }
        record += cold_size[field];
    }
    return (size_t)(next - bytes);
}

void tw_schema_decode_cold(const uint8_t *bytes, uint8_t mask, uint16_t values[TW_COLD_FIELDS])
{
    for (uint32_t field = 0; field < TW_COLD_FIELDS; field++) {
        if (!has_field(mask, field))
            continue;
        values[field] = cold_size[field] == 1u ? bytes[0] : tw_load_u16(bytes);
        bytes += cold_size[field];
    }
}
