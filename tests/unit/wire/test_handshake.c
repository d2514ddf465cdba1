/* SPDX-License-Identifier: BSD-3-Clause */
/* The server's half: parsing, verdicts, key derivation. */
#include "dataplane/wire/handshake.h"

#include "dataplane/wire/handshake_parts.h"
#include "tests/unit/wire/meeting.h"
#include "tests/unit/wire/testing.h"
#include "tickwire/bytes.h"

static struct meeting meeting;

static void make_hello(uint8_t hello[TW_HELLO_SIZE])
{
    meeting_init(&meeting);
    assert_int_equal(tw_handshake_client_packet(&meeting.client, hello), TW_HELLO_SIZE);
}

static enum tw_hello_result parse(const uint8_t *packet, size_t length)
{
    struct tw_hello hello;
    return tw_hello_parse(&hello, packet, length, tw_crc32c_portable);
}

static enum tw_hello_result parse2(const uint8_t *packet, size_t length)
{
    struct tw_hello hello;
    return tw_hello2_parse(&hello, packet, length, tw_crc32c_portable);
}

static void hello_is_parsed(void **state)
{
    (void)state;
    uint8_t packet[TW_HELLO_SIZE];
    make_hello(packet);
    struct tw_hello hello;
    assert_int_equal(tw_hello_parse(&hello, packet, sizeof(packet), tw_crc32c_portable),
                     TW_HELLO_OK);
    assert_int_equal(hello.version, 1);
    assert_int_equal(hello.suites, TW_SUITES_KNOWN);
    assert_memory_equal(hello.ephemeral, meeting.client.ephemeral, TW_KEY_SIZE);
    assert_null(hello.cookie);
}

static void hello_of_any_other_size(void **state)
{
    (void)state;
    uint8_t packet[TW_HELLO_SIZE + 1] = {0};
    make_hello(packet);
    for (size_t length = 0; length <= sizeof(packet); length++) {
        if (length != TW_HELLO_SIZE)
            assert_int_equal(parse(packet, length), TW_HELLO_MALFORMED);
    }
}

/* One changed bit anywhere, CRC not adjusted: header → malformed, rest → CRC. */
static void hello_bit_errors(void **state)
{
    (void)state;
    uint8_t packet[TW_HELLO_SIZE];
    make_hello(packet);
    for (size_t at = 0; at < sizeof(packet); at++) {
        packet[at] ^= (uint8_t)(1u << at % 8);
        assert_int_equal(parse(packet, sizeof(packet)),
                         at < TW_HEADER_SIZE ? TW_HELLO_MALFORMED : TW_HELLO_CRC);
        packet[at] ^= (uint8_t)(1u << at % 8);
    }
}

/* One changed byte, CRC right: what each field's check says. */
static void hello_fields(void **state)
{
    (void)state;
    uint8_t packet[TW_HELLO_SIZE];
    make_hello(packet);
    for (size_t at = 0; at < TW_HELLO_SIZE - TW_CRC_SIZE; at++) {
        uint8_t before = packet[at];
        packet[at] = (uint8_t)(before + 4); /* suites 3 → 7: unknown ones are no harm */
        tw_crc32c_seal(tw_crc32c_portable, packet, sizeof(packet));
        enum tw_hello_result expected = TW_HELLO_OK;
        if (at < TW_HEADER_SIZE || at == TW_HELLO_RESERVED || at >= TW_HELLO_PADDING)
            expected = TW_HELLO_MALFORMED;
        else if (at < TW_HELLO_SUITES)
            expected = TW_HELLO_OTHER_VERSION;
        assert_int_equal(parse(packet, sizeof(packet)), expected);
        packet[at] = before;
    }
    packet[TW_HELLO_SUITES] = 0xfc;
    tw_crc32c_seal(tw_crc32c_portable, packet, sizeof(packet));
    assert_int_equal(parse(packet, sizeof(packet)), TW_HELLO_NO_SUITE);
}

