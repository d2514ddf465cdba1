/* SPDX-License-Identifier: BSD-3-Clause */
/* A session goes from slot to slot, told by two workers in any order: same player, same entity,
 * nothing it said is lost. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tests/sim/slots.h"
#include "tickwire/wire.h"

static void expect_same_player(uint32_t before)
{
    assert_int_equal(slots_entity(), before);
    assert_int_equal(tw_counter_get(&slots.counters.players), 1);
    assert_int_equal(tw_counter_get(&slots.counters.records_stale), 0);
    assert_int_equal(slots_inputs(TW_SHARD_INPUT_STALE), 0);
    assert_int_equal(slots_inputs(TW_SHARD_INPUT_SKIPPED), 0);
    slots_expect_snapshots_at(1);
}

static void the_old_worker_is_first(void **state)
{
    (void)state;
    slots_play_at_old();
    uint32_t before = slots_entity();
    slots_press(0, slots.tick + 1);
    slots_say(TW_RECORD_MOVE, 0);
    slots_say(TW_RECORD_ARRIVE, 1);
    slots_press(1, slots.tick + 2);
    slots_tick();
    slots_tick();
    assert_int_equal(slots_inputs(TW_SHARD_INPUT_APPLIED), 2);
    expect_same_player(before);
}

/* Ticks pass between: inputs of the new slot wait for the old one's word. */
static void the_new_worker_is_first(void **state)
{
    (void)state;
    slots_play_at_old();
    uint32_t before = slots_entity();
    slots_say(TW_RECORD_ARRIVE, 1);
    slots_press(1, slots.tick + 2);
    slots_press(1, slots.tick + 3);
    slots_press(0, slots.tick + 1);
    slots_tick();
    assert_int_equal(slots_inputs(TW_SHARD_INPUT_APPLIED), 1);
    slots_say(TW_RECORD_MOVE, 0);
    slots_tick();
    slots_tick();
    slots_tick();
    assert_int_equal(slots_inputs(TW_SHARD_INPUT_APPLIED) + slots_inputs(TW_SHARD_INPUT_LATE), 3);
    expect_same_player(before);
}

static void before_its_first_tick(void **state)
{
    (void)state;
    slots_say(TW_RECORD_JOIN, 0);
    slots_say(TW_RECORD_MOVE, 0);
    slots_say(TW_RECORD_ARRIVE, 1);
    slots_press(1, slots.tick + 1);
    slots_tick();
    assert_int_not_equal(slots_entity(), 0);
    assert_int_equal(slots_inputs(TW_SHARD_INPUT_APPLIED), 1);
    expect_same_player(slots_entity());
}

static void it_leaves_in_every_order(void **state)
{
    (void)state;
    static const enum tw_record_type orders[3][3] = {
        {TW_RECORD_MOVE, TW_RECORD_ARRIVE, TW_RECORD_LEAVE},
        {TW_RECORD_ARRIVE, TW_RECORD_MOVE, TW_RECORD_LEAVE},
        {TW_RECORD_ARRIVE, TW_RECORD_LEAVE, TW_RECORD_MOVE},
    };
    for (uint32_t order = 0; order < 3; order++) {
        if (order > 0)
            slots_setup(state);
        slots_play_at_old();
        for (uint32_t i = 0; i < 3; i++) {
            slots_say(orders[order][i], orders[order][i] == TW_RECORD_MOVE ? 0 : 1);
            if (order == 2)
                slots_tick();
        }
        slots_tick();
        assert_int_equal(tw_counter_get(&slots.counters.players), 0);
        assert_int_equal(tw_counter_get(&slots.counters.records_stale), 0);
        if (order < 2)
            slots_teardown(state);
    }
}

/* ---- held ----------------------------------------------------------------------------------- */

static void ask_to_hold(uint32_t worker, bool on)
{
    struct tw_record record = slots_record(TW_RECORD_HOLD, worker);
    record.hold.on = on;
    tw_shard_consume(slots.shard, &record, 1);
}

