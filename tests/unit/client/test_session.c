/* SPDX-License-Identifier: BSD-3-Clause */
/* A connected client: inputs, time, snapshots, forged packets, ends. */
#include "dataplane/wire/frames.h"
#include "tests/unit/client/fake_server.h"
#include "tests/unit/client/testing.h"
#include "tickwire/bytes.h"

#include <stdlib.h>

#define SECOND_US UINT64_C(1000000)
#define TICK_US   16667

static struct fake_server server;
static struct tw_client *client;

static void start_with(uint32_t events_max)
{
    fake_server_init(&server);
    uint8_t token[TW_CONNECT_SIZE];
    fake_server_token(&server, 60, token);
    struct tw_client_config config = fake_server_client_config(&server);
    config.events_max = events_max;
    config.timeout_ms = 3000;
    client = tw_client_create(&config);
    assert_non_null(client);
    assert_int_equal(tw_client_connect(client, token, sizeof(token), server.now_us), TW_CLIENT_OK);
}

static void start(void)
{
    start_with(4096);
    fake_server_run(&server, client, SECOND_US);
    assert_int_equal(tw_client_get_state(client), TW_CLIENT_CONNECTED);
}

static struct tw_client_statistics statistics(void)
{
    struct tw_client_statistics out;
    tw_client_get_statistics(client, &out);
    return out;
}

static uint32_t count_events(enum tw_client_event_type type)
{
    uint32_t count = 0;
    struct tw_client_event event;
    while (tw_client_poll_event(client, &event))
        count += event.type == type;
    return count;
}

static void expect_end(enum tw_client_end end, uint32_t code)
{
    struct tw_client_event event = {0};
    while (tw_client_poll_event(client, &event) && event.type != TW_CLIENT_EVENT_CLOSED) {
    }
    assert_int_equal(event.type, TW_CLIENT_EVENT_CLOSED);
    assert_int_equal(event.end, end);
    assert_int_equal(event.code, code);
}

/* Ticks from the first input to the newest applied one that never got an input. */
static uint32_t holes(void)
{
    uint32_t count = 0;
    for (uint32_t tick = server.first_input_tick; tick <= server.last_input_tick; tick++)
        count += server.inputs[tick % FAKE_TICKS_MAX] == 0;
    return count;
}

static void test_view_and_rates(void **state)
{
    (void)state;
    start();
    struct tw_client_statistics before = statistics();
    fake_server_run(&server, client, 2 * SECOND_US);
    struct tw_client_statistics after = statistics();
    assert_in_range(after.inputs_sent - before.inputs_sent, 119, 121);
    assert_in_range(after.packets_sent - before.packets_sent, 119, 121);
    assert_in_range(after.snapshots - before.snapshots, 38, 41);
    assert_int_equal(after.packets_rejected, 0);
    assert_true(after.hashes_checked > 40);
    assert_int_equal(after.hashes_wrong, 0);
    assert_int_equal(server.malformed, 0);
    assert_true(server.snapshot_acked > 50);
    assert_in_range(after.rtt_us, 10000, 13000);
    assert_true(after.rtt_min_us <= after.rtt_us);

    struct tw_client_entity entities[4];
    assert_int_equal(tw_client_get_entities(client, entities, 4), 2);
    struct tw_client_entity one;
    assert_true(tw_client_get_entity(client, 1u << 24 | 1u, &one));
    assert_int_equal(one.x, 1 << 16 | 1 << 8);
    assert_int_equal(one.health, 80);
    assert_false(tw_client_get_entity(client, 99, &one));
    struct tw_client_self self;
    tw_client_get_self(client, &self);
    assert_true(self.last_input_tick > 0);
    struct tw_client_world world;
    tw_client_get_world(client, &world);
    assert_int_equal(world.id, 1);
    assert_int_equal(world.width, 3 << 16);
    assert_int_equal(count_events(TW_CLIENT_EVENT_ENTER), 2);
    tw_client_destroy(client);
}

static void test_first_pings_are_fast(void **state)
{
    (void)state;
    start();
    assert_int_equal(server.pings, 5);
    fake_server_run(&server, client, 2 * SECOND_US);
    assert_in_range(server.pings, 8, 10);
    assert_int_equal(statistics().rtt_samples, server.pings);
    tw_client_destroy(client);
}

