/* SPDX-License-Identifier: BSD-3-Clause */
#include "tests/load/bots.h"
#include "tests/load/impair/impair_main.h"
#include "tests/load/lab/capture_options.h"
#include "tests/load/latency/latency.h"
#include "tests/load/options.h"
#include "tests/load/report.h"
#include "tests/load/stop.h"
#include "tests/load/tokens.h"

#include <errno.h>
#include <sodium.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum { EXIT_OK = 0, EXIT_FAILED = 1, EXIT_USAGE = 2 };

static void play(struct tw_load_bots *bots)
{
    const struct tw_load_options *options = bots->options;
    struct tw_load_report report = {0};
    uint64_t interval_us = options->interval_s * UINT64_C(1000000);
    uint64_t end_us = bots->started_us + options->seconds * UINT64_C(1000000);
    uint64_t next_report_us = bots->started_us + interval_us;
    while (!stop_requested && tw_load_now_us() < end_us && !tw_load_bots_all_ended(bots)) {
        tw_load_bots_turn(bots);
        if (tw_load_now_us() >= next_report_us) {
            tw_load_report_interval(&report, bots);
            next_report_us += interval_us;
        }
    }
    bots->interrupted = stop_requested != 0;
    tw_load_bots_leave(bots);
}

static int run_bots(int argc, char **argv)
{
    struct tw_load_options options;
    bool help = false;
    if (!tw_load_options_parse(&options, argc, argv, &help))
        return EXIT_USAGE;
    if (help)
        return EXIT_OK;
    static uint8_t tokens[TW_LOAD_BOTS_MAX][TW_CONNECT_SIZE];
    int count = tw_load_tokens_read(options.tokens_path, tokens,
                                    options.count > 0 ? options.count : TW_LOAD_BOTS_MAX);
    if (count < 0)
        return EXIT_USAGE;
    if (count == 0 || (uint32_t)count < options.count) {
        fprintf(stderr, "tickwire-load: %s has %d tokens\n", options.tokens_path, count);
        return EXIT_USAGE;
    }
    for (int i = 0; options.via.port != 0 && i < count; i++)
        tw_load_token_set_address(tokens[i], &options.via);
    stop_catch_signals();
    struct tw_load_bots *bots =
        tw_load_bots_create(&options, (const uint8_t(*)[TW_CONNECT_SIZE])tokens, (uint32_t)count);
    sodium_memzero(tokens, sizeof(tokens));
    if (!bots)
        return EXIT_FAILED;
    play(bots);
    bool ok = tw_load_report_summary(bots);
    tw_load_bots_destroy(bots);
    return ok ? EXIT_OK : EXIT_FAILED;
}

/* A program of its own beside this one: it needs DPDK, and bots do not. */
static int run_replay(char **argv)
{
    char path[4096];
    ssize_t length = readlink("/proc/self/exe", path, sizeof(path) - sizeof("-replay"));
    if (length > 0 && (size_t)length < sizeof(path) - sizeof("-replay")) {
        memcpy(path + length, "-replay", sizeof("-replay"));
        execv(path, argv);
        fprintf(stderr, "tickwire-load: %s: %s\n", path, strerror(errno));
    } else {
        fputs("tickwire-load: cannot tell where it stands\n", stderr);
    }
    return EXIT_FAILED;
}

int main(int argc, char **argv)
{
    if (argc >= 2 && strcmp(argv[1], "bots") == 0)
        return run_bots(argc - 1, argv + 1);
    if (argc >= 2 && strcmp(argv[1], "capture") == 0)
        return tw_capture_main(argc - 1, argv + 1);
    if (argc >= 2 && strcmp(argv[1], "replay") == 0)
        return run_replay(argv + 1);
    if (argc >= 2 && strcmp(argv[1], "impair") == 0) {
        stop_catch_signals();
        return tw_impair_main(argc - 1, argv + 1, &stop_requested);
    }
    if (argc >= 2 && strcmp(argv[1], "latency") == 0) {
        stop_catch_signals();
        return tw_latency_main(argc - 1, argv + 1, &stop_requested);
    }
    bool help = argc == 2 && strcmp(argv[1], "--help") == 0;
    fputs("usage: tickwire-load bots ...      plays with many clients\n"
          "       tickwire-load capture ...   writes their traffic into a pcap file, from a seed\n"
          "       tickwire-load replay ...    plays such a file through a DPDK port\n"
          "       tickwire-load impair ...    relays UDP over a network that misbehaves\n"
          "       tickwire-load latency ...   measures one client's round trips, or an echo's\n"
          "each knows --help\n",
          help ? stdout : stderr);
    return help ? EXIT_OK : EXIT_USAGE;
}
