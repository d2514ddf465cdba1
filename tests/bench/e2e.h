/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Suite e2e: a real worker and a real shard in one process, over a port made of two rings. The
 * clients are a cooperative stage of the worker's loop; handshakes are real, the control plane's
 * half runs on the main thread. DPDK starts once per process, so one run measures one crowd.
 */
#ifndef TICKWIRE_TESTS_BENCH_E2E_H
#define TICKWIRE_TESTS_BENCH_E2E_H

#include <stdint.h>

struct tw_e2e_options {
    uint32_t players;
    uint32_t seconds; /* measured */
};

/* Exit status: 0 it ran, 1 it could not. */
int tw_e2e_run(const struct tw_e2e_options *options);

#endif
