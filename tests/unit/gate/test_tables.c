/* SPDX-License-Identifier: BSD-3-Clause */
/* The gate's fixed-size tables: budgets, neighbours, sessions, handshakes, input windows. */
#include "dataplane/gate/budget.h"
#include "dataplane/gate/inputs.h"
#include "dataplane/gate/neighbour_asks.h"
#include "dataplane/gate/neighbours.h"
#include "dataplane/gate/neighbours_ipv6.h"
#include "dataplane/gate/pending.h"
#include "dataplane/gate/sessions.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>
#include <sodium.h>

#define SECOND UINT64_C(1000000000)

/* ---- budgets -------------------------------------------------------------------------------- */

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

/* ---- neighbours ----------------------------------------------------------------------------- */

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

/* ---- sessions ------------------------------------------------------------------------------- */

static struct tw_sessions make_sessions(uint32_t capacity, uint64_t seed, void **memory)
{
    struct tw_sessions sessions;
    size_t size = tw_sessions_footprint(capacity);
    *memory = aligned_alloc(64, (size + 63) / 64 * 64);
    assert_non_null(*memory);
    memset(*memory, 0, size);
    tw_sessions_init(&sessions, *memory, capacity, 3, seed);
    return sessions;
}

static void sessions_cannot_be_enumerated(void **state)
{
    (void)state;
    void *memory;
    struct tw_sessions sessions = make_sessions(256, 42, &memory);
    uint16_t last[256] = {0};
    uint32_t epochs[256] = {0};
    uint32_t neighbours = 0, previous = 0;
    for (int round = 0; round < 40; round++) {
        bool seen[256] = {false};
        for (uint32_t i = 0; i < 256; i++) {
            uint32_t slot = tw_sessions_take(&sessions);
            assert_in_range(slot, 0, 255);
            assert_false(seen[slot]);
            seen[slot] = true;
            const struct tw_session *session = &sessions.hot[slot];
            assert_int_not_equal(session->generation, 0);
            assert_int_not_equal(session->generation, last[slot]);
            assert_true(session->route_epoch > epochs[slot]);
            last[slot] = session->generation;
            epochs[slot] = session->route_epoch;
            neighbours += slot == previous + 1;
            previous = slot;
            assert_int_equal(tw_connection_worker(tw_sessions_id(&sessions, slot)), 3);
        }
        assert_int_equal(tw_sessions_take(&sessions), TW_SESSION_NONE);
        for (uint32_t slot = 0; slot < 256; slot++)
            tw_sessions_release(&sessions, slot);
    }
    /* 10,240 takes in random order follow each other about 40 times. */
    assert_in_range(neighbours, 5, 120);
    assert_int_equal(sessions.counts[TW_SESSION_FREE], 256);
    free(memory);
}

static int by_value(const void *a, const void *b)
{
    uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
    return (x > y) - (x < y);
}

