/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The client's half of the handshake, as a state machine without socket or clock.
 *
 * One per connection attempt; single-threaded; secret memory, wiped by tw_handshake_client_wipe.
 * The caller sends what tw_handshake_client_packet gives, again and again (its own timer), and
 * hands in every datagram with connection id 0.
 */
#ifndef TICKWIRE_DATAPLANE_WIRE_HANDSHAKE_CLIENT_H
#define TICKWIRE_DATAPLANE_WIRE_HANDSHAKE_CLIENT_H

#include "dataplane/wire/handshake.h"

enum tw_handshake_step {
    TW_STEP_HELLO,    /* waiting for a cookie */
    TW_STEP_HELLO2,   /* waiting for the welcome */
    TW_STEP_WELCOMED, /* done: secrets and welcome are valid */
    TW_STEP_REFUSED,  /* authenticated refusal: reason is valid */
};

enum tw_handshake_news {
    TW_NEWS_NONE,   /* ignored: not ours, malformed, forged, or out of order */
    TW_NEWS_COOKIE, /* send again at once: the packet is now hello 2 */
    TW_NEWS_WELCOME,
    TW_NEWS_TRY_AGAIN,     /* after_ms is valid; start over with hello then */
    TW_NEWS_WRONG_VERSION, /* unauthenticated hint; keep trying until the timeout */
    TW_NEWS_REFUSED,
};

struct tw_handshake_client {
    enum tw_handshake_step step;
    uint8_t suites; /* offered */
    struct tw_connect_token connect;
    uint8_t ephemeral_secret[TW_KEY_SIZE];
    uint8_t ephemeral[TW_KEY_SIZE];
    uint8_t hello2[TW_HELLO2_SIZE];
    tw_crc32c_function crc;
    /* results */
    struct tw_session_secrets secrets;
    struct tw_welcome welcome;
    enum tw_refusal reason;
    uint32_t after_ms;
    uint16_t version_min, version_max;
};

/* `ephemeral_secret`: 32 fresh random bytes. `suites`: what this machine can run; offered is the
 * intersection with the token's. False if that is empty. */
bool tw_handshake_client_init(struct tw_handshake_client *handshake,
                              const struct tw_connect_token *connect, uint8_t suites,
                              const uint8_t ephemeral_secret[TW_KEY_SIZE], tw_crc32c_function crc)
    __attribute__((warn_unused_result));

/* The packet to send now into out[TW_DATAGRAM_MAX]; its length, 0 when there is nothing to send. */
size_t tw_handshake_client_packet(const struct tw_handshake_client *handshake, uint8_t *out);

enum tw_handshake_news tw_handshake_client_receive(struct tw_handshake_client *handshake,
                                                   const uint8_t *packet, size_t length);

/* Back to the first hello with the same ephemeral key (after "try again": the cookie may be old).
 */
void tw_handshake_client_restart(struct tw_handshake_client *handshake);

void tw_handshake_client_wipe(struct tw_handshake_client *handshake);

#endif
