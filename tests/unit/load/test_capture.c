/* SPDX-License-Identifier: BSD-3-Clause */
/* Captures out of a seed: the same bytes each time, and nothing that an engine would not accept. */
#include "dataplane/gate/network_bytes.h"
#include "dataplane/gate/parse.h"
#include "dataplane/wire/aead.h"
#include "dataplane/wire/header.h"
#include "tests/load/lab/capture.h"
#include "tests/load/lab/events.h"
#include "tests/load/random.h"

#include <setjmp.h>
#include <sodium.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define CLIENTS 12u

/* Each test runs over both families. */
static struct tw_capture_config plain = {
    .clients = CLIENTS,
    .duration_ns = 2000000000u,
    .seed = 11,
    .suites = TW_SUITE_CHACHA20_POLY1305,
    .tick_hz = 60,
    .snapshot_hz = 20,
    .world = 1,
    .workers = 2,
    .engine_ip = {[10] = 0xff, 0xff, 198, 18, 0, 1},
    .engine_port = 40000,
    .engine_mac = {2, 0, 0, 0, 0, 1},
    .client_ip = {[10] = 0xff, 0xff, 198, 18, 0, 16},
    .client_hosts = 5,
    .client_mac = {2, 0, 0, 0, 0, 2},
};

static void hash_capture(const struct tw_capture_config *config, uint8_t out[32])
{
    crypto_hash_sha256_state hash;
    struct tw_capture_frame frame;
    struct tw_capture *capture = tw_capture_create(config);
    assert_non_null(capture);
    crypto_hash_sha256_init(&hash);
    while (tw_capture_next(capture, &frame)) {
        crypto_hash_sha256_update(&hash, (const uint8_t *)&frame.at_ns, sizeof(frame.at_ns));
        crypto_hash_sha256_update(&hash, frame.bytes, frame.length);
    }
    for (uint32_t i = 0; i < config->clients; i++) {
        uint8_t record[TW_LAB_RECORD_SIZE];
        struct tw_lab_session session = tw_capture_session(capture, i);
        tw_lab_session_write(record, &session, tw_crc32c_portable);
        crypto_hash_sha256_update(&hash, record, sizeof(record));
    }
    crypto_hash_sha256_final(&hash, out);
    tw_capture_destroy(capture);
}

static void one_seed_one_capture(void **state)
{
    (void)state;
    uint8_t first[32], again[32], other[32];
    struct tw_capture_config changed = plain;
    hash_capture(&plain, first);
    hash_capture(&plain, again);
    assert_memory_equal(first, again, sizeof(first));
    changed.seed++;
    hash_capture(&changed, other);
    assert_memory_not_equal(first, other, sizeof(first));
}

/* Every frame parses as the engine parses it, times rise, each client's numbers ascend. */
static void frames_are_what_an_engine_takes(void **state)
{
    (void)state;
    struct tw_parse_rules rules = {.prefix_length = 24,
                                   .udp_port = plain.engine_port,
                                   .address = tw_ip_ipv4(plain.engine_ip),
                                   .has_ipv6 = !tw_ip_is_ipv4(plain.engine_ip),
                                   .prefix_length6 = 64};
    memcpy(rules.address6, plain.engine_ip, sizeof(rules.address6));
    struct tw_checksum_hints hints = {TW_CHECKSUM_UNKNOWN, TW_CHECKSUM_UNKNOWN};
    struct tw_capture_frame frame;
    uint64_t newest[CLIENTS] = {0};
    uint64_t last_ns = 0, frames = 0;
    struct tw_capture *capture = tw_capture_create(&plain);
    memcpy(rules.mac, plain.engine_mac, sizeof(rules.mac));
    while (tw_capture_next(capture, &frame)) {
        uint8_t copy[256];
        assert_true(frame.length <= sizeof(copy));
        memcpy(copy, frame.bytes, frame.length);
        struct tw_packet packet = {.frame = copy, .frame_length = (uint16_t)frame.length};
        tw_packet_parse(&packet, &rules, hints);
        assert_int_equal(packet.kind, TW_PACKET_UDP);
        assert_int_equal(packet.outcome, TW_OUTCOME_OPEN);
        uint32_t client = 0;
        while (tw_capture_session(capture, client).connection_id != packet.header.connection_id)
            client++;
        assert_true(client < CLIENTS);
        struct tw_address address = tw_capture_address(&plain, client);
        assert_true(tw_address_equal(&packet.source, &address));
        assert_true(packet.header.sequence > newest[client]);
        newest[client] = packet.header.sequence;
        assert_true(frame.at_ns >= last_ns && frame.at_ns < plain.duration_ns);
        last_ns = frame.at_ns;
        frames++;
    }
    for (uint32_t i = 0; i < CLIENTS; i++)
        assert_int_equal(tw_capture_session(capture, i).packets, newest[i]);
    /* 60 a second and client, less what is under way at the end. */
    assert_in_range(frames, CLIENTS * 110u, CLIENTS * 121u);
    tw_capture_destroy(capture);
}

