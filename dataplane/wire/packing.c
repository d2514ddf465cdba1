/* SPDX-License-Identifier: BSD-3-Clause */
#include "dataplane/wire/packing.h"

/* A channel that the window has no place for sends a packet so often all the same: slow, never
 * stalled. */
#define TRICKLE_US 500000u
/* One that is refused asks so often, by itself, and takes nothing from the others. */
#define ASK_US 100000u
/* Of a message that is cut, so much a packet while the link fails or is slow: what one loss costs,
 * and how long the link is taken. */
#define PART_SMALL (4u * TW_GRANULE_BYTES)
/* Of bulk where the window is less than two packets half of that, and as often again when it
 * trickles: beside a snapshot and a command more would be a queue. */
#define SLOW_PARTS 2u

struct tw_packing tw_packing_look(struct tw_channels *channels,
                                  const struct tw_congestion *congestion,
                                  const struct tw_sent *sent, bool paced, uint64_t now_us)
{
    struct tw_packing packing = {.channels = channels,
                                 .congestion = congestion,
                                 .place = tw_flight_has_place(&channels->flight, sent),
                                 .paced = paced,
                                 .passing = tw_congestion_may_pass(congestion),
                                 .now_us = now_us};
    for (uint32_t channel = TW_CHANNEL_ORDERED; channel < TW_CHANNEL_COUNT; channel++)
        packing.busy |= (uint32_t)tw_sender_has(&channels->sender, channel, false) << channel;
    packing.turn = tw_turns_next(&channels->turns, packing.busy);
    return packing;
}

/* Of a slow path what ticks send takes a great part, and no window holds it back: bulk waits for
 * it, and of the packets that probe such a path it fills one. */
bool tw_packing_yields(const struct tw_packing *packing)
{
    return packing->congestion->window_bytes < TW_WINDOW_SMALL &&
           (packing->busy >> TW_CHANNEL_BULK & 1u) != 0;
}

/* A channel has its turn in all of a window that a more important one fills: what its share leaves
 * free would always be taken. */
static uint32_t share_of(const struct tw_packing *packing, uint32_t channel)
{
    uint32_t share = tw_congestion_share(packing->congestion, channel);
    if (packing->turn != channel || share == 0)
        return share;
    for (uint32_t i = TW_CHANNEL_ORDERED; i < channel; i++) {
        uint32_t other = tw_congestion_share(packing->congestion, i);
        if ((packing->busy >> i & 1u) != 0 && other > share)
            share = other;
    }
    return share;
}

static bool is_bulk_of_slow_path(const struct tw_packing *packing, uint32_t channel)
{
    return channel == TW_CHANNEL_BULK && packing->congestion->window_bytes < TW_WINDOW_COLLAPSED;
}

static uint64_t trickle_us(const struct tw_packing *packing, uint32_t channel)
{
    return is_bulk_of_slow_path(packing, channel) ? TRICKLE_US / SLOW_PARTS : TRICKLE_US;
}

static uint32_t part_max(const struct tw_packing *packing, uint32_t channel)
{
    const struct tw_congestion *congestion = packing->congestion;
    bool small =
        congestion->state == TW_LINK_EMERGENCY || congestion->window_bytes < TW_WINDOW_SMALL;
    if (is_bulk_of_slow_path(packing, channel))
        return PART_SMALL / SLOW_PARTS;
    return small ? PART_SMALL : TW_MESSAGE_MAX;
}

static bool window_open(const struct tw_packing *packing, uint32_t channel)
{
    const struct tw_channels *channels = packing->channels;
    uint32_t bytes = channels->flight.bytes;
    bool probing = channels->probes > 0;
    if (channel == TW_CHANNEL_BULK && tw_packing_yields(packing)) {
        probing = probing && bytes == 0;
        bytes = packing->open_bytes;
    }
    return probing || (bytes < share_of(packing, channel) && packing->place) ||
           packing->now_us >= channels->channel_at_us[channel] + trickle_us(packing, channel);
}

static bool asked_just_now(const struct tw_packing *packing, uint32_t channel)
{
    return tw_sender_is_refused(&packing->channels->sender, channel) &&
           packing->now_us < packing->channels->channel_at_us[channel] + ASK_US;
}

