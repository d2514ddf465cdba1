/* SPDX-License-Identifier: BSD-3-Clause */
#include "tests/bench/gate_rig.h"

#include "dataplane/gate/mailbox.h"
#include "dataplane/gate/path.h"
#include "dataplane/gate/received.h"
#include "dataplane/gate/worker_state.h"
#include "dataplane/wire/header.h"
#include "dataplane/wire/keys.h"
#include "tests/bench/gate_fail.h"
#include "tests/bench/gate_join.h"
#include "tests/bench/measure.h"
#include "tickwire/message.h"
#include "tickwire/shard.h"

#include <rte_cycles.h>
#include <rte_ethdev.h>
#include <rte_malloc.h>
#include <rte_mbuf.h>
#include <rte_ring.h>
#include <rte_ring_elem.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Depths as tw_topology_build gives them for one worker, one shard and
 * 10,000 sessions; all session counts are measured with them. */
#define RECORDS_DEPTH  131072u
#define EMPTY_DEPTH    8192u
#define FULL_DEPTH     16384u
#define EVENTS_DEPTH   1024u
#define COMMANDS_DEPTH 1024u
#define RETURNED_DEPTH 256u
/* Five bursts: all of them may have a message, and of one channel 162 are lent at a time. */
#define TALK_TURN_PACKETS (5u * TW_BURST_MAX)
static_assert(TALK_TURN_PACKETS <= TW_LINES_MOST(TW_TALK_LENT_MAX, TW_CHANNEL_ORDERED),
              "none of them waits for others");
/* Up to so many clients may all talk at once: each has a message of one block on its way
 * in, for which a quarter of the memory is there, and that is 65,535 KB at most. */
#define TALKERS_MAX 10000u
#define TALKER_KB   6u

/* Clients aim this far ahead of the server's tick. */
#define TICK_LEAD 2u
#define BURST     64u
/* Within so many turns the worker has looked at every session several times. */
#define SETTLE_TURNS     4096u
#define WINDOW_WORD_BITS 64u

/* Room for a frame made ahead: an input packet's is 136 bytes; a long one takes as many as eight.
 */
#define AHEAD_SHORT 192u
#define AHEAD_LONG  (AHEAD_SHORT * GATE_ROUNDS_MAX)
static_assert(AHEAD_LONG >= GATE_FRAME_MAX, "a round of the longest frames fits");

static const uint8_t server_mac[6] = {2, 0, 0, 0, 0, 1};
static const uint8_t gateway_mac[6] = {2, 0, 0, 0, 0, 0xfe};
/* Frames made ahead, shared by all rigs. */
static struct {
    uint8_t bytes[GATE_ROUNDS_MAX * GATE_ROUND][AHEAD_SHORT] __attribute__((aligned(64)));
    uint16_t lengths[GATE_ROUNDS_MAX * GATE_ROUND];
} ahead;

/* ---- the worker's surroundings -----------------------------------------------------------------
 */

/* Cycles of one turn, `advance_ns` after the last one. */
uint64_t gate_rig_turn(struct gate_rig *rig, uint64_t advance_ns)
{
    rig->now_ns += advance_ns;
    uint64_t start = rte_rdtsc_precise();
    tw_worker_turn(rig->worker, rig->now_ns);
    uint64_t cycles = rte_rdtsc_precise() - start;
    rig->cycles += cycles;
    return cycles;
}

void gate_rig_command(struct gate_rig *rig, const struct tw_worker_command *command)
{
    struct tw_worker_command copy = *command;
    GATE_CHECK(rte_ring_sp_enqueue_elem(rig->worker_config.commands, &copy, sizeof(copy)) == 0,
               "the command ring is full");
}

static void give_back(struct gate_rig *rig, struct tw_message *message)
{
    GATE_CHECK(rte_ring_sp_enqueue_elem(rig->worker_config.shard_rings[0].returned, &message,
                                        sizeof(message)) == 0,
               "the ring of returned messages is full");
}

