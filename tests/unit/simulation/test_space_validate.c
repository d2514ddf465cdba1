/* SPDX-License-Identifier: BSD-3-Clause */
/* The validator finds each kind of damage, as a whole and in parts; and its figures are right. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "simulation/space/internal.h"
#include "simulation/space/validate.h"
#include "tests/unit/simulation/space_model.h"

#define METRE    1024
#define ENTITIES 400u

static void fill(struct space_model *model)
{
    struct tw_space_config config = {
        .size = {2000 * METRE, 2000 * METRE, 0}, .entities_max = ENTITIES, .large_max = 8};
    space_model_start(model, &config, SPACE_CLUSTERED, 3);
    for (uint32_t i = 0; i < ENTITIES - 10u; i++) {
        struct tw_space_body body = space_model_body(model);
        space_model_insert(model, i, &body);
    }
    struct tw_space_body large = {.at = {METRE, METRE, 0}, .radius = 50 * METRE};
    if (model->large == 0)
        space_model_insert(model, ENTITIES - 1u, &large);
}

static struct tw_space_node *some(const struct space_model *model, enum tw_space_node_kind kind)
{
    for (uint32_t at = 1; at <= model->space->nodes_end; at++) {
        struct tw_space_node *node = tw_space_node_at(model->space, at);
        if (node->kind == kind && (kind != TW_SPACE_NODE_LEAF || node->count > TW_SPACE_LANES))
            return node;
    }
    abort();
}

static struct tw_space_large_body *some_large(const struct space_model *model)
{
    for (uint32_t i = 0; i < model->space->large.end; i++) {
        if (model->space->large.bodies[i].radius > 0)
            return &model->space->large.bodies[i];
    }
    abort();
}

static void damage(struct space_model *model, enum tw_space_fault fault)
{
    struct tw_space *space = model->space;
    struct tw_space_node *leaf = some(model, TW_SPACE_NODE_LEAF);
    struct tw_space_node *inner = some(model, TW_SPACE_NODE_INNER);
    struct tw_space_block *block = tw_space_block_at(space, leaf->first);
    uint32_t index = tw_entity_index((tw_entity){block->handles[0]});
    struct tw_space_large_body *body = some_large(model);
    switch (fault) {
    case TW_SPACE_FAULT_LOST:
        space->generations[ENTITIES - 5u] = 1;
        break;
    case TW_SPACE_FAULT_DOUBLED:
        tw_space_block_at(space, block->next)->handles[0] = block->handles[0];
        break;
    case TW_SPACE_FAULT_FOREIGN:
        space->generations[index] = 0;
        break;
    case TW_SPACE_FAULT_OUTSIDE:
        block->x[0] += 3000 * METRE;
        break;
    case TW_SPACE_FAULT_COUNT:
        inner->count++;
        break;
    case TW_SPACE_FAULT_CELL:
        leaf->octant ^= 1u;
        leaf->low.x += 16 * METRE;
        break;
    case TW_SPACE_FAULT_BLOCK:
        tw_space_block_at(space, block->next)->count--;
        break;
    case TW_SPACE_FAULT_SPARSE:
        space->config.merge_below = inner->count + 1u;
        break;
    case TW_SPACE_FAULT_DEPTH:
        space->config.cell_shift_min = space->config.cell_shift;
        break;
    case TW_SPACE_FAULT_LARGE:
        body->at.x += 900 * METRE;
        break;
    default:
        space->blocks_free = 0;
    }
}

static void test_damage_is_found(void **state)
{
    (void)state;
    for (uint32_t fault = 1; fault < TW_SPACE_FAULT_COUNT_OF_KINDS; fault++) {
        struct space_model model;
        struct tw_space_figures figures;
        fill(&model);
        /* Something in the pools' free lists. */
        space_model_remove(&model, 0);
        for (uint32_t i = 1; i < 30; i++)
            space_model_remove(&model, i);
        assert_int_equal(tw_space_validate(model.space, &figures).faults, 0);
        assert_int_not_equal(model.space->blocks_free, 0);
        damage(&model, (enum tw_space_fault)fault);
        struct tw_space_verdict verdict = tw_space_validate(model.space, &figures);
        if (verdict.faults == 0)
            print_error("not found: %s\n", tw_space_fault_text((enum tw_space_fault)fault));
        assert_true(verdict.faults > 0);
        space_model_end(&model);
    }
}

static void test_names(void **state)
{
    (void)state;
    assert_string_equal(tw_space_fault_text(TW_SPACE_FAULT_NONE), "none");
    assert_string_equal(tw_space_fault_text(TW_SPACE_FAULT_COUNT_OF_KINDS), "unknown");
}

/* Rounds while the index changes: no false alarm; then one that is none. */
static void test_rounds(void **state)
{
    (void)state;
    struct space_model model;
    struct tw_space_audit audit = {0};
    struct tw_space_figures figures;
    fill(&model);
    for (uint32_t i = 0; i < 5000; i++) {
        space_model_step(&model, ENTITIES - 20u);
        tw_space_audit_step(&audit, model.space, 3, 11);
    }
    assert_int_equal(audit.verdict.faults, 0);
    assert_true(audit.rounds > 50);
    audit = (struct tw_space_audit){0};
    tw_space_audit_step(&audit, model.space, UINT32_MAX, UINT32_MAX);
    assert_int_equal(audit.rounds, 1);
    tw_space_validate(model.space, &figures);
    assert_memory_equal(&figures, &audit.figures, sizeof(figures));
    uint32_t leaves = 0;
    for (uint32_t i = 0; i < TW_SPACE_OCCUPANCIES; i++)
        leaves += figures.occupancy[i];
    assert_int_equal(leaves, figures.leaves);
    assert_int_equal(figures.entities, model.count);
    damage(&model, TW_SPACE_FAULT_OUTSIDE);
    for (uint32_t i = 0; i < 500; i++)
        tw_space_audit_step(&audit, model.space, 3, 11);
    assert_true(audit.verdict.faults > 0);
    assert_int_equal(audit.verdict.first, TW_SPACE_FAULT_OUTSIDE);
    space_model_end(&model);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_damage_is_found),
                                       cmocka_unit_test(test_names), cmocka_unit_test(test_rounds)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
