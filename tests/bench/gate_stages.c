/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * tickwire-bench-stages [--quick] [--sessions N]: cycles and nanoseconds per packet in each stage
 * of the gate, for the traffic of suite gate, in and out. The worker is the shipped one, compiled
 * with TW_STAGE_CYCLES: its probes read the clock eleven times a burst, which is in the figures.
 */
#include "dataplane/crypto/aead_select.h"
#include "dataplane/crypto/cookie_select.h"
#include "dataplane/gate/worker_state.h"
#include "tests/bench/gate_fail.h"
#include "tests/bench/gate_rig.h"
#include "tests/bench/measure.h"

#include <rte_cycles.h>
#include <sodium.h>
#include <stdlib.h>
#include <string.h>

#define SESSIONS      10000u
#define SNAPSHOT_SIZE 300u
#define REST          TW_STAGE_COUNT /* timers, housekeeping: what no stage of its table covers */
#define COLUMNS       (TW_STAGE_COUNT + 1u)
#define ROUNDS_MAX    1024u
#define TRAFFICS_MAX  15u

struct options {
    uint32_t rounds, sessions;
};

struct column {
    const char *name;
    bool is_out;
    double cycles[COLUMNS]; /* per packet, median over the rounds */
};

static double samples[COLUMNS][ROUNDS_MAX];
static struct column columns[TRAFFICS_MAX];
static uint32_t column_count;

/* Stages of a table: [first, end). */
static uint32_t first_stage(bool is_out)
{
    return is_out ? TW_STAGE_OUT : 0;
}

static uint32_t end_stage(bool is_out)
{
    return is_out ? TW_STAGE_COUNT : TW_STAGE_OUT;
}

static void run_round(struct gate_rig *rig, uint32_t number, bool is_out)
{
    struct tw_stage_cycles *cycles = &rig->worker->stage_cycles;
    memset(cycles->spent, 0, sizeof(cycles->spent));
    uint64_t before = rig->cycles;
    if (is_out)
        gate_rig_send(rig, SNAPSHOT_SIZE);
    else
        gate_rig_receive(rig);
    uint64_t rest = rig->cycles - before;
    for (uint32_t stage = first_stage(is_out); stage < end_stage(is_out); stage++) {
        samples[stage][number] = (double)cycles->spent[stage] / GATE_ROUND;
        rest -= cycles->spent[stage];
    }
    samples[REST][number] = (double)rest / GATE_ROUND;
}

static void note(const char *name, bool is_out, uint32_t count)
{
    GATE_CHECK(column_count < TRAFFICS_MAX, "too many columns");
    struct column *column = &columns[column_count++];
    column->name = name;
    column->is_out = is_out;
    for (uint32_t stage = 0; stage < COLUMNS; stage++) {
        bool is_shown =
            stage == REST || (stage >= first_stage(is_out) && stage < end_stage(is_out));
        if (!is_shown)
            continue; /* stays zero */
        column->cycles[stage] = measure_median(samples[stage], count);
    }
}

struct sizes {
    uint32_t rounds;
    uint32_t plaintext; /* above GATE_INPUT_PLAINTEXT: with a message */
};

/* The first round of a block finds the caches full of the benchmark's own keys: not counted. */
static void measure_sized(struct gate_rig *rig, enum gate_traffic traffic, const char *name,
                          struct sizes sizes)
{
    uint32_t count = 0, rounds = sizes.rounds;
    gate_rig_begin(rig, sizes.plaintext);
    for (uint32_t warm = 0; warm < 2 * GATE_ROUNDS_MAX;) {
        uint32_t block = gate_rig_make_ahead(rig, traffic);
        for (uint32_t i = 0; i < block; i++, warm++)
            gate_rig_receive(rig);
    }
    while (count < rounds) {
        uint32_t block = gate_rig_make_ahead(rig, traffic);
        for (uint32_t i = 0; i < block && count < rounds; i++) {
            run_round(rig, count, false);
            count += i > 0 || block == 1;
        }
    }
    note(name, false, count);
}

static void measure(struct gate_rig *rig, enum gate_traffic traffic, const char *name,
                    uint32_t rounds)
{
    measure_sized(rig, traffic, name, (struct sizes){rounds, GATE_INPUT_PLAINTEXT});
}

static void measure_sent(struct gate_rig *rig, const char *name, uint32_t rounds)
{
    gate_rig_begin(rig, GATE_INPUT_PLAINTEXT);
    for (uint32_t warm = 0; warm < 2 * GATE_ROUNDS_MAX; warm++)
        gate_rig_send(rig, SNAPSHOT_SIZE);
    for (uint32_t i = 0; i < rounds; i++)
        run_round(rig, i, true);
    note(name, true, rounds);
}

