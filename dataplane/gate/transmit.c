/* SPDX-License-Identifier: BSD-3-Clause */
#include "dataplane/gate/worker_state.h"

#include "dataplane/gate/network_bytes.h"
#include "tickwire/assert.h"
#include "tickwire/prefetch.h"

#include <rte_ethdev.h>
#include <rte_mbuf.h>

static_assert(RTE_PKTMBUF_HEADROOM >= TW_FRAME6_HEADERS_SIZE + TW_HEADER_SIZE,
              "all headers fit in front of the frames");

static void count_send(struct tw_worker *worker, enum tw_send_outcome outcome, uint64_t count)
{
    tw_counter_add(&worker->config.counters->sends[outcome], count);
}

/* Makes an empty buffer of one from the pool as rte_pktmbuf_reset does, but that its second line
 * stays untouched: of that, a buffer in its pool has no next one, and offloads are written by
 * whoever asks for them. */
static void reset(struct rte_mbuf *mbuf)
{
    RTE_ASSERT(rte_mbuf_refcnt_read(mbuf) == 1 && mbuf->nb_segs == 1);
    mbuf->data_off = RTE_PKTMBUF_HEADROOM;
    mbuf->ol_flags = 0;
    mbuf->packet_type = 0;
    mbuf->vlan_tci = 0;
    mbuf->vlan_tci_outer = 0;
    mbuf->port = RTE_MBUF_PORT_INVALID;
    mbuf->data_len = 0;
    mbuf->pkt_len = 0;
}

bool tw_transmit_buffers(struct tw_worker *worker, struct rte_mbuf **mbufs, uint32_t count)
{
    if (rte_mempool_get_bulk(worker->config.tx_pool, (void **)mbufs, count) != 0)
        return false;
    for (uint32_t i = 0; i < count; i++)
        tw_prefetch_to_write(mbufs[i]);
    for (uint32_t i = 0; i < count; i++)
        reset(mbufs[i]);
    return true;
}

void tw_transmit_reserve(struct tw_worker *worker, uint32_t count)
{
    struct tw_reserve *reserve = &worker->reserve;
    TW_ASSERT(reserve->count == 0 && count <= TW_BURST_MAX);
    if (count == 0 || !tw_transmit_buffers(worker, reserve->mbufs, count))
        return;
    reserve->count = count;
    for (uint32_t i = 0; i < count; i++) {
        const uint8_t *payload = rte_pktmbuf_mtod(reserve->mbufs[i], uint8_t *);
        tw_prefetch_to_write(payload - TW_FRAME_HEADERS_SIZE);
        tw_prefetch_to_write(payload);
        tw_prefetch_to_write(payload + 64);
    }
}

void tw_transmit_unreserve(struct tw_worker *worker)
{
    struct tw_reserve *reserve = &worker->reserve;
    if (reserve->count > 0)
        rte_mempool_put_bulk(worker->config.tx_pool, (void **)reserve->mbufs, reserve->count);
    reserve->count = 0;
}

struct rte_mbuf *tw_transmit_buffer(struct tw_worker *worker)
{
    struct tw_reserve *reserve = &worker->reserve;
    struct rte_mbuf *mbuf;
    if (reserve->count > 0)
        return reserve->mbufs[--reserve->count];
    if (tw_transmit_buffers(worker, &mbuf, 1))
        return mbuf;
    count_send(worker, TW_SEND_NO_BUFFER, 1);
    return NULL;
}

/* False: counted. */
static bool may_send(struct tw_worker *worker, uint8_t interface)
{
    enum tw_port_order order = worker->interfaces[interface].order;
    if (order == TW_PORT_SERVE)
        return true;
    count_send(worker, order == TW_PORT_LEAVE ? TW_SEND_PORT_AWAY : TW_SEND_LINK_DOWN, 1);
    return false;
}

