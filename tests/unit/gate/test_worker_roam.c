/* SPDX-License-Identifier: BSD-3-Clause */
/* Sessions that change address: proven first, and nobody else is flooded by it. */
#include "tests/unit/gate/worker_rig.h"

#include "dataplane/gate/network_bytes.h"
#include "dataplane/gate/path.h"
#include "dataplane/gate/worker_state.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>
#include <rte_ring_elem.h>
#include <sodium.h>

#define HOME_PORT   5000u
#define NEW_PORT    5100u
#define VICTIM      (TEST_CLIENT_ADDRESS + 7u)
#define VICTIM_PORT 53u

static void send_response(struct rig *rig, struct rig_client *client, const uint8_t *bytes)
{
    uint8_t plaintext[32];
    struct tw_writer writer = tw_writer_make(plaintext, sizeof(plaintext));
    tw_frame_write_response(&writer, bytes);
    rig_client_send_frames(rig, client, plaintext, (size_t)(writer.next - plaintext));
}

/* What the port was given to send to an address, and takes it away. */
struct sent {
    uint32_t packets;
    uint32_t payload_bytes;
    uint32_t ip_bytes;
};

static struct sent sent_to(struct rig *rig, uint32_t ip)
{
    uint8_t frame[TEST_FRAME_MAX];
    struct sent sent = {0};
    while (rig_sent(rig, frame) > 0) {
        if (tw_load_be32(frame + 30) != ip)
            continue;
        sent.packets++;
        sent.ip_bytes += tw_load_be16(frame + 16);
        sent.payload_bytes += tw_load_be16(frame + 38) - 8u;
    }
    return sent;
}

static void know_neighbour(struct rig *rig, uint32_t ip)
{
    struct tw_worker_command command = {.type = TW_COMMAND_NEIGHBOUR_SET,
                                        .neighbour.address = tw_address_from_ipv4(ip, 0)};
    memcpy(command.neighbour.mac, test_client_mac, 6);
    rig_command(rig, 0, &command);
}

/* ---- moving --------------------------------------------------------------------------------- */

static void moves_once_it_answered(void **state)
{
    (void)state;
    struct rig rig;
    struct rig_client client;
    struct tw_record record;
    rig_make(&rig, 1);
    rig_start(&rig);
    rig_client_make_live(&rig, &client, HOME_PORT);
    assert_true(rig_record(&rig, 0, &record)); /* join */
    client.port = NEW_PORT;
    uint32_t tick = (uint32_t)((rig.now_ns - rig.epoch_ns) / 1000 * 60 / 1000000);
    rig_client_send_inputs(&rig, &client, tick, 1);
    rig_turn(&rig, RIG_MS);
    /* The input counts at once; the challenge, and nothing else, comes here. */
    assert_true(rig_record(&rig, 0, &record));
    assert_int_equal(record.type, TW_RECORD_INPUT);
    rig_client_receive(&rig, &client, 1);
    assert_true(client.frames.has_challenge && !client.frames.has_pong && !client.frames.has_ack);
    assert_int_equal(rig_roaming(&rig, TW_ROAMING_OPENED), 1);
    uint8_t challenge[TW_CHALLENGE_SIZE];
    memcpy(challenge, client.frames.challenge, sizeof(challenge));
    /* An answer to a ping goes to the old address. */
    uint32_t received = client.received;
    rig_client_send_ping(&rig, &client, 7);
    rig_turn(&rig, RIG_MS);
    client.port = HOME_PORT;
    rig_client_receive(&rig, &client, 1);
    assert_int_equal(client.received, received + 1);
    assert_true(client.frames.has_pong);
    /* The right bytes from the old address prove nothing, the wrong ones from the new neither. */
    send_response(&rig, &client, challenge);
    client.port = NEW_PORT;
    challenge[7] ^= 1;
    send_response(&rig, &client, challenge);
    challenge[7] ^= 1;
    rig_turn(&rig, RIG_MS);
    assert_int_equal(rig_roaming(&rig, TW_ROAMING_VALIDATED), 0);
    send_response(&rig, &client, challenge);
    rig_client_send_ping(&rig, &client, 8);
    rig_turn(&rig, RIG_MS);
    assert_int_equal(rig_roaming(&rig, TW_ROAMING_VALIDATED), 1);
    rig_client_receive(&rig, &client, 1);
    assert_true(client.frames.has_pong);
    assert_int_equal(client.frames.pong.echo_us, 8);
    /* It is told to the control plane as before, with the address it has now. */
    struct tw_worker_command query = {
        .type = TW_COMMAND_QUERY, .query = 1, .connection_id = client.id};
    struct tw_worker_event event;
    rig_command(&rig, 0, &query);
    rig_turn(&rig, RIG_MS);
    rig_events(&rig, TW_EVENT_SESSION, &event);
    assert_int_equal(event.session.address.port, NEW_PORT);
    assert_int_equal(rig_outcome(&rig, TW_OUTCOME_PATH_UNKNOWN), 0);
    assert_int_equal(rig_events(&rig, TW_EVENT_CLOSED, NULL), 0);
    rig_stop(&rig);
}

