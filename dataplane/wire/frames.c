/* SPDX-License-Identifier: BSD-3-Clause */
#include "dataplane/wire/frames.h"

#include "tickwire/assert.h"

struct frame {
    uint8_t type;
    uint16_t size;
    const uint8_t *body;
};

static_assert(TW_FRAME_TYPE_END <= 32, "one bit per known type");

/* The next frame; `seen` keeps one bit per type so that none comes twice. Whether the type is known
 * is for its decoder to say: one that is not may share its bit with another. */
static bool frame_next(struct tw_reader *reader, struct frame *frame, uint32_t *seen)
{
    const uint8_t *header = tw_read_bytes(reader, TW_FRAME_HEADER_SIZE);
    if (header == NULL)
        return false;
    frame->type = header[0];
    frame->size = tw_load_u16(header + 1);
    frame->body = tw_read_bytes(reader, frame->size);
    if (frame->body == NULL)
        return false;
    uint32_t bit = 1u << (frame->type % 32u);
    if ((*seen & bit) != 0)
        return false;
    *seen |= bit;
    return true;
}

static_assert(sizeof(struct tw_input) == TW_INPUT_SIZE &&
                  offsetof(struct tw_input, move_y) == TW_INPUT_MOVE_Y &&
                  offsetof(struct tw_input, facing) == TW_INPUT_FACING &&
                  offsetof(struct tw_input, buttons) == TW_INPUT_BUTTONS,
              "an input lies in memory as it does in a packet");

/* False: a field is outside its range. */
static bool input_decode(struct tw_input *input, const uint8_t *bytes)
{
    memcpy(input, bytes, sizeof(*input));
    return (int8_t)bytes[TW_INPUT_MOVE_X] != INT8_MIN &&
           (int8_t)bytes[TW_INPUT_MOVE_Y] != INT8_MIN &&
           (tw_load_u16(bytes + TW_INPUT_BUTTONS) & ~TW_BUTTONS_KNOWN) == 0;
}

static enum tw_frames_result inputs_decode(struct tw_client_frames *frames,
                                           const struct frame *frame)
{
    if (frame->size < TW_INPUTS_LIST)
        return TW_FRAMES_MALFORMED;
    uint8_t count = frame->body[TW_INPUTS_COUNT];
    if (frame->size != TW_INPUTS_LIST + count * TW_INPUT_SIZE)
        return TW_FRAMES_MALFORMED;
    if (count == 0 || count > TW_INPUTS_MAX)
        return TW_FRAMES_RANGE;
    frames->newest_tick = tw_load_u32(frame->body + TW_INPUTS_NEWEST_TICK);
    /* The oldest entry belongs to tick newest - (count - 1): there is none before tick 0. */
    if (frames->newest_tick < count - 1u)
        return TW_FRAMES_RANGE;
    const uint8_t *bytes = frame->body + TW_INPUTS_LIST;
    for (uint32_t i = 0; i < count; i++, bytes += TW_INPUT_SIZE) {
        if (!input_decode(&frames->inputs[i], bytes))
            return TW_FRAMES_RANGE;
    }
    frames->has_inputs = true;
    frames->input_count = count;
    return TW_FRAMES_OK;
}

static enum tw_frames_result snapshot_ack_decode(struct tw_client_frames *frames,
                                                 const struct frame *frame)
{
    if (frame->size != TW_SNAPSHOT_ACK_SIZE)
        return TW_FRAMES_MALFORMED;
    frames->has_snapshot_ack = true;
    frames->snapshot_newest = tw_load_u32(frame->body + TW_SNAPSHOT_ACK_NEWEST);
    frames->snapshot_bitmap = tw_load_u32(frame->body + TW_SNAPSHOT_ACK_BITMAP);
    return frames->snapshot_newest != 0 ? TW_FRAMES_OK : TW_FRAMES_RANGE;
}

static enum tw_frames_result close_decode(uint16_t *reason, bool *has, const struct frame *frame)
{
    if (frame->size != TW_CLOSE_SIZE)
        return TW_FRAMES_MALFORMED;
    *has = true;
    *reason = tw_load_u16(frame->body + TW_CLOSE_REASON);
    return *reason != TW_CLOSE_NONE && *reason < TW_CLOSE_COUNT ? TW_FRAMES_OK : TW_FRAMES_RANGE;
}

