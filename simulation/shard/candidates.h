/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Broad phase of a tick: before anybody moves, who could come to be in whose way.
 *
 * Phase rule. tw_candidates_find() comes after everything that lets entities in, out or puts them
 * elsewhere (leaves, presence, joins), and movement follows at once: from there to its end places
 * change by the steps of movement alone, radii not at all. Movers take their turns in the order of
 * their indexes.
 *
 * Why nobody is missed. At its turn a mover M stands where it stood; it asks for bodies within
 * radii and its own reach. Another O has moved before it at most once. With no reach and no step
 * longer than `step_max`, whoever is asked for stood no farther than both radii and twice that:
 *
 *     |M O'|  <=  |M O| + |O O'|  <=  (radii + reach) + step      O': where O stood at the start
 *
 * None of that is taken on trust. A mover whose reach is longer asks the index itself, and as soon
 * as somebody has gone farther than `step_max`, so does everybody after it. The same goes for rows
 * without room: what is found is always the same, and tw_candidates_publish() tells how often.
 *
 * No part of the world's state. Owner: the shard's thread.
 */
#ifndef TICKWIRE_SIMULATION_SHARD_CANDIDATES_H
#define TICKWIRE_SIMULATION_SHARD_CANDIDATES_H

#include "simulation/core/entities.h"
#include "simulation/space/index.h"
#include "tickwire/counters.h"

#include <stdbool.h>
#include <stdint.h>

struct tw_candidates {
    struct tw_index *index;
    uint32_t movers_max; /* those beyond it ask by themselves */
    uint32_t *movers;    /* handles by ascending index; their rows: index->pairs */
    uint32_t count;
    uint32_t next;     /* no mover before it has its turn yet to come */
    uint32_t step_max; /* units */
    bool outrun;       /* in this tick somebody went farther */
    uint64_t asked;    /* movers that asked the index, since the start */
};

void tw_candidates_carve(struct tw_candidates *candidates, struct tw_arena *arena,
                         uint32_t movers_max);
void tw_candidates_init(struct tw_candidates *candidates, struct tw_index *index);

/* Of all that may move in this tick. */
void tw_candidates_find(struct tw_candidates *candidates, const struct tw_entities *entities,
                        uint32_t step_max);

struct tw_candidate_list {
    const uint32_t *others; /* entity indexes, until the next call */
    uint32_t count;
};

/* At the turn of entity `entity`: everybody whose body may be within `reach` of its own. It may be
 * among them itself. */
struct tw_candidate_list tw_candidates_of(struct tw_candidates *candidates,
                                          const struct tw_entities *entities, uint32_t entity,
                                          uint32_t reach);
/* Somebody has gone so far. */
void tw_candidates_note_step(struct tw_candidates *candidates, uint64_t squared);

void tw_candidates_publish(const struct tw_candidates *candidates,
                           tw_counter figures[TW_SPACE_FIGURE_COUNT]);

#endif
