/* SPDX-License-Identifier: BSD-3-Clause */
#include "dataplane/gate/life.h"

#include "dataplane/gate/worker_state.h"

size_t tw_life_footprint(uint32_t sessions)
{
    return (size_t)sessions * sizeof(struct tw_life_session);
}

void tw_life_init(struct tw_lives *lives, void *memory, const struct tw_life_times *times)
{
    lives->times = *times;
    lives->sessions = memory;
}

static void count(struct tw_worker *worker, enum tw_life_event event)
{
    tw_counter_add(&worker->config.counters->life[event], 1);
}

void tw_life_begin(struct tw_worker *worker, uint32_t slot)
{
    tw_life_end(worker, slot);
    worker->lives.sessions[slot] = (struct tw_life_session){.begun = true};
    worker->lives.counts[TW_LIFE_CONNECTED]++;
}

void tw_life_end(struct tw_worker *worker, uint32_t slot)
{
    struct tw_life_session *life = &worker->lives.sessions[slot];
    if (life->begun)
        worker->lives.counts[life->state]--;
    *life = (struct tw_life_session){0};
}

static void show(struct tw_worker *worker, struct tw_life_session *life)
{
    enum tw_life_state state = tw_life_state((enum tw_life_tier)life->tier, life->path_suffers);
    worker->lives.counts[life->state]--;
    worker->lives.counts[state]++;
    life->state = (uint8_t)state;
}

void tw_life_inherit(struct tw_worker *worker, uint32_t slot, const struct tw_life_session *other)
{
    tw_life_begin(worker, slot);
    worker->lives.sessions[slot].tier = other->tier;
    worker->lives.sessions[slot].presence = other->presence;
    show(worker, &worker->lives.sessions[slot]);
    /* The packet that brought it here ends it. */
    if (other->tier != TW_TIER_HEARD)
        worker->sessions.hot[slot].roam |= TW_ROAM_SILENT;
}

static enum tw_presence presence_of(enum tw_life_tier tier)
{
    switch (tier) {
    case TW_TIER_PAUSED:
        return TW_AWAY;
    case TW_TIER_PARKED:
        return TW_PARKED;
    case TW_TIER_HEARD:
    case TW_TIER_SILENT:
    case TW_TIER_OVER:
        break;
    }
    return TW_PRESENT;
}

/* False: the shard's ring is full, or does not know of the session yet. */
static bool tell_shard(struct tw_worker *worker, uint32_t slot, enum tw_life_tier tier)
{
    struct tw_life_session *life = &worker->lives.sessions[slot];
    enum tw_presence presence = presence_of(tier);
    if (life->presence == presence)
        return true;
    if ((worker->sessions.hot[slot].due & TW_DUE_JOIN) != 0 ||
        !tw_route_presence(worker, slot, presence))
        return false;
    life->presence = (uint8_t)presence;
    return true;
}

static void count_step(struct tw_worker *worker, enum tw_life_tier from, enum tw_life_tier to)
{
    if (from < TW_TIER_SILENT && to >= TW_TIER_SILENT)
        count(worker, TW_LIFE_EVENT_SILENT);
    if (from < TW_TIER_PAUSED && to >= TW_TIER_PAUSED)
        count(worker, TW_LIFE_EVENT_PAUSED);
    if (from < TW_TIER_PARKED && to >= TW_TIER_PARKED)
        count(worker, TW_LIFE_EVENT_PARKED);
}

void tw_life_tell(struct tw_worker *worker, uint32_t slot)
{
    worker->sessions.hot[slot].due |= TW_DUE_LIFE;
    tw_owed_settle(worker, slot);
}

