/* SPDX-License-Identifier: BSD-3-Clause */
/* What a worker tells of a session's conduct, and what it does with what is told of its player's.
 */
#include "tests/unit/gate/worker_rig.h"

#include "dataplane/gate/worker_state.h"
#include "tickwire/conduct.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

static struct rig rig;
static struct rig_client client;

/* It has its welcome, and has sent nothing yet. */
static void start_pending(void)
{
    rig_make(&rig, 1);
    rig_start(&rig);
    rig_client_make(&rig, &client, TEST_CLIENT_ADDRESS, 5000);
    rig_client_join(&rig, &client);
}

static void start(void)
{
    start_pending();
    rig_client_send_ping(&rig, &client, 1);
    rig_turn(&rig, RIG_MS);
    rig_client_receive(&rig, &client, 1);
}

static void send_ahead(uint32_t times)
{
    for (uint32_t i = 0; i < times; i++)
        rig_client_send_inputs(&rig, &client, 1000000, 1); /* 2 points */
    rig_turn(&rig, RIG_MS);
    rig_client_receive(&rig, &client, 1);
}

static uint64_t charged(enum tw_conduct_event event)
{
    return tw_counter_get(&rig.counters[0]->conduct[event]);
}

static void tell(const struct tw_agent_session_conduct *conduct)
{
    struct tw_worker_command command = {
        .type = TW_COMMAND_CONDUCT, .connection_id = client.id, .conduct = *conduct};
    rig_command(&rig, 0, &command);
    rig_turn(&rig, RIG_MS);
    rig_client_receive(&rig, &client, 1);
}

/* A change of stage at once; the end with the score that it was closed for. */
static void stages_and_the_end_are_told(void **state)
{
    (void)state;
    struct tw_worker_event event;
    start();
    uint32_t before = rig_events(&rig, TW_EVENT_LIFE, &event);
    send_ahead(20);
    assert_int_equal(rig_events(&rig, TW_EVENT_LIFE, &event), before);
    send_ahead(31);
    assert_int_equal(rig_events(&rig, TW_EVENT_LIFE, &event), before + 1);
    assert_int_equal(event.session.conduct_stage, TW_CONDUCT_WARNED_STAGE);
    assert_in_range(event.session.conduct_score, 100, 102);
    assert_int_equal(event.session.conduct_charge, TW_CONDUCT_INPUT_AHEAD);
    assert_true(event.session.told_ns == rig.now_ns);
    send_ahead(100);
    send_ahead(60);
    assert_int_equal(charged(TW_CONDUCT_DISCONNECTED), 1);
    assert_int_equal(rig_events(&rig, TW_EVENT_CLOSED, &event), 1);
    assert_int_equal(event.session.reason, TW_CLOSE_MISBEHAVED);
    assert_int_equal(event.session.conduct_stage, TW_CONDUCT_THROTTLED_STAGE);
    assert_in_range(event.session.conduct_score, 400, 402);
    rig_stop(&rig);
}

static void the_past_is_taken(void **state)
{
    (void)state;
    struct tw_worker_event event;
    start();
    tell(&(struct tw_agent_session_conduct){
        .score = 150, .stage = TW_CONDUCT_WARNED_STAGE, .charge = TW_CONDUCT_ACTIONS});
    assert_int_equal(client.frames.notice.stage, TW_CONDUCT_WARNED_STAGE);
    assert_int_equal(client.frames.notice.kind, TW_CONDUCT_ACTIONS);
    assert_int_equal(client.frames.notice.score, 150);
    assert_int_equal(charged(TW_CONDUCT_CARRIED), 1);
    assert_true(rig_events(&rig, TW_EVENT_LIFE, &event) > 0);
    assert_int_equal(event.session.conduct_stage, TW_CONDUCT_WARNED_STAGE);
    /* Half as much as a newcomer may do. */
    send_ahead(26);
    assert_int_equal(charged(TW_CONDUCT_THROTTLED), 1);
    /* One that it has obeyed, or of before it began, is none. */
    tell(&(struct tw_agent_session_conduct){.reset = 1});
    assert_int_equal(charged(TW_CONDUCT_RESET), 0);
    uint32_t reset = tw_conduct_reset_number(rig.now_ns);
    tell(&(struct tw_agent_session_conduct){.reset = reset});
    assert_int_equal(client.frames.notice.stage, TW_CONDUCT_GOOD);
    assert_int_equal(client.frames.notice.score, 0);
    assert_int_equal(charged(TW_CONDUCT_RESET), 1);
    (void)rig_events(&rig, TW_EVENT_LIFE, &event);
    assert_int_equal(event.session.conduct_stage, TW_CONDUCT_GOOD);
    assert_true(event.session.conduct_since == reset);
    tell(&(struct tw_agent_session_conduct){.reset = reset});
    assert_int_equal(charged(TW_CONDUCT_RESET), 1);
    rig_stop(&rig);
}

/* Of one that is pending still, of an earlier session in that slot, or of one that is closing. */
static void nobody_else_is_held_to_it(void **state)
{
    (void)state;
    start_pending();
    const struct tw_agent_session_conduct past = {.score = 399,
                                                  .stage = TW_CONDUCT_THROTTLED_STAGE};
    tell(&past);
    rig_client_send_ping(&rig, &client, 1);
    rig_turn(&rig, RIG_MS);
    rig_client_receive(&rig, &client, 1);
    uint32_t id = client.id;
    client.id = tw_connection_id(0, tw_connection_slot(id), tw_connection_generation(id) + 1u);
    tell(&past);
    client.id = id;
    struct tw_worker_command kick = {
        .type = TW_COMMAND_KICK, .connection_id = id, .reason = TW_CLOSE_KICKED};
    rig_command(&rig, 0, &kick);
    rig_turn(&rig, RIG_MS);
    tell(&past);
    assert_int_equal(charged(TW_CONDUCT_CARRIED), 0);
    rig_stop(&rig);
}

int main(int argc, char **argv)
{
    (void)argc;
    if (!rig_init_eal(argv[0]))
        return 1;
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(stages_and_the_end_are_told),
        cmocka_unit_test(the_past_is_taken),
        cmocka_unit_test(nobody_else_is_held_to_it),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
