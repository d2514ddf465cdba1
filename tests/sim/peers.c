/* SPDX-License-Identifier: BSD-3-Clause */
#include "tests/sim/peers.h"

#include "tests/sim/memory.h"

#include <string.h>

/* In front of the frames: what the header and the tag take. */
#define ENVELOPE     TW_PACKET_MIN
#define PACKETS_STEP 16u /* of messages in one millisecond: more than any pace here */

static void set_numbers(struct tw_transport *transport, uint16_t number)
{
    for (uint32_t i = TW_CHANNEL_ORDERED; i < TW_CHANNEL_COUNT; i++) {
        transport->numbers.sender.next[i] = number;
        transport->numbers.receiver.base[i] = number;
    }
    transport->numbers.sender.latest = number;
    transport->numbers.receiver.latest = number;
    transport->numbers.receiver.latest_seen = true;
}

struct peers *peers_create(const struct impair_profile *profile, uint64_t seed,
                           const struct peers_options *options)
{
    static const struct peers_options defaults;
    if (!options)
        options = &defaults;
    struct peers *peers = sim_take(sizeof(*peers));
    uint32_t blocks = options->blocks ? options->blocks : 1024u;
    peers->seed = seed;
    /* The low 32 bits of times wrap 4 s later. */
    peers->now_us = UINT64_C(4291000000);
    tw_rng_seed(&peers->rng, seed ^ 0x5eed);
    tw_compressor_init(&peers->compressor);
    peers->net = net_create(2, profile, seed);
    for (uint32_t i = 0; i < 2; i++) {
        struct peers_end *end = &peers->ends[i];
        end->pool_memory = sim_take(tw_block_pool_footprint(blocks));
        tw_block_pool_init(&end->pool, end->pool_memory, blocks);
        end->sequence = options->first_sequence[i] ? options->first_sequence[i] : TW_SEQUENCE_FIRST;
        end->tick_us = i == PEERS_CLIENT ? 16667u : 50000u;
        end->tick_bytes = i == PEERS_CLIENT ? 48u : 300u;
        end->next_tick_us = peers->now_us + tw_rng_below(&peers->rng, end->tick_us);
        end->channels_memory = sim_take(tw_channels_pool_footprint(1));
        memset(end->channels_memory, 0xa5, tw_channels_pool_footprint(1));
        struct tw_channels_config channels = {.blocks = &end->pool,
                                              .send_blocks_max = PEERS_SEND_BLOCKS,
                                              .kept = options->keeps_channels};
        tw_channels_pool_init(&end->channels_pool, &channels, end->channels_memory, 1);
        struct tw_transport_config config = {.channels = &end->channels_pool,
                                             .first_sequence = end->sequence,
                                             .datagram_max = options->datagram_max};
        tw_transport_init(&end->transport, &config, peers->now_us);
        set_numbers(&end->transport, options->first_number);
    }
    return peers;
}

void peers_destroy(struct peers *peers)
{
    for (uint32_t i = 0; i < 2; i++) {
        struct peers_end *end = &peers->ends[i];
        tw_transport_fini(&end->transport);
        PEERS_CHECK(peers, end->pool.free_count == end->pool.capacity);
        PEERS_CHECK(peers, end->channels_pool.free_count == 1);
        free(end->pool_memory);
        free(end->channels_memory);
    }
    net_destroy(peers->net);
    free(peers);
}

/* ---- messages ------------------------------------------------------------------------------- */

static uint8_t pattern(const struct peers *peers, uint32_t number, uint32_t at)
{
    uint32_t mixed = (number * 65536u + at + 1u) * 2654435761u;
    if (peers->noise)
        return (uint8_t)((mixed ^ mixed >> 15) * 2246822519u >> 24);
    return (uint8_t)(number * 31u + at * 7u + (at >> 8));
}

/* As worker and client library do with what is large. */
static void compress(struct peers *peers, struct peers_end *end, struct tw_outgoing *message)
{
    if (!peers->compresses || message->channel != TW_CHANNEL_BULK ||
        message->size <= TW_COMPRESS_ABOVE)
        return;
    tw_compress(&peers->compressor, message->bytes, message->size);
    if (peers->compressor.compressed_size == 0)
        return;
    end->compressed++;
    end->saved_bytes += message->size - peers->compressor.compressed_size;
    message->flags = TW_ENTRY_COMPRESSED;
    message->bytes = peers->compressor.compressed;
    message->size = peers->compressor.compressed_size;
}

