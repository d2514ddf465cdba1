/* SPDX-License-Identifier: BSD-3-Clause */
#include "dataplane/gate/neighbours.h"

#include <stdbool.h>
#include <string.h>

void tw_neighbours_init(struct tw_neighbours *neighbours, uint32_t address, uint8_t prefix_length,
                        uint32_t gateway)
{
    neighbours->address = address;
    neighbours->mask = prefix_length == 0 ? 0 : UINT32_MAX << (32u - prefix_length);
    neighbours->gateway = gateway;
}

/* Hosts of one link are numbered densely: multiplication spreads them, and only they get here. */
static uint32_t set_of(uint32_t address)
{
    return (address * 0x9e3779b1u >> 16) % TW_NEIGHBOUR_SETS;
}

void tw_neighbours_set(struct tw_neighbours *neighbours, uint32_t address, const uint8_t mac[6])
{
    struct tw_neighbour *set = neighbours->sets[set_of(address)];
    struct tw_neighbour *chosen = NULL;
    neighbours->stamp++;
    for (uint32_t way = 0; way < TW_NEIGHBOUR_WAYS; way++) {
        if (set[way].address == address) {
            chosen = &set[way];
            break;
        }
        if (set[way].address == neighbours->gateway && neighbours->gateway != 0)
            continue; /* everybody off the link is behind it */
        if (!chosen || neighbours->stamp - set[way].told > neighbours->stamp - chosen->told)
            chosen = &set[way];
    }
    chosen->address = address;
    chosen->told = neighbours->stamp;
    memcpy(chosen->mac, mac, sizeof(chosen->mac));
}

uint32_t tw_neighbours_next_hop(const struct tw_neighbours *neighbours, uint32_t destination)
{
    bool on_link = ((destination ^ neighbours->address) & neighbours->mask) == 0;
    return on_link ? destination : neighbours->gateway;
}

const uint8_t *tw_neighbours_find(const struct tw_neighbours *neighbours, uint32_t next_hop)
{
    if (next_hop == 0)
        return NULL;
    const struct tw_neighbour *set = neighbours->sets[set_of(next_hop)];
    for (uint32_t way = 0; way < TW_NEIGHBOUR_WAYS; way++) {
        if (set[way].address == next_hop)
            return set[way].mac;
    }
    return NULL;
}
