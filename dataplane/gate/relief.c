/* SPDX-License-Identifier: BSD-3-Clause */
#include "dataplane/gate/relief.h"

#include "dataplane/gate/worker_state.h"

/* Between two looks at all who have something under way: what one held is given to others first. */
#define LOOK_US 50000u

void tw_relief_close(struct tw_worker *worker, uint32_t slot)
{
    tw_counter_add(&worker->config.counters->messages_stalled, 1);
    tw_life_give_up(worker, slot, TW_CLOSE_STALLED);
}

/* TW_SESSION_NONE: none is late. */
static uint32_t find_late(const struct tw_worker *worker)
{
    const struct tw_talk *talk = &worker->talk;
    uint32_t most = 0, found = TW_SESSION_NONE;
    for (uint32_t i = 0; i < talk->busy_count; i++) {
        uint32_t slot = talk->busy[i].slot;
        const struct tw_transport *transport = &talk->transports[slot];
        if (!transport->channels || worker->sessions.hot[slot].state != TW_SESSION_LIVE)
            continue;
        uint32_t holds = tw_receiver_holds(&transport->channels->receiver);
        if (holds <= most || !tw_transport_late(transport, worker->now_us))
            continue;
        most = holds;
        found = slot;
    }
    return found;
}

void tw_relief_turn(struct tw_worker *worker)
{
    struct tw_talk *talk = &worker->talk;
    if (!talk->pool.line_first || worker->now_us < talk->late_look_us)
        return;
    talk->late_look_us = worker->now_us + LOOK_US;
    if (!tw_holder_is_short(&talk->pool, worker->now_us))
        return;
    uint32_t slot = find_late(worker);
    if (slot != TW_SESSION_NONE)
        tw_relief_close(worker, slot);
}
