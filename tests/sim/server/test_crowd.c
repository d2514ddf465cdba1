/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A crowd on one spot, where each hears all: everything that is said reaches everybody exactly
 * once and in order, or those who say it wait; whoever takes nothing costs the others nothing but
 * a moment, and nobody is closed who takes what comes.
 */
#include "tests/sim/server/scenario.h"
#include "tests/sim/server/whole.h"

#include <string.h>

#define CROWD      60u
#define CROWD_LONG 200u

static uint32_t crowd(void)
{
    return scenario_is_long() ? CROWD_LONG : CROWD;
}

static uint64_t dropped(const struct whole *whole)
{
    return tw_counter_get(&whole->server.shard_counters->messages_dropped) +
           SIM_SERVER_COUNTER(&whole->server, messages_latest_dropped);
}

static struct whole *gather(const char *name, const struct whole_options *options, uint64_t seed)
{
    struct whole *whole = whole_create(name, options, seed);
    whole_join(whole);
    return whole;
}

/* Of clients from..to-1. */
static uint32_t closes(const struct whole *whole, uint32_t from, uint32_t to)
{
    uint32_t count = 0;
    for (uint32_t i = from; i < to; i++)
        count += whole->players.players[i].closes;
    return count;
}

static uint64_t spoken(const struct whole *whole)
{
    uint64_t count = 0;
    for (uint32_t i = 0; i < whole->players.count; i++)
        count += whole->players.players[i].spoken[TW_CHANNEL_ORDERED];
    return count;
}

/* All of it has arrived, and memory is as it was. */
static void end(struct whole *whole, uint64_t settle_us)
{
    WHOLE_CHECK(whole, whole_settle(whole, settle_us));
    whole_run(whole, WHOLE_SECOND);
    uint32_t count = whole->players.count;
    uint64_t said = spoken(whole), heard = whole->players.heard[TW_CHANNEL_ORDERED];
    WHOLE_CHECK(whole, sim_players_heard_all(&whole->players));
    WHOLE_CHECK(whole, said > 0 && heard == said * count);
    WHOLE_CHECK(whole, dropped(whole) == 0 && closes(whole, 0, count) == 0);
    WHOLE_CHECK(whole, sim_server_blocks_used(&whole->server) == 0);
    printf("%s: %u clients, %llu messages said, %llu heard, %llu found the library full, %llu "
           "buffers waited\n",
           whole->name, count, (unsigned long long)said, (unsigned long long)heard,
           (unsigned long long)whole->players.refused,
           (unsigned long long)SIM_SERVER_COUNTER(&whole->server, messages_waited));
    whole_destroy(whole);
}

static void talk_for(const char *name, const char *profile, uint32_t every_ms, uint64_t us,
                     uint64_t seed)
{
    struct whole_options options = {.clients = crowd(),
                                    .speakers = crowd(),
                                    .workers = 2,
                                    .speech = {.every_ms = {[TW_CHANNEL_ORDERED] = every_ms},
                                               .size_max = {[TW_CHANNEL_ORDERED] = 100}},
                                    .profile = impair_profile_find(profile)};
    struct whole *whole = gather(name, &options, seed);
    whole_run(whole, us);
    end(whole, 120 * WHOLE_SECOND);
}

/* Each says nearly as much as a session may, 60 a second. */
static void at_the_limit(const char *name, uint64_t seed)
{
    talk_for(name, "lan", 18, 3 * WHOLE_SECOND, seed);
}

static void five_a_second(const char *name, uint64_t seed)
{
    talk_for(name, "lan", 200, 3 * WHOLE_SECOND, seed);
}

/* As much as windows of 64 messages a round trip take there, with its losses. */
static void over_bad_networks(const char *name, uint64_t seed)
{
    uint32_t every_ms = scenario_is_long() ? 1000u : 300u;
    talk_for(name, seed % 2u == 0 ? "congested_wifi" : "mobile_4g", every_ms, 3 * WHOLE_SECOND,
             seed);
}

