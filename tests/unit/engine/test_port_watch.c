/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Ports under watch: a null port of DPDK's, whose driver learns to reset, to fail and to tell
 * events; workers that obey when the test says so.
 *
 * Virtual drivers have no reset: the linker puts the functions below in front of DPDK's.
 */
#include "dataplane/engine/port_watch.h"

#include "dataplane/engine/clock.h"
#include "tests/unit/engine/null_port.h"

#include <errno.h>
#include <pthread.h>
#include <rte_eal.h>
#include <rte_ethdev.h>
#include <rte_mbuf.h>
#include <rte_timer.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#define WORKERS NULL_PORT_WORKERS
#define BURST   8u

static struct tw_config config;
static struct tw_topology topology;
static struct tw_engine engine;
static struct tw_worker_counters counters[WORKERS];
static uint64_t now_ns;

/* ---- the driver ----------------------------------------------------------------------------- */

static struct {
    int result; /* of the next reset; -ENOTSUP: has none, as is */
    uint32_t resets, groups;
    bool is_mute;        /* tells no counters */
    uint32_t other_ends; /* queue pairs that net_memif's has; 0: it is no net_memif */
    rte_eth_dev_cb_fn listener;
    void *listener_argument;
} driver;

int __wrap_rte_eth_dev_reset(uint16_t id);
int __wrap_rte_eth_stats_get(uint16_t id, struct rte_eth_stats *stats);
int __real_rte_eth_stats_get(uint16_t id, struct rte_eth_stats *stats);
int __wrap_rte_eth_stats_get(uint16_t id, struct rte_eth_stats *stats)
{
    int result = driver.is_mute ? -EIO : __real_rte_eth_stats_get(id, stats);
    for (uint32_t i = driver.other_ends; driver.other_ends != 0 && i < WORKERS; i++)
        stats->q_ipackets[i] = 0;
    return result;
}

int __wrap_rte_eth_dev_set_mc_addr_list(uint16_t id, struct rte_ether_addr *list, uint32_t count);
int __wrap_rte_eth_dev_callback_register(uint16_t id, enum rte_eth_event_type event,
                                         rte_eth_dev_cb_fn function, void *argument);
int __real_rte_eth_dev_reset(uint16_t id);
int __real_rte_eth_dev_callback_register(uint16_t id, enum rte_eth_event_type event,
                                         rte_eth_dev_cb_fn function, void *argument);

/* What is left after a driver's reset: stopped, counters at zero, another MAC address. */
int __wrap_rte_eth_dev_reset(uint16_t id)
{
    driver.resets++;
    if (driver.result == -ENOTSUP)
        return __real_rte_eth_dev_reset(id);
    assert_int_equal(rte_eth_dev_stop(id), 0);
    if (driver.result != 0)
        return driver.result;
    struct rte_ether_addr other = {{2, 9, 9, 9, 9, 9}};
    assert_int_equal(rte_eth_stats_reset(id), 0);
    assert_int_equal(rte_eth_dev_default_mac_addr_set(id, &other), 0);
    return 0;
}

int __wrap_rte_eth_dev_set_mc_addr_list(uint16_t id, struct rte_ether_addr *list, uint32_t count)
{
    (void)id;
    assert_int_equal(count, 2);
    assert_true(rte_is_multicast_ether_addr(&list[0]) && rte_is_multicast_ether_addr(&list[1]));
    driver.groups++;
    return 0;
}

int __wrap_rte_eth_dev_callback_register(uint16_t id, enum rte_eth_event_type event,
                                         rte_eth_dev_cb_fn function, void *argument)
{
    driver.listener = function;
    driver.listener_argument = argument;
    return __real_rte_eth_dev_callback_register(id, event, function, argument);
}

static void *tell_in_a_thread(void *event)
{
    driver.listener(0, *(enum rte_eth_event_type *)event, driver.listener_argument, NULL);
    return NULL;
}

/* As a driver does: from DPDK's interrupt thread. */
static void tell(enum rte_eth_event_type event)
{
    pthread_t thread;
    assert_int_equal(pthread_create(&thread, NULL, tell_in_a_thread, &event), 0);
    pthread_join(thread, NULL);
}

