/* SPDX-License-Identifier: BSD-3-Clause */
#include "dataplane/engine/neighbour_table.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#define SECOND_NS UINT64_C(1000000000)
#define NET(host) (0xc6120000u | (host)) /* 198.18.0.0/16 */

static struct tw_neighbour_table table;
static struct tw_config_port port;
static const uint8_t mac_a[6] = {2, 0, 0, 0, 0, 0xa};
static const uint8_t mac_b[6] = {2, 0, 0, 0, 0, 0xb};

static int setup(void **state)
{
    (void)state;
    port = (struct tw_config_port){.address = NET(1), .prefix_length = 24};
    tw_neighbour_table_init_ipv4(&table, &port, 2);
    return 0;
}

static void seen(uint32_t ipv4, const uint8_t mac[6], uint64_t now_ns)
{
    struct tw_address address = tw_address_from_ipv4(ipv4, 0);
    struct tw_neighbour_news news = {.ip = address.ip, .mac = mac};
    tw_neighbour_table_seen(&table, &news, now_ns);
}

static bool wanted(uint32_t ipv4, uint64_t now_ns)
{
    return tw_neighbour_table_wanted(&table, tw_address_from_ipv4(ipv4, 0).ip, now_ns);
}

static void test_seen_is_owed_to_all_workers(void **state)
{
    (void)state;
    seen(NET(7), mac_a, SECOND_NS);
    assert_int_equal(table.count, 1);
    assert_int_equal(table.entries[0].owed, 3);
    assert_memory_equal(table.entries[0].mac, mac_a, 6);
    table.entries[0].owed = 0;
    seen(NET(7), mac_a, 2 * SECOND_NS);
    assert_int_equal(table.entries[0].owed, 0);
}

static void test_only_hosts_of_the_link(void **state)
{
    (void)state;
    static const uint8_t group[6] = {3, 0, 0, 0, 0, 1};
    static const uint8_t zero[6] = {0};
    seen(NET(0x107), mac_a, SECOND_NS); /* other network */
    seen(NET(1), mac_a, SECOND_NS);     /* ourselves */
    seen(NET(0), mac_a, SECOND_NS);     /* network */
    seen(NET(255), mac_a, SECOND_NS);   /* broadcast */
    seen(0, mac_a, SECOND_NS);
    seen(NET(7), group, SECOND_NS);
    seen(NET(7), zero, SECOND_NS);
    assert_false(wanted(NET(0x107), SECOND_NS));
    assert_int_equal(table.count, 0);
    assert_int_equal(table.refused_foreign, 8);
}

static void test_asks_once_a_second(void **state)
{
    (void)state;
    assert_true(wanted(NET(9), SECOND_NS));
    for (uint64_t now = SECOND_NS; now < 2 * SECOND_NS; now += SECOND_NS / 50)
        assert_false(wanted(NET(9), now));
    assert_true(wanted(NET(9), 2 * SECOND_NS));
    /* Another host is another matter. */
    assert_true(wanted(NET(10), 2 * SECOND_NS));
}

static void test_known_but_forgotten_by_a_worker_is_told_again(void **state)
{
    (void)state;
    seen(NET(9), mac_a, SECOND_NS);
    table.entries[0].owed = 0;
    assert_false(wanted(NET(9), SECOND_NS));
    assert_int_equal(table.entries[0].owed, 3);
}

static void test_change_is_limited(void **state)
{
    (void)state;
    seen(NET(9), mac_a, 10 * SECOND_NS);
    seen(NET(9), mac_b, 10 * SECOND_NS + 5);
    assert_memory_equal(table.entries[0].mac, mac_a, 6);
    seen(NET(9), mac_b, 11 * SECOND_NS);
    assert_memory_equal(table.entries[0].mac, mac_b, 6);
    assert_int_equal(table.changes, 1);
    assert_int_equal(table.entries[0].owed, 3);
}

static void test_silent_entry_is_asked_then_forgotten(void **state)
{
    (void)state;
    uint8_t asks[4][16];
    seen(NET(9), mac_a, SECOND_NS);
    assert_int_equal(tw_neighbour_table_refresh(&table, 60 * SECOND_NS, asks, 4), 0);
    uint64_t now = 61 * SECOND_NS;
    for (int i = 0; i < 3; i++, now += SECOND_NS) {
        assert_int_equal(tw_neighbour_table_refresh(&table, now, asks, 4), 1);
        assert_int_equal(tw_ip_ipv4(asks[0]), NET(9));
        assert_int_equal(tw_neighbour_table_refresh(&table, now + SECOND_NS / 2, asks, 4), 0);
        assert_int_equal(table.count, 1);
    }
    assert_int_equal(tw_neighbour_table_refresh(&table, now, asks, 4), 0);
    assert_int_equal(table.count, 0);
}

static void test_answer_refreshes(void **state)
{
    (void)state;
    uint8_t asks[4][16];
    seen(NET(9), mac_a, SECOND_NS);
    assert_int_equal(tw_neighbour_table_refresh(&table, 61 * SECOND_NS, asks, 4), 1);
    seen(NET(9), mac_a, 61 * SECOND_NS + 1000);
    assert_int_equal(tw_neighbour_table_refresh(&table, 63 * SECOND_NS, asks, 4), 0);
    assert_int_equal(table.count, 1);
}

