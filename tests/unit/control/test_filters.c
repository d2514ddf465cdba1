/* SPDX-License-Identifier: BSD-3-Clause */
/* Filter rules in the real daemon: commands, what the engine is told, kill -9 and resync. */
#include "tests/unit/control/fixture.h"

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>
#include <sqlite3.h>

static uint32_t add(struct fixture *fixture, const char *rule)
{
    json_t *result = fixture_result(fixture, "filter.add", json_pack("{s:s}", "rule", rule));
    uint32_t id = (uint32_t)json_integer_value(json_object_get(result, "id"));
    assert_true(id > 0);
    json_decref(result);
    return id;
}

static void remove_rule(struct fixture *fixture, uint32_t id)
{
    char text[16];
    snprintf(text, sizeof(text), "%u", id);
    json_decref(fixture_result(fixture, "filter.remove", json_pack("{s:s}", "id", text)));
}

/* The error's code; the answer's details, if wanted, become the caller's. */
static void assert_refused(struct fixture *fixture, const char *command, json_t *arguments,
                           const char *code, json_t **details)
{
    json_t *answer = fixture_ask(fixture, command, arguments);
    const json_t *error = json_object_get(answer, "error");
    if (!error)
        fail_msg("%s was not refused", command);
    assert_string_equal(json_string_value(json_object_get(error, "code")), code);
    if (details)
        *details = json_incref(json_object_get(error, "details"));
    json_decref(answer);
}

/* All rules as "id rule\n…". */
static char *listing(struct fixture *fixture)
{
    static char text[8192];
    json_t *result = fixture_result(fixture, "filter.list", NULL);
    size_t index, used = 0;
    json_t *rule;
    text[0] = '\0';
    json_array_foreach(json_object_get(result, "rules"), index, rule)
    {
        used += (size_t)snprintf(text + used, sizeof(text) - used, "%d %s\n",
                                 (int)json_integer_value(json_object_get(rule, "id")),
                                 json_string_value(json_object_get(rule, "rule")));
    }
    json_decref(result);
    return text;
}

static struct tw_agent_filter_change told(struct fixture *fixture)
{
    return fixture_receive(fixture->engine, TW_AGENT_FILTER_CHANGE).filter_change;
}

static void test_rules_come_and_go(void **state)
{
    struct fixture *fixture = *state;
    fixture_link(fixture, NULL, 0);
    assert_int_equal(fixture_rule_count, 0);
    uint32_t first = add(fixture, "deny 203.0.113.0/24");
    struct tw_agent_filter_change change = told(fixture);
    assert_int_equal(change.count, 1);
    assert_int_equal(change.total, 1);
    assert_true(change.last && !change.first);
    assert_int_equal(change.rules[0].id, first);
    assert_int_equal(change.rules[0].kind, TW_FILTER_DENY);
    assert_int_equal(change.rules[0].prefix_length, 120);
    uint32_t second = add(fixture, "limit 203.0.113.0/24 pps 10/20");
    assert_int_equal(told(fixture).total, 2);
    assert_true(second > first);
    remove_rule(fixture, first);
    change = told(fixture);
    assert_int_equal(change.removed, first);
    assert_int_equal(change.total, 1);
    assert_int_equal(change.count, 0);
    /* Its number is not given again. */
    assert_true(add(fixture, "deny 203.0.113.0/24") > second);
    assert_int_equal(told(fixture).total, 2);
}

