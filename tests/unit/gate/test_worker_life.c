/* SPDX-License-Identifier: BSD-3-Clause */
/* A worker's sessions to their end, its neighbours, two workers, and what the main thread asks. */
#include "tests/unit/gate/worker_rig.h"

#include "dataplane/gate/network_bytes.h"
#include "dataplane/gate/session.h"
#include "dataplane/gate/worker_state.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>
#include <rte_mbuf.h>

static void kick(struct rig *rig, uint32_t connection_id)
{
    struct tw_worker_command command = {
        .type = TW_COMMAND_KICK, .reason = TW_CLOSE_KICKED, .connection_id = connection_id};
    rig_command(rig, 0, &command);
    rig_turn(rig, RIG_MS);
}

static bool find_leave(struct rig *rig, enum tw_close_reason reason)
{
    struct tw_record record;
    while (rig_record(rig, 0, &record)) {
        if (record.type == TW_RECORD_LEAVE)
            return record.leave.reason == reason && record.route_epoch == 1;
    }
    return false;
}

static void turns(struct rig *rig, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++)
        rig_turn(rig, RIG_MS);
}

static void kick_tells_three_times(void **state)
{
    (void)state;
    struct rig rig;
    struct rig_client client;
    rig_make(&rig, 1);
    rig_start(&rig);
    rig_client_make_live(&rig, &client, 6000);
    kick(&rig, client.id ^ 1u << 25); /* another generation: nobody */
    assert_int_equal(rig_events(&rig, TW_EVENT_CLOSED, NULL), 0);
    kick(&rig, client.id);
    rig_client_receive(&rig, &client, 1);
    assert_int_equal(client.closes, 1);
    assert_int_equal(client.frames.close_reason, TW_CLOSE_KICKED);
    struct tw_worker_event event;
    assert_int_equal(rig_events(&rig, TW_EVENT_CLOSED, &event), 1);
    assert_int_equal(event.session.reason, TW_CLOSE_KICKED);
    assert_int_equal(event.session.connection_id, client.id);
    assert_int_equal(event.session.received_packets, 1);
    assert_true(find_leave(&rig, TW_CLOSE_KICKED));
    kick(&rig, client.id); /* once is enough */
    for (int i = 0; i < 30; i++)
        rig_turn(&rig, RIG_MS);
    rig_client_receive(&rig, &client, 1);
    assert_int_equal(client.closes, 3);
    assert_int_equal(rig_events(&rig, TW_EVENT_CLOSED, NULL), 1);
    assert_int_equal(tw_counter_get(&rig.counters[0]->sessions_live), 0);
    turns(&rig, 1000); /* it is silent, so it has heard */
    rig_client_send_ping(&rig, &client, 1);
    rig_turn(&rig, RIG_MS);
    assert_int_equal(rig_outcome(&rig, TW_OUTCOME_GENERATION_STALE), 1);
    rig_stop(&rig);
}

/* All three were lost: it plays on for a while, and is told again, not too often. */
static void whoever_goes_on_is_told_again(void **state)
{
    (void)state;
    struct rig rig;
    struct rig_client client;
    rig_make(&rig, 1);
    rig_start(&rig);
    rig_client_make_live(&rig, &client, 6000);
    kick(&rig, client.id);
    turns(&rig, 69);
    rig_client_receive(&rig, &client, 1);
    assert_int_equal(client.closes, TW_SESSION_CLOSES);
    rig_client_send_ping(&rig, &client, 1);
    rig_client_send_ping(&rig, &client, 2);
    rig_turn(&rig, RIG_MS);
    rig_client_receive(&rig, &client, 1);
    assert_int_equal(client.closes, TW_SESSION_CLOSES + 1u);
    assert_int_equal(client.frames.close_reason, TW_CLOSE_KICKED);
    assert_int_equal(rig_outcome(&rig, TW_OUTCOME_SESSION_CLOSING), 2);
    for (uint32_t i = 0; i < 50; i++) { /* ten a tick; the answers are 20 a second */
        rig_client_send_ping(&rig, &client, 3u + i);
        turns(&rig, 10);
    }
    rig_client_receive(&rig, &client, 1);
    assert_in_range(client.closes, TW_SESSION_CLOSES + 9u, TW_SESSION_CLOSES + 11u);
    /* From elsewhere nothing asks for an answer. */
    uint32_t closes = client.closes;
    client.port = 6001;
    turns(&rig, 100);
    rig_client_send_ping(&rig, &client, 100);
    turns(&rig, 1);
    assert_int_equal(rig_outcome(&rig, TW_OUTCOME_PATH_UNKNOWN), 1);
    client.port = 6000;
    rig_client_receive(&rig, &client, 1);
    assert_int_equal(client.closes, closes);
    turns(&rig, 1000);
    assert_int_equal(rig.worker[0]->sessions.counts[TW_SESSION_CLOSING], 0);
    rig_stop(&rig);
}

