/* SPDX-License-Identifier: BSD-3-Clause */
/* The small parts on their own: base64, clock arithmetic, inputs, link limits, demultiplexer,
 * places. */
#include "dataplane/client/base64.h"
#include "dataplane/client/clock.h"
#include "dataplane/client/farewell.h"
#include "dataplane/client/inputs.h"
#include "dataplane/client/link.h"
#include "dataplane/client/session.h"
#include "tests/load/agreement.h"
#include "tests/load/demux.h"
#include "tests/sim/server_link.h"
#include "tests/unit/client/testing.h"
#include "tickwire/bytes.h"
#include "tickwire/client.h"

#include <stdlib.h>

static void test_base64(void **state)
{
    (void)state;
    uint8_t out[4];
    assert_true(tw_client_base64_decode(out, 4, "AP8QIA==", 8));
    assert_memory_equal(out, "\x00\xff\x10\x20", 4);
    assert_true(tw_client_base64_decode(out, 3, "+/+/", 4));
    assert_false(tw_client_base64_decode(out, 4, "AP8QIA", 6));     /* no padding */
    assert_false(tw_client_base64_decode(out, 4, "AP8QIB==", 8));   /* unused bits set */
    assert_false(tw_client_base64_decode(out, 4, "AP8Q IA=", 8));   /* blank */
    assert_false(tw_client_base64_decode(out, 3, "-_-_", 4));       /* the other alphabet */
    assert_false(tw_client_base64_decode(out, 4, "AP8QIA==\n", 9)); /* more */
    assert_false(tw_client_base64_decode(out, 3, "AP8QIA==", 8));   /* other size */
}

static void test_token_text(void **state)
{
    (void)state;
    uint8_t bytes[TW_CONNECT_SIZE];
    uint8_t decoded[TW_CONNECT_SIZE];
    char text[600];
    randombytes_buf(bytes, sizeof(bytes));
    sodium_bin2base64(text, sizeof(text), bytes, sizeof(bytes), sodium_base64_VARIANT_ORIGINAL);
    assert_int_equal(tw_client_token_decode(text, decoded, sizeof(decoded)), TW_CLIENT_OK);
    assert_memory_equal(bytes, decoded, sizeof(bytes));
    assert_int_equal(tw_client_token_decode(text, decoded, 387), TW_CLIENT_ERROR_ARGUMENT);
    text[100] = '!';
    assert_int_equal(tw_client_token_decode(text, decoded, sizeof(decoded)), TW_CLIENT_ERROR_TOKEN);
}

static void test_tick_is_inverse_of_due_time(void **state)
{
    (void)state;
    static const uint32_t rates[] = {1, 20, 30, 60, 64, 128, 255};
    for (size_t i = 0; i < sizeof(rates) / sizeof(rates[0]); i++) {
        struct tw_client_clock clock;
        tw_client_clock_init(&clock, rates[i], 0, 0);
        for (uint64_t tick = 1; tick < 2000; tick++) {
            uint64_t due_us = tick * 1000000u / rates[i];
            assert_int_equal(tw_client_clock_tick(&clock, due_us), tick);
            assert_int_equal(tw_client_clock_tick(&clock, due_us - 1u), tick - 1u);
        }
    }
}

static void test_senseless_pongs(void **state)
{
    (void)state;
    struct tw_client_clock clock;
    tw_client_clock_init(&clock, 60, 5000, 100000000);
    int64_t offset_us = clock.offset_us;
    uint64_t now_us = 100000000;
    const struct tw_frame_pong pongs[] = {
        {.echo_us = now_us + 1, .received_us = 1, .sent_us = 1},        /* of the future */
        {.echo_us = now_us - 10000001, .received_us = 1, .sent_us = 1}, /* of long ago */
        {.echo_us = now_us - 10, .received_us = 2, .sent_us = 1},       /* sent before received */
        {.echo_us = now_us - 10, .received_us = 1, .sent_us = 100},     /* held longer than away */
        {.echo_us = UINT64_MAX, .received_us = 0, .sent_us = UINT64_MAX},
    };
    for (size_t i = 0; i < sizeof(pongs) / sizeof(pongs[0]); i++)
        assert_false(tw_client_clock_pong(&clock, &pongs[i], now_us));
    assert_int_equal(clock.offset_us, offset_us);
    assert_int_equal(clock.sample_count, 0);
}

