/* SPDX-License-Identifier: BSD-3-Clause */
#include "tests/bench/gate_crowd.h"

#include "dataplane/crypto/crc32c_isal.h"
#include "dataplane/wire/crc32c.h"
#include "dataplane/wire/entry.h"
#include "dataplane/wire/frames.h"
#include "dataplane/wire/handshake_parts.h"
#include "dataplane/wire/header.h"
#include "dataplane/wire/keys.h"
#include "tests/bench/gate_fail.h"
#include "tickwire/assert.h"
#include "tickwire/ids.h"

#include <sodium.h>
#include <stdlib.h>
#include <string.h>

#define CLIENT_NETWORK UINT32_C(0x0a000000) /* 10.0.0.0/8: reached through the gateway */
#define OTHER_NETWORK  UINT32_C(0x0b000000)
#define INPUTS         4u
#define OVERSIZED      (GATE_FRAME_MAX - GATE_FRAME_HEADERS)
#define TINY           (60u - GATE_FRAME_HEADERS) /* Ethernet's shortest, without its checksum */
static_assert(TINY < TW_PACKET_MIN && OVERSIZED > TW_DATAGRAM_MAX, "no packet is of these lengths");
#define RANDOM_SEED UINT64_C(0x9e3779b97f4a7c15)

uint64_t gate_crowd_random(struct gate_crowd *crowd)
{
    crowd->random ^= crowd->random << 13;
    crowd->random ^= crowd->random >> 7;
    crowd->random ^= crowd->random << 17;
    return crowd->random;
}

static void make_hello(uint8_t hello[TW_HELLO_SIZE])
{
    memset(hello, 0, TW_HELLO_SIZE);
    tw_handshake_header_write(hello, TW_HANDSHAKE_HELLO);
    tw_store_u16(hello + TW_HELLO_VERSION, TW_PROTOCOL_VERSION);
    hello[TW_HELLO_SUITES] = TW_SUITES_KNOWN;
}

bool gate_crowd_init(struct gate_crowd *crowd, uint32_t count, const uint8_t server_mac[6])
{
    memset(crowd, 0, sizeof(*crowd));
    crowd->count = count;
    crowd->random = RANDOM_SEED;
    crowd->talk_every = 1;
    crowd->clients = aligned_alloc(64, count * sizeof(*crowd->clients));
    crowd->order = malloc(count * sizeof(*crowd->order));
    crowd->kept = malloc(count * sizeof(*crowd->kept));
    if (!crowd->clients || !crowd->order || !crowd->kept) {
        gate_crowd_fini(crowd);
        return false;
    }
    memset(crowd->clients, 0, count * sizeof(*crowd->clients));
    for (uint32_t i = 0; i < count; i++) {
        crowd->order[i] = i;
        crowd->clients[i].ip = CLIENT_NETWORK + 256 + i;
        crowd->clients[i].port = (uint16_t)(1024u + i % 60000u);
    }
    memcpy(crowd->sender.mac, (const uint8_t[6]){2, 0, 0, 0, 0, 0xfe}, 6);
    crowd->server =
        (struct tw_udp_target){.address = GATE_SERVER_ADDRESS, .port = GATE_SERVER_PORT};
    memcpy(crowd->server.mac, server_mac, 6);
    make_hello(crowd->hello);
    return true;
}

void gate_crowd_fini(struct gate_crowd *crowd)
{
    if (crowd->clients)
        sodium_memzero(crowd->clients, crowd->count * sizeof(*crowd->clients));
    free(crowd->clients);
    free(crowd->order);
    free(crowd->kept);
    free(crowd->empty_slots);
    memset(crowd, 0, sizeof(*crowd));
}

void gate_crowd_set_session(struct gate_crowd *crowd, uint32_t number, enum tw_suite suite,
                            const uint8_t send_secret[TW_KEY_SIZE],
                            const uint8_t receive_secret[TW_KEY_SIZE])
{
    struct gate_client *client = &crowd->clients[number];
    tw_packet_key_expand(&client->send_key, tw_aead_sodium(), suite, send_secret);
    memcpy(client->receive_secret, receive_secret, TW_KEY_SIZE);
    client->sequence = TW_SEQUENCE_FIRST;
}

/* ---- whose turn it is ----------------------------------------------------------------------- */

static void shuffle(struct gate_crowd *crowd)
{
    for (uint32_t i = crowd->count - 1; i > 0; i--) {
        uint32_t other = (uint32_t)(gate_crowd_random(crowd) % (i + 1)), kept = crowd->order[i];
        crowd->order[i] = crowd->order[other];
        crowd->order[other] = kept;
    }
    crowd->next = 0;
}

