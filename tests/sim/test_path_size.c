/* SPDX-License-Identifier: BSD-3-Clause */
/* Datagrams grow to what a path takes, and back when it takes less all of a sudden: 20 seeds, 1,000
 * with --long.
 *
 * usage: test_sim_path_size [--long] [--seed N]
 */
#include "tests/sim/peers.h"
#include "tests/sim/seeds.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#define SECOND        UINT64_C(1000000)
#define SEED_DISTANCE 7919u
/* As pmtu.c has it. */
#define BLACK_HOLE_PACKETS 5u
/* Both ways of the path, the client's next input, and an eighth of that: what is missing then is
 * lost. */
#define ANSWER_US ((2u * 16000u + 17000u) * 9u / 8u)

static uint32_t seeds = 20;
static uint64_t first_seed = 1;

static struct impair_profile path_of(uint32_t bytes, uint32_t loss_ppm)
{
    return (struct impair_profile){.name = "path",
                                   .latency_us = 15000,
                                   .jitter_us = 1000,
                                   .loss_ppm = loss_ppm,
                                   .drop_above_bytes = bytes,
                                   .bits_per_s = 50000000,
                                   .queue_bytes = 300000};
}

static uint32_t size_of(const struct peers *peers, uint32_t end)
{
    return peers->ends[end].transport.pmtu.size;
}

static struct peers *make(uint32_t bytes, uint32_t loss_ppm, uint64_t seed)
{
    struct impair_profile profile = path_of(bytes, loss_ppm);
    struct peers_options options = {.keeps_channels = true, .datagram_max = TW_DATAGRAM_MAX};
    return peers_create(&profile, seed, &options);
}

/* The largest of few sizes that the path takes, both ways, by few probes, at any random loss. */
static void test_sizes_are_found(void **state)
{
    (void)state;
    static const uint32_t paths[][2] = {{0, 1440},    {1440, 1440}, {1439, 1392},
                                        {1392, 1392}, {1300, 1280}, {1250, 1200}};
    for (uint32_t loss = 0; loss <= 100000; loss += 50000) {
        for (uint32_t i = 0; i < sizeof(paths) / sizeof(paths[0]); i++) {
            struct peers *peers = make(paths[i][0], loss, 100 + i);
            peers_run(peers, 6 * SECOND);
            for (uint32_t end = 0; end < 2; end++) {
                PEERS_CHECK(peers, size_of(peers, end) == paths[i][1]);
                PEERS_CHECK(peers, peers->ends[end].probes <= 8);
                PEERS_CHECK(peers, !tw_transport_is_probing(&peers->ends[end].transport));
                /* What a probe's loss says of the path is its size, and nothing else. */
                PEERS_CHECK(peers, loss > 0 || peers->ends[end].transport.packets_lost == 0);
                PEERS_CHECK(peers, loss > 0 || peers->ends[end].transport.congestion.state ==
                                                   TW_LINK_NORMAL);
            }
            peers_destroy(peers);
        }
    }
}

/* Nobody asked for more. */
static void test_no_more_than_both_ends_take(void **state)
{
    (void)state;
    struct impair_profile profile = path_of(0, 0);
    struct peers *peers = peers_create(&profile, 3, NULL);
    peers_run(peers, 3 * SECOND);
    assert_int_equal(size_of(peers, 0), TW_DATAGRAM_BASE);
    assert_int_equal(peers->ends[0].probes + peers->ends[1].probes, 0);
    peers_destroy(peers);
    struct peers_options options = {.datagram_max = 1300};
    peers = peers_create(&profile, 4, &options);
    peers_run(peers, 3 * SECOND);
    assert_int_equal(size_of(peers, 0), 1300);
    peers_destroy(peers);
}

/* A tunnel comes up: the path takes 1,300 bytes from now on. Of itself it loses nothing, so that it
 * can be said when each loss is found. */
static void begin_tunnel(struct peers *peers)
{
    struct impair_profile tunnel = path_of(1300, 0);
    net_set_profile(peers->net, &tunnel);
    peers->hole_bytes = 1300;
}

/* Five packets that are swallowed end it, as soon as one that left later has been acknowledged: a
 * strained link may send small ones for seconds before, and ticks filled with messages are
 * swallowed, too. */
