/* SPDX-License-Identifier: BSD-3-Clause */
/* Every malformed class of frame ends in its own outcome; no frame is read beyond its end. */
#include "tests/unit/gate/frame_builder.h"

#include "dataplane/gate/arp.h"
#include "dataplane/gate/checksum.h"
#include "dataplane/gate/icmp.h"
#include "dataplane/gate/network_bytes.h"
#include "dataplane/gate/udp_frame.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

static const struct tw_checksum_hints no_hints = {TW_CHECKSUM_UNKNOWN, TW_CHECKSUM_UNKNOWN};

/* Parses a copy of exactly `length` bytes on the heap, so that ASan sees any read past the end. */
static struct tw_packet parse_hinted(const uint8_t *frame, size_t length,
                                     struct tw_checksum_hints hints, uint8_t **copy)
{
    struct tw_parse_rules rules = test_rules();
    *copy = malloc(length == 0 ? 1 : length);
    assert_non_null(*copy);
    memcpy(*copy, frame, length);
    struct tw_packet packet = {.frame = *copy, .frame_length = (uint32_t)length};
    tw_packet_parse(&packet, &rules, hints);
    return packet;
}

static uint16_t outcome_of(const uint8_t *frame, size_t length)
{
    uint8_t *copy;
    struct tw_packet packet = parse_hinted(frame, length, no_hints, &copy);
    free(copy);
    return packet.outcome;
}

static size_t good_udp(uint8_t *frame, size_t payload_length)
{
    static uint8_t payload[TW_DATAGRAM_MAX + 1];
    for (size_t i = 0; i < sizeof(payload); i++)
        payload[i] = (uint8_t)(i * 7);
    return test_udp_frame(frame, TEST_CLIENT_ADDRESS, TEST_CLIENT_PORT, payload, payload_length);
}

static void accepts_udp(void **state)
{
    (void)state;
    uint8_t frame[TEST_FRAME_MAX];
    for (size_t length = TW_PACKET_MIN; length <= TW_DATAGRAM_MAX; length += 9) {
        size_t size = good_udp(frame, length);
        uint8_t *copy;
        struct tw_packet packet = parse_hinted(frame, size, no_hints, &copy);
        assert_int_equal(packet.outcome, TW_OUTCOME_OPEN);
        assert_int_equal(packet.kind, TW_PACKET_UDP);
        assert_int_equal(packet.payload_length, length);
        assert_memory_equal(packet.payload, frame + 42, length);
        assert_int_equal(packet.source.port, TEST_CLIENT_PORT);
        assert_int_equal(packet.source_ipv4, TEST_CLIENT_ADDRESS);
        assert_int_equal(packet.header.connection_id, tw_load_u32(frame + 42));
        free(copy);
    }
}

static void accepts_vlan_padding_and_no_checksum(void **state)
{
    (void)state;
    uint8_t frame[TEST_FRAME_MAX] = {0};
    size_t size = good_udp(frame, 40);
    assert_int_equal(outcome_of(frame, size + 20), TW_OUTCOME_OPEN); /* Ethernet padding */
    tw_store_be16(frame + 40, 0);
    assert_int_equal(outcome_of(frame, size), TW_OUTCOME_OPEN); /* RFC 768: none made */
    size = good_udp(frame, 40);
    size = test_add_vlan(frame, size);
    assert_int_equal(outcome_of(frame, size), TW_OUTCOME_OPEN);
    for (uint16_t id = 1; id < 4096; id = (uint16_t)(id * 2)) {
        tw_store_be16(frame + 14, (uint16_t)(0xe000 | id));
        assert_int_equal(outcome_of(frame, size), TW_OUTCOME_VLAN_FOREIGN);
    }
    tw_store_be16(frame + 14, 0xf000);
    assert_int_equal(outcome_of(frame, size), TW_OUTCOME_OPEN);
    size = test_add_vlan(frame, size);
    assert_int_equal(outcome_of(frame, size), TW_OUTCOME_ETHERTYPE_UNKNOWN);
}

