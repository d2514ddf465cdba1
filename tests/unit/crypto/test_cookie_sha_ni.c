/* SPDX-License-Identifier: BSD-3-Clause */
#include "dataplane/crypto/cookie_sha_ni.h"

#include "tests/unit/wire/testing.h"

#include <sodium.h>

#define CASES 100000

static void equals_libsodium(void **state)
{
    (void)state;
    const struct tw_cookie_hash *hash = tw_cookie_hash_sha_ni();
    if (hash == NULL)
        skip();
    for (int i = 0; i < CASES; i++) {
        uint8_t key[TW_KEY_SIZE], input[TW_COOKIE_INPUT], got[TW_HASH_SIZE], want[TW_HASH_SIZE];
        uint8_t prepared[TW_COOKIE_PREPARED_SIZE] __attribute__((aligned(16)));
        randombytes_buf(key, sizeof(key));
        randombytes_buf(input, sizeof(input));
        hash->prepare(prepared, key);
        hash->mac(got, prepared, input);
        crypto_auth_hmacsha256(want, input, sizeof(input), key);
        assert_memory_equal(got, want, sizeof(want));
    }
}

/* All bytes equal, and each single bit set: what random inputs hardly ever are. */
static void equals_libsodium_at_the_edges(void **state)
{
    (void)state;
    const struct tw_cookie_hash *hash = tw_cookie_hash_sha_ni();
    if (hash == NULL)
        skip();
    for (uint32_t bit = 0; bit < 8u * (TW_KEY_SIZE + TW_COOKIE_INPUT); bit++) {
        for (int fill = 0; fill < 256; fill += 255) {
            uint8_t both[TW_KEY_SIZE + TW_COOKIE_INPUT], got[TW_HASH_SIZE], want[TW_HASH_SIZE];
            uint8_t prepared[TW_COOKIE_PREPARED_SIZE] __attribute__((aligned(16)));
            memset(both, fill, sizeof(both));
            both[bit / 8] ^= (uint8_t)(1u << bit % 8);
            hash->prepare(prepared, both);
            hash->mac(got, prepared, both + TW_KEY_SIZE);
            crypto_auth_hmacsha256(want, both + TW_KEY_SIZE, TW_COOKIE_INPUT, both);
            assert_memory_equal(got, want, sizeof(want));
        }
    }
}

/* A cookie made with one function is accepted by the other: hosts of a cluster may differ. */
static void cookies_are_the_same(void **state)
{
    (void)state;
    struct tw_cookie_keys fast = {.hash = tw_cookie_hash_sha_ni()}, reference = {0};
    const uint8_t key[TW_KEY_SIZE] = {7}, ephemeral[TW_KEY_SIZE] = {9};
    struct tw_address source = tw_address_from_ipv4(0xc6120001u, 4000);
    tw_cookie_rotate(&fast, key, 3);
    tw_cookie_rotate(&reference, key, 3);
    uint8_t cookie[TW_COOKIE_SIZE];
    tw_cookie_make(cookie, &fast, &source, ephemeral);
    assert_true(tw_cookie_check(cookie, &reference, &source, ephemeral));
    cookie[15] ^= 1;
    assert_false(tw_cookie_check(cookie, &fast, &source, ephemeral));
}

/* Two made together are those made one by one, with either function and in either place. */
static void pairs_are_two_cookies(void **state)
{
    (void)state;
    struct tw_cookie_keys fast = {.hash = tw_cookie_hash_sha_ni()}, reference = {0};
    const uint8_t key[TW_KEY_SIZE] = {7};
    const uint8_t ephemerals[2][TW_KEY_SIZE] = {{9}, {10, 11}};
    struct tw_address sources[2] = {tw_address_from_ipv4(0xc6120001u, 4000),
                                    tw_address_from_ipv4(0xc6120002u, 65535)};
    tw_cookie_rotate(&fast, key, 3);
    tw_cookie_rotate(&reference, key, 3);
    for (uint32_t first = 0; first < 2; first++) {
        struct tw_cookie_client clients[2] = {{&sources[first], ephemerals[first]},
                                              {&sources[1 - first], ephemerals[1 - first]}};
        uint8_t pair[2][TW_COOKIE_SIZE], slow_pair[2][TW_COOKIE_SIZE], one[TW_COOKIE_SIZE];
        tw_cookie_make_pair(pair, &fast, clients);
        tw_cookie_make_pair(slow_pair, &reference, clients);
        for (uint32_t i = 0; i < 2; i++) {
            tw_cookie_make(one, &reference, clients[i].source, clients[i].ephemeral);
            assert_memory_equal(pair[i], one, TW_COOKIE_SIZE);
            assert_memory_equal(slow_pair[i], one, TW_COOKIE_SIZE);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(equals_libsodium),
        cmocka_unit_test(equals_libsodium_at_the_edges),
        cmocka_unit_test(cookies_are_the_same),
        cmocka_unit_test(pairs_are_two_cookies),
    };
    return cmocka_run_group_tests(tests, testing_setup, NULL);
}
