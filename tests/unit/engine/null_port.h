/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What an engine plans for DPDK's null port: default configuration, an address of each family, all
 * cores allowed, little memory. Fails the test if the plan does.
 */
#ifndef TICKWIRE_TESTS_UNIT_ENGINE_NULL_PORT_H
#define TICKWIRE_TESTS_UNIT_ENGINE_NULL_PORT_H

#include "dataplane/engine/topology.h"

#define NULL_PORT_WORKERS 2u

/* `buffers`: in each pool of packets. */
void null_port_plan(struct tw_config *config, struct tw_topology *topology, uint32_t buffers);

#endif
