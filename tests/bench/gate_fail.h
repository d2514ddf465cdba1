/* SPDX-License-Identifier: BSD-3-Clause */
/* A benchmark of the gate that finds what cannot be ends here, with a message. */
#ifndef TICKWIRE_TESTS_BENCH_GATE_FAIL_H
#define TICKWIRE_TESTS_BENCH_GATE_FAIL_H

#include <stdio.h>
#include <stdlib.h>

#define GATE_CHECK(condition, ...)                                                                 \
    do {                                                                                           \
        if (!(condition)) {                                                                        \
            fprintf(stderr, "bench gate: " __VA_ARGS__);                                           \
            fputc('\n', stderr);                                                                   \
            exit(1);                                                                               \
        }                                                                                          \
    } while (0)

#endif
