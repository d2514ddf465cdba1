/* SPDX-License-Identifier: BSD-3-Clause */
/* A whole worker under filter rules: who is dropped, who plays on, what the counters say. */
#include "tests/unit/gate/frame_builder_ipv6.h"
#include "tests/unit/gate/worker_rig.h"

#include "dataplane/gate/filter.h"
#include "dataplane/gate/worker_state.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

static struct tw_filter_table tables[4];
static struct tw_filter_rule rules[TW_FILTER_RULES_MAX];
static uint64_t version;

static struct tw_filter_rule *rule(uint32_t slot, enum tw_filter_kind kind, uint32_t length)
{
    struct tw_address address =
        tw_address_from_ipv4(length == 0 ? 0 : TEST_CLIENT_ADDRESS & ~0u << (32u - length), 0);
    rules[slot] = (struct tw_filter_rule){.id = slot + 1u,
                                          .kind = (uint8_t)kind,
                                          .prefix_length = (uint8_t)(TW_FILTER_IPV4_BITS + length)};
    memcpy(rules[slot].ip, address.ip, sizeof(address.ip));
    return &rules[slot];
}

static void use(struct rig *rig)
{
    struct tw_filter_table *table = &tables[++version % 4];
    struct tw_worker_command command = {.type = TW_COMMAND_FILTER, .filter = table};
    tw_filter_table_build(table, rules, version);
    for (uint32_t i = 0; i < rig->workers; i++)
        rig_command(rig, i, &command);
    rig_turn(rig, 1);
    for (uint32_t i = 0; i < rig->workers; i++)
        assert_int_equal(tw_counter_get(&rig->counters[i]->filter_version), version);
}

static uint64_t packets_of(const struct rig *rig, uint32_t slot)
{
    uint64_t sum = 0;
    for (uint32_t i = 0; i < rig->workers; i++)
        sum += tw_counter_get(&rig->counters[i]->filters[slot].packets);
    return sum;
}

static uint64_t dropped_by(const struct rig *rig, uint32_t slot)
{
    uint64_t sum = 0;
    for (uint32_t i = 0; i < rig->workers; i++)
        sum += tw_counter_get(&rig->counters[i]->filters[slot].dropped);
    return sum;
}

static void start(struct rig *rig, struct rig_client *client, uint32_t workers)
{
    memset(rules, 0, sizeof(rules));
    rig_start_with(rig, client, workers);
}

static void ping(struct rig *rig, struct rig_client *client, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++)
        rig_client_send_ping(rig, client, i + 2);
    rig_turn(rig, RIG_MS);
}

static void denied_prefix_gets_nothing_but_arp(void **state)
{
    (void)state;
    struct rig rig;
    struct rig_client client, stranger;
    uint8_t frame[TEST_FRAME_MAX];
    start(&rig, &client, 1);
    rig_client_make(&rig, &stranger, TEST_CLIENT_ADDRESS, TEST_CLIENT_PORT + 1);
    rule(0, TW_FILTER_DENY, 24);
    use(&rig);
    ping(&rig, &client, 5);
    rig_client_hello(&rig, &stranger, 0);
    size_t echo = test_icmp_frame(frame, TEST_CLIENT_ADDRESS, 40);
    rig_inject(&rig, 0, frame, echo);
    size_t arp = test_arp_frame(frame, 1, TEST_CLIENT_ADDRESS, TEST_SERVER_ADDRESS);
    rig_inject(&rig, 0, frame, arp);
    rig_turn(&rig, RIG_MS);
    assert_int_equal(rig_outcome(&rig, TW_OUTCOME_FILTER_DENIED), 7);
    assert_int_equal(rig_outcome(&rig, TW_OUTCOME_ARP_HANDLED), 1);
    assert_int_equal(dropped_by(&rig, 0), 7);
    assert_int_equal(packets_of(&rig, 0), 7);
    /* One host of it may. */
    rule(1, TW_FILTER_ALLOW, 32);
    use(&rig);
    ping(&rig, &client, 3);
    assert_int_equal(rig_outcome(&rig, TW_OUTCOME_ACCEPTED), 4);
    assert_int_equal(packets_of(&rig, 1), 3);
    assert_int_equal(dropped_by(&rig, 0), 7);
    /* No rules: as if there had never been any. */
    memset(rules, 0, sizeof(rules));
    use(&rig);
    ping(&rig, &client, 2);
    assert_int_equal(rig_outcome(&rig, TW_OUTCOME_ACCEPTED), 6);
    rig_stop(&rig);
}