static void test_inputs_arrive_before_their_tick(void **state)
{
    (void)state;
    start();
    fake_server_run(&server, client, 4 * SECOND_US);
    assert_int_equal(holes(), 0);
    /* The newest input aims two ticks ahead of the server when it arrives. */
    uint32_t ahead = 0;
    for (uint32_t tick = (uint32_t)fake_server_tick(&server) + 1u;
         server.inputs[tick % FAKE_TICKS_MAX] > 0; tick++)
        ahead++;
    assert_in_range(ahead, 1, 3);
    tw_client_destroy(client);
}

static void test_inputs_survive_loss(void **state)
{
    (void)state;
    start();
    server.loss_percent = 20;
    fake_server_run(&server, client, 20 * SECOND_US);
    assert_int_equal(tw_client_get_state(client), TW_CLIENT_CONNECTED);
    assert_int_equal(holes(), 0);
    assert_true(server.last_input_tick + 60u > fake_server_tick(&server));
    assert_int_equal(statistics().hashes_wrong, 0);
    assert_true(statistics().snapshots_lost > 20);
    tw_client_destroy(client);
}

static void test_late_update_makes_missed_inputs(void **state)
{
    (void)state;
    start();
    uint64_t inputs_before = statistics().inputs_sent;
    uint64_t packets_before = statistics().packets_sent;
    fake_server_pass(&server, client, 100000); /* 6 ticks without an update */
    tw_client_update(client, server.now_us);
    assert_in_range(statistics().inputs_sent - inputs_before, 6, 7);
    assert_int_equal(statistics().packets_sent - packets_before, 1);
    inputs_before = statistics().inputs_sent;
    fake_server_pass(&server, client, SECOND_US);
    tw_client_update(client, server.now_us);
    assert_int_equal(statistics().inputs_sent - inputs_before, TW_INPUTS_MAX);
    fake_server_run(&server, client, SECOND_US);
    assert_int_equal(server.malformed, 0);
    tw_client_destroy(client);
}

static void test_clock_under_asymmetric_jitter(void **state)
{
    (void)state;
    start_with(4096);
    server.jitter_in_us = 60000; /* all of it inward: a plain average would be off by 15 ms */
    server.jitter_out_us = 2000;
    fake_server_run(&server, client, 10 * SECOND_US);
    int64_t worst = 0;
    for (int i = 0; i < 300; i++) {
        fake_server_run(&server, client, 10000);
        int64_t error = (int64_t)tw_client_get_server_tick(client, server.now_us) -
                        (int64_t)fake_server_tick(&server);
        if (llabs(error) > worst)
            worst = llabs(error);
    }
    assert_true(worst <= 1);
    tw_client_destroy(client);
}

static void test_replayed_packet_is_rejected(void **state)
{
    (void)state;
    start();
    uint8_t copy[TW_DATAGRAM_MAX];
    uint32_t size = server.last_packet_size;
    memcpy(copy, server.last_packet, size);
    fake_server_run(&server, client, SECOND_US);
    struct tw_client_statistics before = statistics();
    tw_client_receive(client, copy, size, server.now_us);
    struct tw_client_statistics after = statistics();
    assert_int_equal(after.packets_rejected, before.packets_rejected + 1);
    assert_int_equal(after.snapshots, before.snapshots);
    tw_client_destroy(client);
}

static void test_forged_packets_change_nothing(void **state)
{
    (void)state;
    start();
    for (uint32_t byte = 0; byte < server.last_packet_size; byte++) {
        uint8_t forged[TW_DATAGRAM_MAX];
        memcpy(forged, server.last_packet, server.last_packet_size);
        /* A number never seen, so that only the tag tells. */
        tw_store_u64(forged + TW_HEADER_SEQUENCE, 1u << 20);
        forged[byte] ^= 0x40u;
        uint64_t rejected = statistics().packets_rejected;
        tw_client_receive(client, forged, server.last_packet_size, server.now_us);
        assert_int_equal(statistics().packets_rejected, rejected + 1);
    }
    uint64_t snapshots = statistics().snapshots;
    fake_server_run(&server, client, SECOND_US);
    assert_true(statistics().snapshots > snapshots + 15); /* the window did not move */
    assert_int_equal(tw_client_get_state(client), TW_CLIENT_CONNECTED);
    tw_client_destroy(client);
}

