/* SPDX-License-Identifier: BSD-3-Clause */
/* Who has room in a pool that sessions share, who waits in line, and when room is short. */
#include "dataplane/wire/holder.h"
#include "tests/unit/wire/testing.h"

#include <stdlib.h>

#define BLOCKS   1024u
#define INCOMING (BLOCKS / 4u)
#define BRIEF    (INCOMING / 8u)
#define LOOSE    (INCOMING - TW_MESSAGE_BLOCKS_MAX - 2u * BRIEF)
#define HOLDERS  16u
#define SECOND   UINT64_C(1000000)

static struct tw_block_pool pool;
static struct tw_holder holders[HOLDERS];
static void *memory;
static uint64_t now_us;

static void start(void)
{
    memset(holders, 0, sizeof(holders));
    memory = aligned_alloc(64, (tw_block_pool_footprint(BLOCKS) + 63u) / 64u * 64u);
    assert_non_null(memory);
    tw_block_pool_init(&pool, memory, BLOCKS);
    tw_block_pool_promise(&pool, 100);
    now_us = 50 * SECOND;
}

static void stop(void)
{
    free(memory);
}

/* The blocks themselves are of no interest here, only how many there are. */
static void take_loose(uint32_t i, uint32_t blocks)
{
    pool.incoming += blocks;
    tw_holder_count_loose(&holders[i], &pool, (int32_t)blocks);
}

static uint32_t take_all_it_may(uint32_t i, bool brief)
{
    uint32_t took = 0;
    for (; tw_holder_may_take(&holders[i], &pool, 1, brief); took++)
        take_loose(i, 1);
    return took;
}

static bool promise(uint32_t i, uint32_t blocks)
{
    return tw_holder_promise(&holders[i], &pool, &(struct tw_holder_want){.blocks = blocks},
                             now_us);
}

/* Three of the largest: no more of them fit. */
static void fill(void)
{
    for (uint32_t i = 0; i < 3; i++)
        assert_true(promise(i, 64));
}

static void end(uint32_t i, uint32_t blocks)
{
    tw_holder_release(&holders[i], &pool, blocks, blocks);
}

/* One session has no more than what it leaves to others. */
static void test_one_leaves_as_much_as_it_takes(void **state)
{
    (void)state;
    start();
    uint32_t took = take_all_it_may(0, false);
    assert_int_equal(took, LOOSE / 2u);
    uint32_t second = take_all_it_may(1, false);
    assert_in_range(second, LOOSE / 4u, LOOSE / 3u + 1u);
    assert_false(tw_holder_may_take(&holders[0], &pool, 1, false));
    /* What a message takes that is whole at once is out of their reach, as is what is promised. */
    for (uint32_t i = 2; i < HOLDERS; i++)
        take_all_it_may(i, false);
    assert_true(tw_holder_may_take(&(struct tw_holder){0}, &pool, 2, true));
    assert_true(tw_block_pool_incoming(&pool) >= TW_MESSAGE_BLOCKS_MAX + BRIEF);
    assert_true(promise(0, TW_MESSAGE_BLOCKS_MAX));
    assert_true(tw_holder_may_take(&(struct tw_holder){0}, &pool, 2, true));
    stop();
}

/* Everything is promised that may be: an eighth is left for what is brief, and nothing for others.
 */
static void test_what_is_brief_finds_room_whatever_is_promised(void **state)
{
    (void)state;
    start();
    uint32_t promised = 0;
    for (uint32_t i = 0; i < HOLDERS; i++)
        promised += promise(i, 20) ? 20u : 0u;
    assert_in_range(promised, INCOMING - BRIEF - 19u, INCOMING - BRIEF);
    assert_false(tw_holder_may_take(&(struct tw_holder){0}, &pool, 3, false));
    assert_true(tw_holder_may_take(&(struct tw_holder){0}, &pool, 2, true));
    assert_int_equal(take_all_it_may(0, true), (INCOMING - promised) / 2u);
    stop();
}

/* While half of all is left, a session is promised what it wants; then one message at a time. */
static void test_one_at_a_time_where_it_is_narrow(void **state)
{
    (void)state;
    start();
    assert_true(promise(0, 60));
    assert_true(promise(0, 60));
    assert_false(promise(0, 60));
    assert_int_equal(holders[0].wants, 0); /* its own are in the way: it has no place in line */
    assert_true(promise(1, 60));
    assert_false(promise(1, 10));
    assert_true(promise(1, 4));
    end(0, 60);
    end(0, 60);
    assert_true(promise(1, 60));
    stop();
}

/* Bulk that waits for its price is not in the way of anything else. */
static void test_bulk_that_is_whole_is_in_the_way_of_bulk(void **state)
{
    (void)state;
    struct tw_holder_want want = {.blocks = 60, .bulk = true};
    start();
    assert_true(promise(1, 64));
    assert_true(tw_holder_promise(&holders[0], &pool, &want, now_us));
    assert_false(promise(0, 10));
    holders[0].whole = 60;
    assert_true(promise(0, 10));
    assert_false(tw_holder_promise(&holders[0], &pool, &want, now_us));
    stop();
}

/* Room goes to who stands before others, whoever asks first when it is there. */
static void test_the_line_is_in_order(void **state)
{
    (void)state;
    start();
    fill();
    for (uint32_t i = 3; i < 6; i++)
        assert_false(promise(i, 50));
    end(0, 64);
    assert_false(promise(5, 50));
    assert_false(promise(4, 50));
    assert_false(promise(6, 64)); /* nor who has just come */
    assert_true(promise(3, 50));
    assert_false(promise(5, 50));
    end(1, 64);
    assert_true(promise(4, 50));
    end(2, 64);
    /* There is room for two: neither waits until the other asks. */
    end(3, 50);
    assert_true(promise(6, 64));
    assert_true(promise(5, 50));
    assert_null(pool.line_first);
    assert_null(pool.line_last);
    stop();
}

