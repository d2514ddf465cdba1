/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What is told of a port: its state, and what of its work the card does. The lists yield enums,
 * names for status and telemetry, and the tables in docs/operations.md (a test compares them).
 * Columns: enum suffix, name, meaning.
 */
#ifndef TICKWIRE_PORTS_H
#define TICKWIRE_PORTS_H

#include <stdint.h>

/* clang-format off */
#define TW_PORT_STATES(X)                                                                             \
    X(UP,        "up",        "receives and sends")                                                   \
    X(NO_LINK,   "no_link",   "no link: what would be sent ends as `link_down`, sessions live on")    \
    X(LEAVING,   "leaving",   "is to be reset: the workers finish what they do there")                \
    X(RESETTING, "resetting", "is being reset; what would be sent ends as `port_away`")               \
    X(FAILED,    "failed",    "removed, or did not come back from a reset; other ports go on")        \
    X(MISMATCHED, "mismatched", "its other end has fewer queue pairs: left alone until that end leaves")
/* Bit i of a set is the i-th row. */
#define TW_PORT_FEATURES(X)                                                                           \
    X(RX_CHECKSUM, "rx_checksum", "checks IPv4 and UDP checksums of what it receives")                \
    X(TX_CHECKSUM, "tx_checksum", "makes IPv4 and UDP checksums of what is sent, for IPv6 too")       \
    X(FAST_FREE,   "fast_free",   "gives sent buffers back at once")                                  \
    X(LINK_EVENTS, "link_events", "tells when its link changes; else it is asked ten times a second")
#define TW_PORT_HASHES(X)                                                                             \
    X(IPV4,       "ipv4",       "IPv4 addresses")                                                     \
    X(IPV4_UDP,   "ipv4_udp",   "IPv4 addresses and UDP ports")                                       \
    X(IPV4_OTHER, "ipv4_other", "IPv4 addresses, of neither TCP nor UDP")                             \
    X(IPV6,       "ipv6",       "IPv6 addresses")                                                     \
    X(IPV6_UDP,   "ipv6_udp",   "IPv6 addresses and UDP ports")                                       \
    X(IPV6_OTHER, "ipv6_other", "IPv6 addresses, of neither TCP nor UDP")                             \
    X(IPV6_EX,    "ipv6_ex",    "IPv6 addresses, extension headers seen")                             \
    X(IPV6_UDP_EX, "ipv6_udp_ex", "IPv6 addresses and UDP ports, extension headers seen")
/* clang-format on */

#define TW_X(suffix, name, meaning) TW_PORT_STATE_##suffix,
enum tw_port_state { TW_PORT_STATES(TW_X) TW_PORT_STATE_COUNT };
#undef TW_X
#define TW_X(suffix, name, meaning) TW_PORT_FEATURE_##suffix,
enum tw_port_feature { TW_PORT_FEATURES(TW_X) TW_PORT_FEATURE_COUNT };
#undef TW_X
#define TW_X(suffix, name, meaning) TW_PORT_HASH_##suffix,
enum tw_port_hash { TW_PORT_HASHES(TW_X) TW_PORT_HASH_COUNT };
#undef TW_X

#define TW_X(suffix, name, meaning) name,
static const char *const tw_port_state_name[TW_PORT_STATE_COUNT]
    __attribute__((unused)) = {TW_PORT_STATES(TW_X)};
static const char *const tw_port_feature_name[TW_PORT_FEATURE_COUNT]
    __attribute__((unused)) = {TW_PORT_FEATURES(TW_X)};
static const char *const tw_port_hash_name[TW_PORT_HASH_COUNT]
    __attribute__((unused)) = {TW_PORT_HASHES(TW_X)};
#undef TW_X

#endif
