/* SPDX-License-Identifier: BSD-3-Clause */
#include "simulation/space/walk.h"

#include "simulation/core/fixed.h"

static struct tw_space_bounds reach_of(const struct tw_space_walk *walk,
                                       const struct tw_space_node *node)
{
    struct tw_space_bounds bounds = tw_space_node_reach(walk->reader->space, node);
    return walk->grown > 0 ? tw_space_bounds_grow(bounds, walk->grown) : bounds;
}

static bool walk_node(struct tw_space_walk *walk, uint32_t at, bool inside)
{
    const struct tw_space *space = walk->reader->space;
    const struct tw_space_node *node = tw_space_node_at(space, at);
    walk->reader->cost.cells++;
    if (!inside) {
        struct tw_space_bounds reach = reach_of(walk, node);
        enum tw_space_fit fit = tw_space_shape_fit(&walk->shape, &reach);
        if (fit == TW_SPACE_OUTSIDE)
            return true;
        inside = fit == TW_SPACE_INSIDE;
    }
    if (inside && walk->whole) {
        walk->whole(walk, node);
        return true;
    }
    if (node->kind == TW_SPACE_NODE_LEAF)
        return walk->leaf(walk, node, inside);
    for (uint32_t i = 0; i < TW_SPACE_OCTANTS; i++) {
        if (node->children[i] != 0 && !walk_node(walk, node->children[i], inside))
            return false;
    }
    return true;
}

/* Roots in a range of cells, ends included. */
struct range {
    struct tw_space_cell low, high;
};

static int32_t clamp_cell(int64_t at, uint32_t shift, uint32_t cells)
{
    return tw_space_clamp(at >> shift, 0, (int32_t)cells - 1);
}

static int64_t grown_by(const struct tw_space_walk *walk)
{
    const struct tw_space *space = walk->reader->space;
    return (int64_t)walk->grown + space->margins[space->config.cell_shift];
}

static struct range range_of(const struct tw_space_walk *walk)
{
    const struct tw_space *space = walk->reader->space;
    uint32_t shift = space->config.cell_shift;
    int64_t more = grown_by(walk);
    const struct tw_space_bounds *bounds = &walk->shape.bounds;
    return (struct range){{clamp_cell(bounds->low.x - more, shift, space->roots_x),
                           clamp_cell(bounds->low.y - more, shift, space->roots_y),
                           clamp_cell(bounds->low.z - more, shift, space->roots_z)},
                          {clamp_cell(bounds->high.x + more, shift, space->roots_x),
                           clamp_cell(bounds->high.y + more, shift, space->roots_y),
                           clamp_cell(bounds->high.z + more, shift, space->roots_z)}};
}

/* A long way across a plane meets few of the cells in its bounds: in a row, those between where it
 * comes into the row's reach and where it leaves it. */
static void narrow_row(const struct tw_space_walk *walk, int32_t row, struct range *range)
{
    const struct tw_space *space = walk->reader->space;
    uint32_t shift = space->config.cell_shift;
    int64_t way_x = (int64_t)walk->shape.end.x - walk->shape.origin.x;
    int64_t way_y = (int64_t)walk->shape.end.y - walk->shape.origin.y;
    int64_t more = grown_by(walk) + walk->shape.radius;
    if (way_y == 0 || more > TW_SPACE_REACH)
        return;
    int64_t low = ((int64_t)row << shift) - more - walk->shape.origin.y;
    int64_t high = (((int64_t)row + 1) << shift) + more - walk->shape.origin.y;
    int64_t one = walk->shape.origin.x + tw_fixed_floor_div(way_y < 0 ? -way_x * low : way_x * low,
                                                            way_y < 0 ? -way_y : way_y);
    int64_t other =
        walk->shape.origin.x +
        tw_fixed_floor_div(way_y < 0 ? -way_x * high : way_x * high, way_y < 0 ? -way_y : way_y);
    int64_t left = (one < other ? one : other) - more - 1;
    int64_t right = (one < other ? other : one) + more + 2;
    if (left >> shift > range->low.x)
        range->low.x = tw_space_clamp(left >> shift, 0, INT32_MAX);
    if (right >> shift < range->high.x)
        range->high.x = tw_space_clamp(right >> shift, INT32_MIN, INT32_MAX);
}

