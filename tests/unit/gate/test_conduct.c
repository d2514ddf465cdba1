/* SPDX-License-Identifier: BSD-3-Clause */
/* What is charged, what is not, and what becomes of a session: every kind of misbehaviour. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>
#include <sodium.h>

#include "dataplane/gate/conduct.h"
#include "tickwire/wire.h"

#define MS     UINT64_C(1000000)
#define SECOND (1000u * MS)

static struct tw_config config; /* what the rules are of */
static struct tw_conduct_rules rules;
static struct tw_conduct conduct;
static struct tw_conduct_verdict verdict; /* of the newest packet */
static struct tw_client_frames frames;
static uint32_t charged[TW_CONDUCT_COUNT]; /* ever */
static uint64_t now_ns;
static uint64_t sequence;

static void make_rules(uint32_t tick_hz, uint32_t actions_per_s)
{
    tw_config_defaults(&config);
    config.world.tick_hz = tick_hz;
    config.conduct.actions_per_s = actions_per_s;
    config.conduct.warn_score = 10;
    config.conduct.throttle_score = 20;
    config.conduct.disconnect_score = 40;
    config.conduct.decay_per_s = 2;
    tw_conduct_rules_make(&rules, &config);
}

static int setup(void **state)
{
    (void)state; /* also called within a test */
    make_rules(60, 5);
    memset(&conduct, 0, sizeof(conduct));
    memset(charged, 0, sizeof(charged));
    now_ns = 100 * SECOND;
    sequence = 1;
    return 0;
}

static uint32_t tick_now(void)
{
    return (uint32_t)(now_ns * 60u / SECOND);
}

static void judge(uint64_t number)
{
    struct tw_conduct_packet packet = {
        .sequence = number, .now_ns = now_ns, .now_tick = tick_now()};
    memset(&verdict, 0, sizeof(verdict));
    bool act = tw_conduct_judge(&conduct, &rules, &packet, &frames, &verdict);
    if (!act)
        assert_true(sodium_is_zero((const unsigned char *)&verdict, sizeof(verdict)));
    for (uint32_t i = 0; i < TW_CONDUCT_COUNT; i++)
        charged[i] += verdict.charged[i];
}

/* One input for `tick`. */
static void send(uint32_t tick, uint16_t buttons)
{
    frames = (struct tw_client_frames){.has_inputs = true, .input_count = 1, .newest_tick = tick};
    frames.inputs[0].buttons = buttons;
    judge(sequence++);
}

/* A tick of playing, with a button as told. */
static void play(uint16_t buttons)
{
    now_ns += SECOND / 60u;
    send(tick_now() + 2u, buttons);
}

static uint32_t score(void)
{
    return tw_conduct_score(&conduct, &rules, now_ns);
}

static void test_playing_costs_nothing(void **state)
{
    (void)state;
    for (uint32_t i = 0; i < 6000; i++)
        play(i % 20u < 5u ? 1u : 0u);
    assert_int_equal(score(), 0);
    for (uint32_t i = 0; i < TW_CONDUCT_COUNT; i++)
        assert_int_equal(charged[i], 0);
    assert_int_equal(conduct.stage, TW_CONDUCT_GOOD);
}

/* What waited for three seconds in a queue comes at once, pressed buttons and all. */
static void test_a_queue_that_empties(void **state)
{
    (void)state;
    uint32_t first = tick_now();
    now_ns += 3 * SECOND;
    for (uint32_t i = 0; i < 180; i++) {
        send(first + i, i % 20u < 5u ? 1u : 0u);
        assert_true(frames.has_inputs);
    }
    assert_int_equal(score(), 0);
}

static void test_too_many_packets(void **state)
{
    (void)state;
    uint32_t dropped = 0;
    bool closed = false;
    for (uint32_t i = 0; i < 250 * 8 && !closed; i++) {
        now_ns += SECOND / 250u;
        send(tick_now() + 2u, 0);
        dropped += verdict.inputs_dropped;
        closed = verdict.close;
    }
    assert_true(closed);
    assert_true(dropped >= 40);
    assert_int_equal(charged[TW_CONDUCT_WARNED], 1);
    assert_int_equal(charged[TW_CONDUCT_THROTTLED], 1);
    assert_int_equal(charged[TW_CONDUCT_DISCONNECTED], 1);
    assert_int_equal(charged[TW_CONDUCT_INPUT_AHEAD] + charged[TW_CONDUCT_TIME_BACK], 0);
}

