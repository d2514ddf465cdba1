/* SPDX-License-Identifier: BSD-3-Clause */
#include "dataplane/engine/topology.h"

#include "dataplane/engine/shard_config.h"
#include "dataplane/gate/filter.h"
#include "dataplane/gate/life.h"
#include "dataplane/gate/mailbox.h"
#include "dataplane/gate/move.h"
#include "dataplane/gate/resume.h"
#include "dataplane/gate/sessions.h"
#include "dataplane/gate/talk.h"
#include "simulation/shard/shard.h"
#include "tickwire/assert.h"
#include "tickwire/shard.h"

#include <ctype.h>
#include <inttypes.h>
#include <sched.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

/* A session gives at most one input and one snapshot acknowledgement a tick. */
#define RECORDS_PER_TICK 2u
#define RECORD_TICKS     4u
/* AF_XDP takes 2,048 buffers for its fill ring at start and copies each packet it sends into one
 * more buffer of the receive pool. */
#define RX_POOL_MIN    8191u
#define RX_BUFFER_SIZE 2176u
/* Headroom 128, Ethernet with VLAN 18, IPv4 20, UDP 8, payload 1,440: 1,614. */
#define TX_BUFFER_SIZE 1664u
/* struct rte_mbuf and the pool's object header. */
#define BUFFER_HEADERS 192u
/* The pool's ring of pointers, at most twice as large as the pool. */
#define BUFFER_POINTERS 16u
/* Without hugepages no buffer may cross a page: one to receive or two to send fit each. */
#define SMALL_PAGE 4096u
static_assert(BUFFER_HEADERS + RX_BUFFER_SIZE <= SMALL_PAGE, "a buffer fits a page");
/* Slots in the lists of those that owe something and of those with a ping. */
#define SESSION_LISTS (2u * sizeof(uint32_t))
#define PENDING_BYTES 1024u
/* DPDK's own tables and heap headers; each port's queues. */
#define BASE_BYTES     (UINT64_C(10) << 20)
#define PORT_BYTES     (UINT64_C(2) << 20)
#define HANDOVER_DEPTH 1024u
#define SNAPSHOTS_MIN  256u

#define ISOLATED_CORES "/sys/devices/system/cpu/isolated"

