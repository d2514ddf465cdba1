/* SPDX-License-Identifier: BSD-3-Clause */
#include "simulation/shard/relay.h"

#include "tickwire/wire.h"

#include <string.h>

/* A buffer with less room is not worth a part. */
#define PART_MIN 256u

void tw_relay_carve(struct tw_relay *relay, struct tw_arena *arena)
{
    relay->entries = tw_arena_take(arena, TW_RELAY_MESSAGES, sizeof(*relay->entries));
    relay->bytes = tw_arena_take(arena, TW_RELAY_BYTES, 1);
}

/* Where `size` bytes go, or UINT32_MAX. */
static uint32_t place(const struct tw_relay *relay, uint32_t size)
{
    if (relay->count == 0)
        return 0;
    uint32_t oldest = relay->entries[relay->first].at;
    uint32_t next = relay->bytes_next;
    if (next > oldest) {
        if (size <= TW_RELAY_BYTES - next)
            return next;
        return size < oldest ? 0 : UINT32_MAX;
    }
    return size < oldest - next ? next : UINT32_MAX;
}

bool tw_relay_keep(struct tw_relay *relay, uint32_t route, bool early,
                   const struct tw_record *record)
{
    const struct tw_message *message = record->message.message;
    uint32_t size = message->size + TW_RELAY_HEAD;
    uint32_t limit = message->channel == TW_CHANNEL_STATE ? TW_UNRELIABLE_MAX : TW_MESSAGE_MAX;
    if (relay->count == TW_RELAY_MESSAGES || size > limit)
        return false;
    uint32_t at = place(relay, size);
    if (at == UINT32_MAX)
        return false;
    tw_message_copy(message, record->message.blocks, relay->bytes + at + TW_RELAY_HEAD);
    uint32_t entry = (relay->first + relay->count++) % TW_RELAY_MESSAGES;
    relay->entries[entry] = (struct tw_relay_entry){.route = route,
                                                    .epoch = record->route_epoch,
                                                    .at = at,
                                                    .size = size,
                                                    .channel = message->channel,
                                                    .early = early};
    relay->bytes_next = at + size;
    return true;
}

static struct tw_relay_entry *entry_at(const struct tw_relay *relay, uint32_t nth)
{
    return &relay->entries[(relay->first + nth) % TW_RELAY_MESSAGES];
}

void tw_relay_follow(struct tw_relay *relay, uint32_t from, uint32_t to,
                     const struct tw_record *record)
{
    for (uint32_t i = 0; i < relay->count; i++) {
        struct tw_relay_entry *entry = entry_at(relay, i);
        if (entry->route != from || entry->epoch != record->route_epoch)
            continue;
        entry->route = to;
        entry->epoch = record->move.route_epoch;
        entry->following = true;
        entry->early = false;
    }
}

