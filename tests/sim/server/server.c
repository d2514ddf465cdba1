/* SPDX-License-Identifier: BSD-3-Clause */
#include "tests/sim/server/server.h"

#include "dataplane/crypto/aead_select.h"
#include "dataplane/engine/shard_config.h"
#include "dataplane/gate/checksum.h"
#include "dataplane/gate/network_bytes.h"
#include "dataplane/gate/udp_frame.h"
#include "dataplane/gate/worker_state.h"
#include "tests/unit/gate/drain.h"
#include "tickwire/assert.h"

#include <rte_eal.h>
#include <rte_eth_ring.h>
#include <rte_ethdev.h>
#include <rte_malloc.h>
#include <rte_mbuf.h>
#include <rte_ring_elem.h>
#include <sched.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>

#define RX_BUFFERS 8191u
#define PORT_DEPTH 4096u
#define PORT_MTU   1500u
/* A worker has as many turns in a row as it takes to empty its queue, within reason. */
#define TURNS_MAX 16u
#define UDP_PORT  7777u

static const uint8_t server_mac[6] = {0x02, 0, 0, 0, 0, 0x01};
static const uint8_t gateway_mac[6] = {0x02, 0, 0, 0, 0, 0xfe};

bool sim_server_init(const char *program)
{
    char name[64];
    snprintf(name, sizeof(name), "%s", program);
    char *arguments[] = {name, "--no-huge", "--no-pci",       "--no-shconf", "-m",    "768",
                         "-l", "0",         "--no-telemetry", "--log-level", "error", NULL};
    /* EAL ties this thread to one core; tests that run side by side would all choose the same. */
    cpu_set_t cores;
    bool ready = sodium_init() >= 0 && sched_getaffinity(0, sizeof(cores), &cores) == 0 &&
                 rte_eal_init(11, arguments) >= 0;
    return ready && sched_setaffinity(0, sizeof(cores), &cores) == 0;
}

void sim_server_defaults(struct sim_server *server, uint32_t workers, uint32_t sessions)
{
    memset(server, 0, sizeof(*server));
    struct tw_config *config = &server->config;
    tw_config_defaults(config);
    config->ports[0].address = SIM_SERVER_ADDRESS;
    config->ports[0].prefix_length = 24;
    config->ports[0].gateway = SIM_SERVER_ADDRESS + 0xfdu;
    config->ports[0].udp_port = UDP_PORT;
    config->engine.workers = workers;
    config->engine.shards = 1;
    config->engine.sessions_max = sessions;
    config->limits.stranger_pps = 100000;
    config->limits.source_pps = 1000;
    config->limits.pending_max = sessions < 64 ? 64 : sessions;
    config->world.size_m = 64;
    config->world.players_max = sessions;
    config->world.entities_max = sessions + 64u;
    config->world.npcs = 8;
    config->world.obstacles = 4;
    config->world.aoi_enter_m = 95;
    config->world.aoi_exit_m = 105;
    config->world.view_max = sessions < 64 ? 128 : 512;
    config->world.spawn_radius_m = 0;
    config->control.suites = TW_SUITE_CHACHA20_POLY1305;
    snprintf(config->engine.name, sizeof(config->engine.name), "simulated");
}

/* ---- start ----------------------------------------------------------------------------------- */

static struct rte_ring *make_ring(struct sim_server *server, const char *kind, uint32_t size,
                                  uint32_t depth)
{
    char name[RTE_RING_NAMESIZE];
    snprintf(name, sizeof(name), "%.16s.%u", kind, server->number);
    struct rte_ring *ring =
        rte_ring_create_elem(name, size, depth, 0, RING_F_SP_ENQ | RING_F_SC_DEQ);
    TW_ASSERT(ring != NULL);
    return ring;
}

static struct rte_mempool *make_pool(struct sim_server *server, const char *kind, uint32_t buffers,
                                     uint16_t room)
{
    char name[RTE_RING_NAMESIZE];
    snprintf(name, sizeof(name), "%.16s.%u", kind, server->number);
    struct rte_mempool *pool = rte_pktmbuf_pool_create(name, buffers, 0, 0, room, 0);
    TW_ASSERT(pool != NULL);
    return pool;
}