/* Whoever never stops has its answers, and then no session. */
static void answers_end(void **state)
{
    (void)state;
    struct rig rig;
    struct rig_client client;
    rig_make(&rig, 1);
    rig_start(&rig);
    rig_client_make_live(&rig, &client, 6000);
    kick(&rig, client.id);
    for (uint32_t i = 0; i < 320; i++) {
        rig_client_send_ping(&rig, &client, 1u + i);
        turns(&rig, 10);
        if (i == 290)
            assert_int_equal(rig.worker[0]->sessions.counts[TW_SESSION_CLOSING], 1);
        rig_client_receive(&rig, &client, 1);
    }
    assert_in_range(client.closes, 50u, TW_SESSION_CLOSES + TW_SESSION_ANSWERS);
    assert_int_equal(rig.worker[0]->sessions.counts[TW_SESSION_CLOSING], 0);
    assert_true(rig_outcome(&rig, TW_OUTCOME_GENERATION_STALE) > 0);
    rig_stop(&rig);
}

/* Who comes has room: the slots of those who went are not kept from it. */
static void a_full_worker_takes_slots_of_those_who_went(void **state)
{
    (void)state;
    static struct rig_client clients[64], late;
    struct rig rig;
    rig_make(&rig, 1);
    rig_start(&rig);
    uint32_t capacity = rig.worker[0]->sessions.capacity;
    assert_in_range(capacity, 1, 64);
    for (uint32_t i = 0; i < capacity; i++)
        rig_client_make_live(&rig, &clients[i], (uint16_t)(6000 + i));
    assert_int_equal(rig.worker[0]->sessions.counts[TW_SESSION_FREE], 0);
    kick(&rig, clients[0].id);
    kick(&rig, clients[1].id);
    turns(&rig, 40);
    assert_int_equal(rig.worker[0]->sessions.counts[TW_SESSION_CLOSING], 2);
    rig_client_make_live(&rig, &late, 6100);
    assert_int_equal(rig.worker[0]->sessions.counts[TW_SESSION_CLOSING], 1);
    assert_int_equal(rig.worker[0]->sessions.counts[TW_SESSION_LIVE], capacity - 1u);
    rig_stop(&rig);
}

static void client_leaves(void **state)
{
    (void)state;
    struct rig rig;
    struct rig_client client;
    uint8_t plaintext[8];
    rig_make(&rig, 1);
    rig_start(&rig);
    rig_client_make_live(&rig, &client, 6000);
    struct tw_writer writer = tw_writer_make(plaintext, sizeof(plaintext));
    tw_frame_write_close(&writer, TW_CLOSE_BY_CLIENT);
    for (int i = 0; i < 3; i++)
        rig_client_send_frames(&rig, &client, plaintext, (size_t)(writer.next - plaintext));
    rig_turn(&rig, RIG_MS);
    assert_int_equal(rig_outcome(&rig, TW_OUTCOME_SESSION_CLOSING), 2);
    assert_true(find_leave(&rig, TW_CLOSE_BY_CLIENT));
    struct tw_worker_event event;
    assert_int_equal(rig_events(&rig, TW_EVENT_CLOSED, &event), 1);
    assert_int_equal(event.session.reason, TW_CLOSE_BY_CLIENT);
    rig_client_receive(&rig, &client, 1);
    assert_int_equal(client.closes, 0);
    rig_stop(&rig);
}

