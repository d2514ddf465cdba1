/* SPDX-License-Identifier: BSD-3-Clause */
/* What the transport answers to peers that do not play by the rules; see decision 15. */
#include "tests/unit/wire/transport_rig.h"

/* 1: a bomb of fragments takes blocks for the bytes it brings, and only so many. */
static void case_1_fragment_bomb(void **state)
{
    (void)state;
    struct fixture fixture;
    rig_setup(&fixture, BLOCKS);
    uint32_t stored = 0;
    for (uint16_t number = 1; number < TW_MESSAGE_WINDOW; number++) {
        for (uint16_t block = 0; block < TW_MESSAGE_BLOCKS_MAX; block++) {
            struct tw_entry entry = rig_part(TW_CHANNEL_BULK, number, (uint16_t)(block * 8u), 128);
            enum tw_transport_result result = rig_receive_entry(&fixture, &entry);
            assert_true(result == TW_TRANSPORT_OK || result == TW_TRANSPORT_NO_ROOM);
            stored += result == TW_TRANSPORT_OK;
            /* What did not fit is not acknowledged. */
            assert_true((fixture.transport.acks.largest == fixture.sequence) ==
                        (result == TW_TRANSPORT_OK));
        }
    }
    assert_int_equal(stored, TW_MESSAGE_SPARE);
    assert_int_equal(fixture.pool.capacity - fixture.pool.free_count, TW_MESSAGE_SPARE);
    /* The one that everything waits for still has room, whole. */
    for (uint16_t granule = 0; granule < TW_GRANULES_MAX; granule = (uint16_t)(granule + 8u)) {
        struct tw_entry entry = rig_part(TW_CHANNEL_BULK, 0, granule, 1024);
        assert_int_equal(rig_receive_entry(&fixture, &entry), TW_TRANSPORT_OK);
    }
    struct tw_message *message = tw_transport_take(&fixture.transport);
    assert_non_null(message);
    assert_int_equal(message->size, TW_MESSAGE_MAX);
    tw_message_free(&fixture.pool, message);
    rig_teardown(&fixture);
}

/* 2: a pool that is empty refuses, and takes it later. */
static void case_2_pool_empty(void **state)
{
    (void)state;
    struct fixture fixture;
    rig_setup(&fixture, 2);
    struct tw_entry entry = rig_whole(TW_CHANNEL_UNORDERED, 0, 500);
    assert_int_equal(rig_receive_entry(&fixture, &entry), TW_TRANSPORT_OK);
    entry.number = 1;
    assert_int_equal(rig_receive_entry(&fixture, &entry), TW_TRANSPORT_OK);
    entry.number = 2;
    assert_int_equal(rig_receive_entry(&fixture, &entry), TW_TRANSPORT_NO_ROOM);
    struct tw_outgoing message = {
        .channel = TW_CHANNEL_BULK, .bytes = (const uint8_t *)"x", .size = 1};
    assert_int_equal(tw_transport_send(&fixture.transport, &message, fixture.now_us),
                     TW_SENDER_NO_POOL);
    tw_message_free(&fixture.pool, tw_transport_take(&fixture.transport));
    assert_int_equal(rig_receive_entry(&fixture, &entry), TW_TRANSPORT_OK);
    rig_teardown(&fixture);
}

/* 3: contradictions are out of range, and leave nothing behind. */
static void case_3_contradictions(void **state)
{
    (void)state;
    struct fixture fixture;
    uint8_t body[TW_DATAGRAM_MAX];
    rig_setup(&fixture, BLOCKS);
    struct tw_entry entry = rig_part(TW_CHANNEL_BULK, 0, 0, 128);
    assert_int_equal(rig_receive_entry(&fixture, &entry), TW_TRANSPORT_OK);
    entry.size = 30000; /* another size for the same message */
    assert_int_equal(rig_receive_entry(&fixture, &entry), TW_TRANSPORT_RANGE);
    entry = rig_whole(TW_CHANNEL_ORDERED, TW_MESSAGE_WINDOW, 10); /* beyond the window */
    assert_int_equal(rig_receive_entry(&fixture, &entry), TW_TRANSPORT_RANGE);
    entry = rig_whole(TW_CHANNEL_STATE, 0, TW_UNRELIABLE_MAX + 1u);
    assert_int_equal(rig_receive_entry(&fixture, &entry), TW_TRANSPORT_RANGE);
    for (uint8_t channel = TW_CHANNEL_STATE; channel < TW_CHANNEL_BULK; channel++) {
        entry = rig_whole(channel, 1, 10);
        entry.flags = TW_ENTRY_COMPRESSED; /* bulk alone */
        assert_int_equal(rig_receive_entry(&fixture, &entry), TW_TRANSPORT_RANGE);
    }
    entry = rig_part(TW_CHANNEL_BULK, 0, 1, 128);
    entry.flags = TW_ENTRY_COMPRESSED; /* of a message that was not */
    assert_int_equal(rig_receive_entry(&fixture, &entry), TW_TRANSPORT_RANGE);
    /* The same message twice in a packet, behind one that would be fine. */
    struct tw_writer writer = tw_writer_make(body, sizeof(body));
    entry = rig_whole(TW_CHANNEL_ORDERED, 0, 10);
    rig_write_part(&writer, &entry);
    rig_write_part(&writer, &entry);
    assert_int_equal(rig_receive(&fixture, &writer, body), TW_TRANSPORT_RANGE);
    assert_null(tw_transport_take(&fixture.transport));
    writer = tw_writer_make(body, sizeof(body));
    rig_write_part(&writer, &entry);
    tw_write_u8(&writer, 0); /* a truncated second entry */
    assert_int_equal(rig_receive(&fixture, &writer, body), TW_TRANSPORT_MALFORMED);
    assert_null(tw_transport_take(&fixture.transport));
    assert_int_equal(fixture.transport.acks.largest, 1);
    rig_teardown(&fixture);
}

