/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * One of a crowd falls silent for 3, 12, 40 and 70 s while the others play and talk, over bad
 * networks and with the time-outs that server and client library have by default: what its session
 * and its entity go through, what others see of it, and what it finds when it is back.
 */
#include "tests/sim/server/scenario.h"
#include "tests/sim/server/whole.h"
#include "tickwire/bytes.h"

#include <string.h>

#define CLIENTS 4u
#define SILENT  0u /* who falls silent */
/* The library's own; by then a server has given up, too. */
#define PATIENCE_MS 60000u
/* Most of what happens is that nothing happens. */
#define STEP_US   (4u * WHOLE_STEP_US)
#define ANSWER_US (3u * WHOLE_SECOND) /* until everybody knows that it is back */

/* All that one hears in 40 s stays below what may wait for it (limits.message_backlog_kb). */
static const struct sim_speech speech = {.every_ms = {[TW_CHANNEL_STATE] = 500,
                                                      [TW_CHANNEL_ORDERED] = 3000,
                                                      [TW_CHANNEL_UNORDERED] = 8000,
                                                      [TW_CHANNEL_BULK] = 20000},
                                         .size_max = {[TW_CHANNEL_STATE] = 100,
                                                      [TW_CHANNEL_ORDERED] = 200,
                                                      [TW_CHANNEL_UNORDERED] = 400,
                                                      [TW_CHANNEL_BULK] = 1500}};

struct scene {
    struct whole *whole;
    uint64_t silent_us; /* when it began */
    uint32_t handle;
    bool down_works;  /* what is sent to it arrives all the time */
    bool comes_moved; /* its address is another one when it is back; there is no control plane */
};

static struct sim_player *silent_one(const struct scene *scene)
{
    return &scene->whole->players.players[SILENT];
}

static uint64_t life(const struct scene *scene, enum tw_life_event event)
{
    return sim_server_life(&scene->whole->server, event);
}

/* What became of it so far, and of nobody else. */
struct steps {
    uint64_t paused, parked, returned, unparked, expired;
};

static void expect_steps(const struct scene *scene, struct steps steps)
{
    WHOLE_CHECK(scene->whole, life(scene, TW_LIFE_EVENT_PAUSED) == steps.paused);
    WHOLE_CHECK(scene->whole, life(scene, TW_LIFE_EVENT_PARKED) == steps.parked);
    WHOLE_CHECK(scene->whole, life(scene, TW_LIFE_EVENT_RETURNED) == steps.returned);
    WHOLE_CHECK(scene->whole, life(scene, TW_LIFE_EVENT_UNPARKED) == steps.unparked);
    WHOLE_CHECK(scene->whole, life(scene, TW_LIFE_EVENT_EXPIRED) == steps.expired);
}

static uint32_t handle_of(const struct sim_player *player)
{
    struct tw_client_self self;
    tw_client_get_self(player->client, &self);
    return self.handle;
}

/* Everybody's networks are as bad as the seed says; the worst one's bursts are silences of 1 s. */
static struct scene begin(const char *name, uint64_t seed)
{
    static const char *const networks[] = {"fiber", "dsl", "mobile_4g", "congested_wifi"};
    struct whole_options options = {.clients = CLIENTS,
                                    .speakers = CLIENTS,
                                    .workers = 2,
                                    .patience_ms = PATIENCE_MS,
                                    .speech = speech,
                                    .profile = impair_profile_find(networks[seed % 4u])};
    struct scene scene = {.whole = whole_create(name, &options, seed),
                          .down_works = seed / 4u % 2u != 0,
                          .comes_moved = seed / 8u % 2u != 0};
    scene.whole->step_us = STEP_US;
    whole_join(scene.whole);
    whole_run(scene.whole, 3 * WHOLE_SECOND);
    scene.handle = handle_of(silent_one(&scene));
    WHOLE_CHECK(scene.whole, scene.handle != 0);
    expect_steps(&scene, (struct steps){0});
    return scene;
}

