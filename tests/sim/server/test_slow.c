/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * One player whose link takes little, beside others who talk, as loudly as they are let or not:
 * whoever takes what is sent stays, and hears all of it. It is the loud ones that wait.
 */
#include "tests/sim/server/scenario.h"
#include "tests/sim/server/whole.h"

#include <string.h>

#define SLOW_BITS_PER_S 250000u
#define SLOW            0u
#define TALKERS         1u /* the first of them */
#define WARM_UP_US      (4 * WHOLE_SECOND)
#define TALK_US         (40 * WHOLE_SECOND)
#define SETTLE_US       (600 * WHOLE_SECOND)
#define COMMANDERS      10u
#define BULK_TALKERS    4u
/* Two messages differ by so much, whatever is said: a tick, and a client's turn. */
#define LATER_US (2u * WHOLE_SECOND / 60u)

struct talk {
    uint32_t talkers; /* who begin in the same moment */
    uint32_t channel;
    uint32_t size;
    uint32_t every_ms; /* or as soon as its library has room again */
    bool noise;
    bool is_loud; /* more than the slow one takes: waits for it, all others are heard at once */
};

static uint32_t some_latency_us(uint64_t seed)
{
    return 20000u + (uint32_t)(seed % 3u) * 10000u;
}

/* With a queue of half a second to two in front of the link. */
static void slow_down(struct whole *whole, uint32_t latency_us, uint64_t seed)
{
    struct impair_profile *down = &net_path(whole->net, 2u * SLOW + 1u)->profile;
    net_path(whole->net, 2u * SLOW)->profile.latency_us = latency_us;
    down->latency_us = latency_us;
    down->bits_per_s = SLOW_BITS_PER_S;
    down->queue_bytes = 16000u << seed / 3u % 3u;
}

/* 20 to 40 ms away; on the same worker as the others, or not. */
static struct whole *gather(const char *name, const struct talk *talk, uint64_t seed)
{
    struct whole_options options = {.clients = TALKERS + talk->talkers,
                                    .speakers = TALKERS + talk->talkers,
                                    .workers = 1u + (uint32_t)(seed % 2u),
                                    .profile = impair_profile_find("lan")};
    struct whole *whole = whole_create(name, &options, seed);
    whole->players.noise = talk->noise;
    whole_join(whole);
    slow_down(whole, some_latency_us(seed), seed);
    whole_run(whole, WARM_UP_US);
    return whole;
}

/* Of all who talk: what they said, and what the slow one heard of it. */
static void count(const struct whole *whole, const struct talk *talk, uint32_t *said,
                  uint32_t *heard)
{
    const struct sim_player *players = whole->players.players;
    *said = *heard = 0;
    for (uint32_t i = 0; i < talk->talkers; i++) {
        *said += players[TALKERS + i].spoken[talk->channel];
        *heard += sim_player_heard(&players[SLOW], TALKERS + i, talk->channel)->count;
    }
}

static void check_all_stay(const struct whole *whole)
{
    for (uint32_t i = 0; i < whole->players.count; i++)
        WHOLE_CHECK(whole, whole->players.players[i].closes == 0);
}

static void talk_beside(const char *name, const struct talk *talk, uint64_t seed)
{
    struct whole *whole = gather(name, talk, seed);
    const struct sim_hearing *hearing = &whole->players.hearing[talk->channel];
    uint32_t said, heard;
    whole->players.from_us = whole->now_us;
    whole->players.until_us = UINT64_MAX;
    for (uint64_t end_us = whole->now_us + TALK_US; whole->now_us < end_us;) {
        for (uint32_t i = 0; i < talk->talkers; i++)
            (void)sim_player_speak(&whole->players.players[TALKERS + i], talk->channel, talk->size);
        whole_run(whole, talk->every_ms * SIM_MS);
    }
    count(whole, talk, &said, &heard);
    printf(
        "%s: %u of %u messages heard in %llu s, the slowest took %llu ms, %llu found the library "
        "full\n",
        name, heard, said, (unsigned long long)(TALK_US / WHOLE_SECOND),
        (unsigned long long)(hearing->longest_us / 1000u),
        (unsigned long long)whole->players.refused);
    check_all_stay(whole);
    WHOLE_CHECK(whole, (whole->players.refused > 0) == talk->is_loud);
    WHOLE_CHECK(whole, talk->is_loud || hearing->longest_us < WHOLE_SECOND / 2u);
    WHOLE_CHECK(whole, whole_settle(whole, SETTLE_US));
    check_all_stay(whole);
    whole_destroy(whole);
}

