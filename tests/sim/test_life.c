/* SPDX-License-Identifier: BSD-3-Clause */
/* Players of whom nothing is heard for 3, 12, 40 and 70 s: where their entities are meanwhile, and
 * what they get when they are back. The world and the views of all clients are compared after every
 * snapshot by the harness; the silence is judged by the rules that workers use. */
#include "tests/sim/harness.h"

#include "dataplane/wire/life.h"
#include "tickwire/wire.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define HZ 60u

static const struct tw_life_times times = {1000, 5000, 30000, 60000};

struct scene {
    struct sim *sim;
    uint64_t heard_tick; /* client 0 */
    enum tw_presence told;
    bool over;
};

static struct tw_shard_config small_world(void)
{
    struct tw_shard_config config = sim_config_default();
    config.size_m = 100;
    config.npcs = 150;
    config.npcs_moving_percent = 20;
    config.obstacles = 10;
    config.parking_max = 4;
    config.spawn_radius_m = 10;
    return config;
}

static struct scene scene_make(const struct tw_shard_config *config, uint32_t clients)
{
    struct scene scene = {.sim = sim_create(config, clients, 11)};
    scene.sim->behaviour = SIM_WALK;
    sim_join_all(scene.sim);
    sim_run(scene.sim, 3u * HZ);
    scene.heard_tick = scene.sim->tick;
    return scene;
}

static const struct tw_player *player_of(const struct scene *scene, uint32_t client)
{
    return &scene->sim->shard->world.players[sim_player_index(scene->sim, client)];
}

static uint32_t index_of(const struct scene *scene, uint32_t client)
{
    return tw_entity_index((tw_entity){.bits = player_of(scene, client)->entity});
}

static void tell(struct scene *scene, enum tw_presence presence)
{
    struct tw_record record = sim_record(scene->sim, 0, TW_RECORD_PRESENCE);
    record.presence.presence = presence;
    tw_shard_consume(scene->sim->shard, &record, 1);
    scene->told = presence;
}

/* As a worker does: what the silence of client 0 has become is told to the shard. */
static void judge(struct scene *scene)
{
    if (!scene->sim->clients[0].silent)
        scene->heard_tick = scene->sim->tick;
    uint64_t silent_ms = (scene->sim->tick - scene->heard_tick) * 1000u / HZ;
    enum tw_life_tier tier = tw_life_tier(&times, silent_ms);
    enum tw_presence presence = tier == TW_TIER_PARKED   ? TW_PARKED
                                : tier == TW_TIER_PAUSED ? TW_AWAY
                                                         : TW_PRESENT;
    if (tier == TW_TIER_OVER && !scene->over) {
        sim_leave(scene->sim, 0);
        scene->over = true;
    } else if (!scene->over && presence != scene->told) {
        tell(scene, presence);
    }
}

static void run(struct scene *scene, uint32_t ticks)
{
    for (uint32_t i = 0; i < ticks; i++) {
        judge(scene);
        sim_tick(scene->sim);
    }
}

static bool sees(const struct scene *scene, uint32_t client, uint32_t handle, uint8_t *action)
{
    struct tw_view_entity entity;
    if (!tw_view_entity(scene->sim->clients[client].view, handle, &entity))
        return false;
    *action = entity.action;
    return true;
}

/* Nothing is owed to client 0 any more: a snapshot with a hash came. */
static void expect_in_step(struct scene *scene)
{
    uint32_t hashes = scene->sim->clients[0].hashes;
    run(scene, 3u * HZ);
    assert_true(scene->sim->clients[0].hashes > hashes);
}

static void test_three_seconds(void **state)
{
    (void)state;
    struct tw_shard_config config = small_world();
    struct scene scene = scene_make(&config, 4);
    uint32_t handle = player_of(&scene, 0)->entity;
    uint64_t snapshots = tw_counter_get(&scene.sim->counters.snapshots);
    uint8_t action;
    scene.sim->clients[0].silent = true;
    run(&scene, 3u * HZ);
    /* The last intent went on for a quarter of a second; then it stands, and is no other than
     * before. */
    assert_int_equal(player_of(&scene, 0)->presence, TW_PRESENT);
    assert_int_equal(scene.sim->shard->world.entities.speed[index_of(&scene, 0)], 0);
    assert_true(sees(&scene, 1, handle, &action));
    assert_int_not_equal(action, TW_ACTION_AWAY);
    assert_int_equal(tw_counter_get(&scene.sim->counters.snapshots) - snapshots, 4u * 3u * 20u);
    scene.sim->clients[0].silent = false;
    expect_in_step(&scene);
    assert_int_equal(player_of(&scene, 0)->entity, handle);
    sim_destroy(scene.sim);
}

