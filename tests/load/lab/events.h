/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What happens next in a simulated network: a heap of events by time; those of one moment come out
 * in the order in which they went in, so that a seed gives one history. Pure but for its memory,
 * which grows; one owner.
 */
#ifndef TICKWIRE_TESTS_LOAD_LAB_EVENTS_H
#define TICKWIRE_TESTS_LOAD_LAB_EVENTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct tw_lab_event {
    uint64_t at_ns;
    uint64_t order; /* set here */
    uint32_t kind;
    uint32_t client;
    uint32_t datagram;
};

struct tw_lab_events {
    struct tw_lab_event *heap;
    size_t count, capacity;
    uint64_t order;
};

/* False: no memory. */
bool tw_lab_events_push(struct tw_lab_events *events, struct tw_lab_event event)
    __attribute__((warn_unused_result));
/* False: none left. */
bool tw_lab_events_pop(struct tw_lab_events *events, struct tw_lab_event *event);
void tw_lab_events_free(struct tw_lab_events *events);

#endif
