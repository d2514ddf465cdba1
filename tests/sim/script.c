/* SPDX-License-Identifier: BSD-3-Clause */
#include "tests/sim/script.h"

#include "simulation/core/hash.h"

#define WORKERS 3u

struct tw_shard_config script_config(void)
{
    return (struct tw_shard_config){.world_id = 7,
                                    .seed = 20260101,
                                    .size_m = 120,
                                    .players_max = 40, /* some are refused */
                                    .entities_max = 600,
                                    .npcs = 400,
                                    .npcs_moving_percent = 60,
                                    .obstacles = 40,
                                    .aoi_enter_m = 40,
                                    .aoi_exit_m = 50,
                                    .view_max = 128,
                                    .tick_hz = 60,
                                    .snapshot_hz = 20,
                                    .spawn_radius_m = 20,
                                    .parking_max = 6, /* some find no place */
                                    .workers = WORKERS,
                                    .slots_per_worker = SCRIPT_PLAYERS};
}

static uint64_t dice(uint32_t player, uint32_t tick, uint32_t purpose)
{
    uint32_t words[3] = {player, tick, purpose};
    return tw_hash64((const uint8_t *)words, sizeof(words));
}

static struct tw_record record_of(uint32_t player, uint32_t epoch, enum tw_record_type type)
{
    return (struct tw_record){.type = (uint16_t)type,
                              .worker = (uint16_t)(player % WORKERS),
                              .slot = player / WORKERS,
                              .route_epoch = epoch,
                              .world = 7};
}

static struct tw_record input_record(uint32_t player, uint32_t epoch, uint32_t tick)
{
    uint64_t steady = dice(player, tick / 40u, 1);
    struct tw_record record = record_of(player, epoch, TW_RECORD_INPUT);
    record.input.tick = tick;
    record.input.input.move_x = (int8_t)((int32_t)(steady % 255u) - 127);
    record.input.input.move_y = (int8_t)((int32_t)(steady >> 8) % 255 / 2);
    record.input.input.facing = (uint16_t)(steady >> 40);
    record.input.input.buttons = dice(player, tick, 2) % 50u == 0;
    return record;
}

size_t script_records(uint32_t tick, struct tw_record records[SCRIPT_RECORDS_MAX])
{
    size_t count = 0;
    for (uint32_t player = 0; player < SCRIPT_PLAYERS; player++) {
        /* Everyone joins within ten ticks and changes place at tick 200 + 5 x player. */
        uint32_t joined = 1u + player % 10u;
        uint32_t rejoined = 200u + 5u * player;
        uint32_t epoch = 1u + (tick >= rejoined);
        if (tick == rejoined)
            records[count++] = record_of(player, 1, TW_RECORD_LEAVE);
        if (tick == joined || tick == rejoined) {
            records[count] = record_of(player, epoch, TW_RECORD_JOIN);
            records[count++].join.account = 1000u + (player * 37u) % 47u; /* one twice */
        }
        if (tick < joined)
            continue;
        /* Every other one falls silent for a while, with what it sent before still on its way. */
        uint32_t silent = 420u + 3u * player;
        if (player % 2u == 0 && (tick == silent || tick == silent + 20u || tick == silent + 70u)) {
            records[count] = record_of(player, epoch, TW_RECORD_PRESENCE);
            records[count++].presence.presence = tick == silent         ? TW_AWAY
                                                 : tick == silent + 20u ? TW_PARKED
                                                                        : TW_PRESENT;
        }
        uint64_t fate = dice(player, tick, 3) % 100u;
        /* Now and then a player's clock is behind for a while. */
        if ((tick / 16u + player) % 5u == 0 && tick > 16u)
            fate = 85;
        if (fate < 85)
            records[count++] = input_record(player, epoch, tick + (fate < 20 ? 2u : 0u));
        else if (fate < 90)
            records[count++] = input_record(player, epoch, tick - 3u);
    }
    return count;
}