static enum tw_frames_result ack_decode(struct tw_frame_ack *ack, bool *has,
                                        const struct frame *frame)
{
    if (frame->size != TW_ACK_SIZE)
        return TW_FRAMES_MALFORMED;
    *has = true;
    ack->largest = tw_load_u64(frame->body + TW_ACK_LARGEST);
    ack->bitmap = tw_load_u64(frame->body + TW_ACK_BITMAP);
    ack->delay_us = tw_load_u16(frame->body + TW_ACK_DELAY_US);
    return ack->largest != 0 ? TW_FRAMES_OK : TW_FRAMES_RANGE;
}

static enum tw_frames_result challenge_decode(uint8_t bytes[TW_CHALLENGE_SIZE], bool *has,
                                              const struct frame *frame)
{
    if (frame->size != TW_CHALLENGE_SIZE)
        return TW_FRAMES_MALFORMED;
    *has = true;
    memcpy(bytes, frame->body, TW_CHALLENGE_SIZE);
    return TW_FRAMES_OK;
}

static enum tw_frames_result rename_decode(struct tw_server_frames *frames,
                                           const struct frame *frame)
{
    if (frame->size != TW_RENAME_SIZE)
        return TW_FRAMES_MALFORMED;
    frames->has_rename = true;
    frames->connection_id = tw_load_u32(frame->body + TW_RENAME_CONNECTION_ID);
    return frames->connection_id != 0 ? TW_FRAMES_OK : TW_FRAMES_RANGE;
}

static enum tw_frames_result arrivals_decode(struct tw_server_frames *frames,
                                             const struct frame *frame)
{
    if (frame->size != TW_ARRIVALS_SIZE)
        return TW_FRAMES_MALFORMED;
    struct tw_frame_arrivals *arrivals = &frames->arrivals;
    frames->has_arrivals = true;
    arrivals->newest = tw_load_u32(frame->body + TW_ARRIVALS_NEWEST);
    arrivals->mean = (int16_t)tw_load_u16(frame->body + TW_ARRIVALS_MEAN);
    arrivals->lowest = (int16_t)tw_load_u16(frame->body + TW_ARRIVALS_LOWEST);
    arrivals->count = frame->body[TW_ARRIVALS_COUNT];
    arrivals->late = frame->body[TW_ARRIVALS_LATE];
    bool inside = arrivals->newest != 0 && arrivals->mean <= TW_ARRIVALS_UNITS_MAX &&
                  arrivals->lowest >= -TW_ARRIVALS_UNITS_MAX &&
                  arrivals->lowest <= arrivals->mean && arrivals->count != 0 &&
                  arrivals->late <= arrivals->count;
    return inside ? TW_FRAMES_OK : TW_FRAMES_RANGE;
}

static enum tw_frames_result check_decode(struct tw_client_frames *frames,
                                          const struct frame *frame)
{
    if (frame->size != TW_CHECK_SIZE)
        return TW_FRAMES_MALFORMED;
    struct tw_frame_check *check = &frames->check;
    frames->has_check = true;
    check->number = tw_load_u32(frame->body + TW_CHECK_NUMBER);
    check->bits = frame->body[TW_CHECK_BITS];
    check->group = frame->body[TW_CHECK_CLASS];
    check->sum = tw_load_u32(frame->body + TW_CHECK_SUM);
    bool inside =
        check->number != 0 && check->bits <= TW_CHECK_BITS_MAX && check->group < 1u << check->bits;
    return inside ? TW_FRAMES_OK : TW_FRAMES_RANGE;
}

static enum tw_frames_result notice_decode(struct tw_server_frames *frames,
                                           const struct frame *frame)
{
    if (frame->size != TW_NOTICE_SIZE)
        return TW_FRAMES_MALFORMED;
    struct tw_frame_notice *notice = &frames->notice;
    frames->has_notice = true;
    notice->stage = frame->body[TW_NOTICE_STAGE];
    notice->kind = frame->body[TW_NOTICE_KIND];
    notice->score = tw_load_u16(frame->body + TW_NOTICE_SCORE);
    bool inside = notice->stage < TW_CONDUCT_STAGES && notice->kind < TW_NOTICE_KINDS;
    return inside ? TW_FRAMES_OK : TW_FRAMES_RANGE;
}

