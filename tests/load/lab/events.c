/* SPDX-License-Identifier: BSD-3-Clause */
#include "tests/load/lab/events.h"

#include <stdlib.h>

static bool is_before(const struct tw_lab_event *a, const struct tw_lab_event *b)
{
    return a->at_ns != b->at_ns ? a->at_ns < b->at_ns : a->order < b->order;
}

static void swap(struct tw_lab_event *a, struct tw_lab_event *b)
{
    struct tw_lab_event other = *a;
    *a = *b;
    *b = other;
}

bool tw_lab_events_push(struct tw_lab_events *events, struct tw_lab_event event)
{
    if (events->count == events->capacity) {
        size_t capacity = events->capacity == 0 ? 1024u : events->capacity * 2u;
        struct tw_lab_event *larger = realloc(events->heap, capacity * sizeof(struct tw_lab_event));
        if (!larger)
            return false;
        events->heap = larger;
        events->capacity = capacity;
    }
    size_t at = events->count++;
    event.order = events->order++;
    events->heap[at] = event;
    for (; at > 0 && is_before(&events->heap[at], &events->heap[(at - 1) / 2]); at = (at - 1) / 2)
        swap(&events->heap[at], &events->heap[(at - 1) / 2]);
    return true;
}

bool tw_lab_events_pop(struct tw_lab_events *events, struct tw_lab_event *event)
{
    if (events->count == 0)
        return false;
    struct tw_lab_event *heap = events->heap;
    *event = heap[0];
    heap[0] = heap[--events->count];
    for (size_t at = 0;;) {
        size_t first = at;
        for (size_t child = 2 * at + 1; child <= 2 * at + 2 && child < events->count; child++) {
            if (is_before(&heap[child], &heap[first]))
                first = child;
        }
        if (first == at)
            return true;
        swap(&heap[at], &heap[first]);
        at = first;
    }
}

void tw_lab_events_free(struct tw_lab_events *events)
{
    free(events->heap);
    *events = (struct tw_lab_events){0};
}
