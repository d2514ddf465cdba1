/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Clocks and steering over networks that misbehave: 20 seeds each, 1,000 with --long.
 *
 * usage: test_sim_timing [--long] [--seed N]
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

/* What the shard counted since, per input made for a tick that ran meanwhile. */
struct window {
    uint64_t applied, depths, depth_sum, ticks;
};

static struct window look(const struct field *field)
{
    return (struct window){
        .applied = tw_counter_get(&field->counters.inputs[TW_SHARD_INPUT_APPLIED]),
        .depths = tw_counter_get(&field->counters.input_depths),
        .depth_sum = tw_counter_get(&field->counters.input_depth_sum),
        .ticks = field->tick * field->count,
    };
}

struct figures {
    uint64_t seeds;
    uint64_t in_time_sum, in_time_least; /* per ten thousand */
    uint64_t depth_sum, goal_sum;        /* hundredths of ticks */
    uint64_t off_most;                   /* depth from goal, hundredths */
};

static int64_t goal_depth(const struct player *player)
{
    const struct tw_client_steering *steering = &player->session.steering;
    uint32_t recent = steering->window_count < 5u ? steering->window_count : 5u;
    int64_t mean_us = 0;
    for (uint32_t i = steering->window_count - recent; i < steering->window_count; i++)
        mean_us += steering->windows[i].mean_us / (int64_t)recent;
    return (steering->goal_us - mean_us) * 100 / steering->tick_us;
}

/* Runs and measures; the goal is what the clients aimed at, on average. */
static void measure(struct field *field, uint64_t us, struct figures *figures)
{
    struct window before = look(field);
    int64_t goal = 0;
    uint64_t samples = 0;
    for (uint64_t end_us = field->now_us + us; field->now_us < end_us;) {
        field_run(field, 100000);
        for (uint32_t i = 0; i < field->count; i++)
            goal += goal_depth(&field->players[i]);
        samples += field->count;
    }
    struct window after = look(field);
    uint64_t in_time = (after.applied - before.applied) * 10000u / (after.ticks - before.ticks);
    uint64_t depth = (after.depth_sum - before.depth_sum) * 100u / (after.depths - before.depths);
    uint64_t aimed = (uint64_t)goal / samples;
    uint64_t off = depth > aimed ? depth - aimed : aimed - depth;
    figures->seeds++;
    figures->in_time_sum += in_time;
    if (figures->in_time_least == 0 || in_time < figures->in_time_least)
        figures->in_time_least = in_time;
    figures->depth_sum += depth;
    figures->goal_sum += aimed;
    if (off > figures->off_most)
        figures->off_most = off;
}

static void print_figures(const char *name, const struct figures *figures)
{
    printf("%-22s in time %5.2f %% (least of a seed %5.2f), mean depth %4.2f ticks, goal %4.2f, "
           "farthest from it %4.2f\n",
           name, (double)figures->in_time_sum / (double)figures->seeds / 100.0,
           (double)figures->in_time_least / 100.0,
           (double)figures->depth_sum / (double)figures->seeds / 100.0,
           (double)figures->goal_sum / (double)figures->seeds / 100.0,
           (double)figures->off_most / 100.0);
}

static struct field *start(const struct impair_profile *profile, uint64_t seed)
{
    static const int32_t drifts_ppm[PLAYERS] = {0, 200, -200, 50};
    static const uint64_t frames_us[PLAYERS] = {1000, 4000, 6944, 16667};
    struct tw_shard_config config = field_config_default();
    struct field *field = field_create(&config, PLAYERS, profile, seed);
    for (uint32_t i = 0; i < PLAYERS; i++) {
        field->players[i].drift_ppm = drifts_ppm[i];
        field->players[i].frame_us = frames_us[i];
    }
    return field;
}

