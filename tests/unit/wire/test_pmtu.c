/* SPDX-License-Identifier: BSD-3-Clause */
/* How large datagrams become, and what takes that back. */
#include "dataplane/wire/pmtu.h"

#include "tests/unit/wire/testing.h"
#include "tickwire/wire.h"

#define SECOND UINT64_C(1000000)
#define MINUTE (60 * SECOND)
#define START  (20 * SECOND)

/* Sizes that a path of `bytes` takes, probe after probe; the time at which it rests. */
static uint64_t probe_all(struct tw_pmtu *pmtu, uint32_t bytes, uint64_t now_us)
{
    for (uint32_t number = 100; !pmtu->rests; number++) {
        now_us = pmtu->due_us;
        uint32_t size = tw_pmtu_wants(pmtu, now_us);
        assert_true(size > pmtu->size);
        tw_pmtu_sent(pmtu, number, size);
        /* One at a time. */
        assert_int_equal(tw_pmtu_wants(pmtu, now_us + MINUTE), 0);
        if (size <= bytes)
            tw_pmtu_acked(pmtu, number, size, now_us);
        else
            assert_true(tw_pmtu_lost(pmtu, number, size, now_us));
    }
    return now_us;
}

static uint64_t begin(struct tw_pmtu *pmtu)
{
    tw_pmtu_begin(pmtu, TW_DATAGRAM_MAX, START);
    return probe_all(pmtu, 1500, START);
}

static void test_sizes(void **state)
{
    (void)state;
    static const uint32_t paths[][2] = {{1500, 1440}, {1439, 1392}, {1391, 1280}, {1279, 1200}};
    for (uint32_t i = 0; i < sizeof(paths) / sizeof(paths[0]); i++) {
        struct tw_pmtu pmtu;
        tw_pmtu_begin(&pmtu, TW_DATAGRAM_MAX, START);
        assert_int_equal(tw_pmtu_wants(&pmtu, START), 0);
        uint64_t now_us = probe_all(&pmtu, paths[i][0], START);
        assert_int_equal(pmtu.size, paths[i][1]);
        /* Ten minutes of rest; what is largest already stays. */
        assert_int_equal(tw_pmtu_wants(&pmtu, now_us + 10 * MINUTE - 1u), 0);
        assert_int_equal(tw_pmtu_wants(&pmtu, now_us + 10 * MINUTE) != 0, paths[i][1] < 1440);
    }
}

/* The fifth in a row, whoever got through in between that is smaller than all of them. */
static void test_five_lost(void **state)
{
    (void)state;
    struct tw_pmtu pmtu;
    uint64_t now_us = begin(&pmtu);
    for (uint32_t i = 0; i < 5; i++) {
        assert_int_equal(pmtu.size, 1440);
        tw_pmtu_acked(&pmtu, 199, 1299, now_us);
        assert_false(tw_pmtu_lost(&pmtu, 200 + i, 1440 - i * 35, now_us));
    }
    assert_int_equal(pmtu.size, 1200);
    assert_int_equal(tw_pmtu_wants(&pmtu, now_us + MINUTE - 1u), 0);
    assert_int_equal(tw_pmtu_wants(&pmtu, now_us + MINUTE), 1280);
}

/* A path that takes packets as large as one that was lost had lost it by chance. */
static void test_chance(void **state)
{
    (void)state;
    struct tw_pmtu pmtu;
    uint64_t now_us = begin(&pmtu);
    for (uint32_t i = 0; i < 100; i++) {
        static const uint16_t lost[] = {1440, 1301, 1440, 1400};
        for (uint32_t k = 0; k < 4; k++)
            assert_false(tw_pmtu_lost(&pmtu, 200, lost[k], now_us));
        tw_pmtu_acked(&pmtu, 201, 1301, now_us);
    }
    assert_int_equal(pmtu.size, 1440);
    /* A smaller one of before does not count as one of a later row. */
    for (uint32_t i = 0; i < 5; i++) {
        assert_int_equal(pmtu.size, 1440);
        tw_pmtu_lost(&pmtu, 200, 1440, now_us);
        tw_pmtu_acked(&pmtu, 201, 1439, now_us);
    }
    assert_int_equal(pmtu.size, 1200);
}

/* What still was on its way when it fell back, a probe too, changes nothing any more. */
static void test_after_the_fall(void **state)
{
    (void)state;
    struct tw_pmtu pmtu;
    tw_pmtu_begin(&pmtu, TW_DATAGRAM_MAX, START);
    uint64_t now_us = START + SECOND;
    tw_pmtu_sent(&pmtu, 10, tw_pmtu_wants(&pmtu, now_us));
    tw_pmtu_acked(&pmtu, 10, 1280, now_us);
    tw_pmtu_sent(&pmtu, 11, tw_pmtu_wants(&pmtu, now_us));
    tw_pmtu_fall_back(&pmtu, now_us);
    tw_pmtu_acked(&pmtu, 11, 1392, now_us);
    for (uint32_t i = 0; i < 7; i++)
        assert_false(tw_pmtu_lost(&pmtu, 12 + i, 1280, now_us));
    assert_int_equal(pmtu.size, 1200);
    assert_int_equal(pmtu.due_us, now_us + MINUTE);
    /* A minute later it begins again. */
    tw_pmtu_sent(&pmtu, 20, tw_pmtu_wants(&pmtu, now_us + MINUTE));
    tw_pmtu_acked(&pmtu, 20, 1280, now_us + MINUTE);
    probe_all(&pmtu, 1500, now_us + MINUTE);
    assert_int_equal(pmtu.size, 1440);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_sizes),
        cmocka_unit_test(test_five_lost),
        cmocka_unit_test(test_chance),
        cmocka_unit_test(test_after_the_fall),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
