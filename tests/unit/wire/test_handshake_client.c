/* SPDX-License-Identifier: BSD-3-Clause */
/* The client's half, against the server's, in memory. */
#include "dataplane/wire/handshake_client.h"

#include "dataplane/wire/handshake_parts.h"
#include "dataplane/wire/header.h"
#include "tests/unit/wire/meeting.h"
#include "tests/unit/wire/testing.h"

static struct meeting meeting;
static uint8_t hello2[TW_HELLO2_SIZE];

static enum tw_handshake_news receive(const uint8_t *packet, size_t size)
{
    return tw_handshake_client_receive(&meeting.client, packet, size);
}

static void start(void)
{
    meeting_init(&meeting);
    meeting_hello2(&meeting, hello2);
}

/* Both ends hold the same keys: a packet sealed by one opens at the other. */
static void whole_handshake(void **state)
{
    (void)state;
    for (uint8_t suite = 1; suite <= 2; suite++) {
        if (!(tw_aead_sodium()->suites & suite))
            continue;
        start();
        assert_int_equal(meeting_check(&meeting, hello2), TW_VERDICT_WELCOMED);
        uint8_t welcome[TW_WELCOME_SIZE], unused[TW_DATAGRAM_MAX];
        meeting.welcome.suite = suite;
        assert_true(meeting_welcome(&meeting, hello2, welcome));
        assert_int_equal(receive(welcome, sizeof(welcome)), TW_NEWS_WELCOME);
        assert_int_equal(meeting.client.step, TW_STEP_WELCOMED);
        assert_int_equal(tw_handshake_client_packet(&meeting.client, unused), 0);
        const struct tw_welcome *got = &meeting.client.welcome;
        assert_int_equal(got->connection_id, 0x01020304);
        assert_int_equal(got->world, 3);
        assert_true(got->server_time_us == 123456 && got->tick == 7);
        assert_int_equal(got->mtu, 1200);
        assert_int_equal(got->suite, suite);
        assert_int_equal(got->tick_hz, 60);
        assert_int_equal(got->snapshot_hz, 20);
        assert_int_equal(got->width_cells, 5);
        assert_memory_equal(&meeting.client.secrets, &meeting.secrets, sizeof(meeting.secrets));

        struct tw_aead_key seal, open;
        tw_packet_key_expand(&seal, tw_aead_sodium(), (enum tw_suite)suite,
                             meeting.client.secrets.client_to_server);
        tw_packet_key_expand(&open, tw_aead_sodium(), (enum tw_suite)suite,
                             meeting.secrets.client_to_server);
        uint8_t packet[64];
        tw_header_write(packet, (struct tw_header){.connection_id = 0x01020304, .sequence = 1});
        memcpy(packet + TW_HEADER_SIZE, "plaintext", 9);
        struct tw_aead_job job = {.key = &seal, .packet = packet, .length = TW_HEADER_SIZE + 9};
        tw_aead_sodium()->seal(&job, 1);
        job.key = &open;
        tw_aead_sodium()->open(&job, 1);
        assert_true(job.ok);
        assert_memory_equal(packet + TW_HEADER_SIZE, "plaintext", 9);
    }
}

static void identical_hello2_gets_the_identical_welcome(void **state)
{
    (void)state;
    start();
    uint8_t again[TW_DATAGRAM_MAX], first[TW_WELCOME_SIZE], second[TW_WELCOME_SIZE];
    assert_int_equal(tw_handshake_client_packet(&meeting.client, again), TW_HELLO2_SIZE);
    assert_memory_equal(again, hello2, TW_HELLO2_SIZE);
    assert_true(meeting_welcome(&meeting, hello2, first));
    assert_true(meeting_welcome(&meeting, again, second));
    assert_memory_equal(first, second, sizeof(first));
    assert_int_equal(receive(first, sizeof(first)), TW_NEWS_WELCOME);
    assert_int_equal(receive(second, sizeof(second)), TW_NEWS_NONE);
}

static void offers_only_common_suites(void **state)
{
    (void)state;
    meeting_init(&meeting);
    meeting.connect.suites = TW_SUITE_CHACHA20_POLY1305;
    struct tw_handshake_client client;
    assert_false(tw_handshake_client_init(&client, &meeting.connect, TW_SUITE_AES256_GCM,
                                          meeting.client_ephemeral_secret, tw_crc32c_portable));
    assert_true(tw_handshake_client_init(&client, &meeting.connect, TW_SUITES_KNOWN,
                                         meeting.client_ephemeral_secret, tw_crc32c_portable));
    uint8_t hello[TW_DATAGRAM_MAX];
    assert_int_equal(tw_handshake_client_packet(&client, hello), TW_HELLO_SIZE);
    assert_int_equal(hello[TW_HELLO_SUITES], TW_SUITE_CHACHA20_POLY1305);
    tw_handshake_client_wipe(&client);
    assert_true(sodium_is_zero((const unsigned char *)&client, sizeof(client)));
}