static void build_topology(struct sim_server *server)
{
    static struct tw_topology_host host;
    struct tw_topology_error error = {0};
    /* Any cores will do: nobody is started on them. */
    for (uint32_t i = 0; i < 64; i++)
        host.cores[i] = true;
    server->config.engine.memory_mb = 4096;
    server->config.engine.hugepages = TW_HUGEPAGES_OFF;
    if (!tw_topology_build(&server->topology, &server->config, &host, &error)) {
        fprintf(stderr, "%s\n", error.message);
        abort();
    }
    for (uint32_t i = 0; i < server->topology.ring_count; i++) {
        const struct tw_topology_ring *ring = &server->topology.rings[i];
        server->rings[i] = make_ring(server, ring->name, ring->element_size, ring->depth);
    }
}

static void start_port(struct sim_server *server)
{
    char name[RTE_RING_NAMESIZE];
    uint16_t queues = (uint16_t)server->config.engine.workers;
    for (uint32_t i = 0; i < queues; i++) {
        snprintf(name, sizeof(name), "rx%u", i);
        server->rx[i] = make_ring(server, name, sizeof(void *), PORT_DEPTH);
        snprintf(name, sizeof(name), "tx%u", i);
        server->tx[i] = make_ring(server, name, sizeof(void *), PORT_DEPTH);
    }
    snprintf(name, sizeof(name), "port.%u", server->number);
    int id = rte_eth_from_rings(name, server->rx, queues, server->tx, queues, 0);
    TW_ASSERT(id >= 0);
    server->port = (uint16_t)id;
    struct rte_eth_conf conf;
    memset(&conf, 0, sizeof(conf));
    int failed = rte_eth_dev_configure(server->port, queues, queues, &conf);
    for (uint16_t i = 0; i < queues; i++) {
        failed |= rte_eth_rx_queue_setup(server->port, i, 64, 0, NULL, server->rx_pool);
        failed |= rte_eth_tx_queue_setup(server->port, i, 64, 0, NULL);
    }
    failed |= rte_eth_dev_start(server->port);
    TW_ASSERT(failed == 0);
}

static struct rte_ring *between(const struct sim_server *server, enum tw_ring_kind kind,
                                uint32_t producer, uint32_t consumer)
{
    uint32_t index = tw_topology_find_ring(&server->topology, kind, producer, consumer);
    TW_ASSERT(index != UINT32_MAX);
    return server->rings[index];
}

static struct tw_worker_shard_rings shard_rings(const struct sim_server *server, uint32_t index)
{
    uint32_t worker = tw_topology_worker(&server->topology, index);
    uint32_t shard = tw_topology_shard(&server->topology, 0);
    return (struct tw_worker_shard_rings){
        .records = between(server, TW_RING_RECORDS, worker, shard),
        .empty = between(server, TW_RING_EMPTY, worker, shard),
        .message_buffers = between(server, TW_RING_MESSAGE_BUFFERS, worker, shard),
        .full = between(server, TW_RING_FULL, shard, worker),
        .returned = between(server, TW_RING_RETURNED, shard, worker),
    };
}

static void connect_workers(const struct sim_server *server, struct tw_worker_config *config)
{
    uint32_t own = tw_topology_worker(&server->topology, config->index);
    for (uint32_t i = 0; i < config->workers; i++) {
        if (i == config->index)
            continue;
        uint32_t other = tw_topology_worker(&server->topology, i);
        config->handover_out[i] = between(server, TW_RING_HANDOVER, own, other);
        config->handover_in[i] = between(server, TW_RING_HANDOVER, other, own);
        config->move_out[i] = between(server, TW_RING_MOVE, own, other);
        config->move_in[i] = between(server, TW_RING_MOVE, other, own);
    }
}

static void start_ciphers(struct sim_server *server)
{
    struct tw_aead_report report;
    server->aead = tw_aead_select(TW_AEAD_AUTO, &report);
    TW_ASSERT(server->aead != NULL);
    bool begun = tw_aead_thread_start(server->aead);
    TW_ASSERT(begun);
}

