/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Ports that refuse: a null port of DPDK's whose driver says other things of itself, refuses one
 * step, or hangs. Each refusal is one message that names the port and what it did.
 *
 * The linker puts the functions below in front of DPDK's.
 */
#include "dataplane/engine/port.h"

#include "tests/unit/engine/null_port.h"

#include <errno.h>
#include <rte_alarm.h>
#include <rte_eal.h>
#include <rte_ethdev.h>
#include <rte_mempool.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#define WORKERS NULL_PORT_WORKERS

static struct tw_config config;
static struct tw_topology topology;
static struct tw_port port;

/* ---- the driver ----------------------------------------------------------------------------- */

enum step { STEP_NONE, STEP_CONFIGURE, STEP_RX_QUEUE, STEP_TX_QUEUE, STEP_START, STEP_SCATTER };

static struct {
    enum step refused;
    const char *name; /* of the driver; NULL: as it is */
    uint64_t hashes;
    uint16_t queues_max; /* 0: as it is */
    bool hangs;          /* in its next reset */
    uint64_t alarm_us;
    rte_eal_alarm_callback alarm; /* set, and not cancelled since */
    void *alarm_argument;
} driver;

int __wrap_rte_eth_dev_info_get(uint16_t id, struct rte_eth_dev_info *info);
int __real_rte_eth_dev_info_get(uint16_t id, struct rte_eth_dev_info *info);
int __wrap_rte_eth_dev_info_get(uint16_t id, struct rte_eth_dev_info *info)
{
    int result = __real_rte_eth_dev_info_get(id, info);
    if (driver.name != NULL) {
        info->driver_name = driver.name;
        info->flow_type_rss_offloads = driver.hashes;
    }
    if (driver.queues_max != 0)
        info->max_rx_queues = driver.queues_max;
    return result;
}

int __wrap_rte_eth_dev_configure(uint16_t id, uint16_t rx_queues, uint16_t tx_queues,
                                 const struct rte_eth_conf *configuration);
int __real_rte_eth_dev_configure(uint16_t id, uint16_t rx_queues, uint16_t tx_queues,
                                 const struct rte_eth_conf *configuration);
int __wrap_rte_eth_dev_configure(uint16_t id, uint16_t rx_queues, uint16_t tx_queues,
                                 const struct rte_eth_conf *configuration)
{
    return driver.refused == STEP_CONFIGURE
               ? -EINVAL
               : __real_rte_eth_dev_configure(id, rx_queues, tx_queues, configuration);
}

int __wrap_rte_eth_rx_queue_setup(uint16_t id, uint16_t queue, uint16_t descriptors,
                                  unsigned int socket, const struct rte_eth_rxconf *configuration,
                                  struct rte_mempool *pool);
int __real_rte_eth_rx_queue_setup(uint16_t id, uint16_t queue, uint16_t descriptors,
                                  unsigned int socket, const struct rte_eth_rxconf *configuration,
                                  struct rte_mempool *pool);
int __wrap_rte_eth_rx_queue_setup(uint16_t id, uint16_t queue, uint16_t descriptors,
                                  unsigned int socket, const struct rte_eth_rxconf *configuration,
                                  struct rte_mempool *pool)
{
    if (driver.refused == STEP_RX_QUEUE && queue == 1)
        return -ENOMEM;
    return __real_rte_eth_rx_queue_setup(id, queue, descriptors, socket, configuration, pool);
}

int __wrap_rte_eth_tx_queue_setup(uint16_t id, uint16_t queue, uint16_t descriptors,
                                  unsigned int socket, const struct rte_eth_txconf *configuration);
int __real_rte_eth_tx_queue_setup(uint16_t id, uint16_t queue, uint16_t descriptors,
                                  unsigned int socket, const struct rte_eth_txconf *configuration);
int __wrap_rte_eth_tx_queue_setup(uint16_t id, uint16_t queue, uint16_t descriptors,
                                  unsigned int socket, const struct rte_eth_txconf *configuration)
{
    if (driver.refused == STEP_TX_QUEUE)
        return -EBUSY;
    return __real_rte_eth_tx_queue_setup(id, queue, descriptors, socket, configuration);
}

