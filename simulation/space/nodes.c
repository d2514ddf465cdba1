/* SPDX-License-Identifier: BSD-3-Clause */
/* The pools of nodes and blocks. */
#include "simulation/space/internal.h"
#include "tickwire/assert.h"

/* Nodes for roots that do not exist yet stay untouched: any entity can have its root. */
bool tw_space_nodes_left(const struct tw_space *space, uint32_t wanted)
{
    uint32_t kept = space->roots_limit - space->roots_used;
    return space->nodes_used + kept + wanted <= space->nodes_max;
}

uint32_t tw_space_node_take(struct tw_space *space)
{
    uint32_t node = space->nodes_free;
    if (node != 0) {
        space->nodes_free = space->nodes[node - 1u].next;
    } else {
        TW_ASSERT(space->nodes_end < space->nodes_max);
        node = ++space->nodes_end;
    }
    space->nodes_used++;
    space->nodes[node - 1u] = (struct tw_space_node){.kind = TW_SPACE_NODE_LEAF};
    return node;
}

void tw_space_node_give(struct tw_space *space, uint32_t node)
{
    space->nodes[node - 1u] =
        (struct tw_space_node){.kind = TW_SPACE_NODE_FREE, .next = space->nodes_free};
    space->nodes_free = node;
    space->nodes_used--;
}

uint32_t tw_space_block_take(struct tw_space *space)
{
    uint32_t block = space->blocks_free;
    if (block != 0) {
        space->blocks_free = space->blocks[block - 1u].next;
    } else {
        TW_ASSERT(space->blocks_end < space->blocks_max);
        block = ++space->blocks_end;
    }
    space->blocks_used++;
    return block;
}

void tw_space_block_give(struct tw_space *space, uint32_t block)
{
    space->blocks[block - 1u].next = space->blocks_free;
    space->blocks[block - 1u].count = 0;
    space->blocks_free = block;
    space->blocks_used--;
}
