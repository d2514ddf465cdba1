/* SPDX-License-Identifier: BSD-3-Clause */
#include "simulation/space/pairs.h"

#include "simulation/space/order.h"
#include "simulation/space/query.h"
#include "simulation/space/walk.h"

#define MARGIN_MAX (INT32_C(1) << 24)

struct search {
    struct tw_space_walk walk;
    const struct tw_space_filter *movers, *others;
    int64_t margin;
    int64_t reach; /* the farthest that two small bodies can be close */
    struct tw_space_hit *pairs;
    uint32_t capacity, found;
    const struct tw_space_node *leaf; /* whose pairs are looked for */
    int32_t shift_x, shift_y;         /* how it is moved, in a world that wraps */
    const struct tw_space_large_body *body;
};

/* One of a pair. */
struct one {
    uint32_t handle, tags;
    int64_t radius;
};

static void keep(struct search *search, uint32_t a, uint32_t b)
{
    uint32_t first = a < b ? a : b;
    uint32_t second = a < b ? b : a;
    struct tw_space_hit pair = {.key = (uint64_t)first << 32 | second, .handle = second};
    uint32_t capacity = search->capacity;
    search->found++;
    if (search->found <= capacity) {
        search->pairs[search->found - 1u] = pair;
        if (search->found == capacity)
            tw_space_heap_build(search->pairs, capacity);
    } else if (capacity > 0 && tw_space_hit_before(&pair, &search->pairs[0])) {
        tw_space_heap_replace(search->pairs, capacity, pair);
    }
}

static bool are_wanted(const struct search *search, const struct one *a, const struct one *b)
{
    return (tw_space_filter_passes(search->movers, a->tags, a->handle) &&
            tw_space_filter_passes(search->others, b->tags, b->handle)) ||
           (tw_space_filter_passes(search->movers, b->tags, b->handle) &&
            tw_space_filter_passes(search->others, a->tags, a->handle));
}

static bool are_close(const struct search *search, const struct one *a, const struct one *b,
                      uint64_t squared)
{
    int64_t reach = a->radius + b->radius + search->margin;
    return squared <= (uint64_t)(reach * reach);
}

static struct one small_at(const struct tw_space_block *block, uint32_t lane)
{
    return (struct one){.handle = block->handles[lane],
                        .tags = block->tags[lane],
                        .radius = block->tags[lane] >> TW_SPACE_TAG_RADIUS_SHIFT};
}

/* One entity of our leaf against another leaf. */
static void match(struct search *search, const struct one *one, struct tw_space_point at,
                  const struct tw_space_node *other)
{
    uint64_t limit = (uint64_t)(search->reach * search->reach);
    uint64_t squared[TW_SPACE_LANES];
    for (uint32_t next = other->first; next != 0;) {
        const struct tw_space_block *block = tw_space_block_at(search->walk.reader->space, next);
        uint32_t lanes = search->walk.reader->kernels->near(block, at, limit, squared);
        next = block->next;
        for (lanes &= (1u << block->count) - 1u; lanes != 0; lanes &= lanes - 1u) {
            uint32_t lane = (uint32_t)__builtin_ctz(lanes);
            struct one two = small_at(block, lane);
            /* Each pair is met from both sides: counted on one. */
            if (one->handle < two.handle && !(two.tags & TW_SPACE_TAG_LARGE) &&
                are_close(search, one, &two, squared[lane]) && are_wanted(search, one, &two))
                keep(search, one->handle, two.handle);
        }
    }
}

static bool match_leaf(struct tw_space_walk *walk, const struct tw_space_node *other, bool inside)
{
    struct search *search = walk->context;
    const struct tw_space *space = walk->reader->space;
    struct tw_space_bounds reach = tw_space_node_reach(space, other);
    uint64_t limit = (uint64_t)(search->reach * search->reach);
    (void)inside;
    walk->reader->cost.entities += other->count;
    for (uint32_t next = search->leaf->first; next != 0;) {
        const struct tw_space_block *block = tw_space_block_at(space, next);
        next = block->next;
        for (uint32_t lane = 0; lane < block->count; lane++) {
            struct one one = small_at(block, lane);
            struct tw_space_point at = tw_space_block_point(block, lane);
            at.x += search->shift_x;
            at.y += search->shift_y;
            if (!(one.tags & TW_SPACE_TAG_LARGE) && tw_space_bounds_squared(&reach, at) <= limit)
                match(search, &one, at, other);
        }
    }
    return true;
}

