/* SPDX-License-Identifier: BSD-3-Clause */
#include "dataplane/gate/neighbours.h"

#include <string.h>

void tw_neighbours_init(struct tw_neighbours *neighbours, uint32_t address, uint8_t prefix_length,
                        uint32_t gateway)
{
    neighbours->address = address;
    neighbours->mask = prefix_length == 0 ? 0 : UINT32_MAX << (32u - prefix_length);
    neighbours->gateway = gateway;
}

void tw_neighbours_set(struct tw_neighbours *neighbours, uint32_t address, const uint8_t mac[6])
{
    struct tw_neighbour *set = neighbours->sets[tw_neighbours_set_of(address)];
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