/* Bursts lose what no clock can save: they are switched off where 99 % is asked for. */
static void run_profile(const struct impair_profile *profile, uint64_t least)
{
    struct figures figures = {0};
    for (uint32_t i = 0; i < seeds; i++) {
        struct field *field = start(profile, first_seed + i * SEED_DISTANCE);
        field_run(field, 5 * SECOND);
        measure(field, 10 * SECOND, &figures);
        FIELD_CHECK(field, figures.in_time_least >= least);
        FIELD_CHECK(field, figures.off_most <= 100);
        field_destroy(field);
    }
    print_figures(profile->name, &figures);
}

static void test_profiles_without_bursts(void **state)
{
    (void)state;
    for (uint32_t i = 0; i < impair_profile_count; i++) {
        struct impair_profile profile = impair_profiles[i];
        profile.burst_ppm = 0;
        run_profile(&profile, 9900);
    }
}

static void set_ways(struct field *field, const struct impair_profile *up,
                     const struct impair_profile *down)
{
    for (uint32_t i = 0; i < field->count; i++) {
        net_path(field->net, 2u * i)->profile = *up;
        net_path(field->net, 2u * i + 1u)->profile = *down;
    }
}

static uint64_t inputs_late(const struct field *field)
{
    return tw_counter_get(&field->counters.inputs[TW_SHARD_INPUT_LATE]);
}

/* A second after the ways have changed the buffer is not yet as deep as these ask for in every run:
 * one of 1,000 was at 99.41 %. Per ten thousand. */
#define AFTER_A_CHANGE 50u

/* One way is slow. The clock is off by half of that, and the lead by as much the other way: from
 * the second second on nothing is late. When a way becomes slow in the middle of play, inputs are
 * late until the next report has come and was followed: half a second's at most. How far a way
 * swings takes 5 s to learn. */
static void run_ways(const char *name, const struct impair_profile *up,
                     const struct impair_profile *down, uint64_t least)
{
    struct figures figures = {0}, changed = {0};
    uint64_t late = 0;
    for (uint32_t i = 0; i < seeds; i++) {
        struct field *field = start(impair_profile_find("lan"), first_seed + i * SEED_DISTANCE);
        set_ways(field, up, down);
        field_run(field, SECOND);
        measure(field, 5 * SECOND, &figures);
        FIELD_CHECK(field, figures.in_time_least >= least);
        net_set_profile(field->net, impair_profile_find("lan"));
        field_run(field, 5 * SECOND);
        uint64_t before = inputs_late(field);
        set_ways(field, up, down);
        field_run(field, SECOND);
        uint64_t now = inputs_late(field) - before;
        FIELD_CHECK(field, now <= PLAYERS * field->config.tick_hz / 2u);
        late += now;
        measure(field, 5 * SECOND, &changed);
        FIELD_CHECK(field, changed.in_time_least >= least - AFTER_A_CHANGE);
        field_destroy(field);
    }
    print_figures(name, &figures);
    print_figures("  after a change", &changed);
    printf("%-22s late while it changes %.1f inputs of a player\n", name,
           (double)late / seeds / PLAYERS);
}

static void test_asymmetric_ways(void **state)
{
    (void)state;
    const struct impair_profile *lan = impair_profile_find("lan");
    struct impair_profile slow = *lan;
    slow.latency_us = 80000;
    struct impair_profile bad = slow;
    bad.jitter_us = 20000;
    bad.loss_ppm = 50000;
    run_ways("80 ms up, lan down", &slow, lan, 9950);
    run_ways("lan up, 80 ms down", lan, &slow, 9950);
    run_ways("bad 80 ms up, lan down", &bad, lan, 9800);
}

