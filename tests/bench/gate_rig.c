/* SPDX-License-Identifier: BSD-3-Clause */
#include "tests/bench/gate_rig.h"

#include "dataplane/crypto/crc32c_isal.h"
#include "dataplane/engine/eal.h"
#include "dataplane/engine/topology.h"
#include "dataplane/gate/mailbox.h"
#include "dataplane/wire/handshake_client.h"
#include "dataplane/wire/header.h"
#include "dataplane/wire/keys.h"
#include "tests/bench/gate_fail.h"
#include "tickwire/shard.h"

#include <rte_cycles.h>
#include <rte_eal.h>
#include <rte_eth_ring.h>
#include <rte_ethdev.h>
#include <rte_malloc.h>
#include <rte_mbuf.h>
#include <rte_ring.h>
#include <rte_ring_elem.h>
#include <rte_ring_peek_zc.h>
#include <sched.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Buffers to receive, and depths, as tw_topology_build gives them for one worker, one shard and
 * 10,000 sessions; all session counts are measured with them. */
#define RX_BUFFERS     8191u
#define TX_BUFFERS     32767u /* two rigs' empty rings, a round under way, and room */
#define RX_BUFFER_SIZE 2176u
#define TX_BUFFER_SIZE 1408u
#define RECORDS_DEPTH  131072u
#define EMPTY_DEPTH    8192u
#define FULL_DEPTH     16384u
#define EVENTS_DEPTH   1024u
#define COMMANDS_DEPTH 1024u
#define PORT_DEPTH     8192u /* a round fits */
#define MEMORY_MB      512u  /* 65,536 sessions are 190 MB */

#define TICK_HZ 60u
#define TICK_NS (UINT64_C(1000000000) / TICK_HZ)
/* Clients aim this far ahead of the server's tick. */
#define TICK_LEAD 2u
#define BURST     64u
/* A turn takes four bursts; time moves on by what so many clients send meanwhile. */
#define TURN_PACKETS (4u * BURST)
/* Sessions installed together: the worker obeys as many replies a turn. */
#define JOINING 16u

/* Room for a frame made ahead: an input packet's is 136 bytes; a long one takes as many as eight.
 */
#define AHEAD_SHORT 192u
#define AHEAD_LONG  (AHEAD_SHORT * GATE_ROUNDS_MAX)
static_assert(AHEAD_LONG >= GATE_FRAME_MAX, "a round of the longest frames fits");

static const uint8_t server_mac[6] = {2, 0, 0, 0, 0, 1};
static const uint8_t gateway_mac[6] = {2, 0, 0, 0, 0, 0xfe};
static uint32_t rig_number; /* names of rings must differ */
/* Frames made ahead, shared by all rigs. */
static struct {
    uint8_t bytes[GATE_ROUNDS_MAX * GATE_ROUND][AHEAD_SHORT] __attribute__((aligned(64)));
    uint16_t lengths[GATE_ROUNDS_MAX * GATE_ROUND];
} ahead;

/* ---- port --------------------------------------------------------------------------------------
 */

/* Takes everything off a ring without looking at it: what the consumer's core would read stays
 * out of this core's caches. */
static void discard(struct rte_ring *ring, uint32_t size)
{
    struct rte_ring_zc_data place;
    unsigned int count = rte_ring_count(ring);
    if (count > 0 && rte_ring_dequeue_zc_bulk_elem_start(ring, size, count, &place, NULL) == count)
        rte_ring_dequeue_zc_elem_finish(ring, count);
}

/* Once around, so that no page of it is touched for the first time while the clock runs. */
static void touch(struct rte_ring *ring, uint32_t size)
{
    struct rte_ring_zc_data place = {0};
    for (uint32_t half = 0; half < 2; half++) {
        unsigned int count = (rte_ring_get_capacity(ring) + 1) / 2;
        GATE_CHECK(rte_ring_enqueue_zc_bulk_elem_start(ring, size, count, &place, NULL) == count,
                   "a new ring is not empty");
        memset(place.ptr1, 0, (size_t)place.n1 * size);
        rte_ring_enqueue_zc_elem_finish(ring, count);
        discard(ring, size);
    }
}

