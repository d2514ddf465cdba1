/* SPDX-License-Identifier: BSD-3-Clause */
/* A port's life: links that come and go, resets that succeed, fail, take long, overlap. */
#include "dataplane/engine/port_life.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#define MS UINT64_C(1000000)

static struct tw_port_life life;
static struct tw_port_sight sight;
static uint64_t now_ns;

static int setup(void **state)
{
    (void)state;
    memset(&life, 0, sizeof(life));
    sight = (struct tw_port_sight){.link = true, .workers_obey = true};
    now_ns = 1000 * MS;
    return 0;
}

static enum tw_port_step turn(void)
{
    now_ns += MS;
    return tw_port_life_turn(&life, &sight, now_ns);
}

static void expect(enum tw_port_state state, enum tw_port_order order)
{
    assert_int_equal(life.state, state);
    assert_int_equal(tw_port_life_order(&life), order);
}

static void begin_reset(void)
{
    sight.reset_asked = true;
    sight.workers_obey = false;
    assert_int_equal(turn(), TW_PORT_STEP_ORDER);
    expect(TW_PORT_STATE_LEAVING, TW_PORT_LEAVE);
}

static void reach_driver(void)
{
    begin_reset();
    sight.workers_obey = true;
    assert_int_equal(turn(), TW_PORT_STEP_RESET);
    expect(TW_PORT_STATE_RESETTING, TW_PORT_LEAVE);
}

static void links_come_and_go(void **state)
{
    (void)state;
    assert_int_equal(turn(), TW_PORT_STEP_NONE);
    expect(TW_PORT_STATE_UP, TW_PORT_SERVE);
    for (uint32_t i = 1; i <= 3; i++) {
        sight.link = false;
        assert_int_equal(turn(), TW_PORT_STEP_ORDER);
        expect(TW_PORT_STATE_NO_LINK, TW_PORT_LINK_DOWN);
        assert_int_equal(turn(), TW_PORT_STEP_NONE); /* told once */
        assert_int_equal(life.link_downs, i);
        sight.link = true;
        assert_int_equal(turn(), TW_PORT_STEP_ORDER);
        expect(TW_PORT_STATE_UP, TW_PORT_SERVE);
        assert_int_equal(turn(), TW_PORT_STEP_NONE);
    }
    assert_int_equal(life.resets, 0);
}

/* Left alone for as long as that end is there, and served again when one with enough of them is. */
static void another_end_with_few_queues(void **state)
{
    (void)state;
    sight.few_queues = true;
    assert_int_equal(turn(), TW_PORT_STEP_ORDER);
    expect(TW_PORT_STATE_MISMATCHED, TW_PORT_LEAVE);
    assert_int_equal(turn(), TW_PORT_STEP_NONE); /* told once */
    sight.link = false;
    assert_int_equal(turn(), TW_PORT_STEP_ORDER);
    expect(TW_PORT_STATE_NO_LINK, TW_PORT_LINK_DOWN);
    assert_int_equal(life.link_downs, 1);
    sight.link = true;
    assert_int_equal(turn(), TW_PORT_STEP_ORDER);
    expect(TW_PORT_STATE_MISMATCHED, TW_PORT_LEAVE); /* the same one again */
    sight.few_queues = false;
    assert_int_equal(turn(), TW_PORT_STEP_ORDER);
    expect(TW_PORT_STATE_UP, TW_PORT_SERVE); /* another one, so fast that no link was missed */
    assert_int_equal(life.link_downs, 1);
    sight.few_queues = true;
    assert_int_equal(turn(), TW_PORT_STEP_ORDER);
    begin_reset(); /* an operator may have it reset */
}

/* The driver is touched after the last worker's word, and the workers come back after the driver.
 */
static void reset_waits_for_the_workers(void **state)
{
    (void)state;
    begin_reset();
    for (uint32_t i = 0; i < 100; i++)
        assert_int_equal(turn(), TW_PORT_STEP_NONE);
    sight.link = false; /* of a card that is being reset nothing is believed */
    assert_int_equal(turn(), TW_PORT_STEP_NONE);
    sight.workers_obey = true;
    assert_int_equal(turn(), TW_PORT_STEP_RESET);
    sight.reset_asked = false;
    assert_int_equal(tw_port_life_reset_done(&life, true, now_ns + 900 * MS), TW_PORT_STEP_ORDER);
    expect(TW_PORT_STATE_NO_LINK, TW_PORT_LINK_DOWN);
    assert_int_equal(turn(), TW_PORT_STEP_NONE);
    sight.link = true;
    assert_int_equal(turn(), TW_PORT_STEP_ORDER);
    expect(TW_PORT_STATE_UP, TW_PORT_SERVE);
    assert_int_equal(life.resets, 1);
    assert_int_equal(life.reset_failures, 0);
    assert_int_equal(life.link_downs, 0); /* a reset is not a link that went down */
}

static void a_reset_without_a_link(void **state)
{
    (void)state;
    sight.link = false;
    assert_int_equal(turn(), TW_PORT_STEP_ORDER);
    reach_driver();
    sight.reset_asked = false;
    assert_int_equal(tw_port_life_reset_done(&life, true, now_ns), TW_PORT_STEP_ORDER);
    expect(TW_PORT_STATE_NO_LINK, TW_PORT_LINK_DOWN);
    assert_int_equal(life.link_downs, 1);
}

static void a_worker_that_never_leaves_is_told(void **state)
{
    (void)state;
    begin_reset();
    uint64_t began_ns = now_ns;
    enum tw_port_step step;
    while ((step = turn()) == TW_PORT_STEP_NONE)
        assert_true(now_ns - began_ns < TW_PORT_LEAVE_NS);
    assert_int_equal(step, TW_PORT_STEP_STUCK);
    assert_int_equal(now_ns - began_ns, TW_PORT_LEAVE_NS);
}

