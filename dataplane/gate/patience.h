/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * How long a session may make others wait, and how dear it is to speak meanwhile.
 *
 * Patience: time that a session has been behind adds up, and is forgotten at a twentieth of the
 * rate. Whoever has used up all of it has to go, so one that takes almost enough, for ever, costs
 * the others as much as one that takes nothing: a moment. While nobody waits for it, time in which
 * what waits for it gets less is not counted: it takes more than is said to it.
 *
 * Dearness: while somebody is behind, or nearly, a message costs the budget of its speaker many
 * times what it does else. So those who say most are slowed down first, and whoever says little is
 * not slowed down at all: nobody who speaks to others without end can make them fall behind what
 * all may say at the dearest. It doubles and is halved, lazily, when it is asked for.
 *
 * Pure; each has one owner. Zeroed memory is a session that was never behind, and speech at its
 * price. Time in µs, never backwards. See docs/decisions/0031-messages-wait.md.
 */
#ifndef TICKWIRE_DATAPLANE_GATE_PATIENCE_H
#define TICKWIRE_DATAPLANE_GATE_PATIENCE_H

#include <stdbool.h>
#include <stdint.h>

/* Longer than an outage of three seconds with what is sent again after it. */
#define TW_PATIENCE_US 5000000u
/* Of the time that it is not behind, so much is forgiven. */
#define TW_PATIENCE_BACK 20u

/* It gets less if it falls by 4 KB, and by 2 KB/s from when there was most. */
#define TW_PATIENCE_LESS       32u
#define TW_PATIENCE_GRANULE_US 62500u

struct tw_patience {
    uint64_t at_us;   /* when `used_us` was true */
    uint64_t seen_us; /* it was behind when it was last looked at, which was then; 0: it was not */
    uint32_t used_us;
    uint32_t most;    /* granules that waited for it … */
    uint64_t most_us; /* … then: since, they have got less fast enough */
};

enum tw_patience_state {
    TW_PATIENCE_KEEPS_UP,
    TW_PATIENCE_BEHIND,
    TW_PATIENCE_WAITED_FOR, /* by others */
};

struct tw_patience_sight {
    enum tw_patience_state state;
    uint32_t left;       /* granules that wait for it */
    uint32_t longest_us; /* counted since the last look at most: whoever looks may stand still */
};

/* A look. False: its time is up. */
bool tw_patience_look(struct tw_patience *patience, const struct tw_patience_sight *sight,
                      uint64_t now_us);

/* A message of 1 KB costs so many at most: at 60 a second, five are left to everybody. */
#define TW_DEARNESS_MAX       12u
#define TW_DEARNESS_DOUBLE_US 100000u
#define TW_DEARNESS_BACK_US   250000u

struct tw_dearness {
    uint64_t double_at_us; /* not before */
    uint64_t back_at_us;   /* is halved */
    uint32_t above;        /* above one */
};

/* Somebody is behind, or will be. */
void tw_dearness_press(struct tw_dearness *dearness, uint64_t now_us);
/* It is certain already: as dear as can be. */
void tw_dearness_leap(struct tw_dearness *dearness, uint64_t now_us);
/* 1..TW_DEARNESS_MAX. */
uint32_t tw_dearness_now(struct tw_dearness *dearness, uint64_t now_us);

#endif
