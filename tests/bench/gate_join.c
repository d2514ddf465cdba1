/* SPDX-License-Identifier: BSD-3-Clause */
#include "tests/bench/gate_join.h"

#include "dataplane/gate/worker_state.h"

#include "dataplane/crypto/crc32c_isal.h"
#include "dataplane/gate/mailbox.h"
#include "dataplane/wire/handshake_client.h"
#include "tests/bench/gate_fail.h"
#include "tickwire/shard.h"

#include <rte_mbuf.h>
#include <rte_ring.h>
#include <rte_ring_elem.h>
#include <sodium.h>
#include <string.h>

/* Sessions installed together: the worker obeys as many replies a turn. */
#define JOINING 16u

struct joining {
    struct tw_handshake_client handshakes[JOINING];
    struct tw_worker_command replies[JOINING];
    uint32_t first, count; /* numbers in the crowd */
};

static void send_handshakes(struct gate_rig *rig, const struct joining *joining)
{
    for (uint32_t i = 0; i < joining->count; i++) {
        struct rte_mbuf *mbuf = gate_rig_take_buffer(rig);
        uint8_t *frame = rte_pktmbuf_mtod(mbuf, uint8_t *);
        uint32_t length = (uint32_t)tw_handshake_client_packet(&joining->handshakes[i],
                                                               frame + GATE_FRAME_HEADERS);
        gate_rig_inject(
            rig, mbuf,
            gate_crowd_wrap(&rig->crowd, &rig->crowd.clients[joining->first + i], frame, length));
    }
    gate_rig_turn(rig, GATE_TICK_NS / 100);
}

/* Answers come in the order of the questions. */
static void take_cookies(struct gate_rig *rig, struct joining *joining)
{
    struct rte_mbuf *answers[JOINING];
    GATE_CHECK(gate_rig_take_sent(rig, answers, joining->count) == joining->count,
               "a cookie is missing");
    for (uint32_t i = 0; i < joining->count; i++) {
        const uint8_t *packet = rte_pktmbuf_mtod(answers[i], uint8_t *) + GATE_FRAME_HEADERS;
        GATE_CHECK(tw_handshake_client_receive(&joining->handshakes[i], packet, TW_COOKIE_PACKET) ==
                       TW_NEWS_COOKIE,
                   "not a cookie");
    }
    rte_pktmbuf_free_bulk(answers, joining->count);
}

static void reply_to(struct gate_rig *rig, struct tw_worker_command *reply,
                     const struct tw_worker_event *event)
{
    GATE_CHECK(event->type == TW_EVENT_HANDSHAKE, "a hello 2 was not relayed");
    memset(reply, 0, sizeof(*reply));
    reply->type = TW_COMMAND_HANDSHAKE_REPLY;
    reply->reply.request = event->handshake.request;
    reply->reply.verdict = TW_VERDICT_WELCOMED;
    reply->reply.suite = (uint8_t)rig->suite;
    reply->reply.world = 1;
    randombytes_buf(reply->reply.token_id, TW_TOKEN_ID_SIZE);
    randombytes_buf(reply->reply.server_ephemeral, TW_KEY_SIZE);
    randombytes_buf(reply->reply.secret_client_to_server, TW_KEY_SIZE);
    randombytes_buf(reply->reply.secret_server_to_client, TW_KEY_SIZE);
    randombytes_buf(reply->reply.confirm_key, TW_KEY_SIZE);
    randombytes_buf(reply->reply.confirm_iv, TW_IV_SIZE);
    randombytes_buf(reply->reply.transcript, TW_HASH_SIZE);
    gate_rig_command(rig, reply);
}

static void answer_handshakes(struct gate_rig *rig, struct joining *joining)
{
    for (uint32_t i = 0; i < joining->count; i++) {
        struct tw_worker_event event;
        GATE_CHECK(rte_ring_sc_dequeue_elem(rig->worker_config.events, &event, sizeof(event)) == 0,
                   "a hello 2 was not relayed");
        reply_to(rig, &joining->replies[i], &event);
    }
    gate_rig_turn(rig, GATE_TICK_NS / 100);
}

static uint32_t open_welcome(const uint8_t *packet, const struct tw_agent_handshake_reply *reply)
{
    uint8_t in[TW_WELCOME_IN_SIZE];
    GATE_CHECK(packet[TW_HEADER_CHANNEL] == TW_HANDSHAKE_WELCOME &&
                   crypto_aead_chacha20poly1305_ietf_decrypt(
                       in, NULL, NULL, packet + TW_WELCOME_SEALED, TW_WELCOME_IN_SIZE + TW_TAG_SIZE,
                       reply->transcript, TW_HASH_SIZE, reply->confirm_iv, reply->confirm_key) == 0,
               "not a welcome");
    return tw_load_u32(in + TW_WELCOME_IN_CONNECTION_ID);
}