static void test_authenticated_nonsense_is_rejected_whole(void **state)
{
    (void)state;
    start();
    uint8_t packet[TW_DATAGRAM_MAX];
    /* A close that is fine, followed by a frame of no known type. */
    struct tw_writer writer = tw_writer_make(packet + TW_HEADER_SIZE, TW_PLAINTEXT_MAX);
    tw_frame_write_close(&writer, TW_CLOSE_KICKED);
    tw_write_u24(&writer, 99);
    size_t size =
        server_link_seal(&server.link, packet, (size_t)(writer.next - packet) - TW_HEADER_SIZE);
    uint64_t rejected = statistics().packets_rejected;
    tw_client_receive(client, packet, size, server.now_us);
    tw_client_update(client, server.now_us);
    assert_int_equal(statistics().packets_rejected, rejected + 1);
    assert_int_equal(tw_client_get_state(client), TW_CLIENT_CONNECTED);
    tw_client_destroy(client);
}

static void test_server_closes(void **state)
{
    (void)state;
    start();
    server.loss_percent = 0;
    server.lose_in = server.count_in + 1; /* the first of three */
    fake_server_close(&server, TW_CLOSE_SHUTDOWN);
    fake_server_run(&server, client, 50000);
    expect_end(TW_CLIENT_END_REMOTE, TW_CLOSE_SHUTDOWN);
    uint32_t sent = server.count_out;
    fake_server_run(&server, client, SECOND_US);
    assert_int_equal(server.count_out, sent);
    tw_client_destroy(client);
}

static void test_silence_times_out(void **state)
{
    (void)state;
    start();
    server.silent = true;
    fake_server_run(&server, client, 2900000);
    assert_int_equal(tw_client_get_state(client), TW_CLIENT_CONNECTED);
    fake_server_run(&server, client, 300000);
    expect_end(TW_CLIENT_END_TIMEOUT, 0);
    tw_client_destroy(client);
}

static uint32_t newest_health(uint32_t *count)
{
    uint32_t code = UINT32_MAX;
    struct tw_client_event event;
    *count = 0;
    while (tw_client_poll_event(client, &event)) {
        if (event.type != TW_CLIENT_EVENT_HEALTH)
            continue;
        code = event.code;
        (*count)++;
    }
    return code;
}

/* Nothing gets through for 12 s: the same session goes on at once after it, with the same view. */
static void test_a_silence_shows_and_ends(void **state)
{
    (void)state;
    fake_server_init(&server);
    uint8_t token[TW_CONNECT_SIZE];
    fake_server_token(&server, 60, token);
    struct tw_client_config config = fake_server_client_config(&server);
    client = tw_client_create(&config);
    assert_int_equal(tw_client_get_health(client), TW_CLIENT_HEALTH_DISCONNECTED);
    assert_int_equal(tw_client_connect(client, token, sizeof(token), server.now_us), TW_CLIENT_OK);
    fake_server_run(&server, client, SECOND_US);
    assert_int_equal(tw_client_get_health(client), TW_CLIENT_HEALTH_CONNECTED);
    uint32_t id = tw_client_get_connection_id(client);
    uint32_t count;
    (void)newest_health(&count);
    server.dead = true;
    server.silent = true;
    fake_server_run(&server, client, 1500000u);
    assert_int_equal(newest_health(&count), TW_CLIENT_HEALTH_DEGRADED);
    assert_int_equal(count, 1);
    assert_int_equal(tw_client_get_health(client), TW_CLIENT_HEALTH_DEGRADED);
    fake_server_run(&server, client, 4 * SECOND_US);
    assert_int_equal(newest_health(&count), TW_CLIENT_HEALTH_RECONNECTING);
    assert_int_equal(count, 1);
    /* It goes on trying, five times a second. */
    uint64_t sent = statistics().packets_sent;
    fake_server_run(&server, client, 5 * SECOND_US);
    assert_in_range(statistics().packets_sent - sent, 24, 26);
    assert_true(statistics().pings_missed > 10);
    assert_in_range(statistics().silent_us, 10 * SECOND_US, 11 * SECOND_US);
    server.dead = false;
    server.silent = false;
    fake_server_run(&server, client, SECOND_US / 2);
    assert_int_not_equal(tw_client_get_health(client), TW_CLIENT_HEALTH_RECONNECTING);
    assert_int_equal(tw_client_get_connection_id(client), id);
    assert_int_equal(statistics().pings_missed, 0);
    /* What was lost meanwhile makes the path look bad for a while. */
    fake_server_run(&server, client, 10 * SECOND_US);
    assert_int_equal(newest_health(&count), TW_CLIENT_HEALTH_CONNECTED);
    assert_int_equal(statistics().hashes_wrong, 0);
    assert_int_equal(count_events(TW_CLIENT_EVENT_CLOSED), 0);
    tw_client_destroy(client);
}

