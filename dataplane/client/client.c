/* SPDX-License-Identifier: BSD-3-Clause */
/* The public interface, what acts: owns memory and socket, and moves between the states. */
#include "dataplane/client/client_state.h"

#include "dataplane/client/socket.h"
#include "dataplane/wire/header.h"
#include "dataplane/wire/key_log.h"

#include <sodium.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define CONFIG_VERSION   1u
#define ENTITIES_LIMIT   4096u
#define EVENTS_MIN       16u
#define EVENTS_LIMIT     65536u
#define MEMORY_ALIGNMENT 64u
/* Datagrams taken per update: 1 s of snapshots and answers; the rest waits in the socket. */
#define RECEIVE_BURST 64u
/* Datagrams sent per update: 20 Mbit/s for a game at 60 Hz. */
#define SEND_BURST 32u
/* What waits to be sent, what comes in on three channels, and what was not taken yet: 0.8 MB. */
#define MESSAGE_BLOCKS 640u

struct tw_client_config tw_client_config_default(void)
{
    return (struct tw_client_config){
        .version = CONFIG_VERSION,
        .entities_max = 1024,
        .events_max = 4096,
        .timeout_ms = 60000,
        .degraded_ms = 1000,
        .reconnecting_ms = 5000,
        .connect_ms = 15000,
    };
}

static bool config_valid(const struct tw_client_config *config)
{
    return config && config->version == CONFIG_VERSION && config->entities_max >= 1 &&
           config->entities_max <= ENTITIES_LIMIT && config->events_max >= EVENTS_MIN &&
           config->events_max <= EVENTS_LIMIT && config->timeout_ms > 0 &&
           config->degraded_ms > 0 && config->reconnecting_ms > 0 && config->connect_ms > 0 &&
           (config->suites & ~TW_SUITES_KNOWN) == 0;
}

static void *take_memory(size_t size)
{
    size_t rounded = (size + MEMORY_ALIGNMENT - 1u) / MEMORY_ALIGNMENT * MEMORY_ALIGNMENT;
    void *memory = aligned_alloc(MEMORY_ALIGNMENT, rounded);
    if (memory)
        memset(memory, 0, rounded);
    return memory;
}

struct tw_client *tw_client_create(const struct tw_client_config *config)
{
    if (!config_valid(config) || sodium_init() < 0)
        return NULL;
    struct tw_client *client = take_memory(sizeof(*client));
    if (!client)
        return NULL;
    client->config = *config;
    client->descriptor = -1;
    client->backend = tw_aead_sodium();
    client->view_memory = take_memory(tw_view_footprint(config->entities_max));
    client->scratch = take_memory(config->entities_max * sizeof(*client->scratch));
    client->queue = take_memory(config->events_max * sizeof(*client->queue));
    client->pool_memory = take_memory(tw_block_pool_footprint(MESSAGE_BLOCKS));
    client->channels_memory = take_memory(tw_channels_pool_footprint(1));
    client->messages = take_memory(sizeof(*client->messages));
    if (!client->view_memory || !client->scratch || !client->queue || !client->pool_memory ||
        !client->channels_memory || !client->messages) {
        tw_client_destroy(client);
        return NULL;
    }
    client->view = tw_view_init(client->view_memory, config->entities_max);
    tw_client_events_init(&client->events, client->queue, config->events_max);
    tw_block_pool_init(&client->pool, client->pool_memory, MESSAGE_BLOCKS);
    struct tw_channels_config channels = {
        .blocks = &client->pool, .send_blocks_max = TW_CLIENT_SEND_BLOCKS, .kept = true};
    tw_channels_pool_init(&client->channels, &channels, client->channels_memory, 1);
    tw_client_messages_init(client->messages);
    return client;
}

void tw_client_destroy(struct tw_client *client)
{
    if (!client)
        return;
    tw_client_socket_close(client->descriptor);
    free(client->view_memory);
    free(client->scratch);
    free(client->queue);
    free(client->pool_memory);
    free(client->channels_memory);
    free(client->messages);
    sodium_memzero(client, sizeof(*client));
    free(client);
}

/* ---- transport ----------------------------------------------------------------------------- */

static bool own_socket(const struct tw_client *client)
{
    return client->config.transport.send == NULL;
}

static void close_socket(struct tw_client *client)
{
    tw_client_socket_close(client->descriptor);
    client->descriptor = -1;
}

