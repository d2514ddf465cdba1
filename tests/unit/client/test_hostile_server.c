/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A server with the right keys that says what no server says. Each packet also carries a close: it
 * is rejected and counted, and nothing that stands in it counts.
 */
#include "dataplane/wire/entry.h"
#include "dataplane/wire/frames.h"
#include "tests/unit/client/fake_server.h"
#include "tests/unit/client/testing.h"
#include "tickwire/bytes.h"

#define SECOND_US UINT64_C(1000000)

static struct fake_server server;
static struct tw_client *client;

static struct tw_client_statistics statistics(void)
{
    struct tw_client_statistics out;
    tw_client_get_statistics(client, &out);
    return out;
}

struct packet {
    uint8_t bytes[TW_DATAGRAM_MAX];
    struct tw_writer writer;
};

static void packet_begin(struct packet *packet)
{
    packet->writer = tw_writer_make(packet->bytes + TW_HEADER_SIZE, TW_PLAINTEXT_MAX);
}

static void packet_receive(struct packet *packet)
{
    size_t size = (size_t)(packet->writer.next - packet->bytes) - TW_HEADER_SIZE;
    assert_false(packet->writer.failed);
    size = server_link_seal(&server.link, packet->bytes, size);
    tw_transport_sent(&server.transport, (uint32_t)size, server.now_us);
    tw_client_receive(client, packet->bytes, size, server.now_us);
    tw_client_update(client, server.now_us);
}

static void expect_rejected(struct packet *packet)
{
    struct tw_client_statistics before = statistics();
    struct tw_client_message message;
    uint8_t bytes[64];
    tw_frame_write_close(&packet->writer, TW_CLOSE_KICKED);
    packet_receive(packet);
    assert_int_equal(statistics().packets_rejected, before.packets_rejected + 1u);
    assert_int_equal(statistics().messages_received, before.messages_received);
    assert_int_equal(statistics().snapshots, before.snapshots);
    assert_int_equal(tw_client_take_message(client, &message, bytes, sizeof(bytes)), 0);
    assert_int_equal(tw_client_get_state(client), TW_CLIENT_CONNECTED);
}

/* A messages frame with one entry of zeros. */
static void write_entry(struct packet *packet, const struct tw_entry *entry)
{
    uint8_t *frame = packet->writer.next;
    tw_write_space(&packet->writer, TW_FRAME_HEADER_SIZE);
    uint8_t *bytes = tw_entry_write(&packet->writer, entry);
    assert_non_null(bytes);
    memset(bytes, 0, entry->length);
    frame[0] = TW_FRAME_MESSAGES;
    tw_store_u16(frame + 1, (uint16_t)(packet->writer.next - frame - TW_FRAME_HEADER_SIZE));
}

static struct tw_entry command(uint16_t number)
{
    return (struct tw_entry){.channel = TW_CHANNEL_ORDERED,
                             .kind = TW_ENTRY_WHOLE,
                             .number = number,
                             .size = 10,
                             .length = 10};
}

static struct tw_entry part(uint16_t first, uint32_t size)
{
    return (struct tw_entry){.channel = TW_CHANNEL_BULK,
                             .kind = TW_ENTRY_PART,
                             .first = first,
                             .size = size,
                             .length = TW_GRANULE_BYTES};
}

static void write_snapshot(struct packet *packet, uint8_t flags)
{
    tw_write_u8(&packet->writer, TW_FRAME_SNAPSHOT);
    tw_write_u16(&packet->writer, 13);
    tw_write_u32(&packet->writer, UINT32_MAX); /* newer than any */
    tw_write_u32(&packet->writer, 1);
    tw_write_u32(&packet->writer, 0);
    tw_write_u8(&packet->writer, flags);
}

/* A message that is fine beside a snapshot that is none: not taken and, as it was not acknowledged,
 * sent again by whoever keeps to the rules. */
static void test_a_snapshot_that_is_none(void **state)
{
    (void)state;
    client = fake_server_join(&server);
    struct packet packet;
    struct tw_entry entry = command(0);
    packet_begin(&packet);
    write_entry(&packet, &entry);
    write_snapshot(&packet, 0xff);
    expect_rejected(&packet);

    struct tw_client_message message;
    uint8_t bytes[64];
    packet_begin(&packet);
    write_entry(&packet, &entry);
    packet_receive(&packet);
    assert_int_equal(tw_client_take_message(client, &message, bytes, sizeof(bytes)), 1);
    assert_int_equal(message.size, 10);
    tw_client_destroy(client);
}

