/* SPDX-License-Identifier: BSD-3-Clause */
/* Silent sessions for which more waits than may: they lapse and stay, to the end of any that is
 * silent; what they hold is free, what comes for them is dropped and counted, and their clients
 * are told when they are heard. Times of the rig: 1, 3, 6 and 10 s, or longer ones. */
#include "tests/unit/gate/worker_rig.h"

#include "dataplane/gate/worker_state.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>
#include <rte_ring_elem.h>

#define MESSAGE 900u /* a block each */

static struct rig rig;
static struct rig_client client;
/* Where the shard writes. */
static struct {
    uint32_t worker, slot, epoch, given;
} shard;

static struct tw_worker_counters *counters(uint32_t worker)
{
    return rig.counters[worker];
}

static uint64_t life(uint32_t worker, enum tw_life_event event)
{
    return tw_counter_get(&counters(worker)->life[event]);
}

static void pass(uint32_t ms)
{
    for (uint32_t i = 0; i < ms / 10u; i++)
        rig_turn(&rig, 10 * RIG_MS);
}

static void give(void)
{
    uint8_t bytes[MESSAGE];
    memset(bytes, (int)shard.given++, sizeof(bytes));
    const struct rig_part part = {.worker = shard.worker,
                                  .slot = shard.slot,
                                  .epoch = shard.epoch,
                                  .channel = TW_CHANNEL_ORDERED,
                                  .size = MESSAGE,
                                  .bytes = bytes,
                                  .length = MESSAGE};
    assert_true(rig_shard_gives(&rig, &part));
}

/* More than may wait for it, and ten that wait in front of it. */
static uint32_t fill(void)
{
    struct tw_talk *talk = &rig.worker[0]->talk;
    uint32_t first = shard.given;
    talk->pool.ample = UINT32_MAX; /* what is left for all is somebody else's */
    for (uint32_t i = 0; i < rig.config.limits.message_backlog_kb + 10u; i++) {
        give();
        if (i % 16u == 15u)
            rig_turn(&rig, RIG_MS);
    }
    rig_turn(&rig, RIG_MS);
    assert_int_equal(talk->delivery.count, 10);
    return shard.given - first;
}

static void start(uint32_t workers, uint32_t pause_ms)
{
    rig_make(&rig, workers);
    rig.config.limits.message_backlog_kb = 96;
    rig.config.life.pause_ms = pause_ms;
    rig.config.life.park_ms = pause_ms + 6000u;
    rig.config.life.grace_ms = pause_ms + 12000u;
    rig.holds_by_hand = true;
    rig_start(&rig);
    rig_client_make_live(&rig, &client, 5000);
    memset(&shard, 0, sizeof(shard));
    shard.epoch = rig_join_epoch(&rig);
    shard.slot = tw_connection_slot(client.id);
}

static const struct tw_session *session(void)
{
    return &rig.worker[shard.worker]->sessions.hot[shard.slot];
}

static void expect_presence(uint32_t worker, enum tw_presence presence)
{
    struct tw_record record;
    assert_true(rig_record(&rig, worker, &record));
    assert_int_equal(record.type, TW_RECORD_PRESENCE);
    assert_int_equal(record.presence.presence, presence);
}

static void expect_no_record(uint32_t worker)
{
    struct tw_record record;
    assert_false(rig_record(&rig, worker, &record));
}

/* Silent for 4 s, and lapsed. */
static void start_lapsed(void)
{
    start(1, 3000);
    pass(4000);
    expect_presence(0, TW_AWAY);
    tw_life_give_up(rig.worker[0], shard.slot, TW_CLOSE_BACKLOG);
}

static void expect_told(uint16_t reason)
{
    uint32_t closes = client.closes;
    rig_client_send_ping(&rig, &client, 1);
    rig_turn(&rig, RIG_MS);
    rig_client_receive(&rig, &client, 1);
    assert_int_equal(client.closes, closes + 1u);
    assert_int_equal(client.frames.close_reason, reason);
}

/* ---- what it holds --------------------------------------------------------------------------- */