bool peers_send(struct peers *peers, uint32_t from, uint32_t channel, uint32_t size,
                uint64_t deadline_us)
{
    static uint8_t bytes[TW_MESSAGE_MAX];
    struct peers_end *end = &peers->ends[from];
    struct peers_channel *sent = &end->channels[channel];
    PEERS_CHECK(peers, size >= 8 && size <= sizeof(bytes) && sent->sent < PEERS_EVER_MAX);
    tw_store_u32(bytes, sent->sent);
    tw_store_u32(bytes + 4, size);
    for (uint32_t i = 8; i < size; i++)
        bytes[i] = pattern(peers, sent->sent, i);
    struct tw_outgoing message = {
        .channel = (uint8_t)channel, .bytes = bytes, .size = size, .deadline_us = deadline_us};
    compress(peers, end, &message);
    if (tw_transport_send(&end->transport, &message, peers->now_us) != TW_SENDER_QUEUED) {
        end->refused++;
        return false;
    }
    sent->deadline_us[sent->sent] = deadline_us;
    sent->sent_at_us[sent->sent++] = peers->now_us;
    return true;
}

/* What left in time has arrived a way later. An ordered one may have waited for the news that one
 * before it does not come. */
static void check_deadline(struct peers *peers, struct peers_channel *sent, uint32_t number,
                           bool ordered)
{
    uint64_t deadline_us = sent->deadline_us[number];
    if (deadline_us == 0)
        return;
    sent->overdue += peers->now_us + peers->back_us >= deadline_us;
    PEERS_CHECK(peers,
                ordered || peers->way_us == 0 || peers->now_us <= deadline_us + peers->way_us);
}

static void check_message(struct peers *peers, uint32_t from, const uint8_t *bytes, uint32_t size,
                          uint32_t channel)
{
    struct peers_channel *sent = &peers->ends[from].channels[channel];
    PEERS_CHECK(peers, size >= 8 && tw_load_u32(bytes + 4) == size);
    uint32_t number = tw_load_u32(bytes);
    PEERS_CHECK(peers, number < sent->sent);
    for (uint32_t i = 8; i < size; i++)
        PEERS_CHECK(peers, bytes[i] == pattern(peers, number, i));
    bool seen = ((uint32_t)sent->seen[number / 8u] >> (number % 8u) & 1u) != 0;
    PEERS_CHECK(peers, !seen);
    sent->seen[number / 8u] |= (uint8_t)(1u << (number % 8u));
    if (channel == TW_CHANNEL_ORDERED || channel == TW_CHANNEL_STATE) {
        bool gap = peers->gaps_allowed || channel == TW_CHANNEL_STATE;
        PEERS_CHECK(peers, gap ? number >= sent->in_order : number == sent->in_order);
        sent->in_order = number + 1u;
    }
    check_deadline(peers, sent, number, channel == TW_CHANNEL_ORDERED);
    uint64_t took_us = peers->now_us - sent->sent_at_us[number];
    sent->prompt += took_us <= peers->prompt_us;
    if (took_us > sent->slowest_us)
        sent->slowest_us = took_us;
    sent->received++;
}

static void take_messages(struct peers *peers, uint32_t to)
{
    static uint8_t bytes[TW_MESSAGE_MAX], scratch[TW_MESSAGE_MAX];
    struct peers_end *end = &peers->ends[to];
    struct tw_message *message;
    if (peers->take_every_us != 0 && peers->now_us % peers->take_every_us != 0)
        return;
    while ((message = tw_transport_take(&end->transport)) != NULL) {
        uint32_t size = tw_message_full_size(message, end->pool.blocks);
        bool restored = tw_message_restore(message, end->pool.blocks, scratch, bytes);
        PEERS_CHECK(peers, size > 0 && restored);
        check_message(peers, 1u - to, bytes, size, message->channel);
        tw_message_free(&end->pool, message);
    }
}

