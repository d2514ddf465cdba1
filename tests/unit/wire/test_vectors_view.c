/* SPDX-License-Identifier: BSD-3-Clause */
/* The snapshot of the protocol's test vectors, applied by the client library's own view. */
#include "simulation/client/view.h"
#include "tests/unit/wire/testing.h"
#include "tests/unit/wire/vectors.h"
#include "tickwire/bytes.h"

#include <stdlib.h>

static struct vectors vectors;
static void *memory;
static struct tw_view *view;

static int setup(void **state)
{
    vectors_build(&vectors);
    memory = aligned_alloc(64, (tw_view_footprint(16) + 63) / 64 * 64);
    view = memory != NULL ? tw_view_init(memory, 16) : NULL;
    return view != NULL ? testing_setup(state) : -1;
}

static int teardown(void **state)
{
    (void)state;
    free(memory);
    return 0;
}

static void documented_snapshot_applies(void **state)
{
    (void)state;
    const struct vector *body = vector_get(&vectors, "snapshot body");
    struct tw_view_changes changes;
    assert_int_equal(tw_view_apply(view, body->bytes, body->size, &changes), TW_VIEW_APPLIED);
    assert_int_equal(changes.number, 1);
    assert_int_equal(changes.tick, 1008);
    assert_int_equal(changes.last_input_tick, 1005);
    assert_true(changes.hash_checked);
    assert_false(changes.hash_wrong);
    assert_false(changes.incomplete);
    uint64_t expected = tw_load_u64(vector_get(&vectors, "view hash")->bytes);
    assert_true(tw_view_hash(view) == expected);

    struct tw_view_entity wanderer;
    assert_true(tw_view_entity(view, 0x01000009, &wanderer));
    assert_int_equal(wanderer.x, 0x20010);
    assert_int_equal(wanderer.y, 0x22000);
    assert_int_equal(wanderer.speed, 32);
    assert_int_equal(wanderer.type, 2);
    assert_int_equal(wanderer.health, 40);
    assert_int_equal(wanderer.health_max, 50);
    struct tw_view_self self = tw_view_get_self(view);
    assert_int_equal(self.handle, 0x02000005);
    assert_int_equal(self.x, 0x18000);
    assert_int_equal(self.velocity_y, 5120);
}

static void documented_baseline_applies(void **state)
{
    (void)state;
    const struct vector *body = vector_get(&vectors, "baseline body");
    struct tw_view_changes changes;
    assert_int_equal(tw_view_apply(view, body->bytes, body->size, &changes), TW_VIEW_APPLIED);
    assert_true(changes.baseline && changes.incomplete && changes.hash_checked);
    assert_false(changes.hash_wrong);
    assert_int_equal(changes.exited_count, 2); /* both that were there; one enters anew */
    assert_int_equal(changes.entered_count, 1);
    assert_int_equal(changes.check.bits, 4);
    assert_int_equal(changes.check.group, 9);
    struct tw_view_entity entity;
    assert_true(tw_view_entity(view, 0x01000009, &entity));
    assert_false(tw_view_entity(view, 0x02000005, &entity));
}

int main(void)
{
    if (sodium_init() < 0)
        return 1;
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(documented_snapshot_applies),
        cmocka_unit_test(documented_baseline_applies),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
