/* SPDX-License-Identifier: BSD-3-Clause */
/* Limits of filter rules without packets: exact levels, sources, who pays and who does not. */
#include "tests/unit/gate/filter_rig.h"

#define FORGED TW_OUTCOME_TAG_WRONG
#define HARD   TW_OUTCOME_FILTER_HARD

/* A packet under this session's id, and what the tests after the filter say. */
static uint16_t under_id(struct rig *rig, uint32_t ipv4, uint32_t session, uint16_t outcome)
{
    struct tw_address address = tw_address_from_ipv4(ipv4, 0);
    struct tw_filter_view view = {.ip = address.ip,
                                  .length = FRAME,
                                  .session = session,
                                  .class = TW_FILTER_KNOWN,
                                  .outcome = OPEN};
    tw_filter_admit(&rig->filter, &view, 1, rig->now_ns);
    if (view.limit == 0)
        return view.outcome;
    view.outcome = outcome;
    tw_filter_settle(&rig->filter, &view, rig->now_ns);
    return view.outcome;
}

/* ---- levels --------------------------------------------------------------------------------- */

/* One bucket as it is meant, in whole numbers of the smallest unit there is. */
struct model {
    uint64_t per_second, level; /* in packets x ns */
};

static bool model_take(struct model *model, uint64_t elapsed_ns, bool pay)
{
    uint64_t full = model->per_second * SECOND_NS;
    uint64_t gained = elapsed_ns >= SECOND_NS ? full : model->per_second * elapsed_ns;
    model->level = model->level + gained > full ? full : model->level + gained;
    if (model->level < SECOND_NS)
        return false;
    if (pay)
        model->level -= SECOND_NS;
    return true;
}

/* Every single decision, at random times, against the definition. */
static void test_soft_and_hard_levels_are_exact(void **state)
{
    struct rig *rig = *state;
    uint64_t seed = randombytes_random() + UINT64_C(1);
    struct model soft = {70, 70 * SECOND_NS}, hard = {100, 100 * SECOND_NS};
    uint64_t seen[3] = {0};
    rig->random = seed;
    limit(rig, (struct tw_filter_level){70, 100}, (struct tw_filter_level){0, 0},
          (struct tw_filter_level){0, 0});
    for (uint32_t n = 0; n < 20000; n++) {
        uint64_t step_ns = draw(rig) % 500 == 0 ? draw(rig) % (2 * SECOND_NS) : draw(rig) % 6000000;
        bool is_known = draw(rig) % 2 == 0;
        rig->now_ns += step_ns;
        bool above_hard = !model_take(&hard, step_ns, false);
        bool above_soft = !model_take(&soft, step_ns, false);
        uint16_t wanted = above_hard                ? TW_OUTCOME_FILTER_HARD
                          : above_soft && !is_known ? TW_OUTCOME_FILTER_SOFT
                                                    : OPEN;
        if (wanted == OPEN) {
            (void)model_take(&hard, 0, true);
            if (!above_soft)
                (void)model_take(&soft, 0, true);
        }
        uint16_t found =
            send(rig, 0x0a000001, is_known ? TW_FILTER_KNOWN : TW_FILTER_STRANGER, FRAME);
        if (found != wanted)
            fail_msg("seed %llu, packet %u: %u, expected %u", (unsigned long long)seed, n, found,
                     wanted);
        seen[wanted == OPEN ? 0 : wanted == TW_OUTCOME_FILTER_SOFT ? 1 : 2]++;
    }
    assert_true(seen[0] > 1000 && seen[1] > 1000 && seen[2] > 100);
    assert_int_equal(tw_counter_get(&rig->counters.filters[0].packets), 20000);
    assert_int_equal(tw_counter_get(&rig->counters.filters[0].dropped), seen[1] + seen[2]);
}

