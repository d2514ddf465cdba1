/* SPDX-License-Identifier: BSD-3-Clause */
/* What the main loop carries between workers and a control plane that are linked: commands, rules,
 * neighbours, figures. */
#include "tests/unit/engine/main_loop_rig.h"

#include "dataplane/gate/filter_table.h"

#include <rte_ring.h>
#include <sys/socket.h>

/* ---- commands ------------------------------------------------------------------------------- */

static void kick(uint32_t connection_id)
{
    union tw_agent_message message = {
        .session_kick = {.connection_id = connection_id, .reason = TW_CLOSE_KICKED}};
    rig_say(&message, TW_AGENT_SESSION_KICK, sizeof(message.session_kick));
}

/* A worker that takes nothing: what is for it waits in the socket, and then arrives in order. */
static void test_kicks_wait_for_a_worker_that_is_held_up(void **state)
{
    (void)state;
    rig_link_up();
    uint32_t sent = 0, taken = 0;
    struct tw_worker_command command;
    for (uint32_t step = 0; step < 20; step++) {
        for (uint32_t i = 0; i < 30; i++)
            kick(tw_connection_id(0, sent++, 7));
        rig_turn();
    }
    assert_true(rte_ring_free_count(tw_engine_commands(&rig.engine, 0)) <=
                TW_TOPOLOGY_COMMANDS_RESERVE);
    /* The ring keeps room for what only the newest state of counts. */
    rig.now_ns += 61 * TW_SECOND_NS;
    rig_turn();
    for (uint32_t step = 0; step < 400; step++) {
        for (uint32_t i = 0; i < 3 && rig_take_command(0, &command); i++)
            if (command.type == TW_COMMAND_KICK)
                assert_int_equal(tw_connection_slot(command.connection_id), taken++);
        rig_turn();
    }
    assert_int_equal(taken, sent);
    (void)rig_expect_command(1, TW_COMMAND_COOKIE_KEY);
}

static void test_the_past_reaches_the_session_s_worker(void **state)
{
    (void)state;
    rig_link_up();
    union tw_agent_message message = {
        .session_conduct = {.connection_id = tw_connection_id(1, 3, 7),
                            .score = 250,
                            .stage = TW_CONDUCT_THROTTLED_STAGE,
                            .charge = TW_CONDUCT_TIME_BACK}};
    rig_say(&message, TW_AGENT_SESSION_CONDUCT, sizeof(message.session_conduct));
    /* No such worker: nobody is told. */
    union tw_agent_message other = {.session_conduct.connection_id = tw_connection_id(9, 3, 7)};
    rig_say(&other, TW_AGENT_SESSION_CONDUCT, sizeof(other.session_conduct));
    rig_turn();
    struct tw_worker_command command = rig_expect_command(1, TW_COMMAND_CONDUCT);
    assert_int_equal(command.connection_id, tw_connection_id(1, 3, 7));
    assert_int_equal(command.conduct.score, 250);
    assert_int_equal(command.conduct.stage, TW_CONDUCT_THROTTLED_STAGE);
    assert_int_equal(command.conduct.charge, TW_CONDUCT_TIME_BACK);
    rig_expect_no_command(0);
    rig_expect_no_command(1);
}

static void test_questions_about_sessions_are_answered(void **state)
{
    (void)state;
    rig_link_up();
    union tw_agent_message query = {
        .session_query = {.query = 5, .connection_id = tw_connection_id(1, 3, 7)}};
    rig_say(&query, TW_AGENT_SESSION_QUERY, sizeof(query.session_query));
    rig_turn();
    struct tw_worker_command command = rig_expect_command(1, TW_COMMAND_QUERY);
    assert_int_equal(command.query, 5);
    assert_int_equal(command.connection_id, tw_connection_id(1, 3, 7));
    rig_expect_no_command(0);
    struct tw_worker_event event = {.query = 5, .found = 1, .session = {.account = 77}};
    assert_true(rig_tell(1, TW_EVENT_SESSION, event));
    rig_turn();
    union tw_agent_message message = rig_expect_message(TW_AGENT_SESSION_STATE);
    assert_int_equal(message.session_state.query, 5);
    assert_int_equal(message.session_state.found, 1);
    assert_int_equal(message.session_state.session.account, 77);
    /* No such worker: answered without asking anybody. */
    query.session_query.query = 6;
    query.session_query.connection_id = tw_connection_id(9, 3, 7);
    rig_say(&query, TW_AGENT_SESSION_QUERY, sizeof(query.session_query));
    rig_turn();
    message = rig_expect_message(TW_AGENT_SESSION_STATE);
    assert_int_equal(message.session_state.query, 6);
    assert_int_equal(message.session_state.found, 0);
}

static void test_neighbours_are_told_to_all_and_asked_for_once(void **state)
{
    (void)state;
    rig_turn();
    rig_drop_commands();
    uint32_t address = rig.config.ports[0].address + 5;
    struct tw_worker_event event = {.neighbour = {.address = tw_address_from_ipv4(address, 0)}};
    for (uint32_t i = 0; i < RIG_WORKERS; i++)
        assert_true(rig_tell(i, TW_EVENT_NEIGHBOUR_WANTED, event));
    rig_turn();
    assert_int_equal(
        tw_ip_ipv4(rig_expect_command(0, TW_COMMAND_NEIGHBOUR_ASK).neighbour.address.ip), address);
    rig_expect_no_command(0);
    rig_expect_no_command(1);
    memcpy(event.neighbour.mac, (const uint8_t[6]){2, 0, 0, 0, 0, 5}, TW_MAC_SIZE);
    assert_true(rig_tell(1, TW_EVENT_NEIGHBOUR_SEEN, event));
    rig_turn();
    for (uint32_t i = 0; i < RIG_WORKERS; i++) {
        struct tw_worker_command command = rig_expect_command(i, TW_COMMAND_NEIGHBOUR_SET);
        assert_int_equal(tw_ip_ipv4(command.neighbour.address.ip), address);
        assert_memory_equal(command.neighbour.mac, event.neighbour.mac, TW_MAC_SIZE);
        rig_expect_no_command(i);
    }
}

