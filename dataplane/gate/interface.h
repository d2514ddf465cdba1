/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * One port as a worker sees it: the queue pair it serves there, the addresses it answers for, the
 * next hops on that link, and the frames waiting to be sent.
 *
 * Packets and sessions name their interface by its number in the worker: what came in by one
 * leaves by it, and another interface is another path. Owned by one worker.
 */
#ifndef TICKWIRE_DATAPLANE_GATE_INTERFACE_H
#define TICKWIRE_DATAPLANE_GATE_INTERFACE_H

#include "dataplane/gate/neighbour_asks.h"
#include "dataplane/gate/neighbours.h"
#include "dataplane/gate/neighbours_ipv6.h"
#include "dataplane/gate/parse.h"
#include "dataplane/gate/port_orders.h"
#include "dataplane/gate/share.h"
#include "dataplane/gate/udp_frame.h"
#include "tickwire/address.h"
#include "tickwire/config.h"

#include <stdbool.h>
#include <stdint.h>

struct rte_mbuf;

#define TW_SEND_BATCH 64u

struct tw_send_batch {
    struct rte_mbuf *mbufs[TW_SEND_BATCH];
    uint16_t count;
};

/* Headers in front of a payload in its buffer: Ethernet, IPv4 or IPv6, UDP. */
typedef void tw_frame_writer(struct rte_mbuf *mbuf, const struct tw_parse_rules *rules,
                             const struct tw_udp_target *target, uint16_t payload_length);
typedef void tw_frame6_writer(struct rte_mbuf *mbuf, const struct tw_parse_rules *rules,
                              const struct tw_udp6_target *target, uint16_t payload_length);
/* With checksums, or for a port that finishes them. */
struct tw_frame_writers {
    tw_frame_writer *ipv4;
    tw_frame6_writer *ipv6;
};

struct tw_interface {
    uint16_t port_id; /* DPDK's number */
    bool has_port;    /* false in tests that need none */
    uint32_t given;   /* the main thread's order that holds, with its number */
    enum tw_port_order order;
    struct tw_share share; /* of strangers in this queue */
    struct tw_parse_rules rules;
    const struct tw_frame_writers *writers;
    struct tw_send_batch send;
    struct tw_neighbours neighbours;
    struct tw_neighbours6 neighbours6;
    struct tw_neighbour_asks asks;
    struct tw_address own_address, own_address6;
};

/* `interface` is zeroed memory. */
void tw_interface_init(struct tw_interface *interface, const struct tw_config_port *config,
                       uint16_t port_id, const uint8_t mac[6]);

/* Our address here as somebody at `peer` sees it: of the same family. */
const struct tw_address *tw_interface_own_address(const struct tw_interface *interface,
                                                  const struct tw_address *peer);

#endif