static void test_ticks_ahead(void **state)
{
    (void)state;
    now_ns += SECOND;
    send(tick_now() + 60u, 0);
    assert_int_equal(score(), 0);
    send(tick_now() + 61u, 1);
    assert_int_equal(score(), 2);
    assert_int_equal(conduct.kind, TW_CONDUCT_INPUT_AHEAD);
    assert_int_equal(frames.inputs[0].buttons, 0);
    send(UINT32_MAX, 0);
    assert_int_equal(score(), 4);
    assert_int_equal(conduct.newest_tick, tick_now() + 60u);
}

static void test_time_goes_back(void **state)
{
    (void)state;
    now_ns += SECOND;
    uint32_t tick = tick_now();
    send(tick, 0);
    send(tick, 0); /* repeated: the server has not said that it has it */
    assert_int_equal(score(), 0);
    frames.newest_tick = tick - 5u;
    frames.has_inputs = true;
    judge(1); /* an older packet, late */
    assert_int_equal(score(), 0);
    send(tick - 1u, 0);
    assert_int_equal(score(), 5);
    assert_int_equal(conduct.kind, TW_CONDUCT_TIME_BACK);

    frames = (struct tw_client_frames){.has_ping = true, .ping_time_us = 1000};
    judge(sequence++);
    frames.ping_time_us = 900;
    judge(sequence - 2u); /* late */
    assert_int_equal(score(), 5);
    judge(sequence++);
    assert_int_equal(score(), 10);
    assert_int_equal(conduct.stage, TW_CONDUCT_WARNED_STAGE);
}

static void test_presses_too_many(void **state)
{
    (void)state;
    rules.warn = rules.throttle = rules.disconnect = UINT32_MAX; /* nothing else interferes */
    uint32_t pressed = 0;
    for (uint32_t i = 0; i < 60; i++) {
        play(i % 2u);
        pressed += frames.inputs[0].buttons != 0;
    }
    /* Five of thirty, in a second; the next one may be a second after the first. */
    assert_int_equal(pressed, 5);
    assert_int_equal(charged[TW_CONDUCT_ACTIONS], 25);
    play(0);
    play(1);
    assert_int_equal(frames.inputs[0].buttons, 1);
    assert_int_equal(charged[TW_CONDUCT_ACTIONS], 25);
    /* Held on, a press that did nothing goes on doing nothing; released, it may be anew. */
    setup(NULL);
    for (uint32_t i = 0; i < 10; i++)
        play(i % 2u);
    play(0);
    play(1);
    assert_int_equal(frames.inputs[0].buttons, 0);
    play(1);
    assert_int_equal(frames.inputs[0].buttons, 0);
    for (uint32_t i = 0; i < 60; i++)
        play(0);
    play(1);
    assert_int_equal(frames.inputs[0].buttons, 1);
    play(1);
    assert_int_equal(frames.inputs[0].buttons, 1);
}

/* Presses that do something, of five which begin `ticks` apart. */
static uint32_t count_of_five(uint32_t ticks)
{
    uint32_t pressed = 0;
    setup(NULL);
    tw_config_defaults(&config);
    tw_conduct_rules_make(&rules, &config);
    for (uint32_t tick = 0; tick <= 4u * ticks; tick++) {
        play(tick % ticks == 0);
        pressed += frames.inputs[0].buttons != 0;
    }
    return pressed;
}

/* Without a word from the operator five within less than a second are refused: the fifth is. */
static void test_five_in_less_than_a_second(void **state)
{
    (void)state;
    assert_int_equal(count_of_five(2), 4);
    assert_int_equal(count_of_five(14), 4); /* 56 ticks */
    assert_int_equal(charged[TW_CONDUCT_ACTIONS], 1);
    assert_int_equal(count_of_five(15), 5); /* a second */
    assert_int_equal(charged[TW_CONDUCT_ACTIONS], 0);
}

