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

#include "tests/sim/harness.h"
#include "tickwire/wire.h"

#define OLD_SLOT 3u
#define NEW_SLOT 5u
#define EPOCH    7u
#define BUFFERS  4u

static struct {
    struct tw_shard_config config;
    struct tw_shard *shard;
    struct tw_shard_counters counters;
    void *memory;
    uint64_t tick;
    struct tw_out_buffer buffers[2][BUFFERS], messages[2][BUFFERS];
    uint8_t bytes[2][2u * BUFFERS][1200];
    struct tw_message said[8]; /* lent until they are returned */
    uint32_t said_count;
    struct tw_outbox outboxes[2];
} world;

static uint64_t input_count(enum tw_shard_input_outcome outcome)
{
    return tw_counter_get(&world.counters.inputs[outcome]);
}

static void give_buffers(void)
{
    for (uint32_t worker = 0; worker < 2; worker++) {
        for (uint32_t i = 0; i < BUFFERS; i++) {
            world.buffers[worker][i] = (struct tw_out_buffer){
                .bytes = world.bytes[worker][i], .capacity = sizeof(world.bytes[worker][i])};
            world.messages[worker][i] =
                (struct tw_out_buffer){.bytes = world.bytes[worker][BUFFERS + i],
                                       .capacity = sizeof(world.bytes[worker][i])};
        }
        world.outboxes[worker] = (struct tw_outbox){.buffers = world.buffers[worker],
                                                    .count = BUFFERS,
                                                    .messages = world.messages[worker],
                                                    .message_count = BUFFERS};
    }
}

static void tick(void)
{
    give_buffers();
    tw_shard_tick(world.shard, ++world.tick, 0, world.outboxes);
}

static struct tw_record record_of(enum tw_record_type type, uint32_t worker)
{
    return (struct tw_record){.type = (uint16_t)type,
                              .worker = (uint16_t)worker,
                              .slot = worker == 0 ? OLD_SLOT : NEW_SLOT,
                              .route_epoch = worker == 0 ? EPOCH : EPOCH + 1,
                              .world = world.config.world_id};
}

static void say(enum tw_record_type type, uint32_t worker)
{
    struct tw_record record = record_of(type, worker);
    if (type == TW_RECORD_JOIN || type == TW_RECORD_ARRIVE)
        record.join.account = 11;
    if (type == TW_RECORD_MOVE) {
        record.move.worker = 1;
        record.move.slot = NEW_SLOT;
        record.move.route_epoch = EPOCH + 1;
    }
    tw_shard_consume(world.shard, &record, 1);
}

static void press(uint32_t worker, uint64_t for_tick)
{
    struct tw_record record = record_of(TW_RECORD_INPUT, worker);
    record.input.tick = (uint32_t)for_tick;
    record.input.input.move_x = 127;
    tw_shard_consume(world.shard, &record, 1);
}

static int setup(void **state)
{
    (void)state;
    memset(&world, 0, sizeof(world));
    world.config = sim_config_default();
    world.config.workers = 2;
    size_t size = (tw_shard_footprint(&world.config) + 63u) / 64u * 64u;
    world.memory = aligned_alloc(64, size);
    world.shard = tw_shard_init(world.memory, &world.config, &world.counters);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    free(world.memory);
    return 0;
}

static uint32_t entity(void)
{
    return world.shard->world.players[0].entity;
}

/* Snapshots of the next interval go to this worker's slot and to no other. */
static void expect_snapshots_at(uint32_t worker)
{
    uint32_t used[2] = {0};
    for (uint32_t i = 0; i < world.config.tick_hz / world.config.snapshot_hz; i++) {
        tick();
        for (uint32_t at = 0; at < 2; at++) {
            used[at] += world.outboxes[at].used;
            for (uint32_t n = 0; n < world.outboxes[at].used; n++) {
                assert_int_equal(world.buffers[at][n].slot, at == 0 ? OLD_SLOT : NEW_SLOT);
                assert_int_equal(world.buffers[at][n].route_epoch, EPOCH + at);
            }
        }
    }
    assert_int_equal(used[worker], 1);
    assert_int_equal(used[1 - worker], 0);
}

static void play_at_old_slot(void)
{
    say(TW_RECORD_JOIN, 0);
    tick();
    expect_snapshots_at(0);
    assert_int_not_equal(entity(), 0);
}

