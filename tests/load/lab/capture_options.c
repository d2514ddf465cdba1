/* SPDX-License-Identifier: BSD-3-Clause */
#include "tests/load/lab/capture_options.h"

#include "dataplane/wire/aead.h"
#include "tests/load/lab/arguments.h"
#include "tests/load/lab/pcap.h"

#include <errno.h>
#include <inttypes.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PROGRAM  "tickwire-load capture"
#define NS_PER_S UINT64_C(1000000000)
/* Clients of one host have a port each, from 20,000 on. */
#define CLIENTS_PER_HOST_MAX 45000u

enum { EXIT_OK = 0, EXIT_FAILED = 1, EXIT_USAGE = 2 };

static const char help_text[] =
    "usage: " PROGRAM " --out FILE.pcap --sessions FILE [options]\n"
    "\n"
    "Writes the encrypted traffic of many clients as it would arrive at an engine (pcap,\n"
    "nanoseconds), and the sessions it belongs to, which `tickwire lab import` installs into an\n"
    "engine in lab mode. The same options give the same bytes.\n"
    "\n"
    "  --clients N             default 100\n"
    "  --seconds S             default 10\n"
    "  --seed K                default 1\n"
    "  --suite NAME            chacha20_poly1305, aes256_gcm or mixed (default)\n"
    "  --workers N             of the engine: clients are spread evenly (default 1)\n"
    "  --port N                of the engine, 1 to 4: the sessions come by it (default 1)\n"
    "  --first-slot N          of each worker; captures for one engine share none (default 0)\n"
    "  --world N               of the engine (default 1)\n"
    "  --tick-hz N             of the engine (default 60)\n"
    "  --snapshot-hz N         of the engine (default 20)\n"
    "  --engine-address IP     IPv4 or IPv6 (default 198.18.0.1)\n"
    "  --engine-port N         default 40000\n"
    "  --engine-mac MAC        default 02:74:77:00:00:01; give the engine's port the same one\n"
    "  --client-mac MAC        default 02:74:77:00:00:02\n"
    "  --client-address IP     of the first host, of the same family (default 198.18.0.16)\n"
    "  --client-hosts N        addresses in a row that the clients share (default 100)\n"
    "  --microseconds          coarser times, for programs that read no others (Pktgen)\n"
    "\n"
    "exit status: 0 written, 1 a file could not be written, 2 usage\n";

/* clang-format off */
#define OPTIONS(X)                                         \
    X(OUT, "out", required_argument)                       \
    X(SESSIONS, "sessions", required_argument)             \
    X(CLIENTS, "clients", required_argument)               \
    X(SECONDS, "seconds", required_argument)               \
    X(SEED, "seed", required_argument)                     \
    X(SUITE, "suite", required_argument)                   \
    X(WORKERS, "workers", required_argument)               \
    X(PORT, "port", required_argument)                     \
    X(FIRST_SLOT, "first-slot", required_argument)         \
    X(WORLD, "world", required_argument)                   \
    X(TICK_HZ, "tick-hz", required_argument)               \
    X(SNAPSHOT_HZ, "snapshot-hz", required_argument)       \
    X(ENGINE_ADDRESS, "engine-address", required_argument) \
    X(ENGINE_PORT, "engine-port", required_argument)       \
    X(ENGINE_MAC, "engine-mac", required_argument)         \
    X(CLIENT_MAC, "client-mac", required_argument)         \
    X(CLIENT_ADDRESS, "client-address", required_argument) \
    X(CLIENT_HOSTS, "client-hosts", required_argument)     \
    X(MICROSECONDS, "microseconds", no_argument)           \
    X(HELP, "help", no_argument)
/* clang-format on */

enum { OPTION_NONE = TW_OPTION_NONE, OPTIONS(TW_OPTION_NUMBER) };
static const struct option long_options[] = {OPTIONS(TW_OPTION_ROW){0}};

/* Counted from 1 on the command line, as the configuration does. */
static bool parse_engine_port(const struct tw_argument *argument, uint8_t *port)
{
    uint32_t number = 0;
    if (!tw_argument_number32(argument, 1, TW_PORTS_MAX, &number))
        return false;
    *port = (uint8_t)(number - 1u);
    return true;
}

