/* SPDX-License-Identifier: BSD-3-Clause */
/* Entities in leaves; splitting and merging. */
#include "simulation/space/internal.h"
#include "tickwire/assert.h"

/* A leaf that could not be split is looked at again when it holds so much more: half. */
#define AGAIN(count) ((count) + (count) / 2u)

static bool is_within(struct tw_space_point at, struct tw_space_point low, uint32_t shift)
{
    uint32_t side = UINT32_C(1) << shift;
    return (uint32_t)at.x - (uint32_t)low.x < side && (uint32_t)at.y - (uint32_t)low.y < side &&
           (uint32_t)at.z - (uint32_t)low.z < side;
}

static bool holds(const struct tw_space_node *node, struct tw_space_point at)
{
    return is_within(at, node->low, node->shift);
}

/* By what the block knows of its cell: a move within it then never looks at the node. */
static bool is_stray(const struct tw_space_block *block, uint32_t lane)
{
    return !is_within(tw_space_block_point(block, lane), block->low, block->shift);
}

/* Into a leaf; counts of the cells above are the caller's. */
static void add(struct tw_space *space, uint32_t leaf, const struct tw_space_entry *entry)
{
    struct tw_space_node *node = tw_space_node_at(space, leaf);
    uint32_t at = node->first;
    if (at == 0 || tw_space_block_at(space, at)->count == TW_SPACE_LANES) {
        at = tw_space_block_take(space);
        struct tw_space_block *fresh = tw_space_block_at(space, at);
        fresh->low = node->low;
        fresh->shift = node->shift;
        fresh->node = leaf;
        fresh->next = node->first;
        fresh->count = 0;
        node->first = at;
    }
    struct tw_space_block *block = tw_space_block_at(space, at);
    uint32_t lane = block->count++;
    block->x[lane] = entry->at.x;
    block->y[lane] = entry->at.y;
    block->z[lane] = entry->at.z;
    block->handles[lane] = entry->handle;
    block->tags[lane] = entry->tags;
    space->places[entry->handle & TW_ENTITY_INDEX_MASK] = (at - 1u) * TW_SPACE_LANES + lane;
    node->count++;
    node->strays += !holds(node, entry->at);
}

static void count_above(struct tw_space *space, uint32_t node, int32_t change)
{
    for (uint32_t at = tw_space_node_at(space, node)->parent; at != 0;
         at = tw_space_node_at(space, at)->parent)
        tw_space_node_at(space, at)->count += (uint32_t)change;
}

static struct tw_space_entry entry_at(const struct tw_space_block *block, uint32_t lane)
{
    return (struct tw_space_entry){.at = tw_space_block_point(block, lane),
                                   .handle = block->handles[lane],
                                   .tags = block->tags[lane]};
}

/* Out of a leaf, which may stay behind empty; counts of the cells above are the caller's. */
static void take_out(struct tw_space *space, struct tw_space_block *block, uint32_t lane)
{
    struct tw_space_node *node = tw_space_node_at(space, block->node);
    struct tw_space_block *first = tw_space_block_at(space, node->first);
    node->strays -= is_stray(block, lane);
    uint32_t last = --first->count;
    if (first != block || last != lane) {
        uint32_t index = first->handles[last] & TW_ENTITY_INDEX_MASK;
        block->x[lane] = first->x[last];
        block->y[lane] = first->y[last];
        block->z[lane] = first->z[last];
        block->handles[lane] = first->handles[last];
        block->tags[lane] = first->tags[last];
        space->places[index] = (uint32_t)(block - space->blocks) * TW_SPACE_LANES + lane;
    }
    if (last == 0) {
        uint32_t empty = node->first;
        node->first = first->next;
        tw_space_block_give(space, empty);
    }
    node->count--;
}

