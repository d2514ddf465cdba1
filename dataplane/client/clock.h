/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The server's clock as a client sees it: offset, drift and round trip.
 *
 * The offset comes from the pong that can be off by least: half of its round trip, and what clocks
 * may drift since (RFC 5905 section 10 argues the same: queues only ever add delay). Drift is the
 * median slope between the best pongs of stretches of 4 s, up to a minute back. Until a pong
 * arrives the welcome's server time stands in, which is behind by its one-way trip.
 *
 * What callers read is a smooth clock: it goes on at the drift, works off an error at 0.5 %, and
 * never runs backwards. It steps only within the first pongs, or when it is wrong by half a second
 * (the device slept, the path was gone). Time is µs of the caller's monotonic clock. Pure,
 * single-threaded.
 */
#ifndef TICKWIRE_DATAPLANE_CLIENT_CLOCK_H
#define TICKWIRE_DATAPLANE_CLIENT_CLOCK_H

#include "dataplane/wire/frames.h"

#include <stdbool.h>
#include <stdint.h>

/* 16 pongs are 8 s: long enough to hold one that met no queue. */
#define TW_CLIENT_CLOCK_SAMPLES 16u
/* Pongs that may step the clock: it is right within the first second. */
#define TW_CLIENT_CLOCK_FIRST    5u
#define TW_CLIENT_CLOCK_STEP_US  500000
#define TW_CLIENT_CLOCK_SLEW_PPM 5000
/* Stretches whose best pong counts for the drift: a minute. */
#define TW_CLIENT_CLOCK_STRETCHES  16u
#define TW_CLIENT_CLOCK_STRETCH_US 4000000u
/* Quartz is within 100 ppm; what claims more than this is no clock. */
#define TW_CLIENT_CLOCK_DRIFT_MAX_PPB 500000
/* What an offset may be off by for each second of age, beyond the drift that is known. */
#define TW_CLIENT_CLOCK_AGING_PPM 100u
/* A pong that answers an older ping says nothing about now. */
#define TW_CLIENT_CLOCK_PONG_AGE_MAX_US 10000000u

struct tw_client_clock_sample {
    uint64_t at_us;
    int64_t offset_us; /* server time - local time, then */
    uint64_t rtt_us;
};

struct tw_client_clock {
    uint32_t tick_hz;
    int32_t drift_ppb; /* how much faster the server's clock is */
    /* The smooth clock since its last change. */
    uint64_t anchor_us;
    int64_t offset_us;     /* server time - local time at the anchor */
    int64_t correction_us; /* of it, worked off since */
    uint64_t floor_us;     /* server time that was shown before a step back */
    bool has_floor;
    struct tw_client_clock_sample samples[TW_CLIENT_CLOCK_SAMPLES];
    uint64_t sample_count; /* ever */
    struct tw_client_clock_sample stretches[TW_CLIENT_CLOCK_STRETCHES];
    uint32_t stretch_count;                /* ever */
    struct tw_client_clock_sample stretch; /* best of the present one; rtt 0: none */
    uint64_t stretch_end_us;
    uint64_t path_since_us; /* answers to pings before it tell nothing of the path */
    uint64_t rtt_us;        /* newest; 0: none */
    uint64_t rtt_min_us;    /* of the path; 0: none */
    uint64_t rtt_smooth_us; /* 0: none */
    uint64_t error_us;      /* the offset is off by this at most, if the path is symmetric or not */
};

/* `tick_hz` is not 0. */
void tw_client_clock_init(struct tw_client_clock *clock, uint32_t tick_hz, uint64_t server_time_us,
                          uint64_t now_us);

/* False: the pong makes no sense (answers a ping of the future or of long ago) and was ignored. */
bool tw_client_clock_pong(struct tw_client_clock *clock, const struct tw_frame_pong *pong,
                          uint64_t now_us);

/* The path is another from now on: its round trips are measured anew. The clocks are what they
 * were, and so is what is known of them. */
void tw_client_clock_path_changed(struct tw_client_clock *clock, uint64_t now_us);

/* Server time by the smooth clock; does not run backwards as `now_us` advances. */
uint64_t tw_client_clock_time_us(const struct tw_client_clock *clock, uint64_t now_us);

/* The tick that runs at a server time, and when a tick is due. */
uint64_t tw_client_clock_tick_at(const struct tw_client_clock *clock, uint64_t server_time_us);
uint64_t tw_client_clock_due_us(const struct tw_client_clock *clock, uint64_t tick);

/* The tick the server is in. */
uint64_t tw_client_clock_tick(const struct tw_client_clock *clock, uint64_t now_us);

#endif
