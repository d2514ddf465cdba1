/* SPDX-License-Identifier: BSD-3-Clause */
/* The public interface, what only looks: state, events, entities, times and figures. */
#include "dataplane/client/client_state.h"

#include "dataplane/client/base64.h"

#include <assert.h>
#include <sodium.h>
#include <string.h>

enum tw_client_state tw_client_get_state(const struct tw_client *client)
{
    return client ? client->state : TW_CLIENT_IDLE;
}

enum tw_client_health tw_client_get_health(const struct tw_client *client)
{
    static_assert(TW_CLIENT_HEALTH_RECONNECTING == (int)TW_LIFE_RECONNECTING &&
                      TW_CLIENT_HEALTH_DISCONNECTED == (int)TW_LIFE_DISCONNECTED,
                  "one list in two places");
    return client && client->state == TW_CLIENT_CONNECTED
               ? (enum tw_client_health)client->session.health
               : TW_CLIENT_HEALTH_DISCONNECTED;
}

bool tw_client_poll_event(struct tw_client *client, struct tw_client_event *event)
{
    return client && event && tw_client_events_pop(&client->events, event);
}

uint32_t tw_client_get_connection_id(const struct tw_client *client)
{
    return client && client->state == TW_CLIENT_CONNECTED ? client->session.link.connection_id : 0;
}

const uint8_t *tw_client_get_ephemeral(const struct tw_client *client)
{
    return client ? client->ephemeral : NULL;
}

bool tw_client_is_leaving(const struct tw_client *client)
{
    return client && !tw_client_farewell_is_over(&client->farewell);
}

int tw_client_get_descriptor(const struct tw_client *client)
{
    return client ? client->descriptor : -1;
}

uint64_t tw_client_get_server_tick(const struct tw_client *client, uint64_t now_us)
{
    return client && client->state == TW_CLIENT_CONNECTED
               ? tw_client_clock_tick(&client->session.clock, now_us)
               : 0;
}

void tw_client_get_timing(const struct tw_client *client, uint64_t now_us,
                          struct tw_client_timing *timing)
{
    if (!timing)
        return;
    *timing = (struct tw_client_timing){0};
    if (!client || client->state != TW_CLIENT_CONNECTED)
        return;
    const struct tw_client_session *session = &client->session;
    const struct tw_client_steering *steering = &session->steering;
    uint64_t server_us = tw_client_clock_time_us(&session->clock, now_us);
    *timing = (struct tw_client_timing){
        .server_time_us = server_us,
        .server_tick = tw_client_clock_tick_at(&session->clock, server_us),
        .snapshot_tick = session->snapshot_tick,
        .interpolation_delay_us =
            (uint32_t)tw_client_playout_delay_us(&session->playout, server_us),
        .lead_us = (uint32_t)tw_client_steering_lead_us(steering, now_us),
        .lead_goal_us = (uint32_t)steering->goal_us,
        .margin_us = steering->margin_us,
        .margin_lowest_us = steering->margin_lowest_us,
        .inputs_measured = steering->inputs,
        .inputs_late = steering->inputs_late,
        .drift_ppb = session->clock.drift_ppb,
        .clock_error_us = (uint32_t)session->clock.error_us,
    };
}

static struct tw_client_entity public_entity(const struct tw_view_entity *entity)
{
    return (struct tw_client_entity){
        .handle = entity->handle,
        .x = entity->x,
        .y = entity->y,
        .heading = entity->heading,
        .speed = entity->speed,
        .action = entity->action,
        .type = entity->type,
        .team = entity->team,
        .appearance = entity->appearance,
        .health = entity->health,
        .health_max = entity->health_max,
        .tick = entity->tick,
    };
}

size_t tw_client_get_entities(const struct tw_client *client, struct tw_client_entity *entities,
                              size_t capacity)
{
    if (!client || (!entities && capacity > 0))
        return 0;
    size_t known = tw_view_entities(client->view, client->scratch, client->config.entities_max);
    for (size_t i = 0; i < known && i < capacity; i++)
        entities[i] = public_entity(&client->scratch[i]);
    return known;
}

bool tw_client_get_entity(const struct tw_client *client, uint32_t handle,
                          struct tw_client_entity *entity)
{
    struct tw_view_entity found;
    if (!client || !entity || !tw_view_entity(client->view, handle, &found))
        return false;
    *entity = public_entity(&found);
    return true;
}

void tw_client_get_self(const struct tw_client *client, struct tw_client_self *self)
{
    if (!self)
        return;
    *self = (struct tw_client_self){0};
    if (!client)
        return;
    struct tw_view_self seen = tw_view_get_self(client->view);
    *self = (struct tw_client_self){
        .handle = seen.handle,
        .x = seen.x,
        .y = seen.y,
        .velocity_x = seen.velocity_x,
        .velocity_y = seen.velocity_y,
        .heading = seen.heading,
        .tick = seen.tick,
        .last_input_tick = seen.last_input_tick,
    };
}

void tw_client_get_world(const struct tw_client *client, struct tw_client_world *world)
{
    if (world)
        *world = client ? client->world : (struct tw_client_world){0};
}

void tw_client_get_statistics(const struct tw_client *client,
                              struct tw_client_statistics *statistics)
{
    if (!client || !statistics)
        return;
    *statistics = client->statistics;
    if (client->state != TW_CLIENT_CONNECTED)
        return;
    const struct tw_transport *transport = &client->session.transport;
    const struct tw_congestion *congestion = &transport->congestion;
    statistics->link_state = congestion->state;
    statistics->rtt_smoothed_us = congestion->rtt.smoothed_us;
    statistics->datagram_bytes = client->session.transport.datagram_bytes;
    statistics->jitter_us =
        tw_rtt_jitter_us(&congestion->rtt, TW_RTT_JITTER_SECONDS, client->now_us);
    statistics->loss_permille = (uint32_t)((uint64_t)congestion->loss_q16 * 1000u >> 16);
    statistics->packets_acked = transport->packets_acked;
    statistics->packets_lost = transport->packets_lost - transport->packets_late;
    statistics->packets_missed = transport->acks.gaps;
    statistics->silent_us = client->now_us - client->session.heard_us;
    statistics->pings_missed = client->session.pings_missed;
    if (!transport->channels)
        return;
    statistics->messages_sent = transport->channels->sender.messages;
    statistics->messages_received = transport->channels->receiver.messages;
    statistics->message_bytes_sent = transport->channels->sender.sent_bytes;
    statistics->message_bytes_again = transport->channels->sender.again_bytes;
}

/* ---- tokens -------------------------------------------------------------------------------- */

int tw_client_token_decode(const char *text, uint8_t *out, size_t out_size)
{
    if (!text || !out || out_size < TW_CONNECT_SIZE || sodium_init() < 0)
        return TW_CLIENT_ERROR_ARGUMENT;
    return tw_client_base64_decode(out, TW_CONNECT_SIZE, text, strlen(text))
               ? TW_CLIENT_OK
               : TW_CLIENT_ERROR_TOKEN;
}

int tw_client_get_resume(const struct tw_client *client, uint8_t *out, size_t out_size)
{
    static_assert(TW_CLIENT_RESUME_SIZE == TW_CONNECT_SIZE, "a connect token");
    if (!client || !out || out_size < TW_CONNECT_SIZE)
        return TW_CLIENT_ERROR_ARGUMENT;
    if (client->resume.expires_unix_s == 0)
        return TW_CLIENT_ERROR_STATE;
    tw_connect_token_write(out, &client->resume);
    return TW_CLIENT_OK;
}
