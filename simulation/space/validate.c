/* SPDX-License-Identifier: BSD-3-Clause */
#include "simulation/space/validate.h"

#include "simulation/space/internal.h"

const char *tw_space_fault_text(enum tw_space_fault fault)
{
    static const char *const texts[] = {
#define TW_SPACE_FAULT_TEXT(name, text) text,
        TW_SPACE_FAULTS(TW_SPACE_FAULT_TEXT)
#undef TW_SPACE_FAULT_TEXT
    };
    return fault < TW_SPACE_FAULT_COUNT_OF_KINDS ? texts[fault] : "unknown";
}

struct check {
    const struct tw_space *space;
    struct tw_space_verdict *verdict;
    struct tw_space_figures *figures;
};

static void blame(struct check *check, enum tw_space_fault fault, uint32_t subject)
{
    if (check->verdict->faults++ == 0) {
        check->verdict->first = fault;
        check->verdict->subject = subject;
    }
}

static void demand(struct check *check, bool holds, enum tw_space_fault fault, uint32_t subject)
{
    if (!holds)
        blame(check, fault, subject);
}

static bool is_in_world(const struct tw_space *space, struct tw_space_point at)
{
    const struct tw_space_config *config = &space->config;
    int32_t last = config->wraps ? 1 : 0;
    return at.x >= 0 && at.x <= config->size.x - last && at.y >= 0 &&
           at.y <= config->size.y - last && at.z >= 0 && at.z <= config->size.z;
}

static void check_lane(struct check *check, const struct tw_space_block *block, uint32_t lane,
                       const struct tw_space_bounds *reach)
{
    const struct tw_space *space = check->space;
    uint32_t handle = block->handles[lane];
    uint32_t index = handle & TW_ENTITY_INDEX_MASK;
    struct tw_space_point at = tw_space_block_point(block, lane);
    if (index >= space->config.entities_max ||
        space->generations[index] != tw_entity_generation((tw_entity){.bits = handle})) {
        blame(check, TW_SPACE_FAULT_FOREIGN, handle);
        return;
    }
    uint32_t place = (uint32_t)(block - space->blocks) * TW_SPACE_LANES + lane;
    demand(check, space->places[index] == place, TW_SPACE_FAULT_DOUBLED, handle);
    demand(check, tw_space_bounds_hold(reach, at) && is_in_world(space, at), TW_SPACE_FAULT_OUTSIDE,
           handle);
    if (block->tags[lane] & TW_SPACE_TAG_LARGE) {
        uint32_t number = block->tags[lane] >> TW_SPACE_TAG_RADIUS_SHIFT;
        bool known = number < space->large.end && space->large.bodies[number].handle == handle &&
                     tw_space_squared(space->large.bodies[number].at, at) == 0;
        demand(check, known, TW_SPACE_FAULT_LARGE, handle);
    }
}

static void note_leaf(struct tw_space_figures *figures, const struct tw_space_node *leaf)
{
    static const uint32_t limits[TW_SPACE_OCCUPANCIES - 1u] = {8, 16, 32, 64, 128, 1024};
    uint32_t bucket = 0;
    while (bucket < TW_SPACE_OCCUPANCIES - 1u && leaf->count > limits[bucket])
        bucket++;
    figures->occupancy[bucket]++;
    figures->leaves++;
    if (leaf->count > figures->fullest) {
        figures->fullest = leaf->count;
        figures->fullest_at = leaf->low;
    }
}

