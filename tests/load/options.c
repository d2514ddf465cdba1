/* SPDX-License-Identifier: BSD-3-Clause */
#include "tests/load/options.h"

#include "tests/load/impair/endpoint.h"
#include "tests/load/lab/arguments.h"

#include <getopt.h>
#include <stdio.h>
#include <string.h>

static const char help_text[] =
    "usage: tickwire-load bots --tokens FILE [options]\n"
    "\n"
    "Connects up to 1,000 clients over kernel UDP sockets, one for each line of FILE (base64\n"
    "connect tokens; - is standard input), plays, checks, closes.\n"
    "\n"
    "  --behaviour walk|stand|mixed  default walk\n"
    "  --seconds S           how long, from the first connect (default 30)\n"
    "  --count N             use the first N tokens (default: all)\n"
    "  --interval S          seconds between progress lines (default 1)\n"
    "  --json                JSON lines instead of a table\n"
    "  --seed N              of walks and losses (default 1)\n"
    "  --connects N          connects begun per second (default 200)\n"
    "  --connect-timeout S   time for one handshake (default 30)\n"
    "  --timeout S           silence that ends a connection (default 10)\n"
    "  --entities N          size of a bot's view (default 1024)\n"
    "  --loss P              drop P percent of datagrams both ways inside the bots\n"
    "  --rebind S            every S seconds each bot goes on from another port\n"
    "  --talk                send commands and large messages, check what is relayed\n"
    "  --listen              check what others send, and send nothing\n"
    "  --via ADDRESS:PORT    send everything there instead of to the server: see impair\n"
    "  --key-log FILE        append the connections' keys, for tickwire.lua (mode 0600)\n"
    "  --resume DIR          keep there (mode 0600) what another process needs to go on with the\n"
    "                        bots' sessions, and go on with those that were kept\n"
    "  --expect-close        a server that stops counts as success\n"
    "\n"
    "exit status: 0 all bots connected and stayed, no view differed from the server's, and none\n"
    "missed the comparison though its snapshots were complete for 3 s; 1 something failed, the\n"
    "summary says what; 2 usage\n";

enum {
    OPTION_TOKENS = 256,
    OPTION_BEHAVIOUR,
    OPTION_SECONDS,
    OPTION_COUNT,
    OPTION_INTERVAL,
    OPTION_JSON,
    OPTION_SEED,
    OPTION_CONNECTS,
    OPTION_CONNECT_TIMEOUT,
    OPTION_TIMEOUT,
    OPTION_ENTITIES,
    OPTION_LOSS,
    OPTION_REBIND,
    OPTION_TALK,
    OPTION_LISTEN,
    OPTION_VIA,
    OPTION_KEY_LOG,
    OPTION_RESUME,
    OPTION_EXPECT_CLOSE,
    OPTION_HELP
};

static const struct option long_options[] = {
    {"tokens", required_argument, NULL, OPTION_TOKENS},
    {"behaviour", required_argument, NULL, OPTION_BEHAVIOUR},
    {"seconds", required_argument, NULL, OPTION_SECONDS},
    {"count", required_argument, NULL, OPTION_COUNT},
    {"interval", required_argument, NULL, OPTION_INTERVAL},
    {"json", no_argument, NULL, OPTION_JSON},
    {"seed", required_argument, NULL, OPTION_SEED},
    {"connects", required_argument, NULL, OPTION_CONNECTS},
    {"connect-timeout", required_argument, NULL, OPTION_CONNECT_TIMEOUT},
    {"timeout", required_argument, NULL, OPTION_TIMEOUT},
    {"entities", required_argument, NULL, OPTION_ENTITIES},
    {"loss", required_argument, NULL, OPTION_LOSS},
    {"rebind", required_argument, NULL, OPTION_REBIND},
    {"talk", no_argument, NULL, OPTION_TALK},
    {"listen", no_argument, NULL, OPTION_LISTEN},
    {"via", required_argument, NULL, OPTION_VIA},
    {"key-log", required_argument, NULL, OPTION_KEY_LOG},
    {"resume", required_argument, NULL, OPTION_RESUME},
    {"expect-close", no_argument, NULL, OPTION_EXPECT_CLOSE},
    {"help", no_argument, NULL, OPTION_HELP},
    {NULL, 0, NULL, 0},
};

