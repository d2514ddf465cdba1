/* SPDX-License-Identifier: BSD-3-Clause */
/* Clients behind bad networks: after every snapshot that left nothing out, the client's world is
 * exactly what the server says it should see. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "simulation/core/fixed.h"
#include "simulation/interest/snapshot.h"
#include "tests/sim/harness.h"
#include "tickwire/wire.h"

#define STATIONARY_BODY (TW_SNAPSHOT_FIXED_SIZE + 4u)

static void run_in(const struct tw_shard_config *config, uint32_t loss_permille,
                   uint32_t jitter_ticks, uint64_t seed)
{
    struct sim *sim = sim_create(config, 16, seed);
    sim->behaviour = SIM_WALK;
    sim->network = (struct sim_network){.down_loss_permille = loss_permille,
                                        .ack_loss_permille = loss_permille,
                                        .delay_min_ticks = 2,
                                        .delay_jitter_ticks = jitter_ticks};
    sim_join_all(sim);
    sim_run(sim, 60 * 20);
    for (uint32_t i = 0; i < sim->clients_max; i++) {
        const struct sim_client *client = &sim->clients[i];
        SIM_CHECK(sim, client->applied > 20u * 20u / 2u && client->complete > client->applied / 2u);
        SIM_CHECK(sim, client->hashes >= 3);
        SIM_CHECK(sim, jitter_ticks == 0 || client->old > 0);
    }
    sim_destroy(sim);
}

static void run_walking(uint32_t loss_permille, uint32_t jitter_ticks, uint64_t seed)
{
    struct tw_shard_config config = sim_config_default();
    run_in(&config, loss_permille, jitter_ticks, seed);
}

static void test_no_loss(void **state)
{
    (void)state;
    run_walking(0, 0, 1);
}

static void test_loss_5_percent_reordered(void **state)
{
    (void)state;
    run_walking(50, 5, 2);
}

static void test_loss_20_percent_reordered(void **state)
{
    (void)state;
    run_walking(200, 12, 3);
}

/* Wherever they are, they see across the seam: sight reaches over most of this world. */
static void test_no_edges(void **state)
{
    (void)state;
    struct tw_shard_config config = sim_config_default();
    config.wraps = true;
    config.size_m = 192;
    config.npcs = 200;
    config.obstacles = 10;
    config.spawn_radius_m = 0;
    run_in(&config, 0, 0, 21);
    run_in(&config, 50, 5, 22);
    run_in(&config, 200, 12, 23);
    config.octree = true;
    run_in(&config, 50, 5, 24);
}

static void test_stationary_world_costs_only_the_fixed_part(void **state)
{
    (void)state;
    struct tw_shard_config config = sim_config_default();
    config.npcs_moving_percent = 0;
    struct sim *sim = sim_create(&config, 16, 4);
    sim->network = (struct sim_network){
        .down_loss_permille = 50, .ack_loss_permille = 50, .delay_min_ticks = 3};
    sim_join_all(sim);
    sim_run(sim, 60 * 4);
    uint32_t snapshots = 0;
    for (uint32_t t = 0; t < 60 * 10; t++) {
        sim_tick(sim);
        for (uint32_t i = 0; i < sim->clients_max; i++) {
            const struct sim_client *client = &sim->clients[i];
            uint32_t hash = client->newest_had_hash ? TW_VIEW_HASH_SIZE : 0;
            SIM_CHECK(sim, client->newest_body_size == STATIONARY_BODY + hash);
            SIM_CHECK(sim, client->newest_complete);
            snapshots += client->applied;
        }
    }
    assert_true(snapshots > 0);
    for (uint32_t i = 0; i < sim->clients_max; i++) {
        SIM_CHECK(sim, sim->clients[i].hashes >= 10 && sim->clients[i].hashes <= 18);
    }
    sim_destroy(sim);
}

static void test_small_buffers_converge(void **state)
{
    (void)state;
    struct tw_shard_config config = sim_config_default();
    config.npcs_moving_percent = 0;
    /* The smallest takes one enter a snapshot: a round over the view outlasts the history of 64. */
    config.npcs = 1500;
    static const uint32_t capacities[] = {44, 64, 100, 300};
    for (uint32_t c = 0; c < 4; c++) {
        struct sim *sim = sim_create(&config, 4, 5 + c);
        sim->capacity = capacities[c];
        sim->network = (struct sim_network){
            .down_loss_permille = 50, .ack_loss_permille = 50, .delay_min_ticks = 2};
        sim_join_all(sim);
        sim_run(sim, 60 * 120);
        for (uint32_t i = 0; i < 4; i++)
            SIM_CHECK(sim, sim->clients[i].newest_complete && sim->clients[i].hashes > 0);
        SIM_CHECK(sim, tw_counter_get(&sim->counters.snapshots_incomplete) > 0);
        sim_destroy(sim);
    }
}

