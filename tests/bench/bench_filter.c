/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * tickwire-bench-filter: what filter rules cost, in nanoseconds a packet on one thread.
 *
 * First the lookup alone, from source to rule, beside DPDK's tables (FIB with 2-byte next hops,
 * LPM) which must agree on every address: without rules and with 1,000 prefixes, for 10,000 sources
 * and for 65,536, half of them inside some prefix. Then the whole stage over bursts of 32. Minimum
 * of 15 passes; needs 700 MB for DPDK's tables, and no root.
 */
#include "dataplane/gate/filter.h"
#include "tests/bench/measure.h"
#include "tickwire/address.h"

#include <rte_eal.h>
#include <rte_fib.h>
#include <rte_fib6.h>
#include <rte_lpm.h>
#include <rte_lpm6.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define RULES   1000u
#define SOURCES 65536u
#define FEW     (10000u / BURST * BURST)
#define BURST   32u
#define PASSES  15u

static struct {
    struct tw_filter_rule rules4[TW_FILTER_RULES_MAX], rules6[TW_FILTER_RULES_MAX];
    struct tw_filter_table table4, table6;
    uint8_t mapped[SOURCES][16]; /* IPv4 sources */
    uint32_t ipv4[SOURCES];
    uint8_t ipv6[SOURCES][16];
    struct rte_fib *fib;
    struct rte_lpm *lpm;
    struct rte_fib6 *fib6;
    struct rte_lpm6 *lpm6;
    struct tw_filter filter;
    struct tw_worker_counters counters;
    uint64_t random, now_ns, sum;
} bench = {.random = UINT64_C(88172645463325252)};

static uint32_t draw(void)
{
    bench.random ^= bench.random << 13;
    bench.random ^= bench.random >> 7;
    bench.random ^= bench.random << 17;
    return (uint32_t)(bench.random >> 16);
}

static void require(bool ok, const char *what)
{
    if (ok)
        return;
    fprintf(stderr, "tickwire-bench-filter: %s\n", what);
    exit(1);
}

/* ---- rules and sources ----------------------------------------------------------------------- */

static void draw_address(uint8_t ip[16], bool is_ipv4)
{
    struct tw_address address = tw_address_from_ipv4(draw(), 0);
    memcpy(ip, address.ip, 16);
    for (uint32_t i = 0; i < 16 && !is_ipv4; i++)
        ip[i] = (uint8_t)draw();
    if (!is_ipv4)
        ip[0] = (uint8_t)(0x20 | (ip[0] & 0x0f)); /* global unicast */
}

static void mask(uint8_t ip[16], uint32_t length)
{
    for (uint32_t bit = length; bit < 128; bit++)
        ip[bit / 8] &= (uint8_t) ~(0x80u >> bit % 8);
}

/* Like lists of networks that misbehaved: a quarter of them single hosts. */
static void draw_rules(struct tw_filter_rule *rules, bool is_ipv4)
{
    for (uint32_t i = 0; i < RULES; i++) {
        uint32_t length = is_ipv4 ? TW_FILTER_IPV4_BITS + 8 + draw() % 25 : 20 + draw() % 45;
        if (i % 4 == 0)
            length = 128;
        rules[i] = (struct tw_filter_rule){
            .id = i + 1, .kind = TW_FILTER_DENY, .prefix_length = (uint8_t)length};
        draw_address(rules[i].ip, is_ipv4);
        mask(rules[i].ip, length);
        for (uint32_t other = 0; other < i; other++) {
            if (tw_filter_same_prefix(&rules[i], &rules[other])) {
                i--; /* drawn again */
                break;
            }
        }
    }
}

static void draw_source(uint8_t ip[16], const struct tw_filter_rule *rules, bool is_ipv4)
{
    const struct tw_filter_rule *rule = &rules[draw() % RULES];
    bool inside = draw() % 2 == 0;
    draw_address(ip, is_ipv4);
    for (uint32_t bit = 0; inside && bit < rule->prefix_length; bit++) {
        uint8_t one = (uint8_t)(0x80u >> bit % 8);
        ip[bit / 8] = (uint8_t)((ip[bit / 8] & ~one) | (rule->ip[bit / 8] & one));
    }
}

static void draw_sources(void)
{
    for (uint32_t i = 0; i < SOURCES; i++) {
        draw_source(bench.mapped[i], bench.rules4, true);
        draw_source(bench.ipv6[i], bench.rules6, false);
        uint32_t network;
        memcpy(&network, bench.mapped[i] + 12, sizeof(network));
        bench.ipv4[i] = __builtin_bswap32(network);
    }
}

/* ---- DPDK's tables --------------------------------------------------------------------------- */

