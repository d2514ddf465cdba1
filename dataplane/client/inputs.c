/* SPDX-License-Identifier: BSD-3-Clause */
#include "dataplane/client/inputs.h"

#include <string.h>

void tw_client_inputs_init(struct tw_client_inputs *inputs)
{
    memset(inputs, 0, sizeof(*inputs));
}

uint32_t tw_client_inputs_advance(struct tw_client_inputs *inputs, uint64_t tick)
{
    /* Ticks do not wrap: a world ends with its last one, and so do inputs. */
    if (tick > TW_TICK_LAST)
        tick = TW_TICK_LAST;
    if (tick <= inputs->newest_tick)
        return 0;
    uint64_t missing = tick - inputs->newest_tick;
    if (inputs->newest_tick == 0)
        missing = 1;
    if (missing >= TW_INPUTS_MAX) {
        missing = TW_INPUTS_MAX;
        inputs->run = 0;
    }
    for (uint64_t made = tick - missing + 1u; made <= tick; made++)
        inputs->history[made % TW_INPUTS_MAX] = inputs->current;
    inputs->newest_tick = tick;
    inputs->run += (uint32_t)missing;
    if (inputs->run > TW_INPUTS_MAX)
        inputs->run = TW_INPUTS_MAX;
    return (uint32_t)missing;
}

void tw_client_inputs_applied(struct tw_client_inputs *inputs, uint32_t tick)
{
    if (tick > inputs->applied_tick)
        inputs->applied_tick = tick;
}

uint8_t tw_client_inputs_list(const struct tw_client_inputs *inputs,
                              struct tw_input list[TW_INPUTS_MAX])
{
    uint8_t count = 0;
    while (count < inputs->run && inputs->newest_tick - count > inputs->applied_tick) {
        list[count] = inputs->history[(inputs->newest_tick - count) % TW_INPUTS_MAX];
        count++;
    }
    return count;
}
