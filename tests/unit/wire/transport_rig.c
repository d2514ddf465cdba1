/* SPDX-License-Identifier: BSD-3-Clause */
#include "tests/unit/wire/transport_rig.h"

#include <stdlib.h>

void rig_setup(struct fixture *fixture, uint32_t blocks)
{
    memset(fixture, 0, sizeof(*fixture));
    fixture->memory = aligned_alloc(64, (tw_block_pool_footprint(blocks) + 63u) / 64u * 64u);
    assert_non_null(fixture->memory);
    tw_block_pool_init(&fixture->pool, fixture->memory, blocks);
    fixture->now_us = 10 * SECOND;
    struct tw_channels_config channels = {
        .blocks = &fixture->pool, .send_blocks_max = 160, .kept = true};
    fixture->channels_memory = aligned_alloc(64, tw_channels_pool_footprint(1));
    assert_non_null(fixture->channels_memory);
    /* They are told from nothing that was there before. */
    memset(fixture->channels_memory, 0xa5, tw_channels_pool_footprint(1));
    tw_channels_pool_init(&fixture->channels, &channels, fixture->channels_memory, 1);
    struct tw_transport_config config = {.channels = &fixture->channels, .first_sequence = 1};
    tw_transport_init(&fixture->transport, &config, fixture->now_us);
}

void rig_teardown(struct fixture *fixture)
{
    tw_transport_fini(&fixture->transport);
    assert_int_equal(fixture->pool.free_count, fixture->pool.capacity);
    assert_int_equal(fixture->channels.free_count, 1);
    free(fixture->memory);
    free(fixture->channels_memory);
}

void rig_queue(struct fixture *fixture, uint8_t channel, uint32_t size)
{
    static const uint8_t bytes[TW_MESSAGE_MAX];
    struct tw_outgoing message = {.channel = channel, .bytes = bytes, .size = size};
    assert_int_equal(tw_transport_send(&fixture->transport, &message, fixture->now_us),
                     TW_SENDER_QUEUED);
}

uint32_t rig_send(struct fixture *fixture)
{
    uint8_t packet[TW_PLAINTEXT_BASE];
    struct tw_writer writer = tw_writer_make(packet, sizeof(packet));
    tw_transport_write(&fixture->transport, &writer, fixture->now_us);
    uint32_t runs = tw_transport_run_count(&fixture->transport);
    tw_transport_sent(&fixture->transport, (uint32_t)(writer.next - packet) + TW_PACKET_MIN,
                      fixture->now_us);
    return runs;
}

enum tw_transport_result rig_acknowledge(struct fixture *fixture, uint64_t largest, uint64_t bitmap)
{
    struct tw_frame_ack ack = {.largest = largest, .bitmap = bitmap};
    struct tw_transport_packet packet = {.sequence = ++fixture->sequence, .ack = &ack};
    return tw_transport_receive(&fixture->transport, &packet, fixture->now_us);
}

struct tw_entry rig_whole(uint8_t channel, uint16_t number, uint32_t size)
{
    return (struct tw_entry){
        .channel = channel, .kind = TW_ENTRY_WHOLE, .number = number, .size = size, .length = size};
}

struct tw_entry rig_part(uint8_t channel, uint16_t number, uint16_t first, uint32_t length)
{
    return (struct tw_entry){.channel = channel,
                             .kind = TW_ENTRY_PART,
                             .number = number,
                             .first = first,
                             .size = TW_MESSAGE_MAX,
                             .length = length};
}

void rig_write_part(struct tw_writer *writer, const struct tw_entry *entry)
{
    uint8_t *bytes = tw_entry_write(writer, entry);
    assert_non_null(bytes);
    memset(bytes, 0x5a, entry->length);
}

enum tw_transport_result rig_receive(struct fixture *fixture, const struct tw_writer *writer,
                                     const uint8_t *body)
{
    struct tw_transport_packet packet = {.sequence = ++fixture->sequence,
                                         .messages = body,
                                         .messages_size = (size_t)(writer->next - body)};
    return tw_transport_receive(&fixture->transport, &packet, fixture->now_us);
}

enum tw_transport_result rig_receive_entry(struct fixture *fixture, const struct tw_entry *entry)
{
    uint8_t body[TW_DATAGRAM_MAX];
    struct tw_writer writer = tw_writer_make(body, sizeof(body));
    rig_write_part(&writer, entry);
    return rig_receive(fixture, &writer, body);
}
