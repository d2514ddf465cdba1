/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What the transport promises, over networks that misbehave: 20 seeds each, 1,000 with --long.
 *
 * usage: test_sim_transport [--long] [--seed N]
 */
#include "tests/sim/peers.h"
#include "tests/sim/seeds.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#define SECOND        UINT64_C(1000000)
#define SEED_DISTANCE 7919u

static uint32_t seeds = 20;
static uint64_t first_seed = 1;

static struct impair_profile profile_with_loss(uint32_t permille)
{
    struct impair_profile profile = *impair_profile_find("fiber");
    profile.name = "loss";
    profile.loss_ppm = permille * 1000u;
    profile.burst_ppm = 0;
    return profile;
}

/* Sizes of games: commands, chat, now and then something large. */
static void talk(struct peers *peers, uint64_t us)
{
    for (uint64_t end_us = peers->now_us + us; peers->now_us < end_us;) {
        for (uint32_t end = 0; end < 2; end++) {
            struct tw_rng *rng = &peers->rng;
            if (tw_rng_below(rng, 10) == 0)
                peers_send(peers, end, TW_CHANNEL_ORDERED, tw_rng_between(rng, 8, 200), 0);
            if (tw_rng_below(rng, 20) == 0)
                peers_send(peers, end, TW_CHANNEL_UNORDERED, tw_rng_between(rng, 8, 1500), 0);
            if (tw_rng_below(rng, 100) == 0)
                peers_send(peers, end, TW_CHANNEL_BULK, tw_rng_between(rng, 5000, 40000), 0);
            if (tw_rng_below(rng, 10) == 0)
                peers_send(peers, end, TW_CHANNEL_STATE, tw_rng_between(rng, 8, 100), 0);
        }
        peers_run(peers, 10 * PEERS_STEP_US);
    }
}

static void check_all_arrived(struct peers *peers)
{
    for (uint32_t end = 0; end < 2; end++) {
        for (uint32_t i = TW_CHANNEL_ORDERED; i < TW_CHANNEL_COUNT; i++) {
            const struct peers_channel *channel = &peers->ends[end].channels[i];
            PEERS_CHECK(peers, channel->sent == channel->received);
        }
        PEERS_CHECK(peers, peers->ends[end].channels[TW_CHANNEL_ORDERED].sent > 0);
    }
}

/* Counts stay readable; everywhere else channels rest whenever nothing is under way. */
static const struct peers_options kept = {.keeps_channels = true};

static const struct tw_sender *sender_of(const struct peers *peers, uint32_t end)
{
    static const struct tw_sender none;
    const struct tw_channels *channels = peers->ends[end].transport.channels;
    return channels ? &channels->sender : &none;
}

/* Bytes sent again per byte of messages that the network lost. */
struct tally {
    uint64_t sent, again, lost_packets, packets, runs;
};
/* How many times what was lost may be sent again, in percent. What an outage or a burst swallows is
 * mostly packets without messages. */
#define AGAIN_PERCENT 140u
/* Until a path's delays are known: some packets that were only late, at each end. */
#define AGAIN_LEARNING 3000u

static void add_tally(struct tally *tally, const struct peers *peers)
{
    for (uint32_t end = 0; end < 2; end++) {
        tally->sent += sender_of(peers, end)->sent_bytes;
        tally->again += sender_of(peers, end)->again_bytes;
    }
    struct impair_statistics net = net_statistics(peers->net);
    tally->runs++;
    tally->packets += net.sent;
    tally->lost_packets += impair_lost(&net);
}

static void check_tally(const char *what, const struct tally *tally)
{
    uint64_t lost_permille = tally->lost_packets * 1000u / tally->packets;
    uint64_t lost_bytes = tally->sent * lost_permille / 1000u;
    printf("%s: %llu bytes of messages, %llu permille of packets lost, %llu bytes again", what,
           (unsigned long long)tally->sent, (unsigned long long)lost_permille,
           (unsigned long long)tally->again);
    if (lost_bytes > 0)
        printf(", %llu.%02llu again per lost byte", (unsigned long long)(tally->again / lost_bytes),
               (unsigned long long)(tally->again * 100u / lost_bytes % 100u));
    printf("\n");
    assert_in_range(tally->again, 0,
                    lost_bytes * AGAIN_PERCENT / 100u + tally->runs * AGAIN_LEARNING);
}