static void test_acks_of_what_was_never_sent(void **state)
{
    (void)state;
    client = fake_server_join(&server);
    static const struct tw_frame_ack acks[] = {
        {.largest = 0}, {.largest = 1000000}, {.largest = UINT64_MAX, .bitmap = UINT64_MAX}};
    for (uint32_t i = 0; i < sizeof(acks) / sizeof(acks[0]); i++) {
        struct packet packet;
        packet_begin(&packet);
        tw_frame_write_ack(&packet.writer, &acks[i]);
        expect_rejected(&packet);
    }
    tw_client_destroy(client);
}

/* Numbers beyond the window, sizes that change, a message that goes on after its end. */
static void test_messages_that_contradict(void **state)
{
    (void)state;
    client = fake_server_join(&server);
    struct packet packet;
    struct tw_entry entry = command(TW_MESSAGE_WINDOW);
    packet_begin(&packet);
    write_entry(&packet, &entry);
    expect_rejected(&packet);

    entry = part(0, 5000);
    packet_begin(&packet);
    write_entry(&packet, &entry);
    packet_receive(&packet);
    entry = part(1, 5001);
    packet_begin(&packet);
    write_entry(&packet, &entry);
    expect_rejected(&packet);
    entry = part(0, 5000);
    entry.kind = TW_ENTRY_WHOLE;
    entry.size = entry.length = 100;
    packet_begin(&packet);
    write_entry(&packet, &entry);
    expect_rejected(&packet);
    tw_client_destroy(client);
}

/* Messages that begin and never end hold what one server may, and the rest goes on. */
static void test_memory_is_bounded(void **state)
{
    (void)state;
    client = fake_server_join(&server);
    struct packet packet;
    for (uint16_t number = 0; number < TW_MESSAGE_WINDOW; number++) {
        for (uint16_t block = 0; block < 64; block++) {
            struct tw_entry entry = part((uint16_t)(block * 8u), TW_MESSAGE_MAX);
            entry.number = number;
            packet_begin(&packet);
            write_entry(&packet, &entry);
            packet_receive(&packet);
        }
    }
    uint64_t snapshots = statistics().snapshots;
    uint64_t rejected = statistics().packets_rejected;
    fake_server_run(&server, client, SECOND_US);
    assert_true(statistics().snapshots > snapshots + 15);
    assert_int_equal(statistics().packets_rejected, rejected);
    struct tw_entry entry = command(0);
    struct tw_client_message message;
    uint8_t bytes[64];
    packet_begin(&packet);
    write_entry(&packet, &entry);
    packet_receive(&packet);
    assert_int_equal(tw_client_take_message(client, &message, bytes, sizeof(bytes)), 1);
    assert_int_equal(tw_client_get_state(client), TW_CLIENT_CONNECTED);
    tw_client_destroy(client);
}

/* Events about messages that do not go on; of which channel the last one was. */
static uint32_t count_stalls(uint32_t *channel)
{
    struct tw_client_event event;
    uint32_t count = 0;
    while (tw_client_poll_event(client, &event)) {
        if (event.type != TW_CLIENT_EVENT_STALLED)
            continue;
        *channel = event.code;
        count++;
    }
    return count;
}

static void send_part(uint16_t first)
{
    struct tw_entry entry = part(first, TW_MESSAGE_MAX);
    struct packet packet;
    packet_begin(&packet);
    write_entry(&packet, &entry);
    packet_receive(&packet);
}

/* Of a message left half sent the client is told, once; and again only if it went on meanwhile. */
static void test_a_message_left_half_sent_is_told(void **state)
{
    (void)state;
    uint32_t channel = 0;
    client = fake_server_join(&server);
    for (uint16_t round = 0; round < 2; round++) {
        send_part((uint16_t)(round * 8u));
        fake_server_run(&server, client, 4 * SECOND_US);
        assert_int_equal(count_stalls(&channel), 0);
        fake_server_run(&server, client, 2 * SECOND_US);
        assert_int_equal(count_stalls(&channel), 1);
        assert_int_equal(channel, TW_CLIENT_BULK);
        fake_server_run(&server, client, 20 * SECOND_US);
        assert_int_equal(count_stalls(&channel), 0);
    }
    assert_int_equal(tw_client_get_state(client), TW_CLIENT_CONNECTED);
    tw_client_destroy(client);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_snapshot_that_is_none),
        cmocka_unit_test(test_acks_of_what_was_never_sent),
        cmocka_unit_test(test_messages_that_contradict),
        cmocka_unit_test(test_memory_is_bounded),
        cmocka_unit_test(test_a_message_left_half_sent_is_told),
    };
    return cmocka_run_group_tests(tests, testing_setup, NULL);
}
