/* SPDX-License-Identifier: BSD-3-Clause */
#include "dataplane/wire/transport.h"

#include "tickwire/assert.h"

/* How long beyond a round trip a packet may be overdue, as RFC 9002 section 6.1.2, where nothing
 * overtakes. */
#define REORDER_EIGHTHS 1u
#define REORDER_MIN_US  1000u
#define ROUNDS_MAX      3u
/* What overtaken packets needed is kept in mind for so long after the last of them. */
#define REORDER_MEMORY_US 10000000u
/* Then a probe every few seconds; the session's own timeout ends it. */
#define PROBE_MAX_US      3000000u
#define PROBE_BACKOFF_MAX 6u
#define PROBE_PACKETS     2u
/* Seven time-outs' time without an answer: the path may not be what it was. */
#define PROBES_COLLAPSE 3u
/* One packet of messages in so many begins with bulk: it is never starved. */
#define BULK_FIRST_EVERY 8u
/* A channel that the window has no place for sends a packet so often all the same: slow, never
 * stalled. */
#define TRICKLE_US     500000u
#define FRAME_OVERHEAD (TW_FRAME_HEADER_SIZE + TW_ENTRY_HEADER_SIZE + 1u)

void tw_transport_init(struct tw_transport *transport, const struct tw_transport_config *config,
                       uint64_t now_us)
{
    memset(transport, 0, sizeof(*transport));
    tw_acks_init(&transport->acks);
    tw_sender_init(&transport->sender, config->pool, config->send_blocks_max);
    tw_receiver_init(&transport->receiver, config->pool, config->compressed_allowed);
    tw_congestion_init(&transport->congestion, now_us);
    tw_sent_init(&transport->sent, config->first_sequence);
}

void tw_transport_fini(struct tw_transport *transport)
{
    if (!tw_transport_begun(transport))
        return;
    tw_sender_fini(&transport->sender);
    tw_receiver_fini(&transport->receiver);
    transport->sender.pool = NULL;
}

void tw_transport_path_changed(struct tw_transport *transport, uint64_t now_us)
{
    tw_congestion_reset_path(&transport->congestion, now_us);
    transport->probe_backoff = 0;
    transport->reorder_us = 0;
}

static uint64_t earlier(uint64_t a, uint64_t b)
{
    return a < b ? a : b;
}

static void update_state(struct tw_transport *transport, uint64_t now_us)
{
    uint8_t before = transport->congestion.state;
    tw_congestion_update(&transport->congestion, now_us);
    transport->state_news |= transport->congestion.state != before;
}

/* ---- acknowledged and lost ---------------------------------------------------------------------
 */

static void packet_acked(struct tw_transport *transport, uint64_t sequence, uint64_t now_us)
{
    struct tw_sent *sent = &transport->sent;
    const struct tw_sent_packet *packet = tw_sent_at(sent, sequence);
    struct tw_delivery delivery = {.bytes = packet->size,
                                   .delivered_bytes = packet->delivered_bytes,
                                   .delivered_at_us = packet->delivered_at_us,
                                   .limited = packet->limited};
    for (uint32_t i = 0; i < packet->runs; i++)
        tw_sender_acked(&transport->sender, tw_sent_run(sent, packet->runs_first + i));
    if (packet->runs > 0) {
        transport->probe_backoff = 0;
        transport->flight_at_us = now_us;
    }
    tw_sent_settle(sent, sequence, TW_SENT_ACKED);
    transport->packets_acked++;
    tw_congestion_acked(&transport->congestion, &delivery, now_us);
}

static void packet_lost(struct tw_transport *transport, uint64_t sequence, uint64_t now_us)
{
    struct tw_sent *sent = &transport->sent;
    const struct tw_sent_packet *packet = tw_sent_at(sent, sequence);
    for (uint32_t i = 0; i < packet->runs; i++)
        tw_sender_lost(&transport->sender, tw_sent_run(sent, packet->runs_first + i));
    transport->packets_lost++;
    if (sequence > transport->largest_lost)
        transport->largest_lost = sequence;
    transport->bytes_lost += packet->size;
    tw_sent_settle(sent, sequence, TW_SENT_LOST);
    tw_congestion_lost(&transport->congestion, now_us);
}

