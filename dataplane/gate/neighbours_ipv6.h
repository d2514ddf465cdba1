/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Next hops over IPv6, as neighbours.h has them for IPv4: told by the main thread, never read from
 * a frame. Kept apart, so that IPv4 looks up four bytes and touches no more lines than before.
 * Pure. Owned by one worker.
 */
#ifndef TICKWIRE_DATAPLANE_GATE_NEIGHBOURS_IPV6_H
#define TICKWIRE_DATAPLANE_GATE_NEIGHBOURS_IPV6_H

#include "dataplane/gate/neighbours.h"

#include <stdint.h>

struct tw_neighbour6 {
    uint8_t ip[16]; /* zero = unused */
    uint32_t told;  /* stamp of the newest tw_neighbours6_set */
    uint8_t mac[6];
};

struct tw_neighbours6 {
    uint8_t address[16], gateway[16]; /* gateway zero = none */
    uint8_t prefix_length;
    uint32_t stamp;
    struct tw_neighbour6 sets[TW_NEIGHBOUR_SETS][TW_NEIGHBOUR_WAYS];
};

/* `neighbours` is zeroed memory. */
void tw_neighbours6_init(struct tw_neighbours6 *neighbours, const uint8_t address[16],
                         uint8_t prefix_length, const uint8_t gateway[16]);

void tw_neighbours6_set(struct tw_neighbours6 *neighbours, const uint8_t ip[16],
                        const uint8_t mac[6]);

/* The host to hand a packet for `destination` to; zero = unreachable. Points to one of the two
 * arguments' memory. */
const uint8_t *tw_neighbours6_next_hop(const struct tw_neighbours6 *neighbours,
                                       const uint8_t destination[16]);

/* Its MAC address, or NULL when it is not known (yet). */
const uint8_t *tw_neighbours6_find(const struct tw_neighbours6 *neighbours,
                                   const uint8_t next_hop[16]);

#endif