/* What leaves the server is lost for three seconds, acknowledgements with it. */
static void downlinks_out(const char *name, uint64_t seed)
{
    struct whole_options options = {.clients = crowd(),
                                    .speakers = crowd(),
                                    .speech = {.every_ms = {[TW_CHANNEL_ORDERED] = 1000},
                                               .size_max = {[TW_CHANNEL_ORDERED] = 60}},
                                    .profile = impair_profile_find("lan")};
    struct whole *whole = gather(name, &options, seed);
    whole_run(whole, WHOLE_SECOND);
    for (uint32_t i = 0; i < options.clients; i++)
        net_path(whole->net, 2u * i + 1u)->outage_until_us = whole->now_us + 3 * WHOLE_SECOND;
    whole_run(whole, 4 * WHOLE_SECOND);
    end(whole, 60 * WHOLE_SECOND);
}

static void shorten_grace(struct tw_config *config)
{
    if (!scenario_is_long())
        config->life.grace_ms = 20000;
    config->life.park_ms = 15000;
}

/* All talk, then all but ten fall silent: what the ten say waits for the others until their time of
 * grace is over, by which they are closed, and by nothing else. */
static void most_fall_silent(const char *name, uint64_t seed)
{
    uint32_t count = CROWD, silent = CROWD - 10u;
    struct whole_options options = {.clients = count,
                                    .speakers = count,
                                    .speech = {.every_ms = {[TW_CHANNEL_ORDERED] = 600},
                                               .size_max = {[TW_CHANNEL_ORDERED] = 60}},
                                    .profile = impair_profile_find("lan"),
                                    .configure = shorten_grace};
    struct whole *whole = gather(name, &options, seed);
    whole->players.gaps_allowed = true;
    whole_run(whole, WHOLE_SECOND);
    for (uint32_t i = 0; i < silent; i++)
        whole->players.players[i].frozen = true;
    uint64_t grace_us = UINT64_C(1000) * whole->server.config.life.grace_ms;
    whole_run(whole, grace_us - WHOLE_SECOND);
    WHOLE_CHECK(whole, whole->server.house.closed[TW_CLOSE_TIMEOUT] == 0);
    uint64_t held = sim_server_blocks_used(&whole->server);
    WHOLE_CHECK(whole, held > silent && held < silent * 192u);
    whole_run(whole, 3 * WHOLE_SECOND);
    WHOLE_CHECK(whole, whole->server.house.closed[TW_CLOSE_TIMEOUT] == silent);
    WHOLE_CHECK(whole, whole->server.house.closed[TW_CLOSE_BACKLOG] == 0);
    WHOLE_CHECK(whole, closes(whole, silent, count) == 0 && dropped(whole) == 0);
    WHOLE_CHECK(whole, whole->players.faults == 0);
    printf("%s: %llu KB waited for %u silent sessions\n", name, (unsigned long long)held, silent);
    whole_destroy(whole);
}

#define ATTACKERS 50u

/* Memory for 2 MB of messages: what the pool has for all is gone within a second. */
static void make_short_of_memory(struct tw_config *config)
{
    config->limits.message_memory_kb = 2048;
}

/* Fifty among ten who talk take nothing larger than a pong, and play on. They are closed, the ten
 * are not, although some of what they say needs more than their shares of what is left; and all of
 * it is heard by all of them, once and in order. */
