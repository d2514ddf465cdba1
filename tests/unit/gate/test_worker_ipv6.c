/* SPDX-License-Identifier: BSD-3-Clause */
/* A worker on a port with addresses of both families: neighbours, echo, sessions, next hops. */
#include "tests/unit/gate/frame_builder_ipv6.h"
#include "tests/unit/gate/worker_rig.h"

#include "dataplane/gate/network_bytes.h"
#include "dataplane/gate/parse_ipv6.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>
#include <string.h>

#define ND_FRAME 86u

static struct rig rig;
static uint8_t frame[TEST_FRAME_MAX];

static void start(void)
{
    rig_make(&rig, 1);
    struct tw_config_port *port = &rig.config.ports[0];
    memcpy(port->address6, test_server_ip6, 16);
    port->prefix_length6 = 64;
    memcpy(port->gateway6, test_router_ip6, 16);
    rig_start(&rig);
}

static void know(const uint8_t ip[16])
{
    struct tw_worker_command command = {.type = TW_COMMAND_NEIGHBOUR_SET,
                                        .neighbour.address = tw_address_from_ipv6(ip, 0)};
    memcpy(command.neighbour.mac, test_client_mac, 6);
    rig_command(&rig, 0, &command);
}

static void inject(size_t size)
{
    rig_inject(&rig, 0, frame, size);
    rig_turn(&rig, RIG_MS);
}

static void make_client(struct rig_client *client, const uint8_t ip[16])
{
    rig_client_make(&rig, client, 0, 6000);
    memcpy(client->ip6, ip, sizeof(client->ip6));
}

static void expect_pong(struct rig_client *client)
{
    uint32_t before = client->pongs;
    rig_client_send_ping(&rig, client, 1);
    rig_turn(&rig, RIG_MS);
    rig_client_receive(&rig, client, 1);
    assert_int_equal(client->pongs, before + 1);
}

static void answers_solicitations(void **state)
{
    (void)state;
    struct tw_worker_event event;
    start();
    inject(test_solicitation(frame, test_client_ip6));
    assert_int_equal(rig_outcome(&rig, TW_OUTCOME_ND_HANDLED), 1);
    assert_int_equal(rig_events(&rig, TW_EVENT_NEIGHBOUR_SEEN, &event), 1);
    assert_memory_equal(event.neighbour.address.ip, test_client_ip6, 16);
    assert_memory_equal(event.neighbour.mac, test_client_mac, 6);
    assert_int_equal(event.neighbour.keeps_known, 0);
    assert_int_equal(rig_sent(&rig, frame), ND_FRAME);
    assert_memory_equal(frame, test_client_mac, 6);
    assert_memory_equal(frame + 38, test_client_ip6, 16);
    assert_memory_equal(frame + 62, test_server_ip6, 16);
    assert_memory_equal(frame + 80, test_server_mac, 6);
    assert_int_equal(frame[58], 0x60);
    /* Somebody probes whether our address is free: all hear that it is not, and nothing is learnt.
     */
    inject(test_solicitation(frame, NULL));
    assert_int_equal(rig_outcome(&rig, TW_OUTCOME_ND_HANDLED), 2);
    assert_int_equal(rig_events(&rig, TW_EVENT_NEIGHBOUR_SEEN, &event), 1);
    assert_int_equal(rig_sent(&rig, frame), ND_FRAME);
    assert_memory_equal(frame, tw_ipv6_all_nodes_mac, 6);
    rig_stop(&rig);
}

/* Without the option its MAC address is the table's business. */
static void answers_solicitations_without_a_mac(void **state)
{
    (void)state;
    struct tw_worker_event event;
    start();
    for (int known = 0; known < 2; known++) {
        size_t size = test_solicitation(frame, test_client_ip6) - 8;
        tw_store_be16(frame + 18, 24);
        test_fix_icmp6(frame);
        inject(size);
        assert_int_equal(rig_events(&rig, TW_EVENT_NEIGHBOUR_SEEN, &event), 0);
        assert_int_equal(rig_events(&rig, TW_EVENT_NEIGHBOUR_WANTED, &event), 1);
        assert_memory_equal(event.neighbour.address.ip, test_client_ip6, 16);
        assert_int_equal(rig_sent(&rig, frame), known ? ND_FRAME : 0);
        know(test_client_ip6);
    }
    rig_stop(&rig);
}

