/* SPDX-License-Identifier: BSD-3-Clause */
/* Filter rules as text: what parses to what, and what is wrong where. */
#include "control/daemon/filter_text.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static void test_good_rules_are_written_as_they_are_meant(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        const char *written;
    } cases[] = {
        {"allow 203.0.113.0/24", "allow 203.0.113.0/24"},
        {"  deny   203.0.113.7  ", "deny 203.0.113.7/32"},
        {"deny 0.0.0.0/0", "deny 0.0.0.0/0"},
        {"deny ::/0", "deny ::/0"},
        {"deny 2001:DB8:0:0::/32", "deny 2001:db8::/32"},
        {"deny 2001:db8::1", "deny 2001:db8::1/128"},
        {"limit 10.0.0.0/8 pps 1000/2k", "limit 10.0.0.0/8 pps 1000/2000"},
        {"limit 10.0.0.0/8 pps 5", "limit 10.0.0.0/8 pps 5"},
        {"limit 10.0.0.0/8 pps 5/5", "limit 10.0.0.0/8 pps 5"},
        {"limit 10.0.0.0/8 source bps 16k/1M bps 1G/100G source pps 1/2 pps 1/1G",
         "limit 10.0.0.0/8 pps 1/1000000000 bps 1000000000/100000000000 source pps 1/2 source bps "
         "16000/1000000"},
        {"malformed 0.0.0.0/0 source above 50 for 10m",
         "malformed 0.0.0.0/0 source above 50 for 600s"},
        {"malformed ::/0 above 1000000 for 1d", "malformed ::/0 above 1000000 for 86400s"},
        {"malformed ::/0 above 1 for 1", "malformed ::/0 above 1 for 1s"},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct tw_filter_rule rule, again;
        struct tw_filter_text_error error;
        char text[TW_FILTER_TEXT_SIZE];
        if (!tw_filter_text_parse(cases[i].text, &rule, &error))
            fail_msg("%s: column %u: %s", cases[i].text, error.column, error.message);
        tw_filter_text_write(&rule, text);
        assert_string_equal(text, cases[i].written);
        assert_true(tw_filter_text_parse(text, &again, &error));
        assert_memory_equal(&again, &rule, sizeof(rule));
        rule.id = 1;
        assert_true(tw_filter_rule_valid(&rule));
    }
}

