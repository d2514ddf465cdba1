/* SPDX-License-Identifier: BSD-3-Clause */
#include "dataplane/wire/life.h"

const char *const tw_life_state_names[TW_LIFE_STATES] = {"connected", "degraded", "reconnecting",
                                                         "disconnected"};

enum tw_life_tier tw_life_tier(const struct tw_life_times *times, uint64_t silent_ms)
{
    if (silent_ms >= times->grace_ms)
        return TW_TIER_OVER;
    if (silent_ms >= times->park_ms)
        return TW_TIER_PARKED;
    if (silent_ms >= times->pause_ms)
        return TW_TIER_PAUSED;
    return silent_ms >= times->degraded_ms ? TW_TIER_SILENT : TW_TIER_HEARD;
}

enum tw_life_state tw_life_state(enum tw_life_tier tier, bool path_suffers)
{
    switch (tier) {
    case TW_TIER_HEARD:
        return path_suffers ? TW_LIFE_DEGRADED : TW_LIFE_CONNECTED;
    case TW_TIER_SILENT:
        return TW_LIFE_DEGRADED;
    case TW_TIER_PAUSED:
    case TW_TIER_PARKED:
        return TW_LIFE_RECONNECTING;
    case TW_TIER_OVER:
        break;
    }
    return TW_LIFE_DISCONNECTED;
}
