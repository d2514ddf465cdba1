/* SPDX-License-Identifier: BSD-3-Clause */
/* Filter rules on the main thread: whole sets, single changes, tables that come back. */
#include "dataplane/engine/filters.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define WORKERS 2u

static struct tw_worker_counters counters[WORKERS];
static struct tw_worker_counters *const pointers[WORKERS] = {&counters[0], &counters[1]};
static struct tw_filters *filters;

static int setup(void **state)
{
    (void)state;
    memset(counters, 0, sizeof(counters));
    filters = tw_filters_create(pointers, WORKERS);
    return filters == NULL;
}

static int teardown(void **state)
{
    (void)state;
    tw_filters_destroy(filters);
    return 0;
}

/* A deny rule for 10.0.id.0/24. */
static struct tw_filter_rule rule(uint32_t id)
{
    return (struct tw_filter_rule){
        .id = id,
        .kind = TW_FILTER_DENY,
        .prefix_length = 120,
        .ip = {[10] = 0xff, [11] = 0xff, [12] = 10, [13] = (uint8_t)(id >> 8), [14] = (uint8_t)id}};
}

static bool put(uint32_t id, uint32_t total)
{
    struct tw_agent_filter_change change = {
        .count = 1, .total = total, .last = 1, .rules = {rule(id)}};
    return tw_filters_change(filters, &change);
}

static bool drop(uint32_t id, uint32_t total)
{
    struct tw_agent_filter_change change = {.removed = id, .total = total, .last = 1};
    return tw_filters_change(filters, &change);
}

/* Rules first..last as a whole set, four a message. */
static bool put_all(uint32_t first, uint32_t last)
{
    bool ok = true;
    for (uint32_t id = first; id <= last; id += TW_AGENT_FILTER_RULES) {
        struct tw_agent_filter_change change = {.total = last - first + 1u, .first = id == first};
        for (; change.count < TW_AGENT_FILTER_RULES && id + change.count <= last; change.count++)
            change.rules[change.count] = rule(id + change.count);
        change.last = id + change.count > last;
        ok = ok && tw_filters_change(filters, &change);
    }
    return ok;
}

/* Both workers take over what they are told. NULL: nothing. */
static const struct tw_filter_table *obey(void)
{
    const struct tw_filter_table *table = NULL;
    tw_filters_turn(filters);
    for (uint32_t worker = 0; worker < WORKERS; worker++) {
        table = tw_filters_owed(filters, worker);
        if (table == NULL)
            continue;
        tw_filters_told(filters, worker);
        assert_null(tw_filters_owed(filters, worker));
        tw_counter_set(&counters[worker].filter_version, table->version);
    }
    return table;
}

static void test_nothing_is_told_before_there_are_rules(void **state)
{
    (void)state;
    uint32_t next = 0;
    struct tw_agent_filter_counters figures;
    assert_null(obey());
    assert_false(tw_filters_figures(filters, &next, &figures));
}

static void test_changes_keep_slots(void **state)
{
    (void)state;
    assert_true(put(5, 1));
    assert_true(put(9, 2));
    const struct tw_filter_table *table = obey();
    assert_non_null(table);
    assert_int_equal(table->rule_count, 2);
    assert_null(obey());
    uint32_t slot = table->rules[0].id == 9 ? 0 : 1;
    assert_int_equal(table->rules[slot].id, 9);
    assert_true(drop(5, 1));
    assert_true(put(11, 2));
    table = obey();
    assert_int_equal(table->rules[slot].id, 9);
    assert_int_equal(table->rules[1 - slot].id, 11);
    assert_true(drop(5, 2)); /* gone already */
    assert_true(drop(9, 1));
    assert_true(drop(11, 0));
    table = obey();
    assert_int_equal(table->rule_count, 0);
}

/* The table that a worker may still look at is not touched, however many changes come. */
static void test_no_table_is_built_before_it_is_given_back(void **state)
{
    (void)state;
    assert_true(put(1, 1));
    const struct tw_filter_table *first = obey();
    assert_true(put(2, 2));
    tw_filters_turn(filters);
    const struct tw_filter_table *second = tw_filters_owed(filters, 0);
    assert_ptr_not_equal(first, second);
    tw_filters_told(filters, 0);
    tw_filters_told(filters, 1);
    tw_counter_set(&counters[0].filter_version, second->version);
    for (uint32_t id = 3; id < 20; id++) { /* worker 1 is held up */
        assert_true(put(id, id));
        tw_filters_turn(filters);
        assert_null(tw_filters_owed(filters, 0));
        assert_int_equal(first->rule_count, 1);
        assert_int_equal(second->rule_count, 2);
    }
    tw_counter_set(&counters[1].filter_version, second->version);
    const struct tw_filter_table *third = obey(); /* all at once */
    assert_ptr_equal(third, first);
    assert_int_equal(third->rule_count, 19);
}

