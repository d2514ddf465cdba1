/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Packet pools of the topology table, made before the ports that receive into them. Main thread;
 * they live as long as DPDK does.
 */
#ifndef TICKWIRE_DATAPLANE_ENGINE_POOLS_H
#define TICKWIRE_DATAPLANE_ENGINE_POOLS_H

#include "dataplane/engine/topology.h"

struct rte_mempool;

/* NULL: no memory, the reason in rte_errno. */
struct rte_mempool *tw_pool_create(const struct tw_topology_pool *wanted, int socket);

#endif
