/* SPDX-License-Identifier: BSD-3-Clause */
/* The client's view: parsing, order of application, index reuse, acknowledgements. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "simulation/client/view.h"
#include "simulation/core/hash.h"
#include "simulation/core/rng.h"
#include "tickwire/bytes.h"
#include "tickwire/wire.h"

struct snapshot {
    uint8_t bytes[1200];
    struct tw_writer writer;
};

static struct tw_view *make_view(uint32_t capacity)
{
    void *memory = aligned_alloc(64, tw_view_footprint(capacity));
    assert_non_null(memory);
    return tw_view_init(memory, capacity);
}

static void begin(struct snapshot *snapshot, uint32_t number, uint8_t flags)
{
    snapshot->writer = tw_writer_make(snapshot->bytes, sizeof(snapshot->bytes));
    tw_write_u32(&snapshot->writer, number);
    tw_write_u32(&snapshot->writer, 100u + number);
    tw_write_u32(&snapshot->writer, 7);
    tw_write_u8(&snapshot->writer, flags);
}

static void write_hot(struct snapshot *snapshot, uint8_t fill)
{
    for (uint32_t i = 0; i < TW_HOT_SIZE; i++)
        tw_write_u8(&snapshot->writer, fill);
}

static void write_enter(struct snapshot *snapshot, uint32_t handle, uint8_t fill)
{
    tw_write_u32(&snapshot->writer, handle);
    tw_write_u16(&snapshot->writer, 1);
    tw_write_u16(&snapshot->writer, 2);
    write_hot(snapshot, fill);
    tw_write_u8(&snapshot->writer, TW_COLD_KNOWN);
    for (uint32_t i = 0; i < TW_COLD_SIZE_MAX; i++)
        tw_write_u8(&snapshot->writer, fill);
}

static void write_counts(struct snapshot *snapshot, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++)
        tw_write_u8(&snapshot->writer, 0);
}

static enum tw_view_result apply(struct tw_view *view, const struct snapshot *snapshot,
                                 struct tw_view_changes *changes)
{
    size_t size = (size_t)(snapshot->writer.next - snapshot->bytes);
    assert_false(snapshot->writer.failed);
    return tw_view_apply(view, snapshot->bytes, size, changes);
}

/* One of everything: self, hash, exit, enter, cold, hot. */
static void write_full(struct snapshot *snapshot, uint32_t number)
{
    begin(snapshot, number, TW_SNAPSHOT_HAS_SELF | TW_SNAPSHOT_HAS_HASH);
    tw_write_u32(&snapshot->writer, 0x01000005);
    for (uint32_t i = 1; i <= 4; i++)
        tw_write_u32(&snapshot->writer, 0u - i);
    tw_write_u16(&snapshot->writer, 0x1234);
    tw_write_u64(&snapshot->writer, 0);
    tw_write_u8(&snapshot->writer, 1);
    tw_write_u32(&snapshot->writer, 0x01000009);
    tw_write_u8(&snapshot->writer, 1);
    write_enter(snapshot, 0x01000005, 3);
    tw_write_u8(&snapshot->writer, 1);
    tw_write_u24(&snapshot->writer, 5);
    tw_write_u8(&snapshot->writer, TW_COLD_TEAM | TW_COLD_HEALTH);
    tw_write_u8(&snapshot->writer, 9);
    tw_write_u16(&snapshot->writer, 500);
    tw_write_u8(&snapshot->writer, 1);
    tw_write_u16(&snapshot->writer, 4);
    tw_write_u16(&snapshot->writer, 0x8000);
    tw_write_u8(&snapshot->writer, 1);
    tw_write_u24(&snapshot->writer, 5);
    tw_write_u16(&snapshot->writer, 0xabcd);
    tw_write_u16(&snapshot->writer, 0x0001);
    tw_write_u8(&snapshot->writer, 10);
    tw_write_u8(&snapshot->writer, 11);
    tw_write_u8(&snapshot->writer, 12);
}

