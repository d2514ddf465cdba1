/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Hostile frames beside a capture's honest ones, by kind: what strangers and eavesdroppers can
 * send. A seed gives kinds, addresses, sizes and bytes; ids, addresses and packet numbers of
 * sessions are the live ones, as somebody who reads the clients' traffic would know them.
 *
 * Strangers' addresses lie in the engine's own /24, or over IPv6 in the 65,536 networks of its /48:
 * nothing leaves a laboratory. Writes into the caller's memory; one owner; no clock.
 */
#ifndef TICKWIRE_TESTS_LOAD_LAB_FLOOD_H
#define TICKWIRE_TESTS_LOAD_LAB_FLOOD_H

#include "dataplane/wire/crc32c.h"
#include "tests/load/lab/datagram.h"
#include "tests/load/lab/plan.h"
#include "tests/load/lab/replies.h"

#include <stdbool.h>
#include <stdint.h>

#define TW_FLOOD_FRAME_MAX 1514u /* Ethernet without VLAN tag and FCS */
#define TW_FLOOD_COPIES    256u  /* honest frames remembered */
#define TW_FLOOD_OFFERS    32u   /* of them not sent yet, at most */

/* clang-format off */
#define TW_FLOOD_KINDS(X)                                                                         \
    X(UNKNOWN,     "unknown",     "connection ids that name no session")                          \
    X(FORGED,      "forged",      "live ids from their own addresses, fresh numbers, wrong tags")  \
    X(OFFPATH,     "offpath",     "the same from other addresses")                                \
    X(HELLO,       "hello",       "well-formed hellos from random addresses")                     \
    X(HELLO_SMALL, "hello_small", "hellos of a wrong size")                                       \
    X(REPLAY,      "replay",      "copies of honest packets sent before")                         \
    X(OVERSIZED,   "oversized",   "payloads larger than any of ours, up to a whole frame")                             \
    X(TINY,        "tiny",        "payloads below 30 bytes, and frames cut off inside their headers")
/* clang-format on */

enum tw_flood_kind {
#define TW_X(suffix, name, meaning) TW_FLOOD_##suffix,
    TW_FLOOD_KINDS(TW_X)
#undef TW_X
        TW_FLOOD_KIND_COUNT
};

struct tw_flood_copy {
    uint16_t length;
    uint8_t frame[TW_FLOOD_FRAME_MAX];
};

struct tw_flood {
    const struct tw_plan *plan;
    const struct tw_replies *replies; /* packet numbers that the sessions have reached */
    tw_crc32c_function crc;
    uint64_t random;
    uint32_t kinds;          /* bits by kind; not 0 */
    struct tw_lab_ends ends; /* from a client to the engine */
    uint32_t headers;        /* in front of a payload */
    uint64_t copied;         /* sent, ever; the newest are kept */
    struct tw_flood_copy copies[TW_FLOOD_COPIES];
};

const char *tw_flood_kind_name(enum tw_flood_kind kind);
/* "hello,forged", or "mixed" for all of them. False: a name is none of ours. */
bool tw_flood_kinds_parse(const char *text, uint32_t *kinds) __attribute__((warn_unused_result));

/* The plan has sessions; the rest of *flood is set here. */
void tw_flood_init(struct tw_flood *flood, const struct tw_plan *plan,
                   const struct tw_replies *replies, tw_crc32c_function crc);

/* A port keeps what it sends: so honest frames are handed in before, each with its place among
 * those about to be sent (below TW_FLOOD_OFFERS), and may be copied once they were sent. */
void tw_flood_offer(struct tw_flood *flood, uint32_t place, const uint8_t *frame, uint32_t length);
void tw_flood_sent(struct tw_flood *flood, uint32_t count);

/* The kind that comes next: of those wanted, each as often. */
enum tw_flood_kind tw_flood_choose(struct tw_flood *flood);
/* Writes a frame; its length, or 0 while there is nothing to copy. */
uint32_t tw_flood_write(struct tw_flood *flood, enum tw_flood_kind kind,
                        uint8_t out[TW_FLOOD_FRAME_MAX]);

#endif
