/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Who is closed for what waits for it, and who is waited for.
 *
 *   holds much for long ──► patience.h: its time is up ──► closed
 *   at its bound, takes nothing, and a message finds no room ──► closed
 *   no room for anybody ──► of those that take nothing the largest is closed, or is waited for
 *   takes less than is said to it, and will be behind ──► speech.h: it gets dear
 *
 * Of whoever is silent the session lapses instead: see life.h.
 *
 * Run by the worker that owns the tables. See docs/decisions/0031-messages-wait.md.
 */
#ifndef TICKWIRE_DATAPLANE_GATE_BACKLOG_H
#define TICKWIRE_DATAPLANE_GATE_BACKLOG_H

#include "dataplane/wire/sender.h"

#include <stdbool.h>
#include <stdint.h>

struct tw_outgoing;
struct tw_worker;

/* At each look at a session. False: its time is up. */
bool tw_backlog_keeps_up(struct tw_worker *worker, uint32_t slot);
/* And whenever it is heard from: is it about to be? Cheap where little waits for it. */
void tw_backlog_foresee(struct tw_worker *worker, uint32_t slot);
/* A message found no room. True: it is done with, and its session closed or not; else it waits. */
bool tw_backlog_refuse(struct tw_worker *worker, uint32_t slot, const struct tw_outgoing *message,
                       enum tw_sender_result room);
/* For that, and counted; see tw_life_give_up. */
void tw_backlog_close(struct tw_worker *worker, uint32_t slot);

#endif
