/* SPDX-License-Identifier: BSD-3-Clause */
#include "dataplane/gate/worker_state.h"

#include "dataplane/gate/idle.h"
#include "dataplane/gate/probe.h"
#include "tickwire/assert.h"

#include <errno.h>
#include <rte_ethdev.h>
#include <rte_malloc.h>
#include <rte_mbuf.h>
#include <signal.h>
#include <sodium.h>
#include <sys/prctl.h>
#include <time.h>

/* Turns this far apart mean that the worker itself was held up: nobody can be blamed for silence.
 */
#define ABSENCE_NS UINT64_C(1000000000)
/* Packets passed to other workers: those of a thousand players who moved and were not taken over
 * yet. To an owner this many cost 1 % of its time if all are garbage, and the burst is half of
 * the places that the ring has for them. */
#define PASS_ON_PER_S 60000u
#define PASS_ON_BURST 256u
/* Inputs: one per tick, a quarter more for clocks that differ, and a second of loss at once. */
#define INPUT_BURST 64u

/* ---- life --------------------------------------------------------------------------------------
 */

static struct tw_budget_rate per_second(uint32_t packets)
{
    return tw_budget_rate_make(packets, packets);
}

static void init_budgets(struct tw_worker *worker, const struct tw_config *config)
{
    const struct tw_config_limits *limits = &config->limits;
    worker->budgets.stranger_rate = per_second(limits->stranger_pps);
    worker->budgets.pass_on_rate = tw_budget_rate_make(PASS_ON_PER_S, PASS_ON_BURST);
    tw_path_tries_init(&worker->budgets.path_tries, worker->config.seed ^ worker->config.index);
    worker->budgets.arp_rate = per_second(limits->arp_pps);
    worker->budgets.icmp_rate = per_second(limits->icmp_pps);
    worker->budgets.source_rate = per_second(limits->source_pps);
    worker->budgets.session_rate = per_second(limits->session_pps);
    worker->budgets.input_rate =
        tw_budget_rate_make((uint64_t)config->world.tick_hz * 5u / 4u, INPUT_BURST);
    uint8_t key[16];
    randombytes_buf(key, sizeof(key));
    tw_source_budgets_init(&worker->budgets.sources, key);
}

/* A recorded client follows nobody: a lab stays in phase 0. */
static struct tw_phase_limits phase_limits(const struct tw_config *config)
{
    bool lab = config->engine.lab == TW_LAB_MODE_ON;
    return (struct tw_phase_limits){
        .packets = config->limits.rekey_packets,
        .duration_ns = lab ? 0 : config->limits.rekey_s * UINT64_C(1000000000),
    };
}

static void init_interfaces(struct tw_worker *worker)
{
    worker->interface_count = tw_config_port_count(worker->config.config);
    for (uint32_t i = 0; i < worker->interface_count; i++) {
        const struct tw_worker_port *port = &worker->config.ports[i];
        struct tw_interface *interface = &worker->interfaces[i];
        tw_interface_init(interface, &worker->config.config->ports[i], port->id, port->mac);
        interface->has_port = rte_eth_dev_is_valid_port(port->id) != 0;
        interface->writers = tw_transmit_writers(port->tx_checksum);
    }
}

/* False if memory is short. */
static bool init_tables(struct tw_worker *worker)
{
    const struct tw_worker_config *config = &worker->config;
    uint32_t sessions = config->config->engine.sessions_max;
    uint32_t handshakes = config->config->limits.pending_max;
    worker->session_memory_size = tw_sessions_footprint(sessions);
    worker->session_memory =
        rte_zmalloc_socket("sessions", worker->session_memory_size, 64, config->socket);
    worker->pending_memory = rte_zmalloc_socket(
        "handshakes", tw_pending_footprint(handshakes, sessions), 64, config->socket);
    worker->filter_memory =
        rte_zmalloc_socket("filters", tw_filter_footprint(sessions), 64, config->socket);
    worker->owed.slots =
        rte_zmalloc_socket("owed", sessions * sizeof(uint32_t), 64, config->socket);
    worker->pongs = rte_zmalloc_socket("pongs", sessions * sizeof(uint32_t), 64, config->socket);
    worker->talk_memory = rte_zmalloc_socket(
        "messages", tw_talk_footprint(sessions, config->shards, &config->config->limits), 64,
        config->socket);
    worker->life_memory =
        rte_zmalloc_socket("lives", tw_life_footprint(sessions), 64, config->socket);
    worker->grants =
        rte_zmalloc_socket("resume tokens", tw_resume_footprint(sessions), 64, config->socket);
    if (!worker->grants || !worker->session_memory || !worker->pending_memory ||
        !worker->filter_memory || !worker->owed.slots || !worker->pongs || !worker->talk_memory ||
        !worker->life_memory)
        return false;
    tw_sessions_init(&worker->sessions, worker->session_memory, sessions, config->index,
                     config->seed);
    tw_talk_init(&worker->talk, worker->talk_memory, sessions, config->shards, config->config);
    const struct tw_config_life *life = &config->config->life;
    const struct tw_life_times times = {.degraded_ms = life->degraded_ms,
                                        .pause_ms = life->pause_ms,
                                        .park_ms = life->park_ms,
                                        .grace_ms = life->grace_ms};
    tw_life_init(&worker->lives, worker->life_memory, &times);
    uint8_t key[16];
    randombytes_buf(key, sizeof(key));
    tw_pending_init(&worker->pending, worker->pending_memory, handshakes, sessions, key);
    randombytes_buf(key, sizeof(key));
    tw_filter_init(&worker->filter, worker->filter_memory, key, config->counters);
    return true;
}

