/* SPDX-License-Identifier: BSD-3-Clause */
#include "dataplane/gate/ring.h"
#include "dataplane/gate/worker_state.h"

#include "tickwire/assert.h"
#include "tickwire/prefetch.h"

#include <rte_mbuf.h>
#include <rte_ring.h>
#include <rte_ring_elem.h>
#include <rte_ring_peek_zc.h>

/* As many as are sealed together: what they touch fits the first cache. */
#define BUFFERS_PER_BURST TW_SEAL_BATCH
/* Per shard and turn: 512 snapshots take well under a millisecond, then the port is polled. */
#define BURSTS_PER_TURN 16u

static void write_pong(struct tw_worker *worker, struct tw_session *session,
                       const struct tw_session_body *body, struct tw_writer *writer)
{
    struct tw_frame_pong pong = {
        .echo_us = body->ping_time_us,
        .received_us = body->ping_received_us,
        .sent_us = tw_worker_server_time_us(worker),
    };
    tw_frame_write_pong(writer, &pong);
    session->due &= (uint8_t)~TW_DUE_PONG;
}

/* Appends our own frames where there is room and hands the packet to the seal batch. */
static bool finish_and_send(struct tw_worker *worker, uint32_t slot, struct rte_mbuf *mbuf,
                            uint16_t length)
{
    struct tw_session *session = &worker->sessions.hot[slot];
    const struct tw_session_body *body = &worker->sessions.bodies[slot];
    uint8_t *bytes = rte_pktmbuf_mtod(mbuf, uint8_t *);
    uint32_t limit = tw_talk_plaintext_max(&worker->talk, slot);
    /* A snapshot written before the path turned out to take less goes as it is. */
    struct tw_writer writer = tw_writer_make(bytes + length, limit > length ? limit - length : 0);
    if ((session->due & TW_DUE_PONG) != 0 && tw_writer_left(&writer) >= TW_PONG_FRAME_SIZE)
        write_pong(worker, session, body, &writer);
    tw_talk_write(worker, slot, &writer);
    TW_ASSERT(!writer.failed);
    mbuf->data_len = (uint16_t)(writer.next - bytes);
    mbuf->pkt_len = mbuf->data_len;
    if (mbuf->data_len == 0) {
        rte_pktmbuf_free(mbuf);
        return false;
    }
    return tw_transmit_sealed(worker, slot, mbuf);
}

bool tw_outward_packet(struct tw_worker *worker, uint32_t slot)
{
    if (!tw_outward_numbers_left(worker, slot))
        return false;
    struct rte_mbuf *mbuf = tw_transmit_buffer(worker);
    return mbuf && finish_and_send(worker, slot, mbuf, 0);
}

void tw_outward_probe(struct tw_worker *worker, uint32_t slot)
{
    struct tw_transport *transport = &worker->talk.transports[slot];
    if (tw_pmtu_wants(&transport->pmtu, worker->now_us) == 0 ||
        !tw_outward_numbers_left(worker, slot))
        return;
    struct rte_mbuf *mbuf = tw_transmit_buffer(worker);
    if (!mbuf)
        return;
    uint8_t *bytes = rte_pktmbuf_mtod(mbuf, uint8_t *);
    struct tw_writer writer = tw_writer_make(bytes, TW_PLAINTEXT_MAX);
    bool wrote = tw_transport_write_probe(transport, &writer, worker->now_us);
    TW_ASSERT(wrote);
    mbuf->data_len = (uint16_t)(writer.next - bytes);
    mbuf->pkt_len = mbuf->data_len;
    tw_transmit_sealed(worker, slot, mbuf);
}

bool tw_outward_numbers_left(struct tw_worker *worker, uint32_t slot)
{
    if (worker->sessions.bodies[slot].send_sequence < TW_SEALED_MAX - TW_SESSION_CLOSE_NUMBERS)
        return true;
    tw_owed_close(worker, slot, TW_CLOSE_EXHAUSTED, true);
    return false;
}

static struct tw_session *session_of(struct tw_worker *worker, const struct tw_out_buffer *buffer)
{
    if (buffer->slot >= worker->sessions.capacity)
        return NULL;
    struct tw_session *session = &worker->sessions.hot[buffer->slot];
    bool current = session->state == TW_SESSION_LIVE && session->route_epoch == buffer->route_epoch;
    return current ? session : NULL;
}

/* The buffer is for this install of its slot, in that state. */
static bool is_for(const struct tw_worker *worker, const struct tw_out_buffer *buffer,
                   enum tw_session_state state)
{
    if (buffer->slot >= worker->sessions.capacity)
        return false;
    const struct tw_session *session = &worker->sessions.hot[buffer->slot];
    return session->state == state && session->route_epoch == buffer->route_epoch;
}