static void check_all_rest(const struct peers *peers)
{
    for (uint32_t end = 0; end < 2; end++)
        PEERS_CHECK(peers, peers->ends[end].transport.channels == NULL);
}

/* Every other pair keeps its channels, and is what is tallied. */
static void run_profile(const struct impair_profile *profile, uint64_t talk_us, uint64_t settle_us)
{
    struct tally tally = {0};
    for (uint32_t i = 0; i < seeds; i++) {
        uint64_t seed = first_seed + i * SEED_DISTANCE;
        const struct peers_options *options = seed % 2u == 1 ? &kept : NULL;
        struct peers *peers = peers_create(profile, seed, options);
        talk(peers, talk_us);
        PEERS_CHECK(peers, peers_settle(peers, settle_us));
        peers_run(peers, 2 * SECOND);
        check_all_arrived(peers);
        if (options)
            add_tally(&tally, peers);
        else
            check_all_rest(peers);
        peers_destroy(peers);
    }
    if (tally.runs > 0)
        check_tally(profile->name, &tally);
}

static void test_every_profile_delivers_exactly_once(void **state)
{
    (void)state;
    for (uint32_t i = 0; i < impair_profile_count; i++)
        run_profile(&impair_profiles[i], 4 * SECOND, 120 * SECOND);
}

static void test_5_percent_loss(void **state)
{
    (void)state;
    struct impair_profile profile = profile_with_loss(50);
    run_profile(&profile, 4 * SECOND, 60 * SECOND);
}

static void test_20_percent_loss(void **state)
{
    (void)state;
    struct impair_profile profile = profile_with_loss(200);
    run_profile(&profile, 4 * SECOND, 120 * SECOND);
}

static void test_reordering_and_duplication(void **state)
{
    (void)state;
    struct impair_profile profile = *impair_profile_find("fiber");
    profile.name = "reordering";
    profile.jitter_us = 20000;
    profile.reorders = true;
    profile.duplicate_ppm = 200000;
    run_profile(&profile, 20 * SECOND, 60 * SECOND);
}

static void test_burst_loss(void **state)
{
    (void)state;
    struct impair_profile profile = *impair_profile_find("fiber");
    profile.name = "bursts of 200 ms";
    profile.burst_ppm = 500000;
    profile.burst_us = 200000;
    run_profile(&profile, 4 * SECOND, 60 * SECOND);
}

/* Both ends talk on while it lasts; then everything must arrive. */
static void run_trouble(const char *name, void (*begin)(struct peers *), uint64_t us)
{
    struct tally tally = {0};
    for (uint32_t i = 0; i < seeds; i++) {
        struct peers *peers =
            peers_create(impair_profile_find("fiber"), first_seed + i * SEED_DISTANCE, &kept);
        talk(peers, 2 * SECOND);
        begin(peers);
        talk(peers, us);
        net_set_profile(peers->net, impair_profile_find("fiber"));
        talk(peers, SECOND);
        PEERS_CHECK(peers, peers_settle(peers, 30 * SECOND));
        check_all_arrived(peers);
        add_tally(&tally, peers);
        peers_destroy(peers);
    }
    check_tally(name, &tally);
}

static void begin_30_percent(struct peers *peers)
{
    struct impair_profile profile = profile_with_loss(300);
    net_set_profile(peers->net, &profile);
}

static void test_30_percent_for_10_seconds(void **state)
{
    (void)state;
    run_trouble("30 % for 10 s", begin_30_percent, 10 * SECOND);
}

static void begin_outage(struct peers *peers)
{
    net_outage(peers->net, peers->now_us + 3 * SECOND);
}

static void test_outage_of_3_seconds(void **state)
{
    (void)state;
    run_trouble("outage of 3 s", begin_outage, 3 * SECOND);
}

/* What the server sends is lost for half a minute, in the middle of large messages to it. They go
 * on arriving, if slowly, although nothing tells the client so, and the server does not take it for
 * one that leaves them half sent (which peers.c looks for in each step). Where its own way loses
 * packets, too, it cannot know which ones: what is missing comes when it comes. */