static struct rte_ring *make_ring(const char *kind, uint32_t size, uint32_t depth)
{
    char name[RTE_RING_NAMESIZE];
    snprintf(name, sizeof(name), "%s_%u", kind, rig_number);
    struct rte_ring *ring = rte_ring_create_elem(name, size, depth, (int)rte_socket_id(),
                                                 RING_F_SP_ENQ | RING_F_SC_DEQ);
    GATE_CHECK(ring, "no memory for ring %s", name);
    touch(ring, size);
    return ring;
}

/* The last core this process may use: interrupts and others' threads prefer the first. */
static uint32_t last_core(void)
{
    cpu_set_t set;
    uint32_t last = 0;
    CPU_ZERO(&set);
    if (sched_getaffinity(0, sizeof(set), &set) == 0)
        for (uint32_t core = 0; core < CPU_SETSIZE; core++)
            last = CPU_ISSET(core, &set) ? core : last;
    return last;
}

static void start_eal(struct gate_port *port, const char *program)
{
    char name[64], core[16], memory[16];
    uint64_t free_mb = tw_eal_free_hugepages_mb("/sys/kernel/mm/hugepages");
    port->hugepages = free_mb >= MEMORY_MB;
    snprintf(name, sizeof(name), "%s", program);
    snprintf(core, sizeof(core), "%u", last_core());
    snprintf(memory, sizeof(memory), "%u", MEMORY_MB);
    char *pages = port->hugepages ? "--in-memory" : "--no-huge";
    char *arguments[] = {name, pages, "--no-pci",       "--no-shconf", "-m",    memory,
                         "-l", core,  "--no-telemetry", "--log-level", "error", NULL};
    GATE_CHECK(rte_eal_init(11, arguments) >= 0, "DPDK did not start");
}

void gate_port_start(struct gate_port *port, const char *program)
{
    start_eal(port, program);
    int socket = (int)rte_socket_id();
    port->to_worker = make_ring("in", sizeof(void *), PORT_DEPTH);
    port->from_worker = make_ring("out", sizeof(void *), PORT_DEPTH);
    port->rx_pool = rte_pktmbuf_pool_create("rx", RX_BUFFERS, TW_TOPOLOGY_POOL_CACHE, 0,
                                            RX_BUFFER_SIZE, socket);
    port->tx_pool = rte_pktmbuf_pool_create("tx", TX_BUFFERS, TW_TOPOLOGY_POOL_CACHE, 0,
                                            TX_BUFFER_SIZE, socket);
    GATE_CHECK(port->rx_pool && port->tx_pool, "no memory for packet buffers");
    int id = rte_eth_from_rings("bench", &port->to_worker, 1, &port->from_worker, 1, 0);
    GATE_CHECK(id >= 0, "no ring port");
    port->id = (uint16_t)id;
    struct rte_eth_conf conf;
    memset(&conf, 0, sizeof(conf));
    GATE_CHECK(rte_eth_dev_configure(port->id, 1, 1, &conf) == 0 &&
                   rte_eth_rx_queue_setup(port->id, 0, 64, 0, NULL, port->rx_pool) == 0 &&
                   rte_eth_tx_queue_setup(port->id, 0, 64, 0, NULL) == 0 &&
                   rte_eth_dev_start(port->id) == 0,
               "the ring port does not start");
}

/* ---- the worker's surroundings -----------------------------------------------------------------
 */

/* Cycles of one turn, `advance_ns` after the last one. */
static uint64_t turn(struct gate_rig *rig, uint64_t advance_ns)
{
    rig->now_ns += advance_ns;
    uint64_t start = rte_rdtsc_precise();
    tw_worker_turn(rig->worker, rig->now_ns);
    return rte_rdtsc_precise() - start;
}

static void command(struct gate_rig *rig, const struct tw_worker_command *command)
{
    struct tw_worker_command copy = *command;
    GATE_CHECK(rte_ring_sp_enqueue_elem(rig->worker_config.commands, &copy, sizeof(copy)) == 0,
               "the command ring is full");
}

