/* SPDX-License-Identifier: BSD-3-Clause */
#include "dataplane/wire/transport.h"

#include "dataplane/wire/packing.h"
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
#define FRAME_OVERHEAD    (TW_FRAME_HEADER_SIZE + TW_ENTRY_HEADER_SIZE + 1u)

static void begin_sizes(struct tw_transport *transport, uint32_t datagram_max, uint64_t now_us)
{
    TW_ASSERT(datagram_max <= TW_DATAGRAM_MAX);
    tw_pmtu_begin(&transport->pmtu, datagram_max ? datagram_max : TW_DATAGRAM_BASE, now_us);
    transport->datagram_bytes = transport->pmtu.size;
}

void tw_transport_init(struct tw_transport *transport, const struct tw_transport_config *config,
                       uint64_t now_us)
{
    memset(transport, 0, sizeof(*transport));
    tw_acks_init(&transport->acks);
    tw_congestion_init(&transport->congestion, now_us);
    tw_sent_init(&transport->sent, config->first_sequence);
    transport->channels_pool = config->channels;
    transport->thresholds = config->thresholds ? config->thresholds : &tw_congestion_defaults;
    transport->begun = true;
    transport->acked_at_us = (uint32_t)now_us;
    begin_sizes(transport, config->datagram_max, now_us);
    transport->datagram_bytes_told = transport->datagram_bytes;
    transport->tick_bytes_told = transport->congestion.tick_bytes;
}

/* What is still on its way carries no messages any more: all arrived by other packets. */
static void forget_runs(struct tw_transport *transport)
{
    const struct tw_sent *sent = &transport->sent;
    for (uint32_t number = sent->oldest; number < sent->next; number++)
        transport->log[number % TW_SENT_PACKETS].runs = 0;
}

static void give_channels(struct tw_transport *transport)
{
    if (!tw_flight_empty(&transport->channels->flight))
        forget_runs(transport);
    tw_channels_give(transport->channels_pool, transport->channels, &transport->numbers);
    transport->channels = NULL;
}

/* False: none is free. */
static bool take_channels(struct tw_transport *transport, uint64_t now_us)
{
    if (transport->channels)
        return true;
    transport->channels = tw_channels_take(transport->channels_pool, &transport->numbers, now_us);
    if (transport->channels)
        tw_flight_init(&transport->channels->flight, transport->sent.next);
    return transport->channels != NULL;
}

void tw_transport_fini(struct tw_transport *transport)
{
    if (transport->channels)
        give_channels(transport);
    transport->begun = false;
}

bool tw_transport_rest(struct tw_transport *transport)
{
    if (transport->channels && !transport->channels_pool->config.kept &&
        tw_channels_idle(transport->channels))
        give_channels(transport);
    return transport->channels == NULL;
}

void tw_transport_path_changed(struct tw_transport *transport, uint32_t datagram_max,
                               uint64_t now_us)
{
    tw_congestion_reset_path(&transport->congestion, now_us);
    begin_sizes(transport, datagram_max, now_us);
    transport->path_first = transport->sent.next;
    transport->state_news = true;
    if (transport->channels)
        transport->channels->probe_backoff = 0;
    transport->reorder_us = 0;
}

void tw_transport_inherit(struct tw_transport *to, struct tw_transport *from, uint64_t now_us)
{
    struct tw_channels *channels = from->channels;
    TW_ASSERT(to->channels == NULL && to->channels_pool == from->channels_pool);
    if (!channels)
        return;
    TW_ASSERT(channels->run_count == 0);
    forget_runs(from);
    from->channels = NULL;
    to->channels = channels;
    channels->probes = 0;
    channels->probe_backoff = 0;
    channels->flight_at_us = now_us;
    memset(channels->channel_at_us, 0, sizeof(channels->channel_at_us));
    tw_flight_init(&channels->flight, to->sent.next);
    tw_sender_begin_again(&channels->sender);
    tw_receiver_begin_again(&channels->receiver, now_us);
}