/* What many little ones want is not added up to the end of the line. */
static void test_a_long_line_is_looked_at_in_part(void **state)
{
    (void)state;
    static struct tw_holder many[TW_HOLDER_LOOK_MAX + 2u];
    struct tw_holder_want want = {.blocks = 1};
    start();
    fill();
    assert_true(promise(3, INCOMING - BRIEF - 3u * 64u));
    memset(many, 0, sizeof(many));
    for (uint32_t i = 0; i < TW_HOLDER_LOOK_MAX + 2u; i++)
        assert_false(tw_holder_promise(&many[i], &pool, &want, now_us));
    for (uint32_t i = 0; i < 3; i++)
        end(i, 64);
    assert_false(tw_holder_promise(&many[TW_HOLDER_LOOK_MAX + 1u], &pool, &want, now_us));
    assert_true(tw_holder_promise(&many[0], &pool, &want, now_us));
    assert_true(tw_holder_promise(&many[TW_HOLDER_LOOK_MAX + 1u], &pool, &want, now_us));
    stop();
}

/* Who asks no more has no place, and who leaves has none. */
static void test_who_asks_no_more_loses_its_place(void **state)
{
    (void)state;
    start();
    fill();
    for (uint32_t i = 3; i < 6; i++)
        assert_false(promise(i, 50));
    now_us += TW_HOLDER_ASKS_US;
    assert_false(promise(5, 50));
    end(0, 64);
    assert_false(promise(5, 50));
    tw_holder_leave_line(&holders[4], &pool);
    tw_holder_leave_line(&holders[4], &pool);
    assert_false(promise(5, 50));
    now_us += 1;
    assert_true(promise(5, 50)); /* the third has not asked for too long */
    assert_null(pool.line_first);
    stop();
}

/* Somebody has to wait for a second, and there must be no room for it. */
static void test_when_room_is_short(void **state)
{
    (void)state;
    start();
    fill();
    assert_false(tw_holder_is_short(&pool, now_us));
    assert_false(promise(3, 50));
    now_us += TW_HOLDER_SHORT_US - 1u;
    assert_false(promise(3, 50));
    assert_false(tw_holder_is_short(&pool, now_us));
    now_us += 1;
    assert_true(tw_holder_is_short(&pool, now_us));
    end(0, 64);
    assert_false(tw_holder_is_short(&pool, now_us));
    assert_true(promise(4, INCOMING - BRIEF - 128u - 50u)); /* there is room for both, just */
    assert_false(tw_holder_is_short(&pool, now_us));
    take_loose(5, 1);
    assert_true(tw_holder_is_short(&pool, now_us));
    now_us += TW_HOLDER_ASKS_US;
    assert_false(tw_holder_is_short(&pool, now_us));
    assert_null(pool.line_first);
    stop();
}

/* What was loose is promised the rest; what is taken of it is claimed no more. */
static void test_what_was_loose_is_made_sure(void **state)
{
    (void)state;
    start();
    take_loose(0, 10);
    struct tw_holder_want want = {.blocks = 60, .taken = 10};
    assert_true(tw_holder_promise(&holders[0], &pool, &want, now_us));
    assert_int_equal(holders[0].loose, 0);
    assert_int_equal(pool.loose, 0);
    assert_int_equal(holders[0].sure, 60);
    assert_int_equal(pool.claimed, 50);
    uint32_t left = tw_block_pool_incoming(&pool);
    pool.incoming += 20;
    tw_holder_count_taken(&pool, 20);
    assert_int_equal(tw_block_pool_incoming(&pool), left);
    tw_holder_release(&holders[0], &pool, 60, 30);
    assert_int_equal(holders[0].sure, 0);
    assert_int_equal(pool.claimed, 0);
    stop();
}

/* A client's pool is all its own. */
static void test_a_pool_of_one_session(void **state)
{
    (void)state;
    start();
    tw_block_pool_init(&pool, memory, BLOCKS);
    assert_int_equal(take_all_it_may(0, false), BLOCKS);
    stop();
}

/* The smallest memory that a configuration gives, and more: the line has room for one of the
 * largest, whatever is loose. */
static void test_the_line_always_has_room_for_the_largest(void **state)
{
    (void)state;
    for (uint32_t kb = 1024; kb <= 16384; kb += 512) {
        start();
        pool.incoming_max = kb / 4u;
        pool.free_count = kb;
        pool.promised = 0;
        for (uint32_t i = 0; i + 1u < HOLDERS; i++)
            take_all_it_may(i, true);
        assert_true(promise(HOLDERS - 1u, TW_MESSAGE_BLOCKS_MAX));
        stop();
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_one_leaves_as_much_as_it_takes),
        cmocka_unit_test(test_what_is_brief_finds_room_whatever_is_promised),
        cmocka_unit_test(test_one_at_a_time_where_it_is_narrow),
        cmocka_unit_test(test_bulk_that_is_whole_is_in_the_way_of_bulk),
        cmocka_unit_test(test_the_line_is_in_order),
        cmocka_unit_test(test_a_long_line_is_looked_at_in_part),
        cmocka_unit_test(test_who_asks_no_more_loses_its_place),
        cmocka_unit_test(test_when_room_is_short),
        cmocka_unit_test(test_what_was_loose_is_made_sure),
        cmocka_unit_test(test_a_pool_of_one_session),
        cmocka_unit_test(test_the_line_always_has_room_for_the_largest),
    };
    return cmocka_run_group_tests(tests, testing_setup, NULL);
}