/* Everything behind a whole other address, there and back again. */
static void moves_between_networks(void **state)
{
    (void)state;
    struct rig rig;
    struct rig_client client;
    rig_make(&rig, 1);
    rig_start(&rig);
    rig_client_make_live(&rig, &client, HOME_PORT);
    know_neighbour(&rig, TEST_CLIENT_ADDRESS + 1);
    for (uint32_t i = 1; i <= 4; i++) {
        client.ip = TEST_CLIENT_ADDRESS + i % 2;
        client.port = (uint16_t)(HOME_PORT + i);
        rig_client_send_ping(&rig, &client, i);
        rig_turn(&rig, RIG_MS);
        rig_client_receive(&rig, &client, 1);
        assert_true(client.frames.has_challenge);
        send_response(&rig, &client, client.frames.challenge);
        rig_client_send_ping(&rig, &client, 100 + i);
        rig_turn(&rig, 1000 * RIG_MS);
        rig_client_receive(&rig, &client, 1);
        assert_int_equal(client.frames.pong.echo_us, 100 + i);
    }
    assert_int_equal(rig_roaming(&rig, TW_ROAMING_VALIDATED), 4);
    rig_stop(&rig);
}

static void a_burst_from_a_new_address(void **state)
{
    (void)state;
    struct rig rig;
    struct rig_client client;
    rig_make(&rig, 1);
    rig_start(&rig);
    rig_client_make_live(&rig, &client, HOME_PORT);
    client.port = NEW_PORT;
    for (int i = 0; i < 20; i++)
        rig_client_send_ping(&rig, &client, 1);
    rig_turn(&rig, RIG_MS);
    /* Attempts to open packets from elsewhere are paced: the others of the burst are dropped, the
     * next ones belong to the candidate. */
    assert_int_equal(rig_roaming(&rig, TW_ROAMING_OPENED), 1);
    assert_int_equal(rig_outcome(&rig, TW_OUTCOME_PATH_UNKNOWN), 19);
    for (int i = 0; i < 20; i++)
        rig_client_send_ping(&rig, &client, 1);
    rig_turn(&rig, RIG_MS);
    assert_int_equal(rig_outcome(&rig, TW_OUTCOME_PATH_UNKNOWN), 19);
    assert_int_equal(rig_outcome(&rig, TW_OUTCOME_ACCEPTED), 1 + 1 + 20);
    rig_stop(&rig);
}

/* ---- attackers ------------------------------------------------------------------------------ */

/* A client pretends to be at somebody else's address and goes on talking: that address gets at most
 * three times the packets and bytes that were sent in its name, to the byte. */
static void a_victim_gets_three_times_at_most(void **state)
{
    (void)state;
    struct rig rig;
    struct rig_client client;
    static const uint8_t smallest[] = {TW_FRAME_CLOSE, 2, 0, 0xff, 0xff}; /* malformed: no reason */
    rig_make(&rig, 1);
    rig.config.limits.malformed_max = 1000;
    rig_start(&rig);
    rig_client_make_live(&rig, &client, HOME_PORT);
    know_neighbour(&rig, VICTIM);
    rig_client_send_ping(&rig, &client, 1); /* answered at home, whoever asks */
    client.ip = VICTIM;
    client.port = VICTIM_PORT;
    /* One packet of 41 bytes, then silence: as long as it lasts, one challenge. */
    rig_client_send_ping(&rig, &client, 2);
    struct sent total = {0};
    for (int i = 0; i < 500; i++) {
        rig_turn(&rig, 10 * RIG_MS);
        struct sent sent = sent_to(&rig, VICTIM);
        total.packets += sent.packets;
        total.payload_bytes += sent.payload_bytes;
    }
    assert_int_equal(total.packets, 1);
    assert_int_equal(total.payload_bytes, TW_PATH_CHALLENGE_PACKET);
    /* It goes on for 10 s: a candidate each 3 s, a challenge each 200 ms at most. */
    total = (struct sent){0};
    uint32_t packets = 0, bytes = 0;
    for (int i = 0; i < 1000; i++) {
        uint8_t plaintext[16] = {TW_FRAME_PING, 8};
        rig_client_send_frames(&rig, &client, i % 2 ? plaintext : smallest,
                               i % 2 ? 11 : sizeof(smallest));
        packets++;
        bytes += TW_PACKET_MIN + (i % 2 ? 11u : (uint32_t)sizeof(smallest));
        rig_turn(&rig, 10 * RIG_MS);
        struct sent sent = sent_to(&rig, VICTIM);
        total.packets += sent.packets;
        total.payload_bytes += sent.payload_bytes;
        total.ip_bytes += sent.ip_bytes;
        assert_true(total.packets <= 3 * packets);
        assert_true(total.payload_bytes <= 3 * bytes);
        assert_true(total.ip_bytes <= 3 * (bytes + packets * 28));
    }
    assert_int_equal(total.payload_bytes, total.packets * TW_PATH_CHALLENGE_PACKET);
    assert_int_equal(total.packets, rig_roaming(&rig, TW_ROAMING_CHALLENGED) - 1);
    assert_in_range(total.packets, 45, 60);
    assert_int_equal(rig_roaming(&rig, TW_ROAMING_VALIDATED), 0);
    rig_stop(&rig);
}