static void held_it_gets_nothing(void **state)
{
    (void)state;
    slots_play_at_old();
    ask_to_hold(0, true);
    slots_speak(0, 'a');
    slots_tick();
    assert_int_equal(slots.outboxes[0].used, 1);
    assert_int_equal(slots_count_out(0, TW_OUT_HELD), 1);
    assert_int_equal(slots.buffers[0][0].slot, SLOTS_OLD);
    assert_int_equal(slots.buffers[0][0].route_epoch, SLOTS_EPOCH);
    for (uint32_t i = 0; i < 2 * slots.config.tick_hz / slots.config.snapshot_hz; i++) {
        slots_tick();
        assert_int_equal(slots.outboxes[0].used + slots.outboxes[1].used, 0);
        assert_int_equal(slots_count_out(0, TW_OUT_MESSAGE), 0);
    }
    slots_say(TW_RECORD_MOVE, 0);
    slots_say(TW_RECORD_ARRIVE, 1);
    slots_tick(); /* the snapshot that is due, and what waited */
    assert_int_equal(slots.outboxes[0].used, 0);
    assert_int_equal(slots_count_out(1, TW_OUT_SNAPSHOT), 1);
    assert_int_equal(slots_count_out(1, TW_OUT_MESSAGE), 1);
    assert_int_equal(tw_counter_get(&slots.counters.records_stale), 0);
}

static void it_may_stay_after_all(void **state)
{
    (void)state;
    slots_play_at_old();
    ask_to_hold(0, true);
    slots_speak(0, 'a');
    slots_tick();
    ask_to_hold(0, false);
    slots_tick();
    assert_int_equal(slots_count_out(0, TW_OUT_MESSAGE), 1);
    assert_int_equal(slots_count_out(0, TW_OUT_HELD), 0);
    ask_to_hold(0, true);
    slots_say(TW_RECORD_LEAVE, 0);
    slots_tick();
    assert_int_equal(slots.outboxes[0].used, 0);
    assert_int_equal(slots.shard->sessions.hold_count, 0);
    ask_to_hold(0, true); /* it is nobody's */
    assert_int_equal(tw_counter_get(&slots.counters.records_stale), 1);
}

/* Its new owner wants to give it away before the old one's word is read: held there, once it is. */
static void held_before_it_arrived(void **state)
{
    (void)state;
    slots_play_at_old();
    ask_to_hold(0, true);
    slots_tick();
    slots_say(TW_RECORD_ARRIVE, 1);
    ask_to_hold(1, true);
    slots_tick();
    assert_int_equal(slots.outboxes[0].used + slots.outboxes[1].used, 0);
    slots_say(TW_RECORD_MOVE, 0);
    slots_tick();
    assert_int_equal(slots.outboxes[1].used, 1);
    assert_int_equal(slots_count_out(1, TW_OUT_HELD), 1);
    ask_to_hold(1, false);
    slots_tick();
    assert_int_equal(slots_count_out(1, TW_OUT_SNAPSHOT), 1);
}

/* Without a buffer the word waits, and the slot gets nothing. */
static void the_word_waits_for_a_buffer(void **state)
{
    (void)state;
    slots_play_at_old();
    ask_to_hold(0, true);
    for (uint32_t i = 0; i < 4; i++) {
        slots.outboxes[0] = slots.outboxes[1] = (struct tw_outbox){0};
        tw_shard_tick(slots.shard, ++slots.tick, 0, slots.outboxes);
    }
    slots_tick();
    assert_int_equal(slots.outboxes[0].used, 1);
    assert_int_equal(slots_count_out(0, TW_OUT_HELD), 1);
}

