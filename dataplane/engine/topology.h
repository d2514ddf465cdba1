/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The table of everything the engine starts: threads and their cores, rings with element size,
 * depth and the reason for the depth, packet pools, and the memory all of it needs.
 *
 *   main (lcore 0) ⇄ events, commands ⇄ workers (1..W) ⇄ records, empty, full ⇄ shards (W+1..)
 *
 * Pure: configuration and the host's cores come in, a table goes out; nothing is allocated or
 * started here. tw_topology_validate holds every rule, so that a table is refused before a port,
 * a thread or a page of memory is taken. Main thread, immutable after it was built.
 */
#ifndef TICKWIRE_DATAPLANE_ENGINE_TOPOLOGY_H
#define TICKWIRE_DATAPLANE_ENGINE_TOPOLOGY_H

#include "tickwire/config.h"
#include "tickwire/ids.h"

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#define TW_TOPOLOGY_THREADS_MAX (1u + TW_WORKERS_MAX + TW_SHARDS_MAX)
/* worker x shard: records, empty, message buffers, full, returned; per worker: events, commands;
 * hand-over and moves to each other. */
#define TW_TOPOLOGY_RINGS_MAX                                                                      \
    (TW_WORKERS_MAX * TW_SHARDS_MAX * 5u + TW_WORKERS_MAX * 2u +                                   \
     TW_WORKERS_MAX * (TW_WORKERS_MAX - 1u) * 2u)
/* Per worker: one to receive from each port, one to send. */
#define TW_TOPOLOGY_POOLS_MAX (TW_WORKERS_MAX * (TW_PORTS_MAX + 1u))
#define TW_TOPOLOGY_NAME_SIZE 28u   /* a DPDK ring name may have 28 characters */
#define TW_TOPOLOGY_CORES_MAX 1024u /* what a cpu_set_t can name */

#define TW_TOPOLOGY_RX_DESCRIPTORS 1024u
#define TW_TOPOLOGY_TX_DESCRIPTORS 1024u
#define TW_TOPOLOGY_POOL_CACHE     512u /* the most that DPDK allows, per pool and lcore */
/* Commands that must not be lost always find this much room: main sends replies only above it. */
#define TW_TOPOLOGY_COMMANDS_RESERVE 64u

enum tw_thread_kind { TW_THREAD_MAIN, TW_THREAD_WORKER, TW_THREAD_SHARD };

struct tw_topology_thread {
    char name[TW_TOPOLOGY_NAME_SIZE];
    enum tw_thread_kind kind;
    uint32_t index; /* among its kind */
    uint32_t lcore;
    uint32_t core;
};

enum tw_ring_kind {
    TW_RING_RECORDS,
    TW_RING_EMPTY,
    TW_RING_MESSAGE_BUFFERS,
    TW_RING_FULL,
    TW_RING_RETURNED,
    TW_RING_EVENTS,
    TW_RING_COMMANDS,
    TW_RING_HANDOVER,
    TW_RING_MOVE,
};

struct tw_topology_ring {
    char name[TW_TOPOLOGY_NAME_SIZE];
    enum tw_ring_kind kind;
    uint32_t producer; /* indices into threads[] */
    uint32_t consumer;
    uint32_t element_size;
    uint32_t depth; /* power of two; one less is usable */
    const char *reason;
};

struct tw_topology_pool {
    char name[TW_TOPOLOGY_NAME_SIZE];
    uint32_t worker;
    uint32_t port; /* receives into it; a pool to send from serves all ports */
    bool transmit;
    uint32_t buffers;
    uint32_t buffer_size; /* data room, headroom included */
    const char *reason;
};

struct tw_topology {
    uint32_t ports, workers, shards;
    bool ipv6[TW_PORTS_MAX]; /* ports that serve IPv6, too */
    uint32_t thread_count, ring_count, pool_count;
    struct tw_topology_thread threads[TW_TOPOLOGY_THREADS_MAX];
    struct tw_topology_ring rings[TW_TOPOLOGY_RINGS_MAX];
    struct tw_topology_pool pools[TW_TOPOLOGY_POOLS_MAX];
    enum tw_idle idle;
    uint64_t session_bytes; /* session tables of all workers, an upper bound */
    uint64_t shard_bytes;   /* worlds */
    uint64_t memory_bytes;  /* everything, with the allocator's overhead */
    uint32_t memory_mb;     /* configured */
};

/* What the machine offers. */
struct tw_topology_host {
    bool cores[TW_TOPOLOGY_CORES_MAX];    /* usable by this process */
    bool isolated[TW_TOPOLOGY_CORES_MAX]; /* usable, too, by threads that are put there by name */
};

struct tw_topology_error {
    char message[256];
};

/* The cores this process was started on, and the isolated ones (isolcpus), on which the kernel
 * starts nobody. */
void tw_topology_host_probe(struct tw_topology_host *host);

/* Sets cores[] by a list of the kernel's, "2-5,8"; anything else sets nothing further. */
void tw_topology_cores_parse(bool cores[TW_TOPOLOGY_CORES_MAX], const char *list);

/* Fills the table and validates it. False: *error says which rule is broken. */
bool tw_topology_build(struct tw_topology *topology, const struct tw_config *config,
                       const struct tw_topology_host *host, struct tw_topology_error *error)
    __attribute__((warn_unused_result));

bool tw_topology_validate(const struct tw_topology *topology, const struct tw_topology_host *host,
                          struct tw_topology_error *error) __attribute__((warn_unused_result));

/* Index into rings[] of the one ring of this kind between two threads; UINT32_MAX if none. */
uint32_t tw_topology_find_ring(const struct tw_topology *topology, enum tw_ring_kind kind,
                               uint32_t producer, uint32_t consumer);

/* Thread index of a worker or shard. */
uint32_t tw_topology_worker(const struct tw_topology *topology, uint32_t worker);
uint32_t tw_topology_shard(const struct tw_topology *topology, uint32_t shard);

void tw_topology_print(const struct tw_topology *topology, FILE *out);

#endif
