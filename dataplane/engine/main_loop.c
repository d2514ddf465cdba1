/* SPDX-License-Identifier: BSD-3-Clause */
#include "dataplane/engine/main_loop.h"

#include "dataplane/engine/agent_link.h"
#include "dataplane/engine/clock.h"
#include "dataplane/engine/eal.h"
#include "dataplane/engine/filters.h"
#include "dataplane/engine/key_log.h"
#include "dataplane/engine/lab_import.h"
#include "dataplane/engine/neighbour_table.h"
#include "dataplane/engine/port_watch.h"
#include "dataplane/engine/stats.h"
#include "dataplane/engine/telemetry.h"
#include "dataplane/engine/tick_schedule.h"
#include "dataplane/gate/mailbox.h"
#include "dataplane/gate/ring.h"
#include "dataplane/wire/cookie.h"
#include "tickwire/assert.h"

#include <inttypes.h>
#include <poll.h>
#include <rte_ring_elem.h>
#include <signal.h>
#include <sodium.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <unistd.h>

#define IDLE_NS         TW_MILLISECOND_NS
#define STOP_NS         (3 * TW_SECOND_NS)
#define FLUSH_NS        (TW_SECOND_NS / 2)
#define REFRESH_NS      (TW_SECOND_NS / 4)
#define ASKS_AT_ONCE    16u
#define EVENTS_PER_TURN 256u
/* Each derives a session's keys: some 5 ms in all. */
#define LAB_COMMANDS_PER_TURN 1024u
/* Requests of a second's worth of handshakes: main visits the link every millisecond. */
#define MESSAGES_MIN 1024u
/* The worker's number stands in bits of its request id that no worker uses: entries are few. */
#define REQUEST_WORKER_SHIFT 28u

/* Neighbour tables of an interface. */
enum family { FAMILY_IPV4, FAMILY_IPV6, FAMILIES };

struct mailbox {
    struct rte_ring *events, *commands;
    bool owes_cookie, owes_control, owes_close, owes_resync;
    bool resync_runs;     /* its RESYNC_END is still to come */
    bool resync_is_stale; /* and belongs to an earlier link */
    bool resync_done;
};

struct tw_main_loop {
    struct tw_engine *engine;
    uint32_t workers;
    struct mailbox mailboxes[TW_WORKERS_MAX];
    struct tw_agent_protocol *protocol;
    struct tw_agent_link link;
    uint64_t link_epoch; /* the link that is being or was resynced */
    bool told_linked;
    bool stopping;
    bool no_port_left;
    struct tw_lab_import *lab;
    FILE *key_log;                                                /* not owned; NULL: none */
    struct tw_neighbour_table neighbours[TW_PORTS_MAX][FAMILIES]; /* by interface */
    struct tw_filters *filters;
    struct tw_stats stats;
    uint8_t cookie_key[TW_KEY_SIZE];
    uint32_t cookie_slot;
    uint64_t cookie_due_ns, stats_due_ns, neighbours_due_ns;
    struct tw_worker_event event;
    struct tw_worker_command command;
    union tw_agent_message message;
    struct tw_agent_stats newest;
};

/* ---- to the workers -------------------------------------------------------------------------- */

/* Sends loop->command and wipes it. False: no room. */
static bool command(struct tw_main_loop *loop, uint32_t worker, enum tw_command_type type)
{
    loop->command.type = (uint16_t)type;
    bool sent = rte_ring_sp_enqueue_elem(loop->mailboxes[worker].commands, &loop->command,
                                         sizeof(loop->command)) == 0;
    sodium_memzero(&loop->command, sizeof(loop->command));
    return sent;
}

static bool settle_mailbox(struct tw_main_loop *loop, uint32_t worker)
{
    struct mailbox *box = &loop->mailboxes[worker];
    if (box->owes_cookie) {
        memcpy(loop->command.cookie.key, loop->cookie_key, sizeof(loop->cookie_key));
        loop->command.cookie.slot = loop->cookie_slot;
        box->owes_cookie = !command(loop, worker, TW_COMMAND_COOKIE_KEY);
    }
    if (box->owes_control) {
        loop->command.control.linked = loop->told_linked ? 1 : 0;
        box->owes_control = !command(loop, worker, TW_COMMAND_CONTROL_STATE);
    }
    const struct tw_filter_table *table = tw_filters_owed(loop->filters, worker);
    if (table != NULL) {
        loop->command.filter = table;
        if (command(loop, worker, TW_COMMAND_FILTER))
            tw_filters_told(loop->filters, worker);
    }
    if (box->owes_close) {
        loop->command.reason = TW_CLOSE_SHUTDOWN;
        box->owes_close = !command(loop, worker, TW_COMMAND_CLOSE_ALL);
    }
    if (box->owes_resync && !box->resync_runs && command(loop, worker, TW_COMMAND_RESYNC)) {
        box->owes_resync = false;
        box->resync_runs = true;
        box->resync_is_stale = false;
    }
    return !box->owes_cookie && !box->owes_control && !box->owes_close;
}

