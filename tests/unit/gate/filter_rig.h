/* SPDX-License-Identifier: BSD-3-Clause */
/* A filter in a test's hands: rules by slot, time that only the test moves, packets of one source
 * and class. One per test, by setup and teardown. */
#ifndef TICKWIRE_TESTS_UNIT_GATE_FILTER_RIG_H
#define TICKWIRE_TESTS_UNIT_GATE_FILTER_RIG_H

#include "dataplane/gate/filter.h"
#include "tickwire/address.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <sodium.h>

#define SECOND_NS TW_FILTER_SECOND_NS
#define START_NS  UINT64_C(7000000000000)
#define OPEN      ((uint16_t)TW_OUTCOME_COUNT)
#define FRAME     100u
#define SESSIONS  8u

struct rig {
    struct tw_filter filter;
    struct tw_filter_table tables[2];
    struct tw_filter_rule rules[TW_FILTER_RULES_MAX];
    struct tw_worker_counters counters;
    void *memory;
    uint64_t version;
    uint64_t now_ns;
    uint64_t random;
};

static inline int setup(void **state)
{
    struct rig *rig = aligned_alloc(64, (sizeof(*rig) + 63u) & ~(size_t)63u);
    uint8_t key[16];
    assert_non_null(rig);
    memset(rig, 0, sizeof(*rig));
    rig->memory = aligned_alloc(64, tw_filter_footprint(SESSIONS));
    assert_non_null(rig->memory);
    memset(rig->memory, 0, tw_filter_footprint(SESSIONS));
    randombytes_buf(key, sizeof(key));
    tw_filter_init(&rig->filter, rig->memory, key, &rig->counters);
    rig->now_ns = START_NS;
    rig->random = UINT64_C(0x9e3779b97f4a7c15);
    *state = rig;
    return 0;
}

static inline int teardown(void **state)
{
    struct rig *rig = *state;
    free(rig->memory);
    free(rig);
    return 0;
}

static inline uint32_t draw(struct rig *rig)
{
    rig->random ^= rig->random << 13;
    rig->random ^= rig->random >> 7;
    rig->random ^= rig->random << 17;
    return (uint32_t)(rig->random >> 16);
}

static inline void mask(uint8_t ip[16], uint32_t length)
{
    for (uint32_t bit = length; bit < 128; bit++)
        ip[bit / 8] &= (uint8_t) ~(0x80u >> bit % 8);
}

static inline struct tw_filter_rule rule4(enum tw_filter_kind kind, uint32_t ipv4, uint32_t length)
{
    struct tw_filter_rule rule = {.kind = (uint8_t)kind,
                                  .prefix_length = (uint8_t)(TW_FILTER_IPV4_BITS + length)};
    struct tw_address address = tw_address_from_ipv4(ipv4, 0);
    memcpy(rule.ip, address.ip, sizeof(rule.ip));
    mask(rule.ip, rule.prefix_length);
    if (kind == TW_FILTER_LIMIT)
        rule.pps = (struct tw_filter_level){10, 20};
    if (kind == TW_FILTER_MALFORMED) {
        rule.above_pps = 5;
        rule.for_s = 30;
    }
    return rule;
}

static inline void use(struct rig *rig)
{
    struct tw_filter_table *table = &rig->tables[++rig->version % 2];
    tw_filter_table_build(table, rig->rules, rig->version);
    tw_filter_use(&rig->filter, table);
    assert_int_equal(tw_counter_get(&rig->counters.filter_version), rig->version);
}

/* Into this slot, with id slot + 1; not in use yet. */
static inline void put(struct rig *rig, uint32_t slot, struct tw_filter_rule rule)
{
    rule.id = slot + 1u;
    assert_true(tw_filter_rule_valid(&rule));
    rig->rules[slot] = rule;
}

static inline uint16_t send(struct rig *rig, uint32_t ipv4, enum tw_filter_class class,
                            uint32_t length)
{
    struct tw_address address = tw_address_from_ipv4(ipv4, 0);
    struct tw_filter_view view = {
        .ip = address.ip, .length = length, .class = (uint16_t) class, .outcome = OPEN};
    tw_filter_admit(&rig->filter, &view, 1, rig->now_ns);
    if (view.limit != 0)
        tw_filter_settle(&rig->filter, &view, rig->now_ns);
    return view.outcome;
}

static inline uint16_t stranger(struct rig *rig, uint32_t ipv4)
{
    return send(rig, ipv4, TW_FILTER_STRANGER, FRAME);
}

static inline uint16_t known(struct rig *rig, uint32_t ipv4)
{
    return send(rig, ipv4, TW_FILTER_KNOWN, FRAME);
}

static inline void report(struct rig *rig, uint32_t ipv4)
{
    struct tw_address address = tw_address_from_ipv4(ipv4, 0);
    tw_filter_report(&rig->filter, address.ip, rig->now_ns);
}

static inline void limit(struct rig *rig, struct tw_filter_level pps, struct tw_filter_level bps,
                         struct tw_filter_level source_pps)
{
    struct tw_filter_rule rule = rule4(TW_FILTER_LIMIT, 0x0a000000, 8);
    rule.pps = pps;
    rule.bps = bps;
    rule.source_pps = source_pps;
    put(rig, 0, rule);
    use(rig);
}

#endif
