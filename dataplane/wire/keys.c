/* SPDX-License-Identifier: BSD-3-Clause */
#include "dataplane/wire/keys.h"

#include "tickwire/assert.h"

#include <sodium.h>
#include <string.h>

static_assert(crypto_auth_hmacsha256_BYTES == TW_HASH_SIZE, "HMAC-SHA256");
static_assert(crypto_hash_sha256_BYTES == TW_HASH_SIZE, "SHA-256");

void tw_hkdf_extract(uint8_t prk[TW_HASH_SIZE], const uint8_t *salt, size_t salt_size,
                     const uint8_t *input, size_t input_size)
{
    crypto_auth_hmacsha256_state state;
    crypto_auth_hmacsha256_init(&state, salt, salt_size);
    crypto_auth_hmacsha256_update(&state, input, input_size);
    crypto_auth_hmacsha256_final(&state, prk);
    sodium_memzero(&state, sizeof(state));
}

void tw_hkdf_expand(uint8_t *out, size_t out_size, const uint8_t prk[TW_HASH_SIZE],
                    const char *label)
{
    TW_ASSERT(out_size <= 255u * TW_HASH_SIZE);
    crypto_auth_hmacsha256_state state;
    uint8_t block[TW_HASH_SIZE];
    uint8_t number = 1;
    for (size_t done = 0; done < out_size; number++) {
        crypto_auth_hmacsha256_init(&state, prk, TW_HASH_SIZE);
        if (number > 1)
            crypto_auth_hmacsha256_update(&state, block, sizeof(block));
        crypto_auth_hmacsha256_update(&state, (const uint8_t *)label, strlen(label));
        crypto_auth_hmacsha256_update(&state, &number, 1);
        crypto_auth_hmacsha256_final(&state, block);
        size_t part = out_size - done < sizeof(block) ? out_size - done : sizeof(block);
        memcpy(out + done, block, part);
        done += part;
    }
    sodium_memzero(&state, sizeof(state));
    sodium_memzero(block, sizeof(block));
}

void tw_transcript_hash(uint8_t out[TW_HASH_SIZE], const uint8_t *hello2, const uint8_t *welcome)
{
    crypto_hash_sha256_state state;
    crypto_hash_sha256_init(&state);
    crypto_hash_sha256_update(&state, hello2, TW_HELLO2_SIGNED);
    crypto_hash_sha256_update(&state, welcome, TW_WELCOME_CLEAR);
    crypto_hash_sha256_final(&state, out);
}

void tw_session_secrets_derive(struct tw_session_secrets *secrets,
                               const uint8_t dh_ephemeral[TW_KEY_SIZE],
                               const uint8_t dh_static[TW_KEY_SIZE], const uint8_t psk[TW_KEY_SIZE],
                               const uint8_t transcript[TW_HASH_SIZE])
{
    uint8_t input[3 * TW_KEY_SIZE];
    memcpy(input, dh_ephemeral, TW_KEY_SIZE);
    memcpy(input + TW_KEY_SIZE, dh_static, TW_KEY_SIZE);
    memcpy(input + 2 * TW_KEY_SIZE, psk, TW_KEY_SIZE);
    uint8_t prk[TW_HASH_SIZE];
    tw_hkdf_extract(prk, transcript, TW_HASH_SIZE, input, sizeof(input));

    uint8_t confirm[TW_KEY_SIZE + TW_IV_SIZE];
    tw_hkdf_expand(secrets->client_to_server, TW_KEY_SIZE, prk, TW_LABEL_CLIENT_TO_SERVER);
    tw_hkdf_expand(secrets->server_to_client, TW_KEY_SIZE, prk, TW_LABEL_SERVER_TO_CLIENT);
    tw_hkdf_expand(confirm, sizeof(confirm), prk, TW_LABEL_CONFIRM);
    tw_hkdf_expand(secrets->resume, TW_KEY_SIZE, prk, TW_LABEL_RESUME);
    memcpy(secrets->confirm_key, confirm, TW_KEY_SIZE);
    memcpy(secrets->confirm_iv, confirm + TW_KEY_SIZE, TW_IV_SIZE);
    memcpy(secrets->transcript, transcript, TW_HASH_SIZE);

    sodium_memzero(input, sizeof(input));
    sodium_memzero(prk, sizeof(prk));
    sodium_memzero(confirm, sizeof(confirm));
}

void tw_packet_key_expand(struct tw_aead_key *key, const struct tw_aead_backend *backend,
                          enum tw_suite suite, const uint8_t phase_secret[TW_KEY_SIZE])
{
    uint8_t raw_key[TW_KEY_SIZE];
    uint8_t iv[TW_IV_SIZE];
    tw_hkdf_expand(raw_key, sizeof(raw_key), phase_secret, TW_LABEL_KEY);
    tw_hkdf_expand(iv, sizeof(iv), phase_secret, TW_LABEL_IV);
    backend->expand(key, suite, raw_key, iv);
    sodium_memzero(raw_key, sizeof(raw_key));
    sodium_memzero(iv, sizeof(iv));
}
