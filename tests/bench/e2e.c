/* SPDX-License-Identifier: BSD-3-Clause */
#include "tests/bench/e2e.h"

#include "dataplane/engine/clock.h"
#include "dataplane/engine/engine.h"
#include "dataplane/gate/mailbox.h"
#include "dataplane/wire/token.h"
#include "tests/bench/clients.h"
#include "tests/bench/output.h"
#include "tickwire/assert.h"
#include "tickwire/config.h"

#include <inttypes.h>
#include <rte_eth_ring.h>
#include <rte_launch.h>
#include <rte_mbuf.h>
#include <rte_ring_elem.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PORT_RING_SIZE   8192u
#define CLIENTS_PER_TURN 64u
#define SERVER_PORT      40000u
#define CLIENT_ADDRESS   UINT32_C(0xc6120002)

struct bench {
    struct tw_config config;
    struct tw_topology topology;
    struct tw_engine engine;
    struct rte_ring *to_engine, *from_engine; /* mbuf pointers */
    struct rte_mempool *pool;                 /* of the clients */
    struct tw_clients *clients;
    struct tw_connect_token *tokens;
    /* the control plane's half of the handshake */
    struct tw_token_key token_key;
    uint8_t static_secret[TW_KEY_SIZE], static_public[TW_KEY_SIZE];
    uint8_t audience[TW_AUDIENCE_SIZE];
    struct tw_worker_event event;
    struct tw_worker_command command;
    /* worker lcore: w, main: r */
    _Atomic uint32_t connected;
    _Atomic uint64_t clients_ns, worker_ns, aead_ns, port_full;
    _Atomic bool measuring; /* main: w, worker lcore: r */
};

static struct bench bench;
static const struct tw_aead_backend *shipped_aead; /* what the engine chose */
static struct tw_aead_backend timed_aead;          /* the same, with a clock around it */

/* ---- the worker's AEAD, timed ---------------------------------------------------------------- */

static void timed_open(struct tw_aead_job *jobs, size_t count)
{
    uint64_t start_ns = tw_clock_now_ns();
    shipped_aead->open(jobs, count);
    tw_counter_add(&bench.aead_ns, tw_clock_now_ns() - start_ns);
}

static void timed_seal(struct tw_aead_job *jobs, size_t count)
{
    uint64_t start_ns = tw_clock_now_ns();
    shipped_aead->seal(jobs, count);
    tw_counter_add(&bench.aead_ns, tw_clock_now_ns() - start_ns);
}

/* ---- the worker's lcore: clients and worker in turn ------------------------------------------ */

static void send_frame(void *context, const uint8_t *frame, uint32_t length)
{
    (void)context;
    struct rte_mbuf *mbuf = rte_pktmbuf_alloc(bench.pool);
    if (mbuf == NULL) {
        tw_counter_add(&bench.port_full, 1);
        return;
    }
    memcpy(rte_pktmbuf_append(mbuf, (uint16_t)length), frame, length);
    if (rte_ring_sp_enqueue(bench.to_engine, mbuf) != 0) {
        tw_counter_add(&bench.port_full, 1);
        rte_pktmbuf_free(mbuf);
    }
}

static uint32_t receive_frames(uint64_t now_ns)
{
    void *mbufs[CLIENTS_PER_TURN];
    uint32_t count = rte_ring_sc_dequeue_burst(bench.from_engine, mbufs, CLIENTS_PER_TURN, NULL);
    for (uint32_t i = 0; i < count; i++) {
        struct rte_mbuf *mbuf = mbufs[i];
        tw_clients_receive(bench.clients, rte_pktmbuf_mtod(mbuf, const uint8_t *), mbuf->data_len,
                           now_ns);
        rte_pktmbuf_free(mbuf);
    }
    return count;
}

static int run_worker(void *argument)
{
    (void)argument;
    TW_ASSERT(tw_aead_thread_start(shipped_aead));
    while (!atomic_load_explicit(&bench.engine.stop, memory_order_acquire)) {
        tw_clients_measure(bench.clients, atomic_load(&bench.measuring));
        uint64_t start_ns = tw_clock_now_ns();
        uint32_t received = receive_frames(start_ns);
        tw_clients_turn(bench.clients, start_ns, CLIENTS_PER_TURN);
        uint64_t middle_ns = tw_clock_now_ns();
        uint32_t moved = tw_worker_turn(bench.engine.workers[0], middle_ns);
        uint64_t end_ns = tw_clock_now_ns();
        atomic_store(&bench.connected, tw_clients_connected(bench.clients));
        if (received + moved == 0) {
            tw_clock_sleep_until_ns(end_ns + 20000);
            continue;
        }
        tw_counter_add(&bench.clients_ns, middle_ns - start_ns);
        tw_counter_add(&bench.worker_ns, end_ns - middle_ns);
    }
    tw_aead_thread_end(shipped_aead);
    return 0;
}