/* Another version may use what version 1 keeps zero, but must be full-size with a right CRC. */
static void hello_of_another_version(void **state)
{
    (void)state;
    uint8_t packet[TW_HELLO_SIZE];
    make_hello(packet);
    tw_store_u16(packet + TW_HELLO_VERSION, 2);
    packet[TW_HELLO_RESERVED] = 1;
    packet[TW_HELLO_PADDING] = 1;
    packet[TW_HELLO_SUITES] = 0;
    assert_int_equal(parse(packet, sizeof(packet)), TW_HELLO_CRC);
    tw_crc32c_seal(tw_crc32c_portable, packet, sizeof(packet));
    struct tw_hello hello;
    assert_int_equal(tw_hello_parse(&hello, packet, sizeof(packet), tw_crc32c_portable),
                     TW_HELLO_OTHER_VERSION);
    assert_int_equal(hello.version, 2);
    assert_ptr_equal(hello.ephemeral, packet + TW_HELLO_EPHEMERAL);
    tw_crc32c_seal(tw_crc32c_portable, packet, 600);
    assert_int_equal(parse(packet, 600), TW_HELLO_MALFORMED);
}

static void hello2_is_parsed(void **state)
{
    (void)state;
    uint8_t packet[TW_HELLO2_SIZE + 1] = {0};
    meeting_init(&meeting);
    meeting_hello2(&meeting, packet);
    struct tw_hello hello;
    assert_int_equal(tw_hello2_parse(&hello, packet, TW_HELLO2_SIZE, tw_crc32c_portable),
                     TW_HELLO_OK);
    assert_ptr_equal(hello.cookie, packet + TW_HELLO2_COOKIE);
    assert_ptr_equal(hello.token, packet + TW_HELLO2_TOKEN);
    assert_ptr_equal(hello.binder, packet + TW_HELLO2_BINDER);
    assert_true(tw_cookie_check(hello.cookie, &meeting.cookie_keys, &meeting.client_address,
                                hello.ephemeral));
    for (size_t length = 0; length <= sizeof(packet); length++) {
        if (length != TW_HELLO2_SIZE)
            assert_int_equal(parse2(packet, length), TW_HELLO_MALFORMED);
    }
    assert_int_equal(parse(packet, TW_HELLO2_SIZE), TW_HELLO_MALFORMED);
}

static void hello2_fields(void **state)
{
    (void)state;
    uint8_t packet[TW_HELLO2_SIZE];
    meeting_init(&meeting);
    meeting_hello2(&meeting, packet);
    packet[TW_HELLO2_COOKIE] ^= 1;
    assert_int_equal(parse2(packet, sizeof(packet)), TW_HELLO_CRC);
    packet[TW_HELLO2_COOKIE] ^= 1;
    static const struct {
        size_t at;
        uint8_t value;
        enum tw_hello_result expected;
    } cases[] = {
        {0, 1, TW_HELLO_MALFORMED},
        {TW_HEADER_CHANNEL, 1, TW_HELLO_MALFORMED},
        {TW_HEADER_FLAGS, 1, TW_HELLO_MALFORMED},
        {TW_HEADER_SEQUENCE + 7, 1, TW_HELLO_MALFORMED},
        {TW_HELLO_VERSION, 0, TW_HELLO_OTHER_VERSION},
        {TW_HELLO_SUITES, 0, TW_HELLO_NO_SUITE},
        {TW_HELLO_RESERVED, 1, TW_HELLO_MALFORMED},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        uint8_t before = packet[cases[i].at];
        packet[cases[i].at] = cases[i].value;
        tw_crc32c_seal(tw_crc32c_portable, packet, sizeof(packet));
        assert_int_equal(parse2(packet, sizeof(packet)), cases[i].expected);
        packet[cases[i].at] = before;
    }
}

