/* SPDX-License-Identifier: BSD-3-Clause */
#include "dataplane/gate/talk.h"

#include "dataplane/gate/backlog.h"
#include "dataplane/gate/relief.h"
#include "dataplane/gate/speech.h"
#include "dataplane/gate/worker_state.h"
#include "tickwire/align.h"
#include "tickwire/assert.h"

#include <rte_mbuf.h>
#include <rte_ring.h>
#include <rte_ring_elem.h>

/* Of one session in one turn: 16 × 1,200 bytes every 50 µs are more than any port here takes. */
#define PACKETS_PER_TURN  16u
#define RETURNS_PER_BURST 64u
/* Of those with something under way so many are looked at: those for which it is time, and those
 * with news. And so many are asked whether it is time: four stand in a line. */
#define SESSIONS_PER_TURN 256u
#define ASKED_PER_TURN    1024u
/* So many at once, whose lines arrive together. */
#define SESSIONS_PER_BATCH TW_SEAL_BATCH
/* After a packet that could not leave: no buffer, no next hop, no link. None of them is over in the
 * next turn, and each try is counted. */
#define UNSENT_US 5000u

/* ---- the list ------------------------------------------------------------------------------- */

static struct tw_talk_busy *busy_of(const struct tw_talk *talk, uint32_t slot)
{
    return &talk->busy[talk->sessions[slot].listed_at - 1u];
}

void tw_talk_list(struct tw_talk *talk, uint32_t slot, uint64_t due_us)
{
    struct tw_talk_session *session = &talk->sessions[slot];
    if (session->listed_at == 0) {
        talk->busy[talk->busy_count++] = (struct tw_talk_busy){.due_us = due_us, .slot = slot};
        session->listed_at = talk->busy_count;
    } else if (due_us < busy_of(talk, slot)->due_us) {
        busy_of(talk, slot)->due_us = due_us;
    }
    if (due_us > 0 || session->fresh)
        return;
    TW_ASSERT(talk->fresh_count < talk->sessions_max);
    session->fresh = true;
    talk->fresh[(talk->fresh_first + talk->fresh_count++) % talk->sessions_max] = slot;
}

static void unlist(struct tw_talk *talk, uint32_t slot)
{
    struct tw_talk_busy *place = busy_of(talk, slot);
    *place = talk->busy[--talk->busy_count];
    talk->sessions[place->slot].listed_at = talk->sessions[slot].listed_at;
    talk->sessions[slot].listed_at = 0;
}

/* ---- life ----------------------------------------------------------------------------------- */

static uint32_t blocks_for(const struct tw_config_limits *limits)
{
    return limits->message_memory_kb * 1024u / TW_BLOCK_BYTES;
}

/* When none is left, what comes is not acknowledged and comes again, and what goes out waits. */
static uint32_t channels_for(uint32_t sessions)
{
    return sessions < TW_TALK_CHANNELS_MAX ? sessions : TW_TALK_CHANNELS_MAX;
}

size_t tw_talk_footprint(uint32_t sessions, uint32_t shards, const struct tw_config_limits *limits)
{
    return tw_align_line(tw_block_pool_footprint(blocks_for(limits))) +
           tw_align_line(sizeof(struct tw_bulk)) +
           tw_align_line(tw_channels_pool_footprint(channels_for(sessions))) +
           tw_align_line(sessions * sizeof(struct tw_transport)) +
           tw_align_line(sessions * sizeof(struct tw_talk_session)) +
           tw_align_line(tw_delivery_footprint(sessions, shards)) +
           tw_align_line(sessions * sizeof(struct tw_talk_busy)) +
           tw_align_line(sessions * sizeof(uint32_t));
}

static struct tw_congestion_thresholds thresholds_make(const struct tw_config_congestion *config)
{
    return (struct tw_congestion_thresholds){
        .calm_loss_q16 = TW_LOSS_PERCENT(config->calm_loss_percent),
        .calm_delay_us = config->calm_delay_ms * 1000u,
        .calm_us = config->calm_ms * 1000u,
        .conservative_loss_q16 = TW_LOSS_PERCENT(config->conservative_loss_percent),
        .conservative_delay_us = config->conservative_delay_ms * 1000u,
        .conservative_jitter_percent = config->conservative_jitter_percent,
        .conservative_jitter_us = config->conservative_jitter_ms * 1000u,
        .emergency_loss_q16 = TW_LOSS_PERCENT(config->emergency_loss_percent),
        .emergency_queue_us = config->emergency_queue_ms * 1000u,
    };
}