/* The shard's part: it reads its records, and messages are the worker's again. */
static void return_messages(struct gate_rig *rig)
{
    struct rte_ring *records = rig->worker_config.shard_rings[0].records;
    struct tw_record record;
    while (rte_ring_sc_dequeue_elem(records, &record, sizeof(record)) == 0)
        if (record.type == TW_RECORD_MESSAGE)
            give_back(rig, record.message.message);
}

void gate_rig_discard_records(struct gate_rig *rig)
{
    gate_ring_discard(rig->worker_config.shard_rings[0].records, sizeof(struct tw_record));
    gate_ring_discard(rig->worker_config.events, sizeof(struct tw_worker_event));
}

uint32_t gate_rig_take_sent(struct gate_rig *rig, struct rte_mbuf **mbufs, uint32_t count)
{
    return rte_ring_sc_dequeue_burst(rig->port->from_worker, (void **)mbufs, count, NULL);
}

static void discard_sent(struct gate_rig *rig)
{
    struct rte_mbuf *mbufs[BURST];
    for (uint32_t count = gate_rig_take_sent(rig, mbufs, BURST); count > 0;
         count = gate_rig_take_sent(rig, mbufs, BURST))
        rte_pktmbuf_free_bulk(mbufs, count);
}

struct rte_mbuf *gate_rig_take_buffer(struct gate_rig *rig)
{
    struct rte_mbuf *mbuf = rte_pktmbuf_alloc(rig->port->rx_pool);
    GATE_CHECK(mbuf, "the pool is empty: the worker lost buffers");
    return mbuf;
}

void gate_rig_inject(struct gate_rig *rig, struct rte_mbuf *mbuf, uint32_t length)
{
    mbuf->data_len = (uint16_t)length;
    mbuf->pkt_len = length;
    GATE_CHECK(rte_ring_sp_enqueue(rig->port->to_worker, mbuf) == 0, "the port's ring is full");
}

void gate_rig_inject_from(struct gate_rig *rig, enum gate_traffic traffic)
{
    struct rte_mbuf *mbuf = gate_rig_take_buffer(rig);
    gate_rig_inject(
        rig, mbuf, gate_crowd_write_frame(&rig->crowd, traffic, rte_pktmbuf_mtod(mbuf, uint8_t *)));
}

/* Time that passes while so many packets come, when each client sends one per tick. */
uint64_t gate_rig_packets_ns(struct gate_rig *rig, uint32_t packets)
{
    uint64_t before_ns = rig->tick_phase * GATE_TICK_NS / rig->crowd.count;
    rig->tick_phase += packets;
    return rig->tick_phase * GATE_TICK_NS / rig->crowd.count - before_ns;
}

uint64_t gate_rig_outcome(const struct gate_rig *rig, enum tw_outcome outcome)
{
    return tw_counter_get(&rig->counters->outcomes[outcome]);
}

/* ---- life --------------------------------------------------------------------------------------
 */

