/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * 100,000 turns of two workers whose surroundings stall at random: no buffer to send, a port that
 * takes nothing, a shard that keeps or returns nothing, a worker that is held up, full hand-over,
 * record and event rings, clients on the wrong queue, kicks. Afterwards every buffer is back in its
 * pool, and every packet and every snapshot in a ledger (rig_stop compares). Prints its seed when
 * it fails.
 */
#include "tests/unit/gate/worker_rig.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>
#include <rte_mbuf.h>
#include <rte_ring_elem.h>

#define TURNS    100000u
#define CLIENTS  8u
#define HELD_MAX 192u

struct soak {
    struct rig rig;
    struct rig_client clients[CLIENTS];
    uint64_t random;
    /* the shard's hands, per worker */
    struct tw_out_buffer held[RIG_WORKERS_MAX][HELD_MAX];
    uint32_t held_count[RIG_WORKERS_MAX];
    uint32_t epochs[CLIENTS]; /* of the newest join */
    struct rte_mbuf *stolen[2048];
    uint32_t stolen_count;
    uint64_t given; /* snapshots handed to workers */
};

static struct soak soak;

static uint32_t chance(uint32_t below)
{
    soak.random ^= soak.random << 13;
    soak.random ^= soak.random >> 7;
    soak.random ^= soak.random << 17;
    return (uint32_t)(soak.random >> 32) % below;
}

static void join(uint32_t i)
{
    struct rig_client *client = &soak.clients[i];
    rig_client_make(&soak.rig, client, TEST_CLIENT_ADDRESS, (uint16_t)(6000 + i));
    rig_client_join(&soak.rig, client);
    rig_client_send_ping(&soak.rig, client, 1);
    rig_turn(&soak.rig, RIG_MS);
}

static void send_something(void)
{
    struct rig_client *client = &soak.clients[chance(CLIENTS)];
    uint8_t packet[TW_DATAGRAM_MAX], frame[TEST_FRAME_MAX];
    const uint8_t ping[] = {TW_FRAME_PING, 8, 0, 1, 2, 3, 4, 5, 6, 7, 8};
    uint64_t sequence = chance(20) == 0 ? client->sequence / 2 + 1 : client->sequence++;
    size_t size = rig_client_seal(client, sequence, ping, sizeof(ping), packet);
    if (chance(20) == 0)
        packet[size - 1] ^= 1;
    size = test_udp_frame(frame, client->ip, (uint16_t)(client->port + (chance(20) == 0)), packet,
                          size);
    rig_inject(&soak.rig, chance(2), frame, size);
}

static void take_records(uint32_t worker)
{
    struct tw_record record;
    while (rig_record(&soak.rig, worker, &record))
        for (uint32_t i = 0; i < CLIENTS && record.type == TW_RECORD_JOIN; i++)
            if (tw_connection_slot(soak.clients[i].id) == record.slot)
                soak.epochs[i] = record.route_epoch;
}

static void take_empty(uint32_t worker)
{
    uint32_t *count = &soak.held_count[worker];
    struct rte_ring *ring = soak.rig.worker_config[worker].shard_rings[0].empty;
    while (*count < HELD_MAX && rte_ring_sc_dequeue_elem(ring, &soak.held[worker][*count],
                                                         sizeof(struct tw_out_buffer)) == 0)
        (*count)++;
}

/* Snapshots, closes, stale ones and unused buffers; what the ring refuses stays in hand. */
static void give_back(uint32_t worker, uint32_t most)
{
    struct rte_ring *ring = soak.rig.worker_config[worker].shard_rings[0].full;
    for (; most > 0 && soak.held_count[worker] > 0; most--) {
        struct tw_out_buffer buffer = soak.held[worker][soak.held_count[worker] - 1];
        uint32_t i = chance(CLIENTS);
        buffer.slot = tw_connection_slot(soak.clients[i].id);
        buffer.route_epoch = soak.epochs[i] - (chance(10) == 0);
        buffer.kind = (uint16_t)(chance(50) == 0 ? TW_OUT_UNUSED : TW_OUT_SNAPSHOT);
        if (chance(2000) == 0)
            buffer.kind = TW_OUT_CLOSE;
        buffer.reason = TW_CLOSE_KICKED;
        buffer.length = (uint16_t)(TW_FRAME_HEADER_SIZE + 1 + chance(600));
        memset(buffer.bytes, 0, buffer.length);
        if (rte_ring_sp_enqueue_elem(ring, &buffer, sizeof(buffer)) != 0)
            return;
        soak.given += buffer.kind == TW_OUT_SNAPSHOT;
        soak.held_count[worker]--;
    }
}

static void steal_buffers(bool steal)
{
    while (steal && soak.stolen_count < 2048 &&
           (soak.stolen[soak.stolen_count] = rte_pktmbuf_alloc(soak.rig.tx_pool)) != NULL)
        soak.stolen_count++;
    if (!steal)
        rte_pktmbuf_free_bulk(soak.stolen, soak.stolen_count);
    if (!steal)
        soak.stolen_count = 0;
}