/* Address zero: there is nobody to ask for. */
static __attribute__((noinline)) void want_neighbour(struct tw_worker *worker, uint8_t interface,
                                                     const struct tw_address *address)
{
    count_send(worker, TW_SEND_NO_NEIGHBOUR, 1);
    if (!tw_neighbour_asks_may(&worker->interfaces[interface].asks, address->ip, worker->now_ns))
        return;
    memset(&worker->event, 0, sizeof(worker->event));
    worker->event.neighbour.address = *address;
    worker->event.neighbour.interface = interface;
    /* Lost when the ring is full: asked again a second later. */
    (void)!tw_owed_event(worker, TW_EVENT_NEIGHBOUR_WANTED);
}

const uint8_t *tw_transmit_next_hop(struct tw_worker *worker, uint8_t interface, uint32_t address)
{
    struct tw_neighbours *neighbours = &worker->interfaces[interface].neighbours;
    uint32_t next_hop = tw_neighbours_next_hop(neighbours, address);
    const uint8_t *mac = tw_neighbours_find(neighbours, next_hop);
    if (!mac) {
        struct tw_address wanted = {0};
        if (next_hop != 0)
            wanted = tw_address_from_ipv4(next_hop, 0);
        want_neighbour(worker, interface, &wanted);
    }
    return mac;
}

const uint8_t *tw_transmit_next_hop6(struct tw_worker *worker, uint8_t interface,
                                     const uint8_t ip[16])
{
    const struct tw_neighbours6 *neighbours = &worker->interfaces[interface].neighbours6;
    const uint8_t *next_hop = tw_neighbours6_next_hop(neighbours, ip);
    const uint8_t *mac = tw_neighbours6_find(neighbours, next_hop);
    if (!mac) {
        struct tw_address wanted = tw_address_from_ipv6(next_hop, 0);
        want_neighbour(worker, interface, &wanted);
    }
    return mac;
}

static void flush_frames(struct tw_worker *worker, struct tw_interface *interface)
{
    struct tw_send_batch *batch = &interface->send;
    if (batch->count == 0)
        return;
    uint16_t taken = 0;
    uint64_t bytes = 0;
    uint64_t lengths[TW_SEND_BATCH]; /* the driver frees what it takes */
    for (uint16_t i = 0; i < batch->count; i++)
        lengths[i] = batch->mbufs[i]->pkt_len;
    if (interface->has_port)
        taken = rte_eth_tx_burst(interface->port_id, (uint16_t)worker->config.index, batch->mbufs,
                                 batch->count);
    for (uint16_t i = 0; i < taken; i++)
        bytes += lengths[i];
    if (taken < batch->count)
        rte_pktmbuf_free_bulk(batch->mbufs + taken, (unsigned int)(batch->count - taken));
    count_send(worker, TW_SEND_SENT, taken);
    count_send(worker, TW_SEND_PORT_FULL, (uint64_t)(batch->count - taken));
    tw_counter_add(&worker->config.counters->tx_bytes, bytes);
    worker->sent += taken;
    batch->count = 0;
}

static void add_frame(struct tw_worker *worker, struct tw_interface *interface,
                      struct rte_mbuf *mbuf)
{
    struct tw_send_batch *batch = &interface->send;
    batch->mbufs[batch->count++] = mbuf;
    if (batch->count == TW_SEND_BATCH)
        flush_frames(worker, interface);
}

void tw_transmit_frame(struct tw_worker *worker, uint8_t interface, struct rte_mbuf *mbuf)
{
    if (may_send(worker, interface))
        add_frame(worker, &worker->interfaces[interface], mbuf);
    else
        rte_pktmbuf_free(mbuf);
}

static void write_whole(struct rte_mbuf *mbuf, const struct tw_parse_rules *rules,
                        const struct tw_udp_target *target, uint16_t payload_length)
{
    tw_udp_frame_write(rte_pktmbuf_mtod(mbuf, uint8_t *), rules, target, payload_length);
}

