/* SPDX-License-Identifier: BSD-3-Clause */
/* What happens to packets on an impaired path, and how its profile is written. */
#include "tests/load/impair/endpoint.h"
#include "tests/load/impair/profile_text.h"
#include "tests/sim/network.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#define PACKETS 100000u
#define STEP_US 1000u

static struct impair_statistics run(const struct impair_profile *profile, uint64_t seed)
{
    struct impair impair;
    impair_init(&impair, profile, seed);
    for (uint32_t i = 0; i < PACKETS; i++)
        (void)impair_packet(&impair, 100, i * STEP_US);
    return impair.statistics;
}

static void test_chances_are_what_they_say(void **state)
{
    (void)state;
    struct impair_profile profile = {
        .loss_ppm = 50000, .duplicate_ppm = 10000, .corrupt_ppm = 20000};
    struct impair_statistics is = run(&profile, 1);
    assert_int_equal(is.sent, PACKETS);
    assert_in_range(is.lost[IMPAIR_LOST_RANDOM], PACKETS * 48 / 1000, PACKETS * 52 / 1000);
    assert_in_range(is.duplicated, PACKETS * 8 / 1000, PACKETS * 11 / 1000);
    assert_in_range(is.corrupted, PACKETS * 17 / 1000, PACKETS * 21 / 1000);
    assert_int_equal(impair_lost(&is), is.lost[IMPAIR_LOST_RANDOM]);
    assert_int_equal(is.bytes_lost, 100 * is.lost[IMPAIR_LOST_RANDOM]);
}

/* Bad for one packet in eleven, on the average, and ten in a row. */
static void test_gilbert_elliott_comes_in_bursts(void **state)
{
    (void)state;
    struct impair_profile profile = {
        .bad_enter_ppm = 10000, .bad_leave_ppm = 100000, .bad_loss_ppm = 1000000};
    struct impair impair;
    impair_init(&impair, &profile, 2);
    uint32_t bursts = 0, lost = 0;
    bool before = false;
    for (uint32_t i = 0; i < PACKETS; i++) {
        bool now = impair_packet(&impair, 100, i * STEP_US).copies == 0;
        bursts += now && !before;
        lost += now;
        before = now;
    }
    assert_in_range(lost, PACKETS * 80 / 1000, PACKETS * 100 / 1000);
    assert_in_range(lost / bursts, 8, 12);
    assert_int_equal(impair.statistics.lost[IMPAIR_LOST_BAD], lost);
}

static void test_bursts_last_as_long_as_they_say(void **state)
{
    (void)state;
    struct impair_profile profile = {.burst_ppm = 500000, .burst_us = 100000};
    struct impair_statistics is = run(&profile, 3);
    /* 100 s, one burst in two of them, 100 packets each. */
    assert_in_range(is.lost[IMPAIR_LOST_BURST], 3000, 7000);
}

/* As tests/sim/impair.h says: with its bursts, more than losses at random. */
static void test_profiles_lose_as_much_as_is_written(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        uint32_t permille;
    } rows[] = {{"lan", 0},        {"fiber", 2},       {"dsl", 14},
                {"mobile_4g", 52}, {"satellite", 105}, {"congested_wifi", 245}};
    for (uint32_t row = 0; row < sizeof(rows) / sizeof(rows[0]); row++) {
        struct impair impair;
        impair_init(&impair, impair_profile_find(rows[row].name), 9);
        for (uint32_t i = 0; i < 4u * PACKETS; i++) /* 20,000 s */
            (void)impair_packet(&impair, 100, i * UINT64_C(50) * STEP_US);
        uint64_t permille = impair_lost(&impair.statistics) * 1000u / (4u * PACKETS);
        assert_in_range(permille, rows[row].permille * 95u / 100u,
                        rows[row].permille * 105u / 100u + 1u);
    }
}

static void test_patterns(void **state)
{
    (void)state;
    struct impair_profile profile = {.drop_every = 10};
    assert_int_equal(run(&profile, 4).lost[IMPAIR_LOST_PATTERN], PACKETS / 10);
    struct impair impair;
    struct impair_profile large = {.drop_above_bytes = 500};
    impair_init(&impair, &large, 5);
    assert_int_equal(impair_packet(&impair, 500, 0).copies, 1);
    assert_int_equal(impair_packet(&impair, 501, 0).loss, IMPAIR_LOST_PATTERN);
}

static void test_outage(void **state)
{
    (void)state;
    struct impair impair;
    struct impair_profile profile = {.latency_us = 10};
    impair_init(&impair, &profile, 6);
    impair.outage_until_us = 500;
    assert_int_equal(impair_packet(&impair, 1, 499).loss, IMPAIR_LOST_OUTAGE);
    struct impair_fate fate = impair_packet(&impair, 1, 500);
    assert_int_equal(fate.copies, 1);
    assert_int_equal(fate.copy[0].at_us, 510);
    assert_int_equal(fate.copy[0].bit, IMPAIR_NO_BIT);
}

/* 1,000 bytes at 8 Mbit/s take a millisecond each; two wait, the third is too many. */
static void test_bandwidth_and_queue(void **state)
{
    (void)state;
    struct impair impair;
    struct impair_profile profile = {.bits_per_s = 8000000, .queue_bytes = 2000};
    impair_init(&impair, &profile, 7);
    assert_int_equal(impair_packet(&impair, 1000, 100).copy[0].at_us, 1100);
    assert_int_equal(impair_packet(&impair, 1000, 100).copy[0].at_us, 2100);
    assert_int_equal(impair_packet(&impair, 1000, 100).loss, IMPAIR_LOST_QUEUE);
    assert_int_equal(impair_packet(&impair, 1000, 1100).copy[0].at_us, 3100);
}