static void match_image(struct search *search, int32_t x, int32_t y)
{
    const struct tw_space *space = search->walk.reader->space;
    struct tw_space_bounds bounds = tw_space_node_reach(space, search->leaf);
    search->shift_x = x * space->config.size.x;
    search->shift_y = y * space->config.size.y;
    bounds.low.x += search->shift_x;
    bounds.high.x += search->shift_x;
    bounds.low.y += search->shift_y;
    bounds.high.y += search->shift_y;
    tw_space_shape_box(&search->walk.shape, tw_space_bounds_grow(bounds, search->reach));
    tw_space_walk_cells(&search->walk);
}

static void match_small(struct search *search)
{
    const struct tw_space *space = search->walk.reader->space;
    int32_t images = space->config.wraps ? 1 : 0;
    for (uint32_t at = 1; at <= space->nodes_end; at++) {
        search->leaf = tw_space_node_at(space, at);
        if (search->leaf->kind != TW_SPACE_NODE_LEAF)
            continue;
        for (int32_t y = -images; y <= images; y++) {
            for (int32_t x = -images; x <= images; x++)
                match_image(search, x, y);
        }
    }
}

static uint32_t tags_of(const struct tw_space *space, uint32_t handle)
{
    uint32_t at = space->places[tw_entity_index((tw_entity){.bits = handle})];
    return space->blocks[at / TW_SPACE_LANES].tags[at % TW_SPACE_LANES];
}

static bool match_large(void *context, const struct tw_space_item *item)
{
    struct search *search = context;
    const struct tw_space_large_body *body = search->body;
    struct one one = {body->handle, body->tags, body->radius};
    struct one two = {item->handle, tags_of(search->walk.reader->space, item->handle),
                      item->radius};
    bool both_large = (two.tags & TW_SPACE_TAG_LARGE) != 0;
    if (one.handle != two.handle && (!both_large || one.handle < two.handle) &&
        are_wanted(search, &one, &two))
        keep(search, one.handle, two.handle);
    return true;
}

/* False: too wide. */
static bool match_all_large(struct search *search)
{
    const struct tw_space_large *large = &search->walk.reader->space->large;
    for (uint32_t i = 0; i < large->end; i++) {
        struct tw_space_shape sphere;
        search->body = &large->bodies[i];
        if (search->body->radius == 0)
            continue;
        tw_space_shape_sphere(&sphere, search->body->at,
                              search->body->radius + (int32_t)search->margin);
        sphere.bodies = true;
        if (tw_space_visit(search->walk.reader, &sphere, NULL, match_large, search) ==
            TW_SPACE_TOO_WIDE)
            return false;
    }
    return true;
}

static const struct tw_space_filter everybody;

uint32_t tw_space_pairs_find(struct tw_space_reader *reader, const struct tw_space_pairs *query,
                             struct tw_space_hit *pairs, uint32_t capacity)
{
    const struct tw_space *space = reader->space;
    const struct tw_space_config *config = &space->config;
    struct search search = {.walk = {.reader = reader, .leaf = match_leaf},
                            .movers = query->movers ? query->movers : &everybody,
                            .others = query->others ? query->others : &everybody,
                            .margin = query->margin,
                            .reach = 2 * (int64_t)space->small_radius + query->margin,
                            .pairs = pairs,
                            .capacity = capacity};
    search.walk.context = &search;
    reader->cost.queries++;
    if (query->margin < 0 || query->margin > MARGIN_MAX)
        return 0;
    if (config->wraps && (2 * search.reach >= config->size.x || 2 * search.reach >= config->size.y))
        return TW_SPACE_TOO_WIDE;
    match_small(&search);
    if (!match_all_large(&search))
        return TW_SPACE_TOO_WIDE;
    reader->cost.hits += search.found;
    tw_space_sort(pairs, search.found < capacity ? search.found : capacity);
    return search.found;
}
