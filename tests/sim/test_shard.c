/* SPDX-License-Identifier: BSD-3-Clause */
/* Records in, state out: order of arrival, epochs, refusals, buffers, late and missing inputs. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "simulation/shard/movement.h"
#include "tests/sim/harness.h"
#include "tests/sim/script.h"
#include "tickwire/wire.h"

static uint64_t counter(const tw_counter *value)
{
    return tw_counter_get(value);
}

/* The script with the records between two ticks in random order, each player's own kept in
 * order; seed 0 leaves them as they are. */
static uint64_t run_script(uint64_t seed, struct tw_shard_counters *counters)
{
    static struct tw_record records[SCRIPT_RECORDS_MAX];
    struct tw_shard_config config = script_config();
    struct tw_outbox outboxes[3] = {0};
    struct tw_rng rng;
    size_t footprint = (tw_shard_footprint(&config) + 63u) / 64u * 64u;
    void *memory = aligned_alloc(64, footprint);
    assert_non_null(memory);
    /* What was in the memory must not matter either. */
    memset(memory, (int)(seed * 85u), footprint);
    struct tw_shard *shard = tw_shard_init(memory, &config, counters);
    tw_rng_seed(&rng, seed);
    for (uint32_t tick = 1; tick <= SCRIPT_TICKS; tick++) {
        uint32_t count = (uint32_t)script_records(tick, records);
        for (uint32_t swaps = 0; seed != 0 && count > 1 && swaps < 4u * count; swaps++) {
            uint32_t at = tw_rng_below(&rng, count - 1u);
            if (records[at].worker == records[at + 1u].worker &&
                records[at].slot == records[at + 1u].slot)
                continue;
            struct tw_record swap = records[at];
            records[at] = records[at + 1u];
            records[at + 1u] = swap;
        }
        for (uint32_t at = 0; at < count;) {
            uint32_t batch = seed == 0 ? count : 1u + tw_rng_below(&rng, count - at);
            tw_shard_consume(shard, records + at, batch);
            at += batch;
        }
        tw_shard_tick(shard, tick, 0, outboxes);
    }
    uint64_t hash = tw_shard_state_hash(shard);
    free(memory);
    return hash;
}

static void test_arrival_order_does_not_matter(void **state)
{
    (void)state;
    static struct tw_shard_counters first;
    uint64_t hash = run_script(0, &first);
    assert_true(counter(&first.inputs[TW_SHARD_INPUT_APPLIED]) > 10000);
    assert_true(counter(&first.inputs[TW_SHARD_INPUT_LATE]) > 100);
    assert_true(counter(&first.joins_refused) > 0);
    for (uint64_t seed = 1; seed <= 5; seed++) {
        static struct tw_shard_counters again;
        memset(&again, 0, sizeof(again));
        assert_int_equal(run_script(seed, &again), hash);
        for (uint32_t i = 0; i < TW_SHARD_INPUT_COUNT; i++)
            assert_int_equal(counter(&again.inputs[i]), counter(&first.inputs[i]));
    }
}

static void test_replication_is_no_part_of_the_state(void **state)
{
    (void)state;
    struct tw_shard_config config = sim_config_default();
    uint64_t hashes[2];
    for (uint32_t run = 0; run < 2; run++) {
        struct sim *sim = sim_create(&config, 8, 3);
        sim->network.ack_loss_permille = run * 1000u;
        sim->buffers_max = run ? 1 : SIM_CLIENTS_MAX;
        sim_join_all(sim);
        sim_run(sim, 180);
        hashes[run] = tw_shard_state_hash(sim->shard);
        assert_int_equal(counter(&sim->counters.state_hash), hashes[run]);
        assert_int_equal(counter(&sim->counters.state_hash_tick), 180);
        sim_destroy(sim);
    }
    assert_int_equal(hashes[0], hashes[1]);
}

static void test_the_hash_covers_every_byte(void **state)
{
    (void)state;
    struct tw_shard_config config = sim_config_default();
    struct sim *sim = sim_create(&config, 4, 3);
    sim_join_all(sim);
    sim_run(sim, 10);
    uint64_t hash = tw_shard_state_hash(sim->shard);
    struct tw_world *world = &sim->shard->world;
    for (uint32_t i = 0; i < 300; i++) {
        size_t at = tw_rng_next(&sim->rng) % world->state_size;
        world->state_bytes[at] ^= 1u;
        assert_int_not_equal(tw_shard_state_hash(sim->shard), hash);
        world->state_bytes[at] ^= 1u;
    }
    assert_int_equal(tw_shard_state_hash(sim->shard), hash);
    sim_destroy(sim);
}

