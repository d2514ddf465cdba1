/* SPDX-License-Identifier: BSD-3-Clause */
/* A worker whose queue brings more than it takes: strangers have their share, players everything.
 */
#include "tests/unit/gate/worker_rig.h"

#include "dataplane/gate/burst.h"
#include "dataplane/gate/share.h"
#include "dataplane/gate/worker_state.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#define STRANGER_ID   0x5a5a5a5au
#define PAYLOAD       64u
#define TURN_BURSTS   8u
#define QUEUE_BURSTS  24u /* some of what the rig's ring holds */
#define BURST_PLAYERS 3u

static size_t stranger(uint8_t frame[TEST_FRAME_MAX], uint32_t id)
{
    uint8_t payload[PAYLOAD] = {0};
    tw_header_write(payload, (struct tw_header){
                                 .connection_id = id, .channel = TW_CHANNEL_STATE, .sequence = 1});
    return test_udp_frame(frame, TEST_CLIENT_ADDRESS + 1, 9, payload, sizeof(payload));
}

/* A full burst of strangers' packets, but for so many of the player's. */
static void inject_burst(struct rig *rig, struct rig_client *client, uint32_t players)
{
    uint8_t frame[TEST_FRAME_MAX];
    size_t length = stranger(frame, STRANGER_ID);
    for (uint32_t i = players; i < TW_BURST_MAX; i++)
        rig_inject(rig, 0, frame, length);
    for (uint32_t i = 0; i < players; i++)
        rig_client_send_ping(rig, client, i);
}

static void turns(struct rig *rig, uint32_t bursts)
{
    for (uint32_t i = 0; i < bursts; i += TURN_BURSTS)
        rig_turn(rig, 1);
}

/* Ends with the burst before the one by which the worker is known to be behind. */
static void fill_until_behind(struct rig *rig, struct rig_client *client)
{
    uint32_t left = TW_SHARE_FULL_BURSTS - 1u;
    while (left > 0) {
        uint32_t bursts = left < QUEUE_BURSTS ? left : QUEUE_BURSTS;
        for (uint32_t i = 0; i < bursts; i++)
            inject_burst(rig, client, 0);
        left -= bursts;
        /* Not all of it while more follows: an empty queue is no overload. */
        turns(rig, left > 0 ? bursts : 0);
    }
}

static void players_keep_everything(void **state)
{
    (void)state;
    struct rig rig;
    struct rig_client client;
    rig_start_with(&rig, &client, 1);
    uint64_t accepted = rig_outcome(&rig, TW_OUTCOME_ACCEPTED);
    fill_until_behind(&rig, &client);
    assert_int_equal(rig_outcome(&rig, TW_OUTCOME_OVERLOAD_SHED), 0);
    inject_burst(&rig, &client, BURST_PLAYERS);
    inject_burst(&rig, &client, BURST_PLAYERS);
    turns(&rig, QUEUE_BURSTS);
    /* Of the two bursts by which it was known. */
    uint32_t strangers = TW_BURST_MAX - BURST_PLAYERS;
    assert_int_equal(rig_outcome(&rig, TW_OUTCOME_OVERLOAD_SHED),
                     2u * (strangers - TW_SHARE_STRANGERS));
    assert_int_equal(rig_outcome(&rig, TW_OUTCOME_CONNECTION_UNKNOWN),
                     (TW_SHARE_FULL_BURSTS - 1u) * TW_BURST_MAX + 2u * TW_SHARE_STRANGERS);
    assert_int_equal(rig_outcome(&rig, TW_OUTCOME_ACCEPTED) - accepted, 2u * BURST_PLAYERS);
    rig_stop(&rig);
}

static void it_lasts_for_a_while(void **state)
{
    (void)state;
    struct rig rig;
    struct rig_client client;
    rig_start_with(&rig, &client, 1);
    fill_until_behind(&rig, &client);
    inject_burst(&rig, &client, 0);
    turns(&rig, QUEUE_BURSTS);
    uint64_t shed = rig_outcome(&rig, TW_OUTCOME_OVERLOAD_SHED);
    assert_int_equal(shed, TW_BURST_MAX - TW_SHARE_STRANGERS);
    /* Another burst, with the queue empty behind it. */
    inject_burst(&rig, &client, 0);
    rig_turn(&rig, TW_SHARE_HOLD_NS / 2u);
    shed += TW_BURST_MAX - TW_SHARE_STRANGERS;
    assert_int_equal(rig_outcome(&rig, TW_OUTCOME_OVERLOAD_SHED), shed);
    inject_burst(&rig, &client, 0);
    rig_turn(&rig, TW_SHARE_HOLD_NS);
    assert_int_equal(rig_outcome(&rig, TW_OUTCOME_OVERLOAD_SHED), shed);
    rig_stop(&rig);
}