/* ---- the engine ----------------------------------------------------------------------------- */

static int setup(void **state)
{
    (void)state;
    struct tw_port_error error;
    memset(&driver, 0, sizeof(driver));
    memset(&engine, 0, sizeof(engine));
    memset(counters, 0, sizeof(counters));
    for (uint32_t i = 0; i < WORKERS; i++)
        engine.worker_counters[i] = &counters[i];
    null_port_plan(&config, &topology, 4095);
    engine.config = &config;
    engine.topology = &topology;
    now_ns = 50 * TW_SECOND_NS;
    if (!tw_port_open(&engine.ports[0], 0, "net_null0", &topology, &error) ||
        !tw_port_start(&engine.ports[0], &error))
        fail_msg("%s", error.message);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    struct tw_port *port = &engine.ports[0];
    tw_port_stop(port);
    tw_port_close(port);
    for (uint32_t i = 0; i < WORKERS; i++)
        rte_mempool_free(port->rx_pools[i]);
    assert_int_equal(rte_eal_hotplug_remove("vdev", "net_null0"), 0);
    return rte_eal_hotplug_add("vdev", "net_null0", "") == 0 ? 0 : -1;
}

static bool turn(void)
{
    now_ns += TW_PORT_LOOK_NS;
    return tw_port_watch_turn(&engine, now_ns);
}

static void obey(uint32_t worker)
{
    struct tw_port_orders *orders = &engine.port_orders[worker];
    tw_port_orders_obey(orders, 0, tw_port_orders_look(orders, 0));
}

static void expect_order(enum tw_port_order order)
{
    for (uint32_t i = 0; i < WORKERS; i++)
        assert_int_equal(tw_port_order_of(tw_port_orders_look(&engine.port_orders[i], 0)), order);
}

static uint64_t received(void)
{
    struct tw_port_stats stats;
    tw_port_read_stats(&engine.ports[0], &stats);
    return stats.rx_packets;
}

/* The null port has as many packets as one asks for. */
static void receive(uint32_t bursts)
{
    struct rte_mbuf *mbufs[BURST];
    for (uint32_t i = 0; i < bursts; i++) {
        assert_int_equal(
            rte_eth_rx_burst(engine.ports[0].id, (uint16_t)(i % WORKERS), mbufs, BURST), BURST);
        rte_pktmbuf_free_bulk(mbufs, BURST);
        tw_counter_add(&counters[i % WORKERS].rx_of_port[0], BURST);
    }
}

static void expect_serving(uint64_t packets)
{
    struct rte_ether_addr mac;
    const struct tw_port *port = &engine.ports[0];
    assert_true(turn());
    expect_order(TW_PORT_SERVE);
    assert_int_equal(port->life.state, TW_PORT_STATE_UP);
    assert_int_equal(rte_eth_macaddr_get(port->id, &mac), 0);
    assert_memory_equal(mac.addr_bytes, port->mac, 6);
    assert_int_equal(received(), packets);
    receive(4);
    assert_int_equal(received(), packets + 4 * BURST);
}

/* ---- tests ---------------------------------------------------------------------------------- */

static void a_card_that_asks_is_reset(void **state)
{
    (void)state;
    receive(10);
    assert_true(turn());
    expect_order(TW_PORT_SERVE);
    tell(RTE_ETH_EVENT_INTR_RESET);
    assert_true(turn());
    expect_order(TW_PORT_LEAVE);
    obey(0);
    receive(2); /* the other worker is still at it */
    assert_true(turn());
    assert_int_equal(driver.resets, 0);
    obey(1);
    assert_true(turn());
    assert_int_equal(driver.resets, 1);
    assert_int_equal(driver.groups, 1); /* joined again */
    expect_order(TW_PORT_LINK_DOWN);
    expect_serving(12 * BURST); /* the driver's counters began at zero, ours go on */
    for (uint32_t i = 0; i < 10; i++)
        assert_true(turn());
    assert_int_equal(driver.resets, 1); /* one event, one reset */
    assert_int_equal(engine.ports[0].life.resets, 1);
}

