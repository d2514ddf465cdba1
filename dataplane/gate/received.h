/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Received buffers that go back to their pool many at a time. Of one that nobody else holds and
 * that is a packet by itself, the second line stays untouched: a buffer in its pool has no next
 * one. Any thread that owns the buffers.
 */
#ifndef TICKWIRE_DATAPLANE_GATE_RECEIVED_H
#define TICKWIRE_DATAPLANE_GATE_RECEIVED_H

#include <rte_mbuf.h>
#include <stdbool.h>

/* True if it may go back as it is, together with others of `pool`; NULL: of any pool. */
static inline bool tw_received_is_plain(const struct rte_mbuf *mbuf, const struct rte_mempool *pool)
{
    return RTE_MBUF_DIRECT(mbuf) && rte_mbuf_refcnt_read(mbuf) == 1 && mbuf->nb_segs == 1 &&
           (pool == NULL || mbuf->pool == pool);
}

#endif
