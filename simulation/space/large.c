/* SPDX-License-Identifier: BSD-3-Clause */
#include "simulation/space/large.h"

#include "tickwire/assert.h"

/* Odd numbers near 2^32 divided by roots: neighbouring cells spread over the table. */
#define HASH_X     0x9e3779b1u
#define HASH_Y     0x85ebca77u
#define HASH_Z     0xc2b2ae3du
#define HASH_LEVEL 0x27d4eb2fu

void tw_space_large_carve(struct tw_space_large *large, struct tw_arena *arena, uint32_t max)
{
    uint32_t heads = 1;
    while (heads < max * 4u)
        heads *= 2u;
    large->max = max;
    large->heads_mask = heads - 1u;
    large->bodies = tw_arena_take(arena, max, sizeof(*large->bodies));
    large->links = tw_arena_take(arena, (size_t)max * TW_SPACE_LARGE_CELLS, sizeof(*large->links));
    large->heads = tw_arena_take(arena, heads, sizeof(*large->heads));
}

static uint32_t *head_of(const struct tw_space_large *large, const struct tw_space_point *cell,
                         uint32_t shift)
{
    uint32_t hash = (uint32_t)cell->x * HASH_X ^ (uint32_t)cell->y * HASH_Y ^
                    (uint32_t)cell->z * HASH_Z ^ shift * HASH_LEVEL;
    return &large->heads[(hash ^ hash >> 15) & large->heads_mask];
}

/* Cells are named by their coordinates: points counted in cells. */
static struct tw_space_point cell_of(struct tw_space_point at, uint32_t shift)
{
    return (struct tw_space_point){at.x >> shift, at.y >> shift, at.z >> shift};
}

static void link_cell(struct tw_space_large *large, uint32_t number, struct tw_space_point cell,
                      uint32_t shift)
{
    struct tw_space_large_link *link = &large->links[number];
    uint32_t *head = head_of(large, &cell, shift);
    *link = (struct tw_space_large_link){
        .x = cell.x, .y = cell.y, .z = cell.z, .shift = shift, .next = *head};
    if (*head != 0)
        large->links[*head - 1u].previous = number + 1u;
    *head = number + 1u;
}

static void link_body(struct tw_space_large *large, uint32_t number)
{
    const struct tw_space_large_body *body = &large->bodies[number];
    struct tw_space_bounds bounds = tw_space_large_bounds(body);
    struct tw_space_point low = cell_of(bounds.low, body->shift);
    struct tw_space_point high = cell_of(bounds.high, body->shift);
    uint32_t link = number * TW_SPACE_LARGE_CELLS;
    for (int32_t z = low.z; z <= high.z; z++) {
        for (int32_t y = low.y; y <= high.y; y++) {
            for (int32_t x = low.x; x <= high.x; x++)
                link_cell(large, link++, (struct tw_space_point){x, y, z}, body->shift);
        }
    }
    TW_ASSERT(link <= (number + 1u) * TW_SPACE_LARGE_CELLS);
    large->on_level[body->shift]++;
}

static void unlink_body(struct tw_space_large *large, uint32_t number)
{
    for (uint32_t i = 0; i < TW_SPACE_LARGE_CELLS; i++) {
        struct tw_space_large_link *link = &large->links[number * TW_SPACE_LARGE_CELLS + i];
        struct tw_space_point cell = {link->x, link->y, link->z};
        if (link->shift == 0)
            continue;
        if (link->previous != 0)
            large->links[link->previous - 1u].next = link->next;
        else
            *head_of(large, &cell, link->shift) = link->next;
        if (link->next != 0)
            large->links[link->next - 1u].previous = link->previous;
        *link = (struct tw_space_large_link){0};
    }
    large->on_level[large->bodies[number].shift]--;
}

/* Cells at least as wide as the body: its box, ends included, then touches two of them at most. */
static uint32_t shift_for(int32_t radius)
{
    uint32_t shift = 1;
    while (INT64_C(1) << shift < 2 * (int64_t)radius + 1)
        shift++;
    return shift;
}

uint32_t tw_space_large_insert(struct tw_space_large *large, const struct tw_space_large_body *body)
{
    TW_ASSERT(!tw_space_large_is_full(large) && body->radius > 0);
    uint32_t number = large->end;
    if (large->free != 0) {
        number = large->free - 1u;
        large->free = large->bodies[number].next;
    } else {
        large->end++;
    }
    large->used++;
    large->bodies[number] = *body;
    large->bodies[number].shift = shift_for(body->radius);
    large->bodies[number].next = 0;
    link_body(large, number);
    return number;
}

