/* SPDX-License-Identifier: BSD-3-Clause */
#include "dataplane/engine/agent_protocol.h"

#include "tickwire/align.h"
#include "tickwire/assert.h"

#include <sodium.h>
#include <string.h>

#define QUEUE_MAX (1u << 20)

/* The largest message the engine sends. */
union outgoing {
    struct tw_agent_header header;
    struct tw_agent_engine_hello engine_hello;
    struct tw_agent_session session;
    struct tw_agent_resync_end resync_end;
    struct tw_agent_handshake_request handshake_request;
    struct tw_agent_session_state session_state;
    struct tw_agent_lab_result lab_result;
    struct tw_agent_filter_counters filter_counters;
    struct tw_agent_stats stats;
};

enum source { SOURCE_NONE, SOURCE_EVENT, SOURCE_MESSAGE };

struct tw_agent_protocol {
    struct tw_agent_protocol_config config;
    struct tw_agent_protocol_counters counters;
    union outgoing *messages; /* ring of messages_max */
    uint32_t message_head, message_count;
    struct tw_agent_session *events; /* ring of events_max, headers and numbers set */
    uint32_t event_head, event_count, event_sent;
    uint64_t next_event;
    bool connected, linked;
    bool resyncing;   /* the workers still report */
    bool resync_sent; /* RESYNC_END is on its way: events may follow */
    uint32_t resync_sessions;
    enum source offered; /* what tw_agent_protocol_next handed out */
    char refusal[TW_CONFIG_TEXT_SIZE];
};

size_t tw_agent_protocol_footprint(const struct tw_agent_protocol_config *config)
{
    if (config->messages_max == 0 || config->messages_max > QUEUE_MAX || config->events_max == 0 ||
        config->events_max > QUEUE_MAX)
        return 0;
    return tw_align_line(sizeof(struct tw_agent_protocol)) +
           tw_align_line(config->messages_max * sizeof(union outgoing)) +
           tw_align_line(config->events_max * sizeof(struct tw_agent_session));
}

struct tw_agent_protocol *tw_agent_protocol_init(void *memory,
                                                 const struct tw_agent_protocol_config *config)
{
    TW_ASSERT(tw_agent_protocol_footprint(config) != 0);
    struct tw_agent_protocol *protocol = memory;
    memset(memory, 0, tw_agent_protocol_footprint(config));
    protocol->config = *config;
    uint8_t *next = (uint8_t *)memory + tw_align_line(sizeof(*protocol));
    protocol->messages = (union outgoing *)(void *)next;
    next += tw_align_line(config->messages_max * sizeof(union outgoing));
    protocol->events = (struct tw_agent_session *)(void *)next;
    protocol->next_event = 1;
    return protocol;
}

static struct tw_agent_header header_of(enum tw_agent_type type, size_t length)
{
    return (struct tw_agent_header){
        .type = (uint16_t)type, .version = TW_AGENT_VERSION, .length = (uint32_t)length};
}

static bool enqueue(struct tw_agent_protocol *protocol, enum tw_agent_type type,
                    const void *message, size_t length)
{
    TW_ASSERT(length >= sizeof(struct tw_agent_header) && length <= sizeof(union outgoing));
    if (!protocol->connected || protocol->message_count == protocol->config.messages_max)
        return false;
    uint32_t tail =
        (protocol->message_head + protocol->message_count) % protocol->config.messages_max;
    union outgoing *slot = &protocol->messages[tail];
    memcpy(slot, message, length);
    slot->header = header_of(type, length);
    protocol->message_count++;
    return true;
}

static void drop_oldest(struct tw_agent_protocol *protocol)
{
    sodium_memzero(&protocol->messages[protocol->message_head], sizeof(union outgoing));
    protocol->message_head = (protocol->message_head + 1) % protocol->config.messages_max;
    protocol->message_count--;
}

void tw_agent_protocol_connected(struct tw_agent_protocol *protocol)
{
    tw_agent_protocol_disconnected(protocol);
    protocol->connected = true;
    protocol->resyncing = true;
    protocol->resync_sessions = 0;
    protocol->counters.connects++;
    protocol->refusal[0] = '\0';
    bool queued = enqueue(protocol, TW_AGENT_ENGINE_HELLO, &protocol->config.hello,
                          sizeof(protocol->config.hello));
    TW_ASSERT(queued);
}

void tw_agent_protocol_disconnected(struct tw_agent_protocol *protocol)
{
    while (protocol->message_count > 0)
        drop_oldest(protocol);
    protocol->event_sent = 0;
    protocol->connected = false;
    protocol->linked = false;
    protocol->resyncing = false;
    protocol->resync_sent = false;
    protocol->offered = SOURCE_NONE;
}

bool tw_agent_protocol_is_linked(const struct tw_agent_protocol *protocol)
{
    return protocol->linked && !protocol->resyncing;
}

bool tw_agent_protocol_is_resyncing(const struct tw_agent_protocol *protocol)
{
    return protocol->resyncing;
}

