/* SPDX-License-Identifier: BSD-3-Clause */
#include "tests/sim/server/house.h"

#include "dataplane/wire/cookie.h"
#include "dataplane/wire/token.h"
#include "tickwire/assert.h"

#include <rte_ring_elem.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define SECOND_US   UINT64_C(1000000)
#define ANSWER_US   1500u
#define TOKENS_EVER 1000000u
/* In memory: nothing here is to outlive the process, and no disk is to be waited for. */
#define STORE_PATTERN "/dev/shm/tickwire-sim-XXXXXX"
#define PATH_SIZE     64u
/* Client libraries look at the machine's own date, which is no part of the simulation. */
#define TOKEN_EXPIRES_S (UINT64_C(1) << 32)

/* They are open, and nobody reads them later: a test that aborts leaves nothing behind. */
static void remove_files(const char *store)
{
    static const char *const endings[] = {"", "-wal", "-shm"};
    for (uint32_t i = 0; i < sizeof(endings) / sizeof(endings[0]); i++) {
        char path[PATH_SIZE];
        snprintf(path, sizeof(path), "%s%s", store, endings[i]);
        unlink(path);
    }
}

static uint32_t resumable(void *context, uint64_t account, const uint8_t token_id[TW_TOKEN_ID_SIZE])
{
    const struct sim_house *house = context;
    uint64_t at = account % SIM_HOUSE_ACCOUNTS;
    bool same = memcmp(house->live_token[at], token_id, TW_TOKEN_ID_SIZE) == 0;
    return same ? house->live[at] : 0;
}

void sim_house_open(struct sim_house *house, const struct tw_config *config)
{
    char error[TW_STORE_ERROR_SIZE];
    memset(house, 0, sizeof(*house));
    house->config = config;
    house->answer_us = ANSWER_US;
    house->linked = true;
    randombytes_buf(house->keys.statics[0].secret, TW_KEY_SIZE);
    crypto_scalarmult_base(house->keys.statics[0].public, house->keys.statics[0].secret);
    house->keys.static_count = 1;
    house->keys.token_keys[0].id = 5;
    randombytes_buf(house->keys.token_keys[0].key, TW_KEY_SIZE);
    house->keys.token_key_count = 1;
    char path[] = STORE_PATTERN;
    int descriptor = mkstemp(path);
    TW_ASSERT(descriptor >= 0);
    close(descriptor);
    house->store = tw_store_open(path, TOKENS_EVER, error);
    TW_ASSERT(house->store != NULL);
    remove_files(path);
    house->service = (struct tw_handshake_service){.store = house->store,
                                                   .keys = &house->keys,
                                                   .resumable = resumable,
                                                   .context = house,
                                                   .suites = config->control.suites,
                                                   .world = config->world.id};
    tw_token_audience(house->service.audience, config->engine.name);
}

void sim_house_close(struct sim_house *house)
{
    tw_store_close(house->store);
    tw_keys_wipe(&house->keys);
}

static void command(struct sim_house *house, uint32_t worker, struct tw_worker_command *command)
{
    int sent = rte_ring_sp_enqueue_elem(house->commands[worker], command, sizeof(*command));
    TW_ASSERT(sent == 0);
    sodium_memzero(command, sizeof(*command));
}

static void command_all(struct sim_house *house, const struct tw_worker_command *wanted)
{
    for (uint32_t worker = 0; worker < house->workers; worker++) {
        struct tw_worker_command copy = *wanted;
        command(house, worker, &copy);
    }
}

static void rotate_cookie(struct sim_house *house, uint64_t now_us)
{
    if (now_us < house->cookie_due_us)
        return;
    struct tw_worker_command cookie = {.type = TW_COMMAND_COOKIE_KEY};
    randombytes_buf(cookie.cookie.key, TW_KEY_SIZE);
    cookie.cookie.slot = ++house->cookie_slot;
    command_all(house, &cookie);
    house->cookie_due_us = now_us + TW_COOKIE_ROTATION_S * SECOND_US;
}

/* ---- events ---------------------------------------------------------------------------------- */

static void take_request(struct sim_house *house, const struct tw_worker_event *event,
                         uint64_t now_us)
{
    TW_ASSERT(house->count < SIM_HOUSE_REQUESTS);
    uint32_t at = (house->first + house->count++) % SIM_HOUSE_REQUESTS;
    house->requests[at] = (struct sim_request){.handshake = event->handshake,
                                               .due_us = now_us + house->answer_us,
                                               .worker = event->worker};
}

static void confirm(struct sim_house *house, const struct tw_agent_session *session)
{
    house->confirmed++;
    enum tw_store_result result = tw_store_token_consume(house->store, session->token_id,
                                                         session->connection_id, TOKEN_EXPIRES_S);
    /* Nobody gets in twice by one token. */
    TW_ASSERT(result == TW_STORE_OK);
    /* Of an account's sessions the newest stays. */
    uint32_t *live = &house->live[session->account % SIM_HOUSE_ACCOUNTS];
    if (*live != 0) {
        house->replaced++;
        sim_house_kick(house, *live, TW_CLOSE_REPLACED);
    }
    *live = session->connection_id;
    memcpy(house->live_token[session->account % SIM_HOUSE_ACCOUNTS], session->token_id,
           TW_TOKEN_ID_SIZE);
}

