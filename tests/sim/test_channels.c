/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What each channel promises: numbers that end, deadlines, and that none waits for another. 20
 * seeds each, 1,000 with --long.
 *
 * usage: test_sim_channels [--long] [--seed N]
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

/* Counts stay readable. */
static const struct peers_options kept = {.keeps_channels = true};

static struct impair_profile profile_with_loss(uint32_t permille)
{
    struct impair_profile profile = *impair_profile_find("fiber");
    profile.name = "loss";
    profile.loss_ppm = permille * 1000u;
    profile.burst_ppm = 0;
    return profile;
}

static uint64_t way_us(const struct impair_profile *profile)
{
    return profile->latency_us + IMPAIR_JITTER_MOST * profile->jitter_us;
}

/* ---- numbers --------------------------------------------------------------------------------- */

#define NUMBERS_ROUNDS  200u
#define NUMBERS_BEFORE  100u /* so many messages of each channel until their numbers go on at 0 */
#define NUMBERS_PACKETS 900u

static void speak_all(struct peers *peers, uint32_t end)
{
    for (uint32_t channel = 0; channel < TW_CHANNEL_COUNT; channel++)
        PEERS_CHECK(peers, peers_send(peers, end, channel, 20, 0));
    peers_run(peers, 20 * PEERS_STEP_US);
}

/* The newest state is there; what came before it was newer each time, which peers.c looks at. */
static void check_states(const struct peers *peers, uint32_t end)
{
    const struct peers_channel *states = &peers->ends[end].channels[TW_CHANNEL_STATE];
    PEERS_CHECK(peers, states->in_order == states->sent);
    PEERS_CHECK(peers, states->received * 4u > states->sent * 3u);
}

static void check_numbers_went_on(const struct peers *peers, uint32_t end)
{
    const struct tw_receiver *receiver = &peers->ends[1u - end].transport.channels->receiver;
    for (uint32_t channel = TW_CHANNEL_ORDERED; channel < TW_CHANNEL_COUNT; channel++) {
        const struct peers_channel *sent = &peers->ends[end].channels[channel];
        PEERS_CHECK(peers,
                    receiver->channels[channel].base == (uint16_t)(sent->sent - NUMBERS_BEFORE));
        PEERS_CHECK(peers, sent->received == sent->sent);
    }
    PEERS_CHECK(peers,
                receiver->latest_number ==
                    (uint16_t)(peers->ends[end].channels[TW_CHANNEL_STATE].sent - NUMBERS_BEFORE));
    check_states(peers, end);
}

/* Numbers of packets end at 2^28, those of messages go on at 0: first these, while a tenth is lost
 * and newer packets overtake older ones; then an end talks until its last packet number is used,
 * over a path that is good for the rest, so that all of it must be there. */
static void run_to_the_end_of_numbers(uint32_t end, uint64_t seed)
{
    struct impair_profile lossy = profile_with_loss(100), clean = profile_with_loss(0);
    lossy.jitter_us = 20000;
    lossy.reorders = true;
    struct peers_options options = {.first_number = (uint16_t)(UINT16_MAX + 1u - NUMBERS_BEFORE),
                                    .keeps_channels = true};
    options.first_sequence[end] = TW_SEALED_MAX - NUMBERS_PACKETS;
    struct peers *peers = peers_create(&lossy, seed, &options);
    const struct peers_end *speaker = &peers->ends[end];
    for (uint32_t k = 0; k < NUMBERS_ROUNDS; k++)
        speak_all(peers, end);
    PEERS_CHECK(peers, speaker->sequence + 100u < TW_SEALED_MAX);
    net_set_profile(peers->net, &clean);
    while (speaker->sequence + 20u < TW_SEALED_MAX)
        speak_all(peers, end);
    /* Only ticks go on. */
    while (speaker->sequence <= TW_SEALED_MAX)
        peers_run(peers, PEERS_STEP_US);
    peers_run(peers, SECOND);
    PEERS_CHECK(peers, speaker->sequence == TW_SEALED_MAX + 1u);
    PEERS_CHECK(peers, speaker->transport.sent.largest_acked == TW_SEALED_MAX);
    PEERS_CHECK(peers, speaker->transport.sent.oldest == TW_SEALED_MAX + 1u);
    PEERS_CHECK(peers, peers->ends[1u - end].transport.acks.largest == TW_SEALED_MAX);
    PEERS_CHECK(peers, tw_transport_all_arrived(&speaker->transport));
    check_numbers_went_on(peers, end);
    peers_destroy(peers);
}

static void test_numbers_at_their_end(void **state)
{
    (void)state;
    for (uint32_t i = 0; i < seeds; i++) {
        for (uint32_t end = 0; end < 2; end++)
            run_to_the_end_of_numbers(end, first_seed + i * SEED_DISTANCE);
    }
}

