/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Sessions whose keys change every few hundred packets, over networks that lose, double, damage and
 * reorder: nothing but what the network damaged fails to open, and what comes twice counts once:
 * 20 seeds each, 1,000 with --long.
 *
 * usage: test_sim_phases [--long] [--seed N]
 */
#include "dataplane/client/link.h"
#include "tests/sim/network.h"
#include "tests/sim/seeds.h"
#include "tests/sim/server_link.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <sodium.h>

#define CLIENT        0u /* also the paths of what they send */
#define SERVER        1u
#define STEP_US       1000u
#define SECOND_US     UINT64_C(1000000)
#define CLIENT_US     16667u
#define SERVER_US     50000u
#define PLAINTEXT     64u
#define PACKETS_MAX   65536u
#define SEED_DISTANCE 7919u

static uint32_t seeds = 20;
static uint64_t first_seed = 1;

struct world {
    struct net *net;
    struct server_link server;
    struct tw_client_link client;
    uint64_t seed, now_us;
    uint8_t seen[2][PACKETS_MAX]; /* by who sent it, and its number */
    uint64_t accepted[2], forged[2], keyless[2], replayed[2];
};

#define CHECK(world, condition)                                                                    \
    do {                                                                                           \
        if (!(condition)) {                                                                        \
            fprintf(stderr, "%s:%d: %s; seed %llu, %llu us\n", __FILE__, __LINE__, #condition,     \
                    (unsigned long long)(world)->seed, (unsigned long long)(world)->now_us);       \
            abort();                                                                               \
        }                                                                                          \
    } while (0)

static struct world *create(const struct impair_profile *profile, uint64_t seed, uint64_t packets)
{
    static struct world world;
    struct tw_session_secrets secrets;
    memset(&world, 0, sizeof(world));
    memset(&secrets, (int)seed, sizeof(secrets));
    secrets.server_to_client[0] ^= 0x55;
    world.seed = seed;
    world.now_us = SECOND_US;
    world.net = net_create(2, profile, seed);
    tw_client_link_init(&world.client, tw_aead_sodium(), &secrets, TW_SUITE_CHACHA20_POLY1305,
                        TW_CLIENT_LINK_CLIENT);
    tw_client_link_name(&world.client, 7);
    server_link_init(&world.server, &secrets, TW_SUITE_CHACHA20_POLY1305, 7, world.now_us * 1000u);
    world.server.limits = (struct tw_phase_limits){.packets = packets, .duration_ns = UINT64_MAX};
    return &world;
}

static void send(struct world *world, uint32_t from)
{
    uint8_t packet[TW_DATAGRAM_MAX] = {0};
    uint64_t number = from == CLIENT ? world->client.next_sequence : world->server.next_sequence;
    memset(packet + TW_HEADER_SIZE, (int)(number & 0xff), PLAINTEXT);
    size_t size = from == CLIENT ? tw_client_link_seal(&world->client, packet, PLAINTEXT)
                                 : server_link_seal(&world->server, packet, PLAINTEXT);
    net_send(world->net, from, packet, size, world->now_us);
}

static void note_accepted(struct world *world, uint32_t from, const uint8_t *packet)
{
    uint64_t number = tw_load_u64(packet + TW_HEADER_SEQUENCE);
    CHECK(world, number < PACKETS_MAX && !world->seen[from][number]);
    for (uint32_t i = 0; i < PLAINTEXT; i++)
        CHECK(world, packet[TW_HEADER_SIZE + i] == (uint8_t)number);
    world->seen[from][number] = 1;
    world->accepted[from]++;
}

static void receive_at_server(struct world *world, struct net_delivery *delivery)
{
    switch (
        server_link_open(&world->server, delivery->bytes, delivery->size, world->now_us * 1000u)) {
    case SERVER_LINK_OK:
        note_accepted(world, CLIENT, delivery->bytes);
        break;
    case SERVER_LINK_REPLAYED:
        world->replayed[CLIENT]++;
        break;
    case SERVER_LINK_PHASE:
        world->keyless[CLIENT]++;
        break;
    case SERVER_LINK_FORGED:
        world->forged[CLIENT]++;
        break;
    }
}

static void receive_at_client(struct world *world, struct net_delivery *delivery)
{
    switch (tw_client_link_open(&world->client, delivery->bytes, delivery->size, world->now_us)) {
    case TW_CLIENT_LINK_OK:
        note_accepted(world, SERVER, delivery->bytes);
        break;
    case TW_CLIENT_LINK_REPLAYED:
        world->replayed[SERVER]++;
        break;
    case TW_CLIENT_LINK_PHASE:
        world->keyless[SERVER]++;
        break;
    case TW_CLIENT_LINK_MALFORMED:
    case TW_CLIENT_LINK_FOREIGN:
    case TW_CLIENT_LINK_FORGED:
        world->forged[SERVER]++;
        break;
    }
}

