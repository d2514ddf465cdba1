/* SPDX-License-Identifier: BSD-3-Clause */
/* Every malformed class of IPv6 packet ends in its own outcome; no frame is read beyond its end. */
#include "tests/unit/gate/frame_builder_ipv6.h"

#include "dataplane/gate/icmpv6.h"
#include "dataplane/gate/nd.h"
#include "dataplane/gate/network_bytes.h"
#include "dataplane/gate/parse_ipv6.h"
#include "dataplane/gate/udp_frame.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static uint8_t frame[TEST_FRAME_MAX];
static size_t size;

/* Parses a copy of exactly `length` bytes on the heap, so that ASan sees any read past the end. */
static struct tw_packet parse_with(const struct tw_parse_rules *rules, size_t length,
                                   enum tw_checksum_hint udp_hint, uint8_t **copy)
{
    *copy = malloc(length == 0 ? 1 : length);
    assert_non_null(*copy);
    memcpy(*copy, frame, length);
    struct tw_packet packet = {.frame = *copy, .frame_length = (uint32_t)length};
    tw_packet_parse(&packet, rules, (struct tw_checksum_hints){TW_CHECKSUM_UNKNOWN, udp_hint});
    return packet;
}

static uint16_t outcome_hinted(enum tw_checksum_hint hint)
{
    struct tw_parse_rules rules = test_rules6();
    uint8_t *copy;
    struct tw_packet packet = parse_with(&rules, size, hint, &copy);
    free(copy);
    return packet.outcome;
}

static uint16_t outcome(void)
{
    return outcome_hinted(TW_CHECKSUM_UNKNOWN);
}

static void good_udp(size_t length)
{
    static uint8_t payload[TW_DATAGRAM_MAX + 1];
    for (size_t i = 0; i < sizeof(payload); i++)
        payload[i] = (uint8_t)(i * 7);
    size = test_udp6_frame(frame, test_client_ip6, TEST_CLIENT_PORT, payload, length);
}

static void accepts_udp(void **state)
{
    (void)state;
    struct tw_parse_rules rules = test_rules6();
    for (size_t length = TW_PACKET_MIN; length <= TW_DATAGRAM_MAX; length += 7) {
        uint8_t *copy;
        good_udp(length);
        struct tw_packet packet = parse_with(&rules, size, TW_CHECKSUM_UNKNOWN, &copy);
        assert_int_equal(packet.outcome, TW_OUTCOME_OPEN);
        assert_int_equal(packet.kind, TW_PACKET_UDP);
        assert_int_equal(packet.payload_length, length);
        assert_memory_equal(packet.payload, frame + 62, length);
        assert_memory_equal(packet.source.ip, test_client_ip6, 16);
        assert_int_equal(packet.source.port, TEST_CLIENT_PORT);
        free(copy);
    }
    good_udp(40);
    size += 6; /* Ethernet padding */
    assert_int_equal(outcome(), TW_OUTCOME_OPEN);
    good_udp(40);
    size = test_add_vlan(frame, size);
    assert_int_equal(outcome(), TW_OUTCOME_OPEN);
    frame[15] = 7;
    assert_int_equal(outcome(), TW_OUTCOME_VLAN_FOREIGN);
}

static void rejects_where_no_address_is(void **state)
{
    (void)state;
    struct tw_parse_rules rules = test_rules();
    uint8_t *copy;
    good_udp(40);
    struct tw_packet packet = parse_with(&rules, size, TW_CHECKSUM_UNKNOWN, &copy);
    assert_int_equal(packet.outcome, TW_OUTCOME_IPV6_UNSERVED);
    free(copy);
    size = test_solicitation(frame, test_client_ip6);
    packet = parse_with(&rules, size, TW_CHECKSUM_UNKNOWN, &copy);
    assert_int_equal(packet.outcome, TW_OUTCOME_ETHERNET_FOREIGN);
    free(copy);
}