static void silence_times_out(void **state)
{
    (void)state;
    struct rig rig;
    struct rig_client client;
    rig_make(&rig, 1); /* life.grace_ms = 10000 */
    rig_start(&rig);
    rig_client_make_live(&rig, &client, 6000);
    rig_turn(&rig, 9000 * RIG_MS);
    rig_client_send_ping(&rig, &client, 1);
    rig_turn(&rig, RIG_MS);
    for (int i = 0; i < 99; i++)
        rig_turn(&rig, 100 * RIG_MS);
    assert_int_equal(rig_events(&rig, TW_EVENT_CLOSED, NULL), 0);
    /* A forged packet is no sign of life. */
    uint8_t packet[TW_DATAGRAM_MAX];
    size_t size = rig_client_seal(&client, 900, (const uint8_t *)"x", 1, packet);
    packet[20] ^= 1;
    rig_client_send(&rig, &client, packet, size);
    /* Every slot is looked at once in 32 turns, and the slot is random; then three closes. */
    for (int i = 0; i < 80; i++)
        rig_turn(&rig, 10 * RIG_MS);
    struct tw_worker_event event;
    assert_int_equal(rig_events(&rig, TW_EVENT_CLOSED, &event), 1);
    assert_int_equal(event.session.reason, TW_CLOSE_TIMEOUT);
    rig_client_receive(&rig, &client, 1);
    assert_int_equal(client.closes, 3);
    rig_stop(&rig);
}

/* A worker that was held up blames nobody: clients have the whole time from its return on. */
static void own_absence_is_no_silence(void **state)
{
    (void)state;
    struct rig rig;
    struct rig_client clients[2];
    rig_make(&rig, 1); /* life.grace_ms = 10000 */
    rig_start(&rig);
    for (uint16_t i = 0; i < 2; i++)
        rig_client_make_live(&rig, &clients[i], (uint16_t)(6000 + i));
    rig_turn(&rig, 60000 * RIG_MS);
    for (int i = 0; i < 98; i++)
        rig_turn(&rig, 100 * RIG_MS);
    assert_int_equal(rig_events(&rig, TW_EVENT_CLOSED, NULL), 0);
    rig_client_send_ping(&rig, &clients[0], 1);
    for (int i = 0; i < 80; i++)
        rig_turn(&rig, 10 * RIG_MS);
    struct tw_worker_event event;
    assert_int_equal(rig_events(&rig, TW_EVENT_CLOSED, &event), 1);
    assert_int_equal(event.session.connection_id, clients[1].id);
    assert_int_equal(event.session.reason, TW_CLOSE_TIMEOUT);
    rig_stop(&rig);
}

static void sleeps_by_what_there_is_to_do(void **state)
{
    (void)state;
    struct rig rig;
    struct rig_client client;
    rig_make(&rig, 1);
    rig.config.engine.idle = TW_IDLE_BACKOFF;
    rig.config.engine.idle_polls = 64;
    rig.config.engine.idle_sleep_us = 50;
    rig.config.engine.idle_quiet_us = 500;
    rig_start(&rig);
    assert_int_equal(tw_worker_pause_ns(rig.worker[0], 0), 0);
    assert_int_equal(tw_worker_pause_ns(rig.worker[0], 63), 0);
    assert_int_equal(tw_worker_pause_ns(rig.worker[0], 64), 50000);
    assert_int_equal(tw_worker_pause_ns(rig.worker[0], 263), 50000);
    assert_int_equal(tw_worker_pause_ns(rig.worker[0], 264), 500000);
    assert_int_equal(tw_worker_pause_ns(rig.worker[0], UINT32_MAX), 500000);
    rig_client_make_live(&rig, &client, 6000);
    assert_int_equal(tw_worker_pause_ns(rig.worker[0], UINT32_MAX), 50000);
    rig.config.engine.idle_polls = 10;
    rig.config.engine.idle_sleep_us = 1000;
    assert_int_equal(tw_worker_pause_ns(rig.worker[0], 9), 0);
    assert_int_equal(tw_worker_pause_ns(rig.worker[0], 10), 1000000);
    rig.config.engine.idle = TW_IDLE_POLL;
    assert_int_equal(tw_worker_pause_ns(rig.worker[0], UINT32_MAX), 0);
    rig_stop(&rig);
}

