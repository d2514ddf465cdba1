/* SPDX-License-Identifier: BSD-3-Clause */
#include "tests/load/lab/replay_options.h"

#include "tests/load/lab/arguments.h"
#include "tests/load/lab/flood.h"

#include <stdio.h>
#include <string.h>

#define PROGRAM "tickwire-load replay"

static const char help_text[] =
    "usage: " PROGRAM " --capture FILE.pcap [--sessions FILE] --device DEVICE [options]\n"
    "\n"
    "Plays a capture through a DPDK port by its own timestamps. With the sessions file of\n"
    "`tickwire-load capture` each loop is sealed afresh under the next packet numbers, replies\n"
    "are opened, and round trips and losses told; without one any capture is played once, as it\n"
    "is.\n"
    "\n"
    "  --device DEVICE   of DPDK: net_memif0,role=client,socket=/tmp/lab.sock, a PCI address …\n"
    "  --speed X         multiple of the recorded speed (default 1)\n"
    "  --flat-out        as fast as the port takes packets\n"
    "  --loops N         default 1\n"
    "  --first-loop N    go on where an earlier run stopped after N loops (default 0)\n"
    "  --ahead           seal everything before the first packet is sent: for rates above live\n"
    "                    sealing; takes memory for all loops, and inputs keep recorded ticks\n"
    "  --control SOCKET  control plane's CLI socket: losses by the engine's own counters\n"
    "  --core N          to run on (default 1, or 0 where there is no other)\n"
    "  --memory-mb N     for DPDK (default 128)\n"
    "  --hugepages       take hugepages, which must be free; else none\n"
    "  --nap             sleep where there is time; less precise, kinder to shared cores\n"
    "  --queues N        of the port (default 1): all is sent by the first; a memif engine with\n"
    "                    more workers has to find as many\n"
    "  --wait S          for the link to come up (default 10)\n"
    "  --drain MS        for the last replies (default 300)\n"
    "  --flood KINDS     hostile packets beside the honest ones, at most --flood-count N of them:\n"
    "                    mixed, or some of unknown, forged, offpath, hello, hello_small, replay,\n"
    "                    oversized, tiny (with commas between)\n"
    "  --flood-pps N     default: as fast as the port takes them\n"
    "  --flood-from MS   after the first honest packet (default 500): what was before is compared\n"
    "  --flood-seed N    default 1\n"
    "  --overflow        what the port has no room for is lost, honest or hostile, as in the\n"
    "                    queue of a network card; else it is offered again\n"
    "  --json            one JSON line instead of a table\n"
    "\n"
    "exit status: 0 every packet was sent or lost as said, 1 something failed, 2 usage\n";

/* clang-format off */
#define OPTIONS(X)                                   \
    X(CAPTURE, "capture", required_argument)         \
    X(SESSIONS, "sessions", required_argument)       \
    X(DEVICE, "device", required_argument)           \
    X(SPEED, "speed", required_argument)             \
    X(FLAT_OUT, "flat-out", no_argument)             \
    X(LOOPS, "loops", required_argument)             \
    X(FIRST_LOOP, "first-loop", required_argument)   \
    X(AHEAD, "ahead", no_argument)                   \
    X(CONTROL, "control", required_argument)         \
    X(CORE, "core", required_argument)               \
    X(MEMORY_MB, "memory-mb", required_argument)     \
    X(HUGEPAGES, "hugepages", no_argument)           \
    X(NAP, "nap", no_argument)                       \
    X(QUEUES, "queues", required_argument)           \
    X(WAIT, "wait", required_argument)               \
    X(DRAIN, "drain", required_argument)             \
    X(FLOOD, "flood", required_argument)             \
    X(FLOOD_COUNT, "flood-count", required_argument) \
    X(FLOOD_PPS, "flood-pps", required_argument)     \
    X(FLOOD_FROM, "flood-from", required_argument)   \
    X(FLOOD_SEED, "flood-seed", required_argument)   \
    X(OVERFLOW, "overflow", no_argument)             \
    X(JSON, "json", no_argument)                     \
    X(HELP, "help", no_argument)
/* clang-format on */

enum { OPTION_NONE = TW_OPTION_NONE, OPTIONS(TW_OPTION_NUMBER) };
static const struct option long_options[] = {OPTIONS(TW_OPTION_ROW){0}};