static bool in_order(bool reorders)
{
    struct impair_profile profile = {.latency_us = 1000, .jitter_us = 5000, .reorders = reorders};
    struct net *net = net_create(1, &profile, 8);
    struct net_delivery delivery;
    bool ordered = true;
    uint8_t expected = 0;
    for (uint8_t i = 0; i < 100; i++)
        net_send(net, 0, &i, 1, i * UINT64_C(1000));
    while (net_receive(net, UINT64_MAX - 1u, &delivery))
        ordered = ordered && delivery.bytes[0] == expected++;
    net_destroy(net);
    return ordered;
}

static void test_only_a_reordering_path_reorders(void **state)
{
    (void)state;
    assert_true(in_order(false));
    assert_false(in_order(true));
}

/* What one path carries is nothing to another, and a seed tells all. */
static void test_paths_are_their_own(void **state)
{
    (void)state;
    struct impair_profile profile = {.loss_ppm = 300000};
    uint64_t fates[3] = {0};
    for (uint32_t round = 0; round < 3; round++) {
        struct net *net = net_create(2, &profile, round == 2 ? 10 : 9);
        uint8_t byte = 0;
        for (uint32_t i = 0; i < 64; i++) {
            uint64_t lost = impair_lost(&net_path(net, 0)->statistics);
            net_send(net, 0, &byte, 1, i);
            fates[round] = fates[round] << 1 | (impair_lost(&net_path(net, 0)->statistics) - lost);
            for (uint32_t more = 0; more < round; more++)
                net_send(net, 1, &byte, 1, i);
        }
        net_destroy(net);
    }
    assert_true(fates[0] == fates[1]);
    assert_true(fates[0] != fates[2]);
}

static void test_profiles_as_text(void **state)
{
    (void)state;
    struct impair_profile profile;
    char error[128];
    assert_true(tw_profile_parse("mobile_4g,loss=12.5%,rate=2000kbit", &profile, error, 128));
    assert_int_equal(profile.latency_us, 50000);
    assert_int_equal(profile.loss_ppm, 125000);
    assert_true(profile.bits_per_s == 2000000 && profile.reorders);
    assert_true(tw_profile_parse("latency=1.5ms,every=7,reorder", &profile, error, 128));
    assert_int_equal(profile.latency_us, 1500);
    assert_int_equal(profile.drop_every, 7);
    assert_int_equal(profile.loss_ppm, 0);
    assert_true(tw_profile_parse("mobile_4g,mtu=1300", &profile, error, 128));
    assert_int_equal(profile.mtu, 1300);
    struct impair impair;
    impair_init(&impair, &profile, 1);
    profile.loss_ppm = profile.burst_ppm = 0;
    impair.profile = profile;
    assert_int_equal(impair_packet(&impair, 1300 - IMPAIR_HEADERS, 0).loss, IMPAIR_ARRIVES);
    assert_int_equal(impair_packet(&impair, 1301 - IMPAIR_HEADERS, 0).loss, IMPAIR_LOST_SIZE);
    assert_true(tw_profile_parse("mobile_4g,mtu=0", &profile, error, 128));
    assert_int_equal(profile.mtu, 0);
    assert_true(tw_profile_parse("none", &profile, error, 128));
    static const char *const wrong[] = {"",
                                        "modem",
                                        "loss",
                                        "loss=",
                                        "loss=101%",
                                        "loss=-1%",
                                        "loss=nan%",
                                        "latency=5%",
                                        "lan,,",
                                        "loss=5%,lan",
                                        "latency=61000",
                                        "rate=100kbit",
                                        "lan,loss=5% "};
    for (uint32_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++)
        assert_false(tw_profile_parse(wrong[i], &profile, error, 128));
}

static void test_endpoints_as_text(void **state)
{
    (void)state;
    struct tw_address address;
    assert_true(tw_endpoint_parse("127.0.0.1:7777", &address));
    assert_true(tw_ip_is_ipv4(address.ip) && tw_ip_ipv4(address.ip) == 0x7f000001u);
    assert_int_equal(address.port, 7777);
    assert_true(tw_endpoint_parse("[fd12::1]:1", &address));
    assert_true(address.ip[0] == 0xfd && address.ip[15] == 1 && address.port == 1);
    struct sockaddr_storage storage;
    tw_endpoint_to_socket(&address, &storage);
    struct tw_address back = tw_endpoint_from_socket(&storage);
    assert_true(tw_address_equal(&address, &back));
    static const char *const wrong[] = {"127.0.0.1",  "127.0.0.1:",   "127.0.0.1:0", ":7",
                                        "fd12::1:1",  "[fd12::1]",    "[]:1",        "localhost:1",
                                        "1.2.3.4:-1", "1.2.3.4:65536"};
    for (uint32_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++)
        assert_false(tw_endpoint_parse(wrong[i], &address));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_chances_are_what_they_say),
        cmocka_unit_test(test_gilbert_elliott_comes_in_bursts),
        cmocka_unit_test(test_bursts_last_as_long_as_they_say),
        cmocka_unit_test(test_profiles_lose_as_much_as_is_written),
        cmocka_unit_test(test_patterns),
        cmocka_unit_test(test_outage),
        cmocka_unit_test(test_bandwidth_and_queue),
        cmocka_unit_test(test_only_a_reordering_path_reorders),
        cmocka_unit_test(test_paths_are_their_own),
        cmocka_unit_test(test_profiles_as_text),
        cmocka_unit_test(test_endpoints_as_text),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
