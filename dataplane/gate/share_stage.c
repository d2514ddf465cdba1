/* SPDX-License-Identifier: BSD-3-Clause */
/* Strangers' share of a burst, and the checksums that waited for it. */
#include "dataplane/gate/whose.h"
#include "dataplane/gate/worker_state.h"

static bool is_stranger(const struct tw_worker *worker, const struct tw_packet *packet)
{
    switch ((enum tw_packet_kind)packet->kind) {
    case TW_PACKET_UDP:
    case TW_PACKET_ICMP:
    case TW_PACKET_ICMPV6:
        return tw_whose_class(packet, &worker->sessions, worker->config.workers) ==
               TW_FILTER_STRANGER;
    case TW_PACKET_ARP:
    case TW_PACKET_ND:
    case TW_PACKET_NONE:
        break;
    }
    return false;
}

static bool is_anothers(const struct tw_worker *worker, const struct tw_packet *packet)
{
    return tw_whose_is(packet, worker->config.index, worker->config.workers) == TW_WHOSE_OTHER;
}

void tw_share_stage(struct tw_worker *worker)
{
    struct tw_burst *burst = &worker->burst;
    uint32_t kept = 0, strangers = 0;
    for (uint32_t n = 0; n < burst->going_count; n++) {
        uint8_t i = burst->going[n];
        struct tw_packet *packet = &burst->packets[i];
        if (is_stranger(worker, packet) && ++strangers > TW_SHARE_STRANGERS)
            packet->outcome = TW_OUTCOME_OVERLOAD_SHED;
        else if (is_anothers(worker, packet) && !tw_inward_may_pass(worker, packet))
            packet->outcome = TW_OUTCOME_WORKER_BUDGET;
        else if (packet->checksum_owed)
            packet->outcome = tw_packet_check_udp(packet);
        kept = tw_burst_pass(burst, kept, i);
    }
    burst->going_count = kept;
}
