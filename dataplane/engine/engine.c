/* SPDX-License-Identifier: BSD-3-Clause */
#include "dataplane/engine/engine.h"

#include "dataplane/engine/clock.h"
#include "dataplane/engine/eal.h"
#include "dataplane/engine/multicast.h"
#include "dataplane/engine/pools.h"
#include "dataplane/engine/shard_config.h"
#include "dataplane/wire/aead.h"
#include "tickwire/assert.h"

#include <rte_errno.h>
#include <rte_launch.h>
#include <rte_malloc.h>
#include <rte_ring_elem.h>
#include <sodium.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define JOIN_NS (2 * TW_SECOND_NS)

static bool fail(struct tw_engine *engine, struct tw_engine_error *error, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

static bool fail(struct tw_engine *engine, struct tw_engine_error *error, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(error->message, sizeof(error->message), format, arguments);
    va_end(arguments);
    tw_engine_stop(engine);
    return false;
}

static struct rte_ring *ring_between(const struct tw_engine *engine, enum tw_ring_kind kind,
                                     uint32_t producer, uint32_t consumer)
{
    uint32_t index = tw_topology_find_ring(engine->topology, kind, producer, consumer);
    TW_ASSERT(index != UINT32_MAX);
    return engine->rings[index];
}

struct rte_ring *tw_engine_events(const struct tw_engine *engine, uint32_t worker)
{
    return ring_between(engine, TW_RING_EVENTS, tw_topology_worker(engine->topology, worker), 0);
}

struct rte_ring *tw_engine_commands(const struct tw_engine *engine, uint32_t worker)
{
    return ring_between(engine, TW_RING_COMMANDS, 0, tw_topology_worker(engine->topology, worker));
}

static struct tw_worker_shard_rings shard_rings(const struct tw_engine *engine, uint32_t worker,
                                                uint32_t shard)
{
    uint32_t w = tw_topology_worker(engine->topology, worker);
    uint32_t s = tw_topology_shard(engine->topology, shard);
    return (struct tw_worker_shard_rings){
        .records = ring_between(engine, TW_RING_RECORDS, w, s),
        .empty = ring_between(engine, TW_RING_EMPTY, w, s),
        .message_buffers = ring_between(engine, TW_RING_MESSAGE_BUFFERS, w, s),
        .full = ring_between(engine, TW_RING_FULL, s, w),
        .returned = ring_between(engine, TW_RING_RETURNED, s, w),
    };
}

static bool create_rings(struct tw_engine *engine, struct tw_engine_error *error)
{
    for (uint32_t i = 0; i < engine->topology->ring_count; i++) {
        const struct tw_topology_ring *wanted = &engine->topology->rings[i];
        engine->rings[i] =
            rte_ring_create_elem(wanted->name, wanted->element_size, wanted->depth,
                                 engine->ports[0].socket, RING_F_SP_ENQ | RING_F_SC_DEQ);
        if (engine->rings[i] == NULL)
            return fail(engine, error, "no memory for ring %s (%u elements of %u bytes): %s",
                        wanted->name, wanted->depth, wanted->element_size, rte_strerror(rte_errno));
    }
    return true;
}

static bool create_worker(struct tw_engine *engine, uint32_t index, struct tw_engine_error *error)
{
    struct tw_worker_counters *counters =
        rte_zmalloc_socket("counters", sizeof(*counters), 64, engine->ports[0].socket);
    engine->worker_counters[index] = counters;
    struct tw_worker_config config = {
        .index = index,
        .workers = engine->topology->workers,
        .shards = engine->topology->shards,
        .socket = engine->ports[0].socket,
        .config = engine->config,
        .aead = engine->aead,
        .cookie_hash = engine->cookie_hash,
        .tx_pool = engine->tx_pools[index],
        .events = tw_engine_events(engine, index),
        .commands = tw_engine_commands(engine, index),
        .port_orders = &engine->port_orders[index],
        .strained_us = engine->strained_us,
        .counters = counters,
        .epoch_ns = engine->epoch_ns,
        .stop = &engine->stop,
    };
    for (uint32_t i = 0; i < engine->topology->ports; i++) {
        config.ports[i].id = engine->ports[i].id;
        config.ports[i].tx_checksum = engine->ports[i].plan.tx_checksum;
        config.ports[i].mtu = engine->ports[i].plan.mtu;
        memcpy(config.ports[i].mac, engine->ports[i].mac, sizeof(config.ports[i].mac));
    }
    randombytes_buf(&config.seed, sizeof(config.seed));
    for (uint32_t shard = 0; shard < engine->topology->shards; shard++)
        config.shard_rings[shard] = shard_rings(engine, index, shard);
    for (uint32_t other = 0; other < engine->topology->workers; other++) {
        if (other == index)
            continue;
        uint32_t from = tw_topology_worker(engine->topology, index);
        uint32_t to = tw_topology_worker(engine->topology, other);
        config.handover_out[other] = ring_between(engine, TW_RING_HANDOVER, from, to);
        config.handover_in[other] = ring_between(engine, TW_RING_HANDOVER, to, from);
        config.move_out[other] = ring_between(engine, TW_RING_MOVE, from, to);
        config.move_in[other] = ring_between(engine, TW_RING_MOVE, to, from);
    }
    if (counters != NULL)
        engine->workers[index] = tw_worker_create(&config);
    sodium_memzero(&config, sizeof(config));
    if (engine->workers[index] == NULL)
        return fail(engine, error,
                    "no memory for worker %u with %u sessions: raise engine.memory_mb", index,
                    engine->config->engine.sessions_max);
    return true;
}

static bool create_shard(struct tw_engine *engine, uint32_t index, struct tw_engine_error *error)
{
    struct tw_shard_counters *counters =
        rte_zmalloc_socket("counters", sizeof(*counters), 64, engine->ports[0].socket);
    engine->shard_counters[index] = counters;
    struct tw_shard_loop_config config = {
        .shard = tw_shard_config_from(engine->config),
        .counters = counters,
        .epoch_ns = engine->epoch_ns,
        .idle = engine->config->engine.idle,
        .stop = &engine->stop,
    };
    for (uint32_t worker = 0; worker < engine->topology->workers; worker++)
        config.rings[worker] = shard_rings(engine, worker, index);
    size_t size = tw_shard_loop_footprint(&config);
    void *memory = NULL;
    if (counters != NULL && size != 0)
        memory = rte_zmalloc_socket("shard", size, 64, engine->ports[0].socket);
    if (memory == NULL)
        return fail(engine, error, "no memory for shard %u (%zu MB): raise engine.memory_mb", index,
                    size >> 20);
    engine->shards[index] = tw_shard_loop_init(memory, &config);
    return true;
}

static const char *aead_name(enum tw_aead_choice choice)
{
    switch (choice) {
    case TW_AEAD_CHOICE_LIBSODIUM:
        return "libsodium";
    case TW_AEAD_CHOICE_IPSEC_MB:
        return "ipsec-mb";
    case TW_AEAD_CHOICE_CHACHA_LANES:
        return "chacha-lanes";
    case TW_AEAD_CHOICE_AUTO:
        break;
    }
    return TW_AEAD_AUTO;
}

bool tw_engine_begin(struct tw_engine *engine, const struct tw_config *config,
                     const struct tw_topology *topology, struct tw_engine_error *error)
{
    memset(engine, 0, sizeof(*engine));
    engine->config = config;
    engine->topology = topology;
    engine->aead = tw_aead_select(aead_name(config->engine.aead), &engine->aead_report);
    engine->cookie_hash =
        tw_cookie_select(config->engine.aead == TW_AEAD_CHOICE_LIBSODIUM, &engine->cookie_report);
    TW_ASSERT(engine->aead != NULL); /* every choice of the configuration is a known back end */
    randombytes_buf(&engine->boot_id, sizeof(engine->boot_id));
    struct tw_eal_error eal_error;
    if (!tw_eal_start(config, topology, &engine->hugepages, &eal_error))
        return fail(engine, error, "%s", eal_error.message);
    engine->eal_started = true;
    return true;
}

static bool open_ports(struct tw_engine *engine, const char *first, struct tw_engine_error *error)
{
    for (uint32_t i = 0; i < engine->topology->ports; i++) {
        const char *device = i == 0 ? first : engine->config->ports[i].device;
        struct tw_port_error port_error;
        if (!tw_port_open(&engine->ports[i], i, device, engine->topology, &port_error))
            return fail(engine, error, "%s", port_error.message);
    }
    return true;
}

static bool create_tx_pools(struct tw_engine *engine, struct tw_engine_error *error)
{
    for (uint32_t i = 0; i < engine->topology->pool_count; i++) {
        const struct tw_topology_pool *wanted = &engine->topology->pools[i];
        if (!wanted->transmit)
            continue;
        engine->tx_pools[wanted->worker] = tw_pool_create(wanted, engine->ports[0].socket);
        if (engine->tx_pools[wanted->worker] == NULL)
            return fail(engine, error, "no memory for pool %s (%u buffers of %u bytes): %s",
                        wanted->name, wanted->buffers, wanted->buffer_size,
                        rte_strerror(rte_errno));
    }
    return true;
}

bool tw_engine_build(struct tw_engine *engine, const char *first, struct tw_engine_error *error)
{
    if (!open_ports(engine, first, error) || !create_tx_pools(engine, error) ||
        !create_rings(engine, error))
        return false;
    engine->epoch_ns = tw_clock_now_ns();
    for (uint32_t i = 0; i < engine->topology->shards; i++)
        if (!create_shard(engine, i, error))
            return false;
    for (uint32_t i = 0; i < engine->topology->workers; i++)
        if (!create_worker(engine, i, error))
            return false;
    return true;
}

bool tw_engine_start(struct tw_engine *engine, const struct tw_config *config,
                     const struct tw_topology *topology, struct tw_engine_error *error)
{
    return tw_engine_begin(engine, config, topology, error) &&
           tw_engine_build(engine, config->ports[0].device, error);
}

static int start_aead(void *argument)
{
    const struct tw_engine *engine = argument;
    return tw_aead_thread_start(engine->aead) ? 0 : -1;
}

static int end_aead(void *argument)
{
    const struct tw_engine *engine = argument;
    tw_aead_thread_end(engine->aead);
    return 0;
}

/* On each worker's lcore, one after another. Returns how many succeeded. */
static uint32_t on_workers(struct tw_engine *engine, lcore_function_t *function, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++) {
        uint32_t thread = tw_topology_worker(engine->topology, i);
        unsigned lcore = engine->topology->threads[thread].lcore;
        if (rte_eal_remote_launch(function, engine, lcore) != 0 || rte_eal_wait_lcore(lcore) != 0)
            return i;
    }
    return count;
}

