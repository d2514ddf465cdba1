/* SPDX-License-Identifier: BSD-3-Clause */
#include "dataplane/wire/sender.h"

#include "tickwire/assert.h"

/* A message of this size is not cut to fill a packet: the next one carries it whole. */
#define KEEP_WHOLE         TW_UNRELIABLE_MAX
#define GRANULES_PER_BLOCK (TW_BLOCK_BYTES / TW_GRANULE_BYTES)

/* Parts of what the session may hold that a channel leaves to those before it: an eighth for what
 * is no bulk, half of it for what is ordered, or the latest. */
static const uint8_t leaves[TW_CHANNEL_COUNT] = {[TW_CHANNEL_UNORDERED] = 1, [TW_CHANNEL_BULK] = 2};

void tw_sender_init(struct tw_sender *sender, struct tw_block_pool *pool, uint32_t blocks_max)
{
    /* Windows are written before they are read. */
    memset(sender, 0, offsetof(struct tw_sender, windows));
    tw_parcels_init(&sender->parcels, pool, blocks_max);
    sender->part_max = TW_MESSAGE_MAX;
    sender->deadline_us = UINT64_MAX;
}

static struct tw_sender_window *window_of(struct tw_sender *sender,
                                          const struct tw_sender_channel *channel)
{
    return &sender->windows[channel - sender->channels];
}

/* The parcel of a number from base to next; NULL: it was acknowledged. */
static struct tw_parcel *numbered(const struct tw_sender *sender,
                                  const struct tw_sender_channel *channel, uint16_t number)
{
    const struct tw_sender_window *window = &sender->windows[channel - sender->channels];
    return tw_parcel_at(&sender->parcels, window->parcels[number % TW_MESSAGE_WINDOW]);
}

static void drop(struct tw_sender *sender, struct tw_parcel *message)
{
    tw_parcel_free(&sender->parcels, message);
}

static void drop_latest(struct tw_sender *sender)
{
    drop(sender, tw_parcel_at(&sender->parcels, sender->latest));
    sender->latest = 0;
    sender->queued--;
}

void tw_sender_fini(struct tw_sender *sender)
{
    if (tw_sender_empty(sender))
        return;
    for (uint32_t i = 0; i < TW_CHANNEL_COUNT; i++) {
        struct tw_sender_channel *channel = &sender->channels[i];
        struct tw_parcel *message;
        while ((message = tw_parcel_list_take(&channel->waiting, &sender->parcels)) != NULL)
            drop(sender, message);
        for (uint16_t number = channel->base; number != channel->next; number++) {
            if ((message = numbered(sender, channel, number)) != NULL)
                drop(sender, message);
            window_of(sender, channel)->parcels[number % TW_MESSAGE_WINDOW] = 0;
        }
    }
    if (sender->latest != 0)
        drop_latest(sender);
    sender->left = 0;
}

void tw_sender_resume(struct tw_sender *sender, const struct tw_sender_numbers *numbers)
{
    sender->latest_number = numbers->latest;
    for (uint32_t i = 0; i < TW_CHANNEL_COUNT; i++) {
        sender->channels[i].base = numbers->next[i];
        sender->channels[i].next = numbers->next[i];
    }
}

struct tw_sender_numbers tw_sender_pause(const struct tw_sender *sender)
{
    struct tw_sender_numbers numbers = {.latest = sender->latest_number};
    for (uint32_t i = 0; i < TW_CHANNEL_COUNT; i++)
        numbers.next[i] = sender->channels[i].next;
    return numbers;
}

/* `change` more (or fewer) granules of the message are to be sent. */
static void count_queued(struct tw_sender *sender, const struct tw_parcel *message, int32_t change)
{
    struct tw_sender_channel *channel = &sender->channels[message->channel];
    channel->queued += (uint32_t)change;
    sender->queued += (uint32_t)change;
    if (message->size <= KEEP_WHOLE)
        channel->queued_whole += (uint32_t)change;
}

