/* SPDX-License-Identifier: BSD-3-Clause */
/* A capture loaded and played: fresh numbers in every loop at the recorded times, and hostile
 * files. */
#include "dataplane/gate/checksum.h"
#include "dataplane/gate/network_bytes.h"
#include "dataplane/wire/frames.h"
#include "tests/load/lab/datagram.h"
#include "tests/load/lab/pcap.h"
#include "tests/load/lab/plan.h"
#include "tests/unit/load/lab_files.h"

#include <setjmp.h>
#include <sodium.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define CLIENTS   LAB_FILES_CLIENTS
#define FRAME_MAX (TW_LAB_HEADERS_MAX + TW_DATAGRAM_MAX)

static bool ipv6; /* each test runs over both families */
static struct lab_files files, original;
static struct tw_plan plan;
static struct tw_plan_error error;

static void make_files(void)
{
    struct tw_capture_config config = lab_files_config(ipv6);
    lab_files_make(&files, &config);
    original = files;
}

static bool load(bool with_sessions)
{
    struct tw_plan_files loaded = {.capture = files.capture,
                                   .capture_length = files.capture_length,
                                   .sessions = with_sessions ? files.sessions : NULL,
                                   .sessions_length = files.sessions_length};
    return tw_plan_load(&plan, &loaded, tw_aead_sodium(), &error);
}

static int setup(void **state)
{
    (void)state;
    make_files();
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    tw_plan_free(&plan);
    return 0;
}

/* The frame at its place in the file as it was recorded. */
static const uint8_t *recorded(uint64_t packet)
{
    return original.capture + (plan.packets[packet].frame - files.capture);
}

static void play(uint64_t packet, const struct tw_plan_stamp *stamp, uint8_t *frame)
{
    tw_plan_stamp(&plan, packet, stamp, frame);
    struct tw_aead_job job = tw_plan_seal_job(&plan, packet, frame);
    tw_aead_sodium()->seal(&job, 1);
    tw_lab_datagram_finish(frame, plan.packets[packet].length);
}

/* Opens a played frame with its session's key and decodes it. */
static struct tw_client_frames open_frame(uint64_t packet, uint8_t *frame)
{
    struct tw_client_frames frames;
    uint32_t payload = plan.packets[packet].payload;
    uint32_t length = plan.packets[packet].length - payload;
    struct tw_aead_job job = {.key = &plan.sessions[plan.packets[packet].session].seal_key,
                              .packet = frame + payload,
                              .length = length};
    tw_aead_sodium()->open(&job, 1);
    assert_true(job.ok);
    assert_int_equal(
        tw_client_frames_decode(&frames, job.packet + TW_HEADER_SIZE, length - TW_PACKET_MIN),
        TW_FRAMES_OK);
    return frames;
}

static void unchanged_packets_are_the_recorded_ones(void **state)
{
    (void)state;
    uint64_t same = 0;
    assert_true(load(true));
    assert_int_equal(plan.session_count, CLIENTS);
    assert_int_equal(plan.address_count, 3);
    struct tw_capture_config config = lab_files_config(ipv6);
    config.client_ip[15] += 2u;
    assert_true(tw_plan_has_address(&plan, config.client_ip));
    config.client_ip[15]++;
    assert_false(tw_plan_has_address(&plan, config.client_ip));
    for (uint64_t i = 0; i < plan.packet_count; i++) {
        uint8_t frame[FRAME_MAX];
        struct tw_plan_stamp stamp = {.sequence = tw_plan_sequence(&plan, 0, i)};
        if (plan.packets[i].ping != TW_PLAN_NOT_THERE)
            continue; /* carries another time on purpose */
        play(i, &stamp, frame);
        assert_memory_equal(frame, recorded(i), plan.packets[i].length);
        same++;
    }
    assert_true(same > CLIENTS * 45u);
}

static void every_loop_has_numbers_of_its_own(void **state)
{
    (void)state;
    assert_true(load(true));
    uint64_t newest[CLIENTS] = {0};
    for (uint64_t loop = 0; loop < 3; loop++) {
        for (uint64_t i = 0; i < plan.packet_count; i++) {
            uint32_t session = plan.packets[i].session;
            uint64_t sequence = tw_plan_sequence(&plan, loop, i);
            assert_true(sequence > newest[session]);
            newest[session] = sequence;
        }
    }
    for (uint32_t i = 0; i < CLIENTS; i++)
        assert_int_equal(newest[i], 3u * plan.sessions[i].lab.packets);
    uint64_t most = tw_plan_loops_max(&plan);
    assert_in_range(most, TW_SEALED_MAX / 65u, TW_SEALED_MAX / 45u);
}

