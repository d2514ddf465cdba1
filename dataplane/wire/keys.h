/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Key schedule: HKDF-SHA256 (RFC 5869) from the handshake's shared secrets to packet keys.
 *
 * Pure functions over caller memory. Every struct here is secret: wipe it with sodium_memzero
 * when done. Sources: RFC 5869, RFC 7748; the shape follows TLS 1.3 (RFC 8446 section 7).
 */
#ifndef TICKWIRE_DATAPLANE_WIRE_KEYS_H
#define TICKWIRE_DATAPLANE_WIRE_KEYS_H

#include "dataplane/wire/aead.h"
#include "tickwire/wire.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct tw_session_secrets {
    uint8_t client_to_server[TW_KEY_SIZE]; /* phase 0 secret */
    uint8_t server_to_client[TW_KEY_SIZE];
    uint8_t confirm_key[TW_KEY_SIZE];
    uint8_t confirm_iv[TW_IV_SIZE];
    uint8_t resume[TW_KEY_SIZE];      /* psk of the resume token */
    uint8_t transcript[TW_HASH_SIZE]; /* SHA-256(hello 2 ‖ clear part of welcome) */
};

void tw_hkdf_extract(uint8_t prk[TW_HASH_SIZE], const uint8_t *salt, size_t salt_size,
                     const uint8_t *input, size_t input_size);
/* out_size <= 255 * 32; label is text without its terminator. */
void tw_hkdf_expand(uint8_t *out, size_t out_size, const uint8_t prk[TW_HASH_SIZE],
                    const char *label);

/* SHA-256 over hello2[TW_HELLO2_SIGNED] ‖ welcome[TW_WELCOME_CLEAR]. */
void tw_transcript_hash(uint8_t out[TW_HASH_SIZE], const uint8_t *hello2, const uint8_t *welcome);

/* Derives everything from DH(ephemeral, ephemeral), DH(ephemeral, static), psk and the
 * transcript hash. */
void tw_session_secrets_derive(struct tw_session_secrets *secrets,
                               const uint8_t dh_ephemeral[TW_KEY_SIZE],
                               const uint8_t dh_static[TW_KEY_SIZE], const uint8_t psk[TW_KEY_SIZE],
                               const uint8_t transcript[TW_HASH_SIZE]);

/* Expands a phase secret into a ready packet key. */
void tw_packet_key_expand(struct tw_aead_key *key, const struct tw_aead_backend *backend,
                          enum tw_suite suite, const uint8_t phase_secret[TW_KEY_SIZE]);

#endif
