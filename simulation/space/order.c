/* SPDX-License-Identifier: BSD-3-Clause */
#include "simulation/space/order.h"

/* Below it, insertion beats everything that divides first. */
#define SHORT 16u
/* A list this much divided without getting short is sorted by heap: no input takes quadratic
 * time. */
#define DIVISIONS_MAX 48u

static void swap(struct tw_space_hit *a, struct tw_space_hit *b)
{
    struct tw_space_hit kept = *a;
    *a = *b;
    *b = kept;
}

static void insert(struct tw_space_hit *hits, uint32_t count)
{
    for (uint32_t i = 1; i < count; i++) {
        struct tw_space_hit hit = hits[i];
        uint32_t at = i;
        for (; at > 0 && tw_space_hit_before(&hit, &hits[at - 1u]); at--)
            hits[at] = hits[at - 1u];
        hits[at] = hit;
    }
}

static void sink(struct tw_space_hit *hits, uint32_t count, uint32_t at)
{
    struct tw_space_hit hit = hits[at];
    for (;;) {
        uint32_t child = 2u * at + 1u;
        if (child >= count)
            break;
        if (child + 1u < count && tw_space_hit_before(&hits[child], &hits[child + 1u]))
            child++;
        if (!tw_space_hit_before(&hit, &hits[child]))
            break;
        hits[at] = hits[child];
        at = child;
    }
    hits[at] = hit;
}

void tw_space_heap_build(struct tw_space_hit *hits, uint32_t count)
{
    for (uint32_t at = count / 2u; at-- > 0;)
        sink(hits, count, at);
}

void tw_space_heap_replace(struct tw_space_hit *hits, uint32_t count, struct tw_space_hit hit)
{
    hits[0] = hit;
    sink(hits, count, 0);
}

static void sort_by_heap(struct tw_space_hit *hits, uint32_t count)
{
    tw_space_heap_build(hits, count);
    while (count > 1u) {
        swap(&hits[0], &hits[--count]);
        sink(hits, count, 0);
    }
}

/* Divides: those before the pivot, and the rest. Returns where the rest begins; neither is empty.
 * Hits differ in (key, handle), so a pivot from the middle of three leaves something on each side.
 */
static uint32_t divide(struct tw_space_hit *hits, uint32_t count)
{
    struct tw_space_hit *middle = &hits[count / 2u];
    struct tw_space_hit *last = &hits[count - 1u];
    if (tw_space_hit_before(middle, &hits[0]))
        swap(middle, &hits[0]);
    if (tw_space_hit_before(last, middle)) {
        swap(last, middle);
        if (tw_space_hit_before(middle, &hits[0]))
            swap(middle, &hits[0]);
    }
    struct tw_space_hit pivot = *middle;
    uint32_t low = 0;
    uint32_t high = count - 1u;
    for (;;) {
        while (tw_space_hit_before(&hits[low], &pivot))
            low++;
        while (tw_space_hit_before(&pivot, &hits[high]))
            high--;
        if (low >= high)
            return low;
        swap(&hits[low++], &hits[high--]);
    }
}

static void sort_range(struct tw_space_hit *hits, uint32_t count, uint32_t divisions)
{
    while (count > SHORT) {
        if (divisions-- == 0) {
            sort_by_heap(hits, count);
            return;
        }
        uint32_t rest = divide(hits, count);
        if (rest < count - rest) {
            sort_range(hits, rest, divisions);
            hits += rest;
            count -= rest;
        } else {
            sort_range(hits + rest, count - rest, divisions);
            count = rest;
        }
    }
    insert(hits, count);
}

void tw_space_sort(struct tw_space_hit *hits, uint32_t count)
{
    sort_range(hits, count, DIVISIONS_MAX);
}

uint64_t tw_space_select(struct tw_space_hit *hits, uint32_t count, uint32_t wanted)
{
    struct tw_space_hit *part = hits;
    uint32_t left = wanted;
    uint32_t divisions = DIVISIONS_MAX;
    while (count > SHORT && left < count) {
        if (divisions-- == 0) {
            sort_by_heap(part, count);
            break;
        }
        uint32_t rest = divide(part, count);
        if (rest < left) {
            part += rest;
            left -= rest;
            count -= rest;
        } else {
            count = rest;
        }
    }
    if (count <= SHORT)
        insert(part, count);
    uint64_t largest = 0;
    for (uint32_t i = 0; i < wanted; i++)
        largest = hits[i].key > largest ? hits[i].key : largest;
    return largest;
}

/* Into as many heaps as there are hits, by where the key lies between the lowest and the highest:
 * squared distances of what stands evenly on a plane are even, so a heap holds about one. */
#define HEAPS 1024u

void tw_space_sort_spread(struct tw_space_hit *hits, uint32_t count, struct tw_space_hit *room)
{
    if (count <= 4u * SHORT) {
        tw_space_sort(hits, count);
        return;
    }
    uint64_t low = hits[0].key;
    uint64_t high = hits[0].key;
    for (uint32_t i = 1; i < count; i++) {
        low = hits[i].key < low ? hits[i].key : low;
        high = hits[i].key > high ? hits[i].key : high;
    }
    uint32_t shift = 0;
    while ((high - low) >> shift > UINT32_MAX)
        shift++;
    uint64_t scale = ((uint64_t)HEAPS << 32) / (((high - low) >> shift) + 1u);
    uint32_t ends[HEAPS + 1u] = {0};
#define HEAP_OF(hit) ((uint32_t)((((hit).key - low) >> shift) * scale >> 32))
    for (uint32_t i = 0; i < count; i++)
        ends[HEAP_OF(hits[i]) + 1u]++;
    for (uint32_t heap = 1; heap <= HEAPS; heap++)
        ends[heap] += ends[heap - 1u];
    for (uint32_t i = 0; i < count; i++)
        room[ends[HEAP_OF(hits[i])]++] = hits[i];
#undef HEAP_OF
    uint32_t first = 0;
    for (uint32_t heap = 0; heap < HEAPS; heap++) {
        uint32_t size = ends[heap] - first;
        if (size > 1u)
            tw_space_sort(room + first, size);
        for (uint32_t i = first; i < ends[heap]; i++)
            hits[i] = room[i];
        first = ends[heap];
    }
}
