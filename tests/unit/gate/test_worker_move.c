/* SPDX-License-Identifier: BSD-3-Clause */
/* Sessions that go from one worker to the other, and all that may happen on the way. */
#include "tests/unit/gate/worker_rig.h"

#include "dataplane/gate/worker_state.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>
#include <rte_ring_elem.h>
#include <sodium.h>

#define ELSEWHERE 1u

static struct rig rig;

static void start(void)
{
    rig_make(&rig, 2);
    rig_start(&rig);
}

static void make_live(struct rig_client *client, uint16_t port)
{
    rig_client_make_live(&rig, client, port);
    assert_int_equal(tw_connection_worker(client->id), 0);
}

/* Everything of this client's lands at worker `queue` from now on. */
static void land(struct rig_client *client, uint32_t queue)
{
    client->queue = queue;
}

static void play(struct rig_client *client, uint32_t packets)
{
    for (uint32_t i = 0; i < packets; i++) {
        rig_client_send_ping(&rig, client, i);
        rig_turn(&rig, RIG_MS);
        rig_client_receive(&rig, client, 1);
    }
}

static struct tw_session *session_at(uint32_t worker, uint32_t id)
{
    return &rig.worker[worker]->sessions.hot[tw_connection_slot(id)];
}

static uint32_t count_of(uint32_t worker, enum tw_session_state state)
{
    return rig.worker[worker]->sessions.counts[state];
}

static void forget_records(uint32_t worker)
{
    struct tw_record record;
    while (rig_record(&rig, worker, &record))
        continue;
}

/* What the first worker sent to the second was read, and its places in the ring hold nothing. */
static void expect_wiped_moves(void)
{
    const struct rte_ring *ring = rig.worker_config[0].move_out[1];
    assert_int_equal(rte_ring_count(ring), 0);
    assert_true(ring->prod.tail >= 2); /* ASK and SESSION */
    assert_true(sodium_is_zero((const uint8_t *)&ring[1], ring->size * sizeof(struct tw_move)));
}

/* ---- the way it should be ------------------------------------------------------------------- */

static void goes_to_where_its_packets_land(void **state)
{
    (void)state;
    struct rig_client client;
    struct tw_record record;
    struct tw_worker_event event;
    start();
    make_live(&client, 6000);
    forget_records(0);
    uint32_t old_id = client.id, tick = (uint32_t)((rig.now_ns - rig.epoch_ns) / 16666667);
    rig_client_send_inputs(&rig, &client, tick, 1);
    rig_turn(&rig, RIG_MS);
    land(&client, ELSEWHERE);
    play(&client, TW_MOVE_AFTER - 1);
    assert_int_equal(rig_roaming(&rig, TW_ROAMING_ASKED), 0);
    play(&client, 1);
    for (int i = 0; i < 6; i++)
        rig_turn(&rig, RIG_MS);
    assert_int_equal(rig_roaming(&rig, TW_ROAMING_GIVEN), 1);
    assert_int_equal(rig_roaming(&rig, TW_ROAMING_TAKEN), 1);
    assert_int_equal(session_at(0, old_id)->state, TW_SESSION_MOVED);
    /* Nothing of it is left behind: not here, not in the ring. */
    assert_true(
        sodium_is_zero((const uint8_t *)&rig.worker[0]->sessions.bodies[tw_connection_slot(old_id)],
                       sizeof(struct tw_session_body)));
    expect_wiped_moves();
    /* The input, then the last word of the old slot; the first one of the new. */
    assert_true(rig_record(&rig, 0, &record));
    assert_int_equal(record.type, TW_RECORD_INPUT);
    assert_true(rig_record(&rig, 0, &record));
    assert_int_equal(record.type, TW_RECORD_MOVE);
    assert_int_equal(record.slot, tw_connection_slot(old_id));
    assert_false(rig_record(&rig, 0, &(struct tw_record){0}));
    struct tw_record arrived;
    assert_true(rig_record(&rig, 1, &arrived));
    assert_int_equal(arrived.type, TW_RECORD_ARRIVE);
    assert_int_equal(arrived.join.account, 4711);
    assert_int_equal(record.move.worker, 1);
    assert_int_equal(record.move.slot, arrived.slot);
    assert_int_equal(record.move.route_epoch, arrived.route_epoch);
    /* The client hears its new name under the old one, and uses it. */
    rig_client_receive(&rig, &client, 1);
    assert_int_equal(tw_connection_worker(client.id), 1);
    assert_int_equal(client.previous_id, old_id);
    assert_int_equal(rig_events(&rig, TW_EVENT_MOVED, &event), 1);
    assert_int_equal(event.session.connection_id, client.id);
    assert_int_equal(event.session.first_id, old_id);
    assert_int_equal(event.session.moves, 1);
    play(&client, 3);
    assert_int_equal(rig_roaming(&rig, TW_ROAMING_RENAMED), 1);
    assert_int_equal(client.heard_id, client.id);
    assert_int_equal(client.pongs, 1 + TW_MOVE_AFTER + 3);
    /* An input it had already sent is known there, a new one is routed. */
    rig_client_send_inputs(&rig, &client, tick + 1, 2);
    rig_turn(&rig, RIG_MS);
    assert_true(rig_record(&rig, 1, &record));
    assert_int_equal(record.type, TW_RECORD_INPUT);
    assert_int_equal(record.input.tick, tick + 1);
    assert_int_equal(record.route_epoch, arrived.route_epoch);
    assert_int_equal(rig_input(&rig, TW_INPUT_DUPLICATE), 1);
    /* The tombstone's time ends. */
    for (int i = 0; i < 130; i++)
        rig_turn(&rig, 50 * RIG_MS), play(&client, 1);
    assert_int_equal(session_at(0, old_id)->state, TW_SESSION_FREE);
    assert_int_equal(count_of(0, TW_SESSION_FREE), 64);
    assert_int_equal(count_of(1, TW_SESSION_LIVE), 1);
    assert_int_equal(rig_events(&rig, TW_EVENT_CLOSED, NULL), 0);
    rig_stop(&rig);
}

