/* SPDX-License-Identifier: BSD-3-Clause */
/* A worker that serves two ports: what came in by one is answered by it, and by no other. */
#include "tests/unit/gate/frame_builder_ipv6.h"
#include "tests/unit/gate/worker_rig.h"

#include "dataplane/gate/arp.h"
#include "dataplane/gate/network_bytes.h"
#include "dataplane/gate/path.h"
#include "dataplane/gate/port_orders.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>
#include <rte_mbuf.h>
#include <rte_ring.h>
#include <string.h>

#define CLIENT2 (TEST_SERVER_ADDRESS2 + 1)

static struct rig rig;

static void start(uint32_t workers)
{
    rig_make(&rig, workers);
    rig.ports = 2;
    rig_start(&rig);
}

static void know(uint8_t interface, uint32_t address)
{
    struct tw_worker_command command = {
        .type = TW_COMMAND_NEIGHBOUR_SET,
        .neighbour = {.address = tw_address_from_ipv4(address, 0), .interface = interface}};
    memcpy(command.neighbour.mac, test_client_mac, 6);
    for (uint32_t i = 0; i < rig.workers; i++)
        rig_command(&rig, i, &command);
}

static void make_client(struct rig_client *client, uint32_t interface, uint32_t ip)
{
    rig_client_make(&rig, client, ip, 6000);
    client->interface = interface;
    rig_client_join(&rig, client);
    rig_client_send_ping(&rig, client, 1);
    rig_turn(&rig, RIG_MS);
    rig_client_receive(&rig, client, 1);
    assert_int_equal(client->pongs, 1);
}

static void each_port_has_sessions_of_its_own(void **state)
{
    (void)state;
    struct rig_client clients[2];
    uint8_t frame[TEST_FRAME_MAX];
    start(1);
    know(1, CLIENT2);
    make_client(&clients[0], 0, TEST_CLIENT_ADDRESS);
    make_client(&clients[1], 1, CLIENT2);
    /* Nothing went out by the wrong port: rig_client_receive took all there was. */
    assert_int_equal(rig_sent_by(&rig, 0, frame), 0);
    assert_int_equal(rig_sent_by(&rig, 1, frame), 0);
    assert_int_equal(rig_send(&rig, TW_SEND_NO_NEIGHBOUR), 0);
    rig_stop(&rig);
}

/* Right id, right source, right key, but by the other port: another path. */
static void another_port_is_another_path(void **state)
{
    (void)state;
    struct rig_client client;
    uint8_t plaintext[16], frame[TEST_FRAME_MAX];
    rig_make(&rig, 1);
    rig.ports = 2;
    rig.config.ports[1].gateway = CLIENT2; /* 198.18.0.2 is no neighbour of the second link */
    rig_start(&rig);
    know(1, CLIENT2);
    make_client(&client, 0, TEST_CLIENT_ADDRESS);
    client.interface = 1;
    rig_client_send_ping(&rig, &client, 2);
    rig_turn(&rig, RIG_MS);
    /* The challenge goes there, the pong where the session is. */
    size_t size = rig_sent_by(&rig, 1, frame);
    assert_int_equal(size, TW_FRAME_HEADERS_SIZE + TW_PATH_CHALLENGE_PACKET);
    assert_int_equal(rig_sent_by(&rig, 1, frame), 0);
    assert_true(rig_sent_by(&rig, 0, frame) > size);
    for (int i = 0; i < 200; i++) {
        rig_turn(&rig, RIG_MS);
        assert_int_equal(rig_sent_by(&rig, 1, frame), 0);
    }
    rig_client_send_ping(&rig, &client, 3);
    rig_turn(&rig, RIG_MS);
    rig_client_receive(&rig, &client, 1);
    assert_int_equal(client.challenges, 1);
    /* Proven, everything goes by the other port. */
    struct tw_writer writer = tw_writer_make(plaintext, sizeof(plaintext));
    tw_frame_write_response(&writer, client.challenge);
    rig_client_send_frames(&rig, &client, plaintext, (size_t)(writer.next - plaintext));
    rig_client_send_ping(&rig, &client, 4);
    rig_turn(&rig, RIG_MS);
    assert_int_equal(rig_sent_by(&rig, 0, frame), 0);
    assert_true(rig_sent_by(&rig, 1, frame) > 0);
    rig_stop(&rig);
}