void gate_crowd_begin(struct gate_crowd *crowd, uint32_t tick, uint32_t plaintext_size)
{
    TW_ASSERT(plaintext_size <= TW_PLAINTEXT_MAX &&
              (plaintext_size == GATE_INPUT_PLAINTEXT ||
               plaintext_size >= GATE_INPUT_PLAINTEXT + GATE_MESSAGE_MIN));
    crowd->tick = tick;
    crowd->plaintext_size = plaintext_size;
    shuffle(crowd);
}

uint32_t gate_crowd_next(struct gate_crowd *crowd)
{
    if (crowd->next == crowd->count) {
        shuffle(crowd);
        crowd->tick++;
    }
    return crowd->order[crowd->next++];
}

/* ---- bytes ---------------------------------------------------------------------------------- */

static void write_frames(struct gate_crowd *crowd, const struct gate_client *client,
                         struct tw_writer *writer)
{
    struct tw_input inputs[INPUTS];
    for (uint32_t i = 0; i < INPUTS; i++)
        inputs[i] =
            (struct tw_input){.move_x = 90, .move_y = 90, .facing = (uint16_t)(crowd->tick - i)};
    tw_frame_write_inputs(writer, crowd->tick, inputs, INPUTS);
    tw_frame_write_snapshot_ack(writer, crowd->tick / 3 + 1, UINT32_MAX);
    uint64_t newest = client->sequence;
    struct tw_frame_ack ack = {.largest = newest,
                               .bitmap =
                                   newest > 64u ? UINT64_MAX : (UINT64_C(1) << (newest - 1u)) - 1u};
    tw_frame_write_ack(writer, &ack);
    TW_ASSERT(!writer->failed);
}

/* What a client that talks puts behind its inputs: a message that fills the packet. */
static void write_message(struct gate_crowd *crowd, struct gate_client *client,
                          struct tw_writer *writer)
{
    uint8_t *frame = tw_write_space(writer, TW_FRAME_HEADER_SIZE);
    size_t left = tw_writer_left(writer);
    struct tw_entry entry = {
        .channel = TW_CHANNEL_ORDERED, .kind = TW_ENTRY_WHOLE, .number = client->message++};
    frame[0] = TW_FRAME_MESSAGES;
    tw_store_u16(frame + 1, (uint16_t)left);
    entry.size = (uint32_t)(left - TW_ENTRY_HEADER_SIZE - 1u);
    entry.size -= tw_varint_size(entry.size) > 1u;
    entry.length = entry.size;
    uint8_t *bytes = tw_entry_write(writer, &entry);
    TW_ASSERT(bytes);
    memset(bytes, 0x33, entry.length);
    crowd->messages++;
}

uint32_t gate_crowd_write_packet(struct gate_crowd *crowd, struct gate_client *client,
                                 uint8_t *packet)
{
    uint8_t *plaintext = packet + TW_HEADER_SIZE;
    GATE_CHECK(client->sequence < GATE_SEQUENCE_MAX, "a client has used up its packet numbers");
    bool talks =
        crowd->plaintext_size > GATE_INPUT_PLAINTEXT && crowd->written++ % crowd->talk_every == 0;
    uint32_t size = talks ? crowd->plaintext_size : GATE_INPUT_PLAINTEXT;
    tw_header_write(packet, (struct tw_header){.connection_id = client->connection_id,
                                               .channel = TW_CHANNEL_STATE,
                                               .sequence = client->sequence++});
    struct tw_writer writer = tw_writer_make(plaintext, size);
    write_frames(crowd, client, &writer);
    if (talks)
        write_message(crowd, client, &writer);
    TW_ASSERT(!writer.failed && tw_writer_left(&writer) == 0);
    struct tw_aead_job job = {
        .key = &client->send_key, .packet = packet, .length = TW_HEADER_SIZE + size};
    tw_aead_sodium()->seal(&job, 1);
    return job.length;
}

/* Random bytes under this id. */
static uint32_t write_noise(struct gate_crowd *crowd, uint32_t connection_id, uint8_t *packet)
{
    uint32_t length = TW_PACKET_MIN + crowd->plaintext_size;
    for (uint32_t at = 0; at + 8 <= length; at += 8)
        tw_store_u64(packet + at, gate_crowd_random(crowd));
    tw_header_write(packet,
                    (struct tw_header){.connection_id = connection_id,
                                       .channel = TW_CHANNEL_STATE,
                                       .sequence = 1 + gate_crowd_random(crowd) % TW_SEALED_MAX});
    return length;
}

/* This client's slot as another install would have it. */
static uint32_t stale_id(const struct gate_client *client)
{
    uint32_t generation = tw_connection_generation(client->connection_id) ^ 0x800u;
    return tw_connection_id(tw_connection_worker(client->connection_id),
                            tw_connection_slot(client->connection_id),
                            generation == 0 ? 1 : generation);
}

