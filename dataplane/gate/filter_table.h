/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * All filter rules in the shape in which a worker asks them: from a source address to the one
 * verdict, limit and malformed-traffic rule that count for it.
 *
 *   rules ──► prefixes, sorted, each with what it inherits ──► ranges that touch, not overlap
 *
 *   10.0.0.0/8 deny, 10.1.0.0/16 allow, 10.1.2.0/24 limit becomes
 *   0 ─none─ 10.0.0.0 ─deny─ 10.1.0.0 ─allow─ 10.1.2.0 ─allow+limit─ 10.1.3.0 ─allow─ 10.2.0.0 …
 *
 * A lookup goes by the address's first 12 bits to a part of the sorted starts, then halves it
 * without a branch: one cache line or two, whatever the sources. docs/decisions/0009 compares this
 * with DPDK's tables.
 *
 * Built by the main thread in memory of its own; immutable from when a worker learns of it until
 * all of them have let go of it. Pure.
 */
#ifndef TICKWIRE_DATAPLANE_GATE_FILTER_TABLE_H
#define TICKWIRE_DATAPLANE_GATE_FILTER_TABLE_H

#include "tickwire/bytes.h"
#include "tickwire/filter.h"

#include <stdint.h>

/* 8 KB: stays in the first cache beside all else a burst touches. */
#define TW_FILTER_ROOT_BITS 12u
/* A prefix begins one range and ends it; the rest of the addresses is one more. */
#define TW_FILTER_RANGES_MAX (2u * TW_FILTER_RULES_MAX + 1u)

/* An address with its first bit on top; IPv4 stands in the upper 32 bits. */
__extension__ typedef unsigned __int128 tw_filter_key;

struct tw_filter_ranges {
    uint16_t root[(1u << TW_FILTER_ROOT_BITS) + 1u]; /* range of the part's first address */
    uint16_t count;
    uint16_t nodes[TW_FILTER_RANGES_MAX];
    tw_filter_key starts[TW_FILTER_RANGES_MAX];
};

/* What counts for the sources of a range: slots of rules plus 1, 0 = none. */
struct tw_filter_node {
    uint16_t verdict;
    uint16_t limit;
    uint16_t malformed;
    uint16_t deny; /* the verdict's */
};

struct tw_filter_table {
    uint64_t version; /* one more per table */
    uint32_t rule_count;
    uint32_t malformed_count;
    struct tw_filter_ranges ipv4, ipv6;
    struct tw_filter_node nodes[TW_FILTER_RULES_MAX + 1u]; /* 0: no rule */
    struct tw_filter_rule rules[TW_FILTER_RULES_MAX];      /* by slot; id 0 = free */
    uint16_t sorted[TW_FILTER_RULES_MAX];                  /* slots, while it is built */
};

/* rules[TW_FILTER_RULES_MAX] by slot, valid, no two of one family and prefix. */
void tw_filter_table_build(struct tw_filter_table *table, const struct tw_filter_rule *rules,
                           uint64_t version);

static inline tw_filter_key tw_filter_key_make(const uint8_t ip[16])
{
    return (tw_filter_key)__builtin_bswap64(tw_load_u64(ip)) << 64 |
           __builtin_bswap64(tw_load_u64(ip + 8));
}

static inline const struct tw_filter_node *tw_filter_table_find(const struct tw_filter_table *table,
                                                                const uint8_t ip[16])
{
    bool is_ipv4 = tw_filter_is_ipv4(ip);
    const struct tw_filter_ranges *ranges = is_ipv4 ? &table->ipv4 : &table->ipv6;
    tw_filter_key key = tw_filter_key_make(ip);
    if (is_ipv4)
        key <<= TW_FILTER_IPV4_BITS;
    uint32_t part = (uint32_t)(key >> (128u - TW_FILTER_ROOT_BITS));
    uint32_t first = ranges->root[part];
    uint32_t count = ranges->root[part + 1u] - first + 1u;
    while (count > 1) {
        uint32_t half = count / 2u;
        first = ranges->starts[first + half] <= key ? first + half : first;
        count -= half;
    }
    return &table->nodes[ranges->nodes[first]];
}

#endif
