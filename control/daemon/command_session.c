/* SPDX-License-Identifier: BSD-3-Clause */
/* session list, show, kick. Connection ids are written as 8 hexadecimal digits. */
#include "control/daemon/agent_link.h"
#include "control/daemon/clock.h"
#include "control/daemon/commands.h"
#include "control/daemon/log.h"
#include "dataplane/wire/congestion.h"
#include "dataplane/wire/life.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char *reason_name(uint32_t reason)
{
    static const char *const names[TW_CLOSE_COUNT] = {
        [TW_CLOSE_NONE] = "none",
        [TW_CLOSE_BY_CLIENT] = "by_client",
        [TW_CLOSE_SHUTDOWN] = "shutdown",
        [TW_CLOSE_KICKED] = "kicked",
        [TW_CLOSE_BANNED] = "banned",
        [TW_CLOSE_TIMEOUT] = "timeout",
        [TW_CLOSE_MISBEHAVED] = "misbehaved",
        [TW_CLOSE_REFUSED] = "refused",
        [TW_CLOSE_EXHAUSTED] = "exhausted",
        [TW_CLOSE_REPLACED] = "replaced",
        [TW_CLOSE_BACKLOG] = "backlog",
        [TW_CLOSE_STALLED] = "stalled",
        [TW_CLOSE_RESUMED] = "resumed",
        [TW_CLOSE_GONE] = "gone",
        [TW_CLOSE_STARVED] = "starved",
    };
    return reason < TW_CLOSE_COUNT ? names[reason] : "unknown";
}

static json_t *id_json(uint32_t connection_id)
{
    char text[9];
    snprintf(text, sizeof(text), "%08x", connection_id);
    return json_string(text);
}

static json_t *live_json(const struct tw_call *call, const struct tw_live_session *session)
{
    uint64_t now = tw_clock_unix_s();
    uint64_t age = now > session->started_unix_s ? now - session->started_unix_s : 0;
    return json_pack("{s:o, s:o, s:o, s:I, s:o, s:I, s:I, s:s, s:s}", "connection",
                     id_json(session->connection_id), "account",
                     tw_call_account_name(call, session->account), "account_id",
                     tw_call_account_id(session->account), "world", (json_int_t)session->world,
                     "address", tw_call_address(&session->address), "started_unix_s",
                     (json_int_t)session->started_unix_s, "age_s", (json_int_t)age, "life",
                     tw_life_state_names[session->life], "conduct",
                     tw_call_conduct_name(session->conduct_stage));
}

void tw_command_session_list(struct tw_call *call)
{
    struct tw_daemon *daemon = call->daemon;
    if (!tw_call_unpack(call, "{}"))
        return;
    json_t *list = json_array();
    const struct tw_live_session *session = NULL;
    while ((session = tw_live_next(&daemon->live, session)) != NULL)
        (void)json_array_append_new(list, live_json(call, session));
    /* Without an engine the list is what it told last. */
    bool linked = daemon->engine && daemon->engine->resynced;
    call->result = json_pack("{s:o, s:b}", "sessions", list, "engine_linked", linked);
}

/* 1..8 hexadecimal digits, not zero. */
static bool parse_id(struct tw_call *call, const char *text, uint32_t *connection_id)
{
    size_t length = strlen(text);
    if (length >= 1 && length <= 8 && strspn(text, "0123456789abcdefABCDEF") == length) {
        *connection_id = (uint32_t)strtoul(text, NULL, 16);
        if (*connection_id != 0)
            return true;
    }
    tw_call_fail(call, "BAD_ARGUMENT", "expected a connection id of up to 8 hexadecimal digits");
    return false;
}

static void fail_no_session(struct tw_call *call, uint32_t connection_id)
{
    tw_call_fail(call, "SESSION_NOT_FOUND", "no live session has the id %08x", connection_id);
    call->error_details = json_pack("{s:o}", "connection", id_json(connection_id));
}

