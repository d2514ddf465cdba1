/* SPDX-License-Identifier: BSD-3-Clause */
#include "tests/unit/gate/worker_rig.h"

#include "tests/unit/gate/allocations.h"
#include "tests/unit/gate/drain.h"

#include "dataplane/gate/move.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>
#include <rte_eal.h>
#include <rte_eth_ring.h>
#include <rte_ethdev.h>
#include <rte_malloc.h>
#include <rte_mbuf.h>
#include <rte_ring.h>
#include <rte_ring_elem.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define POOL_SIZE  2047u
#define RING_DEPTH 1024u
#define FULL_DEPTH 128u

static uint32_t rig_number; /* names must differ while DPDK still knows the old ones */

bool rig_init_eal(const char *program)
{
    char name[64];
    snprintf(name, sizeof(name), "%s", program);
    char *arguments[] = {name, "--no-huge", "--no-pci",       "--no-shconf", "-m",    "160",
                         "-l", "0",         "--no-telemetry", "--log-level", "error", NULL};
    return sodium_init() >= 0 && rte_eal_init(11, arguments) >= 0;
}

static struct rte_ring *make_ring(const char *kind, uint32_t index, uint32_t size, uint32_t depth)
{
    char name[RTE_RING_NAMESIZE];
    snprintf(name, sizeof(name), "%s%u_%u", kind, rig_number, index);
    struct rte_ring *ring =
        rte_ring_create_elem(name, size, depth, 0, RING_F_SP_ENQ | RING_F_SC_DEQ);
    assert_non_null(ring);
    return ring;
}

static struct rte_mempool *make_pool(const char *kind, uint16_t room)
{
    char name[32];
    snprintf(name, sizeof(name), "%s%u", kind, rig_number);
    struct rte_mempool *pool = rte_pktmbuf_pool_create(name, POOL_SIZE, 0, 0, room, 0);
    assert_non_null(pool);
    return pool;
}

void rig_make(struct rig *rig, uint32_t workers)
{
    memset(rig, 0, sizeof(*rig));
    rig->workers = workers;
    rig->ports = 1;
    rig->records_depth = RING_DEPTH;
    rig->events_depth = RING_DEPTH;
    rig->full_depth = FULL_DEPTH;
    struct tw_config *config = &rig->config;
    config->ports[0].address = TEST_SERVER_ADDRESS;
    config->ports[0].prefix_length = 24;
    config->ports[0].gateway = TEST_SERVER_ADDRESS + 0xfd;
    config->ports[0].udp_port = TEST_SERVER_PORT;
    config->ports[1] = (struct tw_config_port){.device = "second",
                                               .address = TEST_SERVER_ADDRESS2,
                                               .prefix_length = 24,
                                               .udp_port = TEST_SERVER_PORT};
    config->engine.workers = workers;
    config->engine.sessions_max = 64;
    config->limits = (struct tw_config_limits){.stranger_pps = 1000,
                                               .source_pps = 100,
                                               .session_pps = 1000,
                                               .arp_pps = 10,
                                               .icmp_pps = 10,
                                               .pending_max = 16,
                                               .malformed_max = 3,
                                               .messages_per_s = 60,
                                               .message_backlog_kb = 192,
                                               .message_memory_kb = 8192,
                                               .compress_above_bytes = 1024};
    rig->config.conduct = (struct tw_config_conduct){.input_rate_percent = 150,
                                                     .input_burst_s = 4,
                                                     .input_ahead_ticks = 60,
                                                     .actions_per_s = 4,
                                                     .input_packets_points = 1,
                                                     .input_ahead_points = 2,
                                                     .time_back_points = 5,
                                                     .actions_points = 2,
                                                     .throttled_percent = 50,
                                                     .forgive_percent = 50,
                                                     .warn_score = 100,
                                                     .throttle_score = 200,
                                                     .disconnect_score = 400,
                                                     .decay_per_s = 10};
    config->congestion = (struct tw_config_congestion){.calm_loss_percent = 1,
                                                       .calm_delay_ms = 10,
                                                       .calm_ms = 1000,
                                                       .conservative_loss_percent = 2,
                                                       .conservative_delay_ms = 20,
                                                       .conservative_jitter_percent = 200,
                                                       .conservative_jitter_ms = 10,
                                                       .emergency_loss_percent = 5,
                                                       .emergency_queue_ms = 100};
    config->life = (struct tw_config_life){
        .degraded_ms = 1000, .pause_ms = 3000, .park_ms = 6000, .grace_ms = 10000};
    config->world.id = 1;
    config->world.tick_hz = 60;
    config->world.snapshot_hz = 20;
    config->engine.spread_percent = 50;
    config->engine.spread_per_ms = 500;
    rig->epoch_ns = UINT64_C(77000000000);
    rig->now_ns = rig->epoch_ns + UINT64_C(100000000000);
    randombytes_buf(rig->static_secret, TW_KEY_SIZE);
    crypto_scalarmult_base(rig->static_public, rig->static_secret);
    rig->token_key.id = 5;
    randombytes_buf(rig->token_key.key, TW_KEY_SIZE);
}