/* False: the one that was open stays. */
static bool open_socket(struct tw_client *client, const struct tw_address *server)
{
    int descriptor = tw_client_socket_open(server);
    if (descriptor < 0)
        return false;
    tw_client_socket_close(client->descriptor);
    client->descriptor = descriptor;
    client->descriptor_server = *server;
    return true;
}

static void send_packet(struct tw_client *client, const uint8_t *packet, size_t size)
{
    const struct tw_client_transport *transport = &client->config.transport;
    int sent = own_socket(client) ? tw_client_socket_send(client->descriptor, packet, size)
                                  : transport->send(transport->context, packet, size,
                                                    client->server.ip, client->server.port);
    if (sent <= 0)
        return;
    client->statistics.packets_sent++;
    client->statistics.bytes_sent += size;
}

/* Callers may read their clock at different places of a frame: a time before one already seen is
 * taken for that one, so that no interval is ever negative. */
static uint64_t advance_time(struct tw_client *client, uint64_t now_us)
{
    if (now_us > client->now_us)
        client->now_us = now_us;
    return client->now_us;
}

/* ---- states -------------------------------------------------------------------------------- */

static void finish(struct tw_client *client, enum tw_client_end end, uint32_t code)
{
    tw_client_connection_wipe(&client->connection);
    tw_client_session_wipe(&client->session);
    sodium_memzero(client->ephemeral, sizeof(client->ephemeral));
    if (tw_client_farewell_is_over(&client->farewell))
        close_socket(client);
    client->state = TW_CLIENT_CLOSED;
    tw_client_events_push(
        &client->events,
        &(struct tw_client_event){.type = TW_CLIENT_EVENT_CLOSED, .end = end, .code = code});
}

static void send_closes(struct tw_client *client)
{
    size_t size;
    while ((size = tw_client_farewell_write(&client->farewell, client->packet, client->now_us)) > 0)
        send_packet(client, client->packet, size);
}

static void say_goodbye(struct tw_client *client, enum tw_close_reason reason)
{
    tw_client_farewell_begin(&client->farewell, &client->session.link, reason, client->now_us);
    send_closes(client);
}

static void update_leaving(struct tw_client *client)
{
    if (tw_client_farewell_is_over(&client->farewell))
        return;
    send_closes(client);
    if (tw_client_farewell_is_over(&client->farewell))
        close_socket(client);
}

static uint64_t token_valid_us(const struct tw_connect_token *connect)
{
    /* The one wall clock of the library: a token's expiry is a date. */
    struct timespec wall;
    clock_gettime(CLOCK_REALTIME, &wall);
    uint64_t now_s = (uint64_t)wall.tv_sec;
    if (connect->expires_unix_s <= now_s)
        return 0;
    uint64_t left_s = connect->expires_unix_s - now_s;
    return (left_s > UINT32_MAX ? UINT32_MAX : left_s) * UINT64_C(1000000);
}

/* To the first of the token's addresses that this machine has a way to: it may know one family
 * only. */
static bool open_first_socket(struct tw_client *client)
{
    struct tw_client_connection *connection = &client->connection;
    for (uint8_t address = 0; address < connection->handshake.connect.address_count; address++) {
        connection->address = address;
        if (open_socket(client, tw_client_connection_address(connection)))
            return true;
    }
    return false;
}

static int start_connection(struct tw_client *client, const struct tw_connect_token *connect,
                            uint64_t now_us)
{
    uint8_t secret[TW_KEY_SIZE];
    randombytes_buf(secret, sizeof(secret));
    uint8_t suites = client->backend->suites;
    if (client->config.suites != 0)
        suites &= client->config.suites;
    struct tw_client_connection_config config = {
        .connect = connect,
        .suites = suites,
        .connect_ms = client->config.connect_ms,
        .token_valid_us = token_valid_us(connect),
        .ephemeral_secret = secret,
    };
    bool started = tw_client_connection_init(&client->connection, &config, now_us);
    sodium_memzero(secret, sizeof(secret));
    if (!started)
        return TW_CLIENT_ERROR_TOKEN;
    if (own_socket(client) && !open_first_socket(client))
        return TW_CLIENT_ERROR_SOCKET;
    client->server = *tw_client_connection_address(&client->connection);
    return TW_CLIENT_OK;
}

