/* SPDX-License-Identifier: BSD-3-Clause */
#include "tests/load/lab/player.h"

#include "dataplane/engine/clock.h"
#include "dataplane/wire/header.h"
#include "tests/load/lab/datagram.h"
#include "tickwire/assert.h"

#include <rte_ethdev.h>
#include <rte_mbuf.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* So little time before the next packet is due is left to waiting for it. */
#define CLOSE_NS 5000u
/* Sealing in small bursts keeps a due packet waiting for 4 µs at most; at full speed nobody waits.
 */
#define SMALL_BURST    8u
#define NAP_FROM_NS    300000u
#define NAP_REST_NS    150000u /* a sleeper wakes late */
#define NAP_MAX_NS     1000000u
#define RECEIVE_BURSTS 4u /* in one turn: what is due to be sent does not wait longer */

static bool is_verbatim(const struct tw_player *player)
{
    return player->plan->session_count == 0;
}

static uint64_t last_loop(const struct tw_player *player)
{
    return player->options->first_loop + player->options->loops;
}

/* ---- sealing -------------------------------------------------------------------------------- */

/* How far input ticks have to be moved: onto the server's clock where that is known, else on by a
 * capture's length for each loop. */
static int64_t tick_shift(const struct tw_player *player, uint64_t due_ns)
{
    const struct tw_plan *plan = player->plan;
    const struct tw_plan_packet *packet = &plan->packets[player->packet];
    uint64_t hz = plan->tick_hz;
    uint64_t recorded =
        TW_LAB_START_S * hz + packet->at_ns / 1000u * hz / 1000000u; /* server's, then */
    uint64_t now = player->ahead
                       ? 0
                       : tw_replies_tick(player->replies, player->start_ns + due_ns, plan->tick_hz);
    if (now != 0)
        return (int64_t)(now - recorded);
    return (int64_t)(player->loop * (plan->duration_ns / 1000u * hz / 1000000u));
}

static void write_frame(struct tw_player *player, uint64_t due_ns, uint8_t *out)
{
    const struct tw_plan_packet *packet = &player->plan->packets[player->packet];
    if (is_verbatim(player)) {
        memcpy(out, packet->frame, packet->length);
        return;
    }
    const struct tw_reply_session *session = &player->replies->sessions[packet->session];
    struct tw_plan_stamp stamp = {
        .sequence = tw_plan_sequence(player->plan, player->loop, player->packet),
        .tick_shift = tick_shift(player, due_ns),
        .snapshot_newest = session->snapshot_newest,
        .snapshot_bitmap = session->snapshot_bitmap,
        .ack_largest = session->received.newest,
        .ack_bitmap = tw_replay_bitmap(&session->received),
    };
    tw_plan_stamp(player->plan, player->packet, &stamp, out);
}

static void advance(struct tw_player *player)
{
    if (++player->packet < player->plan->packet_count)
        return;
    player->packet = 0;
    player->loop++;
}

static uint64_t due_ns_of_next(const struct tw_player *player)
{
    return tw_plan_due_ns(player->plan, player->loop - player->options->first_loop, player->packet,
                          player->options->speed_permille);
}

/* frames[count], stamped: sealed and finished in place. */
static void seal(const struct tw_player *player, const uint64_t *packets, uint8_t *const *frames,
                 uint32_t count)
{
    struct tw_aead_job jobs[TW_PLAYER_BURST];
    for (uint32_t i = 0; i < count; i++)
        jobs[i] = tw_plan_seal_job(player->plan, packets[i], frames[i]);
    player->aead->seal(jobs, count);
    for (uint32_t i = 0; i < count; i++)
        tw_lab_datagram_finish(frames[i], player->plan->packets[packets[i]].length);
}

