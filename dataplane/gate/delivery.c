/* SPDX-License-Identifier: BSD-3-Clause */
#include "dataplane/gate/delivery.h"

#include "dataplane/gate/worker_state.h"
#include "tickwire/align.h"
#include "tickwire/assert.h"

#include <rte_mbuf.h>
#include <string.h>

/* On channel 0 every message has one part. */
#define ASSEMBLIES (TW_CHANNEL_COUNT - 1u)
static_assert(TW_SHARD_CAPACITY >= TW_UNRELIABLE_MAX, "it is in one buffer");
static_assert(TW_SHARDS_MAX * TW_OUT_MESSAGE_BUFFERS < TW_DELIVERY_NONE, "places are 16 bits");

/* Of one session: the word after its hold, which is asked for once until it was told, and the last
 * one, when another session of this worker goes on with it. */
#define HELD_PER_SESSION 2u

static size_t held_size(uint32_t sessions)
{
    return tw_align_line(HELD_PER_SESSION * sessions * sizeof(struct tw_delivery_held));
}

static size_t waiting_size(uint32_t shards)
{
    return tw_align_line(shards * TW_OUT_MESSAGE_BUFFERS * sizeof(struct tw_delivery_waiting));
}

size_t tw_delivery_footprint(uint32_t sessions, uint32_t shards)
{
    return held_size(sessions) + waiting_size(shards) +
           shards * ASSEMBLIES * sizeof(struct tw_delivery_assembly);
}

void tw_delivery_init(struct tw_deliveries *delivery, void *memory, uint32_t sessions,
                      uint32_t shards)
{
    uint8_t *at = memory;
    delivery->held = (void *)at;
    delivery->held_max = HELD_PER_SESSION * sessions;
    at += held_size(sessions);
    delivery->waiting = (void *)at;
    delivery->shards = shards;
    at += waiting_size(shards);
    uint32_t places = shards * TW_OUT_MESSAGE_BUFFERS;
    for (uint32_t i = 0; i < places; i++)
        delivery->waiting[i].next = (uint16_t)(i + 1u < places ? i + 1u : TW_DELIVERY_NONE);
    struct tw_delivery_assembly *assembly = (void *)at;
    for (uint32_t channel = 0; channel < TW_CHANNEL_COUNT; channel++) {
        for (uint32_t shard = 0; shard < shards; shard++)
            delivery->lines[channel][shard] = (struct tw_delivery_line){
                .first = TW_DELIVERY_NONE,
                .assembly = channel == TW_CHANNEL_STATE ? NULL : assembly++};
    }
}

/* ---- one buffer ----------------------------------------------------------------------------- */

/* Whose the message is: the slot it was written for, or the one that goes on with its session. */
static uint32_t receiver_of(struct tw_worker *worker, uint32_t slot, uint32_t route_epoch)
{
    const struct tw_session *session = &worker->sessions.hot[slot];
    uint32_t next;
    if (session->route_epoch != route_epoch)
        return TW_SESSION_NONE;
    /* Whoever gave us the session wrote it into its ring before the shard could know of us. */
    if (session->state == TW_SESSION_RESERVED)
        tw_move_take_turn(worker);
    if (session->state == TW_SESSION_LIVE)
        return slot;
    bool goes_on =
        session->state == TW_SESSION_CLOSING && session->close_reason == TW_CLOSE_RESUMED &&
        tw_sessions_find(&worker->sessions, session->moved_to, &next) == TW_SESSIONS_FOUND &&
        worker->sessions.hot[next].state == TW_SESSION_LIVE;
    return goes_on ? next : TW_SESSION_NONE;
}

static void put_part(struct tw_delivery_assembly *assembly, const struct tw_out_buffer *buffer)
{
    uint32_t offset = buffer->message.offset;
    TW_ASSERT(assembly);
    if (offset == 0) {
        assembly->slot = buffer->slot;
        assembly->route_epoch = buffer->route_epoch;
        assembly->filled = 0;
    }
    TW_ASSERT(assembly->slot == buffer->slot && assembly->filled == offset &&
              assembly->route_epoch == buffer->route_epoch);
    memcpy(assembly->bytes + offset, buffer->bytes, buffer->length);
    assembly->filled += buffer->length;
}