static void rejects_ethernet(void **state)
{
    (void)state;
    uint8_t frame[TEST_FRAME_MAX];
    size_t size = good_udp(frame, 40);
    for (size_t length = 0; length < 14; length++)
        assert_int_equal(outcome_of(frame, length), TW_OUTCOME_ETHERNET_TRUNCATED);
    frame[5] ^= 1;
    assert_int_equal(outcome_of(frame, size), TW_OUTCOME_ETHERNET_FOREIGN);
    memset(frame, 0xff, 6);
    assert_int_equal(outcome_of(frame, size), TW_OUTCOME_OPEN);
    tw_store_be16(frame + 12, 0x86dd);
    assert_int_equal(outcome_of(frame, size), TW_OUTCOME_IPV6_UNSERVED);
    tw_store_be16(frame + 12, 0x88cc);
    assert_int_equal(outcome_of(frame, size), TW_OUTCOME_ETHERTYPE_UNKNOWN);
    size = good_udp(frame, 40);
    test_add_vlan(frame, size);
    assert_int_equal(outcome_of(frame, 17), TW_OUTCOME_ETHERNET_TRUNCATED);
}

static void rejects_ipv4_header(void **state)
{
    (void)state;
    uint8_t frame[TEST_FRAME_MAX];
    size_t size = good_udp(frame, 40);
    for (size_t length = 14; length < size; length++)
        assert_int_equal(outcome_of(frame, length), TW_OUTCOME_IPV4_TRUNCATED);
    static const uint8_t first[] = {0x46, 0x44, 0x65, 0x05, 0x00};
    for (size_t i = 0; i < sizeof(first); i++) {
        frame[14] = first[i]; /* options, short header, other versions */
        test_fix_ipv4(frame);
        assert_int_equal(outcome_of(frame, size), TW_OUTCOME_IPV4_HEADER);
    }
    good_udp(frame, 40);
    tw_store_be16(frame + 16, 19);
    test_fix_ipv4(frame);
    assert_int_equal(outcome_of(frame, size), TW_OUTCOME_IPV4_HEADER);
    for (size_t i = 22; i < 34; i++) {
        good_udp(frame, 40);
        frame[i] ^= 0x10;
        assert_int_equal(outcome_of(frame, size), TW_OUTCOME_IPV4_CHECKSUM);
    }
    static const uint16_t fragments[] = {0x2000, 0x0001, 0x1fff, 0x2010};
    for (size_t i = 0; i < 4; i++) {
        good_udp(frame, 40);
        tw_store_be16(frame + 20, fragments[i]);
        test_fix_ipv4(frame);
        assert_int_equal(outcome_of(frame, size), TW_OUTCOME_IPV4_FRAGMENT);
    }
    good_udp(frame, 40);
    tw_store_be16(frame + 20, 0x4000);
    test_fix_ipv4(frame);
    assert_int_equal(outcome_of(frame, size), TW_OUTCOME_OPEN);
}

static void rejects_ipv4_addresses(void **state)
{
    (void)state;
    uint8_t frame[TEST_FRAME_MAX];
    size_t size = good_udp(frame, 40);
    tw_store_be32(frame + 30, TEST_SERVER_ADDRESS + 1);
    test_fix_ipv4(frame);
    assert_int_equal(outcome_of(frame, size), TW_OUTCOME_IPV4_FOREIGN);
    static const uint32_t sources[] = {0,          0xffffffff, 0xe0000001, 0xf0000001,
                                       0x7f000001, 0xc6120000, 0xc61200ff, TEST_SERVER_ADDRESS};
    for (size_t i = 0; i < sizeof(sources) / sizeof(sources[0]); i++) {
        good_udp(frame, 40);
        tw_store_be32(frame + 26, sources[i]);
        test_fix_ipv4(frame);
        assert_int_equal(outcome_of(frame, size), TW_OUTCOME_IPV4_SOURCE);
    }
    good_udp(frame, 40);
    frame[23] = 6;
    test_fix_ipv4(frame);
    assert_int_equal(outcome_of(frame, size), TW_OUTCOME_IPV4_PROTOCOL);
}

