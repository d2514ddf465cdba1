/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * One attempt to connect: when to send which handshake packet, and how the attempt ends.
 *
 * No socket and no clock: the caller asks what is due, sends it, hands in what arrives. Holds
 * secrets until tw_client_connection_wipe. Time is µs of the caller's monotonic clock.
 * Single-threaded.
 */
#ifndef TICKWIRE_DATAPLANE_CLIENT_CONNECTION_H
#define TICKWIRE_DATAPLANE_CLIENT_CONNECTION_H

#include "dataplane/wire/handshake_client.h"
#include "tickwire/client.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Repeats: quick enough for one lost packet, slow enough for a server under load. */
#define TW_CLIENT_REPEAT_FIRST_MS 250u
#define TW_CLIENT_REPEAT_MAX_MS   1000u
/* An unauthenticated "try again" delays by no more than this. */
#define TW_CLIENT_TRY_AGAIN_MAX_MS 10000u
/* Hellos without an answer before the token's next address is tried. */
#define TW_CLIENT_HELLOS_PER_ADDRESS 3u
/* Hello 2 without an answer: longer than a pending session lives (5 s), so that starting over with
 * another cookie cannot meet one. Covers an engine that restarted and lost its cookie keys. */
#define TW_CLIENT_HELLO2_PATIENCE_MS 6000u

struct tw_client_connection_config {
    const struct tw_connect_token *connect;
    uint8_t suites;          /* this machine can run */
    uint32_t connect_ms;     /* for the whole handshake */
    uint64_t token_valid_us; /* from now on; 0: expired already by this machine's wall clock */
    const uint8_t *ephemeral_secret; /* 32 fresh random bytes */
};

struct tw_client_connection {
    struct tw_handshake_client handshake;
    uint64_t deadline_us;
    uint64_t token_expires_us;
    uint64_t next_send_us;
    uint64_t hello2_since_us;
    uint32_t repeat_ms;
    uint32_t hellos_unanswered;
    uint8_t address; /* index of the one in use */
    bool wrong_version;
    bool token_was_valid; /* when the attempt began */
};

enum tw_client_connection_due {
    TW_CLIENT_DUE_NOTHING,
    TW_CLIENT_DUE_SEND, /* a packet was written; send it to tw_client_connection_address */
    TW_CLIENT_DUE_END,  /* *end tells why */
};

/* False: no common suite. */
bool tw_client_connection_init(struct tw_client_connection *connection,
                               const struct tw_client_connection_config *config, uint64_t now_us)
    __attribute__((warn_unused_result));
void tw_client_connection_wipe(struct tw_client_connection *connection);

/* What to do now; out[TW_DATAGRAM_MAX] and *size are the packet of DUE_SEND. */
enum tw_client_connection_due tw_client_connection_update(struct tw_client_connection *connection,
                                                          uint64_t now_us, uint8_t *out,
                                                          size_t *size, enum tw_client_end *end);

/* Hands in a datagram with connection id 0. On WELCOME, secrets and welcome are in `handshake`; on
 * REFUSED, `handshake.reason`; on TRY_AGAIN, the wait that is kept is stored in `after_ms`. */
enum tw_handshake_news tw_client_connection_receive(struct tw_client_connection *connection,
                                                    const uint8_t *packet, size_t length,
                                                    uint64_t now_us);

/* Our own address changed: a cookie for the old one is worth nothing. Starts with a hello, now. */
void tw_client_connection_restart(struct tw_client_connection *connection, uint64_t now_us);

const struct tw_address *tw_client_connection_address(
    const struct tw_client_connection *connection);

#endif
