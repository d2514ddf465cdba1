/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The server's clock as a client sees it: offset, round trip, the tick an input should aim at.
 *
 * The offset comes from the pong with the smallest round trip of the last few: queues only ever
 * add delay, so that sample is off by least (RFC 5905 section 10 argues the same). Until a pong
 * arrives the welcome's server time stands in, which is behind by its one-way trip. Time is µs of
 * the caller's monotonic clock. Pure, single-threaded.
 */
#ifndef TICKWIRE_DATAPLANE_CLIENT_CLOCK_H
#define TICKWIRE_DATAPLANE_CLIENT_CLOCK_H

#include "dataplane/wire/frames.h"

#include <stdbool.h>
#include <stdint.h>

/* 8 pongs are 4 s: long enough to hold one that met no queue, short enough to follow a drift. */
#define TW_CLIENT_CLOCK_SAMPLES 8u
/* Ticks between the input's arrival and its use: room for one tick of jitter on either side. */
#define TW_CLIENT_CLOCK_LEAD_TICKS 2u
/* A pong that answers an older ping says nothing about now. */
#define TW_CLIENT_CLOCK_PONG_AGE_MAX_US 10000000u

struct tw_client_clock_sample {
    int64_t offset_us;
    uint64_t rtt_us;
};

struct tw_client_clock {
    uint32_t tick_hz;
    int64_t offset_us; /* server time - local time */
    struct tw_client_clock_sample samples[TW_CLIENT_CLOCK_SAMPLES];
    uint64_t sample_count; /* ever */
    uint64_t rtt_us;       /* newest; 0: none */
    uint64_t rtt_min_us;   /* of the connection; 0: none */
    uint64_t rtt_smooth_us;
};

/* `tick_hz` is not 0. */
void tw_client_clock_init(struct tw_client_clock *clock, uint32_t tick_hz, uint64_t server_time_us,
                          uint64_t now_us);

/* False: the pong makes no sense (answers a ping of the future or of long ago) and was ignored. */
bool tw_client_clock_pong(struct tw_client_clock *clock, const struct tw_frame_pong *pong,
                          uint64_t now_us);

/* The tick the server is in. */
uint64_t tw_client_clock_tick(const struct tw_client_clock *clock, uint64_t now_us);

/* The tick that an input sent now should be for. */
uint64_t tw_client_clock_input_tick(const struct tw_client_clock *clock, uint64_t now_us);

#endif
