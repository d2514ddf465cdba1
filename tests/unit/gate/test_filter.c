/* SPDX-License-Identifier: BSD-3-Clause */
/* Filter rules without packets: which rule counts for whom, denials, full tables, changes. */
#include "tests/unit/gate/filter_rig.h"

/* ---- which rule counts ---------------------------------------------------------------------- */

static bool covers(const struct tw_filter_rule *rule, const uint8_t ip[16])
{
    uint8_t masked[16];
    if (tw_filter_is_ipv4(ip) != tw_filter_is_ipv4(rule->ip))
        return false;
    memcpy(masked, ip, sizeof(masked));
    mask(masked, rule->prefix_length);
    return memcmp(masked, rule->ip, sizeof(masked)) == 0;
}

/* By definition: all rules, one after another. */
static struct tw_filter_node slow_find(const struct rig *rig, const uint8_t ip[16])
{
    struct tw_filter_node node = {0};
    int verdict = -1, limit = -1, malformed = -1, allow = -1;
    for (uint32_t slot = 0; slot < TW_FILTER_RULES_MAX; slot++) {
        const struct tw_filter_rule *rule = &rig->rules[slot];
        if (rule->id != 0 && rule->kind == TW_FILTER_ALLOW && rule->prefix_length > allow &&
            covers(rule, ip))
            allow = rule->prefix_length;
    }
    for (uint32_t slot = 0; slot < TW_FILTER_RULES_MAX; slot++) {
        const struct tw_filter_rule *rule = &rig->rules[slot];
        int length = rule->prefix_length;
        uint16_t place = (uint16_t)(slot + 1u);
        if (rule->id == 0 || length < allow || !covers(rule, ip))
            continue;
        if (tw_filter_family(rule) == TW_FILTER_DENY && length > verdict) {
            verdict = length;
            node.verdict = place;
            node.deny = rule->kind == TW_FILTER_DENY;
        } else if (rule->kind == TW_FILTER_LIMIT && length > limit) {
            limit = length;
            node.limit = place;
        } else if (rule->kind == TW_FILTER_MALFORMED && length > malformed) {
            malformed = length;
            node.malformed = place;
        }
    }
    return node;
}

static void check_address(const struct rig *rig, const uint8_t ip[16], uint64_t seed)
{
    struct tw_filter_node wanted = slow_find(rig, ip);
    const struct tw_filter_node *found = tw_filter_table_find(&rig->tables[0], ip);
    if (memcmp(found, &wanted, sizeof(wanted)) != 0) {
        char text[64];
        sodium_bin2hex(text, sizeof(text), ip, 16);
        fail_msg("seed %llu, address %s: verdict %u limit %u malformed %u, expected %u %u %u",
                 (unsigned long long)seed, text, found->verdict, found->limit, found->malformed,
                 wanted.verdict, wanted.limit, wanted.malformed);
    }
}

/* The prefix's first and last address, and their neighbours outside of it. */
static void check_edges(const struct rig *rig, const struct tw_filter_rule *rule, uint64_t seed)
{
    uint8_t first[16], last[16], outside[16];
    memcpy(first, rule->ip, sizeof(first));
    memcpy(last, rule->ip, sizeof(last));
    for (uint32_t bit = rule->prefix_length; bit < 128; bit++)
        last[bit / 8] |= (uint8_t)(0x80u >> bit % 8);
    check_address(rig, first, seed);
    check_address(rig, last, seed);
    memcpy(outside, first, sizeof(outside));
    for (int i = 15; i >= 0 && outside[i]-- == 0; i--)
        ;
    check_address(rig, outside, seed);
    memcpy(outside, last, sizeof(outside));
    for (int i = 15; i >= 0 && ++outside[i] == 0; i--)
        ;
    check_address(rig, outside, seed);
}

