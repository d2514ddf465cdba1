/* SPDX-License-Identifier: BSD-3-Clause */
#include "dataplane/gate/worker_state.h"

#include "dataplane/gate/icmpv6.h"
#include "dataplane/gate/nd.h"

#include <rte_mbuf.h>

static void tell_neighbour(struct tw_worker *worker, uint8_t interface,
                           const struct tw_nd_message *message)
{
    memset(&worker->event, 0, sizeof(worker->event));
    worker->event.neighbour.address = tw_address_from_ipv6(message->ip, 0);
    worker->event.neighbour.interface = interface;
    worker->event.neighbour.keeps_known = message->keeps_known;
    memcpy(worker->event.neighbour.mac, message->mac, TW_MAC_SIZE);
    /* Lost when the ring is full: it is seen again with the next packet. */
    (void)!tw_owed_event(worker, TW_EVENT_NEIGHBOUR_SEEN);
}

static void answer_solicitation(struct tw_worker *worker, uint8_t interface,
                                const struct tw_nd_message *message)
{
    const uint8_t *mac = message->mac;
    if (message->ip && !mac)
        mac = tw_transmit_next_hop6(worker, interface, message->ip);
    if (message->ip && !mac)
        return;
    struct rte_mbuf *mbuf = tw_transmit_buffer(worker);
    if (!mbuf)
        return;
    tw_nd_advertisement_write(rte_pktmbuf_mtod(mbuf, uint8_t *),
                              &worker->interfaces[interface].rules, message->ip, mac);
    mbuf->data_len = TW_ND_FRAME_SIZE;
    mbuf->pkt_len = TW_ND_FRAME_SIZE;
    tw_transmit_frame(worker, interface, mbuf);
}

static void handle_nd(struct tw_worker *worker, struct tw_packet *packet)
{
    if (!tw_budget_take(&worker->budgets.nd, worker->budgets.arp_rate, worker->now_ns)) {
        packet->outcome = TW_OUTCOME_ND_BUDGET;
        return;
    }
    struct tw_nd_message message = tw_nd_read(packet);
    packet->outcome = TW_OUTCOME_ND_HANDLED;
    if (message.ip && message.mac)
        tell_neighbour(worker, packet->interface, &message);
    if (message.is_solicitation)
        answer_solicitation(worker, packet->interface, &message);
}

static void handle_echo(struct tw_worker *worker, struct tw_packet *packet)
{
    if ((uint32_t)packet->network_offset + packet->network_length > TW_ANSWER_MAX) {
        packet->outcome = TW_OUTCOME_ICMPV6_IGNORED;
        return;
    }
    if (!tw_budget_take(&worker->budgets.icmp, worker->budgets.icmp_rate, worker->now_ns)) {
        packet->outcome = TW_OUTCOME_ICMP_BUDGET;
        return;
    }
    packet->outcome = TW_OUTCOME_ICMP_ANSWERED;
    const uint8_t *mac = tw_transmit_next_hop6(worker, packet->interface, packet->source.ip);
    if (mac)
        tw_inward_send_back(
            worker, packet,
            tw_icmpv6_reply(packet, &worker->interfaces[packet->interface].rules, mac));
}

void tw_ipv6_answer(struct tw_worker *worker, uint32_t i)
{
    struct tw_packet *packet = &worker->burst.packets[i];
    if (packet->kind == TW_PACKET_ND)
        handle_nd(worker, packet);
    else
        handle_echo(worker, packet);
}