static void take_buffer(struct tw_worker *worker, uint32_t shard,
                        const struct tw_out_buffer *buffer)
{
    struct rte_mbuf *mbuf = buffer->owner;
    if (buffer->kind == TW_OUT_MESSAGE) {
        tw_delivery_take(worker, shard, buffer);
        return;
    }
    /* Whoever gave us the session wrote it into its ring before the shard could know of us. */
    if (is_for(worker, buffer, TW_SESSION_RESERVED))
        tw_move_take_turn(worker);
    const struct tw_session *session = session_of(worker, buffer);
    TW_ASSERT(mbuf && buffer->bytes == rte_pktmbuf_mtod(mbuf, uint8_t *));
    if (buffer->kind == TW_OUT_SNAPSHOT) {
        TW_ASSERT(buffer->length > 0 && buffer->length <= TW_SHARD_CAPACITY);
        if (session && tw_outward_numbers_left(worker, buffer->slot)) {
            if (finish_and_send(worker, buffer->slot, mbuf, buffer->length))
                tw_counter_add(&worker->config.counters->snapshots, 1);
            return;
        }
        tw_counter_add(&worker->config.counters->sends[TW_SEND_SESSION_GONE], 1);
    } else if (buffer->kind == TW_OUT_CLOSE && session) {
        tw_owed_close(worker, buffer->slot, buffer->reason, true);
    } else if (buffer->kind == TW_OUT_CLOSE && is_for(worker, buffer, TW_SESSION_MOVED)) {
        tw_move_close(worker, buffer->slot, buffer->reason);
    } else if (buffer->kind == TW_OUT_HELD) {
        tw_delivery_held(worker, buffer);
    }
    rte_pktmbuf_free(mbuf);
}

/*
 * Bursts of buffers overlap: while one is sealed, the lines of the next one are on their way, into
 * the second cache, which holds both.
 *
 *   take, ask ──► ask for more ──► write ──► seal ──► frame
 *                   take, ask (next) ┘
 */
struct outgoing {
    uint32_t count;
    struct tw_out_buffer buffers[BUFFERS_PER_BURST];
};

static const struct tw_out_buffer *cell(const struct rte_ring_zc_data *cells, uint32_t i)
{
    const struct tw_out_buffer *first = cells->ptr1, *second = cells->ptr2;
    return i < cells->n1 ? &first[i] : &second[i - cells->n1];
}

/* How many of these `count` go now: what is no snapshot and stands in front waits for nothing. */
static uint32_t how_many(struct tw_worker *worker, uint32_t shard,
                         const struct rte_ring_zc_data *cells, uint32_t count)
{
    struct tw_pacer *pacer = &worker->pacers[shard];
    uint32_t passing = 0, late = 0;
    while (passing < count && cell(cells, passing)->kind != TW_OUT_SNAPSHOT)
        passing++;
    if (passing > 0) {
        tw_pacer_pass(pacer, passing);
        return passing;
    }
    uint32_t may = tw_pacer_may(pacer, worker->now_ns);
    if (count > may)
        count = may;
    uint32_t old = tw_pacer_take(pacer, count);
    for (uint32_t i = 0; i < old; i++)
        late += cell(cells, i)->kind == TW_OUT_SNAPSHOT;
    if (late > 0)
        tw_counter_add(&worker->config.counters->snapshots_late, late);
    return count;
}

/* In whole words: the ring's own copy moves four bytes at a time, which whoever reads eight of them
 * waits for. What stays is looked at again where it is. */
static uint32_t copy_from_ring(struct tw_worker *worker, uint32_t shard,
                               struct tw_out_buffer *buffers)
{
    struct rte_ring *full = worker->config.shard_rings[shard].full;
    struct rte_ring_zc_data cells = {0};
    uint32_t count = worker->pacers[shard].waiting; /* others came since: the next turn's */
    if (count == 0)
        return 0;
    count = count < BUFFERS_PER_BURST ? count : BUFFERS_PER_BURST;
    count = rte_ring_dequeue_zc_burst_elem_start(full, sizeof(buffers[0]), count, &cells, NULL);
    count = how_many(worker, shard, &cells, count);
    uint32_t first = count < cells.n1 ? count : cells.n1;
    memcpy(buffers, cells.ptr1, first * sizeof(buffers[0]));
    if (count > first)
        memcpy(buffers + first, cells.ptr2, (count - first) * sizeof(buffers[0]));
    rte_ring_dequeue_zc_elem_finish(full, count);
    return count;
}

/* What sending touches of a session, but for the rest of the key, which is the back end's to load;
 * and of the buffer, which a shard filled on another core: note and bytes, with room for what is
 * added at both ends. */
