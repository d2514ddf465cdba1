/* SPDX-License-Identifier: BSD-3-Clause */
/* Key file: made private, read back, rotated, refused when others may read it or it is damaged. */
#include "control/keys/keys.h"

#include <fcntl.h>
#include <setjmp.h>
#include <sodium.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#define NOW_S UINT64_C(1800000000)

static const struct tw_keys_rotation token_key_only = {0};
static const struct tw_keys_rotation both = {.with_static = true};

static char directory[64];
static char path[96];
static char error[TW_KEYS_ERROR_SIZE];

static int setup(void **state)
{
    (void)state;
    snprintf(directory, sizeof(directory), "/tmp/tickwire-keys-XXXXXX");
    if (sodium_init() < 0 || !mkdtemp(directory))
        return -1;
    snprintf(path, sizeof(path), "%s/keys", directory);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    (void)unlink(path);
    return rmdir(directory); /* fails if something was left beside the file */
}

static void test_created_private_and_read_back(void **state)
{
    (void)state;
    struct tw_keys made;
    struct tw_keys read;
    struct stat status;
    assert_true(tw_keys_open(path, &made, error));
    assert_int_equal(stat(path, &status), 0);
    assert_int_equal(status.st_mode & 07777, 0600);
    assert_int_equal(made.token_key_count, 1);
    assert_true(tw_keys_open(path, &read, error));
    assert_memory_equal(&made, &read, sizeof(made));
    uint8_t public_key[TW_KEY_SIZE];
    assert_int_equal(made.static_count, 1);
    assert_int_equal(crypto_scalarmult_base(public_key, read.statics[0].secret), 0);
    assert_memory_equal(public_key, read.statics[0].public, TW_KEY_SIZE);
}

static void test_readable_by_others_is_refused(void **state)
{
    (void)state;
    struct tw_keys keys;
    assert_true(tw_keys_open(path, &keys, error));
    static const mode_t modes[] = {0640, 0604, 0620, 0660, 0601};
    for (size_t i = 0; i < sizeof(modes) / sizeof(modes[0]); i++) {
        assert_int_equal(chmod(path, modes[i]), 0);
        assert_false(tw_keys_open(path, &keys, error));
        assert_non_null(strstr(error, "lets group or others in, expected 0600"));
        assert_true(sodium_is_zero((const unsigned char *)&keys, sizeof(keys)));
    }
}

static void test_rotation(void **state)
{
    (void)state;
    struct tw_keys keys;
    struct tw_keys read;
    assert_true(tw_keys_open(path, &keys, error));
    struct tw_token_key first = keys.token_keys[0];
    assert_true(tw_keys_rotate(path, &keys, &token_key_only, NOW_S, error));
    assert_int_equal(keys.token_key_count, 2);
    assert_memory_not_equal(keys.token_keys[0].key, first.key, TW_KEY_SIZE);
    assert_true(keys.token_keys[0].id != first.id);
    assert_memory_equal(&keys.token_keys[1], &first, sizeof(first));
    assert_true(keys.accepted_until_unix_s[1] == NOW_S + TW_TOKEN_VALIDITY_MAX_S);
    assert_true(tw_keys_open(path, &read, error));
    assert_memory_equal(&keys, &read, sizeof(keys));
    /* the last second of its tokens' life, and the one after */
    tw_keys_expire(&keys, NOW_S + TW_TOKEN_VALIDITY_MAX_S - 1);
    assert_int_equal(keys.token_key_count, 2);
    tw_keys_expire(&keys, NOW_S + TW_TOKEN_VALIDITY_MAX_S);
    assert_int_equal(keys.token_key_count, 1);
}

static void test_rotation_never_drops_a_key_in_use(void **state)
{
    (void)state;
    struct tw_keys keys;
    assert_true(tw_keys_open(path, &keys, error));
    for (size_t i = 1; i < TW_KEYS_TOKEN_MAX; i++)
        assert_true(tw_keys_rotate(path, &keys, &token_key_only, NOW_S + i, error));
    struct tw_keys before = keys;
    assert_false(tw_keys_rotate(path, &keys, &token_key_only, NOW_S + 10, error));
    assert_string_equal(error, "3 previous token keys are still in use, the oldest for 3591 s");
    assert_memory_equal(&keys, &before, sizeof(keys));
    assert_true(
        tw_keys_rotate(path, &keys, &token_key_only, NOW_S + 1 + TW_TOKEN_VALIDITY_MAX_S, error));
}

