/* SPDX-License-Identifier: BSD-3-Clause */
#include "tests/bench/budget.h"

#include "dataplane/gate/conduct.h"
#include "dataplane/gate/life.h"
#include "dataplane/gate/network_bytes.h"
#include "dataplane/gate/pending.h"
#include "dataplane/gate/resume.h"
#include "dataplane/gate/sessions.h"
#include "dataplane/gate/talk.h"
#include "tests/bench/budget_scene.h"
#include "tests/bench/measure.h"
#include "tests/bench/output.h"
#include "tickwire/assert.h"

#include <stdio.h>
#include <string.h>

#define SESSIONS        8192u
#define BURST           32u
#define TICK_NS         UINT64_C(16666667)
#define REPETITIONS_MAX 1024u
#define CROWD           256u /* players of the scenes that views are hashed in */
#define WARM_UP_TICKS   90u

static double samples[REPETITIONS_MAX];
static uint32_t missed;

static void tell(const char *metric, double value, const char *unit, double budget,
                 const char *setup)
{
    struct tw_bench_target at_most = {budget, TW_BENCH_AT_MOST};
    missed += !tw_bench_print_target(metric, value, unit, at_most, setup);
}

/* ---- a packet: conduct ---------------------------------------------------------------------- */

static struct {
    struct tw_conduct sessions[SESSIONS];
    uint32_t order[SESSIONS];
    struct tw_client_frames frames[BURST];
    uint32_t tick;
} conduct;

/* Rules as the configuration has them when it says nothing. */
static struct tw_conduct_rules rules_as_they_come(void)
{
    static struct tw_config config;
    struct tw_conduct_rules rules;
    tw_config_defaults(&config);
    tw_conduct_rules_make(&rules, &config);
    return rules;
}

static void shuffle_sessions(void)
{
    uint64_t random = UINT64_C(88172645463325252);
    for (uint32_t i = 0; i < SESSIONS; i++)
        conduct.order[i] = i;
    for (uint32_t i = SESSIONS - 1u; i > 0; i--) {
        random ^= random << 13;
        random ^= random >> 7;
        random ^= random << 17;
        uint32_t other = (uint32_t)(random % (i + 1u)), kept = conduct.order[i];
        conduct.order[i] = conduct.order[other];
        conduct.order[other] = kept;
    }
}

/* A tick of every session: a packet with its input and three repeats. In bursts, whose sessions are
 * asked for ahead, as the gate does. */
static double judge_all(const struct tw_conduct_rules *rules, uint16_t buttons)
{
    conduct.tick++;
    for (uint32_t i = 0; i < BURST; i++) {
        conduct.frames[i] = (struct tw_client_frames){
            .has_inputs = true, .input_count = 4, .newest_tick = conduct.tick};
        for (uint32_t input = 0; input < 4; input++)
            conduct.frames[i].inputs[input].buttons = buttons;
    }
    struct tw_conduct_packet packet = {
        .sequence = conduct.tick, .now_ns = conduct.tick * TICK_NS, .now_tick = conduct.tick};
    uint64_t start_ns = measure_now_ns();
    for (uint32_t first = 0; first < SESSIONS; first += BURST) {
        for (uint32_t i = 0; i < BURST; i++)
            __builtin_prefetch(&conduct.sessions[conduct.order[first + i]], 1);
        for (uint32_t i = 0; i < BURST; i++) {
            struct tw_conduct_verdict verdict = {0};
            tw_conduct_judge(&conduct.sessions[conduct.order[first + i]], rules, &packet,
                             &conduct.frames[i], &verdict);
            TW_ASSERT(!verdict.notice && verdict.inputs_dropped == 0);
        }
    }
    return (double)(measure_now_ns() - start_ns) / SESSIONS;
}

static void measure_conduct(uint32_t repetitions)
{
    struct tw_conduct_rules rules = rules_as_they_come();
    shuffle_sessions();
    for (uint16_t buttons = 0; buttons < 2; buttons++) {
        (void)judge_all(&rules, buttons);
        for (uint32_t i = 0; i < repetitions; i++)
            samples[i] = judge_all(&rules, buttons);
        tell(buttons ? "budget.packet.conduct_pressing" : "budget.packet.conduct",
             measure_median(samples, repetitions), "ns", 20,
             buttons ? "tw_conduct_judge, 8,192 sessions in random order, a button held"
                     : "tw_conduct_judge, 8,192 sessions in random order, no button");
    }
}

/* ---- a snapshot: the hash of a view --------------------------------------------------------- */

/* Of one view, or of one class of each; ns. */
static double hash_all(const struct budget_scene *scene, uint8_t bits)
{
    const struct tw_interest *interest = &scene->shard->interest;
    static volatile uint64_t sink;
    uint64_t sum = 0, start_ns = measure_now_ns();
    for (uint32_t player = 0; player < CROWD; player++) {
        struct tw_check check = {.bits = bits, .group = (uint8_t)(player & ((1u << bits) - 1u))};
        sum += tw_observer_hash(interest, player, &check);
    }
    double spent_ns = (double)(measure_now_ns() - start_ns);
    sink = sum;
    (void)sink;
    return spent_ns / CROWD;
}

