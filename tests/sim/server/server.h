/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A whole server in one thread of one process: workers over a port made of rings, a shard, the main
 * thread and the control plane; rings and their depths by the engine's own topology table.
 *
 *   frame in ─► rx ring ─► worker ⇄ rings ⇄ shard loop       tx ring ─► frame out
 *                            └──── events, commands ──── house
 *
 * All of it is the shipped code; it runs when it is told to, at the time it is told. DPDK runs
 * without hugepages, devices and root. One server at a time; memory is given back by
 * sim_server_stop.
 */
#ifndef TICKWIRE_TESTS_SIM_SERVER_SERVER_H
#define TICKWIRE_TESTS_SIM_SERVER_SERVER_H

#include "dataplane/engine/shard_loop.h"
#include "dataplane/engine/topology.h"
#include "dataplane/gate/worker.h"
#include "tests/sim/server/house.h"

#include <stddef.h>

#define SIM_SERVER_ADDRESS 0xc6120001u /* 198.18.0.1 */
#define SIM_FRAME_MAX      1600u
#define SIM_MS             UINT64_C(1000)

struct rte_mempool;

struct sim_server {
    struct tw_config config; /* between sim_server_defaults and sim_server_start */
    uint64_t epoch_us;       /* tick 0; changed before the start only */
    struct tw_topology topology;
    struct rte_ring *rings[TW_TOPOLOGY_RINGS_MAX];
    struct rte_ring *rx[TW_WORKERS_MAX], *tx[TW_WORKERS_MAX];
    struct rte_mempool *rx_pool, *tx_pool;
    const struct tw_aead_backend *aead; /* of all workers: they share a thread */
    struct tw_worker *workers[TW_WORKERS_MAX];
    struct tw_worker_counters *counters[TW_WORKERS_MAX];
    _Atomic uint64_t strained_us[TW_WORKERS_MAX];
    struct tw_shard_loop *shard;
    struct tw_shard_counters *shard_counters;
    struct sim_house house;
    uint16_t port;
    uint32_t number; /* names in DPDK differ while it still knows the old ones */
    uint64_t injected;
    uint64_t port_full;         /* frames that found no room in front of the workers */
    uint64_t stalled_until_us;  /* workers and shard stand still before it */
    uint64_t blocks_free_start; /* of all workers' messages */
};

/* Once per process, before anything else. */
bool sim_server_init(const char *program);

/* A small world where all see each other. Then change server->config, then start. */
void sim_server_defaults(struct sim_server *server, uint32_t workers, uint32_t sessions);
void sim_server_start(struct sim_server *server, uint64_t now_us);
/* Checks that each packet ended in one counter and that all buffers are back; frees everything. */
void sim_server_stop(struct sim_server *server, uint64_t now_us);

/* A UDP datagram from a client reaches the port. */
void sim_server_receive(struct sim_server *server, uint32_t address, uint16_t port,
                        const uint8_t *bytes, size_t size);
/* The next datagram that left: its size, 0 if there is none, and to whom. */
size_t sim_server_sent(struct sim_server *server, uint32_t *address, uint16_t *port,
                       uint8_t bytes[TW_DATAGRAM_MAX]);
/* Everything has its turn. */
void sim_server_turn(struct sim_server *server, uint64_t now_us);

/* Sums over the workers. */
uint64_t sim_server_outcome(const struct sim_server *server, enum tw_outcome outcome);
uint64_t sim_server_input(const struct sim_server *server, enum tw_input_outcome outcome);
uint64_t sim_server_send(const struct sim_server *server, enum tw_send_outcome outcome);
uint64_t sim_server_verdict(const struct sim_server *server, enum tw_verdict verdict);
uint64_t sim_server_rekey(const struct sim_server *server, enum tw_rekey event);
uint64_t sim_server_roaming(const struct sim_server *server, enum tw_roaming event);
uint64_t sim_server_life(const struct sim_server *server, enum tw_life_event event);
uint64_t sim_server_counter(const struct sim_server *server, size_t offset);
#define SIM_SERVER_COUNTER(server, name)                                                           \
    sim_server_counter(server, offsetof(struct tw_worker_counters, name))
struct sim_server_bytes {
    uint64_t sent, again;
};
/* Of messages, by the sessions that are live now. */
struct sim_server_bytes sim_server_message_bytes(const struct sim_server *server);
/* The connection id of the account's session that is live, at whatever worker; 0: none is. */
uint32_t sim_server_session_of(const struct sim_server *server, uint64_t account);
/* Message blocks in use at the workers. */
uint64_t sim_server_blocks_used(const struct sim_server *server);

#endif