/* A refused rule changes nothing: not the list, not the store, not the engine. */
static void test_refused_rules_change_nothing(void **state)
{
    struct fixture *fixture = *state;
    char before[8192];
    json_t *details = NULL;
    fixture_link(fixture, NULL, 0);
    (void)add(fixture, "deny 203.0.113.0/24");
    uint32_t limit = add(fixture, "limit 10.0.0.0/8 pps 5");
    (void)told(fixture);
    (void)told(fixture);
    snprintf(before, sizeof(before), "%s", listing(fixture));
    assert_refused(fixture, "filter.add", json_pack("{s:s}", "rule", "deny 10.0.0.0/40"),
                   "BAD_RULE", &details);
    assert_int_equal(json_integer_value(json_object_get(details, "column")), 15);
    json_decref(details);
    assert_refused(fixture, "filter.add", json_pack("{s:s}", "rule", "deny 203.0.113.0/24"),
                   "RULE_EXISTS", NULL);
    assert_refused(fixture, "filter.add", json_pack("{s:s}", "rule", "allow 203.0.113.0/24"),
                   "RULE_CONTRADICTS", NULL);
    assert_refused(fixture, "filter.add", json_pack("{s:s}", "rule", "limit 10.0.0.0/8 pps 6"),
                   "RULE_CONTRADICTS", &details);
    assert_int_equal(json_integer_value(json_object_get(details, "id")), limit);
    json_decref(details);
    assert_refused(fixture, "filter.add", NULL, "BAD_ARGUMENT", NULL);
    assert_refused(fixture, "filter.add", json_pack("{s:i}", "rule", 5), "BAD_ARGUMENT", NULL);
    assert_refused(fixture, "filter.remove", json_pack("{s:s}", "id", "4711"), "RULE_NOT_FOUND",
                   NULL);
    assert_refused(fixture, "filter.remove", json_pack("{s:s}", "id", "1x"), "BAD_ARGUMENT", NULL);
    assert_refused(fixture, "filter.remove", json_pack("{s:s}", "id", ""), "BAD_ARGUMENT", NULL);
    assert_string_equal(listing(fixture), before);
    assert_true(fixture_is_silent(fixture->engine));
    /* Overlaps are no contradiction: the longest prefix counts. */
    (void)add(fixture, "allow 203.0.113.7");
    assert_int_equal(told(fixture).total, 3);
}

/* kill -9 loses no rule that was confirmed; the engine is told all of them with its next link. */
static void test_rules_survive_kill_9(void **state)
{
    struct fixture *fixture = *state;
    char before[8192];
    uint32_t ids[11];
    for (uint32_t i = 0; i < 11; i++) {
        char rule[64];
        snprintf(rule, sizeof(rule), "limit 10.%u.0.0/16 source pps %u/%u", i, i + 1, 2 * i + 2);
        ids[i] = add(fixture, rule);
    }
    remove_rule(fixture, ids[3]);
    snprintf(before, sizeof(before), "%s", listing(fixture));
    int status = fixture_stop(fixture, SIGKILL);
    assert_true(WIFSIGNALED(status));
    fixture_start(fixture);
    assert_string_equal(listing(fixture), before);
    fixture_link(fixture, NULL, 0);
    assert_int_equal(fixture_rule_count, 10);
    for (uint32_t i = 0, at = 0; i < 11; i++) {
        if (i == 3)
            continue;
        assert_int_equal(fixture_rules[at].id, ids[i]);
        assert_int_equal(fixture_rules[at].ip[13], i);
        assert_int_equal(fixture_rules[at++].source_pps.hard, 2 * i + 2);
    }
    assert_true(add(fixture, "deny ::/0") > ids[10]);
    assert_int_equal(told(fixture).total, 11);
}

static json_t *only_rule(struct fixture *fixture)
{
    json_t *result = fixture_result(fixture, "filter.list", NULL);
    json_t *rule = json_incref(json_array_get(json_object_get(result, "rules"), 0));
    json_decref(result);
    return rule;
}

static bool is_active(struct fixture *fixture)
{
    json_t *rule = only_rule(fixture);
    bool active = json_is_true(json_object_get(rule, "active"));
    json_decref(rule);
    return active;
}

static void test_figures_are_the_engines(void **state)
{
    struct fixture *fixture = *state;
    uint32_t id = add(fixture, "deny 203.0.113.0/24");
    fixture_link(fixture, NULL, 0);
    assert_false(is_active(fixture));
    union tw_agent_message message = {
        .filter_counters = {.count = 2,
                            .figures = {{.rule = 999, .packets = 1},
                                        {.rule = id, .packets = 7, .bytes = 700, .dropped = 6}}}};
    fixture_send(fixture->engine, &message, TW_AGENT_FILTER_COUNTERS,
                 sizeof(message.filter_counters));
    for (int i = 0; i < 100 && !is_active(fixture); i++)
        usleep(10000);
    json_t *rule = only_rule(fixture);
    assert_true(json_is_true(json_object_get(rule, "active")));
    assert_int_equal(json_integer_value(json_object_get(rule, "packets")), 7);
    assert_int_equal(json_integer_value(json_object_get(rule, "bytes")), 700);
    assert_int_equal(json_integer_value(json_object_get(rule, "dropped")), 6);
    json_decref(rule);
    /* Without an engine no rule is in force, as far as anybody here knows. */
    close(fixture->engine);
    fixture->engine = -1;
    for (int i = 0; i < 100 && is_active(fixture); i++)
        usleep(10000);
    assert_false(is_active(fixture));
}

