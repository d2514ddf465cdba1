/* SPDX-License-Identifier: BSD-3-Clause */
#include "control/daemon/daemon.h"

#include "control/daemon/agent_link.h"
#include "control/daemon/cli_server.h"
#include "control/daemon/clock.h"
#include "control/daemon/log.h"
#include "control/daemon/unix_socket.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <unistd.h>

#define EVENTS_PER_WAIT 32
/* 16,000 rows a second: twice what handshakes can add. */
#define CLEANUP_ROWS    1000u
#define CLEANUP_BATCHES 16u
/* Session history: a season of play; accounts for disputes, not for ever. */
#define SESSIONS_KEPT_S (90u * 86400u)

bool tw_watch_add(struct tw_daemon *daemon, struct tw_watch *watch, uint32_t events)
{
    struct epoll_event event = {.events = events, .data.ptr = watch};
    watch->events = events;
    return epoll_ctl(daemon->epoll, EPOLL_CTL_ADD, watch->descriptor, &event) == 0;
}

void tw_watch_change(struct tw_daemon *daemon, struct tw_watch *watch, uint32_t events)
{
    struct epoll_event event = {.events = events, .data.ptr = watch};
    if (watch->events != events)
        (void)epoll_ctl(daemon->epoll, EPOLL_CTL_MOD, watch->descriptor, &event);
    watch->events = events;
}

void tw_watch_close(struct tw_watch *watch)
{
    if (watch->descriptor >= 0)
        (void)close(watch->descriptor);
    watch->descriptor = -1;
    watch->events = 0;
}

static void signal_ready(struct tw_daemon *daemon, struct tw_watch *watch, uint32_t events)
{
    struct signalfd_siginfo information;
    (void)events;
    if (read(watch->descriptor, &information, sizeof(information)) != sizeof(information))
        return;
    daemon->stop = true;
}

static bool open_signals(struct tw_daemon *daemon)
{
    sigset_t signals;
    /* A log nobody reads any more must not end the daemon. */
    (void)signal(SIGPIPE, SIG_IGN);
    (void)sigemptyset(&signals);
    (void)sigaddset(&signals, SIGTERM);
    (void)sigaddset(&signals, SIGINT);
    if (sigprocmask(SIG_BLOCK, &signals, NULL) != 0)
        return false;
    daemon->signals.descriptor = signalfd(-1, &signals, SFD_CLOEXEC | SFD_NONBLOCK);
    return daemon->signals.descriptor >= 0 && tw_watch_add(daemon, &daemon->signals, EPOLLIN);
}

static bool open_store_and_keys(struct tw_daemon *daemon, char *error)
{
    const struct tw_config_control *control = &daemon->config.control;
    char why[TW_STORE_ERROR_SIZE];
    static_assert(TW_STORE_ERROR_SIZE == TW_KEYS_ERROR_SIZE &&
                      TW_STORE_ERROR_SIZE == TW_FILTER_LIST_ERROR_SIZE,
                  "one buffer for all");
    if (!tw_make_parents(control->database, 0700) || !tw_make_parents(control->key_file, 0700)) {
        snprintf(error, TW_DAEMON_ERROR_SIZE, "%s: directory cannot be made: %m",
                 control->database);
        return false;
    }
    if (!tw_keys_open(control->key_file, &daemon->keys, why)) {
        snprintf(error, TW_DAEMON_ERROR_SIZE, "key file: %s", why);
        return false;
    }
    daemon->store = tw_store_open(control->database, control->token_history_max, why);
    if (daemon->store && tw_filter_list_load(&daemon->filters, daemon->store, why))
        return true;
    snprintf(error, TW_DAEMON_ERROR_SIZE, "database: %s: %s", control->database, why);
    return false;
}

static bool open_sockets(struct tw_daemon *daemon, char *error)
{
    const struct tw_config_control *control = &daemon->config.control;
    daemon->agent_listener.descriptor =
        tw_unix_listen(control->agent_socket, SOCK_SEQPACKET, 0600, error, TW_DAEMON_ERROR_SIZE);
    if (daemon->agent_listener.descriptor < 0)
        return false;
    daemon->cli_listener.descriptor =
        tw_unix_listen(control->cli_socket, SOCK_STREAM, 0660, error, TW_DAEMON_ERROR_SIZE);
    if (daemon->cli_listener.descriptor < 0)
        return false;
    if (tw_watch_add(daemon, &daemon->agent_listener, EPOLLIN) &&
        tw_watch_add(daemon, &daemon->cli_listener, EPOLLIN))
        return true;
    snprintf(error, TW_DAEMON_ERROR_SIZE, "epoll: %m");
    return false;
}

