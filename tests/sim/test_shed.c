/* SPDX-License-Identifier: BSD-3-Clause */
/* What a strained path costs whom: by tiers of distance, never a snapshot, never what is near. */
#include "tests/sim/harness.h"

#include "simulation/interest/shed.h"
#include "tickwire/wire.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#define CLIENTS 4u
#define SECONDS 10u

/* Of one client in one state. */
struct figures {
    uint32_t snapshots, hashes;
    uint64_t bytes, shed[TW_TIER_COUNT];
    uint64_t age_ticks[TW_TIER_COUNT], ages[TW_TIER_COUNT]; /* since the newest change it knows */
};

static void set_link(struct sim *sim, uint32_t link, uint32_t capacity)
{
    for (uint32_t i = 0; i < CLIENTS; i++) {
        struct tw_record record = sim_record(sim, i, TW_RECORD_LINK);
        record.link.state = link;
        record.link.capacity = capacity;
        tw_shard_consume(sim->shard, &record, 1);
    }
}

static void look(struct sim *sim, uint32_t client, struct figures *figures)
{
    uint32_t player = sim_player_index(sim, client);
    const struct tw_interest *interest = &sim->shard->interest;
    const struct tw_observer *observer = &interest->observers[player];
    const struct tw_view_entry *entries = tw_interest_entries(interest, player);
    for (uint32_t e = 0; e < observer->entry_count; e++) {
        struct tw_view_entity entity;
        if (entries[e].state != TW_ENTRY_LIVE ||
            !tw_view_entity(sim->clients[client].view, entries[e].handle, &entity))
            continue;
        enum tw_tier tier = tw_shed_tier(entries[e].distance_m, sim->config.aoi_enter_m);
        uint32_t changed = interest->records.hot[entries[e].handle & 0xffffffu].tick;
        figures->age_ticks[tier] += changed > entity.tick ? changed - entity.tick : 0;
        figures->ages[tier]++;
    }
}

static struct figures measure(struct sim *sim, uint32_t link)
{
    struct figures figures = {0};
    const struct sim_client *client = &sim->clients[0];
    const struct tw_shard_counters *counters = &sim->counters;
    set_link(sim, link, TW_SHARD_BASE_CAPACITY);
    sim_run(sim, 120);
    struct sim_client before = *client;
    uint64_t middle = tw_counter_get(&counters->shed_middle_bytes);
    uint64_t far = tw_counter_get(&counters->shed_far_bytes);
    for (uint32_t i = 0; i < 60u * SECONDS; i++) {
        sim_tick(sim);
        look(sim, 0, &figures);
    }
    figures.snapshots = client->applied - before.applied;
    figures.hashes = client->hashes - before.hashes;
    figures.bytes = client->body_bytes - before.body_bytes;
    figures.shed[TW_TIER_MIDDLE] = tw_counter_get(&counters->shed_middle_bytes) - middle;
    figures.shed[TW_TIER_FAR] = tw_counter_get(&counters->shed_far_bytes) - far;
    return figures;
}

static uint64_t mean_age(const struct figures *figures, enum tw_tier tier)
{
    return figures->ages[tier] == 0 ? 0 : figures->age_ticks[tier] * 1000u / figures->ages[tier];
}

static void print_figures(uint32_t link, const struct figures *figures)
{
    printf("state %u: %u snapshots, %llu bytes, %u hashes; age in ticks/1000: near %llu, middle "
           "%llu, far %llu\n",
           link, figures->snapshots, (unsigned long long)figures->bytes, figures->hashes,
           (unsigned long long)mean_age(figures, TW_TIER_NEAR),
           (unsigned long long)mean_age(figures, TW_TIER_MIDDLE),
           (unsigned long long)mean_age(figures, TW_TIER_FAR));
}

static struct sim *make(uint32_t npcs, uint32_t moving_percent, uint64_t seed)
{
    struct tw_shard_config config = sim_config_default();
    config.npcs = npcs;
    config.npcs_moving_percent = moving_percent;
    config.size_m = 200;
    config.spawn_radius_m = 10;
    struct sim *sim = sim_create(&config, CLIENTS, seed);
    sim->behaviour = SIM_STAND;
    sim->network = (struct sim_network){.delay_min_ticks = 2};
    sim_join_all(sim);
    sim_run(sim, 120);
    return sim;
}