/* ---- numbering ------------------------------------------------------------------------------ */

/* Lets the first `blocks` of the message be sent. */
static void open_blocks(struct tw_sender *sender, struct tw_parcel *message, uint32_t blocks)
{
    uint32_t end = tw_message_granules(message->size);
    if (end > blocks * GRANULES_PER_BLOCK)
        end = blocks * GRANULES_PER_BLOCK;
    for (uint32_t granule = message->opened_end; granule < end; granule++)
        tw_granule_set(tw_parcel_queued(message), granule);
    if (end > message->opened_end) {
        count_queued(sender, message, (int32_t)(end - message->opened_end));
        message->opened_end = (uint16_t)end;
    }
}

static void number(struct tw_sender *sender, struct tw_parcel *message)
{
    struct tw_sender_channel *channel = &sender->channels[message->channel];
    struct tw_sender_window *window = window_of(sender, channel);
    uint32_t at = channel->next % TW_MESSAGE_WINDOW;
    uint32_t blocks = tw_message_blocks(message->size); /* where it arrives */
    TW_ASSERT((uint16_t)(channel->next - channel->base) < TW_MESSAGE_WINDOW);
    message->number = channel->next++;
    message->missing = (uint16_t)tw_message_granules(message->size);
    window->parcels[at] = message->at;
    if (message->number != channel->base) {
        /* What finds no place beside the others waits until they leave some. */
        uint32_t left = TW_MESSAGE_SPARE - channel->spare;
        if (blocks > left)
            blocks = left;
        channel->spare += blocks;
        window->held[at] = (uint8_t)blocks;
    }
    open_blocks(sender, message, blocks);
}

static void admit(struct tw_sender *sender, struct tw_sender_channel *channel)
{
    while (channel->waiting.count > 0) {
        uint16_t under_way = (uint16_t)(channel->next - channel->base);
        if (under_way > 0 && (under_way >= TW_MESSAGE_WINDOW || channel->spare >= TW_MESSAGE_SPARE))
            return;
        number(sender, tw_parcel_list_take(&channel->waiting, &sender->parcels));
    }
}

/* Moves base over what is done with; what is then the oldest does not count as spare any more. */
static void advance(struct tw_sender *sender, struct tw_sender_channel *channel)
{
    const struct tw_sender_window *window = window_of(sender, channel);
    while (channel->base != channel->next && !numbered(sender, channel, channel->base)) {
        channel->base++;
        if (channel->base == channel->next)
            return;
        channel->spare -= window->held[channel->base % TW_MESSAGE_WINDOW];
        struct tw_parcel *oldest = numbered(sender, channel, channel->base);
        if (oldest)
            open_blocks(sender, oldest, TW_MESSAGE_BLOCKS_MAX);
    }
}

/* Only the newest can be open in part: with that, nothing more is numbered. */
static void open_newest(struct tw_sender *sender, struct tw_sender_channel *channel)
{
    uint16_t newest = (uint16_t)(channel->next - 1u);
    if (channel->next == channel->base || newest == channel->base)
        return;
    uint8_t *held = &window_of(sender, channel)->held[newest % TW_MESSAGE_WINDOW];
    struct tw_parcel *message = numbered(sender, channel, newest);
    uint32_t blocks = message ? tw_message_blocks(message->size) : 0;
    if (blocks <= *held)
        return;
    uint32_t more = blocks - *held;
    if (more > TW_MESSAGE_SPARE - channel->spare)
        more = TW_MESSAGE_SPARE - channel->spare;
    channel->spare += more;
    *held = (uint8_t)(*held + more);
    open_blocks(sender, message, *held);
}

/* The message at its number is done with. */
static void settle(struct tw_sender *sender, struct tw_parcel *message)
{
    struct tw_sender_channel *channel = &sender->channels[message->channel];
    window_of(sender, channel)->parcels[message->number % TW_MESSAGE_WINDOW] = 0;
    drop(sender, message);
    advance(sender, channel);
    open_newest(sender, channel);
    admit(sender, channel);
}

