/* SPDX-License-Identifier: BSD-3-Clause */
/* What ports of many kinds are asked to do. The shapes are like those of the drivers they are named
 * after, as far as is known without a card; the decision must be right for any shape. */
#include "dataplane/engine/port_plan.h"
#include "tickwire/ports.h"

#include <rte_ethdev.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#define RX_IP   RTE_ETH_RX_OFFLOAD_IPV4_CKSUM
#define RX_UDP  RTE_ETH_RX_OFFLOAD_UDP_CKSUM
#define RX_BOTH (RX_IP | RX_UDP)
#define TX_IP   RTE_ETH_TX_OFFLOAD_IPV4_CKSUM
#define TX_UDP  RTE_ETH_TX_OFFLOAD_UDP_CKSUM
#define TX_BOTH (TX_IP | TX_UDP)
#define FREE    RTE_ETH_TX_OFFLOAD_MBUF_FAST_FREE
#define JUMBO   (RTE_ETH_RX_OFFLOAD_SCATTER | RTE_ETH_RX_OFFLOAD_TCP_LRO)
#define SEGS    RTE_ETH_TX_OFFLOAD_MULTI_SEGS
#define UDP4    RTE_ETH_RSS_NONFRAG_IPV4_UDP
#define UDP6    RTE_ETH_RSS_NONFRAG_IPV6_UDP
#define TCP4    RTE_ETH_RSS_NONFRAG_IPV4_TCP
#define LSC     RTE_ETH_DEV_INTR_LSC
#define RMV     RTE_ETH_DEV_INTR_RMV

static const struct {
    struct tw_port_facts facts;
    uint32_t workers;
    uint64_t rx, tx, hashes; /* of the plan */
    bool tx_checksum;
    uint16_t mtu;
    const char *refused; /* part of the message; NULL: a plan is made */
} cases[] = {
    {{"0000:3b:00.0", "mlx5_pci", 1024, 1024, 9978, RX_BOTH | JUMBO, TX_BOTH | FREE | SEGS,
      UDP4 | TCP4 | RTE_ETH_RSS_IPV4, LSC | RMV},
     8,
     RX_BOTH,
     TX_BOTH | FREE,
     UDP4 | RTE_ETH_RSS_IPV4,
     true,
     1500,
     NULL},
    {{"0000:3b:00.0", "net_ice", 256, 256, 9702, RX_BOTH | JUMBO, TX_BOTH | FREE | SEGS,
      UDP4 | TCP4, LSC},
     16,
     RX_BOTH,
     TX_BOTH | FREE,
     UDP4,
     true,
     1500,
     NULL},
    /* ena: the port's sent checksums are there; hashes depend on the instance. */
    {{"0000:00:06.0", "net_ena", 8, 8, 9216, RX_BOTH, TX_BOTH | FREE, UDP4 | TCP4, LSC},
     8,
     RX_BOTH,
     TX_BOTH | FREE,
     UDP4,
     true,
     1500,
     NULL},
    {{"0000:00:06.0", "net_ena", 8, 8, 9216, RX_BOTH, TX_BOTH, 0, LSC},
     2,
     0,
     0,
     0,
     false,
     0,
     "hashes neither IP addresses nor UDP ports"},
    {{"0000:00:06.0", "net_ena", 8, 8, 9216, RX_BOTH, TX_BOTH, 0, LSC},
     1,
     RX_BOTH,
     TX_BOTH,
     0,
     true,
     1500,
     NULL},
    /* virtio: UDP checksums without the IPv4 header's are no use. */
    {{"0000:00:03.0", "net_virtio", 1, 1, 9728, RX_UDP, TX_UDP | SEGS, 0, LSC},
     1,
     0,
     0,
     0,
     false,
     1500,
     NULL},
    {{"0000:00:03.0", "net_virtio", 1, 1, 9728, RX_UDP, TX_UDP, 0, LSC},
     2,
     0,
     0,
     0,
     false,
     0,
     "can do 1 queue pair, but engine.workers is 2"},
    {{"0000:00:03.0", "net_virtio", 4, 4, 9728, RX_UDP, TX_UDP, TCP4, LSC},
     4,
     0,
     0,
     0,
     false,
     0,
     "Set engine.workers to 1, not 4"},
    {{"net_af_xdp0", "net_af_xdp", 1, 1, 3290, 0, 0, 0, 0}, 1, 0, 0, 0, false, 1500, NULL},
    {{"net_af_xdp0", "net_af_xdp", 1, 1, 3290, 0, 0, 0, 0},
     2,
     0,
     0,
     0,
     false,
     0,
     "can do 1 queue pair, but engine.workers is 2"},
    {{"net_tap0", "net_tap", 16, 16, 9000, RX_BOTH | JUMBO, TX_BOTH | SEGS, UDP4, LSC},
     4,
     RX_BOTH,
     TX_BOTH,
     UDP4,
     true,
     1500,
     NULL},
    {{"net_tap0", "net_tap", 16, 16, 9000, RX_BOTH, TX_BOTH, UDP4, LSC},
     5,
     0,
     0,
     0,
     false,
     0,
     "can do 4 queue pairs"},
    {{"net_memif0", "net_memif", 255, 255, 0, 0, SEGS, 0, 0}, 2, 0, 0, 0, false, 1500, NULL},
    {{"ring0", "net_ring", 2, 2, UINT16_MAX, 0, 0, 0, 0}, 2, 0, 0, 0, false, 1500, NULL},
    {{"ring0", "net_ring", 2, 1, UINT16_MAX, 0, 0, 0, 0},
     2,
     0,
     0,
     0,
     false,
     0,
     "can do 1 queue pair"},
    /* One of a pair of checksums is not taken; fast free alone is. */
    {{"x", "net_x", 4, 4, 1500, RX_IP, TX_IP | FREE, UDP4, 0}, 1, 0, FREE, 0, false, 1500, NULL},
    {{"x", "net_x", 4, 4, 1400, RX_UDP, TX_UDP, UDP4, 0}, 1, 0, 0, 0, false, 1400, NULL},
    {{"x", "net_x", 4, 4, 1248, 0, 0, 0, 0}, 1, 0, 0, 0, false, 1248, NULL},
    {{"x", "net_x", 4, 4, 1247, 0, 0, 0, 0}, 1, 0, 0, 0, false, 0, "at most 1247 bytes"},
};