static void discard_records(struct gate_rig *rig)
{
    discard(rig->worker_config.shard_rings[0].records, sizeof(struct tw_record));
    discard(rig->worker_config.events, sizeof(struct tw_worker_event));
}

static uint32_t take_sent(struct gate_rig *rig, struct rte_mbuf **mbufs, uint32_t count)
{
    return rte_ring_sc_dequeue_burst(rig->port->from_worker, (void **)mbufs, count, NULL);
}

static void discard_sent(struct gate_rig *rig)
{
    struct rte_mbuf *mbufs[BURST];
    for (uint32_t count = take_sent(rig, mbufs, BURST); count > 0;
         count = take_sent(rig, mbufs, BURST))
        rte_pktmbuf_free_bulk(mbufs, count);
}

static struct rte_mbuf *take_buffer(struct gate_rig *rig)
{
    struct rte_mbuf *mbuf = rte_pktmbuf_alloc(rig->port->rx_pool);
    GATE_CHECK(mbuf, "the pool is empty: the worker lost buffers");
    return mbuf;
}

static void inject(struct gate_rig *rig, struct rte_mbuf *mbuf, uint32_t length)
{
    mbuf->data_len = (uint16_t)length;
    mbuf->pkt_len = length;
    GATE_CHECK(rte_ring_sp_enqueue(rig->port->to_worker, mbuf) == 0, "the port's ring is full");
}

static void inject_from(struct gate_rig *rig, enum gate_traffic traffic)
{
    struct rte_mbuf *mbuf = take_buffer(rig);
    inject(rig, mbuf,
           gate_crowd_write_frame(&rig->crowd, traffic, rte_pktmbuf_mtod(mbuf, uint8_t *)));
}

/* Time that passes while so many packets come, when each client sends one per tick. */
static uint64_t packets_ns(struct gate_rig *rig, uint32_t packets)
{
    uint64_t before_ns = rig->tick_phase * TICK_NS / rig->crowd.count;
    rig->tick_phase += packets;
    return rig->tick_phase * TICK_NS / rig->crowd.count - before_ns;
}

uint64_t gate_rig_outcome(const struct gate_rig *rig, enum tw_outcome outcome)
{
    return tw_counter_get(&rig->counters->outcomes[outcome]);
}

/* ---- sessions ----------------------------------------------------------------------------------
 */

struct joining {
    struct tw_handshake_client handshakes[JOINING];
    struct tw_worker_command replies[JOINING];
    uint32_t first, count; /* numbers in the crowd */
};

static void send_handshakes(struct gate_rig *rig, const struct joining *joining)
{
    for (uint32_t i = 0; i < joining->count; i++) {
        struct rte_mbuf *mbuf = take_buffer(rig);
        uint8_t *frame = rte_pktmbuf_mtod(mbuf, uint8_t *);
        uint32_t length = (uint32_t)tw_handshake_client_packet(&joining->handshakes[i],
                                                               frame + GATE_FRAME_HEADERS);
        inject(
            rig, mbuf,
            gate_crowd_wrap(&rig->crowd, &rig->crowd.clients[joining->first + i], frame, length));
    }
    turn(rig, TICK_NS / 100);
}

/* Answers come in the order of the questions. */
static void take_cookies(struct gate_rig *rig, struct joining *joining)
{
    struct rte_mbuf *answers[JOINING];
    GATE_CHECK(take_sent(rig, answers, joining->count) == joining->count, "a cookie is missing");
    for (uint32_t i = 0; i < joining->count; i++) {
        const uint8_t *packet = rte_pktmbuf_mtod(answers[i], uint8_t *) + GATE_FRAME_HEADERS;
        GATE_CHECK(tw_handshake_client_receive(&joining->handshakes[i], packet, TW_COOKIE_PACKET) ==
                       TW_NEWS_COOKIE,
                   "not a cookie");
    }
    rte_pktmbuf_free_bulk(answers, joining->count);
}