void tw_talk_init(struct tw_talk *talk, void *memory, uint32_t sessions, uint32_t shards,
                  const struct tw_config *config)
{
    const struct tw_config_limits *limits = &config->limits;
    talk->thresholds = thresholds_make(&config->congestion);
    uint8_t *at = memory;
    tw_block_pool_init(&talk->pool, at, blocks_for(limits));
    tw_block_pool_promise(&talk->pool, sessions);
    talk->lent_blocks_max = talk->pool.incoming_max / 2u;
    at += tw_align_line(tw_block_pool_footprint(blocks_for(limits)));
    struct tw_channels_config channels = {.blocks = &talk->pool,
                                          .send_blocks_max =
                                              limits->message_backlog_kb * 1024u / TW_BLOCK_BYTES};
    tw_channels_pool_init(&talk->channels, &channels, at, channels_for(sessions));
    at += tw_align_line(tw_channels_pool_footprint(channels_for(sessions)));
    talk->bulk = (void *)at;
    tw_bulk_init(talk->bulk, limits->compress_above_bytes);
    at += tw_align_line(sizeof(struct tw_bulk));
    talk->transports = (void *)at;
    at += tw_align_line(sessions * sizeof(struct tw_transport));
    talk->sessions = (void *)at;
    at += tw_align_line(sessions * sizeof(struct tw_talk_session));
    tw_delivery_init(&talk->delivery, at, sessions, shards);
    at += tw_align_line(tw_delivery_footprint(sessions, shards));
    talk->busy = (void *)at;
    at += tw_align_line(sessions * sizeof(struct tw_talk_busy));
    talk->fresh = (void *)at;
    talk->sessions_max = sessions;
    tw_speech_init(talk, limits);
    talk->message_wait_us = 1000000u / limits->messages_per_s;
}

uint32_t tw_talk_datagram_max(const struct tw_worker *worker, const struct tw_path_end *end)
{
    uint32_t headers = (tw_ip_is_ipv4(end->address.ip) ? TW_IPV4_SIZE : TW_IPV6_SIZE) + TW_UDP_SIZE;
    uint32_t mtu = worker->config.ports[end->interface].mtu;
    if (mtu < TW_DATAGRAM_BASE + headers)
        return TW_DATAGRAM_BASE;
    return mtu - headers < TW_DATAGRAM_MAX ? mtu - headers : TW_DATAGRAM_MAX;
}

static uint32_t datagram_max(const struct tw_worker *worker, uint32_t slot)
{
    const struct tw_session *session = &worker->sessions.hot[slot];
    struct tw_path_end end = {session->address, session->interface};
    return tw_talk_datagram_max(worker, &end);
}

/* It stands in the list until larger datagrams were tried. */
static void list_to_probe(struct tw_worker *worker, uint32_t slot)
{
    struct tw_transport *transport = &worker->talk.transports[slot];
    worker->talk.sessions[slot].sized = false;
    if (tw_transport_is_probing(transport))
        tw_talk_list(&worker->talk, slot, tw_transport_due_us(transport, worker->now_us));
}

void tw_talk_probe_again(struct tw_worker *worker, uint32_t slot)
{
    const struct tw_transport *transport = &worker->talk.transports[slot];
    bool heard = (worker->sessions.hot[slot].roam & TW_ROAM_SILENT) == 0;
    if (heard && tw_transport_begun(transport) &&
        tw_pmtu_wants(&transport->pmtu, worker->now_us) != 0) {
        worker->talk.sessions[slot].sized = false;
        tw_talk_list(&worker->talk, slot, 0);
    }
}

/* A session begins: its place in the lists stays, should an earlier one of its slot be in them. */
static void begin_session(struct tw_talk_session *session)
{
    *session = (struct tw_talk_session){.listed_at = session->listed_at, .fresh = session->fresh};
}

void tw_talk_begin(struct tw_worker *worker, uint32_t slot)
{
    struct tw_talk *talk = &worker->talk;
    const struct tw_session_body *body = &worker->sessions.bodies[slot];
    struct tw_transport_config config = {.channels = &talk->channels,
                                         .thresholds = &talk->thresholds,
                                         .first_sequence = body->send_sequence,
                                         .datagram_max = datagram_max(worker, slot)};
    begin_session(&talk->sessions[slot]);
    tw_transport_init(&talk->transports[slot], &config, worker->now_us);
    list_to_probe(worker, slot);
}

