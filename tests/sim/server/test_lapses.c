/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * One of a crowd that talks falls silent, in a fight as it were, and more is said near it than may
 * wait for it. That is no way out: its entity stays for as long as that of anybody who is silent.
 * Its session cannot go on; its client hears so when it is back, logs in, and has its entity again.
 * Nobody else notices anything.
 */
#include "tests/sim/server/scenario.h"
#include "tests/sim/server/whole.h"

#include <string.h>

#define CROWD  40u
#define SILENT 0u /* who falls silent; where several do, the first of them */
/* The library's own; by then a server has given up, too. */
#define PATIENCE_MS 60000u
#define STEP_US     (4u * WHOLE_STEP_US)
#define ANSWER_US   (2u * WHOLE_SECOND)
/* By then what waits for one of the crowd is lost. */
#define LAPSED_BY_US (11u * WHOLE_SECOND)

/* Of 39 others 16 KB a second: the bound of make_small, twice while memory is ample, in 9 s. */
static const struct sim_speech speech = {.every_ms = {[TW_CHANNEL_ORDERED] = 250},
                                         .size_max = {[TW_CHANNEL_ORDERED] = 200}};

struct scene {
    struct whole *whole;
    uint32_t silent; /* so many, from SILENT on */
    uint64_t silent_us;
    uint32_t handles[CROWD];
};

static struct sim_player *player_at(const struct scene *scene, uint32_t i)
{
    return &scene->whole->players.players[i];
}

static uint64_t life(const struct scene *scene, enum tw_life_event event)
{
    return sim_server_life(&scene->whole->server, event);
}

static uint64_t closed(const struct scene *scene, enum tw_close_reason reason)
{
    return scene->whole->server.house.closed[reason];
}

static uint32_t handle_of(const struct sim_player *player)
{
    struct tw_client_self self;
    tw_client_get_self(player->client, &self);
    return self.handle;
}

static void make_small(struct tw_config *config)
{
    config->limits.message_backlog_kb = 96;
}

static struct scene begin(const char *name, uint64_t seed, uint32_t silent,
                          void (*configure)(struct tw_config *config))
{
    struct whole_options options = {.clients = CROWD,
                                    .speakers = CROWD,
                                    .workers = 2,
                                    .patience_ms = PATIENCE_MS,
                                    .speech = speech,
                                    .profile = impair_profile_find(seed % 2u ? "lan" : "fiber"),
                                    .configure = configure};
    struct scene scene = {.whole = whole_create(name, &options, seed), .silent = silent};
    scene.whole->step_us = STEP_US;
    whole_join(scene.whole);
    whole_run(scene.whole, WHOLE_SECOND);
    scene.whole->players.gaps_allowed = true; /* for those who hear each other: see end */
    for (uint32_t i = 0; i < CROWD; i++)
        scene.handles[i] = handle_of(player_at(&scene, i));
    for (uint32_t i = SILENT; i < SILENT + silent; i++) {
        player_at(&scene, i)->apart = true;
        net_path(scene.whole->net, 2u * i)->outage_until_us = UINT64_MAX;
        if (seed / 2u % 2u != 0)
            net_path(scene.whole->net, 2u * i + 1u)->outage_until_us = UINT64_MAX;
    }
    scene.silent_us = scene.whole->now_us;
    scene.whole->players.from_us = scene.silent_us;
    scene.whole->players.until_us = UINT64_MAX;
    return scene;
}

static void run_to(struct scene *scene, uint64_t us)
{
    WHOLE_CHECK(scene->whole, scene->whole->now_us <= scene->silent_us + us);
    whole_run(scene->whole, scene->silent_us + us - scene->whole->now_us);
}

static void let_through(const struct scene *scene, uint32_t i)
{
    net_path(scene->whole->net, 2u * i)->outage_until_us = 0;
    net_path(scene->whole->net, 2u * i + 1u)->outage_until_us = 0;
}