/* The server's clock may start anywhere: no sum of two absolute times overflows. */
static void test_clock_origins_far_apart(void **state)
{
    (void)state;
    static const uint64_t origins[] = {
        0, 1, INT64_MAX - 5000u, INT64_MAX, UINT64_C(1) << 63, UINT64_MAX - 5000u};
    for (size_t i = 0; i < sizeof(origins) / sizeof(origins[0]); i++) {
        for (size_t j = 0; j < sizeof(origins) / sizeof(origins[0]); j++) {
            uint64_t local_us = origins[j] + 3000u;
            struct tw_client_clock clock;
            tw_client_clock_init(&clock, 60, origins[i], origins[j]);
            assert_int_equal(clock.offset_us, (int64_t)(origins[i] - origins[j]));
            struct tw_frame_pong pong = {.echo_us = local_us - 1000u,
                                         .received_us = origins[i] + 2600u,
                                         .sent_us = origins[i] + 2800u};
            assert_true(tw_client_clock_pong(&clock, &pong, local_us));
            assert_int_equal(clock.rtt_us, 800);
            assert_int_equal(clock.offset_us, (int64_t)(origins[i] - origins[j] + 200u));
            (void)tw_client_clock_tick(&clock, local_us);
        }
    }
}

static void test_inputs_list(void **state)
{
    (void)state;
    struct tw_client_inputs inputs;
    struct tw_input list[TW_INPUTS_MAX];
    tw_client_inputs_init(&inputs);
    assert_int_equal(tw_client_inputs_list(&inputs, list), 0);
    for (uint32_t tick = 100; tick < 105; tick++) {
        inputs.current.facing = (uint16_t)tick;
        assert_int_equal(tw_client_inputs_advance(&inputs, tick), 1);
        assert_int_equal(tw_client_inputs_advance(&inputs, tick), 0);
    }
    assert_int_equal(tw_client_inputs_list(&inputs, list), 5);
    assert_int_equal(list[0].facing, 104);
    assert_int_equal(list[4].facing, 100);
    tw_client_inputs_applied(&inputs, 102);
    tw_client_inputs_applied(&inputs, 101); /* an older snapshot */
    assert_int_equal(tw_client_inputs_list(&inputs, list), 2);
    tw_client_inputs_applied(&inputs, 104);
    assert_int_equal(tw_client_inputs_list(&inputs, list), 0);

    assert_int_equal(tw_client_inputs_advance(&inputs, 107), 3);
    assert_int_equal(tw_client_inputs_list(&inputs, list), 3);
    assert_int_equal(tw_client_inputs_advance(&inputs, 5000), TW_INPUTS_MAX);
    assert_int_equal(tw_client_inputs_list(&inputs, list), TW_INPUTS_MAX);
    assert_int_equal(tw_client_inputs_advance(&inputs, 4000), 0); /* the clock was set back */
    /* A world ends with its last tick. */
    assert_int_equal(tw_client_inputs_advance(&inputs, TW_TICK_LAST - 2u), TW_INPUTS_MAX);
    assert_int_equal(tw_client_inputs_advance(&inputs, UINT64_C(1) << 32), 2);
    assert_int_equal(inputs.newest_tick, TW_TICK_LAST);
    assert_int_equal(tw_client_inputs_advance(&inputs, (UINT64_C(1) << 32) + 100u), 0);
}

