/* SPDX-License-Identifier: BSD-3-Clause */
#include "dataplane/gate/backlog.h"

#include "dataplane/gate/speech.h"
#include "dataplane/gate/worker_state.h"
#include "tickwire/assert.h"

/* Between two looks at all who have something under way. */
#define RELIEF_US 10000u
/* What is much and leaves within that strains nobody, nor does it a path that carries as much in a
 * second as may wait for it: it has only begun. */
#define STRAINED_US 500000u
/* But where it is known by then that it will take so long, it is said earlier; nor does it wait for
 * a path that has answered nothing by then. */
#define FORESEEN_US  100000u
#define FORESEEN_FOR 2u /* seconds */
#define BEHIND_US    1000000u
/* Whoever was waited for is for so long: longer than between two such looks. */
#define REFUSED_US (4u * RELIEF_US)

static uint64_t since_back_us(const struct tw_worker *worker, uint32_t slot, uint32_t ms)
{
    uint64_t since_us = worker->now_us - worker->talk.sessions[slot].back_us;
    return UINT64_C(1000) * ms < since_us ? UINT64_C(1000) * ms : since_us;
}

/* How long the oldest for it has been here. */
static uint64_t waited_us(const struct tw_worker *worker, uint32_t slot)
{
    const struct tw_channels *channels = worker->talk.transports[slot].channels;
    return channels ? since_back_us(worker, slot,
                                    tw_sender_waiting_ms(&channels->sender, worker->now_us))
                    : 0;
}

/* And it has taken nothing, or next to nothing. */
static uint64_t idle_us(const struct tw_worker *worker, uint32_t slot)
{
    const struct tw_channels *channels = worker->talk.transports[slot].channels;
    return channels
               ? since_back_us(worker, slot, tw_sender_idle_ms(&channels->sender, worker->now_us))
               : 0;
}

void tw_backlog_close(struct tw_worker *worker, uint32_t slot)
{
    tw_counter_add(&worker->config.counters->messages_backlog, 1);
    tw_life_give_up(worker, slot, TW_CLOSE_BACKLOG);
}

/* Of those that have taken nothing for so long, the one that holds most; TW_SESSION_NONE: none has.
 * Whoever has no more than its share takes no room from anybody. */
static uint32_t find_largest(const struct tw_worker *worker, uint64_t longer_us)
{
    const struct tw_talk *talk = &worker->talk;
    bool channels_short = talk->channels.free_count == 0;
    uint32_t most = channels_short ? 0 : talk->pool.share, largest = TW_SESSION_NONE;
    for (uint32_t i = 0; i < talk->busy_count; i++) {
        uint32_t slot = talk->busy[i].slot;
        const struct tw_channels *channels = talk->transports[slot].channels;
        if (!channels || worker->sessions.hot[slot].state != TW_SESSION_LIVE ||
            channels->sender.parcels.blocks <= most || idle_us(worker, slot) < longer_us)
            continue;
        most = channels->sender.parcels.blocks;
        largest = slot;
    }
    return largest;
}

/* Room is short for all: of those that take nothing the one that holds most has to go; where all
 * take something, the one that holds most is who the others wait for. */
static void relieve(struct tw_worker *worker)
{
    struct tw_talk *talk = &worker->talk;
    if (worker->now_us < talk->relief_us)
        return;
    talk->relief_us = worker->now_us + RELIEF_US;
    uint32_t victim = find_largest(worker, TW_PATIENCE_US);
    if (victim != TW_SESSION_NONE) {
        tw_backlog_close(worker, victim);
        return;
    }
    uint32_t largest = find_largest(worker, 0);
    if (largest != TW_SESSION_NONE) {
        talk->sessions[largest].refused_us = worker->now_us;
        tw_talk_list(talk, largest, 0);
    }
}

