/* SPDX-License-Identifier: BSD-3-Clause */
#include "tests/load/lab/timing.h"

static uint64_t difference(uint64_t a, uint64_t b)
{
    return a > b ? a - b : b - a;
}

static uint64_t larger(uint64_t a, uint64_t b)
{
    return a > b ? a : b;
}

void tw_timing_note(struct tw_timing *timing, uint64_t due_ns, uint64_t sent_ns)
{
    uint64_t late_ns = sent_ns > due_ns ? sent_ns - due_ns : 0;
    timing->early += sent_ns < due_ns;
    tw_histogram_record(&timing->late_ns, late_ns);
    timing->late_max_ns = larger(timing->late_max_ns, late_ns);
    if (timing->packets > 0) {
        uint64_t error_ns =
            difference(sent_ns - timing->last_sent_ns, due_ns - timing->last_due_ns);
        tw_histogram_record(&timing->gap_error_ns, error_ns);
        timing->gap_error_max_ns = larger(timing->gap_error_max_ns, error_ns);
    }
    timing->last_due_ns = due_ns;
    timing->last_sent_ns = sent_ns;
    timing->packets++;
}

uint64_t tw_timing_permille(const struct tw_histogram *histogram, uint32_t permille)
{
    uint32_t counts[TW_HISTOGRAM_BUCKETS];
    for (uint32_t i = 0; i < TW_HISTOGRAM_BUCKETS; i++)
        counts[i] = atomic_load_explicit(&histogram->buckets[i], memory_order_relaxed);
    return tw_histogram_permille(counts, permille);
}
