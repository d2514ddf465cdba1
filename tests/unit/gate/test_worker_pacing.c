/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What leaves a worker when: snapshots of a tick in groups, in the order of their ring; everything
 * else at once, and past them. The port is a ring, so what it holds after a turn is what the worker
 * handed to it in that turn.
 */
#include "tests/unit/gate/worker_rig.h"

#include "dataplane/gate/worker_state.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>
#include <rte_ring.h>
#include <rte_ring_elem.h>

#define SNAPSHOTS 200u
#define US        UINT64_C(1000)
#define GROUP_NS  (64u * US) /* at 500 a millisecond */

static struct rig rig;
static struct rig_client client;
static uint32_t epoch;
static uint16_t next_number;                /* of the next snapshot */
static uint16_t seen;                       /* as many snapshots were opened, in order */
static uint32_t messages, other, seen_then; /* seen when the newest message came */

static void opened(struct rig_client *by, uint64_t sequence)
{
    (void)sequence;
    if (by->frames.has_snapshot)
        assert_int_equal(tw_load_u16(by->frames.snapshot), seen++);
    else
        other++;
    if (by->frames.has_messages) {
        messages++;
        seen_then = seen;
    }
}

static int start(void **state)
{
    (void)state;
    rig_make(&rig, 1);
    rig.full_depth = 1024;
    rig_start(&rig);
    rig_client_make_live(&rig, &client, 5000);
    epoch = rig_join_epoch(&rig);
    client.opened = opened;
    next_number = seen = 0;
    messages = other = seen_then = 0;
    return 0;
}

static int stop(void **state)
{
    (void)state;
    rig_turn(&rig, 20 * RIG_MS);
    rig_client_receive(&rig, &client, 1);
    assert_int_equal(tw_counter_get(&rig.counters[0]->snapshots) +
                         rig_send(&rig, TW_SEND_SESSION_GONE),
                     next_number);
    rig_stop(&rig);
    return 0;
}

/* ---- the shard's part ------------------------------------------------------------------------ */

static void give(struct tw_out_buffer *buffer, enum tw_out_kind kind)
{
    buffer->slot = tw_connection_slot(client.id);
    buffer->route_epoch = epoch;
    buffer->kind = (uint16_t)kind;
    assert_int_equal(
        rte_ring_sp_enqueue_elem(rig.worker_config[0].shard_rings[0].full, buffer, sizeof(*buffer)),
        0);
}

static struct tw_out_buffer take_from(struct rte_ring *ring)
{
    struct tw_out_buffer buffer;
    if (rte_ring_count(ring) == 0)
        tw_outward_refill(rig.worker[0]);
    assert_int_equal(rte_ring_sc_dequeue_elem(ring, &buffer, sizeof(buffer)), 0);
    return buffer;
}

static void give_snapshots(uint32_t count)
{
    for (uint32_t i = 0; i < count; i++) {
        struct tw_out_buffer buffer = take_from(rig.worker_config[0].shard_rings[0].empty);
        buffer.bytes[0] = TW_FRAME_SNAPSHOT;
        buffer.length = 300;
        tw_store_u16(buffer.bytes + 1, (uint16_t)(buffer.length - TW_FRAME_HEADER_SIZE));
        memset(buffer.bytes + TW_FRAME_HEADER_SIZE, 0, buffer.length - TW_FRAME_HEADER_SIZE);
        tw_store_u16(buffer.bytes + TW_FRAME_HEADER_SIZE, next_number++);
        give(&buffer, TW_OUT_SNAPSHOT);
    }
}

static void give_message(void)
{
    struct tw_out_buffer buffer = take_from(rig.worker_config[0].shard_rings[0].message_buffers);
    buffer.length = 20;
    memset(buffer.bytes, 7, buffer.length);
    buffer.channel = TW_CHANNEL_ORDERED;
    buffer.message.size = buffer.length;
    buffer.message.offset = 0;
    buffer.message.more = 0;
    give(&buffer, TW_OUT_MESSAGE);
}