/* Neither shard nor main thread take anything for a while: nothing that matters is lost. */
static void deliveries_wait_for_room(void **state)
{
    (void)state;
    struct rig rig;
    struct rig_client clients[3];
    struct tw_record record;
    rig_make(&rig, 1);
    rig.records_depth = 2; /* one record */
    rig.events_depth = 2;
    rig_start(&rig);
    for (uint16_t i = 0; i < 3; i++)
        rig_client_make_live(&rig, &clients[i], (uint16_t)(6000 + i));
    for (int i = 0; i < 3; i++) {
        assert_int_equal(rig_events(&rig, TW_EVENT_CONFIRMED, NULL), 3);
        struct tw_worker_command command = {
            .type = TW_COMMAND_KICK, .reason = TW_CLOSE_KICKED, .connection_id = clients[i].id};
        rig_command(&rig, 0, &command);
    }
    for (int i = 0; i < 50; i++)
        rig_turn(&rig, RIG_MS);
    assert_int_equal(rig_events(&rig, TW_EVENT_CLOSED, NULL), 3);
    /* The shard's ring held one join; only that session needs a leave. */
    uint32_t joins = 0, leaves = 0;
    for (int i = 0; i < 10; i++) {
        while (rig_record(&rig, 0, &record)) {
            joins += record.type == TW_RECORD_JOIN;
            leaves += record.type == TW_RECORD_LEAVE;
        }
        rig_turn(&rig, 20 * RIG_MS);
    }
    assert_int_equal(joins, 1);
    assert_int_equal(leaves, 1);
    assert_true(tw_counter_get(&rig.counters[0]->records_ring_full) >= 2);
    rig_client_receive(&rig, clients, 3);
    for (int i = 0; i < 3; i++)
        assert_int_equal(clients[i].closes, 3);
    rig_stop(&rig);
}

static void close_all_drains(void **state)
{
    (void)state;
    struct rig rig;
    struct rig_client clients[5], late;
    rig_make(&rig, 1);
    rig_start(&rig);
    for (uint16_t i = 0; i < 5; i++)
        rig_client_make_live(&rig, &clients[i], (uint16_t)(6000 + i));
    rig_client_make(&rig, &late, TEST_CLIENT_ADDRESS, 6100);
    rig_client_hello(&rig, &late, 0);
    rig_turn(&rig, RIG_MS);
    rig_client_receive(&rig, &late, 1);
    assert_false(tw_worker_is_drained(rig.worker[0]));
    struct tw_worker_command command = {.type = TW_COMMAND_CLOSE_ALL, .reason = TW_CLOSE_SHUTDOWN};
    rig_command(&rig, 0, &command);
    rig_turn(&rig, RIG_MS);
    assert_false(tw_worker_is_drained(rig.worker[0]));
    rig_client_hello(&rig, &late, 0);
    turns(&rig, 40);
    assert_false(tw_worker_is_drained(rig.worker[0]));
    turns(&rig, 200); /* all are silent */
    assert_true(tw_worker_is_drained(rig.worker[0]));
    assert_int_equal(rig_outcome(&rig, TW_OUTCOME_TRY_AGAIN_SENT), 1);
    assert_int_equal(rig_events(&rig, TW_EVENT_CLOSED, NULL), 5);
    rig_client_receive(&rig, clients, 5);
    for (int i = 0; i < 5; i++) {
        assert_int_equal(clients[i].closes, 3);
        assert_int_equal(clients[i].frames.close_reason, TW_CLOSE_SHUTDOWN);
    }
    rig_stop(&rig);
}

