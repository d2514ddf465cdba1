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
#define LOUD       30u
/* Of which a part is for messages: less than what sixty say. */
#define SLOW_BITS_PER_S 500000u

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

/* All that the first `count` said to each other, once and in order. */
static void check_heard_among(const struct whole *whole, uint32_t count, uint32_t channel)
{
    const struct sim_player *players = whole->players.players;
    for (uint32_t i = 0; i < count; i++) {
        WHOLE_CHECK(whole, players[i].closes == 0 && players[i].connects == 1);
        for (uint32_t from = 0; from < count; from++) {
            uint32_t heard = players[i].heard[from * TW_CHANNEL_COUNT + channel].count;
            WHOLE_CHECK(whole, heard == players[from].spoken[channel] && heard > 0);
        }
    }
}

/* Each says three things a second. Of the others some have links that take less than that, and take
 * it without end: they are closed when they have been behind for five seconds, and what the crowd
 * says to each other comes as if they were not there. */
static void take_too_little(const char *name, uint32_t slow, uint64_t longest_us, uint64_t seed)
{
    uint32_t live = CROWD, count = live + slow;
    struct whole_options options = {.clients = count,
                                    .speakers = live,
                                    .speech = {.every_ms = {[TW_CHANNEL_ORDERED] = 350},
                                               .size_max = {[TW_CHANNEL_ORDERED] = 900}},
                                    .profile = impair_profile_find("lan")};
    struct whole *whole = gather(name, &options, seed);
    for (uint32_t i = live; i < count; i++) {
        struct impair_profile *down = &net_path(whole->net, 2u * i + 1u)->profile;
        down->bits_per_s = SLOW_BITS_PER_S;
        down->queue_bytes = 20000;
        whole->players.players[i].apart = true;
    }
    whole->players.from_us = whole->now_us;
    whole->players.until_us = UINT64_MAX;
    uint64_t slowed_us = 0, end_us = whole->now_us + 60 * WHOLE_SECOND;
    while (whole->now_us < end_us && whole->server.house.closed[TW_CLOSE_BACKLOG] < slow)
        whole_run(whole, 100 * SIM_MS);
    slowed_us = whole->now_us - whole->players.from_us;
    uint64_t backlog = whole->server.house.closed[TW_CLOSE_BACKLOG];
    uint64_t refused = whole->players.refused;
    for (uint32_t i = 0; i < live; i++)
        whole->players.players[i].talks = false;
    whole_run(whole, 3 * WHOLE_SECOND);
    const struct sim_hearing *hearing = &whole->players.hearing[TW_CHANNEL_ORDERED];
    printf("%s: %llu of %u slow ones closed after %llu ms; of %llu messages the slowest took %llu "
           "ms, %llu found the library full, %llu buffers waited\n",
           name, (unsigned long long)backlog, slow, (unsigned long long)(slowed_us / 1000u),
           (unsigned long long)hearing->messages, (unsigned long long)(hearing->longest_us / 1000u),
           (unsigned long long)refused,
           (unsigned long long)SIM_SERVER_COUNTER(&whole->server, messages_waited));
    WHOLE_CHECK(whole, backlog == slow && refused == 0);
    WHOLE_CHECK(whole, hearing->longest_us < longest_us);
    WHOLE_CHECK(whole, whole->players.faults == 0 && dropped(whole) == 0);
    check_heard_among(whole, live, TW_CHANNEL_ORDERED);
    whole_destroy(whole);
}

static void one_takes_too_little(const char *name, uint64_t seed)
{
    take_too_little(name, 1, 2 * WHOLE_SECOND, seed);
}

static void ten_take_too_little(const char *name, uint64_t seed)
{
    take_too_little(name, 10, 6 * WHOLE_SECOND, seed);
}

/* All say as much as they may, small things. */
static struct whole *be_loud(const char *name, uint32_t count, uint64_t seed)
{
    struct whole_options options = {.clients = count,
                                    .speakers = count,
                                    .workers = 2,
                                    .speech = {.every_ms = {[TW_CHANNEL_ORDERED] = 18},
                                               .size_max = {[TW_CHANNEL_ORDERED] = 100}},
                                    .profile = impair_profile_find("lan")};
    return gather(name, &options, seed);
}

/* To one who is 150 ms away, whose windows let pass 64 in a round trip, that is four times what it
 * can take. The others are slowed down, and it is not closed. */
static void one_is_far(struct whole *whole)
{
    net_path(whole->net, 0)->profile.latency_us = 75000;
    net_path(whole->net, 1)->profile.latency_us = 75000;
    whole_run(whole, 8 * WHOLE_SECOND);
    WHOLE_CHECK(whole, closes(whole, 0, whole->players.count) == 0);
    end(whole, 120 * WHOLE_SECOND);
}

static void one_is_far_among_the_loud(const char *name, uint64_t seed)
{
    one_is_far(be_loud(name, LOUD, seed));
}

/* All of whom say a whole window of messages in the same moment, and go on. */
static void one_is_far_when_all_begin(const char *name, uint64_t seed)
{
    struct whole *whole = be_loud(name, CROWD, seed);
    for (uint32_t i = 0; i < CROWD * TW_MESSAGE_WINDOW; i++)
        (void)sim_player_speak(&whole->players.players[i % CROWD], TW_CHANNEL_ORDERED, 100);
    one_is_far(whole);
}

/* Nor is one whose downlink is out for three seconds. */
static void one_is_out_among_the_loud(const char *name, uint64_t seed)
{
    struct whole *whole = be_loud(name, LOUD, seed);
    whole_run(whole, WHOLE_SECOND);
    net_path(whole->net, 1)->outage_until_us = whole->now_us + 3 * WHOLE_SECOND;
    whole_run(whole, 5 * WHOLE_SECOND);
    WHOLE_CHECK(whole, closes(whole, 0, LOUD) == 0);
    end(whole, 120 * WHOLE_SECOND);
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
        /* 0.8 to 0.9 each. */
        {"one_takes_too_little", one_takes_too_little, NULL, 1, 50},
        {"ten_take_too_little", ten_take_too_little, NULL, 1, 50},
        {"one_is_far_among_the_loud", one_is_far_among_the_loud, NULL, 1, 50},
        {"one_is_far_when_all_begin", one_is_far_when_all_begin, NULL, 1, 50},
        {"one_is_out_among_the_loud", one_is_out_among_the_loud, NULL, 1, 50},
        {"the_largest", the_largest, NULL, 20, 1000},
    };
    return scenario_main(argc, argv, scenarios, sizeof(scenarios) / sizeof(scenarios[0]));
}
