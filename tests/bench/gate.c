/* SPDX-License-Identifier: BSD-3-Clause */
#include "tests/bench/gate.h"

#include "dataplane/crypto/aead_select.h"
#include "dataplane/crypto/cookie_select.h"
#include "tests/bench/gate_fail.h"
#include "tests/bench/gate_growth.h"
#include "tests/bench/gate_overload.h"
#include "tests/bench/gate_rig.h"
#include "tests/bench/gate_rows.h"
#include "tests/bench/gate_socket.h"
#include "tests/bench/output.h"

#include <string.h>

#define SESSIONS         10000u
#define VS_SOCKET_TARGET 20 /* row B2 of docs/features.md */

static const uint32_t repetitions_of[] = {
    [TW_GATE_QUICK] = 28,
    [TW_GATE_NORMAL] = 240,
    [TW_GATE_LONG] = 1200,
};

/* The instruction sets that decide about ciphers. */
static const char *cpu_name(void)
{
    if (__builtin_cpu_supports("avx512f"))
        return "AVX-512";
    return __builtin_cpu_supports("avx2") ? "AVX2, no AVX-512" : "no AVX2";
}

static void describe(struct gate_pair *pair, const struct gate_port *port, const char *backend)
{
    snprintf(pair->setup, sizeof(pair->setup),
             "one core (the thread's own time on it), tw_worker_turn over an in-process ring port, "
             "%u sessions with keys of their own in random order, %u-byte payload (4 inputs, 3 of "
             "them repeats; 2 acknowledgements; 1 record), fresh packet numbers, rounds of %u "
             "frames in buffers that second-level cache does not hold, %s %s, %s, %s",
             SESSIONS, GATE_INPUT_PLAINTEXT, GATE_ROUND, pair->suite_name, backend, cpu_name(),
             port->hugepages ? "hugepages" : "no hugepages");
}

/* True if the target was met. */
static bool print_comparison(const char *direction, const char *suite, double socket_ns,
                             double gate_ns)
{
    bool received = strcmp(direction, "rx") == 0;
    char metric[96];
    snprintf(metric, sizeof(metric), "gate.socket_baseline.%s.%s", direction, suite);
    tw_bench_print(metric, 1e3 / socket_ns, "Mpps",
                   received
                       ? "one core: the kernel's delivery, recvmmsg of 64, libsodium, replay "
                         "window, frames decoded; loopback, no driver"
                       : "one core: libsodium, sendmmsg of 64 into a device that drops, 300-byte "
                         "snapshots; no driver");
    snprintf(metric, sizeof(metric), "gate.%s.%s.vs_socket", direction, suite);
    return tw_bench_print_target(
        metric, socket_ns / gate_ns, "x",
        (struct tw_bench_target){.value = VS_SOCKET_TARGET, .sense = TW_BENCH_AT_LEAST},
        "packets per core, against that server");
}

/* True if every target was met; a row that cannot be measured is a missed one. */
static bool compare_with_sockets(const struct gate_pair *pair, enum tw_suite suite,
                                 struct gate_cost received, struct gate_cost sent)
{
    static bool prepared;
    prepared = prepared || gate_socket_prepare();
    if (!prepared) {
        fprintf(stderr, "gate: no namespace of our own: the server on sockets is not measured\n");
        return false;
    }
    struct gate_socket_cost cost = gate_socket_measure(suite, SESSIONS, pair->repetitions);
    bool met = print_comparison("rx", pair->suite_name, cost.deliver_ns + cost.receive_ns,
                                received.median_ns);
    met &= print_comparison("tx", pair->suite_name, cost.send_ns, sent.median_ns);
    fprintf(stderr,
            "gate: server on sockets, %s: delivery %.0f ns, from the socket %.0f ns, sending %.0f "
            "ns\n",
            pair->suite_name, cost.deliver_ns, cost.receive_ns, cost.send_ns);
    return met;
}

struct suite_run {
    const struct gate_port *port;
    const struct gate_ciphers *ciphers;
    const struct tw_aead_report *report;
    const struct tw_gate_options *options;
    enum tw_suite suite;
    bool first; /* of this process: it also measures what no cipher is part of */
};

/* Tables that are left out of a quick run, unless it is one of them that was asked for. */
static bool table_is_wanted(const struct tw_gate_options *options, const char *name)
{
    return options->only ? strcmp(options->only, name) == 0 : options->length != TW_GATE_QUICK;
}

/* True if every target was met. */
static bool run_suite(const struct suite_run *run)
{
    static struct gate_rig shipped, reference;
    struct gate_ciphers libsodium = {.aead = tw_aead_sodium()};
    bool aes = run->suite == TW_SUITE_AES256_GCM;
    struct gate_pair pair = {.shipped = &shipped,
                             .reference = &reference,
                             .repetitions = repetitions_of[run->options->length],
                             .suite_name = aes ? "aes256gcm" : "chacha20poly1305",
                             .only = run->options->only,
                             .all_met = true};
    describe(&pair, run->port, aes ? run->report->aes256_gcm : run->report->chacha20_poly1305);
    gate_rig_start(&shipped, run->port, SESSIONS, run->suite, run->ciphers);
    gate_rig_start(&reference, run->port, SESSIONS, run->suite, &libsodium);
    gate_rows_measure_port(&pair);
    struct gate_cost received = gate_rows_received(&pair);
    gate_rows_forged(&pair);
    struct gate_cost sent = gate_rows_sent(&pair);
    if (run->first) {
        gate_rows_strangers(&pair);
        gate_rows_lone_packet(&pair);
        gate_rows_port(&pair);
        if (table_is_wanted(run->options, "overload"))
            gate_overload_print(&shipped);
    }
    gate_rig_stop(&shipped);
    gate_rig_stop(&reference);
    if (!pair.only)
        pair.all_met &= compare_with_sockets(&pair, run->suite, received, sent);
    return pair.all_met;
}

int tw_gate_run(const struct tw_gate_options *options)
{
    static struct gate_port port;
    struct tw_aead_report report;
    struct tw_cookie_report cookie;
    gate_port_start(&port, "tickwire-bench", true);
    struct gate_ciphers ciphers = {.aead = tw_aead_select(TW_AEAD_AUTO, &report),
                                   .cookie_hash = tw_cookie_select(false, &cookie)};
    bool aes = report.aes256_gcm != NULL, all_met = aes; /* a missing row is a missed one */
    struct suite_run run = {.port = &port,
                            .ciphers = &ciphers,
                            .report = &report,
                            .options = options,
                            .suite = TW_SUITE_AES256_GCM,
                            .first = true};
    if (aes)
        all_met &= run_suite(&run);
    else
        fprintf(stderr, "gate: this CPU has no AES-256-GCM: its rows are missing\n");
    run.suite = TW_SUITE_CHACHA20_POLY1305;
    run.first = !aes;
    all_met &= run_suite(&run);
    struct gate_growth growth = {.port = &port,
                                 .ciphers = &ciphers,
                                 .aes = aes,
                                 .repetitions = repetitions_of[options->length] / 4};
    if (table_is_wanted(options, "growth"))
        gate_growth_print(&growth);
    if (table_is_wanted(options, "talk"))
        gate_growth_print_talk(&growth);
    return options->check && !all_met ? 1 : 0;
}
