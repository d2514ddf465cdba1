/* SPDX-License-Identifier: BSD-3-Clause */
/* tickwire-engine: command line, and the order in which everything comes up and goes down. */
#include "dataplane/engine/engine.h"
#include "dataplane/engine/key_log.h"
#include "dataplane/engine/main_loop.h"
#include "dataplane/engine/telemetry.h"
#include "dataplane/engine/topology.h"
#include "tickwire/address.h"
#include "tickwire/config.h"

#include <arpa/inet.h>
#include <errno.h>
#include <getopt.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define EXIT_START 1
#define EXIT_USAGE 2 /* wrong command line or configuration: nothing was started */

static void print_help(FILE *out)
{
    fputs("usage: tickwire-engine --config FILE [--check]\n"
          "\n"
          "Receives, simulates and answers: the data plane of one host.\n"
          "\n"
          "  --config FILE  configuration of the host (YAML)\n"
          "  --check        print threads, rings, pools and memory, start nothing\n"
          "  --help         this text\n"
          "  --version      version\n"
          "\n"
          "Prints one JSON line when it is live and one with all counters when it ended.\n"
          "SIGTERM or SIGINT: tells the clients and ends; a second one ends at once.\n"
          "Exit status: 0 ended in good order, 1 could not start or lost its last port, 2 wrong\n"
          "command line or configuration.\n",
          out);
}

struct options {
    const char *config;
    bool check;
};

/* Returns -1 to go on, else the exit status. */
static int parse_options(int argc, char **argv, struct options *options)
{
    static const struct option known[] = {
        {"config", required_argument, NULL, 'c'},
        {"check", no_argument, NULL, 'k'},
        {"help", no_argument, NULL, 'h'},
        {"version", no_argument, NULL, 'v'},
        {NULL, 0, NULL, 0},
    };
    int option;
    while ((option = getopt_long(argc, argv, "", known, NULL)) != -1) {
        switch (option) {
        case 'c':
            options->config = optarg;
            break;
        case 'k':
            options->check = true;
            break;
        case 'h':
            print_help(stdout);
            return EXIT_SUCCESS;
        case 'v':
            printf("tickwire-engine %s\n", TW_VERSION);
            return EXIT_SUCCESS;
        default:
            return EXIT_USAGE;
        }
    }
    if (optind < argc || options->config == NULL) {
        fprintf(stderr, "tickwire-engine: %s; see --help\n",
                options->config == NULL ? "--config FILE is missing" : "unexpected argument");
        return EXIT_USAGE;
    }
    return -1;
}

static const char *name_or_none(const char *name)
{
    return name != NULL ? name : "none";
}

static void print_refused(const struct tw_aead_report *report,
                          const struct tw_cookie_report *cookie)
{
    if (cookie->refused != NULL)
        fprintf(stderr, "tickwire-engine: cookie hash %s is not used: %s\n", cookie->refused,
                cookie->reason);
    for (uint32_t i = 0; i < report->refused_count; i++) {
        const struct tw_aead_refusal *refused = &report->refused[i];
        fprintf(stderr, "tickwire-engine: AEAD back end %s is not used%s%s: %s\n", refused->backend,
                refused->suite != NULL ? " for " : "", refused->suite != NULL ? refused->suite : "",
                refused->reason);
    }
}

static bool is_lab(const struct tw_config *config)
{
    return config->engine.lab == TW_LAB_MODE_ON;
}

static void print_lab(void)
{
    fputs("tickwire-engine: ****************************************************************\n"
          "tickwire-engine: LAB MODE (engine.lab is true): no player gets in. Sessions are\n"
          "tickwire-engine: imported, and whoever has their file has their keys.\n"
          "tickwire-engine: ****************************************************************\n",
          stderr);
}

