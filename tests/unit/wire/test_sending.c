/* SPDX-License-Identifier: BSD-3-Clause */
/* When messages leave: what waits for what, in which order, and what is not sent any more. */
#include "tests/unit/wire/transport_rig.h"

static const struct tw_sender *sender_of(const struct fixture *fixture)
{
    return &fixture->transport.channels->sender;
}

/* Nobody answers: each probe waits twice as long as the one before, up to 3 s. */
static void test_probes_back_off(void **state)
{
    (void)state;
    static const uint64_t waits_us[] = {400000, 800000, 1600000, 3000000, 3000000, 3000000};
    struct fixture fixture;
    rig_setup(&fixture, BLOCKS);
    rig_queue(&fixture, TW_CHANNEL_ORDERED, 100);
    assert_int_equal(rig_send(&fixture), 1);
    for (uint32_t i = 0; i < sizeof(waits_us) / sizeof(waits_us[0]); i++) {
        uint64_t due_us = fixture.now_us + waits_us[i];
        assert_int_equal(tw_transport_due_us(&fixture.transport, fixture.now_us), due_us);
        tw_transport_update(&fixture.transport, due_us - 1u);
        assert_false(tw_transport_wants_packet(&fixture.transport, due_us - 1u));
        tw_transport_update(&fixture.transport, due_us);
        /* The third in a row: the path may not be what it was. */
        assert_int_equal(fixture.transport.congestion.window_bytes,
                         i < 2 ? TW_WINDOW_INITIAL_BYTES : TW_WINDOW_COLLAPSED);
        assert_true(tw_transport_wants_packet(&fixture.transport, due_us));
        fixture.now_us = due_us;
        assert_int_equal(rig_send(&fixture), 1);
    }
    /* An answer: the path is there, and the next one is soon. */
    rig_queue(&fixture, TW_CHANNEL_ORDERED, 100);
    assert_int_equal(rig_send(&fixture), 1);
    fixture.now_us += 10000;
    assert_int_equal(rig_acknowledge(&fixture, fixture.transport.sent.next - 2u, 0),
                     TW_TRANSPORT_OK);
    uint64_t wait_us = tw_rtt_probe_us(&fixture.transport.congestion.rtt);
    assert_true(wait_us < 400000);
    assert_true(tw_transport_due_us(&fixture.transport, fixture.now_us) <=
                fixture.now_us + wait_us);
    rig_teardown(&fixture);
}

static void ticks_sent(struct fixture *fixture, uint32_t packets)
{
    for (uint32_t i = 0; i < packets; i++)
        tw_transport_sent(&fixture->transport, 900, fixture->now_us);
}

static uint32_t probes_of_bulk(uint32_t window_bytes)
{
    struct fixture fixture;
    rig_setup(&fixture, BLOCKS);
    rig_queue(&fixture, TW_CHANNEL_BULK, 20000);
    fixture.transport.congestion.window_bytes = window_bytes;
    for (uint32_t i = 0; i < 2; i++)
        assert_int_equal(rig_send(&fixture), 1);
    ticks_sent(&fixture, 6);
    fixture.now_us += 400000;
    tw_transport_update(&fixture.transport, fixture.now_us);
    uint32_t probes = 0;
    while (fixture.transport.channels->probes > 0 && rig_send(&fixture) > 0)
        probes++;
    rig_teardown(&fixture);
    return probes;
}

/* Two packets probe a path, and one of bulk a slow path that ticks fill. */
static void test_bulk_probes_a_slow_path_once(void **state)
{
    (void)state;
    assert_int_equal(probes_of_bulk(TW_WINDOW_SMALL), 2);
    assert_int_equal(probes_of_bulk(TW_WINDOW_SMALL - 1u), 1);
}