static void make_config(struct gate_rig *rig, uint32_t sessions)
{
    tw_config_defaults(&rig->config);
    struct tw_config_engine *engine = &rig->config.engine;
    struct tw_config_port *port = &rig->config.ports[0];
    port->address = GATE_SERVER_ADDRESS;
    port->prefix_length = 24;
    port->gateway = GATE_GATEWAY_ADDRESS;
    port->udp_port = GATE_SERVER_PORT;
    engine->workers = 1;
    engine->shards = 1;
    /* A quarter more than are taken, as far as a worker's table goes: ids that name nobody. */
    engine->sessions_max = sessions + sessions / 4u;
    if (engine->sessions_max > TW_SESSIONS_PER_WORKER)
        engine->sessions_max = TW_SESSIONS_PER_WORKER;
    if (sessions <= TALKERS_MAX && TALKER_KB * sessions > rig->config.limits.message_memory_kb)
        rig->config.limits.message_memory_kb = TALKER_KB * sessions;
    rig->config.world.tick_hz = GATE_TICK_HZ;
    /* Every budget is asked, none refuses: what is measured is the packets that are let in. The
     * sessions' own budget keeps its default. */
    rig->config.limits.stranger_pps = 100000000;
    rig->config.limits.source_pps = 1000000;
    rig->config.limits.messages_per_s = 1000;
    /* Rows of strangers' packets let no client speak. */
    rig->config.life = (struct tw_config_life){.degraded_ms = UINT32_MAX,
                                               .pause_ms = UINT32_MAX,
                                               .park_ms = UINT32_MAX,
                                               .grace_ms = UINT32_MAX};
    rig->config.limits.malformed_max = UINT32_MAX;
    /* Never, as in a lab: the crowd follows no change of keys, and would be closed for it. */
    rig->config.limits.rekey_s = 0;
    rig->config.conduct.warn_score = 1000000;
    rig->config.conduct.throttle_score = 1000001;
    rig->config.conduct.disconnect_score = 1000002;
    rig->config.conduct.decay_per_s = 1000;
}

static void make_worker(struct gate_rig *rig, const struct gate_ciphers *ciphers)
{
    struct tw_worker_config *config = &rig->worker_config;
    rig->counters = rte_zmalloc("counters", sizeof(*rig->counters), 64);
    GATE_CHECK(rig->counters, "no memory for counters");
    config->workers = 1;
    config->shards = 1;
    config->ports[0].id = rig->port->id;
    memcpy(config->ports[0].mac, server_mac, sizeof(server_mac));
    config->socket = (int)rte_socket_id();
    config->config = &rig->config;
    config->aead = ciphers->aead;
    config->cookie_hash = ciphers->cookie_hash;
    config->tx_pool = rig->port->tx_pool;
    config->shard_rings[0].records =
        gate_ring_make("records", sizeof(struct tw_record), RECORDS_DEPTH);
    config->shard_rings[0].empty =
        gate_ring_make("empty", sizeof(struct tw_out_buffer), EMPTY_DEPTH);
    config->shard_rings[0].full = gate_ring_make("full", sizeof(struct tw_out_buffer), FULL_DEPTH);
    config->shard_rings[0].returned =
        gate_ring_make("returned", sizeof(struct tw_message *), RETURNED_DEPTH);
    config->events = gate_ring_make("events", sizeof(struct tw_worker_event), EVENTS_DEPTH);
    config->commands = gate_ring_make("commands", sizeof(struct tw_worker_command), COMMANDS_DEPTH);
    config->counters = rig->counters;
    config->seed = randombytes_random();
    rig->worker = tw_worker_create(config);
    GATE_CHECK(rig->worker, "no memory for a worker");
}

static void tell_worker(struct gate_rig *rig)
{
    struct tw_worker_command cookie = {.type = TW_COMMAND_COOKIE_KEY, .cookie.slot = 1};
    randombytes_buf(cookie.cookie.key, TW_KEY_SIZE);
    struct tw_worker_command linked = {.type = TW_COMMAND_CONTROL_STATE, .control.linked = 1};
    struct tw_worker_command neighbour = {.type = TW_COMMAND_NEIGHBOUR_SET,
                                          .neighbour.address =
                                              tw_address_from_ipv4(GATE_GATEWAY_ADDRESS, 0)};
    memcpy(neighbour.neighbour.mac, gateway_mac, sizeof(gateway_mac));
    gate_rig_command(rig, &cookie);
    gate_rig_command(rig, &linked);
    gate_rig_command(rig, &neighbour);
    gate_rig_turn(rig, GATE_TICK_NS);
}

