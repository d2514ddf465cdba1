/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * How full a ring of DPDK's is, for its one writer or its one reader. rte_ring_count() reads what
 * the other thread writes without saying so, which is a race in C11's sense and for
 * ThreadSanitizer. The answer may be old: a writer finds no more room than there is, a reader no
 * more entries.
 */
#ifndef TICKWIRE_DATAPLANE_GATE_RING_H
#define TICKWIRE_DATAPLANE_GATE_RING_H

#include <rte_ring.h>
#include <stdint.h>

static inline uint32_t tw_ring_used(const struct rte_ring *ring)
{
    uint32_t written = __atomic_load_n(&ring->prod.tail, __ATOMIC_ACQUIRE);
    uint32_t taken = __atomic_load_n(&ring->cons.tail, __ATOMIC_ACQUIRE);
    return (written - taken) & ring->mask;
}

static inline uint32_t tw_ring_room(const struct rte_ring *ring)
{
    return ring->capacity - tw_ring_used(ring);
}

#endif
