/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Checks a message from the engine before anything acts on it: size, version, type, ranges.
 * Pure. The engine is trusted with players' sessions, not with this process's memory.
 */
#ifndef TICKWIRE_CONTROL_DAEMON_AGENT_MESSAGE_H
#define TICKWIRE_CONTROL_DAEMON_AGENT_MESSAGE_H

#include "tickwire/agent.h"

#include <stddef.h>

enum tw_agent_check {
    TW_AGENT_CHECK_OK,
    TW_AGENT_CHECK_SIZE,    /* shorter than a header, or not the size of its type */
    TW_AGENT_CHECK_VERSION, /* header is readable, the rest is of another version */
    TW_AGENT_CHECK_TYPE,    /* not a type an engine sends */
    TW_AGENT_CHECK_RANGE,   /* a field is out of range or a text is not terminated */
};

/* message holds the first received bytes; `received` is the packet's whole length. */
enum tw_agent_check tw_agent_message_check(const union tw_agent_message *message, size_t received)
    __attribute__((warn_unused_result));

/* "size", "version" … for logs. */
const char *tw_agent_check_name(enum tw_agent_check check);

#endif