static void reply_to(struct gate_rig *rig, struct tw_worker_command *reply,
                     const struct tw_worker_event *event)
{
    GATE_CHECK(event->type == TW_EVENT_HANDSHAKE, "a hello 2 was not relayed");
    memset(reply, 0, sizeof(*reply));
    reply->type = TW_COMMAND_HANDSHAKE_REPLY;
    reply->reply.request = event->handshake.request;
    reply->reply.verdict = TW_VERDICT_WELCOMED;
    reply->reply.suite = (uint8_t)rig->suite;
    reply->reply.world = 1;
    randombytes_buf(reply->reply.token_id, TW_TOKEN_ID_SIZE);
    randombytes_buf(reply->reply.server_ephemeral, TW_KEY_SIZE);
    randombytes_buf(reply->reply.secret_client_to_server, TW_KEY_SIZE);
    randombytes_buf(reply->reply.secret_server_to_client, TW_KEY_SIZE);
    randombytes_buf(reply->reply.confirm_key, TW_KEY_SIZE);
    randombytes_buf(reply->reply.confirm_iv, TW_IV_SIZE);
    randombytes_buf(reply->reply.transcript, TW_HASH_SIZE);
    command(rig, reply);
}

static void answer_handshakes(struct gate_rig *rig, struct joining *joining)
{
    for (uint32_t i = 0; i < joining->count; i++) {
        struct tw_worker_event event;
        GATE_CHECK(rte_ring_sc_dequeue_elem(rig->worker_config.events, &event, sizeof(event)) == 0,
                   "a hello 2 was not relayed");
        reply_to(rig, &joining->replies[i], &event);
    }
    turn(rig, TICK_NS / 100);
}

static uint32_t open_welcome(const uint8_t *packet, const struct tw_agent_handshake_reply *reply)
{
    uint8_t in[TW_WELCOME_IN_SIZE];
    GATE_CHECK(packet[TW_HEADER_CHANNEL] == TW_HANDSHAKE_WELCOME &&
                   crypto_aead_chacha20poly1305_ietf_decrypt(
                       in, NULL, NULL, packet + TW_WELCOME_SEALED, TW_WELCOME_IN_SIZE + TW_TAG_SIZE,
                       reply->transcript, TW_HASH_SIZE, reply->confirm_iv, reply->confirm_key) == 0,
               "not a welcome");
    return tw_load_u32(in + TW_WELCOME_IN_CONNECTION_ID);
}

static void take_welcomes(struct gate_rig *rig, const struct joining *joining)
{
    struct rte_mbuf *answers[JOINING];
    GATE_CHECK(take_sent(rig, answers, joining->count) == joining->count, "a welcome is missing");
    for (uint32_t i = 0; i < joining->count; i++) {
        const struct tw_agent_handshake_reply *reply = &joining->replies[i].reply;
        uint32_t number = joining->first + i;
        rig->crowd.clients[number].connection_id =
            open_welcome(rte_pktmbuf_mtod(answers[i], uint8_t *) + GATE_FRAME_HEADERS, reply);
        gate_crowd_set_session(&rig->crowd, number, rig->suite, reply->secret_client_to_server,
                               reply->secret_server_to_client);
    }
    rte_pktmbuf_free_bulk(answers, joining->count);
}

static void install_sessions(struct gate_rig *rig)
{
    static struct joining joining;
    struct tw_connect_token connect = {.suites = TW_SUITES_KNOWN, .address_count = 1};
    struct tw_handshake_client fresh;
    uint8_t secret[TW_KEY_SIZE];
    randombytes_buf(secret, sizeof(secret));
    GATE_CHECK(tw_handshake_client_init(&fresh, &connect, TW_SUITES_KNOWN, secret, tw_crc32c_isal),
               "no common suite");
    for (uint32_t first = 0; first < rig->crowd.count; first += joining.count) {
        uint32_t left = rig->crowd.count - first;
        joining.first = first;
        joining.count = left < JOINING ? left : JOINING;
        for (uint32_t i = 0; i < joining.count; i++) {
            joining.handshakes[i] = fresh;
            randombytes_buf(joining.handshakes[i].ephemeral, TW_KEY_SIZE);
        }
        send_handshakes(rig, &joining);
        take_cookies(rig, &joining);
        send_handshakes(rig, &joining);
        answer_handshakes(rig, &joining);
        take_welcomes(rig, &joining);
    }
    sodium_memzero(&joining, sizeof(joining));
}

