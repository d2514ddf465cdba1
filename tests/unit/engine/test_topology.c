/* SPDX-License-Identifier: BSD-3-Clause */
#include "dataplane/engine/topology.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static struct tw_config config;
static struct tw_topology_host host;
static struct tw_topology table;
static struct tw_topology_error failure;

static int setup(void **state)
{
    (void)state;
    tw_config_defaults(&config);
    config.engine.main_core = 0;
    config.engine.workers = 2;
    config.engine.worker_core_count = 0;
    config.engine.shard_core_count = 0;
    config.engine.shards = 1;
    config.engine.sessions_max = 1000;
    config.engine.memory_mb = 4096;
    config.engine.idle = TW_IDLE_BACKOFF;
    config.world.tick_hz = 60;
    config.world.snapshot_hz = 20;
    memset(&host, 0, sizeof(host));
    for (uint32_t i = 0; i < 8; i++)
        host.cores[i] = true;
    return 0;
}

static void build(void)
{
    if (!tw_topology_build(&table, &config, &host, &failure))
        fail_msg("%s", failure.message);
}

static void refuses_config(const char *part)
{
    assert_false(tw_topology_build(&table, &config, &host, &failure));
    if (strstr(failure.message, part) == NULL)
        fail_msg("expected \"%s\" in \"%s\"", part, failure.message);
}

static void refuses_table(const char *part)
{
    failure.message[0] = '\0';
    assert_false(tw_topology_validate(&table, &host, &failure));
    if (strstr(failure.message, part) == NULL)
        fail_msg("expected \"%s\" in \"%s\"", part, failure.message);
}

static void test_threads_get_cores_of_their_own(void **state)
{
    (void)state;
    build();
    assert_int_equal(table.thread_count, 4);
    for (uint32_t i = 0; i < 4; i++) {
        assert_int_equal(table.threads[i].lcore, i);
        assert_int_equal(table.threads[i].core, i);
    }
    assert_string_equal(table.threads[0].name, "main");
    assert_string_equal(table.threads[2].name, "worker1");
    assert_string_equal(table.threads[3].name, "shard0");
}

static void test_two_cores_are_shared(void **state)
{
    (void)state;
    config.engine.workers = 1;
    memset(&host, 0, sizeof(host));
    host.cores[0] = host.cores[1] = true;
    build();
    assert_int_equal(table.threads[0].core, 0);
    assert_int_equal(table.threads[1].core, 0);
    assert_int_equal(table.threads[2].core, 1);
}

static void test_one_core_runs_all(void **state)
{
    (void)state;
    config.engine.main_core = 5;
    memset(&host, 0, sizeof(host));
    host.cores[5] = true;
    build();
    for (uint32_t i = 0; i < table.thread_count; i++)
        assert_int_equal(table.threads[i].core, 5);
}

static void test_configured_cores_are_kept(void **state)
{
    (void)state;
    config.engine.worker_core_count = 2;
    config.engine.worker_cores[0] = 6;
    config.engine.worker_cores[1] = 4;
    config.engine.shard_core_count = 1;
    config.engine.shard_cores[0] = 7;
    build();
    assert_int_equal(table.threads[1].core, 6);
    assert_int_equal(table.threads[2].core, 4);
    assert_int_equal(table.threads[3].core, 7);
}

static void test_every_ring_has_one_producer_and_one_consumer(void **state)
{
    (void)state;
    config.engine.workers = 3;
    build();
    assert_int_equal(table.ring_count, 3 * 5 + 3 * 2 + 3 * 2 * 2);
    for (uint32_t worker = 0; worker < 3; worker++) {
        uint32_t w = tw_topology_worker(&table, worker);
        uint32_t s = tw_topology_shard(&table, 0);
        assert_int_not_equal(tw_topology_find_ring(&table, TW_RING_RECORDS, w, s), UINT32_MAX);
        assert_int_not_equal(tw_topology_find_ring(&table, TW_RING_EMPTY, w, s), UINT32_MAX);
        assert_int_not_equal(tw_topology_find_ring(&table, TW_RING_FULL, s, w), UINT32_MAX);
        assert_int_not_equal(tw_topology_find_ring(&table, TW_RING_EVENTS, w, 0), UINT32_MAX);
        assert_int_not_equal(tw_topology_find_ring(&table, TW_RING_COMMANDS, 0, w), UINT32_MAX);
        assert_int_equal(tw_topology_find_ring(&table, TW_RING_RECORDS, s, w), UINT32_MAX);
    }
}

