/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A DPDK port: found by the device's name, one queue pair per worker, started last.
 *
 * Main thread. Pools live as long as DPDK does. A failure gives one message that names what the
 * port can do.
 */
#ifndef TICKWIRE_DATAPLANE_ENGINE_PORT_H
#define TICKWIRE_DATAPLANE_ENGINE_PORT_H

#include "dataplane/engine/port_plan.h"
#include "dataplane/engine/topology.h"

struct rte_mempool;

struct tw_port {
    uint16_t id;
    uint32_t index; /* among the engine's */
    bool configured, started;
    int socket; /* NUMA node, 0 for virtual devices */
    uint8_t mac[6];
    char name[TW_CONFIG_NAME_SIZE];
    char driver[TW_CONFIG_NAME_SIZE];
    char interface[16];         /* the kernel's end of a virtual port, "" if there is none */
    uint64_t interface_dropped; /* there, before the start */
    struct tw_port_plan plan;
    struct rte_mempool *rx_pools[TW_WORKERS_MAX];
};

struct tw_port_error {
    char message[256];
};

/* The port's own counters since start; `missed` also holds what the kernel dropped before a TAP or
 * AF_XDP port could take it. */
struct tw_port_stats {
    uint64_t rx_packets, rx_bytes, tx_packets, tx_bytes;
    uint64_t missed, errors, no_mbuf;
};

bool tw_port_open(struct tw_port *port, uint32_t index, const char *device,
                  const struct tw_topology *topology, struct tw_port_error *error)
    __attribute__((warn_unused_result));
bool tw_port_start(struct tw_port *port, struct tw_port_error *error)
    __attribute__((warn_unused_result));
void tw_port_read_stats(const struct tw_port *port, struct tw_port_stats *stats);
/* No packet moves afterwards; queues keep their counters. */
void tw_port_stop(struct tw_port *port);
void tw_port_close(struct tw_port *port);

#endif
