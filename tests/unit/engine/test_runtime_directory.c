/* SPDX-License-Identifier: BSD-3-Clause */
#include "dataplane/engine/runtime_directory.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

static char base[64];
static char path[256];

static const char *below(const char *name)
{
    snprintf(path, sizeof(path), "%s/%s", base, name);
    return path;
}

static const char *ours(void)
{
    char prefix[TW_RUNTIME_PREFIX_SIZE];
    tw_runtime_prefix(prefix);
    return below(prefix);
}

static bool exists(const char *name)
{
    return access(below(name), F_OK) == 0;
}

static void make(const char *name, const char *file)
{
    char inner[320];
    assert_int_equal(mkdir(below(name), 0700), 0);
    snprintf(inner, sizeof(inner), "%s/%s", path, file);
    int descriptor = open(inner, O_CREAT | O_WRONLY, 0600);
    assert_true(descriptor >= 0);
    close(descriptor);
}

static int setup(void **state)
{
    (void)state;
    strcpy(base, "/tmp/tickwire-runtime-XXXXXX");
    return mkdtemp(base) == NULL;
}

static int teardown(void **state)
{
    (void)state;
    tw_runtime_directory_remove();
    return rmdir(base);
}

/* The id of a process that has ended and was reaped. */
static pid_t dead_pid(void)
{
    pid_t child = fork();
    if (child == 0)
        _exit(0);
    assert_int_equal(waitpid(child, NULL, 0), child);
    return child;
}

static void test_only_our_own_is_removed(void **state)
{
    (void)state;
    make("other", "file");
    tw_runtime_directory_remember(below("other"));
    tw_runtime_directory_remove();
    assert_true(exists("other/file"));
    unlink(below("other/file"));
    rmdir(below("other"));

    char prefix[TW_RUNTIME_PREFIX_SIZE];
    tw_runtime_prefix(prefix);
    make(prefix, "dpdk_telemetry.v2");
    tw_runtime_directory_remember(ours());
    tw_runtime_directory_remove();
    assert_false(exists(prefix));
    tw_runtime_directory_remember(NULL);
    tw_runtime_directory_remove();
}

static void test_an_exit_that_does_not_wait(void **state)
{
    (void)state;
    char prefix[TW_RUNTIME_PREFIX_SIZE];
    tw_runtime_prefix(prefix);
    make(prefix, "dpdk_telemetry.v2");
    tw_runtime_directory_remember(ours());
    tw_runtime_directory_abandon();
    assert_false(exists(prefix));
}

static void listen_in(const char *directory, int *descriptor)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    snprintf(address.sun_path, sizeof(address.sun_path), "%.60s/%.20s/dpdk_telemetry.v2", base,
             directory);
    unlink(address.sun_path);
    *descriptor = socket(AF_UNIX, SOCK_SEQPACKET, 0);
    assert_int_equal(bind(*descriptor, (struct sockaddr *)&address, sizeof(address)), 0);
    assert_int_equal(listen(*descriptor, 1), 0);
}

static void test_sweep_removes_what_the_killed_left(void **state)
{
    (void)state;
    char dead[32], alive[32];
    snprintf(dead, sizeof(dead), TW_RUNTIME_PREFIX "%d", (int)dead_pid());
    snprintf(alive, sizeof(alive), TW_RUNTIME_PREFIX "%d", (int)getppid());
    make(dead, "dpdk_telemetry.v2");
    make(alive, "dpdk_telemetry.v2");
    make("tickwire-", "x");
    make("tickwire-12x", "x");
    make("rte", "x");
    assert_int_equal(tw_runtime_directory_sweep(ours()), 1);
    assert_false(exists(dead));
    assert_true(exists(alive) && exists("tickwire-") && exists("tickwire-12x") && exists("rte"));

    /* Its process id belongs to another container: somebody answers. */
    make(dead, "x");
    int descriptor;
    listen_in(dead, &descriptor);
    assert_int_equal(tw_runtime_directory_sweep(ours()), 0);
    close(descriptor);
    assert_int_equal(tw_runtime_directory_sweep(ours()), 1);

    const char *const left[] = {"tickwire-", "tickwire-12x", "rte"};
    for (size_t i = 0; i < 3; i++) {
        char file[64];
        snprintf(file, sizeof(file), "%s/x", left[i]);
        unlink(below(file));
        rmdir(below(left[i]));
    }
    char file[64];
    snprintf(file, sizeof(file), "%s/dpdk_telemetry.v2", alive);
    unlink(below(file));
    rmdir(below(alive));
    assert_int_equal(tw_runtime_directory_sweep(NULL), 0);
    assert_int_equal(tw_runtime_directory_sweep("/nonexistent/x"), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_only_our_own_is_removed, setup, teardown),
        cmocka_unit_test_setup_teardown(test_an_exit_that_does_not_wait, setup, teardown),
        cmocka_unit_test_setup_teardown(test_sweep_removes_what_the_killed_left, setup, teardown),
    };
    return cmocka_run_group_tests_name("runtime_directory", tests, NULL, NULL);
}
