/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A worker: one lcore that owns one queue pair of each port and the sessions whose hellos it saw.
 *
 *   rx burst → parse → deny → session → path → replay? → open → replay! → validate → route
 *   housekeeping: commands, snapshots out (seal, send), timeouts, neighbour table, counters
 *
 * Made on the main thread before launch, then owned by its lcore until tw_worker_run returns.
 * All memory comes from tw_worker_create (DPDK memory); nothing is allocated afterwards.
 */
#ifndef TICKWIRE_DATAPLANE_GATE_WORKER_H
#define TICKWIRE_DATAPLANE_GATE_WORKER_H

#include "dataplane/wire/aead.h"
#include "dataplane/wire/cookie.h"
#include "tickwire/config.h"
#include "tickwire/counters.h"
#include "tickwire/ids.h"

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

struct rte_ring;
struct rte_mempool;
struct tw_port_orders;
struct tw_worker;

struct tw_worker_port {
    uint16_t id;  /* DPDK's number; one that does not exist receives and sends nothing */
    uint16_t mtu; /* 0: not known; then no datagram is above TW_DATAGRAM_BASE */
    uint8_t mac[6];
    bool tx_checksum; /* it finishes the IPv4 and UDP checksums of what it sends */
};

/* Rings are SP/SC, made by the engine from its topology table; see there for depths. */
struct tw_worker_shard_rings {
    struct rte_ring *records;         /* struct tw_record, worker → shard */
    struct rte_ring *empty;           /* struct tw_out_buffer, worker → shard */
    struct rte_ring *message_buffers; /* the same, for messages; NULL: the shard sends none */
    struct rte_ring *full;            /* struct tw_out_buffer, shard → worker */
    struct rte_ring *returned; /* struct tw_message *, shard → worker; NULL: takes no messages */
};

struct tw_worker_config {
    uint32_t index; /* 0..workers-1; also its queue number on each port */
    uint32_t workers;
    uint32_t shards;
    struct tw_worker_port ports[TW_PORTS_MAX]; /* as many as the configuration has */
    int socket;                                /* NUMA node for its memory */
    const struct tw_config *config;            /* outlives the worker */
    const struct tw_aead_backend *aead;
    const struct tw_cookie_hash *cookie_hash; /* NULL: libsodium's */
    struct rte_mempool *tx_pool;              /* apart, so that a flood cannot starve answers */
    struct tw_worker_shard_rings shard_rings[TW_SHARDS_MAX];
    struct rte_ring *events;                       /* struct tw_worker_event, worker → main */
    struct rte_ring *commands;                     /* struct tw_worker_command, main → worker */
    struct rte_ring *handover_in[TW_WORKERS_MAX];  /* mbuf pointers from that worker */
    struct rte_ring *handover_out[TW_WORKERS_MAX]; /* mbuf pointers to that worker */
    struct rte_ring *move_in[TW_WORKERS_MAX];      /* struct tw_move, from that worker */
    struct rte_ring *move_out[TW_WORKERS_MAX];     /* struct tw_move, to that worker */
    struct tw_port_orders *port_orders;            /* NULL: serves all ports for good */
    /* [workers], when one of its sessions was last nearly behind, in µs: each worker writes its own
     * and reads the others'. NULL: nobody asks. */
    _Atomic uint64_t *strained_us;
    struct tw_worker_counters *counters;
    uint64_t epoch_ns;  /* monotonic time of tick 0: server time and input ticks count from it */
    uint64_t seed;      /* slot shuffle and generations; random per start */
    _Atomic bool *stop; /* main: w, worker: r; after CLOSE_ALL was handled */
};

/* NULL if memory is short. */
struct tw_worker *tw_worker_create(const struct tw_worker_config *config);
void tw_worker_destroy(struct tw_worker *worker);

/* The lcore's main function: runs until *stop. Argument: struct tw_worker *. Returns 0. */
int tw_worker_run(void *worker);

/* One turn of the loop, for tests and benchmarks: returns packets received plus sent. */
uint32_t tw_worker_turn(struct tw_worker *worker, uint64_t now_ns);

/* True once every session was told about CLOSE_ALL. Any thread. */
bool tw_worker_is_drained(const struct tw_worker *worker);

#endif
