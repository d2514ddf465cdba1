/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * When a queue brings more than its worker takes, and what strangers get of it then.
 *
 *   bursts keep coming full ─► the worker is behind: strangers get a few places of each burst, the
 *                              rest of them is shed before a checksum is made
 *   100 ms later            ─► as before, unless bursts come full again
 *
 * A queue is first in, first out: what is lost while it overflows is lost before anything here sees
 * it, whoever sent it. So what helps players is a queue that empties sooner. Who is known (names a
 * session, from its address) is never shed; nor are ARP and neighbour discovery, without which
 * nobody is reached. What names another worker is shed by a budget of its own, as early: guests.h.
 *
 * One for each queue; owned by its worker; zeroed is a fresh one; pure: time is an argument.
 */
#ifndef TICKWIRE_DATAPLANE_GATE_SHARE_H
#define TICKWIRE_DATAPLANE_GATE_SHARE_H

#include <stdbool.h>
#include <stdint.h>

/* Full bursts in a row, of 32: twice what a queue of the engine's holds (1,024), so more than can
 * have waited there while the worker was held up. */
#define TW_SHARE_FULL_BURSTS 64u
/* An eighth of a full burst. All hellos that limits.stranger_pps allows as it comes, 20,000 a
 * second, are less than the eighth of what a core takes. */
#define TW_SHARE_STRANGERS 4u
/* Going back costs a queue's worth of packets if the flood still lasts: once in 100 ms that is
 * little; and newcomers wait no longer for it to end. */
#define TW_SHARE_HOLD_NS UINT64_C(100000000)

struct tw_share {
    uint64_t until_ns;    /* strangers have their share only */
    uint32_t full_bursts; /* in a row, the newest among them */
};

/* A burst was taken off the queue. */
static inline void tw_share_note(struct tw_share *share, bool is_full, uint64_t now_ns)
{
    share->full_bursts = is_full ? share->full_bursts + 1u : 0;
    if (share->full_bursts < TW_SHARE_FULL_BURSTS)
        return;
    share->full_bursts = 0;
    share->until_ns = now_ns + TW_SHARE_HOLD_NS;
}

static inline bool tw_share_holds(const struct tw_share *share, uint64_t now_ns)
{
    return now_ns < share->until_ns;
}

#endif