static void run_until_small(struct peers *peers, void (*play)(struct peers *peers))
{
    const struct peers_end *server = &peers->ends[PEERS_SERVER];
    uint64_t began_us = peers->now_us;
    uint64_t fifth = 0, passed_us = 0;
    while (size_of(peers, PEERS_SERVER) != TW_DATAGRAM_BASE) {
        play(peers);
        peers_run(peers, PEERS_STEP_US);
        if (fifth == 0 && server->swallowed >= BLACK_HOLE_PACKETS)
            fifth = server->sequence - server->swallowed;
        if (fifth != 0 && passed_us == 0 && server->sequence - server->swallowed > fifth)
            passed_us = peers->now_us;
        PEERS_CHECK(peers, passed_us == 0 || peers->now_us - passed_us <= ANSWER_US);
        PEERS_CHECK(peers, peers->now_us - began_us < 60 * SECOND);
    }
    PEERS_CHECK(peers, fifth != 0);
}

/* One large message after the other. */
static void play_bulk(struct peers *peers)
{
    if (tw_transport_all_arrived(&peers->ends[PEERS_SERVER].transport))
        peers_send(peers, PEERS_SERVER, TW_CHANNEL_BULK, 60000, 0);
}

/* A tunnel comes up in the middle of a large message: back to 1,200, and nothing is lost for good.
 */
static void test_a_black_hole(void **state)
{
    (void)state;
    for (uint32_t i = 0; i < seeds; i++) {
        struct peers *peers = make(0, 10000, first_seed + i * SEED_DISTANCE);
        const struct peers_channel *bulk = &peers->ends[PEERS_SERVER].channels[TW_CHANNEL_BULK];
        peers_run(peers, 3 * SECOND);
        PEERS_CHECK(peers, size_of(peers, PEERS_SERVER) == 1440);
        peers_send(peers, PEERS_SERVER, TW_CHANNEL_BULK, 60000, 0);
        peers_run(peers, 10 * PEERS_STEP_US);
        begin_tunnel(peers);
        run_until_small(peers, play_bulk);
        struct impair_profile lossy = path_of(1300, 10000);
        net_set_profile(peers->net, &lossy);
        PEERS_CHECK(peers, peers_settle(peers, 5 * SECOND));
        PEERS_CHECK(peers, bulk->received == bulk->sent);
        /* A minute later it looks again, and finds what the tunnel takes. */
        peers_run(peers, 65 * SECOND);
        PEERS_CHECK(peers, size_of(peers, PEERS_SERVER) == 1280);
        peers_destroy(peers);
    }
}

/* Snapshots of a crowd, by turns of a size that the tunnel takes and of one that it does not. */
static void play_crowd(struct peers *peers)
{
    struct peers_end *server = &peers->ends[PEERS_SERVER];
    server->tick_bytes = server->sequence % 2u == 0 ? 1180 : 1320;
}

/* Packets that get through are no sign that larger ones do. */
static void test_a_black_hole_for_some(void **state)
{
    (void)state;
    for (uint32_t i = 0; i < seeds; i++) {
        struct peers *peers = make(0, 10000, first_seed + i * SEED_DISTANCE);
        peers_run(peers, 3 * SECOND);
        begin_tunnel(peers);
        run_until_small(peers, play_crowd);
        /* One or two more had left before the fifth was found. */
        PEERS_CHECK(peers, peers->ends[PEERS_SERVER].swallowed <= BLACK_HOLE_PACKETS + 2u);
        peers_destroy(peers);
    }
}

/* Large messages in larger packets: fewer of them. */
static void test_larger_packets_are_fewer(void **state)
{
    (void)state;
    uint64_t packets[2];
    for (uint32_t i = 0; i < 2; i++) {
        struct peers *peers = make(i == 0 ? 1200 : 0, 0, 9);
        peers_run(peers, 5 * SECOND);
        uint64_t before = peers->ends[PEERS_SERVER].sequence;
        for (uint32_t k = 0; k < 20; k++) {
            peers_send(peers, PEERS_SERVER, TW_CHANNEL_BULK, 60000, 0);
            PEERS_CHECK(peers, peers_settle(peers, 5 * SECOND));
        }
        packets[i] = peers->ends[PEERS_SERVER].sequence - before;
        peers_destroy(peers);
    }
    printf("1.2 MB in packets of 1,200 bytes: %llu, of 1,440: %llu\n",
           (unsigned long long)packets[0], (unsigned long long)packets[1]);
    assert_true(packets[1] * 100u < packets[0] * 90u);
}

int main(int argc, char **argv)
{
    (void)sim_seeds_parse(argc, argv, 1000, &first_seed, &seeds);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_sizes_are_found),
        cmocka_unit_test(test_no_more_than_both_ends_take),
        cmocka_unit_test(test_a_black_hole),
        cmocka_unit_test(test_a_black_hole_for_some),
        cmocka_unit_test(test_larger_packets_are_fewer),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
