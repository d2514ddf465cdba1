/* SPDX-License-Identifier: BSD-3-Clause */
/* What the configuration's schema accepts, the simulation accepts: nothing is found out only when
 * the engine starts. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "control/config/check.h"
#include "control/config/schema.h"
#include "dataplane/engine/shard_config.h"

static uint64_t limit_of(const char *section, const char *name, bool most)
{
    int at = tw_schema_find_key(section, name, strlen(name));
    assert_true(at >= 0);
    return most ? tw_schema_keys[at].max : tw_schema_keys[at].min;
}

static struct tw_config extreme(bool most)
{
    struct tw_config config;
    tw_config_defaults(&config);
#define TAKE(section, name) config.section.name = (uint32_t)limit_of(#section, #name, most)
    TAKE(world, id);
    TAKE(world, size_m);
    TAKE(world, players_max);
    TAKE(world, entities_max);
    TAKE(world, npcs);
    TAKE(world, npcs_moving_percent);
    TAKE(world, obstacles);
    TAKE(world, aoi_enter_m);
    TAKE(world, aoi_exit_m);
    TAKE(world, view_max);
    TAKE(world, tick_hz);
    TAKE(world, snapshot_hz);
    TAKE(world, split_above);
    TAKE(world, merge_below);
    TAKE(world, spawn_radius_m);
    TAKE(engine, workers);
    TAKE(engine, sessions_max);
#undef TAKE
    config.world.seed = limit_of("world", "seed", most);
    return config;
}

static void expect_accepted(const struct tw_config *config)
{
    struct tw_check_fault fault = {0};
    struct tw_shard_config shard = tw_shard_config_from(config);
    assert_true(tw_config_check(config, &fault));
    assert_int_not_equal(tw_shard_footprint(&shard), 0);
    assert_int_equal(shard.wraps, config->world.edges == TW_EDGES_CHOICE_WRAP);
    assert_int_equal(shard.split_above, config->world.split_above);
    assert_int_equal(shard.merge_below, config->world.merge_below);
}

static void test_all_at_their_least(void **state)
{
    (void)state;
    struct tw_config config = extreme(false);
    expect_accepted(&config);
    config.world.edges = TW_EDGES_CHOICE_WRAP;
    expect_accepted(&config);
}

static void test_all_at_their_most(void **state)
{
    (void)state;
    struct tw_config config = extreme(true);
    struct tw_config_world *world = &config.world;
    /* Together no more than entities_max: each in turn takes what the others leave. */
    world->obstacles = 0;
    world->npcs = world->entities_max - world->players_max;
    expect_accepted(&config);
    world->obstacles = world->npcs;
    world->npcs = 0;
    expect_accepted(&config);
    world->edges = TW_EDGES_CHOICE_WRAP;
    expect_accepted(&config);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_all_at_their_least),
        cmocka_unit_test(test_all_at_their_most),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
