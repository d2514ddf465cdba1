/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What players lose when more comes than a core takes: a table by kind of flood and offered rate,
 * on standard error in the form of docs/performance.md.
 *
 * Ten thousand clients send 60 packets a second each, hostile packets come evenly between them, and
 * both wait in one queue as long as a network card's. What finds it full is lost, whoever sent it.
 * Packets arrive by the time that the worker's turns take on this thread: others' load on the
 * machine moves the figures by what it does to the caches alone. Frames come from the second cache,
 * and copying them is outside the clock: a core behind a card takes somewhat less.
 */
#ifndef TICKWIRE_TESTS_BENCH_GATE_OVERLOAD_H
#define TICKWIRE_TESTS_BENCH_GATE_OVERLOAD_H

#include "tests/bench/gate_rig.h"

/* A started rig. Ends the process if a packet that the queue took is refused to a player. */
void gate_overload_print(struct gate_rig *rig);

#endif