/* The address of one port is not answered for on the other. */
static void ports_answer_for_their_own_address(void **state)
{
    (void)state;
    uint8_t frame[TEST_FRAME_MAX];
    start(1);
    size_t size = test_arp_frame(frame, 1, CLIENT2, TEST_SERVER_ADDRESS2);
    rig_inject_at(&rig, 0, 0, frame, size);
    rig_inject_at(&rig, 1, 0, frame, size);
    rig_turn(&rig, RIG_MS);
    assert_int_equal(rig_outcome(&rig, TW_OUTCOME_ARP_FOREIGN), 1);
    assert_int_equal(rig_outcome(&rig, TW_OUTCOME_ARP_HANDLED), 1);
    struct tw_worker_event event;
    assert_int_equal(rig_events(&rig, TW_EVENT_NEIGHBOUR_SEEN, &event), 1);
    assert_int_equal(event.neighbour.interface, 1);
    assert_int_equal(tw_ip_ipv4(event.neighbour.address.ip), CLIENT2);
    assert_int_equal(rig_sent_by(&rig, 0, frame), 0);
    assert_int_equal(rig_sent_by(&rig, 1, frame), TW_ARP_FRAME_SIZE);
    assert_int_equal(tw_load_be32(frame + 28), TEST_SERVER_ADDRESS2);
    /* Questions of our own go out where they belong. */
    struct tw_worker_command ask = {
        .type = TW_COMMAND_NEIGHBOUR_ASK,
        .neighbour = {.address = tw_address_from_ipv4(CLIENT2 + 5, 0), .interface = 1}};
    rig_command(&rig, 0, &ask);
    rig_turn(&rig, RIG_MS);
    assert_int_equal(rig_sent_by(&rig, 0, frame), 0);
    assert_int_equal(rig_sent_by(&rig, 1, frame), TW_ARP_FRAME_SIZE);
    assert_int_equal(tw_load_be32(frame + 38), CLIENT2 + 5);
    rig_stop(&rig);
}

/* The next hop is wanted on the port that has it. */
static void unknown_next_hops_name_their_port(void **state)
{
    (void)state;
    struct rig_client client;
    struct tw_worker_event event;
    start(1);
    rig_client_make(&rig, &client, CLIENT2, 6000);
    client.interface = 1;
    rig_client_hello(&rig, &client, 0);
    rig_turn(&rig, RIG_MS);
    assert_int_equal(rig_events(&rig, TW_EVENT_NEIGHBOUR_WANTED, &event), 1);
    assert_int_equal(event.neighbour.interface, 1);
    assert_int_equal(tw_ip_ipv4(event.neighbour.address.ip), CLIENT2);
    rig_stop(&rig);
}

/* A packet of the second port lands on the other worker and still finds its session. */
static void hand_over_keeps_the_port(void **state)
{
    (void)state;
    struct rig_client client;
    uint8_t packet[TW_DATAGRAM_MAX], frame[TEST_FRAME_MAX];
    static const uint8_t ping[] = {TW_FRAME_PING, 8, 0, 1, 2, 3, 4, 5, 6, 7, 8};
    start(2);
    know(1, CLIENT2);
    make_client(&client, 1, CLIENT2);
    for (uint32_t port = 0; port < 2; port++) {
        /* The first is too old to open a path by the port that it takes. */
        size_t size = rig_client_seal(&client, port == 0 ? 1 : 101, ping, sizeof(ping), packet);
        size = test_udp_frame(frame, client.ip, client.port, packet, size);
        if (port == 1)
            test_set_destination(frame, TEST_SERVER_ADDRESS2);
        rig_inject_at(&rig, port, 1, frame, size);
    }
    rig_turn(&rig, RIG_MS);
    rig_turn(&rig, RIG_MS);
    assert_int_equal(rig_outcome(&rig, TW_OUTCOME_PATH_UNKNOWN), 1);
    assert_int_equal(rig_outcome(&rig, TW_OUTCOME_ACCEPTED), 2);
    rig_client_receive(&rig, &client, 1);
    assert_int_equal(client.pongs, 2);
    rig_stop(&rig);
}