static void test_bits_count_whole_frames(void **state)
{
    struct rig *rig = *state;
    /* 2,000 bytes a second soft, 4,000 hard. */
    limit(rig, (struct tw_filter_level){0, 0}, (struct tw_filter_level){16000, 32000},
          (struct tw_filter_level){0, 0});
    assert_int_equal(send(rig, 0x0a000001, TW_FILTER_STRANGER, 1500), OPEN);
    assert_int_equal(send(rig, 0x0a000001, TW_FILTER_STRANGER, 501), TW_OUTCOME_FILTER_SOFT);
    assert_int_equal(send(rig, 0x0a000001, TW_FILTER_STRANGER, 500), OPEN);
    assert_int_equal(send(rig, 0x0a000001, TW_FILTER_KNOWN, 2001), TW_OUTCOME_FILTER_HARD);
    assert_int_equal(send(rig, 0x0a000001, TW_FILTER_KNOWN, 2000), OPEN);
    assert_int_equal(send(rig, 0x0a000001, TW_FILTER_KNOWN, 60), TW_OUTCOME_FILTER_HARD);
    rig->now_ns += SECOND_NS / 4; /* 1,000 bytes for the hard level, 500 for the soft one */
    assert_int_equal(send(rig, 0x0a000001, TW_FILTER_STRANGER, 501), TW_OUTCOME_FILTER_SOFT);
    assert_int_equal(send(rig, 0x0a000001, TW_FILTER_KNOWN, 1000), OPEN);
    assert_int_equal(send(rig, 0x0a000001, TW_FILTER_KNOWN, 1), TW_OUTCOME_FILTER_HARD);
}

/* The largest limits do not overflow: a 100 Gbit/s bucket holds its second and not one byte more.
 */
static void test_largest_limits(void **state)
{
    struct rig *rig = *state;
    limit(rig, (struct tw_filter_level){TW_FILTER_PPS_MAX, TW_FILTER_PPS_MAX},
          (struct tw_filter_level){TW_FILTER_BPS_MAX, TW_FILTER_BPS_MAX},
          (struct tw_filter_level){0, 0});
    uint64_t frames = TW_FILTER_BPS_MAX / 8 / 65000;
    for (uint64_t n = 0; n < frames; n++)
        assert_int_equal(send(rig, 0x0a000001, TW_FILTER_KNOWN, 65000), OPEN);
    assert_int_equal(send(rig, 0x0a000001, TW_FILTER_KNOWN, 65000), TW_OUTCOME_FILTER_HARD);
    rig->now_ns += 5200; /* 65,000 bytes at 12.5 bytes a nanosecond */
    assert_int_equal(send(rig, 0x0a000001, TW_FILTER_KNOWN, 65000), OPEN);
    assert_int_equal(send(rig, 0x0a000001, TW_FILTER_KNOWN, 65000), TW_OUTCOME_FILTER_HARD);
}

/* What the levels are for: a flood of strangers, even from a player's own address, leaves the
 * difference between hard and soft to those who play. */
static void test_no_flood_of_strangers_reaches_the_hard_level(void **state)
{
    struct rig *rig = *state;
    limit(rig, (struct tw_filter_level){1000, 1300}, (struct tw_filter_level){0, 0},
          (struct tw_filter_level){100, 200});
    for (uint32_t ms = 0; ms < 5000; ms++) {
        rig->now_ns += SECOND_NS / 1000;
        for (uint32_t n = 0; n < 20; n++)
            (void)stranger(rig, 0x0a000000 + n % 4);
        if (ms % 16 == 0) { /* 63 a second each: 252 together */
            for (uint32_t player = 0; player < 4; player++)
                assert_int_equal(known(rig, 0x0a000000 + player), OPEN);
        }
    }
    assert_true(tw_counter_get(&rig->counters.filters[0].dropped) > 90000);
}

static void test_limits_of_each_source_are_its_own(void **state)
{
    struct rig *rig = *state;
    limit(rig, (struct tw_filter_level){0, 0}, (struct tw_filter_level){0, 0},
          (struct tw_filter_level){2, 3});
    for (uint32_t source = 0; source < 100; source++) {
        uint32_t ipv4 = 0x0a000000 + source;
        assert_int_equal(stranger(rig, ipv4), OPEN);
        assert_int_equal(known(rig, ipv4), OPEN);
        assert_int_equal(stranger(rig, ipv4), TW_OUTCOME_FILTER_SOFT);
        assert_int_equal(known(rig, ipv4), OPEN);
        assert_int_equal(known(rig, ipv4), TW_OUTCOME_FILTER_HARD);
    }
    assert_int_equal(stranger(rig, 0x0b000000), OPEN); /* outside */
    assert_int_equal(tw_counter_get(&rig->counters.filters[0].packets), 500);
}