/* Prefixes that nest and touch: near one of few addresses, or cut from an earlier rule. */
static void draw_prefix(struct rig *rig, struct tw_filter_rule *rule, uint32_t slot)
{
    bool is_ipv4 = draw(rig) % 2 == 0;
    uint32_t least = is_ipv4 ? TW_FILTER_IPV4_BITS : 0;
    uint32_t length = least + draw(rig) % (128u - least + 1u);
    memset(rule->ip, 0, sizeof(rule->ip));
    if (is_ipv4)
        rule->ip[10] = rule->ip[11] = 0xff;
    for (uint32_t i = is_ipv4 ? 12 : 0; i < 16; i++)
        rule->ip[i] = draw(rig) % 4 ? (uint8_t)(0x20 + draw(rig) % 2) : (uint8_t)draw(rig);
    const struct tw_filter_rule *earlier = &rig->rules[slot > 0 ? draw(rig) % slot : 0];
    if (earlier->id != 0 && draw(rig) % 3 == 0) {
        memcpy(rule->ip, earlier->ip, sizeof(rule->ip));
        least = tw_filter_is_ipv4(rule->ip) ? TW_FILTER_IPV4_BITS : 0;
        length = least + draw(rig) % (128u - least + 1u);
    }
    rule->prefix_length = (uint8_t)length;
    mask(rule->ip, length);
}

static bool is_taken(const struct rig *rig, const struct tw_filter_rule *rule)
{
    for (uint32_t slot = 0; slot < TW_FILTER_RULES_MAX; slot++) {
        if (rig->rules[slot].id != 0 && tw_filter_same_prefix(&rig->rules[slot], rule) &&
            tw_filter_family(&rig->rules[slot]) == tw_filter_family(rule))
            return true;
    }
    return false;
}

static void draw_rules(struct rig *rig, uint32_t count)
{
    memset(rig->rules, 0, sizeof(rig->rules));
    for (uint32_t slot = 0; slot < count; slot++) {
        struct tw_filter_rule rule = rule4((enum tw_filter_kind)(1 + draw(rig) % 4), 0, 0);
        draw_prefix(rig, &rule, slot);
        if (tw_filter_prefix_valid(rule.ip, rule.prefix_length) && !is_taken(rig, &rule))
            put(rig, slot, rule);
    }
}

static void test_longest_prefix_as_by_brute_force(void **state)
{
    struct rig *rig = *state;
    static const uint32_t counts[] = {0, 1, 2, 3, 5, 10, 30, 100, 300, TW_FILTER_RULES_MAX};
    uint64_t seed = randombytes_random() + UINT64_C(1);
    rig->random = seed;
    for (size_t i = 0; i < sizeof(counts) / sizeof(counts[0]); i++) {
        draw_rules(rig, counts[i]);
        tw_filter_table_build(&rig->tables[0], rig->rules, 1);
        for (uint32_t slot = 0; slot < counts[i]; slot++) {
            if (rig->rules[slot].id != 0)
                check_edges(rig, &rig->rules[slot], seed);
        }
        for (uint32_t n = 0; n < 1000; n++) {
            struct tw_filter_rule near;
            draw_prefix(rig, &near, counts[i]);
            check_address(rig, near.ip, seed);
        }
    }
}