/* What a port that finishes checksums is handed, and what it is told about it. */
static void checksums_are_left_to_a_port_that_finishes_them(void **state)
{
    (void)state;
    struct rig_client client;
    rig_make(&rig, 1);
    rig.worker_config[0].ports[0].tx_checksum = true;
    rig_start(&rig);
    rig_client_make(&rig, &client, TEST_CLIENT_ADDRESS, 6000);
    rig_client_hello(&rig, &client, 0);
    rig_turn(&rig, RIG_MS);
    void *taken = NULL;
    assert_int_equal(rte_ring_sc_dequeue(rig.port_tx[0][0], &taken), 0);
    struct rte_mbuf *mbuf = taken;
    assert_int_equal(mbuf->ol_flags,
                     RTE_MBUF_F_TX_IPV4 | RTE_MBUF_F_TX_IP_CKSUM | RTE_MBUF_F_TX_UDP_CKSUM);
    assert_int_equal(mbuf->l2_len, 14);
    assert_int_equal(mbuf->l3_len, 20);
    uint8_t *frame = rte_pktmbuf_mtod(mbuf, uint8_t *);
    assert_int_equal(tw_load_be16(frame + 24), 0);
    test_fix_ipv4(frame);
    test_fix_udp(frame);
    struct tw_parse_rules theirs = {
        .prefix_length = 24, .udp_port = 6000, .address = TEST_CLIENT_ADDRESS};
    memcpy(theirs.mac, test_client_mac, 6);
    struct tw_packet packet = {.frame = frame, .frame_length = mbuf->pkt_len};
    tw_packet_parse(&packet, &theirs, (struct tw_checksum_hints){0});
    assert_int_equal(packet.outcome, TW_OUTCOME_OPEN);
    rte_pktmbuf_free(mbuf);
    /* ARP answers hold no checksum and say nothing of one. */
    uint8_t arp[TEST_FRAME_MAX];
    rig_inject(&rig, 0, arp, test_arp_frame(arp, 1, TEST_CLIENT_ADDRESS, TEST_SERVER_ADDRESS));
    rig_turn(&rig, RIG_MS);
    assert_int_equal(rte_ring_sc_dequeue(rig.port_tx[0][0], &taken), 0);
    mbuf = taken;
    assert_int_equal(mbuf->ol_flags, 0);
    assert_ptr_equal(mbuf->pool, rig.tx_pool);
    rte_pktmbuf_free(mbuf);
    rig_stop(&rig);
}

static void ipv6_checksums_are_left_to_it_too(void **state)
{
    (void)state;
    struct rig_client client;
    rig_make(&rig, 1);
    memcpy(rig.config.ports[0].address6, test_server_ip6, 16);
    rig.config.ports[0].prefix_length6 = 64;
    rig.worker_config[0].ports[0].tx_checksum = true;
    rig_start(&rig);
    struct tw_worker_command command = {.type = TW_COMMAND_NEIGHBOUR_SET,
                                        .neighbour.address =
                                            tw_address_from_ipv6(test_client_ip6, 0)};
    memcpy(command.neighbour.mac, test_client_mac, 6);
    rig_command(&rig, 0, &command);
    rig_client_make(&rig, &client, 0, 6000);
    memcpy(client.ip6, test_client_ip6, sizeof(client.ip6));
    rig_client_hello(&rig, &client, 0);
    rig_turn(&rig, RIG_MS);
    void *taken = NULL;
    assert_int_equal(rte_ring_sc_dequeue(rig.port_tx[0][0], &taken), 0);
    struct rte_mbuf *mbuf = taken;
    assert_int_equal(mbuf->ol_flags, RTE_MBUF_F_TX_IPV6 | RTE_MBUF_F_TX_UDP_CKSUM);
    assert_int_equal(mbuf->l2_len, 14);
    assert_int_equal(mbuf->l3_len, 40);
    rte_pktmbuf_free(mbuf);
    rig_stop(&rig);
}

/* A card may free all that a queue sent into the first one's pool
 * (RTE_ETH_TX_OFFLOAD_MBUF_FAST_FREE).
 */
