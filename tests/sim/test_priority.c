/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What gives way first where a path takes less than all channels want: what each state of a link
 * gives each of them, and what small ordered messages have of passing the window. 20 seeds each,
 * 1,000 with --long.
 *
 * usage: test_sim_priority [--long] [--seed N]
 */
#include "tests/sim/peers.h"
#include "tests/sim/seeds.h"

#include <string.h>

#define SECOND        UINT64_C(1000000)
#define SEED_DISTANCE 7919u
#define LATENCY_US    20000u
#define STATES        3u
/* Until the window is what the path carries; its first one is a queue. */
#define LEARN_US (4u * SECOND)
/* Two round trips, of which a packet of the largest size is a part. */
#define TWO_ROUNDS_US(bits_per_s) (2u * (2u * LATENCY_US + 1200u * 8u * SECOND / (bits_per_s)))

static uint32_t seeds = 20;
static uint64_t first_seed = 1;

static const struct peers_options kept = {.keeps_channels = true};

/* What the server says beside 20 commands of 60 bytes each second. 0: without end, some tens of
 * kilobytes wait at any time. */
struct load {
    const char *name;
    uint32_t unordered_every_us;
};

static void fill(struct peers *peers, uint32_t channel, uint32_t size, uint32_t most)
{
    const struct peers_channel *said = &peers->ends[PEERS_SERVER].channels[channel];
    while ((said->sent - said->received) * size < most &&
           peers_send(peers, PEERS_SERVER, channel, size, 0)) {
    }
}

static bool is_due(const struct peers *peers, uint64_t every_us)
{
    return peers->now_us % every_us < PEERS_STEP_US;
}

static void talk(struct peers *peers, const struct load *load, uint64_t us)
{
    for (uint64_t end_us = peers->now_us + us; peers->now_us < end_us;) {
        if (load->unordered_every_us == 0)
            fill(peers, TW_CHANNEL_UNORDERED, 1000, 40000);
        else if (is_due(peers, load->unordered_every_us))
            (void)peers_send(peers, PEERS_SERVER, TW_CHANNEL_UNORDERED, 1000, 0);
        fill(peers, TW_CHANNEL_BULK, 20000, 80000);
        if (is_due(peers, SECOND / 20u))
            (void)peers_send(peers, PEERS_SERVER, TW_CHANNEL_ORDERED, 60, 0);
        peers_run(peers, PEERS_STEP_US);
    }
}

/* ---- what each state gives each channel ------------------------------------------------------ */

#define AT_ONCE_US (SECOND / 10u)
#define SETTLE_US  (2u * SECOND - AT_ONCE_US)
#define STEADY_S   2u
/* A tenth of a second is a dozen packets: so often each change, for what they are on the average.
 */
#define CHANGES    4u
#define STATE_BITS 2000000u
/* While channels are held to a part of it the window becomes up to twice what the path carries, and
 * all of it leaves when the state ends: a queue of one path's worth, once. */
#define CHANGE_US (3u * SECOND / 20u)

struct bytes {
    uint64_t of[TW_CHANNEL_COUNT];
};

/* Bytes a second, summed over so many times: of the first tenth of one in that state, and when it
 * has lasted for two. */
struct given {
    uint32_t times;
    struct bytes at_once, steady;
    uint64_t change_us,
        slowest_us; /* the slowest command: of the first two seconds, and after them */
};

/* The same path whatever it is judged to be: in any other state something else would be different,
 * too. What makes a state is "wire congestion"'s. */
static const struct tw_congestion_thresholds *judge_always(enum tw_link_state link)
{
    static struct tw_congestion_thresholds tables[STATES];
    struct tw_congestion_thresholds *table = &tables[link];
    *table = (struct tw_congestion_thresholds){.calm_loss_q16 = TW_LOSS_ALL,
                                               .calm_delay_us = UINT32_MAX,
                                               .conservative_loss_q16 = TW_LOSS_ALL,
                                               .conservative_delay_us = UINT32_MAX,
                                               .conservative_jitter_us = UINT32_MAX,
                                               .emergency_loss_q16 = TW_LOSS_ALL,
                                               .emergency_queue_us = UINT32_MAX};
    if (link == TW_LINK_NORMAL)
        return table;
    table->calm_us = UINT32_MAX;
    if (link == TW_LINK_CONSERVATIVE)
        table->conservative_jitter_us = 0;
    else
        table->emergency_queue_us = 0;
    return table;
}

static void add(struct bytes *sum, const struct bytes *bytes)
{
    for (uint32_t i = 0; i < TW_CHANNEL_COUNT; i++)
        sum->of[i] += bytes->of[i];
}

static struct bytes talk_and_count(struct peers *peers, const struct load *load, uint64_t us)
{
    const struct tw_channels *channels = peers->ends[PEERS_SERVER].transport.channels;
    const uint64_t *left = channels->sender.channel_bytes;
    struct bytes bytes;
    memcpy(bytes.of, left, sizeof(bytes.of));
    talk(peers, load, us);
    for (uint32_t i = 0; i < TW_CHANNEL_COUNT; i++)
        bytes.of[i] = (left[i] - bytes.of[i]) * SECOND / us;
    return bytes;
}