/* /0 of one family says nothing about the other; /32 and /128 are single hosts. */
static void test_whole_families_and_single_hosts(void **state)
{
    struct rig *rig = *state;
    struct tw_filter_rule all6 = {.kind = TW_FILTER_DENY};
    struct tw_filter_rule host6 = {
        .kind = TW_FILTER_ALLOW, .prefix_length = 128, .ip = {0x20, 1, [15] = 1}};
    struct tw_filter_view view = {.ip = host6.ip, .length = FRAME, .outcome = OPEN};
    put(rig, 0, all6);
    use(rig);
    assert_int_equal(stranger(rig, 0x01020304), OPEN);
    tw_filter_admit(&rig->filter, &view, 1, rig->now_ns);
    assert_int_equal(view.outcome, TW_OUTCOME_FILTER_DENIED);
    put(rig, 1, host6);
    put(rig, 2, rule4(TW_FILTER_DENY, 0, 0));
    put(rig, 3, rule4(TW_FILTER_ALLOW, 0xffffffff, 32));
    put(rig, 4, rule4(TW_FILTER_ALLOW, 0, 32));
    use(rig);
    view.outcome = OPEN;
    tw_filter_admit(&rig->filter, &view, 1, rig->now_ns);
    assert_int_equal(view.outcome, OPEN);
    assert_int_equal(stranger(rig, 0xffffffff), OPEN);
    assert_int_equal(stranger(rig, 0), OPEN);
    assert_int_equal(stranger(rig, 1), TW_OUTCOME_FILTER_DENIED);
    assert_int_equal(known(rig, 0xfffffffe), TW_OUTCOME_FILTER_DENIED);
    assert_int_equal(tw_counter_get(&rig->counters.filters[2].packets), 2);
    assert_int_equal(tw_counter_get(&rig->counters.filters[2].dropped), 2);
    assert_int_equal(tw_counter_get(&rig->counters.filters[2].bytes), 2 * FRAME);
    assert_int_equal(tw_counter_get(&rig->counters.filters[3].packets), 1);
    assert_int_equal(tw_counter_get(&rig->counters.filters[3].dropped), 0);
}

/* ---- denials -------------------------------------------------------------------------------- */

static void malformed(struct rig *rig, bool per_source)
{
    struct tw_filter_rule rule = rule4(TW_FILTER_MALFORMED, 0x0a000000, 8);
    rule.per_source = per_source;
    put(rig, 0, rule);
    use(rig);
}

static void test_offender_is_denied_for_a_while(void **state)
{
    struct rig *rig = *state;
    const uint32_t bad = 0x0a000001, neighbour = 0x0a000002;
    malformed(rig, true);
    for (int n = 0; n < 5; n++)
        report(rig, bad);
    assert_int_equal(stranger(rig, bad), OPEN);
    report(rig, bad); /* the sixth within a second */
    assert_int_equal(stranger(rig, bad), TW_OUTCOME_FILTER_OFFENDER);
    assert_int_equal(stranger(rig, neighbour), OPEN);
    assert_int_equal(tw_counter_get(&rig->counters.filters[0].denials), 1);
    rig->now_ns += 30 * SECOND_NS - 1;
    assert_int_equal(stranger(rig, bad), TW_OUTCOME_FILTER_OFFENDER);
    rig->now_ns += 1;
    assert_int_equal(stranger(rig, bad), OPEN);
    /* From the start again. */
    for (int n = 0; n < 5; n++)
        report(rig, bad);
    assert_int_equal(stranger(rig, bad), OPEN);
    report(rig, bad);
    assert_int_equal(stranger(rig, bad), TW_OUTCOME_FILTER_OFFENDER);
    assert_int_equal(tw_counter_get(&rig->counters.filters[0].denials), 2);
}

/* At the permitted rate for ever: no denial. */
static void test_rare_offences_are_borne(void **state)
{
    struct rig *rig = *state;
    malformed(rig, true);
    for (int n = 0; n < 1000; n++) {
        report(rig, 0x0a000001);
        assert_int_equal(stranger(rig, 0x0a000001), OPEN);
        rig->now_ns += SECOND_NS / 5;
    }
    assert_int_equal(tw_counter_get(&rig->counters.filters[0].denials), 0);
}

/* Whoever writes a player's address into broken packets gets strangers of that address denied,
 * never the player. */
static void test_spoofer_blocks_no_session(void **state)
{
    struct rig *rig = *state;
    for (int per_source = 0; per_source < 2; per_source++) {
        malformed(rig, per_source == 1);
        for (int n = 0; n < 1000; n++)
            report(rig, 0x0a000001);
        assert_int_equal(stranger(rig, 0x0a000001), TW_OUTCOME_FILTER_OFFENDER);
        for (int n = 0; n < 1000; n++)
            assert_int_equal(known(rig, 0x0a000001), OPEN);
        rig->now_ns += 60 * SECOND_NS;
    }
}

