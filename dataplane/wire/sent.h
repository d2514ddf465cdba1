/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Which sent packets are on their way: numbers and bits of the newest 128, and when each left.
 *
 * Numbers are consecutive; a packet is open until it is settled: acknowledged or lost. When 128 are
 * open, the oldest must be given up first. What messages a packet carries is flight.h's. The log of
 * times stands apart from the numbers, for whoever sends touches one line of it and the first line
 * of the numbers, and no bits unless something was lost. Pure, one owner.
 */
#ifndef TICKWIRE_DATAPLANE_WIRE_SENT_H
#define TICKWIRE_DATAPLANE_WIRE_SENT_H

#include "tickwire/assert.h"
#include "tickwire/wire.h"

#include <assert.h>
#include <stdbool.h>
#include <stdint.h>

/* 2 s of a session that sends 60 packets a second; 20 Mbit/s of messages over 60 ms. */
#define TW_SENT_PACKETS 128u
#define TW_SENT_WORDS   (TW_SENT_PACKETS / 64u)

struct tw_sent {
    uint32_t next;   /* number of the next packet */
    uint32_t oldest; /* all numbers below are settled */
    uint32_t largest_acked;
    uint32_t largest_lost;
    /* Bits by number % 128. */
    uint64_t settled[TW_SENT_WORDS]; /* of numbers from the oldest on */
    uint64_t lost[TW_SENT_WORDS];    /* lost, and not acknowledged since */
};
static_assert(TW_SEALED_MAX < UINT32_MAX, "numbers fit, and the one behind the last");

/* A packet that left; by number % 128. Of times, the low 32 bits: none stays open for an hour. */
struct tw_sent_packet {
    uint32_t at_us;
    uint16_t size; /* as a datagram */
    uint16_t runs; /* of messages: see flight.h */
};
static_assert(sizeof(struct tw_sent_packet) == 8u, "eight a line");

/* `next`: number of the first packet, at most TW_SEALED_MAX. */
void tw_sent_init(struct tw_sent *sent, uint64_t next);

static inline bool tw_sent_full(const struct tw_sent *sent)
{
    return sent->next - sent->oldest >= TW_SENT_PACKETS;
}

static inline bool tw_sent_bit(const uint64_t words[TW_SENT_WORDS], uint32_t number)
{
    return (words[number % TW_SENT_PACKETS / 64u] >> (number % 64u) & 1u) != 0;
}

static inline bool tw_sent_is_open(const struct tw_sent *sent, uint32_t number)
{
    return number >= sent->oldest && number < sent->next && !tw_sent_bit(sent->settled, number);
}

/* Of the newest 128, and not called late. */
static inline bool tw_sent_is_lost(const struct tw_sent *sent, uint32_t number)
{
    return tw_sent_bit(sent->lost, number);
}

static inline void tw_sent_clear(uint64_t words[TW_SENT_WORDS], uint32_t number)
{
    words[number % TW_SENT_PACKETS / 64u] &= ~(UINT64_C(1) << (number % 64u));
}

/* The number of a packet that leaves now; not full. */
static inline uint32_t tw_sent_push(struct tw_sent *sent)
{
    TW_ASSERT(!tw_sent_full(sent));
    /* The bit of the packet whose place this one takes. Where nothing was lost lately, all are
     * clear, and their line is not touched. */
    if (sent->largest_lost != 0 && sent->next - sent->largest_lost <= TW_SENT_PACKETS)
        tw_sent_clear(sent->lost, sent->next);
    return sent->next++;
}
/* An open packet is acknowledged or lost. */
void tw_sent_settle(struct tw_sent *sent, uint32_t number, bool lost);
/* A lost one was acknowledged after all. */
void tw_sent_late(struct tw_sent *sent, uint32_t number);
/* True if the oldest was settled: the next one is the oldest now. */
bool tw_sent_advance(struct tw_sent *sent);

#endif