static void rejects_headers(void **state)
{
    (void)state;
    good_udp(40);
    size_t whole = size;
    for (size = 14; size < whole; size++)
        assert_int_equal(outcome(), TW_OUTCOME_IPV6_TRUNCATED);
    frame[14] = 0x40;
    assert_int_equal(outcome(), TW_OUTCOME_IPV6_VERSION);
    good_udp(40);
    tw_store_be16(frame + 18, 0);
    assert_int_equal(outcome(), TW_OUTCOME_IPV6_JUMBO);
    frame[20] = 0; /* a true one has a hop-by-hop header */
    assert_int_equal(outcome(), TW_OUTCOME_IPV6_JUMBO);
    good_udp(40);
    for (size_t i = 38; i < 54; i++) {
        frame[i] ^= 1;
        assert_int_equal(outcome(), TW_OUTCOME_IPV6_FOREIGN);
        frame[i] ^= 1;
    }
    /* UDP to groups of ours. */
    memcpy(frame + 38, test_server_group6, 16);
    assert_int_equal(outcome(), TW_OUTCOME_IPV6_FOREIGN);
    memcpy(frame + 38, tw_ipv6_all_nodes, 16);
    assert_int_equal(outcome(), TW_OUTCOME_IPV6_FOREIGN);
    good_udp(40);
    static const uint8_t extensions[] = {0, 43, 50, 51, 60, 135, 139, 140};
    for (size_t i = 0; i < sizeof(extensions); i++) {
        frame[20] = extensions[i];
        assert_int_equal(outcome(), TW_OUTCOME_IPV6_EXTENSION);
    }
    frame[20] = 44;
    assert_int_equal(outcome(), TW_OUTCOME_IPV6_FRAGMENT);
    static const uint8_t others[] = {1, 4, 6, 41, 59, 132, 255};
    for (size_t i = 0; i < sizeof(others); i++) {
        frame[20] = others[i];
        assert_int_equal(outcome(), TW_OUTCOME_IPV6_PROTOCOL);
    }
}

static void rejects_sources(void **state)
{
    (void)state;
    static const uint8_t bad[][16] = {
        {0},
        {[15] = 1},
        {[12] = 198, 18, 0, 2},                           /* IPv4-compatible */
        {[10] = 0xff, [11] = 0xff, [12] = 198, 18, 0, 2}, /* would pass for an IPv4 host */
        {0xff, 0x02, [15] = 1},
        {0xfd, 0x12, [15] = 1}, /* ourselves */
    };
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        uint8_t payload[64] = {0};
        size = test_udp6_frame(frame, bad[i], TEST_CLIENT_PORT, payload, sizeof(payload));
        assert_int_equal(outcome(), TW_OUTCOME_IPV6_SOURCE);
        size = test_echo6_frame(frame, bad[i], 8);
        assert_int_equal(outcome(), TW_OUTCOME_IPV6_SOURCE);
    }
    uint8_t payload[64] = {0};
    size = test_udp6_frame(frame, test_router_ip6, TEST_CLIENT_PORT, payload, sizeof(payload));
    assert_int_equal(outcome(), TW_OUTCOME_OPEN); /* link-local */
}

static void rejects_udp(void **state)
{
    (void)state;
    static const uint16_t lengths[] = {0, 7, 49, 65535};
    for (size_t i = 0; i < 4; i++) {
        good_udp(40);
        tw_store_be16(frame + 58, lengths[i]);
        assert_int_equal(outcome(), TW_OUTCOME_UDP_TRUNCATED);
    }
    good_udp(40);
    tw_store_be16(frame + 18, 7);
    assert_int_equal(outcome(), TW_OUTCOME_UDP_TRUNCATED);
    good_udp(40);
    frame[57] ^= 1;
    assert_int_equal(outcome(), TW_OUTCOME_UDP_PORT);
    good_udp(40);
    tw_store_be16(frame + 54, 0);
    assert_int_equal(outcome(), TW_OUTCOME_UDP_PORT);
    good_udp(TW_PACKET_MIN - 1);
    assert_int_equal(outcome(), TW_OUTCOME_PAYLOAD_SMALL);
    good_udp(TW_DATAGRAM_MAX + 1);
    assert_int_equal(outcome(), TW_OUTCOME_PAYLOAD_OVERSIZED);
}