static void take_welcomes(struct gate_rig *rig, const struct joining *joining)
{
    struct rte_mbuf *answers[JOINING];
    GATE_CHECK(gate_rig_take_sent(rig, answers, joining->count) == joining->count,
               "a welcome is missing");
    for (uint32_t i = 0; i < joining->count; i++) {
        const struct tw_agent_handshake_reply *reply = &joining->replies[i].reply;
        uint32_t number = joining->first + i;
        rig->crowd.clients[number].connection_id =
            open_welcome(rte_pktmbuf_mtod(answers[i], uint8_t *) + GATE_FRAME_HEADERS, reply);
        gate_crowd_set_session(&rig->crowd, number, rig->suite, reply->secret_client_to_server,
                               reply->secret_server_to_client);
    }
    rte_pktmbuf_free_bulk(answers, joining->count);
}

static void install_sessions(struct gate_rig *rig)
{
    static struct joining joining;
    struct tw_connect_token connect = {.suites = TW_SUITES_KNOWN, .address_count = 1};
    struct tw_handshake_client fresh;
    uint8_t secret[TW_KEY_SIZE];
    randombytes_buf(secret, sizeof(secret));
    GATE_CHECK(tw_handshake_client_init(&fresh, &connect, TW_SUITES_KNOWN, secret, tw_crc32c_isal),
               "no common suite");
    for (uint32_t first = 0; first < rig->crowd.count; first += joining.count) {
        uint32_t left = rig->crowd.count - first;
        joining.first = first;
        joining.count = left < JOINING ? left : JOINING;
        for (uint32_t i = 0; i < joining.count; i++) {
            joining.handshakes[i] = fresh;
            randombytes_buf(joining.handshakes[i].ephemeral, TW_KEY_SIZE);
        }
        send_handshakes(rig, &joining);
        take_cookies(rig, &joining);
        send_handshakes(rig, &joining);
        answer_handshakes(rig, &joining);
        take_welcomes(rig, &joining);
    }
    sodium_memzero(&joining, sizeof(joining));
}

static void note_join(struct gate_rig *rig, const uint32_t *client_of_slot,
                      const struct tw_record *record)
{
    rig->crowd.clients[client_of_slot[record->slot]].route_epoch = record->route_epoch;
}

/* The first sealed packet of each client: pending → live. The shard hears of joins. */
static void confirm_sessions(struct gate_rig *rig)
{
    static uint32_t client_of_slot[TW_SESSIONS_PER_WORKER];
    uint32_t joins = 0;
    for (uint32_t i = 0; i < rig->crowd.count; i++)
        client_of_slot[tw_connection_slot(rig->crowd.clients[i].connection_id)] = i;
    gate_rig_begin(rig, GATE_INPUT_PLAINTEXT);
    for (uint32_t sent = 0; sent < rig->crowd.count;) {
        for (uint32_t i = 0; i < GATE_TURN_PACKETS && sent < rig->crowd.count; i++, sent++)
            gate_rig_inject_from(rig, GATE_TRAFFIC_INPUTS);
        gate_rig_turn(rig, gate_rig_packets_ns(rig, GATE_TURN_PACKETS));
        struct tw_record record;
        while (rte_ring_sc_dequeue_elem(rig->worker_config.shard_rings[0].records, &record,
                                        sizeof(record)) == 0) {
            if (record.type != TW_RECORD_JOIN)
                continue;
            note_join(rig, client_of_slot, &record);
            joins++;
        }
        gate_rig_discard_records(rig);
    }
    gate_rig_turn(rig, GATE_TICK_NS);
    gate_rig_discard_records(rig);
    GATE_CHECK(joins == rig->crowd.count &&
                   tw_counter_get(&rig->counters->sessions_live) == rig->crowd.count,
               "%u of %u sessions joined", joins, rig->crowd.count);
}

/* The crowd acknowledges packets as clients do whose server talks, which this one does not: as far
 * as acks go, it has sent as many before as a client ever will. What an ack then costs is the look,
 * not what it settles. */
static void pretend_to_have_sent(struct gate_rig *rig)
{
    for (uint32_t i = 0; i < rig->crowd.count; i++) {
        uint32_t slot = tw_connection_slot(rig->crowd.clients[i].connection_id);
        rig->worker->sessions.bodies[slot].send_sequence = GATE_SEQUENCE_MAX;
    }
}

static void note_empty_slots(struct gate_rig *rig)
{
    static uint32_t empty[TW_SESSIONS_PER_WORKER];
    const struct tw_sessions *sessions = &rig->worker->sessions;
    for (uint32_t slot = 0; slot < sessions->capacity; slot++)
        if (sessions->hot[slot].state == TW_SESSION_FREE)
            empty[rig->crowd.empty_count++] = slot;
    rig->crowd.empty_slots = malloc((rig->crowd.empty_count + 1u) * sizeof(empty[0]));
    GATE_CHECK(rig->crowd.empty_slots, "no memory for a list of slots");
    memcpy(rig->crowd.empty_slots, empty, rig->crowd.empty_count * sizeof(empty[0]));
}

void gate_join_all(struct gate_rig *rig)
{
    install_sessions(rig);
    pretend_to_have_sent(rig);
    confirm_sessions(rig);
    note_empty_slots(rig);
}
