/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * X25519 by the vectors of RFC 7748: the function that both ends of the handshake call, and then
 * both ends themselves with the RFC's two key pairs.
 */
#include "tests/unit/wire/meeting.h"
#include "tests/unit/wire/testing.h"

static void unhex(uint8_t out[TW_KEY_SIZE], const char *hex)
{
    size_t size = 0;
    assert_int_equal(sodium_hex2bin(out, TW_KEY_SIZE, hex, strlen(hex), NULL, &size, NULL), 0);
    assert_int_equal(size, TW_KEY_SIZE);
}

/* Section 5.2. The second point has its highest bit set, which must be ignored. */
static void products_of_section_5_2(void **state)
{
    (void)state;
    static const char *const rows[][3] = {
        {"a546e36bf0527c9d3b16154b82465edd62144c0ac1fc5a18506a2244ba449ac4",
         "e6db6867583030db3594c1a424b15f7c726624ec26b3353b10a903a6d0ab1c4c",
         "c3da55379de9c6908e94ea4df28d084f32eccf03491c71f754b4075577a28552"},
        {"4b66e9d4d1b4673c5ad22691957d6af5c11b6421e0ea01d42ca4169e7918ba0d",
         "e5210f12786811d3f4b7959d0538ae2c31dbe7106fc03c3efc4cd549c715a493",
         "95cbde9476e8907d7aade45cb4b873f88b595a68799fa152e6f8f7647aac7957"},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        uint8_t scalar[TW_KEY_SIZE], point[TW_KEY_SIZE], expected[TW_KEY_SIZE], got[TW_KEY_SIZE];
        unhex(scalar, rows[i][0]);
        unhex(point, rows[i][1]);
        unhex(expected, rows[i][2]);
        assert_int_equal(crypto_scalarmult(got, scalar, point), 0);
        assert_memory_equal(got, expected, TW_KEY_SIZE);
    }
}

/* Section 5.2: each product is the next scalar, each scalar the next point. */
static void a_thousand_products_in_a_row(void **state)
{
    (void)state;
    uint8_t scalar[TW_KEY_SIZE] = {9}, point[TW_KEY_SIZE] = {9}, expected[2][TW_KEY_SIZE];
    unhex(expected[0], "422c8e7a6227d7bca1350b3e2bb7279f7897b87bb6854b783c60e80311ae3079");
    unhex(expected[1], "684cf59ba83309552800ef566f2f4d3c1c3887c49360e3875f2eb94d99532c51");
    for (int times = 1; times <= 1000; times++) {
        uint8_t product[TW_KEY_SIZE];
        assert_int_equal(crypto_scalarmult(product, scalar, point), 0);
        memcpy(point, scalar, TW_KEY_SIZE);
        memcpy(scalar, product, TW_KEY_SIZE);
        if (times == 1)
            assert_memory_equal(scalar, expected[0], TW_KEY_SIZE);
    }
    assert_memory_equal(scalar, expected[1], TW_KEY_SIZE);
}

/* Section 6.1 */
struct two {
    uint8_t alice_secret[TW_KEY_SIZE], alice_public[TW_KEY_SIZE];
    uint8_t bob_secret[TW_KEY_SIZE], bob_public[TW_KEY_SIZE];
    uint8_t shared[TW_KEY_SIZE];
};

static struct two two_of_section_6_1(void)
{
    struct two two;
    unhex(two.alice_secret, "77076d0a7318a57d3c16c17251b26645df4c2f87ebc0992ab177fba51db92c2a");
    unhex(two.alice_public, "8520f0098930a754748b7ddcb43ef75a0dbf3a0d26381af4eba4a98eaa9b4e6a");
    unhex(two.bob_secret, "5dab087e624a8a4b79e17f8b83800ee66f3bb1292618b6fd1c2f8b27ff88e0eb");
    unhex(two.bob_public, "de9edb7d7b7dc1b4d35b61c2ece435373f8343c85b78674dadfc7e146f882b4f");
    unhex(two.shared, "4a5d9d5ba4ce2de1728e3bf480350f25e07e21c947d19e3376f09b3c1e161742");
    return two;
}

static void keys_of_section_6_1(void **state)
{
    (void)state;
    struct two two = two_of_section_6_1();
    uint8_t made[TW_KEY_SIZE];
    assert_int_equal(crypto_scalarmult_base(made, two.alice_secret), 0);
    assert_memory_equal(made, two.alice_public, TW_KEY_SIZE);
    assert_int_equal(crypto_scalarmult_base(made, two.bob_secret), 0);
    assert_memory_equal(made, two.bob_public, TW_KEY_SIZE);
    assert_int_equal(crypto_scalarmult(made, two.alice_secret, two.bob_public), 0);
    assert_memory_equal(made, two.shared, TW_KEY_SIZE);
    assert_int_equal(crypto_scalarmult(made, two.bob_secret, two.alice_public), 0);
    assert_memory_equal(made, two.shared, TW_KEY_SIZE);
}

/* Alice is the client, Bob the server with both of its keys: whatever each end derives comes from
 * the RFC's shared secret. */
static void a_handshake_of_section_6_1(void **state)
{
    (void)state;
    static struct meeting meeting;
    struct two two = two_of_section_6_1();
    uint8_t hello2[TW_HELLO2_SIZE], welcome[TW_WELCOME_SIZE], transcript[TW_HASH_SIZE];
    meeting_init(&meeting);
    memcpy(meeting.client_ephemeral_secret, two.alice_secret, TW_KEY_SIZE);
    memcpy(meeting.static_secret, two.bob_secret, TW_KEY_SIZE);
    memcpy(meeting.server_ephemeral_secret, two.bob_secret, TW_KEY_SIZE);
    meeting_issue(&meeting);
    meeting_hello2(&meeting, hello2);
    assert_memory_equal(hello2 + TW_HELLO_EPHEMERAL, two.alice_public, TW_KEY_SIZE);
    assert_int_equal(meeting_check(&meeting, hello2), TW_VERDICT_WELCOMED);
    assert_true(meeting_welcome(&meeting, hello2, welcome));
    assert_memory_equal(welcome + TW_WELCOME_SERVER_EPHEMERAL, two.bob_public, TW_KEY_SIZE);
    assert_int_equal(tw_handshake_client_receive(&meeting.client, welcome, sizeof(welcome)),
                     TW_NEWS_WELCOME);

    struct tw_session_secrets expected;
    tw_transcript_hash(transcript, hello2, welcome);
    tw_session_secrets_derive(&expected, two.shared, two.shared, meeting.token.psk, transcript);
    assert_memory_equal(&meeting.secrets, &expected, sizeof(expected));
    assert_memory_equal(&meeting.client.secrets, &expected, sizeof(expected));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(products_of_section_5_2),
        cmocka_unit_test(a_thousand_products_in_a_row),
        cmocka_unit_test(keys_of_section_6_1),
        cmocka_unit_test(a_handshake_of_section_6_1),
    };
    return cmocka_run_group_tests(tests, testing_setup, NULL);
}
