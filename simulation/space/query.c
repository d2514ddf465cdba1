/* SPDX-License-Identifier: BSD-3-Clause */
#include "simulation/space/query.h"

#include "simulation/space/order.h"
#include "simulation/space/walk.h"

struct search {
    struct tw_space_walk walk;
    struct tw_space_shape shape; /* what entities are held against */
    const struct tw_space_filter *filter;
    bool (*take)(struct search *search, const struct tw_space_item *item);
    uint32_t found;
};

static uint32_t lanes_of(const struct tw_space_block *block)
{
    return (1u << block->count) - 1u;
}

static bool take_lane(struct search *search, const struct tw_space_block *block, uint32_t lane,
                      uint64_t key)
{
    if (!tw_space_filter_passes(search->filter, block->tags[lane], block->handles[lane]))
        return true;
    struct tw_space_item item = {.at = tw_space_block_point(block, lane),
                                 .key = key,
                                 .handle = block->handles[lane],
                                 .radius =
                                     tw_space_radius_at(search->walk.reader->space, block, lane)};
    search->found++;
    return search->take(search, &item);
}

/* By centre, all lanes at once: a sphere, or a cell that is inside as a whole. */
static bool scan_near(struct search *search, const struct tw_space_block *block, uint64_t limit)
{
    uint64_t squared[TW_SPACE_LANES];
    uint32_t lanes =
        search->walk.reader->kernels->near(block, search->shape.origin, limit, squared);
    lanes &= lanes_of(block);
    while (lanes != 0) {
        uint32_t lane = (uint32_t)__builtin_ctz(lanes);
        if (!take_lane(search, block, lane, squared[lane]))
            return false;
        lanes &= lanes - 1u;
    }
    return true;
}

/* Any shape; large bodies are not for this part of the search. */
static bool scan_each(struct search *search, const struct tw_space_block *block)
{
    bool bodies = search->shape.bodies;
    for (uint32_t lane = 0; lane < block->count; lane++) {
        uint32_t tags = block->tags[lane];
        uint64_t key;
        if (bodies && tags & TW_SPACE_TAG_LARGE)
            continue;
        int32_t radius = bodies ? (int32_t)(tags >> TW_SPACE_TAG_RADIUS_SHIFT) : 0;
        if (tw_space_shape_test(&search->shape, tw_space_block_point(block, lane), radius, &key) &&
            !take_lane(search, block, lane, key))
            return false;
    }
    return true;
}

static bool search_leaf(struct tw_space_walk *walk, const struct tw_space_node *leaf, bool inside)
{
    struct search *search = walk->context;
    bool sphere = search->shape.kind == TW_SPACE_SPHERE;
    bool by_lanes = !search->shape.bodies && (sphere || inside);
    uint64_t radius = (uint64_t)search->shape.radius;
    uint64_t limit = sphere ? radius * radius : UINT64_MAX;
    walk->reader->cost.entities += leaf->count;
    for (uint32_t at = leaf->first; at != 0;) {
        const struct tw_space_block *block = tw_space_block_at(walk->reader->space, at);
        if (!(by_lanes ? scan_near(search, block, limit) : scan_each(search, block)))
            return false;
        at = block->next;
    }
    return true;
}

static bool search_large(void *context, const struct tw_space_large_body *body)
{
    struct search *search = context;
    struct tw_space_item item = {.at = body->at, .handle = body->handle, .radius = body->radius};
    search->walk.reader->cost.entities++;
    if (!tw_space_filter_passes(search->filter, body->tags, body->handle) ||
        !tw_space_shape_test(&search->shape, body->at, body->radius, &item.key))
        return true;
    search->found++;
    return search->take(search, &item);
}

static bool search_image(void *context, const struct tw_space_shape *image)
{
    struct search *search = context;
    const struct tw_space *space = search->walk.reader->space;
    search->shape = *image;
    search->walk.shape = *image;
    /* Normals may be shorter than 1 by 1/1,024 (frustum.h): reach that much more. */
    search->walk.grown = image->bodies ? space->small_radius + (space->small_radius >> 9) + 1 : 0;
    if (!tw_space_walk_cells(&search->walk))
        return false;
    /* A copy: what is found may shorten the way, and bounds decide where a body is met. */
    struct tw_space_bounds bounds = search->walk.shape.bounds;
    return !image->bodies || tw_space_large_visit(&space->large, &bounds, search_large, search);
}

static const struct tw_space_filter everybody;

static void begin(struct search *search, struct tw_space_reader *reader,
                  const struct tw_space_filter *filter)
{
    search->walk.reader = reader;
    search->walk.leaf = search_leaf;
    search->walk.context = search;
    search->filter = filter ? filter : &everybody;
    reader->cost.queries++;
}

/* False: too wide. */
static bool run(struct search *search, const struct tw_space_shape *shape)
{
    const struct tw_space *space = search->walk.reader->space;
    if (!tw_space_walk_fits(space, shape))
        return false;
    tw_space_walk_images(space, shape, search_image, search);
    search->walk.reader->cost.hits += search->found;
    return true;
}

struct collection {
    struct search search;
    struct tw_space_hit *hits;
    uint32_t capacity;
};

