/* SPDX-License-Identifier: BSD-3-Clause */
#include "simulation/space/batch.h"

#include "simulation/core/fixed.h"
#include "simulation/space/order.h"
#include "simulation/space/walk.h"
#include "tickwire/assert.h"

struct group {
    struct tw_space_walk walk;
    struct tw_space_batch *batch;
    struct tw_space_bounds bounds; /* of the places asked from */
    uint32_t leaves;
};

static const struct tw_space_filter everybody;

void tw_space_batch_carve(struct tw_space_batch *batch, struct tw_arena *arena,
                          const struct tw_space_config *config, uint32_t queries_max)
{
    batch->queries_max = queries_max;
    batch->leaves_max = tw_space_nodes_limit(config);
    batch->order = tw_arena_take(arena, 2u * (size_t)queries_max, sizeof(*batch->order));
    batch->leaves = tw_arena_take(arena, batch->leaves_max, sizeof(*batch->leaves));
}

/* The lowest cell there is around a place: queries with the same one are a group. */
static uint32_t cell_around(const struct tw_space *space, struct tw_space_point at)
{
    const struct tw_space_point *size = &space->config.size;
    at = (struct tw_space_point){tw_space_clamp(at.x, 0, size->x), tw_space_clamp(at.y, 0, size->y),
                                 tw_space_clamp(at.z, 0, size->z)};
    uint32_t node = tw_space_roots_find(space, tw_space_root_cell(space, at));
    while (node != 0 && tw_space_node_at(space, node)->kind == TW_SPACE_NODE_INNER) {
        const struct tw_space_node *inner = tw_space_node_at(space, node);
        uint32_t child = inner->children[tw_space_octant_of(inner, at)];
        if (child == 0)
            break;
        node = child;
    }
    return node;
}

static bool note_leaf(struct tw_space_walk *walk, const struct tw_space_node *leaf, bool inside)
{
    struct group *group = walk->context;
    const struct tw_space *space = walk->reader->space;
    (void)inside;
    group->batch->leaves[group->leaves++] = (struct tw_space_near_leaf){
        tw_space_node_reach(space, leaf), (uint32_t)(leaf - space->nodes) + 1u};
    return true;
}

/* All leaves that anybody in the group can reach within `distance`. */
static void note_leaves(struct group *group, int64_t distance)
{
    group->leaves = 0;
    tw_space_shape_box(&group->walk.shape, tw_space_bounds_grow(group->bounds, distance));
    tw_space_walk_cells(&group->walk);
}

static void begin_group(struct group *group, struct tw_space_batch *batch)
{
    *group = (struct group){.walk = {.reader = batch->reader, .leaf = note_leaf}, .batch = batch};
    group->walk.context = group;
}

/* Queries of one cell beside each other; those outside any, and out of reach, in group 0. */
static void sort_queries(struct tw_space_batch *batch, uint32_t count)
{
    tw_space_sort_spread(batch->order, count, batch->order + batch->queries_max);
}

static uint32_t group_end(const struct tw_space_batch *batch, uint32_t first, uint32_t count)
{
    uint32_t end = first + 1u;
    while (end < count && batch->order[end].key == batch->order[first].key)
        end++;
    return end;
}

struct sphere {
    struct tw_space_point centre;
    uint64_t limit; /* radius squared */
    uint32_t number;
    const struct tw_space_taker *taker;
    const struct tw_space_filter *filter;
};

static void take_leaf(struct tw_space_reader *reader, const struct sphere *sphere,
                      const struct tw_space_node *leaf)
{
    const struct tw_space *space = reader->space;
    uint64_t squared[TW_SPACE_LANES];
    reader->cost.entities += leaf->count;
    for (uint32_t next = leaf->first; next != 0;) {
        const struct tw_space_block *block = tw_space_block_at(space, next);
        uint32_t lanes = reader->kernels->near(block, sphere->centre, sphere->limit, squared);
        next = block->next;
        for (lanes &= (1u << block->count) - 1u; lanes != 0; lanes &= lanes - 1u) {
            uint32_t lane = (uint32_t)__builtin_ctz(lanes);
            uint32_t handle = block->handles[lane];
            if (!tw_space_filter_passes(sphere->filter, block->tags[lane], handle))
                continue;
            struct tw_space_item item = {.at = tw_space_block_point(block, lane),
                                         .key = squared[lane],
                                         .handle = handle,
                                         .radius = tw_space_radius_at(space, block, lane)};
            reader->cost.hits++;
            sphere->taker->take(sphere->taker->context, sphere->number, &item);
        }
    }
}

