/* SPDX-License-Identifier: BSD-3-Clause */
#include "dataplane/engine/arp_table.h"

#include "tickwire/assert.h"

#include <string.h>

#define ASK_EVERY_NS   UINT64_C(1000000000)
#define REFRESH_NS     UINT64_C(60000000000)
#define LOCK_NS        UINT64_C(1000000000)
#define UNANSWERED_MAX 3u

void tw_arp_table_init(struct tw_arp_table *table, uint32_t address, uint8_t prefix_length,
                       uint32_t workers)
{
    TW_ASSERT(prefix_length <= 32 && workers >= 1 && workers <= 32);
    memset(table, 0, sizeof(*table));
    table->address = address;
    table->mask = prefix_length == 0 ? 0 : UINT32_MAX << (32 - prefix_length);
    table->workers = workers == 32 ? UINT32_MAX : (1u << workers) - 1u;
}

/* A host of our link: not ourselves, neither the network's nor the broadcast address. */
static bool on_link(const struct tw_arp_table *table, uint32_t ipv4)
{
    if (ipv4 == 0 || ipv4 == table->address || ((ipv4 ^ table->address) & table->mask) != 0)
        return false;
    uint32_t host = ipv4 & ~table->mask;
    return ~table->mask <= 1u || (host != 0 && host != ~table->mask);
}

static struct tw_arp_entry *find(struct tw_arp_table *table, uint32_t ipv4)
{
    for (uint32_t i = 0; i < table->count; i++)
        if (table->entries[i].ipv4 == ipv4)
            return &table->entries[i];
    return NULL;
}

static struct tw_arp_entry *find_or_add(struct tw_arp_table *table, uint32_t ipv4)
{
    if (!on_link(table, ipv4)) {
        table->refused_foreign++;
        return NULL;
    }
    struct tw_arp_entry *entry = find(table, ipv4);
    if (entry != NULL)
        return entry;
    if (table->count == TW_ARP_ENTRIES) {
        table->refused_full++;
        return NULL;
    }
    entry = &table->entries[table->count++];
    *entry = (struct tw_arp_entry){.ipv4 = ipv4};
    return entry;
}

static bool mac_usable(const uint8_t mac[6])
{
    static const uint8_t zero[6];
    return (mac[0] & 1u) == 0 && memcmp(mac, zero, sizeof(zero)) != 0;
}

void tw_arp_table_seen(struct tw_arp_table *table, uint32_t ipv4, const uint8_t mac[6],
                       uint64_t now_ns)
{
    if (!mac_usable(mac)) {
        table->refused_foreign++;
        return;
    }
    struct tw_arp_entry *entry = find_or_add(table, ipv4);
    if (entry == NULL)
        return;
    bool same = entry->known && memcmp(entry->mac, mac, sizeof(entry->mac)) == 0;
    if (!same) {
        if (entry->known && now_ns - entry->seen_ns < LOCK_NS)
            return;
        if (entry->known)
            table->changes++;
        memcpy(entry->mac, mac, sizeof(entry->mac));
        entry->known = true;
        entry->owed = table->workers;
    }
    entry->seen_ns = now_ns;
    entry->unanswered = 0;
}

static bool ask(struct tw_arp_entry *entry, uint64_t now_ns)
{
    if (entry->asked_ns != 0 && now_ns - entry->asked_ns < ASK_EVERY_NS)
        return false;
    entry->asked_ns = now_ns;
    if (entry->unanswered < UINT8_MAX)
        entry->unanswered++;
    return true;
}

bool tw_arp_table_wanted(struct tw_arp_table *table, uint32_t ipv4, uint64_t now_ns)
{
    struct tw_arp_entry *entry = find_or_add(table, ipv4);
    if (entry == NULL)
        return false;
    if (entry->known) {
        /* The worker lost it: its own table was full of others. */
        entry->owed = table->workers;
        return false;
    }
    return ask(entry, now_ns);
}

uint32_t tw_arp_table_refresh(struct tw_arp_table *table, uint64_t now_ns, uint32_t *asks,
                              uint32_t capacity)
{
    uint32_t count = 0;
    for (uint32_t i = 0; i < table->count; i++) {
        struct tw_arp_entry *entry = &table->entries[i];
        bool silent = entry->known ? now_ns - entry->seen_ns >= REFRESH_NS : true;
        if (!silent)
            continue;
        if (entry->unanswered >= UNANSWERED_MAX && now_ns - entry->asked_ns >= ASK_EVERY_NS) {
            *entry = table->entries[--table->count];
            i--;
        } else if (entry->known && count < capacity && ask(entry, now_ns)) {
            asks[count++] = entry->ipv4;
        } else if (!entry->known && now_ns - entry->asked_ns >= UNANSWERED_MAX * ASK_EVERY_NS) {
            /* Nobody wants it any more. */
            *entry = table->entries[--table->count];
            i--;
        }
    }
    return count;
}