static void test_prefix_is_denied_whole(void **state)
{
    struct rig *rig = *state;
    malformed(rig, false);
    for (uint32_t n = 0; n < 6; n++)
        report(rig, 0x0a000000 + n);
    assert_int_equal(stranger(rig, 0x0aff0000), TW_OUTCOME_FILTER_OFFENDER);
    assert_int_equal(stranger(rig, 0x0b000000), OPEN);
    rig->now_ns += 30 * SECOND_NS;
    assert_int_equal(stranger(rig, 0x0aff0000), OPEN);
}

/* A denial is not forgotten for made-up sources, and a full table costs nothing but memory of new
 * offenders. */
static void test_denial_outlives_a_flood_of_sources(void **state)
{
    struct rig *rig = *state;
    malformed(rig, true);
    for (int n = 0; n < 6; n++)
        report(rig, 0x0a000001);
    for (uint32_t n = 0; n < 200000; n++)
        report(rig, 0x0a100000 + n);
    rig->now_ns += 29 * SECOND_NS;
    for (uint32_t n = 0; n < 200000; n++)
        report(rig, 0x0a100000 + n);
    assert_int_equal(stranger(rig, 0x0a000001), TW_OUTCOME_FILTER_OFFENDER);
}

static void test_which_outcomes_are_offences(void **state)
{
    (void)state;
    uint32_t count = 0;
    for (uint16_t outcome = 0; outcome <= TW_OUTCOME_COUNT; outcome++)
        count += tw_filter_is_offence(outcome);
    assert_int_equal(count, 13);
    assert_true(tw_filter_is_offence(TW_OUTCOME_TAG_WRONG));
    assert_true(tw_filter_is_offence(TW_OUTCOME_COOKIE_WRONG));
    /* What an honest client may cause: a restart, a network that repeats, a budget. */
    assert_false(tw_filter_is_offence(TW_OUTCOME_ACCEPTED));
    assert_false(tw_filter_is_offence(TW_OUTCOME_CONNECTION_UNKNOWN));
    assert_false(tw_filter_is_offence(TW_OUTCOME_REPLAY_DUPLICATE));
    assert_false(tw_filter_is_offence(TW_OUTCOME_SESSION_BUDGET));
    assert_false(tw_filter_is_offence(TW_OUTCOME_FILTER_OFFENDER));
}

/* ---- change at run time --------------------------------------------------------------------- */

static void test_rules_that_stay_keep_their_state(void **state)
{
    struct rig *rig = *state;
    struct tw_filter_rule denied = rule4(TW_FILTER_DENY, 0xc0000200, 24);
    limit(rig, (struct tw_filter_level){2, 2}, (struct tw_filter_level){0, 0},
          (struct tw_filter_level){0, 0});
    assert_int_equal(stranger(rig, 0x0a000001), OPEN);
    assert_int_equal(stranger(rig, 0x0a000001), OPEN);
    put(rig, 7, denied);
    use(rig);
    assert_int_equal(stranger(rig, 0x0a000001), TW_OUTCOME_FILTER_HARD);
    assert_int_equal(stranger(rig, 0xc0000201), TW_OUTCOME_FILTER_DENIED);
    assert_int_equal(tw_counter_get(&rig->counters.filters[0].packets), 3);
    /* Another rule in the slot begins with nothing. */
    rig->rules[0].id = 99;
    use(rig);
    assert_int_equal(tw_counter_get(&rig->counters.filters[0].packets), 0);
    assert_int_equal(stranger(rig, 0x0a000001), OPEN);
    assert_int_equal(tw_counter_get(&rig->counters.filters[7].dropped), 1);
    /* And none at all: the filter is off. */
    memset(rig->rules, 0, sizeof(rig->rules));
    use(rig);
    assert_false(tw_filter_is_active(&rig->filter));
    assert_int_equal(stranger(rig, 0xc0000201), OPEN);
}

