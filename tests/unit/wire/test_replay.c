/* SPDX-License-Identifier: BSD-3-Clause */
#include "dataplane/wire/replay.h"

#include "tests/unit/wire/testing.h"

#define FRESH     TW_REPLAY_FRESH
#define DUPLICATE TW_REPLAY_DUPLICATE
#define OLD       TW_REPLAY_OLD
#define LAST      UINT64_MAX

struct step {
    uint64_t sequence;
    enum tw_replay_result expected; /* of test and of the commit after it */
};

static void run(const struct step *steps, size_t count)
{
    struct tw_replay replay;
    tw_replay_init(&replay);
    for (size_t i = 0; i < count; i++) {
        if (tw_replay_test(&replay, steps[i].sequence) != steps[i].expected ||
            tw_replay_commit(&replay, steps[i].sequence) != steps[i].expected)
            fail_msg("step %zu, sequence %llu", i, (unsigned long long)steps[i].sequence);
    }
}

/* 1: number 0 is never fresh, before and after others. */
static void case_1_zero(void **state)
{
    (void)state;
    const struct step steps[] = {{0, OLD}, {1, FRESH}, {0, OLD}, {2, FRESH}, {0, OLD}};
    run(steps, 5);
}

/* 2: in order, each once. */
static void case_2_in_order(void **state)
{
    (void)state;
    const struct step steps[] = {{1, FRESH},     {1, DUPLICATE}, {2, FRESH},
                                 {2, DUPLICATE}, {1, DUPLICATE}, {3, FRESH}};
    run(steps, 6);
}

/* 3: the window's far edge: newest - 1023 is inside, newest - 1024 is not. */
static void case_3_edge(void **state)
{
    (void)state;
    const struct step steps[] = {{1025, FRESH}, {1, OLD}, {2, FRESH}, {2, DUPLICATE},
                                 {1026, FRESH}, {2, OLD}, {3, FRESH}};
    run(steps, 7);
}

/* 4: first packets around the window's size. */
static void case_4_first_packets(void **state)
{
    (void)state;
    const struct step at_1023[] = {{1023, FRESH}, {1, FRESH}, {1, DUPLICATE}, {1023, DUPLICATE}};
    const struct step at_1024[] = {{1024, FRESH}, {1, FRESH}, {0, OLD}, {1024, DUPLICATE}};
    const struct step at_1025[] = {{1025, FRESH}, {1, OLD}, {1024, FRESH}, {1024, DUPLICATE}};
    run(at_1023, 4);
    run(at_1024, 4);
    run(at_1025, 4);
}

/* 5: a jump over the whole ring forgets everything before. */
static void case_5_jumps(void **state)
{
    (void)state;
    const struct step steps[] = {{5, FRESH},          {5 + 2048, FRESH},   {5, OLD},
                                 {6 + 1024, FRESH},   {5 + 1024, OLD},     {70000, FRESH},
                                 {70000 - 1, FRESH},  {70000 - 64, FRESH}, {70000 - 1023, FRESH},
                                 {70000 - 1024, OLD}, {5 + 2048, OLD}};
    run(steps, 11);
}

/* 6: a jump of exactly one lap must clear the word it lands on. */
static void case_6_one_lap(void **state)
{
    (void)state;
    for (uint64_t jump = 1; jump < 5000; jump++) {
        struct tw_replay replay;
        tw_replay_init(&replay);
        for (uint64_t i = 100; i < 300; i++)
            assert_int_equal(tw_replay_commit(&replay, i), FRESH);
        assert_int_equal(tw_replay_commit(&replay, 299 + jump), FRESH);
        for (uint64_t i = 300; i < 299 + jump; i++) {
            bool inside = 299 + jump - i < TW_REPLAY_WINDOW;
            if (tw_replay_test(&replay, i) != (inside ? FRESH : OLD))
                fail_msg("jump %llu, sequence %llu", (unsigned long long)jump,
                         (unsigned long long)i);
        }
        assert_int_equal(tw_replay_test(&replay, 299), jump < TW_REPLAY_WINDOW ? DUPLICATE : OLD);
    }
}

/* 7: the largest numbers, without overflow. */
static void case_7_end_of_numbers(void **state)
{
    (void)state;
    const struct step steps[] = {{LAST - 1, FRESH},       {LAST, FRESH},     {LAST, DUPLICATE},
                                 {LAST - 1, DUPLICATE},   {LAST - 2, FRESH}, {LAST - 1023, FRESH},
                                 {LAST - 1024, OLD},      {1, OLD},          {0, OLD},
                                 {LAST - 1023, DUPLICATE}};
    run(steps, 10);
    const struct step from_small[] = {{1, FRESH}, {LAST, FRESH}, {1, OLD}, {LAST - 1, FRESH}};
    run(from_small, 4);
}

