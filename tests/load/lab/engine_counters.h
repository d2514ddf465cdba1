/* SPDX-License-Identifier: BSD-3-Clause */
/* What an engine has counted, asked of its control plane over the CLI socket. Blocking. */
#ifndef TICKWIRE_TESTS_LOAD_LAB_ENGINE_COUNTERS_H
#define TICKWIRE_TESTS_LOAD_LAB_ENGINE_COUNTERS_H

#include <stdbool.h>
#include <stdint.h>

struct tw_engine_counters {
    uint64_t received; /* taken from the port */
    uint64_t accepted;
    uint64_t port_missed; /* lost at the port */
};

/* Waits, up to 5 s, until two reports in a row say the same: reports come once a second. False:
 * nobody answers, or no engine is linked. */
bool tw_engine_counters_read(const char *socket_path, struct tw_engine_counters *counters)
    __attribute__((warn_unused_result));

#endif
