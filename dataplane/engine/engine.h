/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The composition root below main: takes DPDK, rings, ports, workers and shards from the topology
 * table, launches the lcores, and takes everything down again.
 *
 *   tw_engine_start (prepares) → tw_engine_launch (live) → … → tw_engine_join → tw_engine_stop
 *
 * Main thread. One per process, because DPDK is. After tw_engine_launch only `stop` and the
 * rings to and from the workers are touched by the main thread until tw_engine_join.
 */
#ifndef TICKWIRE_DATAPLANE_ENGINE_ENGINE_H
#define TICKWIRE_DATAPLANE_ENGINE_ENGINE_H

#include "dataplane/crypto/aead_select.h"
#include "dataplane/crypto/cookie_select.h"
#include "dataplane/engine/port.h"
#include "dataplane/engine/shard_loop.h"
#include "dataplane/gate/port_orders.h"
#include "dataplane/gate/worker.h"

struct tw_engine {
    const struct tw_config *config;
    const struct tw_topology *topology;
    struct tw_port ports[TW_PORTS_MAX]; /* [topology->ports] */
    struct rte_mempool *tx_pools[TW_WORKERS_MAX];
    bool eal_started, launched;
    bool hugepages;
    uint64_t epoch_ns; /* tick 0 */
    uint64_t boot_id;
    const struct tw_aead_backend *aead;
    const struct tw_cookie_hash *cookie_hash;
    struct tw_aead_report aead_report;
    struct tw_cookie_report cookie_report;
    bool aead_threads;                             /* the worker lcores have started it */
    struct rte_ring *rings[TW_TOPOLOGY_RINGS_MAX]; /* as in the topology */
    struct tw_worker *workers[TW_WORKERS_MAX];
    struct tw_port_orders port_orders[TW_WORKERS_MAX];
    _Atomic uint64_t strained_us[TW_WORKERS_MAX]; /* see tw_worker_config; each worker its own: w */
    struct tw_worker_counters *worker_counters[TW_WORKERS_MAX];
    struct tw_shard_loop *shards[TW_SHARDS_MAX];
    struct tw_shard_counters *shard_counters[TW_SHARDS_MAX];
    _Atomic bool stop; /* main: w, workers and shards: r */
};

struct tw_engine_error {
    char message[640];
};

/* `config` and `topology` outlive the engine. On failure everything taken is given back. First
 * half: DPDK itself, with the devices of the configuration. */
bool tw_engine_begin(struct tw_engine *engine, const struct tw_config *config,
                     const struct tw_topology *topology, struct tw_engine_error *error)
    __attribute__((warn_unused_result));

/* Second half: ports, rings, shards, workers. `first` is the first port's device: it may be one
 * that was made in between. engine->aead may be replaced before. */
bool tw_engine_build(struct tw_engine *engine, const char *first, struct tw_engine_error *error)
    __attribute__((warn_unused_result));

/* Both. */
bool tw_engine_start(struct tw_engine *engine, const struct tw_config *config,
                     const struct tw_topology *topology, struct tw_engine_error *error)
    __attribute__((warn_unused_result));

/* Starts the ports and the lcores. On failure as above. */
bool tw_engine_launch(struct tw_engine *engine, struct tw_engine_error *error)
    __attribute__((warn_unused_result));

struct rte_ring *tw_engine_events(const struct tw_engine *engine, uint32_t worker);
struct rte_ring *tw_engine_commands(const struct tw_engine *engine, uint32_t worker);

/* Sets `stop` and waits for the lcores; rings and counters can still be read. A thread that does
 * not end within 2 s ends the process: status 1 and its name. */
void tw_engine_join(struct tw_engine *engine);

/* Stops the ports, gives everything back, ends DPDK. */
void tw_engine_stop(struct tw_engine *engine);

#endif