static void follow(struct sim_house *house, const struct tw_agent_session *session, bool closed)
{
    uint32_t *live = &house->live[session->account % SIM_HOUSE_ACCOUNTS];
    if (closed && *live == session->connection_id)
        *live = 0;
    if (!closed)
        *live = session->connection_id;
}

static void take_events(struct sim_house *house, uint32_t worker, uint64_t now_us)
{
    struct tw_worker_event event;
    while (rte_ring_sc_dequeue_elem(house->events[worker], &event, sizeof(event)) == 0) {
        switch ((enum tw_event_type)event.type) {
        case TW_EVENT_HANDSHAKE:
            take_request(house, &event, now_us);
            break;
        case TW_EVENT_CONFIRMED:
            confirm(house, &event.session);
            break;
        case TW_EVENT_CLOSED:
            house->closed[event.session.reason % 16u]++;
            follow(house, &event.session, true);
            break;
        case TW_EVENT_MOVED:
            house->moved++;
            follow(house, &event.session, false);
            break;
        default:
            house->other++;
            break;
        }
    }
}

/* ---- answers --------------------------------------------------------------------------------- */

static void answer(struct sim_house *house, const struct sim_request *request, uint64_t now_us)
{
    struct tw_worker_command reply = {.type = TW_COMMAND_HANDSHAKE_REPLY};
    if (house->linked) {
        uint64_t unix_ms = SIM_UNIX_S * 1000u + now_us / 1000u;
        bool stored = tw_store_begin(house->store) == TW_STORE_OK &&
                      tw_handshake_service_answer(&house->service, &request->handshake, unix_ms,
                                                  &reply.reply) &&
                      tw_store_commit(house->store) == TW_STORE_OK;
        TW_ASSERT(stored);
    } else {
        reply.reply.request = request->handshake.request;
        reply.reply.verdict = TW_VERDICT_CONTROL_GONE;
    }
    command(house, request->worker, &reply);
}

void sim_house_turn(struct sim_house *house, uint64_t now_us)
{
    rotate_cookie(house, now_us);
    for (uint32_t worker = 0; worker < house->workers; worker++)
        take_events(house, worker, now_us);
    while (house->count > 0 && house->requests[house->first].due_us <= now_us) {
        answer(house, &house->requests[house->first], now_us);
        house->first = (house->first + 1u) % SIM_HOUSE_REQUESTS;
        house->count--;
    }
}

void sim_house_link(struct sim_house *house, bool linked)
{
    struct tw_worker_command state = {.type = TW_COMMAND_CONTROL_STATE,
                                      .control.linked = linked ? 1 : 0};
    house->linked = linked;
    command_all(house, &state);
}

void sim_house_close_all(struct sim_house *house)
{
    struct tw_worker_command close = {.type = TW_COMMAND_CLOSE_ALL, .reason = TW_CLOSE_SHUTDOWN};
    command_all(house, &close);
}

void sim_house_kick(struct sim_house *house, uint32_t connection_id, enum tw_close_reason reason)
{
    uint32_t worker = tw_connection_worker(connection_id);
    struct tw_worker_command kick = {
        .type = TW_COMMAND_KICK, .reason = (uint16_t)reason, .connection_id = connection_id};
    if (worker < house->workers)
        command(house, worker, &kick);
}

void sim_house_token(struct sim_house *house, uint64_t account, uint64_t now_us,
                     uint8_t out[TW_CONNECT_SIZE])
{
    const struct tw_config_port *port = &house->config->ports[0];
    struct tw_token token = {.account = account,
                             .world = house->config->world.id,
                             .version = TW_PROTOCOL_VERSION,
                             .suites = house->config->control.suites,
                             .address_count = 1,
                             .expires_unix_s = TOKEN_EXPIRES_S,
                             .issued_unix_s = SIM_UNIX_S + now_us / SECOND_US};
    token.addresses[0] = tw_address_from_ipv4(port->address, port->udp_port);
    randombytes_buf(token.id, sizeof(token.id));
    randombytes_buf(token.psk, sizeof(token.psk));
    memcpy(token.audience, house->service.audience, sizeof(token.audience));
    struct tw_connect_token connect = {.version = token.version,
                                       .suites = token.suites,
                                       .address_count = 1,
                                       .expires_unix_s = token.expires_unix_s};
    memcpy(connect.addresses, token.addresses, sizeof(connect.addresses));
    memcpy(connect.psk, token.psk, TW_KEY_SIZE);
    memcpy(connect.server_key, house->keys.statics[0].public, TW_KEY_SIZE);
    uint8_t nonce[TW_TOKEN_NONCE_SIZE];
    randombytes_buf(nonce, sizeof(nonce));
    tw_token_seal(connect.token, &token, house->keys.token_keys[0].id,
                  house->keys.token_keys[0].key, nonce);
    tw_connect_token_write(out, &connect);
}

void sim_house_extend(uint8_t token[TW_CONNECT_SIZE])
{
    struct tw_connect_token connect;
    bool read = tw_connect_token_read(&connect, token, TW_CONNECT_SIZE);
    TW_ASSERT(read);
    connect.expires_unix_s = TOKEN_EXPIRES_S;
    tw_connect_token_write(token, &connect);
}
