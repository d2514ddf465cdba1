/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Suite space: the spatial index alone. Every question is measured on worlds of 100,000 entities
 * and stands beside brute force over the same entities in the same process; growth rows ask the
 * same with 1,000 to 1,000,000. Times are of the thread's own processor time.
 */
#ifndef TICKWIRE_TESTS_BENCH_SPACE_H
#define TICKWIRE_TESTS_BENCH_SPACE_H

#include <stdbool.h>
#include <stdint.h>

struct tw_space_options {
    uint32_t repetitions; /* of each figure; the median is printed */
    bool check;           /* a missed target is a failure */
    bool growth;          /* measure the growth rows as well */
};

/* Exit status: 0 it ran (and with check: met all targets), 1 else. */
int tw_space_run(const struct tw_space_options *options);

#endif
