/* SPDX-License-Identifier: BSD-3-Clause */
#include "dataplane/gate/inputs.h"

enum tw_input_outcome tw_input_window_test(const struct tw_input_window *window, uint32_t tick,
                                           uint32_t current_tick)
{
    if (tick > current_tick && tick - current_tick > TW_INPUT_AHEAD_MAX)
        return TW_INPUT_AHEAD;
    if (tick > window->newest)
        return TW_INPUT_ROUTED;
    uint32_t age = window->newest - tick;
    if (age >= TW_INPUT_WINDOW)
        return TW_INPUT_OLD;
    return (window->bitmap >> age & 1) != 0 ? TW_INPUT_DUPLICATE : TW_INPUT_ROUTED;
}

void tw_input_window_mark(struct tw_input_window *window, uint32_t tick)
{
    if (tick > window->newest) {
        uint32_t shift = tick - window->newest;
        window->bitmap = shift >= TW_INPUT_WINDOW ? 0 : window->bitmap << shift;
        window->newest = tick;
    }
    window->bitmap |= UINT64_C(1) << (window->newest - tick);
}