/* Nor is its budget of messages full again. */
static void what_it_has_said_counts_there(void **state)
{
    (void)state;
    struct rig_client client;
    start();
    make_live(&client, 6000);
    const struct tw_budget said = {.full_at_ns = rig.now_ns + 100 * RIG_MS};
    rig.worker[0]->talk.sessions[tw_connection_slot(client.id)].account.budget = said;
    land(&client, ELSEWHERE);
    play(&client, TW_MOVE_AFTER);
    for (int i = 0; i < 6; i++)
        rig_turn(&rig, RIG_MS);
    rig_client_receive(&rig, &client, 1);
    assert_int_equal(tw_connection_worker(client.id), 1);
    const struct tw_talk *talk = &rig.worker[1]->talk;
    assert_int_equal(talk->sessions[tw_connection_slot(client.id)].account.budget.full_at_ns,
                     said.full_at_ns);
    forget_records(0);
    forget_records(1);
    rig_stop(&rig);
}

static void moved(struct rig_client *client, uint16_t port)
{
    make_live(client, port);
    land(client, ELSEWHERE);
    play(client, TW_MOVE_AFTER + 4);
    assert_int_equal(tw_connection_worker(client->id), 1);
}

/* A new process goes on with it where it has just come to: for that worker's words nobody waits, so
 * all of them may be read before the old owner's. The slot between the two is kept until the shard
 * has said its last of it. */
static void a_new_process_follows_it(void **state)
{
    (void)state;
    struct rig_client client, new;
    struct tw_record between, move, record;
    start();
    moved(&client, 6000);
    rig.holds_by_hand = true;
    rig.resumes_id = client.id;
    rig_client_make(&rig, &new, TEST_CLIENT_ADDRESS, 7000);
    land(&new, ELSEWHERE);
    rig_client_join(&rig, &new);
    play(&new, 1);
    assert_int_equal(new.pongs, 1);
    assert_true(rig_record(&rig, 1, &between) && rig_record(&rig, 1, &move));
    assert_int_equal(between.type, TW_RECORD_ARRIVE);
    assert_int_equal(move.type, TW_RECORD_MOVE);
    assert_int_equal(move.slot, between.slot);
    assert_int_equal(move.move.worker, 1);
    assert_int_equal(move.move.fresh, 1);
    assert_true(rig_record(&rig, 1, &record));
    assert_int_equal(record.type, TW_RECORD_ARRIVE);
    assert_int_equal(record.slot, move.move.slot);
    assert_int_equal(record.route_epoch, move.move.route_epoch);
    for (int i = 0; i < 500; i++)
        rig_turn(&rig, 10 * RIG_MS);
    assert_int_equal(count_of(1, TW_SESSION_CLOSING), 1);
    rig_held(&rig, 1, &move);
    for (int i = 0; i < 2; i++)
        rig_turn(&rig, 10 * RIG_MS);
    assert_int_equal(count_of(1, TW_SESSION_CLOSING), 0);
    forget_records(0);
    forget_records(1);
    rig_stop(&rig);
}

