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
}
