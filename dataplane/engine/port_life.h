/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A port's life after its start, as logic alone: what is seen of it and the time go in, what the
 * main thread has to do comes out.
 *
 * MISMATCHED: UP, were it not for an other end that has too few queues. Neither UP nor NO_LINK, and
 * left as they are.
 *
 *          link down                  reset asked            all workers obey
 *    UP ◄────────────► NO_LINK    UP, NO_LINK ────► LEAVING ─────────────────► RESETTING
 *           link up                                    │ 2 s                     │  ▲ every 0.5 s
 *                                                    STUCK                done ──┤  └── failed
 *    removed, at any time: FAILED                     (end)       NO_LINK ◄──────┘
 *    30 s of failures:     FAILED                                 (and UP, if there is a link)
 *
 * A driver may only be touched in RESETTING: between the last worker's word and the next order. A
 * reset that is asked for while one is under way is that one. Main thread; no clock, no driver.
 */
#ifndef TICKWIRE_DATAPLANE_ENGINE_PORT_LIFE_H
#define TICKWIRE_DATAPLANE_ENGINE_PORT_LIFE_H

#include "dataplane/gate/port_orders.h"
#include "tickwire/ports.h"

#include <stdbool.h>
#include <stdint.h>

/* No worker's turn takes as long: one that does not obey by then hangs in a driver. */
#define TW_PORT_LEAVE_NS UINT64_C(2000000000)
/* A card takes 1 to 3 s for a reset, and a virtual function waits for the physical one's. After
 * this long players begin to leave the world (life.park_ms). */
#define TW_PORT_RESET_NS UINT64_C(30000000000)
#define TW_PORT_RETRY_NS UINT64_C(500000000)

/* Zeroed memory: up, nothing happened yet. */
struct tw_port_life {
    enum tw_port_state state;
    uint64_t deadline_ns; /* LEAVING, RESETTING */
    uint64_t retry_ns;    /* RESETTING: next try */
    uint64_t began_ns;    /* of the newest reset */
    uint32_t tries;       /* of it that failed */
    uint64_t link_downs, resets, reset_failures;
};

struct tw_port_sight {
    bool link;
    bool few_queues;  /* at its other end */
    bool reset_asked; /* since the last look: by the card, or by an operator */
    bool removed;
    bool workers_obey; /* all of them, the last order */
};

enum tw_port_step {
    TW_PORT_STEP_NONE,
    TW_PORT_STEP_ORDER, /* the state changed: give the workers tw_port_life_order() */
    TW_PORT_STEP_RESET, /* reset it now, then tw_port_life_reset_done */
    TW_PORT_STEP_STUCK, /* a worker did not obey: nothing can be done but to end */
};

enum tw_port_step tw_port_life_turn(struct tw_port_life *life, const struct tw_port_sight *sight,
                                    uint64_t now_ns);
/* NONE: it is tried again. */
enum tw_port_step tw_port_life_reset_done(struct tw_port_life *life, bool good, uint64_t now_ns);
enum tw_port_order tw_port_life_order(const struct tw_port_life *life);

#endif
