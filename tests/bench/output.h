/* SPDX-License-Identifier: BSD-3-Clause */
/* Figures of a benchmark: one JSON object per line on standard output. */
#ifndef TICKWIRE_TESTS_BENCH_OUTPUT_H
#define TICKWIRE_TESTS_BENCH_OUTPUT_H

/* No target is set for any figure of this suite yet: target and pass are null. */
void tw_bench_print(const char *metric, double value, const char *unit, const char *setup);

#endif
