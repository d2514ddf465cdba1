/* SPDX-License-Identifier: BSD-3-Clause */
/* The index from inside, for its own files and for tests and the validator that look into it. */
#ifndef TICKWIRE_SIMULATION_SPACE_INTERNAL_H
#define TICKWIRE_SIMULATION_SPACE_INTERNAL_H

#include "simulation/space/block.h"
#include "simulation/space/large.h"
#include "simulation/space/space.h"

#include <assert.h>

#define TW_SPACE_OCTANTS 8u
/* Room for every shift a cell can have. */
#define TW_SPACE_SHIFTS 32u

enum tw_space_node_kind {
    TW_SPACE_NODE_FREE,
    TW_SPACE_NODE_LEAF,
    TW_SPACE_NODE_INNER,
};

/* A cell. References to nodes and blocks are index + 1; 0 = none. */
struct tw_space_node {
    struct tw_space_point low; /* the cell is low .. low + 2^shift - 1 */
    uint8_t shift;
    uint8_t kind;
    uint8_t octant; /* within the parent */
    uint8_t depth;  /* below its root */
    uint32_t parent;
    uint32_t count;  /* entities in it and below */
    uint32_t strays; /* leaf: entities in it that stand outside, within the margin */
    uint32_t next;   /* root: the next with the same hash; free: the next free one */
    union {
        uint32_t children[TW_SPACE_OCTANTS]; /* inner */
        struct {
            uint32_t first;    /* leaf: its only block that may have free lanes */
            uint32_t split_at; /* leaf: looked at for a split when it holds more */
        };
    };
};
static_assert(sizeof(struct tw_space_node) == 64u, "one cache line");

struct tw_space {
    struct tw_space_config config;
    struct tw_space_changes changes;
    struct tw_space_node *nodes;
    struct tw_space_block *blocks;
    uint32_t *roots;      /* by hash */
    uint32_t *places;     /* by entity index: block * 8 + lane */
    uint8_t *generations; /* by entity index; 0 = not in */
    uint32_t nodes_max, blocks_max;
    uint32_t nodes_end, blocks_end; /* never used from here on */
    uint32_t nodes_free, blocks_free;
    uint32_t nodes_used, blocks_used;
    uint32_t roots_used;
    uint32_t roots_x, roots_y, roots_z; /* cells per axis */
    uint32_t roots_limit;               /* most roots there can be at once */
    uint32_t roots_mask;
    uint32_t population;
    uint32_t tended;      /* nodes below were looked at in this round */
    int32_t small_radius; /* of the widest small body there ever was */
    /* How far an entity may stand outside a cell of this shift. */
    int32_t margins[TW_SPACE_SHIFTS];
    struct tw_space_large large;
};

/* A leaf that a group of queries may have to look into. */
struct tw_space_near_leaf {
    struct tw_space_bounds reach;
    uint32_t node;
};

/* One entity on its way between blocks. */
struct tw_space_entry {
    struct tw_space_point at;
    uint32_t handle;
    uint32_t tags;
};

/* cells.c; none of these can fail for a space that is not full. */
void tw_space_cells_insert(struct tw_space *space, const struct tw_space_entry *entry);
void tw_space_cells_remove(struct tw_space *space, uint32_t index);
/* Splits a leaf that should be: what stood in one spot may have spread. */
void tw_space_cells_tend(struct tw_space *space, uint32_t node);
void tw_space_cells_move(struct tw_space *space, uint32_t index, struct tw_space_point to);

/* roots.c */
struct tw_space_cell {
    int32_t x, y, z; /* in root cells */
};
/* Node + 1 of the root with these coordinates, which must be inside the world; 0 if empty. */
uint32_t tw_space_roots_find(const struct tw_space *space, struct tw_space_cell cell);
void tw_space_roots_link(struct tw_space *space, uint32_t node);
void tw_space_roots_unlink(struct tw_space *space, uint32_t node);

/* space.c: nodes an index of this configuration has; 0 if it is out of range. */
uint32_t tw_space_nodes_limit(const struct tw_space_config *config);

/* nodes.c */
bool tw_space_nodes_left(const struct tw_space *space, uint32_t wanted);
uint32_t tw_space_node_take(struct tw_space *space);
void tw_space_node_give(struct tw_space *space, uint32_t node);
uint32_t tw_space_block_take(struct tw_space *space);
void tw_space_block_give(struct tw_space *space, uint32_t block);

static inline struct tw_space_node *tw_space_node_at(const struct tw_space *space, uint32_t node)
{
    return &space->nodes[node - 1u];
}

static inline struct tw_space_block *tw_space_block_at(const struct tw_space *space, uint32_t block)
{
    return &space->blocks[block - 1u];
}

static inline struct tw_space_cell tw_space_root_cell(const struct tw_space *space,
                                                      struct tw_space_point at)
{
    uint32_t shift = space->config.cell_shift;
    return (struct tw_space_cell){at.x >> shift, at.y >> shift, at.z >> shift};
}

/* Number of the child that covers a place in an inner cell. */
static inline uint32_t tw_space_octant_of(const struct tw_space_node *node,
                                          struct tw_space_point at)
{
    uint32_t bit = node->shift - 1u;
    return ((uint32_t)at.x >> bit & 1u) | ((uint32_t)at.y >> bit & 1u) << 1u |
           ((uint32_t)at.z >> bit & 1u) << 2u;
}

static inline int32_t tw_space_radius_at(const struct tw_space *space,
                                         const struct tw_space_block *block, uint32_t lane)
{
    uint32_t radius = block->tags[lane] >> TW_SPACE_TAG_RADIUS_SHIFT;
    return block->tags[lane] & TW_SPACE_TAG_LARGE ? space->large.bodies[radius].radius
                                                  : (int32_t)radius;
}

/* The cell itself. */
static inline struct tw_space_bounds tw_space_node_bounds(const struct tw_space_node *node)
{
    int32_t last = (int32_t)((UINT32_C(1) << node->shift) - 1u);
    return (struct tw_space_bounds){node->low,
                                    {node->low.x + last, node->low.y + last, node->low.z + last}};
}

/* All that its entities can stand in. */
static inline struct tw_space_bounds tw_space_node_reach(const struct tw_space *space,
                                                         const struct tw_space_node *node)
{
    struct tw_space_bounds bounds = tw_space_node_bounds(node);
    if (node->kind == TW_SPACE_NODE_LEAF && node->strays == 0)
        return bounds;
    int32_t margin = space->margins[node->shift];
    bounds.low.x -= margin;
    bounds.low.y -= margin;
    bounds.low.z -= margin;
    bounds.high.x += margin;
    bounds.high.y += margin;
    bounds.high.z += margin;
    return bounds;
}

#endif
