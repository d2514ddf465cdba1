/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The CLI socket: one JSON object per line in, one per line out, in order.
 *
 *   {"command": "session.kick", "arguments": {"connection": "00a10003"}}
 *   {"ok": true, "result": {…}}
 *   {"ok": false, "error": {"code": "NOT_FOUND", "message": "…", "details": {…}}}
 *
 * Access by peer credentials: root, this process's user or a member of its group. Nothing blocks:
 * a slow reader's answers wait in its own buffer and its next request is not read before.
 */
#ifndef TICKWIRE_CONTROL_DAEMON_CLI_SERVER_H
#define TICKWIRE_CONTROL_DAEMON_CLI_SERVER_H

#include "control/daemon/daemon.h"

#include <jansson.h>

#define TW_CLI_CLIENTS    32u
#define TW_CLI_LINE_MAX   16384u
#define TW_CLI_IDLE_MS    60000u
#define TW_CLI_QUERY_MS   1000u
#define TW_CLI_ERROR_SIZE 256u

/* One request being answered. A command sets result, or an error, or defers. */
struct tw_call {
    struct tw_daemon *daemon;
    struct tw_cli_client *client;
    json_t *arguments; /* object */
    json_t *result;
    bool deferred; /* the engine was asked; the answer comes with its SESSION_STATE */
    const char *error_code;
    char error_message[TW_CLI_ERROR_SIZE];
    json_t *error_details;
};

bool tw_cli_server_init(struct tw_daemon *daemon) __attribute__((warn_unused_result));
void tw_cli_server_fini(struct tw_daemon *daemon);

/* tw_watch.ready of the listener. */
void tw_cli_server_accept(struct tw_daemon *daemon, struct tw_watch *watch, uint32_t events);

/* Silent clients, overdue queries. Returns ms until it must run again. */
uint32_t tw_cli_server_housekeeping(struct tw_daemon *daemon, uint64_t now_ms);

/* Marks the call deferred until the engine answers `query` about this connection. */
void tw_cli_server_defer(struct tw_call *call, uint64_t query, uint32_t connection_id);
void tw_cli_server_answer_query(struct tw_daemon *daemon,
                                const struct tw_agent_session_state *state);

#endif