static void make_tables(void)
{
    struct rte_fib_conf fib = {.type = RTE_FIB_DIR24_8,
                               .max_routes = 2 * TW_FILTER_RULES_MAX,
                               .dir24_8 = {.nh_sz = RTE_FIB_DIR24_8_2B, .num_tbl8 = 2048}};
    struct rte_fib6_conf fib6 = {.type = RTE_FIB6_TRIE,
                                 .max_routes = 2 * TW_FILTER_RULES_MAX,
                                 .trie = {.nh_sz = RTE_FIB6_TRIE_2B, .num_tbl8 = 16384}};
    struct rte_lpm_config lpm = {.max_rules = 2 * TW_FILTER_RULES_MAX, .number_tbl8s = 2048};
    struct rte_lpm6_config lpm6 = {.max_rules = 2 * TW_FILTER_RULES_MAX, .number_tbl8s = 16384};
    bench.fib = rte_fib_create("fib", 0, &fib);
    bench.fib6 = rte_fib6_create("fib6", 0, &fib6);
    bench.lpm = rte_lpm_create("lpm", 0, &lpm);
    bench.lpm6 = rte_lpm6_create("lpm6", 0, &lpm6);
    require(bench.fib && bench.fib6 && bench.lpm && bench.lpm6, "no memory for DPDK's tables");
}

static void fill_tables(void)
{
    for (uint32_t i = 0; i < RULES; i++) {
        struct tw_filter_rule *rule = &bench.rules4[i];
        uint8_t length = (uint8_t)(rule->prefix_length - TW_FILTER_IPV4_BITS);
        uint32_t ipv4;
        memcpy(&ipv4, rule->ip + 12, sizeof(ipv4));
        ipv4 = __builtin_bswap32(ipv4);
        require(rte_fib_add(bench.fib, ipv4, length, i + 1) == 0 &&
                    rte_lpm_add(bench.lpm, ipv4, length, i + 1) == 0,
                "an IPv4 table refused a prefix");
        rule = &bench.rules6[i];
        require(rte_fib6_add(bench.fib6, rule->ip, rule->prefix_length, i + 1) == 0 &&
                    rte_lpm6_add(bench.lpm6, rule->ip, rule->prefix_length, i + 1) == 0,
                "an IPv6 table refused a prefix");
    }
}

static void check_agreement(void)
{
    for (uint32_t i = 0; i < SOURCES; i++) {
        uint64_t hop = 0, hop6 = 0;
        rte_fib_lookup_bulk(bench.fib, &bench.ipv4[i], &hop, 1);
        rte_fib6_lookup_bulk(bench.fib6, &bench.ipv6[i], &hop6, 1);
        require(tw_filter_table_find(&bench.table4, bench.mapped[i])->verdict == hop &&
                    tw_filter_table_find(&bench.table6, bench.ipv6[i])->verdict == hop6,
                "the tables do not agree");
    }
}

/* ---- lookups --------------------------------------------------------------------------------- */

static void find_ranges4(uint32_t first)
{
    for (uint32_t i = first; i < first + BURST; i++)
        bench.sum += tw_filter_table_find(&bench.table4, bench.mapped[i])->verdict;
}

static void find_ranges6(uint32_t first)
{
    for (uint32_t i = first; i < first + BURST; i++)
        bench.sum += tw_filter_table_find(&bench.table6, bench.ipv6[i])->verdict;
}

static void find_fib(uint32_t first)
{
    uint64_t hops[BURST];
    rte_fib_lookup_bulk(bench.fib, &bench.ipv4[first], hops, BURST);
    for (uint32_t i = 0; i < BURST; i++)
        bench.sum += hops[i];
}

static void find_fib6(uint32_t first)
{
    uint64_t hops[BURST];
    rte_fib6_lookup_bulk(bench.fib6, &bench.ipv6[first], hops, BURST);
    for (uint32_t i = 0; i < BURST; i++)
        bench.sum += hops[i];
}

static void find_lpm(uint32_t first)
{
    uint32_t hops[BURST];
    rte_lpm_lookup_bulk(bench.lpm, &bench.ipv4[first], hops, BURST);
    for (uint32_t i = 0; i < BURST; i++)
        bench.sum += hops[i];
}

static void find_lpm6(uint32_t first)
{
    int32_t hops[BURST];
    rte_lpm6_lookup_bulk_func(bench.lpm6, &bench.ipv6[first], hops, BURST);
    for (uint32_t i = 0; i < BURST; i++)
        bench.sum += (uint32_t)hops[i];
}

