/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * How a crowd comes to its sessions: as real clients do, by hello, cookie, hello 2, the control
 * plane's reply and a first sealed packet. Only the public-key arithmetic of the two ends is left
 * out: the secrets in the reply are random.
 */
#ifndef TICKWIRE_TESTS_BENCH_GATE_JOIN_H
#define TICKWIRE_TESTS_BENCH_GATE_JOIN_H

#include "tests/bench/gate_rig.h"

/* Every client of rig->crowd has a live session afterwards. */
void gate_join_all(struct gate_rig *rig);

#endif
