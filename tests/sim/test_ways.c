/* SPDX-License-Identifier: BSD-3-Clause */
/* A session goes on from slot to slot, given away or resumed, before all is read that was said of
 * the slots before. */
#include "tests/sim/slots.h"

#include "tickwire/wire.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

/* In which the rings are read; a tenth with a sanitizer, where each takes seven times as long. */
#ifdef __SANITIZE_ADDRESS__
#define ORDERS 150u
#else
#define ORDERS 1500u
#endif

/* A stop of a session on its way from slot to slot. */
struct stop {
    uint32_t worker, slot;
    bool resumed; /* from the stop before, of the same worker: without a hold */
};
#define STOPS_MAX 4u
struct way {
    uint32_t stops;
    struct stop at[STOPS_MAX];
};
static const struct way moved = {3, {{0, SLOTS_OLD, 0}, {1, SLOTS_NEW, 0}, {0, SLOTS_OLD + 1u, 0}}};
static const struct way resumed = {
    4, {{0, SLOTS_OLD, 0}, {1, SLOTS_NEW, 0}, {1, SLOTS_NEW + 1u, 1}, {1, SLOTS_NEW + 2u, 1}}};
static const struct way resumed_and_moved = {
    4, {{0, SLOTS_OLD, 0}, {1, SLOTS_NEW, 0}, {1, SLOTS_NEW + 1u, 1}, {0, SLOTS_OLD + 1u, 0}}};

/* What the ring of a stop holds, in its order: that it arrives (not the first), two messages, that
 * it moves on (not the last). */
enum word {
    ARRIVES,
    SAYS_ONE,
    SAYS_ANOTHER,
    MOVES,
    WORDS,
};

/* The number of them that are read. */
static uint32_t ends_with(const struct way *way, uint32_t stop)
{
    return stop + 1u < way->stops ? WORDS : MOVES;
}

static void read_word(const struct way *way, uint32_t stop, enum word word)
{
    static const enum tw_record_type types[WORDS] = {TW_RECORD_ARRIVE, TW_RECORD_MESSAGE,
                                                     TW_RECORD_MESSAGE, TW_RECORD_MOVE};
    struct tw_record record = {.type = (uint16_t)types[word],
                               .worker = (uint16_t)way->at[stop].worker,
                               .slot = way->at[stop].slot,
                               .route_epoch = SLOTS_EPOCH + stop,
                               .world = slots.config.world_id};
    if (word == MOVES) {
        record.move.worker = way->at[stop + 1u].worker;
        record.move.slot = way->at[stop + 1u].slot;
        record.move.route_epoch = SLOTS_EPOCH + stop + 1u;
        record.move.fresh = way->at[stop + 1u].resumed;
    } else if (word == ARRIVES) {
        record.join.account = 11;
    } else {
        slots_lend(&record, (uint8_t)('a' + 2u * stop + (word == SAYS_ANOTHER)));
    }
    tw_shard_consume(slots.shard, &record, 1);
}

/* A tick with so many buffers for messages; what is heard goes behind what was. */
static void hear(uint32_t buffers, char *heard, uint32_t *count)
{
    slots_give_buffers();
    for (uint32_t at = 0; at < 2; at++)
        slots.outboxes[at].message_count = buffers;
    tw_shard_tick(slots.shard, ++slots.tick, 0, slots.outboxes);
    for (uint32_t at = 0; at < 2; at++) {
        for (uint32_t n = 0; n < slots.outboxes[at].messages_used; n++)
            heard[(*count)++] = (char)slots.messages[at][n].bytes[TW_HANDLE_SIZE];
    }
}

static bool all_read(const uint32_t read[STOPS_MAX], uint32_t stops)
{
    for (uint32_t i = 0; i < stops; i++) {
        if (read[i] != WORDS)
            return false;
    }
    return true;
}

/* To another worker it is held before it is given away, which is told after its arrival: no stop
 * moves it there before the word of the one before it was read, and so none is told of sooner. Who
 * resumes is not held; but the words of both slots are in one ring. */
static bool may_be_read(const struct way *way, uint32_t stop, const uint32_t read[STOPS_MAX])
{
    if (read[stop] == ends_with(way, stop))
        return false;
    if (read[stop] == MOVES && !way->at[stop + 1u].resumed)
        return all_read(read, stop);
    if (way->at[stop].resumed)
        return read[stop - 1u] == WORDS;
    return stop == 0 || all_read(read, stop - 1u);
}