/* One byte of an answer changed, CRC right or not: nothing happens, and the true one still works.
 */
static void corrupt_each_byte(const uint8_t *answer, size_t size, enum tw_handshake_news expected)
{
    uint8_t packet[TW_WELCOME_SIZE];
    struct tw_handshake_client before = meeting.client;
    for (size_t at = 0; at < size; at++) {
        for (int fixed = 0; fixed < 2; fixed++) {
            if (fixed && at >= size - TW_CRC_SIZE)
                continue;
            memcpy(packet, answer, size);
            packet[at] ^= (uint8_t)(1u << at % 8);
            if (fixed)
                tw_crc32c_seal(tw_crc32c_portable, packet, size);
            assert_int_equal(receive(packet, size), TW_NEWS_NONE);
            assert_memory_equal(&before, &meeting.client, sizeof(before));
        }
    }
    for (size_t length = 0; length < size; length++)
        assert_int_equal(receive(answer, length), TW_NEWS_NONE);
    assert_int_equal(receive(answer, size), expected);
}

static void every_corrupted_byte_of_the_welcome(void **state)
{
    (void)state;
    start();
    uint8_t welcome[TW_WELCOME_SIZE + 1] = {0};
    assert_true(meeting_welcome(&meeting, hello2, welcome));
    assert_int_equal(receive(welcome, sizeof(welcome)), TW_NEWS_NONE);
    corrupt_each_byte(welcome, TW_WELCOME_SIZE, TW_NEWS_WELCOME);
}

static void refusals(void **state)
{
    (void)state;
    for (uint16_t reason = 1; reason < TW_REFUSAL_COUNT; reason++) {
        start();
        uint8_t refused[TW_REFUSED_SIZE], unused[TW_DATAGRAM_MAX];
        tw_refused_write(refused, (enum tw_refusal)reason, hello2, meeting.token.psk,
                         tw_crc32c_portable);
        corrupt_each_byte(refused, sizeof(refused), TW_NEWS_REFUSED);
        assert_int_equal(meeting.client.step, TW_STEP_REFUSED);
        assert_int_equal(meeting.client.reason, reason);
        assert_int_equal(tw_handshake_client_packet(&meeting.client, unused), 0);
    }
}

static void forged_or_foreign_refusals_are_ignored(void **state)
{
    (void)state;
    start();
    uint8_t refused[TW_REFUSED_SIZE];
    static const uint8_t other_psk[TW_KEY_SIZE] = {1};
    tw_refused_write(refused, TW_REFUSAL_BANNED, hello2, other_psk, tw_crc32c_portable);
    assert_int_equal(receive(refused, sizeof(refused)), TW_NEWS_NONE);
    /* for another hello 2 of the same client */
    uint8_t other[TW_HELLO2_SIZE];
    memcpy(other, hello2, sizeof(other));
    other[TW_HELLO2_COOKIE] ^= 1;
    tw_refused_write(refused, TW_REFUSAL_BANNED, other, meeting.token.psk, tw_crc32c_portable);
    assert_int_equal(receive(refused, sizeof(refused)), TW_NEWS_NONE);
    /* reasons that do not exist */
    tw_refused_write(refused, TW_REFUSAL_NONE, hello2, meeting.token.psk, tw_crc32c_portable);
    assert_int_equal(receive(refused, sizeof(refused)), TW_NEWS_NONE);
    tw_refused_write(refused, TW_REFUSAL_COUNT, hello2, meeting.token.psk, tw_crc32c_portable);
    assert_int_equal(receive(refused, sizeof(refused)), TW_NEWS_NONE);
    assert_int_equal(meeting.client.step, TW_STEP_HELLO2);
    /* before any hello 2 was sent */
    meeting_init(&meeting);
    tw_refused_write(refused, TW_REFUSAL_BANNED, hello2, meeting.token.psk, tw_crc32c_portable);
    assert_int_equal(receive(refused, sizeof(refused)), TW_NEWS_NONE);
}

