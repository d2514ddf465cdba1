/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * DPDK, a port made of two rings and the packet buffers: what all rigs of a process share.
 *
 * Whatever fails ends the process with a message. One thread, pinned by DPDK.
 */
#ifndef TICKWIRE_TESTS_BENCH_GATE_PORT_H
#define TICKWIRE_TESTS_BENCH_GATE_PORT_H

#include <stdbool.h>
#include <stdint.h>

struct rte_mempool;
struct rte_ring;

struct gate_port {
    uint16_t id;
    bool hugepages;
    struct rte_ring *to_worker, *from_worker; /* mbuf pointers */
    struct rte_mempool *rx_pool, *tx_pool;
};

/* Starts DPDK, on hugepages if they are wanted and free. Once per process, before anything else. */
void gate_port_start(struct gate_port *port, const char *program, bool hugepages);

/* A ring whose pages were all touched. */
struct rte_ring *gate_ring_make(const char *kind, uint32_t size, uint32_t depth);

/* Takes everything off a ring without looking at it: what the consumer's core would read stays
 * out of this core's caches. */
void gate_ring_discard(struct rte_ring *ring, uint32_t size);

#endif
