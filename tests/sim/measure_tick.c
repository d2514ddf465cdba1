/* SPDX-License-Identifier: BSD-3-Clause */
/* Prints how long a tick takes on this machine, for information: nothing fails on it. Every
 * client walks, gets its snapshots and acknowledges them five ticks later. */
#include "simulation/core/rng.h"
#include "simulation/shard/shard.h"
#include "tickwire/bytes.h"
#include "tickwire/wire.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define TICKS    600u
#define WARM_UP  120u
#define CAPACITY 1120u
#define ACK_LAG  5u

static uint64_t now_ns(void)
{
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (uint64_t)time.tv_sec * UINT64_C(1000000000) + (uint64_t)time.tv_nsec;
}

static int compare(const void *a, const void *b)
{
    uint64_t left = *(const uint64_t *)a;
    uint64_t right = *(const uint64_t *)b;
    return (left > right) - (left < right);
}

static void *take(size_t size)
{
    void *memory = aligned_alloc(64, (size + 63u) / 64u * 64u);
    if (!memory)
        abort();
    return memory;
}

struct run {
    uint32_t players;
    struct tw_shard *shard;
    struct tw_out_buffer *buffers;
    uint32_t (*numbers)[ACK_LAG + 1u]; /* per client: newest snapshot number by tick */
    struct tw_record *records;
    struct tw_rng rng;
};

static uint32_t make_records(struct run *run, uint32_t tick)
{
    uint32_t count = 0;
    for (uint32_t i = 0; i < run->players; i++) {
        uint64_t steady = (uint64_t)(tick / 60u + 1u) * (i + 1u) * UINT64_C(0x9E3779B97F4A7C15);
        struct tw_record *input = &run->records[count++];
        *input =
            (struct tw_record){.type = TW_RECORD_INPUT, .slot = i, .route_epoch = 1, .world = 1};
        input->input.tick = tick;
        input->input.input.move_x = (int8_t)((int32_t)(steady >> 20 & 0xff) / 2);
        input->input.input.move_y = (int8_t)((int32_t)(steady >> 40 & 0xff) / 2 - 64);
        input->input.input.facing = (uint16_t)(steady >> 48);
        uint32_t acked = run->numbers[i][(tick + 1u) % (ACK_LAG + 1u)];
        if (acked == 0)
            continue;
        struct tw_record *ack = &run->records[count++];
        *ack = (struct tw_record){
            .type = TW_RECORD_SNAPSHOT_ACK, .slot = i, .route_epoch = 1, .world = 1};
        ack->snapshot_ack.newest = acked;
        ack->snapshot_ack.bitmap = UINT32_MAX;
    }
    return count;
}

static uint64_t one_tick(struct run *run, uint32_t tick)
{
    struct tw_outbox outbox = {.buffers = run->buffers, .count = run->players};
    uint32_t count = make_records(run, tick);
    uint64_t start = now_ns();
    tw_shard_consume(run->shard, run->records, count);
    tw_shard_tick(run->shard, tick, 0, &outbox);
    uint64_t took = now_ns() - start;
    for (uint32_t i = 0; i < run->players; i++)
        run->numbers[i][tick % (ACK_LAG + 1u)] = 0;
    for (uint32_t i = 0; i < outbox.used; i++)
        run->numbers[run->buffers[i].slot][tick % (ACK_LAG + 1u)] =
            tw_load_u32(run->buffers[i].bytes + TW_FRAME_HEADER_SIZE);
    return took;
}

static void measure(uint32_t players, uint32_t npcs, uint32_t size_m, uint32_t spawn_radius_m)
{
    static struct tw_shard_counters counters;
    static uint64_t times[TICKS];
    struct tw_shard_config config = {.world_id = 1,
                                     .seed = 1,
                                     .size_m = size_m,
                                     .players_max = players,
                                     .entities_max = players + npcs + 500u,
                                     .npcs = npcs,
                                     .npcs_moving_percent = 50,
                                     .obstacles = 500,
                                     .aoi_enter_m = 64,
                                     .aoi_exit_m = 72,
                                     .view_max = 256,
                                     .tick_hz = 60,
                                     .snapshot_hz = 20,
                                     .spawn_radius_m = spawn_radius_m,
                                     .workers = 1,
                                     .slots_per_worker = players};
    struct run run = {.players = players};
    memset(&counters, 0, sizeof(counters));
    void *memory = take(tw_shard_footprint(&config));
    uint8_t *bytes = take((size_t)players * CAPACITY);
    run.shard = tw_shard_init(memory, &config, &counters);
    run.buffers = take(players * sizeof(*run.buffers));
    run.numbers = take(players * sizeof(*run.numbers));
    run.records = take(2u * players * sizeof(*run.records));
    memset(run.numbers, 0, players * sizeof(*run.numbers));
    for (uint32_t i = 0; i < players; i++) {
        struct tw_record join = {.type = TW_RECORD_JOIN, .slot = i, .route_epoch = 1, .world = 1};
        join.join.account = i;
        tw_shard_consume(run.shard, &join, 1);
        run.buffers[i] =
            (struct tw_out_buffer){.bytes = bytes + (size_t)i * CAPACITY, .capacity = CAPACITY};
    }
    for (uint32_t tick = 1; tick <= WARM_UP + TICKS; tick++) {
        uint64_t took = one_tick(&run, tick);
        if (tick > WARM_UP)
            times[tick - WARM_UP - 1u] = took;
    }
    qsort(times, TICKS, sizeof(times[0]), compare);
    uint64_t snapshots = tw_counter_get(&counters.snapshots);
    printf("%5" PRIu32 " players %6" PRIu32 " others %5" PRIu32 " m spawn %4" PRIu32
           " m: tick p50 %6" PRIu64 " us, p99 %6" PRIu64 " us, max %6" PRIu64
           " us; snapshot mean %4" PRIu64 " B, incomplete %2" PRIu64 " %%, memory %" PRIu64 " MB\n",
           players, npcs, size_m, spawn_radius_m, times[TICKS / 2] / 1000u,
           times[TICKS * 99u / 100u] / 1000u, times[TICKS - 1u] / 1000u,
           tw_counter_get(&counters.snapshot_bytes) / snapshots,
           tw_counter_get(&counters.snapshots_incomplete) * 100u / snapshots,
           (uint64_t)tw_shard_footprint(&config) >> 20);
    free(run.records);
    free(run.numbers);
    free(run.buffers);
    free(bytes);
    free(memory);
}

int main(void)
{
    measure(200, 2000, 1000, 0);
    measure(200, 2000, 1000, 50);
    measure(1000, 10000, 2000, 0);
    measure(1000, 10000, 2000, 100);
    return 0;
}