/* May a channel put something into a packet now? `*whole`: only small messages. */
static bool allowed(const struct tw_packing *packing, uint32_t channel, bool *whole)
{
    if (asked_just_now(packing, channel)) {
        *whole = false;
        return false;
    }
    bool open = channel == TW_CHANNEL_STATE || (packing->paced && window_open(packing, channel));
    *whole = channel == TW_CHANNEL_ORDERED && !open && packing->passing;
    return (open || *whole) && tw_sender_has(&packing->channels->sender, channel, *whole);
}

bool tw_packing_any(const struct tw_packing *packing)
{
    bool whole;
    for (uint32_t channel = 0; channel < TW_CHANNEL_COUNT; channel++) {
        if (allowed(packing, channel, &whole))
            return true;
    }
    return false;
}

uint64_t tw_packing_due_us(const struct tw_packing *packing)
{
    const struct tw_sender *sender = &packing->channels->sender;
    uint64_t due_us = UINT64_MAX;
    if (tw_packing_any(packing))
        return tw_congestion_next_us(packing->congestion, packing->now_us);
    if (tw_sender_has(sender, TW_CHANNEL_ORDERED, true) &&
        !asked_just_now(packing, TW_CHANNEL_ORDERED))
        due_us = tw_congestion_pass_us(packing->congestion, packing->now_us);
    for (uint32_t channel = TW_CHANNEL_ORDERED; channel < TW_CHANNEL_COUNT; channel++) {
        bool asks = asked_just_now(packing, channel) && window_open(packing, channel);
        uint64_t at_us = packing->channels->channel_at_us[channel] +
                         (asks ? ASK_US : trickle_us(packing, channel));
        if (tw_sender_has(sender, channel, false) && at_us < due_us)
            due_us = at_us;
    }
    return due_us;
}

/* Bytes of the packet that it took. */
static uint32_t write_channel(struct tw_packing *packing, uint32_t channel,
                              struct tw_writer *writer)
{
    struct tw_channels *channels = packing->channels;
    uint32_t left = tw_flight_runs_left(&channels->flight) - channels->run_count;
    uint32_t room = TW_CHANNELS_RUNS_PER_PACKET - channels->run_count;
    const uint8_t *start = writer->next;
    bool whole;
    if (!allowed(packing, channel, &whole))
        return 0;
    if (left < room)
        room = left;
    channels->sender.part_max = part_max(packing, channel);
    struct tw_sender_part part = {.channel = channel,
                                  .whole = whole,
                                  .runs = channels->runs + channels->run_count,
                                  .runs_max = room};
    uint32_t count = tw_sender_write(&channels->sender, &part, writer);
    if (count > 0)
        channels->channel_at_us[channel] = packing->now_us;
    channels->run_count = (uint16_t)(channels->run_count + count);
    uint32_t bytes = (uint32_t)(writer->next - start);
    if (whole)
        packing->passed_bytes += bytes;
    return bytes;
}

uint32_t tw_packing_write(struct tw_packing *packing, struct tw_writer *writer)
{
    struct tw_channels *channels = packing->channels;
    uint32_t bytes[TW_CHANNEL_COUNT] = {0};
    /* While nothing is answered, all of it may have arrived: then the other end waits for the rest,
     * and not for what it had (after RFC 8985, section 7.3). */
    channels->sender.new_first = tw_channels_unanswered(channels);
    write_channel(packing, TW_CHANNEL_STATE, writer);
    const uint8_t *start = writer->next;
    for (uint32_t left = packing->busy; left != 0;) {
        uint32_t channel = tw_turns_next(&channels->turns, left);
        bool refused = tw_sender_is_refused(&channels->sender, channel);
        left &= ~(1u << channel);
        if (refused && writer->next > start)
            continue;
        bytes[channel] = write_channel(packing, channel, writer);
        if (refused && bytes[channel] > 0)
            break;
    }
    tw_turns_took(&channels->turns, packing->busy, bytes);
    return (uint32_t)(writer->next - start);
}
