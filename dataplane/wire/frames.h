/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Frames inside a packet: typed, length-delimited, decoded whole before anything is applied.
 *
 * A packet with one malformed frame is rejected whole. Decoding fills a plain struct of bounded
 * size; bodies of snapshots and messages are handed out as ranges of bytes (the shard and the
 * client's simulation part write and read the former, the transport the latter). Pure, any thread.
 */
#ifndef TICKWIRE_DATAPLANE_WIRE_FRAMES_H
#define TICKWIRE_DATAPLANE_WIRE_FRAMES_H

#include "tickwire/bytes.h"
#include "tickwire/shard.h"
#include "tickwire/wire.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum tw_frames_result {
    TW_FRAMES_OK,
    TW_FRAMES_MALFORMED, /* truncated, unknown type, wrong size, frame given twice, none at all */
    TW_FRAMES_RANGE,     /* a field is outside its range */
};

struct tw_frame_ack {
    uint64_t largest;
    uint64_t bitmap;
    uint16_t delay_us;
};

struct tw_frame_pong {
    uint64_t echo_us;
    uint64_t received_us; /* server time: µs since tick 0 */
    uint64_t sent_us;
};

struct tw_frame_notice {
    uint8_t stage, kind;
    uint16_t score;
};

struct tw_frame_check {
    uint32_t number, sum;
    uint8_t bits, group;
};

struct tw_frame_arrivals {
    uint32_t newest;      /* input tick */
    int16_t mean, lowest; /* TW_ARRIVALS_UNIT_US each */
    uint8_t count, late;
};

/* Each kind of frame at most once per packet. has_* come first and are always set; the rest means
 * nothing where they do not say so. */
struct tw_client_frames { /* client → server */
    bool has_inputs, has_snapshot_ack, has_ping, has_close, has_ack, has_response, has_messages;
    bool has_check;
    bool has_resume_wanted;
    uint8_t input_count; /* inputs[0] is the newest, for newest_tick; then one tick less each */
    uint8_t passed_over; /* of these, the oldest so many are not to be taken: who judges says so */
    uint32_t newest_tick;
    struct tw_input inputs[TW_INPUTS_MAX];
    uint32_t snapshot_newest, snapshot_bitmap;
    uint64_t ping_time_us;
    uint16_t close_reason;
    struct tw_frame_ack ack;
    uint8_t response[TW_CHALLENGE_SIZE];
    const uint8_t *messages; /* body, inside the packet */
    uint16_t messages_size;
    struct tw_frame_check check;
};

struct tw_server_frames { /* server → client */
    bool has_snapshot, has_pong, has_close, has_ack, has_challenge, has_rename, has_messages;
    bool has_arrivals;
    bool has_resume, has_notice;
    const uint8_t *snapshot; /* body, inside the packet */
    uint16_t snapshot_size;
    struct tw_frame_pong pong;
    uint16_t close_reason;
    struct tw_frame_ack ack;
    uint8_t challenge[TW_CHALLENGE_SIZE];
    uint32_t connection_id;  /* of a rename */
    const uint8_t *resume;   /* TW_RESUME_SIZE bytes, inside the packet */
    const uint8_t *messages; /* body, inside the packet */
    uint16_t messages_size;
    struct tw_frame_arrivals arrivals;
    struct tw_frame_notice notice;
};

/* plaintext[length]: the packet between header and tag. */
enum tw_frames_result tw_client_frames_decode(struct tw_client_frames *frames,
                                              const uint8_t *plaintext, size_t length);
enum tw_frames_result tw_server_frames_decode(struct tw_server_frames *frames,
                                              const uint8_t *plaintext, size_t length);

/* Writers append one frame; a full writer is left failed. */
/* inputs[count], newest first. */
void tw_frame_write_inputs(struct tw_writer *writer, uint32_t newest_tick,
                           const struct tw_input *inputs, uint8_t count);
void tw_frame_write_snapshot_ack(struct tw_writer *writer, uint32_t newest, uint32_t bitmap);
void tw_frame_write_ping(struct tw_writer *writer, uint64_t time_us);
void tw_frame_write_pong(struct tw_writer *writer, const struct tw_frame_pong *pong);
void tw_frame_write_notice(struct tw_writer *writer, const struct tw_frame_notice *notice);
void tw_frame_write_check(struct tw_writer *writer, const struct tw_frame_check *check);
void tw_frame_write_arrivals(struct tw_writer *writer, const struct tw_frame_arrivals *arrivals);
void tw_frame_write_close(struct tw_writer *writer, uint16_t reason);
void tw_frame_write_ack(struct tw_writer *writer, const struct tw_frame_ack *ack);
void tw_frame_write_challenge(struct tw_writer *writer, const uint8_t bytes[TW_CHALLENGE_SIZE]);
void tw_frame_write_response(struct tw_writer *writer, const uint8_t bytes[TW_CHALLENGE_SIZE]);
/* `size` bytes, the frame's header included, at least that. */
void tw_frame_write_padding(struct tw_writer *writer, size_t size);
void tw_frame_write_resume_wanted(struct tw_writer *writer);
void tw_frame_write_resume(struct tw_writer *writer, uint64_t expires_unix_s,
                           const uint8_t token[TW_TOKEN_SIZE]);
void tw_frame_write_rename(struct tw_writer *writer, uint32_t connection_id);

#endif
