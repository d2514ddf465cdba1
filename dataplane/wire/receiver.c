/* SPDX-License-Identifier: BSD-3-Clause */
#include "dataplane/wire/receiver.h"

#include "tickwire/assert.h"

/* Longer than between two packets of any sender: after that, silence was the network's. */
#define SILENCE_US 1000000u

void tw_receiver_init(struct tw_receiver *receiver, struct tw_block_pool *pool)
{
    memset(receiver, 0, offsetof(struct tw_receiver, windows));
    receiver->pool = pool;
}

/* The message at `at` of the window, or NULL. */
static struct tw_message *standing(const struct tw_receiver *receiver,
                                   const struct tw_receiver_channel *channel, uint32_t at)
{
    if ((channel->here >> at & 1u) == 0)
        return NULL;
    return tw_message_at(receiver->pool, receiver->windows[channel - receiver->channels][at]);
}

/* What it keeps from others is not the session's any more. */
static void let_go(struct tw_receiver *receiver, const struct tw_message *message)
{
    uint32_t blocks = tw_message_blocks(message->size);
    if (message->sure)
        tw_holder_release(&receiver->holder, receiver->pool, blocks, blocks - message->held);
    else
        tw_holder_count_loose(&receiver->holder, receiver->pool, -(int32_t)message->held);
}

static void drop(struct tw_receiver *receiver, struct tw_message *message)
{
    let_go(receiver, message);
    tw_message_free(receiver->pool, message);
}

static void drop_windows(struct tw_receiver *receiver)
{
    for (uint32_t i = 0; i < TW_CHANNEL_COUNT; i++) {
        struct tw_receiver_channel *channel = &receiver->channels[i];
        for (; channel->here != 0; channel->here &= channel->here - 1u)
            drop(receiver, standing(receiver, channel, (uint32_t)__builtin_ctzll(channel->here)));
    }
}

void tw_receiver_fini(struct tw_receiver *receiver)
{
    struct tw_message *message;
    while ((message = tw_receiver_take(receiver)) != NULL)
        tw_message_free(receiver->pool, message);
    drop_windows(receiver);
    tw_receiver_leave_line(receiver);
    TW_ASSERT(tw_receiver_holds(receiver) == 0);
}

void tw_receiver_begin_again(struct tw_receiver *receiver, uint64_t now_us)
{
    drop_windows(receiver);
    tw_receiver_leave_line(receiver);
    memset(receiver->channels, 0, sizeof(receiver->channels));
    receiver->unfinished = 0;
    receiver->latest_seen = false;
    receiver->heard_us = now_us;
    receiver->resumed_us = now_us;
}

void tw_receiver_resume(struct tw_receiver *receiver, const struct tw_receiver_numbers *numbers,
                        uint64_t now_us)
{
    receiver->heard_us = now_us;
    receiver->resumed_us = now_us;
    receiver->latest_number = numbers->latest;
    receiver->latest_seen = numbers->latest_seen;
    for (uint32_t i = 0; i < TW_CHANNEL_COUNT; i++) {
        receiver->channels[i].base = numbers->base[i];
        receiver->channels[i].done = numbers->done[i];
    }
}

struct tw_receiver_numbers tw_receiver_pause(const struct tw_receiver *receiver)
{
    struct tw_receiver_numbers numbers = {.latest = receiver->latest_number,
                                          .latest_seen = receiver->latest_seen};
    for (uint32_t i = 0; i < TW_CHANNEL_COUNT; i++) {
        numbers.base[i] = receiver->channels[i].base;
        numbers.done[i] = receiver->channels[i].done;
    }
    return numbers;
}

bool tw_receiver_empty(const struct tw_receiver *receiver)
{
    uint32_t held = 0;
    for (uint32_t i = 0; i < TW_CHANNEL_COUNT; i++)
        held += receiver->ready[i].list.count + receiver->channels[i].held;
    return held == 0 && receiver->holder.wants == 0;
}

/* ---- check ---------------------------------------------------------------------------------- */

struct check {
    uint64_t seen[TW_CHANNEL_COUNT]; /* numbers of the window that this frame has named */
};

/* Distance ahead of the lowest unfinished number; 64 and more: behind it. RANGE: too far ahead. */
static enum tw_frames_result place(const struct tw_receiver_channel *channel, uint16_t number,
                                   uint16_t *ahead)
{
    *ahead = (uint16_t)(number - channel->base);
    bool between = *ahead >= TW_MESSAGE_WINDOW && *ahead < 0x8000u;
    return between ? TW_FRAMES_RANGE : TW_FRAMES_OK;
}

