/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A shard's lcore: rings in, tick, rings out.
 *
 *   records of all workers → tw_shard_consume
 *   empty buffers → outboxes → tw_shard_tick → used ones → full rings; unused are kept
 *
 * Between ticks the loop sleeps until the next is due (or polls, on dedicated cores), and drains
 * the record rings in between when one is more than a quarter full, so that a burst of inputs
 * never waits for a deadline. Buffers that a full ring does not take are kept and offered again:
 * none is ever lost. Lives in caller memory of tw_shard_loop_footprint bytes aligned to 64; owned
 * by the lcore that runs it, but for `tick` (shard: w, main: r) and the counters.
 */
#ifndef TICKWIRE_DATAPLANE_ENGINE_SHARD_LOOP_H
#define TICKWIRE_DATAPLANE_ENGINE_SHARD_LOOP_H

#include "dataplane/gate/worker.h"
#include "simulation/shard/shard.h"

#include <stdatomic.h>
#include <stdbool.h>

struct tw_shard_loop;

struct tw_shard_loop_config {
    struct tw_shard_config shard;
    struct tw_worker_shard_rings rings[TW_WORKERS_MAX]; /* [shard.workers] */
    struct tw_shard_counters *counters;
    uint64_t epoch_ns; /* tick 0 */
    enum tw_idle idle;
    _Atomic bool *stop; /* main: w, shard: r */
};

/* 0 for a configuration that is out of range. */
size_t tw_shard_loop_footprint(const struct tw_shard_loop_config *config);
struct tw_shard_loop *tw_shard_loop_init(void *memory, const struct tw_shard_loop_config *config);

/* One turn at now_ns: runs a tick if one is due, else drains rings that fill. Returns when to be
 * called again, at the latest. */
uint64_t tw_shard_loop_turn(struct tw_shard_loop *loop, uint64_t now_ns);

/* The lcore's main function: runs until *stop. Argument: struct tw_shard_loop *. Returns 0. */
int tw_shard_loop_run(void *loop);

/* The newest tick that ran, 0 before the first. Any thread. */
uint64_t tw_shard_loop_tick(const struct tw_shard_loop *loop);

/* Packet buffers in its hands: empty ones for coming ticks, and used ones that wait for room. Its
 * own thread. */
uint32_t tw_shard_loop_buffers(const struct tw_shard_loop *loop);

#endif
