/* SPDX-License-Identifier: BSD-3-Clause */
#include "simulation/shard/relay.h"

#include "tickwire/assert.h"
#include "tickwire/ids.h"
#include "tickwire/lines.h"
#include "tickwire/wire.h"

#include <string.h>

/* A buffer with less room is not worth a part. */
#define PART_MIN 256u

void tw_relay_carve(struct tw_relay *relay, struct tw_arena *arena, uint32_t workers)
{
    relay->capacity = workers * TW_RELAY_LENT_MAX;
    relay->entries = tw_arena_take(arena, relay->capacity + 1u, sizeof(*relay->entries));
    relay->returned = tw_arena_take(arena, relay->capacity, sizeof(*relay->returned));
    relay->returned_counts = tw_arena_take(arena, workers, sizeof(*relay->returned_counts));
}

void tw_relay_init(struct tw_relay *relay)
{
    for (uint32_t i = relay->capacity; i > 0; i--) {
        relay->entries[i].next = relay->unused;
        relay->unused = (uint16_t)i;
    }
}

/* In front of the entry at `next`; 0: as the last. */
static void link_before(struct tw_relay *relay, struct tw_relay_line *line, uint16_t at,
                        uint16_t next)
{
    uint16_t before = next == 0 ? line->last : relay->entries[next].before;
    relay->entries[at].before = before;
    relay->entries[at].next = next;
    if (before == 0)
        line->first = at;
    else
        relay->entries[before].next = at;
    if (next == 0)
        line->last = at;
    else
        relay->entries[next].before = at;
}

static void unlink_entry(struct tw_relay *relay, struct tw_relay_line *line, uint16_t at)
{
    const struct tw_relay_entry *entry = &relay->entries[at];
    if (entry->before == 0)
        line->first = entry->next;
    else
        relay->entries[entry->before].next = entry->next;
    if (entry->next == 0)
        line->last = entry->before;
    else
        relay->entries[entry->next].before = entry->before;
}

void tw_relay_keep(struct tw_relay *relay, uint32_t route, const struct tw_record *record)
{
    uint16_t at = relay->unused;
    uint32_t channel = record->message.message->channel;
    TW_ASSERT(at != 0 && channel < TW_CHANNEL_COUNT); /* nor lends a worker more than its part */
    relay->unused = relay->entries[at].next;
    relay->entries[at] = (struct tw_relay_entry){.message = record->message.message,
                                                 .blocks = record->message.blocks,
                                                 .lender = record->worker,
                                                 .route = route,
                                                 .epoch = record->route_epoch};
    link_before(relay, &relay->lines[channel], at, 0);
}

void tw_relay_return(struct tw_relay *relay, uint32_t worker, struct tw_message *message)
{
    uint32_t *count = &relay->returned_counts[worker];
    TW_ASSERT(*count < TW_RELAY_LENT_MAX);
    relay->returned[worker * TW_RELAY_LENT_MAX + (*count)++] = message;
}

uint32_t tw_relay_take_returned(struct tw_relay *relay, uint32_t worker,
                                struct tw_message **messages, uint32_t max)
{
    uint32_t *left = &relay->returned_counts[worker];
    uint32_t count = *left < max ? *left : max;
    *left -= count;
    memcpy(messages, relay->returned + worker * TW_RELAY_LENT_MAX + *left,
           count * sizeof(*messages));
    return count;
}

/* The message goes back, the entry is unused. */
static void forget(struct tw_relay *relay, struct tw_relay_line *line, uint16_t at)
{
    struct tw_relay_entry *entry = &relay->entries[at];
    unlink_entry(relay, line, at);
    tw_relay_return(relay, entry->lender, entry->message);
    entry->next = relay->unused;
    relay->unused = at;
}

/* What is of the new slot by now came by another ring, read before the old one's. Nothing of it was
 * written, nor of what is behind it: its sender was on its way here, or is let in in this tick. So
 * what goes in front of it goes nowhere that anybody has heard a later one. */
static void follow_in_line(struct tw_relay *relay, struct tw_relay_line *line, uint32_t from,
                           uint32_t to, const struct tw_record *record)
{
    uint16_t early = 0;
    for (uint16_t next, at = line->first; at != 0; at = next) {
        struct tw_relay_entry *entry = &relay->entries[at];
        next = entry->next;
        if (entry->route == to && entry->epoch == record->move.route_epoch)
            early = early != 0 ? early : at;
        if (entry->route != from || entry->epoch != record->route_epoch)
            continue;
        entry->route = to;
        entry->epoch = record->move.route_epoch;
        if (early == 0)
            continue;
        unlink_entry(relay, line, at);
        link_before(relay, line, at, early);
    }
}