static void all_that_is_sent_comes_from_one_pool(void **state)
{
    (void)state;
    uint8_t frame[TEST_FRAME_MAX];
    start(1);
    size_t size = test_arp_frame(frame, 1, TEST_CLIENT_ADDRESS, TEST_SERVER_ADDRESS);
    rig_inject(&rig, 0, frame, size);
    const size_t largest = TW_FRAME_HEADERS_SIZE + TW_DATAGRAM_MAX - 42u;
    size = test_icmp_frame(frame, TEST_CLIENT_ADDRESS, largest);
    assert_int_equal(size, TW_FRAME_HEADERS_SIZE + TW_DATAGRAM_MAX);
    rig_inject(&rig, 0, frame, size);
    size = test_icmp_frame(frame, TEST_CLIENT_ADDRESS, largest + 1);
    rig_inject(&rig, 0, frame, size);
    rig_turn(&rig, RIG_MS);
    assert_int_equal(rig_outcome(&rig, TW_OUTCOME_ARP_HANDLED), 1);
    assert_int_equal(rig_outcome(&rig, TW_OUTCOME_ICMP_ANSWERED), 1);
    assert_int_equal(rig_outcome(&rig, TW_OUTCOME_ICMP_IGNORED), 1);
    uint32_t count = 0;
    void *taken = NULL;
    while (rte_ring_sc_dequeue(rig.port_tx[0][0], &taken) == 0) {
        struct rte_mbuf *mbuf = taken;
        assert_ptr_equal(mbuf->pool, rig.tx_pool);
        assert_int_equal(rte_mbuf_refcnt_read(mbuf), 1);
        rte_pktmbuf_free(mbuf);
        count++;
    }
    assert_int_equal(count, 2);
    rig_stop(&rig);
}

static struct tw_port_orders port_orders;

static void order(enum tw_port_order wanted)
{
    tw_port_orders_give(&port_orders, 0, wanted);
    assert_false(tw_port_orders_obeyed(&port_orders, 0));
    rig_turn(&rig, RIG_MS);
    assert_true(tw_port_orders_obeyed(&port_orders, 0));
}

/* Pings; returns how many pongs came back. */
static uint32_t ping(struct rig_client *client)
{
    static uint64_t time_us = 100;
    uint32_t before = client->pongs;
    rig_client_send_ping(&rig, client, time_us++);
    rig_turn(&rig, RIG_MS);
    rig_client_receive(&rig, client, 1);
    return client->pongs - before;
}

static void ports_are_served_as_ordered(void **state)
{
    (void)state;
    struct rig_client client;
    uint8_t frame[TEST_FRAME_MAX];
    memset(&port_orders, 0, sizeof(port_orders));
    rig_make(&rig, 1);
    rig.worker_config[0].port_orders = &port_orders;
    rig_start(&rig);
    make_client(&client, 0, TEST_CLIENT_ADDRESS);
    assert_int_equal(ping(&client), 1);
    /* No link: what comes still counts, what would go is told. */
    order(TW_PORT_LINK_DOWN);
    uint64_t accepted = rig_outcome(&rig, TW_OUTCOME_ACCEPTED);
    assert_int_equal(ping(&client), 0);
    assert_int_equal(rig_outcome(&rig, TW_OUTCOME_ACCEPTED), accepted + 1);
    assert_int_equal(rig_send(&rig, TW_SEND_LINK_DOWN), 1);
    rig_inject(&rig, 0, frame, test_arp_frame(frame, 1, TEST_CLIENT_ADDRESS, TEST_SERVER_ADDRESS));
    rig_turn(&rig, RIG_MS);
    assert_int_equal(rig_send(&rig, TW_SEND_LINK_DOWN), 2);
    assert_int_equal(rig_sent(&rig, frame), 0);
    /* Away: the port is not touched. */
    order(TW_PORT_LEAVE);
    assert_int_equal(ping(&client), 0);
    assert_int_equal(rte_ring_count(rig.port_rx[0][0]), 1);
    struct tw_worker_command command = {
        .type = TW_COMMAND_NEIGHBOUR_ASK,
        .neighbour = {.address = tw_address_from_ipv4(TEST_CLIENT_ADDRESS + 5, 0)}};
    rig_command(&rig, 0, &command);
    rig_turn(&rig, RIG_MS);
    assert_int_equal(rig_send(&rig, TW_SEND_PORT_AWAY), 1);
    assert_int_equal(rig_send(&rig, TW_SEND_LINK_DOWN), 2);
    /* Back: what waited there is answered, and nothing of the session was lost. */
    order(TW_PORT_SERVE);
    rig_client_receive(&rig, &client, 1);
    assert_int_equal(rte_ring_count(rig.port_rx[0][0]), 0);
    assert_int_equal(ping(&client), 1);
    assert_int_equal(rig_outcome(&rig, TW_OUTCOME_ACCEPTED), accepted + 3);
    rig_stop(&rig);
}

