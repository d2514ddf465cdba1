/* SPDX-License-Identifier: BSD-3-Clause */
#include "dataplane/wire/handshake.h"

#include "dataplane/wire/handshake_parts.h"
#include "tickwire/bytes.h"

#include <sodium.h>
#include <string.h>

/* What hello and hello 2 share. The reserved byte is judged after the version: another version
 * may use it. */
static enum tw_hello_result hello_fields(struct tw_hello *hello, const uint8_t *packet,
                                         size_t length, tw_crc32c_function crc)
{
    if (!tw_crc32c_check(crc, packet, length))
        return TW_HELLO_CRC;
    *hello = (struct tw_hello){
        .version = tw_load_u16(packet + TW_HELLO_VERSION),
        .suites = packet[TW_HELLO_SUITES],
        .ephemeral = packet + TW_HELLO_EPHEMERAL,
    };
    if (hello->version != TW_PROTOCOL_VERSION)
        return TW_HELLO_OTHER_VERSION;
    if (packet[TW_HELLO_RESERVED] != 0)
        return TW_HELLO_MALFORMED;
    return TW_HELLO_OK;
}

/* Nothing secret here, and strangers make us do it: the plain comparison, each byte with the one
 * before, costs a hundredth of a constant-time one. */
static bool padding_is_zero(const uint8_t *packet)
{
    const uint8_t *padding = packet + TW_HELLO_PADDING;
    size_t size = TW_HELLO_SIZE - TW_CRC_SIZE - TW_HELLO_PADDING;
    return padding[0] == 0 && memcmp(padding, padding + 1, size - 1) == 0;
}

enum tw_hello_result tw_hello_parse(struct tw_hello *hello, const uint8_t *packet, size_t length,
                                    tw_crc32c_function crc)
{
    if (length != TW_HELLO_SIZE || !tw_handshake_header_check(packet, TW_HANDSHAKE_HELLO))
        return TW_HELLO_MALFORMED;
    enum tw_hello_result result = hello_fields(hello, packet, length, crc);
    if (result != TW_HELLO_OK)
        return result;
    if (!padding_is_zero(packet))
        return TW_HELLO_MALFORMED;
    return hello->suites & TW_SUITES_KNOWN ? TW_HELLO_OK : TW_HELLO_NO_SUITE;
}

enum tw_hello_result tw_hello2_parse(struct tw_hello *hello, const uint8_t *packet, size_t length,
                                     tw_crc32c_function crc)
{
    if (length != TW_HELLO2_SIZE || !tw_handshake_header_check(packet, TW_HANDSHAKE_HELLO2))
        return TW_HELLO_MALFORMED;
    enum tw_hello_result result = hello_fields(hello, packet, length, crc);
    if (result != TW_HELLO_OK)
        return result;
    hello->cookie = packet + TW_HELLO2_COOKIE;
    hello->token = packet + TW_HELLO2_TOKEN;
    hello->binder = packet + TW_HELLO2_BINDER;
    return hello->suites & TW_SUITES_KNOWN ? TW_HELLO_OK : TW_HELLO_NO_SUITE;
}

static void answer_start(uint8_t *out, enum tw_handshake_type type, const uint8_t *ephemeral)
{
    tw_handshake_header_write(out, type);
    memcpy(out + TW_ANSWER_EPHEMERAL, ephemeral, TW_KEY_SIZE);
}

void tw_cookie_packet_write(uint8_t out[TW_COOKIE_PACKET], const uint8_t *ephemeral,
                            const uint8_t cookie[TW_COOKIE_SIZE], tw_crc32c_function crc)
{
    answer_start(out, TW_HANDSHAKE_COOKIE, ephemeral);
    memcpy(out + TW_COOKIE_COOKIE, cookie, TW_COOKIE_SIZE);
    tw_crc32c_seal(crc, out, TW_COOKIE_PACKET);
}

void tw_try_again_write(uint8_t out[TW_TRY_AGAIN_SIZE], const uint8_t *ephemeral, uint32_t after_ms,
                        tw_crc32c_function crc)
{
    answer_start(out, TW_HANDSHAKE_TRY_AGAIN, ephemeral);
    tw_store_u32(out + TW_TRY_AGAIN_AFTER_MS, after_ms);
    tw_crc32c_seal(crc, out, TW_TRY_AGAIN_SIZE);
}

void tw_wrong_version_write(uint8_t out[TW_WRONG_VERSION_SIZE], const uint8_t *ephemeral,
                            uint16_t version_min, uint16_t version_max, tw_crc32c_function crc)
{
    answer_start(out, TW_HANDSHAKE_WRONG_VERSION, ephemeral);
    tw_store_u16(out + TW_WRONG_VERSION_MIN, version_min);
    tw_store_u16(out + TW_WRONG_VERSION_MAX, version_max);
    tw_crc32c_seal(crc, out, TW_WRONG_VERSION_SIZE);
}

void tw_welcome_write(uint8_t out[TW_WELCOME_SIZE], const struct tw_welcome *welcome,
                      const struct tw_ephemerals *ephemerals,
                      const struct tw_session_secrets *secrets, tw_crc32c_function crc)
{
    tw_welcome_clear_write(out, ephemerals->client, ephemerals->server);
    uint8_t in[TW_WELCOME_IN_SIZE] = {0};
    tw_store_u32(in + TW_WELCOME_IN_CONNECTION_ID, welcome->connection_id);
    tw_store_u32(in + TW_WELCOME_IN_WORLD, welcome->world);
    tw_store_u64(in + TW_WELCOME_IN_SERVER_TIME, welcome->server_time_us);
    tw_store_u64(in + TW_WELCOME_IN_TICK, welcome->tick);
    tw_store_u16(in + TW_WELCOME_IN_MTU, welcome->mtu);
    in[TW_WELCOME_IN_SUITE] = welcome->suite;
    in[TW_WELCOME_IN_TICK_HZ] = welcome->tick_hz;
    in[TW_WELCOME_IN_SNAPSHOT_HZ] = welcome->snapshot_hz;
    tw_store_u16(in + TW_WELCOME_IN_WIDTH_CELLS, welcome->width_cells);
    crypto_aead_chacha20poly1305_ietf_encrypt(out + TW_WELCOME_SEALED, NULL, in, sizeof(in),
                                              secrets->transcript, TW_HASH_SIZE, NULL,
                                              secrets->confirm_iv, secrets->confirm_key);
    tw_crc32c_seal(crc, out, TW_WELCOME_SIZE);
}
