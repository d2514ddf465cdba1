/* SPDX-License-Identifier: BSD-3-Clause */
/* Option values: what is wanted, and nothing else. */
#include "tests/load/lab/arguments.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

static struct tw_argument argument(const char *text)
{
    return (struct tw_argument){"test", "option", text};
}

static void numbers(void **state)
{
    (void)state;
    static const char *const bad[] = {
        "", "-1", "+1", " 1", "1 ", "0x1", "101", "4", "18446744073709551616"};
    uint64_t value = 0;
    uint32_t value32 = 0;
    struct tw_argument good = argument("100");
    assert_true(tw_argument_number(&good, 5, 100, &value));
    assert_int_equal(value, 100);
    assert_true(tw_argument_number32(&good, 5, 100, &value32));
    assert_int_equal(value32, 100);
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        struct tw_argument one = argument(bad[i]);
        assert_false(tw_argument_number(&one, 5, 100, &value));
    }
}

static void decimals(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        uint64_t permille;
    } good[] = {{"1", 1000}, {"2.5", 2500}, {"0.001", 1}, {"10.", 10000}, {"0.25", 250}};
    static const char *const bad[] = {"",   ".", ".5", "1.2345", "1e3",
                                      "-1", "0", "11", "1.x",    "99999999999999999999"};
    uint64_t value = 0;
    for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
        struct tw_argument one = argument(good[i].text);
        bool empty_fraction = strcmp(good[i].text, "10.") == 0;
        assert_int_equal(tw_argument_permille(&one, 1, 10000, &value), !empty_fraction);
        if (!empty_fraction)
            assert_int_equal(value, good[i].permille);
    }
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        struct tw_argument one = argument(bad[i]);
        assert_false(tw_argument_permille(&one, 1, 10000, &value));
    }
}

static void addresses(void **state)
{
    (void)state;
    uint8_t ip[16];
    uint8_t mac[6];
    struct tw_argument good = argument("198.18.0.1");
    struct tw_argument bad = argument("198.18.0.1.2");
    assert_true(tw_argument_ip(&good, ip));
    assert_memory_equal(ip, "\0\0\0\0\0\0\0\0\0\0\xff\xff\306\022\0\001", 16);
    assert_false(tw_argument_ip(&bad, ip));
    good = argument("fd12::1");
    bad = argument("fd12:::1");
    assert_true(tw_argument_ip(&good, ip));
    assert_memory_equal(ip, "\xfd\x12\0\0\0\0\0\0\0\0\0\0\0\0\0\001", 16);
    assert_false(tw_argument_ip(&bad, ip));
    good = argument("02:AB:cd:00:00:fF");
    assert_true(tw_argument_mac(&good, mac));
    assert_memory_equal(mac, "\x02\xab\xcd\x00\x00\xff", 6);
    static const char *const wrong[] = {"", "02:ab:cd:00:00", "02:ab:cd:00:00:fg",
                                        "02-ab-cd-00-00-ff", "02:ab:cd:00:00:ff:"};
    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
        bad = argument(wrong[i]);
        assert_false(tw_argument_mac(&bad, mac));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(numbers),
        cmocka_unit_test(decimals),
        cmocka_unit_test(addresses),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
