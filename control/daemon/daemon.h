/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The control plane's process: one thread, one epoll loop, everything in struct tw_daemon.
 *
 *   agent socket (SEQPACKET) ─► agent_link ─► agent_handlers ─► handshake service, live, store
 *   CLI socket (stream)      ─► cli_server ─► command table   ─► the same
 *   signalfd                 ─► orderly stop
 *   every second             ─► expired rows, silent CLI clients, overdue queries
 *
 * A struct tw_watch stands first in whatever owns a descriptor, so `ready` can find its owner.
 */
#ifndef TICKWIRE_CONTROL_DAEMON_DAEMON_H
#define TICKWIRE_CONTROL_DAEMON_DAEMON_H

#include "control/daemon/agent_queue.h"
#include "control/daemon/conduct.h"
#include "control/daemon/filter_list.h"
#include "control/daemon/handshake_service.h"
#include "control/daemon/lab_service.h"
#include "control/daemon/live.h"
#include "tickwire/agent.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct tw_daemon;
struct tw_cli_client;

struct tw_watch {
    int descriptor; /* -1 = unused */
    uint32_t events;
    void (*ready)(struct tw_daemon *daemon, struct tw_watch *watch, uint32_t events);
};

/* One linked engine, and room for its successor and strangers that have not said hello yet. */
#define TW_AGENT_PEERS 4u

struct tw_agent_peer {
    struct tw_watch watch;
    bool greeted;  /* ENGINE_HELLO accepted */
    bool resynced; /* RESYNC_END came: handshakes are served */
    uint32_t resync_sessions;
    struct tw_agent_queue queue;
};

/* Since start, for `tickwire status`. */
struct tw_daemon_counters {
    uint64_t messages;          /* from engines, well-formed */
    uint64_t messages_refused;  /* malformed or out of place */
    uint64_t handshakes_early;  /* before RESYNC_END: not served */
    uint64_t store_errors;      /* batches undone */
    uint64_t sessions_replaced; /* same account joined again */
    uint64_t commands;
    uint64_t commands_denied; /* peer credentials */
};

struct tw_daemon {
    struct tw_config config;
    struct tw_store *store;
    struct tw_keys keys;
    struct tw_handshake_service handshakes;
    struct tw_live live;
    struct tw_conduct_book conduct;
    struct tw_lab_service lab;
    struct tw_filter_list filters;
    int epoll;
    bool stop;
    uint64_t started_unix_s;
    uint64_t started_ms; /* monotonic */
    struct tw_watch signals;
    struct tw_watch agent_listener;
    struct tw_watch cli_listener;
    struct tw_agent_peer peers[TW_AGENT_PEERS];
    struct tw_agent_peer *engine; /* the greeted peer, or NULL */
    struct tw_agent_engine_hello engine_hello;
    union tw_agent_message *inbox; /* TW_AGENT_BATCH */
    struct tw_agent_stats stats;
    uint64_t stats_at_ms; /* monotonic; 0 = none since the engine linked */
    struct tw_cli_client *clients;
    uint64_t query_newest;
    struct tw_daemon_counters counters;
};

/* Opens store, keys and sockets. False: *error tells; nothing is left open. */
#define TW_DAEMON_ERROR_SIZE 1024u
bool tw_daemon_init(struct tw_daemon *daemon, const struct tw_config *config,
                    char error[TW_DAEMON_ERROR_SIZE]) __attribute__((warn_unused_result));
/* Until SIGTERM, SIGINT or daemon->stop. False: the loop itself failed. */
bool tw_daemon_run(struct tw_daemon *daemon);
void tw_daemon_fini(struct tw_daemon *daemon);

/* Watches are registered, changed and forgotten through these alone. */
bool tw_watch_add(struct tw_daemon *daemon, struct tw_watch *watch, uint32_t events)
    __attribute__((warn_unused_result));
void tw_watch_change(struct tw_daemon *daemon, struct tw_watch *watch, uint32_t events);
/* Closes the descriptor, too. */
void tw_watch_close(struct tw_watch *watch);

#endif
