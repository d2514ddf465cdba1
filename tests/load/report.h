/* SPDX-License-Identifier: BSD-3-Clause */
/* Progress once per interval and the summary, as JSON lines or for people. One thread. */
#ifndef TICKWIRE_TESTS_LOAD_REPORT_H
#define TICKWIRE_TESTS_LOAD_REPORT_H

#include "tests/load/bots.h"

#include <stdbool.h>
#include <stdint.h>

/* Sums over all bots, now. */
struct tw_load_sums {
    uint32_t connected, connecting, waiting, closed;
    uint64_t inputs, snapshots, snapshots_lost, snapshots_incomplete, rejected;
    uint64_t hashes_checked, hashes_wrong;
    uint64_t inputs_applied;
    double moved_m;
};

struct tw_load_report {
    uint64_t reported_us; /* when the last line was printed */
    uint32_t lines;
    struct tw_load_sums sums;
    struct tw_load_traffic traffic;
};

void tw_load_report_interval(struct tw_load_report *report, struct tw_load_bots *bots);

/* Prints the summary; true if everything was as it must be. */
bool tw_load_report_summary(struct tw_load_bots *bots);

#endif
