/* SPDX-License-Identifier: BSD-3-Clause */
#include "control/daemon/commands.h"

#include "tickwire/address.h"

#include <arpa/inet.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

static const struct {
    const char *name;
    void (*run)(struct tw_call *call);
} commands[] = {
    {"status", tw_command_status},
    {"drops", tw_command_drops},
    {"debug.space", tw_command_debug_space},
    {"port.reset", tw_command_port_reset},
    {"session.list", tw_command_session_list},
    {"session.show", tw_command_session_show},
    {"session.kick", tw_command_session_kick},
    {"account.add", tw_command_account_add},
    {"account.list", tw_command_account_list},
    {"account.ban", tw_command_account_ban},
    {"account.unban", tw_command_account_unban},
    {"conduct.list", tw_command_conduct_list},
    {"conduct.reset", tw_command_conduct_reset},
    {"filter.add", tw_command_filter_add},
    {"filter.list", tw_command_filter_list},
    {"filter.remove", tw_command_filter_remove},
    {"token.issue", tw_command_token_issue},
    {"keys.rotate", tw_command_keys_rotate},
    {"lab.begin", tw_command_lab_begin},
    {"lab.add", tw_command_lab_add},
    {"lab.commit", tw_command_lab_commit},
    {"lab.state", tw_command_lab_state},
};

void tw_call_fail(struct tw_call *call, const char *code, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(call->error_message, sizeof(call->error_message), format, arguments);
    va_end(arguments);
    call->error_code = code;
}

void tw_call_fail_store(struct tw_call *call)
{
    tw_call_fail(call, "STORE_FAILED", "the store failed: %s", tw_store_error(call->daemon->store));
}

bool tw_call_unpack(struct tw_call *call, const char *format, ...)
{
    json_error_t error;
    va_list arguments;
    va_start(arguments, format);
    int result = json_vunpack_ex(call->arguments, &error, JSON_STRICT, format, arguments);
    va_end(arguments);
    if (result != 0)
        tw_call_fail(call, "BAD_ARGUMENT", "%s", error.text);
    return result == 0;
}

bool tw_call_has_statistics(struct tw_call *call)
{
    if (call->daemon->stats_at_ms != 0)
        return true;
    tw_call_fail(call, "NO_STATISTICS",
                 "no engine has reported since the control plane started or the engine linked");
    return false;
}

bool tw_call_account(struct tw_call *call, const char *name, struct tw_account *account)
{
    enum tw_store_result result = tw_store_account_by_name(call->daemon->store, name, account);
    if (result == TW_STORE_NOT_FOUND) {
        tw_call_fail(call, "ACCOUNT_NOT_FOUND", "no account has the name %.63s", name);
        call->error_details = json_pack("{s:s}", "account", name);
    } else if (result != TW_STORE_OK) {
        tw_call_fail_store(call);
    }
    return result == TW_STORE_OK;
}

void tw_command_run(struct tw_call *call, const json_t *request)
{
    const char *name = json_string_value(json_object_get(request, "command"));
    json_t *arguments = json_object_get(request, "arguments");
    if (!name || (arguments && !json_is_object(arguments))) {
        tw_call_fail(call, "BAD_REQUEST",
                     "expected one JSON object per line with command and arguments");
        return;
    }
    for (size_t i = 0; i < sizeof(commands) / sizeof(commands[0]); i++) {
        if (strcmp(commands[i].name, name) == 0) {
            call->arguments = arguments ? json_incref(arguments) : json_object();
            commands[i].run(call);
            json_decref(call->arguments);
            call->arguments = NULL;
            return;
        }
    }
    tw_call_fail(call, "UNKNOWN_COMMAND", "no command has the name %.63s", name);
}

json_t *tw_call_account_name(const struct tw_call *call, uint64_t id)
{
    struct tw_account account;
    if (tw_store_account_by_id(call->daemon->store, id, &account) == TW_STORE_OK)
        return json_string(account.name);
    return json_null();
}

json_t *tw_call_account_id(uint64_t id)
{
    char text[24];
    if (id <= INT64_MAX)
        return json_integer((json_int_t)id);
    snprintf(text, sizeof(text), "%" PRIu64, id);
    return json_string(text);
}

const char *tw_call_conduct_name(uint32_t stage)
{
    static const char *const names[TW_CONDUCT_STAGES] = {
        [TW_CONDUCT_GOOD] = "good",
        [TW_CONDUCT_WARNED_STAGE] = "warned",
        [TW_CONDUCT_THROTTLED_STAGE] = "throttled",
    };
    return stage < TW_CONDUCT_STAGES ? names[stage] : "unknown";
}

json_t *tw_call_address(const struct tw_address *address)
{
    char ip[INET6_ADDRSTRLEN] = "";
    char text[INET6_ADDRSTRLEN + 16];
    bool is_ipv4 = tw_ip_is_ipv4(address->ip);
    (void)inet_ntop(is_ipv4 ? AF_INET : AF_INET6, address->ip + (is_ipv4 ? 12 : 0), ip, sizeof(ip));
    snprintf(text, sizeof(text), is_ipv4 ? "%s:%u" : "[%s]:%u", ip, address->port);
    return json_string(text);
}
