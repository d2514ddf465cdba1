/* SPDX-License-Identifier: BSD-3-Clause */
/* Players whose packets arrive at another worker than theirs, beside whatever else arrives there
 * and names their worker. */
#include "tests/unit/gate/worker_rig.h"

#include "dataplane/gate/worker_state.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>
#include <rte_ring.h>

#define ELSEWHERE   1u
#define CROWD       5u
#define SESSION_PPS 40u

static struct rig rig;
static struct rig_client client, crowd[CROWD];

static void join(struct rig_client *who, uint16_t port)
{
    rig_client_make_live(&rig, who, port);
    assert_int_equal(tw_connection_worker(who->id), 0);
    who->queue = ELSEWHERE;
}

static void start(void)
{
    rig_make(&rig, 2);
    rig.config.limits.session_pps = SESSION_PPS;
    rig_start(&rig);
    join(&client, 6000);
}

static void play(uint32_t packets)
{
    for (uint32_t i = 0; i < packets; i++) {
        rig_client_send_ping(&rig, &client, i);
        rig_turn(&rig, 25 * RIG_MS);
        rig_turn(&rig, 0);
        rig_client_receive(&rig, &client, 1);
    }
}

/* As if garbage had used it up: only guests and tombstones pass from here. */
static void nothing_passes(uint32_t worker)
{
    rig.worker[worker]->budgets.pass_on_rate = tw_budget_rate_make(0, 0);
}

/* One authentic packet that got through, and the others are nobody's loss: the session moves. */
static void who_got_through_once_gets_through(void **state)
{
    (void)state;
    start();
    uint64_t accepted = rig_outcome(&rig, TW_OUTCOME_ACCEPTED);
    play(1);
    nothing_passes(ELSEWHERE);
    play(TW_MOVE_AFTER + 6u);
    assert_int_equal(rig_roaming(&rig, TW_ROAMING_TAKEN), 1);
    assert_int_equal(tw_connection_worker(client.id), ELSEWHERE);
    assert_int_equal(rig_outcome(&rig, TW_OUTCOME_ACCEPTED) - accepted, 1u + TW_MOVE_AFTER + 6u);
    assert_int_equal(rig_outcome(&rig, TW_OUTCOME_WORKER_BUDGET), 0);
    rig_stop(&rig);
}

/* For as long as packets come, and a while after. */
static void it_is_told_again(void **state)
{
    (void)state;
    start();
    rig.worker[1]->closing_all = true; /* takes no session */
    play(1);
    nothing_passes(ELSEWHERE);
    for (uint32_t i = 0; i < 6; i++) {
        rig_turn(&rig, 3000 * RIG_MS);
        play(2);
    }
    assert_int_equal(rig_outcome(&rig, TW_OUTCOME_WORKER_BUDGET), 0);
    rig_turn(&rig, 14000 * RIG_MS);
    play(1);
    assert_int_equal(rig_outcome(&rig, TW_OUTCOME_WORKER_BUDGET), 1);
    rig_stop(&rig);
}

static void forgeries_make_no_guest(void **state)
{
    (void)state;
    uint8_t packet[TW_DATAGRAM_MAX], text[8] = {0};
    start();
    size_t size = rig_client_seal(&client, 900, text, sizeof(text), packet);
    packet[size - 1] ^= 1;
    rig_client_send(&rig, &client, packet, size);
    rig_turn(&rig, RIG_MS);
    rig_turn(&rig, RIG_MS);
    assert_int_equal(rig_outcome(&rig, TW_OUTCOME_TAG_WRONG), 1);
    nothing_passes(ELSEWHERE);
    play(3);
    assert_int_equal(rig_outcome(&rig, TW_OUTCOME_WORKER_BUDGET), 3);
    rig_stop(&rig);
}

/* A few at once, for the rig's ring of what is passed on is short. */
static void send_at_once(uint32_t packets)
{
    for (uint32_t i = 0; i < packets; i++) {
        rig_client_send_ping(&rig, &client, i);
        if (i % 4u == 3u)
            rig_turn(&rig, 0);
    }
    rig_turn(&rig, 0);
    rig_turn(&rig, 0);
}

