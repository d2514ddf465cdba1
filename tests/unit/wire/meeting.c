/* SPDX-License-Identifier: BSD-3-Clause */
#include "tests/unit/wire/meeting.h"

#include "tickwire/assert.h"

#include <sodium.h>

void meeting_issue(struct meeting *meeting)
{
    static const uint8_t nonce[TW_TOKEN_NONCE_SIZE] = {0x21, 0x22};
    meeting->connect = (struct tw_connect_token){
        .version = meeting->token.version,
        .suites = meeting->token.suites,
        .address_count = meeting->token.address_count,
        .expires_unix_s = meeting->token.expires_unix_s,
    };
    memcpy(meeting->connect.addresses, meeting->token.addresses, sizeof(meeting->token.addresses));
    memcpy(meeting->connect.psk, meeting->token.psk, TW_KEY_SIZE);
    crypto_scalarmult_base(meeting->connect.server_key, meeting->static_secret);
    tw_token_seal(meeting->connect.token, &meeting->token, meeting->token_keys[0].id,
                  meeting->token_keys[0].key, nonce);
    bool ok = tw_handshake_client_init(&meeting->client, &meeting->connect, TW_SUITES_KNOWN,
                                       meeting->client_ephemeral_secret, tw_crc32c_portable);
    TW_ASSERT(ok);
}

void meeting_init(struct meeting *meeting)
{
    memset(meeting, 0, sizeof(*meeting));
    meeting->token_keys[0] = (struct tw_token_key){.id = 9, .key = {1}};
    meeting->token_keys[1] = (struct tw_token_key){.id = 8, .key = {2}};
    memset(meeting->static_secret, 0x11, TW_KEY_SIZE);
    memset(meeting->server_ephemeral_secret, 0x12, TW_KEY_SIZE);
    memset(meeting->client_ephemeral_secret, 0x13, TW_KEY_SIZE);
    tw_token_audience(meeting->audience, "engine");
    meeting->server = (struct tw_handshake_server){
        .token_keys = meeting->token_keys,
        .token_key_count = 2,
        .static_secret = meeting->static_secret,
        .audience = meeting->audience,
        .suites = TW_SUITES_KNOWN,
        .world = 3,
    };
    static const uint8_t cookie_key[TW_KEY_SIZE] = {0x14};
    tw_cookie_rotate(&meeting->cookie_keys, cookie_key, 5);
    meeting->server_address = tw_address_from_ipv4(0xc6120001u, 27777);
    meeting->client_address = tw_address_from_ipv4(0xc6120002u, 40000);
    meeting->now_unix_s = 1000;
    meeting->token = (struct tw_token){
        .id = {0x31},
        .psk = {0x41, 0x42},
        .account = 77,
        .world = 3,
        .version = TW_PROTOCOL_VERSION,
        .suites = TW_SUITES_KNOWN,
        .address_count = 2,
        .expires_unix_s = 1060,
        .issued_unix_s = 1000,
        .addresses = {tw_address_from_ipv4(0xc6120063u, 27777), meeting->server_address},
    };
    memcpy(meeting->token.audience, meeting->audience, TW_AUDIENCE_SIZE);
    meeting->welcome = (struct tw_welcome){
        .connection_id = 0x01020304,
        .world = 3,
        .server_time_us = 123456,
        .tick = 7,
        .mtu = TW_DATAGRAM_BASE,
        .suite = TW_SUITE_CHACHA20_POLY1305,
        .tick_hz = 60,
        .snapshot_hz = 20,
        .width_cells = 5,
    };
    meeting_issue(meeting);
}

void meeting_cookie(struct meeting *meeting, uint8_t out[TW_COOKIE_PACKET])
{
    uint8_t hello[TW_DATAGRAM_MAX];
    struct tw_hello parsed;
    size_t size = tw_handshake_client_packet(&meeting->client, hello);
    TW_ASSERT(tw_hello_parse(&parsed, hello, size, tw_crc32c_portable) == TW_HELLO_OK);
    uint8_t cookie[TW_COOKIE_SIZE];
    tw_cookie_make(cookie, &meeting->cookie_keys, &meeting->client_address, parsed.ephemeral);
    tw_cookie_packet_write(out, parsed.ephemeral, cookie, tw_crc32c_portable);
}

void meeting_hello2(struct meeting *meeting, uint8_t out[TW_HELLO2_SIZE])
{
    uint8_t cookie[TW_COOKIE_PACKET], packet[TW_DATAGRAM_MAX];
    meeting_cookie(meeting, cookie);
    enum tw_handshake_news news =
        tw_handshake_client_receive(&meeting->client, cookie, sizeof(cookie));
    TW_ASSERT(news == TW_NEWS_COOKIE);
    size_t size = tw_handshake_client_packet(&meeting->client, packet);
    TW_ASSERT(size == TW_HELLO2_SIZE);
    memcpy(out, packet, TW_HELLO2_SIZE);
}

enum tw_verdict meeting_check(struct meeting *meeting, const uint8_t *hello2)
{
    struct tw_hello2_arrival arrival = {hello2, &meeting->server_address, meeting->now_unix_s};
    return tw_handshake_check(&meeting->server, &arrival, &meeting->opened, &meeting->suite);
}

bool meeting_welcome(struct meeting *meeting, const uint8_t *hello2, uint8_t out[TW_WELCOME_SIZE])
{
    struct tw_ephemeral_pair pair = {meeting->server_ephemeral_secret, meeting->server_ephemeral};
    struct tw_ephemerals ephemerals = {hello2 + TW_HELLO_EPHEMERAL, meeting->server_ephemeral};
    if (!tw_handshake_derive(&meeting->server, hello2, &meeting->token, &pair, &meeting->secrets))
        return false;
    tw_welcome_write(out, &meeting->welcome, &ephemerals, &meeting->secrets, tw_crc32c_portable);
    return true;
}
