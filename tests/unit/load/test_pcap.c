/* SPDX-License-Identifier: BSD-3-Clause */
/* Captures written and read: both clocks, both byte orders, cut and damaged in every place. */
#include "tests/load/lab/pcap.h"
#include "tickwire/bytes.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#define FILE_MAX 256u

/* Frames of 3, 0 and 5 bytes, at 1.000000002 s, 1.5 s and 7 s. */
static size_t make_file(uint8_t file[FILE_MAX])
{
    static const uint64_t times_ns[] = {1000000002u, 1500000000u, 7000000000u};
    static const uint32_t lengths[] = {3, 0, 5};
    size_t at = TW_PCAP_HEADER_SIZE;
    tw_pcap_header_write(file, true);
    for (uint32_t i = 0; i < 3; i++) {
        tw_pcap_record_write(file + at, times_ns[i], lengths[i], true);
        at += TW_PCAP_RECORD_SIZE;
        memset(file + at, 'a' + (int)i, lengths[i]);
        at += lengths[i];
    }
    return at;
}

/* How reading ends, and how many frames came before. */
static enum tw_pcap_result read_all(const uint8_t *file, size_t length, uint32_t *frames)
{
    struct tw_pcap pcap;
    struct tw_pcap_frame frame;
    *frames = 0;
    enum tw_pcap_result result = tw_pcap_open(&pcap, file, length);
    while (result == TW_PCAP_OK) {
        result = tw_pcap_next(&pcap, &frame);
        *frames += result == TW_PCAP_OK;
        assert_true(pcap.at <= length);
    }
    return result;
}

static void writes_what_others_read(void **state)
{
    (void)state;
    static const uint8_t wanted[] = {0x4d, 0x3c, 0xb2, 0xa1, 2, 0, 4, 0, 0, 0, 0,   0,   0,  0, 0,
                                     0,    0,    0,    4,    0, 1, 0, 0, 0, 1, 0,   0,   0,  2, 0,
                                     0,    0,    3,    0,    0, 0, 3, 0, 0, 0, 'a', 'a', 'a'};
    uint8_t file[FILE_MAX];
    (void)make_file(file);
    assert_memory_equal(file, wanted, sizeof(wanted));
}

static void reads_what_it_wrote(void **state)
{
    (void)state;
    uint8_t file[FILE_MAX];
    struct tw_pcap pcap;
    struct tw_pcap_frame frame;
    size_t length = make_file(file);
    assert_int_equal(tw_pcap_open(&pcap, file, length), TW_PCAP_OK);
    assert_int_equal(tw_pcap_next(&pcap, &frame), TW_PCAP_OK);
    assert_int_equal(frame.at_ns, 1000000002u);
    assert_int_equal(frame.length, 3);
    assert_memory_equal(frame.bytes, "aaa", 3);
    assert_int_equal(tw_pcap_next(&pcap, &frame), TW_PCAP_OK);
    assert_int_equal(frame.length, 0);
    assert_int_equal(tw_pcap_next(&pcap, &frame), TW_PCAP_OK);
    assert_int_equal(frame.at_ns, 7000000000u);
    assert_int_equal(tw_pcap_next(&pcap, &frame), TW_PCAP_END);
}

static void reads_the_other_byte_order_and_clock(void **state)
{
    (void)state;
    uint8_t file[TW_PCAP_HEADER_SIZE + TW_PCAP_RECORD_SIZE + 1] = {
        0xa1, 0xb2, 0xc3, 0xd4, 0, 2, 0, 4, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 0,
        0,    0,    1,    0,    0, 0, 9, 0, 0, 0, 7, 0, 0, 0, 1, 0, 0, 0, 1,    'x'};
    struct tw_pcap pcap;
    struct tw_pcap_frame frame;
    assert_int_equal(tw_pcap_open(&pcap, file, sizeof(file)), TW_PCAP_OK);
    assert_int_equal(tw_pcap_next(&pcap, &frame), TW_PCAP_OK);
    assert_true(frame.at_ns == 9000007000u);
    assert_int_equal(frame.bytes[0], 'x');
    assert_int_equal(tw_pcap_next(&pcap, &frame), TW_PCAP_END);
}

