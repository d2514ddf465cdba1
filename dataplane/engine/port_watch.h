/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Looks after the engine's ports while it is live: follows their links, resets those that ask for
 * it, and tells workers and operators. What happens when is decided in port_life.h; this is the way
 * between that, the drivers and the workers.
 *
 * Main thread, from launch to join. One line on standard error for each change.
 */
#ifndef TICKWIRE_DATAPLANE_ENGINE_PORT_WATCH_H
#define TICKWIRE_DATAPLANE_ENGINE_PORT_WATCH_H

#include "dataplane/engine/engine.h"

/* Links of drivers that tell nothing. */
#define TW_PORT_LOOK_NS UINT64_C(100000000)
/* A link that flaps is told a hundred times a second at most. */
#define TW_PORT_LOOK_MIN_NS UINT64_C(10000000)

/* One turn for every port, drivers' timers included; takes long only for a reset. False: all ports
 * are given up. */
bool tw_port_watch_turn(struct tw_engine *engine, uint64_t now_ns)
    __attribute__((warn_unused_result));

/* An operator wants it. False: no port has that name, or it is given up. */
bool tw_port_watch_reset(struct tw_engine *engine, const char *name);

#endif
