/* SPDX-License-Identifier: BSD-3-Clause */
/* IPv6 frames for tests. The server is fd12::1/64 port 7777, the client fd12::2 port 5000. */
#ifndef TICKWIRE_TESTS_UNIT_GATE_FRAME_BUILDER_IPV6_H
#define TICKWIRE_TESTS_UNIT_GATE_FRAME_BUILDER_IPV6_H

#include "tests/unit/gate/frame_builder.h"

extern const uint8_t test_server_ip6[16];
extern const uint8_t test_client_ip6[16];
extern const uint8_t test_router_ip6[16];      /* fe80::fe */
extern const uint8_t test_server_group6[16];   /* ff02::1:ff00:1, of the server's address */
extern const uint8_t test_server_group_mac[6]; /* 33:33:ff:00:00:01 */

/* test_rules with an IPv6 address. */
struct tw_parse_rules test_rules6(void);

/* A whole UDP frame client → server around payload[length]; returns its length. */
size_t test_udp6_frame(uint8_t *frame, const uint8_t source[16], uint16_t source_port,
                       const uint8_t *payload, size_t length);

/* A neighbour solicitation for the server by `source`, to its group and with the client's MAC
 * address as an option unless `source` is NULL (a probe). */
size_t test_solicitation(uint8_t *frame, const uint8_t *source);
/* A solicited advertisement of `target` (at the client's MAC address) to the server. */
size_t test_advertisement(uint8_t *frame, const uint8_t target[16]);

/* An echo request with `length` bytes of data. */
size_t test_echo6_frame(uint8_t *frame, const uint8_t source[16], size_t length);

/* Makes the checksum behind the IPv6 header (untagged frame) right again. */
void test_fix_udp6(uint8_t *frame);
void test_fix_icmp6(uint8_t *frame);

#endif
