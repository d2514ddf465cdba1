/* SPDX-License-Identifier: BSD-3-Clause */
/* Figures of a benchmark: one JSON object per line on standard output. */
#ifndef TICKWIRE_TESTS_BENCH_OUTPUT_H
#define TICKWIRE_TESTS_BENCH_OUTPUT_H

#include <stdbool.h>

enum tw_bench_sense { TW_BENCH_AT_LEAST, TW_BENCH_AT_MOST };

struct tw_bench_target {
    double value;
    enum tw_bench_sense sense;
};

/* A figure without a target: target and pass are null. */
void tw_bench_print(const char *metric, double value, const char *unit, const char *setup);

/* A figure with a target; true if it was met. */
bool tw_bench_print_target(const char *metric, double value, const char *unit,
                           struct tw_bench_target target, const char *setup);

#endif