void gate_rig_start(struct gate_rig *rig, const struct gate_port *port, uint32_t sessions,
                    enum tw_suite suite, const struct gate_ciphers *ciphers)
{
    memset(rig, 0, sizeof(*rig));
    rig->port = port;
    rig->suite = suite;
    rig->now_ns = UINT64_C(1000000000);
    GATE_CHECK(gate_crowd_init(&rig->crowd, sessions, server_mac), "no memory for clients");
    GATE_CHECK(tw_aead_thread_start(ciphers->aead), "no memory for the cipher");
    make_config(rig, sessions);
    make_worker(rig, ciphers);
    tell_worker(rig);
    gate_join_all(rig);
}

/* Every message that was written has reached the shard, and its client was told, or the run ends.
 */
static void settle_messages(struct gate_rig *rig)
{
    const tw_counter *arrived = &rig->counters->messages_in;
    for (uint32_t i = 0; i < SETTLE_TURNS && rig->worker->talk.busy_count > 0; i++) {
        gate_rig_turn(rig, GATE_TICK_NS / 64);
        return_messages(rig);
        discard_sent(rig);
    }
    GATE_CHECK(tw_counter_get(arrived) == rig->crowd.messages && rig->worker->talk.busy_count == 0,
               "%llu of %llu messages reached the shard, %u sessions have something under way",
               (unsigned long long)tw_counter_get(arrived), (unsigned long long)rig->crowd.messages,
               rig->worker->talk.busy_count);
}

static void free_buffers(struct rte_ring *ring)
{
    struct tw_out_buffer buffer;
    while (rte_ring_sc_dequeue_elem(ring, &buffer, sizeof(buffer)) == 0)
        rte_pktmbuf_free(buffer.owner);
    rte_ring_free(ring);
}

void gate_rig_stop(struct gate_rig *rig)
{
    struct tw_worker_config *config = &rig->worker_config;
    settle_messages(rig);
    tw_worker_destroy(rig->worker);
    tw_aead_thread_end(config->aead);
    free_buffers(config->shard_rings[0].empty);
    free_buffers(config->shard_rings[0].full);
    rte_ring_free(config->shard_rings[0].records);
    rte_ring_free(config->shard_rings[0].returned);
    rte_ring_free(config->events);
    rte_ring_free(config->commands);
    rte_free(rig->counters);
    gate_crowd_fini(&rig->crowd);
}

/* ---- rounds ------------------------------------------------------------------------------------
 */

void gate_rig_begin(struct gate_rig *rig, uint32_t plaintext_size)
{
    settle_messages(rig);
    uint64_t tick = rig->now_ns / GATE_TICK_NS + 1;
    rig->now_ns = tick * GATE_TICK_NS;
    rig->tick_phase = 0;
    rig->has_kept = false;
    gate_crowd_begin(&rig->crowd, (uint32_t)tick + TICK_LEAD, plaintext_size);
}

/* How a packet of this traffic must end. */
static enum tw_outcome outcome_of(enum gate_traffic traffic)
{
    switch (traffic) {
    case GATE_TRAFFIC_FORGED:
        return TW_OUTCOME_TAG_WRONG;
    case GATE_TRAFFIC_OFFPATH:
        return TW_OUTCOME_PATH_UNKNOWN;
    case GATE_TRAFFIC_STALE:
        return TW_OUTCOME_GENERATION_STALE;
    case GATE_TRAFFIC_UNKNOWN:
        return TW_OUTCOME_CONNECTION_UNKNOWN;
    case GATE_TRAFFIC_HELLO:
        return TW_OUTCOME_COOKIE_SENT;
    case GATE_TRAFFIC_HELLO_SMALL:
        return TW_OUTCOME_HANDSHAKE_MALFORMED;
    case GATE_TRAFFIC_REPLAY:
        return TW_OUTCOME_REPLAY_DUPLICATE;
    case GATE_TRAFFIC_OVERSIZED:
        return TW_OUTCOME_PAYLOAD_OVERSIZED;
    case GATE_TRAFFIC_TINY:
        return TW_OUTCOME_PAYLOAD_SMALL;
    case GATE_TRAFFIC_INPUTS:
        break;
    }
    return TW_OUTCOME_ACCEPTED;
}