/* Moves all of a leaf's entities into leaf `into`, and frees the leaf's blocks. */
static void pour(struct tw_space *space, uint32_t leaf, uint32_t into)
{
    uint32_t at = tw_space_node_at(space, leaf)->first;
    while (at != 0) {
        struct tw_space_block copy = *tw_space_block_at(space, at);
        tw_space_block_give(space, at);
        for (uint32_t lane = 0; lane < copy.count; lane++) {
            struct tw_space_entry entry = entry_at(&copy, lane);
            add(space, into, &entry);
        }
        at = copy.next;
    }
}

static void gather(struct tw_space *space, uint32_t from, uint32_t into)
{
    struct tw_space_node *node = tw_space_node_at(space, from);
    if (node->kind == TW_SPACE_NODE_LEAF) {
        pour(space, from, into);
    } else {
        for (uint32_t i = 0; i < TW_SPACE_OCTANTS; i++) {
            if (node->children[i] != 0)
                gather(space, node->children[i], into);
        }
    }
    tw_space_node_give(space, from);
}

/* An inner cell becomes a leaf with all that was below it. */
static void merge(struct tw_space *space, uint32_t inner)
{
    struct tw_space_node *node = tw_space_node_at(space, inner);
    uint32_t children[TW_SPACE_OCTANTS];
    uint32_t before = node->count;
    for (uint32_t i = 0; i < TW_SPACE_OCTANTS; i++) {
        children[i] = node->children[i];
        node->children[i] = 0;
    }
    node->kind = TW_SPACE_NODE_LEAF;
    node->split_at = space->config.split_above;
    node->count = 0;
    for (uint32_t i = 0; i < TW_SPACE_OCTANTS; i++) {
        if (children[i] != 0)
            gather(space, children[i], inner);
    }
    TW_ASSERT(node->count == before);
    if (node->split_at < AGAIN(before))
        node->split_at = AGAIN(before);
    space->changes.merges++;
}

static uint32_t make_child(struct tw_space *space, uint32_t parent, uint32_t octant)
{
    uint32_t child = tw_space_node_take(space);
    struct tw_space_node *node = tw_space_node_at(space, child);
    struct tw_space_node *above = tw_space_node_at(space, parent);
    node->shift = (uint8_t)(above->shift - 1u);
    node->depth = (uint8_t)(above->depth + 1u);
    node->octant = (uint8_t)octant;
    node->parent = parent;
    node->low.x = above->low.x + (int32_t)((octant & 1u) << node->shift);
    node->low.y = above->low.y + (int32_t)((octant >> 1u & 1u) << node->shift);
    node->low.z = above->low.z + (int32_t)((octant >> 2u & 1u) << node->shift);
    node->split_at = space->config.split_above;
    above->children[octant] = child;
    return child;
}

static uint32_t root_for(struct tw_space *space, struct tw_space_point at)
{
    struct tw_space_cell cell = tw_space_root_cell(space, at);
    uint32_t root = tw_space_roots_find(space, cell);
    if (root != 0)
        return root;
    root = tw_space_node_take(space);
    struct tw_space_node *node = tw_space_node_at(space, root);
    uint32_t mask = (UINT32_C(1) << space->config.cell_shift) - 1u;
    node->shift = (uint8_t)space->config.cell_shift;
    node->low = (struct tw_space_point){at.x & ~(int32_t)mask, at.y & ~(int32_t)mask,
                                        at.z & ~(int32_t)mask};
    node->split_at = space->config.split_above;
    tw_space_roots_link(space, root);
    return root;
}

/* The leaf that holds `at`, made where there is none. Without a node for it the cell above
 * becomes the leaf: coarser, but there is always one. */
static uint32_t leaf_for(struct tw_space *space, struct tw_space_point at)
{
    uint32_t node = root_for(space, at);
    while (tw_space_node_at(space, node)->kind == TW_SPACE_NODE_INNER) {
        uint32_t octant = tw_space_octant_of(tw_space_node_at(space, node), at);
        uint32_t child = tw_space_node_at(space, node)->children[octant];
        if (child == 0 && !tw_space_nodes_left(space, 1)) {
            merge(space, node);
            space->changes.splits_refused++;
            return node;
        }
        node = child != 0 ? child : make_child(space, node, octant);
    }
    return node;
}

