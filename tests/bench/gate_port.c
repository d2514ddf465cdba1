/* SPDX-License-Identifier: BSD-3-Clause */
#include "tests/bench/gate_port.h"

#include "dataplane/engine/pools.h"
#include "tests/bench/gate_fail.h"

#include <rte_eal.h>
#include <rte_eth_ring.h>
#include <rte_ethdev.h>
#include <rte_mbuf.h>
#include <rte_ring.h>
#include <rte_ring_elem.h>
#include <rte_ring_peek_zc.h>
#include <sched.h>
#include <string.h>

#define RX_BUFFERS     8191u  /* as tw_topology_build gives them for one worker */
#define TX_BUFFERS     32767u /* two rigs' empty rings, a round under way, and room */
#define RX_BUFFER_SIZE 2176u
#define TX_BUFFER_SIZE 1664u
#define PORT_DEPTH     8192u /* a round fits */
#define MEMORY_MB      640u  /* 65,536 sessions are 370 MB, and there are buffers and rings */

static uint32_t ring_number; /* names of rings must differ */

void gate_ring_discard(struct rte_ring *ring, uint32_t size)
{
    struct rte_ring_zc_data place;
    unsigned int count = rte_ring_count(ring);
    if (count > 0 && rte_ring_dequeue_zc_bulk_elem_start(ring, size, count, &place, NULL) == count)
        rte_ring_dequeue_zc_elem_finish(ring, count);
}

/* Once around, so that no page of it is touched for the first time while the clock runs. */
static void touch(struct rte_ring *ring, uint32_t size)
{
    struct rte_ring_zc_data place = {0};
    for (uint32_t half = 0; half < 2; half++) {
        unsigned int count = (rte_ring_get_capacity(ring) + 1) / 2;
        GATE_CHECK(rte_ring_enqueue_zc_bulk_elem_start(ring, size, count, &place, NULL) == count,
                   "a new ring is not empty");
        memset(place.ptr1, 0, (size_t)place.n1 * size);
        rte_ring_enqueue_zc_elem_finish(ring, count);
        gate_ring_discard(ring, size);
    }
}

struct rte_ring *gate_ring_make(const char *kind, uint32_t size, uint32_t depth)
{
    char name[RTE_RING_NAMESIZE];
    snprintf(name, sizeof(name), "%s_%u", kind, ring_number++);
    struct rte_ring *ring = rte_ring_create_elem(name, size, depth, (int)rte_socket_id(),
                                                 RING_F_SP_ENQ | RING_F_SC_DEQ);
    GATE_CHECK(ring, "no memory for ring %s", name);
    touch(ring, size);
    return ring;
}

/* The last core this process may use: interrupts and others' threads prefer the first. */
static uint32_t last_core(void)
{
    cpu_set_t set;
    uint32_t last = 0;
    CPU_ZERO(&set);
    if (sched_getaffinity(0, sizeof(set), &set) == 0)
        for (uint32_t core = 0; core < CPU_SETSIZE; core++)
            last = CPU_ISSET(core, &set) ? core : last;
    return last;
}

static uint32_t free_hugepages_mb(void)
{
    FILE *file = fopen("/sys/kernel/mm/hugepages/hugepages-2048kB/free_hugepages", "re");
    uint32_t pages = 0;
    if (file != NULL && fscanf(file, "%u", &pages) != 1)
        pages = 0;
    if (file != NULL)
        fclose(file);
    return pages * 2;
}

static void start_eal(struct gate_port *port, const char *program, bool hugepages)
{
    char name[64], core[16], memory[16];
    port->hugepages = hugepages && free_hugepages_mb() >= MEMORY_MB;
    snprintf(name, sizeof(name), "%s", program);
    snprintf(core, sizeof(core), "%u", last_core());
    snprintf(memory, sizeof(memory), "%u", MEMORY_MB);
    char *pages = port->hugepages ? "--in-memory" : "--no-huge";
    char *arguments[] = {name, pages, "--no-pci",       "--no-shconf", "-m",    memory,
                         "-l", core,  "--no-telemetry", "--log-level", "error", NULL};
    GATE_CHECK(rte_eal_init(11, arguments) >= 0, "DPDK did not start");
}

static struct rte_mempool *make_pool(const char *name, uint32_t buffers, uint32_t size)
{
    struct tw_topology_pool wanted = {
        .transmit = size == TX_BUFFER_SIZE, .buffers = buffers, .buffer_size = size};
    snprintf(wanted.name, sizeof(wanted.name), "%s", name);
    return tw_pool_create(&wanted, (int)rte_socket_id());
}

void gate_port_start(struct gate_port *port, const char *program, bool hugepages)
{
    start_eal(port, program, hugepages);
    port->to_worker = gate_ring_make("in", sizeof(void *), PORT_DEPTH);
    port->from_worker = gate_ring_make("out", sizeof(void *), PORT_DEPTH);
    port->rx_pool = make_pool("rx", RX_BUFFERS, RX_BUFFER_SIZE);
    port->tx_pool = make_pool("tx", TX_BUFFERS, TX_BUFFER_SIZE);
    GATE_CHECK(port->rx_pool && port->tx_pool, "no memory for packet buffers");
    int id = rte_eth_from_rings("bench", &port->to_worker, 1, &port->from_worker, 1, 0);
    GATE_CHECK(id >= 0, "no ring port");
    port->id = (uint16_t)id;
    struct rte_eth_conf conf;
    memset(&conf, 0, sizeof(conf));
    GATE_CHECK(rte_eth_dev_configure(port->id, 1, 1, &conf) == 0 &&
                   rte_eth_rx_queue_setup(port->id, 0, 64, 0, NULL, port->rx_pool) == 0 &&
                   rte_eth_tx_queue_setup(port->id, 0, 64, 0, NULL) == 0 &&
                   rte_eth_dev_start(port->id) == 0,
               "the ring port does not start");
}