static void test_link_numbers_run_out(void **state)
{
    (void)state;
    struct tw_session_secrets secrets;
    memset(&secrets, 7, sizeof(secrets));
    static struct tw_client_link link;
    tw_client_link_init(&link, tw_aead_sodium(), &secrets, TW_SUITE_CHACHA20_POLY1305,
                        TW_CLIENT_LINK_CLIENT);
    link.next_sequence = TW_SEALED_MAX - 1u;
    assert_int_equal(tw_client_link_left(&link), 1);
    uint8_t packet[TW_DATAGRAM_MAX] = {0};
    assert_int_equal(tw_client_link_seal(&link, packet, 3), TW_PACKET_MIN + 3u);
    assert_int_equal(tw_client_link_left(&link), 0);
    tw_client_link_wipe(&link);
    assert_true(sodium_is_zero((const uint8_t *)&link, sizeof(link)));
}

/* A link with numbers for three closes says three, and leaves no key behind. */
static void test_farewell_ends_with_its_numbers(void **state)
{
    (void)state;
    struct tw_session_secrets secrets;
    memset(&secrets, 7, sizeof(secrets));
    static struct tw_client_link link;
    static struct tw_client_farewell farewell;
    uint8_t packet[TW_DATAGRAM_MAX] = {0};
    tw_client_link_init(&link, tw_aead_sodium(), &secrets, TW_SUITE_CHACHA20_POLY1305,
                        TW_CLIENT_LINK_CLIENT);
    link.next_sequence = TW_SEALED_MAX - 3u;
    assert_true(tw_client_farewell_is_over(&farewell));
    assert_int_equal(tw_client_farewell_write(&farewell, packet, 0), 0);
    tw_client_farewell_begin(&farewell, &link, TW_CLOSE_EXHAUSTED, 1000);
    assert_int_equal(tw_client_farewell_write(&farewell, packet, 999), 0);
    for (uint32_t i = 0; i < 3; i++)
        assert_int_equal(tw_client_farewell_write(&farewell, packet, 1000),
                         TW_PACKET_MIN + TW_FRAME_HEADER_SIZE + TW_CLOSE_SIZE);
    assert_int_equal(tw_client_farewell_write(&farewell, packet, 1000), 0);
    assert_false(tw_client_farewell_is_over(&farewell));
    assert_int_equal(tw_client_farewell_write(&farewell, packet, 51000), 0);
    assert_true(tw_client_farewell_is_over(&farewell));
    assert_true(sodium_is_zero((const uint8_t *)&farewell, sizeof(farewell)));
    tw_client_link_wipe(&link);
}

static void test_link_is_directional(void **state)
{
    (void)state;
    struct tw_session_secrets secrets;
    randombytes_buf(&secrets, sizeof(secrets));
    static struct tw_client_link client, server;
    tw_client_link_init(&client, tw_aead_sodium(), &secrets, TW_SUITE_CHACHA20_POLY1305,
                        TW_CLIENT_LINK_CLIENT);
    tw_client_link_init(&server, tw_aead_sodium(), &secrets, TW_SUITE_CHACHA20_POLY1305,
                        TW_CLIENT_LINK_SERVER);
    uint8_t packet[TW_DATAGRAM_MAX] = {0};
    uint8_t copy[TW_DATAGRAM_MAX];
    size_t size = tw_client_link_seal(&client, packet, 20);
    memcpy(copy, packet, size);
    /* Its own packet sent back to it. */
    assert_int_equal(tw_client_link_open(&client, copy, size, 0), TW_CLIENT_LINK_FORGED);
    memcpy(copy, packet, size);
    assert_int_equal(tw_client_link_open(&server, copy, size, 0), TW_CLIENT_LINK_OK);
    assert_int_equal(tw_client_link_open(&server, packet, size, 0), TW_CLIENT_LINK_REPLAYED);
    assert_int_equal(tw_client_link_open(&server, packet, TW_PACKET_MIN - 1u, 0),
                     TW_CLIENT_LINK_MALFORMED);
    packet[TW_HEADER_FLAGS] = 2;
    assert_int_equal(tw_client_link_open(&server, packet, size, 0), TW_CLIENT_LINK_MALFORMED);
    packet[TW_HEADER_CONNECTION_ID] ^= 1u;
    assert_int_equal(tw_client_link_open(&server, packet, size, 0), TW_CLIENT_LINK_FOREIGN);
}