static void assert_only_small_ordered_leave(struct fixture *fixture)
{
    assert_int_equal(rig_send(fixture), 0);
    rig_queue(fixture, TW_CHANNEL_UNORDERED, 100);
    assert_int_equal(rig_send(fixture), 0);
    rig_queue(fixture, TW_CHANNEL_ORDERED, 100);
    assert_true(tw_transport_wants_packet(&fixture->transport, fixture->now_us));
    assert_int_equal(rig_send(fixture), 1);
    rig_queue(fixture, TW_CHANNEL_ORDERED, 5000); /* has to be cut: waits like the others */
    assert_int_equal(rig_send(fixture), 0);
}

/* A full window and a spent pace hold up everything but small ordered messages. */
static void test_small_ordered_never_wait(void **state)
{
    (void)state;
    struct fixture fixture;
    rig_setup(&fixture, BLOCKS);
    rig_queue(&fixture, TW_CHANNEL_BULK, 60000);
    while (rig_send(&fixture) > 0)
        ;
    const struct tw_congestion *congestion = &fixture.transport.congestion;
    assert_true(fixture.transport.channels->flight.bytes < congestion->window_bytes);
    assert_only_small_ordered_leave(&fixture);
    rig_teardown(&fixture);

    rig_setup(&fixture, BLOCKS);
    rig_queue(&fixture, TW_CHANNEL_BULK, 60000);
    rig_queue(&fixture, TW_CHANNEL_UNORDERED, 100); /* the next one is no trickle */
    uint64_t began_us = fixture.now_us;
    while (fixture.transport.channels->flight.bytes < congestion->window_bytes) {
        fixture.now_us += 20000;
        rig_send(&fixture);
    }
    fixture.now_us += 35000;
    assert_true(fixture.now_us - began_us < 400000); /* neither probe nor trickle */
    assert_true(tw_congestion_may_send(&fixture.transport.congestion, fixture.now_us));
    assert_only_small_ordered_leave(&fixture);
    rig_teardown(&fixture);
}

/* Small ordered messages pass a closed window; without an end only at a quarter of the pace. */
static void test_small_ordered_pass_a_quarter(void **state)
{
    (void)state;
    struct fixture fixture;
    rig_setup(&fixture, BLOCKS);
    const struct tw_congestion *congestion = &fixture.transport.congestion;
    rig_queue(&fixture, TW_CHANNEL_BULK, 60000);
    while (fixture.transport.channels->flight.bytes < congestion->window_bytes) {
        fixture.now_us += 20000;
        rig_send(&fixture);
    }
    fixture.now_us += 35000;
    for (uint32_t i = 0; i < 60; i++)
        rig_queue(&fixture, TW_CHANNEL_ORDERED, 1000);
    uint64_t sent = 0;
    while (tw_transport_wants_packet(&fixture.transport, fixture.now_us)) {
        assert_int_equal(rig_send(&fixture), 1);
        sent++;
    }
    assert_in_range(sent, 4, 6); /* 4,800 bytes, what goes over, and what trickles */
    uint64_t due_us = tw_transport_due_us(&fixture.transport, fixture.now_us);
    assert_true(due_us > fixture.now_us);
    fixture.now_us = due_us;
    assert_true(tw_transport_wants_packet(&fixture.transport, fixture.now_us));
    uint64_t begin_us = fixture.now_us;
    for (sent = 0; fixture.now_us < begin_us + 100000u; fixture.now_us += 1000u)
        sent += rig_send(&fixture);
    uint64_t quarter = tw_congestion_pace(congestion) / 10u / 4u;
    assert_in_range(sent * 1000u, quarter * 8u / 10u, quarter * 11u / 10u + 1000u);
    rig_teardown(&fixture);
}

/* Sends and acknowledges packet by packet; what left of each channel. */
static void send_all(struct fixture *fixture, uint32_t packets, uint64_t bytes[TW_CHANNEL_COUNT])
{
    for (uint32_t i = 0; i < packets; i++) {
        fixture->now_us += 20000;
        assert_true(rig_send(fixture) > 0);
        fixture->now_us += 1000;
        assert_int_equal(rig_acknowledge(fixture, fixture->transport.sent.next - 1u, 0),
                         TW_TRANSPORT_OK);
    }
    memcpy(bytes, sender_of(fixture)->channel_bytes, TW_CHANNEL_COUNT * sizeof(bytes[0]));
}