/* 4: messages that came before, whole and in part. */
static void case_4_duplicates(void **state)
{
    (void)state;
    struct fixture fixture;
    rig_setup(&fixture, BLOCKS);
    for (uint32_t i = 0; i < 3; i++) {
        struct tw_entry entry = rig_whole(TW_CHANNEL_UNORDERED, 1, 10); /* ahead of number 0 */
        assert_int_equal(rig_receive_entry(&fixture, &entry), TW_TRANSPORT_OK);
    }
    struct tw_message *message = tw_transport_take(&fixture.transport);
    assert_non_null(message);
    tw_message_free(&fixture.pool, message);
    assert_null(tw_transport_take(&fixture.transport));
    assert_int_equal(fixture.transport.channels->receiver.duplicate_bytes, 20);
    for (uint32_t i = 0; i < 3; i++) {
        struct tw_entry entry = rig_whole(TW_CHANNEL_UNORDERED, 0, 10);
        assert_int_equal(rig_receive_entry(&fixture, &entry), TW_TRANSPORT_OK);
    }
    assert_int_equal(fixture.transport.channels->receiver.messages, 2);
    assert_int_equal(fixture.transport.channels->receiver.channels[TW_CHANNEL_UNORDERED].base, 2);
    rig_teardown(&fixture);
}

/* 5: begun and not gone on with: stalled, unless nothing is heard at all. */
static void case_5_stalled(void **state)
{
    (void)state;
    struct fixture fixture;
    rig_setup(&fixture, BLOCKS);
    struct tw_entry entry = rig_part(TW_CHANNEL_BULK, 0, 0, 128);
    assert_int_equal(rig_receive_entry(&fixture, &entry), TW_TRANSPORT_OK);
    fixture.now_us += 20 * SECOND;
    assert_false(tw_transport_stalled(&fixture.transport, fixture.now_us));
    for (uint32_t i = 0; i < 49; i++) {
        entry = rig_whole(TW_CHANNEL_UNORDERED, (uint16_t)i, 10);
        assert_int_equal(rig_receive_entry(&fixture, &entry), TW_TRANSPORT_OK);
        tw_message_free(&fixture.pool, tw_transport_take(&fixture.transport));
        assert_false(tw_transport_stalled(&fixture.transport, fixture.now_us));
        fixture.now_us += SECOND / 10u;
    }
    fixture.now_us += SECOND / 5u;
    entry = rig_whole(TW_CHANNEL_UNORDERED, 49, 10);
    assert_int_equal(rig_receive_entry(&fixture, &entry), TW_TRANSPORT_OK);
    assert_true(tw_transport_stalled(&fixture.transport, fixture.now_us));
    rig_teardown(&fixture);
}

/* `times` small messages, one each 100 ms, while the large one stands still. */
static void give_small_ones(struct fixture *fixture, uint16_t *number, uint32_t times)
{
    for (uint32_t i = 0; i < times; i++) {
        struct tw_entry entry = rig_whole(TW_CHANNEL_UNORDERED, (*number)++, 10);
        assert_int_equal(rig_receive_entry(fixture, &entry), TW_TRANSPORT_OK);
        tw_message_free(&fixture->pool, tw_transport_take(&fixture->transport));
        assert_false(tw_transport_stalled(&fixture->transport, fixture->now_us));
        fixture->now_us += SECOND / 10u;
    }
}

/* A large message that stands still, and a packet to its sender that is not acknowledged. */
static void begin_unheard(struct fixture *fixture)
{
    rig_setup(fixture, BLOCKS);
    struct tw_entry entry = rig_part(TW_CHANNEL_BULK, 0, 0, 128);
    assert_int_equal(rig_receive_entry(fixture, &entry), TW_TRANSPORT_OK);
    rig_queue(fixture, TW_CHANNEL_ORDERED, 10);
    assert_true(rig_send(fixture) > 0);
}

