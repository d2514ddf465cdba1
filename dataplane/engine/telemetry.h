/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Figures of the engine for DPDK's telemetry (dpdk-telemetry.py): /tickwire/status,
 * /tickwire/drops, /tickwire/ports, /tickwire/workers, and /tickwire/help, which lists them.
 *
 * The main thread publishes what it sends to the control plane, once a second; handlers run on
 * DPDK's telemetry thread and read that alone, so the two always tell the same. Answers are
 * bounded: each is a few hundred numbers, and DPDK cuts at 16 KB. The state has static storage,
 * because handlers cannot be taken back and DPDK's thread outlives the engine.
 */
#ifndef TICKWIRE_DATAPLANE_ENGINE_TELEMETRY_H
#define TICKWIRE_DATAPLANE_ENGINE_TELEMETRY_H

#include "tickwire/agent.h"

#include <stdbool.h>

/* Main thread, after DPDK has started. False: DPDK did not take a command. */
bool tw_telemetry_start(void) __attribute__((warn_unused_result));

/* Main thread. */
void tw_telemetry_publish(const struct tw_agent_stats *stats);

#endif