static const struct tw_message *find(const struct tw_receiver *receiver,
                                     const struct tw_entry *entry)
{
    return standing(receiver, &receiver->channels[entry->channel],
                    entry->number % TW_MESSAGE_WINDOW);
}

static enum tw_frames_result check_entry(const struct tw_receiver *receiver,
                                         const struct tw_entry *entry, struct check *check)
{
    if (entry->channel == TW_CHANNEL_STATE)
        return TW_FRAMES_OK;
    const struct tw_receiver_channel *channel = &receiver->channels[entry->channel];
    uint16_t ahead;
    if (place(channel, entry->number, &ahead) != TW_FRAMES_OK)
        return TW_FRAMES_RANGE;
    if (ahead >= TW_MESSAGE_WINDOW)
        return TW_FRAMES_OK;
    uint64_t bit = UINT64_C(1) << (entry->number % TW_MESSAGE_WINDOW);
    if (check->seen[entry->channel] & bit)
        return TW_FRAMES_RANGE;
    check->seen[entry->channel] |= bit;
    if ((channel->done & bit) != 0 || entry->kind == TW_ENTRY_ABANDONED)
        return TW_FRAMES_OK;
    const struct tw_message *message = find(receiver, entry);
    if (message && (message->size != entry->size || message->flags != entry->flags))
        return TW_FRAMES_RANGE;
    return TW_FRAMES_OK;
}

/* ---- room ----------------------------------------------------------------------------------- */

static uint32_t blocks_needed(const struct tw_message *message, const struct tw_entry *entry)
{
    uint32_t first = entry->first * TW_GRANULE_BYTES / TW_BLOCK_BYTES;
    uint32_t last = (entry->first * TW_GRANULE_BYTES + entry->length - 1u) / TW_BLOCK_BYTES;
    uint32_t needed = 0;
    for (uint32_t i = first; i <= last; i++)
        needed += !message || message->blocks[i] == 0;
    return needed;
}

/* Too many finished ones wait to be taken. */
static bool is_full(struct tw_receiver_ready *ready, uint64_t now_us)
{
    if (ready->blocks < TW_RECEIVER_READY_BLOCKS)
        return false;
    ready->full_us = now_us;
    return true;
}

/* It begins now: for the first time, or since what it had to wait for here is no fault of its
 * sender's. */
static void let_begin(struct tw_receiver_channel *channel, uint64_t now_us)
{
    if (channel->late_us < now_us + TW_RECEIVER_BEGIN_US)
        channel->late_us = now_us + TW_RECEIVER_BEGIN_US;
}

enum room {
    ROOM_NONE,
    ROOM_HERE, /* for what comes now */
    ROOM_SURE, /* for all of the message */
};

/* For what is the lowest of its channel. */
static enum room find_room_of_lowest(struct tw_receiver *receiver, const struct tw_entry *entry,
                                     const struct tw_message *message, uint64_t now_us)
{
    struct tw_receiver_channel *channel = &receiver->channels[entry->channel];
    uint32_t needed = blocks_needed(message, entry);
    bool brief = entry->length == entry->size, shared = receiver->pool->shared;
    if ((brief || !shared) && tw_holder_may_take(&receiver->holder, receiver->pool, needed, brief))
        return ROOM_HERE;
    if (!shared)
        return ROOM_NONE;
    struct tw_holder_want want = {.blocks = tw_message_blocks(entry->size),
                                  .taken = message ? message->held : 0,
                                  .bulk = entry->channel == TW_CHANNEL_BULK};
    if (tw_holder_promise(&receiver->holder, receiver->pool, &want, now_us))
        return ROOM_SURE;
    channel->no_room_us = now_us;
    let_begin(channel, now_us);
    return ROOM_NONE;
}

static enum room find_room(struct tw_receiver *receiver, const struct tw_entry *entry,
                           const struct tw_message *message, uint64_t now_us)
{
    struct tw_receiver_channel *channel = &receiver->channels[entry->channel];
    uint32_t needed = blocks_needed(message, entry);
    bool lowest = entry->number == channel->base;
    if (needed == 0 || (message && message->sure))
        return ROOM_HERE;
    if (is_full(&receiver->ready[entry->channel], now_us)) {
        if (lowest)
            let_begin(channel, now_us);
        return ROOM_NONE;
    }
    if (lowest)
        return find_room_of_lowest(receiver, entry, message, now_us);
    if (channel->held - channel->base_held + needed > TW_MESSAGE_SPARE)
        return ROOM_NONE;
    bool brief = entry->length == entry->size && entry->channel != TW_CHANNEL_ORDERED;
    return tw_holder_may_take(&receiver->holder, receiver->pool, needed, brief) ? ROOM_HERE
                                                                                : ROOM_NONE;
}