static void ask_for(const struct tw_worker *worker, const struct tw_out_buffer *buffer)
{
    tw_prefetch_early(buffer->owner);
    if (buffer->slot < worker->sessions.capacity) {
        const struct tw_session_body *body = &worker->sessions.bodies[buffer->slot];
        tw_prefetch_early(&worker->sessions.hot[buffer->slot]);
        tw_prefetch_early(&worker->talk.transports[buffer->slot]);
        tw_prefetch_early(&body->send_sequence);
        tw_prefetch_early(&body->send_key);
    }
    const uint8_t *end = buffer->bytes + buffer->length + TW_ACK_FRAME_SIZE + TW_TAG_SIZE;
    for (const uint8_t *at = buffer->bytes - TW_FRAME_HEADERS_SIZE - TW_HEADER_SIZE; at < end;
         at += 64)
        tw_prefetch_early(at);
}

static void take_next(struct tw_worker *worker, uint32_t shard, struct outgoing *next)
{
    next->count = copy_from_ring(worker, shard, next->buffers);
    for (uint32_t i = 0; i < next->count; i++)
        ask_for(worker, &next->buffers[i]);
    tw_stage_end(&worker->stage_cycles, TW_STAGE_TAKE);
}

/* What those lines name: where the packets will be noted, and the rest of the first keys. The
 * cipher asks for the others itself, a few packets ahead: all of them at once, nine lines each,
 * would make the first packet wait for the last one's. */
static void ask_for_more(struct tw_worker *worker, const struct outgoing *outgoing)
{
    for (uint32_t i = 0; i < outgoing->count; i++) {
        const struct tw_out_buffer *buffer = &outgoing->buffers[i];
        if (buffer->slot >= worker->sessions.capacity)
            continue;
        tw_talk_prefetch_sent(&worker->talk, buffer->slot);
        if (i < TW_AEAD_AHEAD)
            tw_aead_prefetch(worker->config.aead, &worker->sessions.bodies[buffer->slot].send_key,
                             TW_HEADER_SIZE + buffer->length + TW_ACK_FRAME_SIZE);
    }
    tw_stage_end(&worker->stage_cycles, TW_STAGE_LOAD);
}

static void write_out(struct tw_worker *worker, uint32_t shard, const struct outgoing *outgoing)
{
    for (uint32_t i = 0; i < outgoing->count; i++)
        take_buffer(worker, shard, &outgoing->buffers[i]);
    tw_stage_end(&worker->stage_cycles, TW_STAGE_WRITE);
}

static void take_shard(struct tw_worker *worker, uint32_t shard)
{
    struct outgoing bursts[2];
    struct outgoing *now = &bursts[0], *next = &bursts[1];
    tw_stage_begin(&worker->stage_cycles);
    tw_pacer_see(&worker->pacers[shard], &worker->pacer_rules,
                 tw_ring_used(worker->config.shard_rings[shard].full), worker->now_ns);
    take_next(worker, shard, now);
    for (uint32_t burst = 0; now->count > 0; burst++) {
        ask_for_more(worker, now);
        write_out(worker, shard, now);
        next->count = 0;
        if (burst + 1u < BURSTS_PER_TURN)
            take_next(worker, shard, next);
        tw_transmit_seal(worker);
        tw_stage_end(&worker->stage_cycles, TW_STAGE_SEAL);
        tw_transmit_frames(worker);
        tw_stage_end(&worker->stage_cycles, TW_STAGE_FRAME);
        struct outgoing *done = now;
        now = next;
        next = done;
    }
}

void tw_outward_owe_pong(struct tw_worker *worker, uint32_t slot)
{
    struct tw_session *session = &worker->sessions.hot[slot];
    /* Sessions that ended in this turn stand in the list, and may have left their slots to others
     * that do: the next ping is answered. */
    if (worker->pong_count == worker->sessions.capacity) {
        session->due &= (uint8_t)~TW_DUE_PONG;
        return;
    }
    session->due |= TW_DUE_PONG;
    worker->pongs[worker->pong_count++] = slot;
}

/* Pings that no snapshot of this turn answered along the way. */
static void send_pongs(struct tw_worker *worker)
{
    for (uint32_t i = 0; i < worker->pong_count; i++) {
        uint32_t slot = worker->pongs[i];
        struct tw_session *session = &worker->sessions.hot[slot];
        if (session->state != TW_SESSION_LIVE || (session->due & TW_DUE_PONG) == 0 ||
            !tw_outward_numbers_left(worker, slot))
            continue;
        struct rte_mbuf *mbuf = tw_transmit_buffer(worker);
        if (mbuf)
            finish_and_send(worker, slot, mbuf, 0);
        else
            session->due &= (uint8_t)~TW_DUE_PONG; /* lost: the next ping is listed again */
    }
    worker->pong_count = 0;
}

