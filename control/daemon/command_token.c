/* SPDX-License-Identifier: BSD-3-Clause */
/* token issue, keys rotate. A connect token is the one client secret that crosses this socket. */
#include "control/daemon/clock.h"
#include "control/daemon/commands.h"
#include "control/daemon/log.h"

#include <sodium.h>
#include <stdio.h>
#include <string.h>

#define TOKEN_TEXT_SIZE (sodium_base64_ENCODED_LEN(TW_CONNECT_SIZE, sodium_base64_VARIANT_ORIGINAL))

struct issue {
    const char *name;
    json_int_t world, validity_s, count, first;
    int create; /* accounts that are missing */
};

static bool read_issue(struct tw_call *call, struct issue *issue)
{
    const struct tw_config *config = &call->daemon->config;
    *issue = (struct issue){.world = config->world.id,
                            .validity_s = config->control.token_validity_s,
                            .count = 0,
                            .first = 1};
    if (!tw_call_unpack(call, "{s:s, s?I, s?I, s?I, s?I, s?b}", "account", &issue->name, "world",
                        &issue->world, "validity_s", &issue->validity_s, "count", &issue->count,
                        "first", &issue->first, "create", &issue->create))
        return false;
    if (issue->world < 1 || issue->world > UINT32_MAX)
        tw_call_fail(call, "BAD_ARGUMENT", "world: expected 1 to %u", UINT32_MAX);
    else if (issue->validity_s < 1 || issue->validity_s > TW_TOKEN_VALIDITY_MAX_S)
        tw_call_fail(call, "BAD_ARGUMENT", "validity_s: expected 1 to %u", TW_TOKEN_VALIDITY_MAX_S);
    else if (issue->count < 0 || issue->count > TW_TOKENS_PER_REQUEST)
        tw_call_fail(call, "BAD_ARGUMENT", "count: expected 1 to %u", TW_TOKENS_PER_REQUEST);
    else if (issue->first < 1 || issue->first > 1000000000)
        tw_call_fail(call, "BAD_ARGUMENT", "first: expected 1 to 1000000000");
    else if (!tw_account_name_valid(issue->name))
        tw_call_fail(call, "BAD_ARGUMENT", "account: expected 1 to 63 of A-Z a-z 0-9 . _ -");
    return call->error_code == NULL;
}

/* Every address by which the engine can be reached, no more than a token holds (the configuration
 * was checked): a client tries them in this order. */
static void list_addresses(const struct tw_daemon *daemon, struct tw_token *token)
{
    for (uint32_t i = 0; i < tw_config_port_count(&daemon->config); i++) {
        const struct tw_config_port *port = &daemon->config.ports[i];
        token->addresses[token->address_count++] =
            tw_address_from_ipv4(port->address, port->udp_port);
        if (!tw_ip_is_zero(port->address6))
            token->addresses[token->address_count++] =
                tw_address_from_ipv6(port->address6, port->udp_port);
    }
}

static void make_token(const struct tw_daemon *daemon, const struct issue *issue, uint64_t account,
                       char text[TOKEN_TEXT_SIZE])
{
    uint64_t now = tw_clock_unix_s();
    struct tw_token token = {
        .account = account,
        .world = (uint32_t)issue->world,
        .version = TW_PROTOCOL_VERSION,
        .suites = daemon->config.control.suites,
        .expires_unix_s = now + (uint64_t)issue->validity_s,
        .issued_unix_s = now,
    };
    list_addresses(daemon, &token);
    struct tw_connect_token connect = {.version = token.version,
                                       .suites = token.suites,
                                       .address_count = token.address_count,
                                       .expires_unix_s = token.expires_unix_s};
    uint8_t nonce[TW_TOKEN_NONCE_SIZE];
    uint8_t bytes[TW_CONNECT_SIZE];
    randombytes_buf(token.id, sizeof(token.id));
    randombytes_buf(token.psk, sizeof(token.psk));
    randombytes_buf(nonce, sizeof(nonce));
    memcpy(token.audience, daemon->handshakes.audience, TW_AUDIENCE_SIZE);
    memcpy(connect.addresses, token.addresses, sizeof(connect.addresses));
    memcpy(connect.server_key, daemon->keys.statics[0].public, TW_KEY_SIZE);
    memcpy(connect.psk, token.psk, TW_KEY_SIZE);
    tw_token_seal(connect.token, &token, daemon->keys.token_keys[0].id,
                  daemon->keys.token_keys[0].key, nonce);
    tw_connect_token_write(bytes, &connect);
    (void)sodium_bin2base64(text, TOKEN_TEXT_SIZE, bytes, sizeof(bytes),
                            sodium_base64_VARIANT_ORIGINAL);
    sodium_memzero(&token, sizeof(token));
    sodium_memzero(&connect, sizeof(connect));
    sodium_memzero(bytes, sizeof(bytes));
}