static void seal_ahead(struct tw_player *player)
{
    uint64_t begun_ns = tw_clock_now_ns();
    uint64_t packets[TW_PLAYER_BURST];
    uint8_t *frames[TW_PLAYER_BURST];
    uint32_t count = 0;
    while (player->loop < last_loop(player)) {
        packets[count] = player->packet;
        frames[count] = player->ahead + player->ahead_at;
        write_frame(player, 0, frames[count]);
        player->ahead_at += player->plan->packets[player->packet].length;
        advance(player);
        if (++count < TW_PLAYER_BURST && player->loop < last_loop(player))
            continue;
        seal(player, packets, frames, count);
        count = 0;
    }
    TW_ASSERT(player->ahead_at == player->ahead_size);
    player->ahead_at = 0;
    player->loop = player->options->first_loop;
    player->ahead_seconds = (double)(tw_clock_now_ns() - begun_ns) / 1e9;
}

bool tw_player_init(struct tw_player *player)
{
    player->loop = player->options->first_loop;
    player->packet = 0;
    if (!player->options->ahead || is_verbatim(player))
        return true;
    if (__builtin_mul_overflow(player->plan->bytes, player->options->loops, &player->ahead_size) ||
        (player->ahead = malloc(player->ahead_size)) == NULL) {
        fputs("tickwire-load replay: no memory to seal all loops ahead: fewer --loops\n", stderr);
        return false;
    }
    seal_ahead(player);
    return true;
}

void tw_player_fini(struct tw_player *player)
{
    free(player->ahead);
    player->ahead = NULL;
}

/* ---- preparing ------------------------------------------------------------------------------ */

/* Fills up to `wanted` buffers with the packets that come next. */
static void prepare(struct tw_player *player, uint32_t wanted)
{
    uint64_t packets[TW_PLAYER_BURST];
    uint8_t *frames[TW_PLAYER_BURST];
    uint32_t count = 0;
    while (count < wanted && player->queue_count < TW_PLAYER_QUEUE &&
           player->loop < last_loop(player)) {
        const struct tw_plan_packet *packet = &player->plan->packets[player->packet];
        struct rte_mbuf *mbuf = rte_pktmbuf_alloc(player->port->pool);
        if (!mbuf) {
            player->no_buffer++;
            break;
        }
        struct tw_player_queued *queued =
            &player->queue[(player->queue_first + player->queue_count++) % TW_PLAYER_QUEUE];
        *queued = (struct tw_player_queued){
            .mbuf = mbuf,
            .due_ns = due_ns_of_next(player),
            .session = packet->session,
            .sequence = is_verbatim(player)
                            ? 0
                            : tw_plan_sequence(player->plan, player->loop, player->packet),
        };
        packets[count] = player->packet;
        frames[count] = (uint8_t *)rte_pktmbuf_append(mbuf, packet->length);
        if (player->ahead) {
            memcpy(frames[count], player->ahead + player->ahead_at, packet->length);
            player->ahead_at += packet->length;
        } else {
            write_frame(player, queued->due_ns, frames[count]);
        }
        count++;
        advance(player);
    }
    if (count > 0 && !player->ahead && !is_verbatim(player))
        seal(player, packets, frames, count);
}

/* ---- sending -------------------------------------------------------------------------------- */

static void note_sent(struct tw_player *player, uint32_t count, const uint32_t *lengths,
                      uint64_t now_ns)
{
    for (uint32_t i = 0; i < count; i++) {
        const struct tw_player_queued *queued = &player->queue[player->queue_first];
        if (!is_verbatim(player))
            tw_replies_sent(player->replies, queued->session, queued->sequence, now_ns);
        if (player->options->speed_permille != 0)
            tw_timing_note(&player->timing, queued->due_ns, now_ns - player->start_ns);
        player->sent_bytes += lengths[i];
        player->queue_first = (player->queue_first + 1u) % TW_PLAYER_QUEUE;
    }
    player->queue_count -= count;
    player->sent += count;
    if (count > 0)
        player->end_ns = now_ns;
}

/* The next in the queue, for which the port had no room. */
static void lose(struct tw_player *player, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++) {
        rte_pktmbuf_free(player->queue[player->queue_first].mbuf);
        player->queue_first = (player->queue_first + 1u) % TW_PLAYER_QUEUE;
    }
    player->queue_count -= count;
    player->lost += count;
}