/* The very last packet numbers, while a tenth is lost: acks and losses at 2^28. */
static void test_last_packet_number(void **state)
{
    (void)state;
    struct impair_profile profile = profile_with_loss(100);
    struct peers_options options = {.first_sequence = {TW_SEALED_MAX - 100u}};
    uint32_t last_arrived = 0;
    for (uint32_t i = 0; i < seeds; i++) {
        struct peers *peers = peers_create(&profile, first_seed + i * SEED_DISTANCE, &options);
        const struct peers_end *client = &peers->ends[PEERS_CLIENT];
        peers_send(peers, PEERS_CLIENT, TW_CHANNEL_BULK, 20000, 0);
        while (client->sequence <= TW_SEALED_MAX)
            peers_run(peers, PEERS_STEP_US);
        peers_run(peers, SECOND);
        PEERS_CHECK(peers, client->channels[TW_CHANNEL_BULK].received == 1);
        uint32_t largest = peers->ends[PEERS_SERVER].transport.acks.largest;
        PEERS_CHECK(peers, largest > TW_SEALED_MAX - 20u && largest <= TW_SEALED_MAX);
        last_arrived += largest == TW_SEALED_MAX;
        peers_destroy(peers);
    }
    assert_true(last_arrived > seeds / 2u || seeds == 1);
}

/* ---- none waits for another ------------------------------------------------------------------ */

/* Every packet with anything of one channel is lost. */
struct stuck {
    uint32_t end, channel;
};
#define STUCK_MESSAGES 5u /* the one, and some behind it */
/* Eight losses, each found a round trip and a tick or two after it, and one more. */
#define STUCK_FIRST_ROUNDS 12u

static bool drop_stuck(void *context, uint32_t path, const uint8_t *bytes, size_t size)
{
    const struct stuck *stuck = context;
    struct tw_server_frames frames;
    struct tw_entry entry;
    if (path != stuck->end ||
        tw_server_frames_decode(&frames, bytes + TW_PACKET_MIN, size - TW_PACKET_MIN) !=
            TW_FRAMES_OK ||
        !frames.has_messages)
        return false;
    struct tw_reader reader = tw_reader_make(frames.messages, frames.messages_size);
    while (tw_reader_left(&reader) > 0 && tw_entry_read(&reader, &entry) == TW_FRAMES_OK) {
        if (entry.channel == stuck->channel)
            return true;
    }
    return false;
}

/* What others took while a message of one channel was missing, of all seeds. */
struct beside_stuck {
    uint64_t first_us, then_us; /* the slowest, of the first two seconds and of those after them */
    uint32_t sent, received;
};

struct spoken {
    uint32_t sent, received;
    uint64_t slowest_us;
};

/* Two seconds of one channel, and time for all of it to come. */
static struct spoken speak_for(struct peers *peers, uint32_t end, uint32_t which)
{
    static const uint32_t sizes[TW_CHANNEL_COUNT] = {100, 100, 800, 3000};
    struct peers_channel *channel = &peers->ends[end].channels[which];
    uint32_t sent = channel->sent, received = channel->received;
    channel->slowest_us = 0;
    for (uint64_t end_us = peers->now_us + 2 * SECOND; peers->now_us < end_us;) {
        PEERS_CHECK(peers, peers_send(peers, end, which, sizes[which], 0));
        peers_run(peers, tw_rng_between(&peers->rng, 40, 60) * PEERS_STEP_US);
    }
    peers_run(peers, SECOND);
    struct spoken spoken = {channel->sent - sent, channel->received - received,
                            channel->slowest_us};
    /* A state that shares a packet with what is lost is lost, too: newer ones come. */
    bool all = spoken.received == spoken.sent;
    PEERS_CHECK(peers,
                all || (which == TW_CHANNEL_STATE && spoken.received * 4u >= spoken.sent * 3u));
    return spoken;
}

static void run_beside_stuck(uint32_t channel, uint32_t other, uint64_t seed,
                             struct beside_stuck *found)
{
    struct impair_profile clean = profile_with_loss(0);
    struct stuck stuck = {.end = seed % 2u, .channel = channel};
    struct peers *peers = peers_create(&clean, seed, NULL);
    const struct peers_channel *lost = &peers->ends[stuck.end].channels[channel];
    uint64_t round_us = 2u * way_us(&clean);
    peers_run(peers, SECOND);
    net_set_pattern(peers->net, drop_stuck, &stuck);
    for (uint32_t k = 0; k < STUCK_MESSAGES; k++)
        peers_send(peers, stuck.end, channel, seed % 4u < 2u ? 100 : 3000, 0);
    struct spoken first = speak_for(peers, stuck.end, other);
    PEERS_CHECK(peers, first.slowest_us <= STUCK_FIRST_ROUNDS * round_us);
    struct spoken then = speak_for(peers, stuck.end, other);
    PEERS_CHECK(peers, then.slowest_us > 0 && then.slowest_us <= round_us);
    found->sent += then.sent;
    found->received += then.received;
    if (first.slowest_us > found->first_us)
        found->first_us = first.slowest_us;
    if (then.slowest_us > found->then_us)
        found->then_us = then.slowest_us;
    PEERS_CHECK(peers, lost->received == 0);
    net_set_pattern(peers->net, NULL, NULL);
    PEERS_CHECK(peers, peers_settle(peers, 10 * SECOND));
    PEERS_CHECK(peers, lost->received == STUCK_MESSAGES);
    peers_destroy(peers);
}

