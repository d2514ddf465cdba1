/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Both frame decoders on raw plaintext. Input: u8 direction (bit 0: from the server), plaintext.
 * What decodes must survive writing and decoding again unchanged.
 */
#include "dataplane/wire/frames.h"
#include "tests/fuzz/fuzzing.h"

static void check_ack(const struct tw_frame_ack *ack)
{
    TW_ASSERT(ack->largest != 0);
}

static void write_messages(struct tw_writer *writer, const uint8_t *bytes, uint16_t size)
{
    TW_ASSERT(size > 0);
    tw_write_u8(writer, TW_FRAME_MESSAGES);
    tw_write_u16(writer, size);
    tw_write_bytes(writer, bytes, size);
}

/* Padding leaves no trace in what was decoded: as much as there was. */
static void write_padding(struct tw_writer *writer, const uint8_t *plain, size_t size)
{
    for (size_t at = 0; at < size;) {
        size_t frame = TW_FRAME_HEADER_SIZE + (size_t)tw_load_u16(plain + at + 1);
        if (plain[at] == TW_FRAME_PADDING)
            tw_frame_write_padding(writer, frame);
        at += frame;
    }
}

static void client(const uint8_t *plain, size_t size)
{
    struct tw_client_frames frames = {0}, again = {0};
    if (tw_client_frames_decode(&frames, plain, size) != TW_FRAMES_OK)
        return;
    uint8_t *bytes = malloc(size);
    TW_ASSERT(bytes != NULL);
    struct tw_writer writer = tw_writer_make(bytes, size);
    if (frames.has_inputs) {
        TW_ASSERT(frames.input_count >= 1 && frames.input_count <= TW_INPUTS_MAX);
        TW_ASSERT(frames.newest_tick >= frames.input_count - 1u);
        for (uint8_t i = 0; i < frames.input_count; i++) {
            const struct tw_input *input = &frames.inputs[i];
            TW_ASSERT(input->move_x > INT8_MIN && input->move_y > INT8_MIN);
            TW_ASSERT((input->buttons & ~TW_BUTTONS_KNOWN) == 0);
        }
        tw_frame_write_inputs(&writer, frames.newest_tick, frames.inputs, frames.input_count);
    }
    if (frames.has_snapshot_ack) {
        TW_ASSERT(frames.snapshot_newest != 0);
        tw_frame_write_snapshot_ack(&writer, frames.snapshot_newest, frames.snapshot_bitmap);
    }
    if (frames.has_ping)
        tw_frame_write_ping(&writer, frames.ping_time_us);
    if (frames.has_close)
        tw_frame_write_close(&writer, frames.close_reason);
    if (frames.has_ack) {
        check_ack(&frames.ack);
        tw_frame_write_ack(&writer, &frames.ack);
    }
    if (frames.has_response)
        tw_frame_write_response(&writer, frames.response);
    if (frames.has_check) {
        TW_ASSERT(frames.check.bits <= TW_CHECK_BITS_MAX &&
                  frames.check.group >> frames.check.bits == 0);
        tw_frame_write_check(&writer, &frames.check);
    }
    if (frames.has_messages)
        write_messages(&writer, frames.messages, frames.messages_size);
    if (frames.has_resume_wanted)
        tw_frame_write_resume_wanted(&writer);
    write_padding(&writer, plain, size);
    TW_ASSERT(!writer.failed && (size_t)(writer.next - bytes) == size);
    TW_ASSERT(tw_client_frames_decode(&again, bytes, size) == TW_FRAMES_OK);
    if (frames.has_messages)
        TW_ASSERT(memcmp(frames.messages, again.messages, frames.messages_size) == 0);
    again.messages = frames.messages;
    TW_ASSERT(memcmp(&frames, &again, sizeof(frames)) == 0);
    free(bytes);
}

static void server(const uint8_t *plain, size_t size)
{
    struct tw_server_frames frames = {0}, again = {0};
    if (tw_server_frames_decode(&frames, plain, size) != TW_FRAMES_OK)
        return;
    uint8_t *bytes = malloc(size);
    TW_ASSERT(bytes != NULL);
    struct tw_writer writer = tw_writer_make(bytes, size);
    if (frames.has_pong)
        tw_frame_write_pong(&writer, &frames.pong);
    if (frames.has_close)
        tw_frame_write_close(&writer, frames.close_reason);
    if (frames.has_ack) {
        check_ack(&frames.ack);
        tw_frame_write_ack(&writer, &frames.ack);
    }
    if (frames.has_challenge)
        tw_frame_write_challenge(&writer, frames.challenge);
    if (frames.has_rename) {
        TW_ASSERT(frames.connection_id != 0);
        tw_frame_write_rename(&writer, frames.connection_id);
    }
    if (frames.has_notice)
        tw_frame_write_notice(&writer, &frames.notice);
    if (frames.has_arrivals) {
        TW_ASSERT(frames.arrivals.lowest <= frames.arrivals.mean &&
                  frames.arrivals.late <= frames.arrivals.count);
        tw_frame_write_arrivals(&writer, &frames.arrivals);
    }
    if (frames.has_snapshot) {
        TW_ASSERT(frames.snapshot >= plain && frames.snapshot_size >= TW_SNAPSHOT_FIXED_SIZE);
        TW_ASSERT((size_t)(plain + size - frames.snapshot) >= frames.snapshot_size);
        tw_write_u8(&writer, TW_FRAME_SNAPSHOT);
        tw_write_u16(&writer, frames.snapshot_size);
        tw_write_bytes(&writer, frames.snapshot, frames.snapshot_size);
    }
    if (frames.has_messages)
        write_messages(&writer, frames.messages, frames.messages_size);
    if (frames.has_resume)
        tw_frame_write_resume(&writer, tw_load_u64(frames.resume + TW_RESUME_EXPIRES),
                              frames.resume + TW_RESUME_TOKEN);
    write_padding(&writer, plain, size);
    TW_ASSERT(!writer.failed && writer.next == writer.end);
    TW_ASSERT(tw_server_frames_decode(&again, bytes, size) == TW_FRAMES_OK);
    TW_ASSERT(frames.has_snapshot == again.has_snapshot);
    if (frames.has_snapshot)
        TW_ASSERT(memcmp(frames.snapshot, again.snapshot, frames.snapshot_size) == 0);
    again.snapshot = frames.snapshot;
    TW_ASSERT(!frames.has_resume || memcmp(frames.resume, again.resume, TW_RESUME_SIZE) == 0);
    again.resume = frames.resume;
    TW_ASSERT(!frames.has_messages ||
              memcmp(frames.messages, again.messages, frames.messages_size) == 0);
    again.messages = frames.messages;
    TW_ASSERT(memcmp(&frames, &again, sizeof(frames)) == 0);
    free(bytes);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size == 0)
        return 0;
    if (data[0] & 1)
        server(data + 1, size - 1);
    else
        client(data + 1, size - 1);
    return 0;
}
