/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * When the snapshots of a tick leave: in groups, one after the other, instead of all in one burst
 * that no queue on the way holds.
 *
 *   a tick's are seen ─► a group at once ─► a group each step ─► … ─► all of them before `spread`
 *   the next tick's are seen and some are left ─► these are late: they leave at once
 *
 * A step is as long as a group takes at the wanted rate, or shorter, if otherwise not all would be
 * out in time. Whoever was held up catches up: what was due meanwhile may leave together.
 *
 * One for each ring from a shard, whose order it never changes; owned by the worker that reads that
 * ring; zeroed is a fresh one. Pure: time and counts are arguments. See
 * docs/decisions/0033-spread.md.
 */
#ifndef TICKWIRE_DATAPLANE_GATE_PACER_H
#define TICKWIRE_DATAPLANE_GATE_PACER_H

#include <stdbool.h>
#include <stdint.h>

/* As many as are sealed together: what is less leaves at once. 10 KB of ordinary snapshots. */
#define TW_PACER_GROUP 32u

struct tw_pacer_rules {
    uint64_t spread_ns; /* all of a tick's leave within; 0: at once */
    uint64_t group_ns;  /* a group takes no longer */
};

struct tw_pacer {
    uint64_t next_ns; /* when the next group may leave */
    uint64_t step_ns;
    uint32_t waiting; /* in the ring, as far as was seen */
    uint32_t late;    /* of these: of ticks before the newest, so in front */
    uint32_t open;    /* of the newest tick's: how many more may leave by now */
};

/* `percent` of a tick, and how many a millisecond. */
struct tw_pacer_rules tw_pacer_rules_make(uint32_t tick_hz, uint32_t percent, uint32_t per_ms);

/* New ones came: `in_ring` are there now, more than wait. */
void tw_pacer_begin(struct tw_pacer *pacer, const struct tw_pacer_rules *rules, uint32_t in_ring,
                    uint64_t now_ns);

/* Once a turn; the ring's one reader sees no fewer than wait. */
static inline void tw_pacer_see(struct tw_pacer *pacer, const struct tw_pacer_rules *rules,
                                uint32_t in_ring, uint64_t now_ns)
{
    if (in_ring > pacer->waiting)
        tw_pacer_begin(pacer, rules, in_ring, now_ns);
}

/* How many may leave now. */
static inline uint32_t tw_pacer_may(struct tw_pacer *pacer, uint64_t now_ns)
{
    while (pacer->late + pacer->open < pacer->waiting && now_ns >= pacer->next_ns) {
        pacer->open += TW_PACER_GROUP;
        pacer->next_ns += pacer->step_ns;
    }
    uint32_t may = pacer->late + pacer->open;
    return may < pacer->waiting ? may : pacer->waiting;
}

/* So many were taken, no more than might; returns how many of these were late. */
uint32_t tw_pacer_take(struct tw_pacer *pacer, uint32_t count);
/* So many at the front were no snapshots, which wait for nothing. */
void tw_pacer_pass(struct tw_pacer *pacer, uint32_t count);

/* When to look again; UINT64_MAX: when there are new ones. After tw_pacer_may of that time. */
static inline uint64_t tw_pacer_next_ns(const struct tw_pacer *pacer)
{
    return pacer->waiting > 0 ? pacer->next_ns : UINT64_MAX;
}

#endif
