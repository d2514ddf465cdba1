/* SPDX-License-Identifier: BSD-3-Clause */
#include "dataplane/wire/frames.h"

#include "tests/unit/wire/testing.h"

static enum tw_frames_result client_decode(const uint8_t *bytes, size_t size)
{
    struct tw_client_frames frames;
    return tw_client_frames_decode(&frames, bytes, size);
}

static enum tw_frames_result server_decode(const uint8_t *bytes, size_t size)
{
    struct tw_server_frames frames;
    return tw_server_frames_decode(&frames, bytes, size);
}

#define CLIENT(...)                                                                                \
    client_decode((const uint8_t[]){__VA_ARGS__}, sizeof((const uint8_t[]){__VA_ARGS__}))
#define SERVER(...)                                                                                \
    server_decode((const uint8_t[]){__VA_ARGS__}, sizeof((const uint8_t[]){__VA_ARGS__}))

static const uint8_t challenge[TW_CHALLENGE_SIZE] = {0, 255, 2, 3, 4, 5, 6, 7};

static void every_client_frame(struct tw_writer *writer)
{
    struct tw_input inputs[TW_INPUTS_MAX];
    for (uint8_t i = 0; i < TW_INPUTS_MAX; i++)
        inputs[i] = (struct tw_input){.move_x = (int8_t)(127 - i),
                                      .move_y = (int8_t)(-127 + i),
                                      .facing = (uint16_t)(0xfff0 + i),
                                      .buttons = (uint16_t)(0xff - i)};
    struct tw_frame_ack ack = {
        .largest = UINT64_MAX, .bitmap = 0x8000000000000001u, .delay_us = 65535};
    tw_frame_write_inputs(writer, 0xfffffffe, inputs, TW_INPUTS_MAX);
    tw_frame_write_snapshot_ack(writer, 9, 0x80000001u);
    tw_frame_write_ping(writer, UINT64_MAX - 1);
    tw_frame_write_close(writer, TW_CLOSE_BY_CLIENT);
    tw_frame_write_ack(writer, &ack);
    tw_frame_write_response(writer, challenge);
}

static void client_round_trip(void **state)
{
    (void)state;
    uint8_t bytes[TW_PLAINTEXT_MAX];
    struct tw_writer writer = tw_writer_make(bytes, sizeof(bytes));
    every_client_frame(&writer);
    assert_false(writer.failed);
    struct tw_client_frames frames;
    size_t size = (size_t)(writer.next - bytes);
    assert_int_equal(size, 3 + 5 + 48 + 3 + 8 + 3 + 8 + 3 + 2 + 3 + 18 + 3 + 8);
    assert_int_equal(tw_client_frames_decode(&frames, bytes, size), TW_FRAMES_OK);
    assert_true(frames.has_inputs && frames.has_snapshot_ack && frames.has_ping &&
                frames.has_close && frames.has_ack && frames.has_response);
    assert_memory_equal(frames.response, challenge, sizeof(challenge));
    assert_int_equal(frames.newest_tick, 0xfffffffe);
    assert_int_equal(frames.input_count, 8);
    for (int i = 0; i < 8; i++) {
        assert_int_equal(frames.inputs[i].move_x, 127 - i);
        assert_int_equal(frames.inputs[i].move_y, -127 + i);
        assert_int_equal(frames.inputs[i].facing, 0xfff0 + i);
        assert_int_equal(frames.inputs[i].buttons, 0xff - i);
    }
    assert_int_equal(frames.snapshot_newest, 9);
    assert_int_equal(frames.snapshot_bitmap, 0x80000001u);
    assert_true(frames.ping_time_us == UINT64_MAX - 1);
    assert_int_equal(frames.close_reason, TW_CLOSE_BY_CLIENT);
    assert_true(frames.ack.largest == UINT64_MAX && frames.ack.bitmap == 0x8000000000000001u);
    assert_int_equal(frames.ack.delay_us, 65535);
}