static void reset_by(const char *name)
{
    assert_true(tw_port_watch_reset(&engine, name));
    assert_true(turn());
    obey(0);
    obey(1);
}

static void operators_reset_a_port_that_cannot(void **state)
{
    (void)state;
    driver.result = -ENOTSUP;
    receive(3);
    assert_false(tw_port_watch_reset(&engine, "net_null1"));
    for (uint32_t i = 1; i <= 3; i++) {
        reset_by("net_null0");
        assert_true(turn()); /* stopped and started: its queues are kept */
        assert_int_equal(engine.ports[0].life.resets, i);
        expect_serving((3 + 4 * (i - 1)) * BURST);
    }
}

static void a_card_that_is_not_ready_is_tried_again(void **state)
{
    (void)state;
    receive(5);
    driver.result = -EAGAIN;
    reset_by("net_null0");
    assert_true(turn());
    assert_int_equal(driver.resets, 1);
    assert_int_equal(received(), 5 * BURST); /* as it was when it stopped */
    tell(RTE_ETH_EVENT_INTR_RESET);          /* while it is away: part of the same */
    for (uint32_t i = 0; i < 12; i++)
        assert_true(turn());
    assert_in_range(driver.resets, 3, 4); /* every half second of 1.2 */
    expect_order(TW_PORT_LEAVE);
    driver.result = 0;
    while (engine.ports[0].life.state == TW_PORT_STATE_RESETTING)
        assert_true(turn());
    uint32_t resets = driver.resets;
    expect_serving(5 * BURST);
    assert_int_equal(driver.resets, resets);
    assert_int_equal(engine.ports[0].life.resets, 1);
}

/* Counters are no reason to give up a port. */
static void a_mute_card_is_served(void **state)
{
    (void)state;
    receive(5);
    assert_int_equal(received(), 5 * BURST);
    driver.is_mute = true;
    reset_by("net_null0");
    assert_true(turn());
    assert_int_equal(engine.ports[0].life.resets, 1);
    assert_int_equal(received(), 5 * BURST); /* as they were told last */
    assert_true(turn());
    expect_order(TW_PORT_SERVE);
    receive(2); /* it runs */
}

static void a_card_that_stays_away_is_given_up(void **state)
{
    (void)state;
    driver.result = -EIO;
    reset_by("net_null0");
    uint32_t turns = 0;
    while (turn() && turns < 1000)
        turns++;
    assert_in_range(turns, 50, TW_PORT_RESET_NS / TW_PORT_LOOK_NS); /* the only port: the end */
    expect_order(TW_PORT_LEAVE);
    assert_int_equal(engine.ports[0].life.state, TW_PORT_STATE_FAILED);
    assert_false(tw_port_watch_reset(&engine, "net_null0"));
}

static void a_removed_card_is_given_up(void **state)
{
    (void)state;
    tell(RTE_ETH_EVENT_INTR_RMV);
    assert_false(turn());
    expect_order(TW_PORT_LEAVE);
    assert_int_equal(driver.resets, 0);
}

static void links_are_followed(void **state)
{
    (void)state;
    struct tw_port *port = &engine.ports[0];
    assert_true(turn());
    assert_true(port->link);
    assert_int_equal(port->link_mbps, 10000);
    /* A port that was stopped behind our back has no link. */
    assert_int_equal(rte_eth_dev_stop(port->id), 0);
    assert_true(turn());
    expect_order(TW_PORT_LINK_DOWN);
    assert_int_equal(rte_eth_dev_start(port->id), 0);
    now_ns += TW_PORT_LOOK_MIN_NS;
    assert_true(tw_port_watch_turn(&engine, now_ns));
    expect_order(TW_PORT_LINK_DOWN); /* not looked at again yet */
    tell(RTE_ETH_EVENT_INTR_LSC);
    assert_true(tw_port_watch_turn(&engine, now_ns));
    expect_order(TW_PORT_SERVE); /* the driver said so */
    assert_int_equal(port->life.link_downs, 1);
}