/* ---- the main thread: the control plane's half ---------------------------------------------- */

static void command(enum tw_command_type type)
{
    bench.command.type = (uint16_t)type;
    if (rte_ring_sp_enqueue_elem(tw_engine_commands(&bench.engine, 0), &bench.command,
                                 sizeof(bench.command)) != 0)
        fprintf(stderr, "bench: command ring full\n");
    memset(&bench.command, 0, sizeof(bench.command));
}

static void answer_handshake(const struct tw_agent_handshake_request *request)
{
    struct tw_handshake_server server = {
        .token_keys = &bench.token_key,
        .token_key_count = 1,
        .static_secret = bench.static_secret,
        .audience = bench.audience,
        .suites = bench.config.control.suites & tw_aead_sodium()->suites,
        .world = bench.config.world.id,
    };
    struct tw_agent_handshake_reply *reply = &bench.command.reply;
    struct tw_token token;
    struct tw_session_secrets secrets;
    uint8_t ephemeral_secret[TW_KEY_SIZE];
    randombytes_buf(ephemeral_secret, sizeof(ephemeral_secret));
    reply->request = request->request;
    struct tw_hello2_arrival arrival = {request->hello2, &request->destination,
                                        (uint64_t)time(NULL)};
    struct tw_ephemeral_pair pair = {ephemeral_secret, reply->server_ephemeral};
    reply->verdict = tw_handshake_check(&server, &arrival, &token, &reply->suite);
    if (reply->verdict == TW_VERDICT_WELCOMED &&
        tw_handshake_derive(&server, request->hello2, &token, &pair, &secrets)) {
        reply->world = token.world;
        reply->account = token.account;
        memcpy(reply->token_id, token.id, sizeof(token.id));
        memcpy(reply->secret_client_to_server, secrets.client_to_server, TW_KEY_SIZE);
        memcpy(reply->secret_server_to_client, secrets.server_to_client, TW_KEY_SIZE);
        memcpy(reply->confirm_key, secrets.confirm_key, TW_KEY_SIZE);
        memcpy(reply->confirm_iv, secrets.confirm_iv, TW_IV_SIZE);
        memcpy(reply->transcript, secrets.transcript, TW_HASH_SIZE);
    } else {
        fprintf(stderr, "bench: handshake refused: %s\n", tw_verdict_name[reply->verdict]);
    }
    command(TW_COMMAND_HANDSHAKE_REPLY);
}

static void answer_events(void)
{
    while (rte_ring_sc_dequeue_elem(tw_engine_events(&bench.engine, 0), &bench.event,
                                    sizeof(bench.event)) == 0)
        if (bench.event.type == TW_EVENT_HANDSHAKE)
            answer_handshake(&bench.event.handshake);
}

static void wait_until(uint64_t deadline_ns)
{
    while (tw_clock_now_ns() < deadline_ns) {
        answer_events();
        tw_clock_sleep_until_ns(tw_clock_now_ns() + TW_MILLISECOND_NS);
    }
}

/* ---- preparation ---------------------------------------------------------------------------- */

static void make_config(uint32_t players)
{
    tw_config_defaults(&bench.config);
    struct tw_config_engine *engine = &bench.config.engine;
    struct tw_config_port *port = &bench.config.ports[0];
    port->device[0] = '\0';
    port->address = UINT32_C(0xc6120001);
    port->prefix_length = 24;
    port->udp_port = SERVER_PORT;
    engine->workers = 1;
    engine->shards = 1;
    engine->sessions_max = players + players / 8 + 16;
    engine->memory_mb = 1024;
    engine->idle = TW_IDLE_BACKOFF;
    bench.config.limits.stranger_pps = 1000000;
    bench.config.limits.source_pps = 1000000;
    struct tw_config_world *world = &bench.config.world;
    world->players_max = players + 16;
    world->entities_max = world->players_max + world->npcs + world->obstacles + 16;
}

