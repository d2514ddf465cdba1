/* SPDX-License-Identifier: BSD-3-Clause */
#include "dataplane/gate/worker_state.h"

#include "dataplane/crypto/crc32c_isal.h"
#include "dataplane/wire/handshake.h"
#include "dataplane/wire/keys.h"
#include "tickwire/conduct.h"

#include <sodium.h>

/* How long a client is told to wait: the control plane restarts within seconds, a full ring is
 * empty after some ms, and a full host stays full for a while. */
#define AGAIN_CONTROL_AWAY_MS 1000u
#define AGAIN_BUSY_MS         250u
#define AGAIN_FULL_MS         2000u
/* A welcome sent later than this might find its session released when the client uses it: the
 * client's next hello 2 starts afresh instead. */
#define WELCOME_USABLE_NS (TW_SESSION_PENDING_NS - UINT64_C(1000000000))

static void send_try_again(struct tw_worker *worker, uint8_t interface, const struct tw_address *to,
                           const uint8_t *ephemeral, uint32_t after_ms)
{
    uint8_t answer[TW_TRY_AGAIN_SIZE];
    tw_try_again_write(answer, ephemeral, after_ms, tw_crc32c_isal);
    tw_transmit_answer(worker, interface, to, answer, sizeof(answer));
}

/* ---- hello ---------------------------------------------------------------------------------- */

static enum tw_outcome try_again(struct tw_worker *worker, const struct tw_packet *packet,
                                 const struct tw_hello *hello, uint32_t after_ms)
{
    send_try_again(worker, packet->interface, &packet->source, hello->ephemeral, after_ms);
    return TW_OUTCOME_TRY_AGAIN_SENT;
}

static void send_cookie(struct tw_worker *worker, const struct tw_packet *packet,
                        const uint8_t cookie[TW_COOKIE_SIZE])
{
    uint8_t answer[TW_COOKIE_PACKET];
    tw_cookie_packet_write(answer, packet->payload + TW_HELLO_EPHEMERAL, cookie, tw_crc32c_isal);
    tw_transmit_answer(worker, packet->interface, &packet->source, answer, sizeof(answer));
}

/* Cookies are made in pairs, which are answered when the second hello of a burst is there. */
static void answer_in_pairs(struct tw_worker *worker, const struct tw_packet *packet)
{
    const struct tw_packet *packets[2] = {worker->waiting_hello, packet};
    if (!packets[0]) {
        worker->waiting_hello = packet;
        return;
    }
    struct tw_cookie_client clients[2];
    uint8_t cookies[2][TW_COOKIE_SIZE];
    for (uint32_t i = 0; i < 2; i++)
        clients[i] = (struct tw_cookie_client){
            .source = &packets[i]->source, .ephemeral = packets[i]->payload + TW_HELLO_EPHEMERAL};
    worker->waiting_hello = NULL;
    tw_cookie_make_pair(cookies, &worker->cookies, clients);
    for (uint32_t i = 0; i < 2; i++)
        send_cookie(worker, packets[i], cookies[i]);
}

void tw_handshake_flush(struct tw_worker *worker)
{
    const struct tw_packet *packet = worker->waiting_hello;
    uint8_t cookie[TW_COOKIE_SIZE];
    if (!packet)
        return;
    worker->waiting_hello = NULL;
    tw_cookie_make(cookie, &worker->cookies, &packet->source, packet->payload + TW_HELLO_EPHEMERAL);
    send_cookie(worker, packet, cookie);
}

static enum tw_outcome answer_hello(struct tw_worker *worker, const struct tw_packet *packet)
{
    struct tw_hello hello;
    switch (tw_hello_parse(&hello, packet->payload, packet->payload_length, tw_crc32c_isal)) {
    case TW_HELLO_OK: {
        /* The main thread's first cookie key is still on its way. */
        if (!worker->cookies.keys[0].valid)
            return try_again(worker, packet, &hello, AGAIN_BUSY_MS);
        answer_in_pairs(worker, packet);
        return TW_OUTCOME_COOKIE_SENT;
    }
    case TW_HELLO_OTHER_VERSION: {
        uint8_t answer[TW_WRONG_VERSION_SIZE];
        tw_wrong_version_write(answer, hello.ephemeral, TW_PROTOCOL_VERSION, TW_PROTOCOL_VERSION,
                               tw_crc32c_isal);
        tw_transmit_answer(worker, packet->interface, &packet->source, answer, sizeof(answer));
        return TW_OUTCOME_VERSION_TOLD;
    }
    case TW_HELLO_CRC:
        return TW_OUTCOME_HANDSHAKE_CRC;
    case TW_HELLO_NO_SUITE:
        return TW_OUTCOME_HELLO2_VERSION;
    case TW_HELLO_MALFORMED:
        break;
    }
    return TW_OUTCOME_HANDSHAKE_MALFORMED;
}