int tw_client_connect(struct tw_client *client, const uint8_t *connect_token, size_t size,
                      uint64_t now_us)
{
    if (!client || !connect_token)
        return TW_CLIENT_ERROR_ARGUMENT;
    if (client->state != TW_CLIENT_IDLE && client->state != TW_CLIENT_CLOSED)
        return TW_CLIENT_ERROR_STATE;
    struct tw_connect_token connect;
    if (!tw_connect_token_read(&connect, connect_token, size)) {
        sodium_memzero(&connect, sizeof(connect));
        return TW_CLIENT_ERROR_TOKEN;
    }
    tw_client_farewell_end(&client->farewell);
    close_socket(client);
    int result = start_connection(client, &connect, now_us);
    sodium_memzero(&connect, sizeof(connect));
    if (result != TW_CLIENT_OK) {
        tw_client_connection_wipe(&client->connection);
        return result;
    }
    memcpy(client->ephemeral, client->connection.handshake.ephemeral, TW_KEY_SIZE);
    sodium_memzero(&client->resume, sizeof(client->resume));
    client->view = tw_view_init(client->view_memory, client->config.entities_max);
    client->statistics.rtt_us = 0;
    client->statistics.rtt_min_us = 0;
    client->statistics.suite = 0;
    client->statistics.key_phase = 0;
    client->now_us = now_us;
    client->state = TW_CLIENT_CONNECTING;
    return TW_CLIENT_OK;
}

/* A server keeps a session that it welcomed for some seconds until it hears of it. So this is still
 * the handshake, which nobody answers: it may be that no such session is there, and its token good
 * for another try. If one is there, all that it does not tell us was lost; it is not told to end.
 */
static bool was_never_heard(const struct tw_client *client, uint64_t now_us)
{
    const struct tw_client_session *session = &client->session;
    return session->heard_us == session->begun_us &&
           now_us - session->begun_us >= client->config.connect_ms * UINT64_C(1000);
}

static void update_connected(struct tw_client *client, uint64_t now_us)
{
    struct tw_client_session *session = &client->session;
    if (session->closed) {
        finish(client, TW_CLIENT_END_REMOTE, session->close_reason);
        return;
    }
    if (tw_client_session_health(session, now_us) == TW_LIFE_DISCONNECTED) {
        say_goodbye(client, TW_CLOSE_TIMEOUT);
        finish(client, TW_CLIENT_END_TIMEOUT, 0);
        return;
    }
    if (was_never_heard(client, now_us)) {
        finish(client, TW_CLIENT_END_NO_ANSWER, 0);
        return;
    }
    if (tw_client_session_exhausted(session)) {
        say_goodbye(client, TW_CLOSE_EXHAUSTED);
        finish(client, TW_CLIENT_END_EXHAUSTED, 0);
        return;
    }
    for (uint32_t i = 0; i < SEND_BURST; i++) {
        size_t size = tw_client_session_write(session, client->packet, now_us);
        if (size == 0)
            return;
        send_packet(client, client->packet, size);
    }
}

static void update_connecting(struct tw_client *client, uint64_t now_us)
{
    struct tw_client_connection *connection = &client->connection;
    size_t size = 0;
    enum tw_client_end end = TW_CLIENT_END_NO_ANSWER;
    switch (tw_client_connection_update(connection, now_us, client->packet, &size, &end)) {
    case TW_CLIENT_DUE_NOTHING:
        break;
    case TW_CLIENT_DUE_SEND:
        client->server = *tw_client_connection_address(connection);
        if (own_socket(client) && !tw_address_equal(&client->descriptor_server, &client->server))
            (void)open_socket(client, &client->server); /* tried again with the next packet */
        send_packet(client, client->packet, size);
        break;
    case TW_CLIENT_DUE_END:
        finish(client, end, 0);
        break;
    }
}

/* ---- receiving ----------------------------------------------------------------------------- */

static void log_keys(const struct tw_client *client)
{
    const struct tw_handshake_client *handshake = &client->connection.handshake;
    if (!client->config.key_log)
        return;
    struct tw_key_log_entry entry = {
        .connection_id = handshake->welcome.connection_id,
        .suite = (enum tw_suite)handshake->welcome.suite,
        .client_to_server = handshake->secrets.client_to_server,
        .server_to_client = handshake->secrets.server_to_client,
        .client_ephemeral = handshake->ephemeral,
        .confirm_key = handshake->secrets.confirm_key,
        .confirm_iv = handshake->secrets.confirm_iv,
    };
    char line[TW_KEY_LOG_LINE];
    tw_key_log_write(line, &entry);
    client->config.key_log(client->config.key_log_context, line);
    sodium_memzero(line, sizeof(line));
}

