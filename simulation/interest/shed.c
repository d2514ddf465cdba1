/* SPDX-License-Identifier: BSD-3-Clause */
#include "simulation/interest/shed.h"

#include "tickwire/assert.h"

enum tw_tier tw_shed_tier(uint32_t distance_m, uint32_t radius_m)
{
    if (distance_m <= radius_m / 4u)
        return TW_TIER_NEAR;
    return distance_m <= radius_m / 2u ? TW_TIER_MIDDLE : TW_TIER_FAR;
}

bool tw_shed_holds(uint32_t state, enum tw_tier tier, uint32_t snapshot, uint32_t entity)
{
    /* In which of four snapshots a change may go. Strained: three quarters and half of them;
     * failing: half and a quarter. */
    static const uint8_t turns[TW_SHED_STATES][TW_TIER_COUNT] = {
        {0xf, 0xf, 0xf}, {0xf, 0x7, 0x5}, {0xf, 0x5, 0x1}};
    TW_ASSERT(state < TW_SHED_STATES && tier < TW_TIER_COUNT);
    /* By entity, so that a quarter of them goes each time, not all of them each fourth time. */
    return (turns[state][tier] >> (snapshot + entity) % 4u & 1u) == 0;
}

size_t tw_shed_reserve(uint32_t state, size_t capacity)
{
    static const uint8_t quarters[TW_SHED_STATES] = {0, 1, 2};
    TW_ASSERT(state < TW_SHED_STATES);
    return capacity * quarters[state] / 4u;
}
