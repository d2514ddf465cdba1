/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Tokens: what an issuer seals for one engine, and the connect token it hands to a client.
 *
 * Sealed with XChaCha20-Poly1305 under a token key only issuer and control plane know;
 * associated data = "tickwire v1 token" ‖ key id (LE32). Pure; nonce and time are arguments.
 * Structs holding a psk are secret.
 */
#ifndef TICKWIRE_DATAPLANE_WIRE_TOKEN_H
#define TICKWIRE_DATAPLANE_WIRE_TOKEN_H

#include "tickwire/address.h"
#include "tickwire/wire.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct tw_token {
    uint8_t id[TW_TOKEN_ID_SIZE];
    uint8_t psk[TW_KEY_SIZE];
    uint64_t account;
    uint8_t audience[TW_AUDIENCE_SIZE];
    uint32_t world;
    uint16_t version;
    uint8_t suites;
    uint8_t address_count;
    uint64_t expires_unix_s;
    uint64_t issued_unix_s;
    struct tw_address addresses[TW_TOKEN_ADDRESSES]; /* of the engine */
    uint8_t resumes[TW_TOKEN_ID_SIZE]; /* token id of the session to be resumed; zero: none */
};

struct tw_connect_token {
    uint16_t version;
    uint8_t suites;
    uint8_t address_count;
    uint64_t expires_unix_s;
    struct tw_address addresses[TW_TOKEN_ADDRESSES];
    uint8_t token[TW_TOKEN_SIZE];
    uint8_t server_key[TW_KEY_SIZE];
    uint8_t psk[TW_KEY_SIZE];
};

/* audience = first 16 bytes of SHA-256(engine name, without terminator). */
void tw_token_audience(uint8_t audience[TW_AUDIENCE_SIZE], const char *engine_name);

void tw_token_seal(uint8_t out[TW_TOKEN_SIZE], const struct tw_token *token, uint32_t key_id,
                   const uint8_t key[TW_KEY_SIZE], const uint8_t nonce[TW_TOKEN_NONCE_SIZE]);

/* Zero: it begins a new session. */
bool tw_token_resumes(const struct tw_token *token);

/* Key id in clear, to find the key. */
uint32_t tw_token_key_id(const uint8_t sealed[TW_TOKEN_SIZE]);

/* False: wrong key, forged, or fields out of range. */
bool tw_token_open(struct tw_token *token, const uint8_t sealed[TW_TOKEN_SIZE],
                   const uint8_t key[TW_KEY_SIZE]) __attribute__((warn_unused_result));

void tw_connect_token_write(uint8_t out[TW_CONNECT_SIZE], const struct tw_connect_token *token);
/* False: wrong magic, size, version or counts. */
bool tw_connect_token_read(struct tw_connect_token *token, const uint8_t *bytes, size_t length)
    __attribute__((warn_unused_result));

#endif