static void strangers_go_first_players_last(void **state)
{
    (void)state;
    struct rig rig;
    struct rig_client client, stranger;
    start(&rig, &client, 1);
    rule(0, TW_FILTER_LIMIT, 24)->pps = (struct tw_filter_level){10, 20};
    use(&rig);
    rig_client_make(&rig, &stranger, TEST_CLIENT_ADDRESS, TEST_CLIENT_PORT + 1);
    for (int i = 0; i < 30; i++)
        rig_client_hello(&rig, &stranger, 0);
    rig_turn(&rig, 1);
    assert_int_equal(rig_outcome(&rig, TW_OUTCOME_FILTER_SOFT), 20);
    ping(&rig, &client, 15);
    assert_int_equal(rig_outcome(&rig, TW_OUTCOME_ACCEPTED), 1 + 10);
    assert_int_equal(rig_outcome(&rig, TW_OUTCOME_FILTER_HARD), 5);
    /* The right id from another port is a stranger's. */
    client.port++;
    ping(&rig, &client, 1);
    assert_int_equal(rig_outcome(&rig, TW_OUTCOME_FILTER_HARD), 6);
    rig_turn(&rig, 100 * RIG_MS);
    ping(&rig, &client, 1);
    assert_int_equal(rig_outcome(&rig, TW_OUTCOME_ACCEPTED), 1 + 10 + 1); /* a new path */
    assert_int_equal(packets_of(&rig, 0), 47);
    assert_int_equal(dropped_by(&rig, 0), 26);
    rig_stop(&rig);
}

/* Broken packets under a player's address: the address is denied, the player plays on. */
static void spoofed_garbage_denies_strangers_only(void **state)
{
    (void)state;
    struct rig rig;
    struct rig_client client, stranger;
    uint8_t garbage[64] = {1, 2, 3, 4, [9] = 0xff}, frame[TEST_FRAME_MAX];
    start(&rig, &client, 1);
    struct tw_filter_rule *malformed = rule(0, TW_FILTER_MALFORMED, 0);
    malformed->per_source = 1;
    malformed->above_pps = 10;
    malformed->for_s = 60;
    use(&rig);
    size_t length = test_udp_frame(frame, TEST_CLIENT_ADDRESS, 9, garbage, 20); /* too small */
    for (int i = 0; i < 10; i++)
        rig_inject(&rig, 0, frame, length);
    rig_turn(&rig, RIG_MS);
    rig_client_make(&rig, &stranger, TEST_CLIENT_ADDRESS, TEST_CLIENT_PORT + 1);
    rig_client_hello(&rig, &stranger, 0);
    rig_turn(&rig, RIG_MS);
    assert_int_equal(rig_outcome(&rig, TW_OUTCOME_FILTER_OFFENDER), 0);
    rig_inject(&rig, 0, frame, length);
    rig_turn(&rig, RIG_MS);
    rig_client_hello(&rig, &stranger, 0);
    rig_turn(&rig, RIG_MS);
    assert_int_equal(rig_outcome(&rig, TW_OUTCOME_FILTER_OFFENDER), 1);
    assert_int_equal(tw_counter_get(&rig.counters[0]->filters[0].denials), 1);
    ping(&rig, &client, 20);
    assert_int_equal(rig_outcome(&rig, TW_OUTCOME_ACCEPTED), 21);
    rig_stop(&rig);
}

