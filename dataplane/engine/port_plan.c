/* SPDX-License-Identifier: BSD-3-Clause */
#include "dataplane/engine/port_plan.h"

#include "tickwire/ports.h"

#include <rte_ethdev.h>
#include <stdio.h>
#include <string.h>

/* DPDK 22.11's TAP driver tells two descriptors per queue pair in a message with room for eight,
 * and writes past its end when there are more. */
#define TAP_QUEUES_MAX 4u

#define RX_CHECKSUMS (RTE_ETH_RX_OFFLOAD_IPV4_CKSUM | RTE_ETH_RX_OFFLOAD_UDP_CKSUM)
#define TX_CHECKSUMS (RTE_ETH_TX_OFFLOAD_IPV4_CKSUM | RTE_ETH_TX_OFFLOAD_UDP_CKSUM)
/* Any of them spreads players of its family, who differ in address or port. */
#define HASHES4 (RTE_ETH_RSS_IPV4 | RTE_ETH_RSS_NONFRAG_IPV4_UDP | RTE_ETH_RSS_NONFRAG_IPV4_OTHER)
#define HASHES6                                                                                    \
    (RTE_ETH_RSS_IPV6 | RTE_ETH_RSS_NONFRAG_IPV6_UDP | RTE_ETH_RSS_NONFRAG_IPV6_OTHER |            \
     RTE_ETH_RSS_IPV6_EX | RTE_ETH_RSS_IPV6_UDP_EX)

/* Their other end, a kernel or a process, chooses the queue: nothing needs to hash here. */
static bool peer_deals_out(const char *driver)
{
    static const char *const drivers[] = {"net_af_xdp", "net_memif", "net_null",
                                          "net_pcap",   "net_ring",  "net_tap"};
    for (size_t i = 0; i < sizeof(drivers) / sizeof(drivers[0]); i++)
        if (strcmp(driver, drivers[i]) == 0)
            return true;
    return false;
}

static uint32_t usable_queues(const struct tw_port_facts *facts)
{
    uint32_t queues =
        facts->max_rx_queues < facts->max_tx_queues ? facts->max_rx_queues : facts->max_tx_queues;
    if (strcmp(facts->driver, "net_tap") == 0 && queues > TAP_QUEUES_MAX)
        queues = TAP_QUEUES_MAX;
    return queues;
}

/* One family alone would leave all players of the other to the worker of the first queue. */
static bool check_spread(const struct tw_port_plan *plan, const struct tw_port_facts *facts,
                         const struct tw_port_wanted *wanted, struct tw_port_plan_error *error)
{
    bool four = (plan->hashes & HASHES4) != 0, six = (plan->hashes & HASHES6) != 0;
    if (wanted->workers == 1 || peer_deals_out(facts->driver) || (four && (six || !wanted->ipv6)))
        return true;
    uint32_t queues = usable_queues(facts);
    if (!four && !(six && wanted->ipv6))
        snprintf(error->message, sizeof(error->message),
                 "port %s (%s) has %u queue pairs, but cannot spread players over them: it hashes "
                 "neither IP addresses nor UDP ports. Set engine.workers to 1, not %u",
                 facts->name, facts->driver, queues, wanted->workers);
    else
        snprintf(error->message, sizeof(error->message),
                 "port %s (%s) has %u queue pairs, but cannot spread players of IPv%c over them: "
                 "it hashes addresses and UDP ports of IPv%c alone. Set engine.workers to 1, not "
                 "%u%s",
                 facts->name, facts->driver, queues, four ? '6' : '4', four ? '4' : '6',
                 wanted->workers, four ? ", or take the port's address6 away" : "");
    return false;
}

static bool plan_queues(struct tw_port_plan *plan, const struct tw_port_facts *facts,
                        const struct tw_port_wanted *wanted, struct tw_port_plan_error *error)
{
    uint32_t queues = usable_queues(facts), workers = wanted->workers;
    if (workers > queues) {
        snprintf(error->message, sizeof(error->message),
                 "port %s (%s) can do %u queue pair%s, but engine.workers is %u: each worker "
                 "needs one",
                 facts->name, facts->driver, queues, queues == 1 ? "" : "s", workers);
        return false;
    }
    plan->queues = (uint16_t)workers;
    plan->hashes = workers > 1 ? facts->hashes & (HASHES4 | HASHES6) : 0;
    return check_spread(plan, facts, wanted, error);
}

