/* SPDX-License-Identifier: BSD-3-Clause */
/* The engine's one clock: CLOCK_MONOTONIC in nanoseconds. Any thread. */
#ifndef TICKWIRE_DATAPLANE_ENGINE_CLOCK_H
#define TICKWIRE_DATAPLANE_ENGINE_CLOCK_H

#include <stdint.h>
#include <time.h>

#define TW_SECOND_NS      UINT64_C(1000000000)
#define TW_MILLISECOND_NS UINT64_C(1000000)

static inline uint64_t tw_clock_now_ns(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * TW_SECOND_NS + (uint64_t)now.tv_nsec;
}

/* May return early (a signal): callers look at the clock again. */
static inline void tw_clock_sleep_until_ns(uint64_t deadline_ns)
{
    struct timespec deadline = {.tv_sec = (time_t)(deadline_ns / TW_SECOND_NS),
                                .tv_nsec = (long)(deadline_ns % TW_SECOND_NS)};
    clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &deadline, NULL);
}

#endif