static void run_no_way_back(uint32_t loss_permille)
{
    struct impair_profile clear = profile_with_loss(0);
    struct impair_profile lossy = profile_with_loss(loss_permille);
    for (uint32_t i = 0; i < seeds; i++) {
        struct peers *peers = peers_create(&clear, first_seed + i * SEED_DISTANCE, &kept);
        struct peers_channel *channels = peers->ends[PEERS_CLIENT].channels;
        peers_run(peers, 2 * SECOND);
        net_set_profile(peers->net, &lossy);
        for (uint32_t k = 0; k < 2; k++) {
            peers_send(peers, PEERS_CLIENT, TW_CHANNEL_BULK, 60000, 0);
            peers_send(peers, PEERS_CLIENT, TW_CHANNEL_UNORDERED, 20000, 0);
        }
        peers_run(peers, 40 * PEERS_STEP_US);
        PEERS_CHECK(peers, channels[TW_CHANNEL_BULK].received == 0);
        net_path(peers->net, PEERS_SERVER)->outage_until_us = peers->now_us + 30 * SECOND;
        peers_run(peers, 30 * SECOND);
        net_set_profile(peers->net, &clear);
        PEERS_CHECK(peers, peers_settle(peers, 10 * SECOND));
        PEERS_CHECK(peers, channels[TW_CHANNEL_BULK].received == 2);
        PEERS_CHECK(peers, channels[TW_CHANNEL_UNORDERED].received == 2);
        peers_destroy(peers);
    }
}

static void test_no_way_back(void **state)
{
    (void)state;
    run_no_way_back(0);
}

static void test_no_way_back_and_losses_on_the_way_there(void **state)
{
    (void)state;
    run_no_way_back(100);
}

static void test_latency_swings(void **state)
{
    (void)state;
    struct impair_profile near = *impair_profile_find("fiber");
    struct impair_profile far = near;
    near.latency_us = 25000;
    far.latency_us = 250000;
    for (uint32_t i = 0; i < seeds; i++) {
        struct peers *peers = peers_create(&near, first_seed + i * SEED_DISTANCE, NULL);
        for (uint32_t swing = 0; swing < 6; swing++) {
            net_set_profile(peers->net, swing % 2u ? &near : &far);
            talk(peers, SECOND);
        }
        PEERS_CHECK(peers, peers_settle(peers, 30 * SECOND));
        check_all_arrived(peers);
        peers_destroy(peers);
    }
}

/* Bytes a second that arrive over the path that bulk takes, with all that goes beside it: packet
 * headers, snapshots and acknowledgements. */
static uint64_t bulk_rate(struct peers *peers, uint64_t us)
{
    const struct impair_statistics *path = &net_path(peers->net, PEERS_SERVER)->statistics;
    uint64_t before = path->bytes_delivered;
    for (uint64_t end_us = peers->now_us + us; peers->now_us < end_us;) {
        while (sender_of(peers, PEERS_SERVER)->parcels.blocks + 66u <= PEERS_BULK_BLOCKS)
            peers_send(peers, PEERS_SERVER, TW_CHANNEL_BULK, TW_MESSAGE_MAX, 0);
        peers_run(peers, PEERS_STEP_US);
    }
    return (path->bytes_delivered - before) * SECOND / us;
}

/* What the link carries is what counts: of it more than nine tenths are messages of bulk that have
 * arrived, and everything together is no more than it can carry. */