/* A whole worker's 65,536 sessions come and go, all at once, in fifths, and all again. */
static void sessions_fill_a_worker(void **state)
{
    (void)state;
    const uint32_t capacity = TW_SESSIONS_PER_WORKER;
    void *memory;
    struct tw_sessions sessions = make_sessions(capacity, 77, &memory);
    uint32_t *ids = malloc(2 * capacity * sizeof(*ids));
    assert_non_null(ids);
    uint32_t *generations = calloc(1u << TW_GENERATION_BITS, sizeof(*generations));
    assert_non_null(generations);
    for (uint32_t round = 0; round < 2; round++) {
        for (uint32_t i = 0; i < capacity; i++) {
            uint32_t slot = tw_sessions_take(&sessions);
            ids[round * capacity + i] = tw_sessions_id(&sessions, slot);
            generations[sessions.hot[slot].generation]++;
            tw_sessions_set_state(&sessions, slot, TW_SESSION_LIVE);
        }
        assert_int_equal(tw_sessions_take(&sessions), TW_SESSION_NONE);
        assert_int_equal(sessions.counts[TW_SESSION_LIVE], capacity);
        for (uint32_t i = 0; i < capacity; i += 5) { /* some go, others come in their place */
            tw_sessions_release(&sessions, tw_connection_slot(ids[round * capacity + i]));
            ids[round * capacity + i] = tw_sessions_id(&sessions, tw_sessions_take(&sessions));
        }
        for (uint32_t slot = 0; slot < capacity; slot++)
            tw_sessions_release(&sessions, slot);
        assert_int_equal(sessions.counts[TW_SESSION_FREE], capacity);
    }
    /* 157,288 takes over 4,095 generations: 38 each, and no more than chance allows (5 sigma). */
    assert_int_equal(generations[0], 0);
    for (uint32_t i = 1; i < 1u << TW_GENERATION_BITS; i++)
        assert_in_range(generations[i], 1, 72);
    /* Whoever knows every id of one round has few of the next: 16 by chance in 65,536. */
    qsort(ids, capacity, sizeof(*ids), by_value);
    uint32_t known = 0;
    for (uint32_t i = 0; i < capacity; i++)
        known += bsearch(&ids[capacity + i], ids, capacity, sizeof(*ids), by_value) != NULL;
    assert_in_range(known, 0, 60);
    free(generations);
    free(ids);
    free(memory);
}

static void sessions_differ_by_seed(void **state)
{
    (void)state;
    void *memory[2];
    struct tw_sessions a = make_sessions(64, 1, &memory[0]);
    struct tw_sessions b = make_sessions(64, 2, &memory[1]);
    uint32_t same = 0;
    for (int i = 0; i < 64; i++) {
        uint32_t slot_a = tw_sessions_take(&a);
        uint32_t slot_b = tw_sessions_take(&b);
        same += tw_sessions_id(&a, slot_a) == tw_sessions_id(&b, slot_b);
    }
    assert_in_range(same, 0, 2);
    free(memory[0]);
    free(memory[1]);
}

static void sessions_find_and_wipe(void **state)
{
    (void)state;
    assert_int_equal(tw_sessions_footprint(0), 0);
    assert_int_equal(tw_sessions_footprint(65537), 0);
    void *memory;
    struct tw_sessions sessions = make_sessions(8, 9, &memory);
    uint32_t slot = tw_sessions_take(&sessions), found;
    uint32_t id = tw_sessions_id(&sessions, slot);
    assert_int_equal(sessions.counts[TW_SESSION_PENDING], 1);
    assert_int_equal(tw_sessions_find(&sessions, id, &found), TW_SESSIONS_FOUND);
    assert_int_equal(found, slot);
    uint32_t generation = tw_connection_generation(id);
    uint32_t other = tw_connection_id(3, slot, generation ^ 1);
    assert_int_equal(tw_sessions_find(&sessions, other, &found), TW_SESSIONS_STALE);
    assert_int_equal(tw_sessions_find(&sessions, tw_connection_id(3, 8, 1), &found),
                     TW_SESSIONS_UNKNOWN);
    assert_int_equal(tw_sessions_find(&sessions, tw_connection_id(3, (slot + 1) % 8, 1), &found),
                     TW_SESSIONS_UNKNOWN);
    struct tw_session_body *body = &sessions.bodies[slot];
    memset(body, 0x77, sizeof(*body));
    tw_sessions_release(&sessions, slot);
    assert_true(sodium_is_zero((const unsigned char *)body, sizeof(*body)));
    assert_int_equal(tw_sessions_find(&sessions, id, &found), TW_SESSIONS_STALE);
    free(memory);
}

/* ---- handshakes ----------------------------------------------------------------------------- */

