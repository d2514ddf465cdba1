/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What one snapshot will tell: everything that is owed to a client, most urgent first until the
 * buffer is full. Made anew for each snapshot in memory of the shard's, read by the writer.
 * Owner: the shard's thread.
 */
#ifndef TICKWIRE_SIMULATION_INTEREST_PLAN_H
#define TICKWIRE_SIMULATION_INTEREST_PLAN_H

#include "simulation/interest/snapshot.h"

/* A u8 counts the records of a part. */
#define TW_PLAN_PART_MAX 255u

enum tw_plan_kind {
    TW_PLAN_EXIT = 1,
    TW_PLAN_ENTER = 2,
    TW_PLAN_COLD = 4,
    TW_PLAN_HOT = 8,
};

/* What is owed for one entry. */
struct tw_plan_item {
    uint16_t entry;
    uint16_t bytes; /* at most */
    uint8_t kinds;  /* enum tw_plan_kind, or'ed */
    uint8_t cold_mask;
    uint8_t taken; /* of kinds */
    uint8_t bucket;
    uint8_t tier; /* enum tw_tier; set on a strained path alone */
    bool shed;
    bool compared; /* of the class whose check this snapshot is to carry */
};

/* Hot records of one cell. */
struct tw_plan_group {
    uint16_t cell[2];
    uint16_t first, last; /* item + 1, chained by hot_next */
    uint16_t count;
};

/* Items of one kind, in the order in which they are written. */
struct tw_plan_part {
    uint32_t count;
    uint16_t items[TW_PLAN_PART_MAX];
};

struct tw_snapshot_plan {
    uint32_t item_count;
    size_t left;    /* bytes of the buffer not spoken for */
    size_t owed;    /* bytes that everything would take at most */
    size_t reserve; /* bytes of these for near entities alone */
    uint32_t shed_bytes[TW_TIER_COUNT];
    bool self, hash, incomplete, baseline;
    struct tw_check check; /* number 0: none */
    uint32_t group_count;
    struct tw_plan_part exits, enters, colds;
    struct tw_plan_group groups[TW_PLAN_PART_MAX];
    struct tw_plan_item *items; /* entries_max */
    uint16_t *order;            /* items, most urgent first */
    uint16_t *hot_next;         /* by item: the next one of its group + 1 */
};

/* One snapshot under way. */
struct tw_snapshot_writing {
    const struct tw_interest *interest;
    struct tw_snapshot_plan *plan;
    struct tw_observer *observer;
    struct tw_view_entry *entries;
    const struct tw_snapshot_info *info;
};

/* One allocation: the plan, then its three arrays. */
size_t tw_snapshot_plan_size(uint32_t entries_max);

/* Fills writing->plan, for a buffer of `capacity` bytes. Of the observer it changes only whose turn
 * a check is, and what follows from acknowledgements; what is told, the writer notes. */
void tw_snapshot_plan_make(const struct tw_snapshot_writing *writing, size_t capacity);

#endif
