/* SPDX-License-Identifier: BSD-3-Clause */
#include "dataplane/gate/filter_sources.h"

#include <sodium.h>

static struct tw_filter_source *set_of(struct tw_filter_sources *sources, uint32_t rule,
                                       const uint8_t ip[16])
{
    uint8_t text[20];
    uint64_t hash;
    static_assert(sizeof(sources->key) == crypto_shorthash_KEYBYTES, "SipHash key");
    memcpy(text, ip, 16);
    memcpy(text + 16, &rule, sizeof(rule));
    crypto_shorthash((unsigned char *)&hash, text, sizeof(text), sources->key);
    return sources->entries[hash % TW_FILTER_SOURCE_SETS];
}

static struct tw_filter_source *find(struct tw_filter_source *set, uint32_t rule,
                                     const uint8_t ip[16])
{
    for (uint32_t way = 0; way < TW_FILTER_SOURCE_WAYS; way++) {
        if (set[way].rule == rule && memcmp(set[way].ip, ip, sizeof(set[way].ip)) == 0)
            return &set[way];
    }
    return NULL;
}

struct tw_filter_source *tw_filter_sources_find(struct tw_filter_sources *sources, uint32_t rule,
                                                const uint8_t ip[16])
{
    return find(set_of(sources, rule, ip), rule, ip);
}

struct tw_filter_source *tw_filter_sources_take(struct tw_filter_sources *sources, uint32_t rule,
                                                const uint8_t ip[16], uint64_t now_ns)
{
    struct tw_filter_source *set = set_of(sources, rule, ip);
    struct tw_filter_source *entry = find(set, rule, ip);
    for (uint32_t way = 0; way < TW_FILTER_SOURCE_WAYS && !entry; way++) {
        if (set[way].rule != 0 && set[way].full_at_ns > now_ns)
            continue;
        entry = &set[way];
        memset(entry, 0, sizeof(*entry));
        memcpy(entry->ip, ip, sizeof(entry->ip));
        entry->rule = rule;
    }
    return entry;
}