static void learns_advertisements(void **state)
{
    (void)state;
    struct tw_worker_event event;
    start();
    size_t size = test_advertisement(frame, test_router_ip6);
    frame[58] = 0x40; /* no override */
    test_fix_icmp6(frame);
    inject(size);
    assert_int_equal(rig_events(&rig, TW_EVENT_NEIGHBOUR_SEEN, &event), 1);
    assert_memory_equal(event.neighbour.address.ip, test_router_ip6, 16);
    assert_int_equal(event.neighbour.keeps_known, 1);
    assert_int_equal(rig_sent(&rig, frame), 0);
    rig_stop(&rig);
}

static void discovery_and_echo_have_budgets(void **state)
{
    (void)state;
    start();
    know(test_client_ip6);
    size_t size = test_solicitation(frame, test_client_ip6);
    for (uint32_t i = 0; i < rig.config.limits.arp_pps + 5; i++)
        rig_inject(&rig, 0, frame, size);
    size = test_echo6_frame(frame, test_client_ip6, 16);
    for (uint32_t i = 0; i < rig.config.limits.icmp_pps + 7; i++)
        rig_inject(&rig, 0, frame, size);
    rig_turn(&rig, RIG_MS);
    assert_int_equal(rig_outcome(&rig, TW_OUTCOME_ND_HANDLED), rig.config.limits.arp_pps);
    assert_int_equal(rig_outcome(&rig, TW_OUTCOME_ND_BUDGET), 5);
    assert_int_equal(rig_outcome(&rig, TW_OUTCOME_ICMP_ANSWERED), rig.config.limits.icmp_pps);
    assert_int_equal(rig_outcome(&rig, TW_OUTCOME_ICMP_BUDGET), 7);
    /* ARP has a budget of its own. */
    inject(test_arp_frame(frame, 1, TEST_CLIENT_ADDRESS, TEST_SERVER_ADDRESS));
    assert_int_equal(rig_outcome(&rig, TW_OUTCOME_ARP_HANDLED), 1);
    uint32_t replies = 0;
    while ((size = rig_sent(&rig, frame)) > 0)
        replies += size == 78 && frame[54] == 129;
    assert_int_equal(replies, rig.config.limits.icmp_pps);
    rig_stop(&rig);
}

static void sessions_of_both_families(void **state)
{
    (void)state;
    struct rig_client six, four;
    start();
    know(test_client_ip6);
    make_client(&six, test_client_ip6);
    rig_client_join(&rig, &six);
    expect_pong(&six);
    /* The control plane was told where the hello arrived. */
    assert_memory_equal(rig.handshake.handshake.destination.ip, test_server_ip6, 16);
    assert_int_equal(rig.handshake.handshake.destination.port, TEST_SERVER_PORT);
    rig_client_make(&rig, &four, TEST_CLIENT_ADDRESS, 6000);
    rig_client_join(&rig, &four);
    for (int i = 0; i < 3; i++) {
        expect_pong(&four);
        expect_pong(&six);
    }
    rig_stop(&rig);
}