/* Under way before, in the order of their numbers, then those that waited. */
static void line_up(struct tw_sender *sender, struct tw_sender_channel *channel)
{
    struct tw_parcel_list waiting = channel->waiting;
    struct tw_parcel_list all = {0};
    struct tw_parcel *message;
    for (uint16_t number = channel->base; number != channel->next; number++) {
        message = numbered(sender, channel, number);
        if (!message)
            continue;
        if (message->size == 0)
            drop(sender, message); /* it was given up */
        else
            tw_parcel_list_append(&all, &sender->parcels, message);
    }
    while ((message = tw_parcel_list_take(&waiting, &sender->parcels)) != NULL)
        tw_parcel_list_append(&all, &sender->parcels, message);
    *channel = (struct tw_sender_channel){.waiting = all};
}

static void forget_progress(struct tw_sender *sender, const struct tw_parcel_list *list)
{
    for (uint32_t at = list->first, left = list->count; left > 0; left--) {
        struct tw_parcel *message = tw_parcel_at(&sender->parcels, at);
        memset(message->maps, 0, 2u * message->words * sizeof(message->maps[0]));
        message->sent_end = 0;
        message->opened_end = 0;
        sender->left += tw_message_granules(message->size);
        at = message->next;
    }
}

void tw_sender_begin_again(struct tw_sender *sender)
{
    sender->queued = sender->latest != 0 ? 1u : 0u;
    sender->left = 0;
    for (uint32_t i = TW_CHANNEL_ORDERED; i < TW_CHANNEL_COUNT; i++) {
        struct tw_sender_channel *channel = &sender->channels[i];
        line_up(sender, channel);
        forget_progress(sender, &channel->waiting);
        admit(sender, channel);
    }
}

/* ---- queueing ------------------------------------------------------------------------------- */

static void queue_latest(struct tw_sender *sender, struct tw_parcel *message)
{
    if (sender->latest != 0) {
        drop_latest(sender);
        sender->replaced++;
    }
    sender->queued++;
    message->number = ++sender->latest_number;
    sender->latest = message->at;
}

enum tw_sender_result tw_sender_room(const struct tw_sender *sender, uint32_t channel,
                                     uint32_t size)
{
    uint32_t limit = channel == TW_CHANNEL_STATE ? TW_UNRELIABLE_MAX : TW_MESSAGE_MAX;
    if (size == 0 || size > limit)
        return TW_SENDER_SIZE;
    switch (tw_parcels_room(&sender->parcels, size, leaves[channel])) {
    case TW_PARCELS_FULL:
        return TW_SENDER_FULL;
    case TW_PARCELS_NO_POOL:
        return TW_SENDER_NO_POOL;
    case TW_PARCELS_ROOM:
        break;
    }
    return TW_SENDER_QUEUED;
}

enum tw_sender_result tw_sender_queue(struct tw_sender *sender, const struct tw_outgoing *outgoing,
                                      uint64_t now_us)
{
    TW_ASSERT(outgoing->channel < TW_CHANNEL_COUNT);
    enum tw_sender_result room = tw_sender_room(sender, outgoing->channel, outgoing->size);
    if (room != TW_SENDER_QUEUED)
        return room;
    struct tw_parcel *message = tw_parcel_make(&sender->parcels, outgoing->bytes, outgoing->size);
    message->channel = outgoing->channel;
    message->flags = outgoing->flags;
    message->deadline_us = outgoing->deadline_us;
    message->queued_ms = (uint32_t)(now_us / 1000u);
    sender->messages++;
    if (outgoing->deadline_us != 0 && outgoing->deadline_us < sender->deadline_us)
        sender->deadline_us = outgoing->deadline_us;
    if (outgoing->channel == TW_CHANNEL_STATE) {
        queue_latest(sender, message);
        return TW_SENDER_QUEUED;
    }
    struct tw_sender_channel *channel = &sender->channels[outgoing->channel];
    tw_parcel_list_append(&channel->waiting, &sender->parcels, message);
    sender->left += tw_message_granules(message->size);
    admit(sender, channel);
    return TW_SENDER_QUEUED;
}

