/* SPDX-License-Identifier: BSD-3-Clause */
/* A world without a shard, for tests of its phases. */
#ifndef TICKWIRE_TESTS_UNIT_SIMULATION_WORLD_FIXTURE_H
#define TICKWIRE_TESTS_UNIT_SIMULATION_WORLD_FIXTURE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "simulation/shard/world.h"

struct fixture {
    struct tw_shard_config config;
    struct tw_world world;
    void *memory;
};

static inline void set_up(struct fixture *fixture, const struct tw_shard_config *config)
{
    struct tw_arena arena = {0};
    fixture->config = *config;
    tw_world_carve(&fixture->world, &arena, &fixture->config);
    fixture->memory = aligned_alloc(64, arena.used);
    assert_non_null(fixture->memory);
    memset(fixture->memory, 0, arena.used);
    arena = (struct tw_arena){.base = fixture->memory};
    tw_world_carve(&fixture->world, &arena, &fixture->config);
    tw_world_init(&fixture->world);
}

static inline uint32_t join(struct fixture *fixture)
{
    struct tw_join request = {.account = 1};
    uint32_t player = tw_world_join(&fixture->world, &request, 1);
    assert_int_not_equal(player, TW_PLAYER_NONE);
    return tw_entity_index((tw_entity){.bits = fixture->world.players[player].entity});
}

static inline void put(struct fixture *fixture, uint32_t index, int32_t x, int32_t y)
{
    fixture->world.entities.x[index] = x;
    fixture->world.entities.y[index] = y;
    tw_index_move(&fixture->world.index, &fixture->world.entities, index);
}

#endif
