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
uint32_t tw_neighbours_next_hop(const struct tw_neighbours *neighbours, uint32_t destination);

/* Its MAC address, or NULL when it is not known (yet). */
const uint8_t *tw_neighbours_find(const struct tw_neighbours *neighbours, uint32_t next_hop);

#endif
