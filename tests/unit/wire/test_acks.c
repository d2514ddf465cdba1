/* SPDX-License-Identifier: BSD-3-Clause */
/* Acknowledgements: of peers that do not tell the truth, and ours in time; see decision 15. */
#include "tests/unit/wire/transport_rig.h"

/* 1: acks of packets that were never sent, and of numbers below the first. */
static void case_1_ack_spoofing(void **state)
{
    (void)state;
    struct fixture fixture;
    rig_setup(&fixture, BLOCKS);
    rig_queue(&fixture, TW_CHANNEL_ORDERED, 100);
    assert_int_equal(rig_send(&fixture), 1);
    fixture.now_us += 50000;
    assert_int_equal(rig_acknowledge(&fixture, 2, 0), TW_TRANSPORT_RANGE);
    assert_int_equal(rig_acknowledge(&fixture, UINT64_MAX, UINT64_MAX), TW_TRANSPORT_RANGE);
    assert_int_equal(rig_acknowledge(&fixture, 0, 0), TW_TRANSPORT_RANGE);
    assert_int_equal(rig_acknowledge(&fixture, 1, 1), TW_TRANSPORT_RANGE); /* number 0 */
    assert_false(tw_sender_empty(&fixture.transport.channels->sender));
    assert_int_equal(fixture.transport.acks.largest, 0); /* nor were they acknowledged */
    assert_int_equal(rig_acknowledge(&fixture, 1, 0), TW_TRANSPORT_OK);
    assert_true(tw_sender_empty(&fixture.transport.channels->sender));
    assert_int_equal(fixture.transport.congestion.rtt.latest_us, 50000);
    rig_teardown(&fixture);
}

/* 2: acks that come again, and old ones, change nothing. */
static void case_2_acks_again(void **state)
{
    (void)state;
    struct fixture fixture;
    rig_setup(&fixture, BLOCKS);
    for (uint32_t i = 0; i < 300; i++) {
        rig_send(&fixture);
        fixture.now_us += 1000;
        assert_int_equal(rig_acknowledge(&fixture, i + 1u, 0), TW_TRANSPORT_OK);
        assert_int_equal(rig_acknowledge(&fixture, i / 2u + 1u, 0), TW_TRANSPORT_OK);
    }
    assert_int_equal(fixture.transport.packets_acked, 300);
    assert_int_equal(fixture.transport.packets_lost, 0);
    rig_teardown(&fixture);
}

/* The peer says it has all packets up to this one. */
static void acknowledge_up_to(struct fixture *fixture, uint64_t newest)
{
    for (uint64_t largest = fixture->transport.sent.oldest; largest <= newest; largest++) {
        if (largest % 64u != 0 && largest != newest)
            continue;
        uint64_t bitmap = largest > 64u ? UINT64_MAX : (UINT64_C(1) << (largest - 1u)) - 1u;
        assert_int_equal(rig_acknowledge(fixture, largest, bitmap), TW_TRANSPORT_OK);
    }
}

/* Messages of every channel that is reliable wait, whatever leaves. */
static void keep_busy(struct fixture *fixture)
{
    static const uint8_t bytes[TW_MESSAGE_MAX];
    for (uint8_t channel = TW_CHANNEL_ORDERED; channel < TW_CHANNEL_COUNT; channel++) {
        struct tw_outgoing message = {.channel = channel, .bytes = bytes, .size = 20000};
        (void)tw_transport_send(&fixture->transport, &message, fixture->now_us);
    }
}

#define BELIEVE_MS 4000u

/* Nothing arrives, and the peer acknowledges each packet so long after it left. The most packets
 * that were on their way. */