static void check_welcomes_and_prefers_aes(void **state)
{
    (void)state;
    static const struct {
        uint8_t server, token, suite;
    } cases[] = {{3, 3, 2}, {1, 3, 1}, {3, 1, 1}, {2, 3, 2}, {3, 2, 2}, {3, 7, 2}};
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        uint8_t hello2[TW_HELLO2_SIZE];
        meeting_init(&meeting);
        meeting.server.suites = cases[i].server;
        meeting.token.suites = cases[i].token;
        meeting_issue(&meeting);
        meeting_hello2(&meeting, hello2);
        assert_int_equal(meeting_check(&meeting, hello2), TW_VERDICT_WELCOMED);
        assert_int_equal(meeting.suite, cases[i].suite);
        assert_memory_equal(meeting.opened.psk, meeting.token.psk, TW_KEY_SIZE);
        assert_true(meeting.opened.account == 77);
    }
}

/* A client that offers more than its token allows gets what the token allows. */
static void token_limits_the_suites(void **state)
{
    (void)state;
    uint8_t hello2[TW_HELLO2_SIZE];
    meeting_init(&meeting);
    meeting.token.suites = TW_SUITE_CHACHA20_POLY1305;
    meeting_issue(&meeting);
    meeting_hello2(&meeting, hello2);
    hello2[TW_HELLO_SUITES] = TW_SUITES_KNOWN;
    tw_binder_make(hello2 + TW_HELLO2_BINDER, hello2, meeting.token.psk);
    assert_int_equal(meeting_check(&meeting, hello2), TW_VERDICT_WELCOMED);
    assert_int_equal(meeting.suite, TW_SUITE_CHACHA20_POLY1305);
}

enum change {
    NOTHING,
    EXPIRY_REACHED,
    LAST_SECOND,
    OTHER_AUDIENCE,
    OTHER_ADDRESS,
    OTHER_PORT,
    OTHER_WORLD,
    SUITE_NOT_IN_TOKEN,
    OTHER_TOKEN_VERSION,
    UNKNOWN_KEY_ID,
    OTHER_TOKEN_KEY,
    PREVIOUS_TOKEN_KEY,
    SAME_ID_TWICE,
};

static void apply(enum change change)
{
    switch (change) {
    case EXPIRY_REACHED:
        meeting.now_unix_s = meeting.token.expires_unix_s;
        break;
    case LAST_SECOND:
        meeting.now_unix_s = meeting.token.expires_unix_s - 1;
        break;
    case OTHER_AUDIENCE:
        meeting.audience[15] ^= 1;
        break;
    case OTHER_ADDRESS:
        meeting.server_address.ip[15] ^= 4;
        break;
    case OTHER_PORT:
        meeting.server_address.port++;
        break;
    case OTHER_WORLD:
        meeting.server.world++;
        break;
    case SUITE_NOT_IN_TOKEN:
        meeting.server.suites = TW_SUITE_AES256_GCM;
        meeting.token.suites = TW_SUITE_CHACHA20_POLY1305;
        break;
    case OTHER_TOKEN_VERSION:
        meeting.token.version = 2;
        break;
    case UNKNOWN_KEY_ID:
        meeting.token_keys[0].id = 100;
        break;
    case OTHER_TOKEN_KEY:
        meeting.token_keys[0].key[31] ^= 1;
        break;
    case PREVIOUS_TOKEN_KEY: {
        struct tw_token_key current = meeting.token_keys[0];
        meeting.token_keys[0] = meeting.token_keys[1];
        meeting.token_keys[1] = current;
        break;
    }
    case SAME_ID_TWICE:
        meeting.token_keys[1] = meeting.token_keys[0];
        meeting.token_keys[0].key[0] ^= 1;
        break;
    case NOTHING:
        break;
    }
}