/* Each bit of addresses, ports and payload counts; none at all is forbidden over IPv6. */
static void rejects_udp_checksums(void **state)
{
    (void)state;
    good_udp(41);
    assert_int_equal(outcome_hinted(TW_CHECKSUM_BAD), TW_OUTCOME_UDP_CHECKSUM);
    for (size_t i = 62; i < size; i++) {
        frame[i] ^= 0x10;
        assert_int_equal(outcome(), TW_OUTCOME_UDP_CHECKSUM);
        assert_int_equal(outcome_hinted(TW_CHECKSUM_GOOD), TW_OUTCOME_OPEN);
        frame[i] ^= 0x10;
    }
    frame[30] ^= 1; /* source */
    assert_int_equal(outcome(), TW_OUTCOME_UDP_CHECKSUM);
    frame[30] ^= 1;
    tw_store_be16(frame + 60, 0);
    assert_int_equal(outcome(), TW_OUTCOME_UDP_CHECKSUM);
    assert_int_equal(outcome_hinted(TW_CHECKSUM_GOOD), TW_OUTCOME_UDP_CHECKSUM);
}

static uint16_t outcome_later(void)
{
    struct tw_parse_rules rules = test_rules6();
    uint8_t *copy;
    struct tw_packet packet = parse_with(&rules, size, TW_CHECKSUM_LATER, &copy);
    assert_int_equal(packet.outcome, TW_OUTCOME_OPEN);
    assert_true(packet.checksum_owed);
    uint16_t later = tw_packet_check_udp(&packet);
    free(copy);
    return later;
}

static void checksum_can_wait(void **state)
{
    (void)state;
    good_udp(41);
    assert_int_equal(outcome_later(), TW_OUTCOME_OPEN);
    frame[70] ^= 1;
    assert_int_equal(outcome_later(), TW_OUTCOME_UDP_CHECKSUM);
    tw_store_be16(frame + 60, 0);
    assert_int_equal(outcome_later(), TW_OUTCOME_UDP_CHECKSUM);
}

/* What a port that sums up everything behind the IPv6 header makes of an unfinished frame. */
static void expect_same_by_a_port(const struct tw_parse_rules *rules,
                                  const struct tw_udp6_target *target, uint16_t length)
{
    uint8_t theirs[TEST_FRAME_MAX];
    memcpy(theirs, frame, sizeof(theirs));
    tw_udp6_frame_write_unfinished(theirs, rules, target, length);
    uint32_t sum = 0;
    for (uint32_t i = 54; i < 62u + length; i += 2)
        sum += (uint32_t)theirs[i] << 8 | (i + 1u < 62u + length ? theirs[i + 1] : 0u);
    while (sum > 0xffff)
        sum = (sum & 0xffff) + (sum >> 16);
    uint16_t checksum = (uint16_t)~sum;
    tw_store_be16(theirs + 60, checksum == 0 ? 0xffff : checksum);
    assert_memory_equal(theirs, frame, 62u + length);
}

static void written_frames_are_accepted(void **state)
{
    (void)state;
    struct tw_parse_rules rules = test_rules6(), theirs = test_rules6();
    struct tw_udp6_target target = {.port = TEST_CLIENT_PORT};
    memcpy(target.ip, test_client_ip6, 16);
    memcpy(target.mac, test_client_mac, 6);
    memcpy(theirs.mac, test_client_mac, 6);
    memcpy(theirs.address6, test_client_ip6, 16);
    theirs.udp_port = TEST_CLIENT_PORT;
    for (uint16_t length = TW_PACKET_MIN; length <= TW_DATAGRAM_MAX; length++) {
        for (uint16_t i = 0; i < length; i++)
            frame[62 + i] = (uint8_t)(i * 31 + length);
        tw_udp6_frame_write(frame, &rules, &target, length);
        expect_same_by_a_port(&rules, &target, length);
        struct tw_packet packet = {.frame = frame, .frame_length = 62u + length};
        tw_packet_parse(&packet, &theirs, (struct tw_checksum_hints){0});
        assert_int_equal(packet.outcome, TW_OUTCOME_OPEN);
        assert_int_equal(packet.payload_length, length);
        uint16_t written = tw_load_be16(frame + 60);
        assert_int_not_equal(written, 0);
        test_fix_udp6(frame);
        assert_int_equal(tw_load_be16(frame + 60), written);
    }
}

/* ---- ICMPv6 --------------------------------------------------------------------------------- */