/* A session wipes the key of the phase before 5 s after it went on. */
static void test_session_forgets_old_keys(void **state)
{
    (void)state;
    static struct tw_client_session session;
    static struct tw_channels_pool channels; /* no message comes */
    static _Alignas(64) uint8_t view[65536];
    struct tw_client_statistics statistics = {0};
    struct tw_client_event queue[16];
    struct tw_client_events events;
    struct tw_session_secrets secrets;
    struct tw_welcome welcome = {
        .connection_id = 7, .tick_hz = 60, .suite = TW_SUITE_CHACHA20_POLY1305};
    uint8_t packet[TW_DATAGRAM_MAX];
    memset(&secrets, 7, sizeof(secrets));
    assert_true(tw_view_footprint(16) <= sizeof(view));
    tw_client_events_init(&events, queue, 16);
    struct tw_client_session_config config = {.backend = tw_aead_sodium(),
                                              .secrets = &secrets,
                                              .welcome = &welcome,
                                              .view = tw_view_init(view, 16),
                                              .channels = &channels,
                                              .events = &events,
                                              .statistics = &statistics};
    assert_true(tw_client_session_init(&session, &config, 1000000));
    struct tw_phase_client *keys = &session.link.keys;
    tw_phase_client_opened(keys, TW_FLAG_KEY_PHASE, 1, 2, 1000000);
    (void)tw_client_session_write(&session, packet, 1000000 + TW_PHASE_OLD_US - 1u);
    assert_false(sodium_is_zero((const uint8_t *)&keys->receive[0], sizeof(keys->receive[0])));
    (void)tw_client_session_write(&session, packet, 1000000 + TW_PHASE_OLD_US);
    assert_true(sodium_is_zero((const uint8_t *)&keys->receive[0], sizeof(keys->receive[0])));
    tw_client_session_wipe(&session);
}

static enum tw_client_link_result open_next(struct tw_client_link *client,
                                            struct server_link *server, bool forged)
{
    uint8_t packet[TW_DATAGRAM_MAX] = {0};
    size_t size = server_link_seal(server, packet, 20);
    packet[size - 1] ^= forged;
    return tw_client_link_open(client, packet, size, 0);
}

/* Each phase has a count of its own. Half of what its cipher allows: the old key is not kept. */
static void test_link_counts_forgeries_of_a_phase(void **state)
{
    (void)state;
    struct tw_session_secrets secrets;
    randombytes_buf(&secrets, sizeof(secrets));
    static struct tw_client_link client;
    static struct server_link server;
    tw_client_link_init(&client, tw_aead_sodium(), &secrets, TW_SUITE_CHACHA20_POLY1305,
                        TW_CLIENT_LINK_CLIENT);
    tw_client_link_name(&client, 7);
    server_link_init(&server, &secrets, TW_SUITE_CHACHA20_POLY1305, 7, 0);
    assert_int_equal(open_next(&client, &server, false), TW_CLIENT_LINK_OK);
    client.forged = TW_FORGED_MAX - 2u;
    assert_int_equal(open_next(&client, &server, true), TW_CLIENT_LINK_FORGED);
    assert_false(tw_client_link_exhausted(&client));
    server.limits = (struct tw_phase_limits){.packets = 64, .duration_ns = 1};
    server_link_update(&server, 1000000000);
    assert_int_equal(open_next(&client, &server, true), TW_CLIENT_LINK_FORGED);
    assert_int_equal(client.forged_next, 1);
    assert_int_equal(open_next(&client, &server, false), TW_CLIENT_LINK_OK);
    assert_int_equal(client.keys.number, 1);
    assert_int_equal(client.forged, 1);
    assert_int_equal(client.forged_next, 0);
    assert_false(client.keys.has_old);
    assert_true(
        sodium_is_zero((const uint8_t *)&client.keys.receive[0], sizeof(client.keys.receive[0])));
    client.forged = TW_FORGED_MAX - 1u;
    assert_int_equal(open_next(&client, &server, true), TW_CLIENT_LINK_FORGED);
    assert_true(tw_client_link_exhausted(&client));
}