static void send_due(struct tw_player *player, uint64_t now_ns)
{
    struct rte_mbuf *mbufs[TW_PLAYER_BURST];
    uint32_t lengths[TW_PLAYER_BURST];
    uint16_t count = 0;
    while (count < TW_PLAYER_BURST && count < player->queue_count) {
        const struct tw_player_queued *queued =
            &player->queue[(player->queue_first + count) % TW_PLAYER_QUEUE];
        if (player->start_ns + queued->due_ns > now_ns)
            break;
        mbufs[count] = queued->mbuf;
        lengths[count] = queued->mbuf->pkt_len; /* the port takes the buffer */
        if (player->flooder)
            tw_flood_offer(&player->flooder->flood, count,
                           rte_pktmbuf_mtod(queued->mbuf, const uint8_t *), lengths[count]);
        count++;
    }
    if (count == 0)
        return;
    uint16_t sent = rte_eth_tx_burst(player->port->id, 0, mbufs, count);
    player->port_full += sent < count;
    if (player->flooder)
        tw_flood_sent(&player->flooder->flood, sent);
    note_sent(player, sent, lengths, tw_clock_now_ns());
    if (player->options->overflow)
        lose(player, (uint32_t)count - sent);
}

/* ---- receiving ------------------------------------------------------------------------------ */

/* The session that the frame is for, or TW_PLAN_NO_SESSION; and its packet as a job to open. */
static uint32_t session_of(const struct tw_player *player, uint8_t *frame, uint32_t length,
                           struct tw_aead_job *job)
{
    uint32_t payload = tw_lab_datagram_read(frame, length);
    if (payload == 0 || length < payload + TW_PACKET_MIN)
        return TW_PLAN_NO_SESSION;
    uint32_t session = tw_plan_find(player->plan, tw_load_u32(frame + payload));
    if (session != TW_PLAN_NO_SESSION)
        *job = (struct tw_aead_job){.key = &player->plan->sessions[session].open_key,
                                    .packet = frame + payload,
                                    .length = length - payload};
    return session;
}

static void take_reply(struct tw_player *player, uint32_t session, const struct tw_aead_job *job,
                       uint64_t now_ns)
{
    struct tw_server_frames frames;
    struct tw_replay *window = &player->replies->sessions[session].received;
    uint64_t sequence = tw_load_u64(job->packet + TW_HEADER_SEQUENCE);
    if (!job->ok)
        player->forged++;
    else if (tw_replay_commit(window, sequence) != TW_REPLAY_FRESH)
        player->repeated++;
    else if (tw_server_frames_decode(&frames, job->packet + TW_HEADER_SIZE,
                                     job->length - TW_PACKET_MIN) != TW_FRAMES_OK)
        player->malformed++;
    else {
        player->opened++;
        tw_replies_received(player->replies, session, &frames, now_ns);
    }
}

static uint32_t receive(struct tw_player *player)
{
    struct rte_mbuf *mbufs[TW_PLAYER_BURST];
    struct tw_aead_job jobs[TW_PLAYER_BURST];
    uint32_t sessions[TW_PLAYER_BURST];
    uint32_t count = 0;
    /* Each queue in its turn. */
    player->next_queue = (uint16_t)((player->next_queue + 1u) % player->port->queues);
    uint16_t received =
        rte_eth_rx_burst(player->port->id, player->next_queue, mbufs, TW_PLAYER_BURST);
    if (received == 0)
        return 0;
    uint64_t now_ns = tw_clock_now_ns();
    player->received += received;
    for (uint16_t i = 0; i < received; i++) {
        uint8_t *frame = rte_pktmbuf_mtod(mbufs[i], uint8_t *);
        uint32_t length = mbufs[i]->data_len;
        if (tw_replay_port_neighbour(player->port, player->plan, frame, length))
            continue;
        uint32_t session = session_of(player, frame, length, &jobs[count]);
        if (session == TW_PLAN_NO_SESSION) {
            player->foreign++;
            player->foreign_bytes += length;
            continue;
        }
        sessions[count++] = session;
    }
    if (count > 0)
        player->aead->open(jobs, count);
    for (uint32_t i = 0; i < count; i++)
        take_reply(player, sessions[i], &jobs[i], now_ns);
    rte_pktmbuf_free_bulk(mbufs, received);
    return received;
}