bool tw_transport_adopt(struct tw_transport *transport, struct tw_channels_pool *pool,
                        const struct tw_congestion_thresholds *thresholds)
{
    const struct tw_channels *channels = transport->channels;
    transport->channels_pool = pool;
    transport->thresholds = thresholds;
    if (!channels)
        return true;
    transport->channels = tw_channels_copy(pool, channels);
    return transport->channels != NULL;
}

static uint64_t earlier(uint64_t a, uint64_t b)
{
    return a < b ? a : b;
}

static void update_state(struct tw_transport *transport, uint64_t now_us)
{
    const struct tw_congestion *congestion = &transport->congestion;
    uint8_t before = congestion->state;
    uint16_t tick_bytes = congestion->tick_bytes;
    tw_congestion_update(&transport->congestion, transport->thresholds, now_us);
    transport->state_news |= congestion->state != before || congestion->tick_bytes != tick_bytes;
}

/* ---- acknowledged and lost ------------------------------------------------------------------ */

static struct tw_sent_packet *log_of(struct tw_transport *transport, uint32_t number)
{
    return &transport->log[number % TW_SENT_PACKETS];
}

/* What becomes of it tells nothing about the path of now. */
static bool is_of_old_path(const struct tw_transport *transport, uint32_t number)
{
    return number < transport->path_first;
}

/* An open packet is not on its way any more. */
static void settle(struct tw_transport *transport, uint32_t number, bool lost)
{
    struct tw_sent *sent = &transport->sent;
    struct tw_channels *channels = transport->channels;
    if (log_of(transport, number)->runs > 0)
        tw_flight_settle(&channels->flight, log_of(transport, number));
    tw_sent_settle(sent, number, lost);
    while (tw_sent_advance(sent)) {
        const struct tw_sent_packet *packet = log_of(transport, sent->oldest - 1u);
        if (packet->runs > 0)
            tw_flight_forget(&channels->flight, sent->oldest - 1u, packet);
    }
}

static const struct tw_run *run_of(struct tw_channels *channels, uint32_t number, uint32_t i)
{
    uint32_t first = tw_flight_at(&channels->flight, number)->runs_first;
    return tw_flight_run(&channels->flight, first + i);
}

static void all_runs_acked(struct tw_channels *channels, uint32_t number, uint32_t runs,
                           uint64_t now_us)
{
    uint32_t acked_channels = 0;
    for (uint32_t i = 0; i < runs; i++) {
        const struct tw_run *run = run_of(channels, number, i);
        tw_sender_acked(&channels->sender, run, now_us);
        acked_channels |= 1u << run->channel;
    }
    tw_sender_note_packet(&channels->sender, acked_channels, false);
}

static void runs_acked(struct tw_channels *channels, uint32_t number,
                       const struct tw_sent_packet *packet, struct tw_delivery *delivery,
                       uint64_t now_us)
{
    const struct tw_flight_packet *note = tw_flight_at(&channels->flight, number);
    delivery->delivered_bytes = note->delivered_bytes;
    delivery->delivered_at_us = now_us - ((uint32_t)now_us - note->delivered_at_us);
    delivery->limited = note->limited;
    all_runs_acked(channels, number, packet->runs, now_us);
    channels->probe_backoff = 0;
    channels->flight_at_us = now_us;
}

static void note_size(struct tw_transport *transport)
{
    transport->state_news |= transport->datagram_bytes != transport->pmtu.size;
    transport->datagram_bytes = transport->pmtu.size;
}

static void large_acked(struct tw_transport *transport, uint32_t number, uint64_t now_us)
{
    tw_pmtu_acked(&transport->pmtu, number, log_of(transport, number)->size, now_us);
    note_size(transport);
}

/* True: only a probe of the path's size was lost. */
static bool large_lost(struct tw_transport *transport, uint32_t number, uint64_t now_us)
{
    uint32_t size = log_of(transport, number)->size;
    bool probe = tw_pmtu_lost(&transport->pmtu, number, size, now_us);
    note_size(transport);
    return probe;
}

