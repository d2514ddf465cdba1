/* SPDX-License-Identifier: BSD-3-Clause */
/* The shard's loop over real rings, without EAL: buffers are conserved, ticks keep their schedule,
 * and (for ThreadSanitizer) a worker thread and a shard thread share nothing but the rings. */
#include "dataplane/engine/clock.h"
#include "dataplane/engine/shard_config.h"
#include "dataplane/engine/shard_loop.h"
#include "dataplane/engine/tick_schedule.h"
#include "tickwire/lines.h"
#include "tickwire/shard.h"

#include <pthread.h>
#include <rte_ring_elem.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define PLAYERS  24u
#define CAPACITY 1000u
#define BUFFERS  200u

static struct tw_shard_counters counters;
static struct tw_shard_loop_config config;
static struct tw_shard_loop *loop;
static void *loop_memory;
static _Atomic bool stop;

/* The worker's side. */
static uint8_t bytes[BUFFERS][CAPACITY];
static bool lent[BUFFERS];
static uint32_t lent_count, snapshots;

static struct rte_ring *make_ring(const char *name, unsigned int element, unsigned int depth)
{
    struct rte_ring *ring =
        aligned_alloc(64, ((size_t)rte_ring_get_memsize_elem(element, depth) + 63u) & ~(size_t)63);
    assert_non_null(ring);
    assert_int_equal(rte_ring_init(ring, name, depth, RING_F_SP_ENQ | RING_F_SC_DEQ), 0);
    return ring;
}

static int setup(void **state)
{
    (void)state;
    struct tw_config host;
    tw_config_defaults(&host);
    host.engine.workers = 1;
    host.engine.sessions_max = 64;
    host.world.players_max = 64;
    host.world.entities_max = 512;
    host.world.npcs = 100;
    host.world.tick_hz = 60;
    host.world.snapshot_hz = 60;
    memset(&counters, 0, sizeof(counters));
    memset(lent, 0, sizeof(lent));
    lent_count = snapshots = 0;
    atomic_store(&stop, false);
    config = (struct tw_shard_loop_config){.shard = tw_shard_config_from(&host),
                                           .counters = &counters,
                                           .epoch_ns = tw_clock_now_ns(),
                                           .idle = TW_IDLE_BACKOFF,
                                           .stop = &stop};
    config.rings[0] = (struct tw_worker_shard_rings){
        .records = make_ring("records", sizeof(struct tw_record), 512),
        .empty = make_ring("empty", sizeof(struct tw_out_buffer), 64),
        .full = make_ring("full", sizeof(struct tw_out_buffer), 128),
        .message_buffers = make_ring("message", sizeof(struct tw_out_buffer), 64),
        .returned = make_ring("returned", sizeof(struct tw_message *), 256),
    };
    size_t size = tw_shard_loop_footprint(&config);
    assert_true(size > 0);
    loop_memory = aligned_alloc(64, (size + 63u) & ~(size_t)63);
    loop = tw_shard_loop_init(loop_memory, &config);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    free(config.rings[0].records);
    free(config.rings[0].empty);
    free(config.rings[0].full);
    free(config.rings[0].message_buffers);
    free(config.rings[0].returned);
    free(loop_memory);
    return 0;
}

static void send_record(struct tw_record record)
{
    record.world = config.shard.world_id;
    record.route_epoch = 1;
    while (rte_ring_sp_enqueue_elem(config.rings[0].records, &record, sizeof(record)) != 0)
        ;
}

static void join_players(void)
{
    for (uint32_t slot = 0; slot < PLAYERS; slot++)
        send_record((struct tw_record){
            .type = TW_RECORD_JOIN, .slot = slot, .join = {.account = slot + 1}});
}

static void send_inputs(uint32_t tick)
{
    for (uint32_t slot = 0; slot < PLAYERS; slot++)
        send_record((struct tw_record){.type = TW_RECORD_INPUT,
                                       .slot = slot,
                                       .input = {.tick = tick, .input = {.move_x = 100}}});
}

