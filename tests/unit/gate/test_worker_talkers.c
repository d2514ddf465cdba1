/* SPDX-License-Identifier: BSD-3-Clause */
/* Those who talk: what they say is passed on at once, acknowledged once, and holds nothing longer
 * than it has to. */
#include "tests/unit/gate/worker_rig.h"

#include "dataplane/gate/worker_state.h"
#include "dataplane/wire/entry.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>
#include <rte_ring_elem.h>

/* More than are asked in one turn whether it is time for them. */
#define SESSIONS 4096u

/* Of one channel. */
#define LENT_MOST TW_LINES_MOST(TW_TALK_LENT_MAX, TW_CHANNEL_ORDERED)

static struct rig rig;
static struct rig_client clients[2];
static uint32_t epoch; /* of the first one's session */

static struct tw_talk *talk(void)
{
    return &rig.worker[0]->talk;
}

static const struct tw_transport *transport(void)
{
    return &talk()->transports[tw_connection_slot(clients[0].id)];
}

static void start(void)
{
    rig_make(&rig, 1);
    rig.config.engine.sessions_max = SESSIONS;
    rig_start(&rig);
    rig_client_make_live(&rig, &clients[0], 5000);
    epoch = rig_join_epoch(&rig);
    rig_client_make_live(&rig, &clients[1], 5001);
    (void)rig_join_epoch(&rig);
    for (int i = 0; i < 5; i++)
        rig_turn(&rig, 10 * RIG_MS);
    rig_client_receive(&rig, clients, 2);
    assert_int_equal(talk()->busy_count, 0);
}

static void say_by(struct rig_client *client, uint16_t number)
{
    struct tw_entry entry = {.channel = TW_CHANNEL_ORDERED,
                             .kind = TW_ENTRY_WHOLE,
                             .number = number,
                             .size = 20,
                             .length = 20};
    rig_client_send_entry(&rig, client, &entry, 7);
}

static void say(uint16_t number)
{
    say_by(&clients[0], number);
}

/* As many messages as the shard was lent; it gives them back. */
static uint32_t pass_on(void)
{
    struct tw_record record;
    uint32_t count = 0;
    while (rig_record(&rig, 0, &record)) {
        if (record.type != TW_RECORD_MESSAGE)
            continue;
        assert_int_equal(rte_ring_sp_enqueue_elem(rig.worker_config[0].shard_rings[0].returned,
                                                  &record.message.message, sizeof(void *)),
                         0);
        count++;
    }
    return count;
}

static void turns(uint32_t count)
{
    for (uint32_t i = 0; i < count; i++)
        rig_turn(&rig, RIG_MS);
}

static void snapshot(void)
{
    struct tw_out_buffer buffer;
    const struct tw_worker_shard_rings *rings = &rig.worker_config[0].shard_rings[0];
    assert_int_equal(rte_ring_sc_dequeue_elem(rings->empty, &buffer, sizeof(buffer)), 0);
    memset(buffer.bytes, 0, 40);
    buffer.bytes[0] = TW_FRAME_SNAPSHOT;
    tw_store_u16(buffer.bytes + 1, 40 - TW_FRAME_HEADER_SIZE);
    buffer.slot = tw_connection_slot(clients[0].id);
    buffer.route_epoch = epoch;
    buffer.length = 40;
    buffer.kind = TW_OUT_SNAPSHOT;
    assert_int_equal(rte_ring_sp_enqueue_elem(rings->full, &buffer, sizeof(buffer)), 0);
}

static void expect_told(void)
{
    rig_client_receive(&rig, clients, 2);
    assert_true(clients[0].frames.has_ack);
    assert_int_equal(clients[0].frames.ack.largest, clients[0].sequence - 1u);
}

static void stop(void)
{
    turns(2);
    assert_int_equal(talk()->busy_count, 0);
    assert_int_equal(talk()->fresh_count, 0);
    assert_int_equal(tw_lines_taken(talk()->lent), 0);
    assert_int_equal(talk()->channels.free_count, talk()->channels.capacity);
    assert_int_equal(talk()->pool.free_count, talk()->pool.capacity);
    rig_stop(&rig);
}

static void said_alone_it_is_acknowledged_by_one_packet(void **state)
{
    (void)state;
    start();
    uint64_t sent = rig_send(&rig, TW_SEND_SENT);
    for (uint16_t number = 0; number < 3; number++) {
        say(number);
        turns(1);
        assert_int_equal(pass_on(), 1);
        /* Its channels are others' as soon as it is the shard's. */
        assert_null(transport()->channels);
        assert_int_equal(talk()->channels.free_count, talk()->channels.capacity);
        turns(9);
        assert_int_equal(rig_send(&rig, TW_SEND_SENT), sent);
        turns(1); /* 10 ms after it came */
        assert_int_equal(rig_send(&rig, TW_SEND_SENT), ++sent);
        expect_told();
        assert_int_equal(talk()->busy_count, 0);
        turns(30);
        assert_int_equal(rig_send(&rig, TW_SEND_SENT), sent);
    }
    stop();
}

static void a_snapshot_takes_the_acknowledgement_along(void **state)
{
    (void)state;
    start();
    uint64_t sent = rig_send(&rig, TW_SEND_SENT);
    say(0);
    turns(1);
    assert_int_equal(pass_on(), 1);
    turns(7);
    snapshot();
    turns(1);
    expect_told();
    assert_true(clients[0].frames.has_snapshot);
    turns(30);
    assert_int_equal(rig_send(&rig, TW_SEND_SENT), sent + 1u);
    stop();
}