/* It sends from another port, which may belong to the other worker. */
static void come_from_elsewhere(const struct scene *scene, uint32_t i)
{
    struct sim_player *player = player_at(scene, i);
    player->port += (uint16_t)(1u + scene->whole->seed / 8u % 4u);
    WHOLE_CHECK(scene->whole,
                tw_client_rebind(player->client, scene->whole->now_us) == TW_CLIENT_OK);
}

/* By all who are there. */
static void expect_seen(const struct scene *scene, uint32_t which, bool away)
{
    struct tw_client_entity seen;
    for (uint32_t i = SILENT + scene->silent; i < CROWD; i++) {
        WHOLE_CHECK(scene->whole, tw_client_get_entity(player_at(scene, i)->client,
                                                       scene->handles[which], &seen));
        WHOLE_CHECK(scene->whole, (seen.action == TW_ACTION_AWAY) == away);
    }
}

static void expect_unseen(const struct scene *scene, uint32_t which)
{
    struct tw_client_entity seen;
    for (uint32_t i = SILENT + scene->silent; i < CROWD; i++)
        WHOLE_CHECK(scene->whole, !tw_client_get_entity(player_at(scene, i)->client,
                                                        scene->handles[which], &seen));
}

static void expect_players(const struct scene *scene, uint64_t players, uint64_t away,
                           uint64_t parked)
{
    const struct tw_shard_counters *counters = scene->whole->server.shard_counters;
    WHOLE_CHECK(scene->whole, tw_counter_get(&counters->players) == players);
    WHOLE_CHECK(scene->whole, tw_counter_get(&counters->players_away) == away);
    WHOLE_CHECK(scene->whole, tw_counter_get(&counters->players_parked) == parked);
}

/* What waited for one that is silent is gone, and its memory is others'; what keeps the others'
 * words waiting is their way alone, and nothing was dear. */
static void expect_lapsed(const struct scene *scene)
{
    const struct sim_server *server = &scene->whole->server;
    WHOLE_CHECK(scene->whole, life(scene, TW_LIFE_EVENT_LAPSED) == scene->silent);
    WHOLE_CHECK(scene->whole, SIM_SERVER_COUNTER(server, messages_backlog) == scene->silent);
    WHOLE_CHECK(scene->whole, SIM_SERVER_COUNTER(server, messages_missed) > 500);
    WHOLE_CHECK(scene->whole, closed(scene, TW_CLOSE_BACKLOG) == 0);
}

/* All that they said to each other, once and in order, was heard, and soon; nobody was closed. */
static void expect_undisturbed(struct scene *scene, uint64_t longest_us)
{
    struct whole *whole = scene->whole;
    for (uint32_t i = 0; i < CROWD; i++)
        player_at(scene, i)->talks = false;
    whole_run(whole, 2 * WHOLE_SECOND);
    for (uint32_t i = SILENT + scene->silent; i < CROWD; i++) {
        const struct sim_player *player = player_at(scene, i);
        struct tw_client_statistics is = sim_player_statistics(player);
        WHOLE_CHECK(whole, player->connects == 1 && player->closes == 0);
        WHOLE_CHECK(whole, is.hashes_wrong == 0 && is.hashes_checked > 0 && player->desyncs == 0);
        for (uint32_t from = SILENT + scene->silent; from < CROWD; from++)
            WHOLE_CHECK(whole, sim_player_heard(player, from, TW_CHANNEL_ORDERED)->count ==
                                   player_at(scene, from)->spoken[TW_CHANNEL_ORDERED]);
    }
    WHOLE_CHECK(whole, whole->players.hearing[TW_CHANNEL_ORDERED].longest_us < longest_us);
    WHOLE_CHECK(whole, whole->players.refused == 0);
    WHOLE_CHECK(whole, sim_server_blocks_used(&whole->server) == 0);
}