static void fill_ring(struct rte_ring *ring)
{
    for (uint32_t i = 0; i < BUFFERS; i++) {
        if (lent[i])
            continue;
        struct tw_out_buffer buffer = {.bytes = bytes[i], .owner = &lent[i], .capacity = CAPACITY};
        if (rte_ring_sp_enqueue_elem(ring, &buffer, sizeof(buffer)) != 0)
            return;
        lent[i] = true;
        lent_count++;
    }
}

static void refill(void)
{
    fill_ring(config.rings[0].empty);
}

/* Takes back at most `most` buffers; each must have been lent, once. */
static void take_back(uint32_t most)
{
    struct tw_out_buffer buffer;
    while (most-- > 0 &&
           rte_ring_sc_dequeue_elem(config.rings[0].full, &buffer, sizeof(buffer)) == 0) {
        bool *owner = buffer.owner;
        assert_true(*owner);
        *owner = false;
        lent_count--;
        assert_int_not_equal(buffer.kind, TW_OUT_UNUSED);
        assert_true(buffer.length <= CAPACITY);
        if (buffer.kind == TW_OUT_SNAPSHOT) {
            assert_true(buffer.length > 0 && buffer.slot < PLAYERS);
            snapshots++;
        }
    }
}

static void test_ticks_follow_the_schedule(void **state)
{
    (void)state;
    uint64_t now_ns = config.epoch_ns;
    uint64_t next_ns = tw_shard_loop_turn(loop, now_ns);
    assert_true(next_ns > now_ns);
    for (uint64_t tick = 1; tick <= 120; tick++) {
        uint64_t due_ns = config.epoch_ns + tick * TW_SECOND_NS / 60;
        tw_shard_loop_turn(loop, due_ns - 1);
        assert_int_equal(tw_shard_loop_tick(loop), tick - 1);
        tw_shard_loop_turn(loop, due_ns);
        assert_int_equal(tw_shard_loop_tick(loop), tick);
    }
    assert_int_equal(tw_counter_get(&counters.ticks), 120);
    assert_int_equal(tw_counter_get(&counters.ticks_skipped), 0);
}

static void test_stall_is_counted_and_bounded(void **state)
{
    (void)state;
    tw_shard_loop_turn(loop, config.epoch_ns + TW_SECOND_NS / 60);
    /* Two seconds later: tick 121 is the newest due; 2..120 are skipped. */
    uint64_t now_ns = config.epoch_ns + 121 * TW_SECOND_NS / 60;
    tw_shard_loop_turn(loop, now_ns);
    assert_int_equal(tw_shard_loop_tick(loop), 121);
    assert_int_equal(tw_counter_get(&counters.ticks_skipped), 119);
    assert_int_equal(tw_counter_get(&counters.ticks), 2);
    /* A short one is made up tick by tick, each counted as late but the last. */
    uint64_t late = tw_counter_get(&counters.ticks_late);
    now_ns = config.epoch_ns + 125 * TW_SECOND_NS / 60;
    for (uint64_t tick = 122; tick <= 124; tick++) {
        tw_shard_loop_turn(loop, now_ns);
        assert_int_equal(tw_shard_loop_tick(loop), tick);
    }
    assert_int_equal(tw_counter_get(&counters.ticks_late), late + 2);
}

/* 828 days later: the last tick runs, and none after it, whatever the clock says. */
static void test_a_world_ends_with_its_last_tick(void **state)
{
    (void)state;
    for (uint64_t tick = TW_TICK_LAST - 3u; tick <= UINT64_C(5) + TW_TICK_LAST; tick++) {
        uint64_t now_ns = tw_tick_due_ns(config.epoch_ns, 60, tick);
        assert_true(tw_shard_loop_turn(loop, now_ns) > now_ns);
        assert_int_equal(tw_shard_loop_tick(loop), tick < TW_TICK_LAST ? tick : TW_TICK_LAST);
    }
    assert_int_equal(tw_counter_get(&counters.ticks), 4);
}

