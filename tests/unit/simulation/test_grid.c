/* SPDX-License-Identifier: BSD-3-Clause */
/* The grid against brute force, over seeds. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "simulation/core/rng.h"
#include "simulation/space/grid.h"

#define ENTITIES 400u
#define SIZE_M   200u
#define SIZE     (SIZE_M * 1024u)

struct model {
    bool in;
    int32_t x, y;
};

static int32_t random_place(struct tw_rng *rng)
{
    /* Borders of the world and of cells now and then. */
    switch (tw_rng_below(rng, 8)) {
    case 0:
        return 0;
    case 1:
        return SIZE;
    case 2:
        return (int32_t)(tw_rng_below(rng, SIZE >> TW_GRID_SHIFT) << TW_GRID_SHIFT);
    default:
        return (int32_t)tw_rng_below(rng, SIZE + 1u);
    }
}

static void check_query(const struct tw_grid *grid, const struct model *model, struct tw_rng *rng,
                        uint64_t seed)
{
    static const uint32_t radii[] = {0, 1, 600, 16384, 70000, 1000000};
    uint32_t found[ENTITIES];
    bool got[ENTITIES] = {false};
    /* Also from outside the world. */
    int32_t x = random_place(rng) + (int32_t)tw_rng_below(rng, 3) * 50000 - 50000;
    int32_t y = random_place(rng);
    uint32_t radius = radii[tw_rng_below(rng, 6)];
    uint32_t count = tw_grid_query(grid, x, y, radius, found);
    for (uint32_t i = 0; i < count; i++) {
        assert_false(got[found[i]]);
        got[found[i]] = true;
    }
    for (uint32_t i = 0; i < ENTITIES; i++) {
        int64_t dx = model[i].x - x;
        int64_t dy = model[i].y - y;
        bool inside = model[i].in && dx * dx + dy * dy <= (int64_t)radius * radius;
        if (inside != got[i])
            printf("seed %llu\n", (unsigned long long)seed);
        assert_int_equal(inside, got[i]);
    }
}

static void run(uint64_t seed)
{
    static struct model model[ENTITIES];
    struct tw_grid grid;
    struct tw_arena arena = {0};
    struct tw_rng rng;
    memset(model, 0, sizeof(model));
    tw_rng_seed(&rng, seed);
    tw_grid_carve(&grid, &arena, SIZE_M, ENTITIES);
    uint8_t *memory = aligned_alloc(64, arena.used);
    assert_non_null(memory);
    memset(memory, 0, arena.used);
    size_t size = arena.used;
    arena = (struct tw_arena){.base = memory};
    tw_grid_carve(&grid, &arena, SIZE_M, ENTITIES);
    for (uint32_t step = 0; step < 6000; step++) {
        uint32_t index = tw_rng_below(&rng, ENTITIES);
        struct model *one = &model[index];
        bool was_in = one->in;
        one->in = !was_in || tw_rng_below(&rng, 3) != 0;
        if (one->in) {
            one->x = was_in && tw_rng_below(&rng, 2) && one->x < (int32_t)SIZE ? one->x + 1
                                                                               : random_place(&rng);
            one->y = random_place(&rng);
        }
        if (was_in && one->in)
            tw_grid_move(&grid, index, one->x, one->y);
        else if (was_in)
            tw_grid_remove(&grid, index);
        else
            tw_grid_insert(&grid, index, one->x, one->y);
        check_query(&grid, model, &rng, seed);
    }
    for (uint32_t i = 0; i < ENTITIES; i++) {
        if (model[i].in)
            tw_grid_remove(&grid, i);
    }
    for (size_t i = 0; i < size; i++)
        assert_int_equal(memory[i], 0);
    free(memory);
}

static void test_against_brute_force(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 4; seed++)
        run(seed);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_against_brute_force)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
