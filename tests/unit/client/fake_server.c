/* SPDX-License-Identifier: BSD-3-Clause */
#include "tests/unit/client/fake_server.h"

#include "dataplane/wire/frames.h"
#include "dataplane/wire/header.h"
#include "simulation/core/hash.h"
#include "tests/load/random.h"
#include "tickwire/assert.h"

#include <sodium.h>
#include <string.h>
#include <time.h>

static const char engine_name[] = "fake";

void fake_server_init(struct fake_server *server)
{
    memset(server, 0, sizeof(*server));
    server->random = 20260101;
    server->delay_out_us = 5000;
    server->delay_in_us = 5000;
    server->try_again_ms = 500;
    server->now_us = FAKE_START_US;
    server->offset_us = FAKE_START_US - 300000000u - 17u;
    server->connection_id = 0x2a000001u;
    server->generation = 1;
    server->token_key.id = 3;
    memset(server->token_key.key, 0x11, TW_KEY_SIZE);
    memset(server->static_secret, 0x22, TW_KEY_SIZE);
    uint8_t cookie_key[TW_KEY_SIZE];
    memset(cookie_key, 0x33, sizeof(cookie_key));
    tw_cookie_rotate(&server->cookies, cookie_key, 1);
    server->next_snapshot_us = server->now_us;
}

uint64_t fake_server_time_us(const struct fake_server *server)
{
    return server->now_us - server->offset_us;
}

uint64_t fake_server_tick(const struct fake_server *server)
{
    return fake_server_time_us(server) * FAKE_TICK_HZ / 1000000u;
}

static struct tw_address server_address(void)
{
    return tw_address_from_ipv4(0xc6120001u, 27777);
}

static struct tw_address client_address(void)
{
    return tw_address_from_ipv4(0xc6120002u, 40000);
}

void fake_server_token(struct fake_server *server, int64_t valid_s, uint8_t out[TW_CONNECT_SIZE])
{
    uint64_t now_s = (uint64_t)time(NULL);
    struct tw_token token = {.account = 1,
                             .world = 1,
                             .version = TW_PROTOCOL_VERSION,
                             .suites = TW_SUITES_KNOWN,
                             .address_count = 1,
                             .issued_unix_s = now_s,
                             .expires_unix_s = now_s + (uint64_t)valid_s,
                             .addresses = {server_address()}};
    tw_token_audience(token.audience, engine_name);
    randombytes_buf(token.id, sizeof(token.id));
    randombytes_buf(token.psk, sizeof(token.psk));
    struct tw_connect_token connect = {.version = token.version,
                                       .suites = token.suites,
                                       .address_count = 1,
                                       .expires_unix_s = token.expires_unix_s,
                                       .addresses = {server_address()}};
    uint8_t nonce[TW_TOKEN_NONCE_SIZE];
    randombytes_buf(nonce, sizeof(nonce));
    tw_token_seal(connect.token, &token, server->token_key.id, server->token_key.key, nonce);
    crypto_scalarmult_base(connect.server_key, server->static_secret);
    memcpy(connect.psk, token.psk, sizeof(connect.psk));
    tw_connect_token_write(out, &connect);
}

/* ---- network ------------------------------------------------------------------------------- */

static void enqueue(struct fake_server *server, const uint8_t *bytes, uint32_t size, bool to_server)
{
    uint64_t delay_us = to_server ? server->delay_out_us : server->delay_in_us;
    uint64_t jitter_us = to_server ? server->jitter_out_us : server->jitter_in_us;
    if (jitter_us > 0)
        delay_us += tw_load_random_below(&server->random, (uint32_t)jitter_us);
    for (uint32_t i = 0; i < FAKE_QUEUE; i++) {
        struct fake_datagram *datagram = &server->queue[i];
        if (datagram->size != 0)
            continue;
        datagram->due_us = server->now_us + delay_us;
        datagram->size = size;
        datagram->to_server = to_server;
        memcpy(datagram->bytes, bytes, size);
        return;
    }
    bool queue_has_room = false;
    TW_ASSERT(queue_has_room);
}

static bool lost(struct fake_server *server, bool to_server)
{
    uint32_t number = to_server ? ++server->count_out : ++server->count_in;
    if (number == (to_server ? server->lose_out : server->lose_in))
        return true;
    return tw_load_random_below(&server->random, 100) < server->loss_percent;
}