static void sessions_are_taken_by_id(void **state)
{
    (void)state;
    void *memory;
    struct tw_sessions sessions = make_sessions(8, 5, &memory);
    uint32_t id = tw_connection_id(3, 6, 0x777), found;
    assert_true(tw_sessions_take_id(&sessions, id));
    assert_int_equal(tw_sessions_find(&sessions, id, &found), TW_SESSIONS_FOUND);
    assert_int_equal(found, 6);
    assert_int_equal(sessions.hot[6].route_epoch, 1);
    assert_int_equal(sessions.counts[TW_SESSION_PENDING], 1);
    assert_false(tw_sessions_take_id(&sessions, tw_connection_id(3, 6, 0x778)));
    assert_false(tw_sessions_take_id(&sessions, tw_connection_id(3, 8, 1)));
    /* All others can still be had, and none of them twice. */
    for (uint32_t i = 0; i < 7; i++) {
        uint32_t slot = tw_sessions_take(&sessions);
        assert_true(slot < 8 && slot != 6);
    }
    assert_int_equal(tw_sessions_take(&sessions), TW_SESSION_NONE);
    tw_sessions_release(&sessions, 6);
    assert_true(tw_sessions_take_id(&sessions, id));
    assert_int_equal(sessions.hot[6].route_epoch, 2);
    free(memory);
}

static struct tw_pending make_pending(uint32_t relayed, uint32_t sessions, void **memory)
{
    struct tw_pending pending;
    size_t size = tw_pending_footprint(relayed, sessions);
    *memory = aligned_alloc(64, (size + 63) / 64 * 64);
    assert_non_null(*memory);
    memset(*memory, 0, size);
    const uint8_t key[16] = {9};
    tw_pending_init(&pending, *memory, relayed, sessions, key);
    return pending;
}

static const uint8_t *print_of(uint32_t number)
{
    static uint8_t bytes[TW_FINGERPRINT_SIZE];
    memcpy(bytes, &number, sizeof(number));
    return bytes;
}

static void pending_life(void **state)
{
    (void)state;
    void *memory;
    struct tw_pending pending = make_pending(2, 4, &memory);
    bool gone;
    uint32_t a = tw_pending_begin(&pending, print_of(1), 0);
    uint32_t b = tw_pending_begin(&pending, print_of(2), 10);
    assert_int_equal(tw_pending_begin(&pending, print_of(3), 10), TW_PENDING_NONE);
    assert_int_equal(tw_pending_find(&pending, print_of(1)), a);
    assert_int_equal(tw_pending_find(&pending, print_of(3)), TW_PENDING_NONE);
    uint64_t request = tw_pending_request(&pending, a);
    assert_int_equal(tw_pending_of_request(&pending, request), a);
    tw_pending_install(&pending, a, 17);
    assert_int_equal(tw_pending_of_request(&pending, request), TW_PENDING_NONE);
    assert_int_equal(tw_pending_find(&pending, print_of(1)), a);
    /* b runs out of time: found no more, but its late answer is still known. */
    assert_false(tw_pending_expire(&pending, TW_PENDING_ANSWER_NS + 9, false, &gone));
    request = tw_pending_request(&pending, b);
    uint64_t end = TW_PENDING_ANSWER_NS + 10;
    assert_true(tw_pending_expire(&pending, end, false, &gone));
    assert_false(gone);
    assert_int_equal(tw_pending_find(&pending, print_of(2)), TW_PENDING_NONE);
    assert_int_equal(tw_pending_of_request(&pending, request), b);
    /* The client's next identical hello 2 is a new handshake. */
    uint32_t c = tw_pending_begin(&pending, print_of(2), end);
    assert_int_not_equal(c, TW_PENDING_NONE);
    assert_int_not_equal(c, b);
    assert_true(tw_pending_expire(&pending, end + TW_PENDING_LATE_NS, false, &gone));
    assert_true(gone);
    assert_int_equal(tw_pending_of_request(&pending, request), TW_PENDING_NONE);
    assert_int_equal(tw_pending_find(&pending, print_of(2)), c);
    tw_pending_end(&pending, a);
    assert_int_equal(tw_pending_find(&pending, print_of(1)), TW_PENDING_NONE);
    assert_int_equal(tw_pending_of_request(&pending, UINT64_MAX), TW_PENDING_NONE);
    free(memory);
}