uint8_t rig_suites(const struct rig *rig)
{
    return rig->suites != 0 ? rig->suites : TW_SUITE_CHACHA20_POLY1305;
}

static void start_port(struct rig *rig, uint32_t number)
{
    char name[RTE_RING_NAMESIZE];
    struct rte_ring **rx = rig->port_rx[number], **tx = rig->port_tx[number];
    snprintf(name, sizeof(name), "port%u_%u", rig_number, number);
    for (uint32_t i = 0; i < rig->workers; i++) {
        rx[i] = make_ring("prx", number * RIG_WORKERS_MAX + i, sizeof(void *), RING_DEPTH);
        tx[i] = make_ring("ptx", number * RIG_WORKERS_MAX + i, sizeof(void *), RING_DEPTH);
    }
    int id = rte_eth_from_rings(name, rx, rig->workers, tx, rig->workers, 0);
    assert_true(id >= 0);
    uint16_t port = (uint16_t)id;
    rig->port[number] = port;
    struct rte_eth_conf conf;
    memset(&conf, 0, sizeof(conf));
    uint16_t queues = (uint16_t)rig->workers;
    assert_int_equal(rte_eth_dev_configure(port, queues, queues, &conf), 0);
    for (uint16_t queue = 0; queue < queues; queue++) {
        assert_int_equal(rte_eth_rx_queue_setup(port, queue, 64, 0, NULL, rig->rx_pool), 0);
        assert_int_equal(rte_eth_tx_queue_setup(port, queue, 64, 0, NULL), 0);
    }
    assert_int_equal(rte_eth_dev_start(port), 0);
}

static void configure_worker(struct rig *rig, uint32_t i)
{
    struct tw_worker_config *config = &rig->worker_config[i];
    rig->counters[i] = rte_zmalloc("counters", sizeof(*rig->counters[i]), 64);
    config->index = i;
    config->workers = rig->workers;
    config->shards = 1;
    for (uint32_t port = 0; port < rig->ports; port++) {
        config->ports[port].id = rig->port[port];
        memcpy(config->ports[port].mac, test_server_mac, 6);
    }
    config->config = &rig->config;
    config->aead = rig->aead;
    config->cookie_hash = rig->cookie_hash;
    config->tx_pool = rig->tx_pool;
    config->shard_rings[0].records =
        make_ring("records", i, sizeof(struct tw_record), rig->records_depth);
    config->shard_rings[0].empty = make_ring("empty", i, sizeof(struct tw_out_buffer), 64);
    config->shard_rings[0].message_buffers =
        make_ring("message", i, sizeof(struct tw_out_buffer), 2u * TW_OUT_MESSAGE_BUFFERS);
    config->shard_rings[0].full =
        make_ring("full", i, sizeof(struct tw_out_buffer), rig->full_depth);
    config->shard_rings[0].returned = make_ring("returned", i, sizeof(struct tw_message *), 256);
    config->events = make_ring("events", i, sizeof(struct tw_worker_event), rig->events_depth);
    config->commands = make_ring("commands", i, sizeof(struct tw_worker_command), 256);
    config->counters = rig->counters[i];
    config->epoch_ns = rig->epoch_ns;
    config->seed = randombytes_random();
    if (rig->workers == 2) {
        struct rte_ring *ring = make_ring("hand", i, sizeof(void *), 32);
        config->handover_out[1 - i] = ring;
        rig->worker_config[1 - i].handover_in[i] = ring;
        ring = make_ring("move", i, sizeof(struct tw_move), TW_MOVE_RING_DEPTH);
        config->move_out[1 - i] = ring;
        rig->worker_config[1 - i].move_in[i] = ring;
    }
}