static void test_every_part_is_applied_in_order(void **state)
{
    (void)state;
    struct tw_view *view = make_view(8);
    struct tw_view_changes changes;
    struct tw_view_entity entity;
    struct snapshot snapshot;
    write_full(&snapshot, 1);
    assert_int_equal(apply(view, &snapshot, &changes), TW_VIEW_APPLIED);
    assert_int_equal(changes.entered_count, 1);
    assert_int_equal(changes.entered[0], 0x01000005);
    assert_int_equal(changes.exited_count, 0); /* not known: ignored */
    assert_int_equal(changes.last_input_tick, 7);
    assert_true(changes.hash_checked && changes.hash_wrong);
    assert_true(tw_view_entity(view, 0x01000005, &entity));
    assert_false(tw_view_entity(view, 0x02000005, &entity));
    assert_int_equal(entity.x, 4 * 65536 + 0xabcd);
    assert_int_equal(entity.y, (int32_t)0x80000001u);
    assert_int_equal(entity.heading, 10);
    assert_int_equal(entity.speed, 11);
    assert_int_equal(entity.action, 12);
    assert_int_equal(entity.type, 3);
    assert_int_equal(entity.team, 9);
    assert_int_equal(entity.appearance, 0x0303);
    assert_int_equal(entity.health, 500);
    assert_int_equal(entity.health_max, 0x0303);
    assert_int_equal(entity.tick, 101);
    struct tw_view_self self = tw_view_get_self(view);
    assert_int_equal(self.handle, 0x01000005);
    assert_int_equal(self.x, -1);
    assert_int_equal(self.velocity_y, -4);
    assert_int_equal(self.heading, 0x1234);
    assert_int_equal(self.tick, 101);
    /* The hash is the sum over the records of the text. */
    uint8_t record[23] = {5,  0,  0,  1, 4, 0, 0, 0x80, 0xcd, 0xab, 1, 0,
                          10, 11, 12, 3, 9, 3, 3, 0xf4, 1,    3,    3};
    assert_int_equal(tw_view_hash(view), tw_hash64(record, sizeof(record)));
    free(view);
}

static void test_truncated_or_wrong_changes_nothing(void **state)
{
    (void)state;
    struct tw_view *view = make_view(8);
    struct tw_view_changes changes;
    struct snapshot snapshot;
    write_full(&snapshot, 1);
    size_t size = (size_t)(snapshot.writer.next - snapshot.bytes);
    for (size_t cut = 0; cut < size; cut++)
        assert_int_equal(tw_view_apply(view, snapshot.bytes, cut, &changes), TW_VIEW_MALFORMED);
    assert_int_equal(tw_view_apply(view, snapshot.bytes, size + 1u, &changes), TW_VIEW_MALFORMED);
    /* number 0; unknown flag; hash in an incomplete one; handles of generation 0; masks; counts */
    static const struct {
        size_t at;
        uint8_t value;
    } wrong[] = {{0, 0},
                 {12, 0x0b},
                 {12, 0x07},
                 {13 + 3, 0},
                 {43 + 1 + 3, 0},
                 {43 + 6 + 3, 0},
                 {43 + 6 + 15, 0x0f},
                 {43 + 6 + 24 + 1 + 3, 0},
                 {43 + 6 + 24 + 1 + 3, 0x20},
                 {43 + 6 + 24 + 1 + 7 + 1 + 4, 0},
                 {43 + 6 + 24 + 1 + 7 + 1 + 4, 2}};
    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
        uint8_t kept = snapshot.bytes[wrong[i].at];
        snapshot.bytes[wrong[i].at] = wrong[i].value;
        assert_int_equal(tw_view_apply(view, snapshot.bytes, size, &changes), TW_VIEW_MALFORMED);
        snapshot.bytes[wrong[i].at] = kept;
    }
    uint32_t newest, bitmap;
    tw_view_acknowledgement(view, &newest, &bitmap);
    assert_int_equal(newest, 0);
    assert_int_equal(tw_view_hash(view), 0);
    assert_int_equal(tw_view_get_self(view).handle, 0);
    assert_int_equal(tw_view_apply(view, snapshot.bytes, size, &changes), TW_VIEW_APPLIED);
    free(view);
}

static void test_an_index_names_one_entity(void **state)
{
    (void)state;
    struct tw_view *view = make_view(2);
    struct tw_view_changes changes;
    struct tw_view_entity entity;
    struct snapshot snapshot;
    begin(&snapshot, 1, 0);
    write_counts(&snapshot, 1);
    tw_write_u8(&snapshot.writer, 2);
    write_enter(&snapshot, 0x01000005, 1);
    write_enter(&snapshot, 0x01000006, 2);
    write_counts(&snapshot, 2);
    assert_int_equal(apply(view, &snapshot, &changes), TW_VIEW_APPLIED);
    /* Another generation replaces; a third entity finds the view full. */
    begin(&snapshot, 2, TW_SNAPSHOT_INCOMPLETE);
    write_counts(&snapshot, 1);
    tw_write_u8(&snapshot.writer, 3);
    write_enter(&snapshot, 0x02000005, 3);
    write_enter(&snapshot, 0x01000007, 4);
    write_enter(&snapshot, 0x01000006, 5); /* known: only new values */
    write_counts(&snapshot, 2);
    assert_int_equal(apply(view, &snapshot, &changes), TW_VIEW_FULL);
    assert_true(changes.incomplete);
    assert_int_equal(changes.entered_count, 1);
    assert_int_equal(changes.entered[0], 0x02000005);
    assert_int_equal(changes.exited_count, 1);
    assert_int_equal(changes.exited[0], 0x01000005);
    assert_false(tw_view_entity(view, 0x01000007, &entity));
    assert_true(tw_view_entity(view, 0x01000006, &entity));
    assert_int_equal(entity.heading, 5);
    /* The old generation's exit comes late: ignored. */
    begin(&snapshot, 3, 0);
    tw_write_u8(&snapshot.writer, 1);
    tw_write_u32(&snapshot.writer, 0x01000005);
    write_counts(&snapshot, 3);
    assert_int_equal(apply(view, &snapshot, &changes), TW_VIEW_APPLIED);
    assert_int_equal(changes.exited_count, 0);
    assert_true(tw_view_entity(view, 0x02000005, &entity));
    free(view);
}