static bool fail(struct tw_topology_error *error, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

static bool fail(struct tw_topology_error *error, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(error->message, sizeof(error->message), format, arguments);
    va_end(arguments);
    return false;
}

static uint32_t power_of_two(uint32_t value)
{
    uint32_t power = 1;
    while (power < value)
        power <<= 1;
    return power;
}

void tw_topology_cores_parse(bool cores[TW_TOPOLOGY_CORES_MAX], const char *list)
{
    while (isdigit((unsigned char)*list)) {
        char *end;
        unsigned long first = strtoul(list, &end, 10);
        unsigned long last = first;
        if (*end == '-')
            last = strtoul(end + 1, &end, 10);
        for (unsigned long core = first; core <= last && core < TW_TOPOLOGY_CORES_MAX; core++)
            cores[core] = true;
        list = end + (*end == ',');
    }
}

/* `started` is restored: it tells where the kernel, or whoever started us, wants other threads. */
static void probe_isolated(struct tw_topology_host *host, const cpu_set_t *started)
{
    char list[4096] = "";
    FILE *file = fopen(ISOLATED_CORES, "re");
    if (file == NULL)
        return;
    if (fgets(list, sizeof(list), file) == NULL)
        list[0] = '\0';
    fclose(file);
    bool isolated[TW_TOPOLOGY_CORES_MAX] = {0};
    tw_topology_cores_parse(isolated, list);
    cpu_set_t all;
    memset(&all, 0xff, sizeof(all));
    /* The kernel keeps those of them that our control group allows. */
    bool told = sched_setaffinity(0, sizeof(all), &all) == 0 &&
                sched_getaffinity(0, sizeof(all), &all) == 0;
    for (uint32_t core = 0; core < TW_TOPOLOGY_CORES_MAX && told; core++)
        host->isolated[core] = isolated[core] && CPU_ISSET(core, &all);
    sched_setaffinity(0, sizeof(*started), started);
}

void tw_topology_host_probe(struct tw_topology_host *host)
{
    memset(host, 0, sizeof(*host));
    cpu_set_t set;
    CPU_ZERO(&set);
    if (sched_getaffinity(0, sizeof(set), &set) != 0)
        return;
    for (uint32_t core = 0; core < TW_TOPOLOGY_CORES_MAX; core++)
        host->cores[core] = CPU_ISSET(core, &set);
    probe_isolated(host, &set);
}

uint32_t tw_topology_worker(const struct tw_topology *topology, uint32_t worker)
{
    TW_ASSERT(worker < topology->workers);
    return 1 + worker;
}

uint32_t tw_topology_shard(const struct tw_topology *topology, uint32_t shard)
{
    TW_ASSERT(shard < topology->shards);
    return 1 + topology->workers + shard;
}

uint32_t tw_topology_find_ring(const struct tw_topology *topology, enum tw_ring_kind kind,
                               uint32_t producer, uint32_t consumer)
{
    for (uint32_t i = 0; i < topology->ring_count; i++) {
        const struct tw_topology_ring *ring = &topology->rings[i];
        if (ring->kind == kind && ring->producer == producer && ring->consumer == consumer)
            return i;
    }
    return UINT32_MAX;
}

static void add_thread(struct tw_topology *topology, enum tw_thread_kind kind, uint32_t index,
                       uint32_t core)
{
    static const char *const names[] = {"main", "worker", "shard"};
    struct tw_topology_thread *thread = &topology->threads[topology->thread_count];
    thread->kind = kind;
    thread->index = index;
    thread->lcore = topology->thread_count++;
    thread->core = core;
    if (kind == TW_THREAD_MAIN)
        snprintf(thread->name, sizeof(thread->name), "main");
    else
        snprintf(thread->name, sizeof(thread->name), "%s%u", names[kind], index);
}

/* Cores for threads that the configuration leaves to us: each its own besides the main thread's
 * when there are enough, else dealt in turn from the main thread's core on. */
static uint32_t auto_core(const struct tw_topology_host *host, uint32_t main_core, uint32_t threads,
                          uint32_t nth)
{
    uint32_t usable[TW_TOPOLOGY_CORES_MAX];
    uint32_t count = 0;
    for (uint32_t i = 0; i < TW_TOPOLOGY_CORES_MAX; i++) {
        uint32_t core = (main_core + i) % TW_TOPOLOGY_CORES_MAX;
        if (host->cores[core])
            usable[count++] = core;
    }
    if (count == 0)
        return main_core;
    bool spare = count > threads && usable[0] == main_core;
    return usable[(nth + (spare ? 1u : 0u)) % count];
}

static void add_threads(struct tw_topology *topology, const struct tw_config_engine *engine,
                        const struct tw_topology_host *host)
{
    uint32_t chosen = engine->workers + engine->shards;
    add_thread(topology, TW_THREAD_MAIN, 0, engine->main_core);
    for (uint32_t i = 0; i < engine->workers; i++)
        add_thread(topology, TW_THREAD_WORKER, i,
                   engine->worker_core_count ? engine->worker_cores[i]
                                             : auto_core(host, engine->main_core, chosen, i));
    for (uint32_t i = 0; i < engine->shards; i++)
        add_thread(topology, TW_THREAD_SHARD, i,
                   engine->shard_core_count
                       ? engine->shard_cores[i]
                       : auto_core(host, engine->main_core, chosen, engine->workers + i));
}

static struct tw_topology_ring *add_ring(struct tw_topology *topology, enum tw_ring_kind kind,
                                         uint32_t producer, uint32_t consumer)
{
    static const char *const names[] = {"records", "empty",    "message", "full", "returned",
                                        "events",  "commands", "hand",    "move"};
    TW_ASSERT(topology->ring_count < TW_TOPOLOGY_RINGS_MAX);
    struct tw_topology_ring *ring = &topology->rings[topology->ring_count++];
    ring->kind = kind;
    ring->producer = producer;
    ring->consumer = consumer;
    snprintf(ring->name, sizeof(ring->name), "%s_%u_%u", names[kind], producer, consumer);
    return ring;
}

static uint32_t snapshot_depth(const struct tw_config *config)
{
    const struct tw_config_world *world = &config->world;
    uint32_t sessions = config->engine.sessions_max;
    uint64_t share = (uint64_t)sessions * world->snapshot_hz / world->tick_hz + 1;
    if (share * 2 < sessions)
        sessions = (uint32_t)(share * 2);
    return power_of_two(sessions < SNAPSHOTS_MIN ? SNAPSHOTS_MIN : sessions + 1);
}

static void add_shard_rings(struct tw_topology *topology, const struct tw_config *config,
                            uint32_t worker, uint32_t shard)
{
    uint32_t from = tw_topology_worker(topology, worker);
    uint32_t to = tw_topology_shard(topology, shard);
    struct tw_topology_ring *ring = add_ring(topology, TW_RING_RECORDS, from, to);
    ring->element_size = sizeof(struct tw_record);
    ring->depth = power_of_two(config->engine.sessions_max * RECORDS_PER_TICK * RECORD_TICKS);
    ring->reason = "4 ticks of all sessions, an input and an acknowledgement each";

    ring = add_ring(topology, TW_RING_EMPTY, from, to);
    ring->element_size = sizeof(struct tw_out_buffer);
    ring->depth = snapshot_depth(config);
    ring->reason = "twice the even share of snapshots of a tick, at most one per session";

    ring = add_ring(topology, TW_RING_MESSAGE_BUFFERS, from, to);
    ring->element_size = sizeof(struct tw_out_buffer);
    ring->depth = 2u * TW_OUT_MESSAGE_BUFFERS;
    ring->reason = "all buffers of messages that there are";

    ring = add_ring(topology, TW_RING_FULL, to, from);
    ring->element_size = sizeof(struct tw_out_buffer);
    ring->depth = 2 * snapshot_depth(config);
    ring->reason = "the buffers of two ticks: a worker may be one tick behind";

    ring = add_ring(topology, TW_RING_RETURNED, to, from);
    ring->element_size = sizeof(struct tw_message *);
    ring->depth = TW_TALK_LENT_MAX + 1u;
    ring->reason = "all messages that a worker lends at once";
}

static void add_rings(struct tw_topology *topology, const struct tw_config *config)
{
    uint32_t pending = config->limits.pending_max;
    for (uint32_t worker = 0; worker < topology->workers; worker++) {
        uint32_t thread = tw_topology_worker(topology, worker);
        for (uint32_t shard = 0; shard < topology->shards; shard++)
            add_shard_rings(topology, config, worker, shard);

        struct tw_topology_ring *ring = add_ring(topology, TW_RING_EVENTS, thread, 0);
        ring->element_size = sizeof(struct tw_worker_event);
        ring->depth = power_of_two(pending * 2 < 1024 ? 1024 : pending * 2);
        ring->reason = "twice the handshakes under way: each a request, then a confirmation";

        ring = add_ring(topology, TW_RING_COMMANDS, 0, thread);
        ring->element_size = sizeof(struct tw_worker_command);
        ring->depth = power_of_two(pending + 4 * TW_TOPOLOGY_COMMANDS_RESERVE);
        ring->reason = "a reply to each handshake under way, and room for state";

        for (uint32_t other = 0; other < topology->workers; other++) {
            if (other == worker)
                continue;
            ring =
                add_ring(topology, TW_RING_HANDOVER, thread, tw_topology_worker(topology, other));
            ring->element_size = sizeof(void *);
            ring->depth = HANDOVER_DEPTH;
            ring->reason = "16 bursts of 64: only packets of moved clients arrive elsewhere";

            ring = add_ring(topology, TW_RING_MOVE, thread, tw_topology_worker(topology, other));
            ring->element_size = sizeof(struct tw_move);
            ring->depth = TW_MOVE_RING_DEPTH;
            ring->reason = "8 moves under way: 8 requests, 8 sessions, 8 answers; and 7 others";
        }
    }
}

static void add_pools(struct tw_topology *topology, const struct tw_config *config)
{
    /* To a shard: its empty ring, the full ring of twice that depth, and as many as the full ring
     * holds in the shard's own hands; and those of messages. */
    uint32_t lent = topology->shards * (5 * snapshot_depth(config) + TW_OUT_MESSAGE_BUFFERS);
    /* Every worker that frees another's buffers keeps up to one and a half caches of them. */
    uint32_t cached = topology->workers * (TW_TOPOLOGY_POOL_CACHE + TW_TOPOLOGY_POOL_CACHE / 2);
    uint32_t received = TW_TOPOLOGY_RX_DESCRIPTORS + TW_TOPOLOGY_TX_DESCRIPTORS +
                        (topology->workers - 1) * HANDOVER_DEPTH + cached;
    for (uint32_t worker = 0; worker < topology->workers; worker++) {
        struct tw_topology_pool *pool;
        for (uint32_t port = 0; port < topology->ports; port++) {
            pool = &topology->pools[topology->pool_count++];
            snprintf(pool->name, sizeof(pool->name), "rx_%u_%u", worker, port);
            pool->worker = worker;
            pool->port = port;
            pool->buffers = received < RX_POOL_MIN ? RX_POOL_MIN : power_of_two(received + 1) - 1;
            pool->buffer_size = RX_BUFFER_SIZE;
            pool->reason = "descriptors, hand-over, caches; AF_XDP holds 2,048 and copies sends";
        }
        pool = &topology->pools[topology->pool_count++];
        snprintf(pool->name, sizeof(pool->name), "tx_%u", worker);
        pool->worker = worker;
        pool->transmit = true;
        pool->buffers =
            power_of_two(lent + topology->ports * TW_TOPOLOGY_TX_DESCRIPTORS + 1024) - 1;
        pool->buffer_size = TX_BUFFER_SIZE;
        pool->reason = "empty and full rings, as many as full at the shard, descriptors, answers";
    }
}

static uint64_t pool_bytes(const struct tw_topology_pool *pool, bool small_pages)
{
    uint64_t object = (pool->buffer_size + BUFFER_HEADERS + 63u) & ~UINT64_C(63);
    uint64_t bytes = object * pool->buffers;
    if (small_pages) {
        uint64_t per_page = SMALL_PAGE / object;
        bytes = (pool->buffers + per_page - 1) / per_page * SMALL_PAGE;
    }
    return bytes + (uint64_t)pool->buffers * BUFFER_POINTERS;
}

static void sum_memory(struct tw_topology *topology, const struct tw_config *config)
{
    struct tw_shard_config shard = tw_shard_config_from(config);
    topology->shard_bytes = (uint64_t)tw_shard_footprint(&shard) * topology->shards;
    topology->session_bytes =
        (uint64_t)topology->workers *
        (tw_talk_footprint(config->engine.sessions_max, topology->shards, &config->limits) +
         tw_sessions_footprint(config->engine.sessions_max) +
         tw_life_footprint(config->engine.sessions_max) +
         tw_resume_footprint(config->engine.sessions_max) +
         (uint64_t)config->engine.sessions_max * SESSION_LISTS +
         (uint64_t)config->limits.pending_max * PENDING_BYTES);
    uint64_t bytes =
        topology->shard_bytes + topology->session_bytes + BASE_BYTES + topology->ports * PORT_BYTES;
    bytes += topology->workers *
             (tw_filter_footprint(config->engine.sessions_max) + sizeof(struct tw_worker_counters));
    for (uint32_t i = 0; i < topology->ring_count; i++)
        bytes += (uint64_t)topology->rings[i].element_size * topology->rings[i].depth + 512;
    for (uint32_t i = 0; i < topology->pool_count; i++)
        bytes += pool_bytes(&topology->pools[i], config->engine.hugepages != TW_HUGEPAGES_ON);
    /* One part in eight for alignment to pages and the allocator's fragments. */
    topology->memory_bytes = bytes + bytes / 8;
    topology->memory_mb = config->engine.memory_mb;
}

static bool check_counts(const struct tw_config *config, struct tw_topology_error *error)
{
    const struct tw_config_engine *engine = &config->engine;
    if (engine->workers < 1 || engine->workers > TW_WORKERS_MAX)
        return fail(error, "engine.workers is %u, expected 1 to %u", engine->workers,
                    TW_WORKERS_MAX);
    if (engine->shards != 1)
        return fail(error,
                    "engine.shards is %u, expected 1: one world is configured and a world "
                    "runs on one shard",
                    engine->shards);
    if (engine->worker_core_count != 0 && engine->worker_core_count != engine->workers)
        return fail(error, "engine.worker_cores names %u cores for %u workers",
                    engine->worker_core_count, engine->workers);
    if (engine->shard_core_count != 0 && engine->shard_core_count != engine->shards)
        return fail(error, "engine.shard_cores names %u cores for %u shards",
                    engine->shard_core_count, engine->shards);
    if (engine->sessions_max < 1 || engine->sessions_max > TW_SESSIONS_PER_WORKER)
        return fail(error, "engine.sessions_max is %u, expected 1 to %u", engine->sessions_max,
                    TW_SESSIONS_PER_WORKER);
    if (config->world.tick_hz == 0)
        return fail(error, "world.tick_hz is 0");
    struct tw_shard_config shard = tw_shard_config_from(config);
    if (tw_shard_footprint(&shard) == 0)
        return fail(error, "the world's configuration is out of range");
    if (!shard.kernels)
        return fail(error, "engine.simd asks for instructions that this processor lacks");
    return true;
}

static bool check_threads(const struct tw_topology *topology, const struct tw_topology_host *host,
                          struct tw_topology_error *error)
{
    for (uint32_t i = 0; i < topology->thread_count; i++) {
        const struct tw_topology_thread *thread = &topology->threads[i];
        if (thread->core >= TW_TOPOLOGY_CORES_MAX ||
            !(host->cores[thread->core] || host->isolated[thread->core]))
            return fail(error, "%s is to run on core %u, which this machine does not have",
                        thread->name, thread->core);
        for (uint32_t j = 0; j < i; j++) {
            const struct tw_topology_thread *other = &topology->threads[j];
            if (other->lcore == thread->lcore)
                return fail(error, "%s and %s share lcore %u", other->name, thread->name,
                            thread->lcore);
            if (topology->idle == TW_IDLE_POLL && other->kind != TW_THREAD_MAIN &&
                other->core == thread->core)
                return fail(error,
                            "%s and %s share core %u: engine.idle \"poll\" needs a core for each "
                            "worker and shard",
                            other->name, thread->name, thread->core);
        }
    }
    return true;
}

/* Which kinds of thread a ring may join, indexed by enum tw_ring_kind. */
static const struct {
    enum tw_thread_kind producer, consumer;
} ring_ends[] = {
    [TW_RING_RECORDS] = {TW_THREAD_WORKER, TW_THREAD_SHARD},
    [TW_RING_EMPTY] = {TW_THREAD_WORKER, TW_THREAD_SHARD},
    [TW_RING_MESSAGE_BUFFERS] = {TW_THREAD_WORKER, TW_THREAD_SHARD},
    [TW_RING_FULL] = {TW_THREAD_SHARD, TW_THREAD_WORKER},
    [TW_RING_RETURNED] = {TW_THREAD_SHARD, TW_THREAD_WORKER},
    [TW_RING_EVENTS] = {TW_THREAD_WORKER, TW_THREAD_MAIN},
    [TW_RING_COMMANDS] = {TW_THREAD_MAIN, TW_THREAD_WORKER},
    [TW_RING_HANDOVER] = {TW_THREAD_WORKER, TW_THREAD_WORKER},
    [TW_RING_MOVE] = {TW_THREAD_WORKER, TW_THREAD_WORKER},
};

static bool check_rings(const struct tw_topology *topology, struct tw_topology_error *error)
{
    for (uint32_t i = 0; i < topology->ring_count; i++) {
        const struct tw_topology_ring *ring = &topology->rings[i];
        if (ring->producer >= topology->thread_count || ring->consumer >= topology->thread_count)
            return fail(error, "ring %s has no producer or no consumer", ring->name);
        if (ring->producer == ring->consumer)
            return fail(error, "ring %s has one thread at both ends", ring->name);
        if (topology->threads[ring->producer].kind != ring_ends[ring->kind].producer ||
            topology->threads[ring->consumer].kind != ring_ends[ring->kind].consumer)
            return fail(error, "ring %s joins threads of the wrong kind", ring->name);
        if (ring->depth < 2 || (ring->depth & (ring->depth - 1)) != 0)
            return fail(error, "ring %s has depth %u, expected a power of two", ring->name,
                        ring->depth);
        if (ring->element_size == 0 || ring->element_size % 4 != 0)
            return fail(error, "ring %s has elements of %u bytes, expected a multiple of 4",
                        ring->name, ring->element_size);
        if (ring->reason == NULL || ring->reason[0] == '\0')
            return fail(error, "ring %s has no reason for its depth", ring->name);
        for (uint32_t j = 0; j < i; j++) {
            const struct tw_topology_ring *other = &topology->rings[j];
            if (strcmp(other->name, ring->name) == 0 ||
                (other->kind == ring->kind && other->producer == ring->producer &&
                 other->consumer == ring->consumer))
                return fail(error, "ring %s stands twice in the table", ring->name);
        }
    }
    uint32_t workers = topology->workers;
    uint32_t wanted = workers * topology->shards * 5 + workers * 2 + workers * (workers - 1) * 2;
    if (topology->ring_count != wanted)
        return fail(error, "the table has %u rings, expected %u", topology->ring_count, wanted);
    return true;
}

static bool check_pools(const struct tw_topology *topology, struct tw_topology_error *error)
{
    if (topology->pool_count != topology->workers * (topology->ports + 1))
        return fail(error,
                    "the table has %u pools, expected for each worker one to receive from each "
                    "port and one to send",
                    topology->pool_count);
    for (uint32_t i = 0; i < topology->pool_count; i++) {
        const struct tw_topology_pool *pool = &topology->pools[i];
        uint32_t least = pool->transmit ? topology->ports * TW_TOPOLOGY_TX_DESCRIPTORS
                                        : TW_TOPOLOGY_RX_DESCRIPTORS;
        if (pool->buffers < least)
            return fail(error, "pool %s has %u buffers, fewer than its %u descriptors", pool->name,
                        pool->buffers, least);
        if (pool->buffer_size < TX_BUFFER_SIZE)
            return fail(error, "pool %s has buffers of %u bytes, too small for a packet",
                        pool->name, pool->buffer_size);
    }
    return true;
}

bool tw_topology_validate(const struct tw_topology *topology, const struct tw_topology_host *host,
                          struct tw_topology_error *error)
{
    if (topology->thread_count != 1 + topology->workers + topology->shards)
        return fail(error, "the table has %u threads, expected %u", topology->thread_count,
                    1 + topology->workers + topology->shards);
    if (!check_threads(topology, host, error) || !check_rings(topology, error) ||
        !check_pools(topology, error))
        return false;
    uint64_t needed_mb = (topology->memory_bytes + (1u << 20) - 1) >> 20;
    if (needed_mb > topology->memory_mb)
        return fail(error, "engine.memory_mb is %u, but this configuration needs %" PRIu64,
                    topology->memory_mb, needed_mb);
    return true;
}

bool tw_topology_build(struct tw_topology *topology, const struct tw_config *config,
                       const struct tw_topology_host *host, struct tw_topology_error *error)
{
    memset(topology, 0, sizeof(*topology));
    if (!check_counts(config, error))
        return false;
    topology->ports = tw_config_port_count(config);
    for (uint32_t i = 0; i < topology->ports; i++)
        topology->ipv6[i] = !tw_ip_is_zero(config->ports[i].address6);
    topology->workers = config->engine.workers;
    topology->shards = config->engine.shards;
    topology->idle = config->engine.idle;
    add_threads(topology, &config->engine, host);
    add_rings(topology, config);
    add_pools(topology, config);
    sum_memory(topology, config);
    return tw_topology_validate(topology, host, error);
}

void tw_topology_print(const struct tw_topology *topology, FILE *out)
{
    fprintf(out, "%-10s %6s %6s\n", "THREAD", "LCORE", "CORE");
    for (uint32_t i = 0; i < topology->thread_count; i++)
        fprintf(out, "%-10s %6u %6u\n", topology->threads[i].name, topology->threads[i].lcore,
                topology->threads[i].core);
    fprintf(out, "\n%-16s %-10s %-10s %8s %8s  %s\n", "RING", "FROM", "TO", "BYTES", "DEPTH",
            "REASON");
    for (uint32_t i = 0; i < topology->ring_count; i++) {
        const struct tw_topology_ring *ring = &topology->rings[i];
        fprintf(out, "%-16s %-10s %-10s %8u %8u  %s\n", ring->name,
                topology->threads[ring->producer].name, topology->threads[ring->consumer].name,
                ring->element_size, ring->depth, ring->reason);
    }
    fprintf(out, "\n%-16s %8s %8s  %s\n", "POOL", "BYTES", "BUFFERS", "REASON");
    for (uint32_t i = 0; i < topology->pool_count; i++) {
        const struct tw_topology_pool *pool = &topology->pools[i];
        fprintf(out, "%-16s %8u %8u  %s\n", pool->name, pool->buffer_size, pool->buffers,
                pool->reason);
    }
    fprintf(out,
            "\nMEMORY %" PRIu64 " MB of %u MB (worlds %" PRIu64 " MB, sessions %" PRIu64 " MB)\n",
            (topology->memory_bytes + (1u << 20) - 1) >> 20, topology->memory_mb,
            topology->shard_bytes >> 20, topology->session_bytes >> 20);
}