static void acknowledge_newest(struct fixture *fixture)
{
    uint64_t newest = fixture->transport.sent.next - 1u;
    assert_int_equal(rig_acknowledge(fixture, newest, 0), TW_TRANSPORT_OK);
}

static void end_stalled(struct fixture *fixture, uint16_t number)
{
    struct tw_entry entry = rig_whole(TW_CHANNEL_UNORDERED, number, 10);
    assert_int_equal(rig_receive_entry(fixture, &entry), TW_TRANSPORT_OK);
    assert_true(tw_transport_stalled(&fixture->transport, fixture->now_us));
    rig_teardown(fixture);
}

/* Who hears nothing is not told what is missing: it has a minute; and once it acknowledges
 * something, five seconds. */
static void case_5_stalled_unheard(void **state)
{
    (void)state;
    for (uint32_t answered = 0; answered < 2; answered++) {
        struct fixture fixture;
        uint16_t number = 0;
        begin_unheard(&fixture);
        give_small_ones(&fixture, &number, answered ? 300 : 600);
        if (answered) {
            acknowledge_newest(&fixture);
            give_small_ones(&fixture, &number, 50);
        }
        end_stalled(&fixture, number);
    }
}

/* Acknowledging now and then is no way to go on for ever. */
static void case_5_stalled_hardly_heard(void **state)
{
    (void)state;
    struct fixture fixture;
    uint16_t number = 0;
    begin_unheard(&fixture);
    for (uint32_t i = 0; i < 40; i++) {
        give_small_ones(&fixture, &number, 15);
        acknowledge_newest(&fixture);
        rig_queue(&fixture, TW_CHANNEL_ORDERED, 10);
        assert_true(rig_send(&fixture) > 0);
    }
    end_stalled(&fixture, number);
}

/* 6: a peer that never acknowledges fills its own queue and nothing else. */
static void case_6_never_acknowledged(void **state)
{
    (void)state;
    struct fixture fixture;
    static const uint8_t bytes[1024];
    rig_setup(&fixture, BLOCKS);
    struct tw_outgoing message = {
        .channel = TW_CHANNEL_ORDERED, .bytes = bytes, .size = sizeof(bytes)};
    uint32_t queued = 0;
    for (uint32_t i = 0; i < 1000; i++) {
        queued +=
            tw_transport_send(&fixture.transport, &message, fixture.now_us) == TW_SENDER_QUEUED;
        while (tw_transport_wants_packet(&fixture.transport, fixture.now_us))
            rig_send(&fixture);
        fixture.now_us += 10000;
        tw_transport_update(&fixture.transport, fixture.now_us);
    }
    assert_int_equal(queued, 150); /* of a block each; their notes take ten more */
    assert_true(fixture.transport.channels->flight.bytes <= TW_WINDOW_MAX_BYTES);
    rig_teardown(&fixture);
}

/* 7: several messages in one packet; small ones are not cut. */
static void case_7_many_in_one_packet(void **state)
{
    (void)state;
    struct fixture fixture;
    rig_setup(&fixture, BLOCKS);
    for (uint32_t i = 0; i < 10; i++)
        rig_queue(&fixture, TW_CHANNEL_ORDERED, 50);
    rig_queue(&fixture, TW_CHANNEL_UNORDERED, 900);
    assert_int_equal(rig_send(&fixture), 10);
    assert_int_equal(rig_send(&fixture), 1);
    assert_int_equal(rig_acknowledge(&fixture, 2, 1), TW_TRANSPORT_OK);
    assert_true(tw_sender_empty(&fixture.transport.channels->sender));
    rig_teardown(&fixture);
}

