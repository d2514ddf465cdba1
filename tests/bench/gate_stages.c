/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * tickwire-bench-stages [--quick]: cycles and nanoseconds per packet in each stage of the gate, for
 * the traffic of suite gate. The worker is the shipped one, compiled with TW_STAGE_CYCLES: its
 * probes read the clock eleven times a burst, which is in the figures.
 */
#include "dataplane/crypto/aead_select.h"
#include "dataplane/crypto/cookie_sha_ni.h"
#include "dataplane/gate/worker_state.h"
#include "tests/bench/gate_fail.h"
#include "tests/bench/gate_rig.h"

#include <rte_cycles.h>
#include <sodium.h>
#include <stdlib.h>
#include <string.h>

#define SESSIONS     10000u
#define REST         TW_STAGE_COUNT /* sending, timers, housekeeping: what no stage covers */
#define COLUMNS      (TW_STAGE_COUNT + 1u)
#define ROUNDS_MAX   1024u
#define TRAFFICS_MAX 8u

struct column {
    const char *name;
    double cycles[COLUMNS]; /* per packet, median over the rounds */
};

static double samples[COLUMNS][ROUNDS_MAX];
static struct column columns[TRAFFICS_MAX];
static uint32_t column_count;

static int compare(const void *left, const void *right)
{
    double a = *(const double *)left, b = *(const double *)right;
    return (a > b) - (a < b);
}

static void run_round(struct gate_rig *rig, uint32_t number)
{
    struct tw_stage_cycles *cycles = &rig->worker->stage_cycles;
    memset(cycles->spent, 0, sizeof(cycles->spent));
    uint64_t before = rig->cycles;
    gate_rig_receive(rig);
    uint64_t rest = rig->cycles - before;
    for (uint32_t stage = 0; stage < TW_STAGE_COUNT; stage++) {
        samples[stage][number] = (double)cycles->spent[stage] / GATE_ROUND;
        rest -= cycles->spent[stage];
    }
    samples[REST][number] = (double)rest / GATE_ROUND;
}

/* The first round of a block finds the caches full of the benchmark's own keys: not counted. */
static void measure(struct gate_rig *rig, enum gate_traffic traffic, const char *name,
                    uint32_t rounds)
{
    uint32_t count = 0;
    gate_rig_begin(rig, GATE_INPUT_PLAINTEXT);
    for (uint32_t warm = 0; warm < 2 * GATE_ROUNDS_MAX;) {
        uint32_t block = gate_rig_make_ahead(rig, traffic);
        for (uint32_t i = 0; i < block; i++, warm++)
            gate_rig_receive(rig);
    }
    while (count < rounds) {
        uint32_t block = gate_rig_make_ahead(rig, traffic);
        for (uint32_t i = 0; i < block && count < rounds; i++) {
            run_round(rig, count);
            count += i > 0 || block == 1;
        }
    }
    struct column *column = &columns[column_count++];
    column->name = name;
    for (uint32_t stage = 0; stage < COLUMNS; stage++) {
        qsort(samples[stage], count, sizeof(samples[stage][0]), compare);
        column->cycles[stage] = samples[stage][count / 2];
    }
}

static void print_line(const char *name, uint32_t first, uint32_t end)
{
    printf("| %s |", name);
    for (uint32_t i = 0; i < column_count; i++) {
        double sum = 0;
        for (uint32_t stage = first; stage < end; stage++)
            sum += columns[i].cycles[stage];
        printf(" %.0f / %.1f |", sum, sum * 1e9 / (double)rte_get_tsc_hz());
    }
    printf("\n");
}

static void print_table(void)
{
#define TW_X(suffix, name) name,
    static const char *const names[] = {TW_STAGES(TW_X) "rest"};
#undef TW_X
    printf("| cycles / ns per packet |");
    for (uint32_t i = 0; i < column_count; i++)
        printf(" %s |", columns[i].name);
    printf("\n|---|");
    for (uint32_t i = 0; i < column_count; i++)
        printf("---|");
    printf("\n");
    for (uint32_t stage = 0; stage < COLUMNS; stage++)
        print_line(names[stage], stage, stage + 1);
    print_line("all", 0, COLUMNS);
}

static void run_suite(const struct gate_port *port, enum tw_suite suite,
                      const struct gate_ciphers *ciphers, uint32_t rounds)
{
    static struct gate_rig rig;
    bool aes = suite == TW_SUITE_AES256_GCM;
    gate_rig_start(&rig, port, SESSIONS, suite, ciphers);
    measure(&rig, GATE_TRAFFIC_INPUTS, aes ? "inputs, AES" : "inputs, ChaCha", rounds);
    measure(&rig, GATE_TRAFFIC_FORGED, aes ? "forged, AES" : "forged, ChaCha", rounds);
    if (aes) {
        measure(&rig, GATE_TRAFFIC_OFFPATH, "off path", rounds);
        measure(&rig, GATE_TRAFFIC_UNKNOWN, "unknown", rounds);
        measure(&rig, GATE_TRAFFIC_HELLO, "hello", rounds);
    }
    gate_rig_stop(&rig);
}

int main(int argc, char **argv)
{
    static struct gate_port port;
    struct tw_aead_report report;
    uint32_t rounds = argc > 1 && strcmp(argv[1], "--quick") == 0 ? 70 : 700;
    GATE_CHECK(sodium_init() >= 0, "libsodium does not start");
    gate_port_start(&port, argv[0], true);
    struct gate_ciphers ciphers = {.aead = tw_aead_select(TW_AEAD_AUTO, &report),
                                   .cookie_hash = tw_cookie_hash_sha_ni()};
    if (report.aes256_gcm)
        run_suite(&port, TW_SUITE_AES256_GCM, &ciphers, rounds);
    run_suite(&port, TW_SUITE_CHACHA20_POLY1305, &ciphers, rounds);
    fprintf(stderr, "stages: %s\n", port.hugepages ? "hugepages" : "no hugepages");
    print_table();
    return 0;
}