static void attackers_acknowledge_nothing(const char *name, uint64_t seed)
{
    uint32_t live = 10, count = ATTACKERS + live;
    struct whole_options options = {
        .clients = count,
        .speakers = live,
        .speech = {.every_ms = {0, 50, 0, 1000}, .size_max = {0, 200, 0, 40000}},
        .profile = impair_profile_find("lan"),
        .configure = make_short_of_memory};
    struct whole *whole = gather(name, &options, seed);
    struct sim_player *players = whole->players.players;
    for (uint32_t i = live; i < count; i++)
        net_path(whole->net, 2u * i + 1u)->profile.drop_above_bytes = 80;
    whole_run(whole, 12 * WHOLE_SECOND);
    uint64_t backlog = whole->server.house.closed[TW_CLOSE_BACKLOG];
    for (uint32_t i = 0; i < live; i++)
        players[i].talks = false;
    whole_run(whole, 10 * WHOLE_SECOND);
    for (uint32_t i = 0; i < live; i++) {
        WHOLE_CHECK(whole, players[i].closes == 0 && players[i].connects == 1);
        for (uint32_t from = 0; from < live; from++) {
            const struct sim_heard *heard = &players[i].heard[from * TW_CHANNEL_COUNT];
            const uint32_t *said = players[from].spoken;
            WHOLE_CHECK(whole, said[TW_CHANNEL_ORDERED] > 40 && said[TW_CHANNEL_BULK] > 3);
            WHOLE_CHECK(whole, heard[TW_CHANNEL_ORDERED].count == said[TW_CHANNEL_ORDERED]);
            WHOLE_CHECK(whole, heard[TW_CHANNEL_BULK].count == said[TW_CHANNEL_BULK]);
        }
    }
    WHOLE_CHECK(whole, whole->players.faults == 0 && dropped(whole) == 0);
    WHOLE_CHECK(whole, SIM_SERVER_COUNTER(&whole->server, messages_waited) > 0);
    WHOLE_CHECK(whole, backlog > 0);
    printf("%s: %llu of %u attackers closed in 12 s, none of %u others\n", name,
           (unsigned long long)backlog, ATTACKERS, live);
    whole_destroy(whole);
}

static uint32_t largest(uint32_t channel)
{
    return channel == TW_CHANNEL_STATE ? TW_CLIENT_SEND_LATEST_MAX : TW_CLIENT_SEND_MAX;
}

/* Messages of the largest size that there is, of each kind; one byte more is refused. */
static void the_largest(const char *name, uint64_t seed)
{
    static const uint8_t bytes[TW_MESSAGE_MAX];
    struct whole_options options = {
        .clients = 3, .speakers = 3, .profile = impair_profile_find("lan")};
    struct whole *whole = gather(name, &options, seed);
    for (uint32_t round = 0; round < 4; round++) {
        for (uint32_t channel = 0; channel < TW_CHANNEL_COUNT; channel++) {
            struct sim_player *player = &whole->players.players[(round + channel) % 3u];
            WHOLE_CHECK(whole, sim_player_speak(player, channel, largest(channel)));
            WHOLE_CHECK(whole,
                        tw_client_send(player->client, (enum tw_client_channel)channel, bytes,
                                       largest(channel) + 1u, 0) == TW_CLIENT_ERROR_ARGUMENT);
        }
        whole_run(whole, WHOLE_SECOND);
    }
    WHOLE_CHECK(whole, whole_settle(whole, 60 * WHOLE_SECOND));
    whole_run(whole, WHOLE_SECOND);
    WHOLE_CHECK(whole, sim_players_heard_all(&whole->players));
    for (uint32_t channel = 0; channel < TW_CHANNEL_COUNT; channel++)
        WHOLE_CHECK(whole, whole->players.heard[channel] == 4u * 3u);
    WHOLE_CHECK(whole, closes(whole, 0, 3) == 0 && dropped(whole) == 0);
    whole_destroy(whole);
}

int main(int argc, char **argv)
{
    static const struct scenario scenarios[] = {
        /* Few seeds of most: they differ little, for each of some thousand messages is an event of
         * its own. Seconds of a seed with 60 players, and with the 200 of --long: 0.7 and 10, */
        {"at_the_limit", at_the_limit, NULL, 1, 10},
        {"five_a_second", five_a_second, NULL, 1, 50},         /* 0.2 and 1.7, */
        {"over_bad_networks", over_bad_networks, NULL, 2, 50}, /* 0.35 and 1.8, */
        {"downlinks_out", downlinks_out, NULL, 2, 50},         /* 0.2 and 1.5, */
        {"most_fall_silent", most_fall_silent, NULL, 1, 100},  /* 0.2 and 0.4, */
        /* and 0.3, as many players in both. */
        {"attackers_acknowledge_nothing", attackers_acknowledge_nothing, NULL, 1, 100},
        {"the_largest", the_largest, NULL, 20, 1000},
    };
    return scenario_main(argc, argv, scenarios, sizeof(scenarios) / sizeof(scenarios[0]));
}