static void rejects_udp(void **state)
{
    (void)state;
    uint8_t frame[TEST_FRAME_MAX] = {0};
    size_t size = good_udp(frame, 40);
    tw_store_be16(frame + 38, 7);
    assert_int_equal(outcome_of(frame, size), TW_OUTCOME_UDP_TRUNCATED);
    tw_store_be16(frame + 38, 49);
    assert_int_equal(outcome_of(frame, size), TW_OUTCOME_UDP_TRUNCATED);
    good_udp(frame, 40);
    tw_store_be16(frame + 16, 27); /* IPv4 ends inside the UDP header */
    test_fix_ipv4(frame);
    assert_int_equal(outcome_of(frame, size), TW_OUTCOME_UDP_TRUNCATED);
    good_udp(frame, 40);
    tw_store_be16(frame + 36, TEST_SERVER_PORT + 1);
    assert_int_equal(outcome_of(frame, size), TW_OUTCOME_UDP_PORT);
    good_udp(frame, 40);
    tw_store_be16(frame + 34, 0);
    assert_int_equal(outcome_of(frame, size), TW_OUTCOME_UDP_PORT);
    for (size_t i = 42; i < size; i++) {
        good_udp(frame, 40);
        frame[i] ^= 0x40;
        assert_int_equal(outcome_of(frame, size), TW_OUTCOME_UDP_CHECKSUM);
    }
    size = good_udp(frame, TW_PACKET_MIN - 1);
    assert_int_equal(outcome_of(frame, size), TW_OUTCOME_PAYLOAD_SMALL);
    size = good_udp(frame, TW_DATAGRAM_MAX + 1);
    assert_int_equal(outcome_of(frame, size), TW_OUTCOME_PAYLOAD_OVERSIZED);
}

static void believes_hardware(void **state)
{
    (void)state;
    uint8_t frame[TEST_FRAME_MAX];
    size_t size = good_udp(frame, 40);
    uint8_t *copy;
    struct tw_checksum_hints bad = {TW_CHECKSUM_BAD, TW_CHECKSUM_UNKNOWN};
    assert_int_equal(parse_hinted(frame, size, bad, &copy).outcome, TW_OUTCOME_IPV4_CHECKSUM);
    free(copy);
    bad = (struct tw_checksum_hints){TW_CHECKSUM_GOOD, TW_CHECKSUM_BAD};
    assert_int_equal(parse_hinted(frame, size, bad, &copy).outcome, TW_OUTCOME_UDP_CHECKSUM);
    free(copy);
    frame[24] ^= 1;
    frame[40] ^= 1;
    struct tw_checksum_hints good = {TW_CHECKSUM_GOOD, TW_CHECKSUM_GOOD};
    assert_int_equal(parse_hinted(frame, size, good, &copy).outcome, TW_OUTCOME_OPEN);
    free(copy);
}

/* Nothing of the payload is summed up until it is asked for. */
static void checksum_can_wait(void **state)
{
    (void)state;
    uint8_t frame[TEST_FRAME_MAX];
    struct tw_checksum_hints later = {TW_CHECKSUM_UNKNOWN, TW_CHECKSUM_LATER};
    for (uint32_t wrong = 0; wrong < 2; wrong++) {
        uint8_t *copy;
        size_t size = good_udp(frame, 40);
        frame[50] ^= (uint8_t)wrong;
        struct tw_packet packet = parse_hinted(frame, size, later, &copy);
        assert_int_equal(packet.outcome, TW_OUTCOME_OPEN);
        assert_int_equal(packet.kind, TW_PACKET_UDP);
        assert_true(packet.checksum_owed);
        assert_int_equal(tw_packet_check_udp(&packet),
                         wrong ? TW_OUTCOME_UDP_CHECKSUM : TW_OUTCOME_OPEN);
        assert_false(packet.checksum_owed);
        free(copy);
        packet = parse_hinted(frame, size, no_hints, &copy);
        assert_false(packet.checksum_owed);
        assert_int_equal(packet.kind, wrong ? TW_PACKET_NONE : TW_PACKET_UDP);
        free(copy);
    }
    /* Cheaper to see than a wrong sum. */
    size_t size = good_udp(frame, TW_DATAGRAM_MAX + 1);
    frame[50] ^= 1;
    assert_int_equal(outcome_of(frame, size), TW_OUTCOME_PAYLOAD_OVERSIZED);
}