static void settle_neighbours(struct tw_main_loop *loop, uint8_t interface,
                              struct tw_neighbour_table *table)
{
    for (uint32_t i = 0; i < table->count; i++) {
        struct tw_neighbour_entry *entry = &table->entries[i];
        for (uint32_t worker = 0; worker < loop->workers && entry->owed != 0; worker++) {
            if ((entry->owed & 1u << worker) == 0)
                continue;
            loop->command.neighbour.address = tw_address_from_ipv6(entry->ip, 0);
            loop->command.neighbour.interface = interface;
            memcpy(loop->command.neighbour.mac, entry->mac, sizeof(entry->mac));
            if (command(loop, worker, TW_COMMAND_NEIGHBOUR_SET))
                entry->owed &= ~(1u << worker);
        }
    }
}

static bool commands_have_room(const struct tw_main_loop *loop)
{
    for (uint32_t worker = 0; worker < loop->workers; worker++)
        if (tw_ring_room(loop->mailboxes[worker].commands) <= TW_TOPOLOGY_COMMANDS_RESERVE)
            return false;
    return true;
}

/* Of the session in loop->command, if there is one. */
static void log_keys(struct tw_main_loop *loop)
{
    if (!loop->key_log || loop->command.type != TW_COMMAND_LAB_INSTALL ||
        tw_engine_key_log_session(loop->key_log, &loop->command.lab_install))
        return;
    fprintf(stderr, "tickwire-engine: the key log cannot be written: it ends here\n");
    loop->key_log = NULL;
}

static void settle_lab(struct tw_main_loop *loop)
{
    uint32_t worker;
    uint8_t random[TW_TOKEN_ID_SIZE];
    for (uint32_t i = 0; i < LAB_COMMANDS_PER_TURN && commands_have_room(loop); i++) {
        randombytes_buf(random, sizeof(random));
        if (!tw_lab_import_next(loop->lab, &loop->command, &worker, random))
            break;
        log_keys(loop);
        if (!command(loop, worker, (enum tw_command_type)loop->command.type))
            break;
        tw_lab_import_sent(loop->lab);
    }
    const struct tw_agent_lab_result *result = tw_lab_import_result(loop->lab);
    if (result != NULL &&
        tw_agent_protocol_push(loop->protocol, TW_AGENT_LAB_RESULT, result, sizeof(*result)))
        tw_lab_import_told(loop->lab);
}

static void ask_neighbour(struct tw_main_loop *loop, uint8_t interface, const uint8_t ip[16])
{
    loop->command.neighbour.address = tw_address_from_ipv6(ip, 0);
    loop->command.neighbour.interface = interface;
    /* A full ring loses the question; it is asked again a second later. */
    (void)command(loop, 0, TW_COMMAND_NEIGHBOUR_ASK);
}

/* ---- from the workers ------------------------------------------------------------------------ */

static void relay_handshake(struct tw_main_loop *loop, uint32_t worker)
{
    struct tw_agent_handshake_request *request = &loop->event.handshake;
    uint64_t own = request->request;
    TW_ASSERT((own >> REQUEST_WORKER_SHIFT & (TW_WORKERS_MAX - 1u)) == 0);
    request->request = own | (uint64_t)worker << REQUEST_WORKER_SHIFT;
    if (tw_agent_protocol_push(loop->protocol, TW_AGENT_HANDSHAKE_REQUEST, request,
                               sizeof(*request)))
        return;
    loop->command.reply.request = own;
    loop->command.reply.verdict = TW_VERDICT_CONTROL_GONE;
    (void)command(loop, worker, TW_COMMAND_HANDSHAKE_REPLY);
}

static void relay_session(struct tw_main_loop *loop, uint32_t worker)
{
    const struct tw_worker_event *event = &loop->event;
    if (event->query != 0) {
        struct tw_agent_session_state state = {.query = event->query, .found = event->found};
        if (event->found != 0)
            state.session = event->session;
        tw_agent_protocol_push(loop->protocol, TW_AGENT_SESSION_STATE, &state, sizeof(state));
    } else if (!loop->mailboxes[worker].resync_is_stale) {
        tw_agent_protocol_push_session(loop->protocol, &event->session);
    }
}

static void finish_resync(struct tw_main_loop *loop, uint32_t worker)
{
    struct mailbox *box = &loop->mailboxes[worker];
    box->resync_runs = false;
    box->resync_done = !box->resync_is_stale;
}