/* A few packets from another address are opened, for a client may have moved, and no more than the
 * worker's budget for it gives, from the first on. */
static void check_opened(struct gate_rig *rig, uint64_t opened, uint64_t begun_ns)
{
    if (rig->elsewhere_ns == 0)
        rig->elsewhere_ns = begun_ns;
    rig->elsewhere_opened += opened;
    uint64_t most = TW_PATH_TRIES_BURST +
                    (rig->now_ns - rig->elsewhere_ns) * TW_PATH_TRIES_PER_S / UINT64_C(1000000000);
    GATE_CHECK(rig->elsewhere_opened <= most,
               "%llu packets from elsewhere were opened, %llu are the most",
               (unsigned long long)rig->elsewhere_opened, (unsigned long long)most);
}

/* They play meanwhile, at their own addresses. */
static void hear_all(struct gate_rig *rig)
{
    struct tw_sessions *sessions = &rig->worker->sessions;
    for (uint32_t slot = 0; slot < sessions->capacity; slot++)
        if (sessions->hot[slot].state == TW_SESSION_LIVE)
            sessions->hot[slot].heard_ns = rig->now_ns;
}

/* Packets that ended as they must, or were opened for nothing. */
static uint64_t ended_right(const struct gate_rig *rig, enum tw_outcome outcome)
{
    return gate_rig_outcome(rig, outcome) +
           (outcome == TW_OUTCOME_PATH_UNKNOWN ? gate_rig_outcome(rig, TW_OUTCOME_TAG_WRONG) : 0);
}

static void check_outcome(const struct gate_rig *rig, enum tw_outcome outcome, uint64_t before,
                          uint32_t packets)
{
    uint64_t ended = ended_right(rig, outcome) - before;
    if (ended == packets)
        return;
    for (uint32_t i = 0; i < TW_OUTCOME_COUNT; i++)
        if (gate_rig_outcome(rig, i) > 0)
            fprintf(stderr, "gate: %s %llu\n", tw_outcome_info[i].name,
                    (unsigned long long)gate_rig_outcome(rig, i));
    GATE_CHECK(false, "%llu of %u packets ended in %s", (unsigned long long)ended, packets,
               tw_outcome_info[outcome].name);
}

static bool is_short(const struct gate_rig *rig, enum gate_traffic traffic)
{
    return traffic != GATE_TRAFFIC_HELLO && traffic != GATE_TRAFFIC_HELLO_SMALL &&
           traffic != GATE_TRAFFIC_OVERSIZED &&
           GATE_FRAME_HEADERS + TW_PACKET_MIN + rig->crowd.plaintext_size <= AHEAD_SHORT;
}

static uint8_t *frame_ahead(const struct gate_rig *rig, uint32_t number)
{
    return ahead.bytes[is_short(rig, rig->traffic) ? number : number * GATE_ROUNDS_MAX];
}

/* Every client's next packet is accepted, kept or not. */
static void receive_of_all(struct gate_rig *rig, bool keep)
{
    uint64_t before = gate_rig_outcome(rig, TW_OUTCOME_ACCEPTED);
    for (uint32_t sent = 0; sent < rig->crowd.count;) {
        for (uint32_t i = 0; i < GATE_TURN_PACKETS && sent < rig->crowd.count; i++, sent++) {
            struct rte_mbuf *mbuf = gate_rig_take_buffer(rig);
            uint8_t *frame = rte_pktmbuf_mtod(mbuf, uint8_t *);
            gate_rig_inject(rig, mbuf,
                            keep ? gate_crowd_write_kept(&rig->crowd, frame)
                                 : gate_crowd_write_frame(&rig->crowd, GATE_TRAFFIC_INPUTS, frame));
        }
        gate_rig_turn(rig, gate_rig_packets_ns(rig, GATE_TURN_PACKETS));
        gate_rig_discard_records(rig);
    }
    check_outcome(rig, TW_OUTCOME_ACCEPTED, before, rig->crowd.count);
}