static bool start_aead_threads(struct tw_engine *engine)
{
    uint32_t workers = engine->topology->workers;
    uint32_t started = on_workers(engine, start_aead, workers);
    if (started < workers) {
        on_workers(engine, end_aead, started);
        return false;
    }
    engine->aead_threads = true;
    return true;
}

bool tw_engine_launch(struct tw_engine *engine, struct tw_engine_error *error)
{
    if (!start_aead_threads(engine))
        return fail(engine, error, "no memory for the state of AEAD back end %s",
                    engine->aead->name);
    for (uint32_t i = 0; i < engine->topology->ports; i++) {
        struct tw_port_error port_error;
        if (!tw_port_start(&engine->ports[i], &port_error))
            return fail(engine, error, "%s", port_error.message);
        int reason;
        if (!tw_multicast_join(engine->ports[i].id, engine->config->ports[i].address6, &reason))
            return fail(engine, error, "port %s refused the groups of its IPv6 address: %s",
                        engine->ports[i].name, rte_strerror(-reason));
    }
    engine->launched = true;
    int result = 0;
    for (uint32_t i = 0; i < engine->topology->shards && result == 0; i++) {
        uint32_t thread = tw_topology_shard(engine->topology, i);
        result = rte_eal_remote_launch(tw_shard_loop_run, engine->shards[i],
                                       engine->topology->threads[thread].lcore);
    }
    for (uint32_t i = 0; i < engine->topology->workers && result == 0; i++) {
        uint32_t thread = tw_topology_worker(engine->topology, i);
        result = rte_eal_remote_launch(tw_worker_run, engine->workers[i],
                                       engine->topology->threads[thread].lcore);
    }
    if (result != 0)
        return fail(engine, error, "an lcore did not launch: %s", rte_strerror(-result));
    return true;
}