void rig_start(struct rig *rig)
{
    rig_number++;
    allocations_init();
    if (rig->aead == NULL)
        rig->aead = tw_aead_sodium();
    assert_true(tw_aead_thread_start(rig->aead));
    rig->rx_pool = make_pool("rx", 2176);
    rig->tx_pool = make_pool("tx", RTE_PKTMBUF_HEADROOM + 1536);
    if (rig->ports == 1)
        rig->config.ports[1].device[0] = '\0';
    for (uint32_t port = 0; port < rig->ports; port++)
        start_port(rig, port);
    for (uint32_t i = 0; i < rig->workers; i++)
        configure_worker(rig, i);
    struct tw_worker_command cookie = {.type = TW_COMMAND_COOKIE_KEY};
    randombytes_buf(cookie.cookie.key, TW_KEY_SIZE);
    cookie.cookie.slot = 7;
    struct tw_worker_command linked = {.type = TW_COMMAND_CONTROL_STATE, .control.linked = 1};
    struct tw_worker_command neighbour = {.type = TW_COMMAND_NEIGHBOUR_SET,
                                          .neighbour.address =
                                              tw_address_from_ipv4(TEST_CLIENT_ADDRESS, 0)};
    memcpy(neighbour.neighbour.mac, test_client_mac, 6);
    for (uint32_t i = 0; i < rig->workers; i++) {
        rig->worker[i] = tw_worker_create(&rig->worker_config[i]);
        assert_non_null(rig->worker[i]);
        rig_command(rig, i, &cookie);
        rig_command(rig, i, &linked);
        rig_command(rig, i, &neighbour);
    }
    rig_turn(rig, RIG_MS);
    rig->dpdk_blocks = allocations_dpdk_blocks();
}

static void check_ledger(const struct rig *rig)
{
    uint64_t outcomes = 0, received = 0, received_bytes = 0;
    for (uint32_t i = 0; i < rig->workers; i++) {
        for (uint32_t outcome = 0; outcome < TW_OUTCOME_COUNT; outcome++)
            outcomes += tw_counter_get(&rig->counters[i]->outcomes[outcome]);
        received += tw_counter_get(&rig->counters[i]->rx_packets);
        received_bytes += tw_counter_get(&rig->counters[i]->rx_bytes);
    }
    assert_int_equal(received, rig->injected);
    assert_int_equal(received_bytes, rig->injected_bytes);
    assert_int_equal(outcomes, received);
}

void rig_stop(struct rig *rig)
{
    rig_turn(rig, RIG_MS);
    rig_turn(rig, RIG_MS);
    check_ledger(rig);
    assert_int_equal(allocations_dpdk_blocks(), rig->dpdk_blocks);
    for (uint32_t i = 0; i < rig->workers; i++) {
        struct tw_worker_config *config = &rig->worker_config[i];
        tw_worker_destroy(rig->worker[i]);
        for (uint32_t port = 0; port < rig->ports; port++)
            rig_drain_mbufs(rig->port_tx[port][i]);
        rig_drain_buffers(config->shard_rings[0].empty);
        rig_drain_buffers(config->shard_rings[0].message_buffers);
        rig_drain_buffers(config->shard_rings[0].full);
        rte_ring_free(config->shard_rings[0].records);
        rte_ring_free(config->shard_rings[0].empty);
        rte_ring_free(config->shard_rings[0].message_buffers);
        rte_ring_free(config->shard_rings[0].full);
        rte_ring_free(config->shard_rings[0].returned);
        rte_ring_free(config->events);
        rte_ring_free(config->commands);
        rte_ring_free(config->handover_out[1 - i]);
        rte_ring_free(config->move_out[1 - i]);
        rte_free(rig->counters[i]);
    }
    tw_aead_thread_end(rig->aead);
    assert_int_equal(rte_mempool_avail_count(rig->rx_pool), POOL_SIZE);
    assert_int_equal(rte_mempool_avail_count(rig->tx_pool), POOL_SIZE);
    for (uint32_t port = 0; port < rig->ports; port++) {
        rte_eth_dev_stop(rig->port[port]);
        rte_eth_dev_close(rig->port[port]);
        for (uint32_t i = 0; i < rig->workers; i++) {
            rte_ring_free(rig->port_rx[port][i]);
            rte_ring_free(rig->port_tx[port][i]);
        }
    }
    rte_mempool_free(rig->rx_pool);
    rte_mempool_free(rig->tx_pool);
}

