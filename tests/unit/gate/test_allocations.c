/* SPDX-License-Identifier: BSD-3-Clause */
/* The counter that every worker test relies on: it sees memory that is taken and given back. */
#include "tests/unit/gate/allocations.h"
#include "tests/unit/gate/worker_rig.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>
#include <rte_malloc.h>
#include <rte_mempool.h>
#include <rte_memzone.h>

static void *volatile taken; /* so that no compiler leaves a pair out */

static void by_malloc(void)
{
    taken = malloc(100);
    free(taken);
}

static void by_calloc(void)
{
    taken = calloc(10, 10);
    free(taken);
}

static void by_realloc(void)
{
    taken = realloc(NULL, 100);
    free(taken);
}

static void by_aligned_alloc(void)
{
    taken = aligned_alloc(64, 128);
    free(taken);
}

static void by_posix_memalign(void)
{
    void *memory = NULL;
    (void)!posix_memalign(&memory, 64, 128);
    taken = memory;
    free(taken);
}

static void by_rte_malloc(void)
{
    rte_free(rte_malloc("test", 100, 0));
}

static void by_rte_zmalloc(void)
{
    rte_free(rte_zmalloc("test", 100, 64));
}

static void by_rte_calloc(void)
{
    rte_free(rte_calloc("test", 10, 10, 0));
}

static void by_rte_realloc(void)
{
    rte_free(rte_realloc(NULL, 100, 0));
}

static void by_rte_malloc_socket(void)
{
    rte_free(rte_malloc_socket("test", 100, 0, SOCKET_ID_ANY));
}

static void by_rte_zmalloc_socket(void)
{
    rte_free(rte_zmalloc_socket("test", 100, 0, SOCKET_ID_ANY));
}

static void by_rte_calloc_socket(void)
{
    rte_free(rte_calloc_socket("test", 10, 10, 0, SOCKET_ID_ANY));
}

static void by_rte_realloc_socket(void)
{
    rte_free(rte_realloc_socket(NULL, 100, 0, SOCKET_ID_ANY));
}

static void by_memzone(void)
{
    rte_memzone_free(rte_memzone_reserve("test", 100, SOCKET_ID_ANY, 0));
}

static void by_aligned_memzone(void)
{
    rte_memzone_free(rte_memzone_reserve_aligned("test", 100, SOCKET_ID_ANY, 0, 64));
}

/* Another of DPDK's libraries takes it. */
static void by_mempool(void)
{
    rte_mempool_free(
        rte_mempool_create_empty("test", 15, 64, 0, 0, SOCKET_ID_ANY, RTE_MEMPOOL_F_SC_GET));
}

static void a_pair_is_seen(void **state)
{
    (void)state;
    static void (*const pairs[])(void) = {by_malloc,
                                          by_calloc,
                                          by_realloc,
                                          by_aligned_alloc,
                                          by_posix_memalign,
                                          by_rte_malloc,
                                          by_rte_zmalloc,
                                          by_rte_calloc,
                                          by_rte_realloc,
                                          by_rte_malloc_socket,
                                          by_rte_zmalloc_socket,
                                          by_rte_calloc_socket,
                                          by_rte_realloc_socket,
                                          by_memzone,
                                          by_aligned_memzone,
                                          by_mempool};
    allocations_init();
    for (size_t i = 0; i < sizeof(pairs) / sizeof(pairs[0]); i++) {
        uint64_t blocks = allocations_dpdk_blocks();
        allocations_watch();
        pairs[i]();
        uint64_t seen = allocations_seen();
        if (seen == 0)
            fail_msg("pair %zu was not seen", i);
        assert_int_equal(allocations_dpdk_blocks(), blocks);
    }
}

static void nothing_is_seen_where_nothing_is_taken(void **state)
{
    (void)state;
    allocations_init();
    taken = malloc(100);
    allocations_watch();
    free(taken);
    assert_int_equal(allocations_seen(), 0);
    by_malloc();
    by_rte_malloc();
    assert_int_equal(allocations_seen(), 0); /* not watched */
}

int main(int argc, char **argv)
{
    (void)argc;
    if (!rig_init_eal(argv[0]))
        return 1;
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_pair_is_seen),
        cmocka_unit_test(nothing_is_seen_where_nothing_is_taken),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