/* Made by one who holds the psk, yet not what the protocol says: the checks do not rest on it. */
static void misshapen_refusals_are_ignored(void **state)
{
    (void)state;
    start();
    uint8_t refused[TW_REFUSED_SIZE];
    tw_refused_write(refused, TW_REFUSAL_BANNED, hello2, meeting.token.psk, tw_crc32c_portable);
    refused[TW_REFUSED_ZERO] = 1;
    tw_refused_mac_make(refused + TW_REFUSED_MAC, refused, hello2, meeting.token.psk);
    tw_crc32c_seal(tw_crc32c_portable, refused, sizeof(refused));
    assert_int_equal(receive(refused, sizeof(refused)), TW_NEWS_NONE);
    /* after a restart there is no hello 2, not one of zeros */
    static const uint8_t nothing[TW_HELLO2_SIZE];
    tw_handshake_client_restart(&meeting.client);
    tw_refused_write(refused, TW_REFUSAL_BANNED, hello2, meeting.token.psk, tw_crc32c_portable);
    tw_refused_mac_make(refused + TW_REFUSED_MAC, refused, nothing, meeting.token.psk);
    tw_crc32c_seal(tw_crc32c_portable, refused, sizeof(refused));
    assert_int_equal(receive(refused, sizeof(refused)), TW_NEWS_NONE);
    assert_int_equal(meeting.client.step, TW_STEP_HELLO);
}

/* Late answers to packets sent more than once. */
static void nothing_is_news_after_the_end(void **state)
{
    (void)state;
    start();
    uint8_t hint[TW_TRY_AGAIN_SIZE], cookie[TW_COOKIE_PACKET] = {0}, welcome[TW_WELCOME_SIZE];
    static const uint8_t any[TW_COOKIE_SIZE];
    assert_true(meeting_welcome(&meeting, hello2, welcome));
    assert_int_equal(receive(welcome, sizeof(welcome)), TW_NEWS_WELCOME);
    struct tw_handshake_client before = meeting.client;
    tw_try_again_write(hint, meeting.client.ephemeral, 1, tw_crc32c_portable);
    assert_int_equal(receive(hint, sizeof(hint)), TW_NEWS_NONE);
    tw_wrong_version_write(hint, meeting.client.ephemeral, 2, 3, tw_crc32c_portable);
    assert_int_equal(receive(hint, sizeof(hint)), TW_NEWS_NONE);
    tw_cookie_packet_write(cookie, meeting.client.ephemeral, any, tw_crc32c_portable);
    assert_int_equal(receive(cookie, sizeof(cookie)), TW_NEWS_NONE);
    uint8_t refused[TW_REFUSED_SIZE];
    tw_refused_write(refused, TW_REFUSAL_USED, hello2, meeting.token.psk, tw_crc32c_portable);
    assert_int_equal(receive(refused, sizeof(refused)), TW_NEWS_NONE);
    assert_memory_equal(&before, &meeting.client, sizeof(before));
}

/* A forged cookie costs the attempt's hello 2, which the server drops; a restart recovers. */
static void forged_cookie(void **state)
{
    (void)state;
    meeting_init(&meeting);
    uint8_t cookie[TW_COOKIE_PACKET], packet[TW_DATAGRAM_MAX];
    static const uint8_t forged[TW_COOKIE_SIZE] = {0xbb};
    struct tw_hello parsed;
    tw_cookie_packet_write(cookie, meeting.client.ephemeral, forged, tw_crc32c_portable);
    assert_int_equal(receive(cookie, sizeof(cookie)), TW_NEWS_COOKIE);
    assert_int_equal(tw_handshake_client_packet(&meeting.client, packet), TW_HELLO2_SIZE);
    assert_int_equal(tw_hello2_parse(&parsed, packet, TW_HELLO2_SIZE, tw_crc32c_portable),
                     TW_HELLO_OK);
    assert_false(tw_cookie_check(parsed.cookie, &meeting.cookie_keys, &meeting.client_address,
                                 parsed.ephemeral));
    tw_handshake_client_restart(&meeting.client);
    meeting_hello2(&meeting, hello2);
    assert_int_equal(meeting_check(&meeting, hello2), TW_VERDICT_WELCOMED);
    /* a second cookie must not change the hello 2 that is under way */
    assert_int_equal(receive(cookie, sizeof(cookie)), TW_NEWS_NONE);
    assert_int_equal(tw_handshake_client_packet(&meeting.client, packet), TW_HELLO2_SIZE);
    assert_memory_equal(packet, hello2, TW_HELLO2_SIZE);
}