static void fall_silent(struct scene *scene)
{
    scene->silent_us = scene->whole->now_us;
    net_path(scene->whole->net, 2u * SILENT)->outage_until_us = UINT64_MAX;
    if (!scene->down_works)
        net_path(scene->whole->net, 2u * SILENT + 1u)->outage_until_us = UINT64_MAX;
    if (scene->comes_moved)
        sim_house_link(&scene->whole->server.house, false);
}

/* To so long after it fell silent. */
static void run_to(struct scene *scene, uint64_t us)
{
    WHOLE_CHECK(scene->whole, scene->whole->now_us <= scene->silent_us + us);
    whole_run(scene->whole, scene->silent_us + us - scene->whole->now_us);
}

static void let_through(struct scene *scene)
{
    struct sim_player *player = silent_one(scene);
    net_path(scene->whole->net, 2u * SILENT)->outage_until_us = 0;
    net_path(scene->whole->net, 2u * SILENT + 1u)->outage_until_us = 0;
    if (!scene->comes_moved)
        return;
    player->port++;
    WHOLE_CHECK(scene->whole,
                tw_client_rebind(player->client, scene->whole->now_us) == TW_CLIENT_OK);
}

/* The action that all others see it in. */
static void expect_seen(const struct scene *scene, bool away)
{
    for (uint32_t i = 0; i < CLIENTS; i++) {
        struct tw_client_entity seen;
        if (i == SILENT)
            continue;
        WHOLE_CHECK(scene->whole, tw_client_get_entity(scene->whole->players.players[i].client,
                                                       scene->handle, &seen));
        WHOLE_CHECK(scene->whole, (seen.action == TW_ACTION_AWAY) == away);
    }
}

static void expect_unseen(const struct scene *scene)
{
    for (uint32_t i = 0; i < CLIENTS; i++) {
        struct tw_client_entity seen;
        WHOLE_CHECK(scene->whole,
                    i == SILENT || !tw_client_get_entity(scene->whole->players.players[i].client,
                                                         scene->handle, &seen));
    }
}

/* It is as if nothing had been: one session, one entity, views that are compared and right. */
static void expect_as_before(const struct scene *scene)
{
    struct whole *whole = scene->whole;
    const struct sim_player *players = whole->players.players;
    uint64_t checked[CLIENTS];
    WHOLE_CHECK(whole, handle_of(silent_one(scene)) == scene->handle);
    expect_seen(scene, false);
    for (uint32_t i = 0; i < CLIENTS; i++)
        checked[i] = sim_player_statistics(&players[i]).hashes_checked;
    whole_run(whole, 4 * WHOLE_SECOND);
    for (uint32_t i = 0; i < CLIENTS; i++) {
        struct tw_client_statistics is = sim_player_statistics(&players[i]);
        WHOLE_CHECK(whole, tw_client_get_state(players[i].client) == TW_CLIENT_CONNECTED);
        WHOLE_CHECK(whole, players[i].connects == 1 && players[i].closes == 0);
        WHOLE_CHECK(whole, is.hashes_checked > checked[i] && is.hashes_wrong == 0);
        WHOLE_CHECK(whole, players[i].desyncs == 0);
    }
    WHOLE_CHECK(whole, tw_counter_get(&whole->server.shard_counters->players_away) == 0);
    WHOLE_CHECK(whole, tw_counter_get(&whole->server.shard_counters->players_parked) == 0);
    WHOLE_CHECK(whole, tw_counter_get(&whole->server.shard_counters->messages_dropped) == 0);
}

static void end(struct scene *scene)
{
    sim_house_link(&scene->whole->server.house, true);
    whole_destroy(scene->whole);
}

/* Everybody talked on: all of it is heard by all, once and in order. */
static void expect_all_heard(struct scene *scene)
{
    WHOLE_CHECK(scene->whole, silent_one(scene)->spoken[TW_CHANNEL_ORDERED] > 0);
    WHOLE_CHECK(scene->whole, whole_settle(scene->whole, 30 * WHOLE_SECOND));
    whole_run(scene->whole, 2 * WHOLE_SECOND);
    WHOLE_CHECK(scene->whole, sim_players_heard_all(&scene->whole->players));
}

