/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Counters near their end, in a whole server with whole clients. Packet numbers near 2^64 are
 * "wire replay"'s, near 2^28, where a session ends, gate-worker_life's and sim_transport's: no run
 * is that long. Times in microseconds pass 2^32 in every simulation.
 */
#include "tests/sim/server/scenario.h"
#include "tests/sim/server/whole.h"

#include "tickwire/bytes.h"

#define CLIENTS 3u
/* Ticks do not wrap: a world ends before this one. */
#define TICKS_END (UINT64_C(1) << 32)

static void expect_play(struct whole *whole)
{
    WHOLE_CHECK(whole, sim_players_all(&whole->players, TW_CLIENT_CONNECTED));
    for (uint32_t i = 0; i < CLIENTS; i++) {
        const struct sim_player *player = &whole->players.players[i];
        struct tw_client_statistics is = sim_player_statistics(player);
        WHOLE_CHECK(whole, player->closes == 0 && player->desyncs == 0);
        WHOLE_CHECK(whole, is.hashes_wrong == 0 && is.hashes_checked > 0);
    }
}

/* 828 days old, and seconds from its end: joining, playing and talking are as ever. Then it ends.
 */
static void last_ticks_of_a_world(const char *name, uint64_t seed)
{
    struct whole_options options = {.clients = CLIENTS,
                                    .speakers = CLIENTS,
                                    .speech = whole_speech,
                                    .tick_base = TICKS_END - 20u * 60u,
                                    .profile = impair_profile_find("fiber")};
    struct whole *whole = whole_create(name, &options, seed);
    whole_join(whole);
    whole_run(whole, 5 * WHOLE_SECOND);
    WHOLE_CHECK(whole, whole_settle(whole, 4 * WHOLE_SECOND));
    expect_play(whole);
    struct tw_client_self self;
    tw_client_get_self(whole->players.players[0].client, &self);
    WHOLE_CHECK(whole, self.tick > TICKS_END - 20u * 60u && self.last_input_tick > self.tick - 60u);
    WHOLE_CHECK(whole, tw_shard_loop_tick(whole->server.shard) < TICKS_END);
    uint64_t skipped =
        tw_counter_get(&whole->server.shard_counters->inputs[TW_SHARD_INPUT_SKIPPED]);
    WHOLE_CHECK(whole, skipped * 50u < sim_players_inputs(&whole->players));
    uint64_t ahead = sim_server_input(&whole->server, TW_INPUT_AHEAD);
    /* An engine ends a minute before; even one that did not would only stand still. */
    whole_run(whole, 20 * WHOLE_SECOND);
    WHOLE_CHECK(whole, tw_shard_loop_tick(whole->server.shard) == TW_TICK_LAST);
    WHOLE_CHECK(whole, sim_server_input(&whole->server, TW_INPUT_AHEAD) == ahead);
    sim_house_close_all(&whole->server.house);
    whole_run(whole, 4 * WHOLE_SECOND);
    for (uint32_t i = 0; i < CLIENTS; i++) {
        const struct sim_player *player = &whole->players.players[i];
        WHOLE_CHECK(whole, player->closed_by[TW_CLOSE_SHUTDOWN] == 1 && player->desyncs == 0);
    }
    whole_destroy(whole);
}

/* More than 65,536 messages of each channel from all players to each; with --long from each, too.
 */
static void message_numbers(const char *name, uint64_t seed)
{
    struct whole_options options = {
        .clients = CLIENTS,
        .speakers = CLIENTS,
        .speech =
            {.every_ms =
                 {[TW_CHANNEL_ORDERED] = 55, [TW_CHANNEL_UNORDERED] = 55, [TW_CHANNEL_BULK] = 55},
             .size_max =
                 {[TW_CHANNEL_ORDERED] = 24, [TW_CHANNEL_UNORDERED] = 24, [TW_CHANNEL_BULK] = 24}},
        .profile = impair_profile_find("fiber")};
    struct whole *whole = whole_create(name, &options, seed);
    whole_join(whole);
    whole_run(whole, (scenario_is_long() ? 4400u : 1500u) * WHOLE_SECOND);
    uint32_t least = (UINT16_MAX + 1500u) / (scenario_is_long() ? 1u : CLIENTS);
    WHOLE_CHECK(whole, whole_settle(whole, 60 * WHOLE_SECOND));
    expect_play(whole);
    for (uint32_t i = 0; i < CLIENTS; i++) {
        for (uint32_t channel = TW_CHANNEL_ORDERED; channel < TW_CHANNEL_COUNT; channel++)
            WHOLE_CHECK(whole, whole->players.players[i].spoken[channel] > least);
    }
    whole_destroy(whole);
}

int main(int argc, char **argv)
{
    static const struct scenario scenarios[] = {
        {"last_ticks_of_a_world", last_ticks_of_a_world, NULL, 20, 1000},
        {"message_numbers", message_numbers, NULL, 1, 20}, /* 65,536 messages: 2.7 s a seed */
    };
    return scenario_main(argc, argv, scenarios, sizeof(scenarios) / sizeof(scenarios[0]));
}