/* A frame's time may be older than the one a datagram was handed in with. */
static void test_time_going_back_is_taken_for_standing_still(void **state)
{
    (void)state;
    start();
    tw_client_update(client, server.now_us - 900000u);
    tw_client_update(client, 0);
    assert_int_equal(tw_client_get_state(client), TW_CLIENT_CONNECTED);
    uint64_t snapshots = statistics().snapshots;
    fake_server_run(&server, client, SECOND_US);
    assert_int_equal(tw_client_get_state(client), TW_CLIENT_CONNECTED);
    assert_true(statistics().snapshots >= snapshots + 19u);
    tw_client_destroy(client);
}

static void test_a_jump_of_time_ends_the_connection_once(void **state)
{
    (void)state;
    start();
    uint32_t sent = server.count_out;
    for (uint32_t i = 1; i <= 3; i++)
        tw_client_update(client, server.now_us + i * 3600u * SECOND_US);
    assert_int_equal(tw_client_get_state(client), TW_CLIENT_CLOSED);
    expect_end(TW_CLIENT_END_TIMEOUT, 0);
    assert_int_equal(count_events(TW_CLIENT_EVENT_CLOSED), 0);
    assert_in_range(server.count_out, sent, sent + 5u);
    tw_client_destroy(client);
}

static void test_wrong_hash_is_reported(void **state)
{
    (void)state;
    start();
    assert_int_equal(count_events(TW_CLIENT_EVENT_DESYNC), 0);
    server.wrong_hash = true;
    fake_server_run(&server, client, SECOND_US / 4);
    assert_true(count_events(TW_CLIENT_EVENT_DESYNC) > 0);
    assert_true(statistics().hashes_wrong > 0);
    tw_client_destroy(client);
}

/* One lost packet must not hide it. */
static void test_a_wrong_view_is_told_three_times(void **state)
{
    (void)state;
    start();
    server.wrong_hash = true;
    uint32_t number = server.snapshot_number;
    while (server.snapshot_number == number)
        fake_server_run(&server, client, 1000);
    server.next_snapshot_us = UINT64_MAX; /* no other one comes */
    fake_server_run(&server, client, SECOND_US / 4);
    assert_int_equal(server.check_number, number + 1u);
    assert_int_equal(server.check_copies, 3);
    tw_client_destroy(client);
}

static void test_events_overflow(void **state)
{
    (void)state;
    start_with(16);
    server.endless_enters = true;
    fake_server_run(&server, client, SECOND_US);
    struct tw_client_event event;
    uint32_t before_lost = 0;
    assert_true(tw_client_poll_event(client, &event));
    assert_int_equal(event.type, TW_CLIENT_EVENT_CONNECTED);
    while (tw_client_poll_event(client, &event) && event.type != TW_CLIENT_EVENT_LOST)
        before_lost++;
    assert_int_equal(event.type, TW_CLIENT_EVENT_LOST);
    assert_int_equal(before_lost, 11);
    assert_true(event.code > 100);
    assert_false(tw_client_poll_event(client, &event));
    /* An end is told even when the queue is full. */
    fake_server_run(&server, client, SECOND_US);
    tw_client_close(client, server.now_us);
    expect_end(TW_CLIENT_END_LOCAL, 0);
    tw_client_destroy(client);
}

/* A burst of loss takes what leaves together: closes go on until it may be over. */
static void test_goodbye_outlasts_a_burst_of_loss(void **state)
{
    (void)state;
    static const uint32_t closes_by_ms[][2] = {{40, 3},  {60, 4},  {140, 4}, {160, 5},
                                               {340, 5}, {360, 6}, {740, 6}, {760, 7}};
    start();
    server.silent = true; /* it takes nothing for 300 ms */
    tw_client_close(client, server.now_us);
    expect_end(TW_CLIENT_END_LOCAL, 0);
    fake_server_run(&server, client, 300000);
    assert_int_equal(server.closes, 0);
    server.silent = false;
    fake_server_run(&server, client, SECOND_US);
    assert_int_equal(server.closes, 2); /* of 350 and 750 ms */
    assert_int_equal(server.close_reason, TW_CLOSE_BY_CLIENT);
    assert_false(tw_client_is_leaving(client));
    tw_client_destroy(client);

    start();
    uint64_t begun = server.now_us;
    tw_client_close(client, server.now_us);
    for (uint32_t i = 0; i < sizeof(closes_by_ms) / sizeof(closes_by_ms[0]); i++) {
        fake_server_run(&server, client, begun + closes_by_ms[i][0] * 1000u - server.now_us);
        assert_int_equal(server.closes, closes_by_ms[i][1]);
        assert_int_equal(tw_client_is_leaving(client), closes_by_ms[i][1] < 7u);
        assert_int_equal(tw_client_get_state(client), TW_CLIENT_CLOSED);
    }
    uint64_t sent = statistics().packets_sent;
    fake_server_run(&server, client, SECOND_US);
    assert_int_equal(statistics().packets_sent, sent);
    assert_int_equal(count_events(TW_CLIENT_EVENT_CLOSED), 1);
    tw_client_destroy(client);
}