static void note_join(struct gate_rig *rig, const uint32_t *client_of_slot,
                      const struct tw_record *record)
{
    rig->crowd.clients[client_of_slot[record->slot]].route_epoch = record->route_epoch;
}

/* The first sealed packet of each client: pending → live. The shard hears of joins. */
static void confirm_sessions(struct gate_rig *rig)
{
    static uint32_t client_of_slot[TW_SESSIONS_PER_WORKER];
    uint32_t joins = 0;
    for (uint32_t i = 0; i < rig->crowd.count; i++)
        client_of_slot[tw_connection_slot(rig->crowd.clients[i].connection_id)] = i;
    gate_rig_begin(rig, GATE_INPUT_PLAINTEXT);
    for (uint32_t sent = 0; sent < rig->crowd.count;) {
        for (uint32_t i = 0; i < TURN_PACKETS && sent < rig->crowd.count; i++, sent++)
            inject_from(rig, GATE_TRAFFIC_INPUTS);
        turn(rig, packets_ns(rig, TURN_PACKETS));
        struct tw_record record;
        while (rte_ring_sc_dequeue_elem(rig->worker_config.shard_rings[0].records, &record,
                                        sizeof(record)) == 0) {
            if (record.type != TW_RECORD_JOIN)
                continue;
            note_join(rig, client_of_slot, &record);
            joins++;
        }
        discard_records(rig);
    }
    turn(rig, TICK_NS);
    discard_records(rig);
    GATE_CHECK(joins == rig->crowd.count &&
                   tw_counter_get(&rig->counters->sessions_live) == rig->crowd.count,
               "%u of %u sessions joined", joins, rig->crowd.count);
}

/* ---- life --------------------------------------------------------------------------------------
 */

static void make_config(struct gate_rig *rig, uint32_t sessions)
{
    tw_config_defaults(&rig->config);
    struct tw_config_engine *engine = &rig->config.engine;
    struct tw_config_port *port = &rig->config.ports[0];
    port->address = GATE_SERVER_ADDRESS;
    port->prefix_length = 24;
    port->gateway = GATE_GATEWAY_ADDRESS;
    port->udp_port = GATE_SERVER_PORT;
    engine->workers = 1;
    engine->shards = 1;
    engine->sessions_max = sessions;
    rig->config.world.tick_hz = TICK_HZ;
    /* Every budget is asked, none refuses: what is measured is the packets that are let in. The
     * sessions' own budget keeps its default. */
    rig->config.limits.stranger_pps = 100000000;
    rig->config.limits.source_pps = 1000000;
    /* Rows of strangers' packets let no client speak. */
    rig->config.limits.idle_timeout_ms = UINT32_MAX;
    rig->config.limits.malformed_max = UINT32_MAX;
}

static void make_worker(struct gate_rig *rig, const struct tw_aead_backend *aead)
{
    struct tw_worker_config *config = &rig->worker_config;
    rig->counters = rte_zmalloc("counters", sizeof(*rig->counters), 64);
    GATE_CHECK(rig->counters, "no memory for counters");
    config->workers = 1;
    config->shards = 1;
    config->ports[0].id = rig->port->id;
    memcpy(config->ports[0].mac, server_mac, sizeof(server_mac));
    config->socket = (int)rte_socket_id();
    config->config = &rig->config;
    config->aead = aead;
    config->tx_pool = rig->port->tx_pool;
    config->shard_rings[0].records = make_ring("records", sizeof(struct tw_record), RECORDS_DEPTH);
    config->shard_rings[0].empty = make_ring("empty", sizeof(struct tw_out_buffer), EMPTY_DEPTH);
    config->shard_rings[0].full = make_ring("full", sizeof(struct tw_out_buffer), FULL_DEPTH);
    config->events = make_ring("events", sizeof(struct tw_worker_event), EVENTS_DEPTH);
    config->commands = make_ring("commands", sizeof(struct tw_worker_command), COMMANDS_DEPTH);
    config->counters = rig->counters;
    config->seed = randombytes_random();
    rig->worker = tw_worker_create(config);
    GATE_CHECK(rig->worker, "no memory for a worker");
}

