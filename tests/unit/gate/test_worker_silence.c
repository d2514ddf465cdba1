/* SPDX-License-Identifier: BSD-3-Clause */
/* A worker's sessions from which nothing is heard: each step at its time, what ends it, what does
 * not, and what waits meanwhile. Times of the rig: 1, 3, 6 and 10 s. */
#include "tests/unit/gate/worker_rig.h"

#include "dataplane/gate/worker_state.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>
#include <rte_ring_elem.h>

static struct rig rig;
static struct rig_client client;
static uint32_t epoch;

static void start(void)
{
    rig_make(&rig, 1);
    rig_start(&rig);
    rig_client_make_live(&rig, &client, 5000);
    epoch = rig_join_epoch(&rig);
}

static uint64_t life(enum tw_life_event event)
{
    return tw_counter_get(&rig.counters[0]->life[event]);
}

/* Every slot is looked at once in 64 turns of at least 1 ms: here within 640 ms. */
static void pass(uint32_t ms)
{
    for (uint32_t i = 0; i < ms / 10u; i++)
        rig_turn(&rig, 10 * RIG_MS);
}

static void expect_presence(enum tw_presence presence)
{
    struct tw_record record;
    assert_true(rig_record(&rig, 0, &record));
    assert_int_equal(record.type, TW_RECORD_PRESENCE);
    assert_int_equal(record.route_epoch, epoch);
    assert_int_equal(record.presence.presence, presence);
}

static void expect_nothing(void)
{
    struct tw_record record;
    assert_false(rig_record(&rig, 0, &record));
}

static void expect_told(uint32_t events, enum tw_life_state state)
{
    struct tw_worker_event event = {0};
    assert_int_equal(rig_events(&rig, TW_EVENT_LIFE, &event), events);
    assert_int_equal(event.session.connection_id, client.id);
    assert_int_equal(event.session.life, state);
}

static uint64_t gauge(const tw_counter *counter)
{
    return tw_counter_get(counter);
}

static void steps_come_at_their_times(void **state)
{
    (void)state;
    start();
    pass(900);
    assert_int_equal(life(TW_LIFE_EVENT_SILENT), 0);
    pass(800);
    assert_int_equal(life(TW_LIFE_EVENT_SILENT), 1);
    assert_int_equal(gauge(&rig.counters[0]->sessions_degraded), 1);
    expect_nothing(); /* the world goes on */
    expect_told(1, TW_LIFE_DEGRADED);
    pass(2000);
    assert_int_equal(life(TW_LIFE_EVENT_PAUSED), 1);
    assert_int_equal(gauge(&rig.counters[0]->sessions_reconnecting), 1);
    expect_presence(TW_AWAY);
    expect_told(2, TW_LIFE_RECONNECTING);
    pass(3000);
    assert_int_equal(life(TW_LIFE_EVENT_PARKED), 1);
    expect_presence(TW_PARKED);
    pass(3200);
    assert_int_equal(rig_events(&rig, TW_EVENT_CLOSED, NULL), 0);
    pass(800);
    struct tw_worker_event event;
    assert_int_equal(rig_events(&rig, TW_EVENT_CLOSED, &event), 1);
    assert_int_equal(event.session.reason, TW_CLOSE_TIMEOUT);
    assert_int_equal(life(TW_LIFE_EVENT_EXPIRED), 1);
    assert_int_equal(gauge(&rig.counters[0]->sessions_reconnecting), 0);
    rig_client_receive(&rig, &client, 1);
    assert_int_equal(client.closes, 3);
    rig_stop(&rig);
}

