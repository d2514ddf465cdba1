/* SPDX-License-Identifier: BSD-3-Clause */
#include "dataplane/gate/whose.h"

#include "dataplane/gate/live.h"

static enum tw_filter_class class_here(const struct tw_packet *packet,
                                       const struct tw_sessions *sessions)
{
    uint32_t slot;
    if (tw_sessions_find(sessions, tw_packet_session_id(packet), &slot) != TW_SESSIONS_FOUND)
        return TW_FILTER_STRANGER;
    const struct tw_session *session = &sessions->hot[slot];
    if (session->state == TW_SESSION_MOVED)
        return TW_FILTER_FOREIGN;
    bool known = session->state < TW_SESSION_RESERVED && tw_live_is_on_path(session, packet);
    return known ? TW_FILTER_KNOWN : TW_FILTER_STRANGER;
}

enum tw_filter_class tw_whose_class(const struct tw_packet *packet,
                                    const struct tw_sessions *sessions, uint32_t workers)
{
    switch (tw_whose_is(packet, sessions->worker, workers)) {
    case TW_WHOSE_OTHER:
        return TW_FILTER_FOREIGN;
    case TW_WHOSE_OURS:
        return class_here(packet, sessions);
    case TW_WHOSE_LINK:
    case TW_WHOSE_HANDSHAKE:
    case TW_WHOSE_NOBODY:
        break;
    }
    return TW_FILTER_STRANGER;
}
