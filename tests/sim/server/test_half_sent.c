/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Memory for what comes in, and clients that want all of it: they begin messages and leave them,
 * trickle, or leave out one and send those after it. Whoever uploads beside them waits for a while
 * at most and is not closed, small things go at once; the hoarders are closed with a reason, but
 * only while somebody waits for what they hold.
 */
#include "dataplane/client/client_state.h"
#include "tests/sim/server/scenario.h"
#include "tests/sim/server/whole.h"

#include <string.h>

#define HONEST    4u
#define HOARDERS  12u
#define LARGE     60000u
#define WITHHELD  40u /* granules of a message that its hoarder goes on with by one at a time */
#define TRICKLE   (3 * WHOLE_SECOND)
#define SLOW_BITS 100000u

enum hoard {
    HOARD_LEAVES,   /* large messages, each without its first granule */
    HOARD_TRICKLES, /* the same without more of them, one of which goes after the other */
    HOARD_OMITS,    /* one of channel 1, and sends those after it */
    HOARD_CLAIMS,   /* sends the first granule of large messages, and nothing more */
    HOARD_KINDS,
    HOARD_FALLS_SILENT, /* leaves large messages, and is not heard any more */
};

static void make_memory_least(struct tw_config *config)
{
    config->limits.message_memory_kb = 1024;
}

static void make_memory_small(struct tw_config *config)
{
    config->limits.message_memory_kb = 2048;
}

static struct tw_channels *channels_of(struct sim_player *player)
{
    return player->client->session.transport.channels;
}

static void count_queued(struct tw_sender *sender, const struct tw_parcel *parcel, int32_t change)
{
    struct tw_sender_channel *channel = &sender->channels[parcel->channel];
    sender->queued += (uint32_t)change;
    channel->queued += (uint32_t)change;
    channel->queued_whole += parcel->size <= TW_UNRELIABLE_MAX ? (uint32_t)change : 0;
}

/* Granules from..end-1 of a message that has just been numbered do not leave. */
static void withhold(struct tw_sender *sender, struct tw_parcel *parcel, uint32_t from,
                     uint32_t end)
{
    for (uint32_t granule = from; granule < end && granule < parcel->opened_end; granule++) {
        if (!tw_granule_test(tw_parcel_queued(parcel), granule))
            continue;
        tw_granule_clear(tw_parcel_queued(parcel), granule);
        count_queued(sender, parcel, -1);
    }
    parcel->sent_end = (uint16_t)(end < parcel->opened_end ? end : parcel->opened_end);
}

static struct tw_parcel *parcel_of(struct tw_sender *sender, uint32_t channel, uint16_t number)
{
    return tw_parcel_at(&sender->parcels,
                        sender->windows[channel].parcels[number % TW_MESSAGE_WINDOW]);
}

static void leave_all(struct sim_player *hoarder, uint32_t from, uint32_t end)
{
    for (uint32_t channel = TW_CHANNEL_ORDERED; channel < TW_CHANNEL_COUNT; channel++) {
        for (uint32_t i = 0; i < 2; i++) {
            if (!sim_player_speak(hoarder, channel, LARGE))
                return;
            struct tw_sender *sender = &channels_of(hoarder)->sender;
            uint16_t newest = (uint16_t)(sender->channels[channel].next - 1u);
            withhold(sender, parcel_of(sender, channel, newest), from, end);
        }
    }
}

static void omit_one(struct sim_player *hoarder)
{
    for (uint32_t i = 0; i < TW_MESSAGE_WINDOW; i++) {
        if (!sim_player_speak(hoarder, TW_CHANNEL_ORDERED, i == 0 ? 20 : 1000))
            return;
        struct tw_sender *sender = &channels_of(hoarder)->sender;
        if (i == 0)
            withhold(
                sender,
                parcel_of(sender, TW_CHANNEL_ORDERED, sender->channels[TW_CHANNEL_ORDERED].base), 0,
                1);
    }
}

static void hoard(struct sim_player *hoarder, enum hoard kind)
{
    hoarder->apart = true;
    if (kind == HOARD_OMITS)
        omit_one(hoarder);
    else if (kind == HOARD_CLAIMS)
        leave_all(hoarder, 1, TW_GRANULES_MAX);
    else
        leave_all(hoarder, 0, kind == HOARD_TRICKLES ? WITHHELD : 1u);
}