/* ---- the loop ------------------------------------------------------------------------------- */

static bool is_finished(const struct tw_player *player)
{
    return player->loop >= last_loop(player) && player->queue_count == 0;
}

static void nap(const struct tw_player *player, uint64_t now_ns)
{
    uint64_t due_ns = player->queue_count > 0
                          ? player->start_ns + player->queue[player->queue_first].due_ns
                          : now_ns + NAP_MAX_NS;
    if (player->flooder && tw_flooder_due_ns(player->flooder) < due_ns)
        due_ns = tw_flooder_due_ns(player->flooder);
    if (due_ns < now_ns + NAP_FROM_NS)
        return;
    uint64_t sleep_ns = due_ns - now_ns - NAP_REST_NS;
    tw_clock_sleep_until_ns(now_ns + (sleep_ns < NAP_MAX_NS ? sleep_ns : NAP_MAX_NS));
}

/* Honest and hostile packets that are due: now these first, now those. */
static void send_both(struct tw_player *player, uint64_t now_ns)
{
    if (player->flooder && player->flood_first)
        tw_flooder_turn(player->flooder, now_ns);
    send_due(player, now_ns);
    if (player->flooder && !player->flood_first)
        tw_flooder_turn(player->flooder, now_ns);
    player->flood_first = !player->flood_first;
}

/* Answers to a flood must not wait until the port has no room for those to honest clients. */
static uint32_t receive_all(struct tw_player *player)
{
    uint32_t total = 0;
    for (uint32_t i = 0; i < RECEIVE_BURSTS; i++) {
        uint32_t received = receive(player);
        total += received;
        if (received < TW_PLAYER_BURST)
            break;
    }
    return total;
}

static void turn(struct tw_player *player)
{
    uint64_t now_ns = tw_clock_now_ns();
    send_both(player, now_ns);
    bool time_left =
        player->queue_count == 0 || player->options->speed_permille == 0 ||
        player->start_ns + player->queue[player->queue_first].due_ns > now_ns + CLOSE_NS;
    if (time_left)
        prepare(player, player->options->speed_permille == 0 ? TW_PLAYER_BURST : SMALL_BURST);
    uint32_t received = receive_all(player);
    if (player->options->nap && received == 0)
        nap(player, tw_clock_now_ns());
}

static void drain(struct tw_player *player, uint64_t until_ns, const volatile sig_atomic_t *stop)
{
    while (tw_clock_now_ns() < until_ns && !*stop) {
        if (receive(player) == 0 && player->options->nap)
            tw_clock_sleep_until_ns(tw_clock_now_ns() + NAP_MAX_NS);
    }
}

bool tw_player_run(struct tw_player *player, const volatile sig_atomic_t *stop)
{
    uint64_t drain_ns = player->options->drain_ms * TW_MILLISECOND_NS;
    tw_replay_port_announce(player->port, player->plan);
    /* Its answers, and a queue that is full when the first packet is due. */
    drain(player, tw_clock_now_ns() + 20 * TW_MILLISECOND_NS, stop);
    for (uint32_t i = 0; i < TW_PLAYER_QUEUE; i += TW_PLAYER_BURST)
        prepare(player, TW_PLAYER_BURST);
    player->start_ns = tw_clock_now_ns() + TW_MILLISECOND_NS;
    player->end_ns = player->start_ns;
    if (player->flooder)
        tw_flooder_start(player->flooder, player->start_ns);
    while (!is_finished(player) && !*stop)
        turn(player);
    if (player->flooder)
        tw_flooder_stop(player->flooder, tw_clock_now_ns());
    drain(player, tw_clock_now_ns() + drain_ns, stop);
    bool finished = is_finished(player);
    while (player->queue_count > 0) {
        rte_pktmbuf_free(player->queue[player->queue_first].mbuf);
        player->queue_first = (player->queue_first + 1u) % TW_PLAYER_QUEUE;
        player->queue_count--;
    }
    return finished;
}