void tw_talk_end(struct tw_worker *worker, uint32_t slot)
{
    tw_transport_fini(&worker->talk.transports[slot]);
}

void tw_talk_path_changed(struct tw_worker *worker, uint32_t slot)
{
    struct tw_transport *transport = &worker->talk.transports[slot];
    if (!tw_transport_begun(transport))
        return;
    tw_transport_path_changed(transport, datagram_max(worker, slot), worker->now_us);
    list_to_probe(worker, slot);
}

bool tw_talk_is_pause(struct tw_worker *worker, uint32_t slot)
{
    return tw_transport_rest(&worker->talk.transports[slot]);
}

uint32_t tw_talk_leave(struct tw_worker *worker, uint32_t slot, struct tw_transport *transport)
{
    struct tw_transport *leaving = &worker->talk.transports[slot];
    const struct tw_channels *channels = leaving->channels;
    *transport = *leaving;
    if (channels)
        tw_receiver_leave_line(&leaving->channels->receiver);
    leaving->begun = false; /* but elsewhere */
    leaving->channels = NULL;
    return channels ? (uint32_t)(channels - worker->talk.channels.all) + 1u : 0;
}

void tw_talk_copied(struct tw_worker *worker, uint32_t channels)
{
    struct tw_channels_pool *pool = &worker->talk.channels;
    TW_ASSERT(channels >= 1u && channels <= pool->capacity);
    tw_channels_give_copied(pool, &pool->all[channels - 1u]);
}

bool tw_talk_arrive(struct tw_worker *worker, uint32_t slot, const struct tw_transport *transport)
{
    struct tw_talk *talk = &worker->talk;
    talk->transports[slot] = *transport;
    bool adopted = tw_transport_adopt(&talk->transports[slot], &talk->channels, &talk->thresholds);
    begin_session(&talk->sessions[slot]);
    list_to_probe(worker, slot);
    if (talk->transports[slot].channels)
        tw_talk_list(talk, slot, 0);
    if (adopted)
        return true;
    tw_counter_add(&worker->config.counters->messages_no_room, 1);
    tw_counter_add(&worker->config.counters->messages_backlog, 1);
    return false;
}

void tw_talk_inherit(struct tw_worker *worker, uint32_t slot, uint32_t from)
{
    struct tw_talk *talk = &worker->talk;
    tw_transport_inherit(&talk->transports[slot], &talk->transports[from], worker->now_us);
    talk->sessions[slot].account = talk->sessions[from].account;
    talk->sessions[slot].back_us = worker->now_us;
    if (talk->transports[slot].channels)
        tw_talk_list(talk, slot, 0);
}

void tw_talk_wake(struct tw_worker *worker, uint32_t slot)
{
    worker->talk.sessions[slot].back_us = worker->now_us;
    tw_talk_list(&worker->talk, slot, 0);
}

/* ---- inward --------------------------------------------------------------------------------- */

static bool takes_messages(const struct tw_worker *worker, uint32_t slot)
{
    return worker->config.shard_rings[worker->sessions.hot[slot].shard].returned != NULL;
}

static void tell_state(struct tw_worker *worker, uint32_t slot)
{
    struct tw_transport *transport = &worker->talk.transports[slot];
    uint8_t state = transport->congestion.state;
    if ((worker->sessions.hot[slot].due & TW_DUE_JOIN) != 0)
        return;
    uint16_t tick_bytes = transport->congestion.tick_bytes;
    bool news = state != transport->state_told || tick_bytes != transport->tick_bytes_told ||
                transport->datagram_bytes != transport->datagram_bytes_told;
    if (news && !tw_route_link(worker, slot, state))
        return;
    transport->state_told = state;
    transport->datagram_bytes_told = transport->datagram_bytes;
    transport->tick_bytes_told = tick_bytes;
    transport->state_news = false;
    tw_life_path(worker, slot, state);
}

static void count_no_room(struct tw_worker *worker, uint32_t slot)
{
    struct tw_worker_counters *counters = worker->config.counters;
    bool none = worker->talk.transports[slot].channels == NULL;
    tw_counter_add(none ? &counters->messages_no_channels : &counters->messages_no_room, 1);
}