static void test_bulk_fills_a_link_of_20_mbit(void **state)
{
    (void)state;
    struct impair_profile profile = {
        .latency_us = 10000, .bits_per_s = 20000000, .queue_bytes = 100000};
    const uint64_t link = profile.bits_per_s / 8u;
    uint64_t least = UINT64_MAX, least_bulk = UINT64_MAX;
    uint32_t burst_max = 0;
    for (uint32_t i = 0; i < seeds; i++) {
        struct peers *peers = peers_create(&profile, first_seed + i * SEED_DISTANCE, NULL);
        struct peers_end *server = &peers->ends[PEERS_SERVER];
        const struct peers_channel *channel = &server->channels[TW_CHANNEL_BULK];
        bulk_rate(peers, 2 * SECOND);
        server->burst_max = 0;
        uint32_t received = channel->received;
        uint64_t rate = bulk_rate(peers, 5 * SECOND);
        uint64_t bulk = (channel->received - received) * (uint64_t)TW_MESSAGE_MAX / 5u;
        /* Paced: 2 packets a millisecond on the average, 8 at once and what goes over; never a
         * window of 128. */
        burst_max = server->burst_max > burst_max ? server->burst_max : burst_max;
        PEERS_CHECK(peers, server->burst_max <= 10u);
        uint32_t added_us = server->transport.congestion.rtt.smoothed_us - 20000u;
        PEERS_CHECK(peers, bulk > link * 90u / 100u);
        PEERS_CHECK(peers, rate >= bulk && rate <= link);
        PEERS_CHECK(peers, added_us < 40000u);
        least = rate < least ? rate : least;
        least_bulk = bulk < least_bulk ? bulk : least_bulk;
        peers_destroy(peers);
    }
    printf("bulk through 20 Mbit/s: %llu.%llu Mbit/s of messages at least, %llu.%llu with all that "
           "goes beside them, %u packets at once at most\n",
           (unsigned long long)(least_bulk * 8u / SECOND),
           (unsigned long long)(least_bulk * 80u / SECOND % 10u),
           (unsigned long long)(least * 8u / SECOND),
           (unsigned long long)(least * 80u / SECOND % 10u), burst_max);
}

static void test_10_kilobytes_round_trip_at_5_percent(void **state)
{
    (void)state;
    struct impair_profile profile = profile_with_loss(50);
    for (uint32_t i = 0; i < seeds; i++) {
        struct peers *peers = peers_create(&profile, first_seed + i * SEED_DISTANCE, NULL);
        peers_run(peers, SECOND);
        peers_send(peers, PEERS_CLIENT, TW_CHANNEL_ORDERED, 10240, 0);
        PEERS_CHECK(peers, peers_settle(peers, 3 * SECOND));
        peers_send(peers, PEERS_SERVER, TW_CHANNEL_ORDERED, 10240, 0);
        PEERS_CHECK(peers, peers_settle(peers, 3 * SECOND));
        PEERS_CHECK(peers, peers->ends[0].channels[1].received == 1);
        PEERS_CHECK(peers, peers->ends[1].channels[1].received == 1);
        peers_destroy(peers);
    }
}

struct shares {
    uint64_t bytes[TW_CHANNEL_COUNT];
};

/* Commands at 20 a second, chat, and bulk without end; returns what left per channel. */
static struct shares press(struct peers *peers, uint64_t us)
{
    struct shares before, left;
    memcpy(before.bytes, sender_of(peers, PEERS_SERVER)->channel_bytes, sizeof(before.bytes));
    for (uint64_t end_us = peers->now_us + us; peers->now_us < end_us;) {
        peers_send(peers, PEERS_SERVER, TW_CHANNEL_ORDERED, 60, 0);
        if (tw_rng_below(&peers->rng, 4) == 0)
            peers_send(peers, PEERS_SERVER, TW_CHANNEL_UNORDERED, 200, 0);
        if (sender_of(peers, PEERS_SERVER)->parcels.blocks + 80u <= PEERS_BULK_BLOCKS)
            peers_send(peers, PEERS_SERVER, TW_CHANNEL_BULK, 40000, 0);
        peers_run(peers, 50 * PEERS_STEP_US);
    }
    for (uint32_t i = 0; i < TW_CHANNEL_COUNT; i++)
        left.bytes[i] = sender_of(peers, PEERS_SERVER)->channel_bytes[i] - before.bytes[i];
    return left;
}

/* What a path of 1 % did, for the figures. */
struct capped {
    struct shares all, few;      /* bytes in 2 s: without the cap, with it */
    uint64_t commands, settling; /* in time, and late within the first 3 s */
};