static void check_leaf(struct check *check, uint32_t number)
{
    const struct tw_space *space = check->space;
    const struct tw_space_node *leaf = tw_space_node_at(space, number);
    struct tw_space_bounds inside = tw_space_node_bounds(leaf);
    struct tw_space_bounds reach = tw_space_node_reach(space, leaf);
    uint32_t count = 0;
    uint32_t strays = 0;
    /* A chain that runs in a circle ends after as many blocks as there are. */
    uint32_t left = space->blocks_max;
    for (uint32_t next = leaf->first; next != 0 && left > 0; left--) {
        const struct tw_space_block *block = tw_space_block_at(space, next);
        bool full = next == leaf->first || block->count == TW_SPACE_LANES;
        demand(check,
               block->node == number && block->shift == leaf->shift && block->count > 0 && full &&
                   tw_space_squared(block->low, leaf->low) == 0,
               TW_SPACE_FAULT_BLOCK, number);
        for (uint32_t lane = 0; lane < block->count && lane < TW_SPACE_LANES; lane++) {
            check_lane(check, block, lane, &reach);
            strays += !tw_space_bounds_hold(&inside, tw_space_block_point(block, lane));
        }
        count += block->count;
        check->figures->blocks++;
        next = block->next;
    }
    demand(check, count == leaf->count && strays == leaf->strays, TW_SPACE_FAULT_COUNT, number);
    demand(check, leaf->count > 0, TW_SPACE_FAULT_SPARSE, number);
    note_leaf(check->figures, leaf);
}

static void check_inner(struct check *check, uint32_t number)
{
    const struct tw_space *space = check->space;
    const struct tw_space_node *inner = tw_space_node_at(space, number);
    uint32_t count = 0;
    for (uint32_t i = 0; i < TW_SPACE_OCTANTS; i++) {
        if (inner->children[i] == 0)
            continue;
        const struct tw_space_node *child = tw_space_node_at(space, inner->children[i]);
        struct tw_space_bounds bounds = tw_space_node_bounds(inner);
        bool linked =
            child->kind != TW_SPACE_NODE_FREE && child->parent == number && child->octant == i &&
            child->shift + 1u == inner->shift && child->depth == inner->depth + 1u &&
            tw_space_bounds_hold(&bounds, child->low) && tw_space_octant_of(inner, child->low) == i;
        demand(check, linked, TW_SPACE_FAULT_CELL, number);
        count += child->count;
    }
    demand(check, count == inner->count, TW_SPACE_FAULT_COUNT, number);
    demand(check, inner->count >= space->config.merge_below, TW_SPACE_FAULT_SPARSE, number);
    check->figures->inner++;
}

static void check_node(struct check *check, uint32_t number)
{
    const struct tw_space *space = check->space;
    const struct tw_space_node *node = tw_space_node_at(space, number);
    if (node->kind == TW_SPACE_NODE_FREE)
        return;
    if (node->depth > check->figures->depth_max)
        check->figures->depth_max = node->depth;
    demand(check, node->shift >= space->config.cell_shift_min, TW_SPACE_FAULT_DEPTH, number);
    if (node->depth == 0) {
        uint32_t found = tw_space_roots_find(space, tw_space_root_cell(space, node->low));
        demand(check, found == number && node->shift == space->config.cell_shift,
               TW_SPACE_FAULT_CELL, number);
        check->figures->roots++;
    } else {
        bool held = node->parent != 0 && node->parent <= space->nodes_end &&
                    tw_space_node_at(space, node->parent)->kind == TW_SPACE_NODE_INNER &&
                    tw_space_node_at(space, node->parent)->children[node->octant] == number;
        demand(check, held, TW_SPACE_FAULT_CELL, number);
    }
    if (node->kind == TW_SPACE_NODE_LEAF)
        check_leaf(check, number);
    else
        check_inner(check, number);
}

static void check_entity(struct check *check, uint32_t index)
{
    const struct tw_space *space = check->space;
    if (space->generations[index] == 0)
        return;
    check->figures->entities++;
    uint32_t place = space->places[index];
    const struct tw_space_block *block = &space->blocks[place / TW_SPACE_LANES];
    uint32_t handle = tw_entity_make(index, space->generations[index]).bits;
    bool there = place / TW_SPACE_LANES < space->blocks_end &&
                 place % TW_SPACE_LANES < block->count &&
                 block->handles[place % TW_SPACE_LANES] == handle && block->node != 0 &&
                 tw_space_node_at(space, block->node)->kind == TW_SPACE_NODE_LEAF;
    demand(check, there, TW_SPACE_FAULT_LOST, handle);
}

