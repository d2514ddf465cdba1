/* SPDX-License-Identifier: BSD-3-Clause */
/* The broad phase of a tick decides nothing: worlds that have it, worlds that ask the index for
 * each mover, and worlds that lack the room for it are the same worlds, tick by tick. */
#include "simulation/core/fixed.h"
#include "simulation/shard/movement.h"
#include "tests/unit/simulation/world_fixture.h"

#define PLAYERS 24u
#define TICKS   180u
/* Room for a part of a crowd's rows. */
#define LITTLE 40u

enum {
    FOUND,  /* as shipped */
    ASKED,  /* no broad phase: what it is held against */
    TIGHT,  /* little room for what it finds */
    REBORN, /* an octree, built anew every few ticks */
    WORLDS,
};

struct worlds {
    struct fixture fixtures[WORLDS];
    struct tw_rng rng;
    uint64_t seed;
    uint32_t tick;
    bool dashes; /* some move faster than anybody may */
};

static void start(struct worlds *worlds, struct tw_shard_config config, uint64_t seed)
{
    *worlds = (struct worlds){.seed = seed};
    tw_rng_seed(&worlds->rng, seed);
    config.seed = seed;
    for (uint32_t i = 0; i < WORLDS; i++) {
        config.octree = i == REBORN;
        set_up(&worlds->fixtures[i], &config);
        for (uint32_t player = 0; player < PLAYERS; player++)
            join(&worlds->fixtures[i]);
    }
    worlds->fixtures[ASKED].world.candidates.movers_max = 0;
    worlds->fixtures[TIGHT].world.index.pairs.others_max = LITTLE;
}

static void end(struct worlds *worlds)
{
    for (uint32_t i = 0; i < WORLDS; i++)
        free(worlds->fixtures[i].memory);
}

/* What happens between two ticks, the same to all worlds: intent, silence, leaving, coming, places
 * that change at once. */
static void disturb(struct worlds *worlds)
{
    struct tw_waiting_input inputs[PLAYERS];
    for (uint32_t i = 0; i < PLAYERS; i++) {
        /* Some stand, some run into a corner, some into each other. */
        inputs[i] = (struct tw_waiting_input){
            .move_x = (int8_t)(i % 3u == 0 ? 0 : -127 + (int32_t)(i * (worlds->tick / 40u) % 255u)),
            .move_y = (int8_t)(i % 3u == 1 ? -127 : 100 - (int32_t)(i * 8u))};
    }
    uint32_t chance = tw_rng_below(&worlds->rng, 12);
    uint32_t player = tw_rng_below(&worlds->rng, PLAYERS);
    uint32_t silenced = 0;
    for (uint32_t w = 0; w < WORLDS; w++) {
        struct tw_world *world = &worlds->fixtures[w].world;
        bool in = world->players[player].entity != 0;
        if (chance == 0 && in)
            tw_world_leave(world, player);
        if (chance == 1)
            (void)tw_world_join(world, &(struct tw_join){.account = 1}, worlds->tick);
        if (chance >= 2 && chance <= 4 && in)
            silenced +=
                tw_world_set_presence(world, player, (enum tw_presence)(chance - 2u), worlds->tick);
        for (uint32_t i = 0; i < PLAYERS; i++) {
            uint32_t index = tw_entity_index((tw_entity){.bits = world->players[i].entity});
            if (world->players[i].entity == 0 || world->players[i].presence != TW_PRESENT)
                continue;
            tw_movement_steer(world, index, &inputs[i]);
            if (worlds->dashes && (i + worlds->tick) % 40u == 0)
                world->entities.velocity_x[index] = 60000;
        }
    }
    assert_true(silenced == 0 || silenced == WORLDS);
}

static void check_same(const struct worlds *worlds)
{
    const struct tw_world *found = &worlds->fixtures[FOUND].world;
    for (uint32_t w = 1; w < WORLDS; w++) {
        if (tw_world_hash(found) != tw_world_hash(&worlds->fixtures[w].world)) {
            print_error("seed %llu, tick %u: world %u is another one\n",
                        (unsigned long long)worlds->seed, worlds->tick, w);
            fail();
        }
    }
    /* The order, too, is that of the entities alone. */
    const struct tw_space_pairs *one = &found->index.pairs;
    const struct tw_space_pairs *two = &worlds->fixtures[REBORN].world.index.pairs;
    assert_int_equal(found->candidates.count, worlds->fixtures[REBORN].world.candidates.count);
    for (uint32_t i = 0; i < found->candidates.count; i++) {
        assert_int_equal(one->rows[i].count, two->rows[i].count);
        if (one->rows[i].count != TW_SPACE_ROW_NONE)
            assert_memory_equal(&one->others[one->rows[i].first], &two->others[two->rows[i].first],
                                one->rows[i].count * sizeof(*one->others));
    }
}

static void run(struct worlds *worlds)
{
    for (worlds->tick = 1; worlds->tick <= TICKS; worlds->tick++) {
        disturb(worlds);
        for (uint32_t w = 0; w < WORLDS; w++) {
            struct tw_world *world = &worlds->fixtures[w].world;
            tw_movement_step(world, worlds->tick);
            if (w == REBORN && worlds->tick % 7u == 0)
                tw_index_rebuild(&world->index, &world->entities);
        }
        check_same(worlds);
    }
}

