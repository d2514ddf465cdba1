/* SPDX-License-Identifier: BSD-3-Clause */
#include "dataplane/wire/token.h"

#include "tickwire/bytes.h"

#include <sodium.h>

#define TOKEN_CONTEXT      "tickwire v1 token"
#define TOKEN_CONTEXT_SIZE (sizeof(TOKEN_CONTEXT) - 1)
#define TOKEN_DATA_SIZE    (TOKEN_CONTEXT_SIZE + 4)

static_assert(crypto_aead_xchacha20poly1305_ietf_NPUBBYTES == TW_TOKEN_NONCE_SIZE, "nonce");
static_assert(crypto_aead_xchacha20poly1305_ietf_KEYBYTES == TW_KEY_SIZE, "key");
static_assert(crypto_aead_xchacha20poly1305_ietf_ABYTES == TW_TAG_SIZE, "tag");

void tw_token_audience(uint8_t audience[TW_AUDIENCE_SIZE], const char *engine_name)
{
    uint8_t hash[TW_HASH_SIZE];
    crypto_hash_sha256(hash, (const uint8_t *)engine_name, strlen(engine_name));
    memcpy(audience, hash, TW_AUDIENCE_SIZE);
}

static void token_data(uint8_t data[TOKEN_DATA_SIZE], uint32_t key_id)
{
    memcpy(data, TOKEN_CONTEXT, TOKEN_CONTEXT_SIZE);
    tw_store_u32(data + TOKEN_CONTEXT_SIZE, key_id);
}

/* Unused entries stay zero: out[] is zeroed by the caller. */
static void addresses_write(uint8_t *out, const struct tw_address *addresses, uint8_t count)
{
    for (uint8_t i = 0; i < count && i < TW_TOKEN_ADDRESSES; i++) {
        memcpy(out + i * TW_ADDRESS_SIZE, addresses[i].ip, 16);
        tw_store_u16(out + i * TW_ADDRESS_SIZE + 16, addresses[i].port);
    }
}

static bool addresses_read(struct tw_address *addresses, uint8_t count, const uint8_t *bytes)
{
    if (count < 1 || count > TW_TOKEN_ADDRESSES)
        return false;
    for (uint8_t i = 0; i < TW_TOKEN_ADDRESSES; i++) {
        memcpy(addresses[i].ip, bytes + i * TW_ADDRESS_SIZE, 16);
        addresses[i].port = tw_load_u16(bytes + i * TW_ADDRESS_SIZE + 16);
    }
    size_t used = count * TW_ADDRESS_SIZE;
    return sodium_is_zero(bytes + used, TW_TOKEN_ADDRESSES * TW_ADDRESS_SIZE - used);
}

void tw_token_seal(uint8_t out[TW_TOKEN_SIZE], const struct tw_token *token, uint32_t key_id,
                   const uint8_t key[TW_KEY_SIZE], const uint8_t nonce[TW_TOKEN_NONCE_SIZE])
{
    uint8_t in[TW_TOKEN_IN_SIZE] = {0};
    memcpy(in + TW_TOKEN_IN_ID, token->id, TW_TOKEN_ID_SIZE);
    memcpy(in + TW_TOKEN_IN_PSK, token->psk, TW_KEY_SIZE);
    tw_store_u64(in + TW_TOKEN_IN_ACCOUNT, token->account);
    memcpy(in + TW_TOKEN_IN_AUDIENCE, token->audience, TW_AUDIENCE_SIZE);
    tw_store_u32(in + TW_TOKEN_IN_WORLD, token->world);
    tw_store_u16(in + TW_TOKEN_IN_VERSION, token->version);
    in[TW_TOKEN_IN_SUITES] = token->suites;
    in[TW_TOKEN_IN_ADDRESS_COUNT] = token->address_count;
    tw_store_u64(in + TW_TOKEN_IN_EXPIRES, token->expires_unix_s);
    tw_store_u64(in + TW_TOKEN_IN_ISSUED, token->issued_unix_s);
    addresses_write(in + TW_TOKEN_IN_ADDRESS_LIST, token->addresses, token->address_count);
    memcpy(in + TW_TOKEN_IN_RESUMES, token->resumes, TW_TOKEN_ID_SIZE);

    uint8_t data[TOKEN_DATA_SIZE];
    token_data(data, key_id);
    tw_store_u32(out + TW_TOKEN_KEY_ID, key_id);
    memcpy(out + TW_TOKEN_NONCE, nonce, TW_TOKEN_NONCE_SIZE);
    crypto_aead_xchacha20poly1305_ietf_encrypt(out + TW_TOKEN_SEALED, NULL, in, sizeof(in), data,
                                               sizeof(data), NULL, nonce, key);
    sodium_memzero(in, sizeof(in));
}

bool tw_token_resumes(const struct tw_token *token)
{
    return !sodium_is_zero(token->resumes, sizeof(token->resumes));
}

