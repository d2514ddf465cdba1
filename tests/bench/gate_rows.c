/* SPDX-License-Identifier: BSD-3-Clause */
#include "tests/bench/gate_rows.h"

#include "dataplane/crypto/chacha_lanes.h"
#include "tests/bench/gate_fail.h"
#include "tests/bench/measure.h"
#include "tests/bench/output.h"
#include "tickwire/counters.h"

#include <rte_cycles.h>
#include <stdlib.h>
#include <string.h>

#define SNAPSHOT_SIZE       300u
#define IDLE_TURNS          3u
#define LONE_PER_REPETITION 512u
#define WARM_UP_ROUNDS      8u

/* What a repetition does in each round. */
struct job {
    enum { JOB_RECEIVE, JOB_SEND, JOB_PORT_RECEIVE, JOB_PORT_SEND } kind;
    enum gate_traffic traffic;
    uint32_t size; /* plaintext */
};

struct row {
    const char *name; /* behind "gate." */
    struct job job;
    double target_mpps; /* 0: none */
};

static double cycles_to_ns(uint64_t cycles)
{
    return (double)cycles * 1e9 / (double)rte_get_tsc_hz();
}

static uint64_t run_round(struct gate_rig *rig, struct job job)
{
    switch (job.kind) {
    case JOB_SEND:
        return gate_rig_send(rig, (uint16_t)job.size);
    case JOB_PORT_RECEIVE:
        return gate_rig_port_receive(rig);
    case JOB_PORT_SEND:
        return gate_rig_port_send(rig, (uint16_t)job.size);
    case JOB_RECEIVE:
        break;
    }
    return gate_rig_receive(rig);
}

struct samples {
    double ns[GATE_REPETITIONS_MAX]; /* per packet */
    uint32_t count;
};

static void run_block(struct gate_rig *rig, struct job job, struct samples *samples)
{
    bool receives = job.kind == JOB_RECEIVE || job.kind == JOB_PORT_RECEIVE;
    uint32_t rounds = receives ? gate_rig_make_ahead(rig, job.traffic) : GATE_ROUNDS_MAX;
    for (uint32_t i = 0; i < rounds; i++) {
        double ns = (double)run_round(rig, job) / GATE_ROUND;
        if ((i > 0 || rounds == 1) && samples->count < GATE_REPETITIONS_MAX)
            samples->ns[samples->count++] = ns;
    }
}

/* Every client at least once, so that its windows stand at the row's first tick; every buffer and
 * branch a few times. */
static void warm_up(struct gate_rig *rig, struct job job)
{
    static struct samples unused;
    uint32_t rounds = rig->crowd.count / GATE_ROUND + WARM_UP_ROUNDS;
    gate_rig_begin(rig, job.size < GATE_INPUT_PLAINTEXT || job.kind != JOB_RECEIVE
                            ? GATE_INPUT_PLAINTEXT
                            : job.size);
    for (unused.count = 0; unused.count < rounds;)
        run_block(rig, job, &unused);
}

static struct gate_cost cost_of(struct samples *samples)
{
    double median_ns = measure_median(samples->ns, samples->count);
    return (struct gate_cost){.median_ns = median_ns, .minimum_ns = samples->ns[0]};
}

static struct samples shipped_samples, reference_samples;

static void check_repetitions(uint32_t repetitions)
{
    GATE_CHECK(repetitions <= GATE_REPETITIONS_MAX, "%u repetitions, of %u at most", repetitions,
               GATE_REPETITIONS_MAX);
}

static struct gate_cost measure(struct gate_rig *rig, uint32_t repetitions, struct job job)
{
    check_repetitions(repetitions);
    warm_up(rig, job);
    for (shipped_samples.count = 0; shipped_samples.count < repetitions;)
        run_block(rig, job, &shipped_samples);
    return cost_of(&shipped_samples);
}

struct gate_cost gate_cost_received(struct gate_rig *rig, uint32_t repetitions,
                                    enum gate_traffic traffic, uint32_t plaintext_size)
{
    return measure(rig, repetitions,
                   (struct job){.kind = JOB_RECEIVE, .traffic = traffic, .size = plaintext_size});
}

struct gate_cost gate_cost_sent(struct gate_rig *rig, uint32_t repetitions, uint16_t size)
{
    return measure(rig, repetitions, (struct job){.kind = JOB_SEND, .size = size});
}

/* ---- rows ----------------------------------------------------------------------------------- */