static bool make_tokens(uint32_t players)
{
    bench.tokens = calloc(players, sizeof(*bench.tokens));
    if (bench.tokens == NULL)
        return false;
    randombytes_buf(&bench.token_key, sizeof(bench.token_key));
    randombytes_buf(bench.static_secret, sizeof(bench.static_secret));
    if (crypto_scalarmult_base(bench.static_public, bench.static_secret) != 0)
        return false;
    tw_token_audience(bench.audience, bench.config.engine.name);
    uint64_t now_s = (uint64_t)time(NULL);
    for (uint32_t i = 0; i < players; i++) {
        struct tw_token token = {.account = i + 1,
                                 .world = bench.config.world.id,
                                 .version = TW_PROTOCOL_VERSION,
                                 .suites = bench.config.control.suites,
                                 .address_count = 1,
                                 .expires_unix_s = now_s + 3600,
                                 .issued_unix_s = now_s};
        randombytes_buf(token.id, sizeof(token.id));
        randombytes_buf(token.psk, sizeof(token.psk));
        memcpy(token.audience, bench.audience, sizeof(token.audience));
        token.addresses[0] = tw_address_from_ipv4(bench.config.ports[0].address, SERVER_PORT);
        uint8_t nonce[TW_TOKEN_NONCE_SIZE];
        randombytes_buf(nonce, sizeof(nonce));
        struct tw_connect_token *connect = &bench.tokens[i];
        connect->version = token.version;
        connect->suites = token.suites;
        connect->address_count = 1;
        connect->expires_unix_s = token.expires_unix_s;
        connect->addresses[0] = token.addresses[0];
        tw_token_seal(connect->token, &token, bench.token_key.id, bench.token_key.key, nonce);
        memcpy(connect->server_key, bench.static_public, TW_KEY_SIZE);
        memcpy(connect->psk, token.psk, TW_KEY_SIZE);
    }
    return true;
}

static bool make_port(void)
{
    unsigned int flags = RING_F_SP_ENQ | RING_F_SC_DEQ;
    bench.to_engine = rte_ring_create("bench_in", PORT_RING_SIZE, 0, flags);
    bench.from_engine = rte_ring_create("bench_out", PORT_RING_SIZE, 0, flags);
    bench.pool = rte_pktmbuf_pool_create("bench", 2 * PORT_RING_SIZE - 1, 256, 0, 2176, 0);
    return bench.to_engine != NULL && bench.from_engine != NULL && bench.pool != NULL &&
           rte_eth_from_rings("bench", &bench.to_engine, 1, &bench.from_engine, 1, 0) >= 0;
}

static bool make_clients(uint32_t players)
{
    struct tw_clients_config config = {
        .count = players,
        .tick_hz = bench.config.world.tick_hz,
        .snapshot_hz = bench.config.world.snapshot_hz,
        .epoch_ns = bench.engine.epoch_ns,
        .server = tw_address_from_ipv4(bench.config.ports[0].address, SERVER_PORT),
        .suites = bench.config.control.suites & tw_aead_sodium()->suites,
        .tokens = bench.tokens,
        .send = send_frame,
    };
    memcpy(config.server_mac, bench.engine.ports[0].mac, sizeof(config.server_mac));
    bench.clients = tw_clients_create(&config);
    return bench.clients != NULL;
}

static bool prepare(uint32_t players)
{
    struct tw_topology_host host;
    struct tw_topology_error topology_error;
    struct tw_engine_error error = {0};
    tw_topology_host_probe(&host);
    make_config(players);
    if (!tw_topology_build(&bench.topology, &bench.config, &host, &topology_error)) {
        fprintf(stderr, "bench: %s\n", topology_error.message);
        return false;
    }
    if (!make_tokens(players) ||
        !tw_engine_begin(&bench.engine, &bench.config, &bench.topology, &error) || !make_port()) {
        fprintf(stderr, "bench: %s\n", error.message[0] ? error.message : "no memory");
        return false;
    }
    shipped_aead = bench.engine.aead;
    timed_aead = *shipped_aead;
    timed_aead.open = timed_open;
    timed_aead.seal = timed_seal;
    bench.engine.aead = &timed_aead;
    struct tw_port_error port_error = {0};
    if (!tw_engine_build(&bench.engine, "net_ring_bench", &error) ||
        !tw_port_start(&bench.engine.ports[0], &port_error) || !make_clients(players)) {
        fprintf(stderr, "bench: %s%s\n", error.message, port_error.message);
        return false;
    }
    randombytes_buf(bench.command.cookie.key, TW_KEY_SIZE);
    bench.command.cookie.slot = 1;
    command(TW_COMMAND_COOKIE_KEY);
    bench.command.control.linked = 1;
    command(TW_COMMAND_CONTROL_STATE);
    bench.command.neighbour.address = tw_address_from_ipv4(CLIENT_ADDRESS, 0);
    memcpy(bench.command.neighbour.mac, (const uint8_t[6]){2, 0, 0, 0, 0, 2}, TW_MAC_SIZE);
    command(TW_COMMAND_NEIGHBOUR_SET);
    bench.engine.launched = true;
    return rte_eal_remote_launch(tw_shard_loop_run, bench.engine.shards[0], 2) == 0 &&
           rte_eal_remote_launch(run_worker, NULL, 1) == 0;
}