static uint32_t round_us(const struct tw_transport *transport)
{
    const struct tw_rtt *rtt = &transport->congestion.rtt;
    return rtt->smoothed_us > rtt->latest_us ? rtt->smoothed_us : rtt->latest_us;
}

/* A packet is lost if it is still missing so long after it left, and a later one has arrived. How
 * many later ones says nothing: on a path that reorders, a burst overtakes it (after RACK, RFC
 * 8985). What needs more than three round trips is not worth waiting for. */
static uint64_t overdue_us(const struct tw_transport *transport)
{
    uint64_t round = round_us(transport);
    uint64_t spare_us = round * REORDER_EIGHTHS / 8u;
    if (spare_us < transport->reorder_us)
        spare_us = transport->reorder_us;
    if (spare_us < REORDER_MIN_US)
        spare_us = REORDER_MIN_US;
    uint64_t longest_us = ROUNDS_MAX * round;
    return round + spare_us < longest_us ? round + spare_us : longest_us;
}

static void detect_losses(struct tw_transport *transport, uint64_t now_us)
{
    struct tw_sent *sent = &transport->sent;
    uint64_t wait_us = overdue_us(transport);
    for (uint64_t sequence = sent->oldest; sequence < sent->largest_acked; sequence++) {
        const struct tw_sent_packet *packet = tw_sent_at(sent, sequence);
        if (packet->state != TW_SENT_OPEN)
            continue;
        if (now_us >= packet->at_us + wait_us)
            packet_lost(transport, sequence, now_us);
    }
}

/* A packet came after later ones: those to come may take a quarter more than it did. */
static void note_overtaken(struct tw_transport *transport, uint64_t at_us, uint64_t now_us)
{
    uint64_t took_us = now_us - at_us;
    uint64_t round = round_us(transport);
    uint64_t spare_us = took_us > round ? (took_us - round) * 5u / 4u : 0;
    if (spare_us < REORDER_MIN_US)
        spare_us = REORDER_MIN_US;
    if (spare_us > TW_RTT_MAX_US)
        spare_us = TW_RTT_MAX_US;
    if (spare_us > transport->reorder_us)
        transport->reorder_us = (uint32_t)spare_us;
    transport->overtaken_at_us = now_us;
}

static void forget_overtaken(struct tw_transport *transport, uint64_t now_us)
{
    if (transport->reorder_us > 0 && now_us - transport->overtaken_at_us > REORDER_MEMORY_US)
        transport->reorder_us = 0;
}

/* What was called lost had only been overtaken. */
static void packet_late(struct tw_transport *transport, uint64_t sequence)
{
    tw_sent_at(&transport->sent, sequence)->state = TW_SENT_LATE;
    transport->packets_late++;
    tw_congestion_late(&transport->congestion);
}

static bool ack_is_possible(const struct tw_transport *transport, const struct tw_frame_ack *ack)
{
    if (ack->largest == 0 || ack->largest >= transport->sent.next)
        return false;
    return ack->largest > 64u || (ack->bitmap >> (ack->largest - 1u)) == 0;
}

static void apply_ack(struct tw_transport *transport, const struct tw_frame_ack *ack,
                      uint64_t now_us)
{
    struct tw_sent *sent = &transport->sent;
    uint64_t kept = sent->next > TW_SENT_PACKETS ? sent->next - TW_SENT_PACKETS : 1u;
    uint64_t from = ack->largest > 64u ? ack->largest - 64u : 1u;
    /* Below the oldest open one only losses that were none are of interest. */
    uint64_t least = transport->largest_lost >= from ? kept : sent->oldest;
    if (ack->largest < least)
        return;
    if (from < least)
        from = least;
    uint64_t before = sent->largest_acked;
    if (ack->largest > sent->largest_acked) {
        const struct tw_sent_packet *packet = tw_sent_at(sent, ack->largest);
        sent->largest_acked = ack->largest;
        /* A delay that did not fit its field says only "long". */
        if (packet->state == TW_SENT_OPEN && ack->delay_us != UINT16_MAX)
            tw_rtt_sample(&transport->congestion.rtt, now_us - packet->at_us, ack->delay_us,
                          now_us);
    }
    for (uint64_t sequence = from; sequence <= ack->largest; sequence++) {
        if (sequence < ack->largest && (ack->bitmap >> (ack->largest - 1u - sequence) & 1u) == 0)
            continue;
        const struct tw_sent_packet *packet = tw_sent_at(sent, sequence);
        bool news = packet->state == TW_SENT_OPEN || packet->state == TW_SENT_LOST;
        if (news && sequence < before)
            note_overtaken(transport, packet->at_us, now_us);
        if (packet->state == TW_SENT_OPEN)
            packet_acked(transport, sequence, now_us);
        else if (packet->state == TW_SENT_LOST)
            packet_late(transport, sequence);
    }
    detect_losses(transport, now_us);
    update_state(transport, now_us);
}