/* Packets and bits of a source at once: what runs out first counts. */
static void test_bits_of_each_source(void **state)
{
    struct rig *rig = *state;
    struct tw_filter_rule rule = rule4(TW_FILTER_LIMIT, 0x0a000000, 8);
    rule.pps = (struct tw_filter_level){0, 0};
    rule.source_bps = (struct tw_filter_level){16000, 32000}; /* 2,000 and 4,000 bytes a second */
    rule.source_pps = (struct tw_filter_level){4, 6};
    put(rig, 0, rule);
    use(rig);
    for (uint32_t source = 0x0a000001; source < 0x0a000004; source++) {
        assert_int_equal(send(rig, source, TW_FILTER_STRANGER, 1500), OPEN);
        assert_int_equal(send(rig, source, TW_FILTER_STRANGER, 501), TW_OUTCOME_FILTER_SOFT);
        assert_int_equal(send(rig, source, TW_FILTER_STRANGER, 500), OPEN);
        assert_int_equal(send(rig, source, TW_FILTER_STRANGER, 60), TW_OUTCOME_FILTER_SOFT);
        assert_int_equal(send(rig, source, TW_FILTER_KNOWN, 2001), HARD);
        assert_int_equal(send(rig, source, TW_FILTER_KNOWN, 2000), OPEN);
        assert_int_equal(send(rig, source, TW_FILTER_KNOWN, 60), HARD);
    }
    rig->now_ns += SECOND_NS / 4; /* 1,000 bytes for the hard level, 500 for the soft one */
    assert_int_equal(send(rig, 0x0a000001, TW_FILTER_STRANGER, 501), TW_OUTCOME_FILTER_SOFT);
    assert_int_equal(send(rig, 0x0a000001, TW_FILTER_KNOWN, 1000), OPEN);
    assert_int_equal(send(rig, 0x0a000001, TW_FILTER_KNOWN, 1), HARD);
    rig->now_ns += SECOND_NS; /* full again: the packets run out before the bits */
    for (uint32_t n = 0; n < 6; n++)
        assert_int_equal(send(rig, 0x0a000001, TW_FILTER_KNOWN, 60), OPEN);
    assert_int_equal(send(rig, 0x0a000001, TW_FILTER_KNOWN, 60), HARD);
}

/* Made-up sources by the hundred thousand: none of them buys the others a fresh bucket, strangers
 * wait, a player is not touched. */
static void test_full_table_of_sources(void **state)
{
    struct rig *rig = *state;
    uint32_t refused = 0;
    limit(rig, (struct tw_filter_level){0, 0}, (struct tw_filter_level){0, 0},
          (struct tw_filter_level){1, 2});
    assert_int_equal(stranger(rig, 0x0a000001), OPEN);
    for (uint32_t n = 0; n < 200000; n++)
        refused += stranger(rig, 0x0a100000 + n) == TW_OUTCOME_FILTER_SOFT;
    assert_true(refused >= 200000 - TW_FILTER_SOURCE_SETS * TW_FILTER_SOURCE_WAYS);
    assert_int_equal(stranger(rig, 0x0a000001), TW_OUTCOME_FILTER_SOFT); /* not forgotten */
    for (uint32_t n = 0; n < 1000; n++)
        assert_int_equal(known(rig, 0x0afe0000 + n), OPEN);
    rig->now_ns += SECOND_NS; /* all buckets are full: all entries can be given away */
    for (uint32_t n = 0; n < 100; n++)
        assert_int_equal(stranger(rig, 0x0afd0000 + n), OPEN);
}

static void test_one_ipv6_network_is_one_source(void **state)
{
    struct rig *rig = *state;
    struct tw_filter_rule rule = {
        .kind = TW_FILTER_LIMIT, .prefix_length = 16, .ip = {0x20, 1}, .source_pps = {3, 3}};
    uint8_t ip[16] = {0x20, 1, 0x0d, 0xb8};
    put(rig, 0, rule);
    use(rig);
    for (uint8_t n = 0; n < 8; n++) {
        struct tw_filter_view view = {.ip = ip, .length = FRAME, .outcome = OPEN};
        ip[7] = n / 4;  /* the last byte of the /64 */
        ip[15] = n % 4; /* hosts in it */
        tw_filter_admit(&rig->filter, &view, 1, rig->now_ns);
        assert_int_equal(view.outcome, n % 4 < 3 ? OPEN : TW_OUTCOME_FILTER_HARD);
    }
}

/* ---- after the cipher ----------------------------------------------------------------------- */