static enum tw_frames_result client_frame_decode(void *out, const struct frame *frame)
{
    struct tw_client_frames *frames = out;
    switch (frame->type) {
    case TW_FRAME_INPUTS:
        return inputs_decode(frames, frame);
    case TW_FRAME_SNAPSHOT_ACK:
        return snapshot_ack_decode(frames, frame);
    case TW_FRAME_PING:
        if (frame->size != TW_PING_SIZE)
            return TW_FRAMES_MALFORMED;
        frames->has_ping = true;
        frames->ping_time_us = tw_load_u64(frame->body + TW_PING_TIME);
        return TW_FRAMES_OK;
    case TW_FRAME_CLOSE:
        return close_decode(&frames->close_reason, &frames->has_close, frame);
    case TW_FRAME_ACK:
        return ack_decode(&frames->ack, &frames->has_ack, frame);
    case TW_FRAME_RESPONSE:
        return challenge_decode(frames->response, &frames->has_response, frame);
    case TW_FRAME_CHECK:
        return check_decode(frames, frame);
    case TW_FRAME_MESSAGES:
        frames->has_messages = true;
        frames->messages = frame->body;
        frames->messages_size = frame->size;
        return frame->size > 0 ? TW_FRAMES_OK : TW_FRAMES_MALFORMED;
    case TW_FRAME_PADDING:
        return TW_FRAMES_OK;
    case TW_FRAME_RESUME_WANTED:
        frames->has_resume_wanted = true;
        return frame->size == 0 ? TW_FRAMES_OK : TW_FRAMES_MALFORMED;
    default:
        return TW_FRAMES_MALFORMED;
    }
}

static enum tw_frames_result server_frame_decode(void *out, const struct frame *frame)
{
    struct tw_server_frames *frames = out;
    switch (frame->type) {
    case TW_FRAME_PONG:
        if (frame->size != TW_PONG_SIZE)
            return TW_FRAMES_MALFORMED;
        frames->has_pong = true;
        frames->pong.echo_us = tw_load_u64(frame->body + TW_PONG_ECHO);
        frames->pong.received_us = tw_load_u64(frame->body + TW_PONG_RECEIVED);
        frames->pong.sent_us = tw_load_u64(frame->body + TW_PONG_SENT);
        return TW_FRAMES_OK;
    case TW_FRAME_CLOSE:
        return close_decode(&frames->close_reason, &frames->has_close, frame);
    case TW_FRAME_ACK:
        return ack_decode(&frames->ack, &frames->has_ack, frame);
    case TW_FRAME_SNAPSHOT:
        if (frame->size < TW_SNAPSHOT_FIXED_SIZE)
            return TW_FRAMES_MALFORMED;
        frames->has_snapshot = true;
        frames->snapshot = frame->body;
        frames->snapshot_size = frame->size;
        return TW_FRAMES_OK;
    case TW_FRAME_CHALLENGE:
        return challenge_decode(frames->challenge, &frames->has_challenge, frame);
    case TW_FRAME_RENAME:
        return rename_decode(frames, frame);
    case TW_FRAME_NOTICE:
        return notice_decode(frames, frame);
    case TW_FRAME_ARRIVALS:
        return arrivals_decode(frames, frame);
    case TW_FRAME_RESUME:
        frames->has_resume = true;
        frames->resume = frame->body;
        return frame->size == TW_RESUME_SIZE ? TW_FRAMES_OK : TW_FRAMES_MALFORMED;
    case TW_FRAME_MESSAGES:
        frames->has_messages = true;
        frames->messages = frame->body;
        frames->messages_size = frame->size;
        return frame->size > 0 ? TW_FRAMES_OK : TW_FRAMES_MALFORMED;
    case TW_FRAME_PADDING:
        return TW_FRAMES_OK;
    default:
        return TW_FRAMES_MALFORMED;
    }
}

typedef enum tw_frames_result (*frame_decoder)(void *out, const struct frame *frame);