/* Those that have something to say share packets by their parts: 7, 7 and 2. */
static void test_channels_take_turns(void **state)
{
    (void)state;
    static const uint32_t parts[] = {0, 7, 7, 2};
    for (uint32_t busy = 2; busy < 16; busy += 2) {
        struct fixture fixture;
        uint64_t bytes[TW_CHANNEL_COUNT];
        uint64_t all = 0, all_parts = 0;
        rig_setup(&fixture, BLOCKS);
        for (uint32_t i = 1; i < TW_CHANNEL_COUNT; i++) {
            if ((busy >> i & 1u) == 0)
                continue;
            rig_queue(&fixture, (uint8_t)i, 40000);
            all_parts += parts[i];
        }
        send_all(&fixture, 32, bytes);
        for (uint32_t i = 1; i < TW_CHANNEL_COUNT; i++)
            all += bytes[i];
        for (uint32_t i = 1; i < TW_CHANNEL_COUNT; i++) {
            uint64_t part = (busy >> i & 1u) != 0 ? all * parts[i] / all_parts : 0;
            assert_in_range(bytes[i] + 2500u, part, part + 5000u);
        }
        rig_teardown(&fixture);
    }
}

/* Few commands are in the very next packet, whoever fills them; many have to take turns. */
static void test_commands_come_first(void **state)
{
    (void)state;
    struct fixture fixture;
    uint64_t bytes[TW_CHANNEL_COUNT];
    rig_setup(&fixture, BLOCKS);
    rig_queue(&fixture, TW_CHANNEL_UNORDERED, 40000);
    rig_queue(&fixture, TW_CHANNEL_BULK, 40000);
    for (uint32_t i = 1; i <= 20; i++) {
        rig_queue(&fixture, TW_CHANNEL_ORDERED, 60);
        rig_queue(&fixture, TW_CHANNEL_ORDERED, 60);
        send_all(&fixture, 1, bytes);
        assert_int_equal(bytes[TW_CHANNEL_ORDERED], i * 120u);
    }
    assert_true(bytes[TW_CHANNEL_BULK] > 0);
    rig_teardown(&fixture);
}

/* Bulk has just sent something, and nothing is answered. */
static void assert_trickles(struct fixture *fixture, uint64_t every_us, uint32_t part_bytes)
{
    const uint64_t *bulk_bytes = &sender_of(fixture)->channel_bytes[TW_CHANNEL_BULK];
    uint64_t bytes = *bulk_bytes, began_us = fixture->now_us;
    while (*bulk_bytes == bytes) {
        fixture->now_us += 10000;
        rig_send(fixture);
    }
    assert_int_equal(fixture->now_us - began_us, every_us);
    assert_int_equal(*bulk_bytes - bytes, part_bytes);
}

/* What ticks have under way fills the window of a slow path: bulk waits for it, but not for ever,
 * and nothing else waits. Where the window is wide bulk does not look at it. */
static void test_bulk_yields_to_ticks_on_a_slow_path(void **state)
{
    (void)state;
    struct fixture fixture;
    rig_setup(&fixture, BLOCKS);
    rig_queue(&fixture, TW_CHANNEL_BULK, 40000);
    assert_int_equal(rig_send(&fixture), 1);
    assert_int_equal(rig_acknowledge(&fixture, 1, 0), TW_TRANSPORT_OK);
    ticks_sent(&fixture, 3);
    assert_int_equal(rig_send(&fixture), 1);
    assert_int_equal(rig_acknowledge(&fixture, 5, 0), TW_TRANSPORT_OK);
    fixture.transport.congestion.window_bytes = 2500;
    fixture.now_us += 10000;
    assert_int_equal(rig_send(&fixture), 0);
    rig_queue(&fixture, TW_CHANNEL_UNORDERED, 2000);
    assert_int_equal(rig_send(&fixture), 1);
    assert_int_equal(sender_of(&fixture)->channel_bytes[TW_CHANNEL_UNORDERED], 512);
    /* One of three has arrived. */
    fixture.now_us += 10000;
    assert_int_equal(rig_acknowledge(&fixture, 6, 8), TW_TRANSPORT_OK);
    fixture.transport.congestion.window_bytes = 2500;
    uint64_t bytes = sender_of(&fixture)->channel_bytes[TW_CHANNEL_BULK];
    assert_true(rig_send(&fixture) > 0);
    assert_true(sender_of(&fixture)->channel_bytes[TW_CHANNEL_BULK] > bytes);
    /* None of the next three does. */
    ticks_sent(&fixture, 3);
    assert_trickles(&fixture, 500000, 512);
    fixture.transport.congestion.window_bytes = TW_WINDOW_COLLAPSED - 1u;
    assert_trickles(&fixture, 250000, 256);
    rig_teardown(&fixture);
}