/* 8: what is lost is sent again, that and no more; an abandoned message becomes three bytes. */
static void case_8_lost_and_abandoned(void **state)
{
    (void)state;
    struct fixture fixture;
    static const uint8_t bytes[3000];
    rig_setup(&fixture, BLOCKS);
    struct tw_outgoing message = {.channel = TW_CHANNEL_ORDERED,
                                  .bytes = bytes,
                                  .size = sizeof(bytes),
                                  .deadline_us = fixture.now_us + SECOND};
    assert_int_equal(tw_transport_send(&fixture.transport, &message, fixture.now_us),
                     TW_SENDER_QUEUED);
    for (uint32_t i = 0; i < 3; i++)
        assert_int_equal(rig_send(&fixture), 1);
    for (uint32_t i = 0; i < 4; i++)
        rig_send(&fixture); /* nothing left to say but that they exist */
    fixture.now_us += 20000;
    uint32_t second = tw_flight_run(&fixture.transport.channels->flight, 1)->count;
    assert_int_equal(rig_acknowledge(&fixture, 7, 0x2f), TW_TRANSPORT_OK); /* all but number 2 */
    assert_int_equal(fixture.transport.channels->sender.lost_bytes, 0);
    assert_int_equal(tw_transport_due_us(&fixture.transport, fixture.now_us),
                     fixture.now_us + 2500u); /* an eighth of a round trip later it is lost */
    fixture.now_us += 2500;
    tw_transport_update(&fixture.transport, fixture.now_us);
    while (tw_transport_wants_packet(&fixture.transport, fixture.now_us))
        rig_send(&fixture); /* with an ack beside it, the run needs two packets */
    assert_int_equal(fixture.transport.channels->sender.again_bytes, second * TW_GRANULE_BYTES);
    assert_int_equal(fixture.transport.channels->sender.lost_bytes, second * TW_GRANULE_BYTES);
    fixture.now_us += 20000;
    assert_int_equal(rig_acknowledge(&fixture, 9, 1), TW_TRANSPORT_OK);
    assert_true(tw_sender_empty(&fixture.transport.channels->sender));
    message.deadline_us = fixture.now_us + SECOND;
    assert_int_equal(tw_transport_send(&fixture.transport, &message, fixture.now_us),
                     TW_SENDER_QUEUED);
    while (tw_transport_wants_packet(&fixture.transport, fixture.now_us))
        rig_send(&fixture);
    fixture.now_us += SECOND;
    tw_transport_update(&fixture.transport, fixture.now_us);
    assert_int_equal(fixture.transport.channels->sender.expired, 1);
    uint8_t packet[TW_PLAINTEXT_BASE];
    struct tw_writer writer = tw_writer_make(packet, sizeof(packet));
    assert_true(tw_transport_write(&fixture.transport, &writer, fixture.now_us));
    const uint8_t *body = writer.next - TW_ENTRY_HEADER_SIZE;
    assert_int_equal(body[0], TW_CHANNEL_ORDERED | TW_ENTRY_ABANDONED << TW_ENTRY_KIND_SHIFT);
    tw_transport_sent(&fixture.transport, 100, fixture.now_us);
    assert_int_equal(rig_acknowledge(&fixture, fixture.transport.sent.next - 1u, 0),
                     TW_TRANSPORT_OK);
    assert_true(tw_sender_empty(&fixture.transport.channels->sender));
    rig_teardown(&fixture);
}

/* 9: abandoned by the peer: what came is given back, what is behind it goes on. */
static void case_9_abandoned_by_the_peer(void **state)
{
    (void)state;
    struct fixture fixture;
    rig_setup(&fixture, BLOCKS);
    struct tw_entry entry = rig_part(TW_CHANNEL_ORDERED, 0, 0, 1024);
    assert_int_equal(rig_receive_entry(&fixture, &entry), TW_TRANSPORT_OK);
    entry = rig_whole(TW_CHANNEL_ORDERED, 1, 10);
    assert_int_equal(rig_receive_entry(&fixture, &entry), TW_TRANSPORT_OK);
    assert_null(tw_transport_take(&fixture.transport));
    entry = (struct tw_entry){.channel = TW_CHANNEL_ORDERED, .kind = TW_ENTRY_ABANDONED};
    assert_int_equal(rig_receive_entry(&fixture, &entry), TW_TRANSPORT_OK);
    assert_int_equal(rig_receive_entry(&fixture, &entry), TW_TRANSPORT_OK);
    struct tw_message *message = tw_transport_take(&fixture.transport);
    assert_non_null(message);
    assert_int_equal(message->size, 10);
    tw_message_free(&fixture.pool, message);
    rig_teardown(&fixture);
}

/* 10: every entry survives writing and reading; one value has one encoding. */
static void case_10_entries(void **state)
{
    (void)state;
    uint8_t body[TW_DATAGRAM_MAX];
    const struct tw_entry entries[] = {
        rig_whole(TW_CHANNEL_STATE, 65535, 1), rig_whole(TW_CHANNEL_BULK, 7, 1000),
        rig_part(TW_CHANNEL_ORDERED, 1, 511, 128), rig_part(TW_CHANNEL_UNORDERED, 2, 300, 1024)};
    for (uint32_t i = 0; i < sizeof(entries) / sizeof(entries[0]); i++) {
        struct tw_writer writer = tw_writer_make(body, sizeof(body));
        rig_write_part(&writer, &entries[i]);
        assert_int_equal(writer.next - body, tw_entry_overhead(&entries[i]) + entries[i].length);
        struct tw_reader reader = tw_reader_make(body, (size_t)(writer.next - body));
        struct tw_entry entry;
        assert_int_equal(tw_entry_read(&reader, &entry), TW_FRAMES_OK);
        assert_int_equal(tw_reader_left(&reader), 0);
        assert_int_equal(entry.number, entries[i].number);
        assert_int_equal(entry.first, entries[i].first);
        assert_int_equal(entry.size, entries[i].size);
        assert_int_equal(entry.length, entries[i].length);
    }
    const uint8_t overlong[] = {TW_CHANNEL_ORDERED, 0, 0, 0x81, 0x00, 'x'};
    struct tw_reader reader = tw_reader_make(overlong, sizeof(overlong));
    struct tw_entry entry;
    assert_int_equal(tw_entry_read(&reader, &entry), TW_FRAMES_MALFORMED);
    const uint8_t unaligned[] = {
        TW_CHANNEL_ORDERED | TW_ENTRY_PART << TW_ENTRY_KIND_SHIFT, 0, 0, 0x80, 0x02, 0, 1, 'x'};
    reader = tw_reader_make(unaligned, sizeof(unaligned));
    assert_int_equal(tw_entry_read(&reader, &entry), TW_FRAMES_RANGE);
}

