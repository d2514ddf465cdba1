/* SPDX-License-Identifier: BSD-3-Clause */
#include "dataplane/engine/pools.h"

#include <rte_mbuf.h>

/* What was sent last is taken next: of a pool that holds buffers for the worst case, those that go
 * around stay in the caches. A ring would go through all of them, each time from memory. */
#define TRANSMIT_OPS "stack"

struct rte_mempool *tw_pool_create(const struct tw_topology_pool *wanted, int socket)
{
    struct rte_mempool *pool = NULL;
    if (wanted->transmit)
        pool =
            rte_pktmbuf_pool_create_by_ops(wanted->name, wanted->buffers, TW_TOPOLOGY_POOL_CACHE, 0,
                                           (uint16_t)wanted->buffer_size, socket, TRANSMIT_OPS);
    if (pool)
        return pool;
    /* Receiving, or a DPDK without this kind. */
    return rte_pktmbuf_pool_create(wanted->name, wanted->buffers, TW_TOPOLOGY_POOL_CACHE, 0,
                                   (uint16_t)wanted->buffer_size, socket);
}