/* ---- hello 2 -------------------------------------------------------------------------------- */

static enum tw_outcome answer_repeated(struct tw_worker *worker, const struct tw_packet *packet,
                                       const struct tw_pending_entry *entry)
{
    if (entry->state == TW_PENDING_RELAYED)
        return TW_OUTCOME_HANDSHAKE_PENDING;
    const struct tw_session *session = &worker->sessions.hot[entry->slot];
    if (session->state == TW_SESSION_CLOSING)
        return TW_OUTCOME_SESSION_CLOSING;
    if (session->state == TW_SESSION_PENDING &&
        worker->now_ns - session->heard_ns >= WELCOME_USABLE_NS)
        return TW_OUTCOME_HANDSHAKE_PENDING;
    tw_transmit_answer(worker, packet->interface, &packet->source, entry->welcome,
                       sizeof(entry->welcome));
    return TW_OUTCOME_WELCOME_RESENT;
}

static bool relay(struct tw_worker *worker, const struct tw_packet *packet, uint32_t number)
{
    memset(&worker->event, 0, sizeof(worker->event));
    struct tw_agent_handshake_request *request = &worker->event.handshake;
    request->request = tw_pending_request(&worker->pending, number);
    request->source = packet->source;
    request->destination =
        *tw_interface_own_address(&worker->interfaces[packet->interface], &packet->source);
    memcpy(request->hello2, packet->payload, sizeof(request->hello2));
    return tw_owed_event(worker, TW_EVENT_HANDSHAKE);
}

static enum tw_outcome begin_handshake(struct tw_worker *worker, const struct tw_packet *packet,
                                       const struct tw_hello *hello, const uint8_t *fingerprint)
{
    if (!worker->control_linked || worker->closing_all)
        return try_again(worker, packet, hello, AGAIN_CONTROL_AWAY_MS);
    uint32_t number = tw_pending_begin(&worker->pending, fingerprint, worker->now_ns);
    if (number == TW_PENDING_NONE)
        return try_again(worker, packet, hello, AGAIN_BUSY_MS);
    struct tw_pending_entry *entry = &worker->pending.entries[number];
    memcpy(entry->ephemeral, hello->ephemeral, sizeof(entry->ephemeral));
    entry->source = packet->source;
    entry->interface = packet->interface;
    entry->suites = hello->suites;
    if (!relay(worker, packet, number)) {
        tw_pending_end(&worker->pending, number);
        return try_again(worker, packet, hello, AGAIN_BUSY_MS);
    }
    return TW_OUTCOME_HANDSHAKE_RELAYED;
}

static enum tw_outcome answer_hello2(struct tw_worker *worker, const struct tw_packet *packet)
{
    struct tw_hello hello;
    switch (tw_hello2_parse(&hello, packet->payload, packet->payload_length, tw_crc32c_isal)) {
    case TW_HELLO_OK:
        break;
    case TW_HELLO_CRC:
        return TW_OUTCOME_HANDSHAKE_CRC;
    case TW_HELLO_MALFORMED:
        return TW_OUTCOME_HANDSHAKE_MALFORMED;
    case TW_HELLO_OTHER_VERSION:
    case TW_HELLO_NO_SUITE:
        return TW_OUTCOME_HELLO2_VERSION;
    }
    if (!tw_cookie_check(hello.cookie, &worker->cookies, &packet->source, hello.ephemeral))
        return TW_OUTCOME_COOKIE_WRONG;
    if (!tw_source_budgets_take(&worker->budgets.sources, &packet->source,
                                worker->budgets.source_rate, worker->now_ns))
        return TW_OUTCOME_SOURCE_BUDGET;
    uint8_t fingerprint[TW_FINGERPRINT_SIZE];
    tw_pending_fingerprint(&worker->pending, packet->payload, fingerprint);
    uint32_t number = tw_pending_find(&worker->pending, fingerprint);
    if (number != TW_PENDING_NONE)
        return answer_repeated(worker, packet, &worker->pending.entries[number]);
    return begin_handshake(worker, packet, &hello, fingerprint);
}