static void server_round_trip(void **state)
{
    (void)state;
    uint8_t bytes[TW_PLAINTEXT_MAX], body[TW_SNAPSHOT_FIXED_SIZE + 4] = {7, [16] = 9};
    struct tw_writer writer = tw_writer_make(bytes, sizeof(bytes));
    struct tw_frame_pong pong = {.echo_us = 1, .received_us = 2, .sent_us = UINT64_MAX};
    struct tw_frame_ack ack = {.largest = 1};
    tw_frame_write_pong(&writer, &pong);
    tw_write_u8(&writer, TW_FRAME_SNAPSHOT);
    tw_write_u16(&writer, sizeof(body));
    tw_write_bytes(&writer, body, sizeof(body));
    tw_frame_write_close(&writer, TW_CLOSE_REPLACED);
    tw_frame_write_ack(&writer, &ack);
    tw_frame_write_challenge(&writer, challenge);
    tw_frame_write_rename(&writer, 0x80000001u);
    assert_false(writer.failed);
    struct tw_server_frames frames;
    assert_int_equal(tw_server_frames_decode(&frames, bytes, (size_t)(writer.next - bytes)),
                     TW_FRAMES_OK);
    assert_true(frames.has_pong && frames.has_snapshot && frames.has_close && frames.has_ack);
    assert_true(frames.pong.echo_us == 1 && frames.pong.received_us == 2 &&
                frames.pong.sent_us == UINT64_MAX);
    assert_int_equal(frames.snapshot_size, sizeof(body));
    assert_memory_equal(frames.snapshot, body, sizeof(body));
    assert_int_equal(frames.close_reason, TW_CLOSE_REPLACED);
    assert_true(frames.ack.largest == 1 && frames.ack.bitmap == 0);
    assert_true(frames.has_challenge && frames.has_rename);
    assert_memory_equal(frames.challenge, challenge, sizeof(challenge));
    assert_int_equal(frames.connection_id, 0x80000001u);
}

/* Whatever prefix of a valid packet is cut off, nothing but whole frames passes. */
static void every_truncation(void **state)
{
    (void)state;
    uint8_t bytes[TW_PLAINTEXT_MAX];
    struct tw_writer writer = tw_writer_make(bytes, sizeof(bytes));
    every_client_frame(&writer);
    size_t size = (size_t)(writer.next - bytes);
    for (size_t cut = 0; cut <= size; cut++) {
        bool border = cut == 56 || cut == 67 || cut == 78 || cut == 83 || cut == 104 || cut == size;
        assert_int_equal(client_decode(bytes, cut), border ? TW_FRAMES_OK : TW_FRAMES_MALFORMED);
    }
}

static void empty_or_unknown(void **state)
{
    (void)state;
    assert_int_equal(client_decode((const uint8_t *)"", 0), TW_FRAMES_MALFORMED);
    assert_int_equal(server_decode((const uint8_t *)"", 0), TW_FRAMES_MALFORMED);
    assert_int_equal(CLIENT(0, 0, 0), TW_FRAMES_MALFORMED);
    assert_int_equal(CLIENT(11, 0, 0), TW_FRAMES_MALFORMED);
    assert_int_equal(CLIENT(32, 0, 0), TW_FRAMES_MALFORMED);
    assert_int_equal(CLIENT(255, 0, 0), TW_FRAMES_MALFORMED);
    assert_int_equal(SERVER(0, 0, 0), TW_FRAMES_MALFORMED);
    assert_int_equal(SERVER(11, 0, 0), TW_FRAMES_MALFORMED);
    assert_int_equal(SERVER(10, 4, 0, 0, 0, 0, 0), TW_FRAMES_RANGE);
    assert_int_equal(SERVER(39, 0, 0), TW_FRAMES_MALFORMED);
}

/* A frame of the other direction is as wrong as an unknown one. */
static void other_direction(void **state)
{
    (void)state;
    uint8_t bytes[64];
    struct tw_writer writer = tw_writer_make(bytes, sizeof(bytes));
    tw_frame_write_pong(&writer, &(struct tw_frame_pong){0});
    assert_int_equal(client_decode(bytes, (size_t)(writer.next - bytes)), TW_FRAMES_MALFORMED);
    assert_int_equal(CLIENT(7, 13, 0, 1, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0), TW_FRAMES_MALFORMED);
    assert_int_equal(SERVER(3, 8, 0, 1, 2, 3, 4, 5, 6, 7, 8), TW_FRAMES_MALFORMED);
    assert_int_equal(CLIENT(3, 8, 0, 1, 2, 3, 4, 5, 6, 7, 8), TW_FRAMES_OK);
    assert_int_equal(SERVER(2, 8, 0, 1, 0, 0, 0, 0, 0, 0, 0), TW_FRAMES_MALFORMED);
    assert_int_equal(SERVER(9, 8, 0, 1, 0, 0, 0, 0, 0, 0, 0), TW_FRAMES_MALFORMED);
    assert_int_equal(CLIENT(8, 8, 0, 1, 0, 0, 0, 0, 0, 0, 0), TW_FRAMES_MALFORMED);
    assert_int_equal(CLIENT(10, 4, 0, 1, 0, 0, 0), TW_FRAMES_MALFORMED);
    assert_int_equal(SERVER(1, 11, 0, 9, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0), TW_FRAMES_MALFORMED);
}