/* Admitted in one burst, before any of them was opened: only as many pass as the level has room. */
static void test_a_burst_pays_exactly(void **state)
{
    struct rig *rig = *state;
    struct tw_address address = tw_address_from_ipv4(0x0a000001, 0);
    struct tw_filter_view views[32];
    uint32_t passed = 0;
    limit(rig, (struct tw_filter_level){10, 20}, (struct tw_filter_level){0, 0},
          (struct tw_filter_level){0, 0});
    for (uint32_t i = 0; i < 32; i++)
        views[i] = (struct tw_filter_view){
            .ip = address.ip, .length = FRAME, .class = TW_FILTER_KNOWN, .outcome = OPEN};
    tw_filter_admit(&rig->filter, views, 32, rig->now_ns);
    for (uint32_t i = 0; i < 32; i++) {
        assert_int_equal(views[i].outcome, OPEN);
        assert_int_equal(views[i].limit, 1);
        tw_filter_settle(&rig->filter, &views[i], rig->now_ns);
        passed += views[i].outcome == OPEN;
    }
    assert_int_equal(passed, 20);
    assert_int_equal(views[31].outcome, TW_OUTCOME_FILTER_HARD);
    assert_int_equal(tw_counter_get(&rig->counters.filters[0].dropped), 12);
    assert_int_equal(tw_counter_get(&rig->counters.filters[0].packets), 32);
}

/* Forged packets have the hard level once more; beyond it the sessions that were forged wait. */
static void check_forged(struct rig *rig)
{
    for (uint32_t n = 0; n < 20; n++)
        assert_int_equal(under_id(rig, 0x0a000001, 1, FORGED), FORGED);
    assert_int_equal(under_id(rig, 0x0a000001, 1, FORGED), HARD);
    assert_int_equal(under_id(rig, 0x0a000001, 1, OPEN), HARD);
    assert_int_equal(tw_counter_get(&rig->counters.filters[0].dropped), 2);
    /* All of what the rule grants is there for others, behind the same address, too. */
    for (uint32_t n = 0; n < 20; n++)
        assert_int_equal(under_id(rig, 0x0a000001, 2, OPEN), OPEN);
    assert_int_equal(under_id(rig, 0x0a000001, 2, OPEN), HARD);
    /* A tenth of a second: room for two of each; what was not forged gives its place back. */
    rig->now_ns += SECOND_NS / 10;
    assert_int_equal(under_id(rig, 0x0a000001, 1, OPEN), OPEN);
    assert_int_equal(under_id(rig, 0x0a000001, 1, TW_OUTCOME_REPLAY_OLD), TW_OUTCOME_REPLAY_OLD);
    assert_int_equal(under_id(rig, 0x0a000001, 1, FORGED), FORGED);
    assert_int_equal(under_id(rig, 0x0a000001, 1, FORGED), FORGED);
    assert_int_equal(under_id(rig, 0x0a000001, 1, FORGED), HARD);
    assert_int_equal(under_id(rig, 0x0a000001, 2, OPEN), OPEN);
    assert_int_equal(under_id(rig, 0x0a000001, 2, OPEN), HARD);
    /* Nothing forged for a second: as if there had never been. */
    rig->now_ns += SECOND_NS;
    for (uint32_t n = 0; n < 20; n++)
        assert_int_equal(under_id(rig, 0x0a000001, 1, OPEN), OPEN);
    assert_int_equal(under_id(rig, 0x0a000001, 1, OPEN), HARD);
}

static void test_forged_packets_have_a_level_of_their_own(void **state)
{
    struct rig *rig = *state;
    limit(rig, (struct tw_filter_level){10, 20}, (struct tw_filter_level){0, 0},
          (struct tw_filter_level){0, 0});
    check_forged(rig);
}

static void test_forged_packets_of_each_source(void **state)
{
    struct rig *rig = *state;
    limit(rig, (struct tw_filter_level){0, 0}, (struct tw_filter_level){0, 0},
          (struct tw_filter_level){10, 20});
    check_forged(rig);
    rig->now_ns += SECOND_NS;
    for (uint32_t n = 0; n < 30; n++)
        (void)under_id(rig, 0x0a000001, 1, FORGED);
    /* Another address's share is untouched. */
    for (uint32_t n = 0; n < 20; n++)
        assert_int_equal(under_id(rig, 0x0a000002, 3, FORGED), FORGED);
    assert_int_equal(under_id(rig, 0x0a000002, 3, FORGED), HARD);
}

/* A forger's burst, all of it admitted before its first packet was opened: that much once, then
 * never more than the level, whatever bursts the packets come in. */