static void start_worker(struct sim_server *server, uint32_t index)
{
    uint32_t thread = tw_topology_worker(&server->topology, index);
    server->counters[index] = rte_zmalloc("counters", sizeof(*server->counters[index]), 64);
    struct tw_worker_config config = {
        .index = index,
        .workers = server->config.engine.workers,
        .shards = 1,
        .config = &server->config,
        .aead = server->aead,
        .tx_pool = server->tx_pool,
        .events = between(server, TW_RING_EVENTS, thread, 0),
        .commands = between(server, TW_RING_COMMANDS, 0, thread),
        .strained_us = server->strained_us,
        .counters = server->counters[index],
        .epoch_ns = server->epoch_us * 1000u,
    };
    TW_ASSERT(config.counters != NULL);
    config.ports[0].id = server->port;
    config.ports[0].mtu = PORT_MTU;
    memcpy(config.ports[0].mac, server_mac, sizeof(server_mac));
    config.shard_rings[0] = shard_rings(server, index);
    connect_workers(server, &config);
    randombytes_buf(&config.seed, sizeof(config.seed));
    server->house.events[index] = config.events;
    server->house.commands[index] = config.commands;
    server->workers[index] = tw_worker_create(&config);
    TW_ASSERT(server->workers[index] != NULL);
    server->blocks_free_start += server->workers[index]->talk.pool.free_count;
}

static void start_shard(struct sim_server *server)
{
    server->shard_counters = rte_zmalloc("shard counters", sizeof(*server->shard_counters), 64);
    struct tw_shard_loop_config config = {.shard = tw_shard_config_from(&server->config),
                                          .counters = server->shard_counters,
                                          .epoch_ns = server->epoch_us * 1000u};
    for (uint32_t i = 0; i < server->config.engine.workers; i++)
        config.rings[i] = shard_rings(server, i);
    size_t size = tw_shard_loop_footprint(&config);
    void *memory = rte_zmalloc("shard", size, 64);
    TW_ASSERT(size > 0 && memory != NULL && server->shard_counters != NULL);
    server->shard = tw_shard_loop_init(memory, &config);
}

/* Clients are beyond the gateway, whose link address is known from the start. */
static void tell_neighbour(struct sim_server *server, uint32_t worker)
{
    struct tw_worker_command command = {
        .type = TW_COMMAND_NEIGHBOUR_SET,
        .neighbour.address = tw_address_from_ipv4(server->config.ports[0].gateway, 0)};
    memcpy(command.neighbour.mac, gateway_mac, sizeof(gateway_mac));
    int sent = rte_ring_sp_enqueue_elem(server->house.commands[worker], &command, sizeof(command));
    TW_ASSERT(sent == 0);
}

void sim_server_start(struct sim_server *server, uint64_t now_us)
{
    static uint32_t numbers;
    uint32_t workers = server->config.engine.workers;
    server->number = numbers++;
    build_topology(server);
    uint32_t tx_buffers = 0;
    for (uint32_t i = 0; i < server->topology.pool_count; i++) {
        if (server->topology.pools[i].transmit)
            tx_buffers += server->topology.pools[i].buffers;
    }
    server->rx_pool = make_pool(server, "rx", RX_BUFFERS, 2176);
    server->tx_pool = make_pool(server, "tx", tx_buffers, 1664);
    start_port(server);
    start_ciphers(server);
    sim_house_open(&server->house, &server->config);
    server->house.workers = workers;
    for (uint32_t i = 0; i < workers; i++) {
        start_worker(server, i);
        tell_neighbour(server, i);
    }
    start_shard(server);
    sim_house_link(&server->house, true);
    sim_server_turn(server, now_us);
}

/* ---- stop ------------------------------------------------------------------------------------ */

static void check_ledger(const struct sim_server *server)
{
    uint64_t outcomes = 0;
    for (uint32_t i = 0; i < TW_OUTCOME_COUNT; i++)
        outcomes += sim_server_outcome(server, (enum tw_outcome)i);
    TW_ASSERT(SIM_SERVER_COUNTER(server, rx_packets) == server->injected);
    TW_ASSERT(outcomes == server->injected);
}

/* The shard keeps some empty buffers in hand; a stopped engine's go with its memory. */
static void check_pools(const struct sim_server *server, uint32_t held)
{
    TW_ASSERT(rte_mempool_avail_count(server->rx_pool) == server->rx_pool->size);
    TW_ASSERT(rte_mempool_avail_count(server->tx_pool) + held == server->tx_pool->size);
}

