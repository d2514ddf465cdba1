/* SPDX-License-Identifier: BSD-3-Clause */
#include "dataplane/wire/cookie.h"

#include "tickwire/assert.h"
#include "tickwire/bytes.h"
#include "tickwire/disclose.h"

#include <sodium.h>
#include <string.h>

static_assert(TW_COOKIE_INPUT + 9 <= 64, "one hash block after the key");
static_assert(sizeof(crypto_auth_hmacsha256_state) <= TW_COOKIE_PREPARED_SIZE, "fits");

static void sodium_prepare(uint8_t prepared[TW_COOKIE_PREPARED_SIZE],
                           const uint8_t key[TW_KEY_SIZE])
{
    crypto_auth_hmacsha256_state state;
    crypto_auth_hmacsha256_init(&state, key, TW_KEY_SIZE);
    memcpy(prepared, &state, sizeof(state));
    sodium_memzero(&state, sizeof(state));
}

static void sodium_mac(uint8_t mac[TW_HASH_SIZE], const uint8_t prepared[TW_COOKIE_PREPARED_SIZE],
                       const uint8_t input[TW_COOKIE_INPUT])
{
    crypto_auth_hmacsha256_state state;
    memcpy(&state, prepared, sizeof(state));
    crypto_auth_hmacsha256_update(&state, input, TW_COOKIE_INPUT);
    crypto_auth_hmacsha256_final(&state, mac); /* wipes it */
}

const struct tw_cookie_hash *tw_cookie_hash_sodium(void)
{
    static const struct tw_cookie_hash hash = {
        .name = "libsodium", .prepare = sodium_prepare, .mac = sodium_mac};
    return &hash;
}

static const struct tw_cookie_hash *hash_of(const struct tw_cookie_keys *keys)
{
    return keys->hash != NULL ? keys->hash : tw_cookie_hash_sodium();
}

void tw_cookie_rotate(struct tw_cookie_keys *keys, const uint8_t key[TW_KEY_SIZE], uint32_t slot)
{
    keys->keys[1] = keys->keys[0];
    hash_of(keys)->prepare(keys->keys[0].prepared, key);
    keys->keys[0].slot = slot;
    keys->keys[0].valid = true;
}

static void write_input(uint8_t input[TW_COOKIE_INPUT], const struct tw_address *source,
                        const uint8_t ephemeral[TW_KEY_SIZE], uint32_t slot)
{
    memcpy(input, source->ip, 16);
    tw_store_u16(input + 16, source->port);
    memcpy(input + 18, ephemeral, TW_KEY_SIZE);
    tw_store_u32(input + 50, slot);
}

static void cookie_hash(uint8_t cookie[TW_COOKIE_SIZE], const struct tw_cookie_keys *keys,
                        int which, const struct tw_address *source,
                        const uint8_t ephemeral[TW_KEY_SIZE])
{
    uint8_t input[TW_COOKIE_INPUT];
    uint8_t hash[TW_HASH_SIZE];
    write_input(input, source, ephemeral, keys->keys[which].slot);
    hash_of(keys)->mac(hash, keys->keys[which].prepared, input);
    memcpy(cookie, hash, TW_COOKIE_SIZE);
}

void tw_cookie_make(uint8_t cookie[TW_COOKIE_SIZE], const struct tw_cookie_keys *keys,
                    const struct tw_address *source, const uint8_t ephemeral[TW_KEY_SIZE])
{
    TW_ASSERT(keys->keys[0].valid);
    cookie_hash(cookie, keys, 0, source, ephemeral);
}

void tw_cookie_make_pair(uint8_t cookies[2][TW_COOKIE_SIZE], const struct tw_cookie_keys *keys,
                         const struct tw_cookie_client clients[2])
{
    const struct tw_cookie_hash *hash = hash_of(keys);
    uint8_t inputs[2][TW_COOKIE_INPUT], macs[2][TW_HASH_SIZE];
    TW_ASSERT(keys->keys[0].valid);
    for (uint32_t i = 0; i < 2; i++)
        write_input(inputs[i], clients[i].source, clients[i].ephemeral, keys->keys[0].slot);
    if (hash->mac_pair != NULL) {
        hash->mac_pair(macs, keys->keys[0].prepared, (const uint8_t(*)[TW_COOKIE_INPUT])inputs);
    } else {
        for (uint32_t i = 0; i < 2; i++)
            hash->mac(macs[i], keys->keys[0].prepared, inputs[i]);
    }
    for (uint32_t i = 0; i < 2; i++)
        memcpy(cookies[i], macs[i], TW_COOKIE_SIZE);
}

bool tw_cookie_check(const uint8_t cookie[TW_COOKIE_SIZE], const struct tw_cookie_keys *keys,
                     const struct tw_address *source, const uint8_t ephemeral[TW_KEY_SIZE])
{
    for (int which = 0; which < 2; which++) {
        if (!keys->keys[which].valid)
            continue;
        uint8_t expected[TW_COOKIE_SIZE];
        cookie_hash(expected, keys, which, source, ephemeral);
        bool same = sodium_memcmp(cookie, expected, TW_COOKIE_SIZE) == 0;
        tw_disclose(&same, sizeof(same));
        if (same)
            return true;
    }
    return false;
}