/* Far more changes than fit: still, everyone in sight is told, and told again before long. */
static void test_overload_starves_nobody(void **state)
{
    (void)state;
    struct tw_shard_config config = sim_config_default();
    config.npcs_moving_percent = 100;
    config.npcs = 900;
    config.size_m = 200;
    config.spawn_radius_m = 20;
    struct sim *sim = sim_create(&config, 4, 9);
    sim->behaviour = SIM_STAND;
    sim->view_overfull = true;
    sim->capacity = 400;
    sim->network = (struct sim_network){
        .down_loss_permille = 50, .ack_loss_permille = 50, .delay_min_ticks = 3};
    sim_join_all(sim);
    sim_run(sim, 60 * 30);
    uint32_t worst_age = 0;
    uint32_t seen = 0;
    uint32_t owed = 0;
    for (uint32_t i = 0; i < 4; i++) {
        uint32_t player = sim_player_index(sim, i);
        const struct tw_observer *observer = &sim->shard->interest.observers[player];
        const struct tw_view_entry *entries = tw_interest_entries(&sim->shard->interest, player);
        for (uint32_t e = 0; e < observer->entry_count; e++) {
            struct tw_view_entity entity;
            owed++;
            if (entries[e].state != TW_ENTRY_LIVE)
                continue;
            SIM_CHECK(sim, tw_view_entity(sim->clients[i].view, entries[e].handle, &entity));
            uint32_t changed = sim->shard->interest.records.hot[entries[e].handle & 0xffffffu].tick;
            uint32_t age = changed > entity.tick ? (uint32_t)sim->tick - entity.tick : 0;
            worst_age = age > worst_age ? age : worst_age;
            seen++;
        }
    }
    printf("overload: %u of %u entries live, oldest change not told yet: %u ticks\n", seen, owed,
           worst_age);
    SIM_CHECK(sim, tw_counter_get(&sim->counters.snapshots_incomplete) > 60 * 20);
    SIM_CHECK(sim, seen > owed * 3u / 4u && worst_age < 60u * 5u);
    sim_destroy(sim);
}

static void test_cold_fields_travel_alone(void **state)
{
    (void)state;
    struct tw_shard_config config = sim_config_default();
    config.npcs_moving_percent = 0;
    struct sim *sim = sim_create(&config, 8, 10);
    sim->network = (struct sim_network){
        .down_loss_permille = 200, .ack_loss_permille = 200, .delay_min_ticks = 2};
    sim_join_all(sim);
    sim_run(sim, 60 * 5);
    struct tw_entities *entities = &sim->shard->world.entities;
    for (uint32_t t = 0; t < 60 * 10; t++) {
        for (uint32_t k = 0; k < 3; k++) {
            uint32_t index = tw_rng_below(&sim->rng, entities->state->end);
            enum tw_cold_field field = 1u + tw_rng_below(&sim->rng, TW_COLD_FIELDS - 1u);
            tw_entities_set_cold(entities, index, field, (uint8_t)tw_rng_next(&sim->rng),
                                 (uint32_t)sim->tick + 1u);
        }
        sim_tick(sim);
        for (uint32_t i = 0; i < sim->clients_max; i++)
            SIM_CHECK(sim, sim->clients[i].newest_body_size < STATIONARY_BODY + 900u);
    }
    sim_run(sim, 60 * 4);
    for (uint32_t i = 0; i < sim->clients_max; i++)
        SIM_CHECK(sim, sim->clients[i].newest_complete &&
                           sim->clients[i].newest_body_size <= STATIONARY_BODY + TW_VIEW_HASH_SIZE);
    sim_destroy(sim);
}