/* A session that another one of the same worker goes on with: the old slot's last is told. */
static void fenced_it_is_told_the_last(void **state)
{
    (void)state;
    slots_play_at_old();
    struct tw_record move = slots_record(TW_RECORD_MOVE, 0);
    move.move.slot = SLOTS_NEW;
    move.move.route_epoch = SLOTS_EPOCH + 1;
    move.move.fresh = 1;
    tw_shard_consume(slots.shard, &move, 1);
    slots_tick();
    assert_int_equal(slots.buffers[0][0].kind, TW_OUT_HELD);
    assert_int_equal(slots.buffers[0][0].slot, SLOTS_OLD);
    assert_int_equal(slots.buffers[0][0].route_epoch, SLOTS_EPOCH);
    assert_int_equal(slots_count_out(0, TW_OUT_SNAPSHOT), 1); /* for the new one: not held */
    assert_int_equal(slots.shard->sessions.hold_count, 0);
}

/* ---- a newer login -------------------------------------------------------------------------- */

static void log_in(uint32_t worker, uint64_t account, uint64_t installed_ns)
{
    struct tw_record record = slots_record(TW_RECORD_JOIN, worker);
    record.join.account = account;
    record.join.installed_ns = installed_ns;
    tw_shard_consume(slots.shard, &record, 1);
}

static uint64_t replacing(void)
{
    return tw_counter_get(&slots.counters.joins_replacing);
}

/* Same entity, a view from the beginning, and what the older session said is heard. */
static void a_newer_login_has_the_player(void **state)
{
    (void)state;
    log_in(0, 11, 100);
    slots_tick();
    slots_expect_snapshots_at(0);
    uint32_t before = slots_entity();
    slots_speak(0, 'a');
    log_in(1, 11, 200);
    slots_press(1, slots.tick + 1);
    slots_tick();
    assert_int_equal(replacing(), 1);
    assert_int_equal(slots_count_out(0, TW_OUT_CLOSE), 1);
    assert_int_equal(slots.buffers[0][0].reason, TW_CLOSE_REPLACED);
    assert_int_equal(slots.buffers[0][0].slot, SLOTS_OLD);
    assert_int_equal(slots_count_out(0, TW_OUT_SNAPSHOT), 0);
    assert_int_equal(slots_count_out(1, TW_OUT_SNAPSHOT), 1);
    assert_int_equal(slots_count_out(1, TW_OUT_MESSAGE), 1);
    assert_int_equal(slots_inputs(TW_SHARD_INPUT_APPLIED), 1);
    slots_say(TW_RECORD_LEAVE, 0); /* nobody's any more */
    slots_expect_snapshots_at(1);
    assert_int_equal(slots_entity(), before);
    assert_int_equal(tw_counter_get(&slots.counters.players), 1);
}

/* The control plane may be quick: the older session is closed before the tick that takes the join.
 * A leave for any other reason is one. */
static void it_has_left_for_that_reason(void **state)
{
    for (uint32_t order = 0; order < 3; order++) {
        if (order > 0)
            slots_setup(state);
        log_in(0, 11, 100);
        slots_tick();
        uint32_t before = slots_entity();
        struct tw_record leave = slots_record(TW_RECORD_LEAVE, 0);
        leave.leave.reason = order < 2 ? TW_CLOSE_REPLACED : TW_CLOSE_BY_CLIENT;
        if (order == 0)
            log_in(1, 11, 200);
        tw_shard_consume(slots.shard, &leave, 1);
        if (order != 0)
            log_in(1, 11, 200);
        slots_tick();
        assert_int_equal(replacing(), order < 2);
        assert_int_equal(tw_counter_get(&slots.counters.players), 1);
        assert_int_equal(slots.outboxes[0].used, 0);
        if (order < 2)
            assert_int_equal(slots_entity(), before);
        else
            assert_int_not_equal(slots_entity(), before);
        slots_expect_snapshots_at(1);
        if (order < 2)
            slots_teardown(state);
    }
}

