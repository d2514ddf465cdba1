/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The reference back end. `expanded` holds the raw key for ChaCha20-Poly1305 (there is nothing to
 * precompute) and libsodium's AES-256-GCM state: round keys and GHASH powers.
 */
#include "dataplane/wire/aead.h"
#include "dataplane/wire/header.h"
#include "tickwire/assert.h"

#include <sodium.h>
#include <stdalign.h>

static_assert(sizeof(crypto_aead_aes256gcm_state) <= TW_AEAD_EXPANDED_SIZE, "AES state fits");
static_assert(alignof(crypto_aead_aes256gcm_state) <= alignof(struct tw_aead_key) &&
                  offsetof(struct tw_aead_key, expanded) % alignof(crypto_aead_aes256gcm_state) ==
                      0,
              "AES state is aligned");
static_assert(crypto_aead_chacha20poly1305_IETF_KEYBYTES == TW_KEY_SIZE, "ChaCha20 key");
static_assert(crypto_aead_chacha20poly1305_IETF_NPUBBYTES == TW_IV_SIZE, "ChaCha20 nonce");
static_assert(crypto_aead_chacha20poly1305_IETF_ABYTES == TW_TAG_SIZE, "Poly1305 tag");
static_assert(crypto_aead_aes256gcm_KEYBYTES == TW_KEY_SIZE, "AES key");
static_assert(crypto_aead_aes256gcm_NPUBBYTES == TW_IV_SIZE, "GCM nonce");
static_assert(crypto_aead_aes256gcm_ABYTES == TW_TAG_SIZE, "GCM tag");

static void sodium_expand(struct tw_aead_key *key, enum tw_suite suite,
                          const uint8_t raw_key[TW_KEY_SIZE], const uint8_t iv[TW_IV_SIZE])
{
    tw_aead_key_wipe(key);
    if (suite == TW_SUITE_AES256_GCM) {
        int failed =
            crypto_aead_aes256gcm_beforenm((crypto_aead_aes256gcm_state *)key->expanded, raw_key);
        TW_ASSERT(!failed); /* callers take suites from tw_aead_backend.suites only */
    } else {
        TW_ASSERT(suite == TW_SUITE_CHACHA20_POLY1305);
        memcpy(key->expanded, raw_key, TW_KEY_SIZE);
    }
    memcpy(key->iv, iv, TW_IV_SIZE);
    key->suite = (uint8_t)suite;
}

static bool sodium_open_one(const struct tw_aead_job *job)
{
    if (job->length < TW_PACKET_MIN)
        return false;
    const struct tw_aead_key *key = job->key;
    uint8_t nonce[TW_IV_SIZE];
    tw_aead_nonce(nonce, key->iv, tw_header_read(job->packet).sequence);
    uint8_t *text = job->packet + TW_HEADER_SIZE;
    size_t size = job->length - TW_PACKET_MIN;
    const uint8_t *tag = text + size;
    if (key->suite == TW_SUITE_AES256_GCM)
        return crypto_aead_aes256gcm_decrypt_detached_afternm(
                   text, NULL, text, size, tag, job->packet, TW_HEADER_SIZE, nonce,
                   (const crypto_aead_aes256gcm_state *)key->expanded) == 0;
    TW_ASSERT(key->suite == TW_SUITE_CHACHA20_POLY1305); /* else never expanded, or wiped */
    return crypto_aead_chacha20poly1305_ietf_decrypt_detached(
               text, NULL, text, size, tag, job->packet, TW_HEADER_SIZE, nonce, key->expanded) == 0;
}

static void sodium_open(struct tw_aead_job *jobs, size_t count)
{
    for (size_t i = 0; i < count; i++)
        jobs[i].ok = sodium_open_one(&jobs[i]);
}

static void sodium_seal_one(struct tw_aead_job *job)
{
    TW_ASSERT(job->length >= TW_HEADER_SIZE);
    const struct tw_aead_key *key = job->key;
    uint64_t sequence = tw_header_read(job->packet).sequence;
    tw_aead_check_nonce(key, sequence);
    uint8_t nonce[TW_IV_SIZE];
    tw_aead_nonce(nonce, key->iv, sequence);
    uint8_t *text = job->packet + TW_HEADER_SIZE;
    size_t size = job->length - TW_HEADER_SIZE;
    uint8_t *tag = text + size;
    if (key->suite == TW_SUITE_AES256_GCM) {
        crypto_aead_aes256gcm_encrypt_detached_afternm(
            text, tag, NULL, text, size, job->packet, TW_HEADER_SIZE, NULL, nonce,
            (const crypto_aead_aes256gcm_state *)key->expanded);
    } else {
        TW_ASSERT(key->suite == TW_SUITE_CHACHA20_POLY1305);
        crypto_aead_chacha20poly1305_ietf_encrypt_detached(
            text, tag, NULL, text, size, job->packet, TW_HEADER_SIZE, NULL, nonce, key->expanded);
    }
    job->length += TW_TAG_SIZE;
    job->ok = true;
}

static void sodium_seal(struct tw_aead_job *jobs, size_t count)
{
    for (size_t i = 0; i < count; i++)
        sodium_seal_one(&jobs[i]);
}

const struct tw_aead_backend *tw_aead_sodium(void)
{
    static const struct tw_aead_backend with_aes = {
        .name = "libsodium",
        .suites = TW_SUITE_CHACHA20_POLY1305 | TW_SUITE_AES256_GCM,
        .expand = sodium_expand,
        .open = sodium_open,
        .seal = sodium_seal,
    };
    static const struct tw_aead_backend without_aes = {
        .name = "libsodium",
        .suites = TW_SUITE_CHACHA20_POLY1305,
        .expand = sodium_expand,
        .open = sodium_open,
        .seal = sodium_seal,
    };
    return crypto_aead_aes256gcm_is_available() ? &with_aes : &without_aes;
}