static void test_record_depth_is_four_ticks_of_all_sessions(void **state)
{
    (void)state;
    build();
    uint32_t index = tw_topology_find_ring(&table, TW_RING_RECORDS, 1, 3);
    const struct tw_topology_ring *ring = &table.rings[index];
    assert_true(ring->depth - 1 >= 1000 * 2 * 4);
    assert_true(ring->depth / 2 < 1000 * 2 * 4 + 1);
    assert_int_equal(ring->element_size, 64);
}

static uint32_t depth_of(enum tw_ring_kind kind, uint32_t producer, uint32_t consumer)
{
    uint32_t index = tw_topology_find_ring(&table, kind, producer, consumer);
    assert_int_not_equal(index, UINT32_MAX);
    return table.rings[index].depth;
}

/* Everything that may lie somewhere at once, for any number of workers and sessions. */
static void test_pools_cover_what_can_pile_up(void **state)
{
    (void)state;
    const uint32_t sizes[] = {1, 100, 255, 256, 1000, 3000, 10000, 65536};
    const uint32_t cached = TW_TOPOLOGY_POOL_CACHE + TW_TOPOLOGY_POOL_CACHE / 2;
    config.engine.memory_mb = 1048576;
    for (uint32_t i = 0; i < TW_WORKERS_MAX * 8; i++) {
        config.engine.workers = i / 8 + 1;
        config.engine.sessions_max = sizes[i % 8];
        build();
        uint32_t shard = tw_topology_shard(&table, 0);
        uint32_t empty = depth_of(TW_RING_EMPTY, 1, shard);
        uint32_t full = depth_of(TW_RING_FULL, shard, 1);
        assert_true(full >= 2 * empty);
        assert_true(table.pools[1].transmit);
        assert_true(table.pools[1].buffers >=
                    empty - 1 + full - 1 + full + TW_TOPOLOGY_TX_DESCRIPTORS + 64);
        uint32_t received = TW_TOPOLOGY_RX_DESCRIPTORS + TW_TOPOLOGY_TX_DESCRIPTORS + cached;
        for (uint32_t other = 1; other < table.workers; other++)
            received += depth_of(TW_RING_HANDOVER, 1, 1 + other) - 1 + cached;
        assert_false(table.pools[0].transmit);
        assert_true(table.pools[0].buffers >= received);
    }
}

/* Without hugepages no buffer crosses a page: one to receive, two to send fit. */
static void test_memory_counts_whole_pages_without_hugepages(void **state)
{
    (void)state;
    uint64_t packed = 0, paged = 0;
    config.engine.hugepages = TW_HUGEPAGES_ON;
    build();
    uint64_t with_hugepages = table.memory_bytes;
    for (uint32_t i = 0; i < table.pool_count; i++) {
        const struct tw_topology_pool *pool = &table.pools[i];
        packed += (uint64_t)pool->buffers * (pool->buffer_size + 192);
        paged += (uint64_t)pool->buffers * (pool->transmit ? 2048 : 4096);
    }
    config.engine.hugepages = TW_HUGEPAGES_AUTO;
    build();
    assert_true(with_hugepages > packed && table.memory_bytes > paged);
    assert_true(table.memory_bytes - with_hugepages >= paged - packed);
    uint64_t either = table.memory_bytes;
    config.engine.hugepages = TW_HUGEPAGES_OFF;
    build();
    assert_int_equal(table.memory_bytes, either);
}

/* Each port receives into a pool of its own; what is sent by all comes from one. */
static void test_ports_have_their_own_pools(void **state)
{
    (void)state;
    config.engine.workers = 2;
    config.engine.memory_mb = 1024;
    build();
    uint64_t one_port = table.memory_bytes;
    uint32_t sent = table.pools[1].buffers;
    for (uint32_t i = 1; i < 3; i++)
        snprintf(config.ports[i].device, sizeof(config.ports[i].device), "net_tap%u", i);
    build();
    assert_int_equal(table.ports, 3);
    assert_int_equal(table.pool_count, 2 * (3 + 1));
    uint32_t seen = 0;
    for (uint32_t i = 0; i < table.pool_count; i++) {
        const struct tw_topology_pool *pool = &table.pools[i];
        assert_int_equal(pool->worker, i / 4);
        assert_int_equal(pool->transmit, i % 4 == 3);
        if (!pool->transmit)
            seen |= 1u << (pool->worker * 3 + pool->port);
        else
            assert_true(pool->buffers >= sent + 2 * TW_TOPOLOGY_TX_DESCRIPTORS ||
                        pool->buffers >= 3 * TW_TOPOLOGY_TX_DESCRIPTORS);
    }
    assert_int_equal(seen, 0x3f);
    assert_true(table.memory_bytes >= one_port + 4 * table.pools[0].buffers * UINT64_C(2048));
}