/* Another worker's packets are counted there, but denied prefixes end where they arrive. */
static void test_other_workers_packets_are_counted_once(void **state)
{
    struct rig *rig = *state;
    put(rig, 0, rule4(TW_FILTER_ALLOW, 0x0a000000, 8));
    struct tw_filter_rule few = rule4(TW_FILTER_LIMIT, 0x0a000000, 8);
    few.pps = (struct tw_filter_level){1, 1};
    put(rig, 1, few);
    put(rig, 2, rule4(TW_FILTER_MALFORMED, 0x0a000000, 8));
    put(rig, 3, rule4(TW_FILTER_DENY, 0x0a010000, 16));
    use(rig);
    for (int n = 0; n < 10; n++)
        assert_int_equal(send(rig, 0x0a000001, TW_FILTER_FOREIGN, FRAME), OPEN);
    for (uint32_t slot = 0; slot < 4; slot++)
        assert_int_equal(tw_counter_get(&rig->counters.filters[slot].packets), 0);
    assert_int_equal(send(rig, 0x0a010001, TW_FILTER_FOREIGN, FRAME), TW_OUTCOME_FILTER_DENIED);
    assert_int_equal(tw_counter_get(&rig->counters.filters[3].packets), 1);
}

static void test_rules_are_checked_at_both_ends(void **state)
{
    (void)state;
    struct tw_filter_rule good = rule4(TW_FILTER_LIMIT, 0x0a000000, 8), bad;
    good.id = 1;
    assert_true(tw_filter_rule_valid(&good));
#define BAD(change)                                                                                \
    do {                                                                                           \
        bad = good;                                                                                \
        change;                                                                                    \
        assert_false(tw_filter_rule_valid(&bad));                                                  \
    } while (0)
    BAD(bad.id = 0);
    BAD(bad.kind = 0);
    BAD(bad.kind = 5);
    BAD(bad.kind = TW_FILTER_DENY); /* with limits */
    BAD(bad.reserved = 1);
    BAD(bad.ip[15] = 1);
    BAD(bad.prefix_length = 95);
    BAD(bad.prefix_length = 129);
    BAD(bad.pps.soft = 0);
    BAD(bad.pps.soft = bad.pps.hard + 1);
    BAD(bad.pps.hard = TW_FILTER_PPS_MAX + 1);
    BAD((bad.pps = (struct tw_filter_level){0, 0}));
    BAD(bad.source_pps.soft = 1);
    BAD((bad.bps = (struct tw_filter_level){TW_FILTER_BPS_MIN - 1, TW_FILTER_BPS_MIN}));
    BAD((bad.source_bps = (struct tw_filter_level){TW_FILTER_BPS_MIN, TW_FILTER_BPS_MAX + 1}));
    BAD(bad.above_pps = 1);
    good = rule4(TW_FILTER_MALFORMED, 0x0a000000, 8);
    good.id = 1;
    assert_true(tw_filter_rule_valid(&good));
    BAD(bad.above_pps = 0);
    BAD(bad.above_pps = TW_FILTER_ABOVE_MAX + 1);
    BAD(bad.for_s = 0);
    BAD(bad.for_s = TW_FILTER_FOR_MAX_S + 1);
    BAD(bad.per_source = 2);
#undef BAD
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(test_longest_prefix_as_by_brute_force),
        TEST(test_whole_families_and_single_hosts),
        TEST(test_offender_is_denied_for_a_while),
        TEST(test_rare_offences_are_borne),
        TEST(test_spoofer_blocks_no_session),
        TEST(test_prefix_is_denied_whole),
        TEST(test_denial_outlives_a_flood_of_sources),
        TEST(test_which_outcomes_are_offences),
        TEST(test_rules_that_stay_keep_their_state),
        TEST(test_other_workers_packets_are_counted_once),
        TEST(test_rules_are_checked_at_both_ends),
    };
    if (sodium_init() < 0)
        return 1;
    return cmocka_run_group_tests(tests, NULL, NULL);
}