/* A start so slow that ticks were due before the loop ran: they are accounted for, too. */
static void test_ticks_before_the_first_are_counted(void **state)
{
    (void)state;
    tw_shard_loop_turn(loop, config.epoch_ns + 100 * TW_SECOND_NS / 60);
    assert_int_equal(tw_shard_loop_tick(loop), 100);
    assert_int_equal(tw_counter_get(&counters.ticks), 1);
    assert_int_equal(tw_counter_get(&counters.ticks_skipped), 99);
    tw_shard_loop_turn(loop, config.epoch_ns + 200 * TW_SECOND_NS / 60);
    assert_int_equal(tw_counter_get(&counters.ticks), 2);
    assert_int_equal(tw_counter_get(&counters.ticks_skipped), 198);
}

static void test_every_player_gets_snapshots_and_buffers_come_back(void **state)
{
    (void)state;
    join_players();
    for (uint32_t tick = 1; tick <= 60; tick++) {
        refill();
        send_inputs(tick + 1);
        tw_shard_loop_turn(loop, config.epoch_ns + tick * TW_SECOND_NS / 60);
        take_back(UINT32_MAX);
    }
    assert_int_equal(tw_counter_get(&counters.players), PLAYERS);
    assert_true(snapshots >= 50 * PLAYERS);
    assert_int_equal(snapshots, tw_counter_get(&counters.snapshots));
}

static void test_worker_that_takes_nothing_costs_no_buffer(void **state)
{
    (void)state;
    join_players();
    for (uint32_t tick = 1; tick <= 60; tick++) {
        refill();
        tw_shard_loop_turn(loop, config.epoch_ns + tick * TW_SECOND_NS / 60);
    }
    assert_true(tw_counter_get(&counters.snapshots_no_buffer) > 0);
    uint64_t written = tw_counter_get(&counters.snapshots);
    for (uint32_t i = 1; i <= 20; i++) {
        take_back(7);
        tw_shard_loop_turn(loop, config.epoch_ns + 60 * TW_SECOND_NS / 60 + i);
    }
    take_back(UINT32_MAX);
    assert_int_equal(snapshots, written);
}

/* Every buffer is at one place at any time, and comes home when no more are handed out. */
static void test_no_buffer_is_lost_in_a_long_run(void **state)
{
    (void)state;
    uint32_t random = 2463534242u;
    uint64_t now_ns = config.epoch_ns;
    uint32_t most_held = 0;
    join_players();
    for (uint32_t turn = 0; turn < 100000; turn++) {
        random ^= random << 13;
        random ^= random >> 17;
        random ^= random << 5;
        /* Long phases in which the worker takes nothing, or gives nothing, or both. */
        if ((turn >> 9) % 4 != 1)
            take_back(random >> 8 & 31);
        if ((turn >> 10) % 3 != 1 && (random & 3) != 0)
            refill();
        now_ns += (random >> 16 & 7) * UINT64_C(1000000);
        tw_shard_loop_turn(loop, now_ns);
        uint32_t in_rings =
            rte_ring_count(config.rings[0].empty) + rte_ring_count(config.rings[0].full);
        assert_in_range(lent_count, in_rings, in_rings + rte_ring_get_size(config.rings[0].full));
        if (lent_count - in_rings > most_held)
            most_held = lent_count - in_rings;
    }
    assert_true(most_held > 64);
    assert_true(tw_counter_get(&counters.snapshots_no_buffer) > 0);
    for (uint32_t i = 0; i < 60 && lent_count > 0; i++) {
        now_ns += TW_SECOND_NS / 60;
        tw_shard_loop_turn(loop, now_ns);
        take_back(UINT32_MAX);
    }
    assert_int_equal(lent_count, 0);
    assert_int_equal(snapshots, tw_counter_get(&counters.snapshots));
    assert_int_equal(tw_counter_get(&counters.ticks) + tw_counter_get(&counters.ticks_skipped),
                     tw_shard_loop_tick(loop));
}