void tw_relay_follow(struct tw_relay *relay, uint32_t from, uint32_t to,
                     const struct tw_record *record)
{
    for (uint32_t channel = 0; channel < TW_CHANNEL_COUNT; channel++)
        follow_in_line(relay, &relay->lines[channel], from, to, record);
}

static bool hears(const struct tw_world *world, uint32_t entity, uint32_t player, uint64_t hearing)
{
    if (world->players[player].entity == 0 || world->players[player].presence == TW_PARKED)
        return false;
    uint32_t own = tw_entity_index((tw_entity){.bits = world->players[player].entity});
    const struct tw_entities *entities = &world->entities;
    return tw_plane_distance_squared(world->plane, entities->x[own], entities->y[own],
                                     entities->x[entity], entities->y[entity]) <= hearing * hearing;
}

/* The player index may have another player since the message was begun. */
static bool is_begun_for(const struct tw_relay_entry *entry, const struct tw_player *player)
{
    return entry->offset > 0 && player->entity != 0 && player->worker == entry->to_worker &&
           player->slot == entry->to_slot && player->route_epoch == entry->to_epoch;
}

static uint32_t size_of(const struct tw_relay_entry *entry)
{
    return entry->message->size + TW_RELAY_HEAD;
}

/* Of handle and message, as one. */
static void copy_part(const struct tw_relay_entry *entry, uint32_t from, uint8_t *out,
                      uint32_t length)
{
    uint8_t head[TW_RELAY_HEAD];
    tw_store_u32(head, entry->handle);
    for (uint32_t done = 0; done < length;) {
        uint32_t at = from + done, part = length - done;
        if (at < TW_RELAY_HEAD) {
            part = part < TW_RELAY_HEAD - at ? part : TW_RELAY_HEAD - at;
            memcpy(out + done, head + at, part);
        } else {
            uint32_t place = at - TW_RELAY_HEAD, in_block = place % TW_BLOCK_BYTES;
            part = part < TW_BLOCK_BYTES - in_block ? part : TW_BLOCK_BYTES - in_block;
            uint16_t block = entry->message->blocks[place / TW_BLOCK_BYTES];
            memcpy(out + done, entry->blocks[block].bytes + in_block, part);
        }
        done += part;
    }
}

/* The worker's newest buffer of this tick ends the message: one more name goes behind. False: it
 * does not, or has no room. */
static bool name_receiver(const struct tw_relay_entry *entry, const struct tw_player *player,
                          const struct tw_relay_entry *newest, const struct tw_outbox *outbox)
{
    if (newest != entry)
        return false;
    struct tw_out_buffer *buffer = &outbox->messages[outbox->messages_used - 1u];
    uint32_t end = buffer->length + buffer->message.more * TW_OUT_RECEIVER_SIZE;
    if (end + TW_OUT_RECEIVER_SIZE > buffer->capacity)
        return false;
    tw_store_u32(buffer->bytes + end, player->slot);
    tw_store_u32(buffer->bytes + end + 4, player->route_epoch);
    buffer->message.more++;
    return true;
}

/* False: no buffer is left; the rest of the message goes on next time. */
static bool write_parts(struct tw_relay_entry *entry, const struct tw_player *player,
                        struct tw_outbox *outbox)
{
    uint32_t size = size_of(entry);
    uint32_t channel = entry->message->channel;
    while (entry->offset < size) {
        if (outbox->messages_used == outbox->message_count ||
            tw_lines_left(outbox->messages_out, TW_OUT_MESSAGE_BUFFERS, channel) == 0 ||
            outbox->messages[outbox->messages_used].capacity < PART_MIN)
            return false;
        struct tw_out_buffer *buffer = &outbox->messages[outbox->messages_used++];
        outbox->messages_out[channel]++;
        uint32_t part = size - entry->offset;
        if (part > buffer->capacity)
            part = buffer->capacity;
        copy_part(entry, entry->offset, buffer->bytes, part);
        buffer->slot = player->slot;
        buffer->route_epoch = player->route_epoch;
        buffer->length = (uint16_t)part;
        buffer->kind = TW_OUT_MESSAGE;
        buffer->channel = (uint16_t)channel;
        buffer->message.size = size;
        buffer->message.offset = (uint16_t)entry->offset;
        buffer->message.more = 0;
        entry->offset += part;
    }
    entry->offset = 0;
    return true;
}

