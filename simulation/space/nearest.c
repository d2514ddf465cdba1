/* SPDX-License-Identifier: BSD-3-Clause */
#include "simulation/space/nearest.h"

#include "simulation/core/fixed.h"
#include "simulation/space/internal.h"
#include "simulation/space/order.h"

/* Up to here the best are kept in order; above, twice as many are gathered before the worse half is
 * dropped. */
#define SORTED_MAX 64u

struct search {
    struct tw_space_reader *reader;
    const struct tw_space *space;
    const struct tw_space_filter *filter;
    struct tw_space_point at;
    uint64_t bound; /* nobody farther away matters */
    uint32_t k, found;
    struct tw_space_hit *best; /* sorted, or gathered */
    /* A world that wraps: places of the query beyond the edges see what is nearer to them than to
     * all others, so that everybody is seen once. */
    bool wraps;
    int32_t half_x, half_y; /* rounded down */
};

static void keep_sorted(struct search *search, struct tw_space_hit hit)
{
    uint32_t at = search->found;
    if (at == search->k) {
        if (!tw_space_hit_before(&hit, &search->best[at - 1u]))
            return;
        at--;
    } else {
        search->found++;
    }
    for (; at > 0 && tw_space_hit_before(&hit, &search->best[at - 1u]); at--)
        search->best[at] = search->best[at - 1u];
    search->best[at] = hit;
    if (search->found == search->k)
        search->bound = search->best[search->k - 1u].key;
}

static void keep_gathered(struct search *search, struct tw_space_hit hit)
{
    search->best[search->found++] = hit;
    if (search->found < 2u * search->k)
        return;
    search->bound = tw_space_select(search->best, search->found, search->k);
    search->found = search->k;
}

/* The half of the way round that belongs to this place of the query: -size / 2 <= d < size / 2. */
static bool is_ours(const struct search *search, const struct tw_space_block *block, uint32_t lane)
{
    const struct tw_space_point *size = &search->space->config.size;
    int32_t dx = block->x[lane] - search->at.x;
    int32_t dy = block->y[lane] - search->at.y;
    return dx >= -search->half_x && dx < size->x - search->half_x && dy >= -search->half_y &&
           dy < size->y - search->half_y;
}

static void scan(struct search *search, const struct tw_space_node *leaf)
{
    uint64_t squared[TW_SPACE_LANES];
    search->reader->cost.entities += leaf->count;
    for (uint32_t at = leaf->first; at != 0;) {
        const struct tw_space_block *block = tw_space_block_at(search->space, at);
        uint32_t lanes = search->reader->kernels->near(block, search->at, search->bound, squared);
        at = block->next;
        lanes &= (1u << block->count) - 1u;
        for (; lanes != 0; lanes &= lanes - 1u) {
            uint32_t lane = (uint32_t)__builtin_ctz(lanes);
            struct tw_space_hit hit = {.key = squared[lane], .handle = block->handles[lane]};
            if (hit.key > search->bound ||
                !tw_space_filter_passes(search->filter, block->tags[lane], hit.handle) ||
                (search->wraps && !is_ours(search, block, lane)))
                continue;
            if (search->k <= SORTED_MAX)
                keep_sorted(search, hit);
            else
                keep_gathered(search, hit);
        }
    }
}

struct candidate {
    uint64_t squared;
    uint32_t node;
};

/* Nearest first; at most eight. */
static uint32_t sorted_children(const struct search *search, const struct tw_space_node *inner,
                                struct candidate *candidates)
{
    uint32_t count = 0;
    for (uint32_t i = 0; i < TW_SPACE_OCTANTS; i++) {
        uint32_t child = inner->children[i];
        if (child == 0)
            continue;
        const struct tw_space_node *node = tw_space_node_at(search->space, child);
        struct tw_space_bounds reach = tw_space_node_reach(search->space, node);
        struct candidate one = {tw_space_bounds_squared(&reach, search->at), child};
        uint32_t at = count++;
        for (; at > 0 && one.squared < candidates[at - 1u].squared; at--)
            candidates[at] = candidates[at - 1u];
        candidates[at] = one;
    }
    return count;
}

static void descend(struct search *search, uint32_t at)
{
    const struct tw_space_node *node = tw_space_node_at(search->space, at);
    struct candidate candidates[TW_SPACE_OCTANTS];
    search->reader->cost.cells++;
    if (node->kind == TW_SPACE_NODE_LEAF) {
        scan(search, node);
        return;
    }
    uint32_t count = sorted_children(search, node, candidates);
    for (uint32_t i = 0; i < count && candidates[i].squared <= search->bound; i++)
        descend(search, candidates[i].node);
}

/* Roots met in a ring, nearest first; more than fit are gone into as they come. */
#define RING_MAX 32u

struct ring {
    struct tw_space_cell middle;
    int32_t radius;
    uint32_t count;
    struct candidate candidates[RING_MAX];
};