/* The cap is there: bulk gives way first. Three seconds later no command and no input is late. */
static void press_capped(struct peers *peers, struct capped *figures)
{
    struct peers_end *client = &peers->ends[PEERS_CLIENT];
    struct peers_channel *commands = &peers->ends[PEERS_SERVER].channels[TW_CHANNEL_ORDERED];
    uint32_t sent = commands->sent;
    commands->prompt = 0;
    press(peers, 3 * SECOND);
    figures->settling += commands->sent - sent - commands->prompt;
    /* Those still under way were sent before, and may be late. */
    peers_run(peers, peers->prompt_us);
    uint32_t received = commands->received;
    commands->prompt = 0;
    client->ticks_received = client->ticks_prompt = 0;
    figures->few = press(peers, 2 * SECOND);
    press(peers, 5 * SECOND);
    received = commands->received - received;
    PEERS_CHECK(peers, received >= 135u && commands->prompt == received);
    PEERS_CHECK(peers, client->ticks_received >= 410u);
    PEERS_CHECK(peers, client->ticks_prompt == client->ticks_received);
    figures->commands += received;
}

/* A cap of 1 % of what went through without one: bulk gives way, commands keep two round trips. */
static void test_one_percent_of_the_bandwidth(void **state)
{
    (void)state;
    struct impair_profile open = {
        .latency_us = 20000, .bits_per_s = 100000000, .queue_bytes = 200000};
    struct impair_profile capped = open;
    struct capped figures = {0};
    capped.queue_bytes = 6000;
    for (uint32_t i = 0; i < seeds; i++) {
        struct peers *peers = peers_create(&open, first_seed + i * SEED_DISTANCE, &kept);
        const struct tw_transport *server = &peers->ends[PEERS_SERVER].transport;
        press(peers, 2 * SECOND);
        uint64_t rate = bulk_rate(peers, 2 * SECOND);
        PEERS_CHECK(peers, peers_settle(peers, 10 * SECOND));
        capped.bits_per_s = rate * 8u / 100u;
        net_set_profile(peers->net, &capped);
        /* Twice the round trip, of which a packet of the largest size is a part at this rate. */
        peers->prompt_us = 2u * (2u * open.latency_us + 1200u * 8u * SECOND / capped.bits_per_s);
        press_capped(peers, &figures);
        net_set_profile(peers->net, &open);
        press(peers, 5 * SECOND);
        PEERS_CHECK(peers, tw_transport_state(server) == TW_LINK_NORMAL);
        figures.all = press(peers, 2 * SECOND);
        PEERS_CHECK(peers,
                    figures.all.bytes[TW_CHANNEL_BULK] > 5u * figures.few.bytes[TW_CHANNEL_BULK]);
        PEERS_CHECK(peers, peers_settle(peers, 20 * SECOND));
        peers_destroy(peers);
    }
    printf(
        "at 1 %% of the bandwidth all of %llu commands came within two round trips; of 60 in the "
        "first 3 s %llu.%llu were late\n",
        (unsigned long long)figures.commands, (unsigned long long)(figures.settling / seeds),
        (unsigned long long)(figures.settling * 10u / seeds % 10u));
    for (uint32_t i = TW_CHANNEL_ORDERED; i < TW_CHANNEL_COUNT; i++)
        printf("channel %u in 2 s: %llu bytes, at 1 %% of the bandwidth %llu\n", i,
               (unsigned long long)figures.all.bytes[i], (unsigned long long)figures.few.bytes[i]);
}

/* One end keeps a channel full; what it says on another one now and then. */
struct beside {
    const char *name;
    uint8_t busy_channel, channel;
    uint16_t busy_size, size;
    uint32_t loss_permille;
};
#define BESIDE_LATE_US  SECOND
#define BESIDE_ROUND_US 150000u

/* 60 KB of the busy channel wait at any time. */
static void speak_beside(struct peers *peers, const struct beside *beside, uint64_t us)
{
    struct peers_channel *busy = &peers->ends[PEERS_SERVER].channels[beside->busy_channel];
    uint64_t next_us = peers->now_us;
    for (uint64_t end_us = peers->now_us + us; peers->now_us < end_us;) {
        while ((busy->sent - busy->received) * beside->busy_size < 60000u)
            PEERS_CHECK(
                peers, peers_send(peers, PEERS_SERVER, beside->busy_channel, beside->busy_size, 0));
        if (peers->now_us >= next_us) {
            PEERS_CHECK(peers, peers_send(peers, PEERS_SERVER, beside->channel, beside->size, 0));
            next_us += SECOND / 5u;
        }
        peers_run(peers, 5 * PEERS_STEP_US);
    }
}

