/* SPDX-License-Identifier: BSD-3-Clause */
/* What the frames of accepted packets become in the cells of a shard's ring: plain memory here. */
#include "dataplane/gate/cells.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define SESSIONS 2u
#define CELLS    12u
#define WORKER   3u
#define WORLD    5u
#define TICK     1000u
#define NOW_NS   UINT64_C(7000000000)
#define BURST    20u /* inputs of a session, at once */

struct given {
    struct tw_sessions sessions;
    struct tw_worker_counters counters;
    struct tw_cells_writer writer;
    struct tw_cells cells;
    struct tw_cells_use use;
    struct tw_client_frames frames;
    struct tw_record ring[CELLS];
    void *memory;
};

/* Cells at the ring's end come first, then those at its beginning. */
static void reserve(struct given *given, uint32_t at_end, uint32_t at_beginning)
{
    given->cells = (struct tw_cells){.reserved = at_end + at_beginning,
                                     .first_count = at_end,
                                     .first = given->ring + CELLS - at_end,
                                     .second = given->ring};
}

static int setup(void **state)
{
    struct given *given = aligned_alloc(64, (sizeof(*given) + 63u) & ~(size_t)63);
    memset(given, 0, sizeof(*given));
    size_t size = tw_sessions_footprint(SESSIONS);
    given->memory = aligned_alloc(64, (size + 63) & ~(size_t)63);
    memset(given->memory, 0, size);
    tw_sessions_init(&given->sessions, given->memory, SESSIONS, WORKER, 7);
    uint32_t slot = tw_sessions_take(&given->sessions);
    given->sessions.bodies[slot].world = WORLD;
    given->writer = (struct tw_cells_writer){.sessions = &given->sessions,
                                             .counters = &given->counters,
                                             .input_rate = tw_budget_rate_make(1, BURST),
                                             .worker = WORKER};
    given->use = (struct tw_cells_use){.writer = &given->writer,
                                       .cells = &given->cells,
                                       .slot = slot,
                                       .tick = TICK,
                                       .now_ns = NOW_NS};
    reserve(given, CELLS, 0);
    *state = given;
    return 0;
}

static int teardown(void **state)
{
    struct given *given = *state;
    free(given->memory);
    free(given);
    return 0;
}

/* Inputs for newest_tick and the ticks before, told apart by where they face. */
static void set_inputs(struct given *given, uint32_t newest_tick, uint8_t count)
{
    given->frames.has_inputs = true;
    given->frames.newest_tick = newest_tick;
    given->frames.input_count = count;
    for (uint32_t i = 0; i < count; i++)
        given->frames.inputs[i] = (struct tw_input){.facing = (uint16_t)(newest_tick - i)};
}

static void set_ack(struct given *given)
{
    given->frames.has_snapshot_ack = true;
    given->frames.snapshot_newest = 77;
    given->frames.snapshot_bitmap = 0xf0f0;
}

static void assert_input(const struct given *given, uint32_t number, uint32_t tick, uint8_t newer)
{
    const struct tw_record *record = tw_cells_at(&given->cells, number);
    assert_int_equal(record->type, TW_RECORD_INPUT);
    assert_int_equal(record->worker, WORKER);
    assert_int_equal(record->slot, given->use.slot);
    assert_int_equal(record->route_epoch, given->sessions.hot[given->use.slot].route_epoch);
    assert_int_equal(record->world, WORLD);
    assert_int_equal(record->received_ns, NOW_NS);
    assert_int_equal(record->input.tick, tick);
    assert_int_equal(record->input.input.facing, (uint16_t)tick);
    assert_int_equal(record->input.newer, newer);
}

static uint64_t inputs(const struct given *given, enum tw_input_outcome outcome)
{
    return tw_counter_get(&given->counters.inputs[outcome]);
}

static uint64_t records_lost(const struct given *given)
{
    return tw_counter_get(&given->counters.records_ring_full);
}

