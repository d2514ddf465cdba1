/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * How well packets kept their times: how late each left, and by how much the gap to the one before
 * it differed from the recorded gap. Percentiles within 3.2 %. Pure; one owner.
 */
#ifndef TICKWIRE_TESTS_LOAD_LAB_TIMING_H
#define TICKWIRE_TESTS_LOAD_LAB_TIMING_H

#include "tickwire/counters.h"

#include <stdint.h>

struct tw_timing {
    uint64_t packets;
    uint64_t early; /* sent before they were due */
    uint64_t last_due_ns, last_sent_ns;
    uint64_t late_max_ns, gap_error_max_ns;
    struct tw_histogram late_ns, gap_error_ns;
};

/* A zeroed struct is a fresh one. Both times from the same origin. */
void tw_timing_note(struct tw_timing *timing, uint64_t due_ns, uint64_t sent_ns);

/* Value below which `permille` of the samples lie. */
uint64_t tw_timing_permille(const struct tw_histogram *histogram, uint32_t permille);

#endif