/* Each token key keeps the static key it was made beside, in the file as well. */
static void test_static_rotation(void **state)
{
    (void)state;
    const uint64_t life_s = TW_TOKEN_VALIDITY_MAX_S + TW_RESUME_VALIDITY_S;
    struct tw_keys keys;
    struct tw_keys read;
    struct tw_token_key of_static[TW_KEYS_TOKEN_MAX + 1u];
    assert_true(tw_keys_open(path, &keys, error));
    assert_true(tw_keys_rotate(path, &keys, &token_key_only, NOW_S, error));
    struct tw_keys before = keys;
    assert_true(tw_keys_rotate(path, &keys, &both, NOW_S + 1, error));
    assert_int_equal(keys.static_count, 2);
    assert_int_equal(keys.token_key_count, 3);
    assert_memory_not_equal(keys.statics[0].public, before.statics[0].public, TW_KEY_SIZE);
    assert_memory_equal(keys.statics[1].public, before.statics[0].public, TW_KEY_SIZE);
    assert_true(keys.statics[0].accepted_until_unix_s == 0);
    assert_true(keys.statics[1].accepted_until_unix_s == NOW_S + 1 + life_s);
    assert_true(tw_keys_open(path, &read, error));
    assert_memory_equal(&keys, &read, sizeof(keys));

    assert_int_equal(tw_keys_of_static(&keys, 0, of_static), 2);
    assert_memory_equal(&of_static[0], &keys.token_keys[0], sizeof(of_static[0]));
    struct tw_token_key resume = of_static[1];
    assert_int_equal(tw_keys_of_static(&keys, 1, of_static), 3);
    assert_memory_equal(of_static, before.token_keys, 2 * sizeof(of_static[0]));
    assert_int_equal(of_static[2].id, TW_TOKEN_KEY_RESUME);
    assert_memory_not_equal(of_static[2].key, resume.key, TW_KEY_SIZE);

    tw_keys_expire(&keys, NOW_S + life_s);
    assert_int_equal(keys.token_key_count, 1);
    assert_int_equal(keys.static_count, 2);
    assert_int_equal(tw_keys_of_static(&keys, 1, of_static), 1); /* resume tokens only */
    tw_keys_expire(&keys, NOW_S + 1 + life_s);
    assert_int_equal(keys.static_count, 1);
    assert_true(sodium_is_zero((const unsigned char *)&keys.statics[1], sizeof(keys.statics[1])));
}

static void test_static_rotation_never_drops_a_key_in_use(void **state)
{
    (void)state;
    struct tw_keys keys;
    assert_true(tw_keys_open(path, &keys, error));
    uint64_t now_s = NOW_S;
    for (size_t i = 1; i < TW_KEYS_STATIC_MAX; i++, now_s += 2 * TW_TOKEN_VALIDITY_MAX_S)
        assert_true(tw_keys_rotate(path, &keys, &both, now_s, error));
    struct tw_keys before = keys;
    assert_false(tw_keys_rotate(path, &keys, &both, now_s - 3600, error));
    assert_string_equal(error, "3 previous static keys are still in use, the oldest for 590400 s");
    assert_memory_equal(&keys.statics, &before.statics, sizeof(keys.statics));
    assert_true(tw_keys_rotate(path, &keys, &token_key_only, now_s, error));
}