/* Every reason, what the client is told, and that silence keeps no secret behind. */
static void check_verdicts(void **state)
{
    (void)state;
    static const struct {
        enum change change;
        enum tw_verdict verdict;
        enum tw_refusal refusal;
    } cases[] = {
        {NOTHING, TW_VERDICT_WELCOMED, TW_REFUSAL_NONE},
        {EXPIRY_REACHED, TW_VERDICT_TOKEN_EXPIRED, TW_REFUSAL_EXPIRED},
        {LAST_SECOND, TW_VERDICT_WELCOMED, TW_REFUSAL_NONE},
        {OTHER_AUDIENCE, TW_VERDICT_TOKEN_AUDIENCE, TW_REFUSAL_AUDIENCE},
        {OTHER_ADDRESS, TW_VERDICT_TOKEN_ADDRESS, TW_REFUSAL_ADDRESS},
        {OTHER_PORT, TW_VERDICT_TOKEN_ADDRESS, TW_REFUSAL_ADDRESS},
        {OTHER_WORLD, TW_VERDICT_WORLD_UNKNOWN, TW_REFUSAL_WORLD},
        {SUITE_NOT_IN_TOKEN, TW_VERDICT_SUITE_NONE, TW_REFUSAL_SUITE},
        {OTHER_TOKEN_VERSION, TW_VERDICT_TOKEN_MISMATCH, TW_REFUSAL_NONE},
        {UNKNOWN_KEY_ID, TW_VERDICT_TOKEN_INVALID, TW_REFUSAL_NONE},
        {OTHER_TOKEN_KEY, TW_VERDICT_TOKEN_INVALID, TW_REFUSAL_NONE},
        {PREVIOUS_TOKEN_KEY, TW_VERDICT_WELCOMED, TW_REFUSAL_NONE},
        {SAME_ID_TWICE, TW_VERDICT_WELCOMED, TW_REFUSAL_NONE},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        uint8_t hello2[TW_HELLO2_SIZE];
        meeting_init(&meeting);
        bool in_token =
            cases[i].change == SUITE_NOT_IN_TOKEN || cases[i].change == OTHER_TOKEN_VERSION;
        if (in_token) {
            apply(cases[i].change);
            meeting_issue(&meeting);
        }
        meeting_hello2(&meeting, hello2);
        if (!in_token)
            apply(cases[i].change);
        enum tw_verdict verdict = meeting_check(&meeting, hello2);
        if (verdict != cases[i].verdict)
            fail_msg("change %d: verdict %s", (int)cases[i].change, tw_verdict_name[verdict]);
        assert_int_equal(tw_refusal_of_verdict(verdict), cases[i].refusal);
        bool silent = verdict != TW_VERDICT_WELCOMED && cases[i].refusal == TW_REFUSAL_NONE;
        assert_int_equal(sodium_is_zero(meeting.opened.psk, TW_KEY_SIZE), silent);
        assert_int_equal(meeting.suite != 0, verdict == TW_VERDICT_WELCOMED);
    }
}