static struct tw_neighbour_table *table_of(struct tw_main_loop *loop,
                                           const struct tw_mailbox_neighbour *neighbour)
{
    enum family family = tw_ip_is_ipv4(neighbour->address.ip) ? FAMILY_IPV4 : FAMILY_IPV6;
    return &loop->neighbours[neighbour->interface][family];
}

static void see_neighbour(struct tw_main_loop *loop, const struct tw_mailbox_neighbour *neighbour,
                          uint64_t now_ns)
{
    struct tw_neighbour_news news = {.ip = neighbour->address.ip,
                                     .mac = neighbour->mac,
                                     .keeps_known = neighbour->keeps_known != 0};
    tw_neighbour_table_seen(table_of(loop, neighbour), &news, now_ns);
}

static void want_neighbour(struct tw_main_loop *loop, const struct tw_mailbox_neighbour *neighbour,
                           uint64_t now_ns)
{
    const uint8_t *ip = neighbour->address.ip;
    if (tw_neighbour_table_wanted(table_of(loop, neighbour), ip, now_ns))
        ask_neighbour(loop, neighbour->interface, ip);
}

static void handle_event(struct tw_main_loop *loop, uint32_t worker, uint64_t now_ns)
{
    const struct tw_worker_event *event = &loop->event;
    switch ((enum tw_event_type)event->type) {
    case TW_EVENT_HANDSHAKE:
        relay_handshake(loop, worker);
        break;
    case TW_EVENT_CONFIRMED:
        tw_agent_protocol_push_event(loop->protocol, TW_AGENT_SESSION_CONFIRMED, &event->session);
        break;
    case TW_EVENT_MOVED:
        /* Without a link nobody has to be told: the next resync names the id that it has then. */
        if (tw_agent_link_is_up(&loop->link))
            tw_agent_protocol_push_event(loop->protocol, TW_AGENT_SESSION_MOVED, &event->session);
        break;
    case TW_EVENT_CLOSED:
        tw_agent_protocol_push_event(loop->protocol, TW_AGENT_SESSION_CLOSED, &event->session);
        break;
    case TW_EVENT_LIFE:
        (void)tw_agent_protocol_push(loop->protocol, TW_AGENT_SESSION_LIFE, &event->session,
                                     sizeof(event->session));
        break;
    case TW_EVENT_SESSION:
        relay_session(loop, worker);
        break;
    case TW_EVENT_RESYNC_END:
        finish_resync(loop, worker);
        break;
    case TW_EVENT_NEIGHBOUR_SEEN:
        see_neighbour(loop, &event->neighbour, now_ns);
        break;
    case TW_EVENT_NEIGHBOUR_WANTED:
        want_neighbour(loop, &event->neighbour, now_ns);
        break;
    case TW_EVENT_LAB:
        tw_lab_import_report(loop->lab, event);
        break;
    }
}

static void drain_events(struct tw_main_loop *loop, uint64_t now_ns)
{
    for (uint32_t worker = 0; worker < loop->workers; worker++) {
        for (uint32_t i = 0; i < EVENTS_PER_TURN; i++) {
            /* The list of live sessions waits for room in the link's queue: none may be left out.
             */
            if (tw_agent_protocol_is_resyncing(loop->protocol) &&
                tw_agent_protocol_room(loop->protocol) == 0)
                return;
            if (rte_ring_sc_dequeue_elem(loop->mailboxes[worker].events, &loop->event,
                                         sizeof(loop->event)) != 0)
                break;
            handle_event(loop, worker, now_ns);
        }
    }
    sodium_memzero(&loop->event, sizeof(loop->event));
}

/* ---- the link -------------------------------------------------------------------------------- */

static void follow_link(struct tw_main_loop *loop)
{
    if (loop->link.epoch != loop->link_epoch) {
        loop->link_epoch = loop->link.epoch;
        tw_lab_import_abandon(loop->lab);
        for (uint32_t worker = 0; worker < loop->workers; worker++) {
            struct mailbox *box = &loop->mailboxes[worker];
            box->owes_resync = true;
            box->resync_is_stale = box->resync_runs;
            box->resync_done = false;
        }
    }
    if (tw_agent_protocol_is_resyncing(loop->protocol)) {
        bool done = true;
        for (uint32_t worker = 0; worker < loop->workers; worker++)
            done = done && loop->mailboxes[worker].resync_done;
        if (done)
            (void)tw_agent_protocol_end_resync(loop->protocol);
    }
    bool linked = tw_agent_protocol_is_linked(loop->protocol);
    if (linked == loop->told_linked)
        return;
    loop->told_linked = linked;
    for (uint32_t worker = 0; worker < loop->workers; worker++)
        loop->mailboxes[worker].owes_control = true;
}