bool tw_talk_receive(struct tw_worker *worker, uint32_t slot, uint64_t sequence,
                     const struct tw_client_frames *frames)
{
    struct tw_talk *talk = &worker->talk;
    struct tw_transport_packet packet = {
        .sequence = sequence,
        .ack = frames->has_ack ? &frames->ack : NULL,
        .messages = frames->has_messages ? frames->messages : NULL,
        .messages_size = frames->messages_size,
    };
    if (frames->has_messages && !takes_messages(worker, slot))
        return false;
    enum tw_transport_result result =
        tw_transport_receive(&talk->transports[slot], &packet, worker->now_us);
    if (result == TW_TRANSPORT_NO_ROOM)
        count_no_room(worker, slot);
    if (result != TW_TRANSPORT_OK && result != TW_TRANSPORT_NO_ROOM)
        return false;
    /* Looked at this turn: to deliver, or because what was acknowledged was the last. */
    const struct tw_transport *transport = &talk->transports[slot];
    if (frames->has_messages || (transport->channels && tw_channels_idle(transport->channels)))
        tw_talk_list(talk, slot, 0);
    tw_backlog_foresee(worker, slot);
    if (transport->state_news)
        tell_state(worker, slot);
    return true;
}

/* The finished message to the shard, if the ring has room. One that was compressed is done with
 * then; others are the shard's. */
static bool lend(struct tw_worker *worker, uint32_t slot, struct tw_message *message,
                 struct tw_message *restored)
{
    struct tw_talk *talk = &worker->talk;
    const struct tw_block *blocks = restored ? tw_bulk_blocks(talk->bulk) : talk->pool.blocks;
    if (!tw_route_message(worker, slot, restored ? restored : message, blocks))
        return false;
    uint32_t channel = message->channel;
    tw_counter_add(&worker->config.counters->message_bytes[TW_BYTES_IN_STATE + channel],
                   message->size);
    talk->lent[channel]++;
    talk->lent_blocks[channel] += restored ? 0 : message->held;
    (void)tw_receiver_take_of(&talk->transports[slot].channels->receiver, channel);
    if (restored)
        tw_message_free(&talk->pool, message);
    tw_counter_add(&worker->config.counters->messages_decompressed, restored != NULL);
    tw_counter_add(&worker->config.counters->messages_in, 1);
    return true;
}

/* False: not now. */
static bool deliver_next(struct tw_worker *worker, uint32_t slot, const struct tw_message *next)
{
    struct tw_talk *talk = &worker->talk;
    struct tw_message *restored = NULL;
    enum tw_bulk_result result = TW_BULK_RESTORED;
    struct tw_talk_account *account = &talk->sessions[slot].account, before = *account;
    if (!tw_speech_pay(worker, slot, next))
        return false;
    /* With its speaker's handle in front it would be longer than a message. */
    uint32_t limit = next->channel == TW_CHANNEL_STATE ? TW_SAID_UNRELIABLE_MAX : TW_SAID_MAX;
    if (tw_message_full_size(next, talk->pool.blocks) > limit)
        result = TW_BULK_DAMAGED;
    else if (next->flags != 0)
        result = tw_bulk_restore(talk->bulk, next, talk->pool.blocks, worker->now_ns, &restored);
    if (result == TW_BULK_DAMAGED) {
        tw_counter_add(&worker->config.counters->messages_damaged, 1);
        tw_owed_close(worker, slot, TW_CLOSE_MISBEHAVED, true);
        return false;
    }
    if (result == TW_BULK_RESTORED &&
        lend(worker, slot, tw_message_at(&talk->pool, next->index), restored))
        return true;
    /* It stays the next one: there will be room again. */
    if (restored)
        (void)tw_bulk_give_back(talk->bulk, restored);
    *account = before;
    return false;
}

/* Where there is little, one of a channel at a time is lent however large it is. */
static bool has_room_to_lend(const struct tw_talk *talk, const struct tw_message *message)
{
    uint32_t channel = message->channel;
    return tw_lines_left(talk->lent, TW_TALK_LENT_MAX, channel) > 0 &&
           (talk->lent_blocks[channel] == 0 ||
            tw_lines_left(talk->lent_blocks, talk->lent_blocks_max, channel) >= message->held);
}