static void write_unfinished(struct rte_mbuf *mbuf, const struct tw_parse_rules *rules,
                             const struct tw_udp_target *target, uint16_t payload_length)
{
    tw_udp_frame_write_unfinished(rte_pktmbuf_mtod(mbuf, uint8_t *), rules, target, payload_length);
    mbuf->ol_flags = RTE_MBUF_F_TX_IPV4 | RTE_MBUF_F_TX_IP_CKSUM | RTE_MBUF_F_TX_UDP_CKSUM;
    mbuf->tx_offload = rte_mbuf_tx_offload(TW_ETHERNET_SIZE, TW_IPV4_SIZE, TW_UDP_SIZE, 0, 0, 0, 0);
}

static void write_whole6(struct rte_mbuf *mbuf, const struct tw_parse_rules *rules,
                         const struct tw_udp6_target *target, uint16_t payload_length)
{
    tw_udp6_frame_write(rte_pktmbuf_mtod(mbuf, uint8_t *), rules, target, payload_length);
}

static void write_unfinished6(struct rte_mbuf *mbuf, const struct tw_parse_rules *rules,
                              const struct tw_udp6_target *target, uint16_t payload_length)
{
    tw_udp6_frame_write_unfinished(rte_pktmbuf_mtod(mbuf, uint8_t *), rules, target,
                                   payload_length);
    mbuf->ol_flags = RTE_MBUF_F_TX_IPV6 | RTE_MBUF_F_TX_UDP_CKSUM;
    mbuf->tx_offload = rte_mbuf_tx_offload(TW_ETHERNET_SIZE, TW_IPV6_SIZE, TW_UDP_SIZE, 0, 0, 0, 0);
}

const struct tw_frame_writers *tw_transmit_writers(bool tx_checksum)
{
    static const struct tw_frame_writers whole = {write_whole, write_whole6};
    static const struct tw_frame_writers unfinished = {write_unfinished, write_unfinished6};
    return tx_checksum ? &unfinished : &whole;
}

/* `payload_length` bytes stand at the data pointer; the headers go in front. */
static void send_payload(struct tw_worker *worker, struct rte_mbuf *mbuf,
                         const struct tw_send_target *target, uint16_t payload_length)
{
    struct tw_interface *by = &worker->interfaces[target->interface];
    uint16_t headers = target->is_ipv6 ? TW_FRAME6_HEADERS_SIZE : TW_FRAME_HEADERS_SIZE;
    TW_ASSERT(mbuf->data_off >= headers);
    mbuf->data_off = (uint16_t)(mbuf->data_off - headers);
    mbuf->data_len = (uint16_t)(headers + payload_length);
    mbuf->pkt_len = mbuf->data_len;
    if (target->is_ipv6)
        by->writers->ipv6(mbuf, &by->rules, &target->ipv6, payload_length);
    else
        by->writers->ipv4(mbuf, &by->rules, &target->ipv4, payload_length);
    add_frame(worker, by, mbuf); /* its port sends: it was asked when the target was found */
}

static __attribute__((noinline)) bool find_target6(struct tw_worker *worker,
                                                   const struct tw_address *to,
                                                   struct tw_send_target *target)
{
    const uint8_t *mac = tw_transmit_next_hop6(worker, target->interface, to->ip);
    if (!mac)
        return false;
    target->is_ipv6 = true;
    memcpy(target->ipv6.ip, to->ip, sizeof(target->ipv6.ip));
    target->ipv6.port = to->port;
    memcpy(target->ipv6.mac, mac, sizeof(target->ipv6.mac));
    return true;
}

static bool find_target(struct tw_worker *worker, uint8_t interface, const struct tw_address *to,
                        struct tw_send_target *target)
{
    if (!may_send(worker, interface))
        return false;
    target->interface = interface;
    if (!tw_ip_is_ipv4(to->ip))
        return find_target6(worker, to, target);
    target->is_ipv6 = false;
    target->ipv4.address = tw_ip_ipv4(to->ip);
    target->ipv4.port = to->port;
    const uint8_t *mac = tw_transmit_next_hop(worker, interface, target->ipv4.address);
    if (!mac)
        return false;
    memcpy(target->ipv4.mac, mac, sizeof(target->ipv4.mac));
    return true;
}

