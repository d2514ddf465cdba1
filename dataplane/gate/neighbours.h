/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Next hops: IPv4 → MAC, told by the main thread.
 *
 * A frame's source MAC is never believed. Each worker has its own copy of the table, so lookups
 * share nothing. Fixed size; when a set is full the entry told longest ago makes room, but never
 * the gateway's. Pure: time is an argument. Owned by one worker.
 */
#ifndef TICKWIRE_DATAPLANE_GATE_NEIGHBOURS_H
#define TICKWIRE_DATAPLANE_GATE_NEIGHBOURS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* 1,024 hosts on our own link; everyone else is reached through the gateway. */
#define TW_NEIGHBOUR_SETS 128u
#define TW_NEIGHBOUR_WAYS 8u

struct tw_neighbour {
    uint32_t address; /* host byte order; 0 = unused */
    uint32_t told;    /* stamp of the newest tw_neighbours_set */
    uint8_t mac[6];
};

struct tw_neighbours {
    uint32_t address, mask, gateway; /* host byte order; gateway 0 = none */
    uint32_t stamp;
    struct tw_neighbour sets[TW_NEIGHBOUR_SETS][TW_NEIGHBOUR_WAYS];
};

/* `neighbours` is zeroed memory. */
void tw_neighbours_init(struct tw_neighbours *neighbours, uint32_t address, uint8_t prefix_length,
                        uint32_t gateway);

void tw_neighbours_set(struct tw_neighbours *neighbours, uint32_t address, const uint8_t mac[6]);

/* The host to hand a packet for `destination` to; 0 = unreachable. */
static inline uint32_t tw_neighbours_next_hop(const struct tw_neighbours *neighbours,
                                              uint32_t destination)
{
    bool on_link = ((destination ^ neighbours->address) & neighbours->mask) == 0;
    return on_link ? destination : neighbours->gateway;
}

/* Hosts of one link are numbered densely: multiplication spreads them, and only they get here. */
static inline uint32_t tw_neighbours_set_of(uint32_t address)
{
    return (address * 0x9e3779b1u >> 16) % TW_NEIGHBOUR_SETS;
}

/* Its MAC address, or NULL when it is not known (yet). */
static inline const uint8_t *tw_neighbours_find(const struct tw_neighbours *neighbours,
                                                uint32_t next_hop)
{
    if (next_hop == 0)
        return NULL;
    const struct tw_neighbour *set = neighbours->sets[tw_neighbours_set_of(next_hop)];
    for (uint32_t way = 0; way < TW_NEIGHBOUR_WAYS; way++) {
        if (set[way].address == next_hop)
            return set[way].mac;
    }
    return NULL;
}

#endif