static void empty_ring(struct search *search, struct ring *ring)
{
    for (uint32_t i = 0; i < ring->count && ring->candidates[i].squared <= search->bound; i++)
        descend(search, ring->candidates[i].node);
    ring->count = 0;
}

static void meet_node(struct search *search, struct ring *ring, uint32_t root)
{
    const struct tw_space_node *node = tw_space_node_at(search->space, root);
    struct tw_space_bounds reach = tw_space_node_reach(search->space, node);
    struct candidate one = {tw_space_bounds_squared(&reach, search->at), root};
    if (one.squared > search->bound)
        return;
    if (ring->count == RING_MAX)
        empty_ring(search, ring);
    uint32_t at = ring->count++;
    for (; at > 0 && one.squared < ring->candidates[at - 1u].squared; at--)
        ring->candidates[at] = ring->candidates[at - 1u];
    ring->candidates[at] = one;
}

static void meet_root(struct search *search, struct ring *ring, struct tw_space_cell cell)
{
    uint32_t root = tw_space_roots_find(search->space, cell);
    search->reader->cost.cells++;
    if (root != 0)
        meet_node(search, ring, root);
}

static int32_t clip_low(int32_t middle, int32_t radius)
{
    return middle > radius ? middle - radius : 0;
}

static int32_t clip_high(int32_t middle, int32_t radius, uint32_t cells)
{
    return tw_space_clamp((int64_t)middle + radius, 0, (int32_t)cells - 1);
}

/* One row of a ring: all of it on the ring's faces, its two ends elsewhere. */
static void walk_row(struct search *search, struct ring *ring, int32_t y, int32_t z)
{
    const struct tw_space *space = search->space;
    struct tw_space_cell middle = ring->middle;
    int32_t radius = ring->radius;
    bool face = y - middle.y == radius || middle.y - y == radius || z - middle.z == radius ||
                middle.z - z == radius;
    if (face) {
        int32_t last = clip_high(middle.x, radius, space->roots_x);
        for (int32_t x = clip_low(middle.x, radius); x <= last; x++)
            meet_root(search, ring, (struct tw_space_cell){x, y, z});
        return;
    }
    if (middle.x >= radius)
        meet_root(search, ring, (struct tw_space_cell){middle.x - radius, y, z});
    if ((int64_t)middle.x + radius < space->roots_x)
        meet_root(search, ring, (struct tw_space_cell){middle.x + radius, y, z});
}

static void walk_ring(struct search *search, struct ring *ring)
{
    const struct tw_space *space = search->space;
    int32_t last_y = clip_high(ring->middle.y, ring->radius, space->roots_y);
    int32_t last_z = clip_high(ring->middle.z, ring->radius, space->roots_z);
    for (int32_t z = clip_low(ring->middle.z, ring->radius); z <= last_z; z++) {
        for (int32_t y = clip_low(ring->middle.y, ring->radius); y <= last_y; y++)
            walk_row(search, ring, y, z);
    }
    empty_ring(search, ring);
}

/* The least distance to roots at least `radius` away on one axis; INT64_MAX if there are none. */
static int64_t axis_distance(int32_t at, int32_t middle, int32_t radius, uint32_t cells,
                             const struct tw_space *space)
{
    uint32_t shift = space->config.cell_shift;
    int64_t margin = space->margins[shift];
    int64_t least = INT64_MAX;
    if ((int64_t)middle + radius < cells)
        least = (((int64_t)middle + radius) << shift) - margin - at;
    if (middle >= radius) {
        int64_t below = at - ((((int64_t)middle - radius + 1) << shift) - 1 + margin);
        least = below < least ? below : least;
    }
    return least < 0 ? 0 : least;
}

/* Squared distance that nothing in this ring or beyond it is nearer than; UINT64_MAX: nothing is
 * there. */
static uint64_t ring_squared(const struct search *search, const struct ring *ring)
{
    const struct tw_space *space = search->space;
    int64_t x = axis_distance(search->at.x, ring->middle.x, ring->radius, space->roots_x, space);
    int64_t y = axis_distance(search->at.y, ring->middle.y, ring->radius, space->roots_y, space);
    int64_t z = axis_distance(search->at.z, ring->middle.z, ring->radius, space->roots_z, space);
    int64_t least = x < y ? x : y;
    least = least < z ? least : z;
    return least == INT64_MAX ? UINT64_MAX : (uint64_t)(least * least);
}

static int32_t largest_of(int32_t a, int32_t b, int32_t c)
{
    int32_t larger = a > b ? a : b;
    return larger > c ? larger : c;
}

static int32_t apart(int32_t a, int32_t b)
{
    return a > b ? a - b : b - a;
}

