/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A worker with the ciphers and the cookie hash that an engine on this machine chooses, instead of
 * the rig's libsodium: players of both suites in one burst. As in every test of the rig, a turn
 * that asks for memory fails.
 */
#include "tests/unit/gate/worker_rig.h"

#include "dataplane/crypto/aead_select.h"
#include "dataplane/crypto/chacha_lanes.h"
#include "dataplane/crypto/cookie_sha_ni.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>
#include <rte_ring_elem.h>

#define CLIENTS 16u
#define ROUNDS  60u

static struct rig rig;
static struct rig_client clients[CLIENTS];
static uint32_t epochs[CLIENTS]; /* of their sessions, for the shard's buffers */

static void take_records(void)
{
    struct tw_record record;
    while (rig_record(&rig, 0, &record))
        for (uint32_t i = 0; i < CLIENTS && record.type == TW_RECORD_JOIN; i++)
            if (tw_connection_slot(clients[i].id) == record.slot)
                epochs[i] = record.route_epoch;
}

/* The suites that clients take in turn. */
static void join_all(uint8_t known)
{
    for (uint32_t i = 0; i < CLIENTS; i++) {
        rig.suites = i % 2 != 0 && (known & TW_SUITE_AES256_GCM) != 0 ? TW_SUITE_AES256_GCM
                                                                      : TW_SUITE_CHACHA20_POLY1305;
        rig_client_make(&rig, &clients[i], TEST_CLIENT_ADDRESS, (uint16_t)(6000 + i));
        rig_client_join(&rig, &clients[i]);
        assert_int_equal(clients[i].handshake.welcome.suite, rig.suites);
        rig_client_send_ping(&rig, &clients[i], 1);
    }
    rig_turn(&rig, RIG_MS);
    rig_client_receive(&rig, clients, CLIENTS);
    take_records();
}

static void send_forged(struct rig_client *client)
{
    static const uint8_t ping[] = {TW_FRAME_PING, 8, 0, 1, 2, 3, 4, 5, 6, 7, 8};
    uint8_t packet[TW_DATAGRAM_MAX];
    size_t size = rig_client_seal(client, client->sequence, ping, sizeof(ping), packet);
    packet[size - 1] ^= 1;
    rig_client_send(&rig, client, packet, size);
}

static void give_snapshot(uint32_t i, uint16_t length)
{
    const struct tw_worker_shard_rings *rings = &rig.worker_config[0].shard_rings[0];
    struct tw_out_buffer buffer;
    assert_int_equal(rte_ring_sc_dequeue_elem(rings->empty, &buffer, sizeof(buffer)), 0);
    buffer.slot = tw_connection_slot(clients[i].id);
    buffer.route_epoch = epochs[i];
    buffer.kind = TW_OUT_SNAPSHOT;
    buffer.length = length;
    buffer.bytes[0] = TW_FRAME_SNAPSHOT;
    tw_store_u16(buffer.bytes + 1, (uint16_t)(length - TW_FRAME_HEADER_SIZE));
    memset(buffer.bytes + TW_FRAME_HEADER_SIZE, (int)i, length - TW_FRAME_HEADER_SIZE);
    assert_int_equal(rte_ring_sp_enqueue_elem(rings->full, &buffer, sizeof(buffer)), 0);
}

static void play_with(const char *wanted)
{
    struct tw_aead_report report;
    const struct tw_aead_backend *chosen = tw_aead_select(wanted, &report);
    if (chosen == tw_aead_sodium())
        skip(); /* the rest of the rig's tests run with it */
    print_message("AES-256-GCM by %s, ChaCha20-Poly1305 by %s\n",
                  report.aes256_gcm != NULL ? report.aes256_gcm : "nobody",
                  report.chacha20_poly1305);
    struct tw_chacha_lanes_statistics *lanes = tw_chacha_lanes_statistics();
    memset(lanes, 0, sizeof(*lanes));
    rig_make(&rig, 1);
    rig.aead = chosen;
    rig_start(&rig);
    join_all(chosen->suites & tw_aead_sodium()->suites);
    uint64_t accepted = rig_outcome(&rig, TW_OUTCOME_ACCEPTED), forged = 0;
    for (uint32_t round = 0; round < ROUNDS; round++) {
        for (uint32_t i = 0; i < CLIENTS; i++) {
            rig_client_send_inputs(&rig, &clients[i], 10 + round, 4);
            give_snapshot(i, (uint16_t)(20 + round * 20 + i));
        }
        for (uint32_t i = round % 4; i < CLIENTS; i += 4, forged++)
            send_forged(&clients[i]);
        rig_turn(&rig, 17 * RIG_MS);
        rig_client_receive(&rig, clients, CLIENTS); /* opened by libsodium */
        take_records();
    }
    assert_int_equal(rig_outcome(&rig, TW_OUTCOME_ACCEPTED) - accepted, CLIENTS * ROUNDS);
    assert_int_equal(rig_outcome(&rig, TW_OUTCOME_TAG_WRONG), forged);
    assert_int_equal(tw_counter_get(&rig.counters[0]->snapshots), CLIENTS * ROUNDS);
    for (uint32_t i = 0; i < CLIENTS; i++)
        assert_true(clients[i].received >= ROUNDS);
    if (strncmp(report.chacha20_poly1305, "chacha-lanes", 12) == 0)
        assert_true(lanes->packets >= CLIENTS * ROUNDS); /* half of them, in and out */
    rig_stop(&rig);
}

static void the_chosen_ciphers_take_no_memory(void **state)
{
    (void)state;
    play_with(TW_AEAD_AUTO);
}

static void both_of_ipsec_mb_take_no_memory(void **state)
{
    (void)state;
    play_with("ipsec-mb");
}

/* Alone and several in a burst, which are hashed in pairs. */
static void cookies_by_sha_instructions_take_no_memory(void **state)
{
    (void)state;
    if (tw_cookie_hash_sha_ni() == NULL)
        skip();
    rig_make(&rig, 1);
    rig.cookie_hash = tw_cookie_hash_sha_ni();
    rig_start(&rig);
    for (uint32_t burst = 1, sent = 0; burst <= CLIENTS; burst++) {
        for (uint32_t i = 0; i < burst; i++) {
            rig_client_make(&rig, &clients[i], TEST_CLIENT_ADDRESS, (uint16_t)(6000 + i));
            rig_client_hello(&rig, &clients[i], 0);
        }
        rig_turn(&rig, 1000 * RIG_MS);
        rig_client_receive(&rig, clients, burst);
        for (uint32_t i = 0; i < burst; i++)
            assert_int_equal(clients[i].news, TW_NEWS_COOKIE);
        sent += burst;
        assert_int_equal(rig_outcome(&rig, TW_OUTCOME_COOKIE_SENT), sent);
    }
    /* Its own cookies are taken: the last client joins by one. */
    uint32_t before = rig.handshake_count;
    rig_client_hello(&rig, &clients[CLIENTS - 1], 0);
    rig_turn(&rig, RIG_MS);
    assert_int_equal(rig.handshake_count, before + 1);
    rig_stop(&rig);
}

int main(int argc, char **argv)
{
    (void)argc;
    if (!rig_init_eal(argv[0]))
        return 1;
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_chosen_ciphers_take_no_memory),
        cmocka_unit_test(both_of_ipsec_mb_take_no_memory),
        cmocka_unit_test(cookies_by_sha_instructions_take_no_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