static void corrupted_cookie_packets_are_ignored(void **state)
{
    (void)state;
    meeting_init(&meeting);
    uint8_t cookie[TW_COOKIE_PACKET];
    meeting_cookie(&meeting, cookie);
    for (size_t at = 0; at < sizeof(cookie); at++) {
        cookie[at] ^= 1;
        assert_int_equal(receive(cookie, sizeof(cookie)), TW_NEWS_NONE);
        /* header or another client's key: ignored with a right CRC too */
        if (at < TW_COOKIE_COOKIE) {
            tw_crc32c_seal(tw_crc32c_portable, cookie, sizeof(cookie));
            assert_int_equal(receive(cookie, sizeof(cookie)), TW_NEWS_NONE);
        }
        cookie[at] ^= 1;
        tw_crc32c_seal(tw_crc32c_portable, cookie, sizeof(cookie));
    }
    assert_int_equal(receive(cookie, sizeof(cookie)), TW_NEWS_COOKIE);
}

static void restart_after_try_again(void **state)
{
    (void)state;
    start();
    uint8_t answer[TW_TRY_AGAIN_SIZE], packet[TW_DATAGRAM_MAX], welcome[TW_WELCOME_SIZE];
    tw_try_again_write(answer, meeting.client.ephemeral, 700, tw_crc32c_portable);
    assert_int_equal(receive(answer, sizeof(answer)), TW_NEWS_TRY_AGAIN);
    assert_int_equal(meeting.client.after_ms, 700);
    tw_handshake_client_restart(&meeting.client);
    assert_int_equal(tw_handshake_client_packet(&meeting.client, packet), TW_HELLO_SIZE);
    /* a late welcome of the attempt that was given up is out of order */
    assert_true(meeting_welcome(&meeting, hello2, welcome));
    assert_int_equal(receive(welcome, sizeof(welcome)), TW_NEWS_NONE);
    static const uint8_t next_key[TW_KEY_SIZE] = {0x77};
    tw_cookie_rotate(&meeting.cookie_keys, next_key, 6);
    uint8_t second[TW_HELLO2_SIZE];
    meeting_hello2(&meeting, second);
    assert_memory_not_equal(second, hello2, sizeof(second));
    assert_int_equal(meeting_check(&meeting, second), TW_VERDICT_WELCOMED);
    assert_true(meeting_welcome(&meeting, second, welcome));
    assert_int_equal(receive(welcome, sizeof(welcome)), TW_NEWS_WELCOME);
}

/* Unauthenticated: only these bounds stand between a forger and the client. */
static void hints_are_bounded(void **state)
{
    (void)state;
    start();
    uint8_t answer[TW_TRY_AGAIN_SIZE];
    tw_try_again_write(answer, meeting.client.ephemeral, UINT32_MAX, tw_crc32c_portable);
    assert_int_equal(receive(answer, sizeof(answer)), TW_NEWS_TRY_AGAIN);
    assert_int_equal(meeting.client.after_ms, 10000);
    tw_wrong_version_write(answer, meeting.client.ephemeral, 5, 4, tw_crc32c_portable);
    assert_int_equal(receive(answer, sizeof(answer)), TW_NEWS_NONE);
    tw_wrong_version_write(answer, meeting.client.ephemeral, 4, 5, tw_crc32c_portable);
    assert_int_equal(receive(answer, sizeof(answer)), TW_NEWS_WRONG_VERSION);
    assert_int_equal(meeting.client.version_min, 4);
    assert_int_equal(meeting.client.version_max, 5);
    assert_int_equal(meeting.client.step, TW_STEP_HELLO2);
}

/* The server must take one suite of those offered; else the client ends the attempt. */
static void welcome_with_a_suite_not_offered(void **state)
{
    (void)state;
    static const struct {
        uint8_t offered, suite;
        enum tw_handshake_news news;
    } cases[] = {
        {1, 2, TW_NEWS_REFUSED}, {2, 1, TW_NEWS_REFUSED}, {3, 3, TW_NEWS_REFUSED},
        {3, 0, TW_NEWS_REFUSED}, {3, 4, TW_NEWS_REFUSED}, {3, 1, TW_NEWS_WELCOME},
        {2, 2, TW_NEWS_WELCOME},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        meeting_init(&meeting);
        meeting.token.suites = cases[i].offered;
        meeting_issue(&meeting);
        meeting_hello2(&meeting, hello2);
        meeting.welcome.suite = cases[i].suite;
        uint8_t welcome[TW_WELCOME_SIZE];
        assert_true(meeting_welcome(&meeting, hello2, welcome));
        assert_int_equal(receive(welcome, sizeof(welcome)), cases[i].news);
        if (cases[i].news == TW_NEWS_REFUSED) {
            assert_int_equal(meeting.client.reason, TW_REFUSAL_SUITE);
            assert_true(sodium_is_zero(meeting.client.secrets.client_to_server, TW_KEY_SIZE));
        }
    }
}