/* Packets under the old name, wherever they land, find the session; copies of them do not. */
static void the_old_name_still_works(void **state)
{
    (void)state;
    struct rig_client client;
    uint8_t packet[TW_DATAGRAM_MAX];
    static const uint8_t ping[] = {TW_FRAME_PING, 8, 0, 1, 2, 3, 4, 5, 6, 7, 8};
    start();
    moved(&client, 6000);
    uint64_t accepted = rig_outcome(&rig, TW_OUTCOME_ACCEPTED);
    uint32_t new_id = client.id;
    client.id = client.previous_id;
    for (uint32_t queue = 0; queue < 2; queue++) {
        land(&client, queue);
        size_t size = rig_client_seal(&client, client.sequence++, ping, sizeof(ping), packet);
        for (int copy = 0; copy < 3; copy++)
            rig_client_send(&rig, &client, packet, size);
        for (int i = 0; i < 4; i++)
            rig_turn(&rig, RIG_MS);
        assert_int_equal(rig_outcome(&rig, TW_OUTCOME_ACCEPTED), accepted + queue + 1);
        assert_int_equal(rig_outcome(&rig, TW_OUTCOME_REPLAY_DUPLICATE), 2 * (queue + 1));
    }
    client.id = new_id;
    rig_client_receive(&rig, &client, 1);
    rig_stop(&rig);
}

/* There and back again, many times: one counter of packet numbers, one window, one client. */
static void there_and_back_again(void **state)
{
    (void)state;
    struct rig_client client;
    start();
    make_live(&client, 6000);
    for (uint32_t i = 1; i <= 10; i++) {
        land(&client, i % 2);
        play(&client, 2 * TW_MOVE_AFTER + 8);
        assert_int_equal(tw_connection_worker(client.id), i % 2);
        forget_records(0);
        forget_records(1);
    }
    assert_int_equal(rig_roaming(&rig, TW_ROAMING_TAKEN), 10);
    /* Where a forwarded ping and a direct one meet in one turn, one pong answers both. */
    assert_in_range(client.pongs, 1 + 10 * (2 * TW_MOVE_AFTER + 7),
                    1 + 10 * (2 * TW_MOVE_AFTER + 8));
    assert_int_equal(rig_events(&rig, TW_EVENT_MOVED, NULL), 10);
    rig_stop(&rig);
}

/* ---- refused, ended, held up ---------------------------------------------------------------- */

static void a_full_worker_refuses(void **state)
{
    (void)state;
    struct rig_client client;
    start();
    make_live(&client, 6000);
    struct tw_sessions *there = &rig.worker[1]->sessions;
    uint32_t slots[64];
    for (uint32_t i = 0; i < 64; i++) {
        slots[i] = tw_sessions_take(there);
        there->hot[slots[i]].heard_ns = rig.now_ns;
        there->hot[slots[i]].handshake = TW_PENDING_NONE;
    }
    land(&client, ELSEWHERE);
    play(&client, TW_MOVE_AFTER + 4);
    assert_int_equal(rig_roaming(&rig, TW_ROAMING_REFUSED), 1);
    assert_int_equal(session_at(0, client.id)->state, TW_SESSION_LIVE);
    for (uint32_t i = 0; i < 64; i++)
        tw_sessions_release(there, slots[i]);
    play(&client, 2 * TW_MOVE_AFTER);
    assert_int_equal(tw_connection_worker(client.id), 1);
    rig_stop(&rig);
}

static void kick(uint32_t worker, uint32_t id)
{
    struct tw_worker_command command = {
        .type = TW_COMMAND_KICK, .reason = TW_CLOSE_KICKED, .connection_id = id};
    rig_command(&rig, worker, &command);
}