/* Whoever is gone hears nothing, and does not take what comes for a session. */
static void test_what_comes_after_a_goodbye_is_nobodys(void **state)
{
    (void)state;
    start();
    tw_client_close(client, server.now_us);
    expect_end(TW_CLIENT_END_LOCAL, 0);
    fake_server_close(&server, TW_CLOSE_KICKED);
    fake_server_run(&server, client, SECOND_US);
    assert_int_equal(count_events(TW_CLIENT_EVENT_CLOSED), 0);
    tw_client_close(client, server.now_us); /* said once */
    assert_false(tw_client_is_leaving(client));
    assert_int_equal(count_events(TW_CLIENT_EVENT_CLOSED), 0);
    tw_client_destroy(client);
}

static void test_inputs_change(void **state)
{
    (void)state;
    start();
    assert_int_equal(
        tw_client_set_input(client, &(struct tw_client_input){.move_x = 127, .buttons = 1}),
        TW_CLIENT_OK);
    fake_server_run(&server, client, SECOND_US / 2);
    assert_int_equal(server.newest_input.move_x, 127);
    assert_int_equal(server.newest_input.buttons, 1);
    tw_client_destroy(client);
}

static void test_challenges_are_answered_at_once(void **state)
{
    (void)state;
    static const uint8_t challenge[TW_CHALLENGE_SIZE] = {7, 0, 1, 2, 3, 4, 5, 255};
    start();
    assert_int_equal(server.responses, 0);
    memcpy(server.challenge, challenge, sizeof(challenge));
    /* There and back, and two steps: at whatever time of a tick of 16.7 ms it comes. */
    for (uint32_t i = 0; i < 17; i++) {
        server.next_snapshot_us += 1000;
        uint32_t number = server.snapshot_number, before = server.responses;
        while (server.snapshot_number == number)
            fake_server_run(&server, client, 1000);
        fake_server_run(&server, client, 12000);
        assert_int_equal(server.responses, before + 1u);
    }
    server.responses = 0;
    uint32_t sealed = server.sealed;
    fake_server_run(&server, client, SECOND_US);
    /* 20 snapshots a second, each with a challenge; not one packet more than with the inputs plus
     * one for each of them. */
    assert_in_range(server.responses, 17, 20);
    assert_memory_equal(server.response, challenge, sizeof(challenge));
    assert_in_range(server.sealed - sealed, 58, 82);
    server.challenge[0] = 0;
    fake_server_run(&server, client, SECOND_US / 10);
    uint32_t responses = server.responses;
    fake_server_run(&server, client, SECOND_US);
    assert_int_equal(server.responses, responses); /* each is answered once */
    tw_client_destroy(client);
}

static void test_another_connection_id(void **state)
{
    (void)state;
    start();
    uint32_t old_id = server.connection_id, new_id = 0x51010203u;
    assert_int_equal(server.heard_id, old_id);
    server.rename_to = new_id;
    fake_server_run(&server, client, SECOND_US);
    assert_int_equal(server.heard_id, new_id);
    assert_int_equal(tw_client_get_connection_id(client), new_id);
    /* The server goes on under the old name until it heard the new one, then under the new. */
    uint64_t snapshots = statistics().snapshots;
    assert_true(snapshots > 30);
    server.rename_to = 0;
    server.link.connection_id = new_id;
    fake_server_run(&server, client, SECOND_US);
    assert_true(statistics().snapshots > snapshots + 15);
    assert_int_equal(statistics().packets_rejected, 0);
    assert_int_equal(tw_client_get_state(client), TW_CLIENT_CONNECTED);
    tw_client_destroy(client);
}

