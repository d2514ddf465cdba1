/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Whose a parsed packet is, by what it says of itself: the decision of the answer stage, and for
 * the filters and strangers' share who its sender is to us.
 *
 * Pure over the session table; run by the worker that owns the table.
 */
#ifndef TICKWIRE_DATAPLANE_GATE_WHOSE_H
#define TICKWIRE_DATAPLANE_GATE_WHOSE_H

#include "dataplane/gate/filter.h"
#include "dataplane/gate/packet.h"
#include "dataplane/gate/sessions.h"

enum tw_whose {
    TW_WHOSE_LINK,      /* ARP, neighbour discovery, echo: answered without a session */
    TW_WHOSE_HANDSHAKE, /* of somebody who has no session yet */
    TW_WHOSE_NOBODY,    /* its id names a worker that there is not */
    TW_WHOSE_OTHER,     /* another worker's */
    TW_WHOSE_OURS,      /* if there is such a session */
};

/* `worker` of `workers` looks at it. */
static inline enum tw_whose tw_whose_is(const struct tw_packet *packet, uint32_t worker,
                                        uint32_t workers)
{
    uint32_t owner = tw_connection_worker(tw_packet_session_id(packet));
    if (packet->kind != TW_PACKET_UDP)
        return TW_WHOSE_LINK;
    if (packet->header.connection_id == 0)
        return TW_WHOSE_HANDSHAKE;
    if (owner >= workers)
        return TW_WHOSE_NOBODY;
    return owner != worker ? TW_WHOSE_OTHER : TW_WHOSE_OURS;
}

/* A session that is another worker's now, or always was, is judged there. */
enum tw_filter_class tw_whose_class(const struct tw_packet *packet,
                                    const struct tw_sessions *sessions, uint32_t workers);

#endif