static void tell_worker(struct gate_rig *rig)
{
    struct tw_worker_command cookie = {.type = TW_COMMAND_COOKIE_KEY, .cookie.slot = 1};
    randombytes_buf(cookie.cookie.key, TW_KEY_SIZE);
    struct tw_worker_command linked = {.type = TW_COMMAND_CONTROL_STATE, .control.linked = 1};
    struct tw_worker_command neighbour = {.type = TW_COMMAND_NEIGHBOUR_SET,
                                          .neighbour.ipv4 = GATE_GATEWAY_ADDRESS};
    memcpy(neighbour.neighbour.mac, gateway_mac, sizeof(gateway_mac));
    command(rig, &cookie);
    command(rig, &linked);
    command(rig, &neighbour);
    turn(rig, TICK_NS);
}

void gate_rig_start(struct gate_rig *rig, const struct gate_port *port, uint32_t sessions,
                    enum tw_suite suite, const struct tw_aead_backend *aead)
{
    memset(rig, 0, sizeof(*rig));
    rig_number++;
    rig->port = port;
    rig->suite = suite;
    rig->now_ns = UINT64_C(1000000000);
    GATE_CHECK(gate_crowd_init(&rig->crowd, sessions, server_mac), "no memory for clients");
    GATE_CHECK(tw_aead_thread_start(aead), "no memory for the cipher");
    make_config(rig, sessions);
    make_worker(rig, aead);
    tell_worker(rig);
    install_sessions(rig);
    confirm_sessions(rig);
}

static void free_buffers(struct rte_ring *ring)
{
    struct tw_out_buffer buffer;
    while (rte_ring_sc_dequeue_elem(ring, &buffer, sizeof(buffer)) == 0)
        rte_pktmbuf_free(buffer.owner);
    rte_ring_free(ring);
}

void gate_rig_stop(struct gate_rig *rig)
{
    struct tw_worker_config *config = &rig->worker_config;
    tw_worker_destroy(rig->worker);
    tw_aead_thread_end(config->aead);
    free_buffers(config->shard_rings[0].empty);
    free_buffers(config->shard_rings[0].full);
    rte_ring_free(config->shard_rings[0].records);
    rte_ring_free(config->events);
    rte_ring_free(config->commands);
    rte_free(rig->counters);
    gate_crowd_fini(&rig->crowd);
}

/* ---- rounds ------------------------------------------------------------------------------------
 */

void gate_rig_begin(struct gate_rig *rig, uint32_t plaintext_size)
{
    uint64_t tick = rig->now_ns / TICK_NS + 1;
    rig->now_ns = tick * TICK_NS;
    rig->tick_phase = 0;
    gate_crowd_begin(&rig->crowd, (uint32_t)tick + TICK_LEAD, plaintext_size);
}

/* How a packet of this traffic must end. */
static enum tw_outcome outcome_of(const struct gate_rig *rig, enum gate_traffic traffic)
{
    switch (traffic) {
    case GATE_TRAFFIC_FORGED:
        return TW_OUTCOME_TAG_WRONG;
    case GATE_TRAFFIC_OFFPATH:
        return TW_OUTCOME_PATH_UNKNOWN;
    case GATE_TRAFFIC_UNKNOWN:
        return TW_OUTCOME_GENERATION_STALE;
    case GATE_TRAFFIC_HELLO:
        return TW_OUTCOME_COOKIE_SENT;
    case GATE_TRAFFIC_INPUTS:
        break;
    }
    return rig->crowd.plaintext_size == GATE_INPUT_PLAINTEXT ? TW_OUTCOME_ACCEPTED
                                                             : TW_OUTCOME_FRAME_MALFORMED;
}