/* ---- figures -------------------------------------------------------------------------------- */

struct totals {
    uint64_t lost, late, skipped, routed, aead_ns, worker_ns, clients_ns, ticks;
    uint32_t tick_counts[TW_HISTOGRAM_BUCKETS];
};

static void copy_histogram(uint32_t *counts, const struct tw_histogram *histogram)
{
    for (uint32_t i = 0; i < TW_HISTOGRAM_BUCKETS; i++)
        counts[i] = atomic_load_explicit((_Atomic uint32_t *)(uintptr_t)&histogram->buckets[i],
                                         memory_order_relaxed);
}

static void read_totals(struct totals *totals)
{
    const struct tw_worker_counters *worker = bench.engine.worker_counters[0];
    const struct tw_shard_counters *shard = bench.engine.shard_counters[0];
    memset(totals, 0, sizeof(*totals));
    for (uint32_t i = 0; i < TW_OUTCOME_COUNT; i++)
        if (tw_outcome_info[i].kind == TW_KIND_DROPPED)
            totals->lost += tw_counter_get(&worker->outcomes[i]);
    for (uint32_t i = 0; i < TW_SEND_COUNT; i++)
        if (i != TW_SEND_SENT)
            totals->lost += tw_counter_get(&worker->sends[i]);
    totals->lost += tw_counter_get(&worker->inputs[TW_INPUT_RING_FULL]);
    totals->lost += tw_counter_get(&shard->snapshots_no_buffer);
    totals->lost += tw_counter_get(&bench.port_full);
    totals->routed = tw_counter_get(&worker->inputs[TW_INPUT_ROUTED]);
    totals->late = tw_counter_get(&shard->ticks_late);
    totals->skipped = tw_counter_get(&shard->ticks_skipped);
    totals->ticks = tw_counter_get(&shard->ticks);
    totals->aead_ns = tw_counter_get(&bench.aead_ns);
    totals->worker_ns = tw_counter_get(&bench.worker_ns);
    totals->clients_ns = tw_counter_get(&bench.clients_ns);
    copy_histogram(totals->tick_counts, &shard->tick_ns);
}

/* GB of memory in use, hugepages included. */
static double resident_gb(void)
{
    FILE *file = fopen("/proc/self/status", "re");
    if (file == NULL)
        return 0;
    char line[256];
    uint64_t sum_kb = 0;
    while (fgets(line, sizeof(line), file) != NULL) {
        uint64_t value_kb;
        if (sscanf(line, "VmRSS: %" SCNu64, &value_kb) == 1 ||
            sscanf(line, "HugetlbPages: %" SCNu64, &value_kb) == 1)
            sum_kb += value_kb;
    }
    fclose(file);
    return (double)sum_kb / 1048576.0;
}

static char metric_prefix[32], setup_text[256];

static void print(const char *name, double value, const char *unit)
{
    char metric[64];
    snprintf(metric, sizeof(metric), "%s.%s", metric_prefix, name);
    tw_bench_print(metric, value, unit, setup_text);
}

static double percentile_ms(const struct tw_histogram *histogram, uint32_t permille)
{
    static uint32_t counts[TW_HISTOGRAM_BUCKETS];
    copy_histogram(counts, histogram);
    return (double)tw_histogram_permille(counts, permille) / 1e6;
}