/* Whatever is pressed when: of each second, but for a sixteenth, no more than the limit does
 * something, and a press with fewer than that in the second before it always does. */
static void check_any_second(uint32_t hz, uint32_t limit, uint64_t seed)
{
    uint32_t took[4000], count = 0, pause = 0, refused = 0;
    bool held = false;
    setup(NULL);
    make_rules(hz, limit);
    rules.warn = rules.throttle = rules.disconnect = UINT32_MAX;
    for (uint32_t tick = 1000; tick < 5000; tick++) {
        seed = seed * 6364136223846793005u + 1442695040888963407u;
        uint32_t dice = (uint32_t)(seed >> 40);
        if (pause == 0 && dice % 97u == 0)
            pause = dice / 97u % (2u * hz);
        pause -= pause > 0;
        bool fresh = !held && pause == 0 && dice % 3u != 0;
        held = fresh;
        frames =
            (struct tw_client_frames){.has_inputs = true, .input_count = 1, .newest_tick = tick};
        frames.inputs[0].buttons = fresh;
        now_ns += SECOND / hz;
        struct tw_conduct_packet packet = {
            .sequence = sequence++, .now_ns = now_ns, .now_tick = tick};
        memset(&verdict, 0, sizeof(verdict));
        (void)tw_conduct_judge(&conduct, &rules, &packet, &frames, &verdict);
        if (!fresh)
            continue;
        uint32_t before = 0, nearly = 0;
        for (uint32_t i = 0; i < count; i++) {
            before += tick - took[i] < hz;
            nearly += (tick - took[i]) * 16u < 15u * hz;
        }
        bool does = frames.inputs[0].buttons != 0;
        refused += !does;
        if (does)
            took[count++] = tick;
        if (does ? nearly >= limit : before < limit && hz <= 2u * TW_CONDUCT_SLOTS)
            fail_msg("%u ticks a second, %u presses, tick %u: %u in a second before it, %u nearly",
                     hz, limit, tick, before, nearly);
    }
    assert_true(count > limit && refused > 0);
}

static void test_presses_of_any_second(void **state)
{
    (void)state;
    static const uint32_t rates[] = {20, 30, 33, 60, 64, 65, 128, 240};
    for (size_t i = 0; i < sizeof(rates) / sizeof(rates[0]); i++) {
        for (uint32_t limit = 1; limit <= 6; limit++)
            check_any_second(rates[i], limit, limit + 100u * i);
    }
}

/* Faster than they are told apart: no limit. */
static void test_presses_without_limit(void **state)
{
    (void)state;
    make_rules(60, 30);
    for (uint32_t i = 0; i < 200; i++) {
        play(i % 2u);
        assert_int_equal(frames.inputs[0].buttons, i % 2u);
    }
    assert_int_equal(charged[TW_CONDUCT_ACTIONS], 0);
}

/* Two within a slot: once, and nothing is held against whose switch bounces. */
static void test_a_switch_that_bounces(void **state)
{
    (void)state;
    make_rules(240, 5);
    for (uint32_t i = 0; i < 8; i++) {
        send(1600 + i, i % 2u);
        assert_int_equal(frames.inputs[0].buttons, i == 1);
    }
    assert_int_equal(charged[TW_CONDUCT_ACTIONS], 0);
}

/* Another process of the player begins at an earlier tick: that empties nothing. */
static void test_presses_go_along(void **state)
{
    (void)state;
    struct tw_conduct next = {0};
    for (uint32_t i = 0; i < 10; i++)
        play(i % 2u);
    assert_int_equal(charged[TW_CONDUCT_ACTIONS], 0);
    tw_conduct_inherit(&next, &conduct);
    conduct = next;
    sequence = 1;
    send(tick_now() - 100u, 1);
    assert_int_equal(frames.inputs[0].buttons, 0);
    send(tick_now() - 99u, 0);
    send(tick_now(), 1);
    assert_int_equal(frames.inputs[0].buttons, 0);
    assert_int_equal(charged[TW_CONDUCT_ACTIONS], 2);
    assert_int_equal(charged[TW_CONDUCT_TIME_BACK], 0);
}

