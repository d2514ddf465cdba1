/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * DPDK's run-time directory of this process: <base>/dpdk/tickwire-<pid>, with the telemetry socket.
 * DPDK leaves it behind; a process that is killed leaves it in any case, so that the next engine
 * removes those of processes that are gone. Only directories that bear our prefix are touched.
 *
 * Main thread, except tw_runtime_directory_abandon.
 */
#ifndef TICKWIRE_DATAPLANE_ENGINE_RUNTIME_DIRECTORY_H
#define TICKWIRE_DATAPLANE_ENGINE_RUNTIME_DIRECTORY_H

#include <stddef.h>

#define TW_RUNTIME_PREFIX      "tickwire-" /* and the process id */
#define TW_RUNTIME_PREFIX_SIZE 32u

/* The file prefix this process gives to DPDK. */
void tw_runtime_prefix(char out[TW_RUNTIME_PREFIX_SIZE]);

/* Remembers `directory` and the files in it as ours, if it bears our prefix. NULL: DPDK has none.
 */
void tw_runtime_directory_remember(const char *directory);

/* Removes what is remembered, with all files in it. */
void tw_runtime_directory_remove(void);

/* The same for an exit that does not wait: files that were there when it was remembered.
 * Async-signal-safe. */
void tw_runtime_directory_abandon(void);

/* Removes directories of engines that were killed, beside `directory`: no such process lives, and
 * nobody listens on the socket in it (process ids mean nothing across containers). Returns how
 * many. */
unsigned tw_runtime_directory_sweep(const char *directory);

#endif