void tw_life_silent(struct tw_worker *worker, uint32_t slot, uint64_t silent_ms)
{
    struct tw_life_session *life = &worker->lives.sessions[slot];
    enum tw_life_tier before = (enum tw_life_tier)life->tier;
    enum tw_life_tier tier = tw_life_tier(&worker->lives.times, silent_ms);
    if (tier == TW_TIER_OVER) {
        count(worker, TW_LIFE_EVENT_EXPIRED);
        tw_owed_close(worker, slot, TW_CLOSE_TIMEOUT, true);
        return;
    }
    /* Not told yet: the next walk comes by in some 64 ms. */
    if (tier <= before || !tell_shard(worker, slot, tier))
        return;
    worker->sessions.hot[slot].roam |= TW_ROAM_SILENT;
    life->tier = (uint8_t)tier;
    count_step(worker, before, tier);
    show(worker, life);
    tw_life_tell(worker, slot);
}

void tw_life_heard(struct tw_worker *worker, uint32_t slot)
{
    struct tw_life_session *life = &worker->lives.sessions[slot];
    /* What this packet brings would find the player away: the next one tries again. */
    if (!tell_shard(worker, slot, TW_TIER_HEARD))
        return;
    if (life->tier >= TW_TIER_PAUSED) {
        count(worker,
              life->tier == TW_TIER_PARKED ? TW_LIFE_EVENT_UNPARKED : TW_LIFE_EVENT_RETURNED);
        tw_talk_wake(worker, slot);
    }
    worker->sessions.hot[slot].roam &= (uint8_t)~TW_ROAM_SILENT;
    life->tier = TW_TIER_HEARD;
    show(worker, life);
    tw_life_tell(worker, slot);
}

void tw_life_path(struct tw_worker *worker, uint32_t slot, uint8_t link_state)
{
    struct tw_life_session *life = &worker->lives.sessions[slot];
    uint8_t before = life->state;
    life->path_suffers = link_state != TW_LINK_NORMAL;
    if (!life->begun)
        return;
    show(worker, life);
    if (life->state != before)
        tw_life_tell(worker, slot);
}

bool tw_life_is_paused(const struct tw_worker *worker, uint32_t slot)
{
    return worker->lives.sessions[slot].tier >= TW_TIER_PAUSED;
}

/* ---- lapsed --------------------------------------------------------------------------------- */

static void lapse(struct tw_worker *worker, uint32_t slot, uint16_t reason)
{
    struct tw_session *session = &worker->sessions.hot[slot];
    const struct tw_channels *channels = worker->talk.transports[slot].channels;
    session->roam |= TW_ROAM_LAPSED;
    session->close_reason = reason;
    session->timer_ns = worker->now_ns;
    count(worker, TW_LIFE_EVENT_LAPSED);
    tw_counter_add(&worker->config.counters->messages_missed,
                   channels ? tw_sender_count(&channels->sender) : 0);
}

void tw_life_give_up(struct tw_worker *worker, uint32_t slot, uint16_t reason)
{
    if ((worker->sessions.hot[slot].roam & TW_ROAM_SILENT) != 0)
        lapse(worker, slot, reason);
    else
        tw_owed_close(worker, slot, reason, true);
    tw_talk_end(worker, slot);
}

/* Again for as long as it sends: a close may be lost. */
static void tell(struct tw_worker *worker, uint32_t slot)
{
    struct tw_session *session = &worker->sessions.hot[slot];
    if (worker->now_ns < session->timer_ns || !tw_outward_numbers_left(worker, slot))
        return;
    session->timer_ns = worker->now_ns + TW_SESSION_ANSWER_NS;
    count(worker, TW_LIFE_EVENT_LAPSED_TOLD);
    tw_outward_close_frame(worker, slot);
}

void tw_life_answer_lapsed(struct tw_worker *worker, struct tw_packet *packet,
                           const struct tw_client_frames *frames)
{
    packet->outcome = TW_OUTCOME_SESSION_CLOSING;
    if (frames->has_close)
        tw_owed_close(worker, packet->slot, TW_CLOSE_BY_CLIENT, false);
    else if (packet->path != TW_PATH_CURRENT)
        tw_roam_packet(worker, packet, frames); /* told once it was found there */
    else
        tell(worker, packet->slot);
}

bool tw_life_has_lapsed(const struct tw_worker *worker, uint32_t slot)
{
    return (worker->sessions.hot[slot].roam & TW_ROAM_LAPSED) != 0;
}
