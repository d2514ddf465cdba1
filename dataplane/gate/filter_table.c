/* SPDX-License-Identifier: BSD-3-Clause */
#include "dataplane/gate/filter_table.h"

#include "tickwire/assert.h"

#define KEY_BITS 128u
#define KEY_LAST (~(tw_filter_key)0)

/* Prefixes around the one at hand, the widest first: one per length at most. */
struct nesting {
    struct {
        tw_filter_key last;
        uint16_t node;
    } open[KEY_BITS + 1u];
    uint32_t depth;
};

struct prefix {
    tw_filter_key first, last;
    bool is_ipv4;
};

static struct prefix prefix_of(const struct tw_filter_rule *rule)
{
    struct prefix prefix = {.is_ipv4 = tw_filter_is_ipv4(rule->ip)};
    uint32_t length = rule->prefix_length;
    prefix.first = tw_filter_key_make(rule->ip);
    if (prefix.is_ipv4) {
        prefix.first <<= TW_FILTER_IPV4_BITS;
        length -= TW_FILTER_IPV4_BITS;
    }
    prefix.last = prefix.first | (length == KEY_BITS ? 0 : KEY_LAST >> length);
    return prefix;
}

/* IPv6 first; by first address, the wider one first: what encloses a prefix stands before it. */
static int compare(const struct tw_filter_rule *a, const struct tw_filter_rule *b)
{
    int order = (int)tw_filter_is_ipv4(a->ip) - (int)tw_filter_is_ipv4(b->ip);
    if (order == 0)
        order = memcmp(a->ip, b->ip, sizeof(a->ip));
    return order != 0 ? order : (int)a->prefix_length - (int)b->prefix_length;
}

static void sort_rules(struct tw_filter_table *table)
{
    uint32_t count = 0;
    for (uint32_t slot = 0; slot < TW_FILTER_RULES_MAX; slot++) {
        const struct tw_filter_rule *rule = &table->rules[slot];
        if (rule->id == 0)
            continue;
        uint32_t low = 0;
        for (uint32_t high = count; low < high;) {
            uint32_t middle = (low + high) / 2u;
            if (compare(&table->rules[table->sorted[middle]], rule) <= 0)
                low = middle + 1u;
            else
                high = middle;
        }
        memmove(&table->sorted[low + 1u], &table->sorted[low], (count - low) * sizeof(uint16_t));
        table->sorted[low] = (uint16_t)slot;
        count++;
    }
    table->rule_count = count;
}

/* From `start` on, until the next one. */
static void add_range(struct tw_filter_ranges *ranges, tw_filter_key start, uint16_t node)
{
    if (ranges->count == 0 || ranges->starts[ranges->count - 1u] != start) {
        TW_ASSERT(ranges->count < TW_FILTER_RANGES_MAX);
        ranges->starts[ranges->count++] = start;
    }
    ranges->nodes[ranges->count - 1u] = node;
}

static uint16_t innermost(const struct nesting *nesting)
{
    return nesting->depth > 0 ? nesting->open[nesting->depth - 1u].node : 0;
}

/* Ends the innermost prefix; what encloses it goes on behind it. */
static void close_innermost(struct nesting *nesting, struct tw_filter_ranges *ranges)
{
    tw_filter_key last = nesting->open[--nesting->depth].last;
    if (last != KEY_LAST)
        add_range(ranges, last + 1u, innermost(nesting));
}

static void apply(struct tw_filter_node *node, const struct tw_filter_rule *rule, uint32_t slot)
{
    uint16_t place = (uint16_t)(slot + 1u);
    switch ((enum tw_filter_kind)rule->kind) {
    case TW_FILTER_ALLOW:
        node->verdict = place;
        node->deny = 0;
        break;
    case TW_FILTER_DENY:
        node->verdict = place;
        node->deny = 1;
        break;
    case TW_FILTER_LIMIT:
        node->limit = place;
        break;
    case TW_FILTER_MALFORMED:
        node->malformed = place;
        break;
    }
}

/* The rules sorted[first..] of one prefix become a node on top of what encloses it. Returns the
 * first rule of the next prefix. */
static uint32_t make_node(struct tw_filter_table *table, uint32_t first, uint16_t number,
                          uint16_t outer)
{
    struct tw_filter_node *node = &table->nodes[number];
    const struct tw_filter_rule *prefix = &table->rules[table->sorted[first]];
    uint32_t next = first;
    *node = table->nodes[outer];
    while (next < table->rule_count &&
           tw_filter_same_prefix(prefix, &table->rules[table->sorted[next]])) {
        /* An allow rule lifts what wider prefixes demand, not what its own does. */
        if (table->rules[table->sorted[next]].kind == TW_FILTER_ALLOW)
            *node = (struct tw_filter_node){0};
        next++;
    }
    for (uint32_t i = first; i < next; i++)
        apply(node, &table->rules[table->sorted[i]], table->sorted[i]);
    return next;
}

/* All rules of one address family, from sorted[first]. Returns the first of the other. */
static uint32_t make_ranges(struct tw_filter_table *table, struct tw_filter_ranges *ranges,
                            uint32_t first, bool is_ipv4)
{
    struct nesting nesting = {.depth = 0};
    add_range(ranges, 0, 0);
    while (first < table->rule_count) {
        struct prefix prefix = prefix_of(&table->rules[table->sorted[first]]);
        if (prefix.is_ipv4 != is_ipv4)
            break;
        while (nesting.depth > 0 && nesting.open[nesting.depth - 1u].last < prefix.first)
            close_innermost(&nesting, ranges);
        /* A rule is in one node at most. */
        uint16_t number = (uint16_t)(first + 1u);
        first = make_node(table, first, number, innermost(&nesting));
        add_range(ranges, prefix.first, number);
        nesting.open[nesting.depth].last = prefix.last;
        nesting.open[nesting.depth++].node = number;
    }
    while (nesting.depth > 0)
        close_innermost(&nesting, ranges);
    return first;
}

static void make_root(struct tw_filter_ranges *ranges)
{
    uint32_t range = 0;
    for (uint32_t part = 0; part < 1u << TW_FILTER_ROOT_BITS; part++) {
        tw_filter_key start = (tw_filter_key)part << (KEY_BITS - TW_FILTER_ROOT_BITS);
        while (range + 1u < ranges->count && ranges->starts[range + 1u] <= start)
            range++;
        ranges->root[part] = (uint16_t)range;
    }
    ranges->root[1u << TW_FILTER_ROOT_BITS] = (uint16_t)(ranges->count - 1u);
}

void tw_filter_table_build(struct tw_filter_table *table, const struct tw_filter_rule *rules,
                           uint64_t version)
{
    memset(table, 0, sizeof(*table));
    memcpy(table->rules, rules, sizeof(table->rules));
    table->version = version;
    for (uint32_t slot = 0; slot < TW_FILTER_RULES_MAX; slot++)
        table->malformed_count += table->rules[slot].kind == TW_FILTER_MALFORMED;
    sort_rules(table);
    uint32_t first_ipv4 = make_ranges(table, &table->ipv6, 0, false);
    (void)make_ranges(table, &table->ipv4, first_ipv4, true);
    make_root(&table->ipv6);
    make_root(&table->ipv4);
}
