/* SPDX-License-Identifier: BSD-3-Clause */
/* The shard's view of the host's configuration. Pure value, any thread. */
#ifndef TICKWIRE_DATAPLANE_ENGINE_SHARD_CONFIG_H
#define TICKWIRE_DATAPLANE_ENGINE_SHARD_CONFIG_H

#include "simulation/shard/shard.h"
#include "simulation/space/simd/select.h"
#include "tickwire/config.h"

#include <assert.h>

static_assert(TW_SIMD_CHOICE_AUTO == (int)TW_SPACE_SIMD_AUTO &&
                  TW_SIMD_CHOICE_SCALAR == (int)TW_SPACE_SIMD_SCALAR &&
                  TW_SIMD_CHOICE_AVX2 == (int)TW_SPACE_SIMD_AVX2 &&
                  TW_SIMD_CHOICE_AVX512 == (int)TW_SPACE_SIMD_AVX512,
              "one list in two places");

static inline struct tw_shard_config tw_shard_config_from(const struct tw_config *config)
{
    const struct tw_config_world *world = &config->world;
    return (struct tw_shard_config){
        .world_id = world->id,
        .seed = world->seed,
        .size_m = world->size_m,
        .wraps = world->edges == TW_EDGES_CHOICE_WRAP,
        .players_max = world->players_max,
        .entities_max = world->entities_max,
        .npcs = world->npcs,
        .npcs_moving_percent = world->npcs_moving_percent,
        .obstacles = world->obstacles,
        .aoi_enter_m = world->aoi_enter_m,
        .aoi_exit_m = world->aoi_exit_m,
        .view_max = world->view_max,
        .tick_hz = world->tick_hz,
        .snapshot_hz = world->snapshot_hz,
        .starved_s = config->limits.starved_s,
        .spawn_radius_m = world->spawn_radius_m,
        .parking_max =
            world->parking_max < world->players_max ? world->parking_max : world->players_max,
        .octree = world->index == TW_INDEX_CHOICE_OCTREE,
        .split_above = world->split_above,
        .merge_below = world->merge_below,
        .kernels = tw_space_simd_select((enum tw_space_simd)config->engine.simd),
        .workers = config->engine.workers,
        .slots_per_worker = config->engine.sessions_max,
    };
}

#endif
