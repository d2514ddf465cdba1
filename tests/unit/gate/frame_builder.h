/* SPDX-License-Identifier: BSD-3-Clause */
/* Frames for tests: well-formed ones, to be bent out of shape. The server is 198.18.0.1:7777, the
 * client 198.18.0.2:5000. */
#ifndef TICKWIRE_TESTS_UNIT_GATE_FRAME_BUILDER_H
#define TICKWIRE_TESTS_UNIT_GATE_FRAME_BUILDER_H

#include "dataplane/gate/parse.h"

#include <stddef.h>
#include <stdint.h>

#define TEST_FRAME_MAX      2048u
#define TEST_SERVER_ADDRESS 0xc6120001u
#define TEST_CLIENT_ADDRESS 0xc6120002u
/* The server's second port is 198.18.1.1 on another link. */
#define TEST_SERVER_ADDRESS2 0xc6120101u
#define TEST_SERVER_PORT     7777u
#define TEST_CLIENT_PORT     5000u

extern const uint8_t test_server_mac[6];
extern const uint8_t test_client_mac[6];

struct tw_parse_rules test_rules(void);

/* A whole UDP frame client → server around payload[length]; returns its length. */
size_t test_udp_frame(uint8_t *frame, uint32_t source, uint16_t source_port, const uint8_t *payload,
                      size_t length);
/* An ARP packet, client → server. */
size_t test_arp_frame(uint8_t *frame, uint16_t operation, uint32_t sender, uint32_t target);
/* An ICMP echo request with `length` bytes of data. */
size_t test_icmp_frame(uint8_t *frame, uint32_t source, size_t length);
/* Puts a priority tag (VLAN 0) into the frame; returns the new length. */
size_t test_add_vlan(uint8_t *frame, size_t length);
/* Sends the UDP frame (untagged) to another address. */
void test_set_destination(uint8_t *frame, uint32_t address);
/* Makes the IPv4 header checksum (untagged frame) right again. */
void test_fix_ipv4(uint8_t *frame);
/* Makes the UDP checksum (untagged frame) right again. */
void test_fix_udp(uint8_t *frame);

#endif