/* Whoever was welcomed first is the older one, whenever its first packet came. */
static void an_older_login_comes_too_late(void **state)
{
    (void)state;
    log_in(1, 11, 200);
    slots_tick();
    uint32_t before = slots_entity();
    log_in(0, 11, 100);
    slots_tick();
    assert_int_equal(replacing(), 0);
    assert_int_equal(slots.buffers[0][0].kind, TW_OUT_CLOSE);
    assert_int_equal(slots.buffers[0][0].reason, TW_CLOSE_REPLACED);
    slots_expect_snapshots_at(1);
    assert_int_equal(slots_entity(), before);
}

/* The way in for somebody whose client died: out of the parking table, into a world that is full.
 */
static void a_login_comes_back_from_parking(void **state)
{
    (void)state;
    free(slots.memory);
    slots.config.players_max = 1;
    slots.config.parking_max = 1;
    size_t size = (tw_shard_footprint(&slots.config) + 63u) / 64u * 64u;
    slots.memory = aligned_alloc(64, size);
    slots.shard = tw_shard_init(slots.memory, &slots.config, &slots.counters);
    log_in(0, 11, 100);
    slots_tick();
    uint32_t before = slots_entity();
    struct tw_record silent = slots_record(TW_RECORD_PRESENCE, 0);
    silent.presence.presence = TW_PARKED;
    tw_shard_consume(slots.shard, &silent, 1);
    slots_tick();
    assert_int_equal(tw_counter_get(&slots.counters.players_parked), 1);
    log_in(1, 11, 200);
    slots_tick();
    slots_tick();
    assert_int_equal(replacing(), 1);
    assert_int_equal(tw_counter_get(&slots.counters.joins_refused), 0);
    assert_int_equal(tw_counter_get(&slots.counters.players_parked), 0);
    assert_int_equal(slots_entity(), before);
    slots_expect_snapshots_at(1);
}

/* On its way to another worker: whoever has it there is told as well. */
static void a_login_meets_a_moving_session(void **state)
{
    (void)state;
    log_in(0, 11, 100);
    slots_tick();
    uint32_t before = slots_entity();
    ask_to_hold(0, true);
    slots_tick();
    struct tw_record third = slots_record(TW_RECORD_JOIN, 1);
    third.slot = SLOTS_NEW + 1;
    third.join.account = 11;
    third.join.installed_ns = 200;
    tw_shard_consume(slots.shard, &third, 1);
    slots_say(TW_RECORD_ARRIVE, 1);
    slots.outboxes[0] = slots.outboxes[1] = (struct tw_outbox){0};
    tw_shard_tick(slots.shard, ++slots.tick, 0, slots.outboxes); /* no buffer for its close */
    slots_say(TW_RECORD_MOVE, 0);
    slots_tick();
    assert_int_equal(replacing(), 1);
    assert_int_equal(slots.outboxes[0].used, 0);
    assert_int_equal(slots.buffers[1][0].kind, TW_OUT_CLOSE);
    assert_int_equal(slots.buffers[1][0].reason, TW_CLOSE_REPLACED);
    assert_int_equal(slots.buffers[1][0].slot, SLOTS_NEW);
    assert_int_equal(slots_entity(), before);
    assert_int_equal(tw_counter_get(&slots.counters.players), 1);
    assert_int_equal(slots.shard->sessions.hold_count, 0);
}

/* ---- what it says --------------------------------------------------------------------------- */

/* What is heard in a tick, at the new slot. */
static uint32_t heard(uint8_t *first, uint8_t *second)
{
    uint32_t count = 0;
    slots_tick();
    for (uint32_t at = 0; at < 2; at++) {
        for (uint32_t n = 0; n < slots.outboxes[at].messages_used; n++) {
            const struct tw_out_buffer *buffer = &slots.messages[at][n];
            assert_int_equal(at, 1);
            *(count++ == 0 ? first : second) = buffer->bytes[TW_HANDLE_SIZE];
        }
    }
    return count;
}

