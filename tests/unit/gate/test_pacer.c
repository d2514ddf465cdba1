/* SPDX-License-Identifier: BSD-3-Clause */
/* What a pacer lets go, looked at from outside: against a curve of the test's own, at every look
 * and between any two of them. Prints its seed when it fails (TICKWIRE_SEED=N repeats it). */
#include "dataplane/gate/pacer.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#define US          UINT64_C(1000)
#define MS          UINT64_C(1000000)
#define TICK_HZ     60u
#define TICK_NS     (UINT64_C(1000000000) / TICK_HZ)
#define ROUNDS      300u
#define LOOKS_MAX   4096u
#define SNAPSHOTS   4000u
#define HELD_UP_PER 40u /* looks, of which one comes late */

/* Where the ring and time stand, and what the newest tick's came to. */
struct scene {
    struct tw_pacer pacer;
    struct tw_pacer_rules rules;
    uint64_t now_ns, start_ns;
    uint64_t step_ns, spread_ns; /* by the rules of when they came */
    uint32_t in_ring;
    uint32_t count, left, old; /* the newest tick's, how many are gone; those before them */
    uint64_t given, taken, late;
    struct {
        uint64_t at_ns;
        uint32_t left;
    } looks[LOOKS_MAX]; /* of the newest tick */
    uint32_t look_count;
};

static uint64_t random_state;

static uint32_t chance(uint32_t below)
{
    random_state = random_state * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return (uint32_t)(random_state >> 33) % below;
}

static uint64_t groups_of(uint32_t count)
{
    return (count + TW_PACER_GROUP - 1u) / TW_PACER_GROUP;
}

/* As the rules say it, by itself. */
static uint64_t step_of(const struct scene *scene)
{
    uint64_t step_ns = scene->rules.spread_ns / groups_of(scene->count);
    return step_ns < scene->rules.group_ns ? step_ns : scene->rules.group_ns;
}

/* So many of the newest tick's may be gone at that time, and are if somebody looks then. */
static uint64_t curve(const struct scene *scene, uint64_t at_ns)
{
    uint64_t step_ns = scene->step_ns;
    uint64_t open =
        step_ns == 0 ? scene->count : TW_PACER_GROUP * (1u + (at_ns - scene->start_ns) / step_ns);
    return open < scene->count ? open : scene->count;
}

static void give(struct scene *scene, uint32_t count)
{
    if (count == 0)
        return;
    scene->old += scene->count - scene->left;
    scene->in_ring += count;
    scene->given += count;
    scene->count = count;
    scene->left = scene->look_count = 0;
    scene->start_ns = scene->now_ns;
    scene->step_ns = step_of(scene);
    scene->spread_ns = scene->rules.spread_ns;
    assert_int_equal(scene->old + count, scene->in_ring);
}

/* Takes what may be taken, in portions as a worker does. */
static void look(struct scene *scene)
{
    struct tw_pacer *pacer = &scene->pacer;
    uint32_t may, late = 0, taken = 0;
    tw_pacer_see(pacer, &scene->rules, scene->in_ring, scene->now_ns);
    while ((may = tw_pacer_may(pacer, scene->now_ns)) > 0) {
        uint32_t portion = 1u + chance(may);
        assert_true(may <= scene->in_ring - taken);
        late += tw_pacer_take(pacer, portion);
        taken += portion;
    }
    assert_int_equal(late, scene->old); /* all of them, and at once */
    scene->old = 0;
    scene->late += late;
    scene->left += taken - late;
    scene->in_ring -= taken;
    scene->taken += taken;
    assert_int_equal(scene->pacer.waiting, scene->in_ring);
    if (scene->count == 0)
        return;
    assert_int_equal(scene->left, curve(scene, scene->now_ns));
    if (scene->now_ns - scene->start_ns >= scene->spread_ns)
        assert_int_equal(scene->in_ring, 0);
    if (scene->look_count < LOOKS_MAX) {
        scene->looks[scene->look_count].at_ns = scene->now_ns;
        scene->looks[scene->look_count++].left = scene->left;
    }
    uint64_t next_ns = tw_pacer_next_ns(pacer);
    assert_true(scene->in_ring > 0 ? next_ns > scene->now_ns : next_ns == UINT64_MAX);
}

/* Between any two looks no more than a group and what the time between them is worth. */
static void check_windows(const struct scene *scene)
{
    uint64_t step_ns = scene->step_ns;
    for (uint32_t i = 0; step_ns > 0 && i < scene->look_count; i++) {
        for (uint32_t k = i + 1u; k < scene->look_count; k++) {
            uint64_t passed_ns = scene->looks[k].at_ns - scene->looks[i].at_ns;
            assert_true(scene->looks[k].left - scene->looks[i].left <=
                        TW_PACER_GROUP * (1u + passed_ns / step_ns));
        }
    }
}

