/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * How a session behaves: everything that its own client sends authenticated, and could not have
 * sent if it were ours, is counted here and adds to a score that decays.
 *
 *   score:  warn ──► the client is told      throttle ──► part of its inputs, no actions
 *           disconnect ──► closed            below part of warn: all is forgiven
 *
 * Nothing that a bad network does adds to it. Order is judged by packet numbers, actions by ticks
 * of inputs, and what waited in a queue and comes at once is within the tolerance of the rate. A
 * press too many does nothing; so does a press for a tick before the newest one seen.
 *
 * A session begins at nothing. What its player's earlier ones came to is told by the control plane,
 * which keeps it (control/daemon/conduct.h).
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
#include <stddef.h>
#include <stdint.h>

#define TW_CONDUCT_BUTTONS 8u
/* Presses are remembered for a second, a bit for each slot of it: as many ticks as it takes for a
 * second to have no more slots. At 60 ticks a second that is two, and no two presses of a button
 * are nearer. A second ends with the oldest slot that lies in it whole, so it has 15/16 of its
 * ticks at least; at 60 it has 59. */
#define TW_CONDUCT_SLOTS 32u
/* A client that goes on is told so often: nobody is judged by it, and its library makes an event of
 * each. */
#define TW_CONDUCT_NOTICE_MS 500u

/* All that a session is judged by is the operator's (configuration, section conduct), but for what
 * the protocol sets: which ticks are taken at all, and that packet numbers order time. */
struct tw_conduct_rules {
    /* What each packet is held against. */
    struct tw_budget_rate packet_rate; /* packets with inputs */
    uint64_t back_us;                  /* a ping may go back so far */
    uint32_t back_ticks;               /* inputs may */
    uint32_t ahead_ticks;
    uint32_t slot_ticks;
    uint32_t second_slots; /* those of a second, as bits */
    uint32_t actions_max;  /* presses in it; UINT32_MAX: all of them */
    /* What a charged one is. Scores in thousandths. */
    _Alignas(64) struct tw_budget_rate throttled_rate;
    uint32_t points[TW_NOTICE_KINDS]; /* whole ones */
    uint32_t forgiven, warn, throttle, disconnect;
    uint32_t decay_per_s; /* points, so thousandths per ms */
} __attribute__((aligned(64)));
static_assert(offsetof(struct tw_conduct_rules, throttled_rate) == 64, "one line for every packet");
static_assert(TW_NOTICE_KINDS == TW_CONDUCT_WARNED, "what is charged comes first");

struct tw_conduct {
    uint64_t sequence; /* newest packet that was judged */
    uint64_t ping_us;  /* of the newest ping */
    uint64_t scored_ns;
    uint32_t noticed_ms; /* newest notice, its last bits; 0: none */
    uint32_t since;      /* the newest reset, or when it began (tickwire/conduct.h) */
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
    bool is_charged; /* with anything */
    bool is_staged;  /* another stage than before */
    bool notice;     /* tell the client */
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

/* What a player's earlier sessions came to. */
struct tw_conduct_past {
    uint32_t score; /* points, of now */
    uint8_t stage;
    uint8_t kind;
};

/* A session is held to it, if it has not done worse itself: told twice, or late, it is told once.
 * Nobody is closed for it: whoever has stopped may stay. *verdict was all zero. */
void tw_conduct_carry(struct tw_conduct *conduct, const struct tw_conduct_rules *rules,
                      const struct tw_conduct_past *past, uint64_t now_ns,
                      struct tw_conduct_verdict *verdict);
/* An operator's pardon; what budgets have used up stays so. One that it has obeyed, or of before it
 * began, is none: what it did since stays. *verdict was all zero. */
void tw_conduct_reset(struct tw_conduct *conduct, uint32_t number, uint64_t now_ns,
                      struct tw_conduct_verdict *verdict);

/* Points now. */
uint32_t tw_conduct_score(const struct tw_conduct *conduct, const struct tw_conduct_rules *rules,
                          uint64_t now_ns);

#endif
