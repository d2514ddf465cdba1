/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A burst of packets on its way through the stages, and the list of those that are still going.
 *
 * Each stage runs over the whole list before the next one starts, so that what a packet needs from
 * memory is on its way while others are worked on:
 *
 *   parse → (share) → filter → answer → find → test → open → commit → filter → validate → route
 *            │ of a crowded burst      │ ARP, ICMP, hello, another worker's                → finish
 *
 * A stage that decides a packet writes its outcome and leaves it out of the list it hands on; the
 * order of arrival is kept. Owned by one worker; pure values, no DPDK.
 */
#ifndef TICKWIRE_DATAPLANE_GATE_BURST_H
#define TICKWIRE_DATAPLANE_GATE_BURST_H

#include "dataplane/gate/packet.h"
#include "dataplane/wire/frames.h"

#include <stdint.h>

/* What a port hands over at once. The lines that 32 packets touch up to their cipher (frame,
 * buffer, session, window) fill half of a first-level cache; twice as many gained nothing. */
#define TW_BURST_MAX 32u

struct tw_burst {
    uint32_t count;
    bool crowded; /* of a queue that brings more than the worker takes: share.h */
    uint32_t going_count;
    uint32_t to_answer;          /* packets that are not for a session of ours, after parse */
    uint32_t elsewhere;          /* packets of sessions that are another worker's now, after find */
    uint32_t metered;            /* packets that have a limit to pay, after the filter */
    uint32_t closing;            /* packets of sessions that are closing, after find */
    uint32_t followed;           /* sessions that went on to their next key phase, after commit */
    uint32_t talking;            /* accepted packets with messages, after validate */
    uint8_t going[TW_BURST_MAX]; /* indices into packets */
    struct tw_packet packets[TW_BURST_MAX];
    struct tw_client_frames frames[TW_BURST_MAX]; /* of packets[i], once it is validated */
};

/* Hands packet `index` on if nothing decided it. `kept` counts those handed on so far. */
static inline uint32_t tw_burst_pass(struct tw_burst *burst, uint32_t kept, uint8_t index)
{
    bool goes_on = burst->packets[index].outcome == TW_OUTCOME_OPEN;
    burst->going[kept] = index;
    return kept + goes_on;
}

#endif