/* Numbers that are a word of the window behind the newest: what is on the session's first line
 * does not tell that these were there before, a line of the window's ring does. That is the most
 * that a repeat costs. */
static void keep_accepted(struct gate_rig *rig)
{
    receive_of_all(rig, true);
    gate_crowd_skip_numbers(&rig->crowd, WINDOW_WORD_BITS);
    receive_of_all(rig, false);
    rig->has_kept = true;
}

uint32_t gate_rig_make_ahead(struct gate_rig *rig, enum gate_traffic traffic)
{
    uint32_t rounds = is_short(rig, traffic) ? GATE_ROUNDS_MAX : 1;
    if (traffic == GATE_TRAFFIC_REPLAY && !rig->has_kept)
        keep_accepted(rig);
    rig->traffic = traffic;
    rig->ahead_first = 0;
    rig->ahead_count = rounds * GATE_ROUND;
    for (uint32_t i = 0; i < rig->ahead_count; i++)
        ahead.lengths[i] =
            (uint16_t)gate_crowd_write_frame(&rig->crowd, traffic, frame_ahead(rig, i));
    return rounds;
}

/* A round of buffers with the frames made ahead: all are filled before the first one leaves, so
 * that none is in a cache still. */
static struct rte_mbuf **fill_round(struct gate_rig *rig)
{
    static struct rte_mbuf *round[GATE_ROUND];
    GATE_CHECK(rig->ahead_first + GATE_ROUND <= rig->ahead_count, "no frames were made ahead");
    for (uint32_t i = 0; i < GATE_ROUND; i++) {
        uint32_t number = rig->ahead_first++, length = ahead.lengths[number];
        round[i] = gate_rig_take_buffer(rig);
        memcpy(rte_pktmbuf_mtod(round[i], uint8_t *), frame_ahead(rig, number), length);
        round[i]->data_len = (uint16_t)length;
        round[i]->pkt_len = length;
    }
    return round;
}

static void inject_some(struct gate_rig *rig, struct rte_mbuf **mbufs, uint32_t count)
{
    GATE_CHECK(rte_ring_sp_enqueue_bulk(rig->port->to_worker, (void **)mbufs, count, NULL) == count,
               "the port's ring is full");
}

/* One turn of so many packets at most. */
static void take_some(struct gate_rig *rig, uint32_t packets)
{
    /* A round is longer than any queue: without this strangers would be shed, which is what
     * gate_overload.h measures. */
    rig->worker->interfaces[0].share = (struct tw_share){0};
    gate_rig_turn(rig, gate_rig_packets_ns(rig, packets));
}

static uint64_t take_all(struct gate_rig *rig)
{
    inject_some(rig, fill_round(rig), GATE_ROUND);
    uint64_t start_ns = measure_now_ns();
    while (rte_ring_count(rig->port->to_worker) > 0)
        take_some(rig, GATE_TURN_PACKETS);
    return measure_now_ns() - start_ns;
}

/* Messages keep a shard busy, which gives them back after each turn, outside the clock; what the
 * clock itself takes is then in each turn: 2 ns a packet. No more come in a turn than are lent at a
 * time: else some would wait in each, and more and more of them. */
static uint64_t take_talk(struct gate_rig *rig)
{
    struct rte_mbuf **round = fill_round(rig);
    uint64_t spent_ns = 0;
    for (uint32_t at = 0, count; at < GATE_ROUND; at += count) {
        count = GATE_ROUND - at < TALK_TURN_PACKETS ? GATE_ROUND - at : TALK_TURN_PACKETS;
        inject_some(rig, round + at, count);
        uint64_t start_ns = measure_now_ns();
        take_some(rig, count);
        spent_ns += measure_now_ns() - start_ns;
        return_messages(rig);
        discard_sent(rig);
    }
    return spent_ns;
}