/* ---- packets -------------------------------------------------------------------------------- */

/* Nothing of a message leaves once its deadline has passed, nor is it given up before. */
static void check_leaves(const struct peers *peers, const struct peers_channel *channel,
                         const struct tw_entry *entry)
{
    uint32_t at = entry->number % TW_MESSAGE_WINDOW;
    if (!channel->has_standing[at] || channel->standing_number[at] != entry->number)
        return; /* given up before anything of it left */
    uint64_t deadline_us = channel->deadline_us[channel->standing[at]];
    if (entry->kind == TW_ENTRY_ABANDONED)
        PEERS_CHECK(peers, deadline_us != 0 && peers->now_us >= deadline_us);
    else
        PEERS_CHECK(peers, deadline_us == 0 || peers->now_us < deadline_us);
}

static void note_leaves(const struct peers *peers, struct peers_channel *channel,
                        const struct tw_entry *entry)
{
    uint32_t at = entry->number % TW_MESSAGE_WINDOW;
    bool begins =
        entry->kind == TW_ENTRY_WHOLE || (entry->kind == TW_ENTRY_PART && entry->first == 0);
    /* Its beginning says which one it is, unless it is compressed. */
    if (begins && (entry->flags & TW_ENTRY_COMPRESSED) == 0) {
        channel->standing[at] = tw_load_u32(entry->bytes);
        channel->standing_number[at] = entry->number;
        channel->has_standing[at] = true;
    }
    check_leaves(peers, channel, entry);
}

/* Looks at all messages that this packet holds. */
static void note_messages(struct peers *peers, uint32_t from, const uint8_t *frames, size_t size)
{
    struct tw_server_frames decoded;
    if (tw_server_frames_decode(&decoded, frames, size) != TW_FRAMES_OK || !decoded.has_messages)
        return;
    struct tw_reader reader = tw_reader_make(decoded.messages, decoded.messages_size);
    struct tw_entry entry;
    while (tw_reader_left(&reader) > 0 && tw_entry_read(&reader, &entry) == TW_FRAMES_OK)
        note_leaves(peers, &peers->ends[from].channels[entry.channel], &entry);
}

static bool send_packet(struct peers *peers, uint32_t from, uint32_t own_bytes)
{
    struct peers_end *end = &peers->ends[from];
    uint8_t packet[TW_DATAGRAM_MAX] = {0};
    struct tw_writer writer =
        tw_writer_make(packet + ENVELOPE, tw_transport_plaintext_max(&end->transport));
    if (own_bytes > 0) {
        uint8_t *own = tw_write_space(&writer, own_bytes);
        own[0] = TW_FRAME_SNAPSHOT;
        tw_store_u16(own + 1, (uint16_t)(own_bytes - TW_FRAME_HEADER_SIZE));
    }
    tw_transport_write(&end->transport, &writer, peers->now_us);
    size_t size = (size_t)(writer.next - packet);
    if (size == ENVELOPE)
        return false;
    end->tick_at_us[end->sequence % PEERS_PACKETS] = own_bytes > 0 ? peers->now_us : 0;
    tw_store_u64(packet + TW_HEADER_SEQUENCE, end->sequence++);
    bool arrives = net_send(peers->net, from, packet, size, peers->now_us);
    note_messages(peers, from, packet + ENVELOPE, size - ENVELOPE);
    end->swallowed += !arrives && peers->hole_bytes > 0 && size > peers->hole_bytes;
    tw_transport_sent(&end->transport, (uint32_t)size, peers->now_us);
    return true;
}

static void send_probe(struct peers *peers, uint32_t from)
{
    struct peers_end *end = &peers->ends[from];
    uint8_t packet[TW_DATAGRAM_MAX] = {0};
    struct tw_writer writer = tw_writer_make(packet + ENVELOPE, TW_PLAINTEXT_MAX);
    if (!tw_transport_write_probe(&end->transport, &writer, peers->now_us))
        return;
    size_t size = (size_t)(writer.next - packet);
    end->tick_at_us[end->sequence % PEERS_PACKETS] = 0;
    tw_store_u64(packet + TW_HEADER_SEQUENCE, end->sequence++);
    net_send(peers->net, from, packet, size, peers->now_us);
    tw_transport_sent(&end->transport, (uint32_t)size, peers->now_us);
    end->probes++;
}