/* Wrong tags under a live session's id and address: its own packets still pass. */
static void forged_tags_do_not_deny_their_victim(void **state)
{
    (void)state;
    struct rig rig;
    struct rig_client client;
    uint8_t packet[TW_DATAGRAM_MAX], text[8] = {0};
    start(&rig, &client, 1);
    struct tw_filter_rule *malformed = rule(0, TW_FILTER_MALFORMED, 24);
    malformed->above_pps = 3;
    malformed->for_s = 60;
    use(&rig);
    for (uint64_t i = 0; i < 20; i++) {
        size_t length = rig_client_seal(&client, 1000 + i, text, sizeof(text), packet);
        packet[length - 1] ^= 1;
        rig_client_send(&rig, &client, packet, length);
    }
    rig_turn(&rig, RIG_MS);
    assert_int_equal(rig_outcome(&rig, TW_OUTCOME_TAG_WRONG), 20);
    assert_int_equal(tw_counter_get(&rig.counters[0]->filters[0].denials), 1);
    ping(&rig, &client, 10);
    assert_int_equal(rig_outcome(&rig, TW_OUTCOME_ACCEPTED), 11);
    assert_int_equal(dropped_by(&rig, 0), 0);
    rig_stop(&rig);
}

/* A session's packets that arrive at another worker: denied where they come in, all else where the
 * session is, and each counted once. */
static void handed_over_packets_count_once(void **state)
{
    (void)state;
    struct rig rig;
    struct rig_client client;
    uint8_t packet[TW_DATAGRAM_MAX], frame[TEST_FRAME_MAX], ping_frame[TW_DATAGRAM_MAX];
    start(&rig, &client, 2);
    rule(0, TW_FILTER_LIMIT, 24)->pps = (struct tw_filter_level){100, 100};
    rule(1, TW_FILTER_ALLOW, 0);
    use(&rig);
    memset(ping_frame, 0, sizeof(ping_frame));
    for (uint64_t i = 0; i < 5; i++) {
        ping_frame[0] = 0xff; /* no such frame: authenticated, and malformed */
        size_t length = rig_client_seal(&client, 100 + i, ping_frame, 8, packet);
        size_t size = test_udp_frame(frame, client.ip, client.port, packet, length);
        rig_inject(&rig, 1 - tw_connection_worker(client.id), frame, size);
        rig_turn(&rig, RIG_MS);
        rig_turn(&rig, RIG_MS);
        if (i == 1) {
            rule(1, TW_FILTER_DENY, 16);
            rules[1].id = 77;
            use(&rig);
        }
    }
    assert_int_equal(rig_outcome(&rig, TW_OUTCOME_FRAME_MALFORMED), 2);
    assert_int_equal(rig_outcome(&rig, TW_OUTCOME_FILTER_DENIED), 3);
    assert_int_equal(packets_of(&rig, 0), 2);
    assert_int_equal(packets_of(&rig, 1), 3);
    rig_stop(&rig);
}

/* ---- IPv6 ----------------------------------------------------------------------------------- */

static struct tw_filter_rule *rule6(uint32_t slot, enum tw_filter_kind kind, uint32_t length)
{
    rules[slot] = (struct tw_filter_rule){
        .id = 100u + slot, .kind = (uint8_t)kind, .prefix_length = (uint8_t)length};
    memcpy(rules[slot].ip, test_client_ip6, length / 8u);
    return &rules[slot];
}

static void make_client6(struct rig *rig, struct rig_client *client, uint8_t network, uint8_t host)
{
    struct tw_worker_command command = {.type = TW_COMMAND_NEIGHBOUR_SET};
    rig_client_make(rig, client, 0, (uint16_t)(6000 + network));
    memcpy(client->ip6, test_client_ip6, sizeof(client->ip6));
    client->ip6[7] = network;
    client->ip6[15] = host;
    command.neighbour.address = tw_address_from_ipv6(client->ip6, 0);
    memcpy(command.neighbour.mac, test_client_mac, sizeof(test_client_mac));
    rig_command(rig, 0, &command);
    /* Another network is behind the router. */
    memcpy(command.neighbour.address.ip, test_router_ip6, sizeof(test_router_ip6));
    rig_command(rig, 0, &command);
    rig_client_join(rig, client);
    rig_client_send_ping(rig, client, 1);
    rig_turn(rig, RIG_MS);
}

