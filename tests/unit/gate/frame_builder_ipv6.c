/* SPDX-License-Identifier: BSD-3-Clause */
#include "tests/unit/gate/frame_builder_ipv6.h"

#include "dataplane/gate/network_bytes.h"

#include <string.h>

const uint8_t test_server_ip6[16] = {0xfd, 0x12, [15] = 1};
const uint8_t test_client_ip6[16] = {0xfd, 0x12, [15] = 2};
const uint8_t test_router_ip6[16] = {0xfe, 0x80, [15] = 0xfe};
const uint8_t test_server_group6[16] = {0xff, 2, [11] = 1, [12] = 0xff, [15] = 1};
const uint8_t test_server_group_mac[6] = {0x33, 0x33, 0xff, 0, 0, 1};

struct tw_parse_rules test_rules6(void)
{
    struct tw_parse_rules rules = test_rules();
    rules.has_ipv6 = true;
    rules.prefix_length6 = 64;
    memcpy(rules.address6, test_server_ip6, 16);
    return rules;
}

/* Plain byte-wise sums, so that the code under test is not checked against itself. */
static uint16_t slow_checksum(const uint8_t *frame, uint8_t protocol, uint16_t length)
{
    uint32_t sum = (uint32_t)protocol + length;
    for (uint32_t i = 22; i < 54u + length; i++)
        sum += (i & 1) != 0 ? frame[i] : (uint32_t)frame[i] << 8;
    while (sum > 0xffff)
        sum = (sum & 0xffff) + (sum >> 16);
    return (uint16_t)(0xffff - sum);
}

void test_fix_udp6(uint8_t *frame)
{
    tw_store_be16(frame + 60, 0);
    uint16_t checksum = slow_checksum(frame, 17, tw_load_be16(frame + 58));
    tw_store_be16(frame + 60, checksum == 0 ? 0xffff : checksum);
}

void test_fix_icmp6(uint8_t *frame)
{
    tw_store_be16(frame + 56, 0);
    tw_store_be16(frame + 56, slow_checksum(frame, 58, tw_load_be16(frame + 18)));
}

static void start(uint8_t *frame, const uint8_t source[16], uint8_t next_header, size_t length)
{
    memcpy(frame, test_server_mac, 6);
    memcpy(frame + 6, test_client_mac, 6);
    tw_store_be16(frame + 12, 0x86dd);
    memset(frame + 14, 0, 40);
    frame[14] = 0x60;
    frame[15] = 0x12; /* a flow label is nobody's business */
    tw_store_be16(frame + 18, (uint16_t)length);
    frame[20] = next_header;
    frame[21] = 9;
    memcpy(frame + 22, source, 16);
    memcpy(frame + 38, test_server_ip6, 16);
}

size_t test_udp6_frame(uint8_t *frame, const uint8_t source[16], uint16_t source_port,
                       const uint8_t *payload, size_t length)
{
    start(frame, source, 17, 8 + length);
    tw_store_be16(frame + 54, source_port);
    tw_store_be16(frame + 56, TEST_SERVER_PORT);
    tw_store_be16(frame + 58, (uint16_t)(8 + length));
    memcpy(frame + 62, payload, length);
    test_fix_udp6(frame);
    return 62 + length;
}

static size_t nd_frame(uint8_t *frame, const uint8_t source[16], const uint8_t target[16],
                       size_t options)
{
    start(frame, source, 58, 24 + options);
    frame[21] = 255;
    memset(frame + 54, 0, 24 + options);
    memcpy(frame + 62, target, 16);
    if (options > 0) {
        frame[79] = 1;
        memcpy(frame + 80, test_client_mac, 6);
    }
    return 78 + options;
}

size_t test_solicitation(uint8_t *frame, const uint8_t *source)
{
    static const uint8_t nowhere[16];
    size_t size = nd_frame(frame, source ? source : nowhere, test_server_ip6, source ? 8 : 0);
    memcpy(frame, test_server_group_mac, 6);
    memcpy(frame + 38, test_server_group6, 16);
    frame[54] = 135;
    if (source)
        frame[78] = 1;
    test_fix_icmp6(frame);
    return size;
}

size_t test_advertisement(uint8_t *frame, const uint8_t target[16])
{
    size_t size = nd_frame(frame, target, target, 8);
    frame[54] = 136;
    frame[58] = 0x60; /* solicited, override */
    frame[78] = 2;
    test_fix_icmp6(frame);
    return size;
}

size_t test_echo6_frame(uint8_t *frame, const uint8_t source[16], size_t length)
{
    start(frame, source, 58, 8 + length);
    memset(frame + 54, 0, 8);
    frame[54] = 128;
    frame[59] = 7;
    memset(frame + 62, 0xa5, length);
    test_fix_icmp6(frame);
    return 62 + length;
}
