/* SPDX-License-Identifier: BSD-3-Clause */
/* How the main loop begins, links the workers to a control plane, and loses it at any time. */
#include "tests/unit/engine/main_loop_rig.h"

/* ---- what it starts with -------------------------------------------------------------------- */

static void test_workers_learn_the_cookie_key_at_once_and_every_minute(void **state)
{
    (void)state;
    struct tw_worker_command first[RIG_WORKERS], second;
    rig_turn();
    for (uint32_t i = 0; i < RIG_WORKERS; i++) {
        first[i] = rig_expect_command(i, TW_COMMAND_COOKIE_KEY);
        rig_expect_no_command(i);
    }
    assert_memory_equal(first[0].cookie.key, first[1].cookie.key, TW_KEY_SIZE);
    rig.now_ns += 59 * TW_SECOND_NS;
    rig_turn();
    rig_expect_no_command(0);
    rig.now_ns += TW_SECOND_NS;
    rig_turn();
    for (uint32_t i = 0; i < RIG_WORKERS; i++) {
        second = rig_expect_command(i, TW_COMMAND_COOKIE_KEY);
        assert_int_equal(second.cookie.slot, first[i].cookie.slot + 1);
        assert_memory_not_equal(second.cookie.key, first[i].cookie.key, TW_KEY_SIZE);
    }
}

static void test_resync_is_whole_before_events_follow(void **state)
{
    (void)state;
    rig_connect_engine();
    union tw_agent_message message = rig_expect_message(TW_AGENT_ENGINE_HELLO);
    assert_int_equal(message.engine_hello.boot_id, 4711);
    assert_string_equal(message.engine_hello.name, rig.config.engine.name);
    for (uint32_t i = 0; i < RIG_WORKERS; i++)
        (void)rig_expect_command(i, TW_COMMAND_RESYNC);
    rig_tell_all_sessions(0, 3);
    rig_tell_session(0, TW_EVENT_CLOSED, 1);
    rig_turn();
    for (uint32_t i = 0; i < 3; i++)
        assert_int_equal(rig_take_message(&message), TW_AGENT_SESSION);
    assert_int_equal(rig_take_message(&message), 0); /* worker 1 has not answered yet */
    rig_accept_engine();
    rig_turn();
    /* The control plane answers no handshake before it knows who plays. */
    for (uint32_t i = 0; i < RIG_WORKERS; i++)
        rig_expect_no_command(i);
    rig_tell_all_sessions(1, 2);
    rig_turn();
    for (uint32_t i = 0; i < RIG_WORKERS; i++)
        assert_int_equal(rig_expect_command(i, TW_COMMAND_CONTROL_STATE).control.linked, 1);
    assert_int_equal(rig_take_message(&message), TW_AGENT_SESSION);
    assert_int_equal(rig_take_message(&message), TW_AGENT_SESSION);
    assert_int_equal(rig_take_message(&message), TW_AGENT_RESYNC_END);
    assert_int_equal(message.resync_end.sessions, 5);
    assert_int_equal(rig_take_message(&message), TW_AGENT_SESSION_CLOSED);
    assert_int_equal(message.session.connection_id, tw_connection_id(0, 1, 7));
    assert_int_equal(message.session.event, 1);
}

/* More sessions than the link's queue holds, to a control plane that reads late. */
static void test_no_session_is_left_out_of_a_long_resync(void **state)
{
    (void)state;
    rig_connect_engine();
    rig_accept_engine();
    uint32_t told[RIG_WORKERS] = {0}, seen = 0;
    union tw_agent_message message;
    for (uint32_t step = 0; step < 4000; step++) {
        for (uint32_t i = 0; i < RIG_WORKERS; i++)
            for (uint32_t n = 0; n < 64 && told[i] <= 1024; n++) {
                bool last = told[i] == 1024;
                struct tw_worker_event event = {
                    .found = 1, .session = {.connection_id = tw_connection_id(i, told[i], 7)}};
                if (!rig_tell(i, last ? TW_EVENT_RESYNC_END : TW_EVENT_SESSION, event))
                    break;
                told[i]++;
            }
        rig_turn();
        rig_drop_commands();
        if (step < 1000 || rig.peer < 0)
            continue;
        uint16_t type = rig_take_message(&message);
        seen += type == TW_AGENT_SESSION;
        if (type == TW_AGENT_RESYNC_END)
            break;
    }
    assert_int_equal(message.header.type, TW_AGENT_RESYNC_END);
    assert_int_equal(message.resync_end.sessions, RIG_WORKERS * 1024);
    assert_int_equal(seen, RIG_WORKERS * 1024);
}

