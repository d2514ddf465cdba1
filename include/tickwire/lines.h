/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * How the lines of messages, one for each channel, share what there is a fixed number of: so that
 * none of them takes all, each has a part that no other can take.
 *
 *   an eighth │ of each channel, and as much again of commands: what most games wait for
 *   the rest  │ three eighths, for whoever comes first
 *
 * Pure; counts are of whoever shares something out.
 */
#ifndef TICKWIRE_LINES_H
#define TICKWIRE_LINES_H

#include "tickwire/wire.h"

#include <stdint.h>

/* Bulk that stands still leaves commands a quarter: of 255 messages a tick 3,780 a second, as many
 * as sixty players may say. With less for the others a crowd that chats would have to wait. */
#define TW_LINES_KEPT(places, channel) ((places) / ((channel) == TW_CHANNEL_ORDERED ? 4u : 8u))
#define TW_LINES_KEPT_ALL(places)                                                                  \
    (TW_LINES_KEPT(places, TW_CHANNEL_STATE) + TW_LINES_KEPT(places, TW_CHANNEL_ORDERED) +         \
     TW_LINES_KEPT(places, TW_CHANNEL_UNORDERED) + TW_LINES_KEPT(places, TW_CHANNEL_BULK))
/* What a channel may take while no other has anything. */
#define TW_LINES_MOST(places, channel)                                                             \
    ((places)-TW_LINES_KEPT_ALL(places) + TW_LINES_KEPT(places, channel))

/* Of so many places, how many more the channel may take, beside what each has. */
static inline uint32_t tw_lines_left(const uint32_t taken[TW_CHANNEL_COUNT], uint32_t places,
                                     uint32_t channel)
{
    uint32_t gone = taken[channel];
    for (uint32_t other = 0; other < TW_CHANNEL_COUNT; other++) {
        uint32_t kept = TW_LINES_KEPT(places, other);
        if (other != channel)
            gone += taken[other] > kept ? taken[other] : kept;
    }
    return gone < places ? places - gone : 0;
}

static inline uint32_t tw_lines_taken(const uint32_t taken[TW_CHANNEL_COUNT])
{
    uint32_t sum = 0;
    for (uint32_t channel = 0; channel < TW_CHANNEL_COUNT; channel++)
        sum += taken[channel];
    return sum;
}

#endif
