/* SPDX-License-Identifier: BSD-3-Clause */
#include "dataplane/wire/handshake_client.h"

#include "dataplane/wire/handshake_parts.h"
#include "tickwire/bytes.h"

#include <sodium.h>

/* "Try again" is unauthenticated: a forger may cost at most this much delay each time. */
#define TRY_AGAIN_MAX_MS 10000u

bool tw_handshake_client_init(struct tw_handshake_client *handshake,
                              const struct tw_connect_token *connect, uint8_t suites,
                              const uint8_t ephemeral_secret[TW_KEY_SIZE], tw_crc32c_function crc)
{
    memset(handshake, 0, sizeof(*handshake));
    handshake->suites = suites & connect->suites & TW_SUITES_KNOWN;
    if (handshake->suites == 0)
        return false;
    handshake->step = TW_STEP_HELLO;
    handshake->connect = *connect;
    memcpy(handshake->ephemeral_secret, ephemeral_secret, TW_KEY_SIZE);
    crypto_scalarmult_base(handshake->ephemeral, ephemeral_secret);
    handshake->crc = crc;
    return true;
}

static void hello_start(const struct tw_handshake_client *handshake, uint8_t *out,
                        enum tw_handshake_type type)
{
    tw_handshake_header_write(out, type);
    tw_store_u16(out + TW_HELLO_VERSION, TW_PROTOCOL_VERSION);
    out[TW_HELLO_SUITES] = handshake->suites;
    out[TW_HELLO_RESERVED] = 0;
    memcpy(out + TW_HELLO_EPHEMERAL, handshake->ephemeral, TW_KEY_SIZE);
}

size_t tw_handshake_client_packet(const struct tw_handshake_client *handshake, uint8_t *out)
{
    switch (handshake->step) {
    case TW_STEP_HELLO:
        hello_start(handshake, out, TW_HANDSHAKE_HELLO);
        memset(out + TW_HELLO_PADDING, 0, TW_HELLO_SIZE - TW_HELLO_PADDING);
        tw_crc32c_seal(handshake->crc, out, TW_HELLO_SIZE);
        return TW_HELLO_SIZE;
    case TW_STEP_HELLO2:
        memcpy(out, handshake->hello2, TW_HELLO2_SIZE);
        return TW_HELLO2_SIZE;
    case TW_STEP_WELCOMED:
    case TW_STEP_REFUSED:
        break;
    }
    return 0;
}

static enum tw_handshake_news receive_cookie(struct tw_handshake_client *handshake,
                                             const uint8_t *packet)
{
    /* A second cookie must not change hello 2: a repeated one has to be byte-identical. */
    if (handshake->step != TW_STEP_HELLO)
        return TW_NEWS_NONE;
    uint8_t *hello2 = handshake->hello2;
    hello_start(handshake, hello2, TW_HANDSHAKE_HELLO2);
    memcpy(hello2 + TW_HELLO2_COOKIE, packet + TW_COOKIE_COOKIE, TW_COOKIE_SIZE);
    memcpy(hello2 + TW_HELLO2_TOKEN, handshake->connect.token, TW_TOKEN_SIZE);
    tw_binder_make(hello2 + TW_HELLO2_BINDER, hello2, handshake->connect.psk);
    tw_crc32c_seal(handshake->crc, hello2, TW_HELLO2_SIZE);
    handshake->step = TW_STEP_HELLO2;
    return TW_NEWS_COOKIE;
}

