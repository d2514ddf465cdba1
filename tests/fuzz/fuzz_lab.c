/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Files of the lab. Input: u8 mode, modulo 6, then
 *   0, 3  a sessions file, raw
 *   1, 4  a pcap file, raw
 *   2, 5  up to 8 x (u16 place, u8 mask): a good capture over IPv4 (2) or IPv6 (5) and its
 *         sessions, damaged, then loaded
 * Nothing may be read outside of a file; what a check passes must hold in every record; what loads
 * must be playable.
 */
#include "tests/fuzz/fuzzing.h"
#include "tests/load/lab/datagram.h"
#include "tests/load/lab/pcap.h"
#include "tests/load/lab/plan.h"
#include "tests/unit/load/lab_files.h"

#include <sodium.h>
#include <stdlib.h>

#define DAMAGES 8u

static struct lab_files good[2]; /* over IPv4, over IPv6 */

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
    (void)argc;
    (void)argv;
    TW_ASSERT(sodium_init() >= 0);
    for (uint32_t i = 0; i < 2; i++) {
        struct tw_capture_config config = lab_files_config(i == 1);
        config.clients = 2;
        config.duration_ns = 300000000;
        lab_files_make(&good[i], &config);
    }
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
        tw_lab_datagram_finish(frame, plan->packets[i].length);
    }
}

static void load_damaged(struct tw_reader *reader, const struct lab_files *files)
{
    static struct lab_files damaged;
    size_t length = files->capture_length;
    memcpy(damaged.capture, files->capture, length);
    memcpy(damaged.sessions, files->sessions, files->sessions_length);
    bool with_sessions = fuzz_u8(reader) % 4u != 0;
    for (uint32_t i = 0; i < DAMAGES && tw_reader_left(reader) > 0; i++) {
        if (fuzz_u8(reader) % 2u == 0)
            (void)fuzz_corrupt(reader, damaged.capture, length);
        else
            (void)fuzz_corrupt(reader, damaged.sessions, files->sessions_length);
    }
    /* Of exact size, so that the sanitizer sees the end. */
    uint8_t *exact = malloc(length);
    TW_ASSERT(exact);
    memcpy(exact, damaged.capture, length);
    struct tw_plan_files loaded = {.capture = exact,
                                   .capture_length = length,
                                   .sessions = with_sessions ? damaged.sessions : NULL,
                                   .sessions_length = files->sessions_length};
    struct tw_plan plan;
    struct tw_plan_error error = {""};
    if (tw_plan_load(&plan, &loaded, tw_aead_sodium(), &error))
        play_all(&plan, with_sessions);
    else
        TW_ASSERT(error.message[0] != '\0');
    tw_plan_free(&plan);
    free(exact);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct tw_reader reader = tw_reader_make(data, size);
    uint32_t mode = fuzz_u8(&reader) % 6u;
    switch (mode % 3u) {
    case 0:
        check_sessions(reader.next, tw_reader_left(&reader));
        break;
    case 1:
        read_capture(reader.next, tw_reader_left(&reader));
        break;
    default:
        load_damaged(&reader, &good[mode / 3u]);
        break;
    }
    return 0;
}