bool tw_agent_protocol_is_idle(const struct tw_agent_protocol *protocol)
{
    return protocol->message_count == 0 && protocol->event_sent == protocol->event_count;
}

uint32_t tw_agent_protocol_unacknowledged(const struct tw_agent_protocol *protocol)
{
    return protocol->event_count;
}

uint32_t tw_agent_protocol_room(const struct tw_agent_protocol *protocol)
{
    return protocol->connected ? protocol->config.messages_max - protocol->message_count : 0;
}

void tw_agent_protocol_push_event(struct tw_agent_protocol *protocol, enum tw_agent_type type,
                                  const struct tw_agent_session *session)
{
    TW_ASSERT(type == TW_AGENT_SESSION_CONFIRMED || type == TW_AGENT_SESSION_MOVED ||
              type == TW_AGENT_SESSION_CLOSED);
    if (protocol->event_count == protocol->config.events_max) {
        protocol->counters.events_lost++;
        return;
    }
    uint32_t tail = (protocol->event_head + protocol->event_count) % protocol->config.events_max;
    struct tw_agent_session *event = &protocol->events[tail];
    *event = *session;
    event->header = header_of(type, sizeof(*event));
    event->event = protocol->next_event++;
    protocol->event_count++;
}

bool tw_agent_protocol_push_session(struct tw_agent_protocol *protocol,
                                    const struct tw_agent_session *session)
{
    if (!protocol->resyncing)
        return true;
    struct tw_agent_session copy = *session;
    copy.event = 0;
    if (!enqueue(protocol, TW_AGENT_SESSION, &copy, sizeof(copy))) {
        protocol->counters.messages_dropped++;
        return false;
    }
    protocol->resync_sessions++;
    return true;
}

bool tw_agent_protocol_end_resync(struct tw_agent_protocol *protocol)
{
    if (!protocol->resyncing)
        return true;
    struct tw_agent_resync_end end = {.sessions = protocol->resync_sessions};
    if (!enqueue(protocol, TW_AGENT_RESYNC_END, &end, sizeof(end)))
        return false;
    protocol->resyncing = false;
    return true;
}

bool tw_agent_protocol_push(struct tw_agent_protocol *protocol, enum tw_agent_type type,
                            const void *message, size_t length)
{
    if ((tw_agent_protocol_is_linked(protocol) || type != TW_AGENT_HANDSHAKE_REQUEST) &&
        enqueue(protocol, type, message, length))
        return true;
    protocol->counters.messages_dropped++;
    return false;
}

const void *tw_agent_protocol_next(struct tw_agent_protocol *protocol, size_t *length)
{
    protocol->offered = SOURCE_NONE;
    if (!protocol->connected)
        return NULL;
    /* Later events go first: they are few and must arrive. */
    if (protocol->resync_sent && protocol->event_sent < protocol->event_count) {
        const struct tw_agent_session *event =
            &protocol->events[(protocol->event_head + protocol->event_sent) %
                              protocol->config.events_max];
        protocol->offered = SOURCE_EVENT;
        *length = event->header.length;
        return event;
    }
    if (protocol->message_count == 0)
        return NULL;
    const union outgoing *message = &protocol->messages[protocol->message_head];
    protocol->offered = SOURCE_MESSAGE;
    *length = message->header.length;
    return message;
}

void tw_agent_protocol_sent(struct tw_agent_protocol *protocol)
{
    TW_ASSERT(protocol->offered != SOURCE_NONE);
    if (protocol->offered == SOURCE_EVENT) {
        protocol->event_sent++;
    } else {
        if (protocol->messages[protocol->message_head].header.type == TW_AGENT_RESYNC_END)
            protocol->resync_sent = true;
        drop_oldest(protocol);
    }
    protocol->offered = SOURCE_NONE;
}

static enum tw_agent_action odd(struct tw_agent_protocol *protocol)
{
    protocol->counters.odd_messages++;
    return TW_AGENT_ACTION_CLOSE;
}

static enum tw_agent_action receive_hello(struct tw_agent_protocol *protocol,
                                          const struct tw_agent_control_hello *hello)
{
    if (hello->accepted == 1) {
        if (protocol->linked)
            return odd(protocol);
        protocol->linked = true;
        return TW_AGENT_ACTION_LINKED;
    }
    if (hello->accepted != 0)
        return odd(protocol);
    protocol->counters.refused++;
    memcpy(protocol->refusal, hello->message, sizeof(protocol->refusal));
    protocol->refusal[sizeof(protocol->refusal) - 1] = '\0';
    return TW_AGENT_ACTION_CLOSE;
}

