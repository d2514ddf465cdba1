/* SPDX-License-Identifier: BSD-3-Clause */
#include "dataplane/client/events.h"

#include "tickwire/assert.h"

void tw_client_events_init(struct tw_client_events *events, struct tw_client_event *queue,
                           uint32_t capacity)
{
    TW_ASSERT(capacity > TW_CLIENT_EVENTS_RESERVE);
    *events = (struct tw_client_events){.queue = queue, .capacity = capacity};
}

void tw_client_events_push(struct tw_client_events *events, const struct tw_client_event *event)
{
    bool connection =
        event->type == TW_CLIENT_EVENT_CONNECTED || event->type == TW_CLIENT_EVENT_CLOSED;
    uint32_t limit = connection ? events->capacity : events->capacity - TW_CLIENT_EVENTS_RESERVE;
    if (events->count >= limit || (events->lost > 0 && !connection)) {
        events->lost++;
        return;
    }
    events->queue[(events->first + events->count) % events->capacity] = *event;
    events->count++;
}

bool tw_client_events_pop(struct tw_client_events *events, struct tw_client_event *event)
{
    if (events->count > 0) {
        *event = events->queue[events->first];
        events->first = (events->first + 1u) % events->capacity;
        events->count--;
        return true;
    }
    if (events->lost > 0) {
        *event = (struct tw_client_event){.type = TW_CLIENT_EVENT_LOST, .code = events->lost};
        events->lost = 0;
        return true;
    }
    return false;
}
