/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Files of the lab. Input: u8 mode, then
 *   0  a sessions file, raw
 *   1  a pcap file, raw
 *   2  up to 8 x (u16 place, u8 mask): a good capture and its sessions, damaged, then loaded
 * Nothing may be read outside of a file; what a check passes must hold in every record; what loads
 * must be playable.
 */
#include "tests/fuzz/fuzzing.h"
#include "tests/load/lab/capture.h"
#include "tests/load/lab/pcap.h"
#include "tests/load/lab/plan.h"

#include <sodium.h>
#include <stdlib.h>

#define CLIENTS       2u
#define DAMAGES       8u
#define CAPTURE_MAX   16384u
#define SESSIONS_SIZE (TW_LAB_HEADER_SIZE + CLIENTS * TW_LAB_RECORD_SIZE)

static uint8_t good_capture[CAPTURE_MAX], good_sessions[SESSIONS_SIZE];
static size_t good_length;

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
    (void)argc;
    (void)argv;
    TW_ASSERT(sodium_init() >= 0);
    static const struct tw_capture_config config = {.clients = CLIENTS,
                                                    .duration_ns = 300000000,
                                                    .seed = 3,
                                                    .suites = TW_SUITE_CHACHA20_POLY1305,
                                                    .tick_hz = 60,
                                                    .snapshot_hz = 20,
                                                    .world = 1,
                                                    .workers = 1,
                                                    .engine_address = 0xc6120001u,
                                                    .engine_port = 40000,
                                                    .client_address = 0xc6120010u,
                                                    .client_hosts = 2};
    struct tw_capture *capture = tw_capture_create(&config);
    struct tw_capture_frame frame;
    TW_ASSERT(capture);
    good_length = TW_PCAP_HEADER_SIZE;
    tw_pcap_header_write(good_capture, true);
    while (tw_capture_next(capture, &frame)) {
        TW_ASSERT(good_length + TW_PCAP_RECORD_SIZE + frame.length <= CAPTURE_MAX);
        tw_pcap_record_write(good_capture + good_length, frame.at_ns, frame.length, true);
        memcpy(good_capture + good_length + TW_PCAP_RECORD_SIZE, frame.bytes, frame.length);
        good_length += TW_PCAP_RECORD_SIZE + frame.length;
    }
    struct tw_lab_header header = tw_capture_header(capture);
    tw_lab_header_write(good_sessions, &header, tw_crc32c_portable);
    for (uint32_t i = 0; i < CLIENTS; i++) {
        struct tw_lab_session session = tw_capture_session(capture, i);
        tw_lab_session_write(good_sessions + TW_LAB_HEADER_SIZE + i * TW_LAB_RECORD_SIZE, &session,
                             tw_crc32c_portable);
    }
    tw_capture_destroy(capture);
    return 0;
}

static void check_sessions(const uint8_t *file, size_t length)
{
    struct tw_lab_header header;
    uint32_t record;
    enum tw_lab_result result =
        tw_lab_file_check(&header, file, length, tw_crc32c_portable, &record);
    TW_ASSERT(tw_lab_result_text(result)[0] != '\0');
    if (result != TW_LAB_OK) {
        TW_ASSERT(record == UINT32_MAX || record < header.count);
        return;
    }
    for (uint32_t i = 0; i < header.count; i++) {
        struct tw_lab_session session;
        uint8_t again[TW_LAB_RECORD_SIZE];
        const uint8_t *bytes = file + TW_LAB_HEADER_SIZE + (size_t)i * TW_LAB_RECORD_SIZE;
        TW_ASSERT(tw_lab_session_read(&session, bytes, tw_crc32c_portable) == TW_LAB_OK);
        tw_lab_session_write(again, &session, tw_crc32c_portable);
        TW_ASSERT(memcmp(again, bytes, sizeof(again)) == 0);
    }
}

static void read_capture(const uint8_t *file, size_t length)
{
    struct tw_pcap pcap;
    struct tw_pcap_frame frame;
    uint8_t sum = 0;
    enum tw_pcap_result result = tw_pcap_open(&pcap, file, length);
    while (result == TW_PCAP_OK) {
        result = tw_pcap_next(&pcap, &frame);
        for (uint32_t i = 0; result == TW_PCAP_OK && i < frame.length; i++)
            sum ^= frame.bytes[i];
        TW_ASSERT(pcap.at <= length);
    }
    static volatile uint8_t sink;
    sink = sum;
    (void)sink;
}

static void play_all(const struct tw_plan *plan, bool sealed)
{
    uint8_t frame[UINT16_MAX];
    for (uint64_t i = 0; sealed && i < plan->packet_count; i++) {
        struct tw_plan_stamp stamp = {.sequence = tw_plan_sequence(plan, 1, i), .tick_shift = -5};
        tw_plan_stamp(plan, i, &stamp, frame);
        struct tw_aead_job job = tw_plan_seal_job(plan, i, frame);
        tw_aead_sodium()->seal(&job, 1);
        tw_plan_finish(frame, plan->packets[i].length);
    }
}

static void load_damaged(struct tw_reader *reader)
{
    static uint8_t capture[CAPTURE_MAX], sessions[SESSIONS_SIZE];
    memcpy(capture, good_capture, good_length);
    memcpy(sessions, good_sessions, sizeof(sessions));
    bool with_sessions = fuzz_u8(reader) % 4u != 0;
    for (uint32_t i = 0; i < DAMAGES && tw_reader_left(reader) > 0; i++) {
        if (fuzz_u8(reader) % 2u == 0)
            (void)fuzz_corrupt(reader, capture, good_length);
        else
            (void)fuzz_corrupt(reader, sessions, sizeof(sessions));
    }
    /* Of exact size, so that the sanitizer sees the end. */
    uint8_t *exact = malloc(good_length);
    TW_ASSERT(exact);
    memcpy(exact, capture, good_length);
    struct tw_plan_files files = {.capture = exact,
                                  .capture_length = good_length,
                                  .sessions = with_sessions ? sessions : NULL,
                                  .sessions_length = sizeof(sessions)};
    struct tw_plan plan;
    struct tw_plan_error error = {""};
    if (tw_plan_load(&plan, &files, tw_aead_sodium(), &error))
        play_all(&plan, with_sessions);
    else
        TW_ASSERT(error.message[0] != '\0');
    tw_plan_free(&plan);
    free(exact);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct tw_reader reader = tw_reader_make(data, size);
    switch (fuzz_u8(&reader) % 3u) {
    case 0:
        check_sessions(reader.next, tw_reader_left(&reader));
        break;
    case 1:
        read_capture(reader.next, tw_reader_left(&reader));
        break;
    default:
        load_damaged(&reader);
        break;
    }
    return 0;
}
