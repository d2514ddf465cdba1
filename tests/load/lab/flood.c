/* SPDX-License-Identifier: BSD-3-Clause */
#include "tests/load/lab/flood.h"

#include "dataplane/wire/header.h"
#include "tests/load/random.h"
#include "tickwire/assert.h"

#include <string.h>

/* As long as a client's inputs, more or less. */
#define SEALED_VARIETY 80u
/* A second of a client's packets: it has not got there itself when the forger's packet arrives. */
#define NUMBERS_AHEAD   64u
#define IPV6_SITE_SIZE  6u /* bytes: a /48 */
#define SUBNET_HOSTS    254u
#define PORTS_FROM      1024u
#define CUT_FRAME_LEAST TW_ETHERNET_SIZE

static const char *const names[TW_FLOOD_KIND_COUNT] = {
#define TW_X(suffix, name, meaning) name,
    TW_FLOOD_KINDS(TW_X)
#undef TW_X
};

const char *tw_flood_kind_name(enum tw_flood_kind kind)
{
    return names[kind];
}

bool tw_flood_kinds_parse(const char *text, uint32_t *kinds)
{
    *kinds = 0;
    for (;;) {
        size_t length = strcspn(text, ",");
        uint32_t kind = 0;
        while (kind < TW_FLOOD_KIND_COUNT &&
               (strlen(names[kind]) != length || strncmp(names[kind], text, length) != 0))
            kind++;
        if (kind < TW_FLOOD_KIND_COUNT)
            *kinds |= 1u << kind;
        else if (length == strlen("mixed") && strncmp(text, "mixed", length) == 0)
            *kinds |= (1u << TW_FLOOD_KIND_COUNT) - 1u;
        else
            return false;
        if (text[length] == '\0')
            return true;
        text += length + 1;
    }
}

void tw_flood_init(struct tw_flood *flood, const struct tw_plan *plan,
                   const struct tw_replies *replies, tw_crc32c_function crc)
{
    TW_ASSERT(plan->session_count > 0 && plan->packet_count > 0);
    flood->plan = plan;
    flood->replies = replies;
    flood->crc = crc;
    flood->copied = 0;
    flood->ends = tw_lab_datagram_ends(plan->packets[0].frame);
    flood->headers = tw_lab_headers_size(&flood->ends);
}

void tw_flood_offer(struct tw_flood *flood, uint32_t place, const uint8_t *frame, uint32_t length)
{
    TW_ASSERT(place < TW_FLOOD_OFFERS && length <= TW_FLOOD_FRAME_MAX);
    struct tw_flood_copy *copy = &flood->copies[(flood->copied + place) % TW_FLOOD_COPIES];
    copy->length = (uint16_t)length;
    memcpy(copy->frame, frame, length);
}

void tw_flood_sent(struct tw_flood *flood, uint32_t count)
{
    flood->copied += count;
}

enum tw_flood_kind tw_flood_choose(struct tw_flood *flood)
{
    uint32_t wanted = (uint32_t)__builtin_popcount(flood->kinds);
    uint32_t number = tw_load_random_below(&flood->random, wanted);
    uint32_t left = flood->kinds;
    while (number-- > 0)
        left &= left - 1u;
    return (enum tw_flood_kind)__builtin_ctz(left);
}

/* ---- parts ---------------------------------------------------------------------------------- */

static uint32_t below(struct tw_flood *flood, uint32_t limit)
{
    return tw_load_random_below(&flood->random, limit);
}

static void fill(struct tw_flood *flood, uint8_t *out, uint32_t length)
{
    for (uint32_t at = 0; at < length; at += 8) {
        uint64_t value = tw_load_random(&flood->random);
        memcpy(out + at, &value, length - at < 8 ? length - at : 8);
    }
}

/* IPv4: a host of the engine's /24. IPv6: any host of any network of its /48. */
static struct tw_address stranger(struct tw_flood *flood)
{
    struct tw_address from = flood->ends.to;
    if (tw_ip_is_ipv4(from.ip)) {
        do
            from.ip[15] = (uint8_t)(1u + below(flood, SUBNET_HOSTS));
        while (from.ip[15] == flood->ends.to.ip[15]);
    } else {
        fill(flood, from.ip + IPV6_SITE_SIZE, (uint32_t)sizeof(from.ip) - IPV6_SITE_SIZE);
    }
    from.port = (uint16_t)(PORTS_FROM + below(flood, UINT16_MAX + 1u - PORTS_FROM));
    return from;
}

/* Headers around a payload that stands at its place; the frame's length. */
static uint32_t finish(const struct tw_flood *flood, uint8_t *out, struct tw_address from,
                       uint32_t payload_length)
{
    struct tw_lab_ends ends = flood->ends;
    ends.from = from;
    return tw_lab_datagram_write(out, &ends, payload_length);
}

/* What looks like a client's packet, and is under no key; its length. */
static uint32_t write_sealed(struct tw_flood *flood, uint8_t *payload, uint32_t connection_id,
                             uint64_t sequence)
{
    uint32_t length = TW_PACKET_MIN + below(flood, SEALED_VARIETY);
    fill(flood, payload, length);
    tw_header_write(payload, (struct tw_header){.connection_id = connection_id,
                                                .channel = TW_CHANNEL_STATE,
                                                .sequence = sequence});
    return length;
}

/* ---- kinds ---------------------------------------------------------------------------------- */

