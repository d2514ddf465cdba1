/* SPDX-License-Identifier: BSD-3-Clause */
/* The daemon's two clocks: wall clock for expiry and history, monotonic for everything else. */
#ifndef TICKWIRE_CONTROL_DAEMON_CLOCK_H
#define TICKWIRE_CONTROL_DAEMON_CLOCK_H

#include <stdint.h>
#include <time.h>

static inline uint64_t tw_clock_ms(clockid_t clock)
{
    struct timespec now;
    (void)clock_gettime(clock, &now);
    return (uint64_t)now.tv_sec * 1000u + (uint64_t)now.tv_nsec / 1000000u;
}

static inline uint64_t tw_clock_unix_ms(void)
{
    return tw_clock_ms(CLOCK_REALTIME);
}

static inline uint64_t tw_clock_unix_s(void)
{
    return tw_clock_unix_ms() / 1000u;
}

static inline uint64_t tw_clock_monotonic_ns(void)
{
    struct timespec now;
    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * UINT64_C(1000000000) + (uint64_t)now.tv_nsec;
}

static inline uint64_t tw_clock_monotonic_ms(void)
{
    return tw_clock_ms(CLOCK_MONOTONIC);
}

#endif