/* Its words and, now and then, a tick, in any order that the rings allow. */
static void go(const struct way *way, struct tw_rng *rng, char *heard)
{
    uint32_t read[STOPS_MAX] = {SAYS_ONE}, left = way->stops * WORDS - 2u, count = 0;
    while (left > 0) {
        uint32_t stop = tw_rng_below(rng, way->stops);
        if (tw_rng_below(rng, 4) == 0)
            hear(tw_rng_below(rng, 4) == 0, heard, &count);
        if (!may_be_read(way, stop, read))
            continue;
        read_word(way, stop, (enum word)read[stop]++);
        left--;
    }
    for (uint32_t i = 0; i < 2u * way->stops; i++)
        hear(1, heard, &count);
}

/* It plays at its last stop, everything it said was heard in order, and nothing waits for it. */
static void expect_gone(const struct way *way, const char *heard)
{
    const struct tw_player *player = &slots.shard->world.players[0];
    const struct stop *last = &way->at[way->stops - 1u];
    assert_memory_equal(heard, "abcdefgh", 2u * way->stops);
    assert_int_equal(strlen(heard), 2u * way->stops);
    assert_int_equal(player->worker, last->worker);
    assert_int_equal(player->slot, last->slot);
    assert_int_equal(player->route_epoch, SLOTS_EPOCH + way->stops - 1u);
    assert_int_equal(slots.shard->sessions.hold_count, 0);
    assert_int_equal(slots.shard->sessions.notice_count, 0);
    assert_int_equal(tw_counter_get(&slots.counters.records_stale), 0);
}

/* From slot to slot while what it said waits for buffers, the rings read in any order. */
static void it_moves_on_while_what_it_said_waits(void **state)
{
    static const struct way *const ways[] = {&moved, &resumed, &resumed_and_moved};
    for (uint64_t seed = 1; seed <= ORDERS; seed++) {
        const struct way *way = ways[seed % 3u];
        struct tw_rng rng = {0};
        char heard[2u * STOPS_MAX + 1u] = {0};
        tw_rng_seed(&rng, seed);
        if (seed > 1)
            slots_setup(state);
        slots_play_at_old();
        uint32_t before = slots_entity();
        go(way, &rng, heard);
        if (strlen(heard) != 2u * way->stops)
            print_message("seed %llu\n", (unsigned long long)seed);
        expect_gone(way, heard);
        assert_int_equal(slots_entity(), before);
        if (seed < ORDERS)
            slots_teardown(state);
    }
}

/* ---- resumed before the old slot's word was read -------------------------------------------- */

static struct tw_record at_resumed(enum tw_record_type type)
{
    struct tw_record record = slots_record(type, 1);
    record.slot = SLOTS_NEW + 1u;
    record.route_epoch = SLOTS_EPOCH + 2u;
    if (type == TW_RECORD_ARRIVE || type == TW_RECORD_JOIN)
        record.join.account = 11;
    return record;
}

/* All that the new worker has to say. */
static void resume_at_new_slot(void)
{
    slots_say(TW_RECORD_ARRIVE, 1);
    struct tw_record move = slots_record(TW_RECORD_MOVE, 1);
    move.move.worker = 1;
    move.move.slot = SLOTS_NEW + 1u;
    move.move.route_epoch = SLOTS_EPOCH + 2u;
    move.move.fresh = 1;
    tw_shard_consume(slots.shard, &move, 1);
    struct tw_record arrive = at_resumed(TW_RECORD_ARRIVE);
    tw_shard_consume(slots.shard, &arrive, 1);
}