/* ---- less than what pauses a session --------------------------------------------------------- */

static void for_3_s(struct scene *scene)
{
    fall_silent(scene);
    run_to(scene, 3 * WHOLE_SECOND);
    WHOLE_CHECK(scene->whole, life(scene, TW_LIFE_EVENT_SILENT) >= 1);
    expect_steps(scene, (struct steps){0});
    expect_seen(scene, false);
    let_through(scene);
    whole_run(scene->whole, ANSWER_US);
    expect_as_before(scene);
    expect_steps(scene, (struct steps){0});
    expect_all_heard(scene);
}

/* ---- paused ---------------------------------------------------------------------------------- */

/* It is no way out of a fight: the entity stays where it is, for all to see. */
static void for_12_s(struct scene *scene)
{
    struct whole *whole = scene->whole;
    struct tw_client *other = whole->players.players[1].client;
    struct tw_client_entity before, after;
    fall_silent(scene);
    run_to(scene, 6 * WHOLE_SECOND);
    const struct impair *down = net_path(whole->net, 2u * SILENT + 1u);
    uint64_t sent = down->statistics.sent;
    WHOLE_CHECK(whole, tw_client_get_entity(other, scene->handle, &before));
    run_to(scene, 12 * WHOLE_SECOND);
    expect_steps(scene, (struct steps){.paused = 1});
    expect_seen(scene, true);
    WHOLE_CHECK(whole, tw_client_get_entity(other, scene->handle, &after));
    WHOLE_CHECK(whole, after.x == before.x && after.y == before.y && after.speed == 0);
    WHOLE_CHECK(whole, tw_counter_get(&whole->server.shard_counters->players_away) == 1);
    WHOLE_CHECK(whole, down->statistics.sent == sent); /* nothing is for it any more */
    WHOLE_CHECK(whole,
                tw_client_get_health(silent_one(scene)->client) == TW_CLIENT_HEALTH_RECONNECTING);
    let_through(scene);
    whole_run(whole, ANSWER_US);
    expect_as_before(scene);
    expect_steps(scene, (struct steps){.paused = 1, .returned = 1});
    expect_all_heard(scene);
}

static void of_3_and_12_s(const char *name, uint64_t seed)
{
    struct scene scene = begin(name, seed);
    for_3_s(&scene);
    scene.whole->players.speech = speech;
    for_12_s(&scene);
    end(&scene);
}

/* ---- parked ---------------------------------------------------------------------------------- */

/* Of a speaker, on all channels where everything is heard. */
struct account {
    uint32_t messages[CLIENTS][TW_CHANNEL_COUNT];
};

static struct account spoken(const struct scene *scene)
{
    struct account account;
    for (uint32_t i = 0; i < CLIENTS; i++)
        memcpy(account.messages[i], scene->whole->players.players[i].spoken,
               sizeof(account.messages[i]));
    return account;
}

/* `player` heard all that was spoken, but for what it was not there for. */
static bool heard_all_but(const struct scene *scene, uint32_t player, const struct account *missed)
{
    const struct sim_player *players = scene->whole->players.players;
    for (uint32_t i = 0; i < CLIENTS; i++) {
        for (uint32_t channel = TW_CHANNEL_ORDERED; channel < TW_CHANNEL_COUNT; channel++) {
            uint32_t count = players[player].heard[i * TW_CHANNEL_COUNT + channel].count;
            if (count + missed->messages[i][channel] != players[i].spoken[channel])
                return false;
        }
    }
    return true;
}

/* Nobody says anything, and by then the others have heard all that they said to each other: so it
 * is sure which words the silent one was there for. What it says itself is under way until it is
 * back.
 */