static void check_outcome(const struct gate_rig *rig, enum tw_outcome outcome, uint64_t before,
                          uint32_t packets)
{
    uint64_t ended = gate_rig_outcome(rig, outcome) - before;
    if (ended == packets)
        return;
    for (uint32_t i = 0; i < TW_OUTCOME_COUNT; i++)
        if (gate_rig_outcome(rig, i) > 0)
            fprintf(stderr, "gate: %s %llu\n", tw_outcome_info[i].name,
                    (unsigned long long)gate_rig_outcome(rig, i));
    GATE_CHECK(false, "%llu of %u packets ended in %s", (unsigned long long)ended, packets,
               tw_outcome_info[outcome].name);
}

static bool is_short(const struct gate_rig *rig, enum gate_traffic traffic)
{
    return traffic != GATE_TRAFFIC_HELLO &&
           GATE_FRAME_HEADERS + TW_PACKET_MIN + rig->crowd.plaintext_size <= AHEAD_SHORT;
}

static uint8_t *frame_ahead(const struct gate_rig *rig, uint32_t number)
{
    return ahead.bytes[is_short(rig, rig->traffic) ? number : number * GATE_ROUNDS_MAX];
}

uint32_t gate_rig_make_ahead(struct gate_rig *rig, enum gate_traffic traffic)
{
    uint32_t rounds = is_short(rig, traffic) ? GATE_ROUNDS_MAX : 1;
    rig->traffic = traffic;
    rig->ahead_first = 0;
    rig->ahead_count = rounds * GATE_ROUND;
    for (uint32_t i = 0; i < rig->ahead_count; i++)
        ahead.lengths[i] =
            (uint16_t)gate_crowd_write_frame(&rig->crowd, traffic, frame_ahead(rig, i));
    return rounds;
}

static void inject_ahead(struct gate_rig *rig)
{
    GATE_CHECK(rig->ahead_first + GATE_ROUND <= rig->ahead_count, "no frames were made ahead");
    for (uint32_t i = 0; i < GATE_ROUND; i++) {
        uint32_t number = rig->ahead_first++, length = ahead.lengths[number];
        struct rte_mbuf *mbuf = take_buffer(rig);
        memcpy(rte_pktmbuf_mtod(mbuf, uint8_t *), frame_ahead(rig, number), length);
        inject(rig, mbuf, length);
    }
}

uint64_t gate_rig_receive(struct gate_rig *rig)
{
    enum tw_outcome outcome = outcome_of(rig, rig->traffic);
    uint64_t before = gate_rig_outcome(rig, outcome), cycles = 0;
    inject_ahead(rig);
    while (rte_ring_count(rig->port->to_worker) > 0)
        cycles += turn(rig, packets_ns(rig, TURN_PACKETS));
    check_outcome(rig, outcome, before, GATE_ROUND);
    if (rig->traffic == GATE_TRAFFIC_HELLO)
        GATE_CHECK(rte_ring_count(rig->port->from_worker) == GATE_ROUND, "a cookie was not sent");
    discard_sent(rig);
    discard_records(rig);
    return cycles;
}

/* The shard's part: a snapshot for the next client in an empty buffer. */
static void write_snapshot(struct gate_rig *rig, struct tw_out_buffer *buffer, uint16_t size)
{
    const struct gate_client *client = &rig->crowd.clients[gate_crowd_next(&rig->crowd)];
    buffer->bytes[0] = TW_FRAME_SNAPSHOT;
    tw_store_u16(buffer->bytes + 1, (uint16_t)(size - TW_FRAME_HEADER_SIZE));
    memset(buffer->bytes + TW_FRAME_HEADER_SIZE, 0x5a, size - TW_FRAME_HEADER_SIZE);
    buffer->slot = tw_connection_slot(client->connection_id);
    buffer->route_epoch = client->route_epoch;
    buffer->length = size;
    buffer->kind = TW_OUT_SNAPSHOT;
    buffer->tick_ns = rig->now_ns;
}

