/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Pieces of handshake packets that both ends compute. For handshake*.c and their tests; everyone
 * else uses handshake.h and handshake_client.h. Pure, any thread.
 */
#ifndef TICKWIRE_DATAPLANE_WIRE_HANDSHAKE_PARTS_H
#define TICKWIRE_DATAPLANE_WIRE_HANDSHAKE_PARTS_H

#include "tickwire/wire.h"

#include <stdbool.h>
#include <stdint.h>

/* packet[TW_HEADER_SIZE] is the header of a handshake packet of this type: all else zero. */
bool tw_handshake_header_check(const uint8_t *packet, enum tw_handshake_type type);
void tw_handshake_header_write(uint8_t *packet, enum tw_handshake_type type);

/* Bytes 0..TW_WELCOME_CLEAR-1 of a welcome: header and both ephemeral keys. */
void tw_welcome_clear_write(uint8_t *out, const uint8_t *client_ephemeral,
                            const uint8_t *server_ephemeral);

/* HMAC(psk, hello2[0..TW_HELLO2_BINDER-1]). */
void tw_binder_make(uint8_t binder[TW_HASH_SIZE], const uint8_t *hello2,
                    const uint8_t psk[TW_KEY_SIZE]);

/* HMAC(psk, refused[0..TW_REFUSED_MAC-1] ‖ SHA-256(hello2[0..TW_HELLO2_SIGNED-1])). */
void tw_refused_mac_make(uint8_t mac[TW_HASH_SIZE], const uint8_t *refused, const uint8_t *hello2,
                         const uint8_t psk[TW_KEY_SIZE]);

#endif
