/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Which channels may put messages into a packet now, and in which order they fill it.
 *
 * By window and pace of the path, by turns among the channels, and past all of these for what is
 * small and ordered; see decision 15. A look at it is good until an acknowledgement, a packet or a
 * timer changes what was looked at. Pure, one owner; time in µs.
 */
#ifndef TICKWIRE_DATAPLANE_WIRE_PACKING_H
#define TICKWIRE_DATAPLANE_WIRE_PACKING_H

#include "dataplane/wire/channels.h"
#include "dataplane/wire/congestion.h"
#include "dataplane/wire/sent.h"

struct tw_packing {
    struct tw_channels *channels;
    const struct tw_congestion *congestion;
    bool place;            /* in the log of sent packets */
    bool paced;            /* the pace lets packets of messages leave */
    bool passing;          /* small ordered ones may, whatever else may not */
    uint32_t busy;         /* channels with something to say, but for the first; bit i: channel i */
    uint32_t turn;         /* which of them begins the packet */
    uint32_t passed_bytes; /* tw_packing_write: of these, what passed; for tw_congestion_passed */
    uint32_t open_bytes;   /* where bulk yields: of all packets under way; else 0 */
    uint64_t now_us;
};

struct tw_packing tw_packing_look(struct tw_channels *channels,
                                  const struct tw_congestion *congestion,
                                  const struct tw_sent *sent, bool paced, uint64_t now_us);
/* Bulk waits for what ticks sent, too: the caller fills in open_bytes. */
bool tw_packing_yields(const struct tw_packing *packing);
/* May anything leave? */
bool tw_packing_any(const struct tw_packing *packing);
/* When something may, if nothing else happens; looked at as if the pace allowed it. UINT64_MAX:
 * there is nothing. */
uint64_t tw_packing_due_us(const struct tw_packing *packing);
/* Writes entries, and their runs into the channels. Returns bytes that the pace counts: not those
 * of channel 0, which leave whatever it is. */
uint32_t tw_packing_write(struct tw_packing *packing, struct tw_writer *writer);

#endif
