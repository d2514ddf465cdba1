/* SPDX-License-Identifier: BSD-3-Clause */
#include "dataplane/engine/main_loop_state.h"

#include "dataplane/engine/clock.h"
#include "dataplane/engine/eal.h"
#include "dataplane/engine/port_watch.h"
#include "dataplane/engine/telemetry.h"
#include "dataplane/engine/tick_schedule.h"
#include "dataplane/gate/ring.h"
#include "dataplane/wire/cookie.h"
#include "tickwire/assert.h"

#include <inttypes.h>
#include <poll.h>
#include <signal.h>
#include <sodium.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <unistd.h>

#define IDLE_NS      TW_MILLISECOND_NS
#define STOP_NS      (3 * TW_SECOND_NS)
#define FLUSH_NS     (TW_SECOND_NS / 2)
#define REFRESH_NS   (TW_SECOND_NS / 4)
#define ASKS_AT_ONCE 16u
/* Requests of a second's worth of handshakes: main visits the link every millisecond. */
#define MESSAGES_MIN 1024u

/* ---- timers ---------------------------------------------------------------------------------- */

static void rotate_cookie(struct tw_main_loop *loop, uint64_t now_ns)
{
    randombytes_buf(loop->cookie_key, sizeof(loop->cookie_key));
    loop->cookie_slot++;
    loop->cookie_due_ns = now_ns + TW_COOKIE_ROTATION_S * TW_SECOND_NS;
    for (uint32_t worker = 0; worker < loop->workers; worker++)
        loop->mailboxes[worker].owes_cookie = true;
}

static void publish_filters(struct tw_main_loop *loop)
{
    struct tw_agent_filter_counters figures;
    uint32_t next = 0;
    while (tw_filters_figures(loop->filters, &next, &figures))
        tw_agent_protocol_push(loop->protocol, TW_AGENT_FILTER_COUNTERS, &figures, sizeof(figures));
}

static void publish_stats(struct tw_main_loop *loop, uint64_t now_ns)
{
    tw_stats_collect(&loop->stats, loop->engine, now_ns, &loop->newest);
    loop->newest.events_lost = tw_agent_protocol_counters(loop->protocol).events_lost;
    tw_telemetry_publish(&loop->newest);
    if (!tw_agent_protocol_is_linked(loop->protocol))
        return;
    tw_agent_protocol_push(loop->protocol, TW_AGENT_STATS, &loop->newest, sizeof(loop->newest));
    publish_filters(loop);
}

static void refresh_neighbours(struct tw_main_loop *loop, uint64_t now_ns)
{
    for (uint8_t interface = 0; interface < loop->engine->topology->ports; interface++) {
        for (uint32_t family = 0; family < TW_NEIGHBOUR_FAMILIES; family++) {
            uint8_t asks[ASKS_AT_ONCE][16];
            uint32_t count = tw_neighbour_table_refresh(&loop->neighbours[interface][family],
                                                        now_ns, asks, ASKS_AT_ONCE);
            for (uint32_t i = 0; i < count; i++)
                tw_mail_ask_neighbour(loop, interface, asks[i]);
        }
    }
}

static void run_timers(struct tw_main_loop *loop, uint64_t now_ns)
{
    if (now_ns >= loop->cookie_due_ns)
        rotate_cookie(loop, now_ns);
    if (now_ns >= loop->stats_due_ns) {
        loop->stats_due_ns = now_ns + TW_SECOND_NS;
        publish_stats(loop, now_ns);
    }
    if (now_ns >= loop->neighbours_due_ns) {
        loop->neighbours_due_ns = now_ns + REFRESH_NS;
        refresh_neighbours(loop, now_ns);
    }
}

void tw_main_loop_turn(struct tw_main_loop *loop, uint64_t now_ns)
{
    if (!loop->stopping)
        loop->no_port_left = !tw_port_watch_turn(loop->engine, now_ns);
    run_timers(loop, now_ns);
    tw_mail_drain_events(loop, now_ns);
    tw_agent_link_send(&loop->link, now_ns);
    tw_mail_receive_from_link(loop, now_ns);
    tw_mail_follow_link(loop);
    tw_filters_turn(loop->filters);
    tw_mail_settle(loop);
    tw_agent_link_send(&loop->link, now_ns);
}

/* ---- life ------------------------------------------------------------------------------------ */

