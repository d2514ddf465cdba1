/* SPDX-License-Identifier: BSD-3-Clause */
#include "simulation/space/pairs.h"

#include "simulation/space/order.h"
#include "simulation/space/query.h"
#include "simulation/space/walk.h"
#include "tickwire/assert.h"
#include "tickwire/prefetch.h"

#define MARGIN_MAX (INT32_C(1) << 24)
/* Cells are put in order by their corners in steps of 4 m: 16 bits per axis hold the largest world.
 */
#define CURVE_SHIFT 12u
static_assert(TW_SPACE_SIZE_MAX >> CURVE_SHIFT <= UINT16_MAX, "a place on the curve is 32 bits");
/* Movers whose blocks are on their way from memory: a mover takes longer than one line does. */
#define AHEAD 8u

struct search {
    struct tw_space_walk walk;
    struct tw_space_pairs *pairs;
    const uint32_t *movers;
    int64_t margin;
    uint32_t leaves; /* around the group */
};

struct mover {
    struct tw_space_point at;
    uint32_t handle;
    bool large;
    int64_t reach; /* its radius and the margin */
    uint32_t *row; /* where it begins */
    uint32_t count, room;
};

void tw_space_pairs_carve(struct tw_space_pairs *pairs, struct tw_arena *arena,
                          const struct tw_space_config *config, uint32_t movers_max,
                          uint32_t others_max)
{
    pairs->movers_max = movers_max;
    pairs->others_max = others_max;
    pairs->rows = tw_arena_take(arena, movers_max, sizeof(*pairs->rows));
    pairs->order = tw_arena_take(arena, movers_max, sizeof(*pairs->order));
    /* Movers are in order before the first row is written: one stretch does for both. */
    size_t others = others_max * sizeof(*pairs->others);
    size_t sorting = movers_max * sizeof(*pairs->sorting);
    pairs->others = tw_arena_take(arena, others > sorting ? others : sorting, 1);
    pairs->sorting = (void *)pairs->others;
    pairs->leaves = tw_arena_take(arena, tw_space_nodes_limit(config), sizeof(*pairs->leaves));
}

static void expect(const struct tw_space_block *block)
{
    tw_prefetch(block);
    tw_prefetch(block->y);
    tw_prefetch(block->tags);
}

static uint32_t place_of(const struct search *search, uint32_t number)
{
    uint32_t handle = search->movers[number];
    const struct tw_space *space = search->walk.reader->space;
    return space->places[tw_entity_index((tw_entity){.bits = handle})];
}

static const struct tw_space_block *block_of(const struct search *search, uint32_t number)
{
    return &search->walk.reader->space->blocks[place_of(search, number) / TW_SPACE_LANES];
}

/* Every other bit. */
static uint64_t spread_bits(uint32_t value)
{
    uint64_t bits = value;
    bits = (bits | bits << 8) & 0x00ff00ffu;
    bits = (bits | bits << 4) & 0x0f0f0f0fu;
    bits = (bits | bits << 2) & 0x33333333u;
    return (bits | bits << 1) & 0x55555555u;
}

/* Movers of one cell beside each other, cells along a curve that seldom jumps. */
static void sort_movers(const struct search *search, uint32_t count)
{
    struct tw_space_hit *order = search->pairs->order;
    for (uint32_t i = 0; i < count; i++) {
        if (i + AHEAD < count)
            tw_prefetch(block_of(search, i + AHEAD));
        const struct tw_space_block *block = block_of(search, i);
        uint64_t curve = spread_bits((uint32_t)block->low.y >> CURVE_SHIFT) << 1 |
                         spread_bits((uint32_t)block->low.x >> CURVE_SHIFT);
        order[i] = (struct tw_space_hit){.key = curve << 32 | block->node, .handle = i};
    }
    tw_space_sort_spread(order, count, search->pairs->sorting);
}

static struct mover mover_at(const struct search *search, uint32_t number)
{
    const struct tw_space_pairs *pairs = search->pairs;
    const struct tw_space_block *block = block_of(search, number);
    uint32_t lane = place_of(search, number) % TW_SPACE_LANES;
    uint32_t room = pairs->others_max - pairs->found;
    TW_ASSERT(block->handles[lane] == search->movers[number]);
    return (struct mover){.at = tw_space_block_point(block, lane),
                          .handle = search->movers[number],
                          .large = block->tags[lane] & TW_SPACE_TAG_LARGE,
                          .reach = tw_space_radius_at(search->walk.reader->space, block, lane) +
                                   search->margin,
                          .row = &pairs->others[pairs->found],
                          .room = room < TW_SPACE_ROW_MAX ? room : TW_SPACE_ROW_MAX};
}

/* In its place by handle; false if there is no room. */
static bool add(struct mover *mover, uint32_t handle)
{
    if (mover->count == mover->room)
        return false;
    uint32_t at = mover->count++;
    for (; at > 0 && mover->row[at - 1u] > handle; at--)
        mover->row[at] = mover->row[at - 1u];
    mover->row[at] = handle;
    return true;
}

static bool match_leaf(const struct tw_space_reader *reader, struct mover *mover, uint64_t limit,
                       const struct tw_space_node *leaf)
{
    uint64_t squared[TW_SPACE_LANES];
    for (uint32_t next = leaf->first; next != 0;) {
        const struct tw_space_block *block = tw_space_block_at(reader->space, next);
        uint32_t lanes = reader->kernels->near(block, mover->at, limit, squared);
        next = block->next;
        for (lanes &= (1u << block->count) - 1u; lanes != 0; lanes &= lanes - 1u) {
            uint32_t lane = (uint32_t)__builtin_ctz(lanes);
            uint32_t tags = block->tags[lane];
            int64_t reach = mover->reach + (tags >> TW_SPACE_TAG_RADIUS_SHIFT);
            if (squared[lane] <= (uint64_t)(reach * reach) && !(tags & TW_SPACE_TAG_LARGE) &&
                block->handles[lane] != mover->handle && !add(mover, block->handles[lane]))
                return false;
        }
    }
    return true;
}