void sim_server_stop(struct sim_server *server, uint64_t now_us)
{
    server->stalled_until_us = 0;
    for (uint32_t i = 0; i < 8; i++)
        sim_server_turn(server, now_us + i * SIM_MS);
    check_ledger(server);
    for (uint32_t i = 0; i < server->config.engine.workers; i++) {
        struct tw_worker_shard_rings rings = shard_rings(server, i);
        tw_worker_destroy(server->workers[i]);
        rig_drain_mbufs(server->tx[i]);
        rig_drain_buffers(rings.empty);
        rig_drain_buffers(rings.message_buffers);
        rig_drain_buffers(rings.full);
        rte_free(server->counters[i]);
    }
    tw_aead_thread_end(server->aead);
    check_pools(server, tw_shard_loop_buffers(server->shard));
    rte_free(server->shard);
    rte_free(server->shard_counters);
    sim_house_close(&server->house);
    rte_eth_dev_stop(server->port);
    rte_eth_dev_close(server->port);
    for (uint32_t i = 0; i < server->config.engine.workers; i++) {
        rte_ring_free(server->rx[i]);
        rte_ring_free(server->tx[i]);
    }
    for (uint32_t i = 0; i < server->topology.ring_count; i++)
        rte_ring_free(server->rings[i]);
    rte_mempool_free(server->rx_pool);
    rte_mempool_free(server->tx_pool);
}

/* ---- packets --------------------------------------------------------------------------------- */

/* What a card does by hardware: one flow, one queue. */
static uint32_t queue_of(const struct sim_server *server, uint32_t address, uint16_t port)
{
    uint32_t mixed = (address * UINT32_C(2654435761)) ^ (port * UINT32_C(40503));
    return (mixed >> 16) % server->config.engine.workers;
}

void sim_server_receive(struct sim_server *server, uint32_t address, uint16_t port,
                        const uint8_t *bytes, size_t size)
{
    struct rte_mbuf *mbuf = rte_pktmbuf_alloc(server->rx_pool);
    if (mbuf == NULL || size > TW_DATAGRAM_MAX) {
        rte_pktmbuf_free(mbuf);
        server->port_full++;
        return;
    }
    struct tw_parse_rules from = {.address = address, .udp_port = port};
    struct tw_udp_target to = {.address = SIM_SERVER_ADDRESS, .port = UDP_PORT};
    memcpy(from.mac, gateway_mac, sizeof(from.mac));
    memcpy(to.mac, server_mac, sizeof(to.mac));
    uint8_t *frame = (uint8_t *)rte_pktmbuf_append(mbuf, (uint16_t)(TW_FRAME_HEADERS_SIZE + size));
    memcpy(frame + TW_FRAME_HEADERS_SIZE, bytes, size);
    tw_udp_frame_write(frame, &from, &to, (uint16_t)size);
    if (rte_ring_sp_enqueue(server->rx[queue_of(server, address, port)], mbuf) != 0) {
        rte_pktmbuf_free(mbuf);
        server->port_full++;
        return;
    }
    server->injected++;
}

size_t sim_server_sent(struct sim_server *server, uint32_t *address, uint16_t *port,
                       uint8_t bytes[TW_DATAGRAM_MAX])
{
    void *taken = NULL;
    for (uint32_t i = 0; i < server->config.engine.workers && taken == NULL; i++) {
        if (rte_ring_sc_dequeue(server->tx[i], &taken) != 0)
            taken = NULL;
    }
    if (taken == NULL)
        return 0;
    struct rte_mbuf *mbuf = taken;
    const uint8_t *frame = rte_pktmbuf_mtod(mbuf, const uint8_t *);
    size_t size = mbuf->data_len - TW_FRAME_HEADERS_SIZE;
    TW_ASSERT(mbuf->data_len > TW_FRAME_HEADERS_SIZE && size <= TW_DATAGRAM_MAX);
    *address = tw_load_be32(frame + TW_ETHERNET_SIZE + TW_IPV4_DESTINATION);
    *port = tw_load_be16(frame + TW_ETHERNET_SIZE + TW_IPV4_SIZE + TW_UDP_DESTINATION_PORT);
    memcpy(bytes, frame + TW_FRAME_HEADERS_SIZE, size);
    rte_pktmbuf_free(mbuf);
    return size;
}

