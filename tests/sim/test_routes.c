/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A path that becomes longer or shorter: no queue of ours, nothing to be careful about for good.
 *
 * usage: test_sim_routes [--long] [--seed N]
 */
#include "tests/sim/peers.h"
#include "tests/sim/seeds.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#define SECOND        UINT64_C(1000000)
#define SEED_DISTANCE 7919u
#define MEGABIT       1000000u

static uint32_t seeds = 20;
static uint64_t first_seed = 1;

static const struct peers_options kept = {.keeps_channels = true};

static struct peers *begin(uint32_t latency_us, uint32_t bits_per_s, uint32_t seed)
{
    struct impair_profile profile = {
        .latency_us = latency_us, .bits_per_s = bits_per_s, .queue_bytes = 60000};
    return peers_create(&profile, first_seed + seed * SEED_DISTANCE, &kept);
}

static void swing(struct peers *peers, uint32_t latency_us, uint32_t bits_per_s)
{
    struct impair_profile profile = {
        .latency_us = latency_us, .bits_per_s = bits_per_s, .queue_bytes = 60000};
    net_set_profile(peers->net, &profile);
}

/* Ordered messages that never end; bytes a second that left. */
static uint64_t keep_busy(struct peers *peers, uint64_t us)
{
    const struct tw_channels *channels = peers->ends[PEERS_SERVER].transport.channels;
    struct peers_channel *busy = &peers->ends[PEERS_SERVER].channels[TW_CHANNEL_ORDERED];
    uint64_t before = channels ? channels->sender.channel_bytes[TW_CHANNEL_ORDERED] : 0;
    for (uint64_t end_us = peers->now_us + us; peers->now_us < end_us;) {
        while ((busy->sent - busy->received) * 10000u < 120000u)
            PEERS_CHECK(peers, peers_send(peers, PEERS_SERVER, TW_CHANNEL_ORDERED, 10000, 0));
        peers_run(peers, 5 * PEERS_STEP_US);
    }
    channels = peers->ends[PEERS_SERVER].transport.channels;
    return (channels->sender.channel_bytes[TW_CHANNEL_ORDERED] - before) * SECOND / us;
}

struct swing {
    const char *name;
    uint32_t from_us, to_us; /* one way */
    uint32_t least_kb_s;     /* of the second five seconds, of the 111 that it takes */
};

/* Under load the longer way looks like a queue. */
static void test_throughput_after_a_swing(void **state)
{
    (void)state;
    static const struct swing swings[] = {{"50 to 100 ms", 25000, 50000, 90},
                                          {"50 to 200 ms", 25000, 100000, 90},
                                          {"50 to 500 ms", 25000, 250000, 50},
                                          {"500 to 50 ms", 250000, 25000, 90}};
    for (uint32_t row = 0; row < sizeof(swings) / sizeof(swings[0]); row++) {
        uint64_t least = UINT64_MAX;
        for (uint32_t i = 0; i < seeds; i++) {
            struct peers *peers = begin(swings[row].from_us, MEGABIT, i);
            keep_busy(peers, 10 * SECOND);
            swing(peers, swings[row].to_us, MEGABIT);
            keep_busy(peers, 5 * SECOND);
            uint64_t rate = keep_busy(peers, 5 * SECOND) / 1000u;
            least = rate < least ? rate : least;
            PEERS_CHECK(peers, rate >= swings[row].least_kb_s);
            PEERS_CHECK(peers, peers_settle(peers, 60 * SECOND));
            peers_destroy(peers);
        }
        printf("a round trip from %s: %llu KB/s five seconds later, of 111\n", swings[row].name,
               (unsigned long long)least);
    }
}

static bool both_are(const struct peers *peers, enum tw_link_state state)
{
    return tw_transport_state(&peers->ends[PEERS_CLIENT].transport) == state &&
           tw_transport_state(&peers->ends[PEERS_SERVER].transport) == state;
}

/* Nothing is lost, nothing waits: within a minute the other route is the measure. */
static void test_another_route_is_not_held_against_a_link(void **state)
{
    (void)state;
    /* One way. The 20 ms that a link does not mind, and what the two ends' ticks may hide. */
    static const uint32_t more_us[] = {20000, 25000, 200000};
    for (uint32_t i = 0; i < seeds; i++) {
        struct peers *peers = begin(20000, 0, i);
        peers_run(peers, 5 * SECOND);
        PEERS_CHECK(peers, both_are(peers, TW_LINK_NORMAL));
        swing(peers, 20000u + more_us[i % 3u], 0);
        peers_run(peers, 5 * SECOND);
        PEERS_CHECK(peers, tw_transport_state(&peers->ends[0].transport) != TW_LINK_NORMAL);
        PEERS_CHECK(peers, tw_transport_state(&peers->ends[1].transport) != TW_LINK_NORMAL);
        peers_run(peers, 50 * SECOND);
        PEERS_CHECK(peers, both_are(peers, TW_LINK_NORMAL));
        /* And back: what it was becomes the measure again, so the next detour is seen. */
        swing(peers, 20000, 0);
        peers_run(peers, 60 * SECOND);
        PEERS_CHECK(peers, both_are(peers, TW_LINK_NORMAL));
        swing(peers, 20000u + more_us[i % 3u], 0);
        peers_run(peers, 5 * SECOND);
        PEERS_CHECK(peers, tw_transport_state(&peers->ends[1].transport) != TW_LINK_NORMAL);
        peers_destroy(peers);
    }
}

/* A queue that we keep up ourselves is no route, however long it stands; losses are no calm. */
static void test_a_queue_is_no_route(void **state)
{
    (void)state;
    uint32_t slowest_us = 0, least = UINT32_MAX;
    for (uint32_t i = 0; i < seeds; i++) {
        struct peers *peers = begin(20000, MEGABIT, i);
        const struct tw_rtt *rtt = &peers->ends[PEERS_SERVER].transport.congestion.rtt;
        peers_run(peers, 5 * SECOND);
        uint32_t baseline_us = rtt->baseline_us;
        PEERS_CHECK(peers, baseline_us > 40000);
        uint64_t rate = keep_busy(peers, 180 * SECOND) / 1000u;
        slowest_us = rtt->smoothed_us > slowest_us ? rtt->smoothed_us : slowest_us;
        least = rate < least ? (uint32_t)rate : least;
        /* 40 ms and some for a packet, 15 ms of queue, and as much of a snapshot's or so. */
        PEERS_CHECK(peers, tw_rtt_min_us(rtt) < 55000 && rtt->smoothed_us < 95000);
        PEERS_CHECK(peers, rate >= 100);
        PEERS_CHECK(peers, rtt->baseline_us == baseline_us);
        PEERS_CHECK(peers, peers_settle(peers, 60 * SECOND));
        peers_destroy(peers);
    }
    printf(
        "after three minutes of ordered messages: %u ms a round trip at most, %u KB/s at least\n",
        slowest_us / 1000u, least);
}

int main(int argc, char **argv)
{
    (void)sim_seeds_parse(argc, argv, 1000, &first_seed, &seeds);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_throughput_after_a_swing),
        cmocka_unit_test(test_another_route_is_not_held_against_a_link),
        cmocka_unit_test(test_a_queue_is_no_route),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