/* ---- receiving ---------------------------------------------------------------------------------
 */

enum tw_transport_result tw_transport_receive(struct tw_transport *transport,
                                              const struct tw_transport_packet *packet,
                                              uint64_t now_us)
{
    if (packet->ack && !ack_is_possible(transport, packet->ack))
        return TW_TRANSPORT_RANGE;
    enum tw_receiver_result stored = TW_RECEIVER_STORED;
    tw_receiver_heard(&transport->receiver, now_us);
    if (packet->messages)
        stored = tw_receiver_frame(&transport->receiver, packet->messages, packet->messages_size,
                                   now_us);
    if (stored == TW_RECEIVER_MALFORMED)
        return TW_TRANSPORT_MALFORMED;
    if (stored == TW_RECEIVER_RANGE)
        return TW_TRANSPORT_RANGE;
    if (packet->ack)
        apply_ack(transport, packet->ack, now_us);
    if (stored == TW_RECEIVER_NO_ROOM)
        return TW_TRANSPORT_NO_ROOM;
    tw_acks_take(&transport->acks, packet->sequence, packet->messages != NULL, now_us);
    return TW_TRANSPORT_OK;
}

struct tw_message *tw_transport_take(struct tw_transport *transport)
{
    return tw_receiver_take(&transport->receiver);
}

const struct tw_message *tw_transport_peek(const struct tw_transport *transport)
{
    const struct tw_message_list *ready = &transport->receiver.ready;
    return ready->count > 0 ? tw_message_at(transport->receiver.pool, ready->first) : NULL;
}

/* ---- sending -----------------------------------------------------------------------------------
 */

enum tw_sender_result tw_transport_send(struct tw_transport *transport,
                                        const struct tw_outgoing *message)
{
    return tw_sender_queue(&transport->sender, message);
}

static bool window_open(const struct tw_transport *transport, uint32_t channel, uint64_t now_us)
{
    return transport->probes > 0 ||
           transport->sent.flight_bytes < tw_congestion_share(&transport->congestion, channel) ||
           now_us >= transport->channel_at_us[channel] + TRICKLE_US;
}

/* May a channel put something into a packet now? `*whole`: only small messages. */
static bool allowed(const struct tw_transport *transport, uint32_t channel, bool paced,
                    uint64_t now_us, bool *whole)
{
    bool open = channel == TW_CHANNEL_STATE || (paced && window_open(transport, channel, now_us));
    *whole = channel == TW_CHANNEL_ORDERED && !open;
    return (open || *whole) && tw_sender_has(&transport->sender, channel, *whole);
}

struct writing {
    bool paced; /* packets of messages may leave now */
    uint64_t now_us;
};

static void write_channel(struct tw_transport *transport, uint32_t channel,
                          const struct writing *writing, struct tw_writer *writer)
{
    uint32_t left = tw_sent_runs_left(&transport->sent) - transport->run_count;
    uint32_t room = TW_TRANSPORT_RUNS_PER_PACKET - transport->run_count;
    bool whole;
    if (!allowed(transport, channel, writing->paced, writing->now_us, &whole))
        return;
    if (left < room)
        room = left;
    uint32_t count = tw_sender_write(&transport->sender, channel, whole, writer,
                                     transport->runs + transport->run_count, room);
    if (count > 0)
        transport->channel_at_us[channel] = writing->now_us;
    transport->run_count = (uint16_t)(transport->run_count + count);
}

