/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What an entity shows to clients: one table of fields. Storage columns, change ticks, encoding on
 * the server and decoding in the client all follow from it; a new cold field is one line.
 *
 * Hot fields travel together as TW_HOT_SIZE bytes; cold fields one by one, by mask bit.
 * docs/protocol.md section 5. Pure, any thread.
 */
#ifndef TICKWIRE_SIMULATION_CORE_SCHEMA_H
#define TICKWIRE_SIMULATION_CORE_SCHEMA_H

#include "tickwire/bytes.h"
#include "tickwire/wire.h"

#include <assert.h>
#include <stddef.h>
#include <stdint.h>

enum tw_entity_type {
    TW_ENTITY_NONE = 0,
    TW_ENTITY_PLAYER = 1,
    TW_ENTITY_WANDERER = 2,
    TW_ENTITY_OBSTACLE = 3,
};

/* clang-format off */
/*    name        member      bits  unit */
#define TW_SCHEMA_HOT(X)                          \
    X(X,          x,          16,   "1/1024 m in cell")  \
    X(Y,          y,          16,   "1/1024 m in cell")  \
    X(HEADING,    heading,     8,   "1/256 turn")        \
    X(SPEED,      speed,       8,   "1/16 m/s")          \
    X(ACTION,     action,      8,   "game's own code")
/* In the order of their mask bits: the first is 0x01. */
#define TW_SCHEMA_COLD(X)                         \
    X(TYPE,       type,        8,   "enum tw_entity_type") \
    X(TEAM,       team,        8,   "number")              \
    X(APPEARANCE, appearance, 16,   "number")              \
    X(HEALTH,     health,     16,   "points")              \
    X(HEALTH_MAX, health_max, 16,   "points")
/* clang-format on */

#define TW_X(name, member, bits, unit) TW_FIELD_##name,
enum tw_cold_field { TW_SCHEMA_COLD(TW_X) TW_COLD_FIELDS };
#undef TW_X

enum tw_field_kind { TW_FIELD_HOT, TW_FIELD_COLD };

struct tw_field {
    const char *name;
    const char *unit;
    uint8_t bits; /* 8 or 16 */
    uint8_t kind; /* enum tw_field_kind */
    uint8_t mask; /* cold: its bit; hot: 0 */
};

/* Hot fields first, then cold ones. */
#define TW_X(name, member, bits, unit) TW_SCHEMA_ROW_##name,
enum tw_schema_row { TW_SCHEMA_HOT(TW_X) TW_SCHEMA_COLD(TW_X) TW_SCHEMA_ROWS };
#undef TW_X
extern const struct tw_field tw_schema[TW_SCHEMA_ROWS];

/* Bytes that the fields in `mask` take. */
size_t tw_schema_cold_size(uint8_t mask);

/* Writes the fields in `mask` of values[TW_COLD_FIELDS], in mask order; returns bytes written. */
size_t tw_schema_encode_cold(uint8_t *bytes, uint8_t mask, const uint16_t values[TW_COLD_FIELDS]);

/* Copies the fields in `mask` out of a full record (all fields encoded); returns bytes written. */
size_t tw_schema_pick_cold(uint8_t *bytes, uint8_t mask, const uint8_t *record);

/* Reads the fields in `mask` into values; the others stay as they are. `bytes` has
 * tw_schema_cold_size(mask) bytes. */
void tw_schema_decode_cold(const uint8_t *bytes, uint8_t mask, uint16_t values[TW_COLD_FIELDS]);

static_assert((1u << TW_COLD_FIELDS) - 1u == TW_COLD_KNOWN, "mask bits match the wire");
static_assert(1u << TW_FIELD_TYPE == TW_COLD_TYPE &&
                  1u << TW_FIELD_HEALTH_MAX == TW_COLD_HEALTH_MAX,
              "mask order matches the wire");
#define TW_X(name, member, bits, unit) +(bits) / 8u
static_assert(0u TW_SCHEMA_COLD(TW_X) == TW_COLD_SIZE_MAX, "all cold fields");
static_assert(0u TW_SCHEMA_HOT(TW_X) == TW_HOT_SIZE, "all hot fields");
#undef TW_X

#endif