static void writes_microseconds_for_others(void **state)
{
    (void)state;
    uint8_t file[TW_PCAP_HEADER_SIZE + TW_PCAP_RECORD_SIZE];
    struct tw_pcap pcap;
    struct tw_pcap_frame frame;
    tw_pcap_header_write(file, false);
    tw_pcap_record_write(file + TW_PCAP_HEADER_SIZE, 3000007999u, 0, false);
    assert_memory_equal(file, "\xd4\xc3\xb2\xa1", 4);
    assert_int_equal(tw_pcap_open(&pcap, file, sizeof(file)), TW_PCAP_OK);
    assert_int_equal(tw_pcap_next(&pcap, &frame), TW_PCAP_OK);
    assert_true(frame.at_ns == 3000007000u);
}

static void a_cut_file_ends_where_it_was_cut(void **state)
{
    (void)state;
    uint8_t file[FILE_MAX];
    size_t length = make_file(file);
    static const size_t ends[] = {24, 43, 59, 80}; /* behind the header and each frame */
    assert_int_equal(length, ends[3]);
    for (size_t cut = 0; cut <= length; cut++) {
        uint32_t frames;
        enum tw_pcap_result result = read_all(file, cut, &frames);
        if (cut < TW_PCAP_HEADER_SIZE) {
            assert_int_equal(result, TW_PCAP_FOREIGN);
            continue;
        }
        uint32_t whole = 0;
        while (whole < 3 && ends[whole + 1] <= cut)
            whole++;
        assert_int_equal(frames, whole);
        assert_int_equal(result, cut == ends[whole] ? TW_PCAP_END : TW_PCAP_CUT);
    }
}

static void lies_in_headers_are_told(void **state)
{
    (void)state;
    static const struct {
        uint32_t at, value;
        enum tw_pcap_result wanted;
    } cases[] = {
        {0, 0x0a0d0d0a, TW_PCAP_FOREIGN}, /* pcapng */
        {4, 0x00050002, TW_PCAP_OTHER},
        {4, 0x00040003, TW_PCAP_OTHER},
        {20, 113, TW_PCAP_OTHER},           /* Linux cooked */
        {28, 1000000000u, TW_PCAP_DAMAGED}, /* a second of nanoseconds */
        {32, 2, TW_PCAP_DAMAGED},           /* captured less: next one is garbage */
        {32, 4, TW_PCAP_DAMAGED},           /* more than the original */
        {32, UINT32_MAX, TW_PCAP_DAMAGED},
        {36, UINT32_MAX, TW_PCAP_END}, /* a snapped frame is a frame */
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        uint8_t file[FILE_MAX];
        uint32_t frames;
        size_t length = make_file(file);
        tw_store_u32(file + cases[i].at, cases[i].value);
        assert_int_equal(read_all(file, length, &frames), cases[i].wanted);
        assert_non_null(tw_pcap_result_text(cases[i].wanted));
    }
    uint8_t file[FILE_MAX];
    uint32_t frames;
    size_t length = make_file(file);
    tw_store_u32(file + 32, TW_PCAP_FRAME_MAX);
    tw_store_u32(file + 36, TW_PCAP_FRAME_MAX);
    assert_int_equal(read_all(file, length, &frames), TW_PCAP_CUT);
    tw_store_u32(file + 32, TW_PCAP_FRAME_MAX + 1);
    tw_store_u32(file + 36, TW_PCAP_FRAME_MAX + 1);
    assert_int_equal(read_all(file, length, &frames), TW_PCAP_DAMAGED);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(writes_what_others_read),
        cmocka_unit_test(reads_what_it_wrote),
        cmocka_unit_test(reads_the_other_byte_order_and_clock),
        cmocka_unit_test(writes_microseconds_for_others),
        cmocka_unit_test(a_cut_file_ends_where_it_was_cut),
        cmocka_unit_test(lies_in_headers_are_told),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