/* Keys that may be known are refused at once, and always can be. */
static void test_revocation(void **state)
{
    (void)state;
    struct tw_keys keys;
    struct tw_keys read;
    const struct tw_keys_rotation tokens = {.revoke = true};
    const struct tw_keys_rotation all = {.with_static = true, .revoke = true};
    assert_true(tw_keys_open(path, &keys, error));
    for (size_t i = 1; i < TW_KEYS_STATIC_MAX; i++)
        assert_true(tw_keys_rotate(path, &keys, &both, NOW_S, error));
    struct tw_keys before = keys;
    assert_true(tw_keys_rotate(path, &keys, &tokens, NOW_S, error));
    assert_int_equal(keys.token_key_count, 1);
    assert_true(keys.token_keys[0].id != before.token_keys[0].id);
    assert_memory_equal(keys.statics, before.statics, sizeof(keys.statics));
    assert_true(tw_keys_open(path, &read, error));
    assert_memory_equal(&keys, &read, sizeof(keys));

    assert_true(tw_keys_rotate(path, &keys, &all, NOW_S, error));
    assert_int_equal(keys.token_key_count, 1);
    assert_int_equal(keys.static_count, 1);
    assert_memory_not_equal(keys.statics[0].public, before.statics[0].public, TW_KEY_SIZE);
    assert_true(tw_keys_open(path, &read, error));
    assert_memory_equal(&keys, &read, sizeof(keys));
}

static void write_text(const char *text, size_t length)
{
    int file = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);
    assert_true(file >= 0);
    assert_int_equal(write(file, text, length), length);
    (void)close(file);
}

#define HEX "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"

static void test_damaged_files_are_refused(void **state)
{
    (void)state;
    static const char *const texts[] = {
        "",
        "tickwire keys v2\nstatic " HEX "\ntoken 1 " HEX " 0\n",
        "tickwire keys v1\nstatic " HEX "\n",
        "tickwire keys v1\nstatic 00\ntoken 1 " HEX " 0\n",
        "tickwire keys v1\nstatic " HEX "\ntoken 1 00 0\n",
        "tickwire keys v1\nstatic " HEX "\ntoken 1 " HEX " 5\n",
        "tickwire keys v1\nstatic " HEX "\ntoken 1 " HEX " 0\ntoken 2 " HEX " 0\n",
        "tickwire keys v1\nstatic " HEX "\ntoken 1 " HEX " 0\ntoken 1 " HEX " 9\n",
        "tickwire keys v1\nstatic " HEX "\ntoken 1 " HEX " 0 more\n",
        "tickwire keys v1\nstatic " HEX "\ntoken 1 " HEX " 0\ntoken 2 " HEX " 9\ntoken 3 " HEX
        " 9\ntoken 4 " HEX " 9\ntoken 5 " HEX " 9\n",
        "tickwire keys v1\ntoken 1 " HEX " 0\n",
        "tickwire keys v1\nstatic " HEX " 9\ntoken 1 " HEX " 0\n",
        "tickwire keys v1\nstatic " HEX "\nstatic " HEX " 9\ntoken 1 " HEX " 0\n",
        "tickwire keys v1\nstatic " HEX "\ntoken 1 " HEX " 0\nstatic " HEX "\n",
        "tickwire keys v1\nstatic " HEX "\ntoken 1 " HEX " 0\nstatic " HEX " 0\n",
        "tickwire keys v1\nstatic " HEX "\ntoken 1 " HEX " 0\nstatic " HEX " 9 9\n",
        "tickwire keys v1\nstatic " HEX "\ntoken 1 " HEX " 0\nstatic " HEX " 9\nstatic " HEX
        " 9\nstatic " HEX " 9\nstatic " HEX " 9\n",
    };
    struct tw_keys keys;
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        write_text(texts[i], strlen(texts[i]));
        assert_false(tw_keys_open(path, &keys, error));
        assert_non_null(strstr(error, "not a key file of this version"));
    }
    const char *good = "tickwire keys v1\nstatic " HEX "\ntoken 1 " HEX " 0\ntoken 2 " HEX " 9\n";
    write_text(good, strlen(good));
    assert_true(tw_keys_open(path, &keys, error));
    assert_int_equal(keys.token_key_count, 2);
    assert_int_equal(keys.static_count, 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_created_private_and_read_back, setup, teardown),
        cmocka_unit_test_setup_teardown(test_readable_by_others_is_refused, setup, teardown),
        cmocka_unit_test_setup_teardown(test_rotation, setup, teardown),
        cmocka_unit_test_setup_teardown(test_rotation_never_drops_a_key_in_use, setup, teardown),
        cmocka_unit_test_setup_teardown(test_static_rotation, setup, teardown),
        cmocka_unit_test_setup_teardown(test_static_rotation_never_drops_a_key_in_use, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(test_revocation, setup, teardown),
        cmocka_unit_test_setup_teardown(test_damaged_files_are_refused, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