static void test_plans(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct tw_port_plan plan;
        struct tw_port_plan_error error = {.message = ""};
        struct tw_port_wanted wanted = {.workers = cases[i].workers};
        bool made = tw_port_plan_make(&plan, &cases[i].facts, &wanted, &error);
        if (made != (cases[i].refused == NULL) ||
            (!made && strstr(error.message, cases[i].refused) == NULL))
            fail_msg("case %zu (%s): %s", i, cases[i].facts.driver, error.message);
        if (!made) {
            assert_non_null(strstr(error.message, cases[i].facts.name));
            assert_true(strlen(error.message) < sizeof(error.message) - 1);
            continue;
        }
        if (plan.queues != cases[i].workers || plan.mtu != cases[i].mtu ||
            plan.rx_offloads != cases[i].rx || plan.tx_offloads != cases[i].tx ||
            plan.hashes != cases[i].hashes || plan.tx_checksum != cases[i].tx_checksum)
            fail_msg("case %zu (%s): mtu %u rx %lx tx %lx hashes %lx", i, cases[i].facts.driver,
                     plan.mtu, plan.rx_offloads, plan.tx_offloads, plan.hashes);
        bool is_tap = strcmp(cases[i].facts.driver, "net_tap") == 0;
        assert_int_equal(plan.link_events, (cases[i].facts.flags & LSC) != 0 && !is_tap);
        assert_int_equal(plan.removal_events, (cases[i].facts.flags & RMV) != 0);
    }
}

/* Both families at once, one of them, none. */
static void test_spread_of_both_families(void **state)
{
    (void)state;
    static const struct {
        const char *driver;
        uint64_t hashes;
        uint32_t workers;
        bool ipv6;
        const char *refused;
    } spreads[] = {
        {"net_x", UDP4, 4, false, NULL},
        {"net_x", UDP4 | UDP6, 4, true, NULL},
        {"net_x", RTE_ETH_RSS_IPV4 | RTE_ETH_RSS_IPV6_UDP_EX, 4, true, NULL},
        {"net_x", UDP4, 1, true, NULL},
        {"net_tap", UDP4, 4, true, NULL}, /* the kernel deals out */
        {"net_x", UDP4, 4, true,
         "cannot spread players of IPv6 over them: it hashes addresses and UDP ports of IPv4 "
         "alone. Set engine.workers to 1, not 4, or take the port's address6 away"},
        {"net_x", UDP6, 4, true, "cannot spread players of IPv4 over them"},
        {"net_x", UDP6, 4, false, "hashes neither IP addresses nor UDP ports"},
        {"net_x", TCP4, 2, true, "hashes neither IP addresses nor UDP ports"},
    };
    for (size_t i = 0; i < sizeof(spreads) / sizeof(spreads[0]); i++) {
        struct tw_port_plan plan;
        struct tw_port_plan_error error = {.message = ""};
        struct tw_port_facts facts = {.name = "0000:3b:00.0",
                                      .driver = spreads[i].driver,
                                      .max_rx_queues = 8,
                                      .max_tx_queues = 8,
                                      .hashes = spreads[i].hashes};
        struct tw_port_wanted wanted = {spreads[i].workers, spreads[i].ipv6};
        bool made = tw_port_plan_make(&plan, &facts, &wanted, &error);
        if (made != (spreads[i].refused == NULL) ||
            (!made && strstr(error.message, spreads[i].refused) == NULL))
            fail_msg("case %zu: %s", i, error.message);
        if (made && spreads[i].workers > 1)
            assert_int_equal(plan.hashes, spreads[i].hashes);
        assert_true(strlen(error.message) < sizeof(error.message) - 1);
    }
}

/* As operators see it. */
static void test_descriptions(void **state)
{
    (void)state;
    struct tw_port_plan plan = {0};
    assert_int_equal(tw_port_plan_features(&plan), 0);
    assert_int_equal(tw_port_plan_hashes(&plan), 0);
    plan.rx_offloads = RX_BOTH;
    plan.tx_offloads = TX_BOTH;
    plan.tx_checksum = true;
    assert_int_equal(tw_port_plan_features(&plan),
                     1u << TW_PORT_FEATURE_RX_CHECKSUM | 1u << TW_PORT_FEATURE_TX_CHECKSUM);
    plan = (struct tw_port_plan){.tx_offloads = FREE, .link_events = true};
    assert_int_equal(tw_port_plan_features(&plan),
                     1u << TW_PORT_FEATURE_FAST_FREE | 1u << TW_PORT_FEATURE_LINK_EVENTS);
    plan.hashes = UDP4 | RTE_ETH_RSS_IPV6_UDP_EX;
    assert_int_equal(tw_port_plan_hashes(&plan),
                     1u << TW_PORT_HASH_IPV4_UDP | 1u << TW_PORT_HASH_IPV6_UDP_EX);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_plans),
                                       cmocka_unit_test(test_spread_of_both_families),
                                       cmocka_unit_test(test_descriptions)};
    return cmocka_run_group_tests_name("port_plan", tests, NULL, NULL);
}