/* Messages of 60 KB, which no compression makes smaller: one takes two seconds. */
static void beside_bulk(const char *name, uint64_t seed)
{
    static const struct talk talk = {1, TW_CHANNEL_BULK, 60000, 100, true, true};
    talk_beside(name, &talk, seed);
}

/* As fast as their libraries take them, more of these. What four say in their first moment fits;
 * and what they may say then, 2.5 KB a second each, it takes. */
static void beside_many(const char *name, uint32_t talkers, uint64_t seed)
{
    struct talk talk = {talkers, TW_CHANNEL_BULK, 60000, 5, true, true};
    talk_beside(name, &talk, seed);
}

static void beside_two(const char *name, uint64_t seed)
{
    beside_many(name, 2, seed);
}

static void beside_three(const char *name, uint64_t seed)
{
    beside_many(name, 3, seed);
}

static void beside_four(const char *name, uint64_t seed)
{
    beside_many(name, 4, seed);
}

/* The same ones, which come as 1 KB and leave so. */
static void beside_compressed(const char *name, uint64_t seed)
{
    static const struct talk talk = {1, TW_CHANNEL_BULK, 60000, 100, false, true};
    talk_beside(name, &talk, seed);
}

/* 50 KB/s of small ones. */
static void beside_loud(const char *name, uint64_t seed)
{
    static const struct talk talk = {1, TW_CHANNEL_ORDERED, 1000, 20, true, true};
    talk_beside(name, &talk, seed);
}

/* And of these, when three begin. */
static void beside_three_loud(const char *name, uint64_t seed)
{
    static const struct talk talk = {3, TW_CHANNEL_ORDERED, 1000, 5, true, true};
    talk_beside(name, &talk, seed);
}

static void beside_ordinary(const char *name, uint64_t seed)
{
    static const struct talk talk = {1, TW_CHANNEL_ORDERED, 200, 300, true, false};
    talk_beside(name, &talk, seed);
}

/* ---- whose commands wait ----------------------------------------------------------------------
 */

/* Little memory, so that the slow one's bulk has to wait. */
static void shorten_memory(struct tw_config *config)
{
    config->limits.message_memory_kb = 1024;
}

static struct whole *gather_commanders(const char *name, const struct sim_speech *speech,
                                       uint32_t others, uint32_t latency_us, uint64_t seed)
{
    struct whole_options options = {.clients = TALKERS + others,
                                    .speakers = TALKERS + others,
                                    .workers = 1u + (uint32_t)(seed % 2u),
                                    .speech = *speech,
                                    .profile = impair_profile_find("lan"),
                                    .configure = shorten_memory};
    struct whole *whole = whole_create(name, &options, seed);
    whole->players.noise = true;
    whole->players.players[SLOW].talks = false;
    whole->players.players[SLOW].apart = true;
    whole_join(whole);
    slow_down(whole, latency_us, seed);
    whole_run(whole, WARM_UP_US);
    return whole;
}

/* How long commands took at most, to all but the slow one, and bulk: so many say 60 KB of it in the
 * same moment. */
static void command(const char *name, uint32_t talkers, uint64_t seed,
                    uint64_t longest_us[TW_CHANNEL_COUNT])
{
    static const struct sim_speech speech = {.every_ms = {[TW_CHANNEL_ORDERED] = 300},
                                             .size_max = {[TW_CHANNEL_ORDERED] = 100}};
    struct whole *whole = gather_commanders(name, &speech, COMMANDERS, 0, seed);
    whole->players.from_us = whole->now_us;
    whole->players.until_us = UINT64_MAX;
    for (uint32_t i = 0; i < talkers; i++)
        (void)sim_player_speak(&whole->players.players[TALKERS + i], TW_CHANNEL_BULK, 60000);
    whole_run(whole, 10 * WHOLE_SECOND);
    WHOLE_CHECK(whole, whole->players.refused == 0);
    WHOLE_CHECK(whole, whole_settle(whole, SETTLE_US));
    whole_run(whole, WHOLE_SECOND);
    check_all_stay(whole);
    WHOLE_CHECK(whole, sim_players_heard_all(&whole->players) && whole->players.faults == 0);
    WHOLE_CHECK(whole, sim_server_blocks_used(&whole->server) == 0);
    for (uint32_t channel = 0; channel < TW_CHANNEL_COUNT; channel++)
        longest_us[channel] = whole->players.hearing[channel].longest_us;
    WHOLE_CHECK(whole, talkers == 0 || longest_us[TW_CHANNEL_BULK] > WHOLE_SECOND);
    whole_destroy(whole);
}

/* While their bulk stands still for seconds since the slow one has no room for it, what they and
 * the others say to each other comes as soon as without any bulk. */
