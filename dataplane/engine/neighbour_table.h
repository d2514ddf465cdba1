/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The engine's neighbour table: IPv4 → MAC as ARP told it (RFC 826), the source of truth that the
 * workers' copies are told from; and whom to ask, at most once a second per address.
 *
 * Only addresses of our own link are accepted. An entry that has been silent for 60 s is asked
 * for again; after three unanswered questions it is forgotten. A known MAC is replaced at most
 * once a second, so that a storm of forged answers costs little. Fixed size; a full table refuses
 * and counts. Pure: time is an argument. Owned by the main thread.
 */
#ifndef TICKWIRE_DATAPLANE_ENGINE_ARP_TABLE_H
#define TICKWIRE_DATAPLANE_ENGINE_ARP_TABLE_H

#include <stdbool.h>
#include <stdint.h>

/* As many as a worker's copy holds; clients elsewhere are reached through the gateway. */
#define TW_ARP_ENTRIES 1024u

struct tw_arp_entry {
    uint32_t ipv4; /* host byte order; 0: unused */
    bool known;
    uint8_t mac[6];
    uint8_t unanswered; /* questions since it was last seen */
    uint32_t owed;      /* workers (bits) that were not told the MAC yet */
    uint64_t seen_ns, asked_ns;
};

struct tw_arp_table {
    uint32_t address, mask;
    uint32_t workers; /* bits */
    uint32_t count;
    uint64_t refused_foreign, refused_full, changes;
    struct tw_arp_entry entries[TW_ARP_ENTRIES]; /* [count], in no order */
};

void tw_arp_table_init(struct tw_arp_table *table, uint32_t address, uint8_t prefix_length,
                       uint32_t workers);

/* ARP told (address, MAC). Marks what workers are to be told in `owed`. */
void tw_arp_table_seen(struct tw_arp_table *table, uint32_t ipv4, const uint8_t mac[6],
                       uint64_t now_ns);

/* A worker needs this next hop. True: send an ARP request now. */
bool tw_arp_table_wanted(struct tw_arp_table *table, uint32_t ipv4, uint64_t now_ns);

/* Housekeeping, a few times a second: forgets the silent; puts addresses to ask for into
 * ask[capacity] and returns their number. */
uint32_t tw_arp_table_refresh(struct tw_arp_table *table, uint64_t now_ns, uint32_t *ask,
                              uint32_t capacity);

#endif