static void check_config(const struct tw_worker_config *config)
{
    TW_ASSERT(config->workers > 0 && config->workers <= TW_WORKERS_MAX);
    TW_ASSERT(config->index < config->workers);
    TW_ASSERT(config->shards > 0 && config->shards <= TW_SHARDS_MAX);
    TW_ASSERT(config->config->engine.sessions_max > 0 &&
              config->config->engine.sessions_max <= TW_SESSIONS_PER_WORKER);
    TW_ASSERT(rte_pktmbuf_data_room_size(config->tx_pool) >=
              RTE_PKTMBUF_HEADROOM + TW_DATAGRAM_MAX);
}

struct tw_worker *tw_worker_create(const struct tw_worker_config *config)
{
    check_config(config);
    struct tw_worker *worker =
        rte_zmalloc_socket("worker", sizeof(struct tw_worker), 64, config->socket);
    if (!worker)
        return NULL;
    worker->config = *config;
    worker->cookies.hash = config->cookie_hash;
    init_interfaces(worker);
    init_budgets(worker, config->config);
    tw_conduct_rules_make(&worker->conduct, config->config);
    worker->phase_limits = phase_limits(config->config);
    const struct tw_config_engine *engine = &config->config->engine;
    worker->pacer_rules = tw_pacer_rules_make(config->config->world.tick_hz, engine->spread_percent,
                                              engine->spread_per_ms);
    if (!init_tables(worker)) {
        tw_worker_destroy(worker);
        return NULL;
    }
    worker->live = (struct tw_live){
        .sessions = &worker->sessions,
        .aead = config->aead,
        .session_rate = worker->budgets.session_rate,
        .path_tries = &worker->budgets.path_tries,
    };
    worker->cells_writer = (struct tw_cells_writer){
        .sessions = &worker->sessions,
        .counters = config->counters,
        .input_rate = worker->budgets.input_rate,
        .worker = config->index,
    };
    return worker;
}

void tw_worker_destroy(struct tw_worker *worker)
{
    if (!worker)
        return;
    if (worker->session_memory)
        sodium_memzero(worker->session_memory, worker->session_memory_size);
    sodium_memzero(&worker->cookies, sizeof(worker->cookies));
    tw_delivery_drop(worker);
    rte_free(worker->session_memory);
    rte_free(worker->pending_memory);
    rte_free(worker->filter_memory);
    rte_free(worker->owed.slots);
    rte_free(worker->pongs);
    rte_free(worker->talk_memory);
    rte_free(worker->life_memory);
    rte_free(worker->grants);
    rte_free(worker);
}

/* ---- ports -------------------------------------------------------------------------------------
 */

/* Between two turns, when no frame waits anywhere. */
static void look_at_port_orders(struct tw_worker *worker)
{
    struct tw_port_orders *orders = worker->config.port_orders;
    for (uint32_t i = 0; orders && i < worker->interface_count; i++) {
        struct tw_interface *interface = &worker->interfaces[i];
        uint32_t given = tw_port_orders_look(orders, i);
        if (given == interface->given)
            continue;
        TW_ASSERT(interface->send.count == 0);
        interface->given = given;
        interface->order = tw_port_order_of(given);
        tw_port_orders_obey(orders, i, given);
    }
}

/* ---- loop --------------------------------------------------------------------------------------
 */

