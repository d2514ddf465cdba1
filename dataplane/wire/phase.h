/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Key phases: a session's keys change while it goes on. What both ends agree about.
 *
 *   server, phase n                                client, phase n
 *   opens n, seals n                               opens n, seals n; n+1 is ready to be opened
 *     │ due, and a packet of phase n came            │
 *   opens n and n+1, seals n+1 ── first packet ──►   │
 *     │                                            opens n+1 and n, seals n+1; n+2 is ready
 *   opens n+1 and n, seals n+1 ◄── first packet ──   │
 *     │ 5 s: the key of n is wiped                   │ 5 s: the key of n is wiped
 *
 * Only a server starts a phase, and only after a packet of the phase before came from the client:
 * so the two are never more than one phase apart, and the lowest bit of its phase in a packet's
 * header is enough. Packet numbers never go back: they tell which phase of that bit is meant. So
 * every packet is opened with one key, once, and that key was there before the packet: nobody makes
 * us derive one by setting a bit.
 *
 * Pure; phase_server.h and phase_client.h are the two ends. docs/decisions/0016-key-phases.md.
 */
#ifndef TICKWIRE_DATAPLANE_WIRE_PHASE_H
#define TICKWIRE_DATAPLANE_WIRE_PHASE_H

#include "tickwire/wire.h"

#include <stdint.h>

/* How a packet whose phase bit is not that of the newest phase received stands to that phase. */
enum tw_phase_fit {
    TW_PHASE_OLD,  /* sealed before the sender went on */
    TW_PHASE_NEXT, /* the sender went on */
    TW_PHASE_NONE, /* neither: forged, or of a sender that went back */
};

/* first: number of the packet that showed the newest phase (0: phase 0). newest: highest number
 * that authenticated. All numbers of one phase are above all of the phase before. */
static inline enum tw_phase_fit tw_phase_fit(uint64_t first, uint64_t newest, uint64_t sequence)
{
    if (sequence < first)
        return TW_PHASE_OLD;
    return sequence > newest ? TW_PHASE_NEXT : TW_PHASE_NONE;
}

/* One direction's secret becomes that of its next phase; the one before is gone. */
void tw_phase_secret_advance(uint8_t secret[TW_KEY_SIZE]);

#endif