static void test_bad_counts(void **state)
{
    (void)state;
    config.engine.workers = 0;
    refuses_config("engine.workers is 0");
    config.engine.workers = TW_WORKERS_MAX + 1;
    refuses_config("engine.workers");
    config.engine.workers = 1;
    config.engine.shards = 2;
    refuses_config("engine.shards is 2");
    config.engine.shards = 1;
    config.engine.sessions_max = 0;
    refuses_config("engine.sessions_max");
    config.engine.sessions_max = TW_SESSIONS_PER_WORKER + 1;
    refuses_config("engine.sessions_max");
    config.engine.sessions_max = 100;
    config.world.tick_hz = 0;
    refuses_config("world.tick_hz");
}

static void test_core_lists_must_match(void **state)
{
    (void)state;
    config.engine.worker_core_count = 1;
    refuses_config("names 1 cores for 2 workers");
    config.engine.worker_core_count = 0;
    config.engine.shard_core_count = 3;
    refuses_config("names 3 cores for 1 shards");
}

static void test_unknown_core(void **state)
{
    (void)state;
    config.engine.shard_core_count = 1;
    config.engine.shard_cores[0] = 40;
    refuses_config("shard0 is to run on core 40");
    config.engine.shard_cores[0] = TW_TOPOLOGY_CORES_MAX + 9;
    refuses_config("which this machine does not have");
    config.engine.shard_core_count = 0;
    config.engine.main_core = 31;
    refuses_config("main is to run on core 31");
}

static void test_isolated_cores_are_for_those_who_name_them(void **state)
{
    (void)state;
    memset(host.cores, 0, sizeof(host.cores));
    host.cores[0] = host.cores[1] = true;
    tw_topology_cores_parse(host.isolated, "2-4,7\n");
    build();
    for (uint32_t i = 0; i < table.thread_count; i++)
        assert_in_range(table.threads[i].core, 0, 1);
    config.engine.worker_core_count = 2;
    config.engine.worker_cores[0] = 2;
    config.engine.worker_cores[1] = 7;
    config.engine.shard_core_count = 1;
    config.engine.shard_cores[0] = 4;
    build();
    config.engine.shard_cores[0] = 5;
    refuses_config("shard0 is to run on core 5");
}

static void test_lists_of_cores(void **state)
{
    (void)state;
    static const struct {
        const char *list;
        uint32_t count, last;
    } cases[] = {
        {"", 0, 0},
        {"\n", 0, 0},
        {" (null)", 0, 0},
        {"0", 1, 0},
        {"3,5-6", 3, 6},
        {"7-5", 0, 0},
        {"2-", 0, 0},
        {"1,,2", 1, 1},
        {"1020-2000", 4, 1023},
        {"99999999999999999999", 0, 0},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        bool cores[TW_TOPOLOGY_CORES_MAX] = {0};
        tw_topology_cores_parse(cores, cases[i].list);
        uint32_t count = 0, last = 0;
        for (uint32_t core = 0; core < TW_TOPOLOGY_CORES_MAX; core++)
            if (cores[core]) {
                count++;
                last = core;
            }
        if (count != cases[i].count || last != cases[i].last)
            fail_msg("\"%s\": %u cores, the last %u", cases[i].list, count, last);
    }
}

static void test_polling_needs_cores_of_its_own(void **state)
{
    (void)state;
    memset(&host, 0, sizeof(host));
    host.cores[0] = host.cores[1] = true;
    build();
    config.engine.idle = TW_IDLE_POLL;
    refuses_config("share core");
    config.engine.workers = 1;
    build();
}

static void test_memory_must_suffice(void **state)
{
    (void)state;
    config.engine.memory_mb = 8;
    refuses_config("engine.memory_mb is 8");
    config.engine.memory_mb = 4096;
    build();
    uint64_t before = table.memory_bytes;
    config.engine.sessions_max *= 8;
    build();
    assert_true(table.memory_bytes > before);
}