static void test_refused_joins_are_told_when_a_buffer_comes(void **state)
{
    (void)state;
    struct tw_shard_config config = sim_config_default();
    config.players_max = 4;
    struct sim *sim = sim_create(&config, 8, 3);
    sim->buffers_max = 0;
    sim_join_all(sim);
    sim_run(sim, 3);
    assert_int_equal(counter(&sim->counters.joins_refused), 4);
    assert_int_equal(counter(&sim->counters.players), 4);
    assert_true(counter(&sim->counters.snapshots_no_buffer) > 0);
    /* Lower accounts come first: clients 4..7 are the refused ones. One leaves by itself. */
    sim_leave(sim, 7);
    sim->buffers_max = 1;
    sim_run(sim, 3);
    for (uint32_t i = 0; i < 8; i++)
        assert_int_equal(sim->clients[i].closes, i >= 4 && i < 7);
    /* The slot is free again for a later session, when there is room. */
    sim->buffers_max = 8;
    sim_leave(sim, 0);
    sim_join(sim, 5);
    sim_run(sim, 3);
    assert_int_equal(counter(&sim->counters.joins_refused), 4);
    assert_int_equal(counter(&sim->counters.players), 4);
    assert_true(sim->clients[5].applied > 0);
    sim_destroy(sim);
}

static void test_without_buffers_snapshots_stay_due(void **state)
{
    (void)state;
    struct tw_shard_config config = sim_config_default();
    struct sim *sim = sim_create(&config, 16, 3);
    sim->buffers_max = 2; /* per worker and tick: 80 a second each, for 8 clients due 20 each */
    sim_join_all(sim);
    sim_run(sim, 600);
    for (uint32_t i = 0; i < 16; i++)
        SIM_CHECK(sim, sim->clients[i].applied > 120);
    assert_true(counter(&sim->counters.snapshots_no_buffer) > 0);
    sim_destroy(sim);
}

static void test_stale_records_are_counted_and_ignored(void **state)
{
    (void)state;
    struct tw_shard_config config = sim_config_default();
    struct sim *sim = sim_create(&config, 2, 3);
    sim_join(sim, 0);
    sim_run(sim, 5);
    uint64_t inputs_stale = counter(&sim->counters.inputs[TW_SHARD_INPUT_STALE]);
    struct tw_record records[8];
    for (uint32_t i = 0; i < 8; i++)
        records[i] = sim_record(sim, 0, i < 4 ? TW_RECORD_SNAPSHOT_ACK : TW_RECORD_INPUT);
    records[0].route_epoch--;
    records[1].world++;
    records[2].slot = 5; /* nobody there */
    records[3].worker = 9;
    records[4].route_epoch--;
    records[5].world++;
    records[6].slot = 5;
    records[7].slot = config.slots_per_worker;
    tw_shard_consume(sim->shard, records, 8);
    assert_int_equal(counter(&sim->counters.records_stale), 4);
    assert_int_equal(counter(&sim->counters.inputs[TW_SHARD_INPUT_STALE]), inputs_stale + 4);
    /* A join of the epoch that plays, or an older one; a leave of an older one. */
    struct tw_record join = sim_record(sim, 0, TW_RECORD_JOIN);
    tw_shard_consume(sim->shard, &join, 1);
    join.route_epoch--;
    tw_shard_consume(sim->shard, &join, 1);
    join.type = TW_RECORD_LEAVE;
    tw_shard_consume(sim->shard, &join, 1);
    join.type = 99;
    tw_shard_consume(sim->shard, &join, 1);
    assert_int_equal(counter(&sim->counters.records_stale), 8);
    sim_run(sim, 1);
    assert_int_equal(counter(&sim->counters.players), 1);
    /* A newer join takes the slot over, even if the leave was lost. */
    uint32_t entity = sim->shard->world.players[sim_player_index(sim, 0)].entity;
    sim_join(sim, 0);
    sim_run(sim, 1);
    assert_int_equal(counter(&sim->counters.players), 1);
    assert_int_not_equal(sim->shard->world.players[sim_player_index(sim, 0)].entity, entity);
    /* Joined and left between two ticks: nothing happens. */
    sim_join(sim, 1);
    sim_leave(sim, 1);
    sim_run(sim, 1);
    assert_int_equal(counter(&sim->counters.players), 1);
    sim_destroy(sim);
}