static void main_thread_asks(void **state)
{
    (void)state;
    struct rig rig;
    struct rig_client clients[3];
    rig_make(&rig, 1);
    rig_start(&rig);
    for (uint16_t i = 0; i < 3; i++)
        rig_client_make_live(&rig, &clients[i], (uint16_t)(6000 + i));
    struct tw_worker_command command = {.type = TW_COMMAND_RESYNC};
    rig_command(&rig, 0, &command);
    rig_turn(&rig, RIG_MS);
    rig_turn(&rig, RIG_MS);
    assert_int_equal(rig_events(&rig, TW_EVENT_SESSION, NULL), 3);
    assert_int_equal(rig_events(&rig, TW_EVENT_RESYNC_END, NULL), 1);
    assert_int_equal(rig.events[rig.event_count - 1].type, TW_EVENT_RESYNC_END);
    command = (struct tw_worker_command){
        .type = TW_COMMAND_QUERY, .query = 77, .connection_id = clients[1].id};
    rig_command(&rig, 0, &command);
    rig_turn(&rig, 3000 * RIG_MS);
    struct tw_worker_event event;
    assert_int_equal(rig_events(&rig, TW_EVENT_SESSION, &event), 4);
    assert_int_equal(event.query, 77);
    assert_int_equal(event.found, 1);
    assert_int_equal(event.session.connection_id, clients[1].id);
    assert_int_equal(event.session.age_s, 3);
    command.connection_id ^= 1u << 25;
    rig_command(&rig, 0, &command);
    rig_turn(&rig, RIG_MS);
    assert_int_equal(rig_events(&rig, TW_EVENT_SESSION, &event), 5);
    assert_int_equal(event.found, 0);
    assert_int_equal(event.query, 77);
    rig_stop(&rig);
}

/* The packet numbers of a key end; the client is still told, under numbers kept back for that. */
static void numbers_run_out(void **state)
{
    (void)state;
    struct rig rig;
    struct rig_client client;
    rig_make(&rig, 1);
    rig_start(&rig);
    rig_client_make_live(&rig, &client, 6000);
    struct tw_session_body *body = &rig.worker[0]->sessions.bodies[tw_connection_slot(client.id)];
    body->send_sequence = TW_SEALED_MAX - TW_SESSION_CLOSE_NUMBERS - 1;
    rig_client_send_ping(&rig, &client, 1);
    rig_turn(&rig, RIG_MS);
    rig_client_receive(&rig, &client, 1);
    assert_int_equal(client.pongs, 2);
    assert_int_equal(rig_events(&rig, TW_EVENT_CLOSED, NULL), 0);
    rig_client_send_ping(&rig, &client, 1);
    for (int i = 0; i < 40; i++)
        rig_turn(&rig, RIG_MS);
    rig_client_receive(&rig, &client, 1);
    assert_int_equal(client.pongs, 2);
    assert_int_equal(client.closes, 3);
    assert_int_equal(client.frames.close_reason, TW_CLOSE_EXHAUSTED);
    rig_stop(&rig);
}

/* No packet buffer left: counted, nothing else happens, and it goes on when there are some. */
static void buffers_run_out(void **state)
{
    (void)state;
    struct rig rig;
    struct rig_client client;
    static struct rte_mbuf *taken[2048];
    unsigned int count = 0;
    rig_make(&rig, 1);
    rig_start(&rig);
    rig_client_make_live(&rig, &client, 6000);
    while ((taken[count] = rte_pktmbuf_alloc(rig.tx_pool)) != NULL)
        count++;
    rig_client_send_ping(&rig, &client, 1);
    rig_turn(&rig, RIG_MS);
    assert_int_equal(rig_send(&rig, TW_SEND_NO_BUFFER), 1);
    assert_int_equal(rig_outcome(&rig, TW_OUTCOME_ACCEPTED), 2);
    rte_pktmbuf_free_bulk(taken, count);
    rig_client_send_ping(&rig, &client, 2);
    rig_turn(&rig, RIG_MS);
    rig_client_receive(&rig, &client, 1);
    assert_int_equal(client.frames.pong.echo_us, 2);
    rig_stop(&rig);
}

/* ---- neighbours ----------------------------------------------------------------------------- */