static void pause_for_breath(struct scene *scene, uint64_t us)
{
    struct sim_player *players = scene->whole->players.players;
    static const struct account nothing;
    for (uint32_t i = 0; i < CLIENTS; i++)
        players[i].talks = false;
    run_to(scene, us);
    for (uint32_t i = 0; i < CLIENTS; i++) {
        struct account own = nothing;
        for (uint32_t channel = 0; channel < TW_CHANNEL_COUNT; channel++)
            own.messages[SILENT][channel] =
                players[SILENT].spoken[channel] -
                players[i].heard[SILENT * TW_CHANNEL_COUNT + channel].count;
        WHOLE_CHECK(scene->whole, i == SILENT || heard_all_but(scene, i, &own));
    }
}

static void talk_on(struct scene *scene)
{
    for (uint32_t i = 0; i < CLIENTS; i++)
        scene->whole->players.players[i].talks = true;
}

/* Returns what the others say while it is parked: it is nowhere, so near to nobody. */
static struct account talk_without_it(struct scene *scene, uint64_t from_us, uint64_t until_us)
{
    pause_for_breath(scene, from_us);
    struct account before = spoken(scene);
    talk_on(scene);
    run_to(scene, until_us - 5 * WHOLE_SECOND);
    pause_for_breath(scene, until_us);
    struct account missed = spoken(scene);
    for (uint32_t i = 0; i < CLIENTS; i++) {
        for (uint32_t channel = 0; channel < TW_CHANNEL_COUNT; channel++)
            missed.messages[i][channel] -= before.messages[i][channel];
    }
    memset(missed.messages[SILENT], 0, sizeof(missed.messages[SILENT]));
    return missed;
}

static bool all_settled(const struct scene *scene, const struct account *missed)
{
    static const struct account nothing;
    bool settled = true;
    for (uint32_t i = 0; i < CLIENTS; i++)
        settled = settled && heard_all_but(scene, i, i == SILENT ? missed : &nothing);
    return settled;
}

static void of_40_s(const char *name, uint64_t seed)
{
    struct scene scene = begin(name, seed);
    scene.whole->players.gaps_allowed = true; /* while it is parked; what is missing is counted */
    fall_silent(&scene);
    run_to(&scene, 25 * WHOLE_SECOND);
    expect_seen(&scene, true);
    pause_for_breath(&scene, 29 * WHOLE_SECOND);
    expect_steps(&scene, (struct steps){.paused = 1});
    expect_seen(&scene, true);
    struct account missed = talk_without_it(&scene, 32 * WHOLE_SECOND, 40 * WHOLE_SECOND);
    WHOLE_CHECK(scene.whole, missed.messages[1][TW_CHANNEL_ORDERED] +
                                     missed.messages[2][TW_CHANNEL_ORDERED] +
                                     missed.messages[3][TW_CHANNEL_ORDERED] >
                                 0);
    expect_steps(&scene, (struct steps){.paused = 1, .parked = 1});
    expect_unseen(&scene);
    WHOLE_CHECK(scene.whole,
                tw_counter_get(&scene.whole->server.shard_counters->players_parked) == 1);
    let_through(&scene);
    whole_run(scene.whole, ANSWER_US);
    talk_on(&scene);
    expect_as_before(&scene);
    expect_steps(&scene, (struct steps){.paused = 1, .parked = 1, .unparked = 1});
    for (uint32_t i = 0; i < CLIENTS; i++)
        scene.whole->players.players[i].talks = false;
    for (uint32_t i = 0; i < 30 && !all_settled(&scene, &missed); i++)
        whole_run(scene.whole, WHOLE_SECOND);
    whole_run(scene.whole, 2 * WHOLE_SECOND);
    WHOLE_CHECK(scene.whole, all_settled(&scene, &missed));
    end(&scene);
}

/* ---- over ------------------------------------------------------------------------------------ */

