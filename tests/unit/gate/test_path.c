/* SPDX-License-Identifier: BSD-3-Clause */
/* Candidate paths: when one opens, what it may be sent, which answer proves it. */
#include "dataplane/gate/path.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>
#include <sodium.h>

#define MS UINT64_C(1000000)

static const uint8_t asked[TW_CHALLENGE_SIZE] = {1, 2, 3, 4, 5, 6, 7, 8};
static const uint64_t start_ns = 123456789;

static struct tw_path_end place(uint16_t port)
{
    return (struct tw_path_end){tw_address_from_ipv4(0xc6120002u, port), 1};
}

static struct tw_path opened(void)
{
    struct tw_path path = {0};
    struct tw_path_end from = place(1);
    assert_true(tw_path_may_open(&path, start_ns));
    tw_path_open(&path, &from, asked, start_ns);
    return path;
}

static void one_a_second(void **state)
{
    (void)state;
    struct tw_path path = opened();
    struct tw_path_end one = place(1), two = place(2);
    assert_false(tw_path_may_open(&path, start_ns));
    assert_false(tw_path_may_open(&path, start_ns + 1000 * MS - 1));
    assert_true(tw_path_may_open(&path, start_ns + 1000 * MS));
    assert_true(tw_path_is_candidate(&path, &one, start_ns + 1000 * MS));
    tw_path_open(&path, &two, asked, start_ns + 1000 * MS);
    assert_false(tw_path_is_candidate(&path, &one, start_ns + 1000 * MS));
    assert_true(tw_path_is_candidate(&path, &two, start_ns + 1000 * MS));
    assert_false(tw_path_may_open(&path, start_ns + 2000 * MS - 1));
}

static void attempts_are_paced(void **state)
{
    (void)state;
    struct tw_path path = {0};
    assert_true(tw_path_try(&path, start_ns));
    assert_false(tw_path_try(&path, start_ns));
    assert_false(tw_path_try(&path, start_ns + 10 * MS - 1));
    assert_true(tw_path_try(&path, start_ns + 10 * MS));
    uint32_t tries = 0;
    for (uint64_t t = start_ns + 1000 * MS; t < start_ns + 2000 * MS; t += MS / 10)
        tries += tw_path_try(&path, t);
    assert_int_equal(tries, 100);
    /* None while no candidate could be opened anyway. */
    struct tw_path_end from = place(1);
    tw_path_open(&path, &from, asked, start_ns + 3000 * MS);
    assert_false(tw_path_try(&path, start_ns + 3500 * MS));
    assert_true(tw_path_try(&path, start_ns + 4000 * MS));
}

/* All that come are looked at while no more come than the budget gives; a draw alone takes nothing;
 * what is longer costs more. */
static void the_silent_ones_draw(void **state)
{
    (void)state;
    struct tw_path_tries tries;
    uint64_t now = start_ns;
    assert_false(tw_path_is_silent(start_ns, start_ns + 500 * MS - 1));
    assert_true(tw_path_is_silent(start_ns, start_ns + 500 * MS));
    tw_path_tries_init(&tries, 3);
    for (uint32_t i = 0; i < 100000; i++, now += 1000000000 / TW_PATH_SILENT_PER_S) {
        assert_true(tw_path_draw(&tries, now) && tw_path_draw(&tries, now));
        assert_true(tw_path_take(&tries, TW_PATH_SILENT_BYTES - 1, now));
    }
    assert_true(tw_path_draw(&tries, now));
    uint32_t taken = 0;
    while (tw_path_take(&tries, 1440, now))
        taken++;
    assert_int_equal(taken, TW_PATH_SILENT_BURST / 6);
    while (tw_path_take(&tries, 0, now)) {
    }
    for (uint32_t i = 0; i < 1000; i++)
        assert_false(tw_path_draw(&tries, now));
}

#define FLOODED_S  4u
#define STEPS_A_MS 10u

struct flood {
    uint32_t per_ms;
    uint32_t size;
    uint32_t steps; /* of a tenth of a ms, between bursts */
};

/* In each step one packet of a client's, behind all of the flood's. */
static void be_flooded(struct flood flood, uint64_t seed)
{
    struct tw_path_tries tries;
    tw_path_tries_init(&tries, seed);
    uint64_t opened = 0, forged = 0, honest = 0, came = 0;
    uint32_t burst = flood.per_ms * flood.steps / STEPS_A_MS;
    for (uint32_t step = 0; step < FLOODED_S * 1000 * STEPS_A_MS; step++) {
        uint64_t now = start_ns + step * (MS / STEPS_A_MS);
        for (uint32_t i = 0; step % flood.steps == 0 && i < burst; i++, forged++)
            opened += tw_path_draw(&tries, now) && tw_path_take(&tries, flood.size, now);
        honest += tw_path_draw(&tries, now) && tw_path_take(&tries, 64, now);
        came++;
    }
    uint64_t cost = opened * (1 + flood.size / TW_PATH_SILENT_BYTES) + honest;
    double share = (double)opened / (double)forged, theirs = (double)honest / (double)came;
    bool all = flood.per_ms * 1000 < TW_PATH_SILENT_PER_S / 2;
    if (cost > (uint64_t)FLOODED_S * TW_PATH_SILENT_PER_S + TW_PATH_SILENT_BURST ||
        theirs < 0.8 * share || (all ? theirs < 0.95 : cost < 1900000))
        fail_msg("seed %llu: of %u a ms %f were opened, of the client's %f, at a cost of %llu",
                 (unsigned long long)seed, flood.per_ms, share, theirs, (unsigned long long)cost);
}