static void run_beside(const struct beside *beside)
{
    struct impair_profile profile = {.latency_us = 20000,
                                     .bits_per_s = 1000000,
                                     .queue_bytes = 60000,
                                     .loss_ppm = beside->loss_permille * 1000u};
    uint64_t slowest_us = 0, busy_bytes = UINT64_MAX;
    for (uint32_t i = 0; i < seeds; i += 10u) {
        struct peers *peers = peers_create(&profile, first_seed + i * SEED_DISTANCE, &kept);
        const struct peers_end *server = &peers->ends[PEERS_SERVER];
        const struct peers_channel *channel = &server->channels[beside->channel];
        speak_beside(peers, beside, 10 * SECOND);
        uint64_t bytes = sender_of(peers, PEERS_SERVER)->channel_bytes[beside->busy_channel];
        PEERS_CHECK(peers, server->transport.congestion.rtt.smoothed_us < BESIDE_ROUND_US);
        peers_run(peers, BESIDE_LATE_US);
        PEERS_CHECK(peers, channel->received == channel->sent);
        if (channel->slowest_us > slowest_us)
            slowest_us = channel->slowest_us;
        if (bytes < busy_bytes)
            busy_bytes = bytes;
        PEERS_CHECK(peers, peers_settle(peers, 60 * SECOND));
        peers_destroy(peers);
    }
    printf("%s: the slowest took %llu ms; the busy one had %llu KB/s at least\n", beside->name,
           (unsigned long long)(slowest_us / 1000u), (unsigned long long)(busy_bytes / 10000u));
    assert_in_range(slowest_us, 0, BESIDE_LATE_US);
    /* Of 125: there are snapshots, and the other channel. */
    assert_in_range(busy_bytes / 10000u, 80, 125);
}

/* What keeps a link of 1 Mbit/s busy on one channel leaves the others their turn, strained or not.
 */
