/* SPDX-License-Identifier: BSD-3-Clause */
/* The table of other workers' sessions whose packets arrive at this one. */
#include "dataplane/gate/guests.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define UNIT (UINT64_C(1) << 30)
#define NOW  (1000 * UNIT)

static struct tw_guests guests;

static int forget(void **state)
{
    (void)state;
    memset(&guests, 0, sizeof(guests));
    return 0;
}

static void a_guest_stays_for_a_while(void **state)
{
    (void)state;
    assert_null(tw_guests_budget(&guests, 77, NOW));
    tw_guests_note(&guests, 77, NOW);
    assert_non_null(tw_guests_budget(&guests, 77, NOW));
    assert_null(tw_guests_budget(&guests, 78, NOW));
    assert_non_null(tw_guests_budget(&guests, 77, NOW + TW_GUEST_STAYS * UNIT));
    assert_null(tw_guests_budget(&guests, 77, NOW + (TW_GUEST_STAYS + 1u) * UNIT));
    tw_guests_note(&guests, 77, NOW + 5 * UNIT);
    assert_non_null(tw_guests_budget(&guests, 77, NOW + (TW_GUEST_STAYS + 5u) * UNIT));
}

static void what_was_used_stays_used(void **state)
{
    (void)state;
    struct tw_budget_rate rate = tw_budget_rate_make(1, 2);
    tw_guests_note(&guests, 77, NOW);
    struct tw_budget *budget = tw_guests_budget(&guests, 77, NOW);
    assert_true(tw_budget_take(budget, rate, NOW));
    tw_guests_note(&guests, 77, NOW);
    assert_ptr_equal(tw_guests_budget(&guests, 77, NOW), budget);
    assert_true(tw_budget_take(budget, rate, NOW));
    assert_false(tw_budget_take(budget, rate, NOW));
}

/* The set in which the only guest stands. */
static const struct tw_guest *set_of(uint32_t id)
{
    static struct tw_guests only;
    memset(&only, 0, sizeof(only));
    tw_guests_note(&only, id, NOW);
    uint32_t set = 0;
    while (only.sets[set][0].id != id)
        set++;
    return guests.sets[set];
}

/* A fifth guest of a set takes the place of the one told of longest ago, with a full budget. */
static void the_oldest_makes_room(void **state)
{
    (void)state;
    uint32_t ids[TW_GUEST_WAYS + 1u] = {1}, found = 1;
    for (uint32_t id = 2; found <= TW_GUEST_WAYS; id++) {
        if (set_of(id) == set_of(1))
            ids[found++] = id;
    }
    for (uint32_t i = 0; i < TW_GUEST_WAYS; i++)
        tw_guests_note(&guests, ids[i], NOW + i * UNIT);
    tw_guests_note(&guests, ids[0], NOW + 5 * UNIT); /* told of again */
    for (uint32_t i = 0; i < TW_GUEST_WAYS; i++)
        assert_non_null(tw_guests_budget(&guests, ids[i], NOW + 5 * UNIT));
    struct tw_budget *oldest = tw_guests_budget(&guests, ids[1], NOW + 5 * UNIT);
    oldest->full_at_ns = NOW + 100 * UNIT;
    tw_guests_note(&guests, ids[TW_GUEST_WAYS], NOW + 5 * UNIT);
    assert_null(tw_guests_budget(&guests, ids[1], NOW + 5 * UNIT));
    assert_ptr_equal(tw_guests_budget(&guests, ids[TW_GUEST_WAYS], NOW + 5 * UNIT), oldest);
    assert_int_equal(oldest->full_at_ns, 0);
    assert_non_null(tw_guests_budget(&guests, ids[0], NOW + 5 * UNIT));
}

/* Ids as session tables give them: few of a thousand have to share what all share. */
static void a_thousand_find_room(void **state)
{
    (void)state;
    srand(4);
    uint32_t lost = 0, ids[1000];
    for (uint32_t i = 0; i < 1000; i++) {
        ids[i] = ((uint32_t)rand() & 0xfff) << 20 | 3u << 16 | i * 7u;
        tw_guests_note(&guests, ids[i], NOW);
    }
    for (uint32_t i = 0; i < 1000; i++)
        lost += tw_guests_budget(&guests, ids[i], NOW) == NULL;
    assert_in_range(lost, 0, 20);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(a_guest_stays_for_a_while, forget),
        cmocka_unit_test_setup(what_was_used_stays_used, forget),
        cmocka_unit_test_setup(the_oldest_makes_room, forget),
        cmocka_unit_test_setup(a_thousand_find_room, forget),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