/* The bytes of the message of which this is the last part; NULL: it is not. */
static const uint8_t *whole_of(const struct tw_delivery_line *line,
                               struct tw_delivery_waiting *item)
{
    const struct tw_out_buffer *buffer = &item->buffer;
    uint32_t size = buffer->message.size, offset = buffer->message.offset;
    TW_ASSERT(size <= TW_MESSAGE_MAX && offset <= size && buffer->length <= size - offset);
    if (buffer->length == size)
        return buffer->bytes;
    if (!item->put)
        put_part(line->assembly, buffer);
    item->put = true;
    return line->assembly->filled == size ? line->assembly->bytes : NULL;
}

/* False: one of those it is for has no room now. */
static bool deliver(struct tw_worker *worker, const struct tw_delivery_line *line,
                    struct tw_delivery_waiting *item)
{
    const struct tw_out_buffer *buffer = &item->buffer;
    struct tw_outgoing message = {.channel = (uint8_t)buffer->channel,
                                  .bytes = whole_of(line, item),
                                  .size = buffer->message.size};
    if (!message.bytes)
        return true;
    for (; item->receivers <= buffer->message.more; item->receivers++) {
        const uint8_t *name =
            buffer->bytes + buffer->length + (item->receivers - 1u) * (size_t)TW_OUT_RECEIVER_SIZE;
        bool first = item->receivers == 0;
        uint32_t slot = first ? buffer->slot : tw_load_u32(name);
        uint32_t epoch = first ? buffer->route_epoch : tw_load_u32(name + 4);
        TW_ASSERT(slot < worker->sessions.capacity);
        uint32_t receiver = receiver_of(worker, slot, epoch);
        if (receiver != TW_SESSION_NONE && !tw_talk_say(worker, receiver, &message))
            return false;
    }
    return true;
}

/* ---- in line -------------------------------------------------------------------------------- */

void tw_delivery_take(struct tw_worker *worker, uint32_t shard, const struct tw_out_buffer *buffer)
{
    struct tw_deliveries *delivery = &worker->talk.delivery;
    uint16_t at = delivery->unused;
    TW_ASSERT(at != TW_DELIVERY_NONE && buffer->channel < TW_CHANNEL_COUNT);
    struct tw_delivery_line *line = &delivery->lines[buffer->channel][shard];
    struct tw_delivery_waiting *item = &delivery->waiting[at];
    delivery->unused = item->next;
    *item = (struct tw_delivery_waiting){
        .buffer = *buffer, .number = delivery->came++, .next = TW_DELIVERY_NONE};
    if (line->first == TW_DELIVERY_NONE)
        line->first = at;
    else
        delivery->waiting[line->last].next = at;
    line->last = at;
    line->count++;
    line->fresh++;
    delivery->count++;
}

/* The first of the line was taken. */
static void finish(struct tw_deliveries *delivery, uint32_t channel, uint32_t shard)
{
    struct tw_delivery_line *line = &delivery->lines[channel][shard];
    uint16_t at = line->first;
    struct tw_delivery_waiting *item = &delivery->waiting[at];
    TW_ASSERT(delivery->buffers[shard] > 0);
    delivery->buffers[shard]--;
    delivery->back[shard][channel]++;
    rte_pktmbuf_free(item->buffer.owner);
    line->first = item->next;
    line->count--;
    line->fresh = line->fresh < line->count ? line->fresh : line->count;
    item->next = delivery->unused;
    delivery->unused = at;
    delivery->count--;
}

/* Whoever has ended meanwhile waits for no word. */
static bool waits_for(const struct tw_worker *worker, const struct tw_delivery_held *held)
{
    const struct tw_session *session = &worker->sessions.hot[held->slot];
    return session->route_epoch == held->route_epoch &&
           (session->state == TW_SESSION_LIVE || session->state == TW_SESSION_CLOSING);
}

/* Sessions come and go while a line stands still; there is room for all who are here. */
static void forget_ended(struct tw_worker *worker)
{
    struct tw_deliveries *delivery = &worker->talk.delivery;
    uint32_t kept = 0;
    for (uint32_t i = 0; i < delivery->held_count; i++) {
        uint32_t at = (delivery->held_first + i) % delivery->held_max;
        uint32_t to = (delivery->held_first + kept) % delivery->held_max;
        struct tw_delivery_held held = delivery->held[at];
        delivery->held[to] = held;
        kept += waits_for(worker, &held);
    }
    delivery->held_count = kept;
}