/* Buttons have a rate each; presses of ticks that come out of turn do nothing. */
static void test_buttons_apart_and_out_of_turn(void **state)
{
    (void)state;
    for (uint32_t i = 0; i < 10; i++)
        play(i % 2u ? 0xffu : 0u);
    assert_int_equal(charged[TW_CONDUCT_ACTIONS], 0);
    uint32_t newest = conduct.newest_tick;
    frames =
        (struct tw_client_frames){.has_inputs = true, .input_count = 8, .newest_tick = newest + 1u};
    for (uint32_t i = 0; i < 8; i++)
        frames.inputs[i].buttons = i % 2u ? 2u : 0u;
    judge(sequence++);
    for (uint32_t i = 1; i < 8; i++)
        assert_int_equal(frames.inputs[i].buttons, 0);
}

static void test_ticks_wrap_the_rate_of_presses(void **state)
{
    (void)state;
    static const uint32_t ticks[] = {1, 1u << 27, (1u << 27) + 5u, 1u << 28, UINT32_MAX - 40u};
    for (size_t i = 0; i < sizeof(ticks) / sizeof(ticks[0]); i++) {
        memset(&conduct, 0, sizeof(conduct));
        now_ns = (uint64_t)ticks[i] * SECOND / 60u;
        for (uint32_t k = 0; k < 10; k++)
            send(ticks[i] + k, (uint16_t)(k % 2u));
        assert_int_equal(score(), 0);
    }
}

/* Other thresholds than those of before. */
static const struct tw_config_conduct others = {.input_rate_percent = 200,
                                                .input_burst_s = 2,
                                                .input_ahead_ticks = 20,
                                                .time_back_ms = 100,
                                                .actions_per_s = 2,
                                                .input_packets_points = 7,
                                                .input_ahead_points = 11,
                                                .time_back_points = 13,
                                                .actions_points = 17,
                                                .warn_score = 100,
                                                .throttle_score = 200,
                                                .disconnect_score = 300,
                                                .forgive_percent = 80,
                                                .throttled_percent = 10,
                                                .decay_per_s = 20};

static void begin_with_others(void)
{
    setup(NULL);
    config.conduct = others;
    tw_conduct_rules_make(&rules, &config);
    now_ns += SECOND;
}

static void test_other_rate(void **state)
{
    (void)state;
    begin_with_others();
    uint32_t tick = tick_now();
    for (uint32_t i = 0; i < 120; i++) /* two seconds' ticks at once */
        send(tick, 0);
    assert_int_equal(score(), 0);
    send(tick, 0);
    assert_int_equal(score(), 7);
    now_ns += SECOND / 2u; /* 60 more, and one too many */
    for (uint32_t i = 0; i < 61; i++)
        send(tick, 0);
    assert_int_equal(charged[TW_CONDUCT_INPUT_PACKETS], 2);
}

static void test_other_times(void **state)
{
    (void)state;
    begin_with_others();
    uint32_t tick = tick_now();
    send(tick + 20u, 0);
    assert_int_equal(score(), 0);
    send(tick + 21u, 0);
    assert_int_equal(score(), 11);
    send(tick + 14u, 0); /* 6 ticks are 100 ms */
    assert_int_equal(score(), 11);
    send(tick + 13u, 0);
    assert_int_equal(score(), 24);
    /* It is forgiven, and does nothing. */
    send(tick + 19u, 1);
    assert_int_equal(frames.inputs[0].buttons, 0);
    frames = (struct tw_client_frames){.has_ping = true, .ping_time_us = 1000000};
    judge(sequence++);
    frames.ping_time_us = 900000;
    judge(sequence++);
    assert_int_equal(score(), 24);
    frames.ping_time_us = 799999;
    judge(sequence++);
    assert_int_equal(score(), 37);
}

