/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The agent protocol over its unix socket (SOCK_SEQPACKET): connects, reconnects with growing
 * delay (100 ms to 2 s), sends what the protocol offers, checks what arrives. Never blocks.
 *
 * A peer that dies, sends an odd message, or takes nothing for 5 s while something waits, costs
 * the link and nothing else. Main thread only; `now_ns` is monotonic time.
 */
#ifndef TICKWIRE_DATAPLANE_ENGINE_AGENT_LINK_H
#define TICKWIRE_DATAPLANE_ENGINE_AGENT_LINK_H

#include "dataplane/engine/agent_protocol.h"

#define TW_AGENT_RETRY_MIN_NS UINT64_C(100000000)
#define TW_AGENT_RETRY_MAX_NS UINT64_C(2000000000)
#define TW_AGENT_STALL_NS     UINT64_C(5000000000)

struct tw_agent_link {
    struct tw_agent_protocol *protocol;
    const char *path;
    int fd;         /* -1: down */
    uint64_t epoch; /* one more per connection: tells resyncs apart */
    uint64_t retry_at_ns, retry_delay_ns;
    uint64_t stalled_since_ns; /* 0: the peer takes what we send */
    uint64_t losses, stalls;
};

/* `path` outlives the link. */
void tw_agent_link_init(struct tw_agent_link *link, struct tw_agent_protocol *protocol,
                        const char *path);

/* Connects when it is time; sends until the peer's buffer is full. */
void tw_agent_link_send(struct tw_agent_link *link, uint64_t now_ns);

/* Takes one message off the socket. NONE: nothing (more) to do; for REPLY, KICK, QUERY, LAB
 * *message is valid and the caller wipes it; LINKED as in the protocol; CLOSE: the link went down.
 */
enum tw_agent_action tw_agent_link_receive(struct tw_agent_link *link,
                                           union tw_agent_message *message, uint64_t now_ns);

void tw_agent_link_close(struct tw_agent_link *link, uint64_t now_ns);

static inline bool tw_agent_link_is_up(const struct tw_agent_link *link)
{
    return link->fd >= 0;
}

#endif
