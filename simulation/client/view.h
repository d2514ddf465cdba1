/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The client's replicated world: applies snapshot bodies, keeps entities, builds acknowledgements.
 *
 * Pure and single-threaded, in caller memory of tw_view_footprint() bytes (aligned to 64). A
 * snapshot is decoded and checked whole before anything of it is applied. Snapshots older than
 * the newest applied one are ignored (latest wins), and not acknowledged. docs/protocol.md
 * section 5.
 */
#ifndef TICKWIRE_SIMULATION_CLIENT_VIEW_H
#define TICKWIRE_SIMULATION_CLIENT_VIEW_H

#include "simulation/core/check.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct tw_view;

struct tw_view_entity {
    uint32_t handle;
    int32_t x, y; /* 1/1024 m */
    uint8_t heading, speed, action;
    uint8_t type, team;
    uint16_t appearance, health, health_max;
    uint32_t tick; /* of the newest change received */
};

struct tw_view_self {
    uint32_t handle; /* 0: not told yet */
    int32_t x, y, velocity_x, velocity_y;
    uint16_t heading;
    uint32_t tick;
    uint32_t last_input_tick;
};

enum tw_view_result {
    TW_VIEW_APPLIED,
    TW_VIEW_OLD,       /* older than or equal to the newest applied: ignored */
    TW_VIEW_MALFORMED, /* does not parse: nothing changed */
    TW_VIEW_FULL,      /* more entities than capacity: rest applied, counted in the result */
};

/* What one snapshot did; enters and exits by handle, valid until the next apply. */
struct tw_view_changes {
    uint32_t number, tick, last_input_tick;
    bool incomplete;
    bool hash_checked, hash_wrong;
    struct tw_check check; /* what it came to here, if it was checked */
    bool baseline;         /* all that was known before was forgotten */
    uint32_t missed;       /* snapshot numbers skipped before this one */
    const uint32_t *entered;
    uint32_t entered_count;
    const uint32_t *exited;
    uint32_t exited_count;
};

/* 0 if capacity is 0 or above 65,536. */
size_t tw_view_footprint(uint32_t capacity);
struct tw_view *tw_view_init(void *memory, uint32_t capacity);

/* Whether it parses, which no view decides: for callers that take a packet whole or not at all. */
bool tw_view_is_valid(const uint8_t *body, size_t size);
enum tw_view_result tw_view_apply(struct tw_view *view, const uint8_t *body, size_t size,
                                  struct tw_view_changes *changes);

/* For the SNAPSHOT_ACK frame: newest applied number (0: none) and the 32 before it. */
void tw_view_acknowledgement(const struct tw_view *view, uint32_t *newest, uint32_t *bitmap);

size_t tw_view_entities(const struct tw_view *view, struct tw_view_entity *out, size_t capacity);
bool tw_view_entity(const struct tw_view *view, uint32_t handle, struct tw_view_entity *out);
struct tw_view_self tw_view_get_self(const struct tw_view *view);
uint64_t tw_view_hash(const struct tw_view *view);

#endif