/* A worker that was held up finds its queue full, and takes all of it. */
static void a_full_queue_is_no_overload(void **state)
{
    (void)state;
    struct rig rig;
    struct rig_client client;
    rig_start_with(&rig, &client, 1);
    for (uint32_t round = 0; round < 2u * TW_SHARE_FULL_BURSTS / QUEUE_BURSTS; round++) {
        for (uint32_t i = 0; i < QUEUE_BURSTS; i++)
            inject_burst(&rig, &client, 0);
        turns(&rig, QUEUE_BURSTS + TURN_BURSTS);
    }
    assert_int_equal(rig_outcome(&rig, TW_OUTCOME_OVERLOAD_SHED), 0);
    rig_stop(&rig);
}

/* Checksums come after the share: a stranger's too many is not looked at, a player's is. */
static void checksums_are_checked_behind_it(void **state)
{
    (void)state;
    struct rig rig;
    struct rig_client client;
    uint8_t frame[TEST_FRAME_MAX], packet[TW_DATAGRAM_MAX], text[8] = {0};
    rig_start_with(&rig, &client, 1);
    fill_until_behind(&rig, &client);
    inject_burst(&rig, &client, 0);
    turns(&rig, QUEUE_BURSTS);
    uint64_t shed = rig_outcome(&rig, TW_OUTCOME_OVERLOAD_SHED);
    size_t length = rig_client_seal(&client, 77, text, sizeof(text), packet);
    size_t size = test_udp_frame(frame, client.ip, client.port, packet, length);
    frame[size - 1] ^= 1;
    rig_inject(&rig, 0, frame, size);
    size = stranger(frame, STRANGER_ID);
    frame[size - 1] ^= 1;
    for (uint32_t i = 0; i < TW_SHARE_STRANGERS + 2u; i++)
        rig_inject(&rig, 0, frame, size);
    size = test_arp_frame(frame, 1, TEST_CLIENT_ADDRESS, TEST_SERVER_ADDRESS);
    for (uint32_t i = 0; i < TW_SHARE_STRANGERS + 2u; i++)
        rig_inject(&rig, 0, frame, size);
    uint64_t arp = rig_outcome(&rig, TW_OUTCOME_ARP_HANDLED);
    rig_turn(&rig, 1);
    assert_int_equal(rig_outcome(&rig, TW_OUTCOME_UDP_CHECKSUM), 1u + TW_SHARE_STRANGERS);
    assert_int_equal(rig_outcome(&rig, TW_OUTCOME_OVERLOAD_SHED) - shed, 2);
    assert_int_equal(rig_outcome(&rig, TW_OUTCOME_ARP_HANDLED) - arp, TW_SHARE_STRANGERS + 2u);
    rig_stop(&rig);
}

/* What names another worker is no stranger's: it goes there within what is passed on, and beyond
 * that ends before its checksum, too. */
static void others_packets_are_shed_by_their_budget(void **state)
{
    (void)state;
    struct rig rig;
    struct rig_client client;
    uint8_t frame[TEST_FRAME_MAX];
    rig_start_with(&rig, &client, 2);
    fill_until_behind(&rig, &client);
    inject_burst(&rig, &client, 0);
    turns(&rig, QUEUE_BURSTS);
    uint64_t shed = rig_outcome(&rig, TW_OUTCOME_OVERLOAD_SHED);
    rig.worker[0]->budgets.pass_on_rate = tw_budget_rate_make(1, 5);
    size_t size = stranger(frame, tw_connection_id(1, 7, 9));
    for (uint32_t i = 0; i < 3; i++)
        rig_inject(&rig, 0, frame, size);
    frame[size - 1] ^= 1;
    for (uint32_t i = 0; i < 8; i++)
        rig_inject(&rig, 0, frame, size);
    rig_turn(&rig, 1);
    rig_turn(&rig, 1);
    assert_int_equal(rig_outcome(&rig, TW_OUTCOME_UDP_CHECKSUM), 2);
    assert_int_equal(rig_outcome(&rig, TW_OUTCOME_WORKER_BUDGET), 6);
    assert_int_equal(tw_counter_get(&rig.counters[1]->outcomes[TW_OUTCOME_CONNECTION_UNKNOWN]), 3);
    assert_int_equal(rig_outcome(&rig, TW_OUTCOME_OVERLOAD_SHED), shed);
    rig_stop(&rig);
}

int main(int argc, char **argv)
{
    (void)argc;
    if (!rig_init_eal(argv[0]))
        return 1;
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(players_keep_everything),
        cmocka_unit_test(it_lasts_for_a_while),
        cmocka_unit_test(a_full_queue_is_no_overload),
        cmocka_unit_test(checksums_are_checked_behind_it),
        cmocka_unit_test(others_packets_are_shed_by_their_budget),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