static void test_a_busy_channel_starves_no_other(void **state)
{
    (void)state;
    static const struct beside rows[] = {
        {"unordered beside ordered of one packet", 1, 2, 1000, 800, 0},
        {"unordered beside ordered of many", 1, 2, 20000, 800, 0},
        {"unordered of many beside ordered of one packet", 1, 2, 1000, 3000, 0},
        {"unordered of many beside ordered of many", 1, 2, 20000, 3000, 0},
        {"ordered beside unordered", 2, 1, 1000, 60, 0},
        {"ordered of many beside unordered", 2, 1, 20000, 3000, 0},
        {"ordered beside bulk", 3, 1, 20000, 60, 0},
        {"bulk beside ordered of one packet", 1, 3, 1000, 2000, 0},
        {"bulk beside unordered", 2, 3, 20000, 2000, 0},
        {"unordered beside ordered of one packet, 3 % lost", 1, 2, 1000, 800, 30},
        {"unordered beside ordered of many, 10 % lost", 1, 2, 20000, 800, 100},
    };
    for (uint32_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
        run_beside(&rows[i]);
}

/* A reader that is slow slows its sender down, and loses nothing. */
static void test_slow_reader(void **state)
{
    (void)state;
    struct impair_profile profile = profile_with_loss(50);
    uint64_t refused = 0;
    for (uint32_t i = 0; i < seeds; i++) {
        struct peers *peers = peers_create(&profile, first_seed + i * SEED_DISTANCE, NULL);
        peers->take_every_us = 400 * PEERS_STEP_US;
        for (uint32_t k = 0; k < 30; k++) {
            for (uint32_t end = 0; end < 2; end++) {
                peers_send(peers, end, TW_CHANNEL_BULK, 60000, 0);
                peers_send(peers, end, TW_CHANNEL_UNORDERED, 30000, 0);
                peers_send(peers, end, TW_CHANNEL_ORDERED, 100, 0);
            }
            peers_run(peers, 100 * PEERS_STEP_US);
        }
        PEERS_CHECK(peers, peers_settle(peers, 60 * SECOND));
        peers_run(peers, SECOND);
        check_all_arrived(peers);
        refused += peers->ends[0].no_room + peers->ends[1].no_room;
        peers_destroy(peers);
    }
    assert_true(refused > 0);
}

struct squeezed {
    uint64_t bytes, sent, settle_us;
    uint32_t messages, compressed;
};

/* Ten messages of 40 KB each way at 5 % loss, and what they took. */
static struct squeezed run_squeezed(const char *what, bool compresses, bool noise)
{
    struct impair_profile profile = profile_with_loss(50);
    struct squeezed sum = {0};
    for (uint32_t i = 0; i < seeds; i++) {
        struct peers *peers = peers_create(&profile, first_seed + i * SEED_DISTANCE, &kept);
        uint64_t begin_us = peers->now_us;
        peers->compresses = compresses;
        peers->noise = noise;
        for (uint32_t k = 0; k < 10; k++) {
            for (uint32_t end = 0; end < 2; end++) {
                sum.bytes += 40000;
                sum.messages++;
                PEERS_CHECK(peers, peers_send(peers, end, TW_CHANNEL_BULK, 40000, 0));
                peers_send(peers, end, TW_CHANNEL_ORDERED, 100, 0);
            }
            peers_run(peers, 100 * PEERS_STEP_US);
            PEERS_CHECK(peers, peers_settle(peers, 60 * SECOND));
        }
        sum.settle_us += peers->now_us - begin_us;
        peers_run(peers, SECOND);
        check_all_arrived(peers);
        for (uint32_t end = 0; end < 2; end++) {
            sum.sent += sender_of(peers, end)->channel_bytes[TW_CHANNEL_BULK];
            sum.compressed += peers->ends[end].compressed;
        }
        peers_destroy(peers);
    }
    printf("%s: %llu bytes of bulk left as %llu, again included; %llu ms a run\n", what,
           (unsigned long long)sum.bytes, (unsigned long long)sum.sent,
           (unsigned long long)(sum.settle_us / 1000u / seeds));
    return sum;
}

/* Compressing saves what it can, and costs nothing where it cannot. */
static void test_compressed_bulk(void **state)
{
    (void)state;
    struct squeezed plain = run_squeezed("as it is", false, false);
    struct squeezed squeezed = run_squeezed("compressed", true, false);
    struct squeezed noise = run_squeezed("incompressible", true, true);
    assert_int_equal(plain.compressed, 0);
    assert_true(plain.sent >= plain.bytes);
    assert_int_equal(squeezed.compressed, squeezed.messages);
    assert_true(squeezed.sent < squeezed.bytes / 4u);
    assert_true(squeezed.settle_us < plain.settle_us);
    assert_int_equal(noise.compressed, 0);
    assert_in_range(noise.sent, noise.bytes, plain.sent * 11u / 10u);
}

int main(int argc, char **argv)
{
    (void)sim_seeds_parse(argc, argv, 1000, &first_seed, &seeds);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_profile_delivers_exactly_once),
        cmocka_unit_test(test_5_percent_loss),
        cmocka_unit_test(test_20_percent_loss),
        cmocka_unit_test(test_reordering_and_duplication),
        cmocka_unit_test(test_burst_loss),
        cmocka_unit_test(test_30_percent_for_10_seconds),
        cmocka_unit_test(test_outage_of_3_seconds),
        cmocka_unit_test(test_no_way_back),
        cmocka_unit_test(test_no_way_back_and_losses_on_the_way_there),
        cmocka_unit_test(test_latency_swings),
        cmocka_unit_test(test_bulk_fills_a_link_of_20_mbit),
        cmocka_unit_test(test_10_kilobytes_round_trip_at_5_percent),
        cmocka_unit_test(test_one_percent_of_the_bandwidth),
        cmocka_unit_test(test_a_busy_channel_starves_no_other),
        cmocka_unit_test(test_slow_reader),
        cmocka_unit_test(test_compressed_bulk),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