/* From an instant, before anything else of it, in each step. */
static void a_packet_ends_it(void **state)
{
    (void)state;
    static const struct {
        uint32_t ms;
        enum tw_presence presence;
        enum tw_life_event event;
    } cases[] = {{3500, TW_AWAY, TW_LIFE_EVENT_RETURNED},
                 {6500, TW_PARKED, TW_LIFE_EVENT_UNPARKED}};
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct tw_record record;
        start();
        pass(cases[i].ms);
        expect_presence(TW_AWAY);
        if (cases[i].presence == TW_PARKED)
            expect_presence(TW_PARKED);
        uint32_t tick = (uint32_t)((rig.now_ns - rig.epoch_ns) / 1000 * 60 / 1000000);
        rig_client_send_inputs(&rig, &client, tick, 1);
        rig_turn(&rig, RIG_MS);
        expect_presence(TW_PRESENT);
        assert_true(rig_record(&rig, 0, &record));
        assert_int_equal(record.type, TW_RECORD_INPUT);
        assert_int_equal(life(cases[i].event), 1);
        assert_int_equal(gauge(&rig.counters[0]->sessions_reconnecting), 0);
        struct tw_worker_event event;
        rig_events(&rig, TW_EVENT_LIFE, &event);
        assert_int_equal(event.session.life, TW_LIFE_CONNECTED);
        /* And the time counts from there. */
        pass(9000);
        assert_int_equal(rig_events(&rig, TW_EVENT_CLOSED, NULL), 0);
        rig_stop(&rig);
    }
}

static void forgers_neither_end_nor_lengthen_it(void **state)
{
    (void)state;
    uint8_t packet[TW_DATAGRAM_MAX];
    start();
    size_t size = rig_client_seal(&client, 900, (const uint8_t *)"x", 1, packet);
    packet[20] ^= 1;
    for (uint32_t i = 0; i < 1080; i++) {
        rig_client_send(&rig, &client, packet, size);
        rig_turn(&rig, 10 * RIG_MS);
    }
    expect_presence(TW_AWAY);
    expect_presence(TW_PARKED);
    assert_int_equal(rig_events(&rig, TW_EVENT_CLOSED, NULL), 1);
    assert_true(rig_outcome(&rig, TW_OUTCOME_TAG_WRONG) > 900);
    rig_stop(&rig);
}

/* A flood of forged packets in its name disconnects nobody who goes on playing. */
static void forgers_disconnect_nobody(void **state)
{
    (void)state;
    uint8_t packet[TW_DATAGRAM_MAX];
    start();
    size_t size = rig_client_seal(&client, 1000000, (const uint8_t *)"x", 1, packet);
    packet[20] ^= 1;
    for (uint32_t i = 0; i < 150; i++) {
        for (uint32_t n = 0; n < 40; n++)
            rig_client_send(&rig, &client, packet, size);
        rig_client_send_ping(&rig, &client, i);
        rig_turn(&rig, 100 * RIG_MS);
        rig_client_receive(&rig, &client, 1);
    }
    assert_int_equal(client.pongs, 151);
    assert_int_equal(rig_outcome(&rig, TW_OUTCOME_TAG_WRONG), 6000);
    assert_int_equal(rig_events(&rig, TW_EVENT_CLOSED, NULL), 0);
    assert_int_equal(life(TW_LIFE_EVENT_SILENT), 0);
    expect_nothing();
    rig_stop(&rig);
}

static void what_was_said_meanwhile_waits(void **state)
{
    (void)state;
    start();
    pass(3500);
    expect_presence(TW_AWAY);
    uint32_t before = client.received;
    rig_client_receive(&rig, &client, 1);
    rig_shard_says(&rig, &client, epoch, "one");
    rig_shard_says(&rig, &client, epoch, "two");
    pass(2000);
    rig_client_receive(&rig, &client, 1);
    assert_int_equal(client.received, before); /* nothing goes to an address that is silent */
    rig_client_send_ping(&rig, &client, 5);
    rig_turn(&rig, RIG_MS);
    rig_turn(&rig, RIG_MS);
    rig_client_receive(&rig, &client, 1);
    assert_true(client.frames.has_messages);
    /* Both, in order: u8 head, u16 number, size, bytes. */
    assert_int_equal(client.frames.messages_size, 14);
    assert_memory_equal(client.frames.messages + 4, "one", 3);
    assert_memory_equal(client.frames.messages + 11, "two", 3);
    rig_stop(&rig);
}