/* What goes next: the nth, unless its sender's earlier ones came by another ring, after it. */
static struct tw_relay_entry *next_entry(const struct tw_relay *relay, uint32_t nth)
{
    struct tw_relay_entry *oldest = entry_at(relay, nth);
    if (!oldest->early)
        return oldest;
    for (uint32_t i = nth + 1u; i < relay->count; i++) {
        struct tw_relay_entry *entry = entry_at(relay, i);
        if (entry->following && !entry->done && !entry->waits && entry->route == oldest->route &&
            entry->epoch == oldest->epoch)
            return entry;
    }
    return oldest;
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

/* False: no buffer is left; the rest of the message goes on next time. */
static bool write_parts(const struct tw_relay *relay, struct tw_relay_entry *entry,
                        const struct tw_player *player, struct tw_outbox *outbox)
{
    while (entry->offset < entry->size) {
        if (outbox->used == outbox->count || outbox->buffers[outbox->used].capacity < PART_MIN)
            return false;
        struct tw_out_buffer *buffer = &outbox->buffers[outbox->used++];
        uint32_t part = entry->size - entry->offset;
        if (part > buffer->capacity)
            part = buffer->capacity;
        memcpy(buffer->bytes, relay->bytes + entry->at + entry->offset, part);
        buffer->slot = player->slot;
        buffer->route_epoch = player->route_epoch;
        buffer->length = (uint16_t)part;
        buffer->kind = TW_OUT_MESSAGE;
        buffer->channel = (uint16_t)entry->channel;
        buffer->message.size = entry->size;
        buffer->message.offset = entry->offset;
        entry->offset += part;
    }
    entry->offset = 0;
    return true;
}

enum result {
    DONE,
    WAITS, /* for a receiver that is held: later messages may go as far, no further */
    STOPS, /* out of buffers, or its sender is on its way here */
};

/* To players below `end`. */
static enum result send_to_players(const struct tw_relay *relay, struct tw_relay_entry *entry,
                                   const struct tw_relay_tick *tick, uint32_t end)
{
    const struct tw_world *world = tick->world;
    uint32_t entity = tw_entity_index(
        (tw_entity){.bits = world->players[tick->sessions->routes[entry->route].player].entity});
    for (; entry->next_player < end; entry->next_player++) {
        const struct tw_player *player = &world->players[entry->next_player];
        /* Whoever has walked off meanwhile still gets the end of what was begun. */
        bool begun = is_begun_for(entry, player);
        if (!begun)
            entry->offset = 0;
        if (!begun && !hears(world, entity, entry->next_player, tick->hearing))
            continue;
        if (tw_shard_sessions_is_held(tick->sessions, player)) {
            entry->offset = 0; /* parts of other messages may come between */
            return WAITS;
        }
        entry->to_worker = player->worker;
        entry->to_slot = player->slot;
        entry->to_epoch = player->route_epoch;
        if (!write_parts(relay, entry, player, &tick->outboxes[player->worker]))
            return STOPS;
    }
    return end < world->state->players_end ? WAITS : DONE;
}

static enum result send_entry(const struct tw_relay *relay, struct tw_relay_entry *entry,
                              const struct tw_relay_tick *tick, uint32_t end)
{
    const struct tw_world *world = tick->world;
    const struct tw_route *route = &tick->sessions->routes[entry->route];
    if (route->state == TW_ROUTE_ARRIVING && route->epoch == entry->epoch)
        return STOPS; /* the word of the old slot lies in its ring */
    if (route->state != TW_ROUTE_PLAYING || route->epoch != entry->epoch)
        return DONE; /* its sender is gone */
    if (world->players[route->player].presence == TW_PARKED)
        return DONE; /* nowhere, so near to nobody */
    tw_store_u32(relay->bytes + entry->at, world->players[route->player].entity);
    return send_to_players(relay, entry, tick, end);
}

static void forget_done(struct tw_relay *relay)
{
    for (; relay->count > 0 && entry_at(relay, 0)->done; relay->count--)
        relay->first = (relay->first + 1u) % TW_RELAY_MESSAGES;
    for (uint32_t i = 0; i < relay->count; i++)
        entry_at(relay, i)->waits = false;
}

uint32_t tw_relay_send(struct tw_relay *relay, const struct tw_relay_tick *tick)
{
    uint32_t sent = 0, end = tick->world->state->players_end;
    for (uint32_t nth = 0, tried = 0; nth < relay->count && tried < TW_RELAY_PER_TICK;) {
        struct tw_relay_entry *entry = next_entry(relay, nth);
        if (entry->done || entry->waits) {
            nth++;
            continue;
        }
        enum result result = send_entry(relay, entry, tick, end);
        if (result == STOPS)
            break;
        tried++;
        sent += result == DONE;
        entry->done = result == DONE;
        entry->waits = result == WAITS;
        if (result == WAITS && entry->next_player < end)
            end = entry->next_player;
    }
    forget_done(relay);
    return sent;
}
