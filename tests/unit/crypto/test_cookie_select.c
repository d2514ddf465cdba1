/* SPDX-License-Identifier: BSD-3-Clause */
/* Cookie hashes that the CPU cannot run, or that are wrong in one way each: libsodium's serves, and
 * the report says why. */
#include "dataplane/crypto/cookie_select.h"
#include "dataplane/crypto/cookie_sha_ni.h"

#include "tests/unit/wire/testing.h"

#include <sodium.h>

/* ---- hashes --------------------------------------------------------------------------------- */

static void prepare(uint8_t prepared[TW_COOKIE_PREPARED_SIZE], const uint8_t key[TW_KEY_SIZE])
{
    tw_cookie_hash_sodium()->prepare(prepared, key);
}

static void mac(uint8_t out[TW_HASH_SIZE], const uint8_t prepared[TW_COOKIE_PREPARED_SIZE],
                const uint8_t input[TW_COOKIE_INPUT])
{
    tw_cookie_hash_sodium()->mac(out, prepared, input);
}

static void mac_pair(uint8_t out[2][TW_HASH_SIZE], const uint8_t prepared[TW_COOKIE_PREPARED_SIZE],
                     const uint8_t inputs[2][TW_COOKIE_INPUT])
{
    mac(out[0], prepared, inputs[0]);
    mac(out[1], prepared, inputs[1]);
}

static void prepare_wrong(uint8_t prepared[TW_COOKIE_PREPARED_SIZE], const uint8_t key[TW_KEY_SIZE])
{
    uint8_t other[TW_KEY_SIZE];
    memcpy(other, key, sizeof(other));
    other[31] ^= 1;
    prepare(prepared, other);
}

static void mac_wrong(uint8_t out[TW_HASH_SIZE], const uint8_t prepared[TW_COOKIE_PREPARED_SIZE],
                      const uint8_t input[TW_COOKIE_INPUT])
{
    mac(out, prepared, input);
    out[TW_HASH_SIZE - 1] ^= 1;
}

/* Only every second input in the mean: one test would not do. */
static void mac_wrong_at_times(uint8_t out[TW_HASH_SIZE],
                               const uint8_t prepared[TW_COOKIE_PREPARED_SIZE],
                               const uint8_t input[TW_COOKIE_INPUT])
{
    mac(out, prepared, input);
    out[0] ^= input[TW_COOKIE_INPUT - 1] & 1;
}

static void mac_pair_swapped(uint8_t out[2][TW_HASH_SIZE],
                             const uint8_t prepared[TW_COOKIE_PREPARED_SIZE],
                             const uint8_t inputs[2][TW_COOKIE_INPUT])
{
    mac(out[1], prepared, inputs[0]);
    mac(out[0], prepared, inputs[1]);
}

static const struct {
    struct tw_cookie_hash hash;
    const char *reason; /* NULL: taken */
} hashes[] = {
    {{"fine", prepare, mac, mac_pair}, NULL},
    {{"alone", prepare, mac, NULL}, NULL},
    {{"prepare", prepare_wrong, mac, mac_pair}, "other bytes than libsodium's"},
    {{"mac", prepare, mac_wrong, mac_pair}, "other bytes than libsodium's"},
    {{"at times", prepare, mac_wrong_at_times, mac_pair}, "other bytes than libsodium's"},
    {{"pair", prepare, mac, mac_pair_swapped}, "of two at once"},
};

static const struct tw_cookie_hash *offered;

static const struct tw_cookie_hash *get_offered(void)
{
    return offered;
}

/* ---- tests ---------------------------------------------------------------------------------- */

static void wrong_ones_are_refused(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(hashes) / sizeof(hashes[0]); i++) {
        struct tw_cookie_candidate candidate = {hashes[i].hash.name, get_offered};
        struct tw_cookie_report report;
        offered = &hashes[i].hash;
        const struct tw_cookie_hash *hash = tw_cookie_select_from(&candidate, &report);
        if (hashes[i].reason == NULL) {
            assert_ptr_equal(hash, offered);
            assert_string_equal(report.used, hashes[i].hash.name);
            assert_null(report.refused);
            continue;
        }
        assert_ptr_equal(hash, tw_cookie_hash_sodium());
        assert_string_equal(report.used, "libsodium");
        assert_string_equal(report.refused, hashes[i].hash.name);
        assert_non_null(strstr(report.reason, hashes[i].reason));
    }
}

static void what_the_cpu_cannot_is_refused(void **state)
{
    (void)state;
    struct tw_cookie_candidate candidate = {"x", get_offered};
    struct tw_cookie_report report;
    offered = NULL;
    assert_ptr_equal(tw_cookie_select_from(&candidate, &report), tw_cookie_hash_sodium());
    assert_string_equal(report.refused, "x");
    assert_string_equal(report.reason, "this CPU cannot run it");
}

static void the_fastest_or_libsodium(void **state)
{
    (void)state;
    struct tw_cookie_report report;
    assert_ptr_equal(tw_cookie_select(true, &report), tw_cookie_hash_sodium());
    assert_string_equal(report.used, "libsodium");
    assert_null(report.refused);
    const struct tw_cookie_hash *fast = tw_cookie_hash_sha_ni();
    const struct tw_cookie_hash *hash = tw_cookie_select(false, &report);
    assert_ptr_equal(hash, fast != NULL ? fast : tw_cookie_hash_sodium());
    assert_string_equal(report.used, hash->name);
    assert_int_equal(report.refused == NULL, fast != NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(wrong_ones_are_refused),
        cmocka_unit_test(what_the_cpu_cannot_is_refused),
        cmocka_unit_test(the_fastest_or_libsodium),
    };
    return cmocka_run_group_tests(tests, testing_setup, NULL);
}