static enum tw_agent_action receive_ack(struct tw_agent_protocol *protocol, uint64_t event)
{
    /* Only what this link has seen can be acknowledged. Events kept: [oldest, next_event). */
    uint64_t oldest = protocol->next_event - protocol->event_count;
    if (event >= oldest + protocol->event_sent)
        return odd(protocol);
    while (protocol->event_count > 0 && protocol->next_event - protocol->event_count <= event) {
        protocol->event_head = (protocol->event_head + 1) % protocol->config.events_max;
        protocol->event_count--;
        protocol->event_sent--;
    }
    if (protocol->offered == SOURCE_EVENT)
        protocol->offered = SOURCE_NONE;
    return TW_AGENT_ACTION_NONE;
}

static bool reply_is_sane(const struct tw_agent_handshake_reply *reply)
{
    if (reply->verdict >= TW_VERDICT_COUNT || reply->refused_size > sizeof(reply->refused))
        return false;
    return reply->verdict != TW_VERDICT_WELCOMED || reply->suite == TW_SUITE_CHACHA20_POLY1305 ||
           reply->suite == TW_SUITE_AES256_GCM;
}

static bool filter_change_is_sane(const struct tw_agent_filter_change *change)
{
    if (change->count > TW_AGENT_FILTER_RULES || change->first > 1 || change->last > 1)
        return false;
    for (uint32_t i = 0; i < change->count; i++) {
        if (!tw_filter_rule_valid(&change->rules[i]))
            return false;
    }
    return true;
}

static bool conduct_is_sane(const struct tw_agent_session_conduct *conduct)
{
    return conduct->stage < TW_CONDUCT_STAGES && conduct->charge < TW_NOTICE_KINDS;
}

static size_t expected_length(uint16_t type)
{
    switch (type) {
    case TW_AGENT_CONTROL_HELLO:
        return sizeof(struct tw_agent_control_hello);
    case TW_AGENT_HANDSHAKE_REPLY:
        return sizeof(struct tw_agent_handshake_reply);
    case TW_AGENT_EVENT_ACK:
        return sizeof(struct tw_agent_event_ack);
    case TW_AGENT_SESSION_KICK:
        return sizeof(struct tw_agent_session_kick);
    case TW_AGENT_SESSION_CONDUCT:
        return sizeof(struct tw_agent_session_conduct);
    case TW_AGENT_SESSION_QUERY:
        return sizeof(struct tw_agent_session_query);
    case TW_AGENT_LAB_BEGIN:
        return sizeof(struct tw_agent_lab_begin);
    case TW_AGENT_LAB_SESSIONS:
        return sizeof(struct tw_agent_lab_sessions);
    case TW_AGENT_LAB_COMMIT:
        return sizeof(struct tw_agent_lab_commit);
    case TW_AGENT_FILTER_CHANGE:
        return sizeof(struct tw_agent_filter_change);
    case TW_AGENT_PORT_RESET:
        return sizeof(struct tw_agent_port_reset);
    default:
        return 0;
    }
}

enum tw_agent_action tw_agent_protocol_receive(struct tw_agent_protocol *protocol,
                                               const union tw_agent_message *message, size_t length)
{
    if (length < sizeof(struct tw_agent_header) || message->header.version != TW_AGENT_VERSION ||
        message->header.length != length || expected_length(message->header.type) != length)
        return odd(protocol);
    uint16_t type = message->header.type;
    if (type == TW_AGENT_CONTROL_HELLO)
        return receive_hello(protocol, &message->control_hello);
    if (!protocol->linked)
        return odd(protocol);
    switch (type) {
    case TW_AGENT_EVENT_ACK:
        return receive_ack(protocol, message->event_ack.event);
    case TW_AGENT_HANDSHAKE_REPLY:
        return reply_is_sane(&message->handshake_reply) ? TW_AGENT_ACTION_REPLY : odd(protocol);
    case TW_AGENT_SESSION_KICK:
        return message->session_kick.reason < TW_CLOSE_COUNT ? TW_AGENT_ACTION_KICK : odd(protocol);
    case TW_AGENT_SESSION_CONDUCT:
        return conduct_is_sane(&message->session_conduct) ? TW_AGENT_ACTION_CONDUCT : odd(protocol);
    case TW_AGENT_LAB_BEGIN:
    case TW_AGENT_LAB_SESSIONS:
    case TW_AGENT_LAB_COMMIT:
        return TW_AGENT_ACTION_LAB;
    case TW_AGENT_FILTER_CHANGE:
        return filter_change_is_sane(&message->filter_change) ? TW_AGENT_ACTION_FILTER
                                                              : odd(protocol);
    case TW_AGENT_PORT_RESET:
        return memchr(message->port_reset.name, 0, sizeof(message->port_reset.name)) != NULL
                   ? TW_AGENT_ACTION_PORT_RESET
                   : odd(protocol);
    default:
        return TW_AGENT_ACTION_QUERY;
    }
}

struct tw_agent_protocol_counters tw_agent_protocol_counters(
    const struct tw_agent_protocol *protocol)
{
    return protocol->counters;
}

const char *tw_agent_protocol_refusal(const struct tw_agent_protocol *protocol)
{
    return protocol->refusal;
}