static inline enum tw_frames_result frames_decode(void *out, frame_decoder decode,
                                                  const uint8_t *plaintext, size_t length)
{
    if (length == 0)
        return TW_FRAMES_MALFORMED;
    struct tw_reader reader = tw_reader_make(plaintext, length);
    uint32_t seen = 0;
    while (tw_reader_left(&reader) > 0) {
        struct frame frame;
        if (!frame_next(&reader, &frame, &seen))
            return TW_FRAMES_MALFORMED;
        enum tw_frames_result result = decode(out, &frame);
        if (result != TW_FRAMES_OK)
            return result;
    }
    return TW_FRAMES_OK;
}

enum tw_frames_result tw_client_frames_decode(struct tw_client_frames *frames,
                                              const uint8_t *plaintext, size_t length)
{
    memset(frames, 0, offsetof(struct tw_client_frames, newest_tick));
    return frames_decode(frames, client_frame_decode, plaintext, length);
}

enum tw_frames_result tw_server_frames_decode(struct tw_server_frames *frames,
                                              const uint8_t *plaintext, size_t length)
{
    memset(frames, 0, offsetof(struct tw_server_frames, snapshot));
    return frames_decode(frames, server_frame_decode, plaintext, length);
}

/* Room for a whole frame or none of it; returns the body. */
static uint8_t *frame_start(struct tw_writer *writer, enum tw_frame_type type, size_t size)
{
    uint8_t *bytes = tw_write_space(writer, TW_FRAME_HEADER_SIZE + size);
    if (bytes == NULL)
        return NULL;
    bytes[0] = (uint8_t)type;
    tw_store_u16(bytes + 1, (uint16_t)size);
    return bytes + TW_FRAME_HEADER_SIZE;
}

void tw_frame_write_inputs(struct tw_writer *writer, uint32_t newest_tick,
                           const struct tw_input *inputs, uint8_t count)
{
    TW_ASSERT(count >= 1 && count <= TW_INPUTS_MAX);
    uint8_t *body =
        frame_start(writer, TW_FRAME_INPUTS, TW_INPUTS_LIST + (size_t)count * TW_INPUT_SIZE);
    if (body == NULL)
        return;
    tw_store_u32(body + TW_INPUTS_NEWEST_TICK, newest_tick);
    body[TW_INPUTS_COUNT] = count;
    for (uint8_t i = 0; i < count; i++) {
        uint8_t *bytes = body + TW_INPUTS_LIST + i * TW_INPUT_SIZE;
        bytes[TW_INPUT_MOVE_X] = (uint8_t)inputs[i].move_x;
        bytes[TW_INPUT_MOVE_Y] = (uint8_t)inputs[i].move_y;
        tw_store_u16(bytes + TW_INPUT_FACING, inputs[i].facing);
        tw_store_u16(bytes + TW_INPUT_BUTTONS, inputs[i].buttons);
    }
}

void tw_frame_write_snapshot_ack(struct tw_writer *writer, uint32_t newest, uint32_t bitmap)
{
    uint8_t *body = frame_start(writer, TW_FRAME_SNAPSHOT_ACK, TW_SNAPSHOT_ACK_SIZE);
    if (body == NULL)
        return;
    tw_store_u32(body + TW_SNAPSHOT_ACK_NEWEST, newest);
    tw_store_u32(body + TW_SNAPSHOT_ACK_BITMAP, bitmap);
}

void tw_frame_write_ping(struct tw_writer *writer, uint64_t time_us)
{
    uint8_t *body = frame_start(writer, TW_FRAME_PING, TW_PING_SIZE);
    if (body != NULL)
        tw_store_u64(body + TW_PING_TIME, time_us);
}

void tw_frame_write_pong(struct tw_writer *writer, const struct tw_frame_pong *pong)
{
    uint8_t *body = frame_start(writer, TW_FRAME_PONG, TW_PONG_SIZE);
    if (body == NULL)
        return;
    tw_store_u64(body + TW_PONG_ECHO, pong->echo_us);
    tw_store_u64(body + TW_PONG_RECEIVED, pong->received_us);
    tw_store_u64(body + TW_PONG_SENT, pong->sent_us);
}

void tw_frame_write_notice(struct tw_writer *writer, const struct tw_frame_notice *notice)
{
    uint8_t *body = frame_start(writer, TW_FRAME_NOTICE, TW_NOTICE_SIZE);
    if (body == NULL)
        return;
    body[TW_NOTICE_STAGE] = notice->stage;
    body[TW_NOTICE_KIND] = notice->kind;
    tw_store_u16(body + TW_NOTICE_SCORE, notice->score);
}