/* The channel's next one, if there is one and its turn has come. */
static bool deliver_of(struct tw_worker *worker, uint32_t slot, uint32_t channel)
{
    struct tw_talk *talk = &worker->talk;
    const struct tw_message *next =
        tw_receiver_peek_of(&talk->transports[slot].channels->receiver, channel);
    if (!next || worker->sessions.hot[slot].state != TW_SESSION_LIVE)
        return false;
    if (has_room_to_lend(talk, next))
        return deliver_next(worker, slot, next);
    talk->room_short = true;
    return false;
}

/* One of those of all channels but bulk, of which whoever was paid for last is last. */
static bool deliver_in_turn(struct tw_worker *worker, uint32_t slot)
{
    struct tw_talk_account *account = &worker->talk.sessions[slot].account;
    uint32_t first = account->turn;
    for (uint32_t i = 0; i < TW_CHANNEL_BULK; i++) {
        uint32_t channel = (first + i) % TW_CHANNEL_BULK;
        if (deliver_of(worker, slot, channel)) {
            tw_talk_next_turn(account, channel);
            return true;
        }
    }
    return false;
}

/* Lends finished messages to the shard, as many as the session's budgets and the ring let pass:
 * channels by turns, bulk after all others, and none is held up by another one's. */
static void deliver(struct tw_worker *worker, uint32_t slot)
{
    /* Nothing of a session may overtake its join. */
    if (!worker->talk.transports[slot].channels ||
        (worker->sessions.hot[slot].due & TW_DUE_JOIN) != 0)
        return;
    while (deliver_in_turn(worker, slot))
        ;
    while (deliver_of(worker, slot, TW_CHANNEL_BULK))
        ;
}

static void take_back(struct tw_talk *talk, struct tw_message *message)
{
    talk->returned = true;
    talk->lent[message->channel]--;
    if (tw_bulk_give_back(talk->bulk, message))
        return;
    talk->lent_blocks[message->channel] -= message->held;
    tw_message_free(&talk->pool, message);
}

static void take_returned(struct tw_worker *worker, struct rte_ring *ring)
{
    struct tw_message *messages[RETURNS_PER_BURST];
    unsigned int count;
    do {
        count = rte_ring_sc_dequeue_burst_elem(ring, messages, sizeof(messages[0]),
                                               RETURNS_PER_BURST, NULL);
        for (unsigned int i = 0; i < count; i++)
            take_back(&worker->talk, messages[i]);
    } while (count == RETURNS_PER_BURST);
}

/* ---- outward -------------------------------------------------------------------------------- */

bool tw_talk_say(struct tw_worker *worker, uint32_t slot, const struct tw_outgoing *message)
{
    struct tw_outgoing leaving = *message;
    struct tw_transport *transport = &worker->talk.transports[slot];
    if (tw_life_has_lapsed(worker, slot)) {
        tw_counter_add(&worker->config.counters->messages_missed, 1);
        return true;
    }
    enum tw_sender_result room =
        tw_transport_room(transport, message->channel, message->size, worker->now_us);
    if (room != TW_SENDER_QUEUED)
        return tw_backlog_refuse(worker, slot, message, room);
    tw_bulk_compress(worker->talk.bulk, &leaving, worker->now_ns, worker->config.counters);
    room = tw_transport_send(transport, &leaving, worker->now_us);
    TW_ASSERT(room == TW_SENDER_QUEUED);
    tw_counter_add(&worker->config.counters->messages_out, 1);
    tw_talk_list(&worker->talk, slot, 0);
    return true;
}

static_assert(TW_BYTES_OUT_STATE - TW_BYTES_IN_STATE == TW_CHANNEL_COUNT &&
                  TW_BYTES_AGAIN - TW_BYTES_OUT_STATE == TW_CHANNEL_COUNT,
              "bytes in, out and again, by channel");

void tw_talk_write(struct tw_worker *worker, uint32_t slot, struct tw_writer *writer)
{
    struct tw_transport *transport = &worker->talk.transports[slot];
    const struct tw_sender *sender = transport->channels ? &transport->channels->sender : NULL;
    uint64_t before[TW_CHANNEL_COUNT], again = sender ? sender->again_bytes : 0;
    if (sender)
        memcpy(before, sender->channel_bytes, sizeof(before));
    if (!tw_transport_write(transport, writer, worker->now_us))
        return;
    tw_counter *bytes = worker->config.counters->message_bytes;
    for (uint32_t channel = 0; channel < TW_CHANNEL_COUNT; channel++)
        tw_counter_add(&bytes[TW_BYTES_OUT_STATE + channel],
                       sender->channel_bytes[channel] - before[channel]);
    tw_counter_add(&bytes[TW_BYTES_AGAIN], sender->again_bytes - again);
}

