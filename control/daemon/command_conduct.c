/* SPDX-License-Identifier: BSD-3-Clause */
/* conduct list, reset. */
#include "control/daemon/agent_link.h"
#include "control/daemon/clock.h"
#include "control/daemon/commands.h"
#include "control/daemon/log.h"
#include "tickwire/conduct.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define ROWS_PER_READ 64u
/* No name has a colon. */
#define BY_ID "id:"

static json_t *player_json(const struct tw_call *call, const struct tw_conduct_row *row,
                           const struct tw_conduct_left *left)
{
    return json_pack("{s:o, s:o, s:I, s:s, s:s, s:I}", "id", tw_call_account_id(row->account),
                     "account", tw_call_account_name(call, row->account), "score",
                     (json_int_t)left->score, "stage", tw_call_conduct_name(left->stage), "charge",
                     tw_conduct_event_name[left->charge], "noted_unix_s",
                     (json_int_t)(row->noted_unix_ms / 1000u));
}

void tw_command_conduct_list(struct tw_call *call)
{
    const struct tw_conduct_book *book = &call->daemon->conduct;
    struct tw_conduct_row rows[ROWS_PER_READ];
    uint64_t from = TW_STORE_CONDUCT_FIRST, now_unix_ms = tw_clock_unix_ms();
    size_t count = 0;
    if (!tw_call_unpack(call, "{}"))
        return;
    json_t *list = json_array();
    do {
        if (tw_store_conduct_list(book->store, from, rows, ROWS_PER_READ, &count) != TW_STORE_OK) {
            json_decref(list);
            tw_call_fail_store(call);
            return;
        }
        for (size_t i = 0; i < count; i++) {
            struct tw_conduct_left left = tw_conduct_left(book->rules, &rows[i], now_unix_ms);
            if (left.score > 0)
                (void)json_array_append_new(list, player_json(call, &rows[i], &left));
            from = rows[i].account + 1u;
        }
    } while (count == ROWS_PER_READ && from != TW_STORE_CONDUCT_FIRST);
    call->result = json_pack("{s:o}", "players", list);
}

/* An account by its name, or by its number: those of another issuer have no name here. */
static bool find_account(struct tw_call *call, const char *text, uint64_t *id)
{
    struct tw_account account;
    char *end = NULL;
    if (strncmp(text, BY_ID, strlen(BY_ID)) != 0) {
        bool found = tw_call_account(call, text, &account);
        *id = found ? account.id : 0;
        return found;
    }
    text += strlen(BY_ID);
    errno = 0;
    *id = strtoull(text, &end, 10);
    if (*text >= '0' && *text <= '9' && *end == '\0' && errno == 0)
        return true;
    tw_call_fail(call, "BAD_ARGUMENT", "expected an account's name, or " BY_ID "NUMBER");
    return false;
}

/* Every live session of the account. False: the engine takes no messages now. Without one nobody is
 * told: sessions that live on say that they do not know of it when they are linked. */
static bool reset_live(struct tw_daemon *daemon, uint64_t account, uint32_t reset,
                       uint32_t *sessions)
{
    const struct tw_live_session *session = NULL;
    while (daemon->engine && (session = tw_live_next(&daemon->live, session)) != NULL) {
        if (session->account != account)
            continue;
        union tw_agent_outgoing *message = tw_agent_link_push(
            daemon, TW_AGENT_SESSION_CONDUCT, sizeof(struct tw_agent_session_conduct));
        if (!message)
            return false;
        message->session_conduct.connection_id = session->connection_id;
        message->session_conduct.reset = reset;
        (*sessions)++;
    }
    return true;
}

void tw_command_conduct_reset(struct tw_call *call)
{
    struct tw_daemon *daemon = call->daemon;
    const char *name = NULL;
    uint64_t id = 0;
    const struct tw_conduct_now now = {.unix_ms = tw_clock_unix_ms(),
                                       .monotonic_ns = tw_clock_monotonic_ns()};
    uint32_t sessions = 0;
    struct tw_conduct_left left;
    if (!tw_call_unpack(call, "{s:s}", "name", &name) || !find_account(call, name, &id))
        return;
    if (tw_conduct_look_up(&daemon->conduct, id, now.unix_ms, &left) != TW_STORE_OK) {
        tw_call_fail_store(call);
        return;
    }
    if (!reset_live(daemon, id, tw_conduct_reset_number(now.monotonic_ns), &sessions)) {
        tw_call_fail(call, "ENGINE_GONE",
                     "the player's session lives, and the engine does not take messages now");
        return;
    }
    if (tw_conduct_reset(&daemon->conduct, id, &now) != TW_STORE_OK) {
        tw_call_fail_store(call);
        return;
    }
    call->result = json_pack("{s:o, s:o, s:I, s:I}", "id", tw_call_account_id(id), "account",
                             tw_call_account_name(call, id), "score", (json_int_t)left.score,
                             "sessions_reset", (json_int_t)sessions);
    tw_log_info("conduct_reset", json_pack("{s:o, s:I}", "account", tw_call_account_id(id), "score",
                                           (json_int_t)left.score));
}