/* Who can write any address, and copies or forges what it saw, moves nothing. */
static void forgers_move_nothing(void **state)
{
    (void)state;
    struct rig rig;
    struct rig_client client;
    uint8_t packet[TW_DATAGRAM_MAX];
    static const uint8_t ping[] = {TW_FRAME_PING, 8, 0, 1, 2, 3, 4, 5, 6, 7, 8};
    rig_make(&rig, 1);
    rig.config.limits.session_pps = 10;
    rig_start(&rig);
    rig_client_make_live(&rig, &client, HOME_PORT);
    size_t size = rig_client_seal(&client, client.sequence++, ping, sizeof(ping), packet);
    rig_client_send(&rig, &client, packet, size);
    rig_turn(&rig, 2000 * RIG_MS);
    client.port = NEW_PORT;
    rig_client_send(&rig, &client, packet, size); /* a copy: not newer than all before it */
    rig_turn(&rig, 20 * RIG_MS);
    assert_int_equal(rig_outcome(&rig, TW_OUTCOME_PATH_UNKNOWN), 1);
    size = rig_client_seal(&client, 1000, ping, sizeof(ping), packet);
    packet[size - 1] ^= 1;
    client.port = HOME_PORT;
    rig_client_send_ping(&rig, &client, 2);
    rig_turn(&rig, RIG_MS);
    client.port = NEW_PORT;
    for (int i = 0; i < 490; i++) {
        rig_client_send(&rig, &client, packet, size);
        rig_turn(&rig, RIG_MS);
    }
    /* One in 10 ms is looked at while it is heard, then each. */
    assert_in_range(rig_outcome(&rig, TW_OUTCOME_TAG_WRONG), 48, 50);
    rig_turn(&rig, 10 * RIG_MS);
    uint64_t wrong = rig_outcome(&rig, TW_OUTCOME_TAG_WRONG);
    for (int i = 0; i < 500; i++) {
        rig_client_send(&rig, &client, packet, size);
        rig_turn(&rig, RIG_MS);
    }
    assert_int_equal(rig_outcome(&rig, TW_OUTCOME_TAG_WRONG), wrong + 500);
    assert_int_equal(rig_roaming(&rig, TW_ROAMING_OPENED), 0);
    assert_int_equal(sent_to(&rig, VICTIM).packets, 0);
    /* The client did not pay for it. */
    client.port = HOME_PORT;
    for (int i = 0; i < 10; i++)
        rig_client_send_ping(&rig, &client, 3);
    rig_turn(&rig, 0);
    assert_int_equal(rig_outcome(&rig, TW_OUTCOME_SESSION_BUDGET), 0);
    rig_stop(&rig);
}

/* Many silent sessions in whose names somebody forges 2,000,000 packets a second, four times what
 * is opened: one of the clients comes back at a new address, within a few packets. Every packet
 * ends in an outcome. */