/* False: not from the server that holds the static key and the psk. */
static bool welcome_open(const struct tw_handshake_client *handshake, const uint8_t *packet,
                         struct tw_session_secrets *secrets, uint8_t in[TW_WELCOME_IN_SIZE])
{
    uint8_t dh_ephemeral[TW_KEY_SIZE];
    uint8_t dh_static[TW_KEY_SIZE];
    bool ok = crypto_scalarmult(dh_ephemeral, handshake->ephemeral_secret,
                                packet + TW_WELCOME_SERVER_EPHEMERAL) == 0 &&
              crypto_scalarmult(dh_static, handshake->ephemeral_secret,
                                handshake->connect.server_key) == 0;
    if (ok) {
        uint8_t transcript[TW_HASH_SIZE];
        tw_transcript_hash(transcript, handshake->hello2, packet);
        tw_session_secrets_derive(secrets, dh_ephemeral, dh_static, handshake->connect.psk,
                                  transcript);
        ok = crypto_aead_chacha20poly1305_ietf_decrypt(
                 in, NULL, NULL, packet + TW_WELCOME_SEALED, TW_WELCOME_IN_SIZE + TW_TAG_SIZE,
                 transcript, TW_HASH_SIZE, secrets->confirm_iv, secrets->confirm_key) == 0;
    }
    sodium_memzero(dh_ephemeral, sizeof(dh_ephemeral));
    sodium_memzero(dh_static, sizeof(dh_static));
    return ok;
}

static struct tw_welcome welcome_decode(const uint8_t in[TW_WELCOME_IN_SIZE])
{
    return (struct tw_welcome){
        .connection_id = tw_load_u32(in + TW_WELCOME_IN_CONNECTION_ID),
        .world = tw_load_u32(in + TW_WELCOME_IN_WORLD),
        .server_time_us = tw_load_u64(in + TW_WELCOME_IN_SERVER_TIME),
        .tick = tw_load_u64(in + TW_WELCOME_IN_TICK),
        .mtu = tw_load_u16(in + TW_WELCOME_IN_MTU),
        .suite = in[TW_WELCOME_IN_SUITE],
        .tick_hz = in[TW_WELCOME_IN_TICK_HZ],
        .snapshot_hz = in[TW_WELCOME_IN_SNAPSHOT_HZ],
        .width_cells = tw_load_u16(in + TW_WELCOME_IN_WIDTH_CELLS),
    };
}

static bool welcome_in_range(const struct tw_welcome *welcome, const uint8_t in[TW_WELCOME_IN_SIZE])
{
    return welcome->connection_id != 0 && welcome->tick_hz != 0 && welcome->snapshot_hz != 0 &&
           welcome->mtu > TW_PACKET_MIN && welcome->mtu <= TW_DATAGRAM_MAX &&
           welcome->width_cells <= TW_WORLD_CELLS_MAX &&
           sodium_is_zero(in + TW_WELCOME_IN_RESERVED, TW_WELCOME_IN_SIZE - TW_WELCOME_IN_RESERVED);
}

static enum tw_handshake_news receive_welcome(struct tw_handshake_client *handshake,
                                              const uint8_t *packet)
{
    if (handshake->step != TW_STEP_HELLO2)
        return TW_NEWS_NONE;
    struct tw_session_secrets secrets;
    uint8_t in[TW_WELCOME_IN_SIZE] = {0};
    enum tw_handshake_news news = TW_NEWS_NONE;
    if (welcome_open(handshake, packet, &secrets, in)) {
        struct tw_welcome welcome = welcome_decode(in);
        bool one_suite =
            welcome.suite == TW_SUITE_CHACHA20_POLY1305 || welcome.suite == TW_SUITE_AES256_GCM;
        if (!one_suite || !(welcome.suite & handshake->suites)) {
            /* Authenticated, so it is final: the server insists on what was never offered. */
            handshake->step = TW_STEP_REFUSED;
            handshake->reason = TW_REFUSAL_SUITE;
            news = TW_NEWS_REFUSED;
        } else if (welcome_in_range(&welcome, in)) {
            handshake->step = TW_STEP_WELCOMED;
            handshake->welcome = welcome;
            handshake->secrets = secrets;
            news = TW_NEWS_WELCOME;
        }
    }
    sodium_memzero(&secrets, sizeof(secrets));
    sodium_memzero(in, sizeof(in));
    return news;
}