static struct tw_shard_config crowd_of(uint32_t size_m, uint32_t npcs, uint32_t tick_hz)
{
    return (struct tw_shard_config){.size_m = size_m,
                                    .players_max = PLAYERS,
                                    .entities_max = 1024,
                                    .npcs = npcs,
                                    .npcs_moving_percent = 70,
                                    .obstacles = 12,
                                    .parking_max = 4,
                                    .tick_hz = tick_hz};
}

static void test_it_decides_nothing(void **state)
{
    (void)state;
    static const uint32_t rates[] = {10, 20, 60, 128, 240};
    uint64_t lacked_room = 0;
    for (uint64_t seed = 1; seed <= 12; seed++) {
        struct worlds worlds;
        struct tw_shard_config config = crowd_of(seed % 2u ? 36 : 90, 400, rates[seed % 5u]);
        if (seed % 4u == 0) {
            config.size_m = 64;
            config.aoi_exit_m = 30;
            config.wraps = true;
        }
        start(&worlds, config, seed);
        run(&worlds);
        /* Nobody outran it, and nobody lacked room: nobody asked. The others did. */
        assert_int_equal(worlds.fixtures[FOUND].world.candidates.asked, 0);
        assert_true(worlds.fixtures[ASKED].world.candidates.asked > 100u * TICKS);
        lacked_room += worlds.fixtures[TIGHT].world.candidates.asked;
        end(&worlds);
    }
    assert_true(lacked_room > 1000);
}

static void test_whoever_is_faster_asks(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 4; seed++) {
        struct worlds worlds;
        start(&worlds, crowd_of(50, 400, 60), seed);
        worlds.dashes = true;
        run(&worlds);
        uint64_t asked = worlds.fixtures[FOUND].world.candidates.asked;
        assert_true(asked > 0 && asked < worlds.fixtures[ASKED].world.candidates.asked / 2u);
        end(&worlds);
    }
}

/* Two run at each other from the farthest that they can still touch within the tick, and whoever
 * moves first is seen where it went. */
static void test_the_margin_covers_both_steps(void **state)
{
    (void)state;
    static const uint32_t rates[] = {10, 60, 240};
    for (uint32_t run = 0; run < 3; run++) {
        struct tw_shard_config config = crowd_of(100, 0, rates[run]);
        struct fixture fixture;
        int32_t step = (int32_t)(TW_SPEED_MAX / rates[run]);
        config.obstacles = 0;
        set_up(&fixture, &config);
        uint32_t one = join(&fixture);
        uint32_t two = join(&fixture);
        const struct tw_entities *entities = &fixture.world.entities;
        for (int32_t gap = 0; gap <= 2 * step + 8; gap++) {
            put(&fixture, one, 50000, 50000);
            put(&fixture, two, 50000 + 1024 + gap, 50000);
            tw_movement_steer(&fixture.world, one, &(struct tw_waiting_input){.move_x = 127});
            tw_movement_steer(&fixture.world, two, &(struct tw_waiting_input){.move_x = -127});
            tw_movement_step(&fixture.world, 1);
            assert_true(tw_fixed_distance_squared(entities->x[one], entities->y[one],
                                                  entities->x[two],
                                                  entities->y[two]) >= 1024u * 1024u);
            assert_int_equal(fixture.world.index.pairs.found, 2);
        }
        put(&fixture, two, 60000, 50000);
        tw_movement_step(&fixture.world, 2);
        assert_int_equal(fixture.world.index.pairs.found, 0);
        assert_int_equal(fixture.world.candidates.asked, 0);
        free(fixture.memory);
    }
}

static void test_who_stands_is_no_mover(void **state)
{
    (void)state;
    struct tw_shard_config config = crowd_of(100, 100, 60);
    struct fixture fixture;
    config.npcs_moving_percent = 20;
    set_up(&fixture, &config);
    uint32_t player = join(&fixture);
    tw_counter figures[TW_SPACE_FIGURE_COUNT] = {0};
    tw_movement_step(&fixture.world, 1);
    tw_candidates_publish(&fixture.world.candidates, figures);
    assert_int_equal(tw_counter_get(&figures[TW_SPACE_FIGURE_MOVERS]), 20);
    tw_movement_steer(&fixture.world, player, &(struct tw_waiting_input){.move_y = 5});
    tw_movement_step(&fixture.world, 2);
    tw_candidates_publish(&fixture.world.candidates, figures);
    assert_int_equal(tw_counter_get(&figures[TW_SPACE_FIGURE_MOVERS]), 21);
    assert_int_equal(tw_counter_get(&figures[TW_SPACE_FIGURE_MOVERS_ASKED]), 0);
    free(fixture.memory);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_it_decides_nothing),
        cmocka_unit_test(test_whoever_is_faster_asks),
        cmocka_unit_test(test_the_margin_covers_both_steps),
        cmocka_unit_test(test_who_stands_is_no_mover),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
