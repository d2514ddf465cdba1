/* SPDX-License-Identifier: BSD-3-Clause */
#include "tests/bench/gate.h"

#include "dataplane/crypto/aead_select.h"
#include "dataplane/crypto/cookie_sha_ni.h"
#include "tests/bench/gate_fail.h"
#include "tests/bench/gate_rig.h"
#include "tests/bench/gate_rows.h"

#include <string.h>

#define SESSIONS 10000u

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
             "one core, tw_worker_turn over an in-process ring port, %u sessions with keys of "
             "their own in random order, %u-byte payload, fresh packet numbers, rounds of %u "
             "frames in buffers that second-level cache does not hold, %s %s, %s, %s",
             SESSIONS, GATE_INPUT_PLAINTEXT, GATE_ROUND, pair->suite_name, backend, cpu_name(),
             port->hugepages ? "hugepages" : "no hugepages");
}

static bool run_suite(const struct gate_port *port, enum tw_suite suite,
                      const struct gate_ciphers *ciphers, const struct tw_aead_report *report,
                      uint32_t repetitions)
{
    static struct gate_rig shipped, reference;
    struct gate_ciphers libsodium = {.aead = tw_aead_sodium()};
    bool aes = suite == TW_SUITE_AES256_GCM;
    struct gate_pair pair = {.shipped = &shipped,
                             .reference = &reference,
                             .repetitions = repetitions,
                             .suite_name = aes ? "aes256gcm" : "chacha20poly1305",
                             .all_met = true};
    describe(&pair, port, aes ? report->aes256_gcm : report->chacha20_poly1305);
    gate_rig_start(&shipped, port, SESSIONS, suite, ciphers);
    gate_rig_start(&reference, port, SESSIONS, suite, &libsodium);
    gate_rows_received(&pair);
    gate_rows_forged(&pair);
    gate_rows_sent(&pair);
    if (aes) {
        gate_rows_strangers(&pair);
        gate_rows_lone_packet(&pair);
        gate_rows_port(&pair);
    }
    gate_rig_stop(&shipped);
    gate_rig_stop(&reference);
    return pair.all_met;
}

int tw_gate_run(const struct tw_gate_options *options)
{
    static struct gate_port port;
    struct tw_aead_report report;
    gate_port_start(&port, "tickwire-bench");
    struct gate_ciphers ciphers = {.aead = tw_aead_select(TW_AEAD_AUTO, &report),
                                   .cookie_hash = tw_cookie_hash_sha_ni()};
    uint32_t repetitions = repetitions_of[options->length];
    bool all_met = true;
    if (report.aes256_gcm)
        all_met &= run_suite(&port, TW_SUITE_AES256_GCM, &ciphers, &report, repetitions);
    else
        fprintf(stderr, "gate: this CPU has no AES-256-GCM: its rows are missing\n");
    all_met &= run_suite(&port, TW_SUITE_CHACHA20_POLY1305, &ciphers, &report, repetitions);
    return options->check && !all_met ? 1 : 0;
}
