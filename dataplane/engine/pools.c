/* SPDX-License-Identifier: BSD-3-Clause */
#include "dataplane/engine/pools.h"

#include <rte_mbuf.h>

struct rte_mempool *tw_pool_create(const struct tw_topology_pool *wanted, int socket)
{
    return rte_pktmbuf_pool_create(wanted->name, wanted->buffers, TW_TOPOLOGY_POOL_CACHE, 0,
                                   (uint16_t)wanted->buffer_size, socket);
}
