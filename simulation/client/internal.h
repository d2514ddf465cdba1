/* SPDX-License-Identifier: BSD-3-Clause */
/* What a view is made of, for view.c and for tests that damage one. Single-threaded. */
#ifndef TICKWIRE_SIMULATION_CLIENT_INTERNAL_H
#define TICKWIRE_SIMULATION_CLIENT_INTERNAL_H

#include "simulation/client/view.h"
#include "simulation/core/schema.h"

#define TW_VIEW_PART_MAX 255u /* a u8 counts the records of a part */

struct tw_view_record {
    uint32_t handle;
    uint32_t tick;
    uint16_t cell[2];
    uint8_t hot[TW_HOT_SIZE];
    uint8_t zero;
    uint16_t cold[TW_COLD_FIELDS];
};

struct tw_view {
    uint32_t capacity;
    uint32_t count;
    uint32_t slots_mask;            /* slots - 1 */
    struct tw_view_record *entries; /* dense, capacity */
    uint32_t *slots;                /* open addressing by index: entry + 1, 0 = free */
    struct tw_view_self self;
    uint32_t newest; /* snapshot number applied; 0 = none */
    uint32_t bitmap;
    uint32_t baseline; /* nothing older than this snapshot is in the view */
    uint32_t entered[TW_VIEW_PART_MAX];
    uint32_t *exited; /* told ones, ones replaced by an enter, all before a baseline */
};

#endif
