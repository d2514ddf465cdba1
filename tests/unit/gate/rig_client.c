/* SPDX-License-Identifier: BSD-3-Clause */
/* The rig's clients: they speak the protocol, and seal and open by the client library's own code.
 */
#include "tests/unit/gate/worker_rig.h"

#include "tests/unit/gate/frame_builder_ipv6.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>
#include <sodium.h>
#include <string.h>

void rig_client_make(struct rig *rig, struct rig_client *client, uint32_t ip, uint16_t port)
{
    memset(client, 0, sizeof(*client));
    client->ip = ip;
    client->port = port;
    client->sequence = TW_SEQUENCE_FIRST;
    struct tw_token token = {.account = rig->account != 0 ? rig->account : 4711,
                             .world = 1,
                             .version = TW_PROTOCOL_VERSION,
                             .suites = rig_suites(rig),
                             .address_count = 3,
                             .expires_unix_s = 1060,
                             .issued_unix_s = 1000};
    token.addresses[0] = tw_address_from_ipv4(TEST_SERVER_ADDRESS, TEST_SERVER_PORT);
    token.addresses[1] = tw_address_from_ipv4(TEST_SERVER_ADDRESS2, TEST_SERVER_PORT);
    token.addresses[2] = tw_address_from_ipv6(test_server_ip6, TEST_SERVER_PORT);
    randombytes_buf(token.id, sizeof(token.id));
    randombytes_buf(token.psk, sizeof(token.psk));
    tw_token_audience(token.audience, "rig");
    struct tw_connect_token connect = {.version = TW_PROTOCOL_VERSION,
                                       .suites = rig_suites(rig),
                                       .address_count = 3,
                                       .expires_unix_s = 1060};
    memcpy(connect.addresses, token.addresses, sizeof(connect.addresses));
    memcpy(connect.psk, token.psk, TW_KEY_SIZE);
    memcpy(connect.server_key, rig->static_public, TW_KEY_SIZE);
    uint8_t nonce[TW_TOKEN_NONCE_SIZE], secret[TW_KEY_SIZE];
    randombytes_buf(nonce, sizeof(nonce));
    randombytes_buf(secret, sizeof(secret));
    tw_token_seal(connect.token, &token, rig->token_key.id, rig->token_key.key, nonce);
    assert_true(tw_handshake_client_init(&client->handshake, &connect, rig_suites(rig), secret,
                                         tw_crc32c_portable));
}

static size_t client_frame(uint8_t *frame, const struct rig_client *client, const uint8_t *packet,
                           size_t length)
{
    if (!tw_ip_is_zero(client->ip6))
        return test_udp6_frame(frame, client->ip6, client->port, packet, length);
    size_t size = test_udp_frame(frame, client->ip, client->port, packet, length);
    if (client->interface == 1)
        test_set_destination(frame, TEST_SERVER_ADDRESS2);
    return size;
}

void rig_client_send(struct rig *rig, const struct rig_client *client, const uint8_t *packet,
                     size_t length)
{
    uint8_t frame[TEST_FRAME_MAX];
    size_t size = client_frame(frame, client, packet, length);
    rig_inject_at(rig, client->interface, client->queue, frame, size);
}

void rig_client_hello(struct rig *rig, struct rig_client *client, uint32_t queue)
{
    uint8_t packet[TW_DATAGRAM_MAX], frame[TEST_FRAME_MAX];
    size_t length = tw_handshake_client_packet(&client->handshake, packet);
    size_t size = client_frame(frame, client, packet, length);
    rig_inject_at(rig, client->interface, queue, frame, size);
}

static void welcome(struct rig_client *client, const uint8_t *packet)
{
    const struct tw_session_secrets *secrets = &client->handshake.secrets;
    enum tw_suite suite = client->handshake.welcome.suite;
    memcpy(client->welcome, packet, TW_WELCOME_SIZE);
    client->id = client->handshake.welcome.connection_id;
    tw_phase_client_init(&client->keys, tw_aead_sodium(), suite, secrets->client_to_server,
                         secrets->server_to_client);
}

