/* SPDX-License-Identifier: BSD-3-Clause */
/* Messages on their way out, packed: what they take, whose it is, and that all of it comes back. */
#include "dataplane/wire/sender.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#define BLOCKS   400u
#define SESSIONS 50u

static struct tw_block_pool pool;
static void *memory;
static uint8_t bytes[TW_MESSAGE_MAX], copied[TW_MESSAGE_MAX];

static int setup(void **state)
{
    (void)state;
    memory = aligned_alloc(64, (tw_block_pool_footprint(BLOCKS) + 63u) / 64u * 64u);
    assert_non_null(memory);
    tw_block_pool_init(&pool, memory, BLOCKS);
    for (uint32_t i = 0; i < sizeof(bytes); i++)
        bytes[i] = (uint8_t)(i * 7u + i / 251u);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    assert_int_equal(pool.free_count, BLOCKS);
    free(memory);
    return 0;
}

/* So many messages of a size until it says why not. */
static uint32_t fill(struct tw_parcels *parcels, struct tw_parcel_list *list, uint32_t size,
                     enum tw_parcels_room *why)
{
    uint32_t count = 0;
    while ((*why = tw_parcels_room(parcels, size, 0)) == TW_PARCELS_ROOM) {
        tw_parcel_list_append(list, parcels, tw_parcel_make(parcels, bytes, size));
        count++;
    }
    return count;
}

static void empty(struct tw_parcels *parcels, struct tw_parcel_list *list)
{
    struct tw_parcel *parcel;
    while ((parcel = tw_parcel_list_take(list, parcels)) != NULL)
        tw_parcel_free(parcels, parcel);
    assert_int_equal(parcels->blocks, 0);
}

static void small_ones_stand_side_by_side(void **state)
{
    (void)state;
    static const struct {
        uint32_t size, in_192;
    } rows[] = {{20, 192 * 12}, {60, 192 * 8}, {100, 192 * 6}, {500, 192}, {960, 192}};
    enum tw_parcels_room why;
    for (uint32_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct tw_parcels parcels;
        struct tw_parcel_list list = {0};
        tw_parcels_init(&parcels, &pool, 192);
        assert_int_equal(fill(&parcels, &list, rows[i].size, &why), rows[i].in_192);
        assert_int_equal(why, TW_PARCELS_FULL);
        assert_int_equal(parcels.blocks, 192);
        empty(&parcels, &list);
    }
}

static void whoever_holds_nothing_has_room_for_the_largest(void **state)
{
    (void)state;
    struct tw_parcels parcels;
    tw_parcels_init(&parcels, &pool, 64);
    assert_int_equal(tw_parcels_room(&parcels, TW_MESSAGE_MAX, 0), TW_PARCELS_ROOM);
    struct tw_parcel *parcel = tw_parcel_make(&parcels, bytes, TW_MESSAGE_MAX);
    assert_int_equal(parcels.blocks, 65); /* one for its notes */
    assert_int_equal(tw_parcels_room(&parcels, TW_MESSAGE_MAX, 0), TW_PARCELS_FULL);
    tw_parcel_copy(&parcels, parcel, 0, copied, TW_MESSAGE_MAX);
    assert_memory_equal(copied, bytes, TW_MESSAGE_MAX);
    tw_parcel_copy(&parcels, parcel, 1000, copied, 3000);
    assert_memory_equal(copied, bytes + 1000, 3000);
    tw_parcel_free(&parcels, parcel);
}