static void test_link_renames(void **state)
{
    (void)state;
    static struct tw_client_link link;
    memset(&link, 0, sizeof(link));
    tw_client_link_name(&link, 5);
    tw_client_link_rename(&link, 6, 10);
    assert_int_equal(link.connection_id, 6);
    assert_int_equal(link.previous_id, 5);
    tw_client_link_rename(&link, 6, 11); /* said again */
    assert_int_equal(link.previous_id, 5);
    tw_client_link_rename(&link, 7, 20);
    tw_client_link_rename(&link, 6, 12); /* late: it was sent before the other */
    tw_client_link_rename(&link, 6, 20);
    assert_int_equal(link.connection_id, 7);
    assert_int_equal(link.previous_id, 6);
}

static void test_demux(void **state)
{
    (void)state;
    static struct tw_load_demux demux;
    uint8_t keys[3][TW_KEY_SIZE];
    uint8_t packet[TW_WELCOME_SIZE] = {0};
    for (uint32_t i = 0; i < 3; i++) {
        memset(keys[i], (int)i + 1, TW_KEY_SIZE);
        tw_load_demux_set(&demux, i, i == 2 ? 0 : 100 + i, keys[i]);
    }
    memcpy(packet + TW_ANSWER_EPHEMERAL, keys[2], TW_KEY_SIZE);
    assert_int_equal(tw_load_demux_find(&demux, packet, sizeof(packet)), 2);
    packet[TW_ANSWER_EPHEMERAL] ^= 0xffu;
    assert_int_equal(tw_load_demux_find(&demux, packet, sizeof(packet)), TW_LOAD_NOBODY);
    assert_int_equal(tw_load_demux_find(&demux, packet, 45), TW_LOAD_NOBODY);
    tw_store_u32(packet, 101);
    assert_int_equal(tw_load_demux_find(&demux, packet, TW_HEADER_SIZE), 1);
    assert_int_equal(tw_load_demux_find(&demux, packet, TW_HEADER_SIZE - 1u), TW_LOAD_NOBODY);
    tw_store_u32(packet, 102);
    assert_int_equal(tw_load_demux_find(&demux, packet, TW_HEADER_SIZE), TW_LOAD_NOBODY);
    tw_load_demux_set(&demux, 1, 102, keys[1]);
    assert_int_equal(tw_load_demux_find(&demux, packet, TW_HEADER_SIZE), 1);
}

/* 20 looks a second, one new snapshot each. */
static void look_for(struct tw_load_agreement *agreement, struct tw_client_statistics *statistics,
                     uint64_t *now_us, uint32_t looks)
{
    for (uint32_t i = 0; i < looks; i++) {
        *now_us += 50000;
        statistics->snapshots++;
        tw_load_agreement_look(agreement, statistics, *now_us);
    }
}

static void test_agreement_is_overdue_after_3_s(void **state)
{
    (void)state;
    struct tw_client_statistics statistics = {0};
    struct tw_load_agreement agreement = {0};
    uint64_t now_us = 7000000;
    look_for(&agreement, &statistics, &now_us, 60);
    statistics.hashes_checked++;
    look_for(&agreement, &statistics, &now_us, 60);
    statistics.snapshots_incomplete++;
    look_for(&agreement, &statistics, &now_us, 60);
    statistics.snapshots_lost++;
    look_for(&agreement, &statistics, &now_us, 60);
    statistics.hashes_checked++;
    look_for(&agreement, &statistics, &now_us, 1);
    /* Silence and a stall, with what piled up: too few snapshots to tell. */
    now_us += 60000000;
    tw_load_agreement_look(&agreement, &statistics, now_us);
    look_for(&agreement, &statistics, &now_us, 50);
    assert_false(agreement.overdue);
    look_for(&agreement, &statistics, &now_us, 10);
    assert_true(agreement.overdue);
    statistics.hashes_checked++;
    look_for(&agreement, &statistics, &now_us, 1);
    assert_true(agreement.overdue);
}