static bool create_protocol(struct tw_main_loop *loop)
{
    const struct tw_config *config = loop->engine->config;
    uint64_t sessions = (uint64_t)config->engine.sessions_max * loop->workers;
    uint64_t requests = (uint64_t)config->limits.pending_max * loop->workers;
    struct tw_agent_protocol_config wanted = {
        .hello = {.address =
                      tw_address_from_ipv4(config->ports[0].address, config->ports[0].udp_port),
                  .pid = (uint32_t)getpid(),
                  .world = config->world.id,
                  .started_unix_s = (uint64_t)time(NULL),
                  .boot_id = loop->engine->boot_id,
                  .lab = config->engine.lab == TW_LAB_MODE_ON},
        .messages_max = (uint32_t)(requests < MESSAGES_MIN ? MESSAGES_MIN : requests),
        /* With the control plane away nobody joins: a confirmation and an end per session. */
        .events_max = (uint32_t)(sessions < MESSAGES_MIN ? 2 * MESSAGES_MIN : 2 * sessions),
    };
    memcpy(wanted.hello.name, config->engine.name, sizeof(wanted.hello.name));
    if (wanted.events_max > 1u << 20)
        wanted.events_max = 1u << 20;
    size_t size = tw_agent_protocol_footprint(&wanted);
    void *memory = size != 0 ? aligned_alloc(64, size) : NULL;
    if (memory == NULL)
        return false;
    loop->protocol = tw_agent_protocol_init(memory, &wanted);
    return true;
}

static bool create_lab(struct tw_main_loop *loop)
{
    const struct tw_config *config = loop->engine->config;
    const struct tw_lab_import_config wanted = {
        .lab = config->engine.lab == TW_LAB_MODE_ON,
        .ports = loop->engine->topology->ports,
        .workers = loop->workers,
        .sessions_max = config->engine.sessions_max,
        .world = config->world.id,
        .suites = loop->engine->aead != NULL ? loop->engine->aead->suites : 0,
    };
    void *memory = aligned_alloc(64, tw_lab_import_footprint(&wanted));
    if (memory == NULL)
        return false;
    loop->lab = tw_lab_import_init(memory, &wanted);
    return true;
}

struct tw_main_loop *tw_main_loop_create(struct tw_engine *engine)
{
    struct tw_main_loop *loop = calloc(1, sizeof(*loop));
    if (loop == NULL)
        return NULL;
    loop->engine = engine;
    loop->workers = engine->topology->workers;
    loop->filters = tw_filters_create(engine->worker_counters, loop->workers);
    if (loop->filters == NULL || !create_protocol(loop) || !create_lab(loop)) {
        tw_filters_destroy(loop->filters);
        free(loop->protocol);
        free(loop);
        return NULL;
    }
    for (uint32_t worker = 0; worker < loop->workers; worker++) {
        loop->mailboxes[worker].events = tw_engine_events(engine, worker);
        loop->mailboxes[worker].commands = tw_engine_commands(engine, worker);
    }
    const struct tw_config *config = engine->config;
    tw_agent_link_init(&loop->link, loop->protocol, config->control.agent_socket);
    for (uint32_t i = 0; i < engine->topology->ports; i++) {
        tw_neighbour_table_init_ipv4(&loop->neighbours[i][TW_NEIGHBOUR_IPV4], &config->ports[i],
                                     loop->workers);
        tw_neighbour_table_init_ipv6(&loop->neighbours[i][TW_NEIGHBOUR_IPV6], &config->ports[i],
                                     loop->workers);
    }
    return loop;
}

void tw_main_loop_set_key_log(struct tw_main_loop *loop, FILE *key_log)
{
    loop->key_log = key_log;
}

void tw_main_loop_destroy(struct tw_main_loop *loop)
{
    if (loop == NULL)
        return;
    tw_agent_link_close(&loop->link, 0);
    tw_agent_protocol_disconnected(loop->protocol);
    free(loop->protocol);
    free(loop->lab);
    tw_filters_destroy(loop->filters);
    sodium_memzero(loop, sizeof(*loop));
    free(loop);
}

static void exit_now(int number)
{
    (void)number;
    tw_eal_abandon();
    _exit(1);
}

static int open_signals(void)
{
    sigset_t signals;
    sigemptyset(&signals);
    sigaddset(&signals, SIGTERM);
    sigaddset(&signals, SIGINT);
    sigaddset(&signals, SIGHUP);
    return signalfd(-1, &signals, SFD_NONBLOCK | SFD_CLOEXEC);
}

/* From here on SIGTERM and SIGINT end the process at once, whatever the main thread waits for. */
static void arm_second_signal(void)
{
    struct sigaction action = {.sa_handler = exit_now};
    sigaction(SIGTERM, &action, NULL);
    sigaction(SIGINT, &action, NULL);
    sigset_t signals;
    sigemptyset(&signals);
    sigaddset(&signals, SIGTERM);
    sigaddset(&signals, SIGINT);
    pthread_sigmask(SIG_UNBLOCK, &signals, NULL);
}

/* Ticks are used up soon: whoever starts us again gets a world that begins anew. */
static bool world_is_over(const struct tw_main_loop *loop)
{
    const struct tw_engine *engine = loop->engine;
    for (uint32_t i = 0; i < engine->topology->shards; i++)
        if (tw_tick_is_near_the_last(tw_shard_loop_tick(engine->shards[i]),
                                     engine->config->world.tick_hz))
            return true;
    return false;
}

