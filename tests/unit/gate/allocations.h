/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Does code under test ask for memory? Counts every call that takes memory from the heap, the C
 * library's and DPDK's, while a thread watches. Linked into a test it replaces malloc, rte_malloc
 * and their kin (under a sanitizer it listens to the sanitizer's malloc). Any thread, each counts
 * its own calls.
 */
#ifndef TICKWIRE_TESTS_UNIT_GATE_ALLOCATIONS_H
#define TICKWIRE_TESTS_UNIT_GATE_ALLOCATIONS_H

#include <stdint.h>

/* Once, before the first watch. */
void allocations_init(void);

void allocations_watch(void);
/* Calls since the watch began. */
uint64_t allocations_seen(void);

/* Blocks that DPDK's heaps have lent now. */
uint64_t allocations_dpdk_blocks(void);

#endif