bool tw_sender_has(const struct tw_sender *sender, uint32_t channel, bool whole)
{
    const struct tw_sender_channel *from = &sender->channels[channel];
    if (channel == TW_CHANNEL_STATE)
        return sender->latest != 0;
    return whole ? from->queued_whole > 0 : from->queued > 0;
}

bool tw_sender_empty(const struct tw_sender *sender)
{
    return sender->parcels.blocks == 0;
}

uint32_t tw_sender_count(const struct tw_sender *sender)
{
    uint32_t count = sender->latest != 0 ? 1u : 0u;
    for (uint32_t i = TW_CHANNEL_ORDERED; i < TW_CHANNEL_COUNT; i++) {
        const struct tw_sender_channel *channel = &sender->channels[i];
        count += channel->waiting.count;
        for (uint16_t number = channel->base; number != channel->next; number++) {
            const struct tw_parcel *message = numbered(sender, channel, number);
            count += message && message->size > 0;
        }
    }
    return count;
}

uint32_t tw_sender_waiting_ms(const struct tw_sender *sender, uint64_t now_us)
{
    uint32_t longest_ms = 0;
    for (uint32_t i = TW_CHANNEL_ORDERED; i < TW_CHANNEL_COUNT; i++) {
        const struct tw_sender_channel *channel = &sender->channels[i];
        const struct tw_parcel *oldest =
            channel->base != channel->next ? numbered(sender, channel, channel->base) : NULL;
        uint32_t since_ms = oldest ? (uint32_t)(now_us / 1000u) - oldest->queued_ms : 0;
        if (since_ms > longest_ms)
            longest_ms = since_ms;
    }
    return longest_ms;
}

uint32_t tw_sender_idle_ms(const struct tw_sender *sender, uint64_t now_us)
{
    uint32_t waiting_ms = tw_sender_waiting_ms(sender, now_us);
    uint32_t since_ms = (uint32_t)(now_us / 1000u) - sender->taken_ms;
    return waiting_ms < since_ms ? waiting_ms : since_ms;
}

/* ---- writing -------------------------------------------------------------------------------- */

static uint32_t first_queued(const struct tw_parcel *message)
{
    const uint64_t *queued = message->maps + message->words;
    for (uint32_t word = 0; word < message->words; word++) {
        if (queued[word] != 0)
            return word * 64u + (uint32_t)__builtin_ctzll(queued[word]);
    }
    return TW_GRANULES_MAX;
}

/* Granules leave in order the first time, so all of what is opened is still to leave from sent_end
 * on. */
static bool has_new(const struct tw_parcel *message)
{
    return message->size > 0 && message->sent_end < message->opened_end;
}

static uint32_t run_length(const struct tw_parcel *message, uint32_t first, uint32_t count_max)
{
    uint32_t granules = tw_message_granules(message->size);
    uint32_t count = 0;
    while (count < count_max && first + count < granules &&
           tw_granule_test(message->maps + message->words, first + count))
        count++;
    return count;
}

static struct tw_entry whole_entry(const struct tw_parcel *message)
{
    return (struct tw_entry){.channel = message->channel,
                             .kind = TW_ENTRY_WHOLE,
                             .flags = message->flags,
                             .number = message->number,
                             .size = message->size,
                             .length = message->size};
}

/* True if the message goes into `room` as it is. */
static bool fits_whole(const struct tw_parcel *message, size_t room)
{
    struct tw_entry entry = whole_entry(message);
    return tw_entry_overhead(&entry) + message->size <= room;
}