static void answers_arp(void **state)
{
    (void)state;
    struct tw_parse_rules rules = test_rules();
    uint8_t frame[TEST_FRAME_MAX];
    size_t size = test_arp_frame(frame, 1, TEST_CLIENT_ADDRESS, TEST_SERVER_ADDRESS);
    memset(frame + 6, 0xee, 6); /* the frame's source MAC is not to be believed */
    uint8_t *copy;
    struct tw_packet packet = parse_hinted(frame, size, no_hints, &copy);
    assert_int_equal(packet.kind, TW_PACKET_ARP);
    assert_true(tw_arp_is_request(&packet));
    assert_int_equal(tw_arp_reply(&packet, &rules), 42);
    assert_memory_equal(copy, test_client_mac, 6);
    assert_memory_equal(copy + 6, test_server_mac, 6);
    assert_int_equal(tw_load_be16(copy + 20), 2);
    assert_memory_equal(copy + 22, test_server_mac, 6);
    assert_int_equal(tw_load_be32(copy + 28), TEST_SERVER_ADDRESS);
    assert_memory_equal(copy + 32, test_client_mac, 6);
    assert_int_equal(tw_load_be32(copy + 38), TEST_CLIENT_ADDRESS);
    free(copy);
    /* A probe asks from address zero. */
    size = test_arp_frame(frame, 1, 0, TEST_SERVER_ADDRESS);
    assert_int_equal(outcome_of(frame, size), TW_OUTCOME_OPEN);
}

static void rejects_arp(void **state)
{
    (void)state;
    uint8_t frame[TEST_FRAME_MAX];
    size_t size = test_arp_frame(frame, 1, TEST_CLIENT_ADDRESS, TEST_SERVER_ADDRESS);
    for (size_t length = 14; length < 42; length++)
        assert_int_equal(outcome_of(frame, length), TW_OUTCOME_ARP_MALFORMED);
    for (size_t i = 14; i < 21; i++) {
        test_arp_frame(frame, 1, TEST_CLIENT_ADDRESS, TEST_SERVER_ADDRESS);
        frame[i] ^= 0x08;
        assert_int_equal(outcome_of(frame, size), TW_OUTCOME_ARP_MALFORMED);
    }
    test_arp_frame(frame, 3, TEST_CLIENT_ADDRESS, TEST_SERVER_ADDRESS);
    assert_int_equal(outcome_of(frame, size), TW_OUTCOME_ARP_MALFORMED);
    test_arp_frame(frame, 1, TEST_CLIENT_ADDRESS, TEST_SERVER_ADDRESS);
    memset(frame + 22, 0xff, 6); /* a broadcast address cannot ask */
    assert_int_equal(outcome_of(frame, size), TW_OUTCOME_ARP_MALFORMED);
    static const uint32_t foreign[][2] = {
        {TEST_CLIENT_ADDRESS, TEST_SERVER_ADDRESS + 7}, /* about another host */
        {0x0a000001, TEST_SERVER_ADDRESS},              /* sender is not on our link */
        {TEST_SERVER_ADDRESS, TEST_SERVER_ADDRESS},     /* sender claims to be us */
    };
    for (size_t i = 0; i < 3; i++) {
        test_arp_frame(frame, 1, foreign[i][0], foreign[i][1]);
        assert_int_equal(outcome_of(frame, size), TW_OUTCOME_ARP_FOREIGN);
    }
    test_arp_frame(frame, 2, 0, TEST_SERVER_ADDRESS);
    assert_int_equal(outcome_of(frame, size), TW_OUTCOME_ARP_FOREIGN);
}

static void answers_icmp(void **state)
{
    (void)state;
    struct tw_parse_rules rules = test_rules();
    uint8_t frame[TEST_FRAME_MAX];
    size_t size = test_icmp_frame(frame, TEST_CLIENT_ADDRESS, 33);
    uint8_t *copy;
    struct tw_packet packet = parse_hinted(frame, size, no_hints, &copy);
    assert_int_equal(packet.kind, TW_PACKET_ICMP);
    static const uint8_t hop[6] = {2, 9, 9, 9, 9, 9};
    assert_int_equal(tw_icmp_reply(&packet, &rules, hop), size);
    assert_memory_equal(copy, hop, 6);
    assert_memory_equal(copy + 6, test_server_mac, 6);
    /* The reply is itself well-formed: seen as its receiver would. */
    uint8_t request[TEST_FRAME_MAX];
    test_icmp_frame(request, TEST_SERVER_ADDRESS, 33);
    tw_store_be32(request + 30, TEST_CLIENT_ADDRESS);
    request[22] = 64;
    test_fix_ipv4(request);
    assert_memory_equal(copy + 14, request + 14, 20);
    assert_int_equal(copy[34], 0);
    assert_memory_equal(copy + 38, frame + 38, size - 38);
    /* Type 8 became 0: the one's complement sum is 0x0800 less, its complement that much more. */
    uint32_t checksum = tw_load_be16(frame + 36) + 0x0800u;
    assert_int_equal(tw_load_be16(copy + 36), (checksum & 0xffff) + (checksum >> 16));
    free(copy);
    frame[34] = 13;
    assert_int_equal(outcome_of(frame, size), TW_OUTCOME_ICMP_IGNORED);
    test_icmp_frame(frame, TEST_CLIENT_ADDRESS, 33);
    frame[50] ^= 1;
    assert_int_equal(outcome_of(frame, size), TW_OUTCOME_ICMP_IGNORED);
}