static void test_other_stages(void **state)
{
    (void)state;
    begin_with_others();
    /* Six presses, of which two do something. */
    for (uint32_t i = 0; i < 12; i++)
        play(i % 2u);
    assert_int_equal(charged[TW_CONDUCT_ACTIONS], 4);
    assert_in_range(score(), 4u * 17u - 4u, 4u * 17u);
    while (conduct.stage != TW_CONDUCT_THROTTLED_STAGE)
        send(UINT32_MAX, 0);
    assert_in_range(score(), 200, 210);
    /* Six packets a second, and four at first; until there are fewer than 80 points. */
    uint32_t in = 0;
    for (uint32_t i = 0; i < 60u * 5u; i++) {
        play(0);
        in += frames.passed_over == 0;
    }
    assert_in_range(in, 30, 35);
    while (score() >= 80) {
        assert_int_equal(conduct.stage, TW_CONDUCT_THROTTLED_STAGE);
        play(0);
    }
    play(0);
    assert_int_equal(conduct.stage, TW_CONDUCT_GOOD);
}

static void carry(uint32_t points, uint8_t stage)
{
    const struct tw_conduct_past past = {
        .score = points, .stage = stage, .kind = TW_CONDUCT_ACTIONS};
    memset(&verdict, 0, sizeof(verdict));
    tw_conduct_carry(&conduct, &rules, &past, now_ns, &verdict);
}

/* Packets repeat inputs, and may be for ticks that are charged and cost nothing: a throttled
 * session has no more of them taken, each for a tick of its own. */
static void test_throttled_is_by_inputs(void **state)
{
    (void)state;
    for (uint32_t ahead = 2; ahead <= 40; ahead += 38) {
        begin_with_others();
        config.conduct.input_ahead_points = 0;
        tw_conduct_rules_make(&rules, &config);
        carry(290, TW_CONDUCT_THROTTLED_STAGE);
        uint64_t ticks = 0; /* taken, of a second's */
        uint32_t first = tick_now(), dropped = 0;
        for (uint32_t i = 0; i < 60; i++) {
            now_ns = 101 * SECOND + (i + 1u) * SECOND / 60u;
            frames = (struct tw_client_frames){
                .has_inputs = true, .input_count = 8, .newest_tick = first + i + ahead};
            judge(sequence++);
            dropped += verdict.inputs_dropped;
            uint32_t count = (uint32_t)frames.input_count - frames.passed_over;
            for (uint32_t newer = 0; newer < count; newer++)
                ticks |= newer > i ? 0 : UINT64_C(1) << (i - newer);
        }
        assert_in_range(__builtin_popcountll(ticks), 6, 10); /* a tenth, and four at first */
        assert_int_equal(dropped, 0); /* counted where they are passed over */
    }
}

/* What costs nothing is counted all the same, each time. */
static void test_charges_that_cost_nothing(void **state)
{
    (void)state;
    setup(NULL);
    config.conduct.input_ahead_points = 0;
    tw_conduct_rules_make(&rules, &config);
    for (uint32_t i = 0; i < 5; i++)
        send(UINT32_MAX, 0);
    assert_int_equal(charged[TW_CONDUCT_INPUT_AHEAD], 5);
    assert_int_equal(score(), 0);
}

/* 10 warn, 20 throttle, 40 close, 5 forgiven. */
static void test_the_past_counts(void **state)
{
    (void)state;
    carry(12, TW_CONDUCT_WARNED_STAGE);
    assert_int_equal(score(), 12);
    assert_int_equal(conduct.stage, TW_CONDUCT_WARNED_STAGE);
    assert_int_equal(conduct.kind, TW_CONDUCT_ACTIONS);
    assert_true(verdict.notice && verdict.is_staged && !verdict.close);
    assert_int_equal(verdict.charged[TW_CONDUCT_CARRIED], 1);
    assert_int_equal(verdict.charged[TW_CONDUCT_WARNED], 1);
    /* Said again, and a second later, as what is left of it: nothing new. */
    carry(12, TW_CONDUCT_WARNED_STAGE);
    now_ns += SECOND;
    carry(10, TW_CONDUCT_WARNED_STAGE);
    assert_true(sodium_is_zero((const unsigned char *)&verdict, sizeof(verdict)));
    assert_int_equal(score(), 10);
    /* What it does itself comes on top: throttled with the fifth, not the tenth. */
    for (uint32_t i = 0; i < 5; i++) {
        assert_int_not_equal(conduct.stage, TW_CONDUCT_THROTTLED_STAGE);
        send(UINT32_MAX, 0);
    }
    assert_int_equal(conduct.stage, TW_CONDUCT_THROTTLED_STAGE);
    /* Less than it has by itself. */
    carry(15, TW_CONDUCT_WARNED_STAGE);
    assert_true(sodium_is_zero((const unsigned char *)&verdict, sizeof(verdict)));
    assert_int_equal(score(), 20);
}

