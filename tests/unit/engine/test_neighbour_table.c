/* SPDX-License-Identifier: BSD-3-Clause */
#include "dataplane/engine/arp_table.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#define SECOND_NS UINT64_C(1000000000)
#define NET(host) (0xc6120000u | (host)) /* 198.18.0.0/16 */

static struct tw_arp_table table;
static const uint8_t mac_a[6] = {2, 0, 0, 0, 0, 0xa};
static const uint8_t mac_b[6] = {2, 0, 0, 0, 0, 0xb};

static int setup(void **state)
{
    (void)state;
    tw_arp_table_init(&table, NET(1), 24, 2);
    return 0;
}

static void test_seen_is_owed_to_all_workers(void **state)
{
    (void)state;
    tw_arp_table_seen(&table, NET(7), mac_a, SECOND_NS);
    assert_int_equal(table.count, 1);
    assert_int_equal(table.entries[0].owed, 3);
    assert_memory_equal(table.entries[0].mac, mac_a, 6);
    table.entries[0].owed = 0;
    tw_arp_table_seen(&table, NET(7), mac_a, 2 * SECOND_NS);
    assert_int_equal(table.entries[0].owed, 0);
}

static void test_only_hosts_of_the_link(void **state)
{
    (void)state;
    static const uint8_t group[6] = {3, 0, 0, 0, 0, 1};
    static const uint8_t zero[6] = {0};
    tw_arp_table_seen(&table, NET(0x107), mac_a, SECOND_NS); /* other network */
    tw_arp_table_seen(&table, NET(1), mac_a, SECOND_NS);     /* ourselves */
    tw_arp_table_seen(&table, NET(0), mac_a, SECOND_NS);     /* network */
    tw_arp_table_seen(&table, NET(255), mac_a, SECOND_NS);   /* broadcast */
    tw_arp_table_seen(&table, 0, mac_a, SECOND_NS);
    tw_arp_table_seen(&table, NET(7), group, SECOND_NS);
    tw_arp_table_seen(&table, NET(7), zero, SECOND_NS);
    assert_false(tw_arp_table_wanted(&table, NET(0x107), SECOND_NS));
    assert_int_equal(table.count, 0);
    assert_int_equal(table.refused_foreign, 8);
}

static void test_asks_once_a_second(void **state)
{
    (void)state;
    assert_true(tw_arp_table_wanted(&table, NET(9), SECOND_NS));
    for (uint64_t now = SECOND_NS; now < 2 * SECOND_NS; now += SECOND_NS / 50)
        assert_false(tw_arp_table_wanted(&table, NET(9), now));
    assert_true(tw_arp_table_wanted(&table, NET(9), 2 * SECOND_NS));
    /* Another host is another matter. */
    assert_true(tw_arp_table_wanted(&table, NET(10), 2 * SECOND_NS));
}

static void test_known_but_forgotten_by_a_worker_is_told_again(void **state)
{
    (void)state;
    tw_arp_table_seen(&table, NET(9), mac_a, SECOND_NS);
    table.entries[0].owed = 0;
    assert_false(tw_arp_table_wanted(&table, NET(9), SECOND_NS));
    assert_int_equal(table.entries[0].owed, 3);
}

static void test_change_is_limited(void **state)
{
    (void)state;
    tw_arp_table_seen(&table, NET(9), mac_a, 10 * SECOND_NS);
    tw_arp_table_seen(&table, NET(9), mac_b, 10 * SECOND_NS + 5);
    assert_memory_equal(table.entries[0].mac, mac_a, 6);
    tw_arp_table_seen(&table, NET(9), mac_b, 11 * SECOND_NS);
    assert_memory_equal(table.entries[0].mac, mac_b, 6);
    assert_int_equal(table.changes, 1);
    assert_int_equal(table.entries[0].owed, 3);
}

static void test_silent_entry_is_asked_then_forgotten(void **state)
{
    (void)state;
    uint32_t asks[4];
    tw_arp_table_seen(&table, NET(9), mac_a, SECOND_NS);
    assert_int_equal(tw_arp_table_refresh(&table, 60 * SECOND_NS, asks, 4), 0);
    uint64_t now = 61 * SECOND_NS;
    for (int i = 0; i < 3; i++, now += SECOND_NS) {
        assert_int_equal(tw_arp_table_refresh(&table, now, asks, 4), 1);
        assert_int_equal(asks[0], NET(9));
        assert_int_equal(tw_arp_table_refresh(&table, now + SECOND_NS / 2, asks, 4), 0);
        assert_int_equal(table.count, 1);
    }
    assert_int_equal(tw_arp_table_refresh(&table, now, asks, 4), 0);
    assert_int_equal(table.count, 0);
}

static void test_answer_refreshes(void **state)
{
    (void)state;
    uint32_t asks[4];
    tw_arp_table_seen(&table, NET(9), mac_a, SECOND_NS);
    assert_int_equal(tw_arp_table_refresh(&table, 61 * SECOND_NS, asks, 4), 1);
    tw_arp_table_seen(&table, NET(9), mac_a, 61 * SECOND_NS + 1000);
    assert_int_equal(tw_arp_table_refresh(&table, 63 * SECOND_NS, asks, 4), 0);
    assert_int_equal(table.count, 1);
}

static void test_unanswered_question_is_forgotten(void **state)
{
    (void)state;
    uint32_t asks[4];
    assert_true(tw_arp_table_wanted(&table, NET(9), SECOND_NS));
    assert_int_equal(tw_arp_table_refresh(&table, 2 * SECOND_NS, asks, 4), 0);
    assert_int_equal(table.count, 1);
    assert_int_equal(tw_arp_table_refresh(&table, 5 * SECOND_NS, asks, 4), 0);
    assert_int_equal(table.count, 0);
}

static void test_full_table_refuses(void **state)
{
    (void)state;
    tw_arp_table_init(&table, NET(1), 16, 1);
    for (uint32_t i = 0; i < TW_ARP_ENTRIES + 10; i++)
        tw_arp_table_seen(&table, NET(i + 2), mac_a, SECOND_NS);
    assert_int_equal(table.count, TW_ARP_ENTRIES);
    assert_int_equal(table.refused_full, 10);
}

static void test_asks_fit_the_list(void **state)
{
    (void)state;
    uint32_t asks[4];
    for (uint32_t i = 0; i < 20; i++)
        tw_arp_table_seen(&table, NET(i + 2), mac_a, SECOND_NS);
    assert_int_equal(tw_arp_table_refresh(&table, 61 * SECOND_NS, asks, 4), 4);
    assert_int_equal(table.count, 20);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(test_seen_is_owed_to_all_workers, setup),
        cmocka_unit_test_setup(test_only_hosts_of_the_link, setup),
        cmocka_unit_test_setup(test_asks_once_a_second, setup),
        cmocka_unit_test_setup(test_known_but_forgotten_by_a_worker_is_told_again, setup),
        cmocka_unit_test_setup(test_change_is_limited, setup),
        cmocka_unit_test_setup(test_silent_entry_is_asked_then_forgotten, setup),
        cmocka_unit_test_setup(test_answer_refreshes, setup),
        cmocka_unit_test_setup(test_unanswered_question_is_forgotten, setup),
        cmocka_unit_test_setup(test_full_table_refuses, setup),
        cmocka_unit_test_setup(test_asks_fit_the_list, setup),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