/* A turn; how many packets it handed to the port. */
static uint32_t turn(uint64_t advance_ns)
{
    rig_turn(&rig, advance_ns);
    uint32_t count = rte_ring_count(rig.port_tx[0][0]);
    rig_client_receive(&rig, &client, 1);
    return count;
}

static uint64_t late(void)
{
    return tw_counter_get(&rig.counters[0]->snapshots_late);
}

/* ---- tests ----------------------------------------------------------------------------------- */

static void snapshots_leave_in_groups(void **state)
{
    (void)state;
    uint32_t turns = 0, most = 0;
    give_snapshots(SNAPSHOTS);
    assert_int_equal(turn(0), TW_PACER_GROUP);
    for (uint64_t passed_ns = 0; seen < SNAPSHOTS; passed_ns += 8 * US, turns++) {
        uint32_t count = turn(8 * US);
        most = count > most ? count : most;
        assert_int_equal(seen, TW_PACER_GROUP * (1u + (passed_ns + 8 * US) / GROUP_NS) < SNAPSHOTS
                                   ? TW_PACER_GROUP * (1u + (passed_ns + 8 * US) / GROUP_NS)
                                   : SNAPSHOTS);
    }
    assert_int_equal(most, TW_PACER_GROUP);
    assert_int_equal(turns, 6u * GROUP_NS / (8 * US));
    assert_int_equal(late(), 0);
}

static void without_spreading_a_tick_is_one_burst(void **state)
{
    (void)state;
    rig.worker[0]->pacer_rules = tw_pacer_rules_make(60, 0, 500);
    give_snapshots(SNAPSHOTS);
    assert_int_equal(turn(0), SNAPSHOTS);
}

static void few_leave_at_once(void **state)
{
    (void)state;
    give_snapshots(TW_PACER_GROUP);
    assert_int_equal(turn(0), TW_PACER_GROUP);
    give_snapshots(1);
    assert_int_equal(turn(0), 1);
    assert_int_equal(late(), 0);
}

/* A worker that was away does not make up for it one by one. */
static void who_was_held_up_catches_up(void **state)
{
    (void)state;
    give_snapshots(SNAPSHOTS);
    turn(0);
    assert_int_equal(turn(3 * GROUP_NS), 3u * TW_PACER_GROUP);
    assert_int_equal(turn(20 * RIG_MS), SNAPSHOTS - 4u * TW_PACER_GROUP);
    assert_int_equal(late(), 0);
}

static void a_tick_never_waits_for_the_one_before(void **state)
{
    (void)state;
    give_snapshots(SNAPSHOTS);
    turn(0);
    give_snapshots(SNAPSHOTS);
    assert_int_equal(turn(US), SNAPSHOTS);
    assert_int_equal(late(), SNAPSHOTS - TW_PACER_GROUP);
    assert_int_equal(rte_ring_count(rig.worker_config[0].shard_rings[0].full),
                     SNAPSHOTS - TW_PACER_GROUP);
    for (uint32_t i = 1; i <= 6; i++)
        turn(GROUP_NS);
    assert_int_equal(seen, 2u * SNAPSHOTS);
    assert_int_equal(late(), SNAPSHOTS - TW_PACER_GROUP);
}

/* They stand in front of their tick's snapshots, where a shard puts them. */
static void messages_pass(void **state)
{
    (void)state;
    for (uint32_t i = 0; i < 40; i++)
        give_message();
    give_snapshots(SNAPSHOTS);
    turn(0);
    assert_int_equal(tw_counter_get(&rig.counters[0]->messages_out), 40);
    assert_true(messages > 0 && seen_then <= TW_PACER_GROUP);
    assert_int_equal(seen, TW_PACER_GROUP); /* messages took nobody's place */
    turn(20 * RIG_MS);
}