static void test_a_stage_goes_along(void **state)
{
    (void)state;
    /* Was throttled, and is not forgiven yet. */
    carry(6, TW_CONDUCT_THROTTLED_STAGE);
    assert_int_equal(conduct.stage, TW_CONDUCT_THROTTLED_STAGE);
    assert_int_equal(verdict.charged[TW_CONDUCT_THROTTLED], 1);
    play(1);
    assert_int_equal(frames.inputs[0].buttons, 0);
    now_ns += SECOND;
    play(1);
    assert_int_equal(conduct.stage, TW_CONDUCT_GOOD);
    /* Forgiven meanwhile. */
    carry(4, TW_CONDUCT_THROTTLED_STAGE);
    assert_int_equal(conduct.stage, TW_CONDUCT_GOOD);
    assert_false(verdict.notice);
    /* What it does itself since is no reason to take up what was forgiven. */
    send(UINT32_MAX, 0);
    assert_int_equal(score(), 6);
    carry(4, TW_CONDUCT_THROTTLED_STAGE);
    assert_int_equal(conduct.stage, TW_CONDUCT_GOOD);
}

/* Whoever was closed and comes back may stay until he begins again. */
static void test_a_closed_one_that_comes_back(void **state)
{
    (void)state;
    carry(41, TW_CONDUCT_THROTTLED_STAGE);
    assert_false(verdict.close);
    for (uint32_t i = 0; i < 6; i++) {
        play(0);
        assert_false(verdict.close);
    }
    carry(UINT32_MAX, TW_CONDUCT_THROTTLED_STAGE);
    assert_false(verdict.close);
    send(UINT32_MAX, 0);
    assert_true(verdict.close);
}

static void test_a_reset(void **state)
{
    (void)state;
    carry(30, TW_CONDUCT_THROTTLED_STAGE);
    memset(&verdict, 0, sizeof(verdict));
    tw_conduct_reset(&conduct, 7, now_ns, &verdict);
    assert_int_equal(score(), 0);
    assert_int_equal(conduct.stage, TW_CONDUCT_GOOD);
    assert_true(verdict.notice && verdict.is_staged);
    assert_int_equal(verdict.charged[TW_CONDUCT_RESET], 1);
    play(1);
    assert_int_equal(frames.inputs[0].buttons, 1);
    /* Told again it takes nothing of what was done since; nor does an older one. */
    send(UINT32_MAX, 0);
    memset(&verdict, 0, sizeof(verdict));
    tw_conduct_reset(&conduct, 7, now_ns, &verdict);
    tw_conduct_reset(&conduct, 6, now_ns, &verdict);
    assert_true(sodium_is_zero((const unsigned char *)&verdict, sizeof(verdict)));
    assert_int_equal(score(), 2);
    tw_conduct_reset(&conduct, 8, now_ns, &verdict);
    assert_int_equal(score(), 0);
}

/* Whoever goes on in another session has obeyed what the one before did. */
static void test_a_reset_goes_along(void **state)
{
    (void)state;
    struct tw_conduct next = {.since = 9};
    tw_conduct_reset(&conduct, 7, now_ns, &verdict);
    tw_conduct_inherit(&next, &conduct);
    assert_int_equal(next.since, 7);
}

/* Warned at a score and forgiven right below it, with every other packet: told at a distance. */
static void test_a_score_about_the_bound(void **state)
{
    (void)state;
    uint32_t stages = 0, notices = 0, seconds = 5;
    config.conduct.forgive_percent = 100;
    config.conduct.decay_per_s = 1000;
    config.conduct.input_ahead_points = 11;
    tw_conduct_rules_make(&rules, &config);
    for (uint32_t i = 0; i < seconds * 100u; i++) {
        now_ns += 5 * MS;
        send(UINT32_MAX, 0);
        stages += verdict.is_staged;
        notices += verdict.notice;
        now_ns += 5 * MS;
        send(tick_now() + 2u, 0);
        stages += verdict.is_staged;
        notices += verdict.notice;
    }
    assert_in_range(stages, 2, 4u * seconds);
    assert_in_range(notices, stages, 4u * seconds + 1u);
    /* And forgiven in the end. */
    now_ns += SECOND;
    play(0);
    assert_int_equal(conduct.stage, TW_CONDUCT_GOOD);
}