static void commands_beside_bulk(const char *name, uint64_t seed)
{
    uint64_t alone_us[TW_CHANNEL_COUNT], beside_us[TW_CHANNEL_COUNT];
    command(name, 0, seed, alone_us);
    command(name, BULK_TALKERS, seed, beside_us);
    printf("%s: bulk took %llu ms, commands %llu ms, and %llu ms without it\n", name,
           (unsigned long long)(beside_us[TW_CHANNEL_BULK] / 1000u),
           (unsigned long long)(beside_us[TW_CHANNEL_ORDERED] / 1000u),
           (unsigned long long)(alone_us[TW_CHANNEL_ORDERED] / 1000u));
    if (beside_us[TW_CHANNEL_ORDERED] > alone_us[TW_CHANNEL_ORDERED] + LATER_US)
        abort();
}

#define STEADY_COMMANDERS 2u
#define STEADY_BULK       3u
#define STEADY_EVERY_MS   200u
#define STEADY_STEP_MS    5u

/* Each says five commands of 900 bytes a second, all that is left to it when speech is dear: with
 * what is left to three who say bulk the link carries that beside snapshots. Bulk that waits for
 * room at the slow one holds up no command, and commands leave it enough of the link to stay. */
static void beside_commands_and_bulk(const char *name, uint64_t seed)
{
    static const struct sim_speech silence;
    struct whole *whole = gather_commanders(name, &silence, STEADY_BULK + STEADY_COMMANDERS,
                                            some_latency_us(seed), seed);
    struct sim_player *players = whole->players.players;
    const uint64_t *longest_us = &whole->players.hearing[TW_CHANNEL_ORDERED].longest_us;
    uint32_t said[2] = {0}, heard[2] = {0};
    whole->players.from_us = whole->now_us;
    whole->players.until_us = UINT64_MAX;
    for (uint32_t ms = 0; ms < TALK_US / SIM_MS; ms += STEADY_STEP_MS) {
        for (uint32_t i = 0; i < STEADY_BULK; i++)
            (void)sim_player_speak(&players[TALKERS + i], TW_CHANNEL_BULK, 60000);
        for (uint32_t i = 0; i < STEADY_COMMANDERS && ms % STEADY_EVERY_MS == 0; i++)
            (void)sim_player_speak(&players[TALKERS + STEADY_BULK + i], TW_CHANNEL_ORDERED, 900);
        whole_run(whole, STEADY_STEP_MS * SIM_MS);
    }
    for (uint32_t i = TALKERS; i < whole->players.count; i++) {
        bool commands = i >= TALKERS + STEADY_BULK;
        uint32_t channel = commands ? TW_CHANNEL_ORDERED : TW_CHANNEL_BULK;
        said[commands] += players[i].spoken[channel];
        heard[commands] += sim_player_heard(&players[SLOW], i, channel)->count;
    }
    printf("%s: %u of %u commands heard by the slow one in %llu s, and %u of %u messages of bulk; "
           "others heard commands after %llu ms at most\n",
           name, heard[1], said[1], (unsigned long long)(TALK_US / WHOLE_SECOND), heard[0], said[0],
           (unsigned long long)(*longest_us / 1000u));
    check_all_stay(whole);
    WHOLE_CHECK(whole, *longest_us < WHOLE_SECOND / 2u);
    WHOLE_CHECK(whole, said[1] - heard[1] < 2u * STEADY_COMMANDERS * 1000u / STEADY_EVERY_MS);
    WHOLE_CHECK(whole, heard[0] >= STEADY_BULK);
    WHOLE_CHECK(whole, whole_settle(whole, SETTLE_US));
    check_all_stay(whole);
    whole_destroy(whole);
}

int main(int argc, char **argv)
{
    static const struct scenario scenarios[] = {
        {"beside_bulk", beside_bulk, NULL, 9, 100},
        {"beside_two", beside_two, NULL, 3, 100},
        {"beside_three", beside_three, NULL, 6, 100},
        {"beside_four", beside_four, NULL, 3, 100},
        {"beside_compressed", beside_compressed, NULL, 3, 100},
        {"beside_loud", beside_loud, NULL, 9, 100},
        {"beside_three_loud", beside_three_loud, NULL, 9, 100},
        {"beside_ordinary", beside_ordinary, NULL, 3, 50},
        {"commands_beside_bulk", commands_beside_bulk, NULL, 6, 100},
        {"beside_commands_and_bulk", beside_commands_and_bulk, NULL, 6, 100},
    };
    return scenario_main(argc, argv, scenarios, sizeof(scenarios) / sizeof(scenarios[0]));
}
