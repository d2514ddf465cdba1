/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Who cannot be told anything is closed, once and with a reason; who is on a bad network never is:
 * 20 seeds each, 1,000 with --long.
 *
 * usage: test_sim_starvation [--long] [--seed N]
 */
#include "tests/sim/field.h"
#include "tests/sim/seeds.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>
#include <sodium.h>

#define SECOND        UINT64_C(1000000)
#define SEED_DISTANCE 7919u
#define PLAYERS       4u
/* What the least that may be configured leaves to honest clients. */
#define STARVED_MIN_S 10u
/* A pong with an acknowledgement gets through, 78 bytes, and so does a snapshot that has nothing to
 * tell, 71; one that tells of anybody does not. */
#define SMALL_BYTES 80u

static uint32_t seeds = 20;
static uint64_t first_seed = 1;

static struct field *start(const struct impair_profile *profile, uint64_t seed, uint32_t starved_s)
{
    static const uint64_t frames_us[PLAYERS] = {1000, 4000, 6944, 33333};
    struct tw_shard_config config = field_config_default();
    config.starved_s = starved_s;
    struct field *field = field_create(&config, PLAYERS, profile, seed);
    for (uint32_t i = 0; i < PLAYERS; i++) {
        field->players[i].frame_us = frames_us[i];
        field->players[i].walks = true;
    }
    return field;
}

static uint32_t hungriest(const struct field *field)
{
    uint32_t ticks = 0;
    for (uint32_t i = 0; i < PLAYERS; i++) {
        uint32_t one = field->shard->starvation[i].ticks;
        ticks = one > ticks ? one : ticks;
    }
    return ticks;
}

static uint64_t closed(const struct field *field)
{
    uint64_t sum = 0;
    for (uint32_t i = 0; i < field->count; i++)
        sum += field->players[i].starved;
    FIELD_CHECK(field, sum == tw_counter_get(&field->counters.players_starved));
    return sum;
}

static void test_no_profile_starves_anybody(void **state)
{
    (void)state;
    for (uint32_t i = 0; i < impair_profile_count; i++) {
        uint32_t most = 0;
        for (uint32_t k = 0; k < seeds; k++) {
            struct field *field =
                start(&impair_profiles[i], first_seed + k * SEED_DISTANCE, STARVED_MIN_S);
            for (uint32_t step = 0; step < 100; step++) { /* 20 s */
                field_run(field, SECOND / 5u);
                uint32_t now = hungriest(field);
                most = now > most ? now : most;
            }
            FIELD_CHECK(field, closed(field) == 0);
            field_destroy(field);
        }
        printf("%s: %.2f s of play at most without a snapshot acknowledged\n",
               impair_profiles[i].name, (double)most / 60.0);
    }
}

/* By a player of the shard: its last snapshot that came through, and when that was acknowledged. */
struct hunger {
    uint32_t acked;
    uint64_t since_us;
};

/* Closed no sooner than configured, and soon after. Ticks without inputs do not count, so bursts of
 * loss upwards are allowed two seconds. */
static void expect_hunger(const struct field *field, uint32_t player, struct hunger *hunger)
{
    const struct tw_starvation *starvation = &field->shard->starvation[player];
    if (starvation->acked != hunger->acked)
        *hunger = (struct hunger){.acked = starvation->acked, .since_us = field->now_us};
    uint64_t hungry_us = field->now_us - hunger->since_us;
    FIELD_CHECK(field, !starvation->closed || hungry_us > (STARVED_MIN_S - 1u) * SECOND);
    FIELD_CHECK(field, starvation->closed || hungry_us < (STARVED_MIN_S + 2u) * SECOND);
}

/* Until everybody was closed: some see nobody for a while, and hear just that. */
static void starve(struct field *field)
{
    struct hunger hungers[PLAYERS] = {0};
    for (uint32_t step = 0; step < 600 && closed(field) < PLAYERS; step++) { /* 60 s */
        field_run(field, SECOND / 10u);
        for (uint32_t i = 0; i < PLAYERS; i++)
            expect_hunger(field, i, &hungers[i]);
    }
}

/* The way down takes only what is small: everybody plays on and sees nothing. */
static void test_starved_clients_are_closed_once(void **state)
{
    (void)state;
    for (uint32_t k = 0; k < seeds; k++) {
        struct field *field =
            start(impair_profile_find("fiber"), first_seed + k * SEED_DISTANCE, STARVED_MIN_S);
        field_run(field, 3 * SECOND);
        for (uint32_t i = 0; i < PLAYERS; i++)
            net_path(field->net, 2u * i + 1u)->profile.drop_above_bytes = SMALL_BYTES;
        starve(field);
        FIELD_CHECK(field, closed(field) == PLAYERS);
        field_run(field, 3 * SECOND);
        FIELD_CHECK(field, closed(field) == PLAYERS);
        field_destroy(field);
    }
}

/* No way at all, then none down, which a client soon takes for silence as well: that is silence,
 * and another rule's. */
static void test_silence_is_not_hunger(void **state)
{
    (void)state;
    for (uint32_t k = 0; k < seeds; k++) {
        struct field *field =
            start(impair_profile_find("fiber"), first_seed + k * SEED_DISTANCE, STARVED_MIN_S);
        field_run(field, 3 * SECOND);
        net_outage(field->net, field->now_us + 30 * SECOND);
        field_run(field, 31 * SECOND);
        for (uint32_t i = 0; i < PLAYERS; i++)
            net_path(field->net, 2u * i + 1u)->outage_until_us = field->now_us + 20 * SECOND;
        field_run(field, 22 * SECOND);
        FIELD_CHECK(field, closed(field) == 0);
        field_destroy(field);
    }
}

int main(int argc, char **argv)
{
    (void)sim_seeds_parse(argc, argv, 1000, &first_seed, &seeds);
    if (sodium_init() < 0)
        return 1;
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_no_profile_starves_anybody),
        cmocka_unit_test(test_starved_clients_are_closed_once),
        cmocka_unit_test(test_silence_is_not_hunger),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