static void test_leave_and_rejoin_reuse_indexes(void **state)
{
    (void)state;
    struct tw_shard_config config = sim_config_default();
    config.npcs = 8;
    config.obstacles = 0;
    config.players_max = 16;
    config.entities_max = 24; /* indexes come back at once */
    config.spawn_radius_m = 15;
    struct sim *sim = sim_create(&config, 16, 11);
    sim->behaviour = SIM_WALK;
    sim->network = (struct sim_network){.down_loss_permille = 200,
                                        .ack_loss_permille = 300,
                                        .delay_min_ticks = 2,
                                        .delay_jitter_ticks = 8};
    for (uint32_t t = 0; t < 60 * 40; t++) {
        uint32_t i = tw_rng_below(&sim->rng, 16);
        if (tw_rng_below(&sim->rng, 5) == 0 && !sim->clients[i].joined)
            sim_join(sim, i);
        else if (tw_rng_below(&sim->rng, 10) == 0 && sim->clients[i].joined)
            sim_leave(sim, i);
        /* Both between two ticks, as well. */
        if (tw_rng_below(&sim->rng, 10) == 0 && sim->clients[i].joined) {
            sim_leave(sim, i);
            sim_join(sim, i);
        }
        sim_tick(sim);
    }
    uint32_t complete = 0;
    for (uint32_t i = 0; i < 16; i++)
        complete += sim->clients[i].complete;
    SIM_CHECK(sim, complete > 500);
    SIM_CHECK(sim, tw_counter_get(&sim->counters.joins_refused) == 0);
    for (uint32_t i = 0; i < 16; i++) {
        if (sim->clients[i].joined)
            sim_leave(sim, i);
    }
    sim_run(sim, 1);
    assert_int_equal(tw_counter_get(&sim->counters.players), 0);
    assert_int_equal(tw_counter_get(&sim->counters.entities), 8);
    sim_destroy(sim);
}

/* In and out of sight faster than acks return: an exit's ack must not pass for an enter's. */
static void test_flickering_at_the_edge(void **state)
{
    (void)state;
    struct tw_shard_config config = sim_config_default();
    config.npcs = 40;
    config.npcs_moving_percent = 0;
    config.obstacles = 0;
    config.aoi_exit_m = config.aoi_enter_m;
    struct sim *sim = sim_create(&config, 4, 14);
    sim->network = (struct sim_network){.down_loss_permille = 200,
                                        .ack_loss_permille = 200,
                                        .delay_min_ticks = 4,
                                        .delay_jitter_ticks = 6};
    sim_join_all(sim);
    sim_run(sim, 1);
    struct tw_world *world = &sim->shard->world;
    for (uint32_t t = 0; t < 60 * 30; t++) {
        for (uint32_t index = 0; index < config.npcs && t % 3 == 0; index++) {
            if (tw_rng_below(&sim->rng, 3) != 0)
                continue;
            bool near = tw_rng_below(&sim->rng, 2);
            world->entities.x[index] = near ? 250 * 1024 : 1024;
            world->entities.y[index] = near ? 250 * 1024 : 1024;
            world->entities.changed_tick[index] = (uint32_t)sim->tick + 1u;
            tw_index_move(&world->index, &world->entities, index);
        }
        sim_tick(sim);
    }
    for (uint32_t i = 0; i < 4; i++)
        SIM_CHECK(sim, sim->clients[i].complete > 100);
    sim_destroy(sim);
}

static void test_crowd_larger_than_the_view(void **state)
{
    (void)state;
    struct tw_shard_config config = sim_config_default();
    config.npcs = 800;
    config.size_m = 150;
    config.view_max = 32;
    struct sim *sim = sim_create(&config, 8, 12);
    sim->behaviour = SIM_WALK;
    sim->view_overfull = true;
    sim->network = (struct sim_network){.down_loss_permille = 50, .delay_min_ticks = 2};
    sim_join_all(sim);
    sim_run(sim, 60 * 10);
    SIM_CHECK(sim, tw_counter_get(&sim->counters.view_full) > 0);
    for (uint32_t i = 0; i < 8; i++) {
        SIM_CHECK(sim, sim->clients[i].hashes >= 4);
        /* Nobody outside the view is much nearer than somebody in it. */
        uint32_t player = sim_player_index(sim, i);
        const struct tw_entities *entities = &sim->shard->world.entities;
        uint32_t own = sim->shard->world.players[player].entity & 0xffffffu;
        const struct tw_view_entry *entries = tw_interest_entries(&sim->shard->interest, player);
        static bool in_view[SIM_ENTITIES_MAX];
        uint32_t visible = 0;
        uint64_t farthest = 0;
        memset(in_view, 0, sizeof(in_view));
        tw_observer_look(&sim->shard->interest, player, own);
        for (uint32_t e = 0; e < sim->shard->interest.observers[player].entry_count; e++) {
            uint32_t index = entries[e].handle & 0xffffffu;
            if (entries[e].state == TW_ENTRY_EXITING)
                continue;
            visible++;
            in_view[index] = true;
            uint64_t squared = tw_fixed_distance_squared(entities->x[own], entities->y[own],
                                                         entities->x[index], entities->y[index]);
            farthest = squared > farthest ? squared : farthest;
        }
        SIM_CHECK(sim, visible == config.view_max);
        for (uint32_t e = 0; e < entities->state->end; e++) {
            if (entities->live[e] && !in_view[e])
                SIM_CHECK(sim, tw_fixed_distance_squared(entities->x[own], entities->y[own],
                                                         entities->x[e],
                                                         entities->y[e]) >= farthest * 3u / 4u);
        }
    }
    sim_destroy(sim);
}