int __wrap_rte_eth_dev_start(uint16_t id);
int __real_rte_eth_dev_start(uint16_t id);
int __wrap_rte_eth_dev_start(uint16_t id)
{
    return driver.refused == STEP_START ? -EIO : __real_rte_eth_dev_start(id);
}

int __wrap_rte_eth_rx_queue_info_get(uint16_t id, uint16_t queue, struct rte_eth_rxq_info *info);
int __wrap_rte_eth_rx_queue_info_get(uint16_t id, uint16_t queue, struct rte_eth_rxq_info *info)
{
    (void)id;
    memset(info, 0, sizeof(*info));
    info->scattered_rx = driver.refused == STEP_SCATTER && queue == 1;
    return 0;
}

int __wrap_rte_eal_alarm_set(uint64_t after_us, rte_eal_alarm_callback function, void *argument);
int __wrap_rte_eal_alarm_set(uint64_t after_us, rte_eal_alarm_callback function, void *argument)
{
    driver.alarm_us = after_us;
    driver.alarm = function;
    driver.alarm_argument = argument;
    return 0;
}

int __wrap_rte_eal_alarm_cancel(rte_eal_alarm_callback function, void *argument);
int __wrap_rte_eal_alarm_cancel(rte_eal_alarm_callback function, void *argument)
{
    assert_true(function == driver.alarm && argument == driver.alarm_argument);
    driver.alarm = NULL;
    return 1;
}

/* The time is up before a driver that hangs returns. */
int __wrap_rte_eth_dev_reset(uint16_t id);
int __wrap_rte_eth_dev_reset(uint16_t id)
{
    assert_non_null(driver.alarm);
    if (driver.hangs)
        driver.alarm(driver.alarm_argument);
    return rte_eth_dev_stop(id);
}

/* ---- the port ------------------------------------------------------------------------------- */

static int setup(void **state)
{
    (void)state;
    memset(&driver, 0, sizeof(driver));
    null_port_plan(&config, &topology, 1023);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    tw_port_close(&port);
    for (uint32_t i = 0; i < WORKERS; i++)
        rte_mempool_free(port.rx_pools[i]);
    assert_int_equal(rte_eal_hotplug_remove("vdev", "net_null0"), 0);
    return rte_eal_hotplug_add("vdev", "net_null0", "") == 0 ? 0 : -1;
}

static bool bring_up(struct tw_port_error *error)
{
    error->message[0] = '\0';
    return tw_port_open(&port, 0, "net_null0", &topology, error) && tw_port_start(&port, error);
}

static void expect_refusal(const char *message)
{
    struct tw_port_error error;
    assert_false(bring_up(&error));
    assert_string_equal(error.message, message);
}

/* ---- tests ---------------------------------------------------------------------------------- */

static void a_willing_port_starts(void **state)
{
    (void)state;
    struct tw_port_error error;
    if (!bring_up(&error))
        fail_msg("%s", error.message);
    assert_true(port.started);
}

static void too_few_queue_pairs(void **state)
{
    (void)state;
    driver.queues_max = 1;
    expect_refusal("port net_null0 (net_null) can do 1 queue pair, but engine.workers is 2: each "
                   "worker needs one");
}

static void no_hash_to_spread_players_by(void **state)
{
    (void)state;
    driver.name = "net_card";
    driver.queues_max = 8;
    expect_refusal("port net_null0 (net_card) has 8 queue pairs, but cannot spread players over "
                   "them: it hashes neither IP addresses nor UDP ports. Set engine.workers to 1, "
                   "not 2");
}

static void no_hash_to_spread_ipv6_by(void **state)
{
    (void)state;
    driver.name = "net_card";
    driver.queues_max = 8;
    driver.hashes = RTE_ETH_RSS_NONFRAG_IPV4_UDP;
    expect_refusal("port net_null0 (net_card) has 8 queue pairs, but cannot spread players of IPv6 "
                   "over them: it hashes addresses and UDP ports of IPv4 alone. Set engine.workers "
                   "to 1, not 2, or take the port's address6 away");
}

