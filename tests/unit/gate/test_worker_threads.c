/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Two workers on threads of their own, sessions that go from one to the other and back: what they
 * share under ThreadSanitizer, and nothing lost but what may be. Half of them are in the middle of
 * a message all the time, which goes along.
 */
#include "tests/unit/gate/worker_rig.h"

#include "dataplane/gate/port_orders.h"
#include "dataplane/gate/worker_state.h"

#include <pthread.h>
#include <rte_ethdev.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <unistd.h>

#include <cmocka.h>

#define CLIENTS 8u
#define ROUNDS  2400u

/* The port of this test is made of rings by DPDK's own driver, whose fences ThreadSanitizer does
 * not see: what crosses there is not looked at. A function of the sanitizer's interface. */
const char *__tsan_default_suppressions(void);
const char *__tsan_default_suppressions(void)
{
    return "race:rig_inject_at\nrace:rig_sent_by\n";
}

static struct rig rig;
static _Atomic uint64_t now_ns; /* test: w, workers: r */
static _Atomic bool stop;       /* test: w, workers: r */

static void *run_worker(void *worker)
{
    while (!atomic_load_explicit(&stop, memory_order_acquire)) {
        if (tw_worker_turn(worker, atomic_load_explicit(&now_ns, memory_order_acquire)) == 0)
            usleep(20);
    }
    return NULL;
}

static void take_all(struct rig_client *clients)
{
    struct tw_record record;
    for (uint32_t worker = 0; worker < 2; worker++) {
        rig_take_events(&rig, worker);
        while (rig_record(&rig, worker, &record))
            continue;
    }
    rig.event_count = 0;
    rig_client_receive(&rig, clients, CLIENTS);
}

static struct rig_client clients[CLIENTS];
static pthread_t threads[2];

static void start(struct tw_port_orders *orders)
{
    rig_make(&rig, 2);
    for (uint32_t worker = 0; orders && worker < 2; worker++)
        rig.worker_config[worker].port_orders = &orders[worker];
    rig_start(&rig);
    for (uint16_t i = 0; i < CLIENTS; i++) {
        rig_client_make(&rig, &clients[i], TEST_CLIENT_ADDRESS, (uint16_t)(6000 + i));
        rig_client_join(&rig, &clients[i]);
        rig_client_send_ping(&rig, &clients[i], 1);
        rig_turn(&rig, RIG_MS);
        take_all(clients);
    }
    atomic_store(&now_ns, rig.now_ns);
    atomic_store(&stop, false);
    for (uint32_t worker = 0; worker < 2; worker++)
        assert_int_equal(pthread_create(&threads[worker], NULL, run_worker, rig.worker[worker]), 0);
}

static void stop_threads(void)
{
    atomic_store_explicit(&stop, true, memory_order_release);
    for (uint32_t worker = 0; worker < 2; worker++)
        assert_int_equal(pthread_join(threads[worker], NULL), 0);
    for (int i = 0; i < 20; i++) {
        rig_turn(&rig, RIG_MS);
        take_all(clients);
    }
}

/* The rest of it never comes. */
static void send_part(struct rig_client *client)
{
    struct tw_entry part = {.channel = TW_CHANNEL_BULK,
                            .kind = TW_ENTRY_PART,
                            .size = 20u * TW_BLOCK_BYTES,
                            .length = TW_BLOCK_BYTES};
    rig_client_send_entry(&rig, client, &part, 0x42);
}

static uint32_t channels_taken(void)
{
    const struct tw_channels_pool *pools[] = {&rig.worker[0]->talk.channels,
                                              &rig.worker[1]->talk.channels};
    return pools[0]->capacity - pools[0]->free_count + pools[1]->capacity - pools[1]->free_count;
}

static void sessions_go_between_threads(void **state)
{
    (void)state;
    start(NULL);
    for (uint32_t i = 0; i < CLIENTS; i += 2)
        send_part(&clients[i]);
    for (uint32_t round = 0; round < ROUNDS; round++) {
        struct rig_client *client = &clients[round % CLIENTS];
        client->queue = round / (ROUNDS / 4) % 2; /* all of them, four times */
        rig_client_send_ping(&rig, client, round);
        rig.now_ns += RIG_MS;
        atomic_store_explicit(&now_ns, rig.now_ns, memory_order_release);
        usleep(200);
        take_all(clients);
    }
    stop_threads();
    assert_int_equal(rig_roaming(&rig, TW_ROAMING_GIVEN), rig_roaming(&rig, TW_ROAMING_TAKEN));
    assert_true(rig_roaming(&rig, TW_ROAMING_TAKEN) >= CLIENTS);
    assert_true(rig_roaming(&rig, TW_ROAMING_GIVEN_TALKING) > 0);
    assert_int_equal(channels_taken(), CLIENTS / 2u);
    const struct tw_worker *const *workers = (const struct tw_worker *const *)rig.worker;
    assert_int_equal(workers[0]->sessions.counts[TW_SESSION_LIVE] +
                         workers[1]->sessions.counts[TW_SESSION_LIVE],
                     CLIENTS);
    rig_stop(&rig); /* the ledger */
}

/* ---- ports that are taken away -------------------------------------------------------------- */

static _Atomic uint32_t trespasses; /* workers: w, test: r */

static uint16_t nobody_may_receive(void *queue, struct rte_mbuf **mbufs, uint16_t count)
{
    (void)queue, (void)mbufs, (void)count;
    atomic_fetch_add(&trespasses, 1);
    return 0;
}

static uint16_t nobody_may_send(void *queue, struct rte_mbuf **mbufs, uint16_t count)
{
    (void)queue, (void)mbufs, (void)count;
    atomic_fetch_add(&trespasses, 1);
    return 0;
}

static void order(struct tw_port_orders *orders, enum tw_port_order wanted)
{
    for (uint32_t worker = 0; worker < 2; worker++)
        tw_port_orders_give(&orders[worker], 0, wanted);
}

/* As a driver's reset does: what workers call is another function meanwhile, written plainly. */
static void a_port_is_nobodys_once_all_obeyed(void **state)
{
    (void)state;
    static struct tw_port_orders orders[2];
    start(orders);
    struct rte_eth_fp_ops *ops = &rte_eth_fp_ops[rig.port[0]];
    for (uint32_t round = 0; round < ROUNDS / 4; round++) {
        rig_client_send_ping(&rig, &clients[round % CLIENTS], round);
        rig.now_ns += RIG_MS;
        atomic_store_explicit(&now_ns, rig.now_ns, memory_order_release);
        order(orders, TW_PORT_LEAVE);
        while (!tw_port_orders_obeyed(&orders[0], 0) || !tw_port_orders_obeyed(&orders[1], 0))
            usleep(20);
        struct rte_eth_fp_ops before = *ops;
        ops->rx_pkt_burst = nobody_may_receive;
        ops->tx_pkt_burst = nobody_may_send;
        usleep(200);
        *ops = before;
        order(orders, round % 3 == 0 ? TW_PORT_LINK_DOWN : TW_PORT_SERVE);
        usleep(200);
        take_all(clients);
    }
    order(orders, TW_PORT_SERVE);
    stop_threads();
    assert_int_equal(atomic_load(&trespasses), 0);
    assert_true(rig_send(&rig, TW_SEND_LINK_DOWN) > 0 && rig_send(&rig, TW_SEND_SENT) > 0);
    rig_stop(&rig); /* the ledger */
}

int main(int argc, char **argv)
{
    (void)argc;
    if (!rig_init_eal(argv[0]))
        return 1;
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sessions_go_between_threads),
        cmocka_unit_test(a_port_is_nobodys_once_all_obeyed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
