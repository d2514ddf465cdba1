/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A server and a network in memory: the server's half of the protocol over dataplane/wire, a world
 * made by hand, and datagrams that take time, get lost or come twice as a test says.
 *
 * Time is the test's. Its clock starts at an odd value, the server's at another one.
 */
#ifndef TICKWIRE_TESTS_UNIT_CLIENT_FAKE_SERVER_H
#define TICKWIRE_TESTS_UNIT_CLIENT_FAKE_SERVER_H

#include "dataplane/wire/cookie.h"
#include "dataplane/wire/handshake.h"
#include "dataplane/wire/transport.h"
#include "tests/sim/server_link.h"
#include "tickwire/client.h"

#include <stdbool.h>
#include <stdint.h>

#define FAKE_QUEUE       512u
#define FAKE_START_US    UINT64_C(7000000123)
#define FAKE_TICK_HZ     60u
#define FAKE_TICKS_MAX   4096u
#define FAKE_SNAPSHOT_US 50000u
#define FAKE_STEP_US     1000u
#define FAKE_ENTITIES    40u
#define FAKE_BLOCKS      700u

struct fake_datagram {
    uint64_t due_us;
    uint32_t size; /* 0: free */
    bool to_server;
    uint8_t bytes[TW_DATAGRAM_MAX];
};

struct fake_server {
    /* the network; a test sets these */
    uint64_t delay_out_us, delay_in_us;   /* client to server, server to client */
    uint64_t jitter_out_us, jitter_in_us; /* up to so much more, at random */
    uint32_t loss_percent;
    uint32_t lose_out, lose_in; /* the n-th datagram of that direction is lost; 0: none */
    bool twice;                 /* every datagram to the client arrives twice */
    bool dead;                  /* nothing reaches the server any more */
    uint64_t random;
    uint32_t count_out, count_in;
    struct fake_datagram queue[FAKE_QUEUE];
    /* what the server does; a test sets these */
    uint32_t try_again_left, try_again_ms;
    bool other_version;
    enum tw_refusal refuse;
    bool silent;
    bool wrong_hash;
    uint8_t challenge[TW_CHALLENGE_SIZE]; /* in every snapshot, unless 0 comes first */
    uint32_t rename_to;                   /* in every snapshot, unless 0 */
    bool damages;                         /* compressed messages */
    bool endless_enters;                  /* every snapshot has FAKE_ENTITIES new entities */
    /* the server */
    struct tw_token_key token_key;
    uint8_t static_secret[TW_KEY_SIZE];
    struct tw_cookie_keys cookies;
    uint64_t now_us;
    uint64_t offset_us; /* server time = now - offset */
    bool welcomed;
    uint8_t hello2[TW_HELLO2_SIZE];
    uint8_t welcome[TW_WELCOME_SIZE];
    uint32_t connection_id;
    struct server_link link;
    struct tw_transport transport; /* whatever message comes goes back */
    struct tw_block_pool pool;
    struct tw_channels_pool channels;
    _Alignas(64) uint8_t channels_memory[sizeof(struct tw_channels) + 128];
    _Alignas(64) uint8_t pool_memory[(FAKE_BLOCKS + 2u) * (TW_BLOCK_BYTES + 320u)];
    uint64_t next_snapshot_us;
    uint32_t snapshot_number, snapshot_acked;
    uint8_t generation;
    /* what the server saw */
    uint32_t hellos, hello2s, sealed, closes, acks, pings, malformed;
    uint16_t close_reason;
    uint32_t check_number, check_copies; /* of the newest check, and packets with it */
    uint32_t responses, heard_id;        /* heard_id: of the newest packet that opened */
    uint8_t response[TW_CHALLENGE_SIZE];
    uint32_t last_input_tick, first_input_tick;
    struct tw_input newest_input;
    uint8_t inputs[FAKE_TICKS_MAX];       /* copies seen of the input of a tick */
    uint8_t last_packet[TW_DATAGRAM_MAX]; /* newest one to the client */
    uint32_t last_packet_size;
};

void fake_server_init(struct fake_server *server);
/* valid_s: how long the token is valid by the wall clock; negative: expired. */
void fake_server_token(struct fake_server *server, int64_t valid_s, uint8_t out[TW_CONNECT_SIZE]);
struct tw_client_config fake_server_client_config(struct fake_server *server);
/* A server, and a client of that configuration that has been connected to it for a while. */
struct tw_client *fake_server_join(struct fake_server *server);

/* Lets time pass in steps of 1 ms: datagrams arrive, the client is updated. */
void fake_server_run(struct fake_server *server, struct tw_client *client, uint64_t duration_us);
/* The same, without updating the client. */
void fake_server_pass(struct fake_server *server, struct tw_client *client, uint64_t duration_us);
void fake_server_close(struct fake_server *server, enum tw_close_reason reason);
/* Puts any bytes on the way to the client. */
void fake_server_inject(struct fake_server *server, const uint8_t *bytes, uint32_t size);
uint64_t fake_server_time_us(const struct fake_server *server);
uint64_t fake_server_tick(const struct fake_server *server);

#endif