/* Keys change every few seconds, over a path that loses, doubles and overtakes. */
static void test_keys_change_while_it_plays(void **state)
{
    (void)state;
    start();
    server.link.limits = (struct tw_phase_limits){.packets = 100, .duration_ns = UINT64_MAX};
    server.loss_percent = 10;
    server.jitter_in_us = server.jitter_out_us = 100000;
    server.twice = true;
    fake_server_run(&server, client, 20 * SECOND_US);
    assert_int_equal(tw_client_get_state(client), TW_CLIENT_CONNECTED);
    assert_true(statistics().key_phase >= 8);
    assert_true(server.link.phase.number - statistics().key_phase <= 1);
    assert_true(statistics().snapshots > 300);
    assert_int_equal(statistics().hashes_wrong, 0);
    assert_true(server.link.opened_old > 0);
    tw_client_destroy(client);
}

static uint8_t sent_bytes[TW_CLIENT_MESSAGE_MAX], got_bytes[TW_CLIENT_MESSAGE_MAX];

/* Whatever is sent comes back from the server; takes what has come so far. */
static uint32_t take_echoes(uint32_t *next_ordered)
{
    uint32_t count = 0;
    struct tw_client_message message;
    while (tw_client_take_message(client, &message, got_bytes, sizeof(got_bytes)) == 1) {
        count++;
        if (message.channel == TW_CLIENT_ORDERED) {
            assert_int_equal(got_bytes[0], (*next_ordered)++ % 256u);
            assert_int_equal(message.size, 40);
        } else {
            assert_int_equal(message.size, 30000);
            assert_memory_equal(got_bytes, sent_bytes, message.size);
        }
    }
    return count;
}

static void test_messages_go_and_come_at_20_percent_loss(void **state)
{
    (void)state;
    start();
    server.loss_percent = 20;
    uint32_t ordered = 0;
    uint32_t count = 0;
    for (uint32_t i = 0; i < sizeof(sent_bytes); i++)
        sent_bytes[i] = (uint8_t)(i * 7u + (i >> 8));
    for (uint32_t i = 0; i < 100; i++) {
        uint8_t command[40] = {(uint8_t)i};
        assert_int_equal(tw_client_send(client, TW_CLIENT_ORDERED, command, sizeof(command), 0),
                         TW_CLIENT_OK);
        if (i % 50 == 0)
            assert_int_equal(tw_client_send(client, TW_CLIENT_BULK, sent_bytes, 30000, 0),
                             TW_CLIENT_OK);
        fake_server_run(&server, client, 30000);
        count += take_echoes(&ordered);
    }
    for (uint32_t i = 0; i < 1000 && count < 102; i++) {
        fake_server_run(&server, client, 30000);
        count += take_echoes(&ordered);
    }
    assert_int_equal(count, 102);
    assert_int_equal(ordered, 100);
    assert_int_equal(statistics().messages_sent, 102);
    assert_int_equal(statistics().messages_received, 102);
    assert_int_equal(statistics().link_state, TW_CLIENT_LINK_EMERGENCY);
    assert_in_range(statistics().loss_permille, 80, 350);
    assert_true(statistics().message_bytes_again > 0);
    assert_int_equal(statistics().packets_rejected, 0);
    assert_int_equal(statistics().messages_compressed, 2);
    assert_int_equal(statistics().messages_decompressed, 2);
    assert_true(statistics().message_bytes_saved > 2 * 15000);
    assert_true(statistics().message_bytes_sent < 2 * 30000);
    tw_client_destroy(client);
}

/* Random bytes leave as they are; what a server damaged is left out, and the rest goes on. */
static void test_messages_that_do_not_compress(void **state)
{
    (void)state;
    start();
    uint32_t ordered = 0;
    randombytes_buf(sent_bytes, sizeof(sent_bytes));
    assert_int_equal(tw_client_send(client, TW_CLIENT_BULK, sent_bytes, 30000, 0), TW_CLIENT_OK);
    fake_server_run(&server, client, 2 * SECOND_US);
    assert_int_equal(take_echoes(&ordered), 1);
    assert_int_equal(statistics().messages_compressed, 0);
    server.damages = true;
    for (uint32_t i = 0; i < sizeof(sent_bytes); i++)
        sent_bytes[i] = (uint8_t)(i / 100u);
    uint8_t command[40] = {0};
    assert_int_equal(tw_client_send(client, TW_CLIENT_BULK, sent_bytes, 30000, 0), TW_CLIENT_OK);
    assert_int_equal(tw_client_send(client, TW_CLIENT_BULK, sent_bytes, 1024, 0), TW_CLIENT_OK);
    fake_server_run(&server, client, SECOND_US);
    assert_int_equal(tw_client_send(client, TW_CLIENT_ORDERED, command, sizeof(command), 0),
                     TW_CLIENT_OK);
    fake_server_run(&server, client, SECOND_US);
    struct tw_client_message message;
    /* Bulk comes after everything else. */
    assert_int_equal(tw_client_take_message(client, &message, got_bytes, sizeof(got_bytes)), 1);
    assert_int_equal(message.channel, TW_CLIENT_ORDERED);
    assert_int_equal(message.size, sizeof(command));
    assert_int_equal(tw_client_take_message(client, &message, got_bytes, sizeof(got_bytes)), 1);
    assert_int_equal(message.channel, TW_CLIENT_BULK);
    assert_int_equal(message.size, 1024); /* not worth it */
    assert_int_equal(take_echoes(&ordered), 0);
    assert_int_equal(statistics().messages_compressed, 1);
    assert_int_equal(statistics().messages_damaged, 1);
    assert_int_equal(statistics().messages_decompressed, 0);
    tw_client_destroy(client);
}