/* An ended session, from the history. */
static void show_ended(struct tw_call *call, uint32_t connection_id)
{
    struct tw_session_row row;
    enum tw_store_result result = tw_store_session_find(call->daemon->store, connection_id, &row);
    if (result == TW_STORE_ERROR) {
        tw_call_fail_store(call);
    } else if (result != TW_STORE_OK) {
        fail_no_session(call, connection_id);
    } else {
        call->result = json_pack(
            "{s:o, s:s, s:o, s:o, s:I, s:I, s:s}", "connection", id_json(connection_id), "state",
            row.ended_unix_s ? "ended" : "unknown", "account",
            tw_call_account_name(call, row.account), "account_id", tw_call_account_id(row.account),
            "started_unix_s", (json_int_t)row.started_unix_s, "ended_unix_s",
            (json_int_t)row.ended_unix_s, "reason", reason_name(row.reason));
    }
}

static const char *const link_names[] = {"normal", "conservative", "emergency"};

void tw_command_session_answer(struct tw_call *call, uint32_t connection_id,
                               const struct tw_agent_session *session)
{
    const struct tw_live_session *live = tw_live_find(&call->daemon->live, connection_id);
    if (!live) {
        show_ended(call, connection_id);
        return;
    }
    call->result = live_json(call, live);
    (void)json_object_set_new(call->result, "state", json_string("live"));
    (void)json_object_set_new(call->result, "engine_answered", json_boolean(session != NULL));
    if (session) {
        (void)json_object_update_new(
            call->result,
            json_pack("{s:I, s:o, s:I, s:I, s:s, s:s, s:I, s:s, s:I}", "age_s",
                      (json_int_t)session->age_s, "address", tw_call_address(&session->address),
                      "received_packets", (json_int_t)session->received_packets, "sent_packets",
                      (json_int_t)session->sent_packets, "life", tw_life_state_names[session->life],
                      "link", link_names[session->link], "silent_ms",
                      (json_int_t)session->silent_ms, "conduct",
                      tw_call_conduct_name(session->conduct_stage), "conduct_score",
                      (json_int_t)session->conduct_score));
    }
}

void tw_command_session_show(struct tw_call *call)
{
    struct tw_daemon *daemon = call->daemon;
    const char *text = NULL;
    uint32_t connection_id = 0;
    if (!tw_call_unpack(call, "{s:s}", "connection", &text) ||
        !parse_id(call, text, &connection_id))
        return;
    uint64_t query = ++daemon->query_newest;
    if (tw_live_find(&daemon->live, connection_id) &&
        tw_agent_link_query(daemon, query, connection_id))
        tw_cli_server_defer(call, query, connection_id);
    else
        tw_command_session_answer(call, connection_id, NULL);
}

void tw_command_session_kick(struct tw_call *call)
{
    struct tw_daemon *daemon = call->daemon;
    const char *text = NULL;
    const char *why = "";
    uint32_t connection_id = 0;
    if (!tw_call_unpack(call, "{s:s, s?s}", "connection", &text, "reason", &why) ||
        !parse_id(call, text, &connection_id))
        return;
    const struct tw_live_session *live = tw_live_find(&daemon->live, connection_id);
    if (!live) {
        fail_no_session(call, connection_id);
        return;
    }
    if (!tw_agent_link_kick(daemon, connection_id, TW_CLOSE_KICKED)) {
        tw_call_fail(call, "ENGINE_GONE", "no engine is linked, or it does not take messages now");
        return;
    }
    call->result = json_pack("{s:o, s:o, s:o}", "connection", id_json(connection_id), "account",
                             tw_call_account_name(call, live->account), "account_id",
                             tw_call_account_id(live->account));
    tw_log_info("session_kicked",
                json_pack("{s:o, s:o, s:s}", "connection", id_json(connection_id), "account",
                          tw_call_account_id(live->account), "reason", why));
}