/* ---- apply ---------------------------------------------------------------------------------- */

static void make_ready(struct tw_receiver *receiver, struct tw_message *message)
{
    struct tw_receiver_ready *ready = &receiver->ready[message->channel];
    ready->blocks += message->held;
    if (message->channel == TW_CHANNEL_BULK && message->sure)
        receiver->holder.whole += message->held;
    receiver->messages++;
    tw_message_list_append(&ready->list, receiver->pool, message);
}

/* The message at `at` leaves the window, finished or given up. */
static struct tw_message *leave_window(struct tw_receiver *receiver,
                                       struct tw_receiver_channel *channel, uint32_t at)
{
    struct tw_message *message = standing(receiver, channel, at);
    if (!message)
        return NULL;
    channel->here &= ~(UINT64_C(1) << at);
    channel->held -= message->held;
    if (at == channel->base % TW_MESSAGE_WINDOW)
        channel->base_held = 0;
    return message;
}

/* It goes on. Later than that it never is, however long it was: it may catch up. */
static void give_time(struct tw_receiver_channel *channel, uint64_t us, uint64_t now_us)
{
    uint64_t earliest_us = now_us > TW_RECEIVER_AHEAD_US ? now_us - TW_RECEIVER_AHEAD_US : 0;
    uint64_t late_us = channel->late_us > earliest_us ? channel->late_us : earliest_us;
    uint64_t latest_us = now_us + TW_RECEIVER_AHEAD_US;
    channel->late_us = late_us + us < latest_us ? late_us + us : latest_us;
}

/* Moves base over everything finished. */
static void advance(struct tw_receiver *receiver, struct tw_receiver_channel *channel)
{
    uint16_t before = channel->base;
    for (;;) {
        uint32_t at = channel->base % TW_MESSAGE_WINDOW;
        uint64_t bit = UINT64_C(1) << at;
        if ((channel->done & bit) == 0)
            break;
        struct tw_message *message = leave_window(receiver, channel, at);
        if (message)
            make_ready(receiver, message);
        channel->done &= ~bit;
        channel->base++;
    }
    uint32_t moved = (uint16_t)(channel->base - before);
    if (moved > 0) {
        channel->moved_us = receiver->heard_us;
        give_time(channel, moved * (uint64_t)TW_RECEIVER_MESSAGE_US, receiver->heard_us);
    }
    const struct tw_message *lowest =
        standing(receiver, channel, channel->base % TW_MESSAGE_WINDOW);
    channel->base_held = lowest ? lowest->held : 0;
}

static void finish(struct tw_receiver *receiver, const struct tw_entry *entry)
{
    struct tw_receiver_channel *channel = &receiver->channels[entry->channel];
    uint32_t at = entry->number % TW_MESSAGE_WINDOW;
    channel->done |= UINT64_C(1) << at;
    receiver->unfinished--;
    if (entry->channel != TW_CHANNEL_ORDERED)
        make_ready(receiver, leave_window(receiver, channel, at));
    advance(receiver, channel);
}

static void abandon(struct tw_receiver *receiver, const struct tw_entry *entry)
{
    struct tw_receiver_channel *channel = &receiver->channels[entry->channel];
    uint32_t at = entry->number % TW_MESSAGE_WINDOW;
    struct tw_message *message = leave_window(receiver, channel, at);
    if (message) {
        receiver->unfinished--;
        drop(receiver, message);
    }
    receiver->abandoned++;
    channel->done |= UINT64_C(1) << at;
    advance(receiver, channel);
}

static void store_bytes(struct tw_receiver *receiver, struct tw_message *message,
                        const struct tw_entry *entry)
{
    uint32_t held = message->held;
    uint32_t from = entry->first * TW_GRANULE_BYTES;
    for (uint32_t done = 0; done < entry->length;) {
        uint32_t at = from + done;
        uint32_t part =
            TW_GRANULE_BYTES < entry->length - done ? TW_GRANULE_BYTES : entry->length - done;
        struct tw_block *block = tw_message_block(receiver->pool, message, at / TW_BLOCK_BYTES);
        TW_ASSERT(block); /* there is room */
        uint32_t granule = at / TW_GRANULE_BYTES;
        if (tw_granule_test(message->done, granule)) {
            receiver->duplicate_bytes += part;
        } else {
            memcpy(block->bytes + at % TW_BLOCK_BYTES, entry->bytes + done, part);
            tw_granule_set(message->done, granule);
            message->missing--;
        }
        done += part;
    }
    if (message->sure)
        tw_holder_count_taken(receiver->pool, message->held - held);
    else
        tw_holder_count_loose(&receiver->holder, receiver->pool, (int32_t)(message->held - held));
}