void tw_delivery_held(struct tw_worker *worker, const struct tw_out_buffer *buffer)
{
    struct tw_deliveries *delivery = &worker->talk.delivery;
    const struct tw_delivery_held held = {
        .slot = buffer->slot, .route_epoch = buffer->route_epoch, .behind = delivery->came};
    if (held.slot >= worker->sessions.capacity || !waits_for(worker, &held))
        return;
    if (delivery->count == 0) {
        tw_move_held(worker, held.slot);
        return;
    }
    if (delivery->held_count == delivery->held_max)
        forget_ended(worker);
    TW_ASSERT(delivery->held_count < delivery->held_max);
    uint32_t at = (delivery->held_first + delivery->held_count++) % delivery->held_max;
    delivery->held[at] = held;
}

/* The number of the oldest that waits, or of what will come next. */
static uint32_t oldest(const struct tw_deliveries *delivery)
{
    uint32_t number = delivery->came;
    for (uint32_t channel = 0; channel < TW_CHANNEL_COUNT; channel++) {
        for (uint32_t shard = 0; shard < delivery->shards; shard++) {
            uint16_t first = delivery->lines[channel][shard].first;
            if (first != TW_DELIVERY_NONE &&
                (int32_t)(delivery->waiting[first].number - number) < 0)
                number = delivery->waiting[first].number;
        }
    }
    return number;
}

static void tell_those_held(struct tw_worker *worker)
{
    struct tw_deliveries *delivery = &worker->talk.delivery;
    uint32_t number = delivery->held_count > 0 ? oldest(delivery) : 0;
    while (delivery->held_count > 0) {
        const struct tw_delivery_held *held = &delivery->held[delivery->held_first];
        if ((int32_t)(number - held->behind) < 0)
            return;
        if (waits_for(worker, held))
            tw_move_held(worker, held->slot);
        delivery->held_first = (delivery->held_first + 1u) % delivery->held_max;
        delivery->held_count--;
    }
}

/* Those that the turn leaves and that none has left before are counted. */
static void serve_line(struct tw_worker *worker, uint32_t channel, uint32_t shard)
{
    struct tw_deliveries *delivery = &worker->talk.delivery;
    struct tw_delivery_line *line = &delivery->lines[channel][shard];
    while (line->first != TW_DELIVERY_NONE &&
           deliver(worker, line, &delivery->waiting[line->first]))
        finish(delivery, channel, shard);
    if (line->fresh > 0)
        tw_counter_add(&worker->config.counters->messages_waited, line->fresh);
    line->fresh = 0;
}

void tw_delivery_turn(struct tw_worker *worker)
{
    struct tw_deliveries *delivery = &worker->talk.delivery;
    for (uint32_t channel = 0; delivery->count > 0 && channel < TW_CHANNEL_COUNT; channel++) {
        for (uint32_t shard = 0; shard < delivery->shards; shard++)
            serve_line(worker, channel, shard);
    }
    tell_those_held(worker);
}

uint32_t tw_delivery_missing(const struct tw_worker *worker, uint32_t shard)
{
    return TW_OUT_MESSAGE_BUFFERS - worker->talk.delivery.buffers[shard];
}

uint16_t tw_delivery_give(struct tw_deliveries *delivery, uint32_t shard)
{
    delivery->buffers[shard]++;
    for (uint16_t channel = 0; channel < TW_CHANNEL_COUNT; channel++) {
        if (delivery->back[shard][channel] == 0)
            continue;
        delivery->back[shard][channel]--;
        return (uint16_t)(channel + 1u);
    }
    return 0;
}

void tw_delivery_drop(struct tw_worker *worker)
{
    struct tw_deliveries *delivery = &worker->talk.delivery;
    for (uint32_t channel = 0; channel < TW_CHANNEL_COUNT; channel++) {
        for (uint32_t shard = 0; shard < delivery->shards; shard++) {
            while (delivery->lines[channel][shard].first != TW_DELIVERY_NONE)
                finish(delivery, channel, shard);
        }
    }
}