static void given_twice(void **state)
{
    (void)state;
    assert_int_equal(CLIENT(5, 2, 0, 1, 0), TW_FRAMES_OK);
    assert_int_equal(CLIENT(5, 2, 0, 1, 0, 5, 2, 0, 1, 0), TW_FRAMES_MALFORMED);
    assert_int_equal(SERVER(5, 2, 0, 1, 0), TW_FRAMES_OK);
    assert_int_equal(SERVER(5, 2, 0, 1, 0, 5, 2, 0, 1, 0), TW_FRAMES_MALFORMED);
}

/* Each fixed frame with a body one byte short and one byte long. */
static void wrong_lengths(void **state)
{
    (void)state;
    static const struct {
        uint8_t type;
        uint8_t size;
        bool from_client, from_server;
    } kinds[] = {
        {TW_FRAME_SNAPSHOT_ACK, TW_SNAPSHOT_ACK_SIZE, true, false},
        {TW_FRAME_PING, TW_PING_SIZE, true, false},
        {TW_FRAME_PONG, TW_PONG_SIZE, false, true},
        {TW_FRAME_CLOSE, TW_CLOSE_SIZE, true, true},
        {TW_FRAME_ACK, TW_ACK_SIZE, true, true},
        {TW_FRAME_CHALLENGE, TW_CHALLENGE_SIZE, false, true},
        {TW_FRAME_RESPONSE, TW_CHALLENGE_SIZE, true, false},
        {TW_FRAME_RENAME, TW_RENAME_SIZE, false, true},
        {TW_FRAME_RESUME, TW_RESUME_SIZE, false, true},
    };
    for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
        for (int change = -1; change <= 1; change++) {
            uint8_t bytes[256] = {kinds[i].type, (uint8_t)(kinds[i].size + change), 0, 1};
            size_t size = 3 + (size_t)(kinds[i].size + change);
            enum tw_frames_result expected = change == 0 ? TW_FRAMES_OK : TW_FRAMES_MALFORMED;
            if (kinds[i].from_client)
                assert_int_equal(client_decode(bytes, size), expected);
            if (kinds[i].from_server)
                assert_int_equal(server_decode(bytes, size), expected);
        }
    }
    uint8_t snapshot[16] = {TW_FRAME_SNAPSHOT, 12};
    assert_int_equal(server_decode(snapshot, 15), TW_FRAMES_MALFORMED);
    snapshot[1] = 13;
    assert_int_equal(server_decode(snapshot, 16), TW_FRAMES_OK);
    /* a length that runs past the packet's end, up to the largest */
    assert_int_equal(CLIENT(5, 3, 0, 1, 0), TW_FRAMES_MALFORMED);
    assert_int_equal(CLIENT(5, 0xff, 0xff, 1, 0), TW_FRAMES_MALFORMED);
}

/* inputs[count] for `newest`, every entry's bytes as given; list of `listed` entries. */
static enum tw_frames_result decode_inputs(uint32_t newest, uint8_t count, size_t listed,
                                           const uint8_t entry[TW_INPUT_SIZE])
{
    uint8_t bytes[3 + 5 + 16 * TW_INPUT_SIZE] = {TW_FRAME_INPUTS};
    size_t size = TW_INPUTS_LIST + listed * TW_INPUT_SIZE;
    tw_store_u16(bytes + 1, (uint16_t)size);
    tw_store_u32(bytes + 3, newest);
    bytes[7] = count;
    for (size_t i = 0; i < listed; i++)
        memcpy(bytes + 8 + i * TW_INPUT_SIZE, entry, TW_INPUT_SIZE);
    return client_decode(bytes, 3 + size);
}