enum result {
    DONE,
    GONE,  /* its sender is */
    WAITS, /* for a receiver that is held: later messages may go as far, no further */
    STOPS, /* out of buffers, or its sender is on its way here */
};

/* Of one tick. */
struct sending {
    const struct tw_relay_tick *tick;
    struct tw_relay_line *line;
    const struct tw_relay_entry *newest[TW_WORKERS_MAX]; /* that the worker's newest buffer ends */
    uint32_t looks, looks_max;
    struct tw_relay_sent sent;
};

/* To players below `end`. */
static enum result send_to_players(struct tw_relay_entry *entry, struct sending *sending,
                                   uint32_t end)
{
    const struct tw_relay_tick *tick = sending->tick;
    const struct tw_world *world = tick->world;
    uint32_t entity = tw_entity_index(
        (tw_entity){.bits = world->players[tick->sessions->routes[entry->route].player].entity});
    for (; entry->next_player < end; entry->next_player++, sending->looks++) {
        const struct tw_player *player = &world->players[entry->next_player];
        /* Whoever has walked off meanwhile still gets the end of what was begun, unless another
         * one, which had waited for somebody who was held, has come between. */
        const struct tw_relay_entry **open = &sending->line->open[player->worker];
        bool begun = is_begun_for(entry, player) && *open == entry;
        if (!begun)
            entry->offset = 0;
        if (!begun && !hears(world, entity, entry->next_player, tick->hearing))
            continue;
        if (tw_shard_sessions_is_held(tick->sessions, player)) {
            entry->offset = 0; /* parts of other messages may come between */
            return WAITS;
        }
        struct tw_outbox *outbox = &tick->outboxes[player->worker];
        if (!begun && name_receiver(entry, player, sending->newest[player->worker], outbox))
            continue;
        entry->to_worker = player->worker;
        entry->to_slot = player->slot;
        entry->to_epoch = player->route_epoch;
        *open = entry;
        sending->newest[player->worker] = NULL;
        if (!write_parts(entry, player, outbox))
            return STOPS;
        sending->newest[player->worker] = entry;
    }
    return end < world->state->players_end ? WAITS : DONE;
}

static enum result send_entry(struct tw_relay_entry *entry, struct sending *sending, uint32_t end)
{
    const struct tw_world *world = sending->tick->world;
    const struct tw_route *route = &sending->tick->sessions->routes[entry->route];
    if (route->state == TW_ROUTE_ARRIVING && route->epoch == entry->epoch)
        return STOPS; /* the word of the old slot lies in its ring */
    if (route->state != TW_ROUTE_PLAYING || route->epoch != entry->epoch)
        return GONE;
    if (world->players[route->player].presence == TW_PARKED)
        return GONE; /* nowhere, so near to nobody */
    entry->handle = world->players[route->player].entity;
    return send_to_players(entry, sending, end);
}

static void send_line(struct tw_relay *relay, struct tw_relay_line *line, struct sending *sending)
{
    uint32_t end = sending->tick->world->state->players_end;
    sending->line = line;
    for (uint16_t next, at = line->first; at != 0 && sending->looks < sending->looks_max;
         at = next) {
        struct tw_relay_entry *entry = &relay->entries[at];
        next = entry->next;
        enum result result = send_entry(entry, sending, end);
        if (result == STOPS)
            break;
        if (result == WAITS) {
            end = entry->next_player < end ? entry->next_player : end;
            continue;
        }
        sending->sent.messages += result == DONE;
        sending->sent.gone += result == GONE;
        forget(relay, line, at);
    }
}

struct tw_relay_sent tw_relay_send(struct tw_relay *relay, const struct tw_relay_tick *tick)
{
    struct sending sending = {.tick = tick};
    for (uint32_t channel = 0; channel < TW_CHANNEL_COUNT; channel++) {
        uint32_t others = TW_CHANNEL_COUNT - 1u - channel;
        sending.looks_max = TW_RELAY_LOOKS_PER_TICK - others * TW_RELAY_LOOKS_LEFT;
        send_line(relay, &relay->lines[channel], &sending);
    }
    return sending.sent;
}