static void expect_same_player(uint32_t before)
{
    assert_int_equal(entity(), before);
    assert_int_equal(tw_counter_get(&world.counters.players), 1);
    assert_int_equal(tw_counter_get(&world.counters.records_stale), 0);
    assert_int_equal(input_count(TW_SHARD_INPUT_STALE), 0);
    assert_int_equal(input_count(TW_SHARD_INPUT_SKIPPED), 0);
    expect_snapshots_at(1);
}

static void the_old_worker_is_first(void **state)
{
    (void)state;
    play_at_old_slot();
    uint32_t before = entity();
    press(0, world.tick + 1);
    say(TW_RECORD_MOVE, 0);
    say(TW_RECORD_ARRIVE, 1);
    press(1, world.tick + 2);
    tick();
    tick();
    assert_int_equal(input_count(TW_SHARD_INPUT_APPLIED), 2);
    expect_same_player(before);
}

/* Ticks pass between: inputs of the new slot wait for the old one's word. */
static void the_new_worker_is_first(void **state)
{
    (void)state;
    play_at_old_slot();
    uint32_t before = entity();
    say(TW_RECORD_ARRIVE, 1);
    press(1, world.tick + 2);
    press(1, world.tick + 3);
    press(0, world.tick + 1);
    tick();
    assert_int_equal(input_count(TW_SHARD_INPUT_APPLIED), 1);
    say(TW_RECORD_MOVE, 0);
    tick();
    tick();
    tick();
    assert_int_equal(input_count(TW_SHARD_INPUT_APPLIED) + input_count(TW_SHARD_INPUT_LATE), 3);
    expect_same_player(before);
}

static void before_its_first_tick(void **state)
{
    (void)state;
    say(TW_RECORD_JOIN, 0);
    say(TW_RECORD_MOVE, 0);
    say(TW_RECORD_ARRIVE, 1);
    press(1, world.tick + 1);
    tick();
    assert_int_not_equal(entity(), 0);
    assert_int_equal(input_count(TW_SHARD_INPUT_APPLIED), 1);
    expect_same_player(entity());
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
            setup(state);
        play_at_old_slot();
        for (uint32_t i = 0; i < 3; i++) {
            say(orders[order][i], orders[order][i] == TW_RECORD_MOVE ? 0 : 1);
            if (order == 2)
                tick();
        }
        tick();
        assert_int_equal(tw_counter_get(&world.counters.players), 0);
        assert_int_equal(tw_counter_get(&world.counters.records_stale), 0);
        if (order < 2)
            teardown(state);
    }
}

/* Nobody else is there: what it says itself is what it is to hear. */
static void lend(struct tw_record *record, uint8_t what)
{
    static struct tw_block blocks[9];
    uint32_t place = world.said_count++ % 8u;
    blocks[place + 1u].bytes[0] = what;
    world.said[place] = (struct tw_message){
        .size = 1, .channel = TW_CHANNEL_ORDERED, .blocks = {(uint16_t)(place + 1u)}};
    record->message.message = &world.said[place];
    record->message.blocks = blocks;
}

static void speak(uint32_t worker, uint8_t what)
{
    struct tw_record record = record_of(TW_RECORD_MESSAGE, worker);
    lend(&record, what);
    tw_shard_consume(world.shard, &record, 1);
}

/* ---- held ----------------------------------------------------------------------------------- */

static void ask_to_hold(uint32_t worker, bool on)
{
    struct tw_record record = record_of(TW_RECORD_HOLD, worker);
    record.hold.on = on;
    tw_shard_consume(world.shard, &record, 1);
}

/* Of the newest tick. */
static uint32_t count_out(uint32_t worker, enum tw_out_kind kind)
{
    uint32_t count = 0;
    if (kind == TW_OUT_MESSAGE)
        return world.outboxes[worker].messages_used;
    for (uint32_t n = 0; n < world.outboxes[worker].used; n++)
        count += world.buffers[worker][n].kind == kind;
    return count;
}