static void input_counts(void **state)
{
    (void)state;
    static const uint8_t still[6] = {0};
    for (uint8_t count = 1; count <= 8; count++)
        assert_int_equal(decode_inputs(100, count, count, still), TW_FRAMES_OK);
    assert_int_equal(decode_inputs(100, 0, 0, still), TW_FRAMES_RANGE);
    assert_int_equal(decode_inputs(UINT32_MAX, 0, 0, still), TW_FRAMES_RANGE);
    assert_int_equal(decode_inputs(100, 9, 9, still), TW_FRAMES_RANGE);
    assert_int_equal(decode_inputs(100, 3, 2, still), TW_FRAMES_MALFORMED);
    assert_int_equal(decode_inputs(100, 2, 3, still), TW_FRAMES_MALFORMED);
    assert_int_equal(decode_inputs(100, 255, 8, still), TW_FRAMES_MALFORMED);
    assert_int_equal(CLIENT(1, 4, 0, 1, 0, 0, 0), TW_FRAMES_MALFORMED);
}

/* The oldest entry's tick must not be below 0. */
static void input_ticks(void **state)
{
    (void)state;
    static const uint8_t still[6] = {0};
    assert_int_equal(decode_inputs(0, 1, 1, still), TW_FRAMES_OK);
    assert_int_equal(decode_inputs(0, 2, 2, still), TW_FRAMES_RANGE);
    assert_int_equal(decode_inputs(7, 8, 8, still), TW_FRAMES_OK);
    assert_int_equal(decode_inputs(6, 8, 8, still), TW_FRAMES_RANGE);
    assert_int_equal(decode_inputs(UINT32_MAX, 8, 8, still), TW_FRAMES_OK);
}