/* Two IPv6 networks and an IPv4 one: limits of each /64, denied prefixes, and neither family's
 * rules touch the other. */
static void ipv6_rules_hold_for_ipv6(void **state)
{
    (void)state;
    struct rig rig;
    struct rig_client four, six, other;
    memset(rules, 0, sizeof(rules));
    rig_make(&rig, 1);
    struct tw_config_port *port = &rig.config.ports[0];
    memcpy(port->address6, test_server_ip6, sizeof(port->address6));
    port->prefix_length6 = 64;
    memcpy(port->gateway6, test_router_ip6, sizeof(port->gateway6));
    rig_start(&rig);
    rig_client_make(&rig, &four, TEST_CLIENT_ADDRESS, TEST_CLIENT_PORT);
    rig_client_join(&rig, &four);
    make_client6(&rig, &six, 0, 2);
    make_client6(&rig, &other, 9, 2);
    ping(&rig, &four, 1);
    uint64_t accepted = rig_outcome(&rig, TW_OUTCOME_ACCEPTED);
    assert_int_equal(accepted, 3);

    rule6(0, TW_FILTER_LIMIT, 0)->source_pps = (struct tw_filter_level){2, 5};
    use(&rig);
    ping(&rig, &six, 8);
    ping(&rig, &other, 8);
    ping(&rig, &four, 8);
    assert_int_equal(rig_outcome(&rig, TW_OUTCOME_ACCEPTED), accepted + 5 + 5 + 8);
    assert_int_equal(rig_outcome(&rig, TW_OUTCOME_FILTER_HARD), 6);
    assert_int_equal(packets_of(&rig, 0), 16);
    assert_int_equal(dropped_by(&rig, 0), 6);

    /* One of its networks denied, then all of IPv4: the other one plays. */
    rule6(1, TW_FILTER_DENY, 64);
    rule(2, TW_FILTER_DENY, 0);
    use(&rig);
    rig_turn(&rig, 1000 * RIG_MS);
    accepted = rig_outcome(&rig, TW_OUTCOME_ACCEPTED);
    ping(&rig, &six, 3);
    ping(&rig, &other, 3);
    ping(&rig, &four, 3);
    assert_int_equal(rig_outcome(&rig, TW_OUTCOME_ACCEPTED), accepted + 3);
    assert_int_equal(dropped_by(&rig, 1), 3);
    assert_int_equal(dropped_by(&rig, 2), 3);
    rig_stop(&rig);
}

/* ---- what one cannot do to others ------------------------------------------------------------ */

#define STEP_MS 10u
#define STEPS   200u /* two seconds */

/* Two players of one prefix: `loud`, from whose address and under whose id come many packets, and
 * `calm`, who sends 33 pings a second. */
struct pair {
    struct rig rig;
    struct rig_client loud, calm;
};

static void know(struct rig *rig, uint32_t ip)
{
    struct tw_worker_command command = {.type = TW_COMMAND_NEIGHBOUR_SET,
                                        .neighbour.address = tw_address_from_ipv4(ip, 0)};
    memcpy(command.neighbour.mac, test_client_mac, sizeof(test_client_mac));
    rig_command(rig, 0, &command);
}

