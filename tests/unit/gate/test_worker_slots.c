/* SPDX-License-Identifier: BSD-3-Clause */
/* A slot is taken from a session that has ended: what was still under way for it, and what others
 * still had to hear of it. */
#include "tests/unit/gate/worker_rig.h"

#include "dataplane/gate/worker_state.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

static struct rig rig;
static struct rig_client client;

/* The table has room for one. */
static void start(uint32_t workers)
{
    rig_start(&rig);
    rig_client_make(&rig, &client, TEST_CLIENT_ADDRESS, 6000);
    rig_client_join(&rig, &client);
    rig_client_send_ping(&rig, &client, 1);
    for (uint32_t i = 0; i < workers; i++)
        rig_turn(&rig, RIG_MS);
    rig_client_receive(&rig, &client, 1);
    assert_int_equal(client.pongs, 1);
    assert_int_equal(tw_connection_worker(client.id), 0);
}

static void make(uint32_t workers)
{
    rig_make(&rig, workers);
    rig.config.engine.sessions_max = 1;
}

static uint32_t count_of(uint32_t worker, enum tw_session_state state)
{
    return rig.worker[worker]->sessions.counts[state];
}

/* The client says good-bye, and with `asks` wants its resume token in the same packet. */
static void say_goodbye(bool asks)
{
    uint8_t plaintext[64];
    struct tw_writer writer = tw_writer_make(plaintext, sizeof(plaintext));
    if (asks)
        tw_frame_write_resume_wanted(&writer);
    tw_frame_write_close(&writer, TW_CLOSE_BY_CLIENT);
    rig_client_send_frames(&rig, &client, plaintext, (size_t)(writer.next - plaintext));
}

/* The next session in the slot of one that has ended; false: it is not to be had. */
static bool take_slot(void)
{
    struct tw_worker *worker = rig.worker[0];
    uint32_t slot = tw_owed_take_slot(worker);
    if (slot == TW_SESSION_NONE)
        return false;
    tw_sessions_release(&worker->sessions, slot);
    return true;
}

/* Up to where another worker has a slot for the session, and the shard has not answered yet. */
static void be_granted(void)
{
    client.queue = 1;
    for (uint32_t i = 0; i < TW_MOVE_AFTER + 6u; i++) {
        rig_client_send_ping(&rig, &client, i);
        rig_turn(&rig, RIG_MS);
    }
    assert_int_equal(rig.worker[0]->moves_granted_count, 1);
    assert_int_equal(count_of(1, TW_SESSION_RESERVED), 1);
}

/* In one turn a session that may be given away ends and another gets its slot, and may be live
 * before that turn ends: the worker that has a slot for the first one hears that it does not come.
 */
static void of_a_session_that_may_go(void **state)
{
    (void)state;
    static struct tw_resume_request request;
    request.reply.suite = TW_SUITE_CHACHA20_POLY1305;
    request.source = tw_address_from_ipv4(TEST_CLIENT_ADDRESS, 6001);
    for (uint32_t lives = 0; lives < 2; lives++) {
        make(2);
        rig.holds_by_hand = true;
        start(2);
        be_granted();
        client.queue = 0;
        say_goodbye(false);
        struct tw_worker *worker = rig.worker[0];
        /* The other worker writes after this one has looked at its ring for the first time. */
        worker->now_ns += RIG_MS;
        tw_move_take_turn(worker);
        assert_true(tw_move_resume(rig.worker[1], 0, &request));
        tw_inward_turn(worker);
        assert_int_equal(count_of(0, TW_SESSION_PENDING), 1);
        if (lives)
            tw_route_make_live(worker, 0);
        tw_move_give_turn(worker);
        assert_int_equal(rig_roaming(&rig, TW_ROAMING_CANCELLED), 1);
        assert_int_equal(worker->moves_granted_count, 0);
        assert_int_equal(worker->moves_asked[1], 0);
        rig_turn(&rig, RIG_MS);
        assert_int_equal(count_of(1, TW_SESSION_RESERVED), 0);
        for (uint32_t i = 0; i < 600; i++)
            rig_turn(&rig, 10 * RIG_MS);
        assert_int_equal(count_of(0, TW_SESSION_PENDING), 0);
        assert_int_equal(count_of(0, TW_SESSION_LIVE), lives);
        rig_stop(&rig);
    }
}

/* The shard's ring is full of what came before: the slot waits for its LEAVE. */
static void not_before_the_shard_was_told(void **state)
{
    (void)state;
    struct tw_record record;
    make(1);
    rig.records_depth = 2; /* one record: the join */
    start(1);
    say_goodbye(false);
    rig_turn(&rig, RIG_MS);
    assert_int_equal(count_of(0, TW_SESSION_CLOSING), 1);
    assert_false(take_slot());
    assert_true(rig_record(&rig, 0, &record));
    assert_int_equal(record.type, TW_RECORD_JOIN);
    assert_false(take_slot());
    rig_turn(&rig, RIG_MS);
    assert_true(rig_record(&rig, 0, &record));
    assert_int_equal(record.type, TW_RECORD_LEAVE);
    assert_int_equal(count_of(0, TW_SESSION_CLOSING), 1);
    assert_true(take_slot());
    rig_stop(&rig);
}