static void measure(const char *name, void (*burst)(uint32_t first), uint32_t sources)
{
    double best = 1e18;
    for (uint32_t pass = 0; pass < PASSES; pass++) {
        uint64_t start = measure_now_ns();
        for (uint32_t n = 0; n < SOURCES; n += BURST)
            burst(n % sources);
        double each = (double)(measure_now_ns() - start) / SOURCES;
        best = each < best ? each : best;
    }
    printf("  %-34s %5.1f ns\n", name, best);
}

static void measure_lookups(void)
{
    for (uint32_t sources = FEW; sources <= SOURCES; sources += SOURCES - FEW) {
        printf(" %u sources\n", sources);
        measure("IPv4 ranges (ours)", find_ranges4, sources);
        measure("IPv4 rte_fib", find_fib, sources);
        measure("IPv4 rte_lpm", find_lpm, sources);
        measure("IPv6 ranges (ours)", find_ranges6, sources);
        measure("IPv6 rte_fib6", find_fib6, sources);
        measure("IPv6 rte_lpm6", find_lpm6, sources);
    }
}

/* ---- the stage ------------------------------------------------------------------------------- */

static void admit(uint32_t first)
{
    struct tw_filter_view views[BURST];
    bench.now_ns += 1000;
    for (uint32_t i = 0; i < BURST; i++)
        views[i] = (struct tw_filter_view){.ip = bench.mapped[first + i],
                                           .length = 120,
                                           .session = first + i,
                                           .class = TW_FILTER_KNOWN,
                                           .outcome = TW_OUTCOME_COUNT};
    tw_filter_admit(&bench.filter, views, BURST, bench.now_ns);
    for (uint32_t i = 0; i < BURST; i++) {
        if (views[i].limit != 0)
            tw_filter_settle(&bench.filter, &views[i], bench.now_ns);
        bench.sum += views[i].outcome;
    }
}

static void measure_stage(const char *name, const struct tw_filter_rule *rules)
{
    static uint64_t version;
    tw_filter_table_build(&bench.table4, rules, ++version);
    tw_filter_use(&bench.filter, &bench.table4);
    measure(name, admit, FEW);
}

static void measure_stages(void)
{
    static struct tw_filter_rule rules[TW_FILTER_RULES_MAX];
    static const uint8_t key[16] = {1};
    size_t size = (tw_filter_footprint(FEW) + 63u) & ~(size_t)63u;
    void *memory = aligned_alloc(64, size);
    require(memory != NULL, "no memory");
    memset(memory, 0, size);
    tw_filter_init(&bench.filter, memory, key, &bench.counters);
    bench.now_ns = UINT64_C(1000000000000);
    puts("stage, IPv4, 10,000 sources of known sessions, bursts of 32 (views included)");
    measure_stage("no rules", rules);
    measure_stage("1,000 deny rules", bench.rules4);
    struct tw_address any = tw_address_from_ipv4(0, 0);
    rules[0] = (struct tw_filter_rule){.id = RULES + 1,
                                       .kind = TW_FILTER_LIMIT,
                                       .prefix_length = TW_FILTER_IPV4_BITS,
                                       .pps = {TW_FILTER_PPS_MAX, TW_FILTER_PPS_MAX},
                                       .bps = {TW_FILTER_BPS_MAX, TW_FILTER_BPS_MAX}};
    memcpy(rules[0].ip, any.ip, sizeof(any.ip));
    measure_stage("one limit for everybody", rules);
    rules[0].id++;
    rules[0].source_pps = (struct tw_filter_level){TW_FILTER_PPS_MAX, TW_FILTER_PPS_MAX};
    measure_stage("the same, and for each source", rules);
    free(memory);
}

int main(int argc, char **argv)
{
    char *arguments[] = {argv[0], "--no-huge", "--no-pci",       "--no-shconf", "-m",    "700",
                         "-l",    "0",         "--no-telemetry", "--log-level", "error", NULL};
    (void)argc;
    require(rte_eal_init(11, arguments) >= 0, "DPDK did not start");
    draw_rules(bench.rules4, true);
    draw_rules(bench.rules6, false);
    draw_sources();
    make_tables();
    static const struct tw_filter_rule none[TW_FILTER_RULES_MAX];
    tw_filter_table_build(&bench.table4, none, 1);
    tw_filter_table_build(&bench.table6, none, 1);
    puts("lookup, no rules");
    measure_lookups();
    fill_tables();
    uint64_t start = measure_now_ns();
    tw_filter_table_build(&bench.table4, bench.rules4, 1);
    double build_us = (double)(measure_now_ns() - start) / 1000;
    tw_filter_table_build(&bench.table6, bench.rules6, 1);
    check_agreement();
    printf("lookup, 1,000 prefixes of each family (built in %.0f us, %zu bytes)\n", build_us,
           sizeof(struct tw_filter_table));
    measure_lookups();
    measure_stages();
    return bench.sum == 42;
}