/* A session that begins over IPv6 goes on over IPv4, once that address answered the challenge. */
static void sessions_move_between_families(void **state)
{
    (void)state;
    struct rig_client client;
    uint8_t plaintext[64];
    start();
    know(test_client_ip6);
    make_client(&client, test_client_ip6);
    rig_client_join(&rig, &client);
    expect_pong(&client);
    memset(client.ip6, 0, sizeof(client.ip6));
    client.ip = TEST_CLIENT_ADDRESS;
    rig_client_send_ping(&rig, &client, 2);
    rig_turn(&rig, RIG_MS);
    rig_client_receive(&rig, &client, 1);
    assert_true(client.frames.has_challenge && !client.frames.has_pong);
    struct tw_writer writer = tw_writer_make(plaintext, sizeof(plaintext));
    tw_frame_write_response(&writer, client.frames.challenge);
    rig_client_send_frames(&rig, &client, plaintext, (size_t)(writer.next - plaintext));
    rig_turn(&rig, RIG_MS);
    expect_pong(&client);
    rig_stop(&rig);
}

/* Off the link by the gateway, which is asked for by its link-local address. */
static void far_clients_come_by_the_gateway(void **state)
{
    (void)state;
    static const uint8_t far[16] = {0x20, 0x01, 0x0d, 0xb8, [15] = 9};
    struct tw_worker_event event;
    struct rig_client client;
    start();
    make_client(&client, far);
    rig_client_hello(&rig, &client, 0);
    rig_turn(&rig, RIG_MS);
    assert_int_equal(rig_send(&rig, TW_SEND_NO_NEIGHBOUR), 1);
    assert_int_equal(rig_events(&rig, TW_EVENT_NEIGHBOUR_WANTED, &event), 1);
    assert_memory_equal(event.neighbour.address.ip, test_router_ip6, 16);
    struct tw_worker_command ask = {.type = TW_COMMAND_NEIGHBOUR_ASK,
                                    .neighbour.address = event.neighbour.address};
    rig_command(&rig, 0, &ask);
    rig_turn(&rig, RIG_MS);
    assert_int_equal(rig_sent(&rig, frame), ND_FRAME);
    assert_int_equal(frame[54], 135);
    assert_memory_equal(frame, ((uint8_t[6]){0x33, 0x33, 0xff, 0, 0, 0xfe}), 6);
    assert_memory_equal(frame + 22, test_server_ip6, 16);
    assert_memory_equal(frame + 62, test_router_ip6, 16);
    know(test_router_ip6);
    rig_client_join(&rig, &client);
    expect_pong(&client);
    rig_stop(&rig);
}

/* One host has a whole /64 of addresses, and one budget. */
static void a_prefix_has_one_budget(void **state)
{
    (void)state;
    struct rig_client client;
    uint8_t ip[16];
    rig_make(&rig, 1);
    struct tw_config_port *port = &rig.config.ports[0];
    memcpy(port->address6, test_server_ip6, 16);
    port->prefix_length6 = 64;
    rig.config.limits.source_pps = 3;
    rig_start(&rig);
    for (uint8_t host = 0; host < 6; host++) {
        memcpy(ip, test_client_ip6, 16);
        ip[7] = host == 5; /* the last one is of another prefix */
        ip[15] = (uint8_t)(10 + host);
        know(ip);
        make_client(&client, ip);
        for (int step = 0; step < 2; step++) {
            rig_client_hello(&rig, &client, 0);
            rig_turn(&rig, 0);
            rig_client_receive(&rig, &client, 1);
        }
        if (host == 4)
            assert_int_equal(rig.handshake_count, 3);
    }
    assert_int_equal(rig_outcome(&rig, TW_OUTCOME_SOURCE_BUDGET), 2);
    rig_stop(&rig);
}

int main(int argc, char **argv)
{
    (void)argc;
    if (!rig_init_eal(argv[0]))
        return 1;
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(answers_solicitations),
        cmocka_unit_test(answers_solicitations_without_a_mac),
        cmocka_unit_test(learns_advertisements),
        cmocka_unit_test(discovery_and_echo_have_budgets),
        cmocka_unit_test(sessions_of_both_families),
        cmocka_unit_test(sessions_move_between_families),
        cmocka_unit_test(far_clients_come_by_the_gateway),
        cmocka_unit_test(a_prefix_has_one_budget),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
