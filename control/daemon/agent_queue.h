/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Messages on their way to the engine: a bounded ring in front of a non-blocking socket.
 *
 * Holds session secrets until they are sent: every entry is wiped then, and when the queue is
 * cleared. Owned by the daemon's thread.
 */
#ifndef TICKWIRE_CONTROL_DAEMON_AGENT_QUEUE_H
#define TICKWIRE_CONTROL_DAEMON_AGENT_QUEUE_H

#include "tickwire/agent.h"

#include <stdbool.h>
#include <stdint.h>

/* Messages taken from the engine in one go, one transaction. */
#define TW_AGENT_BATCH 256u
/* A batch causes at most two messages each (a reply; a kick, and a session's player's conduct) and
 * one acknowledgement: with this much room left nothing is ever dropped. */
#define TW_AGENT_QUEUE_RESERVE (3u * TW_AGENT_BATCH)
#define TW_AGENT_QUEUE_MAX     2048u

union tw_agent_outgoing {
    struct tw_agent_header header;
    struct tw_agent_handshake_reply handshake_reply;
    struct tw_agent_event_ack event_ack;
    struct tw_agent_session_kick session_kick;
    struct tw_agent_session_conduct session_conduct;
    struct tw_agent_session_query session_query;
    struct tw_agent_lab_begin lab_begin;
    struct tw_agent_lab_sessions lab_sessions;
    struct tw_agent_lab_commit lab_commit;
    struct tw_agent_control_hello control_hello;
    struct tw_agent_filter_change filter_change;
    struct tw_agent_port_reset port_reset;
};

struct tw_agent_queue {
    union tw_agent_outgoing *messages; /* TW_AGENT_QUEUE_MAX */
    uint32_t head;
    uint32_t count;
};

enum tw_agent_flush {
    TW_AGENT_FLUSH_DONE,
    TW_AGENT_FLUSH_BLOCKED, /* the engine is slow: try when the socket is writable */
    TW_AGENT_FLUSH_BROKEN,
};

bool tw_agent_queue_init(struct tw_agent_queue *queue) __attribute__((warn_unused_result));
void tw_agent_queue_fini(struct tw_agent_queue *queue);
void tw_agent_queue_clear(struct tw_agent_queue *queue);

/* Room for one message, with its header filled in; NULL when full. */
union tw_agent_outgoing *tw_agent_queue_push(struct tw_agent_queue *queue, enum tw_agent_type type,
                                             uint32_t length);
enum tw_agent_flush tw_agent_queue_flush(struct tw_agent_queue *queue, int descriptor);

#endif