static void who_comes_back_is_drawn(void **state)
{
    (void)state;
    struct rig rig;
    struct rig_client clients[20];
    uint8_t packet[20][TW_DATAGRAM_MAX];
    size_t size = 0;
    rig_make(&rig, 1);
    rig_start(&rig);
    for (uint32_t i = 0; i < 20; i++) {
        rig_client_make_live(&rig, &clients[i], (uint16_t)(HOME_PORT + i));
        size = rig_client_seal(&clients[i], 1000, (const uint8_t *)"x", 1, packet[i]);
        packet[i][size - 1] ^= 1;
    }
    rig_turn(&rig, 1000 * RIG_MS);
    uint64_t accepted = rig_outcome(&rig, TW_OUTCOME_ACCEPTED);
    uint32_t tries = 0, forged = 0, waits = 0;
    for (uint32_t ms = 0; ms < 1000; ms++) {
        for (uint32_t i = 0; i < 2000; i++, forged++) {
            struct rig_client *forger = &clients[i % 20];
            forger->port = (uint16_t)(NEW_PORT + i % 1000);
            rig_client_send(&rig, forger, packet[i % 20], size);
            if (i % 200 == 199)
                rig_turn(&rig, RIG_MS / 10);
        }
        bool back = rig_roaming(&rig, TW_ROAMING_OPENED) > 0;
        waits += back;
        if (ms % 16 == 0 && !back) {
            clients[3].port = HOME_PORT - 1;
            rig_client_send_ping(&rig, &clients[3], 1);
            tries++;
        }
        if (waits > 20)
            break;
    }
    assert_int_equal(rig_outcome(&rig, TW_OUTCOME_ACCEPTED), accepted + 1);
    assert_in_range(tries, 1, 30);
    uint64_t opened = rig_outcome(&rig, TW_OUTCOME_TAG_WRONG);
    uint64_t refused = rig_outcome(&rig, TW_OUTCOME_PATH_BUDGET);
    uint64_t heard = rig_outcome(&rig, TW_OUTCOME_PATH_UNKNOWN); /* of the one that is back */
    assert_int_equal(opened + refused + heard, forged + tries - 1);
    assert_true(opened <= TW_PATH_SILENT_BURST + forged / 4 + 500);
    assert_true(refused > forged / 2);
    rig_stop(&rig);
}

/* Many sessions' ids in forged packets: the worker's budget ends the cryptography for all. */
static void the_workers_budget_bounds_all(void **state)
{
    (void)state;
    struct rig rig;
    struct rig_client client;
    rig_make(&rig, 1);
    rig_start(&rig);
    rig_client_make_live(&rig, &client, HOME_PORT);
    struct tw_worker *worker = rig.worker[0];
    worker->budgets.path_tries.heard_rate = tw_budget_rate_make(3, 3);
    uint8_t packet[TW_DATAGRAM_MAX];
    size_t size = rig_client_seal(&client, 1000, (const uint8_t *)"x", 1, packet);
    packet[size - 1] ^= 1;
    client.port = NEW_PORT;
    for (int i = 0; i < 8; i++) {
        rig_client_send(&rig, &client, packet, size);
        rig_turn(&rig, 10 * RIG_MS);
    }
    assert_int_equal(rig_outcome(&rig, TW_OUTCOME_TAG_WRONG), 3);
    assert_int_equal(rig_outcome(&rig, TW_OUTCOME_PATH_UNKNOWN), 5);
    rig_turn(&rig, 1000 * RIG_MS);
    rig_client_send_ping(&rig, &client, 1);
    rig_turn(&rig, RIG_MS);
    assert_int_equal(rig_roaming(&rig, TW_ROAMING_OPENED), 1);
    rig_stop(&rig);
}

static void nothing_of_a_closing_session_moves(void **state)
{
    (void)state;
    struct rig rig;
    struct rig_client client;
    rig_make(&rig, 1);
    rig_start(&rig);
    rig_client_make_live(&rig, &client, HOME_PORT);
    client.port = NEW_PORT;
    rig_client_send_ping(&rig, &client, 1);
    rig_turn(&rig, RIG_MS);
    rig_client_receive(&rig, &client, 1);
    struct tw_worker_command command = {
        .type = TW_COMMAND_KICK, .reason = TW_CLOSE_KICKED, .connection_id = client.id};
    rig_command(&rig, 0, &command);
    rig_turn(&rig, RIG_MS);
    send_response(&rig, &client, client.frames.challenge);
    rig_turn(&rig, RIG_MS);
    assert_int_equal(rig_outcome(&rig, TW_OUTCOME_SESSION_CLOSING), 1);
    assert_int_equal(rig_roaming(&rig, TW_ROAMING_VALIDATED), 0);
    client.port = HOME_PORT; /* the goodbye goes where the session was */
    rig_client_receive(&rig, &client, 1);
    assert_true(client.closes >= 1);
    rig_stop(&rig);
}

int main(int argc, char **argv)
{
    (void)argc;
    if (!rig_init_eal(argv[0]))
        return 1;
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(moves_once_it_answered),
        cmocka_unit_test(moves_between_networks),
        cmocka_unit_test(a_burst_from_a_new_address),
        cmocka_unit_test(a_victim_gets_three_times_at_most),
        cmocka_unit_test(forgers_move_nothing),
        cmocka_unit_test(who_comes_back_is_drawn),
        cmocka_unit_test(the_workers_budget_bounds_all),
        cmocka_unit_test(nothing_of_a_closing_session_moves),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
