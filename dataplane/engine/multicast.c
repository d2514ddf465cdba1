/* SPDX-License-Identifier: BSD-3-Clause */
#include "dataplane/engine/multicast.h"

#include "dataplane/gate/parse_ipv6.h"

#include <errno.h>
#include <rte_ethdev.h>
#include <string.h>

bool tw_multicast_join(uint16_t port_id, const uint8_t ip[16], int *reason)
{
    if (tw_ip_is_zero(ip))
        return true;
    struct rte_ether_addr groups[2];
    uint8_t group[16];
    memcpy(groups[0].addr_bytes, tw_ipv6_all_nodes_mac, RTE_ETHER_ADDR_LEN);
    tw_ipv6_solicited_node(group, groups[1].addr_bytes, ip);
    *reason = rte_eth_dev_set_mc_addr_list(port_id, groups, 2);
    if (*reason == -ENOTSUP)
        *reason = rte_eth_allmulticast_enable(port_id);
    return *reason == 0 || *reason == -ENOTSUP;
}