/* ---- worker's surroundings ---------------------------------------------------------------------
 */

void rig_held(struct rig *rig, uint32_t worker, const struct tw_record *record)
{
    const struct tw_worker_shard_rings *rings = &rig->worker_config[worker].shard_rings[0];
    struct tw_out_buffer buffer;
    assert_int_equal(rte_ring_sc_dequeue_elem(rings->empty, &buffer, sizeof(buffer)), 0);
    buffer.slot = record->slot;
    buffer.route_epoch = record->route_epoch;
    buffer.kind = TW_OUT_HELD;
    buffer.length = 0;
    assert_int_equal(rte_ring_sp_enqueue_elem(rings->full, &buffer, sizeof(buffer)), 0);
}

/* Looks at new records where they lie: a test takes them when it likes. */
static void answer_holds(struct rig *rig, uint32_t worker)
{
    const struct rte_ring *ring = rig->worker_config[worker].shard_rings[0].records;
    const struct tw_record *records = (const struct tw_record *)(const void *)&ring[1];
    uint32_t end = __atomic_load_n(&ring->prod.tail, __ATOMIC_ACQUIRE);
    for (; rig->records_seen[worker] != end; rig->records_seen[worker]++) {
        const struct tw_record *record = &records[rig->records_seen[worker] & ring->mask];
        bool last = (record->type == TW_RECORD_HOLD && record->hold.on != 0) ||
                    (record->type == TW_RECORD_MOVE && record->move.fresh != 0);
        if (last && !rig->holds_by_hand)
            rig_held(rig, worker, record);
    }
}

void rig_take_events(struct rig *rig, uint32_t worker)
{
    answer_holds(rig, worker);
    struct tw_worker_event event;
    while (rte_ring_sc_dequeue_elem(rig->worker_config[worker].events, &event, sizeof(event)) ==
           0) {
        assert_int_equal(event.worker, worker);
        if (event.type == TW_EVENT_HANDSHAKE) {
            rig->handshake = event;
            rig->handshake_count++;
        } else {
            assert_true(rig->event_count < RIG_EVENTS_MAX);
            rig->events[rig->event_count++] = event;
        }
    }
}

/* All memory is taken at start: a turn that asks for more fails every test that takes it. */
static void turn_worker(struct rig *rig, uint32_t worker)
{
    allocations_watch();
    tw_worker_turn(rig->worker[worker], rig->now_ns);
    assert_int_equal(allocations_seen(), 0);
}

void rig_turn(struct rig *rig, uint64_t advance_ns)
{
    rig->now_ns += advance_ns;
    for (uint32_t i = 0; i < rig->workers; i++)
        turn_worker(rig, i);
    for (uint32_t i = 0; i < rig->workers; i++)
        rig_take_events(rig, i);
}

uint32_t rig_random(uint64_t *seed, uint32_t below)
{
    *seed = *seed * 6364136223846793005u + 1442695040888963407u;
    return (uint32_t)(*seed >> 33) % below;
}

void rig_turn_one(struct rig *rig, uint32_t worker)
{
    turn_worker(rig, worker);
    rig_take_events(rig, worker);
}

