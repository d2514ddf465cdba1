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