static void test_twelve_seconds(void **state)
{
    (void)state;
    struct tw_shard_config config = small_world();
    struct scene scene = scene_make(&config, 4);
    uint32_t handle = player_of(&scene, 0)->entity;
    uint8_t action;
    scene.sim->clients[0].silent = true;
    run(&scene, 6u * HZ);
    uint64_t snapshots = tw_counter_get(&scene.sim->counters.snapshots);
    run(&scene, 6u * HZ);
    /* In the world, seen, and seen to be away; nothing was written for it. */
    assert_int_equal(player_of(&scene, 0)->presence, TW_AWAY);
    assert_int_equal(tw_counter_get(&scene.sim->counters.players_away), 1);
    assert_true(sees(&scene, 1, handle, &action));
    assert_int_equal(action, TW_ACTION_AWAY);
    assert_int_equal(tw_counter_get(&scene.sim->counters.snapshots) - snapshots, 3u * 6u * 20u);
    /* It can be hit: nobody escapes a fight by pulling a plug. */
    struct tw_entities *entities = &scene.sim->shard->world.entities;
    tw_entities_set_cold(entities, index_of(&scene, 0), TW_FIELD_HEALTH, 17,
                         (uint32_t)scene.sim->tick + 1u);
    run(&scene, HZ);
    scene.sim->clients[0].silent = false;
    expect_in_step(&scene);
    struct tw_view_entity own;
    assert_true(tw_view_entity(scene.sim->clients[0].view, handle, &own));
    assert_int_equal(own.health, 17);
    assert_int_not_equal(own.action, TW_ACTION_AWAY);
    assert_int_equal(tw_counter_get(&scene.sim->counters.players_away), 0);
    sim_destroy(scene.sim);
}

static void test_forty_seconds(void **state)
{
    (void)state;
    struct tw_shard_config config = small_world();
    struct scene scene = scene_make(&config, 4);
    struct tw_entities *entities = &scene.sim->shard->world.entities;
    uint32_t handle = player_of(&scene, 0)->entity;
    uint32_t index = index_of(&scene, 0);
    uint8_t action;
    tw_entities_set_cold(entities, index, TW_FIELD_HEALTH, 23, (uint32_t)scene.sim->tick + 1u);
    run(&scene, 2);
    scene.sim->clients[0].silent = true;
    run(&scene, 29u * HZ);
    struct tw_view_entity before;
    uint32_t live = entities->state->live;
    assert_true(tw_view_entity(scene.sim->clients[1].view, handle, &before));
    run(&scene, 11u * HZ);
    /* Out of the world, and of everybody's sight; its handle is nobody else's. */
    assert_int_equal(player_of(&scene, 0)->presence, TW_PARKED);
    assert_int_equal(entities->state->live, live - 1u);
    assert_false(sees(&scene, 1, handle, &action));
    assert_int_equal(tw_counter_get(&scene.sim->counters.players_parked), 1);
    assert_int_equal(scene.sim->shard->world.parking.state->taken, 1);
    /* Seen to the nearest of 256 directions. */
    int32_t beside =
        (int16_t)(scene.sim->shard->world.parking.places[0].heading - before.heading * 256u);
    assert_in_range(beside + 128, 0, 255);
    scene.sim->clients[0].silent = false;
    scene.sim->behaviour = SIM_STAND;
    expect_in_step(&scene);
    struct tw_view_entity after;
    assert_int_equal(player_of(&scene, 0)->entity, handle);
    assert_true(tw_view_entity(scene.sim->clients[1].view, handle, &after));
    assert_int_equal(after.health, 23);
    assert_int_equal(after.team, before.team);
    assert_int_equal(after.appearance, before.appearance);
    assert_in_range(abs(after.x - before.x), 0, 9u * 1088u);
    assert_in_range(abs(after.y - before.y), 0, 9u * 1088u);
    assert_true(tw_view_entity(scene.sim->clients[0].view, handle, &after));
    assert_int_equal(scene.sim->shard->world.parking.state->taken, 0);
    assert_int_equal(tw_counter_get(&scene.sim->counters.players_parked), 0);
    sim_destroy(scene.sim);
}