/* Nobody's name is good for more than a session, here or as a tombstone. */
static void as_much_as_a_session(void **state)
{
    (void)state;
    start();
    uint32_t old_id = client.id;
    play(1);
    nothing_passes(ELSEWHERE);
    nothing_passes(0);
    send_at_once(SESSION_PPS + 10u);
    assert_int_equal(rig_outcome(&rig, TW_OUTCOME_WORKER_BUDGET), 10);
    rig_turn(&rig, 2000 * RIG_MS);
    play(TW_MOVE_AFTER + 6u);
    assert_int_equal(tw_connection_worker(client.id), ELSEWHERE);
    assert_int_equal(rig_outcome(&rig, TW_OUTCOME_WORKER_BUDGET), 10);
    rig_turn(&rig, 1000 * RIG_MS);
    /* By its old name, at the worker that it left. */
    client.queue = 0;
    client.id = old_id;
    uint64_t accepted = rig_outcome(&rig, TW_OUTCOME_ACCEPTED);
    send_at_once(SESSION_PPS + 7u);
    assert_int_equal(rig_outcome(&rig, TW_OUTCOME_WORKER_BUDGET), 10 + 7);
    assert_int_equal(rig_outcome(&rig, TW_OUTCOME_ACCEPTED) - accepted, SESSION_PPS);
    rig_stop(&rig);
}

/* Of all that become guests in one turn some are told of in the next: what moves need is kept. */
static void a_crowd_is_told_of_in_turn(void **state)
{
    (void)state;
    start();
    for (uint16_t i = 0; i < CROWD; i++)
        join(&crowd[i], (uint16_t)(6001 + i));
    for (uint32_t i = 0; i < CROWD; i++)
        rig_client_send_ping(&rig, &crowd[i], 1);
    rig_turn_one(&rig, 1);
    rig_turn_one(&rig, 0);
    assert_int_equal(rte_ring_count(rig.worker_config[0].move_out[1]),
                     TW_MOVE_RING_DEPTH - 1u - TW_MOVE_RING_KEPT - TW_MOVE_RING_GUESTS_KEEP);
    for (uint32_t round = 0; round < 2; round++) {
        rig_turn(&rig, RIG_MS);
        for (uint32_t i = 0; i < CROWD; i++)
            rig_client_send_ping(&rig, &crowd[i], 2 + round);
        rig_turn(&rig, RIG_MS);
        rig_turn(&rig, RIG_MS);
        nothing_passes(ELSEWHERE); /* before the second round */
    }
    assert_int_equal(rig_outcome(&rig, TW_OUTCOME_WORKER_BUDGET), 0);
    rig_client_receive(&rig, crowd, CROWD);
    rig_stop(&rig);
}

/* At worker `at`, in the name of `owner`'s. */
static void inject_garbage_to(uint32_t at, uint32_t owner, uint32_t number)
{
    uint8_t packet[64] = {0}, frame[TEST_FRAME_MAX];
    uint32_t slot = number * 7919u % TW_SESSIONS_PER_WORKER;
    tw_header_write(packet, (struct tw_header){.connection_id =
                                                   tw_connection_id(owner, slot, 1 + number % 4000),
                                               .sequence = 5});
    size_t size =
        test_udp_frame(frame, TEST_CLIENT_ADDRESS + 1 + number % 50, 9, packet, sizeof(packet));
    rig_inject(&rig, at, frame, size);
}

static void inject_garbage(uint32_t number)
{
    inject_garbage_to(ELSEWHERE, 0, number);
}

/* A million a second that name the player's worker and nobody there, with the budgets as they come:
 * the player loses what it sends before the first packet that gets through. */
static void beside_a_flood(void **state)
{
    (void)state;
    uint64_t random = 5;
    uint32_t lost = 0;
    rig_make(&rig, 2);
    rig_start(&rig);
    join(&client, 6000);
    uint64_t before = rig_outcome(&rig, TW_OUTCOME_ACCEPTED), accepted = 0;
    for (uint32_t ms = 0; ms < 400; ms++) {
        uint32_t at = rig_random(&random, 1000);
        for (uint32_t i = 0; i < 1000; i++) {
            if (i == at)
                rig_client_send_ping(&rig, &client, ms);
            inject_garbage(1000u * ms + i);
            if (i % 100u == 99u)
                rig_turn(&rig, RIG_MS / 10u);
        }
        for (uint32_t i = 0; i < 3; i++)
            rig_turn(&rig, 0);
        accepted = rig_outcome(&rig, TW_OUTCOME_ACCEPTED) - before;
        lost += accepted == 0;
        rig_client_receive(&rig, &client, 1);
    }
    print_message("%u lost, %u accepted\n", lost, (unsigned int)accepted);
    assert_int_equal(accepted, 400u - lost);
    assert_in_range(lost, 1, 100);
    assert_int_equal(tw_connection_worker(client.id), ELSEWHERE);
    assert_true(rig_outcome(&rig, TW_OUTCOME_WORKER_BUDGET) > 300000);
    rig_stop(&rig);
}