static uint32_t believe(uint32_t round_ms)
{
    struct fixture fixture;
    uint64_t newest_at[BELIEVE_MS];
    uint32_t most = 0;
    rig_setup(&fixture, 4u * BLOCKS);
    fixture.channels.config.send_blocks_max = BLOCKS;
    for (uint32_t ms = 0; ms < BELIEVE_MS; ms++) {
        fixture.now_us += 1000;
        keep_busy(&fixture);
        while (tw_transport_wants_packet(&fixture.transport, fixture.now_us)) {
            assert_true(rig_send(&fixture) > 0);
            uint32_t packets = fixture.transport.channels->flight.packets;
            most = packets > most ? packets : most;
        }
        assert_in_range(fixture.transport.congestion.window_bytes, 1, TW_WINDOW_MAX_BYTES);
        newest_at[ms] = fixture.transport.sent.next - 1u;
        /* What is to come is not there to be acknowledged. */
        assert_int_equal(rig_acknowledge(&fixture, newest_at[ms] + 1u, UINT64_MAX),
                         TW_TRANSPORT_RANGE);
        if (ms >= round_ms)
            acknowledge_up_to(&fixture, newest_at[ms - round_ms]);
    }
    assert_int_equal(fixture.transport.packets_lost, 0);
    /* What it said it had is gone here: it never gets it. */
    while (!tw_transport_all_arrived(&fixture.transport)) {
        fixture.now_us += round_ms * 1000u;
        rig_send(&fixture);
        acknowledge_up_to(&fixture, fixture.transport.sent.next - 1u);
    }
    rig_teardown(&fixture);
    return most;
}

/* 3: acks of packets that left, and did not arrive. They are believed: the window opens, and the
 * log of sent packets bounds it all the same, in each round trip that the peer pretends. */
static void case_3_acks_of_what_did_not_arrive(void **state)
{
    (void)state;
    const uint32_t most = TW_SENT_PACKETS - TW_FLIGHT_SPARE;
    assert_in_range(believe(1), 1, most);
    assert_in_range(believe(10), 1, most);
    assert_int_equal(believe(50), most);
    assert_int_equal(believe(200), most);
}

/* 4: a delay that says only "long" is no sample, and takes nothing off one. */
static void case_4_delay_of_a_peer(void **state)
{
    (void)state;
    static const struct {
        uint16_t delay_us;
        uint32_t latest_us;
    } rows[] = {{0, 20000}, {UINT16_MAX, 20000}, {UINT16_MAX - 1u, 100000u - (UINT16_MAX - 1u)}};
    struct fixture fixture;
    rig_setup(&fixture, BLOCKS);
    for (uint32_t i = 0; i < 3; i++) {
        rig_send(&fixture);
        fixture.now_us += i == 0 ? 20000u : 100000u;
        struct tw_frame_ack ack = {.largest = i + 1u, .delay_us = rows[i].delay_us};
        struct tw_transport_packet packet = {.sequence = ++fixture.sequence, .ack = &ack};
        assert_int_equal(tw_transport_receive(&fixture.transport, &packet, fixture.now_us),
                         TW_TRANSPORT_OK);
        assert_int_equal(fixture.transport.congestion.rtt.latest_us, rows[i].latest_us);
    }
    rig_teardown(&fixture);
}

/* 5: messages are acknowledged within 10 ms, and with every eighth packet of them at once. */
static void case_5_acks_in_time(void **state)
{
    (void)state;
    struct fixture fixture;
    rig_setup(&fixture, BLOCKS);
    struct tw_transport *transport = &fixture.transport;
    for (uint16_t number = 0; number < TW_ACKS_EVERY; number++) {
        struct tw_entry entry = rig_whole(TW_CHANNEL_UNORDERED, number, 10);
        uint64_t due_us = 10 * SECOND + TW_ACKS_DELAY_US;
        assert_int_equal(rig_receive_entry(&fixture, &entry), TW_TRANSPORT_OK);
        tw_message_free(&fixture.pool, tw_transport_take(transport));
        if (number + 1u == TW_ACKS_EVERY)
            break;
        assert_int_equal(tw_transport_due_us(transport, fixture.now_us), due_us);
        assert_false(tw_transport_wants_packet(transport, due_us - 1u));
        assert_true(tw_transport_wants_packet(transport, due_us));
        fixture.now_us += 100;
    }
    assert_true(tw_transport_wants_packet(transport, fixture.now_us));
    rig_send(&fixture);
    assert_false(tw_transport_wants_packet(transport, fixture.now_us + SECOND));
    rig_teardown(&fixture);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(case_1_ack_spoofing),
        cmocka_unit_test(case_2_acks_again),
        cmocka_unit_test(case_3_acks_of_what_did_not_arrive),
        cmocka_unit_test(case_4_delay_of_a_peer),
        cmocka_unit_test(case_5_acks_in_time),
    };
    return cmocka_run_group_tests(tests, testing_setup, NULL);
}
