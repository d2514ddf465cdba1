/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The main thread while the engine is live: relays between workers and control plane, keeps the
 * neighbour table, rotates the cookie key, publishes statistics, and ends in good order.
 *
 *   workers ── events ──►  main loop ──► agent link ──► control plane
 *           ◄─ commands ──           ◄──            ◄──
 *
 * Sleeps at most 1 ms; never blocks on anyone. What a worker must learn (cookie key, control
 * state, resync, neighbours, CLOSE_ALL) is owed until its ring has room; replies are only taken
 * off the socket while the rings have room for them.
 */
#ifndef TICKWIRE_DATAPLANE_ENGINE_MAIN_LOOP_H
#define TICKWIRE_DATAPLANE_ENGINE_MAIN_LOOP_H

#include "dataplane/engine/engine.h"
#include "tickwire/agent.h"

#include <stdio.h>

struct tw_main_loop;

/* NULL if memory is short. `engine` was started, not yet launched. */
struct tw_main_loop *tw_main_loop_create(struct tw_engine *engine);
void tw_main_loop_destroy(struct tw_main_loop *loop);

/* A lab's sessions are logged there from now on; the file stays the caller's. NULL: nowhere. */
void tw_main_loop_set_key_log(struct tw_main_loop *loop, FILE *key_log);

/* One turn, for tests; does not sleep. */
void tw_main_loop_turn(struct tw_main_loop *loop, uint64_t now_ns);

/* Runs until SIGTERM or SIGINT, tells every client (at most 3 s), joins the lcores, flushes to the
 * control plane, and prints the final line to stdout. A second signal exits at once. False: ended
 * in the same order, since no port is left, or the world is within a minute of its last tick. */
bool tw_main_loop_run(struct tw_main_loop *loop);

#endif
