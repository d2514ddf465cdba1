/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Stateless cookie: proof that a client receives at the address it sends from.
 *
 * First 16 bytes of HMAC-SHA256(key, address 16 ‖ port LE16 ‖ client ephemeral 32 ‖ time slot
 * LE32): 54 bytes, one hash block after the key. Keys are random per start, shared by all
 * workers and rotated every 60 s by the caller, who passes (key, slot) pairs; the previous pair
 * is accepted. Pure, any thread.
 *
 * A flood of hellos costs one such HMAC each: a key is made ready once (the hash of its two pads),
 * and a faster function than libsodium's may be put in.
 */
#ifndef TICKWIRE_DATAPLANE_WIRE_COOKIE_H
#define TICKWIRE_DATAPLANE_WIRE_COOKIE_H

#include "tickwire/address.h"
#include "tickwire/wire.h"

#include <stdbool.h>
#include <stdint.h>

#define TW_COOKIE_ROTATION_S 60u

/* What is hashed: address, port, ephemeral, slot. With SHA-256's 9 bytes of padding one block. */
#define TW_COOKIE_INPUT 54u
/* libsodium keeps two states of 104 bytes. */
#define TW_COOKIE_PREPARED_SIZE 208u

/* HMAC-SHA256 of TW_COOKIE_INPUT bytes. Prepared keys are secret as keys are. */
struct tw_cookie_hash {
    const char *name;
    void (*prepare)(uint8_t prepared[TW_COOKIE_PREPARED_SIZE], const uint8_t key[TW_KEY_SIZE]);
    void (*mac)(uint8_t mac[TW_HASH_SIZE], const uint8_t prepared[TW_COOKIE_PREPARED_SIZE],
                const uint8_t input[TW_COOKIE_INPUT]);
    /* Two at once, for less than twice the time; NULL: one after the other. */
    void (*mac_pair)(uint8_t macs[2][TW_HASH_SIZE], const uint8_t prepared[TW_COOKIE_PREPARED_SIZE],
                     const uint8_t inputs[2][TW_COOKIE_INPUT]);
};

/* The reference, always there. */
const struct tw_cookie_hash *tw_cookie_hash_sodium(void);

/* Zeroed: no key yet, libsodium's hash. keys[0] is current, keys[1] the previous one. */
struct tw_cookie_keys {
    const struct tw_cookie_hash *hash; /* set before the first key, then kept; NULL: libsodium's */
    struct {
        uint8_t prepared[TW_COOKIE_PREPARED_SIZE] __attribute__((aligned(16)));
        uint32_t slot;
        bool valid;
    } keys[2];
};

/* Installs a new current key for `slot`; the old current one becomes the previous. */
void tw_cookie_rotate(struct tw_cookie_keys *keys, const uint8_t key[TW_KEY_SIZE], uint32_t slot);

void tw_cookie_make(uint8_t cookie[TW_COOKIE_SIZE], const struct tw_cookie_keys *keys,
                    const struct tw_address *source, const uint8_t ephemeral[TW_KEY_SIZE]);

/* Whom a cookie is for. */
struct tw_cookie_client {
    const struct tw_address *source;
    const uint8_t *ephemeral; /* TW_KEY_SIZE */
};
void tw_cookie_make_pair(uint8_t cookies[2][TW_COOKIE_SIZE], const struct tw_cookie_keys *keys,
                         const struct tw_cookie_client clients[2]);

/* Constant time in the cookie's bytes. */
bool tw_cookie_check(const uint8_t cookie[TW_COOKIE_SIZE], const struct tw_cookie_keys *keys,
                     const struct tw_address *source, const uint8_t ephemeral[TW_KEY_SIZE])
    __attribute__((warn_unused_result));

#endif