static void writes_udp_frames(void **state)
{
    (void)state;
    struct tw_parse_rules rules = test_rules();
    struct tw_udp_target target = {.address = TEST_CLIENT_ADDRESS, .port = TEST_CLIENT_PORT};
    memcpy(target.mac, test_client_mac, 6);
    /* The receiver's rules accept what we wrote, with odd and even lengths. */
    struct tw_parse_rules theirs = {
        .prefix_length = 24, .udp_port = TEST_CLIENT_PORT, .address = TEST_CLIENT_ADDRESS};
    memcpy(theirs.mac, test_client_mac, 6);
    for (uint16_t length = TW_PACKET_MIN; length <= TW_DATAGRAM_MAX; length++) {
        uint8_t frame[TEST_FRAME_MAX];
        for (uint16_t i = 0; i < length; i++)
            frame[42 + i] = (uint8_t)(i * 31 + length);
        tw_udp_frame_write(frame, &rules, &target, length);
        struct tw_packet packet = {.frame = frame, .frame_length = 42u + length};
        tw_packet_parse(&packet, &theirs, no_hints);
        assert_int_equal(packet.outcome, TW_OUTCOME_OPEN);
        assert_int_equal(packet.payload_length, length);
        uint16_t written = tw_load_be16(frame + 40);
        assert_int_not_equal(written, 0);
        test_fix_udp(frame);
        assert_int_equal(tw_load_be16(frame + 40), written);
    }
}

/* One's complement sum of 16-bit words, as a port reckons it over what it is handed. */
static uint16_t summed(const uint8_t *bytes, size_t length)
{
    uint32_t sum = 0;
    for (size_t i = 0; i < length; i += 2)
        sum += (uint32_t)bytes[i] << 8 | (i + 1 < length ? bytes[i + 1] : 0u);
    while (sum > 0xffff)
        sum = (sum & 0xffff) + (sum >> 16);
    return (uint16_t)sum;
}

static void finish_as_a_port_does(uint8_t *frame, size_t length)
{
    assert_int_equal(tw_load_be16(frame + 24), 0);
    tw_store_be16(frame + 24, (uint16_t)~summed(frame + 14, 20));
    uint16_t udp = (uint16_t)~summed(frame + 34, length - 34);
    tw_store_be16(frame + 40, udp == 0 ? 0xffff : udp);
}

static void frames_are_the_same_whoever_finishes_them(void **state)
{
    (void)state;
    struct tw_parse_rules rules = test_rules();
    bool zero_seen = false;
    for (uint32_t i = 0; i < 70000; i++) {
        uint8_t ours[TEST_FRAME_MAX], theirs[TEST_FRAME_MAX];
        /* Two bytes that go through all values: some sum to a checksum of zero. */
        uint16_t length = i < 65536 ? 16 : (uint16_t)(TW_PACKET_MIN + i % 1170u);
        struct tw_udp_target target = {.address = 0xc6120002u + i % 7u, .port = (uint16_t)(i + 1u)};
        if (i < 65536)
            target = (struct tw_udp_target){.address = TEST_CLIENT_ADDRESS, .port = 5000};
        memcpy(target.mac, test_client_mac, 6);
        memset(ours, 0xee, sizeof(ours));
        for (uint16_t j = 0; j < length; j++)
            ours[42 + j] = (uint8_t)(j * 29u + (i < 65536 ? 0u : i));
        tw_store_be16(ours + 42, (uint16_t)i);
        memcpy(theirs, ours, sizeof(ours));
        tw_udp_frame_write(ours, &rules, &target, length);
        tw_udp_frame_write_unfinished(theirs, &rules, &target, length);
        finish_as_a_port_does(theirs, 42u + length);
        assert_memory_equal(ours, theirs, 42u + length);
        zero_seen = zero_seen || tw_load_be16(ours + 40) == 0xffff;
    }
    assert_true(zero_seen);
}