/* 1 */
static void inputs_come_oldest_first_and_the_newest_has_the_ack(void **state)
{
    struct given *given = *state;
    set_inputs(given, TICK + 2, 4);
    set_ack(given);
    tw_cells_write_frames(&given->use, &given->frames);
    assert_int_equal(given->cells.count, 4);
    for (uint32_t i = 0; i < 4; i++) {
        assert_input(given, i, TICK - 1 + i, (uint8_t)(3 - i));
        assert_int_equal(tw_cells_at(&given->cells, i)->input.acked_newest, i == 3 ? 77 : 0);
        assert_int_equal(tw_cells_at(&given->cells, i)->input.acked_bitmap, i == 3 ? 0xf0f0 : 0);
    }
    assert_int_equal(inputs(given, TW_INPUT_ROUTED), 4);
}

/* 2 */
static void repeats_have_no_record_and_leave_the_ack_alone(void **state)
{
    struct given *given = *state;
    set_inputs(given, TICK, 3);
    tw_cells_write_frames(&given->use, &given->frames);
    set_inputs(given, TICK + 1, 4);
    tw_cells_write_frames(&given->use, &given->frames);
    assert_int_equal(given->cells.count, 4);
    assert_input(given, 3, TICK + 1, 0);
    set_ack(given);
    tw_cells_write_frames(&given->use, &given->frames);
    assert_int_equal(inputs(given, TW_INPUT_DUPLICATE), 7);
    assert_int_equal(given->cells.count, 5);
    const struct tw_record *alone = tw_cells_at(&given->cells, 4);
    assert_int_equal(alone->type, TW_RECORD_SNAPSHOT_ACK);
    assert_int_equal(alone->snapshot_ack.newest, 77);
    assert_int_equal(alone->snapshot_ack.bitmap, 0xf0f0);
}

/* 3 */
static void checks_have_a_record_behind_the_inputs(void **state)
{
    struct given *given = *state;
    set_inputs(given, TICK, TW_INPUTS_MAX);
    set_ack(given);
    given->frames.has_check = true;
    given->frames.check =
        (struct tw_frame_check){.number = 9, .sum = 0xabcdef, .bits = 3, .group = 2};
    tw_cells_write_frames(&given->use, &given->frames);
    assert_int_equal(given->cells.count, TW_CELLS_OF_PACKET);
    const struct tw_record *check = tw_cells_at(&given->cells, TW_CELLS_OF_PACKET - 1);
    assert_int_equal(check->type, TW_RECORD_CHECK);
    assert_int_equal(check->check.number, 9);
    assert_int_equal(check->check.sum, 0xabcdef);
    assert_int_equal(check->check.bits, 3);
    assert_int_equal(check->check.group, 2);
}

/* 4 */
static void cells_go_on_at_the_rings_beginning(void **state)
{
    struct given *given = *state;
    reserve(given, 1, 2);
    set_inputs(given, TICK, 3);
    tw_cells_write_frames(&given->use, &given->frames);
    assert_int_equal(given->ring[CELLS - 1].input.tick, TICK - 2);
    assert_int_equal(given->ring[0].input.tick, TICK - 1);
    assert_int_equal(given->ring[1].input.tick, TICK);
    assert_int_equal(tw_cells_left(&given->cells), 0);
}

/* 5 */
static void an_input_that_found_no_cell_comes_with_its_repeat(void **state)
{
    struct given *given = *state;
    reserve(given, 2, 0);
    set_inputs(given, TICK, 3);
    set_ack(given);
    given->frames.has_check = true;
    tw_cells_write_frames(&given->use, &given->frames);
    assert_int_equal(given->cells.count, 2);
    assert_int_equal(inputs(given, TW_INPUT_ROUTED), 2);
    assert_int_equal(inputs(given, TW_INPUT_RING_FULL), 1);
    /* The ack went with the newest that was routed; the check was lost. */
    assert_int_equal(tw_cells_at(&given->cells, 1)->input.acked_newest, 77);
    assert_int_equal(records_lost(given), 1);
    reserve(given, 0, 2);
    given->frames.has_check = false;
    tw_cells_write_frames(&given->use, &given->frames);
    assert_int_equal(given->cells.count, 1);
    assert_input(given, 0, TICK, 0);
    assert_int_equal(inputs(given, TW_INPUT_DUPLICATE), 2);
}