/* Orders 0..count-1 by the cell they ask from. */
static void note_query(struct tw_space_batch *batch, uint32_t number, struct tw_space_point at)
{
    batch->order[number] = (struct tw_space_hit){
        .key = tw_space_point_in_reach(at) ? cell_around(batch->reader->space, at) : 0u,
        .handle = number};
}

static void visit_group(struct group *group, const struct tw_space_hit *order, uint32_t size,
                        const struct tw_space_ball *spheres, const struct tw_space_taker *taker)
{
    struct tw_space_reader *reader = group->walk.reader;
    int32_t widest = -1;
    group->bounds =
        (struct tw_space_bounds){spheres[order[0].handle].centre, spheres[order[0].handle].centre};
    for (uint32_t i = 0; i < size; i++) {
        const struct tw_space_ball *ball = &spheres[order[i].handle];
        tw_space_bounds_include(&group->bounds, ball->centre);
        widest = ball->radius > widest ? ball->radius : widest;
    }
    reader->cost.queries += size;
    if (widest < 0)
        return;
    note_leaves(group, widest);
    for (uint32_t i = 0; i < size; i++) {
        const struct tw_space_ball *ball = &spheres[order[i].handle];
        struct sphere sphere = {.centre = ball->centre,
                                .limit = (uint64_t)ball->radius * (uint64_t)ball->radius,
                                .number = order[i].handle,
                                .taker = taker,
                                .filter = taker->filter ? taker->filter : &everybody};
        for (uint32_t leaf = 0; leaf < group->leaves && ball->radius >= 0; leaf++) {
            const struct tw_space_near_leaf *near = &group->batch->leaves[leaf];
            if (tw_space_bounds_squared(&near->reach, ball->centre) <= sphere.limit)
                take_leaf(reader, &sphere, tw_space_node_at(reader->space, near->node));
        }
    }
}

struct single {
    const struct tw_space_taker *taker;
    uint32_t number;
};

static bool take_single(void *context, const struct tw_space_item *item)
{
    struct single *single = context;
    single->taker->take(single->taker->context, single->number, item);
    return true;
}

static void visit_singles(struct tw_space_batch *batch, const struct tw_space_hit *order,
                          uint32_t size, const struct tw_space_ball *spheres,
                          const struct tw_space_taker *taker)
{
    for (uint32_t i = 0; i < size; i++) {
        struct single single = {taker, order[i].handle};
        struct tw_space_shape shape;
        tw_space_shape_sphere(&shape, spheres[order[i].handle].centre,
                              spheres[order[i].handle].radius);
        tw_space_visit(batch->reader, &shape, taker->filter, take_single, &single);
    }
}

bool tw_space_batch_visit(struct tw_space_batch *batch, const struct tw_space_ball *spheres,
                          uint32_t count, const struct tw_space_taker *taker)
{
    struct group group;
    if (count > batch->queries_max)
        return false;
    for (uint32_t i = 0; i < count; i++)
        note_query(batch, i, spheres[i].centre);
    sort_queries(batch, count);
    begin_group(&group, batch);
    for (uint32_t first = 0; first < count;) {
        uint32_t end = group_end(batch, first, count);
        const struct tw_space_hit *order = &batch->order[first];
        if (order->key == 0 || batch->reader->space->config.wraps)
            visit_singles(batch, order, end - first, spheres, taker);
        else
            visit_group(&group, order, end - first, spheres, taker);
        first = end;
    }
    return true;
}