/* 11: what the link does decides the state, at once downwards, a second later upwards. */
static void case_11_states(void **state)
{
    (void)state;
    struct fixture fixture;
    rig_setup(&fixture, BLOCKS);
    for (uint32_t i = 1; i <= 100; i++) {
        rig_send(&fixture);
        fixture.now_us += 20000;
        assert_int_equal(rig_acknowledge(&fixture, i, 0), TW_TRANSPORT_OK);
    }
    const struct tw_congestion *congestion = &fixture.transport.congestion;
    assert_int_equal(congestion->rtt.baseline_us, 20000);
    assert_int_equal(congestion->state, TW_LINK_NORMAL);
    uint64_t number = 100;
    for (uint32_t i = 0; i < 30; i++) { /* 45 ms: more than 20 above the baseline */
        rig_send(&fixture);
        fixture.now_us += 45000;
        assert_int_equal(rig_acknowledge(&fixture, ++number, 0), TW_TRANSPORT_OK);
    }
    assert_int_equal(congestion->state, TW_LINK_CONSERVATIVE);
    for (uint32_t i = 0; i < 60; i++) { /* a tenth is lost */
        for (uint32_t k = 0; k < 10; k++)
            rig_send(&fixture);
        fixture.now_us += 20000;
        number += 10;
        assert_int_equal(rig_acknowledge(&fixture, number, 0xff), TW_TRANSPORT_OK);
    }
    assert_int_equal(congestion->state, TW_LINK_EMERGENCY);
    rig_queue(&fixture, TW_CHANNEL_BULK, 5000);
    assert_int_equal(rig_send(&fixture), 1);
    const struct tw_run *part = tw_flight_run(&fixture.transport.channels->flight, 0);
    assert_int_equal(part->count * TW_GRANULE_BYTES, 512); /* a loss costs little */
    assert_int_equal(rig_acknowledge(&fixture, ++number, 0), TW_TRANSPORT_OK);
    uint64_t since_us = fixture.now_us;
    while (congestion->state != TW_LINK_NORMAL) {
        rig_send(&fixture);
        fixture.now_us += 20000;
        assert_int_equal(rig_acknowledge(&fixture, ++number, 0), TW_TRANSPORT_OK);
        assert_true(fixture.now_us - since_us < 8 * SECOND);
    }
    assert_true(fixture.now_us - since_us >= SECOND);
    assert_true(tw_transport_all_arrived(&fixture.transport));
    for (uint32_t i = 0; i < 4; i++) { /* nothing is lost, but a queue stands for 130 ms */
        rig_send(&fixture);
        fixture.now_us += 150000;
        assert_int_equal(congestion->state == TW_LINK_EMERGENCY, false);
        assert_int_equal(rig_acknowledge(&fixture, ++number, 0), TW_TRANSPORT_OK);
    }
    assert_int_equal(congestion->state, TW_LINK_EMERGENCY);
    rig_teardown(&fixture);
}

/* Sends two packets, of which the first arrives `late_us` after the second: true if it was called
 * lost meanwhile. */
static bool overtake(struct fixture *fixture, uint32_t late_us)
{
    uint64_t lost = fixture->transport.packets_lost;
    uint64_t first = fixture->transport.sent.next;
    rig_send(fixture);
    rig_send(fixture);
    fixture->now_us += 20000;
    assert_int_equal(rig_acknowledge(fixture, first + 1u, 0), TW_TRANSPORT_OK);
    fixture->now_us += late_us;
    tw_transport_update(&fixture->transport, fixture->now_us);
    bool called_lost = fixture->transport.packets_lost > lost;
    assert_int_equal(rig_acknowledge(fixture, first + 1u, 1), TW_TRANSPORT_OK);
    return called_lost;
}

/* 12: a path on which packets overtake each other is given time, until it is another path. */
static void case_12_overtaken(void **state)
{
    (void)state;
    struct fixture fixture;
    rig_setup(&fixture, BLOCKS);
    assert_true(overtake(&fixture, 8000));
    assert_int_equal(fixture.transport.packets_late, 1);
    assert_int_equal(fixture.transport.congestion.loss_q16, 0); /* what came was not lost */
    assert_false(overtake(&fixture, 8000));
    assert_false(overtake(&fixture, 9000)); /* a quarter more than was seen */
    assert_true(overtake(&fixture, 30000));
    /* At most three round trips, whatever was seen. */
    for (uint32_t i = 0; i < 8; i++)
        overtake(&fixture, 200000);
    assert_true(overtake(&fixture, 41000));
    fixture.now_us += 11 * SECOND;
    tw_transport_update(&fixture.transport, fixture.now_us);
    assert_true(overtake(&fixture, 8000));
    tw_transport_path_changed(&fixture.transport, TW_DATAGRAM_BASE, fixture.now_us);
    assert_int_equal(fixture.transport.reorder_us, 0);
    rig_teardown(&fixture);
}