static void obey(struct tw_main_loop *loop, enum tw_agent_action action, uint64_t now_ns)
{
    const union tw_agent_message *message = &loop->message;
    uint32_t worker;
    switch (action) {
    case TW_AGENT_ACTION_REPLY:
        worker = (uint32_t)(message->handshake_reply.request >> REQUEST_WORKER_SHIFT) &
                 (TW_WORKERS_MAX - 1u);
        if (worker >= loop->workers)
            break;
        loop->command.reply = message->handshake_reply;
        loop->command.reply.request &= ~((uint64_t)(TW_WORKERS_MAX - 1u) << REQUEST_WORKER_SHIFT);
        (void)command(loop, worker, TW_COMMAND_HANDSHAKE_REPLY);
        break;
    case TW_AGENT_ACTION_KICK:
        worker = tw_connection_worker(message->session_kick.connection_id);
        if (worker >= loop->workers)
            break;
        loop->command.connection_id = message->session_kick.connection_id;
        loop->command.reason = message->session_kick.reason;
        (void)command(loop, worker, TW_COMMAND_KICK);
        break;
    case TW_AGENT_ACTION_QUERY:
        worker = tw_connection_worker(message->session_query.connection_id);
        /* 0 would read as part of a resync; an id of no worker names no session. */
        if (message->session_query.query == 0 || worker >= loop->workers) {
            struct tw_agent_session_state state = {.query = message->session_query.query};
            tw_agent_protocol_push(loop->protocol, TW_AGENT_SESSION_STATE, &state, sizeof(state));
            break;
        }
        loop->command.connection_id = message->session_query.connection_id;
        loop->command.query = message->session_query.query;
        (void)command(loop, worker, TW_COMMAND_QUERY);
        break;
    case TW_AGENT_ACTION_PORT_RESET:
        /* A name that is no port's any more: whoever asked sees that nothing happens. */
        (void)tw_port_watch_reset(loop->engine, message->port_reset.name);
        break;
    case TW_AGENT_ACTION_LAB:
        tw_lab_import_receive(loop->lab, message);
        break;
    case TW_AGENT_ACTION_FILTER:
        /* The next link brings all rules afresh. */
        if (!tw_filters_change(loop->filters, &message->filter_change))
            tw_agent_link_close(&loop->link, now_ns);
        break;
    case TW_AGENT_ACTION_NONE:
    case TW_AGENT_ACTION_LINKED:
    case TW_AGENT_ACTION_CLOSE:
        break;
    }
}

static void receive_from_link(struct tw_main_loop *loop, uint64_t now_ns)
{
    while (commands_have_room(loop)) {
        enum tw_agent_action action = tw_agent_link_receive(&loop->link, &loop->message, now_ns);
        obey(loop, action, now_ns);
        sodium_memzero(&loop->message, sizeof(loop->message));
        if (action == TW_AGENT_ACTION_NONE || action == TW_AGENT_ACTION_CLOSE)
            break;
    }
}

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
        for (uint32_t family = 0; family < FAMILIES; family++) {
            uint8_t asks[ASKS_AT_ONCE][16];
            uint32_t count = tw_neighbour_table_refresh(&loop->neighbours[interface][family],
                                                        now_ns, asks, ASKS_AT_ONCE);
            for (uint32_t i = 0; i < count; i++)
                ask_neighbour(loop, interface, asks[i]);
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
    drain_events(loop, now_ns);
    tw_agent_link_send(&loop->link, now_ns);
    receive_from_link(loop, now_ns);
    follow_link(loop);
    tw_filters_turn(loop->filters);
    bool settled = true;
    for (uint32_t worker = 0; worker < loop->workers; worker++)
        settled = settle_mailbox(loop, worker) && settled;
    for (uint8_t interface = 0; settled && interface < loop->engine->topology->ports; interface++)
        for (uint32_t family = 0; family < FAMILIES; family++)
            settle_neighbours(loop, interface, &loop->neighbours[interface][family]);
    settle_lab(loop);
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
        tw_neighbour_table_init_ipv4(&loop->neighbours[i][FAMILY_IPV4], &config->ports[i],
                                     loop->workers);
        tw_neighbour_table_init_ipv6(&loop->neighbours[i][FAMILY_IPV6], &config->ports[i],
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
        {.fd = commands_have_room(loop) ? loop->link.fd : -1, .events = POLLIN},
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
    for (uint32_t i = 0; i < loop->engine->topology->ports * FAMILIES; i++) {
        const struct tw_neighbour_table *table = &loop->neighbours[i / FAMILIES][i % FAMILIES];
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
    drain_events(loop, now_ns);
    publish_stats(loop, now_ns);
    for (deadline_ns = now_ns + FLUSH_NS; now_ns < deadline_ns; now_ns = tw_clock_now_ns()) {
        drain_events(loop, now_ns);
        tw_agent_link_send(&loop->link, now_ns);
        receive_from_link(loop, now_ns);
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
