/* SPDX-License-Identifier: BSD-3-Clause */
/* A client and a server that meet in memory: start of every handshake test and fuzzer. */
#ifndef TICKWIRE_TESTS_UNIT_WIRE_MEETING_H
#define TICKWIRE_TESTS_UNIT_WIRE_MEETING_H

#include "dataplane/wire/cookie.h"
#include "dataplane/wire/handshake_client.h"

struct meeting {
    /* the issuer's and the server's side */
    struct tw_token_key token_keys[2]; /* current, previous */
    uint8_t static_secret[TW_KEY_SIZE];
    uint8_t server_ephemeral_secret[TW_KEY_SIZE];
    uint8_t audience[TW_AUDIENCE_SIZE];
    struct tw_handshake_server server;
    struct tw_cookie_keys cookie_keys;
    struct tw_address server_address, client_address;
    uint64_t now_unix_s;
    struct tw_token token; /* as issued */
    /* the client's side */
    struct tw_connect_token connect;
    uint8_t client_ephemeral_secret[TW_KEY_SIZE];
    struct tw_handshake_client client;
    /* what the server found out */
    struct tw_token opened;
    uint8_t suite;
    uint8_t server_ephemeral[TW_KEY_SIZE];
    struct tw_session_secrets secrets;
    struct tw_welcome welcome;
};

/* Everything set up, valid in every respect; client at its first hello. Points into itself: do not
 * copy. */
void meeting_init(struct meeting *meeting);

/* Seals meeting->token again and restarts the client with it. */
void meeting_issue(struct meeting *meeting);

/* The server's cookie answer to the client's current hello. */
void meeting_cookie(struct meeting *meeting, uint8_t out[TW_COOKIE_PACKET]);

/* Hello and cookie, up to the client's hello 2 in out. */
void meeting_hello2(struct meeting *meeting, uint8_t out[TW_HELLO2_SIZE]);

/* tw_handshake_check with the meeting's arguments. */
enum tw_verdict meeting_check(struct meeting *meeting, const uint8_t *hello2);

/* The server's welcome to hello 2, with meeting->welcome. False: a low-order key. */
bool meeting_welcome(struct meeting *meeting, const uint8_t *hello2, uint8_t out[TW_WELCOME_SIZE]);

#endif
