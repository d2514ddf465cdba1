/* SPDX-License-Identifier: BSD-3-Clause */
/* The gate's tables of sessions and of handshakes under way. */
#include "dataplane/gate/pending.h"
#include "dataplane/gate/sessions.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>
#include <sodium.h>

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

int main(void)
{
    if (sodium_init() < 0)
        return 1;
    const struct CMUnitTest tests[] = {
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
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
