/* SPDX-License-Identifier: BSD-3-Clause */
#include "dataplane/wire/turns.h"

/* What a byte costs: the inverse of the parts. */
static const uint8_t costs[TW_CHANNEL_COUNT] = {
    [TW_CHANNEL_ORDERED] = 2, [TW_CHANNEL_UNORDERED] = 2, [TW_CHANNEL_BULK] = 7};
#define ORDERED_LEAD (TW_DATAGRAM_BASE * 2u)
/* Whoever could not use its turn is not owed more than that. */
#define PACKETS_MAX 2u

static uint32_t lead(const struct tw_turns *turns, uint32_t channel)
{
    uint32_t ahead = turns->ahead[channel];
    if (channel != TW_CHANNEL_ORDERED)
        return ahead;
    return ahead > ORDERED_LEAD ? ahead - ORDERED_LEAD : 0;
}

uint32_t tw_turns_next(const struct tw_turns *turns, uint32_t busy)
{
    uint32_t next = 0;
    for (uint32_t i = TW_CHANNEL_ORDERED; i < TW_CHANNEL_COUNT; i++) {
        if ((busy >> i & 1u) != 0 && (next == 0 || lead(turns, i) < lead(turns, next)))
            next = i;
    }
    return next;
}

void tw_turns_took(struct tw_turns *turns, uint32_t busy, const uint32_t bytes[TW_CHANNEL_COUNT])
{
    uint32_t ahead[TW_CHANNEL_COUNT], least = UINT32_MAX;
    for (uint32_t i = TW_CHANNEL_ORDERED; i < TW_CHANNEL_COUNT; i++) {
        ahead[i] = turns->ahead[i] + bytes[i] * costs[i];
        if ((busy >> i & 1u) != 0 && ahead[i] < least)
            least = ahead[i];
    }
    for (uint32_t i = TW_CHANNEL_ORDERED; i < TW_CHANNEL_COUNT; i++) {
        uint32_t most = PACKETS_MAX * TW_DATAGRAM_MAX * costs[i];
        uint32_t beyond = ahead[i] > least ? ahead[i] - least : 0;
        turns->ahead[i] = (uint16_t)(beyond < most ? beyond : most);
    }
}