/* Opens client->bytes[length] with the one key that its header asks for. */
static void open_sealed(struct rig_client *client, const struct tw_packet *packet, uint64_t now_ns)
{
    const struct tw_header *header = &packet->header;
    struct tw_phase_client *keys = &client->keys;
    struct tw_phase_client before = *keys;
    struct tw_aead_job job = {
        .key = tw_phase_client_key(keys, header->flags, client->newest, header->sequence),
        .packet = client->bytes,
        .length = packet->payload_length,
    };
    assert_non_null(job.key);
    tw_aead_sodium()->open(&job, 1);
    assert_true(job.ok);
    tw_phase_client_opened(keys, header->flags, client->newest, header->sequence, now_ns / 1000u);
    if (client->stays) {
        keys->send = before.send;
        memcpy(keys->send_secret, before.send_secret, sizeof(keys->send_secret));
    }
    if (header->sequence > client->newest)
        client->newest = header->sequence;
    client->heard_flags = header->flags;
}

static void receive_packet(struct rig_client *client, const struct tw_packet *packet,
                           uint64_t now_ns)
{
    if (packet->header.connection_id == 0) {
        client->clear++;
        if (packet->header.channel == TW_HANDSHAKE_WELCOME && client->id != 0)
            memcpy(client->welcome, packet->payload, TW_WELCOME_SIZE);
        client->news = tw_handshake_client_receive(&client->handshake, packet->payload,
                                                   packet->payload_length);
        if (client->news == TW_NEWS_WELCOME)
            welcome(client, packet->payload);
        return;
    }
    uint32_t id = packet->header.connection_id;
    assert_true(id == client->id || id == client->previous_id);
    client->heard_id = id;
    memcpy(client->bytes, packet->payload, packet->payload_length);
    open_sealed(client, packet, now_ns);
    assert_int_equal(tw_server_frames_decode(&client->frames, client->bytes + TW_HEADER_SIZE,
                                             packet->payload_length - TW_PACKET_MIN),
                     TW_FRAMES_OK);
    client->received++;
    client->closes += client->frames.has_close;
    client->pongs += client->frames.has_pong;
    client->challenges += client->frames.has_challenge;
    if (client->frames.has_challenge)
        memcpy(client->challenge, client->frames.challenge, sizeof(client->challenge));
    if (client->frames.has_rename && client->frames.connection_id != client->id) {
        client->previous_id = client->id;
        client->id = client->frames.connection_id;
    }
    if (client->opened)
        client->opened(client, packet->header.sequence);
}

static void receive_from(struct rig *rig, uint32_t port, struct rig_client *clients, uint32_t count)
{
    uint8_t frame[TEST_FRAME_MAX];
    size_t size;
    while ((size = rig_sent_by(rig, port, frame)) > 0) {
        for (uint32_t i = 0; i < count; i++) {
            if (clients[i].interface != port)
                continue;
            struct tw_parse_rules rules = {
                .address = clients[i].ip, .prefix_length = 24, .udp_port = clients[i].port};
            memcpy(rules.mac, test_client_mac, 6);
            rules.has_ipv6 = !tw_ip_is_zero(clients[i].ip6);
            rules.prefix_length6 = 64;
            memcpy(rules.address6, clients[i].ip6, sizeof(rules.address6));
            if (rules.has_ipv6)
                rules.address = 0;
            struct tw_packet packet = {.frame = frame, .frame_length = (uint32_t)size};
            struct tw_checksum_hints unknown = {TW_CHECKSUM_UNKNOWN, TW_CHECKSUM_UNKNOWN};
            tw_packet_parse(&packet, &rules, unknown);
            if (packet.kind == TW_PACKET_UDP)
                receive_packet(&clients[i], &packet, rig->now_ns);
        }
    }
}

void rig_client_receive(struct rig *rig, struct rig_client *clients, uint32_t count)
{
    for (uint32_t port = 0; port < rig->ports; port++)
        receive_from(rig, port, clients, count);
}

void rig_client_join(struct rig *rig, struct rig_client *client)
{
    rig_client_hello(rig, client, client->queue);
    rig_turn(rig, RIG_MS);
    rig_client_receive(rig, client, 1);
    assert_int_equal(client->news, TW_NEWS_COOKIE);
    uint32_t before = rig->handshake_count;
    rig_client_hello(rig, client, client->queue);
    rig_turn(rig, RIG_MS);
    assert_int_equal(rig->handshake_count, before + 1);
    struct tw_worker_command reply = rig_answer(rig, &rig->handshake);
    assert_int_equal(reply.reply.verdict, TW_VERDICT_WELCOMED);
    rig_command(rig, rig->handshake.worker, &reply);
    /* Twice: what one worker hands to another is read in the next turn. */
    for (uint32_t i = 0; i < rig->workers; i++)
        rig_turn(rig, RIG_MS);
    rig_client_receive(rig, client, 1);
    assert_int_equal(client->news, TW_NEWS_WELCOME);
}

