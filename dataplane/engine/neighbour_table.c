/* SPDX-License-Identifier: BSD-3-Clause */
#include "dataplane/engine/neighbour_table.h"

#include "tickwire/assert.h"

#include <string.h>

#define ASK_EVERY_NS   UINT64_C(1000000000)
#define REFRESH_NS     UINT64_C(60000000000)
#define LOCK_NS        UINT64_C(1000000000)
#define UNANSWERED_MAX 3u

/* The addresses that a prefix of IPv4 has in front, as v4-mapped ones. */
#define MAPPED_BITS 96u

static void init(struct tw_neighbour_table *table, uint32_t workers)
{
    TW_ASSERT(workers >= 1 && workers <= 32);
    memset(table, 0, sizeof(*table));
    table->workers = workers == 32 ? UINT32_MAX : (1u << workers) - 1u;
}

void tw_neighbour_table_init_ipv4(struct tw_neighbour_table *table,
                                  const struct tw_config_port *port, uint32_t workers)
{
    TW_ASSERT(port->prefix_length <= 32);
    init(table, workers);
    memcpy(table->address, tw_address_from_ipv4(port->address, 0).ip, sizeof(table->address));
    if (port->gateway != 0)
        memcpy(table->gateway, tw_address_from_ipv4(port->gateway, 0).ip, sizeof(table->gateway));
    table->prefix_length = (uint8_t)(MAPPED_BITS + port->prefix_length);
}

void tw_neighbour_table_init_ipv6(struct tw_neighbour_table *table,
                                  const struct tw_config_port *port, uint32_t workers)
{
    init(table, workers);
    memcpy(table->address, port->address6, sizeof(table->address));
    memcpy(table->gateway, port->gateway6, sizeof(table->gateway));
    table->prefix_length = port->prefix_length6;
}

/* Neither the network's nor the broadcast address; prefixes of 31 and 32 bits have none. */
static bool is_host_ipv4(const struct tw_neighbour_table *table, const uint8_t ip[16])
{
    uint32_t host_bits = 128u - table->prefix_length;
    uint32_t mask = host_bits == 32 ? UINT32_MAX : (1u << host_bits) - 1u;
    uint32_t host = tw_ip_ipv4(ip) & mask;
    return host_bits <= 1 || (host != 0 && host != mask);
}

/* Another host of our link. */
static bool on_link(const struct tw_neighbour_table *table, const uint8_t ip[16])
{
    if (tw_ip_is_zero(table->address) || memcmp(ip, table->address, 16) == 0)
        return false;
    if (tw_ip_is_ipv4(table->address))
        return tw_ip_same_prefix(ip, table->address, table->prefix_length) &&
               is_host_ipv4(table, ip);
    return ip[0] != 0xff &&
           (tw_ip_is_link_local(ip) || tw_ip_same_prefix(ip, table->address, table->prefix_length));
}

static struct tw_neighbour_entry *find(struct tw_neighbour_table *table, const uint8_t ip[16])
{
    for (uint32_t i = 0; i < table->count; i++)
        if (memcmp(table->entries[i].ip, ip, 16) == 0)
            return &table->entries[i];
    return NULL;
}

/* The last cell is the gateway's, as long as it has none. */
static bool is_full(struct tw_neighbour_table *table, const uint8_t ip[16])
{
    bool waits = !tw_ip_is_zero(table->gateway) && memcmp(ip, table->gateway, 16) != 0 &&
                 find(table, table->gateway) == NULL;
    return table->count + (waits ? 1u : 0u) >= TW_NEIGHBOUR_ENTRIES;
}

static struct tw_neighbour_entry *find_or_add(struct tw_neighbour_table *table,
                                              const uint8_t ip[16])
{
    if (!on_link(table, ip)) {
        table->refused_foreign++;
        return NULL;
    }
    struct tw_neighbour_entry *entry = find(table, ip);
    if (entry != NULL)
        return entry;
    if (is_full(table, ip)) {
        table->refused_full++;
        return NULL;
    }
    entry = &table->entries[table->count++];
    *entry = (struct tw_neighbour_entry){0};
    memcpy(entry->ip, ip, sizeof(entry->ip));
    return entry;
}

static bool mac_usable(const uint8_t mac[6])
{
    static const uint8_t zero[6];
    return (mac[0] & 1u) == 0 && memcmp(mac, zero, sizeof(zero)) != 0;
}

void tw_neighbour_table_seen(struct tw_neighbour_table *table, const struct tw_neighbour_news *news,
                             uint64_t now_ns)
{
    const uint8_t *mac = news->mac;
    if (!mac_usable(mac)) {
        table->refused_foreign++;
        return;
    }
    struct tw_neighbour_entry *entry = find_or_add(table, news->ip);
    if (entry == NULL)
        return;
    bool same = entry->known && memcmp(entry->mac, mac, sizeof(entry->mac)) == 0;
    if (!same) {
        if (entry->known && (news->keeps_known || now_ns - entry->seen_ns < LOCK_NS))
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

static bool ask(struct tw_neighbour_entry *entry, uint64_t now_ns)
{
    if (entry->asked_ns != 0 && now_ns - entry->asked_ns < ASK_EVERY_NS)
        return false;
    entry->asked_ns = now_ns;
    if (entry->unanswered < UINT8_MAX)
        entry->unanswered++;
    return true;
}

bool tw_neighbour_table_wanted(struct tw_neighbour_table *table, const uint8_t ip[16],
                               uint64_t now_ns)
{
    struct tw_neighbour_entry *entry = find_or_add(table, ip);
    if (entry == NULL)
        return false;
    if (entry->known) {
        /* The worker lost it: its own table was full of others. */
        entry->owed = table->workers;
        return false;
    }
    return ask(entry, now_ns);
}

uint32_t tw_neighbour_table_refresh(struct tw_neighbour_table *table, uint64_t now_ns,
                                    uint8_t (*asks)[16], uint32_t capacity)
{
    uint32_t count = 0;
    for (uint32_t i = 0; i < table->count; i++) {
        struct tw_neighbour_entry *entry = &table->entries[i];
        bool silent = entry->known ? now_ns - entry->seen_ns >= REFRESH_NS : true;
        if (!silent)
            continue;
        if (entry->unanswered >= UNANSWERED_MAX && now_ns - entry->asked_ns >= ASK_EVERY_NS) {
            *entry = table->entries[--table->count];
            i--;
        } else if (entry->known && count < capacity && ask(entry, now_ns)) {
            memcpy(asks[count++], entry->ip, sizeof(entry->ip));
        } else if (!entry->known && now_ns - entry->asked_ns >= UNANSWERED_MAX * ASK_EVERY_NS) {
            /* Nobody wants it any more. */
            *entry = table->entries[--table->count];
            i--;
        }
    }
    return count;
}
