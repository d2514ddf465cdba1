/* SPDX-License-Identifier: BSD-3-Clause */
#include "dataplane/crypto/cookie_select.h"

#include "dataplane/crypto/cookie_sha_ni.h"

#include <sodium.h>
#include <string.h>

#define TESTS 256u

static bool is_equal(const uint8_t mac[TW_HASH_SIZE], const uint8_t key[TW_KEY_SIZE],
                     const uint8_t input[TW_COOKIE_INPUT])
{
    uint8_t wanted[TW_HASH_SIZE];
    crypto_auth_hmacsha256(wanted, input, TW_COOKIE_INPUT, key);
    return memcmp(mac, wanted, sizeof(wanted)) == 0;
}

const char *tw_cookie_self_test(const struct tw_cookie_hash *hash)
{
    for (uint32_t i = 0; i < TESTS; i++) {
        uint8_t key[TW_KEY_SIZE], inputs[2][TW_COOKIE_INPUT], macs[2][TW_HASH_SIZE];
        uint8_t prepared[TW_COOKIE_PREPARED_SIZE] __attribute__((aligned(16)));
        randombytes_buf(key, sizeof(key));
        randombytes_buf(inputs, sizeof(inputs));
        hash->prepare(prepared, key);
        hash->mac(macs[0], prepared, inputs[0]);
        if (!is_equal(macs[0], key, inputs[0]))
            return "its self-test found other bytes than libsodium's";
        if (hash->mac_pair == NULL)
            continue;
        hash->mac_pair(macs, prepared, (const uint8_t(*)[TW_COOKIE_INPUT])inputs);
        if (!is_equal(macs[0], key, inputs[0]) || !is_equal(macs[1], key, inputs[1]))
            return "its self-test found other bytes than libsodium's, of two at once";
    }
    return NULL;
}

const struct tw_cookie_hash *tw_cookie_select_from(const struct tw_cookie_candidate *candidate,
                                                   struct tw_cookie_report *report)
{
    const struct tw_cookie_hash *hash = candidate->get();
    const char *reason = hash != NULL ? tw_cookie_self_test(hash) : "this CPU cannot run it";
    *report = (struct tw_cookie_report){.used = candidate->name};
    if (reason == NULL)
        return hash;
    hash = tw_cookie_hash_sodium();
    *report = (struct tw_cookie_report){hash->name, candidate->name, reason};
    return hash;
}

const struct tw_cookie_hash *tw_cookie_select(bool libsodium, struct tw_cookie_report *report)
{
    static const struct tw_cookie_candidate reference = {"libsodium", tw_cookie_hash_sodium};
    static const struct tw_cookie_candidate fastest = {"sha-ni", tw_cookie_hash_sha_ni};
    return tw_cookie_select_from(libsodium ? &reference : &fastest, report);
}
