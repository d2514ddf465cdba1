/* SPDX-License-Identifier: BSD-3-Clause */
#include "dataplane/gate/worker_state.h"

#include "dataplane/gate/arp.h"
#include "dataplane/gate/icmp.h"
#include "dataplane/gate/received.h"
#include "dataplane/gate/ring.h"
#include "dataplane/gate/whose.h"
#include "tickwire/assert.h"
#include "tickwire/prefetch.h"

#include <rte_ethdev.h>
#include <rte_mbuf.h>
#include <rte_ring.h>

/* Bursts of one turn at most: shards and timers get their turn under any flood. */
#define BURSTS_PER_TURN 8u

static enum tw_checksum_hint hint_of(uint64_t flags, uint64_t mask, uint64_t good, uint64_t bad)
{
    if ((flags & mask) == good)
        return TW_CHECKSUM_GOOD;
    return (flags & mask) == bad ? TW_CHECKSUM_BAD : TW_CHECKSUM_UNKNOWN;
}

static struct tw_checksum_hints hints_of(uint64_t flags)
{
    /* Every packet of a port that checks none. */
    if ((flags & (RTE_MBUF_F_RX_IP_CKSUM_MASK | RTE_MBUF_F_RX_L4_CKSUM_MASK)) == 0)
        return (struct tw_checksum_hints){TW_CHECKSUM_UNKNOWN, TW_CHECKSUM_UNKNOWN};
    return (struct tw_checksum_hints){
        .ipv4 = hint_of(flags, RTE_MBUF_F_RX_IP_CKSUM_MASK, RTE_MBUF_F_RX_IP_CKSUM_GOOD,
                        RTE_MBUF_F_RX_IP_CKSUM_BAD),
        .udp = hint_of(flags, RTE_MBUF_F_RX_L4_CKSUM_MASK, RTE_MBUF_F_RX_L4_CKSUM_GOOD,
                       RTE_MBUF_F_RX_L4_CKSUM_BAD),
    };
}

static void parse(struct tw_worker *worker, uint32_t i)
{
    struct rte_mbuf *mbuf = worker->received[i];
    struct tw_packet *packet = &worker->burst.packets[i];
    struct tw_checksum_hints hints = hints_of(mbuf->ol_flags);
    if (worker->burst.crowded && hints.udp == TW_CHECKSUM_UNKNOWN)
        hints.udp = TW_CHECKSUM_LATER;
    packet->frame = rte_pktmbuf_mtod(mbuf, uint8_t *);
    packet->frame_length = mbuf->data_len;
    tw_packet_parse(packet, &worker->interfaces[packet->interface].rules, hints);
}

/* Copied: what a queue sends comes from one pool, which lets a card free it fast, and the few
 * answers are within budgets. */
void tw_inward_send_back(struct tw_worker *worker, const struct tw_packet *packet, uint32_t length)
{
    struct rte_mbuf *mbuf = tw_transmit_buffer(worker);
    if (!mbuf)
        return;
    /* Without its priority tag, as all that we send. */
    uint32_t tag = packet->network_offset - TW_ETHERNET_SIZE;
    uint8_t *frame = rte_pktmbuf_mtod(mbuf, uint8_t *);
    mbuf->data_len = (uint16_t)(length - tag);
    mbuf->pkt_len = length - tag;
    memcpy(frame, packet->frame, TW_ETHERNET_TYPE);
    memcpy(frame + TW_ETHERNET_TYPE, packet->frame + TW_ETHERNET_TYPE + tag,
           length - tag - TW_ETHERNET_TYPE);
    tw_transmit_frame(worker, packet->interface, mbuf);
}

static void handle_arp(struct tw_worker *worker, uint32_t i)
{
    struct tw_packet *packet = &worker->burst.packets[i];
    if (!tw_budget_take(&worker->budgets.arp, worker->budgets.arp_rate, worker->now_ns)) {
        packet->outcome = TW_OUTCOME_ARP_BUDGET;
        return;
    }
    if (packet->source_ipv4 != 0) {
        memset(&worker->event, 0, sizeof(worker->event));
        worker->event.neighbour.address = tw_address_from_ipv4(packet->source_ipv4, 0);
        worker->event.neighbour.interface = packet->interface;
        memcpy(worker->event.neighbour.mac, tw_arp_sender_mac(packet), TW_MAC_SIZE);
        /* Lost when the ring is full: it is seen again with the next ARP. */
        (void)!tw_owed_event(worker, TW_EVENT_NEIGHBOUR_SEEN);
    }
    packet->outcome = TW_OUTCOME_ARP_HANDLED;
    if (tw_arp_is_request(packet))
        tw_inward_send_back(worker, packet,
                            tw_arp_reply(packet, &worker->interfaces[packet->interface].rules));
}