static void held_it_gets_nothing(void **state)
{
    (void)state;
    play_at_old_slot();
    ask_to_hold(0, true);
    speak(0, 'a');
    tick();
    assert_int_equal(world.outboxes[0].used, 1);
    assert_int_equal(count_out(0, TW_OUT_HELD), 1);
    assert_int_equal(world.buffers[0][0].slot, OLD_SLOT);
    assert_int_equal(world.buffers[0][0].route_epoch, EPOCH);
    for (uint32_t i = 0; i < 2 * world.config.tick_hz / world.config.snapshot_hz; i++) {
        tick();
        assert_int_equal(world.outboxes[0].used + world.outboxes[1].used, 0);
        assert_int_equal(count_out(0, TW_OUT_MESSAGE), 0);
    }
    say(TW_RECORD_MOVE, 0);
    say(TW_RECORD_ARRIVE, 1);
    tick(); /* the snapshot that is due, and what waited */
    assert_int_equal(world.outboxes[0].used, 0);
    assert_int_equal(count_out(1, TW_OUT_SNAPSHOT), 1);
    assert_int_equal(count_out(1, TW_OUT_MESSAGE), 1);
    assert_int_equal(tw_counter_get(&world.counters.records_stale), 0);
}

static void it_may_stay_after_all(void **state)
{
    (void)state;
    play_at_old_slot();
    ask_to_hold(0, true);
    speak(0, 'a');
    tick();
    ask_to_hold(0, false);
    tick();
    assert_int_equal(count_out(0, TW_OUT_MESSAGE), 1);
    assert_int_equal(count_out(0, TW_OUT_HELD), 0);
    ask_to_hold(0, true);
    say(TW_RECORD_LEAVE, 0);
    tick();
    assert_int_equal(world.outboxes[0].used, 0);
    assert_int_equal(world.shard->sessions.hold_count, 0);
    ask_to_hold(0, true); /* it is nobody's */
    assert_int_equal(tw_counter_get(&world.counters.records_stale), 1);
}

/* Its new owner wants to give it away before the old one's word is read: held there, once it is. */
static void held_before_it_arrived(void **state)
{
    (void)state;
    play_at_old_slot();
    ask_to_hold(0, true);
    tick();
    say(TW_RECORD_ARRIVE, 1);
    ask_to_hold(1, true);
    tick();
    assert_int_equal(world.outboxes[0].used + world.outboxes[1].used, 0);
    say(TW_RECORD_MOVE, 0);
    tick();
    assert_int_equal(world.outboxes[1].used, 1);
    assert_int_equal(count_out(1, TW_OUT_HELD), 1);
    ask_to_hold(1, false);
    tick();
    assert_int_equal(count_out(1, TW_OUT_SNAPSHOT), 1);
}

/* Without a buffer the word waits, and the slot gets nothing. */
static void the_word_waits_for_a_buffer(void **state)
{
    (void)state;
    play_at_old_slot();
    ask_to_hold(0, true);
    for (uint32_t i = 0; i < 4; i++) {
        world.outboxes[0] = world.outboxes[1] = (struct tw_outbox){0};
        tw_shard_tick(world.shard, ++world.tick, 0, world.outboxes);
    }
    tick();
    assert_int_equal(world.outboxes[0].used, 1);
    assert_int_equal(count_out(0, TW_OUT_HELD), 1);
}

/* A session that another one of the same worker goes on with: the old slot's last is told. */
static void fenced_it_is_told_the_last(void **state)
{
    (void)state;
    play_at_old_slot();
    struct tw_record move = record_of(TW_RECORD_MOVE, 0);
    move.move.slot = NEW_SLOT;
    move.move.route_epoch = EPOCH + 1;
    move.move.fresh = 1;
    tw_shard_consume(world.shard, &move, 1);
    tick();
    assert_int_equal(world.buffers[0][0].kind, TW_OUT_HELD);
    assert_int_equal(world.buffers[0][0].slot, OLD_SLOT);
    assert_int_equal(world.buffers[0][0].route_epoch, EPOCH);
    assert_int_equal(count_out(0, TW_OUT_SNAPSHOT), 1); /* for the new one: not held */
    assert_int_equal(world.shard->sessions.hold_count, 0);
}

/* ---- a newer login -------------------------------------------------------------------------- */

static void log_in(uint32_t worker, uint64_t account, uint64_t installed_ns)
{
    struct tw_record record = record_of(TW_RECORD_JOIN, worker);
    record.join.account = account;
    record.join.installed_ns = installed_ns;
    tw_shard_consume(world.shard, &record, 1);
}

static uint64_t replacing(void)
{
    return tw_counter_get(&world.counters.joins_replacing);
}

