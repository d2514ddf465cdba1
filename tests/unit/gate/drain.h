/* SPDX-License-Identifier: BSD-3-Clause */
/* Rings of a worker that a test stops: what is in them goes back to its pool. One thread. */
#ifndef TICKWIRE_TESTS_UNIT_GATE_DRAIN_H
#define TICKWIRE_TESTS_UNIT_GATE_DRAIN_H

#include "tickwire/shard.h"

#include <rte_mbuf.h>
#include <rte_ring.h>
#include <rte_ring_elem.h>

static inline void rig_drain_mbufs(struct rte_ring *ring)
{
    void *mbuf;
    while (rte_ring_sc_dequeue(ring, &mbuf) == 0)
        rte_pktmbuf_free(mbuf);
}

static inline void rig_drain_buffers(struct rte_ring *ring)
{
    struct tw_out_buffer buffer;
    while (rte_ring_sc_dequeue_elem(ring, &buffer, sizeof(buffer)) == 0)
        rte_pktmbuf_free(buffer.owner);
}

#endif