void tw_talk_sent(struct tw_worker *worker, uint32_t slot, uint32_t size)
{
    if (tw_transport_begun(&worker->talk.transports[slot]))
        tw_transport_sent(&worker->talk.transports[slot], size, worker->now_us);
}

void tw_talk_unsent(struct tw_worker *worker, uint32_t slot)
{
    if (tw_transport_begun(&worker->talk.transports[slot]))
        tw_transport_unsent(&worker->talk.transports[slot]);
}

/* ---- turn ----------------------------------------------------------------------------------- */

/* False: one could not leave. */
static bool send_packets(struct tw_worker *worker, uint32_t slot)
{
    struct tw_transport *transport = &worker->talk.transports[slot];
    tw_outward_probe(worker, slot);
    for (uint32_t i = 0; i < PACKETS_PER_TURN; i++) {
        if (!tw_transport_wants_packet(transport, worker->now_us))
            return true;
        if (!tw_outward_packet(worker, slot))
            return false;
    }
    return true;
}

/* Nothing is under way, and its channels are others' now. */
static bool is_quiet(struct tw_transport *transport)
{
    return tw_transport_rest(transport) && transport->acks.waiting == 0 &&
           !tw_transport_is_probing(transport);
}

/* Nothing of it is under way but what it was not told of. False: and that it was. */
static bool acknowledge(struct tw_worker *worker, uint32_t slot)
{
    struct tw_transport *transport = &worker->talk.transports[slot];
    uint64_t due_us = tw_acks_due_us(&transport->acks);
    if (worker->now_us >= due_us && !tw_outward_packet(worker, slot))
        due_us = worker->now_us + UNSENT_US;
    busy_of(&worker->talk, slot)->due_us = due_us;
    return transport->acks.waiting > 0;
}

/* Timers, messages both ways. False: nothing is under way any more. */
static bool serve_all(struct tw_worker *worker, uint32_t slot)
{
    struct tw_transport *transport = &worker->talk.transports[slot];
    tw_transport_update(transport, worker->now_us);
    if (tw_transport_stalled(transport, worker->now_us)) {
        tw_relief_close(worker, slot);
        return false;
    }
    bool left = send_packets(worker, slot);
    uint64_t due_us = tw_transport_due_us(transport, worker->now_us);
    uint64_t look_us = worker->now_us + TW_TALK_LOOK_US;
    /* What waits for its budget waits for a fraction of it. */
    if (tw_transport_peek(transport) != NULL)
        look_us = worker->now_us + worker->talk.message_wait_us;
    due_us = due_us < look_us ? due_us : look_us;
    if (!left && due_us < worker->now_us + UNSENT_US)
        due_us = worker->now_us + UNSENT_US;
    busy_of(&worker->talk, slot)->due_us = due_us;
    worker->talk.sessions[slot].sized = !tw_transport_is_probing(transport);
    return !is_quiet(transport);
}

/* False: nothing is under way any more. */
static bool serve(struct tw_worker *worker, uint32_t slot)
{
    struct tw_transport *transport = &worker->talk.transports[slot];
    const struct tw_session *session = &worker->sessions.hot[slot];
    if (!tw_transport_begun(transport) || session->state != TW_SESSION_LIVE)
        return false;
    if (!tw_backlog_keeps_up(worker, slot)) {
        tw_backlog_close(worker, slot);
        return false;
    }
    if ((session->roam & TW_ROAM_SILENT) != 0 && tw_life_is_paused(worker, slot)) {
        busy_of(&worker->talk, slot)->due_us = worker->now_us + TW_TALK_LOOK_US;
        return true; /* what waits is kept for its return */
    }
    deliver(worker, slot);
    if (session->state != TW_SESSION_LIVE)
        return false;
    if (worker->talk.sessions[slot].sized && tw_transport_rest(transport))
        return acknowledge(worker, slot);
    return serve_all(worker, slot);
}