static void print_port(const struct tw_port *port, const struct tw_config_port *config)
{
    const uint8_t *mac = port->mac;
    uint32_t ip = config->address;
    printf("%s{\"name\":\"%s\",\"driver\":\"%s\","
           "\"mac\":\"%02x:%02x:%02x:%02x:%02x:%02x\",\"address\":\"%u.%u.%u.%u:%u\"",
           port->index == 0 ? "" : ",", port->name, port->driver, mac[0], mac[1], mac[2], mac[3],
           mac[4], mac[5], ip >> 24, ip >> 16 & 0xff, ip >> 8 & 0xff, ip & 0xff, config->udp_port);
    char text[INET6_ADDRSTRLEN];
    if (!tw_ip_is_zero(config->address6))
        printf(",\"address6\":\"[%s]:%u\"",
               inet_ntop(AF_INET6, config->address6, text, sizeof(text)), config->udp_port);
    putchar('}');
}

static void print_ready(const struct tw_engine *engine)
{
    printf("{\"event\":\"ready\",\"ports\":[");
    for (uint32_t i = 0; i < engine->topology->ports; i++)
        print_port(&engine->ports[i], &engine->config->ports[i]);
    printf("],\"hugepages\":%s,\"lab\":%s,"
           "\"aead\":{\"aes256_gcm\":\"%s\",\"chacha20_poly1305\":\"%s\"},\"cookie\":\"%s\"}\n",
           engine->hugepages ? "true" : "false", is_lab(engine->config) ? "true" : "false",
           name_or_none(engine->aead_report.aes256_gcm),
           name_or_none(engine->aead_report.chacha20_poly1305), engine->cookie_report.used);
    fflush(stdout);
}

static int run(const struct tw_config *config, const struct tw_topology *topology, FILE *key_log)
{
    static struct tw_engine engine;
    struct tw_engine_error error;
    if (!tw_engine_start(&engine, config, topology, &error)) {
        fprintf(stderr, "tickwire-engine: %s\n", error.message);
        return EXIT_START;
    }
    print_refused(&engine.aead_report, &engine.cookie_report);
    if (is_lab(config))
        print_lab();
    if (!tw_telemetry_start()) {
        fprintf(stderr, "tickwire-engine: DPDK's telemetry takes no commands\n");
        tw_engine_stop(&engine);
        return EXIT_START;
    }
    struct tw_main_loop *loop = tw_main_loop_create(&engine);
    if (loop == NULL) {
        fprintf(stderr, "tickwire-engine: no memory for the agent's queues\n");
        tw_engine_stop(&engine);
        return EXIT_START;
    }
    tw_main_loop_set_key_log(loop, key_log);
    if (!tw_engine_launch(&engine, &error)) {
        fprintf(stderr, "tickwire-engine: %s\n", error.message);
        tw_main_loop_destroy(loop);
        return EXIT_START;
    }
    print_ready(&engine);
    bool good = tw_main_loop_run(loop);
    tw_main_loop_destroy(loop);
    tw_engine_stop(&engine);
    return good ? EXIT_SUCCESS : EXIT_START;
}

int main(int argc, char **argv)
{
    struct options options = {0};
    int status = parse_options(argc, argv, &options);
    if (status >= 0)
        return status;

    static struct tw_config config;
    struct tw_config_error config_error;
    if (!tw_config_load(options.config, &config, &config_error)) {
        fprintf(stderr, "tickwire-engine: %s\n", config_error.message);
        return EXIT_USAGE;
    }
    static struct tw_topology topology;
    struct tw_topology_host host;
    struct tw_topology_error topology_error;
    tw_topology_host_probe(&host);
    if (!tw_topology_build(&topology, &config, &host, &topology_error)) {
        fprintf(stderr, "tickwire-engine: %s: %s\n", options.config, topology_error.message);
        return EXIT_USAGE;
    }
    if (options.check) {
        tw_topology_print(&topology, stdout);
        return EXIT_SUCCESS;
    }
    if (sodium_init() < 0) {
        fprintf(stderr, "tickwire-engine: libsodium did not start\n");
        return EXIT_START;
    }
    FILE *key_log = NULL;
    if (config.engine.key_log[0] != '\0' &&
        (key_log = tw_engine_key_log_open(config.engine.key_log)) == NULL) {
        fprintf(stderr, "tickwire-engine: engine.key_log: %s: %s\n", config.engine.key_log,
                strerror(errno));
        return EXIT_START;
    }
    status = run(&config, &topology, key_log);
    if (key_log != NULL)
        fclose(key_log);
    return status;
}