/* Same entity, a view from the beginning, and what the older session said is heard. */
static void a_newer_login_has_the_player(void **state)
{
    (void)state;
    log_in(0, 11, 100);
    tick();
    expect_snapshots_at(0);
    uint32_t before = entity();
    speak(0, 'a');
    log_in(1, 11, 200);
    press(1, world.tick + 1);
    tick();
    assert_int_equal(replacing(), 1);
    assert_int_equal(count_out(0, TW_OUT_CLOSE), 1);
    assert_int_equal(world.buffers[0][0].reason, TW_CLOSE_REPLACED);
    assert_int_equal(world.buffers[0][0].slot, OLD_SLOT);
    assert_int_equal(count_out(0, TW_OUT_SNAPSHOT), 0);
    assert_int_equal(count_out(1, TW_OUT_SNAPSHOT), 1);
    assert_int_equal(count_out(1, TW_OUT_MESSAGE), 1);
    assert_int_equal(input_count(TW_SHARD_INPUT_APPLIED), 1);
    say(TW_RECORD_LEAVE, 0); /* nobody's any more */
    expect_snapshots_at(1);
    assert_int_equal(entity(), before);
    assert_int_equal(tw_counter_get(&world.counters.players), 1);
}

/* The control plane may be quick: the older session is closed before the tick that takes the join.
 * A leave for any other reason is one. */
static void it_has_left_for_that_reason(void **state)
{
    for (uint32_t order = 0; order < 3; order++) {
        if (order > 0)
            setup(state);
        log_in(0, 11, 100);
        tick();
        uint32_t before = entity();
        struct tw_record leave = record_of(TW_RECORD_LEAVE, 0);
        leave.leave.reason = order < 2 ? TW_CLOSE_REPLACED : TW_CLOSE_BY_CLIENT;
        if (order == 0)
            log_in(1, 11, 200);
        tw_shard_consume(world.shard, &leave, 1);
        if (order != 0)
            log_in(1, 11, 200);
        tick();
        assert_int_equal(replacing(), order < 2);
        assert_int_equal(tw_counter_get(&world.counters.players), 1);
        assert_int_equal(world.outboxes[0].used, 0);
        if (order < 2)
            assert_int_equal(entity(), before);
        else
            assert_int_not_equal(entity(), before);
        expect_snapshots_at(1);
        if (order < 2)
            teardown(state);
    }
}

/* Whoever was welcomed first is the older one, whenever its first packet came. */
static void an_older_login_comes_too_late(void **state)
{
    (void)state;
    log_in(1, 11, 200);
    tick();
    uint32_t before = entity();
    log_in(0, 11, 100);
    tick();
    assert_int_equal(replacing(), 0);
    assert_int_equal(world.buffers[0][0].kind, TW_OUT_CLOSE);
    assert_int_equal(world.buffers[0][0].reason, TW_CLOSE_REPLACED);
    expect_snapshots_at(1);
    assert_int_equal(entity(), before);
}

/* The way in for somebody whose client died: out of the parking table, into a world that is full.
 */
static void a_login_comes_back_from_parking(void **state)
{
    (void)state;
    free(world.memory);
    world.config.players_max = 1;
    world.config.parking_max = 1;
    size_t size = (tw_shard_footprint(&world.config) + 63u) / 64u * 64u;
    world.memory = aligned_alloc(64, size);
    world.shard = tw_shard_init(world.memory, &world.config, &world.counters);
    log_in(0, 11, 100);
    tick();
    uint32_t before = entity();
    struct tw_record silent = record_of(TW_RECORD_PRESENCE, 0);
    silent.presence.presence = TW_PARKED;
    tw_shard_consume(world.shard, &silent, 1);
    tick();
    assert_int_equal(tw_counter_get(&world.counters.players_parked), 1);
    log_in(1, 11, 200);
    tick();
    tick();
    assert_int_equal(replacing(), 1);
    assert_int_equal(tw_counter_get(&world.counters.joins_refused), 0);
    assert_int_equal(tw_counter_get(&world.counters.players_parked), 0);
    assert_int_equal(entity(), before);
    expect_snapshots_at(1);
}