/* Round trips of 50 and 500 ms in turn, with jitter: each phase is measured once it has settled. */
static void test_swings(void **state)
{
    (void)state;
    struct impair_profile near = *impair_profile_find("dsl");
    near.burst_ppm = 0;
    near.latency_us = 25000;
    struct impair_profile far = near;
    far.latency_us = 250000;
    struct figures figures = {0};
    for (uint32_t i = 0; i < seeds; i++) {
        struct field *field = start(&near, first_seed + i * SEED_DISTANCE);
        field_run(field, 5 * SECOND);
        for (uint32_t swing = 0; swing < 4; swing++) {
            net_set_profile(field->net, swing % 2u ? &near : &far);
            field_run(field, 6 * SECOND);
            measure(field, 4 * SECOND, &figures);
            FIELD_CHECK(field, figures.in_time_least >= 9900);
            FIELD_CHECK(field, figures.off_most <= 100);
        }
        field_destroy(field);
    }
    print_figures("50 / 500 ms, settled", &figures);
}

/* Each second: the buffer stays as deep as the longer way asks for. */
static void test_swings_without_rest(void **state)
{
    (void)state;
    struct impair_profile near = *impair_profile_find("dsl");
    near.burst_ppm = 0;
    near.latency_us = 25000;
    struct impair_profile far = near;
    far.latency_us = 250000;
    uint64_t in_time = 0;
    for (uint32_t i = 0; i < seeds; i++) {
        struct field *field = start(&near, first_seed + i * SEED_DISTANCE);
        struct window before = {0};
        for (uint32_t swing = 0; swing < 20; swing++) {
            if (swing == 10)
                before = look(field);
            net_set_profile(field->net, swing % 2u ? &near : &far);
            field_run(field, SECOND);
        }
        struct window after = look(field);
        uint64_t share = (after.applied - before.applied) * 10000u / (after.ticks - before.ticks);
        FIELD_CHECK(field, share >= 9500);
        in_time += share;
        field_destroy(field);
    }
    printf("%-22s in time %5.2f %%\n", "50 / 500 ms each second", (double)in_time / seeds / 100.0);
}

/* How far a client's idea of the server's clock is from it. */
static int64_t clock_off_us(const struct field *field, const struct player *player)
{
    uint64_t shown_us =
        tw_client_clock_time_us(&player->session.clock, player_local_us(field, player));
    return (int64_t)(shown_us - field_server_us(field));
}

static int64_t size_of(int64_t value)
{
    return value < 0 ? -value : value;
}

static void test_drift_is_found(void **state)
{
    (void)state;
    int64_t worst_ppb = 0;
    int64_t worst_us = 0;
    for (uint32_t i = 0; i < seeds; i++) {
        struct field *field = start(impair_profile_find("dsl"), first_seed + i * SEED_DISTANCE);
        field_run(field, 70 * SECOND);
        for (uint32_t k = 0; k < PLAYERS; k++) {
            const struct player *player = &field->players[k];
            int64_t off_ppb = size_of(player->session.clock.drift_ppb + player->drift_ppm * 1000);
            int64_t off_us = size_of(clock_off_us(field, player));
            worst_ppb = off_ppb > worst_ppb ? off_ppb : worst_ppb;
            worst_us = off_us > worst_us ? off_us : worst_us;
            FIELD_CHECK(field, off_ppb < 60000 && off_us < 8000);
        }
        field_destroy(field);
    }
    printf("after 70 s of dsl: drift off by %.1f ppm at most, the clock by %.2f ms\n",
           (double)worst_ppb / 1000.0, (double)worst_us / 1000.0);
}

/* Three seconds without a packet: one second later all is as before. */
static void test_outage(void **state)
{
    (void)state;
    struct figures figures = {0};
    struct impair_profile profile = *impair_profile_find("fiber");
    profile.burst_ppm = 0;
    for (uint32_t i = 0; i < seeds; i++) {
        struct field *field = start(&profile, first_seed + i * SEED_DISTANCE);
        field_run(field, 5 * SECOND);
        net_outage(field->net, field->now_us + 3 * SECOND);
        field_run(field, 4 * SECOND);
        measure(field, 3 * SECOND, &figures);
        FIELD_CHECK(field, figures.in_time_least >= 9900);
        field_destroy(field);
    }
    print_figures("after 3 s of outage", &figures);
}