static void handle_icmp(struct tw_worker *worker, uint32_t i)
{
    struct tw_packet *packet = &worker->burst.packets[i];
    /* An answer has to fit a buffer of ours. */
    if ((uint32_t)packet->network_offset + packet->network_length > TW_ANSWER_MAX) {
        packet->outcome = TW_OUTCOME_ICMP_IGNORED;
        return;
    }
    if (!tw_budget_take(&worker->budgets.icmp, worker->budgets.icmp_rate, worker->now_ns)) {
        packet->outcome = TW_OUTCOME_ICMP_BUDGET;
        return;
    }
    packet->outcome = TW_OUTCOME_ICMP_ANSWERED;
    const uint8_t *mac = tw_transmit_next_hop(worker, packet->interface, packet->source_ipv4);
    if (mac)
        tw_inward_send_back(
            worker, packet,
            tw_icmp_reply(packet, &worker->interfaces[packet->interface].rules, mac));
}

static void answer_link(struct tw_worker *worker, uint32_t i)
{
    switch ((enum tw_packet_kind)worker->burst.packets[i].kind) {
    case TW_PACKET_ARP:
        handle_arp(worker, i);
        break;
    case TW_PACKET_ICMP:
        handle_icmp(worker, i);
        break;
    case TW_PACKET_ND:
    case TW_PACKET_ICMPV6:
        tw_ipv6_answer(worker, i);
        break;
    case TW_PACKET_NONE:
    case TW_PACKET_UDP:
        break;
    }
}

bool tw_inward_may_pass(struct tw_worker *worker, struct tw_packet *packet)
{
    const struct tw_budgets *budgets = &worker->budgets;
    if (packet->passing != TW_PASSING_NOT)
        return true;
    struct tw_budget *guest =
        tw_guests_budget(&worker->guests, packet->header.connection_id, worker->now_ns);
    if (guest && tw_budget_take(guest, budgets->session_rate, worker->now_ns))
        packet->passing = TW_PASSING_OWN;
    else if (!guest &&
             tw_budget_take(&worker->budgets.pass_on, budgets->pass_on_rate, worker->now_ns))
        packet->passing = TW_PASSING_SHARED;
    return packet->passing != TW_PASSING_NOT;
}

/* While an owner does not run its ring fills, within 13 ms of what passes on, and what is not known
 * for a session's may all be garbage: half of the places are for what is. */
static bool has_place(const struct rte_ring *ring, enum tw_passing passing)
{
    return passing == TW_PASSING_OWN || tw_ring_used(ring) < rte_ring_get_capacity(ring) / 2u;
}

/* True if the packet left for `owner`; it ends in an outcome there. */
static bool hand_over(struct tw_worker *worker, uint32_t i, uint32_t owner, uint32_t passed_id)
{
    struct rte_ring *ring = worker->config.handover_out[owner];
    enum tw_passing passing = (enum tw_passing)worker->burst.packets[i].passing;
    /* The buffer alone crosses: it tells the owner where it came from, and whose it is. */
    worker->received[i]->port = worker->interfaces[worker->burst.packets[i].interface].port_id;
    worker->received[i]->hash.usr = passed_id;
    if (ring && has_place(ring, passing) && rte_ring_sp_enqueue(ring, worker->received[i]) == 0) {
        worker->received[i] = NULL;
        return true;
    }
    worker->burst.packets[i].outcome = TW_OUTCOME_WORKER_FOREIGN;
    return false;
}

static uint32_t count_handshakes(const struct tw_burst *burst)
{
    uint32_t count = 0;
    for (uint32_t n = 0; n < burst->going_count; n++) {
        const struct tw_packet *packet = &burst->packets[burst->going[n]];
        count += packet->kind == TW_PACKET_UDP && packet->header.connection_id == 0;
    }
    return count;
}

/* What needs no session of ours ends here; the rest goes on. */
static void answer_stage(struct tw_worker *worker)
{
    struct tw_burst *burst = &worker->burst;
    uint32_t kept = 0;
    if (burst->to_answer == 0)
        return;
    tw_transmit_reserve(worker, count_handshakes(burst));
    for (uint32_t n = 0; n < burst->going_count; n++) {
        uint8_t i = burst->going[n];
        struct tw_packet *packet = &burst->packets[i];
        switch (tw_whose_is(packet, worker->config.index, worker->config.workers)) {
        case TW_WHOSE_LINK:
            answer_link(worker, i);
            break;
        case TW_WHOSE_HANDSHAKE:
            tw_handshake_receive(worker, packet);
            break;
        case TW_WHOSE_NOBODY:
            packet->outcome = TW_OUTCOME_CONNECTION_UNKNOWN;
            break;
        case TW_WHOSE_OTHER:
            if (!tw_inward_may_pass(worker, packet))
                packet->outcome = TW_OUTCOME_WORKER_BUDGET;
            else if (hand_over(worker, i, tw_connection_worker(tw_packet_session_id(packet)), 0))
                continue; /* no longer ours to touch: it is decided where it went */
            break;
        case TW_WHOSE_OURS:
            break;
        }
        kept = tw_burst_pass(burst, kept, i);
    }
    burst->going_count = kept;
    tw_handshake_flush(worker);
    tw_transmit_unreserve(worker);
}