static void the_eighth_is_acknowledged_at_once(void **state)
{
    (void)state;
    start();
    uint64_t sent = rig_send(&rig, TW_SEND_SENT);
    for (uint16_t number = 0; number < 7; number++)
        say(number);
    turns(1);
    assert_int_equal(pass_on(), 7);
    assert_int_equal(rig_send(&rig, TW_SEND_SENT), sent);
    say(7);
    turns(1);
    assert_int_equal(pass_on(), 1);
    assert_int_equal(rig_send(&rig, TW_SEND_SENT), sent + 1u);
    expect_told();
    turns(30);
    assert_int_equal(rig_send(&rig, TW_SEND_SENT), sent + 1u);
    stop();
}

/* Thousands who wait for something hold up nobody who says something now. */
static void news_is_passed_on_in_its_turn(void **state)
{
    (void)state;
    uint32_t own = 0, others = 0;
    start();
    own = tw_connection_slot(clients[0].id);
    for (uint32_t slot = 0; slot < SESSIONS; slot++) {
        if (slot == own)
            continue;
        talk()->busy[others++] = (struct tw_talk_busy){.due_us = UINT64_MAX, .slot = slot};
        talk()->sessions[slot].listed_at = others;
    }
    talk()->busy_count = others;
    for (uint16_t number = 0; number < 10; number++) {
        say(number);
        turns(1);
        assert_int_equal(pass_on(), 1);
        /* Within 10 ms, and the turns in which all are asked once. */
        turns(10u + SESSIONS / 1024u);
        expect_told();
    }
    /* They are nobody's: looked at once, they leave the list. */
    for (uint32_t i = 0; i < others; i++)
        talk()->busy[i].due_us = 0;
    turns(SESSIONS / 256u + 1u);
    stop();
}

/* What the shard takes no more of waits where it is, acknowledged all the same, and goes on by
 * itself. */
static void what_finds_no_room_at_the_shard_waits(void **state)
{
    (void)state;
    start();
    talk()->lent[TW_CHANNEL_ORDERED] = LENT_MOST;
    say(0);
    turns(1);
    assert_int_equal(pass_on(), 0);
    assert_non_null(transport()->channels);
    assert_int_equal(transport()->channels->receiver.ready[TW_CHANNEL_ORDERED].list.count, 1);
    turns(10);
    expect_told();
    turns(30);
    assert_int_equal(pass_on(), 0);
    talk()->lent[TW_CHANNEL_ORDERED] = 0;
    turns(20); /* the worker tries again when the session's budget has one more */
    assert_int_equal(pass_on(), 1);
    assert_null(transport()->channels);
    stop();
}

/* Room that comes back is theirs who waited for it, before those who say something then. */
static void who_waits_has_its_turn_first(void **state)
{
    (void)state;
    struct tw_record record;
    struct tw_message *lent;
    start();
    say(0);
    turns(1);
    assert_true(rig_record(&rig, 0, &record));
    lent = record.message.message;
    talk()->lent[TW_CHANNEL_ORDERED] = LENT_MOST; /* that one, and as if others' were the rest */
    say(1);
    turns(4);
    assert_int_equal(pass_on(), 0);
    assert_int_equal(rte_ring_sp_enqueue_elem(rig.worker_config[0].shard_rings[0].returned, &lent,
                                              sizeof(void *)),
                     0);
    say_by(&clients[1], 0);
    rig_turn(&rig, 20 * RIG_MS);
    assert_true(rig_record(&rig, 0, &record));
    assert_int_equal(record.type, TW_RECORD_MESSAGE);
    assert_int_equal(record.slot, tw_connection_slot(clients[0].id));
    assert_int_equal(record.message.message->number, 1);
    assert_int_equal(pass_on(), 0);
    talk()->lent[TW_CHANNEL_ORDERED] = 1;
    lent = record.message.message;
    assert_int_equal(rte_ring_sp_enqueue_elem(rig.worker_config[0].shard_rings[0].returned, &lent,
                                              sizeof(void *)),
                     0);
    turns(20);
    assert_int_equal(pass_on(), 1);
    turns(20);
    stop();
}

/* A slot's next session finds the place in the list that the one before it left. */
static void a_slot_is_listed_once(void **state)
{
    (void)state;
    start();
    uint32_t slot = tw_connection_slot(clients[0].id);
    say(0);
    turns(1);
    assert_int_equal(pass_on(), 1);
    assert_int_equal(talk()->busy_count, 1);
    tw_talk_end(rig.worker[0], slot);
    tw_talk_begin(rig.worker[0], slot);
    assert_int_equal(talk()->busy_count, 1);
    assert_int_equal(talk()->sessions[slot].listed_at, 1);
    turns(30);
    assert_int_equal(talk()->busy_count, 0);
    stop();
}

int main(int argc, char **argv)
{
    (void)argc;
    if (!rig_init_eal(argv[0]))
        return 1;
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(said_alone_it_is_acknowledged_by_one_packet),
        cmocka_unit_test(a_snapshot_takes_the_acknowledgement_along),
        cmocka_unit_test(the_eighth_is_acknowledged_at_once),
        cmocka_unit_test(news_is_passed_on_in_its_turn),
        cmocka_unit_test(what_finds_no_room_at_the_shard_waits),
        cmocka_unit_test(who_waits_has_its_turn_first),
        cmocka_unit_test(a_slot_is_listed_once),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