static void write_messages(struct tw_transport *transport, const struct writing *writing,
                           struct tw_writer *writer)
{
    static const uint8_t usual[] = {TW_CHANNEL_STATE, TW_CHANNEL_ORDERED, TW_CHANNEL_UNORDERED,
                                    TW_CHANNEL_BULK};
    static const uint8_t bulk_first[] = {TW_CHANNEL_BULK, TW_CHANNEL_STATE, TW_CHANNEL_ORDERED,
                                         TW_CHANNEL_UNORDERED};
    bool turn = transport->writes++ % BULK_FIRST_EVERY == BULK_FIRST_EVERY - 1u;
    const uint8_t *order = turn ? bulk_first : usual;
    for (uint32_t i = 0; i < TW_CHANNEL_COUNT; i++)
        write_channel(transport, order[i], writing, writer);
}

static bool has_any(const struct tw_transport *transport, bool paced, uint64_t now_us)
{
    bool whole;
    if (transport->sender.queued == 0)
        return false;
    for (uint32_t channel = 0; channel < TW_CHANNEL_COUNT; channel++) {
        if (allowed(transport, channel, paced, now_us, &whole))
            return true;
    }
    return false;
}

bool tw_transport_write(struct tw_transport *transport, struct tw_writer *writer, uint64_t now_us)
{
    struct tw_frame_ack ack;
    TW_ASSERT(transport->run_count == 0);
    /* Without it what was lost stays unknown: it goes first. */
    if (tw_writer_left(writer) >= TW_FRAME_HEADER_SIZE + TW_ACK_SIZE &&
        tw_acks_frame(&transport->acks, &ack, now_us)) {
        tw_frame_write_ack(writer, &ack);
        tw_acks_sent(&transport->acks);
    }
    if (transport->sender.queued == 0)
        return false;
    bool paced = transport->probes > 0 || tw_congestion_may_send(&transport->congestion, now_us);
    /* The log can always take one more packet: the oldest is given up for it. */
    if (tw_writer_left(writer) < FRAME_OVERHEAD || !has_any(transport, paced, now_us))
        return false;
    uint8_t *frame = writer->next;
    struct tw_writer body = *writer;
    tw_write_space(&body, TW_FRAME_HEADER_SIZE);
    const uint8_t *start = body.next;
    struct writing writing = {.paced = paced, .now_us = now_us};
    write_messages(transport, &writing, &body);
    if (body.next == start)
        return false;
    TW_ASSERT(!body.failed);
    frame[0] = TW_FRAME_MESSAGES;
    tw_store_u16(frame + 1, (uint16_t)(body.next - start));
    transport->run_bytes = (uint16_t)(body.next - frame);
    *writer = body;
    return true;
}

/* What a packet of messages will tell about the path's rate once it is acknowledged. */
static void note_delivery(struct tw_transport *transport, struct tw_sent_packet *packet,
                          uint64_t now_us)
{
    struct tw_congestion *congestion = &transport->congestion;
    const struct tw_sent *sent = &transport->sent;
    /* Nothing was on its way: the time before this does not count as delivery. */
    if (sent->flight_packets == 0)
        congestion->delivered_at_us = now_us;
    packet->delivered_bytes = (uint32_t)congestion->delivered_bytes;
    packet->delivered_at_us = congestion->delivered_at_us;
    /* With one packet more, half of the window would be in use. */
    packet->limited =
        sent->flight_bytes + packet->size + TW_DATAGRAM_MAX > congestion->window_bytes / 2u;
}