uint64_t gate_rig_receive(struct gate_rig *rig)
{
    enum tw_outcome outcome = outcome_of(rig->traffic);
    uint64_t before = ended_right(rig, outcome), begun_ns = rig->now_ns;
    uint64_t opened = gate_rig_outcome(rig, TW_OUTCOME_TAG_WRONG);
    bool talking = rig->crowd.plaintext_size > GATE_INPUT_PLAINTEXT;
    if (outcome == TW_OUTCOME_PATH_UNKNOWN)
        hear_all(rig);
    uint64_t spent_ns = talking ? take_talk(rig) : take_all(rig);
    check_outcome(rig, outcome, before, GATE_ROUND);
    if (outcome == TW_OUTCOME_PATH_UNKNOWN)
        check_opened(rig, gate_rig_outcome(rig, TW_OUTCOME_TAG_WRONG) - opened, begun_ns);
    if (rig->traffic == GATE_TRAFFIC_HELLO)
        GATE_CHECK(rte_ring_count(rig->port->from_worker) == GATE_ROUND, "a cookie was not sent");
    discard_sent(rig);
    gate_rig_discard_records(rig);
    return spent_ns;
}

/* The shard's part: a snapshot for the next client in an empty buffer. */
static void write_snapshot(struct gate_rig *rig, struct tw_out_buffer *buffer, uint16_t size)
{
    const struct gate_client *client = &rig->crowd.clients[gate_crowd_next(&rig->crowd)];
    size = size < buffer->capacity ? size : buffer->capacity;
    buffer->bytes[0] = TW_FRAME_SNAPSHOT;
    tw_store_u16(buffer->bytes + 1, (uint16_t)(size - TW_FRAME_HEADER_SIZE));
    memset(buffer->bytes + TW_FRAME_HEADER_SIZE, 0x5a, size - TW_FRAME_HEADER_SIZE);
    buffer->slot = tw_connection_slot(client->connection_id);
    buffer->route_epoch = client->route_epoch;
    buffer->length = size;
    buffer->kind = TW_OUT_SNAPSHOT;
    buffer->tick_ns = rig->now_ns;
}

/* The first packet that was sent is what its client can open. Acknowledgements of rows before may
 * come behind the snapshots. */
static void check_sent(struct gate_rig *rig)
{
    struct rte_mbuf *mbuf;
    GATE_CHECK(rte_ring_count(rig->port->from_worker) >= GATE_ROUND &&
                   gate_rig_take_sent(rig, &mbuf, 1) == 1,
               "a snapshot was not sent");
    uint8_t *packet = rte_pktmbuf_mtod(mbuf, uint8_t *) + GATE_FRAME_HEADERS;
    uint32_t id = tw_header_read(packet).connection_id, number = 0;
    while (number < rig->crowd.count && rig->crowd.clients[number].connection_id != id)
        number++;
    GATE_CHECK(number < rig->crowd.count, "sent to nobody");
    struct tw_aead_key key;
    tw_packet_key_expand(&key, tw_aead_sodium(), rig->suite,
                         rig->crowd.clients[number].receive_secret);
    struct tw_aead_job job = {
        .key = &key, .packet = packet, .length = mbuf->data_len - GATE_FRAME_HEADERS};
    tw_aead_sodium()->open(&job, 1);
    GATE_CHECK(job.ok && packet[TW_HEADER_SIZE] == TW_FRAME_SNAPSHOT, "its client cannot open it");
    tw_aead_key_wipe(&key);
    rte_pktmbuf_free(mbuf);
}