/* The server stands still for 400 ms, then skips what it missed: time goes on at the clients, and
 * what they are told of is never in the past of what they were told before. */
static void test_a_hitch_warps_no_clock(void **state)
{
    (void)state;
    int64_t worst_us = 0;
    for (uint32_t i = 0; i < seeds; i++) {
        struct field *field = start(impair_profile_find("lan"), first_seed + i * SEED_DISTANCE);
        field_run(field, 5 * SECOND);
        for (uint32_t hitch = 0; hitch < 3; hitch++) {
            uint64_t snapshot_tick[PLAYERS] = {0};
            uint64_t shown_us[PLAYERS] = {0};
            field->hitch_until_us = field->now_us + 400000;
            for (uint32_t step = 0; step < 1000; step++) {
                field_run(field, 1000);
                for (uint32_t k = 0; k < PLAYERS; k++) {
                    const struct player *player = &field->players[k];
                    uint64_t now_us = tw_client_clock_time_us(&player->session.clock,
                                                              player_local_us(field, player));
                    int64_t off_us = size_of(clock_off_us(field, player));
                    worst_us = off_us > worst_us ? off_us : worst_us;
                    FIELD_CHECK(field, now_us > shown_us[k] && off_us < 2000);
                    FIELD_CHECK(field, player->session.snapshot_tick >= snapshot_tick[k]);
                    shown_us[k] = now_us;
                    snapshot_tick[k] = player->session.snapshot_tick;
                }
            }
        }
        field_destroy(field);
    }
    printf("three hitches of 400 ms: the clock was off by %.2f ms at most\n",
           (double)worst_us / 1000.0);
}

/* Snapshots are there when they are to be shown: of 1,000 looks, at most 20 come too late. */
static void test_interpolation_delay_suffices(void **state)
{
    (void)state;
    for (uint32_t i = 0; i < impair_profile_count; i++) {
        struct impair_profile profile = impair_profiles[i];
        profile.burst_ppm = 0;
        uint64_t looks = 0;
        uint64_t short_of = 0;
        uint64_t delay_us = 0;
        for (uint32_t k = 0; k < seeds; k++) {
            struct field *field = start(&profile, first_seed + k * SEED_DISTANCE);
            field_run(field, 5 * SECOND);
            for (uint32_t step = 0; step < 1000; step++, looks++) {
                field_run(field, 7000);
                const struct player *player = &field->players[step % PLAYERS];
                const struct tw_client_session *session = &player->session;
                uint64_t server_us =
                    tw_client_clock_time_us(&session->clock, player_local_us(field, player));
                uint64_t behind_us =
                    (uint64_t)tw_client_playout_delay_us(&session->playout, server_us);
                uint64_t due_us = tw_client_clock_due_us(&session->clock, session->snapshot_tick);
                short_of += server_us - behind_us > due_us;
                delay_us += behind_us;
            }
            field_destroy(field);
        }
        printf("%-22s interpolation delay %5.1f ms, short in %5.2f %%\n", profile.name,
               (double)delay_us / (double)looks / 1000.0, (double)short_of / (double)looks * 100.0);
        assert_true(short_of * 50u <= looks);
    }
}

int main(int argc, char **argv)
{
    (void)sim_seeds_parse(argc, argv, 1000, &first_seed, &seeds);
    if (sodium_init() < 0)
        return 1;
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_profiles_without_bursts),
        cmocka_unit_test(test_asymmetric_ways),
        cmocka_unit_test(test_swings),
        cmocka_unit_test(test_swings_without_rest),
        cmocka_unit_test(test_drift_is_found),
        cmocka_unit_test(test_outage),
        cmocka_unit_test(test_a_hitch_warps_no_clock),
        cmocka_unit_test(test_interpolation_delay_suffices),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