/* An answer to an earlier use of the same entry is nobody's answer. */
static void pending_tells_uses_apart(void **state)
{
    (void)state;
    void *memory;
    struct tw_pending pending = make_pending(2, 1, &memory);
    uint32_t first = tw_pending_begin(&pending, print_of(1), 0);
    uint64_t request = tw_pending_request(&pending, first);
    tw_pending_end(&pending, first);
    uint32_t second = tw_pending_begin(&pending, print_of(2), 0);
    assert_int_equal(second, first);
    assert_int_equal(tw_pending_of_request(&pending, request), TW_PENDING_NONE);
    assert_int_equal(tw_pending_of_request(&pending, tw_pending_request(&pending, second)), second);
    free(memory);
}

static void pending_ends_all_when_control_left(void **state)
{
    (void)state;
    void *memory;
    struct tw_pending pending = make_pending(4, 1, &memory);
    uint32_t gone_count = 0;
    bool gone;
    for (uint32_t i = 0; i < 4; i++)
        assert_int_not_equal(tw_pending_begin(&pending, print_of(i), 0), TW_PENDING_NONE);
    uint64_t installed = tw_pending_request(&pending, 0);
    tw_pending_install(&pending, 0, 9);
    /* Two are expired already and wait for their late answers. */
    for (int i = 0; i < 2; i++)
        assert_true(tw_pending_expire(&pending, TW_PENDING_ANSWER_NS, false, &gone));
    uint64_t expired = tw_pending_request(&pending, 1);
    while (tw_pending_expire(&pending, TW_PENDING_ANSWER_NS, true, &gone)) {
        assert_true(gone);
        gone_count++;
    }
    assert_int_equal(gone_count, 3); /* at once, and each one of them */
    assert_int_equal(pending.relayed.count + pending.expired.count, 0);
    assert_int_equal(tw_pending_of_request(&pending, expired), TW_PENDING_NONE);
    assert_int_equal(tw_pending_of_request(&pending, installed), TW_PENDING_NONE);
    assert_int_equal(tw_pending_find(&pending, print_of(0)), 0); /* its session goes on */
    free(memory);
}

/* However long the control plane is silent: expired ones never keep new handshakes out. */
static void pending_expired_make_room(void **state)
{
    (void)state;
    void *memory;
    struct tw_pending pending = make_pending(4, 1, &memory);
    uint32_t gone_count = 0;
    bool gone;
    uint64_t now = 0;
    for (uint32_t round = 0; round < 11; round++) {
        for (uint32_t i = 0; i < 4; i++)
            assert_int_not_equal(tw_pending_begin(&pending, print_of(i), now), TW_PENDING_NONE);
        now += TW_PENDING_ANSWER_NS;
        while (tw_pending_expire(&pending, now, false, &gone))
            gone_count += gone;
    }
    while (tw_pending_expire(&pending, now + TW_PENDING_LATE_NS, false, &gone))
        gone_count += gone;
    assert_int_equal(gone_count, 44); /* every one of them got its verdict */
    free(memory);
}

/* Random begins, installs, ends: the index always agrees with a plain model. */
static void pending_agrees_with_model(void **state)
{
    (void)state;
    uint32_t start = (uint32_t)time(NULL);
    srand(start);
    void *memory;
    struct tw_pending pending = make_pending(64, 64, &memory);
    uint32_t entry_of[200];
    memset(entry_of, 0xff, sizeof(entry_of));
    for (uint32_t step = 0; step < 40000; step++) {
        uint32_t number = (uint32_t)rand() % 200;
        uint32_t *entry = &entry_of[number];
        if (*entry == TW_PENDING_NONE)
            *entry = tw_pending_begin(&pending, print_of(number), step);
        else if (rand() % 3 == 0 && pending.entries[*entry].state == TW_PENDING_RELAYED)
            tw_pending_install(&pending, *entry, number);
        else if (rand() % 2 == 0) {
            tw_pending_end(&pending, *entry);
            *entry = TW_PENDING_NONE;
        }
        uint32_t probe = (uint32_t)rand() % 200;
        if (tw_pending_find(&pending, print_of(probe)) != entry_of[probe])
            fail_msg("seed %u step %u", start, step);
    }
    free(memory);
}