uint32_t tw_token_key_id(const uint8_t sealed[TW_TOKEN_SIZE])
{
    return tw_load_u32(sealed + TW_TOKEN_KEY_ID);
}

static bool token_decode(struct tw_token *token, const uint8_t in[TW_TOKEN_IN_SIZE])
{
    memcpy(token->id, in + TW_TOKEN_IN_ID, TW_TOKEN_ID_SIZE);
    memcpy(token->psk, in + TW_TOKEN_IN_PSK, TW_KEY_SIZE);
    token->account = tw_load_u64(in + TW_TOKEN_IN_ACCOUNT);
    memcpy(token->audience, in + TW_TOKEN_IN_AUDIENCE, TW_AUDIENCE_SIZE);
    token->world = tw_load_u32(in + TW_TOKEN_IN_WORLD);
    token->version = tw_load_u16(in + TW_TOKEN_IN_VERSION);
    token->suites = in[TW_TOKEN_IN_SUITES];
    token->address_count = in[TW_TOKEN_IN_ADDRESS_COUNT];
    token->expires_unix_s = tw_load_u64(in + TW_TOKEN_IN_EXPIRES);
    token->issued_unix_s = tw_load_u64(in + TW_TOKEN_IN_ISSUED);
    memcpy(token->resumes, in + TW_TOKEN_IN_RESUMES, TW_TOKEN_ID_SIZE);
    return addresses_read(token->addresses, token->address_count, in + TW_TOKEN_IN_ADDRESS_LIST) &&
           sodium_is_zero(in + TW_TOKEN_IN_PADDING, TW_TOKEN_IN_SIZE - TW_TOKEN_IN_PADDING);
}

bool tw_token_open(struct tw_token *token, const uint8_t sealed[TW_TOKEN_SIZE],
                   const uint8_t key[TW_KEY_SIZE])
{
    uint8_t data[TOKEN_DATA_SIZE];
    token_data(data, tw_token_key_id(sealed));
    uint8_t in[TW_TOKEN_IN_SIZE];
    memset(token, 0, sizeof(*token));
    if (crypto_aead_xchacha20poly1305_ietf_decrypt(in, NULL, NULL, sealed + TW_TOKEN_SEALED,
                                                   TW_TOKEN_IN_SIZE + TW_TAG_SIZE, data,
                                                   sizeof(data), sealed + TW_TOKEN_NONCE, key) != 0)
        return false;
    bool ok = token_decode(token, in);
    sodium_memzero(in, sizeof(in));
    if (!ok)
        sodium_memzero(token, sizeof(*token));
    return ok;
}

void tw_connect_token_write(uint8_t out[TW_CONNECT_SIZE], const struct tw_connect_token *token)
{
    memset(out, 0, TW_CONNECT_SIZE);
    tw_store_u32(out, TW_CONNECT_MAGIC);
    tw_store_u16(out + TW_CONNECT_VERSION, token->version);
    out[TW_CONNECT_SUITES] = token->suites;
    out[TW_CONNECT_ADDRESS_COUNT] = token->address_count;
    tw_store_u64(out + TW_CONNECT_EXPIRES, token->expires_unix_s);
    addresses_write(out + TW_CONNECT_ADDRESS_LIST, token->addresses, token->address_count);
    memcpy(out + TW_CONNECT_TOKEN, token->token, TW_TOKEN_SIZE);
    memcpy(out + TW_CONNECT_SERVER_KEY, token->server_key, TW_KEY_SIZE);
    memcpy(out + TW_CONNECT_PSK, token->psk, TW_KEY_SIZE);
}

bool tw_connect_token_read(struct tw_connect_token *token, const uint8_t *bytes, size_t length)
{
    memset(token, 0, sizeof(*token));
    if (length != TW_CONNECT_SIZE || tw_load_u32(bytes) != TW_CONNECT_MAGIC ||
        tw_load_u16(bytes + TW_CONNECT_VERSION) != TW_PROTOCOL_VERSION)
        return false;
    if (!addresses_read(token->addresses, bytes[TW_CONNECT_ADDRESS_COUNT],
                        bytes + TW_CONNECT_ADDRESS_LIST))
        return false;
    token->version = tw_load_u16(bytes + TW_CONNECT_VERSION);
    token->suites = bytes[TW_CONNECT_SUITES];
    token->address_count = bytes[TW_CONNECT_ADDRESS_COUNT];
    token->expires_unix_s = tw_load_u64(bytes + TW_CONNECT_EXPIRES);
    memcpy(token->token, bytes + TW_CONNECT_TOKEN, TW_TOKEN_SIZE);
    memcpy(token->server_key, bytes + TW_CONNECT_SERVER_KEY, TW_KEY_SIZE);
    memcpy(token->psk, bytes + TW_CONNECT_PSK, TW_KEY_SIZE);
    return true;
}
