/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * How far ahead of the server's clock a client makes its inputs, so that each is there when its
 * tick runs, and not much sooner.
 *
 *   lead:  tick an input is for, due - server time when it is made
 *   delay: lead - margin at which it arrived (the server's reports): what the way takes, with our
 *          own frames and whatever the clocks are off by, which so cancels out
 *   goal:  the mean delay of the last second and one tick, or the longest delays of the last 5 s
 *          and half a tick, whichever is more: a buffer one tick deep on a steady path, and as
 *          deep as the path swings on another
 *
 * Of the longest delays the second counts: one packet that was lost twice moves nothing. When all
 * delays of a second lie below all means before, the path became shorter and what was before is
 * forgotten. The lead follows its goal at a bounded rate. It jumps with the first report, with the
 * first after a silence, and when most inputs of a report were late: the path became longer, and
 * what does not arrive in time need not be made evenly; what it swings is still known. Reports of
 * inputs that were made before a jump say nothing about the lead since. Before any report half a
 * round trip and two ticks stand in. Time is µs of the caller's monotonic clock. Pure,
 * single-threaded.
 */
#ifndef TICKWIRE_DATAPLANE_CLIENT_STEERING_H
#define TICKWIRE_DATAPLANE_CLIENT_STEERING_H

#include "dataplane/wire/frames.h"

#include <stdbool.h>
#include <stdint.h>

/* 5 s of reports, of which the last second tells the mean. */
#define TW_CLIENT_STEERING_REPORTS   25u
#define TW_CLIENT_STEERING_RECENT    5u
#define TW_CLIENT_STEERING_MEMORY_US 5000000u
/* Longer without a report: what was known of the path is worth nothing. */
#define TW_CLIENT_STEERING_SILENCE_US 1500000u
/* Inputs are made so much faster or slower than ticks run, at most. Late inputs are worse than
 * early ones; a quarter more is what the server lets in. */
#define TW_CLIENT_STEERING_FASTER_PPM 200000
#define TW_CLIENT_STEERING_SLOWER_PPM 100000
/* What a report is about: the inputs of so much time. */
#define TW_CLIENT_STEERING_SPAN_US 200000
/* More late inputs than one packet brings. */
#define TW_CLIENT_STEERING_LATE_MIN 4u
/* An error is worked off in so much time, unless that is faster than it may be. */
#define TW_CLIENT_STEERING_REACH_US 500000
/* Beyond 60 ticks ahead the server takes no input, and whoever goes on sending some is closed. So
 * an input may be there by the shortest way that is known and still be within 60 ticks, by some:
 * queues that a lead was made for vanish from one packet to the next. */
#define TW_CLIENT_STEERING_AHEAD_MAX   56
#define TW_CLIENT_STEERING_TICKS_MAX   48
#define TW_CLIENT_STEERING_LEAD_MAX_US 2000000
#define TW_CLIENT_STEERING_MADE                                                                    \
    128u /* inputs whose lead is remembered: more than are under way                               \
          */

struct tw_client_steering_window {
    uint64_t at_us;
    int64_t mean_us, high_us; /* delays */
};

struct tw_client_steering {
    int64_t tick_us;
    uint64_t anchor_us;
    int64_t lead_us; /* at the anchor */
    int64_t goal_us;
    int64_t way_us; /* the shortest to the server; 0: not known */
    bool guessed, reported;
    uint64_t reported_us;                                                 /* newest report */
    struct tw_client_steering_window windows[TW_CLIENT_STEERING_REPORTS]; /* oldest first */
    uint32_t window_count;
    uint32_t settled;    /* reports since the lead last jumped */
    bool jumped;         /* and nothing was made since */
    uint32_t since_jump; /* first tick that was made since the lead last jumped */
    struct {
        uint32_t tick;
        int32_t lead_us;
    } made[TW_CLIENT_STEERING_MADE]; /* by tick modulo */
    /* what the server told, for whoever wants to show it */
    int32_t margin_us, margin_lowest_us; /* of the newest report */
    uint64_t inputs, inputs_late;        /* of all reports */
};

void tw_client_steering_init(struct tw_client_steering *steering, uint32_t tick_hz,
                             uint64_t now_us);

/* A round trip was measured; counts until the first report. The shortest of the path bounds the
 * lead as long as it is the path. */
void tw_client_steering_guess(struct tw_client_steering *steering, uint64_t rtt_us,
                              uint64_t rtt_min_us, uint64_t now_us);

/* Inputs up to `tick`, `count` of them, were made now. */
void tw_client_steering_made(struct tw_client_steering *steering, uint32_t tick, uint32_t count,
                             uint64_t now_us);

void tw_client_steering_report(struct tw_client_steering *steering,
                               const struct tw_frame_arrivals *report, uint64_t now_us);

/* The path is another from now on: delays of the old one are forgotten, and reports of inputs that
 * were made before say nothing. Round trips tell the lead until the first report, which makes it
 * jump. */
void tw_client_steering_path_changed(struct tw_client_steering *steering);

int64_t tw_client_steering_lead_us(const struct tw_client_steering *steering, uint64_t now_us);

#endif