/* What a game shows of somebody who walks over the seam, between two snapshots and after them: the
 * short way, in the world, and in even steps. */
static void test_places_between_snapshots(void **state)
{
    (void)state;
    static const int32_t ways[][2] = {
        {196000, 500}, {500, 196000}, {98000, 99108}, {0, 196607}, {196607, 0}};
    const struct tw_client_world world = {.width = 3 << 16};
    for (size_t i = 0; i < sizeof(ways) / sizeof(ways[0]); i++) {
        int32_t from = ways[i][0];
        int32_t to = ways[i][1];
        int32_t way = tw_client_difference(&world, from, to);
        int32_t before = from;
        assert_in_range(abs(way), 1, 1108);
        assert_int_equal(tw_client_between(&world, from, to, 0), from);
        assert_int_equal(tw_client_between(&world, from, to, 65536), to);
        for (int32_t part = 0; part <= 4 * 65536; part += 2048) {
            int32_t at = tw_client_between(&world, from, to, part);
            int32_t step = tw_client_difference(&world, before, at) * (way < 0 ? -1 : 1);
            assert_in_range(at, 0, world.width - 1);
            assert_in_range(step, 0, abs(way) / 32 + 1);
            before = at;
        }
    }
    const struct tw_client_world with_edges = {.id = 1};
    assert_int_equal(tw_client_difference(&with_edges, 196000, 500), -195500);
    assert_int_equal(tw_client_between(&with_edges, 1000, 500, 3 * 65536), -500);
}

/* At the far end of the largest world: what stands 1 mm apart is drawn apart, and so is what stands
 * on the other side of a seam. */
static void test_offsets_in_floats(void **state)
{
    (void)state;
    const struct tw_client_world with_edges = {.id = 1};
    const struct tw_client_world round = {.id = 1, .width = 2048 * 65536};
    const int32_t far = 2047 * 65536;
    const float step_m = 1.0f / 1024.0f;
    assert_true((float)far / 1024.0f == (float)(far + 1) / 1024.0f);
    for (int32_t away = -16 * 1024 * 1024; away <= 16 * 1024 * 1024; away += 65521) {
        float here_m = tw_client_offset_m(&with_edges, far, far - away);
        float there_m = tw_client_offset_m(&with_edges, far, far - away - 1);
        assert_true(here_m == (float)-away * step_m);
        if (away > -16 * 1024 * 1024 && away < 16 * 1024 * 1024 - 1)
            assert_true(here_m - there_m == step_m);
    }
    assert_true(tw_client_offset_m(&round, far, 512) == 64.5f);
    assert_true(tw_client_offset_m(&round, 512, far) == -64.5f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_base64),
        cmocka_unit_test(test_token_text),
        cmocka_unit_test(test_tick_is_inverse_of_due_time),
        cmocka_unit_test(test_senseless_pongs),
        cmocka_unit_test(test_clock_origins_far_apart),
        cmocka_unit_test(test_inputs_list),
        cmocka_unit_test(test_offsets_in_floats),
        cmocka_unit_test(test_link_numbers_run_out),
        cmocka_unit_test(test_farewell_ends_with_its_numbers),
        cmocka_unit_test(test_link_is_directional),
        cmocka_unit_test(test_session_forgets_old_keys),
        cmocka_unit_test(test_link_counts_forgeries_of_a_phase),
        cmocka_unit_test(test_link_renames),
        cmocka_unit_test(test_demux),
        cmocka_unit_test(test_places_between_snapshots),
        cmocka_unit_test(test_agreement_is_overdue_after_3_s),
    };
    return cmocka_run_group_tests(tests, testing_setup, NULL);
}