static void longest(uint64_t *longest_us, uint64_t us)
{
    if (us > *longest_us)
        *longest_us = us;
}

static void check_commands(struct peers *peers, uint64_t within_us, uint64_t *slowest_us)
{
    struct peers_channel *commands = &peers->ends[PEERS_SERVER].channels[TW_CHANNEL_ORDERED];
    PEERS_CHECK(peers, commands->slowest_us <= within_us);
    longest(slowest_us, commands->slowest_us);
    commands->slowest_us = 0;
}

static void live_in(struct peers *peers, const struct load *load, enum tw_link_state link,
                    struct given *given)
{
    struct tw_transport *server = &peers->ends[PEERS_SERVER].transport;
    server->thresholds = judge_always(link);
    struct bytes bytes = talk_and_count(peers, load, AT_ONCE_US);
    add(&given->at_once, &bytes);
    PEERS_CHECK(peers, tw_transport_state(server) == link);
    talk(peers, load, SETTLE_US);
    check_commands(peers, CHANGE_US, &given->change_us);
    bytes = talk_and_count(peers, load, STEADY_S * SECOND);
    add(&given->steady, &bytes);
    given->times++;
    PEERS_CHECK(peers, tw_transport_state(server) == link);
    check_commands(peers, TWO_ROUNDS_US(STATE_BITS), &given->slowest_us);
}

/* Percent of what the normal state gives. */
static uint64_t kept_of(const struct given *given, const struct bytes *bytes,
                        const struct given *normal, uint32_t channel)
{
    return bytes->of[channel] * 100u * normal->times / (normal->steady.of[channel] * given->times);
}

/* From normal into each other one, and back. */
static void run_states(const struct load *load, uint64_t seed, struct given given[STATES])
{
    struct impair_profile path = {.latency_us = LATENCY_US,
                                  .jitter_us = 1000,
                                  .bits_per_s = STATE_BITS,
                                  .queue_bytes = 60000};
    struct peers *peers = peers_create(&path, seed, &kept);
    struct peers_channel *commands = &peers->ends[PEERS_SERVER].channels[TW_CHANNEL_ORDERED];
    struct given after = {0};
    peers->ends[PEERS_SERVER].transport.thresholds = judge_always(TW_LINK_NORMAL);
    talk(peers, load, LEARN_US);
    commands->slowest_us = 0;
    for (uint32_t i = 0; i < CHANGES; i++) {
        for (uint32_t link = TW_LINK_CONSERVATIVE; link < STATES; link++) {
            live_in(peers, load, TW_LINK_NORMAL, &given[TW_LINK_NORMAL]);
            live_in(peers, load, (enum tw_link_state)link, &given[link]);
        }
    }
    live_in(peers, load, TW_LINK_NORMAL, &after);
    for (uint32_t i = TW_CHANNEL_ORDERED; i < TW_CHANNEL_COUNT; i++)
        PEERS_CHECK(peers, kept_of(&after, &after.steady, &given[TW_LINK_NORMAL], i) >= 95u);
    PEERS_CHECK(peers, peers_settle(peers, 10 * SECOND));
    PEERS_CHECK(peers, commands->received == commands->sent);
    peers_destroy(peers);
}

static void print_kilobytes(const char *when, const struct bytes *sum, uint32_t times)
{
    printf("; %s", when);
    for (uint32_t i = TW_CHANNEL_ORDERED; i < TW_CHANNEL_COUNT; i++)
        printf(" %llu.%llu", (unsigned long long)(sum->of[i] / times / 1000u),
               (unsigned long long)(sum->of[i] / times / 100u % 10u));
}

/* Bytes a second are sums of all seeds. */
static void measure_states(const struct load *load, struct given sum[STATES])
{
    static const char *const names[STATES] = {"normal", "conservative", "emergency"};
    memset(sum, 0, STATES * sizeof(*sum));
    for (uint32_t i = 0; i < seeds; i++)
        run_states(load, first_seed + i * SEED_DISTANCE, sum);
    printf("%s: KB/s of ordered, unordered, bulk; the slowest command\n", load->name);
    for (uint32_t link = 0; link < STATES; link++) {
        printf("  %s", names[link]);
        if (link != TW_LINK_NORMAL)
            print_kilobytes("at once", &sum[link].at_once, sum[link].times);
        print_kilobytes("after two seconds", &sum[link].steady, sum[link].times);
        printf("; %llu ms, before that %llu ms\n",
               (unsigned long long)(sum[link].slowest_us / 1000u),
               (unsigned long long)(sum[link].change_us / 1000u));
    }
}