/* The 1,025th rule is refused, and all 1,024 reach an engine in one set. */
static void test_no_more_than_there_is_room_for(void **state)
{
    struct fixture *fixture = *state;
    char rule[64];
    for (uint32_t i = 0; i < TW_FILTER_RULES_MAX; i++) {
        snprintf(rule, sizeof(rule), "deny 10.%u.%u.0/24", i / 256, i % 256);
        (void)add(fixture, rule);
    }
    assert_refused(fixture, "filter.add", json_pack("{s:s}", "rule", "deny 11.0.0.0/8"),
                   "RULES_FULL", NULL);
    fixture_link(fixture, NULL, 0);
    assert_int_equal(fixture_rule_count, TW_FILTER_RULES_MAX);
    remove_rule(fixture, fixture_rules[500].id);
    assert_int_equal(told(fixture).total, TW_FILTER_RULES_MAX - 1);
    (void)add(fixture, "deny 11.0.0.0/8");
    assert_int_equal(told(fixture).total, TW_FILTER_RULES_MAX);
}

/* An engine that reads nothing loses its link, not a rule. */
static void test_engine_that_reads_nothing(void **state)
{
    struct fixture *fixture = *state;
    fixture_link(fixture, NULL, 0);
    uint32_t id = 0;
    for (uint32_t i = 0; i < 20000; i++) {
        json_t *result =
            fixture_result(fixture, "filter.add", json_pack("{s:s}", "rule", "deny 11.0.0.0/8"));
        id = (uint32_t)json_integer_value(json_object_get(result, "id"));
        bool linked = json_is_true(json_object_get(result, "engine_linked"));
        json_decref(result);
        if (!linked)
            break;
        remove_rule(fixture, id);
    }
    close(fixture->engine);
    fixture_link(fixture, NULL, 0);
    assert_int_equal(fixture_rule_count, 1);
    assert_int_equal(fixture_rules[0].id, id);
}

/* Somebody holds the database longer than the daemon waits: the command says so, nothing changes.
 */
static void test_a_store_that_fails(void **state)
{
    struct fixture *fixture = *state;
    char path[96];
    sqlite3 *database = NULL;
    uint32_t id = add(fixture, "deny 203.0.113.0/24");
    snprintf(path, sizeof(path), "%s/db", fixture->directory);
    assert_int_equal(sqlite3_open_v2(path, &database, SQLITE_OPEN_READWRITE, NULL), SQLITE_OK);
    assert_int_equal(sqlite3_exec(database, "BEGIN IMMEDIATE", NULL, NULL, NULL), SQLITE_OK);
    assert_refused(fixture, "filter.add", json_pack("{s:s}", "rule", "deny 198.51.100.0/24"),
                   "STORE_FAILED", NULL);
    char expected[64];
    snprintf(expected, sizeof(expected), "%u deny 203.0.113.0/24\n", id);
    assert_string_equal(listing(fixture), expected);
    assert_int_equal(sqlite3_exec(database, "ROLLBACK", NULL, NULL, NULL), SQLITE_OK);
    assert_int_equal(sqlite3_close(database), SQLITE_OK);
    (void)add(fixture, "deny 198.51.100.0/24");
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)
    const struct CMUnitTest tests[] = {
        TEST(test_rules_come_and_go),
        TEST(test_refused_rules_change_nothing),
        TEST(test_rules_survive_kill_9),
        TEST(test_figures_are_the_engines),
        TEST(test_no_more_than_there_is_room_for),
        TEST(test_engine_that_reads_nothing),
        TEST(test_a_store_that_fails),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
