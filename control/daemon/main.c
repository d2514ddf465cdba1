/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * tickwire-control --config FILE
 *
 * Exit codes: 0 stopped by a signal, 1 could not start or failed while running, 2 usage or
 * configuration error (nothing was started).
 */
#include "control/daemon/daemon.h"
#include "control/daemon/log.h"

#include <getopt.h>
#include <malloc.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define EXIT_FAILED 1
#define EXIT_USAGE  2

static const char usage[] =
    "usage: tickwire-control [--config FILE]\n"
    "\n"
    "The control plane of a Tickwire host: accounts, tokens, handshake keys, sessions.\n"
    "\n"
    "  --config FILE  configuration (default /etc/tickwire/tickwire.yaml)\n"
    "  --help         this text\n"
    "\n"
    "Stops on SIGTERM or SIGINT. Log: one JSON object per line on stderr.\n"
    "Exit codes: 0 stopped, 1 failed, 2 usage or configuration error.\n";

/* JSON values hold connect tokens for a moment: nothing of them stays in freed memory. */
static void wipe_and_free(void *memory)
{
    if (memory)
        sodium_memzero(memory, malloc_usable_size(memory));
    free(memory);
}

static int run(const struct tw_config *config, const char *path)
{
    static struct tw_daemon daemon; /* too large for the stack */
    char error[TW_DAEMON_ERROR_SIZE];
    if (!tw_daemon_init(&daemon, config, error)) {
        tw_log_error("start_failed", json_pack("{s:s}", "reason", error));
        return EXIT_FAILED;
    }
    tw_log_info("started", json_pack("{s:s, s:s, s:I}", "config", path, "engine",
                                     config->engine.name, "pid", (json_int_t)getpid()));
    bool ok = tw_daemon_run(&daemon);
    if (!ok)
        tw_log_error("loop_failed", NULL);
    tw_daemon_fini(&daemon);
    tw_log_info("stopped", NULL);
    return ok ? 0 : EXIT_FAILED;
}

int main(int argc, char **argv)
{
    static const struct option options[] = {{"config", required_argument, NULL, 'c'},
                                            {"help", no_argument, NULL, 'h'},
                                            {NULL, 0, NULL, 0}};
    const char *path = "/etc/tickwire/tickwire.yaml";
    int option;
    while ((option = getopt_long(argc, argv, "c:h", options, NULL)) != -1) {
        if (option == 'h') {
            fputs(usage, stdout);
            return 0;
        }
        if (option != 'c') {
            fputs(usage, stderr);
            return EXIT_USAGE;
        }
        path = optarg;
    }
    if (optind != argc) {
        fputs(usage, stderr);
        return EXIT_USAGE;
    }
    struct tw_config config;
    struct tw_config_error error;
    if (!tw_config_load(path, &config, &error)) {
        fprintf(stderr, "%s\n", error.message);
        return EXIT_USAGE;
    }
    if (sodium_init() < 0) {
        fputs("libsodium cannot start\n", stderr);
        return EXIT_FAILED;
    }
    json_set_alloc_funcs(malloc, wipe_and_free);
    return run(&config, path);
}
