/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * How a session behaves: everything that its own client sends authenticated, and could not have
 * sent if it were ours, is counted here and adds to a score that decays.
 *
 *   score:  warn ──► the client is told      throttle ──► half of its inputs, no actions
 *           disconnect ──► closed            below half of warn: all is forgiven
 *
 * Nothing that a bad network does adds to it. Order is judged by packet numbers, actions by ticks
 * of inputs, and what waited in a queue and comes at once is within the tolerance of the rate. A
 * press too many does nothing; so does a press for a tick before the newest one seen.
 *
 * Pure; one per session, zeroed at first, of the worker that owns it. Scores are thousandths of
 * points; time in ns of one monotonic clock.
 */
#ifndef TICKWIRE_DATAPLANE_GATE_CONDUCT_H
#define TICKWIRE_DATAPLANE_GATE_CONDUCT_H

#include "dataplane/gate/budget.h"
#include "dataplane/wire/frames.h"
#include "tickwire/config.h"
#include "tickwire/drop_reasons.h"
#include "tickwire/wire.h"

#include <assert.h>
#include <stdbool.h>
#include <stdint.h>

#define TW_CONDUCT_BUTTONS 8u
/* Presses are remembered for a second, a bit for each slot of it: as many ticks as it takes for a
 * second to have no more slots. At 60 ticks a second that is two, and no two presses of a button
 * are nearer. A second ends with the oldest slot that lies in it whole, so it has 15/16 of its
 * ticks at least; at 60 it has 59. */
#define TW_CONDUCT_SLOTS 32u
/* Packets with inputs that may come at once: 4 s that waited in a queue; more than a session's
 * packet budget lets through. */
#define TW_CONDUCT_QUEUED_S 4u
/* A client that goes on is told so often. */
#define TW_CONDUCT_NOTICE_NS UINT64_C(500000000)

struct tw_conduct_rules {
    struct tw_budget_rate packet_rate;    /* packets with inputs */
    struct tw_budget_rate throttled_rate; /* of a throttled session */
    uint32_t slot_ticks;
    uint32_t second_slots;               /* those of a second, as bits */
    uint32_t actions_max;                /* presses in it; UINT32_MAX: all of them */
    uint32_t warn, throttle, disconnect; /* thousandths */
    uint32_t decay_per_s;                /* points, so thousandths per ms */
};

struct tw_conduct {
    uint64_t sequence; /* newest packet that was judged */
    uint64_t ping_us;  /* of the newest ping */
    uint64_t scored_ns;
    uint64_t noticed_ns; /* newest notice; 0: none */
    struct tw_budget packets, throttled;
    uint32_t newest_tick;
    uint32_t score;
    uint8_t pressed;                      /* in the newest input */
    uint8_t denied;                       /* of these: pressed too often, until released */
    uint8_t stage;                        /* enum tw_conduct_stage */
    uint8_t kind;                         /* enum tw_conduct_event: what was charged last */
    uint32_t newest_slot;                 /* with a press */
    uint32_t presses[TW_CONDUCT_BUTTONS]; /* that did something: slots, the newest is bit 0 */
};
static_assert(sizeof(struct tw_conduct) == 96, "two lines, and presses apart from the rest");
static_assert(TW_BUTTONS_KNOWN < 1u << TW_CONDUCT_BUTTONS, "buttons fit a byte");

struct tw_conduct_packet {
    uint64_t sequence;
    uint64_t now_ns;
    uint32_t now_tick;
};

struct tw_conduct_verdict {
    uint32_t charged[TW_CONDUCT_COUNT]; /* how often, by enum tw_conduct_event */
    uint32_t inputs_dropped;
    bool notice; /* tell the client */
    bool close;
};

void tw_conduct_rules_make(struct tw_conduct_rules *rules, const struct tw_config *config);

/* Judges an accepted packet; takes out of `frames` what is not to be routed. False, as for nearly
 * every packet: there is nothing to act on, and *verdict, which was all zero, still is. */
bool tw_conduct_judge(struct tw_conduct *conduct, const struct tw_conduct_rules *rules,
                      const struct tw_conduct_packet *packet, struct tw_client_frames *frames,
                      struct tw_conduct_verdict *verdict);

/* The same player goes on in another session, with packet numbers, clocks and inputs of its own:
 * what it did, and what it has used up, goes along. `to` has judged nothing yet. */
void tw_conduct_inherit(struct tw_conduct *to, const struct tw_conduct *from);

/* Points now. */
uint32_t tw_conduct_score(const struct tw_conduct *conduct, const struct tw_conduct_rules *rules,
                          uint64_t now_ns);

#endif