static void of_70_s(const char *name, uint64_t seed)
{
    struct scene scene = begin(name, seed);
    struct whole *whole = scene.whole;
    struct sim_player *player = silent_one(&scene);
    whole->players.gaps_allowed = true;
    scene.comes_moved = false; /* a new login needs the control plane */
    fall_silent(&scene);
    run_to(&scene, 59 * WHOLE_SECOND);
    expect_unseen(&scene);
    expect_steps(&scene, (struct steps){.paused = 1, .parked = 1});
    WHOLE_CHECK(whole, whole->server.house.closed[TW_CLOSE_TIMEOUT] == 0);
    WHOLE_CHECK(whole, tw_counter_get(&whole->server.shard_counters->players) == CLIENTS);
    run_to(&scene, 70 * WHOLE_SECOND);
    expect_steps(&scene, (struct steps){.paused = 1, .parked = 1, .expired = 1});
    WHOLE_CHECK(whole, whole->server.house.closed[TW_CLOSE_TIMEOUT] == 1);
    WHOLE_CHECK(whole, tw_counter_get(&whole->server.shard_counters->players) == CLIENTS - 1u);
    WHOLE_CHECK(whole, tw_counter_get(&whole->server.shard_counters->players_parked) == 0);
    /* By its own patience, or because it was told. */
    WHOLE_CHECK(whole, player->closes == 1 && (player->end == TW_CLIENT_END_TIMEOUT ||
                                               player->closed_by[TW_CLOSE_TIMEOUT] == 1));
    WHOLE_CHECK(whole, scene.down_works || player->end == TW_CLIENT_END_TIMEOUT);
    /* Whoever comes back is somebody new. */
    let_through(&scene);
    whole_connect(whole, player);
    whole_run(whole, ANSWER_US + 2 * WHOLE_SECOND);
    WHOLE_CHECK(whole, tw_client_get_state(player->client) == TW_CLIENT_CONNECTED);
    uint32_t handle = handle_of(player);
    WHOLE_CHECK(whole, handle != 0 && handle != scene.handle);
    expect_unseen(&scene);
    scene.handle = handle;
    expect_seen(&scene, false);
    for (uint32_t i = 0; i < CLIENTS; i++) {
        struct tw_client_statistics is = sim_player_statistics(&whole->players.players[i]);
        WHOLE_CHECK(whole, is.hashes_wrong == 0 && whole->players.players[i].desyncs == 0);
    }
    end(&scene);
}

/* ---- welcomed, and not heard ----------------------------------------------------------------- */

/* What the silent one sends in a session is lost; its handshake is not. */
static bool loses_sessions(void *context, bool up, uint32_t client, const uint8_t *bytes,
                           size_t size)
{
    (void)context;
    (void)size;
    return !up || client != SILENT || tw_load_u32(bytes) == 0;
}

/* A new process comes for its session and is welcomed, but nothing more of it arrives for longer
 * than a server waits. The session goes on without it, the client tells when its time for the
 * handshake is over, long before the session's is, and the same token brings it back then. */
static void welcomed_and_not_heard(const char *name, uint64_t seed)
{
    struct scene scene = begin(name, seed);
    struct whole *whole = scene.whole;
    struct sim_player *player = silent_one(&scene);
    uint8_t token[TW_CONNECT_SIZE];
    whole->players.gaps_allowed = true;
    WHOLE_CHECK(whole, sim_player_die(player, token));
    sim_house_extend(token);
    whole->tap = loses_sessions;
    sim_player_connect(player, token, whole->now_us);
    while (tw_client_get_state(player->client) == TW_CLIENT_CONNECTING)
        whole_run(whole, STEP_US);
    WHOLE_CHECK(whole, SIM_SERVER_COUNTER(&whole->server, sessions_pending) == 1);
    whole_run(whole, 7 * WHOLE_SECOND);
    WHOLE_CHECK(whole, SIM_SERVER_COUNTER(&whole->server, sessions_pending) == 0);
    WHOLE_CHECK(whole, SIM_SERVER_COUNTER(&whole->server, sessions_live) == CLIENTS);
    WHOLE_CHECK(whole, tw_client_get_state(player->client) == TW_CLIENT_CONNECTED);
    expect_seen(&scene, true);
    whole_run(whole, 9 * WHOLE_SECOND);
    WHOLE_CHECK(whole, player->closes == 1 && player->end == TW_CLIENT_END_NO_ANSWER);
    whole->tap = NULL;
    sim_player_connect(player, token, whole->now_us);
    whole_run(whole, 2 * ANSWER_US);
    WHOLE_CHECK(whole, tw_client_get_state(player->client) == TW_CLIENT_CONNECTED);
    WHOLE_CHECK(whole, handle_of(player) == scene.handle);
    expect_seen(&scene, false);
    expect_steps(&scene, (struct steps){.paused = 1, .returned = 1});
    WHOLE_CHECK(whole, life(&scene, TW_LIFE_EVENT_RESUMED) == 1);
    WHOLE_CHECK(whole, whole->server.house.closed[TW_CLOSE_RESUMED] == 1);
    end(&scene);
}