/* Frees an empty leaf. */
static void drop_leaf(struct tw_space *space, uint32_t leaf)
{
    struct tw_space_node *node = tw_space_node_at(space, leaf);
    if (node->parent != 0)
        tw_space_node_at(space, node->parent)->children[node->octant] = 0;
    else
        tw_space_roots_unlink(space, leaf);
    tw_space_node_give(space, leaf);
}

/* Whether any split down to the smallest cell would tell two of the leaf's entities apart. */
static bool can_be_told_apart(const struct tw_space *space, const struct tw_space_node *leaf)
{
    uint32_t x = 0;
    uint32_t y = 0;
    uint32_t z = 0;
    struct tw_space_point one = tw_space_block_point(tw_space_block_at(space, leaf->first), 0);
    for (uint32_t at = leaf->first; at != 0; at = tw_space_block_at(space, at)->next) {
        const struct tw_space_block *block = tw_space_block_at(space, at);
        for (uint32_t lane = 0; lane < block->count; lane++) {
            x |= (uint32_t)(block->x[lane] ^ one.x);
            y |= (uint32_t)(block->y[lane] ^ one.y);
            z |= (uint32_t)(block->z[lane] ^ one.z);
        }
    }
    return (x | y | z) >> space->config.cell_shift_min != 0;
}

/* Entities that stand in a leaf's margin go where they belong: its octants would not reach them.
 * As long as there are nodes: else finding a place could merge the leaf away. */
static void send_strays_home(struct tw_space *space, uint32_t leaf)
{
    uint32_t at = tw_space_node_at(space, leaf)->first;
    while (at != 0 && tw_space_node_at(space, leaf)->strays > 0) {
        struct tw_space_block *block = tw_space_block_at(space, at);
        uint32_t next = block->next;
        for (uint32_t lane = block->count; lane-- > 0;) {
            struct tw_space_entry entry = entry_at(block, lane);
            if (holds(tw_space_node_at(space, leaf), entry.at))
                continue;
            if (!tw_space_nodes_left(space, 1))
                return;
            take_out(space, block, lane);
            count_above(space, leaf, -1);
            uint32_t home = leaf_for(space, entry.at);
            add(space, home, &entry);
            count_above(space, home, 1);
        }
        at = next;
    }
}

static void split(struct tw_space *space, uint32_t leaf)
{
    struct tw_space_node *node = tw_space_node_at(space, leaf);
    uint32_t again = AGAIN(node->count);
    if (node->shift <= space->config.cell_shift_min || !can_be_told_apart(space, node)) {
        node->split_at = again;
        return;
    }
    if (node->strays > 0 || !tw_space_nodes_left(space, TW_SPACE_OCTANTS)) {
        node->split_at = again;
        space->changes.splits_refused++;
        return;
    }
    uint32_t at = node->first;
    node->kind = TW_SPACE_NODE_INNER;
    for (uint32_t i = 0; i < TW_SPACE_OCTANTS; i++)
        node->children[i] = 0;
    while (at != 0) {
        struct tw_space_block copy = *tw_space_block_at(space, at);
        tw_space_block_give(space, at);
        for (uint32_t lane = 0; lane < copy.count; lane++) {
            struct tw_space_entry entry = entry_at(&copy, lane);
            uint32_t octant = tw_space_octant_of(node, entry.at);
            if (node->children[octant] == 0)
                make_child(space, leaf, octant);
            add(space, node->children[octant], &entry);
        }
        at = copy.next;
    }
    space->changes.splits++;
    for (uint32_t i = 0; i < TW_SPACE_OCTANTS; i++) {
        uint32_t child = node->children[i];
        if (child != 0 && tw_space_node_at(space, child)->count > space->config.split_above)
            split(space, child);
    }
}

