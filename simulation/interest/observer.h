/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What each client sees, and what it is known to have.
 *
 * An entry per visible entity remembers which of the client's last 64 snapshots carried its
 * fields. A snapshot carries the values of its own tick, so once one of them is acknowledged,
 * everything that changed up to that tick has arrived; nothing is stored per version. Bit n % 64 of
 * a mask stands for snapshot number n; bits are cleared when their number comes up again.
 *
 *   NEW --sent--> ENTERING --acknowledged--> LIVE --out of sight--> EXITING --acknowledged--> gone
 *    \--out of sight--> gone     \--out of sight--> EXITING --in sight again--> ENTERING
 *
 * None of this is part of the world's state hash. Owner: the shard's thread.
 */
#ifndef TICKWIRE_SIMULATION_INTEREST_OBSERVER_H
#define TICKWIRE_SIMULATION_INTEREST_OBSERVER_H

#include "simulation/core/check.h"
#include "simulation/core/plane.h"
#include "simulation/interest/records.h"
#include "simulation/space/index.h"

#include <assert.h>
#include <stdbool.h>
#include <stdint.h>

/* 3.2 s of snapshots at 20 Hz: longer than any round trip worth playing over. */
#define TW_SNAPSHOT_HISTORY 64u

/* Checks that a report may still be about: 1.6 s of snapshots. */
#define TW_CHECK_HISTORY 32u

enum tw_entry_state {
    TW_ENTRY_NEW,      /* enter never sent */
    TW_ENTRY_ENTERING, /* enter sent, or the client may hold an older life of this entry */
    TW_ENTRY_LIVE,     /* enter acknowledged */
    TW_ENTRY_EXITING,  /* the client may know it and must forget it */
    TW_ENTRY_DROPPED,  /* left before the enter was sent; removed at the end of the same look */
};

struct tw_view_entry {
    uint64_t carried;      /* snapshots that carried hot fields, enter or exit (by state) */
    uint64_t cold_carried; /* snapshots that carried cold fields or enter */
    uint32_t handle;
    uint32_t hot_base;  /* hot changes up to this tick have arrived */
    uint32_t cold_base; /* cold changes up to this tick have arrived */
    uint16_t distance_m;
    uint8_t state; /* enum tw_entry_state */
    uint8_t wait;  /* snapshots it had to be left out of in a row, saturating */
};
static_assert(sizeof(struct tw_view_entry) == 32u, "two to a cache line");

struct tw_observer {
    uint64_t acked; /* snapshot numbers */
    uint64_t self_carried;
    uint64_t hash_due_tick; /* of the first hash; then the tick of the newest */
    uint32_t hash_number;   /* newest snapshot with a hash of everything; 0: none */
    uint64_t due_step;      /* snapshots due so far, by the clock of ticks */
    uint32_t number;        /* of the newest snapshot */
    uint32_t self_base;
    uint32_t entry_count;
    uint32_t ticks[TW_SNAPSHOT_HISTORY]; /* of snapshot n at n % 64 */
    uint8_t next_class;                  /* to be compared */
    /* A baseline: the client forgets all it had before snapshot `baseline`, and says nothing of it
     * until one of these was acknowledged. */
    uint32_t baseline;                        /* newest; 0: never */
    bool baseline_told;                       /* acknowledged */
    uint64_t baseline_at_tick;                /* when it was begun */
    struct tw_check checks[TW_CHECK_HISTORY]; /* sent with snapshot n at n % 32 */
};

enum tw_check_result {
    TW_CHECK_UNKNOWN, /* no such check was sent, or too long ago, or before the newest baseline */
    TW_CHECK_AGREED,
    TW_CHECK_DIFFERED,
};

struct tw_interest_config {
    uint32_t players_max;
    uint32_t entities_max;
    uint32_t view_max;
    uint32_t enter, exit; /* radius, 1/1024 m */
    struct tw_plane plane;
};

/* Shared by all observers of a world. */
struct tw_interest {
    struct tw_interest_config config;
    uint32_t entries_max; /* per observer: view_max and room for exits under way */
    const struct tw_entities *entities;
    struct tw_index *index;
    struct tw_records records;
    struct tw_observer *observers; /* by player index */
    struct tw_view_entry *entries; /* entries_max per player */
    /* scratch */
    uint16_t *marks; /* by entity index: position in the view + 1; all 0 between looks */
    uint64_t *keys;
    struct tw_snapshot_plan *plan;
};

void tw_interest_carve(struct tw_interest *interest, struct tw_arena *arena,
                       const struct tw_interest_config *config);

static inline struct tw_view_entry *tw_interest_entries(const struct tw_interest *interest,
                                                        uint32_t player)
{
    return interest->entries + (size_t)player * interest->entries_max;
}

/* A new client behind this player index; its first view hash is due at `hash_due_tick`. */
void tw_observer_reset(struct tw_interest *interest, uint32_t player, uint64_t hash_due_tick);

/* Snapshot ack; numbers never sent are ignored. */
void tw_observer_acknowledge(struct tw_observer *observer, uint32_t newest, uint32_t bitmap);

/* What the client's view, or the class of it that the check names, has to come to, if it has got
 * all that is in sight. */
uint64_t tw_observer_hash(const struct tw_interest *interest, uint32_t player,
                          const struct tw_check *check);

/* What the client says its view came to, against what it was told it should. */
enum tw_check_result tw_observer_compare(const struct tw_observer *observer,
                                         const struct tw_check *report);

/* The client's view is not what it should be: from the next snapshot on it is told everything anew,
 * at most once a second. False: that was done less than a second ago, or is still under way. */
bool tw_observer_rebase(struct tw_interest *interest, uint32_t player, uint64_t tick,
                        uint32_t tick_hz);

/* Whether one of the snapshots in `carried` was acknowledged, and the tick of the newest. */
bool tw_observer_acked_tick(const struct tw_observer *observer, uint64_t carried, uint32_t *tick);

/* Brings the view up to date before snapshot number + 1 is written: who came, who left, what was
 * acknowledged. Returns how many candidates found no room. */
uint32_t tw_observer_look(struct tw_interest *interest, uint32_t player, uint32_t own_index);

#endif