void rig_client_make_live(struct rig *rig, struct rig_client *client, uint16_t port)
{
    rig_client_make(rig, client, TEST_CLIENT_ADDRESS, port);
    rig_client_join(rig, client);
    rig_client_send_ping(rig, client, 99);
    rig_turn(rig, RIG_MS);
    rig_client_receive(rig, client, 1);
    assert_int_equal(client->pongs, 1);
}

uint32_t rig_join_epoch(struct rig *rig)
{
    struct tw_record record;
    assert_true(rig_record(rig, 0, &record));
    assert_int_equal(record.type, TW_RECORD_JOIN);
    return record.route_epoch;
}

void rig_start_with(struct rig *rig, struct rig_client *client, uint32_t workers)
{
    rig_make(rig, workers);
    rig_start(rig);
    rig_client_make(rig, client, TEST_CLIENT_ADDRESS, TEST_CLIENT_PORT);
    rig_client_join(rig, client);
    rig_client_send_ping(rig, client, 1);
    rig_turn(rig, RIG_MS);
    assert_int_equal(rig_outcome(rig, TW_OUTCOME_ACCEPTED), 1);
}

size_t rig_client_seal(struct rig_client *client, uint64_t sequence, const uint8_t *plaintext,
                       size_t length, uint8_t packet[TW_DATAGRAM_MAX])
{
    uint8_t flags = client->stays ? 0 : tw_phase_client_flag(&client->keys);
    tw_header_write(packet, (struct tw_header){
                                .connection_id = client->id, .flags = flags, .sequence = sequence});
    memcpy(packet + TW_HEADER_SIZE, plaintext, length);
    /* A fresh copy of the key: tests seal numbers in any order. */
    struct tw_aead_key key = client->keys.send;
    struct tw_aead_job job = {
        .key = &key, .packet = packet, .length = (uint32_t)(TW_HEADER_SIZE + length)};
    tw_aead_sodium()->seal(&job, 1);
    return job.length;
}

void rig_client_send_frames(struct rig *rig, struct rig_client *client, const uint8_t *plaintext,
                            size_t length)
{
    uint8_t packet[TW_DATAGRAM_MAX];
    size_t size = rig_client_seal(client, client->sequence++, plaintext, length, packet);
    rig_client_send(rig, client, packet, size);
}

void rig_client_send_entry(struct rig *rig, struct rig_client *client, const struct tw_entry *entry,
                           uint8_t fill)
{
    uint8_t plaintext[TW_PLAINTEXT_MAX];
    struct tw_writer writer = tw_writer_make(plaintext, sizeof(plaintext));
    tw_write_space(&writer, TW_FRAME_HEADER_SIZE);
    memset(tw_entry_write(&writer, entry), fill, entry->length);
    size_t size = (size_t)(writer.next - plaintext);
    plaintext[0] = TW_FRAME_MESSAGES;
    tw_store_u16(plaintext + 1, (uint16_t)(size - TW_FRAME_HEADER_SIZE));
    rig_client_send_frames(rig, client, plaintext, size);
}

void rig_client_send_ping(struct rig *rig, struct rig_client *client, uint64_t time_us)
{
    uint8_t plaintext[64];
    struct tw_writer writer = tw_writer_make(plaintext, sizeof(plaintext));
    tw_frame_write_ping(&writer, time_us);
    rig_client_send_frames(rig, client, plaintext, (size_t)(writer.next - plaintext));
}

void rig_client_send_inputs(struct rig *rig, struct rig_client *client, uint32_t newest,
                            uint8_t count)
{
    uint8_t plaintext[128];
    struct tw_input inputs[TW_INPUTS_MAX];
    for (uint8_t i = 0; i < count; i++)
        inputs[i] = (struct tw_input){.move_x = 1, .facing = (uint16_t)(newest - i)};
    struct tw_writer writer = tw_writer_make(plaintext, sizeof(plaintext));
    tw_frame_write_inputs(&writer, newest, inputs, count);
    rig_client_send_frames(rig, client, plaintext, (size_t)(writer.next - plaintext));
}