/* Neither the new process nor the slot that is to be given back waits for ever. */
static void resumed_on_the_way_it_plays(void **state)
{
    uint32_t phases = sim_config_default().tick_hz / sim_config_default().snapshot_hz;
    for (uint32_t phase = 0; phase < phases; phase++) {
        if (phase > 0)
            slots_setup(state);
        slots_play_at_old();
        uint32_t before = slots_entity();
        resume_at_new_slot();
        for (uint32_t i = 0; i <= phase; i++)
            slots_tick();
        struct tw_record input = at_resumed(TW_RECORD_INPUT);
        input.input.tick = (uint32_t)slots.tick + 2u;
        tw_shard_consume(slots.shard, &input, 1);
        /* Given to somebody else, the slot between them would not know who went on with it. */
        assert_int_equal(slots_count_out(1, TW_OUT_HELD), 0);
        slots_say(TW_RECORD_MOVE, 0);
        slots_tick();
        assert_int_equal(slots.outboxes[0].used, 0);
        assert_int_equal(slots.outboxes[1].used, 2);
        assert_int_equal(slots.buffers[1][0].kind, TW_OUT_HELD);
        assert_int_equal(slots.buffers[1][0].slot, SLOTS_NEW);
        assert_int_equal(slots.buffers[1][0].route_epoch, SLOTS_EPOCH + 1u);
        /* At once, whenever one was due: the new process has nothing yet. */
        assert_int_equal(slots.buffers[1][1].kind, TW_OUT_SNAPSHOT);
        assert_int_equal(slots.buffers[1][1].slot, SLOTS_NEW + 1u);
        assert_int_equal(slots.buffers[1][1].route_epoch, SLOTS_EPOCH + 2u);
        slots_tick();
        assert_int_equal(slots_inputs(TW_SHARD_INPUT_APPLIED), 1);
        assert_int_equal(slots_entity(), before);
        assert_int_equal(slots.shard->sessions.hold_count, 0);
        assert_int_equal(tw_counter_get(&slots.counters.players), 1);
        assert_int_equal(tw_counter_get(&slots.counters.records_stale), 0);
        if (phase + 1u < phases)
            slots_teardown(state);
    }
}

/* Before the old slot's word is read it has left again: then it is gone with that word. */
static void resumed_on_the_way_it_leaves(void **state)
{
    (void)state;
    slots_play_at_old();
    resume_at_new_slot();
    struct tw_record leave = at_resumed(TW_RECORD_LEAVE);
    leave.leave.reason = TW_CLOSE_BY_CLIENT;
    tw_shard_consume(slots.shard, &leave, 1);
    slots_tick();
    slots_say(TW_RECORD_MOVE, 0);
    slots_tick();
    slots_tick();
    assert_int_equal(tw_counter_get(&slots.counters.players), 0);
    assert_int_equal(slots.shard->sessions.hold_count, 0);
    assert_int_equal(tw_counter_get(&slots.counters.records_stale), 0);
}

/* Its slot there is somebody else's by then. */
static void its_new_slot_is_used_again(void **state)
{
    for (uint32_t resumes = 0; resumes < 2; resumes++) {
        if (resumes > 0)
            slots_setup(state);
        slots_play_at_old();
        uint32_t before = slots_entity();
        if (resumes > 0)
            resume_at_new_slot();
        else
            slots_say(TW_RECORD_ARRIVE, 1);
        struct tw_record join = at_resumed(TW_RECORD_JOIN);
        join.slot -= 1u - resumes;
        join.route_epoch++;
        join.join.account = 12;
        struct tw_record leave = at_resumed(TW_RECORD_LEAVE);
        leave.slot = join.slot;
        leave.route_epoch = SLOTS_EPOCH + 1u + resumes;
        leave.leave.reason = TW_CLOSE_BY_CLIENT;
        tw_shard_consume(slots.shard, &leave, 1);
        tw_shard_consume(slots.shard, &join, 1);
        slots_tick();
        assert_int_equal(tw_counter_get(&slots.counters.players), 2);
        slots_say(TW_RECORD_MOVE, 0);
        slots_tick();
        slots_tick();
        assert_int_equal(tw_counter_get(&slots.counters.players), 1);
        assert_int_not_equal(slots_entity(), before);
        assert_int_equal(slots.shard->sessions.hold_count, 0);
        if (resumes == 0)
            slots_teardown(state);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(it_moves_on_while_what_it_said_waits, slots_setup,
                                        slots_teardown),
        cmocka_unit_test_setup_teardown(resumed_on_the_way_it_plays, slots_setup, slots_teardown),
        cmocka_unit_test_setup_teardown(resumed_on_the_way_it_leaves, slots_setup, slots_teardown),
        cmocka_unit_test_setup_teardown(its_new_slot_is_used_again, slots_setup, slots_teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
