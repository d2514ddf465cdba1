/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Who is closed for the room that messages take which it has begun.
 *
 *   somebody has waited for room for a second ──► of those that are late the one that holds most
 *
 * As long as nobody waits, everybody may take its time. Which room is whose says
 * dataplane/wire/holder.h, what late is dataplane/wire/receiver.h. Run by the worker that owns the
 * tables. See docs/decisions/0034-room-for-messages.md.
 */
#ifndef TICKWIRE_DATAPLANE_GATE_RELIEF_H
#define TICKWIRE_DATAPLANE_GATE_RELIEF_H

#include <stdint.h>

struct tw_worker;

void tw_relief_turn(struct tw_worker *worker);
/* It has begun messages and does not go on with them. What it holds is others' at once. */
void tw_relief_close(struct tw_worker *worker, uint32_t slot);

#endif