static void sessions_make_a_good_file(void **state)
{
    (void)state;
    static const uint8_t wanted_suites[] = {TW_SUITE_CHACHA20_POLY1305, TW_SUITES_KNOWN};
    for (size_t s = 0; s < sizeof(wanted_suites); s++) {
        struct tw_capture_config config = plain;
        struct tw_lab_header header;
        uint8_t file[TW_LAB_HEADER_SIZE + CLIENTS * TW_LAB_RECORD_SIZE];
        uint32_t record, aes = 0, second_worker = 0;
        config.suites = wanted_suites[s];
        if ((config.suites & ~tw_aead_sodium()->suites) != 0)
            continue; /* this machine has no AES instructions */
        struct tw_capture *capture = tw_capture_create(&config);
        header = tw_capture_header(capture);
        tw_lab_header_write(file, &header, tw_crc32c_portable);
        for (uint32_t i = 0; i < CLIENTS; i++) {
            struct tw_lab_session session = tw_capture_session(capture, i);
            aes += session.suite == TW_SUITE_AES256_GCM;
            second_worker += tw_connection_worker(session.connection_id) == 1;
            tw_lab_session_write(file + TW_LAB_HEADER_SIZE + i * TW_LAB_RECORD_SIZE, &session,
                                 tw_crc32c_portable);
        }
        assert_int_equal(
            tw_lab_file_check(&header, file, sizeof(file), tw_crc32c_portable, &record), TW_LAB_OK);
        assert_int_equal(aes, s == 0 ? 0 : CLIENTS / 2);
        assert_int_equal(second_worker, CLIENTS / 2);
        tw_capture_destroy(capture);
    }
}

static void too_many_clients_are_refused(void **state)
{
    (void)state;
    struct tw_capture_config config = plain;
    config.workers = 1;
    config.clients = TW_SESSIONS_PER_WORKER + 1;
    assert_null(tw_capture_create(&config));
    config.clients = 0;
    assert_null(tw_capture_create(&config));
}

/* The heap against a sorted list: order of time, then of arrival. */
static void events_come_in_order(void **state)
{
    (void)state;
    struct tw_lab_events events = {0};
    uint64_t random = 99;
    for (uint32_t i = 0; i < 5000; i++) {
        struct tw_lab_event event = {.at_ns = tw_load_random_below(&random, 500), .client = i};
        assert_true(tw_lab_events_push(&events, event));
    }
    struct tw_lab_event last = {0}, event;
    for (uint32_t i = 0; i < 5000; i++) {
        assert_true(tw_lab_events_pop(&events, &event));
        assert_true(event.at_ns >= last.at_ns);
        if (i > 0 && event.at_ns == last.at_ns)
            assert_true(event.client > last.client);
        last = event;
    }
    assert_false(tw_lab_events_pop(&events, &event));
    tw_lab_events_free(&events);
}

int main(void)
{
    if (sodium_init() < 0)
        return 1;
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(one_seed_one_capture),
        cmocka_unit_test(frames_are_what_an_engine_takes),
        cmocka_unit_test(sessions_make_a_good_file),
        cmocka_unit_test(too_many_clients_are_refused),
        cmocka_unit_test(events_come_in_order),
    };
    int failed = cmocka_run_group_tests_name("capture over IPv4", tests, NULL, NULL);
    static const uint8_t engine_ip[16] = {0xfd, 0x12, [15] = 1};
    /* Hosts beyond the last byte's end. */
    static const uint8_t client_ip[16] = {0xfd, 0x12, [15] = 0xfe};
    memcpy(plain.engine_ip, engine_ip, sizeof(engine_ip));
    memcpy(plain.client_ip, client_ip, sizeof(client_ip));
    return failed + cmocka_run_group_tests_name("capture over IPv6", tests, NULL, NULL);
}