static bool apply_flood(struct tw_replay_options *options, int option,
                        const struct tw_argument *argument)
{
    switch (option) {
    case OPTION_FLOOD:
        if (tw_flood_kinds_parse(argument->text, &options->flood_kinds))
            return true;
        fprintf(stderr, PROGRAM ": --flood %s: unknown kind; see --help\n", argument->text);
        return false;
    case OPTION_FLOOD_COUNT:
        return tw_argument_number(argument, 1, UINT64_C(1) << 40, &options->flood_count);
    case OPTION_FLOOD_PPS:
        return tw_argument_number(argument, 1, 1000000000u, &options->flood_pps);
    case OPTION_FLOOD_FROM:
        return tw_argument_number32(argument, 0, 3600000, &options->flood_from_ms);
    case OPTION_FLOOD_SEED:
        return tw_argument_number(argument, 0, UINT64_MAX, &options->flood_seed);
    default:
        fputs(PROGRAM ": see --help\n", stderr);
        return false;
    }
}

static bool apply_number(struct tw_replay_options *options, int option,
                         const struct tw_argument *argument)
{
    switch (option) {
    case OPTION_SPEED:
        return tw_argument_permille(argument, 1, 1000u * 1000u, &options->speed_permille);
    case OPTION_LOOPS:
        return tw_argument_number(argument, 1, 1u << 28, &options->loops);
    case OPTION_FIRST_LOOP:
        return tw_argument_number(argument, 0, 1u << 28, &options->first_loop);
    case OPTION_CORE:
        return tw_argument_number32(argument, 0, 1023, &options->core);
    case OPTION_MEMORY_MB:
        return tw_argument_number32(argument, 32, 1u << 20, &options->memory_mb);
    case OPTION_QUEUES:
        return tw_argument_number32(argument, 1, 16, &options->queues);
    case OPTION_WAIT:
        return tw_argument_number32(argument, 0, 3600, &options->wait_s);
    case OPTION_DRAIN:
        return tw_argument_number32(argument, 0, 60000, &options->drain_ms);
    default:
        return apply_flood(options, option, argument);
    }
}

static bool apply(void *context, int option, const struct tw_argument *argument)
{
    struct tw_replay_options *options = context;
    switch (option) {
    case OPTION_CAPTURE:
        options->capture_path = optarg;
        return true;
    case OPTION_SESSIONS:
        options->sessions_path = optarg;
        return true;
    case OPTION_DEVICE:
        options->device = optarg;
        return true;
    case OPTION_CONTROL:
        options->control_socket = optarg;
        return true;
    case OPTION_FLAT_OUT:
        options->speed_permille = 0;
        return true;
    case OPTION_AHEAD:
        options->ahead = true;
        return true;
    case OPTION_HUGEPAGES:
        options->hugepages = true;
        return true;
    case OPTION_OVERFLOW:
        options->overflow = true;
        return true;
    case OPTION_NAP:
        options->nap = true;
        return true;
    case OPTION_JSON:
        options->json = true;
        return true;
    default:
        return apply_number(options, option, argument);
    }
}

bool tw_replay_options_parse(struct tw_replay_options *options, int argc, char **argv)
{
    *options = (struct tw_replay_options){
        .speed_permille = 1000,
        .loops = 1,
        .core = UINT32_MAX,
        .memory_mb = 128,
        .wait_s = 10,
        .queues = 1,
        .drain_ms = 300,
        .flood_from_ms = 500,
        .flood_seed = 1,
    };
    static const struct tw_command command = {PROGRAM, help_text, long_options, apply};
    switch (tw_arguments_parse(&command, options, argc, argv)) {
    case TW_ARGUMENTS_WRONG:
        return false;
    case TW_ARGUMENTS_HELP:
        options->help = true;
        return true;
    case TW_ARGUMENTS_TAKEN:
        break;
    }
    if (!options->capture_path || !options->device) {
        fputs(PROGRAM ": --capture and --device are wanted; see --help\n", stderr);
        return false;
    }
    if ((options->flood_kinds != 0) != (options->flood_count != 0) ||
        (options->flood_kinds != 0 && !options->sessions_path)) {
        fputs(PROGRAM ": --flood, --flood-count and --sessions belong together\n", stderr);
        return false;
    }
    if (!options->sessions_path && (options->loops > 1 || options->first_loop > 0)) {
        fputs(PROGRAM ": without --sessions nothing can be sealed afresh: one loop only\n", stderr);
        return false;
    }
    return true;
}