static struct tw_message *begin(struct tw_receiver *receiver, const struct tw_entry *entry)
{
    struct tw_message *message = tw_message_make(receiver->pool);
    TW_ASSERT(message);
    message->size = entry->size;
    message->channel = entry->channel;
    message->flags = entry->flags;
    message->number = entry->number;
    message->missing = (uint16_t)tw_message_granules(entry->size);
    return message;
}

/* False: there is no room for it. */
static bool store(struct tw_receiver *receiver, const struct tw_entry *entry, uint64_t now_us)
{
    struct tw_receiver_channel *channel = &receiver->channels[entry->channel];
    uint32_t at = entry->number % TW_MESSAGE_WINDOW;
    struct tw_message *message = standing(receiver, channel, at);
    enum room room = find_room(receiver, entry, message, now_us);
    if (room == ROOM_NONE)
        return false;
    if (channel->here == 0)
        let_begin(channel, now_us);
    if (!message) {
        message = begin(receiver, entry);
        receiver->windows[entry->channel][at] = message->index;
        channel->here |= UINT64_C(1) << at;
        receiver->unfinished++;
    }
    if (room == ROOM_SURE)
        message->sure = 1;
    uint16_t missing = message->missing;
    uint32_t held = message->held;
    store_bytes(receiver, message, entry);
    channel->held += message->held - held;
    if (message->missing != missing)
        message->time_us = now_us;
    if (entry->number == channel->base) {
        channel->base_held = message->held;
        give_time(channel, (missing - message->missing) * (uint64_t)TW_RECEIVER_GRANULE_US, now_us);
    }
    if (message->missing == 0)
        finish(receiver, entry);
    return true;
}

/* False: there is no room for it, and it does not come again: the next one is newer. */
static bool take_latest(struct tw_receiver *receiver, const struct tw_entry *entry, uint64_t now_us)
{
    uint16_t ahead = (uint16_t)(entry->number - receiver->latest_number);
    if (receiver->latest_seen && (ahead == 0 || ahead >= 0x8000u)) {
        receiver->superseded++;
        return true;
    }
    if (is_full(&receiver->ready[TW_CHANNEL_STATE], now_us) ||
        !tw_holder_may_take(&receiver->holder, receiver->pool, tw_message_blocks(entry->size),
                            true))
        return false;
    receiver->latest_seen = true;
    receiver->latest_number = entry->number;
    struct tw_message *message = begin(receiver, entry);
    store_bytes(receiver, message, entry);
    make_ready(receiver, message);
    return true;
}

/* False: there is no room for it. */
static bool apply_entry(struct tw_receiver *receiver, const struct tw_entry *entry, uint64_t now_us)
{
    if (entry->channel == TW_CHANNEL_STATE)
        return take_latest(receiver, entry, now_us);
    const struct tw_receiver_channel *channel = &receiver->channels[entry->channel];
    bool old = (uint16_t)(entry->number - channel->base) >= TW_MESSAGE_WINDOW;
    if (old || (channel->done >> (entry->number % TW_MESSAGE_WINDOW) & 1u) != 0)
        receiver->duplicate_bytes += entry->length;
    else if (entry->kind == TW_ENTRY_ABANDONED)
        abandon(receiver, entry);
    else
        return store(receiver, entry, now_us);
    return true;
}

enum tw_receiver_result tw_receiver_frame(struct tw_receiver *receiver, const uint8_t *body,
                                          size_t size, uint64_t now_us)
{
    struct check check = {0};
    struct tw_entry entry;
    struct tw_reader reader = tw_reader_make(body, size);
    if (size == 0)
        return TW_RECEIVER_MALFORMED;
    while (tw_reader_left(&reader) > 0) {
        enum tw_frames_result result = tw_entry_read(&reader, &entry);
        if (result == TW_FRAMES_OK)
            result = check_entry(receiver, &entry, &check);
        if (result != TW_FRAMES_OK)
            return result == TW_FRAMES_RANGE ? TW_RECEIVER_RANGE : TW_RECEIVER_MALFORMED;
    }
    /* Entries before this one may move base, so that one ahead of it is now at it: never behind. */
    bool all = true;
    reader = tw_reader_make(body, size);
    while (tw_reader_left(&reader) > 0) {
        enum tw_frames_result result = tw_entry_read(&reader, &entry);
        TW_ASSERT(result == TW_FRAMES_OK);
        all &= apply_entry(receiver, &entry, now_us);
    }
    receiver->no_room += !all;
    return all ? TW_RECEIVER_STORED : TW_RECEIVER_NO_ROOM;
}