void tw_frame_write_check(struct tw_writer *writer, const struct tw_frame_check *check)
{
    uint8_t *body = frame_start(writer, TW_FRAME_CHECK, TW_CHECK_SIZE);
    if (body == NULL)
        return;
    tw_store_u32(body + TW_CHECK_NUMBER, check->number);
    body[TW_CHECK_BITS] = check->bits;
    body[TW_CHECK_CLASS] = check->group;
    tw_store_u32(body + TW_CHECK_SUM, check->sum);
}

void tw_frame_write_arrivals(struct tw_writer *writer, const struct tw_frame_arrivals *arrivals)
{
    uint8_t *body = frame_start(writer, TW_FRAME_ARRIVALS, TW_ARRIVALS_SIZE);
    if (body == NULL)
        return;
    tw_store_u32(body + TW_ARRIVALS_NEWEST, arrivals->newest);
    tw_store_u16(body + TW_ARRIVALS_MEAN, (uint16_t)arrivals->mean);
    tw_store_u16(body + TW_ARRIVALS_LOWEST, (uint16_t)arrivals->lowest);
    body[TW_ARRIVALS_COUNT] = arrivals->count;
    body[TW_ARRIVALS_LATE] = arrivals->late;
}

void tw_frame_write_close(struct tw_writer *writer, uint16_t reason)
{
    uint8_t *body = frame_start(writer, TW_FRAME_CLOSE, TW_CLOSE_SIZE);
    if (body != NULL)
        tw_store_u16(body + TW_CLOSE_REASON, reason);
}

void tw_frame_write_ack(struct tw_writer *writer, const struct tw_frame_ack *ack)
{
    uint8_t *body = frame_start(writer, TW_FRAME_ACK, TW_ACK_SIZE);
    if (body == NULL)
        return;
    tw_store_u64(body + TW_ACK_LARGEST, ack->largest);
    tw_store_u64(body + TW_ACK_BITMAP, ack->bitmap);
    tw_store_u16(body + TW_ACK_DELAY_US, ack->delay_us);
}

static void write_challenge(struct tw_writer *writer, enum tw_frame_type type, const uint8_t *bytes)
{
    uint8_t *body = frame_start(writer, type, TW_CHALLENGE_SIZE);
    if (body != NULL)
        memcpy(body, bytes, TW_CHALLENGE_SIZE);
}

void tw_frame_write_challenge(struct tw_writer *writer, const uint8_t bytes[TW_CHALLENGE_SIZE])
{
    write_challenge(writer, TW_FRAME_CHALLENGE, bytes);
}

void tw_frame_write_response(struct tw_writer *writer, const uint8_t bytes[TW_CHALLENGE_SIZE])
{
    write_challenge(writer, TW_FRAME_RESPONSE, bytes);
}

void tw_frame_write_padding(struct tw_writer *writer, size_t size)
{
    TW_ASSERT(size >= TW_FRAME_HEADER_SIZE);
    uint8_t *body = frame_start(writer, TW_FRAME_PADDING, size - TW_FRAME_HEADER_SIZE);
    if (body != NULL)
        memset(body, 0, size - TW_FRAME_HEADER_SIZE);
}

void tw_frame_write_rename(struct tw_writer *writer, uint32_t connection_id)
{
    uint8_t *body = frame_start(writer, TW_FRAME_RENAME, TW_RENAME_SIZE);
    if (body != NULL)
        tw_store_u32(body + TW_RENAME_CONNECTION_ID, connection_id);
}

void tw_frame_write_resume_wanted(struct tw_writer *writer)
{
    (void)frame_start(writer, TW_FRAME_RESUME_WANTED, 0);
}

void tw_frame_write_resume(struct tw_writer *writer, uint64_t expires_unix_s,
                           const uint8_t token[TW_TOKEN_SIZE])
{
    uint8_t *body = frame_start(writer, TW_FRAME_RESUME, TW_RESUME_SIZE);
    if (body == NULL)
        return;
    tw_store_u64(body + TW_RESUME_EXPIRES, expires_unix_s);
    memcpy(body + TW_RESUME_TOKEN, token, TW_TOKEN_SIZE);
}