void sim_server_turn(struct sim_server *server, uint64_t now_us)
{
    sim_house_turn(&server->house, now_us);
    if (now_us < server->stalled_until_us)
        return;
    for (uint32_t i = 0; i < server->config.engine.workers; i++) {
        uint32_t turns = 0;
        do
            (void)tw_worker_turn(server->workers[i], now_us * 1000u);
        while (rte_ring_count(server->rx[i]) > 0 && ++turns < TURNS_MAX);
    }
    (void)tw_shard_loop_turn(server->shard, now_us * 1000u);
}

/* ---- counters -------------------------------------------------------------------------------- */

uint64_t sim_server_counter(const struct sim_server *server, size_t offset)
{
    uint64_t total = 0;
    for (uint32_t i = 0; i < server->config.engine.workers; i++)
        total += tw_counter_get(
            (const tw_counter *)(const void *)((const uint8_t *)server->counters[i] + offset));
    return total;
}

uint64_t sim_server_outcome(const struct sim_server *server, enum tw_outcome outcome)
{
    return sim_server_counter(server, offsetof(struct tw_worker_counters, outcomes) +
                                          outcome * sizeof(tw_counter));
}

uint64_t sim_server_input(const struct sim_server *server, enum tw_input_outcome outcome)
{
    return sim_server_counter(server, offsetof(struct tw_worker_counters, inputs) +
                                          outcome * sizeof(tw_counter));
}

uint64_t sim_server_send(const struct sim_server *server, enum tw_send_outcome outcome)
{
    return sim_server_counter(server, offsetof(struct tw_worker_counters, sends) +
                                          outcome * sizeof(tw_counter));
}

uint64_t sim_server_verdict(const struct sim_server *server, enum tw_verdict verdict)
{
    return sim_server_counter(server, offsetof(struct tw_worker_counters, verdicts) +
                                          verdict * sizeof(tw_counter));
}

uint64_t sim_server_rekey(const struct sim_server *server, enum tw_rekey event)
{
    return sim_server_counter(server, offsetof(struct tw_worker_counters, rekeys) +
                                          event * sizeof(tw_counter));
}

uint64_t sim_server_roaming(const struct sim_server *server, enum tw_roaming event)
{
    return sim_server_counter(server, offsetof(struct tw_worker_counters, roaming) +
                                          event * sizeof(tw_counter));
}

uint64_t sim_server_life(const struct sim_server *server, enum tw_life_event event)
{
    return sim_server_counter(server, offsetof(struct tw_worker_counters, life) +
                                          event * sizeof(tw_counter));
}

uint64_t sim_server_blocks_used(const struct sim_server *server)
{
    uint64_t free_blocks = 0;
    for (uint32_t i = 0; i < server->config.engine.workers; i++)
        free_blocks += server->workers[i]->talk.pool.free_count;
    return server->blocks_free_start - free_blocks;
}

struct sim_server_bytes sim_server_message_bytes(const struct sim_server *server)
{
    struct sim_server_bytes bytes = {0};
    for (uint32_t i = 0; i < server->config.engine.workers; i++) {
        const struct tw_worker *worker = server->workers[i];
        bytes.sent += worker->talk.channels.sent_bytes;
        bytes.again += worker->talk.channels.again_bytes;
        for (uint32_t slot = 0; slot < worker->sessions.capacity; slot++) {
            const struct tw_channels *channels = worker->talk.transports[slot].channels;
            if (worker->sessions.hot[slot].state != TW_SESSION_LIVE || !channels)
                continue;
            bytes.sent += channels->sender.sent_bytes;
            bytes.again += channels->sender.again_bytes;
        }
    }
    return bytes;
}

uint32_t sim_server_session_of(const struct sim_server *server, uint64_t account)
{
    for (uint32_t i = 0; i < server->config.engine.workers; i++) {
        const struct tw_sessions *sessions = &server->workers[i]->sessions;
        for (uint32_t slot = 0; slot < sessions->capacity; slot++) {
            if (sessions->hot[slot].state == TW_SESSION_LIVE &&
                sessions->bodies[slot].account == account)
                return tw_sessions_id(sessions, slot);
        }
    }
    return 0;
}