static void test_whole_set_replaces_all(void **state)
{
    (void)state;
    assert_true(put_all(1, 10));
    const struct tw_filter_table *table = obey();
    assert_int_equal(table->rule_count, 10);
    uint32_t slot = 0;
    while (table->rules[slot].id != 7)
        slot++;
    assert_true(put_all(7, 15));
    table = obey();
    assert_int_equal(table->rule_count, 9);
    assert_int_equal(table->rules[slot].id, 7);
    struct tw_agent_filter_change none = {.first = 1, .last = 1};
    assert_true(tw_filters_change(filters, &none));
    assert_int_equal(obey()->rule_count, 0);
}

/* A control plane that dies in the middle of its set changes nothing. */
static void test_half_a_set_is_nothing(void **state)
{
    (void)state;
    assert_true(put_all(1, 10));
    assert_int_equal(obey()->rule_count, 10);
    assert_true(put(11, 11)); /* complete, but not built yet */
    struct tw_agent_filter_change half = {.first = 1, .count = 1, .rules = {rule(20)}};
    assert_true(tw_filters_change(filters, &half));
    assert_null(obey());
    assert_true(put_all(1, 11));
    assert_int_equal(obey()->rule_count, 11);
}

static void test_what_does_not_add_up_is_refused(void **state)
{
    (void)state;
    assert_true(put_all(1, 3));
    assert_int_equal(obey()->rule_count, 3);
    assert_false(put(4, 3)); /* another total */
    assert_null(obey());
    assert_true(put_all(1, 3));
    struct tw_agent_filter_change twice = {.count = 1, .total = 4, .last = 1, .rules = {rule(2)}};
    twice.rules[0].id = 4; /* the prefix of rule 2 */
    assert_false(tw_filters_change(filters, &twice));
    assert_true(put_all(1, 3));
    twice.rules[0].id = 2; /* an id that was another rule */
    twice.rules[0].prefix_length = 119;
    assert_false(tw_filters_change(filters, &twice));
    assert_true(put_all(1, 3));
    twice.rules[0] = rule(2);
    twice.rules[0].kind = TW_FILTER_LIMIT; /* another family: both may be */
    twice.rules[0].pps = (struct tw_filter_level){1, 1};
    twice.rules[0].id = 4;
    assert_true(tw_filters_change(filters, &twice));
    assert_int_equal(obey()->rule_count, 4);
}

static void test_full_sets_replace_full_sets(void **state)
{
    (void)state;
    assert_true(put_all(1, TW_FILTER_RULES_MAX));
    assert_int_equal(obey()->rule_count, TW_FILTER_RULES_MAX);
    assert_false(put(TW_FILTER_RULES_MAX + 1, TW_FILTER_RULES_MAX + 1));
    assert_true(put_all(500, TW_FILTER_RULES_MAX + 499));
    const struct tw_filter_table *table = obey();
    assert_int_equal(table->rule_count, TW_FILTER_RULES_MAX);
    uint64_t sum = 0;
    for (uint32_t slot = 0; slot < TW_FILTER_RULES_MAX; slot++)
        sum += table->rules[slot].id;
    assert_int_equal(sum, (500u + TW_FILTER_RULES_MAX + 499u) * (TW_FILTER_RULES_MAX / 2u));
}

static void test_figures_are_sums_of_rules_in_force(void **state)
{
    (void)state;
    struct tw_agent_filter_counters figures;
    uint32_t next = 0, seen = 0;
    assert_true(put_all(1, 40));
    const struct tw_filter_table *table = obey();
    for (uint32_t slot = 0; slot < TW_FILTER_RULES_MAX; slot++) {
        for (uint32_t worker = 0; worker < WORKERS; worker++) {
            struct tw_filter_counters *own = &counters[worker].filters[slot];
            tw_counter_set(&own->packets, table->rules[slot].id);
            tw_counter_set(&own->bytes, 100 + worker);
            tw_counter_set(&own->dropped, 1);
            tw_counter_set(&own->denials, worker);
        }
    }
    while (tw_filters_figures(filters, &next, &figures)) {
        assert_in_range(figures.count, 1, TW_AGENT_FILTER_FIGURES);
        for (uint64_t i = 0; i < figures.count; i++, seen++) {
            assert_int_equal(figures.figures[i].packets, 2 * figures.figures[i].rule);
            assert_int_equal(figures.figures[i].bytes, 201);
            assert_int_equal(figures.figures[i].dropped, 2);
            assert_int_equal(figures.figures[i].denials, 1);
        }
    }
    assert_int_equal(seen, 40);
    /* Not while a worker still counts by the table before. */
    assert_true(put(41, 41));
    tw_filters_turn(filters);
    next = 0;
    assert_false(tw_filters_figures(filters, &next, &figures));
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(test_nothing_is_told_before_there_are_rules),
        TEST(test_changes_keep_slots),
        TEST(test_no_table_is_built_before_it_is_given_back),
        TEST(test_whole_set_replaces_all),
        TEST(test_half_a_set_is_nothing),
        TEST(test_what_does_not_add_up_is_refused),
        TEST(test_full_sets_replace_full_sets),
        TEST(test_figures_are_sums_of_rules_in_force),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
