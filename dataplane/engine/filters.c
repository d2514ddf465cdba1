/* SPDX-License-Identifier: BSD-3-Clause */
#include "dataplane/engine/filters.h"

#include "tickwire/assert.h"

#include <stdlib.h>
#include <string.h>

#define NO_SLOT UINT32_MAX

struct tw_filters {
    struct tw_filter_table tables[2];                 /* version % 2 */
    struct tw_filter_rule rules[TW_FILTER_RULES_MAX]; /* as wanted, by slot */
    bool unconfirmed[TW_FILTER_RULES_MAX]; /* of a set that is being told: not mentioned so far */
    struct tw_worker_counters *const *counters;
    uint32_t workers;
    uint32_t owed;    /* bit per worker */
    uint64_t version; /* of the newest table; 0 = none yet */
    bool dirty;       /* the rules differ from it */
    bool open;        /* a change has begun and is not complete: not to be built from */
};

struct tw_filters *tw_filters_create(struct tw_worker_counters *const *counters, uint32_t workers)
{
    size_t size = (sizeof(struct tw_filters) + 63u) & ~(size_t)63u;
    struct tw_filters *filters = aligned_alloc(64, size);
    if (filters == NULL)
        return NULL;
    /* Touches every page: no worker waits for the kernel later. */
    memset(filters, 0, size);
    filters->counters = counters;
    filters->workers = workers;
    return filters;
}

void tw_filters_destroy(struct tw_filters *filters)
{
    free(filters);
}

/* ---- what the control plane wants ------------------------------------------------------------ */

static uint32_t find(const struct tw_filters *filters, uint32_t id)
{
    for (uint32_t slot = 0; slot < TW_FILTER_RULES_MAX; slot++) {
        if (filters->rules[slot].id == id)
            return slot;
    }
    return NO_SLOT;
}

/* A free one, else one whose rule the set at hand has not named so far. */
static uint32_t find_room(const struct tw_filters *filters)
{
    uint32_t slot = find(filters, 0);
    for (uint32_t i = 0; i < TW_FILTER_RULES_MAX && slot == NO_SLOT; i++) {
        if (filters->unconfirmed[i])
            slot = i;
    }
    return slot;
}

static bool put(struct tw_filters *filters, const struct tw_filter_rule *rule)
{
    uint32_t slot = find(filters, rule->id);
    /* An id names one rule for ever. */
    if (slot != NO_SLOT && memcmp(&filters->rules[slot], rule, sizeof(*rule)) != 0)
        return false;
    if (slot == NO_SLOT)
        slot = find_room(filters);
    if (slot == NO_SLOT)
        return false;
    filters->rules[slot] = *rule;
    filters->unconfirmed[slot] = false;
    return true;
}

static void clear(struct tw_filters *filters, uint32_t slot)
{
    memset(&filters->rules[slot], 0, sizeof(filters->rules[slot]));
    filters->unconfirmed[slot] = false;
}

static bool exclude_each_other(const struct tw_filter_rule *a, const struct tw_filter_rule *b)
{
    return tw_filter_family(a) == tw_filter_family(b) && tw_filter_same_prefix(a, b);
}

/* True if the rules are as many as they should be and none excludes another. */
static bool adds_up(const struct tw_filters *filters, uint32_t total)
{
    uint16_t slots[TW_FILTER_RULES_MAX];
    uint32_t count = 0;
    for (uint32_t slot = 0; slot < TW_FILTER_RULES_MAX; slot++) {
        if (filters->rules[slot].id == 0)
            continue;
        for (uint32_t i = 0; i < count; i++) {
            if (exclude_each_other(&filters->rules[slot], &filters->rules[slots[i]]))
                return false;
        }
        slots[count++] = (uint16_t)slot;
    }
    return count == total;
}

bool tw_filters_change(struct tw_filters *filters, const struct tw_agent_filter_change *change)
{
    uint32_t removed = change->removed != 0 ? find(filters, change->removed) : NO_SLOT;
    filters->open = true;
    if (change->first) {
        for (uint32_t slot = 0; slot < TW_FILTER_RULES_MAX; slot++)
            filters->unconfirmed[slot] = filters->rules[slot].id != 0;
    }
    if (removed != NO_SLOT)
        clear(filters, removed);
    for (uint32_t i = 0; i < change->count; i++) {
        if (!put(filters, &change->rules[i]))
            return false;
    }
    if (!change->last)
        return true;
    for (uint32_t slot = 0; slot < TW_FILTER_RULES_MAX; slot++) {
        if (filters->unconfirmed[slot])
            clear(filters, slot);
    }
    if (!adds_up(filters, change->total))
        return false;
    filters->open = false;
    filters->dirty = true;
    return true;
}

/* ---- what the workers have ------------------------------------------------------------------- */

static bool all_at_newest(const struct tw_filters *filters)
{
    for (uint32_t worker = 0; worker < filters->workers; worker++) {
        if (atomic_load_explicit(&filters->counters[worker]->filter_version,
                                 memory_order_acquire) != filters->version)
            return false;
    }
    return true;
}

void tw_filters_turn(struct tw_filters *filters)
{
    if (!filters->dirty || filters->open || !all_at_newest(filters))
        return;
    filters->dirty = false;
    filters->version++;
    tw_filter_table_build(&filters->tables[filters->version % 2], filters->rules, filters->version);
    filters->owed = (1u << filters->workers) - 1u;
}

const struct tw_filter_table *tw_filters_owed(const struct tw_filters *filters, uint32_t worker)
{
    return filters->owed & 1u << worker ? &filters->tables[filters->version % 2] : NULL;
}

void tw_filters_told(struct tw_filters *filters, uint32_t worker)
{
    filters->owed &= ~(1u << worker);
}

static void add_figures(const struct tw_filters *filters, uint32_t slot,
                        struct tw_agent_filter_figures *sums)
{
    for (uint32_t worker = 0; worker < filters->workers; worker++) {
        const struct tw_filter_counters *counters = &filters->counters[worker]->filters[slot];
        sums->packets += tw_counter_get(&counters->packets);
        sums->bytes += tw_counter_get(&counters->bytes);
        sums->dropped += tw_counter_get(&counters->dropped);
        sums->denials += tw_counter_get(&counters->denials);
    }
}

bool tw_filters_figures(const struct tw_filters *filters, uint32_t *next,
                        struct tw_agent_filter_counters *figures)
{
    const struct tw_filter_table *table = &filters->tables[filters->version % 2];
    memset(figures, 0, sizeof(*figures));
    if (filters->version == 0 || !all_at_newest(filters))
        return false;
    for (; *next < TW_FILTER_RULES_MAX && figures->count < TW_AGENT_FILTER_FIGURES; (*next)++) {
        if (table->rules[*next].id == 0)
            continue;
        struct tw_agent_filter_figures *sums = &figures->figures[figures->count++];
        sums->rule = table->rules[*next].id;
        add_figures(filters, *next, sums);
    }
    return figures->count > 0;
}