bool tw_backlog_refuse(struct tw_worker *worker, uint32_t slot, const struct tw_outgoing *message,
                       enum tw_sender_result room)
{
    struct tw_worker_counters *counters = worker->config.counters;
    bool no_channels = worker->talk.transports[slot].channels == NULL;
    TW_ASSERT(room != TW_SENDER_SIZE);
    /* It may be lost, and the next one is newer. */
    if (message->channel == TW_CHANNEL_STATE) {
        tw_counter_add(&counters->messages_latest_dropped, 1);
        return true;
    }
    if (room == TW_SENDER_FULL && idle_us(worker, slot) >= TW_PATIENCE_US) {
        tw_backlog_close(worker, slot);
        tw_counter_add(&counters->messages_missed, tw_life_has_lapsed(worker, slot));
        return true;
    }
    if (room == TW_SENDER_FULL)
        worker->talk.sessions[slot].refused_us = worker->now_us;
    tw_counter_add(&counters->messages_no_channels, room == TW_SENDER_NO_POOL && no_channels);
    if (room == TW_SENDER_NO_POOL)
        relieve(worker);
    return false;
}

/* Half of its bound: less strains nobody. */
static bool holds_much(const struct tw_worker *worker, uint32_t slot)
{
    const struct tw_channels *channels = worker->talk.transports[slot].channels;
    uint32_t most = worker->talk.channels.config.send_blocks_max;
    return channels && channels->sender.parcels.blocks >= most / 2u;
}

/* It takes less than its bound in a second, and much waits, or will. */
static void look_for_strain(struct tw_worker *worker, uint32_t slot, uint64_t waits_us)
{
    const struct tw_transport *transport = &worker->talk.transports[slot];
    uint32_t most = worker->talk.channels.config.send_blocks_max;
    uint64_t rate = tw_congestion_rate(&transport->congestion);
    uint64_t held = (uint64_t)transport->channels->sender.parcels.blocks * TW_BLOCK_BYTES;
    bool foreseen = waits_us >= FORESEEN_US && held > FORESEEN_FOR * rate;
    if (rate < most * TW_BLOCK_BYTES && (waits_us >= STRAINED_US || foreseen) &&
        !tw_channels_unanswered(transport->channels))
        tw_speech_make_dear(worker, foreseen);
}

void tw_backlog_foresee(struct tw_worker *worker, uint32_t slot)
{
    bool heard = (worker->sessions.hot[slot].roam & TW_ROAM_SILENT) == 0;
    if (heard && holds_much(worker, slot))
        look_for_strain(worker, slot, waited_us(worker, slot));
}

/* Is it behind, and for how long by now? While it will be soon, what is said is dear already: by
 * then it may be too late. What waits for one who is silent is dear to nobody, and does not hurry
 * as long as nobody waits for its room; nor does it help who takes nothing if others say less. */
bool tw_backlog_keeps_up(struct tw_worker *worker, uint32_t slot)
{
    struct tw_talk *talk = &worker->talk;
    const struct tw_talk_session *session = &talk->sessions[slot];
    const struct tw_channels *channels = talk->transports[slot].channels;
    if (!channels && session->account.patience.seen_us == 0)
        return true;
    uint32_t held = channels ? channels->sender.parcels.blocks : 0;
    uint32_t most = talk->channels.config.send_blocks_max;
    bool heard = (worker->sessions.hot[slot].roam & TW_ROAM_SILENT) == 0;
    bool refused = session->refused_us != 0 && worker->now_us - session->refused_us < REFUSED_US;
    uint64_t waits_us = holds_much(worker, slot) || refused ? waited_us(worker, slot) : 0;
    struct tw_patience_sight sight = {.left = channels ? channels->sender.left : 0,
                                      .longest_us = 2u * TW_TALK_LOOK_US};
    if (waits_us >= BEHIND_US && refused)
        sight.state = TW_PATIENCE_WAITED_FOR;
    else if (waits_us >= BEHIND_US && heard && held > most)
        sight.state = TW_PATIENCE_BEHIND;
    tw_backlog_foresee(worker, slot);
    return tw_patience_look(&talk->sessions[slot].account.patience, &sight, worker->now_us);
}