static void print_line(const char *name, bool is_out, uint32_t first, uint32_t end)
{
    printf("| %s |", name);
    for (uint32_t i = 0; i < column_count; i++) {
        double sum = 0;
        if (columns[i].is_out != is_out)
            continue;
        for (uint32_t stage = first; stage < end; stage++)
            sum += columns[i].cycles[stage];
        printf(" %.0f / %.1f |", sum, sum * 1e9 / (double)rte_get_tsc_hz());
    }
    printf("\n");
}

static void print_table(bool is_out)
{
#define TW_X(suffix, name) name,
    static const char *const names[] = {TW_STAGES(TW_X) "rest"};
#undef TW_X
    uint32_t shown = 0;
    printf("\n| cycles / ns per packet |");
    for (uint32_t i = 0; i < column_count; i++) {
        if (columns[i].is_out != is_out)
            continue;
        printf(" %s |", columns[i].name);
        shown++;
    }
    printf("\n|---|");
    for (uint32_t i = 0; i < shown; i++)
        printf("---|");
    printf("\n");
    for (uint32_t stage = first_stage(is_out); stage < end_stage(is_out); stage++)
        print_line(names[stage], is_out, stage, stage + 1);
    print_line(names[REST], is_out, REST, REST + 1);
    /* Stages of the other table are zero in these columns. */
    print_line("all", is_out, 0, COLUMNS);
}

static void run_suite(const struct gate_port *port, enum tw_suite suite,
                      const struct gate_ciphers *ciphers, const struct options *options)
{
    static struct gate_rig rig;
    uint32_t rounds = options->rounds;
    bool aes = suite == TW_SUITE_AES256_GCM;
    gate_rig_start(&rig, port, options->sessions, suite, ciphers);
    measure(&rig, GATE_TRAFFIC_INPUTS, aes ? "inputs, AES" : "inputs, ChaCha", rounds);
    measure(&rig, GATE_TRAFFIC_FORGED, aes ? "forged, AES" : "forged, ChaCha", rounds);
    if (aes) {
        /* What comes back from the shard, and the acknowledgement, are in "rest". */
        measure_sized(&rig, GATE_TRAFFIC_INPUTS, "and a message", (struct sizes){rounds, 128});
        measure(&rig, GATE_TRAFFIC_OFFPATH, "off path", rounds);
        measure(&rig, GATE_TRAFFIC_STALE, "stale", rounds);
        if (rig.crowd.empty_count > 0)
            measure(&rig, GATE_TRAFFIC_UNKNOWN, "unknown", rounds);
        measure(&rig, GATE_TRAFFIC_HELLO, "hello", rounds);
        measure(&rig, GATE_TRAFFIC_HELLO_SMALL, "small hello", rounds);
        measure(&rig, GATE_TRAFFIC_REPLAY, "replay", rounds);
        measure(&rig, GATE_TRAFFIC_OVERSIZED, "oversized", rounds);
        measure(&rig, GATE_TRAFFIC_TINY, "tiny", rounds);
    }
    measure_sent(&rig, aes ? "snapshots, AES" : "snapshots, ChaCha", rounds);
    gate_rig_stop(&rig);
}

static struct options take_options(int argc, char **argv)
{
    struct options options = {.rounds = 700, .sessions = SESSIONS};
    for (int i = 1; i < argc; i++) {
        if (strcmp(argv[i], "--quick") == 0)
            options.rounds = 70;
        else if (strcmp(argv[i], "--sessions") == 0 && i + 1 < argc)
            options.sessions = (uint32_t)strtoul(argv[++i], NULL, 10);
        else
            GATE_CHECK(false, "unknown option %s", argv[i]);
    }
    GATE_CHECK(options.sessions >= 1 && options.sessions <= 65536, "1 to 65536 sessions");
    return options;
}

int main(int argc, char **argv)
{
    static struct gate_port port;
    struct tw_aead_report report;
    struct tw_cookie_report cookie;
    struct options options = take_options(argc, argv);
    GATE_CHECK(sodium_init() >= 0, "libsodium does not start");
    gate_port_start(&port, argv[0], true);
    struct gate_ciphers ciphers = {.aead = tw_aead_select(TW_AEAD_AUTO, &report),
                                   .cookie_hash = tw_cookie_select(false, &cookie)};
    if (report.aes256_gcm)
        run_suite(&port, TW_SUITE_AES256_GCM, &ciphers, &options);
    run_suite(&port, TW_SUITE_CHACHA20_POLY1305, &ciphers, &options);
    fprintf(stderr, "stages: %s\n", port.hugepages ? "hugepages" : "no hugepages");
    print_table(false);
    print_table(true);
    return 0;
}
