/* SPDX-License-Identifier: BSD-3-Clause */
#include "dataplane/gate/interface.h"

#include <string.h>

void tw_interface_init(struct tw_interface *interface, const struct tw_config_port *config,
                       uint16_t port_id, const uint8_t mac[6])
{
    interface->port_id = port_id;
    memcpy(interface->rules.mac, mac, sizeof(interface->rules.mac));
    interface->rules.address = config->address;
    interface->rules.prefix_length = config->prefix_length;
    interface->rules.udp_port = config->udp_port;
    interface->own_address = tw_address_from_ipv4(config->address, config->udp_port);
    tw_neighbours_init(&interface->neighbours, config->address, config->prefix_length,
                       config->gateway);
    tw_neighbour_asks_init(&interface->asks);
    interface->rules.has_ipv6 = !tw_ip_is_zero(config->address6);
    memcpy(interface->rules.address6, config->address6, sizeof(interface->rules.address6));
    interface->rules.prefix_length6 = config->prefix_length6;
    interface->own_address6 = tw_address_from_ipv6(config->address6, config->udp_port);
    tw_neighbours6_init(&interface->neighbours6, config->address6, config->prefix_length6,
                        config->gateway6);
}

const struct tw_address *tw_interface_own_address(const struct tw_interface *interface,
                                                  const struct tw_address *peer)
{
    return tw_ip_is_ipv4(peer->ip) ? &interface->own_address : &interface->own_address6;
}
