/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What it costs a session to say something, of its budgets, and when that gets dear; see
 * patience.h. Run by the worker that owns the tables. See docs/decisions/0031-messages-wait.md.
 */
#ifndef TICKWIRE_DATAPLANE_GATE_SPEECH_H
#define TICKWIRE_DATAPLANE_GATE_SPEECH_H

#include "tickwire/message.h"

#include <stdbool.h>
#include <stdint.h>

struct tw_config_limits;
struct tw_talk;
struct tw_worker;

void tw_speech_init(struct tw_talk *talk, const struct tw_config_limits *limits);

/* False: not now. When speech is dear it is paid for twice, of which the usual price is the lesser
 * part. Bulk is not, and makes nothing else wait: it waits since the last one for as long as it
 * costs by itself, whatever was said before. */
bool tw_speech_pay(struct tw_worker *worker, uint32_t slot, const struct tw_message *message);

/* Somebody takes less than what is said: it gets dear, whoever speaks on whatever worker; here at
 * once, if what was said is too much already. */
void tw_speech_make_dear(struct tw_worker *worker, bool at_once);
/* It gets dear here while it does at others. */
void tw_speech_look(struct tw_worker *worker);

#endif