void tw_handshake_receive(struct tw_worker *worker, struct tw_packet *packet)
{
    uint8_t type = packet->header.channel;
    if (type != TW_HANDSHAKE_HELLO && type != TW_HANDSHAKE_HELLO2) {
        packet->outcome = TW_OUTCOME_HANDSHAKE_TYPE;
        return;
    }
    uint16_t size = type == TW_HANDSHAKE_HELLO ? TW_HELLO_SIZE : TW_HELLO2_SIZE;
    if (packet->payload_length != size)
        packet->outcome = TW_OUTCOME_HANDSHAKE_MALFORMED;
    else if (!tw_budget_take(&worker->budgets.stranger, worker->budgets.stranger_rate,
                             worker->now_ns))
        packet->outcome = TW_OUTCOME_STRANGER_BUDGET;
    else
        packet->outcome = (uint16_t)(type == TW_HANDSHAKE_HELLO ? answer_hello(worker, packet)
                                                                : answer_hello2(worker, packet));
}

/* ---- the control plane's reply -------------------------------------------------------------- */

/* Where a hello 2 came from, and what it offered. */
struct arrival {
    const struct tw_address *source;
    uint8_t interface;
    const uint8_t *ephemeral;
};

static void write_welcome(const struct tw_worker *worker, uint32_t slot,
                          const struct arrival *arrival,
                          const struct tw_agent_handshake_reply *reply,
                          uint8_t out[TW_WELCOME_SIZE])
{
    const struct tw_config_world *world = &worker->config.config->world;
    struct tw_session_secrets secrets;
    memcpy(secrets.client_to_server, reply->secret_client_to_server, TW_KEY_SIZE);
    memcpy(secrets.server_to_client, reply->secret_server_to_client, TW_KEY_SIZE);
    memcpy(secrets.confirm_key, reply->confirm_key, TW_KEY_SIZE);
    memcpy(secrets.confirm_iv, reply->confirm_iv, TW_IV_SIZE);
    memcpy(secrets.transcript, reply->transcript, TW_HASH_SIZE);
    struct tw_welcome welcome = {
        .connection_id = tw_sessions_id(&worker->sessions, slot),
        .world = reply->world,
        .server_time_us = tw_worker_server_time_us(worker),
        .tick = worker->tick,
        .mtu = (uint16_t)tw_talk_datagram_max(
            worker, &(struct tw_path_end){*arrival->source, arrival->interface}),
        .suite = reply->suite,
        .tick_hz = (uint8_t)world->tick_hz,
        .snapshot_hz = (uint8_t)world->snapshot_hz,
        .width_cells =
            world->edges == TW_EDGES_CHOICE_WRAP ? (uint16_t)(world->size_m / TW_CELL_M) : 0,
    };
    struct tw_ephemerals ephemerals = {arrival->ephemeral, reply->server_ephemeral};
    tw_welcome_write(out, &welcome, &ephemerals, &secrets, tw_crc32c_isal);
    sodium_memzero(&secrets, sizeof(secrets));
}

/* A pending session; its welcome is sent and stands in `welcome`. */
static void install(struct tw_worker *worker, uint32_t slot, const struct arrival *arrival,
                    const struct tw_agent_handshake_reply *reply, uint8_t *welcome)
{
    struct tw_session *session = &worker->sessions.hot[slot];
    struct tw_session_body *body = &worker->sessions.bodies[slot];
    session->address = *arrival->source;
    session->interface = arrival->interface;
    session->shard = (uint8_t)(reply->world % worker->config.shards);
    session->heard_ns = worker->now_ns;
    session->handshake = TW_PENDING_NONE;
    tw_replay_init(&body->replay);
    body->send_sequence = TW_SEQUENCE_FIRST;
    tw_rekey_install(worker, slot, reply->suite, reply->secret_client_to_server,
                     reply->secret_server_to_client);
    body->account = reply->account;
    body->installed_ns = worker->now_ns;
    body->conduct.since = tw_conduct_since(worker->now_ns);
    body->world = reply->world;
    body->resumes_id = reply->resumes_id;
    memcpy(body->token_id, reply->token_id, sizeof(body->token_id));
    tw_resume_keep(worker, slot, reply);
    write_welcome(worker, slot, arrival, reply, welcome);
    tw_transmit_answer(worker, arrival->interface, arrival->source, welcome, TW_WELCOME_SIZE);
}