/* The owner does not run for a while. Garbage takes no place from those who are known, however long
 * it comes. */
static void garbage_leaves_places_to_guests(void **state)
{
    (void)state;
    rig_make(&rig, 2);
    rig_start(&rig);
    join(&client, 6000);
    play(1);
    struct rte_ring *ring = rig.worker_config[ELSEWHERE].handover_out[0];
    uint32_t places = rte_ring_get_capacity(ring), garbage = places / 2u;
    uint64_t accepted = rig_outcome(&rig, TW_OUTCOME_ACCEPTED);
    for (uint32_t i = 0; i < 100; i++) {
        rig.now_ns += RIG_MS;
        inject_garbage(i);
        rig_turn_one(&rig, ELSEWHERE);
    }
    assert_int_equal(rte_ring_count(ring), garbage);
    assert_int_equal(rig_outcome(&rig, TW_OUTCOME_WORKER_FOREIGN), 100 - garbage);
    for (uint32_t i = 0; i < places - garbage; i++)
        rig_client_send_ping(&rig, &client, i);
    rig_turn_one(&rig, ELSEWHERE);
    assert_int_equal(rte_ring_count(ring), places);
    assert_int_equal(rig_outcome(&rig, TW_OUTCOME_WORKER_FOREIGN), 100 - garbage);
    rig_turn(&rig, RIG_MS);
    assert_int_equal(rig_outcome(&rig, TW_OUTCOME_ACCEPTED) - accepted, places - garbage);
    rig_client_receive(&rig, &client, 1);
    rig_stop(&rig);
}

/* Nor from those who still come by the name of a session that has moved. */
static void garbage_leaves_places_to_tombstones(void **state)
{
    (void)state;
    rig_make(&rig, 2);
    rig_start(&rig);
    join(&client, 6000);
    uint32_t old_id = client.id;
    play(TW_MOVE_AFTER + 6u);
    assert_int_equal(tw_connection_worker(client.id), ELSEWHERE);
    struct rte_ring *ring = rig.worker_config[0].handover_out[ELSEWHERE];
    uint32_t places = rte_ring_get_capacity(ring), garbage = places / 2u;
    client.queue = 0;
    uint32_t new_id = client.id;
    client.id = old_id;
    uint64_t accepted = rig_outcome(&rig, TW_OUTCOME_ACCEPTED);
    for (uint32_t i = 0; i < places; i++)
        inject_garbage_to(0, ELSEWHERE, i);
    for (uint32_t i = 0; i < places - garbage; i++)
        rig_client_send_ping(&rig, &client, i);
    rig_turn_one(&rig, 0);
    assert_int_equal(rte_ring_count(ring), places);
    rig_turn(&rig, RIG_MS);
    assert_int_equal(rig_outcome(&rig, TW_OUTCOME_ACCEPTED) - accepted, places - garbage);
    client.id = new_id;
    rig_client_receive(&rig, &client, 1);
    rig_stop(&rig);
}

int main(int argc, char **argv)
{
    (void)argc;
    if (!rig_init_eal(argv[0]))
        return 1;
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(who_got_through_once_gets_through),
        cmocka_unit_test(it_is_told_again),
        cmocka_unit_test(forgeries_make_no_guest),
        cmocka_unit_test(as_much_as_a_session),
        cmocka_unit_test(a_crowd_is_told_of_in_turn),
        cmocka_unit_test(beside_a_flood),
        cmocka_unit_test(garbage_leaves_places_to_guests),
        cmocka_unit_test(garbage_leaves_places_to_tombstones),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
