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
 *   can cut the player off. (Who also writes its connection id has read its traffic; those packets
 *   fail to authenticate under the session's own budget.)
 * - FOREIGN: names another worker's session. Only that worker can tell more, and asks all but the
 *   denied prefixes itself: no rule counts a packet twice.
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

struct tw_filter_view {
    const uint8_t *ip; /* 16 bytes */
    uint32_t length;   /* of the whole frame */
    uint16_t class;    /* enum tw_filter_class */
    uint16_t outcome;  /* enum tw_outcome, or unchanged when the packet passes */
};

/* What one rule's slot remembers besides its counters. */
struct tw_filter_state {
    uint32_t rule;                /* its id */
    struct tw_filter_rates rates; /* of all sources together */
    struct tw_filter_rates each;  /* of each source */
    bool has_each;
    struct tw_filter_meter meter;
    struct tw_filter_offences offences; /* of the prefix; per source: the newest end of a denial */
};

struct tw_filter {
    const struct tw_filter_table *table; /* NULL: no rules */
    struct tw_filter_state *states;      /* by slot */
    struct tw_filter_sources *metered;
    struct tw_filter_sources *offenders;
    struct tw_worker_counters *counters;
};

/* Bytes of zeroed memory aligned to 64. */
size_t tw_filter_footprint(void);

/* `key` is secret; `counters` are zeroed and outlive the filter. */
void tw_filter_init(struct tw_filter *filter, void *memory, const uint8_t key[16],
                    struct tw_worker_counters *counters);

/* Takes over a new table and lets go of the one before, in this order of filter_version. A rule
 * that stays in its slot keeps its state and counters. */
void tw_filter_use(struct tw_filter *filter, const struct tw_filter_table *table);

/* Views of packets that are open and have a source address. */
void tw_filter_admit(struct tw_filter *filter, struct tw_filter_view *views, uint32_t count,
                     uint64_t now_ns);

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
