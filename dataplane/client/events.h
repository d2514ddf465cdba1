/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Bounded queue of a client's events, in caller memory.
 *
 * When it overflows it stays shut for new events until it was drained; then one LOST event tells
 * how many are missing. So whoever rereads the whole view at LOST has missed nothing, and no older
 * event comes after it. Connection events have a reserve of their own. Pure, single-threaded.
 */
#ifndef TICKWIRE_DATAPLANE_CLIENT_EVENTS_H
#define TICKWIRE_DATAPLANE_CLIENT_EVENTS_H

#include "tickwire/client.h"

#include <stdbool.h>
#include <stdint.h>

/* CONNECTED and CLOSED of two connections. */
#define TW_CLIENT_EVENTS_RESERVE 4u

struct tw_client_events {
    struct tw_client_event *queue;
    uint32_t capacity;
    uint32_t first, count;
    uint32_t lost;
};

/* queue[capacity], capacity > TW_CLIENT_EVENTS_RESERVE; not owned. */
void tw_client_events_init(struct tw_client_events *events, struct tw_client_event *queue,
                           uint32_t capacity);
void tw_client_events_push(struct tw_client_events *events, const struct tw_client_event *event);
bool tw_client_events_pop(struct tw_client_events *events, struct tw_client_event *event);

#endif