static void receive_packet(struct peers *peers, const struct net_delivery *delivery)
{
    uint32_t to = 1u - delivery->path;
    struct peers_end *end = &peers->ends[to];
    struct tw_server_frames frames;
    enum tw_frames_result decoded =
        tw_server_frames_decode(&frames, delivery->bytes + ENVELOPE, delivery->size - ENVELOPE);
    PEERS_CHECK(peers, decoded == TW_FRAMES_OK);
    struct tw_transport_packet packet = {
        .sequence = tw_load_u64(delivery->bytes + TW_HEADER_SEQUENCE),
        .ack = frames.has_ack ? &frames.ack : NULL,
        .messages = frames.has_messages ? frames.messages : NULL,
        .messages_size = frames.messages_size,
    };
    struct peers_end *from = &peers->ends[delivery->path];
    uint64_t tick_at_us = from->tick_at_us[packet.sequence % PEERS_PACKETS];
    from->ticks_received += tick_at_us != 0;
    from->ticks_prompt += tick_at_us != 0 && peers->now_us - tick_at_us <= peers->prompt_us;
    enum tw_transport_result result = tw_transport_receive(&end->transport, &packet, peers->now_us);
    PEERS_CHECK(peers, result == TW_TRANSPORT_OK || result == TW_TRANSPORT_NO_ROOM);
    end->no_room += result == TW_TRANSPORT_NO_ROOM;
    take_messages(peers, to);
}

static void step_end(struct peers *peers, uint32_t which)
{
    struct peers_end *end = &peers->ends[which];
    take_messages(peers, which);
    if (peers->now_us >= tw_transport_due_us(&end->transport, peers->now_us))
        tw_transport_update(&end->transport, peers->now_us);
    PEERS_CHECK(peers, !tw_transport_stalled(&end->transport, peers->now_us));
    if (end->sequence > TW_SEALED_MAX)
        return;
    if (peers->now_us >= end->next_tick_us) {
        /* A shard says less when the path is strained; inputs are never less. */
        static const uint32_t quarters[] = {4, 3, 2};
        uint32_t state = which == PEERS_SERVER ? tw_transport_state(&end->transport) : 0;
        uint32_t bytes = end->tick_bytes * quarters[state] / 4u;
        uint32_t most = tw_transport_plaintext_max(&end->transport);
        end->next_tick_us += end->tick_us;
        send_packet(peers, which, bytes < most ? bytes : most);
    }
    /* As the worker does; a kept one stays. */
    tw_transport_rest(&end->transport);
    if (end->sequence <= TW_SEALED_MAX)
        send_probe(peers, which);
    for (uint32_t i = 0; i < PACKETS_STEP && end->sequence <= TW_SEALED_MAX; i++) {
        if (!tw_transport_wants_packet(&end->transport, peers->now_us))
            break;
        /* Whoever says it wants a packet must have something for it. */
        PEERS_CHECK(peers, send_packet(peers, which, 0));
        if (i + 1u > end->burst_max)
            end->burst_max = i + 1u;
    }
}

void peers_run(struct peers *peers, uint64_t us)
{
    static struct net_delivery delivery;
    for (uint64_t end_us = peers->now_us + us; peers->now_us < end_us;) {
        peers->now_us += PEERS_STEP_US;
        while (net_receive(peers->net, peers->now_us, &delivery))
            receive_packet(peers, &delivery);
        step_end(peers, PEERS_CLIENT);
        step_end(peers, PEERS_SERVER);
    }
}

static bool all_arrived(const struct peers *peers)
{
    for (uint32_t i = 0; i < 2; i++) {
        if (!tw_transport_all_arrived(&peers->ends[i].transport))
            return false;
    }
    return true;
}

bool peers_settle(struct peers *peers, uint64_t us)
{
    for (uint64_t end_us = peers->now_us + us; peers->now_us < end_us;) {
        if (all_arrived(peers))
            return true;
        peers_run(peers, 10 * PEERS_STEP_US);
    }
    return false;
}
