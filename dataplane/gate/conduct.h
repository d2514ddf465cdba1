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

#include <stdbool.h>
#include <stdint.h>

#define TW_CONDUCT_BUTTONS 8u
/* Ticks in sixteenths: a rate of actions seldom is a whole number of ticks. */
#define TW_CONDUCT_TICK_PARTS 16u
/* Packets with inputs that may come at once: 4 s that waited in a queue; more than a session's
 * packet budget lets through. */
#define TW_CONDUCT_QUEUED_S 4u
/* A client that goes on is told so often. */
#define TW_CONDUCT_NOTICE_NS UINT64_C(500000000)

struct tw_conduct_rules {
    struct tw_budget_rate packet_rate;    /* packets with inputs */
    struct tw_budget_rate throttled_rate; /* of a throttled session */
    uint32_t action_interval;             /* between presses of a button, in parts of a tick */
    uint32_t action_burst;                /* the same, for a second's worth at once */
    uint32_t warn, throttle, disconnect;  /* thousandths */
    uint32_t decay_per_s;                 /* points, so thousandths per ms */
};

struct tw_conduct {
    uint64_t sequence; /* newest packet that was judged */
    uint64_t ping_us;  /* of the newest ping */
    uint64_t scored_ns;
    uint64_t noticed_ns; /* newest notice; 0: none */
    struct tw_budget packets, throttled;
    uint32_t newest_tick;
    uint32_t score;
    uint16_t pressed; /* in the newest input */
    uint16_t denied;  /* of these: pressed too often, until released */
    uint8_t stage;    /* enum tw_conduct_stage */
    uint8_t kind;     /* enum tw_conduct_event: what was charged last */
    uint32_t
        actions_full_at[TW_CONDUCT_BUTTONS]; /* parts of ticks, 0: never pressed; see budget.h */
};

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