/* The second worker's queue is the first one's again. */
static void another_end_with_few_queues_is_left_alone(void **state)
{
    (void)state;
    struct tw_port *port = &engine.ports[0];
    driver.other_ends = 1;
    receive(2);
    assert_true(turn());
    expect_order(TW_PORT_SERVE); /* other drivers may count as they like */
    snprintf(port->driver, sizeof(port->driver), "net_memif");
    assert_true(turn());
    expect_order(TW_PORT_LEAVE);
    assert_int_equal(port->life.state, TW_PORT_STATE_MISMATCHED);
    assert_true(turn());
    expect_order(TW_PORT_LEAVE);
    driver.is_mute = true; /* nothing to go by */
    assert_true(turn());
    expect_order(TW_PORT_SERVE);
    driver.is_mute = false;
    assert_true(turn());
    expect_order(TW_PORT_LEAVE);
    assert_int_equal(rte_eth_dev_stop(port->id), 0); /* that end leaves */
    assert_true(turn());
    expect_order(TW_PORT_LINK_DOWN);
    assert_int_equal(rte_eth_dev_start(port->id), 0);
    driver.other_ends = WORKERS;
    assert_true(turn());
    expect_order(TW_PORT_SERVE);
    assert_int_equal(port->life.link_downs, 1);
}

/* Before the second worker took anything there is nothing to tell such an end by. */
static void another_end_is_judged_by_what_it_sent(void **state)
{
    (void)state;
    struct tw_port *port = &engine.ports[0];
    driver.other_ends = 1;
    snprintf(port->driver, sizeof(port->driver), "net_memif");
    receive(1);
    assert_true(turn());
    expect_order(TW_PORT_SERVE);
}

static void ask_for_a_reset(struct rte_timer *timer, void *argument)
{
    (void)timer;
    (void)argument;
    driver.listener(0, RTE_ETH_EVENT_INTR_RESET, driver.listener_argument, NULL);
}

/* ena notices by a timer of its own, started on the main thread, that its card is dead. */
static void drivers_timers_run(void **state)
{
    (void)state;
    static struct rte_timer watchdog;
    assert_true(turn()); /* without any timers, too */
    assert_int_equal(rte_timer_subsystem_init(), 0);
    rte_timer_init(&watchdog);
    assert_int_equal(rte_timer_reset(&watchdog, 0, SINGLE, rte_lcore_id(), ask_for_a_reset, NULL),
                     0);
    assert_true(turn());
    expect_order(TW_PORT_LEAVE);
    rte_timer_subsystem_finalize();
}

int main(int argc, char **argv)
{
    (void)argc;
    char *arguments[] = {
        argv[0], "--no-huge",      "--no-pci",      "--no-shconf",      "-m", "128", "-l",
        "0",     "--no-telemetry", "--log-level=1", "--vdev=net_null0", NULL};
    if (rte_eal_init((int)(sizeof(arguments) / sizeof(arguments[0])) - 1, arguments) < 0)
        return 1;
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_card_that_asks_is_reset, setup, teardown),
        cmocka_unit_test_setup_teardown(operators_reset_a_port_that_cannot, setup, teardown),
        cmocka_unit_test_setup_teardown(a_card_that_is_not_ready_is_tried_again, setup, teardown),
        cmocka_unit_test_setup_teardown(a_mute_card_is_served, setup, teardown),
        cmocka_unit_test_setup_teardown(a_card_that_stays_away_is_given_up, setup, teardown),
        cmocka_unit_test_setup_teardown(a_removed_card_is_given_up, setup, teardown),
        cmocka_unit_test_setup_teardown(links_are_followed, setup, teardown),
        cmocka_unit_test_setup_teardown(another_end_with_few_queues_is_left_alone, setup, teardown),
        cmocka_unit_test_setup_teardown(another_end_is_judged_by_what_it_sent, setup, teardown),
        cmocka_unit_test_setup_teardown(drivers_timers_run, setup, teardown),
    };
    return cmocka_run_group_tests_name("port_watch", tests, NULL, NULL);
}