static void print_results(const struct tw_e2e_options *options, const struct totals *before,
                          const struct totals *after)
{
    const struct tw_clients_results *results = tw_clients_get_results(bench.clients);
    uint8_t suites = bench.config.control.suites & tw_aead_sodium()->suites;
    if (options->players % 1000 == 0)
        snprintf(metric_prefix, sizeof(metric_prefix), "e2e.%uk", options->players / 1000);
    else
        snprintf(metric_prefix, sizeof(metric_prefix), "e2e.%u", options->players);
    snprintf(
        setup_text, sizeof(setup_text),
        "in process over a ring port, cooperative generator, %s %s, inputs %u Hz, snapshots %u "
        "Hz, %u s, %s, steered 2 ticks ahead",
        (suites & TW_SUITE_AES256_GCM) != 0 ? "aes256gcm" : "chacha20poly1305",
        (suites & TW_SUITE_AES256_GCM) != 0 ? bench.engine.aead_report.aes256_gcm
                                            : bench.engine.aead_report.chacha20_poly1305,
        bench.config.world.tick_hz, bench.config.world.snapshot_hz, options->seconds,
        bench.engine.hugepages ? "hugepages" : "no hugepages");
    static uint32_t tick_counts[TW_HISTOGRAM_BUCKETS];
    uint64_t tick_ns = 0;
    for (uint32_t i = 0; i < TW_HISTOGRAM_BUCKETS; i++) {
        tick_counts[i] = after->tick_counts[i] - before->tick_counts[i];
        tick_ns += tick_counts[i] * tw_histogram_value(i);
    }
    uint64_t engine_ns = after->worker_ns - before->worker_ns + tick_ns;
    double seconds = options->seconds;
    print("loss", (double)(after->lost - before->lost), "count");
    print("late_ticks", (double)(after->late - before->late + after->skipped - before->skipped),
          "count");
    print("engine_latency_p99", percentile_ms(&results->engine_latency, 990), "ms");
    print("latency_p99", percentile_ms(&results->latency, 990), "ms");
    print("latency_p50", percentile_ms(&results->latency, 500), "ms");
    print("jitter_p99", percentile_ms(&results->jitter, 990), "ms");
    print("aead_share", 100.0 * (double)(after->aead_ns - before->aead_ns) / (double)engine_ns,
          "%");
    print("inputs", (double)(after->routed - before->routed) / seconds, "1/s");
    print("snapshots", (double)results->snapshots / seconds, "1/s");
    print("tick_p99", (double)tw_histogram_permille(tick_counts, 990) / 1e6, "ms");
    print("worker_busy", (double)(after->worker_ns - before->worker_ns) / seconds / 1e7, "%");
    print("generator_busy", (double)(after->clients_ns - before->clients_ns) / seconds / 1e7, "%");
    print("views_wrong", (double)results->views_wrong, "count");
    snprintf(setup_text, sizeof(setup_text),
             "engine and generator in one process, no control plane");
    print("rss", resident_gb(), "GB");
    fprintf(stderr,
            "bench: %" PRIu64 " inputs sent, %" PRIu64 " snapshots, %" PRIu64 " missed, %" PRIu64
            " views checked, %" PRIu64 " wrong\n",
            results->inputs_sent, results->snapshots, results->snapshot_gaps,
            results->views_checked, results->views_wrong);
}

static void print_drops(void)
{
    const struct tw_worker_counters *worker = bench.engine.worker_counters[0];
    for (uint32_t i = 0; i < TW_OUTCOME_COUNT; i++)
        if (tw_counter_get(&worker->outcomes[i]) > 0)
            fprintf(stderr, "bench: packets %s %" PRIu64 "\n", tw_outcome_info[i].name,
                    tw_counter_get(&worker->outcomes[i]));
    for (uint32_t i = 0; i < TW_SEND_COUNT; i++)
        if (tw_counter_get(&worker->sends[i]) > 0)
            fprintf(stderr, "bench: sends %s %" PRIu64 "\n", tw_send_outcome_name[i],
                    tw_counter_get(&worker->sends[i]));
}

static bool wait_for_clients(uint32_t players)
{
    for (uint32_t second = 0; second < 20; second++) {
        wait_until(tw_clock_now_ns() + TW_SECOND_NS);
        uint32_t connected = atomic_load(&bench.connected);
        fprintf(stderr, "bench: %u of %u clients connected\n", connected, players);
        if (connected == players)
            return true;
    }
    return false;
}

int tw_e2e_run(const struct tw_e2e_options *options)
{
    static struct totals before, after;
    int status = 1;
    if (prepare(options->players)) {
        if (wait_for_clients(options->players)) {
            wait_until(tw_clock_now_ns() + TW_SECOND_NS);
            read_totals(&before);
            atomic_store(&bench.measuring, true);
            wait_until(tw_clock_now_ns() + options->seconds * TW_SECOND_NS);
            atomic_store(&bench.measuring, false);
            read_totals(&after);
            status = 0;
        }
        tw_engine_join(&bench.engine);
        print_drops();
        if (status == 0)
            print_results(options, &before, &after);
        else
            fprintf(stderr, "bench: clients did not connect\n");
        tw_clients_destroy(bench.clients);
    }
    tw_engine_stop(&bench.engine);
    free(bench.tokens);
    return status;
}