void rig_inject(struct rig *rig, uint32_t queue, const uint8_t *frame, size_t length)
{
    rig_inject_at(rig, 0, queue, frame, length);
}

void rig_inject_at(struct rig *rig, uint32_t port, uint32_t queue, const uint8_t *frame,
                   size_t length)
{
    struct rte_mbuf *mbuf = rte_pktmbuf_alloc(rig->rx_pool);
    assert_non_null(mbuf);
    memcpy(rte_pktmbuf_append(mbuf, (uint16_t)length), frame, length);
    assert_int_equal(rte_ring_sp_enqueue(rig->port_rx[port][queue], mbuf), 0);
    rig->injected++;
    rig->injected_bytes += length;
}

size_t rig_sent(struct rig *rig, uint8_t frame[TEST_FRAME_MAX])
{
    return rig_sent_by(rig, 0, frame);
}

size_t rig_sent_by(struct rig *rig, uint32_t port, uint8_t frame[TEST_FRAME_MAX])
{
    void *taken = NULL;
    for (uint32_t i = 0; i < rig->workers && !taken; i++) {
        if (rte_ring_sc_dequeue(rig->port_tx[port][i], &taken) != 0)
            taken = NULL;
    }
    if (!taken)
        return 0;
    struct rte_mbuf *mbuf = taken;
    size_t length = mbuf->pkt_len;
    assert_true(length <= TEST_FRAME_MAX && mbuf->data_len == length);
    memcpy(frame, rte_pktmbuf_mtod(mbuf, uint8_t *), length);
    rte_pktmbuf_free(mbuf);
    return length;
}

void rig_command(struct rig *rig, uint32_t worker, const struct tw_worker_command *command)
{
    struct tw_worker_command copy = *command;
    assert_int_equal(
        rte_ring_sp_enqueue_elem(rig->worker_config[worker].commands, &copy, sizeof(copy)), 0);
}

bool rig_record(struct rig *rig, uint32_t worker, struct tw_record *record)
{
    struct rte_ring *ring = rig->worker_config[worker].shard_rings[0].records;
    do {
        if (rte_ring_sc_dequeue_elem(ring, record, sizeof(*record)) != 0)
            return false;
    } while (record->type == TW_RECORD_HOLD && !rig->holds_by_hand);
    return true;
}

bool rig_shard_gives(struct rig *rig, const struct rig_part *part)
{
    struct tw_out_buffer buffer;
    const struct tw_worker_shard_rings *rings = &rig->worker_config[part->worker].shard_rings[0];
    if (rte_ring_sc_dequeue_elem(rings->message_buffers, &buffer, sizeof(buffer)) != 0)
        return false;
    buffer.slot = part->slot;
    buffer.route_epoch = part->epoch;
    buffer.kind = TW_OUT_MESSAGE;
    buffer.channel = part->channel;
    buffer.length = (uint16_t)(part->length < buffer.capacity ? part->length : buffer.capacity);
    buffer.message.size = part->size;
    buffer.message.offset = (uint16_t)part->offset;
    buffer.message.more = 0;
    memcpy(buffer.bytes, part->bytes, buffer.length);
    assert_int_equal(rte_ring_sp_enqueue_elem(rings->full, &buffer, sizeof(buffer)), 0);
    return true;
}

void rig_shard_says(struct rig *rig, const struct rig_client *client, uint32_t epoch,
                    const char *text)
{
    const struct rig_part part = {.slot = tw_connection_slot(client->id),
                                  .epoch = epoch,
                                  .channel = TW_CHANNEL_ORDERED,
                                  .size = (uint32_t)strlen(text),
                                  .bytes = (const uint8_t *)text,
                                  .length = (uint32_t)strlen(text)};
    assert_true(rig_shard_gives(rig, &part));
}

uint32_t rig_events(const struct rig *rig, enum tw_event_type type, struct tw_worker_event *newest)
{
    uint32_t count = 0;
    for (uint32_t i = 0; i < rig->event_count; i++) {
        if (rig->events[i].type != type)
            continue;
        count++;
        if (newest)
            *newest = rig->events[i];
    }
    return count;
}