static void apply_empty(struct tw_view *view, uint32_t number, enum tw_view_result expected)
{
    struct tw_view_changes changes;
    struct snapshot snapshot;
    begin(&snapshot, number, 0);
    write_counts(&snapshot, 4);
    assert_int_equal(apply(view, &snapshot, &changes), expected);
}

static void check_acknowledgement(const struct tw_view *view, uint32_t newest, uint32_t bitmap)
{
    uint32_t got_newest, got_bitmap;
    tw_view_acknowledgement(view, &got_newest, &got_bitmap);
    assert_int_equal(got_newest, newest);
    assert_int_equal(got_bitmap, bitmap);
}

static void test_acknowledgements(void **state)
{
    (void)state;
    struct tw_view *view = make_view(1);
    check_acknowledgement(view, 0, 0);
    apply_empty(view, 3, TW_VIEW_APPLIED);
    check_acknowledgement(view, 3, 0);
    apply_empty(view, 3, TW_VIEW_OLD);
    apply_empty(view, 2, TW_VIEW_OLD);
    check_acknowledgement(view, 3, 0);
    apply_empty(view, 4, TW_VIEW_APPLIED);
    check_acknowledgement(view, 4, 1);
    apply_empty(view, 6, TW_VIEW_APPLIED);
    check_acknowledgement(view, 6, 6);
    apply_empty(view, 38, TW_VIEW_APPLIED);
    check_acknowledgement(view, 38, 0x80000000u);
    apply_empty(view, 71, TW_VIEW_APPLIED);
    check_acknowledgement(view, 71, 0);
    apply_empty(view, UINT32_MAX, TW_VIEW_APPLIED);
    check_acknowledgement(view, UINT32_MAX, 0);
    free(view);
}

/* Thousands of enters and exits of few indexes: the map agrees with a plain table. */
static void test_map_against_a_table(void **state)
{
    (void)state;
    enum { INDEXES = 200, CAPACITY = 150 };
    struct tw_view *view = make_view(CAPACITY);
    uint32_t known[INDEXES] = {0};
    uint32_t count = 0;
    struct tw_rng rng;
    tw_rng_seed(&rng, 77);
    for (uint32_t number = 1; number < 5000; number++) {
        struct tw_view_changes changes;
        struct tw_view_entity entity;
        struct snapshot snapshot;
        uint32_t at = tw_rng_below(&rng, INDEXES);
        uint32_t index = at * 83886u; /* spread over 24 bits */
        uint32_t handle = (1u + tw_rng_below(&rng, 3)) << 24 | index;
        bool exit = tw_rng_below(&rng, 3) == 0;
        begin(&snapshot, number, 0);
        tw_write_u8(&snapshot.writer, exit);
        if (exit)
            tw_write_u32(&snapshot.writer, handle);
        tw_write_u8(&snapshot.writer, !exit);
        if (!exit)
            write_enter(&snapshot, handle, (uint8_t)number);
        write_counts(&snapshot, 2);
        bool full = !exit && known[at] == 0 && count == CAPACITY;
        assert_int_equal(apply(view, &snapshot, &changes), full ? TW_VIEW_FULL : TW_VIEW_APPLIED);
        if (exit && known[at] == handle) {
            known[at] = 0;
            count--;
        } else if (!exit && !full) {
            count += known[at] == 0;
            known[at] = handle;
        }
        struct tw_view_entity all[INDEXES];
        assert_int_equal(tw_view_entities(view, all, INDEXES), count);
        for (uint32_t i = 0; i < INDEXES && number % 16 == 0; i++) {
            if (known[i])
                assert_true(tw_view_entity(view, known[i], &entity));
        }
    }
    assert_true(count > 50);
    free(view);
}

static void test_capacity_limits(void **state)
{
    (void)state;
    assert_int_equal(tw_view_footprint(0), 0);
    assert_int_equal(tw_view_footprint(65537), 0);
    assert_true(tw_view_footprint(65536) > 65536u * 32u);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_part_is_applied_in_order),
        cmocka_unit_test(test_truncated_or_wrong_changes_nothing),
        cmocka_unit_test(test_an_index_names_one_entity),
        cmocka_unit_test(test_acknowledgements),
        cmocka_unit_test(test_map_against_a_table),
        cmocka_unit_test(test_capacity_limits),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