/* Bulk slows first and most, and what matters more has all it wants. */
static void test_bulk_slows_first(void **state)
{
    (void)state;
    static const struct load load = {"some unordered, bulk without end", 20000};
    struct given sum[STATES];
    measure_states(&load, sum);
    const struct given *normal = &sum[TW_LINK_NORMAL];
    const struct given *conservative = &sum[TW_LINK_CONSERVATIVE];
    const struct given *emergency = &sum[TW_LINK_EMERGENCY];
    for (uint32_t link = TW_LINK_CONSERVATIVE; link < STATES; link++) {
        for (uint32_t i = TW_CHANNEL_ORDERED; i <= TW_CHANNEL_UNORDERED; i++) {
            assert_in_range(kept_of(&sum[link], &sum[link].at_once, normal, i), 95, 105);
            assert_in_range(kept_of(&sum[link], &sum[link].steady, normal, i), 97, 103);
        }
    }
    assert_in_range(kept_of(conservative, &conservative->at_once, normal, TW_CHANNEL_BULK), 25, 60);
    assert_in_range(kept_of(emergency, &emergency->at_once, normal, TW_CHANNEL_BULK), 0, 20);
    assert_in_range(kept_of(emergency, &emergency->steady, normal, TW_CHANNEL_BULK), 10, 40);
}

/* Where both want all there is, turns share it out in every state, and what they have together
 * becomes less: not as much less as bulk alone. */
static void test_unordered_slows_next(void **state)
{
    (void)state;
    static const struct load load = {"unordered and bulk without end", 0};
    struct given sum[STATES];
    measure_states(&load, sum);
    const struct given *normal = &sum[TW_LINK_NORMAL];
    for (uint32_t link = 0; link < STATES; link++) {
        const uint64_t *steady = sum[link].steady.of;
        uint64_t parts = steady[TW_CHANNEL_UNORDERED] * 10u / steady[TW_CHANNEL_BULK];
        assert_in_range(parts, 30, 40); /* 7 to 2 */
        assert_in_range(kept_of(&sum[link], &sum[link].steady, normal, TW_CHANNEL_ORDERED), 97,
                        103);
    }
    const struct given *conservative = &sum[TW_LINK_CONSERVATIVE];
    const struct given *emergency = &sum[TW_LINK_EMERGENCY];
    assert_in_range(kept_of(conservative, &conservative->at_once, normal, TW_CHANNEL_UNORDERED), 65,
                    90);
    assert_in_range(kept_of(emergency, &emergency->at_once, normal, TW_CHANNEL_UNORDERED), 35, 60);
}

/* ---- what passes the window ------------------------------------------------------------------ */

#define PASS_BITS   1000000u
#define SILENCE_US  (3u * SECOND / 10u)
#define PASS_TALK_S 10u
/* Of 1,000 seeds the slowest took 150 ms; whoever waits for the window, 200 ms and more. */
#define PASS_US (7u * SECOND / 40u)

/* The way back is silent for 300 ms of each second: nothing is acknowledged, the window is full,
 * and only what passes it leaves. */
static void test_commands_pass_a_full_window(void **state)
{
    (void)state;
    static const struct load load = {"commands beside a full window", 0};
    struct impair_profile path = {
        .latency_us = LATENCY_US, .jitter_us = 1000, .bits_per_s = PASS_BITS, .queue_bytes = 60000};
    uint64_t slowest_us = 0, commands = 0, prompt = 0, others = 0;
    for (uint32_t i = 0; i < seeds; i++) {
        struct peers *peers = peers_create(&path, first_seed + i * SEED_DISTANCE, &kept);
        struct peers_channel *said = &peers->ends[PEERS_SERVER].channels[TW_CHANNEL_ORDERED];
        talk(peers, &load, LEARN_US);
        peers->prompt_us = TWO_ROUNDS_US(PASS_BITS);
        uint32_t before = said->received;
        said->slowest_us = said->prompt = 0;
        for (uint32_t second = 0; second < PASS_TALK_S; second++) {
            net_path(peers->net, PEERS_CLIENT)->outage_until_us = peers->now_us + SILENCE_US;
            others += talk_and_count(peers, &load, SECOND).of[TW_CHANNEL_UNORDERED];
        }
        commands += said->received - before;
        prompt += said->prompt;
        check_commands(peers, PASS_US, &slowest_us);
        PEERS_CHECK(peers, peers_settle(peers, 20 * SECOND));
        peers_destroy(peers);
    }
    printf("of %llu commands beside a full window %llu took longer than two round trips, the "
           "slowest %llu ms; %llu KB/s of unordered beside them\n",
           (unsigned long long)commands, (unsigned long long)(commands - prompt),
           (unsigned long long)(slowest_us / 1000u),
           (unsigned long long)(others / seeds / PASS_TALK_S / 1000u));
    assert_in_range(prompt * 100u / commands, 95, 100);
    assert_true(others / seeds / PASS_TALK_S > 50000u);
}

int main(int argc, char **argv)
{
    (void)sim_seeds_parse(argc, argv, 1000, &first_seed, &seeds);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_bulk_slows_first),
        cmocka_unit_test(test_unordered_slows_next),
        cmocka_unit_test(test_commands_pass_a_full_window),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
