/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What a client still says to a server whose session it has left: that it did.
 *
 *   close ×3 ── 50 ms ── close ── 100 ms ── close ── 200 ms ── close ── 400 ms ── close
 *
 * The first three at once are for a game that does not run on, the later ones for a burst of loss
 * that takes those three. Nothing is heard: a server does not answer a close that a client sent.
 *
 * Holds keys, wiped by tw_client_farewell_end and with the last close. Zeroed is one that is over.
 * Single-threaded; no socket and no clock.
 */
#ifndef TICKWIRE_DATAPLANE_CLIENT_FAREWELL_H
#define TICKWIRE_DATAPLANE_CLIENT_FAREWELL_H

#include "dataplane/client/link.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define TW_CLIENT_FAREWELL_FIRST    3u
#define TW_CLIENT_FAREWELL_LATER    4u
#define TW_CLIENT_FAREWELL_LATER_US 50000u

struct tw_client_farewell {
    struct tw_client_link link; /* of the session that was left */
    uint16_t reason;            /* enum tw_close_reason */
    uint32_t left;              /* closes to be sent */
    uint64_t next_us;
    uint64_t wait_us; /* from the next one to the one after it */
};

/* The link is copied: its owner seals nothing any more. */
void tw_client_farewell_begin(struct tw_client_farewell *farewell,
                              const struct tw_client_link *link, enum tw_close_reason reason,
                              uint64_t now_us);
/* A datagram due now into out[TW_DATAGRAM_MAX]; its size, 0 if none is due. Call again until then.
 */
size_t tw_client_farewell_write(struct tw_client_farewell *farewell, uint8_t *out, uint64_t now_us);
void tw_client_farewell_end(struct tw_client_farewell *farewell);

static inline bool tw_client_farewell_is_over(const struct tw_client_farewell *farewell)
{
    return farewell->left == 0;
}

#endif