/* Repeats of inputs that were lost before tell nothing about the way: up to two newer ones may. */
static void test_margins_are_of_inputs_that_were_new(void **state)
{
    (void)state;
    struct tw_shard_config config = sim_config_default();
    struct sim *sim = sim_create(&config, 1, 3);
    sim_join(sim, 0);
    sim_run(sim, 5);
    struct tw_arrivals *arrivals = &sim->shard->arrivals[sim_player_index(sim, 0)];
    for (uint32_t newer = 0; newer < 8; newer++) {
        struct tw_record record = sim_record(sim, 0, TW_RECORD_INPUT);
        uint32_t count = arrivals->count;
        record.input.tick = (uint32_t)sim->tick + 2u;
        record.input.newer = (uint8_t)newer;
        tw_shard_consume(sim->shard, &record, 1);
        assert_int_equal(arrivals->count, count + (newer <= 2));
    }
    sim_destroy(sim);
}

static void offer(struct sim *sim, uint32_t tick, int8_t move_x)
{
    struct tw_record record = sim_record(sim, 0, TW_RECORD_INPUT);
    record.input.tick = tick;
    record.input.input.move_x = move_x;
    tw_shard_consume(sim->shard, &record, 1);
}

static void tick_without_inputs(struct sim *sim)
{
    struct tw_outbox outboxes[TW_WORKERS_MAX] = {0};
    tw_shard_tick(sim->shard, ++sim->tick, 0, outboxes);
}

static void test_inputs_on_time_late_doubled_and_missing(void **state)
{
    (void)state;
    struct tw_shard_config config = sim_config_default();
    config.npcs = 0;
    config.obstacles = 0;
    struct sim *sim = sim_create(&config, 1, 3);
    const tw_counter *inputs = sim->counters.inputs;
    sim_join(sim, 0);
    offer(sim, 1, 127); /* waits with the join */
    tick_without_inputs(sim);
    const struct tw_player_inputs *mine =
        &sim->shard->world.players[sim_player_index(sim, 0)].inputs;
    const struct tw_entities *entities = &sim->shard->world.entities;
    assert_int_equal(mine->newest_applied, 1);
    assert_int_equal(entities->velocity_x[0], TW_SPEED_MAX);
    assert_int_equal(counter(&inputs[TW_SHARD_INPUT_APPLIED]), 1);
    offer(sim, 3, 60);
    offer(sim, 3, 61);                                         /* doubled */
    offer(sim, 1, 62);                                         /* applied before */
    offer(sim, (uint32_t)sim->tick + 1u + TW_INPUTS_RING, 62); /* too early */
    assert_int_equal(counter(&inputs[TW_SHARD_INPUT_SKIPPED]), 3);
    tick_without_inputs(sim); /* tick 2: held */
    assert_int_equal(entities->velocity_x[0], TW_SPEED_MAX);
    tick_without_inputs(sim); /* tick 3 */
    assert_int_equal(mine->last.move_x, 60);
    assert_int_equal(counter(&inputs[TW_SHARD_INPUT_APPLIED]), 2);
    tick_without_inputs(sim); /* tick 4 */
    tick_without_inputs(sim); /* tick 5 */
    offer(sim, 5, -20);
    offer(sim, 4, -30); /* older than the late one that waits */
    tick_without_inputs(sim);
    assert_int_equal(mine->newest_applied, 5);
    assert_int_equal(mine->last.move_x, -20);
    assert_int_equal(counter(&inputs[TW_SHARD_INPUT_LATE]), 1);
    assert_int_equal(counter(&inputs[TW_SHARD_INPUT_SKIPPED]), 4);
    for (uint32_t i = 0; i < TW_INPUTS_HOLD_TICKS; i++) {
        tick_without_inputs(sim);
        assert_true(entities->velocity_x[0] < 0);
    }
    tick_without_inputs(sim);
    assert_int_equal(entities->velocity_x[0], 0);
    /* Ticks that never ran: what waited for them is late, and what waits on leaving is skipped. */
    uint32_t at = (uint32_t)sim->tick;
    offer(sim, at + 1u, 1);
    offer(sim, at + 2u, 2);
    offer(sim, at + 5u, 5);
    offer(sim, at + 7u, 7);
    sim->tick += 4;
    tick_without_inputs(sim);
    assert_int_equal(mine->last.move_x, 5);
    assert_int_equal(counter(&inputs[TW_SHARD_INPUT_LATE]), 3);
    assert_int_equal(counter(&inputs[TW_SHARD_INPUT_APPLIED]), 3);
    assert_int_equal(counter(&sim->counters.ticks_skipped), 4);
    sim_leave(sim, 0);
    tick_without_inputs(sim);
    assert_int_equal(counter(&inputs[TW_SHARD_INPUT_SKIPPED]), 5);
    sim_destroy(sim);
}