/* The next granule of each oldest message leaves. */
static void trickle(struct sim_player *hoarder, uint32_t granule)
{
    if (tw_client_get_state(hoarder->client) != TW_CLIENT_CONNECTED || !channels_of(hoarder))
        return;
    struct tw_sender *sender = &channels_of(hoarder)->sender;
    for (uint32_t channel = TW_CHANNEL_ORDERED; channel < TW_CHANNEL_COUNT; channel++) {
        struct tw_parcel *parcel = sender->channels[channel].base != sender->channels[channel].next
                                       ? parcel_of(sender, channel, sender->channels[channel].base)
                                       : NULL;
        if (!parcel || granule >= WITHHELD || tw_granule_test(tw_parcel_done(parcel), granule))
            continue;
        tw_granule_set(tw_parcel_queued(parcel), granule);
        count_queued(sender, parcel, 1);
    }
}

struct siege {
    struct whole *whole;
    uint32_t honest, hoarders;
    uint32_t kind; /* enum hoard; HOARD_KINDS: some of each */
    bool come_back;
};

static enum hoard kind_of(const struct siege *siege, uint32_t i)
{
    return siege->kind == HOARD_KINDS ? (enum hoard)(i % HOARD_KINDS) : (enum hoard)siege->kind;
}

/* Who was closed comes again, and does it again. */
static void come_back(struct siege *siege, uint32_t i)
{
    struct sim_player *hoarder = &siege->whole->players.players[siege->honest + i];
    enum tw_client_state state = tw_client_get_state(hoarder->client);
    if (state == TW_CLIENT_CLOSED)
        whole_connect(siege->whole, hoarder);
    else if (state == TW_CLIENT_CONNECTED && !channels_of(hoarder))
        hoard(hoarder, kind_of(siege, i));
}

static void besiege(struct siege *siege, uint64_t us)
{
    struct whole *whole = siege->whole;
    struct sim_player *players = whole->players.players;
    uint32_t granule = 0;
    uint64_t next_us = whole->now_us + TRICKLE;
    for (uint64_t end_us = whole->now_us + us; whole->now_us < end_us;) {
        whole_run(whole, 100 * SIM_MS);
        for (uint32_t i = 0; i < siege->hoarders && siege->come_back; i++)
            come_back(siege, i);
        if (whole->now_us < next_us)
            continue;
        next_us += TRICKLE;
        for (uint32_t i = 0; i < siege->hoarders; i++)
            if (kind_of(siege, i) == HOARD_TRICKLES)
                trickle(&players[siege->honest + i], granule);
        granule++;
    }
}

static struct siege begin(const char *name, uint32_t hoarders,
                          void (*configure)(struct tw_config *), uint64_t seed)
{
    struct whole_options options = {.clients = HONEST + hoarders,
                                    .speakers = HONEST,
                                    .profile = impair_profile_find("lan"),
                                    .configure = configure};
    struct whole *whole = whole_create(name, &options, seed);
    whole->players.noise = true;
    /* Who comes back hears from the middle on. */
    whole->players.gaps_allowed = true;
    whole_join(whole);
    return (struct siege){.whole = whole, .honest = HONEST, .hoarders = hoarders};
}

static uint64_t stalled(const struct whole *whole)
{
    return whole->server.house.closed[TW_CLOSE_STALLED];
}

/* The honest were not closed, and heard each other. */
static void check_honest(const struct siege *siege)
{
    const struct whole *whole = siege->whole;
    const struct sim_player *players = whole->players.players;
    for (uint32_t i = 0; i < siege->honest; i++) {
        WHOLE_CHECK(whole, players[i].closes == 0 && players[i].connects == 1);
        for (uint32_t from = 0; from < siege->honest; from++)
            for (uint32_t channel = TW_CHANNEL_ORDERED; channel < TW_CHANNEL_COUNT; channel++)
                WHOLE_CHECK(whole, sim_player_heard(&players[i], from, channel)->count ==
                                       players[from].spoken[channel]);
    }
}

static bool honest_heard_all(const struct siege *siege)
{
    const struct sim_player *players = siege->whole->players.players;
    for (uint32_t i = 0; i < siege->honest; i++)
        for (uint32_t from = 0; from < siege->honest; from++)
            for (uint32_t channel = TW_CHANNEL_ORDERED; channel < TW_CHANNEL_COUNT; channel++)
                if (sim_player_heard(&players[i], from, channel)->count !=
                    players[from].spoken[channel])
                    return false;
    return true;
}

static void settle(struct siege *siege, uint64_t us)
{
    struct whole *whole = siege->whole;
    for (uint32_t i = 0; i < siege->honest; i++)
        whole->players.players[i].talks = false;
    for (uint64_t end_us = whole->now_us + us; whole->now_us < end_us && !honest_heard_all(siege);)
        besiege(siege, 100 * SIM_MS);
    check_honest(siege);
}