static struct rte_mbuf *buffer_with(struct rte_mempool *pool, const uint8_t *bytes, size_t length)
{
    struct rte_mbuf *mbuf = rte_pktmbuf_alloc(pool);
    assert_non_null(mbuf);
    memcpy(rte_pktmbuf_append(mbuf, (uint16_t)length), bytes, length);
    return mbuf;
}

static void receive(struct rte_mbuf *mbuf)
{
    assert_int_equal(rte_ring_sp_enqueue(rig.port_rx[0][0], mbuf), 0);
    rig.injected++;
    rig.injected_bytes += mbuf->pkt_len;
}

/* The next ping as a frame; its length. */
static size_t ping_frame(struct rig_client *client, uint8_t frame[TEST_FRAME_MAX])
{
    uint8_t plaintext[64], packet[TW_DATAGRAM_MAX];
    struct tw_writer writer = tw_writer_make(plaintext, sizeof(plaintext));
    tw_frame_write_ping(&writer, 1);
    size_t length = rig_client_seal(client, client->sequence++, plaintext,
                                    (size_t)(writer.next - plaintext), packet);
    return test_udp_frame(frame, client->ip, client->port, packet, length);
}

/* A frame longer than a buffer comes in several, of which the first is read; then some buffers that
 * are not the worker's alone, or of another pool. Each goes back where it belongs: rig_stop counts.
 */
static void every_buffer_goes_back_where_it_belongs(void **state)
{
    (void)state;
    static const uint8_t padding[TEST_FRAME_MAX];
    uint8_t frame[TEST_FRAME_MAX];
    struct rig_client client;
    rig_make(&rig, 1);
    rig_start(&rig);
    make_client(&client, 0, TEST_CLIENT_ADDRESS);
    uint64_t accepted = rig_outcome(&rig, TW_OUTCOME_ACCEPTED);

    size_t size = ping_frame(&client, frame);
    struct rte_mbuf *whole = buffer_with(rig.rx_pool, frame, size);
    for (uint32_t i = 0; i < 4; i++)
        assert_int_equal(rte_pktmbuf_chain(whole, buffer_with(rig.rx_pool, padding, 1500)), 0);
    receive(whole);
    size = ping_frame(&client, frame);
    struct rte_mbuf *cut = buffer_with(rig.rx_pool, frame, size - 20u);
    assert_int_equal(rte_pktmbuf_chain(cut, buffer_with(rig.rx_pool, frame + size - 20u, 20)), 0);
    receive(cut);
    size = ping_frame(&client, frame);
    struct rte_mbuf *shared = buffer_with(rig.rx_pool, frame, size);
    rte_mbuf_refcnt_update(shared, 1);
    receive(shared);
    size = ping_frame(&client, frame);
    receive(buffer_with(rig.rx_pool, frame, size));
    size = ping_frame(&client, frame);
    receive(buffer_with(rig.tx_pool, frame, size));
    rig_turn(&rig, RIG_MS);

    assert_int_equal(rig_outcome(&rig, TW_OUTCOME_ACCEPTED) - accepted, 4);
    assert_int_equal(rig_outcome(&rig, TW_OUTCOME_IPV4_TRUNCATED), 1);
    assert_int_equal(rte_mbuf_refcnt_read(shared), 1);
    rte_pktmbuf_free(shared);
    rig_stop(&rig);
}

int main(int argc, char **argv)
{
    (void)argc;
    if (!rig_init_eal(argv[0]))
        return 1;
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_port_has_sessions_of_its_own),
        cmocka_unit_test(another_port_is_another_path),
        cmocka_unit_test(ports_answer_for_their_own_address),
        cmocka_unit_test(unknown_next_hops_name_their_port),
        cmocka_unit_test(hand_over_keeps_the_port),
        cmocka_unit_test(checksums_are_left_to_a_port_that_finishes_them),
        cmocka_unit_test(ipv6_checksums_are_left_to_it_too),
        cmocka_unit_test(all_that_is_sent_comes_from_one_pool),
        cmocka_unit_test(ports_are_served_as_ordered),
        cmocka_unit_test(every_buffer_goes_back_where_it_belongs),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