/* It comes back from elsewhere: its keys do, and a challenge moves the session. */
static void comes_back_from_another_address(void **state)
{
    (void)state;
    start();
    pass(7000);
    expect_presence(TW_AWAY);
    expect_presence(TW_PARKED);
    client.port = 5001;
    rig_client_send_ping(&rig, &client, 5);
    rig_turn(&rig, RIG_MS);
    expect_presence(TW_PRESENT);
    rig_client_receive(&rig, &client, 1);
    assert_int_equal(client.challenges, 1);
    uint8_t plaintext[16];
    struct tw_writer writer = tw_writer_make(plaintext, sizeof(plaintext));
    tw_frame_write_response(&writer, client.challenge);
    rig_client_send_frames(&rig, &client, plaintext, (size_t)(writer.next - plaintext));
    rig_turn(&rig, RIG_MS);
    assert_int_equal(tw_counter_get(&rig.counters[0]->roaming[TW_ROAMING_VALIDATED]), 1);
    assert_int_equal(life(TW_LIFE_EVENT_UNPARKED), 1);
    rig_stop(&rig);
}

/* No control plane, no matter: who kept its keys needs none. */
static void needs_no_control_plane(void **state)
{
    (void)state;
    start();
    struct tw_worker_command gone = {.type = TW_COMMAND_CONTROL_STATE, .control.linked = 0};
    rig_command(&rig, 0, &gone);
    pass(7000);
    rig_client_send_ping(&rig, &client, 5);
    rig_turn(&rig, RIG_MS);
    rig_client_receive(&rig, &client, 1);
    assert_int_equal(client.frames.pong.echo_us, 5);
    assert_int_equal(life(TW_LIFE_EVENT_UNPARKED), 1);
    rig_stop(&rig);
}

/* The shard's ring is full when the step comes: told later; and a packet that ends the silence
 * counts once the shard can know. */
static void a_full_ring_only_delays(void **state)
{
    (void)state;
    struct tw_record record;
    struct rig_client other;
    rig_make(&rig, 1);
    rig.records_depth = 2; /* one record */
    rig_start(&rig);
    rig_client_make(&rig, &client, TEST_CLIENT_ADDRESS, 5000);
    rig_client_join(&rig, &client);
    rig_client_send_ping(&rig, &client, 99);
    rig_turn(&rig, RIG_MS);
    assert_true(rig_record(&rig, 0, &record));
    epoch = record.route_epoch;
    rig_client_make(&rig, &other, TEST_CLIENT_ADDRESS, 6000);
    rig_client_join(&rig, &other);
    rig_client_send_ping(&rig, &other, 99);
    rig_turn(&rig, RIG_MS); /* its join fills the ring */
    pass(3500);
    assert_int_equal(life(TW_LIFE_EVENT_PAUSED), 0);
    assert_true(rig_record(&rig, 0, &record));
    pass(700);
    assert_int_equal(life(TW_LIFE_EVENT_PAUSED), 1);
    /* AWAY of one of the two fills it again. */
    rig_client_send_ping(&rig, &client, 1);
    rig_client_send_ping(&rig, &other, 1);
    rig_turn(&rig, RIG_MS);
    for (int i = 0; i < 10 && rig_record(&rig, 0, &record); i++) {
        assert_int_equal(record.type, TW_RECORD_PRESENCE);
        rig_client_send_ping(&rig, &client, 2);
        rig_client_send_ping(&rig, &other, 2);
        rig_turn(&rig, RIG_MS);
    }
    assert_int_equal(record.presence.presence, TW_PRESENT);
    assert_int_equal(gauge(&rig.counters[0]->sessions_reconnecting), 0);
    assert_int_equal(gauge(&rig.counters[0]->sessions_degraded), 0);
    rig_stop(&rig);
}

int main(int argc, char **argv)
{
    (void)argc;
    if (!rig_init_eal(argv[0]))
        return 1;
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(steps_come_at_their_times),
        cmocka_unit_test(a_packet_ends_it),
        cmocka_unit_test(forgers_neither_end_nor_lengthen_it),
        cmocka_unit_test(forgers_disconnect_nobody),
        cmocka_unit_test(what_was_said_meanwhile_waits),
        cmocka_unit_test(comes_back_from_another_address),
        cmocka_unit_test(needs_no_control_plane),
        cmocka_unit_test(a_full_ring_only_delays),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