static void test_seventy_seconds(void **state)
{
    (void)state;
    struct tw_shard_config config = small_world();
    struct scene scene = scene_make(&config, 4);
    uint32_t handle = player_of(&scene, 0)->entity;
    uint32_t index = index_of(&scene, 0);
    uint32_t live = scene.sim->shard->world.entities.state->live;
    scene.sim->clients[0].silent = true;
    run(&scene, 70u * HZ);
    assert_true(scene.over);
    assert_int_equal(scene.sim->shard->world.state->players_live, 3);
    assert_int_equal(scene.sim->shard->world.entities.state->live, live - 1u);
    assert_int_equal(scene.sim->shard->world.parking.state->taken, 0);
    assert_int_equal(tw_counter_get(&scene.sim->counters.players_parked), 0);
    /* The index is free for others, under another handle. */
    assert_int_not_equal(tw_entities_handle(&scene.sim->shard->world.entities, index).bits, handle);
    /* Whoever comes back is a new player. */
    scene.sim->clients[0].silent = false;
    sim_join(scene.sim, 0);
    scene.over = false;
    scene.told = TW_PRESENT;
    run(&scene, 2);
    assert_int_not_equal(player_of(&scene, 0)->entity, handle);
    expect_in_step(&scene);
    sim_destroy(scene.sim);
}

static void test_without_a_place_it_stays_in_the_world(void **state)
{
    (void)state;
    struct tw_shard_config config = small_world();
    config.parking_max = 0;
    struct scene scene = scene_make(&config, 2);
    uint32_t handle = player_of(&scene, 0)->entity;
    uint8_t action;
    scene.sim->clients[0].silent = true;
    run(&scene, 40u * HZ);
    assert_int_equal(player_of(&scene, 0)->presence, TW_AWAY);
    assert_int_equal(tw_counter_get(&scene.sim->counters.parking_full), 1);
    assert_true(sees(&scene, 1, handle, &action));
    scene.sim->clients[0].silent = false;
    expect_in_step(&scene);
    sim_destroy(scene.sim);
}

/* While it was parked others took all there is: it comes back as soon as there is room. */
static void test_a_full_world_makes_it_wait(void **state)
{
    (void)state;
    struct tw_shard_config config = sim_config_default();
    config.size_m = 16;
    config.npcs = 0;
    config.obstacles = 0;
    config.players_max = 250;
    config.parking_max = 250;
    config.spawn_radius_m = 0;
    config.view_max = 512;
    struct sim *sim = sim_create(&config, 240, 5);
    struct scene scene = {.sim = sim};
    sim->behaviour = SIM_STAND;
    sim_join(sim, 0);
    sim_run(sim, 2);
    uint32_t handle = player_of(&scene, 0)->entity;
    tell(&scene, TW_PARKED);
    sim->clients[0].silent = true;
    sim_run(sim, 1);
    for (uint32_t i = 1; i < 240; i++)
        sim_join(sim, i);
    sim_run(sim, 3);
    uint32_t inside = 1;
    while (inside < 240 && sim->clients[inside].joined)
        inside++;
    assert_in_range(inside, 50, 239); /* the last ones found no room */
    tell(&scene, TW_PRESENT);
    sim_run(sim, 5);
    assert_int_equal(player_of(&scene, 0)->presence, TW_PARKED);
    for (uint32_t i = 1; i <= 5; i++)
        sim_leave(sim, i);
    sim_run(sim, 1);
    assert_int_equal(player_of(&scene, 0)->presence, TW_PRESENT);
    assert_int_equal(player_of(&scene, 0)->entity, handle);
    sim_destroy(sim);
}

static void test_leaving_while_parked_frees_everything(void **state)
{
    (void)state;
    struct tw_shard_config config = small_world();
    struct scene scene = scene_make(&config, 2);
    for (uint32_t i = 0; i < 600; i++) { /* more often than there are places, or generations */
        tell(&scene, TW_PARKED);
        sim_run(scene.sim, 1);
        assert_int_equal(scene.sim->shard->world.parking.state->taken, 1);
        sim_leave(scene.sim, 0);
        sim_join(scene.sim, 0);
        sim_run(scene.sim, 1);
        assert_int_equal(scene.sim->shard->world.parking.state->taken, 0);
    }
    assert_int_equal(scene.sim->shard->world.state->players_live, 2);
    assert_int_equal(tw_counter_get(&scene.sim->counters.parking_full), 0);
    sim_destroy(scene.sim);
}

static uint64_t bytes_of_a_second(struct scene *scene)
{
    uint64_t bytes = scene->sim->clients[0].body_bytes;
    run(scene, HZ);
    return scene->sim->clients[0].body_bytes - bytes;
}