/* Paused by then, or, where that takes longer, no more than silent. */
static void too_much_waits(void **state)
{
    (void)state;
    static const uint32_t pauses_ms[] = {3000, 15000};
    for (uint32_t i = 0; i < 2; i++) {
        start(1, pauses_ms[i]);
        const struct tw_talk *talk = &rig.worker[0]->talk;
        const struct rte_ring *buffers = rig.worker_config[0].shard_rings[0].message_buffers;
        pass(1700);
        uint32_t given = fill();
        pass(4500);
        assert_int_equal(life(0, TW_LIFE_EVENT_LAPSED), 0); /* an outage of so long is none's end */
        pass(800);
        assert_int_equal(life(0, TW_LIFE_EVENT_LAPSED), 1);
        assert_int_equal(tw_counter_get(&counters(0)->messages_backlog), 1);
        assert_int_equal(rig_events(&rig, TW_EVENT_CLOSED, NULL), 0);
        assert_int_equal(session()->state, TW_SESSION_LIVE);
        /* All is free at once, and nobody waits any more. */
        assert_int_equal(talk->pool.free_count, talk->pool.capacity);
        assert_int_equal(talk->channels.free_count, talk->channels.capacity);
        assert_int_equal(rte_ring_count(buffers), TW_OUT_MESSAGE_BUFFERS);
        assert_int_equal(tw_counter_get(&counters(0)->messages_missed), given);
        uint64_t queued = tw_counter_get(&counters(0)->messages_out);
        give();
        give();
        rig_turn(&rig, RIG_MS);
        assert_int_equal(tw_counter_get(&counters(0)->messages_missed), given + 2u);
        assert_int_equal(tw_counter_get(&counters(0)->messages_out), queued);
        assert_int_equal(talk->pool.free_count, talk->pool.capacity);
        /* Not dear to anybody who speaks. */
        assert_int_equal(tw_dearness_now(&rig.worker[0]->talk.dearness, rig.now_ns / 1000u), 1);
        if (i == 0)
            expect_presence(0, TW_AWAY);
        expect_no_record(0);
        rig_stop(&rig);
    }
}

/* The same of one who plays on: it is closed. */
static void who_is_heard_is_closed(void **state)
{
    (void)state;
    start(1, 3000);
    (void)fill();
    for (uint32_t i = 0; i < 700 && client.closes == 0; i++) {
        rig_client_send_ping(&rig, &client, i);
        rig_turn(&rig, 10 * RIG_MS);
        rig_client_receive(&rig, &client, 1);
    }
    assert_int_equal(client.frames.close_reason, TW_CLOSE_BACKLOG);
    assert_int_equal(rig_events(&rig, TW_EVENT_CLOSED, NULL), 1);
    assert_int_equal(life(0, TW_LIFE_EVENT_LAPSED), 0);
    assert_int_equal(tw_counter_get(&counters(0)->messages_missed), 0);
    rig_stop(&rig);
}

/* ---- its steps ------------------------------------------------------------------------------- */

static void goes_through_all_steps(void **state)
{
    (void)state;
    start_lapsed();
    pass(4000);
    expect_no_record(0);
    pass(2000);
    expect_presence(0, TW_PARKED);
    pass(4500);
    assert_int_equal(rig_events(&rig, TW_EVENT_CLOSED, NULL), 0);
    pass(1500);
    struct tw_worker_event event;
    assert_int_equal(rig_events(&rig, TW_EVENT_CLOSED, &event), 1);
    assert_int_equal(event.session.reason, TW_CLOSE_TIMEOUT);
    rig_stop(&rig);
}

/* Told each time, but not more than twenty times a second; nothing that it sends is done, and its
 * steps go on. */
static void its_client_is_told(void **state)
{
    (void)state;
    start_lapsed();
    uint64_t heard_ns = session()->heard_ns;
    expect_told(TW_CLOSE_BACKLOG);
    uint32_t tick = (uint32_t)((rig.now_ns - rig.epoch_ns) / 1000 * 60 / 1000000);
    for (uint32_t i = 0; i < 40; i++) {
        rig_client_send_inputs(&rig, &client, tick, 1);
        rig_turn(&rig, RIG_MS);
    }
    rig_client_receive(&rig, &client, 1);
    assert_int_equal(client.closes, 1);
    pass(20);
    expect_told(TW_CLOSE_BACKLOG);
    assert_int_equal(life(0, TW_LIFE_EVENT_LAPSED_TOLD), 2);
    assert_int_equal(life(0, TW_LIFE_EVENT_RETURNED), 0);
    assert_int_equal(rig_outcome(&rig, TW_OUTCOME_SESSION_CLOSING), 42);
    assert_int_equal(session()->heard_ns, heard_ns);
    expect_no_record(0);
    for (uint32_t i = 0; i < 60; i++) {
        rig_client_send_ping(&rig, &client, i);
        pass(100);
    }
    expect_presence(0, TW_PARKED);
    expect_no_record(0);
    assert_int_equal(client.pongs, 1);
    assert_int_equal(rig_events(&rig, TW_EVENT_CLOSED, NULL), 0);
    rig_stop(&rig);
}

/* It is found where it is now, as ever, and told there. */
static void told_at_another_address(void **state)
{
    (void)state;
    start_lapsed();
    client.port = 5001;
    rig_client_send_ping(&rig, &client, 5);
    rig_turn(&rig, RIG_MS);
    rig_client_receive(&rig, &client, 1);
    assert_int_equal(client.closes, 0);
    assert_int_equal(client.challenges, 1);
    uint8_t plaintext[16];
    struct tw_writer writer = tw_writer_make(plaintext, sizeof(plaintext));
    tw_frame_write_response(&writer, client.challenge);
    rig_client_send_frames(&rig, &client, plaintext, (size_t)(writer.next - plaintext));
    rig_turn(&rig, RIG_MS);
    assert_int_equal(rig_roaming(&rig, TW_ROAMING_VALIDATED), 1);
    expect_told(TW_CLOSE_BACKLOG);
    expect_no_record(0);
    rig_stop(&rig);
}