static void input_fields(void **state)
{
    (void)state;
    static const struct {
        uint8_t entry[6];
        enum tw_frames_result expected;
    } cases[] = {
        {{0x7f, 0x81, 0xff, 0xff, 0xff, 0}, TW_FRAMES_OK}, /* 127, -127, any facing */
        {{0x80, 0, 0, 0, 0, 0}, TW_FRAMES_RANGE},          /* -128 */
        {{0, 0x80, 0, 0, 0, 0}, TW_FRAMES_RANGE},
        {{0, 0, 0, 0, 0, 0x01}, TW_FRAMES_RANGE}, /* button 8 */
        {{0, 0, 0, 0, 0, 0x80}, TW_FRAMES_RANGE}, /* button 15 */
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
        assert_int_equal(decode_inputs(10, 1, 1, cases[i].entry), cases[i].expected);
    for (int bit = 8; bit < 16; bit++) {
        uint8_t entry[6] = {0, 0, 0, 0, 0, (uint8_t)(1u << (bit - 8))};
        assert_int_equal(decode_inputs(10, 1, 1, entry), TW_FRAMES_RANGE);
    }
}

static void resume_frames(void **state)
{
    (void)state;
    uint8_t token[TW_TOKEN_SIZE], bytes[TW_PLAINTEXT_MAX];
    for (size_t i = 0; i < sizeof(token); i++)
        token[i] = (uint8_t)i;
    struct tw_writer writer = tw_writer_make(bytes, sizeof(bytes));
    tw_frame_write_resume(&writer, UINT64_C(0x1122334455667788), token);
    struct tw_server_frames frames;
    assert_int_equal(tw_server_frames_decode(&frames, bytes, (size_t)(writer.next - bytes)),
                     TW_FRAMES_OK);
    assert_true(frames.has_resume && !frames.has_rename);
    assert_int_equal(tw_load_u64(frames.resume + TW_RESUME_EXPIRES), UINT64_C(0x1122334455667788));
    assert_memory_equal(frames.resume + TW_RESUME_TOKEN, token, sizeof(token));
    writer = tw_writer_make(bytes, sizeof(bytes));
    tw_frame_write_resume_wanted(&writer);
    struct tw_client_frames asked;
    assert_int_equal(tw_client_frames_decode(&asked, bytes, (size_t)(writer.next - bytes)),
                     TW_FRAMES_OK);
    assert_true(asked.has_resume_wanted && !asked.has_ping);
    assert_int_equal(CLIENT(TW_FRAME_RESUME_WANTED, 1, 0, 0), TW_FRAMES_MALFORMED);
    assert_int_equal(SERVER(TW_FRAME_RESUME_WANTED, 0, 0), TW_FRAMES_MALFORMED);
    assert_int_equal(CLIENT(TW_FRAME_RESUME_WANTED, 0, 0, TW_FRAME_RESUME_WANTED, 0, 0),
                     TW_FRAMES_MALFORMED);
}

static void other_ranges(void **state)
{
    (void)state;
    assert_int_equal(CLIENT(2, 8, 0, 0, 0, 0, 0, 1, 0, 0, 0), TW_FRAMES_RANGE); /* snapshot 0 */
    assert_int_equal(CLIENT(5, 2, 0, 0, 0), TW_FRAMES_RANGE);                   /* no reason */
    assert_int_equal(CLIENT(5, 2, 0, 14, 0), TW_FRAMES_OK);
    assert_int_equal(CLIENT(5, 2, 0, 15, 0), TW_FRAMES_RANGE);
    assert_int_equal(CLIENT(5, 2, 0, 1, 1), TW_FRAMES_RANGE);
    assert_int_equal(SERVER(5, 2, 0, 15, 0), TW_FRAMES_RANGE);
    uint8_t ack[21] = {TW_FRAME_ACK, 18, 0, [11] = 1};
    assert_int_equal(client_decode(ack, sizeof(ack)), TW_FRAMES_RANGE); /* number 0 */
    assert_int_equal(server_decode(ack, sizeof(ack)), TW_FRAMES_RANGE);
    /* one bad frame rejects the good ones before it */
    assert_int_equal(CLIENT(3, 8, 0, 1, 2, 3, 4, 5, 6, 7, 8, 5, 2, 0, 0, 0), TW_FRAMES_RANGE);
}

static enum tw_frames_result decode_arrivals(const struct tw_frame_arrivals *arrivals)
{
    uint8_t bytes[32];
    struct tw_writer writer = tw_writer_make(bytes, sizeof(bytes));
    tw_frame_write_arrivals(&writer, arrivals);
    return server_decode(bytes, (size_t)(writer.next - bytes));
}

static void arrivals_ranges(void **state)
{
    (void)state;
    const struct tw_frame_arrivals good = {
        .newest = 9, .mean = 10000, .lowest = -10000, .count = 255, .late = 255};
    assert_int_equal(decode_arrivals(&good), TW_FRAMES_OK);
    struct tw_frame_arrivals bad = good;
    bad.newest = 0;
    assert_int_equal(decode_arrivals(&bad), TW_FRAMES_RANGE);
    bad = good;
    bad.mean = 10001;
    assert_int_equal(decode_arrivals(&bad), TW_FRAMES_RANGE);
    bad = good;
    bad.lowest = -10001;
    assert_int_equal(decode_arrivals(&bad), TW_FRAMES_RANGE);
    bad = (struct tw_frame_arrivals){.newest = 9, .mean = 4, .lowest = 5, .count = 1};
    assert_int_equal(decode_arrivals(&bad), TW_FRAMES_RANGE);
    bad = (struct tw_frame_arrivals){.newest = 9};
    assert_int_equal(decode_arrivals(&bad), TW_FRAMES_RANGE);
    bad = (struct tw_frame_arrivals){.newest = 9, .count = 1, .late = 2};
    assert_int_equal(decode_arrivals(&bad), TW_FRAMES_RANGE);
    static const uint8_t shorter[12] = {TW_FRAME_ARRIVALS, 9, 0, 1};
    assert_int_equal(server_decode(shorter, sizeof(shorter)), TW_FRAMES_MALFORMED);
    static const uint8_t longer[14] = {TW_FRAME_ARRIVALS, 11, 0, 1};
    assert_int_equal(server_decode(longer, sizeof(longer)), TW_FRAMES_MALFORMED);
    assert_int_equal(client_decode(shorter, sizeof(shorter)), TW_FRAMES_MALFORMED);
}

static enum tw_frames_result decode_check(const struct tw_frame_check *check)
{
    uint8_t bytes[32];
    struct tw_writer writer = tw_writer_make(bytes, sizeof(bytes));
    tw_frame_write_check(&writer, check);
    return client_decode(bytes, (size_t)(writer.next - bytes));
}

static void check_ranges(void **state)
{
    (void)state;
    assert_int_equal(decode_check(&(struct tw_frame_check){.number = 1}), TW_FRAMES_OK);
    assert_int_equal(decode_check(&(struct tw_frame_check){.number = 0}), TW_FRAMES_RANGE);
    struct tw_frame_check check = {.number = UINT32_MAX, .bits = 8, .group = 255};
    assert_int_equal(decode_check(&check), TW_FRAMES_OK);
    check.bits = 9;
    assert_int_equal(decode_check(&check), TW_FRAMES_RANGE);
    check = (struct tw_frame_check){.number = 1, .bits = 4, .group = 16};
    assert_int_equal(decode_check(&check), TW_FRAMES_RANGE);
    check = (struct tw_frame_check){.number = 1, .group = 1};
    assert_int_equal(decode_check(&check), TW_FRAMES_RANGE);
    static const uint8_t shorter[12] = {TW_FRAME_CHECK, 9, 0, 1};
    assert_int_equal(client_decode(shorter, sizeof(shorter)), TW_FRAMES_MALFORMED);
    static const uint8_t whole[13] = {TW_FRAME_CHECK, 10, 0, 1};
    assert_int_equal(server_decode(whole, sizeof(whole)), TW_FRAMES_MALFORMED);
}

static void notice_ranges(void **state)
{
    (void)state;
    assert_int_equal(SERVER(17, 4, 0, 2, 3, 0xff, 0xff), TW_FRAMES_OK);
    assert_int_equal(SERVER(17, 4, 0, 0, 0, 0, 0), TW_FRAMES_OK);
    assert_int_equal(SERVER(17, 4, 0, 3, 0, 0, 0), TW_FRAMES_RANGE);
    assert_int_equal(SERVER(17, 4, 0, 1, 4, 0, 0), TW_FRAMES_RANGE);
    assert_int_equal(SERVER(17, 3, 0, 1, 0, 0), TW_FRAMES_MALFORMED);
    assert_int_equal(SERVER(17, 5, 0, 1, 0, 0, 0, 0), TW_FRAMES_MALFORMED);
    assert_int_equal(CLIENT(17, 4, 0, 1, 0, 0, 0), TW_FRAMES_MALFORMED);
}

/* A writer takes a frame that fits exactly, and nothing of one that does not. */
static void exact_fill(void **state)
{
    (void)state;
    for (size_t room = 0; room <= 100; room++) {
        uint8_t bytes[128];
        memset(bytes, 0xcc, sizeof(bytes));
        struct tw_writer writer = tw_writer_make(bytes, room);
        tw_frame_write_ping(&writer, 1);
        assert_int_equal(writer.failed, room < 11);
        assert_int_equal(writer.next - bytes, room < 11 ? 0 : 11);
        tw_frame_write_ack(&writer, &(struct tw_frame_ack){.largest = 1});
        assert_int_equal(writer.failed, room < 32);
        size_t used = room < 11 ? 0 : room < 32 ? 11 : 32;
        assert_int_equal(writer.next - bytes, used);
        for (size_t i = used; i < sizeof(bytes); i++)
            assert_int_equal(bytes[i], 0xcc);
        if (!writer.failed)
            assert_int_equal(client_decode(bytes, used), TW_FRAMES_OK);
    }
    /* the largest snapshot there can be */
    static uint8_t packet[TW_PLAINTEXT_MAX];
    packet[0] = TW_FRAME_SNAPSHOT;
    tw_store_u16(packet + 1, TW_PLAINTEXT_MAX - 3);
    assert_int_equal(server_decode(packet, sizeof(packet)), TW_FRAMES_OK);
    assert_int_equal(server_decode(packet, sizeof(packet) - 1), TW_FRAMES_MALFORMED);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(client_round_trip), cmocka_unit_test(server_round_trip),
        cmocka_unit_test(every_truncation),  cmocka_unit_test(empty_or_unknown),
        cmocka_unit_test(other_direction),   cmocka_unit_test(given_twice),
        cmocka_unit_test(wrong_lengths),     cmocka_unit_test(input_counts),
        cmocka_unit_test(input_ticks),       cmocka_unit_test(input_fields),
        cmocka_unit_test(other_ranges),      cmocka_unit_test(exact_fill),
        cmocka_unit_test(arrivals_ranges),   cmocka_unit_test(check_ranges),
        cmocka_unit_test(resume_frames),     cmocka_unit_test(notice_ranges),
    };
    return cmocka_run_group_tests(tests, testing_setup, NULL);
}
