/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Honest clients are never charged for anything, whatever their network does to them: 20 seeds of
 * each profile, 1,000 with --long.
 *
 * usage: test_sim_conduct [--long] [--seed N]
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

static uint32_t seeds = 20;
static uint64_t first_seed = 1;

static void check_innocent(const struct field *field)
{
    for (uint32_t i = 0; i < PLAYERS; i++) {
        const struct player *player = &field->players[i];
        for (uint32_t kind = 0; kind < TW_CONDUCT_COUNT; kind++) {
            /* Pressing faster than is let through is not forbidden, only idle. */
            if (kind != TW_CONDUCT_ACTIONS)
                FIELD_CHECK(field, player->charged[kind] == 0);
        }
        FIELD_CHECK(field, player->conduct.stage == TW_CONDUCT_GOOD && player->closes == 0);
        FIELD_CHECK(field, player->conduct.newest_tick > 0);
    }
}

static struct field *start(const struct impair_profile *profile, uint64_t seed)
{
    static const int32_t drifts_ppm[PLAYERS] = {0, 200, -200, 50};
    static const uint64_t frames_us[PLAYERS] = {1000, 4000, 6944, 33333};
    struct tw_shard_config config = field_config_default();
    struct field *field = field_create(&config, PLAYERS, profile, seed);
    for (uint32_t i = 0; i < PLAYERS; i++) {
        field->players[i].drift_ppm = drifts_ppm[i];
        field->players[i].frame_us = frames_us[i];
        field->players[i].walks = true;
        /* Some four presses a second and as many releases. */
        field->players[i].buttons_per_mille = (uint32_t)(frames_us[i] * 8u / 1000u);
    }
    return field;
}

static void run_profile(const struct impair_profile *profile)
{
    for (uint32_t i = 0; i < seeds; i++) {
        struct field *field = start(profile, first_seed + i * SEED_DISTANCE);
        field_run(field, 6 * SECOND);
        check_innocent(field);
        field_destroy(field);
    }
    printf("%s: %u seeds, nobody was charged\n", profile->name, seeds);
}

static void test_every_profile(void **state)
{
    (void)state;
    for (uint32_t i = 0; i < impair_profile_count; i++)
        run_profile(&impair_profiles[i]);
}

static void test_loss_reordering_and_duplicates(void **state)
{
    (void)state;
    struct impair_profile profile = *impair_profile_find("fiber");
    profile.name = "20 % loss, reordered, doubled";
    profile.loss_ppm = 200000;
    profile.duplicate_ppm = 200000;
    profile.jitter_us = 60000;
    profile.reorders = true;
    run_profile(&profile);
}

static void test_swings_outages_and_hitches(void **state)
{
    (void)state;
    struct impair_profile far = *impair_profile_find("dsl");
    far.latency_us = 250000;
    for (uint32_t i = 0; i < seeds; i++) {
        struct field *field = start(impair_profile_find("dsl"), first_seed + i * SEED_DISTANCE);
        field_run(field, 2 * SECOND);
        net_set_profile(field->net, &far);
        field_run(field, 2 * SECOND);
        net_set_profile(field->net, impair_profile_find("dsl"));
        net_outage(field->net, field->now_us + 3 * SECOND);
        field_run(field, 4 * SECOND);
        field->hitch_until_us = field->now_us + 500000;
        field_run(field, 2 * SECOND);
        check_innocent(field);
        field_destroy(field);
    }
}

int main(int argc, char **argv)
{
    (void)sim_seeds_parse(argc, argv, 1000, &first_seed, &seeds);
    if (sodium_init() < 0)
        return 1;
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_profile),
        cmocka_unit_test(test_loss_reordering_and_duplicates),
        cmocka_unit_test(test_swings_outages_and_hitches),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
