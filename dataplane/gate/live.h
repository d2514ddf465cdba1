/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Stages of packets with a connection id, from header to decoded frames:
 *
 *   admit:  session → path → flags → sequence → replay? → budget      (no cryptography)
 *   open:   AEAD over the burst                                       (the one costly step)
 *   accept: replay! → frames decoded and checked
 *
 * The cheapest check comes first; a packet that fails changes nothing but budgets and counters. A
 * wrong tag never closes a session.
 *
 * Whoever can write a client's address and connection id into packets (it reads its traffic) must
 * not use up its budget: repeats fail before the budget is asked, and what a forged packet took is
 * given back, up to `forged_rate` for all sessions of the worker, which bounds the cryptography
 * forgers get. Above that rate forgers and the client share the session's budget.
 *
 * Pure over the session table; time is an argument; run by the worker that owns the table.
 */
#ifndef TICKWIRE_DATAPLANE_GATE_LIVE_H
#define TICKWIRE_DATAPLANE_GATE_LIVE_H

#include "dataplane/gate/budget.h"
#include "dataplane/gate/packet.h"
#include "dataplane/gate/sessions.h"
#include "dataplane/wire/aead.h"
#include "dataplane/wire/frames.h"

#include <stdint.h>

#define TW_BURST_MAX 64u

struct tw_live {
    struct tw_sessions *sessions;
    const struct tw_aead_backend *aead;
    struct tw_budget_rate session_rate;
    struct tw_budget *forged_budget;
    struct tw_budget_rate forged_rate;
};

/* Starts loading the session's first line; before admit of the same burst. */
void tw_live_prefetch(const struct tw_live *live, const struct tw_packet *packet);

/* Leaves the outcome open, with `slot` set, when the packet is worth opening; then loads its keys.
 */
void tw_live_admit(const struct tw_live *live, struct tw_packet *packet, uint64_t now_ns);

/* Opens in place the packets of packets[count] that are open and of kind UDP; count <=
 * TW_BURST_MAX. */
void tw_live_open(const struct tw_live *live, struct tw_packet *packets, uint32_t count,
                  uint64_t now_ns);

/* Commits the packet number of an opened packet, then decodes its frames. */
void tw_live_accept(const struct tw_live *live, struct tw_packet *packet,
                    struct tw_client_frames *frames, uint64_t now_ns);

#endif
