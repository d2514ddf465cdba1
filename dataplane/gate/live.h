/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Stages of packets with a connection id, from header to decoded frames; each runs over the burst's
 * list of packets that are still going (burst.h):
 *
 *   find:     session, path, flags, sequence     test:   replay?, budget      (no cryptography)
 *   open:     AEAD over the burst                                             (the one costly step)
 *   commit:   replay!                            validate: frames decoded and checked
 *
 * The cheapest check comes first; a packet that fails changes nothing but budgets and counters. A
 * wrong tag never closes a session.
 *
 * Whoever can write a client's address and connection id into packets (it reads its traffic) must
 * not use up its budget: repeats fail before the budget is asked, and what a forged packet or a
 * second copy in one burst took is given back. Forgers so get cryptography for nothing, one look at
 * a packet; a budget for that could only be kept by refusing packets unread, the client's own among
 * them.
 *
 * A packet from another address than its session's is opened only if it is newer than all before
 * it, and within a budget of the worker: a small one and a smaller one of the session if that is
 * heard, a large one that is drawn from if it is silent (path.h). It does not touch the session
 * otherwise; beyond that it costs the look at the session's first line and no more.
 *
 * Pure over the session table; time is an argument; run by the worker that owns the table.
 */
#ifndef TICKWIRE_DATAPLANE_GATE_LIVE_H
#define TICKWIRE_DATAPLANE_GATE_LIVE_H

#include "dataplane/gate/budget.h"
#include "dataplane/gate/burst.h"
#include "dataplane/gate/sessions.h"
#include "dataplane/wire/aead.h"
#include "tickwire/prefetch.h"

#include <stdint.h>

struct tw_live {
    struct tw_sessions *sessions;
    const struct tw_aead_backend *aead;
    struct tw_budget_rate session_rate;
    struct tw_path_tries *path_tries;
};

/* True if the packet comes from where the session's client was found to be. */
static inline bool tw_live_is_on_path(const struct tw_session *session,
                                      const struct tw_packet *packet)
{
    return tw_address_equal(&session->address, &packet->source) &&
           session->interface == packet->interface;
}

/* Starts loading the session's first line; before tw_live_find of the same burst. */
static inline void tw_live_prefetch(const struct tw_live *live, const struct tw_packet *packet)
{
    uint32_t slot = tw_connection_slot(tw_packet_session_id(packet));
    if (slot < live->sessions->capacity)
        tw_prefetch_to_write(&live->sessions->hot[slot]);
}

/* Sets `slot` and `path` of the packets that name a session from its own address, or from one that
 * may become its own, with a header that may be; starts loading the rest of what comes before the
 * cipher. All are of kind UDP, with a connection id of this worker. */
void tw_live_find(const struct tw_live *live, struct tw_burst *burst, uint64_t now_ns);

/* Packet numbers not seen before, of a key phase that there is a key of, within the session's
 * budget. */
void tw_live_test(const struct tw_live *live, struct tw_burst *burst, uint64_t now_ns);

/* Opens the packets in place. */
void tw_live_open(const struct tw_live *live, struct tw_burst *burst);

/* Records the packet numbers of opened packets; a session whose client followed into the next key
 * phase goes on with it. */
void tw_live_commit(const struct tw_live *live, struct tw_burst *burst, uint64_t now_ns);

/* Decodes all frames into burst->frames. Decides every packet; accepted or malformed, it is routed:
 * a session may have to be closed for it. */
void tw_live_validate(const struct tw_live *live, struct tw_burst *burst);

#endif
