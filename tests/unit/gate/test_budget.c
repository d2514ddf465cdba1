/* SPDX-License-Identifier: BSD-3-Clause */
#include "dataplane/gate/budget.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define SECOND UINT64_C(1000000000)

static void budget_gives_rate_and_burst(void **state)
{
    (void)state;
    struct tw_budget_rate rate = tw_budget_rate_make(100, 10);
    struct tw_budget budget = {0};
    uint64_t now = 5 * SECOND;
    uint32_t taken = 0;
    for (int i = 0; i < 50; i++)
        taken += tw_budget_take(&budget, rate, now);
    assert_int_equal(taken, 10);
    assert_false(tw_budget_take(&budget, rate, now + SECOND / 100 - 1));
    assert_true(tw_budget_take(&budget, rate, now + SECOND / 100));
    /* Over ten seconds of constant pressure: the rate and nothing else. */
    taken = 0;
    for (uint64_t t = 0; t < 10 * SECOND; t += SECOND / 1000)
        taken += tw_budget_take(&budget, rate, now + SECOND + t);
    assert_in_range(taken, 1000, 1010);
}

static void what_is_drained_is_never_owed(void **state)
{
    (void)state;
    struct tw_budget_rate rate = tw_budget_rate_make(100, 10);
    struct tw_budget budget = {0};
    uint64_t now = 5 * SECOND;
    tw_budget_drain(&budget, tw_budget_rate_times(rate, 4), now);
    assert_true(tw_budget_has(&budget, tw_budget_rate_times(rate, 6), now));
    assert_false(tw_budget_has(&budget, tw_budget_rate_times(rate, 7), now));
    for (uint32_t i = 0; i < 5; i++)
        tw_budget_drain(&budget, tw_budget_rate_times(rate, 4), now);
    assert_false(tw_budget_take(&budget, rate, now + SECOND / 100 - 1));
    assert_true(tw_budget_take(&budget, rate, now + SECOND / 100));
}

static void budget_edges(void **state)
{
    (void)state;
    struct tw_budget budget = {0};
    assert_false(tw_budget_take(&budget, tw_budget_rate_make(0, 10), 1));
    assert_false(tw_budget_take(&budget, tw_budget_rate_make(10, 0), 1));
    assert_true(tw_budget_take(&budget, tw_budget_rate_make(1, 1), 0));
    assert_false(tw_budget_take(&budget, tw_budget_rate_make(1, 1), 1));
    /* A clock that steps back gives nothing away. */
    assert_false(tw_budget_take(&budget, tw_budget_rate_make(1, 1), 0));
    struct tw_budget fast = {0};
    uint32_t taken = 0;
    for (uint32_t i = 0; i < 1000; i++)
        taken += tw_budget_take(&fast, tw_budget_rate_make(UINT32_MAX, UINT32_MAX), i);
    assert_int_equal(taken, 1000);
}

static void source_budgets_do_not_leak(void **state)
{
    (void)state;
    struct tw_source_budgets *budgets = calloc(1, sizeof(*budgets));
    assert_non_null(budgets);
    const uint8_t key[16] = {1, 2, 3};
    tw_source_budgets_init(budgets, key);
    struct tw_budget_rate rate = tw_budget_rate_make(4, 4);
    struct tw_address one = tw_address_from_ipv4(0x01020304, 1);
    struct tw_address other_port = tw_address_from_ipv4(0x01020304, 2);
    struct tw_address two = tw_address_from_ipv4(0x01020305, 1);
    for (int i = 0; i < 2; i++) {
        assert_true(tw_source_budgets_take(budgets, &one, rate, 0));
        assert_true(tw_source_budgets_take(budgets, &other_port, rate, 0));
    }
    assert_false(tw_source_budgets_take(budgets, &one, rate, 0));
    assert_true(tw_source_budgets_take(budgets, &two, rate, 0));
    /* A flood of other sources, ten times the table, does not refill the first. */
    for (uint32_t i = 0; i < 10 * TW_SOURCE_SETS * TW_SOURCE_WAYS; i++) {
        struct tw_address source = tw_address_from_ipv4(0x0a000000 + i, 1);
        (void)!tw_source_budgets_take(budgets, &source, rate, 1);
    }
    assert_false(tw_source_budgets_take(budgets, &one, rate, 2));
    assert_true(tw_source_budgets_take(budgets, &one, rate, 60 * SECOND));
    free(budgets);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(budget_gives_rate_and_burst),
        cmocka_unit_test(what_is_drained_is_never_owed),
        cmocka_unit_test(budget_edges),
        cmocka_unit_test(source_budgets_do_not_leak),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
