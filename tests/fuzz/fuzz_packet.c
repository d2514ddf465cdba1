/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Round trip, then corrupt: a packet of valid frames made from the input is sealed, damaged in a
 * byte the input chooses, and opened. It must fail, or, undamaged, give the identical frames.
 *
 * Input: u8 (bit 0 AES-256-GCM, bit 1 from the server, bits 2..6 which frames), u16 place, u8 mask,
 * u64 sequence, then the frames' fields.
 */
#include "dataplane/wire/frames.h"
#include "dataplane/wire/header.h"
#include "dataplane/wire/keys.h"
#include "tests/fuzz/fuzzing.h"

#include <sodium.h>

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
    (void)argc;
    (void)argv;
    return sodium_init() < 0;
}

static uint16_t take_reason(struct tw_reader *reader)
{
    return (uint16_t)(1u + fuzz_u16(reader) % (TW_CLOSE_COUNT - 1u));
}

static void take_ack(struct tw_reader *reader, struct tw_writer *writer)
{
    struct tw_frame_ack ack = {
        .largest = fuzz_u64(reader) | 1, .bitmap = fuzz_u64(reader), .delay_us = fuzz_u16(reader)};
    tw_frame_write_ack(writer, &ack);
}

static void take_client_frames(struct tw_reader *reader, struct tw_writer *writer, uint8_t which)
{
    if (which & 0x04) {
        struct tw_input inputs[TW_INPUTS_MAX];
        uint8_t count = (uint8_t)(1u + fuzz_u8(reader) % TW_INPUTS_MAX);
        uint32_t newest = fuzz_u32(reader) | 7u; /* the oldest tick is never below 0 */
        for (uint8_t i = 0; i < count; i++) {
            inputs[i] = (struct tw_input){
                .move_x = (int8_t)(fuzz_u8(reader) % 255 - 127),
                .move_y = (int8_t)(fuzz_u8(reader) % 255 - 127),
                .facing = fuzz_u16(reader),
                .buttons = fuzz_u8(reader),
            };
        }
        tw_frame_write_inputs(writer, newest, inputs, count);
    }
    if (which & 0x08)
        tw_frame_write_snapshot_ack(writer, fuzz_u32(reader) | 1u, fuzz_u32(reader));
    if (which & 0x10)
        tw_frame_write_ping(writer, fuzz_u64(reader));
}

static void take_server_frames(struct tw_reader *reader, struct tw_writer *writer, uint8_t which)
{
    if (which & 0x04) {
        struct tw_frame_pong pong = {.echo_us = fuzz_u64(reader),
                                     .received_us = fuzz_u64(reader),
                                     .sent_us = fuzz_u64(reader)};
        tw_frame_write_pong(writer, &pong);
    }
    if (which & 0x08) {
        uint8_t body[512];
        uint16_t size = (uint16_t)(TW_SNAPSHOT_FIXED_SIZE +
                                   fuzz_u16(reader) % (sizeof(body) - TW_SNAPSHOT_FIXED_SIZE));
        fuzz_take(reader, body, size);
        tw_write_u8(writer, TW_FRAME_SNAPSHOT);
        tw_write_u16(writer, size);
        tw_write_bytes(writer, body, size);
    }
}

static void check_frames(bool from_server, const uint8_t *packet, const uint8_t *plain, size_t size)
{
    TW_ASSERT(memcmp(packet + TW_HEADER_SIZE, plain, size) == 0);
    if (from_server) {
        struct tw_server_frames frames;
        TW_ASSERT(tw_server_frames_decode(&frames, packet + TW_HEADER_SIZE, size) == TW_FRAMES_OK);
    } else {
        struct tw_client_frames sent = {0}, got = {0};
        TW_ASSERT(tw_client_frames_decode(&sent, plain, size) == TW_FRAMES_OK);
        TW_ASSERT(tw_client_frames_decode(&got, packet + TW_HEADER_SIZE, size) == TW_FRAMES_OK);
        TW_ASSERT(memcmp(&sent, &got, sizeof(sent)) == 0);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct tw_reader reader = tw_reader_make(data, size);
    uint8_t which = fuzz_u8(&reader);
    struct tw_reader damage = reader;
    fuzz_u16(&reader);
    fuzz_u8(&reader);
    uint64_t sequence = fuzz_u64(&reader);
    if (sequence == 0)
        sequence = TW_SEQUENCE_FIRST;

    uint8_t plain[TW_PLAINTEXT_MAX];
    struct tw_writer writer = tw_writer_make(plain, sizeof(plain));
    bool from_server = which & 0x02;
    if (from_server)
        take_server_frames(&reader, &writer, which);
    else
        take_client_frames(&reader, &writer, which);
    if (which & 0x20)
        take_ack(&reader, &writer);
    if (which & 0x40 || writer.next == plain)
        tw_frame_write_close(&writer, take_reason(&reader));
    TW_ASSERT(!writer.failed);
    size_t plain_size = (size_t)(writer.next - plain);

    enum tw_suite suite = TW_SUITE_CHACHA20_POLY1305;
    if (which & 0x01 && tw_aead_sodium()->suites & TW_SUITE_AES256_GCM)
        suite = TW_SUITE_AES256_GCM;
    static const uint8_t secret[TW_KEY_SIZE] = {1, 2, 3};
    struct tw_aead_key key;
    tw_packet_key_expand(&key, tw_aead_sodium(), suite, secret);
    uint8_t packet[TW_DATAGRAM_MAX];
    tw_header_write(packet, (struct tw_header){.connection_id = 5, .sequence = sequence});
    memcpy(packet + TW_HEADER_SIZE, plain, plain_size);
    struct tw_aead_job job = {
        .key = &key, .packet = packet, .length = (uint32_t)(TW_HEADER_SIZE + plain_size)};
    tw_aead_sodium()->seal(&job, 1);
    TW_ASSERT(job.length == TW_PACKET_MIN + plain_size);
    bool damaged = fuzz_corrupt(&damage, packet, job.length);
    tw_aead_sodium()->open(&job, 1);
    TW_ASSERT(job.ok == !damaged);
    if (!damaged)
        check_frames(from_server, packet, plain, plain_size);
    return 0;
}