static bool open_all(struct tw_daemon *daemon, char *error)
{
    snprintf(error, TW_DAEMON_ERROR_SIZE, "out of memory or descriptors");
    daemon->epoll = epoll_create1(EPOLL_CLOEXEC);
    if (daemon->epoll < 0 || !open_signals(daemon) || !tw_agent_link_init(daemon) ||
        !tw_cli_server_init(daemon) || !tw_live_init(&daemon->live, daemon->config.engine.workers))
        return false;
    return open_store_and_keys(daemon, error) && open_sockets(daemon, error);
}

static uint32_t find_resumable(void *context, uint64_t account,
                               const uint8_t token_id[TW_TOKEN_ID_SIZE])
{
    const struct tw_live_session *session = tw_live_find_resumable(context, account, token_id);
    return session ? session->connection_id : 0;
}

bool tw_daemon_init(struct tw_daemon *daemon, const struct tw_config *config,
                    char error[TW_DAEMON_ERROR_SIZE])
{
    memset(daemon, 0, sizeof(*daemon));
    daemon->config = *config;
    daemon->epoll = -1;
    daemon->signals = (struct tw_watch){.descriptor = -1, .ready = signal_ready};
    daemon->agent_listener = (struct tw_watch){.descriptor = -1, .ready = tw_agent_link_accept};
    daemon->cli_listener = (struct tw_watch){.descriptor = -1, .ready = tw_cli_server_accept};
    for (size_t i = 0; i < TW_AGENT_PEERS; i++)
        daemon->peers[i].watch.descriptor = -1;
    daemon->started_unix_s = tw_clock_unix_s();
    daemon->started_ms = tw_clock_monotonic_ms();
    if (!open_all(daemon, error)) {
        tw_daemon_fini(daemon);
        return false;
    }
    daemon->handshakes = (struct tw_handshake_service){
        .resumable = find_resumable,
        .context = &daemon->live,
        .store = daemon->store,
        .keys = &daemon->keys,
        .suites = config->control.suites,
        .world = config->world.id,
        .lab = config->engine.lab == TW_LAB_MODE_ON,
    };
    daemon->conduct =
        (struct tw_conduct_book){.store = daemon->store, .rules = &daemon->config.conduct};
    daemon->lab.on = daemon->handshakes.lab;
    tw_token_audience(daemon->handshakes.audience, config->engine.name);
    return true;
}

static void housekeep(struct tw_daemon *daemon)
{
    uint64_t now = tw_clock_unix_s();
    size_t removed = CLEANUP_ROWS;
    bool ok = true;
    tw_keys_expire(&daemon->keys, now);
    for (size_t i = 0; i < CLEANUP_BATCHES && removed == CLEANUP_ROWS && ok; i++)
        ok = tw_store_token_cleanup(daemon->store, now, CLEANUP_ROWS, &removed) == TW_STORE_OK;
    ok = ok && tw_store_session_cleanup(daemon->store, now - SESSIONS_KEPT_S, CLEANUP_ROWS) ==
                   TW_STORE_OK;
    ok = ok && tw_store_conduct_cleanup(daemon->store, now, CLEANUP_ROWS) == TW_STORE_OK;
    if (!ok) {
        daemon->counters.store_errors++;
        tw_log_error("store_failed", json_pack("{s:s}", "reason", tw_store_error(daemon->store)));
    }
}

bool tw_daemon_run(struct tw_daemon *daemon)
{
    uint64_t housekeeping_ms = 0;
    uint32_t wait_ms = 0;
    while (!daemon->stop) {
        struct epoll_event events[EVENTS_PER_WAIT];
        int count = epoll_wait(daemon->epoll, events, EVENTS_PER_WAIT, (int)wait_ms);
        if (count < 0 && errno != EINTR)
            return false;
        for (int i = 0; i < count; i++) {
            /* An owner closed earlier in this round has no descriptor left. */
            struct tw_watch *watch = events[i].data.ptr;
            if (watch->descriptor >= 0)
                watch->ready(daemon, watch, events[i].events);
        }
        uint64_t now_ms = tw_clock_monotonic_ms();
        wait_ms = tw_cli_server_housekeeping(daemon, now_ms);
        if (now_ms >= housekeeping_ms) {
            housekeep(daemon);
            housekeeping_ms = now_ms + 1000u;
        }
    }
    return true;
}

void tw_daemon_fini(struct tw_daemon *daemon)
{
    if (daemon->agent_listener.descriptor >= 0)
        (void)unlink(daemon->config.control.agent_socket);
    if (daemon->cli_listener.descriptor >= 0)
        (void)unlink(daemon->config.control.cli_socket);
    tw_watch_close(&daemon->agent_listener);
    tw_watch_close(&daemon->cli_listener);
    tw_watch_close(&daemon->signals);
    tw_cli_server_fini(daemon);
    tw_agent_link_fini(daemon);
    tw_live_fini(&daemon->live);
    tw_store_close(daemon->store);
    daemon->store = NULL;
    tw_keys_wipe(&daemon->keys);
    if (daemon->epoll >= 0)
        (void)close(daemon->epoll);
    daemon->epoll = -1;
}