/* A view that fits a packet: what is left out is left out for the path alone. */
static void test_far_before_middle_before_near(void **state)
{
    (void)state;
    struct sim *sim = make(180, 100, 11);
    struct figures all[TW_SHED_STATES];
    for (uint32_t link = 0; link < TW_SHED_STATES; link++) {
        all[link] = measure(sim, link);
        print_figures(link, &all[link]);
        assert_in_range(all[link].snapshots, 20u * SECONDS - 1u, 20u * SECONDS + 1u);
        assert_in_range(all[link].hashes, SECONDS - 1u, SECONDS + 1u);
        /* Three ticks lie between two snapshots: nobody near waits for more than the next. */
        assert_in_range(mean_age(&all[link], TW_TIER_NEAR), 0, 3000);
    }
    assert_int_equal(all[0].shed[TW_TIER_MIDDLE] + all[0].shed[TW_TIER_FAR], 0);
    for (uint32_t link = 1; link < TW_SHED_STATES; link++) {
        assert_true(mean_age(&all[link], TW_TIER_FAR) > mean_age(&all[link - 1u], TW_TIER_FAR));
        assert_true(mean_age(&all[link], TW_TIER_FAR) > mean_age(&all[link], TW_TIER_MIDDLE));
        assert_true(all[link].shed[TW_TIER_FAR] > all[link].shed[TW_TIER_MIDDLE]);
        assert_true(all[link].bytes < all[link - 1u].bytes * 80u / 100u);
    }
    assert_int_equal(tw_counter_get(&sim->counters.links_emergency), CLIENTS);
    struct figures after = measure(sim, 0);
    assert_int_equal(after.shed[TW_TIER_FAR], 0);
    assert_int_equal(tw_counter_get(&sim->counters.links_emergency), 0);
    sim_destroy(sim);
}

/* Nothing to shed: the smallest snapshots, as many as ever. */
static void test_a_world_at_rest_is_not_thinned(void **state)
{
    (void)state;
    struct sim *sim = make(180, 0, 12);
    for (uint32_t link = 0; link < TW_SHED_STATES; link++) {
        struct figures figures = measure(sim, link);
        assert_in_range(figures.snapshots, 20u * SECONDS - 1u, 20u * SECONDS + 1u);
        assert_in_range(figures.hashes, SECONDS - 1u, SECONDS + 1u);
        assert_int_equal(figures.shed[TW_TIER_MIDDLE] + figures.shed[TW_TIER_FAR], 0);
        assert_in_range(figures.bytes / figures.snapshots, TW_SNAPSHOT_FIXED_SIZE + 4u,
                        TW_SNAPSHOT_FIXED_SIZE + 5u);
    }
    sim_destroy(sim);
}

/* More than fits: a part of the packet is the near ones' own. */
static void test_a_crowd_leaves_room_to_the_near(void **state)
{
    (void)state;
    struct sim *sim = make(1800, 100, 13);
    sim->view_overfull = true;
    sim->capacity = 500;
    struct figures all[TW_SHED_STATES];
    for (uint32_t link = 0; link < TW_SHED_STATES; link++) {
        all[link] = measure(sim, link);
        print_figures(link, &all[link]);
    }
    assert_true(mean_age(&all[2], TW_TIER_NEAR) < mean_age(&all[0], TW_TIER_NEAR));
    assert_true(mean_age(&all[2], TW_TIER_FAR) > mean_age(&all[0], TW_TIER_FAR));
    sim_destroy(sim);
}

/* Of the newest snapshot of client 0: what its entities take, and their groups. A group that a near
 * one may have opened counts as theirs. */
struct spread {
    uint32_t near, other;
};

static uint32_t newest_number(const struct sim *sim)
{
    return sim->shard->interest.observers[sim_player_index(sim, 0)].number;
}

static bool is_told(const struct sim *sim, const struct tw_view_entry *entry)
{
    return (entry->carried >> newest_number(sim) % TW_SNAPSHOT_HISTORY & 1u) != 0;
}

/* Bit 0: near ones are told of this cell; bit 1: another one was counted there already. */
static uint8_t *cell_of(const struct sim *sim, const struct tw_view_entry *entry,
                        uint8_t cells[64][64])
{
    const uint16_t *cell = sim->shard->interest.records.hot[entry->handle & 0xffffffu].cell;
    return &cells[cell[0] % 64u][cell[1] % 64u];
}