/* One row; towards the end of a way, so that the first on it is met early. */
static bool walk_row(struct tw_space_walk *walk, const struct range *range, int32_t y, int32_t z)
{
    const struct tw_space *space = walk->reader->space;
    bool way = walk->shape.kind == TW_SPACE_SWEEP;
    bool back = way && walk->shape.end.x < walk->shape.origin.x;
    struct range row = *range;
    if (way && range->low.y != range->high.y)
        narrow_row(walk, y, &row);
    for (int32_t i = row.low.x; i <= row.high.x; i++) {
        int32_t x = back ? row.high.x - (i - row.low.x) : i;
        uint32_t root = tw_space_roots_find(space, (struct tw_space_cell){x, y, z});
        walk->reader->cost.cells++;
        if (root != 0 && !walk_node(walk, root, false))
            return false;
    }
    return true;
}

static bool walk_range(struct tw_space_walk *walk, const struct range *range)
{
    bool back = walk->shape.kind == TW_SPACE_SWEEP && walk->shape.end.y < walk->shape.origin.y;
    for (int32_t z = range->low.z; z <= range->high.z; z++) {
        for (int32_t i = range->low.y; i <= range->high.y; i++) {
            int32_t y = back ? range->high.y - (i - range->low.y) : i;
            if (!walk_row(walk, range, y, z))
                return false;
        }
    }
    return true;
}

bool tw_space_walk_cells(struct tw_space_walk *walk)
{
    const struct tw_space *space = walk->reader->space;
    if (walk->shape.kind == TW_SPACE_NOTHING || space->population == 0)
        return true;
    struct range range = range_of(walk);
    uint64_t cells = (uint64_t)(range.high.x - range.low.x + 1) *
                     (uint64_t)(range.high.y - range.low.y + 1) *
                     (uint64_t)(range.high.z - range.low.z + 1);
    if (cells <= space->nodes_end)
        return walk_range(walk, &range);
    /* Most of a large range is empty: the nodes there are, instead. */
    for (uint32_t at = 1; at <= space->nodes_end; at++) {
        const struct tw_space_node *node = tw_space_node_at(space, at);
        if (node->kind != TW_SPACE_NODE_FREE && node->depth == 0 && !walk_node(walk, at, false))
            return false;
    }
    return true;
}

/* The width of the shape with all that can touch it. */
static bool is_narrow(int64_t low, int64_t high, int64_t grown, int32_t size)
{
    return high - low + 2 * grown < size;
}

static int64_t widest_radius(const struct tw_space *space)
{
    int64_t widest = space->small_radius;
    for (uint32_t i = 0; i < space->large.end; i++) {
        if (space->large.bodies[i].radius > widest)
            widest = space->large.bodies[i].radius;
    }
    return widest;
}

bool tw_space_walk_fits(const struct tw_space *space, const struct tw_space_shape *shape)
{
    const struct tw_space_config *config = &space->config;
    const struct tw_space_bounds *bounds = &shape->bounds;
    if (!config->wraps || shape->kind == TW_SPACE_NOTHING)
        return true;
    int64_t grown = shape->bodies ? widest_radius(space) : 0;
    return is_narrow(bounds->low.x, bounds->high.x, grown, config->size.x) &&
           is_narrow(bounds->low.y, bounds->high.y, grown, config->size.y);
}

static int32_t shift_into(int32_t at, int32_t size)
{
    return (int32_t)(-tw_fixed_floor_div(at, size) * size);
}

/* Whether a shape that begins inside the world, moved by `worlds` of them, holds places of it. */
static bool can_hold(int32_t worlds, int32_t high, int32_t size)
{
    return worlds == 0 || (worlds < 0 && high >= size);
}

bool tw_space_walk_images(const struct tw_space *space, const struct tw_space_shape *shape,
                          bool (*ask)(void *context, const struct tw_space_shape *image),
                          void *context)
{
    if (!space->config.wraps || shape->kind == TW_SPACE_NOTHING)
        return ask(context, shape);
    int32_t size_x = space->config.size.x;
    int32_t size_y = space->config.size.y;
    struct tw_space_shape first = *shape;
    tw_space_shape_shift(&first, shift_into(shape->bounds.low.x, size_x),
                         shift_into(shape->bounds.low.y, size_y));
    /* Bodies reach over the edge from outside of the shape's own bounds: ask on all sides. Centres
     * are asked twice where the shape itself does. */
    for (int32_t y = -1; y <= 1; y++) {
        for (int32_t x = -1; x <= 1; x++) {
            struct tw_space_shape image = first;
            bool needed = shape->bodies || (can_hold(x, first.bounds.high.x, size_x) &&
                                            can_hold(y, first.bounds.high.y, size_y));
            tw_space_shape_shift(&image, x * size_x, y * size_y);
            if (needed && !ask(context, &image))
                return false;
        }
    }
    return true;
}