/* 13: channels that are not kept rest whenever no message is held, and go on where they were. */
static void case_13_channels_rest(void **state)
{
    (void)state;
    struct fixture fixture;
    rig_setup(&fixture, BLOCKS);
    fixture.channels.config.kept = false;
    for (uint16_t round = 0; round < 200; round++) {
        assert_true(tw_transport_rest(&fixture.transport));
        rig_send(&fixture); /* without messages, before and after */
        rig_queue(&fixture, TW_CHANNEL_ORDERED, 10);
        assert_int_equal(rig_send(&fixture), 1);
        assert_false(tw_transport_rest(&fixture.transport));
        /* Of three numbers the first comes last: the gap stays known while the channels rest. */
        uint16_t first = (uint16_t)(round / 2u * 3u);
        struct tw_entry entry =
            rig_whole(TW_CHANNEL_UNORDERED, (uint16_t)(first + 1u + round % 2u), 10);
        assert_int_equal(rig_receive_entry(&fixture, &entry), TW_TRANSPORT_OK);
        assert_int_equal(rig_acknowledge(&fixture, fixture.transport.sent.next - 1u, 1),
                         TW_TRANSPORT_OK);
        assert_false(tw_transport_rest(&fixture.transport)); /* what came was not taken yet */
        tw_message_free(&fixture.pool, tw_transport_take(&fixture.transport));
        assert_int_equal(fixture.transport.channels->sender.channels[TW_CHANNEL_ORDERED].next,
                         round + 1u);
        assert_true(tw_transport_rest(&fixture.transport));
        assert_int_equal(fixture.channels.free_count, 1);
        assert_int_equal(rig_receive_entry(&fixture, &entry), TW_TRANSPORT_OK); /* a copy */
        assert_null(tw_transport_take(&fixture.transport));
        assert_int_equal(fixture.transport.channels->receiver.duplicate_bytes, 10);
        if (round % 2u == 1u) {
            entry.number = first;
            assert_int_equal(rig_receive_entry(&fixture, &entry), TW_TRANSPORT_OK);
            tw_message_free(&fixture.pool, tw_transport_take(&fixture.transport));
        }
    }
    assert_true(tw_transport_rest(&fixture.transport));
    /* A message of which a part is there, and one that is being written, keep them. */
    struct tw_entry begun = rig_part(TW_CHANNEL_BULK, 0, 0, 128);
    assert_int_equal(rig_receive_entry(&fixture, &begun), TW_TRANSPORT_OK);
    assert_false(tw_transport_rest(&fixture.transport));
    rig_teardown(&fixture);
}

/* 14: none is free: refused in both directions, and nothing but that. */
static void case_14_no_channels(void **state)
{
    (void)state;
    struct fixture fixture;
    rig_setup(&fixture, BLOCKS);
    struct tw_channels *taken =
        tw_channels_take(&fixture.channels, &fixture.transport.numbers, fixture.now_us);
    assert_non_null(taken);
    struct tw_outgoing message = {
        .channel = TW_CHANNEL_BULK, .bytes = (const uint8_t *)"x", .size = 1};
    assert_int_equal(tw_transport_send(&fixture.transport, &message, fixture.now_us),
                     TW_SENDER_NO_POOL);
    struct tw_entry entry = rig_whole(TW_CHANNEL_ORDERED, 0, 10);
    assert_int_equal(rig_receive_entry(&fixture, &entry), TW_TRANSPORT_NO_ROOM);
    assert_int_equal(fixture.transport.acks.largest, 0);
    assert_null(tw_transport_take(&fixture.transport));
    assert_int_equal(rig_send(&fixture), 0);
    assert_int_equal(rig_acknowledge(&fixture, 1, 0), TW_TRANSPORT_OK);
    assert_int_equal(tw_transport_due_us(&fixture.transport, fixture.now_us), UINT64_MAX);
    struct tw_channel_numbers unused;
    tw_channels_give(&fixture.channels, taken, &unused);
    assert_int_equal(rig_receive_entry(&fixture, &entry), TW_TRANSPORT_OK);
    tw_message_free(&fixture.pool, tw_transport_take(&fixture.transport));
    rig_teardown(&fixture);
}