/* Tombstones pass on what still comes for them, each as much as it took as a session. */
static void pass_on(struct tw_worker *worker)
{
    struct tw_burst *burst = &worker->burst;
    for (uint32_t i = 0; i < burst->count && burst->elsewhere > 0; i++) {
        struct tw_packet *packet = &burst->packets[i];
        if (packet->outcome != TW_OUTCOME_ELSEWHERE)
            continue;
        struct tw_session *tombstone = &worker->sessions.hot[packet->slot];
        uint32_t moved_to = tombstone->moved_to;
        burst->elsewhere--;
        packet->passing = TW_PASSING_OWN;
        if (!tw_budget_take(&tombstone->budget, worker->budgets.session_rate, worker->now_ns))
            packet->outcome = TW_OUTCOME_WORKER_BUDGET;
        else if (hand_over(worker, i, tw_connection_worker(moved_to), moved_to))
            packet->outcome = TW_OUTCOME_OPEN; /* and not ours to touch */
    }
}

static void answer_closing(struct tw_worker *worker)
{
    const struct tw_burst *burst = &worker->burst;
    for (uint32_t i = 0; i < burst->count; i++) {
        if (burst->packets[i].outcome == TW_OUTCOME_SESSION_CLOSING)
            tw_owed_answer(worker, &burst->packets[i]);
    }
}

static void parse_stage(struct tw_worker *worker)
{
    struct tw_burst *burst = &worker->burst;
    uint32_t index = worker->config.index, workers = worker->config.workers;
    uint32_t kept = 0, to_answer = 0;
    for (uint32_t i = 0; i < burst->count; i++) {
        struct tw_packet *packet = &burst->packets[i];
        parse(worker, i);
        if (packet->kind == TW_PACKET_UDP)
            tw_live_prefetch(&worker->live, packet);
        to_answer += packet->outcome == TW_OUTCOME_OPEN &&
                     tw_whose_is(packet, index, workers) != TW_WHOSE_OURS;
        kept = tw_burst_pass(burst, kept, (uint8_t)i);
    }
    burst->going_count = kept;
    burst->to_answer = to_answer;
}

/* Counts outcomes and gives received buffers back. */
static void finish_stage(struct tw_worker *worker)
{
    const struct tw_burst *burst = &worker->burst;
    tw_counter *outcomes = worker->config.counters->outcomes;
    void *plain[TW_BURST_MAX];
    uint32_t plain_count = 0;
    struct rte_mempool *pool = NULL;
    for (uint32_t i = 0; i < burst->count; i++) {
        struct rte_mbuf *mbuf = worker->received[i];
        uint16_t outcome = burst->packets[i].outcome;
        if (outcome != TW_OUTCOME_OPEN)
            tw_counter_add(&outcomes[outcome], 1);
        if (!mbuf)
            continue;
        if (!tw_received_is_plain(mbuf, pool)) {
            rte_pktmbuf_free(mbuf);
            continue;
        }
        pool = mbuf->pool;
        plain[plain_count++] = mbuf;
    }
    if (plain_count > 0)
        rte_mempool_put_bulk(pool, plain, plain_count);
}

/* A short input packet with all its headers lies on three lines of its buffer, from the second line
 * on: all of it is read for the checksum. */
static void prefetch_frames(const struct tw_worker *worker, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++) {
        const uint8_t *frame = rte_pktmbuf_mtod(worker->received[i], const uint8_t *);
        tw_prefetch(frame);
        tw_prefetch(frame + 64);
        tw_prefetch(frame + 128);
    }
}