/* It logs in, by its own name, and has its entity, which everybody has seen all along, again. */
static void log_in(struct scene *scene, uint32_t i)
{
    struct whole *whole = scene->whole;
    struct sim_player *player = player_at(scene, i);
    let_through(scene, i);
    whole_connect(whole, player);
    whole_run(whole, ANSWER_US);
    WHOLE_CHECK(whole, tw_client_get_state(player->client) == TW_CLIENT_CONNECTED);
    WHOLE_CHECK(whole, handle_of(player) == scene->handles[i]);
    expect_seen(scene, i, false);
    expect_players(scene, CROWD, 0, 0);
    uint32_t heard = sim_player_heard(player, CROWD - 1u, TW_CHANNEL_ORDERED)->count;
    whole_run(whole, 3 * WHOLE_SECOND);
    WHOLE_CHECK(whole, sim_player_heard(player, CROWD - 1u, TW_CHANNEL_ORDERED)->count > heard);
    WHOLE_CHECK(whole,
                sim_player_heard(player_at(scene, CROWD - 1u), i, TW_CHANNEL_ORDERED)->session ==
                    player->session);
    WHOLE_CHECK(whole, closed(scene, TW_CLOSE_REPLACED) == 1);
}

/* ---- silent for good ------------------------------------------------------------------------- */

/* With the limits that there are by default. */
static void silent_for_a_minute(const char *name, uint64_t seed)
{
    struct scene scene = begin(name, seed, 1, NULL);
    run_to(&scene, 6 * WHOLE_SECOND);
    expect_seen(&scene, SILENT, true);
    WHOLE_CHECK(scene.whole, life(&scene, TW_LIFE_EVENT_LAPSED) == 0);
    static const uint32_t seconds[] = {17, 23, 29};
    for (size_t i = 0; i < sizeof(seconds) / sizeof(seconds[0]); i++) {
        run_to(&scene, seconds[i] * WHOLE_SECOND);
        expect_seen(&scene, SILENT, true);
        expect_players(&scene, CROWD, 1, 0);
    }
    expect_lapsed(&scene);
    run_to(&scene, 31 * WHOLE_SECOND);
    expect_unseen(&scene, SILENT);
    expect_players(&scene, CROWD, 0, 1);
    run_to(&scene, 59 * WHOLE_SECOND);
    expect_players(&scene, CROWD, 0, 1);
    WHOLE_CHECK(scene.whole, closed(&scene, TW_CLOSE_TIMEOUT) == 0);
    run_to(&scene, 62 * WHOLE_SECOND);
    expect_players(&scene, CROWD - 1u, 0, 0);
    WHOLE_CHECK(scene.whole, closed(&scene, TW_CLOSE_TIMEOUT) == 1);
    WHOLE_CHECK(scene.whole, life(&scene, TW_LIFE_EVENT_LAPSED_TOLD) == 0);
    expect_lapsed(&scene);
    expect_undisturbed(&scene, WHOLE_SECOND);
    whole_destroy(scene.whole);
}

/* ---- back ------------------------------------------------------------------------------------ */

/* It is told at once, from wherever it sends; its entity waits for whoever logs in. */
static void expect_told(struct scene *scene, bool elsewhere)
{
    const struct sim_player *player = player_at(scene, SILENT);
    let_through(scene, SILENT);
    if (elsewhere)
        come_from_elsewhere(scene, SILENT);
    whole_run(scene->whole, ANSWER_US);
    WHOLE_CHECK(scene->whole, player->closes == 1 && player->end == TW_CLIENT_END_REMOTE);
    WHOLE_CHECK(scene->whole, player->closed_by[TW_CLOSE_BACKLOG] == 1);
    WHOLE_CHECK(scene->whole, life(scene, TW_LIFE_EVENT_LAPSED_TOLD) > 0);
    WHOLE_CHECK(scene->whole, life(scene, TW_LIFE_EVENT_RETURNED) == 0);
    expect_lapsed(scene);
}

static void back_after_12_s(const char *name, uint64_t seed)
{
    struct scene scene = begin(name, seed, 1, make_small);
    run_to(&scene, 12 * WHOLE_SECOND);
    expect_lapsed(&scene);
    expect_told(&scene, seed / 4u % 2u != 0);
    expect_seen(&scene, SILENT, true);
    expect_players(&scene, CROWD, 1, 0);
    run_to(&scene, 20 * WHOLE_SECOND);
    expect_seen(&scene, SILENT, true);
    log_in(&scene, SILENT);
    expect_undisturbed(&scene, WHOLE_SECOND);
    whole_destroy(scene.whole);
}