static bool parse_suite(const char *text, uint8_t *suites)
{
    if (strcmp(text, "mixed") == 0)
        *suites = TW_SUITES_KNOWN;
    else if (strcmp(text, "chacha20_poly1305") == 0)
        *suites = TW_SUITE_CHACHA20_POLY1305;
    else if (strcmp(text, "aes256_gcm") == 0)
        *suites = TW_SUITE_AES256_GCM;
    else
        fprintf(stderr,
                PROGRAM ": --suite wants chacha20_poly1305, aes256_gcm or mixed, not '%s'\n", text);
    return *suites != 0;
}

static bool parse_seconds(const struct tw_argument *argument, uint64_t *duration_ns)
{
    uint64_t milliseconds = 0;
    if (!tw_argument_permille(argument, 100, 3600u * 1000u, &milliseconds))
        return false;
    *duration_ns = milliseconds * (NS_PER_S / 1000u);
    return true;
}

static bool parse_port(const struct tw_argument *argument, uint16_t *port)
{
    uint32_t value = 0;
    if (!tw_argument_number32(argument, 1, UINT16_MAX, &value))
        return false;
    *port = (uint16_t)value;
    return true;
}

static bool apply(void *context, int option, const struct tw_argument *argument)
{
    struct tw_capture_options *options = context;
    struct tw_capture_config *capture = &options->capture;
    switch (option) {
    case OPTION_OUT:
        options->out_path = optarg;
        return true;
    case OPTION_SESSIONS:
        options->sessions_path = optarg;
        return true;
    case OPTION_CLIENTS:
        return tw_argument_number32(argument, 1, TW_LAB_SESSIONS_MAX, &capture->clients);
    case OPTION_SECONDS:
        return parse_seconds(argument, &capture->duration_ns);
    case OPTION_SEED:
        return tw_argument_number(argument, 0, UINT64_MAX, &capture->seed);
    case OPTION_SUITE:
        capture->suites = 0;
        return parse_suite(optarg, &capture->suites);
    case OPTION_WORKERS:
        return tw_argument_number32(argument, 1, TW_WORKERS_MAX, &capture->workers);
    case OPTION_PORT:
        return parse_engine_port(argument, &capture->port);
    case OPTION_FIRST_SLOT:
        return tw_argument_number32(argument, 0, TW_SESSIONS_PER_WORKER - 1u, &capture->first_slot);
    case OPTION_WORLD:
        return tw_argument_number32(argument, 1, UINT32_MAX, &capture->world);
    case OPTION_TICK_HZ:
        return tw_argument_number32(argument, 10, 240, &capture->tick_hz);
    case OPTION_SNAPSHOT_HZ:
        return tw_argument_number32(argument, 1, 240, &capture->snapshot_hz);
    case OPTION_ENGINE_ADDRESS:
        return tw_argument_ip(argument, capture->engine_ip);
    case OPTION_ENGINE_PORT:
        return parse_port(argument, &capture->engine_port);
    case OPTION_ENGINE_MAC:
        return tw_argument_mac(argument, capture->engine_mac);
    case OPTION_CLIENT_MAC:
        return tw_argument_mac(argument, capture->client_mac);
    case OPTION_CLIENT_ADDRESS:
        return tw_argument_ip(argument, capture->client_ip);
    case OPTION_CLIENT_HOSTS:
        return tw_argument_number32(argument, 1, 1u << 20, &capture->client_hosts);
    case OPTION_MICROSECONDS:
        options->microseconds = true;
        return true;
    default:
        fputs(PROGRAM ": see --help\n", stderr);
        return false;
    }
}

static bool is_consistent(const struct tw_capture_options *options)
{
    const struct tw_capture_config *capture = &options->capture;
    if (!options->out_path || !options->sessions_path) {
        fputs(PROGRAM ": --out and --sessions are wanted; see --help\n", stderr);
        return false;
    }
    if (tw_ip_is_ipv4(capture->engine_ip) != tw_ip_is_ipv4(capture->client_ip)) {
        fputs(PROGRAM ": --engine-address and --client-address are of two families\n", stderr);
        return false;
    }
    uint32_t slots = capture->workers * (TW_SESSIONS_PER_WORKER - capture->first_slot);
    if (capture->clients > slots) {
        fprintf(stderr, PROGRAM ": %u workers have slots for %u clients\n", capture->workers,
                slots);
        return false;
    }
    if (capture->clients / capture->client_hosts >= CLIENTS_PER_HOST_MAX) {
        fprintf(stderr, PROGRAM ": --client-hosts %u leaves a host more than %u clients\n",
                capture->client_hosts, CLIENTS_PER_HOST_MAX);
        return false;
    }
    return true;
}