uint64_t gate_rig_send(struct gate_rig *rig, uint16_t size)
{
    struct tw_worker_shard_rings *rings = &rig->worker_config.shard_rings[0];
    const tw_counter *sent = &rig->counters->snapshots;
    uint64_t before = tw_counter_get(sent);
    for (uint32_t i = 0; i < GATE_ROUND; i++) {
        struct tw_out_buffer buffer;
        GATE_CHECK(rte_ring_sc_dequeue_elem(rings->empty, &buffer, sizeof(buffer)) == 0,
                   "no empty buffer");
        write_snapshot(rig, &buffer, size);
        GATE_CHECK(rte_ring_sp_enqueue_elem(rings->full, &buffer, sizeof(buffer)) == 0,
                   "the full ring is full");
    }
    uint64_t start_ns = measure_now_ns();
    while (rte_ring_count(rings->full) > 0)
        gate_rig_turn(rig, GATE_TICK_NS / 64);
    uint64_t spent_ns = measure_now_ns() - start_ns;
    GATE_CHECK(tw_counter_get(sent) - before == GATE_ROUND, "a snapshot was not sent");
    check_sent(rig);
    discard_sent(rig);
    return spent_ns;
}

uint64_t gate_rig_idle_turn(struct gate_rig *rig)
{
    return gate_rig_turn(rig, 0);
}

uint64_t gate_rig_receive_one(struct gate_rig *rig)
{
    struct rte_ring *records = rig->worker_config.shard_rings[0].records;
    struct tw_record record;
    gate_rig_inject_from(rig, GATE_TRAFFIC_INPUTS);
    uint64_t cycles = gate_rig_turn(rig, gate_rig_packets_ns(rig, 1));
    GATE_CHECK(rte_ring_sc_dequeue_elem(records, &record, sizeof(record)) == 0 &&
                   record.type == TW_RECORD_INPUT,
               "the input did not reach the shard's ring");
    gate_rig_discard_records(rig);
    return cycles;
}

/* ---- the port alone ----------------------------------------------------------------------------
 */

/* As the worker's last stage does it: together, and with the same look at each. */
static void free_received(struct rte_mbuf **mbufs, uint16_t count)
{
    struct rte_mempool *pool = NULL;
    for (uint16_t i = 0; i < count; i++) {
        GATE_CHECK(tw_received_is_plain(mbufs[i], pool), "a buffer is another's");
        pool = mbufs[i]->pool;
    }
    if (count > 0)
        rte_mempool_put_bulk(pool, (void **)mbufs, count);
}

uint64_t gate_rig_port_receive(struct gate_rig *rig)
{
    struct rte_mbuf *mbufs[TW_BURST_MAX];
    inject_some(rig, fill_round(rig), GATE_ROUND);
    uint64_t start_ns = measure_now_ns();
    for (uint16_t count = TW_BURST_MAX; count == TW_BURST_MAX;) {
        count = rte_eth_rx_burst(rig->port->id, 0, mbufs, TW_BURST_MAX);
        free_received(mbufs, count);
    }
    return measure_now_ns() - start_ns;
}

uint64_t gate_rig_port_send(struct gate_rig *rig, uint16_t size)
{
    static struct rte_mbuf *mbufs[GATE_ROUND];
    GATE_CHECK(rte_pktmbuf_alloc_bulk(rig->port->tx_pool, mbufs, GATE_ROUND) == 0,
               "the pool is empty: the worker lost buffers");
    for (uint32_t i = 0; i < GATE_ROUND; i++) {
        mbufs[i]->data_len = size;
        mbufs[i]->pkt_len = size;
    }
    uint64_t start_ns = measure_now_ns();
    for (uint32_t i = 0; i < GATE_ROUND; i += TW_SEND_BATCH)
        GATE_CHECK(rte_eth_tx_burst(rig->port->id, 0, mbufs + i, TW_SEND_BATCH) == TW_SEND_BATCH,
                   "the port's ring is full");
    uint64_t spent_ns = measure_now_ns() - start_ns;
    discard_sent(rig);
    return spent_ns;
}