/* Half of the pool is promised; a greedy one gets the quarter that is for all, and its share. */
static void a_share_is_there_whatever_others_do(void **state)
{
    (void)state;
    struct tw_parcels parcels[SESSIONS];
    struct tw_parcel_list lists[SESSIONS] = {0};
    enum tw_parcels_room why;
    tw_block_pool_promise(&pool, SESSIONS);
    assert_int_equal(pool.share, 4);
    for (uint32_t i = 0; i < SESSIONS; i++)
        tw_parcels_init(&parcels[i], &pool, 192);
    assert_int_equal(fill(&parcels[0], &lists[0], 900, &why), BLOCKS / 4u + 4u);
    assert_int_equal(why, TW_PARCELS_NO_POOL);
    for (uint32_t i = 1; i < SESSIONS; i++) {
        assert_int_equal(fill(&parcels[i], &lists[i], 900, &why), 4);
        assert_int_equal(why, TW_PARCELS_NO_POOL);
    }
    assert_int_equal(pool.promised, 0);
    /* What comes in has its quarter all the same, and no more. */
    assert_int_equal(tw_block_pool_incoming(&pool), BLOCKS / 4u);
    struct tw_message *message = tw_message_make(&pool);
    assert_non_null(message);
    assert_int_equal(tw_block_pool_incoming(&pool), BLOCKS / 4u - 1u);
    /* What one gives back beyond its share is anybody's; a share stays its own. */
    tw_parcel_free(&parcels[0], tw_parcel_list_take(&lists[0], &parcels[0]));
    tw_parcel_free(&parcels[1], tw_parcel_list_take(&lists[1], &parcels[1]));
    assert_int_equal(pool.promised, 1);
    assert_int_equal(fill(&parcels[2], &lists[2], 900, &why), 1);
    assert_int_equal(fill(&parcels[3], &lists[3], 900, &why), 0);
    assert_int_equal(fill(&parcels[1], &lists[1], 900, &why), 1);
    tw_message_free(&pool, message);
    for (uint32_t i = 0; i < SESSIONS; i++)
        empty(&parcels[i], &lists[i]);
    assert_int_equal(pool.promised, SESSIONS * 4u);
}

/* Any sizes, freed in any order: each keeps its bytes, and blocks count what is held. */
static void any_order(void **state)
{
    (void)state;
    struct tw_parcels parcels;
    struct tw_parcel *held[64] = {0};
    uint32_t random = 88172645u;
    tw_parcels_init(&parcels, &pool, BLOCKS);
    for (uint32_t round = 0; round < 20000; round++) {
        random ^= random << 13;
        random ^= random >> 17;
        random ^= random << 5;
        struct tw_parcel **place = &held[random % 64u];
        uint32_t size = 1u + (random >> 8) % ((random & 0x40u) != 0 ? 8000u : 300u);
        if (*place) {
            tw_parcel_copy(&parcels, *place, 0, copied, (*place)->size);
            assert_memory_equal(copied, bytes + (*place)->number, (*place)->size);
            tw_parcel_free(&parcels, *place);
            *place = NULL;
        } else if (tw_parcels_room(&parcels, size, 0) == TW_PARCELS_ROOM) {
            uint16_t from = (uint16_t)(random >> 16);
            from = (uint16_t)(from % (TW_MESSAGE_MAX - size));
            *place = tw_parcel_make(&parcels, bytes + from, size);
            (*place)->number = from;
        }
        assert_int_equal(parcels.blocks, BLOCKS - pool.free_count);
    }
    for (uint32_t i = 0; i < 64; i++) {
        if (held[i])
            tw_parcel_free(&parcels, held[i]);
    }
}

/* Messages of a block each until there is no room; what the session holds then. */
static uint32_t fill_channel(struct tw_sender *sender, uint8_t channel)
{
    struct tw_outgoing message = {.channel = channel, .bytes = bytes, .size = 900};
    enum tw_sender_result room;
    while ((room = tw_sender_room(sender, channel, message.size)) == TW_SENDER_QUEUED)
        assert_int_equal(tw_sender_queue(sender, &message, 1000000), TW_SENDER_QUEUED);
    assert_int_equal(room, TW_SENDER_FULL);
    assert_int_equal(tw_sender_queue(sender, &message, 1000000), TW_SENDER_FULL);
    return sender->parcels.blocks;
}

