/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What goes out about each entity, encoded once per entity and tick and copied to every observer,
 * with the tick of its newest change. Derived from the world, no part of its hash.
 * Owner: the shard's thread.
 */
#ifndef TICKWIRE_SIMULATION_INTEREST_RECORDS_H
#define TICKWIRE_SIMULATION_INTEREST_RECORDS_H

#include "simulation/core/entities.h"
#include "tickwire/wire.h"

#include <stdint.h>

struct tw_hot_record {
    uint32_t tick; /* newest change of cell or bytes */
    uint16_t cell[2];
    uint8_t bytes[TW_HOT_SIZE];
    uint8_t zero;
};
static_assert(sizeof(struct tw_hot_record) == 16u, "four to a cache line");

struct tw_cold_record {
    uint8_t bytes[TW_COLD_SIZE_MAX];
};

struct tw_records {
    struct tw_hot_record *hot;
    struct tw_cold_record *cold;
};

void tw_records_carve(struct tw_records *records, struct tw_arena *arena, uint32_t capacity);

/* Encodes what changed in `tick`. */
void tw_records_refresh(struct tw_records *records, const struct tw_entities *entities,
                        uint32_t tick);

#endif