static int client_sends(void *context, const uint8_t *bytes, size_t length, const uint8_t *ip,
                        uint16_t port)
{
    struct fake_server *server = context;
    struct tw_address address = server_address();
    TW_ASSERT(memcmp(ip, address.ip, sizeof(address.ip)) == 0 && port == address.port);
    if (!lost(server, true) && !server->dead)
        enqueue(server, bytes, (uint32_t)length, true);
    return (int)length;
}

struct tw_client_config fake_server_client_config(struct fake_server *server)
{
    struct tw_client_config config = tw_client_config_default();
    config.entities_max = 256;
    config.transport.context = server;
    config.transport.send = client_sends;
    return config;
}

static void server_sends(struct fake_server *server, const uint8_t *bytes, uint32_t size)
{
    memcpy(server->last_packet, bytes, size);
    server->last_packet_size = size;
    if (lost(server, false))
        return;
    enqueue(server, bytes, size, false);
    if (server->twice)
        enqueue(server, bytes, size, false);
}

void fake_server_inject(struct fake_server *server, const uint8_t *bytes, uint32_t size)
{
    enqueue(server, bytes, size, false);
}

/* ---- handshake ----------------------------------------------------------------------------- */

static void receive_hello(struct fake_server *server, const uint8_t *bytes, uint32_t size)
{
    struct tw_hello hello;
    server->hellos++;
    if (tw_hello_parse(&hello, bytes, size, tw_crc32c_portable) != TW_HELLO_OK)
        return;
    if (server->other_version) {
        uint8_t answer[TW_WRONG_VERSION_SIZE];
        tw_wrong_version_write(answer, hello.ephemeral, 2, 3, tw_crc32c_portable);
        server_sends(server, answer, sizeof(answer));
        return;
    }
    struct tw_address source = client_address();
    uint8_t cookie[TW_COOKIE_SIZE];
    uint8_t answer[TW_COOKIE_PACKET];
    tw_cookie_make(cookie, &server->cookies, &source, hello.ephemeral);
    tw_cookie_packet_write(answer, hello.ephemeral, cookie, tw_crc32c_portable);
    server_sends(server, answer, sizeof(answer));
}

static void start_transport(struct fake_server *server)
{
    struct tw_channels_config channels = {.blocks = &server->pool, .send_blocks_max = 300};
    struct tw_transport_config config = {.channels = &server->channels,
                                         .first_sequence = TW_SEQUENCE_FIRST};
    TW_ASSERT(tw_channels_pool_footprint(1) <= sizeof(server->channels_memory));
    tw_channels_pool_init(&server->channels, &channels, server->channels_memory, 1);
    TW_ASSERT(tw_block_pool_footprint(FAKE_BLOCKS) <= sizeof(server->pool_memory));
    tw_block_pool_init(&server->pool, server->pool_memory, FAKE_BLOCKS);
    tw_transport_init(&server->transport, &config, server->now_us);
}

static void admit(struct fake_server *server, const struct tw_hello *hello)
{
    uint8_t audience[TW_AUDIENCE_SIZE];
    tw_token_audience(audience, engine_name);
    struct tw_handshake_server control = {.token_keys = &server->token_key,
                                          .token_key_count = 1,
                                          .static_secret = server->static_secret,
                                          .audience = audience,
                                          .suites = TW_SUITES_KNOWN,
                                          .world = 1};
    struct tw_address destination = server_address();
    struct tw_token token;
    uint8_t suite = 0;
    struct tw_hello2_arrival arrival = {server->hello2, &destination, (uint64_t)time(NULL)};
    enum tw_verdict verdict = tw_handshake_check(&control, &arrival, &token, &suite);
    enum tw_refusal refusal =
        server->refuse != TW_REFUSAL_NONE ? server->refuse : tw_refusal_of_verdict(verdict);
    if (refusal != TW_REFUSAL_NONE) {
        uint8_t answer[TW_REFUSED_SIZE];
        tw_refused_write(answer, refusal, server->hello2, token.psk, tw_crc32c_portable);
        server_sends(server, answer, sizeof(answer));
        return;
    }
    if (verdict != TW_VERDICT_WELCOMED)
        return;
    uint8_t secret[TW_KEY_SIZE];
    uint8_t ephemeral[TW_KEY_SIZE];
    struct tw_session_secrets secrets;
    randombytes_buf(secret, sizeof(secret));
    struct tw_ephemeral_pair pair = {secret, ephemeral};
    bool derived = tw_handshake_derive(&control, server->hello2, &token, &pair, &secrets);
    TW_ASSERT(derived);
    struct tw_welcome welcome = {.connection_id = server->connection_id,
                                 .world = 1,
                                 .server_time_us = fake_server_time_us(server),
                                 .tick = fake_server_tick(server),
                                 .mtu = TW_DATAGRAM_BASE,
                                 .suite = suite,
                                 .tick_hz = FAKE_TICK_HZ,
                                 .snapshot_hz = 20,
                                 .width_cells = 3};
    struct tw_ephemerals ephemerals = {hello->ephemeral, ephemeral};
    tw_welcome_write(server->welcome, &welcome, &ephemerals, &secrets, tw_crc32c_portable);
    server_link_init(&server->link, &secrets, (enum tw_suite)suite, server->connection_id,
                     server->now_us * 1000u);
    start_transport(server);
    server->welcomed = true;
    server->snapshot_number = 0;
    server->snapshot_acked = 0;
    server->last_input_tick = 0;
    server->first_input_tick = 0;
    server_sends(server, server->welcome, TW_WELCOME_SIZE);
}

