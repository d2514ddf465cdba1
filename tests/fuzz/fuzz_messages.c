/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A peer that sends anything: bodies of messages frames and acks, into a transport that also sends.
 * Input: a row of { u8 kind, … }: kind & 3 = 0: u16 size, body; 1: ack of a number and bitmap; 2: a
 * message of our own; 3: time. In inputs of odd length two sessions share the pool, and kind & 4 is
 * which. No block may be lost, no bound exceeded, nothing stay promised or in line. What comes
 * compressed is restored.
 */
#include "dataplane/wire/compression.h"
#include "dataplane/wire/transport.h"
#include "tests/fuzz/fuzzing.h"

#include <stdlib.h>

#define BLOCKS   1024u
#define SESSIONS 2u

static struct tw_block_pool pool;
static struct tw_channels_pool channels;
static struct tw_transport transports[SESSIONS];
static void *blocks_memory;

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
    (void)argc;
    (void)argv;
    blocks_memory = aligned_alloc(64, (tw_block_pool_footprint(BLOCKS) + 63u) / 64u * 64u);
    TW_ASSERT(blocks_memory);
    static _Alignas(64) uint8_t channels_memory[SESSIONS * sizeof(struct tw_channels) + 128];
    struct tw_channels_config config = {.blocks = &pool, .send_blocks_max = 100};
    TW_ASSERT(tw_channels_pool_footprint(SESSIONS) <= sizeof(channels_memory));
    tw_channels_pool_init(&channels, &config, channels_memory, SESSIONS);
    return 0;
}

/* Nothing is written beyond what the message says, whatever it holds. */
static void restore(const struct tw_message *message)
{
    static uint8_t scratch[TW_MESSAGE_MAX];
    uint32_t full = tw_message_full_size(message, pool.blocks);
    TW_ASSERT(full <= TW_MESSAGE_MAX && (full > 0 || message->flags != 0));
    uint8_t *whole = malloc(full > 0 ? full : 1u);
    TW_ASSERT(whole);
    bool restored = tw_message_restore(message, pool.blocks, scratch, whole);
    TW_ASSERT(restored ? full > 0 : message->flags != 0);
    if (!restored || full == 0) {
        free(whole);
        return;
    }
    /* What it was compresses again to something that is the same. */
    static struct tw_compressor compressor;
    tw_compressor_init(&compressor);
    tw_compress(&compressor, whole, full);
    TW_ASSERT(compressor.compressed_size <= full - (full + 7u) / 8u);
    free(whole);
}

/* Of all that the pool tells of what comes in. */
static void check_pool(void)
{
    uint32_t loose = 0, sure = 0, held = 0, ready = 0;
    for (uint32_t i = 0; i < SESSIONS; i++) {
        const struct tw_channels *of = transports[i].channels;
        if (!of)
            continue;
        loose += of->receiver.holder.loose;
        sure += of->receiver.holder.sure;
        TW_ASSERT(of->receiver.holder.whole <= of->receiver.holder.sure);
        for (uint32_t k = 0; k < TW_CHANNEL_COUNT; k++) {
            ready += of->receiver.ready[k].blocks;
            TW_ASSERT(of->receiver.channels[k].held <= TW_MESSAGE_BLOCKS_MAX + TW_MESSAGE_SPARE);
            held += of->receiver.channels[k].held;
        }
    }
    TW_ASSERT(pool.loose == loose && pool.incoming == held + ready);
    TW_ASSERT(loose + sure == pool.incoming + pool.claimed);
    TW_ASSERT(pool.incoming + pool.claimed <= pool.incoming_max);
}