/* count packets stand in worker->received, and know their interface. */
static void run_stages(struct tw_worker *worker, uint32_t count)
{
    struct tw_burst *burst = &worker->burst;
    struct tw_stage_cycles *cycles = &worker->stage_cycles;
    const struct tw_live *live = &worker->live;
    burst->count = count;
    prefetch_frames(worker, count);
    tw_stage_end(cycles, TW_STAGE_RECEIVE);
    parse_stage(worker);
    if (burst->crowded)
        tw_share_stage(worker);
    tw_stage_end(cycles, TW_STAGE_PARSE);
    tw_filter_stage_admit(worker);
    tw_stage_end(cycles, TW_STAGE_FILTER);
    answer_stage(worker);
    tw_stage_end(cycles, TW_STAGE_ANSWER);
    tw_live_find(live, burst, worker->now_ns);
    if (burst->elsewhere > 0)
        pass_on(worker);
    if (burst->closing > 0)
        answer_closing(worker);
    tw_stage_end(cycles, TW_STAGE_FIND);
    tw_live_test(live, burst, worker->now_ns);
    tw_stage_end(cycles, TW_STAGE_TEST);
    /* What the route touches of a session's transport arrives while the cipher works. */
    for (uint32_t n = 0; n < burst->going_count; n++)
        tw_talk_prefetch(&worker->talk, burst->packets[burst->going[n]].slot);
    tw_live_open(live, burst);
    tw_stage_end(cycles, TW_STAGE_OPEN);
    tw_live_commit(live, burst, worker->now_ns);
    if (burst->followed > 0)
        tw_counter_add(&worker->config.counters->rekeys[TW_REKEY_FOLLOWED], burst->followed);
    if (burst->metered > 0)
        tw_filter_stage_settle(worker);
    tw_stage_end(cycles, TW_STAGE_COMMIT);
    tw_live_validate(live, burst);
    tw_stage_end(cycles, TW_STAGE_VALIDATE);
    tw_route_burst(worker, burst);
    tw_stage_end(cycles, TW_STAGE_ROUTE);
    tw_talk_pass_on(worker);
    tw_stage_end(cycles, TW_STAGE_TALK);
    finish_stage(worker);
    tw_filter_stage_report(worker);
    tw_stage_end(cycles, TW_STAGE_FINISH);
}

static uint32_t receive_from_port(struct tw_worker *worker, uint8_t interface)
{
    uint32_t total = 0;
    uint16_t port_id = worker->interfaces[interface].port_id;
    struct tw_share *share = &worker->interfaces[interface].share;
    for (uint32_t burst = 0; burst < BURSTS_PER_TURN; burst++) {
        tw_stage_begin(&worker->stage_cycles);
        uint16_t count = rte_eth_rx_burst(port_id, (uint16_t)worker->config.index, worker->received,
                                          TW_BURST_MAX);
        uint64_t bytes = 0;
        for (uint16_t i = 0; i < count; i++) {
            bytes += worker->received[i]->pkt_len;
            worker->burst.packets[i].interface = interface;
            worker->burst.packets[i].arrived_at = (uint8_t)worker->config.index;
            worker->burst.packets[i].passed_id = 0;
        }
        tw_counter_add(&worker->config.counters->rx_packets, count);
        tw_counter_add(&worker->config.counters->rx_of_port[interface], count);
        tw_counter_add(&worker->config.counters->rx_bytes, bytes);
        tw_share_note(share, count == TW_BURST_MAX, worker->now_ns);
        worker->burst.crowded = tw_share_holds(share, worker->now_ns);
        run_stages(worker, count);
        total += count;
        if (count < TW_BURST_MAX)
            break;
    }
    return total;
}

static uint8_t interface_of_port(const struct tw_worker *worker, uint16_t port_id)
{
    uint8_t interface = 0;
    while (interface < worker->interface_count && worker->interfaces[interface].port_id != port_id)
        interface++;
    TW_ASSERT(interface < worker->interface_count);
    return interface;
}

static uint32_t receive_from_workers(struct tw_worker *worker)
{
    uint32_t total = 0;
    for (uint32_t from = 0; from < worker->config.workers; from++) {
        struct rte_ring *ring = worker->config.handover_in[from];
        if (!ring || from == worker->config.index)
            continue;
        tw_stage_begin(&worker->stage_cycles);
        uint32_t count =
            rte_ring_sc_dequeue_burst(ring, (void **)worker->received, TW_BURST_MAX, NULL);
        for (uint32_t i = 0; i < count; i++) {
            struct tw_packet *packet = &worker->burst.packets[i];
            packet->interface = interface_of_port(worker, worker->received[i]->port);
            packet->arrived_at = (uint8_t)from;
            packet->passed_id = worker->received[i]->hash.usr;
        }
        worker->burst.crowded = false; /* sessions' own packets, within what is passed on */
        /* The session of a packet that was passed on was given before. */
        tw_move_take_turn(worker);
        run_stages(worker, count);
        total += count;
    }
    return total;
}

uint32_t tw_inward_turn(struct tw_worker *worker)
{
    uint32_t total = 0;
    for (uint8_t interface = 0; interface < worker->interface_count; interface++) {
        if (worker->interfaces[interface].has_port &&
            worker->interfaces[interface].order != TW_PORT_LEAVE)
            total += receive_from_port(worker, interface);
    }
    return total + receive_from_workers(worker);
}