/* Whatever waits of one channel, there is room for those that matter more. */
static void each_leaves_room_for_what_matters_more(void **state)
{
    (void)state;
    struct tw_sender sender;
    struct tw_outgoing latest = {.channel = TW_CHANNEL_STATE, .bytes = bytes, .size = 900};
    tw_sender_init(&sender, &pool, 192);
    assert_int_equal(fill_channel(&sender, TW_CHANNEL_BULK), 192 - 24);
    assert_int_equal(fill_channel(&sender, TW_CHANNEL_UNORDERED), 192 - 12);
    assert_int_equal(tw_sender_queue(&sender, &latest, 1000000), TW_SENDER_QUEUED);
    assert_int_equal(fill_channel(&sender, TW_CHANNEL_ORDERED), 192);
    assert_int_equal(tw_sender_room(&sender, TW_CHANNEL_BULK, 1), TW_SENDER_FULL);
    /* Whatever becomes free, bulk has none of it before it is below what it may have. */
    for (uint16_t number = 0; number < 24; number++) {
        assert_int_equal(tw_sender_room(&sender, TW_CHANNEL_BULK, 900), TW_SENDER_FULL);
        tw_sender_acked(&sender,
                        &(struct tw_run){.channel = TW_CHANNEL_BULK, .number = number, .count = 8},
                        1000000);
    }
    assert_int_equal(fill_channel(&sender, TW_CHANNEL_BULK), 192 - 24);
    assert_int_equal(fill_channel(&sender, TW_CHANNEL_ORDERED), 192);
    tw_sender_fini(&sender);
    /* What comes in the other order is not held back by it. */
    tw_sender_init(&sender, &pool, 192);
    assert_int_equal(fill_channel(&sender, TW_CHANNEL_ORDERED), 192);
    tw_sender_fini(&sender);
}

/* Nor does one of the largest take it, at the least that may be configured. While memory is ample
 * bulk may fill twice the bound, and the others have as much room beyond that. */
static void it_leaves_as_much_of_other_bounds(void **state)
{
    (void)state;
    struct tw_sender sender;
    struct tw_outgoing largest = {
        .channel = TW_CHANNEL_BULK, .bytes = bytes, .size = TW_MESSAGE_MAX};
    tw_sender_init(&sender, &pool, 80);
    assert_int_equal(tw_sender_queue(&sender, &largest, 1000000), TW_SENDER_QUEUED);
    assert_int_equal(fill_channel(&sender, TW_CHANNEL_BULK), 70);
    assert_int_equal(fill_channel(&sender, TW_CHANNEL_UNORDERED), 75);
    assert_int_equal(fill_channel(&sender, TW_CHANNEL_ORDERED), 80);
    tw_sender_fini(&sender);
    pool.ample = BLOCKS / 8u;
    tw_sender_init(&sender, &pool, 96);
    assert_int_equal(fill_channel(&sender, TW_CHANNEL_BULK), 2 * 96);
    assert_int_equal(fill_channel(&sender, TW_CHANNEL_UNORDERED), 2 * 96 + 6);
    assert_int_equal(fill_channel(&sender, TW_CHANNEL_ORDERED), 2 * 96 + 12);
    tw_sender_fini(&sender);
}

static void the_oldest_tells_how_long_it_waits(void **state)
{
    (void)state;
    struct tw_sender sender;
    tw_sender_init(&sender, &pool, 64);
    struct tw_outgoing message = {.channel = TW_CHANNEL_ORDERED, .bytes = bytes, .size = 10};
    assert_int_equal(tw_sender_waiting_ms(&sender, 9000000), 0);
    assert_int_equal(tw_sender_queue(&sender, &message, 1000000), TW_SENDER_QUEUED);
    message.channel = TW_CHANNEL_BULK;
    assert_int_equal(tw_sender_queue(&sender, &message, 3000000), TW_SENDER_QUEUED);
    assert_int_equal(tw_sender_waiting_ms(&sender, 9000000), 8000);
    tw_sender_acked(&sender, &(struct tw_run){.channel = TW_CHANNEL_ORDERED, .count = 1}, 9000000);
    assert_int_equal(tw_sender_waiting_ms(&sender, 9000000), 6000);
    tw_sender_fini(&sender);
}

