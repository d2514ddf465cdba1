/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Packet filters: the stage right after parse, over views of a burst.
 *
 *   no rules ─► nothing happens, one branch a burst
 *   denied prefix? ─► offender? ─► above hard? ─► above soft, and a stranger? ─► open
 *
 * Who a packet comes from decides what may happen to it:
 * - STRANGER: hello, hello 2, an id that names no session, or names one from another address.
 * - KNOWN: names a session and comes from its validated address. It is never dropped as an
 *   offender or above a soft limit, so nobody who merely writes a player's address into packets
 *   can cut the player off. Whether it is the player's is known only after the cipher, so it pays
 *   a limit only then, and packets that fail before (copies, those over the session's budget) pay
 *   nothing. Forged ones have as much again as the hard level, for themselves; beyond that, packets
 *   of sessions that were forged within the last second are dropped, and of no others.
 * - FOREIGN: names another worker's session. Only that worker can tell more, and asks all but the
 *   denied prefixes itself: no rule counts a packet twice.
 *
 *   admit ─► … ─► open ─► commit ─► KNOWN: settle
 *
 * Limits hold per worker. A source is an IPv4 address or an IPv6 /64. Packets that a rule dropped
 * take nothing from any limit. Owned by the worker; the table by the main thread. Pure.
 */
#ifndef TICKWIRE_DATAPLANE_GATE_FILTER_H
#define TICKWIRE_DATAPLANE_GATE_FILTER_H

#include "dataplane/gate/filter_sources.h"
#include "dataplane/gate/filter_table.h"
#include "tickwire/counters.h"

#include <stddef.h>

enum tw_filter_class {
    TW_FILTER_STRANGER,
    TW_FILTER_KNOWN,
    TW_FILTER_FOREIGN,
};

/* Outcome of a view that nothing has decided: TW_OUTCOME_OPEN of a packet. */
#define TW_FILTER_PASSED ((uint16_t)TW_OUTCOME_COUNT)

struct tw_filter_view {
    const uint8_t *ip; /* 16 bytes */
    uint32_t length;   /* of the whole frame */
    uint32_t session;  /* KNOWN: its slot */
    uint16_t class;    /* enum tw_filter_class */
    uint16_t outcome;  /* enum tw_outcome, or TW_FILTER_PASSED */
    uint16_t limit;    /* KNOWN and passed: slot plus 1 of the rule it has to pay; else 0 */
    uint16_t suspect;  /* 1: KNOWN, and took what there is for forged packets */
    uint32_t metered;  /* place of its source's bucket, plus 1: looked up once; 0: not yet */
};

/* What one rule's slot remembers besides its counters. */
struct tw_filter_state {
    uint32_t rule;                /* its id */
    struct tw_filter_rates rates; /* of all sources together */
    struct tw_filter_rates each;  /* of each source */
    bool has_each;
    struct tw_filter_meter meter;
    struct tw_filter_meter forged;      /* what forged packets took, of the same rates */
    struct tw_filter_offences offences; /* of the prefix; per source: the newest end of a denial */
};

struct tw_filter {
    const struct tw_filter_table *table; /* NULL: no rules */
    struct tw_filter_state *states;      /* by slot */
    struct tw_filter_sources *metered;
    struct tw_filter_sources *offenders; /* by malformed rules; forged packets by limits */
    uint64_t *forged_until_ns;           /* by session slot: a second after its newest forged one */
    struct tw_worker_counters *counters;
};

/* Bytes of zeroed memory aligned to 64, for session slots below `sessions`. */
size_t tw_filter_footprint(uint32_t sessions);

/* `key` is secret; `counters` are zeroed and outlive the filter. */
void tw_filter_init(struct tw_filter *filter, void *memory, const uint8_t key[16],
                    struct tw_worker_counters *counters);

/* Takes over a new table and lets go of the one before, in this order of filter_version. A rule
 * that stays in its slot keeps its state and counters. */
void tw_filter_use(struct tw_filter *filter, const struct tw_filter_table *table);

/* Views of packets that are open and have a source address; the members from `limit` on
 * are 0. */
void tw_filter_admit(struct tw_filter *filter, struct tw_filter_view *views, uint32_t count,
                     uint64_t now_ns);

/* What became of an admitted packet that has a limit to pay, once the cipher and all tests before
 * it have had their say: passed, it pays, or is dropped after all. Under the same table and at the
 * same time as it was admitted. */
void tw_filter_settle(struct tw_filter *filter, struct tw_filter_view *view, uint64_t now_ns);

static inline bool tw_filter_is_active(const struct tw_filter *filter)
{
    return filter->table != NULL;
}

/* True for outcomes that only broken or hostile senders cause: malformed packets, wrong cookies and
 * tags. */
bool tw_filter_is_offence(uint16_t outcome);

/* A packet of this source ended in such an outcome. */
void tw_filter_report(struct tw_filter *filter, const uint8_t ip[16], uint64_t now_ns);

#endif