static void test_acks_of_numbers_never_sent_are_ignored(void **state)
{
    (void)state;
    struct tw_shard_config config = sim_config_default();
    struct sim *sim = sim_create(&config, 2, 13);
    sim->network.ack_loss_permille = 1000;
    sim_join_all(sim);
    for (uint32_t t = 0; t < 120; t++) {
        struct tw_record record = sim_record(sim, 0, TW_RECORD_SNAPSHOT_ACK);
        record.snapshot_ack.newest = t % 3 == 0 ? 0 : UINT32_MAX - t % 7;
        record.snapshot_ack.bitmap = UINT32_MAX;
        tw_shard_consume(sim->shard, &record, 1);
        sim_tick(sim);
    }
    uint32_t player = sim_player_index(sim, 0);
    const struct tw_observer *observer = &sim->shard->interest.observers[player];
    assert_int_equal(observer->acked, 0);
    const struct tw_view_entry *entries = tw_interest_entries(&sim->shard->interest, player);
    assert_true(observer->entry_count > 0);
    for (uint32_t e = 0; e < observer->entry_count; e++)
        assert_true(entries[e].state != TW_ENTRY_LIVE);
    sim_destroy(sim);
}

static void test_acks_come_with_inputs(void **state)
{
    (void)state;
    struct tw_shard_config config = sim_config_default();
    struct sim *sim = sim_create(&config, 1, 17);
    sim->network.ack_loss_permille = 1000;
    sim_join_all(sim);
    sim_run(sim, 30);
    const struct tw_observer *observer = &sim->shard->interest.observers[sim_player_index(sim, 0)];
    struct tw_record record = sim_record(sim, 0, TW_RECORD_INPUT);
    record.input.tick = (uint32_t)sim->tick + 1u;
    record.input.acked_bitmap = UINT32_MAX; /* of no number: nothing */
    tw_shard_consume(sim->shard, &record, 1);
    assert_int_equal(observer->acked, 0);
    assert_in_range(observer->number, 4, TW_SNAPSHOT_HISTORY);
    record.input.acked_newest = observer->number;
    record.input.acked_bitmap = 2; /* and the one two before it */
    record.route_epoch--;
    tw_shard_consume(sim->shard, &record, 1);
    assert_int_equal(observer->acked, 0);
    record.route_epoch++;
    tw_shard_consume(sim->shard, &record, 1);
    uint64_t expected = (UINT64_C(1) << observer->number % TW_SNAPSHOT_HISTORY) |
                        UINT64_C(1) << (observer->number - 2u) % TW_SNAPSHOT_HISTORY;
    assert_int_equal(observer->acked, expected);
    sim_destroy(sim);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_no_loss),
        cmocka_unit_test(test_loss_5_percent_reordered),
        cmocka_unit_test(test_loss_20_percent_reordered),
        cmocka_unit_test(test_no_edges),
        cmocka_unit_test(test_stationary_world_costs_only_the_fixed_part),
        cmocka_unit_test(test_small_buffers_converge),
        cmocka_unit_test(test_overload_starves_nobody),
        cmocka_unit_test(test_cold_fields_travel_alone),
        cmocka_unit_test(test_leave_and_rejoin_reuse_indexes),
        cmocka_unit_test(test_flickering_at_the_edge),
        cmocka_unit_test(test_acks_come_with_inputs),
        cmocka_unit_test(test_crowd_larger_than_the_view),
        cmocka_unit_test(test_acks_of_numbers_never_sent_are_ignored),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