/* The run that goes into `room`, of part_max bytes if it is a part; count 0: none does. */
static struct tw_run choose(const struct tw_sender *sender, const struct tw_parcel *message,
                            size_t room, struct tw_entry *entry)
{
    struct tw_run run = {.channel = message->channel, .number = message->number};
    uint32_t granules = tw_message_granules(message->size);
    bool new_first = sender->new_first && sender->channels[message->channel].new_turn;
    uint32_t first = new_first && has_new(message) ? message->sent_end : first_queued(message);
    if (first == 0 && fits_whole(message, room) && run_length(message, 0, granules) == granules) {
        run.count = (uint16_t)granules;
        *entry = whole_entry(message);
        return run;
    }
    if (message->size <= KEEP_WHOLE && run_length(message, 0, granules) == granules)
        return run;
    *entry = (struct tw_entry){.channel = message->channel,
                               .kind = TW_ENTRY_PART,
                               .flags = message->flags,
                               .number = message->number,
                               .first = (uint16_t)first,
                               .size = message->size,
                               .length = TW_DATAGRAM_MAX};
    size_t overhead = tw_entry_overhead(entry);
    uint32_t left = message->size - first * TW_GRANULE_BYTES;
    size_t space = room > overhead ? room - overhead : 0;
    if (space > sender->part_max)
        space = sender->part_max;
    uint32_t count_max = (uint32_t)(space >= left ? granules : space / TW_GRANULE_BYTES);
    run.first = (uint16_t)first;
    run.count = (uint16_t)run_length(message, first, count_max);
    uint32_t bytes = run.count * TW_GRANULE_BYTES;
    entry->length = bytes < left ? bytes : left;
    return run;
}

static void note_sent(struct tw_sender *sender, struct tw_parcel *message, const struct tw_run *run,
                      uint32_t length)
{
    uint32_t end = (uint32_t)run->first + run->count;
    for (uint32_t granule = run->first; granule < end; granule++) {
        tw_granule_clear(tw_parcel_queued(message), granule);
        /* Granules leave in order the first time, so all below sent_end left before. */
        if (granule < message->sent_end) {
            uint32_t at = (granule - run->first) * TW_GRANULE_BYTES;
            uint32_t left = length - at;
            sender->again_bytes += left < TW_GRANULE_BYTES ? left : TW_GRANULE_BYTES;
        }
    }
    if (end > message->sent_end)
        message->sent_end = (uint16_t)end;
    sender->sent_bytes += length;
    sender->channel_bytes[message->channel] += length;
    count_queued(sender, message, -(int32_t)run->count);
}

/* False: it does not go into what is left of the packet. */
static bool write_message(struct tw_sender *sender, struct tw_parcel *message,
                          struct tw_writer *writer, struct tw_run *run)
{
    struct tw_entry entry;
    if (message->size == 0) {
        entry = (struct tw_entry){
            .channel = message->channel, .kind = TW_ENTRY_ABANDONED, .number = message->number};
        if (tw_writer_left(writer) < TW_ENTRY_HEADER_SIZE)
            return false;
        tw_entry_write(writer, &entry);
        *run = (struct tw_run){.channel = message->channel, .number = message->number};
        tw_granule_clear(tw_parcel_queued(message), 0);
        count_queued(sender, message, -1);
        return true;
    }
    *run = choose(sender, message, tw_writer_left(writer), &entry);
    if (run->count == 0)
        return false;
    uint8_t *out = tw_entry_write(writer, &entry);
    TW_ASSERT(out);
    tw_parcel_copy(&sender->parcels, message, run->first * TW_GRANULE_BYTES, out, entry.length);
    note_sent(sender, message, run, entry.length);
    return true;
}

static void write_latest(struct tw_sender *sender, struct tw_writer *writer)
{
    struct tw_parcel *message =
        sender->latest != 0 ? tw_parcel_at(&sender->parcels, sender->latest) : NULL;
    if (!message || !fits_whole(message, tw_writer_left(writer)))
        return;
    struct tw_entry entry = whole_entry(message);
    tw_parcel_copy(&sender->parcels, message, 0, tw_entry_write(writer, &entry), entry.length);
    sender->channel_bytes[TW_CHANNEL_STATE] += entry.length;
    drop_latest(sender);
}

