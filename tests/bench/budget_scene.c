/* SPDX-License-Identifier: BSD-3-Clause */
#include "tests/bench/budget_scene.h"

#include "tests/bench/measure.h"
#include "tickwire/assert.h"
#include "tickwire/bytes.h"
#include "tickwire/wire.h"

#include <string.h>

static void *take(size_t size)
{
    void *memory = aligned_alloc(64, (size + 63u) / 64u * 64u);
    TW_ASSERT(memory);
    memset(memory, 0, size);
    return memory;
}

struct tw_shard_config budget_scene_config(const struct budget_plan *plan)
{
    return (struct tw_shard_config){.world_id = 1,
                                    .seed = 1,
                                    .size_m = plan->size_m,
                                    .players_max = plan->players,
                                    .entities_max = plan->players + plan->npcs,
                                    .npcs = plan->npcs,
                                    .npcs_moving_percent = plan->npcs_moving_percent,
                                    .aoi_enter_m = 64,
                                    .aoi_exit_m = 72,
                                    .view_max = plan->view_max,
                                    .tick_hz = 60,
                                    .snapshot_hz = 20,
                                    .workers = 1,
                                    .slots_per_worker = plan->players};
}

void budget_scene_start(struct budget_scene *scene, const struct budget_plan *plan)
{
    uint32_t players = plan->players;
    memset(scene, 0, sizeof(*scene));
    scene->config = budget_scene_config(plan);
    scene->memory = take(tw_shard_footprint(&scene->config));
    scene->shard = tw_shard_init(scene->memory, &scene->config, &scene->counters);
    scene->bytes = take((size_t)players * BUDGET_CAPACITY);
    scene->buffers = take(players * sizeof(*scene->buffers));
    scene->records = take(2u * players * sizeof(*scene->records));
    scene->numbers = take(players * sizeof(*scene->numbers));
    for (uint32_t i = 0; i < players; i++) {
        struct tw_record join = {.type = TW_RECORD_JOIN, .slot = i, .route_epoch = 1, .world = 1};
        join.join.account = i + 1u;
        tw_shard_consume(scene->shard, &join, 1);
        scene->buffers[i] = (struct tw_out_buffer){
            .bytes = scene->bytes + (size_t)i * BUDGET_CAPACITY, .capacity = BUDGET_CAPACITY};
    }
}

void budget_scene_stop(struct budget_scene *scene)
{
    free(scene->numbers);
    free(scene->records);
    free(scene->buffers);
    free(scene->bytes);
    free(scene->memory);
}

/* Everybody walks in a direction of its own, another one each second. */
static struct tw_record input_of(uint32_t player, uint32_t tick)
{
    uint64_t way = (uint64_t)(tick / 60u + 1u) * (player + 1u) * UINT64_C(0x9e3779b97f4a7c15);
    struct tw_record record = {
        .type = TW_RECORD_INPUT, .slot = player, .route_epoch = 1, .world = 1};
    record.input.tick = tick;
    record.input.input.move_x = (int8_t)((int32_t)(way >> 20 & 0x7f) - 64);
    record.input.input.move_y = (int8_t)((int32_t)(way >> 40 & 0x7f) - 64);
    record.input.input.facing = (uint16_t)(way >> 48);
    return record;
}

static uint32_t make_records(struct budget_scene *scene)
{
    uint32_t count = 0;
    for (uint32_t i = 0; i < scene->config.players_max; i++) {
        scene->records[count++] = input_of(i, scene->tick);
        uint32_t acked = scene->numbers[i][(scene->tick + 1u) % (BUDGET_ACK_LAG + 1u)];
        if (acked == 0)
            continue;
        struct tw_record *ack = &scene->records[count++];
        *ack = (struct tw_record){
            .type = TW_RECORD_SNAPSHOT_ACK, .slot = i, .route_epoch = 1, .world = 1};
        ack->snapshot_ack.newest = acked;
        ack->snapshot_ack.bitmap = UINT32_MAX;
    }
    return count;
}

uint64_t budget_scene_tick(struct budget_scene *scene)
{
    struct tw_outbox outbox = {.buffers = scene->buffers, .count = scene->config.players_max};
    scene->tick++;
    uint32_t count = make_records(scene);
    uint64_t start_ns = measure_now_ns();
    tw_shard_consume(scene->shard, scene->records, count);
    tw_shard_tick(scene->shard, scene->tick, 0, &outbox);
    uint64_t spent_ns = measure_now_ns() - start_ns;
    uint32_t column = scene->tick % (BUDGET_ACK_LAG + 1u);
    for (uint32_t i = 0; i < scene->config.players_max; i++)
        scene->numbers[i][column] = 0;
    for (uint32_t i = 0; i < outbox.used; i++)
        scene->numbers[scene->buffers[i].slot][column] =
            tw_load_u32(scene->buffers[i].bytes + TW_FRAME_HEADER_SIZE);
    return spent_ns;
}