/* Sleeps up to IDLE_NS; true when a signal to stop arrived. */
static bool wait_for_work(struct tw_main_loop *loop, int signal_fd)
{
    struct pollfd watched[2] = {
        {.fd = signal_fd, .events = POLLIN},
        {.fd = tw_mail_has_room(loop) ? loop->link.fd : -1, .events = POLLIN},
    };
    struct timespec timeout = {.tv_nsec = (long)IDLE_NS};
    ppoll(watched, 2, &timeout, NULL);
    struct signalfd_siginfo info;
    return (watched[0].revents & POLLIN) != 0 && read(signal_fd, &info, sizeof(info)) > 0;
}

static bool events_taken(const struct tw_main_loop *loop)
{
    for (uint32_t worker = 0; worker < loop->workers; worker++)
        if (tw_ring_used(loop->mailboxes[worker].events) > 0)
            return false;
    return true;
}

static bool is_drained(const struct tw_main_loop *loop)
{
    for (uint32_t worker = 0; worker < loop->workers; worker++)
        if (!tw_worker_is_drained(loop->engine->workers[worker]))
            return false;
    return events_taken(loop);
}

static bool is_flushed(const struct tw_main_loop *loop)
{
    return !tw_agent_link_is_up(&loop->link) ||
           (events_taken(loop) && tw_agent_protocol_is_idle(loop->protocol) &&
            !tw_agent_protocol_is_resyncing(loop->protocol));
}

static void print_final(const struct tw_main_loop *loop)
{
    struct tw_agent_protocol_counters agent = tw_agent_protocol_counters(loop->protocol);
    uint64_t changes = 0, refused_foreign = 0, refused_full = 0;
    uint32_t known = 0;
    for (uint32_t i = 0; i < loop->engine->topology->ports * TW_NEIGHBOUR_FAMILIES; i++) {
        const struct tw_neighbour_table *table =
            &loop->neighbours[i / TW_NEIGHBOUR_FAMILIES][i % TW_NEIGHBOUR_FAMILIES];
        known += table->count;
        changes += table->changes;
        refused_foreign += table->refused_foreign;
        refused_full += table->refused_full;
    }
    char extra[512];
    snprintf(extra, sizeof(extra),
             ",\"agent\":{\"connects\":%" PRIu64 ",\"losses\":%" PRIu64 ",\"stalls\":%" PRIu64
             ",\"messages_dropped\":%" PRIu64 ",\"odd_messages\":%" PRIu64 ",\"refused\":%" PRIu64
             "},\"neighbours\":{\"known\":%u,\"changes\":%" PRIu64 ",\"refused_foreign\":%" PRIu64
             ",\"refused_full\":%" PRIu64 "}",
             agent.connects, loop->link.losses, loop->link.stalls, agent.messages_dropped,
             agent.odd_messages, agent.refused, known, changes, refused_foreign, refused_full);
    tw_stats_print(stdout, "final", &loop->newest, extra);
}

static void stop(struct tw_main_loop *loop)
{
    uint64_t deadline_ns = tw_clock_now_ns() + STOP_NS;
    loop->stopping = true;
    for (uint32_t worker = 0; worker < loop->workers; worker++)
        loop->mailboxes[worker].owes_close = true;
    while (tw_clock_now_ns() < deadline_ns && !is_drained(loop)) {
        tw_main_loop_turn(loop, tw_clock_now_ns());
        tw_clock_sleep_until_ns(tw_clock_now_ns() + IDLE_NS);
    }
    tw_engine_join(loop->engine);
    uint64_t now_ns = tw_clock_now_ns();
    tw_mail_drain_events(loop, now_ns);
    publish_stats(loop, now_ns);
    for (deadline_ns = now_ns + FLUSH_NS; now_ns < deadline_ns; now_ns = tw_clock_now_ns()) {
        tw_mail_drain_events(loop, now_ns);
        tw_agent_link_send(&loop->link, now_ns);
        tw_mail_receive_from_link(loop, now_ns);
        if (is_flushed(loop))
            break;
        tw_clock_sleep_until_ns(now_ns + IDLE_NS);
    }
    print_final(loop);
}

bool tw_main_loop_run(struct tw_main_loop *loop)
{
    int signal_fd = open_signals();
    TW_ASSERT(signal_fd >= 0);
    do
        tw_main_loop_turn(loop, tw_clock_now_ns());
    while (!loop->no_port_left && !world_is_over(loop) && !wait_for_work(loop, signal_fd));
    bool over = world_is_over(loop);
    if (loop->no_port_left)
        fputs("tickwire-engine: no port is left; ending\n", stderr);
    else if (over)
        fputs("tickwire-engine: the world's ticks are used up; ending\n", stderr);
    close(signal_fd);
    arm_second_signal();
    stop(loop);
    return !loop->no_port_left && !over;
}
