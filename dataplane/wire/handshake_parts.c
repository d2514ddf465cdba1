/* SPDX-License-Identifier: BSD-3-Clause */
#include "dataplane/wire/handshake_parts.h"

#include "dataplane/wire/header.h"

#include <sodium.h>

bool tw_handshake_header_check(const uint8_t *packet, enum tw_handshake_type type)
{
    struct tw_header header = tw_header_read(packet);
    return header.connection_id == 0 && header.channel == (uint8_t)type && header.flags == 0 &&
           header.sequence == 0;
}

void tw_handshake_header_write(uint8_t *packet, enum tw_handshake_type type)
{
    tw_header_write(packet, (struct tw_header){.channel = (uint8_t)type});
}

void tw_welcome_clear_write(uint8_t *out, const uint8_t *client_ephemeral,
                            const uint8_t *server_ephemeral)
{
    tw_handshake_header_write(out, TW_HANDSHAKE_WELCOME);
    memcpy(out + TW_ANSWER_EPHEMERAL, client_ephemeral, TW_KEY_SIZE);
    memcpy(out + TW_WELCOME_SERVER_EPHEMERAL, server_ephemeral, TW_KEY_SIZE);
}

void tw_binder_make(uint8_t binder[TW_HASH_SIZE], const uint8_t *hello2,
                    const uint8_t psk[TW_KEY_SIZE])
{
    crypto_auth_hmacsha256(binder, hello2, TW_HELLO2_BINDER, psk);
}

void tw_refused_mac_make(uint8_t mac[TW_HASH_SIZE], const uint8_t *refused, const uint8_t *hello2,
                         const uint8_t psk[TW_KEY_SIZE])
{
    uint8_t input[TW_REFUSED_MAC + TW_HASH_SIZE];
    memcpy(input, refused, TW_REFUSED_MAC);
    crypto_hash_sha256(input + TW_REFUSED_MAC, hello2, TW_HELLO2_SIGNED);
    crypto_auth_hmacsha256(mac, input, sizeof(input), psk);
}