static enum tw_handshake_news receive_refused(struct tw_handshake_client *handshake,
                                              const uint8_t *packet)
{
    if (handshake->step != TW_STEP_HELLO2 || tw_load_u16(packet + TW_REFUSED_ZERO) != 0)
        return TW_NEWS_NONE;
    uint16_t reason = tw_load_u16(packet + TW_REFUSED_REASON);
    if (reason == TW_REFUSAL_NONE || reason >= TW_REFUSAL_COUNT)
        return TW_NEWS_NONE;
    uint8_t mac[TW_HASH_SIZE];
    tw_refused_mac_make(mac, packet, handshake->hello2, handshake->connect.psk);
    if (sodium_memcmp(mac, packet + TW_REFUSED_MAC, TW_HASH_SIZE) != 0)
        return TW_NEWS_NONE;
    handshake->reason = (enum tw_refusal)reason;
    handshake->step = TW_STEP_REFUSED;
    return TW_NEWS_REFUSED;
}

static enum tw_handshake_news receive_hint(struct tw_handshake_client *handshake,
                                           const uint8_t *packet)
{
    if (packet[TW_HEADER_CHANNEL] == TW_HANDSHAKE_TRY_AGAIN) {
        uint32_t after_ms = tw_load_u32(packet + TW_TRY_AGAIN_AFTER_MS);
        handshake->after_ms = after_ms < TRY_AGAIN_MAX_MS ? after_ms : TRY_AGAIN_MAX_MS;
        return TW_NEWS_TRY_AGAIN;
    }
    uint16_t version_min = tw_load_u16(packet + TW_WRONG_VERSION_MIN);
    uint16_t version_max = tw_load_u16(packet + TW_WRONG_VERSION_MAX);
    if (version_min > version_max)
        return TW_NEWS_NONE;
    handshake->version_min = version_min;
    handshake->version_max = version_max;
    return TW_NEWS_WRONG_VERSION;
}

/* 0: no answer has this type. */
static size_t answer_size(uint8_t type)
{
    switch (type) {
    case TW_HANDSHAKE_COOKIE:
        return TW_COOKIE_PACKET;
    case TW_HANDSHAKE_WELCOME:
        return TW_WELCOME_SIZE;
    case TW_HANDSHAKE_TRY_AGAIN:
        return TW_TRY_AGAIN_SIZE;
    case TW_HANDSHAKE_WRONG_VERSION:
        return TW_WRONG_VERSION_SIZE;
    case TW_HANDSHAKE_REFUSED:
        return TW_REFUSED_SIZE;
    default:
        return 0;
    }
}

enum tw_handshake_news tw_handshake_client_receive(struct tw_handshake_client *handshake,
                                                   const uint8_t *packet, size_t length)
{
    if (handshake->step != TW_STEP_HELLO && handshake->step != TW_STEP_HELLO2)
        return TW_NEWS_NONE;
    if (length < TW_HEADER_SIZE)
        return TW_NEWS_NONE;
    uint8_t type = packet[TW_HEADER_CHANNEL];
    if (length != answer_size(type) ||
        !tw_handshake_header_check(packet, (enum tw_handshake_type)type) ||
        memcmp(packet + TW_ANSWER_EPHEMERAL, handshake->ephemeral, TW_KEY_SIZE) != 0 ||
        !tw_crc32c_check(handshake->crc, packet, length))
        return TW_NEWS_NONE;
    switch (type) {
    case TW_HANDSHAKE_COOKIE:
        return receive_cookie(handshake, packet);
    case TW_HANDSHAKE_WELCOME:
        return receive_welcome(handshake, packet);
    case TW_HANDSHAKE_REFUSED:
        return receive_refused(handshake, packet);
    default:
        return receive_hint(handshake, packet);
    }
}

void tw_handshake_client_restart(struct tw_handshake_client *handshake)
{
    handshake->step = TW_STEP_HELLO;
    sodium_memzero(handshake->hello2, sizeof(handshake->hello2));
    sodium_memzero(&handshake->secrets, sizeof(handshake->secrets));
}

void tw_handshake_client_wipe(struct tw_handshake_client *handshake)
{
    sodium_memzero(handshake, sizeof(*handshake));
}