/* 8: two copies in one burst both test fresh; only the first commit succeeds. */
static void case_8_duplicate_within_burst(void **state)
{
    (void)state;
    struct tw_replay replay;
    tw_replay_init(&replay);
    assert_int_equal(tw_replay_test(&replay, 10), FRESH);
    assert_int_equal(tw_replay_test(&replay, 10), FRESH);
    assert_int_equal(tw_replay_commit(&replay, 10), FRESH);
    assert_int_equal(tw_replay_commit(&replay, 10), DUPLICATE);
    /* ... and one that was fresh may be too old by the time it is committed. */
    assert_int_equal(tw_replay_test(&replay, 9), FRESH);
    assert_int_equal(tw_replay_commit(&replay, 9 + 1024), FRESH);
    assert_int_equal(tw_replay_commit(&replay, 9), OLD);
}

/* 9: a test alone (a forged packet) moves nothing. */
static void case_9_test_changes_nothing(void **state)
{
    (void)state;
    struct tw_replay replay, before;
    tw_replay_init(&replay);
    assert_int_equal(tw_replay_commit(&replay, 77), FRESH);
    before = replay;
    assert_int_equal(tw_replay_test(&replay, LAST), FRESH);
    assert_int_equal(tw_replay_test(&replay, 76), FRESH);
    assert_memory_equal(&replay, &before, sizeof(replay));
}

/* 10: the acknowledgement bitmap at every offset within a word. */
static void case_10_bitmap(void **state)
{
    (void)state;
    struct tw_replay replay;
    tw_replay_init(&replay);
    assert_true(tw_replay_bitmap(&replay) == 0);
    assert_int_equal(tw_replay_commit(&replay, 1), FRESH);
    assert_true(tw_replay_bitmap(&replay) == 0);
    assert_int_equal(tw_replay_commit(&replay, 3), FRESH);
    assert_true(tw_replay_bitmap(&replay) == 2);
    assert_int_equal(tw_replay_commit(&replay, 2), FRESH);
    assert_true(tw_replay_bitmap(&replay) == 3);
    assert_int_equal(tw_replay_commit(&replay, 65), FRESH);
    assert_true(tw_replay_bitmap(&replay) == UINT64_C(7) << 61);
    assert_int_equal(tw_replay_commit(&replay, 66), FRESH);
    assert_true(tw_replay_bitmap(&replay) == (UINT64_C(3) << 62 | 1));
}

#define MODEL_SIZE 65536u

/* Random walk against a set that remembers everything. */
static void random_against_set(void **state)
{
    (void)state;
    uint64_t seed = testing_seed();
    for (int round = 0; round < 20; round++) {
        static bool accepted[MODEL_SIZE];
        memset(accepted, 0, sizeof(accepted));
        /* Half of the rounds end at the largest number there is. */
        uint64_t base = round % 2 ? UINT64_MAX - (MODEL_SIZE - 1) : 0;
        uint64_t newest = 0;
        struct tw_replay replay;
        tw_replay_init(&replay);
        for (int i = 0; i < 20000; i++) {
            uint64_t random = testing_random(&seed);
            uint64_t spread = random % 8 == 0 ? 3000 : 40;
            uint64_t at = newest + random / 8 % spread;
            at = at > spread / 2 ? at - spread / 2 : 0;
            if (at >= MODEL_SIZE)
                break;
            enum tw_replay_result expected = FRESH;
            if (base + at == 0 || (at < newest && newest - at >= TW_REPLAY_WINDOW))
                expected = OLD;
            else if (accepted[at])
                expected = DUPLICATE;
            if (tw_replay_test(&replay, base + at) != expected ||
                tw_replay_commit(&replay, base + at) != expected)
                fail_msg("round %d step %d", round, i);
            if (expected == FRESH) {
                accepted[at] = true;
                newest = at > newest ? at : newest;
            }
            uint64_t bitmap = 0;
            for (uint64_t k = 0; k < 64 && replay.newest != 0 && k + 1 <= newest; k++)
                bitmap |= (uint64_t)accepted[newest - 1 - k] << k;
            if (tw_replay_bitmap(&replay) != bitmap)
                fail_msg("bitmap, round %d step %d", round, i);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(case_1_zero),
        cmocka_unit_test(case_2_in_order),
        cmocka_unit_test(case_3_edge),
        cmocka_unit_test(case_4_first_packets),
        cmocka_unit_test(case_5_jumps),
        cmocka_unit_test(case_6_one_lap),
        cmocka_unit_test(case_7_end_of_numbers),
        cmocka_unit_test(case_8_duplicate_within_burst),
        cmocka_unit_test(case_9_test_changes_nothing),
        cmocka_unit_test(case_10_bitmap),
        cmocka_unit_test(random_against_set),
    };
    return cmocka_run_group_tests(tests, testing_setup, NULL);
}
