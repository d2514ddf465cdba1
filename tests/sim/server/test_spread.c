/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A tick's snapshots as they leave: a crowd that all get one each tick, with and without spreading,
 * beside commands that leave at once. Counted by quarters of a millisecond, which is how often the
 * worker has its turn here.
 */
#include "tests/sim/server/scenario.h"
#include "tests/sim/server/whole.h"

#include "dataplane/gate/pacer.h"

#include <string.h>

#define CLIENTS    192u
#define STEP_US    250u
#define TICK_HZ    60u
#define PLAY_S     2u
#define PER_MS     32u
#define LATENCY_US 10000u
/* Two ways, a tick, a turn of each end. */
#define PROMPT_US (2u * LATENCY_US + 17000u + 17000u)

struct figures {
    uint64_t most; /* snapshots of one turn */
    uint64_t longest_us;
};

/* Of all runs. */
static struct {
    struct figures together, spread;
} total;

static void make_crowd(struct tw_config *config)
{
    config->world.tick_hz = config->world.snapshot_hz = TICK_HZ;
    config->engine.spread_per_ms = PER_MS;
}

static void make_crowd_at_once(struct tw_config *config)
{
    make_crowd(config);
    config->engine.spread_percent = 0;
}

static uint64_t snapshots_of(const struct whole *whole)
{
    return SIM_SERVER_COUNTER(&whole->server, snapshots);
}

/* Every player has one each tick, and none waits for the tick after. */
static uint64_t most_in_a_turn(struct whole *whole)
{
    uint64_t begun = snapshots_of(whole), before = begun, most = 0;
    uint64_t end_us = whole->now_us + PLAY_S * WHOLE_SECOND;
    whole->step_us = STEP_US;
    while (whole->now_us < end_us) {
        whole_run(whole, STEP_US);
        uint64_t count = snapshots_of(whole) - before;
        before += count;
        most = count > most ? count : most;
    }
    whole->step_us = WHOLE_STEP_US;
    WHOLE_CHECK(whole, before - begun >= (PLAY_S * TICK_HZ - 1u) * CLIENTS);
    WHOLE_CHECK(whole, before - begun <= (PLAY_S * TICK_HZ + 1u) * CLIENTS);
    WHOLE_CHECK(whole, SIM_SERVER_COUNTER(&whole->server, snapshots_late) == 0);
    return most;
}

static struct figures play(const char *name, uint64_t seed, void (*configure)(struct tw_config *))
{
    static const struct impair_profile path = {.latency_us = LATENCY_US};
    struct whole_options options = {.clients = CLIENTS,
                                    .speakers = 4,
                                    .speech = {.every_ms = {[TW_CHANNEL_ORDERED] = 100},
                                               .size_max = {[TW_CHANNEL_ORDERED] = 60}},
                                    .profile = &path,
                                    .configure = configure};
    struct whole *whole = whole_create(name, &options, seed);
    struct sim_hearing *commands = &whole->players.hearing[TW_CHANNEL_ORDERED];
    whole_join(whole);
    whole_run(whole, WHOLE_SECOND);
    memset(commands, 0, sizeof(*commands));
    whole->players.prompt_us = PROMPT_US;
    whole->players.from_us = whole->now_us;
    whole->players.until_us = UINT64_MAX;
    struct figures figures = {.most = most_in_a_turn(whole)};
    WHOLE_CHECK(whole, commands->messages > CLIENTS && commands->late == 0);
    figures.longest_us = commands->longest_us;
    WHOLE_CHECK(whole, whole_settle(whole, 20 * WHOLE_SECOND));
    whole_destroy(whole);
    return figures;
}

static void add(struct figures *sum, struct figures more)
{
    sum->most = more.most > sum->most ? more.most : sum->most;
    sum->longest_us = more.longest_us > sum->longest_us ? more.longest_us : sum->longest_us;
}

static void check(bool right, const char *name, uint64_t seed)
{
    if (right)
        return;
    fprintf(stderr, "%s: seed %llu: %llu at once, spread %llu\n", name, (unsigned long long)seed,
            (unsigned long long)total.together.most, (unsigned long long)total.spread.most);
    abort();
}

static void a_tick_leaves_spread_out(const char *name, uint64_t seed)
{
    add(&total.together, play(name, seed, make_crowd_at_once));
    add(&total.spread, play(name, seed, make_crowd));
    check(total.together.most == CLIENTS && total.spread.most == TW_PACER_GROUP, name, seed);
}

static void report(const char *name)
{
    printf("%s: %u players, a snapshot each tick: at most %llu of them in a turn, spread %llu; the "
           "longest command took %llu us, spread %llu\n",
           name, CLIENTS, (unsigned long long)total.together.most,
           (unsigned long long)total.spread.most, (unsigned long long)total.together.longest_us,
           (unsigned long long)total.spread.longest_us);
}

int main(int argc, char **argv)
{
    static const struct scenario scenarios[] = {
        {"a_tick_leaves_spread_out", a_tick_leaves_spread_out, report, 1, 100},
    };
    return scenario_main(argc, argv, scenarios, sizeof(scenarios) / sizeof(scenarios[0]));
}