static void put_rule(uint32_t id, uint32_t total)
{
    union tw_agent_message message = {
        .filter_change = {.count = 1,
                          .total = total,
                          .last = 1,
                          .rules = {{.id = id, .kind = TW_FILTER_DENY, .prefix_length = 32}}}};
    message.filter_change.rules[0].ip[0] = (uint8_t)id;
    rig_say(&message, TW_AGENT_FILTER_CHANGE, sizeof(message.filter_change));
    rig_turn();
}

static void test_filter_rules_reach_all_workers_and_outlive_the_control_plane(void **state)
{
    (void)state;
    rig_link_up();
    put_rule(1, 1);
    const struct tw_filter_table *table = NULL;
    for (uint32_t i = 0; i < RIG_WORKERS; i++) {
        table = rig_expect_command(i, TW_COMMAND_FILTER).filter;
        assert_int_equal(table->rule_count, 1);
        tw_counter_set(&rig.worker_counters[i].filter_version, table->version);
        tw_counter_set(&rig.worker_counters[i].filters[0].packets, 5);
    }
    rig.now_ns += TW_SECOND_NS;
    rig_turn();
    struct tw_agent_filter_counters figures =
        rig_expect_message(TW_AGENT_FILTER_COUNTERS).filter_counters;
    assert_int_equal(figures.count, 1);
    assert_int_equal(figures.figures[0].rule, 1);
    assert_int_equal(figures.figures[0].packets, RIG_WORKERS * 5);
    rig_kill_control();
    rig_drop_commands();
    rig.now_ns += TW_SECOND_NS;
    rig_turn();
    for (uint32_t i = 0; i < RIG_WORKERS; i++) {
        assert_int_equal(rig_expect_command(i, TW_COMMAND_CONTROL_STATE).control.linked, 0);
        rig_expect_no_command(i); /* and so no other table */
    }
    assert_int_equal(table->rule_count, 1);
    /* The next control plane tells a set that does not add up: it has to come again. */
    rig_link_up();
    put_rule(2, 5);
    union tw_agent_message message;
    ssize_t length;
    do
        length = recv(rig.peer, &message, sizeof(message), MSG_DONTWAIT);
    while (length > 0);
    assert_int_equal(length, 0); /* closed */
    for (uint32_t i = 0; i < RIG_WORKERS; i++) {
        struct tw_worker_command command;
        while (rig_take_command(i, &command))
            assert_int_not_equal(command.type, TW_COMMAND_FILTER);
    }
}

/* ---- figures -------------------------------------------------------------------------------- */

static void test_figures_are_sums_and_percentiles_of_the_last_second(void **state)
{
    (void)state;
    rig_link_up();
    rig.now_ns += TW_SECOND_NS;
    rig_turn();
    (void)rig_expect_message(TW_AGENT_STATS);
    for (uint32_t i = 0; i < RIG_WORKERS; i++) {
        tw_counter_add(&rig.worker_counters[i].outcomes[TW_OUTCOME_ACCEPTED], 10 + i);
        tw_counter_add(&rig.worker_counters[i].rx_packets, 20 + i);
        tw_counter_set(&rig.worker_counters[i].sessions_live, 3 + i);
    }
    for (uint32_t i = 0; i < 98; i++)
        tw_histogram_record(&rig.shard_counters.tick_ns, 1000);
    tw_histogram_record(&rig.shard_counters.tick_ns, 2000000);
    tw_histogram_record(&rig.shard_counters.tick_ns, 8000000);
    rig.now_ns += TW_SECOND_NS;
    rig_turn();
    struct tw_agent_stats stats = rig_expect_message(TW_AGENT_STATS).stats;
    assert_int_equal(stats.outcomes[TW_OUTCOME_ACCEPTED], 21);
    assert_int_equal(stats.rx_packets, 41);
    assert_int_equal(stats.sessions_live, 7);
    assert_int_equal(stats.workers, RIG_WORKERS);
    assert_in_range(stats.tick_p50_ns, 960, 1000);
    assert_in_range(stats.tick_p99_ns, 1900000, 2000000);
    assert_in_range(stats.tick_max_ns, 7700000, 8000000);
    /* The second after that: other samples, the same sums. */
    for (uint32_t i = 0; i < 10; i++)
        tw_histogram_record(&rig.shard_counters.tick_ns, 5000);
    rig.now_ns += TW_SECOND_NS;
    rig_turn();
    stats = rig_expect_message(TW_AGENT_STATS).stats;
    assert_int_equal(stats.rx_packets, 41);
    assert_in_range(stats.tick_max_ns, 4800, 5000);
    rig.now_ns += TW_SECOND_NS;
    rig_turn();
    assert_int_equal(rig_expect_message(TW_AGENT_STATS).stats.tick_max_ns, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        RIG_TEST(test_kicks_wait_for_a_worker_that_is_held_up),
        RIG_TEST(test_the_past_reaches_the_session_s_worker),
        RIG_TEST(test_questions_about_sessions_are_answered),
        RIG_TEST(test_neighbours_are_told_to_all_and_asked_for_once),
        RIG_TEST(test_filter_rules_reach_all_workers_and_outlive_the_control_plane),
        RIG_TEST(test_figures_are_sums_and_percentiles_of_the_last_second),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