/* From a near server to a far one, as it seems: round trips, losses and the state of the link are
 * those of the new path; what was sent on the old one and lost comes all the same. */
static void test_a_rebind_forgets_the_path(void **state)
{
    (void)state;
    static const uint8_t command[40];
    uint32_t ordered = 0;
    server.delay_out_us = server.delay_in_us = 0;
    start();
    server.delay_out_us = server.delay_in_us = 5000;
    server.loss_percent = 10;
    fake_server_run(&server, client, 5 * SECOND_US);
    assert_in_range(statistics().rtt_min_us, 1, 12000);
    assert_true(statistics().loss_permille > 20);
    assert_int_not_equal(statistics().link_state, TW_CLIENT_LINK_NORMAL);
    uint32_t rejected = (uint32_t)statistics().packets_rejected;
    uint64_t tick = tw_client_get_server_tick(client, server.now_us);
    server.loss_percent = 100;
    assert_int_equal(tw_client_send(client, TW_CLIENT_ORDERED, command, sizeof(command), 0),
                     TW_CLIENT_OK);
    fake_server_run(&server, client, 20000);
    server.loss_percent = 0;
    server.delay_out_us = server.delay_in_us = 100000;
    assert_int_equal(tw_client_rebind(client, server.now_us), TW_CLIENT_OK);
    assert_int_equal(statistics().rtt_us, 0);
    assert_int_equal(statistics().rtt_min_us, 0);
    assert_int_equal(statistics().rtt_smoothed_us, 0);
    assert_int_equal(statistics().loss_permille, 0);
    assert_int_equal(statistics().link_state, TW_CLIENT_LINK_NORMAL);
    assert_int_equal(tw_client_get_server_tick(client, server.now_us), tick + 1);
    fake_server_run(&server, client, 3 * SECOND_US);
    assert_in_range(statistics().rtt_min_us, 200000, 212000);
    assert_in_range(statistics().rtt_smoothed_us, 200000, 230000);
    assert_int_equal(statistics().loss_permille, 0);
    assert_int_equal(statistics().link_state, TW_CLIENT_LINK_NORMAL); /* it is far, not bad */
    assert_int_equal(statistics().packets_rejected, rejected);
    assert_int_equal(take_echoes(&ordered), 1);
    tw_client_destroy(client);
}

static void test_messages_that_cannot_be_sent(void **state)
{
    (void)state;
    start();
    const uint8_t *bytes = sent_bytes;
    struct tw_client_message message;
    randombytes_buf(sent_bytes, sizeof(sent_bytes)); /* else they are small */
    assert_int_equal(tw_client_send(client, TW_CLIENT_LATEST, bytes, 997, 0),
                     TW_CLIENT_ERROR_ARGUMENT);
    assert_int_equal(tw_client_send(client, TW_CLIENT_BULK, bytes, 0, 0), TW_CLIENT_ERROR_ARGUMENT);
    assert_int_equal(tw_client_send(client, TW_CLIENT_BULK, bytes, 65533, 0),
                     TW_CLIENT_ERROR_ARGUMENT);
    assert_int_equal(tw_client_send(client, (enum tw_client_channel)4, bytes, 1, 0),
                     TW_CLIENT_ERROR_ARGUMENT);
    assert_int_equal(tw_client_take_message(client, &message, got_bytes, 0), 0);
    for (uint32_t i = 0; i < 3; i++)
        assert_int_equal(tw_client_send(client, TW_CLIENT_BULK, bytes, 65532, 0), TW_CLIENT_OK);
    assert_int_equal(tw_client_send(client, TW_CLIENT_BULK, bytes, 65532, 0), TW_CLIENT_ERROR_FULL);
    fake_server_run(&server, client, 2 * SECOND_US);
    assert_int_equal(tw_client_take_message(client, &message, got_bytes, 100),
                     TW_CLIENT_ERROR_ARGUMENT);
    assert_int_equal(message.size, 65532);
    assert_int_equal(tw_client_take_message(client, &message, got_bytes, 65536), 1);
    tw_client_close(client, server.now_us);
    assert_int_equal(tw_client_send(client, TW_CLIENT_BULK, bytes, 1, 0), TW_CLIENT_ERROR_STATE);
    assert_int_equal(tw_client_take_message(client, &message, got_bytes, 65536), 0);
    tw_client_destroy(client);
}

