/* SPDX-License-Identifier: BSD-3-Clause */
/* What bots keep on disk: nobody else's to read, whole or not there, gone when it is forgotten. */
#include "tests/load/resume_store.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

static char directory[] = "/tmp/tickwire-resume-XXXXXX";
static uint8_t token[TW_CLIENT_RESUME_SIZE], found[TW_CLIENT_RESUME_SIZE];

static const char *path(const char *file)
{
    static char text[128];
    snprintf(text, sizeof(text), "%s/%s", directory, file);
    return text;
}

static bool exists(const char *file)
{
    return access(path(file), F_OK) == 0;
}

static void comes_back_as_it_was(void **state)
{
    (void)state;
    struct stat is;
    memset(token, 0x5a, sizeof(token));
    assert_false(tw_load_resume_read(directory, 7, found));
    assert_true(tw_load_resume_write(directory, 7, token));
    assert_int_equal(stat(path("bot-7"), &is), 0);
    assert_int_equal(is.st_mode & 0777, 0600);
    assert_true(tw_load_resume_read(directory, 7, found));
    assert_memory_equal(found, token, sizeof(token));
    assert_false(tw_load_resume_read(directory, 8, found));
    tw_load_resume_forget(directory, 7);
    assert_false(exists("bot-7"));
}

/* Through a descriptor of before: the old bytes are not there any more, for whoever has them open,
 * or looks at the disk. */
static void what_was_there_is_overwritten(void **state)
{
    (void)state;
    static const uint8_t nothing[TW_CLIENT_RESUME_SIZE];
    for (uint32_t replaced = 0; replaced < 2; replaced++) {
        memset(token, 0x5a, sizeof(token));
        assert_true(tw_load_resume_write(directory, 1, token));
        int before = open(path("bot-1"), O_RDONLY | O_CLOEXEC);
        assert_true(before >= 0);
        memset(token, 0xa5, sizeof(token));
        if (replaced == 1)
            assert_true(tw_load_resume_write(directory, 1, token));
        else
            tw_load_resume_forget(directory, 1);
        assert_int_equal(read(before, found, sizeof(found)), sizeof(found));
        assert_memory_equal(found, nothing, sizeof(nothing));
        close(before);
        assert_int_equal(tw_load_resume_read(directory, 1, found), replaced);
        tw_load_resume_forget(directory, 1);
    }
}

static void what_is_not_ours_or_not_whole_is_not_taken(void **state)
{
    (void)state;
    assert_true(tw_load_resume_write(directory, 2, token));
    assert_int_equal(chmod(path("bot-2"), 0640), 0);
    assert_false(tw_load_resume_read(directory, 2, found));
    assert_false(exists("bot-2"));
    assert_true(tw_load_resume_write(directory, 2, token));
    assert_int_equal(truncate(path("bot-2"), TW_CLIENT_RESUME_SIZE - 1), 0);
    assert_false(tw_load_resume_read(directory, 2, found));
    assert_false(exists("bot-2"));
    char to[128];
    assert_true(tw_load_resume_write(directory, 3, token));
    snprintf(to, sizeof(to), "%s", path("bot-3"));
    assert_int_equal(symlink(to, path("bot-2")), 0);
    assert_false(tw_load_resume_read(directory, 2, found));
    tw_load_resume_forget(directory, 2);
    assert_true(tw_load_resume_read(directory, 3, found)); /* what it pointed to is untouched */
    tw_load_resume_forget(directory, 3);
}

/* A process that was killed in the middle leaves a part of a file, and the one before. */
static void a_kill_in_the_middle_loses_nothing(void **state)
{
    (void)state;
    assert_true(tw_load_resume_write(directory, 4, token));
    FILE *half = fopen(path("bot-4.new"), "we");
    assert_non_null(half);
    fputs("half", half);
    fclose(half);
    assert_true(tw_load_resume_read(directory, 4, found));
    memset(token, 3, sizeof(token));
    assert_true(tw_load_resume_write(directory, 4, token));
    assert_true(tw_load_resume_read(directory, 4, found));
    assert_memory_equal(found, token, sizeof(token));
    tw_load_resume_forget(directory, 4);
    assert_false(exists("bot-4.new"));
}

static void a_directory_that_is_not_there(void **state)
{
    (void)state;
    assert_false(tw_load_resume_write("/nonexistent/tickwire", 1, token));
    assert_false(tw_load_resume_read("/nonexistent/tickwire", 1, found));
    tw_load_resume_forget("/nonexistent/tickwire", 1);
}

int main(void)
{
    if (!mkdtemp(directory))
        return 1;
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(comes_back_as_it_was),
        cmocka_unit_test(what_was_there_is_overwritten),
        cmocka_unit_test(what_is_not_ours_or_not_whole_is_not_taken),
        cmocka_unit_test(a_kill_in_the_middle_loses_nothing),
        cmocka_unit_test(a_directory_that_is_not_there),
    };
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    rmdir(directory);
    return failed;
}
