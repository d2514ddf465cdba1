/* SPDX-License-Identifier: BSD-3-Clause */
#include "dataplane/gate/neighbour_asks.h"
#include "dataplane/gate/neighbours.h"
#include "dataplane/gate/neighbours_ipv6.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define SECOND UINT64_C(1000000000)

static void neighbours_find_next_hops(void **state)
{
    (void)state;
    struct tw_neighbours *table = calloc(1, sizeof(*table));
    assert_non_null(table);
    tw_neighbours_init(table, 0xc6120001, 24, 0xc61200fe);
    assert_int_equal(tw_neighbours_next_hop(table, 0xc6120007), 0xc6120007);
    assert_int_equal(tw_neighbours_next_hop(table, 0x08080808), 0xc61200fe);
    assert_null(tw_neighbours_find(table, 0xc6120007));
    assert_null(tw_neighbours_find(table, 0));
    for (uint32_t host = 2; host < 254; host++) {
        uint8_t mac[6] = {2, 0, 0, 0, 0, (uint8_t)host};
        tw_neighbours_set(table, 0xc6120000 + host, mac);
    }
    for (uint32_t host = 2; host < 254; host++) {
        const uint8_t *mac = tw_neighbours_find(table, 0xc6120000 + host);
        assert_non_null(mac);
        assert_int_equal(mac[5], host);
    }
    uint8_t moved[6] = {2, 1, 1, 1, 1, 1};
    tw_neighbours_set(table, 0xc6120007, moved);
    assert_memory_equal(tw_neighbours_find(table, 0xc6120007), moved, 6);
    tw_neighbours_init(table, 0xc6120001, 24, 0);
    assert_int_equal(tw_neighbours_next_hop(table, 0x08080808), 0);
    free(table);
}

/* Whoever is on the link may call itself by any address of it, also by those of one set. */
static void neighbours_keep_the_gateway(void **state)
{
    (void)state;
    struct tw_neighbours *table = calloc(1, sizeof(*table));
    const uint8_t mac[6] = {2, 0, 0, 0, 0, 1};
    assert_non_null(table);
    tw_neighbours_init(table, 0x0a000001, 8, 0x0a0000fe);
    tw_neighbours_set(table, 0x0a0000fe, mac);
    for (uint32_t host = 0x0a000100; host < 0x0a000100 + 20000; host++)
        tw_neighbours_set(table, host, mac);
    assert_non_null(tw_neighbours_find(table, 0x0a0000fe));
    assert_non_null(tw_neighbours_find(table, 0x0a000100 + 19999));
    free(table);
}

static void neighbours_make_room(void **state)
{
    (void)state;
    struct tw_neighbours *table = calloc(1, sizeof(*table));
    assert_non_null(table);
    tw_neighbours_init(table, 0x0a000001, 8, 0);
    uint8_t mac[6] = {2};
    for (uint32_t host = 2; host < 5000; host++)
        tw_neighbours_set(table, 0x0a000000 + host, mac);
    assert_non_null(tw_neighbours_find(table, 0x0a000000 + 4999)); /* the newest stays */
    uint32_t known = 0;
    for (uint32_t host = 2; host < 5000; host++)
        known += tw_neighbours_find(table, 0x0a000000 + host) != NULL;
    assert_int_equal(known, TW_NEIGHBOUR_SETS * TW_NEIGHBOUR_WAYS);
    free(table);
}

static bool may_ask(struct tw_neighbour_asks *asks, uint32_t host, uint64_t now_ns)
{
    return tw_neighbour_asks_may(asks, tw_address_from_ipv4(host, 0).ip, now_ns);
}