static void test_filling_ring_is_drained_between_ticks(void **state)
{
    (void)state;
    join_players();
    tw_shard_loop_turn(loop, config.epoch_ns + TW_SECOND_NS / 60);
    for (uint32_t i = 0; i < 6; i++)
        send_inputs(2 + i);
    assert_true(rte_ring_count(config.rings[0].records) > 128);
    tw_shard_loop_turn(loop, config.epoch_ns + TW_SECOND_NS / 60 + 1000);
    assert_int_equal(rte_ring_count(config.rings[0].records), 0);
    send_inputs(9);
    tw_shard_loop_turn(loop, config.epoch_ns + TW_SECOND_NS / 60 + 2000);
    assert_int_equal(rte_ring_count(config.rings[0].records), PLAYERS);
}

/* A worker spreads snapshots over a part of the tick; what stands in front of them does not wait.
 */
static void test_messages_stand_in_front_of_snapshots(void **state)
{
    (void)state;
    static struct tw_block blocks[2];
    static struct tw_message message = {.size = 20, .channel = TW_CHANNEL_ORDERED, .blocks = {1}};
    struct tw_out_buffer buffer;
    struct tw_message *back;
    uint32_t count = 0, heard = 0;
    join_players();
    refill();
    tw_shard_loop_turn(loop, config.epoch_ns + TW_SECOND_NS / 60);
    take_back(UINT32_MAX);
    refill();
    fill_ring(config.rings[0].message_buffers);
    send_record((struct tw_record){
        .type = TW_RECORD_MESSAGE, .slot = 0, .message = {.message = &message, .blocks = blocks}});
    tw_shard_loop_turn(loop, config.epoch_ns + 2 * TW_SECOND_NS / 60);
    for (; rte_ring_sc_dequeue_elem(config.rings[0].full, &buffer, sizeof(buffer)) == 0; count++) {
        heard += buffer.kind == TW_OUT_MESSAGE;
        assert_true(buffer.kind == TW_OUT_SNAPSHOT || heard == count + 1u);
    }
    assert_true(heard > 0);
    assert_int_equal(count - heard, PLAYERS);
    assert_int_equal(
        rte_ring_sc_dequeue_elem(config.rings[0].returned, &back, sizeof(struct tw_message *)), 0);
    assert_ptr_equal(back, &message);
}

/* Buffers of messages, instead of as many of a channel (plus one) that are done with, or of none.
 */
static void give_for_messages(uint32_t count, uint16_t instead)
{
    for (uint32_t i = 0; i < BUFFERS && count > 0; i++) {
        if (lent[i])
            continue;
        struct tw_out_buffer buffer = {
            .bytes = bytes[i], .owner = &lent[i], .capacity = CAPACITY, .instead = instead};
        assert_int_equal(
            rte_ring_sp_enqueue_elem(config.rings[0].message_buffers, &buffer, sizeof(buffer)), 0);
        lent[i] = true;
        lent_count++;
        count--;
    }
    assert_int_equal(count, 0);
}

/* Of a tick's buffers of messages, how many are of each channel. */
static void run_for_messages(uint32_t tick, uint32_t count[TW_CHANNEL_COUNT])
{
    struct tw_out_buffer buffer;
    tw_shard_loop_turn(loop, config.epoch_ns + tick * TW_SECOND_NS / 60);
    while (rte_ring_sc_dequeue_elem(config.rings[0].full, &buffer, sizeof(buffer)) == 0) {
        assert_int_equal(buffer.kind, TW_OUT_MESSAGE);
        count[buffer.channel]++;
        *(bool *)buffer.owner = false;
        lent_count--;
    }
}

/* A worker that takes no more bulk has a part of the buffers, and goes on to get commands; bulk
 * goes on as it is told that some of its buffers came back. */