/* 15: a frame that is refused leaves no channels behind; numbers that cannot be are refused. */
static void case_15_refused_frames(void **state)
{
    (void)state;
    struct fixture fixture;
    rig_setup(&fixture, BLOCKS);
    fixture.channels.config.kept = false;
    struct tw_entry entry = rig_whole(TW_CHANNEL_ORDERED, TW_MESSAGE_WINDOW, 10);
    assert_int_equal(rig_receive_entry(&fixture, &entry), TW_TRANSPORT_RANGE);
    assert_null(fixture.transport.channels);
    fixture.sequence = TW_SEALED_MAX;
    assert_int_equal(rig_acknowledge(&fixture, 1, 0), TW_TRANSPORT_RANGE);
    entry.number = 0;
    assert_int_equal(rig_receive_entry(&fixture, &entry), TW_TRANSPORT_RANGE);
    assert_null(fixture.transport.channels);
    rig_teardown(&fixture);
}

/* The next packet's messages frame; entries of it in `entries`; how many. */
static uint32_t send_entries(struct fixture *fixture, struct tw_transport *transport,
                             struct tw_entry *entries, uint32_t max)
{
    uint8_t packet[TW_PLAINTEXT_MAX];
    struct tw_writer writer = tw_writer_make(packet, sizeof(packet));
    uint32_t count = 0;
    if (!tw_transport_write(transport, &writer, fixture->now_us))
        return 0;
    size_t size = (size_t)(writer.next - packet);
    tw_transport_sent(transport, (uint32_t)size + TW_PACKET_MIN, fixture->now_us);
    const uint8_t *frame = packet;
    while (frame[0] != TW_FRAME_MESSAGES)
        frame += TW_FRAME_HEADER_SIZE + tw_load_u16(frame + 1);
    struct tw_reader reader = tw_reader_make(frame + TW_FRAME_HEADER_SIZE, tw_load_u16(frame + 1));
    while (tw_reader_left(&reader) > 0 && count < max)
        assert_int_equal(tw_entry_read(&reader, &entries[count++]), TW_FRAMES_OK);
    return count;
}

/* Number 0 of the channel without order, of a peer that begins with it. */
static void expect_taken(struct fixture *fixture, uint32_t size)
{
    struct tw_entry entry = rig_whole(TW_CHANNEL_UNORDERED, 0, size);
    assert_int_equal(rig_receive_entry(fixture, &entry), TW_TRANSPORT_OK);
    struct tw_message *came = tw_transport_take(&fixture->transport);
    assert_non_null(came);
    assert_int_equal(came->size, size);
    tw_message_free(&fixture->pool, came);
}

/* 16: the peer's process is another one. What was not acknowledged goes to it whole, from number 0,
 * in its order; what was given up does not; what had come in stays to be taken, what was half here
 * does not. */
static void case_16_another_process(void **state)
{
    (void)state;
    struct fixture fixture;
    struct tw_transport next;
    rig_setup(&fixture, BLOCKS);
    for (uint32_t size = 10; size <= 13; size++)
        rig_queue(&fixture, TW_CHANNEL_ORDERED, size);
    rig_queue(&fixture, TW_CHANNEL_BULK, 5000);
    struct tw_outgoing hasty = {.channel = TW_CHANNEL_UNORDERED,
                                .bytes = (const uint8_t *)"hasty",
                                .size = 5,
                                .deadline_us = fixture.now_us + 1000u};
    assert_int_equal(tw_transport_send(&fixture.transport, &hasty, fixture.now_us),
                     TW_SENDER_QUEUED);
    uint32_t packets = 0;
    while (rig_send(&fixture) > 0 && packets < 16) {
        packets++;
        fixture.now_us += 20000;
    }
    assert_true(packets > 2);
    /* The first packet arrived: all four small ones and a part of the large one. */
    assert_int_equal(rig_acknowledge(&fixture, 1, 0), TW_TRANSPORT_OK);
    for (uint32_t size = 20; size <= 22; size++)
        rig_queue(&fixture, TW_CHANNEL_ORDERED, size);
    (void)rig_send(&fixture);
    fixture.now_us += SECOND;
    tw_transport_update(&fixture.transport, fixture.now_us); /* the hasty one is given up */
    struct tw_entry whole_one = rig_whole(TW_CHANNEL_UNORDERED, 0, 30);
    struct tw_entry half = rig_part(TW_CHANNEL_BULK, 0, 0, TW_GRANULE_BYTES);
    assert_int_equal(rig_receive_entry(&fixture, &whole_one), TW_TRANSPORT_OK);
    assert_int_equal(rig_receive_entry(&fixture, &half), TW_TRANSPORT_OK);

    struct tw_transport_config config = {.channels = &fixture.channels, .first_sequence = 1};
    tw_transport_init(&next, &config, fixture.now_us);
    tw_transport_inherit(&next, &fixture.transport, fixture.now_us);
    tw_transport_fini(&fixture.transport);
    struct tw_message *came = tw_transport_take(&next);
    assert_non_null(came);
    assert_int_equal(came->size, 30);
    tw_message_free(&fixture.pool, came);
    assert_null(tw_transport_take(&next));

    uint32_t ordered = 0, bulk = 0;
    for (uint32_t packet = 0; packet < 16; packet++) {
        struct tw_entry entries[16];
        uint32_t count = send_entries(&fixture, &next, entries, 16);
        fixture.now_us += 20000;
        for (uint32_t i = 0; i < count; i++) {
            assert_int_not_equal(entries[i].channel, TW_CHANNEL_UNORDERED);
            if (entries[i].channel == TW_CHANNEL_BULK) {
                assert_int_equal(entries[i].number, 0);
                assert_int_equal(entries[i].first * TW_GRANULE_BYTES, bulk);
                bulk += entries[i].length;
                continue;
            }
            assert_int_equal(entries[i].number, ordered);
            assert_int_equal(entries[i].size, 20u + ordered);
            ordered++;
        }
    }
    assert_int_equal(ordered, 3);
    assert_int_equal(bulk, 5000);
    /* Its acknowledgements are of its own packets. */
    fixture.transport = next;
    assert_int_equal(rig_acknowledge(&fixture, 1, 0), TW_TRANSPORT_OK);
    assert_int_equal(rig_acknowledge(&fixture, 200, 0), TW_TRANSPORT_RANGE);
    assert_int_equal(rig_receive_entry(&fixture, &half), TW_TRANSPORT_OK);
    expect_taken(&fixture, 31);
    rig_teardown(&fixture);
}

