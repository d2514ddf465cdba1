/* SPDX-License-Identifier: BSD-3-Clause */
/* account add, list, ban, unban. */
#include "control/daemon/agent_link.h"
#include "control/daemon/clock.h"
#include "control/daemon/commands.h"
#include "control/daemon/log.h"

#include <string.h>

#define ACCOUNTS_PER_READ 64u

void tw_command_account_add(struct tw_call *call)
{
    const char *name = NULL;
    uint64_t id = 0;
    if (!tw_call_unpack(call, "{s:s}", "name", &name))
        return;
    if (!tw_account_name_valid(name)) {
        tw_call_fail(call, "BAD_ARGUMENT", "expected a name of 1 to 63 of A-Z a-z 0-9 . _ -");
        return;
    }
    switch (tw_store_account_add(call->daemon->store, name, tw_clock_unix_s(), &id)) {
    case TW_STORE_OK:
        call->result = json_pack("{s:s, s:I}", "account", name, "id", (json_int_t)id);
        break;
    case TW_STORE_EXISTS:
        tw_call_fail(call, "ACCOUNT_EXISTS", "an account has the name %.63s already", name);
        call->error_details = json_pack("{s:s}", "account", name);
        break;
    default:
        tw_call_fail_store(call);
    }
}

static json_t *account_json(const struct tw_account *account, uint64_t now_unix_s)
{
    bool banned = account->banned_until_unix_s > now_unix_s;
    json_t *object =
        json_pack("{s:I, s:s, s:I, s:b}", "id", (json_int_t)account->id, "account", account->name,
                  "created_unix_s", (json_int_t)account->created_unix_s, "banned", banned);
    if (banned) {
        bool for_good = account->banned_until_unix_s >= TW_BANNED_FOR_GOOD;
        (void)json_object_set_new(
            object, "banned_until_unix_s",
            for_good ? json_null() : json_integer((json_int_t)account->banned_until_unix_s));
        (void)json_object_set_new(object, "ban_reason", json_string(account->ban_reason));
    }
    return object;
}

void tw_command_account_list(struct tw_call *call)
{
    struct tw_account accounts[ACCOUNTS_PER_READ];
    uint64_t after = 0;
    size_t count = 0;
    if (!tw_call_unpack(call, "{}"))
        return;
    json_t *list = json_array();
    do {
        if (tw_store_account_list(call->daemon->store, after, accounts, ACCOUNTS_PER_READ,
                                  &count) != TW_STORE_OK) {
            json_decref(list);
            tw_call_fail_store(call);
            return;
        }
        for (size_t i = 0; i < count; i++) {
            (void)json_array_append_new(list, account_json(&accounts[i], tw_clock_unix_s()));
            after = accounts[i].id;
        }
    } while (count == ACCOUNTS_PER_READ);
    call->result = json_pack("{s:o}", "accounts", list);
}

/* Kicks every live session of the account; how many did not reach the engine is told. */
static void kick_all(struct tw_daemon *daemon, uint64_t account, uint32_t *kicked, uint32_t *missed)
{
    const struct tw_live_session *session = NULL;
    while ((session = tw_live_next(&daemon->live, session)) != NULL) {
        if (session->account != account)
            continue;
        if (tw_agent_link_kick(daemon, session->connection_id, TW_CLOSE_BANNED))
            (*kicked)++;
        else
            (*missed)++;
    }
}

void tw_command_account_ban(struct tw_call *call)
{
    struct tw_daemon *daemon = call->daemon;
    const char *name = NULL;
    const char *why = "";
    json_int_t seconds = 0;
    struct tw_account account;
    if (!tw_call_unpack(call, "{s:s, s?I, s?s}", "name", &name, "seconds", &seconds, "reason",
                        &why))
        return;
    if (seconds < 0 || seconds > UINT32_MAX || strlen(why) >= TW_ACCOUNT_REASON_SIZE) {
        tw_call_fail(call, "BAD_ARGUMENT",
                     "expected 1 to %u seconds (none = for good) and a reason below %u bytes",
                     UINT32_MAX, TW_ACCOUNT_REASON_SIZE);
        return;
    }
    if (!tw_call_account(call, name, &account))
        return;
    uint64_t until = seconds ? tw_clock_unix_s() + (uint64_t)seconds : TW_BANNED_FOR_GOOD;
    if (tw_store_account_ban(daemon->store, account.id, until, why) != TW_STORE_OK) {
        tw_call_fail_store(call);
        return;
    }
    uint32_t kicked = 0;
    uint32_t missed = 0;
    kick_all(daemon, account.id, &kicked, &missed);
    call->result =
        json_pack("{s:s, s:o, s:I, s:I}", "account", account.name, "banned_until_unix_s",
                  seconds ? json_integer((json_int_t)until) : json_null(), "sessions_kicked",
                  (json_int_t)kicked, "sessions_not_reached", (json_int_t)missed);
    tw_log_info("account_banned", json_pack("{s:s, s:I, s:s}", "account", account.name, "seconds",
                                            seconds, "reason", why));
}

void tw_command_account_unban(struct tw_call *call)
{
    const char *name = NULL;
    struct tw_account account;
    if (!tw_call_unpack(call, "{s:s}", "name", &name) || !tw_call_account(call, name, &account))
        return;
    if (tw_store_account_ban(call->daemon->store, account.id, 0, "") != TW_STORE_OK) {
        tw_call_fail_store(call);
        return;
    }
    call->result = json_pack("{s:s, s:b}", "account", account.name, "was_banned",
                             account.banned_until_unix_s > tw_clock_unix_s());
    tw_log_info("account_unbanned", json_pack("{s:s}", "account", account.name));
}