struct pass {
    bool whole;    /* only what fits a packet */
    bool new_only; /* only messages of which something never left */
    struct tw_run *runs;
    uint32_t count, most; /* of runs */
    uint32_t before;      /* of these, by the pass before */
};

/* A packet names no message twice. */
static bool is_named(const struct pass *pass, const struct tw_parcel *message)
{
    for (uint32_t i = 0; i < pass->before; i++) {
        if (pass->runs[i].number == message->number)
            return true;
    }
    return false;
}

/* False: no more belongs into this packet. */
static bool write_pass(struct tw_sender *sender, const struct tw_sender_channel *from,
                       struct tw_writer *writer, struct pass *pass)
{
    for (uint16_t number = from->base;
         number != from->next && from->queued > 0 && pass->count < pass->most; number++) {
        struct tw_parcel *message = numbered(sender, from, number);
        if (!message)
            continue;
        if (first_queued(message) == TW_GRANULES_MAX ||
            (pass->whole && message->size > KEEP_WHOLE) || (pass->new_only && !has_new(message)) ||
            is_named(pass, message))
            continue;
        if (write_message(sender, message, writer, &pass->runs[pass->count]))
            pass->count++;
        else if (tw_writer_left(writer) < TW_GRANULE_BYTES)
            return false; /* nearly full: hardly anything else fits either */
        if (sender->part_max < KEEP_WHOLE && first_queued(message) != TW_GRANULES_MAX)
            return false; /* cut short on purpose: not to be filled up with the next one */
    }
    return true;
}

uint32_t tw_sender_write(struct tw_sender *sender, const struct tw_sender_part *part,
                         struct tw_writer *writer)
{
    if (part->channel == TW_CHANNEL_STATE) {
        write_latest(sender, writer);
        return 0;
    }
    struct tw_sender_channel *from = &sender->channels[part->channel];
    struct pass pass = {.whole = part->whole,
                        .new_only = sender->new_first && from->new_turn,
                        .runs = part->runs,
                        .most = part->runs_max};
    bool more = !pass.new_only || write_pass(sender, from, writer, &pass);
    pass.new_only = false;
    pass.before = pass.count;
    if (more)
        write_pass(sender, from, writer, &pass);
    if (sender->new_first && pass.count > 0)
        from->new_turn = !from->new_turn;
    return pass.count;
}

/* ---- what became of it ---------------------------------------------------------------------- */

/* The message a run is of, if it is still under way as it was then. */
static struct tw_parcel *message_of(const struct tw_sender *sender, const struct tw_run *run)
{
    /* It left with this number, so its place was written. */
    struct tw_parcel *message = numbered(sender, &sender->channels[run->channel], run->number);
    if (!message)
        return NULL;
    bool abandoned = message->size == 0;
    return message->number == run->number && abandoned == (run->count == 0) ? message : NULL;
}

static void granule_acked(struct tw_sender *sender, struct tw_parcel *message, uint32_t granule)
{
    if (tw_granule_test(tw_parcel_done(message), granule))
        return;
    tw_granule_set(tw_parcel_done(message), granule);
    message->missing--;
    sender->left--;
    sender->taken++;
    if (tw_granule_test(tw_parcel_queued(message), granule)) {
        tw_granule_clear(tw_parcel_queued(message), granule);
        count_queued(sender, message, -1);
    }
}

void tw_sender_acked(struct tw_sender *sender, const struct tw_run *run, uint64_t now_us)
{
    struct tw_parcel *message = message_of(sender, run);
    if (!message)
        return;
    uint32_t count = run->count > 0 ? run->count : 1u;
    for (uint32_t i = 0; i < count; i++)
        granule_acked(sender, message, run->first + i);
    if (message->missing == 0)
        settle(sender, message);
    if (sender->taken < TW_SENDER_TAKEN_ENOUGH)
        return;
    sender->taken = 0;
    sender->taken_ms = (uint32_t)(now_us / 1000u);
}