static void press(struct sim *sim, uint32_t tick, uint16_t buttons)
{
    struct tw_record record = sim_record(sim, 0, TW_RECORD_INPUT);
    record.input.tick = tick;
    record.input.input.move_x = (int8_t)tick;
    record.input.input.buttons = buttons;
    tw_shard_consume(sim->shard, &record, 1);
}

/* Of late inputs the newest decides about movement; a press in any of them counts, in any order. */
static void test_a_late_press_is_not_lost(void **state)
{
    (void)state;
    uint64_t hashes[2];
    for (uint32_t run = 0; run < 2; run++) {
        struct tw_shard_config config = sim_config_default();
        config.npcs = 0;
        config.obstacles = 0;
        struct sim *sim = sim_create(&config, 1, 3);
        sim_join(sim, 0);
        for (uint32_t i = 0; i < 10; i++)
            tick_without_inputs(sim);
        const struct tw_player_inputs *mine =
            &sim->shard->world.players[sim_player_index(sim, 0)].inputs;
        press(sim, run ? 8 : 7, (uint16_t)(run ? 0 : TW_BUTTON_ACTION));
        press(sim, run ? 7 : 8, (uint16_t)(run ? TW_BUTTON_ACTION : 0));
        tick_without_inputs(sim);
        assert_int_equal(mine->newest_applied, 8);
        assert_int_equal(mine->last.move_x, 8);
        assert_int_equal(sim->shard->world.entities.action[0], 1);
        assert_int_equal(counter(&sim->counters.inputs[TW_SHARD_INPUT_LATE]), 1);
        assert_int_equal(counter(&sim->counters.inputs[TW_SHARD_INPUT_SKIPPED]), 1);
        hashes[run] = tw_shard_state_hash(sim->shard);
        sim_destroy(sim);
    }
    assert_int_equal(hashes[0], hashes[1]);
}

/* Who joins in the tick after skipped ones: inputs for later ticks wait for them. */
static void test_early_inputs_wait_after_skipped_ticks(void **state)
{
    (void)state;
    struct tw_shard_config config = sim_config_default();
    config.npcs = 0;
    config.obstacles = 0;
    struct sim *sim = sim_create(&config, 1, 3);
    tick_without_inputs(sim);
    sim->tick = 49;
    sim_join(sim, 0);
    press(sim, 50, 0);
    press(sim, 70, 0); /* shares its place with tick 6, one of the skipped */
    tick_without_inputs(sim);
    const struct tw_player_inputs *mine =
        &sim->shard->world.players[sim_player_index(sim, 0)].inputs;
    assert_int_equal(mine->newest_applied, 50);
    press(sim, 51, 0);
    tick_without_inputs(sim);
    assert_int_equal(mine->newest_applied, 51);
    while (sim->tick < 70)
        tick_without_inputs(sim);
    assert_int_equal(mine->newest_applied, 70);
    assert_int_equal(counter(&sim->counters.inputs[TW_SHARD_INPUT_APPLIED]), 3);
    sim_destroy(sim);
}

/* Inputs that come with a join are kept for each session alone: a flood costs others nothing. */
static void test_early_inputs_of_others_are_kept(void **state)
{
    (void)state;
    struct tw_shard_config config = sim_config_default();
    config.players_max = 2;
    struct sim *sim = sim_create(&config, 2, 3);
    sim_join(sim, 0);
    sim_join(sim, 1);
    for (uint32_t i = 1; i <= 60; i++)
        press(sim, i, 0);
    struct tw_record record = sim_record(sim, 1, TW_RECORD_INPUT);
    record.input.tick = 1;
    tw_shard_consume(sim->shard, &record, 1);
    assert_int_equal(counter(&sim->counters.inputs[TW_SHARD_INPUT_SKIPPED]), 60 - 8);
    tick_without_inputs(sim);
    for (uint32_t i = 0; i < 2; i++)
        assert_int_equal(sim->shard->world.players[sim_player_index(sim, i)].inputs.newest_applied,
                         1);
    /* Leaving and joining again before the tick does not make room for more. */
    for (uint32_t round = 0; round < 40; round++) {
        sim_leave(sim, 0);
        sim_join(sim, 0);
        for (uint32_t i = 1; i <= 8; i++)
            press(sim, i, 0);
    }
    assert_int_equal(sim->shard->sessions.early_count, 8);
    tick_without_inputs(sim);
    assert_int_equal(counter(&sim->counters.players), 2);
    sim_destroy(sim);
}