/* Not behind what is left of the tick before, which leaves in the same turn. */
static void messages_do_not_wait_for_the_tick_before(void **state)
{
    (void)state;
    give_snapshots(SNAPSHOTS);
    turn(0);
    give_message();
    give_snapshots(SNAPSHOTS);
    turn(US);
    assert_int_equal(messages, 1);
    assert_in_range(seen_then, SNAPSHOTS, SNAPSHOTS + TW_PACER_GROUP);
    turn(20 * RIG_MS);
}

static void pongs_and_handshakes_pass(void **state)
{
    (void)state;
    struct rig_client stranger;
    rig_client_make(&rig, &stranger, TEST_CLIENT_ADDRESS, 5001);
    give_snapshots(SNAPSHOTS);
    turn(0);
    uint32_t pongs = client.pongs;
    rig_client_send_ping(&rig, &client, 5);
    rig_client_hello(&rig, &stranger, 0);
    assert_int_equal(turn(US), 2);
    assert_int_equal(client.pongs, pongs + 1u);
    assert_int_equal(seen, TW_PACER_GROUP);
    turn(20 * RIG_MS);
}

/* The main thread's, and the world's, which stands in front of its tick. What is left for the
 * session then is for nobody. */
static void closes_pass(void **state)
{
    (void)state;
    give_snapshots(SNAPSHOTS);
    turn(0);
    struct tw_worker_command command = {
        .type = TW_COMMAND_KICK, .reason = TW_CLOSE_KICKED, .connection_id = client.id};
    rig_command(&rig, 0, &command);
    turn(US);
    assert_int_equal(client.closes, 1);
    assert_int_equal(seen, TW_PACER_GROUP);
    turn(20 * RIG_MS);
    assert_int_equal(rig_send(&rig, TW_SEND_SESSION_GONE), SNAPSHOTS - TW_PACER_GROUP);
}

static void the_worlds_close_passes(void **state)
{
    (void)state;
    struct tw_out_buffer buffer = take_from(rig.worker_config[0].shard_rings[0].empty);
    buffer.length = 0;
    buffer.reason = TW_CLOSE_REFUSED;
    give(&buffer, TW_OUT_CLOSE);
    give_snapshots(SNAPSHOTS);
    turn(0);
    assert_int_equal(client.closes, 1);
    turn(20 * RIG_MS);
    assert_int_equal(rig_send(&rig, TW_SEND_SESSION_GONE), SNAPSHOTS);
}

/* A worker that backs off is back in time for the next group. */
static void it_sleeps_no_longer_than_until_the_next_group(void **state)
{
    (void)state;
    rig.config.engine.idle = TW_IDLE_BACKOFF;
    rig.config.engine.idle_polls = 4;
    rig.config.engine.idle_sleep_us = 100;
    rig.config.engine.idle_quiet_us = 100;
    assert_int_equal(tw_worker_pause_ns(rig.worker[0], 4), 100 * US);
    give_snapshots(SNAPSHOTS);
    turn(0);
    assert_int_equal(tw_worker_pause_ns(rig.worker[0], 4), GROUP_NS);
    turn(10 * US);
    assert_int_equal(tw_worker_pause_ns(rig.worker[0], 4), GROUP_NS - 10 * US);
    assert_int_equal(tw_worker_pause_ns(rig.worker[0], 3), 0);
    turn(20 * RIG_MS);
    assert_int_equal(tw_worker_pause_ns(rig.worker[0], 4), 100 * US);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, start, stop)

int main(int argc, char **argv)
{
    (void)argc;
    if (!rig_init_eal(argv[0]))
        return 1;
    const struct CMUnitTest tests[] = {
        TEST(snapshots_leave_in_groups),
        TEST(without_spreading_a_tick_is_one_burst),
        TEST(few_leave_at_once),
        TEST(who_was_held_up_catches_up),
        TEST(a_tick_never_waits_for_the_one_before),
        TEST(messages_pass),
        TEST(messages_do_not_wait_for_the_tick_before),
        TEST(pongs_and_handshakes_pass),
        TEST(closes_pass),
        TEST(the_worlds_close_passes),
        TEST(it_sleeps_no_longer_than_until_the_next_group),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