void tw_sender_lost(struct tw_sender *sender, const struct tw_run *run)
{
    struct tw_parcel *message = message_of(sender, run);
    if (!message)
        return;
    uint32_t count = run->count > 0 ? run->count : 1u;
    for (uint32_t i = 0; i < count; i++) {
        uint32_t granule = run->first + i;
        if (tw_granule_test(tw_parcel_done(message), granule) ||
            tw_granule_test(tw_parcel_queued(message), granule))
            continue;
        tw_granule_set(tw_parcel_queued(message), granule);
        count_queued(sender, message, 1);
        uint32_t left = message->size - (message->size > 0 ? granule * TW_GRANULE_BYTES : 0);
        sender->lost_bytes += left < TW_GRANULE_BYTES ? left : TW_GRANULE_BYTES;
    }
}

void tw_sender_note_packet(struct tw_sender *sender, uint32_t channels, bool lost)
{
    for (; channels != 0; channels &= channels - 1u) {
        struct tw_sender_channel *channel = &sender->channels[__builtin_ctz(channels)];
        if (!lost)
            channel->losses = 0;
        else if (channel->losses < TW_SENDER_REFUSED_LOSSES)
            channel->losses++;
    }
}

/* What is left of it is the news that nothing more comes. */
static void abandon(struct tw_sender *sender, struct tw_parcel *message)
{
    for (uint32_t word = 0; word < message->words; word++)
        count_queued(sender, message,
                     -(int32_t)__builtin_popcountll(tw_parcel_queued(message)[word]));
    memset(message->maps, 0, 2u * message->words * sizeof(message->maps[0]));
    message->size = 0; /* and open_blocks has nothing left to open */
    message->flags = 0;
    message->deadline_us = 0;
    sender->left -= message->missing - 1u;
    message->missing = 1;
    tw_granule_set(tw_parcel_queued(message), 0);
    count_queued(sender, message, 1);
}

static void expire_channel(struct tw_sender *sender, struct tw_sender_channel *channel,
                           uint64_t now_us)
{
    struct tw_parcel_list waiting = channel->waiting;
    struct tw_parcel *message;
    channel->waiting = (struct tw_parcel_list){0};
    while ((message = tw_parcel_list_take(&waiting, &sender->parcels)) != NULL) {
        if (message->deadline_us != 0 && message->deadline_us <= now_us) {
            sender->left -= tw_message_granules(message->size);
            drop(sender, message);
            sender->expired++;
            continue;
        }
        if (message->deadline_us != 0 && message->deadline_us < sender->deadline_us)
            sender->deadline_us = message->deadline_us;
        tw_parcel_list_append(&channel->waiting, &sender->parcels, message);
    }
    for (uint16_t number = channel->base; number != channel->next; number++) {
        message = numbered(sender, channel, number);
        if (!message)
            continue;
        if (message->deadline_us != 0 && message->deadline_us <= now_us) {
            abandon(sender, message);
            sender->expired++;
        } else if (message->deadline_us != 0 && message->deadline_us < sender->deadline_us) {
            sender->deadline_us = message->deadline_us;
        }
    }
    admit(sender, channel);
}

void tw_sender_expire(struct tw_sender *sender, uint64_t now_us)
{
    if (now_us < sender->deadline_us)
        return;
    sender->deadline_us = UINT64_MAX;
    for (uint32_t i = TW_CHANNEL_ORDERED; i < TW_CHANNEL_COUNT; i++)
        expire_channel(sender, &sender->channels[i], now_us);
    struct tw_parcel *latest =
        sender->latest != 0 ? tw_parcel_at(&sender->parcels, sender->latest) : NULL;
    if (latest && latest->deadline_us != 0 && latest->deadline_us <= now_us) {
        drop_latest(sender);
        sender->expired++;
    }
}