static void answers_neighbours(void **state)
{
    (void)state;
    struct rig rig;
    uint8_t frame[TEST_FRAME_MAX];
    struct tw_worker_event event;
    rig_make(&rig, 1); /* 10 ARP and 10 ICMP packets a second */
    rig_start(&rig);
    size_t size = test_arp_frame(frame, 1, TEST_CLIENT_ADDRESS, TEST_SERVER_ADDRESS);
    for (int i = 0; i < 13; i++)
        rig_inject(&rig, 0, frame, size);
    rig_turn(&rig, 0);
    assert_int_equal(rig_outcome(&rig, TW_OUTCOME_ARP_HANDLED), 10);
    assert_int_equal(rig_outcome(&rig, TW_OUTCOME_ARP_BUDGET), 3);
    assert_int_equal(rig_events(&rig, TW_EVENT_NEIGHBOUR_SEEN, &event), 10);
    assert_int_equal(tw_ip_ipv4(event.neighbour.address.ip), TEST_CLIENT_ADDRESS);
    assert_memory_equal(event.neighbour.mac, test_client_mac, 6);
    for (int i = 0; i < 10; i++) {
        assert_int_equal(rig_sent(&rig, frame), 42);
        assert_int_equal(tw_load_be16(frame + 20), 2);
    }
    assert_int_equal(rig_sent(&rig, frame), 0);
    size = test_icmp_frame(frame, TEST_CLIENT_ADDRESS, 56);
    memset(frame + 6, 0xee, 6); /* never answered to the frame's source */
    for (int i = 0; i < 13; i++)
        rig_inject(&rig, 0, frame, size);
    rig_turn(&rig, 0);
    assert_int_equal(rig_outcome(&rig, TW_OUTCOME_ICMP_ANSWERED), 10);
    assert_int_equal(rig_outcome(&rig, TW_OUTCOME_ICMP_BUDGET), 3);
    assert_int_equal(rig_sent(&rig, frame), size);
    assert_memory_equal(frame, test_client_mac, 6);
    struct tw_worker_command command = {.type = TW_COMMAND_NEIGHBOUR_ASK,
                                        .neighbour.address =
                                            tw_address_from_ipv4(TEST_SERVER_ADDRESS + 9, 0)};
    while (rig_sent(&rig, frame) > 0)
        continue;
    rig_command(&rig, 0, &command);
    rig_turn(&rig, 0);
    assert_int_equal(rig_sent(&rig, frame), 42);
    assert_int_equal(frame[0], 0xff);
    assert_int_equal(tw_load_be16(frame + 20), 1);
    assert_int_equal(tw_load_be32(frame + 38), TEST_SERVER_ADDRESS + 9);
    rig_stop(&rig);
}

/* Priority tags are taken, and not sent back. */
static void answers_are_untagged(void **state)
{
    (void)state;
    struct rig rig;
    uint8_t tagged[TEST_FRAME_MAX], frame[TEST_FRAME_MAX];
    rig_make(&rig, 1);
    rig_start(&rig);
    size_t size = test_arp_frame(tagged, 1, TEST_CLIENT_ADDRESS, TEST_SERVER_ADDRESS);
    rig_inject(&rig, 0, tagged, test_add_vlan(tagged, size));
    tagged[15] = 5;
    rig_inject(&rig, 0, tagged, size + 4);
    rig_turn(&rig, RIG_MS);
    assert_int_equal(rig_outcome(&rig, TW_OUTCOME_ARP_HANDLED), 1);
    assert_int_equal(rig_outcome(&rig, TW_OUTCOME_VLAN_FOREIGN), 1);
    assert_int_equal(rig_sent(&rig, frame), 42);
    assert_int_equal(tw_load_be16(frame + 12), TW_ETHERTYPE_ARP);
    assert_int_equal(tw_load_be16(frame + 20), 2);
    assert_int_equal(tw_load_be32(frame + 28), TEST_SERVER_ADDRESS);
    assert_int_equal(rig_sent(&rig, frame), 0);
    uint8_t plain[TEST_FRAME_MAX];
    size = test_icmp_frame(plain, TEST_CLIENT_ADDRESS, 56);
    memcpy(tagged, plain, size);
    rig_inject(&rig, 0, plain, size);
    rig_inject(&rig, 0, tagged, test_add_vlan(tagged, size));
    rig_turn(&rig, RIG_MS);
    assert_int_equal(rig_outcome(&rig, TW_OUTCOME_ICMP_ANSWERED), 2);
    assert_int_equal(rig_sent(&rig, plain), size);
    assert_int_equal(rig_sent(&rig, frame), size);
    assert_memory_equal(frame, plain, size);
    rig_stop(&rig);
}

