/* SPDX-License-Identifier: BSD-3-Clause */
#include "dataplane/wire/pmtu.h"

#include "tickwire/wire.h"

#include <string.h>

/* First the round trip is found out, by packets that arrive. */
#define BEGIN_US 1000000u
/* Between probes of one size, so that one gap in the link does not take all three. */
#define AGAIN_US 500000u
#define TRIES    3u
/* RFC 8899 section 5.1.1: PMTU_RAISE_TIMER. A path that swallowed large packets is asked sooner. */
#define RAISE_US      600000000u
#define BLACK_HOLE_US 60000000u
/* At 30 % of random loss that many come once in some hundred large packets, at 10 % once in ten
 * thousand, and cost little. */
#define BLACK_HOLE_PACKETS 5u

/* Few, so that it is soon done: something in between; what a WireGuard tunnel of 1,420 bytes takes
 * with IPv4; the largest. */
static const uint16_t candidates[] = {1280, 1392, TW_DATAGRAM_MAX};
#define CANDIDATES (sizeof(candidates) / sizeof(candidates[0]))

static uint32_t next_size(const struct tw_pmtu *pmtu)
{
    for (uint32_t i = 0; i < CANDIDATES; i++) {
        if (candidates[i] > pmtu->size)
            return candidates[i] < pmtu->limit ? candidates[i] : pmtu->limit;
    }
    return pmtu->size;
}

static void rest(struct tw_pmtu *pmtu, uint64_t us, uint64_t now_us)
{
    pmtu->rests = true;
    pmtu->probes_lost = 0;
    pmtu->due_us = now_us + us;
}

void tw_pmtu_begin(struct tw_pmtu *pmtu, uint32_t limit, uint64_t now_us)
{
    *pmtu = (struct tw_pmtu){.size = TW_DATAGRAM_BASE,
                             .limit = (uint16_t)limit,
                             .due_us = now_us + BEGIN_US,
                             .rests = limit <= TW_DATAGRAM_BASE};
}

uint32_t tw_pmtu_wants(const struct tw_pmtu *pmtu, uint64_t now_us)
{
    if (now_us < pmtu->due_us || pmtu->probe_number != 0 || pmtu->size >= pmtu->limit)
        return 0;
    return next_size(pmtu);
}

void tw_pmtu_sent(struct tw_pmtu *pmtu, uint32_t number, uint32_t size)
{
    pmtu->written = false;
    pmtu->rests = false;
    pmtu->probe_number = number;
    pmtu->probe_size = (uint16_t)size;
}

void tw_pmtu_acked(struct tw_pmtu *pmtu, uint32_t number, uint32_t size, uint64_t now_us)
{
    if (number != pmtu->probe_number) {
        /* A tunnel that takes 1,300 bytes lets 1,250 pass: that says nothing about the others. */
        if (size >= pmtu->least_lost)
            pmtu->large_lost = 0;
        return;
    }
    pmtu->probe_number = 0;
    pmtu->probes_lost = 0;
    pmtu->size = pmtu->probe_size;
    pmtu->due_us = now_us;
    if (pmtu->size >= pmtu->limit)
        rest(pmtu, RAISE_US, now_us);
}

bool tw_pmtu_lost(struct tw_pmtu *pmtu, uint32_t number, uint32_t size, uint64_t now_us)
{
    if (number == pmtu->probe_number) {
        pmtu->probe_number = 0;
        pmtu->due_us = now_us + AGAIN_US;
        if (++pmtu->probes_lost >= TRIES)
            rest(pmtu, RAISE_US, now_us);
        return true;
    }
    if (pmtu->large_lost == 0 || size < pmtu->least_lost)
        pmtu->least_lost = (uint16_t)size;
    if (++pmtu->large_lost >= BLACK_HOLE_PACKETS)
        tw_pmtu_fall_back(pmtu, now_us);
    return false;
}

void tw_pmtu_fall_back(struct tw_pmtu *pmtu, uint64_t now_us)
{
    pmtu->large_lost = 0;
    if (pmtu->size == TW_DATAGRAM_BASE)
        return;
    pmtu->size = TW_DATAGRAM_BASE;
    pmtu->probe_number = 0;
    rest(pmtu, BLACK_HOLE_US, now_us);
}