static void what_it_said_goes_along(void **state)
{
    (void)state;
    uint8_t first = 0, second = 0;
    slots_play_at_old();
    slots_speak(0, 'a');
    slots_say(TW_RECORD_MOVE, 0);
    slots_say(TW_RECORD_ARRIVE, 1);
    slots_speak(1, 'b');
    assert_int_equal(heard(&first, &second), 2);
    assert_true(first == 'a' && second == 'b');
    assert_int_equal(tw_counter_get(&slots.counters.records_stale), 0);
}

/* The rings are read one after the other: what it said later may be read first. */
static void what_it_said_keeps_its_order(void **state)
{
    (void)state;
    uint8_t first = 0, second = 0;
    slots_play_at_old();
    slots_say(TW_RECORD_ARRIVE, 1);
    slots_speak(1, 'b');
    assert_int_equal(heard(&first, &second), 0); /* the old slot may have more to say */
    slots_speak(0, 'a');
    slots_say(TW_RECORD_MOVE, 0);
    assert_int_equal(heard(&first, &second), 2);
    assert_true(first == 'a' && second == 'b');
    slots_speak(1, 'c');
    assert_int_equal(heard(&first, &second), 1);
    assert_true(first == 'c');
    assert_int_equal(tw_counter_get(&slots.counters.records_stale), 0);
}

/* A word about a slot that is another session's by now changes nothing. */
static void old_news_is_counted(void **state)
{
    (void)state;
    slots_play_at_old();
    struct tw_record move = slots_record(TW_RECORD_MOVE, 0);
    move.move.worker = 1;
    move.move.slot = SLOTS_NEW;
    move.move.route_epoch = SLOTS_EPOCH + 1;
    move.route_epoch--;
    tw_shard_consume(slots.shard, &move, 1);
    move.route_epoch++;
    move.move.worker = 2;
    tw_shard_consume(slots.shard, &move, 1);
    move.move.worker = 1;
    move.move.slot = slots.config.slots_per_worker;
    tw_shard_consume(slots.shard, &move, 1);
    struct tw_record arrive = slots_record(TW_RECORD_ARRIVE, 0);
    arrive.route_epoch--;
    tw_shard_consume(slots.shard, &arrive, 1);
    assert_int_equal(tw_counter_get(&slots.counters.records_stale), 4);
    slots_expect_snapshots_at(0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(the_old_worker_is_first, slots_setup, slots_teardown),
        cmocka_unit_test_setup_teardown(the_new_worker_is_first, slots_setup, slots_teardown),
        cmocka_unit_test_setup_teardown(before_its_first_tick, slots_setup, slots_teardown),
        cmocka_unit_test_setup_teardown(it_leaves_in_every_order, slots_setup, slots_teardown),
        cmocka_unit_test_setup_teardown(what_it_said_goes_along, slots_setup, slots_teardown),
        cmocka_unit_test_setup_teardown(what_it_said_keeps_its_order, slots_setup, slots_teardown),
        cmocka_unit_test_setup_teardown(old_news_is_counted, slots_setup, slots_teardown),
        cmocka_unit_test_setup_teardown(held_it_gets_nothing, slots_setup, slots_teardown),
        cmocka_unit_test_setup_teardown(it_may_stay_after_all, slots_setup, slots_teardown),
        cmocka_unit_test_setup_teardown(held_before_it_arrived, slots_setup, slots_teardown),
        cmocka_unit_test_setup_teardown(the_word_waits_for_a_buffer, slots_setup, slots_teardown),
        cmocka_unit_test_setup_teardown(fenced_it_is_told_the_last, slots_setup, slots_teardown),
        cmocka_unit_test_setup_teardown(a_newer_login_has_the_player, slots_setup, slots_teardown),
        cmocka_unit_test_setup_teardown(it_has_left_for_that_reason, slots_setup, slots_teardown),
        cmocka_unit_test_setup_teardown(an_older_login_comes_too_late, slots_setup, slots_teardown),
        cmocka_unit_test_setup_teardown(a_login_comes_back_from_parking, slots_setup,
                                        slots_teardown),
        cmocka_unit_test_setup_teardown(a_login_meets_a_moving_session, slots_setup,
                                        slots_teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