/* A new state with every packet, more than the pace: others have their pace all the same. */
static void test_states_do_not_hold_up_others(void **state)
{
    (void)state;
    struct fixture fixture;
    rig_setup(&fixture, BLOCKS);
    rig_queue(&fixture, TW_CHANNEL_ORDERED, 60000);
    uint64_t begin_us = fixture.now_us;
    for (uint32_t i = 0; i < 100; i++) {
        fixture.transport.congestion.window_bytes = TW_WINDOW_MIN_BYTES;
        rig_queue(&fixture, TW_CHANNEL_STATE, 900);
        rig_send(&fixture);
        if (tw_transport_wants_packet(&fixture.transport, fixture.now_us))
            rig_send(&fixture);
        fixture.now_us += 40000; /* 22 KB/s of states, a pace of 19 */
        uint32_t largest = fixture.transport.sent.next - 1u;
        assert_int_equal(rig_acknowledge(&fixture, largest, largest > 1), TW_TRANSPORT_OK);
    }
    uint64_t rate = sender_of(&fixture)->channel_bytes[TW_CHANNEL_ORDERED] * SECOND /
                    (fixture.now_us - begin_us);
    assert_true(rate >= 3000); /* a granule beside each state */
    rig_teardown(&fixture);
}

/* Nothing was said for long: that is no claim to all packets to come. */
static void test_silence_earns_nothing(void **state)
{
    (void)state;
    struct fixture fixture;
    uint64_t before[TW_CHANNEL_COUNT], after[TW_CHANNEL_COUNT];
    rig_setup(&fixture, BLOCKS);
    rig_queue(&fixture, TW_CHANNEL_ORDERED, 60000);
    send_all(&fixture, 30, before);
    rig_queue(&fixture, TW_CHANNEL_UNORDERED, 30000);
    send_all(&fixture, 8, after);
    uint64_t more = after[TW_CHANNEL_ORDERED] - before[TW_CHANNEL_ORDERED];
    assert_in_range(more, 3000, after[TW_CHANNEL_UNORDERED] + 3000u);
    rig_teardown(&fixture);
}