/* Whoever kicks does not know yet that the session moved: its tombstone tells. */
static void a_kick_follows_the_session(void **state)
{
    (void)state;
    struct rig_client client;
    struct tw_worker_event event;
    start();
    moved(&client, 6000);
    kick(0, client.previous_id);
    for (int i = 0; i < 60; i++)
        rig_turn(&rig, RIG_MS);
    rig_client_receive(&rig, &client, 1);
    assert_int_equal(client.closes, 3);
    assert_int_equal(client.frames.close_reason, TW_CLOSE_KICKED);
    assert_int_equal(rig_events(&rig, TW_EVENT_CLOSED, &event), 1);
    assert_int_equal(event.session.connection_id, client.id);
    assert_int_equal(event.worker, 1);
    rig_stop(&rig);
}

/* Kicked at each turn of the way: always closed once, with one leave, where it was then. */
static void kicked_on_the_way(void **state)
{
    (void)state;
    for (uint32_t turn = 0; turn < 8; turn++) {
        struct rig_client client;
        struct tw_record record;
        uint32_t leaves = 0;
        start();
        make_live(&client, 6000);
        uint32_t old_id = client.id;
        land(&client, ELSEWHERE);
        play(&client, TW_MOVE_AFTER - 1);
        rig_client_send_ping(&rig, &client, 1);
        for (uint32_t i = 0; i < turn; i++)
            rig_turn(&rig, RIG_MS);
        kick(0, old_id);
        for (int i = 0; i < 200; i++)
            rig_turn(&rig, RIG_MS);
        assert_int_equal(rig_events(&rig, TW_EVENT_CLOSED, NULL), 1);
        for (uint32_t worker = 0; worker < 2; worker++)
            while (rig_record(&rig, worker, &record))
                leaves += record.type == TW_RECORD_LEAVE;
        assert_int_equal(leaves, 1);
        assert_int_equal(count_of(1, TW_SESSION_RESERVED), 0);
        assert_int_equal(count_of(0, TW_SESSION_LIVE) + count_of(1, TW_SESSION_LIVE), 0);
        assert_int_equal(rig_roaming(&rig, TW_ROAMING_ASKED),
                         rig_roaming(&rig, TW_ROAMING_GIVEN) +
                             rig_roaming(&rig, TW_ROAMING_CANCELLED));
        rig_stop(&rig);
    }
}

/* Neither the shard's ring nor the main thread takes anything: the session stays and plays. */
static void waits_for_room(void **state)
{
    (void)state;
    struct rig_client client;
    struct tw_record record;
    rig_make(&rig, 2);
    rig.records_depth = 2; /* one record */
    rig_start(&rig);
    make_live(&client, 6000); /* the join is the one record */
    land(&client, ELSEWHERE);
    play(&client, 3 * TW_MOVE_AFTER);
    assert_int_equal(rig_roaming(&rig, TW_ROAMING_ASKED), 1);
    assert_int_equal(rig_roaming(&rig, TW_ROAMING_GIVEN), 0);
    assert_int_equal(client.pongs, 3 * TW_MOVE_AFTER); /* the newest is under way */
    assert_true(rig_record(&rig, 0, &record));
    play(&client, 4); /* that is the HOLD's place now */
    assert_int_equal(rig_roaming(&rig, TW_ROAMING_GIVEN), 0);
    assert_false(rig_record(&rig, 0, &record));
    play(&client, 4);
    assert_int_equal(rig_roaming(&rig, TW_ROAMING_GIVEN), 1);
    assert_true(rig_record(&rig, 0, &record));
    assert_int_equal(record.type, TW_RECORD_MOVE);
    rig_stop(&rig);
}

/* What was told about the session is read before it goes: its beginning is known before its move.
 */
