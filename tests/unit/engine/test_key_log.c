/* SPDX-License-Identifier: BSD-3-Clause */
/* A lab's key log: appended to, for nobody else's eyes. */
#include "dataplane/engine/key_log.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

static char directory[] = "/tmp/tickwire-key-log-XXXXXX";
static char path[64], other[64];

static int setup(void **state)
{
    (void)state;
    if (!mkdtemp(directory))
        return -1;
    snprintf(path, sizeof(path), "%s/keys", directory);
    snprintf(other, sizeof(other), "%s/link", directory);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    unlink(path);
    unlink(other);
    return rmdir(directory);
}

static void a_file_that_was_there_becomes_private(void **state)
{
    (void)state;
    FILE *before = fopen(path, "w");
    assert_non_null(before);
    fputs("# mine\n", before);
    fclose(before);
    assert_int_equal(chmod(path, 0644), 0);
    FILE *log = tw_engine_key_log_open(path);
    assert_non_null(log);
    struct stat seen;
    assert_int_equal(stat(path, &seen), 0);
    assert_int_equal(seen.st_mode & 07777, 0600);
    struct tw_lab_install install = {.connection_id = 7, .suite = TW_SUITE_AES256_GCM};
    memset(install.secret_client_to_server, 0xab, TW_KEY_SIZE);
    assert_true(tw_engine_key_log_session(log, &install));
    fclose(log);
    char text[512] = "";
    FILE *back = fopen(path, "r");
    assert_non_null(back);
    size_t size = fread(text, 1, sizeof(text) - 1, back);
    fclose(back);
    static const char wanted[] = "# mine\nTICKWIRE1 00000007 aes256_gcm abab";
    assert_memory_equal(text, wanted, sizeof(wanted) - 1);
    assert_string_equal(text + size - 5, " - -\n");
}

static void links_and_missing_folders_are_refused(void **state)
{
    (void)state;
    assert_int_equal(symlink(path, other), 0);
    assert_null(tw_engine_key_log_open(other));
    assert_null(tw_engine_key_log_open("/tmp/no such folder here/keys"));
}

static void a_full_disk_is_told(void **state)
{
    (void)state;
    FILE *full = fopen("/dev/full", "w");
    assert_non_null(full);
    struct tw_lab_install install = {.connection_id = 7, .suite = TW_SUITE_AES256_GCM};
    assert_false(tw_engine_key_log_session(full, &install));
    fclose(full);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_file_that_was_there_becomes_private),
        cmocka_unit_test(links_and_missing_folders_are_refused),
        cmocka_unit_test(a_full_disk_is_told),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
