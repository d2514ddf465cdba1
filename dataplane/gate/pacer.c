/* SPDX-License-Identifier: BSD-3-Clause */
#include "dataplane/gate/pacer.h"

#include "tickwire/assert.h"

#define NS_PER_S  UINT64_C(1000000000)
#define NS_PER_MS UINT64_C(1000000)

struct tw_pacer_rules tw_pacer_rules_make(uint32_t tick_hz, uint32_t percent, uint32_t per_ms)
{
    if (percent == 0)
        return (struct tw_pacer_rules){0};
    return (struct tw_pacer_rules){
        .spread_ns = NS_PER_S / tick_hz * percent / 100u,
        .group_ns = NS_PER_MS * TW_PACER_GROUP / per_ms,
    };
}

void tw_pacer_begin(struct tw_pacer *pacer, const struct tw_pacer_rules *rules, uint32_t in_ring,
                    uint64_t now_ns)
{
    uint32_t count = in_ring - pacer->waiting;
    uint64_t groups = (count + TW_PACER_GROUP - 1u) / TW_PACER_GROUP;
    uint64_t step_ns = rules->spread_ns / groups;
    pacer->step_ns = step_ns < rules->group_ns ? step_ns : rules->group_ns;
    pacer->late = pacer->waiting;
    pacer->waiting = in_ring;
    pacer->open = 0;
    pacer->next_ns = now_ns;
}

uint32_t tw_pacer_take(struct tw_pacer *pacer, uint32_t count)
{
    uint32_t late = count < pacer->late ? count : pacer->late;
    TW_ASSERT(count - late <= pacer->open && count <= pacer->waiting);
    pacer->late -= late;
    pacer->open -= count - late;
    pacer->waiting -= count;
    return late;
}

void tw_pacer_pass(struct tw_pacer *pacer, uint32_t count)
{
    TW_ASSERT(count <= pacer->waiting);
    pacer->late -= count < pacer->late ? count : pacer->late;
    pacer->waiting -= count;
}