/* Of one of 60 KB, whose first bytes were not acknowledged, so many granules a second. */
static uint32_t idle_after(uint32_t granules_per_s, uint32_t seconds)
{
    struct tw_sender sender;
    tw_sender_init(&sender, &pool, 64);
    struct tw_outgoing message = {.channel = TW_CHANNEL_BULK, .bytes = bytes, .size = 60000};
    assert_int_equal(tw_sender_queue(&sender, &message, 1000000), TW_SENDER_QUEUED);
    assert_int_equal(sender.left, 469);
    uint32_t first = 1;
    for (uint32_t second = 1; second <= seconds; second++) {
        struct tw_run run = {.channel = TW_CHANNEL_BULK,
                             .first = (uint16_t)first,
                             .count = (uint16_t)granules_per_s};
        tw_sender_acked(&sender, &run, 1000000u + second * UINT64_C(1000000));
        first += granules_per_s;
    }
    uint64_t end_us = 1000000u + seconds * UINT64_C(1000000);
    uint32_t idle_ms = tw_sender_idle_ms(&sender, end_us);
    assert_int_equal(sender.left, 469u - seconds * granules_per_s);
    assert_int_equal(tw_sender_waiting_ms(&sender, end_us), seconds * 1000u);
    /* All of it is to be sent again, but none twice. */
    tw_sender_begin_again(&sender);
    assert_int_equal(sender.left, 469);
    tw_sender_fini(&sender);
    assert_int_equal(sender.left, 0);
    return idle_ms;
}

static void who_takes_next_to_nothing_is_idle(void **state)
{
    (void)state;
    assert_int_equal(idle_after(0, 9), 9000);
    assert_int_equal(idle_after(5, 9), 9000);
    assert_int_equal(idle_after(50, 9), 1000);
}

/* What was given up is not left, but for the news of it. */
static void what_is_given_up_is_not_left(void **state)
{
    (void)state;
    struct tw_sender sender;
    tw_sender_init(&sender, &pool, 400);
    struct tw_outgoing message = {
        .channel = TW_CHANNEL_BULK, .bytes = bytes, .size = 60000, .deadline_us = 2000000};
    for (uint32_t i = 0; i < 5; i++)
        assert_int_equal(tw_sender_queue(&sender, &message, 1000000), TW_SENDER_QUEUED);
    tw_sender_acked(&sender, &(struct tw_run){.channel = TW_CHANNEL_BULK, .count = 100}, 1000000);
    assert_int_equal(sender.left, 5 * 469 - 100);
    uint16_t numbered = sender.channels[TW_CHANNEL_BULK].next;
    assert_in_range(numbered, 1, 4);
    tw_sender_expire(&sender, 2000000);
    assert_int_equal(sender.left, numbered);
    for (uint16_t number = 0; number < numbered; number++)
        tw_sender_acked(&sender, &(struct tw_run){.channel = TW_CHANNEL_BULK, .number = number},
                        2000000);
    assert_int_equal(sender.left, 0);
    assert_true(tw_sender_empty(&sender));
    tw_sender_fini(&sender);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(small_ones_stand_side_by_side, setup, teardown),
        cmocka_unit_test_setup_teardown(whoever_holds_nothing_has_room_for_the_largest, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(a_share_is_there_whatever_others_do, setup, teardown),
        cmocka_unit_test_setup_teardown(any_order, setup, teardown),
        cmocka_unit_test_setup_teardown(each_leaves_room_for_what_matters_more, setup, teardown),
        cmocka_unit_test_setup_teardown(it_leaves_as_much_of_other_bounds, setup, teardown),
        cmocka_unit_test_setup_teardown(who_takes_next_to_nothing_is_idle, setup, teardown),
        cmocka_unit_test_setup_teardown(what_is_given_up_is_not_left, setup, teardown),
        cmocka_unit_test_setup_teardown(the_oldest_tells_how_long_it_waits, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
