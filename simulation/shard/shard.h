/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A shard: one world (later a list of them), run by one thread, fed records, giving snapshots.
 *
 *   tw_shard_consume(records)  any number of times between ticks; order between sessions is free
 *   tw_shard_tick(tick, ...)   inputs → broad phase → movement → interest → snapshots → state hash
 *
 * Lives in caller memory of tw_shard_footprint() bytes, aligned to 64; nothing is allocated
 * afterwards. Deterministic: the world's state depends only on configuration, seed and the
 * records and tick numbers consumed, never on the order in which records of different players
 * arrived, nor on acknowledgements, buffers or time. Integers only, no clock, no DPDK.
 */
#ifndef TICKWIRE_SIMULATION_SHARD_H
#define TICKWIRE_SIMULATION_SHARD_H

#include "simulation/space/kernels.h"
#include "tickwire/counters.h"
#include "tickwire/shard.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct tw_shard;

struct tw_shard_config {
    uint32_t world_id;
    uint64_t seed;
    uint32_t size_m;
    bool wraps; /* no edges; size_m is a multiple of TW_CELL_M, above twice aoi_exit_m */
    uint32_t players_max;
    uint32_t entities_max;
    uint32_t npcs;
    uint32_t npcs_moving_percent;
    uint32_t obstacles;
    uint32_t aoi_enter_m;
    uint32_t aoi_exit_m;
    uint32_t view_max;
    uint32_t tick_hz;
    uint32_t snapshot_hz;
    uint32_t starved_s; /* inputs, and no snapshot acknowledged, before a close; 0: never */
    uint32_t spawn_radius_m;
    uint32_t parking_max;                   /* players of silent sessions out of the world */
    bool octree;                            /* the spatial index: an octree instead of the grid */
    uint32_t split_above;                   /* entities of a cell of it; 0: its default */
    uint32_t merge_below;                   /* at most half of split_above; 0: its default */
    const struct tw_space_kernels *kernels; /* its inner loops; NULL: scalar */
    uint32_t workers;                       /* workers that feed this shard, <= TW_WORKERS_MAX */
    uint32_t slots_per_worker;              /* session slots each may use */
};

/* 0 for a configuration that is out of range. */
size_t tw_shard_footprint(const struct tw_shard_config *config);
/* `counters` is written by the thread that runs the shard: all but ticks_late and tick_ns, which
 * belong to whoever has the clock. ticks_skipped counts the gaps between tick numbers. */
struct tw_shard *tw_shard_init(void *memory, const struct tw_shard_config *config,
                               struct tw_shard_counters *counters);

/* Join, leave, input, snapshot ack, message, link state. Records of stale route epochs are counted
 * and ignored. A message stays lent until it is returned; of one worker at most
 * TW_RELAY_LENT_MAX. */
void tw_shard_consume(struct tw_shard *shard, const struct tw_record *records, size_t count);

/* Messages that `worker` lent and that are its own again: at most `max`, 0 when that is all. To be
 * asked after each consume and each tick. */
uint32_t tw_shard_returned(struct tw_shard *shard, uint32_t worker, struct tw_message **messages,
                           uint32_t max);

/* Runs tick `tick` >= 1 (one more than the last, or later: skipped ticks are never simulated; the
 * first may be any) and writes
 * due snapshots into outboxes[workers]. Snapshots without a buffer are counted and stay due.
 * `due_ns` is copied into the buffers. */
void tw_shard_tick(struct tw_shard *shard, uint64_t tick, uint64_t due_ns,
                   struct tw_outbox *outboxes);

/* 64-bit hash of the whole deterministic state after the newest tick. */
uint64_t tw_shard_state_hash(const struct tw_shard *shard);

#endif
