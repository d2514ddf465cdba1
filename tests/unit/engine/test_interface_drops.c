/* SPDX-License-Identifier: BSD-3-Clause */
/* The kernel's count of what never reached a virtual port. */
#include "dataplane/engine/interface_drops.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static const char line_of_port[] =
    "  twbots: 1446832    4525    1    22    3    4          5         6  1612291   11973    7   "
    "18446744073709551615    8     9       10          11\n";

static void test_takes_both_ways(void **state)
{
    (void)state;
    struct tw_interface_drops drops = {0};
    assert_true(tw_interface_drops_parse(&drops, line_of_port, "twbots"));
    assert_int_equal(drops.received, 22);
    assert_true(drops.sent == UINT64_MAX);
    /* No space behind the colon when the number is long. */
    assert_true(tw_interface_drops_parse(
        &drops, "tw0:99999999999 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16", "tw0"));
    assert_int_equal(drops.received, 4);
    assert_int_equal(drops.sent, 12);
}

static void test_leaves_other_lines(void **state)
{
    (void)state;
    struct tw_interface_drops drops = {.received = 1, .sent = 2};
    const char *const names[] = {"", "tw", "twbot", "twbots0", "bots", "  twbots", "1446832"};
    for (unsigned int i = 0; i < sizeof(names) / sizeof(names[0]); i++)
        assert_false(tw_interface_drops_parse(&drops, line_of_port, names[i]));
    const char *const lines[] = {"",
                                 "\n",
                                 "twbots",
                                 "twbots:",
                                 "twbots: 1 2 3 4 5",
                                 "twbots: 1 2 3 x 5 6 7 8 9 10 11 12",
                                 " face |bytes    packets errs drop fifo frame compressed"};
    for (unsigned int i = 0; i < sizeof(lines) / sizeof(lines[0]); i++)
        assert_false(tw_interface_drops_parse(&drops, lines[i], "twbots"));
    assert_int_equal(drops.received, 1);
    assert_int_equal(drops.sent, 2);
}

static void test_reads_what_the_kernel_has(void **state)
{
    (void)state;
    struct tw_interface_drops drops = {.received = 1, .sent = 2};
    assert_true(tw_interface_drops_read(&drops, "lo"));
    assert_false(tw_interface_drops_read(&drops, "no-such-if"));
    assert_int_equal(drops.received, 0);
    assert_int_equal(drops.sent, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_takes_both_ways),
        cmocka_unit_test(test_leaves_other_lines),
        cmocka_unit_test(test_reads_what_the_kernel_has),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
