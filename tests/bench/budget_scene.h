/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A shard with players who walk, for suite budget: each gets its snapshots and acknowledges them
 * three ticks later. One thread; memory is taken at the start of a scene.
 */
#ifndef TICKWIRE_TESTS_BENCH_BUDGET_SCENE_H
#define TICKWIRE_TESTS_BENCH_BUDGET_SCENE_H

#include "simulation/shard/internal.h"

#include <stddef.h>
#include <stdint.h>

#define BUDGET_ACK_LAG  3u
#define BUDGET_CAPACITY 1120u /* what a snapshot may fill of a packet of 1,200 bytes */

struct budget_plan {
    uint32_t players, npcs, npcs_moving_percent, size_m, view_max;
};

struct budget_scene {
    struct tw_shard_config config;
    struct tw_shard_counters counters;
    struct tw_shard *shard;
    void *memory;
    struct tw_out_buffer *buffers;
    uint8_t *bytes;
    struct tw_record *records;
    uint32_t (*numbers)[BUDGET_ACK_LAG + 1u]; /* snapshot sent, by player and tick; 0: none */
    uint32_t tick;
};

struct tw_shard_config budget_scene_config(const struct budget_plan *plan);

void budget_scene_start(struct budget_scene *scene, const struct budget_plan *plan);
void budget_scene_stop(struct budget_scene *scene);

/* One tick; the thread's time for records and tick, ns. */
uint64_t budget_scene_tick(struct budget_scene *scene);

#endif
