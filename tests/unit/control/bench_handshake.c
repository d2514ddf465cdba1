/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Handshakes per second and core of the real daemon, over its real agent socket and store.
 *
 * bench_handshake [COUNT]: COUNT fresh tokens and clients are made first, then sent in windows of
 * 256 requests; the daemon's own CPU time (from /proc) is what counts, wall time is told, too.
 * Run on demand, with TICKWIRE_CONTROL naming the executable; builds of type release are meant.
 */
#include "tests/unit/control/fixture.h"

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#define WINDOW        256u
#define COUNT_DEFAULT 16384u

/* The fixture keeps its history small; the bench wants room. */
static void enlarge_history(struct fixture *fixture)
{
    (void)fixture_stop(fixture, SIGTERM);
    char command[256];
    snprintf(command, sizeof(command),
             "sed -i s/token_history_max:.*/token_history_max:\\ 1000000/ %s", fixture->config);
    assert_int_equal(system(command), 0);
    fixture_start(fixture);
}

static double cpu_seconds(pid_t pid)
{
    char path[64];
    unsigned long user = 0;
    unsigned long kernel = 0;
    snprintf(path, sizeof(path), "/proc/%d/stat", pid);
    FILE *file = fopen(path, "re");
    assert_non_null(file);
    assert_int_equal(fscanf(file,
                            "%*d (%*[^)]) %*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %lu %lu",
                            &user, &kernel),
                     2);
    (void)fclose(file);
    return (double)(user + kernel) / (double)sysconf(_SC_CLK_TCK);
}

static double wall_seconds(void)
{
    struct timespec now;
    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + (double)now.tv_nsec * 1e-9;
}

static void make_requests(struct fixture *fixture, uint8_t (*hellos)[TW_HELLO2_SIZE], size_t count)
{
    for (size_t i = 0; i < count; i++) {
        uint8_t packet[TW_DATAGRAM_MAX];
        struct tw_connect_token token = fixture_forge(fixture, NULL);
        struct tw_handshake_client client = fixture_client(&token);
        assert_int_equal(tw_handshake_client_packet(&client, packet), TW_HELLO2_SIZE);
        memcpy(hellos[i], packet, TW_HELLO2_SIZE);
    }
}

static void run_window(struct fixture *fixture, uint8_t (*hellos)[TW_HELLO2_SIZE], size_t count)
{
    for (size_t i = 0; i < count; i++) {
        union tw_agent_message message = {0};
        message.handshake_request.destination = tw_address_from_ipv4(FIXTURE_ADDRESS, FIXTURE_PORT);
        memcpy(message.handshake_request.hello2, hellos[i], TW_HELLO2_SIZE);
        fixture_send(fixture->engine, &message, TW_AGENT_HANDSHAKE_REQUEST,
                     sizeof(message.handshake_request));
    }
    for (size_t i = 0; i < count; i++) {
        union tw_agent_message message = fixture_receive(fixture->engine, TW_AGENT_HANDSHAKE_REPLY);
        assert_int_equal(message.handshake_reply.verdict, TW_VERDICT_WELCOMED);
    }
}

static size_t wanted = COUNT_DEFAULT;

static void bench(void **state)
{
    struct fixture *fixture = *state;
    uint8_t(*hellos)[TW_HELLO2_SIZE] = calloc(wanted, sizeof(*hellos));
    assert_non_null(hellos);
    enlarge_history(fixture);
    make_requests(fixture, hellos, wanted);
    fixture_link(fixture, NULL, 0);
    double cpu = cpu_seconds(fixture->daemon);
    double wall = wall_seconds();
    for (size_t done = 0; done < wanted; done += WINDOW)
        run_window(fixture, hellos + done, wanted - done < WINDOW ? wanted - done : WINDOW);
    wall = wall_seconds() - wall;
    cpu = cpu_seconds(fixture->daemon) - cpu;
    printf(
        "handshakes %zu, daemon cpu %.2f s, wall %.2f s: %.0f per second and core, %.1f us each\n",
        wanted, cpu, wall, (double)wanted / cpu, cpu * 1e6 / (double)wanted);
    free(hellos);
}

int main(int argc, char **argv)
{
    if (argc > 1)
        wanted = strtoul(argv[1], NULL, 10);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(bench, fixture_setup, fixture_teardown)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