static void set_rules(struct scene *scene)
{
    static const uint32_t percents[] = {0, 1, 20, 50, 90};
    static const uint32_t per_ms[] = {32, 500, 1000000};
    uint32_t percent = percents[chance(5)], rate = per_ms[chance(3)];
    scene->rules = tw_pacer_rules_make(TICK_HZ, percent, rate);
}

/* Ticks whose snapshots come when they like, also before the last ones' are gone; a worker that
 * looks when it likes, and now and then for a while does not. */
static void what_leaves_follows_the_curve(void **state)
{
    (void)state;
    static struct scene scene;
    for (uint32_t round = 0; round < ROUNDS; round++) {
        uint32_t limit = 1u + chance(SNAPSHOTS);
        set_rules(&scene);
        scene.now_ns += chance((uint32_t)MS);
        give(&scene, chance(4) == 0 ? chance(40) : chance(limit));
        uint64_t end_ns = scene.now_ns + (chance(8) == 0 ? chance((uint32_t)(2 * MS)) : TICK_NS);
        uint32_t pause_ns = 1u + chance((uint32_t)(200 * US));
        look(&scene);
        while (scene.now_ns < end_ns) {
            bool held_up = chance(HELD_UP_PER) == 0;
            scene.now_ns += held_up ? chance((uint32_t)(3 * MS)) : 1u + chance(pause_ns);
            look(&scene);
        }
        check_windows(&scene);
    }
    scene.now_ns += 2 * TICK_NS;
    look(&scene);
    assert_int_equal(scene.taken, scene.given);
    assert_int_equal(scene.in_ring, 0);
    assert_true(scene.late > 0 && scene.late < scene.given);
}

/* A host full of players: its snapshots go at the rate, and before the half of the tick is over. */
static void ten_thousand_players_are_spread(void **state)
{
    (void)state;
    static struct scene scene;
    uint64_t gone_ns = 0;
    scene.rules = tw_pacer_rules_make(TICK_HZ, 50, 500);
    give(&scene, 3333);
    for (; scene.in_ring > 0; scene.now_ns += US) {
        uint32_t before = scene.left;
        look(&scene);
        assert_true(scene.left - before <= TW_PACER_GROUP);
        gone_ns = scene.now_ns;
    }
    assert_int_equal(gone_ns, 104u * 64u * US);
    /* Three times as many have the same time, and so go faster. */
    give(&scene, 10000);
    for (; scene.in_ring > 0; scene.now_ns += US)
        look(&scene);
    assert_true(scene.now_ns - scene.start_ns <= TICK_NS / 2u);
    assert_int_equal(scene.late, 0);
}

static void few_leave_at_once(void **state)
{
    (void)state;
    static struct scene scene;
    scene.rules = tw_pacer_rules_make(TICK_HZ, 50, 500);
    for (uint32_t count = 1; count <= TW_PACER_GROUP; count++) {
        scene.now_ns += TICK_NS;
        give(&scene, count);
        look(&scene);
        assert_int_equal(scene.in_ring, 0);
    }
    give(&scene, TW_PACER_GROUP + 1u);
    look(&scene);
    assert_int_equal(scene.in_ring, 1);
}

static void off_is_at_once(void **state)
{
    (void)state;
    static struct scene scene;
    scene.rules = tw_pacer_rules_make(TICK_HZ, 0, 500);
    give(&scene, 3333);
    look(&scene);
    assert_int_equal(scene.in_ring, 0);
}

/* What is no snapshot passes, and takes nobody's place. */
static void others_pass(void **state)
{
    (void)state;
    struct tw_pacer_rules rules = tw_pacer_rules_make(TICK_HZ, 50, 500);
    struct tw_pacer pacer = {0};
    tw_pacer_see(&pacer, &rules, 300, 0); /* 100 of them, then 200 snapshots */
    tw_pacer_pass(&pacer, 100);
    assert_int_equal(tw_pacer_may(&pacer, 0), TW_PACER_GROUP);
    assert_int_equal(tw_pacer_take(&pacer, TW_PACER_GROUP), 0);
    assert_int_equal(tw_pacer_may(&pacer, 0), 0);
    tw_pacer_see(&pacer, &rules, 168 + 5, 0); /* five more of another tick */
    assert_int_equal(tw_pacer_may(&pacer, 0), 173);
    tw_pacer_pass(&pacer, 8); /* in front of all of them */
    assert_int_equal(tw_pacer_take(&pacer, 165), 160);
    assert_int_equal(tw_pacer_next_ns(&pacer), UINT64_MAX);
}

int main(void)
{
    const char *seed = getenv("TICKWIRE_SEED");
    uint64_t start = seed ? strtoull(seed, NULL, 10) : 20260101u;
    random_state = start;
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_leaves_follows_the_curve),
        cmocka_unit_test(ten_thousand_players_are_spread),
        cmocka_unit_test(few_leave_at_once),
        cmocka_unit_test(off_is_at_once),
        cmocka_unit_test(others_pass),
    };
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    if (failed != 0)
        fprintf(stderr, "TICKWIRE_SEED=%llu\n", (unsigned long long)start);
    return failed;
}