/* At first a message may share packets with what is lost, until that has been refused so often that
 * it leaves alone: then it takes nothing from the others. */
static void test_channels_do_not_block_each_other(void **state)
{
    (void)state;
    for (uint32_t pair = 0; pair < TW_CHANNEL_COUNT * TW_CHANNEL_COUNT; pair++) {
        uint32_t channel = pair / TW_CHANNEL_COUNT, other = pair % TW_CHANNEL_COUNT;
        struct beside_stuck found = {0};
        if (channel == TW_CHANNEL_STATE || channel == other)
            continue;
        for (uint32_t i = 0; i < seeds; i++)
            run_beside_stuck(channel, other, first_seed + i * SEED_DISTANCE, &found);
        printf("channel %u while one of channel %u is missing: %u of %u, the slowest in %llu ms "
               "(%llu ms at first)\n",
               other, channel, found.received, found.sent,
               (unsigned long long)(found.then_us / 1000u),
               (unsigned long long)(found.first_us / 1000u));
    }
}

/* ---- deadlines ------------------------------------------------------------------------------- */

#define DEADLINE_US (100 * PEERS_STEP_US)

/* Every fifth message is worth sending for ever. */
static bool is_hasty(uint32_t number)
{
    return number % 5u != 4u;
}

static void check_patient_arrived(const struct peers *peers, const struct peers_channel *channel)
{
    for (uint32_t number = 0; number < channel->sent; number++) {
        bool seen = ((uint32_t)channel->seen[number / 8u] >> (number % 8u) & 1u) != 0;
        PEERS_CHECK(peers, seen || is_hasty(number));
    }
}

/* What is late is given up, not before it is late, and counted; what is behind it goes on. That
 * nothing leaves, and nothing arrives, after its deadline is looked at in peers.c. */
static void test_deadlines(void **state)
{
    (void)state;
    struct impair_profile lossy = profile_with_loss(300), clean = profile_with_loss(0);
    uint64_t expired = 0, missing = 0;
    for (uint32_t i = 0; i < seeds; i++) {
        uint64_t seed = first_seed + i * SEED_DISTANCE;
        uint32_t end = seed % 2u;
        struct peers *peers = peers_create(&clean, seed, &kept);
        const struct peers_channel *channels = peers->ends[end].channels;
        /* All acknowledgements come back, within this. */
        net_path(peers->net, end)->profile = lossy;
        peers->way_us = way_us(&clean) + 2u * PEERS_STEP_US;
        peers->back_us = TW_ACKS_DELAY_US + way_us(&clean) + 3u * PEERS_STEP_US;
        peers->gaps_allowed = true;
        for (uint32_t k = 0; k < 600; k++) {
            uint32_t channel = TW_CHANNEL_ORDERED + k % 3u;
            uint32_t size = tw_rng_below(&peers->rng, 2) == 0 ? 200 : 3000;
            bool hasty = is_hasty(channels[channel].sent);
            PEERS_CHECK(peers, peers_send(peers, end, channel, size,
                                          hasty ? peers->now_us + DEADLINE_US : 0));
            peers_run(peers, 7 * PEERS_STEP_US);
        }
        PEERS_CHECK(peers, peers_settle(peers, 10 * SECOND));
        uint32_t lost = 0, overdue = 0;
        for (uint32_t channel = TW_CHANNEL_ORDERED; channel < TW_CHANNEL_COUNT; channel++) {
            check_patient_arrived(peers, &channels[channel]);
            lost += channels[channel].sent - channels[channel].received;
            overdue += channels[channel].overdue;
        }
        /* One that arrived, but whose acknowledgement was still under way, counts as both. */
        uint64_t gone = peers->ends[end].transport.channels->sender.expired;
        PEERS_CHECK(peers, lost <= gone && gone <= lost + overdue);
        missing += lost;
        expired += gone;
        peers_destroy(peers);
    }
    printf("of %u messages %llu did not arrive by their deadlines, %llu were given up\n",
           600u * seeds, (unsigned long long)missing, (unsigned long long)expired);
    assert_true(missing > 0);
}

int main(int argc, char **argv)
{
    (void)sim_seeds_parse(argc, argv, 1000, &first_seed, &seeds);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_numbers_at_their_end),
        cmocka_unit_test(test_last_packet_number),
        cmocka_unit_test(test_channels_do_not_block_each_other),
        cmocka_unit_test(test_deadlines),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
