/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Suite budget: what one player, one tick, one entity and one packet cost, in time and memory, and
 * what two checks cost that other suites hold in their totals alone: the judgement of a client's
 * conduct, and the hash of a client's view. Each figure with its budget in docs/performance.md.
 * Time is the thread's own.
 */
#ifndef TICKWIRE_TESTS_BENCH_BUDGET_H
#define TICKWIRE_TESTS_BENCH_BUDGET_H

#include <stdbool.h>
#include <stdint.h>

struct tw_budget_options {
    uint32_t repetitions; /* of each figure; the median is printed */
    bool check;           /* a missed budget is a failure */
};

/* Exit status: 0 it ran (and with check: kept all budgets), 1 else. */
int tw_budget_run(const struct tw_budget_options *options);

#endif