/* The same for the main thread, and its word that the session is closed. */
static void not_before_the_main_thread_was_told(void **state)
{
    (void)state;
    make(1);
    rig.events_depth = 2; /* one event */
    start(1);
    struct tw_worker_command query = {
        .type = TW_COMMAND_QUERY, .query = 1, .connection_id = client.id};
    rig_command(&rig, 0, &query);
    say_goodbye(false);
    tw_worker_turn(rig.worker[0], rig.now_ns);
    assert_int_equal(count_of(0, TW_SESSION_CLOSING), 1);
    assert_false(take_slot());
    rig_take_events(&rig, 0);
    assert_int_equal(rig_events(&rig, TW_EVENT_CLOSED, NULL), 0);
    rig_turn(&rig, RIG_MS);
    assert_int_equal(rig_events(&rig, TW_EVENT_CLOSED, NULL), 1);
    assert_int_equal(count_of(0, TW_SESSION_CLOSING), 1);
    assert_true(take_slot());
    rig_stop(&rig);
}

/* What was written for it waits to be sealed together with others': with its own key, which goes
 * with the slot. */
static void not_before_its_packets_are_sealed(void **state)
{
    (void)state;
    make(1);
    start(1);
    say_goodbye(true);
    rig.worker[0]->now_ns += RIG_MS;
    tw_inward_turn(rig.worker[0]);
    assert_int_equal(rig.worker[0]->seal.count, 1);
    assert_int_equal(count_of(0, TW_SESSION_CLOSING), 1);
    assert_true(take_slot());
    rig_turn(&rig, RIG_MS);
    rig_client_receive(&rig, &client, 1); /* and opens it */
    assert_true(client.frames.has_resume);
    rig_stop(&rig);
}

/* Whoever goes on sending is answered in the very turn in which the slot is given up. */
static void the_last_answer_is_sealed_as_well(void **state)
{
    (void)state;
    make(1);
    start(1);
    const struct tw_session *session = &rig.worker[0]->sessions.hot[0];
    struct tw_worker_command kick = {
        .type = TW_COMMAND_KICK, .reason = TW_CLOSE_KICKED, .connection_id = client.id};
    rig_command(&rig, 0, &kick);
    for (uint32_t i = 0; i < 30; i++)
        rig_turn(&rig, RIG_MS);
    assert_int_equal(session->closes_left, TW_SESSION_ANSWERS);
    uint64_t end_ns = session->timer_ns;
    while (rig.now_ns + 100 * RIG_MS < end_ns) {
        rig_client_send_ping(&rig, &client, 2);
        rig_turn(&rig, 60 * RIG_MS);
        rig_client_receive(&rig, &client, 1);
    }
    uint32_t closes = client.closes;
    assert_int_equal(count_of(0, TW_SESSION_CLOSING), 1);
    rig_client_send_ping(&rig, &client, 3);
    rig_turn(&rig, end_ns - rig.now_ns);
    assert_int_equal(count_of(0, TW_SESSION_FREE), 1);
    rig_client_receive(&rig, &client, 1);
    assert_int_equal(client.closes, closes + 1);
    rig_stop(&rig);
}

/* Two sessions of one slot ping in one turn: there is room for as many as there are slots. */
static void pings_of_two_in_one_turn(void **state)
{
    (void)state;
    make(1);
    start(1);
    struct tw_worker *worker = rig.worker[0];
    rig_client_send_ping(&rig, &client, 2);
    say_goodbye(false);
    worker->now_ns += RIG_MS;
    tw_inward_turn(worker);
    assert_int_equal(worker->pong_count, 1);
    uint32_t slot = tw_owed_take_slot(worker);
    assert_int_equal(slot, 0);
    worker->sessions.hot[slot].handshake = TW_PENDING_NONE;
    tw_route_make_live(worker, slot);
    tw_outward_owe_pong(worker, slot);
    assert_int_equal(worker->pong_count, 1);
    assert_int_equal(worker->sessions.hot[slot].due & TW_DUE_PONG, 0);
    tw_owed_close(worker, slot, TW_CLOSE_BY_CLIENT, false);
    rig_turn(&rig, RIG_MS);
    assert_int_equal(worker->pong_count, 0);
    rig_stop(&rig);
}

int main(int argc, char **argv)
{
    (void)argc;
    if (!rig_init_eal(argv[0]))
        return 1;
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(of_a_session_that_may_go),
        cmocka_unit_test(not_before_the_shard_was_told),
        cmocka_unit_test(not_before_the_main_thread_was_told),
        cmocka_unit_test(not_before_its_packets_are_sealed),
        cmocka_unit_test(the_last_answer_is_sealed_as_well),
        cmocka_unit_test(pings_of_two_in_one_turn),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