static void test_bulk_that_waits_leaves_buffers(void **state)
{
    (void)state;
    static struct tw_block blocks[2];
    static struct tw_message bulk[4],
        command = {.size = 20, .channel = TW_CHANNEL_ORDERED, .blocks = {1}};
    uint32_t count[TW_CHANNEL_COUNT] = {0}, tick = 1;
    join_players();
    run_for_messages(tick++, count);
    for (uint32_t i = 0; i < 4; i++) {
        bulk[i] = (struct tw_message){.size = 60000, .channel = TW_CHANNEL_BULK};
        for (uint32_t k = 0; k < TW_MESSAGE_BLOCKS_MAX; k++)
            bulk[i].blocks[k] = 1;
        send_record((struct tw_record){.type = TW_RECORD_MESSAGE,
                                       .message = {.message = &bulk[i], .blocks = blocks}});
    }
    for (; tick <= 6; tick++) {
        give_for_messages(tick <= 5 ? 50 : 0, 0);
        run_for_messages(tick, count);
    }
    uint32_t most = TW_LINES_MOST(TW_OUT_MESSAGE_BUFFERS, TW_CHANNEL_BULK);
    assert_int_equal(count[TW_CHANNEL_BULK], most);
    send_record((struct tw_record){.type = TW_RECORD_MESSAGE,
                                   .message = {.message = &command, .blocks = blocks}});
    run_for_messages(tick++, count);
    assert_int_equal(count[TW_CHANNEL_ORDERED], 1);
    assert_int_equal(count[TW_CHANNEL_BULK], most);
    give_for_messages(10, 1u + TW_CHANNEL_BULK);
    run_for_messages(tick++, count);
    assert_int_equal(count[TW_CHANNEL_BULK], most + 10u);
}

static void *run_shard(void *argument)
{
    tw_shard_loop_run(argument);
    return NULL;
}

static void test_worker_and_shard_threads(void **state)
{
    (void)state;
    pthread_t thread;
    assert_int_equal(pthread_create(&thread, NULL, run_shard, loop), 0);
    join_players();
    /* A starved machine may take long and skip ticks: only the order of things is asserted. */
    uint64_t give_up_ns = tw_clock_now_ns() + 60 * TW_SECOND_NS;
    uint32_t sent_tick = 0;
    while (snapshots < 20 * PLAYERS && tw_clock_now_ns() < give_up_ns) {
        refill();
        uint32_t tick = (uint32_t)tw_shard_loop_tick(loop) + 2;
        if (tick > sent_tick)
            send_inputs(sent_tick = tick);
        take_back(16);
        tw_clock_sleep_until_ns(tw_clock_now_ns() + 100000);
    }
    atomic_store_explicit(&stop, true, memory_order_release);
    pthread_join(thread, NULL);
    take_back(UINT32_MAX);
    assert_true(snapshots >= 20 * PLAYERS);
    assert_int_equal(snapshots, tw_counter_get(&counters.snapshots));
    assert_int_equal(tw_counter_get(&counters.ticks) + tw_counter_get(&counters.ticks_skipped),
                     tw_shard_loop_tick(loop));
    assert_int_equal(tw_counter_get(&counters.players), PLAYERS);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(test_ticks_follow_the_schedule),
        TEST(test_stall_is_counted_and_bounded),
        TEST(test_ticks_before_the_first_are_counted),
        TEST(test_a_world_ends_with_its_last_tick),
        TEST(test_every_player_gets_snapshots_and_buffers_come_back),
        TEST(test_worker_that_takes_nothing_costs_no_buffer),
        TEST(test_no_buffer_is_lost_in_a_long_run),
        TEST(test_filling_ring_is_drained_between_ticks),
        TEST(test_messages_stand_in_front_of_snapshots),
        TEST(test_bulk_that_waits_leaves_buffers),
        TEST(test_worker_and_shard_threads),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
