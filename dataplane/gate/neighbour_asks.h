/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Which next hops the main thread is asked for, and how often: once a second and host, 32 at once
 * in all, for each question becomes a packet to everybody. Pure: time is an argument. Owned by one
 * worker.
 */
#ifndef TICKWIRE_DATAPLANE_GATE_NEIGHBOUR_ASKS_H
#define TICKWIRE_DATAPLANE_GATE_NEIGHBOUR_ASKS_H

#include "dataplane/gate/budget.h"

#include <stdbool.h>
#include <stdint.h>

#define TW_NEIGHBOUR_ASK_NS       UINT64_C(1000000000)
#define TW_NEIGHBOUR_ASKS_AT_ONCE 32u
#define TW_NEIGHBOUR_ASKED        16u

struct tw_neighbour_asks {
    struct {
        uint8_t ip[16];
        uint64_t at_ns;
    } asked[TW_NEIGHBOUR_ASKED];
    uint32_t next;
    struct tw_budget budget;
    struct tw_budget_rate rate;
};

/* `asks` is zeroed memory. */
void tw_neighbour_asks_init(struct tw_neighbour_asks *asks);

/* True if the main thread is to be asked for this host now; never for address zero. */
bool tw_neighbour_asks_may(struct tw_neighbour_asks *asks, const uint8_t ip[16], uint64_t now_ns);

#endif