static void report(const struct siege *siege)
{
    const struct sim_hearing *hearing = siege->whole->players.hearing;
    printf("%s: %llu hoarders closed; of large messages the slowest took %llu ms, of small ones "
           "%llu ms\n",
           siege->whole->name, (unsigned long long)stalled(siege->whole),
           (unsigned long long)(hearing[TW_CHANNEL_BULK].longest_us / 1000u),
           (unsigned long long)(hearing[TW_CHANNEL_UNORDERED].longest_us / 1000u));
}

struct siege_plan {
    uint32_t kind, hoarders;
    bool come_back;
    void (*configure)(struct tw_config *config);
    uint64_t longest_us; /* that a large message takes */
};

/* Four who say 60 KB every four seconds and something small all the time, beside hoarders. */
static void hold_out(const char *name, const struct siege_plan *plan, uint64_t seed)
{
    struct siege siege = begin(name, plan->hoarders, plan->configure, seed);
    struct whole *whole = siege.whole;
    siege.kind = plan->kind;
    siege.come_back = plan->come_back;
    whole->players.from_us = whole->now_us;
    whole->players.until_us = UINT64_MAX;
    for (uint32_t i = 0; i < siege.hoarders; i++)
        hoard(&whole->players.players[HONEST + i], kind_of(&siege, i));
    besiege(&siege, WHOLE_SECOND);
    for (uint32_t i = 0; i < siege.hoarders; i++)
        whole->players.players[HONEST + i].frozen = kind_of(&siege, i) == HOARD_FALLS_SILENT;
    whole->players.speech =
        (struct sim_speech){.every_ms = {[TW_CHANNEL_UNORDERED] = 200, [TW_CHANNEL_BULK] = 4000},
                            .size_max = {[TW_CHANNEL_UNORDERED] = 200, [TW_CHANNEL_BULK] = LARGE}};
    besiege(&siege, 25 * WHOLE_SECOND);
    settle(&siege, 60 * WHOLE_SECOND);
    report(&siege);
    const struct sim_hearing *hearing = whole->players.hearing;
    WHOLE_CHECK(whole, hearing[TW_CHANNEL_BULK].longest_us < plan->longest_us);
    WHOLE_CHECK(whole, hearing[TW_CHANNEL_UNORDERED].longest_us < WHOLE_SECOND / 2u);
    WHOLE_CHECK(whole, hearing[TW_CHANNEL_BULK].messages > HONEST * 10u);
    whole_destroy(whole);
}

/* As ever when one is begun and left: five seconds after that it is over. */
static void left_half_sent(const char *name, uint64_t seed)
{
    static const struct siege_plan plan = {HOARD_LEAVES, HOARDERS, false, make_memory_small,
                                           12 * WHOLE_SECOND};
    hold_out(name, &plan, seed);
}

/* What there is room for is sent, all but a few granules; then one of them every three seconds. */
static void trickled(const char *name, uint64_t seed)
{
    static const struct siege_plan plan = {HOARD_TRICKLES, HOARDERS, false, make_memory_small,
                                           30 * WHOLE_SECOND};
    hold_out(name, &plan, seed);
}

/* What waits for the one left out is nobody's but for a part, and never that of large ones. */
static void one_left_out(const char *name, uint64_t seed)
{
    static const struct siege_plan plan = {HOARD_OMITS, HOARDERS, false, make_memory_small,
                                           2 * WHOLE_SECOND};
    hold_out(name, &plan, seed);
}

static void all_kinds_again_and_again(const char *name, uint64_t seed)
{
    static const struct siege_plan plan = {HOARD_KINDS, HOARDERS, true, make_memory_small,
                                           30 * WHOLE_SECOND};
    hold_out(name, &plan, seed);
}

/* A dozen are too few then. */
static void in_memory_as_usual(const char *name, uint64_t seed)
{
    static const struct siege_plan plan = {HOARD_KINDS, HOARDERS, true, NULL, 2 * WHOLE_SECOND};
    hold_out(name, &plan, seed);
}

/* With a packet for each message: they are promised room for all of it. */
static void claimed(const char *name, uint64_t seed)
{
    static const struct siege_plan plan = {HOARD_CLAIMS, 60, false, NULL, 12 * WHOLE_SECOND};
    hold_out(name, &plan, seed);
}

