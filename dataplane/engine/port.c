/* SPDX-License-Identifier: BSD-3-Clause */
#include "dataplane/engine/port.h"

#include "dataplane/engine/eal.h"
#include "dataplane/engine/interface_drops.h"
#include "dataplane/engine/interface_link.h"
#include "dataplane/engine/pools.h"

#include <assert.h>
#include <errno.h>
#include <net/if.h>
#include <rte_alarm.h>
#include <rte_errno.h>
#include <rte_ethdev.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* Three times what the slowest card is known to take. */
#define HANG_US (30u * 1000000u)

static bool fail(struct tw_port_error *error, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

static bool fail(struct tw_port_error *error, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(error->message, sizeof(error->message), format, arguments);
    va_end(arguments);
    return false;
}

static bool create_pools(struct tw_port *port, const struct tw_topology *topology,
                         struct tw_port_error *error)
{
    for (uint32_t i = 0; i < topology->pool_count; i++) {
        const struct tw_topology_pool *wanted = &topology->pools[i];
        if (wanted->transmit || wanted->port != port->index)
            continue;
        port->rx_pools[wanted->worker] = tw_pool_create(wanted, port->socket);
        if (port->rx_pools[wanted->worker] == NULL)
            return fail(error, "no memory for pool %s (%u buffers of %u bytes): %s", wanted->name,
                        wanted->buffers, wanted->buffer_size, rte_strerror(rte_errno));
    }
    return true;
}

static bool configure(struct tw_port *port, struct tw_port_error *error)
{
    const struct tw_port_plan *plan = &port->plan;
    struct rte_eth_conf configuration = {
        .rxmode = {.mtu = plan->mtu, .offloads = plan->rx_offloads},
        .txmode = {.offloads = plan->tx_offloads},
        .intr_conf = {.lsc = plan->link_events, .rmv = plan->removal_events},
    };
    if (plan->hashes != 0) {
        configuration.rxmode.mq_mode = RTE_ETH_MQ_RX_RSS;
        configuration.rx_adv_conf.rss_conf.rss_hf = plan->hashes;
    }
    int result = rte_eth_dev_configure(port->id, plan->queues, plan->queues, &configuration);
    if (result != 0)
        return fail(error, "port %s (%s) refused %u queue pairs: %s", port->name, port->driver,
                    plan->queues, rte_strerror(-result));
    port->configured = true;
    return true;
}

static bool set_up_queues(struct tw_port *port, struct tw_port_error *error)
{
    port->rx_descriptors = TW_TOPOLOGY_RX_DESCRIPTORS;
    port->tx_descriptors = TW_TOPOLOGY_TX_DESCRIPTORS;
    int result =
        rte_eth_dev_adjust_nb_rx_tx_desc(port->id, &port->rx_descriptors, &port->tx_descriptors);
    if (result != 0)
        return fail(error, "port %s (%s) has no usable queue size: %s", port->name, port->driver,
                    rte_strerror(-result));
    for (uint16_t queue = 0; queue < port->plan.queues; queue++) {
        result = rte_eth_rx_queue_setup(port->id, queue, port->rx_descriptors,
                                        (unsigned int)port->socket, NULL, port->rx_pools[queue]);
        if (result == 0)
            result = rte_eth_tx_queue_setup(port->id, queue, port->tx_descriptors,
                                            (unsigned int)port->socket, NULL);
        if (result != 0)
            return fail(error, "port %s (%s) refused queue pair %u of %u: %s", port->name,
                        port->driver, queue, port->plan.queues, rte_strerror(-result));
    }
    return true;
}

/* A packet that spans buffers would be cut: some drivers turn that on by themselves. */
static bool check_whole_packets(const struct tw_port *port, struct tw_port_error *error)
{
    for (uint16_t queue = 0; queue < port->plan.queues; queue++) {
        struct rte_eth_rxq_info info;
        if (rte_eth_rx_queue_info_get(port->id, queue, &info) == 0 && info.scattered_rx != 0)
            return fail(error,
                        "port %s (%s) scatters packets over several buffers, which is not served: "
                        "its MTU must be at most %u",
                        port->name, port->driver, TW_PORT_MTU);
    }
    return true;
}

/* Packets for us that the kernel dropped at the interface: TAP sends them, AF_XDP receives them. */
static uint64_t interface_dropped(const struct tw_port *port)
{
    struct tw_interface_drops drops;
    if (port->interface[0] == '\0' || !tw_interface_drops_read(&drops, port->interface))
        return 0;
    return strcmp(port->driver, "net_tap") == 0 ? drops.sent : drops.received;
}

static void find_interface(struct tw_port *port, const struct rte_eth_dev_info *info)
{
    bool in_kernel =
        strcmp(port->driver, "net_tap") == 0 || strcmp(port->driver, "net_af_xdp") == 0;
    static_assert(sizeof(port->interface) >= IF_NAMESIZE, "any interface's name fits");
    if (!in_kernel || info->if_index == 0 ||
        if_indextoname(info->if_index, port->interface) == NULL)
        port->interface[0] = '\0';
}

static const enum rte_eth_event_type events[] = {RTE_ETH_EVENT_INTR_LSC, RTE_ETH_EVENT_INTR_RESET,
                                                 RTE_ETH_EVENT_RECOVERY_FAILED,
                                                 RTE_ETH_EVENT_INTR_RMV};
#define EVENT_COUNT (sizeof(events) / sizeof(events[0]))

/* In any thread of DPDK's, which only counts: main looks when it comes round. */
static int on_event(uint16_t id, enum rte_eth_event_type event, void *argument, void *told)
{
    (void)id;
    (void)told;
    struct tw_port_events *counts = argument;
    _Atomic uint32_t *count = event == RTE_ETH_EVENT_INTR_LSC   ? &counts->link
                              : event == RTE_ETH_EVENT_INTR_RMV ? &counts->removals
                                                                : &counts->resets;
    atomic_fetch_add_explicit(count, 1, memory_order_release);
    return 0;
}

static bool listen_to_events(struct tw_port *port, struct tw_port_error *error)
{
    for (size_t i = 0; i < EVENT_COUNT; i++) {
        int result = rte_eth_dev_callback_register(port->id, events[i], on_event, &port->events);
        if (result != 0)
            return fail(error, "port %s (%s) tells no events: %s", port->name, port->driver,
                        rte_strerror(-result));
    }
    return true;
}

static uint16_t smaller(uint16_t a, uint16_t b)
{
    return a < b ? a : b;
}

bool tw_port_open(struct tw_port *port, uint32_t index, const char *device,
                  const struct tw_topology *topology, struct tw_port_error *error)
{
    memset(port, 0, sizeof(*port));
    port->index = index;
    tw_eal_device_name(port->name, device);
    if (rte_eth_dev_get_port_by_name(port->name, &port->id) != 0) {
        char words[160];
        tw_eal_last_words(words, sizeof(words));
        return fail(error, "DPDK has no port named \"%s\"%s%s", port->name, words[0] ? ": " : "",
                    words);
    }
    struct rte_eth_dev_info info;
    int result = rte_eth_dev_info_get(port->id, &info);
    if (result != 0)
        return fail(error, "port %s does not describe itself: %s", port->name,
                    rte_strerror(-result));
    snprintf(port->driver, sizeof(port->driver), "%s", info.driver_name);
    find_interface(port, &info);
    int socket = rte_eth_dev_socket_id(port->id);
    port->socket = socket < 0 ? 0 : socket;
    struct tw_port_facts facts = {
        .name = port->name,
        .driver = port->driver,
        .max_rx_queues = info.max_rx_queues,
        .max_tx_queues = info.max_tx_queues,
        .max_mtu = info.max_mtu,
        .rx_offloads = info.rx_offload_capa,
        .tx_offloads = info.tx_offload_capa,
        .hashes = info.flow_type_rss_offloads,
        .flags = *info.dev_flags,
    };
    port->max_queues = smaller(info.max_rx_queues, info.max_tx_queues);
    struct tw_port_plan_error plan_error;
    struct tw_port_wanted wanted = {topology->workers, topology->ipv6[index]};
    if (!tw_port_plan_make(&port->plan, &facts, &wanted, &plan_error))
        return fail(error, "%s", plan_error.message);
    if (!create_pools(port, topology, error) || !configure(port, error) ||
        !set_up_queues(port, error) || !listen_to_events(port, error))
        return false;
    struct rte_ether_addr mac;
    result = rte_eth_macaddr_get(port->id, &mac);
    if (result != 0)
        return fail(error, "port %s (%s) does not tell its MAC address: %s", port->name,
                    port->driver, rte_strerror(-result));
    memcpy(port->mac, mac.addr_bytes, sizeof(port->mac));
    return true;
}

static bool start(struct tw_port *port, struct tw_port_error *error)
{
    int result = rte_eth_dev_start(port->id);
    if (result != 0)
        return fail(error, "port %s (%s) did not start: %s", port->name, port->driver,
                    rte_strerror(-result));
    port->started = true;
    return check_whole_packets(port, error);
}

bool tw_port_start(struct tw_port *port, struct tw_port_error *error)
{
    if (!start(port, error))
        return false;
    port->interface_dropped = interface_dropped(port);
    return true;
}

/* By the driver and the kernel alone. */
static bool read_driver_stats(const struct tw_port *port, struct tw_port_stats *stats)
{
    struct rte_eth_stats read;
    if (rte_eth_stats_get(port->id, &read) != 0)
        return false;
    stats->rx_packets = read.ipackets;
    stats->rx_bytes = read.ibytes;
    stats->tx_packets = read.opackets;
    stats->tx_bytes = read.obytes;
    stats->missed = read.imissed;
    uint64_t dropped = interface_dropped(port);
    /* What the driver knows of is part of what the kernel counted. */
    if (dropped > port->interface_dropped && dropped - port->interface_dropped > stats->missed)
        stats->missed = dropped - port->interface_dropped;
    stats->errors = read.ierrors;
    stats->no_mbuf = read.rx_nombuf;
    return true;
}

/* Wraps where `b` is larger, and back when such a difference is subtracted. */
static struct tw_port_stats difference(const struct tw_port_stats *a, const struct tw_port_stats *b)
{
    return (struct tw_port_stats){
        .rx_packets = a->rx_packets - b->rx_packets,
        .rx_bytes = a->rx_bytes - b->rx_bytes,
        .tx_packets = a->tx_packets - b->tx_packets,
        .tx_bytes = a->tx_bytes - b->tx_bytes,
        .missed = a->missed - b->missed,
        .errors = a->errors - b->errors,
        .no_mbuf = a->no_mbuf - b->no_mbuf,
    };
}

void tw_port_read_stats(struct tw_port *port, struct tw_port_stats *stats)
{
    struct tw_port_stats now;
    if (port->started && read_driver_stats(port, &now))
        port->kept = difference(&now, &port->reset_by);
    *stats = port->kept;
}

bool tw_port_read_link(const struct tw_port *port, uint32_t *mbps)
{
    struct rte_eth_link link = {0};
    *mbps = 0;
    if (rte_eth_link_get_nowait(port->id, &link) != 0)
        return true; /* a driver without a notion of it */
    if (link.link_speed != RTE_ETH_SPEED_NUM_UNKNOWN)
        *mbps = link.link_speed;
    return link.link_status == RTE_ETH_LINK_UP &&
           (port->interface[0] == '\0' || tw_interface_has_link(port->interface));
}

bool tw_port_lacks_queues(const struct tw_port *port, const uint64_t *taken)
{
    static_assert(TW_WORKERS_MAX <= RTE_ETHDEV_QUEUE_STAT_CNTRS, "each queue has its counter");
    struct rte_eth_stats read;
    if (strcmp(port->driver, "net_memif") != 0 || rte_eth_stats_get(port->id, &read) != 0)
        return false;
    for (uint32_t i = 1; i < port->plan.queues; i++) {
        /* A link that just went down leaves out all of them. */
        if (taken[i] != 0 && read.q_ipackets[i] == 0 && read.q_ipackets[0] != 0)
            return true;
    }
    return false;
}

/* ---- reset ---------------------------------------------------------------------------------- */

/* In DPDK's interrupt thread; the main thread is in the driver's hands. */
static void on_hang(void *argument)
{
    const struct tw_port *port = argument;
    fprintf(stderr, "tickwire-engine: port %s (%s) hangs in its reset for %u s; ending\n",
            port->name, port->driver, HANG_US / 1000000u);
    tw_eal_abandon();
    _exit(EXIT_FAILURE);
}

static bool keep_mac(const struct tw_port *port, struct tw_port_error *error)
{
    struct rte_ether_addr mac, wanted;
    memcpy(wanted.addr_bytes, port->mac, sizeof(wanted.addr_bytes));
    int result = rte_eth_macaddr_get(port->id, &mac);
    if (result == 0 && !rte_is_same_ether_addr(&mac, &wanted))
        result = rte_eth_dev_default_mac_addr_set(port->id, &wanted);
    return result == 0 || fail(error, "port %s (%s) does not take its MAC address again: %s",
                               port->name, port->driver, rte_strerror(-result));
}

/* Stopped afterwards, whatever it was before. */
static bool renew(struct tw_port *port, struct tw_port_error *error)
{
    int result = rte_eth_dev_reset(port->id);
    if (result == 0)
        return configure(port, error) && set_up_queues(port, error);
    /* Virtual ports: queues that are kept are queues that work. */
    if (result == -ENOTSUP)
        result = rte_eth_dev_stop(port->id);
    return result == 0 || fail(error, "port %s (%s) does not let itself be reset: %s", port->name,
                               port->driver, rte_strerror(-result));
}

bool tw_port_reset(struct tw_port *port, struct tw_port_error *error)
{
    struct tw_port_stats now;
    tw_port_read_stats(port, &now);
    port->started = false;
    bool guarded = rte_eal_alarm_set(HANG_US, on_hang, port) == 0;
    bool good = renew(port, error) && start(port, error) && keep_mac(port, error);
    if (guarded)
        rte_eal_alarm_cancel(on_hang, port);
    if (good && read_driver_stats(port, &now))
        port->reset_by = difference(&now, &port->kept);
    if (!good && port->started)
        rte_eth_dev_stop(port->id);
    port->started = good;
    return good;
}

void tw_port_stop(struct tw_port *port)
{
    if (port->started) {
        struct tw_port_stats last;
        tw_port_read_stats(port, &last);
        rte_eth_dev_stop(port->id);
    }
    port->started = false;
}

void tw_port_close(struct tw_port *port)
{
    tw_port_stop(port);
    for (size_t i = 0; port->configured && i < EVENT_COUNT; i++)
        (void)rte_eth_dev_callback_unregister(port->id, events[i], on_event, &port->events);
    if (port->configured)
        rte_eth_dev_close(port->id);
    port->configured = false;
}