static void asks_for_unknown_neighbours(void **state)
{
    (void)state;
    struct rig rig;
    struct rig_client near, far;
    struct tw_worker_event event;
    rig_make(&rig, 1);
    rig_start(&rig);
    rig_client_make(&rig, &near, TEST_SERVER_ADDRESS + 0x20, 6000);
    rig_client_make(&rig, &far, 0x08080808, 6000);
    rig_client_hello(&rig, &near, 0);
    rig_client_hello(&rig, &near, 0);
    rig_turn(&rig, RIG_MS);
    assert_int_equal(rig_send(&rig, TW_SEND_NO_NEIGHBOUR), 2);
    assert_int_equal(rig_events(&rig, TW_EVENT_NEIGHBOUR_WANTED, &event), 1);
    assert_int_equal(tw_ip_ipv4(event.neighbour.address.ip), near.ip);
    rig_client_hello(&rig, &far, 0);
    rig_turn(&rig, RIG_MS);
    assert_int_equal(rig_events(&rig, TW_EVENT_NEIGHBOUR_WANTED, &event), 2);
    assert_int_equal(tw_ip_ipv4(event.neighbour.address.ip), rig.config.ports[0].gateway);
    struct tw_worker_command command = {.type = TW_COMMAND_NEIGHBOUR_SET,
                                        .neighbour.address =
                                            tw_address_from_ipv4(rig.config.ports[0].gateway, 0)};
    memcpy(command.neighbour.mac, test_client_mac, 6);
    rig_command(&rig, 0, &command);
    rig_client_hello(&rig, &far, 0);
    rig_turn(&rig, RIG_MS);
    rig_client_receive(&rig, &far, 1);
    assert_int_equal(far.news, TW_NEWS_COOKIE);
    rig_stop(&rig);
}

/* ---- two workers ---------------------------------------------------------------------------- */

static void packets_find_their_worker(void **state)
{
    (void)state;
    struct rig rig;
    struct rig_client client;
    uint8_t packet[TW_DATAGRAM_MAX], frame[TEST_FRAME_MAX];
    rig_make(&rig, 2);
    rig_start(&rig);
    rig_client_make_live(&rig, &client, 6000);
    assert_int_equal(tw_connection_worker(client.id), 0);
    /* The flow lands on the other worker, which does not know it for a session's: for such packets
     * the hand-over ring has 15 places. */
    for (uint64_t i = 0; i < 18; i++) {
        static const uint8_t ping[] = {TW_FRAME_PING, 8, 0, 1, 2, 3, 4, 5, 6, 7, 8};
        size_t size = rig_client_seal(&client, 100 + i, ping, sizeof(ping), packet);
        size = test_udp_frame(frame, client.ip, client.port, packet, size);
        rig_inject(&rig, 1, frame, size);
    }
    rig_turn(&rig, RIG_MS);
    rig_turn(&rig, RIG_MS);
    assert_int_equal(rig_outcome(&rig, TW_OUTCOME_WORKER_FOREIGN), 3);
    assert_int_equal(tw_counter_get(&rig.counters[0]->outcomes[TW_OUTCOME_ACCEPTED]), 1 + 15);
    assert_int_equal(tw_counter_get(&rig.counters[1]->rx_packets), 18);
    rig_client_receive(&rig, &client, 1);
    assert_int_equal(client.pongs, 2);
    rig_stop(&rig);
}

int main(int argc, char **argv)
{
    (void)argc;
    if (!rig_init_eal(argv[0]))
        return 1;
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(kick_tells_three_times),
        cmocka_unit_test(whoever_goes_on_is_told_again),
        cmocka_unit_test(answers_end),
        cmocka_unit_test(a_full_worker_takes_slots_of_those_who_went),
        cmocka_unit_test(client_leaves),
        cmocka_unit_test(silence_times_out),
        cmocka_unit_test(deliveries_wait_for_room),
        cmocka_unit_test(close_all_drains),
        cmocka_unit_test(main_thread_asks),
        cmocka_unit_test(numbers_run_out),
        cmocka_unit_test(buffers_run_out),
        cmocka_unit_test(answers_neighbours),
        cmocka_unit_test(answers_are_untagged),
        cmocka_unit_test(asks_for_unknown_neighbours),
        cmocka_unit_test(packets_find_their_worker),
        cmocka_unit_test(own_absence_is_no_silence),
        cmocka_unit_test(sleeps_by_what_there_is_to_do),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
