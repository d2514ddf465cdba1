/* SPDX-License-Identifier: BSD-3-Clause */
#include "tests/bench/gate_overload.h"

#include "dataplane/gate/worker_state.h"
#include "tests/bench/gate_fail.h"
#include "tests/bench/measure.h"

#include <rte_mbuf.h>
#include <rte_ring.h>
#include <stdio.h>
#include <string.h>

#define QUEUE         1024u /* as the engine opens a port's */
#define HONEST        32768u
#define HONEST_ROOM   192u
#define HOSTILE       2048u
#define STRANGER_PPS  20000u /* limits.stranger_pps as it comes */
#define TICKS_BETWEEN 10u    /* two runs: their inputs are for other ticks */
#define FREE_BURST    64u
#define REPETITIONS   3u
#define RATES         6u

static const double offered_mpps[RATES] = {1, 2, 5, 10, 15, 37};

static struct {
    uint8_t honest[HONEST][HONEST_ROOM], hostile[HOSTILE][GATE_FRAME_MAX];
    uint32_t honest_length[HONEST], hostile_length[HOSTILE];
} frames;

/* One kind of packet on its way. */
struct stream {
    double per_ns;
    uint64_t offered, lost;
};

struct run {
    struct gate_rig *rig;
    double now_ns; /* since the run's start */
    struct stream honest, hostile;
};

static void make_frames(struct gate_rig *rig, enum gate_traffic traffic)
{
    rig->now_ns += TICKS_BETWEEN * GATE_TICK_NS;
    gate_rig_begin(rig, GATE_INPUT_PLAINTEXT);
    for (uint32_t i = 0; i < HOSTILE; i++)
        frames.hostile_length[i] = gate_crowd_write_frame(&rig->crowd, traffic, frames.hostile[i]);
    gate_rig_begin(rig, GATE_INPUT_PLAINTEXT);
    for (uint32_t i = 0; i < HONEST; i++) {
        uint8_t frame[GATE_FRAME_MAX];
        frames.honest_length[i] = gate_crowd_write_frame(&rig->crowd, GATE_TRAFFIC_INPUTS, frame);
        GATE_CHECK(frames.honest_length[i] <= HONEST_ROOM, "an input packet does not fit");
        memcpy(frames.honest[i], frame, frames.honest_length[i]);
    }
}

static double due_ns(const struct stream *stream)
{
    return ((double)stream->offered + 0.5) / stream->per_ns;
}

static void arrive(struct run *run, bool is_honest)
{
    struct stream *stream = is_honest ? &run->honest : &run->hostile;
    uint64_t number = stream->offered++;
    if (rte_ring_count(run->rig->port->to_worker) >= QUEUE) {
        stream->lost++;
        return;
    }
    const uint8_t *frame = is_honest ? frames.honest[number] : frames.hostile[number % HOSTILE];
    uint32_t length =
        is_honest ? frames.honest_length[number] : frames.hostile_length[number % HOSTILE];
    struct rte_mbuf *mbuf = gate_rig_take_buffer(run->rig);
    memcpy(rte_pktmbuf_mtod(mbuf, uint8_t *), frame, length);
    gate_rig_inject(run->rig, mbuf, length);
}

/* What came while the last turn ran, in the order of its times. */
static void arrive_until_now(struct run *run)
{
    for (;;) {
        double honest_ns = due_ns(&run->honest), hostile_ns = due_ns(&run->hostile);
        bool is_honest = honest_ns <= hostile_ns;
        if ((is_honest ? honest_ns : hostile_ns) > run->now_ns || run->honest.offered == HONEST)
            return;
        arrive(run, is_honest);
    }
}

static void clear_up(struct gate_rig *rig)
{
    struct rte_mbuf *mbufs[FREE_BURST];
    for (uint32_t count = gate_rig_take_sent(rig, mbufs, FREE_BURST); count > 0;
         count = gate_rig_take_sent(rig, mbufs, FREE_BURST))
        rte_pktmbuf_free_bulk(mbufs, count);
    gate_rig_discard_records(rig);
}

static void turn(struct run *run, uint64_t *spent_ns)
{
    uint64_t start_ns = measure_now_ns();
    gate_rig_turn(run->rig, *spent_ns);
    *spent_ns = measure_now_ns() - start_ns;
    run->now_ns += (double)*spent_ns;
    clear_up(run->rig);
}

static struct run offer(struct gate_rig *rig, enum gate_traffic traffic, double mpps)
{
    struct run run = {.rig = rig,
                      .honest.per_ns = (double)rig->crowd.count * GATE_TICK_HZ / 1e9,
                      .hostile.per_ns = mpps / 1e3};
    make_frames(rig, traffic);
    uint64_t accepted = gate_rig_outcome(rig, TW_OUTCOME_ACCEPTED), spent_ns = 0;
    while (run.honest.offered < HONEST) {
        arrive_until_now(&run);
        turn(&run, &spent_ns);
    }
    while (rte_ring_count(rig->port->to_worker) > 0)
        turn(&run, &spent_ns);
    accepted = gate_rig_outcome(rig, TW_OUTCOME_ACCEPTED) - accepted;
    GATE_CHECK(accepted + run.honest.lost == HONEST,
               "%llu players' packets got into the queue, %llu were accepted",
               (unsigned long long)(HONEST - run.honest.lost), (unsigned long long)accepted);
    return run;
}

/* The run in the middle by what players lost. */
static void print_cell(struct gate_rig *rig, enum gate_traffic traffic, double mpps)
{
    double honest[REPETITIONS], hostile[REPETITIONS];
    for (uint32_t i = 0; i < REPETITIONS; i++) {
        struct run run = offer(rig, traffic, mpps);
        honest[i] = 100.0 * (double)run.honest.lost / (double)run.honest.offered;
        hostile[i] = 100.0 * (double)run.hostile.lost / (double)run.hostile.offered;
    }
    fprintf(stderr, " %.1f / %.1f |", measure_median(honest, REPETITIONS),
            measure_median(hostile, REPETITIONS));
}

void gate_overload_print(struct gate_rig *rig)
{
    static const struct {
        const char *name;
        enum gate_traffic traffic;
    } kinds[] = {
        {"unknown", GATE_TRAFFIC_UNKNOWN},
        {"offpath", GATE_TRAFFIC_OFFPATH},
        {"hello", GATE_TRAFFIC_HELLO},
        {"forged", GATE_TRAFFIC_FORGED},
    };
    struct tw_budgets *budgets = &rig->worker->budgets;
    struct tw_budget_rate before = budgets->stranger_rate;
    budgets->stranger_rate = tw_budget_rate_make(STRANGER_PPS, STRANGER_PPS);
    fputs("\n| lost of players' / of hostile packets, %; hostile packets offered, million/s |",
          stderr);
    for (uint32_t i = 0; i < RATES; i++)
        fprintf(stderr, " %.0f |", offered_mpps[i]);
    fputs("\n|---|---|---|---|---|---|---|\n", stderr);
    for (uint32_t kind = 0; kind < sizeof(kinds) / sizeof(kinds[0]); kind++) {
        fprintf(stderr, "| `%s` |", kinds[kind].name);
        for (uint32_t i = 0; i < RATES; i++)
            print_cell(rig, kinds[kind].traffic, offered_mpps[i]);
        fputs("\n", stderr);
    }
    budgets->stranger_rate = before;
}