static void measure_view(uint32_t entities, uint32_t repetitions)
{
    static struct budget_scene scene;
    struct budget_plan plan = {.players = CROWD,
                               .npcs = CROWD,
                               .npcs_moving_percent = 50,
                               .size_m = 48, /* all within sight of each other */
                               .view_max = entities};
    char metric[64], setup[128];
    uint64_t spent_ns = 0;
    budget_scene_start(&scene, &plan);
    for (uint32_t i = 0; i < WARM_UP_TICKS; i++)
        (void)budget_scene_tick(&scene);
    for (uint32_t player = 0; player < CROWD; player++)
        TW_ASSERT(scene.shard->interest.observers[player].entry_count >= entities);
    uint64_t snapshots = tw_counter_get(&scene.counters.snapshots);
    uint64_t checks = tw_counter_get(&scene.counters.checks_sent);
    for (uint32_t i = 0; i < repetitions; i++)
        spent_ns += budget_scene_tick(&scene);
    snapshots = tw_counter_get(&scene.counters.snapshots) - snapshots;
    checks = tw_counter_get(&scene.counters.checks_sent) - checks;
    snprintf(setup, sizeof(setup), "%u in view, views of %u players in turn; %.0f %% of snapshots",
             entities, CROWD, 100.0 * (double)checks / (double)snapshots);
    for (uint32_t part = 0; part < 2; part++) {
        for (uint32_t i = 0; i < repetitions; i++)
            samples[i] = hash_all(&scene, part ? tw_check_bits(entities) : 0);
        snprintf(metric, sizeof(metric), "budget.snapshot.%s.%u", part ? "check" : "hash",
                 entities);
        tell(metric, measure_median(samples, repetitions), "ns",
             part ? 150.0 + entities * 5.0 : entities * 25.0, setup);
    }
    snprintf(metric, sizeof(metric), "budget.snapshot.all.%u", entities);
    tell(metric, (double)spent_ns / (double)snapshots, "ns", 14000.0 + entities * 85.0,
         "the whole tick's time, by its snapshots");
    budget_scene_stop(&scene);
}

/* ---- a tick --------------------------------------------------------------------------------- */

static double median_tick_ns(const struct budget_plan *plan, uint32_t repetitions)
{
    static struct budget_scene scene;
    budget_scene_start(&scene, plan);
    for (uint32_t i = 0; i < WARM_UP_TICKS; i++)
        (void)budget_scene_tick(&scene);
    /* Three ticks at a time: each player has a snapshot in one of them. */
    for (uint32_t i = 0; i < repetitions; i++)
        samples[i] = (double)(budget_scene_tick(&scene) + budget_scene_tick(&scene) +
                              budget_scene_tick(&scene)) /
                     3.0;
    double bytes = (double)tw_counter_get(&scene.counters.snapshot_bytes) /
                   (double)tw_counter_get(&scene.counters.snapshots);
    if (plan->players > 1)
        tell("budget.snapshot.frame", bytes + TW_PACKET_MIN + TW_FRAME_HEADERS_SIZE, "B", 400,
             "mean of that field's snapshots, IPv4, Ethernet header included");
    budget_scene_stop(&scene);
    return measure_median(samples, repetitions);
}

static void measure_tick(uint32_t repetitions)
{
    /* 14 in sight of each on average. */
    struct budget_plan field = {
        .players = 1000, .npcs = 3000, .npcs_moving_percent = 50, .size_m = 2000, .view_max = 256};
    struct budget_plan empty = field, more = field;
    empty.players = more.players = 1;
    more.npcs = 23000;
    double all_ns = median_tick_ns(&field, repetitions);
    double empty_ns = median_tick_ns(&empty, repetitions);
    double more_ns = median_tick_ns(&more, repetitions);
    tell("budget.tick.player", (all_ns - empty_ns) / field.players, "ns", 2000,
         "1,000 players and 3,000 others in 2 x 2 km, less the same without players");
    tell("budget.tick.entity", (more_ns - empty_ns) / (more.npcs - empty.npcs), "ns", 400,
         "23,000 others less 3,000; half of them move");
    tell("budget.tick.all", all_ns / 1e3, "us", 2500, "the whole tick of that field");
}

/* ---- memory --------------------------------------------------------------------------------- */

static double shard_bytes(uint32_t players, uint32_t npcs)
{
    struct budget_plan plan = {
        .players = players, .npcs = npcs, .npcs_moving_percent = 50, .size_m = 2000};
    plan.view_max = 256;
    struct tw_shard_config config = budget_scene_config(&plan);
    return (double)tw_shard_footprint(&config);
}

static double worker_bytes(uint32_t sessions)
{
    /* Those that grow with sessions; the configuration's pools for messages as they come. */
    static const struct tw_config_limits limits = {0};
    return (double)(tw_sessions_footprint(sessions) + tw_talk_footprint(sessions, 1, &limits) +
                    tw_life_footprint(sessions) + tw_resume_footprint(sessions) +
                    tw_pending_footprint(1, sessions));
}

static void measure_memory(void)
{
    tell("budget.player.shard", (shard_bytes(2000, 1000) - shard_bytes(1000, 2000)) / 1000, "B",
         16384, "of the shard's memory, entity not counted, views of 256");
    tell("budget.entity.shard", (shard_bytes(1000, 2000) - shard_bytes(1000, 1000)) / 1000, "B",
         256, "of the shard's memory");
    tell("budget.player.worker", (worker_bytes(20000) - worker_bytes(10000)) / 10000, "B", 8192,
         "of a worker's memory, pools for messages under way not counted");
}

int tw_budget_run(const struct tw_budget_options *options)
{
    static const uint32_t views[] = {16, 64, 256};
    TW_ASSERT(options->repetitions > 0 && options->repetitions <= REPETITIONS_MAX);
    missed = 0;
    measure_conduct(options->repetitions);
    for (uint32_t i = 0; i < sizeof(views) / sizeof(views[0]); i++)
        measure_view(views[i], options->repetitions);
    measure_tick(options->repetitions);
    measure_memory();
    return options->check && missed > 0 ? 1 : 0;
}
