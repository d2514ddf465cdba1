/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Suite gate: what one core's worker does with packets, on the shipped code alone. One thread, no
 * network card: the port is made of two rings in this process.
 */
#ifndef TICKWIRE_TESTS_BENCH_GATE_H
#define TICKWIRE_TESTS_BENCH_GATE_H

#include <stdbool.h>
#include <stdint.h>

enum tw_gate_length { TW_GATE_QUICK, TW_GATE_NORMAL, TW_GATE_LONG };

struct tw_gate_options {
    enum tw_gate_length length;
    bool check;       /* exit status 1 if a target is missed */
    const char *only; /* NULL, or the one row that is measured, named without "gate." */
};

/* Exit status: 0 it ran, 1 it could not or (check) missed a target. */
int tw_gate_run(const struct tw_gate_options *options);

#endif