/* The session goes on in another slot, driven by a process that has nothing of the world. */
static void move_fresh(struct scene *scene)
{
    struct sim *sim = scene->sim;
    struct tw_record move = sim_record(sim, 0, TW_RECORD_MOVE);
    sim->clients[0].epoch++; /* the same slot does for the test: what counts is the epoch */
    struct tw_record arrive = sim_record(sim, 0, TW_RECORD_ARRIVE);
    arrive.join.account = 1000;
    move.move.worker = arrive.worker;
    move.move.slot = arrive.slot + 100u;
    move.move.route_epoch = 1;
    move.move.fresh = 1;
    tw_shard_consume(sim->shard, &move, 1);
    struct tw_record back = move;
    back.slot = move.move.slot;
    back.route_epoch = 1;
    back.move.slot = arrive.slot;
    back.move.route_epoch = sim->clients[0].epoch;
    tw_shard_consume(sim->shard, &back, 1);
    tw_shard_consume(sim->shard, &arrive, 1);
    sim->clients[0].view = tw_view_init(sim->clients[0].view, 4096);
    memset(sim->clients[0].should_see, 0, sizeof(sim->clients[0].should_see));
}

/* Who kept its view gets what changed; who lost it gets everything. */
static void test_coming_back_costs_what_changed(void **state)
{
    (void)state;
    struct tw_shard_config config = small_world();
    config.npcs = 250;
    config.npcs_moving_percent = 5;
    struct scene scene = scene_make(&config, 2);
    scene.sim->behaviour = SIM_STAND;
    run(&scene, 3u * HZ);
    uint32_t handle = player_of(&scene, 0)->entity;
    uint64_t steady = bytes_of_a_second(&scene);
    scene.sim->clients[0].silent = true;
    run(&scene, 12u * HZ);
    scene.sim->clients[0].silent = false;
    uint64_t kept = bytes_of_a_second(&scene);
    expect_in_step(&scene);
    scene.sim->clients[0].silent = true;
    run(&scene, 12u * HZ);
    move_fresh(&scene);
    scene.sim->clients[0].silent = false;
    uint64_t lost = bytes_of_a_second(&scene);
    expect_in_step(&scene);
    assert_int_equal(player_of(&scene, 0)->entity, handle);
    printf("snapshot bytes of the first second: %llu in step, %llu back with its view, %llu back "
           "without\n",
           (unsigned long long)steady, (unsigned long long)kept, (unsigned long long)lost);
    assert_true(kept - steady < (lost - steady) / 4u);
    sim_destroy(scene.sim);
}

static void test_tiers(void **state)
{
    (void)state;
    static const struct {
        uint64_t silent_ms;
        enum tw_life_tier tier;
        enum tw_life_state state, on_a_bad_path;
    } cases[] = {
        {0, TW_TIER_HEARD, TW_LIFE_CONNECTED, TW_LIFE_DEGRADED},
        {999, TW_TIER_HEARD, TW_LIFE_CONNECTED, TW_LIFE_DEGRADED},
        {1000, TW_TIER_SILENT, TW_LIFE_DEGRADED, TW_LIFE_DEGRADED},
        {4999, TW_TIER_SILENT, TW_LIFE_DEGRADED, TW_LIFE_DEGRADED},
        {5000, TW_TIER_PAUSED, TW_LIFE_RECONNECTING, TW_LIFE_RECONNECTING},
        {29999, TW_TIER_PAUSED, TW_LIFE_RECONNECTING, TW_LIFE_RECONNECTING},
        {30000, TW_TIER_PARKED, TW_LIFE_RECONNECTING, TW_LIFE_RECONNECTING},
        {59999, TW_TIER_PARKED, TW_LIFE_RECONNECTING, TW_LIFE_RECONNECTING},
        {60000, TW_TIER_OVER, TW_LIFE_DISCONNECTED, TW_LIFE_DISCONNECTED},
        {UINT64_MAX, TW_TIER_OVER, TW_LIFE_DISCONNECTED, TW_LIFE_DISCONNECTED},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        enum tw_life_tier tier = tw_life_tier(&times, cases[i].silent_ms);
        assert_int_equal(tier, cases[i].tier);
        assert_int_equal(tw_life_state(tier, false), cases[i].state);
        assert_int_equal(tw_life_state(tier, true), cases[i].on_a_bad_path);
    }
    /* Stages of no length are passed over. */
    static const struct tw_life_times short_times = {1000, 2000, 2000, 2000};
    assert_int_equal(tw_life_tier(&short_times, 1999), TW_TIER_SILENT);
    assert_int_equal(tw_life_tier(&short_times, 2000), TW_TIER_OVER);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_tiers),
        cmocka_unit_test(test_three_seconds),
        cmocka_unit_test(test_twelve_seconds),
        cmocka_unit_test(test_forty_seconds),
        cmocka_unit_test(test_seventy_seconds),
        cmocka_unit_test(test_without_a_place_it_stays_in_the_world),
        cmocka_unit_test(test_a_full_world_makes_it_wait),
        cmocka_unit_test(test_leaving_while_parked_frees_everything),
        cmocka_unit_test(test_coming_back_costs_what_changed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