static void receive(struct tw_transport *transport, struct tw_reader *input, uint64_t sequence,
                    uint64_t now_us)
{
    uint8_t body[TW_DATAGRAM_MAX];
    size_t size = fuzz_u16(input) % sizeof(body);
    fuzz_take(input, body, size);
    struct tw_transport_packet packet = {
        .sequence = sequence, .messages = body, .messages_size = size};
    uint32_t free_before = pool.free_count;
    enum tw_transport_result result = tw_transport_receive(transport, &packet, now_us);
    TW_ASSERT(result == TW_TRANSPORT_OK || result == TW_TRANSPORT_NO_ROOM ||
              pool.free_count == free_before);
    check_pool();
    struct tw_message *message = tw_transport_take(transport);
    if (message) {
        TW_ASSERT(message->size >= 1 && message->size <= TW_MESSAGE_MAX && message->missing == 0);
        restore(message);
        tw_message_free(&pool, message);
    }
}

static void acknowledge(struct tw_transport *transport, struct tw_reader *input, uint64_t sequence,
                        uint64_t now_us)
{
    struct tw_frame_ack ack = {.largest = fuzz_u8(input), .bitmap = fuzz_u64(input)};
    struct tw_transport_packet packet = {.sequence = sequence, .ack = &ack};
    enum tw_transport_result result = tw_transport_receive(transport, &packet, now_us);
    TW_ASSERT(result == TW_TRANSPORT_OK || result == TW_TRANSPORT_RANGE);
    TW_ASSERT(result == TW_TRANSPORT_RANGE || ack.largest < transport->sent.next);
}

static void send(struct tw_transport *transport, struct tw_reader *input, uint64_t now_us)
{
    static const uint8_t bytes[TW_MESSAGE_MAX];
    struct tw_outgoing message = {.channel = fuzz_u8(input) % TW_CHANNEL_COUNT,
                                  .bytes = bytes,
                                  .size = fuzz_u16(input),
                                  .deadline_us = fuzz_u8(input) * UINT64_C(1000)};
    (void)tw_transport_send(transport, &message, now_us);
    for (uint32_t i = 0; i < 4 && tw_transport_wants_packet(transport, now_us); i++) {
        uint8_t packet[TW_PLAINTEXT_MAX];
        struct tw_writer writer = tw_writer_make(packet, sizeof(packet));
        tw_transport_write(transport, &writer, now_us);
        TW_ASSERT(!writer.failed && writer.next > packet);
        tw_transport_sent(transport, (uint32_t)(writer.next - packet), now_us);
    }
}

static void update(struct tw_transport *transport, uint64_t now_us)
{
    tw_transport_update(transport, now_us);
    (void)tw_transport_stalled(transport, now_us);
    (void)tw_transport_late(transport, now_us);
    (void)tw_holder_is_short(&pool, now_us);
    TW_ASSERT(tw_transport_rest(transport) || pool.free_count < pool.capacity ||
              transport->channels->receiver.holder.wants > 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct tw_reader input = tw_reader_make(data, size);
    struct tw_transport_config config = {.channels = &channels, .first_sequence = 1};
    uint64_t now_us = 1000;
    uint32_t sessions = 1u + size % 2u;
    tw_block_pool_init(&pool, blocks_memory, BLOCKS);
    if (sessions > 1u)
        tw_block_pool_promise(&pool, sessions);
    for (uint32_t i = 0; i < SESSIONS; i++)
        tw_transport_init(&transports[i], &config, now_us);
    for (uint64_t sequence = 1; tw_reader_left(&input) > 0; sequence++) {
        uint8_t kind = fuzz_u8(&input);
        struct tw_transport *transport = &transports[kind / 4u % sessions];
        switch (kind & 3u) {
        case 0:
            receive(transport, &input, sequence, now_us);
            break;
        case 1:
            acknowledge(transport, &input, sequence, now_us);
            break;
        case 2:
            send(transport, &input, now_us);
            break;
        default:
            now_us += fuzz_u16(&input) * UINT64_C(100);
            update(transport, now_us);
            break;
        }
    }
    for (uint32_t i = 0; i < SESSIONS; i++)
        tw_transport_fini(&transports[i]);
    TW_ASSERT(pool.free_count == pool.capacity && channels.free_count == channels.capacity);
    TW_ASSERT(pool.claimed == 0 && pool.loose == 0 && !pool.line_first && !pool.line_last);
    return 0;
}