static struct spread newest_spread(const struct sim *sim)
{
    uint8_t cells[64][64] = {0};
    struct spread spread = {0};
    uint32_t player = sim_player_index(sim, 0);
    const struct tw_view_entry *entries = tw_interest_entries(&sim->shard->interest, player);
    uint32_t count = sim->shard->interest.observers[player].entry_count;
    for (uint32_t e = 0; e < count; e++) {
        if (is_told(sim, &entries[e]) &&
            tw_shed_tier(entries[e].distance_m, sim->config.aoi_enter_m) == TW_TIER_NEAR)
            *cell_of(sim, &entries[e], cells) = 1;
    }
    for (uint32_t e = 0; e < count; e++) {
        if (!is_told(sim, &entries[e]))
            continue;
        uint32_t bytes = entries[e].state == TW_ENTRY_LIVE       ? TW_HOT_RECORD_SIZE
                         : entries[e].state == TW_ENTRY_ENTERING ? TW_ENTER_SIZE
                                                                 : TW_HANDLE_SIZE;
        uint8_t *cell = cell_of(sim, &entries[e], cells);
        /* Who comes or goes is told whatever the distance is. */
        bool near = entries[e].state != TW_ENTRY_LIVE ||
                    tw_shed_tier(entries[e].distance_m, sim->config.aoi_enter_m) == TW_TIER_NEAR;
        if (*cell == 0 && entries[e].state == TW_ENTRY_LIVE) {
            bytes += TW_HOT_GROUP_HEADER_SIZE;
            *cell = 2;
        }
        *(near ? &spread.near : &spread.other) += bytes;
    }
    return spread;
}

static int by_size(const void *a, const void *b)
{
    return (int)*(const uint32_t *)a - (int)*(const uint32_t *)b;
}

/* Three quarters and half of a packet: so much may those farther away fill, and they would fill
 * more. The median packet, since now and then one tells a class of entities for its check, and
 * those are told wherever they are. */
static void test_a_part_of_the_packet_is_for_the_near(void **state)
{
    (void)state;
    const uint32_t capacity = 500u - TW_FRAME_HEADER_SIZE - TW_SNAPSHOT_FIXED_SIZE - 4u;
    const uint32_t most[TW_SHED_STATES] = {0, capacity * 3u / 4u, capacity / 2u};
    struct sim *sim = make(600, 100, 13);
    sim->view_overfull = true;
    sim->capacity = 500;
    for (uint32_t link = 1; link < TW_SHED_STATES; link++) {
        uint32_t others[20u * SECONDS + 2u] = {0}, count = 0, near = 0;
        set_link(sim, link, TW_SHARD_BASE_CAPACITY);
        sim_run(sim, 120);
        for (uint32_t i = 0; i < 60u * SECONDS; i++) {
            uint32_t before = newest_number(sim);
            sim_tick(sim);
            if (newest_number(sim) == before)
                continue;
            struct spread spread = newest_spread(sim);
            others[count++] = spread.other;
            near += spread.near;
        }
        qsort(others, count, sizeof(others[0]), by_size);
        printf("state %u: of %u bytes %u for others, the mean for near ones %u\n", link, capacity,
               others[count / 2u], near / count);
        assert_in_range(others[count / 2u], most[link] - 40u, most[link]);
    }
    sim_destroy(sim);
}

/* A path takes less than a packet: snapshots are as small, the near ones are told, and a record
 * that asks for less than the least gets that. How early inputs arrive is told five times a second
 * all the same. */
static void test_a_slow_path_takes_small_snapshots(void **state)
{
    (void)state;
    static const uint32_t capacities[][2] = {{600, 600},
                                             {TW_SHARD_LEAST_CAPACITY, TW_SHARD_LEAST_CAPACITY},
                                             {0, TW_SHARD_LEAST_CAPACITY}};
    for (uint32_t i = 0; i < 3; i++) {
        struct sim *sim = make(400, 100, 14);
        sim->view_overfull = true;
        sim_run(sim, 120);
        set_link(sim, 2, capacities[i][0]);
        sim_run(sim, 60);
        uint32_t largest = 0, untold = 0;
        for (uint32_t tick = 0; tick < 120; tick++) {
            sim_tick(sim);
            uint32_t count = sim->shard->arrivals[sim_player_index(sim, 0)].count;
            untold = count > untold ? count : untold;
            uint32_t size = sim->clients[0].newest_body_size + TW_FRAME_HEADER_SIZE;
            largest = size > largest ? size : largest;
        }
        /* A record of seven bytes finds no room any more, or a cell of five and one. */
        assert_in_range(largest, capacities[i][1] - 40u, capacities[i][1]);
        assert_in_range(untold, 60u / TW_ARRIVALS_PER_S - 2u, 60u / TW_ARRIVALS_PER_S + 6u);
        set_link(sim, 0, TW_SHARD_BASE_CAPACITY);
        sim_run(sim, 120);
        assert_true(sim->clients[0].newest_body_size > capacities[i][1]);
        sim_destroy(sim);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_far_before_middle_before_near),
        cmocka_unit_test(test_a_world_at_rest_is_not_thinned),
        cmocka_unit_test(test_a_crowd_leaves_room_to_the_near),
        cmocka_unit_test(test_a_part_of_the_packet_is_for_the_near),
        cmocka_unit_test(test_a_slow_path_takes_small_snapshots),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