/* More messages than a channel numbers: those that wait until their deadline are never sent. */
static void test_deadlines_of_what_waits(void **state)
{
    (void)state;
    struct fixture fixture;
    rig_setup(&fixture, BLOCKS);
    const uint8_t byte = 0;
    struct tw_outgoing message = {.channel = TW_CHANNEL_UNORDERED, .bytes = &byte, .size = 1};
    for (uint32_t i = 0; i < TW_MESSAGE_WINDOW; i++)
        assert_int_equal(tw_transport_send(&fixture.transport, &message, fixture.now_us),
                         TW_SENDER_QUEUED);
    message.deadline_us = fixture.now_us + 100000;
    for (uint32_t i = 0; i < 5; i++)
        assert_int_equal(tw_transport_send(&fixture.transport, &message, fixture.now_us),
                         TW_SENDER_QUEUED);
    assert_int_equal(sender_of(&fixture)->channels[TW_CHANNEL_UNORDERED].waiting.count, 5);
    assert_true(tw_transport_due_us(&fixture.transport, fixture.now_us) <= message.deadline_us);
    tw_transport_update(&fixture.transport, message.deadline_us - 1u);
    assert_int_equal(sender_of(&fixture)->expired, 0);
    fixture.now_us = message.deadline_us;
    tw_transport_update(&fixture.transport, fixture.now_us);
    assert_int_equal(sender_of(&fixture)->expired, 5);
    assert_int_equal(sender_of(&fixture)->channels[TW_CHANNEL_UNORDERED].waiting.count, 0);
    /* All that are left arrive; no number was used up by the others. */
    uint64_t number = 0;
    while (!tw_transport_all_arrived(&fixture.transport)) {
        fixture.now_us += 20000;
        assert_true(rig_send(&fixture) > 0);
        assert_int_equal(rig_acknowledge(&fixture, ++number, 0), TW_TRANSPORT_OK);
    }
    assert_int_equal(sender_of(&fixture)->channels[TW_CHANNEL_UNORDERED].next, TW_MESSAGE_WINDOW);
    rig_teardown(&fixture);
}

/* Called lost and arrived after all: whether it was sent again by then or not, that is that. */
static void test_what_was_late_has_arrived(void **state)
{
    (void)state;
    static struct fixture fixture;
    rig_setup(&fixture, 64);
    for (uint32_t again = 0; again < 2; again++) {
        uint64_t first = fixture.transport.sent.next;
        rig_queue(&fixture, TW_CHANNEL_UNORDERED, 300);
        const struct tw_sender *sender = &fixture.transport.channels->sender;
        assert_int_equal(rig_send(&fixture), 1);
        assert_int_equal(rig_send(&fixture), 0);
        fixture.now_us += 20000;
        assert_int_equal(rig_acknowledge(&fixture, first + 1u, 0), TW_TRANSPORT_OK);
        fixture.now_us += 100000;
        tw_transport_update(&fixture.transport, fixture.now_us);
        assert_true(tw_sender_has(sender, TW_CHANNEL_UNORDERED, false));
        if (again > 0)
            assert_int_equal(rig_send(&fixture), 1);
        assert_int_equal(fixture.transport.packets_late, again);
        assert_int_equal(rig_acknowledge(&fixture, first + 1u, 1), TW_TRANSPORT_OK);
        assert_int_equal(fixture.transport.packets_late, again + 1u);
        assert_true(tw_sender_empty(sender));
        assert_int_equal(sender->queued, 0);
        assert_int_equal(sender->again_bytes, again * 300u);
        assert_int_equal(rig_send(&fixture), 0);
    }
    rig_teardown(&fixture);
}

/* A log of packets that are not overdue takes no more messages: none is given up for them. */
static void test_messages_wait_for_places_in_the_log(void **state)
{
    (void)state;
    static struct fixture fixture;
    rig_setup(&fixture, BLOCKS);
    struct tw_transport *transport = &fixture.transport;
    transport->congestion.window_bytes = TW_WINDOW_MAX_BYTES;
    rig_queue(&fixture, TW_CHANNEL_UNORDERED, 60000);
    rig_queue(&fixture, TW_CHANNEL_BULK, 60000);
    for (uint32_t i = 0; i < 200; i++) { /* every fourth packet carries nothing of them */
        fixture.now_us += 1000;
        if (!tw_transport_wants_packet(transport, fixture.now_us))
            continue;
        assert_true(rig_send(&fixture) > 0);
        if (transport->sent.next % 3u == 0)
            tw_transport_sent(transport, 100, fixture.now_us);
    }
    assert_true(sender_of(&fixture)->queued > 0);
    assert_true(transport->channels->flight.bytes + 4u * TW_DATAGRAM_BASE <
                transport->congestion.window_bytes);
    assert_int_equal(transport->packets_lost, 0);
    for (uint32_t i = 1; i < TW_FLIGHT_SPARE; i++) /* the others go on */
        tw_transport_sent(transport, 100, fixture.now_us);
    assert_int_equal(transport->packets_lost, 0);
    assert_int_equal(rig_acknowledge(&fixture, 60, UINT64_MAX >> 5u), TW_TRANSPORT_OK);
    assert_true(tw_transport_wants_packet(transport, fixture.now_us));
    assert_true(rig_send(&fixture) > 0);
    assert_int_equal(transport->packets_lost, 0);
    rig_teardown(&fixture);
}