static bool number32(const char *name, uint32_t lowest, uint32_t highest, uint32_t *out)
{
    struct tw_argument argument = {"tickwire-load", name, optarg};
    return tw_argument_number32(&argument, lowest, highest, out);
}

static bool behaviour(enum tw_load_behaviour *out)
{
    static const char *const names[] = {
        [TW_LOAD_WALK] = "walk", [TW_LOAD_STAND] = "stand", [TW_LOAD_MIXED] = "mixed"};
    for (uint32_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        if (strcmp(optarg, names[i]) == 0) {
            *out = (enum tw_load_behaviour)i;
            return true;
        }
    }
    fprintf(stderr, "tickwire-load: --behaviour is walk, stand or mixed, not '%s'\n", optarg);
    return false;
}

static bool apply(struct tw_load_options *options, int option)
{
    switch (option) {
    case OPTION_TOKENS:
        options->tokens_path = optarg;
        return true;
    case OPTION_BEHAVIOUR:
        return behaviour(&options->behaviour);
    case OPTION_SECONDS:
        return number32("seconds", 1, 86400, &options->seconds);
    case OPTION_COUNT:
        return number32("count", 1, TW_LOAD_BOTS_MAX, &options->count);
    case OPTION_INTERVAL:
        return number32("interval", 1, 3600, &options->interval_s);
    case OPTION_JSON:
        options->json = true;
        return true;
    case OPTION_SEED:
        return tw_argument_number(&(struct tw_argument){"tickwire-load", "seed", optarg}, 0,
                                  UINT64_MAX, &options->seed);
    case OPTION_CONNECTS:
        return number32("connects", 1, 100000, &options->connects_per_s);
    case OPTION_CONNECT_TIMEOUT:
        return number32("connect-timeout", 1, 3600, &options->connect_timeout_s);
    case OPTION_TIMEOUT:
        return number32("timeout", 1, 3600, &options->timeout_s);
    case OPTION_ENTITIES:
        return number32("entities", 1, 4096, &options->entities_max);
    case OPTION_LOSS:
        return number32("loss", 0, 90, &options->loss_percent);
    case OPTION_REBIND:
        return number32("rebind", 1, 3600, &options->rebind_s);
    case OPTION_TALK:
        options->talk = true;
        return true;
    case OPTION_LISTEN:
        options->listen = true;
        return true;
    case OPTION_VIA:
        if (!tw_endpoint_parse(optarg, &options->via))
            fprintf(stderr, "tickwire-load: --via wants an address and a port, not '%s'\n", optarg);
        return options->via.port != 0;
    case OPTION_KEY_LOG:
        options->key_log_path = optarg;
        return true;
    case OPTION_RESUME:
        options->resume_path = optarg;
        return true;
    case OPTION_EXPECT_CLOSE:
        options->expect_close = true;
        return true;
    default:
        fputs("tickwire-load: see --help\n", stderr);
        return false;
    }
}

bool tw_load_options_parse(struct tw_load_options *options, int argc, char **argv, bool *help)
{
    *options = (struct tw_load_options){
        .behaviour = TW_LOAD_WALK,
        .seconds = 30,
        .interval_s = 1,
        .connects_per_s = 200,
        .connect_timeout_s = 30,
        .timeout_s = 10,
        .entities_max = 1024,
        .seed = 1,
    };
    *help = false;
    int option = 0;
    while ((option = getopt_long(argc, argv, "", long_options, NULL)) != -1) {
        if (option == OPTION_HELP) {
            fputs(help_text, stdout);
            *help = true;
            return true;
        }
        if (!apply(options, option))
            return false;
    }
    if (!options->tokens_path || optind != argc) {
        fputs(help_text, stderr);
        return false;
    }
    return true;
}
