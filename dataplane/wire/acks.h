/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What to acknowledge: the newest packet numbers whose content was taken in, and when to say so.
 *
 * Apart from the replay window, which knows what was authenticated: a packet whose messages found
 * no room must come again. Pure, one owner; time in µs.
 */
#ifndef TICKWIRE_DATAPLANE_WIRE_ACKS_H
#define TICKWIRE_DATAPLANE_WIRE_ACKS_H

#include "dataplane/wire/frames.h"

/* A packet with messages is acknowledged within this, or with every eighth of them: the bitmap of
 * 64 then has each packet in several acks. */
#define TW_ACKS_DELAY_US 10000u
#define TW_ACKS_EVERY    8u

/* Half a cache line: every packet of a session touches it, in or out. Packet numbers fit 32 bits
 * (TW_SEALED_MAX); of a time, its low 32 bits are enough for what a session's timeout leaves. */
struct tw_acks {
    uint64_t bitmap;           /* bit i: largest-1-i */
    uint64_t waiting_since_us; /* oldest packet with messages not acknowledged yet */
    uint32_t largest;          /* 0: nothing yet */
    uint32_t largest_at_us;    /* low bits */
    uint32_t gaps;             /* numbers passed over, less those that came late: lost on the way */
    uint32_t waiting;          /* packets with messages since the newest ack */
};
static_assert(sizeof(struct tw_acks) == 32u, "half a line");
static_assert(TW_SEALED_MAX <= UINT32_MAX, "packet numbers fit");

void tw_acks_init(struct tw_acks *acks);
/* For tw_acks_take, of a number above the largest. */
static inline void tw_acks_advance(struct tw_acks *acks, uint64_t sequence, uint64_t now_us)
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

/* A fresh packet was taken in, its number at most TW_SEALED_MAX; with messages it must be
 * acknowledged soon. */
static inline void tw_acks_take(struct tw_acks *acks, uint64_t sequence, bool messages,
                                uint64_t now_us)
{
    if (sequence > acks->largest) {
        tw_acks_advance(acks, sequence, now_us);
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
/* When an ack must be sent at the latest; UINT64_MAX: no need to send one by itself. */
uint64_t tw_acks_due_us(const struct tw_acks *acks);
/* The frame to send now. False: nothing was received yet. */
static inline bool tw_acks_frame(const struct tw_acks *acks, struct tw_frame_ack *frame,
                                 uint64_t now_us)
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
/* The frame is on its way. */
static inline void tw_acks_sent(struct tw_acks *acks)
{
    acks->waiting = 0;
}

#endif