/* What it sends after it was told does not keep its entity in the world, nor bring it back. */
static void back_and_parked(const char *name, uint64_t seed)
{
    struct scene scene = begin(name, seed, 1, make_small);
    run_to(&scene, 28 * WHOLE_SECOND);
    expect_seen(&scene, SILENT, true);
    expect_told(&scene, seed / 4u % 2u != 0);
    run_to(&scene, 35 * WHOLE_SECOND);
    expect_unseen(&scene, SILENT);
    expect_players(&scene, CROWD, 0, 1);
    log_in(&scene, SILENT);
    expect_undisturbed(&scene, WHOLE_SECOND);
    whole_destroy(scene.whole);
}

/* A new process has what it needs to go on with the session, but for what was said meanwhile. It is
 * told that it is gone; then it logs in. */
static void back_in_a_new_process(const char *name, uint64_t seed)
{
    static uint8_t kept[TW_CONNECT_SIZE];
    struct scene scene = begin(name, seed, 1, make_small);
    struct sim_player *player = player_at(&scene, SILENT);
    run_to(&scene, LAPSED_BY_US);
    expect_lapsed(&scene);
    WHOLE_CHECK(scene.whole, sim_player_die(player, kept));
    sim_house_extend(kept);
    let_through(&scene, SILENT);
    sim_player_connect(player, kept, scene.whole->now_us);
    whole_run(scene.whole, ANSWER_US);
    WHOLE_CHECK(scene.whole, player->closed_by[TW_CLOSE_GONE] == 1);
    WHOLE_CHECK(scene.whole, life(&scene, TW_LIFE_EVENT_RESUME_GONE) == 1);
    WHOLE_CHECK(scene.whole, life(&scene, TW_LIFE_EVENT_RESUMED) == 0);
    expect_seen(&scene, SILENT, true);
    expect_players(&scene, CROWD, 1, 0);
    log_in(&scene, SILENT);
    expect_undisturbed(&scene, WHOLE_SECOND);
    whole_destroy(scene.whole);
}

/* ---- many ------------------------------------------------------------------------------------ */

#define MANY 25u

static void make_short_of_memory(struct tw_config *config)
{
    config->limits.message_memory_kb = 2048;
}

/* What is for all is used up before anybody's bound is: of those who take nothing the one that
 * holds most gives way, and stays where it is all the same. */
static void many_where_memory_is_short(const char *name, uint64_t seed)
{
    struct scene scene = begin(name, seed, MANY, make_short_of_memory);
    run_to(&scene, 25 * WHOLE_SECOND);
    WHOLE_CHECK(scene.whole, life(&scene, TW_LIFE_EVENT_LAPSED) >= MANY / 2u);
    for (uint32_t i = SILENT; i < SILENT + MANY; i++)
        expect_seen(&scene, i, true);
    expect_players(&scene, CROWD, MANY, 0);
    run_to(&scene, 32 * WHOLE_SECOND);
    expect_players(&scene, CROWD, 0, MANY);
    run_to(&scene, 62 * WHOLE_SECOND);
    WHOLE_CHECK(scene.whole, closed(&scene, TW_CLOSE_TIMEOUT) == MANY);
    WHOLE_CHECK(scene.whole, closed(&scene, TW_CLOSE_BACKLOG) == 0);
    expect_undisturbed(&scene, 6 * WHOLE_SECOND);
    whole_destroy(scene.whole);
}

int main(int argc, char **argv)
{
    static const struct scenario scenarios[] = {
        {"silent_for_a_minute", silent_for_a_minute, NULL, 2, 200},
        {"back_after_12_s", back_after_12_s, NULL, 8, 1000},
        {"back_and_parked", back_and_parked, NULL, 4, 400},
        {"back_in_a_new_process", back_in_a_new_process, NULL, 4, 400},
        {"many_where_memory_is_short", many_where_memory_is_short, NULL, 2, 200},
    };
    return scenario_main(argc, argv, scenarios, sizeof(scenarios) / sizeof(scenarios[0]));
}
