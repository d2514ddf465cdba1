/* SPDX-License-Identifier: BSD-3-Clause */
#include "dataplane/wire/token.h"

#include "tests/unit/wire/testing.h"
#include "tickwire/bytes.h"

static const uint8_t key[TW_KEY_SIZE] = {5}, nonce[TW_TOKEN_NONCE_SIZE] = {6};

static struct tw_token make_token(void)
{
    struct tw_token token = {
        .id = {1, 2},
        .psk = {3},
        .account = 0x1122334455667788u,
        .world = 0xaabbccddu,
        .version = 1,
        .suites = 3,
        .address_count = 2,
        .expires_unix_s = 1800000060,
        .issued_unix_s = 1800000000,
        .addresses = {tw_address_from_ipv4(0xc6120001u, 1), tw_address_from_ipv4(0xc6120002u, 2)},
    };
    tw_token_audience(token.audience, "engine");
    return token;
}

static void seal_and_open(void **state)
{
    (void)state;
    for (uint8_t count = 1; count <= TW_TOKEN_ADDRESSES; count++) {
        struct tw_token token = make_token(), opened;
        token.address_count = count;
        for (uint8_t i = 0; i < TW_TOKEN_ADDRESSES; i++)
            token.addresses[i] =
                i < count ? tw_address_from_ipv4(0xc6120000u + i, i) : (struct tw_address){0};
        uint8_t sealed[TW_TOKEN_SIZE];
        tw_token_seal(sealed, &token, 77, key, nonce);
        assert_int_equal(tw_token_key_id(sealed), 77);
        assert_true(tw_token_open(&opened, sealed, key));
        assert_memory_equal(opened.id, token.id, sizeof(token.id));
        assert_memory_equal(opened.psk, token.psk, sizeof(token.psk));
        assert_memory_equal(opened.audience, token.audience, sizeof(token.audience));
        assert_true(opened.account == token.account && opened.world == token.world);
        assert_int_equal(opened.version, 1);
        assert_int_equal(opened.suites, 3);
        assert_true(opened.expires_unix_s == token.expires_unix_s);
        assert_true(opened.issued_unix_s == token.issued_unix_s);
        assert_int_equal(opened.address_count, count);
        for (uint8_t i = 0; i < TW_TOKEN_ADDRESSES; i++)
            assert_true(tw_address_equal(&opened.addresses[i], &token.addresses[i]));
    }
}

static void wrong_key_fails_and_tells_nothing(void **state)
{
    (void)state;
    struct tw_token token = make_token(), opened;
    uint8_t sealed[TW_TOKEN_SIZE], other[TW_KEY_SIZE] = {5, 1};
    tw_token_seal(sealed, &token, 77, key, nonce);
    memset(&opened, 0xee, sizeof(opened));
    assert_false(tw_token_open(&opened, sealed, other));
    assert_true(sodium_is_zero((const unsigned char *)&opened, sizeof(opened)));
}

static void every_corrupted_byte_fails(void **state)
{
    (void)state;
    struct tw_token token = make_token(), opened;
    uint8_t sealed[TW_TOKEN_SIZE];
    tw_token_seal(sealed, &token, 77, key, nonce);
    for (size_t at = 0; at < sizeof(sealed); at++) {
        sealed[at] ^= (uint8_t)(1u << at % 8);
        assert_false(tw_token_open(&opened, sealed, key));
        sealed[at] ^= (uint8_t)(1u << at % 8);
    }
    assert_true(tw_token_open(&opened, sealed, key));
}

/* Sealed under the right key, but with one byte of the content set: is it still accepted? */
static bool opens_with_byte(size_t at, uint8_t value)
{
    struct tw_token token = make_token(), opened;
    uint8_t sealed[TW_TOKEN_SIZE], content[TW_TOKEN_IN_SIZE];
    uint8_t data[] = "tickwire v1 token\x4d\0\0";
    tw_token_seal(sealed, &token, 77, key, nonce);
    assert_int_equal(crypto_aead_xchacha20poly1305_ietf_decrypt(
                         content, NULL, NULL, sealed + TW_TOKEN_SEALED,
                         TW_TOKEN_IN_SIZE + TW_TAG_SIZE, data, sizeof(data), nonce, key),
                     0);
    content[at] = value;
    crypto_aead_xchacha20poly1305_ietf_encrypt(sealed + TW_TOKEN_SEALED, NULL, content,
                                               sizeof(content), data, sizeof(data), NULL, nonce,
                                               key);
    return tw_token_open(&opened, sealed, key);
}