/* The highest cell above that has become too empty; 0 if none has. */
static uint32_t sparse_above(const struct tw_space *space, uint32_t leaf)
{
    uint32_t sparse = 0;
    for (uint32_t at = tw_space_node_at(space, leaf)->parent; at != 0;
         at = tw_space_node_at(space, at)->parent) {
        if (tw_space_node_at(space, at)->count >= space->config.merge_below)
            break;
        sparse = at;
    }
    return sparse;
}

/* After entities left a leaf: merges what has become too empty, drops what is empty. Returns the
 * leaf that took its place; 0 if none did. */
static uint32_t settle(struct tw_space *space, uint32_t leaf)
{
    uint32_t sparse = sparse_above(space, leaf);
    if (sparse != 0) {
        merge(space, sparse);
        leaf = sparse;
    }
    struct tw_space_node *node = tw_space_node_at(space, leaf);
    if (node->count == 0) {
        drop_leaf(space, leaf);
        return 0;
    }
    if (node->count <= space->config.split_above)
        node->split_at = space->config.split_above;
    return leaf;
}

void tw_space_cells_insert(struct tw_space *space, const struct tw_space_entry *entry)
{
    uint32_t leaf = leaf_for(space, entry->at);
    add(space, leaf, entry);
    count_above(space, leaf, 1);
    struct tw_space_node *node = tw_space_node_at(space, leaf);
    if (node->count <= node->split_at)
        return;
    if (node->strays > 0) {
        send_strays_home(space, leaf);
        leaf = settle(space, leaf);
    }
    if (leaf != 0 && tw_space_node_at(space, leaf)->count > space->config.split_above)
        split(space, leaf);
}

void tw_space_cells_tend(struct tw_space *space, uint32_t at)
{
    struct tw_space_node *node = tw_space_node_at(space, at);
    if (node->kind != TW_SPACE_NODE_LEAF || node->count <= space->config.split_above ||
        node->shift <= space->config.cell_shift_min)
        return;
    if (node->strays > 0) {
        send_strays_home(space, at);
        at = settle(space, at);
    }
    if (at != 0 && tw_space_node_at(space, at)->count > space->config.split_above)
        split(space, at);
}

void tw_space_cells_remove(struct tw_space *space, uint32_t index)
{
    uint32_t place = space->places[index];
    struct tw_space_block *block = &space->blocks[place / TW_SPACE_LANES];
    uint32_t leaf = block->node;
    take_out(space, block, place % TW_SPACE_LANES);
    count_above(space, leaf, -1);
    settle(space, leaf);
}

void tw_space_cells_move(struct tw_space *space, uint32_t index, struct tw_space_point to)
{
    uint32_t place = space->places[index];
    struct tw_space_block *block = &space->blocks[place / TW_SPACE_LANES];
    uint32_t lane = place % TW_SPACE_LANES;
    uint32_t side = UINT32_C(1) << block->shift;
    uint32_t margin = (uint32_t)space->margins[block->shift];
    uint32_t reach = side + 2u * margin;
    uint32_t x = (uint32_t)to.x - (uint32_t)block->low.x;
    uint32_t y = (uint32_t)to.y - (uint32_t)block->low.y;
    uint32_t z = (uint32_t)to.z - (uint32_t)block->low.z;
    if (x + margin >= reach || y + margin >= reach || z + margin >= reach) {
        struct tw_space_entry entry = entry_at(block, lane);
        entry.at = to;
        tw_space_cells_remove(space, index);
        tw_space_cells_insert(space, &entry);
        space->changes.moves_crossing++;
        return;
    }
    bool stray = (x | y | z) >= side;
    bool strayed = is_stray(block, lane);
    block->x[lane] = to.x;
    block->y[lane] = to.y;
    block->z[lane] = to.z;
    if (stray != strayed)
        tw_space_node_at(space, block->node)->strays += stray ? 1u : UINT32_MAX;
}