static uint32_t unknown_id(struct gate_crowd *crowd)
{
    uint64_t random = gate_crowd_random(crowd);
    TW_ASSERT(crowd->empty_count > 0);
    return tw_connection_id(0, crowd->empty_slots[(random >> 32) % crowd->empty_count],
                            1 + (uint32_t)random % ((1u << TW_GENERATION_BITS) - 1u));
}

/* All that a player's packet has is there, under its own number: nothing but the length is wrong.
 */
static uint32_t write_of_length(const struct gate_client *client, uint8_t *packet, uint32_t length)
{
    memset(packet, 0x5a, length);
    tw_header_write(packet, (struct tw_header){.connection_id = client->connection_id,
                                               .channel = TW_CHANNEL_STATE,
                                               .sequence = client->sequence});
    return length;
}

static uint32_t write_hello(struct gate_crowd *crowd, uint8_t *packet)
{
    memcpy(packet, crowd->hello, TW_HELLO_SIZE);
    for (uint32_t at = 0; at < TW_KEY_SIZE; at += 8)
        tw_store_u64(packet + TW_HELLO_EPHEMERAL + at, gate_crowd_random(crowd));
    tw_crc32c_seal(tw_crc32c_isal, packet, TW_HELLO_SIZE);
    return TW_HELLO_SIZE;
}

static uint32_t wrap(struct gate_crowd *crowd, uint32_t ip, uint16_t port, uint8_t *frame,
                     uint32_t length)
{
    crowd->sender.address = ip;
    crowd->sender.udp_port = port;
    tw_udp_frame_write(frame, &crowd->sender, &crowd->server, (uint16_t)length);
    return GATE_FRAME_HEADERS + length;
}

uint32_t gate_crowd_wrap(struct gate_crowd *crowd, const struct gate_client *client, uint8_t *frame,
                         uint32_t length)
{
    return wrap(crowd, client->ip, client->port, frame, length);
}

uint32_t gate_crowd_write_kept(struct gate_crowd *crowd, uint8_t *frame)
{
    uint32_t number = gate_crowd_next(crowd);
    struct gate_client *client = &crowd->clients[number];
    uint32_t length = gate_crowd_wrap(
        crowd, client, frame, gate_crowd_write_packet(crowd, client, frame + GATE_FRAME_HEADERS));
    TW_ASSERT(length == GATE_INPUT_FRAME);
    memcpy(crowd->kept[number], frame, length);
    return length;
}

void gate_crowd_skip_numbers(struct gate_crowd *crowd, uint32_t numbers)
{
    for (uint32_t i = 0; i < crowd->count; i++)
        crowd->clients[i].sequence += numbers;
}

uint32_t gate_crowd_write_frame(struct gate_crowd *crowd, enum gate_traffic traffic, uint8_t *frame)
{
    uint8_t *packet = frame + GATE_FRAME_HEADERS;
    uint32_t number = gate_crowd_next(crowd);
    struct gate_client *client = &crowd->clients[number];
    uint32_t stranger = (uint32_t)gate_crowd_random(crowd) & 0xffffffu, length;
    switch (traffic) {
    case GATE_TRAFFIC_STALE:
        return wrap(crowd, CLIENT_NETWORK + stranger, client->port, frame,
                    write_noise(crowd, stale_id(client), packet));
    case GATE_TRAFFIC_UNKNOWN:
        return wrap(crowd, CLIENT_NETWORK + stranger, client->port, frame,
                    write_noise(crowd, unknown_id(crowd), packet));
    case GATE_TRAFFIC_HELLO:
        return wrap(crowd, CLIENT_NETWORK + stranger, client->port, frame,
                    write_hello(crowd, packet));
    case GATE_TRAFFIC_HELLO_SMALL:
        return wrap(crowd, CLIENT_NETWORK + stranger, client->port, frame,
                    write_hello(crowd, packet) - 1u);
    case GATE_TRAFFIC_REPLAY:
        memcpy(frame, crowd->kept[number], GATE_INPUT_FRAME);
        return GATE_INPUT_FRAME;
    case GATE_TRAFFIC_OVERSIZED:
        return gate_crowd_wrap(crowd, client, frame, write_of_length(client, packet, OVERSIZED));
    case GATE_TRAFFIC_TINY:
        return gate_crowd_wrap(crowd, client, frame, write_of_length(client, packet, TINY));
    case GATE_TRAFFIC_INPUTS:
    case GATE_TRAFFIC_FORGED:
    case GATE_TRAFFIC_OFFPATH:
        break;
    }
    length = gate_crowd_write_packet(crowd, client, packet);
    if (traffic != GATE_TRAFFIC_INPUTS)
        packet[length - 1] ^= 1;
    if (traffic == GATE_TRAFFIC_OFFPATH)
        return wrap(crowd, OTHER_NETWORK + stranger, client->port, frame, length);
    return gate_crowd_wrap(crowd, client, frame, length);
}