/* What ends any session ends this one: its client's own close, and the control plane. */
static void ends_like_any(void **state)
{
    (void)state;
    for (uint32_t i = 0; i < 2; i++) {
        struct tw_worker_event event;
        struct tw_record record;
        start_lapsed();
        uint8_t plaintext[16];
        struct tw_writer writer = tw_writer_make(plaintext, sizeof(plaintext));
        tw_frame_write_close(&writer, TW_CLOSE_BY_CLIENT);
        struct tw_worker_command kick = {
            .type = TW_COMMAND_KICK, .reason = TW_CLOSE_REPLACED, .connection_id = client.id};
        if (i == 0)
            rig_client_send_frames(&rig, &client, plaintext, (size_t)(writer.next - plaintext));
        else
            rig_command(&rig, 0, &kick);
        rig_turn(&rig, RIG_MS);
        assert_int_equal(rig_events(&rig, TW_EVENT_CLOSED, &event), 1);
        assert_int_equal(event.session.reason, i == 0 ? TW_CLOSE_BY_CLIENT : TW_CLOSE_REPLACED);
        assert_true(rig_record(&rig, 0, &record));
        assert_int_equal(record.type, TW_RECORD_LEAVE);
        pass(4000);
        assert_int_equal(rig.worker[0]->sessions.counts[TW_SESSION_FREE], 64);
        rig_stop(&rig);
    }
}

/* ---- on its way to another worker ------------------------------------------------------------ */

/* The shard is asked to hold it, and does not answer for so long. */
static void held_for(uint32_t ms, bool lapses)
{
    struct tw_record record;
    start(2, 3000);
    client.queue = 1;
    for (uint32_t i = 0; i < TW_MOVE_AFTER + 6u; i++) {
        rig_client_send_ping(&rig, &client, 1);
        rig_turn(&rig, RIG_MS);
        rig_client_receive(&rig, &client, 1);
    }
    assert_true(rig_record(&rig, 0, &record));
    assert_int_equal(record.type, TW_RECORD_HOLD);
    pass(ms);
    if (lapses)
        tw_life_give_up(rig.worker[0], shard.slot, TW_CLOSE_BACKLOG);
    expect_presence(0, TW_AWAY);
    rig_held(&rig, 0, &record);
    rig_turn(&rig, RIG_MS);
    rig_turn(&rig, RIG_MS);
    assert_int_equal(rig_roaming(&rig, TW_ROAMING_TAKEN), 1);
    assert_true(rig_record(&rig, 0, &record));
    assert_int_equal(record.type, TW_RECORD_MOVE);
    shard.worker = record.move.worker;
    shard.slot = record.move.slot;
    shard.epoch = record.move.route_epoch;
    assert_int_equal(shard.worker, 1);
    assert_true(rig_record(&rig, 1, &record));
    assert_int_equal(record.type, TW_RECORD_ARRIVE);
}

/* What its silence had come to goes along: the shard hears that it is back. */
static void silence_goes_along(void **state)
{
    (void)state;
    held_for(4000, false);
    assert_int_equal(rig.worker[1]->lives.counts[TW_LIFE_RECONNECTING], 1);
    rig_client_send_ping(&rig, &client, 1);
    rig_turn(&rig, RIG_MS);
    rig_turn(&rig, RIG_MS);
    expect_presence(1, TW_PRESENT);
    assert_int_equal(life(1, TW_LIFE_EVENT_RETURNED), 1);
    rig_client_receive(&rig, &client, 1);
    rig_stop(&rig);
}

static void goes_along_lapsed(void **state)
{
    (void)state;
    held_for(4000, true);
    give();
    rig_turn(&rig, RIG_MS);
    assert_int_equal(tw_counter_get(&counters(1)->messages_missed), 1);
    rig_client_receive(&rig, &client, 1);
    rig_client_send_ping(&rig, &client, 1);
    rig_turn(&rig, RIG_MS);
    rig_turn(&rig, RIG_MS);
    rig_client_receive(&rig, &client, 1);
    assert_int_equal(client.closes, 1);
    assert_int_equal(client.frames.close_reason, TW_CLOSE_BACKLOG);
    assert_int_equal(life(1, TW_LIFE_EVENT_RETURNED), 0);
    expect_no_record(1);
    pass(5500);
    expect_presence(1, TW_PARKED);
    pass(6000);
    struct tw_worker_event event;
    assert_int_equal(rig_events(&rig, TW_EVENT_CLOSED, &event), 1);
    assert_int_equal(event.session.reason, TW_CLOSE_TIMEOUT);
    rig_stop(&rig);
}

int main(int argc, char **argv)
{
    (void)argc;
    if (!rig_init_eal(argv[0]))
        return 1;
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(too_much_waits),          cmocka_unit_test(who_is_heard_is_closed),
        cmocka_unit_test(goes_through_all_steps),  cmocka_unit_test(its_client_is_told),
        cmocka_unit_test(told_at_another_address), cmocka_unit_test(ends_like_any),
        cmocka_unit_test(silence_goes_along),      cmocka_unit_test(goes_along_lapsed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