bool tw_capture_options_parse(struct tw_capture_options *options, int argc, char **argv)
{
    *options = (struct tw_capture_options){
        .capture = {.clients = 100,
                    .duration_ns = 10 * NS_PER_S,
                    .seed = 1,
                    .suites = TW_SUITES_KNOWN,
                    .tick_hz = 60,
                    .snapshot_hz = 20,
                    .world = 1,
                    .workers = 1,
                    .engine_ip = {[10] = 0xff, 0xff, 198, 18, 0, 1},
                    .engine_port = 40000,
                    .engine_mac = {0x02, 0x74, 0x77, 0, 0, 1},
                    .client_ip = {[10] = 0xff, 0xff, 198, 18, 0, 16},
                    .client_hosts = 100,
                    .client_mac = {0x02, 0x74, 0x77, 0, 0, 2}},
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
    return is_consistent(options);
}

/* ---- files ---------------------------------------------------------------------------------- */

static bool close_file(FILE *file, const char *path)
{
    bool good = ferror(file) == 0;
    good = fclose(file) == 0 && good;
    if (!good)
        fprintf(stderr, PROGRAM ": %s: %s\n", path, strerror(errno));
    return good;
}

static FILE *create_file(const char *path)
{
    FILE *file = fopen(path, "we");
    if (!file)
        fprintf(stderr, PROGRAM ": %s: %s\n", path, strerror(errno));
    return file;
}

static bool write_capture(struct tw_capture *capture, const struct tw_capture_options *options,
                          uint64_t *frames, uint64_t *bytes)
{
    const char *path = options->out_path;
    bool nanoseconds = !options->microseconds;
    FILE *file = create_file(path);
    if (!file)
        return false;
    uint8_t header[TW_PCAP_HEADER_SIZE];
    tw_pcap_header_write(header, nanoseconds);
    bool good = fwrite(header, sizeof(header), 1, file) == 1;
    struct tw_capture_frame frame;
    while (good && tw_capture_next(capture, &frame)) {
        uint8_t record[TW_PCAP_RECORD_SIZE];
        tw_pcap_record_write(record, frame.at_ns, frame.length, nanoseconds);
        good = fwrite(record, sizeof(record), 1, file) == 1 &&
               fwrite(frame.bytes, frame.length, 1, file) == 1;
        *frames += 1;
        *bytes += frame.length;
    }
    return close_file(file, path) && good;
}

static bool write_sessions(const struct tw_capture *capture, const char *path)
{
    FILE *file = create_file(path);
    if (!file)
        return false;
    uint8_t block[TW_LAB_RECORD_SIZE];
    static_assert(TW_LAB_HEADER_SIZE == TW_LAB_RECORD_SIZE, "one block for both");
    struct tw_lab_header header = tw_capture_header(capture);
    tw_lab_header_write(block, &header, tw_crc32c_portable);
    bool good = fwrite(block, sizeof(block), 1, file) == 1;
    for (uint32_t i = 0; good && i < header.count; i++) {
        struct tw_lab_session session = tw_capture_session(capture, i);
        tw_lab_session_write(block, &session, tw_crc32c_portable);
        good = fwrite(block, sizeof(block), 1, file) == 1;
    }
    return close_file(file, path) && good;
}

int tw_capture_main(int argc, char **argv)
{
    struct tw_capture_options options;
    if (!tw_capture_options_parse(&options, argc, argv))
        return EXIT_USAGE;
    if (options.help)
        return EXIT_OK;
    if (sodium_init() < 0)
        return EXIT_FAILED;
    if ((options.capture.suites & ~tw_aead_sodium()->suites) != 0) {
        fputs(PROGRAM ": this machine cannot do AES-256-GCM; --suite chacha20_poly1305 it can\n",
              stderr);
        return EXIT_FAILED;
    }
    struct tw_capture *capture = tw_capture_create(&options.capture);
    if (!capture) {
        fputs(PROGRAM ": no memory\n", stderr);
        return EXIT_FAILED;
    }
    uint64_t frames = 0;
    uint64_t bytes = 0;
    bool good = write_capture(capture, &options, &frames, &bytes) &&
                write_sessions(capture, options.sessions_path);
    tw_capture_destroy(capture);
    if (good)
        printf("{\"event\":\"captured\",\"clients\":%u,\"frames\":%" PRIu64 ",\"bytes\":%" PRIu64
               ",\"duration_ns\":%" PRIu64 "}\n",
               options.capture.clients, frames, bytes, options.capture.duration_ns);
    return good ? EXIT_OK : EXIT_FAILED;
}
