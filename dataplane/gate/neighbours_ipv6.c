/* SPDX-License-Identifier: BSD-3-Clause */
#include "dataplane/gate/neighbours_ipv6.h"

#include "tickwire/address.h"

#include <assert.h>
#include <stdbool.h>
#include <string.h>

void tw_neighbours6_init(struct tw_neighbours6 *neighbours, const uint8_t address[16],
                         uint8_t prefix_length, const uint8_t gateway[16])
{
    memcpy(neighbours->address, address, 16);
    memcpy(neighbours->gateway, gateway, 16);
    neighbours->prefix_length = prefix_length;
}

static_assert(TW_NEIGHBOUR_SETS == 1u << (64 - 57), "the top bits number a set");

/* Hosts of one link differ in the lower half at most; only they get here. */
static uint32_t set_of(const uint8_t ip[16])
{
    uint64_t host;
    memcpy(&host, ip + 8, sizeof(host));
    /* Numbered from one they differ in the last byte, here the topmost: only the top of the product
     * hangs on all of them. */
    return (uint32_t)(host * UINT64_C(0x9e3779b97f4a7c15) >> 57);
}

static bool same_ip(const uint8_t a[16], const uint8_t b[16])
{
    return memcmp(a, b, 16) == 0;
}

void tw_neighbours6_set(struct tw_neighbours6 *neighbours, const uint8_t ip[16],
                        const uint8_t mac[6])
{
    struct tw_neighbour6 *set = neighbours->sets[set_of(ip)];
    struct tw_neighbour6 *chosen = NULL;
    neighbours->stamp++;
    for (uint32_t way = 0; way < TW_NEIGHBOUR_WAYS; way++) {
        if (same_ip(set[way].ip, ip)) {
            chosen = &set[way];
            break;
        }
        if (same_ip(set[way].ip, neighbours->gateway) && !tw_ip_is_zero(neighbours->gateway))
            continue; /* everybody off the link is behind it */
        if (!chosen || neighbours->stamp - set[way].told > neighbours->stamp - chosen->told)
            chosen = &set[way];
    }
    memcpy(chosen->ip, ip, sizeof(chosen->ip));
    chosen->told = neighbours->stamp;
    memcpy(chosen->mac, mac, sizeof(chosen->mac));
}

const uint8_t *tw_neighbours6_next_hop(const struct tw_neighbours6 *neighbours,
                                       const uint8_t destination[16])
{
    bool on_link = tw_ip_is_link_local(destination) ||
                   tw_ip_same_prefix(destination, neighbours->address, neighbours->prefix_length);
    return on_link ? destination : neighbours->gateway;
}

const uint8_t *tw_neighbours6_find(const struct tw_neighbours6 *neighbours,
                                   const uint8_t next_hop[16])
{
    if (tw_ip_is_zero(next_hop))
        return NULL;
    const struct tw_neighbour6 *set = neighbours->sets[set_of(next_hop)];
    for (uint32_t way = 0; way < TW_NEIGHBOUR_WAYS; way++) {
        if (same_ip(set[way].ip, next_hop))
            return set[way].mac;
    }
    return NULL;
}
