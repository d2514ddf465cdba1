/* SPDX-License-Identifier: BSD-3-Clause */
#include "dataplane/wire/cookie.h"

#include "tickwire/assert.h"
#include "tickwire/bytes.h"

#include <sodium.h>

/* address 16, port 2, ephemeral 32, slot 4. With SHA-256's 9 bytes of padding: one block. */
#define COOKIE_INPUT 54u
static_assert(COOKIE_INPUT + 9 <= 64, "one hash block after the key");

void tw_cookie_rotate(struct tw_cookie_keys *keys, const uint8_t key[TW_KEY_SIZE], uint32_t slot)
{
    keys->keys[1] = keys->keys[0];
    memcpy(keys->keys[0].key, key, TW_KEY_SIZE);
    keys->keys[0].slot = slot;
    keys->keys[0].valid = true;
}

static void cookie_hash(uint8_t cookie[TW_COOKIE_SIZE], const struct tw_cookie_keys *keys,
                        int which, const struct tw_address *source,
                        const uint8_t ephemeral[TW_KEY_SIZE])
{
    uint8_t input[COOKIE_INPUT];
    memcpy(input, source->ip, 16);
    tw_store_u16(input + 16, source->port);
    memcpy(input + 18, ephemeral, TW_KEY_SIZE);
    tw_store_u32(input + 50, keys->keys[which].slot);
    uint8_t hash[TW_HASH_SIZE];
    crypto_auth_hmacsha256(hash, input, sizeof(input), keys->keys[which].key);
    memcpy(cookie, hash, TW_COOKIE_SIZE);
}

void tw_cookie_make(uint8_t cookie[TW_COOKIE_SIZE], const struct tw_cookie_keys *keys,
                    const struct tw_address *source, const uint8_t ephemeral[TW_KEY_SIZE])
{
    TW_ASSERT(keys->keys[0].valid);
    cookie_hash(cookie, keys, 0, source, ephemeral);
}

bool tw_cookie_check(const uint8_t cookie[TW_COOKIE_SIZE], const struct tw_cookie_keys *keys,
                     const struct tw_address *source, const uint8_t ephemeral[TW_KEY_SIZE])
{
    for (int which = 0; which < 2; which++) {
        if (!keys->keys[which].valid)
            continue;
        uint8_t expected[TW_COOKIE_SIZE];
        cookie_hash(expected, keys, which, source, ephemeral);
        if (sodium_memcmp(cookie, expected, TW_COOKIE_SIZE) == 0)
            return true;
    }
    return false;
}