static void test_bursts_of_forged_packets(void **state)
{
    struct rig *rig = *state;
    struct tw_address address = tw_address_from_ipv4(0x0a000001, 0);
    uint32_t opened = 0;
    limit(rig, (struct tw_filter_level){10, 20}, (struct tw_filter_level){0, 0},
          (struct tw_filter_level){0, 0});
    for (uint32_t burst = 0; burst < 1000; burst++) {
        struct tw_filter_view views[32];
        for (uint32_t i = 0; i < 32; i++)
            views[i] = (struct tw_filter_view){
                .ip = address.ip, .length = FRAME, .class = TW_FILTER_KNOWN, .outcome = OPEN};
        tw_filter_admit(&rig->filter, views, 32, rig->now_ns);
        for (uint32_t i = 0; i < 32; i++) {
            if (views[i].limit == 0)
                continue;
            views[i].outcome = FORGED;
            tw_filter_settle(&rig->filter, &views[i], rig->now_ns);
            opened++;
        }
        assert_int_equal(under_id(rig, 0x0a000001, 2, TW_OUTCOME_SESSION_BUDGET),
                         TW_OUTCOME_SESSION_BUDGET);
        rig->now_ns += SECOND_NS / 100;
    }
    assert_int_equal(opened, 32 + 20 * 10 - 1);
}

/* Strangers find what players left, whatever was forged, copied, or too much of one session. */
static void test_what_is_not_authentic_takes_nothing(void **state)
{
    struct rig *rig = *state;
    static const uint16_t outcomes[] = {FORGED, TW_OUTCOME_REPLAY_DUPLICATE, TW_OUTCOME_REPLAY_OLD,
                                        TW_OUTCOME_SESSION_BUDGET};
    limit(rig, (struct tw_filter_level){10, 20}, (struct tw_filter_level){0, 0},
          (struct tw_filter_level){0, 0});
    for (uint32_t n = 0; n < 400; n++)
        (void)under_id(rig, 0x0a000001, 1, outcomes[n % 4]);
    for (uint32_t n = 0; n < 10; n++)
        assert_int_equal(stranger(rig, 0x0a000003), OPEN);
    assert_int_equal(stranger(rig, 0x0a000003), TW_OUTCOME_FILTER_SOFT);
    for (uint32_t n = 0; n < 10; n++)
        assert_int_equal(under_id(rig, 0x0a000001, 2, OPEN), OPEN);
    assert_int_equal(under_id(rig, 0x0a000001, 2, OPEN), HARD);
}

/* Of sessions that are not suspected every first forged packet is opened: the debt of the largest
 * rate must not wrap by them. */
static void test_debt_of_forged_packets_is_bounded(void **state)
{
    struct rig *rig = *state;
    limit(rig, (struct tw_filter_level){0, 0},
          (struct tw_filter_level){TW_FILTER_BPS_MAX, TW_FILTER_BPS_MAX},
          (struct tw_filter_level){0, 0});
    struct tw_address address = tw_address_from_ipv4(0x0a000001, 0);
    struct tw_filter_view view = {
        .ip = address.ip, .length = 65000, .class = TW_FILTER_KNOWN, .outcome = FORGED, .limit = 1};
    uint64_t full = TW_FILTER_BPS_MAX / 8 * SECOND_NS;
    for (uint32_t n = 0; n < 400000; n++)
        tw_filter_settle(&rig->filter, &view, rig->now_ns);
    assert_in_range(rig->filter.states[0].forged.debts[TW_DEBT_BYTES_HARD],
                    full - 65000 * SECOND_NS, full);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(test_soft_and_hard_levels_are_exact),
        TEST(test_bits_count_whole_frames),
        TEST(test_largest_limits),
        TEST(test_no_flood_of_strangers_reaches_the_hard_level),
        TEST(test_limits_of_each_source_are_its_own),
        TEST(test_bits_of_each_source),
        TEST(test_full_table_of_sources),
        TEST(test_one_ipv6_network_is_one_source),
        TEST(test_a_burst_pays_exactly),
        TEST(test_forged_packets_have_a_level_of_their_own),
        TEST(test_forged_packets_of_each_source),
        TEST(test_bursts_of_forged_packets),
        TEST(test_what_is_not_authentic_takes_nothing),
        TEST(test_debt_of_forged_packets_is_bounded),
    };
    if (sodium_init() < 0)
        return 1;
    return cmocka_run_group_tests(tests, NULL, NULL);
}