/* On its way to another worker: whoever has it there is told as well. */
static void a_login_meets_a_moving_session(void **state)
{
    (void)state;
    log_in(0, 11, 100);
    tick();
    uint32_t before = entity();
    ask_to_hold(0, true);
    tick();
    struct tw_record third = record_of(TW_RECORD_JOIN, 1);
    third.slot = NEW_SLOT + 1;
    third.join.account = 11;
    third.join.installed_ns = 200;
    tw_shard_consume(world.shard, &third, 1);
    say(TW_RECORD_ARRIVE, 1);
    world.outboxes[0] = world.outboxes[1] = (struct tw_outbox){0};
    tw_shard_tick(world.shard, ++world.tick, 0, world.outboxes); /* no buffer for its close */
    say(TW_RECORD_MOVE, 0);
    tick();
    assert_int_equal(replacing(), 1);
    assert_int_equal(world.outboxes[0].used, 0);
    assert_int_equal(world.buffers[1][0].kind, TW_OUT_CLOSE);
    assert_int_equal(world.buffers[1][0].reason, TW_CLOSE_REPLACED);
    assert_int_equal(world.buffers[1][0].slot, NEW_SLOT);
    assert_int_equal(entity(), before);
    assert_int_equal(tw_counter_get(&world.counters.players), 1);
    assert_int_equal(world.shard->sessions.hold_count, 0);
}

/* ---- what it says --------------------------------------------------------------------------- */