/* Packets without messages fill the log, as on a path of seconds: a message leaves all the same. */
static void test_messages_go_where_others_fill_the_log(void **state)
{
    (void)state;
    static struct fixture fixture;
    rig_setup(&fixture, BLOCKS);
    for (uint32_t i = 0; i < TW_SENT_PACKETS; i++)
        tw_transport_sent(&fixture.transport, 100, fixture.now_us);
    for (uint32_t i = 0; i < 3; i++) {
        rig_queue(&fixture, TW_CHANNEL_BULK, 1000);
        assert_true(tw_transport_wants_packet(&fixture.transport, fixture.now_us));
        assert_int_equal(rig_send(&fixture), 1);
        fixture.now_us += 50000;
    }
    rig_teardown(&fixture);
}

/* Who hears nothing sends what never left in every other packet. Of a message for which the other
 * end has room only in part, what follows is not to be sent, new as it is: then what was lost goes.
 */
static void test_what_may_not_leave_is_not_new(void **state)
{
    (void)state;
    static struct fixture fixture;
    static uint8_t bytes[TW_PLAINTEXT_MAX];
    struct tw_run run = {0}, last = {0};
    struct tw_sender_part part = {TW_CHANNEL_UNORDERED, false, &run, 1};
    rig_setup(&fixture, BLOCKS);
    rig_queue(&fixture, TW_CHANNEL_UNORDERED, 1000);
    rig_queue(&fixture, TW_CHANNEL_UNORDERED, 40000);
    rig_queue(&fixture, TW_CHANNEL_UNORDERED, 40000);
    struct tw_sender *sender = &fixture.transport.channels->sender;
    sender->part_max = TW_MESSAGE_MAX;
    for (struct tw_writer writer = tw_writer_make(bytes, sizeof(bytes));
         tw_sender_write(sender, &part, &writer) > 0; writer = tw_writer_make(bytes, sizeof(bytes)))
        last = run;
    assert_int_equal(last.number, 2);
    assert_in_range(last.first + last.count, 1, tw_message_granules(40000) - 1u);
    assert_int_equal(sender->queued, 0);
    tw_sender_lost(sender, &last);
    sender->new_first = true;
    sender->channels[TW_CHANNEL_UNORDERED].new_turn = true;
    struct tw_writer writer = tw_writer_make(bytes, sizeof(bytes));
    assert_int_equal(tw_sender_write(sender, &part, &writer), 1);
    assert_int_equal(run.number, last.number);
    assert_int_equal(run.first, last.first);
    rig_teardown(&fixture);
}

/* Who hears nothing sends the new end of a message first. What was lost of it waits for another
 * packet, room or not: one that names a message twice is refused whole. */
static void test_a_packet_names_no_message_twice(void **state)
{
    (void)state;
    static struct fixture fixture;
    static uint8_t bytes[TW_PLAINTEXT_MAX];
    struct tw_run runs[4];
    struct tw_sender_part part = {TW_CHANNEL_UNORDERED, false, runs, 4};
    rig_setup(&fixture, BLOCKS);
    rig_queue(&fixture, TW_CHANNEL_UNORDERED, TW_PLAINTEXT_MAX + 300u);
    struct tw_sender *sender = &fixture.transport.channels->sender;
    struct tw_writer writer = tw_writer_make(bytes, sizeof(bytes));
    assert_int_equal(tw_sender_write(sender, &part, &writer), 1);
    tw_sender_lost(sender, &runs[0]);
    sender->new_first = true;
    sender->channels[TW_CHANNEL_UNORDERED].new_turn = true;
    rig_queue(&fixture, TW_CHANNEL_UNORDERED, 10);
    for (uint32_t count = 2; count > 0; count--) { /* with the other one, then what was lost */
        writer = tw_writer_make(bytes, sizeof(bytes));
        assert_int_equal(tw_sender_write(sender, &part, &writer), count);
        assert_int_equal(tw_receiver_frame(&fixture.transport.channels->receiver, bytes,
                                           sizeof(bytes) - tw_writer_left(&writer), 1),
                         TW_RECEIVER_STORED);
    }
    assert_int_equal(sender->queued, 0);
    assert_int_equal(fixture.transport.channels->receiver.messages, 2);
    rig_teardown(&fixture);
}

