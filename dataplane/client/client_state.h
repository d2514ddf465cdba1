/* SPDX-License-Identifier: BSD-3-Clause */
/* A client's memory, shared by the files of the public interface: client.c and reading.c. */
#ifndef TICKWIRE_DATAPLANE_CLIENT_CLIENT_STATE_H
#define TICKWIRE_DATAPLANE_CLIENT_CLIENT_STATE_H

#include "dataplane/client/connection.h"
#include "dataplane/client/farewell.h"
#include "dataplane/client/messages.h"
#include "dataplane/client/session.h"

struct tw_client {
    struct tw_client_session session;       /* valid when CONNECTED */
    struct tw_client_connection connection; /* valid when CONNECTING */
    struct tw_client_farewell farewell;     /* to the newest session, when CLOSED */
    struct tw_client_config config;
    const struct tw_aead_backend *backend;
    struct tw_view *view;
    struct tw_view_entity *scratch; /* entities_max */
    struct tw_client_event *queue;
    void *view_memory;
    struct tw_block_pool pool;
    void *pool_memory;
    struct tw_channels_pool channels; /* of one session */
    void *channels_memory;
    struct tw_client_messages *messages;
    struct tw_connect_token resume; /* of the present session, or the newest; expiry 0: none */
    struct tw_client_events events;
    struct tw_client_statistics statistics;
    struct tw_client_world world;
    enum tw_client_state state;
    struct tw_address server;
    struct tw_input input;
    uint64_t now_us; /* latest time handed in */
    int descriptor;  /* own socket, or -1 */
    struct tw_address descriptor_server;
    uint8_t ephemeral[TW_KEY_SIZE];
    uint8_t packet[TW_DATAGRAM_MAX];
};

#endif
