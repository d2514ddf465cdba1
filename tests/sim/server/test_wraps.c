/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Counters near their end, in a whole server with whole clients. Packet numbers near 2^64 are
 * "wire replay"'s, near 2^28, where a session ends, gate-worker_life's and sim_channels': no run
 * is that long. Times in microseconds pass 2^32 in every simulation, after 72 minutes of a machine;
 * those in milliseconds, after 50 days, here.
 */
#include "dataplane/client/client_state.h"
#include "dataplane/gate/worker_state.h"
#include "tests/sim/server/scenario.h"
#include "tests/sim/server/whole.h"

#include "tickwire/bytes.h"

#define CLIENTS 3u
/* Ticks do not wrap: a world ends before this one. */
#define TICKS_END (UINT64_C(1) << 32)
/* So many messages of each channel until their numbers go on at 0. */
#define NUMBERS_BEFORE 100u

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

/* ---- times ----------------------------------------------------------------------------------- */

#define TICK_HZ      60u
#define WAY_TO_FIRST 1u /* whole.h */
/* What of a time in milliseconds is kept begins anew then. */
#define MILLISECONDS_END_US (WHOLE_SECOND / 1000u * (UINT64_C(1) << 32))

/* More than may wait for one of them within a second. */
static const struct sim_speech loud = {.every_ms = {[TW_CHANNEL_STATE] = 200,
                                                    [TW_CHANNEL_ORDERED] = 250,
                                                    [TW_CHANNEL_UNORDERED] = 500,
                                                    [TW_CHANNEL_BULK] = 50},
                                       .size_max = {[TW_CHANNEL_STATE] = 100,
                                                    [TW_CHANNEL_ORDERED] = 200,
                                                    [TW_CHANNEL_UNORDERED] = 1500,
                                                    [TW_CHANNEL_BULK] = 12000}};

/* Everybody plays and talks. From before the end until after it nothing gets through to the first:
 * it is behind, and for how long counts in milliseconds: for less than its patience lasts. */
static void end_of_milliseconds(const char *name, uint64_t seed, uint64_t tick_base)
{
    struct whole_options options = {.clients = CLIENTS,
                                    .speakers = CLIENTS,
                                    .speech = whole_speech,
                                    .tick_base = tick_base,
                                    .wraps_milliseconds = true,
                                    .profile = impair_profile_find("fiber")};
    struct whole *whole = whole_create(name, &options, seed);
    whole->players.noise = true;
    WHOLE_CHECK(whole, whole->wrap_us == MILLISECONDS_END_US);
    whole_join(whole);
    if (whole->now_us + WHOLE_SECOND / 2u < whole->wrap_us)
        whole_run(whole, whole->wrap_us - WHOLE_SECOND / 2u - whole->now_us);
    net_path(whole->net, WAY_TO_FIRST)->outage_until_us = whole->now_us + 3 * WHOLE_SECOND;
    whole->players.speech = loud;
    whole_run(whole, 3 * WHOLE_SECOND);
    whole->players.speech = whole_speech;
    whole_run(whole, 9 * WHOLE_SECOND);
    WHOLE_CHECK(whole, whole_settle(whole, 10 * WHOLE_SECOND));
    expect_play(whole);
    whole_destroy(whole);
}

/* A machine that is on for 50 days, and an engine that has just begun there. */
static void milliseconds_of_a_machine(const char *name, uint64_t seed)
{
    end_of_milliseconds(name, seed, 0);
}

/* The engine is as old: what counts from its beginning ends two seconds later. */
static void milliseconds_of_a_world(const char *name, uint64_t seed)
{
    uint64_t seconds = MILLISECONDS_END_US / WHOLE_SECOND - 6u;
    end_of_milliseconds(name, seed, seconds * TICK_HZ);
}

/* ---- numbers of messages --------------------------------------------------------------------- */

static const struct sim_speech chatter = {.every_ms = {55, 55, 55, 55},
                                          .size_max = {24, 24, 24, 24}};

