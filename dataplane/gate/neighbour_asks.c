/* SPDX-License-Identifier: BSD-3-Clause */
#include "dataplane/gate/neighbour_asks.h"

#include <string.h>

void tw_neighbour_asks_init(struct tw_neighbour_asks *asks)
{
    asks->rate = tw_budget_rate_make(TW_NEIGHBOUR_ASKS_AT_ONCE, TW_NEIGHBOUR_ASKS_AT_ONCE);
}

bool tw_neighbour_asks_may(struct tw_neighbour_asks *asks, const uint8_t ip[16], uint64_t now_ns)
{
    if (tw_ip_is_zero(ip))
        return false;
    for (uint32_t i = 0; i < TW_NEIGHBOUR_ASKED; i++) {
        if (memcmp(asks->asked[i].ip, ip, 16) == 0 &&
            now_ns - asks->asked[i].at_ns < TW_NEIGHBOUR_ASK_NS)
            return false;
    }
    if (!tw_budget_take(&asks->budget, asks->rate, now_ns))
        return false;
    uint32_t slot = asks->next++ % TW_NEIGHBOUR_ASKED;
    memcpy(asks->asked[slot].ip, ip, 16);
    asks->asked[slot].at_ns = now_ns;
    return true;
}