static void note_answer(struct tw_transport *transport, uint64_t now_us)
{
    uint32_t silence_us = (uint32_t)now_us - transport->acked_at_us;
    transport->acked_at_us = (uint32_t)now_us;
    if (silence_us > TW_TRANSPORT_UNHEARD_US && transport->channels)
        tw_receiver_answered(&transport->channels->receiver, now_us);
}

static void packet_acked(struct tw_transport *transport, uint32_t number, uint64_t now_us)
{
    const struct tw_sent_packet *packet = log_of(transport, number);
    struct tw_delivery delivery = {.bytes = packet->size};
    if (packet->runs > 0)
        runs_acked(transport->channels, number, packet, &delivery, now_us);
    settle(transport, number, false);
    transport->packets_acked++;
    note_answer(transport, now_us);
    if (is_of_old_path(transport, number))
        return;
    if (packet->size > TW_DATAGRAM_BASE)
        large_acked(transport, number, now_us);
    tw_congestion_acked(&transport->congestion, &delivery, now_us);
}

static void packet_lost(struct tw_transport *transport, uint32_t number, uint64_t now_us)
{
    const struct tw_sent_packet *packet = log_of(transport, number);
    struct tw_channels *channels = transport->channels;
    uint32_t lost_channels = 0;
    for (uint32_t i = 0; i < packet->runs; i++) {
        tw_sender_lost(&channels->sender, run_of(channels, number, i));
        lost_channels |= 1u << run_of(channels, number, i)->channel;
    }
    bool asked = packet->runs > 0 && tw_flight_at(&channels->flight, number)->asks;
    if (packet->runs > 0)
        tw_sender_note_packet(&channels->sender, lost_channels, true);
    settle(transport, number, true);
    bool old = is_of_old_path(transport, number);
    if (!old && packet->size > TW_DATAGRAM_BASE && large_lost(transport, number, now_us))
        return;
    transport->packets_lost++;
    if (!old && !asked)
        tw_congestion_lost(&transport->congestion, now_us);
}

