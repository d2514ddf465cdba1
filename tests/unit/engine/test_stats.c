/* SPDX-License-Identifier: BSD-3-Clause */
/* What operators are told of ciphers and hashes that run, and of those that were refused. */
#include "dataplane/engine/stats.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

static void test_crypto_that_runs(void **state)
{
    (void)state;
    struct tw_agent_crypto row;
    struct tw_aead_report aead = {.chacha20_poly1305 = "chacha-lanes-avx512"};
    struct tw_cookie_report cookie = {.used = "sha-ni"};
    memset(&row, 0xff, sizeof(row));
    tw_stats_crypto(&row, &aead, &cookie);
    assert_string_equal(row.aes256_gcm, "");
    assert_string_equal(row.chacha20_poly1305, "chacha-lanes-avx512");
    assert_string_equal(row.cookie, "sha-ni");
    assert_string_equal(row.refused, "");
}

static void test_crypto_that_was_refused(void **state)
{
    (void)state;
    struct tw_agent_crypto row;
    struct tw_aead_report aead = {
        .aes256_gcm = "libsodium",
        .chacha20_poly1305 = "libsodium",
        .refused_count = 2,
        .refused = {{"chacha-lanes", NULL, "this CPU cannot run it"},
                    {"ipsec-mb", "aes256_gcm", "differs"}},
    };
    struct tw_cookie_report cookie = {"libsodium", "sha-ni", "differs"};
    tw_stats_crypto(&row, &aead, &cookie);
    assert_string_equal(row.cookie, "libsodium");
    assert_string_equal(row.refused, "sha-ni for cookies: differs; chacha-lanes: this CPU cannot "
                                     "run it; ipsec-mb for aes256_gcm: differs");
    /* More than there is room for is cut. */
    aead.refused_count = TW_AEAD_REFUSALS_MAX;
    for (uint32_t i = 0; i < TW_AEAD_REFUSALS_MAX; i++)
        aead.refused[i] = (struct tw_aead_refusal){"a-long-name", "aes256_gcm", "a long reason"};
    tw_stats_crypto(&row, &aead, &cookie);
    assert_int_equal(strlen(row.refused), sizeof(row.refused) - 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_crypto_that_runs),
                                       cmocka_unit_test(test_crypto_that_was_refused)};
    return cmocka_run_group_tests_name("stats", tests, NULL, NULL);
}
