/* SPDX-License-Identifier: BSD-3-Clause */
#include "dataplane/gate/delivery.h"

#include "dataplane/gate/worker_state.h"
#include "tickwire/assert.h"

#include <rte_mbuf.h>
#include <string.h>

static_assert((TW_DELIVERY_WAITING_MAX & (TW_DELIVERY_WAITING_MAX - 1u)) == 0,
              "places go on where counts wrap");

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
    uint32_t size = buffer->message.size, offset = buffer->message.offset;
    TW_ASSERT(size <= TW_MESSAGE_MAX && offset <= size && buffer->length <= size - offset);
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

/* False: one of those it is for has no room now. */
static bool deliver(struct tw_worker *worker, struct tw_delivery_waiting *item)
{
    const struct tw_out_buffer *buffer = &item->buffer;
    struct tw_delivery_assembly *assembly = &worker->talk.delivery.assemblies[item->shard];
    if (!item->put)
        put_part(assembly, buffer);
    item->put = true;
    if (assembly->filled < buffer->message.size)
        return true;
    struct tw_outgoing message = {
        .channel = (uint8_t)buffer->channel, .bytes = assembly->bytes, .size = assembly->filled};
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

static void finish(struct tw_worker *worker, const struct tw_delivery_waiting *item)
{
    TW_ASSERT(worker->talk.delivery.buffers[item->shard] > 0);
    worker->talk.delivery.buffers[item->shard]--;
    rte_pktmbuf_free(item->buffer.owner);
}

/* ---- in line -------------------------------------------------------------------------------- */

static bool is_empty(const struct tw_deliveries *delivery)
{
    return delivery->begun == delivery->ended;
}

void tw_delivery_take(struct tw_worker *worker, uint32_t shard, const struct tw_out_buffer *buffer)
{
    struct tw_deliveries *delivery = &worker->talk.delivery;
    TW_ASSERT(delivery->begun - delivery->ended < TW_DELIVERY_WAITING_MAX);
    delivery->waiting[delivery->begun++ % TW_DELIVERY_WAITING_MAX] =
        (struct tw_delivery_waiting){.buffer = *buffer, .shard = shard};
}

static void tell_held(struct tw_worker *worker, uint32_t slot, uint32_t route_epoch)
{
    const struct tw_session *session = &worker->sessions.hot[slot];
    if (session->route_epoch == route_epoch &&
        (session->state == TW_SESSION_LIVE || session->state == TW_SESSION_CLOSING))
        tw_move_held(worker, slot);
}

void tw_delivery_held(struct tw_worker *worker, const struct tw_out_buffer *buffer)
{
    struct tw_deliveries *delivery = &worker->talk.delivery;
    if (buffer->slot >= worker->sessions.capacity)
        return;
    if (is_empty(delivery)) {
        tell_held(worker, buffer->slot, buffer->route_epoch);
        return;
    }
    TW_ASSERT(delivery->held_count < delivery->held_max);
    uint32_t at = (delivery->held_first + delivery->held_count++) % delivery->held_max;
    delivery->held[at] = (struct tw_delivery_held){
        .slot = buffer->slot, .route_epoch = buffer->route_epoch, .behind = delivery->begun};
}

static void tell_those_held(struct tw_worker *worker)
{
    struct tw_deliveries *delivery = &worker->talk.delivery;
    while (delivery->held_count > 0) {
        const struct tw_delivery_held *held = &delivery->held[delivery->held_first];
        if ((int32_t)(delivery->ended - held->behind) < 0)
            return;
        tell_held(worker, held->slot, held->route_epoch);
        delivery->held_first = (delivery->held_first + 1u) % delivery->held_max;
        delivery->held_count--;
    }
}

/* Those that the turn leaves and that none has left before. */
static void count_waiting(struct tw_worker *worker)
{
    struct tw_deliveries *delivery = &worker->talk.delivery;
    uint32_t from =
        (int32_t)(delivery->counted - delivery->ended) > 0 ? delivery->counted : delivery->ended;
    if (delivery->begun != from)
        tw_counter_add(&worker->config.counters->messages_waited, delivery->begun - from);
    delivery->counted = delivery->begun;
}

void tw_delivery_turn(struct tw_worker *worker)
{
    struct tw_deliveries *delivery = &worker->talk.delivery;
    while (!is_empty(delivery)) {
        struct tw_delivery_waiting *item =
            &delivery->waiting[delivery->ended % TW_DELIVERY_WAITING_MAX];
        if (!deliver(worker, item))
            break;
        finish(worker, item);
        delivery->ended++;
    }
    count_waiting(worker);
    tell_those_held(worker);
}

uint32_t tw_delivery_missing(const struct tw_worker *worker, uint32_t shard)
{
    return TW_OUT_MESSAGE_BUFFERS - worker->talk.delivery.buffers[shard];
}

void tw_delivery_drop(struct tw_worker *worker)
{
    struct tw_deliveries *delivery = &worker->talk.delivery;
    for (; !is_empty(delivery); delivery->ended++)
        finish(worker, &delivery->waiting[delivery->ended % TW_DELIVERY_WAITING_MAX]);
}
