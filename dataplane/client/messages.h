/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A game's messages: compressed before the transport cuts them up, restored once they are whole.
 *
 * Single-threaded. Memory is the struct, taken once: nothing is allocated for a message.
 */
#ifndef TICKWIRE_DATAPLANE_CLIENT_MESSAGES_H
#define TICKWIRE_DATAPLANE_CLIENT_MESSAGES_H

#include "dataplane/wire/compression.h"
#include "dataplane/wire/transport.h"
#include "tickwire/client.h"

struct tw_client_messages {
    struct tw_compressor compressor;
    uint8_t scratch[TW_MESSAGE_MAX];
};

void tw_client_messages_init(struct tw_client_messages *messages);

/* Queues a message; large ones of the bulk channel as compressed ones where that helps. */
enum tw_sender_result tw_client_messages_send(struct tw_client_messages *messages,
                                              struct tw_transport *transport,
                                              const struct tw_outgoing *message, uint64_t now_us,
                                              struct tw_client_statistics *statistics);

/* Where the next message goes. */
struct tw_client_messages_room {
    struct tw_client_message *message;
    uint8_t *bytes;
    size_t capacity;
};
/* As tw_client_take_message. What turns out to be damaged, which is the server's fault, is counted
 * and left out. `pool`: of the transport's blocks. */
int tw_client_messages_take(struct tw_client_messages *messages, struct tw_transport *transport,
                            struct tw_block_pool *pool, const struct tw_client_messages_room *room,
                            struct tw_client_statistics *statistics);

#endif