static void verdicts_map_to_refusals(void **state)
{
    (void)state;
    static const struct {
        enum tw_verdict verdict;
        enum tw_refusal refusal;
    } cases[] = {
        {TW_VERDICT_TOKEN_USED, TW_REFUSAL_USED},
        {TW_VERDICT_ACCOUNT_BANNED, TW_REFUSAL_BANNED},
        {TW_VERDICT_SESSIONS_FULL, TW_REFUSAL_FULL},
        {TW_VERDICT_HISTORY_FULL, TW_REFUSAL_FULL},
        {TW_VERDICT_KEY_LOW_ORDER, TW_REFUSAL_LOW_ORDER},
        {TW_VERDICT_LAB, TW_REFUSAL_LAB},
        {TW_VERDICT_BINDER_WRONG, TW_REFUSAL_NONE},
        {TW_VERDICT_CONTROL_GONE, TW_REFUSAL_NONE},
        {TW_VERDICT_REPLY_LATE, TW_REFUSAL_NONE},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
        assert_int_equal(tw_refusal_of_verdict(cases[i].verdict), cases[i].refusal);
}

/* Nothing of hello 2 can be changed by one who lacks the psk: not one byte, suites included. */
static void every_corrupted_byte_of_hello2(void **state)
{
    (void)state;
    uint8_t hello2[TW_HELLO2_SIZE];
    meeting_init(&meeting);
    meeting_hello2(&meeting, hello2);
    for (size_t at = 0; at < TW_HELLO2_SIGNED; at++) {
        hello2[at] ^= (uint8_t)(1u << at % 8);
        bool in_token = at >= TW_HELLO2_TOKEN && at < TW_HELLO2_BINDER;
        assert_int_equal(meeting_check(&meeting, hello2),
                         in_token ? TW_VERDICT_TOKEN_INVALID : TW_VERDICT_BINDER_WRONG);
        assert_true(sodium_is_zero((const unsigned char *)&meeting.opened, sizeof(meeting.opened)));
        hello2[at] ^= (uint8_t)(1u << at % 8);
    }
    assert_int_equal(meeting_check(&meeting, hello2), TW_VERDICT_WELCOMED);
}

/* A thief of the token without the psk: another key, binder made from a guess. */
static void stolen_token_without_psk(void **state)
{
    (void)state;
    uint8_t hello2[TW_HELLO2_SIZE];
    meeting_init(&meeting);
    meeting_hello2(&meeting, hello2);
    memset(hello2 + TW_HELLO_EPHEMERAL, 9, TW_KEY_SIZE);
    static const uint8_t guess[TW_KEY_SIZE] = {1, 2, 3};
    tw_binder_make(hello2 + TW_HELLO2_BINDER, hello2, guess);
    tw_crc32c_seal(tw_crc32c_portable, hello2, sizeof(hello2));
    assert_int_equal(parse2(hello2, sizeof(hello2)), TW_HELLO_OK);
    assert_int_equal(meeting_check(&meeting, hello2), TW_VERDICT_BINDER_WRONG);
}

/* Points of small order on the curve and its twist, RFC 7748 section 7 and around p. */
static void low_order_keys(void **state)
{
    (void)state;
    static const char *const points[] = {
        "0000000000000000000000000000000000000000000000000000000000000000",
        "0100000000000000000000000000000000000000000000000000000000000000",
        "e0eb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b800",
        "5f9c95bca3508c24b1d0b1559c83ef5b04445cc4581c8e86d8224eddd09f1157",
        "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
        "edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
        "eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
    };
    for (size_t i = 0; i < sizeof(points) / sizeof(points[0]); i++) {
        uint8_t hello2[TW_HELLO2_SIZE], welcome[TW_WELCOME_SIZE];
        meeting_init(&meeting);
        meeting_hello2(&meeting, hello2);
        assert_int_equal(sodium_hex2bin(hello2 + TW_HELLO_EPHEMERAL, TW_KEY_SIZE, points[i], 64,
                                        NULL, NULL, NULL),
                         0);
        tw_binder_make(hello2 + TW_HELLO2_BINDER, hello2, meeting.token.psk);
        assert_int_equal(meeting_check(&meeting, hello2), TW_VERDICT_WELCOMED);
        assert_false(meeting_welcome(&meeting, hello2, welcome));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(hello_is_parsed),
        cmocka_unit_test(hello_of_any_other_size),
        cmocka_unit_test(hello_bit_errors),
        cmocka_unit_test(hello_fields),
        cmocka_unit_test(hello_of_another_version),
        cmocka_unit_test(hello2_is_parsed),
        cmocka_unit_test(hello2_fields),
        cmocka_unit_test(check_welcomes_and_prefers_aes),
        cmocka_unit_test(token_limits_the_suites),
        cmocka_unit_test(check_verdicts),
        cmocka_unit_test(verdicts_map_to_refusals),
        cmocka_unit_test(every_corrupted_byte_of_hello2),
        cmocka_unit_test(stolen_token_without_psk),
        cmocka_unit_test(low_order_keys),
    };
    return cmocka_run_group_tests(tests, testing_setup, NULL);
}
