/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The link to the engine: accepts, reads batches, commits, answers. See tickwire/agent.h.
 *
 * A batch is whatever is readable (at most TW_AGENT_BATCH messages): handled in order inside one
 * store transaction, committed before any answer leaves. When the store fails, the batch is
 * undone and the link closed: the engine comes back and tells everything again.
 */
#ifndef TICKWIRE_CONTROL_DAEMON_AGENT_LINK_H
#define TICKWIRE_CONTROL_DAEMON_AGENT_LINK_H

#include "control/daemon/daemon.h"

bool tw_agent_link_init(struct tw_daemon *daemon) __attribute__((warn_unused_result));
void tw_agent_link_fini(struct tw_daemon *daemon);

/* tw_watch.ready of the listener. */
void tw_agent_link_accept(struct tw_daemon *daemon, struct tw_watch *watch, uint32_t events);

void tw_agent_link_close(struct tw_daemon *daemon, struct tw_agent_peer *peer, const char *why);

/* Commands to the engine; false: no engine is linked, or its queue is full. */
bool tw_agent_link_kick(struct tw_daemon *daemon, uint32_t connection_id,
                        enum tw_close_reason reason) __attribute__((warn_unused_result));
/* A queue without room costs the link: the next one brings all rules. */
bool tw_agent_link_filter(struct tw_daemon *daemon, const struct tw_agent_filter_change *change);
bool tw_agent_link_query(struct tw_daemon *daemon, uint64_t query, uint32_t connection_id)
    __attribute__((warn_unused_result));

/* Messages that tw_agent_link_push takes now. */
uint32_t tw_agent_link_room(const struct tw_daemon *daemon);
/* Any message, to be filled in before the daemon's loop goes on; NULL: as above. */
union tw_agent_outgoing *tw_agent_link_push(struct tw_daemon *daemon, enum tw_agent_type type,
                                            uint32_t length) __attribute__((warn_unused_result));

#endif
