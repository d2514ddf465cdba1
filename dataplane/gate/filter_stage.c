/* SPDX-License-Identifier: BSD-3-Clause */
/* The worker's packets as views for the filters, and their offences back. */
#include "dataplane/gate/whose.h"
#include "dataplane/gate/worker_state.h"

void tw_filter_stage_admit(struct tw_worker *worker)
{
    struct tw_burst *burst = &worker->burst;
    struct tw_filter_view views[TW_BURST_MAX];
    struct tw_packet *viewed[TW_BURST_MAX];
    uint32_t view_count = 0, kept = 0;
    burst->metered = 0;
    if (!tw_filter_is_active(&worker->filter))
        return;
    for (uint32_t n = 0; n < burst->going_count; n++) {
        struct tw_packet *packet = &burst->packets[burst->going[n]];
        if (packet->kind != TW_PACKET_UDP && packet->kind != TW_PACKET_ICMP &&
            packet->kind != TW_PACKET_ICMPV6)
            continue; /* without it nobody finds anybody on the local network */
        viewed[view_count] = packet;
        views[view_count++] = (struct tw_filter_view){
            .ip = packet->source.ip,
            .length = packet->frame_length,
            .session = tw_connection_slot(tw_packet_session_id(packet)),
            .class = (uint16_t)tw_whose_class(packet, &worker->sessions, worker->config.workers),
            .outcome = packet->outcome,
        };
    }
    tw_filter_admit(&worker->filter, views, view_count, worker->now_ns);
    for (uint32_t n = 0; n < view_count; n++) {
        viewed[n]->outcome = views[n].outcome;
        viewed[n]->limit = views[n].limit;
        viewed[n]->suspect = views[n].suspect;
        viewed[n]->metered = views[n].metered;
        burst->metered += views[n].limit != 0;
    }
    for (uint32_t n = 0; n < burst->going_count; n++)
        kept = tw_burst_pass(burst, kept, burst->going[n]);
    burst->going_count = kept;
}

static void settle(struct tw_worker *worker, struct tw_packet *packet)
{
    struct tw_filter_view view = {
        .ip = packet->source.ip,
        .length = packet->frame_length,
        .session = packet->slot,
        .class = TW_FILTER_KNOWN,
        .outcome = packet->outcome,
        .limit = packet->limit,
        .suspect = packet->suspect,
        .metered = packet->metered,
    };
    tw_filter_settle(&worker->filter, &view, worker->now_ns);
    packet->outcome = view.outcome;
}

void tw_filter_stage_settle(struct tw_worker *worker)
{
    struct tw_burst *burst = &worker->burst;
    uint32_t kept = 0;
    for (uint32_t i = 0; i < burst->count; i++) {
        struct tw_packet *packet = &burst->packets[i];
        if (packet->limit != 0)
            settle(worker, packet);
    }
    for (uint32_t n = 0; n < burst->going_count; n++)
        kept = tw_burst_pass(burst, kept, burst->going[n]);
    burst->going_count = kept;
}

void tw_filter_stage_report(struct tw_worker *worker)
{
    const struct tw_burst *burst = &worker->burst;
    if (!tw_filter_is_active(&worker->filter) || worker->filter.table->malformed_count == 0)
        return;
    for (uint32_t i = 0; i < burst->count; i++) {
        const struct tw_packet *packet = &burst->packets[i];
        if (tw_filter_is_offence(packet->outcome))
            tw_filter_report(&worker->filter, packet->source.ip, worker->now_ns);
    }
}