static struct tw_filter_rule *start_pair(struct pair *pair, uint32_t calm_ip, uint32_t session_pps)
{
    struct rig *rig = &pair->rig;
    memset(rules, 0, sizeof(rules));
    rig_make(rig, 1);
    rig->config.limits.session_pps = session_pps;
    rig_start(rig);
    know(rig, calm_ip);
    rig_client_make(rig, &pair->loud, TEST_CLIENT_ADDRESS, TEST_CLIENT_PORT);
    rig_client_make(rig, &pair->calm, calm_ip, TEST_CLIENT_PORT + 7);
    rig_client_join(rig, &pair->loud);
    rig_client_join(rig, &pair->calm);
    rig_client_send_ping(rig, &pair->loud, 1);
    rig_client_send_ping(rig, &pair->calm, 1);
    rig_turn(rig, RIG_MS);
    assert_int_equal(rig_outcome(rig, TW_OUTCOME_ACCEPTED), 2);
    return rule(0, TW_FILTER_LIMIT, 24);
}

static uint64_t heard_of(const struct pair *pair, const struct rig_client *client)
{
    const struct tw_worker *worker = pair->rig.worker[0];
    return worker->sessions.bodies[tw_connection_slot(client->id)].received_packets;
}

/* Both of them, two seconds long: every ping of the calm one's must have been accepted. */
static void play(struct pair *pair, void (*make_noise)(struct pair *pair))
{
    uint64_t before = heard_of(pair, &pair->calm), sent = 0;
    for (uint32_t step = 0; step < STEPS; step++) {
        make_noise(pair);
        if (step % 3 == 0) {
            rig_client_send_ping(&pair->rig, &pair->calm, step + 2);
            sent++;
        }
        rig_turn(&pair->rig, STEP_MS * RIG_MS);
    }
    assert_int_equal(heard_of(pair, &pair->calm) - before, sent);
}

/* 5,000 a second whose tags are wrong. */
static void forge(struct pair *pair)
{
    uint8_t packet[TW_DATAGRAM_MAX], text[8] = {0};
    for (uint32_t i = 0; i < 50; i++) {
        size_t length = rig_client_seal(&pair->loud, 1000 + i, text, sizeof(text), packet);
        packet[length - 1] ^= 1;
        rig_client_send(&pair->rig, &pair->loud, packet, length);
    }
}

static void forger_takes_nothing_from_others(void **state)
{
    (void)state;
    struct pair pair;
    struct rig_client stranger;
    start_pair(&pair, TEST_CLIENT_ADDRESS + 1, 250)->pps = (struct tw_filter_level){50, 60};
    use(&pair.rig);
    play(&pair, forge);
    /* Nor from those who want to join. */
    uint64_t passed = rig_outcome(&pair.rig, TW_OUTCOME_COOKIE_SENT);
    rig_client_make(&pair.rig, &stranger, TEST_CLIENT_ADDRESS, TEST_CLIENT_PORT + 1);
    rig_client_hello(&pair.rig, &stranger, 0);
    rig_turn(&pair.rig, RIG_MS);
    assert_int_equal(rig_outcome(&pair.rig, TW_OUTCOME_COOKIE_SENT), passed + 1);
    /* The limit holds for forged packets, too: a second's worth at once, the same each second,
     * and the burst in which the first ones came. */
    uint64_t opened = rig_outcome(&pair.rig, TW_OUTCOME_TAG_WRONG);
    assert_in_range(opened, 3 * 60 - 2, 3 * 60 + TW_BURST_MAX);
    assert_int_equal(rig_outcome(&pair.rig, TW_OUTCOME_FILTER_HARD), 50 * STEPS - opened);
    rig_stop(&pair.rig);
}

/* Below the limit, a forger's victim loses nothing either; nor for long after a flood. */
static void victim_of_few_forged_packets_plays_on(void **state)
{
    (void)state;
    struct pair pair;
    start_pair(&pair, TEST_CLIENT_ADDRESS + 1, 250)->pps = (struct tw_filter_level){5000, 6000};
    use(&pair.rig);
    play(&pair, forge);
    uint64_t before = heard_of(&pair, &pair.loud);
    ping(&pair.rig, &pair.loud, 10);
    assert_int_equal(heard_of(&pair, &pair.loud), before + 10);
    rules[0].id = 99;
    rules[0].pps = (struct tw_filter_level){50, 60};
    use(&pair.rig);
    play(&pair, forge);
    rig_turn(&pair.rig, 1000 * RIG_MS);
    before = heard_of(&pair, &pair.loud);
    ping(&pair.rig, &pair.loud, 10);
    assert_int_equal(heard_of(&pair, &pair.loud), before + 10);
    rig_stop(&pair.rig);
}