bool tw_handshake_install(struct tw_worker *worker, const struct tw_resume_request *request)
{
    uint8_t welcome[TW_WELCOME_SIZE];
    const struct arrival arrival = {&request->source, request->interface, request->ephemeral};
    uint32_t slot = worker->closing_all ? TW_SESSION_NONE : tw_owed_take_slot(worker);
    if (slot == TW_SESSION_NONE)
        return false;
    install(worker, slot, &arrival, &request->reply, welcome);
    return true;
}

static bool suite_is_usable(const struct tw_worker *worker, const struct tw_pending_entry *entry,
                            uint8_t suite)
{
    bool one = suite == TW_SUITE_CHACHA20_POLY1305 || suite == TW_SUITE_AES256_GCM;
    return one && (suite & worker->config.aead->suites & entry->suites) != 0;
}

/* The slot of the new session; NONE: told to try again, or handed to the worker that can. */
static uint32_t find_slot(struct tw_worker *worker, const struct tw_pending_entry *entry,
                          const struct tw_agent_handshake_reply *reply, bool *forwarded)
{
    bool elsewhere =
        reply->resumes_id != 0 && tw_connection_worker(reply->resumes_id) != worker->config.index;
    *forwarded = elsewhere && !worker->closing_all && tw_resume_forward(worker, entry, reply);
    if (!elsewhere && !worker->closing_all)
        return tw_owed_take_slot(worker);
    return TW_SESSION_NONE;
}

static enum tw_verdict welcome(struct tw_worker *worker, uint32_t number,
                               const struct tw_agent_handshake_reply *reply)
{
    struct tw_pending_entry *entry = &worker->pending.entries[number];
    /* The control plane refuses before; whatever it says, no player gets into a lab. */
    if (worker->config.config->engine.lab == TW_LAB_MODE_ON) {
        tw_pending_end(&worker->pending, number);
        return TW_VERDICT_LAB;
    }
    if (!suite_is_usable(worker, entry, reply->suite)) {
        tw_pending_end(&worker->pending, number);
        return TW_VERDICT_SUITE_NONE;
    }
    bool forwarded;
    uint32_t slot = find_slot(worker, entry, reply, &forwarded);
    if (slot == TW_SESSION_NONE) {
        if (!forwarded)
            send_try_again(worker, entry->interface, &entry->source, entry->ephemeral,
                           AGAIN_FULL_MS);
        tw_pending_end(&worker->pending, number);
        return forwarded ? TW_VERDICT_WELCOMED : TW_VERDICT_SESSIONS_FULL;
    }
    const struct arrival arrival = {&entry->source, entry->interface, entry->ephemeral};
    tw_pending_install(&worker->pending, number, slot);
    install(worker, slot, &arrival, reply, entry->welcome);
    worker->sessions.hot[slot].handshake = number;
    return TW_VERDICT_WELCOMED;
}

static enum tw_verdict refuse(struct tw_worker *worker, uint32_t number,
                              const struct tw_agent_handshake_reply *reply)
{
    const struct tw_pending_entry *entry = &worker->pending.entries[number];
    if (reply->refused_size > 0 && reply->refused_size <= sizeof(reply->refused))
        tw_transmit_answer(worker, entry->interface, &entry->source, reply->refused,
                           reply->refused_size);
    tw_pending_end(&worker->pending, number);
    return reply->verdict < TW_VERDICT_COUNT ? reply->verdict : TW_VERDICT_CONTROL_GONE;
}

void tw_handshake_reply(struct tw_worker *worker, const struct tw_agent_handshake_reply *reply)
{
    enum tw_verdict verdict;
    uint32_t number = tw_pending_of_request(&worker->pending, reply->request);
    if (number == TW_PENDING_NONE)
        return; /* its verdict was CONTROL_GONE */
    if (worker->pending.entries[number].state == TW_PENDING_EXPIRED) {
        tw_pending_end(&worker->pending, number);
        verdict = TW_VERDICT_REPLY_LATE;
    } else if (reply->verdict == TW_VERDICT_WELCOMED) {
        verdict = welcome(worker, number, reply);
    } else {
        verdict = refuse(worker, number, reply);
    }
    tw_counter_add(&worker->config.counters->verdicts[verdict], 1);
}

void tw_handshake_expire(struct tw_worker *worker)
{
    bool gone = false;
    for (uint32_t i = 0; i < TW_SESSIONS_PER_TURN; i++) {
        if (!tw_pending_expire(&worker->pending, worker->now_ns, !worker->control_linked, &gone))
            return;
        if (gone)
            tw_counter_add(&worker->config.counters->verdicts[TW_VERDICT_CONTROL_GONE], 1);
    }
}