/* 6 */
static void nothing_overtakes_the_join(void **state)
{
    struct given *given = *state;
    struct tw_session *session = &given->sessions.hot[given->use.slot];
    session->due = TW_DUE_JOIN | TW_DUE_CONFIRMED;
    set_inputs(given, TICK, 2);
    set_ack(given);
    given->frames.has_check = true;
    tw_cells_write_frames(&given->use, &given->frames);
    assert_int_equal(given->cells.count, 0);
    assert_int_equal(inputs(given, TW_INPUT_RING_FULL), 2);
    assert_int_equal(records_lost(given), 2);
    session->due = TW_DUE_CONFIRMED;
    tw_cells_write_frames(&given->use, &given->frames);
    assert_int_equal(given->cells.count, 3);
    assert_int_equal(inputs(given, TW_INPUT_ROUTED), 2);
}

/* 7 */
static void inputs_above_the_rate_and_too_far_ahead_are_counted(void **state)
{
    struct given *given = *state;
    for (uint32_t i = 1; i <= BURST; i++) {
        reserve(given, 1, 0);
        set_inputs(given, TICK + i, 1);
        tw_cells_write_frames(&given->use, &given->frames);
    }
    assert_int_equal(inputs(given, TW_INPUT_ROUTED), BURST);
    reserve(given, 1, 0);
    set_inputs(given, TICK + BURST + 1, 1);
    tw_cells_write_frames(&given->use, &given->frames);
    assert_int_equal(inputs(given, TW_INPUT_RATE), 1);
    set_inputs(given, TICK + TW_INPUT_AHEAD_MAX + 1, 1);
    tw_cells_write_frames(&given->use, &given->frames);
    assert_int_equal(inputs(given, TW_INPUT_AHEAD), 1);
    assert_int_equal(given->cells.count, 0);
}

/* 8: of a throttled session's packet; what was routed before is a repeat as ever. */
static void what_is_passed_over_does_not_come_again(void **state)
{
    struct given *given = *state;
    set_inputs(given, TICK, 2);
    tw_cells_write_frames(&given->use, &given->frames);
    set_inputs(given, TICK + 3, 5);
    given->frames.passed_over = 4;
    tw_cells_write_frames(&given->use, &given->frames);
    assert_int_equal(given->cells.count, 3);
    assert_input(given, 2, TICK + 3, 0);
    assert_int_equal(inputs(given, TW_INPUT_ROUTED), 3);
    assert_int_equal(inputs(given, TW_INPUT_DUPLICATE), 2);
    assert_int_equal(inputs(given, TW_INPUT_CONDUCT), 2);
    given->frames.passed_over = 0;
    tw_cells_write_frames(&given->use, &given->frames);
    assert_int_equal(given->cells.count, 3);
    assert_int_equal(inputs(given, TW_INPUT_DUPLICATE), 2 + 5);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(inputs_come_oldest_first_and_the_newest_has_the_ack, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(repeats_have_no_record_and_leave_the_ack_alone, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(checks_have_a_record_behind_the_inputs, setup, teardown),
        cmocka_unit_test_setup_teardown(cells_go_on_at_the_rings_beginning, setup, teardown),
        cmocka_unit_test_setup_teardown(an_input_that_found_no_cell_comes_with_its_repeat, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(nothing_overtakes_the_join, setup, teardown),
        cmocka_unit_test_setup_teardown(inputs_above_the_rate_and_too_far_ahead_are_counted, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(what_is_passed_over_does_not_come_again, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