static void waits_until_its_events_are_read(void **state)
{
    (void)state;
    struct rig_client client;
    start();
    make_live(&client, 6000);
    land(&client, ELSEWHERE);
    play(&client, TW_MOVE_AFTER - 1);
    struct tw_worker_command query = {
        .type = TW_COMMAND_QUERY, .query = 1, .connection_id = client.id};
    rig_command(&rig, 0, &query);
    rig_client_send_ping(&rig, &client, 1);
    for (int i = 0; i < 10; i++) {
        rig.now_ns += RIG_MS;
        tw_worker_turn(rig.worker[1], rig.now_ns);
        tw_worker_turn(rig.worker[0], rig.now_ns);
    }
    assert_int_equal(rig_roaming(&rig, TW_ROAMING_ASKED), 1);
    assert_int_equal(rig_roaming(&rig, TW_ROAMING_GIVEN), 0);
    rig_take_events(&rig, 0);
    rig_turn(&rig, RIG_MS); /* HOLD */
    rig_turn(&rig, RIG_MS);
    assert_int_equal(rig_roaming(&rig, TW_ROAMING_GIVEN), 1);
    rig_turn(&rig, RIG_MS);
    rig_stop(&rig);
}

/* The giver's turn began later than the taker's: what was heard just now is not ages ago, nor what
 * was sent, whose time its talk keeps in µs. */
static void takers_clock_is_behind(void **state)
{
    (void)state;
    struct rig_client client;
    start();
    make_live(&client, 6000);
    land(&client, ELSEWHERE);
    play(&client, TW_MOVE_AFTER - 1);
    rig_client_send_ping(&rig, &client, 1);
    for (int i = 0; i < 6 && rig_roaming(&rig, TW_ROAMING_TAKEN) == 0; i++) {
        tw_worker_turn(rig.worker[0], rig.now_ns + 50 * RIG_MS);
        rig_take_events(&rig, 0);
        tw_worker_turn(rig.worker[1], rig.now_ns);
    }
    assert_int_equal(rig_roaming(&rig, TW_ROAMING_TAKEN), 1);
    assert_int_equal(rig.worker[1]->now_ns, rig.now_ns + 50 * RIG_MS);
    assert_int_equal(rig.worker[1]->now_us, rig.worker[1]->now_ns / 1000u);
    for (int i = 0; i < 45; i++) /* each slot is looked at */
        tw_worker_turn(rig.worker[1], rig.now_ns += RIG_MS);
    assert_int_equal(count_of(1, TW_SESSION_LIVE), 1);
    rig.now_ns += 100 * RIG_MS;
    rig_turn(&rig, RIG_MS);
    assert_int_equal(rig_events(&rig, TW_EVENT_CLOSED, NULL), 0);
    rig_stop(&rig);
}

static void closing_all_ends_moves(void **state)
{
    (void)state;
    for (uint32_t turn = 0; turn < 6; turn++) {
        struct rig_client client;
        start();
        make_live(&client, 6000);
        land(&client, ELSEWHERE);
        play(&client, TW_MOVE_AFTER - 1);
        rig_client_send_ping(&rig, &client, 1);
        for (uint32_t i = 0; i < turn; i++)
            rig_turn(&rig, RIG_MS);
        for (uint32_t worker = 0; worker < 2; worker++) {
            struct tw_worker_command command = {.type = TW_COMMAND_CLOSE_ALL,
                                                .reason = TW_CLOSE_SHUTDOWN};
            rig_command(&rig, worker, &command);
        }
        for (int i = 0; i < 400; i++)
            rig_turn(&rig, RIG_MS);
        assert_true(tw_worker_is_drained(rig.worker[0]) && tw_worker_is_drained(rig.worker[1]));
        assert_int_equal(rig_events(&rig, TW_EVENT_CLOSED, NULL), 1);
        rig_stop(&rig);
    }
}

static void silence_times_out_where_it_is(void **state)
{
    (void)state;
    struct rig_client client;
    struct tw_worker_event event;
    start();
    moved(&client, 6000);
    for (int i = 0; i < 150; i++)
        rig_turn(&rig, 100 * RIG_MS);
    assert_int_equal(rig_events(&rig, TW_EVENT_CLOSED, &event), 1);
    assert_int_equal(event.session.reason, TW_CLOSE_TIMEOUT);
    assert_int_equal(event.worker, 1);
    rig_stop(&rig);
}