/* As the connect token was, but for what the server tells, and a psk of this session. */
static void prepare_resume(struct tw_client *client)
{
    const struct tw_handshake_client *handshake = &client->connection.handshake;
    client->resume = handshake->connect;
    client->resume.expires_unix_s = 0;
    memset(client->resume.token, 0, sizeof(client->resume.token));
    memcpy(client->resume.psk, handshake->secrets.resume, sizeof(client->resume.psk));
}

static bool go_live(struct tw_client *client, uint64_t now_us)
{
    prepare_resume(client);
    struct tw_client_session_config config = {
        .backend = client->backend,
        .secrets = &client->connection.handshake.secrets,
        .welcome = &client->connection.handshake.welcome,
        .view = client->view,
        .channels = &client->channels,
        .events = &client->events,
        .statistics = &client->statistics,
        .input = client->input,
        .resume = &client->resume,
        .times = {.degraded_ms = client->config.degraded_ms,
                  .pause_ms = client->config.reconnecting_ms,
                  .park_ms = client->config.timeout_ms,
                  .grace_ms = client->config.timeout_ms},
    };
    if (!tw_client_session_init(&client->session, &config, now_us))
        return false;
    client->statistics.suite = config.welcome->suite;
    client->world = (struct tw_client_world){.id = config.welcome->world,
                                             .width = config.welcome->width_cells << TW_CELL_SHIFT};
    log_keys(client);
    tw_client_connection_wipe(&client->connection);
    client->state = TW_CLIENT_CONNECTED;
    tw_client_events_push(&client->events,
                          &(struct tw_client_event){.type = TW_CLIENT_EVENT_CONNECTED});
    /* The session is pending at the server until it hears us. */
    update_connected(client, now_us);
    return true;
}

static bool receive_handshake(struct tw_client *client, const uint8_t *bytes, size_t length,
                              uint64_t now_us)
{
    struct tw_client_connection *connection = &client->connection;
    switch (tw_client_connection_receive(connection, bytes, length, now_us)) {
    case TW_NEWS_NONE:
        return false;
    case TW_NEWS_COOKIE:
        update_connecting(client, now_us);
        break;
    case TW_NEWS_WELCOME:
        return go_live(client, now_us);
    case TW_NEWS_TRY_AGAIN:
        tw_client_events_push(&client->events,
                              &(struct tw_client_event){.type = TW_CLIENT_EVENT_TRY_AGAIN,
                                                        .code = connection->handshake.after_ms});
        break;
    case TW_NEWS_WRONG_VERSION:
        break;
    case TW_NEWS_REFUSED:
        finish(client, TW_CLIENT_END_REFUSED, connection->handshake.reason);
        break;
    }
    return true;
}

/* An answer to a handshake packet that was sent more than once, after the first answer did. */
static bool late_answer(const struct tw_client *client, const uint8_t *bytes, size_t length)
{
    return tw_load_u32(bytes) == 0 && length >= TW_ANSWER_EPHEMERAL + TW_KEY_SIZE &&
           memcmp(bytes + TW_ANSWER_EPHEMERAL, client->ephemeral, TW_KEY_SIZE) == 0;
}

void tw_client_receive(struct tw_client *client, const uint8_t *bytes, size_t length,
                       uint64_t now_us)
{
    if (!client || !bytes ||
        (client->state != TW_CLIENT_CONNECTING && client->state != TW_CLIENT_CONNECTED))
        return;
    now_us = advance_time(client, now_us);
    client->statistics.packets_received++;
    client->statistics.bytes_received += length;
    bool accepted = false;
    if (length >= TW_HEADER_SIZE && length <= TW_DATAGRAM_MAX) {
        if (client->state == TW_CLIENT_CONNECTING) {
            accepted = receive_handshake(client, bytes, length, now_us) ||
                       late_answer(client, bytes, length);
        } else if (late_answer(client, bytes, length)) {
            accepted = true;
        } else {
            memmove(client->packet, bytes, length);
            accepted = tw_client_session_receive(&client->session, client->packet, length, now_us);
        }
    }
    client->statistics.packets_rejected += !accepted;
}

static void receive_all(struct tw_client *client, uint64_t now_us)
{
    const struct tw_client_transport *transport = &client->config.transport;
    uint8_t bytes[TW_DATAGRAM_MAX + 1u];
    for (uint32_t i = 0; i < RECEIVE_BURST; i++) {
        int got = 0;
        if (!own_socket(client))
            got = transport->receive ? transport->receive(transport->context, bytes, sizeof(bytes))
                                     : 0;
        else if (client->descriptor >= 0)
            got = tw_client_socket_receive(client->descriptor, bytes, sizeof(bytes));
        if (got == 0)
            return;
        if (got > 0)
            tw_client_receive(client, bytes, (size_t)got, now_us);
    }
}