/* Sends what may leave of a large window, 2 ms a packet; the bytes that ever left. */
static uint64_t send_in_window(struct fixture *fixture)
{
    fixture->transport.congestion.window_bytes = TW_WINDOW_MAX_BYTES;
    for (uint32_t i = 0; i < 100; i++) {
        fixture->now_us += 2000;
        if (tw_transport_wants_packet(&fixture->transport, fixture->now_us))
            assert_true(rig_send(fixture) > 0);
    }
    return sender_of(fixture)->sent_bytes;
}

/* The third of three finds place for 24 of its 40 blocks beside the second. The first has arrived:
 * the second does not count any more, and the rest goes without waiting for it. */
static void test_the_newest_takes_the_place_that_comes_free(void **state)
{
    (void)state;
    static struct fixture fixture;
    rig_setup(&fixture, BLOCKS);
    for (uint32_t i = 0; i < 3; i++)
        rig_queue(&fixture, TW_CHANNEL_BULK, 40u * TW_BLOCK_BYTES);
    assert_int_equal(send_in_window(&fixture), (40u + TW_MESSAGE_SPARE) * TW_BLOCK_BYTES);
    const struct tw_sender_channel *bulk = &sender_of(&fixture)->channels[TW_CHANNEL_BULK];
    assert_int_equal(bulk->spare, TW_MESSAGE_SPARE);
    uint16_t first = bulk->base;
    for (uint64_t number = 1; bulk->base == first; number++)
        assert_int_equal(rig_acknowledge(&fixture, number, 0), TW_TRANSPORT_OK);
    assert_int_equal(bulk->spare, 40);
    assert_int_equal(bulk->queued, 16u * TW_BLOCK_BYTES / TW_GRANULE_BYTES);
    assert_int_equal(send_in_window(&fixture), 120u * TW_BLOCK_BYTES);
    assert_int_equal(bulk->base, first + 1u);
    rig_teardown(&fixture);
}

/* Which channels the next packet has something of, bit i of channel i; 0: none leaves. */
static uint32_t channels_of_packet(struct fixture *fixture)
{
    uint32_t channels = 0;
    uint32_t runs = rig_send(fixture);
    const struct tw_flight *flight = &fixture->transport.channels->flight;
    for (uint32_t i = 0; i < runs; i++)
        channels |= 1u << tw_flight_run(flight, flight->runs_next - 1u - i)->channel;
    return channels;
}

/* The newest packet was acknowledged, or one after it that carried nothing: so it is lost. */
static void end_of_packet(struct fixture *fixture, bool acked)
{
    fixture->now_us += 8000;
    uint64_t newest = fixture->transport.sent.next - 1u;
    if (!acked) {
        tw_transport_sent(&fixture->transport, 60, fixture->now_us);
        newest++;
    }
    fixture->now_us += 8000;
    assert_int_equal(rig_acknowledge(fixture, newest, 0), TW_TRANSPORT_OK);
    fixture->now_us += 16000;
    tw_transport_update(&fixture->transport, fixture->now_us);
}

#define ORDERED (1u << TW_CHANNEL_ORDERED)
#define BULK    (1u << TW_CHANNEL_BULK)

/* The other end has room for bulk and none for what is ordered, so it acknowledges nothing that
 * comes with that. They part, the former arrives, and the latter asks now and then. Nothing of
 * this is the path's. */
