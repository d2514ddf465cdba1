/* SPDX-License-Identifier: BSD-3-Clause */
#include "tests/load/lab/replay_port.h"

#include "dataplane/engine/clock.h"
#include "dataplane/engine/eal.h"
#include "dataplane/gate/nd.h"
#include "tests/load/lab/datagram.h"

#include <rte_errno.h>
#include <rte_ethdev.h>
#include <rte_mbuf.h>
#include <sched.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#define DESCRIPTORS     1024u
#define BUFFERS         8191u
#define BUFFER_MIN      2176u /* as the engine's: headroom and a datagram */
#define ARP_FRAME_SIZE  (TW_ETHERNET_SIZE + TW_ARP_SIZE)
#define ANNOUNCE_GAP_NS (100 * UINT64_C(1000)) /* 10,000/s: any queue takes that */
#define SEND_ATTEMPTS   1000u
/* In a neighbour solicitation (RFC 4861 section 4.3). */
#define ND_TARGET     8u
#define ND_OPTION_MAC 26u

static bool fail(struct tw_replay_port_error *error, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

static bool fail(struct tw_replay_port_error *error, const char *format, ...)
{
    va_list values;
    va_start(values, format);
    vsnprintf(error->message, sizeof(error->message), format, values);
    va_end(values);
    return false;
}

/* ---- opening -------------------------------------------------------------------------------- */

static uint32_t choose_core(uint32_t wanted)
{
    cpu_set_t cores;
    if (wanted != UINT32_MAX)
        return wanted;
    return sched_getaffinity(0, sizeof(cores), &cores) == 0 && CPU_ISSET(1, &cores) ? 1 : 0;
}

static bool start_eal(struct tw_replay_port *port, const struct tw_replay_options *options,
                      struct tw_replay_port_error *error)
{
    static struct tw_config config;
    static struct tw_topology topology;
    struct tw_eal_error eal_error;
    bool hugepages = false;
    tw_config_defaults(&config);
    if ((size_t)snprintf(config.ports[0].device, sizeof(config.ports[0].device), "%s",
                         options->device) >= sizeof(config.ports[0].device))
        return fail(error, "--device is too long");
    config.engine.hugepages = options->hugepages ? TW_HUGEPAGES_ON : TW_HUGEPAGES_OFF;
    config.engine.memory_mb = options->memory_mb;
    topology.thread_count = 1;
    topology.threads[0].core = choose_core(options->core);
    if (!tw_eal_start(&config, &topology, &hugepages, &eal_error))
        return fail(error, "%s", eal_error.message);
    port->eal_started = true;
    /* It blocks them all, for threads that we do not have. */
    sigset_t ours;
    sigemptyset(&ours);
    sigaddset(&ours, SIGINT);
    sigaddset(&ours, SIGTERM);
    pthread_sigmask(SIG_UNBLOCK, &ours, NULL);
    return true;
}

/* net_memif does not start before the other end has made its socket. */
static int start_port(const struct tw_replay_port *port, uint32_t wait_s)
{
    uint64_t deadline_ns = tw_clock_now_ns() + wait_s * TW_SECOND_NS;
    int result = rte_eth_dev_start(port->id);
    while (result != 0 && tw_clock_now_ns() < deadline_ns) {
        tw_clock_sleep_until_ns(tw_clock_now_ns() + 50 * TW_MILLISECOND_NS);
        result = rte_eth_dev_start(port->id);
    }
    return result;
}

static bool configure(struct tw_replay_port *port, uint32_t frame_max, uint32_t wait_s,
                      struct tw_replay_port_error *error)
{
    struct rte_eth_conf configuration = {0};
    uint16_t rx = DESCRIPTORS;
    uint16_t tx = DESCRIPTORS;
    uint32_t size = RTE_PKTMBUF_HEADROOM + frame_max;
    size = size < BUFFER_MIN ? BUFFER_MIN : size;
    if (size > UINT16_MAX)
        return fail(error, "a frame of %u bytes is longer than a buffer can be", frame_max);
    port->pool = rte_pktmbuf_pool_create("replay", BUFFERS, 256, 0, (uint16_t)size, 0);
    if (!port->pool)
        return fail(error, "no memory for packet buffers: raise --memory-mb");
    int result = rte_eth_dev_configure(port->id, port->queues, port->queues, &configuration);
    if (result == 0)
        result = rte_eth_dev_adjust_nb_rx_tx_desc(port->id, &rx, &tx);
    for (uint16_t queue = 0; queue < port->queues && result == 0; queue++) {
        result = rte_eth_rx_queue_setup(port->id, queue, rx, 0, NULL, port->pool);
        if (result == 0)
            result = rte_eth_tx_queue_setup(port->id, queue, tx, 0, NULL);
    }
    if (result == 0)
        result = start_port(port, wait_s);
    if (result != 0)
        return fail(error, "the port did not start within %u s: %s; does the other end run?",
                    wait_s, rte_strerror(-result));
    port->started = true;
    (void)rte_eth_promiscuous_enable(port->id); /* the clients' MAC address is not the port's */
    return true;
}

static bool wait_for_link(const struct tw_replay_port *port, uint32_t wait_s)
{
    uint64_t deadline_ns = tw_clock_now_ns() + wait_s * TW_SECOND_NS;
    struct rte_eth_link link;
    do {
        if (rte_eth_link_get_nowait(port->id, &link) == 0 && link.link_status == RTE_ETH_LINK_UP)
            return true;
        tw_clock_sleep_until_ns(tw_clock_now_ns() + TW_MILLISECOND_NS);
    } while (tw_clock_now_ns() < deadline_ns);
    return false;
}

bool tw_replay_port_open(struct tw_replay_port *port, const struct tw_replay_options *options,
                         uint32_t frame_max, struct tw_replay_port_error *error)
{
    char name[TW_CONFIG_NAME_SIZE];
    struct rte_eth_dev_info info;
    struct rte_ether_addr mac;
    memset(port, 0, sizeof(*port));
    if (!start_eal(port, options, error))
        return false;
    tw_eal_device_name(name, options->device);
    if (rte_eth_dev_get_port_by_name(name, &port->id) != 0 ||
        rte_eth_dev_info_get(port->id, &info) != 0 || rte_eth_macaddr_get(port->id, &mac) != 0) {
        char words[256];
        tw_eal_last_words(words, sizeof(words));
        return fail(error, "DPDK has no usable port named \"%s\"%s%s", name, words[0] ? ": " : "",
                    words);
    }
    memcpy(port->mac, mac.addr_bytes, sizeof(port->mac));
    snprintf(port->driver, sizeof(port->driver), "%s", info.driver_name);
    port->queues = (uint16_t)options->queues;
    if (!configure(port, frame_max, options->wait_s, error))
        return false;
    if (!wait_for_link(port, options->wait_s))
        return fail(error, "%s: no link within %u s: does the other end run%s?", name,
                    options->wait_s, port->queues > 1 ? ", with as many queues" : "");
    return true;
}

void tw_replay_port_close(struct tw_replay_port *port)
{
    if (port->started) {
        (void)rte_eth_dev_stop(port->id);
        (void)rte_eth_dev_close(port->id);
    }
    if (port->pool)
        rte_mempool_free(port->pool);
    if (port->eal_started)
        tw_eal_stop();
    memset(port, 0, sizeof(*port));
}

/* ---- neighbours--------------------------------------------------------------------------------
 */

static bool send_frame(struct tw_replay_port *port, const uint8_t *frame, uint16_t length)
{
    struct rte_mbuf *mbuf = rte_pktmbuf_alloc(port->pool);
    if (!mbuf)
        return false;
    memcpy(rte_pktmbuf_append(mbuf, length), frame, length);
    for (uint32_t i = 0; i < SEND_ATTEMPTS; i++) {
        if (rte_eth_tx_burst(port->id, 0, &mbuf, 1) == 1)
            return true;
    }
    rte_pktmbuf_free(mbuf);
    return false;
}

static void write_arp(const struct tw_replay_port *port, uint8_t frame[ARP_FRAME_SIZE],
                      uint16_t operation, uint32_t sender, uint32_t target)
{
    uint8_t *arp = frame + TW_ETHERNET_SIZE;
    memset(frame, 0, ARP_FRAME_SIZE);
    memset(frame + TW_ETHERNET_DESTINATION, 0xff, 6);
    memcpy(frame + TW_ETHERNET_SOURCE, port->client_mac, 6);
    tw_store_be16(frame + TW_ETHERNET_TYPE, TW_ETHERTYPE_ARP);
    tw_store_be32(arp, TW_ARP_ETHERNET_IPV4_0);
    tw_store_be16(arp + 4, TW_ARP_ETHERNET_IPV4_4);
    tw_store_be16(arp + TW_ARP_OPERATION, operation);
    memcpy(arp + TW_ARP_SENDER_MAC, port->client_mac, 6);
    tw_store_be32(arp + TW_ARP_SENDER_ADDRESS, sender);
    tw_store_be32(arp + TW_ARP_TARGET_ADDRESS, target);
}

/* What neighbour discovery is written by: a client's place on the link. */
static struct tw_parse_rules rules_of(const struct tw_replay_port *port, const uint8_t ip[16])
{
    struct tw_parse_rules rules = {0};
    memcpy(rules.mac, port->client_mac, sizeof(rules.mac));
    memcpy(rules.address6, ip, sizeof(rules.address6));
    return rules;
}

static bool ask(struct tw_replay_port *port, const uint8_t client[16], const uint8_t engine[16])
{
    uint8_t frame[TW_ND_FRAME_SIZE];
    if (tw_ip_is_ipv4(engine)) {
        write_arp(port, frame, TW_ARP_REQUEST, tw_ip_ipv4(client), tw_ip_ipv4(engine));
        return send_frame(port, frame, ARP_FRAME_SIZE);
    }
    struct tw_parse_rules rules = rules_of(port, client);
    tw_nd_solicitation_write(frame, &rules, engine);
    return send_frame(port, frame, sizeof(frame));
}

void tw_replay_port_announce(struct tw_replay_port *port, const struct tw_plan *plan)
{
    if (plan->address_count == 0)
        return;
    struct tw_lab_ends ends = tw_lab_datagram_ends(plan->packets[0].frame);
    for (uint32_t i = 0; i < plan->address_count; i++) {
        port->asked += ask(port, plan->addresses[i], ends.to.ip);
        tw_clock_sleep_until_ns(tw_clock_now_ns() + ANNOUNCE_GAP_NS);
    }
}

static void answer_arp(struct tw_replay_port *port, const struct tw_plan *plan, const uint8_t *arp)
{
    uint8_t answer[ARP_FRAME_SIZE];
    uint32_t target = tw_load_be32(arp + TW_ARP_TARGET_ADDRESS);
    struct tw_address address = tw_address_from_ipv4(target, 0);
    if (tw_load_be16(arp + TW_ARP_OPERATION) != TW_ARP_REQUEST ||
        !tw_plan_has_address(plan, address.ip))
        return;
    write_arp(port, answer, TW_ARP_REPLY, target, tw_load_be32(arp + TW_ARP_SENDER_ADDRESS));
    memcpy(answer + TW_ETHERNET_DESTINATION, arp + TW_ARP_SENDER_MAC, 6);
    memcpy(answer + TW_ETHERNET_SIZE + TW_ARP_TARGET_MAC, arp + TW_ARP_SENDER_MAC, 6);
    port->answered += send_frame(port, answer, sizeof(answer));
}

/* The engine's question, as it writes it: with its MAC address in the only option. */
static void answer_solicitation(struct tw_replay_port *port, const struct tw_plan *plan,
                                const uint8_t *ipv6)
{
    uint8_t answer[TW_ND_FRAME_SIZE];
    const uint8_t *icmp = ipv6 + TW_IPV6_SIZE;
    if (icmp[0] != TW_ICMPV6_NEIGHBOUR_ASK || !tw_plan_has_address(plan, icmp + ND_TARGET))
        return;
    struct tw_parse_rules rules = rules_of(port, icmp + ND_TARGET);
    tw_nd_advertisement_write(answer, &rules, ipv6 + TW_IPV6_SOURCE, icmp + ND_OPTION_MAC);
    port->answered += send_frame(port, answer, sizeof(answer));
}

bool tw_replay_port_neighbour(struct tw_replay_port *port, const struct tw_plan *plan,
                              const uint8_t *frame, uint32_t length)
{
    const uint8_t *network = frame + TW_ETHERNET_SIZE;
    if (length < ARP_FRAME_SIZE)
        return false;
    uint16_t type = tw_load_be16(frame + TW_ETHERNET_TYPE);
    if (type == TW_ETHERTYPE_ARP) {
        answer_arp(port, plan, network);
        return true;
    }
    if (type != TW_ETHERTYPE_IPV6 || length < TW_ETHERNET_SIZE + TW_IPV6_SIZE ||
        network[TW_IPV6_NEXT_HEADER] != TW_PROTOCOL_ICMPV6)
        return false;
    if (length >= TW_ND_FRAME_SIZE)
        answer_solicitation(port, plan, network);
    return true;
}