static void test_unanswered_question_is_forgotten(void **state)
{
    (void)state;
    uint8_t asks[4][16];
    assert_true(wanted(NET(9), SECOND_NS));
    assert_int_equal(tw_neighbour_table_refresh(&table, 2 * SECOND_NS, asks, 4), 0);
    assert_int_equal(table.count, 1);
    assert_int_equal(tw_neighbour_table_refresh(&table, 5 * SECOND_NS, asks, 4), 0);
    assert_int_equal(table.count, 0);
}

static void test_full_table_refuses(void **state)
{
    (void)state;
    port.prefix_length = 16;
    tw_neighbour_table_init_ipv4(&table, &port, 1);
    for (uint32_t i = 0; i < TW_NEIGHBOUR_ENTRIES + 10; i++)
        seen(NET(i + 2), mac_a, SECOND_NS);
    assert_int_equal(table.count, TW_NEIGHBOUR_ENTRIES);
    assert_int_equal(table.refused_full, 10);
}

static void test_asks_fit_the_list(void **state)
{
    (void)state;
    uint8_t asks[4][16];
    for (uint32_t i = 0; i < 20; i++)
        seen(NET(i + 2), mac_a, SECOND_NS);
    assert_int_equal(tw_neighbour_table_refresh(&table, 61 * SECOND_NS, asks, 4), 4);
    assert_int_equal(table.count, 20);
}

/* However many others ask, the gateway can still be learnt: all who are far away are behind it. */
static void test_gateway_finds_room(void **state)
{
    (void)state;
    port.prefix_length = 16;
    port.gateway = NET(0xfffe);
    tw_neighbour_table_init_ipv4(&table, &port, 1);
    for (uint32_t i = 0; i < TW_NEIGHBOUR_ENTRIES + 10; i++)
        seen(NET(i + 2), mac_a, SECOND_NS);
    assert_int_equal(table.count, TW_NEIGHBOUR_ENTRIES - 1);
    seen(port.gateway, mac_b, SECOND_NS);
    assert_int_equal(table.count, TW_NEIGHBOUR_ENTRIES);
    assert_memory_equal(table.entries[TW_NEIGHBOUR_ENTRIES - 1].mac, mac_b, 6);
}

/* What its sender does not want to override is taken only where nothing was known. */
static void test_known_is_kept_when_told_so(void **state)
{
    (void)state;
    struct tw_address address = tw_address_from_ipv4(NET(9), 0);
    struct tw_neighbour_news news = {.ip = address.ip, .mac = mac_a, .keeps_known = true};
    tw_neighbour_table_seen(&table, &news, SECOND_NS);
    assert_memory_equal(table.entries[0].mac, mac_a, 6);
    news.mac = mac_b;
    tw_neighbour_table_seen(&table, &news, 20 * SECOND_NS);
    assert_memory_equal(table.entries[0].mac, mac_a, 6);
    news.keeps_known = false;
    tw_neighbour_table_seen(&table, &news, 20 * SECOND_NS);
    assert_memory_equal(table.entries[0].mac, mac_b, 6);
}

static void test_only_ipv6_hosts_of_the_link(void **state)
{
    (void)state;
    static const struct {
        uint8_t ip[16];
        bool taken;
    } cases[] = {
        {{0xfd, 0, 1, [15] = 2}, true},
        {{0xfd, 0, 1, [8] = 7, [15] = 2}, true},
        {{0xfe, 0x80, [15] = 9}, true},
        {{0xfd, 0, 1, [15] = 1}, false}, /* ourselves */
        {{0xfd, 0, 1, [7] = 1, [15] = 2}, false},
        {{0xff, 2, [15] = 1}, false},
        {{0}, false},
        {{0xfe, 0xc0, [15] = 9}, false},
        {{[10] = 0xff, [11] = 0xff, [15] = 9}, false},
    };
    port = (struct tw_config_port){.address6 = {0xfd, 0, 1, [15] = 1}, .prefix_length6 = 64};
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        tw_neighbour_table_init_ipv6(&table, &port, 1);
        assert_int_equal(tw_neighbour_table_wanted(&table, cases[i].ip, SECOND_NS), cases[i].taken);
        assert_int_equal(table.count, cases[i].taken);
        assert_int_equal(table.refused_foreign, !cases[i].taken);
    }
    /* Prefixes that end within a byte, and a link of one's own. */
    port.prefix_length6 = 125;
    tw_neighbour_table_init_ipv6(&table, &port, 1);
    assert_true(tw_neighbour_table_wanted(&table, (uint8_t[16]){0xfd, 0, 1, [15] = 7}, SECOND_NS));
    assert_false(tw_neighbour_table_wanted(&table, (uint8_t[16]){0xfd, 0, 1, [15] = 8}, SECOND_NS));
    port.prefix_length6 = 128;
    tw_neighbour_table_init_ipv6(&table, &port, 1);
    assert_false(tw_neighbour_table_wanted(&table, cases[0].ip, SECOND_NS));
    /* A port without an IPv6 address knows nobody. */
    port = (struct tw_config_port){.prefix_length6 = 64};
    tw_neighbour_table_init_ipv6(&table, &port, 1);
    assert_false(tw_neighbour_table_wanted(&table, cases[2].ip, SECOND_NS));
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
        cmocka_unit_test_setup(test_gateway_finds_room, setup),
        cmocka_unit_test_setup(test_known_is_kept_when_told_so, setup),
        cmocka_unit_test_setup(test_only_ipv6_hosts_of_the_link, setup),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
