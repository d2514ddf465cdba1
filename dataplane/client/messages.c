/* SPDX-License-Identifier: BSD-3-Clause */
#include "dataplane/client/messages.h"

void tw_client_messages_init(struct tw_client_messages *messages)
{
    tw_compressor_init(&messages->compressor);
}

enum tw_sender_result tw_client_messages_send(struct tw_client_messages *messages,
                                              struct tw_transport *transport,
                                              const struct tw_outgoing *message, uint64_t now_us,
                                              struct tw_client_statistics *statistics)
{
    const struct tw_compressor *compressor = &messages->compressor;
    if (message->channel != TW_CHANNEL_BULK || message->size <= TW_COMPRESS_ABOVE)
        return tw_transport_send(transport, message, now_us);
    tw_compress(&messages->compressor, message->bytes, message->size);
    if (compressor->compressed_size == 0)
        return tw_transport_send(transport, message, now_us);
    struct tw_outgoing compressed = *message;
    compressed.flags = TW_ENTRY_COMPRESSED;
    compressed.bytes = compressor->compressed;
    compressed.size = compressor->compressed_size;
    enum tw_sender_result result = tw_transport_send(transport, &compressed, now_us);
    if (result == TW_SENDER_QUEUED) {
        statistics->messages_compressed++;
        statistics->message_bytes_saved += message->size - compressed.size;
    }
    return result;
}

int tw_client_messages_take(struct tw_client_messages *messages, struct tw_transport *transport,
                            struct tw_block_pool *pool, const struct tw_client_messages_room *room,
                            struct tw_client_statistics *statistics)
{
    const struct tw_message *next;
    while ((next = tw_transport_peek(transport)) != NULL) {
        uint32_t size = tw_message_full_size(next, pool->blocks);
        room->message->channel = (enum tw_client_channel)next->channel;
        room->message->size = size;
        if (size > room->capacity)
            return TW_CLIENT_ERROR_ARGUMENT;
        struct tw_message *taken = tw_transport_take(transport);
        bool restored =
            size > 0 && tw_message_restore(taken, pool->blocks, messages->scratch, room->bytes);
        statistics->messages_decompressed += restored && taken->flags != 0;
        statistics->messages_damaged += !restored;
        tw_message_free(pool, taken);
        if (restored)
            return 1;
    }
    return 0;
}