static struct tw_transport *client_transport(struct whole *whole, uint32_t player)
{
    return &whole->players.players[player].client->session.transport;
}

static struct tw_transport *server_transport(struct whole *whole, uint32_t player)
{
    struct tw_worker *worker = whole->server.workers[0];
    for (uint32_t slot = 0; slot < worker->sessions.capacity; slot++) {
        if (worker->sessions.hot[slot].state == TW_SESSION_LIVE &&
            worker->sessions.bodies[slot].account == player + 1u)
            return &worker->talk.transports[slot];
    }
    WHOLE_CHECK(whole, false);
    return NULL;
}

/* As if so many messages of each channel had been sent and had arrived. Nobody has spoken yet. */
static void begin_at(struct whole *whole, struct tw_transport *transport, uint16_t number)
{
    struct tw_channel_numbers *numbers = &transport->numbers;
    WHOLE_CHECK(whole, transport->channels == NULL);
    for (uint32_t channel = TW_CHANNEL_ORDERED; channel < TW_CHANNEL_COUNT; channel++) {
        WHOLE_CHECK(whole, numbers->sender.next[channel] == 0);
        WHOLE_CHECK(whole, numbers->receiver.base[channel] == 0);
        numbers->sender.next[channel] = number;
        numbers->receiver.base[channel] = number;
    }
    numbers->sender.latest = number;
    numbers->receiver.latest = number;
    numbers->receiver.latest_seen = true;
}

static struct tw_channel_numbers numbers_of(const struct tw_transport *transport)
{
    if (!transport->channels)
        return transport->numbers;
    return (struct tw_channel_numbers){tw_sender_pause(&transport->channels->sender),
                                       tw_receiver_pause(&transport->channels->receiver)};
}

/* All of one direction have arrived, `sent` of each channel, and their numbers went on at 0. */
static void check_numbers(const struct whole *whole, const struct tw_transport *from,
                          const struct tw_transport *to, const uint32_t sent[TW_CHANNEL_COUNT])
{
    struct tw_channel_numbers out = numbers_of(from), in = numbers_of(to);
    for (uint32_t channel = TW_CHANNEL_ORDERED; channel < TW_CHANNEL_COUNT; channel++) {
        WHOLE_CHECK(whole, sent[channel] > NUMBERS_BEFORE + 2u * TW_MESSAGE_WINDOW);
        uint16_t next = (uint16_t)(sent[channel] - NUMBERS_BEFORE);
        WHOLE_CHECK(whole, out.sender.next[channel] == next);
        WHOLE_CHECK(whole, in.receiver.base[channel] == next && in.receiver.done[channel] == 0);
    }
    WHOLE_CHECK(whole, out.sender.latest == in.receiver.latest);
    WHOLE_CHECK(whole, out.sender.latest < UINT16_MAX / 2u && out.sender.latest > 0);
}

/* Of states, too, many were heard, each newer than the one before (players.c), and what each says
 * last. Those of two speakers at once replace each other on their way: of 1,000 seeds, 9,000 ways
 * from one to another, 64.8 % were heard in the middle, 52.6 % on all but one of a hundred ways,
 * and 47.6 % at least. */
static void check_states(struct whole *whole)
{
    static const struct impair_profile good = {.latency_us = 1000};
    net_set_profile(whole->net, &good);
    for (uint32_t i = 0; i < CLIENTS; i++) {
        struct sim_player *player = &whole->players.players[i];
        WHOLE_CHECK(whole, sim_player_speak(player, TW_CHANNEL_STATE, 24));
        whole_run(whole, WHOLE_SECOND / 2u);
        for (uint32_t k = 0; k < CLIENTS; k++) {
            const struct sim_heard *heard =
                sim_player_heard(&whole->players.players[k], i, TW_CHANNEL_STATE);
            uint32_t spoken = player->spoken[TW_CHANNEL_STATE];
            WHOLE_CHECK(whole, heard->next == spoken);
            WHOLE_CHECK(whole, heard->count > spoken * 2u / 5u);
        }
    }
}