static void stamps_go_where_they_belong(void **state)
{
    (void)state;
    uint64_t stamped = 0;
    assert_true(load(true));
    for (uint64_t i = 0; i < plan.packet_count; i++) {
        uint8_t was[FRAME_MAX];
        uint8_t now[sizeof(was)];
        struct tw_plan_stamp stamp = {.sequence = tw_plan_sequence(&plan, 2, i),
                                      .tick_shift = 1000,
                                      .snapshot_newest = 77,
                                      .snapshot_bitmap = 0x5,
                                      .ack_largest = 88,
                                      .ack_bitmap = 0x9};
        memcpy(was, recorded(i), plan.packets[i].length);
        struct tw_client_frames before = open_frame(i, was);
        play(i, &stamp, now);
        struct tw_client_frames after = open_frame(i, now);
        assert_int_equal(after.has_inputs, before.has_inputs);
        assert_int_equal(after.input_count, before.input_count);
        if (before.has_inputs)
            assert_int_equal(after.newest_tick, before.newest_tick + 1000u);
        if (before.has_ping)
            assert_int_equal(after.ping_time_us, stamp.sequence);
        if (before.has_snapshot_ack)
            assert_int_equal(after.snapshot_newest, 77);
        if (before.has_ack)
            assert_int_equal(after.ack.largest, 88);
        stamped += before.has_inputs && before.has_ack && before.has_snapshot_ack;
    }
    assert_true(stamped > 50);
}

static void checksums_are_right(void **state)
{
    (void)state;
    assert_true(load(true));
    for (uint64_t i = 0; i < plan.packet_count; i++) {
        uint8_t frame[FRAME_MAX];
        struct tw_plan_stamp stamp = {.sequence = tw_plan_sequence(&plan, 9, i)};
        play(i, &stamp, frame);
        const uint8_t *ip = frame + TW_ETHERNET_SIZE;
        const uint8_t *udp = frame + plan.packets[i].payload - TW_UDP_SIZE;
        uint16_t length = tw_load_be16(udp + TW_UDP_LENGTH);
        uint64_t sum = ipv6 ? tw_checksum_pseudo_header6(ip, TW_PROTOCOL_UDP, length)
                            : tw_checksum_pseudo_header(ip, length);
        assert_int_equal(tw_checksum_finish(tw_checksum_add(sum, udp, length)), 0);
        assert_int_equal(tw_load_be16(frame + TW_ETHERNET_TYPE),
                         ipv6 ? TW_ETHERTYPE_IPV6 : TW_ETHERTYPE_IPV4);
    }
}

static void due_times_scale(void **state)
{
    (void)state;
    assert_true(load(true));
    assert_true(plan.packet_count > 100);
    uint64_t at_ns = plan.packets[100].at_ns;
    assert_true(at_ns > 0 && at_ns < plan.duration_ns);
    assert_int_equal(tw_plan_due_ns(&plan, 0, 100, 1000), at_ns);
    assert_int_equal(tw_plan_due_ns(&plan, 3, 100, 1000), 3 * plan.duration_ns + at_ns);
    assert_int_equal(tw_plan_due_ns(&plan, 0, 100, 2000), at_ns / 2);
    assert_int_equal(tw_plan_due_ns(&plan, 1, 100, 500), 2 * (plan.duration_ns + at_ns));
    assert_int_equal(tw_plan_due_ns(&plan, 5, 100, 0), 0);
    /* 2^28 loops at a thousandth of the speed: 8,500 years. */
    assert_true(tw_plan_due_ns(&plan, 1u << 28, 100, 1000) ==
                (1u << 28) * plan.duration_ns + at_ns);
    static const uint64_t speeds[] = {1, 7, 333, 999, 1001, 3000, 1000000};
    for (size_t s = 0; s < sizeof(speeds) / sizeof(speeds[0]); s++) {
        uint64_t last_ns = 0;
        for (uint64_t i = 0; i < 3 * plan.packet_count; i++) {
            uint64_t due_ns =
                tw_plan_due_ns(&plan, i / plan.packet_count, i % plan.packet_count, speeds[s]);
            assert_true(due_ns >= last_ns);
            last_ns = due_ns;
        }
    }
}

static void expect_failure(bool with_sessions, const char *text)
{
    assert_false(load(with_sessions));
    if (strstr(error.message, text) == NULL)
        fail_msg("\"%s\" does not say \"%s\"", error.message, text);
}

/* Of a datagram, by each length that a header tells. */
static void frames_that_are_not_whole_are_no_datagrams(void **state)
{
    (void)state;
    uint8_t frame[FRAME_MAX];
    assert_true(load(false));
    uint32_t length = plan.packets[0].length;
    uint32_t payload = ipv6 ? TW_FRAME6_HEADERS_SIZE : TW_FRAME_HEADERS_SIZE;
    memcpy(frame, recorded(0), length);
    assert_int_equal(tw_lab_datagram_read(frame, length), payload);
    struct tw_lab_ends ends = tw_lab_datagram_ends(frame);
    struct tw_capture_config config = lab_files_config(ipv6);
    assert_memory_equal(ends.to.ip, config.engine_ip, sizeof(config.engine_ip));
    assert_int_equal(ends.to.port, config.engine_port);
    assert_memory_equal(ends.from_mac, config.client_mac, sizeof(config.client_mac));
    for (uint32_t cut = 0; cut < length; cut++)
        assert_int_equal(tw_lab_datagram_read(frame, cut), 0);
    /* Version, protocol, and the two lengths. */
    uint32_t udp_length = payload - TW_UDP_SIZE + TW_UDP_LENGTH + 1u;
    uint32_t ip_length = ipv6 ? TW_IPV6_PAYLOAD_LENGTH : TW_IPV4_TOTAL_LENGTH;
    uint32_t protocol = ipv6 ? TW_IPV6_NEXT_HEADER : TW_IPV4_PROTOCOL;
    uint32_t bytes[] = {TW_ETHERNET_TYPE, TW_ETHERNET_SIZE, TW_ETHERNET_SIZE + protocol,
                        TW_ETHERNET_SIZE + ip_length + 1u, udp_length};
    for (size_t i = 0; i < sizeof(bytes) / sizeof(bytes[0]); i++) {
        frame[bytes[i]] ^= 0x10;
        assert_int_equal(tw_lab_datagram_read(frame, length), 0);
        frame[bytes[i]] ^= 0x10;
    }
    assert_int_equal(tw_lab_datagram_read(frame, length), payload);
}