/* Two players behind one address, and a limit for each address. */
static void forger_takes_nothing_from_the_same_address(void **state)
{
    (void)state;
    struct pair pair;
    start_pair(&pair, TEST_CLIENT_ADDRESS, 250)->source_pps = (struct tw_filter_level){50, 60};
    use(&pair.rig);
    play(&pair, forge);
    uint64_t opened = rig_outcome(&pair.rig, TW_OUTCOME_TAG_WRONG);
    assert_in_range(opened, 3 * 60 - 2, 3 * 60 + TW_BURST_MAX);
    rig_stop(&pair.rig);
}

/* 2,000 a second, all of them good. */
static void hurry(struct pair *pair)
{
    for (uint32_t i = 0; i < 20; i++)
        rig_client_send_ping(&pair->rig, &pair->loud, i);
}

static void session_over_its_rate_takes_nothing_from_others(void **state)
{
    (void)state;
    struct pair pair;
    start_pair(&pair, TEST_CLIENT_ADDRESS + 1, 40)->pps = (struct tw_filter_level){70, 80};
    use(&pair.rig);
    uint64_t before = heard_of(&pair, &pair.loud);
    play(&pair, hurry);
    assert_in_range(heard_of(&pair, &pair.loud) - before, 3 * 40 - 2, 3 * 40);
    assert_int_equal(rig_outcome(&pair.rig, TW_OUTCOME_FILTER_HARD), 0);
    assert_true(rig_outcome(&pair.rig, TW_OUTCOME_SESSION_BUDGET) > 3000);
    rig_stop(&pair.rig);
}

/* Each packet of the loud one's 50 times: in one burst, where none of them is known yet. */
static void copy(struct pair *pair)
{
    uint8_t packet[TW_DATAGRAM_MAX], text[64];
    struct tw_writer writer = tw_writer_make(text, sizeof(text));
    tw_frame_write_ping(&writer, pair->loud.sequence);
    size_t length = rig_client_seal(&pair->loud, pair->loud.sequence++, text,
                                    (size_t)(writer.next - text), packet);
    for (uint32_t i = 0; i < 50; i++)
        rig_client_send(&pair->rig, &pair->loud, packet, length);
}

static void copies_take_nothing(void **state)
{
    (void)state;
    struct pair pair;
    start_pair(&pair, TEST_CLIENT_ADDRESS + 1, 250)->pps = (struct tw_filter_level){130, 140};
    use(&pair.rig);
    uint64_t before = heard_of(&pair, &pair.loud);
    play(&pair, copy);
    /* Not from the one that is copied either: its session pays for each packet once. */
    assert_int_equal(heard_of(&pair, &pair.loud) - before, STEPS);
    assert_int_equal(rig_outcome(&pair.rig, TW_OUTCOME_REPLAY_DUPLICATE), 49 * STEPS);
    rig_stop(&pair.rig);
}

int main(int argc, char **argv)
{
    (void)argc;
    if (!rig_init_eal(argv[0]))
        return 1;
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(denied_prefix_gets_nothing_but_arp),
        cmocka_unit_test(strangers_go_first_players_last),
        cmocka_unit_test(spoofed_garbage_denies_strangers_only),
        cmocka_unit_test(forged_tags_do_not_deny_their_victim),
        cmocka_unit_test(handed_over_packets_count_once),
        cmocka_unit_test(ipv6_rules_hold_for_ipv6),
        cmocka_unit_test(forger_takes_nothing_from_others),
        cmocka_unit_test(victim_of_few_forged_packets_plays_on),
        cmocka_unit_test(forger_takes_nothing_from_the_same_address),
        cmocka_unit_test(session_over_its_rate_takes_nothing_from_others),
        cmocka_unit_test(copies_take_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