static void look(struct tw_worker *worker, uint32_t slot)
{
    struct tw_talk *talk = &worker->talk;
    if (talk->sessions[slot].listed_at == 0 || worker->now_us < busy_of(talk, slot)->due_us)
        return;
    if (!serve(worker, slot))
        unlist(talk, slot);
}

struct due {
    uint32_t count;
    uint32_t slots[SESSIONS_PER_TURN];
};

static bool waits_for_room(const struct tw_worker *worker, uint32_t slot)
{
    const struct tw_transport *transport = &worker->talk.transports[slot];
    return tw_transport_begun(transport) && tw_transport_peek(transport) != NULL;
}

/* Those for which it is time, each in its turn; or of these only who has something for the shard.
 */
static void take_due(struct tw_worker *worker, struct due *due, bool waiting)
{
    struct tw_talk *talk = &worker->talk;
    uint32_t asked = talk->busy_count < ASKED_PER_TURN ? talk->busy_count : ASKED_PER_TURN;
    due->count = 0;
    for (; asked > 0 && due->count < SESSIONS_PER_TURN; asked--) {
        if (talk->busy_next >= talk->busy_count)
            talk->busy_next = 0;
        const struct tw_talk_busy *busy = &talk->busy[talk->busy_next++];
        if (busy->due_us <= worker->now_us && (!waiting || waits_for_room(worker, busy->slot)))
            due->slots[due->count++] = busy->slot;
    }
}

/* Numbers from..end of them; most are to be acknowledged what they said. */
static void ask_for(struct tw_worker *worker, const struct due *due, uint32_t from, uint32_t end)
{
    for (uint32_t i = from; i < end; i++) {
        uint32_t slot = due->slots[i];
        const struct tw_session_body *body = &worker->sessions.bodies[slot];
        tw_prefetch_early(&worker->talk.sessions[slot]);
        tw_prefetch_early(&worker->sessions.hot[slot]);
        tw_prefetch_early(&worker->talk.transports[slot]);
        tw_prefetch_early(&body->send_sequence);
        tw_prefetch_early(&body->send_key);
    }
}

static uint32_t end_of_batch(const struct due *due, uint32_t from)
{
    return due->count - from < SESSIONS_PER_BATCH ? due->count : from + SESSIONS_PER_BATCH;
}

/* While some are looked at, the lines of the next ones are on their way. */
static void look_at_due(struct tw_worker *worker, bool waiting)
{
    struct due due;
    take_due(worker, &due, waiting);
    uint32_t end = end_of_batch(&due, 0), next_end;
    ask_for(worker, &due, 0, end);
    for (uint32_t from = 0; from < due.count; from = end, end = next_end) {
        next_end = end_of_batch(&due, end);
        for (uint32_t i = from; i < end; i++)
            tw_talk_prefetch_sent(&worker->talk, due.slots[i]);
        ask_for(worker, &due, end, next_end);
        tw_transmit_reserve(worker, end - from);
        for (uint32_t i = from; i < end; i++)
            look(worker, due.slots[i]);
        tw_transmit_unreserve(worker);
    }
}

void tw_talk_pass_on(struct tw_worker *worker)
{
    struct tw_talk *talk = &worker->talk;
    uint32_t count = talk->fresh_count < SESSIONS_PER_TURN ? talk->fresh_count : SESSIONS_PER_TURN;
    for (uint32_t i = 0; i < count; i++) {
        uint32_t slot = talk->fresh[talk->fresh_first];
        talk->fresh_first = (talk->fresh_first + 1u) % talk->sessions_max;
        talk->fresh_count--;
        talk->sessions[slot].fresh = false;
        look(worker, slot);
    }
}

void tw_talk_begin_turn(struct tw_worker *worker)
{
    struct tw_talk *talk = &worker->talk;
    bool lent = tw_lines_taken(talk->lent) > 0;
    for (uint32_t shard = 0; lent && shard < worker->config.shards; shard++) {
        if (worker->config.shard_rings[shard].returned)
            take_returned(worker, worker->config.shard_rings[shard].returned);
    }
    if (!talk->room_short || !talk->returned)
        return;
    talk->room_short = talk->returned = false;
    look_at_due(worker, true);
}

void tw_talk_end_turn(struct tw_worker *worker)
{
    look_at_due(worker, false);
    tw_talk_pass_on(worker);
    tw_relief_turn(worker);
    tw_speech_look(worker);
}