/* From 100 before the end of the numbers of messages on, both ways, each channel goes on at 0 in
 * the middle of play, while newer packets overtake older ones. */
static void message_numbers(const char *name, uint64_t seed)
{
    struct impair_profile overtaken = *impair_profile_find("fiber");
    overtaken.jitter_us = 20000;
    overtaken.reorders = true;
    struct whole_options options = {
        .clients = CLIENTS, .speakers = CLIENTS, .speech = chatter, .profile = &overtaken};
    struct whole *whole = whole_create(name, &options, seed);
    uint32_t heard[TW_CHANNEL_COUNT] = {0};
    whole_join(whole);
    for (uint32_t i = 0; i < CLIENTS; i++) {
        begin_at(whole, client_transport(whole, i), (uint16_t)(UINT16_MAX + 1u - NUMBERS_BEFORE));
        begin_at(whole, server_transport(whole, i), (uint16_t)(UINT16_MAX + 1u - NUMBERS_BEFORE));
    }
    whole_run(whole, 30 * WHOLE_SECOND);
    WHOLE_CHECK(whole, whole_settle(whole, 60 * WHOLE_SECOND));
    expect_play(whole);
    check_states(whole);
    for (uint32_t i = 0; i < CLIENTS; i++) {
        for (uint32_t channel = 0; channel < TW_CHANNEL_COUNT; channel++)
            heard[channel] += whole->players.players[i].spoken[channel];
    }
    for (uint32_t i = 0; i < CLIENTS; i++) {
        const struct tw_transport *client = client_transport(whole, i);
        const struct tw_transport *server = server_transport(whole, i);
        check_numbers(whole, client, server, whole->players.players[i].spoken);
        check_numbers(whole, server, client, heard);
    }
    whole_destroy(whole);
}

/* Of each channel from each player. */
static uint32_t least_spoken(const struct whole *whole)
{
    uint32_t least = UINT32_MAX;
    for (uint32_t i = 0; i < CLIENTS; i++) {
        for (uint32_t channel = 0; channel < TW_CHANNEL_COUNT; channel++) {
            uint32_t spoken = whole->players.players[i].spoken[channel];
            least = spoken < least ? spoken : least;
        }
    }
    return least;
}

/* With nothing set: more than 65,536 messages of each channel from each player. It says 73 a second
 * and 60 are taken (messages_per_s): unordered ones and bulk have what the others leave. */
static void all_message_numbers(const char *name, uint64_t seed)
{
    struct whole_options options = {.clients = CLIENTS,
                                    .speakers = CLIENTS,
                                    .speech = chatter,
                                    .profile = impair_profile_find("fiber")};
    struct whole *whole = whole_create(name, &options, seed);
    whole_join(whole);
    for (uint32_t i = 0; i < 60 && least_spoken(whole) <= UINT16_MAX + 1500u; i++)
        whole_run(whole, 100 * WHOLE_SECOND);
    WHOLE_CHECK(whole, least_spoken(whole) > UINT16_MAX + 1500u);
    WHOLE_CHECK(whole, whole_settle(whole, 60 * WHOLE_SECOND));
    expect_play(whole);
    whole_destroy(whole);
}

int main(int argc, char **argv)
{
    static const struct scenario scenarios[] = {
        {"last_ticks_of_a_world", last_ticks_of_a_world, NULL, 20, 1000},
        {"milliseconds_of_a_machine", milliseconds_of_a_machine, NULL, 20, 1000},
        {"milliseconds_of_a_world", milliseconds_of_a_world, NULL, 20, 1000},
        {"message_numbers", message_numbers, NULL, 20, 1000},
        {"all_message_numbers", all_message_numbers, NULL, 0, 20},
    };
    return scenario_main(argc, argv, scenarios, sizeof(scenarios) / sizeof(scenarios[0]));
}