/* No lcore ever waits for anything, so one that does not end hangs in a driver or the kernel; its
 * memory cannot be taken from under it. */
static void wait_for_lcores(const struct tw_engine *engine)
{
    uint64_t deadline_ns = tw_clock_now_ns() + JOIN_NS;
    for (uint32_t i = 1; i < engine->topology->thread_count; i++) {
        const struct tw_topology_thread *thread = &engine->topology->threads[i];
        while (rte_eal_get_lcore_state(thread->lcore) == RUNNING) {
            if (tw_clock_now_ns() >= deadline_ns) {
                fprintf(stderr, "tickwire-engine: %s does not end; ending without it\n",
                        thread->name);
                tw_eal_abandon();
                _exit(EXIT_FAILURE);
            }
            tw_clock_sleep_until_ns(tw_clock_now_ns() + TW_MILLISECOND_NS);
        }
    }
    rte_eal_mp_wait_lcore();
}

void tw_engine_join(struct tw_engine *engine)
{
    atomic_store_explicit(&engine->stop, true, memory_order_release);
    if (engine->launched)
        wait_for_lcores(engine);
    engine->launched = false;
    if (engine->aead_threads)
        on_workers(engine, end_aead, engine->topology->workers);
    engine->aead_threads = false;
}

void tw_engine_stop(struct tw_engine *engine)
{
    if (!engine->eal_started)
        return;
    tw_engine_join(engine);
    for (uint32_t i = 0; i < engine->topology->ports; i++)
        tw_port_stop(&engine->ports[i]);
    for (uint32_t i = 0; i < TW_WORKERS_MAX; i++) {
        if (engine->workers[i] != NULL)
            tw_worker_destroy(engine->workers[i]);
        rte_free(engine->worker_counters[i]);
    }
    for (uint32_t i = 0; i < TW_SHARDS_MAX; i++) {
        rte_free(engine->shards[i]);
        rte_free(engine->shard_counters[i]);
    }
    for (uint32_t i = 0; i < engine->topology->ports; i++)
        tw_port_close(&engine->ports[i]);
    for (uint32_t i = 0; i < engine->topology->ring_count; i++)
        rte_ring_free(engine->rings[i]);
    tw_eal_stop();
    memset(engine, 0, sizeof(*engine));
}