static void answers_echo(void **state)
{
    (void)state;
    struct tw_parse_rules rules = test_rules6();
    for (size_t length = 0; length < 64; length++) {
        size = test_echo6_frame(frame, test_client_ip6, length);
        uint8_t *copy;
        struct tw_packet packet = parse_with(&rules, size, TW_CHECKSUM_UNKNOWN, &copy);
        assert_int_equal(packet.kind, TW_PACKET_ICMPV6);
        assert_int_equal(tw_icmpv6_reply(&packet, &rules, test_client_mac), size);
        assert_memory_equal(copy, test_client_mac, 6);
        assert_memory_equal(copy + 6, test_server_mac, 6);
        assert_memory_equal(copy + 22, test_server_ip6, 16);
        assert_memory_equal(copy + 38, test_client_ip6, 16);
        assert_int_equal(copy[54], 129);
        assert_memory_equal(copy + 58, frame + 58, 4 + length);
        uint16_t written = tw_load_be16(copy + 56);
        test_fix_icmp6(copy);
        assert_int_equal(tw_load_be16(copy + 56), written);
        free(copy);
    }
}

static void ignores_other_icmp(void **state)
{
    (void)state;
    size = test_echo6_frame(frame, test_client_ip6, 16);
    frame[70] ^= 1;
    assert_int_equal(outcome(), TW_OUTCOME_ICMPV6_IGNORED);
    static const uint8_t types[] = {1, 2, 3, 4, 129, 130, 143, 200};
    for (size_t i = 0; i < sizeof(types); i++) {
        size = test_echo6_frame(frame, test_client_ip6, 16);
        frame[54] = types[i];
        test_fix_icmp6(frame);
        assert_int_equal(outcome(), TW_OUTCOME_ICMPV6_IGNORED);
    }
    size = test_echo6_frame(frame, test_client_ip6, 16);
    frame[55] = 1; /* code */
    test_fix_icmp6(frame);
    assert_int_equal(outcome(), TW_OUTCOME_ICMPV6_IGNORED);
    for (uint16_t length = 1; length < 8; length++) {
        size = test_echo6_frame(frame, test_client_ip6, 16);
        tw_store_be16(frame + 18, length);
        test_fix_icmp6(frame);
        assert_int_equal(outcome(), TW_OUTCOME_ICMPV6_IGNORED);
    }
    /* A ping of everybody is not for us. */
    size = test_echo6_frame(frame, test_client_ip6, 16);
    memcpy(frame + 38, tw_ipv6_all_nodes, 16);
    test_fix_icmp6(frame);
    assert_int_equal(outcome(), TW_OUTCOME_ICMPV6_IGNORED);
    static const uint8_t routers[] = {133, 134, 137};
    for (size_t i = 0; i < sizeof(routers); i++) {
        size = test_echo6_frame(frame, test_router_ip6, 16);
        memcpy(frame, tw_ipv6_all_nodes_mac, 6);
        memcpy(frame + 38, tw_ipv6_all_nodes, 16);
        frame[54] = routers[i];
        assert_int_equal(outcome(), TW_OUTCOME_ROUTER_IGNORED);
    }
}

/* ---- neighbour discovery -------------------------------------------------------------------- */

static struct tw_nd_message read_nd(uint8_t **copy)
{
    struct tw_parse_rules rules = test_rules6();
    static struct tw_packet packet;
    packet = parse_with(&rules, size, TW_CHECKSUM_UNKNOWN, copy);
    assert_int_equal(packet.outcome, TW_OUTCOME_OPEN);
    assert_int_equal(packet.kind, TW_PACKET_ND);
    return tw_nd_read(&packet);
}