static bool collect(struct search *search, const struct tw_space_item *item)
{
    struct collection *collection = (struct collection *)search;
    struct tw_space_hit hit = {.key = item->key, .handle = item->handle};
    uint32_t capacity = collection->capacity;
    if (search->found <= capacity) {
        collection->hits[search->found - 1u] = hit;
        if (search->found == capacity)
            tw_space_heap_build(collection->hits, capacity);
    } else if (capacity > 0 && tw_space_hit_before(&hit, &collection->hits[0])) {
        tw_space_heap_replace(collection->hits, capacity, hit);
    }
    return true;
}

uint32_t tw_space_find(struct tw_space_reader *reader, const struct tw_space_shape *shape,
                       const struct tw_space_filter *filter, struct tw_space_hit *hits,
                       uint32_t capacity)
{
    struct collection collection = {.search.take = collect, .hits = hits, .capacity = capacity};
    begin(&collection.search, reader, filter);
    if (!run(&collection.search, shape))
        return TW_SPACE_TOO_WIDE;
    uint32_t found = collection.search.found;
    uint32_t kept = found < capacity ? found : capacity;
    if (kept <= 2u * reader->nearest_max)
        tw_space_sort_spread(hits, kept, reader->scratch);
    else
        tw_space_sort(hits, kept);
    return found;
}

static bool pass_over(struct search *search, const struct tw_space_item *item)
{
    (void)search;
    (void)item;
    return true;
}

static void count_whole(struct tw_space_walk *walk, const struct tw_space_node *cell)
{
    struct search *search = walk->context;
    search->found += cell->count;
}

static bool passes_everybody(const struct tw_space_filter *filter)
{
    return filter->types == 0 && filter->faction_rule == TW_SPACE_ANY_FACTION && !filter->alive &&
           filter->except[0] == 0 && filter->except[1] == 0;
}

uint32_t tw_space_count(struct tw_space_reader *reader, const struct tw_space_shape *shape,
                        const struct tw_space_filter *filter)
{
    struct search search = {.take = pass_over};
    begin(&search, reader, filter);
    /* Large bodies are counted where they are large. */
    if (passes_everybody(search.filter) && !shape->bodies)
        search.walk.whole = count_whole;
    return run(&search, shape) ? search.found : TW_SPACE_TOO_WIDE;
}

struct visit {
    struct search search;
    tw_space_visitor visit;
    void *context;
};

static bool pass_on(struct search *search, const struct tw_space_item *item)
{
    struct visit *visit = (struct visit *)search;
    return visit->visit(visit->context, item);
}

uint32_t tw_space_visit(struct tw_space_reader *reader, const struct tw_space_shape *shape,
                        const struct tw_space_filter *filter, tw_space_visitor visitor,
                        void *context)
{
    struct visit visit = {.search.take = pass_on, .visit = visitor, .context = context};
    begin(&visit.search, reader, filter);
    return run(&visit.search, shape) ? visit.search.found : TW_SPACE_TOO_WIDE;
}

struct first {
    struct search search;
    struct tw_space_hit best;
};

static int32_t part_of_way(int32_t from, int32_t to, uint64_t part)
{
    int64_t way = (int64_t)to - from;
    return from + (int32_t)(way * (int64_t)part / TW_SPACE_UNIT);
}

/* From here on only what is touched as early matters: cells are held against the way up to there,
 * and one part more for what division rounds off. */
static void shorten(struct search *search, uint64_t part)
{
    struct tw_space_shape *shape = &search->walk.shape;
    struct tw_space_shape shorter;
    uint64_t kept = part + 1u < TW_SPACE_UNIT ? part + 1u : TW_SPACE_UNIT;
    struct tw_space_point end = {part_of_way(search->shape.origin.x, search->shape.end.x, kept),
                                 part_of_way(search->shape.origin.y, search->shape.end.y, kept),
                                 part_of_way(search->shape.origin.z, search->shape.end.z, kept)};
    int32_t radius =
        search->shape.radius < TW_SPACE_REACH ? search->shape.radius + 1 : search->shape.radius;
    tw_space_shape_sweep(&shorter, search->shape.origin, end, radius);
    shorter.bodies = shape->bodies;
    *shape = shorter;
}

static bool keep_first(struct search *search, const struct tw_space_item *item)
{
    struct first *first = (struct first *)search;
    struct tw_space_hit hit = {.key = item->key, .handle = item->handle};
    if (search->found == 1u || tw_space_hit_before(&hit, &first->best)) {
        first->best = hit;
        shorten(search, hit.key);
    }
    return true;
}

bool tw_space_first_on_way(struct tw_space_reader *reader, const struct tw_space_shape *sweep,
                           const struct tw_space_filter *filter, struct tw_space_hit *hit)
{
    struct first first = {.search.take = keep_first};
    if (sweep->kind != TW_SPACE_SWEEP)
        return false;
    begin(&first.search, reader, filter);
    if (!run(&first.search, sweep) || first.search.found == 0)
        return false;
    *hit = first.best;
    return true;
}

static bool stop_at_one(struct search *search, const struct tw_space_item *item)
{
    (void)search;
    (void)item;
    return false;
}

bool tw_space_is_clear(struct tw_space_reader *reader, struct tw_space_point from,
                       struct tw_space_point to, const struct tw_space_filter *occluders)
{
    struct search search = {.take = stop_at_one};
    struct tw_space_shape ray;
    if (!tw_space_shape_sweep(&ray, from, to, 0))
        return false;
    ray.bodies = true;
    begin(&search, reader, occluders);
    return run(&search, &ray) && search.found == 0;
}