static void bad_contents_fail(void **state)
{
    (void)state;
    assert_true(opens_with_byte(TW_TOKEN_IN_ADDRESS_COUNT, 2));
    assert_false(opens_with_byte(TW_TOKEN_IN_ADDRESS_COUNT, 0));
    assert_false(opens_with_byte(TW_TOKEN_IN_ADDRESS_COUNT, 1)); /* entry 1 is not zero */
    assert_false(opens_with_byte(TW_TOKEN_IN_ADDRESS_COUNT, 5));
    assert_false(opens_with_byte(TW_TOKEN_IN_ADDRESS_COUNT, 255));
    for (size_t at = TW_TOKEN_IN_ADDRESS_LIST + 2 * TW_ADDRESS_SIZE; at < TW_TOKEN_IN_SIZE; at++) {
        /* Unused addresses and padding; between them stands what it resumes, if anything. */
        bool resumes = at >= TW_TOKEN_IN_RESUMES && at < TW_TOKEN_IN_PADDING;
        assert_int_equal(opens_with_byte(at, 1), resumes);
    }
}

/* No address at all, and none listed: still out of range. */
static void no_address_fails(void **state)
{
    (void)state;
    struct tw_token token = make_token(), opened;
    uint8_t sealed[TW_TOKEN_SIZE], bytes[TW_CONNECT_SIZE];
    token.address_count = 0;
    tw_token_seal(sealed, &token, 77, key, nonce);
    assert_false(tw_token_open(&opened, sealed, key));
    struct tw_connect_token connect = {.version = 1, .suites = 3}, back;
    tw_connect_token_write(bytes, &connect);
    assert_false(tw_connect_token_read(&back, bytes, sizeof(bytes)));
    connect.address_count = 1;
    tw_connect_token_write(bytes, &connect);
    assert_true(tw_connect_token_read(&back, bytes, sizeof(bytes)));
}

static struct tw_connect_token make_connect(void)
{
    return (struct tw_connect_token){
        .version = 1,
        .suites = 3,
        .address_count = 2,
        .expires_unix_s = 1800000060,
        .addresses = {tw_address_from_ipv4(0xc6120001u, 1), tw_address_from_ipv4(0xc6120002u, 2)},
        .token = {7},
        .server_key = {8},
        .psk = {9},
    };
}

static void connect_token_round_trip(void **state)
{
    (void)state;
    struct tw_connect_token connect = make_connect(), back;
    uint8_t bytes[TW_CONNECT_SIZE], again[TW_CONNECT_SIZE];
    tw_connect_token_write(bytes, &connect);
    assert_memory_equal(bytes, "TWC1", 4);
    assert_true(tw_connect_token_read(&back, bytes, sizeof(bytes)));
    tw_connect_token_write(again, &back);
    assert_memory_equal(bytes, again, sizeof(bytes));
    assert_memory_equal(back.psk, connect.psk, TW_KEY_SIZE);
    assert_memory_equal(back.server_key, connect.server_key, TW_KEY_SIZE);
    assert_true(tw_address_equal(&back.addresses[1], &connect.addresses[1]));
}

static void bad_connect_tokens_fail(void **state)
{
    (void)state;
    struct tw_connect_token connect = make_connect(), back;
    uint8_t bytes[TW_CONNECT_SIZE + 1] = {0};
    tw_connect_token_write(bytes, &connect);
    for (size_t length = 0; length <= sizeof(bytes); length++)
        assert_int_equal(tw_connect_token_read(&back, bytes, length), length == TW_CONNECT_SIZE);
    static const struct {
        size_t at;
        uint8_t value;
    } bad[] = {
        {0, 'X'},
        {3, '2'},
        {TW_CONNECT_VERSION, 2},
        {TW_CONNECT_VERSION + 1, 1},
        {TW_CONNECT_ADDRESS_COUNT, 0},
        {TW_CONNECT_ADDRESS_COUNT, 1},
        {TW_CONNECT_ADDRESS_COUNT, 5},
        {TW_CONNECT_TOKEN - 1, 1},
    };
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        uint8_t before = bytes[bad[i].at];
        bytes[bad[i].at] = bad[i].value;
        assert_false(tw_connect_token_read(&back, bytes, TW_CONNECT_SIZE));
        bytes[bad[i].at] = before;
    }
    assert_true(tw_connect_token_read(&back, bytes, TW_CONNECT_SIZE));
}

static void audience_is_the_hash_of_the_name(void **state)
{
    (void)state;
    uint8_t audience[TW_AUDIENCE_SIZE];
    tw_token_audience(audience, "abc"); /* FIPS 180-2's SHA-256 example */
    static const uint8_t expected[TW_AUDIENCE_SIZE] = {0xba, 0x78, 0x16, 0xbf, 0x8f, 0x01,
                                                       0xcf, 0xea, 0x41, 0x41, 0x40, 0xde,
                                                       0x5d, 0xae, 0x22, 0x23};
    assert_memory_equal(audience, expected, sizeof(expected));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(seal_and_open),
        cmocka_unit_test(wrong_key_fails_and_tells_nothing),
        cmocka_unit_test(every_corrupted_byte_fails),
        cmocka_unit_test(bad_contents_fail),
        cmocka_unit_test(no_address_fails),
        cmocka_unit_test(connect_token_round_trip),
        cmocka_unit_test(bad_connect_tokens_fail),
        cmocka_unit_test(audience_is_the_hash_of_the_name),
    };
    return cmocka_run_group_tests(tests, testing_setup, NULL);
}
