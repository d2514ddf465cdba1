/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What filter rules remember of single sources: a table of fixed size by (rule, address).
 *
 * The place of a source comes from a keyed hash, so nobody can aim at another one's. An entry is
 * given away only when it says no more than a fresh one would (a second after its newest packet,
 * or after its denial): no flood of made-up sources makes the engine forget a real one. A set
 * full of entries that still matter yields none, and the caller decides what that means.
 *
 * Zeroed memory, one thread, time is an argument. 64 bytes an entry: 1 MB.
 */
#ifndef TICKWIRE_DATAPLANE_GATE_FILTER_SOURCES_H
#define TICKWIRE_DATAPLANE_GATE_FILTER_SOURCES_H

#include "dataplane/gate/filter_meter.h"

#include <stdint.h>

/* 16,384 sources that sent within the last second: more players than a worker has of most games. */
#define TW_FILTER_SOURCE_WAYS 4u
#define TW_FILTER_SOURCE_SETS 4096u

/* Offences of one source, or of one prefix. `full_at_ns` as in a meter; but not before the end of a
 * denial. */
struct tw_filter_offences {
    uint64_t full_at_ns;
    uint64_t newest_ns;
    uint64_t debt;
    uint64_t denied_until_ns;
};

struct tw_filter_source {
    uint8_t ip[16];
    uint32_t rule; /* its id; 0 = unused */
    union {
        struct tw_filter_meter meter;
        struct tw_filter_offences offences;
        uint64_t full_at_ns; /* first in both */
    };
} __attribute__((aligned(64)));
static_assert(sizeof(struct tw_filter_source) == 64, "one cache line per source");

struct tw_filter_sources {
    struct tw_filter_source entries[TW_FILTER_SOURCE_SETS][TW_FILTER_SOURCE_WAYS];
    uint8_t key[16];
};

/* The source's entry, or NULL. */
struct tw_filter_source *tw_filter_sources_find(struct tw_filter_sources *sources, uint32_t rule,
                                                const uint8_t ip[16]);

/* The same, or a fresh one; NULL: no entry of its set can be given away now. */
struct tw_filter_source *tw_filter_sources_take(struct tw_filter_sources *sources, uint32_t rule,
                                                const uint8_t ip[16], uint64_t now_ns);

#endif