static bool plan_mtu(struct tw_port_plan *plan, const struct tw_port_facts *facts,
                     struct tw_port_plan_error *error)
{
    plan->mtu = TW_PORT_MTU;
    if (facts->max_mtu != 0 && facts->max_mtu < TW_PORT_MTU)
        plan->mtu = facts->max_mtu;
    if (plan->mtu >= TW_PORT_MTU_MIN)
        return true;
    snprintf(error->message, sizeof(error->message),
             "port %s (%s) takes packets of at most %u bytes, but ours have up to %u", facts->name,
             facts->driver, plan->mtu, TW_PORT_MTU_MIN);
    return false;
}

bool tw_port_plan_make(struct tw_port_plan *plan, const struct tw_port_facts *facts,
                       const struct tw_port_wanted *wanted, struct tw_port_plan_error *error)
{
    memset(plan, 0, sizeof(*plan));
    if (!plan_queues(plan, facts, wanted, error) || !plan_mtu(plan, facts, error))
        return false;
    if ((facts->rx_offloads & RX_CHECKSUMS) == RX_CHECKSUMS)
        plan->rx_offloads = RX_CHECKSUMS;
    plan->tx_checksum = (facts->tx_offloads & TX_CHECKSUMS) == TX_CHECKSUMS;
    if (plan->tx_checksum)
        plan->tx_offloads = TX_CHECKSUMS;
    plan->tx_offloads |= facts->tx_offloads & RTE_ETH_TX_OFFLOAD_MBUF_FAST_FREE;
    plan->link_events =
        (facts->flags & RTE_ETH_DEV_INTR_LSC) != 0 && strcmp(facts->driver, "net_tap") != 0;
    plan->removal_events = (facts->flags & RTE_ETH_DEV_INTR_RMV) != 0;
    return true;
}

static uint32_t bit(uint32_t number, bool set)
{
    return set ? 1u << number : 0;
}

uint32_t tw_port_plan_features(const struct tw_port_plan *plan)
{
    return bit(TW_PORT_FEATURE_RX_CHECKSUM, plan->rx_offloads != 0) |
           bit(TW_PORT_FEATURE_TX_CHECKSUM, plan->tx_checksum) |
           bit(TW_PORT_FEATURE_FAST_FREE,
               (plan->tx_offloads & RTE_ETH_TX_OFFLOAD_MBUF_FAST_FREE) != 0) |
           bit(TW_PORT_FEATURE_LINK_EVENTS, plan->link_events);
}

uint32_t tw_port_plan_hashes(const struct tw_port_plan *plan)
{
    static const uint64_t fields[TW_PORT_HASH_COUNT] = {
        [TW_PORT_HASH_IPV4] = RTE_ETH_RSS_IPV4,
        [TW_PORT_HASH_IPV4_UDP] = RTE_ETH_RSS_NONFRAG_IPV4_UDP,
        [TW_PORT_HASH_IPV4_OTHER] = RTE_ETH_RSS_NONFRAG_IPV4_OTHER,
        [TW_PORT_HASH_IPV6] = RTE_ETH_RSS_IPV6,
        [TW_PORT_HASH_IPV6_UDP] = RTE_ETH_RSS_NONFRAG_IPV6_UDP,
        [TW_PORT_HASH_IPV6_OTHER] = RTE_ETH_RSS_NONFRAG_IPV6_OTHER,
        [TW_PORT_HASH_IPV6_EX] = RTE_ETH_RSS_IPV6_EX,
        [TW_PORT_HASH_IPV6_UDP_EX] = RTE_ETH_RSS_IPV6_UDP_EX,
    };
    uint32_t set = 0;
    for (uint32_t i = 0; i < TW_PORT_HASH_COUNT; i++)
        set |= bit(i, (plan->hashes & fields[i]) != 0);
    return set;
}