/* The account, made when asked for. */
static bool find_account(struct tw_call *call, const struct issue *issue, const char *name,
                         struct tw_account *account)
{
    struct tw_store *store = call->daemon->store;
    uint64_t id = 0;
    if (issue->create) {
        enum tw_store_result result = tw_store_account_add(store, name, tw_clock_unix_s(), &id);
        if (result != TW_STORE_OK && result != TW_STORE_EXISTS) {
            tw_call_fail_store(call);
            return false;
        }
    }
    if (!tw_call_account(call, name, account))
        return false;
    if (account->banned_until_unix_s <= tw_clock_unix_s())
        return true;
    tw_call_fail(call, "ACCOUNT_BANNED", "the account %s is banned", account->name);
    call->error_details = json_pack("{s:s}", "account", account->name);
    return false;
}

static bool issue_one(struct tw_call *call, const struct issue *issue, const char *name,
                      json_t *tokens)
{
    struct tw_account account;
    char text[TOKEN_TEXT_SIZE];
    if (!tw_account_name_valid(name)) {
        tw_call_fail(call, "BAD_ARGUMENT", "account: the name with its number is too long");
        return false;
    }
    if (!find_account(call, issue, name, &account))
        return false;
    make_token(call->daemon, issue, account.id, text);
    (void)json_array_append_new(tokens, json_string(text));
    sodium_memzero(text, sizeof(text));
    return true;
}

static bool issue_all(struct tw_call *call, const struct issue *issue, json_t *tokens)
{
    if (issue->count == 0)
        return issue_one(call, issue, issue->name, tokens);
    for (json_int_t i = 0; i < issue->count; i++) {
        char name[TW_ACCOUNT_NAME_SIZE + 16];
        snprintf(name, sizeof(name), "%.63s-%" JSON_INTEGER_FORMAT, issue->name, issue->first + i);
        if (!issue_one(call, issue, name, tokens))
            return false;
    }
    return true;
}

void tw_command_token_issue(struct tw_call *call)
{
    struct issue issue;
    struct tw_store *store = call->daemon->store;
    if (!read_issue(call, &issue))
        return;
    if (tw_store_begin(store) != TW_STORE_OK) {
        tw_call_fail_store(call);
        return;
    }
    json_t *tokens = json_array();
    bool ok = issue_all(call, &issue, tokens);
    if (ok && tw_store_commit(store) != TW_STORE_OK) {
        tw_call_fail_store(call);
        ok = false;
    }
    if (!ok) {
        tw_store_rollback(store);
        json_decref(tokens);
        return;
    }
    call->result = json_pack("{s:o, s:I}", "tokens", tokens, "validity_s", issue.validity_s);
}

void tw_command_keys_rotate(struct tw_call *call)
{
    struct tw_daemon *daemon = call->daemon;
    const struct tw_keys *keys = &daemon->keys;
    char error[TW_KEYS_ERROR_SIZE];
    int with_static = 0, revoke = 0;
    if (!tw_call_unpack(call, "{s?b, s?b}", "static", &with_static, "revoke", &revoke))
        return;
    const struct tw_keys_rotation rotation = {.with_static = with_static, .revoke = revoke};
    if (!tw_keys_rotate(daemon->config.control.key_file, &daemon->keys, &rotation,
                        tw_clock_unix_s(), error)) {
        tw_call_fail(call, "ROTATION_REFUSED", "%s", error);
        return;
    }
    char public[2u * TW_KEY_SIZE + 1u];
    sodium_bin2hex(public, sizeof(public), keys->statics[0].public, TW_KEY_SIZE);
    call->result =
        json_pack("{s:I, s:I, s:I, s:s, s:I}", "key", (json_int_t)keys->token_keys[0].id,
                  "accepted_keys", (json_int_t)keys->token_key_count, "previous_accepted_s",
                  (json_int_t)(revoke ? 0 : TW_TOKEN_VALIDITY_MAX_S), "static_key", public,
                  "accepted_static_keys", (json_int_t)keys->static_count);
    tw_log_info("keys_rotated",
                json_pack("{s:I, s:b, s:b}", "key", (json_int_t)keys->token_keys[0].id, "static",
                          with_static, "revoked", revoke));
}