static void receive_hello2(struct fake_server *server, const uint8_t *bytes, uint32_t size)
{
    struct tw_hello hello;
    struct tw_address source = client_address();
    server->hello2s++;
    if (tw_hello2_parse(&hello, bytes, size, tw_crc32c_portable) != TW_HELLO_OK ||
        !tw_cookie_check(hello.cookie, &server->cookies, &source, hello.ephemeral))
        return;
    if (server->try_again_left > 0) {
        uint8_t answer[TW_TRY_AGAIN_SIZE];
        server->try_again_left--;
        tw_try_again_write(answer, hello.ephemeral, server->try_again_ms, tw_crc32c_portable);
        server_sends(server, answer, sizeof(answer));
        return;
    }
    if (server->welcomed && memcmp(server->hello2, bytes, TW_HELLO2_SIZE) == 0) {
        server_sends(server, server->welcome, TW_WELCOME_SIZE);
        return;
    }
    memcpy(server->hello2, bytes, TW_HELLO2_SIZE);
    admit(server, &hello);
}

/* ---- session ------------------------------------------------------------------------------- */

static void seal_and_send(struct fake_server *server, uint8_t *packet, struct tw_writer *writer)
{
    tw_transport_write(&server->transport, writer, server->now_us);
    TW_ASSERT(!writer->failed);
    size_t size =
        server_link_seal(&server->link, packet, (size_t)(writer->next - packet) - TW_HEADER_SIZE);
    tw_transport_sent(&server->transport, (uint32_t)size, server->now_us);
    server_sends(server, packet, (uint32_t)size);
}

static struct tw_writer packet_writer(uint8_t packet[TW_DATAGRAM_MAX])
{
    return tw_writer_make(packet + TW_HEADER_SIZE, TW_PLAINTEXT_MAX);
}

struct tw_client *fake_server_join(struct fake_server *server)
{
    fake_server_init(server);
    uint8_t token[TW_CONNECT_SIZE];
    fake_server_token(server, 60, token);
    struct tw_client_config config = fake_server_client_config(server);
    struct tw_client *client = tw_client_create(&config);
    TW_ASSERT(client != NULL);
    int result = tw_client_connect(client, token, sizeof(token), server->now_us);
    TW_ASSERT(result == TW_CLIENT_OK);
    fake_server_run(server, client, 1000000);
    TW_ASSERT(tw_client_get_state(client) == TW_CLIENT_CONNECTED);
    return client;
}

void fake_server_close(struct fake_server *server, enum tw_close_reason reason)
{
    for (int i = 0; i < 3; i++) {
        uint8_t packet[TW_DATAGRAM_MAX];
        struct tw_writer writer = packet_writer(packet);
        tw_frame_write_close(&writer, (uint16_t)reason);
        seal_and_send(server, packet, &writer);
    }
    server->welcomed = false;
}

