/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Roots by hash. The hash is the number of the cell in rows, layers and columns, folded to the size
 * of the table: cells beside each other stand beside each other in memory, and as long as the table
 * is as large as the world no two ever meet. In larger worlds those that meet are chained.
 */
#include "simulation/space/internal.h"
#include "tickwire/assert.h"

static uint32_t *slot_of(const struct tw_space *space, struct tw_space_cell cell)
{
    uint32_t row = (uint32_t)cell.z * space->roots_y + (uint32_t)cell.y;
    return &space->roots[(row * space->roots_x + (uint32_t)cell.x) & space->roots_mask];
}

uint32_t tw_space_roots_find(const struct tw_space *space, struct tw_space_cell cell)
{
    uint32_t shift = space->config.cell_shift;
    uint32_t at = *slot_of(space, cell);
    while (at != 0) {
        const struct tw_space_node *node = tw_space_node_at(space, at);
        if (node->low.x >> shift == cell.x && node->low.y >> shift == cell.y &&
            node->low.z >> shift == cell.z)
            return at;
        at = node->next;
    }
    return 0;
}

void tw_space_roots_link(struct tw_space *space, uint32_t node)
{
    struct tw_space_node *root = tw_space_node_at(space, node);
    uint32_t *slot = slot_of(space, tw_space_root_cell(space, root->low));
    root->next = *slot;
    *slot = node;
    space->roots_used++;
}

void tw_space_roots_unlink(struct tw_space *space, uint32_t node)
{
    struct tw_space_node *root = tw_space_node_at(space, node);
    uint32_t *link = slot_of(space, tw_space_root_cell(space, root->low));
    while (*link != node) {
        TW_ASSERT(*link != 0);
        link = &tw_space_node_at(space, *link)->next;
    }
    *link = root->next;
    space->roots_used--;
}
