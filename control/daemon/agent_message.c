/* SPDX-License-Identifier: BSD-3-Clause */
#include "control/daemon/agent_message.h"

#include "dataplane/wire/congestion.h"
#include "dataplane/wire/life.h"
#include "tickwire/conduct.h"

#include <string.h>

/* Terminated, printable ASCII: goes to logs, tables and JSON. */
static bool text_ok(const char *text, size_t size)
{
    size_t length = strnlen(text, size);
    if (length == size)
        return false;
    for (size_t i = 0; i < length; i++) {
        if (text[i] < 0x20 || text[i] > 0x7e)
            return false;
    }
    return true;
}

static bool engine_hello_ok(const union tw_agent_message *message)
{
    const struct tw_agent_engine_hello *hello = &message->engine_hello;
    return text_ok(hello->name, sizeof(hello->name)) && hello->name[0] != '\0';
}

static bool session_ok(const struct tw_agent_session *session)
{
    return tw_connection_generation(session->connection_id) != 0 &&
           session->reason < TW_CLOSE_COUNT && session->life < TW_LIFE_STATES &&
           session->link <= TW_LINK_EMERGENCY && session->conduct_stage < TW_CONDUCT_STAGES &&
           session->conduct_charge < TW_NOTICE_KINDS &&
           session->conduct_score <= UINT32_MAX / TW_CONDUCT_POINT;
}

static bool resync_session_ok(const union tw_agent_message *message)
{
    return session_ok(&message->session);
}

static bool event_ok(const union tw_agent_message *message)
{
    return session_ok(&message->session) && message->session.event != 0;
}

static bool session_state_ok(const union tw_agent_message *message)
{
    return message->session_state.found == 0 || session_ok(&message->session_state.session);
}

static bool lab_result_ok(const union tw_agent_message *message)
{
    return text_ok(message->lab_result.message, sizeof(message->lab_result.message));
}

static bool filter_counters_ok(const union tw_agent_message *message)
{
    return message->filter_counters.count <= TW_AGENT_FILTER_FIGURES;
}

static bool stats_ok(const union tw_agent_message *message)
{
    const struct tw_agent_stats *stats = &message->stats;
    const struct tw_agent_crypto *crypto = &stats->crypto;
    if (stats->ports > TW_PORTS_MAX || stats->workers > TW_WORKERS_MAX ||
        !text_ok(crypto->aes256_gcm, sizeof(crypto->aes256_gcm)) ||
        !text_ok(crypto->chacha20_poly1305, sizeof(crypto->chacha20_poly1305)) ||
        !text_ok(crypto->cookie, sizeof(crypto->cookie)) ||
        !text_ok(crypto->refused, sizeof(crypto->refused)))
        return false;
    for (uint32_t i = 0; i < stats->ports; i++) {
        const struct tw_agent_port *port = &stats->port[i];
        if (!text_ok(port->name, sizeof(port->name)) ||
            !text_ok(port->driver, sizeof(port->driver)) || port->state >= TW_PORT_STATE_COUNT)
            return false;
    }
    return true;
}

static const struct {
    size_t size; /* 0 = not a message of the engine */
    bool (*ok)(const union tw_agent_message *message);
} shapes[] = {
    [TW_AGENT_ENGINE_HELLO] = {sizeof(struct tw_agent_engine_hello), engine_hello_ok},
    [TW_AGENT_SESSION] = {sizeof(struct tw_agent_session), resync_session_ok},
    [TW_AGENT_RESYNC_END] = {sizeof(struct tw_agent_resync_end), NULL},
    [TW_AGENT_HANDSHAKE_REQUEST] = {sizeof(struct tw_agent_handshake_request), NULL},
    [TW_AGENT_SESSION_CONFIRMED] = {sizeof(struct tw_agent_session), event_ok},
    [TW_AGENT_SESSION_MOVED] = {sizeof(struct tw_agent_session), event_ok},
    [TW_AGENT_SESSION_CLOSED] = {sizeof(struct tw_agent_session), event_ok},
    [TW_AGENT_STATS] = {sizeof(struct tw_agent_stats), stats_ok},
    [TW_AGENT_SESSION_STATE] = {sizeof(struct tw_agent_session_state), session_state_ok},
    [TW_AGENT_LAB_RESULT] = {sizeof(struct tw_agent_lab_result), lab_result_ok},
    [TW_AGENT_SESSION_LIFE] = {sizeof(struct tw_agent_session), resync_session_ok},
    [TW_AGENT_FILTER_COUNTERS] = {sizeof(struct tw_agent_filter_counters), filter_counters_ok},
};

enum tw_agent_check tw_agent_message_check(const union tw_agent_message *message, size_t received)
{
    if (received < sizeof(struct tw_agent_header) || message->header.length != received)
        return TW_AGENT_CHECK_SIZE;
    if (message->header.version != TW_AGENT_VERSION)
        return TW_AGENT_CHECK_VERSION;
    uint16_t type = message->header.type;
    if (type >= sizeof(shapes) / sizeof(shapes[0]) || shapes[type].size == 0)
        return TW_AGENT_CHECK_TYPE;
    if (shapes[type].size != received)
        return TW_AGENT_CHECK_SIZE;
    if (shapes[type].ok && !shapes[type].ok(message))
        return TW_AGENT_CHECK_RANGE;
    return TW_AGENT_CHECK_OK;
}

const char *tw_agent_check_name(enum tw_agent_check check)
{
    static const char *const names[] = {"ok", "size", "version", "type", "range"};
    return names[check];
}
