/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A DPDK port: found by the device's name, one queue pair per worker, started last, reset when it
 * has to be.
 *
 * Main thread, but for its events, which threads of DPDK's count. Pools live as long as DPDK
 * does. A failure gives one message that names what the port can do.
 */
#ifndef TICKWIRE_DATAPLANE_ENGINE_PORT_H
#define TICKWIRE_DATAPLANE_ENGINE_PORT_H

#include "dataplane/engine/port_life.h"
#include "dataplane/engine/port_plan.h"
#include "dataplane/engine/topology.h"

struct rte_mempool;

/* Told by the driver so far. Threads of DPDK's and drivers' timers add, main reads. */
struct tw_port_events {
    _Atomic uint32_t link, resets, removals;
};

/* The port's own counters since start; `missed` also holds what the kernel dropped before a TAP or
 * AF_XDP port could take it. */
struct tw_port_stats {
    uint64_t rx_packets, rx_bytes, tx_packets, tx_bytes;
    uint64_t missed, errors, no_mbuf;
};

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
    uint16_t max_queues; /* queue pairs it could do */
    uint16_t rx_descriptors, tx_descriptors;
    struct rte_mempool *rx_pools[TW_WORKERS_MAX];
    struct tw_port_events events;
    struct tw_port_stats kept;     /* as they were read last */
    struct tw_port_stats reset_by; /* by how much resets moved the driver's counters */
    /* port_watch.c */
    struct tw_port_life life;
    uint32_t resets_seen, link_events_seen; /* of its events */
    bool reset_wanted;                      /* by an operator */
    bool link;                              /* at the last look */
    bool few_queues;                        /* at the other end, then */
    uint32_t link_mbps;                     /* then; 0: not told */
    uint64_t look_ns;                       /* next */
};

struct tw_port_error {
    char message[320];
};

bool tw_port_open(struct tw_port *port, uint32_t index, const char *device,
                  const struct tw_topology *topology, struct tw_port_error *error)
    __attribute__((warn_unused_result));
bool tw_port_start(struct tw_port *port, struct tw_port_error *error)
    __attribute__((warn_unused_result));
/* While the port is stopped, or its driver tells nothing: as they were before. */
void tw_port_read_stats(struct tw_port *port, struct tw_port_stats *stats);
/* What the driver says, and the kernel's interface if there is one. */
bool tw_port_read_link(const struct tw_port *port, uint32_t *mbps);
/* `taken[i]`: packets that the i-th queue gave since the start, at least. True: one of these queues
 * is not there. net_memif connects to another end with fewer queues than ours, and has the surplus
 * ones read, and write, the first one's ring. It does not tell but by its counters, which leave
 * those queues out; so this is known once there was a packet. */
bool tw_port_lacks_queues(const struct tw_port *port, const uint64_t *taken);
/* By the driver's reset, and configured, started and with its MAC address as before; a driver
 * without one is stopped and started. No worker touches the port meanwhile. The counters go on. May
 * take seconds; a driver that does not return in 30 s ends the process: status 1 and a message. */
bool tw_port_reset(struct tw_port *port, struct tw_port_error *error)
    __attribute__((warn_unused_result));
/* No packet moves afterwards; queues keep their counters. */
void tw_port_stop(struct tw_port *port);
void tw_port_close(struct tw_port *port);

#endif
