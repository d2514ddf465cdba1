/* SPDX-License-Identifier: BSD-3-Clause */
#include "dataplane/wire/keys.h"

#include "tests/unit/wire/testing.h"

static void unhex(uint8_t *out, size_t size, const char *hex)
{
    size_t got = 0;
    assert_int_equal(sodium_hex2bin(out, size, hex, strlen(hex), NULL, &got, NULL), 0);
    assert_int_equal(got, size);
}

/* RFC 5869 appendix A.1. Its info has no zero byte, so it can be given as a text label. */
static void hkdf_rfc5869_case_1(void **state)
{
    (void)state;
    uint8_t input[22], salt[13], prk[32], expected[42], out[42];
    memset(input, 0x0b, sizeof(input));
    unhex(salt, sizeof(salt), "000102030405060708090a0b0c");
    tw_hkdf_extract(prk, salt, sizeof(salt), input, sizeof(input));
    unhex(expected, 32, "077709362c2e32df0ddc3f0dc47bba6390b6c73bb50f9c3122ec844ad7c2b3e5");
    assert_memory_equal(prk, expected, 32);
    tw_hkdf_expand(out, sizeof(out), prk, "\xf0\xf1\xf2\xf3\xf4\xf5\xf6\xf7\xf8\xf9");
    unhex(expected, sizeof(expected),
          "3cb25f25faacd57a90434f64d0362f2a2d2d0a90cf1a5a4c5db02d56ecc4c5bf34007208d5b887185865");
    assert_memory_equal(out, expected, sizeof(out));
}

/* RFC 5869 appendix A.3: no salt, no info. */
static void hkdf_rfc5869_case_3(void **state)
{
    (void)state;
    uint8_t input[22], prk[32], expected[42], out[42];
    memset(input, 0x0b, sizeof(input));
    tw_hkdf_extract(prk, (const uint8_t *)"", 0, input, sizeof(input));
    unhex(expected, 32, "19ef24a32c717b167f33a91d6f648bdf96596776afdb6377ac434c1c293ccb04");
    assert_memory_equal(prk, expected, 32);
    tw_hkdf_expand(out, sizeof(out), prk, "");
    unhex(expected, sizeof(expected),
          "8da4e775a563c18f715f802a063c5a31b8a11f5c5ee1879ec3454e5f3c738d2d9d201395faa4b61a96c8");
    assert_memory_equal(out, expected, sizeof(out));
}

/* Output of any length is a prefix of the longest. */
static void hkdf_lengths_are_prefixes(void **state)
{
    (void)state;
    uint8_t prk[32] = {1}, all[255 * 32], part[255 * 32];
    tw_hkdf_expand(all, sizeof(all), prk, "label");
    for (size_t size = 0; size <= sizeof(all); size += size < 100 ? 1 : 997) {
        tw_hkdf_expand(part, size, prk, "label");
        assert_memory_equal(part, all, size);
    }
}

static void transcript_covers_what_it_should(void **state)
{
    (void)state;
    uint8_t hello2[TW_HELLO2_SIZE] = {0}, welcome[TW_WELCOME_SIZE] = {0}, first[32], other[32];
    tw_transcript_hash(first, hello2, welcome);
    for (size_t at = 0; at < TW_HELLO2_SIZE; at++) {
        hello2[at] ^= 1;
        tw_transcript_hash(other, hello2, welcome);
        assert_int_equal(memcmp(first, other, 32) != 0, at < TW_HELLO2_SIGNED);
        hello2[at] ^= 1;
    }
    for (size_t at = 0; at < TW_WELCOME_SIZE; at++) {
        welcome[at] ^= 1;
        tw_transcript_hash(other, hello2, welcome);
        assert_int_equal(memcmp(first, other, 32) != 0, at < TW_WELCOME_CLEAR);
        welcome[at] ^= 1;
    }
}

/* Each input matters to each output, and no two outputs are equal. */
static void secrets_depend_on_every_input(void **state)
{
    (void)state;
    uint8_t inputs[4][32] = {{1}, {2}, {3}, {4}};
    struct tw_session_secrets first, other;
    tw_session_secrets_derive(&first, inputs[0], inputs[1], inputs[2], inputs[3]);
    assert_memory_not_equal(first.client_to_server, first.server_to_client, 32);
    assert_memory_not_equal(first.client_to_server, first.confirm_key, 32);
    assert_memory_equal(first.transcript, inputs[3], 32);
    for (int i = 0; i < 4; i++) {
        inputs[i][31] ^= 0x80;
        tw_session_secrets_derive(&other, inputs[0], inputs[1], inputs[2], inputs[3]);
        assert_memory_not_equal(first.client_to_server, other.client_to_server, 32);
        assert_memory_not_equal(first.server_to_client, other.server_to_client, 32);
        assert_memory_not_equal(first.confirm_key, other.confirm_key, 32);
        assert_memory_not_equal(first.confirm_iv, other.confirm_iv, 12);
        inputs[i][31] ^= 0x80;
    }
}

static void packet_key_is_labelled(void **state)
{
    (void)state;
    uint8_t secret[32] = {9}, raw[32], iv[12];
    tw_hkdf_expand(raw, sizeof(raw), secret, "key");
    tw_hkdf_expand(iv, sizeof(iv), secret, "iv");
    struct tw_aead_key key, expected;
    tw_packet_key_expand(&key, tw_aead_sodium(), TW_SUITE_CHACHA20_POLY1305, secret);
    tw_aead_sodium()->expand(&expected, TW_SUITE_CHACHA20_POLY1305, raw, iv);
    assert_memory_equal(key.expanded, expected.expanded, sizeof(key.expanded));
    assert_memory_equal(key.iv, iv, sizeof(iv));
    assert_int_equal(key.suite, TW_SUITE_CHACHA20_POLY1305);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(hkdf_rfc5869_case_1),
        cmocka_unit_test(hkdf_rfc5869_case_3),
        cmocka_unit_test(hkdf_lengths_are_prefixes),
        cmocka_unit_test(transcript_covers_what_it_should),
        cmocka_unit_test(secrets_depend_on_every_input),
        cmocka_unit_test(packet_key_is_labelled),
    };
    return cmocka_run_group_tests(tests, testing_setup, NULL);
}