static void configuration_refused(void **state)
{
    (void)state;
    driver.refused = STEP_CONFIGURE;
    expect_refusal("port net_null0 (net_null) refused 2 queue pairs: Invalid argument");
}

static void queue_to_receive_by_refused(void **state)
{
    (void)state;
    driver.refused = STEP_RX_QUEUE;
    expect_refusal("port net_null0 (net_null) refused queue pair 1 of 2: Cannot allocate memory");
}

static void queue_to_send_by_refused(void **state)
{
    (void)state;
    driver.refused = STEP_TX_QUEUE;
    expect_refusal("port net_null0 (net_null) refused queue pair 0 of 2: Device or resource busy");
}

static void start_refused(void **state)
{
    (void)state;
    driver.refused = STEP_START;
    expect_refusal("port net_null0 (net_null) did not start: Input/output error");
}

static void scattered_packets_refused(void **state)
{
    (void)state;
    driver.refused = STEP_SCATTER;
    expect_refusal("port net_null0 (net_null) scatters packets over several buffers, which is not "
                   "served: its MTU must be at most 1500");
}

/* What comes back from a reset worse than it was is not used, and stands still. */
static void refusals_after_a_reset(void **state)
{
    (void)state;
    static const struct {
        enum step step;
        const char *message;
    } cases[] = {{STEP_CONFIGURE, "refused 2 queue pairs"},
                 {STEP_RX_QUEUE, "refused queue pair 1 of 2"},
                 {STEP_START, "did not start"},
                 {STEP_SCATTER, "scatters packets"}};
    struct tw_port_error error;
    if (!bring_up(&error))
        fail_msg("%s", error.message);
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        driver.refused = cases[i].step;
        assert_false(tw_port_reset(&port, &error));
        assert_non_null(strstr(error.message, cases[i].message));
        assert_false(port.started);
        assert_null(driver.alarm); /* nobody ends the process later */
        driver.refused = STEP_NONE;
        if (!tw_port_reset(&port, &error))
            fail_msg("%s", error.message);
        assert_true(port.started);
    }
    assert_int_equal(driver.alarm_us, 30000000);
}

/* In a process of its own: it ends. */
static void a_reset_that_hangs_ends_the_engine(void **state)
{
    (void)state;
    struct tw_port_error error;
    int ends[2], status;
    char text[256];
    if (!bring_up(&error))
        fail_msg("%s", error.message);
    assert_int_equal(pipe(ends), 0);
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        driver.hangs = true;
        (void)dup2(ends[1], STDERR_FILENO);
        (void)!tw_port_reset(&port, &error);
        _exit(99); /* it went on */
    }
    (void)close(ends[1]);
    ssize_t length = 0, more;
    while ((more = read(ends[0], text + length, sizeof(text) - 1u - (size_t)length)) > 0)
        length += more;
    text[length] = '\0';
    (void)close(ends[0]);
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), EXIT_FAILURE);
    assert_string_equal(
        text, "tickwire-engine: port net_null0 (net_null) hangs in its reset for 30 s; ending\n");
}

int main(int argc, char **argv)
{
    (void)argc;
    char *arguments[] = {
        argv[0], "--no-huge",      "--no-pci",      "--no-shconf",      "-m", "128", "-l",
        "0",     "--no-telemetry", "--log-level=1", "--vdev=net_null0", NULL};
    if (rte_eal_init((int)(sizeof(arguments) / sizeof(arguments[0])) - 1, arguments) < 0)
        return 1;
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(a_willing_port_starts),
        TEST(too_few_queue_pairs),
        TEST(no_hash_to_spread_players_by),
        TEST(no_hash_to_spread_ipv6_by),
        TEST(configuration_refused),
        TEST(queue_to_receive_by_refused),
        TEST(queue_to_send_by_refused),
        TEST(start_refused),
        TEST(scattered_packets_refused),
        TEST(refusals_after_a_reset),
        TEST(a_reset_that_hangs_ends_the_engine),
    };
    return cmocka_run_group_tests_name("port", tests, NULL, NULL);
}