static void test_stages(void **state)
{
    (void)state;
    now_ns += SECOND;
    for (uint32_t i = 0; i < 5; i++) {
        send(UINT32_MAX, 0);
        assert_int_equal(verdict.notice, i == 4u);
    }
    assert_int_equal(conduct.stage, TW_CONDUCT_WARNED_STAGE);
    send(UINT32_MAX, 0);
    assert_false(verdict.notice); /* told just now */
    now_ns += SECOND;
    send(UINT32_MAX, 0);
    assert_true(verdict.notice); /* it goes on: told again */
    for (uint32_t i = 0; i < 4; i++)
        send(UINT32_MAX, 0);
    assert_int_equal(conduct.stage, TW_CONDUCT_THROTTLED_STAGE);
    assert_true(verdict.notice);
    /* Half of the inputs, no buttons. */
    uint32_t in = 0;
    for (uint32_t i = 0; i < 120; i++) {
        play(1);
        in += frames.passed_over == 0;
        assert_int_equal(frames.inputs[0].buttons, 0);
    }
    assert_in_range(in, 55, 66);
    assert_int_equal(conduct.stage, TW_CONDUCT_THROTTLED_STAGE);
    /* 20 points decay at 2 a second: below 5 all is forgiven, and the client hears of it. */
    bool told = false;
    for (uint32_t i = 0; i < 600; i++) {
        play(0);
        told |= verdict.notice && conduct.stage == TW_CONDUCT_GOOD;
    }
    assert_true(told);
    assert_int_equal(conduct.stage, TW_CONDUCT_GOOD);
    play(1);
    assert_int_equal(frames.inputs[0].buttons, 1);
    /* And again, to the end. */
    bool closed = false;
    for (uint32_t i = 0; i < 20 && !closed; i++) {
        send(UINT32_MAX, 0);
        closed = verdict.close;
    }
    assert_true(closed);
    assert_false(verdict.notice);
    assert_int_equal(charged[TW_CONDUCT_WARNED], 2);
    assert_int_equal(charged[TW_CONDUCT_DISCONNECTED], 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(test_playing_costs_nothing, setup),
        cmocka_unit_test_setup(test_a_queue_that_empties, setup),
        cmocka_unit_test_setup(test_too_many_packets, setup),
        cmocka_unit_test_setup(test_ticks_ahead, setup),
        cmocka_unit_test_setup(test_time_goes_back, setup),
        cmocka_unit_test_setup(test_presses_too_many, setup),
        cmocka_unit_test_setup(test_five_in_less_than_a_second, setup),
        cmocka_unit_test_setup(test_presses_of_any_second, setup),
        cmocka_unit_test_setup(test_presses_without_limit, setup),
        cmocka_unit_test_setup(test_a_switch_that_bounces, setup),
        cmocka_unit_test_setup(test_presses_go_along, setup),
        cmocka_unit_test_setup(test_buttons_apart_and_out_of_turn, setup),
        cmocka_unit_test_setup(test_ticks_wrap_the_rate_of_presses, setup),
        cmocka_unit_test_setup(test_other_rate, setup),
        cmocka_unit_test_setup(test_other_times, setup),
        cmocka_unit_test_setup(test_other_stages, setup),
        cmocka_unit_test_setup(test_throttled_is_by_inputs, setup),
        cmocka_unit_test_setup(test_charges_that_cost_nothing, setup),
        cmocka_unit_test_setup(test_the_past_counts, setup),
        cmocka_unit_test_setup(test_a_stage_goes_along, setup),
        cmocka_unit_test_setup(test_a_closed_one_that_comes_back, setup),
        cmocka_unit_test_setup(test_a_reset, setup),
        cmocka_unit_test_setup(test_a_reset_goes_along, setup),
        cmocka_unit_test_setup(test_a_score_about_the_bound, setup),
        cmocka_unit_test_setup(test_stages, setup),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