static void test_broken_rings(void **state)
{
    (void)state;
    build();
    struct tw_topology_ring *ring = &table.rings[2];
    struct tw_topology_ring good = *ring;
    ring->producer = table.thread_count;
    refuses_table("no producer or no consumer");
    *ring = good;
    ring->consumer = UINT32_MAX;
    refuses_table("no producer or no consumer");
    *ring = good;
    ring->consumer = ring->producer;
    refuses_table("one thread at both ends");
    *ring = good;
    ring->producer = 0;
    refuses_table("wrong kind");
    *ring = good;
    ring->depth = 1000;
    refuses_table("expected a power of two");
    *ring = good;
    ring->depth = 1;
    refuses_table("expected a power of two");
    *ring = good;
    ring->element_size = 6;
    refuses_table("multiple of 4");
    *ring = good;
    ring->reason = "";
    refuses_table("no reason");
    *ring = good;
    assert_true(tw_topology_validate(&table, &host, &failure));
}

static void test_missing_and_doubled_rings(void **state)
{
    (void)state;
    build();
    struct tw_topology_ring last = table.rings[table.ring_count - 1];
    table.ring_count--;
    refuses_table("rings, expected");
    table.rings[table.ring_count++] = table.rings[0];
    refuses_table("stands twice");
    table.rings[table.ring_count - 1] = last;
    /* The same two ends under another name: two consumers of one stream. */
    uint32_t second = tw_topology_find_ring(&table, TW_RING_EVENTS, 2, 0);
    table.rings[second].producer = 1;
    refuses_table("stands twice");
}

static void test_broken_threads_and_pools(void **state)
{
    (void)state;
    build();
    table.threads[2].lcore = 1;
    refuses_table("share lcore");
    build();
    table.thread_count--;
    refuses_table("threads, expected");
    build();
    table.pools[0].buffers = 100;
    refuses_table("fewer than its");
    build();
    table.pools[1].buffer_size = 512;
    refuses_table("too small for a packet");
    build();
    table.pool_count--;
    refuses_table("one to receive from each port and one to send");
}

static void test_largest_table_fits(void **state)
{
    (void)state;
    config.engine.workers = TW_WORKERS_MAX;
    config.engine.sessions_max = 100;
    build();
    assert_true(table.ring_count <= TW_TOPOLOGY_RINGS_MAX);
}

static void test_print_names_everything(void **state)
{
    (void)state;
    build();
    char *text = NULL;
    size_t size = 0;
    FILE *out = open_memstream(&text, &size);
    assert_non_null(out);
    tw_topology_print(&table, out);
    fclose(out);
    for (uint32_t i = 0; i < table.ring_count; i++) {
        assert_non_null(strstr(text, table.rings[i].name));
        assert_non_null(strstr(text, table.rings[i].reason));
    }
    assert_non_null(strstr(text, "worker1"));
    assert_non_null(strstr(text, "tx_1"));
    assert_non_null(strstr(text, "of 4096 MB"));
    free(text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(test_threads_get_cores_of_their_own, setup),
        cmocka_unit_test_setup(test_two_cores_are_shared, setup),
        cmocka_unit_test_setup(test_one_core_runs_all, setup),
        cmocka_unit_test_setup(test_configured_cores_are_kept, setup),
        cmocka_unit_test_setup(test_every_ring_has_one_producer_and_one_consumer, setup),
        cmocka_unit_test_setup(test_record_depth_is_four_ticks_of_all_sessions, setup),
        cmocka_unit_test_setup(test_pools_cover_what_can_pile_up, setup),
        cmocka_unit_test_setup(test_ports_have_their_own_pools, setup),
        cmocka_unit_test_setup(test_memory_counts_whole_pages_without_hugepages, setup),
        cmocka_unit_test_setup(test_bad_counts, setup),
        cmocka_unit_test_setup(test_core_lists_must_match, setup),
        cmocka_unit_test_setup(test_unknown_core, setup),
        cmocka_unit_test_setup(test_isolated_cores_are_for_those_who_name_them, setup),
        cmocka_unit_test_setup(test_lists_of_cores, setup),
        cmocka_unit_test_setup(test_polling_needs_cores_of_its_own, setup),
        cmocka_unit_test_setup(test_memory_must_suffice, setup),
        cmocka_unit_test_setup(test_broken_rings, setup),
        cmocka_unit_test_setup(test_missing_and_doubled_rings, setup),
        cmocka_unit_test_setup(test_broken_threads_and_pools, setup),
        cmocka_unit_test_setup(test_largest_table_fits, setup),
        cmocka_unit_test_setup(test_print_names_everything, setup),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