void tw_transmit_answer(struct tw_worker *worker, uint8_t interface, const struct tw_address *to,
                        const uint8_t *payload, uint16_t length)
{
    struct tw_send_target target;
    if (!find_target(worker, interface, to, &target))
        return;
    struct rte_mbuf *mbuf = tw_transmit_buffer(worker);
    if (!mbuf)
        return;
    memcpy(rte_pktmbuf_mtod(mbuf, uint8_t *), payload, length);
    send_payload(worker, mbuf, &target, length);
}

void tw_transmit_seal(struct tw_worker *worker)
{
    struct tw_seal_batch *batch = &worker->seal;
    TW_ASSERT(!batch->sealed);
    if (batch->count > 0)
        worker->config.aead->seal(batch->jobs, batch->count);
    batch->sealed = true;
}

void tw_transmit_frames(struct tw_worker *worker)
{
    struct tw_seal_batch *batch = &worker->seal;
    TW_ASSERT(batch->sealed);
    for (uint32_t i = 0; i < batch->count; i++)
        send_payload(worker, batch->mbufs[i], &batch->targets[i], (uint16_t)batch->jobs[i].length);
    batch->count = 0;
    batch->sealed = false;
}

static void flush_seals(struct tw_worker *worker)
{
    tw_transmit_seal(worker);
    tw_transmit_frames(worker);
}

void tw_transmit_settle(struct tw_worker *worker, uint32_t slot)
{
    const struct tw_aead_key *key = &worker->sessions.bodies[slot].send_key;
    for (uint32_t i = 0; i < worker->seal.count; i++) {
        if (worker->seal.jobs[i].key != key)
            continue;
        flush_seals(worker);
        return;
    }
}

static bool seal_to(struct tw_worker *worker, uint32_t slot, struct rte_mbuf *mbuf,
                    uint8_t interface, const struct tw_address *to)
{
    struct tw_seal_batch *batch = &worker->seal;
    struct tw_session_body *body = &worker->sessions.bodies[slot];
    if (batch->count == TW_SEAL_BATCH)
        flush_seals(worker);
    if (!find_target(worker, interface, to, &batch->targets[batch->count])) {
        rte_pktmbuf_free(mbuf);
        tw_talk_unsent(worker, slot);
        return false;
    }
    TW_ASSERT(body->send_sequence <= TW_SEALED_MAX && mbuf->data_len <= TW_PLAINTEXT_MAX);
    mbuf->data_off = (uint16_t)(mbuf->data_off - TW_HEADER_SIZE);
    uint8_t *packet = rte_pktmbuf_mtod(mbuf, uint8_t *);
    tw_header_write(packet, (struct tw_header){
                                .connection_id = body->sent_id,
                                .channel = TW_CHANNEL_STATE,
                                .flags = body->send_flag,
                                .sequence = body->send_sequence++,
                            });
    batch->jobs[batch->count] = (struct tw_aead_job){
        .key = &body->send_key,
        .packet = packet,
        .length = TW_HEADER_SIZE + mbuf->data_len,
    };
    body->sent_packets++;
    tw_talk_sent(worker, slot, TW_PACKET_MIN + mbuf->data_len);
    batch->mbufs[batch->count++] = mbuf;
    return true;
}

bool tw_transmit_sealed(struct tw_worker *worker, uint32_t slot, struct rte_mbuf *mbuf)
{
    const struct tw_session *session = &worker->sessions.hot[slot];
    return seal_to(worker, slot, mbuf, session->interface, &session->address);
}

bool tw_transmit_sealed_to(struct tw_worker *worker, uint32_t slot, struct rte_mbuf *mbuf,
                           const struct tw_path_end *to)
{
    return seal_to(worker, slot, mbuf, to->interface, &to->address);
}

void tw_transmit_flush(struct tw_worker *worker)
{
    flush_seals(worker);
    tw_stage_begin(&worker->stage_cycles);
    for (uint32_t i = 0; i < worker->interface_count; i++)
        flush_frames(worker, &worker->interfaces[i]);
    tw_stage_end(&worker->stage_cycles, TW_STAGE_SEND);
}