static void welcome_with_fields_out_of_range(void **state)
{
    (void)state;
    for (int i = 0; i < 8; i++) {
        start();
        if (i == 0)
            meeting.welcome.connection_id = 0;
        else if (i == 1)
            meeting.welcome.tick_hz = 0;
        else if (i == 2)
            meeting.welcome.snapshot_hz = 0;
        else if (i == 3)
            meeting.welcome.mtu = TW_DATAGRAM_MAX + 1;
        else if (i == 4)
            meeting.welcome.mtu = TW_PACKET_MIN;
        else if (i == 5)
            meeting.welcome.width_cells = TW_WORLD_CELLS_MAX + 1;
        else if (i == 6)
            meeting.welcome.width_cells = TW_WORLD_CELLS_MAX;
        uint8_t welcome[TW_WELCOME_SIZE];
        assert_true(meeting_welcome(&meeting, hello2, welcome));
        assert_int_equal(receive(welcome, sizeof(welcome)),
                         i >= 6 ? TW_NEWS_WELCOME : TW_NEWS_NONE);
        if (i >= 6)
            assert_int_equal(meeting.client.welcome.width_cells, i == 6 ? TW_WORLD_CELLS_MAX : 5);
    }
}

/* Whoever lacks the static secret or the psk cannot make a welcome, even for a genuine hello 2. */
static void welcome_of_an_impostor(void **state)
{
    (void)state;
    for (int i = 0; i < 3; i++) {
        start();
        if (i == 0)
            meeting.static_secret[0] ^= 8;
        else if (i == 1)
            meeting.token.psk[0] ^= 1;
        uint8_t welcome[TW_WELCOME_SIZE];
        assert_true(meeting_welcome(&meeting, hello2, welcome));
        assert_int_equal(receive(welcome, sizeof(welcome)),
                         i == 2 ? TW_NEWS_WELCOME : TW_NEWS_NONE);
    }
}

/* A server ephemeral of low order must end nowhere, not in known keys. */
static void welcome_with_a_low_order_key(void **state)
{
    (void)state;
    start();
    uint8_t welcome[TW_WELCOME_SIZE];
    assert_true(meeting_welcome(&meeting, hello2, welcome));
    memset(welcome + TW_WELCOME_SERVER_EPHEMERAL, 0, TW_KEY_SIZE);
    uint8_t zero[TW_KEY_SIZE] = {0}, dh_static[TW_KEY_SIZE], transcript[TW_HASH_SIZE];
    assert_int_equal(crypto_scalarmult(dh_static, meeting.static_secret, meeting.client.ephemeral),
                     0);
    tw_transcript_hash(transcript, hello2, welcome);
    struct tw_session_secrets secrets;
    tw_session_secrets_derive(&secrets, zero, dh_static, meeting.token.psk, transcript);
    struct tw_ephemerals ephemerals = {meeting.client.ephemeral, zero};
    tw_welcome_write(welcome, &meeting.welcome, &ephemerals, &secrets, tw_crc32c_portable);
    assert_int_equal(receive(welcome, sizeof(welcome)), TW_NEWS_NONE);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(whole_handshake),
        cmocka_unit_test(identical_hello2_gets_the_identical_welcome),
        cmocka_unit_test(offers_only_common_suites),
        cmocka_unit_test(every_corrupted_byte_of_the_welcome),
        cmocka_unit_test(refusals),
        cmocka_unit_test(forged_or_foreign_refusals_are_ignored),
        cmocka_unit_test(misshapen_refusals_are_ignored),
        cmocka_unit_test(nothing_is_news_after_the_end),
        cmocka_unit_test(forged_cookie),
        cmocka_unit_test(corrupted_cookie_packets_are_ignored),
        cmocka_unit_test(restart_after_try_again),
        cmocka_unit_test(hints_are_bounded),
        cmocka_unit_test(welcome_with_a_suite_not_offered),
        cmocka_unit_test(welcome_with_fields_out_of_range),
        cmocka_unit_test(welcome_of_an_impostor),
        cmocka_unit_test(welcome_with_a_low_order_key),
    };
    return cmocka_run_group_tests(tests, testing_setup, NULL);
}
