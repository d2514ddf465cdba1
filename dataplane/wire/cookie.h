/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Stateless cookie: proof that a client receives at the address it sends from.
 *
 * First 16 bytes of HMAC-SHA256(key, address 16 ‖ port LE16 ‖ client ephemeral 32 ‖ time slot
 * LE32): 54 bytes, one hash block after the key. Keys are random per start, shared by all
 * workers and rotated every 60 s by the caller, who passes (key, slot) pairs; the previous pair
 * is accepted. Pure, any thread.
 */
#ifndef TICKWIRE_DATAPLANE_WIRE_COOKIE_H
#define TICKWIRE_DATAPLANE_WIRE_COOKIE_H

#include "tickwire/address.h"
#include "tickwire/wire.h"

#include <stdbool.h>
#include <stdint.h>

#define TW_COOKIE_ROTATION_S 60u

/* keys[0] is current, keys[1] the previous one (all zero with `slot` 0: none yet). */
struct tw_cookie_keys {
    struct {
        uint8_t key[TW_KEY_SIZE];
        uint32_t slot;
        bool valid;
    } keys[2];
};

/* Installs a new current key for `slot`; the old current one becomes the previous. */
void tw_cookie_rotate(struct tw_cookie_keys *keys, const uint8_t key[TW_KEY_SIZE], uint32_t slot);

void tw_cookie_make(uint8_t cookie[TW_COOKIE_SIZE], const struct tw_cookie_keys *keys,
                    const struct tw_address *source, const uint8_t ephemeral[TW_KEY_SIZE]);

/* Constant time in the cookie's bytes. */
bool tw_cookie_check(const uint8_t cookie[TW_COOKIE_SIZE], const struct tw_cookie_keys *keys,
                     const struct tw_address *source, const uint8_t ephemeral[TW_KEY_SIZE])
    __attribute__((warn_unused_result));

#endif