static void print_lanes(const char *name, const struct tw_chacha_lanes_statistics *lanes)
{
    if (lanes->packets == 0)
        return;
    fprintf(stderr,
            "gate: %s: ChaCha20 lanes filled %.1f %%, Poly1305 lanes %.1f %%, %llu packets in "
            "lanes, %llu by libsodium\n",
            name, 100.0 * (double)lanes->block_lanes_used / (double)lanes->block_lanes_run,
            100.0 * (double)lanes->mac_lanes_used / (double)lanes->mac_lanes_run,
            (unsigned long long)lanes->packets, (unsigned long long)lanes->packets_to_libsodium);
}

static void print_row(struct gate_pair *pair, const struct row *row, struct gate_cost shipped,
                      struct gate_cost reference)
{
    char metric[96];
    double mpps = 1e3 / shipped.median_ns;
    snprintf(metric, sizeof(metric), "gate.%s", row->name);
    if (row->target_mpps > 0)
        pair->all_met &= tw_bench_print_target(
            metric, mpps, "Mpps",
            (struct tw_bench_target){.value = row->target_mpps, .sense = TW_BENCH_AT_LEAST},
            pair->setup);
    else
        tw_bench_print(metric, mpps, "Mpps", pair->setup);
    snprintf(metric, sizeof(metric), "gate.%s.ratio", row->name);
    tw_bench_print(metric, reference.median_ns / shipped.median_ns, "x",
                   "against the same worker with libsodium, measured in turn");
    const struct gate_cost *port =
        row->job.kind == JOB_SEND ? &pair->port_sent : &pair->port_received;
    double port_percent = 100.0 * port->median_ns / shipped.median_ns;
    snprintf(metric, sizeof(metric), "gate.%s.of_port", row->name);
    tw_bench_print(metric, port_percent, "%",
                   row->job.kind == JOB_SEND
                       ? "of as many as the port alone sends, measured in the same run"
                       : "of as many as the port alone receives and frees, measured in the same "
                         "run");
    fprintf(stderr,
            "gate: %-28s median %7.1f ns, minimum %7.1f; libsodium %7.1f, %7.1f; %4.1f %% of the "
            "port's own rate\n",
            row->name, shipped.median_ns, shipped.minimum_ns, reference.median_ns,
            reference.minimum_ns, port_percent);
}

static bool is_wanted(const struct gate_pair *pair, const char *name)
{
    return pair->only == NULL || strcmp(pair->only, name) == 0;
}

static struct gate_cost run_row(struct gate_pair *pair, const struct row *row)
{
    if (!is_wanted(pair, row->name))
        return (struct gate_cost){0};
    check_repetitions(pair->repetitions);
    warm_up(pair->shipped, row->job);
    warm_up(pair->reference, row->job);
    struct tw_chacha_lanes_statistics *lanes = tw_chacha_lanes_statistics();
    memset(lanes, 0, sizeof(*lanes));
    shipped_samples.count = reference_samples.count = 0;
    while (shipped_samples.count < pair->repetitions) {
        run_block(pair->shipped, row->job, &shipped_samples);
        run_block(pair->reference, row->job, &reference_samples);
    }
    print_lanes(row->name, lanes);
    struct gate_cost shipped = cost_of(&shipped_samples);
    print_row(pair, row, shipped, cost_of(&reference_samples));
    return shipped;
}

static bool is_aes(const struct gate_pair *pair)
{
    return pair->shipped->suite == TW_SUITE_AES256_GCM;
}

static struct gate_cost run_named(struct gate_pair *pair, const char *kind, struct job job,
                                  double target_mpps)
{
    char name[64];
    snprintf(name, sizeof(name), "%s.%s", kind, pair->suite_name);
    return run_row(pair, &(struct row){.name = name, .job = job, .target_mpps = target_mpps});
}

static struct job receive(enum gate_traffic traffic)
{
    return (struct job){.kind = JOB_RECEIVE, .traffic = traffic, .size = GATE_INPUT_PLAINTEXT};
}

struct gate_cost gate_rows_received(struct gate_pair *pair)
{
    return run_named(pair, "rx", receive(GATE_TRAFFIC_INPUTS), is_aes(pair) ? 12 : 5);
}

void gate_rows_forged(struct gate_pair *pair)
{
    if (is_aes(pair))
        run_row(pair, &(struct row){"rx.forged", receive(GATE_TRAFFIC_FORGED), 10});
    else
        run_named(pair, "rx.forged", receive(GATE_TRAFFIC_FORGED), 0);
}

struct gate_cost gate_rows_sent(struct gate_pair *pair)
{
    return run_named(pair, "tx", (struct job){.kind = JOB_SEND, .size = SNAPSHOT_SIZE},
                     is_aes(pair) ? 9 : 3);
}