/* What is heard in a tick, at the new slot. */
static uint32_t heard(uint8_t *first, uint8_t *second)
{
    uint32_t count = 0;
    tick();
    for (uint32_t at = 0; at < 2; at++) {
        for (uint32_t n = 0; n < world.outboxes[at].messages_used; n++) {
            const struct tw_out_buffer *buffer = &world.messages[at][n];
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
    play_at_old_slot();
    speak(0, 'a');
    say(TW_RECORD_MOVE, 0);
    say(TW_RECORD_ARRIVE, 1);
    speak(1, 'b');
    assert_int_equal(heard(&first, &second), 2);
    assert_true(first == 'a' && second == 'b');
    assert_int_equal(tw_counter_get(&world.counters.records_stale), 0);
}

/* The rings are read one after the other: what it said later may be read first. */
static void what_it_said_keeps_its_order(void **state)
{
    (void)state;
    uint8_t first = 0, second = 0;
    play_at_old_slot();
    say(TW_RECORD_ARRIVE, 1);
    speak(1, 'b');
    assert_int_equal(heard(&first, &second), 0); /* the old slot may have more to say */
    speak(0, 'a');
    say(TW_RECORD_MOVE, 0);
    assert_int_equal(heard(&first, &second), 2);
    assert_true(first == 'a' && second == 'b');
    speak(1, 'c');
    assert_int_equal(heard(&first, &second), 1);
    assert_true(first == 'c');
    assert_int_equal(tw_counter_get(&world.counters.records_stale), 0);
}

/* A stop of a session on its way from worker to worker. */
struct stop {
    uint32_t worker, slot;
};
static const struct stop stops[] = {{0, OLD_SLOT}, {1, NEW_SLOT}, {0, OLD_SLOT + 1u}};
#define STOPS (sizeof(stops) / sizeof(stops[0]))

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
static uint32_t ends_with(uint32_t stop)
{
    return stop + 1u < STOPS ? WORDS : MOVES;
}

static void read_word(uint32_t stop, enum word word)
{
    static const enum tw_record_type types[WORDS] = {TW_RECORD_ARRIVE, TW_RECORD_MESSAGE,
                                                     TW_RECORD_MESSAGE, TW_RECORD_MOVE};
    struct tw_record record = {.type = (uint16_t)types[word],
                               .worker = (uint16_t)stops[stop].worker,
                               .slot = stops[stop].slot,
                               .route_epoch = EPOCH + stop,
                               .world = world.config.world_id};
    if (word == MOVES) {
        record.move.worker = stops[stop + 1u].worker;
        record.move.slot = stops[stop + 1u].slot;
        record.move.route_epoch = EPOCH + stop + 1u;
    } else if (word == ARRIVES) {
        record.join.account = 11;
    } else {
        lend(&record, (uint8_t)('a' + 2u * stop + (word == SAYS_ANOTHER)));
    }
    tw_shard_consume(world.shard, &record, 1);
}

/* A tick with so many buffers for messages; what is heard goes behind what was. */
static void hear(uint32_t buffers, char *heard, uint32_t *count)
{
    give_buffers();
    for (uint32_t at = 0; at < 2; at++)
        world.outboxes[at].message_count = buffers;
    tw_shard_tick(world.shard, ++world.tick, 0, world.outboxes);
    for (uint32_t at = 0; at < 2; at++) {
        for (uint32_t n = 0; n < world.outboxes[at].messages_used; n++)
            heard[(*count)++] = (char)world.messages[at][n].bytes[TW_HANDLE_SIZE];
    }
}

/* It is held before it is given away, which is told after its arrival: no stop moves it on before
 * the word of the one before it was read, and so none is told of sooner. */
static bool may_be_read(uint32_t stop, const uint32_t read[STOPS])
{
    uint32_t after = read[stop] == MOVES ? 1 : 2;
    return read[stop] < ends_with(stop) && (stop < after || read[stop - after] == WORDS);
}

/* From worker to worker while what it said waits for buffers, the rings read in any order. */
static void it_moves_on_while_what_it_said_waits(void **state)
{
    for (uint64_t seed = 1; seed <= 500; seed++) {
        struct tw_rng rng = {0};
        uint32_t read[STOPS] = {SAYS_ONE}, left = STOPS * WORDS - 2u, count = 0;
        char heard[2u * STOPS + 1u] = {0};
        tw_rng_seed(&rng, seed);
        if (seed > 1)
            setup(state);
        play_at_old_slot();
        while (left > 0) {
            uint32_t stop = tw_rng_below(&rng, STOPS);
            if (tw_rng_below(&rng, 4) == 0)
                hear(tw_rng_below(&rng, 4) == 0, heard, &count);
            if (!may_be_read(stop, read))
                continue;
            read_word(stop, (enum word)read[stop]++);
            left--;
        }
        for (uint32_t i = 0; i < 2u * STOPS; i++)
            hear(1, heard, &count);
        if (strcmp(heard, "abcdef") != 0)
            print_message("seed %llu\n", (unsigned long long)seed);
        assert_string_equal(heard, "abcdef");
        assert_int_equal(tw_counter_get(&world.counters.records_stale), 0);
        if (seed < 500)
            teardown(state);
    }
}

/* A word about a slot that is another session's by now changes nothing. */
static void old_news_is_counted(void **state)
{
    (void)state;
    play_at_old_slot();
    struct tw_record move = record_of(TW_RECORD_MOVE, 0);
    move.move.worker = 1;
    move.move.slot = NEW_SLOT;
    move.move.route_epoch = EPOCH + 1;
    move.route_epoch--;
    tw_shard_consume(world.shard, &move, 1);
    move.route_epoch++;
    move.move.worker = 2;
    tw_shard_consume(world.shard, &move, 1);
    move.move.worker = 1;
    move.move.slot = world.config.slots_per_worker;
    tw_shard_consume(world.shard, &move, 1);
    struct tw_record arrive = record_of(TW_RECORD_ARRIVE, 0);
    arrive.route_epoch--;
    tw_shard_consume(world.shard, &arrive, 1);
    assert_int_equal(tw_counter_get(&world.counters.records_stale), 4);
    expect_snapshots_at(0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(the_old_worker_is_first, setup, teardown),
        cmocka_unit_test_setup_teardown(the_new_worker_is_first, setup, teardown),
        cmocka_unit_test_setup_teardown(before_its_first_tick, setup, teardown),
        cmocka_unit_test_setup_teardown(it_leaves_in_every_order, setup, teardown),
        cmocka_unit_test_setup_teardown(what_it_said_goes_along, setup, teardown),
        cmocka_unit_test_setup_teardown(what_it_said_keeps_its_order, setup, teardown),
        cmocka_unit_test_setup_teardown(it_moves_on_while_what_it_said_waits, setup, teardown),
        cmocka_unit_test_setup_teardown(old_news_is_counted, setup, teardown),
        cmocka_unit_test_setup_teardown(held_it_gets_nothing, setup, teardown),
        cmocka_unit_test_setup_teardown(it_may_stay_after_all, setup, teardown),
        cmocka_unit_test_setup_teardown(held_before_it_arrived, setup, teardown),
        cmocka_unit_test_setup_teardown(the_word_waits_for_a_buffer, setup, teardown),
        cmocka_unit_test_setup_teardown(fenced_it_is_told_the_last, setup, teardown),
        cmocka_unit_test_setup_teardown(a_newer_login_has_the_player, setup, teardown),
        cmocka_unit_test_setup_teardown(it_has_left_for_that_reason, setup, teardown),
        cmocka_unit_test_setup_teardown(an_older_login_comes_too_late, setup, teardown),
        cmocka_unit_test_setup_teardown(a_login_comes_back_from_parking, setup, teardown),
        cmocka_unit_test_setup_teardown(a_login_meets_a_moving_session, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
