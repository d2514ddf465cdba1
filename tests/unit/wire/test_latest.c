/* SPDX-License-Identifier: BSD-3-Clause */
/* Channel 0, of which only the newest message counts: which one that is, also where numbers go on
 * at 0. */
#include "tests/unit/wire/transport_rig.h"

#define BEFORE_WRAP (UINT16_MAX - 99u) /* 2^16 - 100 */

static void setup_at(struct fixture *fixture, uint16_t newest)
{
    rig_setup(fixture, BLOCKS);
    fixture->transport.numbers.receiver.latest = newest;
    fixture->transport.numbers.receiver.latest_seen = true;
    fixture->transport.numbers.sender.latest = newest;
}

/* A message with this number comes: true if it is there to be taken. */
static bool is_delivered(struct fixture *fixture, uint16_t number)
{
    struct tw_entry entry = rig_whole(TW_CHANNEL_STATE, number, 20);
    assert_int_equal(rig_receive_entry(fixture, &entry), TW_TRANSPORT_OK);
    struct tw_message *message = tw_transport_take(&fixture->transport);
    if (!message)
        return false;
    assert_int_equal(message->channel, TW_CHANNEL_STATE);
    assert_int_equal(message->number, number);
    tw_message_free(&fixture->pool, message);
    assert_null(tw_transport_take(&fixture->transport));
    return true;
}

/* 1: from 2^16 - 100 on each next one is newer, and those before it, and itself again, are not. */
static void case_1_over_the_wrap(void **state)
{
    (void)state;
    static const uint16_t back[] = {0, 1, 2, 50, 100, 300, 0x7fff, 0x8000};
    struct fixture fixture;
    uint64_t superseded = 0;
    setup_at(&fixture, (uint16_t)(BEFORE_WRAP - 1u));
    for (uint32_t i = 0; i < 200; i++) {
        uint16_t number = (uint16_t)(BEFORE_WRAP + i);
        assert_true(is_delivered(&fixture, number));
        for (uint32_t k = 0; k < sizeof(back) / sizeof(back[0]); k++) {
            assert_false(is_delivered(&fixture, (uint16_t)(number - back[k])));
            superseded++;
        }
    }
    assert_int_equal(fixture.transport.channels->receiver.superseded, superseded);
    assert_int_equal(fixture.transport.channels->receiver.latest_number, 99);
    rig_teardown(&fixture);
}

/* 2: numbers that were lost may be passed over, up to half of all. */
static void case_2_numbers_passed_over(void **state)
{
    (void)state;
    struct fixture fixture;
    setup_at(&fixture, (uint16_t)BEFORE_WRAP);
    assert_true(is_delivered(&fixture, 50)); /* 150 further on */
    assert_false(is_delivered(&fixture, UINT16_MAX));
    assert_false(is_delivered(&fixture, 0));
    assert_false(is_delivered(&fixture, 49));
    assert_true(is_delivered(&fixture, 50 + 0x7fff));
    assert_false(is_delivered(&fixture, 50));
    assert_true(is_delivered(&fixture, (uint16_t)(50u + 2u * 0x7fffu)));
    rig_teardown(&fixture);
}

/* 3: the first that ever comes is the newest, whatever its number. */
static void case_3_the_first(void **state)
{
    (void)state;
    static const uint16_t numbers[] = {0, 1, 0x7fff, 0x8000, UINT16_MAX};
    for (uint32_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++) {
        struct fixture fixture;
        rig_setup(&fixture, BLOCKS);
        assert_true(is_delivered(&fixture, numbers[i]));
        assert_false(is_delivered(&fixture, numbers[i]));
        assert_true(is_delivered(&fixture, (uint16_t)(numbers[i] + 1u)));
        rig_teardown(&fixture);
    }
}

/* 4: channels that rest between two of them keep the number of the newest. */
static void case_4_channels_rest(void **state)
{
    (void)state;
    struct fixture fixture;
    setup_at(&fixture, (uint16_t)(BEFORE_WRAP - 1u));
    fixture.channels.config.kept = false;
    for (uint32_t i = 0; i < 200; i++) {
        uint16_t number = (uint16_t)(BEFORE_WRAP + i);
        assert_true(is_delivered(&fixture, number));
        assert_true(tw_transport_rest(&fixture.transport));
        assert_false(is_delivered(&fixture, (uint16_t)(number - 1u)));
        assert_false(is_delivered(&fixture, number));
        assert_true(tw_transport_rest(&fixture.transport));
    }
    rig_teardown(&fixture);
}

/* The number of the message in the next packet. */
static uint16_t send_number(struct fixture *fixture)
{
    uint8_t packet[TW_PLAINTEXT_BASE];
    struct tw_writer writer = tw_writer_make(packet, sizeof(packet));
    struct tw_entry entry;
    assert_true(tw_transport_write(&fixture->transport, &writer, fixture->now_us));
    size_t size = (size_t)(writer.next - packet);
    tw_transport_sent(&fixture->transport, (uint32_t)size + TW_PACKET_MIN, fixture->now_us);
    assert_int_equal(packet[0], TW_FRAME_MESSAGES);
    struct tw_reader reader =
        tw_reader_make(packet + TW_FRAME_HEADER_SIZE, size - TW_FRAME_HEADER_SIZE);
    assert_int_equal(tw_entry_read(&reader, &entry), TW_FRAMES_OK);
    assert_int_equal(tw_reader_left(&reader), 0);
    assert_int_equal(entry.channel, TW_CHANNEL_STATE);
    return entry.number;
}

/* 5: going out, too, numbers go on at 0; of two that wait only the newer one leaves. */
static void case_5_going_out(void **state)
{
    (void)state;
    struct fixture fixture;
    setup_at(&fixture, (uint16_t)(BEFORE_WRAP - 1u));
    for (uint32_t i = 0; i < 100; i++) {
        rig_queue(&fixture, TW_CHANNEL_STATE, 20);
        rig_queue(&fixture, TW_CHANNEL_STATE, 30);
        assert_int_equal(send_number(&fixture), (uint16_t)(BEFORE_WRAP + 2u * i + 1u));
    }
    assert_int_equal(fixture.transport.channels->sender.replaced, 100);
    assert_int_equal(fixture.transport.channels->sender.latest_number, 99);
    rig_teardown(&fixture);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(case_1_over_the_wrap), cmocka_unit_test(case_2_numbers_passed_over),
        cmocka_unit_test(case_3_the_first),     cmocka_unit_test(case_4_channels_rest),
        cmocka_unit_test(case_5_going_out),
    };
    return cmocka_run_group_tests(tests, testing_setup, NULL);
}