static uint32_t send_until_full(enum tw_client_channel channel, uint32_t size)
{
    int result;
    uint32_t count = 0;
    while ((result = tw_client_send(client, channel, sent_bytes, size, 0)) == TW_CLIENT_OK)
        count++;
    assert_int_equal(result, TW_CLIENT_ERROR_FULL);
    return count;
}

/* Whatever waits that can wait, commands have room, and go first. */
static void test_bulk_keeps_no_command_out(void **state)
{
    (void)state;
    start();
    uint32_t ordered = 0, small = 0, large = 0;
    struct tw_client_message message;
    randombytes_buf(sent_bytes, sizeof(sent_bytes)); /* else they are small */
    server.delay_out_us = server.delay_in_us = 10000;
    assert_int_equal(send_until_full(TW_CLIENT_BULK, 65532), 3);
    assert_in_range(send_until_full(TW_CLIENT_BULK, 900), 30, 40);
    assert_in_range(send_until_full(TW_CLIENT_UNORDERED, 900), 14, 16);
    assert_int_equal(tw_client_send(client, TW_CLIENT_LATEST, sent_bytes, 900, 0), TW_CLIENT_OK);
    for (uint8_t i = 0; i < 20; i++) {
        uint8_t command[400] = {i};
        assert_int_equal(tw_client_send(client, TW_CLIENT_ORDERED, command, sizeof(command), 0),
                         TW_CLIENT_OK);
    }
    fake_server_run(&server, client, 60000);
    while (tw_client_take_message(client, &message, got_bytes, sizeof(got_bytes)) == 1) {
        if (message.channel == TW_CLIENT_ORDERED)
            assert_int_equal(got_bytes[0], ordered++);
        small += message.channel == TW_CLIENT_UNORDERED;
        large += message.size == 65532;
    }
    assert_int_equal(ordered, 20);
    assert_in_range(small, 1, 16);
    assert_int_equal(large, 0); /* of these hardly any has left */
    tw_client_destroy(client);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_view_and_rates),
        cmocka_unit_test(test_first_pings_are_fast),
        cmocka_unit_test(test_inputs_arrive_before_their_tick),
        cmocka_unit_test(test_inputs_survive_loss),
        cmocka_unit_test(test_late_update_makes_missed_inputs),
        cmocka_unit_test(test_clock_under_asymmetric_jitter),
        cmocka_unit_test(test_replayed_packet_is_rejected),
        cmocka_unit_test(test_forged_packets_change_nothing),
        cmocka_unit_test(test_authenticated_nonsense_is_rejected_whole),
        cmocka_unit_test(test_server_closes),
        cmocka_unit_test(test_silence_times_out),
        cmocka_unit_test(test_a_silence_shows_and_ends),
        cmocka_unit_test(test_time_going_back_is_taken_for_standing_still),
        cmocka_unit_test(test_a_jump_of_time_ends_the_connection_once),
        cmocka_unit_test(test_wrong_hash_is_reported),
        cmocka_unit_test(test_a_wrong_view_is_told_three_times),
        cmocka_unit_test(test_events_overflow),
        cmocka_unit_test(test_inputs_change),
        cmocka_unit_test(test_goodbye_outlasts_a_burst_of_loss),
        cmocka_unit_test(test_what_comes_after_a_goodbye_is_nobodys),
        cmocka_unit_test(test_challenges_are_answered_at_once),
        cmocka_unit_test(test_another_connection_id),
        cmocka_unit_test(test_keys_change_while_it_plays),
        cmocka_unit_test(test_messages_go_and_come_at_20_percent_loss),
        cmocka_unit_test(test_messages_that_do_not_compress),
        cmocka_unit_test(test_messages_that_cannot_be_sent),
        cmocka_unit_test(test_bulk_keeps_no_command_out),
        cmocka_unit_test(test_a_rebind_forgets_the_path),
    };
    return cmocka_run_group_tests(tests, testing_setup, NULL);
}
