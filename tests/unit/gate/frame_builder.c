/* SPDX-License-Identifier: BSD-3-Clause */
#include "tests/unit/gate/frame_builder.h"

#include "dataplane/gate/arp.h"
#include "dataplane/gate/network_bytes.h"
#include "dataplane/gate/udp_frame.h"

#include <string.h>

const uint8_t test_server_mac[6] = {0x02, 0, 0, 0, 0, 0x01};
const uint8_t test_client_mac[6] = {0x02, 0, 0, 0, 0, 0x02};

struct tw_parse_rules test_rules(void)
{
    struct tw_parse_rules rules = {
        .prefix_length = 24,
        .udp_port = TEST_SERVER_PORT,
        .address = TEST_SERVER_ADDRESS,
    };
    memcpy(rules.mac, test_server_mac, 6);
    return rules;
}

/* Plain byte-wise sums, so that the code under test is not checked against itself. */
static uint32_t slow_sum(const uint8_t *bytes, size_t length, uint32_t sum)
{
    for (size_t i = 0; i < length; i++)
        sum += (i & 1) != 0 ? bytes[i] : (uint32_t)bytes[i] << 8;
    return sum;
}

static uint16_t slow_finish(uint32_t sum)
{
    while (sum > 0xffff)
        sum = (sum & 0xffff) + (sum >> 16);
    return (uint16_t)(0xffff - sum);
}

void test_fix_ipv4(uint8_t *frame)
{
    tw_store_be16(frame + 24, 0);
    tw_store_be16(frame + 24, slow_finish(slow_sum(frame + 14, 20, 0)));
}

void test_fix_udp(uint8_t *frame)
{
    uint16_t length = tw_load_be16(frame + 38);
    tw_store_be16(frame + 40, 0);
    uint32_t sum = slow_sum(frame + 26, 8, 17u + length);
    uint16_t checksum = slow_finish(slow_sum(frame + 34, length, sum));
    tw_store_be16(frame + 40, checksum == 0 ? 0xffff : checksum);
}

void test_set_destination(uint8_t *frame, uint32_t address)
{
    tw_store_be32(frame + 30, address);
    test_fix_ipv4(frame);
    test_fix_udp(frame);
}

static void start(uint8_t *frame, uint16_t type)
{
    memcpy(frame, test_server_mac, 6);
    memcpy(frame + 6, test_client_mac, 6);
    tw_store_be16(frame + 12, type);
}

static void start_ipv4(uint8_t *frame, uint8_t protocol, uint32_t source, size_t body)
{
    start(frame, 0x0800);
    memset(frame + 14, 0, 20);
    frame[14] = 0x45;
    tw_store_be16(frame + 16, (uint16_t)(20 + body));
    frame[22] = 3;
    frame[23] = protocol;
    tw_store_be32(frame + 26, source);
    tw_store_be32(frame + 30, TEST_SERVER_ADDRESS);
    test_fix_ipv4(frame);
}

size_t test_udp_frame(uint8_t *frame, uint32_t source, uint16_t source_port, const uint8_t *payload,
                      size_t length)
{
    start_ipv4(frame, 17, source, 8 + length);
    tw_store_be16(frame + 34, source_port);
    tw_store_be16(frame + 36, TEST_SERVER_PORT);
    tw_store_be16(frame + 38, (uint16_t)(8 + length));
    memcpy(frame + 42, payload, length);
    test_fix_udp(frame);
    return 42 + length;
}

size_t test_arp_frame(uint8_t *frame, uint16_t operation, uint32_t sender, uint32_t target)
{
    start(frame, 0x0806);
    static const uint8_t fixed[6] = {0, 1, 8, 0, 6, 4};
    memcpy(frame + 14, fixed, 6);
    tw_store_be16(frame + 20, operation);
    memcpy(frame + 22, test_client_mac, 6);
    tw_store_be32(frame + 28, sender);
    memset(frame + 32, 0, 6);
    tw_store_be32(frame + 38, target);
    memset(frame + 42, 0, 18);
    return 60;
}

size_t test_icmp_frame(uint8_t *frame, uint32_t source, size_t length)
{
    start_ipv4(frame, 1, source, 8 + length);
    memset(frame + 34, 0, 8);
    frame[34] = 8;
    frame[39] = 7;
    memset(frame + 42, 0xa5, length);
    tw_store_be16(frame + 36, slow_finish(slow_sum(frame + 34, 8 + length, 0)));
    return 42 + length;
}

size_t test_add_vlan(uint8_t *frame, size_t length)
{
    static const uint8_t tag[4] = {0x81, 0x00, 0x60, 0x00};
    memmove(frame + 16, frame + 12, length - 12);
    memcpy(frame + 12, tag, sizeof(tag));
    return length + 4;
}