static const struct {
    const char *text;
    uint32_t column;
    const char *message; /* how it begins */
} wrong[] = {
    {"", 1, "expected allow, deny, limit or malformed"},
    {"   ", 4, "expected allow, deny, limit or malformed"},
    {"drop 10.0.0.0/8", 1, "expected allow, deny, limit or malformed, found drop"},
    {"denyy 10.0.0.0/8", 1, "expected allow, deny, limit or malformed, found denyy"},
    {"deny", 5, "expected a prefix like 203.0.113.0/24 or 2001:db8::/32"},
    {"deny all", 6, "expected a prefix like 203.0.113.0/24 or 2001:db8::/32, found all"},
    {"deny 10.0.0/8", 6, "expected a prefix like"},
    {"deny 10.0.0.256", 6, "expected a prefix like"},
    {"deny /8", 6, "expected a prefix like"},
    {"deny 1:2:3:4:5:6:7:8:9", 6, "expected a prefix like"},
    {"deny 0000:0000:0000:0000:0000:0000:0000:00000000:0000", 6, "expected a prefix like"},
    {"deny 10.0.0.0/", 15, "expected a prefix length from 0 to 32"},
    {"deny 10.0.0.0/33", 15, "expected a prefix length from 0 to 32"},
    {"deny 10.0.0.0/08", 15, "expected a prefix length from 0 to 32"},
    {"deny 10.0.0.0/-1", 15, "expected a prefix length from 0 to 32"},
    {"deny 10.0.0.0/8x", 15, "expected a prefix length from 0 to 32"},
    {"deny 10.0.0.0/8/8", 15, "expected a prefix length from 0 to 32"},
    {"deny 10.0.0.0/4294967304", 15, "expected a prefix length from 0 to 32"},
    {"deny ::/129", 9, "expected a prefix length from 0 to 128"},
    {"deny 10.1.2.3/8", 6,
     "bits beyond the prefix are set: write 10.0.0.0/8 for the network, 10.1.2.3/32 for the host"},
    {"deny 2001:db8::1/32", 6,
     "bits beyond the prefix are set: write 2001:db8::/32 for the network, 2001:db8::1/128 "
     "for the host"},
    {"deny ::ffff:10.0.0.0/104", 6, "write IPv4 addresses as such, not mapped to IPv6"},
    {"deny ::ffff:0:0/90", 6, "write IPv4 addresses as such, not mapped to IPv6"},
    {"deny 10.0.0.0/8 now", 17, "expected the end of the rule, found now"},
    {"allow 10.0.0.0/8 pps 5", 18, "expected the end of the rule, found pps"},
    {"limit 10.0.0.0/8", 17, "expected source, pps or bps"},
    {"limit 10.0.0.0/8 rate 5", 18, "expected source, pps or bps, found rate"},
    {"limit 10.0.0.0/8 source", 24, "expected pps or bps"},
    {"limit 10.0.0.0/8 source source pps 1", 25, "expected pps or bps, found source"},
    {"limit 10.0.0.0/8 pps", 21,
     "expected packets a second as SOFT/HARD or one number, each from 1 to 1000000000"},
    {"limit 10.0.0.0/8 pps x", 22, "expected packets a second"},
    {"limit 10.0.0.0/8 pps 0", 22, "expected packets a second"},
    {"limit 10.0.0.0/8 pps -1", 22, "expected packets a second"},
    {"limit 10.0.0.0/8 pps 1/", 22, "expected packets a second"},
    {"limit 10.0.0.0/8 pps /1", 22, "expected packets a second"},
    {"limit 10.0.0.0/8 pps 1/2/3", 22, "expected packets a second"},
    {"limit 10.0.0.0/8 pps 1m", 22, "expected packets a second"},
    {"limit 10.0.0.0/8 pps 1kk", 22, "expected packets a second"},
    {"limit 10.0.0.0/8 pps 1.5k", 22, "expected packets a second"},
    {"limit 10.0.0.0/8 pps 2G", 22, "expected packets a second"},
    {"limit 10.0.0.0/8 pps 1000000001", 22, "expected packets a second"},
    {"limit 10.0.0.0/8 pps 18446744073709551617", 22, "expected packets a second"},
    {"limit 10.0.0.0/8 pps 18446744074G", 22, "expected packets a second"},
    {"limit 10.0.0.0/8 pps 5/4", 22, "the soft level is above the hard one"},
    {"limit 10.0.0.0/8 bps 15999", 22,
     "expected bits a second as SOFT/HARD or one number, each from 16000 to 100000000000"},
    {"limit 10.0.0.0/8 bps 100001M", 22, "expected bits a second"},
    {"limit 10.0.0.0/8 pps 5 pps 6", 24, "pps is given twice"},
    {"limit 10.0.0.0/8 source bps 1M bps 1M source bps 1M", 39, "source bps is given twice"},
    {"malformed ::/0", 15, "expected source or above"},
    {"malformed ::/0 source", 22, "expected above"},
    {"malformed ::/0 over 5 for 1s", 16, "expected source or above, found over"},
    {"malformed ::/0 above", 21, "expected packets a second, from 1 to 1000000"},
    {"malformed ::/0 above 0 for 1s", 22, "expected packets a second, from 1 to 1000000"},
    {"malformed ::/0 above 1k for 1s", 22, "expected packets a second, from 1 to 1000000"},
    {"malformed ::/0 above 1000001 for 1s", 22, "expected packets a second"},
    {"malformed ::/0 above 5", 23, "expected for"},
    {"malformed ::/0 above 5 until 1s", 24, "expected for, found until"},
    {"malformed ::/0 above 5 for", 27, "expected a time from 1s to 1d"},
    {"malformed ::/0 above 5 for 0s", 28, "expected a time from 1s to 1d"},
    {"malformed ::/0 above 5 for 2d", 28, "expected a time from 1s to 1d"},
    {"malformed ::/0 above 5 for 5w", 28, "expected a time from 1s to 1d"},
    {"malformed ::/0 above 5 for 5s more", 31, "expected the end of the rule, found more"},
    {"deny\t10.0.0.0/8", 5, "only printable ASCII can be in a rule"},
    {"deny 10.0.0.0/8\n", 16, "only printable ASCII can be in a rule"},
    {"deny \xc3\xa4", 6, "only printable ASCII can be in a rule"},
};

static void test_every_error_says_what_and_where(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
        struct tw_filter_rule rule;
        struct tw_filter_text_error error;
        if (tw_filter_text_parse(wrong[i].text, &rule, &error))
            fail_msg("%s: was taken for a rule", wrong[i].text);
        if (error.column != wrong[i].column ||
            strncmp(error.message, wrong[i].message, strlen(wrong[i].message)) != 0)
            fail_msg("%s: column %u: %s\nexpected %u: %s", wrong[i].text, error.column,
                     error.message, wrong[i].column, wrong[i].message);
    }
}

static void test_long_texts(void **state)
{
    (void)state;
    char text[1000];
    struct tw_filter_rule rule;
    struct tw_filter_text_error error;
    memset(text, ' ', sizeof(text));
    memcpy(text, "deny 10.0.0.0/8", 15);
    text[TW_FILTER_TEXT_SIZE - 1] = '\0';
    assert_true(tw_filter_text_parse(text, &rule, &error));
    text[TW_FILTER_TEXT_SIZE - 1] = ' ';
    text[sizeof(text) - 1] = '\0';
    assert_false(tw_filter_text_parse(text, &rule, &error));
    assert_int_equal(error.column, TW_FILTER_TEXT_SIZE);
    assert_string_equal(error.message, "a rule is at most 255 bytes long");
    memset(text, 'x', 200);
    text[200] = '\0';
    assert_false(tw_filter_text_parse(text, &rule, &error));
    assert_int_equal(error.column, 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_good_rules_are_written_as_they_are_meant),
        cmocka_unit_test(test_every_error_says_what_and_where),
        cmocka_unit_test(test_long_texts),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