void tw_outward_turn(struct tw_worker *worker)
{
    for (uint32_t shard = 0; shard < worker->config.shards; shard++)
        take_shard(worker, shard);
    /* Behind the snapshots of this turn, which are for what was said before. */
    tw_delivery_turn(worker);
    send_pongs(worker);
}

void tw_outward_close_frame(struct tw_worker *worker, uint32_t slot)
{
    struct rte_mbuf *mbuf = tw_transmit_buffer(worker);
    if (!mbuf)
        return;
    struct tw_writer writer = tw_writer_make(rte_pktmbuf_mtod(mbuf, uint8_t *), TW_PLAINTEXT_MAX);
    tw_frame_write_close(&writer, worker->sessions.hot[slot].close_reason);
    mbuf->data_len = (uint16_t)(writer.next - rte_pktmbuf_mtod(mbuf, uint8_t *));
    mbuf->pkt_len = mbuf->data_len;
    tw_transmit_sealed(worker, slot, mbuf);
}

void tw_outward_notice(struct tw_worker *worker, uint32_t slot)
{
    const struct tw_conduct *conduct = &worker->sessions.bodies[slot].conduct;
    uint32_t score = tw_conduct_score(conduct, &worker->conduct, worker->now_ns);
    struct tw_frame_notice notice = {.stage = conduct->stage,
                                     .kind = conduct->kind,
                                     .score = (uint16_t)(score < UINT16_MAX ? score : UINT16_MAX)};
    struct rte_mbuf *mbuf =
        tw_outward_numbers_left(worker, slot) ? tw_transmit_buffer(worker) : NULL;
    if (!mbuf)
        return;
    struct tw_writer writer = tw_writer_make(rte_pktmbuf_mtod(mbuf, uint8_t *), TW_PLAINTEXT_MAX);
    tw_frame_write_notice(&writer, &notice);
    mbuf->data_len = (uint16_t)(writer.next - rte_pktmbuf_mtod(mbuf, uint8_t *));
    mbuf->pkt_len = mbuf->data_len;
    (void)tw_transmit_sealed(worker, slot, mbuf);
}

/* `count` empty ones. False, and none, if there are not so many. */
static bool take_empty(struct tw_worker *worker, struct tw_out_buffer *buffers, unsigned int count)
{
    struct rte_mbuf *mbufs[BUFFERS_PER_BURST];
    TW_ASSERT(count <= BUFFERS_PER_BURST);
    if (!tw_transmit_buffers(worker, mbufs, count))
        return false;
    for (unsigned int i = 0; i < count; i++)
        buffers[i] = (struct tw_out_buffer){
            .bytes = rte_pktmbuf_mtod(mbufs[i], uint8_t *),
            .owner = mbufs[i],
            .capacity = TW_SHARD_CAPACITY,
            .kind = TW_OUT_UNUSED,
        };
    return true;
}

/* Into a ring that has room. */
static void put_empty(struct rte_ring *ring, const struct tw_out_buffer *buffers,
                      unsigned int count)
{
    unsigned int put =
        rte_ring_sp_enqueue_bulk_elem(ring, buffers, sizeof(buffers[0]), count, NULL);
    TW_ASSERT(put == count);
}

static void refill_ring(struct tw_worker *worker, struct rte_ring *empty)
{
    struct tw_out_buffer buffers[BUFFERS_PER_BURST];
    for (;;) {
        unsigned int room = tw_ring_room(empty);
        unsigned int count = room < BUFFERS_PER_BURST ? room : BUFFERS_PER_BURST;
        if (count == 0 || !take_empty(worker, buffers, count))
            return;
        put_empty(empty, buffers, count);
    }
}

/* Its ring has room for all that there are. Each tells of which channel one came back. */
static void refill_messages(struct tw_worker *worker, uint32_t shard)
{
    struct tw_out_buffer buffers[BUFFERS_PER_BURST];
    struct rte_ring *ring = worker->config.shard_rings[shard].message_buffers;
    uint32_t count;
    while (ring && (count = tw_delivery_missing(worker, shard)) > 0) {
        count = count < BUFFERS_PER_BURST ? count : BUFFERS_PER_BURST;
        if (!take_empty(worker, buffers, count))
            return;
        for (uint32_t i = 0; i < count; i++)
            buffers[i].instead = tw_delivery_give(&worker->talk.delivery, shard);
        put_empty(ring, buffers, count);
    }
}

void tw_outward_refill(struct tw_worker *worker)
{
    tw_stage_begin(&worker->stage_cycles);
    for (uint32_t shard = 0; shard < worker->config.shards; shard++) {
        refill_ring(worker, worker->config.shard_rings[shard].empty);
        refill_messages(worker, shard);
    }
    tw_stage_end(&worker->stage_cycles, TW_STAGE_REFILL);
}