/* ---- heard, but not hearing ------------------------------------------------------------------ */

/* What is sent to it is lost, what it sends arrives. Its session is not silent; and it is not
 * closed as one who plays without seeing, because a client that hears nothing sends less. */
static void hears_nothing_for_40_s(const char *name, uint64_t seed)
{
    struct scene scene = begin(name, seed);
    scene.comes_moved = false;
    scene.silent_us = scene.whole->now_us;
    net_path(scene.whole->net, 2u * SILENT + 1u)->outage_until_us = UINT64_MAX;
    run_to(&scene, 40 * WHOLE_SECOND);
    expect_steps(&scene, (struct steps){0});
    expect_seen(&scene, false);
    WHOLE_CHECK(scene.whole,
                tw_client_get_health(silent_one(&scene)->client) == TW_CLIENT_HEALTH_RECONNECTING);
    let_through(&scene);
    whole_run(scene.whole, ANSWER_US);
    expect_as_before(&scene);
    expect_steps(&scene, (struct steps){0});
    expect_all_heard(&scene);
    end(&scene);
}

/* ---- gone while nothing gets through --------------------------------------------------------- */

#define BURST_US   300000u
#define GONE_US    WHOLE_SECOND
#define LATENCY_US 20000u

/* What it says first is lost, all of it; what its library says later is not. So it is out of the
 * world within a second, and not when the server's patience is over. */
static void leaves_in_a_burst_of_loss(const char *name, uint64_t seed)
{
    static const struct impair_profile clear = {.latency_us = LATENCY_US};
    struct scene scene = begin(name, seed);
    struct whole *whole = scene.whole;
    struct impair *up = net_path(whole->net, 2u * SILENT);
    up->profile = clear;
    whole_run(whole, WHOLE_SECOND);
    up->outage_until_us = whole->now_us + BURST_US;
    tw_client_close(silent_one(&scene)->client, whole->now_us);
    WHOLE_CHECK(whole, tw_client_is_leaving(silent_one(&scene)->client));
    whole_run(whole, BURST_US);
    WHOLE_CHECK(whole, SIM_SERVER_COUNTER(&whole->server, sessions_live) == CLIENTS);
    whole_run(whole, GONE_US - BURST_US);
    WHOLE_CHECK(whole, !tw_client_is_leaving(silent_one(&scene)->client));
    WHOLE_CHECK(whole, SIM_SERVER_COUNTER(&whole->server, sessions_live) == CLIENTS - 1u);
    WHOLE_CHECK(whole, whole->server.house.closed[TW_CLOSE_BY_CLIENT] == 1);
    WHOLE_CHECK(whole, tw_counter_get(&whole->server.shard_counters->players) == CLIENTS - 1u);
    expect_steps(&scene, (struct steps){0});
    end(&scene);
}

int main(int argc, char **argv)
{
    static const struct scenario scenarios[] = {
        {"of_3_and_12_s", of_3_and_12_s, NULL, 20, 1000},
        {"of_40_s", of_40_s, NULL, 20, 1000},
        {"of_70_s", of_70_s, NULL, 20, 1000},
        {"welcomed_and_not_heard", welcomed_and_not_heard, NULL, 20, 1000},
        {"hears_nothing_for_40_s", hears_nothing_for_40_s, NULL, 20, 1000},
        {"leaves_in_a_burst_of_loss", leaves_in_a_burst_of_loss, NULL, 20, 1000},
    };
    return scenario_main(argc, argv, scenarios, sizeof(scenarios) / sizeof(scenarios[0]));
}
