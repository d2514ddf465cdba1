/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What the benchmarks measure with: the time that the calling thread had a core, so that other
 * load moves a figure by what it does to the caches alone; and the median. Reading the clock is a
 * system call of some 0.3 µs: what is measured at once takes a hundred times as long.
 */
#ifndef TICKWIRE_TESTS_BENCH_MEASURE_H
#define TICKWIRE_TESTS_BENCH_MEASURE_H

#include <stdint.h>
#include <stdlib.h>
#include <time.h>

static inline uint64_t measure_now_ns(void)
{
    struct timespec now;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
    return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

static inline int measure_compare(const void *left, const void *right)
{
    double a = *(const double *)left, b = *(const double *)right;
    return (a > b) - (a < b);
}

/* Of values[count], which are sorted by it. */
static inline double measure_median(double *values, uint32_t count)
{
    qsort(values, count, sizeof(*values), measure_compare);
    return values[count / 2u];
}

#endif