static void reads_solicitations(void **state)
{
    (void)state;
    uint8_t *copy;
    size = test_solicitation(frame, test_client_ip6);
    struct tw_nd_message message = read_nd(&copy);
    assert_true(message.is_solicitation && !message.keeps_known);
    assert_memory_equal(message.ip, test_client_ip6, 16);
    assert_memory_equal(message.mac, test_client_mac, 6);
    free(copy);
    /* To our own address, as a check that we are still there; a router asks from link-local. */
    size = test_solicitation(frame, test_router_ip6);
    memcpy(frame, test_server_mac, 6);
    memcpy(frame + 38, test_server_ip6, 16);
    test_fix_icmp6(frame);
    message = read_nd(&copy);
    assert_memory_equal(message.ip, test_router_ip6, 16);
    free(copy);
    size = test_solicitation(frame, NULL);
    message = read_nd(&copy);
    assert_true(message.is_solicitation);
    assert_null(message.ip);
    assert_null(message.mac);
    free(copy);
    /* Options we do not know are skipped: a nonce (RFC 7527) in front. */
    size = test_solicitation(frame, test_client_ip6);
    memmove(frame + 86, frame + 78, 8);
    memset(frame + 78, 0, 8);
    frame[78] = 14;
    frame[79] = 1;
    tw_store_be16(frame + 18, 40);
    size += 8;
    test_fix_icmp6(frame);
    message = read_nd(&copy);
    assert_memory_equal(message.mac, test_client_mac, 6);
    free(copy);
}

static void reads_advertisements(void **state)
{
    (void)state;
    uint8_t *copy;
    size = test_advertisement(frame, test_client_ip6);
    struct tw_nd_message message = read_nd(&copy);
    assert_false(message.is_solicitation || message.keeps_known);
    assert_memory_equal(message.ip, test_client_ip6, 16);
    assert_memory_equal(message.mac, test_client_mac, 6);
    free(copy);
    /* Unasked, to all nodes, without the override flag and without an address. */
    size = test_advertisement(frame, test_router_ip6) - 8;
    memcpy(frame, tw_ipv6_all_nodes_mac, 6);
    memcpy(frame + 38, tw_ipv6_all_nodes, 16);
    tw_store_be16(frame + 18, 24);
    frame[58] = 0;
    test_fix_icmp6(frame);
    message = read_nd(&copy);
    assert_true(message.keeps_known);
    assert_memory_equal(message.ip, test_router_ip6, 16);
    assert_null(message.mac);
    free(copy);
}

struct bend {
    size_t at;
    uint8_t value;
};

/* One byte of a good message bent, the checksum made right again. */
static void expect_bent(bool solicitation, const struct bend *bends, size_t count, uint16_t wanted)
{
    for (size_t i = 0; i < count; i++) {
        size = solicitation ? test_solicitation(frame, test_client_ip6)
                            : test_advertisement(frame, test_client_ip6);
        frame[bends[i].at] = bends[i].value;
        test_fix_icmp6(frame);
        assert_int_equal(outcome(), wanted);
    }
}

static void rejects_malformed_discovery(void **state)
{
    (void)state;
    static const struct bend common[] = {
        {21, 254}, {21, 0},  {55, 1},   {62, 0xff},          /* hop limit, code, group as target */
        {79, 0},   {79, 2},  {79, 255}, {80, 3},             /* option's size, group MAC */
        {19, 23},  {19, 25}, {19, 31},  {19, 8},    {19, 1}, /* lengths */
    };
    size_t count = sizeof(common) / sizeof(common[0]);
    expect_bent(true, common, count, TW_OUTCOME_ND_MALFORMED);
    expect_bent(false, common, count, TW_OUTCOME_ND_MALFORMED);
    for (int asks = 0; asks < 2; asks++) {
        size = asks ? test_solicitation(frame, test_client_ip6)
                    : test_advertisement(frame, test_client_ip6);
        frame[85] ^= 1; /* checksum wrong */
        assert_int_equal(outcome(), TW_OUTCOME_ND_MALFORMED);
        memset(frame + 80, 0, 6); /* MAC zero */
        test_fix_icmp6(frame);
        assert_int_equal(outcome(), TW_OUTCOME_ND_MALFORMED);
    }
    /* A probe with an address, and one that was not sent to the group. */
    size = test_solicitation(frame, test_client_ip6);
    memset(frame + 22, 0, 16);
    test_fix_icmp6(frame);
    assert_int_equal(outcome(), TW_OUTCOME_ND_MALFORMED);
    size = test_solicitation(frame, NULL);
    memcpy(frame + 38, test_server_ip6, 16);
    test_fix_icmp6(frame);
    assert_int_equal(outcome(), TW_OUTCOME_ND_MALFORMED);
    memcpy(frame + 38, tw_ipv6_all_nodes, 16);
    test_fix_icmp6(frame);
    assert_int_equal(outcome(), TW_OUTCOME_ND_MALFORMED);
    /* Solicited, but to a group; and from nowhere. */
    size = test_advertisement(frame, test_client_ip6);
    memcpy(frame + 38, tw_ipv6_all_nodes, 16);
    test_fix_icmp6(frame);
    assert_int_equal(outcome(), TW_OUTCOME_ND_MALFORMED);
    size = test_advertisement(frame, test_client_ip6);
    memset(frame + 22, 0, 16);
    test_fix_icmp6(frame);
    assert_int_equal(outcome(), TW_OUTCOME_ND_MALFORMED);
}