static bool note_met(void *context, const struct tw_space_large_body *body)
{
    const struct tw_space_large_body **wanted = context;
    return body != *wanted;
}

static void check_large(struct check *check)
{
    const struct tw_space_large *large = &check->space->large;
    uint32_t used = 0;
    for (uint32_t i = 0; i < large->end; i++) {
        const struct tw_space_large_body *body = &large->bodies[i];
        struct tw_space_bounds corners[2] = {{body->at, body->at}, {body->at, body->at}};
        if (body->radius == 0)
            continue;
        used++;
        corners[0] = tw_space_bounds_grow(corners[0], body->radius);
        corners[1] = corners[0];
        corners[0].high = corners[0].low;
        corners[1].low = corners[1].high;
        /* Met at both ends of its box, or at a point of it that other bodies hide from nobody. */
        for (uint32_t end = 0; end < 2u; end++) {
            const struct tw_space_large_body *wanted = body;
            demand(check, !tw_space_large_visit(large, &corners[end], note_met, &wanted),
                   TW_SPACE_FAULT_LARGE, body->handle);
        }
    }
    demand(check, used == large->used, TW_SPACE_FAULT_LARGE, 0);
    check->figures->large = used;
}

static uint32_t length_of_free(const struct tw_space *space, bool nodes)
{
    uint32_t at = nodes ? space->nodes_free : space->blocks_free;
    uint32_t most = nodes ? space->nodes_max : space->blocks_max;
    uint32_t length = 0;
    while (at != 0 && length <= most) {
        at = nodes ? tw_space_node_at(space, at)->next : tw_space_block_at(space, at)->next;
        length++;
    }
    return length;
}

static void check_sums(struct check *check)
{
    const struct tw_space *space = check->space;
    const struct tw_space_figures *figures = check->figures;
    uint32_t in_roots = 0;
    for (uint32_t at = 1; at <= space->nodes_end; at++) {
        const struct tw_space_node *node = tw_space_node_at(space, at);
        if (node->kind != TW_SPACE_NODE_FREE && node->depth == 0)
            in_roots += node->count;
    }
    demand(check, in_roots == space->population && figures->entities == space->population,
           TW_SPACE_FAULT_COUNT, 0);
    uint32_t nodes = figures->leaves + figures->inner;
    demand(check,
           figures->roots == space->roots_used && nodes == space->nodes_used &&
               nodes + length_of_free(space, true) == space->nodes_end &&
               figures->blocks == space->blocks_used &&
               figures->blocks + length_of_free(space, false) == space->blocks_end,
           TW_SPACE_FAULT_POOL, 0);
}

static void begin_figures(struct tw_space_figures *figures, const struct tw_space *space)
{
    *figures =
        (struct tw_space_figures){.blocks_max = space->blocks_max, .nodes_max = space->nodes_max};
}

struct tw_space_verdict tw_space_validate(const struct tw_space *space,
                                          struct tw_space_figures *figures)
{
    struct tw_space_verdict verdict = {0};
    struct check check = {space, &verdict, figures};
    begin_figures(figures, space);
    for (uint32_t at = 1; at <= space->nodes_end; at++)
        check_node(&check, at);
    for (uint32_t index = 0; index < space->config.entities_max; index++)
        check_entity(&check, index);
    check_large(&check);
    check_sums(&check);
    return verdict;
}

void tw_space_audit_step(struct tw_space_audit *audit, const struct tw_space *space, uint32_t nodes,
                         uint32_t entities)
{
    struct check check = {space, &audit->verdict, &audit->gathered};
    if (audit->node == 0 && audit->entity == 0)
        begin_figures(&audit->gathered, space);
    for (; nodes > 0 && audit->node < space->nodes_end; nodes--)
        check_node(&check, ++audit->node);
    for (; entities > 0 && audit->entity < space->config.entities_max; entities--)
        check_entity(&check, audit->entity++);
    if (audit->node < space->nodes_end || audit->entity < space->config.entities_max)
        return;
    check_large(&check);
    audit->figures = audit->gathered;
    audit->rounds++;
    audit->node = 0;
    audit->entity = 0;
}