/* Tried again twice a second, then given up; what came back in between is counted. */
static void failures_are_bounded(void **state)
{
    (void)state;
    reach_driver();
    uint64_t began_ns = now_ns, last_ns = now_ns;
    uint32_t tries = 1;
    enum tw_port_step step = tw_port_life_reset_done(&life, false, now_ns);
    while (step == TW_PORT_STEP_NONE) {
        if (turn() == TW_PORT_STEP_NONE)
            continue;
        assert_int_equal(now_ns - last_ns, TW_PORT_RETRY_NS);
        last_ns = now_ns;
        tries++;
        step = tw_port_life_reset_done(&life, false, now_ns);
    }
    assert_int_equal(step, TW_PORT_STEP_ORDER);
    expect(TW_PORT_STATE_FAILED, TW_PORT_LEAVE);
    assert_int_equal(tries, TW_PORT_RESET_NS / TW_PORT_RETRY_NS);
    assert_int_equal(life.reset_failures, tries);
    assert_true(now_ns - began_ns < TW_PORT_RESET_NS);
    sight.link = sight.reset_asked = true;
    for (uint32_t i = 0; i < 10; i++)
        assert_int_equal(turn(), TW_PORT_STEP_NONE); /* for good */
}

static void a_slow_failure_is_the_last(void **state)
{
    (void)state;
    reach_driver();
    assert_int_equal(tw_port_life_reset_done(&life, false, now_ns + TW_PORT_RESET_NS),
                     TW_PORT_STEP_ORDER);
    expect(TW_PORT_STATE_FAILED, TW_PORT_LEAVE);
}

static void a_later_try_succeeds(void **state)
{
    (void)state;
    reach_driver();
    assert_int_equal(tw_port_life_reset_done(&life, false, now_ns), TW_PORT_STEP_NONE);
    assert_int_equal(life.tries, 1);
    while (turn() == TW_PORT_STEP_NONE)
        continue;
    sight.reset_asked = false;
    assert_int_equal(tw_port_life_reset_done(&life, true, now_ns), TW_PORT_STEP_ORDER);
    assert_int_equal(turn(), TW_PORT_STEP_ORDER);
    expect(TW_PORT_STATE_UP, TW_PORT_SERVE);
    reach_driver();
    assert_int_equal(life.tries, 0); /* the next reset has a time of its own */
}

static void a_removed_port_is_left_in_every_state(void **state)
{
    (void)state;
    for (uint32_t at = 0; at < 4; at++) {
        setup(state);
        if (at == 1) {
            sight.link = false;
            (void)turn();
        } else if (at == 2) {
            begin_reset();
        } else if (at == 3) {
            reach_driver();
            (void)tw_port_life_reset_done(&life, false, now_ns);
        }
        sight.removed = true;
        assert_int_equal(turn(), TW_PORT_STEP_ORDER);
        expect(TW_PORT_STATE_FAILED, TW_PORT_LEAVE);
        assert_int_equal(turn(), TW_PORT_STEP_NONE);
    }
}

/* Whatever happens: the driver is asked for a reset only while every worker has left, each order is
 * told once, and the counters tell what happened. */
static void random_lives(void **state)
{
    uint64_t start = (uint64_t)time(NULL), seed = start;
    for (uint32_t round = 0; round < 200; round++) {
        setup(state);
        uint64_t resets = 0, failures = 0, downs = 0;
        enum tw_port_state before = life.state;
        for (uint32_t i = 0; i < 2000; i++) {
            seed = seed * UINT64_C(6364136223846793005) + 1442695040888963407u;
            uint32_t dice = (uint32_t)(seed >> 33);
            sight.link = (dice & 7u) != 0;
            sight.reset_asked = (dice >> 3 & 31u) == 0;
            sight.workers_obey = (dice >> 8 & 3u) == 0;
            enum tw_port_step step = turn();
            if (step == TW_PORT_STEP_RESET) {
                bool good = (dice >> 10 & 1u) != 0;
                if (life.state != TW_PORT_STATE_RESETTING ||
                    (before == TW_PORT_STATE_LEAVING && !sight.workers_obey))
                    fail_msg("seed %llu: reset under a worker", (unsigned long long)start);
                resets += good;
                failures += !good;
                (void)tw_port_life_reset_done(&life, good, now_ns);
            }
            downs += before == TW_PORT_STATE_UP && life.state == TW_PORT_STATE_NO_LINK;
            if ((step == TW_PORT_STEP_NONE) != (life.state == before) && step != TW_PORT_STEP_RESET)
                fail_msg("seed %llu: an untold change", (unsigned long long)start);
            before = life.state;
        }
        assert_int_equal(life.resets, resets);
        assert_int_equal(life.reset_failures, failures);
        assert_int_equal(life.link_downs, downs);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(links_come_and_go, setup),
        cmocka_unit_test_setup(another_end_with_few_queues, setup),
        cmocka_unit_test_setup(reset_waits_for_the_workers, setup),
        cmocka_unit_test_setup(a_reset_without_a_link, setup),
        cmocka_unit_test_setup(a_worker_that_never_leaves_is_told, setup),
        cmocka_unit_test_setup(failures_are_bounded, setup),
        cmocka_unit_test_setup(a_slow_failure_is_the_last, setup),
        cmocka_unit_test_setup(a_later_try_succeeds, setup),
        cmocka_unit_test_setup(a_removed_port_is_left_in_every_state, setup),
        cmocka_unit_test_setup(random_lives, setup),
    };
    return cmocka_run_group_tests_name("port_life", tests, NULL, NULL);
}