static void test_what_is_refused_holds_up_nothing_else(void **state)
{
    (void)state;
    static struct fixture fixture;
    rig_setup(&fixture, BLOCKS);
    rig_queue(&fixture, TW_CHANNEL_ORDERED, 300);
    rig_queue(&fixture, TW_CHANNEL_BULK, 40000);
    for (uint32_t i = 0; i < TW_SENDER_REFUSED_LOSSES; i++) {
        assert_int_equal(channels_of_packet(&fixture), ORDERED | BULK);
        end_of_packet(&fixture, false);
    }
    uint32_t asked = 0, went = 0, left = sender_of(&fixture)->left;
    uint16_t round_lost = fixture.transport.congestion.round_lost;
    uint64_t asked_us = 0;
    for (uint32_t i = 0; i < 60; i++) {
        uint32_t channels = channels_of_packet(&fixture);
        assert_true(channels == ORDERED || channels == BULK || channels == 0);
        if (channels == ORDERED) {
            assert_true(fixture.now_us >= asked_us + 100000u);
            asked_us = fixture.now_us;
            asked++;
        }
        went += channels == BULK;
        if (channels != 0)
            end_of_packet(&fixture, channels == BULK);
        else
            fixture.now_us += 10000;
    }
    assert_in_range(asked, 10, 25);
    assert_in_range(went, 30, 50);
    assert_true(fixture.transport.congestion.round_lost <= round_lost);
    assert_true(sender_of(&fixture)->left <= left - 4u * went); /* 512 bytes a packet at least */
    /* There is room: it goes with others again. */
    while (channels_of_packet(&fixture) != ORDERED)
        end_of_packet(&fixture, true);
    end_of_packet(&fixture, true);
    rig_queue(&fixture, TW_CHANNEL_ORDERED, 300);
    assert_int_equal(channels_of_packet(&fixture), ORDERED | BULK);
    rig_teardown(&fixture);
}

/* Seven of eight are lost, for ever: that is the path, and nothing waits for it. */
static void test_who_is_not_refused_is_not_held_back(void **state)
{
    (void)state;
    static struct fixture fixture;
    rig_setup(&fixture, BLOCKS);
    rig_queue(&fixture, TW_CHANNEL_BULK, 60000);
    for (uint32_t i = 1; i <= 10u * TW_SENDER_REFUSED_LOSSES; i++) {
        rig_queue(&fixture, TW_CHANNEL_ORDERED, 100);
        assert_int_equal(channels_of_packet(&fixture), ORDERED | BULK);
        end_of_packet(&fixture, i % TW_SENDER_REFUSED_LOSSES == 0);
    }
    rig_teardown(&fixture);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_probes_back_off),
        cmocka_unit_test(test_small_ordered_never_wait),
        cmocka_unit_test(test_small_ordered_pass_a_quarter),
        cmocka_unit_test(test_channels_take_turns),
        cmocka_unit_test(test_commands_come_first),
        cmocka_unit_test(test_bulk_probes_a_slow_path_once),
        cmocka_unit_test(test_bulk_yields_to_ticks_on_a_slow_path),
        cmocka_unit_test(test_states_do_not_hold_up_others),
        cmocka_unit_test(test_silence_earns_nothing),
        cmocka_unit_test(test_deadlines_of_what_waits),
        cmocka_unit_test(test_what_was_late_has_arrived),
        cmocka_unit_test(test_messages_wait_for_places_in_the_log),
        cmocka_unit_test(test_messages_go_where_others_fill_the_log),
        cmocka_unit_test(test_what_may_not_leave_is_not_new),
        cmocka_unit_test(test_a_packet_names_no_message_twice),
        cmocka_unit_test(test_what_is_refused_holds_up_nothing_else),
        cmocka_unit_test(test_who_is_not_refused_is_not_held_back),
        cmocka_unit_test(test_the_newest_takes_the_place_that_comes_free),
    };
    return cmocka_run_group_tests(tests, testing_setup, NULL);
}