void tw_client_update(struct tw_client *client, uint64_t now_us)
{
    if (!client)
        return;
    now_us = advance_time(client, now_us);
    if (client->state == TW_CLIENT_CONNECTING || client->state == TW_CLIENT_CONNECTED)
        receive_all(client, now_us);
    if (client->state == TW_CLIENT_CONNECTING)
        update_connecting(client, now_us);
    else if (client->state == TW_CLIENT_CONNECTED)
        update_connected(client, now_us);
    else if (client->state == TW_CLIENT_CLOSED)
        update_leaving(client);
}

int tw_client_rebind(struct tw_client *client, uint64_t now_us)
{
    if (!client)
        return TW_CLIENT_ERROR_ARGUMENT;
    if (client->state != TW_CLIENT_CONNECTING && client->state != TW_CLIENT_CONNECTED)
        return TW_CLIENT_ERROR_STATE;
    now_us = advance_time(client, now_us);
    if (own_socket(client) && !open_socket(client, &client->server))
        return TW_CLIENT_ERROR_SOCKET;
    if (client->state == TW_CLIENT_CONNECTING)
        tw_client_connection_restart(&client->connection, now_us);
    else
        tw_client_session_path_changed(&client->session, now_us);
    return TW_CLIENT_OK;
}

void tw_client_close(struct tw_client *client, uint64_t now_us)
{
    if (!client)
        return;
    (void)advance_time(client, now_us);
    if (client->state == TW_CLIENT_CONNECTED)
        say_goodbye(client, TW_CLOSE_BY_CLIENT);
    sodium_memzero(&client->resume, sizeof(client->resume));
    if (client->state == TW_CLIENT_CONNECTING || client->state == TW_CLIENT_CONNECTED)
        finish(client, TW_CLIENT_END_LOCAL, 0);
}

int tw_client_set_input(struct tw_client *client, const struct tw_client_input *input)
{
    if (!client || !input || input->move_x == INT8_MIN || input->move_y == INT8_MIN ||
        (input->buttons & ~TW_BUTTONS_KNOWN) != 0)
        return TW_CLIENT_ERROR_ARGUMENT;
    client->input = (struct tw_input){.move_x = input->move_x,
                                      .move_y = input->move_y,
                                      .facing = input->facing,
                                      .buttons = input->buttons};
    client->session.inputs.current = client->input;
    return TW_CLIENT_OK;
}

/* ---- messages ------------------------------------------------------------------------------ */

int tw_client_send(struct tw_client *client, enum tw_client_channel channel, const uint8_t *bytes,
                   size_t size, uint32_t deadline_ms)
{
    size_t limit = channel == TW_CLIENT_LATEST ? TW_CLIENT_SEND_LATEST_MAX : TW_CLIENT_SEND_MAX;
    if (!client || !bytes || (unsigned int)channel >= TW_CHANNEL_COUNT || size > limit)
        return TW_CLIENT_ERROR_ARGUMENT;
    if (client->state != TW_CLIENT_CONNECTED)
        return TW_CLIENT_ERROR_STATE;
    struct tw_outgoing message = {
        .channel = (uint8_t)channel,
        .bytes = bytes,
        .size = (uint32_t)size,
        .deadline_us = deadline_ms > 0 ? client->now_us + deadline_ms * UINT64_C(1000) : 0,
    };
    switch (tw_client_messages_send(client->messages, &client->session.transport, &message,
                                    client->now_us, &client->statistics)) {
    case TW_SENDER_QUEUED:
        return TW_CLIENT_OK;
    case TW_SENDER_SIZE:
        return TW_CLIENT_ERROR_ARGUMENT;
    case TW_SENDER_FULL:
    case TW_SENDER_NO_POOL:
        break;
    }
    return TW_CLIENT_ERROR_FULL;
}

int tw_client_take_message(struct tw_client *client, struct tw_client_message *message,
                           uint8_t *bytes, size_t capacity)
{
    if (!client || !message || (!bytes && capacity > 0))
        return TW_CLIENT_ERROR_ARGUMENT;
    if (client->state != TW_CLIENT_CONNECTED)
        return 0;
    struct tw_client_messages_room room = {message, bytes, capacity};
    return tw_client_messages_take(client->messages, &client->session.transport, &client->pool,
                                   &room, &client->statistics);
}