/* ---- handshakes ----------------------------------------------------------------------------- */

static void test_reply_finds_the_worker_that_asked(void **state)
{
    (void)state;
    rig_link_up();
    for (uint32_t i = 0; i < RIG_WORKERS; i++) {
        struct tw_worker_event event = {.handshake = {.request = UINT64_C(0x123400000005)}};
        assert_true(rig_tell(i, TW_EVENT_HANDSHAKE, event));
    }
    rig_turn();
    union tw_agent_message asked[RIG_WORKERS];
    for (uint32_t i = 0; i < RIG_WORKERS; i++)
        asked[i] = rig_expect_message(TW_AGENT_HANDSHAKE_REQUEST);
    assert_int_not_equal(asked[0].handshake_request.request, asked[1].handshake_request.request);
    for (uint32_t i = RIG_WORKERS; i-- > 0;) {
        union tw_agent_message reply = {
            .handshake_reply = {.request = asked[i].handshake_request.request,
                                .verdict = TW_VERDICT_TOKEN_USED,
                                .account = 100 + i}};
        rig_say(&reply, TW_AGENT_HANDSHAKE_REPLY, sizeof(reply.handshake_reply));
    }
    rig_turn();
    for (uint32_t i = 0; i < RIG_WORKERS; i++) {
        struct tw_worker_command command = rig_expect_command(i, TW_COMMAND_HANDSHAKE_REPLY);
        assert_int_equal(command.reply.request, UINT64_C(0x123400000005));
        assert_int_equal(command.reply.account, 100 + i);
        rig_expect_no_command(i);
    }
    /* A worker that does not exist: nobody is told, and the link lives on. */
    union tw_agent_message odd = {
        .handshake_reply = {.request = UINT64_MAX, .verdict = TW_VERDICT_TOKEN_USED}};
    rig_say(&odd, TW_AGENT_HANDSHAKE_REPLY, sizeof(odd.handshake_reply));
    rig_turn();
    for (uint32_t i = 0; i < RIG_WORKERS; i++)
        rig_expect_no_command(i);
    assert_true(rig_tell(0, TW_EVENT_HANDSHAKE, (struct tw_worker_event){0}));
    rig_turn();
    (void)rig_expect_message(TW_AGENT_HANDSHAKE_REQUEST);
}

static void test_without_control_plane_handshakes_end_at_once(void **state)
{
    (void)state;
    rig_link_up();
    rig_kill_control();
    rig_turn();
    for (uint32_t i = 0; i < RIG_WORKERS; i++)
        assert_int_equal(rig_expect_command(i, TW_COMMAND_CONTROL_STATE).control.linked, 0);
    /* It was on its way when the news came. */
    struct tw_worker_event event = {.handshake = {.request = 9}};
    assert_true(rig_tell(1, TW_EVENT_HANDSHAKE, event));
    rig_turn();
    struct tw_worker_command command = rig_expect_command(1, TW_COMMAND_HANDSHAKE_REPLY);
    assert_int_equal(command.reply.verdict, TW_VERDICT_CONTROL_GONE);
    assert_int_equal(command.reply.request, 9);
    rig_link_up();
}

/* ---- the control plane dies at every point -------------------------------------------------- */