/* It has no more than its share of the budget, whenever its packets come and however long they are:
 * the client's are opened nearly as often, behind them. */
static void a_flood_has_no_more_than_its_share(void **state)
{
    (void)state;
    static const struct flood floods[] = {
        {100, 64, 1},   {2000, 64, 1},   {6000, 64, 1},
        {2000, 64, 10}, {10000, 64, 10}, {2000, 1440, 1},
    };
    for (uint64_t seed = 1; seed <= 5; seed++)
        for (uint32_t i = 0; i < sizeof(floods) / sizeof(floods[0]); i++)
            be_flooded(floods[i], seed);
}

static void the_right_answer_once(void **state)
{
    (void)state;
    struct tw_path path = opened();
    struct tw_path_end from = place(1), elsewhere = place(2);
    for (uint8_t bit = 0; bit < 64; bit++) {
        uint8_t wrong[TW_CHALLENGE_SIZE];
        memcpy(wrong, asked, sizeof(wrong));
        wrong[bit / 8] ^= (uint8_t)(1u << bit % 8);
        assert_false(tw_path_answer(&path, &from, wrong, start_ns));
    }
    assert_false(tw_path_answer(&path, &elsewhere, asked, start_ns));
    struct tw_path_end other_interface = {from.address, 2};
    assert_false(tw_path_answer(&path, &other_interface, asked, start_ns));
    assert_true(tw_path_answer(&path, &from, asked, start_ns + 2999 * MS));
    assert_false(tw_path_answer(&path, &from, asked, start_ns + 2999 * MS));
    assert_true(sodium_is_zero(path.challenge, sizeof(path.challenge)));
}

static void answers_come_too_late(void **state)
{
    (void)state;
    struct tw_path path = opened();
    struct tw_path_end from = place(1);
    assert_true(tw_path_is_candidate(&path, &from, start_ns + 3000 * MS - 1));
    assert_false(tw_path_is_candidate(&path, &from, start_ns + 3000 * MS));
    assert_false(tw_path_answer(&path, &from, asked, start_ns + 3000 * MS));
    tw_path_received(&path, 1200);
    assert_false(tw_path_take_challenge(&path, start_ns + 3000 * MS));
    /* Nobody asked anything: no bytes are right, not even none. */
    struct tw_path none = {0};
    static const uint8_t zeros[TW_CHALLENGE_SIZE];
    assert_false(tw_path_answer(&none, &from, zeros, 0));
    assert_false(tw_path_take_challenge(&none, 0));
}

static void repeats_are_spaced(void **state)
{
    (void)state;
    struct tw_path path = opened();
    for (int i = 0; i < 100; i++)
        tw_path_received(&path, 1200);
    assert_true(tw_path_take_challenge(&path, start_ns));
    assert_false(tw_path_take_challenge(&path, start_ns + 200 * MS - 1));
    assert_true(tw_path_take_challenge(&path, start_ns + 200 * MS));
    uint32_t sent = 2;
    for (uint64_t t = start_ns + 200 * MS; t < start_ns + 4000 * MS; t += MS)
        sent += tw_path_take_challenge(&path, t);
    assert_int_equal(sent, 15);
}

/* Whatever arrives, never more than three times as much leaves: in packets and in bytes. */
static void never_more_than_three_times(void **state)
{
    (void)state;
    for (uint32_t length = 0; length <= 1200; length++) {
        struct tw_path path = opened();
        uint32_t packets = 0, sent = 0;
        for (uint64_t t = 0; t < 14; t++) {
            if (t % 4 == 0) {
                tw_path_received(&path, length);
                packets++;
            }
            sent += tw_path_take_challenge(&path, start_ns + t * 200 * MS);
            assert_true(sent <= 3 * packets);
            assert_true(sent * TW_PATH_CHALLENGE_PACKET <= 3 * packets * length);
        }
        uint32_t by_bytes = 3 * packets * length / TW_PATH_CHALLENGE_PACKET;
        uint32_t most = by_bytes < 3 * packets ? by_bytes : 3 * packets;
        assert_true(sent > 0 || most == 0);
        assert_true(length < 1200 || sent == 11); /* three for each packet, and two in the end */
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(one_a_second),
        cmocka_unit_test(attempts_are_paced),
        cmocka_unit_test(the_silent_ones_draw),
        cmocka_unit_test(a_flood_has_no_more_than_its_share),
        cmocka_unit_test(the_right_answer_once),
        cmocka_unit_test(answers_come_too_late),
        cmocka_unit_test(repeats_are_spaced),
        cmocka_unit_test(never_more_than_three_times),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