void tw_transport_sent(struct tw_transport *transport, uint32_t size, uint64_t now_us)
{
    struct tw_sent *sent = &transport->sent;
    while (tw_sent_full(sent))
        packet_lost(transport, sent->oldest, now_us);
    struct tw_sent_packet packet = {
        .at_us = now_us, .runs = transport->run_count, .size = (uint16_t)size};
    if (transport->run_count > 0)
        note_delivery(transport, &packet, now_us);
    tw_sent_record(sent, &packet, transport->runs);
    if (transport->run_count > 0) {
        transport->flight_at_us = now_us;
        transport->probes -= transport->probes > 0;
    }
    if (transport->run_bytes > 0)
        tw_congestion_spend(&transport->congestion, transport->run_bytes);
    transport->run_count = 0;
    transport->run_bytes = 0;
}

void tw_transport_unsent(struct tw_transport *transport)
{
    for (uint32_t i = 0; i < transport->run_count; i++)
        tw_sender_lost(&transport->sender, &transport->runs[i]);
    transport->run_count = 0;
    transport->run_bytes = 0;
}

/* ---- timers ------------------------------------------------------------------------------------
 */

static uint64_t probe_due_us(const struct tw_transport *transport)
{
    if (transport->sent.flight_packets == 0)
        return UINT64_MAX;
    uint64_t wait_us = (uint64_t)tw_rtt_probe_us(&transport->congestion.rtt)
                       << transport->probe_backoff;
    return transport->flight_at_us + (wait_us < PROBE_MAX_US ? wait_us : PROBE_MAX_US);
}

/* What is oldest goes again, beyond the window: any answer tells what else was lost. */
static void probe(struct tw_transport *transport, uint64_t now_us)
{
    struct tw_sent *sent = &transport->sent;
    uint32_t count = 0;
    for (uint64_t sequence = sent->oldest; sequence < sent->next && count < PROBE_PACKETS;
         sequence++) {
        const struct tw_sent_packet *packet = tw_sent_at(sent, sequence);
        if (packet->state != TW_SENT_OPEN || packet->runs == 0)
            continue;
        packet_lost(transport, sequence, now_us);
        count++;
    }
    transport->probes = count;
    transport->flight_at_us = now_us;
    if (transport->probe_backoff < PROBE_BACKOFF_MAX)
        transport->probe_backoff++;
    if (transport->probe_backoff >= PROBES_COLLAPSE)
        tw_congestion_collapse(&transport->congestion);
}

void tw_transport_update(struct tw_transport *transport, uint64_t now_us)
{
    tw_sender_expire(&transport->sender, now_us);
    detect_losses(transport, now_us);
    if (now_us >= probe_due_us(transport))
        probe(transport, now_us);
    forget_overtaken(transport, now_us);
    update_state(transport, now_us);
}

static bool wants_messages(struct tw_transport *transport, uint64_t now_us)
{
    if (transport->sender.queued == 0)
        return false;
    if (tw_sent_runs_left(&transport->sent) == 0)
        return tw_sender_has(&transport->sender, TW_CHANNEL_STATE, false);
    bool paced = transport->probes > 0 || tw_congestion_may_send(&transport->congestion, now_us);
    return has_any(transport, paced, now_us);
}

bool tw_transport_wants_packet(struct tw_transport *transport, uint64_t now_us)
{
    return now_us >= tw_acks_due_us(&transport->acks) || wants_messages(transport, now_us);
}

uint64_t tw_transport_due_us(const struct tw_transport *transport, uint64_t now_us)
{
    uint64_t due_us = earlier(tw_acks_due_us(&transport->acks), probe_due_us(transport));
    due_us = earlier(due_us, transport->sender.deadline_us);
    const struct tw_sent *sent = &transport->sent;
    if (sent->flight_packets > 0 && sent->oldest < sent->largest_acked)
        due_us = earlier(due_us, sent->packets[sent->oldest % TW_SENT_PACKETS].at_us +
                                     overdue_us(transport));
    if (tw_sent_runs_left(sent) == 0)
        return due_us;
    if (has_any(transport, true, now_us))
        return earlier(due_us, tw_congestion_next_us(&transport->congestion, now_us));
    for (uint32_t channel = TW_CHANNEL_ORDERED; channel < TW_CHANNEL_COUNT; channel++) {
        if (tw_sender_has(&transport->sender, channel, false))
            due_us = earlier(due_us, transport->channel_at_us[channel] + TRICKLE_US);
    }
    return due_us;
}