static void damaged_captures_are_named(void **state)
{
    (void)state;
    size_t second = TW_PCAP_HEADER_SIZE + TW_PCAP_RECORD_SIZE +
                    tw_load_u32(files.capture + TW_PCAP_HEADER_SIZE + 8) + TW_PCAP_RECORD_SIZE;
    size_t payload = second + (ipv6 ? TW_FRAME6_HEADERS_SIZE : TW_FRAME_HEADERS_SIZE);
    files.capture[payload + 20] ^= 1;
    expect_failure(true, "frame 1: it does not open");
    make_files();
    files.capture[payload + 3] ^= 0x80; /* generation */
    expect_failure(true, "frame 1: its connection id is not in the sessions file");
    make_files();
    tw_store_u64(files.capture + payload + TW_HEADER_SEQUENCE, 100000);
    expect_failure(true, "frame 1: its packet number is not among");
    make_files();
    files.capture[second + TW_ETHERNET_TYPE] ^= 0x40;
    expect_failure(true, "frame 1: not a datagram");
    make_files();
    files.capture_length -= 3;
    expect_failure(true, "cut off");
    expect_failure(false, "cut off");
    make_files();
    memset(files.capture, 0, 4);
    expect_failure(true, "not a pcap file");
    make_files();
    files.capture_length = TW_PCAP_HEADER_SIZE;
    expect_failure(false, "no frames");
}

static void repeats_in_a_capture_are_refused(void **state)
{
    (void)state;
    /* The first frame once more, at the end. */
    size_t length = TW_PCAP_RECORD_SIZE + tw_load_u32(files.capture + TW_PCAP_HEADER_SIZE + 8);
    memcpy(files.capture + files.capture_length, files.capture + TW_PCAP_HEADER_SIZE, length);
    files.capture_length += length;
    expect_failure(true, "do not ascend");
    make_files();
    size_t last = 0;
    struct tw_pcap pcap;
    struct tw_pcap_frame frame;
    assert_int_equal(tw_pcap_open(&pcap, files.capture, files.capture_length), TW_PCAP_OK);
    while (tw_pcap_next(&pcap, &frame) == TW_PCAP_OK)
        last = (size_t)(frame.bytes - files.capture) - TW_PCAP_RECORD_SIZE;
    tw_store_u32(files.capture + last, 2); /* at 2 s of a capture of one */
    expect_failure(true, "later than");
}

static void damaged_sessions_are_named(void **state)
{
    (void)state;
    files.sessions[TW_LAB_HEADER_SIZE + 2 * TW_LAB_RECORD_SIZE + 30] ^= 1;
    expect_failure(true, "sessions file: record 2: wrong checksum");
    make_files();
    files.sessions[20] ^= 1;
    expect_failure(true, "sessions file: header: wrong checksum");
}

static void any_capture_can_be_played_as_it_is(void **state)
{
    (void)state;
    files.capture[TW_PCAP_HEADER_SIZE + TW_PCAP_RECORD_SIZE + 60] ^= 1;
    assert_true(load(false));
    assert_int_equal(plan.session_count, 0);
    assert_int_equal(tw_plan_loops_max(&plan), 1);
    assert_int_equal(plan.packets[0].at_ns, 0);
    assert_int_equal(tw_plan_find(&plan, 0x12345678), TW_PLAN_NO_SESSION);
    assert_false(tw_plan_has_address(&plan, lab_files_config(ipv6).client_ip));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    if (sodium_init() < 0)
        return 1;
    const struct CMUnitTest tests[] = {
        TEST(unchanged_packets_are_the_recorded_ones),
        TEST(every_loop_has_numbers_of_its_own),
        TEST(stamps_go_where_they_belong),
        TEST(checksums_are_right),
        TEST(due_times_scale),
        TEST(frames_that_are_not_whole_are_no_datagrams),
        TEST(damaged_captures_are_named),
        TEST(repeats_in_a_capture_are_refused),
        TEST(damaged_sessions_are_named),
        TEST(any_capture_can_be_played_as_it_is),
    };
    int failed = cmocka_run_group_tests_name("plan over IPv4", tests, NULL, NULL);
    ipv6 = true;
    return failed + cmocka_run_group_tests_name("plan over IPv6", tests, NULL, NULL);
}
