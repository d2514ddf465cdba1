/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The engine's side of the agent protocol (tickwire/agent.h), without a socket: what is to be
 * sent next, what a received message means, and what survives a lost link.
 *
 *   down ──connected──► resync: HELLO, SESSIONs, RESYNC_END ──► events, messages
 *     ▲                                                             │
 *     └──────────── disconnected: messages wiped, events kept ◄─────┘
 *
 * - Events (CONFIRMED, CLOSED) are numbered from 1, kept until EVENT_ACK and sent again after
 *   each reconnect. They wait for the end of the resync, so that a session's end never overtakes
 *   its mention. A full event queue loses the new event and counts it (events_lost must be 0).
 * - All else is a bounded first-in first-out queue that refuses and counts when it is full.
 * - `linked` means: this link's CONTROL_HELLO accepted us and the resync ends before whatever is
 *   pushed now; handshakes may be relayed. An earlier one would not be answered.
 *
 * Messages hold secrets: every copy is wiped when it was sent or given up. Lives in caller memory
 * of tw_agent_protocol_footprint bytes aligned to 64; owned by the main thread; no clock.
 */
#ifndef TICKWIRE_DATAPLANE_ENGINE_AGENT_PROTOCOL_H
#define TICKWIRE_DATAPLANE_ENGINE_AGENT_PROTOCOL_H

#include "tickwire/agent.h"

#include <stdbool.h>
#include <stddef.h>

struct tw_agent_protocol;

struct tw_agent_protocol_config {
    struct tw_agent_engine_hello hello; /* header unset */
    uint32_t messages_max;
    uint32_t events_max;
};

struct tw_agent_protocol_counters {
    uint64_t connects;
    uint64_t messages_dropped; /* queue full or not linked */
    uint64_t events_lost;
    uint64_t odd_messages; /* wrong size, type, version or value: the link was closed */
    uint64_t refused;      /* CONTROL_HELLO with accepted = 0 */
};

/* What the caller has to do about a received message. */
enum tw_agent_action {
    TW_AGENT_ACTION_NONE,
    TW_AGENT_ACTION_LINKED,     /* tell the workers */
    TW_AGENT_ACTION_REPLY,      /* message->handshake_reply is well-formed */
    TW_AGENT_ACTION_KICK,       /* message->session_kick is well-formed */
    TW_AGENT_ACTION_CONDUCT,    /* message->session_conduct is well-formed */
    TW_AGENT_ACTION_QUERY,      /* message->session_query is well-formed */
    TW_AGENT_ACTION_LAB,        /* one of message->lab_*, of the right size */
    TW_AGENT_ACTION_FILTER,     /* message->filter_change is well-formed, its rules are valid */
    TW_AGENT_ACTION_PORT_RESET, /* message->port_reset is well-formed */
    TW_AGENT_ACTION_CLOSE,      /* close the link: odd message or refused */
};

/* 0 if a queue is empty or above 2^20. */
size_t tw_agent_protocol_footprint(const struct tw_agent_protocol_config *config);
struct tw_agent_protocol *tw_agent_protocol_init(void *memory,
                                                 const struct tw_agent_protocol_config *config);

void tw_agent_protocol_connected(struct tw_agent_protocol *protocol);
void tw_agent_protocol_disconnected(struct tw_agent_protocol *protocol);
bool tw_agent_protocol_is_linked(const struct tw_agent_protocol *protocol);
bool tw_agent_protocol_is_resyncing(const struct tw_agent_protocol *protocol);

/* True if nothing waits to be sent. */
bool tw_agent_protocol_is_idle(const struct tw_agent_protocol *protocol);
/* Events that were not acknowledged yet. */
uint32_t tw_agent_protocol_unacknowledged(const struct tw_agent_protocol *protocol);
/* Messages that still fit the queue. */
uint32_t tw_agent_protocol_room(const struct tw_agent_protocol *protocol);

/* type: SESSION_CONFIRMED, SESSION_MOVED or SESSION_CLOSED; kept whether there is a link or not. */
void tw_agent_protocol_push_event(struct tw_agent_protocol *protocol, enum tw_agent_type type,
                                  const struct tw_agent_session *session);
/* A live session, during the resync; counts for RESYNC_END. Ignored outside of one. */
bool tw_agent_protocol_push_session(struct tw_agent_protocol *protocol,
                                    const struct tw_agent_session *session);
/* All workers reported. False: no room now, call again. */
bool tw_agent_protocol_end_resync(struct tw_agent_protocol *protocol);
/* HANDSHAKE_REQUEST (only when linked), STATS, SESSION_STATE. `length` is the whole message with
 * its header, which is filled in here. False: dropped and counted. */
bool tw_agent_protocol_push(struct tw_agent_protocol *protocol, enum tw_agent_type type,
                            const void *message, size_t length);

/* The next message to send and its length, or NULL; unchanged until tw_agent_protocol_sent. */
const void *tw_agent_protocol_next(struct tw_agent_protocol *protocol, size_t *length);
void tw_agent_protocol_sent(struct tw_agent_protocol *protocol);

/* Checks one received message of `length` bytes whole. */
enum tw_agent_action tw_agent_protocol_receive(struct tw_agent_protocol *protocol,
                                               const union tw_agent_message *message,
                                               size_t length);

struct tw_agent_protocol_counters tw_agent_protocol_counters(
    const struct tw_agent_protocol *protocol);
/* Why the control plane refused us, "" if it did not. */
const char *tw_agent_protocol_refusal(const struct tw_agent_protocol *protocol);

#endif