static bool match_large(void *context, const struct tw_space_large_body *body)
{
    struct mover *mover = context;
    int64_t reach = mover->reach + body->radius;
    return tw_space_squared(mover->at, body->at) > (uint64_t)(reach * reach) ||
           add(mover, body->handle);
}

static bool match_group(const struct search *search, struct mover *mover)
{
    struct tw_space_reader *reader = search->walk.reader;
    const struct tw_space *space = reader->space;
    int64_t reach = mover->reach + space->small_radius;
    uint64_t limit = (uint64_t)(reach * reach);
    for (uint32_t i = 0; i < search->leaves; i++) {
        const struct tw_space_near_leaf *near = &search->pairs->leaves[i];
        const struct tw_space_node *leaf = tw_space_node_at(space, near->node);
        if (tw_space_bounds_squared(&near->reach, mover->at) > limit)
            continue;
        reader->cost.entities += leaf->count;
        if (!match_leaf(reader, mover, limit, leaf))
            return false;
    }
    if (space->large.used == 0)
        return true;
    struct tw_space_bounds at = {mover->at, mover->at};
    struct tw_space_bounds bounds = tw_space_bounds_grow(at, mover->reach);
    return tw_space_large_visit(&space->large, &bounds, match_large, mover);
}

struct alone {
    struct mover *mover;
    bool fits;
};

static bool match_item(void *context, const struct tw_space_item *item)
{
    struct alone *alone = context;
    if (item->handle != alone->mover->handle)
        alone->fits = add(alone->mover, item->handle);
    return alone->fits;
}

static bool match_alone(const struct search *search, struct mover *mover)
{
    struct alone alone = {mover, true};
    struct tw_space_shape sphere;
    tw_space_shape_sphere(&sphere, mover->at, (int32_t)mover->reach);
    sphere.bodies = true;
    return tw_space_visit(search->walk.reader, &sphere, NULL, match_item, &alone) !=
               TW_SPACE_TOO_WIDE &&
           alone.fits;
}

static bool note_leaf(struct tw_space_walk *walk, const struct tw_space_node *leaf, bool inside)
{
    struct search *search = walk->context;
    const struct tw_space *space = walk->reader->space;
    (void)inside;
    expect(tw_space_block_at(space, leaf->first));
    search->pairs->leaves[search->leaves++] = (struct tw_space_near_leaf){
        tw_space_node_reach(space, leaf), (uint32_t)(leaf - space->nodes) + 1u};
    return true;
}

/* All leaves that small movers of the group can reach; false if somebody may be close across the
 * edge. */
static bool note_leaves(struct search *search, const struct tw_space_hit *order, uint32_t size)
{
    const struct tw_space *space = search->walk.reader->space;
    const struct tw_space_config *config = &space->config;
    struct tw_space_bounds bounds = {{INT32_MAX, INT32_MAX, INT32_MAX}, {0, 0, 0}};
    int64_t reach = 0;
    for (uint32_t i = 0; i < size; i++) {
        struct mover mover = mover_at(search, order[i].handle);
        tw_space_bounds_include(&bounds, mover.at);
        if (!mover.large && mover.reach > reach)
            reach = mover.reach;
    }
    reach += space->small_radius;
    bool inside = bounds.low.x >= reach && bounds.high.x + reach < config->size.x &&
                  bounds.low.y >= reach && bounds.high.y + reach < config->size.y;
    if (config->wraps && (!inside || space->large.used > 0))
        return false;
    search->leaves = 0;
    tw_space_shape_box(&search->walk.shape, tw_space_bounds_grow(bounds, reach));
    tw_space_walk_cells(&search->walk);
    return true;
}

static void find_group(struct search *search, const struct tw_space_hit *order, uint32_t size)
{
    struct tw_space_pairs *pairs = search->pairs;
    bool together = note_leaves(search, order, size);
    for (uint32_t i = 0; i < size; i++) {
        struct mover mover = mover_at(search, order[i].handle);
        struct tw_space_row *row = &pairs->rows[order[i].handle];
        bool whole =
            together && !mover.large ? match_group(search, &mover) : match_alone(search, &mover);
        row->first = pairs->found;
        row->count = whole ? mover.count : TW_SPACE_ROW_NONE;
        if (whole)
            pairs->found += mover.count;
        else
            pairs->left_out++;
    }
}

void tw_space_pairs_find(struct tw_space_pairs *pairs, const uint32_t *movers, uint32_t count,
                         int32_t margin)
{
    struct search search = {.walk = {.reader = pairs->reader, .leaf = note_leaf},
                            .pairs = pairs,
                            .movers = movers,
                            .margin = margin};
    const struct tw_space_hit *order = pairs->order;
    search.walk.context = &search;
    TW_ASSERT(count <= pairs->movers_max && margin >= 0 && margin <= MARGIN_MAX);
    pairs->found = 0;
    pairs->left_out = 0;
    sort_movers(&search, count);
    for (uint32_t first = 0; first < count;) {
        uint32_t end = first + 1u;
        while (end < count && order[end].key == order[first].key)
            end++;
        for (uint32_t i = end; i < end + AHEAD && i < count; i++)
            expect(block_of(&search, order[i].handle));
        find_group(&search, &order[first], end - first);
        first = end;
    }
    pairs->reader->cost.queries += count;
    pairs->reader->cost.hits += pairs->found;
}
