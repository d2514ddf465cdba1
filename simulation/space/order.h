/* SPDX-License-Identifier: BSD-3-Clause */
/* Results in order: by key, equal keys by handle. Pure, any thread. */
#ifndef TICKWIRE_SIMULATION_SPACE_ORDER_H
#define TICKWIRE_SIMULATION_SPACE_ORDER_H

#include "simulation/space/reader.h"

#include <stdint.h>

void tw_space_sort(struct tw_space_hit *hits, uint32_t count);
/* The same, faster for many; `room` holds as many. */
void tw_space_sort_spread(struct tw_space_hit *hits, uint32_t count, struct tw_space_hit *room);
/* The `wanted` first of them come to the front, in any order; 0 < wanted <= count. Returns the
 * largest key among them. */
uint64_t tw_space_select(struct tw_space_hit *hits, uint32_t count, uint32_t wanted);

/* A heap with the last in order on top: keeps the first `capacity` of any number of hits. */
void tw_space_heap_build(struct tw_space_hit *hits, uint32_t count);
void tw_space_heap_replace(struct tw_space_hit *hits, uint32_t count, struct tw_space_hit hit);

#endif