/* 17: another path. What is on its way on the old one arrives or does not, and says nothing about
 * the new one; messages that were lost there go again. */
static void case_17_another_path(void **state)
{
    (void)state;
    struct fixture fixture;
    rig_setup(&fixture, BLOCKS);
    struct tw_transport *transport = &fixture.transport;
    const struct tw_congestion *congestion = &transport->congestion;
    for (uint32_t i = 0; i < 40; i++) {
        rig_send(&fixture);
        fixture.now_us += 20000;
        assert_int_equal(rig_acknowledge(&fixture, i + 1u, 0), TW_TRANSPORT_OK);
    }
    assert_int_equal(congestion->rtt.baseline_us, 20000);
    uint64_t first = transport->sent.next;
    for (uint32_t i = 0; i < 20; i++) { /* one in two of them will be lost */
        rig_queue(&fixture, TW_CHANNEL_UNORDERED, 100);
        assert_int_equal(rig_send(&fixture), 1);
    }
    tw_transport_path_changed(transport, TW_DATAGRAM_BASE, fixture.now_us);
    assert_int_equal(congestion->rtt.smoothed_us, 0);
    assert_int_equal(congestion->rtt.baseline_us, 0);
    fixture.now_us += 900000;
    assert_int_equal(rig_acknowledge(&fixture, first + 19u, 0x55555), TW_TRANSPORT_OK);
    assert_int_equal(transport->packets_acked, 40 + 11);
    assert_int_equal(transport->packets_lost, 9);
    assert_int_equal(congestion->rtt.smoothed_us, 0);
    assert_int_equal(congestion->loss_q16, 0);
    assert_int_equal(congestion->window_bytes, TW_WINDOW_INITIAL_BYTES);
    assert_int_equal(transport->reorder_us, 0);
    assert_int_equal(congestion->state, TW_LINK_NORMAL);
    assert_int_equal(rig_send(&fixture), 9);
    fixture.now_us += 150000;
    /* One that had been called lost comes late: not a word about this path, either. */
    assert_int_equal(rig_acknowledge(&fixture, first + 20u, 0x4), TW_TRANSPORT_OK);
    assert_int_equal(transport->packets_late, 1);
    assert_int_equal(transport->reorder_us, 0);
    assert_int_equal(congestion->rtt.smoothed_us, 150000);
    rig_teardown(&fixture);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(case_1_fragment_bomb),
        cmocka_unit_test(case_2_pool_empty),
        cmocka_unit_test(case_3_contradictions),
        cmocka_unit_test(case_4_duplicates),
        cmocka_unit_test(case_5_stalled),
        cmocka_unit_test(case_5_stalled_unheard),
        cmocka_unit_test(case_5_stalled_hardly_heard),
        cmocka_unit_test(case_6_never_acknowledged),
        cmocka_unit_test(case_7_many_in_one_packet),
        cmocka_unit_test(case_8_lost_and_abandoned),
        cmocka_unit_test(case_9_abandoned_by_the_peer),
        cmocka_unit_test(case_10_entries),
        cmocka_unit_test(case_11_states),
        cmocka_unit_test(case_12_overtaken),
        cmocka_unit_test(case_13_channels_rest),
        cmocka_unit_test(case_14_no_channels),
        cmocka_unit_test(case_15_refused_frames),
        cmocka_unit_test(case_16_another_process),
        cmocka_unit_test(case_17_another_path),
    };
    return cmocka_run_group_tests(tests, testing_setup, NULL);
}