/* Ids of the other worker that name nobody: so many are passed on and no more, each is counted. */
static void a_flood_is_not_passed_on(void **state)
{
    (void)state;
    struct rig_client client;
    uint8_t packet[64] = {0};
    start();
    make_live(&client, 6000);
    rig.worker[1]->budgets.pass_on_rate = tw_budget_rate_make(5, 5);
    rig_client_make(&rig, &client, TEST_CLIENT_ADDRESS, 7000);
    land(&client, ELSEWHERE);
    for (uint32_t i = 0; i < 20; i++) {
        tw_header_write(packet, (struct tw_header){.connection_id = tw_connection_id(0, i, 1 + i),
                                                   .sequence = 5});
        rig_client_send(&rig, &client, packet, sizeof(packet));
        rig_turn(&rig, 0);
    }
    assert_int_equal(rig_outcome(&rig, TW_OUTCOME_WORKER_BUDGET), 15);
    rig_turn(&rig, RIG_MS);
    rig_stop(&rig); /* and the ledger */
}

/* ---- any order ------------------------------------------------------------------------------ */

/* Workers take turns as they like, packets land where they like, are lost, doubled, late. Every
 * key asserts that its numbers rise (TW_CHECK_NONCES), every packet has one end (rig_stop). */
static void any_interleaving(void **state)
{
    (void)state;
    uint64_t seed = (uint64_t)time(NULL), random = seed;
    print_message("seed %llu\n", (unsigned long long)seed);
    struct rig_client clients[4];
    start();
    for (uint16_t i = 0; i < 4; i++)
        make_live(&clients[i], (uint16_t)(6000 + i));
    for (uint32_t round = 0; round < 6000; round++) {
        struct rig_client *client = &clients[rig_random(&random, 4)];
        uint8_t packet[TW_DATAGRAM_MAX];
        static const uint8_t ping[] = {TW_FRAME_PING, 8, 0, 1, 2, 3, 4, 5, 6, 7, 8};
        if (rig_random(&random, 150) == 0)
            land(client, rig_random(&random, 2));
        size_t size = rig_client_seal(client, client->sequence++, ping, sizeof(ping), packet);
        uint32_t copies = rig_random(&random, 20) == 0 ? 2 : rig_random(&random, 20) != 0;
        for (uint32_t copy = 0; copy < copies; copy++)
            rig_client_send(&rig, client, packet, size);
        rig.now_ns += RIG_MS;
        rig_turn_one(&rig, rig_random(&random, 2));
        if (rig_random(&random, 4) == 0)
            rig_client_receive(&rig, clients, 4);
        if (round % 50 == 0) {
            rig_turn(&rig, RIG_MS);
            rig.event_count = 0;
            forget_records(0);
            forget_records(1);
        }
    }
    for (int i = 0; i < 10; i++)
        rig_turn(&rig, RIG_MS);
    rig_client_receive(&rig, clients, 4);
    assert_int_equal(count_of(0, TW_SESSION_LIVE) + count_of(1, TW_SESSION_LIVE), 4);
    assert_int_equal(count_of(0, TW_SESSION_RESERVED) + count_of(1, TW_SESSION_RESERVED), 0);
    assert_int_equal(rig_roaming(&rig, TW_ROAMING_GIVEN), rig_roaming(&rig, TW_ROAMING_TAKEN));
    assert_true(rig_roaming(&rig, TW_ROAMING_TAKEN) >= 5);
    for (uint32_t i = 0; i < 4; i++) {
        uint32_t pongs = clients[i].pongs;
        play(&clients[i], 2);
        assert_in_range(clients[i].pongs, pongs + 1, pongs + 2);
    }
    rig_stop(&rig);
}

int main(int argc, char **argv)
{
    (void)argc;
    if (!rig_init_eal(argv[0]))
        return 1;
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(goes_to_where_its_packets_land),
        cmocka_unit_test(what_it_has_said_counts_there),
        cmocka_unit_test(a_new_process_follows_it),
        cmocka_unit_test(the_old_name_still_works),
        cmocka_unit_test(there_and_back_again),
        cmocka_unit_test(a_full_worker_refuses),
        cmocka_unit_test(a_kick_follows_the_session),
        cmocka_unit_test(kicked_on_the_way),
        cmocka_unit_test(waits_for_room),
        cmocka_unit_test(waits_until_its_events_are_read),
        cmocka_unit_test(takers_clock_is_behind),
        cmocka_unit_test(closing_all_ends_moves),
        cmocka_unit_test(silence_times_out_where_it_is),
        cmocka_unit_test(a_flood_is_not_passed_on),
        cmocka_unit_test(any_interleaving),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