void tw_space_large_move(struct tw_space_large *large, uint32_t number, struct tw_space_point to)
{
    struct tw_space_large_body *body = &large->bodies[number];
    struct tw_space_bounds before = tw_space_large_bounds(body);
    struct tw_space_point low = cell_of(before.low, body->shift);
    struct tw_space_point high = cell_of(before.high, body->shift);
    body->at = to;
    struct tw_space_bounds after = tw_space_large_bounds(body);
    struct tw_space_point new_low = cell_of(after.low, body->shift);
    struct tw_space_point new_high = cell_of(after.high, body->shift);
    if (low.x == new_low.x && low.y == new_low.y && low.z == new_low.z && high.x == new_high.x &&
        high.y == new_high.y && high.z == new_high.z)
        return;
    unlink_body(large, number);
    link_body(large, number);
}

void tw_space_large_remove(struct tw_space_large *large, uint32_t number)
{
    unlink_body(large, number);
    large->bodies[number] = (struct tw_space_large_body){.next = large->free};
    large->free = number + 1u;
    large->used--;
}

static bool visit_all(const struct tw_space_large *large, const struct tw_space_bounds *bounds,
                      tw_space_large_visitor visit, void *context)
{
    for (uint32_t i = 0; i < large->end; i++) {
        const struct tw_space_large_body *body = &large->bodies[i];
        if (body->radius == 0)
            continue;
        struct tw_space_bounds box = tw_space_large_bounds(body);
        if (tw_space_bounds_meet(&box, bounds) && !visit(context, body))
            return false;
    }
    return true;
}

static int32_t larger(int32_t a, int32_t b)
{
    return a > b ? a : b;
}

struct search {
    const struct tw_space_large *large;
    const struct tw_space_bounds *bounds;
    tw_space_large_visitor visit;
    void *context;
};

static bool visit_cell(const struct search *search, struct tw_space_point cell, uint32_t shift)
{
    struct tw_space_point first = cell_of(search->bounds->low, shift);
    uint32_t at = *head_of(search->large, &cell, shift);
    while (at != 0) {
        const struct tw_space_large_link *link = &search->large->links[at - 1u];
        const struct tw_space_large_body *body =
            &search->large->bodies[(at - 1u) / TW_SPACE_LARGE_CELLS];
        at = link->next;
        if (link->x != cell.x || link->y != cell.y || link->z != cell.z || link->shift != shift)
            continue;
        struct tw_space_bounds box = tw_space_large_bounds(body);
        struct tw_space_point low = cell_of(box.low, shift);
        if (cell.x != larger(low.x, first.x) || cell.y != larger(low.y, first.y) ||
            cell.z != larger(low.z, first.z) || !tw_space_bounds_meet(&box, search->bounds))
            continue;
        if (!search->visit(search->context, body))
            return false;
    }
    return true;
}

static bool visit_level(const struct search *search, uint32_t shift)
{
    struct tw_space_point low = cell_of(search->bounds->low, shift);
    struct tw_space_point high = cell_of(search->bounds->high, shift);
    for (int32_t z = low.z; z <= high.z; z++) {
        for (int32_t y = low.y; y <= high.y; y++) {
            for (int32_t x = low.x; x <= high.x; x++) {
                if (!visit_cell(search, (struct tw_space_point){x, y, z}, shift))
                    return false;
            }
        }
    }
    return true;
}

/* At most 2^21 per axis: bounds reach over 2^31, cells are at least 2^14. */
static uint64_t cells_in(const struct tw_space_bounds *bounds, uint32_t shift)
{
    struct tw_space_point low = cell_of(bounds->low, shift);
    struct tw_space_point high = cell_of(bounds->high, shift);
    return (uint64_t)(high.x - low.x + 1) * (uint64_t)(high.y - low.y + 1) *
           (uint64_t)(high.z - low.z + 1);
}

bool tw_space_large_visit(const struct tw_space_large *large, const struct tw_space_bounds *bounds,
                          tw_space_large_visitor visit, void *context)
{
    struct search search = {.large = large, .bounds = bounds, .visit = visit, .context = context};
    uint64_t cells = 0;
    if (large->used == 0)
        return true;
    for (uint32_t shift = 0; shift < TW_SPACE_LARGE_SHIFTS && cells <= large->used; shift++) {
        if (large->on_level[shift] != 0)
            cells += cells_in(bounds, shift);
    }
    if (cells > large->used)
        return visit_all(large, bounds, visit, context);
    for (uint32_t shift = 0; shift < TW_SPACE_LARGE_SHIFTS; shift++) {
        if (large->on_level[shift] != 0 && !visit_level(&search, shift))
            return false;
    }
    return true;
}