struct tw_worker_command rig_answer(struct rig *rig, const struct tw_worker_event *event)
{
    struct tw_worker_command command = {.type = TW_COMMAND_HANDSHAKE_REPLY};
    struct tw_agent_handshake_reply *reply = &command.reply;
    const struct tw_agent_handshake_request *request = &event->handshake;
    uint8_t audience[TW_AUDIENCE_SIZE];
    tw_token_audience(audience, "rig");
    struct tw_handshake_server server = {.token_keys = &rig->token_key,
                                         .token_key_count = 1,
                                         .static_secret = rig->static_secret,
                                         .audience = audience,
                                         .suites = rig_suites(rig),
                                         .world = 1};
    struct tw_token token;
    struct tw_session_secrets secrets;
    uint8_t ephemeral[TW_KEY_SIZE];
    randombytes_buf(ephemeral, sizeof(ephemeral));
    reply->request = request->request;
    struct tw_hello2_arrival arrival = {request->hello2, &request->destination, 1000};
    reply->verdict = tw_handshake_check(&server, &arrival, &token, &reply->suite);
    if (reply->verdict == TW_VERDICT_WELCOMED && rig->tokens_used) {
        reply->verdict = TW_VERDICT_TOKEN_USED;
        reply->refused_size = TW_REFUSED_SIZE;
        tw_refused_write(reply->refused, TW_REFUSAL_USED, request->hello2, token.psk,
                         tw_crc32c_portable);
    }
    if (reply->verdict != TW_VERDICT_WELCOMED)
        return command;
    struct tw_ephemeral_pair pair = {ephemeral, reply->server_ephemeral};
    assert_true(tw_handshake_derive(&server, request->hello2, &token, &pair, &secrets));
    reply->world = token.world;
    reply->account = token.account;
    memcpy(reply->token_id, token.id, TW_TOKEN_ID_SIZE);
    memcpy(reply->secret_client_to_server, secrets.client_to_server, TW_KEY_SIZE);
    memcpy(reply->secret_server_to_client, secrets.server_to_client, TW_KEY_SIZE);
    memcpy(reply->confirm_key, secrets.confirm_key, TW_KEY_SIZE);
    memcpy(reply->confirm_iv, secrets.confirm_iv, TW_IV_SIZE);
    memcpy(reply->transcript, secrets.transcript, TW_HASH_SIZE);
    reply->resumes_id = rig->resumes_id;
    reply->resume_expires_unix_s = 5000;
    memset(reply->resume_token, token.id[0], sizeof(reply->resume_token));
    return command;
}

static uint64_t sum(const struct rig *rig, size_t offset)
{
    uint64_t total = 0;
    for (uint32_t i = 0; i < rig->workers; i++)
        total += tw_counter_get(
            (const tw_counter *)(const void *)((const uint8_t *)rig->counters[i] + offset));
    return total;
}

uint64_t rig_outcome(const struct rig *rig, enum tw_outcome outcome)
{
    return sum(rig, offsetof(struct tw_worker_counters, outcomes) + outcome * sizeof(tw_counter));
}

uint64_t rig_input(const struct rig *rig, enum tw_input_outcome outcome)
{
    return sum(rig, offsetof(struct tw_worker_counters, inputs) + outcome * sizeof(tw_counter));
}

uint64_t rig_send(const struct rig *rig, enum tw_send_outcome outcome)
{
    return sum(rig, offsetof(struct tw_worker_counters, sends) + outcome * sizeof(tw_counter));
}

uint64_t rig_roaming(const struct rig *rig, enum tw_roaming event)
{
    return sum(rig, offsetof(struct tw_worker_counters, roaming) + event * sizeof(tw_counter));
}

uint64_t rig_message_bytes(const struct rig *rig, enum tw_message_bytes which)
{
    return sum(rig,
               offsetof(struct tw_worker_counters, message_bytes) + which * sizeof(tw_counter));
}

uint64_t rig_verdict(const struct rig *rig, enum tw_verdict verdict)
{
    return sum(rig, offsetof(struct tw_worker_counters, verdicts) + verdict * sizeof(tw_counter));
}