static void rejects_foreign_discovery(void **state)
{
    (void)state;
    static const struct bend asked[] = {{77, 9}, {62, 0x20}, {24, 1}, {29, 1}};
    expect_bent(true, asked, 4, TW_OUTCOME_ND_FOREIGN);
    static const struct bend told[] = {{77, 1}, {62, 0x20}, {69, 1}};
    expect_bent(false, told, 3, TW_OUTCOME_ND_FOREIGN);
    /* Our own address as the one who asks. */
    size = test_solicitation(frame, test_server_ip6);
    assert_int_equal(outcome(), TW_OUTCOME_IPV6_SOURCE);
    /* Other groups are not even for our network card. */
    size = test_solicitation(frame, test_client_ip6);
    frame[5] ^= 1;
    assert_int_equal(outcome(), TW_OUTCOME_ETHERNET_FOREIGN);
}

/* What we write is what another host like us accepts. */
static void written_discovery_is_accepted(void **state)
{
    (void)state;
    struct tw_parse_rules rules = test_rules6(), theirs = test_rules6();
    memcpy(theirs.mac, test_client_mac, 6);
    memcpy(theirs.address6, test_client_ip6, 16);
    uint8_t *copy;
    size = TW_ND_FRAME_SIZE;
    tw_nd_solicitation_write(frame, &rules, test_client_ip6);
    assert_int_equal(frame[0], 0x33);
    struct tw_packet packet = parse_with(&theirs, size, TW_CHECKSUM_UNKNOWN, &copy);
    assert_int_equal(packet.kind, TW_PACKET_ND);
    struct tw_nd_message message = tw_nd_read(&packet);
    assert_true(message.is_solicitation);
    assert_memory_equal(message.ip, test_server_ip6, 16);
    assert_memory_equal(message.mac, test_server_mac, 6);
    free(copy);
    tw_nd_advertisement_write(frame, &rules, test_client_ip6, test_client_mac);
    packet = parse_with(&theirs, size, TW_CHECKSUM_UNKNOWN, &copy);
    assert_int_equal(packet.kind, TW_PACKET_ND);
    message = tw_nd_read(&packet);
    assert_false(message.is_solicitation || message.keeps_known);
    assert_memory_equal(message.ip, test_server_ip6, 16);
    assert_memory_equal(message.mac, test_server_mac, 6);
    assert_int_equal(copy[58], 0x60);
    free(copy);
    tw_nd_advertisement_write(frame, &rules, NULL, NULL); /* to a probe: everybody hears it */
    packet = parse_with(&theirs, size, TW_CHECKSUM_UNKNOWN, &copy);
    assert_int_equal(packet.kind, TW_PACKET_ND);
    assert_memory_equal(copy, tw_ipv6_all_nodes_mac, 6);
    assert_memory_equal(copy + 38, tw_ipv6_all_nodes, 16);
    assert_int_equal(copy[58], 0x20);
    free(copy);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(accepts_udp),
        cmocka_unit_test(rejects_where_no_address_is),
        cmocka_unit_test(rejects_headers),
        cmocka_unit_test(rejects_sources),
        cmocka_unit_test(rejects_udp),
        cmocka_unit_test(rejects_udp_checksums),
        cmocka_unit_test(checksum_can_wait),
        cmocka_unit_test(written_frames_are_accepted),
        cmocka_unit_test(answers_echo),
        cmocka_unit_test(ignores_other_icmp),
        cmocka_unit_test(reads_solicitations),
        cmocka_unit_test(reads_advertisements),
        cmocka_unit_test(rejects_malformed_discovery),
        cmocka_unit_test(rejects_foreign_discovery),
        cmocka_unit_test(written_discovery_is_accepted),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