void gate_rows_strangers(struct gate_pair *pair)
{
    static const struct row rows[] = {
        {"rx.unknown", {JOB_RECEIVE, GATE_TRAFFIC_UNKNOWN, GATE_INPUT_PLAINTEXT}, 25},
        {"rx.stale", {JOB_RECEIVE, GATE_TRAFFIC_STALE, GATE_INPUT_PLAINTEXT}, 25},
        {"rx.forged_offpath", {JOB_RECEIVE, GATE_TRAFFIC_OFFPATH, GATE_INPUT_PLAINTEXT}, 20},
        {"hello.cookie", {JOB_RECEIVE, GATE_TRAFFIC_HELLO, GATE_INPUT_PLAINTEXT}, 3},
        /* Its bytes are checked and nothing is made of them: 200 ns. 50 Gbit/s carry as many. */
        {"hello.small", {JOB_RECEIVE, GATE_TRAFFIC_HELLO_SMALL, GATE_INPUT_PLAINTEXT}, 5},
        /* What a window saves is the cipher: looking at its lines must not cost more than a forged
         * packet may. */
        {"rx.replay", {JOB_RECEIVE, GATE_TRAFFIC_REPLAY, GATE_INPUT_PLAINTEXT}, 10},
        /* Seen from the headers: not more than an id of nobody's, whose checksum is made, too. */
        {"rx.oversized", {JOB_RECEIVE, GATE_TRAFFIC_OVERSIZED, GATE_INPUT_PLAINTEXT}, 25},
        {"rx.tiny", {JOB_RECEIVE, GATE_TRAFFIC_TINY, GATE_INPUT_PLAINTEXT}, 25},
    };
    for (uint32_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
        run_row(pair, &rows[i]);
}

void gate_rows_measure_port(struct gate_pair *pair)
{
    pair->port_received =
        measure(pair->shipped, pair->repetitions,
                (struct job){.kind = JOB_PORT_RECEIVE, .traffic = GATE_TRAFFIC_UNKNOWN});
    pair->port_sent = measure(pair->shipped, pair->repetitions,
                              (struct job){.kind = JOB_PORT_SEND, .size = SNAPSHOT_SIZE});
}

void gate_rows_port(const struct gate_pair *pair)
{
    const struct gate_cost *received = &pair->port_received, *sent = &pair->port_sent;
    if (!is_wanted(pair, "port"))
        return;
    tw_bench_print("gate.port.rx_drop", received->median_ns, "ns",
                   "the port alone: bursts received and freed as the worker does it; same frames, "
                   "same buffers");
    tw_bench_print("gate.port.tx", sent->median_ns, "ns",
                   "the port alone: bursts handed over as the worker does it; buffers freed "
                   "outside the clock");
    fprintf(stderr, "gate: port alone: rx and drop %.1f ns (minimum %.1f), tx %.1f (%.1f)\n",
            received->median_ns, received->minimum_ns, sent->median_ns, sent->minimum_ns);
}

void gate_rows_lone_packet(struct gate_pair *pair)
{
    static uint32_t counts[TW_HISTOGRAM_BUCKETS];
    if (!is_wanted(pair, "lone_packet"))
        return;
    struct gate_rig *rig = pair->shipped;
    uint32_t samples = pair->repetitions * LONE_PER_REPETITION;
    uint64_t idle = UINT64_MAX;
    warm_up(rig, receive(GATE_TRAFFIC_INPUTS));
    memset(counts, 0, sizeof(counts));
    for (uint32_t i = 0; i < samples; i++) {
        for (uint32_t turn = 0; turn < IDLE_TURNS; turn++) {
            uint64_t cycles = gate_rig_idle_turn(rig);
            idle = cycles < idle ? cycles : idle;
        }
        counts[tw_histogram_bucket((uint64_t)cycles_to_ns(gate_rig_receive_one(rig)))]++;
    }
    pair->all_met &= tw_bench_print_target(
        "gate.lone_packet_us", (double)tw_histogram_permille(counts, 990) / 1e3, "us p99",
        (struct tw_bench_target){.value = 10, .sense = TW_BENCH_AT_MOST}, pair->setup);
    fprintf(stderr,
            "gate: lone packet: p50 %.2f us, p99.9 %.2f us, %u samples; an idle turn %.3f us\n",
            (double)tw_histogram_permille(counts, 500) / 1e3,
            (double)tw_histogram_permille(counts, 999) / 1e3, samples, cycles_to_ns(idle) / 1e3);
}