static uint32_t round_us(const struct tw_transport *transport)
{
    const struct tw_rtt *rtt = &transport->congestion.rtt;
    if (rtt->smoothed_us == 0)
        return TW_RTT_INITIAL_US;
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

/* Since the packet left; of times only the low bits are kept. */
static uint32_t age_us(const struct tw_transport *transport, uint32_t number, uint64_t now_us)
{
    return (uint32_t)now_us - transport->log[number % TW_SENT_PACKETS].at_us;
}

static void detect_losses(struct tw_transport *transport, uint64_t now_us)
{
    const struct tw_sent *sent = &transport->sent;
    if (sent->oldest >= sent->largest_acked)
        return;
    uint64_t wait_us = overdue_us(transport);
    for (uint32_t number = sent->oldest; number < sent->largest_acked; number++) {
        if (tw_sent_is_open(sent, number) && age_us(transport, number, now_us) >= wait_us)
            packet_lost(transport, number, now_us);
    }
}

/* A packet came after later ones: those to come may take a quarter more than it did. */
static void note_overtaken(struct tw_transport *transport, uint32_t number, uint64_t now_us)
{
    uint64_t took_us = age_us(transport, number, now_us);
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

/* What was called lost had only been overtaken: its messages need not be sent again. */
static void packet_late(struct tw_transport *transport, uint32_t number, uint64_t now_us)
{
    struct tw_channels *channels = transport->channels;
    uint32_t runs = log_of(transport, number)->runs;
    if (runs > 0 && channels && tw_flight_remembers(&channels->flight, number))
        all_runs_acked(channels, number, runs, now_us);
    tw_sent_late(&transport->sent, number);
    transport->packets_late++;
    if (!is_of_old_path(transport, number))
        tw_congestion_late(&transport->congestion);
}

static bool ack_is_possible(const struct tw_transport *transport, const struct tw_frame_ack *ack)
{
    if (ack->largest == 0 || ack->largest >= transport->sent.next)
        return false;
    return ack->largest > 64u || (ack->bitmap >> (ack->largest - 1u)) == 0;
}

/* The lowest number that is still of interest: below the oldest open one, only losses that were
 * none are. */
static uint32_t least_of_interest(const struct tw_sent *sent, uint32_t from)
{
    if (sent->largest_lost < from)
        return sent->oldest;
    return sent->next > TW_SENT_PACKETS ? sent->next - TW_SENT_PACKETS : 1u;
}

/* Acknowledged are numbers from `from` to the largest, as far as the bitmap says. Apart: most
 * packets acknowledge nothing new, and save no register for this. */
static __attribute__((noinline)) void apply_new_ack(struct tw_transport *transport,
                                                    const struct tw_frame_ack *ack, uint32_t from,
                                                    uint64_t now_us)
{
    struct tw_sent *sent = &transport->sent;
    uint32_t largest = (uint32_t)ack->largest;
    uint32_t before = sent->largest_acked;
    if (largest > sent->largest_acked) {
        sent->largest_acked = largest;
        /* A delay that did not fit its field says only "long". */
        if (tw_sent_is_open(sent, largest) && ack->delay_us != UINT16_MAX &&
            !is_of_old_path(transport, largest))
            tw_rtt_sample(&transport->congestion.rtt, age_us(transport, largest, now_us),
                          ack->delay_us, now_us);
    }
    for (uint32_t number = from; number <= largest; number++) {
        if (number < largest && (ack->bitmap >> (largest - 1u - number) & 1u) == 0)
            continue;
        bool open = tw_sent_is_open(sent, number);
        if (!open && !tw_sent_is_lost(sent, number))
            continue;
        if (number < before && !is_of_old_path(transport, number))
            note_overtaken(transport, number, now_us);
        if (open)
            packet_acked(transport, number, now_us);
        else
            packet_late(transport, number, now_us);
    }
    detect_losses(transport, now_us);
    update_state(transport, now_us);
}

static void apply_ack(struct tw_transport *transport, const struct tw_frame_ack *ack,
                      uint64_t now_us)
{
    uint32_t largest = (uint32_t)ack->largest;
    uint32_t from = largest > 64u ? largest - 64u : 1u;
    uint32_t least = least_of_interest(&transport->sent, from);
    if (largest >= least)
        apply_new_ack(transport, ack, from < least ? least : from, now_us);
}

/* ---- receiving ------------------------------------------------------------------------------ */

static enum tw_transport_result result_of(enum tw_receiver_result stored)
{
    switch (stored) {
    case TW_RECEIVER_NO_ROOM:
        return TW_TRANSPORT_NO_ROOM;
    case TW_RECEIVER_MALFORMED:
        return TW_TRANSPORT_MALFORMED;
    case TW_RECEIVER_RANGE:
        return TW_TRANSPORT_RANGE;
    case TW_RECEIVER_STORED:
        break;
    }
    return TW_TRANSPORT_OK;
}

static __attribute__((noinline)) enum tw_transport_result receive_messages(
    struct tw_transport *transport, const struct tw_transport_packet *packet, uint64_t now_us)
{
    if (!take_channels(transport, now_us))
        return TW_TRANSPORT_NO_ROOM;
    tw_receiver_heard(&transport->channels->receiver, now_us);
    enum tw_transport_result result = result_of(tw_receiver_frame(
        &transport->channels->receiver, packet->messages, packet->messages_size, now_us));
    /* Channels are for those who use them. */
    if (result == TW_TRANSPORT_MALFORMED || result == TW_TRANSPORT_RANGE)
        tw_transport_rest(transport);
    return result;
}

enum tw_transport_result tw_transport_receive(struct tw_transport *transport,
                                              const struct tw_transport_packet *packet,
                                              uint64_t now_us)
{
    enum tw_transport_result result = TW_TRANSPORT_OK;
    if (packet->sequence < TW_SEQUENCE_FIRST || packet->sequence > TW_SEALED_MAX ||
        (packet->ack && !ack_is_possible(transport, packet->ack)))
        return TW_TRANSPORT_RANGE;
    if (packet->messages)
        result = receive_messages(transport, packet, now_us);
    else if (transport->channels)
        tw_receiver_heard(&transport->channels->receiver, now_us);
    if (result == TW_TRANSPORT_MALFORMED || result == TW_TRANSPORT_RANGE)
        return result;
    if (packet->ack)
        apply_ack(transport, packet->ack, now_us);
    if (result == TW_TRANSPORT_OK)
        tw_acks_take(&transport->acks, packet->sequence, packet->messages != NULL, now_us);
    return result;
}

struct tw_message *tw_transport_take(struct tw_transport *transport)
{
    return transport->channels ? tw_receiver_take(&transport->channels->receiver) : NULL;
}

const struct tw_message *tw_transport_peek(const struct tw_transport *transport)
{
    if (!transport->channels)
        return NULL;
    return tw_receiver_peek(&transport->channels->receiver);
}

/* ---- sending -------------------------------------------------------------------------------- */

enum tw_sender_result tw_transport_send(struct tw_transport *transport,
                                        const struct tw_outgoing *message, uint64_t now_us)
{
    if (!take_channels(transport, now_us))
        return TW_SENDER_NO_POOL;
    enum tw_sender_result result = tw_sender_queue(&transport->channels->sender, message, now_us);
    if (result != TW_SENDER_QUEUED)
        tw_transport_rest(transport);
    return result;
}

enum tw_sender_result tw_transport_room(struct tw_transport *transport, uint32_t channel,
                                        uint32_t size, uint64_t now_us)
{
    if (!take_channels(transport, now_us))
        return TW_SENDER_NO_POOL;
    enum tw_sender_result room = tw_sender_room(&transport->channels->sender, channel, size);
    if (room != TW_SENDER_QUEUED)
        tw_transport_rest(transport);
    return room;
}

static uint32_t open_bytes(const struct tw_transport *transport)
{
    const struct tw_sent *sent = &transport->sent;
    uint32_t bytes = 0;
    for (uint32_t number = sent->oldest; number < sent->next; number++) {
        if (tw_sent_is_open(sent, number))
            bytes += transport->log[number % TW_SENT_PACKETS].size;
    }
    return bytes;
}

static struct tw_packing look(const struct tw_transport *transport, bool paced, uint64_t now_us)
{
    struct tw_packing packing = tw_packing_look(transport->channels, &transport->congestion,
                                                &transport->sent, paced, now_us);
    if (tw_packing_yields(&packing))
        packing.open_bytes = open_bytes(transport);
    return packing;
}

static bool may_send(struct tw_transport *transport, uint64_t now_us)
{
    return transport->channels->probes > 0 ||
           tw_congestion_may_send(&transport->congestion, now_us);
}

/* False: there are none, or they may not leave now. */
static bool write_frame(struct tw_transport *transport, struct tw_writer *writer, uint64_t now_us)
{
    TW_ASSERT(transport->channels->run_count == 0);
    if (transport->channels->sender.queued == 0)
        return false;
    struct tw_packing packing = look(transport, may_send(transport, now_us), now_us);
    /* The log can always take one more packet: the oldest is given up for it. */
    if (tw_writer_left(writer) < FRAME_OVERHEAD || !tw_packing_any(&packing))
        return false;
    uint8_t *frame = writer->next;
    struct tw_writer body = *writer;
    tw_write_space(&body, TW_FRAME_HEADER_SIZE);
    const uint8_t *start = body.next;
    uint32_t paced_bytes = tw_packing_write(&packing, &body);
    tw_congestion_passed(&transport->congestion, packing.passed_bytes);
    if (body.next == start)
        return false;
    TW_ASSERT(!body.failed);
    frame[0] = TW_FRAME_MESSAGES;
    tw_store_u16(frame + 1, (uint16_t)(body.next - start));
    transport->channels->run_bytes = (uint16_t)paced_bytes;
    *writer = body;
    return true;
}

static void write_ack(struct tw_transport *transport, struct tw_writer *writer, uint64_t now_us)
{
    struct tw_frame_ack ack;
    if (tw_writer_left(writer) < TW_FRAME_HEADER_SIZE + TW_ACK_SIZE ||
        !tw_acks_frame(&transport->acks, &ack, now_us))
        return;
    tw_frame_write_ack(writer, &ack);
    tw_acks_sent(&transport->acks);
}

bool tw_transport_write_probe(struct tw_transport *transport, struct tw_writer *writer,
                              uint64_t now_us)
{
    uint32_t size = tw_pmtu_wants(&transport->pmtu, now_us);
    if (size == 0)
        return false;
    size_t end = tw_writer_left(writer) - (size - TW_PACKET_MIN);
    write_ack(transport, writer, now_us);
    tw_frame_write_padding(writer, tw_writer_left(writer) - end);
    transport->pmtu.written = true;
    return true;
}

bool tw_transport_write(struct tw_transport *transport, struct tw_writer *writer, uint64_t now_us)
{
    /* Without it what was lost stays unknown: it goes first. */
    write_ack(transport, writer, now_us);
    return transport->channels && write_frame(transport, writer, now_us);
}

/* What a packet of messages will tell about the path's rate once it is acknowledged. */
static void note_delivery(struct tw_transport *transport, uint32_t number, uint32_t size,
                          uint64_t now_us)
{
    struct tw_congestion *congestion = &transport->congestion;
    struct tw_flight *flight = &transport->channels->flight;
    struct tw_flight_packet *note = tw_flight_at(flight, number);
    /* Nothing was on its way: the time before this does not count as delivery. */
    if (flight->packets == 0)
        congestion->delivered_at_us = now_us;
    note->delivered_bytes = congestion->delivered_bytes;
    note->delivered_at_us = (uint32_t)congestion->delivered_at_us;
    /* With one packet more, half of the window would be in use. */
    note->limited = flight->bytes + size + TW_DATAGRAM_BASE > congestion->window_bytes / 2u;
    note->asks =
        tw_sender_is_refused(&transport->channels->sender, transport->channels->runs[0].channel);
}

static void messages_sent(struct tw_transport *transport, uint32_t number, uint64_t now_us)
{
    struct tw_channels *channels = transport->channels;
    const struct tw_sent_packet *packet = log_of(transport, number);
    if (packet->runs > 0) {
        note_delivery(transport, number, packet->size, now_us);
        tw_flight_record(&channels->flight, number, packet, channels->runs);
        channels->flight_at_us = now_us;
        channels->probes -= channels->probes > 0;
    }
    if (channels->run_bytes > 0)
        tw_congestion_spend(&transport->congestion, channels->run_bytes);
    channels->run_count = 0;
    channels->run_bytes = 0;
}

void tw_transport_sent(struct tw_transport *transport, uint32_t size, uint64_t now_us)
{
    struct tw_sent *sent = &transport->sent;
    while (tw_sent_full(sent))
        packet_lost(transport, sent->oldest, now_us);
    uint32_t number = tw_sent_push(sent);
    *log_of(transport, number) =
        (struct tw_sent_packet){.at_us = (uint32_t)now_us,
                                .size = (uint16_t)size,
                                .runs = (uint16_t)tw_transport_run_count(transport)};
    if (transport->channels)
        messages_sent(transport, number, now_us);
    if (size > transport->datagram_bytes && transport->pmtu.written)
        tw_pmtu_sent(&transport->pmtu, number, size);
}

void tw_transport_unsent(struct tw_transport *transport)
{
    struct tw_channels *channels = transport->channels;
    transport->pmtu.written = false;
    if (!channels)
        return;
    for (uint32_t i = 0; i < channels->run_count; i++)
        tw_sender_lost(&channels->sender, &channels->runs[i]);
    channels->run_count = 0;
    channels->run_bytes = 0;
}

/* ---- timers --------------------------------------------------------------------------------- */

static uint64_t probe_due_us(const struct tw_transport *transport)
{
    const struct tw_channels *channels = transport->channels;
    if (!channels || channels->flight.packets == 0)
        return UINT64_MAX;
    uint64_t wait_us = (uint64_t)tw_rtt_probe_us(&transport->congestion.rtt)
                       << channels->probe_backoff;
    return channels->flight_at_us + (wait_us < PROBE_MAX_US ? wait_us : PROBE_MAX_US);
}

/* What is oldest goes again, beyond the window: any answer tells what else was lost. */
static void probe(struct tw_transport *transport, uint64_t now_us)
{
    const struct tw_sent *sent = &transport->sent;
    struct tw_channels *channels = transport->channels;
    uint32_t count = 0;
    for (uint32_t number = sent->oldest; number < sent->next && count < PROBE_PACKETS; number++) {
        if (!tw_sent_is_open(sent, number) || log_of(transport, number)->runs == 0)
            continue;
        packet_lost(transport, number, now_us);
        count++;
    }
    channels->probes = count;
    channels->flight_at_us = now_us;
    if (channels->probe_backoff < PROBE_BACKOFF_MAX)
        channels->probe_backoff++;
    if (!tw_channels_unanswered(channels))
        return;
    tw_congestion_collapse(&transport->congestion);
    tw_pmtu_fall_back(&transport->pmtu, now_us);
    note_size(transport);
}

void tw_transport_update(struct tw_transport *transport, uint64_t now_us)
{
    if (transport->channels) {
        tw_sender_expire(&transport->channels->sender, now_us);
        tw_receiver_update(&transport->channels->receiver, now_us);
    }
    detect_losses(transport, now_us);
    if (now_us >= probe_due_us(transport))
        probe(transport, now_us);
    forget_overtaken(transport, now_us);
    update_state(transport, now_us);
}

static bool wants_messages(struct tw_transport *transport, uint64_t now_us)
{
    const struct tw_channels *channels = transport->channels;
    if (!channels || channels->sender.queued == 0)
        return false;
    if (tw_flight_runs_left(&channels->flight) == 0)
        return tw_sender_has(&channels->sender, TW_CHANNEL_STATE, false);
    struct tw_packing packing = look(transport, may_send(transport, now_us), now_us);
    return tw_packing_any(&packing);
}

bool tw_transport_wants_packet(struct tw_transport *transport, uint64_t now_us)
{
    return now_us >= tw_acks_due_us(&transport->acks) || wants_messages(transport, now_us);
}

static uint64_t messages_due_us(const struct tw_transport *transport, uint64_t now_us)
{
    const struct tw_channels *channels = transport->channels;
    uint64_t due_us = earlier(probe_due_us(transport), channels->sender.deadline_us);
    if (channels->flight.packets > 0 && transport->sent.oldest < transport->sent.largest_acked) {
        uint32_t age = age_us(transport, transport->sent.oldest, now_us);
        uint64_t wait_us = overdue_us(transport);
        due_us = earlier(due_us, now_us + (wait_us > age ? wait_us - age : 0));
    }
    if (tw_flight_runs_left(&channels->flight) == 0 || channels->sender.queued == 0)
        return due_us;
    struct tw_packing packing = look(transport, true, now_us);
    return earlier(due_us, tw_packing_due_us(&packing));
}

uint64_t tw_transport_due_us(const struct tw_transport *transport, uint64_t now_us)
{
    uint64_t due_us = tw_acks_due_us(&transport->acks);
    if (tw_pmtu_wants(&transport->pmtu, UINT64_MAX) != 0)
        due_us = earlier(due_us, transport->pmtu.due_us);
    return transport->channels ? earlier(due_us, messages_due_us(transport, now_us)) : due_us;
}