/* Few roots in a wide world: those there are, beyond the rings walked, instead of empty cells. */
static void walk_rest(struct search *search, struct ring *ring)
{
    const struct tw_space *space = search->space;
    for (uint32_t at = 1; at <= space->nodes_end; at++) {
        const struct tw_space_node *node = tw_space_node_at(space, at);
        if (node->kind == TW_SPACE_NODE_FREE || node->depth != 0)
            continue;
        struct tw_space_cell cell = tw_space_root_cell(space, node->low);
        if (largest_of(apart(cell.x, ring->middle.x), apart(cell.y, ring->middle.y),
                       apart(cell.z, ring->middle.z)) >= ring->radius)
            meet_node(search, ring, at);
    }
    empty_ring(search, ring);
}

static void search_from(struct search *search)
{
    const struct tw_space *space = search->space;
    struct tw_space_point inside = {tw_space_clamp(search->at.x, 0, space->config.size.x),
                                    tw_space_clamp(search->at.y, 0, space->config.size.y),
                                    tw_space_clamp(search->at.z, 0, space->config.size.z)};
    struct ring ring;
    ring.middle = tw_space_root_cell(space, inside);
    ring.count = 0;
    uint64_t before = search->reader->cost.cells;
    for (ring.radius = 0;; ring.radius++) {
        uint64_t squared = ring_squared(search, &ring);
        if (squared > search->bound || squared == UINT64_MAX)
            return;
        if (search->reader->cost.cells - before > space->nodes_end + 64u) {
            walk_rest(search, &ring);
            return;
        }
        walk_ring(search, &ring);
    }
}

static void search_images(struct search *search)
{
    const struct tw_space_point *size = &search->space->config.size;
    struct tw_space_point at = search->at;
    int32_t x = (int32_t)(at.x - tw_fixed_floor_div(at.x, size->x) * size->x);
    int32_t y = (int32_t)(at.y - tw_fixed_floor_div(at.y, size->y) * size->y);
    search->half_x = size->x / 2;
    search->half_y = size->y / 2;
    /* The place itself first: it finds the most, and narrows the bound for the others. */
    static const int32_t order[3] = {0, -1, 1};
    for (uint32_t i = 0; i < 9u; i++) {
        search->at.x = x + order[i / 3u] * size->x;
        search->at.y = y + order[i % 3u] * size->y;
        search_from(search);
    }
}

static const struct tw_space_filter everybody;

/* False: nobody can be found. */
static bool begin(struct search *search, struct tw_space_reader *reader,
                  const struct tw_space_nearest *query, struct tw_space_hit *hits)
{
    *search = (struct search){.reader = reader,
                              .space = reader->space,
                              .filter = query->filter ? query->filter : &everybody,
                              .at = query->at,
                              .bound = INT64_MAX,
                              .k = query->k < reader->nearest_max ? query->k : reader->nearest_max,
                              .wraps = reader->space->config.wraps};
    reader->cost.queries++;
    if (query->distance_max != TW_SPACE_ANY_DISTANCE)
        search->bound = (uint64_t)((int64_t)query->distance_max * query->distance_max);
    search->best = search->k <= SORTED_MAX ? hits : reader->scratch;
    return search->k > 0 && query->distance_max >= 0 && reader->space->population > 0 &&
           tw_space_point_in_reach(query->at);
}

static uint32_t finish(struct search *search, struct tw_space_hit *hits)
{
    struct tw_space_reader *reader = search->reader;
    if (search->k > SORTED_MAX) {
        if (search->found > search->k) {
            tw_space_select(search->best, search->found, search->k);
            search->found = search->k;
        }
        /* The upper half of the scratch is free by now. */
        tw_space_sort_spread(search->best, search->found, search->best + reader->nearest_max);
        for (uint32_t i = 0; i < search->found; i++)
            hits[i] = search->best[i];
    }
    reader->cost.hits += search->found;
    return search->found;
}

uint32_t tw_space_nearest(struct tw_space_reader *reader, const struct tw_space_nearest *query,
                          struct tw_space_hit *hits)
{
    struct search search;
    if (!begin(&search, reader, query, hits))
        return 0;
    if (search.wraps)
        search_images(&search);
    else
        search_from(&search);
    return finish(&search, hits);
}

uint32_t tw_space_nearest_among(struct tw_space_reader *reader,
                                const struct tw_space_nearest *query,
                                const struct tw_space_leaves *leaves, struct tw_space_hit *hits)
{
    struct search search;
    if (!begin(&search, reader, query, hits))
        return 0;
    if (leaves->bound < search.bound)
        search.bound = leaves->bound;
    for (uint32_t i = 0; i < leaves->count; i++) {
        const struct tw_space_near_leaf *leaf = &leaves->list[i];
        if (tw_space_bounds_squared(&leaf->reach, search.at) <= search.bound)
            scan(&search, tw_space_node_at(search.space, leaf->node));
    }
    return finish(&search, hits);
}