static void empty_port(void)
{
    uint8_t frame[TEST_FRAME_MAX];
    while (rig_sent(&soak.rig, frame) > 0)
        ;
}

static void kick_one(void)
{
    struct tw_worker_command command = {.type = TW_COMMAND_KICK,
                                        .reason = TW_CLOSE_KICKED,
                                        .connection_id = soak.clients[chance(CLIENTS)].id};
    rig_command(&soak.rig, 0, &command);
}

/* Everything flows again: whoever was closed comes back. */
static void recover(void)
{
    steal_buffers(false);
    for (uint32_t i = 0; i < 300; i++) {
        for (uint32_t worker = 0; worker < RIG_WORKERS_MAX; worker++) {
            take_records(worker);
            give_back(worker, HELD_MAX);
        }
        empty_port();
        soak.rig.event_count = 0;
        rig_turn(&soak.rig, RIG_MS);
    }
    empty_port();
    for (uint32_t i = 0; i < CLIENTS; i++) {
        struct tw_worker_command query = {
            .type = TW_COMMAND_QUERY, .query = 1, .connection_id = soak.clients[i].id};
        struct tw_worker_event event = {0};
        soak.rig.event_count = 0;
        rig_command(&soak.rig, 0, &query);
        rig_turn(&soak.rig, RIG_MS);
        assert_int_equal(rig_events(&soak.rig, TW_EVENT_SESSION, &event), 1);
        empty_port();
        if (event.found == 0)
            join(i);
    }
}

/* One worker may be held up, and what the other passes on to it waits. */
static void turn_workers(uint32_t phase)
{
    uint64_t ns = chance(3) * RIG_MS / 2;
    if ((phase & 32) == 0 || chance(16) == 0) {
        rig_turn(&soak.rig, ns);
        return;
    }
    soak.rig.now_ns += ns;
    rig_turn_one(&soak.rig, 0);
}

static void one_turn(uint32_t phase)
{
    for (uint32_t i = chance(chance(16) == 0 ? 40 : 6); i > 0; i--)
        send_something();
    for (uint32_t worker = 0; worker < RIG_WORKERS_MAX; worker++) {
        if ((phase & 1) == 0)
            take_records(worker);
        if ((phase & 2) == 0)
            take_empty(worker);
        if ((phase & 4) == 0)
            give_back(worker, chance(24));
    }
    if ((phase & 8) == 0)
        empty_port();
    if (chance(500) == 0)
        kick_one();
    soak.rig.event_count = 0;
    turn_workers(phase);
}

static void check_sends(void)
{
    uint64_t snapshots = 0;
    for (uint32_t worker = 0; worker < RIG_WORKERS_MAX; worker++)
        snapshots += tw_counter_get(&soak.rig.counters[worker]->snapshots);
    assert_int_equal(snapshots + rig_send(&soak.rig, TW_SEND_SESSION_GONE), soak.given);
    assert_true(rig_send(&soak.rig, TW_SEND_NO_BUFFER) > 0);
    assert_true(rig_send(&soak.rig, TW_SEND_PORT_FULL) > 0);
    assert_true(rig_send(&soak.rig, TW_SEND_SESSION_GONE) > 0);
    assert_true(rig_outcome(&soak.rig, TW_OUTCOME_WORKER_FOREIGN) > 0);
    assert_true(rig_outcome(&soak.rig, TW_OUTCOME_PATH_UNKNOWN) > 0);
    assert_true(rig_outcome(&soak.rig, TW_OUTCOME_ACCEPTED) > TURNS / 2);
}

static void every_buffer_comes_home(void **state)
{
    (void)state;
    rig_make(&soak.rig, 2);
    soak.rig.records_depth = 64;
    soak.rig.config.limits.stranger_pps = 1000000;
    soak.rig.config.limits.source_pps = 1000000;
    soak.rig.config.limits.session_pps = 100000;
    rig_start(&soak.rig);
    for (uint32_t i = 0; i < CLIENTS; i++)
        join(i);
    uint32_t phase = 0;
    for (uint32_t turn = 0; turn < TURNS; turn++) {
        if (turn % 257 == 0) {
            phase = chance(64);
            steal_buffers((phase & 16) != 0);
        }
        if (turn % 5000 == 4999)
            recover();
        one_turn(phase);
    }
    recover();
    for (uint32_t worker = 0; worker < RIG_WORKERS_MAX; worker++)
        assert_int_equal(soak.held_count[worker], 0);
    check_sends();
    rig_stop(&soak.rig);
}

int main(int argc, char **argv)
{
    if (!rig_init_eal(argv[0]))
        return 1;
    uint64_t seed = argc > 1 ? strtoull(argv[1], NULL, 10) : (uint64_t)time(NULL);
    soak.random = seed * UINT64_C(0x9e3779b97f4a7c15) + 1;
    const struct CMUnitTest tests[] = {cmocka_unit_test(every_buffer_comes_home)};
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    if (failed != 0)
        fprintf(stderr, "seed %llu\n", (unsigned long long)seed);
    return failed;
}