static void run(struct world *world, uint64_t us)
{
    static struct net_delivery delivery;
    for (uint64_t end_us = world->now_us + us; world->now_us < end_us;) {
        world->now_us += STEP_US;
        while (net_receive(world->net, world->now_us, &delivery)) {
            if (delivery.path == CLIENT)
                receive_at_server(world, &delivery);
            else
                receive_at_client(world, &delivery);
        }
        if (world->now_us % CLIENT_US < STEP_US)
            send(world, CLIENT);
        if (world->now_us % SERVER_US < STEP_US)
            send(world, SERVER);
        if (world->accepted[CLIENT] > 0)
            server_link_update(&world->server, world->now_us * 1000u);
        tw_phase_client_age(&world->client.keys, world->now_us);
        CHECK(world, !server_link_is_ignored(&world->server));
        CHECK(world, world->server.phase.number - world->client.keys.number <= 1);
    }
}

/* Damage apart, the only packets that may be lost are those that the network lost, and those of a
 * phase whose key a later one took. */
static void play(const struct impair_profile *profile, uint64_t packets, uint32_t phases_min)
{
    uint64_t old = 0;
    for (uint32_t i = 0; i < seeds; i++) {
        struct world *world = create(profile, first_seed + i * SEED_DISTANCE, packets);
        run(world, 60 * SECOND_US);
        struct impair_statistics net = net_statistics(world->net);
        CHECK(world, world->client.keys.number >= phases_min);
        CHECK(world, world->accepted[CLIENT] > 500 && world->accepted[SERVER] > 150);
        uint64_t rejected = world->forged[CLIENT] + world->forged[SERVER] + world->keyless[CLIENT] +
                            world->keyless[SERVER];
        CHECK(world, rejected <= net.corrupted);
        old += world->server.opened_old;
        net_destroy(world->net);
    }
    printf("%s: %llu packets opened with an old key\n", profile->name, (unsigned long long)old);
}

static void test_every_profile(void **state)
{
    (void)state;
    for (uint32_t i = 0; i < impair_profile_count; i++)
        play(&impair_profiles[i], 300, 5);
}

static void test_loss_and_reordering(void **state)
{
    (void)state;
    struct impair_profile profile = *impair_profile_find("fiber");
    profile.name = "20 percent loss, reordering, copies, damage";
    profile.loss_ppm = 200000;
    profile.jitter_us = 40000;
    profile.reorders = true;
    profile.duplicate_ppm = 100000;
    profile.corrupt_ppm = 20000;
    play(&profile, 300, 5);
}

/* Silence across a change, in both directions: it goes on where it was. */
static void test_outage_across_a_change(void **state)
{
    (void)state;
    for (uint32_t i = 0; i < seeds; i++) {
        struct world *world =
            create(impair_profile_find("fiber"), first_seed + i * SEED_DISTANCE, 300);
        run(world, 4 * SECOND_US + i * 200000u);
        net_outage(world->net, world->now_us + 4 * SECOND_US);
        run(world, 5 * SECOND_US);
        uint64_t before = world->accepted[SERVER];
        uint32_t number = world->client.keys.number;
        run(world, 20 * SECOND_US);
        CHECK(world, world->accepted[SERVER] > before + 300);
        CHECK(world, world->client.keys.number >= number + 2);
        CHECK(world, world->forged[CLIENT] + world->forged[SERVER] == 0);
        net_destroy(world->net);
    }
}

/* What the server says of the next phase never arrives, for a while: the client goes on as it was,
 * the server opens it, and nobody starts another phase. */
static bool drop_new_phase(void *context, uint32_t path, const uint8_t *bytes, size_t size)
{
    const struct world *world = context;
    (void)size;
    return path == SERVER && bytes[TW_HEADER_FLAGS] == TW_FLAG_KEY_PHASE &&
           world->now_us < 6 * SECOND_US;
}

static void test_the_news_gets_lost(void **state)
{
    (void)state;
    struct world *world = create(impair_profile_find("fiber"), first_seed, 100);
    net_set_pattern(world->net, drop_new_phase, world);
    /* A client that hears nothing for longer than a phase's packets would be given up. */
    world->server.limits.packets = 200;
    run(world, 5 * SECOND_US);
    CHECK(world, world->server.phase.number == 1 && world->client.keys.number == 0);
    uint64_t accepted = world->accepted[CLIENT];
    run(world, 2 * SECOND_US);
    CHECK(world, world->accepted[CLIENT] > accepted + 100);
    CHECK(world, world->client.keys.number >= 1);
    CHECK(world, world->forged[CLIENT] + world->forged[SERVER] == 0);
    net_destroy(world->net);
}

int main(int argc, char **argv)
{
    (void)sim_seeds_parse(argc, argv, 1000, &first_seed, &seeds);
    if (sodium_init() < 0)
        return 1;
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_profile),
        cmocka_unit_test(test_loss_and_reordering),
        cmocka_unit_test(test_outage_across_a_change),
        cmocka_unit_test(test_the_news_gets_lost),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