static void neighbours_ask_rarely(void **state)
{
    (void)state;
    static const uint8_t nobody[16], other[16] = {0xfe, 0x80, [15] = 7};
    struct tw_neighbour_asks asks = {.next = 0};
    tw_neighbour_asks_init(&asks);
    assert_false(tw_neighbour_asks_may(&asks, nobody, 0));
    assert_true(may_ask(&asks, 7, 0));
    assert_true(tw_neighbour_asks_may(&asks, other, 0));
    assert_false(may_ask(&asks, 7, SECOND - 1));
    assert_true(may_ask(&asks, 7, SECOND));
    uint32_t asked = 0;
    for (uint32_t host = 100; host < 1100; host++)
        asked += may_ask(&asks, host, SECOND);
    assert_in_range(asked, TW_NEIGHBOUR_ASKS_AT_ONCE - 1, TW_NEIGHBOUR_ASKS_AT_ONCE);
}

/* ---- neighbours over IPv6 ------------------------------------------------------------------- */

static const uint8_t own6[16] = {0xfd, 0, [15] = 1}, router6[16] = {0xfe, 0x80, [15] = 0xfe};

static void make_ip6(uint8_t ip[16], uint32_t host)
{
    memset(ip, 0, 16);
    ip[0] = 0xfd;
    for (int i = 0; i < 4; i++)
        ip[12 + i] = (uint8_t)(host >> (24 - 8 * i));
}

static void neighbours6_find_next_hops(void **state)
{
    (void)state;
    static const uint8_t nobody[16], far[16] = {0x20, 0x01, [15] = 5};
    static const uint8_t local[16] = {0xfe, 0x80, [15] = 7};
    uint8_t near[16], mac[6] = {2, 0, 0, 0, 0, 9};
    struct tw_neighbours6 *table = calloc(1, sizeof(*table));
    assert_non_null(table);
    tw_neighbours6_init(table, own6, 64, router6);
    make_ip6(near, 77);
    assert_memory_equal(tw_neighbours6_next_hop(table, near), near, 16);
    assert_memory_equal(tw_neighbours6_next_hop(table, local), local, 16);
    assert_memory_equal(tw_neighbours6_next_hop(table, far), router6, 16);
    assert_null(tw_neighbours6_find(table, near));
    assert_null(tw_neighbours6_find(table, nobody));
    for (uint32_t host = 2; host < 300; host++) {
        make_ip6(near, host);
        mac[5] = (uint8_t)host;
        tw_neighbours6_set(table, near, mac);
        assert_memory_equal(tw_neighbours6_find(table, near), mac, 6);
    }
    mac[4] = 1;
    tw_neighbours6_set(table, near, mac); /* it moved */
    assert_memory_equal(tw_neighbours6_find(table, near), mac, 6);
    tw_neighbours6_init(table, own6, 64, nobody);
    assert_null(tw_neighbours6_find(table, tw_neighbours6_next_hop(table, far)));
    free(table);
}

static void neighbours6_make_room_but_keep_the_gateway(void **state)
{
    (void)state;
    uint8_t ip[16];
    const uint8_t mac[6] = {2, 0, 0, 0, 0, 9};
    struct tw_neighbours6 *table = calloc(1, sizeof(*table));
    assert_non_null(table);
    tw_neighbours6_init(table, own6, 64, router6);
    tw_neighbours6_set(table, router6, mac);
    for (uint32_t host = 2; host < 20000; host++) {
        make_ip6(ip, host);
        tw_neighbours6_set(table, ip, mac);
        assert_non_null(tw_neighbours6_find(table, ip));
    }
    assert_non_null(tw_neighbours6_find(table, router6));
    uint32_t known = 0;
    for (uint32_t host = 2; host < 20000; host++) {
        make_ip6(ip, host);
        known += tw_neighbours6_find(table, ip) != NULL;
    }
    assert_in_range(known, 900, 1023);
    free(table);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(neighbours_find_next_hops),
        cmocka_unit_test(neighbours_make_room),
        cmocka_unit_test(neighbours_keep_the_gateway),
        cmocka_unit_test(neighbours_ask_rarely),
        cmocka_unit_test(neighbours6_find_next_hops),
        cmocka_unit_test(neighbours6_make_room_but_keep_the_gateway),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