static uint64_t random_next(uint64_t *seed)
{
    *seed += UINT64_C(0x9e3779b97f4a7c15);
    uint64_t z = *seed;
    z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
    return z ^ z >> 31;
}

static size_t any_frame(uint8_t *frame, uint64_t choice)
{
    switch (choice % 4) {
    case 0:
        return good_udp(frame, 30 + choice / 4 % 1200);
    case 1:
        return test_arp_frame(frame, (uint16_t)(1 + choice / 4 % 2), TEST_CLIENT_ADDRESS,
                              TEST_SERVER_ADDRESS);
    case 2:
        return test_icmp_frame(frame, TEST_CLIENT_ADDRESS, choice / 4 % 200);
    default:
        return test_add_vlan(frame, good_udp(frame, 30 + choice / 4 % 1200));
    }
}

/* Mutated and truncated frames: a defined outcome, views inside the frame, no read past its end. */
/* Every length, from every place in a line: wide and portable sums finish to the same. */
static void sums_are_the_same_wide_and_portable(void **state)
{
    (void)state;
    for (size_t length = 0; length <= 1300; length++) {
        /* Exactly as large: who reads beyond it is caught by the address sanitizer. */
        uint8_t *bytes = malloc(64 + length);
        assert_non_null(bytes);
        for (size_t i = 0; i < 64 + length; i++)
            bytes[i] = (uint8_t)(length % 7u == 0 ? 0xff : length * 31u + i * i * 7u);
        for (size_t from = 0; from < 64; from += 1u + length % 5u) {
            uint8_t *start = bytes + 64 - from;
            assert_int_equal(
                tw_checksum_finish(tw_checksum_add(0x12345678, start, length)),
                tw_checksum_finish(tw_checksum_add_portable(0x12345678, start, length)));
        }
        memset(bytes, 0, 64 + length);
        assert_int_equal(tw_checksum_finish(tw_checksum_add(0, bytes + 64, length)), 0xffff);
        free(bytes);
    }
}

static void survives_mutations(void **state)
{
    (void)state;
    uint64_t start = (uint64_t)time(NULL);
    uint64_t seed = start;
    for (uint32_t round = 0; round < 60000; round++) {
        uint8_t frame[TEST_FRAME_MAX];
        size_t size = any_frame(frame, random_next(&seed));
        for (uint64_t flips = random_next(&seed) % 4; flips > 0; flips--) {
            uint64_t where = random_next(&seed);
            size_t range = (where & 1) != 0 ? 46 : size; /* half of them in the headers */
            frame[where / 2 % range] = (uint8_t)random_next(&seed);
        }
        if (random_next(&seed) % 3 == 0)
            size = random_next(&seed) % (size + 1);
        uint8_t *copy;
        struct tw_packet packet = parse_hinted(frame, size, no_hints, &copy);
        bool open = packet.outcome == TW_OUTCOME_OPEN;
        bool inside =
            packet.kind != TW_PACKET_UDP ||
            (packet.payload >= copy && packet.payload + packet.payload_length <= copy + size);
        if (packet.outcome > TW_OUTCOME_OPEN || !inside || (open && packet.kind == TW_PACKET_NONE))
            fail_msg("seed %llu round %u", (unsigned long long)start, round);
        free(copy);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(accepts_udp),
        cmocka_unit_test(accepts_vlan_padding_and_no_checksum),
        cmocka_unit_test(rejects_ethernet),
        cmocka_unit_test(rejects_ipv4_header),
        cmocka_unit_test(rejects_ipv4_addresses),
        cmocka_unit_test(rejects_udp),
        cmocka_unit_test(believes_hardware),
        cmocka_unit_test(checksum_can_wait),
        cmocka_unit_test(answers_arp),
        cmocka_unit_test(rejects_arp),
        cmocka_unit_test(answers_icmp),
        cmocka_unit_test(writes_udp_frames),
        cmocka_unit_test(frames_are_the_same_whoever_finishes_them),
        cmocka_unit_test(sums_are_the_same_wide_and_portable),
        cmocka_unit_test(survives_mutations),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