const struct tw_message *tw_receiver_peek_of(const struct tw_receiver *receiver, uint32_t channel)
{
    const struct tw_message_list *list = &receiver->ready[channel].list;
    return list->count > 0 ? tw_message_at(receiver->pool, list->first) : NULL;
}

/* The last one if none has anything. */
static uint32_t first_ready(const struct tw_receiver *receiver)
{
    uint32_t channel = 0;
    while (channel < TW_CHANNEL_BULK && receiver->ready[channel].list.count == 0)
        channel++;
    return channel;
}

const struct tw_message *tw_receiver_peek(const struct tw_receiver *receiver)
{
    return tw_receiver_peek_of(receiver, first_ready(receiver));
}

struct tw_message *tw_receiver_take_of(struct tw_receiver *receiver, uint32_t channel)
{
    struct tw_receiver_ready *ready = &receiver->ready[channel];
    struct tw_message *message = tw_message_list_take(&ready->list, receiver->pool);
    if (!message)
        return NULL;
    ready->blocks -= message->held;
    if (channel == TW_CHANNEL_BULK && message->sure)
        receiver->holder.whole -= message->held;
    let_go(receiver, message);
    return message;
}

struct tw_message *tw_receiver_take(struct tw_receiver *receiver)
{
    return tw_receiver_take_of(receiver, first_ready(receiver));
}

void tw_receiver_heard(struct tw_receiver *receiver, uint64_t now_us)
{
    uint64_t silence_us = now_us - receiver->heard_us;
    if (silence_us > SILENCE_US)
        receiver->resumed_us = now_us;
    receiver->heard_us = now_us;
    if (silence_us <= TW_RECEIVER_AHEAD_US)
        return;
    /* Whoever was away has time to begin. */
    for (uint32_t i = TW_CHANNEL_ORDERED; i < TW_CHANNEL_COUNT; i++)
        let_begin(&receiver->channels[i], now_us);
}

void tw_receiver_answered(struct tw_receiver *receiver, uint64_t now_us)
{
    receiver->answered_us = now_us;
}

/* Does the lowest unfinished message make no progress? Those above it may have to wait. */
static bool channel_stalled(const struct tw_receiver *receiver,
                            const struct tw_receiver_channel *channel, bool unheard)
{
    uint64_t full_us = receiver->ready[channel - receiver->channels].full_us;
    for (uint32_t i = 0; channel->here != 0 && i < TW_MESSAGE_WINDOW; i++) {
        const struct tw_message *message =
            standing(receiver, channel, (uint16_t)(channel->base + i) % TW_MESSAGE_WINDOW);
        if (!message || message->missing == 0)
            continue;
        uint64_t since_us = message->time_us;
        if (since_us < receiver->resumed_us)
            since_us = receiver->resumed_us;
        if (since_us < channel->moved_us)
            since_us = channel->moved_us;
        if (since_us < full_us)
            since_us = full_us;
        if (since_us < channel->no_room_us)
            since_us = channel->no_room_us;
        if (receiver->heard_us >= since_us + TW_MESSAGE_STALLED_UNHEARD_US)
            return true;
        if (since_us < receiver->answered_us)
            since_us = receiver->answered_us;
        return !unheard && receiver->heard_us >= since_us + TW_MESSAGE_STALLED_US;
    }
    return false;
}

uint32_t tw_receiver_stalled(const struct tw_receiver *receiver, bool unheard, uint64_t now_us)
{
    uint32_t channels = 0;
    if (receiver->unfinished == 0 || now_us - receiver->heard_us > SILENCE_US)
        return 0;
    for (uint32_t i = TW_CHANNEL_ORDERED; i < TW_CHANNEL_COUNT; i++)
        channels |= channel_stalled(receiver, &receiver->channels[i], unheard) ? 1u << i : 0u;
    return channels;
}

bool tw_receiver_late(const struct tw_receiver *receiver, uint64_t now_us)
{
    for (uint32_t i = TW_CHANNEL_ORDERED; i < TW_CHANNEL_COUNT; i++) {
        const struct tw_receiver_channel *channel = &receiver->channels[i];
        if (channel->here != 0 && now_us >= channel->late_us)
            return true;
    }
    return false;
}
