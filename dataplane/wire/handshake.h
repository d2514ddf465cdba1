/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The handshake's packets: building and parsing, both ends. docs/protocol.md section 3.
 *
 *   client                         worker                       control plane
 *     hello (1,200 bytes) ──────────►
 *     ◄────────────────────── cookie        (no state kept)
 *     hello 2 (cookie, token, binder) ─► cookie ok ──────────────► token, binder, DH, secrets
 *     ◄───────────────────── welcome  ◄────────────────────────── install
 *     first sealed packet ──────────► pending → live ────────────► token consumed
 *
 * Pure: bytes, keys and randomness are arguments. Parsers check size, reserved fields and (where
 * told) the CRC, then hand out pointers into the packet; they never allocate.
 */
#ifndef TICKWIRE_DATAPLANE_WIRE_HANDSHAKE_H
#define TICKWIRE_DATAPLANE_WIRE_HANDSHAKE_H

#include "dataplane/wire/crc32c.h"
#include "dataplane/wire/keys.h"
#include "dataplane/wire/token.h"
#include "tickwire/drop_reasons.h"
#include "tickwire/wire.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* ---- what a worker does ---------------------------------------------------------------------- */

enum tw_hello_result {
    TW_HELLO_OK,
    TW_HELLO_MALFORMED,     /* wrong size, reserved or padding bytes set */
    TW_HELLO_CRC,           /* wrong CRC32C */
    TW_HELLO_OTHER_VERSION, /* well-formed (hello: full size) but of another version */
    TW_HELLO_NO_SUITE,      /* offers no suite this version knows */
};

struct tw_hello {
    uint16_t version;
    uint8_t suites;
    const uint8_t *ephemeral; /* 32 bytes inside the packet */
    const uint8_t *cookie;    /* hello 2 only, 16 bytes */
    const uint8_t *token;     /* hello 2 only, TW_TOKEN_SIZE bytes */
    const uint8_t *binder;    /* hello 2 only, 32 bytes */
};

/* Cheapest checks first: size and reserved bytes, CRC, version, padding. */
enum tw_hello_result tw_hello_parse(struct tw_hello *hello, const uint8_t *packet, size_t length,
                                    tw_crc32c_function crc);
enum tw_hello_result tw_hello2_parse(struct tw_hello *hello, const uint8_t *packet, size_t length,
                                     tw_crc32c_function crc);

/* Each writes one whole answer (size in its name's constant), CRC included. */
void tw_cookie_packet_write(uint8_t out[TW_COOKIE_PACKET], const uint8_t *ephemeral,
                            const uint8_t cookie[TW_COOKIE_SIZE], tw_crc32c_function crc);
void tw_try_again_write(uint8_t out[TW_TRY_AGAIN_SIZE], const uint8_t *ephemeral, uint32_t after_ms,
                        tw_crc32c_function crc);
void tw_wrong_version_write(uint8_t out[TW_WRONG_VERSION_SIZE], const uint8_t *ephemeral,
                            uint16_t version_min, uint16_t version_max, tw_crc32c_function crc);

struct tw_welcome {
    uint32_t connection_id;
    uint32_t world;
    uint64_t server_time_us;
    uint64_t tick;
    uint16_t mtu;
    uint8_t suite;
    uint8_t tick_hz;
    uint8_t snapshot_hz;
    uint16_t width_cells; /* of a world without edges; 0: it has edges */
};

/* Public keys, TW_KEY_SIZE bytes each. */
struct tw_ephemerals {
    const uint8_t *client;
    const uint8_t *server;
};

/* Writes header, both ephemeral keys, the sealed part and the CRC. */
void tw_welcome_write(uint8_t out[TW_WELCOME_SIZE], const struct tw_welcome *welcome,
                      const struct tw_ephemerals *ephemerals,
                      const struct tw_session_secrets *secrets, tw_crc32c_function crc);

/* ---- what the control plane does ------------------------------------------------------------ */

struct tw_token_key {
    uint32_t id;
    uint8_t key[TW_KEY_SIZE];
};

struct tw_handshake_server {
    const struct tw_token_key *token_keys; /* current and previous ones */
    size_t token_key_count;
    const uint8_t *static_secret; /* X25519, 32 bytes */
    const uint8_t *audience;      /* TW_AUDIENCE_SIZE bytes */
    uint8_t suites;               /* allowed here, in order of preference AES, ChaCha */
    uint32_t world;
};

struct tw_hello2_arrival {
    const uint8_t *hello2; /* TW_HELLO2_SIZE bytes */
    const struct tw_address *destination;
    uint64_t now_unix_s;
};

/* First half, symmetric: opens the token, checks binder, version, expiry, audience, destination
 * address, world, suite. Returns WELCOMED when all hold. TOKEN_INVALID, TOKEN_MISMATCH and
 * BINDER_WRONG must stay unanswered; for the others tw_refused_write makes the answer. */
enum tw_verdict tw_handshake_check(const struct tw_handshake_server *server,
                                   const struct tw_hello2_arrival *arrival, struct tw_token *token,
                                   uint8_t *suite) __attribute__((warn_unused_result));

/* The server's of one handshake. */
struct tw_ephemeral_pair {
    const uint8_t *secret; /* TW_KEY_SIZE fresh random bytes */
    uint8_t *public_key;   /* where it goes, TW_KEY_SIZE bytes */
};

/* Second half, public-key: derives all secrets. False: an all-zero DH result. */
bool tw_handshake_derive(const struct tw_handshake_server *server,
                         const uint8_t hello2[TW_HELLO2_SIZE], const struct tw_token *token,
                         const struct tw_ephemeral_pair *ephemeral,
                         struct tw_session_secrets *secrets) __attribute__((warn_unused_result));

void tw_refused_write(uint8_t out[TW_REFUSED_SIZE], enum tw_refusal reason,
                      const uint8_t hello2[TW_HELLO2_SIZE], const uint8_t psk[TW_KEY_SIZE],
                      tw_crc32c_function crc);

/* TW_REFUSAL_NONE for verdicts that stay unanswered. */
enum tw_refusal tw_refusal_of_verdict(enum tw_verdict verdict);

#endif
