/* SPDX-License-Identifier: BSD-3-Clause */
#include "dataplane/wire/acks.h"

void tw_acks_init(struct tw_acks *acks)
{
    memset(acks, 0, sizeof(*acks));
}

static void advance(struct tw_acks *acks, uint64_t sequence, uint64_t now_us)
{
    uint32_t step = (uint32_t)sequence - acks->largest;
    if (acks->largest == 0)
        acks->bitmap = 0;
    else if (step > 64u)
        acks->bitmap = 0;
    else
        acks->bitmap = (step == 64u ? 0 : acks->bitmap << step) | UINT64_C(1) << (step - 1u);
    acks->gaps += step - 1u;
    acks->largest = (uint32_t)sequence;
    acks->largest_at_us = (uint32_t)now_us;
}

void tw_acks_take(struct tw_acks *acks, uint64_t sequence, bool messages, uint64_t now_us)
{
    if (sequence > acks->largest) {
        advance(acks, sequence, now_us);
    } else if (sequence < acks->largest) {
        uint64_t back = acks->largest - 1u - sequence;
        if (back < 64u)
            acks->bitmap |= UINT64_C(1) << back;
        acks->gaps -= acks->gaps > 0;
    }
    if (!messages)
        return;
    if (acks->waiting == 0)
        acks->waiting_since_us = now_us;
    acks->waiting++;
}

uint64_t tw_acks_due_us(const struct tw_acks *acks)
{
    if (acks->waiting == 0)
        return UINT64_MAX;
    return acks->waiting >= TW_ACKS_EVERY ? acks->waiting_since_us
                                          : acks->waiting_since_us + TW_ACKS_DELAY_US;
}

bool tw_acks_frame(const struct tw_acks *acks, struct tw_frame_ack *frame, uint64_t now_us)
{
    if (acks->largest == 0)
        return false;
    uint32_t delay_us = (uint32_t)now_us - acks->largest_at_us;
    *frame = (struct tw_frame_ack){
        .largest = acks->largest,
        .bitmap = acks->bitmap,
        .delay_us = delay_us > UINT16_MAX ? UINT16_MAX : (uint16_t)delay_us,
    };
    return true;
}

void tw_acks_sent(struct tw_acks *acks)
{
    acks->waiting = 0;
}