static void nearest_single(struct tw_space_batch *batch, const struct tw_space_nearest_job *job,
                           uint32_t number)
{
    job->counts[number] = tw_space_nearest(batch->reader, &job->queries[number],
                                           &job->hits[(size_t)number * job->stride]);
}

/* The cell asked from first: it narrows the bound for the others. */
static void put_first(struct group *group, uint32_t node)
{
    struct tw_space_near_leaf *leaves = group->batch->leaves;
    for (uint32_t i = 1; i < group->leaves; i++) {
        if (leaves[i].node != node)
            continue;
        struct tw_space_near_leaf own = leaves[i];
        leaves[i] = leaves[0];
        leaves[0] = own;
        return;
    }
}

/* The distance from which on a query of the group has nothing to look for: the k-th of the first
 * one is no farther from the query than from the first, and the way between the two. */
static uint64_t bound_of(const struct tw_space_nearest_job *job, const struct tw_space_hit *order,
                         uint32_t i)
{
    const struct tw_space_nearest *first = &job->queries[order[0].handle];
    const struct tw_space_nearest *query = &job->queries[order[i].handle];
    const struct tw_space_hit *hits = &job->hits[(size_t)order[0].handle * job->stride];
    if (query->k > first->k || query->filter != first->filter)
        return UINT64_MAX;
    uint64_t farthest = hits[first->k - 1u].key;
    uint64_t way = tw_space_squared(first->at, query->at);
    uint64_t reach = (uint64_t)tw_fixed_sqrt(farthest) + tw_fixed_sqrt(way) + 2u;
    return reach * reach;
}

static void nearest_group(struct group *group, const struct tw_space_hit *order, uint32_t size,
                          const struct tw_space_nearest_job *job)
{
    const struct tw_space_nearest *first = &job->queries[order[0].handle];
    uint64_t widest = 0;
    nearest_single(group->batch, job, order[0].handle);
    bool bounded = first->k > 0 && first->k <= group->batch->reader->nearest_max &&
                   job->counts[order[0].handle] == first->k;
    group->bounds = (struct tw_space_bounds){first->at, first->at};
    for (uint32_t i = 1; bounded && i < size; i++) {
        uint64_t bound = bound_of(job, order, i);
        if (bound == UINT64_MAX)
            continue;
        tw_space_bounds_include(&group->bounds, job->queries[order[i].handle].at);
        widest = bound > widest ? bound : widest;
    }
    if (widest > 0) {
        note_leaves(group, (int64_t)tw_fixed_sqrt(widest) + 1);
        put_first(group, (uint32_t)order[0].key);
    }
    for (uint32_t i = 1; i < size; i++) {
        uint32_t number = order[i].handle;
        uint64_t bound = bounded ? bound_of(job, order, i) : UINT64_MAX;
        if (bound == UINT64_MAX) {
            nearest_single(group->batch, job, number);
            continue;
        }
        struct tw_space_leaves leaves = {group->batch->leaves, group->leaves, bound};
        job->counts[number] =
            tw_space_nearest_among(group->batch->reader, &job->queries[number], &leaves,
                                   &job->hits[(size_t)number * job->stride]);
    }
}

bool tw_space_batch_nearest(struct tw_space_batch *batch, const struct tw_space_nearest_job *job)
{
    struct group group;
    if (job->count > batch->queries_max)
        return false;
    for (uint32_t i = 0; i < job->count; i++) {
        TW_ASSERT(job->queries[i].k <= job->stride);
        note_query(batch, i, job->queries[i].at);
    }
    sort_queries(batch, job->count);
    begin_group(&group, batch);
    for (uint32_t first = 0; first < job->count;) {
        uint32_t end = group_end(batch, first, job->count);
        const struct tw_space_hit *order = &batch->order[first];
        if (order->key != 0 && !batch->reader->space->config.wraps) {
            nearest_group(&group, order, end - first, job);
        } else {
            for (uint32_t i = first; i < end; i++)
                nearest_single(batch, job, batch->order[i].handle);
        }
        first = end;
    }
    return true;
}