/* A world stands at its last tick, and so does what inputs are measured by. */
static uint32_t tick_now(const struct tw_worker *worker)
{
    uint64_t tick =
        tw_worker_server_time_us(worker) * worker->config.config->world.tick_hz / 1000000u;
    return tick < TW_TICK_LAST ? (uint32_t)tick : TW_TICK_LAST;
}

uint32_t tw_worker_turn(struct tw_worker *worker, uint64_t now_ns)
{
    if (now_ns - worker->now_ns >= ABSENCE_NS)
        worker->back_ns = now_ns;
    tw_worker_set_now(worker, now_ns);
    worker->tick = tick_now(worker);
    worker->sent = 0;
    TW_PROBE(turn_begin, worker->config.index);
    look_at_port_orders(worker);
    tw_commands_turn(worker);
    tw_move_take_turn(worker);
    tw_talk_begin_turn(worker);
    uint32_t received = tw_inward_turn(worker);
    TW_PROBE(turn_received, received);
    tw_outward_turn(worker);
    TW_PROBE(turn_written, worker->sent);
    tw_move_give_turn(worker);
    tw_talk_end_turn(worker);
    tw_owed_turn(worker);
    tw_commands_housekeeping(worker);
    tw_route_flush(worker);
    tw_transmit_flush(worker);
    tw_outward_refill(worker);
    TW_PROBE(turn_end, worker->sent);
    return received + worker->sent;
}

bool tw_worker_is_drained(const struct tw_worker *worker)
{
    return atomic_load_explicit(&((struct tw_worker *)(uintptr_t)worker)->drained,
                                memory_order_acquire);
}

static uint64_t monotonic_ns(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

/* net_tap learns of packets by a real-time signal; whoever started us blocked all of them. */
static void unblock_tap_signals(const struct tw_worker *worker)
{
    bool has_tap = false;
    for (uint32_t i = 0; i < worker->interface_count; i++) {
        const struct tw_interface *interface = &worker->interfaces[i];
        struct rte_eth_dev_info info;
        if (interface->has_port && rte_eth_dev_info_get(interface->port_id, &info) == 0)
            has_tap = has_tap || strcmp(info.driver_name, "net_tap") == 0;
    }
    if (!has_tap)
        return;
    sigset_t signals;
    sigemptyset(&signals);
    for (int number = SIGRTMIN; number <= SIGRTMAX; number++)
        sigaddset(&signals, number);
    pthread_sigmask(SIG_UNBLOCK, &signals, NULL);
}

/* No longer than until the next snapshots are to leave. */
long tw_worker_pause_ns(const struct tw_worker *worker, uint32_t empty_turns)
{
    bool deserted = worker->sessions.counts[TW_SESSION_FREE] == worker->sessions.capacity;
    long pause_ns = tw_idle_pause_ns(&worker->config.config->engine, empty_turns, deserted);
    for (uint32_t i = 0; pause_ns > 0 && i < worker->config.shards; i++) {
        uint64_t next_ns = tw_pacer_next_ns(&worker->pacers[i]);
        uint64_t left_ns = next_ns > worker->now_ns ? next_ns - worker->now_ns : 0;
        if (left_ns < (uint64_t)pause_ns)
            pause_ns = (long)left_ns;
    }
    return pause_ns;
}

int tw_worker_run(void *argument)
{
    struct tw_worker *worker = argument;
    struct tw_worker_counters *counters = worker->config.counters;
    uint32_t empty_turns = 0;
    unblock_tap_signals(worker);
    /* Else the kernel rounds 50 µs up to 100. */
    prctl(PR_SET_TIMERSLACK, 1UL, 0UL, 0UL, 0UL);
    uint64_t now_ns = monotonic_ns();
    while (!atomic_load_explicit(worker->config.stop, memory_order_acquire)) {
        if (tw_worker_turn(worker, now_ns) > 0) {
            tw_counter_add(&counters->polls_busy, 1);
            empty_turns = 0;
            now_ns = monotonic_ns();
            continue;
        }
        tw_counter_add(&counters->polls_empty, 1);
        empty_turns += empty_turns < UINT32_MAX;
        struct timespec pause = {.tv_nsec = tw_worker_pause_ns(worker, empty_turns)};
        now_ns = monotonic_ns();
        if (pause.tv_nsec > 0) {
            nanosleep(&pause, NULL);
            uint64_t woken_ns = monotonic_ns();
            tw_counter_add(&counters->slept_ns, woken_ns - now_ns);
            now_ns = woken_ns;
        }
    }
    return 0;
}
