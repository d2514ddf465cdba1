/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The engine's neighbour table: IP → MAC as ARP (RFC 826) or neighbour discovery (RFC 4861) told
 * it, the source of truth that the workers' copies are told from; and whom to ask, at most once a
 * second per address. One table for each interface and family.
 *
 * Only addresses of our own link are accepted. An entry that has been silent for 60 s is asked
 * for again; after three unanswered questions it is forgotten. A known MAC is replaced at most
 * once a second, so that a storm of forged answers costs little. Fixed size; a full table refuses
 * and counts, but the gateway always finds room. Pure: time is an argument. Owned by the main
 * thread.
 */
#ifndef TICKWIRE_DATAPLANE_ENGINE_NEIGHBOUR_TABLE_H
#define TICKWIRE_DATAPLANE_ENGINE_NEIGHBOUR_TABLE_H

#include "tickwire/address.h"
#include "tickwire/config.h"

#include <stdbool.h>
#include <stdint.h>

/* As many as a worker's copy holds; clients elsewhere are reached through the gateway. */
#define TW_NEIGHBOUR_ENTRIES 1024u

struct tw_neighbour_entry {
    uint8_t ip[16]; /* v4-mapped for IPv4 */
    bool known;
    uint8_t mac[6];
    uint8_t unanswered; /* questions since it was last seen */
    uint32_t owed;      /* workers (bits) that were not told the MAC yet */
    uint64_t seen_ns, asked_ns;
};

struct tw_neighbour_table {
    uint8_t address[16], gateway[16]; /* ours; gateway zero = none */
    uint8_t prefix_length;            /* of 128 bits */
    uint32_t workers;                 /* bits */
    uint32_t count;
    uint64_t refused_foreign, refused_full, changes;
    struct tw_neighbour_entry entries[TW_NEIGHBOUR_ENTRIES]; /* [count], in no order */
};

/* One told MAC address. */
struct tw_neighbour_news {
    const uint8_t *ip;  /* 16 bytes */
    const uint8_t *mac; /* 6 bytes */
    bool keeps_known;   /* does not replace another MAC address that is known */
};

void tw_neighbour_table_init_ipv4(struct tw_neighbour_table *table,
                                  const struct tw_config_port *port, uint32_t workers);
/* A port without an IPv6 address: refuses everything. */
void tw_neighbour_table_init_ipv6(struct tw_neighbour_table *table,
                                  const struct tw_config_port *port, uint32_t workers);

/* Marks what workers are to be told in `owed`. */
void tw_neighbour_table_seen(struct tw_neighbour_table *table, const struct tw_neighbour_news *news,
                             uint64_t now_ns);

/* A worker needs this next hop. True: send a question now. */
bool tw_neighbour_table_wanted(struct tw_neighbour_table *table, const uint8_t ip[16],
                               uint64_t now_ns);

/* Housekeeping, a few times a second: forgets the silent; puts addresses to ask for into
 * asks[capacity] and returns their number. */
uint32_t tw_neighbour_table_refresh(struct tw_neighbour_table *table, uint64_t now_ns,
                                    uint8_t (*asks)[16], uint32_t capacity);

#endif
