/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * How long a worker that finds nothing to do stays away.
 *
 * Polling (a core of its own): never. Backing off (a shared core): some empty turns in a row, then
 * short sleeps, and longer ones while nobody plays, so that the core is left to others. Any turn
 * with a packet starts over. Pure.
 */
#ifndef TICKWIRE_DATAPLANE_GATE_IDLE_H
#define TICKWIRE_DATAPLANE_GATE_IDLE_H

#include "tickwire/config.h"

/* Short sleeps before the long ones: 10 ms and more with the defaults, so that the pause between
 * two packets of a handshake is no long sleep. */
#define TW_IDLE_SHORT_SLEEPS 200u

/* ns to sleep after `empty_turns` in a row; 0: poll again. `deserted`: no session at all. */
long tw_idle_pause_ns(const struct tw_config_engine *config, uint32_t empty_turns, bool deserted);

#endif
