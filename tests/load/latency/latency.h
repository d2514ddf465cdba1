/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * `tickwire-load latency`: round trips of one client, one at a time: sealed pings to an engine, or
 * datagrams of the same size to an echo, which `--serve` is. What the engine adds to the bare way
 * is the difference. Kernel UDP, blocking; CLOCK_MONOTONIC.
 */
#ifndef TICKWIRE_TESTS_LOAD_LATENCY_LATENCY_H
#define TICKWIRE_TESTS_LOAD_LATENCY_LATENCY_H

#include <signal.h>

/* The exit status. */
int tw_latency_main(int argc, char **argv, const volatile sig_atomic_t *stop);

#endif