/* ---- inputs --------------------------------------------------------------------------------- */

static enum tw_input_outcome offer(struct tw_input_window *window, uint32_t tick, uint32_t now)
{
    enum tw_input_outcome outcome = tw_input_window_test(window, tick, now);
    if (outcome == TW_INPUT_ROUTED)
        tw_input_window_mark(window, tick);
    return outcome;
}

static void inputs_are_routed_once(void **state)
{
    (void)state;
    struct tw_input_window window = {0};
    assert_int_equal(offer(&window, 100, 100), TW_INPUT_ROUTED);
    assert_int_equal(offer(&window, 100, 100), TW_INPUT_DUPLICATE);
    assert_int_equal(offer(&window, 37, 100), TW_INPUT_ROUTED);
    assert_int_equal(offer(&window, 37, 100), TW_INPUT_DUPLICATE);
    assert_int_equal(offer(&window, 36, 100), TW_INPUT_OLD);
    assert_int_equal(offer(&window, 160, 100), TW_INPUT_ROUTED);
    assert_int_equal(offer(&window, 161, 100), TW_INPUT_AHEAD);
    assert_int_equal(offer(&window, UINT32_MAX, 100), TW_INPUT_AHEAD);
    assert_int_equal(offer(&window, 100, 100), TW_INPUT_DUPLICATE);
    assert_int_equal(offer(&window, 99, 100), TW_INPUT_ROUTED);
    assert_int_equal(offer(&window, 96, 100), TW_INPUT_OLD);
    assert_int_equal(offer(&window, 0, 100), TW_INPUT_OLD);
    struct tw_input_window last = {0};
    assert_int_equal(offer(&last, UINT32_MAX, UINT32_MAX - 5), TW_INPUT_ROUTED);
    assert_int_equal(offer(&last, UINT32_MAX, UINT32_MAX - 5), TW_INPUT_DUPLICATE);
    struct tw_input_window first = {0};
    assert_int_equal(offer(&first, 0, 0), TW_INPUT_ROUTED);
    assert_int_equal(offer(&first, 0, 0), TW_INPUT_DUPLICATE);
}

int main(void)
{
    if (sodium_init() < 0)
        return 1;
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(budget_gives_rate_and_burst),
        cmocka_unit_test(budget_edges),
        cmocka_unit_test(source_budgets_do_not_leak),
        cmocka_unit_test(neighbours_find_next_hops),
        cmocka_unit_test(neighbours_make_room),
        cmocka_unit_test(neighbours_keep_the_gateway),
        cmocka_unit_test(neighbours_ask_rarely),
        cmocka_unit_test(neighbours6_find_next_hops),
        cmocka_unit_test(neighbours6_make_room_but_keep_the_gateway),
        cmocka_unit_test(sessions_cannot_be_enumerated),
        cmocka_unit_test(sessions_are_taken_by_id),
        cmocka_unit_test(sessions_fill_a_worker),
        cmocka_unit_test(sessions_differ_by_seed),
        cmocka_unit_test(sessions_find_and_wipe),
        cmocka_unit_test(pending_life),
        cmocka_unit_test(pending_tells_uses_apart),
        cmocka_unit_test(pending_ends_all_when_control_left),
        cmocka_unit_test(pending_expired_make_room),
        cmocka_unit_test(pending_agrees_with_model),
        cmocka_unit_test(inputs_are_routed_once),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
