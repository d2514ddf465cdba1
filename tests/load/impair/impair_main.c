/* SPDX-License-Identifier: BSD-3-Clause */
#include "tests/load/impair/impair_main.h"

#include "tests/load/impair/endpoint.h"
#include "tests/load/impair/profile_text.h"
#include "tests/load/impair/relay.h"

#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>

#define CLIENTS 256u

enum { EXIT_OK = 0, EXIT_FAILED = 1, EXIT_USAGE = 2 };

static const char usage[] =
    "usage: tickwire-load impair --listen ADDRESS:PORT --to ADDRESS:PORT [options]\n"
    "\n"
    "Relays UDP between many clients and one server over a network that misbehaves. Prints that "
    "it\n"
    "is ready, and what became of the packets when it is stopped. [::]:PORT takes both families.\n"
    "\n"
    "  --up PROFILE      from the clients (default none)\n"
    "  --down PROFILE    to the clients (default none)\n"
    "  --both PROFILE    both\n"
    "  --outage AT:FOR   nothing gets through: seconds since the start\n"
    "  --clients N       at once (default 256, at most 2,000)\n"
    "  --seed N          of all chances (default 1)\n"
    "  --json            the report as JSON\n"
    "\n";

enum { LISTEN = 256, TO, UP, DOWN, BOTH, OUTAGE, CLIENTS_MAX, SEED, JSON, HELP };

static const struct option long_options[] = {
    {"listen", required_argument, NULL, LISTEN},
    {"to", required_argument, NULL, TO},
    {"up", required_argument, NULL, UP},
    {"down", required_argument, NULL, DOWN},
    {"both", required_argument, NULL, BOTH},
    {"outage", required_argument, NULL, OUTAGE},
    {"clients", required_argument, NULL, CLIENTS_MAX},
    {"seed", required_argument, NULL, SEED},
    {"json", no_argument, NULL, JSON},
    {"help", no_argument, NULL, HELP},
    {NULL, 0, NULL, 0},
};

static bool number(const char *text, uint64_t lowest, uint64_t highest, uint64_t *out)
{
    char *end = NULL;
    errno = 0;
    *out = strtoull(text, &end, 10);
    return errno == 0 && end != text && *end == '\0' && text[0] != '-' && *out >= lowest &&
           *out <= highest;
}

static bool outage(struct tw_relay_options *options, const char *text)
{
    double at = 0, length = 0;
    char rest;
    if (sscanf(text, "%lf:%lf%c", &at, &length, &rest) != 2 || !(at >= 0 && at < 1e6) ||
        !(length > 0 && length < 1e6))
        return false;
    options->outage_at_us = (uint64_t)(at * 1e6);
    options->outage_us = (uint64_t)(length * 1e6);
    return true;
}

static bool profile(struct impair_profile *out, char *error, size_t size)
{
    return tw_profile_parse(optarg, out, error, size);
}

static bool apply(struct tw_relay_options *options, int option, char *error, size_t size)
{
    uint64_t value = 0;
    switch (option) {
    case LISTEN:
        return tw_endpoint_parse(optarg, &options->listen);
    case TO:
        return tw_endpoint_parse(optarg, &options->to);
    case UP:
        return profile(&options->up, error, size);
    case DOWN:
        return profile(&options->down, error, size);
    case BOTH:
        return profile(&options->up, error, size) && profile(&options->down, error, size);
    case OUTAGE:
        return outage(options, optarg);
    case CLIENTS_MAX:
        if (!number(optarg, 1, TW_RELAY_CLIENTS_MAX, &value))
            return false;
        options->clients_max = (uint32_t)value;
        return true;
    case SEED:
        return number(optarg, 0, UINT64_MAX, &options->seed);
    case JSON:
        options->json = true;
        return true;
    default:
        return false;
    }
}

/* EXIT_OK: go on. */
static int parse(struct tw_relay_options *options, int argc, char **argv)
{
    *options = (struct tw_relay_options){.clients_max = CLIENTS, .seed = 1};
    int option = 0;
    while ((option = getopt_long(argc, argv, "", long_options, NULL)) != -1) {
        char error[128] = "not understood";
        if (option == HELP) {
            fputs(usage, stdout);
            fputs(tw_profile_help, stdout);
            exit(EXIT_OK);
        }
        if (option == '?' || !apply(options, option, error, sizeof(error))) {
            fprintf(stderr, "tickwire-load: impair: %s: %s\n", argv[optind - 1], error);
            return EXIT_USAGE;
        }
    }
    if (options->listen.port == 0 || options->to.port == 0 || optind != argc) {
        fputs(usage, stderr);
        return EXIT_USAGE;
    }
    return EXIT_OK;
}

int tw_impair_main(int argc, char **argv, const volatile sig_atomic_t *stop)
{
    struct tw_relay_options options;
    int status = parse(&options, argc, argv);
    if (status != EXIT_OK)
        return status;
    /* What is to leave in 100 µs is not to leave in 150. */
    (void)prctl(PR_SET_TIMERSLACK, 1UL, 0UL, 0UL, 0UL);
    struct tw_impair_relay *relay = tw_impair_relay_create(&options);
    if (!relay) {
        fprintf(stderr, "tickwire-load: impair: %s\n", strerror(errno));
        return EXIT_FAILED;
    }
    fprintf(stderr, "ready\n");
    while (*stop == 0)
        tw_impair_relay_turn(relay);
    tw_impair_relay_report(relay);
    tw_impair_relay_destroy(relay);
    return EXIT_OK;
}