/* A reconnect while a worker still answers the resync of the link before: its END is not ours. */
static void test_end_of_an_old_resync_does_not_end_the_new_one(void **state)
{
    (void)state;
    rig_connect_engine();
    rig_turn();
    for (uint32_t i = 0; i < RIG_WORKERS; i++)
        (void)rig_expect_command(i, TW_COMMAND_RESYNC);
    rig_tell_session(0, TW_EVENT_SESSION, 0);
    rig_kill_control();
    rig_turn();
    rig_connect_engine();
    rig_accept_engine();
    rig_turn();
    rig_tell_session(0, TW_EVENT_SESSION, 1); /* still of the old one, as are both ENDs */
    for (uint32_t i = 0; i < RIG_WORKERS; i++)
        assert_true(rig_tell(i, TW_EVENT_RESYNC_END, (struct tw_worker_event){0}));
    rig_turn();
    rig_turn();
    union tw_agent_message message;
    assert_int_equal(rig_take_message(&message), TW_AGENT_ENGINE_HELLO);
    assert_int_equal(rig_take_message(&message), 0);
    for (uint32_t i = 0; i < RIG_WORKERS; i++) {
        (void)rig_expect_command(i, TW_COMMAND_RESYNC);
        rig_tell_all_sessions(i, 2);
    }
    rig_turn();
    for (uint32_t i = 0; i < RIG_WORKERS * 2; i++)
        assert_int_equal(rig_take_message(&message), TW_AGENT_SESSION);
    assert_int_equal(rig_take_message(&message), TW_AGENT_RESYNC_END);
    assert_int_equal(message.resync_end.sessions, RIG_WORKERS * 2);
}

/* Acts like a worker and a control plane for a while; returns the newest event number seen. */
static uint64_t live(uint32_t turns, bool answers, uint64_t newest)
{
    struct tw_worker_command command;
    union tw_agent_message message;
    for (uint32_t step = 0; step < turns; step++) {
        rig_tell_session(step % RIG_WORKERS, TW_EVENT_CONFIRMED, step);
        rig_turn();
        for (uint32_t i = 0; i < RIG_WORKERS; i++)
            while (rig_take_command(i, &command))
                if (command.type == TW_COMMAND_RESYNC)
                    rig_tell_all_sessions(i, 3);
        while (rig.peer >= 0 && rig_take_message(&message) != 0) {
            if (message.header.type == TW_AGENT_ENGINE_HELLO && answers)
                rig_accept_engine();
            if (message.header.type != TW_AGENT_SESSION_CONFIRMED)
                continue;
            /* In order, and none left out; sent again are those that nobody acknowledged. */
            assert_true(message.session.event <= newest + 1);
            if (message.session.event > newest)
                newest = message.session.event;
            if (step % 3 == 0)
                rig_acknowledge(message.session.event);
        }
    }
    return newest;
}

static void test_no_event_is_lost_when_the_control_plane_dies_at_any_time(void **state)
{
    (void)state;
    uint64_t told = 0, newest = 0;
    for (uint32_t round = 0; round < 40; round++) {
        rig_connect_engine();
        /* Dies before it answered the hello, in the middle of the resync, or later. */
        uint32_t turns = round % 10;
        newest = live(turns, round % 4 != 0, newest);
        told += turns;
        rig_kill_control();
        newest = live(2, false, newest);
        told += 2;
    }
    rig_connect_engine();
    newest = live(20, true, newest);
    told += 20;
    for (uint32_t i = 0; i < 5; i++)
        rig_turn();
    union tw_agent_message message;
    while (rig_take_message(&message) != 0)
        if (message.header.type == TW_AGENT_SESSION_CONFIRMED) {
            assert_int_equal(message.session.event, newest + 1);
            newest++;
        }
    assert_int_equal(newest, told);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        RIG_TEST(test_workers_learn_the_cookie_key_at_once_and_every_minute),
        RIG_TEST(test_resync_is_whole_before_events_follow),
        RIG_TEST(test_no_session_is_left_out_of_a_long_resync),
        RIG_TEST(test_reply_finds_the_worker_that_asked),
        RIG_TEST(test_without_control_plane_handshakes_end_at_once),
        RIG_TEST(test_end_of_an_old_resync_does_not_end_the_new_one),
        RIG_TEST(test_no_event_is_lost_when_the_control_plane_dies_at_any_time),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
