/* SPDX-License-Identifier: BSD-3-Clause */
#include "tests/bench/output.h"

#include <stdio.h>

void tw_bench_print(const char *metric, double value, const char *unit, const char *setup)
{
    printf("{\"metric\":\"%s\",\"value\":%.6g,\"unit\":\"%s\",\"target\":null,\"pass\":null,"
           "\"setup\":\"%s\"}\n",
           metric, value, unit, setup);
    fflush(stdout);
}

bool tw_bench_print_target(const char *metric, double value, const char *unit,
                           struct tw_bench_target target, const char *setup)
{
    bool pass = target.sense == TW_BENCH_AT_LEAST ? value >= target.value : value <= target.value;
    printf("{\"metric\":\"%s\",\"value\":%.6g,\"unit\":\"%s\",\"target\":%.6g,\"pass\":%s,"
           "\"setup\":\"%s\"}\n",
           metric, value, unit, target.value, pass ? "true" : "false", setup);
    fflush(stdout);
    return pass;
}