/* Of any slot and install of the workers that have sessions: whoever has seen ids knows those. */
static uint32_t write_unknown(struct tw_flood *flood, uint8_t *out)
{
    const struct tw_plan_session *last = &flood->plan->sessions[flood->plan->session_count - 1u];
    uint32_t id = 0, workers = tw_connection_worker(last->lab.connection_id) + 1u;
    do
        id = tw_connection_id(below(flood, workers), below(flood, TW_SESSIONS_PER_WORKER),
                              below(flood, 1u << TW_GENERATION_BITS));
    while (id == 0 || tw_plan_find(flood->plan, id) != TW_PLAN_NO_SESSION);
    struct tw_address from = stranger(flood);
    uint32_t length = write_sealed(flood, out + flood->headers, id, 1u + below(flood, UINT16_MAX));
    return finish(flood, out, from, length);
}

/* A packet that a session might send next: its index, and the payload's length. */
static uint32_t write_next_of_session(struct tw_flood *flood, uint8_t *out, uint32_t *session)
{
    *session = below(flood, flood->plan->session_count);
    uint64_t reached = flood->replies->sessions[*session].newest;
    return write_sealed(flood, out + flood->headers,
                        flood->plan->sessions[*session].lab.connection_id,
                        reached + NUMBERS_AHEAD + below(flood, NUMBERS_AHEAD));
}

static struct tw_address home(const struct tw_flood *flood, uint32_t session)
{
    return flood->plan->sessions[session].lab.address;
}

static uint32_t write_forged(struct tw_flood *flood, uint8_t *out)
{
    uint32_t session = 0;
    uint32_t length = write_next_of_session(flood, out, &session);
    return finish(flood, out, home(flood, session), length);
}

static uint32_t write_offpath(struct tw_flood *flood, uint8_t *out)
{
    uint32_t session = 0;
    uint32_t length = write_next_of_session(flood, out, &session);
    struct tw_address from = stranger(flood);
    struct tw_address at_home = home(flood, session);
    while (memcmp(from.ip, at_home.ip, sizeof(from.ip)) == 0)
        from = stranger(flood);
    return finish(flood, out, from, length);
}

static uint32_t write_hello(struct tw_flood *flood, uint8_t *out)
{
    uint8_t *hello = out + flood->headers;
    struct tw_address from = stranger(flood);
    memset(hello, 0, TW_HELLO_SIZE);
    tw_header_write(hello, (struct tw_header){.channel = TW_HANDSHAKE_HELLO});
    tw_store_u16(hello + TW_HELLO_VERSION, TW_PROTOCOL_VERSION);
    hello[TW_HELLO_SUITES] = TW_SUITES_KNOWN;
    fill(flood, hello + TW_HELLO_EPHEMERAL, TW_KEY_SIZE);
    tw_crc32c_seal(flood->crc, hello, TW_HELLO_SIZE);
    return finish(flood, out, from, TW_HELLO_SIZE);
}

static uint32_t write_hello_small(struct tw_flood *flood, uint8_t *out)
{
    uint32_t length = TW_PACKET_MIN + below(flood, TW_HELLO_SIZE - TW_PACKET_MIN);
    uint8_t *hello = out + flood->headers;
    struct tw_address from = stranger(flood);
    fill(flood, hello, length);
    tw_header_write(hello, (struct tw_header){.channel = TW_HANDSHAKE_HELLO});
    return finish(flood, out, from, length);
}

static uint32_t write_copy(struct tw_flood *flood, uint8_t *out)
{
    if (flood->copied == 0)
        return 0;
    /* The oldest may be overwritten by what is offered. */
    uint32_t most = TW_FLOOD_COPIES - TW_FLOOD_OFFERS;
    uint32_t kept = flood->copied < most ? (uint32_t)flood->copied : most;
    uint64_t which = flood->copied - 1u - below(flood, kept);
    const struct tw_flood_copy *copy = &flood->copies[which % TW_FLOOD_COPIES];
    memcpy(out, copy->frame, copy->length);
    return copy->length;
}

static uint32_t write_oversized(struct tw_flood *flood, uint8_t *out)
{
    uint32_t length =
        TW_DATAGRAM_MAX + 1u + below(flood, TW_FLOOD_FRAME_MAX - flood->headers - TW_DATAGRAM_MAX);
    struct tw_address from = stranger(flood);
    fill(flood, out + flood->headers, length);
    return finish(flood, out, from, length);
}

static uint32_t write_tiny(struct tw_flood *flood, uint8_t *out)
{
    uint32_t length = below(flood, TW_PACKET_MIN);
    struct tw_address from = stranger(flood);
    fill(flood, out + flood->headers, length);
    uint32_t whole = finish(flood, out, from, length);
    if (below(flood, 2) == 0)
        return whole;
    return CUT_FRAME_LEAST + below(flood, flood->headers - CUT_FRAME_LEAST);
}

uint32_t tw_flood_write(struct tw_flood *flood, enum tw_flood_kind kind,
                        uint8_t out[TW_FLOOD_FRAME_MAX])
{
    switch (kind) {
    case TW_FLOOD_UNKNOWN:
        return write_unknown(flood, out);
    case TW_FLOOD_FORGED:
        return write_forged(flood, out);
    case TW_FLOOD_OFFPATH:
        return write_offpath(flood, out);
    case TW_FLOOD_HELLO:
        return write_hello(flood, out);
    case TW_FLOOD_HELLO_SMALL:
        return write_hello_small(flood, out);
    case TW_FLOOD_REPLAY:
        return write_copy(flood, out);
    case TW_FLOOD_OVERSIZED:
        return write_oversized(flood, out);
    case TW_FLOOD_TINY:
        return write_tiny(flood, out);
    case TW_FLOOD_KIND_COUNT:
        break;
    }
    TW_ASSERT(false);
    return 0;
}
