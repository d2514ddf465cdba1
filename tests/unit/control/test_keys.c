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
    assert_int_equal(crypto_scalarmult_base(public_key, read.static_secret), 0);
    assert_memory_equal(public_key, read.static_public, TW_KEY_SIZE);
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
    assert_true(tw_keys_rotate(path, &keys, NOW_S, error));
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
        assert_true(tw_keys_rotate(path, &keys, NOW_S + i, error));
    struct tw_keys before = keys;
    assert_false(tw_keys_rotate(path, &keys, NOW_S + 10, error));
    assert_string_equal(error, "3 previous token keys are still in use, the oldest for 3591 s");
    assert_memory_equal(&keys, &before, sizeof(keys));
    assert_true(tw_keys_rotate(path, &keys, NOW_S + 1 + TW_TOKEN_VALIDITY_MAX_S, error));
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
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_created_private_and_read_back, setup, teardown),
        cmocka_unit_test_setup_teardown(test_readable_by_others_is_refused, setup, teardown),
        cmocka_unit_test_setup_teardown(test_rotation, setup, teardown),
        cmocka_unit_test_setup_teardown(test_rotation_never_drops_a_key_in_use, setup, teardown),
        cmocka_unit_test_setup_teardown(test_damaged_files_are_refused, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
