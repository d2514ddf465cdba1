/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Whose turn it is to put something into a packet, among the channels that have something to say.
 *
 * A channel that filled packets waits for those that did not, by bytes (after start-time fair
 * queueing, Goyal and others 1996): ordered 7 parts, unordered 7, bulk 2. Neither of the first two
 * may delay the other, so they are equals; bulk can wait, and has an eighth. Of what one leaves the
 * others have their parts, and nobody is owed anything for a time in which it had nothing to say.
 * The ordered channel may run one packet ahead: commands come first as long as they are few.
 * Pure, one owner.
 */
#ifndef TICKWIRE_DATAPLANE_WIRE_TURNS_H
#define TICKWIRE_DATAPLANE_WIRE_TURNS_H

#include "tickwire/wire.h"

#include <stdint.h>

/* What each channel has had beyond the one that had least, in bytes by parts. All 0 at first. */
struct tw_turns {
    uint16_t ahead[TW_CHANNEL_COUNT];
};

/* One of those of `busy` (bit i: channel i, none of them TW_CHANNEL_STATE); 0 if it is empty. */
uint32_t tw_turns_next(const struct tw_turns *turns, uint32_t busy);
/* `bytes[i]` of channel i left in a packet, while those of `busy` had something to say. */
void tw_turns_took(struct tw_turns *turns, uint32_t busy, const uint32_t bytes[TW_CHANNEL_COUNT]);

#endif