static void write_enter(struct tw_writer *writer, uint32_t index, uint8_t generation,
                        uint8_t record[23])
{
    struct tw_writer copy = tw_writer_make(record, 23);
    tw_write_u32(&copy, (uint32_t)generation << 24 | index);
    tw_write_u32(&copy, 0x00010001); /* cell (1, 1) */
    tw_write_u32(&copy, index << 8);
    tw_write_u24(&copy, 0);
    tw_write_u64(&copy, 0x0064005000010201);
    TW_ASSERT(!copy.failed);
    tw_write_bytes(writer, record, 15);
    tw_write_u8(writer, TW_COLD_KNOWN);
    tw_write_bytes(writer, record + 15, 8);
}

static void write_snapshot(struct fake_server *server, struct tw_writer *writer)
{
    if (server->endless_enters)
        server->generation++;
    bool enters = server->endless_enters || server->snapshot_acked == 0;
    uint8_t records[FAKE_ENTITIES][23];
    uint8_t list[FAKE_ENTITIES * TW_ENTER_SIZE];
    struct tw_writer entities = tw_writer_make(list, sizeof(list));
    uint64_t hash = 0;
    uint32_t count = server->endless_enters ? FAKE_ENTITIES : 2;
    for (uint32_t i = 0; i < count; i++) {
        write_enter(&entities, i + 1u, server->generation, records[i]);
        hash += tw_hash64(records[i], sizeof(records[i]));
    }
    tw_write_u32(writer, ++server->snapshot_number);
    tw_write_u32(writer, (uint32_t)fake_server_tick(server));
    tw_write_u32(writer, server->last_input_tick);
    tw_write_u8(writer, TW_SNAPSHOT_HAS_HASH);
    tw_write_u64(writer, hash + server->wrong_hash);
    tw_write_u8(writer, 0); /* exits */
    tw_write_u8(writer, enters ? (uint8_t)count : 0);
    if (enters)
        tw_write_bytes(writer, list, (size_t)(entities.next - list));
    tw_write_u16(writer, 0); /* colds, hots */
}

static void send_snapshot(struct fake_server *server)
{
    uint8_t packet[TW_DATAGRAM_MAX];
    struct tw_writer writer = packet_writer(packet);
    uint8_t *frame = tw_write_space(&writer, TW_FRAME_HEADER_SIZE);
    uint8_t *body = writer.next;
    write_snapshot(server, &writer);
    frame[0] = TW_FRAME_SNAPSHOT;
    tw_store_u16(frame + 1, (uint16_t)(writer.next - body));
    if (server->challenge[0] != 0)
        tw_frame_write_challenge(&writer, server->challenge);
    if (server->rename_to != 0)
        tw_frame_write_rename(&writer, server->rename_to);
    seal_and_send(server, packet, &writer);
}

static void take_inputs(struct fake_server *server, const struct tw_client_frames *frames)
{
    server->newest_input = frames->inputs[0];
    for (uint32_t i = 0; i < frames->input_count; i++) {
        uint32_t tick = frames->newest_tick - i;
        if (server->first_input_tick == 0)
            server->first_input_tick = frames->newest_tick;
        server->inputs[tick % FAKE_TICKS_MAX]++;
    }
}

static bool receive_messages(struct fake_server *server, const struct tw_client_frames *frames,
                             uint64_t sequence)
{
    static uint8_t bytes[TW_MESSAGE_MAX];
    struct tw_transport_packet packet = {
        .sequence = sequence,
        .ack = frames->has_ack ? &frames->ack : NULL,
        .messages = frames->has_messages ? frames->messages : NULL,
        .messages_size = frames->messages_size,
    };
    enum tw_transport_result result =
        tw_transport_receive(&server->transport, &packet, server->now_us);
    struct tw_message *message;
    while ((message = tw_transport_take(&server->transport)) != NULL) {
        tw_message_copy(message, server->pool.blocks, bytes);
        struct tw_outgoing back = {.channel = message->channel,
                                   .flags = message->flags,
                                   .bytes = bytes,
                                   .size = message->size};
        if (server->damages && message->flags != 0)
            bytes[0] ^= 1u; /* it lies about its size then */
        tw_message_free(&server->pool, message);
        TW_ASSERT(tw_transport_send(&server->transport, &back, server->now_us) == TW_SENDER_QUEUED);
    }
    return result == TW_TRANSPORT_OK;
}

