/* SPDX-License-Identifier: BSD-3-Clause */
#include "simulation/shard/inputs.h"

static struct tw_waiting_input make_waiting(uint32_t tick, const struct tw_input *input)
{
    return (struct tw_waiting_input){.tick = tick,
                                     .move_x = input->move_x,
                                     .move_y = input->move_y,
                                     .facing = input->facing,
                                     .buttons = input->buttons};
}

static void offer_late(struct tw_player_inputs *inputs, uint32_t tick, const struct tw_input *input,
                       struct tw_input_tally *tally)
{
    /* Of late ones the newest decides about movement, but a press in any of them counts. */
    uint16_t buttons = (uint16_t)(inputs->late.buttons | input->buttons);
    tally->skipped += inputs->late.tick != 0;
    if (tick > inputs->late.tick)
        inputs->late = make_waiting(tick, input);
    inputs->late.buttons = buttons;
}

void tw_inputs_offer(struct tw_player_inputs *inputs, uint32_t now, uint32_t tick,
                     const struct tw_input *input, struct tw_input_tally *tally)
{
    if (tick <= inputs->newest_applied || (tick > now && tick - now > TW_INPUTS_RING)) {
        tally->skipped++;
        return;
    }
    if (tick <= now) {
        offer_late(inputs, tick, input, tally);
        return;
    }
    /* Ticks now+1 .. now+64 have a place each; earlier ones were taken out when they were due. */
    struct tw_waiting_input *place = &inputs->ring[tick % TW_INPUTS_RING];
    if (place->tick != 0) {
        tally->skipped++;
        return;
    }
    *place = make_waiting(tick, input);
}

uint16_t tw_inputs_apply(struct tw_player_inputs *inputs, uint32_t from, uint32_t to,
                         struct tw_input_tally *tally)
{
    uint16_t buttons = 0;
    bool any = false;
    if (inputs->late.tick != 0) {
        inputs->last = inputs->late;
        inputs->late = (struct tw_waiting_input){0};
        buttons = inputs->last.buttons;
        any = true;
        tally->late++;
    }
    /* More than one tick when some were never simulated; after a whole ring of them the places do
     * not come in the order of their ticks any more. */
    if (to - from > TW_INPUTS_RING)
        from = to - TW_INPUTS_RING;
    for (uint32_t tick = from; tick++ != to;) {
        struct tw_waiting_input *place = &inputs->ring[tick % TW_INPUTS_RING];
        /* One for a later tick is there when it was offered after ticks were skipped. */
        if (place->tick == 0 || place->tick > to)
            continue;
        tally->applied += place->tick == to;
        tally->late += place->tick != to;
        buttons = (uint16_t)(buttons | place->buttons);
        if (place->tick > inputs->last.tick)
            inputs->last = *place;
        *place = (struct tw_waiting_input){0};
        any = true;
    }
    if (any) {
        inputs->newest_applied = inputs->last.tick;
        inputs->ticks_without = 0;
    } else if (++inputs->ticks_without > TW_INPUTS_HOLD_TICKS) {
        inputs->ticks_without = TW_INPUTS_HOLD_TICKS + 1u;
        inputs->last.move_x = 0;
        inputs->last.move_y = 0;
    }
    return buttons;
}

uint32_t tw_inputs_waiting(const struct tw_player_inputs *inputs)
{
    uint32_t waiting = inputs->late.tick != 0;
    for (uint32_t i = 0; i < TW_INPUTS_RING; i++)
        waiting += inputs->ring[i].tick != 0;
    return waiting;
}