/* The newest packet that was sent is what its client can open. */
static void check_sent(struct gate_rig *rig)
{
    struct rte_mbuf *mbuf;
    GATE_CHECK(rte_ring_count(rig->port->from_worker) == GATE_ROUND &&
                   take_sent(rig, &mbuf, 1) == 1,
               "a snapshot was not sent");
    uint8_t *packet = rte_pktmbuf_mtod(mbuf, uint8_t *) + GATE_FRAME_HEADERS;
    uint32_t id = tw_header_read(packet).connection_id, number = 0;
    while (number < rig->crowd.count && rig->crowd.clients[number].connection_id != id)
        number++;
    GATE_CHECK(number < rig->crowd.count, "sent to nobody");
    struct tw_aead_key key;
    tw_packet_key_expand(&key, tw_aead_sodium(), rig->suite,
                         rig->crowd.clients[number].receive_secret);
    struct tw_aead_job job = {
        .key = &key, .packet = packet, .length = mbuf->data_len - GATE_FRAME_HEADERS};
    tw_aead_sodium()->open(&job, 1);
    GATE_CHECK(job.ok && packet[TW_HEADER_SIZE] == TW_FRAME_SNAPSHOT, "its client cannot open it");
    tw_aead_key_wipe(&key);
    rte_pktmbuf_free(mbuf);
}

uint64_t gate_rig_send(struct gate_rig *rig, uint16_t size)
{
    struct tw_worker_shard_rings *rings = &rig->worker_config.shard_rings[0];
    const tw_counter *sent = &rig->counters->sends[TW_SEND_SENT];
    uint64_t before = tw_counter_get(sent), cycles = 0;
    for (uint32_t i = 0; i < GATE_ROUND; i++) {
        struct tw_out_buffer buffer;
        GATE_CHECK(rte_ring_sc_dequeue_elem(rings->empty, &buffer, sizeof(buffer)) == 0,
                   "no empty buffer");
        write_snapshot(rig, &buffer, size);
        GATE_CHECK(rte_ring_sp_enqueue_elem(rings->full, &buffer, sizeof(buffer)) == 0,
                   "the full ring is full");
    }
    while (rte_ring_count(rings->full) > 0)
        cycles += turn(rig, TICK_NS / 64);
    GATE_CHECK(tw_counter_get(sent) - before == GATE_ROUND, "a snapshot was not sent");
    check_sent(rig);
    discard_sent(rig);
    return cycles;
}

uint64_t gate_rig_idle_turn(struct gate_rig *rig)
{
    return turn(rig, 0);
}

uint64_t gate_rig_receive_one(struct gate_rig *rig)
{
    const struct rte_ring *records = rig->worker_config.shard_rings[0].records;
    inject_from(rig, GATE_TRAFFIC_INPUTS);
    uint64_t cycles = turn(rig, packets_ns(rig, 1));
    GATE_CHECK(rte_ring_count(records) > 0, "no record came");
    discard_records(rig);
    return cycles;
}

/* ---- the port alone ----------------------------------------------------------------------------
 */

uint64_t gate_rig_port_receive(struct gate_rig *rig)
{
    struct rte_mbuf *mbufs[BURST];
    inject_ahead(rig);
    uint64_t start = rte_rdtsc_precise();
    for (uint16_t count = BURST; count == BURST;) {
        count = rte_eth_rx_burst(rig->port->id, 0, mbufs, BURST);
        for (uint16_t i = 0; i < count; i++)
            rte_pktmbuf_free(mbufs[i]);
    }
    return rte_rdtsc_precise() - start;
}

uint64_t gate_rig_port_send(struct gate_rig *rig, uint16_t size)
{
    static struct rte_mbuf *mbufs[GATE_ROUND];
    GATE_CHECK(rte_pktmbuf_alloc_bulk(rig->port->tx_pool, mbufs, GATE_ROUND) == 0,
               "the pool is empty: the worker lost buffers");
    for (uint32_t i = 0; i < GATE_ROUND; i++) {
        mbufs[i]->data_len = size;
        mbufs[i]->pkt_len = size;
    }
    uint64_t start = rte_rdtsc_precise();
    for (uint32_t i = 0; i < GATE_ROUND; i += BURST)
        GATE_CHECK(rte_eth_tx_burst(rig->port->id, 0, mbufs + i, BURST) == BURST,
                   "the port's ring is full");
    uint64_t cycles = rte_rdtsc_precise() - start;
    discard_sent(rig);
    return cycles;
}