static void receive_sealed(struct fake_server *server, uint8_t *bytes, uint32_t size)
{
    struct tw_client_frames frames;
    uint32_t connection_id = tw_load_u32(bytes + TW_HEADER_CONNECTION_ID);
    if (!server->welcomed ||
        server_link_open(&server->link, bytes, size, server->now_us * 1000u) != SERVER_LINK_OK)
        return;
    server->sealed++;
    server->heard_id = connection_id;
    if (tw_client_frames_decode(&frames, bytes + TW_HEADER_SIZE, size - TW_PACKET_MIN) !=
            TW_FRAMES_OK ||
        !receive_messages(server, &frames, tw_load_u64(bytes + TW_HEADER_SEQUENCE))) {
        server->malformed++;
        return;
    }
    if (frames.has_inputs)
        take_inputs(server, &frames);
    if (frames.has_snapshot_ack && frames.snapshot_newest > server->snapshot_acked)
        server->snapshot_acked = frames.snapshot_newest;
    server->acks += frames.has_ack;
    if (frames.has_check) {
        bool again = frames.check.number == server->check_number;
        server->check_copies = again ? server->check_copies + 1u : 1u;
        server->check_number = frames.check.number;
    }
    if (frames.has_response) {
        server->responses++;
        memcpy(server->response, frames.response, sizeof(server->response));
    }
    if (frames.has_close) {
        server->closes++;
        server->close_reason = frames.close_reason;
    }
    if (frames.has_ping) {
        uint8_t packet[TW_DATAGRAM_MAX];
        struct tw_writer writer = packet_writer(packet);
        struct tw_frame_pong pong = {.echo_us = frames.ping_time_us,
                                     .received_us = fake_server_time_us(server),
                                     .sent_us = fake_server_time_us(server)};
        server->pings++;
        tw_frame_write_pong(&writer, &pong);
        seal_and_send(server, packet, &writer);
    }
}

/* ---- time ---------------------------------------------------------------------------------- */

static void deliver(struct fake_server *server, struct tw_client *client)
{
    for (uint32_t i = 0; i < FAKE_QUEUE; i++) {
        struct fake_datagram *slot = &server->queue[i];
        if (slot->size == 0 || slot->due_us > server->now_us)
            continue;
        struct fake_datagram datagram = *slot;
        slot->size = 0;
        if (!datagram.to_server)
            tw_client_receive(client, datagram.bytes, datagram.size, server->now_us);
        if (!datagram.to_server || server->silent)
            continue;
        if (tw_load_u32(datagram.bytes) != 0)
            receive_sealed(server, datagram.bytes, datagram.size);
        else if (datagram.bytes[TW_HEADER_CHANNEL] == TW_HANDSHAKE_HELLO)
            receive_hello(server, datagram.bytes, datagram.size);
        else
            receive_hello2(server, datagram.bytes, datagram.size);
    }
}

static void step(struct fake_server *server, struct tw_client *client)
{
    server->now_us += FAKE_STEP_US;
    deliver(server, client);
    /* An input is applied in its tick if it is there. */
    uint32_t tick = (uint32_t)fake_server_tick(server);
    if (server->inputs[tick % FAKE_TICKS_MAX] > 0 && tick > server->last_input_tick)
        server->last_input_tick = tick;
    if (server->welcomed && server->sealed > 0 && !server->silent &&
        server->now_us >= server->next_snapshot_us) {
        server->next_snapshot_us = server->now_us + FAKE_SNAPSHOT_US;
        send_snapshot(server);
    }
    if (!server->welcomed || server->silent)
        return;
    if (server->sealed > 0)
        server_link_update(&server->link, server->now_us * 1000u);
    tw_transport_update(&server->transport, server->now_us);
    while (tw_transport_wants_packet(&server->transport, server->now_us)) {
        uint8_t packet[TW_DATAGRAM_MAX];
        struct tw_writer writer = packet_writer(packet);
        seal_and_send(server, packet, &writer);
    }
}

void fake_server_pass(struct fake_server *server, struct tw_client *client, uint64_t duration_us)
{
    for (uint64_t end_us = server->now_us + duration_us; server->now_us < end_us;)
        step(server, client);
}

void fake_server_run(struct fake_server *server, struct tw_client *client, uint64_t duration_us)
{
    for (uint64_t end_us = server->now_us + duration_us; server->now_us < end_us;) {
        step(server, client);
        tw_client_update(client, server->now_us);
    }
}