static void test_action_shows_for_its_ticks(void **state)
{
    (void)state;
    struct tw_shard_config config = sim_config_default();
    config.npcs = 0;
    config.obstacles = 0;
    struct sim *sim = sim_create(&config, 1, 3);
    sim_join(sim, 0);
    struct tw_record record = sim_record(sim, 0, TW_RECORD_INPUT);
    record.input.tick = 1;
    record.input.input.buttons = TW_BUTTON_ACTION;
    tw_shard_consume(sim->shard, &record, 1);
    uint32_t shown = 0;
    for (uint32_t i = 0; i < 100; i++) {
        tick_without_inputs(sim);
        shown += sim->shard->world.entities.action[0];
    }
    assert_int_equal(shown, TW_ACTION_TICKS - 1u);
    sim_destroy(sim);
}

static void test_configurations_out_of_range_have_no_footprint(void **state)
{
    (void)state;
    const struct tw_shard_config good = sim_config_default();
    assert_true(tw_shard_footprint(&good) > 0);
#define BAD(field, value)                                                                          \
    do {                                                                                           \
        struct tw_shard_config bad = good;                                                         \
        bad.field = value;                                                                         \
        assert_int_equal(tw_shard_footprint(&bad), 0);                                             \
    } while (0)
    BAD(size_m, 0);
    BAD(size_m, 65537);
    BAD(players_max, 0);
    BAD(players_max, good.entities_max + 1u);
    BAD(entities_max, 0);
    BAD(entities_max, UINT32_MAX);
    BAD(npcs, UINT32_MAX);
    BAD(obstacles, UINT32_MAX);
    BAD(npcs_moving_percent, 101);
    BAD(aoi_enter_m, 0);
    BAD(aoi_exit_m, good.aoi_enter_m - 1u);
    BAD(aoi_exit_m, 1001);
    BAD(view_max, 0);
    BAD(view_max, 4097);
    BAD(tick_hz, 9);
    BAD(tick_hz, 241);
    BAD(snapshot_hz, 0);
    BAD(snapshot_hz, good.tick_hz + 1u);
    struct tw_shard_config seamless = good;
    seamless.wraps = true;
    seamless.size_m = 192;
    seamless.aoi_exit_m = 95;
    assert_true(tw_shard_footprint(&seamless) > 0);
    BAD(wraps, true); /* 500 m: no multiple of 64 */
    seamless.aoi_exit_m = 96;
    assert_int_equal(tw_shard_footprint(&seamless), 0);
    BAD(split_above, 1);
    BAD(split_above, 4097);
    BAD(merge_below, 17); /* split_above is 32 */
    BAD(workers, 0);
    BAD(workers, 17);
    BAD(slots_per_worker, 0);
    BAD(slots_per_worker, 65537);
#undef BAD
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_arrival_order_does_not_matter),
        cmocka_unit_test(test_replication_is_no_part_of_the_state),
        cmocka_unit_test(test_the_hash_covers_every_byte),
        cmocka_unit_test(test_refused_joins_are_told_when_a_buffer_comes),
        cmocka_unit_test(test_without_buffers_snapshots_stay_due),
        cmocka_unit_test(test_stale_records_are_counted_and_ignored),
        cmocka_unit_test(test_margins_are_of_inputs_that_were_new),
        cmocka_unit_test(test_inputs_on_time_late_doubled_and_missing),
        cmocka_unit_test(test_a_late_press_is_not_lost),
        cmocka_unit_test(test_early_inputs_wait_after_skipped_ticks),
        cmocka_unit_test(test_early_inputs_of_others_are_kept),
        cmocka_unit_test(test_action_shows_for_its_ticks),
        cmocka_unit_test(test_configurations_out_of_range_have_no_footprint),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
