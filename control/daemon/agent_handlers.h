/* SPDX-License-Identifier: BSD-3-Clause */
/* What each message of the engine does; called by the link, in order, inside its batch. */
#ifndef TICKWIRE_CONTROL_DAEMON_AGENT_HANDLERS_H
#define TICKWIRE_CONTROL_DAEMON_AGENT_HANDLERS_H

#include "control/daemon/daemon.h"

struct tw_agent_batch {
    struct tw_daemon *daemon;
    struct tw_agent_peer *peer;
    uint64_t now_unix_ms;
    uint64_t event_newest; /* to be acknowledged after the commit; 0 = none */
    bool in_transaction;
    bool store_failed;
    const char *refused; /* why the link must close, or NULL */
};

/* The message passed tw_agent_message_check. */
void tw_agent_handle(struct tw_agent_batch *batch, const union tw_agent_message *message);

/* An ENGINE_HELLO of another version: told so; the link closes. */
void tw_agent_refuse_version(struct tw_agent_batch *batch, uint16_t version);

#endif