/* They had a minute to come back; not with what others wait for. */
static void fell_silent(const char *name, uint64_t seed)
{
    static const struct siege_plan plan = {HOARD_FALLS_SILENT, HOARDERS, false, make_memory_small,
                                           15 * WHOLE_SECOND};
    hold_out(name, &plan, seed);
}

/* Twelve begin large messages at once on all channels, for which there is no room: one after the
 * other has its turn, and nobody is closed. */
static void many_begin_at_once(const char *name, uint64_t seed)
{
    struct whole_options options = {.clients = HOARDERS,
                                    .speakers = HOARDERS,
                                    .profile = impair_profile_find("lan"),
                                    .configure = make_memory_least};
    struct whole *whole = whole_create(name, &options, seed);
    struct sim_player *players = whole->players.players;
    whole->players.noise = true;
    whole_join(whole);
    for (uint32_t i = 0; i < HOARDERS; i++) {
        /* They take as long as each other, so that all stand half sent at the same moment. */
        net_path(whole->net, 2u * i)->profile.bits_per_s = 2000000;
        net_path(whole->net, 2u * i)->profile.queue_bytes = 16000;
        for (uint32_t channel = TW_CHANNEL_ORDERED; channel < TW_CHANNEL_COUNT; channel++)
            WHOLE_CHECK(whole, sim_player_speak(&players[i], channel, LARGE));
    }
    WHOLE_CHECK(whole, whole_settle(whole, 240 * WHOLE_SECOND));
    for (uint32_t i = 0; i < HOARDERS; i++)
        WHOLE_CHECK(whole, players[i].closes == 0);
    whole_destroy(whole);
}

/* One whose link takes a hundredth of what others' do sends 60 KB on every channel while hoarders
 * come again and again: it is not taken for one of them. */
static void slow_among_hoarders(const char *name, uint64_t seed)
{
    struct siege siege = begin(name, HOARDERS, make_memory_small, seed);
    struct whole *whole = siege.whole;
    struct sim_player *slow = &whole->players.players[0];
    struct impair_profile *up = &net_path(whole->net, 0)->profile;
    up->bits_per_s = SLOW_BITS;
    up->queue_bytes = 8000u << seed % 3u;
    up->latency_us = 20000;
    siege.kind = HOARD_KINDS;
    siege.come_back = true;
    for (uint32_t channel = TW_CHANNEL_ORDERED; channel < TW_CHANNEL_COUNT; channel++)
        WHOLE_CHECK(whole, sim_player_speak(slow, channel, LARGE));
    uint64_t begun_us = whole->now_us;
    settle(&siege, 600 * WHOLE_SECOND);
    printf("%s: %llu hoarders closed while it took %llu ms\n", name,
           (unsigned long long)stalled(whole),
           (unsigned long long)(whole->now_us - begun_us) / 1000u);
    whole_destroy(whole);
}

/* Nobody waits for what they hold: they may. */
static void hoarders_alone(const char *name, uint64_t seed)
{
    struct siege siege = begin(name, 1, NULL, seed);
    struct whole *whole = siege.whole;
    siege.kind = seed % 2u == 0 ? HOARD_TRICKLES : HOARD_OMITS;
    hoard(&whole->players.players[HONEST], kind_of(&siege, 0));
    for (uint32_t i = 0; i < HONEST; i++)
        WHOLE_CHECK(whole, sim_player_speak(&whole->players.players[i], TW_CHANNEL_BULK, LARGE));
    besiege(&siege, 40 * WHOLE_SECOND);
    settle(&siege, WHOLE_SECOND);
    WHOLE_CHECK(whole, stalled(whole) == 0 && whole->players.players[HONEST].closes == 0);
    whole_destroy(whole);
}

int main(int argc, char **argv)
{
    static const struct scenario scenarios[] = {
        {"left_half_sent", left_half_sent, NULL, 3, 100},
        {"trickled", trickled, NULL, 3, 100},
        {"one_left_out", one_left_out, NULL, 3, 100},
        {"all_kinds_again_and_again", all_kinds_again_and_again, NULL, 3, 100},
        {"in_memory_as_usual", in_memory_as_usual, NULL, 2, 100},
        {"claimed", claimed, NULL, 2, 100},
        {"fell_silent", fell_silent, NULL, 3, 100},
        {"many_begin_at_once", many_begin_at_once, NULL, 3, 100},
        {"slow_among_hoarders", slow_among_hoarders, NULL, 3, 100},
        {"hoarders_alone", hoarders_alone, NULL, 2, 100},
    };
    return scenario_main(argc, argv, scenarios, sizeof(scenarios) / sizeof(scenarios[0]));
}
